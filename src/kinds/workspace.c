/* The workspace as a resource, and the making of the first one. A workspace is a row of scope,
 * which every look-up begins with, and a document that holds what people say about it. */
#include "kinds/kinds.h"

#include "asset/asset.h"
#include "kinds/fields.h"
#include "os/random.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#include <assert.h>

#define LOCATION "local"

/* What may be changed; the rest of what clients send along is the server's to say. */
static int workspace_prepare(struct arm_request *req, struct error *err)
{
    static const char *const KEPT[] = {"friendlyName", "description", "imageBuildCompute"};
    struct json *properties = json_at(req->body, "properties"), *kept = json_object(req->arena);
    struct json *tags = json_at(req->body, "tags"), *body = json_object(req->arena);

    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_workspace, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(properties, str_from(KEPT[i]));
        if (!json_is_null(value))
            json_set(req->arena, kept, str_from(KEPT[i]), value);
    }
    json_set(req->arena, body, STR("properties"), kept);
    json_set(req->arena, body, STR("tags"), json_is_null(tags) ? json_object(req->arena) : tags);
    req->body = body;
    return 0;
}

/* Ids of what Azure keeps beside a workspace; ours are names only. */
static struct str provider_id(struct arm_request *req, const char *type, struct str name)
{
    assert(name.len > 0);
    return arena_printf(req->arena, "/subscriptions/%.*s/resourceGroups/%.*s/providers/%s/%.*s",
                        STR_ARG(req->scope.subscription), STR_ARG(req->scope.group), type,
                        STR_ARG(name));
}

static struct str account_id(struct arm_request *req)
{
    return provider_id(req, "Microsoft.Storage/storageAccounts",
                       asset_account(req->arena, &req->scope));
}

/* What an SDK reads before anything else: where discovery, tracking and storage are. */
static void show_addresses(struct arm_request *req, struct json *properties)
{
    struct arena *arena = req->arena;
    struct str id = scope_arm_id(arena, &req->scope);

    assert(json_kind(properties) == JSON_OBJECT);
    json_set_str(arena, properties, "discoveryUrl",
                 arena_printf(arena, "%.*s/discovery", STR_ARG(arm_base_url(req->call))));
    json_set_str(arena, properties, "mlFlowTrackingUri",
                 arena_printf(arena, "azureml://%.*s/mlflow/v1.0%.*s", STR_ARG(arm_host(req->call)),
                              STR_ARG(id)));
    json_set_str(arena, properties, "storageAccount", account_id(req));
}

static int workspace_show(struct arm_request *req, struct store_txn *, const struct document *,
                          struct json *wire, struct error *)
{
    struct arena *arena = req->arena;
    struct json *properties = json_at(wire, "properties"), *sku = json_object(arena);

    assert(req->scope.number > 0);
    if (json_str_at(properties, "friendlyName").len == 0)
        json_set_str(arena, properties, "friendlyName", req->scope.name);
    show_addresses(req, properties);
    json_set_str(arena, properties, "workspaceId", req->scope.guid);
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(arena, properties, "publicNetworkAccess", STR("Enabled"));
    json_set_bool(arena, properties, "hbiWorkspace", false);
    json_set_null(arena, properties, "keyVault");
    json_set_null(arena, properties, "applicationInsights");
    json_set_null(arena, properties, "containerRegistry");
    json_set_str(arena, wire, "location", STR(LOCATION));
    json_set_str(arena, wire, "kind", STR("Default"));
    json_set_str(arena, sku, "name", STR("Basic"));
    json_set_str(arena, sku, "tier", STR("Basic"));
    json_set(arena, wire, STR("sku"), sku);
    return 0;
}

/* The key of storage is that of the day; of the other services there are none. */
static int list_keys(struct arm_request *req, const struct document *, struct arm_reply *out,
                     struct error *)
{
    struct json *body = json_object(req->arena);

    json_set_str(req->arena, body, "userStorageResourceId", account_id(req));
    json_set_str(req->arena, body, "userStorageKey", upload_account_key(req));
    json_set_null(req->arena, body, "appInsightsInstrumentationKey");
    json_set_null(req->arena, body, "containerRegistryCredentials");
    json_set_null(req->arena, body, "notebookAccessKeys");
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

static const struct arm_action ACTIONS[] = {{.name = "listKeys", .run = list_keys}};

const struct arm_kind workspace_kind = {
    .type = "workspaces",
    .wire = "Microsoft.MachineLearningServices/workspaces",
    .prepare = workspace_prepare,
    .show = workspace_show,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};

/* --- The workspace of a new folder ----------------------------------------------------------- */

struct making {
    struct arena *arena;
    struct scope fresh; /* with a GUID and a data key of its own */
    struct scope made;
};

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

/* On the writer thread: found, or scope, documents and experiment in one commit. */
static int make_default(struct store_txn *txn, void *context, struct error *err)
{
    struct making *making = context;
    struct scope scope = making->fresh, found;
    struct arena *arena = store_arena(txn);
    struct document workspace = {.type = STR("workspaces"),
                                 .name = scope.name,
                                 .created_by = STR("lazurite"),
                                 .system = STR("{}"),
                                 .body = STR("{\"properties\":{},\"tags\":{}}")};

    assert(store_is_writer(txn));
    if (scope_find(txn, scope.subscription, scope.group, scope.name, &found, err) == 0) {
        making->made = found;
    } else {
        if (err->code != ERROR_NOT_FOUND || scope_insert(txn, &scope, err) < 0)
            return -1;
        workspace.scope = scope.number;
        if (document_insert(txn, &workspace, err) < 0 ||
            insert_datastore(txn, &scope, STR("workspaceblobstore"),
                             asset_blob_container(arena, &scope), err) < 0 ||
            insert_datastore(txn, &scope, STR("workspaceartifactstore"),
                             asset_artifact_container(arena, &scope), err) < 0 ||
            experiment_make_default(txn, scope.number, err) < 0)
            return -1;
        making->made = scope;
    }
    making->made.subscription = arena_str(making->arena, making->made.subscription);
    making->made.group = arena_str(making->arena, making->made.group);
    making->made.name = arena_str(making->arena, making->made.name);
    making->made.guid = arena_str(making->arena, making->made.guid);
    making->made.data_key = arena_str(making->arena, making->made.data_key);
    return 0;
}

/* The keys are made before the write: a function of the writer draws no chance, for it may run
 * twice. */
int workspace_make_default(struct engines *engines, struct arena *arena, struct scope *out,
                           struct error *err)
{
    struct making making = {
        .arena = arena,
        .fresh = {.kind = SCOPE_WORKSPACE,
                  .subscription = STR("00000000-0000-0000-0000-000000000001"),
                  .group = STR("default"),
                  .name = STR("default"),
                  .guid = random_uuid(arena)},
    };

    assert(engines->store && engines->vault);
    if (vault_new_data_key(engines->vault, arena, &making.fresh.data_key, err) < 0 ||
        store_write(engines->store, make_default, &making, err) < 0)
        return -1;
    *out = making.made;
    return 0;
}
