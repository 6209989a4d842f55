/* One thread owns the one write connection. It takes everything that is queued, begins, runs each
 * function, commits once and answers each. The usual path has no savepoints; when a function fails
 * after it changed something, the group is rolled back and replayed with one around each.
 *
 * A commit has three ends (decisions 15). Every batch that changes something writes its number, so
 * that after an unknown end the connection is reopened and the number looked for. */
#include "os/clock.h"
#include "store/store_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DELAY_FLOOR_US 400 /* commits quicker than this are not waited for */
#define DELAY_MAX_US 2000
#define DELAY_SHARE 8 /* of the moving average of commit time, which also moves by this */
#define IDLE_S 5      /* without work, before the log is truncated */

#define RESULT_OUT 1 /* of a job left out of further replays; -1 in the end */

/* How one try at a group ended. */
enum end {
    END_DONE,
    END_REPLAY, /* somebody failed halfway: roll back and go through it with savepoints */
    END_FAILED  /* for all of them, *err says why */
};

/* The one thread that changes anything, and the queue before it. */
struct writer {
    struct store *store;
    struct store_txn *txn; /* replaced when the connection is reopened */
    pthread_t thread;
    int64_t batch;    /* number of the last group that may have been committed */
    bool unsettled;   /* whether that one was, nobody could tell */
    bool worked;      /* since the last idle moment */
    int64_t slow_us;  /* the longest apply of this group … */
    const char *slow; /* … and what it was for */
    double commit_us; /* moving average */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t queued;
    struct store_job *first, **last;
    bool stopping;
};

/* --- The queue ------------------------------------------------------------------------------ */

/* In the order of calling: a client that waits for one answer before the next call finds its own
 * writes. */
void writer_queue(struct writer *writer, struct store_job *job)
{
    assert(job->apply && job->done);
    job->next_ = NULL;
    job->label_ = store_labelled();
    pthread_mutex_lock(&writer->lock);
    assert(!writer->stopping);
    bool empty = !writer->first;
    *writer->last = job;
    writer->last = &job->next_;
    if (empty)
        pthread_cond_signal(&writer->queued);
    pthread_mutex_unlock(&writer->lock);
}

/* To assert, instead of a dead lock: a job that asked for a write would wait for itself. */
bool writer_is_me(const struct writer *writer)
{
    return writer && pthread_equal(writer->thread, pthread_self());
}

/* Sleeps until there is something, and uses a quiet while to truncate the log. False at the end.
 * The lock is held before and after. */
static bool writer_wait(struct writer *writer)
{
    struct timespec until;

    while (!writer->first && !writer->stopping) {
        if (!writer->worked) {
            pthread_cond_wait(&writer->queued, &writer->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until); /* real time, also under a test clock */
        until.tv_sec += IDLE_S;
        int rc = pthread_cond_timedwait(&writer->queued, &writer->lock, &until);
        if (rc == 0 || writer->first || writer->stopping)
            continue;
        writer->worked = false;
        pthread_mutex_unlock(&writer->lock);
        writer->txn->engine->idle(writer->txn->connection);
        pthread_mutex_lock(&writer->lock);
    }
    return writer->first;
}

/* Where syncs are slow, callers answered together come back together: a short wait lets them all
 * into one group instead of two that alternate. Where syncs are quick it would only cost. */
static void writer_delay(const struct writer *writer)
{
    int64_t us = (int64_t)(writer->commit_us / DELAY_SHARE);

    assert(writer->commit_us >= 0);
    if (writer->commit_us < DELAY_FLOOR_US)
        return;
    if (us > DELAY_MAX_US)
        us = DELAY_MAX_US;
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* Everything queued, in order; NULL when the writer is to end. */
static struct store_job *writer_take(struct writer *writer)
{
    struct store_job *group = NULL;

    pthread_mutex_lock(&writer->lock);
    if (writer_wait(writer)) {
        pthread_mutex_unlock(&writer->lock);
        writer_delay(writer);
        pthread_mutex_lock(&writer->lock);
        group = writer->first;
        writer->first = NULL;
        writer->last = &writer->first;
    }
    pthread_mutex_unlock(&writer->lock);
    return group;
}

/* --- A group -------------------------------------------------------------------------------- */

/* Notes what the job changed, whatever it answers. One that went on after a read had failed took
 * something for missing, so neither its changes nor its "not found" are the truth. */
static void writer_run_job(struct writer *writer, struct store_job *job)
{
    struct store_txn *txn = writer->txn;
    int64_t begun_us = clock_mono_us();

    txn->changed = txn->gathered = txn->failed = false;
    job->err_.code = ERROR_NONE;
    job->result_ = job->apply(txn, job->context, &job->err_) < 0 ? -1 : 0;
    if (store_txn_check(txn, &job->err_) < 0)
        job->result_ = -1;
    txn->failed = false;
    assert(job->result_ == 0 || job->err_.code != ERROR_NONE);
    int64_t took_us = clock_mono_us() - begun_us;
    if (took_us > writer->slow_us) {
        writer->slow_us = took_us;
        writer->slow = job->label_;
    }
}

/* The engine left the transaction by itself: everybody's changes are gone. */
static enum end writer_lost(struct store_txn *txn, struct error *err)
{
    assert(txn->lost && txn->err.code != ERROR_NONE);
    *err = txn->err;
    return END_FAILED;
}

/* The usual path: one after another. *out_changed: whether there is anything to commit. */
static enum end writer_apply(struct writer *writer, struct store_job *group, bool *out_changed,
                             struct error *err)
{
    struct store_txn *txn = writer->txn;
    bool changed = false;

    assert(group);
    for (struct store_job *job = group; job; job = job->next_) {
        writer_run_job(writer, job);
        if (txn->lost)
            return writer_lost(txn, err);
        /* One that refuses as it should, before any change, needs nothing undone. */
        if (job->result_ < 0 && (txn->changed || txn->gathered))
            return END_REPLAY;
        changed |= txn->changed || txn->gathered;
    }
    *out_changed = changed;
    return END_DONE;
}

/* One job between savepoints. One that fails after it gathered something for a flush cannot be
 * undone by the database alone: it is left out and the others begin again. */
static enum end writer_apply_safely(struct writer *writer, struct store_job *job, struct error *err)
{
    struct store_txn *txn = writer->txn;
    int64_t event_seq = txn->event_seq;

    assert(job->result_ != RESULT_OUT);
    if (txn->engine->savepoint(txn->connection, err) < 0)
        return END_FAILED;
    writer_run_job(writer, job);
    if (txn->lost)
        return writer_lost(txn, err);
    if (job->result_ < 0)
        txn->event_seq = event_seq;
    if (txn->engine->savepoint_end(txn->connection, job->result_ == 0, err) < 0)
        return END_FAILED;
    if (job->result_ == 0 || !txn->gathered)
        return END_DONE;
    job->result_ = RESULT_OUT;
    return END_REPLAY;
}

/* The whole group again, but for those that were left out. */
static enum end writer_apply_all_safely(struct writer *writer, struct store_job *group,
                                        bool *out_changed, struct error *err)
{
    enum end end = END_DONE;

    *out_changed = false;
    for (struct store_job *job = group; job && end == END_DONE; job = job->next_) {
        if (job->result_ == RESULT_OUT)
            continue;
        end = writer_apply_safely(writer, job, err);
        *out_changed |= job->result_ == 0;
    }
    return end;
}

/* What the jobs gathered becomes rows, once for all of them. */
static enum end writer_flush(struct store_txn *txn, struct error *err)
{
    return store_flush_all(txn, err) < 0 ? END_FAILED : END_DONE;
}

/* Writes the batch's number, by which an unknown commit is found again. */
static int writer_number(struct store_txn *txn, int64_t batch, struct error *err)
{
    char text[32];
    struct sql *q = sql(txn, "UPDATE meta SET value = ? WHERE key = 'batch'", err);

    assert(batch > 0);
    if (!q)
        return -1;
    snprintf(text, sizeof(text), "%lld", (long long)batch);
    sql_bind_text(q, 1, str_from(text));
    if (sql_run(q, err) < 0)
        return -1;
    return sql_changes(txn) == 1
               ? 0
               : error_set(err, ERROR_CORRUPT, "meta", "The database has lost its batch number.");
}

/* The number of the last batch that is in the database. */
static int writer_read_number(struct store_txn *txn, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT value FROM meta WHERE key = 'batch'", err);

    if (!q)
        return -1;
    bool read = sql_step(q) > 0 && str_to_int64(sql_peek(q, 0), out);
    if (sql_end(q, err) < 0)
        return -1;
    return read ? 0 : error_set(err, ERROR_CORRUPT, "meta", "The database has no batch number.");
}

/* --- A commit that nobody can tell the end of ----------------------------------------------- */

/* Opens a new connection, and only then closes the old one: `memory:` lives by its connections. */
static int writer_reopen(struct writer *writer, struct error *err)
{
    struct store_txn *txn;

    if (store_txn_open(writer->store, writer->store->url, true, &txn, err) < 0)
        return -1;
    store_txn_close(&writer->txn);
    writer->txn = txn;
    return 0;
}

/* Looks whether the last batch is there. When it is not, a further batch is written: it takes the
 * place in the log where the lost one may still lie, which recovery could otherwise find after a
 * crash. So DONE and FAILED are certain, and UNKNOWN means that it could not be made certain. */
static enum store_end writer_settle(struct writer *writer, struct error *err)
{
    int64_t found;

    assert(writer->batch > 0);
    if (writer_reopen(writer, err) < 0 || store_txn_begin(writer->txn, err) < 0)
        return STORE_UNKNOWN;
    if (writer_read_number(writer->txn, &found, err) < 0) {
        store_txn_rollback(writer->txn);
        return STORE_UNKNOWN;
    }
    if (found == writer->batch) {
        store_txn_rollback(writer->txn);
        return STORE_DONE;
    }
    if (writer_number(writer->txn, writer->batch + 1, err) < 0) {
        store_txn_rollback(writer->txn);
        return STORE_UNKNOWN;
    }
    store_txn_reset(writer->txn);
    if (writer->txn->engine->commit(writer->txn->connection, err) != STORE_DONE)
        return STORE_UNKNOWN;
    writer->batch++;
    return STORE_FAILED;
}

/* Ends the doubt about an earlier batch, or refuses. */
static int writer_make_sure(struct writer *writer, struct error *err)
{
    struct error why = {0};

    if (writer->unsettled && writer_settle(writer, &why) == STORE_UNKNOWN) {
        error_set(err, ERROR_UNAVAILABLE, "", "The last commit's end is unknown: %s", why.message);
        return -1;
    }
    if (writer->unsettled)
        store_set_trouble(writer->store, &(struct error){0});
    writer->unsettled = false;
    if (!store_read_only(writer->store))
        return 0;
    store_trouble(writer->store, &why);
    return error_set(err, ERROR_UNAVAILABLE, "", "The database takes no writes: %s", why.message);
}

/* COMMIT, and certainty about its end where there can be any. */
static enum end writer_commit(struct writer *writer, struct error *err)
{
    struct store_txn *txn = writer->txn;
    struct error why = {0};
    int64_t start_us = clock_mono_us();

    store_txn_reset(txn);
    writer->batch++;
    enum store_end end = txn->engine->commit(txn->connection, &why);
    writer->commit_us += ((double)(clock_mono_us() - start_us) - writer->commit_us) / DELAY_SHARE;
    assert(end == STORE_DONE || why.code != ERROR_NONE);
    *err = why;
    if (end == STORE_UNKNOWN)
        end = writer_settle(writer, &why);
    if (end == STORE_DONE)
        return END_DONE;
    if (end == STORE_UNKNOWN) {
        writer->unsettled = true;
        error_set(err, ERROR_UNAVAILABLE, "", "Whether the change was stored is unknown: %s",
                  why.message);
        store_set_trouble(writer->store, err);
    }
    return END_FAILED;
}

/* --- From one group to the next ------------------------------------------------------------- */

/* One try, from BEGIN to COMMIT. */
static enum end writer_try(struct writer *writer, struct store_job *group, bool safely,
                           struct error *err)
{
    struct store_txn *txn = writer->txn;
    bool changed = false;

    if (store_txn_begin(txn, err) < 0)
        return END_FAILED;
    enum end end = safely ? writer_apply_all_safely(writer, group, &changed, err)
                          : writer_apply(writer, group, &changed, err);
    if (end == END_DONE)
        end = writer_flush(txn, err);
    if (end == END_DONE && changed && writer_number(txn, writer->batch + 1, err) < 0)
        end = END_FAILED;
    if (end != END_DONE || !changed) { /* nothing changed: nothing to sync either */
        store_txn_rollback(txn);
        return end;
    }
    int64_t event_seq = txn->event_seq;
    end = writer_commit(writer, err);
    if (end == END_DONE && event_seq)
        store_wake(writer->store, event_seq);
    return end;
}

/* A refusal rests on what the group's others had changed, so it falls with them. */
static void writer_answer(struct store_job *group, enum end end, const struct error *err)
{
    while (group) {
        struct store_job *job = group;
        group = job->next_; /* done() may free or queue the job again */
        int result = end == END_DONE && job->result_ == 0 ? 0 : -1;
        if (end != END_DONE)
            job->err_ = *err;
        job->done(job, result, &job->err_);
    }
}

/* From BEGIN to everybody's answer. */
static void writer_group(struct writer *writer, struct store_job *group)
{
    struct error err = {0};
    enum end end = END_FAILED;

    writer->slow_us = 0;
    for (struct store_job *job = group; job; job = job->next_)
        job->result_ = 0;
    if (writer_make_sure(writer, &err) == 0) {
        end = writer_try(writer, group, false, &err);
        while (end == END_REPLAY)
            end = writer_try(writer, group, true, &err);
    }
    writer->worked = true;
    assert(end == END_DONE || err.code != ERROR_NONE);
    writer_answer(group, end, &err);
    if (writer->slow_us > STORE_SLOW_US)
        store_tell_slow(writer->store, writer->slow, writer->slow_us);
}

/* The thread. */
static void *writer_main(void *context)
{
    struct writer *writer = context;
    struct store_job *group;

    while ((group = writer_take(writer)))
        writer_group(writer, group);
    return NULL;
}

/* Reads where the last server stopped, then starts the thread. */
int writer_start(struct store *store, struct store_txn *txn, struct writer **out, struct error *err)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attr;

    if (!writer)
        abort();
    writer->store = store;
    writer->txn = txn;
    writer->last = &writer->first;
    if (store_txn_begin(txn, err) < 0) {
        free(writer);
        return -1;
    }
    int read = writer_read_number(txn, &writer->batch, err);
    store_txn_rollback(txn);
    if (read < 0) {
        free(writer);
        return -1;
    }
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->queued, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&writer->thread, NULL, writer_main, writer) != 0)
        abort();
    *out = writer;
    return 0;
}

/* What is queued is still written: its callers wait. */
void writer_stop(struct writer **out)
{
    struct writer *writer = *out;

    if (!writer)
        return;
    assert(!writer_is_me(writer));
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->queued);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    assert(!writer->first);
    store_txn_close(&writer->txn);
    pthread_cond_destroy(&writer->queued);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
    *out = NULL;
}
