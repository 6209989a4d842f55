/* main.c - `lazurite gateway`: one lock, two listeners, one watcher, until told to end
 *
 * It is started by `serve` and outlives it, so that models go on answering while the server is
 * restarted or upgraded. All it needs lies in the data folder.
 */
#include "base/log.h"
#include "gateway/control.h"
#include "gateway/gateway.h"
#include "gateway/watch.h"
#include "http/tls.h"
#include "os/file.h"
#include "os/pool.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CONTROL_SOCKET "gateway.sock" /* in run/ */
#define LOCK_FILE "run/gateway.lock"
#define LISTEN_DEFAULT "127.0.0.1:10444"
#define DRAIN_MS 10000
#define WORKERS 2 /* for the control socket; scoring stays on the loops */

enum { TAG_SCORING = 1, TAG_CONTROL = 2 };

/* Which of the two listeners a request came by decides what it may ask. */
static enum http_verdict gateway_head(struct http_exchange *ex, struct http_plan *plan,
                                      void *context)
{
    struct gateway *gateway = context;

    assert(http_peer(ex)->tag == TAG_SCORING || http_peer(ex)->tag == TAG_CONTROL);
    return http_peer(ex)->tag == TAG_CONTROL ? control_head(ex, plan, gateway)
                                             : proxy_head(ex, plan, gateway);
}

/* What the parser or a limit refuses, in the same envelope. */
static struct str gateway_refusal(struct arena *arena, int status, const char *sentence, void *)
{
    struct json *body = json_object(arena), *error = json_object(arena);

    assert(status >= 400 && sentence);
    json_set_str(arena, error, "code", status == 413 ? STR("TooLarge") : STR("BadRequest"));
    json_set_str(arena, error, "message", str_from(sentence));
    json_set(arena, body, STR("error"), error);
    return json_write(arena, body);
}

/* --- Listeners -----------------------------------------------------------------------------------
 */

/* "HOST:PORT", the host perhaps in brackets. */
static int gateway_address(struct arena *arena, struct str text, const char **out_host,
                           uint16_t *out_port, struct error *err)
{
    ssize_t colon = str_find_last(text, ':');
    int64_t port = -1;

    if (colon > 0)
        str_to_int64(str_slice(text, (size_t)colon + 1, text.len), &port);
    if (port < 0 || port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "--listen", "'%.*s' is no HOST:PORT.", STR_ARG(text));
    struct str host = str_slice(text, 0, (size_t)colon);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_slice(host, 1, host.len - 1);
    *out_host = arena_cstr(arena, host);
    *out_port = (uint16_t)port;
    return 0;
}

/* Port 0 takes again the port an earlier gateway had: clients hold its address. */
static int gateway_listen_scoring(struct gateway *gateway, struct http_tls *tls, uint16_t before,
                                  struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(KIB);
    struct http_listener listener = {.tag = TAG_SCORING, .tls = tls};

    assert(gateway->server && tls);
    if (gateway_address(arena, gateway->listen, &listener.host, &listener.port, err) < 0)
        return -1;
    if (listener.port == 0 && before != 0) {
        listener.port = before;
        if (http_server_listen(gateway->server, &listener, &gateway->port, NULL) == 0)
            return 0;
        listener.port = 0;
    }
    return http_server_listen(gateway->server, &listener, &gateway->port, err);
}

/* The control socket last: who can reach it finds everything else in place. */
static int gateway_listen(struct gateway *gateway, struct http_tls *tls, uint16_t before,
                          struct error *err)
{
    CLEANUP(fd_close) int run = dir_open_at(gateway->dir, "run", 0700, err);
    const struct http_listener control = {
        .tag = TAG_CONTROL, .unix_path = CONTROL_SOCKET, .unix_dir = run};
    uint16_t none;

    if (run < 0 || gateway_listen_scoring(gateway, tls, before, err) < 0)
        return -1;
    /* We hold the lock, so a socket that lies there is a dead gateway's. */
    unlinkat(run, CONTROL_SOCKET, 0);
    return http_server_listen(gateway->server, &control, &none, err);
}

/* --- Life ----------------------------------------------------------------------------------------
 */

/* The watcher's thread. */
static void *gateway_watch(void *context)
{
    assert(context);
    watch_run(context);
    return NULL;
}

/* Passes SIGTERM on to stop_fd, which everything waits for. */
static void gateway_wait(struct gateway *gateway, int signals)
{
    struct pollfd wait[] = {{.fd = signals, .events = POLLIN},
                            {.fd = gateway->stop_fd, .events = POLLIN}};
    const uint64_t one = 1;

    assert(signals >= 0);
    while (poll(wait, 2, -1) < 0)
        continue;
    if (wait[0].revents && write(gateway->stop_fd, &one, sizeof(one)) < 0)
        abort();
}

/* From the routes of an earlier life to the last request. The order at the end matters: the watcher
 * must not start again what is being stopped. */
static int gateway_serve(struct gateway *gateway, int signals, struct error *err)
{
    CLEANUP(http_tls_free) struct http_tls *tls = NULL;
    CLEANUP(fd_close) int tls_dir = dir_open_at(gateway->dir, "tls", 0, err);
    uint16_t before = 0;
    pthread_t watcher;

    assert(gateway->server && gateway->stop_fd >= 0);
    if (tls_dir < 0 || !(tls = http_tls_open(tls_dir, err)))
        return -1;
    /* A state file that cannot be read is no reason to be away: `serve` tells the routes anew. */
    if (control_load(gateway, &before, err) < 0)
        log_error("gateway.load", err);
    if (gateway_listen(gateway, tls, before, err) < 0 || control_save(gateway, NULL, err) < 0)
        return -1;
    if (pthread_create(&watcher, NULL, gateway_watch, gateway) != 0)
        abort();
    LOG(LOG_INFO, "gateway.ready", LOG_STR("listen", gateway->listen),
        LOG_INT("port", gateway->port), LOG_INT("pid", getpid()));
    gateway_wait(gateway, signals);
    pthread_join(watcher, NULL);
    proxy_close(gateway);
    if (atomic_load(&gateway->stop_replicas))
        watch_stop_replicas(gateway);
    http_server_stop(gateway->server, DRAIN_MS);
    return 0;
}

/* Holds the folder's lock all the while: two gateways would take turns on the control socket. */
static int gateway_run(struct gateway *gateway, int signals, struct error *err)
{
    const struct http_app app = {
        .head = gateway_head, .context = gateway, .refusal = gateway_refusal};
    CLEANUP(fd_close) int lock = -1;
    CLEANUP(pool_free) struct pool *pool = NULL;
    int owner = 0;

    assert(gateway->dir >= 0);
    if (dir_make(gateway->dir, "run", 0700, err) < 0 ||
        file_lock(gateway->dir, LOCK_FILE, &lock, &owner, err) < 0)
        return -1;
    pool = pool_new(WORKERS);
    routes_init(&gateway->routes);
    gateway->server = http_server_new(pool, &app, 0, err);
    int result = gateway->server ? gateway_serve(gateway, signals, err) : -1;
    http_server_free(&gateway->server);
    routes_free(&gateway->routes);
    return result;
}

/* SIGTERM and SIGINT as something to poll; blocked before any thread is made. */
static int gateway_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The value after an option; options come in pairs. */
static const char *option_value(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

/* Opens the data folder and stands in it: replicas' sockets are reached by short paths from there
 * (108 bytes are all that a socket's path has). */
static int gateway_folder(const char *given, char path[PATH_MAX], struct error *err)
{
    if (!realpath(given, path))
        return error_set(err, ERROR_NOT_FOUND, "--data-dir",
                         "The folder '%s' cannot be opened: %s.", given, strerror(errno));
    int dir = dir_open(path, err);
    if (dir >= 0 && fchdir(dir) < 0) {
        close(dir);
        return error_set(err, ERROR_INTERNAL, "--data-dir",
                         "The folder '%s' cannot be entered: %s.", given, strerror(errno));
    }
    return dir;
}

/* It outlives the server that started it: a folder and signals of its own, and nothing is inherited
 * but the log. */
int gateway_main(int argc, char **argv)
{
    const char *given = option_value(argc, argv, "--data-dir");
    const char *listen = option_value(argc, argv, "--listen");
    struct error err = {0};

    if (!given) {
        LOG(LOG_ERROR, "gateway.usage",
            LOG_TEXT("usage", "lazurite gateway --data-dir DIR [--listen HOST:PORT]"));
        return 2;
    }
    char path[PATH_MAX]; /* absolute: we change our folder, and runners are told it */
    CLEANUP(fd_close) int dir = gateway_folder(given, path, &err);
    CLEANUP(fd_close) int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CLEANUP(fd_close) int signals = gateway_signals();
    struct gateway gateway = {.dir = dir,
                              .dir_path = path,
                              .stop_fd = stop,
                              .listen = str_from(listen ? listen : LISTEN_DEFAULT)};

    if (dir < 0 || gateway_run(&gateway, signals, &err) < 0) {
        log_error("gateway.failed", &err);
        return 1;
    }
    return 0;
}
