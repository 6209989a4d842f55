/* Record, then start; and the same again after a crash between the two. Starting twice is made
 * harmless by the run folder: the second runner finds the first one's lock. */
#include "job/start.h"

#include "base/log.h"
#include "identity/identity.h"
#include "job/finish.h"
#include "job/spec.h"
#include "os/clock.h"
#include "os/fault.h"

#include <assert.h>

/* The token of a job without a limit (decisions 25). */
#define JOB_TOKEN_DEFAULT_US (30LL * 24 * 3600 * US_PER_S)

/* From the decision to the write, which looks again whether the job still waits. */
struct placing {
    struct str pool;
    int number; /* 0: it was not waiting any more */
};

/* Between the decision and this write somebody may have canceled it: then nothing is recorded. */
static int record_attempt(struct store_txn *txn, struct run *run, struct attempt *, void *context,
                          struct error *err)
{
    struct placing *placing = context;
    struct attempt attempt = {.run = run->run, .compute = placing->pool};
    struct job_move move = {.event = JOB_PLACED, .actor = STR("scheduler")};

    assert(placing->pool.len);
    placing->number = 0;
    if (run->status != RUN_QUEUED)
        return 0;
    if (attempt_insert(txn, &attempt, err) < 0)
        return -1;
    move.reason = arena_printf(store_arena(txn), "Placed on %.*s.", STR_ARG(placing->pool));
    move.attempt = attempt.number;
    placing->number = attempt.number;
    return job_state_move(txn, run, &move, err) < 0 ? -1 : 0;
}

/* Only the first word about a runner moves the state: events of the runner itself may have come
 * earlier. */
static int record_runner(struct store_txn *txn, struct run *, struct attempt *attempt,
                         void *context, struct error *err)
{
    assert(attempt->number > 0);
    attempt->runner = *(const struct process_id *)context;
    if (attempt->state == ATTEMPT_RECORDED)
        attempt->state = ATTEMPT_RUNNING;
    return attempt_update(txn, attempt, err);
}

/* Everything spec.json needs, read in one snapshot. */
static struct json *make_spec(struct jobs *jobs, struct arena *arena, int64_t row, int number,
                              struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    struct spec_attempt attempt = {.number = number};
    struct job_stored stored;
    struct scope scope;
    struct run run;

    assert(row > 0 && number > 0);
    if (!txn || run_by_row(txn, row, &run, err) < 0 ||
        scope_by_number(txn, run.scope, &scope, err) < 0 ||
        step_read(txn, &run, &stored, err) < 0 ||
        experiment_name(txn, run.scope, run.experiment, &attempt.experiment, err) < 0)
        return NULL;
    int64_t limit_us = json_int_at(stored.resolved, "timeoutSeconds", 0) * US_PER_S;
    struct token_claims claims = {.audience = identity_audience(jobs->options.identity),
                                  .subject = run.run_id,
                                  .object_id = scope.guid,
                                  .name = run.run_id,
                                  .scope = run.scope,
                                  .run = run.run_id,
                                  .attempt = number,
                                  .maker = stored.maker};
    /* A job with a limit still has to bring its outputs home: an hour more. */
    claims.expires_us =
        clock_now_us() + (limit_us ? limit_us + 3600 * US_PER_S : JOB_TOKEN_DEFAULT_US);
    if (identity_mint(jobs->options.identity, arena, &claims, &attempt.token, err) < 0)
        return NULL;
    attempt.scope = &scope;
    attempt.run = &run;
    attempt.resolved = stored.resolved;
    attempt.token_expires_us = claims.expires_us;
    return spec_write(jobs, arena, &attempt);
}

/* Writes the folder and starts the runner. */
static int launch(struct jobs *jobs, const struct compute_start *folder, struct json *spec,
                  struct process_id *out, struct error *err)
{
    assert(folder->attempt.len);
    if (!spec || compute_make_folder(folder, spec, err) < 0)
        return -1;
    failpoint("job.start");
    return jobs->backend->start(folder, out, err);
}

/* Trouble that passes ends this turn: the attempt is recorded, so the next turn finds it. All else
 * ends the job. A runner that was started and could not be written down is left to the next turn,
 * too: it has left its runner.json, and calling the job failed would forget a process that works.
 */
static int launch_or_fail(struct jobs *jobs, int64_t run, int number, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct compute_start folder = step_folder(jobs, arena, run, number);
    struct job_exit end = {.kind = STR("prepare")};
    struct process_id runner;
    struct error why = {0};

    assert(number > 0);
    if (launch(jobs, &folder, make_spec(jobs, arena, run, number, &why), &runner, &why) == 0) {
        struct job_step step = {jobs, run, number, record_runner, &runner};
        LOG(LOG_INFO, "job.started", LOG_STR("attempt", folder.attempt),
            LOG_INT("runner", runner.pid));
        return step_write(&step, err);
    }
    /* Keys not made yet, a busy store, a host without a process to spare. */
    if (why.code == ERROR_UNAVAILABLE) {
        *err = why;
        return -1;
    }
    log_error("job.start", &why);
    end.reason = arena_printf(arena, "The job could not be started: %s", why.message);
    return finish_attempt(jobs, run, number, &end, err);
}

/* Recorded first, started second: after a crash between the two the record is found and started
 * again, while a process without a record would run unseen. */
int start_job(struct jobs *jobs, int64_t run, struct str pool, struct error *err)
{
    struct placing placing = {.pool = pool};
    struct job_step step = {jobs, run, 0, record_attempt, &placing};

    assert(pool.len > 0);
    if (!identity_ready(jobs->options.identity))
        return 0; /* the engine looks again soon */
    if (step_write(&step, err) < 0)
        return -1;
    failpoint("job.recorded");
    return placing.number ? launch_or_fail(jobs, run, placing.number, err) : 0;
}

/* A runner that did start has left its runner.json, and is only noted; two never work on one
 * attempt. */
int start_again(struct jobs *jobs, const struct attempt *attempt, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct compute_start folder = step_folder(jobs, arena, attempt->run, attempt->number);
    struct process_id runner;

    assert(attempt->state == ATTEMPT_RECORDED);
    if (compute_read_runner(&folder, &runner, NULL) > 0) {
        struct job_step step = {jobs, attempt->run, attempt->number, record_runner, &runner};
        return step_write(&step, err);
    }
    return launch_or_fail(jobs, attempt->run, attempt->number, err);
}
