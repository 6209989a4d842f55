/* The cap is checked in one place, buf_reserve; everything else goes through it. A buffer that once
 * was asked for more stays failed, so that callers add piece after piece and ask a single time at
 * the end, and a text with a hole in it can never come out. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No memory yet: many buffers (errors, rare headers) never get a byte. */
struct buf buf_make(size_t cap_bytes)
{
    assert(cap_bytes < PTRDIFF_MAX);
    return (struct buf){.cap_bytes = cap_bytes};
}

/* The cap stays, so that a freed buffer can be filled again under the same limit. */
void buf_free(struct buf *buf)
{
    assert(buf);
    free(buf->ptr);
    *buf = (struct buf){.cap_bytes = buf->cap_bytes};
}

/* Keeps the memory: loops that build one text after another allocate once. */
void buf_clear(struct buf *buf)
{
    assert(buf);
    buf->len = 0;
    buf->failed = false;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

/* Doubles, so that adding byte by byte costs no more than a constant factor. One byte more than
 * asked for is kept for the NUL that buf_str promises. */
char *buf_reserve(struct buf *buf, size_t more)
{
    assert(buf->len <= buf->cap_bytes);
    if (more > buf->cap_bytes - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t need = buf->len + more + 1;
    if (need > buf->size) {
        size_t size = buf->size ? buf->size : 64;
        while (size < need)
            size *= 2;
        char *grown = realloc(buf->ptr, size);
        if (!grown)
            abort();
        buf->ptr = grown;
        buf->size = size;
    }
    return buf->ptr + buf->len;
}

/* For who wrote into what buf_reserve gave; the NUL of buf_str comes from here. */
void buf_grew(struct buf *buf, size_t added)
{
    assert(buf->len + added < buf->size);
    buf->len += added;
    buf->ptr[buf->len] = '\0';
}

/* The bytes may not lie in the buffer itself: growing moves them. */
void buf_add_bytes(struct buf *buf, const void *bytes, size_t len)
{
    assert(bytes || !len);
    assert(!len || !buf->ptr || (const char *)bytes + len <= buf->ptr ||
           (const char *)bytes >= buf->ptr + buf->size);
    if (buf->failed || len == 0)
        return;
    char *to = buf_reserve(buf, len);
    if (!to)
        return;
    memcpy(to, bytes, len);
    buf_grew(buf, len);
}

/* An empty piece without an address is fine, so optional parts need no question. */
void buf_add(struct buf *buf, struct str s)
{
    buf_add_bytes(buf, s.ptr, s.len);
}

/* The same care as for a piece: one byte may be the one over the cap. */
void buf_add_char(struct buf *buf, char c)
{
    buf_add_bytes(buf, &c, 1);
}

/* Measured first, since what is over the cap must fail as a whole: half a number would be a wrong
 * one. */
void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;

    assert(buf && format);
    if (buf->failed)
        return;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    buf->failed = len < 0; /* a text of more than INT_MAX bytes */
    char *to = len >= 0 ? buf_reserve(buf, (size_t)len) : NULL;
    if (to) {
        vsnprintf(to, (size_t)len + 1, format, args);
        buf_grew(buf, (size_t)len);
    }
    va_end(args);
}

/* Moves the rest to the front; callers keep that rest small. */
void buf_consume(struct buf *buf, size_t count)
{
    assert(count <= buf->len);
    if (count == 0)
        return;
    memmove(buf->ptr, buf->ptr + count, buf->len - count + 1);
    buf->len -= count;
}

/* Always with a NUL behind it, and never a NULL address: it can go to printf and to the system as
 * it is. */
struct str buf_str(const struct buf *buf)
{
    assert(buf && (buf->ptr || !buf->len));
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

/* Asked once at the end, instead of after each piece: a failed buffer takes nothing more, so what
 * comes out is either whole or an error. */
int buf_ok(const struct buf *buf, struct error *err)
{
    assert(buf);
    if (!buf->failed)
        return 0;
    return error_set(err, ERROR_TOO_LARGE, "", "The text is longer than %zu bytes.",
                     buf->cap_bytes);
}
