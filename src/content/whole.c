/* The hash of an object is that of its chunks' hashes when it has several, since its blocks came in
 * any order and to read a gigabyte again at its commit would take too long. That of the whole is
 * made here, in the background, from one object to the next (decisions 19). */
#include "content/content_private.h"

#include "os/file.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE MIB

/* What was read, and what it is. */
struct whole {
    struct content_object object;
    char sha256[HASH_CHARS + 1];
};

static void free_sum(EVP_MD_CTX **sum)
{
    EVP_MD_CTX_free(*sum);
}

/* The next behind `after`: 1 found, 0 none, -1 failed. Its list of chunks lives in `arena`. */
static int next_unread(struct content *content, struct arena *arena, int64_t after,
                       struct content_object *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(content->store, err);
    struct sql *q = txn ? sql(txn,
                              "SELECT object FROM object WHERE sha256 IS NULL AND object > ?"
                              " ORDER BY object LIMIT 1",
                              err)
                        : NULL;
    int64_t object;

    assert(out);
    if (!q)
        return -1;
    sql_bind_int(q, 1, after);
    bool found = sql_step(q) > 0;
    if (found)
        object = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return 0;
    if (content_object_get(txn, object, out, err) < 0)
        return -1;
    out->chunks = arena_str(arena, out->chunks);
    return 1;
}

static int add_part(EVP_MD_CTX *sum, int fd, int64_t length, char *piece, struct error *err)
{
    assert(fd >= 0);
    while (length > 0) {
        ssize_t got = fd_read_all(fd, piece, length < (int64_t)PIECE ? (size_t)length : PIECE, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return error_set(err, ERROR_CORRUPT, "", "A stored file is shorter than it was.");
        EVP_DigestUpdate(sum, piece, (size_t)got);
        length -= got;
    }
    return 0;
}

/* 1 read to the end, 0 the server ends, -1 failed. */
static int read_whole(struct content *content, struct arena *arena, struct whole *whole,
                      struct error *err)
{
    CLEANUP(free_sum) EVP_MD_CTX *sum = EVP_MD_CTX_new();
    CLEANUP(content_parts_free)
    struct content_parts *parts = content_parts_open(content, &whole->object, 0, err);
    char *piece = arena_alloc(arena, PIECE);
    unsigned char bytes[HASH_CHARS / 2];
    int64_t left = whole->object.size;

    assert(whole->object.object > 0);
    if (!parts || !sum || !EVP_DigestInit_ex(sum, EVP_sha256(), NULL))
        return -1;
    while (left > 0) {
        int64_t offset, length;
        CLEANUP(fd_close) int fd = content_parts_next(parts, &offset, &length, err);
        if (fd < 0 || lseek(fd, offset, SEEK_SET) < 0 || add_part(sum, fd, length, piece, err) < 0)
            return -1;
        left -= length;
        if (store_winds_down(content->store))
            return 0;
    }
    EVP_DigestFinal_ex(sum, bytes, NULL);
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(whole->sha256 + 2 * i, 3, "%02x", bytes[i]);
    return 1;
}

/* The object may have gone meanwhile, which is fine. */
static int keep_whole(struct store_txn *txn, void *context, struct error *err)
{
    const struct whole *whole = context;
    struct sql *q = sql(txn, "UPDATE object SET sha256 = ? WHERE object = ?", err);

    if (!q)
        return -1;
    assert(whole->sha256[HASH_CHARS - 1]);
    sql_bind_text(q, 1, str_from(whole->sha256));
    sql_bind_int(q, 2, whole->object.object);
    return sql_run(q, err);
}

/* One that cannot be read is left for another day and does not keep the others; the first of such
 * errors is told in the end. */
int content_complete(struct content *content, size_t *out, struct error *err)
{
    int64_t after = 0;
    int found = 1;
    bool failed = false;

    assert(out);
    *out = 0;
    while (found > 0 && !store_winds_down(content->store)) {
        CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
        struct whole whole = {0};
        struct error why = {0};
        found = next_unread(content, arena, after, &whole.object, &why);
        after = whole.object.object;
        int read = found > 0 ? read_whole(content, arena, &whole, &why) : found;
        if (read > 0 && store_write(content->store, keep_whole, &whole, &why) < 0)
            read = -1;
        *out += read > 0;
        if (read < 0 && !failed && err)
            *err = why;
        failed |= read < 0;
    }
    return failed ? -1 : 0;
}
