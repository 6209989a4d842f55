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

/* Two patterns and which pairs of their places were visited. */
struct meeting {
    struct str a, b;
    bool *seen;
};

static bool meet(struct meeting *m, size_t i, size_t j);

/* The star of one pattern takes nothing more, or whatever the other has next. */
static bool meet_star(struct meeting *m, size_t i, size_t j)
{
    bool star_a = i < m->a.len && m->a.ptr[i] == '*', star_b = j < m->b.len && m->b.ptr[j] == '*';

    if (star_a && (meet(m, i + 1, j) || (j < m->b.len && meet(m, i, j + 1))))
        return true;
    return star_b && (meet(m, i, j + 1) || (i < m->a.len && meet(m, i + 1, j)));
}

/* Whether some text is matched by both from these places on: each pair is visited once. */
static bool meet(struct meeting *m, size_t i, size_t j)
{
    bool *mark = &m->seen[i * (ROLE_PATTERN_MAX + 1) + j];

    if (*mark)
        return false;
    *mark = true;
    if (i == m->a.len && j == m->b.len)
        return true;
    if ((skips(m->a, i) && meet(m, i + 2, j)) || (skips(m->b, j) && meet(m, i, j + 2)) ||
        meet_star(m, i, j))
        return true;
    return i < m->a.len && j < m->b.len && lower(m->a.ptr[i]) == lower(m->b.ptr[j]) &&
           meet(m, i + 1, j + 1);
}

/* Whether there is an action that both mean. */
bool role_patterns_meet(struct str a, struct str b)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct meeting m = {.a = a, .b = b};

    if (a.len > ROLE_PATTERN_MAX || b.len > ROLE_PATTERN_MAX)
        return true;
    m.seen = arena_new_array(arena, bool, (ROLE_PATTERN_MAX + 1) * (ROLE_PATTERN_MAX + 1));
    return meet(&m, 0, 0);
}
