#include "kinds/kinds.h"

#include "kinds/fields.h"
#include "os/clock.h"

#include <assert.h>
#include <unistd.h>

/* Where jobs may run (decisions 35): this host is always there as `serverless`, also called
 * `local`; an AmlCompute of any size name is a named pool of this host with maxNodeCount places. */

#define NODES_MAX 1000
#define DEFAULT_SIZE "STANDARD_DS3_V2"

/* Sizes whose cores do not stand in their name. */
struct compute_size {
    const char *size;
    int cores;
};

static const struct compute_size SIZES[] = {
    {"STANDARD_DS1_V2", 1},  {"STANDARD_DS2_V2", 2},  {"STANDARD_DS3_V2", 4},
    {"STANDARD_DS4_V2", 8},  {"STANDARD_DS5_V2", 16}, {"STANDARD_DS11_V2", 2},
    {"STANDARD_DS12_V2", 4}, {"STANDARD_DS13_V2", 8}, {"STANDARD_DS14_V2", 16},
    {"STANDARD_D1_V2", 1},   {"STANDARD_D2_V2", 2},   {"STANDARD_D3_V2", 4},
    {"STANDARD_D4_V2", 8},
};

static int host_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > 0 && cores < 100000 ? (int)cores : 1;
}

/* "Standard_E4s_v3" has 4: the number behind the family's letters. */
static int named_cores(struct str size)
{
    struct str rest = size;
    size_t at = 0;
    int cores = 0;

    if (str_starts_fold(rest, STR("STANDARD_")))
        rest = str_slice(rest, 9, rest.len);
    while (at < rest.len && !(rest.ptr[at] >= '0' && rest.ptr[at] <= '9'))
        at++;
    for (; at < rest.len && rest.ptr[at] >= '0' && rest.ptr[at] <= '9' && cores < 1000; at++)
        cores = cores * 10 + (rest.ptr[at] - '0');
    return cores > 0 ? cores : 1;
}

/* A size promises cores; a host cannot give more than it has. */
int compute_size_cores(struct str vm_size)
{
    int cores = named_cores(vm_size), host = host_cores();

    for (size_t i = 0; i < COUNT(SIZES); i++)
        if (str_eq_fold(vm_size, str_from(SIZES[i].size)))
            cores = SIZES[i].cores;
    assert(cores > 0);
    return cores < host ? cores : host;
}

/* Names of this host. */
static bool always_there(struct str name)
{
    return str_eq_fold(name, STR("serverless")) || str_eq_fold(name, STR("local"));
}

/* Bounds of a cluster, with Azure's defaults for what was left out. */
static int check_scale(struct arm_request *req, struct error *err)
{
    const char *path = "properties.properties.scaleSettings";
    struct json *scale = json_at(req->body, path);
    int64_t min = json_int_at(scale, "minNodeCount", 0);
    int64_t max = json_int_at(scale, "maxNodeCount", 4);

    assert(json_kind(json_at(req->body, "properties")) == JSON_OBJECT);
    if (min < 0 || max < 1 || max > NODES_MAX || min > max)
        return error_set(
            err, ERROR_INVALID, path,
            "A cluster has from minNodeCount (0 or more) to maxNodeCount (1 to %d) nodes, "
            "not from %lld to %lld.",
            NODES_MAX, (long long)min, (long long)max);
    if (json_kind(scale) != JSON_OBJECT) {
        scale = json_object(req->arena);
        if (json_put(req->arena, req->body, path, scale, err) < 0)
            return -1;
    }
    json_set_int(req->arena, scale, "minNodeCount", min);
    json_set_int(req->arena, scale, "maxNodeCount", max);
    if (json_str_at(scale, "nodeIdleTimeBeforeScaleDown").len == 0)
        json_set_str(req->arena, scale, "nodeIdleTimeBeforeScaleDown", STR("PT2M"));
    return 0;
}

/* Passwords for nodes are dropped: there is no node to log in to. */
static int compute_prepare(struct arm_request *req, struct error *err)
{
    assert(req->name.len > 0);
    if (always_there(req->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "'%.*s' is this host and always there; choose another name.",
                         STR_ARG(req->name));
    if (fields_check(req->arena, req->body, &fields_compute, err) < 0)
        return -1;
    struct str type = json_str_at(req->body, "properties.computeType");
    if (!str_eq(type, STR("AmlCompute")))
        return error_set(
            err, ERROR_NOT_IMPLEMENTED, "properties.computeType",
            "Computes of type %.*s are not built yet; AmlCompute is a pool of this host.",
            STR_ARG(type));
    json_take(req->body, "properties.properties.userAccountCredentials.adminUserPassword");
    json_take(req->body, "properties.properties.userAccountCredentials.adminUserSshPublicKey");
    if (check_scale(req, err) < 0)
        return -1;
    fields_default(req->arena, req->body, "properties.properties.vmSize", DEFAULT_SIZE);
    fields_default(req->arena, req->body, "properties.properties.vmPriority", "Dedicated");
    fields_default(req->arena, req->body, "properties.computeLocation", "local");
    fields_default(req->arena, req->body, "location", "local");
    return 0;
}

/* Jobs that wait for a deleted pool are told so by the scheduler. */
static int compute_remove(struct arm_request *, struct store_txn *, const struct document *document,
                          struct error *err)
{
    assert(document->name.len > 0);
    if (!always_there(document->name))
        return 0;
    return error_set(err, ERROR_CONFLICT, "name",
                     "'%.*s' is this host: it is always there and cannot be deleted.",
                     STR_ARG(document->name));
}

static int compute_progress(struct arm_request *, struct store_txn *, const struct document *,
                            struct error *)
{
    return 1; /* a pool of this host is ready when its row is */
}

/* Live fields; a pool has no nodes of its own to count. */
static int compute_show(struct arm_request *req, struct store_txn *,
                        const struct document *document, struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties"), *inner;
    char created[CLOCK_ISO_BYTES], modified[CLOCK_ISO_BYTES];

    assert(wire);
    inner = json_get(properties, STR("properties"));
    if (json_kind(inner) != JSON_OBJECT)
        return 0;
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    json_set_null(req->arena, properties, "provisioningErrors");
    json_set_bool(req->arena, properties, "isAttachedCompute", false);
    /* The made-up one is as old as its workspace. */
    json_set_str(req->arena, properties, "createdOn",
                 clock_iso(document->doc ? document->created_us : req->scope.created_us, created));
    json_set_str(req->arena, properties, "modifiedOn", clock_iso(document->updated_us, modified));
    json_set_str(req->arena, inner, "allocationState", STR("Steady"));
    json_set_int(req->arena, inner, "coresPerNode",
                 compute_size_cores(json_str_at(inner, "vmSize")));
    return 0;
}

/* This host, under either of its names. */
#define HOST_BODY                                                                             \
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"AmlCompute\","                 \
    "\"description\":\"This host\",\"computeLocation\":\"local\",\"properties\":{"            \
    "\"vmSize\":\"HOST\",\"vmPriority\":\"Dedicated\",\"scaleSettings\":{\"minNodeCount\":1," \
    "\"maxNodeCount\":1,\"nodeIdleTimeBeforeScaleDown\":\"PT0S\"}}}}"

static struct document made_up(struct arm_request *req, struct str name)
{
    assert(always_there(name));
    return (struct document){.scope = req->scope.number,
                             .type = STR("computes"),
                             .name = name,
                             .created_us = req->scope.created_us,
                             .updated_us = req->scope.created_us,
                             .body = STR(HOST_BODY)};
}

/* `local` and `serverless` are there without a row. */
static int compute_find(struct arm_request *req, struct store_txn *, struct document *out,
                        struct error *err)
{
    assert(out);
    if (!always_there(req->name))
        return error_set(err, ERROR_NOT_FOUND, "computes", "There is no compute '%.*s'.",
                         STR_ARG(req->name));
    *out = made_up(req, arena_lower(req->arena, req->name));
    return 0;
}

/* The host leads the first page. As a position it is newer than any row, so that a page which ends
 * with it goes on with the newest cluster. */
static int compute_list(struct arm_request *req, struct store_txn *txn,
                        const struct document_query *page, document_each *each, void *context,
                        struct error *err)
{
    struct document host = made_up(req, STR("serverless"));

    assert(page);
    host.created_us = INT64_MAX;
    if (page->before_us == 0 && page->view != VIEW_ARCHIVED && each(&host, context, err) < 0)
        return -1;
    return document_list(txn, page, each, context, err);
}

static int list_nodes(struct arm_request *, const struct document *, struct arm_reply *,
                      struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "listNodes",
                     "Listing the nodes of a pool is not built yet: all of them are this host.");
}

static int refuse_power(struct arm_request *, const struct document *document, struct arm_reply *,
                        struct error *err)
{
    assert(document);
    return error_set(err, ERROR_CONFLICT, "",
                     "'%.*s' is a cluster: only compute instances start and stop.",
                     STR_ARG(document->name));
}

static const struct arm_action ACTIONS[] = {
    {.name = "listNodes", .run = list_nodes},
    {.name = "start", .run = refuse_power},
    {.name = "stop", .run = refuse_power},
    {.name = "restart", .run = refuse_power},
};

const struct arm_kind compute_kind = {
    .type = "computes",
    .wire = "Microsoft.MachineLearningServices/workspaces/computes",
    .prepare = compute_prepare,
    .remove = compute_remove,
    .show = compute_show,
    .progress = compute_progress,
    .find = compute_find,
    .list = compute_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
