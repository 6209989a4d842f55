/* Every location is this host: its sizes are promises of its cores, its usage is what runs on it
 * now, and no quota is kept but its own number of cores. */
#include "kinds/location.h"

#include "job/attempt.h"
#include "kinds/compute.h"
#include "kinds/kinds.h"
#include "store/scope.h"

#include <assert.h>
#include <string.h>

/* The one provider whose operations are answered. */
#define PROVIDER "Microsoft.MachineLearningServices"
#define LIMITLESS (-1)

/* The envelope of every list here; none is long enough for pages. */
static struct json *list_of(struct arena *arena, struct json *value)
{
    struct json *body = json_object(arena);

    json_set(arena, body, STR("value"), value);
    return body;
}

/* --- Machine sizes --------------------------------------------------------------------------- */

/* This host first: it is what all others are cut to. */
static void serve_sizes(struct call *call)
{
    struct json *value = json_array(call->arena);
    struct compute_size host = compute_host();
    size_t count;
    const struct compute_size *sizes = compute_sizes(&count);

    json_append(call->arena, value, compute_size_wire(call->arena, &host));
    for (size_t i = 0; i < count; i++)
        json_append(call->arena, value, compute_size_wire(call->arena, &sizes[i]));
    arm_reply(call, 200, list_of(call->arena, value));
}

/* --- What is in use -------------------------------------------------------------------------- */

/* What is counted, and over which part of a subscription. */
struct usage {
    struct arena *arena;
    struct store_txn *txn;
    struct str subscription, workspace, group; /* empty: all of the subscription */
    int64_t jobs, cores, clusters, instances;
};

/* Whether a scope is one that the path names. */
static bool within(const struct usage *usage, const struct scope *scope)
{
    return scope->kind == SCOPE_WORKSPACE &&
           str_eq_fold(scope->subscription, usage->subscription) &&
           (!usage->workspace.len || (str_eq_fold(scope->name, usage->workspace) &&
                                      str_eq_fold(scope->group, usage->group)));
}

/* Cores that a place of a pool promises; one for this host's own pool and for what is gone. */
static int place_cores(struct usage *usage, int64_t scope, struct str pool)
{
    struct document_key key = {scope, STR("computes"), 0, pool};
    struct document document;

    if (document_get(usage->txn, &key, &document, NULL) < 0)
        return 1;
    struct json *body = json_parse(usage->arena, document.body, NULL);
    return compute_size_cores(json_str_at(body, "properties.properties.vmSize"));
}

/* An open attempt is a running job, wherever its pool lies. */
static int add_attempt(const struct attempt *attempt, void *context, struct error *err)
{
    struct usage *usage = context;
    struct scope scope;
    struct run run;

    assert(usage->txn);
    if (run_by_row(usage->txn, attempt->run, &run, err) < 0 ||
        scope_by_number(usage->txn, run.scope, &scope, err) < 0)
        return -1;
    if (!within(usage, &scope))
        return 0;
    usage->jobs++;
    usage->cores += place_cores(usage, run.scope, attempt->compute);
    return 0;
}

/* What is attached from elsewhere uses nothing here. */
static int add_compute(const struct document *document, void *context, struct error *)
{
    struct usage *usage = context;
    struct json *body = json_parse(usage->arena, document->body, NULL);
    struct str type = json_str_at(body, "properties.computeType");

    usage->clusters += str_eq(type, STR("AmlCompute"));
    usage->instances += str_eq(type, STR("ComputeInstance"));
    return 0;
}

/* The workspaces that are counted, however many there are; in the arena of the usage. */
struct numbers {
    const struct usage *usage;
    int64_t *list;
    size_t count, size;
};

/* Numbers are kept, not scopes: those die with the walk. */
static int note_scope(const struct scope *scope, void *context)
{
    struct numbers *numbers = context;

    if (!within(numbers->usage, scope))
        return 0;
    if (numbers->count == numbers->size) {
        size_t size = numbers->size * 2 + 64;
        int64_t *grown = arena_new_array(numbers->usage->arena, int64_t, size);
        if (numbers->count)
            memcpy(grown, numbers->list, numbers->count * sizeof(*grown));
        numbers->list = grown;
        numbers->size = size;
    }
    numbers->list[numbers->count++] = scope->number;
    return 0;
}

/* Counts jobs by their open attempts and computes by their rows. */
static int count_usage(struct usage *usage, struct error *err)
{
    struct numbers numbers = {.usage = usage};

    if (attempt_open_each(usage->txn, add_attempt, usage, err) < 0 ||
        scope_each(usage->txn, note_scope, &numbers, err) < 0)
        return -1;
    for (size_t i = 0; i < numbers.count; i++) {
        struct document_query query = {
            .scope = numbers.list[i], .type = STR("computes"), .view = VIEW_ALL, .limit = 10000};
        if (document_list(usage->txn, &query, add_compute, usage, err) < 0)
            return -1;
    }
    return usage->workspace.len && numbers.count == 0
               ? error_set(err, ERROR_NOT_FOUND, "", "There is no workspace '%.*s'.",
                           STR_ARG(usage->workspace))
               : 0;
}

/* A line of the answer. */
struct row {
    const char *value, *text;
    int64_t current, limit;
};

/* One usage, or one quota when `quota`: those have no current value. */
static struct json *row_wire(struct call *call, const struct row *row, bool quota)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena), *name = json_object(arena);
    struct str location = call_param(call, "location");

    assert(row->value && row->text);
    json_set_str(arena, wire, "id",
                 arena_printf(arena, "%.*s/%s", STR_ARG(http_path(call->ex)), row->value));
    json_set_str(arena, wire, "amlWorkspaceLocation", location.len ? location : STR("local"));
    json_set_str(arena, wire, "type", quota ? STR(PROVIDER "/quotas") : STR(PROVIDER "/usages"));
    json_set_str(arena, wire, "unit", STR("Count"));
    if (!quota)
        json_set_int(arena, wire, "currentValue", row->current);
    json_set_int(arena, wire, "limit", row->limit);
    json_set_str(arena, name, "value", str_from(row->value));
    json_set_str(arena, name, "localizedValue", str_from(row->text));
    json_set(arena, wire, STR("name"), name);
    return wire;
}

/* One read for all rows, so that they belong together. */
static int usages(struct call *call, struct json *value, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct usage usage = {.arena = call->arena,
                          .txn = txn,
                          .subscription = call_param(call, "subscription"),
                          .workspace = call_param(call, "workspace"),
                          .group = call_param(call, "group")};

    if (!txn || count_usage(&usage, err) < 0)
        return -1;
    const struct row rows[] = {
        {"cores", "Cores of this host", usage.cores, compute_host().cores},
        {"runningJobs", "Running jobs", usage.jobs, LIMITLESS},
        {"clusters", "Clusters", usage.clusters, LIMITLESS},
        {"computeInstances", "Compute instances", usage.instances, LIMITLESS},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        json_append(call->arena, value, row_wire(call, &rows[i], false));
    return 0;
}

/* The same for a location, which spans all workspaces of a subscription, and for one workspace. */
static void serve_usages(struct call *call)
{
    struct json *value = json_array(call->arena);
    struct error err = {0};

    if (usages(call, value, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, list_of(call->arena, value));
}

/* --- Quotas ---------------------------------------------------------------------------------- */

/* The one bound that there is. */
static void serve_quotas(struct call *call)
{
    const struct row row = {"cores", "Cores of this host", 0, compute_host().cores};
    struct json *value = json_array(call->arena);

    json_append(call->arena, value, row_wire(call, &row, true));
    arm_reply(call, 200, list_of(call->arena, value));
}

/* One wish, answered by what became of it: nothing, for nobody hands out cores here. */
static int answer_quota(struct call *call, const struct json *wish, struct json *value,
                        struct error *err)
{
    struct json *answer = json_object(call->arena);
    const struct json *limit = json_get(wish, STR("limit"));

    if (json_str_at(wish, "id").len == 0)
        return error_set(err, ERROR_INVALID, "value.id", "This field is required.");
    if (!json_is_integer(limit) || json_as_int(limit, -2) < -1)
        return error_set(err, ERROR_INVALID, "value.limit",
                         "A limit is a whole number; -1 is none.");
    json_set_str(call->arena, answer, "id", json_str_at(wish, "id"));
    json_set_str(call->arena, answer, "type", STR(PROVIDER "/quotas"));
    json_set_int(call->arena, answer, "limit", compute_host().cores);
    json_set_str(call->arena, answer, "unit", STR("Count"));
    json_set_str(call->arena, answer, "status", STR("OperationNotEnabledForRegion"));
    json_append(call->arena, value, answer);
    return 0;
}

/* A body that is wrong in one place changes nothing, like everything here. */
static int update_quotas(struct call *call, struct json *value, struct error *err)
{
    struct json *body = json_parse(call->arena, http_body(call->ex), err);
    struct json_iter it = json_iter(json_get(body, STR("value")));

    if (!body)
        return -1;
    if (json_kind(json_get(body, STR("value"))) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "value", "Expected a list of quotas.");
    while (json_next(&it))
        if (answer_quota(call, it.value, value, err) < 0)
            return -1;
    return 0;
}

/* 200, because the request was understood; each answer says that it was not granted. */
static void serve_update_quotas(struct call *call)
{
    struct json *value = json_array(call->arena);
    struct error err = {0};

    if (update_quotas(call, value, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, list_of(call->arena, value));
}

/* --- Operations of the provider --------------------------------------------------------------- */

/* Resource types and what else can be done with them, besides reading, writing and deleting. */
struct resource {
    const char *type;
    const char *actions[6];
};

/* Each kind with its actions: the list of operations is made from it. */
static const struct resource RESOURCES[] = {
    {"workspaces", {"listKeys", "resyncKeys", "diagnose"}},
    {"workspaces/datastores", {"listSecrets"}},
    {"workspaces/data", {NULL}},
    {"workspaces/data/versions", {NULL}},
    {"workspaces/codes", {NULL}},
    {"workspaces/codes/versions", {"startPendingUpload"}},
    {"workspaces/models", {NULL}},
    {"workspaces/models/versions", {NULL}},
    {"workspaces/environments", {NULL}},
    {"workspaces/environments/versions", {NULL}},
    {"workspaces/components", {NULL}},
    {"workspaces/components/versions", {NULL}},
    {"workspaces/jobs", {"cancel"}},
    {"workspaces/schedules", {"trigger"}},
    {"workspaces/computes", {"listKeys", "listNodes", "start", "stop", "restart"}},
    {"workspaces/connections", {"listsecrets"}},
    {"workspaces/onlineEndpoints", {"listKeys", "regenerateKeys", "token"}},
    {"workspaces/onlineEndpoints/deployments", {"getLogs"}},
    {"workspaces/outboundRules", {NULL}},
};

/* "workspaces/computes/start/action" as clients list it. */
static void add_operation(struct call *call, struct json *value, const char *type,
                          const char *operation)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena), *display = json_object(arena);

    json_set_str(arena, wire, "name", arena_printf(arena, PROVIDER "/%s/%s", type, operation));
    json_set_bool(arena, wire, "isDataAction", false);
    json_set_str(arena, display, "provider", STR(PROVIDER));
    json_set_str(arena, display, "resource", str_from(type));
    json_set_str(arena, display, "operation", str_from(operation));
    json_set_str(arena, display, "description", arena_printf(arena, "%s of %s", operation, type));
    json_set(arena, wire, STR("display"), display);
    json_append(arena, value, wire);
}

/* What a role may be made of. Clients page by nextLink, which is absent. */
static void serve_operations(struct call *call)
{
    static const char *const VERBS[] = {"read", "write", "delete"};
    struct json *value = json_array(call->arena);

    for (size_t i = 0; i < COUNT(RESOURCES); i++) {
        const struct resource *r = &RESOURCES[i];
        for (size_t k = 0; k < COUNT(VERBS); k++)
            add_operation(call, value, r->type, VERBS[k]);
        for (size_t k = 0; k < COUNT(r->actions) && r->actions[k]; k++)
            add_operation(call, value, r->type,
                          arena_printf(call->arena, "%s/action", r->actions[k]).ptr);
    }
    arm_reply(call, 200, list_of(call->arena, value));
}

/* --- Rows ------------------------------------------------------------------------------------ */

#define AT "/subscriptions/{subscription}/providers/" PROVIDER "/locations/{location}"
#define WS                                                                     \
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" PROVIDER \
    "/workspaces/{workspace}"

#define ROW(verb, template, handler) \
    {.method = verb,                 \
     .path = template,               \
     .permit = PERMIT_ACTION,        \
     .body_limit = MIB,              \
     .flags = ROUTE_FOLD,            \
     .listeners = LISTEN_ALL,        \
     .run = handler,                 \
     .refuse = arm_refuse}

/* Addresses of a subscription, and the one of a workspace that asks the same. */
static const struct route ROWS[] = {
    ROW("GET", "/providers/" PROVIDER "/operations", serve_operations),
    ROW("GET", AT "/vmSizes", serve_sizes),
    ROW("GET", AT "/usages", serve_usages),
    ROW("GET", AT "/quotas", serve_quotas),
    ROW("POST", AT "/updateQuotas", serve_update_quotas),
    ROW("GET", WS "/usages", serve_usages),
};

/* The table is the same for every server; its face is the engines. */
struct route_table location_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = engines};
}
