#include "arm/internal.h"

#include <assert.h>

/* What every kind answers to. The rows are generic: which kind a path names is looked up here, who
 * may come in is decided by server/dispatch.c before. */

typedef int arm_run(struct arm_request *req, struct arm_reply *out, struct error *err);

/* The workspace of the path; nothing is looked up outside of one. */
static int open_scope(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct str name = call_param(req->call, "workspace");
    struct str group = call_param(req->call, "group");
    struct scope scope;

    assert(req->call);
    if (!txn)
        return -1;
    if (scope_find(txn, call_param(req->call, "subscription"), group, name, &scope, err) < 0)
        return err->code != ERROR_NOT_FOUND ? -1
                                            : error_set(err, ERROR_NOT_FOUND, "",
                                                        "The Resource '" ARM_PROVIDER
                                                        "/workspaces/%.*s' under resource group "
                                                        "'%.*s' was not found.",
                                                        STR_ARG(name), STR_ARG(group));
    req->scope = arm_keep_scope(req->arena, &scope);
    return 0;
}

/* "data", or "data/versions" when the path goes on below a name. */
static struct str type_path(struct arm_request *req)
{
    struct str type = call_param(req->call, "type");
    struct str child = call_param(req->call, "child");

    assert(req->call);
    if (child.len == 0)
        return type;
    return arena_printf(req->arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(child));
}

/* Which kind, which names, which id. */
static int open_kind(struct arm_request *req, struct error *err)
{
    struct str type = type_path(req);
    bool nested = call_param(req->call, "child").len > 0;

    assert(req->arm);
    if (type.len == 0)
        type = STR("workspaces");
    req->kind = arm_kind_of(req->arm, type);
    if (req->kind && (type.len == 10 && str_eq_fold(type, STR("workspaces"))) !=
                         (call_param(req->call, "type").len == 0))
        req->kind = NULL; /* "…/workspaces/a/workspaces/b" */
    if (!req->kind && arm_type_unbuilt(type))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "type",
                         "%.*s are part of Azure Machine Learning and not built here yet.",
                         STR_ARG(type));
    if (!req->kind)
        return error_set(err, ERROR_NOT_FOUND, "type", "There is no resource type '%.*s'.",
                         STR_ARG(type));
    req->parent_name = nested ? call_param(req->call, "name") : (struct str){0};
    req->name = nested ? call_param(req->call, "version") : call_param(req->call, "name");
    if (call_param(req->call, "type").len == 0)
        req->name = call_param(req->call, "workspace");
    if (req->name.len > 0)
        req->id = arm_id(req->arena, &req->scope, req->kind, req->parent_name, req->name);
    return 0;
}

/* Headers of an operation come before the body. */
static void answer(struct arm_request *req, struct call *call, const struct arm_reply *reply)
{
    assert(reply->status >= 200);
    if (reply->operation.len > 0)
        arm_operation_headers(req, reply->status, reply->operation);
    arm_reply(call, reply->status, reply->body);
}

static void serve(struct call *call, arm_run *run)
{
    struct arm *arm = call->face;
    struct arm_request req = {.arena = call->arena,
                              .engines = arm->engines,
                              .call = call,
                              .actor = call->caller.name,
                              .arm = arm};
    struct arm_reply reply = {0};
    struct error err = {0};
    bool operation = run == arm_operation_get;

    assert(call->face && call->arena);
    if (open_scope(&req, &err) < 0 || (!operation && open_kind(&req, &err) < 0) ||
        run(&req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

/* Making a further workspace is the one write whose scope is not there yet. */
static void serve_workspace_put(struct call *call)
{
    struct arm *arm = call->face;
    struct arm_request req = {.arena = call->arena, .engines = arm->engines, .call = call};
    struct error err = {0};

    assert(call->face);
    if (open_scope(&req, &err) == 0) {
        serve(call, arm_put);
        return;
    }
    if (err.code == ERROR_NOT_FOUND)
        error_set(&err, ERROR_NOT_IMPLEMENTED, "workspaces",
                  "Making further workspaces is not built yet; this server has the workspace "
                  "'default' in resource group 'default'.");
    arm_refuse(call, &err);
}

static void serve_workspace_delete(struct call *call)
{
    struct error err = {0};

    error_set(&err, ERROR_NOT_IMPLEMENTED, "workspaces", "Deleting a workspace is not built yet.");
    arm_refuse(call, &err);
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

static void serve_workspaces(struct call *call)
{
    struct arm *arm = call->face;
    struct arm_request req = {
        .arena = call->arena, .engines = arm->engines, .call = call, .arm = arm};
    struct arm_reply reply = {0};
    struct error err = {0};

    req.kind = arm_kind_of(arm, STR("workspaces"));
    assert(req.kind);
    if (arm_list_workspaces(&req, &reply, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(&req, call, &reply);
}

static void serve_location(struct call *call)
{
    struct error err = {0};

    error_set(&err, ERROR_NOT_IMPLEMENTED, "locations", "'%.*s' of a location is not built yet.",
              STR_ARG(call_param(call, "list")));
    arm_refuse(call, &err);
}

#define PROVIDER "/providers/" ARM_PROVIDER
#define GROUP "/subscriptions/{subscription}/resourceGroups/{group}" PROVIDER "/workspaces"
#define WS GROUP "/{workspace}"
#define ITEM WS "/{type}/{name}"
#define CHILD ITEM "/{child}/{version}"

#define ROW(verb, template, handler) \
    {.method = verb,                 \
     .path = template,               \
     .permit = PERMIT_ACTION,        \
     .body_limit = ARM_BODY_BYTES,   \
     .flags = ROUTE_FOLD,            \
     .listeners = LISTEN_ALL,        \
     .run = handler,                 \
     .refuse = arm_refuse}

static const struct route ROWS[] = {
    ROW("GET", "/subscriptions/{subscription}" PROVIDER "/workspaces", serve_workspaces),
    ROW("GET", "/subscriptions/{subscription}" PROVIDER "/locations/{location}/{list}",
        serve_location),
    ROW("GET", GROUP, serve_workspaces),
    ROW("GET", WS, serve_get),
    ROW("HEAD", WS, serve_get),
    ROW("PUT", WS, serve_workspace_put),
    ROW("PATCH", WS, serve_put),
    ROW("DELETE", WS, serve_workspace_delete),
    ROW("GET", WS "/{type}", serve_list),
    ROW("POST", WS "/{action}", serve_action),
    ROW("GET", ITEM, serve_get),
    ROW("HEAD", ITEM, serve_get),
    ROW("PUT", ITEM, serve_put),
    ROW("PATCH", ITEM, serve_put),
    ROW("DELETE", ITEM, serve_delete),
    ROW("GET", ITEM "/{child}", serve_list),
    ROW("POST", ITEM "/{action}", serve_action),
    ROW("GET", CHILD, serve_get),
    ROW("HEAD", CHILD, serve_get),
    ROW("PUT", CHILD, serve_put),
    ROW("PATCH", CHILD, serve_put),
    ROW("DELETE", CHILD, serve_delete),
    ROW("POST", CHILD "/{action}", serve_action),
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
