/* Data assets: a name, and versions that point to a file, a folder or a table. The bytes lie where
 * the client put them; a version never moves, so what a job read can be found again. */
#include "kinds/kinds.h"

#include "kinds/fields.h"
#include "route/reference.h"

#include <assert.h>

static int data_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_data, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A container made by the PUT of a version has the type of its newest version. */
static int data_show(struct arm_request *req, struct store_txn *txn,
                     const struct document *document, struct json *wire, struct error *err)
{
    struct document latest;

    assert(document->doc > 0);
    if (json_str_at(wire, "properties.dataType").len)
        return 0;
    struct str type = STR("uri_folder");
    if (document_latest(txn, document->scope, document->doc, &latest, err) == 0) {
        struct json *body = json_parse(req->arena, latest.body, err);
        if (!body)
            return -1;
        type = json_str_at(body, "properties.dataType");
    } else if (err->code != ERROR_NOT_FOUND) {
        return -1;
    }
    json_set_str(req->arena, json_at(wire, "properties"), "dataType", type);
    return 0;
}

/* What a version points to need not be there yet: data may come later. */
static int data_version_prepare(struct arm_request *req, struct error *err)
{
    struct reference reference;

    assert(req->name.len > 0);
    fields_default(req->arena, req->body, "properties.dataType", "uri_folder");
    if (fields_check(req->arena, req->body, &fields_data_version, err) < 0)
        return -1;
    struct str uri = json_str_at(req->body, "properties.dataUri");
    if (reference_parse(req->arena, uri, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(
            err, ERROR_INVALID, "properties.dataUri",
            "'%.*s' is no address of data: azureml://datastores/NAME/paths/PATH or https.",
            STR_ARG(uri));
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
};

const struct arm_kind data_kind = {
    .type = "data",
    .wire = "Microsoft.MachineLearningServices/workspaces/data",
    .prepare = data_prepare,
    .show = data_show,
};

const struct arm_kind data_version_kind = {
    .type = "data/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/data/versions",
    .parent = &data_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = data_version_prepare,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
