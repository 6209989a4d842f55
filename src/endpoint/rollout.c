/* rollout.c - a deployment's way from its plan to replicas that serve
 *
 * The document is the truth, a step only moves it on: it may be repeated, and a crash between any
 * two of its writes leaves something the next turn goes on from. The order is what makes that so:
 * names are written before anything of that name runs, `serving` changes only once all replicas
 * answer, and what served before is ended by replica_reap only when no document lists it.
 */
#include "endpoint/internal.h"

#include "base/log.h"
#include "os/clock.h"

#include <assert.h>
#include <string.h>

#define LIMIT_US (3600LL * US_PER_S) /* from the PUT until every replica answers */
#define DEPLOYMENTS_MAX 100
#define ENDPOINTS_MAX 1000

/* provisioningState's words. */
static const char *const STATES[] = {
    [ROLLOUT_CREATING] = "Creating",
    [ROLLOUT_UPDATING] = "Updating",
    [ROLLOUT_SUCCEEDED] = "Succeeded",
    [ROLLOUT_FAILED] = "Failed",
};

/* Its word in the document. */
enum rollout_state rollout_state_of(const struct json *body)
{
    struct str text = json_str_at(body, "state");

    for (size_t i = 0; i < COUNT(STATES); i++)
        if (str_eq(text, str_from(STATES[i])))
            return (enum rollout_state)i;
    return ROLLOUT_CREATING;
}

/* A document below the deployment's: it goes where that goes and never shows in a list. */
int rollout_get(struct store_txn *txn, const struct document *deployment, struct document *out,
                struct error *err)
{
    const struct document_key key = {deployment->scope, ROLLOUT_TYPE, deployment->doc,
                                     ROLLOUT_NAME};

    assert(deployment->doc > 0);
    return document_get(txn, &key, out, err);
}

/* State and reason change together: a reason of an earlier state would mislead. */
void rollout_set_state(struct arena *arena, struct rollout *rollout, enum rollout_state state,
                       const char *reason)
{
    assert(state < COUNT(STATES));
    rollout->state = state;
    json_set_str(arena, rollout->body, "state", str_from(STATES[state]));
    json_set_str(arena, rollout->body, "reason", str_from(reason));
}

/* --- The thread's view ---------------------------------------------------------------------------
 */

/* Three walks in one another: scopes, their endpoints, the deployments of each. */
struct reading {
    struct arena *arena;
    struct store_txn *txn;
    struct scope scope;
    struct endpoint_view *view; /* the endpoint whose deployments are read */
    struct endpoint_view **first;
};

/* Strings of a document live as long as its snapshot; a turn goes on after it. */
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

/* One deployment with its roll-out, put before its siblings. */
static int read_deployment(const struct document *document, void *context, struct error *err)
{
    struct reading *reading = context;
    struct arena *arena = reading->arena;
    struct document found;

    assert(reading->view); /* read_endpoint lists only its own deployments */
    if (rollout_get(reading->txn, document, &found, err) < 0)
        return -1;
    struct rollout *rollout = arena_make(arena, struct rollout);
    rollout->document = keep(arena, &found);
    rollout->endpoint = reading->view->document.name;
    rollout->name = arena_str(arena, document->name);
    rollout->body = json_parse(arena, rollout->document.body, err);
    if (!rollout->body)
        return -1;
    rollout->state = rollout_state_of(rollout->body);
    rollout->sibling = reading->view->rollouts;
    reading->view->rollouts = rollout;
    return 0;
}

/* One endpoint and all that is deployed to it. */
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
    assert(document->parent == 0);
    view->sibling = *reading->first;
    *reading->first = view;
    reading->view = view;
    return document_list(reading->txn, &query, read_deployment, reading, err);
}

/* One workspace. A failure is logged here, since scope_each hands on no reason; the turn ends. */
static int read_scope(const struct scope *scope, void *context)
{
    struct reading *reading = context;
    struct error err = {0};
    const struct document_query query = {
        .scope = scope->number, .type = ENDPOINT_TYPE, .view = VIEW_ALL, .limit = ENDPOINTS_MAX};

    assert(scope->number > 0);
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

/* One snapshot, so that an endpoint's traffic and its deployments belong together. */
int rollout_read_all(struct endpoints *endpoints, struct arena *arena, struct endpoint_view **out,
                     struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    struct reading reading = {.arena = arena, .txn = txn, .first = out};

    assert(endpoints->options.store);
    *out = NULL;
    return txn ? scope_each(txn, read_scope, &reading, err) : -1;
}

/* Runs on the writer thread. The revision in `document` is the one that was read: an update of the
 * client in between wins, as ERROR_CONFLICT. */
static int save_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct rollout *rollout = context;
    struct document document = rollout->document;

    return document_update(txn, &document, err);
}

/* Stored before anything is done by it, as a restart goes on from what is stored. */
int rollout_save(struct endpoints *endpoints, struct arena *arena, struct rollout *rollout,
                 struct error *err)
{
    struct str before = rollout->document.body;

    assert(rollout->document.doc > 0);
    rollout->document.body = json_write(arena, rollout->body);
    if (store_write(endpoints->options.store, save_apply, rollout, err) == 0) {
        rollout->document.rev++;
        return 0;
    }
    /* What was not stored must not be acted on: the rest of this turn tells the gateway who serves
     * and ends who does not, and the next turn would know nothing of it. */
    rollout->document.body = before;
    rollout->body = json_parse(arena, before, NULL);
    assert(rollout->body); /* it was read from this text */
    rollout->state = rollout_state_of(rollout->body);
    return -1;
}

/* --- One step forward ----------------------------------------------------------------------------
 */

/* The replicas' names move to "failed", which keeps their folders for the logs. What served before
 * an update goes on serving. */
static void rollout_fail(struct endpoints *endpoints, struct arena *arena, struct rollout *rollout,
                         struct str reason)
{
    struct error err = {0};

    assert(reason.len > 0);
    rollout_set_state(arena, rollout, ROLLOUT_FAILED, arena_cstr(arena, reason));
    json_set(arena, rollout->body, STR("failed"), json_copy(arena, json_at(rollout->body, "next")));
    json_set(arena, rollout->body, STR("next"), json_array(arena));
    if (rollout_save(endpoints, arena, rollout, &err) < 0) {
        log_error("rollout.save", &err);
        return;
    }
    LOG(LOG_WARN, "rollout.failed", LOG_STR("endpoint", rollout->endpoint),
        LOG_STR("deployment", rollout->name), LOG_STR("reason", reason));
}

/* Names come first, in the document, so that after a crash nothing runs that is not wanted. False
 * when they could not be stored: without names there is nothing to start, and nothing that would be
 * ready. */
static bool rollout_name_replicas(struct endpoints *endpoints, struct arena *arena,
                                  struct rollout *rollout)
{
    struct json *names = json_array(arena);
    struct error err = {0};

    for (int64_t i = json_int_at(rollout->body, "plan.instances", 1); i > 0; i--)
        json_append(arena, names, json_text(arena, replica_name(arena)));
    json_set(arena, rollout->body, STR("next"), names);
    json_set_str(arena, rollout->body, "reason", STR("The replicas are being started."));
    assert(json_count(names) > 0); /* a plan has 1 to 32 instances */
    if (rollout_save(endpoints, arena, rollout, &err) == 0)
        return true;
    log_error("rollout.save", &err);
    return false;
}

/* Starts and watches the next replicas. 1 all ready, 0 not yet, -1 failed with the reason. */
static int rollout_bring_up(struct endpoints *endpoints, struct arena *arena,
                            const struct endpoint_view *endpoint, struct rollout *rollout,
                            struct str *out_reason)
{
    struct json_iter it = json_iter(json_at(rollout->body, "next"));
    bool all = true;

    assert(json_count(json_at(rollout->body, "next")) > 0);
    while (json_next(&it)) {
        struct str name = json_as_str(it.value), reason = {0};
        struct error err = {0};
        const struct replica_order order = {endpoint, rollout, name};
        if (replica_ensure(endpoints, arena, &order, &err) < 0) {
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
    assert(json_count(json_at(rollout->body, "serving")) > 0);
    if (rollout_save(endpoints, arena, rollout, &err) < 0)
        log_error("rollout.save", &err);
}

/* The gateway saw every new replica answer. */
static void rollout_finish(struct endpoints *endpoints, struct arena *arena,
                           struct rollout *rollout)
{
    struct error err = {0};

    assert(json_count(json_at(rollout->body, "serving")) > 0);
    rollout_set_state(arena, rollout, ROLLOUT_SUCCEEDED, "");
    json_set_bool(arena, rollout->body, "switched", false);
    if (rollout_save(endpoints, arena, rollout, &err) < 0) {
        log_error("rollout.save", &err);
        return;
    }
    LOG(LOG_INFO, "rollout.done", LOG_STR("endpoint", rollout->endpoint),
        LOG_STR("deployment", rollout->name));
}

/* Never waits: whatever is not ready now is looked at again in the next turn. */
bool rollout_step(struct endpoints *endpoints, struct arena *arena, struct endpoint_view *endpoint,
                  struct rollout *rollout)
{
    struct str reason = {0};

    assert(rollout->body && rollout->document.doc > 0);
    if (rollout->state == ROLLOUT_SUCCEEDED || rollout->state == ROLLOUT_FAILED)
        return false;
    if (json_bool_at(rollout->body, "switched", false)) {
        /* Done is said only once a call would be answered. */
        if (link_ready(endpoints, arena, json_at(rollout->body, "serving")))
            rollout_finish(endpoints, arena, rollout);
        return rollout->state != ROLLOUT_SUCCEEDED;
    }
    if (json_count(json_at(rollout->body, "next")) == 0 &&
        !rollout_name_replicas(endpoints, arena, rollout))
        return true;
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
