/* start.h - where a job starts: the attempt is recorded, then the runner is up */
#pragma once

#include "job/step.h"

/* Records an attempt on a pool and starts its runner. A job that was canceled meanwhile is left
 * alone; one that cannot be started fails with the reason. -1 only when the store fails. */
int start_job(struct jobs *jobs, int64_t run, struct str pool, struct error *err);

/* Starts the runner of an attempt that was recorded and never seen to start. */
int start_again(struct jobs *jobs, const struct attempt *attempt, struct error *err);
