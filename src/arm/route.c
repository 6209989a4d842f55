#include "arm/internal.h"

#include <assert.h>

/* What every kind answers to. The rows are generic: which kind a path names is looked up here, who
 * may come in is decided by server/dispatch.c before. */

typedef int arm_run(struct arm_request *req, struct arm_reply *out, struct error *err);

/* Headers of an operation come before the body. Azure's libraries ask by HEAD whether something is
 * there, and take no status for a yes but 204. */
static void answer(struct arm_request *req, struct call *call, const struct arm_reply *reply)
{
    bool head = str_eq(http_method(call->ex), STR("HEAD"));

    assert(reply->status >= 200);
    if (reply->etag.len > 0)
        http_add_header(call->ex, "ETag", reply->etag);
    if (reply->operation.len > 0)
        arm_operation_headers(req, reply->status, reply->operation);
    if (head && reply->status == 200)
        arm_reply(call, 204, NULL);
    else
        arm_reply(call, reply->status, reply->body);
}

/* The words of the path below its scope. */
static struct arm_words words_of(const struct call *call)
{
    return (struct arm_words){
        .type = call_param(call, "type"),
        .name = call_param(call, "name"),
        .child = call_param(call, "child"),
        .version = call_param(call, "version"),
        .grandchild = call_param(call, "grandchild"),
        .item = call_param(call, "item"),
    };
}

static void fill(struct call *call, struct arm_request *out)
{
    struct arm *arm = call->face;

    assert(call->face && call->arena);
    *out = (struct arm_request){.arena = call->arena,
                                .engines = arm->engines,
                                .call = call,
                                .actor = call->caller.name,
                                .arm = arm};
}

/* Nothing is looked up outside of the scope that the path names. Who only reads goes on in the same
 * snapshot; who writes or acts opens transactions of its own, and none may be open then. */
static int open_and_run(struct arm_request *req, arm_run *run, struct arm_reply *reply,
                        struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct arm_target target = arm_target_of(req->call);
    struct arm_words words = words_of(req->call);
    bool operation = run == arm_operation_get;
    bool reads = operation || run == arm_get || run == arm_list;

    assert(req->call);
    if (!txn || arm_scope_find(req->arena, txn, &target, &req->scope, err) < 0 ||
        (!operation && arm_open_kind(req, &words, err) < 0))
        return -1;
    if (reads)
        req->read = txn;
    else
        store_read_end(&txn);
    return run(req, reply, err);
}

static void serve(struct call *call, arm_run *run)
{
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};

    fill(call, &req);
    if (open_and_run(&req, run, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

/* Making a scope is the one write whose scope is not there yet. */
static void serve_scope_put(struct call *call)
{
    struct arm_target target = arm_target_of(call);
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};

    assert(call->face);
    if (arm_request_open(call->face, call, &target, &req, &err) < 0 ||
        arm_put(&req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

/* A scope that is gone already is no mistake of who wants it gone. */
static void serve_scope_delete(struct call *call)
{
    struct arm_target target = arm_target_of(call);
    struct arm_request req;
    struct arm_reply reply = {.status = 204};
    struct error err = {0};

    assert(call->face);
    if (arm_request_open(call->face, call, &target, &req, &err) < 0 ||
        (req.scope.number > 0 && req.kind->unmake_scope(&req, &reply, &err) < 0))
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

/* Operations have addresses like resources, but no kind. */
static void serve_get(struct call *call)
{
    struct str type = call_param(call, "type");
    bool operation =
        str_eq_fold(type, STR("operations")) || str_eq_fold(type, STR("operationResults"));

    serve(call, operation ? arm_operation_get : arm_get);
}

static void serve_list(struct call *call)
{
    serve(call, arm_list);
}

static void serve_put(struct call *call)
{
    serve(call, arm_put);
}

static void serve_delete(struct call *call)
{
    serve(call, arm_delete);
}

static void serve_action(struct call *call)
{
    serve(call, arm_act);
}

static void serve_scopes(struct call *call, const char *type)
{
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};

    fill(call, &req);
    req.kind = arm_kind_of(call->face, str_from(type));
    if (!req.kind)
        error_set(&err, ERROR_NOT_IMPLEMENTED, "type", "%s are not built yet.", type);
    if (!req.kind || arm_list_scopes(&req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

static void serve_workspaces(struct call *call)
{
    serve_scopes(call, "workspaces");
}

static void serve_registries(struct call *call)
{
    serve_scopes(call, "registries");
}

/* Whatever stands by itself, of either kind: what tools look through before they delete a group. */
static void serve_resources(struct call *call)
{
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};

    fill(call, &req);
    if (arm_list_scopes(&req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

#define PROVIDER "/providers/" ARM_PROVIDER
#define SUBSCRIPTION "/subscriptions/{subscription}"
#define GROUP SUBSCRIPTION "/resourceGroups/{group}" PROVIDER
#define WS GROUP "/workspaces/{workspace}"
#define REG GROUP "/registries/{registry}"
/* The management front end, by which clients reach registries and batch jobs: the same resources.
 */
#define FRONT "/mferp/managementfrontend"

#define ROW(verb, template, handler) \
    {.method = verb,                 \
     .path = template,               \
     .permit = PERMIT_ACTION,        \
     .body_limit = ARM_BODY_BYTES,   \
     .flags = ROUTE_FOLD,            \
     .listeners = LISTEN_ALL,        \
     .run = handler,                 \
     .refuse = arm_refuse}

/* A list that shows a caller what he may read, wherever his roles begin. */
#define SCOPES_ROW(template, handler)      \
    {.method = "GET",                      \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .body_limit = ARM_BODY_BYTES,         \
     .flags = ROUTE_FOLD | ROUTE_FILTERED, \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

/* Above the provider: a row that says its right. */
#define RESOURCES_ROW(template, what)       \
    {.method = "GET",                       \
     .path = template,                      \
     .permit = PERMIT_ACTION,               \
     .action = "Microsoft.Resources/" what, \
     .body_limit = ARM_BODY_BYTES,          \
     .flags = ROUTE_FOLD | ROUTE_FILTERED,  \
     .listeners = LISTEN_ALL,               \
     .run = serve_resources,                \
     .refuse = arm_refuse}

/* In a registry there are assets, whatever their type: Azure's roles know no other word. */
#define ASSET_ROW(verb, template, handler, what)                     \
    {.method = verb,                                                 \
     .path = template,                                               \
     .permit = PERMIT_ACTION,                                        \
     .action = "Microsoft.MachineLearningServices/registries/" what, \
     .body_limit = ARM_BODY_BYTES,                                   \
     .flags = ROUTE_FOLD,                                            \
     .listeners = LISTEN_ALL,                                        \
     .run = handler,                                                 \
     .refuse = arm_refuse}

#define ITEM "/{type}/{name}"
#define CHILD ITEM "/{child}/{version}"
#define GRANDCHILD CHILD "/{grandchild}/{item}"

/* A resource and its actions; with its members. */
#define LEAF_ROWS(path)                                                                     \
    ROW("GET", path, serve_get), ROW("HEAD", path, serve_get), ROW("PUT", path, serve_put), \
        ROW("PATCH", path, serve_put), ROW("DELETE", path, serve_delete),                   \
        ROW("POST", path "/{action}", serve_action)
#define ITEM_ROWS(path, members) LEAF_ROWS(path), ROW("GET", path members, serve_list)

/* A workspace and all that lies in it. */
#define WORKSPACE_ROWS(scope)                                                              \
    ROW("GET", scope, serve_get), ROW("HEAD", scope, serve_get),                           \
        ROW("PUT", scope, serve_scope_put), ROW("PATCH", scope, serve_put),                \
        ROW("DELETE", scope, serve_scope_delete), ROW("GET", scope "/{type}", serve_list), \
        ROW("POST", scope "/{action}", serve_action), ITEM_ROWS(scope ITEM, "/{child}"),   \
        ITEM_ROWS(scope CHILD, "/{grandchild}"), LEAF_ROWS(scope GRANDCHILD)

#define ASSET_ROWS(path, members)                                  \
    ASSET_ROW("GET", path, serve_get, "assets/read"),              \
        ASSET_ROW("HEAD", path, serve_get, "assets/read"),         \
        ASSET_ROW("PUT", path, serve_put, "assets/write"),         \
        ASSET_ROW("PATCH", path, serve_put, "assets/write"),       \
        ASSET_ROW("DELETE", path, serve_delete, "assets/delete"),  \
        ASSET_ROW("GET", path members, serve_list, "assets/read"), \
        ASSET_ROW("POST", path "/{action}", serve_action, "assets/write")

/* A registry and its assets, which are two levels deep at most. */
#define REGISTRY_ROWS(scope)                                                                 \
    ASSET_ROW("GET", scope, serve_get, "read"), ASSET_ROW("HEAD", scope, serve_get, "read"), \
        ASSET_ROW("PUT", scope, serve_scope_put, "write"),                                   \
        ASSET_ROW("PATCH", scope, serve_put, "write"),                                       \
        ASSET_ROW("DELETE", scope, serve_scope_delete, "delete"),                            \
        ASSET_ROW("GET", scope "/{type}", serve_list, "assets/read"),                        \
        ASSET_ROW("POST", scope "/{action}", serve_action, "write"),                         \
        ASSET_ROWS(scope ITEM, "/{child}"), ASSET_ROWS(scope CHILD, "/{grandchild}")

static const struct route ROWS[] = {
    SCOPES_ROW(SUBSCRIPTION PROVIDER "/workspaces", serve_workspaces),
    SCOPES_ROW(SUBSCRIPTION PROVIDER "/registries", serve_registries),
    SCOPES_ROW(GROUP "/workspaces", serve_workspaces),
    SCOPES_ROW(GROUP "/registries", serve_registries),
    SCOPES_ROW(FRONT GROUP "/registries", serve_registries),
    RESOURCES_ROW(SUBSCRIPTION "/resources", "subscriptions/resources/read"),
    RESOURCES_ROW(SUBSCRIPTION "/resourceGroups/{group}/resources",
                  "subscriptions/resourceGroups/resources/read"),
    WORKSPACE_ROWS(WS),
    REGISTRY_ROWS(REG),
    WORKSPACE_ROWS(FRONT WS),
    REGISTRY_ROWS(FRONT REG),
};

struct arm *arm_new(const struct arm_kind *const *kinds, size_t count, struct engines *engines)
{
    struct arena *arena = arena_new(MIB);
    struct arm *arm = arena_make(arena, struct arm);

    assert(kinds && count > 0 && engines);
    arm->arena = arena;
    arm->engines = engines;
    arm->kind_count = count;
    arm->kinds = arena_new_array(arena, const struct arm_kind *, count);
    for (size_t i = 0; i < count; i++)
        arm->kinds[i] = kinds[i];
    return arm;
}

void arm_free(struct arm **arm)
{
    if (!*arm)
        return;
    struct arena *arena = (*arm)->arena;
    *arm = NULL;
    arena_free(&arena);
}

struct route_table arm_routes(struct arm *arm)
{
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}

struct engines *arm_engines(struct arm *arm)
{
    assert(arm);
    return arm->engines;
}
