/* Actions are Azure's strings. A pattern's star is matched by trying every length, which is fine
 * for the two stars that a role of ours has at most; patterns never come from clients. */
#include "identity/role.h"

#include "http/text.h"

#include <assert.h>

#define WORKSPACES "Microsoft.MachineLearningServices/workspaces/"

/* ASCII alone: actions are. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Linear but for the star, of which a pattern of ours has at most two. */
bool role_matches(struct str pattern, struct str action)
{
    for (size_t i = 0; i < pattern.len; i++) {
        struct str rest = str_slice(pattern, i + 1, pattern.len);
        if (pattern.ptr[i] != '*') {
            if (i >= action.len || lower(pattern.ptr[i]) != lower(action.ptr[i]))
                return false;
            continue;
        }
        for (size_t skip = i; skip <= action.len; skip++)
            if (role_matches(rest, str_slice(action, skip, action.len)))
                return true;
        /* "a/" + star + "/b" against "a/b": the slash before the star serves for the one behind it.
         */
        return i > 0 && pattern.ptr[i - 1] == '/' && str_starts(rest, STR("/")) &&
               role_matches(str_slice(rest, 1, rest.len), str_slice(action, i, action.len));
    }
    return pattern.len == action.len;
}

/* Whether one of a role's patterns covers the action. */
static bool any_matches(const char *const *patterns, size_t count, struct str action)
{
    assert(patterns);
    for (size_t i = 0; i < count; i++)
        if (role_matches(str_from(patterns[i]), action))
            return true;
    return false;
}

/* As Azure lists it: everything within a workspace, less computes, keys and the workspace
 * itself. */
bool role_data_scientist_may(struct str action)
{
    static const char *const MAY[] = {WORKSPACES "*/read", WORKSPACES "*/action",
                                      WORKSPACES "*/delete", WORKSPACES "*/write"};
    static const char *const NOT[] = {
        WORKSPACES "delete",
        WORKSPACES "write",
        WORKSPACES "computes/*/write",
        WORKSPACES "computes/*/delete",
        WORKSPACES "computes/listKeys/action",
        WORKSPACES "listKeys/action",
        WORKSPACES "hubs/write",
        WORKSPACES "hubs/delete",
        WORKSPACES "featurestores/write",
        WORKSPACES "featurestores/delete",
    };

    return any_matches(MAY, COUNT(MAY), action) && !any_matches(NOT, COUNT(NOT), action);
}

/* Verbs other than reading and deleting change something: they count as writes. */
static const char *suffix_of(struct str method)
{
    assert(method.len > 0);
    if (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")))
        return "read";
    return str_eq(method, STR("DELETE")) ? "delete" : "write";
}

/* Behind /providers/ stand the provider, then types and names in turn; "providers" itself is at an
 * odd place, so that a resource group of that name is not taken for it. */
struct str role_action_of(struct arena *arena, struct str method, struct str path)
{
    struct str rest = path, piece, action = STR("");
    size_t after = 0; /* pieces behind "providers" */
    bool inside = false;

    assert(arena);
    for (size_t at = 0; str_split(&rest, '/', &piece); at++) {
        if (http_decode(arena, piece, &piece, NULL) < 0)
            return STR("");
        if (!inside) {
            inside = at % 2 == 1 && str_eq_fold(piece, STR("providers"));
            continue;
        }
        if (after == 0)
            action = piece;
        else if (after % 2 == 1)
            action = arena_printf(arena, "%.*s/%.*s", STR_ARG(action), STR_ARG(piece));
        after++;
    }
    if (after < 2)
        return STR("");
    if (str_eq(method, STR("POST")))
        return arena_printf(arena, "%.*s/action", STR_ARG(action));
    return arena_printf(arena, "%.*s/%s", STR_ARG(action), suffix_of(method));
}
