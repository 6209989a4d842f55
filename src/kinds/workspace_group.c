/* A server is one subscription of one tenant. A resource group is there as soon as something lies
 * in it or somebody made it; made ones are kept in the table of odds and ends, since a group
 * belongs to no scope. */
#include "kinds/workspace_group.h"

#include "identity/identity.h"
#include "kinds/workspace.h"

#include <assert.h>

#define SUBSCRIPTION_ID "/subscriptions/" WORKSPACE_SUBSCRIPTION
#define GROUP_KEY "group/"
#define BODY_BYTES ((size_t)MIB)

static struct engines *engines_of(const struct call *call)
{
    return arm_engines(call->face);
}

/* --- The subscription --------------------------------------------------------------------------
 */

static struct str tenant_of(const struct call *call)
{
    struct engines *engines = engines_of(call);

    return engines->identity ? identity_tenant(engines->identity) : STR(WORKSPACE_SUBSCRIPTION);
}

static struct json *subscription_wire(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena), *policies = json_object(arena);

    json_set_str(arena, wire, "id", STR(SUBSCRIPTION_ID));
    json_set_str(arena, wire, "subscriptionId", STR(WORKSPACE_SUBSCRIPTION));
    json_set_str(arena, wire, "tenantId", tenant_of(call));
    json_set_str(arena, wire, "displayName", STR("Lazurite"));
    json_set_str(arena, wire, "state", STR("Enabled"));
    json_set_str(arena, wire, "authorizationSource", STR("RoleBased"));
    json_set(arena, wire, STR("managedByTenants"), json_array(arena));
    json_set_str(arena, policies, "locationPlacementId", STR("Internal_2014-09-01"));
    json_set_str(arena, policies, "quotaId", STR("Internal_2014-09-01"));
    json_set_str(arena, policies, "spendingLimit", STR("Off"));
    json_set(arena, wire, STR("subscriptionPolicies"), policies);
    return wire;
}

/* Errors: ERROR_NOT_FOUND for a subscription that is not the server's. */
static int check_subscription(struct call *call, struct error *err)
{
    struct str asked = call_param(call, "subscription");

    assert(asked.len > 0);
    if (str_eq_fold(asked, STR(WORKSPACE_SUBSCRIPTION)))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "SubscriptionNotFound",
                     "The subscription '%.*s' could not be found.",
                     STR_ARG(str_slice(asked, 0, 80)));
}

/* {"value": […]} */
static void reply_list(struct call *call, struct json *value)
{
    struct json *page = json_object(call->arena);

    assert(json_kind(value) == JSON_ARRAY);
    json_set(call->arena, page, STR("value"), value);
    arm_reply(call, 200, page);
}

static void list_tenants(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *value = json_array(arena), *tenant = json_object(arena);

    json_set_str(arena, tenant, "id",
                 arena_printf(arena, "/tenants/%.*s", STR_ARG(tenant_of(call))));
    json_set_str(arena, tenant, "tenantId", tenant_of(call));
    json_set_str(arena, tenant, "displayName", STR("Lazurite"));
    json_append(arena, value, tenant);
    reply_list(call, value);
}

static void list_subscriptions(struct call *call)
{
    struct json *value = json_array(call->arena);

    json_append(call->arena, value, subscription_wire(call));
    reply_list(call, value);
}

static void get_subscription(struct call *call)
{
    struct error err = {0};

    if (check_subscription(call, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, subscription_wire(call));
}

static void list_locations(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *value = json_array(arena), *location = json_object(arena);
    struct error err = {0};

    if (check_subscription(call, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    json_set_str(arena, location, "id", STR(SUBSCRIPTION_ID "/locations/" WORKSPACE_LOCATION));
    json_set_str(arena, location, "name", STR(WORKSPACE_LOCATION));
    json_set_str(arena, location, "type", STR("Region"));
    json_set_str(arena, location, "displayName", STR("This server"));
    json_set_str(arena, location, "regionalDisplayName", STR("This server"));
    json_append(arena, value, location);
    reply_list(call, value);
}

/* --- Resource groups ---------------------------------------------------------------------------
 */

struct group {
    struct str name;
    struct json *body; /* what was said when it was made; NULL: it came with what lies in it */
    size_t scopes;     /* how many workspaces and registries lie in it */
};

#define GROUPS_MAX 1000

struct groups {
    struct arena *arena;
    struct group *groups;
    size_t count;
};

/* The group of that name in any case; a new one at the end when there is none. */
static struct group *group_of(struct groups *groups, struct str name)
{
    for (size_t i = 0; i < groups->count; i++)
        if (str_eq_fold(groups->groups[i].name, name))
            return &groups->groups[i];
    if (groups->count == GROUPS_MAX)
        return NULL;
    struct group *group = &groups->groups[groups->count++];
    *group = (struct group){.name = arena_str(groups->arena, name)};
    return group;
}

static int note_scope(const struct scope *scope, void *context)
{
    struct group *group = scope->kind == SCOPE_RETIRED ? NULL : group_of(context, scope->group);

    if (group)
        group->scopes++;
    return 0;
}

static int read_made(struct store_txn *txn, struct groups *groups, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT value FROM meta WHERE key >= '" GROUP_KEY "' AND key < 'group0' "
                        "ORDER BY key LIMIT 1000",
                        err);

    if (!q)
        return -1;
    while (sql_step(q) > 0) {
        struct json *body = json_parse(groups->arena, sql_peek(q, 0), NULL);
        struct group *group = group_of(groups, json_str_at(body, "name"));
        if (group)
            group->body = body;
    }
    return sql_end(q, err);
}

/* All groups, those that were made first. */
static int read_groups(struct call *call, struct groups *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines_of(call)->store, err);

    *out = (struct groups){.arena = call->arena,
                           .groups = arena_new_array(call->arena, struct group, GROUPS_MAX)};
    if (!txn || read_made(txn, out, err) < 0)
        return -1;
    return scope_each(txn, note_scope, out, err);
}

static struct json *group_wire(struct call *call, const struct group *group)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena), *properties = json_object(arena);
    struct str location = json_str_at(group->body, "location");
    struct json *tags = json_get(group->body, STR("tags"));

    json_set_str(arena, wire, "id",
                 arena_printf(arena, SUBSCRIPTION_ID "/resourceGroups/%.*s", STR_ARG(group->name)));
    json_set_str(arena, wire, "name", group->name);
    json_set_str(arena, wire, "type", STR("Microsoft.Resources/resourceGroups"));
    json_set_str(arena, wire, "location", location.len ? location : STR(WORKSPACE_LOCATION));
    json_set(arena, wire, STR("tags"), tags ? tags : json_object(arena));
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set(arena, wire, STR("properties"), properties);
    return wire;
}

/* The group of the path. Errors: ERROR_NOT_FOUND. */
static int find_group(struct call *call, struct group **out, struct error *err)
{
    struct groups groups;
    struct str name = call_param(call, "group");

    if (check_subscription(call, err) < 0 || read_groups(call, &groups, err) < 0)
        return -1;
    for (size_t i = 0; i < groups.count; i++)
        if (str_eq_fold(groups.groups[i].name, name)) {
            *out = &groups.groups[i];
            return 0;
        }
    return error_set(err, ERROR_NOT_FOUND, "ResourceGroupNotFound",
                     "Resource group '%.*s' could not be found.", STR_ARG(str_slice(name, 0, 100)));
}

/* The text of "WORD eq 'TEXT'" at the start of *rest, which then begins behind it; false when it is
 * not there. */
static bool take_term(struct str *rest, struct str word, struct str *out)
{
    struct str text = *rest;

    assert(word.len > 0);
    if (!str_starts_fold(text, word))
        return false;
    text = str_slice(text, word.len, text.len);
    if (!str_starts_fold(text, STR(" eq '")) ||
        !str_cut(str_slice(text, 5, text.len), '\'', out, rest) || out->len == 0)
        return false;
    *rest = str_trim(*rest);
    return true;
}

/* $filter as Azure's list of groups takes it: a tag's name, and its value. */
static int read_tag_filter(struct call *call, struct str *out_tag, struct str *out_value,
                           struct error *err)
{
    struct str rest = str_trim(call_query(call, "$filter"));

    assert(out_tag && out_value);
    *out_tag = *out_value = STR("");
    if (rest.len == 0 || (take_term(&rest, STR("tagName"), out_tag) && rest.len == 0))
        return 0;
    if (out_tag->len > 0 && str_starts_fold(rest, STR("and "))) {
        rest = str_trim(str_slice(rest, 4, rest.len));
        if (take_term(&rest, STR("tagValue"), out_value) && rest.len == 0)
            return 0;
    }
    return error_set(err, ERROR_INVALID, "$filter",
                     "$filter is tagName eq 'NAME', or that and tagValue eq 'VALUE'.");
}

static void list_groups(struct call *call)
{
    struct json *value = json_array(call->arena);
    struct groups groups;
    struct str tag, wanted;
    struct error err = {0};

    if (check_subscription(call, &err) < 0 || read_tag_filter(call, &tag, &wanted, &err) < 0 ||
        read_groups(call, &groups, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    for (size_t i = 0; i < groups.count; i++) {
        const struct json *tags = json_get(groups.groups[i].body, STR("tags"));
        const struct json *found = tag.len > 0 ? json_get(tags, tag) : NULL;
        if (tag.len == 0 || (found && (wanted.len == 0 || str_eq(wanted, json_as_str(found)))))
            json_append(call->arena, value, group_wire(call, &groups.groups[i]));
    }
    reply_list(call, value);
}

static void get_group(struct call *call)
{
    struct group *group;
    struct error err = {0};

    if (find_group(call, &group, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, group_wire(call, group));
}

/* HEAD says only whether it is there. */
static void head_group(struct call *call)
{
    struct group *group;
    struct error err = {0};

    if (find_group(call, &group, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 204, NULL);
}

struct keep_group {
    struct str key, value; /* value empty: remove */
};

static int keep_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct keep_group *keep = context;
    struct sql *q = keep->value.len > 0
                        ? sql(txn,
                              "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO "
                              "UPDATE SET value = excluded.value",
                              err)
                        : sql(txn, "DELETE FROM meta WHERE key = ?", err);

    assert(store_is_writer(txn));
    if (!q)
        return -1;
    sql_bind_text(q, 1, keep->key);
    if (keep->value.len > 0)
        sql_bind_text(q, 2, keep->value);
    return sql_run(q, err);
}

static int store_group(struct call *call, struct str name, struct str value, struct error *err)
{
    struct keep_group keep = {
        .key = arena_printf(call->arena, GROUP_KEY "%.*s", STR_ARG(arena_lower(call->arena, name))),
        .value = value};

    return store_write(engines_of(call)->store, keep_apply, &keep, err);
}

/* As Azure takes them: up to 90 letters, digits, - _ ( ) and dots, none at the end. */
static int check_group_name(struct str name, struct error *err)
{
    static const struct str MORE = STR_INIT("-_().");
    bool fine = name.len >= 1 && name.len <= 90 && name.ptr[name.len - 1] != '.';

    for (size_t i = 0; i < name.len && fine; i++) {
        char c = name.ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               str_find_char(MORE, c) >= 0;
    }
    if (fine)
        return 0;
    return error_set(err, ERROR_INVALID, "name",
                     "A resource group's name has 1 to 90 letters, digits, -, _, ( ) and dots, and "
                     "no dot at its end.");
}

/* What is kept of a body, laid over what was there. */
static struct json *group_body(struct call *call, const struct group *before, struct error *err)
{
    struct json *said = json_parse(call->arena, http_body(call->ex), err);
    struct json *body = json_object(call->arena);
    struct json *tags = json_get(said, STR("tags"));

    if (!said)
        return NULL;
    if (json_kind(said) != JSON_OBJECT || (tags && json_kind(tags) != JSON_OBJECT)) {
        error_set(err, ERROR_INVALID, "tags",
                  "A body is an object with a location and tags, which are an object.");
        return NULL;
    }
    if (before && before->body)
        json_merge(call->arena, body, before->body);
    json_set_str(call->arena, body, "name", before ? before->name : call_param(call, "group"));
    if (json_str_at(said, "location").len > 0)
        json_set_str(call->arena, body, "location", json_str_at(said, "location"));
    if (tags)
        json_set(call->arena, body, STR("tags"), tags);
    return body;
}

/* PUT and PATCH. */
static void put_group(struct call *call)
{
    struct group *before = NULL, after;
    struct error err = {0};
    bool patch = str_eq(http_method(call->ex), STR("PATCH"));
    bool found = find_group(call, &before, &err) == 0;

    if (!found && (err.code != ERROR_NOT_FOUND || patch || check_subscription(call, &err) < 0)) {
        arm_refuse(call, &err);
        return;
    }
    struct json *body = group_body(call, found ? before : NULL, &err);
    after = (struct group){.name = json_str_at(body, "name"), .body = body};
    if (!body || check_group_name(after.name, &err) < 0 ||
        store_group(call, after.name, json_write(call->arena, body), &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, found ? 200 : 201, group_wire(call, &after));
}

/* An empty one goes; one with workspaces stays, since each of them may hold years of work. */
static void delete_group(struct call *call)
{
    struct group *group;
    struct error err = {0};

    if (find_group(call, &group, &err) == 0 && group->scopes > 0) {
        error_set(
            &err, ERROR_CONFLICT, "",
            "The resource group '%.*s' has %zu workspaces and registries; delete those first.",
            STR_ARG(group->name), group->scopes);
        arm_refuse(call, &err);
        return;
    }
    if (err.code != ERROR_NONE || store_group(call, group->name, STR(""), &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, NULL);
}

/* --- Providers ---------------------------------------------------------------------------------
 */

#define COMMON_VERSIONS "2022-04-01 2021-04-01 2020-06-01"

/* The types of each provider and the versions of its API, the newest first: tools choose from here
 * how they ask for a resource. Ours reads them all. */
static const struct provider {
    const char *name, *versions, *types;
} PROVIDERS[] = {
    {"Microsoft.MachineLearningServices",
     "2025-09-01 2025-06-01 2024-10-01 2024-04-01 2023-10-01 2023-04-01 2022-10-01",
     "workspaces workspaces/batchEndpoints workspaces/batchEndpoints/deployments workspaces/codes "
     "workspaces/codes/versions workspaces/components workspaces/components/versions "
     "workspaces/computes workspaces/connections workspaces/data workspaces/data/versions "
     "workspaces/datastores workspaces/environments workspaces/environments/versions "
     "workspaces/featuresets workspaces/featuresets/versions workspaces/featurestoreEntities "
     "workspaces/featurestoreEntities/versions workspaces/jobs workspaces/models "
     "workspaces/models/versions workspaces/onlineEndpoints "
     "workspaces/onlineEndpoints/deployments workspaces/outboundRules workspaces/schedules "
     "workspaces/serverlessEndpoints registries registries/codes registries/codes/versions "
     "registries/components registries/components/versions registries/data "
     "registries/data/versions registries/environments registries/environments/versions "
     "registries/models registries/models/versions locations/quotas locations/usages "
     "locations/vmSizes operations"},
    {"Microsoft.Resources", COMMON_VERSIONS, "subscriptions resourceGroups deployments"},
    {"Microsoft.Authorization", COMMON_VERSIONS, "roleAssignments roleDefinitions"},
    {"Microsoft.Storage", COMMON_VERSIONS, "storageAccounts"},
    {"Microsoft.KeyVault", COMMON_VERSIONS, "vaults"},
    {"Microsoft.Insights", COMMON_VERSIONS, "components"},
    {"Microsoft.ContainerRegistry", COMMON_VERSIONS, "registries"},
    {"Microsoft.OperationalInsights", COMMON_VERSIONS, "workspaces"},
};

/* Words between blanks, as an array. */
static struct json *words_wire(struct arena *arena, struct str words)
{
    struct json *array = json_array(arena);
    struct str word;

    while (words.len > 0 && str_split(&words, ' ', &word))
        json_append(arena, array, json_text(arena, word));
    return array;
}

static struct json *types_wire(struct arena *arena, const struct provider *provider)
{
    struct json *array = json_array(arena);
    struct str types = str_from(provider->types), name;

    while (types.len > 0 && str_split(&types, ' ', &name)) {
        struct json *type = json_object(arena);
        json_set_str(arena, type, "resourceType", name);
        json_set(arena, type, STR("locations"), words_wire(arena, STR(WORKSPACE_LOCATION)));
        json_set(arena, type, STR("apiVersions"), words_wire(arena, str_from(provider->versions)));
        json_set_str(arena, type, "capabilities", STR("None"));
        json_append(arena, array, type);
    }
    return array;
}

static struct json *provider_wire(struct call *call, const struct provider *provider)
{
    struct arena *arena = call->arena;
    struct json *wire = json_object(arena);

    json_set_str(arena, wire, "id",
                 arena_printf(arena, SUBSCRIPTION_ID "/providers/%s", provider->name));
    json_set_str(arena, wire, "namespace", str_from(provider->name));
    json_set_str(arena, wire, "registrationState", STR("Registered"));
    json_set_str(arena, wire, "registrationPolicy", STR("RegistrationFree"));
    json_set(arena, wire, STR("resourceTypes"), types_wire(arena, provider));
    return wire;
}

static void list_providers(struct call *call)
{
    struct json *value = json_array(call->arena);
    struct error err = {0};

    if (check_subscription(call, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    for (size_t i = 0; i < COUNT(PROVIDERS); i++)
        json_append(call->arena, value, provider_wire(call, &PROVIDERS[i]));
    reply_list(call, value);
}

/* GET of one, and its registration, which has always happened already. */
static void get_provider(struct call *call)
{
    struct str name = call_param(call, "namespace");
    struct error err = {0};

    if (check_subscription(call, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    for (size_t i = 0; i < COUNT(PROVIDERS); i++)
        if (str_eq_fold(name, str_from(PROVIDERS[i].name))) {
            arm_reply(call, 200, provider_wire(call, &PROVIDERS[i]));
            return;
        }
    error_set(&err, ERROR_NOT_FOUND, "", "There is no resource provider '%.*s' here.",
              STR_ARG(str_slice(name, 0, 100)));
    arm_refuse(call, &err);
}

/* --- The end of a scope ------------------------------------------------------------------------
 */

/* 202 while rows of a deleted workspace or registry are left, then 204. The GUID in the path is a
 * secret of who deleted it, and tells nothing but this. */
static void get_deletion(struct call *call)
{
    struct error err = {0};
    bool left;

    if (workspace_purge_on(engines_of(call), call->arena, call_param(call, "guid"), &left, &err) <
        0) {
        arm_refuse(call, &err);
        return;
    }
    if (left)
        http_add_header(call->ex, "Retry-After", STR("1"));
    arm_reply(call, left ? 202 : 204, NULL);
}

#define READ "Microsoft.Resources/subscriptions/read"
#define GROUP_READ "Microsoft.Resources/subscriptions/resourceGroups/read"
#define GROUP_WRITE "Microsoft.Resources/subscriptions/resourceGroups/write"
#define GROUP_DELETE "Microsoft.Resources/subscriptions/resourceGroups/delete"
#define SUBSCRIPTION "/subscriptions/{subscription}"
#define GROUP SUBSCRIPTION "/resourceGroups/{group}"

#define ROW(verb, template, what, handler) \
    {.method = verb,                       \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .action = what,                       \
     .body_limit = BODY_BYTES,             \
     .flags = ROUTE_FOLD,                  \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

/* What is above a workspace is seen by whoever has a role in it: it holds nothing of others. */
#define SEEN_ROW(verb, template, what, handler) \
    {.method = verb,                            \
     .path = template,                          \
     .permit = PERMIT_ACTION,                   \
     .action = what,                            \
     .body_limit = BODY_BYTES,                  \
     .flags = ROUTE_FOLD | ROUTE_FILTERED,      \
     .listeners = LISTEN_ALL,                   \
     .run = handler,                            \
     .refuse = arm_refuse}

static const struct route ROWS[] = {
    SEEN_ROW("GET", "/tenants", "Microsoft.Resources/tenants/read", list_tenants),
    SEEN_ROW("GET", "/subscriptions", READ, list_subscriptions),
    SEEN_ROW("GET", SUBSCRIPTION, READ, get_subscription),
    SEEN_ROW("GET", SUBSCRIPTION "/locations", READ, list_locations),
    ROW("GET", SUBSCRIPTION "/resourceGroups", GROUP_READ, list_groups),
    SEEN_ROW("GET", GROUP, GROUP_READ, get_group),
    SEEN_ROW("HEAD", GROUP, GROUP_READ, head_group),
    ROW("PUT", GROUP, GROUP_WRITE, put_group),
    ROW("PATCH", GROUP, GROUP_WRITE, put_group),
    ROW("DELETE", GROUP, GROUP_DELETE, delete_group),
    ROW("GET", SUBSCRIPTION "/providers", "Microsoft.Resources/subscriptions/providers/read",
        list_providers),
    ROW("GET", SUBSCRIPTION "/providers/{namespace}",
        "Microsoft.Resources/subscriptions/providers/read", get_provider),
    ROW("POST", SUBSCRIPTION "/providers/{namespace}/register",
        "Microsoft.Resources/subscriptions/providers/register/action", get_provider),
    ROW("GET",
        SUBSCRIPTION "/providers/Microsoft.MachineLearningServices/locations/{location}/"
                     "scopeDeletions/{guid}",
        "Microsoft.MachineLearningServices/locations/operationsStatus/read", get_deletion),
};

struct route_table workspace_group_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){.rows = ROWS, .count = COUNT(ROWS), .face = arm};
}
