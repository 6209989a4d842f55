/* The gateway as `serve` sees it, played by a small server on run/gateway.sock. */
#include "endpoint/fixture_test.h"

#include "http/server.h"
#include "os/file.h"
#include "os/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_gateway {
    struct pool *pool;
    struct http_server *server;
    struct http_app app;
    pthread_mutex_t lock; /* over the rest */
    char routes[8192];    /* the last that were put */
    unsigned puts;
    int put_status;
    bool seen; /* its probes of the replicas are answered */
    bool odd;  /* answers what is no JSON */
};

/* One replica a deployment is enough to tell ready from not. */
static struct str status_text(struct fake_gateway *gateway, struct arena *arena)
{
    struct json *routes =
        gateway->routes[0] ? json_parse(arena, str_from(gateway->routes), NULL) : NULL;
    struct json *value = json_object(arena), *endpoints = json_array(arena);
    struct json *endpoint = json_object(arena), *deployments = json_array(arena);
    struct json *deployment = json_object(arena), *replicas = json_array(arena);
    struct json_iter it = json_iter(json_at(routes, "endpoints[0].deployments[0].replicas"));

    while (json_next(&it)) {
        struct json *replica = json_object(arena);
        json_set_str(arena, replica, "name", json_as_str(it.value));
        json_set_bool(arena, replica, "ready", gateway->seen);
        json_append(arena, replicas, replica);
    }
    json_set(arena, deployment, STR("replicas"), replicas);
    json_append(arena, deployments, deployment);
    json_set(arena, endpoint, STR("deployments"), deployments);
    json_append(arena, endpoints, endpoint);
    json_set(arena, value, STR("endpoints"), endpoints);
    json_set_str(arena, value, "listen", STR("127.0.0.1:0"));
    json_set_int(arena, value, "port", 4711);
    return json_write(arena, value);
}

static void gateway_answer(struct http_exchange *ex, void *context)
{
    struct fake_gateway *gateway = context;
    struct str body = http_body(ex), text;
    int status = 200;

    pthread_mutex_lock(&gateway->lock);
    if (str_eq(http_path(ex), STR("/routes"))) {
        CHECK(body.len < sizeof(gateway->routes));
        memcpy(gateway->routes, body.ptr, body.len);
        gateway->routes[body.len] = 0;
        gateway->puts++;
        status = gateway->put_status;
    }
    text = gateway->odd ? STR("<html>") : status_text(gateway, http_arena(ex));
    pthread_mutex_unlock(&gateway->lock);
    http_reply(ex, status, "application/json", text);
}

static enum http_verdict gateway_head(struct http_exchange *, struct http_plan *plan, void *context)
{
    *plan = (struct http_plan){
        .body_limit = MIB, .where = HTTP_ON_LOOP, .run = gateway_answer, .context = context};
    return HTTP_GO;
}

static struct fake_gateway *gateway_open(struct world *w)
{
    struct fake_gateway *gateway = calloc(1, sizeof(*gateway));
    struct error err = {0};
    uint16_t port;

    CHECK(gateway);
    gateway->put_status = 200;
    gateway->app = (struct http_app){.head = gateway_head, .context = gateway};
    pthread_mutex_init(&gateway->lock, NULL);
    CHECK_OK(dir_make(backend.dir, "run", 0700, &err), &err);
    CLEANUP(fd_close) int run = dir_open_at(backend.dir, "run", 0, &err);
    unlinkat(run, "gateway.sock", 0);
    gateway->pool = pool_new(1);
    gateway->server = http_server_new(gateway->pool, &gateway->app, 1, &err);
    const struct http_listener listener = {.unix_path = "gateway.sock", .unix_dir = run};
    CHECK_OK(http_server_listen(gateway->server, &listener, &port, &err), &err);
    w->endpoints->options.listen = STR("127.0.0.1:0");
    return gateway;
}

static void gateway_close(struct fake_gateway **gateway)
{
    http_server_free(&(*gateway)->server);
    pool_free(&(*gateway)->pool);
    pthread_mutex_destroy(&(*gateway)->lock);
    free(*gateway);
    unlinkat(backend.dir, "run/gateway.sock", 0);
}

TEST(a_gateway_that_lives_is_found_and_not_started_again)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct error err = {0};

    CHECK_OK(link_ensure(w->endpoints, &err), &err);
    CHECK_INT(4711, endpoints_port(w->endpoints));
    CHECK_INT(-1, w->endpoints->gateway.pidfd);
    CHECK_INT(0, gateway->puts);
}

TEST(routes_are_pushed_when_they_changed_and_only_then)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct error err = {0};

    roll(w, PLAN(""));
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_INT(1, gateway->puts);
    struct str serving = name_at(bring_up(w), "serving[0]");
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_INT(2, gateway->puts);
    CHECK(str_find(str_from(gateway->routes), serving) > 0);
}

TEST(routes_that_were_refused_are_pushed_again)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct error err = {0};

    gateway->put_status = 503;
    CHECK_ERROR(ERROR_INTERNAL, link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_STR("The gateway refused its routes with status 503.", str_from(err.message));
    gateway->put_status = 200;
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_INT(2, gateway->puts);
}

TEST(a_new_key_reaches_the_gateway_as_another_hash)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct str before[ENDPOINT_KEY_COUNT_], after[ENDPOINT_KEY_COUNT_];
    struct error err = {0};

    CHECK_OK(endpoint_keys(w->endpoints, w->arena, &w->endpoint, before, &err), &err);
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_OK(endpoint_new_key(w->endpoints, &w->endpoint, ENDPOINT_KEY_SECONDARY, &err), &err);
    CHECK_OK(endpoint_keys(w->endpoints, w->arena, &w->endpoint, after, &err), &err);
    CHECK(str_eq(before[0], after[0]) && !str_eq(before[1], after[1]));
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    CHECK_INT(2, gateway->puts);
    for (int i = 0; i < ENDPOINT_KEY_COUNT_; i++)
        CHECK(str_find(str_from(gateway->routes), after[i]) < 0);
}

TEST(a_roll_out_is_done_once_the_gateway_sees_every_replica_answer)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct error err = {0};
    bool more;

    roll(w, PLAN(""));
    bring_up(w);
    CHECK_OK(link_push(w->endpoints, w->arena, look(w), &err), &err);
    struct rollout *rollout = step(w, &more);
    CHECK(more && rollout->state == ROLLOUT_CREATING);
    gateway->seen = true;
    rollout = step(w, &more);
    CHECK(!more && rollout->state == ROLLOUT_SUCCEEDED);
    CHECK(!json_bool_at(rollout->body, "switched", true));
    rollout = step(w, &more);
    CHECK(!more && rollout->state == ROLLOUT_SUCCEEDED);
}

TEST(what_is_no_status_counts_as_no_gateway)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct json *names = json_array(w->arena);

    gateway->odd = true;
    CHECK(!link_ready(w->endpoints, w->arena, names));
    gateway->odd = false;
    CHECK(link_ready(w->endpoints, w->arena, names));
    json_append(w->arena, names, json_text(w->arena, STR("d12345678")));
    CHECK(!link_ready(w->endpoints, w->arena, names));
}

TEST(the_thread_brings_a_deployment_up_by_itself)
{
    CLEANUP(world_close) struct world *w = world_open();
    CLEANUP(gateway_close) struct fake_gateway *gateway = gateway_open(w);
    struct error err = {0};
    struct rollout *rollout = NULL;

    gateway->seen = true;
    roll(w, PLAN(""));
    CHECK_OK(endpoints_start(w->endpoints, &err), &err);
    for (int i = 0; i < 500; i++) {
        endpoints_sync(w->endpoints);
        rollout = look(w)->rollouts;
        if (rollout->state == ROLLOUT_SUCCEEDED)
            break;
        struct json_iter it = json_iter(json_at(rollout->body, "next"));
        while (json_next(&it))
            if (file_exists(backend.dir, arena_printf(w->arena, "runs/%.*s/runner.json",
                                                      STR_ARG(json_as_str(it.value)))
                                             .ptr))
                write_record(json_as_str(it.value), "score.json", "{\"state\":\"ready\"}");
    }
    CHECK_INT(ROLLOUT_SUCCEEDED, rollout->state);
    CHECK_INT(2, backend.starts);
    CHECK(str_find(str_from(gateway->routes), name_at(rollout, "serving[1]")) > 0);
}
