/* varint.h - numbers in as few bytes as they need
 *
 * Seven bits a byte, the lowest first; signed numbers are folded so that small ones of either sign
 * stay short. A reader that meets its end sets `bad` and from then on gives zeros, so that a
 * decoder asks once, at the end of a record.
 */
#pragma once

#include "base/buf.h"

#include <assert.h>
#include <string.h>

#define VARINT_BYTES_MAX 10

struct varint_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

static inline struct varint_reader varint_reader(struct str data)
{
    const unsigned char *start = (const unsigned char *)data.ptr;
    return (struct varint_reader){.at = start, .end = start + data.len};
}

/* Writes at `out`, which has room for VARINT_BYTES_MAX; returns the byte after. */
static inline unsigned char *varint_put(unsigned char *out, uint64_t number)
{
    while (number >= 0x80) {
        *out++ = (unsigned char)(number | 0x80);
        number >>= 7;
    }
    *out++ = (unsigned char)number;
    return out;
}

/* Differences wrap around on purpose: every int64 pair has one. */
static inline unsigned char *varint_put_signed(unsigned char *out, uint64_t number)
{
    return varint_put(out, (number << 1) ^ (uint64_t)((int64_t)number >> 63));
}

static inline uint64_t varint_get(struct varint_reader *reader)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    reader->bad = true;
    return 0;
}

static inline uint64_t varint_get_signed(struct varint_reader *reader)
{
    uint64_t number = varint_get(reader);
    return (number >> 1) ^ (0 - (number & 1));
}

/* Fixed-size values in the machine's (little-endian) order. */
static inline void varint_get_bytes(struct varint_reader *reader, void *out, size_t size)
{
    assert(size <= 8);
    if ((size_t)(reader->end - reader->at) < size) {
        reader->bad = true;
        reader->at = reader->end;
        memset(out, 0, size);
        return;
    }
    memcpy(out, reader->at, size);
    reader->at += size;
}
