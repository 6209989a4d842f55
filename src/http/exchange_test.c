/* Lives of exchanges: late plans, late replies, peers that leave, stops that do not wait. */
#include "http/harness_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a request is to meet. */
struct scene {
    _Atomic(struct http_exchange *) held;
    atomic_int runs, closes;
    unsigned sleep_ms;
    int fd; /* for a file or a tunnel */
    struct http_source source;
};

static ssize_t nothing_read(struct http_source *, void *, size_t)
{
    return HTTP_SOURCE_WAIT;
}

static void nothing_close(struct http_source *source)
{
    atomic_fetch_add(&CONTAINER_OF(source, struct scene, source)->closes, 1);
}

static void answer(struct http_exchange *ex, void *context)
{
    struct scene *scene = context;
    struct str body = http_body(ex);

    if (scene->sleep_ms)
        usleep(scene->sleep_ms * 1000);
    const char *note = http_get_context(ex);
    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "%.*s %s", STR_ARG(body), note ? note : "-"));
    atomic_fetch_add(&scene->runs, 1);
}

static void answer_with_source(struct http_exchange *ex, void *context)
{
    struct scene *scene = context;

    usleep(scene->sleep_ms * 1000);
    scene->source = (struct http_source){nothing_read, nothing_close};
    http_reply_source(ex, 200, "text/plain", -1, &scene->source);
    atomic_fetch_add(&scene->runs, 1);
}

static void answer_with_file(struct http_exchange *ex, void *context)
{
    struct scene *scene = context;

    usleep(scene->sleep_ms * 1000);
    http_reply_file(ex, 200, "text/plain", &(struct http_part){scene->fd, 0, 10});
    atomic_fetch_add(&scene->runs, 1);
}

/* Hands the exchange to another thread and returns at once. */
static void hold(struct http_exchange *ex, void *context)
{
    struct scene *scene = context;

    atomic_store(&scene->held, ex);
    atomic_fetch_add(&scene->runs, 1);
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct scene *scene = context;
    struct str path = http_path(ex);

    if (str_eq(path, STR("/deferred"))) {
        http_set_context(ex, "noted");
        atomic_store(&scene->held, ex);
        return HTTP_DEFERRED;
    }
    if (str_eq(path, STR("/held")))
        return harness_go(plan, HTTP_ON_LOOP, hold, scene);
    if (str_eq(path, STR("/held-worker")))
        return harness_go(plan, HTTP_ON_WORKER, hold, scene);
    if (str_eq(path, STR("/source")))
        return harness_go(plan, HTTP_ON_WORKER, answer_with_source, scene);
    if (str_eq(path, STR("/file")))
        return harness_go(plan, HTTP_ON_WORKER, answer_with_file, scene);
    if (str_eq(path, STR("/no"))) {
        http_add_header(ex, "WWW-Authenticate", STR("Bearer"));
        http_reply(ex, 401, NULL, STR(""));
        return HTTP_REPLIED;
    }
    return harness_go(plan, HTTP_ON_WORKER, answer, scene);
}

static struct http_exchange *wait_held(struct scene *scene)
{
    for (int i = 0; i < 5000 && !atomic_load(&scene->held); i++)
        usleep(1000);
    struct http_exchange *ex = atomic_exchange(&scene->held, NULL);
    CHECK(ex);
    return ex;
}

static void wait_runs(struct scene *scene, int count)
{
    for (int i = 0; i < 5000 && atomic_load(&scene->runs) < count; i++)
        usleep(1000);
    CHECK_INT(count, atomic_load(&scene->runs));
}

static void cut(int fd)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

TEST(exchange_goes_on_when_its_plan_comes_late)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct scene scene = {0};
    struct http_plan plan = {.body_limit = 100, .run = answer, .context = &scene};

    harness_start(&harness, routes, &scene);
    int fd = raw_connect(harness.port);
    for (int where = HTTP_ON_WORKER; where <= HTTP_ON_LOOP; where++) {
        plan.where = (enum http_where)where;
        raw_send(fd, STR("POST /deferred HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"));
        struct http_exchange *ex = wait_held(&scene);
        raw_send(fd, STR("bcGET /no HTTP/1.1\r\nHost: x\r\n\r\n"));
        usleep(20 * 1000);
        http_proceed(ex, &plan);
        struct str reply = raw_read(arena, fd, "Bearer\r\n");
        CHECK_INT(200, raw_status(reply));
        CHECK_INT(1, raw_count(reply, "abc notedHTTP/1.1 401 Unauthorized"));
    }
    close(fd);
}

TEST(exchange_may_be_refused_in_place_of_a_plan)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct scene scene = {0};

    harness_start(&harness, routes, &scene);
    int fd = raw_connect(harness.port);
    /* The body is there: the connection goes on. */
    raw_send(fd, STR("POST /deferred HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"));
    http_reply(wait_held(&scene), 401, NULL, STR(""));
    struct str reply = raw_read(arena, fd, "\r\n\r\n");
    CHECK_INT(401, raw_status(reply));
    CHECK_INT(0, raw_count(reply, "Connection: close"));
    /* It is not: it cannot. */
    raw_send(fd, STR("POST /deferred HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"));
    http_reply(wait_held(&scene), 401, NULL, STR(""));
    reply = raw_read(arena, fd, NULL);
    CHECK_INT(401, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "Connection: close"));
    close(fd);
}

TEST(exchange_may_be_answered_by_another_thread)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct scene scene = {0};

    harness_start(&harness, routes, &scene);
    int fd = raw_connect(harness.port);
    for (int i = 0; i < 100; i++) {
        raw_send(fd, i % 2 ? STR("GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
                           : STR("GET /held-worker HTTP/1.1\r\nHost: x\r\n\r\n"));
        http_reply(wait_held(&scene), 200, "text/plain", STR("from elsewhere"));
        CHECK_INT(200, raw_status(raw_read(arena, fd, "elsewhere")));
    }
    close(fd);
}

TEST(exchange_outlives_a_peer_that_leaves)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct scene scene = {.sleep_ms = 100};
    static const char *const PATHS[] = {"/worker", "/source",   "/file",
                                        "/held",   "/deferred", "/deferred"};
    struct http_plan plan = {.body_limit = 100, .run = answer, .context = &scene};

    harness_start(&harness, routes, &scene);
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        int runs = atomic_load(&scene.runs);
        int fd = raw_connect(harness.port);
        scene.fd = dup(fd);
        raw_send(fd, arena_printf(arena, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", PATHS[i]));
        usleep(30 * 1000);
        if (i != 2) {
            close(scene.fd);
            scene.fd = -1;
        }
        cut(fd);
        usleep(30 * 1000);
        if (i == 3 || i == 4)
            http_reply(wait_held(&scene), 200, NULL, STR("nobody hears it"));
        else if (i == 5)
            http_proceed(wait_held(&scene), &plan); /* and run is not called for nobody */
        else
            wait_runs(&scene, runs + 1);
    }
    for (int i = 0; i < 1000 && atomic_load(&scene.closes) == 0; i++)
        usleep(1000);
    CHECK_INT(1, atomic_load(&scene.closes));
    CHECK_INT(4, atomic_load(&scene.runs));
    /* The server is none the worse. */
    CHECK_INT(401,
              raw_status(raw_ask(arena, harness.port,
                                 STR("GET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))));
}

TEST(exchange_is_awaited_by_a_stop_that_cuts_its_connection)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct scene scene = {.sleep_ms = 400};
    struct harness harness;

    harness_start(&harness, routes, &scene);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /worker HTTP/1.1\r\nHost: x\r\n\r\n"));
    usleep(50 * 1000);
    http_server_stop(harness.server, 0);
    CHECK_INT(1, atomic_load(&scene.runs)); /* the handler ended in peace */
    CHECK_STR("", raw_read(arena, fd, NULL));
    close(fd);
    harness_stop(&harness);
}

static void *many_requests(void *context)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    const struct harness *harness = context;
    CLEANUP(http_client_free) struct http_client *client = harness_client(harness, false);
    struct http_response response;
    struct error err = {0};

    for (int i = 0; i < 300; i++) {
        struct str body = arena_printf(arena, "%d of %p", i, (void *)&response);
        struct http_call call = {.method = "POST", .target = STR("/worker"), .body = body};
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        CHECK_STR(arena_printf(arena, "%.*s -", STR_ARG(body)).ptr, response.body);
    }
    return NULL;
}

TEST(exchanges_of_many_peers_do_not_mix)
{
    CLEANUP(harness_stop) struct harness harness;
    struct scene scene = {0};
    pthread_t threads[8];

    harness_start(&harness, routes, &scene);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, many_requests, &harness));
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(2400, atomic_load(&scene.runs));
}
