/* Microsoft.Authorization/roleAssignments at every scope. Who may come here at all is the guard's
 * to say, by the actions of the rows; which role may be given is said here. */
#include "kinds/role.h"

#include "identity/grant.h"
#include "identity/identity.h"
#include "kinds/role_wire.h"
#include "os/clock.h"

#include <assert.h>

#define TYPE "roleAssignments"

static const char *const KINDS[] = {[PRINCIPAL_USER] = "User",
                                    [PRINCIPAL_SERVICE] = "ServicePrincipal",
                                    [PRINCIPAL_GROUP] = "Group",
                                    [PRINCIPAL_MANAGED] = "ServicePrincipal"};

/* --- Showing -------------------------------------------------------------------------------------
 */

/* As Azure shows one; there are no conditions here, so they are null. */
static struct json *show(struct arena *arena, const struct grant *grant)
{
    struct json *out = json_object(arena), *properties = json_object(arena);
    char at[CLOCK_ISO_BYTES];
    struct str created = arena_str(arena, clock_iso(grant->created_us, at));

    assert(grant->who.kind <= PRINCIPAL_MANAGED);
    json_set_str(arena, properties, "roleDefinitionId",
                 role_definition_id(arena, grant->scope, grant->role));
    json_set_str(arena, properties, "principalId", grant->who.object_id);
    json_set_str(arena, properties, "principalType", str_from(KINDS[grant->who.kind]));
    json_set_str(arena, properties, "scope", grant->scope);
    json_set_null(arena, properties, "condition");
    json_set_null(arena, properties, "conditionVersion");
    json_set_str(arena, properties, "createdOn", created);
    json_set_str(arena, properties, "updatedOn", created);
    json_set_str(arena, properties, "createdBy", grant->created_by);
    json_set_str(arena, properties, "updatedBy", grant->created_by);
    json_set(arena, out, STR("properties"), properties);
    json_set_str(arena, out, "id", role_resource_id(arena, grant->scope, TYPE, grant->id));
    json_set_str(arena, out, "type", STR(ROLE_PROVIDER "/" TYPE));
    json_set_str(arena, out, "name", grant->id);
    return out;
}

/* A refusal, or the assignment. */
static void answer(struct call *call, int result, int status, const struct grant *grant,
                   const struct error *err)
{
    if (result < 0)
        role_refuse(call, err);
    else
        arm_reply(call, status, show(call->arena, grant));
}

/* --- One -----------------------------------------------------------------------------------------
 */

/* At the scope of the path and nowhere else. */
static int find(struct call *call, struct grant *out, struct error *err)
{
    struct engines *engines = call->face;
    struct grant_key key = {.id = call_param(call, "id")};

    if (role_scope(call, &key.scope, err) < 0)
        return -1;
    return grant_get(engines->identity, call->arena, &key, out, err);
}

/* One assignment by its id. */
static void get_run(struct call *call)
{
    struct error err = {0};
    struct grant grant;
    int result = find(call, &grant, &err);

    assert(call->face);
    answer(call, result, 200, &grant, &err);
}

/* What is not there cannot be removed, which is no mistake. */
static void delete_run(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct grant grant;
    int result = find(call, &grant, &err);

    if (result < 0 && str_eq(str_from(err.target), STR("RoleAssignmentNotFound"))) {
        arm_reply(call, 204, NULL);
        return;
    }
    if (result == 0)
        result = grant_delete(engines->identity, &grant, call->caller.name,
                              call->caller.kind == CALLER_ADMIN, &err);
    answer(call, result, 200, &grant, &err);
}

/* "…/roleDefinitions/{guid}", or the GUID alone. */
static int read_role(struct call *call, const struct json *properties, struct role *out,
                     struct error *err)
{
    struct engines *engines = call->face;
    struct str id = json_str_at(properties, "roleDefinitionId");
    ssize_t slash = str_find_last(id, '/');

    if (id.len == 0)
        return error_set(err, ERROR_INVALID, "properties.roleDefinitionId",
                         "This field is required: the id of a role definition.");
    if (slash >= 0)
        id = str_slice(id, (size_t)slash + 1, id.len);
    if (grant_role(engines->identity, call->arena, id, out, err) == 0)
        return 0;
    if (err->code == ERROR_NOT_FOUND)
        err->code = ERROR_INVALID; /* it is in the body, not in the path */
    return -1;
}

/* Whom the body means; a kind that was said must be the right one. */
static int check_principal(struct call *call, const struct json *properties, struct error *err)
{
    struct engines *engines = call->face;
    struct str id = json_str_at(properties, "principalId");
    struct str type = json_str_at(properties, "principalType");
    struct principal who;
    struct error none = {0};

    if (id.len == 0)
        return error_set(err, ERROR_INVALID, "properties.principalId",
                         "This field is required: the object id of who gets the role.");
    if (principal_find(engines->identity, call->arena, id, &who, &none) < 0 ||
        !str_eq_fold(who.object_id, id))
        return error_set(err, ERROR_INVALID, "PrincipalNotFound",
                         "Principal %.*s does not exist in this directory; principalId is an object"
                         " id.",
                         STR_ARG(str_slice(id, 0, 64)));
    if (type.len > 0 && !str_eq_fold(type, str_from(KINDS[who.kind])))
        return error_set(err, ERROR_INVALID, "UnmatchedPrincipalType",
                         "The principal '%.*s' is of the type %s, not '%.*s'.", STR_ARG(id),
                         KINDS[who.kind], STR_ARG(str_slice(type, 0, 64)));
    return 0;
}

/* Shape, role, principal, then the right to give it: a client learns the mistakes of its body
 * first. */
static int put(struct call *call, struct grant *out, struct error *err)
{
    struct engines *engines = call->face;
    struct json *body = role_body(call, err);
    const struct json *properties = json_get(body, STR("properties"));
    struct grant_wish wish = {.id = call_param(call, "id"), .actor = call->caller.name};
    struct role role;

    if (!body)
        return -1;
    if (json_kind(properties) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "properties", "This field is required: an object.");
    if (role_scope(call, &wish.scope, err) < 0 || read_role(call, properties, &role, err) < 0 ||
        check_principal(call, properties, err) < 0 ||
        role_may_give(call, &role, wish.scope, err) < 0)
        return -1;
    wish.role = role.id;
    wish.principal = json_str_at(properties, "principalId");
    return grant_put(engines->identity, call->arena, &wish, out, err);
}

/* 201 when it is new, 200 when it was there. */
static void put_run(struct call *call)
{
    struct error err = {0};
    struct grant grant;
    int result = put(call, &grant, &err);

    assert(call->face);
    answer(call, result, result == 0 && grant.fresh ? 201 : 200, &grant, &err);
}

/* --- Many ----------------------------------------------------------------------------------------
 */

struct listing {
    struct arena *arena;
    struct json *value;
};

/* Into the list of the reply. */
static int add(const struct grant *grant, void *context, struct error *)
{
    struct listing *listing = context;

    json_append(listing->arena, listing->value, show(listing->arena, grant));
    return 0;
}

/* Somebody unknown has no assignments. */
static int read_query(struct call *call, struct grant_query *out, bool *out_nobody,
                      struct error *err)
{
    struct engines *engines = call->face;
    struct role_filter filter;
    struct principal who;
    struct error none = {0};

    if (role_filter_read(call, &filter, err) < 0 || role_scope(call, &out->scope, err) < 0)
        return -1;
    out->below = !filter.at_scope;
    out->with_groups = filter.assigned_to.len > 0;
    struct str id = filter.assigned_to.len > 0 ? filter.assigned_to : filter.principal;
    *out_nobody = false;
    if (id.len == 0)
        return 0;
    if (principal_find(engines->identity, call->arena, id, &who, &none) == 0 &&
        str_eq_fold(who.object_id, id))
        out->principal = who.number;
    else
        *out_nobody = true;
    return 0;
}

/* All of a scope in one page: assignments are hundreds, not millions. */
static void list_run(struct call *call)
{
    struct engines *engines = call->face;
    struct listing listing = {call->arena, json_array(call->arena)};
    struct json *body = json_object(call->arena);
    struct grant_query query = {0};
    struct error err = {0};
    bool nobody;

    if (read_query(call, &query, &nobody, &err) < 0 ||
        (!nobody && grant_list(engines->identity, &query, add, &listing, &err) < 0)) {
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

struct route_table role_assignment_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROWS, COUNT(ROWS), engines};
}
