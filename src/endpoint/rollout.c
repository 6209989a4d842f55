#include "endpoint/internal.h"

#include "base/log.h"
#include "os/clock.h"
#include "store/event.h"

#include <assert.h>
#include <string.h>

#define LIMIT_US (3600LL * US_PER_S) /* from the PUT until every replica answers */
#define DEPLOYMENTS_MAX 100
#define ENDPOINTS_MAX 1000

static const char *const STATES[] = {
    [ROLLOUT_CREATING] = "Creating",
    [ROLLOUT_UPDATING] = "Updating",
    [ROLLOUT_SUCCEEDED] = "Succeeded",
    [ROLLOUT_FAILED] = "Failed",
};

static enum rollout_state state_of(const struct json *body)
{
    struct str text = json_str_at(body, "state");

    for (size_t i = 0; i < COUNT(STATES); i++)
        if (str_eq(text, str_from(STATES[i])))
            return (enum rollout_state)i;
    return ROLLOUT_CREATING;
}

static int rollout_get(struct store_txn *txn, const struct document *deployment,
                       struct document *out, struct error *err)
{
    const struct document_key key = {deployment->scope, ROLLOUT_TYPE, deployment->doc,
                                     ROLLOUT_NAME};

    assert(deployment->doc > 0);
    return document_get(txn, &key, out, err);
}

void rollout_set_state(struct arena *arena, struct rollout *rollout, enum rollout_state state,
                       const char *reason)
{
    assert(state < COUNT(STATES));
    rollout->state = state;
    json_set_str(arena, rollout->body, "state", str_from(STATES[state]));
    json_set_str(arena, rollout->body, "reason", str_from(reason));
}

/* --- In the client's transaction
 * ------------------------------------------------------------------- */

/* Whether two plans need the same replicas: limits and warnings change nothing about them. */
static bool same_replicas(struct arena *arena, const struct json *a, const struct json *b)
{
    static const char *const LIVE[] = {"limits", "warnings"};
    struct json *left = json_copy(arena, a), *right = json_copy(arena, b);

    for (size_t i = 0; i < COUNT(LIVE); i++) {
        json_remove(left, str_from(LIVE[i]));
        json_remove(right, str_from(LIVE[i]));
    }
    return json_equal(left, right);
}

static int insert_first(struct store_txn *txn, const struct document *deployment,
                        const struct json *plan, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *body = json_object(arena);
    struct document document = {.scope = deployment->scope,
                                .type = ROLLOUT_TYPE,
                                .parent = deployment->doc,
                                .name = ROLLOUT_NAME,
                                .created_by = deployment->created_by};

    json_set_str(arena, body, "state", STR("Creating"));
    json_set_str(arena, body, "reason", STR("The roll-out has not begun."));
    json_set_int(arena, body, "startedUs", clock_now_us());
    json_set(arena, body, STR("plan"), json_copy(arena, plan));
    json_set(arena, body, STR("serving"), json_array(arena));
    json_set(arena, body, STR("next"), json_array(arena));
    json_set(arena, body, STR("failed"), json_array(arena));
    document.body = json_write(arena, body);
    return document_insert(txn, &document, err);
}

int deployment_insert(struct store_txn *txn, const struct document *deployment,
                      const struct json *plan, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct document document;
    struct error cause = {0};

    if (rollout_get(txn, deployment, &document, &cause) < 0) {
        if (cause.code == ERROR_NOT_FOUND)
            return insert_first(txn, deployment, plan, err);
        *err = cause;
        return -1;
    }
    struct json *body = json_parse(arena, document.body, err);
    if (!body)
        return -1;
    bool same = same_replicas(arena, json_at(body, "plan"), plan);
    json_set(arena, body, STR("plan"), json_copy(arena, plan));
    if (!same || state_of(body) == ROLLOUT_FAILED) {
        bool serves = json_count(json_at(body, "serving")) > 0;
        json_set_str(arena, body, "state", serves ? STR("Updating") : STR("Creating"));
        json_set_str(arena, body, "reason", STR("The roll-out has not begun."));
        json_set_int(arena, body, "startedUs", clock_now_us());
        json_set_bool(arena, body, "switched", false);
        json_set(arena, body, STR("next"), json_array(arena));
        json_set(arena, body, STR("failed"), json_array(arena));
    }
    document.body = json_write(arena, body);
    return document_update(txn, &document, err);
}

int deployment_forget(struct store_txn *txn, const struct document *deployment, struct error *err)
{
    struct document document;
    struct error cause = {0};

    if (rollout_get(txn, deployment, &document, &cause) == 0)
        return document_delete(txn, document.doc, err);
    if (cause.code == ERROR_NOT_FOUND)
        return 0;
    *err = cause;
    return -1;
}

/* --- In a read
 * ------------------------------------------------------------------------------------- */

static struct json *rollout_body(struct store_txn *txn, const struct document *deployment,
                                 struct error *err)
{
    struct document document;

    if (rollout_get(txn, deployment, &document, err) < 0)
        return NULL;
    return json_parse(store_arena(txn), document.body, err);
}

int deployment_show(struct store_txn *txn, struct arena *arena, const struct document *deployment,
                    struct json *properties, struct error *err)
{
    struct json *body = rollout_body(txn, deployment, err);

    if (!body)
        return -1;
    json_set_str(arena, properties, "provisioningState", json_str_at(body, "state"));
    return 0;
}

int deployment_progress(struct store_txn *txn, const struct document *deployment, struct error *err)
{
    struct json *body = rollout_body(txn, deployment, err);

    if (!body)
        return -1;
    switch (state_of(body)) {
    case ROLLOUT_SUCCEEDED:
        return 1;
    case ROLLOUT_FAILED:
        error_set(err, ERROR_USER, "", "%.*s", STR_ARG(json_str_at(body, "reason")));
        return error_hint(err, "The deployment's logs tell more: online-deployment get-logs.");
    default:
        return 0;
    }
}

/* --- The thread's view
 * ----------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    struct store_txn *txn;
    struct scope scope;
    struct endpoint_view *view; /* the endpoint whose deployments are read */
    struct endpoint_view **first;
};

static struct document keep(struct arena *arena, const struct document *document)
{
    struct document kept = *document;

    kept.type = arena_str(arena, document->type);
    kept.name = arena_str(arena, document->name);
    kept.created_by = arena_str(arena, document->created_by);
    kept.body = arena_str(arena, document->body);
    kept.system = arena_str(arena, document->system);
    return kept;
}

static int read_deployment(const struct document *document, void *context, struct error *err)
{
    struct reading *reading = context;
    struct arena *arena = reading->arena;
    struct document found;

    if (rollout_get(reading->txn, document, &found, err) < 0)
        return -1;
    struct rollout *rollout = arena_make(arena, struct rollout);
    rollout->document = keep(arena, &found);
    rollout->endpoint = reading->view->document.name;
    rollout->name = arena_str(arena, document->name);
    rollout->body = json_parse(arena, rollout->document.body, err);
    if (!rollout->body)
        return -1;
    rollout->state = state_of(rollout->body);
    rollout->sibling = reading->view->rollouts;
    reading->view->rollouts = rollout;
    return 0;
}

static int read_endpoint(const struct document *document, void *context, struct error *err)
{
    struct reading *reading = context;
    struct endpoint_view *view = arena_make(reading->arena, struct endpoint_view);
    const struct document_query query = {.scope = document->scope,
                                         .type = DEPLOYMENT_TYPE,
                                         .parent = document->doc,
                                         .view = VIEW_ALL,
                                         .limit = DEPLOYMENTS_MAX};

    view->document = keep(reading->arena, document);
    view->scope = reading->scope;
    view->body = json_parse(reading->arena, view->document.body, err);
    if (!view->body)
        return -1;
    view->sibling = *reading->first;
    *reading->first = view;
    reading->view = view;
    return document_list(reading->txn, &query, read_deployment, reading, err);
}

static int read_scope(const struct scope *scope, void *context)
{
    struct reading *reading = context;
    struct error err = {0};
    const struct document_query query = {
        .scope = scope->number, .type = ENDPOINT_TYPE, .view = VIEW_ALL, .limit = ENDPOINTS_MAX};

    reading->scope = *scope;
    reading->scope.subscription = arena_str(reading->arena, scope->subscription);
    reading->scope.group = arena_str(reading->arena, scope->group);
    reading->scope.name = arena_str(reading->arena, scope->name);
    reading->scope.guid = arena_str(reading->arena, scope->guid);
    reading->scope.data_key = arena_str(reading->arena, scope->data_key);
    if (document_list(reading->txn, &query, read_endpoint, reading, &err) < 0) {
        log_error("endpoint.read", &err);
        return -1;
    }
    return 0;
}

int rollout_read_all(struct endpoints *endpoints, struct arena *arena, struct endpoint_view **out,
                     struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    struct reading reading = {.arena = arena, .txn = txn, .first = out};

    *out = NULL;
    return txn ? scope_each(txn, read_scope, &reading, err) : -1;
}

static int save_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct rollout *rollout = context;
    struct document document = rollout->document;

    return document_update(txn, &document, err);
}

int rollout_save(struct endpoints *endpoints, struct rollout *rollout, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    rollout->document.body = json_write(arena, rollout->body);
    if (store_write(endpoints->options.store, save_apply, rollout, err) < 0)
        return -1;
    rollout->document.rev++;
    return 0;
}

/* --- One step forward
 * ------------------------------------------------------------------------------ */

static void rollout_fail(struct endpoints *endpoints, struct arena *arena, struct rollout *rollout,
                         struct str reason)
{
    struct error err = {0};

    rollout_set_state(arena, rollout, ROLLOUT_FAILED, arena_cstr(arena, reason));
    json_set(arena, rollout->body, STR("failed"), json_copy(arena, json_at(rollout->body, "next")));
    json_set(arena, rollout->body, STR("next"), json_array(arena));
    if (rollout_save(endpoints, rollout, &err) < 0)
        log_error("rollout.save", &err);
    LOG(LOG_WARN, "rollout.failed", LOG_STR("endpoint", rollout->endpoint),
        LOG_STR("deployment", rollout->name), LOG_STR("reason", reason));
}

/* Names come first, in the document, so that after a crash nothing runs that is not wanted. */
static void rollout_name_replicas(struct endpoints *endpoints, struct arena *arena,
                                  struct rollout *rollout)
{
    struct json *names = json_array(arena);
    struct error err = {0};

    for (int64_t i = json_int_at(rollout->body, "plan.instances", 1); i > 0; i--)
        json_append(arena, names, json_text(arena, replica_name(arena)));
    json_set(arena, rollout->body, STR("next"), names);
    json_set_str(arena, rollout->body, "reason", STR("The replicas are being started."));
    if (rollout_save(endpoints, rollout, &err) < 0) {
        json_set(arena, rollout->body, STR("next"), json_array(arena));
        log_error("rollout.save", &err);
    }
}

/* Starts and watches the next replicas. 1 all ready, 0 not yet, -1 failed with the reason. */
static int rollout_bring_up(struct endpoints *endpoints, struct arena *arena,
                            const struct endpoint_view *endpoint, struct rollout *rollout,
                            struct str *out_reason)
{
    struct json_iter it = json_iter(json_at(rollout->body, "next"));
    bool all = true;

    while (json_next(&it)) {
        struct str name = json_as_str(it.value), reason = {0};
        struct error err = {0};
        if (replica_ensure(endpoints, arena, endpoint, rollout, name, &err) < 0) {
            *out_reason = arena_str(arena, str_from(err.message));
            return err.code == ERROR_UNAVAILABLE ? 0 : -1; /* keys still being made: later */
        }
        enum replica_state state = replica_look(endpoints, arena, name, &reason);
        all &= state == REPLICA_READY;
        if (state != REPLICA_READY)
            *out_reason = reason;
        if (state == REPLICA_FAILED)
            return -1;
    }
    return all;
}

/* The new replicas answer: from the next push on they serve. */
static void rollout_switch(struct endpoints *endpoints, struct arena *arena,
                           struct rollout *rollout)
{
    struct error err = {0};

    json_set(arena, rollout->body, STR("serving"),
             json_copy(arena, json_at(rollout->body, "next")));
    json_set(arena, rollout->body, STR("next"), json_array(arena));
    json_set(arena, rollout->body, STR("failed"), json_array(arena));
    json_set_bool(arena, rollout->body, "switched", true);
    if (rollout_save(endpoints, rollout, &err) < 0)
        log_error("rollout.save", &err);
}

static void rollout_finish(struct endpoints *endpoints, struct arena *arena,
                           struct rollout *rollout)
{
    struct error err = {0};

    rollout_set_state(arena, rollout, ROLLOUT_SUCCEEDED, "");
    json_set_bool(arena, rollout->body, "switched", false);
    if (rollout_save(endpoints, rollout, &err) < 0)
        log_error("rollout.save", &err);
    LOG(LOG_INFO, "rollout.done", LOG_STR("endpoint", rollout->endpoint),
        LOG_STR("deployment", rollout->name));
}

bool rollout_step(struct endpoints *endpoints, struct arena *arena, struct endpoint_view *endpoint,
                  struct rollout *rollout)
{
    struct str reason = {0};

    if (rollout->state == ROLLOUT_SUCCEEDED || rollout->state == ROLLOUT_FAILED)
        return false;
    if (json_bool_at(rollout->body, "switched", false)) {
        /* Done is said only once a call would be answered. */
        if (link_ready(endpoints, arena, json_at(rollout->body, "serving")))
            rollout_finish(endpoints, arena, rollout);
        return rollout->state != ROLLOUT_SUCCEEDED;
    }
    if (json_count(json_at(rollout->body, "next")) == 0)
        rollout_name_replicas(endpoints, arena, rollout);
    int up = rollout_bring_up(endpoints, arena, endpoint, rollout, &reason);
    if (up == 0 && clock_now_us() - json_int_at(rollout->body, "startedUs", 0) > LIMIT_US) {
        reason = arena_printf(arena, "The replicas were not ready within an hour; last: %.*s",
                              STR_ARG(reason));
        up = -1;
    }
    if (up < 0)
        rollout_fail(endpoints, arena, rollout, reason);
    else if (up > 0)
        rollout_switch(endpoints, arena, rollout);
    return rollout->state != ROLLOUT_FAILED;
}
