/* The one thread that decides and starts. It is woken by events and looks by itself as well, since
 * a runner that dies tells nobody. Its patience grows while nothing is open. */
#include "job/job_private.h"

#include "base/log.h"
#include "identity/identity.h"
#include "job/queue.h"
#include "job/watch.h"

#include <assert.h>
#include <poll.h>
#include <unistd.h>

#define LOOK_AT_RUNNERS_MS 500 /* how soon a runner that was killed is noticed */
#define IDLE_MS 5000
#define UNTIL_KEYS_MS 20 /* a new folder's signing keys are made after `ready` */

/* Under the lock with the condition that wakes the thread, so a stop is never slept through. */
static bool stopping(struct jobs *jobs)
{
    assert(jobs);
    pthread_mutex_lock(&jobs->lock);
    bool stop = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stop;
}

/* How long nothing may happen before we look by ourselves. */
static int patience(struct jobs *jobs, int open)
{
    assert(open >= -1);
    if (!identity_ready(jobs->options.identity))
        return UNTIL_KEYS_MS;
    return open != 0 ? LOOK_AT_RUNNERS_MS : IDLE_MS;
}

/* One thread decides and starts; everything it does may be done again after a crash. */
static void *engine_main(void *context)
{
    struct jobs *jobs = context;
    struct pollfd wake = {.fd = jobs->wake_fd, .events = POLLIN};
    uint64_t count;

    assert(jobs->wake_fd >= 0);
    while (!stopping(jobs)) {
        struct error err = {0};
        int open = watch_runners(jobs, &err);
        if (open < 0 || queue_run(jobs, &err) < 0)
            log_error("job.engine", &err);
        poll(&wake, 1, patience(jobs, open));
        if (read(jobs->wake_fd, &count, sizeof(count)) < 0)
            continue;
    }
    return NULL;
}

/* After all else of the server is up: the first turn may start runners, which ask the server. */
int jobs_start(struct jobs *jobs, struct error *err)
{
    assert(!jobs->started);
    int failed = pthread_create(&jobs->thread, NULL, engine_main, jobs);
    if (failed)
        return error_errno(err, failed, "Starting the scheduler");
    jobs->started = true;
    return 0;
}
