/* run.h - what mlflow/ does with runs beyond tracking.h: deleting, descendants, ends */
#pragma once

#include "tracking/pair.h"

/* Makes a run id: 32 hex digits, of which the first 16 are the time in microseconds, so that new
 * rows land side by side in the index. */
struct str run_new_id(struct arena *arena, int64_t now_us);

/* Whether a run is `ancestor` or below it. */
int run_within(struct store_txn *txn, const struct run *run, const struct run_key *ancestor,
               bool *out, struct error *err);

/* Raises the revision: something that is no metric changed. */
int run_touch(struct store_txn *txn, int64_t run, struct error *err);

/* After a run ended: its points are packed soon. */
void run_ended(struct tracking *tracking, int64_t run);

/* All runs of an experiment, newest start first, ties by id; deleted ones included. -1 from `each`
 * ends the walk. */
int run_each_of(struct store_txn *txn, const struct experiment_key *experiment, run_each *each,
                void *context, struct error *err);

/* Where a run's artifacts lie: below the experiment's own location when it has one. */
struct str run_artifact_uri(struct arena *arena, const struct run *run, struct str location);
