/* A row of the tail: the points of one commit in the order they came, each as the difference to the
 * one before. */
#include "tracking/tail.h"

/* First byte of a row. Points without a source, nearly all, do not pay a byte for it. */
enum { TAIL_PLAIN = 1, TAIL_WITH_SOURCES = 2 };

/* The byte for a source is paid only by rows that have one. */
struct str tail_encode(struct arena *arena, const struct tail_point *points, size_t count)
{
    struct tail_point last = {0};
    bool sources = false;

    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        sources = sources || points[i].source != 0;
    unsigned char *start = arena_alloc(arena, 1 + count * (4 * VARINT_BYTES_MAX + sizeof(double)));
    unsigned char *at = start;
    *at++ = sources ? TAIL_WITH_SOURCES : TAIL_PLAIN;
    for (size_t i = 0; i < count; i++) {
        const struct tail_point *point = &points[i];
        at = varint_put_signed(at, (uint64_t)point->key - (uint64_t)last.key);
        at = varint_put_signed(at, (uint64_t)point->at_ms - (uint64_t)last.at_ms);
        at = varint_put_signed(at, (uint64_t)point->step - (uint64_t)last.step);
        if (sources)
            at = varint_put(at, (uint64_t)point->source);
        memcpy(at, &point->value, sizeof(double));
        at += sizeof(double);
        last = *point;
    }
    return (struct str){(const char *)start, (size_t)(at - start)};
}

/* A row of an unknown kind reads as broken, not as empty. */
struct tail_reader tail_reader(struct str data)
{
    struct tail_reader reader = {.bytes = varint_reader(data)};
    uint64_t kind = varint_get(&reader.bytes);

    if (kind != TAIL_PLAIN && kind != TAIL_WITH_SOURCES)
        reader.bytes.bad = true;
    reader.sources = kind == TAIL_WITH_SOURCES;
    return reader;
}

/* 1 a point, 0 the end, -1 broken. */
int tail_next(struct tail_reader *reader, struct tail_point *out)
{
    struct varint_reader *bytes = &reader->bytes;
    struct tail_point *last = &reader->last;

    if (bytes->bad)
        return -1;
    if (bytes->at == bytes->end)
        return 0;
    last->key = (int64_t)((uint64_t)last->key + varint_get_signed(bytes));
    last->at_ms = (int64_t)((uint64_t)last->at_ms + varint_get_signed(bytes));
    last->step = (int64_t)((uint64_t)last->step + varint_get_signed(bytes));
    last->source = reader->sources ? (int64_t)varint_get(bytes) : 0;
    varint_get_bytes(bytes, &last->value, sizeof(double));
    if (bytes->bad)
        return -1;
    *out = *last;
    return 1;
}
