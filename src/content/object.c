/* Objects: lists of chunks with a row each, and how their bytes are read again.
 *
 * References are counted per chunk: one for every place in the list of an object, and one for every
 * staged block. A chunk that counts none and was not touched for a day may be collected. */
#include "content/content_private.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Large enough that calls do not count. */
#define COPY_BYTES (256 * KIB)

/* Over the list of hashes, not over the bytes: it names the same content by the same chunks,
 * without reading any. */
void object_hash(struct str chunks, char out[HASH_CHARS + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (chunks.len == HASH_CHARS) { /* one chunk: its hash is the content's */
        snprintf(out, HASH_CHARS + 1, "%.*s", STR_ARG(chunks));
        return;
    }
    int done = EVP_Digest(chunks.ptr, chunks.len, digest, &size, EVP_sha256(), NULL);
    assert(done == 1 && size * 2 == HASH_CHARS);
    content_hex(digest, size, out);
}

/* An empty list stands for the one chunk that is the whole. */
static struct str object_chunks(const struct content_object *object)
{
    return object->chunks.len ? object->chunks : str_from(object->hash);
}

/* References are counted per chunk, so that two objects may share one. */
int object_count(struct store_txn *txn, struct str chunks, int change, int64_t touch_us,
                 struct error *err)
{
    struct str hash;

    assert(chunks.len);
    while (str_split(&chunks, ' ', &hash)) {
        struct sql *q = sql(txn,
                            "UPDATE chunk SET refs = refs + ?, touched_us = CASE WHEN ? > 0"
                            " THEN ? ELSE touched_us END WHERE hash = ?",
                            err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, change);
        sql_bind_int(q, 2, touch_us);
        sql_bind_int(q, 3, touch_us);
        sql_bind_text(q, 4, hash);
        if (sql_run(q, err) < 0)
            return -1;
        if (sql_changes(txn) != 1)
            return error_set(err, ERROR_CORRUPT, "", "A chunk has lost its row.");
    }
    return 0;
}

/* Chunks that a writer made are all full but the last. */
int object_touch(struct store_txn *txn, const struct content_object *object, struct error *err)
{
    int64_t now_us = clock_now_us();
    struct str rest = object_chunks(object), hash;
    int64_t left = object->size;

    while (str_split(&rest, ' ', &hash)) {
        struct sql *q = sql(txn,
                            "INSERT INTO chunk (hash, size, refs, touched_us)"
                            " VALUES (?, ?, 0, ?) ON CONFLICT (hash) DO UPDATE SET"
                            " touched_us = excluded.touched_us",
                            err);
        int64_t size = left < (int64_t)CONTENT_CHUNK_BYTES ? left : (int64_t)CONTENT_CHUNK_BYTES;
        if (!q)
            return -1;
        sql_bind_text(q, 1, hash);
        sql_bind_int(q, 2, size);
        sql_bind_int(q, 3, now_us);
        if (sql_run(q, err) < 0)
            return -1;
        left -= size;
    }
    assert(left == 0);
    return 0;
}

/* Says so in *out_found when the object is there already, touches it and learns an md5 from it. */
static int object_find(struct store_txn *txn, struct content_object *object, bool *out_found,
                       struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE object SET touched_us = ?, md5 = COALESCE(md5, ?)"
                        " WHERE hash = ? RETURNING object, md5",
                        err);

    if (!q)
        return -1;
    assert(strlen(object->hash) == HASH_CHARS);
    sql_bind_int(q, 1, clock_now_us());
    sql_bind_text_or_null(q, 2, str_from(object->md5));
    sql_bind_text(q, 3, str_from(object->hash));
    bool found = sql_step(q) > 0;
    if (found) {
        object->object = sql_int(q, 0);
        snprintf(object->md5, sizeof(object->md5), "%.*s", STR_ARG(sql_peek(q, 1)));
    }
    *out_found = found;
    return sql_end(q, err);
}

/* The same bytes twice are one object: an upload that is repeated costs a row of its name and
 * nothing else. */
int object_insert(struct store_txn *txn, struct content_object *object, struct error *err)
{
    int64_t now_us = clock_now_us();
    struct str chunks = object_chunks(object);
    bool found = false;

    assert(object->size >= 0);
    if (object_find(txn, object, &found, err) < 0)
        return -1;
    if (found) /* a chunk that is used again may not go meanwhile */
        return object_count(txn, chunks, 0, now_us, err);
    struct sql *q = sql(txn,
                        "INSERT INTO object (hash, size, md5, sha256, chunks, touched_us)"
                        " VALUES (?, ?, ?, ?, ?, ?) RETURNING object",
                        err);
    if (!q)
        return -1;
    bool one = chunks.len == HASH_CHARS;
    sql_bind_text(q, 1, str_from(object->hash));
    sql_bind_int(q, 2, object->size);
    sql_bind_text_or_null(q, 3, str_from(object->md5));
    sql_bind_text_or_null(q, 4, one ? chunks : (struct str){0});
    sql_bind_text(q, 5, chunks);
    sql_bind_int(q, 6, now_us);
    if (sql_step(q) > 0)
        object->object = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    return object_count(txn, chunks, 1, now_us, err);
}

/* The same content is one object, whoever brought it. */
int content_keep(struct store_txn *txn, struct content_object *object, struct error *err)
{
    assert(strlen(object->hash) == HASH_CHARS);
    if (object_touch(txn, object, err) < 0)
        return -1;
    return object_insert(txn, object, err);
}

/* The list of chunks with it, as one text: an object is read far more often than it is made. */
int content_object_get(struct store_txn *txn, int64_t object, struct content_object *out,
                       struct error *err)
{
    struct sql *q = sql(txn, "SELECT hash, md5, size, chunks FROM object WHERE object = ?", err);

    if (!q)
        return -1;
    assert(object >= 0);
    sql_bind_int(q, 1, object);
    bool found = sql_step(q) > 0;
    if (found) {
        *out = (struct content_object){.object = object, .size = sql_int(q, 2)};
        snprintf(out->hash, sizeof(out->hash), "%.*s", STR_ARG(sql_peek(q, 0)));
        snprintf(out->md5, sizeof(out->md5), "%.*s", STR_ARG(sql_peek(q, 1)));
        out->chunks = sql_text(q, 3);
    }
    if (sql_end(q, err) < 0)
        return -1;
    return found ? 0 : error_set(err, ERROR_NOT_FOUND, "", "The object is not there.");
}

/* The chunks of one behind those of the other: the bytes are on the disk, and stay where they are.
 */
int content_join(struct store_txn *txn, int64_t first, const struct content_object *second,
                 struct content_object *out, struct error *err)
{
    struct content_object before, joined = {0};

    assert(first > 0);
    if (content_object_get(txn, first, &before, err) < 0 || object_touch(txn, second, err) < 0)
        return -1;
    if (before.size == 0 || second->size == 0) {
        joined = before.size == 0 ? *second : before;
    } else {
        struct str head = object_chunks(&before), tail = object_chunks(second);
        joined.size = before.size + second->size;
        joined.chunks = arena_printf(store_arena(txn), "%.*s %.*s", STR_ARG(head), STR_ARG(tail));
        object_hash(joined.chunks, joined.hash);
    }
    if (object_insert(txn, &joined, err) < 0)
        return -1;
    *out = joined;
    return 0;
}

/* --- Reading -------------------------------------------------------------------------------- */

/* Where the file system cannot share blocks between files. */
static int object_copy_slowly(int from, int to, struct error *err)
{
    char bytes[16 * KIB];
    ssize_t got;

    assert(from >= 0 && to >= 0);
    while ((got = fd_read_all(from, bytes, sizeof(bytes), err)) > 0)
        if (fd_write_all(to, (struct str){bytes, (size_t)got}, err) < 0)
            return -1;
    return got < 0 ? -1 : 0;
}

/* By the kernel where it can (some file systems share the blocks), else by hand from where it
 * stopped. */
static int object_copy(int from, int to, struct error *err)
{
    ssize_t got;

    do
        got = copy_file_range(from, NULL, to, NULL, COPY_BYTES * 64, 0);
    while (got > 0 || (got < 0 && errno == EINTR));
    if (got == 0)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT)
        return error_errno(err, errno, "An object cannot be put together");
    return object_copy_slowly(from, to, err);
}

/* Puts the chunks together under cache/objects/. Two that do it at once make the same file. */
static int object_join(struct content *content, const struct content_object *object,
                       struct content_temporary *to, struct error *err)
{
    struct str rest = object_chunks(object), hash;
    struct stat status;

    assert(rest.len > HASH_CHARS);
    if (chunk_temporary(content, to, err) < 0)
        return -1;
    while (str_split(&rest, ' ', &hash)) {
        CLEANUP(fd_close) int from = chunk_open(content, hash, err);
        if (from < 0 || object_copy(from, to->fd, err) < 0)
            return -1;
    }
    if (fstat(to->fd, &status) < 0 || status.st_size != object->size)
        return error_set(err, ERROR_CORRUPT, object->hash, "Stored bytes are missing.");
    /* Synced, or a crash could leave the name with holes behind it. */
    if (fchmod(to->fd, 0444) < 0 || fd_sync(to->fd, err) < 0)
        return -1;
    if (renameat(content->tmp, to->name, content->cache, object->hash) < 0)
        return error_errno(err, errno, "An object cannot be put in its place");
    return 0;
}

/* One chunk is opened where it lies; several are put together once, in the cache under the object's
 * hash. Two who do so at once write the same bytes, and the later rename wins. */
int content_open_chunks(struct content *content, const struct content_object *object,
                        struct error *err)
{
    struct str chunks = object_chunks(object);
    struct content_temporary to = {.fd = -1};

    assert(strlen(object->hash) == HASH_CHARS);
    if (chunks.len == HASH_CHARS)
        return chunk_open(content, chunks, err);
    if (!file_exists(content->cache, object->hash)) {
        int joined = object_join(content, object, &to, err);
        if (joined < 0)
            chunk_temporary_drop(content, &to);
        fd_close(&to.fd);
        if (joined < 0)
            return -1;
    }
    return file_open_nolinks(content->cache, object->hash, O_RDONLY, 0, err);
}

/* As content_open_chunks, for who only has the row's number. */
int content_open_object(struct content *content, struct store_txn *txn, int64_t object,
                        struct error *err)
{
    struct content_object found;

    if (content_object_get(txn, object, &found, err) < 0)
        return -1;
    return content_open_chunks(content, &found, err);
}
