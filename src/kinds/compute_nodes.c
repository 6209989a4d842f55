/* What runs on a pool: every place that a job holds is shown as a node, all of them this host. Made
 * from the open attempts for each question, so it cannot disagree with what runs. */
#include "kinds/compute.h"

#include "job/attempt.h"
#include "os/clock.h"

#include <assert.h>

/* Nodes that are there without work. */
#define SCALE "scaleSettings.minNodeCount"
#define NODES_SHOWN 1000

/* The open attempts on one pool: each holds a node. */
struct nodes {
    struct store_txn *txn;
    int64_t scope, busy;
    struct str pool;
    struct arena *arena;
    struct str compute; /* as it is spelled */
    struct json *list;  /* NULL: only count */
};

/* The one host behind every node. */
static struct json *node(const struct nodes *nodes, int64_t number, struct str run)
{
    struct json *wire = json_object(nodes->arena);

    assert(number > 0);
    json_set_str(
        nodes->arena, wire, "nodeId",
        arena_printf(nodes->arena, "%.*s-%lld", STR_ARG(nodes->compute), (long long)number));
    json_set_str(nodes->arena, wire, "privateIpAddress", STR("127.0.0.1"));
    json_set_null(nodes->arena, wire, "publicIpAddress");
    json_set_null(nodes->arena, wire, "port");
    json_set_str(nodes->arena, wire, "nodeState", run.len ? STR("running") : STR("idle"));
    if (run.len)
        json_set_str(nodes->arena, wire, "runId", run);
    else
        json_set_null(nodes->arena, wire, "runId");
    return wire;
}

/* Pools of other workspaces may have the same name. */
static int node_each(const struct attempt *attempt, void *context, struct error *err)
{
    struct nodes *nodes = context;
    struct run run;

    assert(nodes->txn);
    if (!str_eq_fold(attempt->compute, nodes->pool))
        return 0;
    if (run_by_row(nodes->txn, attempt->run, &run, err) < 0)
        return -1;
    if (run.scope != nodes->scope)
        return 0;
    nodes->busy++;
    if (nodes->list && nodes->busy <= NODES_SHOWN)
        json_append(nodes->arena, nodes->list, node(nodes, nodes->busy, run.run_id));
    return 0;
}

/* Counts the open attempts, as the scheduler does, so that both say the same of a pool. */
int compute_busy(struct store_txn *txn, int64_t scope, struct str name, int64_t *out,
                 struct error *err)
{
    struct nodes nodes = {.txn = txn, .scope = scope, .pool = name};

    assert(scope > 0 && out);
    if (attempt_open_each(txn, node_each, &nodes, err) < 0)
        return -1;
    *out = nodes.busy;
    return 0;
}

/* This host's own pool has two names, one of which the engine uses. */
static struct str pool_of(struct str name)
{
    return str_eq_fold(name, STR("local")) ? STR("serverless") : name;
}

/* A cluster of this host never resizes: a node is there with its job and goes with it. */
int compute_nodes_show(struct arm_request *req, struct store_txn *txn,
                       const struct document *document, struct json *inner, struct error *err)
{
    struct json *counts = json_object(req->arena);
    int64_t busy, least = json_int_at(inner, SCALE, 0);
    char since[CLOCK_ISO_BYTES];

    assert(json_kind(inner) == JSON_OBJECT);
    if (compute_busy(txn, req->scope.number, pool_of(document->name), &busy, err) < 0)
        return -1;
    int64_t current = busy > least ? busy : least;
    json_set_str(req->arena, inner, "allocationState", STR("Steady"));
    json_set_str(req->arena, inner, "allocationStateTransitionTime",
                 arena_str(req->arena, clock_iso(document->updated_us, since)));
    json_set_int(req->arena, inner, "currentNodeCount", current);
    json_set_int(req->arena, inner, "targetNodeCount", current);
    json_set_int(req->arena, counts, "idleNodeCount", current - busy);
    json_set_int(req->arena, counts, "runningNodeCount", busy);
    json_set_int(req->arena, counts, "preparingNodeCount", 0);
    json_set_int(req->arena, counts, "unusableNodeCount", 0);
    json_set_int(req->arena, counts, "leavingNodeCount", 0);
    json_set_int(req->arena, counts, "preemptedNodeCount", 0);
    json_set(req->arena, inner, STR("nodeStateCounts"), counts);
    return 0;
}

/* Busy ones first, then as many idle ones as a cluster keeps at least. */
int compute_list_nodes(struct arm_request *req, const struct document *document,
                       struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *stored = json_parse(req->arena, document->body, err);
    struct json *body = json_object(req->arena);
    struct nodes nodes = {.txn = txn,
                          .scope = req->scope.number,
                          .pool = pool_of(document->name),
                          .arena = req->arena,
                          .compute = document->name,
                          .list = json_array(req->arena)};

    if (!txn || !stored)
        return -1;
    if (!str_eq(json_str_at(stored, "properties.computeType"), STR("AmlCompute")))
        return error_set(err, ERROR_INVALID, "", "'%.*s' has no nodes to list: it is no cluster.",
                         STR_ARG(document->name));
    if (attempt_open_each(txn, node_each, &nodes, err) < 0)
        return -1;
    int64_t least = json_int_at(stored, "properties.properties." SCALE, 0);
    for (int64_t i = nodes.busy + 1; i <= least && i <= NODES_SHOWN; i++)
        json_append(req->arena, nodes.list, node(&nodes, i, STR("")));
    json_set(req->arena, body, STR("nodes"), nodes.list);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}
