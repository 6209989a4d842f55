/* Connections to the servers behind us, made without waiting and kept for a while.
 *
 * A loop has its own; they are found by address. One that becomes readable while nobody uses it
 * was closed by its server.
 */
#include "http/upstream.h"

#include "os/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Shorter than the time after which our own servers close an idle connection
 * (HTTP_IDLE_TIMEOUT_MS): of the two sides the asking one should go first, or a request meets a
 * close on its way. */
#define IDLE_MS 30000

struct upstream {
    struct list link; /* in loop->upstreams while idle */
    struct loop *loop;
    uv_poll_t poll;
    int polled; /* events asked for */
    struct transport transport;
    struct forward *user; /* NULL: idle */
    int64_t idle_until_us;
    bool connecting;
    bool reused;                     /* it carried a request before */
    struct sockaddr_storage address; /* by which an idle one is found */
    socklen_t address_size;
};

/* Numbers only: a look-up would block the loop. "localhost" is the one name that needs none. */
static int read_address(const struct http_upstream *where, struct sockaddr_storage *out,
                        socklen_t *out_size)
{
    *out = (struct sockaddr_storage){0};
    if (where->unix_path) {
        struct sockaddr_un *address = (struct sockaddr_un *)out;
        address->sun_family = AF_UNIX;
        int len = snprintf(address->sun_path, sizeof(address->sun_path), "%s", where->unix_path);
        *out_size = sizeof(*address);
        return len >= 0 && (size_t)len < sizeof(address->sun_path) ? 0 : -1;
    }
    assert(where->host);
    const char *host = strcmp(where->host, "localhost") == 0 ? "127.0.0.1" : where->host;
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(where->port);
        *out_size = sizeof(*four);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(where->port);
        *out_size = sizeof(*six);
        return 0;
    }
    return -1;
}

/* Whose event it is depends on whether somebody uses the connection. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct upstream *upstream = poll->data;

    assert(upstream->loop);
    upstream->loop->now_us = clock_mono_us();
    /* An idle server has nothing to say but good-bye. */
    if (upstream->user)
        forward_upstream_event(upstream->user, status, events);
    else
        upstream_close(upstream);
}

/* Costs a system call only when the answer differs from the last. */
void upstream_watch(struct upstream *upstream, int events)
{
    assert(upstream->transport.fd >= 0);
    if (events == upstream->polled)
        return;
    upstream->polled = events;
    if (events)
        uv_poll_start(&upstream->poll, events, on_poll);
    else
        uv_poll_stop(&upstream->poll);
}

/* A kept connection that has something to read was closed, or is out of step: it goes. */
static struct upstream *find_idle(struct loop *loop, const struct sockaddr_storage *address,
                                  socklen_t size)
{
    assert(size > 0);
    for (struct list *at = loop->upstreams.next, *next; at != &loop->upstreams; at = next) {
        struct upstream *upstream = CONTAINER_OF(at, struct upstream, link);
        char byte;
        next = at->next;
        if (upstream->address_size != size || memcmp(&upstream->address, address, size) != 0)
            continue;
        ssize_t n = recv(upstream->transport.fd, &byte, 1, MSG_PEEK);
        if (n < 0 && errno == EAGAIN) {
            list_remove(&upstream->link);
            return upstream;
        }
        upstream_close(upstream);
    }
    return NULL;
}

/* Does not wait: the first event tells whether somebody listens. */
static struct upstream *connect_new(struct loop *loop, const struct sockaddr_storage *address,
                                    socklen_t size)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct upstream *upstream;

    assert(size > 0);
    if (fd < 0)
        return NULL;
    transport_prepare(fd, address->ss_family != AF_UNIX);
    int connected = connect(fd, (const struct sockaddr *)address, size);
    if (connected < 0 && errno != EINPROGRESS) {
        close(fd);
        return NULL;
    }
    upstream = calloc(1, sizeof(*upstream));
    if (!upstream)
        abort();
    list_init(&upstream->link);
    upstream->loop = loop;
    upstream->transport = (struct transport){.fd = fd};
    upstream->connecting = connected < 0;
    upstream->address = *address;
    upstream->address_size = size;
    if (uv_poll_init(&loop->uv, &upstream->poll, fd) < 0)
        abort(); /* only for what is no socket */
    upstream->poll.data = upstream;
    return upstream;
}

/* `reuse` is false for a second try: a connection that had lain idle may have failed the first. */
struct upstream *upstream_get(struct loop *loop, const struct http_upstream *where, bool reuse,
                              struct forward *user)
{
    struct sockaddr_storage address;
    struct upstream *upstream = NULL;
    socklen_t size;

    assert(user);
    if (read_address(where, &address, &size) < 0)
        return NULL;
    if (reuse)
        upstream = find_idle(loop, &address, size);
    if (!upstream)
        upstream = connect_new(loop, &address, size);
    if (upstream)
        upstream->user = user;
    return upstream;
}

/* Watched for reading while it lies idle: a peer that closes shows itself, and is not given to the
 * next request. */
void upstream_keep(struct upstream *upstream)
{
    struct loop *loop = upstream->loop;

    assert(upstream->user && !upstream->connecting);
    upstream->user = NULL;
    upstream->reused = true;
    upstream->idle_until_us = loop->now_us + IDLE_MS * US_PER_MS;
    list_push(&loop->upstreams, &upstream->link);
    upstream_watch(upstream, UV_READABLE);
    loop_busy(loop);
}

/* See on_tunnel_closed. */
static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Also an idle one: it leaves the list. */
void upstream_close(struct upstream *upstream)
{
    assert(upstream->transport.fd >= 0);
    list_remove(&upstream->link);
    upstream->user = NULL;
    uv_close((uv_handle_t *)&upstream->poll, on_closed);
    transport_close(&upstream->transport);
}

/* Servers close idle connections themselves, sooner or later; we would rather be first. */
void upstream_sweep(struct loop *loop)
{
    assert(loop_is_current(loop));
    for (struct list *at = loop->upstreams.next, *next; at != &loop->upstreams; at = next) {
        struct upstream *upstream = CONTAINER_OF(at, struct upstream, link);
        next = at->next;
        if (loop->now_us >= upstream->idle_until_us)
            upstream_close(upstream);
    }
}

/* At the end of a loop, when no request uses any. */
void upstream_close_all(struct loop *loop)
{
    while (!list_empty(&loop->upstreams))
        upstream_close(CONTAINER_OF(loop->upstreams.next, struct upstream, link));
}

/* The transport is the same as long as the connection is. */
struct transport *upstream_transport(struct upstream *upstream)
{
    return &upstream->transport;
}

/* Until the first event: nothing may be written before. */
bool upstream_connecting(const struct upstream *upstream)
{
    return upstream->connecting;
}

/* A server may close an idle connection while a request is on its way to it. */
bool upstream_reused(const struct upstream *upstream)
{
    return upstream->reused;
}

/* A socket that cannot even be asked is as good as not connected. */
int upstream_connected(struct upstream *upstream)
{
    int number = 0;
    socklen_t size = sizeof(number);

    assert(upstream->connecting);
    upstream->connecting = false;
    if (getsockopt(upstream->transport.fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        return errno;
    return number;
}
