/* Blocks of up to 4096 points of one series: times and steps as differences of differences, which
 * are zero for whoever logs regularly, and values as floats where none of them loses by it. */
#include "tracking/block.h"

#include "tracking/summary.h"

#include <math.h>

/* First byte. */
enum { BLOCK_BASE = 16, BLOCK_FLOATS = 1, BLOCK_SOURCES = 2 };

/* A number series as differences of differences. */
struct series {
    uint64_t last, delta;
};

/* Unsigned, so that differences of any two numbers wrap instead of overflowing. */
static unsigned char *series_put(unsigned char *at, struct series *series, int64_t number)
{
    uint64_t delta = (uint64_t)number - series->last;

    at = varint_put_signed(at, delta - series->delta);
    series->delta = delta;
    series->last = (uint64_t)number;
    return at;
}

/* The way back; what wrapped wraps again. */
static int64_t series_get(struct varint_reader *bytes, struct series *series)
{
    series->delta += varint_get_signed(bytes);
    series->last += series->delta;
    return (int64_t)series->last;
}

/* Whether four bytes say it all: losses and accuracies of float models do. */
static bool float_exact(double value)
{
    /* NaN has many bit patterns and only one meaning here. */
    return isnan(value) || (double)(float)value == value;
}

/* One value that needs eight bytes makes all of them eight: a bit per point would cost more than it
 * saves. */
struct str block_encode(struct arena *arena, const struct point *points, size_t count)
{
    struct series at = {0}, step = {0};
    unsigned flags = BLOCK_BASE | BLOCK_FLOATS;

    assert(count > 0 && count <= BLOCK_POINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!float_exact(points[i].value))
            flags &= ~(unsigned)BLOCK_FLOATS;
        if (points[i].source)
            flags |= BLOCK_SOURCES;
    }
    unsigned char *start = arena_alloc(arena, 16 + count * (3 * VARINT_BYTES_MAX + sizeof(double)));
    unsigned char *out = start;
    *out++ = (unsigned char)flags;
    out = varint_put(out, count);
    for (size_t i = 0; i < count; i++) {
        out = series_put(out, &at, points[i].at_ms);
        out = series_put(out, &step, points[i].step);
        if (flags & BLOCK_SOURCES)
            out = varint_put(out, (uint64_t)points[i].source);
        if (flags & BLOCK_FLOATS) {
            float value = (float)points[i].value;
            memcpy(out, &value, sizeof value);
            out += sizeof value;
        } else {
            memcpy(out, &points[i].value, sizeof(double));
            out += sizeof(double);
        }
    }
    return (struct str){(const char *)start, (size_t)(out - start)};
}

/* Reads the head; 0 when it is none. */
static size_t block_head(struct varint_reader *bytes, unsigned *out_flags)
{
    uint64_t flags = varint_get(bytes);
    uint64_t count = varint_get(bytes);

    *out_flags = (unsigned)flags;
    if (bytes->bad || (flags & ~3u) != BLOCK_BASE || count == 0 || count > BLOCK_POINTS_MAX)
        return 0;
    return (size_t)count;
}

/* For who must make room before decoding; 0 for what is no block. */
size_t block_count(struct str data)
{
    struct varint_reader bytes = varint_reader(data);
    unsigned flags;
    size_t count = block_head(&bytes, &flags);

    assert(count <= BLOCK_POINTS_MAX);
    return count;
}

/* Bytes behind the last point are as wrong as missing ones: either way the row is not what was
 * written. */
int block_decode(struct str data, struct point *out, struct error *err)
{
    struct varint_reader bytes = varint_reader(data);
    struct series at = {0}, step = {0};
    unsigned flags;
    size_t count = block_head(&bytes, &flags);

    for (size_t i = 0; i < count && !bytes.bad; i++) {
        out[i].at_ms = series_get(&bytes, &at);
        out[i].step = series_get(&bytes, &step);
        out[i].source = flags & BLOCK_SOURCES ? (int64_t)varint_get(&bytes) : 0;
        if (flags & BLOCK_FLOATS) {
            float value;
            varint_get_bytes(&bytes, &value, sizeof value);
            out[i].value = value;
        } else {
            varint_get_bytes(&bytes, &out[i].value, sizeof(double));
        }
    }
    if (count == 0 || bytes.bad || bytes.at != bytes.end)
        return error_set(err, ERROR_CORRUPT, "block", "A block of metric points cannot be read.");
    return 0;
}

/* The order of histories is time, step, value, as MLflow's own store sorts them. */
int point_compare(const struct point *a, const struct point *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return summary_compare_values(a->value, b->value);
}
