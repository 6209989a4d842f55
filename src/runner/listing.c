/* listing.c - the one XML that a runner reads: a page of a blob listing, as our own server writes
 * it */
#include "runner/remote.h"

#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* The text between <name> and </name>, from *rest on, which moves behind it. */
static bool take_element(struct str *rest, const char *name, struct str *out)
{
    char open[32], close[32];

    snprintf(open, sizeof(open), "<%s>", name);
    snprintf(close, sizeof(close), "</%s>", name);
    ssize_t from = str_find(*rest, str_from(open));
    if (from < 0)
        return false;
    struct str tail = str_slice(*rest, (size_t)from + str_from(open).len, rest->len);
    ssize_t to = str_find(tail, str_from(close));
    if (to < 0)
        return false;
    assert((size_t)to <= tail.len);
    *out = str_slice(tail, 0, (size_t)to);
    *rest = str_slice(tail, (size_t)to + str_from(close).len, tail.len);
    return true;
}

/* A character by number, as UTF-8. */
static void add_code_point(struct buf *out, unsigned long code)
{
    assert(out);
    if (code < 0x80) {
        buf_add_char(out, (char)code);
    } else if (code < 0x800) {
        buf_add_char(out, (char)(0xc0 | code >> 6));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_add_char(out, (char)(0xe0 | code >> 12));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x110000) {
        buf_add_char(out, (char)(0xf0 | code >> 18));
        buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* What stands between & and ; as one character. */
static bool add_entity(struct buf *out, struct str name)
{
    static const struct {
        struct str name;
        char c;
    } NAMED[] = {{STR_INIT("amp"), '&'},
                 {STR_INIT("lt"), '<'},
                 {STR_INIT("gt"), '>'},
                 {STR_INIT("quot"), '"'},
                 {STR_INIT("apos"), '\''}};
    char digits[16];

    for (size_t i = 0; i < COUNT(NAMED); i++)
        if (str_eq(name, NAMED[i].name)) {
            buf_add_char(out, NAMED[i].c);
            return true;
        }
    if (name.len < 2 || name.ptr[0] != '#' || name.len >= sizeof(digits))
        return false;
    bool hex = name.ptr[1] == 'x';
    snprintf(digits, sizeof(digits), "%.*s", STR_ARG(str_slice(name, hex ? 2 : 1, name.len)));
    char *end;
    unsigned long code = strtoul(digits, &end, hex ? 16 : 10);
    assert(end >= digits);
    if (*end || end == digits || !code)
        return false;
    add_code_point(out, code);
    return true;
}

/* The five names of XML and numbers; our server writes no others. */
static int decode(struct arena *arena, struct str text, struct str *out, struct error *err)
{
    CLEANUP(buf_free) struct buf plain = buf_make(64 * KIB);

    assert(out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '&') {
            buf_add_char(&plain, text.ptr[i]);
            continue;
        }
        struct str rest = str_slice(text, i + 1, text.len);
        ssize_t end = str_find_char(rest, ';');
        if (end < 0 || !add_entity(&plain, str_slice(rest, 0, (size_t)end)))
            return error_set(err, ERROR_INVALID, "",
                             "The server's listing holds an unknown entity.");
        i += (size_t)end + 1;
    }
    if (buf_ok(&plain, err) < 0)
        return -1;
    *out = arena_str(arena, buf_str(&plain));
    return 0;
}

/* What was read so far has been told when the rest turns out to be broken; the caller then fails as
 * a whole. */
int remote_read_listing(struct arena *arena, struct str xml, const struct remote_visit *visit,
                        struct str *out_marker, struct error *err)
{
    struct str rest = xml, blob, name, size, marker = {0}, after;
    int64_t bytes;

    assert(visit->each);
    if (str_find(xml, STR("<EnumerationResults")) < 0)
        return error_set(err, ERROR_INVALID, "", "The server's listing is none.");
    while (take_element(&rest, "Blob", &blob)) {
        after = blob;
        if (!take_element(&after, "Name", &name) || decode(arena, name, &name, err) < 0)
            return error_set(err, ERROR_INVALID, "",
                             "The server's listing has a blob without a name.");
        if (!take_element(&after, "Content-Length", &size) || !str_to_int64(size, &bytes) ||
            bytes < 0)
            bytes = -1;
        if (visit->each(name, bytes, visit->context, err) < 0)
            return -1;
    }
    take_element(&rest, "NextMarker", &marker);
    return decode(arena, marker, out_marker, err);
}
