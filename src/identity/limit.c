/* A table of fixed size: who asks for many names pushes out the oldest counts and gains nothing,
 * for each name he tries has a count of its own again. */
#include "identity/limit.h"

#include "base/map.h"
#include "os/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define LIMIT_WINDOW_US (60 * US_PER_S)
#define LIMIT_SLOTS 1024 /* a power of two */
#define LIMIT_PROBES 8

/* One name at one address; `since_us` is when its minute began, on the monotonic clock. */
struct limit_slot {
    uint64_t who;
    int64_t since_us;
    unsigned failures;
};

struct limit {
    pthread_mutex_t lock;
    unsigned failures; /* as many as are heard */
    struct limit_slot slots[LIMIT_SLOTS];
};

/* All slots free. */
struct limit *limit_new(unsigned failures)
{
    struct limit *limit = calloc(1, sizeof(*limit));

    if (!limit)
        abort();
    assert(failures > 0);
    pthread_mutex_init(&limit->lock, NULL);
    limit->failures = failures;
    return limit;
}

/* Counts do not outlive the server. */
void limit_free(struct limit **limit)
{
    assert(limit);
    if (!*limit)
        return;
    pthread_mutex_destroy(&(*limit)->lock);
    free(*limit);
    *limit = NULL;
}

/* A hash stands for the two texts: a collision would at worst make a stranger wait. Never 0. */
static uint64_t limit_hash(struct str name, struct str address)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    struct str lower = arena_lower(arena, str_slice(name, 0, 512));

    return map_hash(arena_printf(arena, "%.*s %.*s", STR_ARG(address), STR_ARG(lower))) | 1;
}

/* Its slot; NULL when it has none that still counts. Under the lock. */
static struct limit_slot *limit_find(struct limit *limit, uint64_t who, int64_t now_us)
{
    assert(who != 0);
    for (size_t i = 0; i < LIMIT_PROBES; i++) {
        struct limit_slot *slot = &limit->slots[((who >> 1) + i) % LIMIT_SLOTS];
        if (slot->who == who)
            return now_us - slot->since_us < LIMIT_WINDOW_US ? slot : NULL;
    }
    return NULL;
}

/* Its old slot, an empty one, or that of whoever failed longest ago. Under the lock. */
static struct limit_slot *limit_place(struct limit *limit, uint64_t who)
{
    struct limit_slot *oldest = &limit->slots[(who >> 1) % LIMIT_SLOTS];

    for (size_t i = 0; i < LIMIT_PROBES; i++) {
        struct limit_slot *slot = &limit->slots[((who >> 1) + i) % LIMIT_SLOTS];
        if (slot->who == who || slot->who == 0)
            return slot;
        if (slot->since_us < oldest->since_us)
            oldest = slot;
    }
    return oldest;
}

/* Asked before anything is compared, so that guessing on is of no use. */
bool limit_reached(struct limit *limit, struct str name, struct str address)
{
    uint64_t who = limit_hash(name, address);
    int64_t now_us = clock_mono_us();

    assert(limit);
    pthread_mutex_lock(&limit->lock);
    const struct limit_slot *slot = limit_find(limit, who, now_us);
    bool reached = slot && slot->failures >= limit->failures;
    pthread_mutex_unlock(&limit->lock);
    return reached;
}

/* By name and address together, so that nobody can lock a name for all others. */
void limit_failed(struct limit *limit, struct str name, struct str address)
{
    uint64_t who = limit_hash(name, address);
    int64_t now_us = clock_mono_us();

    assert(limit);
    pthread_mutex_lock(&limit->lock);
    struct limit_slot *slot = limit_find(limit, who, now_us);
    if (!slot) {
        slot = limit_place(limit, who);
        *slot = (struct limit_slot){.who = who, .since_us = now_us};
    }
    slot->failures++;
    pthread_mutex_unlock(&limit->lock);
}
