#include "store/lease.h"

#include "os/clock.h"
#include "store/store_private.h"

#include <assert.h>

/* Time is the monotonic clock, which begins anew at each boot: the boot's id stands beside it in
 * `body`, and a lease of another boot has run out. */

/* One sentence for all: who lost a lease stops, whatever it was doing. */
static int lease_fenced(struct str name, struct error *err)
{
    return error_set(err, ERROR_FENCED, "", "The lease '%.*s' is another's now.", STR_ARG(name));
}

/* One statement takes, fences and says the token; no row comes back while another holds it. */
int lease_take(struct store_txn *txn, struct str name, struct str holder, int64_t *out_token,
               struct error *err)
{
    int64_t now_us = clock_mono_us();
    struct sql *q = sql(txn,
                        "INSERT INTO lease (name, holder, token, until_us, body)"
                        " VALUES (?, ?, 1, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                        " holder = excluded.holder, token = lease.token + 1,"
                        " until_us = excluded.until_us, body = excluded.body"
                        " WHERE lease.until_us <= ? OR lease.body <> excluded.body"
                        " OR lease.holder = excluded.holder RETURNING token",
                        err);

    if (!q)
        return -1;
    assert(holder.len);
    sql_bind_text(q, 1, name);
    sql_bind_text(q, 2, holder);
    sql_bind_int(q, 3, now_us + LEASE_US);
    sql_bind_text(q, 4, str_from(store_of(txn)->boot_id));
    sql_bind_int(q, 5, now_us);
    int64_t token = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    if (sql_end(q, err) < 0)
        return -1;
    if (!token)
        return error_set(err, ERROR_CONFLICT, "", "The lease '%.*s' is held by another.",
                         STR_ARG(name));
    *out_token = token;
    return 0;
}

/* Sets how long it lasts, if the token is still the newest. */
static int lease_set(struct store_txn *txn, struct str name, int64_t token, int64_t until_us,
                     struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE lease SET until_us = ?, body = ?,"
                        " holder = CASE WHEN ? = 0 THEN '' ELSE holder END"
                        " WHERE name = ? AND token = ? AND holder <> ''",
                        err);

    if (!q)
        return -1;
    assert(token > 0);
    sql_bind_int(q, 1, until_us);
    sql_bind_text(q, 2, str_from(store_of(txn)->boot_id));
    sql_bind_int(q, 3, until_us);
    sql_bind_text(q, 4, name);
    sql_bind_int(q, 5, token);
    if (sql_run(q, err) < 0)
        return -1;
    return sql_changes(txn) == 1 ? 0 : lease_fenced(name, err);
}

/* Also when its time is over, as long as nobody took it: the token is what counts. */
int lease_renew(struct store_txn *txn, struct str name, int64_t token, struct error *err)
{
    return lease_set(txn, name, token, clock_mono_us() + LEASE_US, err);
}

/* The row stays: its token must never fall. */
int lease_release(struct store_txn *txn, struct str name, int64_t token, struct error *err)
{
    return lease_set(txn, name, token, 0, err);
}

/* The token alone decides, not the time: an expired lease that nobody took is still ours. */
int lease_check(struct store_txn *txn, struct str name, int64_t token, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT token FROM lease WHERE name = ? AND token = ? AND"
                        " holder <> ''",
                        err);

    if (!q)
        return -1;
    assert(token > 0);
    sql_bind_text(q, 1, name);
    sql_bind_int(q, 2, token);
    bool ours = sql_step(q) > 0;
    if (sql_end(q, err) < 0)
        return -1;
    return ours ? 0 : lease_fenced(name, err);
}
