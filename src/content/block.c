/* Blocks arrive in parallel and in any order. Each is stored at once; committing a list of them is
 * rows only. */
#include "content/content_private.h"

#include "base/buf.h"
#include "os/clock.h"

#include <assert.h>

/* Of hashes: fifty thousand blocks, the most a list may name, of some chunks each. */
#define LIST_CAP_BYTES (64 * MIB)
#define PAGE 64

/* A block that waits to be named in a list. */
struct staged {
    struct str container, name, block_id;
    struct str chunks;
    int64_t size;
};

/* There is one of an id at most: clients send a block again when they do not know whether it came,
 * and the later bytes count. */
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

/* A block of the same id replaces the one before, and its bytes are no longer counted. The chunks
 * are counted from here on, so that collection leaves them until a list names them. */
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

/* A block that the blob has. */
static int committed_find(struct store_txn *txn, const struct content_block *block,
                          struct staged *out, bool *out_found, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT chunk, size FROM committed WHERE container = ? AND name = ? AND"
                        " block_id = ? LIMIT 1",
                        err);

    if (!q)
        return -1;
    assert(block->container.len);
    sql_bind_text(q, 1, block->container);
    sql_bind_text(q, 2, block->name);
    sql_bind_text(q, 3, block->block_id);
    *out_found = sql_step(q) > 0;
    if (*out_found)
        *out = (struct staged){block->container, block->name, block->block_id, sql_text(q, 0),
                               sql_int(q, 1)};
    return sql_end(q, err);
}

/* One that waits is newer than one of the same id that the blob has. */
static int block_pick(struct store_txn *txn, const struct content_block_list *list,
                      const struct content_pick *pick, struct staged *out, struct error *err)
{
    struct content_block block = {list->container, list->name, pick->block_id};
    bool found = false;

    assert(pick->from <= CONTENT_COMMITTED);
    if (pick->from != CONTENT_COMMITTED && block_find(txn, &block, out, &found, err) < 0)
        return -1;
    if (!found && pick->from != CONTENT_STAGED && committed_find(txn, &block, out, &found, err) < 0)
        return -1;
    if (found)
        return 0;
    return error_set(err, ERROR_INVALID, arena_cstr(store_arena(txn), block.block_id),
                     "The block '%.*s' was never staged.", STR_ARG(block.block_id));
}

/* Reads every block named, in order, and joins their chunks. */
static int block_gather(struct store_txn *txn, const struct content_block_list *list,
                        struct staged *blocks, struct buf *chunks, struct error *err)
{
    assert(list->picks || !list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (block_pick(txn, list, &list->picks[i], &blocks[i], err) < 0)
            return -1;
        if (!blocks[i].size) /* the empty chunk has no place in a list */
            continue;
        if (chunks->len)
            buf_add_char(chunks, ' ');
        buf_add(chunks, blocks[i].chunks);
    }
    return buf_ok(chunks, err);
}

/* Both lists at once: who deletes a blob does not want a later one of that name to find its
 * blocks. */
int block_forget(struct store_txn *txn, struct str container, struct str name, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM committed WHERE container = ? AND name = ?", err);

    if (!q)
        return -1;
    assert(container.len);
    sql_bind_text(q, 1, container);
    sql_bind_text(q, 2, name);
    return sql_run(q, err);
}

/* What the blob is made of from now on. */
static int block_remember(struct store_txn *txn, const struct content_block_list *list,
                          const struct staged *blocks, struct error *err)
{
    if (block_forget(txn, list->container, list->name, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        struct sql *q = sql(txn,
                            "INSERT INTO committed (container, name, position, block_id, chunk,"
                            " size) VALUES (?, ?, ?, ?, ?, ?)",
                            err);
        if (!q)
            return -1;
        sql_bind_text(q, 1, list->container);
        sql_bind_text(q, 2, list->name);
        sql_bind_int(q, 3, (int64_t)i);
        sql_bind_text(q, 4, blocks[i].block_id);
        sql_bind_text(q, 5, blocks[i].chunks);
        sql_bind_int(q, 6, blocks[i].size);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

/* Those that wait have no order yet: by their ids, as the service shows them. */
int content_blocks_each(struct store_txn *txn, const struct content_block_query *of,
                        content_block_each *each, void *context, struct error *err)
{
    struct sql *q = of->staged ? sql(txn,
                                     "SELECT block_id, size FROM staged WHERE container = ? AND"
                                     " name = ? ORDER BY block_id",
                                     err)
                               : sql(txn,
                                     "SELECT block_id, size FROM committed WHERE container = ? AND"
                                     " name = ? ORDER BY position",
                                     err);
    int result = 0;

    if (!q)
        return -1;
    assert(of->container.len && each);
    sql_bind_text(q, 1, of->container);
    sql_bind_text(q, 2, of->name);
    while (result == 0 && sql_step(q) > 0)
        result = each(sql_peek(q, 0), sql_int(q, 1), context, err);
    return sql_end(q, result < 0 ? NULL : err) < 0 ? -1 : result;
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
    struct staged *blocks = arena_new_array(store_arena(txn), struct staged, list->count + 1);
    struct content_object object = {0};

    if (block_gather(txn, list, blocks, &chunks, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        object.size += blocks[i].size;
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
    if (block_remember(txn, list, blocks, err) < 0 ||
        block_drop_all(txn, list->container, list->name, err) < 0)
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
