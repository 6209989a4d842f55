/* One series, put together from its blocks and from the tail that is not packed yet. A client that
 * repeats a request whose answer it lost makes twins; they are dropped when all are sorted. */
#include "tracking/metric.h"

#include <assert.h>

/* The points are decoded where they will stay. */
static int history_block(struct points *points, struct str data, struct error *err)
{
    size_t count = block_count(data);

    if (block_decode(data, points_reserve(points, count), err) < 0)
        return -1;
    points->count += count;
    return 0;
}

/* Whether `limit` points are there already that no later block can precede. */
static bool history_enough(const struct points *points, const struct metric_range *range,
                           int64_t next_at_ms)
{
    size_t sure = 0;

    if (range->limit == 0 || points->count < range->limit)
        return false;
    for (size_t i = 0; i < points->count; i++)
        if (points->at[i].at_ms < next_at_ms &&
            (!range->after || point_compare(&points->at[i], range->after) > 0))
            sure++;
    /* Twins that will be dropped count here, hence twice as many. */
    return sure > range->limit * 2;
}

/* Blocks may overlap in time, since late points make blocks of their own. */
static int history_blocks(struct store_txn *txn, const struct metric_range *range,
                          struct points *out, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT at_min, data FROM block WHERE run = ? AND key = ? AND at_max >= ?"
                        " ORDER BY at_min",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, range->owner);
    sql_bind_int(q, 2, range->key);
    sql_bind_int(q, 3, range->after ? range->after->at_ms : INT64_MIN);
    while (sql_step(q) > 0 && !history_enough(out, range, sql_int(q, 0)))
        if (history_block(out, sql_peek(q, 1), err) < 0)
            return -1;
    return sql_end(q, err);
}

/* Rows of the tail hold all keys of a commit; those of one are picked out. */
static int history_tail(struct store_txn *txn, const struct metric_range *range, struct points *out,
                        struct error *err)
{
    struct sql *q = sql(txn, "SELECT data FROM tail WHERE run = ? ORDER BY seq", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, range->owner);
    while (sql_step(q) > 0) {
        struct tail_reader reader = tail_reader(sql_peek(q, 0));
        struct tail_point point;
        int got;
        while ((got = tail_next(&reader, &point)) > 0)
            if (point.key == range->key) {
                *points_reserve(out, 1) =
                    (struct point){point.at_ms, point.step, point.source, point.value};
                out->count++;
            }
        if (got < 0)
            return error_set(err, ERROR_CORRUPT, "tail", "A row of metric points cannot be read.");
    }
    return sql_end(q, err);
}

/* Blocks are read whole, so there may be more than the limit; the caller cuts. */
int metric_history(struct store_txn *txn, const struct metric_range *range, struct points *out,
                   struct error *err)
{
    CLEANUP(points_free) struct points points = {0};

    assert(range->owner != 0);
    if (history_blocks(txn, range, &points, err) < 0 || history_tail(txn, range, &points, err) < 0)
        return -1;
    points_order(&points);
    if (range->after) {
        size_t skip = points_after(&points, range->after);
        points.count -= skip;
        if (skip && points.count)
            memmove(points.at, points.at + skip, points.count * sizeof *points.at);
    }
    *out = points;
    points = (struct points){0};
    return 0;
}
