/* store.h - transactions: one writer that groups, readers of their own
 *
 * A write is a function. `store_write` queues it; the writer thread takes everything queued,
 * begins, runs each function, commits once, and answers each. So a function may run twice (the
 * group is replayed with savepoints when a statement fails after a change): it treats its context
 * as read-only input plus outputs that it overwrites whole. It checks first and changes after; it
 * does no file, network, hashing or logging work. decisions.md 17.
 */
#pragma once

#include "base/arena.h"

struct store;
struct store_txn;

struct store_options {
    unsigned readers; /* connections for reading; 0 = 8 */
};

/* Opens or makes a database: "sqlite:/path/file", "memory:", (later "postgresql://…"). Runs
 * migrations. Errors: ERROR_CORRUPT, ERROR_CONFLICT for a schema newer than ours, naming both. */
int store_open(const char *url, const struct store_options *options, struct store **out,
               struct error *err);
/* Waits for queued writes, then closes. For CLEANUP. */
void store_close(struct store **store);

/* Runs inside the group's transaction on the writer thread. 0 keeps its changes; -1 means it
 * changed nothing and *err says why, unless a statement failed (then the store sorts it out). */
typedef int store_apply(struct store_txn *txn, void *context, struct error *err);

/* Queues and waits until the group is durable. Errors: those of apply; ERROR_UNAVAILABLE when the
 * commit's fate is unknown or the store is read-only; ERROR_STORAGE_FULL; ERROR_IO. */
int store_write(struct store *store, store_apply *apply, void *context, struct error *err);

/* The same without waiting: `done` is called on the writer thread after the commit (result 0 or -1)
 * and must be quick. The struct lives until done has been entered. */
struct store_job {
    store_apply *apply;
    void *context;
    void (*done)(struct store_job *job, int result, const struct error *err);
    struct store_job *next_;
    struct error err_;
    int result_;
    const char *label_;
};
void store_write_later(struct store *store, struct store_job *job);

/* Told on the writer thread, after the answers, of a group's slowest apply when that took more than
 * STORE_SLOW_US: everybody waits for it. `what` is the label of the thread that queued it, "" for
 * none. One at a time; NULL takes it back. */
#define STORE_SLOW_US (20 * 1000)
typedef void store_slow(const char *what, int64_t us);
void store_on_slow(struct store *store, store_slow *tell);
/* What this thread's writes are for from now on: a route. The text outlives the process's work;
 * NULL ends it. */
void store_label(const char *what);

/* After the last apply of a group and before COMMIT, runs `flush(txn, state)`; registering the same
 * pair again within one transaction does nothing. *out_state is zeroed memory of `size` bytes in
 * the transaction's arena, found by `flush` as its key; it dies on replay. A flush cannot
 * refuse. */
typedef int store_flush(struct store_txn *txn, void *state, struct error *err);
void *store_flush_state(struct store_txn *txn, store_flush *flush, size_t size);
/* The state when somebody asked for it in this transaction, else NULL. For looking only: a function
 * that asked by store_flush_state and then refuses counts as one that had changed something. */
const void *store_flush_peek(struct store_txn *txn, store_flush *flush);

/* Called on the writer thread after each commit that appended events, with the newest number. */
/* Several may listen; a NULL wake takes back those of this context, which then runs no more. */
void store_on_event(struct store *store, void (*wake)(int64_t seq, void *context), void *context);

/* A snapshot for reading; hold it under 20 ms. NULL with *err set when none can be had. */
struct store_txn *store_read_begin(struct store *store, struct error *err);
/* For CLEANUP. */
void store_read_end(struct store_txn **txn);

/* 0, or -1 with the first failure of the engine in this transaction: whatever was read since is
 * then doubtful, "not found" above all. Further statements fail with it, and a write is not
 * committed, so only who answers from a snapshot need ask, before the answer goes out. */
int store_txn_check(const struct store_txn *txn, struct error *err);

/* The arena of the transaction: rows read with sql_text are copied into it. */
struct arena *store_arena(struct store_txn *txn);
struct store *store_of(struct store_txn *txn);
bool store_is_writer(const struct store_txn *txn);

/* True once damage or an unknown commit made it refuse writes; `status` shows why. */
bool store_read_only(const struct store *store);
/* Tells work that goes on for as long as there is any (sweeps, collections) to end after its
 * present step, since the server ends; what is left is found by the next start. Writes are taken as
 * before. Threads: any. */
void store_wind_down(struct store *store);
bool store_winds_down(const struct store *store);
/* Why it refuses writes: fills *out, as error_set does; code ERROR_NONE while all is well. */
void store_trouble(struct store *store, struct error *out);

/* --- Statements: prepared once per connection and text (the literal's address is the key). -------
 *
 *     struct sql *q = sql(txn, "SELECT body FROM document WHERE scope = ? AND name_key = ?", err);
 *     if (!q) return -1;
 *     sql_bind_int(q, 1, scope); sql_bind_text(q, 2, key);
 *     while ((row = sql_step(q)) > 0) use(sql_text(q, 0));
 *     return sql_end(q, err);
 */
struct sql;

/* A statement ready to bind, or NULL with *err. It is reset by sql_end, and by the next sql() of
 * the same text: two at once need two texts. */
struct sql *sql(struct store_txn *txn, const char *text, struct error *err);
void sql_bind_int(struct sql *q, int at, int64_t value);
void sql_bind_double(struct sql *q, int at, double value);
void sql_bind_text(struct sql *q, int at, struct str value);
void sql_bind_blob(struct sql *q, int at, struct str value);
void sql_bind_null(struct sql *q, int at);
/* NULL when the text is empty. */
void sql_bind_text_or_null(struct sql *q, int at, struct str value);

/* 1 a row, 0 no more, -1 failed (sql_end then gives the error). */
int sql_step(struct sql *q);

/* Columns of the row, from 0. Texts and blobs are copied into the transaction's arena. */
bool sql_is_null(struct sql *q, int column);
int64_t sql_int(struct sql *q, int column);
double sql_double(struct sql *q, int column);
struct str sql_text(struct sql *q, int column);
/* The same without the copy: valid until the next step. */
struct str sql_peek(struct sql *q, int column);

/* Ends the use: 0, or -1 with the error of a step that failed. */
int sql_end(struct sql *q, struct error *err);
/* Steps to the end and ends. For statements without rows. */
int sql_run(struct sql *q, struct error *err);
/* Rows changed by the last statement of the transaction. */
int64_t sql_changes(struct store_txn *txn);
