/* Indexes of documents for retrieval. The service keeps them outside of ARM in a flat shape of its
 * own; they are documents of ours like any other, translated on both ways. */
#include "kinds/index.h"

#include "kinds/fields.h"
#include "route/reference.h"

#include <assert.h>

/* --- The kinds ------------------------------------------------------------------------------- */

/* A container has words only; what it holds are its versions. */
static int index_prepare(struct arm_request *req, struct error *err)
{
    if (fields_check(req->arena, req->body, &fields_index, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Where the vectors lie is kept as it was written; they are read by programs, not here. */
static int index_version_prepare(struct arm_request *req, struct error *err)
{
    struct reference reference;

    assert(req->name.len > 0);
    if (fields_check(req->arena, req->body, &fields_index_version, err) < 0)
        return -1;
    struct str uri = json_str_at(req->body, "properties.storageUri");
    if (reference_parse(req->arena, uri, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(err, ERROR_INVALID, "storageUri",
                         "'%.*s' is no address of an index: azureml://datastores/… or https.",
                         STR_ARG(uri));
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

const struct arm_kind index_kind = {
    .type = "indexes",
    .wire = "Microsoft.MachineLearningServices/workspaces/indexes",
    .prepare = index_prepare,
};

const struct arm_kind index_version_kind = {
    .type = "indexes/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/indexes/versions",
    .parent = &index_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = index_version_prepare,
};

/* --- The data plane -------------------------------------------------------------------------- */

/* What the index service gives when nothing is asked for. */
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define BODY_BYTES (1 * MIB)

/* Members that this service keeps at the top, and ARM beneath properties. */
static const char *const FLAT[] = {"storageUri", "description", "tags", "properties", "stage"};

/* The resource that a path names; `child` is "versions" for a version, else empty. */
static int ask(struct call *call, struct str child, struct arm_request *out, struct error *err)
{
    const struct arm_target target = {.scope_kind = SCOPE_WORKSPACE,
                                      .subscription = call_param(call, "subscription"),
                                      .group = call_param(call, "group"),
                                      .scope = call_param(call, "workspace"),
                                      .type = STR("indexes"),
                                      .name = call_param(call, "name"),
                                      .child = child,
                                      .version = call_param(call, "version")};

    assert(call->face);
    return arm_request_open(call->face, call, &target, out, err);
}

/* A version as the data plane shows it; clients read name and version out of its id. */
static struct json *flat_of(struct arm_request *req, struct str name,
                            const struct document *version, struct error *err)
{
    struct arena *arena = req->arena;
    struct json *flat = json_object(arena), *body = json_parse(arena, version->body, err);
    struct json *system = json_parse(arena, version->system, NULL);

    assert(version->doc > 0);
    if (!body)
        return NULL;
    json_set_str(
        arena, flat, "id",
        arena_printf(arena, "azureml://locations/local/workspaces/%.*s/indexes/%.*s/versions/%.*s",
                     STR_ARG(req->scope.guid), STR_ARG(name), STR_ARG(version->name)));
    json_set_str(arena, flat, "name", name);
    json_set_str(arena, flat, "version", version->name);
    for (size_t i = 0; i < COUNT(FLAT); i++) {
        struct json *value = json_get(json_at(body, "properties"), str_from(FLAT[i]));
        if (value)
            json_set(arena, flat, str_from(FLAT[i]), value);
    }
    json_set(arena, flat, STR("systemData"), system ? system : json_object(arena));
    return flat;
}

/* The container by name, which every request but the list of all needs. */
static int find_index(struct arm_request *req, struct store_txn *txn, struct str name,
                      struct document *out, struct error *err)
{
    const struct document_key key = {req->scope.number, STR("indexes"), 0, name};

    assert(name.len > 0);
    if (document_get(txn, &key, out, err) == 0)
        return 0;
    return err->code != ERROR_NOT_FOUND ? -1
                                        : error_set(err, ERROR_NOT_FOUND, "indexes",
                                                    "There is no index '%.*s'.", STR_ARG(name));
}

/* A version by its text, or the newest when there is none. */
static struct json *show_version(struct arm_request *req, struct str version, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct str name = call_param(req->call, "name");
    struct document index, found;

    if (!txn || find_index(req, txn, name, &index, err) < 0)
        return NULL;
    const struct document_key key = {req->scope.number, STR("indexes/versions"), index.doc,
                                     version};
    int result = version.len ? document_get(txn, &key, &found, err)
                             : document_latest(txn, req->scope.number, index.doc, &found, err);
    if (result < 0 && err->code == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, "indexes", "The index '%.*s' has no version %.*s.",
                  STR_ARG(name), STR_ARG(version.len ? version : STR("that is not archived")));
    return result < 0 ? NULL : flat_of(req, index.name, &found, err);
}

/* A body, or the refusal that took its place. */
static void answer(struct call *call, int status, const struct json *body, const struct error *err)
{
    if (body)
        arm_reply(call, status, body);
    else
        arm_refuse(call, err);
}

/* One version, or the newest: the path has a version or has none. */
static void get_run(struct call *call)
{
    struct arm_request req;
    struct error err = {0};
    struct json *body = NULL;

    if (ask(call, (struct str){0}, &req, &err) == 0)
        body = show_version(&req, call_param(call, "version"), &err);
    answer(call, 200, body, &err);
}

/* From the flat body to that of a document. */
static struct json *read_flat(struct call *call, struct error *err)
{
    struct json *flat = json_parse(call->arena, http_body(call->ex), err);
    struct json *body = json_object(call->arena), *properties = json_object(call->arena);

    if (!str_starts_fold(http_header(call->ex, "Content-Type"), STR("application/json"))) {
        error_set(err, ERROR_MEDIA_TYPE, "Content-Type", "A body is application/json.");
        return NULL;
    }
    if (flat && json_kind(flat) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "", "A body is a JSON object.");
        return NULL;
    }
    for (size_t i = 0; flat && i < COUNT(FLAT); i++) {
        struct json *value = json_get(flat, str_from(FLAT[i]));
        if (!json_is_null(value))
            json_set(call->arena, properties, str_from(FLAT[i]), json_copy(call->arena, value));
    }
    json_set(call->arena, body, STR("properties"), properties);
    return flat ? body : NULL;
}

/* What is shown is read after the commit, as all PUTs of ARM do it. */
static void put_run(struct call *call)
{
    struct arm_request req;
    struct arm_reply reply = {0};
    struct error err = {0};
    struct json *shown = NULL, *body = read_flat(call, &err);

    if (body && ask(call, STR("versions"), &req, &err) == 0 &&
        arm_request_put(&req, body, &reply, &err) == 0)
        shown = show_version(&req, req.name, &err);
    answer(call, reply.status, shown, &err);
}

/* An index that is not there begins with 1. */
static struct json *next_version(struct call *call, struct error *err)
{
    struct json *body = json_object(call->arena);
    struct arm_request req;
    struct document index;
    int64_t next = 1;

    if (ask(call, (struct str){0}, &req, err) < 0)
        return NULL;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req.engines->store, err);
    if (!txn)
        return NULL;
    if (find_index(&req, txn, call_param(call, "name"), &index, err) == 0)
        next = index.next_version > 0 ? index.next_version : 1;
    else if (err->code != ERROR_NOT_FOUND)
        return NULL;
    json_set_int(call->arena, body, "nextVersion", next);
    return body;
}

/* A POST that changes nothing: the number is given when the version is put. */
static void next_run(struct call *call)
{
    struct error err = {0};

    answer(call, 200, next_version(call, &err), &err);
}

/* --- Lists ----------------------------------------------------------------------------------- */

/* One page as it grows; one row more than asked for tells whether there is another page. */
struct listing {
    struct arm_request *req;
    struct store_txn *txn;
    struct str name; /* of the index whose versions these are; empty: indexes themselves */
    struct json *value;
    size_t left;
    bool more;
    int64_t last_us, last_doc;
};

/* Called in the order of the list, newest first. */
static int list_row(const struct document *document, void *context, struct error *err)
{
    struct listing *listing = context;
    struct document version = *document;

    listing->more = listing->left == 0;
    if (listing->more)
        return 0;
    listing->left--;
    listing->last_us = document->created_us;
    listing->last_doc = document->doc;
    /* An index shows as its newest version; one whose versions are all archived does not. */
    if (listing->name.len == 0 &&
        document_latest(listing->txn, document->scope, document->doc, &version, err) < 0)
        return err->code == ERROR_NOT_FOUND ? 0 : -1;
    struct json *flat =
        flat_of(listing->req, listing->name.len ? listing->name : document->name, &version, err);
    if (!flat)
        return -1;
    json_append(listing->req->arena, listing->value, flat);
    return 0;
}

/* Where the page begins and how long it is. */
static int page_of(struct call *call, struct document_query *out, struct error *err)
{
    struct str top = call_query(call, "top"), after = call_query(call, "$skip"), us, doc;
    struct str view = call_query(call, "listViewType");
    int64_t limit = PAGE_DEFAULT;

    if (top.len == 0)
        top = call_query(call, "maxpagesize");
    if (top.len && (!str_to_int64(top, &limit) || limit < 1))
        return error_set(err, ERROR_INVALID, "top", "A number from 1 on is wanted.");
    if (after.len && (!str_cut(after, '.', &us, &doc) || !str_to_int64(us, &out->before_us) ||
                      !str_to_int64(doc, &out->before_doc)))
        return error_set(err, ERROR_INVALID, "$skip", "This is no token of a nextLink.");
    out->limit = limit > PAGE_MAX ? PAGE_MAX : (size_t)limit;
    out->view = str_eq_fold(view, STR("All"))            ? VIEW_ALL
                : str_eq_fold(view, STR("ArchivedOnly")) ? VIEW_ARCHIVED
                                                         : VIEW_ACTIVE;
    return 0;
}

/* The link keeps what the query asked for, but for the place. */
static void link_next(struct call *call, const struct listing *listing, struct json *page,
                      const struct document_query *query)
{
    static const char *const VIEWS[] = {"ActiveOnly", "ArchivedOnly", "All"};

    json_set_null(call->arena, page, "nextLink");
    if (listing->more)
        json_set_str(call->arena, page, "nextLink",
                     arena_printf(call->arena,
                                  "%.*s%.*s?api-version=%.*s&listViewType=%s&maxpagesize=%zu&$skip="
                                  "%lld.%lld",
                                  STR_ARG(arm_base_url(call)), STR_ARG(http_path(call->ex)),
                                  STR_ARG(call_query(call, "api-version")), VIEWS[query->view],
                                  query->limit, (long long)listing->last_us,
                                  (long long)listing->last_doc));
}

/* The page and its rows are of one snapshot. */
static struct json *list_page(struct call *call, bool versions, struct error *err)
{
    struct json *page = json_object(call->arena), *value = json_array(call->arena);
    struct document_query query = {0};
    struct arm_request req;
    struct document index = {0};

    if (page_of(call, &query, err) < 0 || ask(call, (struct str){0}, &req, err) < 0)
        return NULL;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req.engines->store, err);
    if (!txn || (versions && find_index(&req, txn, call_param(call, "name"), &index, err) < 0))
        return NULL;
    struct listing listing = {.req = &req,
                              .txn = txn,
                              .name = versions ? index.name : (struct str){0},
                              .value = value,
                              .left = query.limit};
    struct document_query rows = query;
    rows.scope = req.scope.number;
    rows.type = versions ? STR("indexes/versions") : STR("indexes");
    rows.parent = index.doc;
    rows.limit = query.limit + 1;
    if (document_list(txn, &rows, list_row, &listing, err) < 0)
        return NULL;
    json_set(call->arena, page, STR("value"), value);
    link_next(call, &listing, page, &query);
    return page;
}

/* GET …/indexes */
static void list_run(struct call *call)
{
    struct error err = {0};

    answer(call, 200, list_page(call, false, &err), &err);
}

/* GET …/indexes/{name}/versions */
static void versions_run(struct call *call)
{
    struct error err = {0};

    answer(call, 200, list_page(call, true, &err), &err);
}

#define INDEXES                                                                    \
    "/genericasset/subscriptions/{subscription}/resourceGroups/{group}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{workspace}/indexes"
#define ACTION "Microsoft.MachineLearningServices/workspaces/indexes/"

#define ROW(verb, template, what, limit, handler)                     \
    {verb,       INDEXES template, PERMIT_ACTION, ACTION what, limit, \
     ROUTE_FOLD, LISTEN_ALL,       handler,       NULL,        arm_refuse}

/* Indexes have no ARM routes: this is the service that clients call for them. */
static const struct route ROUTES[] = {
    ROW("GET", "", "read", 0, list_run),
    ROW("GET", "/{name}", "read", 0, get_run),
    ROW("POST", "/{name}:getNextVersion", "read", BODY_BYTES, next_run),
    ROW("GET", "/{name}/versions", "versions/read", 0, versions_run),
    ROW("GET", "/{name}/versions/{version}", "versions/read", 0, get_run),
    ROW("PUT", "/{name}/versions/{version}", "versions/write", BODY_BYTES, put_run),
};

/* Their face is arm's, as they go through its core as any other kind. */
struct route_table index_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){ROUTES, COUNT(ROUTES), arm};
}
