/* The store as its users see it: opening and closing, handing writes to the writer, seats for
 * readers, listeners, and the trouble that makes it refuse writes.
 *
 * Order at the end: the background check, the readers, then the writer, whose connection is the
 * last to close and so leaves a database without a log behind: the mark of a clean stop. */
#include "os/process.h"
#include "store/store_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READERS 8
#define READER_WAIT_S 5

static const struct store_engine *const ENGINES[] = {&store_sqlite, &store_memory, &store_fault};

/* By the scheme of the URL; NULL when no engine speaks it. */
static const struct store_engine *store_engine_of(const char *url)
{
    for (size_t i = 0; i < COUNT(ENGINES); i++) {
        size_t len = strlen(ENGINES[i]->scheme);
        if (strncmp(url, ENGINES[i]->scheme, len) == 0 && url[len] == ':')
            return ENGINES[i];
    }
    return NULL;
}

/* Each "memory:" without a name is a database of its own. */
static char *store_own_url(const char *url)
{
    static atomic_uint count;
    bool nameless = strlen(url) >= 7 && strcmp(url + strlen(url) - 7, "memory:") == 0;
    char *own = NULL;

    if (nameless ? asprintf(&own, "%s%u", url, atomic_fetch_add(&count, 1)) < 0
                 : (own = strdup(url)) == NULL)
        abort();
    return own;
}

/* Waiting is timed by the monotonic clock: people set the other one. */
static void store_init_locks(struct store *store)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->wake_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&store->freed, &attr);
    pthread_condattr_destroy(&attr);
}

/* The background check, on a connection of its own. */
static void *store_check(void *context)
{
    struct store *store = context;
    struct store_connection *connection;
    struct error err = {0};

    assert(store->url);
    if (store->engine->open(store->url, false, &connection, &err) < 0)
        return NULL;
    if (store->engine->check(connection, &store->stop_check, &err) < 0 && err.code == ERROR_CORRUPT)
        store_set_trouble(store, &err);
    store->engine->close(connection);
    return NULL;
}

/* The schema is brought up to date before any reader can be made, and by the writer's connection:
 * two of them could meet in a migration. */
int store_open(const char *url, const struct store_options *options, struct store **out,
               struct error *err)
{
    const struct store_engine *engine = url ? store_engine_of(url) : NULL;
    CLEANUP(store_close) struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct process_id self;

    if (!engine)
        return error_set(err, ERROR_INVALID, "", "No store speaks the URL '%s'.", url);
    if (process_identify(getpid(), &self, err) < 0)
        return -1;
    store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->engine = engine;
    store->url = store_own_url(url);
    store->readers_max = options && options->readers ? options->readers : READERS;
    snprintf(store->boot_id, sizeof(store->boot_id), "%s", self.boot_id);
    store_init_locks(store);
    if (store_txn_open(store, store->url, true, &txn, err) < 0)
        return -1;
    bool unclean = engine->was_unclean(txn->connection);
    if (schema_migrate(txn, err) < 0 || writer_start(store, txn, &store->writer, err) < 0) {
        store_txn_close(&txn);
        return -1;
    }
    /* Reading every page takes seconds: it may not stand before the first answer. */
    store->checking = unclean && pthread_create(&store->checker, NULL, store_check, store) == 0;
    *out = store;
    store = NULL;
    return 0;
}

/* Readers must be back by now. The check of the file is told to stop, as it may take minutes. */
void store_close(struct store **out)
{
    struct store *store = *out;

    if (!store)
        return;
    *out = NULL;
    atomic_store(&store->stop_check, true);
    if (store->checking)
        pthread_join(store->checker, NULL);
    while (store->free_readers) {
        struct store_txn *txn = store->free_readers;
        store->free_readers = txn->next_free;
        store->readers--;
        store_txn_close(&txn);
    }
    assert(store->readers == 0); /* nobody reads any more */
    writer_stop(&store->writer); /* last, so that its close finds the database unused */
    pthread_cond_destroy(&store->freed);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->wake_lock);
    free(store->url);
    free(store);
}

/* --- Writing -------------------------------------------------------------------------------- */

/* A caller asleep until its group's end. Lives on its stack. */
struct waiting {
    struct store_job job;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    int result;
    struct error *err;
};

/* Runs on the writer's thread while the caller waits on its own stack. */
static void store_write_done(struct store_job *job, int result, const struct error *err)
{
    struct waiting *waiting = CONTAINER_OF(job, struct waiting, job);

    assert(result == 0 || err->code != ERROR_NONE);
    pthread_mutex_lock(&waiting->lock);
    waiting->result = result;
    if (result < 0 && waiting->err)
        *waiting->err = *err;
    waiting->done = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock); /* the other thread's stack: not to be touched again */
}

/* Many callers wait at once, so their jobs share one commit: that is where the speed of writes
 * comes from. */
int store_write(struct store *store, store_apply *apply, void *context, struct error *err)
{
    struct waiting waiting = {
        .job = {.apply = apply, .context = context, .done = store_write_done},
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ended = PTHREAD_COND_INITIALIZER,
        .err = err,
    };

    assert(apply && !writer_is_me(store->writer)); /* it would wait for itself */
    writer_queue(store->writer, &waiting.job);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.done)
        pthread_cond_wait(&waiting.ended, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.ended);
    pthread_mutex_destroy(&waiting.lock);
    return waiting.result;
}

/* For event loops, which may not wait: `done` is called on the writer's thread. */
void store_write_later(struct store *store, struct store_job *job)
{
    assert(job->apply && job->done);
    writer_queue(store->writer, job);
}

/* What the jobs of one commit gather, to be written once for all of them. */
struct flush {
    store_flush *run; /* its name as well: one state for each */
    void *state;
    struct flush *next;
};

/* A handful of flushes at most, so a list will do. */
void *store_flush_state(struct store_txn *txn, store_flush *run, size_t size)
{
    struct flush **last = &txn->flushes;

    assert(txn->writer && txn->arena);
    txn->gathered = true;
    for (; *last; last = &(*last)->next)
        if ((*last)->run == run)
            return (*last)->state;
    *last = arena_make(txn->arena, struct flush);
    **last = (struct flush){.run = run, .state = arena_alloc(txn->arena, size)};
    return (*last)->state;
}

/* What this transaction has gathered so far and not written yet: a reader of its own within the
 * write must count it in. */
const void *store_flush_peek(struct store_txn *txn, store_flush *run)
{
    for (const struct flush *flush = txn->flushes; flush; flush = flush->next)
        if (flush->run == run)
            return flush->state;
    return NULL;
}

/* In order: a flush may rely on rows of those that were asked for before it. */
int store_flush_all(struct store_txn *txn, struct error *err)
{
    assert(txn->writer);
    for (struct flush *flush = txn->flushes; flush; flush = flush->next)
        if (flush->run(txn, flush->state, err) < 0)
            return -1;
    return 0;
}

/* --- Slow writes ------------------------------------------------------------------------------ */

/* One for each thread: a handler queues its writes where it runs, or has them queued by the same.
 */
static _Thread_local const char *thread_label;

void store_label(const char *what)
{
    thread_label = what;
}

const char *store_labelled(void)
{
    return thread_label ? thread_label : "";
}

void store_on_slow(struct store *store, store_slow *tell)
{
    assert(store);
    pthread_mutex_lock(&store->wake_lock);
    store->slow = tell;
    pthread_mutex_unlock(&store->wake_lock);
}

void store_tell_slow(struct store *store, const char *what, int64_t us)
{
    pthread_mutex_lock(&store->wake_lock);
    if (store->slow)
        store->slow(what, us);
    pthread_mutex_unlock(&store->wake_lock);
}

/* --- Events --------------------------------------------------------------------------------- */

/* Under the lock, so that after taking a listener off none of its calls is running any more: its
 * context may be freed. */
void store_on_event(struct store *store, void (*wake)(int64_t seq, void *context), void *context)
{
    size_t at = 0;

    pthread_mutex_lock(&store->wake_lock);
    assert(wake || context);
    if (wake) {
        while (at < STORE_LISTENERS && store->listeners[at].wake)
            at++;
        assert(at < STORE_LISTENERS);
        store->listeners[at].wake = wake;
        store->listeners[at].context = context;
    }
    for (; !wake && at < STORE_LISTENERS; at++)
        if (store->listeners[at].context == context)
            store->listeners[at].wake = NULL;
    pthread_mutex_unlock(&store->wake_lock);
}

/* On the writer's thread, after the commit: what is woken finds its events. */
void store_wake(struct store *store, int64_t seq)
{
    assert(seq > 0);
    pthread_mutex_lock(&store->wake_lock);
    for (size_t i = 0; i < STORE_LISTENERS; i++)
        if (store->listeners[i].wake)
            store->listeners[i].wake(seq, store->listeners[i].context);
    pthread_mutex_unlock(&store->wake_lock);
}

/* --- Reading -------------------------------------------------------------------------------- */

/* A free seat, or NULL and the right to open one (or, after a long wait, an error). */
static int store_take_reader(struct store *store, struct store_txn **out, struct error *err)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until); /* a real time limit, also under a test clock */
    until.tv_sec += READER_WAIT_S;
    pthread_mutex_lock(&store->lock);
    while (!store->free_readers && store->readers == store->readers_max && rc == 0)
        rc = pthread_cond_timedwait(&store->freed, &store->lock, &until);
    assert(store->readers <= store->readers_max);
    *out = store->free_readers;
    if (*out)
        store->free_readers = (*out)->next_free;
    else if (rc == 0)
        store->readers++;
    pthread_mutex_unlock(&store->lock);
    return *out || rc == 0 ? 0
                           : error_set(err, ERROR_UNAVAILABLE, "",
                                       "All %u readers of the database are busy; try again.",
                                       store->readers_max);
}

/* Gives a seat back, or (NULL) the right to one. */
static void store_give_reader(struct store *store, struct store_txn *txn)
{
    pthread_mutex_lock(&store->lock);
    assert(store->readers > 0);
    if (txn) {
        txn->next_free = store->free_readers;
        store->free_readers = txn;
    } else {
        store->readers--;
    }
    pthread_cond_signal(&store->freed);
    pthread_mutex_unlock(&store->lock);
}

/* A connection that lies idle, or a new one up to the limit; then it is waited for one. A snapshot:
 * whatever is written meanwhile is not seen. */
struct store_txn *store_read_begin(struct store *store, struct error *err)
{
    struct store_txn *txn;

    assert(!writer_is_me(store->writer)); /* its own transaction sees more */
    if (store_take_reader(store, &txn, err) < 0)
        return NULL;
    if (!txn && store_txn_open(store, store->url, false, &txn, err) < 0) {
        store_give_reader(store, NULL);
        return NULL;
    }
    if (store_txn_begin(txn, err) < 0) {
        store_give_reader(store, txn);
        return NULL;
    }
    return txn;
}

/* For CLEANUP: every way out of a function gives the reader back. */
void store_read_end(struct store_txn **txn)
{
    if (!*txn)
        return;
    assert(!(*txn)->writer);
    store_txn_rollback(*txn); /* it changed nothing */
    store_give_reader((*txn)->store, *txn);
    *txn = NULL;
}

/* Dies with the transaction: what is to outlive it is copied. */
struct arena *store_arena(struct store_txn *txn)
{
    assert(txn->arena);
    return txn->arena;
}

/* For helpers that were given only the transaction. */
struct store *store_of(struct store_txn *txn)
{
    assert(txn->store);
    return txn->store;
}

/* Asserted by what changes rows: on a reader's connection it would fail late and for another
 * reason. */
bool store_is_writer(const struct store_txn *txn)
{
    return txn->writer;
}

/* --- Trouble -------------------------------------------------------------------------------- */

/* Asked before each write without a lock: a write that slips through fails by itself. */
bool store_read_only(const struct store *store)
{
    return atomic_load(&store->read_only);
}

/* Long work is done in small steps by many hands; this is the one thing all of them hold. */
void store_wind_down(struct store *store)
{
    atomic_store(&store->winds_down, true);
}

/* Asked between two steps. */
bool store_winds_down(const struct store *store)
{
    return atomic_load(&store->winds_down);
}

/* A copy under the lock, since its words may be replaced at any time. */
void store_trouble(struct store *store, struct error *out)
{
    pthread_mutex_lock(&store->lock);
    *out = store->trouble;
    pthread_mutex_unlock(&store->lock);
}

/* What the state page shows, and why writes are refused from here on. */
void store_set_trouble(struct store *store, const struct error *why)
{
    pthread_mutex_lock(&store->lock);
    /* What is damaged stays so until somebody has looked at it; a doubt may end. */
    if (store->trouble.code != ERROR_CORRUPT) {
        store->trouble = *why;
        atomic_store(&store->read_only, why->code != ERROR_NONE);
    }
    pthread_mutex_unlock(&store->lock);
}
