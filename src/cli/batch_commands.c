/* batch_commands.c - batch-endpoint and batch-deployment: models and pipelines over many files. */
#include "cli/assets.h"
#include "cli/component.h"
#include "cli/confirm.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "yaml/yaml.h"

#include <assert.h>

static const char *const ENDPOINT_WORDS[] = {"", "batchEndpoint", NULL};
static const char *const ENDPOINT_KEYS[] = {"name", "defaults=defaults.deployment_name", NULL};
static const char *const ENDPOINT_COLUMNS[] = {
    "name",  "Name", "defaults.deployment_name", "Default deployment", "provisioning_state",
    "State", NULL};
static const struct field_row ENDPOINT_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"location", "location", FIELD_SAME},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"auth_mode", "properties.authMode", FIELD_WORD},
    {"defaults.deployment_name", "properties.defaults.deploymentName", FIELD_SAME},
};
static const struct field_row ENDPOINT_SHOWN[] = {
    {"scoring_uri", "properties.scoringUri", FIELD_SAME},
    {"openapi_uri", "properties.swaggerUri", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};
static const struct resource_kind ENDPOINT = {
    .word = "batch endpoint",
    .type = "batchEndpoints",
    .family = {"batch endpoint", NULL, ENDPOINT_WORDS, NULL},
    .keys = ENDPOINT_KEYS,
    .rows = ENDPOINT_ROWS,
    .row_count = COUNT(ENDPOINT_ROWS),
    .shown = ENDPOINT_SHOWN,
    .shown_count = COUNT(ENDPOINT_SHOWN),
    .defaults = "{\"location\":\"local\",\"tags\":{},\"properties\":{\"authMode\":\"AADToken\","
                "\"properties\":{}}}",
    .columns = ENDPOINT_COLUMNS,
};

static const char *const DEPLOYMENT_WORDS[] = {"model", "modelBatchDeployment", "pipeline",
                                               "pipelineComponentBatchDeployment", NULL};
static const char *const DEPLOYMENT_KEYS[] = {"name", "endpoint-name", NULL};
static const char *const DEPLOYMENT_COLUMNS[] = {
    "name", "Name", "model", "Model", "compute", "Compute", "provisioning_state", "State", NULL};
/* The flat form of older files; the newer one has most of these below `settings`. */
static const struct field_row DEPLOYMENT_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"environment_variables", "properties.environmentVariables", FIELD_TEXTS},
    {"code_configuration.scoring_script", "properties.codeConfiguration.scoringScript", FIELD_SAME},
    {"resources", "properties.resources", FIELD_TREE},
    {"error_threshold", "properties.errorThreshold", FIELD_INTEGER},
    {"mini_batch_size", "properties.miniBatchSize", FIELD_INTEGER},
    {"logging_level", "properties.loggingLevel", FIELD_WORD},
    {"output_action", "properties.outputAction", FIELD_WORD},
    {"output_file_name", "properties.outputFileName", FIELD_SAME},
    {"max_concurrency_per_instance", "properties.maxConcurrencyPerInstance", FIELD_INTEGER},
    {"retry_settings.max_retries", "properties.retrySettings.maxRetries", FIELD_INTEGER},
    {"retry_settings.timeout", "properties.retrySettings.timeout", FIELD_SECONDS},
};
static const struct field_row SETTING_ROWS[] = {
    {"settings.environment_variables", "properties.environmentVariables", FIELD_TEXTS},
    {"settings.instance_count", "properties.resources.instanceCount", FIELD_INTEGER},
    {"settings.error_threshold", "properties.errorThreshold", FIELD_INTEGER},
    {"settings.mini_batch_size", "properties.miniBatchSize", FIELD_INTEGER},
    {"settings.logging_level", "properties.loggingLevel", FIELD_WORD},
    {"settings.output_action", "properties.outputAction", FIELD_WORD},
    {"settings.output_file_name", "properties.outputFileName", FIELD_SAME},
    {"settings.max_concurrency_per_instance", "properties.maxConcurrencyPerInstance",
     FIELD_INTEGER},
    {"settings.retry_settings.max_retries", "properties.retrySettings.maxRetries", FIELD_INTEGER},
    {"settings.retry_settings.timeout", "properties.retrySettings.timeout", FIELD_SECONDS},
};
static const struct field_row DEPLOYMENT_SHOWN[] = {
    {"model", "properties.model.assetId", FIELD_ASSET},
    {"environment", "properties.environmentId", FIELD_ASSET},
    {"code_configuration.code", "properties.codeConfiguration.codeId", FIELD_SAME},
    {"compute", "properties.compute", FIELD_COMPUTE},
    {"component", "properties.deploymentConfiguration.componentId.assetId", FIELD_ASSET},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};

static int set_text(struct cli *cli, struct json *body, const char *path, struct str text,
                    struct error *err)
{
    return text.len ? json_put(cli->arena, body, path, json_text(cli->arena, text), err) : 0;
}

/* A model with its script, sent on the way. */
static int finish_model(struct cli *cli, struct document *document, struct json *body,
                        struct error *err)
{
    const struct json *root = document->yaml.root;
    struct str model, environment, code;

    fields_to_rest(cli->arena, SETTING_ROWS, COUNT(SETTING_ROWS), root, body);
    if (assets_environment(cli, document, "environment", &environment, err) < 0 ||
        assets_model(cli, document, "model", &model, err) < 0 ||
        assets_code(cli, document, "code_configuration.code", &code, err) < 0)
        return -1;
    if (model.len && set_text(cli, body, "properties.model.referenceType", STR("Id"), err) < 0)
        return -1;
    if (set_text(cli, body, "properties.model.assetId", model, err) < 0 ||
        set_text(cli, body, "properties.environmentId", environment, err) < 0 ||
        set_text(cli, body, "properties.codeConfiguration.codeId", code, err) < 0)
        return -1;
    return set_text(cli, body, "properties.compute",
                    assets_compute(cli, json_str_at(root, "compute")), err);
}

/* A component instead of a model: its settings go as they are. */
static int finish_pipeline(struct cli *cli, struct document *document, struct json *body,
                           struct error *err)
{
    static const char CONFIGURATION[] = "properties.deploymentConfiguration";
    const struct json *settings = json_get(document->yaml.root, STR("settings"));
    struct json *out = json_object(cli->arena), *id = json_object(cli->arena);
    struct json *texts = json_object(cli->arena);
    struct json_iter it = json_iter(settings);
    struct str component;

    if (component_reference(document, "component", &component, err) < 0)
        return -1;
    while (json_next(&it)) {
        struct str text = yaml_literal_text(cli->arena, it.value);
        if (str_eq(it.key, STR("default_compute")))
            text = assets_compute(cli, text);
        json_set_str(cli->arena, texts, arena_cstr(cli->arena, it.key), text);
    }
    json_set_str(cli->arena, id, "referenceType", STR("Id"));
    json_set_str(cli->arena, id, "assetId", component);
    json_set_str(cli->arena, out, "deploymentConfigurationType", STR("PipelineComponent"));
    json_set(cli->arena, out, STR("componentId"), id);
    json_set(cli->arena, out, STR("settings"), texts);
    return json_put(cli->arena, body, CONFIGURATION, out, err);
}

/* Two deployments share a file form; `type` says which, and a file without one is of a model. */
static int finish_deployment(struct cli *cli, struct document *document, struct json *body,
                             struct error *err)
{
    struct str type = json_str_at(document->yaml.root, "type");

    assert(body);
    return str_eq_fold(type, STR("pipeline")) ? finish_pipeline(cli, document, body, err)
                                              : finish_model(cli, document, body, err);
}

static const struct resource_kind DEPLOYMENT = {
    .word = "batch deployment",
    .type = "deployments",
    .parent = "batchEndpoints",
    .family = {"batch deployment", "type", DEPLOYMENT_WORDS, NULL},
    .keys = DEPLOYMENT_KEYS,
    .rows = DEPLOYMENT_ROWS,
    .row_count = COUNT(DEPLOYMENT_ROWS),
    .shown = DEPLOYMENT_SHOWN,
    .shown_count = COUNT(DEPLOYMENT_SHOWN),
    .defaults = "{\"location\":\"local\",\"tags\":{},\"properties\":{\"properties\":{}}}",
    .finish = finish_deployment,
    .columns = DEPLOYMENT_COLUMNS,
};

/* Makes the deployment the one that answers when none is named. */
static int set_default(struct cli *cli, struct str endpoint, struct str deployment,
                       struct error *err)
{
    struct str id = session_id(cli, "batchEndpoints", endpoint);
    struct json *body;

    if (session_get(cli, id, &body, err) < 0 ||
        json_put(cli->arena, body, "properties.defaults.deploymentName",
                 json_text(cli->arena, deployment), err) < 0)
        return -1;
    return session_change(
        cli, &(struct session_write){"PUT", id, body, "Setting the default deployment"}, NULL, err);
}

/* The default is set only once the deployment is there: an endpoint never names what is not. */
static int run_deployment_create(struct cli *cli, struct error *err)
{
    struct document document;

    if (resource_create(cli, err) < 0)
        return -1;
    if (!cli_has(cli, "set-default"))
        return 0;
    /* The names stand in the file where no flag says them. */
    if (document_read(cli, &DEPLOYMENT.family, DEPLOYMENT_KEYS, &document, err) < 0)
        return -1;
    return set_default(cli, json_str_at(document.yaml.root, "endpoint_name"),
                       json_str_at(document.yaml.root, "name"), err);
}

/* --- invoke -------------------------------------------------------------------------------------
 */

/* --input FOLDER-OR-ADDRESS, as the wire wants it. */
static int put_input(struct cli *cli, struct json *body, struct error *err)
{
    struct document document = {.cli = cli,
                                .yaml.root = json_object(cli->arena),
                                .file = STR("<command line>"),
                                .folder = STR("."),
                                .problems = {.arena = cli->arena}};
    struct assets_content content = {.path = "path"};
    struct str type = fields_pascal(cli->arena, cli_text(cli, "input-type"));
    struct json *one = json_object(cli->arena);

    if (!cli_has(cli, "input"))
        return 0;
    json_set_str(cli->arena, document.yaml.root, "path", cli_text(cli, "input"));
    bool asset = str_starts(cli_text(cli, "input"), STR("azureml:")) &&
                 !str_starts(cli_text(cli, "input"), STR("azureml://"));
    if ((asset ? assets_reference(&document, "data", "path", &content.uri, err)
               : assets_content(cli, &document, &content, err)) < 0 ||
        document_report(cli, &document, err) < 0)
        return -1;
    if (!type.len)
        type = content.local && content.is_file ? STR("UriFile") : STR("UriFolder");
    json_set_str(cli->arena, one, "jobInputType", type);
    json_set_str(cli->arena, one, "uri", content.uri);
    return json_put(cli->arena, body,
                    arena_printf(cli->arena, "properties.inputData.%.*s", STR_ARG(type)).ptr, one,
                    err);
}

/* What of the deployment is otherwise for this one job. */
static int put_overrides(struct cli *cli, struct json *body, struct error *err)
{
    static const struct {
        const char *flag, *rest;
        bool number;
    } ROWS[] = {{"experiment-name", "properties.experimentName", false},
                {"job-name", "properties.name", false},
                {"mini-batch-size", "properties.miniBatchSize", true},
                {"instance-count", "properties.resources.instanceCount", true}};

    assert(body);
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        if (!cli_has(cli, ROWS[i].flag))
            continue;
        struct json *value = ROWS[i].number ? json_int(cli->arena, cli_number(cli, ROWS[i].flag, 0))
                                            : json_text(cli->arena, cli_text(cli, ROWS[i].flag));
        if (json_put(cli->arena, body, ROWS[i].rest, value, err) < 0)
            return -1;
    }
    struct str output = cli_text(cli, "output-path");
    return output.len ? json_put(cli->arena, body, "properties.outputData.score.uri",
                                 json_text(cli->arena, output), err)
                      : 0;
}

/* The scoring address takes the job; the reply names it. */
static int run_invoke(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena), *endpoint, *job;
    struct session_request post = {.method = "POST", .content_type = "application/json"};
    struct str deployment = cli_text(cli, "deployment-name");
    struct http_response reply;

    json_set(cli->arena, body, STR("properties"), json_object(cli->arena));
    if (session_open(cli, err) < 0 || session_get(cli, resource_named(cli), &endpoint, err) < 0)
        return -1;
    if (deployment.len) {
        struct str id = arena_printf(cli->arena, "%.*s/deployments/%.*s",
                                     STR_ARG(resource_named(cli)), STR_ARG(deployment));
        if (session_get(cli, id, NULL, err) < 0)
            return -1;
        post.headers[post.header_count++] =
            (struct http_header){STR("azureml-model-deployment"), deployment};
    }
    if (put_input(cli, body, err) < 0 || put_overrides(cli, body, err) < 0)
        return -1;
    post.url = json_str_at(endpoint, "properties.scoringUri");
    post.body = json_write(cli->arena, body);
    if (session_raw(cli, &post, &reply, err) < 0)
        return -1;
    if (reply.status < 200 || reply.status > 299)
        return session_refused(cli, &reply, err);
    job = json_parse(cli->arena, reply.body, err);
    return job ? cli_result(cli, job, err) : -1;
}

/* One of the jobs that an endpoint started. */
static struct json *shape_job_row(struct cli *cli, const struct json *rest)
{
    return shape_job(cli, rest);
}

/* The rows that the SDK asks for too: its data plane knows which jobs an endpoint started. */
static int run_list_jobs(struct cli *cli, struct error *err)
{
    static const char *const COLUMNS[] = {
        "name", "Name", "display_name", "Display name", "status", "Status", NULL};

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(
        cli->arena, "/mferp/managementfrontend%.*s/jobs?api-version=2020-09-01-dataplanepreview",
        STR_ARG(resource_named(cli)));
    struct listing listing = {path, listing_most(cli), shape_job_row, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

#define OF_ENDPOINT {"endpoint-name", 'e', CLI_VALUE, true, .help = "name of the endpoint"}
static const struct cli_flag ENDPOINT_CREATE[] = {RESOURCE_FILE, RESOURCE_ANY_NAME("endpoint")};
static const struct cli_flag ENDPOINT_UPDATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("endpoint"),
    {"defaults", 0, CLI_VALUE, .help = "deployment that answers when none is named"}};
static const struct cli_flag ENDPOINT_NAME[] = {RESOURCE_NAME("endpoint")};
static const struct cli_flag ENDPOINT_LIST[] = {RESOURCE_MOST};
static const struct cli_flag INVOKE[] = {
    RESOURCE_NAME("endpoint"),
    {"deployment-name", 'd', CLI_VALUE, .help = "this deployment, not the default one"},
    {"input", 0, CLI_VALUE, .help = "local path, azureml:NAME:VERSION or address"},
    {"input-type", 0, CLI_VALUE, .choices = "uri_folder|uri_file", .help = "what the input is"},
    {"experiment-name", 0, CLI_VALUE, .help = "experiment of the job"},
    {"job-name", 0, CLI_VALUE, .help = "name of the job"},
    {"mini-batch-size", 'm', CLI_NUMBER, .help = "files of a mini-batch"},
    {"instance-count", 'c', CLI_NUMBER, .help = "nodes of the job"},
    {"output-path", 0, CLI_VALUE, .help = "datastore address of the results"},
    {"inputs", 0, CLI_LIST, .help = "not built yet", .later = "give one --input"},
    {"outputs", 0, CLI_LIST, .help = "not built yet", .later = "give --output-path"},
    {"file", 'f', CLI_VALUE, .help = "not built yet", .later = "give --input"},
};

#define LASTS (CLI_SCOPE | CLI_WAIT)
static const struct cli_command ENDPOINT_COMMANDS[] = {
    RESOURCE_ROW("create", "a named batch entry point", ENDPOINT_CREATE, LASTS | CLI_SET,
                 resource_create, ENDPOINT, "batch-endpoint", " -f endpoint.yml"),
    RESOURCE_ROW("delete", "remove with its deployments", ENDPOINT_NAME, LASTS | CLI_YES,
                 resource_delete, ENDPOINT, "batch-endpoint", " -n lengths -y"),
    RESOURCE_ROW("invoke", "start a scoring job", INVOKE, CLI_SCOPE | CLI_SET, run_invoke, ENDPOINT,
                 "batch-endpoint", " -n lengths --input data"),
    RESOURCE_ROW("list", "all of them", ENDPOINT_LIST, CLI_SCOPE, resource_list, ENDPOINT,
                 "batch-endpoint", " -o table"),
    RESOURCE_ROW("list-jobs", "its scoring jobs", ENDPOINT_NAME, CLI_SCOPE, run_list_jobs, ENDPOINT,
                 "batch-endpoint", " -n lengths -o table"),
    RESOURCE_ROW("show", "one", ENDPOINT_NAME, CLI_SCOPE, resource_show, ENDPOINT, "batch-endpoint",
                 " -n lengths"),
    RESOURCE_ROW("update", "default deployment, tags", ENDPOINT_UPDATE, LASTS | CLI_UPDATE,
                 resource_update, ENDPOINT, "batch-endpoint", " -n lengths --defaults main"),
};
const struct cli_group batch_endpoint_group = {"batch-endpoint", "entry points of many files",
                                               ENDPOINT_COMMANDS, COUNT(ENDPOINT_COMMANDS)};

static const struct cli_flag DEPLOYMENT_CREATE[] = {
    RESOURCE_NEEDS_FILE,
    RESOURCE_ANY_NAME("deployment"),
    {"endpoint-name", 'e', CLI_VALUE, .help = "name of the endpoint"},
    {"set-default", 0, CLI_SWITCH, .help = "answer when no deployment is named"},
    {"skip-script-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "the script is only tried in its job"},
};
static const struct cli_flag DEPLOYMENT_UPDATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("deployment"),
    {"endpoint-name", 'e', CLI_VALUE, .help = "name of the endpoint"}};
static const struct cli_flag DEPLOYMENT_NAME[] = {OF_ENDPOINT, RESOURCE_NAME("deployment")};
static const struct cli_flag DEPLOYMENT_LIST[] = {OF_ENDPOINT, RESOURCE_MOST};

static const struct cli_command DEPLOYMENT_COMMANDS[] = {
    RESOURCE_ROW("create", "a model or pipeline behind an endpoint", DEPLOYMENT_CREATE,
                 LASTS | CLI_SET, run_deployment_create, DEPLOYMENT, "batch-deployment",
                 " -f deployment.yml --set-default"),
    RESOURCE_ROW("delete", "remove", DEPLOYMENT_NAME, LASTS | CLI_YES, resource_delete, DEPLOYMENT,
                 "batch-deployment", " -e lengths -n main -y"),
    RESOURCE_ROW("list", "of one endpoint", DEPLOYMENT_LIST, CLI_SCOPE, resource_list, DEPLOYMENT,
                 "batch-deployment", " -e lengths -o table"),
    RESOURCE_ROW("list-jobs", "its scoring jobs", DEPLOYMENT_NAME, CLI_SCOPE, run_list_jobs,
                 DEPLOYMENT, "batch-deployment", " -e lengths -n main"),
    RESOURCE_ROW("show", "one", DEPLOYMENT_NAME, CLI_SCOPE, resource_show, DEPLOYMENT,
                 "batch-deployment", " -e lengths -n main"),
    RESOURCE_ROW("update", "settings", DEPLOYMENT_UPDATE, LASTS | CLI_UPDATE, resource_update,
                 DEPLOYMENT, "batch-deployment", " -e lengths -n main --set mini_batch_size=4"),
};
const struct cli_group batch_deployment_group = {"batch-deployment", "what answers a batch",
                                                 DEPLOYMENT_COMMANDS, COUNT(DEPLOYMENT_COMMANDS)};
