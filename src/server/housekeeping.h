/* housekeeping.h - what a running server does on its own, once an hour: what deletions
 * left to do is done, and bytes that nothing names any more go back to the disk
 */
#pragma once

#include "base/base.h"

struct content;
struct housekeeping;

/* Starts the thread: a first round after `first_us`, then one every `every_us`, both by the
 * monotonic clock. The content outlives it. Owns: the caller. */
struct housekeeping *housekeeping_start(struct content *content, int64_t first_us,
                                        int64_t every_us);

/* Something else to be done in every round. Before the first round, or between two. */
typedef void housekeeping_duty(void *context);
void housekeeping_add(struct housekeeping *housekeeping, housekeeping_duty *duty, void *context);

/* Waits for a round under way. For CLEANUP. */
void housekeeping_stop(struct housekeeping **housekeeping);

/* How it went so far, for `status`. */
struct housekeeping_report {
    int64_t rounds;  /* complete ones */
    int64_t bytes;   /* given back since the start */
    int64_t last_us; /* wall clock of the last one's end; 0: none yet */
};
struct housekeeping_report housekeeping_report(struct housekeeping *housekeeping);
