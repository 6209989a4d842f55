/* The token service over real listeners: in the words of OAuth, open only where it is public. */
#include "oauth/oauth.h"

#include "base/test.h"
#include "http/client.h"
#include "identity/identity.h"
#include "os/file.h"

#include <stdlib.h>
#include <unistd.h>

struct world {
    struct arena *arena;
    struct engines engines;
    struct router *router;
    struct pool *pool;
    struct http_server *server;
    struct http_app app;
    int dir;
};

static void world_run(struct http_exchange *, void *context)
{
    struct call *call = context;

    call->route->run(call);
}

/* Dispatch without its guard: every row here is public, which one test makes sure of. */
static enum http_verdict world_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct world *w = context;
    struct call *call = arena_make(http_arena(ex), struct call);
    struct str allow;
    struct error err = {0};

    call->ex = ex;
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

static struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    uint16_t port;

    CHECK(w);
    w->arena = arena_new(16 * MIB);
    w->dir = dir_open(test_folder(), &err);
    const struct identity_options options = {.dir = w->dir, .domain = STR("lazurite.test")};
    w->engines.identity = identity_open(&options, NULL, &err);
    CHECK_OK(w->engines.identity ? 0 : -1, &err);
    w->engines.arm_endpoint = STR("https://localhost:10443");
    w->engines.domain = STR("lazurite.test");
    const struct route_table table = oauth_routes(&w->engines);
    CHECK_OK(router_new(&table, 1, &w->router, &err), &err);
    w->pool = pool_new(2);
    w->app = (struct http_app){.head = world_head, .context = w};
    w->server = http_server_new(w->pool, &w->app, 1, &err);
    unlinkat(w->dir, "oauth.sock", 0);
    const struct http_listener listener = {.unix_path = "oauth.sock", .unix_dir = w->dir};
    CHECK_OK(http_server_listen(w->server, &listener, &port, &err), &err);
    return w;
}

static void world_close(struct world **w)
{
    http_server_free(&(*w)->server);
    pool_free(&(*w)->pool);
    router_free(&(*w)->router);
    identity_close(&(*w)->engines.identity);
    fd_close(&(*w)->dir);
    arena_free(&(*w)->arena);
    free(*w);
}

/* Asks; *out is the body as JSON. */
static int ask(struct world *w, const char *method, const char *target, const char *body,
               struct json **out)
{
    struct str socket = arena_printf(w->arena, "/proc/self/fd/%d/oauth.sock", w->dir);
    CLEANUP(http_client_free)
    struct http_client *client =
        http_client_new(&(struct http_address){.unix_path = socket, .host = STR("localhost")});
    const struct http_call call = {
        .method = method, .target = str_from(target), .body = str_from(body), .timeout_ms = 10000};
    struct http_response reply;
    struct error err = {0};

    CHECK_OK(http_client_send(client, w->arena, &call, &reply, &err), &err);
    *out = json_parse(w->arena, arena_str(w->arena, reply.body), &err);
    CHECK_OK(*out ? 0 : -1, &err);
    return reply.status;
}

TEST(the_configuration_names_our_addresses_for_our_tenant)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str tenant = identity_tenant(w->engines.identity);
    struct str target =
        arena_printf(w->arena, "/%.*s/v2.0/.well-known/openid-configuration", STR_ARG(tenant));
    struct json *body;

    CHECK_INT(200, ask(w, "GET", target.ptr, "", &body));
    CHECK(str_eq(arena_printf(w->arena, "https://localhost:10443/%.*s/v2.0", STR_ARG(tenant)),
                 json_str_at(body, "issuer")));
    CHECK(str_eq(
        arena_printf(w->arena, "https://localhost:10443/%.*s/oauth2/v2.0/token", STR_ARG(tenant)),
        json_str_at(body, "token_endpoint")));
    CHECK(json_str_at(body, "authorization_endpoint").len > 0);
    CHECK(json_str_at(body, "device_authorization_endpoint").len > 0);
    CHECK_STR("RS256", json_str_at(body, "id_token_signing_alg_values_supported[0]"));
}

TEST(adfs_is_another_name_of_the_tenant_whose_issuer_stays_one)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body, *other;

    CHECK_INT(200, ask(w, "GET", "/adfs/.well-known/openid-configuration", "", &body));
    CHECK_STR("https://localhost:10443/adfs/discovery/v2.0/keys", json_str_at(body, "jwks_uri"));
    CHECK_INT(200, ask(w, "GET", "/ADFS/v2.0/.well-known/openid-configuration", "", &other));
    CHECK(str_eq(json_str_at(body, "issuer"), json_str_at(other, "issuer")));
}

TEST(another_tenant_is_not_there_and_no_hint_of_ours_is_given)
{
    static const char *const TARGETS[] = {"/common/v2.0/.well-known/openid-configuration",
                                          "/organizations/.well-known/openid-configuration",
                                          "/%20/discovery/v2.0/keys"};
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body;

    for (size_t i = 0; i < COUNT(TARGETS); i++) {
        CHECK_INT(404, ask(w, "GET", TARGETS[i], "", &body));
        CHECK_STR("invalid_request", json_str_at(body, "error"));
        CHECK_STR("There is no tenant of this name.", json_str_at(body, "error_description"));
    }
}

TEST(the_keys_are_public_halves_that_verify)
{
    static const char *const PRIVATE[] = {"d", "p", "q", "dp", "dq", "qi"};
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body;

    CHECK_INT(200, ask(w, "GET", "/adfs/discovery/v2.0/keys", "", &body));
    struct json_iter it = json_iter(json_at(body, "keys"));
    CHECK(json_count(json_at(body, "keys")) > 0);
    while (json_next(&it)) {
        CHECK_STR("RSA", json_str_at(it.value, "kty"));
        CHECK(json_str_at(it.value, "kid").len > 0);
        CHECK(json_str_at(it.value, "n").len >= 342); /* 2048 bits in base64url */
        for (size_t i = 0; i < COUNT(PRIVATE); i++)
            CHECK(!json_at(it.value, PRIVATE[i]));
    }
}

TEST(no_way_gives_a_token_yet_and_all_say_so_in_oauths_form)
{
    static const struct {
        const char *method, *target, *body;
    } WAYS[] = {
        {"POST", "/adfs/oauth2/v2.0/token", "grant_type=client_credentials&client_secret=x"},
        {"POST", "/adfs/oauth2/v2.0/token", "grant_type=password&username=a&password=b"},
        {"POST", "/adfs/oauth2/v2.0/token", ""},
        {"POST", "/adfs/oauth2/token", "resource=x"},
        {"POST", "/adfs/oauth2/v2.0/devicecode", "client_id=x"},
        {"GET", "/adfs/oauth2/v2.0/authorize", ""},
    };
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body;

    for (size_t i = 0; i < COUNT(WAYS); i++) {
        CHECK_INT(501, ask(w, WAYS[i].method, WAYS[i].target, WAYS[i].body, &body));
        CHECK_STR("unsupported_grant_type", json_str_at(body, "error"));
        CHECK(json_str_at(body, "error_description").len > 0);
        CHECK(!json_at(body, "access_token"));
    }
}

TEST(a_wrong_method_is_refused_in_oauths_form)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body;

    CHECK_INT(405, ask(w, "GET", "/adfs/oauth2/v2.0/token", "", &body));
    CHECK_STR("invalid_request", json_str_at(body, "error"));
}

TEST(every_row_is_public_on_purpose_and_takes_no_more_than_a_form)
{
    struct engines engines = {0};
    const struct route_table table = oauth_routes(&engines);

    CHECK(table.count > 0 && table.face == &engines);
    for (size_t i = 0; i < table.count; i++) {
        CHECK_INT(PERMIT_PUBLIC, table.rows[i].permit);
        CHECK(table.rows[i].body_limit <= 64 * KIB);
        CHECK_INT(0, table.rows[i].flags & (ROUTE_LOCAL_USER | ROUTE_SAS | ROUTE_STREAM_IN));
    }
}
