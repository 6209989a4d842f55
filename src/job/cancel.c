/* Asking a job to stop: its state first, then the signal that makes it quick. The order is what
 * makes a crash harmless, as the runner also learns of the state with its next report. */
#include "job/step.h"

#include <assert.h>

/* `running`: a runner has to be told. */
struct canceling {
    struct str actor;
    bool running;
};

/* Looked at inside the write, since the job may have ended while the client asked. */
static int cancel_apply(struct store_txn *txn, struct run *run, struct attempt *, void *context,
                        struct error *err)
{
    struct canceling *canceling = context;
    /* A run that MLflow made has nobody to ask: it is over. */
    struct job_move move = {.event = run->doc ? JOB_CANCEL : JOB_CANCELED,
                            .actor = canceling->actor};

    move.reason = arena_printf(store_arena(txn), "Canceled by %.*s.", STR_ARG(canceling->actor));
    int moved = job_state_move(txn, run, &move, err);
    if (moved < 0)
        return -1;
    canceling->running = run->status == RUN_CANCEL_REQUESTED;
    return 0;
}

/* The state is what counts; a signal that does not arrive costs only the time until the next
 * report. */
int job_cancel(struct jobs *jobs, int64_t scope, struct str name, struct str actor,
               struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    struct canceling canceling = {.actor = actor};
    struct attempt attempt = {0};
    struct run run;

    assert(scope > 0);
    if (!txn || run_get(txn, scope, name, &run, err) < 0)
        return -1;
    store_read_end(&txn);
    struct job_step step = {jobs, run.run, 0, cancel_apply, &canceling};
    if (step_write(&step, err) < 0)
        return -1;
    if (!canceling.running)
        return 0;
    /* The runner hears it with its next report; the signal makes that now. */
    txn = store_read_begin(jobs->options.store, err);
    if (!txn || attempt_last(txn, run.run, &attempt, err) < 0)
        return -1;
    struct compute_start folder = step_folder(jobs, arena, run.run, attempt.number);
    if (attempt.runner.pid > 0)
        jobs->backend->stop(&folder, &attempt.runner, false, NULL);
    return 0;
}
