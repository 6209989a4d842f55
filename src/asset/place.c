#include "asset/asset.h"

#include "content/content.h"
#include "http/text.h"
#include "tracking/logged_model.h"
#include "tracking/tracking.h"

#include <assert.h>
#include <string.h>

/* From a URI to container and prefix. A URI may lead to another (an asset to its datastore path, a
 * job's output to where it was written), a few steps at most. */

#define STEPS_MAX 4

struct search {
    struct store_txn *txn;
    const struct scope *scope;
    struct arena *arena;
    struct str uri; /* as the client wrote it, for sentences */
    int steps;
    bool target; /* nothing needs to be there */
};

static int follow(struct search *search, struct str uri, struct asset_place *out,
                  struct error *err);

/* Blob names have no empty, "." or ".." pieces; leading and trailing slashes mean nothing. */
static int clean_path(struct search *search, struct str path, struct str *out, struct error *err)
{
    /* Never longer than it was: one piece of memory, however many pieces the client wrote. */
    char *clean = arena_alloc(search->arena, path.len + 1);
    struct str rest = path, piece;
    size_t len = 0;

    while (rest.len > 0 && str_split(&rest, '/', &piece)) {
        if (piece.len == 0 || str_eq(piece, STR(".")))
            continue;
        if (str_eq(piece, STR("..")))
            return error_set(err, ERROR_INVALID, "", "The path of '%.*s' holds '..'.",
                             STR_ARG(search->uri));
        if (len)
            clean[len++] = '/';
        memcpy(clean + len, piece.ptr, piece.len);
        len += piece.len;
    }
    assert(len <= path.len);
    *out = (struct str){clean, len};
    return 0;
}

/* One blob below the prefix is enough to know a folder. */
static int note_one(const struct blob *, void *context, struct error *)
{
    *(bool *)context = true;
    return 0;
}

/* A blob of exactly this name, or a folder with something in it. */
static int settle(struct search *search, struct str container, struct str path,
                  struct asset_place *out, struct error *err)
{
    struct asset_place place = {.container = container};
    struct blob blob;
    bool any = false;

    assert(container.len > 0);
    if (clean_path(search, path, &place.prefix, err) < 0)
        return -1;
    if (search->target || place.prefix.len == 0) {
        *out = place;
        return 0;
    }
    place.single = blob_get(search->txn, container, place.prefix, &blob, err) == 0;
    if (!place.single) {
        struct blob_query query = {
            .container = container,
            .prefix = arena_printf(search->arena, "%.*s/", STR_ARG(place.prefix)),
            .limit = 1,
        };
        if (err->code != ERROR_NOT_FOUND || blob_list(search->txn, &query, note_one, &any, err) < 0)
            return -1;
        if (!any)
            return error_set(err, ERROR_NOT_FOUND, "", "There is nothing at '%.*s'.",
                             STR_ARG(search->uri));
    }
    *out = place;
    return 0;
}

/* In this workspace: another one's container is as far as any other address. Those that clients
 * made are known by their account too; one that is being deleted is gone. */
static bool find_container(struct search *search, struct str account, struct str container,
                           struct str *out_key)
{
    struct document_key key = {search->scope->number, STR(ASSET_CONTAINERS), 0, container};
    struct document document;
    struct str guid;

    assert(search->scope);
    *out_key = container;
    if (asset_container_guid(container, &guid))
        return str_eq(guid, search->scope->guid);
    if (search->scope->kind != SCOPE_WORKSPACE || container.len == 0 ||
        !str_eq(account, asset_account(search->arena, search->scope)) ||
        document_get(search->txn, &key, &document, NULL) < 0 ||
        json_bool_at(json_parse(search->arena, document.body, NULL), "deleting", false))
        return false;
    *out_key = asset_container_key(search->arena, search->scope, container);
    return true;
}

/* "lz…" of what clients write before ".blob.": with our host before it, where accounts are no
 * hosts. */
static struct str account_of(struct str name)
{
    struct str host, account;

    return str_cut(name, '/', &host, &account) ? account : name;
}

/* A datastore is a name for a container, here or elsewhere. */
static int in_datastore(struct search *search, struct str name, struct str path,
                        struct asset_place *out, struct error *err)
{
    struct document_key key = {search->scope->number, STR("datastores"), 0, name};
    struct document document;

    assert(name.len > 0);
    if (document_get(search->txn, &key, &document, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "",
                               "There is no datastore '%.*s' in workspace '%.*s'.", STR_ARG(name),
                               STR_ARG(search->scope->name));
    struct json *body = json_parse(search->arena, document.body, err);
    if (!body)
        return -1;
    struct str container = json_str_at(body, "properties.containerName");
    struct str account = account_of(json_str_at(body, "properties.accountName"));
    struct str key_name;
    if (!find_container(search, account, container, &key_name)) {
        struct str type = json_str_at(body, "properties.datastoreType");
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "Datastore '%.*s' (%.*s) lies outside this server; reading and writing it "
                         "is not built yet.",
                         STR_ARG(document.name), STR_ARG(type));
    }
    if (settle(search, key_name, path, out, err) < 0)
        return -1;
    if (!str_eq(key_name, container))
        out->root = asset_datastore_root(search->arena, search->scope, document.name);
    return 0;
}

/* A file that a run has not may lie in the model it logged under that name: MLflow 3 keeps those
 * beside the run, and paths of 2.x go on to work (decisions 11). */
static int in_logged_model(struct search *search, const struct run *run, struct str path,
                           struct asset_place *out, struct error *err)
{
    struct logged_model model;
    struct str name = path, rest = {0};

    assert(run->run > 0);
    str_cut(path, '/', &name, &rest);
    if (name.len == 0 || logged_model_of_run(search->txn, run, name, &model, NULL) < 0)
        return -1;
    struct str prefix = logged_model_prefix(search->arena, model.model_id);
    return settle(search, asset_artifact_container(search->arena, search->scope),
                  arena_printf(search->arena, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(rest)), out,
                  err);
}

/* A run's own files first, then its logged models. Its name is found in any case; blobs are not. */
static int in_run(struct search *search, struct str run_id, struct str path,
                  struct asset_place *out, struct error *err)
{
    struct error other = {0};
    struct run run;
    bool known = run_get(search->txn, search->scope->number, run_id, &run, NULL) == 0;

    assert(run_id.len > 0);
    if (store_txn_check(search->txn, err) < 0)
        return -1;
    struct str prefix = asset_run_prefix(search->arena, known ? run.run_id : run_id);
    if (settle(search, asset_artifact_container(search->arena, search->scope),
               arena_printf(search->arena, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(path)), out,
               err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND || !known)
        return -1;
    if (in_logged_model(search, &run, path, out, &other) == 0)
        return 0;
    store_txn_check(search->txn, err);
    return -1;
}

/* Where a named output of a job was written: its document says so, else the rule does. */
static int in_output(struct search *search, const struct reference *r, struct asset_place *out,
                     struct error *err)
{
    struct document_key key = {search->scope->number, STR("jobs"), 0, r->name};
    struct document document;
    struct str uri = {0};

    assert(r->kind == REFERENCE_JOB);
    if (str_eq_fold(r->output, STR("artifacts")) || str_eq_fold(r->output, STR("default")))
        return in_run(search, r->name, r->path, out, err);
    if (document_get(search->txn, &key, &document, err) == 0) {
        struct json *body = json_parse(search->arena, document.body, err);
        struct json *output = json_get(json_at(body, "properties.outputs"), r->output);
        if (!output)
            return error_set(err, ERROR_NOT_FOUND, "", "Job '%.*s' has no output '%.*s'.",
                             STR_ARG(document.name), STR_ARG(r->output));
        uri = json_str_at(output, "uri");
    } else if (err->code == ERROR_NOT_FOUND) {
        return error_set(err, ERROR_NOT_FOUND, "", "There is no job '%.*s' in workspace '%.*s'.",
                         STR_ARG(r->name), STR_ARG(search->scope->name));
    } else {
        return -1;
    }
    if (uri.len == 0)
        return settle(search, asset_blob_container(search->arena, search->scope),
                      arena_printf(search->arena, "azureml/%.*s/%.*s/%.*s", STR_ARG(document.name),
                                   STR_ARG(r->output), STR_ARG(r->path)),
                      out, err);
    return follow(search,
                  r->path.len
                      ? arena_printf(search->arena, "%.*s/%.*s", STR_ARG(uri), STR_ARG(r->path))
                      : uri,
                  out, err);
}

/* What the address of a blob names, still percent-encoded. */
struct address {
    struct str account, container, path;
    struct str root; /* all of it before the path */
};

/* Our own blob surface, by path ("/{account}.blob.{suffix}/{container}/…"), by host
 * ("{account}.blob.{suffix}/{container}/…") or bare ("/{container}/…"). Other hosts are not looked
 * at: clients reach us under several names. */
static bool read_address(struct str url, struct address *out)
{
    struct str whole = url, query, host, rest, first, tail;
    ssize_t dot;

    *out = (struct address){0};
    if (!str_starts_fold(url, STR("https://")))
        return false;
    str_cut(url, '?', &whole, &query);
    if (!str_cut(str_slice(whole, 8, whole.len), '/', &host, &rest))
        return false;
    if ((dot = str_find(host, STR(".blob."))) > 0)
        out->account = str_slice(host, 0, (size_t)dot);
    if (str_cut(rest, '/', &first, &tail) && (dot = str_find(first, STR(".blob."))) > 0) {
        out->account = str_slice(first, 0, (size_t)dot);
        rest = tail;
    }
    out->container = rest;
    str_cut(rest, '/', &out->container, &out->path);
    out->root = str_slice(whole, 0, whole.len - out->path.len);
    return out->container.len > 0;
}

/* An address of ours, or one that is refused: nothing is fetched from elsewhere. */
static int at_url(struct search *search, struct str url, struct asset_place *out, struct error *err)
{
    struct address address;
    struct str key, decoded;

    if (!read_address(url, &address) ||
        !find_container(search, address.account, address.container, &key))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "'%.*s' lies outside this server; reading it is not built yet.",
                         STR_ARG(url));
    if (http_decode(search->arena, address.path, &decoded, err) < 0 ||
        settle(search, key, decoded, out, err) < 0)
        return -1;
    if (!str_eq(key, address.container))
        out->root = str_ends(address.root, STR("/"))
                        ? address.root
                        : arena_printf(search->arena, "%.*s/", STR_ARG(address.root));
    return 0;
}

/* An asset's own URI. Curated environments have none. */
static int of_asset(struct search *search, struct str text, bool typed, struct asset_place *out,
                    struct error *err)
{
    static const char *const FIELDS[] = {"properties.dataUri", "properties.modelUri",
                                         "properties.codeUri"};
    /* "azureml:iris:1" says no type; what a URI is wanted for is data. */
    struct asset_query query = {
        .scope = search->scope, .type = typed ? STR("") : STR("data"), .text = text};
    struct asset asset;
    struct str uri = {0};

    assert(text.len > 0);
    if (asset_resolve(search->txn, &query, &asset, err) < 0)
        return -1;
    struct json *body = json_parse(search->arena, asset.version.body, err);
    if (!body)
        return -1;
    for (size_t i = 0; i < COUNT(FIELDS) && uri.len == 0; i++)
        uri = json_str_at(body, FIELDS[i]);
    if (uri.len == 0)
        return error_set(err, ERROR_INVALID, "", "'%.*s' holds no files.", STR_ARG(text));
    if (asset.version.scope == search->scope->number)
        return follow(search, uri, out, err);
    /* From here on in the registry: its containers are reached through its assets alone. */
    const struct scope *workspace = search->scope;
    struct scope registry;
    if (scope_by_number(search->txn, asset.version.scope, &registry, err) < 0)
        return -1;
    search->scope = &registry;
    int result = follow(search, uri, out, err);
    search->scope = workspace;
    return result;
}

/* One step from a URI to a place or to the next URI. */
static int follow(struct search *search, struct str uri, struct asset_place *out, struct error *err)
{
    struct reference r;

    assert(search->steps <= STEPS_MAX);
    if (search->steps++ == STEPS_MAX)
        return error_set(err, ERROR_INVALID, "", "'%.*s' leads in a circle.", STR_ARG(search->uri));
    if (reference_parse(search->arena, uri, &r, err) < 0)
        return -1;
    switch (r.kind) {
    case REFERENCE_DATASTORE:
        return in_datastore(search, r.name, r.path, out, err);
    case REFERENCE_URL:
        return at_url(search, uri, out, err);
    case REFERENCE_JOB:
        return in_output(search, &r, out, err);
    case REFERENCE_RUN:
        return in_run(search, r.name, r.path, out, err);
    case REFERENCE_ASSET:
        return of_asset(search, uri, r.type.len > 0, out, err);
    case REFERENCE_MODEL_ID:
        return settle(search, asset_artifact_container(search->arena, search->scope),
                      arena_printf(search->arena, "%.*s/%.*s",
                                   STR_ARG(logged_model_prefix(search->arena, r.name)),
                                   STR_ARG(r.path)),
                      out, err);
    case REFERENCE_LOCAL:
        break;
    }
    return error_set(err, ERROR_INVALID, "",
                     "'%.*s' is a path of the client, not of the workspace.", STR_ARG(search->uri));
}

/* The arena is the transaction's: what is found lives as long. */
static int search_start(struct search *search, struct asset_place *out, struct error *err)
{
    struct asset_place place = {0};

    assert(search->txn && search->scope && out);
    search->arena = store_arena(search->txn);
    if (follow(search, search->uri, &place, err) < 0)
        return -1;
    *out = place;
    return 0;
}

/* For reading: what the URI names must be there. */
int asset_place(struct store_txn *txn, const struct scope *scope, struct str uri,
                struct asset_place *out, struct error *err)
{
    struct search search = {.txn = txn, .scope = scope, .uri = uri};

    return search_start(&search, out, err);
}

/* For writing: nothing need be there yet. */
int asset_target(struct store_txn *txn, const struct scope *scope, struct str uri,
                 struct asset_place *out, struct error *err)
{
    struct search search = {.txn = txn, .scope = scope, .uri = uri, .target = true};

    return search_start(&search, out, err);
}
