/* Workspaces and registries. Keys are lower-cased here once; what is shown is the spelling of the
 * row. Everything else in the database hangs on the number. */
#include "store/scope.h"

#include "os/clock.h"

#include <assert.h>

#define COLUMNS "scope, kind, subscription, rgroup, name, guid, data_key, created_us"

/* Texts are copied into the transaction's arena. */
static void scope_read(struct sql *q, struct scope *out)
{
    *out = (struct scope){
        .number = sql_int(q, 0),
        .kind = (enum scope_kind)sql_int(q, 1),
        .subscription = sql_text(q, 2),
        .group = sql_text(q, 3),
        .name = sql_text(q, 4),
        .guid = sql_text(q, 5),
        .data_key = sql_text(q, 6),
        .created_us = sql_int(q, 7),
    };
}

/* The one row of a bound statement. */
static int scope_one(struct sql *q, struct str name, struct scope *out, struct error *err)
{
    bool found = sql_step(q) > 0;

    if (found)
        scope_read(q, out);
    if (sql_end(q, err) < 0)
        return -1;
    assert(!found || out->number > 0);
    if (found)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "There is no workspace '%.*s'.", STR_ARG(name));
}

/* Keys are stored in lower case, so any case finds them by the index. */
int scope_find(struct store_txn *txn, const struct scope_name *name, struct scope *out,
               struct error *err)
{
    struct arena *arena = store_arena(txn);
    bool registry = !name->subscription.len && !name->group.len;
    struct sql *q =
        registry ? sql(txn, "SELECT " COLUMNS " FROM scope WHERE kind = 2 AND name_key = ?", err)
                 : sql(txn,
                       "SELECT " COLUMNS " FROM scope WHERE kind = 1 AND subscription = ? AND"
                       " rgroup_key = ? AND name_key = ?",
                       err);

    if (!q)
        return -1;
    struct str key = arena_lower(arena, name->name);
    if (registry) {
        sql_bind_text(q, 1, key);
    } else {
        sql_bind_text(q, 1, arena_lower(arena, name->subscription));
        sql_bind_text(q, 2, arena_lower(arena, name->group));
        sql_bind_text(q, 3, key);
    }
    return scope_one(q, name->name, out, err);
}

/* A retired one is found, too: whoever removes its rows needs to know it. */
int scope_by_number(struct store_txn *txn, int64_t number, struct scope *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS " FROM scope WHERE scope = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    return scope_one(q, arena_printf(store_arena(txn), "#%lld", (long long)number), out, err);
}

/* Clients keep GUIDs in addresses (MLflow's, those of runs). That of a retired scope is as dead as
 * its name. */
int scope_by_guid(struct store_txn *txn, struct str guid, struct scope *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS " FROM scope WHERE guid = ? AND kind <> 3", err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_lower(store_arena(txn), guid));
    return scope_one(q, guid, out, err);
}

/* A range of the index: '-' goes on with the GUID, '.' is the character behind it. Two heads of 80
 * random bits never meet, so the first is the one. */
int scope_by_guid_head(struct store_txn *txn, struct str head, struct scope *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn,
                        "SELECT " COLUMNS " FROM scope WHERE guid >= ? AND guid < ? AND kind = 1"
                        " ORDER BY guid LIMIT 1",
                        err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_printf(arena, "%.*s-", STR_ARG(head)));
    sql_bind_text(q, 2, arena_printf(arena, "%.*s.", STR_ARG(head)));
    return scope_one(q, head, out, err);
}

/* Registries are unique by name on the whole server. */
static int scope_check_registry(struct store_txn *txn, const struct scope *scope, struct error *err)
{
    struct scope other;
    struct error none;

    if (scope->kind != SCOPE_REGISTRY ||
        scope_find(txn, &(struct scope_name){.name = scope->name}, &other, &none) < 0)
        return 0;
    return error_set(err, ERROR_EXISTS, "", "There is a registry '%.*s' already.",
                     STR_ARG(other.name));
}

/* The greatest number that a removed scope had; 0 before the first was removed. */
static int scope_removed(struct store_txn *txn, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT value FROM meta WHERE key = 'scope'", err);
    int64_t number = 0;

    if (!q)
        return -1;
    if (sql_step(q) > 0 && !str_to_int64(sql_peek(q, 0), &number))
        number = INT64_MAX; /* better none than one that was given before */
    *out = number;
    return sql_end(q, err);
}

/* A number is given once: caches, tokens and signatures hold it longer than its row lives. The
 * table alone would give that of the last row again once the row is gone. */
static int scope_next(struct store_txn *txn, int64_t *out, struct error *err)
{
    int64_t removed;
    struct sql *q;

    if (scope_removed(txn, &removed, err) < 0 ||
        !(q = sql(txn, "SELECT COALESCE(MAX(scope), 0) FROM scope", err)))
        return -1;
    int64_t last = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    if (sql_end(q, err) < 0)
        return -1;
    last = last > removed ? last : removed;
    if (last == INT64_MAX)
        return error_set(err, ERROR_CORRUPT, "",
                         "The database has no number left for a workspace.");
    *out = last + 1;
    return 0;
}

/* Subscription and GUID are kept in lower case, group and name as spelled. */
int scope_insert(struct store_txn *txn, struct scope *scope, struct error *err)
{
    struct arena *arena = store_arena(txn);

    assert(scope->kind == SCOPE_WORKSPACE || scope->kind == SCOPE_REGISTRY);
    assert(scope->guid.len && scope->name.len);
    int64_t number = 0;
    if (scope_check_registry(txn, scope, err) < 0 || scope_next(txn, &number, err) < 0)
        return -1;
    struct sql *q = sql(txn,
                        "INSERT INTO scope (kind, subscription, rgroup, rgroup_key, name,"
                        " name_key, guid, data_key, created_us, scope)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    if (!scope->created_us)
        scope->created_us = clock_now_us();
    sql_bind_int(q, 1, scope->kind);
    sql_bind_text(q, 2, arena_lower(arena, scope->subscription));
    sql_bind_text(q, 3, scope->group);
    sql_bind_text(q, 4, arena_lower(arena, scope->group));
    sql_bind_text(q, 5, scope->name);
    sql_bind_text(q, 6, arena_lower(arena, scope->name));
    sql_bind_text(q, 7, arena_lower(arena, scope->guid));
    sql_bind_blob(q, 8, scope->data_key);
    sql_bind_int(q, 9, scope->created_us);
    sql_bind_int(q, 10, number);
    if (sql_run(q, err) == 0) {
        scope->number = number;
        return 0;
    }
    if (err && err->code == ERROR_EXISTS)
        error_set(err, ERROR_EXISTS, "", "There is a workspace '%.*s' in this group already.",
                  STR_ARG(scope->name));
    return -1;
}

/* The GUID stands in for the name: unique, and never asked for. */
int scope_retire(struct store_txn *txn, int64_t number, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE scope SET kind = 3, name_key = guid WHERE scope = ?", err);

    assert(number > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    return sql_run(q, err);
}

/* The kind is part of the condition, so that no slip can remove one that is still in use. */
int scope_remove(struct store_txn *txn, int64_t number, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn, "DELETE FROM scope WHERE scope = ? AND kind = 3", err);
    int64_t removed;

    assert(number > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    if (sql_run(q, err) < 0 || scope_removed(txn, &removed, err) < 0)
        return -1;
    if (number <= removed)
        return 0;
    q = sql(txn,
            "INSERT INTO meta (key, value) VALUES ('scope', ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_printf(arena, "%lld", (long long)number));
    return sql_run(q, err);
}

/* By number, not by cursor: a scope that is made meanwhile has a greater number and is met. */
int scope_each(struct store_txn *txn, int (*each)(const struct scope *, void *), void *context,
               struct error *err)
{
    struct scope scope = {0};
    bool found;

    assert(each);
    /* A statement per step: `each` may look up scopes itself. */
    do {
        struct sql *q = sql(txn,
                            "SELECT " COLUMNS " FROM scope WHERE scope > ?"
                            " ORDER BY scope LIMIT 1",
                            err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, scope.number);
        found = sql_step(q) > 0;
        if (found)
            scope_read(q, &scope);
        if (sql_end(q, err) < 0)
            return -1;
    } while (found && each(&scope, context) == 0);
    return 0;
}

/* Of any scope that was read: the group as first spelled, since clients compare ids by letters. */
struct str scope_arm_id(struct arena *arena, const struct scope *scope)
{
    assert(scope->number > 0 && scope->name.len);
    return arena_printf(arena,
                        "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                        "Microsoft.MachineLearningServices/%s/%.*s",
                        STR_ARG(scope->subscription), STR_ARG(scope->group),
                        scope->kind == SCOPE_REGISTRY ? "registries" : "workspaces",
                        STR_ARG(scope->name));
}
