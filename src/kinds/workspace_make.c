/* The making of scopes: the row, the keys, and what a workspace is born with, in one commit. */
#include "kinds/workspace.h"

#include "asset/asset.h"
#include "identity/assigned.h"
#include "os/random.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#include <assert.h>

int workspace_seed(struct engines *engines, struct arena *arena, struct scope_seed *out,
                   struct error *err)
{
    assert(engines->vault && out);
    out->guid = random_uuid(arena);
    return vault_new_data_key(engines->vault, arena, &out->data_key, err);
}

/* The two that every workspace is born with; only datastore.c knows how they are shown. */
static int insert_datastore(struct store_txn *txn, const struct scope *scope, struct str name,
                            struct str container, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct document datastore = {
        .scope = scope->number,
        .type = STR("datastores"),
        .name = name,
        .created_by = STR("lazurite"),
        .system = STR("{}"),
        .body = arena_printf(
            arena,
            "{\"properties\":{\"datastoreType\":\"AzureBlob\",\"accountName\":\"%.*s\","
            "\"containerName\":\"%.*s\",\"credentials\":{\"credentialsType\":\"Sas\"},"
            "\"description\":null,\"tags\":{},\"properties\":{}}}",
            STR_ARG(asset_account(arena, scope)), STR_ARG(container)),
    };

    assert(scope->number > 0);
    return document_insert(txn, &datastore, err);
}

/* What hangs on the row from the first moment on. */
static int insert_scope(struct store_txn *txn, struct scope *scope, struct error *err)
{
    struct arena *arena = store_arena(txn);

    assert(store_is_writer(txn));
    if (scope_insert(txn, scope, err) < 0)
        return -1;
    if (scope->kind == SCOPE_REGISTRY)
        return 0;
    if (insert_datastore(txn, scope, STR("workspaceblobstore"), asset_blob_container(arena, scope),
                         err) < 0 ||
        insert_datastore(txn, scope, STR("workspaceartifactstore"),
                         asset_artifact_container(arena, scope), err) < 0)
        return -1;
    return experiment_make_default(txn, scope->number, err);
}

/* The one subscription of this server; groups come with what is put into them. */
static int check_subscription(const struct arm_request *req, struct error *err)
{
    if (str_eq_fold(req->scope.subscription, STR(WORKSPACE_SUBSCRIPTION)))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "subscription",
                     "The subscription '%.*s' could not be found. This server has %s.",
                     STR_ARG(str_slice(req->scope.subscription, 0, 80)), WORKSPACE_SUBSCRIPTION);
}

int workspace_make_scope(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    const struct scope_seed *seed = req->prepared;
    struct scope scope = {
        .kind = req->kind->is_scope,
        .subscription = req->scope.subscription,
        .group = req->scope.group,
        .name = req->name,
    };

    assert(seed && req->scope.number == 0);
    /* Deleted between the look of `prepare` and now: the client tries again. */
    if (seed->guid.len == 0)
        return error_set(err, ERROR_CONFLICT, "", "'%.*s' was deleted in the meantime.",
                         STR_ARG(req->name));
    scope.guid = seed->guid;
    scope.data_key = seed->data_key;
    if (check_subscription(req, err) < 0 || insert_scope(txn, &scope, err) < 0)
        return -1;
    req->scope = scope;
    req->id = scope_arm_id(req->arena, &scope);
    return 0;
}

/* --- What every folder has ---------------------------------------------------------------------
 */

static void keep_made(struct scope_making *making, const struct scope *scope)
{
    making->made = *scope;
    making->made.subscription = arena_str(making->arena, scope->subscription);
    making->made.group = arena_str(making->arena, scope->group);
    making->made.name = arena_str(making->arena, scope->name);
    making->made.guid = arena_str(making->arena, scope->guid);
    making->made.data_key = arena_str(making->arena, scope->data_key);
}

/* On the writer thread: found, or scope, documents and experiment in one commit. */
static int make_builtin(struct store_txn *txn, void *context, struct error *err)
{
    struct scope_making *making = context;
    struct scope scope = making->fresh, found;
    bool registry = scope.kind == SCOPE_REGISTRY;
    struct str none = {0};
    struct document document = {.type = making->type,
                                .name = scope.name,
                                .created_by = STR("lazurite"),
                                .system = STR("{}"),
                                .body = making->body};

    assert(store_is_writer(txn));
    const struct scope_name taken = {registry ? none : scope.subscription,
                                     registry ? none : scope.group, scope.name};
    if (scope_find(txn, &taken, &found, err) == 0) {
        keep_made(making, &found);
        return 0;
    }
    if (err->code != ERROR_NOT_FOUND || insert_scope(txn, &scope, err) < 0)
        return -1;
    document.scope = scope.number;
    if (document_insert(txn, &document, err) < 0)
        return -1;
    const struct assigned_wish own = {scope_arm_id(making->arena, &scope), scope.name,
                                      making->object_id, making->client_id, STR("lazurite")};
    if (!registry && assigned_ensure(txn, &own, err) < 0)
        return -1;
    keep_made(making, &scope);
    return 0;
}

/* The keys are made before the write: a function of the writer draws no chance, for it may run
 * twice. */
int workspace_make_builtin(struct engines *engines, struct scope_making *making, struct error *err)
{
    struct scope_seed seed;

    assert(engines->store);
    if (workspace_seed(engines, making->arena, &seed, err) < 0)
        return -1;
    making->fresh.subscription = STR(WORKSPACE_SUBSCRIPTION);
    making->fresh.group = STR("default");
    making->fresh.guid = seed.guid;
    making->fresh.data_key = seed.data_key;
    making->object_id = random_uuid(making->arena);
    making->client_id = random_uuid(making->arena);
    return store_write(engines->store, make_builtin, making, err);
}

int workspace_make_default(struct engines *engines, struct arena *arena, struct scope *out,
                           struct error *err)
{
    struct scope_making making = {.arena = arena,
                                  .type = STR("workspaces"),
                                  .body = STR("{\"identity\":{\"type\":\"SystemAssigned\"},"
                                              "\"properties\":{},\"tags\":{}}"),
                                  .fresh = {.kind = SCOPE_WORKSPACE, .name = STR("default")}};

    assert(out);
    if (workspace_make_builtin(engines, &making, err) < 0)
        return -1;
    *out = making.made;
    return 0;
}
