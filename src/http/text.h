/* text.h - the small grammars of HTTP: percent encoding, queries, forms, ranges, events */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/* Decodes %XX once. Errors: ERROR_INVALID for a bad escape or a decoded NUL. */
int http_decode(struct arena *arena, struct str text, struct str *out, struct error *err);

/* Encodes all but unreserved characters; with keep_slash also leaves '/'. */
struct str http_encode(struct arena *arena, struct str text, bool keep_slash);

/* The decoded value of the n-th parameter of that name (any case) in a raw query or form; plus is a
 * blank only in forms. False when there is none or its escapes are bad. */
bool http_query_get(struct arena *arena, struct str query, const char *name, size_t nth,
                    struct str *out);

/* "bytes=a-b", "bytes=a-", "bytes=-n" against a size. 1 a range, 0 none or not understood (serve
 * the whole), -1 not satisfiable (416). */
int http_range(struct str header, int64_t size, int64_t *out_offset, int64_t *out_length);

/* Appends one server-sent event; `id` and `event` may be empty; data may have several lines. */
void http_event(struct buf *out, struct str id, struct str event, struct str data);

/* The reason phrase of a status. */
const char *http_reason(int status);

/* The media type for a file name, by its ending; application/octet-stream when unknown. */
const char *http_media_type(struct str name);
