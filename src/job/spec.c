/* From the wire body to what a runner needs: checks, resolves, and writes spec.json. A runner asks
 * nobody anything: what it is to run, with which bytes and in which environment, all stands in that
 * file. */
#include "job/spec.h"

#include "asset/asset.h"
#include "job/step.h"
#include "os/clock.h"
#include "route/name.h"
#include "route/reference.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A body on its way to what a runner can follow without asking anybody. */
struct reading {
    struct jobs *jobs;
    struct arena *arena;
    struct store_txn *txn;
    const struct job_submit *submit;
    struct json *resolved;
    struct json *notes;
};

/* How an error names what it is about, so that a client can mark the line. */
static struct str path_of(struct arena *arena, const char *group, struct str name,
                          const char *field)
{
    assert(group && field);
    return arena_printf(arena, "properties.%s.%.*s%s%s", group, STR_ARG(name), field[0] ? "." : "",
                        field);
}

/* Only the two that show.c tells of: they come back from clients that submit a job they were shown
 * under another name. */
static bool are_own_services(const struct json *services)
{
    struct json_iter it = json_iter(services);

    while (json_next(&it)) {
        struct str type = json_str_at(it.value, "jobServiceType");
        if (!str_eq_fold(type, STR("Tracking")) && !str_eq_fold(type, STR("Studio")))
            return false;
    }
    return json_kind(services) == JSON_OBJECT;
}

/* Nothing, or what is done anyway: a job runs by the token that the server makes for it. */
static bool asks_nothing(const struct json *properties, const char *path)
{
    const struct json *value = json_at(properties, path);

    if (json_is_null(value) || (json_kind(value) == JSON_OBJECT && json_count(value) == 0))
        return true;
    if (strcmp(path, "services") == 0)
        return are_own_services(value);
    return strcmp(path, "identity") == 0 &&
           str_eq_fold(json_str_at(value, "identityType"), STR("AMLToken"));
}

/* What changes what runs and is not built yet is refused, not ignored (decisions 34). */
static int refuse_unbuilt(const struct json *properties, struct error *err)
{
    assert(properties);
    static const struct {
        const char *path, *what;
    } UNBUILT[] = {
        {"distribution", "Distributed training"},
        {"services", "Interactive services"},
        {"identity", "Running under another identity"},
    };
    char target[64];

    for (size_t i = 0; i < COUNT(UNBUILT); i++) {
        if (asks_nothing(properties, UNBUILT[i].path))
            continue;
        snprintf(target, sizeof(target), "properties.%s", UNBUILT[i].path);
        return error_set(err, ERROR_NOT_IMPLEMENTED, target, "%s is not built yet.",
                         UNBUILT[i].what);
    }
    if (json_int_at(properties, "resources.instanceCount", 1) > 1)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.resources.instanceCount",
                         "Jobs on more than one node are not built yet.");
    return 0;
}

/* The names of the wire are matched without case, as the service does. */
static int read_kind(const struct json *properties, struct error *err)
{
    struct str type = json_str_at(properties, "jobType");

    assert(properties);
    if (type.len == 0)
        return error_set(err, ERROR_INVALID, "properties.jobType", "This field is required.");
    if (str_eq_fold(type, STR("Command")))
        return 0;
    static const struct str KNOWN[] = {
        STR_INIT("Sweep"),      STR_INIT("Pipeline"),     STR_INIT("AutoML"),   STR_INIT("Spark"),
        STR_INIT("FineTuning"), STR_INIT("Distillation"), STR_INIT("Labeling"), STR_INIT("Base")};
    for (size_t i = 0; i < COUNT(KNOWN); i++)
        if (str_eq_fold(type, KNOWN[i]))
            return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.jobType",
                             "Jobs of type %.*s are not built yet; Command jobs are.",
                             STR_ARG(KNOWN[i]));
    return error_set(err, ERROR_INVALID, "properties.jobType", "Unknown job type '%.*s'.",
                     STR_ARG(type));
}

/* Names of inputs and outputs become folder and variable names. */
static int check_binding_name(struct arena *arena, const char *group, struct str name,
                              struct error *err)
{
    bool good = name.len > 0 && name.len <= 128;

    assert(group);
    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               (i > 0 && c >= '0' && c <= '9');
    }
    if (good)
        return 0;
    return error_set(
        err, ERROR_INVALID, path_of(arena, group, name, "").ptr,
        "The name '%.*s' must begin with a letter or underscore and hold only letters, "
        "digits and underscores.",
        STR_ARG(name));
}

/* The runner asks for these blobs by container and prefix; it knows nothing of references. */
static void set_place(struct arena *arena, struct json *to, const struct asset_place *place)
{
    assert(place->container.len);
    json_set_str(arena, to, "container", place->container);
    json_set_str(arena, to, "prefix", place->prefix);
    json_set_bool(arena, to, "single", place->single);
}

/* A literal is text for the command, all else is resolved to a place now: what a name or label
 * meant at submission is what the job gets. */
static int read_input(struct reading *r, struct str name, const struct json *wire,
                      struct error *err)
{
    struct arena *arena = r->arena;
    struct json *input = json_object(arena);
    struct str type = json_str_at(wire, "jobInputType");
    struct str uri = json_str_at(wire, "uri");
    struct asset_place place = {0};

    assert(r->txn && name.ptr);
    if (check_binding_name(arena, "inputs", name, err) < 0)
        return -1;
    json_set_str(arena, input, "type", arena_lower(arena, type));
    if (str_eq_fold(type, STR("literal"))) {
        const struct json *value = json_get(wire, STR("value"));
        if (json_kind(value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, path_of(arena, "inputs", name, "value").ptr,
                             "A literal's value must be a string.");
        json_set_str(arena, input, "value", json_as_str(value));
    } else {
        if (uri.len == 0)
            return error_set(err, ERROR_INVALID, path_of(arena, "inputs", name, "uri").ptr,
                             "An input of type '%.*s' needs a uri.", STR_ARG(type));
        struct str mode = json_str_at(wire, "mode");
        bool direct = str_eq_fold(mode, STR("Direct"));
        json_set_str(arena, input, "uri", uri);
        json_set_str(arena, input, "mode", direct ? STR("direct") : STR("download"));
        if (!direct) {
            if (asset_place(r->txn, r->submit->scope, uri, &place, err) < 0) {
                snprintf(err->target, sizeof(err->target), "%s",
                         path_of(arena, "inputs", name, "uri").ptr);
                return -1;
            }
            place.single = place.single || str_eq_fold(type, STR("uri_file"));
            set_place(arena, input, &place);
        }
    }
    json_set(arena, json_at(r->resolved, "inputs"), name, input);
    return 0;
}

/* The uri that was asked for; "" for none. A job that was shown and is submitted again under
 * another name brings along where the first one's output lies, and must not write over it. */
static struct str asked_place(struct reading *r, struct str name, struct str uri)
{
    struct str store = reference_datastore(r->arena, STR("workspaceblobstore"), STR("azureml/"));
    struct error none = {0};
    struct str job, rest;
    struct run run;

    assert(r->txn && name.ptr);
    if (!str_starts(uri, store) || !str_cut(str_slice(uri, store.len, uri.len), '/', &job, &rest) ||
        !str_eq(rest, name) || str_eq(job, r->submit->name))
        return uri;
    return run_get(r->txn, r->submit->scope->number, job, &run, &none) < 0 ? uri : (struct str){0};
}

/* Without a uri it goes where the service puts it: the blob store's azureml/{job}/{output}. */
static int read_output(struct reading *r, struct str name, const struct json *wire,
                       struct error *err)
{
    struct arena *arena = r->arena;
    struct json *output = json_object(arena);
    struct str type = json_str_at(wire, "jobOutputType");
    struct str uri = asked_place(r, name, json_str_at(wire, "uri"));
    struct str asset = json_str_at(wire, "assetName");
    struct asset_place place = {.container = asset_blob_container(arena, r->submit->scope)};

    assert(r->txn && name.ptr);
    if (check_binding_name(arena, "outputs", name, err) < 0)
        return -1;
    if (asset.len && name_check(NAME_ASSET, asset, "properties.outputs", err) < 0)
        return -1;
    if (uri.len) {
        if (asset_target(r->txn, r->submit->scope, uri, &place, err) < 0) {
            snprintf(err->target, sizeof(err->target), "%s",
                     path_of(arena, "outputs", name, "uri").ptr);
            return -1;
        }
    } else {
        place.prefix =
            arena_printf(arena, "azureml/%.*s/%.*s", STR_ARG(r->submit->name), STR_ARG(name));
        uri = reference_datastore(arena, STR("workspaceblobstore"), place.prefix);
    }
    json_set_str(arena, output, "type", type.len ? arena_lower(arena, type) : STR("uri_folder"));
    place.single = str_eq_fold(type, STR("uri_file"));
    set_place(arena, output, &place);
    json_set_str(arena, output, "uri", uri);
    if (asset.len) {
        json_set_str(arena, output, "assetName", asset);
        json_set_str(arena, output, "assetVersion", json_str_at(wire, "assetVersion"));
    }
    json_set(arena, json_at(r->resolved, "outputs"), name, output);
    return 0;
}

/* `default` is shown by us (show.c) and comes back from clients that send what they were shown. */
static int read_bindings(struct reading *r, const struct json *properties, struct error *err)
{
    struct json_iter inputs = json_iter(json_at(properties, "inputs"));
    struct json_iter outputs = json_iter(json_at(properties, "outputs"));

    assert(r->resolved);
    json_set(r->arena, r->resolved, STR("inputs"), json_object(r->arena));
    json_set(r->arena, r->resolved, STR("outputs"), json_object(r->arena));
    while (json_next(&inputs))
        if (!json_is_null(inputs.value) && read_input(r, inputs.key, inputs.value, err) < 0)
            return -1;
    while (json_next(&outputs))
        if (!str_eq(outputs.key, STR("default")) &&
            read_output(r, outputs.key, outputs.value, err) < 0)
            return -1;
    return 0;
}

/* Every ${{inputs.x}} and ${{outputs.y}} of the command must be declared. */
static int check_command(struct reading *r, struct str command, struct error *err)
{
    struct str rest = command;

    assert(r->resolved);
    if (str_trim(command).len == 0)
        return error_set(err, ERROR_INVALID, "properties.command", "A command is required.");
    for (ssize_t at; (at = str_find(rest, STR("${{"))) >= 0;) {
        rest = str_slice(rest, (size_t)at + 3, rest.len);
        ssize_t end = str_find(rest, STR("}}"));
        if (end < 0)
            return error_set(err, ERROR_INVALID, "properties.command",
                             "A '${{' is never closed by '}}'.");
        struct str target = str_trim(str_slice(rest, 0, (size_t)end)), group, name;
        if (!str_cut(target, '.', &group, &name) ||
            !(str_eq(group, STR("inputs")) || str_eq(group, STR("outputs"))))
            return error_set(err, ERROR_INVALID, "properties.command",
                             "'${{%.*s}}' is neither an input nor an output.", STR_ARG(target));
        if (!json_get(json_get(r->resolved, group), name))
            return error_set(err, ERROR_INVALID, "properties.command",
                             "The command uses '${{%.*s}}', but the job has no such %s.",
                             STR_ARG(target), group.ptr[0] == 'i' ? "input" : "output");
        rest = str_slice(rest, (size_t)end + 2, rest.len);
    }
    json_set_str(r->arena, r->resolved, "command", command);
    return 0;
}

/* None is fine: the job then runs with what the host has. */
static int read_environment(struct reading *r, const struct json *properties, struct error *err)
{
    struct environment_describe describe = {.images_missing = r->jobs->options.images_missing};
    struct asset_query query = {.scope = r->submit->scope, .type = STR("environments")};
    struct asset asset;
    struct json *environment = NULL;

    assert(r->txn);
    query.text = json_str_at(properties, "environmentId");
    if (query.text.len) {
        if (asset_resolve(r->txn, &query, &asset, err) < 0) {
            snprintf(err->target, sizeof(err->target), "properties.environmentId");
            return -1;
        }
        json_set_str(r->arena, r->resolved, "environmentId", asset.id);
        struct json *body = json_parse(r->arena, asset.version.body, err);
        if (!body)
            return -1;
        describe.properties = json_at(body, "properties");
    }
    if (environment_describe(r->arena, &describe, &environment, r->notes, err) < 0)
        return -1;
    json_set(r->arena, r->resolved, STR("environment"), environment);
    return 0;
}

/* Where the snapshot lies is fixed now: a version that is made later does not change what runs. */
static int read_code(struct reading *r, const struct json *properties, struct error *err)
{
    struct str id = json_str_at(properties, "codeId");
    struct asset_place place = {0};
    struct json *code = json_object(r->arena);

    assert(r->txn);
    if (id.len == 0)
        return 0;
    if (asset_place(r->txn, r->submit->scope, id, &place, err) < 0) {
        snprintf(err->target, sizeof(err->target), "properties.codeId");
        return -1;
    }
    json_set_str(r->arena, code, "container", place.container);
    json_set_str(r->arena, code, "prefix", place.prefix);
    json_set(r->arena, r->resolved, STR("code"), code);
    return 0;
}

/* Clusters and instances are places of this host; what is attached from elsewhere is a name. */
static int check_compute(struct arena *arena, const struct document *compute, struct error *err)
{
    struct json *body = json_parse(arena, compute->body, err);
    struct str type = json_str_at(body, "properties.computeType");

    if (!body)
        return -1;
    if (str_eq(json_str_at(body, "power.state"), STR("Stopped"))) {
        error_set(err, ERROR_CONFLICT, "properties.computeId",
                  "The compute instance '%.*s' is stopped.", STR_ARG(compute->name));
        return error_hint(err, "Start it, or leave the compute out to use this host.");
    }
    if (str_eq(type, STR("AmlCompute")) || str_eq(type, STR("ComputeInstance")))
        return 0;
    error_set(err, ERROR_INVALID, "properties.computeId",
              "Compute '%.*s' (%.*s) lies elsewhere and cannot be reached from this server.",
              STR_ARG(compute->name), STR_ARG(type));
    return error_hint(err, "Name a cluster, or leave the compute out to use this host.");
}

/* The compute's name out of an ARM id, azureml:NAME or a bare name; it must exist. */
static int read_compute(struct reading *r, const struct json *properties, struct job_spec *out,
                        struct error *err)
{
    struct str text = json_str_at(properties, "computeId");
    ssize_t slash = str_find_last(text, '/');
    struct str name = slash >= 0 ? str_slice(text, (size_t)slash + 1, text.len) : text;
    struct document_key key = {.scope = r->submit->scope->number, .type = STR("computes")};
    struct document compute;
    struct error missing = {0};

    assert(out);
    if (str_starts(name, STR("azureml:")))
        name = str_slice(name, 8, name.len);
    if (name.len == 0)
        name = STR("serverless");
    /* `local` is another name for this host's own pool (decisions 35). */
    out->pool = str_eq_fold(name, STR("local")) ? STR("serverless") : arena_lower(r->arena, name);
    json_set_str(r->arena, r->resolved, "compute", out->pool);
    if (str_eq(out->pool, STR("serverless")))
        return 0;
    key.name = name;
    if (document_get(r->txn, &key, &compute, &missing) == 0)
        return check_compute(r->arena, &compute, err);
    if (missing.code != ERROR_NOT_FOUND) {
        *err = missing;
        return -1;
    }
    error_set(err, ERROR_NOT_FOUND, "properties.computeId", "There is no compute '%.*s'.",
              STR_ARG(name));
    return error_hint(err, "Create it with 'lazurite compute create', or leave the compute out to "
                           "use this host.");
}

/* Rounded up to whole seconds, so that a limit never becomes none. */
static int read_limits(struct reading *r, const struct json *properties, struct error *err)
{
    struct str timeout = json_str_at(properties, "limits.timeout");
    int64_t limit_us = 0;

    assert(r->resolved);
    if (timeout.len) {
        if (!clock_parse_duration(timeout, &limit_us) || limit_us <= 0)
            return error_set(err, ERROR_INVALID, "properties.limits.timeout",
                             "'%.*s' is not a duration; write it like PT1H30M.", STR_ARG(timeout));
    }
    json_set_int(r->arena, r->resolved, "timeoutSeconds", (limit_us + US_PER_S - 1) / US_PER_S);
    return 0;
}

/* What an environment cannot hold is refused here: at the start nobody would be there to tell. */
static int read_variables(struct reading *r, const struct json *properties, struct error *err)
{
    struct json_iter it = json_iter(json_at(properties, "environmentVariables"));
    struct json *variables = json_object(r->arena);

    assert(r->resolved);
    while (json_next(&it)) {
        bool sane = it.key.len > 0 && str_find_char(it.key, '=') < 0;
        if (!sane || json_kind(it.value) != JSON_STRING)
            return error_set(
                err, ERROR_INVALID, path_of(r->arena, "environmentVariables", it.key, "").ptr,
                "An environment variable needs a name without '=' and a text as its value.");
        json_set(r->arena, variables, it.key, json_copy(r->arena, it.value));
    }
    json_set(r->arena, r->resolved, STR("variables"), variables);
    return 0;
}

/* The notes are the first lines of the job's log (decisions 34). */
static void note_ignored(struct reading *r, const struct json *properties)
{
    assert(json_kind(r->notes) == JSON_ARRAY);
    if (json_str_at(properties, "resources.dockerArgs").len)
        json_append(
            r->arena, r->notes,
            json_text(r->arena, STR("W2201 resources.docker_args is kept but has no effect: "
                                    "the job runs as a process of this host.")));
    if (json_str_at(properties, "resources.instanceType").len)
        json_append(
            r->arena, r->notes,
            json_text(r->arena, STR("W2201 resources.instance_type is kept but has no effect: "
                                    "the job runs on this host.")));
}

/* The bindings come first, since the command may name them. */
static int read_what_runs(struct reading *r, const struct json *properties, struct error *err)
{
    if (read_bindings(r, properties, err) < 0 ||
        check_command(r, json_str_at(properties, "command"), err) < 0 ||
        read_code(r, properties, err) < 0)
        return -1;
    return read_environment(r, properties, err);
}

/* How people call it and where it is listed. */
static int read_names(const struct json *properties, struct job_spec *out, struct error *err)
{
    out->display_name = json_str_at(properties, "displayName");
    out->experiment = json_str_at(properties, "experimentName");
    assert(out->name.len > 0);
    if (out->display_name.len == 0)
        out->display_name = out->name;
    if (out->experiment.len == 0)
        out->experiment = STR("Default");
    return name_check(NAME_EXPERIMENT, out->experiment, "properties.experimentName", err);
}

/* The snapshot is closed with the function: what is read lives in `arena`. */
int spec_read(struct jobs *jobs, struct arena *arena, const struct job_submit *submit,
              struct job_spec *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    const struct json *p = submit->properties;
    struct reading r = {jobs, arena, txn, submit, json_object(arena), json_array(arena)};
    struct job_spec spec = {.name = submit->name, .resolved = r.resolved};

    assert(jobs && submit->scope);
    if (!txn)
        return -1;
    if (json_kind(p) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties", "This field is required.");
    if (read_kind(p, err) < 0 || refuse_unbuilt(p, err) < 0 || read_what_runs(&r, p, err) < 0 ||
        read_compute(&r, p, &spec, err) < 0 || read_limits(&r, p, err) < 0 ||
        read_variables(&r, p, err) < 0 || read_names(p, &spec, err) < 0)
        return -1;
    note_ignored(&r, p);
    json_set(arena, r.resolved, STR("notes"), r.notes);
    *out = spec;
    return 0;
}

/* env-in-job.md section 1, in the form that stock MLflow understands. */
static void tracking_variables(struct jobs *jobs, struct arena *arena,
                               const struct spec_attempt *attempt, struct json *to)
{
    const struct scope *scope = attempt->scope;
    struct str id = scope_arm_id(arena, scope);
    struct str uri =
        arena_printf(arena, "%.*s/mlflow/v2.0%.*s", STR_ARG(jobs->arm_endpoint), STR_ARG(id));
    struct str experiment = arena_printf(arena, "%lld", (long long)attempt->run->experiment);
    struct str expiry =
        arena_printf(arena, "%lld", (long long)(attempt->token_expires_us / US_PER_S));

    assert(attempt->token.len);
    json_set_str(arena, to, "MLFLOW_TRACKING_URI", uri);
    json_set_str(arena, to, "MLFLOW_TRACKING_TOKEN", attempt->token);
    json_set_str(arena, to, "MLFLOW_RUN_ID", attempt->run->run_id);
    json_set_str(arena, to, "MLFLOW_EXPERIMENT_ID", experiment);
    json_set_str(arena, to, "MLFLOW_EXPERIMENT_NAME", attempt->experiment);
    json_set_str(arena, to, "AZUREML_RUN_ID", attempt->run->run_id);
    json_set_str(arena, to, "AZUREML_RUN_TOKEN", attempt->token);
    json_set_str(arena, to, "AZUREML_RUN_TOKEN_EXPIRY", expiry);
    json_set_str(arena, to, "AZUREML_ROOT_RUN_ID", attempt->run->run_id);
    json_set_str(arena, to, "AZUREML_ARM_SUBSCRIPTION", scope->subscription);
    json_set_str(arena, to, "AZUREML_ARM_RESOURCEGROUP", scope->group);
    json_set_str(arena, to, "AZUREML_ARM_WORKSPACE_NAME", scope->name);
    json_set_str(arena, to, "AZUREML_ARM_PROJECT_NAME", attempt->experiment);
    json_set_str(arena, to, "AZUREML_EXPERIMENT_ID", experiment);
    json_set_str(arena, to, "AZUREML_WORKSPACE_ID", scope->guid);
    json_set_str(arena, to, "AZUREML_WORKSPACE_SCOPE", id);
    json_set_str(
        arena, to, "AZUREML_EXPERIMENT_SCOPE",
        arena_printf(arena, "%.*s/experiments/%.*s", STR_ARG(id), STR_ARG(attempt->experiment)));
    json_set_str(arena, to, "AZUREML_SERVICE_ENDPOINT", jobs->arm_endpoint);
    json_set_str(arena, to, "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT", jobs->arm_endpoint);
    json_set_str(arena, to, "AZUREML_DISCOVERY_SERVICE_ENDPOINT",
                 arena_printf(arena, "%.*s/discovery", STR_ARG(jobs->arm_endpoint)));
    json_set_str(arena, to, "AZUREML_NODE_COUNT", STR("1"));
    json_set_str(arena, to, "ARM_CLOUD_METADATA_URL",
                 arena_printf(arena, "%.*s/metadata/endpoints?api-version=2019-05-01",
                              STR_ARG(jobs->arm_endpoint)));
}

/* The job's own variables win over ours, for a user may log to another server. */
struct json *spec_write(struct jobs *jobs, struct arena *arena, const struct spec_attempt *attempt)
{
    struct json *spec = json_copy(arena, attempt->resolved);
    struct json *users = json_take(spec, "variables");
    struct json *variables = json_object(arena);
    struct json *part;

    assert(attempt->number > 0 && attempt->run->run > 0);
    json_set_int(arena, spec, "version", 1);
    json_set_str(arena, spec, "kind", STR("job"));
    json_set_str(arena, spec, "attempt", attempt_name(arena, attempt->run->run, attempt->number));
    json_set_str(arena, spec, "name", attempt->run->run_id);
    json_set_int(arena, spec, "number", attempt->number);
    json_set_str(arena, spec, "dataDir", str_from(jobs->options.dir_path));
    json_set_str(arena, spec, "token", attempt->token);
    json_set(arena, spec, STR("server"), part = json_object(arena));
    json_set_str(arena, part, "socket",
                 arena_printf(arena, "%s/run/lazurite.sock", jobs->options.dir_path));
    json_set_str(arena, part, "host", jobs->host);
    json_set(arena, spec, STR("artifacts"), part = json_object(arena));
    json_set_str(arena, part, "container", asset_artifact_container(arena, attempt->scope));
    json_set_str(arena, part, "prefix", asset_run_prefix(arena, attempt->run->run_id));
    tracking_variables(jobs, arena, attempt, variables);
    json_merge(arena, variables, users);
    json_set(arena, spec, STR("variables"), variables);
    json_set(arena, spec, STR("limits"), part = json_object(arena));
    json_set_int(arena, part, "timeoutSeconds",
                 json_int_at(attempt->resolved, "timeoutSeconds", 0));
    json_set_int(arena, part, "memoryBytes", jobs->options.memory_bytes);
    json_set(arena, spec, STR("isolation"), part = json_object(arena));
    json_set_str(arena, part, "mode",
                 jobs->options.separate_users ? STR("separate") : STR("same-user"));
    json_set_int(arena, part, "uid",
                 jobs->options.separate_users
                     ? (int64_t)jobs->options.uid_first + attempt->run->run % 10000
                     : 0);
    json_set_bool(arena, part, "sandbox", jobs->options.sandbox);
    return spec;
}
