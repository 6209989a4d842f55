/* step.h - what the files of job/ share, and the one way they write; nobody else includes this */
#pragma once

#include "job/attempt.h"
#include "job/job_private.h"
#include "job/state.h"

/* A write of the engine: finds the run (and the attempt when `number` > 0), runs `work` on them,
 * and after the commit tells the streams of the run its new state. */
struct job_step {
    struct jobs *jobs;
    int64_t run;
    int number;
    int (*work)(struct store_txn *txn, struct run *run, struct attempt *attempt, void *context,
                struct error *err);
    void *context;
};
int step_write(const struct job_step *step, struct error *err);

/* Reads the stored body of a job: wire properties and what was resolved. Errors: ERROR_NOT_FOUND.
 */
struct job_stored {
    struct json *properties;
    struct json *resolved;
    struct maker maker; /* who sent it */
};
int step_read(struct store_txn *txn, const struct run *run, struct job_stored *out,
              struct error *err);

/* The place of an attempt's folder for the compute backend; name in the arena. */
struct compute_start step_folder(struct jobs *jobs, struct arena *arena, int64_t run, int number);
