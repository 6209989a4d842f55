/* doom_private.h - between doom.c and doom_sweep.c */
#pragma once

#include "asset/doom.h"

/* Values of doomed.kind. */
enum doomed_kind { DOOMED_RUN = 1, DOOMED_EXPERIMENT, DOOMED_MODEL, DOOMED_BYTES };

/* One thing left to do. */
struct doomed {
    int64_t doomed; /* row */
    int64_t scope;
    enum doomed_kind kind;
    int64_t owner;                /* row of the run or logged model, id of the experiment */
    struct str container, prefix; /* of bytes */
    int64_t at_us; /* not before; what is newer has another owner and stays. 0 in doom_note: now */
};

/* Inside a write: one more thing to do. */
int doom_note(struct store_txn *txn, const struct doomed *doomed, struct error *err);
