/* The two walks over whole trees of os/file.h; they never follow a link. Names of a folder are read
 * before anything is done with them, and in order, so that a walk over the same tree gives the
 * same. */
#include "os/file.h"

#include "os/fault.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One descriptor is open per level, so that a tree made to be deep cannot use them up. */
#define TREE_DEPTH_MAX 200

/* For CLEANUP. */
static void dirp_close(DIR **dirp)
{
    if (*dirp)
        closedir(*dirp);
    *dirp = NULL;
}

/* By bytes, whatever the locale. */
static int compare_names(const void *a, const void *b)
{
    assert(a && b);
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in an open folder, sorted. The descriptor stays the caller's. */
static int list_names(struct arena *arena, int dir, char ***out_names, size_t *out_count,
                      struct error *err)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(dirp_close) DIR *dirp = copy < 0 ? NULL : fdopendir(copy);
    char **names = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;

    if (!dirp)
        return error_errno(err, errno, "A folder cannot be read");
    while ((errno = 0, entry = readdir(dirp))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (count == room) {
            char **grown = arena_new_array(arena, char *, room ? 2 * room : 32);
            if (count)
                memcpy(grown, names, count * sizeof(*names));
            names = grown;
            room = room ? 2 * room : 32;
        }
        assert(count < room);
        names[count++] = arena_cstr(arena, str_from(entry->d_name));
    }
    if (errno)
        return error_errno(err, errno, "A folder cannot be read");
    if (count)
        qsort(names, count, sizeof(*names), compare_names);
    *out_names = names;
    *out_count = count;
    return 0;
}

/* One walk; the path grows and shrinks with the depth. */
struct walk {
    dir_visit *visit;
    void *context;
    struct buf path;
    unsigned depth;
};

static int walk_folder(struct walk *walk, int dir, struct error *err);

/* Visits one entry and, for a folder that the visitor did not skip, what is in it. */
static int walk_entry(struct walk *walk, int dir, const char *name, struct error *err)
{
    struct dir_entry entry = {0};

    if (fstatat(dir, name, &entry.status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "'%s' cannot be looked at", name);
    entry.path = buf_str(&walk->path);
    int answer = walk->visit(&entry, walk->context, err);
    assert(answer >= -1 && answer <= 1);
    if (answer < 0)
        return -1;
    if (answer == 1 || !S_ISDIR(entry.status.st_mode))
        return 0;
    CLEANUP(fd_close) int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0)
        return error_errno(err, errno, "The folder '%.*s' cannot be opened", STR_ARG(entry.path));
    return walk_folder(walk, sub, err);
}

/* All names are read first: what a visitor adds or removes does not disturb the walk. */
static int walk_folder(struct walk *walk, int dir, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB);
    char **names;
    size_t count;
    size_t base = walk->path.len;

    if (walk->depth == TREE_DEPTH_MAX)
        return error_set(err, ERROR_TOO_LARGE, "", "Folders are nested more than %d deep.",
                         TREE_DEPTH_MAX);
    if (list_names(arena, dir, &names, &count, err) < 0)
        return -1;
    walk->depth++;
    for (size_t i = 0; i < count; i++) {
        if (base)
            buf_add_char(&walk->path, '/');
        buf_add(&walk->path, str_from(names[i]));
        if (buf_ok(&walk->path, err) < 0 || walk_entry(walk, dir, names[i], err) < 0)
            return -1;
        assert(walk->path.len > base);
        walk->path.len = base;
    }
    walk->depth--;
    return 0;
}

/* Never follows a link, so a walk cannot leave its tree nor go in circles. */
int dir_walk(int dir, dir_visit *visit, void *context, struct error *err)
{
    CLEANUP(buf_free) struct buf path = buf_make(64 * KIB);
    struct walk walk = {.visit = visit, .context = context, .path = path};

    assert(visit);
    int result = walk_folder(&walk, dir, err);
    path = walk.path;
    return result;
}

static int remove_entry(int dir, const char *name, unsigned depth, struct error *err);

/* Names are read before any is removed: what readdir shows of a folder that changes under it is not
 * fixed. The depth is limited, as each level holds a descriptor. */
static int remove_content(int dir, unsigned depth, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB);
    char **names;
    size_t count;

    assert(depth <= TREE_DEPTH_MAX);
    if (depth == TREE_DEPTH_MAX)
        return error_set(err, ERROR_TOO_LARGE, "", "Folders are nested more than %d deep.",
                         TREE_DEPTH_MAX);
    if (list_names(arena, dir, &names, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (remove_entry(dir, names[i], depth, err) < 0)
            return -1;
    return 0;
}

/* Removes one name, a folder with all that is in it. */
static int remove_entry(int dir, const char *name, unsigned depth, struct error *err)
{
    struct stat status;

    assert(name && *name);
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "'%s' cannot be looked at", name);
    if (S_ISDIR(status.st_mode)) {
        /* Jobs leave folders without permissions for their owner; they are still ours to remove.
         * The name may have become a link since, and what that leads to is not. */
        bool closed = (status.st_mode & 0700) != 0700;
        if (closed && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
            return 0; /* of all else the opening tells */
        CLEANUP(fd_close)
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0)
            return error_errno(err, errno, "The folder '%s' cannot be opened", name);
        if (remove_content(sub, depth + 1, err) < 0)
            return -1;
    }
    if (unlinkat(dir, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
        return error_errno(err, errno, "'%s' cannot be removed", name);
    return 0;
}

/* What is not there is removed already. It is meant for folders that users' programs filled, so
 * modes are widened on the way and nothing is followed. */
int dir_remove_tree(int dir, const char *path, struct error *err)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    int number = fault_hit(FAULT_WRITE);

    if (number)
        return error_errno(err, number, "'%s' cannot be removed", path);
    if (!slash)
        return remove_entry(dir, path, 0, err);
    assert(slash != path);
    if ((size_t)(slash - path) >= sizeof(parent))
        return error_errno(err, ENAMETOOLONG, "'%s' cannot be removed", path);
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    struct error missing = {0};
    CLEANUP(fd_close) int folder = dir_open_at(dir, parent, 0, &missing);
    if (folder < 0 && missing.code == ERROR_NOT_FOUND)
        return 0;
    if (folder < 0)
        return error_pass(err, &missing);
    return remove_entry(folder, slash + 1, 0, err);
}
