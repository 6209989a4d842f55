/* Writing a reply: its parts, then pieces of a file or a source as long as the peer takes them.
 *
 * At most one piece is in memory. A file is read without waiting where the page cache has it, by
 * a worker where the disk must be asked. A peer that takes nothing is noticed by its deadline, one
 * that takes everything at once has to let others have their turn.
 */
#include "http/connection_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room in front of a chunk for its size, and behind it for its line end. */
#define CHUNK_HEAD_BYTES 8
#define CHUNK_TAIL_BYTES 2

/* What an attempt to get more of a body gave. */
enum piece { PIECE_ADDED, PIECE_END, PIECE_WAITING, PIECE_BROKEN };

/* Nothing is copied: who adds a part keeps its bytes until it is written. Parts are few: an
 * invitation, a head, a body, a piece. */
void output_add(struct connection *connection, struct str text)
{
    struct output *out = &connection->out;

    if (text.len == 0)
        return;
    assert((size_t)out->count < COUNT(out->parts));
    out->parts[out->count++] = (struct iovec){(void *)text.ptr, text.len};
}

/* The head lies in the loop's buffer until it is written or must wait. */
void output_add_head(struct connection *connection, struct str head)
{
    assert(head.len > 0);
    output_add(connection, head);
    connection->out.lent = connection->out.parts[connection->out.count - 1].iov_base;
}

/* Also in the middle of a reply: its connection was cut. */
void output_free(struct output *out)
{
    free(out->owned);
    *out = (struct output){0};
}

/* After a short write, as writev(2) may make at any byte: whole parts go, the first of the rest is
 * cut. */
static void drop_written(struct output *out, size_t written)
{
    int done = 0;

    while (done < out->count && written >= out->parts[done].iov_len)
        written -= out->parts[done++].iov_len;
    out->count -= done;
    memmove(out->parts, out->parts + done, (size_t)out->count * sizeof(out->parts[0]));
    if (written) {
        assert(out->count > 0);
        out->parts[0].iov_base = (char *)out->parts[0].iov_base + written;
        out->parts[0].iov_len -= written;
    }
}

/* The loop's own buffer is needed for the next head: what did not go is copied. */
static void keep_head(struct connection *connection)
{
    struct output *out = &connection->out;
    const struct buf *head = &connection->loop->head;

    if (!out->lent)
        return;
    out->lent = NULL;
    for (int i = 0; i < out->count; i++) {
        char *at = out->parts[i].iov_base;
        if (at < head->ptr || at >= head->ptr + head->size)
            continue;
        assert(!out->owned);
        out->owned = malloc(out->parts[i].iov_len);
        if (!out->owned)
            abort();
        memcpy(out->owned, at, out->parts[i].iov_len);
        out->parts[i].iov_base = out->owned;
    }
}

/* The peer's window is full. Progress restarts the time it has. */
static enum flush blocked(struct connection *connection, size_t written)
{
    assert(connection->out.count > 0 || written > TURN_BYTES);
    keep_head(connection);
    connection->write_blocked = true;
    if (written || !connection->stall_us)
        connection->stall_us = connection->loop->now_us + HTTP_WRITE_STALL_MS * US_PER_MS;
    return FLUSH_BLOCKED;
}

/* Writes the parts that are there. */
static enum flush write_parts(struct connection *connection, size_t *written)
{
    struct output *out = &connection->out;

    assert(*written < SIZE_MAX / 2);
    while (out->count) {
        ssize_t n = transport_write(&connection->transport, out->parts, out->count);
        if (n == TRANSPORT_AGAIN)
            return blocked(connection, *written);
        if (n < 0)
            return FLUSH_BROKEN;
        drop_written(out, (size_t)n);
        *written += (size_t)n;
    }
    free(out->owned);
    out->owned = NULL;
    out->lent = NULL;
    connection->stall_us = 0;
    return FLUSH_DONE;
}

/* --- Files ----------------------------------------------------------------------------------- */

/* Never more than what was promised, whatever the file has become. */
static size_t file_piece(const struct http_exchange *ex)
{
    int64_t left = ex->reply.length;

    assert(left >= 0);
    if (ex->reply.kind == REPLY_FILE && ex->reply.part_length < left)
        left = ex->reply.part_length;
    return left < (int64_t)WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
}

/* On a worker. The window is the task's until the event is read. */
static void read_task(struct pool_task *task)
{
    struct http_exchange *ex = CONTAINER_OF(task, struct http_exchange, file_task);
    ssize_t n;

    assert(ex->file_reading && ex->window);
    do
        n = pread(ex->reply.fd, ex->window, file_piece(ex), ex->reply.offset);
    while (n < 0 && errno == EINTR);
    ex->window_len = n > 0 ? n : -1;
    loop_post(ex, EVENT_FILE);
    exchange_release(ex);
}

/* What the page cache has is taken here; for the rest a worker waits for the disk. */
static ssize_t file_pull(struct http_exchange *ex)
{
    struct iovec into = {ex->window, file_piece(ex)};
    ssize_t n = ex->window_len;

    assert(ex->reply.fd >= 0);
    if (ex->file_reading)
        return HTTP_SOURCE_WAIT;
    ex->window_len = 0;
    if (n != 0)
        return n;
    n = preadv2(ex->reply.fd, &into, 1, ex->reply.offset, RWF_NOWAIT);
    if (n > 0)
        return n;
    if (n == 0)
        return -1; /* it became shorter */
    ex->file_reading = true;
    ex->file_task.run = read_task;
    exchange_hold(ex);
    pool_run(ex->loop->server->pool, &ex->file_task);
    return HTTP_SOURCE_WAIT;
}

/* The next file, when the bytes of one are sent. False when there is none where one must be. */
static bool next_file(struct http_exchange *ex)
{
    struct reply *reply = &ex->reply;
    struct http_part part;

    while (reply->part_length == 0) {
        if (!reply->parts || reply->parts->next(reply->parts, &part) < 0)
            return false;
        assert(part.fd >= 0 && part.offset >= 0 && part.length >= 0);
        if (reply->fd >= 0)
            close(reply->fd);
        reply->fd = part.fd;
        reply->offset = part.offset;
        reply->part_length = part.length < reply->length ? part.length : reply->length;
    }
    return true;
}

/* A file that became shorter cuts the connection: the length was told. */
static enum piece next_of_file(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;

    assert(ex->reply.kind == REPLY_FILE);
    if (ex->reply.length == 0)
        return PIECE_END;
    if (!next_file(ex))
        return PIECE_BROKEN;
    ssize_t n = file_pull(ex);
    if (n == HTTP_SOURCE_WAIT)
        return PIECE_WAITING;
    if (n < 0)
        return PIECE_BROKEN;
    ex->reply.offset += n;
    ex->reply.length -= n;
    ex->reply.part_length -= n;
    output_add(connection, (struct str){ex->window, (size_t)n});
    return PIECE_ADDED;
}

/* --- Sources --------------------------------------------------------------------------------- */

/* No more is read; what was read is still on its way. */
static void end_source(struct http_exchange *ex)
{
    struct http_source *source = ex->reply.source;

    assert(source);
    ex->reply.source = NULL;
    ex->reply.kind = REPLY_WHOLE;
    source->close(source);
}

/* A source must give the length it promised. */
static enum piece next_of_known(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    size_t size = file_piece(ex);

    if (ex->reply.length == 0) {
        end_source(ex);
        return PIECE_END;
    }
    ssize_t n = ex->reply.source->read(ex->reply.source, ex->window, size);
    if (n == HTTP_SOURCE_WAIT)
        return PIECE_WAITING;
    if (n <= 0)
        return PIECE_BROKEN;
    assert((size_t)n <= size);
    ex->reply.length -= n;
    output_add(connection, (struct str){ex->window, (size_t)n});
    return PIECE_ADDED;
}

/* The size is written in front of the bytes, where room was left for it. */
static enum piece next_of_chunked(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    char *bytes = ex->window + CHUNK_HEAD_BYTES, size_line[CHUNK_HEAD_BYTES + 1];
    size_t size = WINDOW_BYTES - CHUNK_HEAD_BYTES - CHUNK_TAIL_BYTES;
    ssize_t n = ex->reply.source->read(ex->reply.source, bytes, size);

    /* What waits without a known end could outlast any stop; its reader asks the next server. */
    if (n == HTTP_SOURCE_WAIT)
        return connection->loop->stopping ? PIECE_BROKEN : PIECE_WAITING;
    if (n < 0)
        return PIECE_BROKEN;
    if (n == 0) {
        end_source(ex);
        output_add(connection, STR("0\r\n\r\n"));
        return PIECE_ADDED;
    }
    assert((size_t)n <= size);
    int head = snprintf(size_line, sizeof(size_line), "%zx\r\n", (size_t)n);
    memcpy(bytes - head, size_line, (size_t)head);
    memcpy(bytes + n, "\r\n", 2);
    output_add(connection, (struct str){bytes - head, (size_t)(head + n + 2)});
    return PIECE_ADDED;
}

/* Whole replies have no further piece. */
static enum piece next_piece(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;

    assert(!ex->window_busy);
    if (ex->reply.kind != REPLY_FILE && ex->reply.kind != REPLY_SOURCE)
        return PIECE_END;
    if (!ex->window && !(ex->window = malloc(WINDOW_BYTES)))
        abort();
    if (ex->reply.kind == REPLY_FILE)
        return next_of_file(connection);
    return ex->reply.length < 0 ? next_of_chunked(connection) : next_of_known(connection);
}

/* The first piece is pulled before the head is written, so that a short reply is one packet. */
enum flush output_flush(struct connection *connection)
{
    struct http_exchange *ex = connection->ex;
    size_t written = 0;

    for (;;) {
        enum piece piece = PIECE_END;
        if (ex && ex->replied && !ex->window_busy)
            piece = next_piece(connection);
        if (piece == PIECE_BROKEN)
            return FLUSH_BROKEN;
        if (ex)
            ex->window_busy = ex->window_busy || piece == PIECE_ADDED;
        enum flush end = write_parts(connection, &written);
        if (end != FLUSH_DONE)
            return end;
        if (piece == PIECE_WAITING)
            return FLUSH_WAITING;
        if (!ex || !ex->window_busy)
            return FLUSH_DONE;
        ex->window_busy = false;
        if (written > TURN_BYTES)
            return blocked(connection, written);
    }
}
