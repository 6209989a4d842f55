#include "os/process.h"

#include "base/test.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Runs a shell line and gives what it wrote. */
static struct str shell(struct arena *arena, const char *line, struct process_end *out_end)
{
    const char *argv[] = {"sh", "-c", line, NULL};
    struct process_spec spec = {.argv = argv, .input = -1};
    struct process_result result;
    struct error err = {0};

    CHECK_OK(process_run(arena, &spec, 64 * KIB, &result, &err), &err);
    *out_end = result.end;
    return result.text;
}

TEST(a_program_runs_and_its_streams_are_collected)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct process_end end;

    CHECK_STR("out\nerr\n", shell(arena, "echo out; echo err >&2; exit 3", &end));
    CHECK(!end.signaled);
    CHECK_INT(3, end.status);
}

TEST(an_end_by_signal_is_told_apart)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct process_end end;

    shell(arena, "kill -9 $$", &end);
    CHECK(end.signaled);
    CHECK_INT(SIGKILL, end.status);
}

TEST(what_is_past_the_limit_is_dropped)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct process_end end;
    struct str text = shell(arena, "head -c 1000000 /dev/zero | tr '\\0' x", &end);

    CHECK(text.len <= 64 * KIB);
    CHECK_INT(0, end.status);
}

TEST(a_missing_program_is_not_found)
{
    const char *argv[] = {"there-is-no-such-program", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    struct process process;
    struct error err = {0};

    CHECK_ERROR(ERROR_NOT_FOUND, process_start(&spec, &process, &err), &err);
    argv[0] = "/no/such/file";
    CHECK_ERROR(ERROR_NOT_FOUND, process_start(&spec, &process, &err), &err);
    argv[0] = "/etc/passwd";
    CHECK_ERROR(ERROR_FORBIDDEN, process_start(&spec, &process, &err), &err);
    argv[0] = "true";
    spec.cwd = "/no/such/folder";
    CHECK_ERROR(ERROR_NOT_FOUND, process_start(&spec, &process, &err), &err);
    spec.cwd = NULL;
    fault_plan(FAULT_SPAWN, 1, EAGAIN, false);
    CHECK_ERROR(ERROR_UNAVAILABLE, process_start(&spec, &process, &err), &err);
    fault_plan(FAULT_SPAWN, 0, 0, false);
}

TEST(environment_and_folder_are_the_given_ones)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const char *argv[] = {"sh", "-c", "echo $WHAT $(pwd) ${HOME-none}", NULL};
    const char *envp[] = {"WHAT=it", "PATH=/usr/bin:/bin", NULL};
    struct process_spec spec = {.argv = argv, .envp = envp, .cwd = "/usr", .input = -1};
    struct process_result result;
    struct error err = {0};

    CHECK_OK(process_run(arena, &spec, KIB, &result, &err), &err);
    CHECK_STR("it /usr none\n", result.text);
}

TEST(descriptors_close_unless_kept)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close) int kept = fcntl(null_fd, F_DUPFD_CLOEXEC, 50);
    CLEANUP(fd_close) int forgotten = fcntl(null_fd, F_DUPFD, 70); /* without O_CLOEXEC */
    const char *argv[] = {"sh", "-c", "ls /proc/$$/fd | tr '\\n' ' '", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .keep = &kept, .keep_count = 1};
    struct process_result result;
    struct error err = {0};
    char expected[32];

    CHECK_OK(process_run(arena, &spec, KIB, &result, &err), &err);
    snprintf(expected, sizeof(expected), " %d ", kept);
    CHECK(str_find(result.text, str_from(expected)) > 0);
    snprintf(expected, sizeof(expected), " %d ", forgotten);
    CHECK(str_find(result.text, str_from(expected)) < 0);
}

TEST(a_child_has_default_signals_and_its_own_group)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct process_end end;
    char expected[32];

    signal(SIGPIPE, SIG_IGN);
    struct str text =
        shell(arena, "grep SigIgn /proc/$$/status; cut -d' ' -f5 /proc/$$/stat", &end);
    signal(SIGPIPE, SIG_DFL);
    CHECK(str_find(text, STR("SigIgn:\t0000000000000000")) == 0);
    snprintf(expected, sizeof(expected), "\n%d\n", (int)getpgrp());
    CHECK(str_find(text, str_from(expected)) < 0);
}

TEST(waiting_gives_up_after_its_time_and_signals_arrive)
{
    const char *argv[] = {"sleep", "30", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    struct process_end end;
    struct error err = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    CHECK(process_alive(&process.id));
    CHECK_INT(0, process_wait(&process, 10, &end, &err));
    CHECK_OK(process_signal(&process, SIGTERM, &err), &err);
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    CHECK(end.signaled && end.status == SIGTERM);
    CHECK(!process_alive(&process.id));
    CHECK_OK(process_signal(&process, SIGTERM, &err), &err);
}

TEST(a_group_is_signaled_whole)
{
    const char *argv[] = {"sh", "-c", "sleep 30 & sleep 30 & wait", NULL};
    struct process_spec spec = {
        .argv = argv, .input = -1, .output = -1, .errors = -1, .own_session = true};
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    struct process_end end;
    struct error err = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    clock_sleep_us(50000);
    CHECK_OK(process_signal_group(process.id.pid, SIGKILL, &err), &err);
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    for (int i = 0; i < 100 && kill(-process.id.pid, 0) == 0; i++)
        clock_sleep_us(10000);
    CHECK_OK(process_signal_group(process.id.pid, SIGKILL, &err), &err);
}

TEST(a_process_is_known_by_more_than_its_pid)
{
    struct process_id self, other;
    struct error err = {0};

    CHECK_OK(process_identify(getpid(), &self, &err), &err);
    CHECK(process_alive(&self));
    CHECK_INT(36, strlen(self.boot_id));
    other = self;
    other.start_time++;
    CHECK(!process_alive(&other));
    other = self;
    other.boot_id[0] = 'x';
    CHECK(!process_alive(&other));
    CHECK(!process_alive(&(struct process_id){0}));
}

/* Lowers the number of descriptors so far that none can be opened; the old limit, to be set again.
 */
static struct rlimit take_descriptors(void)
{
    struct rlimit before;
    int next = dup(0); /* the lowest number that is free */

    CHECK(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    return before;
}

TEST(without_descriptors_nobody_is_called_dead)
{
    const char *argv[] = {"sleep", "30", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    CLEANUP(process_close) struct process process = {.pidfd = -1}, second = {.pidfd = -1};
    struct process_id named = {0};
    struct process_end end;
    struct error err = {0}, refused = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    struct rlimit before = take_descriptors();
    bool alive = process_alive(&process.id);
    int identified = process_identify(process.id.pid, &named, &refused);
    struct error unstarted = {0};
    int started = process_start(&spec, &second, &unstarted);
    CHECK_OK(process_signal(&process, SIGKILL, &err), &err);
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    bool dead = !process_alive(&process.id);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(alive && dead);
    CHECK(identified < 0 && refused.code == ERROR_UNAVAILABLE && named.pid == 0);
    CHECK(started < 0 && unstarted.code == ERROR_UNAVAILABLE);
}

TEST(an_ended_child_that_nobody_reaped_is_not_alive)
{
    const char *argv[] = {"true", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    struct process_end end;
    struct error err = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    for (int i = 0; i < 200 && process_alive(&process.id); i++)
        clock_sleep_us(10000);
    CHECK(!process_alive(&process.id));
    CHECK_INT(1, process_wait(&process, -1, &end, &err));
    CHECK_INT(0, end.status);
}

TEST(this_executable_has_a_path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str self = process_self(arena);

    CHECK(self.ptr[0] == '/');
    CHECK_INT(0, access(self.ptr, X_OK));
}

TEST(descendants_are_signaled_from_a_generation_on)
{
    const char *argv[] = {"sh", "-c", "setsid sh -c 'sleep 30; exit 4'; exit 5", NULL};
    struct process_spec spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    struct process_end end;
    struct error err = {0};

    CHECK_OK(process_start(&spec, &process, &err), &err);
    clock_sleep_us(100000);
    CHECK_INT(
        2, process_signal_descendants(process.id.pid, 1, SIGKILL)); /* also what left the group */
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    CHECK(!end.signaled);
    CHECK_INT(5, end.status);
    process_close(&process);
    CHECK_OK(process_start(&spec, &process, &err), &err);
    process_signal_descendants(process.id.pid, 0, SIGKILL);
    CHECK_INT(1, process_wait(&process, 5000, &end, &err));
    CHECK(end.signaled);
}
