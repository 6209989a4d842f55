/* What rows of role assignments and role definitions share: the scope before them, the filter, the
 * codes of their errors, and the rule that nobody gives what he does not hold. */
#include "kinds/role_wire.h"

#include "http/text.h"
#include "identity/access.h"
#include "identity/grant.h"
#include "identity/identity.h"

#include <assert.h>

/* --- Errors --------------------------------------------------------------------------------------
 */

/* Targets that are codes of Azure's: its clients look at them. */
static const char *const CODES[] = {
    "CannotDeleteLastRbacAdminRoleAssignment",
    "InvalidRoleAssignmentId",
    "InvalidRoleDefinitionId",
    "PrincipalNotFound",
    "RoleAssignmentExists",
    "RoleAssignmentNotFound",
    "RoleAssignmentUpdateNotPermitted",
    "RoleDefinitionDoesNotExist",
    "RoleDefinitionHasAssignments",
    "RoleDefinitionWithSameNameExists",
    "UnmatchedPrincipalType",
};

/* Errors of bodies, paths and states; 0 for the others, which are ARM's. */
static int status_of(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
        return 400;
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_EXISTS:
    case ERROR_CONFLICT:
        return 409;
    default:
        return 0;
    }
}

/* {"error": {"code", "message"}}, as Azure's own service of roles answers. */
void role_refuse(struct call *call, const struct error *err)
{
    struct arena *arena = call->arena;
    struct json *body = json_object(arena), *error = json_object(arena);
    int status = status_of(err->code);
    bool known = false;

    for (size_t i = 0; i < COUNT(CODES); i++)
        known |= str_eq(str_from(err->target), str_from(CODES[i]));
    if (!known || status == 0) {
        arm_refuse(call, err);
        return;
    }
    json_set_str(arena, error, "code", str_from(err->target));
    json_set_str(arena, error, "message", str_from(err->message));
    json_set(arena, body, STR("error"), error);
    arm_reply(call, status, body);
}

/* --- Scopes --------------------------------------------------------------------------------------
 */

/* How many pieces of the row's template stand before "/providers/Microsoft.Authorization". */
static size_t scope_pieces(const struct call *call)
{
    struct str template = str_from(call->route->path);
    ssize_t end = str_find(template, STR("/providers/" ROLE_PROVIDER));
    size_t count = 0;

    assert(end >= 0);
    for (ssize_t i = 0; i < end; i++)
        count += template.ptr[i] == '/';
    return count;
}

/* Decoded piece by piece, as the guard did: what was allowed is what is used. */
int role_scope(struct call *call, struct str *out, struct error *err)
{
    struct engines *engines = call->face;
    struct str rest = http_path(call->ex), piece, scope = STR("");
    size_t count = scope_pieces(call);
    struct scope found;

    assert(out);
    str_split(&rest, '/', &piece);
    for (size_t i = 0; i < count && str_split(&rest, '/', &piece); i++) {
        if (http_decode(call->arena, piece, &piece, err) < 0)
            return -1;
        scope = arena_printf(call->arena, "%.*s/%.*s", STR_ARG(scope), STR_ARG(piece));
    }
    if ((call_param(call, "workspace").len > 0 || call_param(call, "registry").len > 0) &&
        arm_scope(call, engines->store, &found, err) < 0)
        return -1;
    *out = scope;
    return 0;
}

/* The root is shown as "/" and written as nothing. */
struct str role_resource_id(struct arena *arena, struct str scope, const char *type, struct str id)
{
    if (str_eq(scope, STR("/")))
        scope = STR("");
    return arena_printf(arena, "%.*s/providers/" ROLE_PROVIDER "/%s/%.*s", STR_ARG(scope), type,
                        STR_ARG(id));
}

/* Azure's clients take the last piece and ignore the rest. */
struct str role_definition_id(struct arena *arena, struct str scope, struct str id)
{
    struct str rest = scope, piece, subscription = STR("");

    str_split(&rest, '/', &piece);
    if (str_split(&rest, '/', &piece) && str_eq_fold(piece, STR("subscriptions")) &&
        str_split(&rest, '/', &piece))
        subscription = arena_printf(arena, "/subscriptions/%.*s", STR_ARG(piece));
    return role_resource_id(arena, subscription, "roleDefinitions", id);
}

/* Depth and size were limited before. */
struct json *role_body(struct call *call, struct error *err)
{
    struct json *body = json_parse(call->arena, http_body(call->ex), err);

    if (body && json_kind(body) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "", "The body must be a JSON object.");
        return NULL;
    }
    return body;
}

/* --- Filters -------------------------------------------------------------------------------------
 */

/* What stands between `before` and `after`, all else being blanks; false for another term. */
static bool between(struct str term, struct str before, struct str after, struct str *out)
{
    if (!str_starts_fold(term, before) || !str_ends(term, after) ||
        term.len < before.len + after.len)
        return false;
    *out = str_slice(term, before.len, term.len - after.len);
    return out->len > 0 && str_find_char(*out, '\'') < 0;
}

/* The forms that az, the SDKs and Terraform send. */
static bool read_term(struct str term, struct role_filter *out)
{
    if (str_eq_fold(term, STR("atScope()")) || str_eq_fold(term, STR("atScopeAndBelow()"))) {
        out->at_scope = str_eq_fold(term, STR("atScope()"));
        return true;
    }
    return between(term, STR("principalId eq '"), STR("'"), &out->principal) ||
           between(term, STR("assignedTo('"), STR("')"), &out->assigned_to) ||
           between(term, STR("roleName eq '"), STR("'"), &out->role_name) ||
           between(term, STR("type eq '"), STR("'"), &out->type);
}

/* An unknown term is an error: leaving it out would show too much. */
int role_filter_read(struct call *call, struct role_filter *out, struct error *err)
{
    struct str rest = str_trim(call_query(call, "$filter")), term;
    ssize_t at;

    *out = (struct role_filter){0};
    while (rest.len > 0) {
        at = str_find(rest, STR(" and "));
        term = str_trim(at < 0 ? rest : str_slice(rest, 0, (size_t)at));
        rest = at < 0 ? STR("") : str_slice(rest, (size_t)at + 5, rest.len);
        if (!read_term(term, out))
            return error_set(err, ERROR_INVALID, "$filter",
                             "'%.*s' is not understood; expected atScope(), principalId eq 'ID',"
                             " assignedTo('ID'), roleName eq 'NAME' or type eq 'TYPE'.",
                             STR_ARG(str_slice(term, 0, 64)));
    }
    return 0;
}

/* --- Rights --------------------------------------------------------------------------------------
 */

/* security.md 5. */
int role_may_give(struct call *call, const struct role *role, struct str scope, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(access_release) struct access *access = NULL;
    struct access_who who = {.object_id = call->caller.object_id};
    struct str path = grant_path(call->arena, scope);

    assert(role);
    if (call->caller.kind == CALLER_ADMIN)
        return 0;
    if (call->caller.kind != CALLER_USER ||
        access_get(engines->identity, &who, false, &access, err) < 0)
        return error_set(err, ERROR_FORBIDDEN, "", "Only people give roles.");
    if (access_owns(access, path) || access_covers(access, role, path))
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "",
                     "The role '%.*s' holds rights that '%.*s' does not have at this scope; only an"
                     " Owner of the scope gives more than that.",
                     STR_ARG(role->name), STR_ARG(call->caller.name));
}
