/* Blocks arrive in parallel and in any order. Each is stored at once; committing a list of them is
 * rows only. */
#include "content/content_private.h"

#include "base/buf.h"
#include "os/clock.h"

#include <assert.h>

#define LIST_CAP_BYTES (64 * MIB)
#define PAGE 64

struct staged {
    struct str container, name, block_id;
    struct str chunks;
    int64_t size;
};

static int block_find(struct store_txn *txn, const struct content_block *block, struct staged *out,
                      bool *out_found, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT chunk, size FROM staged WHERE container = ? AND name = ? AND"
                        " block_id = ?",
                        err);

    if (!q)
        return -1;
    assert(block->container.len && block->block_id.ptr);
    sql_bind_text(q, 1, block->container);
    sql_bind_text(q, 2, block->name);
    sql_bind_text(q, 3, block->block_id);
    *out_found = sql_step(q) > 0;
    if (*out_found)
        *out = (struct staged){block->container, block->name, block->block_id, sql_text(q, 0),
                               sql_int(q, 1)};
    return sql_end(q, err);
}

/* Takes a staged row away; its chunks lose one reference. */
static int block_drop(struct store_txn *txn, const struct staged *staged, struct error *err)
{
    struct sql *q = sql(txn,
                        "DELETE FROM staged WHERE container = ? AND name = ? AND"
                        " block_id = ?",
                        err);

    if (!q)
        return -1;
    assert(staged->chunks.len);
    sql_bind_text(q, 1, staged->container);
    sql_bind_text(q, 2, staged->name);
    sql_bind_text(q, 3, staged->block_id);
    if (sql_run(q, err) < 0)
        return -1;
    return object_count(txn, staged->chunks, -1, 0, err);
}

int content_stage(struct store_txn *txn, const struct content_block *block,
                  const struct content_object *bytes, struct error *err)
{
    struct str chunks = bytes->chunks.len ? bytes->chunks : str_from(bytes->hash);
    struct staged before;
    bool found = false;

    if (block_find(txn, block, &before, &found, err) < 0 || object_touch(txn, bytes, err) < 0)
        return -1;
    /* The same id again replaces the block. */
    if (found && block_drop(txn, &before, err) < 0)
        return -1;
    assert(bytes->size >= 0);
    struct sql *q = sql(txn,
                        "INSERT INTO staged (container, name, block_id, chunk, size, at_us)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, block->container);
    sql_bind_text(q, 2, block->name);
    sql_bind_text(q, 3, block->block_id);
    sql_bind_text(q, 4, chunks);
    sql_bind_int(q, 5, bytes->size);
    sql_bind_int(q, 6, clock_now_us());
    if (sql_run(q, err) < 0)
        return -1;
    return object_count(txn, chunks, 1, 0, err);
}

/* Reads the chunks of every block named, in order. */
static int block_gather(struct store_txn *txn, const struct content_block_list *list,
                        struct buf *chunks, int64_t *out_size, struct error *err)
{
    int64_t size = 0;

    assert(list->block_ids || !list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct content_block block = {list->container, list->name, list->block_ids[i]};
        struct staged staged;
        bool found = false;
        if (block_find(txn, &block, &staged, &found, err) < 0)
            return -1;
        if (!found)
            return error_set(err, ERROR_INVALID, arena_cstr(store_arena(txn), block.block_id),
                             "The block '%.*s' was never staged.", STR_ARG(block.block_id));
        if (!staged.size) /* the empty chunk has no place in a list */
            continue;
        if (chunks->len)
            buf_add_char(chunks, ' ');
        buf_add(chunks, staged.chunks);
        size += staged.size;
    }
    *out_size = size;
    return buf_ok(chunks, err);
}

/* One page of rows in the order of their key, after `after`. */
static size_t block_page(struct sql *q, struct staged *out, size_t limit)
{
    size_t count = 0;

    while (count < limit && sql_step(q) > 0) {
        out[count++] = (struct staged){sql_text(q, 0), sql_text(q, 1), sql_text(q, 2),
                                       sql_text(q, 3), sql_int(q, 4)};
    }
    return count;
}

/* Those of the list and those that were never named in it: a commit ends the upload. */
static int block_drop_all(struct store_txn *txn, struct str container, struct str name,
                          struct error *err)
{
    struct staged page[PAGE];
    size_t count;

    do {
        struct sql *q = sql(txn,
                            "SELECT container, name, block_id, chunk, size FROM staged"
                            " WHERE container = ? AND name = ? LIMIT 64",
                            err);
        if (!q)
            return -1;
        sql_bind_text(q, 1, container);
        sql_bind_text(q, 2, name);
        count = block_page(q, page, PAGE);
        if (sql_end(q, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (block_drop(txn, &page[i], err) < 0)
                return -1;
    } while (count == PAGE);
    return 0;
}

/* Rows only: the bytes have been on the disk since each block came. */
int content_commit_blocks(struct store_txn *txn, const struct content_block_list *list,
                          struct content_object *out, struct error *err)
{
    CLEANUP(buf_free) struct buf chunks = buf_make(LIST_CAP_BYTES);
    struct content_object object = {0};

    if (block_gather(txn, list, &chunks, &object.size, err) < 0)
        return -1;
    object.chunks = arena_str(store_arena(txn), buf_str(&chunks));
    if (!object.size) { /* nothing: the empty chunk, which content_open made */
        object_hash((struct str){0}, object.hash);
        object.chunks = arena_str(store_arena(txn), str_from(object.hash));
        if (content_keep(txn, &object, err) < 0)
            return -1;
    } else {
        object_hash(object.chunks, object.hash);
        if (object_insert(txn, &object, err) < 0)
            return -1;
    }
    if (block_drop_all(txn, list->container, list->name, err) < 0)
        return -1;
    *out = object;
    return 0;
}

/* Uploads that nobody finished. */
int block_expire(struct store_txn *txn, int64_t before_us, size_t limit, size_t *out_count,
                 struct error *err)
{
    struct staged page[PAGE];
    struct sql *q = sql(txn,
                        "SELECT container, name, block_id, chunk, size FROM staged"
                        " WHERE at_us < ? ORDER BY at_us LIMIT ?",
                        err);

    if (!q)
        return -1;
    assert(limit <= PAGE);
    sql_bind_int(q, 1, before_us);
    sql_bind_int(q, 2, (int64_t)limit);
    size_t count = block_page(q, page, limit);
    if (sql_end(q, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (block_drop(txn, &page[i], err) < 0)
            return -1;
    *out_count = count;
    return 0;
}
