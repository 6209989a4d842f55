#include "kinds/compute.h"

#include "kinds/fields.h"
#include "kinds/kinds.h"
#include "kinds/secret.h"
#include "os/clock.h"

#include <assert.h>

/* Where jobs may run (decisions 35): this host is always there as `serverless`, also called
 * `local`; an AmlCompute of any size name is a named pool of this host with maxNodeCount places. */

/* Far above what one host will start, and below what a loop over nodes would feel. */
#define NODES_MAX 1000
#define DEFAULT_SIZE "STANDARD_DS3_V2"

/* What prepare found out. */
struct prepared {
    struct json *secrets; /* NULL: none */
};

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
static int prepare_cluster(struct arm_request *req, struct error *err)
{
    assert(req->body);
    json_take(req->body, "properties.properties.userAccountCredentials.adminUserPassword");
    if (check_scale(req, err) < 0)
        return -1;
    fields_default(req->arena, req->body, "properties.properties.vmPriority", "Dedicated");
    return 0;
}

/* What every type has in common comes before and after what each is checked for. */
static int compute_prepare(struct arm_request *req, struct error *err)
{
    struct prepared *prepared = arena_make(req->arena, struct prepared);

    assert(req->name.len > 0);
    req->prepared = prepared;
    if (always_there(req->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "'%.*s' is this host and always there; choose another name.",
                         STR_ARG(req->name));
    json_remove(req->body, STR("power"));
    if (fields_check(req->arena, req->body, &fields_compute, err) < 0)
        return -1;
    struct str type = json_str_at(req->body, "properties.computeType");
    if (compute_is_attached(type)) {
        if (compute_attached_prepare(req, &prepared->secrets, err) < 0)
            return -1;
    } else {
        bool cluster = str_eq(type, STR("AmlCompute"));
        if ((cluster ? prepare_cluster(req, err) : compute_instance_prepare(req, err)) < 0)
            return -1;
        fields_default(req->arena, req->body, "properties.properties.vmSize", DEFAULT_SIZE);
    }
    fields_default(req->arena, req->body, "properties.computeLocation", "local");
    fields_default(req->arena, req->body, "location", "local");
    return 0;
}

/* A name keeps its type: jobs and schedules that name it rely on what it is. */
static int compute_check(struct arm_request *req, struct store_txn *, const struct document *before,
                         struct error *err)
{
    struct str type = json_str_at(req->body, "properties.computeType");
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    assert(req->prepared);
    if (before && !stored)
        return -1;
    struct str was = stored ? json_str_at(stored, "properties.computeType") : type;
    if (!str_eq(type, was))
        return error_set(err, ERROR_CONFLICT, "properties.computeType",
                         "'%.*s' is a compute of type %.*s; delete it to make one of type %.*s.",
                         STR_ARG(req->name), STR_ARG(was), STR_ARG(type));
    return str_eq(type, STR("ComputeInstance")) ? compute_instance_check(req, before, err) : 0;
}

/* Secrets are sealed in the write of the row that they belong to, so neither is there without the
 * other. */
static int compute_change(struct arm_request *req, struct store_txn *txn,
                          const struct document *after, struct error *err)
{
    const struct prepared *prepared = req->prepared;

    assert(prepared);
    return prepared->secrets ? secret_store(req, txn, after, prepared->secrets, err) : 0;
}

/* Deleting and detaching are the same for what lies elsewhere, and nothing but deleting is left of
 * them for what is here. Jobs that wait for a deleted pool are told so by the scheduler. */
static int compute_remove(struct arm_request *req, struct store_txn *txn,
                          const struct document *document, struct error *err)
{
    struct str action = call_query(req->call, "underlyingResourceAction");

    assert(document->name.len > 0);
    if (always_there(document->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "'%.*s' is this host: it is always there and cannot be deleted.",
                         STR_ARG(document->name));
    if (action.len && !str_eq_fold(action, STR("Delete")) && !str_eq_fold(action, STR("Detach")))
        return error_set(err, ERROR_INVALID, "underlyingResourceAction",
                         "underlyingResourceAction is Delete or Detach, not '%.*s'.",
                         STR_ARG(action));
    return secret_forget(req, txn, document, err);
}

/* Clients poll an operation all the same: the SDK knows no other way to make a compute. */
static int compute_progress(struct arm_request *, struct store_txn *, const struct document *,
                            struct error *)
{
    return 1; /* what is here is ready when its row is, and of the rest there is but the row */
}

/* When it was made and changed. */
static void show_times(struct arm_request *req, const struct document *document,
                       struct json *properties)
{
    char created[CLOCK_ISO_BYTES], modified[CLOCK_ISO_BYTES];

    assert(properties);
    /* The made-up one is as old as its workspace. */
    json_set_str(req->arena, properties, "createdOn",
                 clock_iso(document->doc ? document->created_us : req->scope.created_us, created));
    json_set_str(req->arena, properties, "modifiedOn", clock_iso(document->updated_us, modified));
}

/* Live fields. */
static int compute_show(struct arm_request *req, struct store_txn *txn,
                        const struct document *document, struct json *wire, struct error *err)
{
    struct json *properties = json_at(wire, "properties");
    struct json *power = json_take(wire, "power");
    struct str type = json_str_at(properties, "computeType");

    assert(wire);
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    show_times(req, document, properties);
    if (compute_is_attached(type)) {
        compute_attached_show(req, properties);
        return 0;
    }
    json_set_null(req->arena, properties, "provisioningErrors");
    json_set_bool(req->arena, properties, "isAttachedCompute", false);
    struct json *inner = json_get(properties, STR("properties"));
    if (json_kind(inner) != JSON_OBJECT)
        return 0;
    if (str_eq(type, STR("ComputeInstance"))) {
        compute_instance_show(req, document, power, inner);
        return 0;
    }
    json_set_int(req->arena, inner, "coresPerNode",
                 compute_size_cores(json_str_at(inner, "vmSize")));
    return compute_nodes_show(req, txn, document, inner, err);
}

/* This host, under either of its names. */
#define HOST_BODY                                                                             \
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"AmlCompute\","                 \
    "\"description\":\"This host\",\"computeLocation\":\"local\",\"properties\":{"            \
    "\"vmSize\":\"HOST\",\"vmPriority\":\"Dedicated\",\"scaleSettings\":{\"minNodeCount\":1," \
    "\"maxNodeCount\":1,\"nodeIdleTimeBeforeScaleDown\":\"PT0S\"}}}}"

/* This host as a document, under the name by which it was asked for. It came with its workspace,
 * which the stamp says: created_us is a position in lists, too. */
static struct document made_up(struct arm_request *req, struct str name)
{
    const struct maker maker = {MAKER_APPLICATION, STR("lazurite")};

    assert(always_there(name));
    return (struct document){.scope = req->scope.number,
                             .type = STR("computes"),
                             .name = name,
                             .created_us = req->scope.created_us,
                             .updated_us = req->scope.created_us,
                             .created_by = maker.name,
                             .system =
                                 maker_stamp(req->arena, &maker, STR(""), req->scope.created_us),
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
                        const struct document_query *page, const struct document_sink *to,
                        struct error *err)
{
    struct document host = made_up(req, STR("serverless"));

    assert(page);
    host.created_us = INT64_MAX;
    if (page->before_us == 0 && page->view != VIEW_ARCHIVED &&
        to->each(&host, to->context, err) < 0)
        return -1;
    return document_list(txn, page, to->each, to->context, err);
}

/* Names as the service spells them; those of another type answer 400. */
static const struct arm_action ACTIONS[] = {
    {.name = "listNodes", .run = compute_list_nodes},
    {.name = "listKeys", .run = compute_list_keys},
    {.name = "start", .run = compute_start},
    {.name = "stop", .run = compute_stop},
    {.name = "restart", .run = compute_restart},
    {.name = "resize", .run = compute_resize},
    {.name = "getAllowedResizeSizes", .run = compute_resize_sizes},
    {.name = "updateIdleShutdownSetting", .run = compute_idle_shutdown},
    {.name = "customServices", .run = compute_custom_services},
    {.name = "updateCustomServices", .run = compute_custom_services},
    {.name = "enableSso", .run = compute_sso},
};

const struct arm_kind compute_kind = {
    .type = "computes",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces/computes",
    .prepare = compute_prepare,
    .check = compute_check,
    .change = compute_change,
    .remove = compute_remove,
    .show = compute_show,
    .progress = compute_progress,
    .find = compute_find,
    .list = compute_list,
    .newest_only = true,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
