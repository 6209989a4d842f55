/* compact.c - turns the tail of an owner into blocks, one series each
 *
 * Reading, sorting and encoding happen here, on a thread of its own, from a snapshot; the writer
 * only puts blocks in, takes rows out and corrects the summary's count. Slices are bounded, so that
 * the writer is held a few milliseconds. Losing a request is harmless: the next commit over the
 * limit asks again.
 */
#include "tracking/metric.h"
#include "tracking/tracking_private.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define COMPACT_QUEUE 1024

struct compactor {
    struct tracking *tracking;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool stop;
    int64_t owners[COMPACT_QUEUE];
    size_t count;
};

/* A block to be written. */
struct made {
    int64_t key;
    int64_t replaces; /* id of the short block it takes over, 0 for none */
    int64_t at_min, at_max;
    size_t n;
    struct str data;
    struct made *next;
};

/* One slice of one owner. */
struct slice {
    struct arena *arena;
    int64_t owner;
    int64_t seq; /* newest row taken */
    size_t rows;
    struct tail_point *points;
    size_t count, size;
    bool more;
    struct made *made;
};

/* Doubled, for a tail may hold a few points or tens of thousands. */
static void slice_add(struct slice *slice, const struct tail_point *point)
{
    if (slice->count == slice->size) {
        size_t size = slice->size * 2 + 4096;
        struct tail_point *grown = arena_new_array(slice->arena, struct tail_point, size);
        if (slice->count)
            memcpy(grown, slice->points, slice->count * sizeof *grown);
        slice->points = grown;
        slice->size = size;
    }
    slice->points[slice->count++] = *point;
}

/* Takes whole rows until about TAIL_POINTS_MAX points are together. */
static int slice_read(struct store_txn *txn, struct slice *slice, struct error *err)
{
    struct sql *q = sql(txn, "SELECT seq, data FROM tail WHERE run = ? ORDER BY seq", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, slice->owner);
    while (sql_step(q) > 0) {
        if (slice->count >= TAIL_POINTS_MAX) {
            slice->more = true;
            break;
        }
        struct tail_reader reader = tail_reader(sql_peek(q, 1));
        struct tail_point point;
        int got;
        while ((got = tail_next(&reader, &point)) > 0)
            slice_add(slice, &point);
        if (got < 0)
            return error_set(err, ERROR_CORRUPT, "tail", "A row of metric points cannot be read.");
        slice->seq = sql_int(q, 0);
        slice->rows++;
    }
    return sql_end(q, err);
}

/* By key, and within it in the order of histories. */
static int by_series(const void *a, const void *b)
{
    const struct tail_point *left = a, *right = b;
    const struct point x = {left->at_ms, left->step, left->source, left->value};
    const struct point y = {right->at_ms, right->step, right->source, right->value};

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return point_compare(&x, &y);
}

/* What a slice holds of one key. */
struct series {
    int64_t key;
    struct points points;
    int64_t replaces; /* the block whose points were taken along, 0 for none */
};

/* Takes the points of the series' newest block along when both fit into one: tails of single points
 * would otherwise leave blocks of 256. */
static int series_join(struct store_txn *txn, const struct slice *slice, struct series *series,
                       struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT id, n, data FROM block WHERE run = ? AND key = ?"
                        " ORDER BY at_min DESC LIMIT 1",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, slice->owner);
    sql_bind_int(q, 2, series->key);
    if (sql_step(q) > 0 && (size_t)sql_int(q, 1) + series->points.count <= BLOCK_POINTS_MAX) {
        struct str data = sql_peek(q, 2);
        size_t count = block_count(data);
        if (block_decode(data, points_reserve(&series->points, count), err) < 0)
            return -1;
        series->points.count += count;
        series->replaces = sql_int(q, 0);
    }
    return sql_end(q, err);
}

/* In the order of time, cut into blocks; only the first can take the place of an older one. */
static int series_pack(struct store_txn *txn, struct slice *slice, struct series *series,
                       struct error *err)
{
    struct points *points = &series->points;

    if (series_join(txn, slice, series, err) < 0)
        return -1;
    points_order(points);
    for (size_t from = 0; from < points->count; from += BLOCK_POINTS_MAX) {
        size_t n =
            points->count - from < BLOCK_POINTS_MAX ? points->count - from : BLOCK_POINTS_MAX;
        struct made *made = arena_make(slice->arena, struct made);
        *made = (struct made){.key = series->key,
                              .replaces = from == 0 ? series->replaces : 0,
                              .at_min = points->at[from].at_ms,
                              .at_max = points->at[from + n - 1].at_ms,
                              .n = n,
                              .data = block_encode(slice->arena, points->at + from, n),
                              .next = slice->made};
        slice->made = made;
    }
    return 0;
}

/* One series after the other, so that only one of them is in memory twice. */
static int slice_pack(struct store_txn *txn, struct slice *slice, struct error *err)
{
    if (slice->count == 0)
        return 0;
    qsort(slice->points, slice->count, sizeof *slice->points, by_series);
    for (size_t from = 0; from < slice->count;) {
        struct series series = {.key = slice->points[from].key};
        for (; from < slice->count && slice->points[from].key == series.key; from++) {
            const struct tail_point *point = &slice->points[from];
            *points_reserve(&series.points, 1) =
                (struct point){point->at_ms, point->step, point->source, point->value};
            series.points.count++;
        }
        int packed = series_pack(txn, slice, &series, err);
        points_free(&series.points);
        if (packed < 0)
            return -1;
    }
    return 0;
}

/* A block that replaces another comes in the same write: a reader sees one or the other, never
 * both. */
static int made_write(struct store_txn *txn, int64_t owner, const struct made *made,
                      struct error *err)
{
    if (made->replaces) {
        struct sql *gone = sql(txn, "DELETE FROM block WHERE id = ?", err);
        if (!gone)
            return -1;
        sql_bind_int(gone, 1, made->replaces);
        if (sql_run(gone, err) < 0)
            return -1;
    }
    struct sql *q = sql(txn,
                        "INSERT INTO block (run, key, at_min, at_max, n, data)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    sql_bind_int(q, 2, made->key);
    sql_bind_int(q, 3, made->at_min);
    sql_bind_int(q, 4, made->at_max);
    sql_bind_int(q, 5, (int64_t)made->n);
    sql_bind_blob(q, 6, made->data);
    return sql_run(q, err);
}

/* Rows up to the slice's end that are still there; another server may have packed them. */
static int rows_left(struct store_txn *txn, const struct slice *slice, int64_t *out,
                     struct error *err)
{
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM tail WHERE run = ? AND seq <= ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, slice->owner);
    sql_bind_int(q, 2, slice->seq);
    *out = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    return sql_end(q, err);
}

/* What was read from a snapshot is only written when the rows are still there as they were: a run
 * that was deleted, or packed by another server, leaves nothing to do. */
static int slice_write(struct store_txn *txn, void *context, struct error *err)
{
    const struct slice *slice = context;
    struct summary summary;
    int64_t left;

    if (rows_left(txn, slice, &left, err) < 0)
        return -1;
    if ((size_t)left != slice->rows)
        return error_set(err, ERROR_CONFLICT, "tail", "The tail was packed by somebody else.");
    if (metric_summary(txn, slice->owner, &summary, err) < 0)
        return -1;
    for (const struct made *made = slice->made; made; made = made->next)
        if (made_write(txn, slice->owner, made, err) < 0)
            return -1;
    struct sql *q = sql(txn, "DELETE FROM tail WHERE run = ? AND seq <= ?", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, slice->owner);
    sql_bind_int(q, 2, slice->seq);
    if (sql_run(q, err) < 0)
        return -1;
    summary.tail_rows -= summary.tail_rows < slice->rows ? summary.tail_rows : slice->rows;
    summary.tail_points -= summary.tail_points < slice->count ? summary.tail_points : slice->count;
    return metric_summary_put(txn, slice->owner, &summary, err);
}

/* One slice; 1 when there is more to do, 0 when not, -1 failed. */
static int compact_slice(struct tracking *tracking, int64_t owner, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct slice slice = {.arena = arena, .owner = owner};
    {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(tracking->store, err);
        if (!txn || slice_read(txn, &slice, err) < 0 || slice_pack(txn, &slice, err) < 0)
            return -1;
    }
    if (slice.rows == 0)
        return 0;
    if (store_write(tracking->store, slice_write, &slice, err) < 0)
        return -1;
    return slice.more ? 1 : 0;
}

/* The owner stays in the queue while it is packed, so that asking again meanwhile is cheap; what
 * comes in later is over the limit at the next commit. */
static void *compact_loop(void *context)
{
    struct compactor *compactor = context;

    pthread_mutex_lock(&compactor->lock);
    while (!compactor->stop) {
        if (compactor->count == 0) {
            pthread_cond_wait(&compactor->asked, &compactor->lock);
            continue;
        }
        int64_t owner = compactor->owners[0];
        pthread_mutex_unlock(&compactor->lock);
        while (!store_winds_down(compactor->tracking->store) &&
               compact_slice(compactor->tracking, owner, NULL) > 0)
            continue;
        pthread_mutex_lock(&compactor->lock);
        compactor->count--;
        memmove(compactor->owners, compactor->owners + 1, compactor->count * sizeof(int64_t));
    }
    pthread_mutex_unlock(&compactor->lock);
    return NULL;
}

/* Without memory or a thread at the start there is no server to run. */
struct compactor *compactor_new(struct tracking *tracking)
{
    struct compactor *compactor = calloc(1, sizeof *compactor);

    if (!compactor)
        abort();
    compactor->tracking = tracking;
    pthread_mutex_init(&compactor->lock, NULL);
    pthread_cond_init(&compactor->asked, NULL);
    if (pthread_create(&compactor->thread, NULL, compact_loop, compactor) != 0)
        abort();
    return compactor;
}

/* Waits for the slice at hand alone: the rest of the queue is asked for again. */
void compactor_free(struct compactor **compactor)
{
    struct compactor *it = *compactor;

    if (!it)
        return;
    pthread_mutex_lock(&it->lock);
    it->stop = true;
    pthread_cond_signal(&it->asked);
    pthread_mutex_unlock(&it->lock);
    pthread_join(it->thread, NULL);
    pthread_cond_destroy(&it->asked);
    pthread_mutex_destroy(&it->lock);
    free(it);
    *compactor = NULL;
}

/* A full queue forgets the request, as the head of this file allows. */
void compactor_ask(struct compactor *compactor, int64_t owner)
{
    assert(owner != 0);
    pthread_mutex_lock(&compactor->lock);
    bool known = compactor->count == COMPACT_QUEUE;
    for (size_t i = 0; i < compactor->count && !known; i++)
        known = compactor->owners[i] == owner;
    if (!known) {
        compactor->owners[compactor->count++] = owner;
        pthread_cond_signal(&compactor->asked);
    }
    pthread_mutex_unlock(&compactor->lock);
}
