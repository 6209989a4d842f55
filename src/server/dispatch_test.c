/* Requests over real listeners: what dispatch lets through, and in whose words it refuses. */
#include "arm/kind.h"
#include "base/test.h"
#include "http/client.h"
#include "os/file.h"
#include "server/dispatch.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define SOCKET "dispatch.sock"

/* A sink that counts, for the row that takes streams. */
struct counting {
    struct http_sink sink;
    size_t bytes;
};

struct world {
    struct arena *arena;
    int dir;
    struct pool *pool;
    struct store *store;
    struct identity *identity;
    struct dispatch *dispatch;
    struct router *router;
    struct http_app app;
    struct http_server *server;
    uint16_t plain;
    struct error err;
};

/* --- Rows ----------------------------------------------------------------------------------------
 */

static void echo(struct call *call)
{
    struct str text = arena_printf(call->arena, "%.*s %.*s %.*s", STR_ARG(call->caller.name),
                                   STR_ARG(call_param(call, "name")), STR_ARG(http_body(call->ex)));
    http_reply(call->ex, 200, "text/plain", text);
}

/* What a storage account's address is taken for. */
static void echo_account(struct call *call)
{
    struct str text = arena_printf(call->arena, "account %.*s name %.*s path %.*s",
                                   STR_ARG(call_param(call, "account")),
                                   STR_ARG(call_param(call, "name")), STR_ARG(http_path(call->ex)));
    http_reply(call->ex, 200, "text/plain", text);
}

/* The path that guard and handler see. */
static void echo_path(struct call *call)
{
    http_reply(call->ex, 200, "text/plain",
               arena_printf(call->arena, "path %.*s", STR_ARG(http_path(call->ex))));
}

/* A face of its own words: "status:sentence". */
static void refuse(struct call *call, const struct error *err)
{
    struct str text = arena_printf(call->arena, "%s: %s", error_name(err->code), err->message);

    assert_ptr_equal(call->face, "face");
    http_reply(call->ex, err->code == ERROR_UNAUTHENTICATED ? 401 : 400, "text/plain", text);
}

static int sink_write(struct http_sink *sink, struct str bytes, struct error *err)
{
    assert_non_null(err);
    CONTAINER_OF(sink, struct counting, sink)->bytes += bytes.len;
    return 0;
}

static void sink_abandon(struct http_sink *sink)
{
    assert_non_null(sink);
}

static struct http_sink *sink_open(struct call *call, struct error *err)
{
    struct counting *counting = arena_make(call->arena, struct counting);

    if (str_eq(call_param(call, "name"), STR("full"))) {
        error_set(err, ERROR_STORAGE_FULL, "", "No room.");
        return NULL;
    }
    counting->sink = (struct http_sink){.write = sink_write, .abandon = sink_abandon};
    return &counting->sink;
}

static void stream_end(struct call *call)
{
    const struct counting *counting = CONTAINER_OF(call->sink, struct counting, sink);
    http_reply(call->ex, 200, "text/plain", arena_printf(call->arena, "%zu", counting->bytes));
}

static const struct route ROWS[] = {
    {"GET", "/open", PERMIT_PUBLIC, NULL, 0, ROUTE_ON_LOOP, LISTEN_ALL, echo, NULL, refuse},
    {"POST", "/things/{name}", PERMIT_LOCAL, NULL, 16, 0, LISTEN_ALL, echo, NULL, refuse},
    {"POST", "/mlflow/{name}", PERMIT_ACTION,
     "Microsoft.MachineLearningServices/workspaces/jobs/write", 16, ROUTE_LOCAL_USER, LISTEN_ALL,
     echo, NULL, refuse},
    {"GET", "/{account}.blob.{suffix}/{name}", PERMIT_LOCAL, NULL, 0, 0, LISTEN_ALL, echo_account,
     NULL, refuse},
    {"GET", "/{account}.blob.{suffix}", PERMIT_LOCAL, NULL, 0, 0, LISTEN_ALL, echo_account, NULL,
     refuse},
    {"GET", "/{account}.blob.{suffix}/c/{name*}", PERMIT_LOCAL, NULL, 0, 0, LISTEN_ALL,
     echo_account, NULL, refuse},
    {"GET", "/subscriptions/{subscription}/providers/Microsoft.Authorization/locks", PERMIT_LOCAL,
     NULL, 0, ROUTE_FOLD, LISTEN_ALL, echo_path, NULL, refuse},
    {"GET", "/subscriptions/{subscription}/locks", PERMIT_LOCAL, NULL, 0, ROUTE_FOLD, LISTEN_ALL,
     echo_path, NULL, refuse},
    {"PUT", "/stream/{name}", PERMIT_LOCAL, NULL, 64 * MIB, ROUTE_STREAM_IN, LISTEN_SOCKET,
     stream_end, sink_open, refuse},
};

/* --- The world -----------------------------------------------------------------------------------
 */

static int insert_scope(struct store_txn *txn, void *context, struct error *err)
{
    struct scope scope = {.kind = SCOPE_WORKSPACE,
                          .subscription = STR("s"),
                          .group = STR("g"),
                          .name = STR("one"),
                          .guid = STR("one"),
                          .data_key = STR("k")};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    *(int64_t *)context = scope.number;
    return 0;
}

static void world_end(struct world *world)
{
    http_server_free(&world->server);
    dispatch_free(&world->dispatch);
    router_free(&world->router);
    identity_close(&world->identity);
    store_close(&world->store);
    pool_free(&world->pool);
    fd_close(&world->dir);
    arena_free(&world->arena);
}

static void world_serve(struct world *world)
{
    struct route_table table = {ROWS, COUNT(ROWS), "face"};

    CHECK_OK(router_new(&table, 1, &world->router, &world->err), &world->err);
    dispatch_serve(world->dispatch, world->router, world->identity);
}

static struct world *world_new(struct world *world)
{
    struct http_listener plain = {.tag = LISTEN_PLAIN, .host = "127.0.0.1"};
    uint16_t none;
    int64_t scope = 0;

    *world = (struct world){.arena = arena_new(4 * MIB)};
    world->dir = dir_open(test_folder(), &world->err);
    world->pool = pool_new(4);
    CHECK_OK(store_open("memory:", NULL, &world->store, &world->err), &world->err);
    CHECK_OK(store_write(world->store, insert_scope, &scope, &world->err), &world->err);
    struct identity_options options = {.dir = world->dir,
                                       .store = world->store,
                                       .domain = STR("lazurite.test"),
                                       .anonymous_same_user = true,
                                       .default_scope = scope};
    world->identity = identity_open(&options, NULL, &world->err);
    CHECK(world->identity != NULL);
    world->dispatch = dispatch_new(world->pool);
    dispatch_app(world->dispatch, &world->app);
    world->server = http_server_new(world->pool, &world->app, 1, &world->err);
    CHECK(world->server != NULL);
    struct http_listener local = {
        .tag = LISTEN_SOCKET, .unix_dir = world->dir, .unix_path = SOCKET};
    CHECK_OK(http_server_listen(world->server, &plain, &world->plain, &world->err), &world->err);
    CHECK_OK(http_server_listen(world->server, &local, &none, &world->err), &world->err);
    return world;
}

#define WORLD(name)                          \
    CLEANUP(world_end) struct world name##_; \
    struct world *name = world_new(&name##_)

/* A GET over the socket under a Host of the caller's choice; "status body". */
static struct str ask_host(struct world *world, const char *host, const char *target)
{
    struct http_address address = {.unix_path =
                                       arena_printf(world->arena, "%s/" SOCKET, test_folder()),
                                   .host = STR("127.0.0.1"),
                                   .host_header = str_from(host)};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    struct http_call call = {.method = "GET", .target = str_from(target)};
    struct http_response reply;

    CHECK_OK(http_client_send(client, world->arena, &call, &reply, &world->err), &world->err);
    return arena_printf(world->arena, "%d %.*s", reply.status, STR_ARG(reply.body));
}

/* One request over the socket (or the plain listener); "status body". */
static struct str ask(struct world *world, bool plain, const char *method, const char *target,
                      struct str body)
{
    struct http_address address = {
        .unix_path = plain ? STR("") : arena_printf(world->arena, "%s/" SOCKET, test_folder()),
        .host = STR("127.0.0.1"),
        .port = world->plain,
        .host_header =
            plain ? arena_printf(world->arena, "127.0.0.1:%u", world->plain) : STR("localhost")};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    struct http_call call = {.method = method, .target = str_from(target), .body = body};
    struct http_response reply;

    CHECK_OK(http_client_send(client, world->arena, &call, &reply, &world->err), &world->err);
    struct str more = http_response_header(&reply, "Allow");
    if (more.len == 0 && reply.status == 401)
        more = str_slice(http_response_header(&reply, "WWW-Authenticate"), 0, 6);
    return arena_printf(world->arena, "%d %.*s%s%.*s", reply.status, STR_ARG(reply.body),
                        more.len > 0 ? " | " : "", STR_ARG(more));
}

static void check(struct world *world, const char *expected, const char *method, const char *target,
                  const char *body)
{
    CHECK_STR(expected, ask(world, false, method, target, str_from(body)));
}

/* --- Tests ---------------------------------------------------------------------------------------
 */

TEST(before_it_serves_everything_is_503)
{
    WORLD(w);

    CHECK(str_starts(ask(w, false, "GET", "/open", STR("")), STR("503 ")));
    world_serve(w);
    check(w, "200   ", "GET", "/open", "");
}

TEST(a_matched_and_allowed_call_reaches_its_handler)
{
    WORLD(w);

    world_serve(w);
    check(w, "200 admin a b body", "POST", "/things/a%20b", "body");
}

TEST(refusals_speak_the_words_of_their_face)
{
    WORLD(w);

    world_serve(w);
    check(w, "400 method not allowed: The method is not allowed here; allowed: POST. | POST", "GET",
          "/things/x", "");
    check(w, "400 not found: There is nothing at this address.", "GET", "/things/x/y", "");
    check(w, "400 too large: The body has 17 bytes; at most 16 are taken here.", "POST",
          "/things/x", "12345678901234567");
}

/* What the http server says by itself: a client tries again by the code as well as by the status.
 */
TEST(what_the_layer_below_refuses_has_a_code_of_its_status)
{
    static const struct {
        int status;
        const char *code;
    } SAID[] = {{400, "BadRequest"},
                {413, "RequestEntityTooLarge"},
                {503, "ServiceUnavailable"},
                {500, "InternalServerError"}};
    WORLD(w);
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_app app;

    dispatch_app(w->dispatch, &app);
    for (size_t i = 0; i < COUNT(SAID); i++) {
        struct str text = app.refusal(arena, SAID[i].status, "So it is.", app.context);
        struct json *body = json_parse(arena, text, NULL);
        CHECK_STR(SAID[i].code, json_str_at(body, "error.code"));
        CHECK_STR("So it is.", json_str_at(body, "error.message"));
    }
}

TEST(a_storage_account_is_named_by_the_host_or_by_the_path)
{
    WORLD(w);
    const struct str hosts[] = {STR("*.blob.core.lazurite.test:10443")};

    identity_set_hosts(w->identity, hosts, COUNT(hosts));
    dispatch_storage(w->dispatch, STR(".blob.core.lazurite.test"));
    world_serve(w);
    CHECK_STR("200 account lz1 name a b path /a%20b",
              ask_host(w, "lz1.blob.core.lazurite.test:10443", "/a%20b"));
    CHECK_STR("200 account lz1 name  path /",
              ask_host(w, "lz1.blob.core.lazurite.test:10443", "/?comp=list"));
    CHECK_STR("200 account lz1 name x path /lz1.blob.core.lazurite.test/x",
              ask_host(w, "localhost", "/lz1.blob.core.lazurite.test/x"));
    /* One label stands for the account, and the port is ours. */
    CHECK(str_starts(ask_host(w, "a.lz1.blob.core.lazurite.test:10443", "/open"), STR("400 ")) ||
          str_starts(ask_host(w, "a.lz1.blob.core.lazurite.test:10443", "/open"), STR("421 ")));
    CHECK(!str_starts(ask_host(w, "lz1.blob.core.lazurite.test:1", "/x"), STR("200 ")));
    CHECK(!str_starts(ask_host(w, "lz1.blob.core.example.com:10443", "/open"), STR("200 ")));
}

TEST(odd_slashes_are_read_where_azures_clients_write_them)
{
    WORLD(w);
    const struct str hosts[] = {STR("*.blob.core.lazurite.test:10443")};

    identity_set_hosts(w->identity, hosts, COUNT(hosts));
    dispatch_storage(w->dispatch, STR(".blob.core.lazurite.test"));
    world_serve(w);
    /* ARM: a scope behind a slash, where roles are asked for; without it for guard and handler. */
    CHECK_STR(
        "200 path /subscriptions/s/providers/Microsoft.Authorization/locks",
        ask_host(w, "localhost", "//subscriptions/s/providers/Microsoft.Authorization/locks"));
    CHECK_STR("200 path /Subscriptions/s/locks",
              ask_host(w, "localhost", "/Subscriptions/s/locks"));
    /* Blobs: names may come with their slashes encoded, and stay as they were signed. */
    CHECK_STR("200 account lz1 name a/b path /c/a%2Fb",
              ask_host(w, "lz1.blob.core.lazurite.test:10443", "/c/a%2Fb"));
    CHECK_STR("200 account lz1 name a/b path /lz1.blob.core.x/c/a%2Fb",
              ask_host(w, "localhost", "/lz1.blob.core.x/c/a%2Fb"));
    static const char *const REFUSED[] = {"//open",
                                          "//subscriptions/s/locks",
                                          "/subscriptions/s//locks",
                                          "//subscriptions//s/providers/Microsoft.Authorization/l",
                                          "///subscriptions/s/providers/Microsoft.Authorization/l",
                                          "/open/a%2Fb",
                                          "/mlflow//x",
                                          "/subscriptions%2Fs/locks",
                                          "/subscriptions/s%2Flocks",
                                          "//lz1.blob.core.x/c/a",
                                          "/lz1.blob.core.x/c//a",
                                          "/lz1.blob.core.x/c/a%2F%2e%2e",
                                          "/lz1.blob.core.x%2Fc/a"};
    for (size_t i = 0; i < COUNT(REFUSED); i++)
        CHECK(str_starts(ask_host(w, "localhost", REFUSED[i]), STR("400 ")));
}

TEST(requests_to_arm_have_names)
{
    WORLD(w);
    struct http_address address = {.unix_path = arena_printf(w->arena, "%s/" SOCKET, test_folder()),
                                   .host = STR("127.0.0.1"),
                                   .host_header = STR("localhost")};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    const struct http_header told[] = {
        {STR("x-ms-client-request-id"), STR("mine")},
        {STR("x-ms-correlation-request-id"), STR("ours")},
        {STR("x-ms-return-client-request-id"), STR("True")},
    };
    static const char *const ARM[] = {"/subscriptions/s/locks", "/nothing"};
    struct http_response reply;

    world_serve(w);
    for (size_t i = 0; i < COUNT(ARM); i++) {
        struct http_call call = {.method = "GET", .target = str_from(ARM[i])};
        CHECK_OK(http_client_send(client, w->arena, &call, &reply, &w->err), &w->err);
        struct str own = http_response_header(&reply, "x-ms-request-id");
        CHECK_INT(36, own.len);
        CHECK(str_eq(own, http_response_header(&reply, "x-ms-correlation-request-id")));
        CHECK_STR("", http_response_header(&reply, "x-ms-client-request-id"));
        call.headers = told;
        call.header_count = COUNT(told);
        CHECK_OK(http_client_send(client, w->arena, &call, &reply, &w->err), &w->err);
        CHECK(!str_eq(own, http_response_header(&reply, "x-ms-request-id")));
        CHECK_STR("ours", http_response_header(&reply, "x-ms-correlation-request-id"));
        CHECK_STR("mine", http_response_header(&reply, "x-ms-client-request-id"));
    }
    struct http_call other = {.method = "GET", .target = STR("/open")};
    CHECK_OK(http_client_send(client, w->arena, &other, &reply, &w->err), &w->err);
    CHECK_STR("", http_response_header(&reply, "x-ms-request-id"));
}

TEST(an_address_of_no_face_is_refused_in_arms_words)
{
    WORLD(w);

    world_serve(w);
    struct str answer = ask(w, false, "GET", "/nothing", STR(""));
    CHECK(str_starts(answer, STR("404 {\"error\":{")));
}

TEST(the_handler_is_not_reached_without_a_caller)
{
    WORLD(w);

    world_serve(w);
    CHECK_STR("401 not authenticated: This address asks for a token. | Bearer",
              ask(w, true, "POST", "/things/x", STR("")));
}

TEST(the_local_user_is_asked_of_the_kernel)
{
    WORLD(w);

    world_serve(w);
    CHECK_STR("200 local x body", ask(w, true, "POST", "/mlflow/x", STR("body")));
}

TEST(a_stream_goes_into_the_sink_that_was_opened)
{
    WORLD(w);
    size_t size = 9 * MIB + 7; /* more than is ever kept in memory */
    char *bytes = arena_alloc(w->arena, size);

    world_serve(w);
    memset(bytes, 'x', size);
    CHECK_STR("200 9437191", ask(w, false, "PUT", "/stream/a", (struct str){bytes, size}));
}

TEST(a_sink_that_cannot_be_opened_refuses)
{
    WORLD(w);

    world_serve(w);
    check(w, "400 storage full: No room.", "PUT", "/stream/full", "body");
}

/* A caller of another thread's worth of requests: nothing of one call shows in another. */
static void *many(void *context)
{
    struct world *world = context;
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct world own = *world;

    own.arena = arena;
    for (int i = 0; i < 40; i++) {
        struct str name = arena_printf(arena, "n%d-%d", i, (int)((uintptr_t)&own % 997));
        struct str target = arena_printf(arena, "/things/%.*s", STR_ARG(name));
        struct str expected =
            arena_printf(arena, "200 admin %.*s %.*s", STR_ARG(name), STR_ARG(name));
        if (!str_eq(expected, ask(&own, false, "POST", target.ptr, name)))
            return (void *)"mixed up";
    }
    return NULL;
}

TEST(calls_do_not_mix)
{
    WORLD(w);
    pthread_t threads[4];

    world_serve(w);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, many, w));
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *wrong;
        CHECK_INT(0, pthread_join(threads[i], &wrong));
        CHECK(wrong == NULL);
    }
}
