/* Hubs and their projects. A project names its hub by id; the hub learns of its projects by looking
 * through the workspaces, which are few. */
#include "kinds/workspace.h"

#include <assert.h>

#define TYPE STR("workspaces")

/* The hub's own row and document, by an ARM id. Errors: ERROR_NOT_FOUND. */
static int find_by_id(struct store_txn *txn, struct str id, struct scope *out_scope,
                      struct document *out, struct error *err)
{
    struct str piece, rest = id, words[9] = {0};
    size_t count = 0;

    while (rest.len > 0 && count < COUNT(words) && str_split(&rest, '/', &piece))
        words[count++] = piece;
    bool shape = count == 9 && rest.len == 0 && words[0].len == 0 &&
                 str_eq_fold(words[1], STR("subscriptions")) &&
                 str_eq_fold(words[3], STR("resourceGroups")) &&
                 str_eq_fold(words[7], STR("workspaces"));
    assert(txn);
    if (!shape)
        return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' is not the id of a workspace.",
                         STR_ARG(id));
    if (scope_find(txn, &(struct scope_name){words[2], words[4], words[8]}, out_scope, err) < 0)
        return -1;
    struct document_key key = {out_scope->number, TYPE, 0, out_scope->name};
    return document_get(txn, &key, out, err);
}

/* The kind of a stored workspace: "Default" when it does not say. */
static struct str kind_of(struct arena *arena, const struct document *document)
{
    struct json *body = json_parse(arena, document->body, NULL);
    struct str kind = json_str_at(body, "kind");

    return kind.len > 0 ? kind : STR("Default");
}

int workspace_hub_check(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    bool project = str_eq(json_str_at(req->body, "kind"), STR("Project"));
    struct str id = json_str_at(req->body, "properties.hubResourceId");
    struct document document;
    struct scope scope;

    if (!txn)
        return -1;
    if (project && id.len == 0)
        return error_set(err, ERROR_INVALID, "properties.hubResourceId",
                         "A workspace of kind Project names its hub.");
    if (id.len == 0)
        return 0;
    if (find_by_id(txn, id, &scope, &document, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_INVALID, "properties.hubResourceId",
                               "There is no hub '%.*s'.", STR_ARG(id));
    if (!str_eq(kind_of(req->arena, &document), STR("Hub")))
        return error_set(err, ERROR_INVALID, "properties.hubResourceId",
                         "'%.*s' is no hub but a workspace of kind %.*s.", STR_ARG(scope.name),
                         STR_ARG(kind_of(req->arena, &document)));
    /* As it is spelled there, so that it compares. */
    json_set_str(req->arena, json_at(req->body, "properties"), "hubResourceId",
                 scope_arm_id(req->arena, &scope));
    return 0;
}

struct projects {
    struct arm_request *req;
    struct store_txn *txn;
    struct str hub; /* its id */
    struct json *ids;
};

static int note_project(const struct scope *scope, void *context)
{
    struct projects *projects = context;
    struct arena *arena = projects->req->arena;
    struct document_key key = {scope->number, TYPE, 0, scope->name};
    struct document document;
    struct error none;

    if (scope->kind != SCOPE_WORKSPACE || document_get(projects->txn, &key, &document, &none) < 0)
        return 0;
    struct json *body = json_parse(arena, document.body, NULL);
    if (str_eq_fold(json_str_at(body, "properties.hubResourceId"), projects->hub))
        json_append(arena, projects->ids, json_text(arena, scope_arm_id(arena, scope)));
    return 0;
}

static int find_projects(struct arm_request *req, struct store_txn *txn, struct json **out,
                         struct error *err)
{
    struct projects projects = {.req = req,
                                .txn = txn,
                                .hub = scope_arm_id(req->arena, &req->scope),
                                .ids = json_array(req->arena)};

    assert(out);
    *out = projects.ids;
    return scope_each(txn, note_project, &projects, err);
}

int workspace_hub_show(struct arm_request *req, struct store_txn *txn, struct json *properties,
                       struct error *err)
{
    struct json *ids;

    assert(json_kind(properties) == JSON_OBJECT);
    if (find_projects(req, txn, &ids, err) < 0)
        return -1;
    json_set(req->arena, properties, STR("associatedWorkspaces"), ids);
    return 0;
}

int workspace_hub_free(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct json *ids;

    if (find_projects(req, txn, &ids, err) < 0)
        return -1;
    struct json_iter it = json_iter(ids);
    if (!json_next(&it))
        return 0;
    return error_set(err, ERROR_CONFLICT, "",
                     "'%.*s' is the hub of %zu projects, '%.*s' among them; delete those first.",
                     STR_ARG(req->scope.name), json_count(ids), STR_ARG(json_as_str(it.value)));
}
