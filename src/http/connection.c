/* The states of a connection, from its first byte to its last.
 *
 *     HEAD -> [DECIDING] -> BODY -> RUNNING -> HEAD …           one request after the other
 *                                  RUNNING -> TUNNEL            after an upgrade
 *     any  -> RUNNING with a refusal -> LINGER -> CLOSED        when something is odd
 *
 * Bytes are used straight from the loop's scratch buffer; only what must wait for its turn is
 * copied. Requests that come in one packet are answered one after the other, in order. Nothing
 * here waits: a state that needs something else returns, and an event brings it back.
 */
#include "http/connection_private.h"

#include "os/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Reads of one event, before other connections have their turn. */
#define READ_ROUNDS 16

static void on_poll(uv_poll_t *poll, int status, int events);

/* By the clock of the event, so that one event costs one look at it. The sweep compares, so a
 * deadline is moved by writing it. */
static void set_deadline(struct connection *connection, int64_t timeout_ms)
{
    assert(timeout_ms > 0);
    connection->deadline_us = connection->loop->now_us + timeout_ms * US_PER_MS;
}

/* Between requests, and before the first; nothing of the last one is left. */
static void wait_for_request(struct connection *connection, int64_t timeout_ms)
{
    assert(!connection->ex && !connection->paused);
    connection->state = CONNECTION_HEAD;
    connection->idle = true;
    connection->scanned = 0;
    set_deadline(connection, timeout_ms);
}

/* The head's time runs from here, the handshake included: who connects and says nothing is gone
 * after HTTP_HEAD_TIMEOUT_MS, however it is silent. */
void connection_open(struct loop *loop, int fd, const struct http_peer *peer, struct http_tls *tls)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    assert(fd >= 0);
    if (!connection)
        abort();
    connection->loop = loop;
    connection->peer = *peer;
    connection->transport = (struct transport){.fd = fd};
    connection->in = buf_make(HTTP_HEAD_BYTES + EARLY_BYTES + READ_BYTES);
    atomic_fetch_add(&loop->server->connection_count, 1);
    list_push(&loop->connections, &connection->link);
    loop_busy(loop);
    if (uv_poll_init(&loop->uv, &connection->poll, fd) < 0)
        abort(); /* only for what is no socket */
    connection->poll.data = connection;
    wait_for_request(connection, HTTP_HEAD_TIMEOUT_MS);
    if (tls) {
        connection->handshaking = true;
        SSL_CTX *context = tls_context(tls);
        int started = transport_start_tls(&connection->transport, context, NULL);
        SSL_CTX_free(context); /* the connection holds it */
        if (started < 0) {
            connection_close(connection);
            return;
        }
        SSL_set_accept_state(connection->transport.ssl);
    }
    connection_watch(connection);
}

/* libuv has let go of the handle. */
static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;

    assert(connection->state == CONNECTION_CLOSED);
    free(connection);
}

/* Also from deep inside a handler of ours: the memory stays until libuv's callback. */
void connection_close(struct connection *connection)
{
    struct loop *loop = connection->loop;
    struct http_exchange *ex = connection->ex;

    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    list_remove(&connection->link);
    atomic_fetch_sub(&loop->server->connection_count, 1);
    if (connection->tunnel)
        tunnel_free(connection);
    /* First the handle, which knows the descriptor, then the descriptor. */
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    transport_close(&connection->transport);
    output_free(&connection->out);
    buf_free(&connection->in);
    connection->ex = NULL;
    if (ex)
        exchange_finish(ex);
    loop_quiet(loop);
}

/* Whoever sends ahead of the reply is read up to a bound, also to notice that it hung up. */
static bool wants_read(const struct connection *connection)
{
    assert(connection->state != CONNECTION_TUNNEL);
    if (connection->eof || connection->paused)
        return false;
    switch (connection->state) {
    case CONNECTION_HEAD:
    case CONNECTION_BODY:
    case CONNECTION_LINGER:
        return true;
    case CONNECTION_DECIDING:
    case CONNECTION_RUNNING:
        return connection->in.len < EARLY_BYTES;
    default:
        return false;
    }
}

/* Costs a system call only when the answer differs from the last. */
void connection_watch(struct connection *connection)
{
    int wanted;

    if (connection->state == CONNECTION_CLOSED)
        return;
    assert(connection->transport.fd >= 0);
    if (connection->state == CONNECTION_TUNNEL) {
        wanted = tunnel_wanted(connection);
    } else {
        wanted = (wants_read(connection) ? UV_READABLE : 0) |
                 (connection->write_blocked ? UV_WRITABLE : 0);
    }
    if (wanted == connection->polled)
        return;
    connection->polled = wanted;
    if (wanted)
        uv_poll_start(&connection->poll, wanted, on_poll);
    else
        uv_poll_stop(&connection->poll);
}

/* --- Heads ----------------------------------------------------------------------------------- */

/* What is left of a body that was not asked for yet has come already, so that the connection can
 * go on after an early reply: its size, or -1. */
static int64_t body_at_hand(const struct connection *connection, size_t rest)
{
    assert(connection->ex);
    int64_t length = connection->ex->head.content_length;
    return length >= 0 && (uint64_t)length <= rest ? length : -1;
}

/* The verdict of app.head; `rest` bytes follow the head. Returns how many of them to skip. */
static size_t follow_verdict(struct connection *connection, enum http_verdict verdict, size_t rest)
{
    struct http_exchange *ex = connection->ex;
    int64_t at_hand;

    switch (verdict) {
    case HTTP_GO:
        body_start(connection);
        return 0;
    case HTTP_DEFERRED:
        connection->state = CONNECTION_DECIDING;
        ex->awaits = true;
        return 0;
    default:
        break;
    }
    assert(atomic_load(&ex->reply_called)); /* HTTP_REPLIED without a reply would hang the peer */
    at_hand = body_at_hand(connection, rest);
    if (at_hand < 0)
        connection->close_after = connection->unread = true;
    connection->state = CONNECTION_RUNNING;
    if (ex->replied)
        reply_start(connection);
    else
        ex->awaits = true;
    return at_hand > 0 ? (size_t)at_hand : 0;
}

/* The app knows which of its addresses are written with doubled or encoded slashes. */
static int settle_path(const struct http_app *app, struct http_exchange *ex,
                       struct http_refusal *out_why)
{
    struct str path = app->odd_path ? app->odd_path(ex, app->context) : (struct str){0};

    assert(ex->head.odd_path);
    if (!path.ptr) {
        *out_why = (struct http_refusal){400, "The path holds an empty segment or encoded slash."};
        return -1;
    }
    ex->head.path = path;
    return 0;
}

/* Everything of a request that needs the head alone. */
static size_t take_head(struct connection *connection, struct str bytes)
{
    struct loop *loop = connection->loop;
    struct http_refusal why;
    ssize_t len = parser_find_head(bytes, &connection->scanned, &why);
    struct http_exchange *ex;

    assert(!connection->ex && bytes.len > 0);
    if (len == 0)
        return 0;
    ex = connection->ex = exchange_new(loop, connection);
    connection->scanned = 0;
    connection->deadline_us = 0;
    if (len > 0) {
        struct str head = arena_str(ex->arena, str_slice(bytes, 0, (size_t)len));
        if (parser_read_request(&connection->parser, ex->arena, head, &ex->head, &why) < 0 ||
            (ex->head.odd_path && settle_path(&loop->server->app, ex, &why) < 0))
            len = -1;
    }
    if (len < 0) {
        connection_refuse(connection, why.status, why.sentence);
        return 0;
    }
    connection->close_after |= ex->head.close || loop->stopping;
    ex->calling = true;
    enum http_verdict verdict = loop->server->app.head(ex, &ex->plan, loop->server->app.context);
    ex->calling = false;
    return (size_t)len + follow_verdict(connection, verdict, bytes.len - (size_t)len);
}

/* Whatever state it is in, the connection ends with this reply: after bytes that were refused
 * nobody knows where the next request begins. */
void connection_refuse(struct connection *connection, int status, const char *sentence)
{
    struct http_exchange *ex = connection->ex;
    const struct http_app *app = &connection->loop->server->app;
    struct str body;

    assert(ex && !ex->replied);
    if (ex->sink)
        sink_abandon(ex);
    connection->close_after = connection->unread = true;
    connection->paused = false;
    connection->state = CONNECTION_RUNNING;
    ex->awaits = false;
    if (app->refusal)
        body = app->refusal(ex->arena, status, sentence, app->context);
    else
        body = arena_printf(ex->arena, "%s\n", sentence);
    ex->calling = true;
    http_reply(ex, status, app->refusal ? "application/json" : "text/plain; charset=utf-8", body);
    ex->calling = false;
    reply_start(connection);
}

/* --- From one request to the next ------------------------------------------------------------ */

/* Closing a socket that has unread bytes makes the kernel send a reset, by which the peer loses our
 * reply (RFC 9112 section 9.6): such bytes are awaited, for a while and up to a number. */
static void end_orderly(struct connection *connection)
{
    assert(!connection->ex);
    transport_shutdown(&connection->transport);
    if (connection->eof || (!connection->unread && connection->in.len == 0)) {
        connection_close(connection);
        return;
    }
    connection->state = CONNECTION_LINGER;
    connection->linger_left = HTTP_LINGER_BYTES;
    set_deadline(connection, HTTP_LINGER_MS);
}

/* The exchange goes; the connection stays, turns into a tunnel, or ends. */
void connection_reply_sent(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    int fd = ex->reply.fd;
    bool tunnel = ex->reply.kind == REPLY_TUNNEL;

    assert(ex && ex->replied);
    if (tunnel)
        ex->reply.fd = -1;
    connection->ex = NULL;
    connection->stall_us = 0;
    exchange_finish(ex);
    if (tunnel)
        tunnel_start(connection, fd);
    else if (connection->close_after || connection->loop->stopping)
        end_orderly(connection);
    else
        wait_for_request(connection, HTTP_IDLE_TIMEOUT_MS);
}

/* Writes what the reply has; true when the connection went on to another state. */
static bool push_reply(struct connection *connection)
{
    const struct reply *reply = &connection->ex->reply;

    assert(connection->ex && connection->ex->replied);
    switch (output_flush(connection)) {
    case FLUSH_DONE:
        connection_reply_sent(connection);
        return true;
    case FLUSH_BROKEN:
        connection_close(connection);
        return true;
    case FLUSH_WAITING:
        /* Who waits for a stream and hangs up will not read on. */
        if (!connection->eof || reply->kind != REPLY_SOURCE || reply->length >= 0)
            return false;
        connection_close(connection);
        return true;
    default:
        return false;
    }
}

/* Uses bytes as far as the state allows; returns how many. */
static size_t use_bytes(struct connection *connection, struct str bytes)
{
    size_t used = 0;

    assert(connection->state != CONNECTION_CLOSED);
    for (;;) {
        struct str rest = str_slice(bytes, used, bytes.len);
        size_t took = 0;
        enum connection_state before = connection->state;
        switch (before) {
        case CONNECTION_HEAD:
            took = rest.len ? take_head(connection, rest) : 0;
            break;
        case CONNECTION_BODY:
            took = body_take(connection, rest);
            break;
        case CONNECTION_LINGER:
            return bytes.len;
        case CONNECTION_TUNNEL:
            tunnel_take(connection, rest);
            return bytes.len;
        case CONNECTION_RUNNING:
            if (!connection->ex->replied || !push_reply(connection))
                return used;
            break;
        default:
            return used;
        }
        used += took;
        if (took == 0 && connection->state == before)
            return used;
    }
}

/* A request that has begun has less time than one that has not: idling is how connections are kept,
 * dribbling is how servers are held up. */
static void note_rest(struct connection *connection)
{
    assert(connection->loop->now_us > 0);
    if (connection->state != CONNECTION_HEAD)
        return;
    if (connection->eof) {
        connection_close(connection);
    } else if (connection->idle && connection->in.len) {
        connection->idle = false;
        set_deadline(connection, HTTP_HEAD_TIMEOUT_MS);
    }
}

/* Bytes that waited are used first, in order: pipelined requests are answered in theirs. */
void connection_advance(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    size_t used = use_bytes(connection, buf_str(&connection->in));
    if (connection->state == CONNECTION_CLOSED)
        return;
    assert(used <= connection->in.len || connection->in.len == 0);
    if (used < connection->in.len)
        buf_consume(&connection->in, used);
    else if (connection->in.ptr)
        buf_free(&connection->in);
    note_rest(connection);
}

/* Bytes that just came and lie in the loop's scratch; only what must wait is copied, so that an
 * idle connection owns no buffer. */
static void feed(struct connection *connection, struct str bytes)
{
    size_t used;

    if (connection->in.len) {
        buf_add(&connection->in, bytes);
        assert(!connection->in.failed);
        connection_advance(connection);
        return;
    }
    used = use_bytes(connection, bytes);
    if (connection->state == CONNECTION_CLOSED || used == bytes.len)
        return;
    buf_add(&connection->in, str_slice(bytes, used, bytes.len));
    note_rest(connection);
}

/* --- Events ---------------------------------------------------------------------------------- */

/* Who closes its side after a request may still read the reply; a stream without end is different.
 */
static void read_end(struct connection *connection)
{
    const struct http_exchange *ex = connection->ex;

    assert(!connection->eof);
    connection->eof = true;
    switch (connection->state) {
    case CONNECTION_DECIDING:
        return;
    case CONNECTION_RUNNING:
        if (ex->replied && ex->reply.kind == REPLY_SOURCE && ex->reply.length < 0)
            connection_close(connection);
        return;
    default:
        connection_close(connection);
    }
}

/* Reads until the socket is empty, the state has enough, or others should have their turn. What TLS
 * has read ahead must be used now: the socket would not tell of it. */
void connection_resume(struct connection *connection)
{
    struct loop *loop = connection->loop;

    assert(connection->polled >= 0);
    for (int round = 0; wants_read(connection); round++) {
        if (round >= READ_ROUNDS && !transport_has_more(&connection->transport))
            return;
        ssize_t n = transport_read(&connection->transport, loop->scratch, sizeof(loop->scratch));
        if (n == TRANSPORT_AGAIN)
            return;
        if (n == TRANSPORT_BROKEN) {
            connection_close(connection);
            return;
        }
        if (n == 0) {
            read_end(connection);
            return;
        }
        if (connection->state == CONNECTION_LINGER) {
            if ((size_t)n >= connection->linger_left) {
                connection_close(connection);
                return;
            }
            connection->linger_left -= (size_t)n;
            continue;
        }
        feed(connection, (struct str){loop->scratch, (size_t)n});
        if (connection->state == CONNECTION_CLOSED)
            return;
        if (!connection->transport.ssl && (size_t)n < sizeof(loop->scratch))
            return;
    }
}

/* True once it is done. */
static bool handshake(struct connection *connection)
{
    bool write = false;
    int result = transport_handshake(&connection->transport, &write);

    assert(connection->handshaking && connection->transport.ssl);
    if (result == TRANSPORT_BROKEN) {
        connection_close(connection);
        return false;
    }
    connection->write_blocked = write;
    connection->handshaking = result != 1;
    return result == 1;
}

/* Writing before reading: what is written makes room for what the next request may bring. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;

    connection->loop->now_us = clock_mono_us();
    if (connection->state == CONNECTION_TUNNEL) {
        tunnel_event(connection, status);
        connection_watch(connection);
        return;
    }
    if (status < 0) {
        connection_close(connection);
        return;
    }
    if (connection->handshaking && !handshake(connection)) {
        connection_watch(connection);
        return;
    }
    if (events & UV_WRITABLE) {
        connection->write_blocked = false;
        if (connection->ex && connection->ex->replied)
            connection_advance(connection);
        else if (output_flush(connection) == FLUSH_BROKEN)
            connection_close(connection);
    }
    if (connection->state != CONNECTION_CLOSED && connection->state != CONNECTION_TUNNEL)
        connection_resume(connection);
    connection_watch(connection);
}

/* The plan came late, or the reply instead of it. */
static void proceed(struct connection *connection)
{
    assert(connection->ex->awaits);
    connection->ex->awaits = false;
    body_start(connection);
    connection_advance(connection);
}

/* The reply of an exchange whose peer is gone: what it brought is released. */
static void drop_reply(struct http_exchange *ex)
{
    struct http_source *source = ex->reply.source;

    assert(!ex->connection);
    ex->awaits = false;
    if (source) {
        ex->reply.source = NULL;
        source->close(source);
    }
    exchange_release(ex);
}

/* Without a connection only what was owed still counts. */
static void orphan_event(struct http_exchange *ex, unsigned events)
{
    assert(!ex->connection);
    if (!ex->awaits)
        return;
    if (events & EVENT_PROCEED) {
        ex->awaits = false;
        if (ex->plan.sink) {
            sink_start(ex);
            sink_abandon(ex);
        }
        exchange_release(ex);
    } else if (events & EVENT_REPLY) {
        drop_reply(ex);
    } else if (events & EVENT_FORWARD) {
        forward_begin(ex);
    } else if (events & EVENT_SINK) {
        struct error err;
        if (sink_failed(ex, &err)) {
            ex->awaits = false;
            exchange_release(ex);
        } else if (sink_done(ex)) {
            body_run(ex);
        }
    }
}

/* A reply came by mail. In place of a plan it is a refusal: the body is then read no further,
 * unless it is there already and can be stepped over. */
static void reply_event(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;

    assert(!ex->replied && atomic_load(&ex->reply_called));
    if (connection->state == CONNECTION_DECIDING) {
        int64_t at_hand = body_at_hand(connection, connection->in.len);
        if (at_hand < 0)
            connection->close_after = connection->unread = true;
        else
            buf_consume(&connection->in, (size_t)at_hand);
    }
    ex->awaits = false;
    ex->replied = true;
    reply_start(connection);
    connection_advance(connection);
}

/* Mail from other threads. */
void connection_event(struct http_exchange *ex, unsigned events)
{
    struct connection *connection = ex->connection;

    if (events & EVENT_FILE)
        ex->file_reading = false;
    if (!connection) {
        orphan_event(ex, events);
        return;
    }
    assert(connection->ex == ex);
    if ((events & EVENT_SINK) && ex->sink)
        body_sink_event(connection);
    /* Each step may have ended the exchange's time on the connection. */
    if (connection->ex == ex && (events & EVENT_PROCEED))
        proceed(connection);
    if (connection->ex == ex && (events & EVENT_FORWARD))
        forward_begin(ex);
    if (connection->ex == ex && (events & EVENT_REPLY) && !ex->replied)
        reply_event(connection);
    else if (connection->ex == ex && ex->replied && !connection->write_blocked)
        connection_advance(connection);
    connection_watch(connection);
}

/* --- Deadlines ------------------------------------------------------------------------------- */

/* Deadlines of the state; a reply that nobody takes is one of any state. */
void connection_sweep(struct connection *connection)
{
    int64_t now_us = connection->loop->now_us;

    assert(connection->loop->now_us > 0);
    if (connection->stall_us && now_us >= connection->stall_us) {
        connection_close(connection);
        return;
    }
    switch (connection->state) {
    case CONNECTION_HEAD:
        if (now_us < connection->deadline_us)
            return;
        if (connection->handshaking || connection->in.len == 0) {
            connection_close(connection);
            return;
        }
        connection->ex = exchange_new(connection->loop, connection);
        connection_refuse(connection, 408, "The head of the request did not come in time.");
        break;
    case CONNECTION_BODY:
        if (!body_is_slow(connection))
            return;
        connection_refuse(connection, 408, "The body of the request comes too slowly.");
        break;
    case CONNECTION_LINGER:
        if (now_us >= connection->deadline_us)
            connection_close(connection);
        return;
    default:
        return;
    }
    connection_advance(connection);
    connection_watch(connection);
}
