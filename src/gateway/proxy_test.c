#include "gateway/proxy.h"

#include "base/buf.h"
#include "base/test.h"
#include "gateway/watch.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/file.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A gateway on a Unix socket (the proxy does not know how a request came) before replicas that are
 * small servers of this process: "/score" answers with the replica's name and the headers it was
 * sent. */

struct fake_replica {
    struct http_server *server;
    struct pool *pool;
    char name[16];
    bool hold; /* answers when let go */
    bool away; /* /health says no */
    struct http_exchange *held[8];
    unsigned held_count, scored;
    pthread_mutex_t lock;
};

struct world {
    struct gateway gateway;
    struct pool *pool;
    struct fake_replica replicas[2];
};

static void fake_answer(struct fake_replica *replica, struct http_exchange *ex)
{
    struct str text =
        arena_printf(http_arena(ex), "%s auth=%d named=%d %.*s", replica->name,
                     http_has_header(ex, "authorization"),
                     http_has_header(ex, "azureml-model-deployment"), STR_ARG(http_body(ex)));

    http_reply(ex, 200, "text/plain", text);
}

static void fake_score(struct http_exchange *ex, void *context)
{
    struct fake_replica *replica = context;

    pthread_mutex_lock(&replica->lock);
    replica->scored++;
    bool hold = replica->hold;
    if (hold)
        replica->held[replica->held_count++] = ex;
    pthread_mutex_unlock(&replica->lock);
    if (!hold)
        fake_answer(replica, ex);
}

static enum http_verdict fake_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct fake_replica *replica = context;

    if (str_eq(http_path(ex), STR("/score"))) {
        *plan = (struct http_plan){
            .body_limit = MIB, .where = HTTP_ON_LOOP, .run = fake_score, .context = replica};
        return HTTP_GO;
    }
    http_reply(ex, replica->away ? 503 : 200, "text/plain", STR("Healthy"));
    return HTTP_REPLIED;
}

static void fake_open(struct fake_replica *replica, const char *name)
{
    const struct http_app app = {.head = fake_head, .context = replica};
    char folder[40], path[60];
    struct error err = {0};
    uint16_t port;

    snprintf(replica->name, sizeof(replica->name), "%s", name);
    snprintf(folder, sizeof(folder), "runs/%s", name);
    snprintf(path, sizeof(path), "%s/r.sock", folder);
    pthread_mutex_init(&replica->lock, NULL);
    CLEANUP(fd_close) int here = dir_open(".", &err);
    CHECK_OK(dir_make(here, folder, 0700, &err), &err);
    CLEANUP(fd_close) int dir = dir_open_at(here, folder, 0700, &err);
    unlinkat(dir, "r.sock", 0);
    replica->pool = pool_new(1);
    replica->server = http_server_new(replica->pool, &app, 1, &err);
    const struct http_listener listener = {.unix_path = "r.sock", .unix_dir = dir};
    CHECK_OK(http_server_listen(replica->server, &listener, &port, &err), &err);
}

static void fake_close(struct fake_replica *replica)
{
    if (!replica->server)
        return;
    http_server_free(&replica->server);
    pool_free(&replica->pool);
    pthread_mutex_destroy(&replica->lock);
}

static enum http_verdict gateway_head(struct http_exchange *ex, struct http_plan *plan,
                                      void *context)
{
    return proxy_head(ex, plan, context);
}

static void apply(struct world *w, unsigned concurrency, unsigned queue, unsigned timeout_ms)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf hex = buf_make(KIB);
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct error err = {0};

    SHA256((const unsigned char *)"sesame", 6, hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        buf_printf(&hex, "%02x", hash[i]);
    struct str text = arena_printf(
        arena,
        "{\"endpoints\":[{\"name\":\"ep\",\"keys\":[\"%s\"],\"deployments\":["
        "{\"name\":\"blue\",\"weight\":100,\"concurrency\":%u,\"queue\":%u,\"queueWaitMs\":200,"
        "\"timeoutMs\":%u,\"replicas\":[\"d00000001\",\"d00000002\"]},"
        "{\"name\":\"empty\",\"weight\":0,\"concurrency\":1,\"queue\":1,\"queueWaitMs\":200,"
        "\"timeoutMs\":1000,\"replicas\":[]}]}]}",
        hex.ptr, concurrency, queue, timeout_ms);
    struct json *routes = json_parse(arena, text, &err);
    CHECK(routes);
    CHECK_OK(routes_apply(&w->gateway.routes, routes, &err), &err);
}

static struct world *world_open(unsigned concurrency, unsigned queue, unsigned timeout_ms)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct http_app app = {.head = gateway_head, .context = &w->gateway};
    struct error err = {0};
    uint16_t port;

    CHECK(w && chdir(test_folder()) == 0);
    w->gateway.dir = dir_open(".", &err);
    w->gateway.dir_path = test_folder();
    w->gateway.stop_fd = -1; /* nobody asks to stop */
    routes_init(&w->gateway.routes);
    fake_open(&w->replicas[0], "d00000001");
    fake_open(&w->replicas[1], "d00000002");
    apply(w, concurrency, queue, timeout_ms);
    w->pool = pool_new(2);
    w->gateway.server = http_server_new(w->pool, &app, 1, &err);
    unlink("gateway.sock");
    const struct http_listener listener = {.unix_path = "gateway.sock", .unix_dir = w->gateway.dir};
    CHECK_OK(http_server_listen(w->gateway.server, &listener, &port, &err), &err);
    watch_once(&w->gateway, clock_mono_us());
    return w;
}

static void world_close(struct world **w)
{
    http_server_free(&(*w)->gateway.server);
    pool_free(&(*w)->pool);
    fake_close(&(*w)->replicas[0]);
    fake_close(&(*w)->replicas[1]);
    routes_free(&(*w)->gateway.routes);
    fd_close(&(*w)->gateway.dir);
    free(*w);
}

struct ask {
    const char *method, *target, *key, *deployment;
    struct arena *arena;
    struct http_response reply;
    pthread_t thread;
};

static void *ask_run(void *context)
{
    struct ask *ask = context;
    struct http_client *client = http_client_new(
        &(struct http_address){.unix_path = STR("gateway.sock"), .host = STR("localhost")});
    struct http_header headers[2];
    size_t count = 0;
    struct error err = {0};

    if (ask->key)
        headers[count++] = (struct http_header){STR("Authorization"),
                                                arena_printf(ask->arena, "Bearer %s", ask->key)};
    if (ask->deployment)
        headers[count++] =
            (struct http_header){STR("azureml-model-deployment"), str_from(ask->deployment)};
    const struct http_call call = {.method = ask->method ? ask->method : "POST",
                                   .target =
                                       str_from(ask->target ? ask->target : "/endpoints/ep/score"),
                                   .headers = headers,
                                   .header_count = count,
                                   .timeout_ms = 10000,
                                   .body = ask->method ? STR("") : STR("rows")};
    if (http_client_send(client, ask->arena, &call, &ask->reply, &err) < 0)
        ask->reply.status = -1;
    http_client_free(&client);
    return NULL;
}

static void ask_end(struct ask *ask)
{
    arena_free(&ask->arena);
}

static int ask_now(struct ask *ask)
{
    ask->arena = arena_new(MIB);
    ask_run(ask);
    return ask->reply.status;
}

static void ask_later(struct ask *ask)
{
    ask->arena = arena_new(MIB);
    ask->key = "sesame";
    CHECK(pthread_create(&ask->thread, NULL, ask_run, ask) == 0);
}

/* How many requests a replica holds. */
static unsigned held(struct fake_replica *replica)
{
    pthread_mutex_lock(&replica->lock);
    unsigned count = replica->held_count;
    pthread_mutex_unlock(&replica->lock);
    return count;
}

/* Waits until the replicas hold this many requests, at most a few seconds. */
static void await_held(struct world *w, unsigned count)
{
    for (int i = 0; i < 500; i++) {
        if (held(&w->replicas[0]) + held(&w->replicas[1]) == count)
            return;
        usleep(10000);
    }
    fail_msg("the replicas never held %u requests", count);
}

/* A client has its reply a moment before the gateway has counted it. */
static void await_idle(struct world *w, struct gateway_deployment *deployment)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&w->gateway.routes.lock);
        unsigned users = deployment->users;
        pthread_mutex_unlock(&w->gateway.routes.lock);
        if (users == 0)
            return;
        usleep(10000);
    }
    fail_msg("requests never left the deployment");
}

/* Waits until this many requests are in the queue, at most a few seconds. */
static void await_waiting(struct world *w, unsigned count)
{
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));

    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&w->gateway.routes.lock);
        unsigned waiting = blue->waiting_count;
        pthread_mutex_unlock(&w->gateway.routes.lock);
        if (waiting == count)
            return;
        usleep(10000);
    }
    fail_msg("the queue never held %u requests", count);
}

static void let_go(struct fake_replica *replica)
{
    pthread_mutex_lock(&replica->lock);
    unsigned count = replica->held_count;
    replica->held_count = 0;
    replica->hold = false;
    pthread_mutex_unlock(&replica->lock);
    for (unsigned i = 0; i < count; i++)
        fake_answer(replica, replica->held[i]);
}

TEST(a_request_with_a_key_reaches_a_replica_without_it)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);
    CLEANUP(ask_end) struct ask ask = {.key = "sesame", .deployment = "BLUE"};

    CHECK_INT(200, ask_now(&ask));
    CHECK(str_ends(ask.reply.body, STR(" auth=0 named=0 rows")));
    CHECK_STR("blue", http_response_header(&ask.reply, "azureml-model-deployment"));
    CHECK_STR("", http_response_header(&ask.reply, "x-lazurite-fallback"));
}

TEST(a_deployment_that_is_not_there_falls_back_to_the_traffic)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);
    CLEANUP(ask_end) struct ask ask = {.key = "sesame", .deployment = "red"};

    CHECK_INT(200, ask_now(&ask));
    CHECK_STR("blue", http_response_header(&ask.reply, "azureml-model-deployment"));
    CHECK_STR("no deployment 'red'; by traffic",
              http_response_header(&ask.reply, "x-lazurite-fallback"));
    CHECK_INT(1, routes_endpoint(&w->gateway.routes, STR("ep"))->fallbacks);
}

TEST(nothing_is_told_to_those_without_the_key)
{
    static const struct {
        const char *target, *key;
        int status;
    } ASKED[] = {
        {"/endpoints/ep/score", NULL, 401},
        {"/endpoints/ep/score", "wrong", 401},
        {"/endpoints/ep/", NULL, 401},
        {"/endpoints/ep/swagger.json", "sesam", 401},
        {"/endpoints/other/score", NULL, 401},
        {"/endpoints/other/score", "sesame", 404},
        {"/endpoints/ep/admin", "sesame", 404},
        {"/endpoints/ep", "sesame", 404},
        {"/routes", "sesame", 404},
        {"/", NULL, 404},
        {"/endpoints/ep/score/x", "sesame", 404},
    };
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);

    for (size_t i = 0; i < COUNT(ASKED); i++) {
        CLEANUP(ask_end)
        struct ask ask = {.method = "GET", .target = ASKED[i].target, .key = ASKED[i].key};
        CHECK_INT(ASKED[i].status, ask_now(&ask));
    }
    CHECK_INT(0, w->replicas[0].scored + w->replicas[1].scored);
    CLEANUP(ask_end) struct ask health = {.method = "GET", .target = "/healthz"};
    CHECK_INT(200, ask_now(&health));
    CLEANUP(ask_end)
    struct ask endpoint = {.method = "GET", .target = "/endpoints/ep/", .key = "sesame"};
    CHECK_INT(200, ask_now(&endpoint));
}

TEST(a_full_queue_is_429_and_a_long_wait_503)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    CLEANUP(world_close) struct world *w = world_open(1, 1, 5000);
    CLEANUP(ask_end)
    struct ask first = {0}, second = {0}, waiting = {0}, refused = {.key = "sesame"};

    w->replicas[0].hold = w->replicas[1].hold = true;
    ask_later(&first);
    ask_later(&second);
    await_held(w, 2);
    ask_later(&waiting);
    await_waiting(w, 1);
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));
    CHECK_INT(429, ask_now(&refused));
    CHECK_STR("1", http_response_header(&refused.reply, "Retry-After"));
    proxy_expire(&w->gateway, clock_mono_us() + US_PER_S);
    pthread_join(waiting.thread, NULL);
    CHECK_INT(503, waiting.reply.status);
    CHECK_STR("1", http_response_header(&waiting.reply, "Retry-After"));
    let_go(&w->replicas[0]);
    let_go(&w->replicas[1]);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    CHECK(first.reply.status == 200 && second.reply.status == 200);
    await_idle(w, blue);
}

TEST(who_waits_is_served_when_a_place_is_free)
{
    CLEANUP(world_close) struct world *w = world_open(1, 5, 5000);
    CLEANUP(ask_end) struct ask first = {0}, second = {0}, waiting = {0};

    w->replicas[0].hold = w->replicas[1].hold = true;
    ask_later(&first);
    ask_later(&second);
    await_held(w, 2);
    ask_later(&waiting);
    await_waiting(w, 1);
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));
    let_go(&w->replicas[0]);
    let_go(&w->replicas[1]);
    pthread_join(waiting.thread, NULL);
    CHECK_INT(200, waiting.reply.status);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    await_idle(w, blue);
    CHECK_INT(3, blue->answered);
}

/* The watcher, which ends all waiting, is gone by then. */
TEST(who_waits_when_the_gateway_ends_is_told_so)
{
    CLEANUP(world_close) struct world *w = world_open(1, 5, 5000);
    CLEANUP(ask_end) struct ask first = {0}, second = {0}, waiting = {0}, late = {.key = "sesame"};

    w->replicas[0].hold = w->replicas[1].hold = true;
    ask_later(&first);
    ask_later(&second);
    await_held(w, 2);
    ask_later(&waiting);
    await_waiting(w, 1);
    proxy_close(&w->gateway);
    pthread_join(waiting.thread, NULL);
    CHECK_INT(503, waiting.reply.status);
    CHECK_STR("1", http_response_header(&waiting.reply, "Retry-After"));
    CHECK_INT(503, ask_now(&late));
    CHECK(str_find(late.reply.body, STR("Stopping")) > 0);
    /* Those that a replica has are still answered. */
    let_go(&w->replicas[0]);
    let_go(&w->replicas[1]);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    CHECK(first.reply.status == 200 && second.reply.status == 200);
    int64_t begun_us = clock_mono_us();
    http_server_stop(w->gateway.server, 0);
    CHECK(clock_mono_us() - begun_us < 2 * US_PER_S);
}

/* A request whose replica died under it waits for no other once the end has begun. */
TEST(a_lost_replica_at_the_end_is_503_at_once)
{
    CLEANUP(world_close) struct world *w = world_open(1, 5, 5000);
    CLEANUP(ask_end) struct ask ask = {.key = "sesame"};

    fake_close(&w->replicas[0]);
    fake_close(&w->replicas[1]);
    proxy_close(&w->gateway);
    CHECK_INT(503, ask_now(&ask));
    http_server_stop(w->gateway.server, 0);
}

TEST(an_end_does_not_wait_for_looks_at_replicas)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);
    CLEANUP(fd_close) int stop = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));
    struct gateway_replica *replica;

    fake_close(&w->replicas[0]);
    w->gateway.stop_fd = stop;
    watch_once(&w->gateway, clock_mono_us() + 10 * US_PER_S);
    ROUTES_EACH(struct gateway_replica, replica, &blue->replicas)
    CHECK(replica->ready && replica->pins == 0); /* as it was: nobody looked */
    w->gateway.stop_fd = -1;
    watch_once(&w->gateway, clock_mono_us() + 10 * US_PER_S);
    bool any;
    CHECK_STR("d00000002", str_from(routes_pick(blue, NULL, &any)->name));
}

TEST(a_slow_model_is_408)
{
    CLEANUP(world_close) struct world *w = world_open(1, 1, 100);
    CLEANUP(ask_end) struct ask ask = {.key = "sesame"};

    w->replicas[0].hold = w->replicas[1].hold = true;
    CHECK_INT(408, ask_now(&ask));
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));
    await_idle(w, blue);
    CHECK_INT(1, blue->failed);
    let_go(&w->replicas[0]);
    let_go(&w->replicas[1]);
}

TEST(a_replica_that_is_gone_costs_no_request)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);

    fake_close(&w->replicas[0]);
    for (int i = 0; i < 6; i++) {
        CLEANUP(ask_end) struct ask ask = {.key = "sesame"};
        CHECK_INT(200, ask_now(&ask));
        CHECK(str_starts(ask.reply.body, STR("d00000002")));
    }
}

TEST(without_replicas_or_traffic_it_says_so)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);
    CLEANUP(ask_end)
    struct ask empty = {.key = "sesame", .deployment = "empty"}, none = {.key = "sesame"};

    CHECK_INT(503, ask_now(&empty));
    routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"))->weight = 0;
    CHECK_INT(404, ask_now(&none));
    CHECK(str_find(none.reply.body, STR("NoTraffic")) > 0);
}

TEST(a_socket_that_is_a_link_is_not_asked)
{
    CLEANUP(world_close) struct world *w = world_open(4, 4, 5000);
    struct gateway_deployment *blue =
        routes_named(routes_endpoint(&w->gateway.routes, STR("ep")), STR("blue"));
    bool any;

    CHECK(routes_pick(blue, NULL, &any) && any);
    CHECK(rename("runs/d00000001/r.sock", "runs/d00000001/moved.sock") == 0);
    CHECK(symlink("moved.sock", "runs/d00000001/r.sock") == 0);
    CHECK(rename("runs/d00000002/r.sock", "runs/d00000002/moved.sock") == 0);
    CHECK(symlink("moved.sock", "runs/d00000002/r.sock") == 0);
    /* Nothing is started: the pause after a start has not passed. */
    struct gateway_replica *replica;
    ROUTES_EACH(struct gateway_replica, replica, &blue->replicas)
    {
        replica->next_start_us = INT64_MAX;
        replica->next_probe_us = 0;
    }
    watch_once(&w->gateway, clock_mono_us());
    CHECK(!routes_pick(blue, NULL, &any) && !any);
}
