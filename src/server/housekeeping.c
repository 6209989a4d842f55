/* A thread of its own rather than a task of the pool: a round walks the whole content folder, and
 * a worker that is away for minutes would be missed. */
#include "server/housekeeping.h"

#include "asset/doom.h"
#include "base/log.h"
#include "content/content.h"
#include "os/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct housekeeping {
    struct content *content;
    int64_t first_us, every_us;
    pthread_t thread;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t wake;
    bool stopping;
    housekeeping_duty *duty; /* NULL: none */
    void *duty_context;
    struct housekeeping_report report;
};

/* What deletions left to do, before the bytes are looked at that they set free. */
static void sweep_doomed(struct housekeeping *housekeeping)
{
    struct error err = {0};

    if (doom_sweep(content_store(housekeeping->content), &err) < 0)
        log_error("housekeeping.sweep", &err);
}

/* One round. A failure is told and tried again at the next: nothing depends on this one. */
static void collect_once(struct housekeeping *housekeeping)
{
    struct content_collected done = {0};
    struct error err = {0};
    bool failed = content_collect(housekeeping->content, &done, &err) < 0;

    if (failed)
        log_error("housekeeping.collect", &err);
    else if (done.chunks + done.files + done.objects + done.blocks > 0)
        LOG(LOG_INFO, "housekeeping.collect", LOG_INT("chunks", (int64_t)done.chunks),
            LOG_INT("objects", (int64_t)done.objects), LOG_INT("blocks", (int64_t)done.blocks),
            LOG_INT("files", (int64_t)done.files), LOG_INT("bytes", done.bytes));
    pthread_mutex_lock(&housekeeping->lock);
    housekeeping->report.rounds += !failed;
    housekeeping->report.bytes += done.bytes;
    if (!failed)
        housekeeping->report.last_us = clock_now_us();
    pthread_mutex_unlock(&housekeeping->lock);
}

/* Last, since it reads all that is new. */
static void complete_objects(struct housekeeping *housekeeping)
{
    struct error err = {0};
    size_t done = 0;

    if (content_complete(housekeeping->content, &done, &err) < 0)
        log_error("housekeeping.complete", &err);
}

/* Sleeps until it is time, true, or until the server ends, false. */
static bool sleep_for(struct housekeeping *housekeeping, int64_t us)
{
    struct timespec until;
    bool stopping;
    int result = 0;

    assert(us > 0);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += us / US_PER_S;
    until.tv_nsec += us % US_PER_S * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&housekeeping->lock);
    while (!housekeeping->stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&housekeeping->wake, &housekeeping->lock, &until);
    stopping = housekeeping->stopping;
    pthread_mutex_unlock(&housekeeping->lock);
    return !stopping;
}

/* Without the lock, since a duty may take long. */
static void do_duty(struct housekeeping *housekeeping)
{
    pthread_mutex_lock(&housekeeping->lock);
    housekeeping_duty *duty = housekeeping->duty;
    void *context = housekeeping->duty_context;
    pthread_mutex_unlock(&housekeeping->lock);
    if (duty)
        duty(context);
}

/* One duty after the other: none is urgent, and the disk is one. */
static void *keep_house(void *context)
{
    struct housekeeping *housekeeping = context;
    int64_t wait_us = housekeeping->first_us;

    assert(housekeeping->content);
    while (sleep_for(housekeeping, wait_us)) {
        sweep_doomed(housekeeping);
        collect_once(housekeeping);
        do_duty(housekeeping);
        complete_objects(housekeeping);
        wait_us = housekeeping->every_us;
    }
    return NULL;
}

/* The condition waits by the monotonic clock, so that setting the wall clock starts no storm. */
struct housekeeping *housekeeping_start(struct content *content, int64_t first_us, int64_t every_us)
{
    struct housekeeping *housekeeping = calloc(1, sizeof(*housekeeping));
    pthread_condattr_t monotonic;

    if (!housekeeping)
        abort();
    assert(content && first_us > 0 && every_us > 0);
    housekeeping->content = content;
    housekeeping->first_us = first_us;
    housekeeping->every_us = every_us;
    pthread_mutex_init(&housekeeping->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&housekeeping->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&housekeeping->thread, NULL, keep_house, housekeeping) != 0)
        abort();
    return housekeeping;
}

/* The thread may run already, hence the lock. */
void housekeeping_add(struct housekeeping *housekeeping, housekeeping_duty *duty, void *context)
{
    assert(duty && !housekeeping->duty);
    pthread_mutex_lock(&housekeeping->lock);
    housekeeping->duty = duty;
    housekeeping->duty_context = context;
    pthread_mutex_unlock(&housekeeping->lock);
}

/* Waits for the duty at hand, which is short, or ends early once the store winds down. */
void housekeeping_stop(struct housekeeping **housekeeping)
{
    struct housekeeping *ending = *housekeeping;

    if (!ending)
        return;
    pthread_mutex_lock(&ending->lock);
    ending->stopping = true;
    pthread_cond_signal(&ending->wake);
    pthread_mutex_unlock(&ending->lock);
    pthread_join(ending->thread, NULL);
    pthread_cond_destroy(&ending->wake);
    pthread_mutex_destroy(&ending->lock);
    free(ending);
    *housekeeping = NULL;
}

/* What the last round found, for the status page. */
struct housekeeping_report housekeeping_report(struct housekeeping *housekeeping)
{
    pthread_mutex_lock(&housekeeping->lock);
    struct housekeeping_report report = housekeeping->report;
    pthread_mutex_unlock(&housekeeping->lock);
    return report;
}
