/* Environments: what a job's Python is made from. A version is only checked and kept here; it is
 * resolved to a lock and built by the first job that needs it (environment/). */
#include "kinds/kinds.h"

#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/plain.h"
#include "route/reference.h"
#include "yaml/yaml.h"

#include <assert.h>

/* A container has words only; what it holds are its versions. */
static int environment_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_environment, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A build names the place of its Dockerfile: clients have uploaded it before. */
static int check_context(struct arm_request *req, bool build, struct error *err)
{
    struct str uri = json_str_at(req->body, "properties.build.contextUri");
    struct reference reference;

    if (!build)
        return 0;
    if (uri.len == 0)
        return error_set(err, ERROR_INVALID, "properties.build.contextUri",
                         "This field is required.");
    if (reference_parse(req->arena, uri, &reference, err) == 0 && reference.kind != REFERENCE_LOCAL)
        return 0;
    return error_set(err, ERROR_INVALID, "properties.build.contextUri",
                     "'%.*s' is no address of a folder: https or azureml://datastores/….",
                     STR_ARG(uri));
}

/* A conda file is a mapping with dependencies; what they can be solved to is the build's to say. */
static int check_conda(struct arm_request *req, struct error *err)
{
    struct str text = json_str_at(req->body, "properties.condaFile");
    struct error cause = {0};
    struct yaml yaml;

    if (text.len == 0)
        return 0;
    if (yaml_parse(req->arena, text, &yaml, &cause) < 0)
        return error_set(err, cause.code, "properties.condaFile", "Line %s: %s", cause.target,
                         cause.message);
    const struct json *dependencies = json_get(yaml.root, STR("dependencies"));
    if (json_kind(yaml.root) != JSON_OBJECT ||
        (!json_is_null(dependencies) && json_kind(dependencies) != JSON_ARRAY))
        return error_set(err, ERROR_INVALID, "properties.condaFile",
                         "A conda file is a mapping with a list `dependencies`.");
    return 0;
}

/* Each route of an inference server is a path and a port. */
static int check_routes(struct arm_request *req, struct error *err)
{
    static const char *const ROUTES[] = {"livenessRoute", "readinessRoute", "scoringRoute"};

    for (size_t i = 0; i < COUNT(ROUTES); i++) {
        const char *at = arena_printf(req->arena, "properties.inferenceConfig.%s", ROUTES[i]).ptr;
        const struct json *route = json_at(req->body, at);
        int64_t port = json_int_at(route, "port", 0);
        if (json_is_null(route))
            continue;
        if (!str_starts(json_str_at(route, "path"), STR("/")))
            return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.path", at).ptr,
                             "A path begins with '/'.");
        if (port < 1 || port > 65535)
            return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.port", at).ptr,
                             "A port is a whole number from 1 to 65535.");
    }
    return 0;
}

/* An environment says what it is made from: an image, a conda file on an image, or a build. */
static int environment_version_prepare(struct arm_request *req, struct error *err)
{
    assert(req->name.len > 0);
    json_take(req->body, "properties.environmentType");
    fields_default(req->arena, req->body, "properties.osType", "Linux");
    if (fields_check(req->arena, req->body, &fields_environment_version, err) < 0)
        return -1;
    bool image = json_str_at(req->body, "properties.image").len > 0;
    bool conda = json_str_at(req->body, "properties.condaFile").len > 0;
    bool build = !json_is_null(json_at(req->body, "properties.build"));
    if (!image && !conda && !build)
        return error_set(err, ERROR_INVALID, "properties.image",
                         "An environment needs an image, a condaFile or a build.");
    if (build && (image || conda))
        return error_set(err, ERROR_INVALID, "properties.build",
                         "An environment has a build or an image, not both.");
    if (check_context(req, build, err) < 0 || check_conda(req, err) < 0 ||
        check_routes(req, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Environments are built when a job needs them, so a version is ready at once. */
static int environment_version_show(struct arm_request *req, struct store_txn *,
                                    const struct document *, struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");

    assert(wire);
    if (json_str_at(properties, "environmentType").len == 0) /* else one that we ship */
        json_set_str(req->arena, properties, "environmentType", STR("UserCreated"));
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    return 0;
}

/* The upload begins before the version exists. */
static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
    {.name = "publish", .run = plain_publish},
};

const struct arm_kind environment_kind = {
    .type = "environments",
    .wire = "Microsoft.MachineLearningServices/workspaces/environments",
    .prepare = environment_prepare,
    .list = filter_list,
};

const struct arm_kind environment_version_kind = {
    .type = "environments/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/environments/versions",
    .parent = &environment_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = environment_version_prepare,
    .show = environment_version_show,
    .list = filter_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
