/* limits.h - every number that bounds a connection or a request, in one place
 *
 * Sizes leave room over what clients of the wire map were recorded to send: targets of at most 291
 * bytes, heads of 633 and a token. Times follow security.md 3.1: who is slow on purpose costs one
 * connection, and not for long.
 */
#pragma once

#include "base/base.h"

#define HTTP_HEAD_BYTES (32 * KIB)       /* the header block */
#define HTTP_HEADER_COUNT 100            /* headers in it */
#define HTTP_TARGET_BYTES (8 * KIB)      /* path and query */
#define HTTP_HEAD_TIMEOUT_MS 10000       /* until the head is whole, TLS handshake included */
#define HTTP_IDLE_TIMEOUT_MS 60000       /* between requests */
#define HTTP_BODY_RATE_BYTES 1024        /* a second, at least, … */
#define HTTP_BODY_GRACE_MS 10000         /* … after this long */
#define HTTP_WRITE_STALL_MS 30000        /* a peer that reads nothing */
#define HTTP_LINGER_BYTES MIB            /* discarded after an early refusal … */
#define HTTP_LINGER_MS 2000              /* … for at most this long */
#define HTTP_BODY_WHOLE_BYTES (4 * MIB)  /* bodies kept in memory; larger ones need a sink */
#define HTTP_QUEUE_HIGH_BYTES MIB        /* stop reading the source of what a peer does not take */
#define HTTP_QUEUE_LOW_BYTES (256 * KIB) /* and go on */
#define HTTP_CONNECTIONS_MAX 20000
#define HTTP_WORKERS 16
#define HTTP_ARENA_BYTES (64 * MIB) /* budget of one request */
