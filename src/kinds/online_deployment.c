/* online_deployment.c - a model that answers behind an endpoint, on so many instances
 *
 * The document keeps what the client wrote; what becomes of it is the plan's and the roll-out's.
 */
#include "kinds/online_deployment.h"

#include "endpoint/endpoint.h"
#include "kinds/fields.h"
#include "kinds/lineage.h"
#include "kinds/online_endpoint.h"

#include <assert.h>

/* All are taken, and all run on this host. */
static const char *const COMPUTE_TYPES[] = {"Managed", "Kubernetes", "AzureMLCompute", NULL};

static const struct field FIELDS[] = {
    {"location", FIELD_TEXT, false, NULL},
    {"tags", FIELD_TEXTS, false, NULL},
    {"kind", FIELD_TEXT, false, NULL},
    {"identity", FIELD_OBJECT, false, NULL},
    {"sku", FIELD_OBJECT, false, NULL},
    {"sku.capacity", FIELD_NUMBER, false, NULL},
    {"properties.endpointComputeType", FIELD_WORD, false, COMPUTE_TYPES},
    {"properties.model", FIELD_TEXT, false, NULL},
    {"properties.modelMountPath", FIELD_TEXT, false, NULL},
    {"properties.environmentId", FIELD_TEXT, false, NULL},
    {"properties.environmentVariables", FIELD_TEXTS, false, NULL},
    {"properties.codeConfiguration", FIELD_OBJECT, false, NULL},
    {"properties.codeConfiguration.codeId", FIELD_TEXT, false, NULL},
    {"properties.codeConfiguration.scoringScript", FIELD_TEXT, false, NULL},
    {"properties.description", FIELD_TEXT, false, NULL},
    {"properties.properties", FIELD_OBJECT, false, NULL},
    {"properties.instanceType", FIELD_TEXT, false, NULL},
    {"properties.appInsightsEnabled", FIELD_BOOL, false, NULL},
    {"properties.scaleSettings", FIELD_OBJECT, false, NULL},
    {"properties.scaleSettings.scaleType", FIELD_TEXT, false, NULL},
    {"properties.requestSettings", FIELD_OBJECT, false, NULL},
    {"properties.requestSettings.maxConcurrentRequestsPerInstance", FIELD_NUMBER, false, NULL},
    {"properties.requestSettings.maxQueueWait", FIELD_TEXT, false, NULL},
    {"properties.requestSettings.requestTimeout", FIELD_TEXT, false, NULL},
    {"properties.livenessProbe", FIELD_OBJECT, false, NULL},
    {"properties.readinessProbe", FIELD_OBJECT, false, NULL},
    {"properties.dataCollector", FIELD_OBJECT, false, NULL},
};

/* The SDK reads scaleSettings.scaleType and sku without asking whether they are there. */
static int deployment_defaults(struct arm_request *req, struct error *err)
{
    struct arena *arena = req->arena;

    assert(req->body);
    fields_default(arena, req->body, "location", "local");
    fields_default(arena, req->body, "properties.endpointComputeType", "Managed");
    fields_default(arena, req->body, "sku.name", "Default");
    if (json_is_null(json_at(req->body, "properties.scaleSettings")) &&
        json_put(arena, req->body, "properties.scaleSettings", json_object(arena), err) < 0)
        return -1;
    fields_default(arena, req->body, "properties.scaleSettings.scaleType", "Default");
    if (json_is_null(json_at(req->body, "sku.capacity")) &&
        json_put(arena, req->body, "sku.capacity", json_int(arena, 1), err) < 0)
        return -1;
    if (json_kind(json_at(req->body, "tags")) != JSON_OBJECT)
        json_set(arena, req->body, STR("tags"), json_object(arena));
    if (json_kind(json_at(req->body, "properties.properties")) != JSON_OBJECT)
        return json_put(arena, req->body, "properties.properties", json_object(arena), err);
    return 0;
}

/* What the write stores beside the document. */
struct deployment_prepared {
    struct json *plan;
    struct lineage lineage;
};

/* The versions that the names meant: the plan has resolved them, so a miss here is no error. */
static void note_lineage(struct arm_request *req, struct lineage *lineage)
{
    const struct json *properties = json_at(req->body, "properties");
    const struct lineage_query queries[] = {
        {"properties.model", "model", "models", json_str_at(properties, "model")},
        {"properties.environmentId", "environment", "environments",
         json_str_at(properties, "environmentId")},
        {"properties.codeConfiguration.codeId", "code", "codes",
         json_str_at(properties, "codeConfiguration.codeId")},
    };
    struct error ignored;

    assert(lineage);
    for (size_t i = 0; i < COUNT(queries); i++)
        lineage_add(req, lineage, &queries[i], &ignored);
}

/* Everything that can be refused is refused here, before anything is stored; the plan waits in
 * `prepared` for the write. */
static int online_deployment_prepare(struct arm_request *req, struct error *err)
{
    struct deployment_prepared *prepared = arena_make(req->arena, struct deployment_prepared);

    req->prepared = prepared;
    if (fields_check(req->arena, req->body, &(struct fields_table){FIELDS, COUNT(FIELDS)}, err) <
            0 ||
        deployment_defaults(req, err) < 0)
        return -1;
    /* A part of an instance, or more than any number of ours, would be cut to another count than
     * the document shows. */
    if (!json_is_integer(json_at(req->body, "sku.capacity")))
        return error_set(err, ERROR_INVALID, "sku.capacity", "This field must be a whole number.");
    const struct deployment_request request = {
        .scope = &req->scope,
        .endpoint = req->parent_name,
        .name = req->name,
        .properties = json_at(req->body, "properties"),
        .instances = json_int_at(req->body, "sku.capacity", 0),
    };
    if (deployment_plan(req->engines->endpoints, req->arena, &request, &prepared->plan, err) < 0)
        return -1;
    note_lineage(req, &prepared->lineage);
    return 0;
}

/* In the write that stores the document: both or none. */
static int online_deployment_change(struct arm_request *req, struct store_txn *txn,
                                    const struct document *after, struct error *err)
{
    const struct deployment_prepared *prepared = req->prepared;
    const struct lineage_link made = {.kind = str_from(req->kind->type), .id = req->id};

    assert(prepared && prepared->plan);
    if (deployment_insert(txn, after, prepared->plan, err) < 0)
        return -1;
    return lineage_store(req, txn, &prepared->lineage, &made, err);
}

/* The endpoint's traffic must not name what is no longer there. */
static int drop_traffic(struct store_txn *txn, const struct document *document, struct error *err)
{
    struct document endpoint;

    assert(document->parent > 0);
    if (document_by_id(txn, document->parent, &endpoint, err) < 0)
        return -1;
    struct json *body = json_parse(store_arena(txn), endpoint.body, err);
    if (!body)
        return -1;
    struct json_iter it = json_iter(json_at(body, "properties.traffic"));
    while (json_next(&it))
        if (str_eq_fold(it.key, document->name)) {
            json_remove(json_at(body, "properties.traffic"), it.key);
            endpoint.body = json_write(store_arena(txn), body);
            return document_update(txn, &endpoint, err);
        }
    return 0;
}

/* Keys and traffic of the endpoint stay as they are otherwise. */
static int online_deployment_remove(struct arm_request *, struct store_txn *txn,
                                    const struct document *document, struct error *err)
{
    if (deployment_forget(txn, document, err) < 0)
        return -1;
    return drop_traffic(txn, document, err);
}

/* A DELETE returns when the gateway has forgotten the deployment; a PUT goes on for minutes, and
 * its operation tells when it is done. */
static void online_deployment_after(struct arm_request *req, const struct document *, bool removed)
{
    if (removed)
        endpoints_sync(req->engines->endpoints);
    else
        endpoints_wake(req->engines->endpoints);
}

/* provisioningState is the roll-out's, not the document's. */
static int online_deployment_show(struct arm_request *req, struct store_txn *txn,
                                  const struct document *document, struct json *wire,
                                  struct error *err)
{
    return deployment_show(txn, req->arena, document, json_at(wire, "properties"), err);
}

/* For the operation a PUT answered with. */
static int online_deployment_progress(struct arm_request *, struct store_txn *txn,
                                      const struct document *document, struct error *err)
{
    return deployment_progress(txn, document, err);
}

/* POST getLogs {"containerType", "tail"}; both containers of the service are one here. */
static int get_logs(struct arm_request *req, const struct document *document, struct arm_reply *out,
                    struct error *err)
{
    struct json *body = json_object(req->arena);
    int64_t tail = json_int_at(req->body, "tail", 0);
    const struct logs_query query = {document, (size_t)tail};
    struct str text;

    if (tail < 0)
        return error_set(err, ERROR_INVALID, "tail", "This field must be 0 or more.");
    if (deployment_logs(req->engines->endpoints, req->arena, &query, &text, err) < 0)
        return -1;
    json_set_str(req->arena, body, "content", text);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* The one question that only a deployment can answer. */
static const struct arm_action ACTIONS[] = {{.name = "getLogs", .run = get_logs}};

const struct arm_kind online_deployment_kind = {
    .type = "onlineEndpoints/deployments",
    .wire = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
    .parent = &online_endpoint_kind,
    .names = NAME_ENDPOINT,
    .prepare = online_deployment_prepare,
    .change = online_deployment_change,
    .remove = online_deployment_remove,
    .after = online_deployment_after,
    .show = online_deployment_show,
    .progress = online_deployment_progress,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};

/* --- GET …/deployments/{d}/skus --------------------------------------------------------------- */

#define INSTANCES_MAX 50 /* what the service offers as well */

/* The one size there is: this host, as many times as it is asked for. */
static int sku_list(struct arm_request *req, struct store_txn *, const struct document_query *,
                    const struct document_sink *to, struct error *err)
{
    const struct document sku = {.scope = req->scope.number,
                                 .type = STR("onlineEndpoints/deployments/skus"),
                                 .parent = req->parent.doc,
                                 .name = STR("Default"),
                                 .body = STR("{\"properties\":{}}"),
                                 .system = STR("{}")};

    if (req->parent.doc == 0)
        return error_set(err, ERROR_NOT_FOUND, "deployments", "There is no deployment '%.*s'.",
                         STR_ARG(req->parent_name));
    return to->each(&sku, to->context, err);
}

/* A size has no id and no state: it is what a deployment's capacity may be. */
static int sku_show(struct arm_request *req, struct store_txn *, const struct document *,
                    struct json *wire, struct error *)
{
    struct json *sku = json_object(req->arena), *capacity = json_object(req->arena);
    static const char *const NOT[] = {"id", "name", "type", "systemData", "properties"};

    assert(wire);
    for (size_t i = 0; i < COUNT(NOT); i++)
        json_remove(wire, str_from(NOT[i]));
    json_set_str(req->arena, sku, "name", STR("Default"));
    json_set_int(req->arena, capacity, "minimum", 1);
    json_set_int(req->arena, capacity, "maximum", INSTANCES_MAX);
    json_set_int(req->arena, capacity, "default", 1);
    json_set_str(req->arena, capacity, "scaleType", STR("Manual"));
    json_set_str(req->arena, wire, "resourceType",
                 STR("Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"));
    json_set(req->arena, wire, STR("sku"), sku);
    json_set(req->arena, wire, STR("capacity"), capacity);
    return 0;
}

/* Sizes are not made by clients. */
static int sku_prepare(struct arm_request *, struct error *err)
{
    return error_set(err, ERROR_METHOD, "skus", "Sizes of a deployment can only be listed.");
}

const struct arm_kind online_sku_kind = {
    .type = "onlineEndpoints/deployments/skus",
    .wire = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/skus",
    .parent = &online_deployment_kind,
    .prepare = sku_prepare,
    .list = sku_list,
    .newest_only = true,
    .show = sku_show,
};
