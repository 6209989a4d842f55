/* metric.h - metric points going in, and what is shown of them
 *
 * Everything one commit brings of one owner becomes one `tail` row and one rewritten `summary` row
 * (tracking-store.md, decisions 43). An owner is a run's row, or the negative row of a logged
 * model.
 */
#pragma once

#include "tracking/points.h"
#include "tracking/summary.h"
#include "tracking/tracking.h"

/* A point on its way in. */
struct metric_point {
    struct str key;
    int64_t at_ms;
    int64_t step;
    double value;
    struct str model_id; /* also files it under this logged model; "" none */
    struct str dataset_name, dataset_digest;
};

/* Inside a write: queues the points of one run for the row its commit will make. Infinities become
 * the greatest finite numbers. */
struct metric_owner {
    int64_t scope;
    int64_t run;
    struct str run_id;
};
struct metric_points {
    const struct metric_point *at;
    size_t count;
};
int metric_add(struct tracking *tracking, struct store_txn *txn, const struct metric_owner *owner,
               const struct metric_points *points, struct error *err);

/* The packed state of an owner, empty when it has none. */
int metric_summary(struct store_txn *txn, int64_t owner, struct summary *out, struct error *err);

/* Latest values as clients see them. */
struct metric_latest {
    struct str key;
    const struct summary_entry *entry;
};
struct metric_list {
    struct metric_latest *at;
    size_t count;
};
int metric_latest(struct tracking *tracking, struct store_txn *txn, int64_t owner,
                  struct metric_list *out, struct error *err);

/* The number of a metric's key, 0 when nobody ever logged it. */
int metric_key(struct tracking *tracking, struct store_txn *txn, struct str key, int64_t *out,
               struct error *err);

/* One series in the order of histories, points greater than `after` (NULL: all), about `limit` at
 * least when there are so many (0: all). */
struct metric_range {
    int64_t owner;
    int64_t key;
    const struct point *after;
    size_t limit;
};
int metric_history(struct store_txn *txn, const struct metric_range *range, struct points *out,
                   struct error *err);

/* What a source number means: the model or dataset a point was measured on. Errors: ERROR_CORRUPT.
 */
struct metric_source {
    struct str model_id;
    struct str run_id; /* of points filed under a model */
    struct str dataset_name, dataset_digest;
};
int metric_source(struct store_txn *txn, int64_t source, struct metric_source *out,
                  struct error *err);

/* Tails longer than these are packed into blocks. */
#define TAIL_ROWS_MAX 256
#define TAIL_POINTS_MAX 32768

/* Writes the summary row of an owner. */
int metric_summary_put(struct store_txn *txn, int64_t owner, const struct summary *summary,
                       struct error *err);
