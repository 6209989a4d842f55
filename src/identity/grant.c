/* Rows of role assignments. The rules of who may write them are the caller's (kinds/role_*.c); here
 * is what is true whoever asks: who and which role exist, one assignment once, the last Owner
 * stays. */
#include "identity/grant.h"

#include "identity/grant_private.h"
#include "identity/identity_private.h"
#include "identity/principal_private.h"
#include "os/clock.h"
#include "store/event.h"

#include <assert.h>

#define SCOPE_MAX_BYTES 2048
#define COLUMNS                                                                               \
    "g.guid, g.scope_path, g.shown, g.role, g.created_us, g.created_by, p.principal, p.kind," \
    " p.name, p.object_id"
#define FROM " FROM \"grant\" g JOIN principal p ON p.principal = g.principal"

/* One spelling for comparing: ARM ignores case and a final slash. */
struct str grant_path(struct arena *arena, struct str scope)
{
    while (scope.len > 0 && scope.ptr[scope.len - 1] == '/')
        scope.len--;
    return arena_lower(arena, scope);
}

/* "/a/b" stands above "/a/b/c" and not above "/a/bc". */
bool grant_above(struct str scope_path, struct str path)
{
    return str_starts(path, scope_path) &&
           (path.len == scope_path.len || path.ptr[scope_path.len] == '/');
}

/* A copy whose texts live in `arena`. */
static struct grant keep(struct arena *arena, const struct grant *grant)
{
    struct grant kept = *grant;

    kept.id = arena_str(arena, grant->id);
    kept.scope_path = arena_str(arena, grant->scope_path);
    kept.scope = arena_str(arena, grant->scope);
    kept.role = arena_str(arena, grant->role);
    kept.created_by = arena_str(arena, grant->created_by);
    kept.who = principal_keep(arena, &grant->who);
    return kept;
}

/* Columns as COLUMNS names them. */
static void read_row(struct sql *q, struct grant *out)
{
    *out = (struct grant){.id = sql_text(q, 0),
                          .scope_path = sql_text(q, 1),
                          .scope = sql_text(q, 2),
                          .role = sql_text(q, 3),
                          .created_us = sql_int(q, 4),
                          .created_by = sql_text(q, 5),
                          .who = {.number = sql_int(q, 6),
                                  .kind = (enum principal_kind)sql_int(q, 7),
                                  .name = sql_text(q, 8),
                                  .object_id = sql_text(q, 9)}};
    assert(out->id.len > 0 && out->who.number > 0);
}

/* The one row of a bound statement. 1 found, 0 none, -1 failed. */
static int one_row(struct sql *q, struct grant *out, struct error *err)
{
    bool found = sql_step(q) > 0;

    if (found)
        read_row(q, out);
    return sql_end(q, err) < 0 ? -1 : found;
}

/* GUIDs are unique on the whole server, whatever the scope. */
static int find_id(struct store_txn *txn, struct str id, struct grant *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS FROM " WHERE g.guid = ?", err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_lower(store_arena(txn), id));
    return one_row(q, out, err);
}

/* The same right under whatever id. */
static int find_same(struct store_txn *txn, const struct grant *grant, struct grant *out,
                     struct error *err)
{
    struct sql *q = sql(
        txn, "SELECT " COLUMNS FROM " WHERE g.scope_path = ? AND g.principal = ? AND g.role = ?",
        err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, grant->scope_path);
    sql_bind_int(q, 2, grant->who.number);
    sql_bind_text(q, 3, grant->role);
    return one_row(q, out, err);
}

/* Who got which right where, for the audit. */
static int grant_event(struct store_txn *txn, const char *type, const struct grant *grant,
                       struct str actor, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *body = json_object(arena);
    struct event event = {.type = str_from(type),
                          .subject_kind = STR("roleAssignment"),
                          .subject = grant->id,
                          .actor = actor};

    json_set_str(arena, body, "scope", grant->scope);
    json_set_str(arena, body, "role", grant->role);
    json_set_str(arena, body, "principal", grant->who.object_id);
    event.body = json_write(arena, body);
    return event_append(txn, &event, err);
}

/* --- Making --------------------------------------------------------------------------------------
 */

struct putting {
    struct arena *arena;
    const struct grant_wish *wish;
    struct str path;
    int64_t now_us;
    struct grant out;
};

/* Who and what; the names of the targets are the codes that Azure's clients look for. */
static int check_wish(struct store_txn *txn, struct putting *putting, struct grant *out,
                      struct error *err)
{
    const struct grant_wish *wish = putting->wish;
    struct arena *arena = store_arena(txn);
    struct role role;
    struct error none = {0};

    *out = (struct grant){.id = arena_lower(arena, wish->id),
                          .scope_path = putting->path,
                          .scope = putting->path.len > 0 ? wish->scope : STR("/"),
                          .role = arena_lower(arena, wish->role),
                          .created_us = putting->now_us,
                          .created_by = wish->actor};
    if (!principal_is_guid(wish->principal) ||
        principal_by_key(txn, wish->principal, &out->who, &none) < 0 ||
        !str_eq_fold(out->who.object_id, wish->principal))
        return error_set(err, ERROR_NOT_FOUND, "PrincipalNotFound",
                         "Principal %.*s does not exist in this directory; principalId is an object"
                         " id.",
                         STR_ARG(str_slice(wish->principal, 0, 64)));
    if (grant_role_in(txn, arena, out->role, &role, &none) < 0)
        return error_set(err, ERROR_NOT_FOUND, "RoleDefinitionDoesNotExist",
                         "The role definition '%.*s' does not exist.",
                         STR_ARG(str_slice(wish->role, 0, 64)));
    for (size_t i = 0; i < role.assignable.count; i++)
        if (grant_above(grant_path(arena, role.assignable.list[i]), out->scope_path))
            return 0;
    return error_set(err, ERROR_INVALID, "properties.roleDefinitionId",
                     "The role '%.*s' cannot be given at this scope; its assignableScopes say"
                     " where.",
                     STR_ARG(role.name));
}

/* The same again is no change; another thing under this id, or this thing under another, is an
 * error. 1 there already, 0 new. */
static int check_present(struct store_txn *txn, const struct grant *grant, struct grant *out,
                         struct error *err)
{
    int found = find_id(txn, grant->id, out, err);

    if (found < 0)
        return -1;
    if (found > 0 && str_eq(out->scope_path, grant->scope_path) && str_eq(out->role, grant->role) &&
        out->who.number == grant->who.number)
        return 1;
    if (found > 0)
        return error_set(err, ERROR_EXISTS, "RoleAssignmentUpdateNotPermitted",
                         "Principal, role and scope of a role assignment cannot be changed; make a"
                         " new one.");
    found = find_same(txn, grant, out, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return error_set(err, ERROR_EXISTS, "RoleAssignmentExists",
                         "The role assignment already exists. The ID of the existing role"
                         " assignment is %.*s.",
                         STR_ARG(out->id));
    return 0;
}

/* On the writer thread. */
static int insert(struct store_txn *txn, void *context, struct error *err)
{
    struct putting *putting = context;
    struct grant grant, present;

    if (check_wish(txn, putting, &grant, err) < 0)
        return -1;
    int found = check_present(txn, &grant, &present, err);
    if (found < 0)
        return -1;
    putting->out = keep(putting->arena, found ? &present : &grant);
    putting->out.fresh = found == 0;
    if (found)
        return 0;
    struct sql *q = sql(txn,
                        "INSERT INTO \"grant\" (guid, scope_path, shown, principal, role,"
                        " created_us, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, grant.id);
    sql_bind_text(q, 2, grant.scope_path);
    sql_bind_text(q, 3, grant.scope);
    sql_bind_int(q, 4, grant.who.number);
    sql_bind_text(q, 5, grant.role);
    sql_bind_int(q, 6, grant.created_us);
    sql_bind_text(q, 7, grant.created_by);
    if (sql_run(q, err) < 0)
        return -1;
    return grant_event(txn, "role.assigned", &grant, putting->wish->actor, err);
}

/* The scope itself is the caller's to look up: this layer knows no resources. */
int grant_put(struct identity *identity, struct arena *arena, const struct grant_wish *wish,
              struct grant *out, struct error *err)
{
    struct putting putting = {.arena = arena, .wish = wish, .now_us = clock_now_us()};

    assert(out);
    if (!principal_is_guid(wish->id))
        return error_set(
            err, ERROR_INVALID, "InvalidRoleAssignmentId",
            "The role assignment ID '%.*s' is not valid. The role assignment ID must be"
            " a GUID.",
            STR_ARG(str_slice(wish->id, 0, 64)));
    if (wish->scope.len > SCOPE_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "scope", "A scope has at most %d bytes.",
                         SCOPE_MAX_BYTES);
    putting.path = grant_path(arena, wish->scope);
    if (principal_write(identity, insert, &putting, err) < 0)
        return -1;
    *out = putting.out;
    return 0;
}

/* --- Finding -------------------------------------------------------------------------------------
 */

/* At another scope it is not there, as in Azure. */
int grant_get(struct identity *identity, struct arena *arena, const struct grant_key *key,
              struct grant *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct str path = grant_path(arena, key->scope);
    struct grant found;

    assert(out);
    if (!txn)
        return -1;
    int result = find_id(txn, key->id, &found, err);
    if (result < 0)
        return -1;
    if (result == 0 || !str_eq(found.scope_path, path))
        return error_set(err, ERROR_NOT_FOUND, "RoleAssignmentNotFound",
                         "The role assignment '%.*s' is not found.",
                         STR_ARG(str_slice(key->id, 0, 64)));
    *out = keep(arena, &found);
    return 0;
}

/* Paths are compared here and not in SQL: a LIKE would take '_' and '%' of names for wildcards. */
static bool shown(const struct grant *grant, const struct grant_query *query, struct str path)
{
    return grant_above(grant->scope_path, path) ||
           (query->below && grant_above(path, grant->scope_path));
}

/* Assignments are few enough to be walked; those of one principal come by an index. */
int grant_list(struct identity *identity, const struct grant_query *query, grant_each *each,
               void *context, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct sql *q = NULL;
    struct grant row;
    int result = 0;

    assert(each);
    if (!txn)
        return -1;
    struct str path = grant_path(store_arena(txn), query->scope);
    q = query->principal == 0
            ? sql(txn, "SELECT " COLUMNS FROM " ORDER BY g.scope_path, g.guid", err)
            : sql(txn,
                  "SELECT " COLUMNS FROM " WHERE g.principal = ?1 OR (?2 AND g.principal IN"
                  " (SELECT team FROM member WHERE member = ?1)) ORDER BY g.scope_path, g.guid",
                  err);
    if (!q)
        return -1;
    if (query->principal != 0) {
        sql_bind_int(q, 1, query->principal);
        sql_bind_int(q, 2, query->with_groups);
    }
    while (result == 0 && sql_step(q) > 0) {
        read_row(q, &row);
        if (shown(&row, query, path))
            result = each(&row, context, err);
    }
    if (result < 0) {
        sql_end(q, NULL);
        return -1;
    }
    return sql_end(q, err);
}

/* --- Removing ------------------------------------------------------------------------------------
 */

/* How many users are Owners of the root; disabled ones cannot do anything. `is` compares with a
 * principal: 1 it alone, 0 all but it. */
static int count_owners(struct store_txn *txn, int64_t principal, bool is, int64_t *out,
                        struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT COUNT(*)" FROM " WHERE g.scope_path = '' AND g.role = '" ROLE_OWNER
                        "' AND p.kind = 1 AND"
                        " p.disabled = 0 AND (p.principal = ?) = ?",
                        err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, principal);
    sql_bind_int(q, 2, is);
    *out = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    return sql_end(q, err);
}

/* Counted in the transaction that would remove one. */
int grant_is_last_owner(struct store_txn *txn, int64_t principal, bool *out, struct error *err)
{
    int64_t own = 0, others = 0;

    assert(out);
    if (count_owners(txn, principal, true, &own, err) < 0 ||
        count_owners(txn, principal, false, &others, err) < 0)
        return -1;
    *out = own > 0 && others == 0;
    return 0;
}

/* Asked before a listener leaves this machine. */
int grant_has_owner(struct identity *identity, bool *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    int64_t count = 0;

    assert(out);
    if (!txn || count_owners(txn, 0, false, &count, err) < 0)
        return -1;
    *out = count > 0;
    return 0;
}

struct removing {
    const struct grant *grant;
    struct str actor;
    bool force;
};

/* The check and the removal are one transaction: two Owners cannot remove each other. */
static int remove_row(struct store_txn *txn, void *context, struct error *err)
{
    const struct removing *removing = context;
    const struct grant *grant = removing->grant;
    bool root_owner = grant->scope_path.len == 0 && str_eq(grant->role, STR(ROLE_OWNER));
    bool last = false;

    if (root_owner && !removing->force &&
        grant_is_last_owner(txn, grant->who.number, &last, err) < 0)
        return -1;
    if (last)
        return error_set(err, ERROR_CONFLICT, "CannotDeleteLastRbacAdminRoleAssignment",
                         "The last Owner of the root cannot be removed; make another one first.");
    struct sql *q = sql(txn, "DELETE FROM \"grant\" WHERE guid = ?", err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, grant->id);
    if (sql_run(q, err) < 0)
        return -1;
    return grant_event(txn, "role.unassigned", grant, removing->actor, err);
}

/* `force` is the folder's owner, who stays whatever else goes. */
int grant_delete(struct identity *identity, const struct grant *grant, struct str actor, bool force,
                 struct error *err)
{
    struct removing removing = {grant, actor, force};

    assert(grant->id.len > 0);
    return principal_write(identity, remove_row, &removing, err);
}

/* Names may hold any letter, so what lies beneath is found by the range of its texts: '0' is the
 * letter after '/'. */
int grant_forget_scope(struct store_txn *txn, struct str scope, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct str path = grant_path(arena, scope);
    struct sql *q = sql(txn,
                        "DELETE FROM \"grant\" WHERE scope_path = ?1 OR"
                        " (scope_path > ?2 AND scope_path < ?3)",
                        err);

    assert(path.len > 0);
    if (!q)
        return -1;
    sql_bind_text(q, 1, path);
    sql_bind_text(q, 2, arena_printf(arena, "%.*s/", STR_ARG(path)));
    sql_bind_text(q, 3, arena_printf(arena, "%.*s0", STR_ARG(path)));
    return sql_run(q, err);
}
