/* doom.h - deletion for good: names go at once, rows and bytes in slices behind them
 *
 * What is doomed vanishes in the transaction that dooms it: a run or an experiment moves to the
 * negative of its scope's number, where no look-up finds it, and its name is free again. A row of
 * `doomed` remembers what is left to do, so a crash loses nothing; `doom_sweep` does it, a few
 * milliseconds a transaction. The event that the caller appends stays as the tombstone
 * (decisions 7).
 */
#pragma once

#include "store/scope.h"
#include "tracking/logged_model.h"
#include "tracking/tracking.h"

/* Inside a write, after every check: the run with all that is below it, its metrics, params, tags,
 * attempts, lineage, logged models and files. Files that a registered version still names stay.
 * The run must have ended. */
int doom_run(struct store_txn *txn, const struct scope *scope, const struct run *run,
             struct error *err);

/* An experiment with its runs. Errors: ERROR_NOT_FOUND; ERROR_CONFLICT for Default, and while one
 * of its jobs has not ended, naming it. */
int doom_experiment(struct store_txn *txn, const struct scope *scope, int64_t experiment,
                    struct error *err);

/* A logged model with its params, tags, metrics and files. Files that a registered version still
 * names stay. */
int doom_model(struct store_txn *txn, const struct scope *scope, const struct logged_model *model,
               struct error *err);

/* The bytes behind the URI of a version that goes, when they came by an upload; what lies elsewhere
 * in a datastore is the user's, or belongs to the run that made it. Doing it for an address that
 * leads nowhere does nothing. */
int doom_bytes(struct store_txn *txn, const struct scope *scope, struct str uri, struct error *err);

/* Bytes that are written before anything names them: doomed beforehand, but only in an hour, unless
 * that is put off. `doom_settle` takes it back once a version names them, or lets it be done now;
 * after a crash they go by themselves. Inside writes. */
int doom_later(struct store_txn *txn, const struct scope *scope, struct str container,
               int64_t *out_doomed, struct error *err);
int doom_put_off(struct store_txn *txn, int64_t doomed, struct error *err);
int doom_settle(struct store_txn *txn, int64_t doomed, bool named, struct error *err);

/* Does what is left to do, in slices; blocks for as long as that takes, or until the store winds
 * down. Called by who doomed, after the reply, and once an hour for what a crash left. Threads:
 * any, also several at once. */
int doom_sweep(struct store *store, struct error *err);
