/* PATCH of a run: what people write about it. Name, tags and the archive are the run's own;
 * description and properties lie in the job's document, so ARM shows the same. A run without a
 * document is MLflow's, and its state may be said here too. */
#include "dataplane/internal.h"

#include "dataplane/change.h"
#include "os/clock.h"

#include "store/document.h"
#include "store/event.h"

#include <assert.h>

/* Tags that are sent are set, null takes one away, the others stay. */
static int set_tags(struct store_txn *txn, const struct run *run, const struct json *tags,
                    struct error *err)
{
    struct json_iter it = json_iter(tags);

    while (json_next(&it))
        if (json_is_null(it.value) ? run_delete_tag(txn, run, it.key, err) < 0
                                   : run_set_tag(txn, run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    return 0;
}

/* A run of MLflow has no document; its description is the tag by which MLflow shows it. Properties
 * it has none of its own: only the one that is shown may come back. */
static int patch_mlflow_run(struct store_txn *txn, const struct run *run, const struct json *body,
                            struct error *err)
{
    struct json_iter it = json_iter(json_get(body, STR("properties")));
    struct json *description = json_get(body, STR("description"));

    while (json_next(&it))
        if (!str_eq(it.key, STR("lazurite.origin")) ||
            !str_eq(json_as_str(it.value), STR("mlflow")))
            return error_set(err, ERROR_NOT_IMPLEMENTED, "properties",
                             "The run '%.*s' was made by MLflow; it has tags, no properties.",
                             STR_ARG(run->run_id));
    if (json_kind(description) != JSON_STRING)
        return 0;
    return run_set_tag(txn, run, STR("mlflow.note.content"), json_as_str(description), err);
}

/* Merges description and properties into the document. */
static int patch_document(struct store_txn *txn, const struct run *run, const struct json *body,
                          struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *description = json_get(body, STR("description"));
    struct json *properties = json_get(body, STR("properties"));
    struct document document;

    if (document_by_id(txn, run->doc, &document, err) < 0)
        return -1;
    struct json *stored = json_parse(arena, document.body, err);
    if (!stored)
        return -1;
    if (json_kind(description) == JSON_STRING &&
        json_put(arena, stored, "properties.description", json_copy(arena, description), err) < 0)
        return -1;
    if (json_kind(properties) == JSON_OBJECT) {
        struct json *held = json_at(stored, "properties.properties");
        if (json_kind(held) != JSON_OBJECT) {
            held = json_object(arena);
            if (json_put(arena, stored, "properties.properties", held, err) < 0)
                return -1;
        }
        json_merge(arena, held, properties);
    }
    document.body = json_write(arena, stored);
    document.archived = run->archived;
    return document_update(txn, &document, err);
}

int change_tell(struct store_txn *txn, const struct call *call, const struct run *run,
                struct error *err)
{
    struct event event = {.scope = run->scope,
                          .type = STR("jobs.updated"),
                          .subject_kind = STR("jobs"),
                          .subject = run->run_id,
                          .actor = call->caller.name,
                          .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* A job is moved by its attempt, never by a client (decisions 8): what one says of its state is
 * not wrong, only not for it to say. */
void change_state(struct run *run, enum run_status status)
{
    if (run->doc || status == 0)
        return;
    if (status == RUN_RUNNING && run->start_us == 0)
        run->start_us = clock_now_us();
    if (run_status_final(status) && run->end_us == 0)
        run->end_us = clock_now_us();
    if (!run_status_final(status))
        run->end_us = 0;
    run->status = status;
}

/* Found and asked about in the write that follows, so nothing can come between. */
int change_find(struct store_txn *txn, const struct call *call, struct str name, struct run *out,
                struct error *err)
{
    struct scope scope;

    assert(store_is_writer(txn));
    if (dataplane_scope(call, txn, &scope, err) < 0 ||
        dataplane_row(call, txn, &(struct run_key){scope.number, name}, out, err) < 0)
        return -1;
    return dataplane_may_write(call, txn, out, err);
}

/* All that may refuse comes before what changes. */
static int patch_run(struct store_txn *txn, const struct call *call, struct run *run,
                     const struct json *body, struct error *err)
{
    struct str name = json_str_at(body, "displayName");
    struct json *hidden = json_get(body, STR("hidden"));

    if (name.len > 0)
        run->name = name;
    if (json_kind(hidden) == JSON_BOOL)
        run->archived = json_as_bool(hidden, false);
    change_state(run, change_status(json_str_at(body, "status")));
    if (run->doc == 0 ? patch_mlflow_run(txn, run, body, err) < 0
                      : patch_document(txn, run, body, err) < 0)
        return -1;
    if (set_tags(txn, run, json_get(body, STR("tags")), err) < 0 || run_update(txn, run, err) < 0)
        return -1;
    return change_tell(txn, call, run, err);
}

struct patch {
    struct call *call;
    const struct json *body;
};

static int patch_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct patch *patch = context;
    struct run run;

    if (change_find(txn, patch->call, call_param(patch->call, "run"), &run, err) < 0)
        return -1;
    return patch_run(txn, patch->call, &run, patch->body, err);
}

enum run_status change_status(struct str name)
{
    for (int status = 1; status < RUN_STATUS_COUNT_; status++)
        if (str_eq_fold(name, str_from(run_status_name((enum run_status)status))))
            return (enum run_status)status;
    return 0;
}

/* Refused before the write, which is for what depends on rows. */
static int check_status(struct str name, struct error *err)
{
    if (name.len == 0 || change_status(name))
        return 0;
    return error_set(err, ERROR_INVALID, "status",
                     "'%.*s' is no state of a run; Running, Completed, Failed and Canceled are.",
                     STR_ARG(str_slice(name, 0, 60)));
}

/* Kinds of values, before anything is stored. */
int change_check(const struct json *body, struct error *err)
{
    static const struct {
        const char *key;
        enum json_kind kind;
        const char *expected;
    } FIELDS[] = {{"displayName", JSON_STRING, "a text"},
                  {"status", JSON_STRING, "the name of a state"},
                  {"description", JSON_STRING, "a text"},
                  {"hidden", JSON_BOOL, "true or false"},
                  {"tags", JSON_OBJECT, "an object of texts"},
                  {"properties", JSON_OBJECT, "an object of texts"}};

    if (json_kind(body) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "", "The body is a JSON object.");
    for (size_t i = 0; i < COUNT(FIELDS); i++) {
        struct json *value = json_get(body, str_from(FIELDS[i].key));
        if (!json_is_null(value) && json_kind(value) != FIELDS[i].kind)
            return error_set(err, ERROR_INVALID, FIELDS[i].key, "'%s' is %s.", FIELDS[i].key,
                             FIELDS[i].expected);
        struct json_iter it = json_iter(FIELDS[i].kind == JSON_OBJECT ? value : NULL);
        while (json_next(&it))
            if (json_kind(it.value) != JSON_STRING &&
                !(json_is_null(it.value) && str_eq(str_from(FIELDS[i].key), STR("tags"))))
                return error_set(err, ERROR_INVALID, FIELDS[i].key, "'%s' is %s; '%.*s' is none.",
                                 FIELDS[i].key, FIELDS[i].expected, STR_ARG(it.key));
    }
    return check_status(json_str_at(body, "status"), err);
}

/* The first SDK makes a run by the PATCH of one that is not there yet, which says its type or its
 * parent. Any other such PATCH is one of a wrong name. */
static bool makes_run(struct call *call, const struct json *body)
{
    struct engines *engines = call->face;
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
    struct scope scope;
    struct run run;

    return (json_str_at(body, "parentRunId").len > 0 || json_get(body, STR("runTypeV2"))) && txn &&
           dataplane_scope(call, txn, &scope, &err) == 0 &&
           run_get(txn, scope.number, call_param(call, "run"), &run, &err) < 0 &&
           err.code == ERROR_NOT_FOUND;
}

void dataplane_patch_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct json *body = json_parse(call->arena, http_body(call->ex), &err);
    struct patch patch = {.call = call, .body = body};

    assert(engines->store);
    if (body && makes_run(call, body)) {
        dataplane_add_run(call);
        return;
    }
    if (!body || change_check(body, &err) < 0 ||
        store_write(engines->store, patch_apply, &patch, &err) < 0)
        arm_refuse(call, &err);
    else
        dataplane_get_run(call);
}

/* --- Many at once: each for itself, so that one name that is wrong does not stop the others.
 * ------ */

#define BATCH_MAX 500

struct batch {
    struct call *call;
    const struct json *body;
    struct str name;
};

/* A write for each run: one that is refused takes no other with it. */
static int batch_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct batch *batch = context;
    struct run run;

    if (change_find(txn, batch->call, batch->name, &run, err) < 0)
        return -1;
    return patch_run(txn, batch->call, &run, batch->body, err);
}

/* Clients tell a run that is not there from one that could not be changed. */
static struct json *error_view(struct arena *arena, const struct error *err)
{
    struct json *outer = json_object(arena), *inner = json_object(arena);

    json_set_str(arena, inner, "code",
                 err->code == ERROR_NOT_FOUND ? STR("NotFound") : STR("UserError"));
    json_set_str(arena, inner, "message", str_from(err->message));
    json_set(arena, outer, STR("error"), inner);
    return outer;
}

/* The run as it is after its patch. */
static struct json *patched_view(struct call *call, struct str name, struct error *err)
{
    struct engines *engines = call->face;
    struct dataplane_run at = {
        .call = call, .engines = engines, .txn = store_read_begin(engines->store, err)};
    struct json *view = NULL;

    if (at.txn && dataplane_find_run(&at, name, err) == 0)
        view = dataplane_run_view(&at, err);
    store_read_end(&at.txn);
    return view;
}

/* One that our side cannot store is no error of the run: the client shall try all again. */
static int batch_one(struct batch *batch, struct json *runs, struct json *errors, struct error *err)
{
    struct engines *engines = batch->call->face;
    struct arena *arena = batch->call->arena;
    struct error one = {0};
    struct json *view = NULL;

    if (change_check(batch->body, &one) == 0 &&
        store_write(engines->store, batch_apply, batch, &one) == 0)
        view = patched_view(batch->call, batch->name, &one);
    if (view) {
        json_set(arena, runs, batch->name, view);
        return 0;
    }
    if (one.code > ERROR_NOT_FOUND && one.code != ERROR_NOT_IMPLEMENTED) {
        *err = one;
        return -1;
    }
    json_set(arena, errors, batch->name, error_view(arena, &one));
    return 0;
}

/* Answers 200 whatever became of the members: each has its own answer. */
void dataplane_batch_patch_runs(struct call *call)
{
    struct arena *arena = call->arena;
    struct error err = {0};
    struct json *ask = dataplane_body(call, &err), *body = json_object(arena);
    struct json *list = ask ? json_get(ask, STR("runs")) : NULL;
    struct json *runs = json_object(arena), *errors = json_object(arena);
    struct json_iter it = json_iter(list);
    int result = ask ? dataplane_check_path(call, &err) : -1;

    if (result == 0 && (json_kind(list) != JSON_ARRAY || json_count(list) > BATCH_MAX))
        result = error_set(&err, ERROR_INVALID, "runs", "'runs' is a list of at most %d runs.",
                           BATCH_MAX);
    while (result == 0 && json_next(&it)) {
        struct batch batch = {call, it.value, json_str_at(it.value, "runId")};
        result = batch_one(&batch, runs, errors, &err);
    }
    json_set(arena, body, STR("runs"), runs);
    json_set(arena, body, STR("errors"), errors);
    if (result < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, body);
}
