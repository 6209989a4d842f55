/* A whole server within the test: every face joined and asked over its listeners. Only what starts
 * processes (the gateway, runners) is left out. */
#include "base/test.h"
#include "http/client.h"
#include "os/file.h"
#include "server/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WS                                                                                  \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces/default"

struct world {
    struct server server;
    struct arena *arena;
    struct error err;
    struct str token;
};

/* An answer: its status, its body as JSON, and one header. */
struct answer {
    int status;
    struct str text;
    struct json *body;
    struct str header;
};

enum door { DOOR_SOCKET, DOOR_TLS, DOOR_PLAIN };

static void world_end(struct world *world)
{
    wire_close(&world->server);
    fd_close(&world->server.stop_fd);
    arena_free(&world->arena);
}

static void open_server(struct world *world, const char *name)
{
    struct server *server = &world->server;

    world->arena = arena_new(16 * MIB);
    *server = (struct server){.arena = world->arena, .folder = {.dir = -1, .lock = -1}};
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->config = config_default();
    server->config.listen = server->config.plain_listen = server->config.scoring_listen =
        STR("127.0.0.1:0");
    struct str path = arena_printf(world->arena, "%s/%s", test_folder(), name);
    CHECK_OK(folder_open(world->arena, path, &server->folder, &world->err), &world->err);
    CHECK_OK(folder_lock(&server->folder, &world->err), &world->err);
    CHECK_OK(wire_open(server, &world->err), &world->err);
    CHECK_OK(wire_listen(server, &world->err), &world->err);
    server->ports.scoring = 1;
    server->engines.scoring_endpoint = STR("https://localhost:1");
    dispatch_serve(server->dispatch, server->router, server->engines.identity);
}

static struct http_address door_address(struct world *world, enum door door)
{
    const struct server *server = &world->server;
    struct arena *arena = world->arena;
    struct http_address address = {
        .host = STR("localhost"),
        .tls = door == DOOR_TLS,
        .port = door == DOOR_TLS ? server->ports.tls : server->ports.plain,
        .host_header = arena_printf(arena, "localhost:%u", server->ports.tls)};

    if (door == DOOR_SOCKET)
        address.unix_path =
            arena_printf(arena, "%.*s/run/lazurite.sock", STR_ARG(server->folder.path));
    if (door == DOOR_TLS)
        address.ca_file = arena_printf(arena, "%.*s/tls/bundle.pem", STR_ARG(server->folder.path));
    if (door == DOOR_PLAIN) {
        address.host = STR("127.0.0.1");
        address.host_header = arena_printf(arena, "127.0.0.1:%u", server->ports.plain);
    }
    return address;
}

/* Sends one request; with a token when the world has one. `header` is kept from the reply. */
static struct answer ask(struct world *world, enum door door, const char *method,
                         const char *target, const char *body)
{
    struct http_address address = door_address(world, door);
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("Authorization"), arena_printf(world->arena, "Bearer %.*s", STR_ARG(world->token))}};
    struct http_call call = {.method = method,
                             .target = str_from(target),
                             .headers = headers,
                             .header_count = world->token.len > 0 ? 2 : 1,
                             .body = str_from(body)};
    struct http_response reply;

    CHECK_OK(http_client_send(client, world->arena, &call, &reply, &world->err), &world->err);
    return (struct answer){.status = reply.status,
                           .text = reply.body,
                           .body = json_parse(world->arena, reply.body, NULL),
                           .header = http_response_header(&reply, "WWW-Authenticate")};
}

static void wait_for_keys(struct world *world)
{
    for (int i = 0; i < 500 && !identity_ready(world->server.engines.identity); i++)
        usleep(20000);
    CHECK(identity_ready(world->server.engines.identity));
}

/* All tests ask one folder, so that keys and certificates are made once. */
#define WORLD(name)                                \
    CLEANUP(world_end) struct world name##_ = {0}; \
    struct world *name = &name##_;                 \
    open_server(name, "world");                    \
    wait_for_keys(name)

TEST(health_is_public_on_every_listener)
{
    WORLD(w);

    for (int door = DOOR_SOCKET; door <= DOOR_PLAIN; door++) {
        struct answer answer = ask(w, (enum door)door, "GET", "/healthz", "");
        CHECK_INT(200, answer.status);
        CHECK_STR("ok", answer.text);
    }
}

TEST(connect_gives_the_owner_what_clients_need)
{
    WORLD(w);
    struct answer answer = ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/connect", "");

    CHECK_INT(200, answer.status);
    CHECK(str_eq(w->server.engines.arm_endpoint, json_str_at(answer.body, "endpoint")));
    CHECK(!str_ends(json_str_at(answer.body, "endpoint"), STR("/")));
    CHECK_STR("default", json_str_at(answer.body, "workspace"));
    CHECK_STR("default", json_str_at(answer.body, "resourceGroup"));
    CHECK_STR("00000000-0000-0000-0000-000000000001", json_str_at(answer.body, "subscription"));
    CHECK(str_starts(json_str_at(answer.body, "mlflowTrackingUri"), STR("http://127.0.0.1:")));
    CHECK(str_ends(json_str_at(answer.body, "caFile"), STR("/tls/bundle.pem")));
    CHECK_INT(27, json_str_at(answer.body, "expiresOn").len);
    CHECK_INT(401, ask(w, DOOR_TLS, "GET", "/lazurite/v1/connect", "").status);
    CHECK_INT(404, ask(w, DOOR_PLAIN, "GET", "/lazurite/v1/connect", "").status);
}

TEST(the_token_of_connect_opens_arm_and_none_does_not)
{
    WORLD(w);
    struct answer connect = ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/connect", "");
    struct answer refused = ask(w, DOOR_TLS, "GET", WS "?api-version=2024-10-01", "");

    CHECK_INT(401, refused.status);
    CHECK(str_starts(refused.header, STR("Bearer ")));
    w->token = json_str_at(connect.body, "token");
    struct answer answer = ask(w, DOOR_TLS, "GET", WS "?api-version=2024-10-01", "");
    CHECK_INT(200, answer.status);
    CHECK_STR("default", json_str_at(answer.body, "name"));
    CHECK_INT(200, ask(w, DOOR_PLAIN, "GET", WS "?api-version=2024-10-01", "").status);
}

TEST(revoked_tokens_are_refused_from_then_on)
{
    WORLD(w);
    struct answer connect = ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/connect", "");

    CHECK_INT(200, ask(w, DOOR_SOCKET, "POST", "/lazurite/v1/revokeTokens", "{}").status);
    w->token = json_str_at(connect.body, "token");
    struct answer refused = ask(w, DOOR_TLS, "GET", "/lazurite/v1/status", "");
    CHECK_INT(401, refused.status);
    CHECK(str_find(refused.header, STR("insufficient_claims")) > 0);
    w->token = STR("");
    CHECK_INT(200, ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/status", "").status);
    usleep(1100000); /* tokens count whole seconds */
}

TEST(status_says_how_the_server_is)
{
    WORLD(w);
    struct answer answer = ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/status", "");

    CHECK_INT(200, answer.status);
    CHECK_INT(getpid(), json_int_at(answer.body, "pid", 0));
    CHECK(str_eq(w->server.folder.path, json_str_at(answer.body, "dataDir")));
    CHECK(json_bool_at(answer.body, "keysReady", false));
    CHECK(!json_bool_at(answer.body, "readOnly", true));
    CHECK(str_starts(json_str_at(answer.body, "jobs"), STR("same-user")));
}

TEST(a_stop_by_request_is_taken_and_says_what_ends)
{
    WORLD(w);
    uint64_t asked = 0;

    CHECK_INT(400, ask(w, DOOR_SOCKET, "POST", "/lazurite/v1/stop", "{").status);
    CHECK(read(w->server.stop_fd, &asked, sizeof(asked)) < 0);
    CHECK_INT(202, ask(w, DOOR_SOCKET, "POST", "/lazurite/v1/stop", "{\"replicas\":true}").status);
    CHECK_INT(sizeof(asked), read(w->server.stop_fd, &asked, sizeof(asked)));
    CHECK(w->server.stop_replicas);
    w->server.stop_replicas = false; /* there is no gateway to end here */
}

TEST(the_metadata_is_what_the_sdk_looks_for)
{
    WORLD(w);
    struct answer answer =
        ask(w, DOOR_TLS, "GET", "/metadata/endpoints?api-version=2019-05-01", "");

    CHECK_INT(200, answer.status);
    CHECK(str_eq(w->server.engines.arm_endpoint, json_str_at(answer.body, "[0].resourceManager")));
    CHECK_STR("https://portal.lazurite.test/", json_str_at(answer.body, "[0].portal"));
    CHECK_STR("core.lazurite.test", json_str_at(answer.body, "[0].suffixes.storage"));
    CHECK(json_str_at(answer.body, "[0].authentication.loginEndpoint").len > 0);
    CHECK(str_eq(w->server.engines.arm_endpoint,
                 json_str_at(answer.body, "[0].microsoftGraphResourceId")));
    struct answer plain = ask(w, DOOR_PLAIN, "GET", "/metadata/endpoints", "");
    CHECK(str_eq(w->server.engines.arm_endpoint, json_str_at(plain.body, "[0].resourceManager")));
}

TEST(discovery_gives_the_data_plane_without_a_final_slash)
{
    WORLD(w);
    struct answer answer = ask(w, DOOR_TLS, "GET", "/discovery", "");

    CHECK_INT(200, answer.status);
    CHECK(str_eq(w->server.engines.arm_endpoint, json_str_at(answer.body, "api")));
}

TEST(the_token_service_shows_its_keys_and_takes_forms_only)
{
    WORLD(w);
    static const char *const TAKERS[] = {"/adfs/oauth2/v2.0/token", "/adfs/oauth2/token",
                                         "/adfs/oauth2/v2.0/devicecode"};
    struct answer answer = ask(w, DOOR_TLS, "GET", "/adfs/.well-known/openid-configuration", "");

    CHECK_INT(200, answer.status);
    CHECK(str_ends(json_str_at(answer.body, "jwks_uri"), STR("/adfs/discovery/v2.0/keys")));
    answer = ask(w, DOOR_TLS, "GET", "/adfs/discovery/v2.0/keys", "");
    CHECK_INT(2, json_count(json_at(answer.body, "keys")));
    CHECK(str_find(answer.text, STR("\"d\"")) < 0);
    for (size_t i = 0; i < COUNT(TAKERS); i++) {
        answer = ask(w, DOOR_TLS, "POST", TAKERS[i], "{\"grant_type\":\"client_credentials\"}");
        CHECK_INT(400, answer.status);
        CHECK_STR("invalid_request", json_str_at(answer.body, "error"));
    }
    answer = ask(w, DOOR_TLS, "GET", "/nobody/discovery/v2.0/keys", "");
    CHECK_INT(404, answer.status);
    CHECK_STR("invalid_request", json_str_at(answer.body, "error"));
}

TEST(the_issuer_is_the_one_in_our_tokens)
{
    WORLD(w);
    struct answer connect = ask(w, DOOR_SOCKET, "GET", "/lazurite/v1/connect", "");
    struct str tenant = json_str_at(connect.body, "tenant");
    struct str target =
        arena_printf(w->arena, "/%.*s/v2.0/.well-known/openid-configuration", STR_ARG(tenant));
    struct answer answer = ask(w, DOOR_TLS, "GET", target.ptr, "");
    struct str issuer = arena_printf(w->arena, "%.*s/%.*s/v2.0",
                                     STR_ARG(w->server.engines.arm_endpoint), STR_ARG(tenant));

    CHECK_INT(200, answer.status);
    CHECK(str_eq(issuer, json_str_at(answer.body, "issuer")));
}

TEST(port_0_takes_the_same_ports_again)
{
    struct folder_ports first;

    {
        WORLD(w);
        first = w->server.ports;
        CHECK_OK(folder_write_server(w->arena, &w->server.folder, &first, &w->err), &w->err);
    }
    WORLD(again);
    CHECK_INT(first.tls, again->server.ports.tls);
    CHECK_INT(first.plain, again->server.ports.plain);
}

TEST(a_taken_port_is_an_error_that_names_the_owner)
{
    CLEANUP(world_end) struct world w = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct error err = {0};
    char wanted[64];
    CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(0, bind(fd, (struct sockaddr *)&at, len));
    CHECK_INT(0, listen(fd, 1));
    CHECK_INT(0, getsockname(fd, (struct sockaddr *)&at, &len));
    open_server(&w, "taken");
    w.server.config.listen = arena_printf(w.arena, "127.0.0.1:%u", ntohs(at.sin_port));
    CHECK_ERROR(ERROR_CONFLICT, wire_listen(&w.server, &err), &err);
    snprintf(wanted, sizeof(wanted), "process %d", (int)getpid());
    CHECK(strstr(err.message, wanted) != NULL);
}
