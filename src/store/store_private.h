/* store_private.h - what the files of src/store share: seats, the writer, trouble
 *
 * A `store_txn` is a seat: one connection with the statements prepared on it. It lives as long as
 * the store and carries one transaction after another; the writer has one, readers have a pool.
 */
#pragma once

#include "base/map.h"
#include "store/store.h"
#include "store/store_engine.h"

#include <pthread.h>
#include <stdatomic.h>

#define STORE_SCHEMA 2   /* the newest migration; schema.c */
#define STORE_RECENT 256 /* statements found by the address of their text */
#define STORE_LISTENERS 8

struct flush; /* store.c: one that was asked for in this transaction */

/* A seat: one connection with its statements, on which one transaction follows another. It is the
 * writer's for ever, or a reader's for a while. */
struct store_txn {
    struct store *store;
    const struct store_engine *engine;
    struct store_connection *connection;
    bool writer;
    struct map *statements; /* text → struct sql */
    struct {
        const char *address;
        struct sql *sql;
    } recent[STORE_RECENT];
    struct sql *used;
    struct error err; /* of the last step that failed */

    /* One transaction: */
    struct arena *arena;
    bool lost;         /* the engine left it by itself; every further statement fails */
    bool failed;       /* the engine failed a statement: what was read may be wrong. Every further
                        * statement fails, too */
    bool changed;      /* a row since the current apply began */
    bool gathered;     /* the current apply asked for a flush state */
    int64_t event_seq; /* newest event appended, 0 when none */
    struct flush *flushes;

    struct store_txn *next_free; /* in the pool of readers */
};

/* A seat: opens a connection. Owns: the caller. */
int store_txn_open(struct store *store, const char *url, bool writer, struct store_txn **out,
                   struct error *err);
void store_txn_close(struct store_txn **txn);
/* One transaction on it. store_txn_reset ends the use of all statements and frees the arena; it
 * neither commits nor rolls back. */
int store_txn_begin(struct store_txn *txn, struct error *err);
void store_txn_reset(struct store_txn *txn);
void store_txn_rollback(struct store_txn *txn);

/* event.c tells that this transaction appended an event. */
void store_txn_appended(struct store_txn *txn, int64_t seq);

struct writer;
/* writer.c: takes over the seat. The queue is emptied by writer_stop. */
int writer_start(struct store *store, struct store_txn *txn, struct writer **out,
                 struct error *err);
void writer_stop(struct writer **writer);
void writer_queue(struct writer *writer, struct store_job *job);
bool writer_is_me(const struct writer *writer);

/* schema.c: brings a database to STORE_SCHEMA, each migration in a transaction of its own. */
int schema_migrate(struct store_txn *txn, struct error *err);

/* A database, its one writer and its readers. */
struct store {
    char *url;
    char boot_id[40];
    const struct store_engine *engine;
    struct writer *writer;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t freed;
    struct store_txn *free_readers;
    unsigned readers, readers_max;
    atomic_bool read_only;
    struct error trouble;

    pthread_mutex_t wake_lock; /* held while listeners run, so that taking one back is final */
    store_slow *slow;
    struct {
        void (*wake)(int64_t seq, void *context);
        void *context;
    } listeners[STORE_LISTENERS];

    pthread_t checker;
    bool checking;
    atomic_bool stop_check;
    atomic_bool winds_down;
};

/* From now on (or, with ERROR_NONE, no longer) writes are refused for this reason. Damage stays. */
void store_set_trouble(struct store *store, const struct error *why);
/* Runs what was gathered in this transaction, in the order it was asked for. */
int store_flush_all(struct store_txn *txn, struct error *err);
/* The label of this thread, "" for none. */
const char *store_labelled(void);
/* Tells who wants to know of slow writes. */
void store_tell_slow(struct store *store, const char *what, int64_t us);
/* Tells the listeners. */
void store_wake(struct store *store, int64_t seq);
