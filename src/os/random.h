/* random.h - the one source of chance; tests seed it */
#pragma once

#include "base/arena.h"

/* Fills with bytes fit for keys; aborts when the system has none. After random_test_seed they are
 * a repeatable stream. */
void random_bytes(void *out, size_t size);

/* A number below `limit` (> 0), unbiased. */
uint64_t random_below(uint64_t limit);

/* `bytes` random bytes as lower-case hex. */
struct str random_hex(struct arena *arena, size_t bytes);

/* A version 4 UUID in lower case with dashes. */
struct str random_uuid(struct arena *arena);

/* Tests only: a stream that depends on `seed` alone; 0 goes back to the system's. */
void random_test_seed(uint64_t seed);
