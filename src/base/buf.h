/* buf.h - bytes that grow, with a cap from birth
 *
 * Adding past the cap sets `failed` and drops the rest; the caller asks once, at the end, with
 * buf_ok. `buf_str` is valid until the next addition.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct buf {
    char *ptr;
    size_t len;
    size_t size;      /* allocated */
    size_t cap_bytes; /* never more than this */
    bool failed;
};

/* An empty buffer of at most cap_bytes; nothing is allocated yet. */
struct buf buf_make(size_t cap_bytes);

/* Frees the bytes and empties the buffer. For CLEANUP. */
void buf_free(struct buf *buf);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);

/* Additions. */
void buf_add(struct buf *buf, struct str s);
void buf_add_char(struct buf *buf, char c);
void buf_add_bytes(struct buf *buf, const void *bytes, size_t len);
PRINTF(2, 3) void buf_printf(struct buf *buf, const char *format, ...);

/* Makes room for `more` bytes and returns where they go, or NULL past the cap; then buf_grew. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_grew(struct buf *buf, size_t added);

/* Drops the first `count` bytes. */
void buf_consume(struct buf *buf, size_t count);

/* The content; always followed by a NUL that is not counted. */
struct str buf_str(const struct buf *buf);

/* Errors: ERROR_TOO_LARGE when something was dropped. */
int buf_ok(const struct buf *buf, struct error *err);
