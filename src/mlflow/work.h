/* work.h - how worker handlers read and write: a context that travels into the transaction */
#pragma once

#include "mlflow/handler.h"
#include "mlflow/reply.h"
#include "mlflow/show.h"

/* A write of one handler. `change` runs on the writer; results go into the ask's arena. */
struct work {
    struct ask *ask;
    struct str run_id;
    struct str name, value; /* tag, new name … */
    struct pairs pairs;
    int64_t number;
    void *detail;    /* what only this handler knows */
    struct out *out; /* may be written inside, after buf_clear: apply can run twice */
};
int work_write(struct work *work, store_apply *change, struct error *err);

/* In a write: the run, writable by this caller and not deleted. */
int work_find_run(struct work *work, struct store_txn *txn, struct run *out, struct error *err);

/* In any transaction: the experiment's own artifact location, "" when it has none. */
int work_location(struct store_txn *txn, const struct run *run, struct str *out, struct error *err);

/* A reader; NULL with *err. Release with CLEANUP(store_read_end). */
struct store_txn *work_read(struct ask *ask, struct error *err);

/* Page tokens: opaque to clients, an offset and a mark that binds the token to its search.
 * Errors: ERROR_INVALID «Invalid page token, …». */
struct str work_token(struct arena *arena, size_t offset, uint64_t mark);
int work_offset(struct ask *ask, uint64_t mark, size_t *out, struct error *err);

/* 1 … max, or the fallback when it was not sent (0: it must be sent). */
int work_limit(struct ask *ask, int64_t fallback, int64_t max, size_t *out, struct error *err);

/* The list of order_by clauses. */
struct order_clause;
struct filter_grammar;
struct work_orders {
    struct order_clause *at;
    size_t count;
};
int work_orders(struct ask *ask, const struct filter_grammar *grammar, struct work_orders *out,
                struct error *err);
