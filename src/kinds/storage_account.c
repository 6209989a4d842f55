/* The storage accounts of the workspaces, as clients of Microsoft.Storage find them: where an
 * account is and what its key of the day is. They are made and go with their workspaces; nothing
 * about them can be set. */
#include "kinds/storage_account.h"

#include "asset/asset.h"
#include "kinds/workspace.h"
#include "os/clock.h"
#include "vault/account_key.h"

#include <assert.h>

#define PROVIDER "/providers/Microsoft.Storage/storageAccounts"
#define WORKSPACES "Microsoft.MachineLearningServices/workspaces/"

struct search {
    struct call *call;
    struct store_txn *txn;
    struct str subscription, group, name; /* empty: any */
    struct json *found;                   /* of the accounts, as they are shown */
    struct str account;                   /* of the last one found */
    struct error failed;                  /* what ended the walk */
};

/* Where its blobs are for this client: by path or by host, as `storage.addresses` says. */
static struct json *endpoints(struct call *call, const struct scope *scope)
{
    const struct engines *engines = arm_engines(call->face);
    struct json *value = json_object(call->arena);

    assert(scope->number > 0);
    json_set_str(call->arena, value, "blob",
                 arena_printf(call->arena, "https://%.*s.blob.%.*s/",
                              STR_ARG(arm_account_name(call, engines, scope)),
                              STR_ARG(arm_storage_suffix(call, engines))));
    return value;
}

static struct json *properties_of(struct call *call, const struct scope *scope)
{
    struct arena *arena = call->arena;
    struct json *properties = json_object(arena);
    char text[CLOCK_ISO_BYTES];

    assert(scope->kind == SCOPE_WORKSPACE);
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(arena, properties, "creationTime", clock_iso(scope->created_us, text));
    json_set_str(arena, properties, "primaryLocation", STR(WORKSPACE_LOCATION));
    json_set_str(arena, properties, "statusOfPrimary", STR("available"));
    json_set(arena, properties, STR("primaryEndpoints"), endpoints(call, scope));
    json_set_bool(arena, properties, "supportsHttpsTrafficOnly", true);
    json_set_bool(arena, properties, "allowBlobPublicAccess", false);
    json_set_bool(arena, properties, "allowSharedKeyAccess", true);
    json_set_bool(arena, properties, "isHnsEnabled", false);
    json_set_str(arena, properties, "lazurite.workspace", scope_arm_id(arena, scope));
    return properties;
}

struct json *storage_account_wire(struct call *call, const struct scope *scope)
{
    struct arena *arena = call->arena;
    struct str account = asset_account(arena, scope);
    struct json *wire = json_object(arena), *sku = json_object(arena);

    assert(scope->kind == SCOPE_WORKSPACE);
    json_set_str(arena, wire, "id",
                 arena_printf(arena, "/subscriptions/%.*s/resourceGroups/%.*s" PROVIDER "/%.*s",
                              STR_ARG(scope->subscription), STR_ARG(scope->group),
                              STR_ARG(account)));
    json_set_str(arena, wire, "name", account);
    json_set_str(arena, wire, "type", STR("Microsoft.Storage/storageAccounts"));
    json_set_str(arena, wire, "location", STR(WORKSPACE_LOCATION));
    json_set_str(arena, wire, "kind", STR("StorageV2"));
    json_set_str(arena, sku, "name", STR("Standard_LRS"));
    json_set_str(arena, sku, "tier", STR("Standard"));
    json_set(arena, wire, STR("sku"), sku);
    json_set(arena, wire, STR("tags"), json_object(arena));
    json_set(arena, wire, STR("properties"), properties_of(call, scope));
    return wire;
}

/* A workspace whose document is gone is being deleted. */
static int visit(const struct scope *scope, void *context)
{
    struct search *search = context;
    struct arena *arena = search->call->arena;
    struct document_key key = {scope->number, STR("workspaces"), 0, scope->name};
    struct document document;

    assert(search->txn);
    if (scope->kind != SCOPE_WORKSPACE || !str_eq_fold(scope->subscription, search->subscription) ||
        (search->group.len > 0 && !str_eq_fold(scope->group, search->group)))
        return 0;
    if (document_get(search->txn, &key, &document, &search->failed) < 0)
        return search->failed.code == ERROR_NOT_FOUND ? 0 : -1;
    struct str account = asset_account(arena, scope);
    if (search->name.len > 0 && !str_eq_fold(account, search->name))
        return 0;
    search->account = account;
    json_append(arena, search->found, storage_account_wire(search->call, scope));
    return 0;
}

/* Those that the path means. */
static int find(struct call *call, struct search *out, struct error *err)
{
    struct engines *engines = arm_engines(call->face);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    assert(out);
    *out = (struct search){.call = call,
                           .txn = txn,
                           .subscription = call_param(call, "subscription"),
                           .group = call_param(call, "group"),
                           .name = call_param(call, "account"),
                           .found = json_array(call->arena)};
    if (!txn || scope_each(txn, visit, out, err) < 0)
        return -1;
    if (out->failed.code == ERROR_NONE || out->failed.code == ERROR_NOT_FOUND)
        return 0;
    *err = out->failed;
    return -1;
}

static void list_accounts(struct call *call)
{
    struct json *page = json_object(call->arena);
    struct search search;
    struct error err = {0};

    if (find(call, &search, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set(call->arena, page, STR("value"), search.found);
    arm_reply(call, 200, page);
}

/* One key: it is made for a day and taken until the end of the next, so there is none to change to
 * meanwhile. */
static void list_keys(struct call *call)
{
    struct engines *engines = arm_engines(call->face);
    struct arena *arena = call->arena;
    struct json *body = json_object(arena), *keys = json_array(arena), *key = json_object(arena);
    struct search search;
    struct error err = {0};

    assert(engines->vault);
    if (find(call, &search, &err) == 0 && json_count(search.found) == 0)
        error_set(&err, ERROR_NOT_FOUND, "", "There is no storage account '%.*s' of ours here.",
                  STR_ARG(str_slice(call_param(call, "account"), 0, 100)));
    if (err.code != ERROR_NONE) {
        arm_refuse(call, &err);
        return;
    }
    json_set_str(arena, key, "keyName", STR("key1"));
    json_set_str(arena, key, "value",
                 account_key(engines->vault, arena, search.account, clock_now_us()));
    json_set_str(arena, key, "permissions", STR("FULL"));
    json_append(arena, keys, key);
    json_set(arena, body, STR("keys"), keys);
    arm_reply(call, 200, body);
}

#define SUBSCRIPTION "/subscriptions/{subscription}"
#define GROUP SUBSCRIPTION "/resourceGroups/{group}"

/* Who may do so with the workspaces of the path may do so with their accounts. */
#define ROW(verb, template, what, handler) \
    {.method = verb,                       \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .action = WORKSPACES what,            \
     .body_limit = MIB,                    \
     .flags = ROUTE_FOLD,                  \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

static const struct route ROWS[] = {
    ROW("GET", SUBSCRIPTION PROVIDER, "read", list_accounts),
    ROW("GET", GROUP PROVIDER, "read", list_accounts),
    ROW("POST", GROUP PROVIDER "/{account}/listKeys", "listKeys/action", list_keys),
};

struct route_table storage_account_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}
