/* endpoint_shape.c - Endpoints and deployments between the keys of their files and the bodies of
 * the wire. */
#include "cli/assets.h"
#include "cli/fields.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "yaml/yaml.h"

#include <assert.h>

static const struct field_row DATA_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"type", "properties.dataType", FIELD_LOWER},
};

/* A type that does not fit the content is found here, while the file still has a line to name. */
int shape_data_body(struct cli *cli, struct document *document, struct json **out,
                    struct error *err)
{
    struct assets_content content = {.path = "path"};
    struct json *body =
        json_parse(cli->arena,
                   STR("{\"properties\":{\"dataType\":\"uri_folder\",\"isAnonymous\":false,"
                       "\"isArchived\":false,\"tags\":{},\"properties\":{}}}"),
                   err);

    assert(body);
    fields_to_rest(cli->arena, DATA_ROWS, COUNT(DATA_ROWS), document->yaml.root, body);
    content.datastore = json_str_at(document->yaml.root, "datastore");
    if (assets_content(cli, document, &content, err) < 0)
        return -1;
    bool wants_file = str_eq(json_str_at(body, "properties.dataType"), STR("uri_file"));
    if (content.local && content.uri.len && content.is_file != wants_file)
        yaml_problem_add(&document->problems, document_place(document, "path"), "E1207",
                         "the data is of type %.*s, but '%.*s' is a %s",
                         STR_ARG(json_str_at(body, "properties.dataType")),
                         STR_ARG(json_str_at(document->yaml.root, "path")),
                         content.is_file ? "file" : "folder");
    *out = body;
    return json_put(cli->arena, body, "properties.dataUri", json_text(cli->arena, content.uri),
                    err);
}

static const struct field_row ENDPOINT_BODY_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"auth_mode", "properties.authMode", FIELD_WORD},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"public_network_access", "properties.publicNetworkAccess", FIELD_WORD},
    {"tags", "tags", FIELD_TEXTS},
    {"location", "location", FIELD_SAME},
};

static const struct field_row ENDPOINT_ROWS[] = {
    {"auth_mode", "properties.authMode", FIELD_WORD},
    {"description", "properties.description", FIELD_SAME},
    {"scoring_uri", "properties.scoringUri", FIELD_SAME},
    {"openapi_uri", "properties.swaggerUri", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
    {"public_network_access", "properties.publicNetworkAccess", FIELD_WORD},
    {"properties", "properties.properties", FIELD_SAME},
    {"traffic", "properties.traffic", FIELD_SAME},
    {"mirror_traffic", "properties.mirrorTraffic", FIELD_SAME},
    {"identity.type", "identity.type", FIELD_WORD},
    {"location", "location", FIELD_SAME},
    {"kind", "kind", FIELD_SAME},
    {"tags", "tags", FIELD_SAME},
};

struct json *shape_endpoint(struct cli *cli, const struct json *rest)
{
    assert(cli->arena);
    return shape_common(cli, rest, ENDPOINT_ROWS, COUNT(ENDPOINT_ROWS));
}

/* Percentages; zeros are left out, as the SDK does. */
static struct json *shares(struct cli *cli, const struct json *map)
{
    struct json *out = json_object(cli->arena);
    struct json_iter it = json_iter(map);

    assert(cli->arena);
    while (json_next(&it))
        if (fields_integer(it.value, 0) > 0)
            json_set(cli->arena, out, it.key, json_int(cli->arena, fields_integer(it.value, 0)));
    return out;
}

/* Shares of zero are left out: the SDK leaves them out, and tools compare. */
int shape_endpoint_body(struct cli *cli, struct document *document, struct json **out,
                        struct error *err)
{
    const struct json *root = document->yaml.root;
    struct json *body =
        json_parse(cli->arena,
                   STR("{\"location\":\"local\",\"identity\":{\"type\":\"SystemAssigned\"},"
                       "\"tags\":{},\"properties\":{\"authMode\":\"Key\",\"properties\":{}}}"),
                   err);

    assert(body);
    fields_to_rest(cli->arena, ENDPOINT_BODY_ROWS, COUNT(ENDPOINT_BODY_ROWS), root, body);
    *out = body;
    if (json_put(cli->arena, body, "properties.traffic",
                 shares(cli, json_get(root, STR("traffic"))), err) < 0)
        return -1;
    return json_put(cli->arena, body, "properties.mirrorTraffic",
                    shares(cli, json_get(root, STR("mirror_traffic"))), err);
}

#define PROBE(name, wire)                                                     \
    {name ".initial_delay", wire ".initialDelay", FIELD_SECONDS},             \
        {name ".period", wire ".period", FIELD_SECONDS},                      \
        {name ".timeout", wire ".timeout", FIELD_SECONDS},                    \
        {name ".failure_threshold", wire ".failureThreshold", FIELD_INTEGER}, \
    {                                                                         \
        name ".success_threshold", wire ".successThreshold", FIELD_INTEGER    \
    }

static const struct field_row DEPLOYMENT_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"environment_variables", "properties.environmentVariables", FIELD_TEXTS},
    {"app_insights_enabled", "properties.appInsightsEnabled", FIELD_TRUTH},
    {"instance_type", "properties.instanceType", FIELD_SAME},
    {"instance_count", "sku.capacity", FIELD_INTEGER},
    {"model_mount_path", "properties.modelMountPath", FIELD_SAME},
    {"egress_public_network_access", "properties.egressPublicNetworkAccess", FIELD_WORD},
    {"code_configuration.scoring_script", "properties.codeConfiguration.scoringScript", FIELD_SAME},
    {"request_settings.request_timeout_ms", "properties.requestSettings.requestTimeout",
     FIELD_MILLIS},
    {"request_settings.max_queue_wait_ms", "properties.requestSettings.maxQueueWait", FIELD_MILLIS},
    {"request_settings.max_concurrent_requests_per_instance",
     "properties.requestSettings.maxConcurrentRequestsPerInstance", FIELD_INTEGER},
    PROBE("liveness_probe", "properties.livenessProbe"),
    PROBE("readiness_probe", "properties.readinessProbe"),
    {"scale_settings.type", "properties.scaleSettings.scaleType", FIELD_WORD},
    {"data_collector", "properties.dataCollector", FIELD_TREE},
};

static const struct field_row DEPLOYMENT_SHOWN[] = {
    {"type", "properties.endpointComputeType", FIELD_LOWER},
    {"model", "properties.model", FIELD_ASSET},
    {"environment", "properties.environmentId", FIELD_ASSET},
    {"code_configuration.code", "properties.codeConfiguration.codeId", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
    {"location", "location", FIELD_SAME},
};

/* The endpoint's name stands in the id alone. */
struct json *shape_deployment(struct cli *cli, const struct json *rest)
{
    struct json *out = shape_common(cli, rest, DEPLOYMENT_ROWS, COUNT(DEPLOYMENT_ROWS));
    struct str id = json_str_at(rest, "id"), piece;

    assert(cli->arena);
    fields_to_yaml(cli->arena, DEPLOYMENT_SHOWN, COUNT(DEPLOYMENT_SHOWN), rest, out);
    while (str_split(&id, '/', &piece))
        if (str_eq_fold(piece, STR("onlineEndpoints")) && str_split(&id, '/', &piece))
            json_set_str(cli->arena, out, "endpoint_name", piece);
    return out;
}

/* Model, environment and code are sent or looked up on the way; all problems are told together. */
int shape_deployment_body(struct cli *cli, struct document *document, struct json **out,
                          struct error *err)
{
    struct json *body = json_parse(
        cli->arena,
        STR("{\"location\":\"local\",\"tags\":{},\"sku\":{\"name\":\"Default\",\"capacity\":1},"
            "\"properties\":{\"endpointComputeType\":\"Managed\",\"properties\":{},"
            "\"environmentVariables\":{},\"scaleSettings\":{\"scaleType\":\"Default\"}}}"),
        err);
    struct str model, environment, code;

    assert(body);
    fields_to_rest(cli->arena, DEPLOYMENT_ROWS, COUNT(DEPLOYMENT_ROWS), document->yaml.root, body);
    if (assets_environment(cli, document, "environment", &environment, err) < 0 ||
        assets_model(cli, document, "model", &model, err) < 0 ||
        assets_code(cli, document, "code_configuration.code", &code, err) < 0)
        return -1;
    if (model.len)
        json_put(cli->arena, body, "properties.model", json_text(cli->arena, model), err);
    if (environment.len)
        json_put(cli->arena, body, "properties.environmentId", json_text(cli->arena, environment),
                 err);
    if (code.len)
        json_put(cli->arena, body, "properties.codeConfiguration.codeId",
                 json_text(cli->arena, code), err);
    *out = body;
    return 0;
}
