/* parser.h - heads and chunked bodies, read as strictly as security.md 3.1 asks
 *
 * Two readers must agree: the scanner of this file, which knows our rules and cuts the head into
 * its parts, and llhttp, which must accept the same bytes. Pure functions: the fuzz target calls
 * them with any bytes.
 */
#pragma once

#include "http/server.h"

#include <llhttp.h>

/* Why a message is not taken, and with which status. */
struct http_refusal {
    int status;
    const char *sentence;
};

/* The head of a request or of a reply. The strs point into the bytes it was read from. */
struct http_head {
    struct str method, target, path, query; /* requests */
    int status;                             /* replies */
    struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1: chunked, or until the end for replies; 0: none */
    bool odd_path;          /* the path holds doubled or encoded slashes */
    bool has_length;        /* a Content-Length was there */
    bool chunked;
    bool close; /* the sender will close after this message */
    bool expect_continue;
};

/* One reader per connection. */
struct http_parser {
    llhttp_t llhttp;
    int (*take)(void *context, struct str bytes); /* while chunks are read: where bytes go */
    void *context;
    bool ended;   /* the message is whole */
    bool refused; /* take gave -1 */
};

/* Where the head ends: its length, 0 when it is not whole yet, -1 when it never will be. *scanned
 * is the offset to go on from, 0 at first. */
ssize_t parser_find_head(struct str bytes, size_t *scanned, struct http_refusal *out_why);

/* Reads a whole head. 0, or -1 with *out_why filled. The list of headers lives in `arena`. */
int parser_read_request(struct http_parser *parser, struct arena *arena, struct str bytes,
                        struct http_head *out, struct http_refusal *out_why);
int parser_read_response(struct http_parser *parser, struct arena *arena, struct str bytes,
                         struct http_head *out, struct http_refusal *out_why);

/* After a head that was chunked: decodes what has come and gives it to `take`, whose -1 ends it.
 * Returns how many bytes were used, or -1; parser->ended tells that the last chunk was seen. */
ssize_t parser_read_chunks(struct http_parser *parser, struct str bytes,
                           int (*take)(void *context, struct str bytes), void *context);

/* A header of a list by name in any case; NULL when absent. */
const struct http_header *parser_header(const struct http_header *headers, size_t count,
                                        struct str name);

/* Whether a comma-separated header value holds this token in any case. */
bool parser_has_token(struct str value, struct str token);
