/* The control socket, in this process and around a whole gateway that is killed and started again.
 */
#include "gateway/control.h"

#include "base/test.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "http/tls.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROUTES(name)                                                                      \
    "{\"endpoints\":[{\"name\":\"" name "\",\"keys\":[\"" HASH "\"],\"deployments\":[{"   \
    "\"name\":\"blue\",\"weight\":100,\"concurrency\":2,\"queue\":1,\"queueWaitMs\":100," \
    "\"timeoutMs\":1000,\"replicas\":[\"d00000001\"]}]}]}"

struct world {
    struct gateway gateway;
    struct pool *pool;
    struct arena *arena;
    char path[300];
};

static enum http_verdict world_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    return control_head(ex, plan, context);
}

static struct world *world_open(void)
{
    static unsigned number;
    struct world *w = calloc(1, sizeof(*w));
    const struct http_app app = {.head = world_head, .context = &w->gateway};
    struct error err = {0};
    uint16_t port;

    CHECK(w);
    snprintf(w->path, sizeof(w->path), "%s/control-%u", test_folder(), number++);
    CHECK_INT(0, mkdir(w->path, 0700));
    w->arena = arena_new(16 * MIB);
    w->pool = pool_new(1);
    w->gateway = (struct gateway){.dir = dir_open(w->path, &err),
                                  .dir_path = w->path,
                                  .listen = STR("127.0.0.1:0"),
                                  .port = 4711,
                                  .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    CHECK_OK(dir_make(w->gateway.dir, "run", 0700, &err), &err);
    routes_init(&w->gateway.routes);
    w->gateway.server = http_server_new(w->pool, &app, 1, &err);
    const struct http_listener listener = {.unix_path = "run/gateway.sock",
                                           .unix_dir = w->gateway.dir};
    CHECK_OK(http_server_listen(w->gateway.server, &listener, &port, &err), &err);
    return w;
}

static void world_close(struct world **w)
{
    http_server_free(&(*w)->gateway.server);
    routes_free(&(*w)->gateway.routes);
    pool_free(&(*w)->pool);
    arena_free(&(*w)->arena);
    fd_close(&(*w)->gateway.stop_fd);
    fd_close(&(*w)->gateway.dir);
    free(*w);
}

/* One call on the socket in this folder; -1 when nobody answers. */
static int call_at(struct arena *arena, int dir, const char *method, const char *target,
                   const char *body, struct str *out)
{
    struct str socket = arena_printf(arena, "/proc/self/fd/%d/run/gateway.sock", dir);
    CLEANUP(http_client_free)
    struct http_client *client =
        http_client_new(&(struct http_address){.unix_path = socket, .host = STR("localhost")});
    const struct http_call call = {
        .method = method, .target = str_from(target), .body = str_from(body), .timeout_ms = 5000};
    struct http_response reply;

    if (http_client_send(client, arena, &call, &reply, NULL) < 0)
        return -1;
    if (out)
        *out = arena_str(arena, reply.body);
    return reply.status;
}

static int call(struct world *w, const char *method, const char *target, const char *body)
{
    return call_at(w->arena, w->gateway.dir, method, target, body, NULL);
}

/* What GET /status says at a path. */
static struct str status(struct world *w, const char *path)
{
    struct str text;
    struct error err = {0};

    CHECK_INT(200, call_at(w->arena, w->gateway.dir, "GET", "/status", "", &text));
    struct json *value = json_parse(w->arena, text, &err);
    CHECK_OK(value ? 0 : -1, &err);
    return json_str_at(value, path);
}

TEST(routes_that_are_put_are_kept_and_in_force)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("", status(w, "endpoints[0].name"));
    CHECK_INT(200, call(w, "PUT", "/routes", ROUTES("ep")));
    CHECK_STR("ep", status(w, "endpoints[0].name"));
    CHECK_STR("d00000001", status(w, "endpoints[0].deployments[0].replicas[0].name"));
    CHECK_STR("127.0.0.1:0", status(w, "listen"));
    CHECK(file_exists(w->gateway.dir, "run/gateway.json"));
    struct stat file;
    CHECK_INT(0, fstatat(w->gateway.dir, "run/gateway.json", &file, 0));
    CHECK_INT(0600, file.st_mode & 0777);
}

TEST(routes_that_cannot_be_right_are_refused_and_change_nothing)
{
    static const char *const BAD[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"endpoints\":{}}",
        "{\"endpoints\":[{\"name\":\"\"}]}",
        "{\"endpoints\":[{\"name\":\"a\",\"keys\":[\"short\"]}]}",
        "{\"endpoints\":[{\"name\":\"a\",\"keys\":[\"" HASH "\",\"" HASH "\",\"" HASH "\",\"" HASH
        "\",\"" HASH "\"]}]}",
        "{\"endpoints\":[{\"name\":\"a\",\"deployments\":[{\"name\":\"b\",\"weight\":101}]}]}",
        "{\"endpoints\":[{\"name\":\"a\",\"deployments\":[{\"name\":\"b\",\"weight\":1,"
        "\"concurrency\":1,\"queue\":1,\"queueWaitMs\":1,\"timeoutMs\":1,"
        "\"replicas\":[\"../../keys\"]}]}]}",
    };
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(200, call(w, "PUT", "/routes", ROUTES("ep")));
    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_INT(400, call(w, "PUT", "/routes", BAD[i]));
        CHECK_STR("ep", status(w, "endpoints[0].name"));
    }
}

TEST(routes_that_cannot_be_kept_are_not_in_force)
{
    static const enum fault_point POINTS[] = {FAULT_WRITE, FAULT_FSYNC, FAULT_RENAME};
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    uint16_t port;

    CHECK_INT(200, call(w, "PUT", "/routes", ROUTES("old")));
    for (size_t i = 0; i < COUNT(POINTS); i++) {
        fault_plan(POINTS[i], 1, ENOSPC, false);
        CHECK_INT(503, call(w, "PUT", "/routes", ROUTES("new")));
        fault_plan(POINTS[i], 0, 0, false);
        CHECK_STR("old", status(w, "endpoints[0].name"));
        /* A gateway that starts again now agrees. */
        struct gateway next = {.dir = w->gateway.dir};
        routes_init(&next.routes);
        CHECK_OK(control_load(&next, &port, &err), &err);
        CHECK(routes_endpoint(&next.routes, STR("old")) != NULL);
        routes_free(&next.routes);
    }
    CHECK_INT(200, call(w, "PUT", "/routes", ROUTES("new")));
    CHECK_STR("new", status(w, "endpoints[0].name"));
}

TEST(what_an_earlier_gateway_left_is_taken_up)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct gateway next = {.dir = w->gateway.dir, .listen = STR("127.0.0.1:0"), .port = 99};
    struct error err = {0};
    uint16_t port = 1;

    routes_init(&next.routes);
    CHECK_OK(control_load(&next, &port, &err), &err);
    CHECK_INT(0, port); /* nothing was left */
    CHECK_INT(200, call(w, "PUT", "/routes", ROUTES("ep")));
    CHECK_OK(control_load(&next, &port, &err), &err);
    CHECK_INT(4711, port);
    CHECK(routes_endpoint(&next.routes, STR("EP")) != NULL);
    /* Saving without routes keeps those of the file, and says who is there now. */
    CHECK_OK(control_save(&next, NULL, &err), &err);
    CHECK_OK(control_load(&next, &port, &err), &err);
    CHECK_INT(99, port);
    CHECK(routes_endpoint(&next.routes, STR("ep")) != NULL);
    CHECK_OK(file_write_atomic(w->gateway.dir, "run/gateway.json", STR("{\"endp"), 0600, &err),
             &err);
    CHECK_INT(-1, control_load(&next, &port, &err));
    CHECK(routes_endpoint(&next.routes, STR("ep")) != NULL);
    routes_free(&next.routes);
}

TEST(stop_is_answered_and_says_what_becomes_of_the_replicas)
{
    CLEANUP(world_close) struct world *w = world_open();
    uint64_t asked;

    CHECK_INT(202, call(w, "POST", "/stop", "{\"replicas\":true}"));
    CHECK(w->gateway.stop_replicas);
    CHECK_INT(sizeof(asked), read(w->gateway.stop_fd, &asked, sizeof(asked)));
    CHECK_INT(202, call(w, "POST", "/stop", "what"));
    CHECK(!w->gateway.stop_replicas);
}

TEST(other_paths_and_methods_are_not_there)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(404, call(w, "GET", "/routes", ""));
    CHECK_INT(404, call(w, "DELETE", "/routes", ""));
    CHECK_INT(404, call(w, "GET", "/status/", ""));
    CHECK_INT(404, call(w, "GET", "/endpoints/ep/score", ""));
}

/* --- A whole gateway -----------------------------------------------------------------------------
 */

static pid_t gateway_start(const char *path)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        char *argv[] = {(char *)"gateway",  (char *)"--data-dir",  (char *)path,
                        (char *)"--listen", (char *)"127.0.0.1:0", NULL};
        _exit(gateway_main(5, argv));
    }
    return child;
}

/* The port it listens on, once it answers. */
static int64_t gateway_port(struct arena *arena, int dir)
{
    struct str text;

    for (int i = 0; i < 1000; i++) {
        if (file_exists(dir, "run/gateway.sock") &&
            call_at(arena, dir, "GET", "/status", "", &text) == 200)
            return json_int_at(json_parse(arena, text, NULL), "port", 0);
        clock_sleep_us(10 * US_PER_MS);
    }
    fail_msg("The gateway does not answer.");
    return 0;
}

static int gateway_end(pid_t child, int signal)
{
    int status;

    if (signal)
        CHECK_INT(0, kill(child, signal));
    CHECK_INT(child, waitpid(child, &status, 0));
    return status;
}

TEST(a_gateway_that_is_killed_comes_back_with_its_routes_and_its_port)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    const struct str names[] = {STR("localhost")};
    struct error err = {0};
    struct str text;
    char path[300];

    snprintf(path, sizeof(path), "%s/whole", test_folder());
    CHECK_INT(0, mkdir(path, 0700));
    CLEANUP(fd_close) int dir = dir_open(path, &err);
    CHECK_OK(dir_make(dir, "tls", 0700, &err), &err);
    CLEANUP(fd_close) int tls = dir_open_at(dir, "tls", 0, &err);
    CHECK_OK(http_tls_prepare(tls, names, COUNT(names), &err), &err);
    pid_t first = gateway_start(path);
    int64_t port = gateway_port(arena, dir);
    CHECK(port > 0);
    CHECK_INT(200, call_at(arena, dir, "PUT", "/routes", ROUTES("ep"), NULL));
    /* A second one for the same folder ends by itself. */
    int status = gateway_end(gateway_start(path), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    status = gateway_end(first, SIGKILL);
    CHECK(WIFSIGNALED(status));
    pid_t second = gateway_start(path);
    /* The dead one's socket refuses until the new one has taken its place. */
    CHECK_INT(port, gateway_port(arena, dir));
    CHECK_INT(200, call_at(arena, dir, "GET", "/status", "", &text));
    CHECK_STR("ep", json_str_at(json_parse(arena, text, NULL), "endpoints[0].name"));
    CHECK_INT(202, call_at(arena, dir, "POST", "/stop", "{\"replicas\":false}", NULL));
    status = gateway_end(second, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_gateway_without_a_folder_or_a_free_port_says_so_and_ends)
{
    char *none[] = {(char *)"gateway", NULL};
    char *nowhere[] = {(char *)"gateway", (char *)"--data-dir", (char *)"/nowhere/at/all", NULL};
    pid_t child = fork();

    if (child == 0)
        _exit(gateway_main(1, none) == 2 && gateway_main(3, nowhere) == 1 ? 0 : 1);
    CHECK_INT(0, gateway_end(child, 0));
}
