/* What a workspace names beside itself: a storage account, a key vault, insights, a registry of
 * images. They are references: bytes, secrets and logs lie in this server. Clients that delete a
 * workspace "with all that belongs to it" ask for them one by one by their ids, so they are shown
 * while a workspace names them, and a DELETE takes the name out of the workspace.
 *
 * Beside that: joining a project to its hub. */
#include "kinds/workspace_dependent.h"

#include "asset/asset.h"
#include "kinds/storage_account.h"
#include "kinds/workspace.h"

#include <assert.h>

static const char *const FIELDS[] = {"storageAccount", "keyVault", "applicationInsights",
                                     "containerRegistry"};

struct naming {
    struct call *call;
    struct store_txn *txn;
    struct str id;
    struct scope scope; /* of the workspace that names it; number 0: none */
    const char *field;
};

/* The id of the path, in the words of the path. */
static struct str path_id(struct call *call)
{
    return arena_printf(call->arena,
                        "/subscriptions/%.*s/resourceGroups/%.*s/providers/%.*s/%.*s/%.*s",
                        STR_ARG(call_param(call, "subscription")),
                        STR_ARG(call_param(call, "group")), STR_ARG(call_param(call, "provider")),
                        STR_ARG(call_param(call, "type")), STR_ARG(call_param(call, "name")));
}

/* Our own account goes by an id too, when the workspace names no other. */
static bool is_own_account(struct naming *naming, const struct scope *scope)
{
    struct arena *arena = naming->call->arena;

    return str_eq_fold(naming->id, arena_printf(arena,
                                                "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                                                "Microsoft.Storage/storageAccounts/%.*s",
                                                STR_ARG(scope->subscription), STR_ARG(scope->group),
                                                STR_ARG(asset_account(arena, scope))));
}

static int look_in_workspace(const struct scope *scope, void *context)
{
    struct naming *naming = context;
    struct arena *arena = naming->call->arena;
    struct document_key key = {scope->number, STR("workspaces"), 0, scope->name};
    struct document document;
    struct error none;

    if (scope->kind != SCOPE_WORKSPACE || document_get(naming->txn, &key, &document, &none) < 0)
        return 0;
    struct json *body = json_parse(arena, document.body, NULL);
    struct json *properties = json_get(body, STR("properties"));
    for (size_t i = 0; i < COUNT(FIELDS); i++)
        if (str_eq_fold(json_str_at(properties, FIELDS[i]), naming->id))
            naming->field = FIELDS[i];
    if (!naming->field && !is_own_account(naming, scope))
        return 0;
    naming->scope = *scope;
    naming->scope.subscription = arena_str(arena, scope->subscription);
    naming->scope.group = arena_str(arena, scope->group);
    naming->scope.name = arena_str(arena, scope->name);
    naming->scope.guid = arena_str(arena, scope->guid);
    return -1;
}

/* Which workspace names the id of the path. Errors: ERROR_NOT_FOUND. */
static int find_naming(struct call *call, struct naming *out, struct error *err)
{
    struct engines *engines = arm_engines(call->face);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    *out = (struct naming){.call = call, .txn = txn, .id = path_id(call)};
    if (!txn || scope_each(txn, look_in_workspace, out, err) < 0)
        return -1;
    out->txn = NULL;
    if (out->scope.number > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "No workspace here names the resource '%.*s'.",
                     STR_ARG(str_slice(out->id, 0, 300)));
}

static void get_dependent(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena), *properties = json_object(arena);
    struct naming naming;
    struct error err = {0};

    if (find_naming(call, &naming, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    if (str_eq(http_method(call->ex), STR("HEAD"))) {
        arm_reply(call, 204, NULL);
        return;
    }
    if (is_own_account(&naming, &naming.scope)) {
        arm_reply(call, 200, storage_account_wire(call, &naming.scope));
        return;
    }
    json_set_str(arena, wire, "id", naming.id);
    json_set_str(arena, wire, "name", call_param(call, "name"));
    json_set_str(arena, wire, "type",
                 arena_printf(arena, "%.*s/%.*s", STR_ARG(call_param(call, "provider")),
                              STR_ARG(call_param(call, "type"))));
    json_set_str(arena, wire, "location", STR(WORKSPACE_LOCATION));
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(arena, properties, "lazurite.origin", STR("reference"));
    json_set_str(arena, properties, "lazurite.workspace", scope_arm_id(arena, &naming.scope));
    json_set(arena, wire, STR("properties"), properties);
    arm_reply(call, 200, wire);
}

/* A PATCH of the workspace, with all that hangs on one. */
static int forget_name(struct call *call, const struct naming *naming, struct error *err)
{
    struct arm_target target = {.scope_kind = SCOPE_WORKSPACE,
                                .subscription = naming->scope.subscription,
                                .group = naming->scope.group,
                                .scope = naming->scope.name};
    struct json *patch = json_object(call->arena), *properties = json_object(call->arena);
    struct arm_request req;
    struct arm_reply reply = {0};

    assert(naming->field);
    json_set_null(call->arena, properties, naming->field);
    json_set(call->arena, patch, STR("properties"), properties);
    if (arm_request_open(call->face, call, &target, &req, err) < 0)
        return -1;
    return arm_request_patch(&req, patch, &reply, err);
}

/* Our own account has no life apart from its workspace and goes with it: nothing to do, 204. */
static void delete_dependent(struct call *call)
{
    struct naming naming;
    struct error err = {0};
    bool found = find_naming(call, &naming, &err) == 0;

    if (!found && err.code != ERROR_NOT_FOUND) {
        arm_refuse(call, &err);
        return;
    }
    if (found && naming.field && forget_name(call, &naming, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, found && naming.field ? 200 : 204, NULL);
}

/* PUT …/join/{project}: makes a project below the hub of the path. */
static int join(struct call *call, struct arm_request *req, struct arm_reply *out,
                struct error *err)
{
    struct json *body = json_parse(call->arena, http_body(call->ex), err);
    struct arm_target target = {.scope_kind = SCOPE_WORKSPACE,
                                .subscription = call_param(call, "subscription"),
                                .group = call_param(call, "group"),
                                .scope = call_param(call, "project")};
    struct scope hub;

    if (!body || arm_scope(call, arm_engines(call->face)->store, &hub, err) < 0)
        return -1;
    if (json_kind(body) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "", "A body is a JSON object.");
    json_set_str(call->arena, body, "kind", STR("Project"));
    if (json_put(call->arena, body, "properties.hubResourceId",
                 json_text(call->arena, scope_arm_id(call->arena, &hub)), err) < 0)
        return -1;
    if (arm_request_open(call->face, call, &target, req, err) < 0)
        return -1;
    return arm_request_put(req, body, out, err);
}

static void put_join(struct call *call)
{
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};

    assert(call->face);
    if (join(call, &req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, reply.status, reply.body);
}

#define GROUP "/subscriptions/{subscription}/resourceGroups/{group}"
#define DEPENDENT GROUP "/providers/{provider}/{type}/{name}"
#define WORKSPACES "Microsoft.MachineLearningServices/workspaces/"

/* Who may read or change the workspace may do so with what it names; ARM's own words for the
 * provider of the path are in no role of ours. */
#define ROW(verb, template, what, handler) \
    {.method = verb,                       \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .action = what,                       \
     .body_limit = MIB,                    \
     .flags = ROUTE_FOLD,                  \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

static const struct route ROWS[] = {
    ROW("GET", DEPENDENT, WORKSPACES "read", get_dependent),
    ROW("HEAD", DEPENDENT, WORKSPACES "read", get_dependent),
    ROW("DELETE", DEPENDENT, WORKSPACES "write", delete_dependent),
    ROW("PUT", "/rp/workspaces" GROUP "/providers/" WORKSPACES "{workspace}/join/{project}",
        WORKSPACES "write", put_join),
};

struct route_table workspace_dependent_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}
