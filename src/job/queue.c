/* Reads who waits and what is busy, has place.c decide, and starts what it chose. The reading is
 * one snapshot of one workspace; starting looks again within its write, since a job may have been
 * cancelled since. */
#include "job/queue.h"

#include "job/start.h"
#include "job/watcher.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_MAX 1000 /* looked at in one turn; the rest waits behind them */
#define POOLS_MAX 64

/* The pools that jobs wait for; what goes to one beyond the limit waits until others are
 * through. */
struct pools {
    struct place_pool list[POOLS_MAX];
    size_t count;
};

/* Nodes of a pool: this host's cores for `serverless`, max instances for a cluster, one for an
 * instance, which may be switched off; 0 when it is gone. */
static int pool_slots(struct store_txn *txn, int64_t scope, struct str name, bool *out_stopped)
{
    struct document_key key = {.scope = scope, .type = STR("computes"), .name = name};
    struct document compute;

    if (str_eq(name, STR("serverless"))) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        return cores > 0 ? (int)cores : 1;
    }
    if (document_get(txn, &key, &compute, NULL) < 0)
        return 0;
    struct json *body = json_parse(store_arena(txn), compute.body, NULL);
    *out_stopped = str_eq(json_str_at(body, "power.state"), STR("Stopped"));
    int64_t nodes = json_int_at(body, "properties.properties.scaleSettings.maxNodeCount", 1);
    return nodes > 0 ? (int)nodes : 0;
}

/* NULL when there are more pools than one turn looks at. */
static struct place_pool *pool_of(struct store_txn *txn, int64_t scope, struct pools *pools,
                                  struct str name)
{
    assert(pools->count <= POOLS_MAX);
    for (size_t i = 0; i < pools->count; i++)
        if (str_eq(pools->list[i].name, name))
            return &pools->list[i];
    if (pools->count == POOLS_MAX)
        return NULL;
    struct place_pool *pool = &pools->list[pools->count++];
    *pool = (struct place_pool){.name = name};
    pool->slots = pool_slots(txn, scope, name, &pool->stopped);
    pool->busy_with = arena_new_array(store_arena(txn), struct str, 8);
    return pool;
}

/* One workspace in one snapshot. */
struct filling {
    struct store_txn *txn;
    int64_t scope;
    struct pools *pools;
};

/* Counts an open attempt as a taken slot; the first few names are kept for the reasons. */
static int take_slot(const struct attempt *attempt, void *context, struct error *err)
{
    struct filling *filling = context;
    struct run run;

    assert(filling->pools);
    if (run_by_row(filling->txn, attempt->run, &run, err) < 0)
        return -1;
    if (run.scope != filling->scope)
        return 0;
    struct place_pool *pool =
        pool_of(filling->txn, filling->scope, filling->pools, attempt->compute);
    if (!pool)
        return 0;
    if (pool->busy < 8)
        pool->busy_with[pool->busy] = run.run_id;
    pool->busy++;
    return 0;
}

/* Oldest first. Their bodies are read for the compute alone. */
static int read_waiting(struct filling *filling, struct queue *out, struct error *err)
{
    struct store_txn *txn = filling->txn;
    struct arena *arena = store_arena(txn);
    struct place_job *list = arena_new_array(arena, struct place_job, QUEUE_MAX);
    struct sql *q =
        sql(txn, "SELECT run FROM run WHERE scope = ? AND status = ? ORDER BY run LIMIT ?", err);
    size_t count = 0;

    assert(filling->pools && out);
    if (!q)
        return -1;
    out->runs = arena_new_array(arena, int64_t, QUEUE_MAX);
    sql_bind_int(q, 1, filling->scope);
    sql_bind_int(q, 2, RUN_QUEUED);
    sql_bind_int(q, 3, QUEUE_MAX);
    while (count < QUEUE_MAX && sql_step(q) > 0)
        out->runs[count++] = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct job_stored stored;
        struct run run;
        struct error unread = {0};
        if (run_by_row(txn, out->runs[i], &run, err) < 0)
            return -1;
        if (step_read(txn, &run, &stored, &unread) < 0) {
            if (unread.code != ERROR_NOT_FOUND && unread.code != ERROR_INVALID) {
                *err = unread;
                return -1;
            }
            /* One without a document stands in nobody's way: it has no compute, which is told. */
            stored = (struct job_stored){0};
        }
        list[i] = (struct place_job){.name = run.run_id,
                                     .pool = json_str_at(stored.resolved, "compute"),
                                     .submitted_us = run.created_us};
        pool_of(txn, filling->scope, filling->pools, list[i].pool);
    }
    out->input.jobs = list;
    out->input.job_count = count;
    return 0;
}

/* The waiting ones come first, for they name the pools; attempts on other pools are then added. */
int queue_read(struct jobs *jobs, struct store_txn *txn, int64_t scope, struct queue *out,
               struct error *err)
{
    struct pools *pools = arena_make(store_arena(txn), struct pools);
    struct filling filling = {txn, scope, pools};
    struct queue queue = {0};

    assert(scope > 0);
    /* The check last: a pool that could not be read is not one that is gone. */
    if (read_waiting(&filling, &queue, err) < 0 ||
        attempt_open_each(txn, take_slot, &filling, err) < 0 || store_txn_check(txn, err) < 0)
        return -1;
    queue.input.pools = pools->list;
    queue.input.pool_count = pools->count;
    *out = queue;
    return 0;
}

/* The workspaces that have a turn, however many there are. */
struct scopes {
    struct arena *arena;
    int64_t *numbers;
    size_t count, size;
};

/* Registries have no jobs, and retired scopes none any more. */
static int note_scope(const struct scope *scope, void *context)
{
    struct scopes *scopes = context;

    assert(scope->number > 0);
    if (scope->kind != SCOPE_WORKSPACE)
        return 0;
    if (scopes->count == scopes->size) {
        size_t size = scopes->size * 2 + 64;
        int64_t *grown = arena_new_array(scopes->arena, int64_t, size);
        if (scopes->count)
            memcpy(grown, scopes->numbers, scopes->count * sizeof(*grown));
        scopes->numbers = grown;
        scopes->size = size;
    }
    scopes->numbers[scopes->count++] = scope->number;
    return 0;
}

/* One workspace: decides on a snapshot, then starts outside of it. */
static int queue_turn(struct jobs *jobs, int64_t scope, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    struct queue queue;

    assert(scope > 0);
    if (!txn || queue_read(jobs, txn, scope, &queue, err) < 0)
        return -1;
    size_t count = queue.input.job_count;
    struct place_decision *decisions = place_decide(arena, &queue.input);
    int64_t *runs = arena_new_array(arena, int64_t, count);
    struct str *pools = arena_new_array(arena, struct str, count);
    for (size_t i = 0; i < count; i++) {
        runs[i] = queue.runs[i];
        pools[i] = arena_str(arena, queue.input.jobs[i].pool);
    }
    store_read_end(&txn);
    for (size_t i = 0; i < count; i++) {
        if (!decisions[i].start)
            watchers_tell_state(jobs->watchers, runs[i], RUN_QUEUED, decisions[i].reason);
        else if (start_job(jobs, runs[i], pools[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Each workspace has its own snapshot, so that no reader is held over all of them. */
int queue_run(struct jobs *jobs, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct scopes scopes = {.arena = arena};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);

    assert(jobs);
    if (!txn || scope_each(txn, note_scope, &scopes, err) < 0)
        return -1;
    store_read_end(&txn);
    int result = 0;
    for (size_t i = 0; i < scopes.count; i++)
        if (queue_turn(jobs, scopes.numbers[i], err) < 0)
            result = -1; /* the others have their turn all the same */
    return result;
}
