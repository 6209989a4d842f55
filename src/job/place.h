/* place.h - who goes next, where, and why not yet: a pure function of queue, pools and clock
 *
 * Nothing is read or written here, so that it can be simulated from a seed and `why` can ask it for
 * the sentence that a waiting job is shown.
 */
#pragma once

#include "base/arena.h"

/* A compute as the scheduler sees it. */
struct place_pool {
    struct str name;       /* lower case key */
    int slots;             /* nodes it has; 0: it does not exist */
    struct str *busy_with; /* names of the jobs that hold a slot */
    int busy;
    bool stopped; /* an instance that is switched off */
};

/* One that waits. */
struct place_job {
    struct str name;
    struct str pool; /* key of the pool it wants */
    int64_t submitted_us;
};

/* For each job in the same order, also for those that wait: people ask why. */
struct place_decision {
    bool start;
    int before;        /* jobs ahead of it on its pool */
    struct str reason; /* one sentence, whether it starts or waits */
};

/* All that a decision depends on, so that the decision is a function and its tests are tables. */
struct place_input {
    const struct place_job *jobs; /* in order of submission */
    size_t job_count;
    const struct place_pool *pools;
    size_t pool_count;
};

/* One decision per job, in the arena. First come, first served on each pool. */
struct place_decision *place_decide(struct arena *arena, const struct place_input *input);
