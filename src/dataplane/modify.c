/* Runs made, tagged, told about, canceled and deleted. */
#include "dataplane/change.h"

#include "asset/doom.h"
#include "job/job.h"
#include "os/clock.h"
#include "route/name.h"
#include "store/event.h"

#include <assert.h>

#define EVENTS_MAX 500

/* What the writer is handed; `out` is what it found. */
struct modify {
    struct call *call;
    const struct json *body;
    struct run run;
};

/* Reads the body, writes, and shows the run. */
static void write_and_show(struct call *call, store_apply *apply,
                           int (*check)(const struct json *body, struct error *err))
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct modify modify = {.call = call, .body = dataplane_body(call, &err)};

    assert(apply);
    if (!modify.body || (check && check(modify.body, &err) < 0) ||
        store_write(engines->store, apply, &modify, &err) < 0)
        arm_refuse(call, &err);
    else
        dataplane_get_run(call);
}

/* --- A run that a client makes: as MLflow makes them
 * ---------------------------------------------- */

/* Where it lies: the experiment of the path or of the body, beside its parent, or Default. A job's
 * own runs hang below it (decisions 25). */
static int place_run(struct store_txn *txn, struct modify *m, struct run *io, struct error *err)
{
    const struct caller *caller = &m->call->caller;
    struct str parent = json_str_at(m->body, "parentRunId");
    struct str id = json_str_at(m->body, "experimentId");
    struct experiment experiment = {0};
    struct run above;
    int given = dataplane_find_experiment(m->call, txn, io->scope, &experiment, err);

    if (given < 0)
        return -1;
    if (!given && id.len > 0 &&
        (!str_to_int64(id, &experiment.id) ||
         experiment_get(txn, io->scope, experiment.id, &experiment, NULL) < 0))
        return error_set(err, ERROR_NOT_FOUND, "experimentId", "There is no experiment '%.*s'.",
                         STR_ARG(str_slice(id, 0, 60)));
    io->experiment = experiment.id;
    if (parent.len == 0 && caller->kind == CALLER_ATTEMPT)
        parent = caller->run;
    if (parent.len == 0)
        return experiment_make_default(txn, io->scope, err);
    if (run_get(txn, io->scope, parent, &above, err) < 0 ||
        dataplane_may_write(m->call, txn, &above, err) < 0)
        return -1;
    io->parent = above.run;
    io->root = above.root ? above.root : above.run;
    io->experiment = given || id.len > 0 ? io->experiment : above.experiment;
    return 0;
}

static int add_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct modify *m = context;
    struct json_iter it = json_iter(json_get(m->body, STR("tags")));
    struct scope scope;
    struct run run = {.run_id = call_param(m->call, "run"),
                      .kind = RUN_MLFLOW,
                      .status = RUN_NOT_STARTED,
                      .name = json_str_at(m->body, "displayName"),
                      .user = m->call->caller.name};
    struct run there;

    if (dataplane_scope(m->call, txn, &scope, err) < 0)
        return -1;
    if (run_get(txn, scope.number, run.run_id, &there, NULL) == 0)
        return error_set(err, ERROR_CONFLICT, "run", "There is a run '%.*s' already.",
                         STR_ARG(run.run_id));
    run.scope = scope.number;
    if (place_run(txn, m, &run, err) < 0)
        return -1;
    if (run.name.len == 0)
        run.name = run.run_id;
    change_state(&run, change_status(json_str_at(m->body, "status")));
    if (run_insert(txn, &run, err) < 0)
        return -1;
    while (json_next(&it))
        if (run_set_tag(txn, &run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    return change_tell(txn, m->call, &run, err);
}

void dataplane_add_run(struct call *call)
{
    struct error err = {0};

    if (name_check(NAME_JOB, call_param(call, "run"), "runId", &err) < 0)
        arm_refuse(call, &err);
    else
        write_and_show(call, add_apply, change_check);
}

/* --- Tags
 * ----------------------------------------------------------------------------------------- */

/* A list of texts, or nothing. */
static int check_texts(const struct json *list, const char *what, struct error *err)
{
    struct json_iter it = json_iter(list);
    bool good = json_is_null(list) || json_kind(list) == JSON_ARRAY;

    while (good && json_next(&it))
        good = json_kind(it.value) == JSON_STRING;
    return good ? 0 : error_set(err, ERROR_INVALID, what, "'%s' is a list of texts.", what);
}

/* Keys that are not there are passed over: a second try is no error. */
static int delete_texts(struct store_txn *txn, const struct run *run, const struct json *keys,
                        struct error *err)
{
    struct json_iter it = json_iter(keys);

    while (json_next(&it))
        if (run_delete_tag(txn, run, json_as_str(it.value), err) < 0)
            return -1;
    return 0;
}

/* Taken away first: a key that stands in both is set afterwards. */
static int tags_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct modify *m = context;
    struct json_iter it = json_iter(json_get(m->body, STR("tagsToModify")));
    struct run run;

    if (change_find(txn, m->call, call_param(m->call, "run"), &run, err) < 0 ||
        delete_texts(txn, &run, json_get(m->body, STR("tags")), err) < 0 ||
        delete_texts(txn, &run, json_get(m->body, STR("tagsToDelete")), err) < 0)
        return -1;
    while (json_next(&it))
        if (run_set_tag(txn, &run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    if (run_touch(txn, run.run, err) < 0)
        return -1;
    return change_tell(txn, m->call, &run, err);
}

static int check_tags(const struct json *body, struct error *err)
{
    struct json *modify = json_get(body, STR("tagsToModify"));
    struct json_iter it = json_iter(modify);

    if (check_texts(json_get(body, STR("tags")), "tags", err) < 0 ||
        check_texts(json_get(body, STR("tagsToDelete")), "tagsToDelete", err) < 0)
        return -1;
    if (!json_is_null(modify) && json_kind(modify) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "tagsToModify",
                         "'tagsToModify' is an object of texts.");
    while (json_next(&it))
        if (json_kind(it.value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, "tagsToModify",
                             "'tagsToModify' is an object of texts; '%.*s' is none.",
                             STR_ARG(it.key));
    return 0;
}

/* Takes its tags as {"tags": […]} or as the bare list. */
void dataplane_delete_tags(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct json *body = json_parse(call->arena, http_body(call->ex), &err);

    if (body && json_kind(body) == JSON_ARRAY) {
        struct json *object = json_object(call->arena);
        json_set(call->arena, object, STR("tags"), body);
        body = object;
    }
    struct modify modify = {.call = call, .body = body};
    if (!body || check_tags(body, &err) < 0 ||
        store_write(engines->store, tags_apply, &modify, &err) < 0)
        arm_refuse(call, &err);
    else
        dataplane_get_run(call);
}

void dataplane_modify_tags(struct call *call)
{
    write_and_show(call, tags_apply, check_tags);
}

/* --- Events: what a client says of its run
 * -------------------------------------------------------- */

/* The last word of an event's name is the state it tells of. */
static enum run_status event_status(struct str name)
{
    static const struct {
        const char *word;
        enum run_status status;
    } WORDS[] = {{"Start", RUN_RUNNING},       {"Started", RUN_RUNNING},
                 {"Completed", RUN_COMPLETED}, {"Failed", RUN_FAILED},
                 {"Canceled", RUN_CANCELED},   {"Queued", RUN_QUEUED},
                 {"Preparing", RUN_PREPARING}, {"Finalizing", RUN_FINALIZING}};
    struct str word = str_slice(name, (size_t)(str_find_last(name, '.') + 1), name.len);

    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(word, str_from(WORDS[i].word)))
            return WORDS[i].status;
    return 0;
}

static int event_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct modify *m = context;
    struct arena *arena = store_arena(txn);
    struct str name = json_str_at(m->body, "name"), run_id = call_param(m->call, "run");
    struct run run;

    if (run_id.len == 0)
        run_id = json_str_at(m->body, "data.runId");
    if (run_id.len == 0)
        run_id = json_str_at(m->body, "data.RunId");
    if (change_find(txn, m->call, run_id, &run, err) < 0)
        return -1;
    change_state(&run, event_status(name));
    struct event event = {.scope = run.scope,
                          .type = STR("jobs.told"),
                          .subject_kind = STR("jobs"),
                          .subject = run.run_id,
                          .actor = m->call->caller.name,
                          .body = json_write(arena, m->body)};
    return run_update(txn, &run, err) < 0 ? -1 : event_append(txn, &event, err);
}

/* Without a name there is nothing to do and nothing to write down. */
static int check_event(const struct json *body, struct error *err)
{
    if (json_kind(body) == JSON_OBJECT && json_str_at(body, "name").len > 0)
        return 0;
    return error_set(err, ERROR_INVALID, "name", "An event has a 'name'.");
}

/* The first SDK takes no yes but 200, later ones none but 204. */
static int told_status(const struct call *call)
{
    return str_find(http_header(call->ex, "User-Agent"), STR("azureml-sdk-core/")) >= 0 ? 200 : 204;
}

void dataplane_post_events(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct modify modify = {.call = call, .body = dataplane_body(call, &err)};

    if (!modify.body || check_event(modify.body, &err) < 0 ||
        store_write(engines->store, event_apply, &modify, &err) < 0)
        arm_refuse(call, &err);
    else
        http_reply(call->ex, told_status(call), "application/json", STR(""));
}

/* An event that is refused, with the reason. */
static void add_refusal(struct arena *arena, struct json *errors, const struct json *event,
                        const struct error *err)
{
    struct json *pair = json_object(arena), *outer = json_object(arena),
                *inner = json_object(arena);

    json_set_str(arena, inner, "code", STR("UserError"));
    json_set_str(arena, inner, "message", str_from(err->message));
    json_set(arena, outer, STR("error"), inner);
    json_set(arena, pair, STR("key"), json_copy(arena, event));
    json_set(arena, pair, STR("value"), outer);
    json_append(arena, errors, pair);
}

/* Those that are refused come back whole, so that a client can send them again. */
void dataplane_batch_events(struct call *call)
{
    struct engines *engines = call->face;
    struct arena *arena = call->arena;
    struct error err = {0};
    struct json *ask = dataplane_body(call, &err), *body = json_object(arena);
    struct json *list = ask ? json_get(ask, STR("events")) : NULL;
    struct json *errors = json_array(arena), *successes = json_array(arena);
    struct json_iter it = json_iter(list);

    if (ask && dataplane_check_path(call, &err) == 0 &&
        (json_kind(list) != JSON_ARRAY || json_count(list) > EVENTS_MAX))
        error_set(&err, ERROR_INVALID, "events", "'events' is a list of at most %d events.",
                  EVENTS_MAX);
    while (err.code == ERROR_NONE && json_next(&it)) {
        struct modify modify = {.call = call, .body = it.value};
        struct error one = {0};
        if (check_event(it.value, &one) < 0 ||
            store_write(engines->store, event_apply, &modify, &one) < 0)
            add_refusal(arena, errors, it.value, &one);
        else
            json_append(arena, successes, json_text(arena, json_str_at(it.value, "name")));
    }
    json_set(arena, body, STR("errors"), errors);
    json_set(arena, body, STR("successes"), successes);
    if (err.code != ERROR_NONE)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, body);
}

/* --- Cancel, delete
 * ------------------------------------------------------------------------------- */

static int cancel_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct modify *m = context;

    if (change_find(txn, m->call, call_param(m->call, "run"), &m->run, err) < 0)
        return -1;
    m->run.run_id = arena_str(m->call->arena, m->run.run_id);
    if (m->run.doc || run_status_final(m->run.status))
        return 0;
    change_state(&m->run, RUN_CANCELED);
    return run_update(txn, &m->run, err) < 0 ? -1 : change_tell(txn, m->call, &m->run, err);
}

/* A job is asked to stop by its engine; a run that only a client drives ends as canceled. */
void dataplane_cancel_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct modify modify = {.call = call};

    assert(engines->store);
    if (store_write(engines->store, cancel_apply, &modify, &err) < 0 ||
        (modify.run.doc && job_cancel(engines->jobs, modify.run.scope, modify.run.run_id,
                                      call->caller.name, &err) < 0))
        arm_refuse(call, &err);
    else
        dataplane_get_run(call);
}

static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct modify *m = context;
    struct event event = {.type = STR("jobs.deleted"),
                          .subject_kind = STR("jobs"),
                          .actor = m->call->caller.name,
                          .body = STR("{}")};
    struct scope scope;
    struct run run;

    if (change_find(txn, m->call, call_param(m->call, "run"), &run, err) < 0 ||
        scope_by_number(txn, run.scope, &scope, err) < 0)
        return -1;
    if (run.doc)
        return error_set(err, ERROR_CONFLICT, "run",
                         "The run '%.*s' is a job; delete the job instead.", STR_ARG(run.run_id));
    event.scope = run.scope;
    event.subject = run.run_id;
    if (doom_run(txn, &scope, &run, err) < 0)
        return -1;
    return event_append(txn, &event, err);
}

void dataplane_delete_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct modify modify = {.call = call};

    if (store_write(engines->store, delete_apply, &modify, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    http_reply(call->ex, 200, "application/json", STR("{}"));
    /* What fails here is done by the hourly round. */
    doom_sweep(engines->store, NULL);
}
