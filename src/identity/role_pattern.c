/* Patterns with stars, which clients may write in roles of their own: matching takes time in
 * proportion to pattern times action, never more. A pattern is a row of steps; a set of steps that
 * may come next is moved over the action, letter by letter. */
#include "identity/role.h"

#include "identity/role_private.h"

#include <assert.h>
#include <string.h>

/* ASCII alone: actions are. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* The step after the slash of "/" star "/": the slash before the star may serve for the one behind
 * it. */
static bool skips(struct str pattern, size_t at)
{
    return at > 0 && at + 1 < pattern.len && pattern.ptr[at] == '*' && pattern.ptr[at - 1] == '/' &&
           pattern.ptr[at + 1] == '/';
}

/* Adds a step and those that are reached from it without a letter. */
static void add(struct str pattern, size_t at, bool *steps)
{
    while (at <= pattern.len && !steps[at]) {
        steps[at] = true;
        if (at == pattern.len || pattern.ptr[at] != '*')
            return;
        if (skips(pattern, at) && at + 2 <= pattern.len)
            add(pattern, at + 2, steps);
        at++;
    }
}

/* Patterns of ours are shorter, and role_read takes no longer ones; an action too long to be one of
 * Azure's is allowed to nobody but who may everything. */
bool role_matches(struct str pattern, struct str action)
{
    bool now[ROLE_PATTERN_MAX + 1] = {false}, next[ROLE_PATTERN_MAX + 1];

    if (str_eq(pattern, STR("*")))
        return true;
    if (pattern.len > ROLE_PATTERN_MAX || action.len > ROLE_ACTION_MAX)
        return false;
    add(pattern, 0, now);
    for (size_t i = 0; i < action.len; i++) {
        bool any = false;
        memset(next, 0, sizeof(next));
        for (size_t at = 0; at < pattern.len; at++) {
            if (!now[at])
                continue;
            bool star = pattern.ptr[at] == '*';
            if (!star && lower(pattern.ptr[at]) != lower(action.ptr[i]))
                continue;
            add(pattern, star ? at : at + 1, next);
            any = true;
        }
        if (!any)
            return false;
        memcpy(now, next, sizeof(now));
    }
    return now[pattern.len];
}

/* Whether some text is matched by both: pairs of steps, each visited once. */
static bool meet(struct str a, size_t i, struct str b, size_t j, bool *seen)
{
    bool *mark = &seen[i * (ROLE_PATTERN_MAX + 1) + j];

    if (*mark)
        return false;
    *mark = true;
    if (i == a.len && j == b.len)
        return true;
    bool star_a = i < a.len && a.ptr[i] == '*', star_b = j < b.len && b.ptr[j] == '*';
    if ((skips(a, i) && meet(a, i + 2, b, j, seen)) || (skips(b, j) && meet(a, i, b, j + 2, seen)))
        return true;
    if (star_a && (meet(a, i + 1, b, j, seen) || (j < b.len && meet(a, i, b, j + 1, seen))))
        return true;
    if (star_b && (meet(a, i, b, j + 1, seen) || (i < a.len && meet(a, i + 1, b, j, seen))))
        return true;
    return i < a.len && j < b.len && lower(a.ptr[i]) == lower(b.ptr[j]) &&
           meet(a, i + 1, b, j + 1, seen);
}

bool role_patterns_meet(struct str a, struct str b)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    if (a.len > ROLE_PATTERN_MAX || b.len > ROLE_PATTERN_MAX)
        return true;
    return meet(a, 0, b, 0,
                arena_new_array(arena, bool, (ROLE_PATTERN_MAX + 1) * (ROLE_PATTERN_MAX + 1)));
}
