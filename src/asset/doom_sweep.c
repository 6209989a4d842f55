/* What dooming left to do, one slice a transaction. A slice is repeated until it finds nothing;
 * then the row that asked for it goes. All of it may be done twice. */
#include "asset/asset.h"
#include "asset/doom_private.h"
#include "content/content.h"
#include "os/clock.h"
#include "store/document.h"
#include "tracking/logged_model.h"

#include <assert.h>

#define SLICE_ROWS 256
#define SLICE_RUNS 32
#define KEPT_RANGE 2048 /* documents looked at in one snapshot */

struct sweep {
    struct doomed at;
    struct arena *arena;
    const struct asset_place *kept; /* bytes that registered versions name */
    size_t kept_count;
    struct str after; /* the last blob looked at */
    bool more;        /* this slice found something: another follows */
    bool keep_row;    /* nothing to do but to wait for a newer row */
};

/* --- Rows of one owner
 * ---------------------------------------------------------------------------- */

/* Tables of which an owner has few rows, and those that may be long; the second number is a
 * limit. */
static const char *const SHORT[] = {
    "DELETE FROM attempt WHERE run = ?",   "DELETE FROM param WHERE run = ?",
    "DELETE FROM tag WHERE run = ?",       "DELETE FROM summary WHERE run = ?",
    "DELETE FROM run_input WHERE run = ?", "DELETE FROM run_output WHERE run = ?"};
static const char *const LONG[] = {
    "DELETE FROM tail WHERE seq IN (SELECT seq FROM tail WHERE run = ? ORDER BY seq LIMIT ?)",
    "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE run = ? ORDER BY id LIMIT ?)"};

static int delete_rows(struct store_txn *txn, const char *text, int64_t owner, int64_t limit,
                       struct error *err)
{
    struct sql *q = sql(txn, text, err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, owner);
    if (limit > 0)
        sql_bind_int(q, 2, limit);
    return sql_run(q, err);
}

/* The long tables first: while there is more of them, the short ones wait. */
static int clear_owner(struct store_txn *txn, struct sweep *sweep, int64_t owner, struct error *err)
{
    for (size_t i = 0; i < COUNT(LONG); i++) {
        if (delete_rows(txn, LONG[i], owner, SLICE_ROWS, err) < 0)
            return -1;
        if (sql_changes(txn) > 0) {
            sweep->more = true;
            return 0;
        }
    }
    for (size_t i = 0; i < COUNT(SHORT); i++)
        if (delete_rows(txn, SHORT[i], owner, 0, err) < 0)
            return -1;
    return 0;
}

/* Numbers are given again once the greatest row is gone, and a late point of the old run would then
 * be the new one's: so the greatest waits for its successor. */
static int drop_row(struct store_txn *txn, struct sweep *sweep, const char *text, int64_t number,
                    struct error *err)
{
    if (delete_rows(txn, text, number, 0, err) < 0)
        return -1;
    sweep->keep_row = sql_changes(txn) == 0;
    return 0;
}

/* --- A run
 * ---------------------------------------------------------------------------------------- */

struct doomed_runs {
    struct run at[SLICE_RUNS];
    size_t count;
};

static int take_run(const struct run *run, void *context, struct error *)
{
    struct doomed_runs *runs = context;

    runs->at[runs->count++] = *run;
    return 0;
}

/* The document of a job below a job that went. */
static int doom_child(struct store_txn *txn, const struct scope *scope, const struct run *run,
                      struct error *err)
{
    if (run->doc && document_delete(txn, run->doc, err) < 0)
        return -1;
    return doom_run(txn, scope, run, err);
}

static int doom_page(struct store_txn *txn, struct sweep *sweep, const struct run_query *query,
                     struct error *err)
{
    struct doomed_runs *runs = arena_make(store_arena(txn), struct doomed_runs);
    struct scope scope;

    if (run_list(txn, query, take_run, runs, err) < 0)
        return -1;
    if (runs->count == 0)
        return 0;
    if (scope_by_number(txn, sweep->at.scope, &scope, err) < 0)
        return -1;
    sweep->more = true;
    for (size_t i = 0; i < runs->count; i++)
        if (doom_child(txn, &scope, &runs->at[i], err) < 0)
            return -1;
    return 0;
}

/* A workspace that went took its runs along. */
static bool scope_is_gone(struct store_txn *txn, int64_t number)
{
    struct scope scope;

    return scope_by_number(txn, number, &scope, NULL) < 0;
}

/* Models that a run logged go as things of their own. */
static int doom_models(struct store_txn *txn, struct sweep *sweep, struct sql *q, struct error *err)
{
    int64_t models[SLICE_RUNS];
    struct str ids[SLICE_RUNS];
    struct scope scope;
    size_t count = 0;

    while (count < SLICE_RUNS && sql_step(q) > 0) {
        models[count] = sql_int(q, 0);
        ids[count++] = sql_text(q, 1);
    }
    if (sql_end(q, err) < 0)
        return -1;
    sweep->more = sweep->more || count > 0;
    if (count == 0)
        return 0;
    if (scope_by_number(txn, sweep->at.scope, &scope, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct logged_model model = {.model = models[i], .model_id = ids[i]};
        if (doom_model(txn, &scope, &model, err) < 0)
            return -1;
    }
    return 0;
}

static int sweep_run(struct store_txn *txn, struct sweep *sweep, struct error *err)
{
    const struct doomed *at = &sweep->at;
    struct run_query children = {
        .scope = at->scope, .parent = at->owner, .all = true, .limit = SLICE_RUNS};
    struct sql *q;

    if (!scope_is_gone(txn, at->scope)) {
        if (doom_page(txn, sweep, &children, err) < 0)
            return -1;
        q = sql(txn, "SELECT model, model_id FROM logged_model WHERE scope = ? AND run = ? LIMIT ?",
                err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, at->scope);
        sql_bind_int(q, 2, at->owner);
        sql_bind_int(q, 3, SLICE_RUNS);
        if (doom_models(txn, sweep, q, err) < 0)
            return -1;
    }
    if (sweep->more)
        return 0;
    if (clear_owner(txn, sweep, at->owner, err) < 0)
        return -1;
    if (sweep->more)
        return 0;
    return drop_row(txn, sweep,
                    "DELETE FROM run WHERE run = ? AND scope < 0 AND run < (SELECT MAX(run) FROM"
                    " run)",
                    at->owner, err);
}

static int sweep_model(struct store_txn *txn, struct sweep *sweep, struct error *err)
{
    if (clear_owner(txn, sweep, -sweep->at.owner, err) < 0)
        return -1;
    if (sweep->more)
        return 0;
    return drop_row(txn, sweep,
                    "DELETE FROM logged_model WHERE model = ? AND scope < 0 AND model <"
                    " (SELECT MAX(model) FROM logged_model)",
                    sweep->at.owner, err);
}

/* --- An experiment
 * -------------------------------------------------------------------------------- */

/* What hangs on an experiment alone. */
static int clear_experiment(struct store_txn *txn, const struct doomed *at, struct error *err)
{
    static const char *const TEXTS[] = {
        "DELETE FROM experiment_tag WHERE scope = ? AND experiment = ?",
        "DELETE FROM dataset WHERE scope = ? AND experiment = ?",
        "DELETE FROM metric_column WHERE scope = ? AND experiment = ?"};

    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct sql *q = sql(txn, TEXTS[i], err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, at->scope);
        sql_bind_int(q, 2, at->owner);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

/* Ids are given by counting on from the greatest, so that one waits, as rows do. */
static int drop_experiment(struct store_txn *txn, struct sweep *sweep, struct error *err)
{
    struct sql *q = sql(txn,
                        "DELETE FROM experiment WHERE scope = ? AND id = ? AND id <"
                        " (SELECT MAX(id) FROM experiment WHERE scope = ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, -sweep->at.scope);
    sql_bind_int(q, 2, sweep->at.owner);
    sql_bind_int(q, 3, sweep->at.scope);
    if (sql_run(q, err) < 0)
        return -1;
    sweep->keep_row = sql_changes(txn) == 0 && !scope_is_gone(txn, sweep->at.scope);
    return 0;
}

static int sweep_experiment(struct store_txn *txn, struct sweep *sweep, struct error *err)
{
    const struct doomed *at = &sweep->at;
    struct run_query runs = {.scope = at->scope,
                             .by_experiment = true,
                             .experiment = at->owner,
                             .all = true,
                             .limit = SLICE_RUNS};
    struct sql *q;

    if (!scope_is_gone(txn, at->scope)) {
        if (doom_page(txn, sweep, &runs, err) < 0)
            return -1;
        q = sql(txn,
                "SELECT model, model_id FROM logged_model WHERE scope = ? AND experiment = ?"
                " LIMIT ?",
                err);
        if (!q)
            return -1;
        sql_bind_int(q, 1, at->scope);
        sql_bind_int(q, 2, at->owner);
        sql_bind_int(q, 3, SLICE_RUNS);
        if (doom_models(txn, sweep, q, err) < 0)
            return -1;
    }
    if (sweep->more)
        return 0;
    return clear_experiment(txn, at, err) < 0 ? -1 : drop_experiment(txn, sweep, err);
}

/* --- Bytes
 * ---------------------------------------------------------------------------------------- */

/* All of a container is below "". */
static bool is_below(struct str name, struct str prefix)
{
    return str_starts(name, prefix) &&
           (prefix.len == 0 || name.len == prefix.len || name.ptr[prefix.len] == '/');
}

static bool is_kept(const struct sweep *sweep, struct str name)
{
    for (size_t i = 0; i < sweep->kept_count; i++)
        if (is_below(name, sweep->kept[i].prefix))
            return true;
    return false;
}

struct doomed_blobs {
    const struct sweep *sweep;
    struct str names[SLICE_ROWS];
    size_t count, seen;
    struct str last;
};

/* Blobs written since belong to whoever took the name over. */
static int take_blob(const struct blob *blob, void *context, struct error *)
{
    struct doomed_blobs *blobs = context;

    blobs->seen++;
    blobs->last = blob->name;
    if (is_below(blob->name, blobs->sweep->at.prefix) &&
        blob->updated_us <= blobs->sweep->at.at_us && !is_kept(blobs->sweep, blob->name))
        blobs->names[blobs->count++] = blob->name;
    return 0;
}

static int sweep_bytes(struct store_txn *txn, struct sweep *sweep, struct error *err)
{
    struct doomed_blobs *blobs = arena_make(store_arena(txn), struct doomed_blobs);
    struct blob_query query = {.container = sweep->at.container,
                               .prefix = sweep->at.prefix,
                               .after = sweep->after,
                               .limit = SLICE_ROWS};

    blobs->sweep = sweep;
    if (blob_list(txn, &query, take_blob, blobs, err) < 0)
        return -1;
    for (size_t i = 0; i < blobs->count; i++)
        if (blob_delete(txn, sweep->at.container, blobs->names[i], err) < 0)
            return -1;
    sweep->more = blobs->seen == SLICE_ROWS;
    sweep->after = arena_str(sweep->arena, blobs->last);
    return 0;
}

/* --- Which bytes registered versions name: looked up page by page before they go
 * -------------------- */

struct keeping {
    struct sweep *sweep;
    struct asset_place *list;
    size_t size;
    struct str mark; /* bodies without it name none of these bytes */
};

static void keep(struct keeping *k, const struct asset_place *place)
{
    struct sweep *sweep = k->sweep;

    if (sweep->kept_count == k->size) {
        size_t size = k->size * 2 + 16;
        struct asset_place *grown = arena_new_array(sweep->arena, struct asset_place, size);
        for (size_t i = 0; i < sweep->kept_count; i++)
            grown[i] = k->list[i];
        k->list = grown;
        k->size = size;
        sweep->kept = grown;
    }
    k->list[sweep->kept_count++] =
        (struct asset_place){.prefix = arena_str(sweep->arena, place->prefix)};
}

/* Cheap first: most bodies do not hold the mark. */
static int keep_version(struct store_txn *txn, struct keeping *k, struct str text,
                        struct error *err)
{
    static const char *const FIELDS[] = {"properties.modelUri", "properties.dataUri",
                                         "properties.codeUri", "properties.build.contextUri"};
    struct arena *arena = store_arena(txn);
    struct error none = {0};
    struct asset_place place;
    struct scope scope;
    struct json *body = json_parse(arena, text, err);

    if (!body || scope_by_number(txn, k->sweep->at.scope, &scope, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(FIELDS); i++) {
        struct str uri = json_str_at(body, FIELDS[i]);
        if (uri.len > 0 && asset_place(txn, &scope, uri, &place, &none) == 0 &&
            str_eq(place.container, k->sweep->at.container))
            keep(k, &place);
    }
    return 0;
}

/* Documents by their numbers, [from, from + KEPT_RANGE). -1, or whether any lies behind. */
static int keep_range(struct store *store, struct keeping *k, int64_t from, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, err);
    struct sql *q = txn ? sql(txn,
                              "SELECT body FROM document WHERE doc >= ? AND doc < ? AND scope = ?"
                              " AND type IN ('models/versions', 'data/versions',"
                              " 'codes/versions', 'environments/versions')",
                              err)
                        : NULL;
    if (!q)
        return -1;
    sql_bind_int(q, 1, from);
    sql_bind_int(q, 2, from + KEPT_RANGE);
    sql_bind_int(q, 3, k->sweep->at.scope);
    while (sql_step(q) > 0)
        if (str_find(sql_peek(q, 0), k->mark) >= 0 && keep_version(txn, k, sql_text(q, 0), err) < 0)
            return -1;
    if (sql_end(q, err) < 0)
        return -1;
    q = sql(txn, "SELECT 1 FROM document WHERE doc >= ? LIMIT 1", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, from + KEPT_RANGE);
    bool more = sql_step(q) > 0;
    return sql_end(q, err) < 0 ? -1 : more;
}

/* In slices, since a workspace may have 100 000 versions and a reader holds up the writer's log. */
static int keep_versions(struct store *store, struct keeping *k, struct error *err)
{
    const struct doomed *at = &k->sweep->at;
    int more = 1;

    /* A container of one upload says more than the path in it. */
    k->mark = str_starts(at->prefix, STR("ExperimentRun/")) ||
                      str_starts(at->prefix, STR("LoggedModels/")) ||
                      str_starts(at->prefix, STR("LocalUpload/"))
                  ? at->prefix
                  : at->container;
    for (int64_t from = 0; more > 0; from += KEPT_RANGE)
        more = keep_range(store, k, from, err);
    return more;
}

/* --- The walk
 * ------------------------------------------------------------------------------------- */

static int slice_apply(struct store_txn *txn, void *context, struct error *err)
{
    static int (*const SWEEPS[])(struct store_txn *, struct sweep *,
                                 struct error *) = {[DOOMED_RUN] = sweep_run,
                                                    [DOOMED_EXPERIMENT] = sweep_experiment,
                                                    [DOOMED_MODEL] = sweep_model,
                                                    [DOOMED_BYTES] = sweep_bytes};
    struct sweep *sweep = context;

    assert(sweep->at.kind < COUNT(SWEEPS) && SWEEPS[sweep->at.kind]);
    sweep->more = sweep->keep_row = false;
    if (SWEEPS[sweep->at.kind](txn, sweep, err) < 0)
        return -1;
    if (sweep->more || sweep->keep_row)
        return 0;
    return delete_rows(txn, "DELETE FROM doomed WHERE doomed = ?", sweep->at.doomed, 0, err);
}

/* 1 the next thing to do behind `after`, 0 none, -1 with *err. */
static int next_doomed(struct store *store, struct arena *arena, int64_t after, struct doomed *out,
                       struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, err);
    struct sql *q =
        txn ? sql(txn,
                  "SELECT doomed, scope, kind, owner, container, prefix, at_us"
                  " FROM doomed WHERE doomed > ? AND at_us <= ? ORDER BY doomed LIMIT 1",
                  err)
            : NULL;
    if (!q)
        return -1;
    sql_bind_int(q, 1, after);
    sql_bind_int(q, 2, clock_now_us());
    bool found = sql_step(q) > 0;
    if (found)
        *out = (struct doomed){.doomed = sql_int(q, 0),
                               .scope = sql_int(q, 1),
                               .kind = (enum doomed_kind)sql_int(q, 2),
                               .owner = sql_int(q, 3),
                               .container = arena_str(arena, sql_peek(q, 4)),
                               .prefix = arena_str(arena, sql_peek(q, 5)),
                               .at_us = sql_int(q, 6)};
    return sql_end(q, err) < 0 ? -1 : found;
}

static int sweep_one(struct store *store, struct sweep *sweep, struct error *err)
{
    struct keeping k = {.sweep = sweep};

    if (sweep->at.kind == DOOMED_BYTES && keep_versions(store, &k, err) < 0)
        return -1;
    do {
        if (store_write(store, slice_apply, sweep, err) < 0)
            return -1;
    } while (sweep->more && !store_winds_down(store));
    return 0;
}

int doom_sweep(struct store *store, struct error *err)
{
    int64_t after = 0;
    int found;

    do {
        CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
        struct sweep sweep = {.arena = arena};
        found = next_doomed(store, arena, after, &sweep.at, err);
        if (found > 0 && sweep_one(store, &sweep, err) < 0)
            return -1;
        after = sweep.at.doomed;
    } while (found > 0 && !store_winds_down(store));
    return found < 0 ? -1 : 0;
}
