/* Bytes of a registry's assets: a signature to write before an asset is made, one to read it
 * afterwards. A container of a registry is read by whoever may read the asset, and each asset that
 * was uploaded has one of its own. */
#include "kinds/registry_data.h"

#include "asset/asset.h"
#include "kinds/kinds.h"
#include "route/reference.h"

#include <assert.h>

#define BODY_BYTES ((size_t)MIB)

/* The request's registry and body; names what the path and the body disagree on. */
static int open_request(struct call *call, struct arm_request *req, struct reference *asset,
                        struct error *err)
{
    *req = (struct arm_request){.arena = call->arena,
                                .engines = arm_engines(call->face),
                                .call = call,
                                .actor = call->caller.name};
    req->body = json_parse(call->arena, http_body(call->ex), err);
    if (!req->body || arm_scope(call, req->engines->store, &req->scope, err) < 0)
        return -1;
    struct str id = json_str_at(req->body, "assetId");
    if (reference_parse(call->arena, id, asset, err) < 0 || asset->kind != REFERENCE_ASSET ||
        !str_eq_fold(asset->registry, req->scope.name) ||
        !str_eq_fold(asset->name, call_param(call, "name")) ||
        !str_eq_fold(asset->version, call_param(call, "version")))
        return error_set(err, ERROR_INVALID, "assetId",
                         "assetId is azureml://registries/%.*s/TYPE/%.*s/versions/%.*s, not "
                         "'%.*s'.",
                         STR_ARG(req->scope.name), STR_ARG(call_param(call, "name")),
                         STR_ARG(call_param(call, "version")), STR_ARG(str_slice(id, 0, 300)));
    return 0;
}

/* The bare form of decisions 21: clients take the first piece behind the host for the container
 * when they download from a registry. */
static struct str container_url(const struct arm_request *req, struct str container)
{
    return arena_printf(req->arena, "%.*s/%.*s", STR_ARG(arm_base_url(req->call)),
                        STR_ARG(container));
}

/* {blobUri, storageAccountArmId, credential} for one container. */
static struct json *blob_reference(struct arm_request *req, struct str container, struct str uri,
                                   const char *permissions)
{
    struct arena *arena = req->arena;
    struct json *reference = json_object(arena), *credential = json_object(arena);
    struct str url = container_url(req, container);

    json_set_str(arena, credential, "credentialType", STR("SAS"));
    json_set_str(arena, credential, "sasUri",
                 arena_printf(arena, "%.*s?%.*s", STR_ARG(url),
                              STR_ARG(upload_sign(req, container, permissions, 24))));
    json_set_str(arena, reference, "blobUri", uri.len > 0 ? uri : url);
    json_set_str(arena, reference, "storageAccountArmId",
                 arena_printf(arena,
                              "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                              "Microsoft.Storage/storageAccounts/%.*s",
                              STR_ARG(req->scope.subscription), STR_ARG(req->scope.group),
                              STR_ARG(asset_account(arena, &req->scope))));
    json_set(arena, reference, STR("credential"), credential);
    return reference;
}

/* Whether the asset is there already; clients take 409 for «nothing to upload». */
static int version_is_there(struct call *call, const struct arm_request *req,
                            const struct reference *asset, bool *out, struct error *err)
{
    struct arm_target target = {.scope_kind = SCOPE_REGISTRY,
                                .subscription = req->scope.subscription,
                                .group = req->scope.group,
                                .scope = req->scope.name,
                                .type = asset->type,
                                .name = asset->name,
                                .child = STR("versions"),
                                .version = asset->version};
    struct arm_request version;
    struct arm_reply reply = {0};

    *out = false;
    if (arm_request_open(call->face, call, &target, &version, err) < 0)
        return -1;
    if (arm_request_get(&version, &reply, err) < 0)
        return err->code == ERROR_NOT_FOUND ? 0 : -1;
    *out = true;
    return 0;
}

static int begin_upload(struct call *call, struct json **out, struct error *err)
{
    struct arm_request req;
    struct reference asset;
    bool there;

    if (open_request(call, &req, &asset, err) < 0)
        return -1;
    if (arm_scope_is_builtin(&req.scope))
        return error_set(err, ERROR_CONFLICT, "",
                         "The registry 'azureml' comes with the server and cannot be changed.");
    if (version_is_there(call, &req, &asset, &there, err) < 0)
        return -1;
    if (there)
        return error_set(err, ERROR_EXISTS, "", "The asset '%.*s' exists already.",
                         STR_ARG(json_str_at(req.body, "assetId")));
    struct str container = asset_upload_container(call->arena, &req.scope);
    *out = json_object(call->arena);
    json_set(call->arena, *out, STR("blobReferenceForConsumption"),
             blob_reference(&req, container, (struct str){0}, "rcwl"));
    json_set_str(call->arena, *out, "temporaryDataReferenceId", container);
    json_set_str(call->arena, *out, "temporaryDataReferenceType", STR("TemporaryBlobReference"));
    json_set_str(call->arena, *out, "assetId", json_str_at(req.body, "assetId"));
    return 0;
}

/* The container of an address that the asset itself says: nobody reads by naming another. */
static int container_of(struct call *call, const struct arm_request *req,
                        const struct reference *asset, struct asset_place *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct asset_query query = {.scope = &req->scope, .text = json_str_at(req->body, "assetId")};
    static const char *const URIS[] = {"properties.modelUri", "properties.dataUri",
                                       "properties.codeUri"};
    struct asset found;

    assert(asset->version.len > 0);
    if (!txn || asset_resolve(txn, &query, &found, err) < 0)
        return -1;
    struct json *body = json_parse(call->arena, found.version.body, err);
    for (size_t i = 0; i < COUNT(URIS) && body; i++) {
        struct str uri = json_str_at(body, URIS[i]);
        if (uri.len == 0)
            continue;
        if (asset_target(txn, &req->scope, uri, out, err) < 0)
            return -1;
        out->container = arena_str(call->arena, out->container);
        return 0;
    }
    return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' has no bytes of its own.",
                     STR_ARG(json_str_at(req->body, "assetId")));
}

static int begin_download(struct call *call, struct json **out, struct error *err)
{
    struct arm_request req;
    struct reference asset;
    struct asset_place place;
    struct str guid;

    if (open_request(call, &req, &asset, err) < 0 ||
        container_of(call, &req, &asset, &place, err) < 0)
        return -1;
    if (!asset_container_guid(place.container, &guid) || !str_eq(guid, req.scope.guid))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "blobUri",
                         "The bytes of '%.*s' lie outside of the registry; fetching those is not "
                         "built yet.",
                         STR_ARG(json_str_at(req.body, "assetId")));
    *out = json_object(call->arena);
    json_set_str(call->arena, *out, "assetUri", container_url(&req, place.container));
    json_set(call->arena, *out, STR("blobReferenceForConsumption"),
             blob_reference(&req, place.container, json_str_at(req.body, "blobUri"), "rl"));
    return 0;
}

static void serve(struct call *call,
                  int (*run)(struct call *call, struct json **out, struct error *err))
{
    struct json *body = NULL;
    struct error err = {0};

    assert(call->face);
    if (run(call, &body, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, body);
}

static void put_upload(struct call *call)
{
    serve(call, begin_upload);
}

static void post_download(struct call *call)
{
    serve(call, begin_download);
}

#define PROVIDER "Microsoft.MachineLearningServices/"
#define REGISTRY                                                               \
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" PROVIDER \
    "registries/{registry}"
#define FRONT "/mferp/managementfrontend"
#define ROW(verb, template, what, handler)         \
    {.method = verb,                               \
     .path = template,                             \
     .permit = PERMIT_ACTION,                      \
     .action = PROVIDER "registries/assets/" what, \
     .body_limit = BODY_BYTES,                     \
     .flags = ROUTE_FOLD,                          \
     .listeners = LISTEN_ALL,                      \
     .run = handler,                               \
     .refuse = arm_refuse}

static const struct route ROWS[] = {
    ROW("PUT", REGISTRY "/tempdatarefs/{name}/versions/{version}", "write", put_upload),
    ROW("PUT", FRONT REGISTRY "/tempdatarefs/{name}/versions/{version}", "write", put_upload),
    ROW("POST", REGISTRY "/datarefs/{name}/versions/{version}", "read", post_download),
    ROW("POST", FRONT REGISTRY "/datarefs/{name}/versions/{version}", "read", post_download),
    ROW("POST", REGISTRY "/import", "write", registry_import),
    ROW("POST", FRONT REGISTRY "/import", "write", registry_import),
};

struct route_table registry_data_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}
