/* compute.h - where work can run: a backend puts a run folder on a node and starts the runner there
 */
#pragma once

#include "base/json.h"
#include "os/process.h"

/* What to start; the folder runs/{attempt} beneath `dir` holds spec.json already. */
struct compute_start {
    int dir; /* the open data folder */
    const char *dir_path;
    struct str attempt;
};

/* Where runners are started. It knows attempts and folders, nothing of jobs. */
struct compute_backend {
    const char *name; /* "local" */
    /* Starts the runner. It survives this process. Errors: ERROR_UNAVAILABLE with the reason. */
    int (*start)(const struct compute_start *start, struct process_id *out, struct error *err);
    /* Whether that runner still lives. */
    bool (*alive)(const struct process_id *runner);
    /* Asks the runner to end its work (SIGTERM); `hard` ends runner and work at once. */
    int (*stop)(const struct compute_start *where, const struct process_id *runner, bool hard,
                struct error *err);
};

extern const struct compute_backend compute_local;

/* What of our environment programs that we start on this host get: how to find programs, speak and
 * reach package indexes; nothing of LAZURITE_*. NULL at its end. */
const char *const *compute_environment(struct arena *arena);

/* Makes runs/{attempt} with its spec.json (0600), synced. Doing it again with the same spec is
 * fine. */
int compute_make_folder(const struct compute_start *start, const struct json *spec,
                        struct error *err);

/* Reads exit.json. 1 there, 0 not yet, -1 unreadable. */
int compute_read_exit(struct arena *arena, const struct compute_start *start, struct json **out,
                      struct error *err);
/* Reads runner.json. 1 there, 0 not yet, -1 unreadable. */
int compute_read_runner(const struct compute_start *start, struct process_id *out,
                        struct error *err);
