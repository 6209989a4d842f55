/* finish.h - the last step: what exit.json says becomes the final state, once */
#pragma once

#include "job/step.h"

/* How an attempt ended, as the runner says it in `finished` and exit.json. */
struct job_exit {
    struct str kind; /* exit signal memory timeout canceled notFound prepare lost */
    int64_t code;    /* exit status, or the signal's number */
    struct str reason;
};
struct job_exit finish_read(const struct json *exit);

/* Seals the logs into artifacts, registers named outputs, ends the attempt and moves the job to its
 * final state, all or nothing. Doing it again changes nothing. */
int finish_attempt(struct jobs *jobs, int64_t run, int number, const struct job_exit *end,
                   struct error *err);

/* The key of a growing log in the content store: "{attempt}/{file}". */
struct str finish_log_key(struct arena *arena, int64_t run, int number, struct str file);

/* The files a job logs into, in the order they are shown. */
#define JOB_LOG_COUNT 3
extern const struct str JOB_LOGS[JOB_LOG_COUNT];
