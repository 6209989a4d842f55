/* Points on their way in. A training loop sends thousands of small requests, so what one commit
 * brings is gathered and becomes one row of the tail and one new summary for each run. */
#include "tracking/metric.h"

#include "base/json.h"
#include "tracking/tracking_private.h"

#include <assert.h>
#include <float.h>
#include <math.h>

/* Points of one owner in one commit. */
struct gathered {
    int64_t owner;
    struct tail_point *points;
    size_t count, size;
    struct gathered *next;
};

/* What the applies of one transaction brought; lives in its arena and dies on replay. */
struct batch {
    struct tracking *tracking;
    struct gathered *first;
    struct gathered *last; /* found again first: a batch logs one run */
};

/* Logged models keep an entry for each dataset they were measured on, runs one for each key. */
int metric_summary(struct store_txn *txn, int64_t owner, struct summary *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT seq, rev, data FROM summary WHERE run = ?", err);
    struct summary summary = summary_make(store_arena(txn));
    int64_t seq = 0, rev = 0;

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    if (sql_step(q) > 0) {
        seq = sql_int(q, 0);
        rev = sql_int(q, 1);
        if (summary_decode(store_arena(txn), sql_peek(q, 2), &summary, err) < 0)
            return -1;
    }
    if (sql_end(q, err) < 0)
        return -1;
    summary.seq = seq;
    summary.rev = rev;
    summary.by_source = owner < 0;
    *out = summary;
    return 0;
}

/* As a whole: it is a few hundred bytes for most runs. */
int metric_summary_put(struct store_txn *txn, int64_t owner, const struct summary *summary,
                       struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO summary (run, seq, rev, data) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, rev = excluded.rev,"
                        " data = excluded.data",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    sql_bind_int(q, 2, summary->seq);
    sql_bind_int(q, 3, summary->rev);
    sql_bind_blob(q, 4, summary_encode(store_arena(txn), summary));
    return sql_run(q, err);
}

/* As it came; the compactor sorts it later. */
static int tail_insert(struct store_txn *txn, const struct gathered *gathered, int64_t *out_seq,
                       struct error *err)
{
    struct sql *q = sql(txn, "INSERT INTO tail (run, n, data) VALUES (?, ?, ?) RETURNING seq", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, gathered->owner);
    sql_bind_int(q, 2, (int64_t)gathered->count);
    sql_bind_blob(q, 3, tail_encode(store_arena(txn), gathered->points, gathered->count));
    if (sql_step(q) > 0)
        *out_seq = sql_int(q, 0);
    return sql_end(q, err);
}

/* The summary is folded in the order of arrival, which is what "last" goes by when step and time
 * are equal. */
static int owner_flush(struct tracking *tracking, struct store_txn *txn,
                       const struct gathered *gathered, struct error *err)
{
    struct summary summary;

    if (metric_summary(txn, gathered->owner, &summary, err) < 0 ||
        tail_insert(txn, gathered, &summary.seq, err) < 0)
        return -1;
    for (size_t i = 0; i < gathered->count; i++)
        summary_fold(&summary, &gathered->points[i]);
    summary.rev++;
    summary.tail_rows++;
    summary.tail_points += gathered->count;
    if (metric_summary_put(txn, gathered->owner, &summary, err) < 0)
        return -1;
    if (summary.tail_rows >= TAIL_ROWS_MAX || summary.tail_points >= TAIL_POINTS_MAX)
        compactor_ask(tracking->compactor, gathered->owner);
    return 0;
}

/* At the end of the transaction, when all applies of the commit have brought theirs. */
static int batch_flush(struct store_txn *txn, void *state, struct error *err)
{
    struct batch *batch = state;

    for (struct gathered *gathered = batch->first; gathered; gathered = gathered->next)
        if (owner_flush(batch->tracking, txn, gathered, err) < 0)
            return -1;
    return 0;
}

/* The newest first: a batch of points nearly always is of one run. */
static struct gathered *batch_owner(struct store_txn *txn, struct batch *batch, int64_t owner)
{
    struct gathered *gathered =
        batch->last && batch->last->owner == owner ? batch->last : batch->first;

    while (gathered && gathered->owner != owner)
        gathered = gathered->next;
    if (!gathered) {
        gathered = arena_make(store_arena(txn), struct gathered);
        gathered->owner = owner;
        gathered->next = batch->first;
        batch->first = gathered;
    }
    return batch->last = gathered;
}

/* In the transaction's arena: a replay begins with nothing. */
static struct tail_point *gathered_reserve(struct store_txn *txn, struct gathered *gathered,
                                           size_t more)
{
    if (gathered->size - gathered->count < more) {
        size_t size = gathered->size * 2 + more;
        struct tail_point *grown = arena_new_array(store_arena(txn), struct tail_point, size);
        if (gathered->count)
            memcpy(grown, gathered->points, gathered->count * sizeof *grown);
        gathered->points = grown;
        gathered->size = size;
    }
    return gathered->points + gathered->count;
}

/* As MLflow's SQL store keeps them, which is what its clients expect to read. */
static double without_infinity(double value)
{
    return isinf(value) ? (value > 0 ? DBL_MAX : -DBL_MAX) : value;
}

/* The number of a model or dataset that points belong to; made when missing. */
static int source_make(struct store_txn *txn, const struct metric_source *source, int64_t *out,
                       struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *dataset = json_object(arena);

    json_set_str(arena, dataset, "name", source->dataset_name);
    json_set_str(arena, dataset, "digest", source->dataset_digest);
    json_set_str(arena, dataset, "run", source->run_id);
    struct sql *q =
        sql(txn,
            "INSERT INTO source (model_id, dataset) VALUES (?, ?)"
            " ON CONFLICT (model_id, dataset) DO UPDATE SET model_id = excluded.model_id"
            " RETURNING id",
            err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, source->model_id);
    sql_bind_text(q, 2, json_write(arena, dataset));
    if (sql_step(q) > 0)
        *out = sql_int(q, 0);
    return sql_end(q, err);
}

/* Points hold a number instead of texts that are the same for a whole training. */
int metric_source(struct store_txn *txn, int64_t source, struct metric_source *out,
                  struct error *err)
{
    struct metric_source read = {0};
    struct sql *q = sql(txn, "SELECT model_id, dataset FROM source WHERE id = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, source);
    bool found = sql_step(q) > 0;
    struct json *dataset = NULL;
    if (found) {
        read.model_id = sql_text(q, 0);
        dataset = json_parse(store_arena(txn), sql_peek(q, 1), err);
    }
    if (sql_end(q, err) < 0)
        return -1;
    if (!dataset)
        return error_set(err, ERROR_CORRUPT, "source", "Metric source %lld is missing.",
                         (long long)source);
    read.dataset_name = json_str_at(dataset, "name");
    read.dataset_digest = json_str_at(dataset, "digest");
    read.run_id = json_str_at(dataset, "run");
    *out = read;
    return 0;
}

/* The negative row of a logged model, 0 when there is none of that id. */
static int model_owner(struct store_txn *txn, int64_t scope, struct str model_id, int64_t *out,
                       struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT model FROM logged_model WHERE scope = ? AND model_id = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_text(q, 2, model_id);
    *out = sql_step(q) > 0 ? -sql_int(q, 0) : 0;
    return sql_end(q, err);
}

/* Gives the point its source, and a twin to the logged model it measured. */
static int point_source(struct store_txn *txn, struct batch *batch,
                        const struct metric_owner *owner, const struct metric_point *point,
                        struct tail_point *io)
{
    struct metric_source own = {.model_id = point->model_id,
                                .dataset_name = point->dataset_name,
                                .dataset_digest = point->dataset_digest};
    struct metric_source filed = {.run_id = owner->run_id,
                                  .dataset_name = point->dataset_name,
                                  .dataset_digest = point->dataset_digest};
    struct tail_point twin = *io;
    int64_t model = 0;

    if (source_make(txn, &own, &io->source, NULL) < 0)
        return -1;
    if (point->model_id.len == 0)
        return 0;
    if (model_owner(txn, owner->scope, point->model_id, &model, NULL) < 0)
        return -1;
    if (model == 0)
        return 0;
    if (source_make(txn, &filed, &twin.source, NULL) < 0)
        return -1;
    struct gathered *gathered = batch_owner(txn, batch, model);
    *gathered_reserve(txn, gathered, 1) = twin;
    gathered->count++;
    return 0;
}

/* Nothing is written yet: all that this commit brings of the run becomes one row. */
int metric_add(struct tracking *tracking, struct store_txn *txn, const struct metric_owner *owner,
               const struct metric_points *points, struct error *err)
{
    assert(owner->run > 0);
    if (points->count == 0)
        return 0;
    struct batch *batch = store_flush_state(txn, batch_flush, sizeof *batch);
    batch->tracking = tracking;
    struct gathered *gathered = batch_owner(txn, batch, owner->run);
    gathered_reserve(txn, gathered, points->count);
    for (size_t i = 0; i < points->count; i++) {
        const struct metric_point *point = &points->at[i];
        struct tail_point packed = {
            .at_ms = point->at_ms, .step = point->step, .value = without_infinity(point->value)};
        if (word_make(tracking->words, txn, point->key, &packed.key, err) < 0)
            return -1;
        if ((point->model_id.len > 0 || point->dataset_name.len > 0) &&
            point_source(txn, batch, owner, point, &packed) < 0)
            return error_set(err, ERROR_IO, "metrics", "The metric's source could not be stored.");
        gathered->points[gathered->count++] = packed;
    }
    return 0;
}

/* In the order of the summary; whoever shows them sorts if he must. */
int metric_latest(struct tracking *tracking, struct store_txn *txn, int64_t owner,
                  struct metric_list *out, struct error *err)
{
    struct summary summary;

    if (metric_summary(txn, owner, &summary, err) < 0)
        return -1;
    struct metric_list list = {
        .at = arena_new_array(store_arena(txn), struct metric_latest, summary.count)};
    for (; list.count < summary.count; list.count++) {
        struct metric_latest *latest = &list.at[list.count];
        latest->entry = &summary.entries[list.count];
        if (word_text(tracking->words, txn, latest->entry->key, &latest->key, err) < 0)
            return -1;
    }
    *out = list;
    return 0;
}

/* A key without a number was never logged by anybody. */
int metric_key(struct tracking *tracking, struct store_txn *txn, struct str key, int64_t *out,
               struct error *err)
{
    return word_find(tracking->words, txn, key, out, err);
}
