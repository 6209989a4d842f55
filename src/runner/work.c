/* The command itself: started, watched, ended. It begins at most once, whatever happens to its
 * runner: doing it twice would be worse than not at all. */
#include "runner/work.h"

#include "environment/environment.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "runner/command.h"
#include "runner/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORD "process.json"
#define LOG_FILE "user_logs/std_log.txt"
#define LOG_TAIL_BYTES 4096
#define ASK_AGAIN_MS 20
#define GRACE_US (10 * US_PER_S)
#define NAME_HEX 8 /* of the data folder's hash in a control group's name */
/* Processes of ours outside the user's command: bubblewrap, and its first process inside. */
#define SANDBOX_GENERATIONS 2

struct work {
    struct attempt *attempt;
    struct process process;
    bool child; /* started by us, so that its status is ours to read */
    struct cgroup group;
    struct str group_name;
    int64_t deadline_us, kill_us; /* INT64_MAX: none */
    int64_t timeout_s;
    bool asked, timed_out;
    bool heard; /* SIGTERM reached somebody: the walls may stand before the command does */
};

/* A group name no other data folder uses. */
static struct str make_group_name(struct attempt *attempt)
{
    struct str hash =
        environment_key(attempt->arena, json_text(attempt->arena, attempt->data_path));

    assert(attempt->name.len);
    return arena_printf(attempt->arena, "%.*s-%.*s", NAME_HEX, hash.ptr, STR_ARG(attempt->name));
}

/* process.json: for a runner after us, and for whoever must end the work without one. */
static int write_record(struct work *work, struct error *err)
{
    struct arena *arena = work->attempt->arena;
    struct json *record = json_object(arena);

    assert(work->process.id.pid > 0);
    json_set_int(arena, record, "pid", work->process.id.pid);
    json_set_int(arena, record, "startTime", (int64_t)work->process.id.start_time);
    json_set_str(arena, record, "bootId", str_from(work->process.id.boot_id));
    json_set_str(arena, record, "cgroup", work->group.procs ? work->group_name : STR(""));
    json_set_int(arena, record, "startedUs", clock_now_us());
    return file_write_atomic(work->attempt->folder, RECORD, json_write(arena, record), 0600, err);
}

/* A job's command is a line for the shell, a replica's a list of words. */
static void make_argv(struct work *work, int status_fd, struct words *argv)
{
    struct attempt *attempt = work->attempt;
    struct json_iter it = json_iter(json_at(attempt->spec, "argv"));

    sandbox_command(attempt, status_fd, argv);
    if (!attempt->replica) {
        words_add(argv, "bash");
        words_add(argv, "-c");
        words_add(argv, command_text(attempt).ptr);
        return;
    }
    while (json_next(&it))
        words_add(argv, command_replace(attempt, json_as_str(it.value)).ptr);
    assert(argv->count > 0);
}

/* Output goes straight into the log file, which no dead runner can hold up. */
static int start(struct work *work, struct error *err)
{
    struct attempt *attempt = work->attempt;
    struct words argv = words_make(attempt->arena);
    CLEANUP(fd_close)
    int log = file_open(attempt->folder, LOG_FILE, O_WRONLY | O_CREAT | O_APPEND, 0644, err);
    if (log < 0)
        return -1;
    CLEANUP(fd_close)
    int status = file_open(attempt->folder, SANDBOX_STATUS_FILE,
                           O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600, err);
    if (status < 0)
        return -1;
    make_argv(work, status, &argv);
    struct process_spec spec = {
        .argv = argv.list,
        .envp = command_environment(attempt),
        .cwd = arena_printf(attempt->arena, "%.*s/work", STR_ARG(attempt->folder_path)).ptr,
        .input = -1,
        .output = log,
        .errors = log,
        .keep = &status,
        .keep_count = attempt->sandboxed ? 1 : 0,
        .cgroups = work->group.procs,
    };
    assert(spec.argv[0]);
    if (process_start(&spec, &work->process, err) < 0)
        return -1;
    work->child = true;
    return write_record(work, err);
}

/* The process that a runner before us started. False when there was none. */
static bool find_again(struct work *work, struct process_id *out, int64_t *out_started_us)
{
    struct str text;

    assert(work->attempt->folder >= 0);
    if (file_read(work->attempt->arena, work->attempt->folder, RECORD, 64 * KIB, &text, NULL) < 0)
        return false;
    struct json *record = json_parse(work->attempt->arena, text, NULL);
    *out = (struct process_id){.pid = (pid_t)json_int_at(record, "pid", 0),
                               .start_time = (uint64_t)json_int_at(record, "startTime", 0)};
    snprintf(out->boot_id, sizeof(out->boot_id), "%.*s", STR_ARG(json_str_at(record, "bootId")));
    *out_started_us = json_int_at(record, "startedUs", clock_now_us());
    return out->pid > 0;
}

/* SIGTERM for what the user started, not for the walls around it. */
static void ask_to_end(struct work *work)
{
    pid_t pid = work->process.id.pid;

    assert(pid > 1);
    work->heard = process_signal_descendants(
                      pid, work->attempt->sandboxed ? SANDBOX_GENERATIONS : 0, SIGTERM) > 0;
}

/* Ends everything: by the group, by the tree, and what lost its parent and came to us. */
static void end_all(struct work *work, bool main_too)
{
    assert(work->process.id.pid > 1);
    if (main_too)
        process_signal_descendants(work->process.id.pid, 0, SIGKILL);
    cgroup_kill(&work->group);
    if (!work->group.procs)
        process_signal_descendants(getpid(), 1, SIGKILL);
}

/* Milliseconds until something must be done, -1 when nothing must. */
static int next_ms(const struct work *work)
{
    int64_t until = work->kill_us < work->deadline_us ? work->kill_us : work->deadline_us;
    int64_t left = until == INT64_MAX ? -1 : (until - clock_mono_us() + US_PER_MS - 1) / US_PER_MS;

    assert(until > 0);
    if (until == INT64_MAX)
        return -1;
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Looks at stop and clock; begins or finishes ending the work. */
static void act(struct work *work)
{
    int64_t now = clock_mono_us();

    assert(work->kill_us > 0);
    if (work->kill_us == INT64_MAX) {
        work->asked = atomic_load(&work->attempt->stop->asked);
        work->timed_out = !work->asked && now >= work->deadline_us;
        if (work->asked || work->timed_out) {
            work->deadline_us = INT64_MAX;
            journal_line(work->attempt->journal, "ending the command: %s",
                         work->asked ? "asked to stop" : "time limit reached");
            work->kill_us = now + GRACE_US;
            ask_to_end(work);
        }
    } else if (now >= work->kill_us) {
        end_all(work, true);
        work->kill_us = now + US_PER_S; /* and again, should anything be left */
    } else if (!work->heard) {
        ask_to_end(work);
    }
}

/* Until the process has ended. */
static void wait_for_end(struct work *work)
{
    for (;;) {
        bool ending = work->kill_us != INT64_MAX;
        struct pollfd fds[] = {{.fd = work->process.pidfd, .events = POLLIN},
                               {.fd = ending ? -1 : work->attempt->stop->fd, .events = POLLIN}};
        int wait_ms = next_ms(work);
        if (ending && !work->heard)
            wait_ms = ASK_AGAIN_MS;
        int ready = poll(fds, COUNT(fds), wait_ms);
        assert(ready >= 0 || errno == EINTR);
        if (ready > 0 && fds[0].revents)
            return;
        act(work);
    }
}

/* The last lines of the log. */
static struct str log_tail(struct attempt *attempt)
{
    CLEANUP(fd_close) int fd = file_open(attempt->folder, LOG_FILE, O_RDONLY, 0, NULL);
    char *bytes = arena_alloc(attempt->arena, LOG_TAIL_BYTES);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t got = fd < 0 ? 0
                         : pread(fd, bytes, LOG_TAIL_BYTES,
                                 size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0);

    assert(bytes);
    return (struct str){bytes, got > 0 ? (size_t)got : 0};
}

/* How a process ended that is not our child: only bubblewrap may have left a word. */
static bool read_left_status(struct work *work, struct process_end *out)
{
    int code = work->attempt->sandboxed ? sandbox_exit_code(work->attempt) : -1;

    assert(!work->child);
    *out = (struct process_end){.status = code};
    return code >= 0;
}

/* What the kernel says first, then what we asked for; what nobody saw is "lost", never guessed. */
static void judge(struct work *work, struct work_end *out)
{
    struct arena *arena = work->attempt->arena;
    struct process_end end = {0};
    bool known = work->child ? process_wait(&work->process, -1, &end, NULL) == 1
                             : read_left_status(work, &end);
    int64_t kills = cgroup_oom_kills(&work->group);

    end_all(work, false);
    *out = (struct work_end){.peak_memory_bytes = cgroup_peak_bytes(&work->group)};
    cgroup_remove(&work->group);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ; /* what its children left to us */
    if (!known && !work->asked && !work->timed_out) {
        out->kind = "lost";
        out->reason =
            STR("The command ended while its supervisor was away, so how it ended is not known.");
        return;
    }
    struct work_facts facts = {
        .signaled = end.signaled,
        .status = end.status < 0 ? 0 : end.status,
        .oom_kills = kills,
        .memory_bytes = json_int_at(work->attempt->spec, "limits.memoryBytes", 0),
        .asked = work->asked,
        .timed_out = work->timed_out,
        .timeout_s = work->timeout_s,
        .log_tail = log_tail(work->attempt),
    };
    work_judge(arena, &facts, out);
    assert(out->kind && out->reason.len);
}

/* Only now may a runner that takes over look for the process. */
static void tell_started(struct work *work)
{
    struct arena *arena = work->attempt->arena;
    struct json *more = json_object(arena);

    assert(work->child);
    json_set_int(arena, more, "pid", work->process.id.pid);
    json_set_str(arena, more, "cgroup", work->group.procs ? work->group_name : STR(""));
    journal_event(work->attempt->journal, "started", more, "The command runs.");
}

/* Limits of the whole attempt, from its start on. */
static void set_limits(struct work *work, int64_t ran_us)
{
    work->timeout_s = json_int_at(work->attempt->spec, "limits.timeoutSeconds", 0);
    work->kill_us = INT64_MAX;
    work->deadline_us =
        work->timeout_s > 0 ? clock_mono_us() + work->timeout_s * US_PER_S - ran_us : INT64_MAX;
    assert(ran_us >= 0);
}

/* Waits for what another runner started. */
static int resume(struct work *work, const struct process_id *id, int64_t started_us,
                  struct work_end *out)
{
    int64_t ran_us = clock_now_us() - started_us;

    journal_line(work->attempt->journal, "another runner was here before; process %d %s",
                 (int)id->pid, process_alive(id) ? "goes on" : "has ended");
    work->process = (struct process){.id = *id, .pidfd = (int)syscall(SYS_pidfd_open, id->pid, 0)};
    set_limits(work, ran_us > 0 ? ran_us : 0);
    if (work->process.pidfd >= 0 && process_alive(id))
        wait_for_end(work);
    judge(work, out);
    process_close(&work->process);
    assert(out->kind);
    return 0;
}

/* Begun at most once: where it is not known whether the command began, it is not begun again. */
int work_attend(struct attempt *attempt, struct work_end *out, struct error *err)
{
    struct work work = {
        .attempt = attempt, .process = {.pidfd = -1}, .group_name = make_group_name(attempt)};
    struct cgroup_limits limits = {.memory_bytes =
                                       json_int_at(attempt->spec, "limits.memoryBytes", 0)};
    struct process_id id;
    int64_t started_us;

    assert(out);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    cgroup_make(attempt->arena, work.group_name.ptr, &limits, &work.group);
    if (work.group.notes.len)
        journal_line(attempt->journal, "%.*s", STR_ARG(work.group.notes));
    if (find_again(&work, &id, &started_us))
        return resume(&work, &id, started_us, out);
    if (journal_has(attempt->journal, "starting")) {
        cgroup_kill(&work.group); /* it may have begun; twice would be worse than not */
        cgroup_remove(&work.group);
        *out = (struct work_end){
            .kind = "lost",
            .peak_memory_bytes = -1,
            .reason = STR("The supervisor ended while it was starting the command.")};
        return 0;
    }
    journal_event(attempt->journal, "starting", NULL, "The command is being started.");
    if (start(&work, err) < 0) {
        cgroup_kill(&work.group);
        cgroup_remove(&work.group);
        process_close(&work.process);
        return -1;
    }
    set_limits(&work, 0);
    tell_started(&work);
    wait_for_end(&work);
    judge(&work, out);
    process_close(&work.process);
    return 0;
}
