/* A part of an object where it lies: who wants ten bytes of a gigabyte, or all of it once, need not
 * wait for its chunks to be put together, nor pay for them twice. */
#include "content/content_private.h"

#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Finding the start asks for the size of every chunk before it; with more than these the object is
 * put together once instead. */
#define CHUNKS_MAX 4096

/* Where the reading stands; the hashes are its own copy, as a reply outlives the transaction. */
struct content_parts {
    struct content *content;
    struct str rest; /* hashes, in `text` */
    int64_t skip;    /* of the chunk that comes */
    int whole;       /* the object in one file, or -1 */
    char text[];
};

/* Passes over chunks that lie before the offset. */
static int parts_seek(struct content_parts *parts, struct error *err)
{
    struct str rest = parts->rest, hash;

    assert(parts->skip >= 0);
    while (parts->skip > 0 && str_split(&rest, ' ', &hash)) {
        int64_t size = chunk_size(parts->content, hash);
        if (size < 0)
            return error_set(err, ERROR_CORRUPT, "", "Stored bytes are missing.");
        if (size > parts->skip)
            return 0;
        parts->skip -= size;
        parts->rest = rest;
    }
    return 0;
}

/* The first chunk is found by adding up sizes: a list of some thousands is walked faster than it
 * could be indexed. */
struct content_parts *content_parts_open(struct content *content,
                                         const struct content_object *object, int64_t offset,
                                         struct error *err)
{
    struct str chunks = object->chunks.len ? object->chunks : str_from(object->hash);
    size_t count = (chunks.len + 1) / (HASH_CHARS + 1);
    struct content_parts *parts = calloc(1, sizeof(*parts) + chunks.len + 1);

    assert(content && offset >= 0);
    if (!parts)
        abort();
    memcpy(parts->text, chunks.ptr, chunks.len);
    parts->content = content;
    parts->rest = (struct str){parts->text, chunks.len};
    parts->skip = offset;
    parts->whole = -1;
    bool together = count > CHUNKS_MAX || (count > 1 && file_exists(content->cache, object->hash));
    if (together)
        parts->whole = content_open_chunks(content, object, err);
    if (together ? parts->whole < 0 : parts_seek(parts, err) < 0)
        content_parts_free(&parts);
    return parts;
}

/* Takes NULL inside; also when a reply is cut short. */
void content_parts_free(struct content_parts **parts)
{
    if (!*parts)
        return;
    fd_close(&(*parts)->whole);
    free(*parts);
    *parts = NULL;
}

/* Each descriptor is the caller's. The sizes were fixed when the object was made, so a file of
 * another size is damage and ends the reply. */
int content_parts_next(struct content_parts *parts, int64_t *out_offset, int64_t *out_length,
                       struct error *err)
{
    struct stat status;
    struct str hash;
    int fd = parts->whole;

    parts->whole = -1;
    if (fd >= 0)
        parts->rest = (struct str){0};
    else if (parts->rest.len == 0 || !str_split(&parts->rest, ' ', &hash))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no more of the object.");
    else
        fd = chunk_open(parts->content, hash, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0 || status.st_size < parts->skip) {
        fd_close(&fd);
        return error_set(err, ERROR_CORRUPT, "", "Stored bytes are missing.");
    }
    *out_offset = parts->skip;
    *out_length = status.st_size - parts->skip;
    parts->skip = 0;
    return fd;
}
