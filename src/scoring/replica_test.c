/* `lazurite score` whole, before a Python that is played by a small script: it takes gunicorn's
 * arguments, listens where it is told and does what the file "mode" in the run folder says. */
#include "scoring/scoring.h"

#include "base/json.h"
#include "base/test.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char FAKE_PYTHON[] =
    "#!/usr/bin/env python3\n"
    "import json, os, socketserver, sys, time\n"
    "from http.server import BaseHTTPRequestHandler\n"
    "mode = open('../mode').read()\n"
    "json.dump({'argv': sys.argv, 'env': dict(os.environ), 'cwd': os.getcwd(), 'pid': "
    "os.getpid()},\n"
    "          open('../seen.json.part', 'w'))\n"
    "os.rename('../seen.json.part', '../seen.json')\n"
    "if mode == 'dies':\n"
    "    sys.exit(3)\n"
    "class Handler(BaseHTTPRequestHandler):\n"
    "    def address_string(self): return 'unix'\n"
    "    def log_message(self, *args): pass\n"
    "    def answer(self, status, body):\n"
    "        self.send_response(status)\n"
    "        self.send_header('Content-Length', str(len(body)))\n"
    "        self.end_headers()\n"
    "        self.wfile.write(body)\n"
    "    def do_GET(self):\n"
    "        if self.path == '/signature':\n"
    "            return self.answer(200, b'{\"inputs\": [{\"name\": \"age\"}], \"outputs\": []}')\n"
    "        ready = mode != 'loads' or os.path.exists('../loaded')\n"
    "        self.answer(200 if ready else 503, b'Healthy')\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
    "        if body == b'die':\n"
    "            os._exit(7)\n"
    "        self.answer(201, b'scored ' + self.path.encode() + b' ' + body)\n"
    "place = sys.argv[sys.argv.index('--bind') + 1][len('unix:'):]\n"
    "class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):\n"
    "    daemon_threads = True\n"
    "Server(place, Handler).serve_forever()\n";

struct world {
    struct arena *arena;
    char path[300];        /* the run folder */
    char environment[340]; /* in it, for the test */
    int folder;
    pid_t child;
};

static void put(struct world *w, const char *name, const char *text, mode_t mode)
{
    struct error err = {0};

    CHECK_OK(file_write_atomic(w->folder, name, str_from(text), mode, &err), &err);
}

static struct world *world_open(const char *mode)
{
    static unsigned number;
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};

    CHECK(w);
    w->arena = arena_new(16 * MIB);
    snprintf(w->path, sizeof(w->path), "%s/replica-%u", test_folder(), number++);
    snprintf(w->environment, sizeof(w->environment), "%s/environment", w->path);
    CHECK_INT(0, mkdir(w->path, 0700));
    w->folder = dir_open(w->path, &err);
    CHECK_OK(dir_make(w->folder, "environment/bin", 0700, &err), &err);
    CHECK_OK(dir_make(w->folder, "work", 0700, &err), &err);
    CHECK_OK(dir_make(w->folder, "user_logs", 0700, &err), &err);
    put(w, "environment/bin/python", FAKE_PYTHON, 0700);
    put(w, "work/score.py", "# the fake never reads it\n", 0600);
    put(w, "mode", mode, 0600);
    return w;
}

static void start(struct world *w, const char *engine, const char *script)
{
    w->child = fork();
    CHECK(w->child >= 0);
    if (w->child == 0) {
        char *argv[] = {(char *)"score",
                        w->path,
                        (char *)"--engine",
                        (char *)engine,
                        (char *)"--environment",
                        w->environment,
                        (char *)"--workers",
                        (char *)"2",
                        script ? (char *)"--script" : NULL,
                        (char *)script,
                        NULL};
        _exit(score_main(script ? 10 : 8, argv));
    }
}

/* Waits for the program's end; its exit status. */
static int finish(struct world *w, int signal)
{
    int status;

    if (signal)
        CHECK_INT(0, kill(w->child, signal));
    CHECK_INT(w->child, waitpid(w->child, &status, 0));
    w->child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void world_close(struct world **w)
{
    if ((*w)->child > 0)
        finish(*w, SIGKILL);
    fd_close(&(*w)->folder);
    arena_free(&(*w)->arena);
    free(*w);
}

/* A small JSON file of the run folder; NULL when it is not there. */
static struct json *record(struct world *w, const char *name)
{
    struct str text;

    if (file_read(w->arena, w->folder, name, MIB, &text, NULL) < 0)
        return NULL;
    return json_parse(w->arena, text, NULL);
}

static void wait_state(struct world *w, const char *state)
{
    for (int i = 0; i < 1000; i++) {
        if (str_eq(json_str_at(record(w, "score.json"), "state"), str_from(state)))
            return;
        clock_sleep_us(10 * US_PER_MS);
    }
    fail_msg("score.json never said '%s'.", state);
}

static int ask(struct world *w, const char *method, const char *target, const char *body,
               struct str *out)
{
    struct str socket = arena_printf(w->arena, "/proc/self/fd/%d/r.sock", w->folder);
    CLEANUP(http_client_free)
    struct http_client *client =
        http_client_new(&(struct http_address){.unix_path = socket, .host = STR("localhost")});
    const struct http_call call = {
        .method = method, .target = str_from(target), .body = str_from(body), .timeout_ms = 10000};
    struct http_response reply;

    if (http_client_send(client, w->arena, &call, &reply, NULL) < 0)
        return -1;
    if (out)
        *out = arena_str(w->arena, reply.body);
    return reply.status;
}

static bool python_lives(struct world *w)
{
    pid_t pid = (pid_t)json_int_at(record(w, "seen.json"), "pid", 0);

    CHECK(pid > 0);
    return kill(pid, 0) == 0;
}

TEST(a_script_is_served_by_the_environments_python)
{
    CLEANUP(world_close) struct world *w = world_open("good");
    struct str text;

    start(w, "python", "score.py");
    wait_state(w, "ready");
    CHECK_INT(200, ask(w, "GET", "/health", "", NULL));
    CHECK_INT(201, ask(w, "POST", "/score", "rows", &text));
    CHECK_STR("scored /score rows", text);
    CHECK_INT(404, ask(w, "GET", "/elsewhere", "", NULL));
    CHECK_INT(0, finish(w, SIGTERM));
    CHECK(!python_lives(w));
}

TEST(python_is_told_where_everything_is_and_opens_no_port)
{
    CLEANUP(world_close) struct world *w = world_open("good");
    struct str here;

    CHECK_INT(0, setenv("GUNICORN_CMD_ARGS", "--bind 0.0.0.0:80", 1));
    CHECK_INT(0, setenv("WORKER_COUNT", "3", 1));
    start(w, "python", "score.py");
    wait_state(w, "ready");
    unsetenv("GUNICORN_CMD_ARGS");
    unsetenv("WORKER_COUNT");
    struct json *seen = record(w, "seen.json");
    char real[4096];
    CHECK(realpath(w->path, real));
    here = str_from(real);
    CHECK(str_starts(json_str_at(seen, "env.AZUREML_MODEL_DIR"), here));
    CHECK(str_ends(json_str_at(seen, "env.AZUREML_MODEL_DIR"), STR("/inputs/model")));
    CHECK(str_ends(json_str_at(seen, "env.AML_APP_ROOT"), STR("/work")));
    CHECK(str_ends(json_str_at(seen, "cwd"), STR("/work")));
    CHECK_STR("score.py", json_str_at(seen, "env.AZUREML_ENTRY_SCRIPT"));
    CHECK_STR("", json_str_at(seen, "env.GUNICORN_CMD_ARGS"));
    /* Perhaps not first: what finds python3 for our script may put itself before it. */
    CHECK(str_find(json_str_at(seen, "env.PATH"),
                   arena_printf(w->arena, "%s/bin:", w->environment)) >= 0);
    CHECK_STR("gunicorn", json_str_at(seen, "argv[2]"));
    CHECK_STR("unix:../app.sock", json_str_at(seen, "argv[4]"));
    CHECK_STR("3", json_str_at(seen, "argv[6]"));
    CHECK_INT(0, finish(w, SIGTERM));
}

TEST(until_python_answers_nobody_is_let_in)
{
    CLEANUP(world_close) struct world *w = world_open("loads");
    struct str text;

    start(w, "python", "score.py");
    wait_state(w, "starting");
    for (int i = 0; i < 1000 && !file_exists(w->folder, "app.sock"); i++)
        clock_sleep_us(10 * US_PER_MS);
    CHECK_INT(503, ask(w, "GET", "/health", "", NULL));
    CHECK_INT(503, ask(w, "POST", "/score", "rows", &text));
    CHECK(str_find(text, STR("The model is being loaded.")) > 0);
    put(w, "loaded", "", 0600);
    wait_state(w, "ready");
    CHECK_INT(200, ask(w, "GET", "/", "", NULL));
    CHECK_INT(0, finish(w, SIGTERM));
}

TEST(the_reason_is_the_scripts_own_exception)
{
    CLEANUP(world_close) struct world *w = world_open("dies");

    put(w, "user_logs/std_log.txt",
        "[2026-01-01] [12] [INFO] Starting gunicorn\n"
        "Traceback (most recent call last):\n"
        "  File \"score.py\", line 3, in init\n"
        "FileNotFoundError: no model here\n"
        "\n"
        "The above exception was the direct cause of the following exception:\n"
        "\n"
        "Traceback (most recent call last):\n"
        "  File \"server.py\", line 9\n"
        "AppError: init failed\n"
        "[2026-01-01] [12] [ERROR] Worker failed to boot.\n",
        0600);
    start(w, "python", "score.py");
    CHECK_INT(1, finish(w, 0));
    struct json *score = record(w, "score.json");
    CHECK_STR("failed", json_str_at(score, "state"));
    CHECK_STR("The Python server ended with status 3: FileNotFoundError: no model here",
              json_str_at(score, "reason"));
}

TEST(without_a_traceback_the_last_line_that_is_not_gunicorns_is_the_reason)
{
    CLEANUP(world_close) struct world *w = world_open("dies");

    put(w, "user_logs/std_log.txt",
        "first\nNo module named 'gunicorn'\n[2026-01-01] [12] [INFO] Shutting down\n", 0600);
    start(w, "python", "score.py");
    CHECK_INT(1, finish(w, 0));
    CHECK_STR("The Python server ended with status 3: No module named 'gunicorn'",
              json_str_at(record(w, "score.json"), "reason"));
}

TEST(a_server_that_dies_while_it_serves_ends_the_replica)
{
    CLEANUP(world_close) struct world *w = world_open("good");

    start(w, "python", "score.py");
    wait_state(w, "ready");
    ask(w, "POST", "/score", "die", NULL);
    CHECK_INT(1, finish(w, 0));
    struct json *score = record(w, "score.json");
    CHECK_STR("failed", json_str_at(score, "state"));
    CHECK_STR("The Python server ended with status 7.", json_str_at(score, "reason"));
}

TEST(a_model_without_a_script_is_served_and_described_by_its_signature)
{
    CLEANUP(world_close) struct world *w = world_open("good");
    struct str text;

    start(w, "mlflow", NULL);
    wait_state(w, "ready");
    CHECK(file_exists(w->folder, "scoring/lazurite_no_code.py"));
    CHECK_INT(200, ask(w, "GET", "/swagger.json", "", &text));
    struct json *swagger = json_parse(w->arena, text, NULL);
    CHECK_STR("age", json_str_at(
                         json_get(json_get(json_get(json_get(swagger, STR("paths")), STR("/score")),
                                           STR("post")),
                                  STR("x-model")),
                         "inputs[0].name"));
    CHECK_INT(0, finish(w, SIGTERM));
}

TEST(a_replica_whose_socket_was_taken_away_ends)
{
    CLEANUP(world_close) struct world *w = world_open("good");

    start(w, "python", "score.py");
    wait_state(w, "ready");
    CHECK_INT(0, unlinkat(w->folder, "r.sock", 0));
    CHECK_INT(0, finish(w, 0));
    CHECK(!python_lives(w));
}

TEST(what_cannot_be_started_is_told_before_it_ends)
{
    CLEANUP(world_close) struct world *w = world_open("good");

    start(w, "python", "nothing.py");
    CHECK_INT(1, finish(w, 0));
    CHECK_STR("The code holds no scoring script 'nothing.py'.",
              json_str_at(record(w, "score.json"), "reason"));
    CHECK_INT(0, unlinkat(w->folder, "environment/bin/python", 0));
    start(w, "python", "score.py");
    CHECK_INT(1, finish(w, 0));
    CHECK_STR("failed", json_str_at(record(w, "score.json"), "state"));
    start(w, "onnx", NULL);
    CHECK_INT(1, finish(w, 0));
    CHECK_STR("failed", json_str_at(record(w, "score.json"), "state"));
}

TEST(odd_command_lines_are_refused)
{
    CLEANUP(world_close) struct world *w = world_open("good");

    start(w, "tensorflow", NULL);
    CHECK_INT(2, finish(w, 0));
    snprintf(w->path, sizeof(w->path), "/nowhere/at/all");
    start(w, "python", NULL);
    CHECK_INT(2, finish(w, 0));
}
