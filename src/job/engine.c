#include "job/engine.h"

#include "base/log.h"
#include "job/queue.h"
#include "job/watch.h"
#include "job/watcher.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_AT_RUNNERS_MS 500 /* how soon a runner that was killed is noticed */
#define IDLE_MS 5000

struct jobs *jobs_new(const struct jobs_options *options)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));

    assert(options->store && options->dir_path);
    if (!jobs)
        abort();
    jobs->options = *options;
    jobs->backend = &compute_local;
    jobs->watchers = watchers_new();
    pthread_mutex_init(&jobs->lock, NULL);
    jobs->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (jobs->wake_fd < 0)
        abort();
    return jobs;
}

void jobs_set_endpoints(struct jobs *jobs, struct str arm_endpoint, struct str host)
{
    jobs->arm_endpoint = arm_endpoint;
    jobs->host = host;
}

void jobs_wake(struct jobs *jobs)
{
    uint64_t one = 1;

    if (write(jobs->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it wakes anyway */
}

static bool stopping(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    bool stop = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stop;
}

/* One thread decides and starts; everything it does may be done again after a crash. */
static void *engine_main(void *context)
{
    struct jobs *jobs = context;
    struct pollfd wake = {.fd = jobs->wake_fd, .events = POLLIN};
    uint64_t count;

    while (!stopping(jobs)) {
        struct error err = {0};
        int open = watch_runners(jobs, &err);
        if (open < 0 || queue_run(jobs, &err) < 0)
            log_error("job.engine", &err);
        poll(&wake, 1, open != 0 ? LOOK_AT_RUNNERS_MS : IDLE_MS);
        if (read(jobs->wake_fd, &count, sizeof(count)) < 0)
            continue;
    }
    return NULL;
}

int jobs_start(struct jobs *jobs, struct error *err)
{
    assert(!jobs->started);
    int failed = pthread_create(&jobs->thread, NULL, engine_main, jobs);
    if (failed)
        return error_errno(err, failed, "Starting the scheduler");
    jobs->started = true;
    return 0;
}

void jobs_free(struct jobs **jobs)
{
    struct jobs *j = *jobs;

    if (!j)
        return;
    if (j->started) {
        pthread_mutex_lock(&j->lock);
        j->stopping = true;
        pthread_mutex_unlock(&j->lock);
        jobs_wake(j);
        pthread_join(j->thread, NULL);
    }
    watchers_free(&j->watchers);
    pthread_mutex_destroy(&j->lock);
    close(j->wake_fd);
    free(j);
    *jobs = NULL;
}

struct step_run {
    const struct job_step *step;
    int64_t run;
    enum run_status status;
    char reason[512];
};

static int step_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct step_run *s = context;
    struct attempt attempt = {0};
    struct run run;

    if (run_by_row(txn, s->step->run, &run, err) < 0)
        return -1;
    if (s->step->number > 0 && attempt_get(txn, run.run, s->step->number, &attempt, err) < 0)
        return -1;
    if (s->step->work(txn, &run, &attempt, s->step->context, err) < 0)
        return -1;
    s->status = run.status;
    size_t len = run.reason.len < sizeof(s->reason) ? run.reason.len : sizeof(s->reason) - 1;
    if (len)
        memcpy(s->reason, run.reason.ptr, len);
    s->reason[len] = '\0';
    return 0;
}

int engine_step(const struct job_step *step, struct error *err)
{
    struct step_run run = {.step = step};

    assert(step->jobs && step->run > 0 && step->work);
    if (store_write(step->jobs->options.store, step_apply, &run, err) < 0)
        return -1;
    watchers_tell_state(step->jobs->watchers, step->run, run.status, str_from(run.reason));
    return 0;
}

int engine_read(struct store_txn *txn, const struct run *run, struct job_stored *out,
                struct error *err)
{
    struct document document;

    if (run->doc == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "This run was not submitted as a job.");
    if (document_by_id(txn, run->doc, &document, err) < 0)
        return -1;
    struct json *body = json_parse(store_arena(txn), document.body, err);
    if (!body)
        return -1;
    *out = (struct job_stored){.properties = json_get(body, STR("properties")),
                               .resolved = json_get(body, STR("resolved"))};
    return 0;
}

struct compute_start engine_folder(struct jobs *jobs, struct arena *arena, int64_t run, int number)
{
    return (struct compute_start){.dir = jobs->options.dir,
                                  .dir_path = jobs->options.dir_path,
                                  .attempt = attempt_name(arena, run, number)};
}
