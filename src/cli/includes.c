/* The merge is made in a folder of its own, so that what is hashed and sent is exactly what was put
 * there: the same files give the same snapshot, wherever they came from. */
#include "cli/includes.h"
#include "cli/archive.h"
#include "cli/snapshot.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_there(struct cli *cli, struct str path)
{
    return access(arena_cstr(cli->arena, path), R_OK) == 0;
}

/* The folder of which "x.zip" is made; "" when it is a path of its own. */
static struct str folder_of(struct cli *cli, struct str path)
{
    struct str stem = str_slice(path, 0, path.len >= 4 ? path.len - 4 : 0);

    if (!str_ends(path, STR(".zip")) || is_there(cli, path) || !is_there(cli, stem))
        return STR("");
    return stem;
}

bool includes_there(struct cli *cli, struct str path)
{
    assert(path.len > 0);
    return is_there(cli, path) || folder_of(cli, path).len > 0;
}

/* Byte by byte, with the folders above it. */
static int copy_file(struct cli *cli, int source, int to, struct str target, struct error *err)
{
    ssize_t slash = str_find_last(target, '/');

    assert(source >= 0);
    if (slash > 0 &&
        dir_make(to, arena_cstr(cli->arena, str_slice(target, 0, (size_t)slash)), 0700, err) < 0)
        return -1;
    CLEANUP(fd_close)
    int made =
        file_open(to, arena_cstr(cli->arena, target), O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    return made < 0 ? -1 : archive_copy(cli, source, made, err);
}

/* All files of a snapshot below a name; "" is the root. */
static int copy_all(struct cli *cli, const struct snapshot *from, int to, struct str name,
                    struct error *err)
{
    assert(to >= 0);
    for (size_t i = 0; i < from->count; i++) {
        struct str path = from->files[i].path;
        struct str target =
            name.len ? arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(name), STR_ARG(path)) : path;
        CLEANUP(fd_close)
        int source = file_open(from->dir, arena_cstr(cli->arena, path), O_RDONLY, 0, err);
        if (source < 0 || copy_file(cli, source, to, target, err) < 0)
            return -1;
    }
    return 0;
}

/* The code folder itself, which is most of the snapshot. */
static int take_code(struct cli *cli, struct str path, int to, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot code = {.dir = -1};

    if (snapshot_take(cli, path, true, &code, err) < 0)
        return -1;
    return copy_all(cli, &code, to, STR(""), err);
}

/* A second of one name would hide the first. */
static int check_free(struct cli *cli, int to, struct str name, struct error *err)
{
    assert(name.len > 0);
    if (!file_exists(to, arena_cstr(cli->arena, name)))
        return 0;
    return error_set(err, ERROR_EXISTS, "additional_includes",
                     "The code has a file or folder '%.*s' already; what is included needs a name "
                     "of its own.",
                     STR_ARG(name));
}

/* A file or a folder under its own name, or an archive of a folder. */
static int take_one(struct cli *cli, struct str path, int to, struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot one = {.dir = -1};
    struct str folder = folder_of(cli, path);

    assert(to >= 0);
    if (snapshot_take(cli, folder.len ? folder : path, true, &one, err) < 0)
        return -1;
    struct str name =
        folder.len ? arena_printf(cli->arena, "%.*s.zip", STR_ARG(one.name)) : one.name;
    if (check_free(cli, to, name, err) < 0)
        return -1;
    if (!folder.len)
        return copy_all(cli, &one, to, one.is_file ? STR("") : name, err);
    CLEANUP(fd_close)
    int made = file_open(to, arena_cstr(cli->arena, name), O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    return made < 0 ? -1 : archive_write(cli, &one, made, err);
}

/* The code first: what is included gives way to it. */
static int fill(struct cli *cli, const struct includes *includes, const char *folder,
                struct error *err)
{
    CLEANUP(fd_close) int to = dir_open(folder, err);

    assert(folder);
    if (to < 0 || (includes->code.len && take_code(cli, includes->code, to, err) < 0))
        return -1;
    for (size_t i = 0; i < includes->count; i++)
        if (take_one(cli, includes->paths[i], to, err) < 0)
            return -1;
    return 0;
}

/* What was begun and failed leaves no folder behind. */
int includes_merge(struct cli *cli, const struct includes *includes, struct str *out_folder,
                   struct error *err)
{
    const char *base = getenv("TMPDIR");
    char *folder = arena_cstr(cli->arena, arena_printf(cli->arena, "%s/lazurite-XXXXXX",
                                                       base && base[0] ? base : "/tmp"));

    assert(includes->count > 0);
    if (!mkdtemp(folder))
        return error_errno(err, errno, "No temporary folder can be made in '%s'", folder);
    if (fill(cli, includes, folder, err) < 0) {
        includes_remove(cli, str_from(folder));
        return -1;
    }
    *out_folder = str_from(folder);
    return 0;
}

/* A folder that stays is a nuisance, not an error of the command. */
void includes_remove(struct cli *cli, struct str folder)
{
    ssize_t slash = str_find_last(folder, '/');

    if (!folder.len)
        return;
    CLEANUP(fd_close)
    int above = dir_open(arena_cstr(cli->arena, str_slice(folder, 0, (size_t)slash)), NULL);
    if (above >= 0)
        dir_remove_tree(
            above, arena_cstr(cli->arena, str_slice(folder, (size_t)slash + 1, folder.len)), NULL);
}
