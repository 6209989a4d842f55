/* python.c - the engines that front a Python server: gunicorn on a Unix socket in the run folder
 *
 * A scoring script is served by the WSGI application of azureml-inference-server-http (its own
 * launcher binds every address, so it is never used); an MLflow model without a script by
 * python/scoring/lazurite_no_code.py, which the executable carries. Both listen on app.sock, which
 * nobody but us connects to; requests are passed on as they are.
 */
#include "http/client.h"
#include "http/forward.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "scoring/engine.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between this process and the scoring script's server, in the same folder. */
#define APP_SOCKET "app.sock"
#define NO_CODE_FOLDER "scoring"
#define NO_CODE_FILE NO_CODE_FOLDER "/lazurite_no_code.py"
#define SETTINGS_FILE NO_CODE_FOLDER "/gunicorn_settings.py"
#define ANSWER_MS 300000 /* the gateway's own limit is shorter and the client's */
#define PROBE_MS 1000
#define STOP_MS 10000
#define LOG_TAIL_BYTES 16384
#define VARIABLES_MAX 8

extern const char lazurite_no_code[]; /* made by tools/gen/embed.py */
extern char **environ;

/* As a file, since old versions ignore there what they do not know; it also keeps gunicorn from
 * reading a gunicorn.conf.py among the user's code. Its control socket would be one for all
 * replicas. */
static const char SETTINGS[] = "control_socket_disable = True\n";

/* The script's own server, which we start, probe and forward to. */
struct scoring {
    struct process server;
    bool running;
    bool answered;              /* once; from then on only the process is watched */
    struct http_client *client; /* for the readiness probe */
    int folder;
};

/* --- Starting ------------------------------------------------------------------------------------
 */

/* Our environment with some variables set anew. */
static const char **python_environment(struct arena *arena, const char *const *set, size_t count)
{
    size_t total = 0, used = 0;

    assert(count < VARIABLES_MAX);
    while (environ[total])
        total++;
    const char **result = arena_new_array(arena, const char *, total + count + 1);
    for (size_t i = 0; i < total; i++) {
        bool replaced = false;
        for (size_t j = 0; j < count && !replaced; j++) {
            size_t name = strcspn(set[j], "=") + 1;
            replaced = strncmp(environ[i], set[j], name) == 0;
        }
        if (!replaced)
            result[used++] = environ[i];
    }
    for (size_t j = 0; j < count; j++)
        result[used++] = set[j];
    return result;
}

/* The absolute path of the folder we work in. */
static struct str python_here(struct arena *arena)
{
    char path[4096];

    if (!getcwd(path, sizeof(path)))
        return STR(".");
    return arena_str(arena, str_from(path));
}

/* gunicorn's own command line, with everything said that a file or a variable of the user's could
 * say otherwise. One worker unless WORKER_COUNT asks for more: each holds the model once. */
static int python_launch(const struct scoring_options *options, const char *application,
                         struct scoring *scoring, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str here = python_here(arena), env = options->environment;
    const char *path = getenv("PATH");
    const char *python =
        env.len ? arena_printf(arena, "%.*s/bin/python", STR_ARG(env)).ptr : "python3";
    const char *workers = getenv("WORKER_COUNT"); /* the service's own variable */
    const char *const argv[] = {python,
                                "-m",
                                "gunicorn",
                                "--bind",
                                "unix:../" APP_SOCKET,
                                "--workers",
                                workers && *workers ? workers : "1",
                                "--timeout",
                                "300",
                                "--error-logfile",
                                "-",
                                "--config",
                                "../" SETTINGS_FILE,
                                "--pythonpath",
                                "../" NO_CODE_FOLDER,
                                application,
                                NULL};
    const char *const set[VARIABLES_MAX] = {
        arena_printf(arena, "AZUREML_MODEL_DIR=%.*s/%.*s", STR_ARG(here), STR_ARG(options->model))
            .ptr,
        arena_printf(arena, "AML_APP_ROOT=%.*s/%.*s", STR_ARG(here), STR_ARG(options->code)).ptr,
        arena_printf(arena, "AZUREML_ENTRY_SCRIPT=%.*s", STR_ARG(options->script)).ptr,
        arena_printf(arena, "PATH=%.*s%s%s", STR_ARG(env), env.len ? "/bin:" : "",
                     path ? path : "/usr/bin:/bin")
            .ptr,
        "PYTHONUNBUFFERED=1",
        "AML_APP_INSIGHTS_ENABLED=false",
        "GUNICORN_CMD_ARGS=", /* an inherited --bind would open a port */
    };
    const struct process_spec spec = {.argv = argv,
                                      .envp = python_environment(arena, set, VARIABLES_MAX - 1),
                                      .cwd = arena_cstr(arena, options->code),
                                      .input = -1,
                                      .output = STDOUT_FILENO,
                                      .errors = STDERR_FILENO,
                                      .die_with_parent = true};

    assert(application && scoring);
    unlinkat(options->folder, APP_SOCKET, 0);
    return process_start(&spec, &scoring->server, err);
}

/* Returns at once; whether the script loads is for `ready` to tell. */
static int python_open_with(const struct scoring_options *options, const char *application,
                            struct scoring **out, struct error *err)
{
    struct scoring *scoring = calloc(1, sizeof(*scoring));

    assert(application);
    if (!scoring)
        abort();
    scoring->folder = options->folder;
    if (dir_make(options->folder, "work", 0700, err) < 0 ||
        dir_make(options->folder, NO_CODE_FOLDER, 0700, err) < 0 ||
        file_write_atomic(options->folder, SETTINGS_FILE, str_from(SETTINGS), 0600, err) < 0 ||
        python_launch(options, application, scoring, err) < 0) {
        free(scoring);
        return -1;
    }
    scoring->running = true;
    scoring->client = http_client_new(
        &(struct http_address){.unix_path = STR(APP_SOCKET), .host = STR("localhost")});
    *out = scoring;
    return 0;
}

/* The script must be there before Python is asked: its own message for that is a page of traceback.
 * */
static int python_open(const struct scoring_options *options, struct scoring **out,
                       struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(KIB);
    struct str script =
        arena_printf(arena, "%.*s/%.*s", STR_ARG(options->code), STR_ARG(options->script));

    assert(options->folder >= 0);
    if (!options->script.len || !file_exists(options->folder, script.ptr))
        return error_set(err, ERROR_NOT_FOUND, "codeConfiguration.scoringScript",
                         "The code holds no scoring script '%.*s'.", STR_ARG(options->script));
    return python_open_with(options, "azureml_inference_server_http.server.entry:app", out, err);
}

/* Our server for MLflow models, written anew at each start, so that it is always this version's. */
static int mlflow_open(const struct scoring_options *options, struct scoring **out,
                       struct error *err)
{
    assert(options->folder >= 0);
    if (dir_make(options->folder, NO_CODE_FOLDER, 0700, err) < 0 ||
        file_write_atomic(options->folder, NO_CODE_FILE, str_from(lazurite_no_code), 0600, err) < 0)
        return -1;
    return python_open_with(options, "lazurite_no_code:application", out, err);
}

/* --- Is it there, did it die ---------------------------------------------------------------------
 */

/* The line that names the first exception of the last traceback: in a chain ("The above exception
 * was the direct cause …") the first is the user's, the rest are the server's wrapping. Without a
 * traceback the last line that is not gunicorn's own ("[2026-…] [12] [INFO] …"). */
static struct str log_reason(struct str log)
{
    struct str line, cause = {0}, other = {0}, before = {0};
    bool inside = false, chained = false;

    while (str_split(&log, '\n', &line)) {
        bool indented = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
        struct str text = str_trim(line);
        if (!text.len)
            continue;
        if (str_ends(text, STR("Traceback (most recent call last):"))) {
            chained = str_starts(before, STR("The above exception")) ||
                      str_starts(before, STR("During handling"));
            inside = true;
        } else if (inside && !indented) {
            cause = chained && cause.len ? cause : text;
            inside = false;
        } else if (!inside && text.ptr[0] != '[') {
            other = text;
        }
        before = text;
    }
    return str_slice(cause.len ? cause : other, 0, 300);
}

/* Why Python gave up, as its log tells. */
static struct str python_why(struct arena *arena, int folder)
{
    CLEANUP(fd_close) int fd = file_open(folder, "user_logs/std_log.txt", O_RDONLY, 0, NULL);
    char *text = arena_alloc(arena, LOG_TAIL_BYTES);

    assert(folder >= 0);
    if (fd < 0)
        return (struct str){0};
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0, SEEK_SET);
    ssize_t count = fd_read_all(fd, text, LOG_TAIL_BYTES, NULL);
    return log_reason((struct str){text, count > 0 ? (size_t)count : 0});
}

/* Its own words if the log has some: "status 3" alone helps nobody. */
static int python_ended(struct scoring *scoring, const struct process_end *end, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str line = python_why(arena, scoring->folder);

    assert(end && scoring->running);
    scoring->running = false;
    return error_set(err, ERROR_UNAVAILABLE, "", "The Python server ended with %s %d%s%.*s",
                     end->signaled ? "signal" : "status", end->status, line.len ? ": " : ".",
                     STR_ARG(line));
}

/* gunicorn binds before its workers have run init(); only an answer says that they have. */
static int python_ready(struct scoring *scoring, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const struct http_call call = {.method = "GET", .target = STR("/"), .timeout_ms = PROBE_MS};
    struct http_response reply;
    struct process_end end;

    assert(scoring->client);
    int ended = process_wait(&scoring->server, 0, &end, err);
    if (ended)
        return ended < 0 ? -1 : python_ended(scoring, &end, err);
    if (scoring->answered)
        return 1;
    if (http_client_send(scoring->client, arena, &call, &reply, NULL) < 0)
        return 0;
    scoring->answered = reply.status == 200;
    return scoring->answered;
}

/* Asked first, so that workers finish and close what the script opened; ended when that takes long.
 * */
static void python_close(struct scoring *scoring)
{
    struct process_end end;

    assert(scoring);
    if (scoring->running) {
        process_signal(&scoring->server, SIGTERM, NULL);
        if (process_wait(&scoring->server, STOP_MS, &end, NULL) != 1) {
            process_signal(&scoring->server, SIGKILL, NULL);
            process_wait(&scoring->server, STOP_MS, &end, NULL);
        }
    }
    process_close(&scoring->server);
    http_client_free(&scoring->client);
    free(scoring);
}

/* --- Requests ------------------------------------------------------------------------------------
 */

/* What a cut connection or a full answer needs no more words for. */
static void python_done(struct http_exchange *ex, enum http_forward_end end, int, void *)
{
    struct error err = {0};

    assert(ex);
    if (end == HTTP_FORWARD_REFUSED)
        error_set(&err, ERROR_UNAVAILABLE, "", "The Python server did not take the request.");
    else if (end == HTTP_FORWARD_TIMEOUT)
        error_set(&err, ERROR_TIMEOUT, "", "The Python server did not answer in time.");
    else
        return;
    scoring_refuse(ex, &err);
}

/* Passed on as it is: scripts may read headers and raw bodies. */
static void python_score(struct scoring *scoring, struct http_exchange *ex)
{
    assert(scoring);
    http_forward_start(ex, &(struct http_forward){.upstream.unix_path = APP_SOCKET,
                                                  .timeout_ms = ANSWER_MS,
                                                  .done = python_done});
}

/* The no-code server tells the model's signature; scripts describe themselves in /swagger.json. */
static struct json *mlflow_describe(struct scoring *scoring, struct arena *arena)
{
    const struct http_call call = {
        .method = "GET", .target = STR("/signature"), .timeout_ms = PROBE_MS};
    struct http_client *client = http_client_new(
        &(struct http_address){.unix_path = STR(APP_SOCKET), .host = STR("localhost")});
    struct http_response reply;
    struct json *value = NULL;

    assert(scoring->running);
    if (http_client_send(client, arena, &call, &reply, NULL) == 0 && reply.status == 200)
        value = json_parse(arena, reply.body, NULL);
    http_client_free(&client);
    return value;
}

/* Only the script knows. */
static struct json *python_describe(struct scoring *, struct arena *)
{
    return NULL;
}

const struct scoring_engine scoring_python = {
    .name = "python",
    .where = HTTP_ON_LOOP,
    .open = python_open,
    .ready = python_ready,
    .describe = python_describe,
    .score = python_score,
    .close = python_close,
};

const struct scoring_engine scoring_mlflow = {
    .name = "mlflow",
    .where = HTTP_ON_LOOP,
    .open = mlflow_open,
    .ready = python_ready,
    .describe = mlflow_describe,
    .score = python_score,
    .close = python_close,
};
