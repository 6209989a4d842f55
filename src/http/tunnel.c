/* A byte pump between a client and a socket, after an upgrade.
 *
 * Each direction has one buffer: it is filled when it is empty and emptied as its destination
 * takes bytes, so the slower side sets the pace. The end of one direction is passed on; the tunnel
 * ends when both have ended, or when one is broken.
 */
#include "http/connection_private.h"

#include "os/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each way: a side that does not read stops the other one soon. */
#define PIPE_BYTES (64 * KIB)
/* Reads of one side in one turn: a fast pair must not hold up the other connections of the loop. */
#define PUMP_ROUNDS 8

/* Bytes on their way from one side to the other. */
struct flow {
    size_t from, to; /* what lies in bytes */
    bool ended;      /* the source sends no more */
    bool end_passed; /* and the destination was told */
    char bytes[PIPE_BYTES];
};

/* The client's side is the connection itself; the other has a poll handle of its own. */
struct tunnel {
    struct connection *connection; /* NULL once that is closed */
    uv_poll_t poll;
    int polled;
    struct transport other;
    struct flow up;   /* from the client */
    struct flow down; /* to the client */
};

static void on_other(uv_poll_t *poll, int status, int events);

/* What a side is to be polled for: `in` is the flow it feeds, `out` the one it empties. */
static int wanted(const struct flow *in, const struct flow *out)
{
    assert(in != out);
    return (!in->ended && in->from == in->to ? UV_READABLE : 0) |
           (out->from < out->to ? UV_WRITABLE : 0);
}

/* The client's side feeds `up` and empties `down`. */
int tunnel_wanted(const struct connection *connection)
{
    return wanted(&connection->tunnel->up, &connection->tunnel->down);
}

/* The client's side is watched by connection_watch. */
static void watch_other(struct tunnel *tunnel)
{
    int events = wanted(&tunnel->down, &tunnel->up);

    assert(tunnel->connection);
    if (events == tunnel->polled)
        return;
    tunnel->polled = events;
    if (events)
        uv_poll_start(&tunnel->poll, events, on_other);
    else
        uv_poll_stop(&tunnel->poll);
}

/* Empties the flow into its destination; false when that is broken. */
static bool pour(struct flow *flow, struct transport *to)
{
    assert(flow->from <= flow->to);
    while (flow->from < flow->to) {
        struct iovec part = {flow->bytes + flow->from, flow->to - flow->from};
        ssize_t n = transport_write(to, &part, 1);
        if (n == TRANSPORT_AGAIN)
            return true;
        if (n < 0)
            return false;
        flow->from += (size_t)n;
    }
    flow->from = flow->to = 0;
    if (flow->ended && !flow->end_passed) {
        flow->end_passed = true;
        transport_shutdown(to);
    }
    return true;
}

/* Moves what can be moved from one side to the other; false when either is broken. */
static bool pump(struct flow *flow, struct transport *from, struct transport *to)
{
    assert(from != to);
    for (int round = 0; round < PUMP_ROUNDS || transport_has_more(from); round++) {
        if (!pour(flow, to))
            return false;
        if (flow->ended || flow->from < flow->to)
            return true;
        ssize_t n = transport_read(from, flow->bytes, sizeof(flow->bytes));
        if (n == TRANSPORT_AGAIN)
            return true;
        if (n == TRANSPORT_BROKEN)
            return false;
        flow->to = (size_t)n;
        flow->ended = n == 0;
    }
    return pour(flow, to);
}

/* Any event of either side may let bytes move in both directions. */
static void pump_both(struct tunnel *tunnel)
{
    struct connection *connection = tunnel->connection;

    assert(connection->tunnel == tunnel);
    bool alive = pump(&tunnel->up, &connection->transport, &tunnel->other) &&
                 pump(&tunnel->down, &tunnel->other, &connection->transport);
    if (!alive || (tunnel->up.end_passed && tunnel->down.end_passed)) {
        connection_close(connection);
        return;
    }
    watch_other(tunnel);
    connection_watch(connection);
}

/* Of the other side's socket. */
static void on_other(uv_poll_t *poll, int status, int)
{
    struct tunnel *tunnel = poll->data;

    assert(tunnel->connection);
    tunnel->connection->loop->now_us = clock_mono_us();
    if (status < 0)
        connection_close(tunnel->connection);
    else
        pump_both(tunnel);
}

/* Of the client's socket. */
void tunnel_event(struct connection *connection, int status)
{
    assert(connection->tunnel);
    if (status < 0)
        connection_close(connection);
    else
        pump_both(connection->tunnel);
}

/* Nothing is pumped yet: bytes behind the head come first, by tunnel_take. */
void tunnel_start(struct connection *connection, int fd)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

    if (!tunnel)
        abort();
    assert(fd >= 0 && !connection->ex);
    transport_prepare(fd, false);
    tunnel->connection = connection;
    tunnel->other = (struct transport){.fd = fd};
    connection->tunnel = tunnel;
    connection->state = CONNECTION_TUNNEL;
    connection->deadline_us = 0;
    if (uv_poll_init(&connection->loop->uv, &tunnel->poll, fd) < 0)
        abort(); /* only for what is no socket */
    tunnel->poll.data = tunnel;
}

/* Bytes that came with the answer to the upgrade, before the tunnel began to read. */
void tunnel_take(struct connection *connection, struct str bytes)
{
    struct flow *up = &connection->tunnel->up;

    assert(up->to == 0);
    /* Nobody has reason to send more than this before the tunnel was agreed to. */
    if (bytes.len > sizeof(up->bytes)) {
        connection_close(connection);
        return;
    }
    if (bytes.len)
        memcpy(up->bytes, bytes.ptr, bytes.len);
    up->to = bytes.len;
    pump_both(connection->tunnel);
}

/* The loop calls it when it no longer knows the handle: only then may it be freed. */
static void on_tunnel_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The tunnel's memory goes after its handle. */
void tunnel_free(struct connection *connection)
{
    struct tunnel *tunnel = connection->tunnel;

    assert(tunnel->connection == connection);
    tunnel->connection = NULL;
    connection->tunnel = NULL;
    uv_close((uv_handle_t *)&tunnel->poll, on_tunnel_closed);
    transport_close(&tunnel->other);
}
