/* What came from what: edges between data, models, jobs and deployments, written with the resource
 * that uses them and walked from either end, ring by ring. */
#include "kinds/lineage.h"

#include "asset/asset.h"

#include <assert.h>
#include <stdio.h>

/* Notes a link once; the list grows in the request's arena. */
static void note(struct arm_request *req, struct lineage *lineage, const struct lineage_link *link)
{
    for (size_t i = 0; i < lineage->count; i++)
        if (str_eq(lineage->links[i].id, link->id) && str_eq(lineage->links[i].role, link->role))
            return;
    if (lineage->count == lineage->size) {
        size_t size = lineage->size ? lineage->size * 2 : 8;
        struct lineage_link *more = arena_new_array(req->arena, struct lineage_link, size);
        for (size_t i = 0; i < lineage->count; i++)
            more[i] = lineage->links[i];
        lineage->links = more;
        lineage->size = size;
    }
    assert(lineage->count < lineage->size);
    lineage->links[lineage->count++] = *link;
}

/* The engine names an asset; the client needs the field that named it. */
static int at_path(const char *path, struct error *err)
{
    assert(path);
    snprintf(err->target, sizeof(err->target), "%s", path);
    return -1;
}

/* The names of a body are resolved once, here: what a label meant is what the edge says. */
int lineage_add(struct arm_request *req, struct lineage *lineage, const struct lineage_query *query,
                struct error *err)
{
    struct asset_query wanted = {
        .scope = &req->scope, .type = str_from(query->type), .text = query->text};
    struct reference reference;
    struct asset asset;

    assert(query->path && query->role);
    if (query->text.len == 0)
        return 0;
    if (reference_parse(req->arena, query->text, &reference, err) < 0)
        return at_path(query->path, err);
    if (reference.kind != REFERENCE_ASSET)
        return 0;
    if (reference.type.len && !str_eq_fold(reference.type, wanted.type))
        return error_set(err, ERROR_INVALID, query->path,
                         "'%.*s' is one of %.*s; one of %s is wanted here.", STR_ARG(query->text),
                         STR_ARG(reference.type), query->type);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    if (!txn)
        return -1;
    if (asset_resolve(txn, &wanted, &asset, err) < 0)
        return at_path(query->path, err);
    const struct lineage_link link = {
        .role = str_from(query->role),
        .kind = arena_printf(req->arena, "%s/versions", query->type),
        .id = arena_str(req->arena, asset.id),
    };
    note(req, lineage, &link);
    return 0;
}

/* In the write of the resource: an edge never leads to what was not stored. */
int lineage_store(struct arm_request *req, struct store_txn *txn, const struct lineage *lineage,
                  const struct lineage_link *made, struct error *err)
{
    assert(store_is_writer(txn) && made->id.len > 0);
    for (size_t i = 0; i < lineage->count; i++) {
        const struct asset_edge edge = {
            .scope = req->scope.number,
            .from_kind = lineage->links[i].kind,
            .from_id = lineage->links[i].id,
            .role = lineage->links[i].role,
            .to_kind = made->kind,
            .to_id = made->id,
        };
        if (asset_link(txn, &edge, err) < 0)
            return -1;
    }
    return 0;
}

/* --- Reading --------------------------------------------------------------------------------- */

#define EDGES_MAX 1000 /* a reply is one page: a graph that is larger is asked for in parts */
#define DEPTH_MAX 8

/* A walk outward from one resource, a ring at a time; `nodes` is also the queue. */
struct walk {
    struct arena *arena;
    struct store_txn *txn;
    int64_t scope;
    struct lineage_link *nodes; /* kind and id; role unused */
    size_t node_count;
    struct json *edges;
};

/* A node is looked at once, however many edges lead to it. */
static void visit(struct walk *walk, struct str kind, struct str id)
{
    assert(id.len > 0);
    for (size_t i = 0; i < walk->node_count; i++)
        if (str_eq(walk->nodes[i].id, id) && str_eq(walk->nodes[i].kind, kind))
            return;
    if (walk->node_count < EDGES_MAX)
        walk->nodes[walk->node_count++] = (struct lineage_link){
            .kind = arena_str(walk->arena, kind), .id = arena_str(walk->arena, id)};
}

/* One end of an edge. */
static struct json *node_json(struct arena *arena, struct str kind, struct str id)
{
    struct json *node = json_object(arena);

    json_set_str(arena, node, "kind", kind);
    json_set_str(arena, node, "id", id);
    return node;
}

/* One edge is found from both of its ends: the second time it is the same. */
static void add_edge(struct walk *walk, struct sql *q)
{
    struct json *edge = json_object(walk->arena);
    struct json_iter it = json_iter(walk->edges);

    json_set(walk->arena, edge, STR("from"),
             node_json(walk->arena, sql_text(q, 0), sql_text(q, 1)));
    json_set_str(walk->arena, edge, "role", sql_text(q, 2));
    json_set(walk->arena, edge, STR("to"), node_json(walk->arena, sql_text(q, 3), sql_text(q, 4)));
    while (json_next(&it))
        if (json_equal(it.value, edge))
            return;
    json_append(walk->arena, walk->edges, edge);
    visit(walk, sql_text(q, 0), sql_text(q, 1));
    visit(walk, sql_text(q, 3), sql_text(q, 4));
}

/* Both directions of one node, each by its own index. */
static int walk_node(struct walk *walk, size_t at, struct error *err)
{
    static const char *const QUERIES[] = {
        "SELECT from_kind, from_id, role, to_kind, to_id FROM edge WHERE scope = ? AND "
        "from_kind = ? AND from_id = ? ORDER BY to_id LIMIT 1000",
        "SELECT from_kind, from_id, role, to_kind, to_id FROM edge WHERE scope = ? AND "
        "to_kind = ? AND to_id = ? ORDER BY from_id LIMIT 1000",
    };

    assert(at < walk->node_count);
    for (size_t i = 0; i < COUNT(QUERIES); i++) {
        struct sql *q = sql(walk->txn, QUERIES[i], err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, walk->scope);
        sql_bind_text(q, 2, walk->nodes[at].kind);
        sql_bind_text(q, 3, walk->nodes[at].id);
        while (json_count(walk->edges) < EDGES_MAX && sql_step(q) > 0)
            add_edge(walk, q);
        if (sql_end(q, err) < 0)
            return -1;
    }
    return 0;
}

/* Rings of neighbours up to `depth`. */
static int walk_rings(struct walk *walk, int64_t depth, struct error *err)
{
    size_t from = 0;

    assert(walk->node_count == 1);
    for (int64_t ring = 0; ring < depth; ring++) {
        size_t to = walk->node_count;
        for (; from < to; from++)
            if (walk_node(walk, from, err) < 0)
                return -1;
    }
    return 0;
}

/* An endpoint's deployment, a component, a data version: what an id names is the type path behind
 * the workspace. A text without a slash is a job's name. */
static int node_of(struct walk *walk, const struct scope *scope, struct str id, struct error *err)
{
    struct str root = scope_arm_id(walk->arena, scope);
    struct str rest = id, type, name, child, version;

    if (str_find_char(id, '/') < 0) {
        visit(walk, STR("job"), id);
        return 0;
    }
    if (!str_starts_fold(id, root) || id.len <= root.len + 1 || id.ptr[root.len] != '/')
        return error_set(err, ERROR_NOT_FOUND, "id", "'%.*s' is not of this workspace.",
                         STR_ARG(id));
    rest = str_slice(id, root.len + 1, id.len);
    if (!str_cut(rest, '/', &type, &rest) || rest.len == 0)
        return error_set(err, ERROR_INVALID, "id", "'%.*s' names no resource.", STR_ARG(id));
    if (str_eq_fold(type, STR("jobs"))) {
        visit(walk, STR("job"), rest);
        return 0;
    }
    if (!str_cut(rest, '/', &name, &rest) || !str_cut(rest, '/', &child, &version) ||
        version.len == 0)
        return error_set(err, ERROR_INVALID, "id",
                         "'%.*s' names no version and no deployment; lineage is kept for those.",
                         STR_ARG(id));
    visit(walk, arena_printf(walk->arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(child)),
          arena_printf(walk->arena, "%.*s/%.*s", STR_ARG(root),
                       STR_ARG(str_slice(id, root.len + 1, id.len))));
    return 0;
}

/* The whole answer in one snapshot. */
static int lineage_read(struct call *call, struct json *page, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct str depth_text = call_query(call, "depth"), id = call_query(call, "id");
    struct walk walk = {.arena = call->arena, .txn = txn, .edges = json_array(call->arena)};
    int64_t depth = 1;
    struct scope scope;

    assert(page);
    const struct scope_name name = {call_param(call, "subscription"), call_param(call, "group"),
                                    call_param(call, "workspace")};
    if (!txn || scope_find(txn, &name, &scope, err) < 0)
        return -1;
    if (depth_text.len && (!str_to_int64(depth_text, &depth) || depth < 1 || depth > DEPTH_MAX))
        return error_set(err, ERROR_INVALID, "depth", "A whole number from 1 to %d is wanted.",
                         DEPTH_MAX);
    if (id.len == 0)
        return error_set(err, ERROR_INVALID, "id", "The id of an asset or a job is required.");
    walk.scope = scope.number;
    walk.nodes = arena_new_array(call->arena, struct lineage_link, EDGES_MAX);
    if (node_of(&walk, &scope, id, err) < 0 || walk_rings(&walk, depth, err) < 0)
        return -1;
    json_set(call->arena, page, STR("value"), walk.edges);
    return 0;
}

/* GET …/lineage */
static void lineage_run(struct call *call)
{
    struct json *page = json_object(call->arena);
    struct error err = {0};

    if (lineage_read(call, page, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, page);
}

/* Ours alone: the service shows lineage on its pages only. */
static const struct route ROUTES[] = {
    {"GET",
     "/lazurite/v1/subscriptions/{subscription}/resourceGroups/{group}/providers/"
     "Microsoft.MachineLearningServices/workspaces/{workspace}/lineage",
     PERMIT_ACTION, "Microsoft.MachineLearningServices/workspaces/lineage/read", 0, ROUTE_FOLD,
     LISTEN_ALL, lineage_run, NULL, arm_refuse},
};

/* One route for questions from either end. */
struct route_table lineage_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
