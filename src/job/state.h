/* state.h - the only place that knows which event moves which state */
#pragma once

#include "tracking/tracking.h"

/* What can happen to a run, in the order of a usual life. Everything that moves a state is one of
 * these. */
enum job_event {
    JOB_PLACED,    /* a compute was found and an attempt recorded */
    JOB_PREPARING, /* the runner brings inputs and environment */
    JOB_STARTING,  /* the process is about to start */
    JOB_STARTED,   /* it runs */
    JOB_ENDED,     /* it ended; outputs are collected */
    JOB_COMPLETED, /* everything is in place, exit code 0 */
    JOB_FAILED,
    JOB_CANCELED, /* ended because somebody asked, or by its time limit */
    JOB_CANCEL,   /* somebody asks */
    JOB_EVENT_COUNT_
};

/* The state after `event`; false when the event changes nothing there (it was late, or a repeat).
 */
bool job_state_next(enum run_status from, enum job_event event, enum run_status *out);

/* What moves a run: the event, one sentence for people, who caused it. */
struct job_move {
    enum job_event event;
    struct str reason;
    struct str actor;
    int attempt; /* 0 before the first */
};

/* In a write: moves the run and appends the event `job.state`. 1 moved, 0 nothing to do, -1 error.
 * *run must be as read in this transaction; it is updated. */
int job_state_move(struct store_txn *txn, struct run *run, const struct job_move *move,
                   struct error *err);
