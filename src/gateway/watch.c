/* watch.c - one thread that asks each replica how it is, and starts again what died
 *
 * It looks in three steps, so that nothing slow happens under the lock: pin who is due, ask them,
 * write down what was seen. A pinned replica may leave the tree meanwhile, but is not freed.
 */
#include "gateway/watch.h"

#include "base/log.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 50                      /* how late a queue's time-out can be */
#define PROBE_READY_US (1 * US_PER_S)   /* between looks at one that answers */
#define PROBE_AWAY_US (100 * US_PER_MS) /* … and at one that does not */
#define PROBE_MS 1000
#define BACKOFF_US (1 * US_PER_S)
#define BACKOFF_MAX_US (30 * US_PER_S)
#define SETTLED_US (60 * US_PER_S) /* ready this long: the next death is a new story */
#define AT_ONCE 64

/* One replica under the watcher's eyes: pinned, so that it outlives the look. */
struct look {
    struct gateway_replica *replica;
    bool was_ready, ready;
    bool alive;   /* its runner */
    bool started; /* we started a new one */
};

/* Asked right before each call: the folder's owner may change what lies there at any time. */
static bool watch_is_socket(const struct gateway *gateway, const struct gateway_replica *replica)
{
    struct stat status;

    /* The folder is the replica's own: a link there could lead to a socket of ours. */
    return fstatat(gateway->dir, replica->socket, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISSOCK(status.st_mode);
}

/* A connection of its own each time: one that is kept would tell nothing of whether new ones are
 * taken. */
static bool watch_answers(const struct gateway *gateway, const struct gateway_replica *replica)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(http_client_free) struct http_client *client = NULL;
    const struct http_call call = {
        .method = "GET", .target = STR("/health"), .timeout_ms = PROBE_MS, .reply_limit = 64 * KIB};
    struct http_response reply;

    if (!watch_is_socket(gateway, replica))
        return false;
    client = http_client_new(
        &(struct http_address){.unix_path = str_from(replica->socket), .host = STR("localhost")});
    return http_client_send(client, arena, &call, &reply, NULL) == 0 && reply.status == 200;
}

/* Whether the runner that runner.json names lives. */
static bool watch_runner(const struct gateway *gateway, const struct gateway_replica *replica,
                         struct process_id *out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    char path[64];
    struct str text;

    snprintf(path, sizeof(path), "runs/%s/runner.json", replica->name);
    if (file_read(arena, gateway->dir, path, 4 * KIB, &text, NULL) < 0)
        return false;
    struct json *value = json_parse(arena, text, NULL);
    struct str boot = json_str_at(value, "bootId");
    if (!value || boot.len >= sizeof(out->boot_id))
        return false;
    *out = (struct process_id){.pid = (pid_t)json_int_at(value, "pid", 0),
                               .start_time = (uint64_t)json_int_at(value, "startTime", 0)};
    memcpy(out->boot_id, boot.ptr ? boot.ptr : "", boot.len);
    return out->pid > 0 && process_alive(out);
}

/* What the last life left behind would make the next one think it is over. */
static void watch_clear(const struct gateway *gateway, const struct gateway_replica *replica)
{
    static const char *const LEFT[] = {"exit.json", "score.json", "r.sock", "app.sock"};
    char path[64];

    for (size_t i = 0; i < COUNT(LEFT); i++) {
        snprintf(path, sizeof(path), "runs/%s/%s", replica->name, LEFT[i]);
        unlinkat(gateway->dir, path, 0);
    }
}

/* The runner finds all it needs in the folder; it outlives us, as one that `serve` started. */
static bool watch_start(const struct gateway *gateway, struct gateway_replica *replica)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str folder = arena_printf(arena, "%s/runs/%s", gateway->dir_path, replica->name);
    struct str self = process_self(arena);
    const char *const argv[] = {self.ptr, "runner", folder.ptr, NULL};
    const struct process_spec spec = {.argv = argv,
                                      .cwd = gateway->dir_path,
                                      .input = -1,
                                      .output = -1,
                                      .errors = -1,
                                      .own_session = true};
    struct error err = {0};

    watch_clear(gateway, replica);
    if (process_start(&spec, &replica->child, &err) < 0) {
        replica->child.pidfd = -1;
        log_error("replica.start", &err);
        return false;
    }
    LOG(LOG_WARN, "replica.restarted", LOG_TEXT("replica", replica->name),
        LOG_INT("pid", replica->child.id.pid), LOG_INT("times", replica->restarts + 1));
    return true;
}

/* Reaps a runner that we started and that ended. */
static bool watch_child(struct gateway_replica *replica)
{
    struct process_end end;

    assert(replica->pins > 0);
    if (replica->child.pidfd < 0)
        return false;
    if (process_wait(&replica->child, 0, &end, NULL) == 0)
        return true;
    process_close(&replica->child);
    replica->child.pidfd = -1;
    return false;
}

/* The slow part, without the lock; only this thread touches `child` and the start times. */
static void watch_look(const struct gateway *gateway, struct look *look, int64_t now_us)
{
    struct gateway_replica *replica = look->replica;
    struct process_id runner;

    look->ready = watch_answers(gateway, replica);
    if (look->ready)
        return;
    look->alive = watch_child(replica) || watch_runner(gateway, replica, &runner);
    if (!look->alive && now_us >= replica->next_start_us)
        look->started = watch_start(gateway, replica);
}

/* 1, 2, 4 … 30 seconds: a model that cannot start must not keep the host busy. */
static int64_t watch_backoff(unsigned restarts)
{
    int64_t wait = BACKOFF_US;

    assert(restarts > 0);
    for (unsigned i = 1; i < restarts && wait < BACKOFF_MAX_US; i++)
        wait *= 2;
    return wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US;
}

/* Writes down what was seen. The lock is held. */
static void watch_note(struct look *look, int64_t now_us)
{
    struct gateway_replica *replica = look->replica;

    assert(replica->pins > 0);
    replica->pins--;
    replica->ready = look->ready && replica->wanted;
    replica->next_probe_us = now_us + (look->ready ? PROBE_READY_US : PROBE_AWAY_US);
    if (look->ready && !look->was_ready)
        replica->ready_since_us = now_us;
    if (look->ready && now_us - replica->ready_since_us > SETTLED_US)
        replica->restarts = 0;
    if (look->started) {
        replica->restarts++;
        replica->next_start_us = now_us + watch_backoff(replica->restarts);
    }
}

/* Pins the replicas that are due. The lock is held. */
static size_t watch_due(struct gateway_routes *routes, int64_t now_us, struct look *looks)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct gateway_replica *replica;
    size_t count = 0;

    assert(now_us > 0);
    ROUTES_EACH(struct gateway_endpoint, endpoint, &routes->endpoints)
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    if (count < AT_ONCE && replica->next_probe_us <= now_us) {
        replica->pins++;
        looks[count++] = (struct look){.replica = replica, .was_ready = replica->ready};
    }
    return count;
}

/* Asked between two looks: each may take its whole time, and the end cannot wait for all. */
static bool watch_is_over(const struct gateway *gateway)
{
    struct pollfd stop = {.fd = gateway->stop_fd, .events = POLLIN};

    return poll(&stop, 1, 0) > 0;
}

/* Probes run outside of the lock, as each may take its whole time; what was found is noted with
 * it. */
void watch_once(struct gateway *gateway, int64_t now_us)
{
    struct look looks[AT_ONCE];
    size_t looked = 0;
    bool more = false;

    pthread_mutex_lock(&gateway->routes.lock);
    size_t count = watch_due(&gateway->routes, now_us, looks);
    pthread_mutex_unlock(&gateway->routes.lock);
    while (looked < count && !watch_is_over(gateway))
        watch_look(gateway, &looks[looked++], now_us);
    pthread_mutex_lock(&gateway->routes.lock);
    for (size_t i = looked; i < count; i++)
        looks[i].replica->pins--;
    for (size_t i = 0; i < looked; i++) {
        if (looks[i].ready != looks[i].was_ready)
            LOG(LOG_INFO, "replica.state", LOG_TEXT("replica", looks[i].replica->name),
                LOG_TEXT("state", looks[i].ready ? "ready" : "away"));
        more |= looks[i].ready;
        watch_note(&looks[i], now_us);
    }
    routes_sweep(&gateway->routes);
    pthread_mutex_unlock(&gateway->routes.lock);
    if (more)
        proxy_serve_waiting(gateway);
}

/* Which socket `serve` would reach; 0 when the folder is gone. */
static ino_t watch_control(const struct gateway *gateway)
{
    struct stat status;

    return fstatat(gateway->dir, "run/gateway.sock", &status, AT_SYMLINK_NOFOLLOW) == 0
               ? status.st_ino
               : 0;
}

/* Until it is told to stop, or until its control file is gone: a folder that was removed has no
 * server that could tell us. */
void watch_run(struct gateway *gateway)
{
    struct pollfd stop = {.fd = gateway->stop_fd, .events = POLLIN};
    const ino_t control = watch_control(gateway);
    const uint64_t one = 1;

    assert(gateway->stop_fd >= 0);
    while (poll(&stop, 1, TICK_MS) == 0) {
        int64_t now_us = clock_mono_us();
        /* Removed with its folder, or replaced: nobody can tell us anything any more. */
        if (watch_control(gateway) != control) {
            LOG(LOG_WARN, "gateway.forgotten");
            if (write(gateway->stop_fd, &one, sizeof(one)) == sizeof(one))
                return;
        }
        proxy_expire(gateway, now_us);
        watch_once(gateway, now_us);
    }
}

/* For a stop that is to end everything: the whole group of each, so that workers go as well. */
void watch_stop_replicas(struct gateway *gateway)
{
    struct gateway_endpoint *endpoint;
    struct gateway_deployment *deployment;
    struct gateway_replica *replica;
    struct process_id runner;

    assert(atomic_load(&gateway->stop_replicas));
    pthread_mutex_lock(&gateway->routes.lock);
    ROUTES_EACH(struct gateway_endpoint, endpoint, &gateway->routes.endpoints)
    ROUTES_EACH(struct gateway_deployment, deployment, &endpoint->deployments)
    ROUTES_EACH(struct gateway_replica, replica, &deployment->replicas)
    if (watch_runner(gateway, replica, &runner))
        process_signal_group(runner.pid, SIGTERM, NULL);
    pthread_mutex_unlock(&gateway->routes.lock);
}
