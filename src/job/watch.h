/* watch.h - what runners report, and what becomes of those that report no more */
#pragma once

#include "job/step.h"

/* What a runner is told after each report. */
struct watch_answer {
    int64_t next; /* seq or offset wanted next */
    bool cancel;
};

/* Takes a runner's events in order; those seen before are passed over. */
struct watch_report {
    int64_t run;
    int number;
    const struct json *events; /* array */
};
int watch_events(struct jobs *jobs, const struct watch_report *report, struct watch_answer *out,
                 struct error *err);

/* Takes bytes of a log at an offset. `file` must be one of JOB_LOGS or a user log of a rank. */
struct watch_log {
    int64_t run;
    int number;
    struct str file;
    int64_t offset;
    struct str bytes;
};
int watch_log(struct jobs *jobs, const struct watch_log *log, struct watch_answer *out,
              struct error *err);

/* Looks at every open attempt: starts again what was recorded only, finishes what left an
 * exit.json, ends what lost its runner. How many are open, or -1. */
int watch_runners(struct jobs *jobs, struct error *err);
