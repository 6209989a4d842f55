/* LIKE and ILIKE: % for any run of characters, _ for one. Matching goes back at most to the last %,
 * so no pattern costs more than the product of both lengths. */
#include "tracking/like.h"

#include <assert.h>

/* ASCII, as SQLite's LIKE has it. */
static char like_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of the character that starts at `at`; a stray byte counts as one. */
static size_t like_step(struct str text, size_t at)
{
    size_t next = at + 1;

    assert(at < text.len);
    while (next < text.len && ((unsigned char)text.ptr[next] & 0xc0) == 0x80)
        next++;
    return next - at;
}

/* By byte; ILIKE is told to fold. */
static bool like_same(char a, char b, bool fold)
{
    return a == b || (fold && like_lower(a) == like_lower(b));
}

/* The last % is remembered, and taken one character longer when the rest does not fit. */
bool like_match(struct str pattern, struct str text, bool fold)
{
    size_t p = 0, t = 0;
    size_t star = pattern.len, star_text = 0; /* where to go on when a guess was too short */
    bool starred = false;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            starred = true;
            star = ++p;
            star_text = t;
        } else if (p < pattern.len && pattern.ptr[p] == '_') {
            p++;
            t += like_step(text, t);
        } else if (p < pattern.len && like_same(pattern.ptr[p], text.ptr[t], fold)) {
            p++;
            t++;
        } else if (starred) {
            star_text += like_step(text, star_text);
            t = star_text;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}
