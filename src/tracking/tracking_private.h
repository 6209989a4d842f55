/* tracking_private.h - what the files of tracking/ share, and mlflow/ does not see */
#pragma once

#include "tracking/tracking.h"
#include "tracking/word.h"

struct compactor;

struct tracking {
    struct store *store;
    struct words *words;
    struct compactor *compactor;
};

/* Starts the thread that turns tails into blocks. Owns: the caller. */
struct compactor *compactor_new(struct tracking *tracking);
/* Ends after the run at hand. For CLEANUP. */
void compactor_free(struct compactor **compactor);
/* Asks for an owner's tail to be packed; cheap, may be repeated. Threads: any. */
void compactor_ask(struct compactor *compactor, int64_t owner);
