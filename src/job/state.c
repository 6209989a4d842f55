/* The table of states. One place decides what may follow what; the row, the event and the times of
 * a run change together, in the caller's transaction. */
#include "job/state.h"

#include "os/clock.h"
#include "store/event.h"

#include <assert.h>

/* Rows: the event; columns: the state before. What is not named stays as it is. */
static const unsigned char NEXT[JOB_EVENT_COUNT_][RUN_STATUS_COUNT_] = {
    [JOB_PLACED] = {[RUN_NOT_STARTED] = RUN_PROVISIONING, [RUN_QUEUED] = RUN_PROVISIONING},
    [JOB_PREPARING] = {[RUN_PROVISIONING] = RUN_PREPARING},
    [JOB_STARTING] = {[RUN_PROVISIONING] = RUN_STARTING, [RUN_PREPARING] = RUN_STARTING},
    [JOB_STARTED] = {[RUN_PROVISIONING] = RUN_RUNNING,
                     [RUN_PREPARING] = RUN_RUNNING,
                     [RUN_STARTING] = RUN_RUNNING},
    [JOB_ENDED] = {[RUN_PROVISIONING] = RUN_FINALIZING,
                   [RUN_PREPARING] = RUN_FINALIZING,
                   [RUN_STARTING] = RUN_FINALIZING,
                   [RUN_RUNNING] = RUN_FINALIZING},
    [JOB_COMPLETED] = {[RUN_PROVISIONING] = RUN_COMPLETED,
                       [RUN_PREPARING] = RUN_COMPLETED,
                       [RUN_STARTING] = RUN_COMPLETED,
                       [RUN_RUNNING] = RUN_COMPLETED,
                       [RUN_FINALIZING] = RUN_COMPLETED,
                       [RUN_CANCEL_REQUESTED] = RUN_COMPLETED,
                       [RUN_NOT_RESPONDING] = RUN_COMPLETED},
    [JOB_FAILED] = {[RUN_NOT_STARTED] = RUN_FAILED,
                    [RUN_QUEUED] = RUN_FAILED,
                    [RUN_PROVISIONING] = RUN_FAILED,
                    [RUN_PREPARING] = RUN_FAILED,
                    [RUN_STARTING] = RUN_FAILED,
                    [RUN_RUNNING] = RUN_FAILED,
                    [RUN_FINALIZING] = RUN_FAILED,
                    [RUN_CANCEL_REQUESTED] = RUN_FAILED,
                    [RUN_NOT_RESPONDING] = RUN_FAILED},
    [JOB_CANCELED] = {[RUN_NOT_STARTED] = RUN_CANCELED,
                      [RUN_QUEUED] = RUN_CANCELED,
                      [RUN_PROVISIONING] = RUN_CANCELED,
                      [RUN_PREPARING] = RUN_CANCELED,
                      [RUN_STARTING] = RUN_CANCELED,
                      [RUN_RUNNING] = RUN_CANCELED,
                      [RUN_FINALIZING] = RUN_CANCELED,
                      [RUN_CANCEL_REQUESTED] = RUN_CANCELED,
                      [RUN_NOT_RESPONDING] = RUN_CANCELED},
    /* Nothing runs yet while it waits, so it is canceled at once. */
    [JOB_CANCEL] = {[RUN_NOT_STARTED] = RUN_CANCELED,
                    [RUN_QUEUED] = RUN_CANCELED,
                    [RUN_PROVISIONING] = RUN_CANCEL_REQUESTED,
                    [RUN_PREPARING] = RUN_CANCEL_REQUESTED,
                    [RUN_STARTING] = RUN_CANCEL_REQUESTED,
                    [RUN_RUNNING] = RUN_CANCEL_REQUESTED,
                    [RUN_FINALIZING] = RUN_CANCEL_REQUESTED,
                    [RUN_NOT_RESPONDING] = RUN_CANCEL_REQUESTED},
};

/* A table and not a switch, so that what is allowed can be read at one glance. An event that has no
 * row is refused: a late report must not wake up a job that is over. */
bool job_state_next(enum run_status from, enum job_event event, enum run_status *out)
{
    assert(out);
    assert(from > 0 && from < RUN_STATUS_COUNT_ && event < JOB_EVENT_COUNT_);
    if (NEXT[event][from] == 0)
        return false;
    *out = (enum run_status)NEXT[event][from];
    return true;
}

/* The event is what the timeline of job_why is made of. */
static int append(struct store_txn *txn, const struct run *run, const struct job_move *move,
                  struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *body = json_object(arena);
    struct event event = {.scope = run->scope,
                          .type = STR("job.state"),
                          .subject_kind = STR("job"),
                          .subject = run->run_id,
                          .actor = move->actor};

    assert(run->status > 0);
    json_set_str(arena, body, "status", str_from(run_status_name(run->status)));
    json_set_str(arena, body, "reason", run->reason);
    if (move->attempt > 0)
        json_set_int(arena, body, "attempt", move->attempt);
    event.body = json_write(arena, body);
    return event_append(txn, &event, err);
}

/* Times are set where the state is: started once, ended once. */
int job_state_move(struct store_txn *txn, struct run *run, const struct job_move *move,
                   struct error *err)
{
    enum run_status next;

    assert(txn && run && move);
    if (!job_state_next(run->status, move->event, &next))
        return 0;
    run->status = next;
    run->reason = move->reason;
    if (next == RUN_RUNNING && run->start_us == 0)
        run->start_us = clock_now_us();
    if (run_status_final(next))
        run->end_us = clock_now_us();
    if (run_update(txn, run, err) < 0 || append(txn, run, move, err) < 0)
        return -1;
    return 1;
}
