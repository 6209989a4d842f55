/* out.h - replies written straight to text, the way MLflow writes JSON
 *
 * Every value is followed by a comma, which the end of its object or list takes back. A list that
 * stayed empty is left out by not beginning it. NaN travels as a string.
 */
#pragma once

#include "base/buf.h"

#define OUT_BYTES_MAX (256 * MIB)

struct out {
    struct buf buf;
};

/* An empty reply. For CLEANUP: out_free. */
struct out out_make(void);
void out_free(struct out *out);

/* `key` is NULL inside lists and for the outermost value. */
void out_begin(struct out *out, const char *key, char bracket);
void out_end(struct out *out, char bracket);
void out_text(struct out *out, const char *key, struct str value);
void out_int(struct out *out, const char *key, int64_t value);
void out_double(struct out *out, const char *key, double value);
void out_bool(struct out *out, const char *key, bool value);

/* "key" and "value" as one object of a list. */
void out_pair(struct out *out, struct str key, struct str value);

/* The text, without the comma behind the outermost value. */
struct str out_str(struct out *out);
