/* The workspace as a resource. A workspace is a row of scope, which every look-up begins with, and
 * a document that holds what people say about it. */
#include "kinds/workspace.h"

#include "asset/asset.h"
#include "identity/identity.h"
#include "kinds/fields.h"
#include "os/clock.h"

#include <assert.h>

/* What clients say and we keep. Ids of other resources are kept as they came: what bytes and
 * secrets we hold lies in our own account and vault, whatever they name. Rules of who may reach the
 * workspace are kept for those who manage them: the listener's address decides who can. */
static const char *const KEPT[] = {
    "friendlyName",
    "description",
    "imageBuildCompute",
    "storageAccount",
    "keyVault",
    "applicationInsights",
    "containerRegistry",
    "hubResourceId",
    "hbiWorkspace",
    "publicNetworkAccess",
    "networkAcls",
    "ipAllowlist",
    "managedNetwork",
    "featureStoreSettings",
    "serverlessComputeSettings",
    "encryption",
    "enableServiceSideCMKEncryption",
    "softDeleteRetentionInDays",
    "primaryUserAssignedIdentity",
    "systemDatastoresAuthMode",
    "workspaceHubConfig",
    "enableDataIsolation",
    "allowRoleAssignmentOnRG",
    "v1LegacyMode",
};

/* Networks of jobs cannot be fenced here: to store the wish would be a promise. */
static int check_network(const struct json *properties, struct error *err)
{
    struct str mode = json_str_at(properties, "managedNetwork.isolationMode");

    if (mode.len == 0 || str_eq(mode, STR("Disabled")))
        return 0;
    error_set(err, ERROR_NOT_IMPLEMENTED, "properties.managedNetwork.isolationMode",
              "Managed networks with isolation mode %.*s are not built yet.", STR_ARG(mode));
    return error_hint(err, "Leave managedNetwork out, or give it the isolationMode Disabled.");
}

/* Templates send booleans as texts. */
static struct json *settled(struct arena *arena, struct json *value)
{
    struct str text = json_as_str(value);

    if (str_eq_fold(text, STR("true")) || str_eq_fold(text, STR("false")))
        return json_bool(arena, str_eq_fold(text, STR("true")));
    return value;
}

/* A new body of what is kept; what else clients send along is the server's to say. */
static struct json *keep_body(struct arm_request *req)
{
    static const char *const TOP[] = {"location", "kind", "identity"};
    struct json *properties = json_at(req->body, "properties"), *kept = json_object(req->arena);
    struct json *tags = json_at(req->body, "tags"), *body = json_object(req->arena);

    assert(req->body);
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(properties, str_from(KEPT[i]));
        if (!json_is_null(value))
            json_set(req->arena, kept, str_from(KEPT[i]), settled(req->arena, value));
    }
    for (size_t i = 0; i < COUNT(TOP); i++) {
        struct json *value = json_get(req->body, str_from(TOP[i]));
        if (!json_is_null(value))
            json_set(req->arena, body, str_from(TOP[i]), value);
    }
    json_set(req->arena, body, STR("properties"), kept);
    json_set(req->arena, body, STR("tags"), json_is_null(tags) ? json_object(req->arena) : tags);
    return body;
}

/* For some kinds the Python client sends the name of its constant:
 * "PublicNetworkAccessType.ENABLED", whose last word is what Azure reads. */
static void plain_access(struct arm_request *req)
{
    struct str word = json_str_at(req->body, "properties.publicNetworkAccess");
    ssize_t dot = str_find_last(word, '.');

    if (dot >= 0)
        json_set_str(req->arena, json_at(req->body, "properties"), "publicNetworkAccess",
                     str_slice(word, (size_t)dot + 1, word.len));
}

static int workspace_prepare(struct arm_request *req, struct error *err)
{
    struct scope_seed *seed = arena_make(req->arena, struct scope_seed);

    assert(req->body);
    plain_access(req);
    if (fields_check(req->arena, req->body, &fields_workspace, err) < 0 ||
        check_network(json_at(req->body, "properties"), err) < 0)
        return -1;
    req->body = keep_body(req);
    if (workspace_hub_check(req, err) < 0)
        return -1;
    req->prepared = seed;
    return req->scope.number > 0 ? 0 : workspace_seed(req->engines, req->arena, seed, err);
}

/* What a workspace is does not change: a project's jobs would lose their hub. */
static int workspace_check(struct arm_request *req, struct store_txn *,
                           const struct document *before, struct error *err)
{
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;
    struct str old = json_str_at(stored, "kind"), new = json_str_at(req->body, "kind");

    if (!before)
        return 0;
    if (!stored)
        return -1;
    if (old.len == 0)
        old = STR("Default");
    if (new.len > 0 && !str_eq_fold(old, new))
        return error_set(err, ERROR_INVALID, "kind",
                         "The workspace is of kind %.*s and cannot become %.*s.", STR_ARG(old),
                         STR_ARG(new));
    json_set_str(req->arena, req->body, "kind", old);
    if (json_str_at(req->body, "location").len == 0)
        json_set_str(req->arena, req->body, "location", json_str_at(stored, "location"));
    return 0;
}

/* The account that holds the workspace's bytes, in Azure's words. */
static struct str account_id(struct arm_request *req)
{
    return arena_printf(req->arena,
                        "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                        "Microsoft.Storage/storageAccounts/%.*s",
                        STR_ARG(req->scope.subscription), STR_ARG(req->scope.group),
                        STR_ARG(asset_account(req->arena, &req->scope)));
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
    if (json_str_at(properties, "storageAccount").len == 0)
        json_set_str(arena, properties, "storageAccount", account_id(req));
}

/* Fields that clients walk without asking whether they are there. */
static void show_defaults(struct arm_request *req, struct json *properties)
{
    static const char *const NULLS[] = {"keyVault", "applicationInsights", "containerRegistry"};
    static const char *const FALSE[] = {"hbiWorkspace", "v1LegacyMode", "enableDataIsolation",
                                        "storageHnsEnabled"};
    struct arena *arena = req->arena;

    assert(json_kind(properties) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(NULLS); i++)
        if (!json_get(properties, str_from(NULLS[i])))
            json_set_null(arena, properties, NULLS[i]);
    for (size_t i = 0; i < COUNT(FALSE); i++)
        if (!json_get(properties, str_from(FALSE[i])))
            json_set_bool(arena, properties, FALSE[i], false);
    if (json_str_at(properties, "friendlyName").len == 0)
        json_set_str(arena, properties, "friendlyName", req->scope.name);
    if (json_str_at(properties, "publicNetworkAccess").len == 0)
        json_set_str(arena, properties, "publicNetworkAccess", STR("Enabled"));
    if (!json_get(properties, STR("managedNetwork"))) {
        struct json *network = json_object(arena);
        json_set_str(arena, network, "isolationMode", STR("Disabled"));
        json_set(arena, network, STR("outboundRules"), json_object(arena));
        json_set(arena, properties, STR("managedNetwork"), network);
    }
}

/* What only the server can know. */
static void show_origin(struct arm_request *req, struct json *properties)
{
    char text[CLOCK_ISO_BYTES];

    assert(json_kind(properties) == JSON_OBJECT);
    json_set_str(req->arena, properties, "workspaceId", req->scope.guid);
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(req->arena, properties, "creationTime", clock_iso(req->scope.created_us, text));
    if (req->engines->identity)
        json_set_str(req->arena, properties, "tenantId", identity_tenant(req->engines->identity));
    json_set_int(req->arena, properties, "privateLinkCount", 0);
    json_set(req->arena, properties, STR("privateEndpointConnections"), json_array(req->arena));
}

static int workspace_show(struct arm_request *req, struct store_txn *txn, const struct document *,
                          struct json *wire, struct error *err)
{
    struct arena *arena = req->arena;
    struct json *properties = json_at(wire, "properties"), *sku = json_object(arena);

    assert(req->scope.number > 0);
    show_addresses(req, properties);
    show_defaults(req, properties);
    show_origin(req, properties);
    if (json_str_at(wire, "location").len == 0)
        json_set_str(arena, wire, "location", STR(WORKSPACE_LOCATION));
    if (json_str_at(wire, "kind").len == 0)
        json_set_str(arena, wire, "kind", STR("Default"));
    json_set_str(arena, sku, "name", STR("Basic"));
    json_set_str(arena, sku, "tier", STR("Basic"));
    json_set(arena, wire, STR("sku"), sku);
    return str_eq(json_str_at(wire, "kind"), STR("Hub"))
               ? workspace_hub_show(req, txn, properties, err)
               : 0;
}

/* --- Actions -----------------------------------------------------------------------------------
 */

/* The key of storage is that of the day; of the other services there are none. */
static int list_keys(struct arm_request *req, const struct document *, struct arm_reply *out,
                     struct error *)
{
    struct json *body = json_object(req->arena);

    assert(req->scope.number > 0);
    json_set_str(req->arena, body, "userStorageResourceId", account_id(req));
    json_set_str(req->arena, body, "userStorageArmId", account_id(req));
    json_set_str(req->arena, body, "userStorageKey", upload_account_key(req));
    json_set_null(req->arena, body, "appInsightsInstrumentationKey");
    json_set_null(req->arena, body, "containerRegistryCredentials");
    json_set_null(req->arena, body, "notebookAccessKeys");
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

static int list_storage_keys(struct arm_request *req, const struct document *,
                             struct arm_reply *out, struct error *)
{
    struct json *body = json_object(req->arena);

    assert(req->scope.number > 0);
    json_set_str(req->arena, body, "userStorageKey", upload_account_key(req));
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* Keys are derived when they are asked for, so what a workspace hands out is never stale. */
static int resync_keys(struct arm_request *, const struct document *, struct arm_reply *out,
                       struct error *)
{
    *out = (struct arm_reply){.status = 200};
    return 0;
}

static int no_notebooks(struct arm_request *req, const struct document *, struct arm_reply *,
                        struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "notebooks",
                     "Notebooks are not built yet, so '%.*s' has nothing to answer.",
                     STR_ARG(call_param(req->call, "action")));
}

/* A network that is switched off is all the state there can be; check_network sees to that. */
static int provision_network(struct arm_request *req, const struct document *,
                             struct arm_reply *out, struct error *)
{
    struct json *body = json_object(req->arena);

    json_set_str(req->arena, body, "status", STR("Inactive"));
    json_set_bool(req->arena, body, "sparkReady", false);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

static const struct arm_action ACTIONS[] = {
    {.name = "listKeys", .run = list_keys},
    {.name = "listStorageAccountKeys", .run = list_storage_keys},
    {.name = "resyncKeys", .run = resync_keys},
    {.name = "diagnose", .run = workspace_diagnose},
    {.name = "listNotebookKeys", .run = no_notebooks},
    {.name = "listNotebookAccessToken", .run = no_notebooks},
    {.name = "prepareNotebook", .run = no_notebooks},
    {.name = "provisionManagedNetwork", .run = provision_network},
};

const struct arm_kind workspace_kind = {
    .type = "workspaces",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces",
    .is_scope = SCOPE_WORKSPACE,
    .made_status = 200,
    .prepare = workspace_prepare,
    .check = workspace_check,
    .show = workspace_show,
    .make_scope = workspace_make_scope,
    .unmake_scope = workspace_unmake,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
