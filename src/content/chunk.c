/* The order is what makes a crash harmless: file, sync, rename, sync of the folder, and only then
 * the row. A chunk without a row is found and removed by collection; a row without its chunk cannot
 * come to be. */
#include "content/content_private.h"

#include "os/fault.h"
#include "os/file.h"
#include "os/random.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Under a name that nobody chooses, on the file system of the chunks, so that the rename is one. */
int chunk_temporary(struct content *content, struct content_temporary *out, struct error *err)
{
    unsigned char chance[16];

    assert(content->tmp >= 0);
    random_bytes(chance, sizeof(chance));
    content_hex(chance, sizeof(chance), out->name);
    out->fd = file_open(content->tmp, out->name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
    return out->fd < 0 ? -1 : 0;
}

/* Also after the rename, when the name is gone: then there is nothing to do. */
void chunk_temporary_drop(struct content *content, struct content_temporary *temporary)
{
    if (temporary->fd < 0)
        return;
    fd_close(&temporary->fd);
    unlinkat(content->tmp, temporary->name, 0);
}

/* "ab/abcd…" */
struct chunk_path {
    char folder[3];
    char name[HASH_CHARS + 4];
};

/* Two letters make 256 folders: none gets so long that listing it hurts. */
static struct chunk_path chunk_path(const char *hash)
{
    struct chunk_path path;

    assert(strlen(hash) == HASH_CHARS);
    snprintf(path.folder, sizeof(path.folder), "%.2s", hash);
    snprintf(path.name, sizeof(path.name), "%.2s/%.64s", hash, hash);
    return path;
}

/* Its size is looked at as well: a file cut short by a power loss is not taken for the chunk. */
bool chunk_present(struct content *content, const char *hash, int64_t size)
{
    struct chunk_path path = chunk_path(hash);
    struct stat status;

    assert(size >= 0 && size <= (int64_t)CONTENT_CHUNK_BYTES);
    pthread_mutex_lock(&content->touch);
    bool there = fstatat(content->chunks, path.name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(status.st_mode) && status.st_size == size &&
                 utimensat(content->chunks, path.name, NULL, AT_SYMLINK_NOFOLLOW) == 0;
    pthread_mutex_unlock(&content->touch);
    if (!there)
        return false;
    /* Whoever placed it may not have come to sync the folder yet. */
    CLEANUP(fd_close) int folder = dir_open_at(content->chunks, path.folder, 0, NULL);
    return folder >= 0 && dir_sync(folder, NULL) == 0;
}

/* Sync, rename, sync of the folder: then, and only then, may a row name it. */
int chunk_place(struct content *content, struct content_temporary *temporary, const char *hash,
                struct error *err)
{
    struct chunk_path path = chunk_path(hash);
    bool new = !file_exists(content->chunks, path.folder);
    CLEANUP(fd_close) int folder = dir_open_at(content->chunks, path.folder, 0700, err);

    assert(temporary->fd >= 0);
    if (folder < 0 || (new && dir_sync(content->chunks, err) < 0))
        return -1;
    if (fchmod(temporary->fd, 0444) < 0)
        return error_errno(err, errno, "A chunk cannot be protected");
    if (fd_sync(temporary->fd, err) < 0)
        return -1;
    int number = fault_hit(FAULT_RENAME);
    if (!number && renameat(content->tmp, temporary->name, folder, hash) < 0)
        number = errno;
    if (number)
        return error_errno(err, number, "A chunk cannot be put in its place");
    fd_close(&temporary->fd); /* it has another name now: nothing to drop */
    return dir_sync(folder, err);
}

/* A chunk whose row is there and whose file is not is damage, not absence: the order of writing
 * rules it out. */
int chunk_open(struct content *content, struct str hash, struct error *err)
{
    char name[HASH_CHARS + 1];
    struct error why = {0};

    if (hash.len != HASH_CHARS)
        return error_set(err, ERROR_CORRUPT, "", "A list of chunks cannot be read.");
    snprintf(name, sizeof(name), "%.*s", STR_ARG(hash));
    int fd = file_open_nolinks(content->chunks, chunk_path(name).name, O_RDONLY, 0, &why);
    if (fd >= 0)
        return fd;
    if (why.code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_CORRUPT, name, "Stored bytes are missing.");
    if (err)
        *err = why;
    return -1;
}

/* -1 when it is not there. The size is what tells a torn copy of a folder from a whole one. */
int64_t chunk_size(struct content *content, struct str hash)
{
    char name[HASH_CHARS + 1];
    struct stat status;

    if (hash.len != HASH_CHARS)
        return -1;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(hash));
    if (fstatat(content->chunks, chunk_path(name).name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return status.st_size;
}

/* Bytes freed, 0 when it is not old enough or not there. */
int64_t chunk_remove(struct content *content, const char *hash, int64_t before_us)
{
    struct chunk_path path = chunk_path(hash);
    struct stat status;
    int64_t bytes = 0;

    assert(before_us > 0);
    pthread_mutex_lock(&content->touch);
    /* The empty chunk stays: an empty block list may be committed at any time. */
    if (fstatat(content->chunks, path.name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_size > 0 && status.st_mtim.tv_sec < before_us / US_PER_S &&
        unlinkat(content->chunks, path.name, 0) == 0)
        bytes = status.st_size;
    pthread_mutex_unlock(&content->touch);
    return bytes;
}
