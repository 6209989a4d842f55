/* Sharing: a registry makes its own copy of what a workspace has. The bytes lie in the store once;
 * what is copied are their names, into a container of the registry, so that neither side feels it
 * when the other deletes or changes its own. */
#include "kinds/registry_data.h"

#include "asset/asset.h"
#include "asset/doom.h"
#include "content/content.h"
#include "identity/identity.h"
#include "kinds/kinds.h"
#include "os/fault.h"

#include <assert.h>

#define PROVIDER "Microsoft.MachineLearningServices/"
#define COPY_AT_ONCE ((size_t)256)

/* What is shared and as what. */
struct share {
    struct arm_request req;  /* of the registry */
    struct reference source; /* by workspace and version */
    struct str source_id;    /* as the client wrote it */
    struct str name, version;
    struct scope workspace;
    struct json *properties;  /* of the copy */
    struct holding *holdings; /* what was copied and nothing names yet */
};

/* A container of the copy: gone in an hour unless a version names it. */
struct holding {
    struct holding *next;
    int64_t doomed;
    bool named;
};

/* The fields by which the types lead to their bytes. */
static const char *const URIS[] = {"modelUri", "dataUri", "codeUri"};

static int read_words(struct call *call, struct share *share, struct error *err)
{
    struct json *body = json_parse(call->arena, http_body(call->ex), err);

    assert(call->arena);
    if (!body)
        return -1;
    struct str name = json_str_at(body, "properties.destinationName");
    struct str version = json_str_at(body, "properties.destinationVersion");
    share->source_id = json_str_at(body, "properties.sourceAssetId");
    struct reference *r = &share->source;
    if (reference_parse(call->arena, share->source_id, r, err) < 0 || r->kind != REFERENCE_ASSET ||
        r->workspace.len == 0 || r->type.len == 0 || r->version.len == 0)
        return error_set(err, ERROR_INVALID, "properties.sourceAssetId",
                         "sourceAssetId is azureml://locations/L/workspaces/ID/TYPE/NAME/versions/"
                         "VERSION, not '%.*s'.",
                         STR_ARG(str_slice(share->source_id, 0, 300)));
    share->name = name.len ? name : r->name;
    share->version = version.len ? version : r->version;
    return 0;
}

/* A workspace that the caller may not read is none to him. */
static int find_workspace(struct call *call, struct store_txn *txn, struct share *share,
                          struct error *err)
{
    const struct reference *r = &share->source;
    struct scope_name name = {r->subscription, r->group, r->workspace};
    struct engines *engines = share->req.engines;
    struct error lost = {0};
    int found =
        (r->subscription.len ? scope_find(txn, &name, &share->workspace, &lost)
                             : scope_by_guid(txn, r->workspace, &share->workspace, &lost)) == 0 &&
        share->workspace.kind == SCOPE_WORKSPACE;

    assert(r->workspace.len > 0);
    if (!found && lost.code != ERROR_NONE && lost.code != ERROR_NOT_FOUND) {
        *err = lost;
        return -1;
    }
    struct str action =
        arena_printf(call->arena, PROVIDER "workspaces/%.*s/versions/read", STR_ARG(r->type));
    if (found && call->caller.kind == CALLER_USER)
        found = identity_may(engines->identity, &call->caller, action,
                             scope_arm_id(call->arena, &share->workspace), err);
    if (found < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "properties.sourceAssetId",
                         "There is no workspace '%.*s'.", STR_ARG(r->workspace));
    return 0;
}

/* --- The bytes ----------------------------------------------------------------------------------
 */

/* The names of one place, some at a time, under another container. */
struct copy {
    struct arena *arena;
    struct asset_place from;
    const struct scope *registry;
    struct str container; /* of the registry */
    struct holding *holding;
    struct str actor;
    size_t strip; /* how much of a blob's name is left out */
    struct str after;
    struct blob *blobs; /* of this round */
    size_t count;
};

static int take_blob(const struct blob *blob, void *context, struct error *)
{
    struct copy *copy = context;
    struct blob *kept = &copy->blobs[copy->count++];

    assert(copy->count <= COPY_AT_ONCE);
    *kept = *blob;
    kept->name = arena_str(copy->arena, blob->name);
    kept->meta = arena_str(copy->arena, blob->meta);
    kept->md5 = arena_str(copy->arena, blob->md5);
    kept->etag = (struct str){0};
    return 0;
}

/* In the same write as the names: a server that dies here leaves what the next one sweeps. */
static int hold(struct store_txn *txn, const struct copy *copy, struct error *err)
{
    assert(store_is_writer(txn));
    if (copy->after.len > 0)
        return doom_put_off(txn, copy->holding->doomed, err);
    return doom_later(txn, copy->registry, copy->container, &copy->holding->doomed, err);
}

/* All or a page of the names are read before any is written: a walk does not see its own rows. */
static int copy_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct copy *copy = context;
    const struct asset_place *from = &copy->from;
    struct str prefix = from->prefix.len == 0 || from->single
                            ? from->prefix
                            : arena_printf(copy->arena, "%.*s/", STR_ARG(from->prefix));
    struct blob_query query = {from->container, prefix, copy->after, COPY_AT_ONCE};
    struct blob one;

    if (hold(txn, copy, err) < 0)
        return -1;
    copy->count = 0;
    copy->blobs = arena_new_array(copy->arena, struct blob, COPY_AT_ONCE);
    if (from->single) {
        if (blob_get(txn, from->container, from->prefix, &one, err) < 0 ||
            take_blob(&one, copy, err) < 0)
            return -1;
    } else if (blob_list(txn, &query, take_blob, copy, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < copy->count; i++) {
        struct blob made = copy->blobs[i];
        made.container = copy->container;
        made.name = str_slice(made.name, copy->strip, made.name.len);
        made.of_blocks = false;
        if (blob_put(txn, &made, false, err) < 0)
            return -1;
    }
    return 0;
}

/* Gives the copy's address: its container and the last piece of where it lay. */
static int copy_bytes(struct share *share, const struct asset_place *from, struct str *out_uri,
                      struct error *err)
{
    struct arm_request *req = &share->req;
    struct copy copy = {.arena = req->arena,
                        .from = *from,
                        .registry = &req->scope,
                        .container = asset_upload_container(req->arena, &req->scope),
                        .holding = arena_make(req->arena, struct holding)};
    struct str last = from->prefix;

    assert(from->container.len > 0);
    for (size_t i = from->prefix.len; i > 0 && copy.strip == 0; i--)
        if (from->prefix.ptr[i - 1] == '/')
            copy.strip = i;
    last = str_slice(from->prefix, copy.strip, from->prefix.len);
    *copy.holding = (struct holding){.next = share->holdings};
    share->holdings = copy.holding;
    do {
        if (store_write(req->engines->store, copy_apply, &copy, err) < 0)
            return -1;
        if (copy.count > 0)
            copy.after = copy.blobs[copy.count - 1].name;
    } while (copy.count == COPY_AT_ONCE && !from->single);
    *out_uri = arena_printf(req->arena, "%.*s/%.*s%s%.*s", STR_ARG(arm_base_url(req->call)),
                            STR_ARG(copy.container), last.len ? "/" : "", STR_ARG(last));
    return 0;
}

/* Addresses that lead out of this server stay as they are. */
static int copy_field(struct share *share, struct json *holder, const char *field,
                      struct error *err)
{
    struct arena *arena = share->req.arena;
    struct str uri = json_str_at(holder, field);
    struct asset_place place;
    bool ours = false;

    assert(holder);
    if (uri.len == 0)
        return 0;
    CLEANUP(store_read_end)
    struct store_txn *txn = store_read_begin(share->req.engines->store, err);
    if (!txn)
        return -1;
    if (asset_place(txn, &share->workspace, uri, &place, err) == 0) {
        ours = true;
        place.container = arena_str(arena, place.container);
        place.prefix = arena_str(arena, place.prefix);
    } else if (err->code != ERROR_NOT_IMPLEMENTED) {
        return -1;
    }
    store_read_end(&txn);
    if (!ours)
        return 0;
    if (copy_bytes(share, &place, &uri, err) < 0)
        return -1;
    json_set_str(arena, holder, field, uri);
    return 0;
}

static int settle_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct holding *holding = context;

    return doom_settle(txn, holding->doomed, holding->named, err);
}

/* A version names its bytes, or they go at once. What fails here costs only time: bytes that are
 * named stay, others go within the hour. */
static void settle(struct share *share, bool named)
{
    struct store *store = share->req.engines->store;

    for (struct holding *holding = share->holdings; holding; holding = holding->next) {
        holding->named = named;
        if (holding->doomed > 0)
            store_write(store, settle_apply, holding, NULL);
    }
    if (!named && share->holdings)
        doom_sweep(store, NULL);
}

/* --- The asset ----------------------------------------------------------------------------------
 */

static int read_source(struct call *call, struct share *share, struct error *err)
{
    CLEANUP(store_read_end)
    struct store_txn *txn = store_read_begin(share->req.engines->store, err);
    struct asset_query query = {.scope = &share->workspace, .text = share->source_id};
    struct asset found;

    assert(share->source.version.len > 0);
    if (!txn || find_workspace(call, txn, share, err) < 0 ||
        asset_resolve(txn, &query, &found, err) < 0)
        return -1;
    share->workspace = (struct scope){
        .number = share->workspace.number,
        .kind = share->workspace.kind,
        .subscription = arena_str(call->arena, share->workspace.subscription),
        .group = arena_str(call->arena, share->workspace.group),
        .name = arena_str(call->arena, share->workspace.name),
        .guid = arena_str(call->arena, share->workspace.guid),
    };
    struct json *body = json_parse(call->arena, arena_str(call->arena, found.version.body), err);
    share->properties = json_at(body, "properties");
    if (body && !share->properties)
        share->properties = json_object(call->arena);
    return body ? 0 : -1;
}

/* A component says which code and environment of its workspace it runs; those would have to come
 * along. */
static int check_type(const struct share *share, struct error *err)
{
    static const char *const TYPES[] = {"models", "data", "environments"};

    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(share->source.type, str_from(TYPES[i])))
            return 0;
    error_set(err, ERROR_NOT_IMPLEMENTED, "properties.sourceAssetId",
              "Sharing %.*s is not built yet; models, data and environments can be shared.",
              STR_ARG(share->source.type));
    return error_hint(err, "Create it in the registry itself.");
}

/* Looked for before its bytes are copied, so that a refusal leaves nothing behind. */
static int check_absent(struct arm_request *version, const struct share *share, struct error *err)
{
    struct arm_reply reply = {0};
    struct error lost = {0};

    if (arm_request_get(version, &reply, &lost) < 0 && lost.code != ERROR_NOT_FOUND) {
        *err = lost;
        return -1;
    }
    if (lost.code == ERROR_NOT_FOUND)
        return 0;
    return error_set(err, ERROR_EXISTS, "properties.destinationVersion",
                     "Registry '%.*s' has version %.*s of '%.*s' already.",
                     STR_ARG(share->req.scope.name), STR_ARG(share->version), STR_ARG(share->name));
}

static int make_copy(struct call *call, struct share *share, struct error *err)
{
    const struct arm_target target = {.scope_kind = SCOPE_REGISTRY,
                                      .subscription = share->req.scope.subscription,
                                      .group = share->req.scope.group,
                                      .scope = share->req.scope.name,
                                      .type = share->source.type,
                                      .name = share->name,
                                      .child = STR("versions"),
                                      .version = share->version};
    struct json *body = json_object(call->arena);
    struct arm_request version;
    struct arm_reply reply = {0};

    assert(share->properties);
    if (arm_request_open(call->face, call, &target, &version, err) < 0 ||
        check_absent(&version, share, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(URIS); i++)
        if (copy_field(share, share->properties, URIS[i], err) < 0)
            return -1;
    struct json *build = json_get(share->properties, STR("build"));
    if (build && copy_field(share, build, "contextUri", err) < 0)
        return -1;
    /* The job is one of the workspace: a registry knows none. */
    json_remove(share->properties, STR("jobName"));
    json_set_bool(call->arena, share->properties, "isArchived", false);
    json_set(call->arena, body, STR("properties"), share->properties);
    failpoint("registry.import.put");
    return arm_request_put(&version, body, &reply, err);
}

static int run_import(struct call *call, struct str *out_operation, struct error *err)
{
    struct share share = {
        .req = {.arena = call->arena, .call = call, .engines = arm_engines(call->face)}};
    const struct arm_target registry = {.scope_kind = SCOPE_REGISTRY,
                                        .subscription = call_param(call, "subscription"),
                                        .group = call_param(call, "group"),
                                        .scope = call_param(call, "registry")};

    if (arm_scope(call, share.req.engines->store, &share.req.scope, err) < 0 ||
        arm_request_open(call->face, call, &registry, &share.req, err) < 0)
        return -1;
    if (arm_scope_is_builtin(&share.req.scope))
        return error_set(err, ERROR_CONFLICT, "",
                         "The registry 'azureml' comes with the server and cannot be changed.");
    if (read_words(call, &share, err) < 0 || check_type(&share, err) < 0 ||
        read_source(call, &share, err) < 0)
        return -1;
    int made = make_copy(call, &share, err);
    settle(&share, made == 0);
    if (made < 0)
        return -1;
    return arm_operation_start(&share.req, NULL, out_operation, err);
}

/* Done when it answers; Azure's clients follow the address all the same. */
void registry_import(struct call *call)
{
    struct error err = {0};
    struct str operation;

    assert(call->face);
    if (run_import(call, &operation, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    http_add_header(call->ex, "Location",
                    arena_printf(call->arena,
                                 "%.*s/subscriptions/%.*s/resourceGroups/%.*s/providers/" PROVIDER
                                 "registries/%.*s/operationResults/%.*s?api-version=2022-10-01",
                                 STR_ARG(arm_base_url(call)),
                                 STR_ARG(call_param(call, "subscription")),
                                 STR_ARG(call_param(call, "group")),
                                 STR_ARG(call_param(call, "registry")), STR_ARG(operation)));
    http_add_header(call->ex, "Retry-After", STR("1"));
    arm_reply(call, 202, NULL);
}
