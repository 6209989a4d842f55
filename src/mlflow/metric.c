/* metric.c - histories of metrics, whole, in pages, and thinned out for charts
 *
 * A whole history may have millions of points: it is kept as points (32 bytes each) and written as
 * JSON only as fast as the client takes it.
 */
#include "tracking/metric.h"

#include "mlflow/work.h"

#include <assert.h>
#include <stdlib.h>

#define HISTORY_SLICE 512     /* points written at once */
#define SNAPSHOT_POINTS 32768 /* of a series read out of one snapshot */
#define HISTORY_PAGE_MAX 50000
#define BULK_RUNS_MAX 100
#define BULK_POINTS_MAX 25000
#define INTERVAL_POINTS_MAX 2500

/* As MLflow's Metric; the run's id only where several are asked for. */
static void show_point(struct out *out, struct str key, const struct point *point,
                       struct str run_id)
{
    out_begin(out, NULL, '{');
    out_text(out, "key", key);
    out_double(out, "value", point->value);
    out_int(out, "timestamp", point->at_ms);
    out_int(out, "step", point->step);
    if (run_id.len)
        out_text(out, "run_id", run_id);
    out_end(out, '}');
}

/* --- One series, streamed --------------------------------------------------------------------- */

struct history {
    struct http_source source;
    struct points points;
    size_t count; /* of them to be written */
    size_t next;
    struct str key;
    struct str token; /* of the next page; "" none */
    struct out out;   /* written, not yet taken */
    size_t taken;
    bool begun, ended;
};

/* The buffer goes with the stream, however it ends. */
static void history_close(struct http_source *source)
{
    struct history *history = CONTAINER_OF(source, struct history, source);

    points_free(&history->points);
    out_free(&history->out);
}

/* Writes the next slice. */
static void history_fill(struct history *history)
{
    struct out *out = &history->out;
    size_t end = history->next + HISTORY_SLICE;

    buf_clear(&out->buf);
    history->taken = 0;
    if (!history->begun) {
        out_begin(out, NULL, '{');
        if (history->count > 0)
            out_begin(out, "metrics", '[');
    }
    history->begun = true;
    if (end > history->count)
        end = history->count;
    for (; history->next < end; history->next++)
        show_point(out, history->key, &history->points.at[history->next], STR(""));
    if (history->next < history->count)
        return;
    /* The comma behind the last point is in this very slice. */
    if (history->count > 0)
        out_end(out, ']');
    if (history->token.len)
        out_text(out, "next_page_token", history->token);
    out_end(out, '}');
    out->buf.len--;
    history->ended = true;
}

/* A piece of the text at a time, so that a history of millions needs one buffer. */
static ssize_t history_read(struct http_source *source, void *bytes, size_t size)
{
    struct history *history = CONTAINER_OF(source, struct history, source);

    assert(size > 0);
    if (history->taken == history->out.buf.len) {
        if (history->ended)
            return 0;
        history_fill(history);
    }
    size_t rest = history->out.buf.len - history->taken;
    size_t count = rest < size ? rest : size;
    memcpy(bytes, history->out.buf.ptr + history->taken, count);
    history->taken += count;
    return (ssize_t)count;
}

/* A page ends at a point, and the next one begins behind it, whatever arrives meanwhile. */
static struct str token_of(struct arena *arena, const struct point *point)
{
    uint64_t bits;

    memcpy(&bits, &point->value, sizeof bits);
    return arena_printf(arena, "%lld.%lld.%llu", (long long)point->at_ms, (long long)point->step,
                        (unsigned long long)bits);
}

/* What was not given by us is refused, never guessed. */
static int read_token(struct ask *ask, struct point *out, bool *out_given, struct error *err)
{
    struct str token, at, step, bits;
    uint64_t value = 0;

    if (ask_text(ask, "page_token", ASK_OPTIONAL, &token, err) < 0)
        return -1;
    *out_given = token.len > 0;
    if (!*out_given)
        return 0;
    bool good = str_cut(token, '.', &at, &step) && str_cut(step, '.', &step, &bits) &&
                str_to_int64(at, &out->at_ms) && str_to_int64(step, &out->step) && bits.len > 0;
    for (size_t i = 0; good && i < bits.len; i++) {
        good = bits.ptr[i] >= '0' && bits.ptr[i] <= '9' && i < 20;
        value = value * 10 + (uint64_t)(bits.ptr[i] - '0');
    }
    if (!good)
        return error_set(err, ERROR_INVALID, "page_token",
                         "Invalid page token, it was not given by this search.");
    memcpy(&out->value, &value, sizeof value);
    return 0;
}

/* One key of one run, as a client names it. */
struct series_name {
    struct str run_id, key;
};

/* One slice of a series out of a snapshot of its own: more than range->limit points when any
 * follow. */
static int read_slice(struct ask *ask, const struct series_name *name, struct metric_range *range,
                      struct points *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    struct run run;
    int64_t scope;

    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
        run_get(txn, scope, name->run_id, &run, err) < 0 ||
        metric_key(ask->mlflow->engines->tracking, txn, name->key, &range->key, err) < 0)
        return -1;
    range->owner = run.run;
    return range->key ? metric_history(txn, range, out, err) : 0;
}

/* The points of one key of one run, one more than wanted when there are so many. A snapshot that is
 * held for long holds up the writer's log, so a long series is read in slices; a point that comes
 * in meanwhile with an older time than those read is seen by the next who asks. */
static int read_series(struct ask *ask, const struct series_name *name,
                       const struct metric_range *wanted, struct points *out, struct error *err)
{
    size_t most = wanted->limit ? wanted->limit + 1 : SIZE_MAX;
    struct point last;
    struct metric_range range = {.after = wanted->after};
    bool more = true;

    while (more && out->count < most) {
        CLEANUP(points_free) struct points part = {0};
        range.limit = most - out->count < SNAPSHOT_POINTS ? most - out->count : SNAPSHOT_POINTS;
        if (read_slice(ask, name, &range, &part, err) < 0)
            return -1;
        more = part.count > range.limit;
        size_t count = more ? range.limit : part.count;
        if (count == 0)
            break;
        memcpy(points_reserve(out, count), part.at, count * sizeof *part.at);
        out->count += count;
        last = part.at[count - 1];
        range.after = &last;
    }
    return 0;
}

/* All points are read before the first byte goes out: an error can still be told. */
static int history_open(struct ask *ask, struct history *history, struct error *err)
{
    struct point after = {0};
    struct metric_range range = {0};
    struct str run_id;
    bool paged;

    if (ask_run_id(ask, &run_id, err) < 0 ||
        ask_text(ask, "metric_key", ASK_REQUIRED, &history->key, err) < 0 ||
        read_token(ask, &after, &paged, err) < 0)
        return -1;
    range.after = paged ? &after : NULL;
    if (ask_has(ask, "max_results") && work_limit(ask, 1, INT32_MAX, &range.limit, err) < 0)
        return -1;
    if (range.limit > HISTORY_PAGE_MAX)
        range.limit = HISTORY_PAGE_MAX;
    const struct series_name name = {run_id, history->key};
    if (read_series(ask, &name, &range, &history->points, err) < 0)
        return -1;
    history->count = history->points.count;
    if (range.limit && history->count > range.limit) {
        history->count = range.limit;
        history->token = token_of(ask->arena, &history->points.at[range.limit - 1]);
    }
    return 0;
}

/* Streamed: as text a point is several times as long as in memory. */
void mlflow_history(struct call *call)
{
    struct history *history = arena_make(call->arena, struct history);
    struct error err = {0};
    struct ask ask;

    history->out = out_make();
    history->source = (struct http_source){history_read, history_close};
    if (ask_read(call, &ask, &err) < 0 || history_open(&ask, history, &err) < 0) {
        history_close(&history->source);
        reply_error(call, &err);
        return;
    }
    http_reply_source(call->ex, 200, "application/json", -1, &history->source);
}

/* --- Several runs --------------------------------------------------------------------------------
 */

/* At most a hundred, as MLflow's own limit. */
static int read_runs(struct ask *ask, struct ask_texts *out, struct error *err)
{
    if (ask_texts(ask, "run_id", out, err) < 0)
        return -1;
    if (out->count == 0)
        return error_set(err, ERROR_INVALID, "run_id",
                         "GetMetricHistoryBulk request must specify at least one run_id.");
    if (out->count > BULK_RUNS_MAX)
        return error_set(
            err, ERROR_INVALID, "run_id",
            "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received "
            "%zu run_ids.",
            BULK_RUNS_MAX, out->count);
    return 0;
}

/* Several runs after one another, up to the limit of all. */
int mlflow_history_bulk(struct ask *ask, struct out *out, struct error *err)
{
    struct ask_texts runs;
    struct str key;
    size_t limit, written = 0;

    if (read_runs(ask, &runs, err) < 0 || ask_text(ask, "metric_key", ASK_OPTIONAL, &key, err) < 0)
        return -1;
    if (key.len == 0)
        return error_set(err, ERROR_INVALID, "metric_key",
                         "GetMetricHistoryBulk request must specify a metric_key.");
    if (work_limit(ask, BULK_POINTS_MAX, INT32_MAX, &limit, err) < 0)
        return -1;
    limit = limit > BULK_POINTS_MAX ? BULK_POINTS_MAX : limit;
    out_begin(out, NULL, '{');
    out_begin(out, "metrics", '[');
    for (size_t i = 0; i < runs.count && written < limit; i++) {
        CLEANUP(points_free) struct points points = {0};
        struct metric_range range = {.limit = limit - written};
        const struct series_name name = {runs.at[i], key};
        if (read_series(ask, &name, &range, &points, err) < 0)
            return -1;
        for (size_t p = 0; p < points.count && written < limit; p++, written++)
            show_point(out, key, &points.at[p], runs.at[i]);
    }
    out_end(out, ']');
    out_end(out, '}');
    return 0;
}

/* --- Thinned out for charts ---------------------------------------------------------------------
 */

/* What a chart asks for. */
struct interval {
    struct ask_texts runs;
    struct str key;
    int64_t from, to; /* steps */
    size_t limit;     /* points of each run */
};

/* Both ends of the steps, or none. */
static int read_ends(struct ask *ask, struct interval *out, struct error *err)
{
    assert(out);
    out->from = INT64_MIN;
    out->to = INT64_MAX;
    if (ask_int(ask, "start_step", ASK_OPTIONAL, &out->from, err) < 0 ||
        ask_int(ask, "end_step", ASK_OPTIONAL, &out->to, err) < 0)
        return -1;
    if (ask_has(ask, "start_step") != ask_has(ask, "end_step"))
        return error_set(err, ERROR_INVALID, "start_step",
                         "If either start step or end step are specified, both must be specified.");
    if (out->from > out->to)
        return error_set(err, ERROR_INVALID, "end_step",
                         "end_step must be greater than start_step. Found start_step=%lld and "
                         "end_step=%lld.",
                         (long long)out->from, (long long)out->to);
    return 0;
}

/* With MLflow's sentences, which its user interface shows. */
static int read_interval(struct ask *ask, struct interval *out, struct error *err)
{
    int64_t limit = INTERVAL_POINTS_MAX;

    assert(out);
    if (ask_texts(ask, "run_ids", &out->runs, err) < 0)
        return -1;
    if (out->runs.count == 0)
        return ask_missing("run_ids", err);
    if (out->runs.count > BULK_RUNS_MAX)
        return error_set(err, ERROR_INVALID, "run_ids",
                         "GetMetricHistoryBulkInterval request must specify at most %d run_ids. "
                         "Received %zu run_ids. See the API docs for more information about "
                         "request parameters.",
                         BULK_RUNS_MAX, out->runs.count);
    if (ask_text(ask, "metric_key", ASK_REQUIRED, &out->key, err) < 0 ||
        ask_int(ask, "max_results", ASK_OPTIONAL, &limit, err) < 0)
        return -1;
    if (limit < 1 || limit > INTERVAL_POINTS_MAX)
        return error_set(err, ERROR_INVALID, "max_results",
                         "max_results must be between 1 and %d. See the API docs for more "
                         "information about request parameters.",
                         INTERVAL_POINTS_MAX);
    out->limit = (size_t)limit;
    return read_ends(ask, out, err);
}

/* Charts go along the steps; within one as histories do. */
static int by_step(const void *a, const void *b)
{
    const struct point *left = a, *right = b;

    if (left->step != right->step)
        return left->step < right->step ? -1 : 1;
    return point_compare(left, right);
}

/* Those between both ends, along the steps. */
static void keep_interval(struct points *points, const struct interval *interval)
{
    size_t kept = 0;

    assert(points && interval);
    for (size_t i = 0; i < points->count; i++)
        if (points->at[i].step >= interval->from && points->at[i].step <= interval->to)
            points->at[kept++] = points->at[i];
    points->count = kept;
    if (kept > 1)
        qsort(points->at, kept, sizeof *points->at, by_step);
}

/* The first of `limit` stretches that differ by one point at most, and the very last: so many
 * points at most, even when all of a million have one step. */
static void show_sample(struct out *out, const struct interval *interval,
                        const struct points *points, struct str run_id)
{
    size_t count = points->count < interval->limit ? points->count : interval->limit;
    size_t length = count ? points->count / count : 0;
    size_t longer = count ? points->count % count : 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = i * length + (i < longer ? i : longer);
        if (i == count - 1)
            at = points->count - 1;
        show_point(out, interval->key, &points->at[at], run_id);
    }
}

/* Each run is thinned out by itself. */
int mlflow_history_interval(struct ask *ask, struct out *out, struct error *err)
{
    struct interval interval;

    if (read_interval(ask, &interval, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_begin(out, "metrics", '[');
    for (size_t i = 0; i < interval.runs.count; i++) {
        CLEANUP(points_free) struct points points = {0};
        const struct series_name name = {interval.runs.at[i], interval.key};
        if (read_series(ask, &name, &(struct metric_range){0}, &points, err) < 0)
            return -1;
        keep_interval(&points, &interval);
        show_sample(out, &interval, &points, interval.runs.at[i]);
    }
    out_end(out, ']');
    out_end(out, '}');
    return 0;
}
