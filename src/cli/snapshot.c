/* snapshot.c - A folder in the order of its bytes, and one hash over names and content, the same
 * that other clients of the service make: what one of them sent, none sends again. */
#include "cli/snapshot.h"
#include "base/buf.h"
#include "cli/ignore.h"
#include "cli/progress.h"
#include "os/file.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE_BYTES (300L * 1024 * 1024)
#define LARGE_FILES 2000
#define IGNORE_FILE_MAX MIB

struct walk {
    struct cli *cli;
    struct snapshot *snapshot;
    struct ignore *ignore;
    size_t size;
};

/* Only what can be read later is counted: sizes are told by the walk. */
static int add_file(struct walk *walk, struct str path, int64_t size)
{
    struct snapshot *snapshot = walk->snapshot;

    assert(path.len > 0 && size >= 0);
    if (snapshot->count == walk->size) {
        walk->size = walk->size ? walk->size * 2 : 64;
        struct snapshot_file *larger =
            arena_new_array(walk->cli->arena, struct snapshot_file, walk->size);
        for (size_t i = 0; i < snapshot->count; i++)
            larger[i] = snapshot->files[i];
        snapshot->files = larger;
    }
    snapshot->files[snapshot->count++] =
        (struct snapshot_file){arena_str(walk->cli->arena, path), size};
    snapshot->bytes += size;
    return 0;
}

/* A link counts as what it leads to when that is a file of the same tree. */
static int visit_link(struct walk *walk, struct str path)
{
    struct error ignored;
    struct stat status;
    CLEANUP(fd_close)
    int fd = file_open(walk->snapshot->dir, arena_cstr(walk->cli->arena, path),
                       O_RDONLY | O_NONBLOCK, 0, &ignored);

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return add_file(walk, path, status.st_size);
    cli_warn(walk->cli, "the link %.*s leads out of the folder or to no file and is left out",
             STR_ARG(path));
    return 0;
}

/* Folders that a rule leaves out are not entered. */
static int visit(const struct dir_entry *entry, void *context, struct error *err)
{
    struct walk *walk = context;
    bool is_folder = S_ISDIR(entry->status.st_mode);

    assert(entry->path.len > 0);
    if (walk->ignore && ignore_matches(walk->ignore, entry->path, is_folder)) {
        walk->snapshot->ignored++;
        return 1;
    }
    if (is_folder)
        return 0;
    if (S_ISLNK(entry->status.st_mode))
        return visit_link(walk, entry->path);
    if (S_ISREG(entry->status.st_mode))
        return add_file(walk, entry->path, entry->status.st_size);
    cli_warn(walk->cli, "%.*s is no regular file and is left out", STR_ARG(entry->path));
    return 0;
}

/* .amlignore counts, else .gitignore. */
static void read_rules(struct cli *cli, struct ignore *ignore, int dir, struct str base)
{
    struct error ignored;
    struct str text;

    if (file_read(cli->arena, dir, ".amlignore", IGNORE_FILE_MAX, &text, &ignored) == 0 ||
        file_read(cli->arena, dir, ".gitignore", IGNORE_FILE_MAX, &text, &ignored) == 0)
        ignore_add(cli->arena, ignore, text, base);
}

/* Rules of the folders above, up to the root of a repository. The farthest come first, so that
 * nearer ones win; without a repository none above the folder itself count. */
static void rules_above(struct cli *cli, struct ignore *ignore, struct str root)
{
    struct str folders[64];
    size_t count = 0;
    bool found = false;

    for (struct str at = root; at.len > 1 && count < COUNT(folders) && !found;) {
        ssize_t slash = str_find_last(at, '/');
        at = arena_str(cli->arena, str_slice(at, 0, (size_t)slash));
        folders[count++] = at;
        struct str marker = arena_printf(cli->arena, "%.*s/.git", STR_ARG(at));
        found = access(marker.ptr, F_OK) == 0;
    }
    while (found && count-- > 0) {
        struct error ignored;
        CLEANUP(fd_close)
        int dir = dir_open(folders[count].len ? folders[count].ptr : "/", &ignored);
        if (dir >= 0)
            read_rules(cli, ignore, dir, str_slice(root, folders[count].len + 1, root.len));
    }
}

/* Bytes, not letters: the order of the hash must not depend on a locale. */
static int by_path(const void *a, const void *b)
{
    const struct snapshot_file *left = a, *right = b;
    size_t shorter = left->path.len < right->path.len ? left->path.len : right->path.len;

    assert(a && b);
    for (size_t i = 0; i < shorter; i++) {
        int x = tolower((unsigned char)left->path.ptr[i]),
            y = tolower((unsigned char)right->path.ptr[i]);
        if (x != y)
            return x - y;
    }
    return (left->path.len > right->path.len) - (left->path.len < right->path.len);
}

/* The sum over all files, and room for a piece of one. */
struct hashing {
    EVP_MD_CTX *sum;
    char *piece;
};

/* Name and bytes: a file that moved is another snapshot. */
static int hash_file(struct cli *cli, const struct snapshot *snapshot,
                     const struct snapshot_file *file, struct hashing *hashing, struct error *err)
{
    CLEANUP(fd_close)
    int fd = file_open(snapshot->dir, arena_cstr(cli->arena, file->path), O_RDONLY, 0, err);
    ssize_t got;

    assert(hashing->sum && hashing->piece);
    if (fd < 0)
        return -1;
    while ((got = fd_read_all(fd, hashing->piece, MIB, err)) > 0)
        EVP_DigestUpdate(hashing->sum, hashing->piece, (size_t)got);
    return got < 0 ? -1 : 0;
}

static void free_sum(EVP_MD_CTX **sum)
{
    assert(sum);
    EVP_MD_CTX_free(*sum);
}

/* In hex. */
static struct str end_sum(struct arena *arena, EVP_MD_CTX *sum)
{
    char hex[65];
    unsigned char bytes[32];
    unsigned size = 0;

    EVP_DigestFinal_ex(sum, bytes, &size);
    assert(size == sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return arena_str(arena, str_from(hex));
}

/* Count, then "#path#size" of each, then all bytes: the Python client's scheme 202208, so that both
 * find each other's uploads. */
static int hash_all(struct cli *cli, struct snapshot *snapshot, struct error *err)
{
    CLEANUP(free_sum) EVP_MD_CTX *sum = EVP_MD_CTX_new();
    char *piece = arena_alloc(cli->arena, MIB);
    struct str text = arena_printf(cli->arena, "%zu", snapshot->count);

    struct hashing hashing = {sum, piece};
    assert(sum);
    EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
    EVP_DigestUpdate(sum, text.ptr, text.len);
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_file *file = &snapshot->files[i];
        text = arena_printf(cli->arena, "#%.*s#%lld", STR_ARG(file->path), (long long)file->size);
        EVP_DigestUpdate(sum, text.ptr, text.len);
    }
    for (size_t i = 0; i < snapshot->count; i++)
        if (hash_file(cli, snapshot, &snapshot->files[i], &hashing, err) < 0)
            return -1;
    snapshot->hash = end_sum(cli->arena, sum);
    return 0;
}

/* A slash before every other character: a folder's files stay together, as in a walk. */
static int by_walk(const void *a, const void *b)
{
    const struct snapshot_file *left = a, *right = b;
    size_t shorter = left->path.len < right->path.len ? left->path.len : right->path.len;

    assert(a && b);
    for (size_t i = 0; i < shorter; i++) {
        int x = tolower((unsigned char)left->path.ptr[i]),
            y = tolower((unsigned char)right->path.ptr[i]);
        if (x != y)
            return x == '/' ? -1 : y == '/' ? 1 : x - y;
    }
    return (left->path.len > right->path.len) - (left->path.len < right->path.len);
}

/* The names of the folders that a walk enters between two files, then the file's own. */
static void hash_names(EVP_MD_CTX *sum, struct str before, struct str path)
{
    size_t same = 0;

    assert(path.len > 0);
    for (size_t i = 0; i < path.len && i < before.len && path.ptr[i] == before.ptr[i]; i++)
        if (path.ptr[i] == '/')
            same = i + 1;
    struct str rest = str_slice(path, same, path.len), piece;
    while (rest.len > 0 && str_split(&rest, '/', &piece))
        EVP_DigestUpdate(sum, piece.ptr, piece.len);
}

/* Names and bytes in the order of a walk. A file alone is its bytes, whatever its name. */
int snapshot_upload_hash(struct cli *cli, const struct snapshot *snapshot, struct str *out,
                         struct error *err)
{
    static const char SEED[] = "Initialize for october 2021 AML CLI version";
    CLEANUP(free_sum) EVP_MD_CTX *sum = EVP_MD_CTX_new();
    struct hashing hashing = {sum, arena_alloc(cli->arena, MIB)};
    struct snapshot_file *files =
        arena_new_array(cli->arena, struct snapshot_file, snapshot->count);

    assert(sum && snapshot->count > 0);
    memcpy(files, snapshot->files, snapshot->count * sizeof *files);
    qsort(files, snapshot->count, sizeof *files, by_walk);
    EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
    EVP_DigestUpdate(sum, SEED, sizeof SEED - 1);
    for (size_t i = 0; i < snapshot->count; i++) {
        if (!snapshot->is_file)
            hash_names(sum, i > 0 ? files[i - 1].path : STR(""), files[i].path);
        if (hash_file(cli, snapshot, &files[i], &hashing, err) < 0)
            return -1;
    }
    *out = end_sum(cli->arena, sum);
    return 0;
}

/* Names the five largest when the whole is large. */
static void warn_large(struct cli *cli, const struct snapshot *snapshot)
{
    const struct snapshot_file *largest[5] = {0};

    if (snapshot->bytes <= LARGE_BYTES && snapshot->count <= LARGE_FILES)
        return;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_file *one = &snapshot->files[i];
        for (size_t k = 0; k < COUNT(largest) && one; k++)
            if (!largest[k] || one->size > largest[k]->size) {
                const struct snapshot_file *smaller = largest[k];
                largest[k] = one;
                one = smaller;
            }
    }
    cli_warn(cli, "%.*s holds %zu files, %.*s; an .amlignore keeps files at home. The largest:",
             STR_ARG(snapshot->name), snapshot->count,
             STR_ARG(progress_bytes(cli->arena, snapshot->bytes)));
    for (size_t k = 0; k < COUNT(largest) && largest[k]; k++)
        cli_note(cli, "  %10.*s  %.*s", STR_ARG(progress_bytes(cli->arena, largest[k]->size)),
                 STR_ARG(largest[k]->path));
}

/* Ignored folders are not entered: they may hold a hundred thousand files. */
static int take_folder(struct cli *cli, const char *real, bool rules, struct snapshot *out,
                       struct error *err)
{
    struct walk walk = {cli, out, NULL, 0};

    assert(real[0]);
    out->dir = dir_open(real, err);
    if (out->dir < 0)
        return -1;
    if (rules) {
        walk.ignore = ignore_new(cli->arena);
        rules_above(cli, walk.ignore, str_from(real));
        read_rules(cli, walk.ignore, out->dir, STR(""));
    }
    if (dir_walk(out->dir, visit, &walk, err) < 0)
        return -1;
    if (!out->count)
        return error_set(err, ERROR_INVALID, real, "The folder '%.*s' holds no file to send.",
                         STR_ARG(out->name));
    return 0;
}

/* The hash is that of the Python client: code that one has sent the other need not. */
int snapshot_take(struct cli *cli, struct str path, bool rules, struct snapshot *out,
                  struct error *err)
{
    CLEANUP(snapshot_close) struct snapshot made = {.dir = -1};
    char real[PATH_MAX];
    struct stat status;

    if (!realpath(arena_cstr(cli->arena, path), real) || stat(real, &status) < 0)
        return error_errno(err, errno, "'%.*s' cannot be read", STR_ARG(path));
    struct str whole = arena_str(cli->arena, str_from(real));
    ssize_t slash = str_find_last(whole, '/');
    made.name = str_slice(whole, (size_t)slash + 1, whole.len);
    made.is_file = S_ISREG(status.st_mode);
    if (made.is_file) {
        struct walk walk = {cli, &made, NULL, 0};
        made.dir =
            dir_open(slash ? arena_cstr(cli->arena, str_slice(whole, 0, (size_t)slash)) : "/", err);
        if (made.dir < 0)
            return -1;
        add_file(&walk, made.name, status.st_size);
    } else if (take_folder(cli, real, rules, &made, err) < 0) {
        return -1;
    }
    qsort(made.files, made.count, sizeof *made.files, by_path);
    if (hash_all(cli, &made, err) < 0)
        return -1;
    warn_large(cli, &made);
    *out = made;
    made.dir = -1;
    return 0;
}

void snapshot_close(struct snapshot *snapshot)
{
    assert(snapshot);
    fd_close(&snapshot->dir);
}
