/* str.h - text as pointer and length
 *
 * A str never owns its bytes and need not end in NUL. Whoever made the bytes says how long they
 * live: an arena, a literal, a request. The empty str has len 0 and may have ptr NULL.
 */
#pragma once

#include "base/base.h"

#include <sys/types.h>

struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){"" literal "", sizeof(literal) - 1})
#define STR_INIT(literal) {"" literal "", sizeof(literal) - 1}

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* The text up to its NUL; NULL gives the empty str. */
struct str str_from(const char *text);

/* Bytes [from, to) of s, both cut to its length. */
struct str str_slice(struct str s, size_t from, size_t to);

/* s without blanks, tabs and line ends at both ends. */
struct str str_trim(struct str s);

/* Byte-wise order and equality; `_fold` ignores ASCII case. */
int str_cmp(struct str a, struct str b);
bool str_eq(struct str a, struct str b);
bool str_eq_fold(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_starts_fold(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Offset of the first (or last) match, or -1. */
ssize_t str_find(struct str s, struct str needle);
ssize_t str_find_char(struct str s, char c);
ssize_t str_find_last(struct str s, char c);

/* Cuts the next piece off *rest at `separator`. False when *rest had been used up; an empty last
 * piece counts, so "a," has two. Start with a copy of the whole text. */
bool str_split(struct str *rest, char separator, struct str *out_piece);

/* Splits at the first `separator`; false, outputs untouched, when there is none. */
bool str_cut(struct str s, char separator, struct str *out_head, struct str *out_tail);

/* The whole text as a decimal number; false for anything else, overflow and "" included. A double
 * takes fewer than 64 characters, and no word such as "nan"; too large a one becomes infinite. */
bool str_to_int64(struct str s, int64_t *out);
bool str_to_double(struct str s, double *out);

/* Constant time for equal lengths: for secrets. */
bool str_eq_secret(struct str a, struct str b);

/* Bytes of the UTF-8 character at the start of s, which is not empty, and its code point; 0 when it
 * is not UTF-8: cut off, longer than needed, a surrogate, or above U+10FFFF. */
size_t str_utf8(struct str s, uint32_t *out_point);
