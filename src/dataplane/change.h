/* change.h - what the files that write runs share */
#pragma once

#include "dataplane/internal.h"

/* In a write: the run of that name, which this caller may write. Errors: ERROR_NOT_FOUND,
 * ERROR_FORBIDDEN. */
int change_find(struct store_txn *txn, const struct call *call, struct str name, struct run *out,
                struct error *err);

/* The event of a change. */
int change_tell(struct store_txn *txn, const struct call *call, const struct run *run,
                struct error *err);

/* A state by its name in any case, 0 when there is none of that name. */
enum run_status change_status(struct str name);
/* Moves a run that no job moves; 0 leaves it. Times follow. */
void change_state(struct run *run, enum run_status status);

/* Kinds of the values of a run that a client sent. Errors: ERROR_INVALID naming the field. */
int change_check(const struct json *body, struct error *err);
