/* points.h - a growing list of points that can be put in order cheaply
 *
 * What comes out of blocks and tails is nearly sorted: a few ascending stretches. They are merged
 * pairwise, which costs far less than a sort.
 */
#pragma once

#include "tracking/block.h"

struct points {
    struct point *at; /* malloc'd */
    size_t count, size;
};

/* Frees. For CLEANUP. */
void points_free(struct points *points);

/* Room for `more` points behind the last; count is raised by the caller. */
struct point *points_reserve(struct points *points, size_t more);

/* Puts into order and drops points that are there twice. */
void points_order(struct points *points);

/* Position of the first point greater than `after`, in an ordered list. */
size_t points_after(const struct points *points, const struct point *after);
