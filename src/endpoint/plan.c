/* plan.c - from what a client asked for to all that a roll-out needs
 *
 * References become places, the environment becomes what a runner makes ready, and it is decided
 * what serves. Only names of the model's files are looked at: what is in them is the replica's
 * affair.
 */
#include "endpoint/internal.h"

#include "asset/asset.h"
#include "content/content.h"
#include "os/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What a scoring script is served by, on top of the user's own packages. */
#define OVERLAY_SCRIPT "azureml-inference-server-http>=1.5"
#define OVERLAY_NO_CODE "gunicorn"
#define OVERLAY_NATIVE "onnxruntime>=1.24" /* our level of its C API */
#define FILES_LOOKED_AT 10000
#define INSTANCES_MAX 32
#define CONCURRENCY_NATIVE 64 /* a native replica queues inside, on its own workers */
#define QUEUE_DEFAULT 100
#define WAIT_DEFAULT_US (5 * US_PER_S)
#define TIMEOUT_DEFAULT_US (5 * US_PER_S)

/* A deployment on its way to what its replicas need, decided once for all of them. */
struct planning {
    struct endpoints *endpoints;
    struct arena *arena;
    struct store_txn *txn;
    const struct deployment_request *request;
    struct json *properties;
    struct json *plan;
    struct json *warnings;
    /* Names of the model's files. */
    size_t onnx_files;
    bool has_mlmodel;
};

/* --- What is not built yet, and what is harmless without being built (decisions 34)
 * ----------------- */

/* Refused by name, never ignored: a deployment that silently runs elsewhere is worse than none. */
static int plan_refuse_unbuilt(const struct planning *p, struct error *err)
{
    struct str compute = json_str_at(p->properties, "endpointComputeType");
    struct str scale = json_str_at(p->properties, "scaleSettings.scaleType");

    assert(p->request && p->properties);
    if (compute.len && !str_eq_fold(compute, STR("Managed")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.endpointComputeType",
                         "Deployments on %.*s are not built yet; Managed runs on this host.",
                         STR_ARG(compute));
    if (scale.len && !str_eq_fold(scale, STR("Default")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.scaleSettings.scaleType",
                         "Scaling by %.*s is not built yet.", STR_ARG(scale));
    if (json_str_at(p->properties, "modelMountPath").len)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.modelMountPath",
                         "Mounting the model at a path of your own is not built yet.");
    if (p->request->instances < 1 || p->request->instances > INSTANCES_MAX)
        return error_set(err, ERROR_INVALID, "sku.capacity", "A deployment has 1 to %d instances.",
                         INSTANCES_MAX);
    return 0;
}

/* What is harmless is kept in the document and named once, in the logs and the reply. */
static void plan_warn(struct planning *p)
{
    static const struct {
        const char *key, *what;
    } IGNORED[] = {
        {"livenessProbe", "A replica's own health is asked instead of livenessProbe"},
        {"readinessProbe", "A replica's own health is asked instead of readinessProbe"},
        {"dataCollector", "dataCollector is kept, but nothing is collected yet"},
    };

    for (size_t i = 0; i < COUNT(IGNORED); i++)
        if (!json_is_null(json_at(p->properties, IGNORED[i].key)))
            json_append(p->arena, p->warnings,
                        json_text(p->arena, arena_printf(p->arena, "W2201 %s.", IGNORED[i].what)));
    if (json_bool_at(p->properties, "appInsightsEnabled", false))
        json_append(
            p->arena, p->warnings,
            json_text(p->arena, STR("W2201 appInsightsEnabled is kept, but has no effect.")));
    assert(json_kind(p->warnings) == JSON_ARRAY);
}

/* --- The model -----------------------------------------------------------------------------------
 */

/* One file of the model. Only names count: reading models is the replica's affair. */
static int plan_file(const struct blob *blob, void *context, struct error *)
{
    struct planning *p = context;
    ssize_t slash = str_find_last(blob->name, '/');

    assert(blob->name.len > 0);
    p->onnx_files += str_ends(blob->name, STR(".onnx"));
    p->has_mlmodel |=
        str_eq(str_slice(blob->name, (size_t)(slash + 1), blob->name.len), STR("MLmodel"));
    return 0;
}

/* A folder's prefix gets its slash, so that `model` does not take in `model-2`. */
static int plan_look_at_files(struct planning *p, const struct asset_place *place,
                              struct error *err)
{
    struct str prefix = place->single || !place->prefix.len
                            ? place->prefix
                            : arena_printf(p->arena, "%.*s/", STR_ARG(place->prefix));
    const struct blob_query query = {
        .container = place->container, .prefix = prefix, .limit = FILES_LOOKED_AT};

    assert(p->txn);
    return blob_list(p->txn, &query, plan_file, p, err);
}

/* As the runner reads it from spec.json. */
static void plan_set_place(struct arena *arena, struct json *to, const struct asset_place *place)
{
    assert(place->container.len > 0);
    json_set_str(arena, to, "container", place->container);
    json_set_str(arena, to, "prefix", place->prefix);
    json_set_bool(arena, to, "single", place->single);
}

/* What was uploaded keeps the name of its folder below AZUREML_MODEL_DIR. */
static int plan_model(struct planning *p, struct error *err)
{
    const struct asset_query query = {.scope = p->request->scope,
                                      .type = STR("models"),
                                      .text = json_str_at(p->properties, "model")};
    struct json *model = json_object(p->arena);
    struct asset_place place = {0};
    struct asset asset;

    assert(p->plan);
    if (!query.text.len)
        return 0;
    if (asset_resolve(p->txn, &query, &asset, err) < 0) {
        snprintf(err->target, sizeof(err->target), "properties.model");
        return -1;
    }
    struct json *body = json_parse(p->arena, asset.version.body, err);
    struct str uri = json_str_at(body, "properties.modelUri");
    if (!body || asset_place(p->txn, p->request->scope, uri, &place, err) < 0 ||
        plan_look_at_files(p, &place, err) < 0)
        return -1;
    json_set_str(p->arena, model, "type", STR("custom_model"));
    json_set_str(p->arena, model, "mode", STR("download"));
    json_set_str(p->arena, model, "uri", uri);
    json_set_str(p->arena, model, "modelType", json_str_at(body, "properties.modelType"));
    json_set_str(p->arena, model, "id", asset.id);
    plan_set_place(p->arena, model, &place);
    ssize_t slash = str_find_last(place.prefix, '/');
    struct str top = str_slice(place.prefix, (size_t)(slash + 1), place.prefix.len);
    if (!place.single && top.len)
        json_set_str(p->arena, model, "into", top);
    json_set(p->arena, p->plan, STR("model"), model);
    return 0;
}

/* --- Code, engine, environment -------------------------------------------------------------------
 */

/* The code a script lies in. The script's path stays within it, whatever a client writes. */
static int plan_code(struct planning *p, struct error *err)
{
    const struct json *given = json_at(p->properties, "codeConfiguration");
    struct str id = json_str_at(given, "codeId"), script = json_str_at(given, "scoringScript");
    struct json *code = json_object(p->arena);
    struct asset_place place = {0};

    if (json_kind(given) != JSON_OBJECT)
        return 0;
    if (!script.len)
        return error_set(err, ERROR_INVALID, "properties.codeConfiguration.scoringScript",
                         "This field is required.");
    if (script.ptr[0] == '/' || str_find(script, STR("..")) >= 0)
        return error_set(err, ERROR_INVALID, "properties.codeConfiguration.scoringScript",
                         "The scoring script is a path within the code.");
    if (!id.len)
        return error_set(err, ERROR_INVALID, "properties.codeConfiguration.codeId",
                         "This field is required.");
    if (asset_place(p->txn, p->request->scope, id, &place, err) < 0) {
        snprintf(err->target, sizeof(err->target), "properties.codeConfiguration.codeId");
        return -1;
    }
    plan_set_place(p->arena, code, &place);
    json_set(p->arena, p->plan, STR("code"), code);
    json_set_str(p->arena, p->plan, "script", script);
    return 0;
}

/* decisions 57: no code and exactly one .onnx file is native. */
static int plan_engine(struct planning *p, struct error *err)
{
    const struct json *model = json_at(p->plan, "model");
    const char *engine;

    assert(p->plan && !json_at(p->plan, "engine"));
    if (json_at(p->plan, "code"))
        engine = "python";
    else if (!model)
        return error_set(err, ERROR_INVALID, "properties.model",
                         "A deployment needs a model, or code that scores without one.");
    else if (p->onnx_files == 1)
        engine = "onnx";
    else if (p->has_mlmodel)
        engine = "mlflow";
    else if (p->onnx_files > 1)
        return error_set(
            err, ERROR_INVALID, "properties.model",
            "The model holds %zu .onnx files; say by a scoring script how to use them.",
            p->onnx_files);
    else
        return error_set(err, ERROR_INVALID, "properties.codeConfiguration",
                         "Only MLflow models and models with one .onnx file are served without a "
                         "scoring script.");
    json_set_str(p->arena, p->plan, "engine", str_from(engine));
    return 0;
}

/* The properties of the environment version that was asked for; NULL when none was. */
static int plan_find_environment(struct planning *p, const struct json **out, struct error *err)
{
    const struct asset_query query = {.scope = p->request->scope,
                                      .type = STR("environments"),
                                      .text = json_str_at(p->properties, "environmentId")};
    struct asset asset;

    assert(p->txn);
    *out = NULL;
    if (!query.text.len)
        return 0;
    if (asset_resolve(p->txn, &query, &asset, err) < 0) {
        snprintf(err->target, sizeof(err->target), "properties.environmentId");
        return -1;
    }
    struct json *body = json_parse(p->arena, asset.version.body, err);
    if (!body)
        return -1;
    *out = json_at(body, "properties");
    return 0;
}

/* The routes of a container that serves by itself: a scoring script does not need them. */
static int plan_inference_config(struct planning *p, const struct json *environment,
                                 struct json *notes, struct error *err)
{
    if (json_is_null(json_at(environment, "inferenceConfig")))
        return 0;
    if (!str_eq(json_str_at(p->plan, "engine"), STR("python")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.environmentId",
                         "Containers that serve by themselves (inferenceConfig) are not built yet; "
                         "give a scoring script.");
    json_append(p->arena, notes,
                json_text(p->arena, STR("W2201 the environment's inference_config has no effect: "
                                        "the scoring script is served by our own server.")));
    return 0;
}

/* The client's packages with ours laid over; an MLflow model without an environment brings its own
 * list. */
static int plan_environment(struct planning *p, struct error *err)
{
    struct str engine = json_str_at(p->plan, "engine");
    struct str overlay = str_eq(engine, STR("python"))   ? STR(OVERLAY_SCRIPT)
                         : str_eq(engine, STR("mlflow")) ? STR(OVERLAY_NO_CODE)
                                                         : STR(OVERLAY_NATIVE);
    struct environment_describe describe = {.images_missing = p->endpoints->options.images_missing,
                                            .overlay = &overlay,
                                            .overlay_count = 1};
    struct json *environment = NULL, *notes = json_array(p->arena);

    assert(json_at(p->plan, "engine"));
    if (plan_find_environment(p, &describe.properties, err) < 0 ||
        plan_inference_config(p, describe.properties, notes, err) < 0)
        return -1;
    if (!describe.properties && str_eq(engine, STR("mlflow"))) {
        environment = json_object(p->arena);
        struct json *list = json_array(p->arena);
        json_set_str(p->arena, environment, "kind", STR("python"));
        json_set_str(p->arena, environment, "fromModel", STR("model"));
        json_append(p->arena, list, json_text(p->arena, overlay));
        json_set(p->arena, environment, STR("overlay"), list);
    } else if (environment_describe(p->arena, &describe, &environment, notes, err) < 0) {
        return -1;
    }
    json_set(p->arena, p->plan, STR("environment"), environment);
    json_set(p->arena, p->plan, STR("notes"), notes);
    return 0;
}

/* Checked here, so that the runner can hand them on without a look. */
static int plan_variables(struct planning *p, struct error *err)
{
    const struct json *given = json_at(p->properties, "environmentVariables");
    struct json *variables = json_object(p->arena);
    struct json_iter it = json_iter(given);

    assert(json_kind(p->plan) == JSON_OBJECT);
    while (json_next(&it)) {
        if (json_kind(it.value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, "properties.environmentVariables",
                             "The value of '%.*s' must be a text.", STR_ARG(it.key));
        if (!it.key.len || str_find_char(it.key, '=') >= 0)
            return error_set(err, ERROR_INVALID, "properties.environmentVariables",
                             "'%.*s' cannot be the name of a variable.", STR_ARG(it.key));
        json_set(p->arena, variables, it.key, json_copy(p->arena, it.value));
    }
    json_set(p->arena, p->plan, STR("variables"), variables);
    return 0;
}

/* --- Limits --------------------------------------------------------------------------------------
 */

/* ISO 8601 as the SDK writes it. Ten minutes are more than the service takes. */
static int plan_duration(const struct planning *p, const char *key, int64_t fallback_us,
                         int64_t *out_us, struct error *err)
{
    char path[64];

    assert(fallback_us > 0);
    snprintf(path, sizeof(path), "requestSettings.%s", key);
    struct str text = json_str_at(p->properties, path);
    *out_us = fallback_us;
    if (!text.len)
        return 0;
    if (!clock_parse_duration(text, out_us) || *out_us > 600 * US_PER_S)
        return error_set(err, ERROR_INVALID, "properties.requestSettings",
                         "'%s' must be a duration such as PT5S, at most 10 minutes.", key);
    return 0;
}

/* A Python server takes as many requests as it has processes. */
static int64_t plan_python_workers(const struct planning *p)
{
    int64_t workers = 1;

    if (!str_to_int64(json_str_at(p->plan, "variables.WORKER_COUNT"), &workers) || workers < 1)
        workers = 1;
    assert(workers > 0);
    return workers;
}

/* What a client leaves out gets the service's defaults, save that a native replica takes many at
 * once. */
static int plan_limits(struct planning *p, struct error *err)
{
    const struct json *given = json_at(p->properties, "requestSettings");
    bool native = str_eq(json_str_at(p->plan, "engine"), STR("onnx"));
    int64_t wait_us, timeout_us, asked = json_int_at(given, "maxConcurrentRequestsPerInstance", 0);
    int64_t concurrency = asked ? asked : native ? CONCURRENCY_NATIVE : plan_python_workers(p);
    struct json *limits = json_object(p->arena);

    if (plan_duration(p, "maxQueueWait", WAIT_DEFAULT_US, &wait_us, err) < 0 ||
        plan_duration(p, "requestTimeout", TIMEOUT_DEFAULT_US, &timeout_us, err) < 0)
        return -1;
    if (asked < 0 || asked > 1000)
        return error_set(err, ERROR_INVALID,
                         "properties.requestSettings.maxConcurrentRequestsPerInstance",
                         "An instance takes 1 to 1000 requests at once.");
    json_set_int(p->arena, limits, "concurrency", concurrency);
    /* Who sets the limits gets the service's queue: twice what runs. */
    json_set_int(p->arena, limits, "queue",
                 asked ? 2 * asked * p->request->instances : QUEUE_DEFAULT);
    json_set_int(p->arena, limits, "queueWaitMs", wait_us / US_PER_MS);
    json_set_int(p->arena, limits, "timeoutMs",
                 timeout_us / US_PER_MS ? timeout_us / US_PER_MS : 1);
    json_set(p->arena, p->plan, STR("limits"), limits);
    return 0;
}

/* One snapshot for all references: what the plan names was there together. */
int deployment_plan(struct endpoints *endpoints, struct arena *arena,
                    const struct deployment_request *request, struct json **out_plan,
                    struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    struct planning p = {.endpoints = endpoints,
                         .arena = arena,
                         .txn = txn,
                         .request = request,
                         .properties = request->properties,
                         .plan = json_object(arena),
                         .warnings = json_array(arena)};

    if (!txn || plan_refuse_unbuilt(&p, err) < 0 || plan_model(&p, err) < 0 ||
        plan_code(&p, err) < 0 || plan_engine(&p, err) < 0 || plan_environment(&p, err) < 0 ||
        plan_variables(&p, err) < 0 || plan_limits(&p, err) < 0)
        return -1;
    plan_warn(&p);
    json_set_int(arena, p.plan, "instances", request->instances);
    json_set(arena, p.plan, STR("warnings"), p.warnings);
    *out_plan = p.plan;
    return 0;
}
