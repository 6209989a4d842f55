/* block.h - one series of one run, sorted and packed (about 10 bytes a point)
 *
 * Made by the compactor out of tail rows. Times and steps are differences of differences: regular
 * training loops cost a byte each. Values take four bytes when all are exact as floats.
 */
#pragma once

#include "base/arena.h"
#include "tracking/tail.h"

#define BLOCK_POINTS_MAX 4096

/* A point of one known series. */
struct point {
    int64_t at_ms;
    int64_t step;
    int64_t source;
    double value;
};

/* Packs 1 … BLOCK_POINTS_MAX points into the arena. */
struct str block_encode(struct arena *arena, const struct point *points, size_t count);

/* How many points a block holds, 0 for bytes that are no block. */
size_t block_count(struct str data);

/* Unpacks into `out`, which has room for block_count points. Errors: ERROR_CORRUPT. */
int block_decode(struct str data, struct point *out, struct error *err);

/* The order of histories: time, step, value; zero only for the same point. */
int point_compare(const struct point *a, const struct point *b);
