/* Files of runs, logged models and uploads, as run history and the artifact service name them:
 * lists, single files, and addresses that open one of them for an hour. */
#include "dataplane/internal.h"

#include "http/text.h"
#include "tracking/logged_model.h"
#include "tracking/path.h"

#include <assert.h>

#define PAGE_FILES 500

/* The id has origin, folder and path in one, as clients take it apart again. */
struct json *dataplane_artifact_view(const struct dataplane_run *at,
                                     const struct dataplane_root *root, struct str path,
                                     const struct blob *blob)
{
    struct arena *arena = at->call->arena;
    struct json *view = json_object(arena);

    json_set_str(arena, view, "artifactId",
                 arena_printf(arena, "%.*s/%.*s/%.*s", STR_ARG(root->origin), STR_ARG(root->folder),
                              STR_ARG(path)));
    json_set_str(arena, view, "origin", root->origin);
    json_set_str(arena, view, "container", root->folder);
    json_set_str(arena, view, "path", path);
    json_set_str(arena, view, "etag", blob ? blob->etag : STR(""));
    dataplane_set_time(arena, view, "createdTime", blob ? blob->created_us : 0);
    json_set_null(arena, view, "dataPath");
    json_set(arena, view, STR("tags"), json_object(arena));
    return view;
}

/* Signed for this one blob and for what is to be done with it, nothing else. */
struct json *dataplane_address_view(const struct dataplane_run *at,
                                    const struct dataplane_root *root,
                                    const struct dataplane_file *file)
{
    struct arena *arena = at->call->arena;
    struct json *view = json_object(arena);

    assert(file->name.len > 0);
    json_set_str(arena, view, "contentUri",
                 dataplane_sign(at, root->container, file->name, file->permissions));
    json_set_str(arena, view, "origin", root->origin);
    json_set_str(arena, view, "container", root->folder);
    json_set_str(arena, view, "path", file->path);
    json_set(arena, view, STR("tags"), json_object(arena));
    return view;
}

/* A run's own file, else that of the logged model which the path begins with: MLflow 3 keeps those
 * beside the run, and paths of older clients go on to work (decisions 11). */
static int find_file(struct dataplane_run *at, struct dataplane_root *io, struct str path,
                     struct blob *out, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct str name, head = path, rest = {0};
    struct logged_model model;

    if (path.len == 0)
        return error_set(err, ERROR_INVALID, "path", "The query names the file: path=….");
    if (dataplane_root_name(arena, io, path, &name, err) < 0)
        return -1;
    if (blob_get(at->txn, io->container, name, out, NULL) == 0)
        return 0;
    if (io->run.run && str_eq(io->origin, STR("ExperimentRun")) &&
        str_cut(path, '/', &head, &rest) &&
        logged_model_of_run(at->txn, &io->run, head, &model, NULL) == 0) {
        struct str prefix = logged_model_prefix(arena, model.model_id);
        name = arena_printf(arena, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(rest));
        if (blob_get(at->txn, io->container, name, out, NULL) == 0)
            return 0;
    }
    return error_set(err, ERROR_NOT_FOUND, "path", "There is no artifact '%.*s' in '%.*s'.",
                     STR_ARG(str_slice(path, 0, 200)), STR_ARG(io->folder));
}

/* --- One file -----------------------------------------------------------------------------------
 */

/* A folder is no artifact: only what has bytes is found. */
static struct json *one_view(struct dataplane_run *at, struct error *err)
{
    struct str path = dataplane_path(at->call);
    struct dataplane_root root;
    struct blob blob;

    if (dataplane_root(at, &root, err) < 0 || find_file(at, &root, path, &blob, err) < 0)
        return NULL;
    return dataplane_artifact_view(at, &root, path, &blob);
}

void dataplane_artifact(struct call *call)
{
    dataplane_answer(call, one_view);
}

/* Signed only when it is there: an address that leads nowhere fails later and says less. */
static struct json *one_address(struct dataplane_run *at, struct error *err)
{
    struct dataplane_file file = {.path = dataplane_path(at->call), .permissions = "r"};
    struct dataplane_root root;
    struct blob blob;

    if (dataplane_root(at, &root, err) < 0 || find_file(at, &root, file.path, &blob, err) < 0)
        return NULL;
    file.name = blob.name;
    return dataplane_address_view(at, &root, &file);
}

void dataplane_artifact_address(struct call *call)
{
    dataplane_answer(call, one_address);
}

/* The address alone. Its client reads no body, so it stands in a header. */
void dataplane_artifact_location(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
    struct dataplane_run at = {.call = call, .engines = engines, .txn = txn};
    struct json *view = NULL;

    if (txn)
        view = one_address(&at, &err);
    if (!view || store_txn_check(txn, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    http_add_header(call->ex, "Location", json_str_at(view, "contentUri"));
    http_reply(call->ex, 204, "application/json", STR(""));
}

/* --- Lists --------------------------------------------------------------------------------------
 */

/* A page under way: all files below a prefix, whatever folder they lie in. */
struct files {
    const struct dataplane_run *at;
    const struct dataplane_root *root;
    bool addresses;
    struct json *list;
    size_t count;
    struct str last; /* path of the last one */
};

/* How clients name the file behind a blob. */
static struct str shown_path(const struct files *files, struct str name)
{
    const struct dataplane_root *root = files->root;
    struct arena *arena = files->at->call->arena;
    struct str path = str_slice(name, root->prefix.len + 1, name.len);

    if (root->inner.len == 0)
        return arena_str(arena, path);
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(root->inner), STR_ARG(path));
}

/* Told by its path below the root, whatever folder it lies in. */
static int add_file(const struct blob *blob, void *context, struct error *)
{
    struct files *files = context;
    struct arena *arena = files->at->call->arena;
    struct str path = shown_path(files, blob->name);
    struct dataplane_file file = {.path = path, .name = blob->name, .permissions = "r"};

    files->count++;
    files->last = path;
    json_append(arena, files->list,
                files->addresses ? dataplane_address_view(files->at, files->root, &file)
                                 : dataplane_artifact_view(files->at, files->root, path, blob));
    return 0;
}

/* The first SDK writes the file behind the address, later ones into the query. */
struct str dataplane_path(const struct call *call)
{
    struct str path = call_query(call, "path");

    return path.len > 0 ? path : call_param(call, "path");
}

/* The same question about what follows the last file of a full page. */
static void set_next(const struct files *files, struct json *body)
{
    const struct call *call = files->at->call;
    struct arena *arena = call->arena;
    struct str path = dataplane_path(call);
    struct str token = http_encode(arena, files->last, false);

    json_set_str(arena, body, "continuationToken", files->last);
    json_set_str(arena, body, "nextLink",
                 arena_printf(arena, "%.*s%.*s?continuationToken=%.*s%s%.*s",
                              STR_ARG(arm_base_url(call)), STR_ARG(http_path(call->ex)),
                              STR_ARG(token), path.len ? "&path=" : "",
                              STR_ARG(http_encode(arena, path, false))));
}

/* Pages go by the last name, so files that come meanwhile neither repeat nor hide others. */
static struct json *files_view(struct dataplane_run *at, bool addresses, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct str path = dataplane_path(at->call), after = {0};
    struct str token = call_query(at->call, "continuationToken");
    struct dataplane_root root;
    struct files files = {
        .at = at, .root = &root, .addresses = addresses, .list = json_array(arena)};
    struct blob_query query = {.limit = PAGE_FILES};
    struct json *body = json_object(arena);

    if (str_ends(path, STR("/")))
        path.len--;
    if (dataplane_root(at, &root, err) < 0 ||
        dataplane_root_name(arena, &root, path.len ? path : root.inner, &query.prefix, err) < 0 ||
        (token.len > 0 && dataplane_root_name(arena, &root, token, &after, err) < 0))
        return NULL;
    query.container = root.container;
    query.after = after;
    query.prefix = arena_printf(arena, "%.*s/", STR_ARG(query.prefix));
    if (blob_list(at->txn, &query, add_file, &files, err) < 0)
        return NULL;
    json_set(arena, body, STR("value"), files.list);
    if (files.count == PAGE_FILES)
        set_next(&files, body);
    return body;
}

static struct json *list_view(struct dataplane_run *at, struct error *err)
{
    return files_view(at, false, err);
}

void dataplane_list_artifacts(struct call *call)
{
    dataplane_answer(call, list_view);
}

static struct json *addresses_view(struct dataplane_run *at, struct error *err)
{
    return files_view(at, true, err);
}

void dataplane_list_artifact_addresses(struct call *call)
{
    dataplane_answer(call, addresses_view);
}

/* --- The bytes themselves -----------------------------------------------------------------------
 */

/* By itself and not by an address, for clients that follow no redirect. */
void dataplane_artifact_content(struct call *call)
{
    struct engines *engines = call->face;
    struct str path = dataplane_path(call);
    struct content_object object;
    struct error err = {0};
    int64_t size = 0;
    int fd = -1;

    {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
        struct dataplane_run at = {.call = call, .engines = engines, .txn = txn};
        struct dataplane_root root;
        struct blob blob;
        if (!txn || dataplane_root(&at, &root, &err) < 0 ||
            find_file(&at, &root, path, &blob, &err) < 0 ||
            content_object_get(txn, blob.object, &object, &err) < 0) {
            if (txn)
                store_txn_check(txn, &err);
            arm_refuse(call, &err);
            return;
        }
        object.chunks = arena_str(call->arena, object.chunks);
        size = blob.size;
    }
    fd = content_open_chunks(engines->content, &object, &err);
    if (fd < 0) {
        arm_refuse(call, &err);
        return;
    }
    /* User content is never shown in place (security 3.6). */
    http_add_header(call->ex, "Content-Disposition", STR("attachment"));
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_reply_file(call->ex, 200, "application/octet-stream", &(struct http_part){fd, 0, size});
}
