/* Chance from the kernel, or from a seed in tests. There is no generator in between to be seeded
 * wrongly or to be copied by a fork. */
#include "os/random.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of tests: 0 is the system's chance, else the state of a repeatable stream. */
static _Atomic uint64_t test_state;

/* One step of the SplitMix64 sequence; its state is a sum, so threads may share it. */
static uint64_t test_next(void)
{
    uint64_t z = atomic_fetch_add(&test_state, 0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Blocks only before the system has gathered chance once, early at boot. */
void random_bytes(void *out, size_t size)
{
    char *at = out;

    assert(out || !size);
    if (atomic_load_explicit(&test_state, memory_order_relaxed)) {
        for (size_t i = 0; i < size; i++)
            at[i] = (char)test_next();
        return;
    }
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            /* Keys made of anything else would be worse than no server. */
            fputs("The system gives no random bytes.\n", stderr);
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}

/* Numbers from the uneven rest are thrown away, since a plain remainder would favour the small
 * ones. */
uint64_t random_below(uint64_t limit)
{
    assert(limit > 0);
    /* Values under this remainder would make the first results likelier; they are drawn again. */
    uint64_t skip = -limit % limit;
    uint64_t value;

    do
        random_bytes(&value, sizeof(value));
    while (value < skip);
    return value % limit;
}

/* Two digits for each byte. */
struct str random_hex(struct arena *arena, size_t bytes)
{
    unsigned char raw[64];
    char text[2 * sizeof(raw) + 1];

    assert(bytes > 0 && bytes <= sizeof(raw));
    random_bytes(raw, bytes);
    for (size_t i = 0; i < bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", raw[i]);
    return arena_str(arena, (struct str){text, 2 * bytes});
}

/* Version 4, RFC 9562: six bits say so, the rest is chance. */
struct str random_uuid(struct arena *arena)
{
    unsigned char b[16];

    random_bytes(b, sizeof(b));
    b[6] = (b[6] & 0x0f) | 0x40; /* version 4 */
    b[8] = (b[8] & 0x3f) | 0x80; /* the variant of RFC 9562 */
    struct str text = arena_printf(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    assert(text.len == 36);
    return text;
}

/* 0 gives the system's chance back. */
void random_test_seed(uint64_t seed)
{
    atomic_store(&test_state, seed);
}
