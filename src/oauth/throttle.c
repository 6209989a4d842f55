/* Counts in a table of fixed size: a slot is found by a keyed hash, and of the few that a key may
 * have the one that was idle longest makes room. */
#include "oauth/throttle.h"

#include "base/buf.h"
#include "base/map.h"
#include "os/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define WINDOW_US (60 * US_PER_S)
#define CLIENT_FAILURES 10
#define ADDRESS_FAILURES 100
#define SETS 256
#define WAYS 8
#define KEY_BYTES 512
#define ANYBODY STR("\n") /* no client's name: the count of the address itself */

struct count {
    uint64_t key; /* 0: free */
    int64_t since_us;
    unsigned failures;
};

struct throttle {
    pthread_mutex_t lock;
    struct count counts[SETS][WAYS];
};

/* A fixed table: who tries many names fills it, and costs no more. */
struct throttle *throttle_new(void)
{
    struct throttle *throttle = calloc(1, sizeof(*throttle));

    if (!throttle)
        abort();
    pthread_mutex_init(&throttle->lock, NULL);
    return throttle;
}

/* For CLEANUP. */
void throttle_free(struct throttle **throttle)
{
    assert(throttle);
    if (!*throttle)
        return;
    pthread_mutex_destroy(&(*throttle)->lock);
    free(*throttle);
    *throttle = NULL;
}

/* Client and address as one key; a client's name is cut, since it is the peer's to choose. */
static uint64_t key_of(struct str client, struct str address)
{
    CLEANUP(buf_free) struct buf text = buf_make(KEY_BYTES);

    buf_add(&text, str_slice(address, 0, KEY_BYTES / 4));
    buf_add_char(&text, '\n');
    buf_add(&text, str_slice(client, 0, KEY_BYTES / 2));
    assert(!text.failed);
    uint64_t key = map_hash(buf_str(&text));
    return key ? key : 1;
}

/* The count of a key, NULL when it has none that is still running. Locked. */
static struct count *find(struct throttle *throttle, uint64_t key, int64_t now_us)
{
    struct count *set = throttle->counts[key % SETS];

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].key == key && now_us - set[i].since_us < WINDOW_US)
            return &set[i];
    return NULL;
}

/* Starts a count where the oldest was. Locked. */
static struct count *claim(struct throttle *throttle, uint64_t key, int64_t now_us)
{
    struct count *set = throttle->counts[key % SETS], *oldest = set;

    for (size_t i = 1; i < WAYS && oldest->key; i++)
        if (!set[i].key || set[i].since_us < oldest->since_us)
            oldest = &set[i];
    *oldest = (struct count){.key = key, .since_us = now_us};
    return oldest;
}

/* How many failures a key has in its window. */
static unsigned failures_of(struct throttle *throttle, uint64_t key)
{
    pthread_mutex_lock(&throttle->lock);
    const struct count *count = find(throttle, key, clock_mono_us());
    unsigned failures = count ? count->failures : 0;
    pthread_mutex_unlock(&throttle->lock);
    return failures;
}

/* Before the proof is looked at, so that a throttled one learns nothing from the answer. */
int throttle_ask(struct throttle *throttle, struct str client, struct str address,
                 struct error *err)
{
    assert(throttle);
    if (failures_of(throttle, key_of(client, address)) < CLIENT_FAILURES &&
        failures_of(throttle, key_of(ANYBODY, address)) < ADDRESS_FAILURES)
        return 0;
    return error_set(err, ERROR_TOO_MANY, "",
                     "Too many failed attempts from this address; wait a minute.");
}

/* Counted for the name and for the address as a whole: trying many names is held back, too. */
void throttle_fail(struct throttle *throttle, struct str client, struct str address)
{
    const uint64_t keys[] = {key_of(client, address), key_of(ANYBODY, address)};
    int64_t now_us = clock_mono_us();

    assert(throttle);
    pthread_mutex_lock(&throttle->lock);
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct count *count = find(throttle, keys[i], now_us);
        if (!count)
            count = claim(throttle, keys[i], now_us);
        count->failures++;
    }
    pthread_mutex_unlock(&throttle->lock);
}
