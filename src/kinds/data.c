/* Data assets: a name, and versions that point to a file, a folder or a table. The bytes lie where
 * the client put them; a version never moves, so what a job read can be found again. */
#include "kinds/kinds.h"

#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/plain.h"
#include "route/reference.h"

#include <assert.h>

/* The container has nothing of its own but what people write about it. */
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
    static const char CONDITION[] = "properties.autoDeleteSetting.condition";
    struct json *condition = json_copy(req->arena, json_at(req->body, CONDITION));
    struct reference reference;

    assert(req->name.len > 0);
    fields_default(req->arena, req->body, "properties.dataType", "uri_folder");
    if (fields_check(req->arena, req->body, &fields_data_version, err) < 0)
        return -1;
    /* Two spellings of this word are in use, and each client knows only its own. */
    if (condition && json_put(req->arena, req->body, CONDITION, condition, err) < 0)
        return -1;
    struct str uri = json_str_at(req->body, "properties.dataUri");
    if (reference_parse(req->arena, uri, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(
            err, ERROR_INVALID, "properties.dataUri",
            "'%.*s' is no address of data: azureml://datastores/NAME/paths/PATH or https.",
            STR_ARG(uri));
    /* A folder's address ends where a file's may not. */
    if (str_ends(uri, STR("/")) &&
        str_eq(json_str_at(req->body, "properties.dataType"), STR("uri_file")))
        return error_set(err, ERROR_INVALID, "properties.dataUri",
                         "'%.*s' is a folder; a version of type uri_file points to a file.",
                         STR_ARG(uri));
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A name stands for one type of data: programs that read a version by its name rely on it. */
static int data_version_check(struct arm_request *req, struct store_txn *txn,
                              const struct document *before, struct error *err)
{
    struct str wanted = json_str_at(req->body, "properties.dataType");
    struct document latest;

    assert(store_is_writer(txn));
    if (before || req->parent.doc == 0)
        return 0;
    if (document_latest(txn, req->scope.number, req->parent.doc, &latest, err) < 0)
        return err->code == ERROR_NOT_FOUND ? 0 : -1;
    struct json *body = json_parse(req->arena, latest.body, err);
    if (!body)
        return -1;
    struct str have = json_str_at(body, "properties.dataType");
    if (have.len == 0 || str_eq(have, wanted))
        return 0;
    error_set(err, ERROR_INVALID, "properties.dataType",
              "The data asset '%.*s' is of type %.*s; a version of it cannot be %.*s.",
              STR_ARG(req->parent_name), STR_ARG(have), STR_ARG(wanted));
    return error_hint(err, "Give it another name, or archive the versions that are there.");
}

/* With its bytes, when they lie where an upload put them: those in a user's datastore are his. */
static int data_version_remove(struct arm_request *req, struct store_txn *txn,
                               const struct document *document, struct error *err)
{
    return upload_forget(req, txn, document, "properties.dataUri", err);
}

/* The upload begins before the version exists. */
static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
    {.name = "publish", .run = plain_publish},
};

const struct arm_kind data_kind = {
    .type = "data",
    .wire = "Microsoft.MachineLearningServices/workspaces/data",
    .prepare = data_prepare,
    .show = data_show,
    .list = filter_list,
    .after = upload_sweep,
};

const struct arm_kind data_version_kind = {
    .type = "data/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/data/versions",
    .parent = &data_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = data_version_prepare,
    .check = data_version_check,
    .list = filter_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
    .remove = data_version_remove,
    .after = upload_sweep,
};
