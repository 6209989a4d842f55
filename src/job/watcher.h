/* watcher.h - who looks at a job right now: live readers are woken in memory, not by rows */
#pragma once

#include "base/list.h"
#include "tracking/tracking.h"

/* One open stream. The owner fills run and wake; the rest belongs to the registry. */
struct job_watcher {
    int64_t run;
    void (*wake)(struct job_watcher *watcher); /* any thread, under the registry's lock: be quick */
    struct list node_;
    bool state_changed_;
    enum run_status status_;
    char reason_[512];
};

struct job_watchers;

/* Begins and ends looking; after job_watch_end returns, wake is not called any more. */
void job_watch_begin(struct job_watchers *watchers, struct job_watcher *watcher);
void job_watch_end(struct job_watchers *watchers, struct job_watcher *watcher);

/* The newest state told since the last call; false when there is none. `out_reason` is copied into
 * the arena. */
bool job_watch_state(struct job_watchers *watchers, struct job_watcher *watcher,
                     struct arena *arena, enum run_status *out_status, struct str *out_reason);

/* Tells all that look at a run: its state changed (or only the reason it waits for), its log grew.
 */
struct job_watchers *watchers_new(void);
void watchers_free(struct job_watchers **watchers);
void watchers_tell_state(struct job_watchers *watchers, int64_t run, enum run_status status,
                         struct str reason);
void watchers_tell_log(struct job_watchers *watchers, int64_t run);
