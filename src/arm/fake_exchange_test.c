#include "arm/fake_exchange.h"

#include "base/test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 24
#define WAIT_MS 10000 /* for a reply that comes from a completion */

struct http_exchange {
    struct arena *arena;
    struct str method, target, body;
    struct http_header headers[HEADERS_MAX], replied[HEADERS_MAX];
    size_t header_count, replied_count;
    struct http_peer peer;
    void *context;
    atomic_bool done; /* set last: hot calls reply from the writer's thread */
    int status;
    struct str reply;
    int64_t length;
};

struct fake {
    struct arena *arena; /* of the last exchange */
    struct router *router;
    struct caller caller;
    struct http_header headers[HEADERS_MAX];
    size_t header_count;
    enum route_listener listener;
    struct http_exchange *last;
};

struct fake *fake_new(const struct route_table *tables, size_t count)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    struct error err = {0};

    assert_non_null(fake);
    CHECK_OK(router_new(tables, count, &fake->router, &err), &err);
    fake->listener = LISTEN_TLS;
    fake->caller = (struct caller){.kind = CALLER_ADMIN, .name = STR("admin")};
    fake_header(fake, "Host", "localhost:10443");
    return fake;
}

void fake_free(struct fake **fake)
{
    if (!*fake)
        return;
    router_free(&(*fake)->router);
    arena_free(&(*fake)->arena);
    free(*fake);
    *fake = NULL;
}

void fake_caller(struct fake *fake, const struct caller *caller)
{
    fake->caller = *caller;
}

void fake_header(struct fake *fake, const char *name, const char *value)
{
    size_t at = 0;

    while (at < fake->header_count && !str_eq_fold(fake->headers[at].name, str_from(name)))
        at++;
    assert_true(at < HEADERS_MAX - 4);
    if (!value && at < fake->header_count)
        fake->headers[at] = fake->headers[--fake->header_count];
    if (!value)
        return;
    fake->headers[at] = (struct http_header){str_from(name), str_from(value)};
    if (at == fake->header_count)
        fake->header_count++;
}

void fake_listener(struct fake *fake, enum route_listener listener)
{
    fake->listener = listener;
}

static void run_stream(struct call *call, struct str body)
{
    struct error err = {0};

    call->sink = call->route->open(call, &err);
    if (!call->sink) {
        call->route->refuse(call, &err);
        return;
    }
    /* In two pieces, as a network would give it. */
    struct str first = str_slice(body, 0, body.len / 2),
               second = str_slice(body, body.len / 2, body.len);
    if ((first.len && call->sink->write(call->sink, first, &err) < 0) ||
        (second.len && call->sink->write(call->sink, second, &err) < 0)) {
        call->sink->abandon(call->sink);
        call->route->refuse(call, &err);
        return;
    }
    call->route->run(call);
}

struct fake_reply fake_send(struct fake *fake, const char *method, const char *target,
                            struct str body)
{
    struct error err = {0};
    struct str allow = {0};

    arena_free(&fake->arena);
    fake->arena = arena_new(64 * MIB);
    struct http_exchange *ex = arena_make(fake->arena, struct http_exchange);
    struct call call = {.ex = ex, .arena = fake->arena, .caller = fake->caller};
    ex->arena = fake->arena;
    ex->method = arena_str(fake->arena, str_from(method));
    ex->target = arena_str(fake->arena, str_from(target));
    ex->body = arena_str(fake->arena, body);
    ex->header_count = fake->header_count;
    memcpy(ex->headers, fake->headers, sizeof(fake->headers));
    ex->peer.tls = fake->listener == LISTEN_TLS;
    ex->peer.unix_socket = fake->listener == LISTEN_SOCKET;
    fake->last = ex;
    if (router_match(fake->router, &call, fake->listener, &allow, &err) < 0) {
        CHECK(call.route);
        call.route->refuse(&call, &err);
    } else if (call.route->flags & ROUTE_STREAM_IN) {
        run_stream(&call, ex->body);
    } else {
        call.route->run(&call);
    }
    for (int ms = 0; !ex->done && ms < WAIT_MS; ms++)
        usleep(1000);
    CHECK(ex->done);
    struct fake_reply reply = {.status = ex->status, .body = ex->reply, .length = ex->length};
    if (reply.body.len && reply.body.ptr[0] == '{')
        reply.json = json_parse(fake->arena, reply.body, NULL);
    return reply;
}

struct fake_reply fake_json(struct fake *fake, const char *method, const char *target,
                            const char *body)
{
    fake_header(fake, "Content-Type", "application/json");
    struct fake_reply reply = fake_send(fake, method, target, str_from(body));
    fake_header(fake, "Content-Type", NULL);
    return reply;
}

static struct str among(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_fold(headers[i].name, str_from(name)))
            return headers[i].value;
    return STR("");
}

struct str fake_reply_header(struct fake *fake, const char *name)
{
    return among(fake->last->replied, fake->last->replied_count, name);
}

/* --- What http/server.h promises ------------------------------------------------------------- */

struct str http_method(const struct http_exchange *ex)
{
    return ex->method;
}

struct str http_target(const struct http_exchange *ex)
{
    return ex->target;
}

struct str http_path(const struct http_exchange *ex)
{
    ssize_t at = str_find_char(ex->target, '?');

    return at < 0 ? ex->target : str_slice(ex->target, 0, (size_t)at);
}

struct str http_query(const struct http_exchange *ex)
{
    ssize_t at = str_find_char(ex->target, '?');

    return at < 0 ? STR("") : str_slice(ex->target, (size_t)at + 1, ex->target.len);
}

struct str http_header(const struct http_exchange *ex, const char *name)
{
    return among(ex->headers, ex->header_count, name);
}

bool http_has_header(const struct http_exchange *ex, const char *name)
{
    return http_header(ex, name).len > 0;
}

const struct http_header *http_headers(const struct http_exchange *ex, size_t *out_count)
{
    *out_count = ex->header_count;
    return ex->headers;
}

struct str http_body(const struct http_exchange *ex)
{
    return ex->body;
}

int64_t http_content_length(const struct http_exchange *ex)
{
    return (int64_t)ex->body.len;
}

struct arena *http_arena(struct http_exchange *ex)
{
    return ex->arena;
}

const struct http_peer *http_peer(const struct http_exchange *ex)
{
    return &ex->peer;
}

void http_set_context(struct http_exchange *ex, void *context)
{
    ex->context = context;
}

void *http_get_context(const struct http_exchange *ex)
{
    return ex->context;
}

void http_add_header(struct http_exchange *ex, const char *name, struct str value)
{
    assert_true(ex->replied_count < HEADERS_MAX && !ex->done);
    ex->replied[ex->replied_count++] =
        (struct http_header){str_from(name), arena_str(ex->arena, value)};
}

void http_reply(struct http_exchange *ex, int status, const char *, struct str body)
{
    CHECK(!ex->done);
    ex->status = status;
    ex->reply = body;
    if (ex->length == 0)
        ex->length = (int64_t)body.len;
    ex->done = true;
}

void http_reply_file(struct http_exchange *ex, int status, const char *type,
                     const struct http_part *part)
{
    char *bytes = arena_alloc(ex->arena, (size_t)part->length + 1);

    CHECK_INT(part->length, pread(part->fd, bytes, (size_t)part->length, part->offset));
    close(part->fd);
    http_reply(ex, status, type, (struct str){bytes, (size_t)part->length});
}

void http_reply_parts(struct http_exchange *ex, int status, const char *type, int64_t length,
                      struct http_parts *parts)
{
    char *bytes = arena_alloc(ex->arena, (size_t)length + 1);
    struct http_part part;

    for (int64_t done = 0; done < length; done += part.length) {
        CHECK_INT(0, parts->next(parts, &part));
        if (part.length > length - done)
            part.length = length - done;
        CHECK_INT(part.length, pread(part.fd, bytes + done, (size_t)part.length, part.offset));
        close(part.fd);
    }
    parts->close(parts);
    http_reply(ex, status, type, (struct str){bytes, (size_t)length});
}

void http_reply_source(struct http_exchange *ex, int status, const char *type, int64_t length,
                       struct http_source *source)
{
    char *bytes = arena_alloc(ex->arena, MIB);
    size_t used = 0;
    ssize_t got;

    /* Until its end, or until it would wait for something to happen. */
    while (used < MIB && (got = source->read(source, bytes + used, MIB - used)) > 0)
        used += (size_t)got;
    CHECK(used == MIB || got == 0 || got == HTTP_SOURCE_WAIT);
    source->close(source);
    ex->length = length;
    http_reply(ex, status, type, (struct str){bytes, used});
}

void http_wake(struct http_exchange *ex)
{
    CHECK(ex);
}

void http_tunnel(struct http_exchange *ex, int fd, struct str)
{
    close(fd);
    CHECK(!ex);
}
