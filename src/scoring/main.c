/* One replica: opens its engine, listens on r.sock, says in score.json how it is. Who talks to it
 * is the gateway alone, by a socket in a folder that only its own user can enter. */
#include "base/log.h"
#include "http/limits.h"
#include "os/file.h"
#include "os/pool.h"
#include "scoring/engine.h"
#include "scoring/scoring.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the run folder, where the gateway looks for it. */
#define REPLICA_SOCKET "r.sock"
#define STATE_FILE "score.json"
#define MODEL_FOLDER "inputs/model"
#define CODE_FOLDER "work"
#define DRAIN_MS 10000
#define POLL_STARTING_MS 50
#define POLL_READY_MS 500
#define IO_THREADS 1

static const struct scoring_engine *const ENGINES[] = {&scoring_onnx, &scoring_python,
                                                       &scoring_mlflow};

/* This process: one engine behind one socket. */
struct replica {
    const struct scoring_engine *engine;
    struct scoring *scoring;
    bool ready;   /* written by the main thread, read by the loop */
    ino_t socket; /* of our r.sock */
};

/* The words of the gateway's own envelope, so that clients read one form whoever refused. */
void scoring_refuse(struct http_exchange *ex, const struct error *err)
{
    static const struct {
        enum error_code code;
        int status;
        const char *name;
    } STATUSES[] = {
        {ERROR_INVALID, 400, "BadInput"},         {ERROR_NOT_FOUND, 404, "NotFound"},
        {ERROR_METHOD, 405, "MethodNotAllowed"},  {ERROR_TOO_LARGE, 413, "TooLarge"},
        {ERROR_UNAVAILABLE, 503, "NotReady"},     {ERROR_TIMEOUT, 504, "Timeout"},
        {ERROR_NOT_IMPLEMENTED, 501, "NotBuilt"},
    };
    struct arena *arena = http_arena(ex);
    struct json *body = json_object(arena), *inner = json_object(arena);
    int status = 500;
    const char *name = "ModelFailed";

    assert(err->code != ERROR_NONE);
    for (size_t i = 0; i < COUNT(STATUSES); i++)
        if (STATUSES[i].code == err->code) {
            status = STATUSES[i].status;
            name = STATUSES[i].name;
        }
    json_set_str(arena, inner, "code", str_from(name));
    json_set_str(arena, inner, "message", str_from(err->message));
    json_set_str(arena, inner, "target", str_from(err->target));
    json_set(arena, body, STR("error"), inner);
    http_reply(ex, status, "application/json", json_write(arena, body));
}

/* --- Requests ------------------------------------------------------------------------------------
 */

/* The engine's from here; it replies. */
static void replica_score(struct http_exchange *ex, void *context)
{
    struct replica *replica = context;

    assert(replica->scoring); /* only asked once it is ready */
    replica->engine->score(replica->scoring, ex);
}

/* A description by the model's own types; scripts without one are described as free JSON. */
static void replica_swagger(struct http_exchange *ex, void *context)
{
    struct replica *replica = context;
    struct arena *arena = http_arena(ex);
    struct json *told = replica->engine->describe(replica->scoring, arena);
    struct json *body = json_object(arena), *post = json_object(arena);
    struct error err = {0};

    assert(replica->engine && replica->scoring);
    json_set_str(arena, body, "openapi", STR("3.0.3"));
    json_set_str(arena, post, "summary", STR("Scores the rows of input_data."));
    json_set(arena, post, STR("x-model"), told ? told : json_object(arena));
    if (json_put(arena, body, "info.title", json_text(arena, STR("model")), &err) < 0 ||
        json_put(arena, body, "info.version", json_text(arena, STR("1")), &err) < 0) {
        scoring_refuse(ex, &err);
        return;
    }
    struct json *paths = json_object(arena), *score = json_object(arena);
    json_set(arena, score, STR("post"), post);
    json_set(arena, paths, STR("/score"), score);
    json_set(arena, body, STR("paths"), paths);
    http_reply(ex, 200, "application/json", json_write(arena, body));
}

/* An answer before the body is read. */
static enum http_verdict replica_refuse(struct http_exchange *ex, enum error_code code,
                                        const char *message)
{
    struct error err = {0};

    assert(code != ERROR_NONE);
    error_set(&err, code, "", "%s", message);
    if (code == ERROR_UNAVAILABLE)
        http_add_header(ex, "Retry-After", STR("1"));
    scoring_refuse(ex, &err);
    return HTTP_REPLIED;
}

/* /health and / are answered on the loop without the engine: the gateway's probe must not wait
 * behind a computation. Scripts may take other methods than POST; the native engine does not. */
static enum http_verdict replica_head(struct http_exchange *ex, struct http_plan *plan,
                                      void *context)
{
    struct replica *replica = context;
    struct str path = http_path(ex);
    bool ready = __atomic_load_n(&replica->ready, __ATOMIC_ACQUIRE);
    bool score = str_eq(path, STR("/score")), swagger = str_eq(path, STR("/swagger.json"));

    assert(replica->engine);
    if (!score && !swagger && !str_eq(path, STR("/")) && !str_eq(path, STR("/health")))
        return replica_refuse(ex, ERROR_NOT_FOUND, "There is no such path.");
    if (!ready)
        return replica_refuse(ex, ERROR_UNAVAILABLE, "The model is being loaded.");
    if (!score && !swagger) {
        http_reply(ex, 200, "text/plain", STR("Healthy"));
        return HTTP_REPLIED;
    }
    if (score && !str_eq(http_method(ex), STR("POST")) && replica->engine == &scoring_onnx)
        return replica_refuse(ex, ERROR_METHOD, "Score with POST.");
    *plan = (struct http_plan){.body_limit = HTTP_BODY_WHOLE_BYTES,
                               .where = score ? replica->engine->where : HTTP_ON_WORKER,
                               .run = score ? replica_score : replica_swagger,
                               .context = replica};
    return HTTP_GO;
}

/* --- Life ----------------------------------------------------------------------------------------
 */

/* What the server reads when it wants to know how the replica is, and why not. */
static void replica_tell(int folder, const char *state, const char *reason)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(KIB);
    struct json *value = json_object(arena);
    struct error err = {0};

    assert(state && reason);
    json_set_str(arena, value, "state", str_from(state));
    json_set_str(arena, value, "reason", str_from(reason));
    if (file_write_atomic(folder, STATE_FILE, json_write(arena, value), 0600, &err) < 0)
        log_error("score.state", &err);
    LOG(LOG_INFO, "score.state", LOG_TEXT("state", state), LOG_TEXT("reason", reason));
}

/* The last word: the sentence becomes the deployment's reason, the hint stays in the log. */
static int replica_fail(int folder, const struct error *err)
{
    assert(err->code != ERROR_NONE);
    log_error("score.failed", err);
    if (err->hint[0])
        LOG(LOG_ERROR, "score.hint", LOG_TEXT("do", err->hint));
    replica_tell(folder, "failed", err->message);
    return 1;
}

/* Which file our socket is: another number is a successor's, 0 none. */
static ino_t replica_socket(int folder)
{
    struct stat status;

    return fstatat(folder, REPLICA_SOCKET, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

/* Waits for SIGTERM while watching the engine; 0 when asked to stop, -1 when the engine ended. */
static int replica_watch(struct replica *replica, int folder, int signals, struct error *err)
{
    assert(signals >= 0);
    for (;;) {
        struct pollfd wait = {.fd = signals, .events = POLLIN};
        int ready = replica->engine->ready(replica->scoring, err);
        if (ready < 0)
            return -1;
        if (ready && !replica->ready) {
            __atomic_store_n(&replica->ready, true, __ATOMIC_RELEASE);
            replica_tell(folder, "ready", "");
        }
        if (poll(&wait, 1, replica->ready ? POLL_READY_MS : POLL_STARTING_MS) > 0)
            return 0;
        /* The socket is gone with the folder, or a successor's: nobody will ever ask us again. That
         * is how a replica ends whose runner and sandbox were killed around it. */
        if (replica_socket(folder) != replica->socket)
            return 0;
    }
}

/* Listens and serves until the end. */
static int replica_serve(struct replica *replica, const struct scoring_options *options,
                         int signals, struct error *err)
{
    const struct http_app app = {.head = replica_head, .context = replica};
    const struct http_listener listener = {.unix_path = REPLICA_SOCKET,
                                           .unix_dir = options->folder};
    CLEANUP(pool_free) struct pool *pool = pool_new((unsigned)options->workers);
    CLEANUP(http_server_free) struct http_server *server = NULL;
    uint16_t port;

    assert(!replica->ready);
    unlinkat(options->folder, REPLICA_SOCKET, 0);
    server = http_server_new(pool, &app, IO_THREADS, err);
    if (!server || http_server_listen(server, &listener, &port, err) < 0)
        return -1;
    replica->socket = replica_socket(options->folder);
    int result = replica_watch(replica, options->folder, signals, err);
    __atomic_store_n(&replica->ready, false, __ATOMIC_RELEASE);
    http_server_stop(server, result == 0 ? DRAIN_MS : 0);
    return result;
}

/* Says how it is from the first moment on: what `serve` shows while a large model is being read is
 * this program's own word. */
static int replica_run(const struct scoring_engine *engine, const struct scoring_options *options,
                       int signals)
{
    struct replica replica = {.engine = engine};
    struct error err = {0};

    assert(options->folder >= 0 && options->workers > 0);
    replica_tell(options->folder, "starting", "");
    if (engine->open(options, &replica.scoring, &err) < 0)
        return replica_fail(options->folder, &err);
    int result = replica_serve(&replica, options, signals, &err);
    /* After the server: requests under way use the engine. */
    engine->close(replica.scoring);
    return result < 0 ? replica_fail(options->folder, &err) : 0;
}

/* SIGTERM and SIGINT as something to poll; blocked before any thread is made. */
static int replica_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* NULL for a name that is none, or not given. */
static const struct scoring_engine *engine_by_name(const char *name)
{
    for (size_t i = 0; i < COUNT(ENGINES); i++)
        if (name && strcmp(ENGINES[i]->name, name) == 0)
            return ENGINES[i];
    return NULL;
}

/* The value after an option; options come in pairs, after the folder. */
static const char *option_value(int argc, char **argv, const char *name)
{
    assert(name[0] == '-');
    for (int i = 2; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

/* Logged, not printed: who starts this is the runner, and its log is what people see. */
static int score_usage(const char *message)
{
    assert(message);
    LOG(LOG_ERROR, "score.usage", LOG_TEXT("message", message),
        LOG_TEXT("usage", "lazurite score FOLDER --engine onnx|python|mlflow [--environment DIR] "
                          "[--script FILE] [--workers N]"));
    return 2;
}

/* 2 for a command line or folder that cannot be, 1 for a model that does not serve, 0 for an end on
 * demand. */
int score_main(int argc, char **argv)
{
    int64_t workers = sysconf(_SC_NPROCESSORS_ONLN);
    const char *count = option_value(argc, argv, "--workers");
    const struct scoring_engine *engine = engine_by_name(option_value(argc, argv, "--engine"));
    struct error err = {0};

    if (argc < 2 || !engine)
        return score_usage("A run folder and an engine are needed.");
    if (count && (!str_to_int64(str_from(count), &workers) || workers < 1 || workers > 256))
        return score_usage("--workers takes 1 to 256.");
    CLEANUP(fd_close) int folder = dir_open(argv[1], &err);
    /* Here we stay: the socket, the model and the code are named relative to the folder. */
    if (folder >= 0 && fchdir(folder) < 0)
        error_set(&err, ERROR_INTERNAL, "", "The folder '%s' cannot be entered.", argv[1]);
    if (err.code != ERROR_NONE) {
        log_error("score.folder", &err);
        return 2;
    }
    CLEANUP(fd_close) int signals = replica_signals();
    const struct scoring_options options = {
        .folder = folder,
        .environment = str_from(option_value(argc, argv, "--environment")),
        .model = STR(MODEL_FOLDER),
        .code = STR(CODE_FOLDER),
        .script = str_from(option_value(argc, argv, "--script")),
        .workers = (int)workers,
    };
    return replica_run(engine, &options, signals);
}
