/* Runs on this host: the runner is a child in a session of its own, which outlives us. A server
 * that starts later knows it by pid, start time and boot, never by pid alone. */
#include "compute/compute.h"

#include "os/cgroup.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Runners that are children of this process; whoever asks next reaps those that ended. */
struct child {
    struct process process;
    struct child *next;
};
static struct {
    pthread_mutex_t lock;
    struct child *first;
} children = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Without it every ended runner would stay as a zombie until we end. */
static void reap(void)
{
    struct process_end end;

    pthread_mutex_lock(&children.lock);
    for (struct child **at = &children.first; *at;) {
        struct child *child = *at;
        assert(child->process.pidfd >= 0);
        if (process_wait(&child->process, 0, &end, NULL) == 0) {
            at = &child->next;
            continue;
        }
        *at = child->next;
        process_close(&child->process);
        free(child);
    }
    pthread_mutex_unlock(&children.lock);
}

/* For reap. Runners of an earlier server are init's children and not ours to wait for. */
static void remember(struct process *process)
{
    struct child *child = calloc(1, sizeof(*child));

    assert(process->pidfd >= 0);
    if (!child)
        abort();
    child->process = *process;
    pthread_mutex_lock(&children.lock);
    child->next = children.first;
    children.first = child;
    pthread_mutex_unlock(&children.lock);
}

/* What of our environment a runner gets: how to find programs, speak and reach package indexes.
 * Everything else, LAZURITE_* above all, stays here. */
static bool is_passed_on(const char *variable)
{
    static const char *const PREFIXES[] = {
        "PATH=",         "HOME=",
        "USER=",         "LOGNAME=",
        "LANG=",         "LANGUAGE=",
        "LC_",           "TZ=",
        "TMPDIR=",       "http_proxy=",
        "https_proxy=",  "no_proxy=",
        "HTTP_PROXY=",   "HTTPS_PROXY=",
        "NO_PROXY=",     "SSL_CERT_FILE=",
        "SSL_CERT_DIR=", "UV_",
        "PIP_",          "XDG_CACHE_HOME=",
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=",
    };

    assert(variable);
    for (size_t i = 0; i < COUNT(PREFIXES); i++)
        if (!strncmp(variable, PREFIXES[i], strlen(PREFIXES[i])))
            return true;
    return false;
}

/* What a runner gets to see of our environment: a short list, so that no secret of the server's
 * start reaches users' programs. */
const char *const *compute_environment(struct arena *arena)
{
    size_t count = 0;

    assert(environ);
    for (char **at = environ; *at; at++)
        count++;
    const char **chosen = arena_new_array(arena, const char *, count + 1);
    count = 0;
    for (char **at = environ; *at; at++)
        if (is_passed_on(*at))
            chosen[count++] = *at;
    return chosen;
}

/* A session of its own: it goes on when we end, and when our terminal closes. */
static int local_start(const struct compute_start *start, struct process_id *out, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str folder =
        arena_printf(arena, "%s/runs/%.*s", start->dir_path, STR_ARG(start->attempt));
    struct str log = arena_printf(arena, "runs/%.*s/runner.log", STR_ARG(start->attempt));
    struct str self = process_self(arena);
    const char *argv[] = {self.ptr, "runner", folder.ptr, NULL};
    struct process process;
    struct error cause = {0};

    assert(start->attempt.len);
    reap();
    CLEANUP(fd_close)
    int fd = file_open(start->dir, log.ptr, O_WRONLY | O_CREAT | O_APPEND, 0600, err);
    if (fd < 0)
        return -1;
    struct process_spec spec = {
        .argv = argv,
        .envp = compute_environment(arena),
        .cwd = folder.ptr,
        .input = -1,
        .output = fd,
        .errors = fd,
        .own_session = true,
    };
    if (process_start(&spec, &process, &cause) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "", "The runner cannot be started: %.400s",
                         cause.message);
    *out = process.id;
    remember(&process);
    return 0;
}

/* The runner's own number, with its start: see process_alive. */
static bool local_alive(const struct process_id *runner)
{
    assert(runner);
    reap();
    return process_alive(runner);
}

/* Sends a signal to exactly that process, or to nobody: the pidfd is opened before the last look.
 */
static int signal_exactly(const struct process_id *id, int signal, struct error *err)
{
    assert(id);
    if (id->pid <= 1)
        return 0;
    struct process process = {.id = *id, .pidfd = (int)syscall(SYS_pidfd_open, id->pid, 0)};
    if (process.pidfd < 0 || !process_alive(id)) {
        process_close(&process);
        return 0;
    }
    int result = process_signal(&process, signal, err);
    process_close(&process);
    return result;
}

/* Ends the user's process as process.json names it, with everything it started. */
static void kill_work(struct arena *arena, const struct compute_start *where)
{
    struct str path = arena_printf(arena, "runs/%.*s/process.json", STR_ARG(where->attempt));
    struct process_id id = {0};
    struct str text;
    struct cgroup group;
    struct cgroup_limits none = {0};

    if (file_read(arena, where->dir, path.ptr, 64 * KIB, &text, NULL) < 0)
        return;
    struct json *work = json_parse(arena, text, NULL);
    id.pid = (pid_t)json_int_at(work, "pid", 0);
    id.start_time = (uint64_t)json_int_at(work, "startTime", 0);
    snprintf(id.boot_id, sizeof(id.boot_id), "%.*s", STR_ARG(json_str_at(work, "bootId")));
    if (id.pid > 1 && process_alive(&id))
        process_signal_descendants(id.pid, 0, SIGKILL);
    struct str name = json_str_at(work, "cgroup");
    if (!name.len || str_find_char(name, '/') >= 0)
        return;
    cgroup_make(arena, arena_cstr(arena, name), &none, &group);
    cgroup_kill(&group);
    cgroup_remove(&group);
}

/* Softly the runner ends its work itself; hard, it is killed first so that it cannot start
 * anything more. */
static int local_stop(const struct compute_start *where, const struct process_id *runner, bool hard,
                      struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    assert(where->attempt.len);
    if (signal_exactly(runner, hard ? SIGKILL : SIGTERM, err) < 0)
        return -1;
    if (hard)
        kill_work(arena, where);
    reap();
    return 0;
}

const struct compute_backend compute_local = {
    .name = "local",
    .start = local_start,
    .alive = local_alive,
    .stop = local_stop,
};
