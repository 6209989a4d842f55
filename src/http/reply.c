/* What handlers say: headers and one of four kinds of reply, from any thread.
 *
 * A reply is only noted here. The loop writes it: at once when it is the loop that called the
 * handler, else when the mail arrives.
 */
#include "http/connection_private.h"
#include "http/text.h"

#include <assert.h>
#include <string.h>

/* In the exchange's arena, in the order they were added. */
struct reply_header {
    struct reply_header *next;
    struct str name, value;
};

/* A control character in a header would end it, or the reply. It can only come from text that
 * somebody else chose, so it becomes a blank. */
static struct str header_text(struct arena *arena, struct str text)
{
    struct str copy = arena_str(arena, text);
    char *bytes = (char *)copy.ptr;

    assert(arena);
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
            bytes[i] = ' ';
    return copy;
}

/* In the arena, which is the handler's as long as it has not replied. */
void http_add_header(struct http_exchange *ex, const char *name, struct str value)
{
    struct reply_header *header = arena_make(ex->arena, struct reply_header);

    assert(!atomic_load(&ex->reply_called));
    header->name = header_text(ex->arena, str_from(name));
    header->value = header_text(ex->arena, value);
    *ex->reply.last_header = header;
    ex->reply.last_header = &header->next;
}

/* Says that the reply is there: at once when the loop itself is calling, else by mail. */
static void reply_given(struct http_exchange *ex, enum reply_kind kind, int status)
{
    bool before = atomic_exchange(&ex->reply_called, true);

    assert(!before);
    (void)before;
    assert(status >= 100 && status <= 599);
    ex->reply.kind = kind;
    ex->reply.status = status;
    if (loop_is_current(ex->loop) && ex->calling)
        ex->replied = true;
    else
        loop_post(ex, EVENT_REPLY);
}

/* Nothing is copied: the body lives as long as the exchange. */
void http_reply(struct http_exchange *ex, int status, const char *content_type, struct str body)
{
    assert(status != 101);
    ex->reply.content_type = content_type;
    ex->reply.body = body;
    ex->reply.length = (int64_t)body.len;
    reply_given(ex, REPLY_WHOLE, status);
}

/* The descriptor is closed with the exchange, also when nobody reads the reply. */
void http_reply_file(struct http_exchange *ex, int status, const char *content_type,
                     const struct http_part *part)
{
    assert(part->fd >= 0 && part->offset >= 0 && part->length >= 0);
    ex->reply.content_type = content_type;
    ex->reply.fd = part->fd;
    ex->reply.offset = part->offset;
    ex->reply.length = ex->reply.part_length = part->length;
    reply_given(ex, REPLY_FILE, status);
}

/* The first file is opened when the loop comes to write it. */
void http_reply_parts(struct http_exchange *ex, int status, const char *content_type,
                      int64_t length, struct http_parts *parts)
{
    assert(parts && length >= 0);
    ex->reply.content_type = content_type;
    ex->reply.parts = parts;
    ex->reply.length = length;
    reply_given(ex, REPLY_FILE, status);
}

/* The source is closed by the loop, also when nobody reads the reply. */
void http_reply_source(struct http_exchange *ex, int status, const char *content_type,
                       int64_t length, struct http_source *source)
{
    assert(source && length >= -1);
    ex->reply.content_type = content_type;
    ex->reply.source = source;
    ex->reply.length = length;
    reply_given(ex, REPLY_SOURCE, status);
}

/* From any thread, and as often as one likes: wakes of one exchange fold into one event. */
void http_wake(struct http_exchange *ex)
{
    loop_post(ex, EVENT_WAKE);
}

/* The status is in the head that the caller made. */
void http_tunnel(struct http_exchange *ex, int fd, struct str head)
{
    assert(fd >= 0);
    ex->reply.fd = fd;
    ex->reply.body = head;
    reply_given(ex, REPLY_TUNNEL, 101);
}

/* One header of a reply. */
static void add_line(struct buf *head, struct str name, struct str value)
{
    assert(name.len > 0);
    buf_add(head, name);
    buf_add(head, STR(": "));
    buf_add(head, value);
    buf_add(head, STR("\r\n"));
}

/* By hand: printf costs more than the rest of the head (bench/http). */
static void add_number(struct buf *head, struct str name, int64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    assert(number >= 0);
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    add_line(head, name, (struct str){digits + at, sizeof(digits) - at});
}

/* Into the loop's buffer, since nearly every head is written at once. Date is demanded by RFC 9110
 * section 6.6.1, Content-Length is left out where 8.6 forbids it; no Server header: which software
 * this is helps only who looks for its holes. */
static void make_head(struct connection *connection, struct buf *head)
{
    struct loop *loop = connection->loop;
    const struct reply *reply = &connection->ex->reply;
    char status[16] = "HTTP/1.1 000 ";
    bool bodiless = reply->status == 204 || reply->status == 304 || reply->status < 200;

    status[9] = (char)('0' + reply->status / 100);
    status[10] = (char)('0' + reply->status / 10 % 10);
    status[11] = (char)('0' + reply->status % 10);
    buf_clear(head);
    buf_add(head, (struct str){status, 13});
    buf_add(head, str_from(http_reason(reply->status)));
    buf_add(head, STR("\r\n"));
    add_line(head, STR("Date"), loop_date(loop));
    if (reply->content_type && !bodiless)
        add_line(head, STR("Content-Type"), str_from(reply->content_type));
    for (const struct reply_header *header = reply->headers; header; header = header->next)
        add_line(head, header->name, header->value);
    if (reply->length < 0 && !bodiless)
        buf_add(head, STR("Transfer-Encoding: chunked\r\n"));
    else if (!bodiless)
        add_number(head, STR("Content-Length"), reply->length);
    if (connection->close_after || loop->stopping)
        buf_add(head, STR("Connection: close\r\n"));
    buf_add(head, STR("\r\n"));
    assert(!head->failed);
}

/* No body follows: to HEAD, and with statuses that have none. The length in the head stays what GET
 * would have given (RFC 9110 section 9.3.2). */
static void drop_body(struct reply *reply)
{
    assert(reply->kind != REPLY_TUNNEL);
    reply->body = (struct str){"", 0};
    if (reply->source) {
        struct http_source *source = reply->source;
        reply->source = NULL;
        source->close(source);
    }
    reply->kind = REPLY_WHOLE;
}

/* The handler may still run, so nothing of the arena is touched here. */
void reply_start(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    struct reply *reply = &ex->reply;

    assert(ex->replied);
    connection->state = CONNECTION_RUNNING;
    if (connection->loop->stopping)
        connection->close_after = true;
    if (reply->kind == REPLY_TUNNEL) {
        output_add(connection, reply->body);
        return;
    }
    make_head(connection, &connection->loop->head);
    output_add_head(connection, buf_str(&connection->loop->head));
    if (str_eq(ex->head.method, STR("HEAD")) || reply->status == 204 || reply->status == 304)
        drop_body(reply);
    else
        output_add(connection, reply->body);
}
