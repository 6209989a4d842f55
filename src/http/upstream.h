/* upstream.h - connections to the servers that requests are forwarded to, kept per IO thread */
#pragma once

#include "http/connection_private.h"
#include "http/forward.h"

struct forward;

struct upstream;

/* A connection to the server: an idle one when `reuse`, else one that begins to connect. NULL when
 * the address is none or nobody listens. */
struct upstream *upstream_get(struct loop *loop, const struct http_upstream *where, bool reuse,
                              struct forward *user);

/* The bytes to and from it. */
struct transport *upstream_transport(struct upstream *upstream);

/* Whether it begins to connect still, and whether it carried a request before: then a request that
 * got no byte back may be sent again over a new one. */
bool upstream_connecting(const struct upstream *upstream);
bool upstream_reused(const struct upstream *upstream);

/* After the first event of one that connects: 0 when it stands now, else the error's number. */
int upstream_connected(struct upstream *upstream);

/* Asks for events; they go to forward_upstream_event. */
void upstream_watch(struct upstream *upstream, int events);

/* Kept for the next request. */
void upstream_keep(struct upstream *upstream);

void upstream_close(struct upstream *upstream);

/* Closes what was idle for long. */
void upstream_sweep(struct loop *loop);

/* forward_run.c: what happened on the connection it uses. */
void forward_upstream_event(struct forward *forward, int status, int events);
