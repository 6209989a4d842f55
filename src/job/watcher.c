/* Open streams, and telling them. Telling never waits for a stream: it leaves a mark and wakes, and
 * the stream looks when its peer can take more. */
#include "job/watcher.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who looks at which run. A list under a lock: a state changes rarely. */
struct job_watchers {
    pthread_mutex_t lock;
    struct list all; /* few: one per open stream */
};

/* One lock for all: telling is short, and streams are few. */
struct job_watchers *watchers_new(void)
{
    struct job_watchers *watchers = calloc(1, sizeof(*watchers));

    if (!watchers)
        abort();
    pthread_mutex_init(&watchers->lock, NULL);
    list_init(&watchers->all);
    return watchers;
}

/* Streams are ended before by the server's stop, so none is left. */
void watchers_free(struct job_watchers **watchers)
{
    assert(watchers);
    if (!*watchers)
        return;
    assert(list_empty(&(*watchers)->all));
    pthread_mutex_destroy(&(*watchers)->lock);
    free(*watchers);
    *watchers = NULL;
}

/* What happened before is not told: the stream reads the present state itself, after this. */
void job_watch_begin(struct job_watchers *watchers, struct job_watcher *watcher)
{
    assert(watcher->run > 0 && watcher->wake);
    pthread_mutex_lock(&watchers->lock);
    list_push(&watchers->all, &watcher->node_);
    pthread_mutex_unlock(&watchers->lock);
}

/* Under the lock that telling holds, so that nobody is being woken when it returns. */
void job_watch_end(struct job_watchers *watchers, struct job_watcher *watcher)
{
    assert(watcher->run > 0);
    pthread_mutex_lock(&watchers->lock);
    list_remove(&watcher->node_);
    pthread_mutex_unlock(&watchers->lock);
}

/* Takes the change away: each is told once. The reason is copied, as the next may come at once. */
bool job_watch_state(struct job_watchers *watchers, struct job_watcher *watcher,
                     struct arena *arena, enum run_status *out_status, struct str *out_reason)
{
    assert(out_status && out_reason);
    pthread_mutex_lock(&watchers->lock);
    bool changed = watcher->state_changed_;
    watcher->state_changed_ = false;
    if (changed) {
        *out_status = watcher->status_;
        *out_reason = arena_str(arena, str_from(watcher->reason_));
    }
    pthread_mutex_unlock(&watchers->lock);
    return changed;
}

/* A repeated state with the same reason is no news. */
static bool is_news(const struct job_watcher *watcher, enum run_status status, struct str reason)
{
    assert(status > 0);
    return watcher->status_ != status || !str_eq(str_from(watcher->reason_), reason);
}

/* A log that grew (without a reason) is always news: how far a stream has read is its own
 * affair. */
static void tell(struct job_watchers *watchers, int64_t run, enum run_status status,
                 const struct str *reason)
{
    assert(run > 0);
    pthread_mutex_lock(&watchers->lock);
    for (struct list *at = watchers->all.next; at != &watchers->all; at = at->next) {
        struct job_watcher *watcher = CONTAINER_OF(at, struct job_watcher, node_);
        if (watcher->run != run)
            continue;
        if (reason && !is_news(watcher, status, *reason))
            continue;
        if (reason) {
            watcher->state_changed_ = true;
            watcher->status_ = status;
            snprintf(watcher->reason_, sizeof(watcher->reason_), "%.*s", STR_ARG(*reason));
        }
        watcher->wake(watcher);
    }
    pthread_mutex_unlock(&watchers->lock);
}

/* Cut to what a watcher keeps, before it is compared with that. */
void watchers_tell_state(struct job_watchers *watchers, int64_t run, enum run_status status,
                         struct str reason)
{
    reason = str_slice(reason, 0, sizeof(((struct job_watcher *)0)->reason_) - 1);
    tell(watchers, run, status, &reason);
}

/* Without the bytes: a watcher reads them itself, from where it stands. */
void watchers_tell_log(struct job_watchers *watchers, int64_t run)
{
    tell(watchers, run, 0, NULL);
}
