/* Who looks at a job is told once of each state, and of every growth of its log. */
#include "job/watcher.h"

#include "base/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct viewer {
    struct job_watcher watcher;
    atomic_int woken;
};

static void wake(struct job_watcher *watcher)
{
    atomic_fetch_add(&CONTAINER_OF(watcher, struct viewer, watcher)->woken, 1);
}

static struct viewer viewer_of(int64_t run)
{
    return (struct viewer){.watcher = {.run = run, .wake = wake}};
}

TEST(watchers_hear_of_their_own_run_only)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(watchers_free) struct job_watchers *watchers = watchers_new();
    struct viewer one = viewer_of(1), two = viewer_of(2);
    enum run_status status = RUN_QUEUED;
    struct str reason;

    job_watch_begin(watchers, &one.watcher);
    job_watch_begin(watchers, &two.watcher);
    CHECK(!job_watch_state(watchers, &one.watcher, arena, &status, &reason));
    watchers_tell_state(watchers, 2, RUN_RUNNING, STR("It runs."));
    CHECK_INT(0, one.woken);
    CHECK_INT(1, two.woken);
    CHECK(job_watch_state(watchers, &two.watcher, arena, &status, &reason));
    CHECK_INT(RUN_RUNNING, status);
    CHECK_STR("It runs.", reason);
    CHECK(!job_watch_state(watchers, &two.watcher, arena, &status, &reason)); /* told once */
    job_watch_end(watchers, &one.watcher);
    job_watch_end(watchers, &two.watcher);
}

TEST(watchers_are_not_woken_by_what_they_know)
{
    CLEANUP(watchers_free) struct job_watchers *watchers = watchers_new();
    struct viewer viewer = viewer_of(1);

    job_watch_begin(watchers, &viewer.watcher);
    for (int i = 0; i < 3; i++)
        watchers_tell_state(watchers, 1, RUN_QUEUED, STR("1 job before it."));
    CHECK_INT(1, viewer.woken);
    watchers_tell_state(watchers, 1, RUN_QUEUED, STR("Next in line."));
    CHECK_INT(2, viewer.woken);
    for (int i = 0; i < 3; i++)
        watchers_tell_log(watchers, 1); /* a log that grew again is news each time */
    CHECK_INT(5, viewer.woken);
    job_watch_end(watchers, &viewer.watcher);
    watchers_tell_log(watchers, 1);
    CHECK_INT(5, viewer.woken);
}

TEST(a_reason_longer_than_a_watcher_keeps_is_cut_and_is_no_news_twice)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(watchers_free) struct job_watchers *watchers = watchers_new();
    struct viewer viewer = viewer_of(1);
    enum run_status status;
    struct str reason;
    char text[2000];

    memset(text, 'r', sizeof(text));
    job_watch_begin(watchers, &viewer.watcher);
    watchers_tell_state(watchers, 1, RUN_QUEUED, (struct str){text, sizeof(text)});
    watchers_tell_state(watchers, 1, RUN_QUEUED, (struct str){text, sizeof(text)});
    CHECK_INT(1, viewer.woken);
    CHECK(job_watch_state(watchers, &viewer.watcher, arena, &status, &reason));
    CHECK_INT(sizeof(viewer.watcher.reason_) - 1, reason.len);
    job_watch_end(watchers, &viewer.watcher);
}

static struct job_watchers *shared;
static atomic_bool over;

static void *tell_on(void *)
{
    for (int i = 0; !atomic_load(&over); i++) {
        watchers_tell_state(shared, 1 + i % 3, i % 2 ? RUN_RUNNING : RUN_FINALIZING, STR("r"));
        watchers_tell_log(shared, 1 + i % 3);
    }
    return NULL;
}

/* After job_watch_end returns nobody is woken: the viewer's memory may go. */
TEST(watchers_come_and_go_while_others_tell)
{
    pthread_t threads[3];

    shared = watchers_new();
    atomic_store(&over, false);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, tell_on, NULL));
    for (int round = 0; round < 2000; round++) {
        struct viewer viewers[3] = {viewer_of(1), viewer_of(2), viewer_of(3)};
        for (size_t i = 0; i < COUNT(viewers); i++)
            job_watch_begin(shared, &viewers[i].watcher);
        for (size_t i = 0; i < COUNT(viewers); i++)
            job_watch_end(shared, &viewers[i].watcher);
        int woken = viewers[0].woken;
        CHECK_INT(woken, viewers[0].woken);
        memset(viewers, 0xee, sizeof(viewers)); /* whoever still wakes one jumps into nowhere */
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    watchers_free(&shared);
}
