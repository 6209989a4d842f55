/* Children by vfork and exec, watched by pidfd. Between the two only what POSIX allows there is
 * called, on memory prepared before: a server with threads and gigabytes must neither copy itself
 * nor take a lock that another thread holds. */
#include "os/process.h"

#include "os/fault.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a child needs between vfork and exec, where only system calls are allowed. */
struct child {
    const struct process_spec *spec;
    const char *path; /* of the program */
    char *const *envp;
    int null_fd, report_fd;
    pid_t parent;
    sigset_t no_signals;
};

/* Says why there will be no program, and ends. Only in the child. */
static _Noreturn void child_fail(const struct child *child, int number)
{
    ssize_t put = write(child->report_fd, &number, sizeof(number));

    _exit(put == sizeof(number) ? 127 : 126);
}

/* Signal handlers are the parent's code, and ignored signals stay ignored across exec. */
static void child_signals(const struct child *child)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
    sigprocmask(SIG_SETMASK, &child->no_signals, NULL);
}

/* Puts the three streams at 0 to 2 and lets only `keep` stay open after exec. */
static void child_descriptors(const struct child *child)
{
    const struct process_spec *spec = child->spec;
    int streams[3] = {spec->input, spec->output, spec->errors};

    for (int i = 0; i < 3; i++) { /* out of the way first: 0 to 2 may be among them */
        streams[i] = fcntl(streams[i] < 0 ? child->null_fd : streams[i], F_DUPFD_CLOEXEC, 3);
        if (streams[i] < 0)
            child_fail(child, errno);
    }
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0)
            child_fail(child, errno);
    for (size_t i = 0; i < spec->keep_count; i++)
        if (fcntl(spec->keep[i], F_SETFD, 0) < 0)
            child_fail(child, errno);
}

/* By writing 0, which means the writer itself; before exec, so that the program's first page
 * counts. */
static void child_enter_cgroups(const struct child *child)
{
    for (const char *const *file = child->spec->cgroups; file && *file; file++) {
        int fd = open(*file, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            child_fail(child, errno);
        close(fd);
    }
}

/* The child's whole life. It shares the parent's memory until exec, so it changes none of it. */
static _Noreturn void child_run(const struct child *child)
{
    const struct process_spec *spec = child->spec;

    if (spec->own_session ? setsid() < 0 : setpgid(0, 0) < 0)
        child_fail(child, errno);
    if (spec->die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != child->parent) /* it ended before the line above */
            _exit(126);
    }
    child_enter_cgroups(child);
    child_descriptors(child);
    if (spec->cwd && chdir(spec->cwd) < 0)
        child_fail(child, errno);
    child_signals(child);
    execve(child->path, (char *const *)spec->argv, child->envp);
    child_fail(child, errno);
}

/* The value of a variable in an environment of ours or of the child. */
static const char *variable(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    assert(len > 0);
    for (; *envp; envp++)
        if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

/* Finds argv[0] as execvp would, but before the fork and in the child's PATH. */
static bool find_program(const char *name, char *const *envp, char *out, size_t size)
{
    const char *path = variable(envp, "PATH");
    struct str rest = str_from(path ? path : "/usr/local/bin:/usr/bin:/bin");
    struct str folder;

    assert(*name);
    if (strchr(name, '/'))
        return snprintf(out, size, "%s", name) < (int)size;
    while (str_split(&rest, ':', &folder)) {
        struct stat status;
        if (!folder.len || folder.ptr[0] != '/')
            continue;
        if (snprintf(out, size, "%.*s/%s", STR_ARG(folder), name) >= (int)size)
            continue;
        if (access(out, X_OK) == 0 && stat(out, &status) == 0 && S_ISREG(status.st_mode))
            return true;
    }
    return false;
}

/* vfork and nothing else, so that no variable of a caller is at risk. */
static __attribute__((noinline)) pid_t spawn(const struct child *child)
{
    pid_t pid = vfork();

    if (pid == 0)
        child_run(child);
    return pid;
}

/* Forks with all signals held, since a handler run in the child would write in our memory. */
static pid_t spawn_masked(struct child *child, int *out_errno)
{
    sigset_t all, before;

    assert(child->path);
    sigemptyset(&child->no_signals);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = spawn(child);
    *out_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* Waits for exec: 0 when it went well, else the errno that the child sent. */
static int read_report(int fd)
{
    int number;
    ssize_t got;

    assert(fd >= 0);
    do
        got = read(fd, &number, sizeof(number));
    while (got < 0 && errno == EINTR);
    return got == sizeof(number) ? number : 0;
}

/* The pipe closes on exec: nothing in it means that the program runs, a number says why not. */
int process_start(const struct process_spec *spec, struct process *out, struct error *err)
{
    char path[4096];
    char *const *envp = spec->envp ? (char *const *)spec->envp : environ;
    CLEANUP(fd_close) int null_fd = -1;
    CLEANUP(fd_close) int report_in = -1;
    CLEANUP(fd_close) int report_out = -1;
    int pipe_fds[2], number = fault_hit(FAULT_SPAWN);

    assert(spec->argv && spec->argv[0]);
    if (number)
        return error_errno(err, number, "'%s' cannot be started", spec->argv[0]);
    if (!find_program(spec->argv[0], envp, path, sizeof(path)))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no program '%s'.", spec->argv[0]);
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "'%s' cannot be started", spec->argv[0]);
    report_in = pipe_fds[0];
    report_out = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 3); /* dup2 must not land on it */
    close(pipe_fds[1]);
    struct child child = {.spec = spec,
                          .path = path,
                          .envp = envp,
                          .null_fd = null_fd,
                          .report_fd = report_out,
                          .parent = getpid()};
    pid_t pid = spawn_masked(&child, &number);
    if (pid < 0)
        return error_errno(err, number, "'%s' cannot be started", spec->argv[0]);
    fd_close(&report_out);
    number = read_report(report_in);
    int pidfd = number ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        number = number ? number : errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return error_errno(err, number, "'%s' cannot be started", spec->argv[0]);
    }
    struct process_id id = {.pid = pid};
    struct error unread = {0};
    /* It may have ended, but is not reaped. One that nobody could name later is not let go on. */
    if (process_identify(pid, &id, &unread) < 0 && unread.code != ERROR_NOT_FOUND) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(pidfd);
        *err = unread;
        return -1;
    }
    *out = (struct process){.pidfd = pidfd, .id = id};
    return 0;
}

/* Milliseconds of the system's own clock: a test clock must not make a poll endless. */
static int64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By the pidfd, which names this process and no later one of the same number. */
int process_wait(struct process *process, int timeout_ms, struct process_end *out,
                 struct error *err)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : real_ms() + timeout_ms;
    struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};
    siginfo_t info = {0};
    int ready, left = timeout_ms;

    assert(process->pidfd >= 0);
    while ((ready = poll(&poll_fd, 1, left)) < 0 && errno == EINTR)
        if (timeout_ms >= 0) {
            int64_t rest = until - real_ms();
            left = rest > 0 ? (int)rest : 0;
        }
    if (ready < 0)
        return error_errno(err, errno, "Process %d cannot be waited for", (int)process->id.pid);
    if (ready == 0)
        return 0;
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
        return error_errno(err, errno, "Process %d cannot be waited for", (int)process->id.pid);
    *out = (struct process_end){
        .signaled = info.si_code != CLD_EXITED,
        .status = info.si_status,
        .core = info.si_code == CLD_DUMPED,
    };
    return 1;
}

/* Not the process: it may go on without us. */
void process_close(struct process *process)
{
    assert(process);
    /* A zeroed struct was never started; descriptor 0 is not a pidfd of ours. */
    if (process->pidfd > 0)
        close(process->pidfd);
    process->pidfd = -1;
}

/* By descriptor: the number may long belong to another. */
int process_signal(const struct process *process, int signal, struct error *err)
{
    assert(process->pidfd >= 0);
    if (syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
        return error_errno(err, errno, "Process %d cannot be signaled", (int)process->id.pid);
    return 0;
}

/* By number, as there is no descriptor of a group; the leader is our child and not waited for yet,
 * so its number cannot have been given anew. */
int process_signal_group(pid_t leader, int signal, struct error *err)
{
    assert(leader > 1); /* 0 and -1 would reach ourselves and everybody */
    if (kill(-leader, signal) < 0 && errno != ESRCH)
        return error_errno(err, errno, "Process group %d cannot be signaled", (int)leader);
    return 0;
}

/* Reads a small file of /proc whole: 0, or the number of the error; ENOENT for one that is empty.
 */
static int read_small(const char *path, char *out, size_t size)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);

    assert(size > 1);
    if (got <= 0)
        return got < 0 ? errno : ENOENT;
    out[got] = '\0';
    return 0;
}

/* State and start time out of what /proc/PID/stat says; the name before them may hold blanks and
 * brackets. */
static bool parse_stat(const char *text, char *out_state, uint64_t *out_start)
{
    struct str field;
    int64_t start = 0;

    const char *bracket = strrchr(text, ')');
    if (!bracket || !bracket[1])
        return false;
    struct str rest = str_from(bracket + 2);
    for (int number = 3; number <= 22; number++) {
        if (!str_split(&rest, ' ', &field) || !field.len)
            return false;
        if (number == 3)
            *out_state = field.ptr[0];
    }
    if (!str_to_int64(field, &start))
        return false;
    assert(start >= 0);
    *out_start = (uint64_t)start;
    return true;
}

/* Who it is and what it does. Errors: ERROR_NOT_FOUND when there is none; others when nothing could
 * be learned, for which nobody may be called dead. */
static int look_at(pid_t pid, struct process_id *out, char *out_state, struct error *err)
{
    struct process_id id = {.pid = pid};
    char path[40], text[1024];

    assert(pid > 0);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int number = read_small(path, text, sizeof(text));
    if (number != 0 && number != ENOENT && number != ESRCH)
        return error_errno(err, number, "Process %d cannot be looked at", (int)pid);
    if (number != 0 || !parse_stat(text, out_state, &id.start_time))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no process %d.", (int)pid);
    number = read_small("/proc/sys/kernel/random/boot_id", id.boot_id, sizeof(id.boot_id));
    if (number != 0 && number != ENOENT)
        return error_errno(err, number, "The number of this boot cannot be read");
    id.boot_id[strcspn(id.boot_id, "\n")] = '\0';
    *out = id;
    return 0;
}

/* Pids come back; with the start time and the boot a process is named for good. */
int process_identify(pid_t pid, struct process_id *out, struct error *err)
{
    char state;

    return look_at(pid, out, &state, err);
}

/* The number alone would be a lie after a restart of the host, or after enough forks: boot and
 * start time make it one process. Who cannot look, for want of a descriptor, has the number alone:
 * a job that works must not be called lost. */
bool process_alive(const struct process_id *id)
{
    struct error why = {0};
    struct process_id now;
    char state;

    assert(id);
    if (id->pid <= 0)
        return false;
    if (look_at(id->pid, &now, &state, &why) < 0)
        return why.code != ERROR_NOT_FOUND && (kill(id->pid, 0) == 0 || errno == EPERM);
    /* What only waits to be reaped does nothing any more. */
    return now.start_time == id->start_time && strcmp(now.boot_id, id->boot_id) == 0 &&
           state != 'Z' && state != 'X';
}

/* Both streams in one, as they would stand on a terminal. */
int process_run(struct arena *arena, const struct process_spec *spec, size_t limit,
                struct process_result *out, struct error *err)
{
    struct process_spec started = *spec;
    struct process_end end;
    CLEANUP(process_close) struct process process = {.pidfd = -1};
    CLEANUP(buf_free) struct buf text = buf_make(limit);
    CLEANUP(fd_close) int from = -1;
    CLEANUP(fd_close) int to = -1;
    char piece[8192];
    int pipe_fds[2];
    ssize_t got;

    assert(limit > 0);
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "'%s' cannot be started", spec->argv[0]);
    from = pipe_fds[0];
    to = pipe_fds[1];
    started.output = started.errors = to;
    if (process_start(&started, &process, err) < 0)
        return -1;
    fd_close(&to);
    while ((got = read(from, piece, sizeof(piece))) != 0)
        if (got > 0)
            buf_add_bytes(&text, piece, (size_t)got); /* what is past the limit is dropped */
        else if (errno != EINTR)
            break;
    if (process_wait(&process, -1, &end, err) < 0)
        return -1;
    *out = (struct process_result){end, arena_str(arena, buf_str(&text))};
    return 0;
}

/* By the kernel's link, since argv[0] is whatever the caller chose. */
struct str process_self(struct arena *arena)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

    assert(len > 0);
    struct str self = {path, (size_t)len};
    /* The kernel's mark for a file that an update has replaced; the new one has the old name. */
    if (str_ends(self, STR(" (deleted)")))
        self.len -= strlen(" (deleted)");
    return arena_str(arena, self);
}
