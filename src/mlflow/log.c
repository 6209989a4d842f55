/* log.c - the calls a training loop makes, without a waiting thread
 *
 * Read and checked on the IO thread, queued for the writer, answered from the commit's completion.
 * So nothing here may block, and what the writer runs does only statements (decisions 17, 43).
 */
#include "mlflow/handler.h"
#include "mlflow/name.h"
#include "mlflow/reply.h"
#include "mlflow/show.h"
#include "os/clock.h"

#include <assert.h>

#define BATCH_METRICS_MAX 1000
#define BATCH_PAIRS_MAX 100
#define BATCH_ALL_MAX 1000
#define BATCH_BYTES_MAX 1000000
#define TIME_MS_MAX 9000000000000000LL /* so that microseconds fit */

/* One queued request; lives in the exchange's arena. */
struct log {
    struct store_job job;
    struct ask ask;
    struct str run_id;
    struct metric_point *points;
    size_t point_count;
    struct pairs params, tags;
    struct run run;      /* create-run: what is made */
    struct str parent;   /* create-run: the parent's id, "" none */
    struct str location; /* create-run: result, the experiment's */
};

/* The reply goes out when the commit is on disk, not before. */
static void log_done(struct store_job *job, int result, const struct error *err)
{
    struct log *log = CONTAINER_OF(job, struct log, job);

    if (result < 0)
        reply_error(log->ask.call, err);
    else
        reply_text(log->ask.call, "application/json", STR("{}"));
}

/* The client sees a run's name in two places; the tag is the one it writes. */
static int follow_name(struct store_txn *txn, struct run *run, const struct pairs *tags,
                       struct error *err)
{
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->at[i].key, STR("mlflow.runName")) &&
            !str_eq(tags->at[i].value, run->name)) {
            run->name = tags->at[i].value;
            return run_update(txn, run, err);
        }
    return 0;
}

/* The run is looked up inside the write: between request and commit it may have been deleted. */
static int log_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct log *log = context;
    struct ask *ask = &log->ask;
    struct tracking *tracking = ask->mlflow->engines->tracking;
    int64_t scope;
    struct run run;

    if (ask_scope_number(ask, txn, &scope, err) < 0 ||
        run_get(txn, scope, log->run_id, &run, err) < 0 || ask_may_write(ask, txn, &run, err) < 0)
        return -1;
    if (run.deleted_us)
        return error_set(err, ERROR_INVALID, "run_id",
                         "The run %.*s must be in the 'active' state. Current state is deleted.",
                         STR_ARG(run.run_id));
    const struct pair_owner owner = {scope, run.run, run.run_id};
    const struct metric_owner metrics = {scope, run.run, run.run_id};
    const struct metric_points points = {log->points, log->point_count};
    if (params_check(tracking, txn, &owner, &log->params, err) < 0)
        return -1;
    if (params_set(tracking, txn, &owner, &log->params, err) < 0 ||
        metric_add(tracking, txn, &metrics, &points, err) < 0 ||
        tags_set(tracking, txn, &owner, &log->tags, err) < 0 ||
        follow_name(txn, &run, &log->tags, err) < 0)
        return -1;
    return log->params.count + log->tags.count > 0 ? run_touch(txn, run.run, err) : 0;
}

/* Without waiting: many requests share one commit, which is what makes single points cheap. */
static void log_queue(struct log *log, store_apply *apply,
                      void (*done)(struct store_job *, int, const struct error *))
{
    log->job = (struct store_job){.apply = apply, .context = log, .done = done};
    store_write_later(log->ask.mlflow->engines->store, &log->job);
}

/* In the request's arena, which lives until the reply is out. */
static struct log *log_new(struct ask *ask)
{
    struct log *log = arena_make(ask->arena, struct log);

    log->ask = *ask;
    return log;
}

/* Queues, or says at once why not. */
static void log_go(struct ask *ask, struct log *log, int result, const struct error *err)
{
    if (result < 0)
        reply_error(ask->call, err);
    else
        log_queue(log, log_apply, log_done);
}

/* --- Fields ---------------------------------------------------------------------------------- */

/* Where in the body an object stands. */
struct item {
    const char *list; /* NULL: it is the body */
    size_t index;
};

/* "metrics[3].name": only made for messages. */
static const char *path_of(struct ask *ask, const struct item *item, const char *name)
{
    if (!item->list)
        return name;
    return arena_printf(ask->arena, "%s[%zu].%s", item->list, item->index, name).ptr;
}

/* Whether a key is plain, so that nearly all of them skip the careful check. */
static bool plain_key(struct str key)
{
    if (key.len == 0 || key.len > 100)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

/* What has no value to stand for it when it was not sent. */
static int need(struct ask *ask, yyjson_val *object, const struct item *item, const char *name,
                struct error *err)
{
    return ask_value_given(object, name) ? 0 : ask_missing(path_of(ask, item, name), err);
}

/* The order of the checks is MLflow's: what is missing is told before what is wrong. */
static int read_point(struct ask *ask, yyjson_val *object, const struct item *item,
                      struct metric_point *out, struct error *err)
{
    if (need(ask, object, item, "key", err) < 0 || need(ask, object, item, "value", err) < 0 ||
        need(ask, object, item, "timestamp", err) < 0)
        return -1;
    if (ask_value_text(ask, object, "key", &out->key, err) < 0 ||
        ask_value_double(ask, object, "value", &out->value, err) < 0 ||
        ask_value_int(ask, object, "timestamp", &out->at_ms, err) < 0 ||
        ask_value_int(ask, object, "step", &out->step, err) < 0 ||
        ask_value_text(ask, object, "model_id", &out->model_id, err) < 0 ||
        ask_value_text(ask, object, "dataset_name", &out->dataset_name, err) < 0 ||
        ask_value_text(ask, object, "dataset_digest", &out->dataset_digest, err) < 0)
        return -1;
    if (!plain_key(out->key) &&
        name_check_key(path_of(ask, item, "name"), "Metric name", out->key, err) < 0)
        return -1;
    if (out->at_ms < 0)
        return error_set(err, ERROR_INVALID, "timestamp",
                         "Invalid value %lld for parameter '%s' supplied: metric '%.*s' "
                         "(value=%g). Timestamp must be a nonnegative long (64-bit integer) ",
                         (long long)out->at_ms, path_of(ask, item, "timestamp"), STR_ARG(out->key),
                         out->value);
    return 0;
}

/* How messages call a key: MLflow has other words for params than for tags. */
struct key_words {
    struct item item;
    const char *what;
};

/* A value may be "" or not sent at all. */
static int read_pair(struct ask *ask, yyjson_val *object, const struct key_words *words,
                     struct pair *out, struct error *err)
{
    if (need(ask, object, &words->item, "key", err) < 0 ||
        ask_value_text(ask, object, "key", &out->key, err) < 0 ||
        ask_value_text(ask, object, "value", &out->value, err) < 0)
        return -1;
    if (plain_key(out->key))
        return 0;
    return name_check_key(path_of(ask, &words->item, "key"), words->what, out->key, err);
}

/* A list that was not sent is an empty one. */
static int read_pairs(struct ask *ask, const char *list, const char *what, struct pairs *out,
                      struct error *err)
{
    yyjson_val *array, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, list, &array, err) < 0)
        return -1;
    *out =
        (struct pairs){.at = arena_new_array(ask->arena, struct pair, yyjson_arr_size(array) + 2)};
    if (!array)
        return 0;
    yyjson_arr_iter_init(array, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        const struct key_words words = {{list, out->count}, what};
        if (read_pair(ask, item, &words, &out->at[out->count], err) < 0)
            return -1;
        out->count++;
    }
    return 0;
}

/* --- One metric, one param, one tag ----------------------------------------------------------- */

/* One point in the body itself. */
void mlflow_log_metric(struct ask *ask)
{
    struct log *log = log_new(ask);
    struct error err = {0};
    int result = ask_run_id(ask, &log->run_id, &err);

    log->points = arena_make(ask->arena, struct metric_point);
    log->point_count = 1;
    if (result == 0)
        result = read_point(ask, ask->body, &(struct item){0}, log->points, &err);
    log_go(ask, log, result, &err);
}

/* One key and value in the body itself. */
static void log_pair(struct ask *ask, bool tag)
{
    struct log *log = log_new(ask);
    struct pairs *pairs = tag ? &log->tags : &log->params;
    const struct key_words words = {.what = tag ? "key" : "Param key"};
    struct error err = {0};
    int result = ask_run_id(ask, &log->run_id, &err);

    *pairs = (struct pairs){arena_make(ask->arena, struct pair), 1};
    if (result == 0)
        result = read_pair(ask, ask->body, &words, pairs->at, &err);
    log_go(ask, log, result, &err);
}

/* The same way as tags, but written once. */
void mlflow_log_parameter(struct ask *ask)
{
    log_pair(ask, false);
}

/* The same way as params, but the last one wins. */
void mlflow_set_tag(struct ask *ask)
{
    log_pair(ask, true);
}

/* --- A batch ------------------------------------------------------------------------------------
 */

/* MLflow's sentence for a batch over its limits. */
static int too_many(const char *what, size_t limit, size_t got, struct error *err)
{
    return error_set(err, ERROR_INVALID, what,
                     "A batch logging request can contain at most %zu %s. Got %zu %s. Please split "
                     "up %s across multiple requests and try again.",
                     limit, what, got, what, what);
}

/* MLflow's limits: 1000 points, 100 params, 100 tags, and 1000 of all. */
static int check_counts(struct ask *ask, yyjson_val *metrics, struct error *err)
{
    yyjson_val *params, *tags;

    if (ask_objects(ask, "params", &params, err) < 0 || ask_objects(ask, "tags", &tags, err) < 0)
        return -1;
    size_t m = yyjson_arr_size(metrics), p = yyjson_arr_size(params), t = yyjson_arr_size(tags);
    if (m > BATCH_METRICS_MAX)
        return too_many("metrics", BATCH_METRICS_MAX, m, err);
    if (p > BATCH_PAIRS_MAX)
        return too_many("params", BATCH_PAIRS_MAX, p, err);
    if (t > BATCH_PAIRS_MAX)
        return too_many("tags", BATCH_PAIRS_MAX, t, err);
    if (m + p + t > BATCH_ALL_MAX)
        return too_many("metrics, params, and tags", BATCH_ALL_MAX, m + p + t, err);
    return 0;
}

/* Of a repeated param either value could be the true one. */
static int check_unique(const struct pairs *params, struct error *err)
{
    for (size_t i = 0; i < params->count; i++)
        for (size_t other = 0; other < i; other++)
            if (str_eq(params->at[i].key, params->at[other].key))
                return error_set(err, ERROR_INVALID, "params",
                                 "Duplicate parameter keys have been submitted: ['%.*s']. Please "
                                 "ensure the request contains only one param value per param key.",
                                 STR_ARG(params->at[i].key));
    return 0;
}

/* As many as the limits let through. */
static int read_points(struct ask *ask, struct log *log, yyjson_val *metrics, struct error *err)
{
    yyjson_val *item;
    yyjson_arr_iter it;

    log->points = arena_new_array(ask->arena, struct metric_point, yyjson_arr_size(metrics) + 1);
    if (!metrics)
        return 0;
    yyjson_arr_iter_init(metrics, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        const struct item at = {"metrics", log->point_count};
        if (read_point(ask, item, &at, &log->points[log->point_count], err) < 0)
            return -1;
        log->point_count++;
    }
    return 0;
}

/* Sizes before contents, so that a huge body is refused early. */
static int read_batch(struct ask *ask, struct log *log, struct error *err)
{
    yyjson_val *metrics;
    size_t bytes = http_body(ask->call->ex).len;

    if (bytes > BATCH_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "",
                         "Batched logging API requests must be at most %d bytes, got a request of "
                         "size %zu.",
                         BATCH_BYTES_MAX, bytes);
    if (ask_run_id(ask, &log->run_id, err) < 0 || ask_objects(ask, "metrics", &metrics, err) < 0 ||
        check_counts(ask, metrics, err) < 0 || read_points(ask, log, metrics, err) < 0 ||
        read_pairs(ask, "params", "Param key", &log->params, err) < 0 ||
        read_pairs(ask, "tags", "key", &log->tags, err) < 0)
        return -1;
    return check_unique(&log->params, err);
}

/* What the background threads of clients send. */
void mlflow_log_batch(struct ask *ask)
{
    struct log *log = log_new(ask);
    struct error err = {0};

    log_go(ask, log, read_batch(ask, log, &err), &err);
}

/* --- A new run
 * ------------------------------------------------------------------------------------ */

/* The first of that key. */
static struct pair *tag_named(struct pairs *tags, struct str key)
{
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->at[i].key, key))
            return &tags->at[i];
    return NULL;
}

/* The name is a field and a tag, and both must agree. */
static int settle_name(struct ask *ask, struct log *log, struct error *err)
{
    struct pair *tag = tag_named(&log->tags, STR("mlflow.runName"));
    struct str name = log->run.name;

    if (tag && tag->value.len && name.len && !str_eq(tag->value, name))
        return error_set(
            err, ERROR_INVALID, "run_name",
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            "different values (run_name='%.*s', mlflow.runName='%.*s').",
            STR_ARG(name), STR_ARG(tag->value));
    if (name.len == 0)
        name = tag && tag->value.len ? tag->value : name_for_run(ask->arena);
    if (!tag)
        log->tags.at[log->tags.count++] = (struct pair){STR("mlflow.runName"), name};
    else
        tag->value = name;
    log->run.name = name;
    return 0;
}

/* What a job's code starts without naming a parent belongs to the job (decisions 25). */
static void settle_parent(struct ask *ask, struct log *log)
{
    struct pair *tag = tag_named(&log->tags, STR("mlflow.parentRunId"));
    const struct caller *caller = &ask->call->caller;

    if (!tag && caller->kind == CALLER_ATTEMPT) {
        tag = &log->tags.at[log->tags.count++];
        *tag = (struct pair){STR("mlflow.parentRunId"), caller->run};
    }
    log->parent = tag ? tag->value : STR("");
}

/* Name and parent are settled here, since a write may run twice. */
static int read_new_run(struct ask *ask, struct log *log, struct error *err)
{
    struct pairs sent;
    int64_t start_ms = 0, now_us = clock_now_us();

    if (ask_experiment_id(ask, ASK_OPTIONAL, &log->run.experiment, err) < 0 ||
        ask_text(ask, "run_name", ASK_OPTIONAL, &log->run.name, err) < 0 ||
        ask_text(ask, "user_id", ASK_OPTIONAL, &log->run.user, err) < 0 ||
        ask_int(ask, "start_time", ASK_OPTIONAL, &start_ms, err) < 0 ||
        read_pairs(ask, "tags", "key", &sent, err) < 0)
        return -1;
    if (start_ms < 0 || start_ms > TIME_MS_MAX)
        return error_set(err, ERROR_INVALID, "start_time",
                         "Invalid value %lld for parameter 'start_time' supplied.",
                         (long long)start_ms);
    log->tags.at = arena_new_array(ask->arena, struct pair, sent.count + 2);
    for (; log->tags.count < sent.count; log->tags.count++)
        log->tags.at[log->tags.count] = sent.at[log->tags.count];
    if (settle_name(ask, log, err) < 0)
        return -1;
    settle_parent(ask, log);
    log->run.run_id = run_new_id(ask->arena, now_us);
    log->run.created_us = now_us;
    log->run.start_us = start_ms ? start_ms * US_PER_MS : now_us;
    log->run.kind = RUN_MLFLOW;
    log->run.status = RUN_RUNNING;
    log->run.reason = STR("");
    return 0;
}

/* A parent that is not there leaves the tag and makes no link: the client did not ask for one. */
static int find_parent(struct store_txn *txn, struct log *log, struct run *run, struct error *err)
{
    struct error lost = {0};
    struct run parent;

    run->parent = run->root = 0;
    if (log->parent.len == 0)
        return 0;
    if (run_get(txn, run->scope, log->parent, &parent, &lost) < 0) {
        if (lost.code == ERROR_NOT_FOUND && log->ask.call->caller.kind != CALLER_ATTEMPT)
            return 0;
        return error_set(err, lost.code, lost.target, "%s", lost.message);
    }
    if (ask_may_write(&log->ask, txn, &parent, err) < 0)
        return -1;
    run->parent = parent.run;
    run->root = parent.root ? parent.root : parent.run;
    return 0;
}

/* An experiment that is not there, or deleted, takes no runs. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct log *log = context;
    struct experiment experiment;
    struct run run = log->run;

    if (ask_scope_number(&log->ask, txn, &run.scope, err) < 0 ||
        experiment_get(txn, run.scope, run.experiment, &experiment, err) < 0 ||
        find_parent(txn, log, &run, err) < 0)
        return -1;
    if (experiment.deleted_us)
        return error_set(err, ERROR_INVALID, "experiment_id",
                         "The experiment %lld must be in the 'active' state. Current state is "
                         "deleted.",
                         (long long)experiment.id);
    log->location = arena_str(log->ask.arena, experiment.location);
    if (run_insert(txn, &run, err) < 0)
        return -1;
    const struct pair_owner owner = {run.scope, run.run, run.run_id};
    return tags_set(log->ask.mlflow->engines->tracking, txn, &owner, &log->tags, err);
}

/* The reply is made of what was asked: nothing of it changes in the write but the rows. */
static void create_done(struct store_job *job, int result, const struct error *err)
{
    struct log *log = CONTAINER_OF(job, struct log, job);
    CLEANUP(out_free) struct out out = out_make();

    if (result < 0) {
        reply_error(log->ask.call, err);
        return;
    }
    out_begin(&out, NULL, '{');
    out_begin(&out, "run", '{');
    show_run_info(&out, "info", &log->ask, &log->run, log->location);
    out_begin(&out, "data", '{');
    show_pairs(&out, "tags", &log->tags);
    out_end(&out, '}');
    out_begin(&out, "inputs", '{');
    out_end(&out, '}');
    out_begin(&out, "outputs", '{');
    out_end(&out, '}');
    out_end(&out, '}');
    out_end(&out, '}');
    reply_json(log->ask.call, &out);
}

/* Queued like points: a sweep begins hundreds at once. */
void mlflow_create_run(struct ask *ask)
{
    struct log *log = log_new(ask);
    struct error err = {0};

    assert(!ask->query);
    if (read_new_run(ask, log, &err) < 0)
        reply_error(ask->call, &err);
    else
        log_queue(log, create_apply, create_done);
}
