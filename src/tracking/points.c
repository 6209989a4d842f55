#include "tracking/points.h"

#include <stdlib.h>

/* For CLEANUP, and to be used again. */
void points_free(struct points *points)
{
    free(points->at);
    *points = (struct points){0};
}

/* The room behind the last point; the caller counts what he put there. */
struct point *points_reserve(struct points *points, size_t more)
{
    if (points->size - points->count < more) {
        size_t size = points->size + points->size / 2 + more;
        struct point *grown = realloc(points->at, size * sizeof *grown);
        if (!grown)
            abort(); /* as arenas do: nothing is lost, state lives in transactions */
        points->at = grown;
        points->size = size;
    }
    return points->at + points->count;
}

/* End of the ascending stretch that begins at `from`. */
static size_t stretch_end(const struct point *at, size_t from, size_t count)
{
    size_t end = from + 1;

    assert(from < count);
    while (end < count && point_compare(&at[end - 1], &at[end]) <= 0)
        end++;
    return end;
}

/* Merges [from, middle) and [middle, end) of `at` into the same places of `out`. */
static void merge(const struct point *at, struct point *out, size_t from, size_t middle, size_t end)
{
    size_t left = from, right = middle;

    for (size_t i = from; i < end; i++) {
        bool take_left =
            right == end || (left < middle && point_compare(&at[left], &at[right]) <= 0);
        out[i] = take_left ? at[left++] : at[right++];
    }
}

/* One pass over all pairs of stretches; whether there was more than one stretch. */
static bool merge_pass(const struct point *at, struct point *out, size_t count)
{
    bool merged = false;

    for (size_t from = 0; from < count;) {
        size_t middle = stretch_end(at, from, count);
        size_t end = middle < count ? stretch_end(at, middle, count) : middle;
        merged = merged || from > 0 || middle < count;
        merge(at, out, from, middle, end);
        from = end;
    }
    return merged;
}

/* Sorted by time, step and value; twins are dropped, which MLflow's primary key would not have let
 * in either. What is sorted already, as most series are, costs one look. */
void points_order(struct points *points)
{
    size_t kept = 0;

    if (points->count == 0)
        return;
    if (stretch_end(points->at, 0, points->count) < points->count) {
        struct points other = {0};
        points_reserve(&other, points->count);
        other.count = points->count;
        while (merge_pass(points->at, other.at, points->count)) {
            struct points swap = *points;
            *points = other;
            other = swap;
        }
        points_free(&other);
    }
    for (size_t i = 1; i < points->count; i++)
        if (point_compare(&points->at[kept], &points->at[i]) != 0)
            points->at[++kept] = points->at[i];
    points->count = kept + 1;
    assert(points->count <= points->size);
}

/* By halving, since a page of a long history begins far within. */
size_t points_after(const struct points *points, const struct point *after)
{
    size_t low = 0, high = points->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point_compare(&points->at[middle], after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low <= points->count);
    return low;
}
