/* What a role allows, and what custom roles look like. */
#include "identity/role.h"

#include "http/text.h"
#include "identity/role_private.h"

#include <assert.h>

#define ROLE_LIST_MAX 64
#define ROLE_PERMISSIONS_MAX 8
#define ROLE_NAME_MAX 128

/* Whether one of the patterns covers the action. */
static bool any_matches(struct role_patterns patterns, struct str action)
{
    assert(patterns.list || patterns.count == 0);
    for (size_t i = 0; i < patterns.count; i++)
        if (role_matches(patterns.list[i], action))
            return true;
    return false;
}

/* Each permission by itself: what one takes away another may give. */
bool role_allows(const struct role *role, struct str action)
{
    assert(role);
    for (size_t i = 0; i < role->permission_count; i++)
        if (any_matches(role->permissions[i].actions, action) &&
            !any_matches(role->permissions[i].not_actions, action))
            return true;
    return false;
}

/* --- Whether one holds what another gives --------------------------------------------------------
 */

/* A pattern of a permission is held by another permission when one of its patterns covers it (each
 * star of the one falls under a star of the other) and nothing that this one takes away remains in
 * it: either the giver takes it away too, or the two have nothing in common. */
static bool permission_covers(const struct role_permission *held,
                              const struct role_permission *given, struct str pattern)
{
    if (!any_matches(held->actions, pattern))
        return false;
    for (size_t i = 0; i < held->not_actions.count; i++) {
        struct str taken = held->not_actions.list[i];
        if (role_patterns_meet(pattern, taken) && !any_matches(given->not_actions, taken))
            return false;
    }
    return true;
}

/* By one permission of one role as a whole: halves of two do not add up. */
static bool pattern_held(const struct role *const *held, size_t count,
                         const struct role_permission *given, struct str pattern)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < held[i]->permission_count; j++)
            if (permission_covers(&held[i]->permissions[j], given, pattern))
                return true;
    return false;
}

/* Data actions open nothing today, but might tomorrow: they are given only by who holds
 * everything. */
bool role_covers(const struct role *const *held, size_t count, const struct role *given)
{
    assert(given && (held || count == 0));
    for (size_t i = 0; i < given->permission_count; i++) {
        const struct role_permission *permission = &given->permissions[i];
        if (permission->data_actions.count > 0 && !pattern_held(held, count, permission, STR("*")))
            return false;
        for (size_t j = 0; j < permission->actions.count; j++)
            if (!pattern_held(held, count, permission, permission->actions.list[j]))
                return false;
    }
    return true;
}

/* --- Custom roles --------------------------------------------------------------------------------
 */

/* Letters that occur in Azure's actions, and the star. */
static bool pattern_good(struct str pattern)
{
    static const struct str LETTERS =
        STR_INIT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                 "0123456789./*-_$");

    if (pattern.len == 0 || pattern.len > ROLE_PATTERN_MAX)
        return false;
    for (size_t i = 0; i < pattern.len; i++)
        if (str_find_char(LETTERS, pattern.ptr[i]) < 0)
            return false;
    return true;
}

/* A list of texts; absent or null is an empty one. */
static int read_list(struct arena *arena, const struct json *value, const char *target,
                     struct role_patterns *out, struct error *err)
{
    size_t count = json_count(value);
    struct str *list = arena_new_array(arena, struct str, count + 1);
    struct json_iter it = json_iter(value);

    if (!json_is_null(value) && json_kind(value) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, target, "Expected a list of texts.");
    if (count > ROLE_LIST_MAX)
        return error_set(err, ERROR_INVALID, target, "At most %d entries are taken.",
                         ROLE_LIST_MAX);
    while (json_next(&it)) {
        list[it.index] = json_as_str(it.value);
        if (json_kind(it.value) != JSON_STRING || list[it.index].len == 0)
            return error_set(err, ERROR_INVALID, target, "Expected a list of texts.");
    }
    *out = (struct role_patterns){list, count};
    return 0;
}

/* Only letters that actions have: a typing mistake would otherwise be kept as a right. */
static int read_patterns(struct arena *arena, const struct json *permission, const char *key,
                         struct role_patterns *out, struct error *err)
{
    if (read_list(arena, json_get(permission, str_from(key)), key, out, err) < 0)
        return -1;
    for (size_t i = 0; i < out->count; i++)
        if (!pattern_good(out->list[i]))
            return error_set(err, ERROR_INVALID, key,
                             "'%.*s' is no action: expected a form such as"
                             " Microsoft.MachineLearningServices/workspaces/*/read.",
                             STR_ARG(str_slice(out->list[i], 0, 64)));
    return 0;
}

/* Azure sends one; the form is a list. */
static int read_permissions(struct arena *arena, const struct json *value, struct role *out,
                            struct error *err)
{
    size_t count = json_count(value);
    struct role_permission *list = arena_new_array(arena, struct role_permission, count + 1);
    struct json_iter it = json_iter(value);

    if (json_kind(value) != JSON_ARRAY || count == 0 || count > ROLE_PERMISSIONS_MAX)
        return error_set(err, ERROR_INVALID, "properties.permissions",
                         "Expected a list of 1 to %d permissions.", ROLE_PERMISSIONS_MAX);
    while (json_next(&it)) {
        struct role_permission *at = &list[it.index];
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, "properties.permissions",
                             "A permission is an object of lists of actions.");
        if (read_patterns(arena, it.value, "actions", &at->actions, err) < 0 ||
            read_patterns(arena, it.value, "notActions", &at->not_actions, err) < 0 ||
            read_patterns(arena, it.value, "dataActions", &at->data_actions, err) < 0 ||
            read_patterns(arena, it.value, "notDataActions", &at->not_data_actions, err) < 0)
            return -1;
    }
    out->permissions = list;
    out->permission_count = count;
    return 0;
}

/* Names of built-in roles are taken: a script that looks for "Owner" must find one. */
int role_read(struct arena *arena, const struct json *properties, struct role *out,
              struct error *err)
{
    struct role read = {.name = json_str_at(properties, "roleName"),
                        .description = json_str_at(properties, "description")};

    assert(out);
    if (read.name.len == 0 || read.name.len > ROLE_NAME_MAX)
        return error_set(err, ERROR_INVALID, "properties.roleName",
                         "A role needs a name of 1 to %d bytes.", ROLE_NAME_MAX);
    if (role_find(read.name))
        return error_set(err, ERROR_INVALID, "properties.roleName",
                         "'%.*s' is a built-in role; choose another name.", STR_ARG(read.name));
    if (read_permissions(arena, json_get(properties, STR("permissions")), &read, err) < 0 ||
        read_list(arena, json_get(properties, STR("assignableScopes")),
                  "properties.assignableScopes", &read.assignable, err) < 0)
        return -1;
    if (read.assignable.count == 0)
        return error_set(err, ERROR_INVALID, "properties.assignableScopes",
                         "A role needs at least one scope at which it may be given.");
    *out = read;
    return 0;
}

/* An empty list is shown as one. */
static void show_list(struct arena *arena, struct json *object, const char *key,
                      struct role_patterns patterns)
{
    struct json *list = json_array(arena);

    for (size_t i = 0; i < patterns.count; i++)
        json_append(arena, list, json_text(arena, patterns.list[i]));
    json_set(arena, object, str_from(key), list);
}

/* The form that role_read takes. */
struct json *role_show(struct arena *arena, const struct role *role)
{
    struct json *out = json_object(arena), *permissions = json_array(arena);

    assert(role->name.len > 0);
    json_set_str(arena, out, "roleName", role->name);
    json_set_str(arena, out, "type", role->built_in ? STR("BuiltInRole") : STR("CustomRole"));
    json_set_str(arena, out, "description", role->description);
    show_list(arena, out, "assignableScopes", role->assignable);
    for (size_t i = 0; i < role->permission_count; i++) {
        struct json *permission = json_object(arena);
        show_list(arena, permission, "actions", role->permissions[i].actions);
        show_list(arena, permission, "notActions", role->permissions[i].not_actions);
        show_list(arena, permission, "dataActions", role->permissions[i].data_actions);
        show_list(arena, permission, "notDataActions", role->permissions[i].not_data_actions);
        json_append(arena, permissions, permission);
    }
    json_set(arena, out, STR("permissions"), permissions);
    return out;
}

/* --- The action of a request ---------------------------------------------------------------------
 */

/* Verbs other than reading and deleting change something: they count as writes. */
static const char *suffix_of(struct str method)
{
    assert(method.len > 0);
    if (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")))
        return "read";
    return str_eq(method, STR("DELETE")) ? "delete" : "write";
}

/* Behind /providers/ stand the provider, then types and names in turn; "providers" itself is at an
 * odd place, so that a resource group of that name is not taken for it. A second one begins anew:
 * an extension of a resource is guarded by its own actions. */
struct str role_action_of(struct arena *arena, struct str method, struct str path)
{
    struct str rest = path, piece, action = STR("");
    size_t after = 0; /* pieces behind "providers" */
    bool inside = false;

    assert(arena);
    for (size_t at = 0; str_split(&rest, '/', &piece); at++) {
        bool word = inside ? after % 2 == 1 : at % 2 == 1;
        if (http_decode(arena, piece, &piece, NULL) < 0)
            return STR("");
        if (word && str_eq_fold(piece, STR("providers"))) {
            inside = true;
            after = 0;
            continue;
        }
        if (!inside)
            continue;
        if (after == 0)
            action = piece;
        else if (word)
            action = arena_printf(arena, "%.*s/%.*s", STR_ARG(action), STR_ARG(piece));
        after++;
    }
    if (after < 2)
        return STR("");
    if (str_eq(method, STR("POST")))
        return arena_printf(arena, "%.*s/action", STR_ARG(action));
    return arena_printf(arena, "%.*s/%s", STR_ARG(action), suffix_of(method));
}
