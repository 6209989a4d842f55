/* job_private.h - the engine's own state; only job/ includes this */
#pragma once

#include "job/job.h"
#include "job/watcher.h"

#include <pthread.h>

/* One thread decides and starts; everybody else only writes rows and wakes it. */
struct jobs {
    struct jobs_options options;
    const struct compute_backend *backend;
    struct str arm_endpoint;
    struct str host;
    struct job_watchers *watchers;
    pthread_t thread;
    pthread_mutex_t lock; /* over `stopping` and `started` */
    bool started;
    bool stopping;
    int wake_fd; /* eventfd: something may have changed */
};
