/* The body of a request: kept whole up to a limit, or passed on to a sink.
 *
 * A body with a length is counted here; one in chunks is read by the parser. Limits are compared
 * before bytes are kept, and a body that comes too slowly is given up by the sweep. When it is
 * whole, run is called: by a worker, by the loop, or, behind a sink, by the worker that wrote the
 * last bytes.
 */
#include "http/connection_private.h"

#include <assert.h>

/* On a worker. The hold keeps the exchange while run may still look at it after its reply. */
static void run_task(struct pool_task *task)
{
    struct http_exchange *ex = CONTAINER_OF(task, struct http_exchange, run_task);

    assert(ex->plan.run && !atomic_load(&ex->reply_called));
    ex->plan.run(ex, ex->plan.context);
    exchange_release(ex);
}

/* From here on somebody owes a reply; `awaits` remembers it beyond the connection. */
void body_run(struct http_exchange *ex)
{
    assert(ex->plan.run);
    ex->awaits = true;
    if (ex->plan.where == HTTP_ON_WORKER) {
        exchange_hold(ex);
        ex->run_task.run = run_task;
        pool_run(ex->loop->server->pool, &ex->run_task);
        return;
    }
    ex->calling = true;
    ex->plan.run(ex, ex->plan.context);
    ex->calling = false;
    if (ex->replied) {
        ex->awaits = false;
        if (ex->connection)
            reply_start(ex->connection);
        else
            exchange_release(ex);
    }
}

/* The body is whole. */
static void body_end(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;

    assert(connection->state == CONNECTION_BODY);
    connection->state = CONNECTION_RUNNING;
    connection->paused = false;
    connection->deadline_us = 0;
    if (ex->plan.sink) {
        ex->awaits = true;
        sink_end(ex);
        return;
    }
    if (ex->body_bytes.len)
        ex->body = buf_str(&ex->body_bytes);
    body_run(ex);
}

/* What is too long is refused before a byte of it is kept; who asked for an invitation gets it only
 * when the body is wanted. */
void body_start(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    int64_t length = ex->head.content_length;

    assert(ex->plan.run && connection->state != CONNECTION_CLOSED);
    if (!ex->plan.sink && ex->plan.body_limit > HTTP_BODY_WHOLE_BYTES)
        ex->plan.body_limit = HTTP_BODY_WHOLE_BYTES;
    connection->state = CONNECTION_BODY;
    connection->body_left = length;
    connection->body_got = 0;
    connection->body_since_us = connection->loop->now_us;
    if (ex->plan.sink)
        sink_start(ex);
    if (length > 0 && (uint64_t)length > ex->plan.body_limit) {
        connection_refuse(connection, 413, "The body of the request is too long.");
        return;
    }
    if (length == 0) {
        body_end(connection);
        return;
    }
    if (ex->head.expect_continue) {
        output_add(connection, STR("HTTP/1.1 100 Continue\r\n\r\n"));
        if (output_flush(connection) == FLUSH_BROKEN)
            connection_close(connection);
    }
}

/* Some bytes of the body itself. -1 when there are too many. */
static int body_keep(void *context, struct str bytes)
{
    struct connection *connection = context;
    struct http_exchange *ex = connection->ex;

    if (bytes.len > ex->plan.body_limit - (size_t)connection->body_got)
        return -1;
    connection->body_got += (int64_t)bytes.len;
    if (ex->plan.sink) {
        sink_push(ex, bytes);
        if (sink_waiting(ex) > HTTP_QUEUE_HIGH_BYTES && !connection->paused) {
            connection->paused = true;
            connection->paused_at_us = connection->loop->now_us;
        }
    } else if (connection->body_got == ex->head.content_length && ex->body_bytes.len == 0) {
        /* The usual case: it came whole. */
        ex->body = arena_str(ex->arena, bytes);
    } else {
        buf_add(&ex->body_bytes, bytes);
        assert(!ex->body_bytes.failed);
    }
    return 0;
}

/* A body of unknown length: the parser says where it ends. */
static size_t take_chunks(struct connection *connection, struct str bytes)
{
    ssize_t used = parser_read_chunks(&connection->parser, bytes, body_keep, connection);

    assert(connection->body_left < 0);
    if (used < 0) {
        if (connection->parser.refused)
            connection_refuse(connection, 413, "The body of the request is too long.");
        else
            connection_refuse(connection, 400, "The chunks of the body are not well-formed.");
        return 0;
    }
    if (connection->parser.ended)
        body_end(connection);
    return (size_t)used;
}

/* Bytes behind the end of the body stay for the next request. */
size_t body_take(struct connection *connection, struct str bytes)
{
    if (bytes.len == 0)
        return 0;
    if (connection->body_left < 0)
        return take_chunks(connection, bytes);
    size_t used = bytes.len;
    if ((uint64_t)connection->body_left < used)
        used = (size_t)connection->body_left;
    int kept = body_keep(connection, str_slice(bytes, 0, used));
    assert(kept == 0); /* the length was compared with the limit at the start */
    (void)kept;
    connection->body_left -= (int64_t)used;
    if (connection->body_left == 0)
        body_end(connection);
    return used;
}

/* What a sink could not do, as the client is to see it. */
static void refuse_for(struct connection *connection, const struct error *err)
{
    int status = 500;

    assert(err->code != ERROR_NONE);
    if (err->code == ERROR_INVALID)
        status = 400;
    else if (err->code == ERROR_TOO_LARGE)
        status = 413;
    else if (err->code == ERROR_STORAGE_FULL)
        status = 507;
    else if (err->code == ERROR_UNAVAILABLE)
        status = 503;
    connection_refuse(connection, status,
                      arena_str(connection->ex->arena, str_from(err->message)).ptr);
}

/* The sink has caught up, has failed, or is done. */
void body_sink_event(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    struct error err;

    assert(connection->ex && connection->ex->sink);
    if (ex->replied)
        return;
    if (sink_failed(ex, &err)) {
        refuse_for(connection, &err);
        connection_advance(connection);
        return;
    }
    if (connection->paused && sink_waiting(ex) < HTTP_QUEUE_LOW_BYTES) {
        connection->paused = false;
        connection->body_since_us += connection->loop->now_us - connection->paused_at_us;
        connection_resume(connection);
    }
    if (connection->ex == ex && sink_done(ex)) {
        body_run(ex);
        connection_advance(connection);
    }
}

/* Not the fault of the peer while we do not read. */
bool body_is_slow(const struct connection *connection)
{
    int64_t took_ms = (connection->loop->now_us - connection->body_since_us) / US_PER_MS;

    assert(connection->body_since_us > 0);
    return !connection->paused && took_ms > HTTP_BODY_GRACE_MS &&
           connection->body_got < took_ms / 1000 * HTTP_BODY_RATE_BYTES;
}
