/* Doing what a template says. Resources are put in the order of their depth, since a workspace
 * comes before what lies in it; within a depth as they are written. */
#include "kinds/template_deploy.h"

#include "identity/identity.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>

#define PROVIDER "Microsoft.MachineLearningServices/"
#define RESOURCES_MAX 200

/* One resource of the template, name and type in full. */
struct item {
    struct str type, name;
    const struct json *source;
    size_t depth; /* types below the provider */
};

struct items {
    struct item *items;
    size_t count;
};

/* The value of each parameter: what was given, else its default. A default may name others. */
static int read_parameters(struct deploy *deploy, const struct json *given,
                           const struct json *declared, struct error *err)
{
    struct arena *arena = deploy->t.arena;
    struct json *values = json_object(arena);
    struct json_iter it = json_iter(given);

    deploy->t.parameters = values;
    while (json_next(&it)) {
        struct json *value = json_get(it.value, STR("value"));
        if (!json_get_fold(declared, it.key))
            return error_set(err, ERROR_INVALID, "properties.parameters",
                             "The template has no parameter '%.*s'.",
                             STR_ARG(str_slice(it.key, 0, 80)));
        json_set(arena, values, it.key, value ? value : json_null(arena));
    }
    it = json_iter(declared);
    while (json_next(&it)) {
        struct json *fallback = json_get(it.value, STR("defaultValue"));
        if (json_get_fold(values, it.key) || !fallback)
            continue;
        struct json *value = template_value(&deploy->t, fallback, err);
        if (!value)
            return -1;
        json_set(arena, values, it.key, value);
    }
    return 0;
}

/* How many types stand behind the provider. */
static size_t depth_of(struct str type)
{
    size_t depth = 0;

    for (size_t i = 0; i < type.len; i++)
        depth += type.ptr[i] == '/';
    return depth;
}

static int gather(struct deploy *deploy, const struct json *resources, const struct item *above,
                  struct items *out, struct error *err);

/* Adds one resource, when its condition says so, and those written inside of it. */
static int gather_one(struct deploy *deploy, const struct json *source, const struct item *above,
                      struct items *out, struct error *err)
{
    struct arena *arena = deploy->t.arena;
    struct json *condition = json_get(source, STR("condition"));
    struct str type = json_str_at(source, "type"), name = json_str_at(source, "name");

    if (json_get(source, STR("copy")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.template",
                         "Templates with `copy` are not built yet.");
    if (condition) {
        struct json *truth = template_value(&deploy->t, condition, err);
        if (!truth)
            return -1;
        if (!json_as_bool(truth, str_eq_fold(json_as_str(truth), STR("true"))))
            return 0;
    }
    struct json *named = template_text(&deploy->t, name, err);
    if (!named)
        return -1;
    name = json_as_str(named);
    if (type.len == 0 || name.len == 0)
        return error_set(err, ERROR_INVALID, "properties.template.resources",
                         "A resource of a template has a type and a name.");
    if (above) {
        type = arena_printf(arena, "%.*s/%.*s", STR_ARG(above->type), STR_ARG(type));
        name = arena_printf(arena, "%.*s/%.*s", STR_ARG(above->name), STR_ARG(name));
    }
    if (out->count == RESOURCES_MAX)
        return error_set(err, ERROR_TOO_LARGE, "properties.template.resources",
                         "A template has at most %d resources.", RESOURCES_MAX);
    struct item *item = &out->items[out->count++];
    *item = (struct item){type, name, source, depth_of(type)};
    return gather(deploy, json_get(source, STR("resources")), item, out, err);
}

static int gather(struct deploy *deploy, const struct json *resources, const struct item *above,
                  struct items *out, struct error *err)
{
    struct json_iter it = json_iter(resources);

    assert(out->items);
    while (json_next(&it))
        if (gather_one(deploy, it.value, above, out, err) < 0)
            return -1;
    return 0;
}

/* --- One resource ------------------------------------------------------------------------------
 */

static void note(struct deploy *deploy, const struct item *item, struct str id, const char *message)
{
    struct arena *arena = deploy->t.arena;
    struct json *operation = json_object(arena), *properties = json_object(arena);
    struct json *target = json_object(arena);
    struct str name = random_hex(arena, 8);
    char text[CLOCK_ISO_BYTES];

    assert(deploy->operations);
    json_set_str(arena, target, "id", id);
    json_set_str(arena, target, "resourceType", item->type);
    json_set_str(arena, target, "resourceName", item->name);
    json_set_str(arena, properties, "provisioningOperation", STR("Create"));
    json_set_str(arena, properties, "provisioningState", STR("Succeeded"));
    json_set_str(arena, properties, "timestamp", clock_iso(clock_now_us(), text));
    json_set_str(arena, properties, "statusCode", STR("OK"));
    if (message) {
        struct json *status = json_object(arena); /* its clients know only the object */
        json_set_str(arena, status, "status", str_from(message));
        json_set(arena, properties, STR("statusMessage"), status);
    }
    json_set(arena, properties, STR("targetResource"), target);
    json_set_str(arena, operation, "operationId", name);
    json_set(arena, operation, STR("properties"), properties);
    json_append(arena, deploy->operations, operation);
}

/* The id of what has no life here: names stand behind their types. */
static struct str reference_id(struct deploy *deploy, const struct item *item)
{
    struct arena *arena = deploy->t.arena;
    struct str type = item->type, name = item->name, piece, word;
    struct str id = arena_printf(arena, "/subscriptions/%.*s/resourceGroups/%.*s/providers/",
                                 STR_ARG(deploy->t.subscription), STR_ARG(deploy->t.group));

    str_split(&type, '/', &piece);
    id = arena_printf(arena, "%.*s%.*s", STR_ARG(id), STR_ARG(piece));
    while (type.len > 0 && str_split(&type, '/', &piece)) {
        word = STR("");
        if (name.len > 0)
            str_split(&name, '/', &word);
        id = arena_printf(arena, "%.*s/%.*s/%.*s", STR_ARG(id), STR_ARG(piece), STR_ARG(word));
    }
    return id;
}

/* "workspaces/datastores" and "w/d" as a path would say it. */
static int read_target(struct deploy *deploy, const struct item *item, struct arm_target *out,
                       struct error *err)
{
    struct str type = str_slice(item->type, sizeof(PROVIDER) - 1, item->type.len);
    struct str name = item->name, types[3] = {0}, names[3] = {0};
    size_t type_count = 0, name_count = 0;

    while (type.len > 0 && type_count < COUNT(types) && str_split(&type, '/', &types[type_count]))
        type_count++;
    while (name.len > 0 && name_count < COUNT(names) && str_split(&name, '/', &names[name_count]))
        name_count++;
    bool registry = str_eq_fold(types[0], STR("registries"));
    if (type_count != name_count || type.len > 0 || name.len > 0 ||
        (!registry && !str_eq_fold(types[0], STR("workspaces"))))
        return error_set(err, ERROR_INVALID, "properties.template.resources",
                         "The name '%.*s' does not fit the type '%.*s'.",
                         STR_ARG(str_slice(item->name, 0, 120)),
                         STR_ARG(str_slice(item->type, 0, 120)));
    *out = (struct arm_target){.scope_kind = registry ? SCOPE_REGISTRY : SCOPE_WORKSPACE,
                               .subscription = deploy->t.subscription,
                               .group = deploy->t.group,
                               .scope = names[0],
                               .type = types[1],
                               .name = names[1],
                               .child = types[2],
                               .version = names[2]};
    return 0;
}

/* An optional text that a template fills with "" or "null" is one that is not given. */
static void drop_empty(struct json *properties)
{
    static const char *const OPTIONAL[] = {
        "imageBuildCompute", "primaryUserAssignedIdentity", "systemDatastoresAuthMode",
        "hubResourceId",     "containerRegistry",           "applicationInsights"};

    for (size_t i = 0; i < COUNT(OPTIONAL); i++)
        if (json_str_at(properties, OPTIONAL[i]).len == 0)
            json_remove(properties, str_from(OPTIONAL[i]));
    if (str_eq_fold(json_str_at(properties, "encryption.status"), STR("Disabled")))
        json_remove(properties, STR("encryption"));
}

/* The members that a PUT of it would have. */
static struct json *read_body(struct deploy *deploy, const struct item *item, struct error *err)
{
    static const char *const TOP[] = {"properties", "location", "kind", "tags", "sku", "identity"};
    struct json *body = json_object(deploy->t.arena);

    assert(item->source);
    for (size_t i = 0; i < COUNT(TOP); i++) {
        struct json *value = json_get(item->source, str_from(TOP[i]));
        if (!value)
            continue;
        value = template_value(&deploy->t, value, err);
        if (!value)
            return NULL;
        if (!json_is_null(value))
            json_set(deploy->t.arena, body, str_from(TOP[i]), value);
    }
    if (!json_get(body, STR("properties")))
        json_set(deploy->t.arena, body, STR("properties"), json_object(deploy->t.arena));
    drop_empty(json_get(body, STR("properties")));
    return body;
}

/* A template makes nothing that whoever sent it could not make by itself: the right to deploy is
 * one thing, the right to write what is deployed another. */
static int check_right(struct deploy *deploy, const struct item *item,
                       const struct engines *engines, struct error *err)
{
    const struct caller *caller = &deploy->call->caller;
    struct str action = arena_printf(deploy->t.arena, "%.*s/write", STR_ARG(item->type));
    struct str id = reference_id(deploy, item);

    assert(item->type.len > 0);
    int may = identity_may(engines->identity, caller, action, id, err);
    if (may)
        return may > 0 ? 0 : -1;
    return error_set(err, ERROR_FORBIDDEN, "properties.template.resources",
                     "'%.*s' may not do '%.*s' over the scope '%.*s'.", STR_ARG(caller->name),
                     STR_ARG(str_slice(action, 0, 128)), STR_ARG(str_slice(id, 0, 200)));
}

/* As if a client had sent it. */
static int put(struct deploy *deploy, const struct item *item, struct error *err)
{
    struct arm_target target;
    struct arm_request req;
    struct arm_reply reply = {0};
    struct json *body;

    if (read_target(deploy, item, &target, err) < 0 ||
        arm_request_open(deploy->arm, deploy->call, &target, &req, err) < 0 ||
        check_right(deploy, item, req.engines, err) < 0)
        return -1;
    body = read_body(deploy, item, err);
    if (!body || arm_request_put(&req, body, &reply, err) < 0)
        return -1;
    if (deploy->scope.number == 0)
        deploy->scope = req.scope;
    json_append(deploy->t.arena, deploy->made, json_text(deploy->t.arena, req.id));
    note(deploy, item, req.id, NULL);
    return 0;
}

static int do_item(struct deploy *deploy, const struct item *item, struct error *err)
{
    if (str_starts_fold(item->type, STR(PROVIDER)))
        return put(deploy, item, err);
    note(deploy, item, reference_id(deploy, item),
         "Kept as a reference: bytes, keys and logs of a workspace lie in its own server.");
    return 0;
}

int template_deploy(struct deploy *deploy, const struct json *properties, struct error *err)
{
    const struct json *source = json_get(properties, STR("template"));
    struct items items = {arena_new_array(deploy->t.arena, struct item, RESOURCES_MAX), 0};
    size_t deepest = 0;

    assert(deploy->arm && deploy->call);
    if (json_kind(source) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties.template",
                         "A deployment has its template in the body; templates behind a link are "
                         "not fetched.");
    deploy->t.variables = json_get(source, STR("variables"));
    if (read_parameters(deploy, json_get(properties, STR("parameters")),
                        json_get(source, STR("parameters")), err) < 0 ||
        gather(deploy, json_get(source, STR("resources")), NULL, &items, err) < 0)
        return -1;
    for (size_t i = 0; i < items.count; i++)
        deepest = items.items[i].depth > deepest ? items.items[i].depth : deepest;
    for (size_t depth = 0; depth <= deepest; depth++)
        for (size_t i = 0; i < items.count; i++)
            if (items.items[i].depth == depth && do_item(deploy, &items.items[i], err) < 0)
                return -1;
    if (deploy->scope.number > 0)
        return 0;
    return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.template.resources",
                     "Deployments without a resource of Microsoft.MachineLearningServices are not "
                     "built: there is nothing here that they could make.");
}
