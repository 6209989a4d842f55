/* Collection of what nothing names. The row goes first and then the file, so that a crash between
 * leaves a file without a row, which the last step finds. Everything is looked at again in the
 * transaction that removes it. */
#include "content/content_private.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#define STEP 64    /* rows a transaction removes */
#define RANGE 1000 /* objects it looks at */
#define STAGED_KEEP_US (7 * CONTENT_KEEP_US)

/* One transaction's work. apply may run twice: it counts from zero each time. */
struct step {
    int64_t before_us;
    int64_t from; /* the objects looked at: [from, from + RANGE) */
    size_t count;
    char hashes[STEP][HASH_CHARS + 1]; /* of what was removed */
};

/* Uploads are kept longer than what nothing names: people pause them over a weekend. */
static int step_blocks(struct store_txn *txn, void *context, struct error *err)
{
    struct step *step = context;

    assert(step->before_us > 0);
    return block_expire(txn, step->before_us - STAGED_KEEP_US + CONTENT_KEEP_US, STEP, &step->count,
                        err);
}

/* An object that no blob names. */
struct unused {
    int64_t object;
    struct str hash, chunks;
};

/* The counts of its chunks fall with it, in the same transaction; the files go later, when a chunk
 * counts none. */
static int step_delete_object(struct store_txn *txn, const struct unused *unused, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM object WHERE object = ?", err);

    if (!q)
        return -1;
    assert(unused->object > 0);
    sql_bind_int(q, 1, unused->object);
    if (sql_run(q, err) < 0)
        return -1;
    return object_count(txn, unused->chunks, -1, 0, err);
}

/* Looked for again inside of the write: an object may have been named since the reader saw it. */
static int step_objects(struct store_txn *txn, void *context, struct error *err)
{
    struct step *step = context;
    struct unused unused[STEP];
    struct sql *q = sql(txn,
                        "SELECT object, hash, chunks FROM object WHERE object >= ? AND"
                        " object < ? AND touched_us < ? AND NOT EXISTS"
                        " (SELECT 1 FROM blob WHERE blob.object = object.object) LIMIT ?",
                        err);

    if (!q)
        return -1;
    step->count = 0;
    sql_bind_int(q, 1, step->from);
    sql_bind_int(q, 2, step->from + RANGE);
    sql_bind_int(q, 3, step->before_us);
    sql_bind_int(q, 4, STEP);
    while (sql_step(q) > 0)
        unused[step->count++] = (struct unused){sql_int(q, 0), sql_text(q, 1), sql_text(q, 2)};
    if (sql_end(q, err) < 0)
        return -1;
    for (size_t i = 0; i < step->count; i++) {
        snprintf(step->hashes[i], sizeof(step->hashes[i]), "%.*s", STR_ARG(unused[i].hash));
        if (step_delete_object(txn, &unused[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Those that count none and were not touched for a day: an upload that found its chunk there a
 * moment ago has touched it. */
static int step_chunks(struct store_txn *txn, void *context, struct error *err)
{
    struct step *step = context;
    struct sql *q = sql(txn,
                        "DELETE FROM chunk WHERE hash IN (SELECT hash FROM chunk WHERE"
                        " refs = 0 AND touched_us < ? LIMIT ?) AND refs = 0 AND"
                        " touched_us < ? RETURNING hash",
                        err);

    if (!q)
        return -1;
    step->count = 0;
    sql_bind_int(q, 1, step->before_us);
    sql_bind_int(q, 2, STEP);
    sql_bind_int(q, 3, step->before_us);
    while (sql_step(q) > 0) {
        assert(step->count < STEP);
        snprintf(step->hashes[step->count++], HASH_CHARS + 1, "%.*s", STR_ARG(sql_peek(q, 0)));
    }
    return sql_end(q, err);
}

/* A file that has no row: left by a crash, or by a writer that never kept its object. */
struct orphans {
    struct content *content;
    struct store_txn *txn;
    int64_t before_us;
    struct content_collected *out;
};

/* One question for each file, by the reader: the folder is large and the rows that are missing are
 * few. */
static bool orphan_has_row(struct orphans *orphans, struct str hash)
{
    struct error err;
    struct sql *q = sql(orphans->txn, "SELECT 1 FROM chunk WHERE hash = ?", &err);

    if (!q)
        return true; /* when in doubt, it stays */
    sql_bind_text(q, 1, hash);
    int row = sql_step(q);
    return sql_end(q, &err) < 0 || row != 0;
}

/* A file without a row, and old: a writer renames before its row is made, so young ones are
 * left. */
static int orphan_visit(const struct dir_entry *entry, void *context, struct error *)
{
    struct orphans *orphans = context;
    char hash[HASH_CHARS + 1];

    if (!S_ISREG(entry->status.st_mode) || entry->path.len != HASH_CHARS ||
        entry->status.st_mtim.tv_sec >= orphans->before_us / US_PER_S ||
        orphan_has_row(orphans, entry->path))
        return 0;
    snprintf(hash, sizeof(hash), "%.*s", STR_ARG(entry->path));
    int64_t bytes = chunk_remove(orphans->content, hash, orphans->before_us);
    orphans->out->bytes += bytes;
    orphans->out->files += bytes > 0;
    return 0;
}

/* Folder by folder, with a snapshot of its own each. */
static int collect_orphans(struct content *content, int64_t before_us,
                           struct content_collected *out, struct error *err)
{
    for (unsigned i = 0; i < 256 && !store_winds_down(content->store); i++) {
        CLEANUP(store_read_end) struct store_txn *txn = NULL;
        CLEANUP(fd_close) int folder = -1;
        char name[3];
        snprintf(name, sizeof(name), "%02x", i);
        if (!file_exists(content->chunks, name))
            continue;
        folder = dir_open_at(content->chunks, name, 0, err);
        txn = folder < 0 ? NULL : store_read_begin(content->store, err);
        struct orphans orphans = {content, txn, before_us, out};
        if (!txn || dir_walk(folder, orphan_visit, &orphans, err) < 0)
            return -1;
    }
    return 0;
}

/* The number after the newest object's. */
static int collect_end(struct content *content, int64_t *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(content->store, err);
    struct sql *q = txn ? sql(txn, "SELECT max(object) FROM object", err) : NULL;

    if (!q)
        return -1;
    int64_t last = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    if (sql_end(q, err) < 0)
        return -1;
    *out = last + 1;
    return 0;
}

/* What to remove from the tables, and how it then leaves the disk. */
struct sweep {
    store_apply *apply;
    void (*gone)(struct content *content, const struct step *step, struct content_collected *out);
};

/* Repeats until nothing more is found, or the server ends. */
static int collect_all(struct content *content, const struct sweep *sweep, struct step *step,
                       struct content_collected *out, struct error *err)
{
    assert(sweep->apply && sweep->gone);
    do {
        if (store_write(content->store, sweep->apply, step, err) < 0)
            return -1;
        sweep->gone(content, step, out);
    } while (step->count == STEP && !store_winds_down(content->store));
    return 0;
}

/* Rows were all there was; their bytes are the chunks' matter. */
static void gone_blocks(struct content *, const struct step *step, struct content_collected *out)
{
    out->blocks += step->count;
}

/* What the reply tells the operator: bytes as they count, not as they lie on the disk, since chunks
 * are shared. */
static void gone_objects(struct content *content, const struct step *step,
                         struct content_collected *out)
{
    out->objects += step->count;
    for (size_t i = 0; i < step->count; i++)
        unlinkat(content->cache, step->hashes[i], 0); /* if it was ever put together */
}

/* Files go after their rows, outside of the transaction. One that cannot be removed is an orphan,
 * found by the last step some other day. */
static void gone_chunks(struct content *content, const struct step *step,
                        struct content_collected *out)
{
    out->chunks += step->count;
    for (size_t i = 0; i < step->count; i++)
        out->bytes += chunk_remove(content, step->hashes[i], step->before_us);
}

static const struct sweep BLOCKS = {step_blocks, gone_blocks};
static const struct sweep OBJECTS = {step_objects, gone_objects};
static const struct sweep CHUNKS = {step_chunks, gone_chunks};

/* From names to bytes: blocks and objects drop their references first, so that their chunks can
 * go in the same run. */
int content_collect(struct content *content, struct content_collected *out, struct error *err)
{
    struct content_collected done = {0};
    struct step step = {.before_us = clock_now_us() - CONTENT_KEEP_US};
    int64_t end;

    if (collect_end(content, &end, err) < 0 || collect_all(content, &BLOCKS, &step, &done, err) < 0)
        return -1;
    for (step.from = 0; step.from < end && !store_winds_down(content->store); step.from += RANGE)
        if (collect_all(content, &OBJECTS, &step, &done, err) < 0)
            return -1;
    if (collect_all(content, &CHUNKS, &step, &done, err) < 0 ||
        collect_orphans(content, step.before_us, &done, err) < 0)
        return -1;
    *out = done;
    return 0;
}
