/* attempt.h - one start of a job: recorded before it happens, found again after a crash */
#pragma once

#include "os/process.h"
#include "tracking/tracking.h"

/* Values of attempt.state. */
enum attempt_state { ATTEMPT_RECORDED = 1, ATTEMPT_RUNNING, ATTEMPT_ENDED };

/* A run's try at its work: one runner, one folder, one slot of a pool. It ends once and for all; a
 * retry is another. */
struct attempt {
    int64_t run;
    int number;
    enum attempt_state state;
    struct str compute;       /* the pool it takes a slot of */
    struct process_id runner; /* pid 0: not started yet */
    int64_t next_event;       /* the seq wanted next of its runner */
    int64_t started_us, ended_us;
    struct str exit_kind; /* as in exit.json; "" while it runs */
    int64_t exit_code;
    struct str reason;
};

/* The folder's name, "{run row}-{number}", and back. */
struct str attempt_name(struct arena *arena, int64_t run, int number);
bool attempt_parse(struct str name, int64_t *out_run, int *out_number);

/* Errors: ERROR_NOT_FOUND. */
int attempt_get(struct store_txn *txn, int64_t run, int number, struct attempt *out,
                struct error *err);
/* The newest attempt of a run. Errors: ERROR_NOT_FOUND. */
int attempt_last(struct store_txn *txn, int64_t run, struct attempt *out, struct error *err);
/* Records the next attempt of a run; gives its number. */
int attempt_insert(struct store_txn *txn, struct attempt *attempt, struct error *err);
/* Writes everything but run and number. */
int attempt_update(struct store_txn *txn, const struct attempt *attempt, struct error *err);

/* All attempts that have not ended, in the order of their runs. -1 from each ends the walk. */
typedef int attempt_each(const struct attempt *attempt, void *context, struct error *err);
int attempt_open_each(struct store_txn *txn, attempt_each *each, void *context, struct error *err);
