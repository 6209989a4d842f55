/* A request sent on to another server, and its reply passed back as it comes.
 *
 * The reply's body is a source like any other: the client's pace decides when the server behind
 * is read, so that a large reply needs no large memory. What may be tried again (nothing of a
 * reply came) is told apart from what may not.
 */
#include "http/upstream.h"

#include "os/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One request on its way. Lives until done was called; its texts are in the exchange's arena. */
struct forward {
    struct list link; /* in loop->forwards */
    struct http_exchange *ex;
    struct http_forward wanted;
    struct upstream *upstream;
    struct iovec out[2]; /* what of the request is still to be sent */
    int out_count;
    struct buf request; /* its head */
    struct buf in;      /* bytes of the reply's head */
    size_t scanned;
    struct buf body; /* decoded, on its way to the client … */
    size_t taken;    /* … who has got this much of it */
    struct http_parser parser;
    struct http_head head;
    struct http_source source;
    int64_t body_left;
    int64_t deadline_us;
    bool got_byte;
    bool passed_head;
    bool ended; /* the reply came whole */
    bool broken;
};

/* Headers that are about one connection, not about the message: RFC 9110 section 7.6.1. The
 * length is told anew, and an expectation was met before the request was forwarded. */
static const struct str HOP_BY_HOP[] = {
    STR_INIT("connection"),
    STR_INIT("keep-alive"),
    STR_INIT("proxy-authenticate"),
    STR_INIT("proxy-connection"),
    STR_INIT("te"),
    STR_INIT("proxy-authorization"),
    STR_INIT("trailer"),
    STR_INIT("transfer-encoding"),
    STR_INIT("upgrade"),
    STR_INIT("content-length"),
    STR_INIT("expect"),
};

/* Also what the message itself names in Connection. */
static bool is_hop_by_hop(struct str name, const struct http_header *headers, size_t count)
{
    assert(name.len > 0);
    for (size_t i = 0; i < COUNT(HOP_BY_HOP); i++)
        if (str_eq_fold(name, HOP_BY_HOP[i]))
            return true;
    for (size_t i = 0; i < count; i++)
        if (str_eq_fold(headers[i].name, STR("connection")) &&
            parser_has_token(headers[i].value, name))
            return true;
    return false;
}

/* --- Starting, on the caller's thread -------------------------------------------------------- */

/* The caller's texts may be gone when the loop gets to them. */
static const struct http_header *copy_headers(struct arena *arena,
                                              const struct http_header *headers, size_t count)
{
    struct http_header *copy = arena_new_array(arena, struct http_header, count + 1);

    assert(headers || count == 0);
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct http_header){arena_str(arena, headers[i].name),
                                       arena_str(arena, headers[i].value)};
    return copy;
}

/* The same for the names to leave out. */
static const char *const *copy_names(struct arena *arena, const char *const *names)
{
    size_t count = 0;

    assert(arena);
    while (names && names[count])
        count++;
    const char **copy = arena_new_array(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_cstr(arena, str_from(names[i]));
    return copy;
}

/* Nothing is touched that the loop may be using: it learns of the forward by the event. */
void http_forward_start(struct http_exchange *ex, const struct http_forward *wanted)
{
    struct forward *forward = calloc(1, sizeof(*forward));
    struct arena *arena = ex->arena;

    if (!forward)
        abort();
    assert(wanted->done && !ex->forward_wanted && !atomic_load(&ex->reply_called));
    forward->ex = ex;
    forward->wanted = *wanted;
    struct http_upstream *upstream = &forward->wanted.upstream;
    if (upstream->unix_path)
        upstream->unix_path = arena_cstr(arena, str_from(upstream->unix_path));
    if (upstream->host)
        upstream->host = arena_cstr(arena, str_from(upstream->host));
    forward->wanted.target =
        wanted->target.len ? arena_str(arena, wanted->target) : ex->head.target;
    forward->wanted.headers = copy_headers(arena, wanted->headers, wanted->header_count);
    forward->wanted.drop = copy_names(arena, wanted->drop);
    forward->wanted.reply_headers =
        copy_headers(arena, wanted->reply_headers, wanted->reply_header_count);
    forward->request = buf_make(MIB);
    forward->in = buf_make(HTTP_HEAD_BYTES + READ_BYTES);
    forward->body = buf_make(HTTP_QUEUE_HIGH_BYTES + READ_BYTES);
    list_init(&forward->link);
    ex->forward_wanted = forward;
    loop_post(ex, EVENT_FORWARD);
}

/* --- Ending ---------------------------------------------------------------------------------- */

/* Done with it: the connection is kept when nothing is left on it, and the caller is told. A byte
 * too many would be taken for the beginning of the next reply, which may be another client's. */
static void finish(struct forward *forward, enum http_forward_end end)
{
    struct http_exchange *ex = forward->ex;
    struct http_forward wanted = forward->wanted;
    int status = forward->head.status;
    bool clean =
        forward->ended && !forward->broken && !forward->head.close && forward->out_count == 0;

    assert(ex->forward == forward && wanted.done);
    ex->forward = NULL;
    list_remove(&forward->link);
    if (forward->upstream && clean)
        upstream_keep(forward->upstream);
    else if (forward->upstream)
        upstream_close(forward->upstream);
    buf_free(&forward->request);
    buf_free(&forward->in);
    buf_free(&forward->body);
    free(forward);
    wanted.done(ex, end, status, wanted.context);
}

static void retry_or_refuse(struct forward *forward);

/* What came is no reply, and may have had effects, so that nobody should try again. */
static void refuse_reply(struct forward *forward)
{
    struct http_exchange *ex = forward->ex;
    struct connection *connection = ex->connection;

    forward->broken = true;
    finish(forward, HTTP_FORWARD_BROKEN);
    connection_refuse(connection, 502, "The server behind this one gave no proper reply.");
    connection_advance(connection);
}

/* The connection ended or is broken. What that means depends on how far the reply was. */
static void upstream_lost(struct forward *forward)
{
    assert(forward->upstream);
    forward->broken = true;
    if (!forward->passed_head) {
        retry_or_refuse(forward);
        return;
    }
    upstream_close(forward->upstream);
    forward->upstream = NULL;
    connection_advance(forward->ex->connection);
}

/* --- The reply ------------------------------------------------------------------------------- */

/* The client takes bytes here; when few are left, the server behind is read again. */
static ssize_t source_read(struct http_source *source, void *out, size_t size)
{
    struct forward *forward = CONTAINER_OF(source, struct forward, source);
    size_t there = forward->body.len - forward->taken;

    assert(forward->taken <= forward->body.len);
    if (there == 0 && forward->ended)
        return 0;
    if (there == 0)
        return forward->broken ? -1 : HTTP_SOURCE_WAIT;
    if (there < size)
        size = there;
    memcpy(out, forward->body.ptr + forward->taken, size);
    forward->taken += size;
    there -= size;
    if (there == 0) {
        buf_clear(&forward->body);
        forward->taken = 0;
    }
    if (there < HTTP_QUEUE_LOW_BYTES && forward->upstream && !forward->ended)
        upstream_watch(forward->upstream, UV_READABLE | (forward->out_count ? UV_WRITABLE : 0));
    return (ssize_t)size;
}

/* The client has everything, or will get no more. */
static void source_close(struct http_source *source)
{
    struct forward *forward = CONTAINER_OF(source, struct forward, source);
    bool whole = forward->ended && forward->taken == forward->body.len;

    assert(forward->passed_head);
    finish(forward, whole ? HTTP_FORWARD_DONE : HTTP_FORWARD_BROKEN);
}

/* Taken bytes are dropped in one move, when room is needed, and not with each piece. */
static int keep_body(void *context, struct str bytes)
{
    struct forward *forward = context;

    /* Reading stops at the high mark, so that what was taken makes room for one more read. */
    if (forward->taken && forward->body.len + bytes.len > forward->body.cap_bytes) {
        buf_consume(&forward->body, forward->taken);
        forward->taken = 0;
    }
    buf_add(&forward->body, bytes);
    return forward->body.failed ? -1 : 0;
}

/* Bytes of the body as they came from the server. */
static void take_body(struct forward *forward, struct str bytes)
{
    ssize_t used = (ssize_t)bytes.len;

    assert(forward->passed_head && !forward->ended);
    if (forward->head.chunked) {
        if (bytes.len)
            used = parser_read_chunks(&forward->parser, bytes, keep_body, forward);
        forward->ended = forward->parser.ended;
    } else {
        if (forward->body_left >= 0 && used > forward->body_left)
            used = (ssize_t)forward->body_left;
        if (keep_body(forward, str_slice(bytes, 0, (size_t)used)) < 0)
            used = -1;
        else if (forward->body_left >= 0)
            forward->body_left -= used;
        forward->ended = forward->body_left == 0;
    }
    /* Bytes behind the end belong to no request of ours. */
    if (used < 0)
        forward->broken = true;
    else if (forward->ended && (size_t)used < bytes.len)
        forward->head.close = true;
}

/* The date is ours; what software answers behind us is nobody's business. */
static void copy_reply_headers(struct forward *forward)
{
    const struct http_head *head = &forward->head;

    assert(forward->passed_head);
    for (size_t i = 0; i < head->header_count; i++) {
        struct str name = head->headers[i].name;
        if (is_hop_by_hop(name, head->headers, head->header_count) ||
            str_eq_fold(name, STR("date")) || str_eq_fold(name, STR("server")))
            continue;
        http_add_header(forward->ex, arena_cstr(forward->ex->arena, name), head->headers[i].value);
    }
    for (size_t i = 0; i < forward->wanted.reply_header_count; i++)
        http_add_header(forward->ex, forward->wanted.reply_headers[i].name.ptr,
                        forward->wanted.reply_headers[i].value);
}

/* The head is whole: the client's reply begins. `rest` is what came behind it. */
static void pass_head(struct forward *forward, struct str rest)
{
    struct http_exchange *ex = forward->ex;
    struct connection *connection = ex->connection;
    struct http_head *head = &forward->head;
    int64_t length = head->has_length ? head->content_length : -1;
    bool bodiless =
        head->status == 204 || head->status == 304 || str_eq(ex->head.method, STR("HEAD"));

    assert(ex->connection && !ex->replied);
    forward->passed_head = true;
    forward->body_left = bodiless ? 0 : length;
    if (bodiless)
        head->chunked = false;
    take_body(forward, rest);
    copy_reply_headers(forward);
    forward->source = (struct http_source){source_read, source_close};
    ex->awaits = false;
    ex->calling = true;
    http_reply_source(ex, head->status, NULL, length, &forward->source);
    ex->calling = false;
    reply_start(connection);
    connection_advance(connection);
    connection_watch(connection);
}

/* 1: a final head was read and *out_rest set, 0 not yet, -1 no HTTP. */
static int read_head(struct forward *forward, struct str *out_rest)
{
    struct http_refusal why;

    assert(!forward->passed_head);
    for (;;) {
        struct str bytes = buf_str(&forward->in);
        ssize_t len = parser_find_head(bytes, &forward->scanned, &why);
        if (len <= 0)
            return (int)len;
        struct str head = arena_str(forward->ex->arena, str_slice(bytes, 0, (size_t)len));
        if (parser_read_response(&forward->parser, forward->ex->arena, head, &forward->head, &why) <
            0)
            return -1;
        forward->scanned = 0;
        if (forward->head.status >= 200) {
            *out_rest = str_slice(bytes, (size_t)len, bytes.len);
            return 1;
        }
        if (forward->head.status == 101)
            return -1;
        buf_consume(&forward->in, (size_t)len);
    }
}

/* Bytes that may be only a part of the head. */
static void take_head(struct forward *forward, struct str bytes)
{
    struct str rest;

    assert(bytes.len > 0);
    buf_add(&forward->in, bytes);
    int read = forward->in.failed ? -1 : read_head(forward, &rest);
    if (read == 0)
        return;
    if (read < 0) {
        refuse_reply(forward);
        return;
    }
    pass_head(forward, rest);
}

/* One read at a time: level-triggered polling brings us back. */
static void read_reply(struct forward *forward)
{
    struct loop *loop = forward->ex->loop;
    struct http_exchange *ex = forward->ex;
    ssize_t n =
        transport_read(upstream_transport(forward->upstream), loop->scratch, sizeof(loop->scratch));

    assert(forward->upstream && ex->connection);
    if (n == TRANSPORT_AGAIN)
        return;
    if (n == 0 && forward->passed_head && !forward->head.chunked && forward->body_left < 0) {
        forward->ended = forward->head.close = true;
        connection_advance(ex->connection);
        return;
    }
    if (n <= 0) {
        upstream_lost(forward);
        return;
    }
    forward->got_byte = true;
    struct str bytes = {loop->scratch, (size_t)n};
    if (!forward->passed_head) {
        take_head(forward, bytes);
        return;
    }
    take_body(forward, bytes);
    size_t waiting = forward->body.len - forward->taken;
    if (waiting > HTTP_QUEUE_HIGH_BYTES || forward->ended)
        upstream_watch(forward->upstream, forward->out_count ? UV_WRITABLE : 0);
    connection_advance(ex->connection);
}

/* --- The request ----------------------------------------------------------------------------- */

/* Left out on purpose, or told anew by the caller. */
static bool is_replaced(const struct forward *forward, struct str name)
{
    assert(forward->wanted.drop);
    for (const char *const *drop = forward->wanted.drop; *drop; drop++)
        if (str_eq_fold(name, str_from(*drop)))
            return true;
    return parser_header(forward->wanted.headers, forward->wanted.header_count, name) != NULL;
}

/* As it was received: a proxy does not reorder nor respell. */
static void add_header(struct buf *out, const struct http_header *header)
{
    buf_add(out, header->name);
    buf_add(out, STR(": "));
    buf_add(out, header->value);
    buf_add(out, STR("\r\n"));
}

/* The client's headers without those of its connection, then ours. */
static void make_request(struct forward *forward)
{
    const struct http_exchange *ex = forward->ex;
    struct buf *out = &forward->request;
    bool has_host =
        parser_header(forward->wanted.headers, forward->wanted.header_count, STR("host")) != NULL;

    buf_printf(out, "%.*s %.*s HTTP/1.1\r\n", STR_ARG(ex->head.method),
               STR_ARG(forward->wanted.target));
    for (size_t i = 0; i < ex->head.header_count; i++) {
        const struct http_header *header = &ex->head.headers[i];
        if (is_hop_by_hop(header->name, ex->head.headers, ex->head.header_count) ||
            is_replaced(forward, header->name))
            continue;
        has_host = has_host || str_eq_fold(header->name, STR("host"));
        add_header(out, header);
    }
    for (size_t i = 0; i < forward->wanted.header_count; i++)
        add_header(out, &forward->wanted.headers[i]);
    if (!has_host)
        buf_add(out, STR("Host: localhost\r\n"));
    if (ex->head.content_length != 0 || ex->head.has_length)
        buf_printf(out, "Content-Length: %zu\r\n", ex->body.len);
    buf_add(out, STR("\r\n"));
    assert(!out->failed);
}

/* Head and body in one call as long as neither is done. */
static void write_request(struct forward *forward)
{
    assert(forward->upstream && !upstream_connecting(forward->upstream));
    while (forward->out_count) {
        ssize_t n = transport_write(upstream_transport(forward->upstream), forward->out,
                                    forward->out_count);
        if (n == TRANSPORT_AGAIN)
            break;
        /* The server may have answered before it read everything; reading tells. */
        if (n < 0) {
            upstream_watch(forward->upstream, UV_READABLE);
            return;
        }
        size_t written = (size_t)n;
        while (forward->out_count && written >= forward->out[0].iov_len) {
            written -= forward->out[0].iov_len;
            forward->out[0] = forward->out[1];
            forward->out_count--;
        }
        if (forward->out_count) {
            forward->out[0].iov_base = (char *)forward->out[0].iov_base + written;
            forward->out[0].iov_len -= written;
        }
    }
    upstream_watch(forward->upstream, UV_READABLE | (forward->out_count ? UV_WRITABLE : 0));
}

/* Gets a connection and begins to send. False when there is none. */
static bool attempt(struct forward *forward, bool reuse)
{
    struct http_exchange *ex = forward->ex;

    assert(!forward->upstream);
    forward->upstream = upstream_get(ex->loop, &forward->wanted.upstream, reuse, forward);
    if (!forward->upstream)
        return false;
    struct str head = buf_str(&forward->request);
    forward->out[0] = (struct iovec){(void *)head.ptr, head.len};
    forward->out[1] = (struct iovec){(void *)ex->body.ptr, ex->body.len};
    forward->out_count = ex->body.len ? 2 : 1;
    forward->broken = false;
    if (upstream_connecting(forward->upstream))
        upstream_watch(forward->upstream, UV_WRITABLE);
    else
        write_request(forward);
    return true;
}

/* A kept connection that the server had closed says nothing about the server. */
static void retry_or_refuse(struct forward *forward)
{
    bool reused = upstream_reused(forward->upstream) && !forward->got_byte;

    assert(!forward->passed_head && forward->upstream);
    upstream_close(forward->upstream);
    forward->upstream = NULL;
    if (reused && attempt(forward, false))
        return;
    if (forward->got_byte)
        refuse_reply(forward);
    else
        finish(forward, HTTP_FORWARD_REFUSED);
}

/* On the loop: the client may have gone meanwhile. */
void forward_begin(struct http_exchange *ex)
{
    struct forward *forward = ex->forward = ex->forward_wanted;

    assert(forward);
    ex->forward_wanted = NULL;
    if (!ex->connection) {
        forward_end(ex);
        ex->awaits = false;
        exchange_release(ex);
        return;
    }
    list_push(&ex->loop->forwards, &forward->link);
    forward->deadline_us = ex->loop->now_us + forward->wanted.timeout_ms * US_PER_MS;
    make_request(forward);
    if (!attempt(forward, true))
        finish(forward, HTTP_FORWARD_REFUSED);
}

/* The client is gone before a reply began: nobody wants one any more. */
void forward_end(struct http_exchange *ex)
{
    assert(ex->forward);
    if (ex->forward->passed_head)
        return; /* the source's close tells */
    finish(ex->forward, HTTP_FORWARD_BROKEN);
    ex->awaits = false;
}

/* Anything may end in the forward being freed; only the connection is looked at afterwards. */
void forward_upstream_event(struct forward *forward, int status, int events)
{
    struct upstream *upstream = forward->upstream;
    struct connection *connection = forward->ex->connection;

    assert(upstream && connection);
    if (status < 0) {
        upstream_lost(forward);
    } else if (upstream_connecting(upstream)) {
        if (upstream_connected(upstream))
            upstream_lost(forward);
        else
            write_request(forward);
    } else {
        if ((events & UV_WRITABLE) && forward->out_count)
            write_request(forward);
        if (events & UV_READABLE)
            read_reply(forward);
    }
    if (connection)
        connection_watch(connection);
}

/* Time-outs of heads, then connections that nobody has used for long. */
void forward_sweep(struct loop *loop)
{
    assert(loop_is_current(loop));
    for (struct list *at = loop->forwards.next, *next; at != &loop->forwards; at = next) {
        struct forward *forward = CONTAINER_OF(at, struct forward, link);
        next = at->next;
        if (!forward->passed_head && loop->now_us >= forward->deadline_us)
            finish(forward, HTTP_FORWARD_TIMEOUT);
    }
    upstream_sweep(loop);
    loop_quiet(loop);
}
