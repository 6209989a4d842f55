#include "compute/compute.h"

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
#include <unistd.h>

/* The backend starts `{this executable} runner FOLDER`, which is this test program: before its own
 * main it plays a runner when it is told to. */
__attribute__((constructor)) static void play_runner(void)
{
    char text[512] = "";
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        fclose(file);
    const char *word = memchr(text, '\0', got);
    if (!word || strcmp(word + 1, "runner") != 0)
        return;
    const char *folder = word + 1 + strlen("runner") + 1;
    printf("runner of %s home=%s\n", folder, getenv("LAZURITE_HOME") ? "leaked" : "hidden");
    fflush(stdout);
    if (strstr(folder, "quick"))
        _exit(0);
    for (;;)
        pause();
}

static struct compute_start at(int dir, const char *attempt)
{
    return (struct compute_start){
        .dir = dir, .dir_path = test_folder(), .attempt = str_from(attempt)};
}

static struct json *spec(struct arena *arena, int number)
{
    struct json *object = json_object(arena);

    json_set_int(arena, object, "number", number);
    return object;
}

TEST(a_folder_holds_its_spec_for_the_owner_only)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "1-1");
    struct stat status;
    struct str text;

    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_OK(file_read(arena, dir, "runs/1-1/spec.json", KIB, &text, &err), &err);
    CHECK_STR("{\"number\":1}", text);
    CHECK_INT(0, fstatat(dir, "runs/1-1/spec.json", &status, 0));
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_INT(0, fstatat(dir, "runs/1-1", &status, 0));
    CHECK_INT(0700, status.st_mode & 0777);
}

TEST(a_spec_may_change_only_before_a_runner_came)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "2-1");

    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_OK(compute_make_folder(&start, spec(arena, 2), &err), &err);
    CHECK_OK(file_write_atomic(dir, "runs/2-1/runner.json", STR("{\"pid\":1}"), 0600, &err), &err);
    CHECK_OK(compute_make_folder(&start, spec(arena, 2), &err), &err);
    CHECK_ERROR(ERROR_CONFLICT, compute_make_folder(&start, spec(arena, 3), &err), &err);
}

TEST(a_full_disk_leaves_no_half_spec)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "3-1");

    fault_plan(FAULT_WRITE, 1, ENOSPC, true);
    CHECK_ERROR(ERROR_STORAGE_FULL, compute_make_folder(&start, spec(arena, 1), &err), &err);
    fault_plan(FAULT_WRITE, 0, 0, false);
    CHECK(!file_exists(dir, "runs/3-1/spec.json"));
}

TEST(records_of_a_runner_are_read)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "4-1");
    struct process_id id;
    struct json *end = NULL;

    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_INT(0, compute_read_runner(&start, &id, &err));
    CHECK_INT(0, compute_read_exit(arena, &start, &end, &err));
    CHECK_OK(file_write_atomic(dir, "runs/4-1/runner.json",
                               STR("{\"pid\":77,\"startTime\":5,\"bootId\":\"b\"}"), 0600, &err),
             &err);
    CHECK_OK(file_write_atomic(dir, "runs/4-1/exit.json", STR("{\"kind\":\"exit\",\"code\":3}"),
                               0600, &err),
             &err);
    CHECK_INT(1, compute_read_runner(&start, &id, &err));
    CHECK(id.pid == 77 && id.start_time == 5 && !strcmp(id.boot_id, "b"));
    CHECK_INT(1, compute_read_exit(arena, &start, &end, &err));
    CHECK_INT(3, json_int_at(end, "code", 0));
    CHECK_OK(file_write_atomic(dir, "runs/4-1/exit.json", STR("{\"kind\":"), 0600, &err), &err);
    CHECK_INT(-1, compute_read_exit(arena, &start, &end, &err));
    CHECK_INT(ERROR_CORRUPT, err.code);
}

TEST(a_runner_starts_is_seen_alive_and_stops)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "5-1");
    struct process_id id;
    struct str log = {0};

    setenv("LAZURITE_HOME", "/secret", 1);
    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_OK(compute_local.start(&start, &id, &err), &err);
    unsetenv("LAZURITE_HOME");
    CHECK(compute_local.alive(&id));
    for (int i = 0; i < 500 && !log.len; i++) {
        clock_sleep_us(10000);
        file_read(arena, dir, "runs/5-1/runner.log", KIB, &log, NULL);
    }
    CHECK(str_find(log, STR("runs/5-1 home=hidden")) > 0);
    CHECK(getsid(id.pid) == id.pid); /* survives our terminal */
    CHECK_OK(compute_local.stop(&start, &id, false, &err), &err);
    for (int i = 0; i < 500 && compute_local.alive(&id); i++)
        clock_sleep_us(10000);
    CHECK(!compute_local.alive(&id));
    CHECK(kill(id.pid, 0) < 0); /* reaped, too */
    CHECK_OK(compute_local.stop(&start, &id, true, &err), &err);
}

TEST(a_hard_stop_ends_runner_and_work)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "6-1");
    const char *argv[] = {"sleep", "60", NULL};
    struct process_spec work_spec = {.argv = argv, .input = -1, .output = -1, .errors = -1};
    CLEANUP(process_close) struct process work = {.pidfd = -1};
    struct process_end end;
    struct process_id id;

    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    CHECK_OK(compute_local.start(&start, &id, &err), &err);
    CHECK_OK(process_start(&work_spec, &work, &err), &err);
    struct str record =
        arena_printf(arena, "{\"pid\":%d,\"startTime\":%llu,\"bootId\":\"%s\"}", (int)work.id.pid,
                     (unsigned long long)work.id.start_time, work.id.boot_id);
    CHECK_OK(file_write_atomic(dir, "runs/6-1/process.json", record, 0600, &err), &err);
    CHECK_OK(compute_local.stop(&start, &id, true, &err), &err);
    CHECK_INT(1, process_wait(&work, 5000, &end, &err));
    CHECK(end.signaled && end.status == SIGKILL);
    for (int i = 0; i < 500 && compute_local.alive(&id); i++)
        clock_sleep_us(10000);
    CHECK(!compute_local.alive(&id));
}

TEST(a_runner_that_cannot_start_is_unavailable)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct compute_start start = at(dir, "7-1");
    struct process_id id;

    CHECK_OK(compute_make_folder(&start, spec(arena, 1), &err), &err);
    fault_plan(FAULT_SPAWN, 1, EAGAIN, false);
    CHECK_ERROR(ERROR_UNAVAILABLE, compute_local.start(&start, &id, &err), &err);
    fault_plan(FAULT_SPAWN, 0, 0, false);
}
