/* tail.h - points of one run in order of arrival, packed into one row
 *
 * Per point the differences of key number, time and step to the point before it, then the value in
 * eight bytes. A row of one layer's training loop takes about 14 bytes a point.
 */
#pragma once

#include "base/arena.h"
#include "tracking/varint.h"

/* One measured value. Times are what clients give: milliseconds since 1970. */
struct tail_point {
    int64_t key; /* word */
    int64_t at_ms;
    int64_t step;
    int64_t source; /* row of `source`: a logged model or dataset; 0 = none */
    double value;   /* NaN allowed, infinities are not */
};

/* Packs at least one point into the arena. */
struct str tail_encode(struct arena *arena, const struct tail_point *points, size_t count);

/* Walks a row: tail_next gives 1 and a point, 0 at the end, -1 for bytes that are no tail. */
struct tail_reader {
    struct varint_reader bytes;
    struct tail_point last;
    bool sources;
};
struct tail_reader tail_reader(struct str data);
int tail_next(struct tail_reader *reader, struct tail_point *out);
