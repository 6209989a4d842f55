/* Listeners, and the life of a server with its loops.
 *
 * Every loop polls every listening socket and takes what it can get; the kernel spreads
 * connections well enough, and no thread has to hand them around. When descriptors or connections
 * run out a loop stops accepting for a moment and lets the kernel's backlog wait.
 */
#include "http/connection_private.h"

#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As many as wait while a loop is busy; the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 1024
/* Connections taken in one turn, and the pause when descriptors run out. */
#define ACCEPT_ROUNDS 64
#define ACCEPT_PAUSE_MS 100

/* A socket that all loops listen on; the kernel chooses who takes a connection. */
struct listener {
    struct list link;
    int fd;
    int tag;
    bool unix_socket;
    struct http_tls *tls;
};

/* A loop's view of a listener: every loop polls the same socket. */
struct acceptor {
    struct list link;
    struct loop *loop;
    struct listener *listener;
    uv_poll_t poll;
    uv_timer_t pause;
    int open_handles;
};

/* --- Accepting ------------------------------------------------------------------------------- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

/* Tries again: what ran out may have come back. */
static void on_pause_over(uv_timer_t *timer)
{
    struct acceptor *acceptor = timer->data;

    assert(acceptor->loop);
    uv_poll_start(&acceptor->poll, UV_READABLE, on_acceptable);
}

/* The socket stays readable while nobody accepts: polling it on would burn a core. Who waits in the
 * backlog meanwhile sees a slow server, and no error. */
static void pause_accepting(struct acceptor *acceptor)
{
    uv_poll_stop(&acceptor->poll);
    uv_timer_start(&acceptor->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
}

/* Asked once per connection; the kernel's word about who is at the other end of a Unix socket. */
static void read_peer(const struct listener *listener, int fd, struct http_peer *peer)
{
    struct ucred who;
    socklen_t size = sizeof(who);

    assert(fd >= 0);
    *peer = (struct http_peer){.tag = listener->tag,
                               .tls = listener->tls != NULL,
                               .uid = (uid_t)-1,
                               .pid = -1,
                               .unix_socket = listener->unix_socket};
    if (listener->unix_socket) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
            peer->uid = who.uid;
            peer->pid = who.pid;
        }
        return;
    }
    size = sizeof(peer->local);
    getsockname(fd, (struct sockaddr *)&peer->local, &size);
    size = sizeof(peer->remote);
    getpeername(fd, (struct sockaddr *)&peer->remote, &size);
}

/* Every loop is woken by a new connection; the first one gets it, and the others see EAGAIN. One
 * turn takes a bounded number, so that those who are connected are not starved by those who come.
 * A peer that is gone before it was accepted (ECONNABORTED) is nobody's error. */
static void on_acceptable(uv_poll_t *poll, int, int)
{
    struct acceptor *acceptor = poll->data;
    struct loop *loop = acceptor->loop;
    struct http_peer peer;

    assert(acceptor->listener->fd >= 0);
    loop->now_us = clock_mono_us();
    for (int round = 0; round < ACCEPT_ROUNDS; round++) {
        if (atomic_load(&loop->server->connection_count) >= HTTP_CONNECTIONS_MAX) {
            pause_accepting(acceptor);
            return;
        }
        int fd = accept4(acceptor->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(acceptor);
            if (errno != ECONNABORTED && errno != EINTR)
                return;
            continue;
        }
        transport_prepare(fd, !acceptor->listener->unix_socket);
        read_peer(acceptor->listener, fd, &peer);
        peer.number = atomic_fetch_add(&loop->server->connection_number, 1) + 1;
        connection_open(loop, fd, &peer, acceptor->listener->tls);
    }
}

/* Two handles: the poll, and the timer of its pauses. */
static void acceptor_new(struct loop *loop, struct listener *listener)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

    assert(listener->fd >= 0);
    if (!acceptor)
        abort();
    acceptor->loop = loop;
    acceptor->listener = listener;
    acceptor->open_handles = 2;
    list_push(&loop->listeners, &acceptor->link);
    if (uv_poll_init(&loop->uv, &acceptor->poll, listener->fd) < 0 ||
        uv_timer_init(&loop->uv, &acceptor->pause) < 0)
        abort();
    acceptor->poll.data = acceptor->pause.data = acceptor;
    uv_poll_start(&acceptor->poll, UV_READABLE, on_acceptable);
}

/* libuv calls once per handle, in its own time; the memory is theirs until the last of them. */
static void on_acceptor_closed(uv_handle_t *handle)
{
    struct acceptor *acceptor = handle->data;

    assert(acceptor->open_handles > 0);
    if (--acceptor->open_handles == 0)
        free(acceptor);
}

/* The sockets themselves are closed with the server, after the last loop. */
void server_close_acceptors(struct loop *loop)
{
    struct list *at;

    assert(loop->server);
    while ((at = list_pop(&loop->listeners))) {
        struct acceptor *acceptor = CONTAINER_OF(at, struct acceptor, link);
        uv_close((uv_handle_t *)&acceptor->poll, on_acceptor_closed);
        uv_close((uv_handle_t *)&acceptor->pause, on_acceptor_closed);
    }
}

/* A handful of listeners: a walk is enough. */
static bool loop_knows(const struct loop *loop, const struct listener *listener)
{
    assert(listener);
    for (const struct list *at = loop->listeners.next; at != &loop->listeners; at = at->next)
        if (CONTAINER_OF(at, struct acceptor, link)->listener == listener)
            return true;
    return false;
}

/* Listeners and the stop are told by waking the loops, which look here. */
void server_sync(struct loop *loop)
{
    struct http_server *server = loop->server;

    assert(loop_is_current(loop));
    pthread_mutex_lock(&server->lock);
    int grace_ms = server->stop_grace_ms;
    if (grace_ms < 0)
        for (struct list *at = server->listeners.next; at != &server->listeners; at = at->next) {
            struct listener *listener = CONTAINER_OF(at, struct listener, link);
            if (!loop_knows(loop, listener))
                acceptor_new(loop, listener);
        }
    pthread_mutex_unlock(&server->lock);
    if (grace_ms >= 0)
        loop_stop(loop, grace_ms);
}

/* --- Listening ------------------------------------------------------------------------------- */

/* Makes and binds; the address in words for an error. */
static int bind_socket(const struct sockaddr *address, socklen_t size, const char *name,
                       struct error *err)
{
    CLEANUP(fd_close)
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, done;

    assert(name);
    if (fd < 0)
        return error_errno(err, errno, "A socket for %s could not be made", name);
    if (address->sa_family == AF_UNIX)
        fchmod(fd, 0600); /* the mode of the file that bind makes */
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0) {
        if (errno == EADDRINUSE)
            return error_set(err, ERROR_CONFLICT, name, "%s is in use already.", name);
        return error_errno(err, errno, "%s could not be listened on", name);
    }
    done = fd;
    fd = -1;
    return done;
}

/* Bound by way of the folder's descriptor, since the paths of data folders may be longer than 108
 * bytes. */
static int listen_unix(const struct http_listener *wanted, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = wanted->unix_path;
    int len;

    assert(path[0]);
    if (path[0] == '/')
        len = snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    else
        len = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
                       wanted->unix_dir, path);
    if (len < 0 || (size_t)len >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, path, "The path of the socket %s is too long.", path);
    /* Whoever owns the folder holds its lock, so a socket that is there is a dead one's. */
    struct stat status;
    if (lstat(address.sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(address.sun_path);
    return bind_socket((struct sockaddr *)&address, sizeof(address), path, err);
}

/* The first address of the name; "localhost" is IPv4 where there is a choice. */
static int listen_tcp(const struct http_listener *wanted, uint16_t *out_port, struct error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    char port[8], name[128];

    assert(wanted->host && out_port);
    snprintf(port, sizeof(port), "%u", wanted->port);
    snprintf(name, sizeof(name), "%s:%s", wanted->host, port);
    if (getaddrinfo(wanted->host, port, &hints, &found) != 0)
        return error_set(err, ERROR_INVALID, wanted->host, "%s is no address of this machine.",
                         wanted->host);
    int fd = bind_socket(found->ai_addr, found->ai_addrlen, name, err);
    freeaddrinfo(found);
    if (fd < 0)
        return -1;
    getsockname(fd, (struct sockaddr *)&bound, &size);
    *out_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

/* Bound and listening before the loops hear of it, so that errors are the caller's. */
int http_server_listen(struct http_server *server, const struct http_listener *wanted,
                       uint16_t *out_port, struct error *err)
{
    uint16_t port = 0;

    assert(wanted->unix_path || wanted->host);
    int fd = wanted->unix_path ? listen_unix(wanted, err) : listen_tcp(wanted, &port, err);
    if (fd < 0)
        return -1;
    struct listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        abort();
    *listener = (struct listener){
        .fd = fd, .tag = wanted->tag, .unix_socket = wanted->unix_path != NULL, .tls = wanted->tls};
    pthread_mutex_lock(&server->lock);
    list_push(&server->listeners, &listener->link);
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->loop_count; i++)
        uv_async_send(&server->loops[i].async);
    if (out_port)
        *out_port = port;
    return 0;
}

/* --- Life ------------------------------------------------------------------------------------ */

/* The thread is the loop's own and ends with it. */
static void *loop_thread(void *context)
{
    loop_run(context);
    return NULL;
}

/* Half the cores; the other half is for handlers. */
static unsigned usual_loops(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores >= 4 ? (unsigned)cores / 2 : 1;
}

/* Counts those that run, so that an error frees the right ones. */
static int start_loops(struct http_server *server, unsigned wanted, struct error *err)
{
    assert(server->loops);
    for (; server->loop_count < wanted; server->loop_count++) {
        struct loop *loop = &server->loops[server->loop_count];
        if (loop_init(loop, server, err) < 0)
            return -1;
        if (pthread_create(&loop->thread, NULL, loop_thread, loop) != 0) {
            loop_discard(loop);
            return error_set(err, ERROR_IO, "", "A thread could not be started.");
        }
    }
    return 0;
}

/* Ends what was started when something fails half-way: no thread is left behind. */
struct http_server *http_server_new(struct pool *pool, const struct http_app *app,
                                    unsigned io_threads, struct error *err)
{
    CLEANUP(http_server_free) struct http_server *server = calloc(1, sizeof(*server));
    unsigned wanted = io_threads ? io_threads : usual_loops();
    struct http_server *done;

    assert(pool && app->head);
    if (!server)
        abort();
    server->pool = pool;
    server->app = *app;
    server->stop_grace_ms = -1;
    pthread_mutex_init(&server->lock, NULL);
    list_init(&server->listeners);
    server->loops = calloc(wanted, sizeof(server->loops[0]));
    if (!server->loops)
        abort();
    if (start_loops(server, wanted, err) < 0)
        return NULL;
    done = server;
    server = NULL;
    return done;
}

/* Who comes now is refused by the kernel and knows that nothing was taken, instead of waiting in a
 * backlog that nobody empties. A socket's file stays: who looks at it asks whether we are gone. */
static void refuse_connections(const struct http_server *server)
{
    for (struct list *at = server->listeners.next; at != &server->listeners; at = at->next) {
        const struct listener *listener = CONTAINER_OF(at, struct listener, link);
        if (!listener->unix_socket)
            shutdown(listener->fd, SHUT_RDWR);
    }
}

/* Waits for handlers, too: their exchanges are in the loops' memory. */
void http_server_stop(struct http_server *server, int grace_ms)
{
    assert(grace_ms >= 0);
    if (server->joined)
        return;
    pthread_mutex_lock(&server->lock);
    server->stop_grace_ms = grace_ms;
    refuse_connections(server);
    /* Under the lock: a loop awake for another reason could read the grace and be gone. */
    for (unsigned i = 0; i < server->loop_count; i++)
        uv_async_send(&server->loops[i].async);
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->loop_count; i++)
        pthread_join(server->loops[i].thread, NULL);
    server->joined = true;
}

/* Pending connections of a listener are reset by the close: nothing of theirs was promised. */
void http_server_free(struct http_server **pointer)
{
    struct http_server *server = *pointer;
    struct list *at;

    if (!server)
        return;
    http_server_stop(server, 0);
    while ((at = list_pop(&server->listeners))) {
        struct listener *listener = CONTAINER_OF(at, struct listener, link);
        close(listener->fd);
        free(listener);
    }
    pthread_mutex_destroy(&server->lock);
    free(server->loops);
    free(server);
    *pointer = NULL;
}
