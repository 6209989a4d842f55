/* The gateway, seen from serve: found or started, told the routes, asked who answers. It goes on
 * serving while we are away, so nothing is told to it that it could not serve by alone. */
#include "endpoint/internal.h"

#include "http/client.h"
#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On a socket of this host, where everything answers at once or never. */
#define CALL_MS 5000
#define START_US (10 * US_PER_S)
#define START_STEP_US (20 * US_PER_MS)
#define LOG_TAIL_BYTES 4096

/* --- Calls ---------------------------------------------------------------------------------------
 */

static const struct http_header JSON_BODY[] = {
    {STR_INIT("Content-Type"), STR_INIT("application/json")}};

/* One call on the gateway's control socket, answered within CALL_MS. */
static int link_call(struct endpoints *endpoints, struct arena *arena, struct http_call call,
                     struct http_response *out, struct error *err)
{
    /* By way of the open folder: a socket's path has 108 bytes, a data folder's may have more. */
    struct str socket =
        arena_printf(arena, "/proc/self/fd/%d/run/gateway.sock", endpoints->options.dir);
    CLEANUP(http_client_free)
    struct http_client *client =
        http_client_new(&(struct http_address){.unix_path = socket, .host = STR("localhost")});

    assert(call.method && call.target.len);
    call.timeout_ms = CALL_MS;
    call.headers = JSON_BODY;
    call.header_count = call.body.len ? COUNT(JSON_BODY) : 0;
    return http_client_send(client, arena, &call, out, err);
}

/* What GET /status says; NULL when no gateway answers. */
static struct json *link_status(struct endpoints *endpoints, struct arena *arena)
{
    const struct http_call call = {.method = "GET", .target = STR("/status")};
    struct http_response reply;

    if (!file_exists(endpoints->options.dir, "run/gateway.sock") ||
        link_call(endpoints, arena, call, &reply, NULL) < 0 || reply.status != 200)
        return NULL;
    return json_parse(arena, reply.body, NULL);
}

/* --- Starting ------------------------------------------------------------------------------------
 */

/* In a session of its own, so that it outlives us and answers while we are restarted; it logs to a
 * file, since our own standard error may be closed by then. */
static int link_spawn(struct endpoints *endpoints, struct arena *arena, struct error *err)
{
    const char *const argv[] = {process_self(arena).ptr,
                                "gateway",
                                "--data-dir",
                                endpoints->options.dir_path,
                                "--listen",
                                arena_cstr(arena, endpoints->options.listen),
                                NULL};
    CLEANUP(fd_close) int log = -1;

    assert(endpoints->gateway.pidfd < 0); /* one at a time; link_reap closes it */
    if (dir_make(endpoints->options.dir, "run", 0700, err) < 0)
        return -1;
    log = file_open(endpoints->options.dir, "run/gateway.log", O_WRONLY | O_CREAT | O_APPEND, 0600,
                    err);
    if (log < 0)
        return -1;
    const struct process_spec spec = {.argv = argv,
                                      .envp = compute_environment(arena),
                                      .cwd = endpoints->options.dir_path,
                                      .input = -1,
                                      .output = log,
                                      .errors = log,
                                      .own_session = true};
    return process_start(&spec, &endpoints->gateway, err);
}

/* The gateway's last words when it ended instead of answering: most often a port that is taken. */
static int link_ended(struct endpoints *endpoints, struct arena *arena, struct error *err)
{
    CLEANUP(fd_close)
    int fd = file_open(endpoints->options.dir, "run/gateway.log", O_RDONLY, 0, NULL);
    char *text = arena_alloc(arena, LOG_TAIL_BYTES);
    struct str rest = {0}, line, last = {0};

    assert(endpoints->gateway.pidfd >= 0);
    process_close(&endpoints->gateway);
    endpoints->gateway.pidfd = -1;
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        lseek(fd, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0, SEEK_SET);
        ssize_t count = fd_read_all(fd, text, LOG_TAIL_BYTES, NULL);
        rest = (struct str){text, count > 0 ? (size_t)count : 0};
    }
    while (str_split(&rest, '\n', &line))
        if (str_find(line, STR("gateway.failed")) >= 0)
            last = line;
    ssize_t at = str_find(last, STR("gateway.failed"));
    if (at >= 0)
        last = str_slice(last, (size_t)at + strlen("gateway.failed"), last.len);
    error_set(err, ERROR_CONFLICT, "--scoring-listen", "The gateway did not start:%.*s",
              STR_ARG(last));
    return error_hint(err, "Choose another address with --scoring-listen.");
}

/* Starts it and waits until it answers: *out_status is its first word. */
static int link_start(struct endpoints *endpoints, struct arena *arena, struct json **out_status,
                      struct error *err)
{
    int64_t until_us = clock_mono_us() + START_US;
    struct process_end end;

    assert(out_status);
    if (link_spawn(endpoints, arena, err) < 0)
        return -1;
    while (clock_mono_us() < until_us) {
        if (process_wait(&endpoints->gateway, 0, &end, NULL) == 1)
            return link_ended(endpoints, arena, err);
        *out_status = link_status(endpoints, arena);
        if (*out_status)
            return 0;
        clock_sleep_us(START_STEP_US);
    }
    return error_set(err, ERROR_UNAVAILABLE, "", "The gateway was started, but does not answer.");
}

/* Reaps a gateway of ours that ended. */
static void link_reap(struct endpoints *endpoints)
{
    struct process_end end;

    if (endpoints->gateway.pidfd >= 0 && process_wait(&endpoints->gateway, 0, &end, NULL) == 1) {
        process_close(&endpoints->gateway);
        endpoints->gateway.pidfd = -1;
    }
}

/* Asked at every turn, so a gateway that died is back within seconds. */
int link_ensure(struct endpoints *endpoints, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct json *status = link_status(endpoints, arena);
    struct str listen = json_str_at(status, "listen");

    link_reap(endpoints);
    if (status && !str_eq(listen, endpoints->options.listen)) {
        /* Another address is wanted now. Its replicas stay. */
        if (link_stop(endpoints, false, err) < 0)
            return -1;
        status = NULL;
    }
    /* Another one could not take the lock of one that lives: it may be busy, or stopped by hand. */
    if (!status && endpoints->gateway.pidfd >= 0)
        return error_set(err, ERROR_UNAVAILABLE, "", "The gateway lives, but does not answer.");
    if (!status) {
        /* A new gateway knows nothing, whatever the one before it was told. */
        free((char *)endpoints->pushed.ptr);
        endpoints->pushed = (struct str){0};
        if (link_start(endpoints, arena, &status, err) < 0)
            return -1;
    }
    int64_t port = json_int_at(status, "port", 0);
    assert(port > 0 && port <= UINT16_MAX);
    atomic_store(&endpoints->port, (uint16_t)port);
    return 0;
}

/* Waits until nobody answers: the port must be free for whoever starts next. */
int link_stop(struct endpoints *endpoints, bool replicas, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    int64_t until_us = clock_mono_us() + 2 * START_US;
    const struct http_call stop = {.method = "POST",
                                   .target = STR("/stop"),
                                   .body = replicas ? STR("{\"replicas\":true}")
                                                    : STR("{\"replicas\":false}")};
    struct http_response reply;

    if (!link_status(endpoints, arena))
        return 0;
    if (link_call(endpoints, arena, stop, &reply, err) < 0)
        return -1;
    while (link_status(endpoints, arena)) {
        if (clock_mono_us() > until_us)
            return error_set(err, ERROR_TIMEOUT, "", "The gateway does not end.");
        clock_sleep_us(START_STEP_US);
    }
    /* The lock is free a moment after the socket is silent. */
    struct process_end end;
    if (endpoints->gateway.pidfd >= 0)
        process_wait(&endpoints->gateway, (int)(START_US / US_PER_MS), &end, NULL);
    link_reap(endpoints);
    return 0;
}

/* --- Routes --------------------------------------------------------------------------------------
 */

/* The weight of a deployment in the endpoint's traffic, names in any case. */
static int64_t weight_of(const struct endpoint_view *endpoint, struct str deployment)
{
    const struct json *traffic = json_at(endpoint->body, "properties.traffic");
    int64_t weight = json_as_int(json_get_fold(traffic, deployment), 0);

    assert(deployment.len > 0);
    return weight < 0 ? 0 : weight > 100 ? 100 : weight;
}

/* Limits that a plan of an older version lacks fall back to the service's defaults. */
static struct json *route_deployment(struct arena *arena, const struct endpoint_view *endpoint,
                                     const struct rollout *rollout)
{
    static const struct {
        const char *name;
        int64_t fallback;
    } LIMITS[] = {{"concurrency", 1}, {"queue", 100}, {"queueWaitMs", 5000}, {"timeoutMs", 5000}};
    struct json *value = json_object(arena);
    const struct json *limits = json_at(rollout->body, "plan.limits");

    json_set_str(arena, value, "name", rollout->name);
    json_set_int(arena, value, "weight", weight_of(endpoint, rollout->name));
    for (size_t i = 0; i < COUNT(LIMITS); i++)
        json_set_int(arena, value, LIMITS[i].name,
                     json_int_at(limits, LIMITS[i].name, LIMITS[i].fallback));
    assert(rollout->body);
    json_set(arena, value, STR("replicas"), json_copy(arena, json_at(rollout->body, "serving")));
    return value;
}

/* Made anew at every turn; that they are the same text is how a turn without change is told. */
struct json *link_routes(struct endpoints *endpoints, struct arena *arena,
                         const struct endpoint_view *all, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(endpoints->options.store, err);
    struct json *routes = json_object(arena), *list = json_array(arena);

    if (!txn)
        return NULL;
    for (const struct endpoint_view *endpoint = all; endpoint; endpoint = endpoint->sibling) {
        struct json *value = json_object(arena), *deployments = json_array(arena);
        struct error cause = {0};
        struct json *keys = keys_hashes(endpoints, arena, txn, endpoint, &cause);
        if (!keys) {
            /* Deleted since the snapshot: the next turn does not see it. Else it is an error. */
            if (cause.code == ERROR_NOT_FOUND)
                continue;
            *err = cause;
            return NULL;
        }
        json_set_str(arena, value, "name", endpoint->document.name);
        json_set(arena, value, STR("keys"), keys);
        for (const struct rollout *rollout = endpoint->rollouts; rollout;
             rollout = rollout->sibling)
            json_append(arena, deployments, route_deployment(arena, endpoint, rollout));
        json_set(arena, value, STR("deployments"), deployments);
        json_append(arena, list, value);
    }
    json_set(arena, routes, STR("endpoints"), list);
    return routes;
}

/* Nothing counts as told before the gateway has answered 200. */
int link_push(struct endpoints *endpoints, struct arena *arena, const struct endpoint_view *all,
              struct error *err)
{
    struct json *routes = link_routes(endpoints, arena, all, err);
    struct http_response reply;

    if (!routes)
        return -1;
    struct str text = json_write(arena, routes);
    /* Most turns change nothing; the gateway would only compare and answer the same. */
    if (endpoints->pushed.ptr && str_eq(text, endpoints->pushed))
        return 0;
    const struct http_call put = {.method = "PUT", .target = STR("/routes"), .body = text};
    if (link_call(endpoints, arena, put, &reply, err) < 0)
        return -1;
    if (reply.status != 200)
        return error_set(err, ERROR_INTERNAL, "", "The gateway refused its routes with status %d.",
                         reply.status);
    free((char *)endpoints->pushed.ptr);
    char *kept = malloc(text.len + 1);
    if (!kept)
        abort();
    memcpy(kept, text.ptr, text.len);
    endpoints->pushed = (struct str){kept, text.len};
    return 0;
}

/* --- Who answers ---------------------------------------------------------------------------------
 */

/* Whether the gateway's own probe of that replica was answered. */
static bool status_ready(const struct json *status, struct str name)
{
    struct json_iter endpoints = json_iter(json_at(status, "endpoints"));

    while (json_next(&endpoints)) {
        struct json_iter deployments = json_iter(json_at(endpoints.value, "deployments"));
        while (json_next(&deployments)) {
            struct json_iter replicas = json_iter(json_at(deployments.value, "replicas"));
            while (json_next(&replicas))
                if (str_eq(json_str_at(replicas.value, "name"), name))
                    return json_bool_at(replicas.value, "ready", false);
        }
    }
    return false;
}

/* By the gateway's eyes, not by ours: its probe is what a request depends on. */
bool link_ready(struct endpoints *endpoints, struct arena *arena, const struct json *names)
{
    struct json *status = link_status(endpoints, arena);
    struct json_iter it = json_iter(names);

    if (!status)
        return false;
    while (json_next(&it))
        if (!status_ready(status, json_as_str(it.value)))
            return false;
    return true;
}
