/* Models: files of a job, of a run or of an upload under a name. Registered models of MLflow are
 * the same documents (decisions 12). */
#include "kinds/kinds.h"

#include "asset/asset.h"
#include "content/content.h"
#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/plain.h"

#include <assert.h>

/* A container has words only; what it holds are its versions. */
static int model_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_model, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A folder without MLmodel would fail only when it is deployed: said here instead. */
static int need_mlmodel(struct arm_request *req, struct store_txn *txn,
                        const struct asset_place *place, struct error *err)
{
    struct blob blob;
    struct str name = arena_printf(req->arena, "%.*s/MLmodel", STR_ARG(place->prefix));

    assert(place->container.len > 0);
    if (!str_eq(json_str_at(req->body, "properties.modelType"), STR("mlflow_model")))
        return 0;
    if (!place->single && blob_get(txn, place->container, name, &blob, err) == 0)
        return 0;
    if (!place->single && err->code != ERROR_NOT_FOUND)
        return -1;
    error_set(
        err, ERROR_INVALID, "properties.modelUri",
        "A model of type mlflow_model is a folder with a file MLmodel; there is none at '%.*s'.",
        STR_ARG(json_str_at(req->body, "properties.modelUri")));
    return error_hint(err, "Register it as custom_model, or give the folder that holds MLmodel.");
}

/* Addresses by job or run are stored as where the files lie: the SDK can download only those. What
 * lies outside of this server is kept as it is. */
static int settle_uri(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct str uri = json_str_at(req->body, "properties.modelUri");
    struct json *properties = json_at(req->body, "properties");
    struct reference reference;
    struct asset_place place;

    assert(req->body);
    if (!txn)
        return -1;
    if (reference_parse(req->arena, uri, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(
            err, ERROR_INVALID, "properties.modelUri",
            "'%.*s' is no address of a model: azureml://datastores/…, azureml://jobs/…, "
            "runs:/… or https.",
            STR_ARG(uri));
    if (asset_place(txn, &req->scope, uri, &place, err) < 0)
        return err->code == ERROR_NOT_IMPLEMENTED ? 0 : -1;
    if (need_mlmodel(req, txn, &place, err) < 0)
        return -1;
    /* An upload's container is no datastore's: its own address is the only one that leads there. */
    if (reference.kind == REFERENCE_DATASTORE || reference.kind == REFERENCE_URL ||
        reference.registry.len > 0)
        return 0;
    json_set_str(req->arena, properties, "modelUri", asset_uri(req->arena, &req->scope, &place));
    if (reference.kind == REFERENCE_JOB || reference.kind == REFERENCE_RUN)
        json_set_str(req->arena, properties, "jobName", reference.name);
    return 0;
}

/* A flavor is an object whose `data` is texts: clients that read a list of models give up on one
 * that is not. */
static int check_flavors(struct arm_request *req, struct error *err)
{
    struct json_iter it = json_iter(json_at(req->body, "properties.flavors"));

    assert(req->body);
    while (json_next(&it)) {
        const struct json *data = json_get(it.value, STR("data"));
        const char *at = arena_printf(req->arena, "properties.flavors.%.*s", STR_ARG(it.key)).ptr;
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, at, "Expected an object with `data` here.");
        if (!json_is_null(data) && fields_texts(req->arena, it.value, "data", err) < 0)
            return error_set(err, ERROR_INVALID, arena_printf(req->arena, "%s.data", at).ptr,
                             "Expected an object of texts here.");
    }
    return 0;
}

/* The address is settled before versions are compared, so the same PUT twice is the same. */
static int model_version_prepare(struct arm_request *req, struct error *err)
{
    assert(req->name.len > 0);
    fields_default(req->arena, req->body, "properties.modelType", "custom_model");
    if (fields_check(req->arena, req->body, &fields_model_version, err) < 0 ||
        check_flavors(req, err) < 0 || settle_uri(req, err) < 0)
        return -1;
    struct json *properties = json_at(req->body, "properties");
    /* Clients walk the flavors without asking whether there are any. */
    if (json_is_null(json_get(properties, STR("flavors"))))
        json_set(req->arena, properties, STR("flavors"), json_object(req->arena));
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Which job made it: an edge that lineage follows. */
static int model_version_change(struct arm_request *req, struct store_txn *txn,
                                const struct document *after, struct error *err)
{
    struct str job = json_str_at(req->body, "properties.jobName");
    struct asset_edge edge = {
        .scope = req->scope.number,
        .from_kind = STR("job"),
        .from_id = job,
        .role = STR("output"),
        .to_kind = STR("models/versions"),
        .to_id = req->id,
    };

    assert(after->doc > 0);
    return job.len ? asset_link(txn, &edge, err) : 0;
}

/* The flavors of a model made by a job or by MLflow may be missing in its document. */
static int model_version_show(struct arm_request *req, struct store_txn *, const struct document *,
                              struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");

    assert(wire);
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    if (json_kind(json_get(properties, STR("flavors"))) != JSON_OBJECT)
        json_set(req->arena, properties, STR("flavors"), json_object(req->arena));
    return 0;
}

/* An image with the model inside: there is nothing here that builds images. */
static int model_package(struct arm_request *, const struct document *document, struct arm_reply *,
                         struct error *err)
{
    assert(document);
    (void)document;
    return plain_unbuilt("package", "Packaging a model into an image", err);
}

/* With its bytes, when they lie where an upload put them: a run's artifacts are the run's. */
static int model_version_remove(struct arm_request *req, struct store_txn *txn,
                                const struct document *document, struct error *err)
{
    return upload_forget(req, txn, document, "properties.modelUri", err);
}

/* The upload begins before the version exists. */
static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
    {.name = "publish", .run = plain_publish},
    {.name = "package", .run = model_package},
};

const struct arm_kind model_kind = {
    .type = "models",
    .wire = "Microsoft.MachineLearningServices/workspaces/models",
    .prepare = model_prepare,
    .list = filter_list,
    .after = upload_sweep,
};

const struct arm_kind model_version_kind = {
    .type = "models/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/models/versions",
    .parent = &model_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = model_version_prepare,
    .change = model_version_change,
    .show = model_version_show,
    .list = filter_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
    .remove = model_version_remove,
    .after = upload_sweep,
};
