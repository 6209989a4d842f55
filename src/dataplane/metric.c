/* Metrics as run history's metric service tells and takes them: the same series that MLflow logs,
 * one column each, named as the metric. */
#include "dataplane/change.h"

#include "os/clock.h"
#include "tracking/metric.h"

#include <assert.h>
#include <math.h>

#define POINTS_MAX 5000 /* of one answer */
#define VALUES_MAX 1000 /* of one request */

static struct tracking *tracking_of(const struct dataplane_run *at)
{
    assert(at->engines->tracking);
    return at->engines->tracking;
}

/* The service has tables; a metric of ours is one of a single column, and drawn as a line. */
static void set_columns(struct arena *arena, struct json *to, struct str name)
{
    struct json *columns = json_object(arena), *properties = json_object(arena);

    json_set(arena, columns, name, json_text(arena, STR("Double")));
    json_set(arena, to, STR("columns"), columns);
    json_set_str(arena, properties, "uxMetricType", STR("azureml.v1.scalar"));
    json_set(arena, to, STR("properties"), properties);
}

/* --- Which there are
 * ------------------------------------------------------------------------------ */

/* A namespace is told as empty: clients build their keys of both. */
static struct json *definition(struct arena *arena, struct str name)
{
    struct json *view = json_object(arena), *key = json_object(arena), *names = json_array(arena);

    json_append(arena, names, json_text(arena, name));
    json_set_str(arena, key, "namespace", STR(""));
    json_set_str(arena, key, "name", name);
    json_set(arena, key, STR("labels"), json_array(arena));
    json_set(arena, key, STR("columnNames"), names);
    json_set(arena, view, STR("metricKey"), key);
    set_columns(arena, view, name);
    return view;
}

static struct json *list_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *body = json_object(arena), *list = json_array(arena);
    struct metric_list metrics;

    /* What it says is of no use here, but a text that is cut off says so. */
    if (!dataplane_body(at->call, err))
        return NULL;
    if (metric_latest(tracking_of(at), at->txn, at->run.run, &metrics, err) < 0)
        return NULL;
    for (size_t i = 0; i < metrics.count; i++)
        json_append(arena, list, definition(arena, metrics.at[i].key));
    json_set(arena, body, STR("value"), list);
    return body;
}

void dataplane_list_metrics(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), list_view);
}

/* --- One series
 * ----------------------------------------------------------------------------------- */

/* JSON has no word for these, and the service sends texts. */
static struct json *number_view(struct arena *arena, double value)
{
    if (isnan(value))
        return json_text(arena, STR("NaN"));
    if (isinf(value))
        return json_text(arena, value > 0 ? STR("Infinity") : STR("-Infinity"));
    return json_double(arena, value);
}

static struct json *point_view(struct arena *arena, struct str name, const struct point *point)
{
    struct json *view = json_object(arena), *data = json_object(arena);

    json_set(arena, data, name, number_view(arena, point->value));
    json_set_null(arena, view, "metricId");
    dataplane_set_time(arena, view, "createdUtc", point->at_ms * US_PER_MS);
    json_set_int(arena, view, "step", point->step);
    json_set(arena, view, STR("data"), data);
    return view;
}

/* A token is the last point shown: "{time}.{step}.{value's bits}". */
static int read_token(struct str token, struct point *out, struct error *err)
{
    struct str ms, rest, step, bits;
    int64_t raw;

    if (!str_cut(token, '.', &ms, &rest) || !str_cut(rest, '.', &step, &bits) ||
        !str_to_int64(ms, &out->at_ms) || !str_to_int64(step, &out->step) ||
        !str_to_int64(bits, &raw))
        return error_set(err, ERROR_INVALID, "continuationToken",
                         "A continuation token is what the page before said.");
    memcpy(&out->value, &raw, sizeof raw);
    return 0;
}

static struct str make_token(struct arena *arena, const struct point *point)
{
    int64_t raw;

    memcpy(&raw, &point->value, sizeof raw);
    return arena_printf(arena, "%lld.%lld.%lld", (long long)point->at_ms, (long long)point->step,
                        (long long)raw);
}

/* What is asked for. */
struct series {
    struct str name;
    struct point after;
    bool continued;
    int64_t from_us, to_us; /* [from, to]; 0: open */
    size_t step;            /* every n-th point, for samples */
};

static int read_time(const struct json *ask, const char *key, int64_t *out, struct error *err)
{
    struct str text = json_str_at(ask, key);

    if (text.len == 0 || clock_parse_iso(text, out))
        return 0;
    return error_set(err, ERROR_INVALID, key, "'%s' is a time such as 2026-01-31T12:00:00Z.", key);
}

static int read_series(const struct json *ask, struct series *out, struct error *err)
{
    struct str token = json_str_at(ask, "continuationToken");

    *out = (struct series){.name = json_str_at(ask, "metricName"), .step = 1};
    if (out->name.len == 0)
        return error_set(err, ERROR_INVALID, "metricName", "This field is required.");
    if (read_time(ask, "startTime", &out->from_us, err) < 0 ||
        read_time(ask, "endTime", &out->to_us, err) < 0)
        return -1;
    out->continued = token.len > 0;
    return out->continued ? read_token(token, &out->after, err) : 0;
}

/* Bounds belong to the range; 0 stands for none. */
static bool within(const struct series *series, const struct point *point)
{
    int64_t us = point->at_ms * US_PER_MS;

    return (series->from_us == 0 || us >= series->from_us) &&
           (series->to_us == 0 || us <= series->to_us);
}

/* Points into "value"; the token of the last one when there are more. */
static void show_points(const struct dataplane_run *at, const struct series *series,
                        const struct points *points, struct json *body)
{
    struct arena *arena = at->call->arena;
    struct json *list = json_array(arena);
    size_t shown = 0, i;

    for (i = 0; i < points->count && shown < POINTS_MAX; i += series->step)
        if (within(series, &points->at[i])) {
            json_append(arena, list, point_view(arena, series->name, &points->at[i]));
            shown++;
        }
    json_set(arena, body, STR("value"), list);
    if (i < points->count && series->step == 1)
        json_set_str(arena, body, "continuationToken", make_token(arena, &points->at[i - 1]));
}

/* Whole series go by pages. A sample is every n-th point of all of them, so that its ends and
 * its shape are those of the series. */
static struct json *series_view(struct dataplane_run *at, bool sample, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    CLEANUP(points_free) struct points points = {0};
    struct metric_range range = {.owner = at->run.run};
    struct series series;

    if (!ask || read_series(ask, &series, err) < 0 ||
        metric_key(tracking_of(at), at->txn, series.name, &range.key, err) < 0)
        return NULL;
    range.after = series.continued ? &series.after : NULL;
    range.limit = sample ? 0 : POINTS_MAX + 1;
    if (range.key && metric_history(at->txn, &range, &points, err) < 0)
        return NULL;
    if (points.count == 0 && !series.continued) {
        error_set(err, ERROR_NOT_FOUND, "metricName", "The run '%.*s' has no metric '%.*s'.",
                  STR_ARG(at->run.run_id), STR_ARG(str_slice(series.name, 0, 200)));
        return NULL;
    }
    if (sample)
        series.step = points.count / POINTS_MAX + 1;
    json_set_str(arena, body, "dataContainerId",
                 arena_printf(arena, "dcid.%.*s", STR_ARG(at->run.run_id)));
    json_set_str(arena, body, "name", series.name);
    set_columns(arena, body, series.name);
    show_points(at, &series, &points, body);
    if (sample) {
        json_set_int(arena, body, "numValuesLogged", (int64_t)points.count);
        json_set_bool(arena, body, "isPartialResult", series.step > 1);
    }
    return body;
}

static struct json *full_view(struct dataplane_run *at, struct error *err)
{
    return series_view(at, false, err);
}

void dataplane_full_metric(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), full_view);
}

static struct json *sample_view(struct dataplane_run *at, struct error *err)
{
    return series_view(at, true, err);
}

void dataplane_sample_metric(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), sample_view);
}

/* --- On their way in
 * ------------------------------------------------------------------------------ */

struct logging {
    struct call *call;
    struct metric_point *points;
    size_t count;
};

/* A number, or the texts for those that JSON has none for. */
static bool read_number(const struct json *value, double *out)
{
    struct str text = json_as_str(value);

    if (json_kind(value) == JSON_NUMBER)
        *out = json_as_double(value, 0);
    else if (str_eq(text, STR("NaN")))
        *out = NAN;
    else if (str_eq(text, STR("Infinity")))
        *out = INFINITY;
    else if (str_eq(text, STR("-Infinity")))
        *out = -INFINITY;
    else
        return false;
    return true;
}

/* One value's cells: a scalar has one, under the metric's name; others become metrics beside it. */
static int take_value(struct logging *logging, struct str name, const struct json *value,
                      struct error *err)
{
    struct json_iter it = json_iter(json_get(value, STR("data")));
    struct str at = json_str_at(value, "createdUtc");
    int64_t at_us = clock_now_us();

    if (at.len > 0 && !clock_parse_iso(at, &at_us))
        return error_set(err, ERROR_INVALID, "values.value.createdUtc", "This is no time.");
    while (json_next(&it)) {
        struct metric_point point = {.at_ms = at_us / US_PER_MS,
                                     .step = json_int_at(value, "step", 0)};
        if (logging->count == VALUES_MAX)
            return error_set(err, ERROR_INVALID, "values", "A request logs at most %d values.",
                             VALUES_MAX);
        if (!read_number(it.value, &point.value))
            return error_set(err, ERROR_INVALID, "values.value.data",
                             "'%.*s' of metric '%.*s' is no number; other columns are not kept.",
                             STR_ARG(str_slice(it.key, 0, 100)), STR_ARG(str_slice(name, 0, 100)));
        point.key =
            str_eq(it.key, name) || json_count(json_get(value, STR("data"))) == 1
                ? name
                : arena_printf(logging->call->arena, "%.*s/%.*s", STR_ARG(name), STR_ARG(it.key));
        logging->points[logging->count++] = point;
    }
    return 0;
}

/* All points are read before the first is stored: a bad one leaves nothing behind. */
static int take_metrics(struct logging *logging, const struct json *list, struct error *err)
{
    struct json_iter metrics = json_iter(list);

    if (json_kind(list) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "values", "'values' is a list of metrics.");
    while (json_next(&metrics)) {
        struct str name = json_str_at(metrics.value, "name");
        struct json_iter values = json_iter(json_get(metrics.value, STR("value")));
        if (name.len == 0 || name.len > 250)
            return error_set(err, ERROR_INVALID, "values.name",
                             "The name of a metric has 1 to 250 bytes.");
        while (json_next(&values))
            if (take_value(logging, name, values.value, err) < 0)
                return -1;
    }
    return 0;
}

/* Points are for a run that this caller may write, and one that was not deleted. */
static int log_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct logging *logging = context;
    struct engines *engines = logging->call->face;
    struct run run;

    if (change_find(txn, logging->call, call_param(logging->call, "run"), &run, err) < 0)
        return -1;
    if (run.deleted_us)
        return error_set(err, ERROR_CONFLICT, "run", "The run '%.*s' is deleted.",
                         STR_ARG(run.run_id));
    const struct metric_owner owner = {run.scope, run.run, run.run_id};
    return metric_add(engines->tracking, txn, &owner,
                      &(struct metric_points){logging->points, logging->count}, err);
}

void dataplane_post_metrics(struct call *call)
{
    struct engines *engines = call->face;
    struct arena *arena = call->arena;
    struct error err = {0};
    struct json *ask = dataplane_body(call, &err), *body = json_object(arena);
    struct logging logging = {.call = call,
                              .points = arena_new_array(arena, struct metric_point, VALUES_MAX)};

    if (!ask || take_metrics(&logging, json_get(ask, STR("values")), &err) < 0 ||
        store_write(engines->store, log_apply, &logging, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set(arena, body, STR("errors"), json_array(arena));
    arm_reply(call, 200, body);
}
