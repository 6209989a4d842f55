/* The registry as a resource: assets that all workspaces of this server may use. What lies in it is
 * served by the same kinds as in a workspace. */
#include "kinds/workspace.h"

#include "kinds/fields.h"

#include <assert.h>

/* Keeps what clients may say. */
static struct json *keep_body(struct arm_request *req)
{
    static const char *const KEPT[] = {"regionDetails", "managedResourceGroupTags",
                                       "publicNetworkAccess", "intellectualPropertyPublisher",
                                       "description"};
    static const char *const TOP[] = {"location", "kind", "identity", "tags"};
    struct json *properties = json_at(req->body, "properties"), *kept = json_object(req->arena);
    struct json *body = json_object(req->arena);

    assert(req->body);
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(properties, str_from(KEPT[i]));
        if (!json_is_null(value))
            json_set(req->arena, kept, str_from(KEPT[i]), value);
    }
    for (size_t i = 0; i < COUNT(TOP); i++) {
        struct json *value = json_get(req->body, str_from(TOP[i]));
        if (!json_is_null(value))
            json_set(req->arena, body, str_from(TOP[i]), value);
    }
    json_set(req->arena, body, STR("properties"), kept);
    if (!json_get(body, STR("tags")))
        json_set(req->arena, body, STR("tags"), json_object(req->arena));
    return body;
}

static int registry_prepare(struct arm_request *req, struct error *err)
{
    struct scope_seed *seed = arena_make(req->arena, struct scope_seed);

    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_registry, err) < 0)
        return -1;
    req->body = keep_body(req);
    req->prepared = seed;
    return req->scope.number > 0 ? 0 : workspace_seed(req->engines, req->arena, seed, err);
}

static int registry_show(struct arm_request *req, struct store_txn *, const struct document *,
                         struct json *wire, struct error *)
{
    struct arena *arena = req->arena;
    struct json *properties = json_at(wire, "properties");

    assert(req->scope.number > 0);
    json_set_str(arena, properties, "discoveryUrl",
                 arena_printf(arena, "%.*s/registrymanagement/v1.0/registries/%.*s/discovery",
                              STR_ARG(arm_base_url(req->call)), STR_ARG(req->scope.name)));
    json_set_str(arena, properties, "mlFlowRegistryUri",
                 arena_printf(arena, "azureml://%.*s/mlflow/v1.0%.*s", STR_ARG(arm_host(req->call)),
                              STR_ARG(scope_arm_id(arena, &req->scope))));
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    if (json_str_at(properties, "publicNetworkAccess").len == 0)
        json_set_str(arena, properties, "publicNetworkAccess", STR("Enabled"));
    if (!json_get(properties, STR("regionDetails")))
        json_set(arena, properties, STR("regionDetails"), json_array(arena));
    if (json_str_at(wire, "location").len == 0)
        json_set_str(arena, wire, "location", STR(WORKSPACE_LOCATION));
    return 0;
}

/* A row is all that there is to make. */
static int registry_progress(struct arm_request *, struct store_txn *, const struct document *,
                             struct error *)
{
    return 1;
}

/* Taking regions away from what lies in one place. */
static int remove_regions(struct arm_request *, const struct document *, struct arm_reply *,
                          struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "removeRegions",
                     "Regions of a registry are kept as they were said; removing some is not built "
                     "yet. PUT the registry with the regions it is to have.");
}

static const struct arm_action ACTIONS[] = {{.name = "removeRegions", .run = remove_regions}};

const struct arm_kind registry_kind = {
    .type = "registries",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/registries",
    .is_scope = SCOPE_REGISTRY,
    .prepare = registry_prepare,
    .show = registry_show,
    .progress = registry_progress,
    .make_scope = workspace_make_scope,
    .unmake_scope = workspace_unmake,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
