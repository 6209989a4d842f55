#include "tracking/run.h"

#include "os/clock.h"
#include "os/random.h"
#include "tracking/tracking_private.h"

#include <assert.h>

/* "user" is a reserved word elsewhere, hence the quotes. */
#define RUN_COLUMNS                                                                       \
    "run, scope, run_id, experiment, parent, root, kind, status, reason, name, \"user\"," \
    " start_us, end_us, created_us, archived, deleted_us, rev, doc"

/* NULL and 0 are one here, so that members need no flag of their own. */
static int64_t int_or_zero(struct sql *q, int column)
{
    return sql_is_null(q, column) ? 0 : sql_int(q, column);
}

/* The same for texts. */
static struct str text_or_empty(struct sql *q, int column)
{
    return sql_is_null(q, column) ? STR("") : sql_text(q, column);
}

/* The order is that of RUN_COLUMNS. */
static struct run run_row(struct sql *q)
{
    return (struct run){.run = sql_int(q, 0),
                        .scope = sql_int(q, 1),
                        .run_id = sql_text(q, 2),
                        .experiment = sql_int(q, 3),
                        .parent = int_or_zero(q, 4),
                        .root = int_or_zero(q, 5),
                        .kind = (enum run_kind)sql_int(q, 6),
                        .status = (enum run_status)sql_int(q, 7),
                        .reason = text_or_empty(q, 8),
                        .name = text_or_empty(q, 9),
                        .user = text_or_empty(q, 10),
                        .start_us = int_or_zero(q, 11),
                        .end_us = int_or_zero(q, 12),
                        .created_us = sql_int(q, 13),
                        .archived = sql_int(q, 14) != 0,
                        .deleted_us = int_or_zero(q, 15),
                        .rev = sql_int(q, 16),
                        .doc = int_or_zero(q, 17)};
}

/* The row of a bound statement, with MLflow's sentence when there is none. */
static int run_one(struct sql *q, struct str name, struct run *out, struct error *err)
{
    struct run read = {0};
    bool found = sql_step(q) > 0;

    if (found)
        read = run_row(q);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "run_id", "Run with id=%.*s not found",
                         STR_ARG(name));
    *out = read;
    return 0;
}

/* In any case: names of jobs are those of ARM resources. */
int run_get(struct store_txn *txn, int64_t scope, struct str run_id, struct run *out,
            struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT " RUN_COLUMNS " FROM run WHERE scope = ? AND run_key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_text(q, 2, arena_lower(store_arena(txn), run_id));
    return run_one(q, run_id, out, err);
}

/* For parents and for what hangs on the row. */
int run_by_row(struct store_txn *txn, int64_t run, struct run *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT " RUN_COLUMNS " FROM run WHERE run = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    return run_one(q, STR("(row)"), out, err);
}

/* Names that rise with the time keep new rows side by side in the index. */
struct str run_new_id(struct arena *arena, int64_t now_us)
{
    return arena_printf(arena, "%016llx%.*s", (unsigned long long)now_us,
                        STR_ARG(random_hex(arena, 8)));
}

/* The way back of int_or_zero. */
static void bind_or_null(struct sql *q, int at, int64_t value)
{
    if (value)
        sql_bind_int(q, at, value);
    else
        sql_bind_null(q, at);
}

/* The columns that a run has when it is made. */
static void run_bind(struct sql *q, struct arena *arena, const struct run *run)
{
    sql_bind_int(q, 1, run->scope);
    sql_bind_text(q, 2, run->run_id);
    sql_bind_text(q, 3, arena_lower(arena, run->run_id));
    sql_bind_int(q, 4, run->experiment);
    bind_or_null(q, 5, run->parent);
    bind_or_null(q, 6, run->root);
    sql_bind_int(q, 7, run->kind);
    sql_bind_int(q, 8, run->status);
    sql_bind_text(q, 9, run->reason);
    sql_bind_text(q, 10, run->name);
    sql_bind_text(q, 11, run->user);
    bind_or_null(q, 12, run->start_us);
    bind_or_null(q, 13, run->end_us);
    sql_bind_int(q, 14, run->created_us);
    sql_bind_int(q, 15, run->archived);
    bind_or_null(q, 16, run->deleted_us);
    bind_or_null(q, 17, run->doc);
}

/* A name that is taken fails by the table's own index. */
int run_insert(struct store_txn *txn, struct run *run, struct error *err)
{
    struct run added = *run;
    struct arena *arena = store_arena(txn);

    assert(store_is_writer(txn) && added.scope > 0 && added.kind && added.status);
    if (!added.created_us)
        added.created_us = clock_now_us();
    if (added.run_id.len == 0)
        added.run_id = run_new_id(arena, added.created_us);
    struct sql *q = sql(txn,
                        "INSERT INTO run (scope, run_id, run_key, experiment, parent, root, kind,"
                        " status, reason, name, \"user\", start_us, end_us, created_us, archived,"
                        " deleted_us, doc, rev)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
                        " RETURNING run",
                        err);
    if (!q)
        return -1;
    run_bind(q, arena, &added);
    if (sql_step(q) > 0)
        added.run = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    added.rev = 1;
    *run = added;
    return 0;
}

/* Not the name, which stands in artifact addresses. */
int run_update(struct store_txn *txn, struct run *run, struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE run SET status = ?, reason = ?, name = ?, start_us = ?, end_us = ?,"
                        " archived = ?, deleted_us = ?, rev = rev + 1 WHERE run = ?",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run->status);
    sql_bind_text(q, 2, run->reason);
    sql_bind_text(q, 3, run->name);
    bind_or_null(q, 4, run->start_us);
    bind_or_null(q, 5, run->end_us);
    sql_bind_int(q, 6, run->archived);
    bind_or_null(q, 7, run->deleted_us);
    sql_bind_int(q, 8, run->run);
    if (sql_run(q, err) < 0)
        return -1;
    run->rev++;
    return 0;
}

/* Clients that poll for changes compare revisions; metrics have one of their own. */
int run_touch(struct store_txn *txn, int64_t run, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE run SET rev = rev + 1 WHERE run = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    return sql_run(q, err);
}

/* Nothing more will come, so a tail below the limit is packed, too. */
void run_ended(struct tracking *tracking, int64_t run)
{
    compactor_ask(tracking->compactor, run);
}

/* Upwards, since a run has one parent and any number of children. */
int run_within(struct store_txn *txn, const struct run *run, const struct run_key *ancestor,
               bool *out, struct error *err)
{
    struct run at = *run;

    /* Depth is bounded so that a ring, which nobody should have made, ends. */
    for (int depth = 0; depth < 100; depth++) {
        if (at.scope == ancestor->scope && str_eq_fold(at.run_id, ancestor->run_id)) {
            *out = true;
            return 0;
        }
        if (at.parent == 0)
            break;
        if (run_by_row(txn, at.parent, &at, err) < 0)
            return -1;
    }
    *out = false;
    return 0;
}

/* The end of the walk ends the statement; a visit that failed leaves that to the transaction. */
static int run_walk(struct sql *q, run_each *each, void *context, struct error *err)
{
    while (sql_step(q) > 0) {
        struct run run = run_row(q);
        if (each(&run, context, err) < 0)
            return -1;
    }
    return sql_end(q, err);
}

/* For searches, which filter and sort what the table cannot. */
int run_each_of(struct store_txn *txn, const struct experiment_key *experiment, run_each *each,
                void *context, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " RUN_COLUMNS " FROM run WHERE scope = ? AND experiment = ?"
                        " ORDER BY start_us DESC, run_key",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    return run_walk(q, each, context, err);
}

#define RUN_ANY "SELECT " RUN_COLUMNS " FROM run WHERE scope = ? "
#define RUN_BELOW RUN_ANY "AND parent = ? "
#define RUN_OF RUN_ANY "AND experiment = ? "
#define RUN_DOWN                                                  \
    "AND archived BETWEEN ? AND ? AND (created_us, run) < (?, ?)" \
    " ORDER BY created_us DESC, run DESC LIMIT ?"
#define RUN_UP                                                    \
    "AND archived BETWEEN ? AND ? AND (created_us, run) > (?, ?)" \
    " ORDER BY created_us, run LIMIT ?"

/* A position of 0 is the end where the list begins; rows at the same instant are told apart by
 * their number. */
int run_list(struct store_txn *txn, const struct run_query *query, run_each *each, void *context,
             struct error *err)
{
    static const char *const TEXTS[3][2] = {{RUN_ANY RUN_DOWN, RUN_ANY RUN_UP},
                                            {RUN_BELOW RUN_DOWN, RUN_BELOW RUN_UP},
                                            {RUN_OF RUN_DOWN, RUN_OF RUN_UP}};
    int64_t edge = query->oldest ? -1 : INT64_MAX;
    int which = query->parent ? 1 : query->by_experiment ? 2 : 0, at = 1;
    bool start = !query->before_us && !query->before_run;
    struct sql *q = sql(txn, TEXTS[which][query->oldest], err);

    assert(!query->parent || !query->by_experiment);
    if (!q)
        return -1;
    assert(query->limit > 0);
    sql_bind_int(q, at++, query->scope);
    if (query->parent || query->by_experiment)
        sql_bind_int(q, at++, query->parent ? query->parent : query->experiment);
    sql_bind_int(q, at++, query->archived_only && !query->all ? 1 : 0);
    sql_bind_int(q, at++, query->archived_only || query->all ? 1 : 0);
    sql_bind_int(q, at++, start ? edge : query->before_us);
    sql_bind_int(q, at++, start ? edge : query->before_run);
    sql_bind_int(q, at, (int64_t)query->limit);
    return run_walk(q, each, context, err);
}

/* Experiments without a place of their own have the workspace's. */
struct str run_artifact_uri(struct arena *arena, const struct run *run, struct str location)
{
    if (location.len > 0)
        return arena_printf(arena, "%.*s/%.*s/artifacts", STR_ARG(location), STR_ARG(run->run_id));
    return arena_printf(arena, "mlflow-artifacts:/%lld/%.*s/artifacts", (long long)run->experiment,
                        STR_ARG(run->run_id));
}
