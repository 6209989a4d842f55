#include "oauth/world_test.h"

#include "identity/base64url.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void world_run(struct http_exchange *, void *context)
{
    struct call *call = context;

    call->route->run(call);
}

/* Dispatch without its guard, which the rows here hardly need: all but one are public. */
static enum http_verdict world_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct world *w = context;
    struct call *call = arena_make(http_arena(ex), struct call);
    struct str allow;
    struct error err = {0};

    call->ex = ex;
    call->caller = w->caller;
    call->arena = http_arena(ex);
    if (router_match(w->router, call, LISTEN_SOCKET, &allow, &err) < 0) {
        if (call->route)
            call->route->refuse(call, &err);
        else
            http_reply(ex, 404, "text/plain", STR("no row"));
        return HTTP_REPLIED;
    }
    *plan = (struct http_plan){.body_limit = call->route->body_limit,
                               .where = HTTP_ON_WORKER,
                               .run = world_run,
                               .context = call};
    return HTTP_GO;
}

struct str world_secret(struct world *w, int64_t number)
{
    struct secret_wish wish = {.number = number, .actor = STR("admin")};
    struct secret_made made = {0};
    struct error err = {0};

    CHECK_OK(principal_add_secret(w->engines.identity, w->arena, &wish, &made, &err), &err);
    return made.secret;
}

static void add_people(struct world *w)
{
    struct identity *identity = w->engines.identity;
    struct error err = {0};

    CHECK_OK(principal_create(identity, w->arena,
                              &(struct principal_wish){.kind = PRINCIPAL_USER,
                                                       .name = STR("ana@example.org"),
                                                       .actor = STR("admin")},
                              &w->ana, &err),
             &err);
    CHECK_OK(
        principal_set_password(identity, STR("admin"), w->ana.number, STR(WORLD_PASSWORD), &err),
        &err);
    CHECK_OK(principal_create(identity, w->arena,
                              &(struct principal_wish){.kind = PRINCIPAL_SERVICE,
                                                       .name = STR("ci"),
                                                       .actor = STR("admin")},
                              &w->ci, &err),
             &err);
    w->secret = world_secret(w, w->ci.number);
}

struct world *world_open(void)
{
    static const struct str HOSTS[] = {STR_INIT("localhost:10443")};
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    uint16_t port;

    CHECK(w);
    clock_test_set(1790000000LL * US_PER_S);
    w->arena = arena_new(64 * MIB);
    w->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &w->engines.store, &err), &err);
    const struct identity_options options = {.dir = w->dir,
                                             .store = w->engines.store,
                                             .domain = STR("lazurite.test"),
                                             .hosts = HOSTS,
                                             .host_count = COUNT(HOSTS)};
    w->engines.identity = identity_open(&options, NULL, &err);
    CHECK_OK(w->engines.identity ? 0 : -1, &err);
    w->engines.arm_endpoint = STR("https://localhost:10443");
    w->engines.domain = STR("lazurite.test");
    add_people(w);
    w->oauth = oauth_new(&w->engines);
    const struct route_table table = oauth_routes(w->oauth);
    CHECK_OK(router_new(&table, 1, &w->router, &err), &err);
    w->pool = pool_new(2);
    w->app = (struct http_app){.head = world_head, .context = w};
    w->server = http_server_new(w->pool, &w->app, 1, &err);
    unlinkat(w->dir, "oauth.sock", 0);
    const struct http_listener listener = {.unix_path = "oauth.sock", .unix_dir = w->dir};
    CHECK_OK(http_server_listen(w->server, &listener, &port, &err), &err);
    return w;
}

void world_close(struct world **w)
{
    http_server_free(&(*w)->server);
    pool_free(&(*w)->pool);
    router_free(&(*w)->router);
    oauth_free(&(*w)->oauth);
    identity_close(&(*w)->engines.identity);
    store_close(&(*w)->engines.store);
    fd_close(&(*w)->dir);
    arena_free(&(*w)->arena);
    free(*w);
    clock_test_end();
}

struct reply world_send(struct world *w, const struct question *question)
{
    struct str socket = arena_printf(w->arena, "/proc/self/fd/%d/oauth.sock", w->dir);
    CLEANUP(http_client_free)
    struct http_client *client =
        http_client_new(&(struct http_address){.unix_path = socket, .host = STR("localhost")});
    struct http_header headers[2];
    struct http_call call = {.method = question->method,
                             .target = str_from(question->target),
                             .headers = headers,
                             .body = str_from(question->body),
                             .timeout_ms = 20000};
    struct reply reply = {0};
    struct error err = {0};

    if (question->type)
        headers[call.header_count++] =
            (struct http_header){STR("Content-Type"), str_from(question->type)};
    if (question->origin)
        headers[call.header_count++] =
            (struct http_header){STR("Origin"), str_from(question->origin)};
    CHECK_OK(http_client_send(client, w->arena, &call, &reply.response, &err), &err);
    reply.status = reply.response.status;
    reply.text = arena_str(w->arena, reply.response.body);
    reply.body = json_parse(w->arena, reply.text, NULL);
    return reply;
}

struct reply world_post(struct world *w, const char *target, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct str body = arena_vprintf(w->arena, format, args);
    va_end(args);
    return world_send(w, &(struct question){"POST", target, body.ptr, WORLD_FORM, NULL});
}

struct reply world_get(struct world *w, const char *target)
{
    return world_send(w, &(struct question){"GET", target, "", NULL, NULL});
}

struct str world_field(struct world *w, struct str page, const char *name)
{
    struct str mark = arena_printf(w->arena, "name=\"%s\" value=\"", name);
    ssize_t at = str_find(page, mark);
    struct str value, rest;

    if (at < 0 || !str_cut(str_slice(page, (size_t)at + mark.len, page.len), '"', &value, &rest))
        return STR("");
    return arena_str(w->arena, value);
}

struct json *world_claims(struct world *w, struct str token)
{
    struct str head, rest, claims, signature;
    size_t len;

    CHECK(str_cut(token, '.', &head, &rest) && str_cut(rest, '.', &claims, &signature));
    unsigned char *bytes = arena_alloc(w->arena, claims.len + 3);
    CHECK(base64url_decode(claims, bytes, &len));
    struct json *value = json_parse(w->arena, (struct str){(const char *)bytes, len}, NULL);
    CHECK(value);
    return value;
}

void world_check_error(struct reply reply, int status, const char *name)
{
    if (reply.status != status)
        fprintf(stderr, "%.*s\n", STR_ARG(reply.text));
    CHECK_INT(status, reply.status);
    CHECK_STR(name, json_str_at(reply.body, "error"));
    CHECK(json_str_at(reply.body, "error_description").len > 0);
    CHECK(!json_at(reply.body, "access_token"));
    CHECK_STR("no-store", http_response_header(&reply.response, "Cache-Control"));
}
