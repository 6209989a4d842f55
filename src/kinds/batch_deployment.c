/* A model, or a pipeline component, that reads folders in batches. What its runs need is checked
 * when it is made, as nobody looks on when it is invoked at night. */
#include "kinds/batch.h"

#include "kinds/lineage.h"
#include "kinds/plain.h"

#include <assert.h>

/* Numbers of more than this are slips of the keyboard. */
#define MOST 1000000

/* What the service takes; a runner could not do anything with more. */
static const struct plain_range RANGES[] = {
    {"properties.errorThreshold", -1, INT32_MAX},
    {"properties.maxConcurrencyPerInstance", 1, MOST},
    {"properties.miniBatchSize", 1, INT32_MAX},
    {"properties.resources.instanceCount", 1, MOST},
    {"properties.retrySettings.maxRetries", 0, MOST},
};

/* "…/computes/x", "azureml:x" and "x" all name a compute; it must be there. */
static int check_compute(struct arm_request *req, struct error *err)
{
    struct str text = json_str_at(req->body, "properties.compute");
    ssize_t slash = str_find_last(text, '/');
    struct str name = slash >= 0 ? str_slice(text, (size_t)slash + 1, text.len) : text;
    struct document_key key = {.scope = req->scope.number, .type = STR("computes")};
    struct document compute;

    if (str_starts(name, STR("azureml:")))
        name = str_slice(name, 8, name.len);
    if (name.len == 0 || str_eq_fold(name, STR("serverless")) || str_eq_fold(name, STR("local")))
        return 0;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    key.name = name;
    if (!txn)
        return -1;
    if (document_get(txn, &key, &compute, err) == 0)
        return 0;
    return err->code != ERROR_NOT_FOUND ? -1
                                        : error_set(err, ERROR_NOT_FOUND, "properties.compute",
                                                    "There is no compute '%.*s'.", STR_ARG(name));
}

/* A model of one of three forms, or a pipeline component in its place. */
static int check_what(struct arm_request *req, struct lineage *lineage, struct error *err)
{
    const struct json *properties = json_at(req->body, "properties");
    struct str form = json_str_at(properties, "model.referenceType");
    struct str pipeline = json_str_at(properties, "deploymentConfiguration.componentId.assetId");
    const struct lineage_query model = {"properties.model.assetId", "model", "models",
                                        json_str_at(properties, "model.assetId")};
    const struct lineage_query component = {
        "properties.deploymentConfiguration.componentId.assetId", "component", "components",
        pipeline};

    if (str_eq(json_str_at(properties, "deploymentConfiguration.deploymentConfigurationType"),
               STR("PipelineComponent")))
        return pipeline.len
                   ? lineage_add(req, lineage, &component, err)
                   : error_set(err, ERROR_INVALID, component.path, "This field is required.");
    if (json_is_null(json_at(properties, "model")))
        return error_set(err, ERROR_INVALID, "properties.model",
                         "A batch deployment needs a model or a pipeline component.");
    if (str_eq(form, STR("DataPath")) && json_str_at(properties, "model.path").len == 0)
        return error_set(err, ERROR_INVALID, "properties.model.path", "This field is required.");
    if (str_eq(form, STR("OutputPath")) && json_str_at(properties, "model.jobId").len == 0)
        return error_set(err, ERROR_INVALID, "properties.model.jobId", "This field is required.");
    if (form.len && !str_eq(form, STR("Id")))
        return 0;
    return model.text.len ? lineage_add(req, lineage, &model, err)
                          : error_set(err, ERROR_INVALID, model.path, "This field is required.");
}

/* What runs the model: code of its own and an environment. */
static int check_how(struct arm_request *req, struct lineage *lineage, struct error *err)
{
    const struct json *properties = json_at(req->body, "properties");
    const struct lineage_query queries[] = {
        {"properties.environmentId", "environment", "environments",
         json_str_at(properties, "environmentId")},
        {"properties.codeConfiguration.codeId", "code", "codes",
         json_str_at(properties, "codeConfiguration.codeId")},
    };

    for (size_t i = 0; i < COUNT(queries); i++)
        if (lineage_add(req, lineage, &queries[i], err) < 0)
            return -1;
    if (!json_is_null(json_at(properties, "codeConfiguration")) &&
        json_str_at(properties, "codeConfiguration.scoringScript").len == 0)
        return error_set(err, ERROR_INVALID, "properties.codeConfiguration.scoringScript",
                         "This field is required.");
    return check_compute(req, err);
}

/* A number that the client left to the service. */
static void default_int(struct arm_request *req, const char *path, int64_t number)
{
    if (json_is_null(json_at(req->body, path)))
        json_put(req->arena, req->body, path, json_int(req->arena, number), NULL);
}

/* What a deployment of a model does when nothing is said. */
static void fill_defaults(struct arm_request *req)
{
    struct json *properties = json_at(req->body, "properties");

    assert(properties);
    fields_default(req->arena, req->body, "location", "local");
    if (json_is_null(json_get(properties, STR("model"))))
        return;
    if (json_is_null(json_get(properties, STR("retrySettings"))))
        json_set(req->arena, properties, STR("retrySettings"), json_object(req->arena));
    fields_default(req->arena, req->body, "properties.model.referenceType", "Id");
    fields_default(req->arena, req->body, "properties.outputAction", "AppendRow");
    fields_default(req->arena, req->body, "properties.outputFileName", "predictions.csv");
    fields_default(req->arena, req->body, "properties.loggingLevel", "Info");
    fields_default(req->arena, req->body, "properties.retrySettings.timeout", "PT30S");
    default_int(req, "properties.retrySettings.maxRetries", 3);
    default_int(req, "properties.errorThreshold", -1);
    default_int(req, "properties.maxConcurrencyPerInstance", 1);
    default_int(req, "properties.miniBatchSize", 10);
}

/* Everything that can be refused is refused before anything is stored. */
static int batch_deployment_prepare(struct arm_request *req, struct error *err)
{
    struct lineage *lineage = arena_make(req->arena, struct lineage);

    assert(req->name.len > 0);
    req->prepared = lineage;
    if (plain_prepare(req, &fields_batch_deployment, err) < 0 ||
        plain_ranges(req->body, RANGES, COUNT(RANGES), err) < 0 ||
        check_what(req, lineage, err) < 0 || check_how(req, lineage, err) < 0)
        return -1;
    fill_defaults(req);
    return 0;
}

/* In the write that stores the document: both or none. */
static int batch_deployment_change(struct arm_request *req, struct store_txn *txn,
                                   const struct document *after, struct error *err)
{
    const struct lineage_link made = {.kind = str_from(req->kind->type), .id = req->id};

    assert(after->doc > 0);
    return lineage_store(req, txn, req->prepared, &made, err);
}

/* The endpoint's default must not name what is no longer there. */
static int batch_deployment_remove(struct arm_request *req, struct store_txn *txn,
                                   const struct document *document, struct error *err)
{
    struct document endpoint;

    assert(document->parent > 0);
    if (document_by_id(txn, document->parent, &endpoint, err) < 0)
        return -1;
    struct json *body = json_parse(req->arena, endpoint.body, err);
    if (!body)
        return -1;
    struct json *defaults = json_at(body, "properties.defaults");
    if (!str_eq_fold(json_str_at(defaults, "deploymentName"), document->name))
        return 0;
    json_set_null(req->arena, defaults, "deploymentName");
    endpoint.body = json_write(req->arena, body);
    return document_update(txn, &endpoint, err);
}

const struct arm_kind batch_deployment_kind = {
    .type = "batchEndpoints/deployments",
    .wire = "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments",
    .parent = &batch_endpoint_kind,
    .names = NAME_JOB, /* the real client's own exchanges have one of two letters */
    .prepare = batch_deployment_prepare,
    .change = batch_deployment_change,
    .remove = batch_deployment_remove,
    .show = plain_show,
    .progress = plain_progress,
};
