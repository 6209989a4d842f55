/* Nothing here allocates, and nothing depends on the locale: names, headers and keys of rows are
 * compared by these functions, and two servers must agree on what is equal. */
#include "base/str.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* NULL is an empty string without an address: "not given" for those who ask. */
struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

/* Ends that lie outside are moved in, so that callers can cut at what they searched for without a
 * question for each end. */
struct str str_slice(struct str s, size_t from, size_t to)
{
    assert(s.ptr || !s.len);
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (struct str){from ? s.ptr + from : s.ptr, to - from}; /* NULL + 0 is undefined */
}

/* Not isspace: that would follow the locale and take form feeds. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks of all our texts: headers, YAML, lines of files. */
struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = str_slice(s, 1, s.len);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* By bytes, as SQLite compares: lists that are merged with rows must agree with it. */
int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    assert((a.ptr || !a.len) && (b.ptr || !b.len));
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Not for secrets: it ends at the first difference (sodium_memcmp does not). */
bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Not tolower: names are compared alike whatever the locale. */
static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ARM's names, header names and scheme words are equal in any ASCII case. */
bool str_eq_fold(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    return true;
}

/* An empty prefix starts everything, which lists without a prefix rely on. */
bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

/* As str_starts, in any ASCII case: paths of ARM. */
bool str_starts_fold(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_fold(str_slice(s, 0, prefix.len), prefix);
}

/* An empty suffix ends everything. */
bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, s.len), suffix);
}

/* The first one. A needle of nothing is found at once, as with strstr. */
ssize_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? at - s.ptr : -1;
}

/* The first one, or -1. */
ssize_t str_find_char(struct str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

/* The last one, or -1: folders of a path, and the version behind a name that may hold colons
 * itself. */
ssize_t str_find_last(struct str s, char c)
{
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

/* The rest loses its address when it is used up: that tells the end from an empty last piece. */
bool str_split(struct str *rest, char separator, struct str *out_piece)
{
    assert(rest && out_piece);
    if (!rest->ptr)
        return false;
    ssize_t at = str_find_char(*rest, separator);
    if (at < 0) {
        *out_piece = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *out_piece = str_slice(*rest, 0, (size_t)at);
    *rest = str_slice(*rest, (size_t)at + 1, rest->len);
    return true;
}

/* At the first separator. Untouched results when there is none: callers set what they mean by that
 * before. */
bool str_cut(struct str s, char separator, struct str *out_head, struct str *out_tail)
{
    assert(out_head && out_tail);
    ssize_t at = str_find_char(s, separator);
    if (at < 0)
        return false;
    *out_head = str_slice(s, 0, (size_t)at);
    *out_tail = str_slice(s, (size_t)at + 1, s.len);
    return true;
}

/* Counts up to the limit of its sign without ever passing it: overflow of a signed number is
 * undefined. */
bool str_to_int64(struct str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;

    assert(out);
    s = str_slice(s, negative ? 1 : 0, s.len);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* strtod wants a NUL, so the text is copied, and no number of use is longer than this. */
bool str_to_double(struct str s, double *out)
{
    char text[64];
    char *end;

    assert(out);
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    /* strtod would take "0x10", "nan" and "infinity" as well, and stop at a NUL. */
    for (size_t i = 0; i < s.len; i++)
        if (!s.ptr[i] || !strchr("0123456789+-.eE", s.ptr[i]))
            return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double value = strtod(text, &end);
    if (*end != '\0' || end == text)
        return false;
    *out = value;
    return true;
}

/* Looks at every byte: how long it takes must not tell how many were right. */
bool str_eq_secret(struct str a, struct str b)
{
    unsigned char difference = 0;

    assert((a.ptr || !a.len) && (b.ptr || !b.len));
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}

/* The first byte says how long; a character may have one spelling only. */
size_t str_utf8(struct str s, uint32_t *out_point)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    assert(s.len > 0);
    unsigned char first = (unsigned char)s.ptr[0];
    size_t bytes = first < 0x80       ? 1
                   : first >> 5 == 6  ? 2
                   : first >> 4 == 14 ? 3
                   : first >> 3 == 30 ? 4
                                      : 0;

    if (bytes == 0 || bytes > s.len)
        return 0;
    uint32_t point = bytes == 1 ? first : first & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        unsigned char next = (unsigned char)s.ptr[i];
        if (next >> 6 != 2)
            return 0;
        point = point << 6 | (next & 0x3f);
    }
    if (point < LEAST[bytes] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    *out_point = point;
    return bytes;
}
