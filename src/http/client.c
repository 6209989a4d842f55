/* One request of the client with its reply, on a connection that blocks nobody but its caller.
 *
 * The socket itself never blocks: each wait is a poll of at most a quarter of a second, so that
 * the caller can give up. A connection is kept after a reply that allows it; when the server had
 * closed it meanwhile, which shows before the first byte of a reply, the request is sent once
 * more on a fresh one.
 */
#include "base/buf.h"

#include "http/client_private.h"
#include "http/limits.h"
#include "http/parser.h"

#include "os/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Without any byte moving, not for the whole. */
#define USUAL_TIMEOUT_MS 60000
#define USUAL_REPLY_BYTES (64 * MIB)
#define CANCEL_MS 250
#define READ_BYTES (64 * KIB)

/* One attempt at one call. */
struct attempt {
    struct http_client *client;
    const struct http_call *call;
    struct arena *arena;
    struct error *err;
    struct http_parser parser;
    struct http_head head;
    struct buf in; /* bytes of the reply not yet used */
    struct buf body;
    int64_t body_left;
    int64_t patience_us; /* when the call ends for want of any byte */
    bool got_byte;       /* of the reply */
    bool streams;        /* the body goes to on_body */
    bool canceled;
};

/* No call is without an end: 0 means the usual one. */
static int timeout_ms(const struct http_call *call)
{
    return call->timeout_ms > 0 ? call->timeout_ms : USUAL_TIMEOUT_MS;
}

/* A byte went one way or the other: the peer lives, the time starts anew. */
static void moved(struct attempt *attempt)
{
    assert(attempt->call);
    attempt->patience_us = clock_mono_us() + timeout_ms(attempt->call) * US_PER_MS;
}

/* Waits until the socket can be used, time is up or the caller has had enough. */
int client_wait(struct http_client *client, const struct http_call *call, short events,
                int64_t until_us, struct error *err)
{
    assert(client->transport.fd >= 0);
    for (;;) {
        struct pollfd poll_fd = {.fd = client->transport.fd, .events = events};
        int64_t left_ms = (until_us - clock_mono_us() + US_PER_MS - 1) / US_PER_MS;
        if (call->cancel && call->cancel(call->context))
            return error_set(err, ERROR_CANCELED, "", "The call was given up.");
        if (left_ms <= 0)
            return error_set(err, ERROR_TIMEOUT, "", "%s did not answer in time.", client->name);
        if (left_ms > CANCEL_MS)
            left_ms = CANCEL_MS;
        int ready = poll(&poll_fd, 1, (int)left_ms);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return error_errno(err, errno, "The connection to %s cannot be waited for",
                               client->name);
    }
}

/* The one error that a kept connection may recover from. */
static int broke(struct attempt *attempt)
{
    assert(attempt->client);
    return error_set(attempt->err, ERROR_UNAVAILABLE, "", "%s closed the connection.",
                     attempt->client->name);
}

/* Until the socket can be used, the call is given up, or nobody moved a byte for too long. */
static int attempt_wait(struct attempt *attempt, short events)
{
    return client_wait(attempt->client, attempt->call, events, attempt->patience_us, attempt->err);
}

static int read_more(struct attempt *attempt, bool *out_end);

/* --- Sending --------------------------------------------------------------------------------- */

/* Writes all, the two texts as if they were one, so that a small request is one packet. A server
 * that answers before it has read everything is not an error here: its reply says more. */
static int send_bytes(struct attempt *attempt, struct str first, struct str second)
{
    struct transport *transport = &attempt->client->transport;

    while (first.len + second.len) {
        struct iovec parts[2] = {{(void *)first.ptr, first.len}, {(void *)second.ptr, second.len}};
        int skip = first.len == 0, count = 2 - skip - (second.len == 0);
        ssize_t n = transport_write(transport, parts + skip, count);
        if (n == TRANSPORT_BROKEN)
            return broke(attempt);
        if (n == TRANSPORT_AGAIN) {
            if (attempt_wait(attempt, POLLIN | POLLOUT) < 0)
                return -1;
            /* A refusal may come in the middle of a body: read it, so that it is not lost. */
            bool end = false;
            if (read_more(attempt, &end) < 0)
                return -1;
            if (attempt->in.len)
                return 0;
            struct pollfd poll_fd = {.fd = transport->fd, .events = POLLOUT};
            if (end || poll(&poll_fd, 1, 10) < 0)
                return broke(attempt);
            continue;
        }
        moved(attempt);
        size_t of_first = (size_t)n < first.len ? (size_t)n : first.len;
        first = str_slice(first, of_first, first.len);
        second = str_slice(second, (size_t)n - of_first, second.len);
    }
    return 0;
}

/* Piece by piece, so that a model of many gigabytes costs no memory. */
static int send_file(struct attempt *attempt)
{
    const struct http_call *call = attempt->call;
    char *bytes = arena_alloc(attempt->arena, READ_BYTES);
    int64_t sent = 0;

    assert(call->body_length >= 0 && call->body_offset >= 0);
    while (sent < call->body_length && attempt->in.len == 0) {
        size_t size = READ_BYTES;
        if (call->body_length - sent < (int64_t)size)
            size = (size_t)(call->body_length - sent);
        ssize_t n = pread(call->body_fd, bytes, size, call->body_offset + sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(attempt->err, errno, "The file to send cannot be read");
        if (n == 0)
            return error_set(attempt->err, ERROR_IO, "", "The file to send became shorter.");
        if (send_bytes(attempt, (struct str){bytes, (size_t)n}, (struct str){"", 0}) < 0)
            return -1;
        sent += n;
    }
    return 0;
}

/* A line end in a header would let its author write the next header. */
static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* A length is also told for an empty body where servers expect one (RFC 9110 section 8.6): storage
 * services answer 411 otherwise. Never chunked: all our bodies have a length that is known. */
static int make_head(struct attempt *attempt, struct buf *head)
{
    const struct http_call *call = attempt->call;
    int64_t length = call->has_body_fd ? call->body_length : (int64_t)call->body.len;
    bool wants_length = length > 0 || strcmp(call->method, "POST") == 0 ||
                        strcmp(call->method, "PUT") == 0 || strcmp(call->method, "PATCH") == 0;

    assert(attempt->client->host_header[0]);
    if (has_control(call->target) || str_find_char(call->target, ' ') >= 0)
        return error_set(attempt->err, ERROR_INVALID, "", "The address holds a blank or control.");
    buf_printf(head, "%s %.*s HTTP/1.1\r\nHost: %s\r\n", call->method, STR_ARG(call->target),
               attempt->client->host_header);
    for (size_t i = 0; i < call->header_count; i++) {
        const struct http_header *header = &call->headers[i];
        if (has_control(header->name) || has_control(header->value))
            return error_set(attempt->err, ERROR_INVALID, "",
                             "A header holds a control character.");
        buf_printf(head, "%.*s: %.*s\r\n", STR_ARG(header->name), STR_ARG(header->value));
    }
    if (wants_length)
        buf_printf(head, "Content-Length: %lld\r\n", (long long)length);
    buf_add(head, STR("\r\n"));
    return buf_ok(head, attempt->err);
}

/* Head and body leave together when they are small. */
static int send_request(struct attempt *attempt)
{
    const struct http_call *call = attempt->call;
    CLEANUP(buf_free) struct buf head = buf_make(MIB);

    assert(attempt->in.len == 0);
    if (make_head(attempt, &head) < 0)
        return -1;
    if (!call->has_body_fd)
        return send_bytes(attempt, buf_str(&head), call->body);
    if (send_bytes(attempt, buf_str(&head), (struct str){"", 0}) < 0)
        return -1;
    return send_file(attempt);
}

/* --- Receiving ------------------------------------------------------------------------------- */

/* Reads what is there without waiting. */
static int read_more(struct attempt *attempt, bool *out_end)
{
    char *into = buf_reserve(&attempt->in, READ_BYTES);

    assert(into);
    ssize_t n = transport_read(&attempt->client->transport, into, READ_BYTES);
    if (n == TRANSPORT_AGAIN)
        return 0;
    if (n == TRANSPORT_BROKEN)
        return broke(attempt);
    if (n == 0) {
        *out_end = true;
        return 0;
    }
    buf_grew(&attempt->in, (size_t)n);
    attempt->got_byte = true;
    moved(attempt);
    return 0;
}

/* Waits for at least one more byte; *out_end when there will be none. */
static int read_next(struct attempt *attempt, bool *out_end)
{
    size_t before = attempt->in.len;

    for (;;) {
        if (read_more(attempt, out_end) < 0)
            return -1;
        if (*out_end || attempt->in.len > before)
            return 0;
        if (attempt_wait(attempt, POLLIN) < 0)
            return -1;
    }
}

/* What the parser found, with the server's name: the reader must know who talks like this. */
static int no_http(struct attempt *attempt, const char *sentence)
{
    assert(sentence);
    return error_set(attempt->err, ERROR_INVALID, "", "%s answered something that is no HTTP: %s",
                     attempt->client->name, sentence);
}

/* Interim replies are passed over (RFC 9110 section 15.2: any number may come); 101 is final,
 * since nothing we send asks for it. */
static int read_head(struct attempt *attempt)
{
    struct http_refusal why;
    bool end = false;

    assert(!attempt->head.status);
    do {
        size_t scanned = 0;
        ssize_t len;
        while ((len = parser_find_head(buf_str(&attempt->in), &scanned, &why)) == 0) {
            if (read_next(attempt, &end) < 0)
                return -1;
            if (end)
                return broke(attempt);
        }
        if (len < 0)
            return no_http(attempt, why.sentence);
        struct str head =
            arena_str(attempt->arena, str_slice(buf_str(&attempt->in), 0, (size_t)len));
        if (parser_read_response(&attempt->parser, attempt->arena, head, &attempt->head, &why) < 0)
            return no_http(attempt, why.sentence);
        buf_consume(&attempt->in, (size_t)len);
    } while (attempt->head.status < 200 && attempt->head.status != 101);
    return 0;
}

/* Some bytes of the body. */
static int keep_body(void *context, struct str bytes)
{
    struct attempt *attempt = context;
    const struct http_call *call = attempt->call;

    assert(bytes.len > 0);
    if (attempt->streams) {
        attempt->canceled = call->on_body(bytes, call->context) < 0;
        return attempt->canceled ? -1 : 0;
    }
    buf_add(&attempt->body, bytes);
    return attempt->body.failed ? -1 : 0;
}

/* Why use_body could not go on. */
static int body_error(struct attempt *attempt)
{
    assert(attempt->head.status);
    if (attempt->canceled)
        return error_set(attempt->err, ERROR_CANCELED, "", "The call was given up.");
    if (attempt->body.failed)
        return error_set(attempt->err, ERROR_TOO_LARGE, "",
                         "The reply of %s is longer than %zu bytes.", attempt->client->name,
                         attempt->body.cap_bytes);
    return no_http(attempt, "The chunks are not well-formed.");
}

/* Uses what is there. 1: the body is whole, 0 not yet, -1 error. */
static int use_body(struct attempt *attempt)
{
    struct str bytes = buf_str(&attempt->in);
    ssize_t used;

    if (attempt->head.chunked) {
        used = bytes.len ? parser_read_chunks(&attempt->parser, bytes, keep_body, attempt) : 0;
    } else {
        used = (ssize_t)bytes.len;
        if (attempt->body_left >= 0 && attempt->body_left < used)
            used = (ssize_t)attempt->body_left;
        if (used && keep_body(attempt, str_slice(bytes, 0, (size_t)used)) < 0)
            used = -1;
    }
    if (used < 0)
        return body_error(attempt);
    buf_consume(&attempt->in, (size_t)used);
    if (attempt->head.chunked)
        return attempt->parser.ended;
    if (attempt->body_left >= 0)
        attempt->body_left -= used;
    return attempt->body_left == 0;
}

/* Three ways to know the end: a length, the last chunk, the connection's end (RFC 9112 section
 * 6.3). Some replies have none whatever their headers say: 204, 304 and all to HEAD. */
static int read_body(struct attempt *attempt)
{
    const struct http_head *head = &attempt->head;
    bool end = false;

    assert(attempt->head.status >= 101);
    if (head->status == 204 || head->status == 304 || strcmp(attempt->call->method, "HEAD") == 0)
        return 0;
    attempt->body_left = head->content_length;
    attempt->streams = attempt->call->on_body && head->status >= 200 && head->status < 300;
    for (;;) {
        int whole = use_body(attempt);
        if (whole != 0)
            return whole < 0 ? -1 : 0;
        if (end)
            break;
        if (read_next(attempt, &end) < 0)
            return -1;
    }
    /* Without a length the end of the connection is the end of the body. */
    if (!head->chunked && !head->has_length)
        return 0;
    return broke(attempt);
}

/* --- A call ---------------------------------------------------------------------------------- */

/* Connects when there is no connection, sends, and reads the reply. */
static int attempt_run(struct attempt *attempt)
{
    struct http_client *client = attempt->client;

    assert(attempt->err->code == ERROR_NONE);
    moved(attempt);
    if (client->transport.fd < 0 &&
        client_connect(client, attempt->call, attempt->patience_us, attempt->err) < 0)
        return -1;
    int sent = send_request(attempt);
    /* A server may answer and close before it has read a long body. */
    if (sent < 0 && (attempt->err->code != ERROR_UNAVAILABLE || client->fresh == false))
        return -1;
    if (read_head(attempt) < 0 || read_body(attempt) < 0)
        return -1;
    if (attempt->head.close || attempt->in.len || sent < 0)
        transport_close(&client->transport);
    return 0;
}

/* Only before a byte of a reply, and only when the connection had been idle. A POST is repeated,
 * too: a server that closed an idle connection has not read what came afterwards. */
static bool may_repeat(const struct attempt *attempt, const struct error *err, bool was_open)
{
    assert(err->code != ERROR_NONE);
    /* A kept connection that the server closed meanwhile: it cannot have seen the request. */
    return was_open && err->code == ERROR_UNAVAILABLE && !attempt->got_byte;
}

/* At most two rounds: the second on a new connection, whose failure is everybody's to see.
 * Nothing of *out is set before the reply is whole. */
int http_client_send(struct http_client *client, struct arena *arena, const struct http_call *call,
                     struct http_response *out, struct error *err)
{
    size_t limit = call->reply_limit ? call->reply_limit : USUAL_REPLY_BYTES;
    bool was_open = client->transport.fd >= 0;
    struct error why = {0};
    struct attempt attempt;
    int result;

    assert(call->method && call->target.len);
    for (int round = 0;; round++) {
        attempt = (struct attempt){.client = client, .call = call, .arena = arena, .err = &why};
        attempt.in = buf_make(HTTP_HEAD_BYTES + 2 * READ_BYTES);
        attempt.body = buf_make(limit);
        client->fresh = !was_open;
        result = attempt_run(&attempt);
        if (result == 0)
            break;
        transport_close(&client->transport);
        buf_free(&attempt.in);
        if (round > 0 || !may_repeat(&attempt, &why, was_open))
            break;
        buf_free(&attempt.body);
        was_open = false;
        why = (struct error){0};
    }
    if (result == 0) {
        out->status = attempt.head.status;
        out->headers = attempt.head.headers;
        out->header_count = attempt.head.header_count;
        out->body = arena_str(arena, buf_str(&attempt.body));
    } else if (err) {
        *err = why;
    }
    buf_free(&attempt.in);
    buf_free(&attempt.body);
    return result;
}

/* Any case, the first of that name, "" when there is none: callers of few headers need no check. */
struct str http_response_header(const struct http_response *response, const char *name)
{
    const struct http_header *header =
        parser_header(response->headers, response->header_count, str_from(name));
    return header ? header->value : (struct str){"", 0};
}
