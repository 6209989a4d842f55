/* A request and its reply: how long they live, and what a handler can ask of them.
 *
 * The layer holds an exchange until its reply was sent or its peer has gone; a worker holds it
 * while it runs; a handler that has not replied is owed to (`awaits`). Whoever lets go last
 * frees it, on the loop, where its memory waits for the next request.
 */
#include "http/connection_private.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Kept for reuse by a loop: about a burst, so that peaks do not stay in memory for ever. */
#define SPARE_MAX 64

/* One that was used before has its arena's first memory still, so that a usual request asks for
 * none. */
struct http_exchange *exchange_new(struct loop *loop, struct connection *connection)
{
    struct http_exchange *ex = loop->spare;
    struct arena *arena;

    assert(connection->loop == loop && !connection->ex);
    if (ex) {
        loop->spare = ex->next;
        loop->spare_count--;
        arena = ex->arena;
    } else {
        ex = malloc(sizeof(*ex));
        if (!ex)
            abort();
        arena = arena_new(HTTP_ARENA_BYTES);
    }
    *ex = (struct http_exchange){.loop = loop, .connection = connection, .arena = arena};
    ex->peer = connection->peer;
    ex->body_bytes = buf_make(HTTP_BODY_WHOLE_BYTES);
    ex->reply.fd = -1;
    ex->reply.last_header = &ex->reply.headers;
    atomic_init(&ex->holds, 1);
    loop->exchange_count++;
    return ex;
}

/* Its memory is what a request may have grown: large pieces go, the rest is kept for the next. */
void exchange_free(struct http_exchange *ex)
{
    struct loop *loop = ex->loop;

    assert(!ex->connection && atomic_load(&ex->holds) == 0);
    if (ex->reply.fd >= 0)
        close(ex->reply.fd);
    if (ex->reply.parts)
        ex->reply.parts->close(ex->reply.parts);
    sink_free(ex);
    free(ex->window);
    buf_free(&ex->body_bytes);
    assert(loop->exchange_count > 0);
    loop->exchange_count--;
    if (loop->spare_count < SPARE_MAX) {
        arena_reset(ex->arena);
        ex->next = loop->spare;
        loop->spare = ex;
        loop->spare_count++;
    } else {
        arena_free(&ex->arena);
        free(ex);
    }
}

/* At the end of the loop. */
void exchange_free_spares(struct loop *loop)
{
    assert(loop->exchange_count == 0);
    while (loop->spare) {
        struct http_exchange *ex = loop->spare;
        loop->spare = ex->next;
        arena_free(&ex->arena);
        free(ex);
    }
    loop->spare_count = 0;
}

/* Only who has a hold, or is called by one, may take another. */
void exchange_hold(struct http_exchange *ex)
{
    unsigned before = atomic_fetch_add(&ex->holds, 1);
    assert(before > 0);
    (void)before;
}

/* Freeing waits for events that were posted but not read: the mail still points here. They are
 * read with EVENT_RELEASE, which loop.c turns into another call of this. */
void exchange_release(struct http_exchange *ex)
{
    struct loop *loop = ex->loop;
    unsigned before = atomic_fetch_sub(&ex->holds, 1);

    assert(before > 0);
    if (before > 1)
        return;
    if (!loop_is_current(loop) || atomic_load(&ex->events)) {
        loop_post(ex, EVENT_RELEASE);
        return;
    }
    exchange_free(ex);
}

/* Twice is fine: a cut connection and a late event may both ask for it. */
void exchange_finish(struct http_exchange *ex)
{
    assert(loop_is_current(ex->loop));
    if (ex->finished)
        return;
    ex->finished = true;
    ex->connection = NULL;
    if (ex->forward)
        forward_end(ex);
    /* Before the loop knows of it, the reply is still its maker's. */
    if (ex->replied && ex->reply.source) {
        struct http_source *source = ex->reply.source;
        ex->reply.source = NULL;
        source->close(source);
    }
    if (ex->sink)
        sink_abandon(ex);
    /* A handler that still owes its reply finds the exchange until it has given it. */
    if (!ex->awaits)
        exchange_release(ex);
}

/* --- What handlers ask ----------------------------------------------------------------------- */

/* Set once by the parser; handlers only read. */
struct str http_method(const struct http_exchange *ex)
{
    assert(ex->head.method.ptr);
    return ex->head.method;
}

/* As it came: for logs, and for what must be signed byte by byte. */
struct str http_target(const struct http_exchange *ex)
{
    return ex->head.target;
}

/* Decoded by nobody yet: the router does it, piece by piece, so that an escaped slash stays in its
 * piece. */
struct str http_path(const struct http_exchange *ex)
{
    return ex->head.path;
}

/* Without the question mark, not decoded. */
struct str http_query(const struct http_exchange *ex)
{
    return ex->head.query;
}

/* Few headers, short names: looking through them is quicker than a table. */
struct str http_header(const struct http_exchange *ex, const char *name)
{
    assert(name);
    const struct http_header *header =
        parser_header(ex->head.headers, ex->head.header_count, str_from(name));
    return header ? header->value : (struct str){"", 0};
}

/* An empty header is there, too. */
bool http_has_header(const struct http_exchange *ex, const char *name)
{
    assert(name);
    return parser_header(ex->head.headers, ex->head.header_count, str_from(name)) != NULL;
}

/* In the order they came, a name twice when it was sent twice. */
const struct http_header *http_headers(const struct http_exchange *ex, size_t *out_count)
{
    assert(out_count);
    *out_count = ex->head.header_count;
    return ex->head.headers;
}

/* Whole, or empty when a sink took it. */
struct str http_body(const struct http_exchange *ex)
{
    return ex->body;
}

/* -1 when the body is chunked: then its size is known at its end. */
int64_t http_content_length(const struct http_exchange *ex)
{
    return ex->head.content_length;
}

/* Lives until the reply is sent: bodies of replies may lie in it. */
struct arena *http_arena(struct http_exchange *ex)
{
    return ex->arena;
}

/* Who connected, not what a header says: limits and logs count by it. */
const struct http_peer *http_peer(const struct http_exchange *ex)
{
    return &ex->peer;
}

/* One for each exchange, for the dispatcher; handlers get theirs handed. */
void http_set_context(struct http_exchange *ex, void *context)
{
    ex->user = context;
}

/* What http_set_context put there; NULL before. */
void *http_get_context(const struct http_exchange *ex)
{
    return ex->user;
}

/* The loop reads the plan with the event that is posted here. */
void http_proceed(struct http_exchange *ex, const struct http_plan *plan)
{
    assert(plan->run);
    ex->plan = *plan;
    loop_post(ex, EVENT_PROCEED);
}
