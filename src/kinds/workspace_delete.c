/* The end of a workspace or a registry: its name is taken away in one commit, which is when it is
 * gone for everybody; its rows follow in small steps, since a write of minutes would hold up all
 * others. A server that dies between is told by the retired rows what is left to do. */
#include "kinds/workspace.h"

#include "asset/asset.h"
#include "endpoint/endpoint.h"
#include "identity/assigned.h"
#include "job/folders.h"
#include "os/clock.h"
#include "store/event.h"
#include "tracking/tracking.h"

#include <assert.h>

#define STEP_RUNS "200"
#define STEP_ROWS "1000"
#define PATIENCE_US (20 * US_PER_S)     /* how long a client waits before it is told to ask again */
#define POLL_PATIENCE_US (5 * US_PER_S) /* the same when it asks */

/* What belongs to a scope, by what its rows say. */
enum purge_by {
    PURGE_SCOPE,    /* the scope's number */
    PURGE_ARTIFACT, /* containers named after its GUID */
    PURGE_BLOB,
    PURGE_ACCOUNT, /* containers that clients made: kept as "{account}/{name}" */
};

struct purge {
    enum purge_by by;
    const char *sql;
};

#define RUNS " (SELECT run FROM run WHERE scope IN (?1, -?1) ORDER BY run LIMIT " STEP_RUNS ")"
#define MODELS \
    " (SELECT -model FROM logged_model WHERE scope IN (?1, -?1) ORDER BY model LIMIT " STEP_RUNS ")"
#define OF_RUNS(table, keys)                                                               \
    {PURGE_SCOPE, "DELETE FROM " table " WHERE (" keys ") IN (SELECT " keys " FROM " table \
                  " WHERE run IN" RUNS " LIMIT " STEP_ROWS ")"}
#define OF_MODELS(table, keys)                                                             \
    {PURGE_SCOPE, "DELETE FROM " table " WHERE (" keys ") IN (SELECT " keys " FROM " table \
                  " WHERE run IN" MODELS " LIMIT " STEP_ROWS ")"}
#define OF_SCOPE(table, keys)                                                              \
    {PURGE_SCOPE, "DELETE FROM " table " WHERE (" keys ") IN (SELECT " keys " FROM " table \
                  " WHERE scope IN (?1, -?1) LIMIT " STEP_ROWS ")"}
#define IN_CONTAINER(by, table, keys)                                             \
    {by, "DELETE FROM " table " WHERE (" keys ") IN (SELECT " keys " FROM " table \
         " WHERE container >= ? AND container < ? LIMIT " STEP_ROWS ")"}

#define OF_STORAGE(table, keys)                                                       \
    IN_CONTAINER(PURGE_ARTIFACT, table, keys), IN_CONTAINER(PURGE_BLOB, table, keys), \
        IN_CONTAINER(PURGE_ACCOUNT, table, keys)

/* What is deleted by itself at the same time has the negative of the scope's number.
 *
 * In this order: what is found through another row goes before it. A step ends at the first of them
 * that had something to remove. */
static const struct purge PURGES[] = {
    OF_RUNS("tail", "seq"),
    OF_RUNS("summary", "run"),
    OF_RUNS("block", "id"),
    OF_RUNS("attempt", "run, attempt"),
    OF_RUNS("param", "run, key"),
    OF_RUNS("tag", "run, key"),
    OF_RUNS("run_input", "run, kind, ref"),
    OF_RUNS("run_output", "run, kind, ref"),
    {PURGE_SCOPE, "DELETE FROM run WHERE run IN" RUNS},
    OF_MODELS("param", "run, key"),
    OF_MODELS("tag", "run, key"),
    {PURGE_SCOPE, "DELETE FROM logged_model WHERE -model IN" MODELS},
    OF_SCOPE("metric_column", "scope, experiment, key, part"),
    OF_SCOPE("dataset", "dataset"),
    OF_SCOPE("experiment_tag", "scope, experiment, key"),
    OF_SCOPE("experiment", "scope, id"),
    {PURGE_SCOPE, "DELETE FROM label WHERE (parent, label_key) IN (SELECT l.parent, l.label_key "
                  "FROM document d JOIN label l ON l.parent = d.doc WHERE d.scope = ? "
                  "LIMIT " STEP_ROWS ")"},
    OF_SCOPE("attr", "doc, field"),
    OF_SCOPE("secret", "scope, owner_kind, owner, slot"),
    OF_SCOPE("edge", "scope, from_kind, from_id, role, to_kind, to_id"),
    OF_SCOPE("document", "doc"),
    OF_SCOPE("event", "seq"),
    OF_SCOPE("doomed", "doomed"),
    OF_STORAGE("staged", "container, name, block_id"),
    OF_STORAGE("committed", "container, name, position"),
    OF_STORAGE("blob", "container, name"),
};

/* '/' leads to the container's own name, '0' is the character behind it. */
static void bind_account(struct sql *q, struct arena *arena, const struct scope *scope)
{
    struct str account = asset_account(arena, scope);

    sql_bind_text(q, 1, arena_printf(arena, "%.*s/", STR_ARG(account)));
    sql_bind_text(q, 2, arena_printf(arena, "%.*s0", STR_ARG(account)));
}

/* '-' goes on with an upload's own name, '.' is the character behind it. */
static void bind_containers(struct sql *q, struct arena *arena, const char *prefix, struct str guid)
{
    sql_bind_text(q, 1, arena_printf(arena, "%s%.*s", prefix, STR_ARG(guid)));
    sql_bind_text(q, 2, arena_printf(arena, "%s%.*s.", prefix, STR_ARG(guid)));
}

/* One statement; how many rows it took, -1 with *err. */
static int64_t purge_rows(struct store_txn *txn, const struct purge *purge,
                          const struct scope *scope, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn, purge->sql, err);

    if (!q)
        return -1;
    switch (purge->by) {
    case PURGE_SCOPE:
        sql_bind_int(q, 1, scope->number);
        break;
    case PURGE_ARTIFACT:
        bind_containers(q, arena, "azureml-", scope->guid);
        break;
    case PURGE_BLOB:
        bind_containers(q, arena, "azureml-blobstore-", scope->guid);
        break;
    case PURGE_ACCOUNT:
        bind_account(q, arena, scope);
        break;
    }
    if (sql_run(q, err) < 0)
        return -1;
    return sql_changes(txn);
}

struct purging {
    struct scope scope;
    bool done;
};

/* On the writer thread: one step; the row itself goes when nothing else is left. */
static int purge_step(struct store_txn *txn, void *context, struct error *err)
{
    struct purging *purging = context;

    assert(store_is_writer(txn));
    purging->done = false;
    for (size_t i = 0; i < COUNT(PURGES); i++) {
        int64_t rows = purge_rows(txn, &PURGES[i], &purging->scope, err);
        if (rows != 0)
            return rows < 0 ? -1 : 0;
    }
    purging->done = true;
    return scope_remove(txn, purging->scope.number, err);
}

static bool time_is_up(int64_t end_us, atomic_bool *stop)
{
    return clock_mono_us() >= end_us || (stop && atomic_load(stop));
}

/* Folders first, then rows, until nothing is left, the time is up or somebody says stop: a folder
 * whose row is gone would be in the way of the next run with that number. */
static int purge_scope(struct engines *engines, const struct scope *scope, int64_t patience_us,
                       atomic_bool *stop, struct error *err)
{
    struct purging purging = {.scope = *scope};
    struct job_folders folders = {.scope = scope->number};
    int64_t end = clock_mono_us() + patience_us;

    assert(scope->number > 0);
    while (!folders.done && !time_is_up(end, stop))
        if (job_folders_drop(engines->store, engines->dir, &folders, err) < 0)
            return -1;
    if (!folders.done)
        return 0;
    do
        if (store_write(engines->store, purge_step, &purging, err) < 0)
            return -1;
    while (!purging.done && !time_is_up(end, stop));
    return 0;
}

/* --- At the start: what an earlier server left -------------------------------------------------
 */

struct retired {
    struct arena *arena;
    struct str guid; /* only that one; "": the first */
    struct scope scope;
};

static int note_retired(const struct scope *scope, void *context)
{
    struct retired *retired = context;

    if (scope->kind != SCOPE_RETIRED ||
        (retired->guid.len > 0 && !str_eq_fold(scope->guid, retired->guid)))
        return 0;
    retired->scope = *scope;
    retired->scope.subscription = arena_str(retired->arena, scope->subscription);
    retired->scope.group = arena_str(retired->arena, scope->group);
    retired->scope.name = arena_str(retired->arena, scope->name);
    retired->scope.guid = arena_str(retired->arena, scope->guid);
    return -1;
}

/* The retired scope that is meant; number 0 when there is none. */
static int find_retired(struct engines *engines, struct retired *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);

    assert(out->arena);
    out->scope = (struct scope){0};
    return txn ? scope_each(txn, note_retired, out, err) : -1;
}

int workspace_purge_retired(struct engines *engines, atomic_bool *stop, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct retired retired = {.arena = arena};

    assert(engines->store && stop);
    while (!atomic_load(stop)) {
        if (find_retired(engines, &retired, err) < 0)
            return -1;
        if (retired.scope.number == 0)
            return 0;
        if (purge_scope(engines, &retired.scope, INT64_MAX / 2, stop, err) < 0)
            return -1;
    }
    return 0;
}

/* Whoever asks whether it is over lends a hand: a DELETE that ran out of patience left the rest to
 * the next start, and a client polls until then. */
int workspace_purge_on(struct engines *engines, struct arena *arena, struct str guid,
                       bool *out_left, struct error *err)
{
    struct retired retired = {.arena = arena, .guid = guid};

    assert(guid.len > 0 && out_left);
    if (find_retired(engines, &retired, err) < 0)
        return -1;
    if (retired.scope.number > 0 &&
        (purge_scope(engines, &retired.scope, POLL_PATIENCE_US, NULL, err) < 0 ||
         find_retired(engines, &retired, err) < 0))
        return -1;
    *out_left = retired.scope.number > 0;
    return 0;
}

/* --- DELETE ------------------------------------------------------------------------------------
 */

/* Jobs in flight write into the workspace until they end. */
static int check_jobs(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct str first = STR("");
    int64_t count = 0;
    struct sql *q = sql(txn,
                        "SELECT run_id, status FROM run WHERE scope = ? AND kind <> 1 AND "
                        "status NOT IN (9, 10, 11) ORDER BY run LIMIT 100",
                        err);

    static_assert(RUN_MLFLOW == 1 && RUN_COMPLETED == 9 && RUN_CANCELED == 11);
    if (!q)
        return -1;
    sql_bind_int(q, 1, req->scope.number);
    while (sql_step(q) > 0)
        if (!run_status_final((enum run_status)sql_int(q, 1)) && count++ == 0)
            first = sql_text(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    if (count == 0)
        return 0;
    error_set(err, ERROR_CONFLICT, "",
              "'%.*s' has %lld jobs that are not finished, '%.*s' among them.",
              STR_ARG(req->scope.name), (long long)count, STR_ARG(first));
    return error_hint(err, "Cancel them first.");
}

/* The two that every folder has would come back at the next start, empty. */
static int check_builtin(const struct arm_request *req, struct error *err)
{
    bool registry = req->scope.kind == SCOPE_REGISTRY;
    const char *kept = registry ? "azureml" : "default";

    assert(req->scope.number > 0);
    if (!str_eq_fold(req->scope.name, str_from(kept)) ||
        !str_eq_fold(req->scope.group, STR("default")))
        return 0;
    return error_set(err, ERROR_CONFLICT, "",
                     "'%s' belongs to every data folder and cannot be deleted.", kept);
}

/* What is granted on the id or below goes with the name, or whoever makes a new scope of that name
 * would inherit it. '/' leads below the id, '0' is the character behind it. */
static int forget_grants(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct arena *arena = req->arena;
    struct str id = arena_lower(arena, scope_arm_id(arena, &req->scope));
    struct sql *q = sql(txn,
                        "DELETE FROM \"grant\" WHERE scope_path = ? OR (scope_path >= ? AND "
                        "scope_path < ?)",
                        err);

    assert(store_is_writer(txn));
    if (!q)
        return -1;
    sql_bind_text(q, 1, id);
    sql_bind_text(q, 2, arena_printf(arena, "%.*s/", STR_ARG(id)));
    sql_bind_text(q, 3, arena_printf(arena, "%.*s0", STR_ARG(id)));
    return sql_run(q, err);
}

/* The tombstone: it lies in no scope, for that one is going. */
static int append_tombstone(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    struct event event = {
        .type = arena_printf(req->arena, "%s.deleted", req->kind->type),
        .subject_kind = str_from(req->kind->type),
        .subject = scope_arm_id(req->arena, &req->scope),
        .actor = req->actor,
        .correlation = http_header(req->call->ex, "x-ms-client-request-id"),
        .body = STR("{}"),
    };

    return event_append(txn, &event, err);
}

static int retire_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct arm_request *req = context;
    struct scope now;

    assert(store_is_writer(txn));
    if (scope_by_number(txn, req->scope.number, &now, err) < 0)
        return -1;
    if (now.kind == SCOPE_RETIRED)
        return 0; /* another DELETE was quicker */
    if (check_builtin(req, err) < 0 || check_jobs(req, txn, err) < 0 ||
        workspace_hub_free(req, txn, err) < 0)
        return -1;
    if (scope_retire(txn, req->scope.number, err) < 0 || forget_grants(req, txn, err) < 0 ||
        assigned_drop(txn, scope_arm_id(req->arena, &req->scope), true, req->actor, err) < 0)
        return -1;
    return append_tombstone(req, txn, err);
}

/* Where a client asks whether it is over; the scope's own address is gone. */
static void add_location(struct arm_request *req)
{
    struct str version = call_query(req->call, "api-version");

    assert(req->scope.guid.len > 0);
    http_add_header(req->call->ex, "Location",
                    arena_printf(req->arena,
                                 "%.*s/subscriptions/%.*s/providers/"
                                 "Microsoft.MachineLearningServices/locations/" WORKSPACE_LOCATION
                                 "/scopeDeletions/%.*s?api-version=%.*s",
                                 STR_ARG(arm_base_url(req->call)), STR_ARG(req->scope.subscription),
                                 STR_ARG(req->scope.guid),
                                 STR_ARG(version.len ? version : STR("2024-10-01"))));
    http_add_header(req->call->ex, "Retry-After", STR("1"));
}

int workspace_unmake(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct str purge = call_query(req->call, "forceToPurge");

    assert(req->scope.number > 0);
    if (purge.len > 0 && !str_eq_fold(purge, STR("true")) && !str_eq_fold(purge, STR("false")))
        return error_set(err, ERROR_INVALID, "forceToPurge",
                         "forceToPurge is true or false, not '%.*s'.",
                         STR_ARG(str_slice(purge, 0, 80)));
    if (store_write(req->engines->store, retire_apply, req, err) < 0)
        return -1;
    if (req->engines->identity)
        assigned_changed(req->engines->identity);
    if (req->engines->endpoints)
        endpoints_wake(req->engines->endpoints);
    if (purge_scope(req->engines, &req->scope, PATIENCE_US, NULL, err) < 0)
        return -1;
    add_location(req);
    *out = (struct arm_reply){.status = 202};
    return 0;
}
