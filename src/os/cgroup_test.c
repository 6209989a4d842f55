#include "os/cgroup.h"

#include "base/test.h"
#include "os/clock.h"
#include "os/process.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void make(struct arena *arena, int64_t memory_bytes, struct cgroup *out)
{
    static int number;
    char name[48];
    struct cgroup_limits limits = {.memory_bytes = memory_bytes};

    snprintf(name, sizeof(name), "test-%d-%d", (int)getpid(), ++number);
    cgroup_make(arena, name, &limits, out);
}

/* Starts a program in the group. */
static struct process start_in(const struct cgroup *group, const char *const *argv)
{
    struct process_spec spec = {
        .argv = argv, .input = -1, .output = -1, .errors = -1, .cgroups = group->procs};
    struct process process = {.pidfd = -1};
    struct error err = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    return process;
}

TEST(a_group_holds_its_members_and_kills_them)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct cgroup group;
    struct process_end end;
    struct error err = {0};
    const char *argv[] = {"sh", "-c", "setsid sleep 30 & sleep 30", NULL};

    make(arena, 0, &group);
    if (!group.procs) {
        CHECK(group.notes.len > 0); /* the absence is named */
        skip();
    }
    CLEANUP(process_close) struct process process = start_in(&group, argv);
    for (int i = 0; i < 200 && cgroup_count(&group) < 3; i++)
        clock_sleep_us(10000);
    CHECK_INT(3, cgroup_count(&group)); /* also the one that left for a session of its own */
    cgroup_kill(&group);
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    CHECK(end.signaled && end.status == SIGKILL);
    CHECK_INT(0, cgroup_count(&group));
    cgroup_remove(&group);
    CHECK_INT(-1, cgroup_count(&group));
}

TEST(want_of_memory_is_counted)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct cgroup group;
    struct process_end end;
    struct error err = {0};
    const char *argv[] = {"tail", "/dev/zero", NULL}; /* looks for a last line that never comes */

    make(arena, 32 * MIB, &group);
    if (group.notes.len) {
        cgroup_remove(&group);
        skip();
    }
    CHECK_INT(0, cgroup_oom_kills(&group));
    CLEANUP(process_close) struct process process = start_in(&group, argv);
    CHECK_INT(1, process_wait(&process, 30000, &end, &err));
    CHECK(end.signaled && end.status == SIGKILL);
    CHECK(cgroup_oom_kills(&group) > 0);
    CHECK(cgroup_peak_bytes(&group) > 16 * (int64_t)MIB);
    cgroup_remove(&group);
}

TEST(without_any_group_every_answer_is_unknown)
{
    struct cgroup none = {0};

    CHECK_INT(-1, cgroup_count(&none));
    CHECK_INT(-1, cgroup_peak_bytes(&none));
    CHECK_INT(-1, cgroup_oom_kills(&none));
    cgroup_kill(&none);
    cgroup_remove(&none);
}
