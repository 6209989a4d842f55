/* Making and ending the engine; what it does is in the other files, named after the steps of a
 * job's life: spec, submit, queue, place, start, watch, finish. */
#include "job/job_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A file descriptor and memory are all it takes; a host that has neither cannot serve. */
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

/* The texts must live as long as the jobs: they are the server's own. */
void jobs_set_endpoints(struct jobs *jobs, struct str arm_endpoint, struct str host)
{
    assert(!jobs->started && arm_endpoint.len && host.len);
    jobs->arm_endpoint = arm_endpoint;
    jobs->host = host;
}

/* For streams: they wait for a job's end without asking the store each second. */
struct job_watchers *jobs_watchers(struct jobs *jobs)
{
    assert(jobs->watchers);
    return jobs->watchers;
}

/* From any thread, also the writer's: it only counts up, and the engine's thread reads. */
void jobs_wake(struct jobs *jobs)
{
    uint64_t one = 1;

    assert(jobs->wake_fd >= 0);
    if (write(jobs->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it wakes anyway */
}

/* The thread first: nobody else may hold what is freed after it. */
void jobs_free(struct jobs **jobs)
{
    struct jobs *j = *jobs;

    assert(jobs);
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
