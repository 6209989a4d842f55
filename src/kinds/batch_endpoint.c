/* batch_endpoint.c - an address that takes folders of data, and which deployment answers by default
 */
#include "kinds/batch.h"

#include "kinds/plain.h"

#include <assert.h>

/* What only the server says comes back from clients that send what they were shown. */
static void drop_ours(struct json *properties)
{
    static const char *const OURS[] = {"scoringUri", "swaggerUri", "keys", "traffic",
                                       "mirrorTraffic"};

    assert(properties);
    for (size_t i = 0; i < COUNT(OURS); i++)
        json_remove(properties, str_from(OURS[i]));
}

/* Tokens are the only door that a batch endpoint has, at the service as well. */
static int batch_endpoint_prepare(struct arm_request *req, struct error *err)
{
    struct json *properties = json_at(req->body, "properties");

    fields_default(req->arena, req->body, "properties.authMode", "AADToken");
    if (plain_prepare(req, &fields_batch_endpoint, err) < 0)
        return -1;
    struct str mode = json_str_at(properties, "authMode");
    if (!str_eq(mode, STR("AADToken")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.authMode",
                         "Batch endpoints with %.*s are not built; AADToken is.", STR_ARG(mode));
    drop_ours(properties);
    fields_default(req->arena, req->body, "location", "local");
    /* Clients set `defaults.deployment_name` without asking whether there is a `defaults`. */
    if (json_is_null(json_get(properties, STR("defaults"))))
        json_set(req->arena, properties, STR("defaults"), json_object(req->arena));
    return 0;
}

/* The default is one of its deployments. */
static int batch_endpoint_check(struct arm_request *req, struct store_txn *txn,
                                const struct document *before, struct error *err)
{
    struct document_key key = {req->scope.number, STR("batchEndpoints/deployments"),
                               before ? before->doc : 0,
                               json_str_at(req->body, "properties.defaults.deploymentName")};
    struct document deployment;

    assert(store_is_writer(txn));
    if (key.name.len == 0)
        return 0;
    if (before && document_get(txn, &key, &deployment, err) == 0)
        return 0;
    if (before && err->code != ERROR_NOT_FOUND)
        return -1;
    return error_set(err, ERROR_INVALID, "properties.defaults.deploymentName",
                     "The endpoint has no deployment '%.*s'.", STR_ARG(key.name));
}

/* The address is the resource's own, so it needs no name of a host. */
static int batch_endpoint_show(struct arm_request *req, struct store_txn *txn,
                               const struct document *document, struct json *wire,
                               struct error *err)
{
    struct json *properties = json_at(wire, "properties");
    struct str url = arena_printf(req->arena, "%.*s%.*s", STR_ARG(arm_base_url(req->call)),
                                  STR_ARG(json_str_at(wire, "id")));

    assert(properties);
    json_set_str(req->arena, properties, "scoringUri",
                 arena_printf(req->arena, "%.*s/jobs", STR_ARG(url)));
    json_set_str(req->arena, properties, "swaggerUri",
                 arena_printf(req->arena, "%.*s/swagger.json", STR_ARG(url)));
    return plain_show(req, txn, document, wire, err);
}

/* POST of the scoring address. */
static int batch_invoke(struct arm_request *, const struct document *document, struct arm_reply *,
                        struct error *err)
{
    assert(document);
    (void)document;
    return plain_unbuilt("batchEndpoints", "Batch inference", err);
}

/* The service has the route for batch endpoints too, which never have keys. */
static int batch_list_keys(struct arm_request *req, const struct document *document,
                           struct arm_reply *, struct error *err)
{
    assert(document);
    (void)document;
    return error_set(err, ERROR_USER, "properties.authMode",
                     "The batch endpoint '%.*s' takes tokens (AADToken) and has no keys.",
                     STR_ARG(req->name));
}

/* `jobs` is a GET as well: see the routes. */
static const struct arm_action ACTIONS[] = {
    {.name = "jobs", .run = batch_invoke},
    {.name = "listKeys", .run = batch_list_keys},
};

const struct arm_kind batch_endpoint_kind = {
    .type = "batchEndpoints",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces/batchEndpoints",
    .names = NAME_ENDPOINT,
    .prepare = batch_endpoint_prepare,
    .check = batch_endpoint_check,
    .show = batch_endpoint_show,
    .progress = plain_progress,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};

/* --- Jobs of an endpoint, by the data plane -------------------------------------------------- */

/* None can be there before batch inference is built; an endpoint that is not there is a 404. */
static int batch_jobs(struct call *call, struct json *page, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct str deployment = call_param(call, "deployment");
    struct document_key key = {.type = STR("batchEndpoints"), .name = call_param(call, "name")};
    struct document found;
    struct scope scope;

    assert(page);
    const struct scope_name name = {call_param(call, "subscription"), call_param(call, "group"),
                                    call_param(call, "workspace")};
    if (!txn || scope_find(txn, &name, &scope, err) < 0)
        return -1;
    key.scope = scope.number;
    if (document_get(txn, &key, &found, err) < 0)
        return -1;
    key = (struct document_key){scope.number, STR("batchEndpoints/deployments"), found.doc,
                                deployment};
    if (deployment.len && document_get(txn, &key, &found, err) < 0)
        return -1;
    json_set(call->arena, page, STR("value"), json_array(call->arena));
    return 0;
}

/* An envelope of ARM on a path of the data plane: the SDK reads the same one there. */
static void batch_jobs_run(struct call *call)
{
    struct json *page = json_object(call->arena);
    struct error err = {0};

    if (batch_jobs(call, page, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, page);
}

#define ENDPOINT                                                                     \
    "/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{group}/" \
    "providers/Microsoft.MachineLearningServices/workspaces/{workspace}/batchEndpoints/{name}"
#define READ "Microsoft.MachineLearningServices/workspaces/batchEndpoints/read"

/* Lists of invocations, which ARM's routes know as actions only. */
static const struct route ROUTES[] = {
    {"GET", ENDPOINT "/jobs", PERMIT_ACTION, READ, 0, ROUTE_FOLD, LISTEN_ALL, batch_jobs_run, NULL,
     arm_refuse},
    {"GET", ENDPOINT "/deployments/{deployment}/jobs", PERMIT_ACTION, READ, 0, ROUTE_FOLD,
     LISTEN_ALL, batch_jobs_run, NULL, arm_refuse},
};

/* The two lists that ARM's table does not know. */
struct route_table batch_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
