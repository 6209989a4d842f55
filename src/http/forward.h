/* forward.h - sends a request on to an upstream server and its reply back, without parsing bodies
 *
 * Used by the gateway. Runs on the IO thread of the exchange; connections to an upstream are kept
 * and reused per IO thread. Hop-by-hop headers are dropped both ways.
 */
#pragma once

#include "http/server.h"

struct http_upstream {
    const char *unix_path; /* the socket, or NULL */
    const char *host;      /* else an address of this host … */
    uint16_t port;         /* … and port */
};

/* How it ended, for the caller to count, retry or reply. */
enum http_forward_end {
    HTTP_FORWARD_DONE,    /* the reply was passed on whole */
    HTTP_FORWARD_REFUSED, /* no connection, or it closed before a byte of the reply: may be retried
                           */
    HTTP_FORWARD_TIMEOUT, /* nothing in time; nothing was passed on */
    HTTP_FORWARD_BROKEN,  /* it broke after a part of the reply, or the client went away; what can
                           * still be told to the client (cut, or 502) was */
};

struct http_forward {
    struct http_upstream upstream;
    struct str target;                 /* path and query to ask for; "" = as received */
    const struct http_header *headers; /* sent besides those of the client … */
    size_t header_count;
    const char *const *drop;                 /* … of which these are left out; NULL-terminated */
    const struct http_header *reply_headers; /* added to the reply */
    size_t reply_header_count;
    int timeout_ms; /* from now to the head of the reply */
    /* Called once, on the IO thread. After REFUSED and TIMEOUT the exchange still wants a reply, or
     * to be forwarded once more; after the others it is not the caller's any more. */
    void (*done)(struct http_exchange *ex, enum http_forward_end end, int status, void *context);
    void *context;
};

/* Starts forwarding an exchange whose body is whole. Everything in *forward is copied. Threads:
 * any; the exchange must not have been replied to, and its arena is not the caller's from here on.
 */
void http_forward_start(struct http_exchange *ex, const struct http_forward *forward);
