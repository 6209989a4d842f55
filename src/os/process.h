/* process.h - starting, watching and ending processes
 *
 * Children are started with an argument vector, never through a shell of ours, in a process group
 * of their own, and watched through a pidfd.
 */
#pragma once

#include "base/arena.h"

#include <sys/types.h>

/* What names a process beyond its reusable pid. */
struct process_id {
    pid_t pid;
    uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks after boot */
    char boot_id[40];
};

struct process_spec {
    const char *const *argv;   /* NULL at its end; argv[0] is looked up in PATH */
    const char *const *envp;   /* NULL at its end; NULL: inherit */
    const char *cwd;           /* NULL: ours */
    int input, output, errors; /* descriptors for 0-2; -1 is /dev/null; all others are closed */
    const int *keep;           /* more descriptors to leave open under their own numbers */
    size_t keep_count;
    bool own_session;     /* setsid: survives our terminal and our process group */
    bool die_with_parent; /* SIGKILL when the parent thread ends */
    /* NULL, or cgroup.procs files to enter before exec, NULL at their end. */
    const char *const *cgroups;
};

struct process {
    struct process_id id;
    int pidfd;
};

/* How a process ended. */
struct process_end {
    bool signaled;
    int status; /* exit status, or the signal's number */
    bool core;
};

/* Starts a program. Errors: ERROR_NOT_FOUND when there is no such program. */
int process_start(const struct process_spec *spec, struct process *out, struct error *err);

/* Waits at most timeout_ms (-1: for ever). 1 ended and *out is set, 0 not yet, -1 error. Only for
 * children of ours; it reaps. */
int process_wait(struct process *process, int timeout_ms, struct process_end *out,
                 struct error *err);

/* Closes the pidfd; does not wait. For CLEANUP of a struct process *. */
void process_close(struct process *process);

/* Sends a signal to one process by pidfd; to a whole group by its leader. Not there: fine. */
int process_signal(const struct process *process, int signal, struct error *err);
int process_signal_group(pid_t leader, int signal, struct error *err);

/* Signals a process and all that came out of it, from the `skip`-th generation on (0: itself too).
 * How many were signaled. */
unsigned process_signal_descendants(pid_t root, unsigned skip, int signal);

/* Who we are, and whether the process that was meant is still there. */
int process_identify(pid_t pid, struct process_id *out, struct error *err);
bool process_alive(const struct process_id *id);

/* How a program ended and what it wrote on both streams. */
struct process_result {
    struct process_end end;
    struct str text;
};
/* Runs a program to its end and collects at most `limit` bytes of its text. For tools of ours (uv,
 * podman), never for user code. */
int process_run(struct arena *arena, const struct process_spec *spec, size_t limit,
                struct process_result *out, struct error *err);

/* The absolute path of this executable. */
struct str process_self(struct arena *arena);
