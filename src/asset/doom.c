/* Dooming: the names go, in the transaction of the client's DELETE. What hangs on them (points,
 * bytes) may be of any size, so it is only written down here and removed slice by slice by
 * doom_sweep.c, also after a crash. */
#include "asset/doom.h"

#include "asset/asset.h"
#include "asset/doom_private.h"
#include "os/clock.h"

#include <assert.h>

/* In the transaction that hides what is doomed: from then on a crash cannot lose it. */
int doom_note(struct store_txn *txn, const struct doomed *doomed, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO doomed (scope, kind, owner, container, prefix, at_us)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    assert(store_is_writer(txn) && doomed->scope > 0);
    sql_bind_int(q, 1, doomed->scope);
    sql_bind_int(q, 2, doomed->kind);
    sql_bind_int(q, 3, doomed->owner);
    sql_bind_text(q, 4, doomed->container);
    sql_bind_text(q, 5, doomed->prefix);
    sql_bind_int(q, 6, doomed->at_us > 0 ? doomed->at_us : clock_now_us());
    return sql_run(q, err);
}

/* The row number serves as the name of what has none any more. */
static int hide_run(struct store_txn *txn, const struct run *run, struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE run SET scope = -scope, run_key = ?, parent = NULL, doc = NULL"
                        " WHERE run = ? AND scope > 0",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_printf(store_arena(txn), "%lld", (long long)run->run));
    sql_bind_int(q, 2, run->run);
    return sql_run(q, err);
}

/* Lineage is found by the run's name, which the next run may have. */
static int forget_edges(struct store_txn *txn, const struct run *run, struct error *err)
{
    static const char *const TEXTS[] = {
        "DELETE FROM edge WHERE scope = ? AND from_kind = 'job' AND from_id = ?",
        "DELETE FROM edge WHERE scope = ? AND to_kind = 'job' AND to_id = ?"};

    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct sql *q = sql(txn, TEXTS[i], err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, run->scope);
        sql_bind_text(q, 2, run->run_id);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

/* Hidden at once and removed piece by piece later: a run may have millions of points. */
int doom_run(struct store_txn *txn, const struct scope *scope, const struct run *run,
             struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct doomed rows = {.scope = scope->number, .kind = DOOMED_RUN, .owner = run->run};
    struct doomed bytes = {.scope = scope->number,
                           .kind = DOOMED_BYTES,
                           .container = asset_artifact_container(arena, scope),
                           .prefix = asset_run_prefix(arena, run->run_id)};

    assert(run->run > 0 && run->scope == scope->number);
    if (forget_edges(txn, run, err) < 0 || hide_run(txn, run, err) < 0 ||
        doom_note(txn, &rows, err) < 0)
        return -1;
    return doom_note(txn, &bytes, err);
}

/* Models that a run logged go as things of their own. */
int doom_model(struct store_txn *txn, const struct scope *scope, const struct logged_model *model,
               struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct doomed rows = {.scope = scope->number, .kind = DOOMED_MODEL, .owner = model->model};
    struct doomed bytes = {.scope = scope->number,
                           .kind = DOOMED_BYTES,
                           .container = asset_artifact_container(arena, scope),
                           .prefix = logged_model_prefix(arena, model->model_id)};
    struct sql *q = sql(txn,
                        "UPDATE logged_model SET scope = -scope, run = NULL"
                        " WHERE model = ? AND scope > 0",
                        err);

    assert(model->model > 0 && model->model_id.len > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, model->model);
    if (sql_run(q, err) < 0 || doom_note(txn, &rows, err) < 0)
        return -1;
    return doom_note(txn, &bytes, err);
}

/* A job that still moves would write into what is gone. */
static int refuse_open(struct store_txn *txn, int64_t scope, int64_t experiment, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT run_id FROM run WHERE scope = ? AND experiment = ?"
                        " AND doc IS NOT NULL AND status NOT IN (?, ?, ?) LIMIT 1",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_int(q, 2, experiment);
    sql_bind_int(q, 3, RUN_COMPLETED);
    sql_bind_int(q, 4, RUN_FAILED);
    sql_bind_int(q, 5, RUN_CANCELED);
    struct str open = sql_step(q) > 0 ? sql_text(q, 0) : STR("");
    if (sql_end(q, err) < 0)
        return -1;
    if (open.len == 0)
        return 0;
    error_set(err, ERROR_CONFLICT, "", "The job '%.*s' of this experiment has not ended.",
              STR_ARG(open));
    return error_hint(err, "Cancel it first.");
}

/* Its number is negated, which hides it from every query, and its name is free. The default one
 * stays, as runs without an experiment land there. */
int doom_experiment(struct store_txn *txn, const struct scope *scope, int64_t experiment,
                    struct error *err)
{
    struct doomed rows = {.scope = scope->number, .kind = DOOMED_EXPERIMENT, .owner = experiment};
    struct str name;

    if (experiment_name(txn, scope->number, experiment, &name, err) < 0)
        return -1;
    if (experiment == 0)
        return error_set(err, ERROR_CONFLICT, "", "The experiment '%.*s' cannot be deleted.",
                         STR_ARG(name));
    if (refuse_open(txn, scope->number, experiment, err) < 0)
        return -1;
    struct sql *q = sql(txn,
                        "UPDATE experiment SET scope = -scope, name = ?"
                        " WHERE scope = ? AND id = ?",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, arena_printf(store_arena(txn), "%lld", (long long)experiment));
    sql_bind_int(q, 2, scope->number);
    sql_bind_int(q, 3, experiment);
    return sql_run(q, err) < 0 ? -1 : doom_note(txn, &rows, err);
}

/* "azureml-{guid}-{16 hex}": the container of one upload. */
static bool is_upload_container(struct arena *arena, const struct scope *scope,
                                struct str container)
{
    struct str before = asset_artifact_container(arena, scope);

    return str_starts(container, before) && container.len == before.len + 17;
}

/* Only what was uploaded for this one: bytes in a datastore of the user's own are not ours to
 * remove. */
int doom_bytes(struct store_txn *txn, const struct scope *scope, struct str uri, struct error *err)
{
    struct error none = {0};
    struct asset_place place;

    assert(store_is_writer(txn));
    if (uri.len == 0 || asset_place(txn, scope, uri, &place, &none) < 0)
        return 0;
    if (!is_upload_container(store_arena(txn), scope, place.container) &&
        !str_starts(place.prefix, STR("LocalUpload/")))
        return 0;
    struct doomed bytes = {.scope = scope->number,
                           .kind = DOOMED_BYTES,
                           .container = place.container,
                           .prefix = place.prefix};
    return doom_note(txn, &bytes, err);
}

/* --- Bytes that nothing names yet ----------------------------------------------------------------
 */

#define LATER_US (3600 * US_PER_S)

int doom_later(struct store_txn *txn, const struct scope *scope, struct str container,
               int64_t *out_doomed, struct error *err)
{
    struct doomed bytes = {.scope = scope->number,
                           .kind = DOOMED_BYTES,
                           .container = container,
                           .at_us = clock_now_us() + LATER_US};
    struct sql *q;

    assert(container.len > 0 && out_doomed);
    if (doom_note(txn, &bytes, err) < 0)
        return -1;
    q = sql(txn, "SELECT MAX(doomed) FROM doomed WHERE container = ?", err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, container);
    if (sql_step(q) > 0)
        *out_doomed = sql_int(q, 0);
    return sql_end(q, err);
}

static int set_due(struct store_txn *txn, int64_t doomed, int64_t at_us, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE doomed SET at_us = ? WHERE doomed = ?", err);

    assert(doomed > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, at_us);
    sql_bind_int(q, 2, doomed);
    return sql_run(q, err);
}

int doom_put_off(struct store_txn *txn, int64_t doomed, struct error *err)
{
    assert(doomed > 0);
    return set_due(txn, doomed, clock_now_us() + LATER_US, err);
}

int doom_settle(struct store_txn *txn, int64_t doomed, bool named, struct error *err)
{
    struct sql *q;

    assert(doomed > 0);
    if (!named)
        return set_due(txn, doomed, clock_now_us(), err);
    q = sql(txn, "DELETE FROM doomed WHERE doomed = ?", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, doomed);
    return sql_run(q, err);
}
