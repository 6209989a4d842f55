/* Endpoint names: one a server, since scoring addresses carry no workspace. Asked within the write
 * that makes the endpoint, so two at once cannot both have it. */
#include "endpoint/internal.h"

#include <assert.h>

/* In the writer's transaction, so two workspaces that ask at once cannot both get it. */
int endpoint_name_free(struct store_txn *txn, int64_t scope, struct str name, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT doc FROM document WHERE type = 'onlineEndpoints' AND parent = 0 "
                        "AND name_key = ? AND scope <> ? LIMIT 1",
                        err);

    assert(scope > 0 && name.len > 0);
    if (!q)
        return -1;
    struct str key = arena_lower(store_arena(txn), name);
    sql_bind_text(q, 1, key);
    sql_bind_int(q, 2, scope);
    bool taken = sql_step(q) > 0;
    if (sql_end(q, err) < 0)
        return -1;
    if (taken)
        return error_set(err, ERROR_EXISTS, "name",
                         "Another workspace has an endpoint named '%.*s'; choose another name.",
                         STR_ARG(name));
    return 0;
}
