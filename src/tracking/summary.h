/* summary.h - last, least and greatest value of every metric of a run, in one row
 *
 * What lists and searches show of a run without reading its points. Entries stand in order of first
 * appearance; since training loops log the same keys in the same order, the entry after the one
 * found last is tried first, which makes folding a batch linear.
 */
#pragma once

#include "base/arena.h"
#include "tracking/tail.h"

struct summary_entry {
    int64_t key;    /* word */
    int64_t source; /* only told apart in the summary of a logged model */
    uint64_t n;     /* points, resent ones counted again */
    int64_t at_ms;  /* of the last … */
    int64_t step;
    double last;     /* … which is the greatest by (step, time, value) */
    double min, max; /* without NaN; NaN while there was nothing else */
};

struct summary {
    struct arena *arena;
    struct summary_entry *entries;
    size_t count, size;
    int64_t seq;                     /* newest tail row folded in */
    int64_t rev;                     /* rises by one with every commit that brought points */
    uint64_t tail_rows, tail_points; /* not packed into blocks yet */
    bool by_source;                  /* entries are told apart by (key, source) */
    size_t next_;                    /* position tried first */
    uint32_t *index_; /* open hash of positions + 1, made for the first miss in a big summary */
    size_t index_size_;
};

/* An empty one. */
struct summary summary_make(struct arena *arena);

/* Unpacks `data` (empty data: an empty summary). Errors: ERROR_CORRUPT. */
int summary_decode(struct arena *arena, struct str data, struct summary *out, struct error *err);
struct str summary_encode(struct arena *arena, const struct summary *summary);

/* Takes one more point in. */
void summary_fold(struct summary *summary, const struct tail_point *point);

/* The first entry of a key, or NULL. */
const struct summary_entry *summary_find(const struct summary *summary, int64_t key);

/* Order of two values where NaN counts as zero and stands behind it. */
int summary_compare_values(double a, double b);
