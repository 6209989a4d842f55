/* Microsoft.Authorization/roleDefinitions at every scope: the built-in roles, and custom ones,
 * which nobody writes who does not hold what they allow. */
#include "kinds/role.h"

#include "identity/grant.h"
#include "identity/identity.h"
#include "kinds/role_wire.h"

#include <assert.h>

#define TYPE "roleDefinitions"

/* The id depends on where it is seen from, the role does not. */
static struct json *show(struct arena *arena, const struct role *role, struct str scope)
{
    struct json *out = json_object(arena);

    assert(role->id.len > 0);
    json_set_str(arena, out, "id", role_definition_id(arena, scope, role->id));
    json_set_str(arena, out, "name", role->id);
    json_set_str(arena, out, "type", STR(ROLE_PROVIDER "/" TYPE));
    json_set(arena, out, STR("properties"), role_show(arena, role));
    return out;
}

/* A custom role is seen where it may be given, above that and beneath it. */
static bool visible(struct arena *arena, const struct role *role, struct str scope)
{
    struct str path = grant_path(arena, scope);

    for (size_t i = 0; i < role->assignable.count; i++) {
        struct str assignable = grant_path(arena, role->assignable.list[i]);
        if (grant_above(assignable, path) || grant_above(path, assignable))
            return true;
    }
    return false;
}

/* --- One -----------------------------------------------------------------------------------------
 */

/* A custom role of elsewhere is not there. */
static int find(struct call *call, struct role *out, struct str *out_scope, struct error *err)
{
    struct engines *engines = call->face;
    struct str id = call_param(call, "id");

    if (role_scope(call, out_scope, err) < 0 ||
        grant_role(engines->identity, call->arena, id, out, err) < 0)
        return -1;
    if (visible(call->arena, out, *out_scope))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "RoleDefinitionDoesNotExist",
                     "The role definition '%.*s' does not exist.", STR_ARG(str_slice(id, 0, 64)));
}

/* One role by its id. */
static void get_run(struct call *call)
{
    struct error err = {0};
    struct role role;
    struct str scope;

    if (find(call, &role, &scope, &err) < 0)
        role_refuse(call, &err);
    else
        arm_reply(call, 200, show(call->arena, &role, scope));
}

/* A role is written for all scopes at which it may be given: the right to write roles and the
 * rights in it are asked at each. */
static int check_scopes(struct call *call, const struct role *role, struct error *err)
{
    struct engines *engines = call->face;

    for (size_t i = 0; i < role->assignable.count; i++) {
        struct str scope = role->assignable.list[i];
        if (scope.ptr[0] != '/')
            return error_set(err, ERROR_INVALID, "properties.assignableScopes",
                             "'%.*s' is no scope: it begins with '/'.",
                             STR_ARG(str_slice(scope, 0, 64)));
        int may = identity_may(engines->identity, &call->caller,
                               STR(ROLE_PROVIDER "/" TYPE "/write"), scope, err);
        if (may < 0)
            return -1;
        if (!may)
            return error_set(err, ERROR_FORBIDDEN, "properties.assignableScopes",
                             "'%.*s' may not write roles for the scope '%.*s'.",
                             STR_ARG(call->caller.name), STR_ARG(str_slice(scope, 0, 200)));
        if (role_may_give(call, role, scope, err) < 0)
            return -1;
    }
    return 0;
}

/* Whoever changes a role changes it for all who have it: the old scopes count like the new ones. */
static int check_before(struct call *call, struct str id, struct error *err)
{
    struct engines *engines = call->face;
    struct role before;
    struct error none = {0};

    if (grant_role(engines->identity, call->arena, id, &before, &none) < 0)
        return 0;
    return before.built_in ? 0 : check_scopes(call, &before, err);
}

/* The id is in the path alone; what a body says of it does not count. */
static int put(struct call *call, struct role *out, struct str *out_scope, bool *out_created,
               struct error *err)
{
    struct engines *engines = call->face;
    struct json *body = role_body(call, err);
    const struct json *properties = json_get(body, STR("properties"));

    if (!body)
        return -1;
    if (json_kind(properties) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties", "This field is required: an object.");
    if (role_scope(call, out_scope, err) < 0 || role_read(call->arena, properties, out, err) < 0)
        return -1;
    out->id = arena_lower(call->arena, call_param(call, "id"));
    if (check_scopes(call, out, err) < 0 || check_before(call, out->id, err) < 0)
        return -1;
    return grant_role_put(engines->identity, out, call->caller.name, out_created, err);
}

/* 201 when it is new, 200 when it was changed. */
static void put_run(struct call *call)
{
    struct error err = {0};
    struct role role;
    struct str scope;
    bool created = false;

    if (put(call, &role, &scope, &created, &err) < 0)
        role_refuse(call, &err);
    else
        arm_reply(call, created ? 201 : 200, show(call->arena, &role, scope));
}

/* What is not there cannot be removed, which is no mistake. */
static void delete_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct role role;
    struct str scope;

    if (find(call, &role, &scope, &err) < 0) {
        if (str_eq(str_from(err.target), STR("RoleDefinitionDoesNotExist")))
            arm_reply(call, 204, NULL);
        else
            role_refuse(call, &err);
        return;
    }
    if ((!role.built_in && check_scopes(call, &role, &err) < 0) ||
        grant_role_delete(engines->identity, role.id, &err) < 0)
        role_refuse(call, &err);
    else
        arm_reply(call, 200, show(call->arena, &role, scope));
}

/* --- Many ----------------------------------------------------------------------------------------
 */

struct listing {
    struct arena *arena;
    struct json *value;
    struct role_filter filter;
    struct str scope;
};

/* Those that the filter and the scope leave in. */
static int add(const struct role *role, void *context, struct error *)
{
    struct listing *listing = context;
    struct str type = role->built_in ? STR("BuiltInRole") : STR("CustomRole");
    const struct role_filter *filter = &listing->filter;

    if ((filter->role_name.len == 0 || str_eq_fold(filter->role_name, role->name)) &&
        (filter->type.len == 0 || str_eq_fold(filter->type, type)) &&
        visible(listing->arena, role, listing->scope))
        json_append(listing->arena, listing->value, show(listing->arena, role, listing->scope));
    return 0;
}

/* Built-in ones first. */
static int list(struct call *call, struct listing *listing, struct error *err)
{
    struct engines *engines = call->face;
    size_t count;
    const struct role *roles = role_built_in(&count);

    if (role_filter_read(call, &listing->filter, err) < 0 ||
        role_scope(call, &listing->scope, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        add(&roles[i], listing, err);
    return grant_roles(engines->identity, add, listing, err);
}

/* All in one page. */
static void list_run(struct call *call)
{
    struct listing listing = {.arena = call->arena, .value = json_array(call->arena)};
    struct json *body = json_object(call->arena);
    struct error err = {0};

    if (list(call, &listing, &err) < 0) {
        role_refuse(call, &err);
        return;
    }
    json_set(call->arena, body, STR("value"), listing.value);
    arm_reply(call, 200, body);
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

#define SCOPE(scope) ROLE_ROWS(scope, TYPE)

static const struct route ROWS[] = {ROLE_EVERY_SCOPE(SCOPE)};

struct route_table role_definition_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROWS, COUNT(ROWS), engines};
}
