/* upstream.h - connections to the servers that requests are forwarded to, kept per IO thread */
#pragma once

#include "http/connection_private.h"
#include "http/forward.h"

struct forward;

struct upstream {
    struct list link; /* in loop->upstreams while idle */
    struct loop *loop;
    uv_poll_t poll;
    int polled;
    struct transport transport;
    struct forward *user; /* NULL: idle */
    int64_t idle_until_us;
    bool connecting;
    bool reused; /* it carried a request before */
    struct sockaddr_storage address;
    socklen_t address_size;
};

/* A connection to the server: an idle one when `reuse`, else one that begins to connect. NULL when
 * the address is none or nobody listens. */
struct upstream *upstream_get(struct loop *loop, const struct http_upstream *where, bool reuse,
                              struct forward *user);

/* Asks for events; they go to forward_upstream_event. */
void upstream_watch(struct upstream *upstream, int events);

/* Kept for the next request. */
void upstream_keep(struct upstream *upstream);

void upstream_close(struct upstream *upstream);

/* Closes what was idle for long. */
void upstream_sweep(struct loop *loop);

/* forward_run.c: what happened on the connection it uses. */
void forward_upstream_event(struct forward *forward, int status, int events);
