/* Files on their way in: many addresses for writing at once, files that lie in a datastore made
 * artifacts, and deletion. Nothing is stored for a file before its bytes are there, so a client
 * that dies between leaves no empty one. */
#include "dataplane/internal.h"

#include "asset/asset.h"
#include "store/event.h"
#include "tracking/path.h"

#include <assert.h>

#define PATHS_MAX 1000

struct batch {
    struct dataplane_run *at;
    struct dataplane_root root;
    struct json *artifacts, *addresses, *errors;
};

/* One file that cannot be; the others still can. */
static void add_error(struct batch *batch, struct str path, struct str message)
{
    struct arena *arena = batch->at->call->arena;
    struct json *outer = json_object(arena), *inner = json_object(arena);

    json_set_str(arena, inner, "code", STR("UserError"));
    json_set_str(arena, inner, "message", message);
    json_set(arena, outer, STR("error"), inner);
    json_set(arena, batch->errors, path, outer);
}

/* A file is made once, as in Azure: its client uploads with If-None-Match and says so here with a
 * sentence that names the file instead of at the upload with none. */
static void add_path(struct batch *batch, struct str path)
{
    struct dataplane_run *at = batch->at;
    struct arena *arena = at->call->arena;
    struct dataplane_file file = {.path = path, .permissions = "rcw"};
    struct error err = {0};
    struct blob there;

    if (dataplane_root_name(arena, &batch->root, path, &file.name, &err) < 0 || path.len == 0) {
        add_error(batch, path, STR("Invalid path"));
        return;
    }
    if (blob_get(at->txn, batch->root.container, file.name, &there, NULL) == 0) {
        add_error(
            batch, path,
            arena_printf(arena, "Resource Conflict: ArtifactId %.*s/%.*s/%.*s already exists.",
                         STR_ARG(batch->root.origin), STR_ARG(batch->root.folder), STR_ARG(path)));
        return;
    }
    json_set(arena, batch->artifacts, path, dataplane_artifact_view(at, &batch->root, path, NULL));
    json_set(arena, batch->addresses, path, dataplane_address_view(at, &batch->root, &file));
}

static struct json *create_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    struct batch batch = {.at = at,
                          .artifacts = json_object(arena),
                          .addresses = json_object(arena),
                          .errors = json_object(arena)};
    struct json *paths = ask ? json_get(ask, STR("paths")) : NULL;
    struct json_iter it = json_iter(paths);

    if (!ask || dataplane_root(at, &batch.root, err) < 0 ||
        dataplane_root_writable(at, &batch.root, err) < 0)
        return NULL;
    if (json_kind(paths) != JSON_ARRAY || json_count(paths) > PATHS_MAX) {
        error_set(err, ERROR_INVALID, "paths",
                  "'paths' is a list of at most %d objects with a 'path'.", PATHS_MAX);
        return NULL;
    }
    while (json_next(&it))
        add_path(&batch, json_str_at(it.value, "path"));
    json_set(arena, body, STR("artifacts"), batch.artifacts);
    json_set(arena, body, STR("artifactContentInformation"), batch.addresses);
    json_set(arena, body, STR("errors"), batch.errors);
    return body;
}

void dataplane_create_artifacts(struct call *call)
{
    dataplane_answer(call, create_view);
}

/* --- A file of a datastore becomes an artifact: a second name for the same bytes -----------------
 */

struct registering {
    struct call *call;
    struct str container, name; /* the artifact */
    struct str from_container, from_name;
};

static int register_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct registering *r = context;
    struct blob blob;

    assert(store_is_writer(txn));
    if (blob_get(txn, r->from_container, r->from_name, &blob, err) < 0)
        return -1;
    blob.container = r->container;
    blob.name = r->name;
    return blob_put(txn, &blob, true, err);
}

/* Where the bytes are: "dataPath" names a datastore and a path in it. */
static int read_source(struct dataplane_run *at, const struct json *ask, struct registering *out,
                       struct error *err)
{
    struct arena *arena = at->call->arena;
    struct str store = json_str_at(ask, "dataPath.dataStoreName");
    struct str path = json_str_at(ask, "dataPath.relativePath");
    struct asset_place place;

    if (store.len == 0 || path.len == 0)
        return error_set(err, ERROR_INVALID, "dataPath",
                         "'dataPath' names a 'dataStoreName' and a 'relativePath' in it.");
    if (asset_place(at->txn, &at->scope,
                    arena_printf(arena, "azureml://datastores/%.*s/paths/%.*s", STR_ARG(store),
                                 STR_ARG(path)),
                    &place, err) < 0)
        return -1;
    if (!place.single)
        return error_set(err, ERROR_INVALID, "dataPath.relativePath",
                         "'%.*s' is a folder; an artifact is a file.", STR_ARG(path));
    out->from_container = arena_str(arena, place.container);
    out->from_name = arena_str(arena, place.prefix);
    return 0;
}

/* The path's parameters are what root.c reads; a registration has them in its body. */
static void take_address(struct call *call, const struct json *ask)
{
    static const char *const NAMES[] = {"origin", "container"};

    for (size_t i = 0; i < COUNT(NAMES) && call->param_count < ROUTE_PARAMS_MAX; i++)
        call->params[call->param_count++] =
            (struct route_param){.name = str_from(NAMES[i]), .value = json_str_at(ask, NAMES[i])};
}

static int prepare_registering(struct dataplane_run *at, const struct json *ask,
                               struct registering *out, struct dataplane_root *root,
                               struct error *err)
{
    struct str path = json_str_at(ask, "path");

    take_address(at->call, ask);
    if (call_param(at->call, "origin").len == 0 || call_param(at->call, "container").len == 0 ||
        path.len == 0)
        return error_set(err, ERROR_INVALID, "",
                         "An artifact has an 'origin', a 'container' and a 'path'.");
    if (dataplane_root(at, root, err) < 0 || dataplane_root_writable(at, root, err) < 0 ||
        dataplane_root_name(at->call->arena, root, path, &out->name, err) < 0)
        return -1;
    out->container = root->container;
    return read_source(at, ask, out, err);
}

void dataplane_register_artifact(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct json *ask = dataplane_body(call, &err), *view = NULL;
    struct registering r = {.call = call};
    struct dataplane_run at = {.call = call, .engines = engines};
    struct dataplane_root root;

    if (ask) {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
        at.txn = txn;
        if (txn && prepare_registering(&at, ask, &r, &root, &err) == 0)
            view = dataplane_artifact_view(&at, &root, json_str_at(ask, "path"), NULL);
    }
    if (view && store_write(engines->store, register_apply, &r, &err) == 0)
        arm_reply(call, 200, view);
    else
        arm_refuse(call, &err);
}

/* --- Deletion -----------------------------------------------------------------------------------
 */

struct deleting {
    struct dataplane_run at;
    struct str name;
    struct dataplane_root root;
};

/* The file is looked for again where it goes, so that two who delete it get 200 and 404. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct deleting *d = context;
    struct event event = {.scope = d->root.scope.number,
                          .type = STR("artifacts.deleted"),
                          .subject_kind = STR("artifacts"),
                          .subject = d->name,
                          .actor = d->at.call->caller.name,
                          .body = STR("{}")};

    if (blob_delete(txn, d->root.container, d->name, err) < 0)
        return -1;
    return event_append(txn, &event, err);
}

static int prepare_deleting(struct deleting *d, struct error *err)
{
    struct str path = dataplane_path(d->at.call);

    if (path.len == 0)
        return error_set(err, ERROR_INVALID, "path", "The query names the file: path=….");
    if (dataplane_root(&d->at, &d->root, err) < 0 ||
        dataplane_root_writable(&d->at, &d->root, err) < 0)
        return -1;
    return dataplane_root_name(d->at.call->arena, &d->root, path, &d->name, err);
}

void dataplane_delete_artifact(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct deleting d = {.at = {.call = call, .engines = engines}};
    int result = -1;

    {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
        d.at.txn = txn;
        if (txn)
            result = prepare_deleting(&d, &err);
    }
    d.at.txn = NULL;
    if (result == 0 && store_write(engines->store, delete_apply, &d, &err) == 0)
        http_reply(call->ex, 200, "application/json", STR("{}"));
    else
        arm_refuse(call, &err);
}
