/* Data and models in the words of their own services: the same documents that ARM shows, for
 * clients that ask beside it. For reading; what changes them goes to ARM, which keeps their rules.
 */
#include "dataplane/internal.h"

#include "asset/asset.h"
#include "http/text.h"
#include "store/document.h"

#include <assert.h>

#define PAGE 100
#define BATCH_MAX 1000

/* The two kinds of asset that have a service. */
struct kind {
    const char *type; /* of documents; that of their versions is "{type}/versions" */
    struct json *(*view)(const struct dataplane_run *at, const struct document *container,
                         const struct document *version, struct error *err);
};

/* The sentence says what was looked for, since one handler serves both kinds. */
static int find_container(const struct dataplane_run *at, const struct kind *kind, struct str name,
                          struct document *out, struct error *err)
{
    struct document_key key = {at->scope.number, str_from(kind->type), 0, name};

    assert(kind->type);
    if (name.len > 0 && document_get(at->txn, &key, out, NULL) == 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "name", "There is no %s '%.*s'.",
                     kind->type[0] == 'd' ? "data" : "model", STR_ARG(str_slice(name, 0, 200)));
}

/* The container's own type says which versions it has. */
static int find_version(const struct dataplane_run *at, const struct document *container,
                        struct str name, struct document *out, struct error *err)
{
    struct str type = arena_printf(at->call->arena, "%.*s/versions", STR_ARG(container->type));
    struct document_key key = {at->scope.number, type, container->doc, name};

    if (name.len > 0 && document_get(at->txn, &key, out, NULL) == 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "version", "'%.*s' has no version '%.*s'.",
                     STR_ARG(container->name), STR_ARG(str_slice(name, 0, 200)));
}

/* --- As they are
 * ---------------------------------------------------------------------------------- */

/* The revision is the etag: it moves with every change and never back. */
static struct json *entity_metadata(struct arena *arena, const struct document *document)
{
    struct json *view = json_object(arena), *user = json_object(arena);

    json_set_str(arena, view, "etag", arena_printf(arena, "\"%lld\"", (long long)document->rev));
    dataplane_set_time(arena, view, "createdTime", document->created_us);
    dataplane_set_time(arena, view, "modifiedTime", document->updated_us);
    json_set_str(arena, user, "userName", document->created_by);
    json_set(arena, view, STR("createdBy"), user);
    json_set(arena, view, STR("modifiedBy"), user);
    return view;
}

/* A copy of an object in a body, {} when it has none. */
static struct json *object_of(struct arena *arena, const struct json *properties, const char *key)
{
    struct json *value = json_get(properties, str_from(key));

    return json_kind(value) == JSON_OBJECT ? json_copy(arena, value) : json_object(arena);
}

/* What ARM may change later stands apart from what a version is for good. */
static struct json *mutable_view(struct arena *arena, const struct document *document,
                                 const struct json *properties)
{
    struct json *view = json_object(arena);

    json_set_str(arena, view, "description", json_str_at(properties, "description"));
    json_set(arena, view, STR("tags"), object_of(arena, properties, "tags"));
    json_set_bool(arena, view, "isArchived", document->archived);
    return view;
}

/* Without the name of the workspace, which can be taken by another later. */
static struct str asset_id(const struct dataplane_run *at, const char *type,
                           const struct document *container, const struct document *version)
{
    return arena_printf(
        at->call->arena, "azureml://locations/local/workspaces/%.*s/%s/%.*s/versions/%.*s",
        STR_ARG(at->scope.guid), type, STR_ARG(container->name), STR_ARG(version->name));
}

/* "uri_folder" is "UriFolder" here. */
static struct str data_type(struct str type)
{
    return str_eq(type, STR("uri_file"))  ? STR("UriFile")
           : str_eq(type, STR("mltable")) ? STR("MLTable")
                                          : STR("UriFolder");
}

/* Clients of this service read the data's address from here, so it is told as it was registered. */
static struct json *data_version(const struct dataplane_run *at, const struct document *container,
                                 const struct document *version, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *body = json_parse(arena, version->body, err);
    struct json *p = body ? json_get(body, STR("properties")) : NULL;
    struct json *inner = json_object(arena), *view = json_object(arena);

    if (!body)
        return NULL;
    json_set_str(arena, inner, "assetId", asset_id(at, "data", container, version));
    json_set_str(arena, inner, "dataContainerName", container->name);
    json_set_str(arena, inner, "dataType", data_type(json_str_at(p, "dataType")));
    json_set_str(arena, inner, "dataUri", json_str_at(p, "dataUri"));
    json_set_str(arena, inner, "versionId", version->name);
    json_set(arena, inner, STR("mutableProps"), mutable_view(arena, version, p));
    json_set(arena, inner, STR("properties"), object_of(arena, p, "properties"));
    json_set(arena, view, STR("dataVersion"), inner);
    json_set_bool(arena, view, "isV2", true); /* not one of the datasets that came before */
    json_set(arena, view, STR("entityMetadata"), entity_metadata(arena, version));
    return view;
}

/* A version that is no number counts as 0 here; its id has it as it is. */
static struct json *model_version(const struct dataplane_run *at, const struct document *container,
                                  const struct document *version, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *body = json_parse(arena, version->body, err);
    struct json *p = body ? json_get(body, STR("properties")) : NULL;
    struct json *view = json_object(arena), *user = json_object(arena);
    int64_t number = 0;

    if (!body)
        return NULL;
    str_to_int64(version->name, &number);
    json_set_str(
        arena, view, "id",
        arena_printf(arena, "%.*s:%.*s", STR_ARG(container->name), STR_ARG(version->name)));
    json_set_str(arena, view, "name", container->name);
    json_set_int(arena, view, "version", number);
    json_set_str(arena, view, "description", json_str_at(p, "description"));
    json_set_str(arena, view, "url", json_str_at(p, "modelUri"));
    json_set_str(arena, view, "dataPath", json_str_at(p, "modelUri"));
    json_set_str(arena, view, "modelType", json_str_at(p, "modelType"));
    json_set_str(arena, view, "runId", json_str_at(p, "jobName"));
    json_set_str(arena, view, "stage", json_str_at(p, "stage"));
    json_set(arena, view, STR("kvTags"), object_of(arena, p, "tags"));
    json_set(arena, view, STR("properties"), object_of(arena, p, "properties"));
    json_set(arena, view, STR("flavors"), object_of(arena, p, "flavors"));
    json_set_bool(arena, view, "isArchived", version->archived);
    json_set_bool(arena, view, "isRegistered", true);
    dataplane_set_time(arena, view, "createdTime", version->created_us);
    dataplane_set_time(arena, view, "modifiedTime", version->updated_us);
    json_set_str(arena, user, "userName", version->created_by);
    json_set(arena, view, STR("createdBy"), user);
    json_set_str(arena, view, "assetId", asset_id(at, "models", container, version));
    return view;
}

static const struct kind DATA = {"data", data_version};
static const struct kind MODEL = {"models", model_version};

/* With its newest version, so that a list needs no second question for each. */
static struct json *data_container(const struct dataplane_run *at, const struct document *container,
                                   struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *body = json_parse(arena, container->body, err);
    struct json *p = body ? json_get(body, STR("properties")) : NULL;
    struct json *inner = json_object(arena), *view = json_object(arena);
    struct document latest;

    if (!body)
        return NULL;
    json_set_str(arena, inner, "name", container->name);
    json_set_str(arena, inner, "dataType", data_type(json_str_at(p, "dataType")));
    json_set(arena, inner, STR("mutableProps"), mutable_view(arena, container, p));
    json_set_bool(arena, inner, "isRegistered", true);
    json_set(arena, view, STR("dataContainer"), inner);
    json_set(arena, view, STR("entityMetadata"), entity_metadata(arena, container));
    json_set_null(arena, view, "latestVersion");
    if (document_latest(at->txn, at->scope.number, container->doc, &latest, NULL) == 0) {
        struct json *newest = data_version(at, container, &latest, err);
        if (!newest)
            return NULL;
        json_set(arena, view, STR("latestVersion"), newest);
    }
    json_set_str(arena, view, "nextVersionId",
                 arena_printf(arena, "%lld", (long long)container->next_version));
    return view;
}

/* --- Lists
 * ---------------------------------------------------------------------------------------- */

struct listing {
    struct dataplane_run *at;
    const struct kind *kind;
    const struct document *container; /* NULL: containers are listed */
    struct json *list;
    size_t seen;
    struct document last;
};

/* The last one of a page is what the next goes on behind. */
static int add_document(const struct document *document, void *context, struct error *err)
{
    struct listing *l = context;
    struct json *view = l->container ? l->kind->view(l->at, l->container, document, err)
                                     : data_container(l->at, document, err);

    if (!view)
        return -1;
    json_append(l->at->call->arena, l->list, view);
    l->seen++;
    l->last = *document;
    return 0;
}

/* Where a page goes on: "{created}.{row}". */
static int read_position(struct str token, struct document_query *io, struct error *err)
{
    struct str us, row;

    if (token.len == 0 || (str_cut(token, '.', &us, &row) && str_to_int64(us, &io->before_us) &&
                           str_to_int64(row, &io->before_doc)))
        return 0;
    return error_set(err, ERROR_INVALID, "continuationToken",
                     "A continuation token is what the page before said.");
}

/* What is no view means the active ones, as in ARM. */
static enum document_view read_view(struct str text)
{
    return str_eq_fold(text, STR("All"))            ? VIEW_ALL
           : str_eq_fold(text, STR("ArchivedOnly")) ? VIEW_ARCHIVED
                                                    : VIEW_ACTIVE;
}

/* The same question about what follows the last document of a full page. */
static void set_next(const struct call *call, const struct document *last, struct json *body)
{
    struct arena *arena = call->arena;
    struct str token =
        arena_printf(arena, "%lld.%lld", (long long)last->created_us, (long long)last->doc);
    struct str name = call_query(call, "name");

    json_set_str(arena, body, "continuationToken", token);
    json_set_str(arena, body, "nextLink",
                 arena_printf(arena, "%.*s%.*s?continuationToken=%.*s%s%.*s",
                              STR_ARG(arm_base_url(call)), STR_ARG(http_path(call->ex)),
                              STR_ARG(token), name.len ? "&name=" : "",
                              STR_ARG(http_encode(arena, name, false))));
}

/* A full page says that there may be more; the next one may be empty. */
static struct json *page_view(struct listing *l, struct document_query *query, struct error *err)
{
    struct arena *arena = l->at->call->arena;
    const struct call *call = l->at->call;
    struct json *body = json_object(arena);

    l->list = json_array(arena);
    query->scope = l->at->scope.number;
    query->limit = PAGE;
    if (document_list(l->at->txn, query, add_document, l, err) < 0)
        return NULL;
    json_set(arena, body, STR("value"), l->list);
    if (l->seen == PAGE)
        set_next(call, &l->last, body);
    return body;
}

/* Archived ones are left out: this service has no word for them in a list. */
static struct json *containers_view(struct dataplane_run *at, struct error *err)
{
    struct listing l = {.at = at, .kind = &DATA};
    struct document_query query = {.type = STR("data"), .view = VIEW_ACTIVE};

    if (read_position(call_query(at->call, "continuationToken"), &query, err) < 0)
        return NULL;
    return page_view(&l, &query, err);
}

void dataplane_list_data(struct call *call)
{
    dataplane_answer(call, containers_view);
}

static struct json *container_view(struct dataplane_run *at, struct error *err)
{
    struct document container;

    if (find_container(at, &DATA, call_param(at->call, "name"), &container, err) < 0)
        return NULL;
    return data_container(at, &container, err);
}

void dataplane_get_data(struct call *call)
{
    dataplane_answer(call, container_view);
}

static struct json *versions_view(struct dataplane_run *at, struct error *err)
{
    struct document container;
    struct listing l = {.at = at, .kind = &DATA, .container = &container};
    struct document_query query = {.type = STR("data/versions"), .view = VIEW_ACTIVE};

    if (find_container(at, &DATA, call_param(at->call, "name"), &container, err) < 0 ||
        read_position(call_query(at->call, "continuationToken"), &query, err) < 0)
        return NULL;
    query.parent = container.doc;
    return page_view(&l, &query, err);
}

void dataplane_list_data_versions(struct call *call)
{
    dataplane_answer(call, versions_view);
}

/* --- One version
 * ---------------------------------------------------------------------------------- */

static struct json *version_view(struct dataplane_run *at, struct error *err)
{
    struct document container, version;

    if (find_container(at, &DATA, call_param(at->call, "name"), &container, err) < 0 ||
        find_version(at, &container, call_param(at->call, "version"), &version, err) < 0)
        return NULL;
    return data_version(at, &container, &version, err);
}

void dataplane_get_data_version(struct call *call)
{
    dataplane_answer(call, version_view);
}

/* A container that is not there has no version either: false, and no error. */
static struct json *exists_view(struct dataplane_run *at, struct error *)
{
    struct document container, version;
    bool there = find_container(at, &DATA, call_param(at->call, "name"), &container, NULL) == 0 &&
                 find_version(at, &container, call_param(at->call, "version"), &version, NULL) == 0;

    return json_bool(at->call->arena, there);
}

void dataplane_data_version_exists(struct call *call)
{
    dataplane_answer(call, exists_view);
}

/* {"value": any spelling of an asset's id} */
static struct json *by_id_view(struct dataplane_run *at, struct error *err)
{
    struct json *ask = dataplane_body(at->call, err);
    struct asset_query query = {.scope = &at->scope, .type = STR("data")};
    struct document container;
    struct asset asset;

    if (!ask)
        return NULL;
    query.text = json_str_at(ask, "value");
    if (query.text.len == 0) {
        error_set(err, ERROR_INVALID, "value", "This field is required.");
        return NULL;
    }
    if (asset_resolve(at->txn, &query, &asset, err) < 0 ||
        find_container(at, &DATA, asset.name, &container, err) < 0)
        return NULL;
    return data_version(at, &container, &asset.version, err);
}

void dataplane_data_by_id(struct call *call)
{
    dataplane_answer(call, by_id_view);
}

/* --- Models
 * --------------------------------------------------------------------------------------- */

/* "name:version"; names hold no colon. */
static struct json *model_by_id(struct dataplane_run *at, struct str id, struct error *err)
{
    struct document container, version;
    ssize_t colon = str_find_last(id, ':');
    struct str name = colon < 0 ? id : str_slice(id, 0, (size_t)colon);

    if (find_container(at, &MODEL, name, &container, err) < 0)
        return NULL;
    if (colon < 0) {
        if (document_latest(at->txn, at->scope.number, container.doc, &version, err) < 0)
            return NULL;
    } else if (find_version(at, &container, str_slice(id, (size_t)colon + 1, id.len), &version,
                            err) < 0) {
        return NULL;
    }
    return model_version(at, &container, &version, err);
}

static struct json *model_view(struct dataplane_run *at, struct error *err)
{
    return model_by_id(at, call_param(at->call, "id"), err);
}

void dataplane_get_model(struct call *call)
{
    dataplane_answer(call, model_view);
}

/* Ids that lead nowhere are left out, as among resolved URIs. */
static struct json *model_batch_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *ask = dataplane_body(at->call, err), *body = json_object(arena);
    struct json *ids = ask ? json_get(ask, STR("modelIds")) : NULL, *models = json_object(arena);
    struct json_iter it = json_iter(ids);

    if (!ask)
        return NULL;
    if (json_kind(ids) != JSON_ARRAY || json_count(ids) > BATCH_MAX) {
        error_set(err, ERROR_INVALID, "modelIds", "'modelIds' is a list of at most %d ids.",
                  BATCH_MAX);
        return NULL;
    }
    while (json_next(&it)) {
        struct error none = {0};
        struct json *view = model_by_id(at, json_as_str(it.value), &none);
        if (view)
            json_set(arena, models, json_as_str(it.value), view);
        if (it.index % 64 == 63 && dataplane_breathe(at, err) < 0)
            return NULL;
    }
    json_set(arena, body, STR("models"), models);
    return body;
}

void dataplane_batch_models(struct call *call)
{
    dataplane_answer(call, model_batch_view);
}

/* What a list of models is asked: by the query of a GET or the body of a POST. */
struct model_ask {
    struct str name, view, token;
    bool latest;
};

struct models {
    struct listing versions;
    size_t seen; /* models */
    struct document last;
};

/* Only the newest version of each: the page counts models. */
static int add_model(const struct document *container, void *context, struct error *err)
{
    struct models *models = context;
    struct listing *l = &models->versions;
    struct document_query query = {.scope = l->at->scope.number,
                                   .type = STR("models/versions"),
                                   .parent = container->doc,
                                   .view = VIEW_ACTIVE,
                                   .limit = 1};

    models->seen++;
    models->last = *container;
    l->container = container;
    return document_list(l->at->txn, &query, add_document, l, err);
}

/* All versions of one model page by page; without a name the newest of each model. */
static struct json *models_page(struct dataplane_run *at, const struct model_ask *ask,
                                struct error *err)
{
    struct arena *arena = at->call->arena;
    struct models models = {.versions = {.at = at, .kind = &MODEL, .list = json_array(arena)}};
    struct document_query query = {.scope = at->scope.number,
                                   .type = STR("models"),
                                   .view = read_view(ask->view),
                                   .limit = PAGE};
    struct json *body = json_object(arena);
    struct document container;

    if (read_position(ask->token, &query, err) < 0)
        return NULL;
    if (ask->name.len > 0 && !ask->latest) {
        struct listing l = {.at = at, .kind = &MODEL, .container = &container};
        if (find_container(at, &MODEL, ask->name, &container, NULL) == 0) {
            query.type = STR("models/versions");
            query.parent = container.doc;
            return page_view(&l, &query, err);
        }
    } else if (ask->name.len > 0) {
        if (find_container(at, &MODEL, ask->name, &container, NULL) == 0 &&
            add_model(&container, &models, err) < 0)
            return NULL;
    } else if (document_list(at->txn, &query, add_model, &models, err) < 0) {
        return NULL;
    }
    json_set(arena, body, STR("value"), models.versions.list);
    if (models.seen == PAGE)
        set_next(at->call, &models.last, body);
    return body;
}

/* Older clients call the token $skipToken. */
static struct json *models_view(struct dataplane_run *at, struct error *err)
{
    const struct call *call = at->call;
    struct model_ask ask = {.name = call_query(call, "name"),
                            .view = call_query(call, "listViewType"),
                            .token = call_query(call, "continuationToken"),
                            .latest =
                                str_eq_fold(call_query(call, "latestVersionOnly"), STR("true"))};

    if (ask.token.len == 0)
        ask.token = call_query(call, "$skipToken");
    return models_page(at, &ask, err);
}

void dataplane_list_models(struct call *call)
{
    dataplane_answer(call, models_view);
}

/* The same question as the GET, by a body. */
static struct json *models_query_view(struct dataplane_run *at, struct error *err)
{
    struct json *body = dataplane_body(at->call, err);

    if (!body)
        return NULL;
    const struct model_ask ask = {.name = json_str_at(body, "name"),
                                  .view = json_str_at(body, "listViewType"),
                                  .token = json_str_at(body, "skipToken"),
                                  .latest = json_bool_at(body, "latestVersionOnly", false)};
    return models_page(at, &ask, err);
}

void dataplane_query_models(struct call *call)
{
    dataplane_answer(call, models_query_view);
}
