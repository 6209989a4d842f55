/* queue.h - what waits, and the snapshot from which place.c decides */
#pragma once

#include "job/place.h"
#include "job/step.h"

/* The queue and the pools of one workspace, read in one snapshot. */
struct queue {
    struct place_input input;
    int64_t *runs; /* rows, beside input.jobs */
};
int queue_read(struct jobs *jobs, struct store_txn *txn, int64_t scope, struct queue *out,
               struct error *err);

/* Starts whatever has its turn; tells those that wait why. */
int queue_run(struct jobs *jobs, struct error *err);
