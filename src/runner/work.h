/* work.h - the user's process: started once, watched, ended when it must be, and how it ended */
#pragma once

#include "runner/attempt.h"

/* What exit.json says. */
struct work_end {
    const char *kind; /* docs/run-folder.md */
    int code, signal;
    struct str reason;
    int64_t peak_memory_bytes; /* -1: the host does not say */
};

/* Starts the command (or, after another runner died, finds it again) and waits for its end. Errors
 * only when it could not be started. */
int work_attend(struct attempt *attempt, struct work_end *out, struct error *err);

/* How a command ended, from what the kernel and the shell say. Pure, for tests. */
struct work_facts {
    bool signaled;
    int status;           /* exit status, or the signal's number */
    int64_t oom_kills;    /* of its control group; -1 unknown */
    int64_t memory_bytes; /* its limit; 0: none of its own */
    bool asked;           /* to stop */
    bool timed_out;
    int64_t timeout_s;
    struct str log_tail; /* last lines of std_log.txt */
};
void work_judge(struct arena *arena, const struct work_facts *facts, struct work_end *out);

/* {"kind", "code", "signal", "reason", "endedUs", "peakMemoryBytes"}. */
struct json *work_end_json(struct arena *arena, const struct work_end *end);
