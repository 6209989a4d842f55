/* Environments: what a job's Python is made from. A version is only checked and kept here; it is
 * resolved to a lock and built by the first job that needs it (environment/). */
#include "kinds/kinds.h"

#include "kinds/fields.h"

#include <assert.h>

static int environment_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_environment, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
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
    if (build && json_str_at(req->body, "properties.build.contextUri").len == 0)
        return error_set(err, ERROR_INVALID, "properties.build.contextUri",
                         "This field is required.");
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Environments are built when a job needs them, so a version is ready at once. */
static int environment_version_show(struct arm_request *req, struct store_txn *,
                                    const struct document *, struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");

    assert(wire);
    json_set_str(req->arena, properties, "environmentType", STR("UserCreated"));
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    return 0;
}

static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
};

const struct arm_kind environment_kind = {
    .type = "environments",
    .wire = "Microsoft.MachineLearningServices/workspaces/environments",
    .prepare = environment_prepare,
};

const struct arm_kind environment_version_kind = {
    .type = "environments/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/environments/versions",
    .parent = &environment_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = environment_version_prepare,
    .show = environment_version_show,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
