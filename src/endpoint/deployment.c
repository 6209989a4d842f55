/* deployment.c - what the kind of deployments asks of roll-outs, within its own transactions
 *
 * A client's PUT only writes down what is wanted; rollout.c, on the thread, makes it so.
 */
#include "endpoint/internal.h"

#include "os/clock.h"

#include <assert.h>

/* --- In the client's transaction ----------------------------------------------------------------
 */

/* Whether two plans need the same replicas: limits and warnings change nothing about them. */
static bool same_replicas(struct arena *arena, const struct json *a, const struct json *b)
{
    static const char *const LIVE[] = {"limits", "warnings"};
    struct json *left = json_copy(arena, a), *right = json_copy(arena, b);

    assert(json_kind(b) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(LIVE); i++) {
        json_remove(left, str_from(LIVE[i]));
        json_remove(right, str_from(LIVE[i]));
    }
    return json_equal(left, right);
}

/* The first PUT of a deployment: nothing serves yet. */
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

    assert(deployment->doc > 0);
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

/* A PUT again: the roll-out starts anew only when the replicas would be others, so that a client
 * may set limits or traffic without a moment of two sets of replicas. */
int deployment_insert(struct store_txn *txn, const struct document *deployment,
                      const struct json *plan, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct document document;
    struct error cause = {0};

    assert(store_is_writer(txn) && json_kind(plan) == JSON_OBJECT);
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
    /* The same plan again retries what failed; what succeeded or is under way is left alone. */
    if (!same || rollout_state_of(body) == ROLLOUT_FAILED) {
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

/* One that never was rolled out has no document, which is fine. */
int deployment_forget(struct store_txn *txn, const struct document *deployment, struct error *err)
{
    struct document document;
    struct error cause = {0};

    assert(store_is_writer(txn));
    /* Without its document nothing lists the replicas, so replica_reap ends them. */
    if (rollout_get(txn, deployment, &document, &cause) == 0)
        return document_delete(txn, document.doc, err);
    if (cause.code == ERROR_NOT_FOUND)
        return 0;
    *err = cause;
    return -1;
}

/* --- In a read -----------------------------------------------------------------------------------
 */

/* The roll-out's document; its memory is the snapshot's. */
static struct json *rollout_body(struct store_txn *txn, const struct document *deployment,
                                 struct error *err)
{
    struct document document;

    if (rollout_get(txn, deployment, &document, err) < 0)
        return NULL;
    return json_parse(store_arena(txn), document.body, err);
}

/* The rollout knows the state; the document of the deployment only what is wanted. */
int deployment_show(struct store_txn *txn, struct arena *arena, const struct document *deployment,
                    struct json *properties, struct error *err)
{
    struct json *body = rollout_body(txn, deployment, err);

    if (!body)
        return -1;
    assert(json_kind(properties) == JSON_OBJECT);
    json_set_str(arena, properties, "provisioningState", json_str_at(body, "state"));
    return 0;
}

/* What a client that polls its operation is told; ERROR_USER, since most often its own model or
 * script is why. */
int deployment_progress(struct store_txn *txn, const struct document *deployment, struct error *err)
{
    struct json *body = rollout_body(txn, deployment, err);

    if (!body)
        return -1;
    switch (rollout_state_of(body)) {
    case ROLLOUT_SUCCEEDED:
        return 1;
    case ROLLOUT_FAILED:
        error_set(err, ERROR_USER, "", "%.*s", STR_ARG(json_str_at(body, "reason")));
        return error_hint(err, "The deployment's logs tell more: online-deployment get-logs.");
    default:
        return 0;
    }
}
