/* Where a registry is: the first thing that a client of one asks, with its name alone. */
#include "dataplane/registry.h"

#include <assert.h>

/* By the name, which is unique on a server. */
static int find(struct call *call, struct scope *out, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct str name = call_param(call, "registry");
    struct scope scope;

    if (!txn)
        return -1;
    if (scope_find(txn, &(struct scope_name){.name = name}, &scope, err) < 0)
        return err->code != ERROR_NOT_FOUND ? -1
                                            : error_set(err, ERROR_NOT_FOUND, "registry",
                                                        "There is no registry '%.*s' here.",
                                                        STR_ARG(str_slice(name, 0, 80)));
    *out = scope;
    out->subscription = arena_str(call->arena, scope.subscription);
    out->group = arena_str(call->arena, scope.group);
    out->name = arena_str(call->arena, scope.name);
    return 0;
}

/* Clients append their paths bare, so the address ends in a slash. */
static void get_discovery(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *body = json_object(arena);
    struct scope scope;
    struct error err = {0};

    assert(call->face);
    if (find(call, &scope, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    struct str base = arm_base_url(call);
    json_set_str(arena, body, "registryName", scope.name);
    json_set_str(arena, body, "primaryRegionResourceProviderUri",
                 arena_printf(arena, "%.*s/", STR_ARG(base)));
    json_set_str(arena, body, "resourceGroup", scope.group);
    json_set_str(arena, body, "subscriptionId", scope.subscription);
    json_set_str(arena, body, "primaryRegion", STR("local"));
    json_set_str(arena, body, "discoveryUrl", arena_printf(arena, "%.*s/discovery", STR_ARG(base)));
    arm_reply(call, 200, body);
}

/* With a token: who may read anything may learn where a registry of a known name is. */
static const struct route ROWS[] = {
    {.method = "GET",
     .path = "/registrymanagement/v1.0/registries/{registry}/discovery",
     .permit = PERMIT_ACTION,
     .action = "Microsoft.MachineLearningServices/registries/read",
     .flags = ROUTE_FOLD,
     .listeners = LISTEN_ALL,
     .run = get_discovery,
     .refuse = arm_refuse},
};

struct route_table registry_discovery_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROWS, COUNT(ROWS), engines};
}
