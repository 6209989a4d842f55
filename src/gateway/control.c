/* control.c - the rows of the control socket, and the state file behind them
 *
 * run/gateway.json lets a gateway that was killed and started again answer with the routes it had
 * before anybody tells it anything. It holds hashes of keys, no keys.
 */
#include "gateway/control.h"

#include "base/log.h"
#include "http/limits.h"
#include "os/file.h"
#include "os/process.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The routes as they were told last: a gateway that starts anew serves by them before any server
 * speaks. */
#define STATE_FILE "run/gateway.json"
#define STATE_BYTES (4 * MIB)
#define STATE_ARENA_BYTES (64 * MIB)

/* What the state file holds; NULL when there is none or it is no JSON. */
static struct json *control_read(struct gateway *gateway, struct arena *arena, struct error *err)
{
    struct str text;

    assert(gateway->dir >= 0);
    if (file_read(arena, gateway->dir, STATE_FILE, STATE_BYTES, &text, err) < 0)
        return NULL;
    return json_parse(arena, text, err);
}

/* Whole or not at all: the file is replaced in one step. */
int control_save(struct gateway *gateway, const struct json *endpoints, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(STATE_ARENA_BYTES);
    struct json *value = json_object(arena);
    struct process_id self;

    assert(gateway->dir >= 0);
    if (process_identify(getpid(), &self, err) < 0)
        return -1;
    json_set_int(arena, value, "version", 1);
    json_set_str(arena, value, "listen", gateway->listen);
    json_set_int(arena, value, "port", gateway->port);
    json_set_int(arena, value, "pid", self.pid);
    json_set_int(arena, value, "startTime", (int64_t)self.start_time);
    json_set_str(arena, value, "bootId", str_from(self.boot_id));
    /* At the start the file's own routes stay, also those that could not be loaded. */
    if (!endpoints)
        endpoints = json_at(control_read(gateway, arena, NULL), "endpoints");
    json_set(arena, value, STR("endpoints"),
             endpoints ? json_copy(arena, endpoints) : json_array(arena));
    return file_write_atomic(gateway->dir, STATE_FILE, json_write_pretty(arena, value), 0600, err);
}

/* Checked as what comes over the socket is: the file may be an older version's. */
int control_load(struct gateway *gateway, uint16_t *out_port, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(STATE_ARENA_BYTES);

    assert(out_port);
    *out_port = 0;
    if (!file_exists(gateway->dir, STATE_FILE))
        return 0;
    struct json *value = control_read(gateway, arena, err);
    if (!value || routes_apply(&gateway->routes, value, err) < 0)
        return -1;
    *out_port = (uint16_t)json_int_at(value, "port", 0);
    return 0;
}

/* Who we are, and how everything behind us does. */
static void control_status(struct http_exchange *ex, void *context)
{
    struct gateway *gateway = context;
    struct arena *arena = http_arena(ex);
    struct json *value = json_object(arena);

    assert(gateway->dir >= 0);
    json_set_str(arena, value, "listen", gateway->listen);
    json_set_int(arena, value, "port", gateway->port);
    json_set_int(arena, value, "pid", getpid());
    json_set(arena, value, STR("endpoints"), routes_status(&gateway->routes, arena));
    http_reply(ex, 200, "application/json", json_write(arena, value));
}

/* On a worker: kept first, then in force, so that a crash between the two forgets nothing. */
static void control_routes(struct http_exchange *ex, void *context)
{
    struct gateway *gateway = context;
    struct error err = {0};
    struct json *wanted = json_parse(http_arena(ex), http_body(ex), &err);

    if (!wanted || routes_check(wanted, &err) < 0) {
        proxy_refuse(ex, 400, "BadRoutes", err.message);
        return;
    }
    /* Routes in force that are not kept would come back as the ones before them: a key that was
     * taken away would open the endpoint again. `serve` sends them anew until they are kept. */
    if (control_save(gateway, json_at(wanted, "endpoints"), &err) < 0) {
        log_error("gateway.save", &err);
        proxy_refuse(ex, 503, "NotKept", "The routes could not be written down.");
        return;
    }
    if (routes_apply(&gateway->routes, wanted, &err) < 0)
        abort(); /* they were checked */
    LOG(LOG_INFO, "gateway.routes",
        LOG_INT("endpoints", (int64_t)json_count(json_at(wanted, "endpoints"))));
    control_status(ex, context);
}

/* Answers first: the connection would be cut by the end that it asks for. */
static void control_stop(struct http_exchange *ex, void *context)
{
    struct gateway *gateway = context;
    struct json *body = json_parse(http_arena(ex), http_body(ex), NULL);
    const uint64_t one = 1;

    assert(gateway->stop_fd >= 0);
    atomic_store(&gateway->stop_replicas, json_bool_at(body, "replicas", false));
    http_reply(ex, 202, "application/json", STR("{}"));
    if (write(gateway->stop_fd, &one, sizeof(one)) < 0)
        LOG(LOG_ERROR, "gateway.stop");
}

/* A table of three rows; who asks is known before any of them is looked at. */
enum http_verdict control_head(struct http_exchange *ex, struct http_plan *plan,
                               struct gateway *gateway)
{
    static const struct {
        const char *method, *path;
        void (*run)(struct http_exchange *ex, void *context);
    } ROWS[] = {
        {"GET", "/status", control_status},
        {"PUT", "/routes", control_routes},
        {"POST", "/stop", control_stop},
    };

    assert(http_peer(ex)->unix_socket); /* the tag of this listener alone leads here */
    /* The folder is 0700 already; this holds also where somebody widened it. */
    if (http_peer(ex)->uid != geteuid()) {
        proxy_refuse(ex, 403, "Forbidden", "Only the owner of the data folder may ask this.");
        return HTTP_REPLIED;
    }
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (str_eq(http_method(ex), str_from(ROWS[i].method)) &&
            str_eq(http_path(ex), str_from(ROWS[i].path))) {
            *plan = (struct http_plan){.body_limit = HTTP_BODY_WHOLE_BYTES,
                                       .where = HTTP_ON_WORKER,
                                       .run = ROWS[i].run,
                                       .context = gateway};
            return HTTP_GO;
        }
    proxy_refuse(ex, 404, "NotFound", "There is no such path.");
    return HTTP_REPLIED;
}
