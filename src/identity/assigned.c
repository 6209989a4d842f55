/* One row each, under the id of its resource: an id has slashes, so no principal that somebody
 * makes can have that name, and what lies below a workspace is found by its beginning. */
#include "identity/assigned.h"

#include "identity/identity_private.h"
#include "identity/principal_private.h"
#include "os/clock.h"

#include <assert.h>

int assigned_find(struct store_txn *txn, struct str id, struct principal *out, struct error *err)
{
    assert(str_find_char(id, '/') >= 0);
    return principal_by_key(txn, id, out, err);
}

/* A PUT of a resource that is there keeps its principal: roles hang on it. */
int assigned_ensure(struct store_txn *txn, const struct assigned_wish *wish, struct error *err)
{
    struct principal made = {.kind = PRINCIPAL_MANAGED,
                             .name = wish->id,
                             .display = wish->display,
                             .object_id = wish->object_id,
                             .client_id = wish->client_id,
                             .created_us = clock_now_us()},
                     found;
    struct error none = {0};

    assert(store_is_writer(txn) && principal_is_guid(wish->object_id));
    if (assigned_find(txn, wish->id, &found, &none) == 0)
        return 0;
    if (none.code != ERROR_NOT_FOUND)
        return error_pass(err, &none);
    return principal_insert(txn, &made, wish->actor, err);
}

/* The next one of the id or below: '/' leads below, '0' is the character behind it. 1 found, 0
 * none, -1 failed. */
static int next_of(struct store_txn *txn, struct str id, bool below, int64_t *out,
                   struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct str lower = arena_lower(arena, id);
    struct str from = arena_printf(arena, "%.*s/", STR_ARG(lower));
    struct sql *q = sql(txn,
                        "SELECT principal FROM principal WHERE kind = 4 AND (name_key = ?1 OR"
                        " (name_key >= ?2 AND name_key < ?3)) LIMIT 1",
                        err);

    static_assert(PRINCIPAL_MANAGED == 4);
    if (!q)
        return -1;
    sql_bind_text(q, 1, lower);
    sql_bind_text(q, 2, from);
    sql_bind_text(q, 3, below ? arena_printf(arena, "%.*s0", STR_ARG(lower)) : from);
    bool found = sql_step(q) > 0;
    if (found)
        *out = sql_int(q, 0);
    return sql_end(q, err) < 0 ? -1 : found;
}

/* Whoever makes a resource of the same id gets another principal, without the roles of this one. */
int assigned_drop(struct store_txn *txn, struct str id, bool below, struct str actor,
                  struct error *err)
{
    struct principal who;
    int64_t number;
    int found;

    assert(store_is_writer(txn) && id.len > 0);
    while ((found = next_of(txn, id, below, &number, err)) > 0)
        if (principal_by_number(txn, number, &who, err) < 0 ||
            principal_remove(txn, &who, actor, err) < 0)
            return -1;
    return found;
}

void assigned_changed(struct identity *identity)
{
    assert(identity);
    atomic_fetch_add(&identity->generation, 1);
}
