/* attempt.h - what the files of runner/ share: one attempt, and whether somebody wants it to stop
 */
#pragma once

#include "base/json.h"
#include "runner/journal.h"

#include <stdatomic.h>

/* Set by SIGTERM or by the server's answer; the descriptor becomes readable then. */
struct stop {
    atomic_bool asked;
    int fd; /* eventfd */
};

struct delivery;
struct managed;

struct attempt {
    struct arena *arena;
    struct json *spec;
    struct str name; /* "12-1" */
    bool replica;
    int folder;             /* the run folder … */
    struct str folder_path; /* … and its absolute path */
    int data;               /* the data folder … */
    struct str data_path;   /* … and its absolute path */
    struct journal *journal;
    struct delivery *delivery; /* NULL when there is no server to tell */
    struct managed *managed;   /* the identity endpoint, NULL when there is none */
    struct stop *stop;
    struct str environment_path; /* "" for the host */
    bool sandboxed;              /* bubblewrap works here */
};

/* Asks for the end. Async-signal-safe. */
void stop_ask(struct stop *stop);
