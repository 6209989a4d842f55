/* A real runner in a process of its own, against a server that only remembers. */
#include "runner/runner.h"

#include "base/test.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "runner/fake_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define STEP_US 5000

/* This program is the runner too: when its words say so, before any test. */
__attribute__((constructor)) static void play_runner(void)
{
    char text[1024] = "";
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        fclose(file);
    char *word = memchr(text, '\0', got);
    if (!word || strcmp(word + 1, "runner") != 0)
        return;
    char *words[] = {word + 1, word + 1 + strlen("runner") + 1, NULL};
    exit(runner_main(2, words));
}

struct fixture {
    struct arena *arena;
    struct str data, folder; /* absolute paths */
    int dir;                 /* the run folder */
    struct json *spec;
    struct fake_server server;
    struct process runner;
};

static void fixture_free(struct fixture *f)
{
    struct process_end end;

    if (f->runner.pidfd > 0) {
        process_signal(&f->runner, SIGKILL, NULL);
        process_wait(&f->runner, PATIENCE_MS, &end, NULL);
        process_close(&f->runner);
    }
    fake_server_free(&f->server);
    fd_close(&f->dir);
    arena_free(&f->arena);
}

/* A data folder, a run folder and a spec with that command. */
static void fixture_make(struct fixture *f, const char *command)
{
    static int number;
    struct error err = {0};
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);

    *f = (struct fixture){.arena = arena_new(256 * MIB), .runner = {.pidfd = -1}};
    const char *name = arena_printf(f->arena, "d%d", ++number).ptr;
    f->data = arena_printf(f->arena, "%s/%s", test_folder(), name);
    f->folder = arena_printf(f->arena, "%s/runs/1-1", f->data.ptr);
    CLEANUP(fd_close) int data = dir_open_at(base, name, 0700, &err);
    CHECK_OK(dir_make(data, "keys", 0700, &err), &err);
    CHECK_OK(file_write_atomic(data, "keys/secret", STR("s"), 0600, &err), &err);
    CHECK_OK(dir_make(data, "tls", 0700, &err), &err);
    CHECK_OK(file_write_atomic(data, "tls/bundle.pem", STR("PEM"), 0600, &err), &err);
    f->dir = dir_open_at(data, "runs/1-1", 0700, &err);
    CHECK(f->dir >= 0);
    struct str text =
        arena_printf(f->arena,
                     "{\"version\":1,\"kind\":\"job\",\"attempt\":\"1-1\",\"name\":\"owl\","
                     "\"number\":1,\"dataDir\":\"%s\","
                     "\"token\":\"t\",\"server\":{\"socket\":\"%s/s\",\"host\":\"localhost:1\"},"
                     "\"environment\":{\"kind\":\"host\"},\"artifacts\":{\"container\":\"art\","
                     "\"prefix\":\"Run/owl\"},"
                     "\"limits\":{\"timeoutSeconds\":0},\"isolation\":{\"mode\":\"same-user\","
                     "\"sandbox\":true}}",
                     f->data.ptr, f->data.ptr);
    f->spec = json_parse(f->arena, text, &err);
    CHECK(f->spec != NULL);
    json_set_str(f->arena, f->spec, "command", str_from(command));
    fake_server_start(&f->server, arena_printf(f->arena, "%s/s", f->data.ptr).ptr);
}

static void set(struct fixture *f, const char *path, const char *text)
{
    struct error err = {0};
    struct json *value = json_parse(f->arena, str_from(text), &err);

    CHECK(value != NULL);
    CHECK_OK(json_put(f->arena, f->spec, path, value, &err), &err);
}

static struct process start_runner(struct fixture *f)
{
    const char *argv[] = {process_self(f->arena).ptr, "runner", f->folder.ptr, NULL};
    struct process_spec spec = {
        .argv = argv, .input = -1, .output = 2, .errors = 2, .own_session = true};
    struct process process = {.pidfd = -1};
    struct error err = {0};

    CHECK_OK(file_write_atomic(f->dir, "spec.json", json_write(f->arena, f->spec), 0600, &err),
             &err);
    CHECK_OK(process_start(&spec, &process, &err), &err);
    return process;
}

/* Waits for the runner's own end, which is always a good one. */
static void wait_runner(struct fixture *f)
{
    struct process_end end;
    struct error err = {0};

    CHECK_INT(1, process_wait(&f->runner, PATIENCE_MS, &end, &err));
    CHECK(!end.signaled);
    CHECK_INT(0, end.status);
    process_close(&f->runner);
}

static void run(struct fixture *f)
{
    f->runner = start_runner(f);
    wait_runner(f);
}

static bool has_event(struct fixture *f, const char *event)
{
    pthread_mutex_lock(&f->server.lock);
    bool found = str_find(buf_str(&f->server.events), str_from(event)) >= 0;
    pthread_mutex_unlock(&f->server.lock);
    return found;
}

static void wait_event(struct fixture *f, const char *event)
{
    for (int64_t left = PATIENCE_MS * US_PER_MS; left > 0 && !has_event(f, event); left -= STEP_US)
        clock_sleep_us(STEP_US);
    CHECK(has_event(f, event));
}

static void wait_log(struct fixture *f, const char *text)
{
    bool found = false;

    for (int64_t left = PATIENCE_MS * US_PER_MS; left > 0 && !found; left -= STEP_US) {
        clock_sleep_us(STEP_US);
        pthread_mutex_lock(&f->server.lock);
        found = str_find(buf_str(&f->server.log), str_from(text)) >= 0;
        pthread_mutex_unlock(&f->server.lock);
    }
    CHECK(found);
}

static struct json *read_json(struct fixture *f, const char *path)
{
    struct error err = {0};
    struct str text;

    CHECK_OK(file_read(f->arena, f->dir, path, MIB, &text, &err), &err);
    struct json *value = json_parse(f->arena, text, &err);
    CHECK(value != NULL);
    return value;
}

static struct str read_text(struct fixture *f, const char *path)
{
    struct error err = {0};
    struct str text = {0};

    CHECK_OK(file_read(f->arena, f->dir, path, 64 * MIB, &text, &err), &err);
    return text;
}

/* exit.json says so, and the server was told the same. */
static void check_end(struct fixture *f, const char *kind, int code)
{
    struct json *end = read_json(f, "exit.json");

    /* The fake server may still be writing down what it has answered. */
    wait_event(f, "finished ");
    CHECK_STR(kind, json_str_at(end, "kind"));
    CHECK_INT(code, json_int_at(end, "code", -1));
    CHECK(json_str_at(end, "reason").len > 0);
    CHECK(json_int_at(end, "endedUs", 0) > 0);
    CHECK(str_ends(buf_str(&f->server.events), STR("finished ")));
    CHECK(!f->server.sealed_early);
}

/* The exit status of a shell line. */
static int shell(const char *line)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const char *words[] = {"sh", "-c", line, NULL};
    struct process_spec spec = {.argv = words, .input = -1};
    struct process_result result;
    struct error err = {0};

    CHECK_OK(process_run(arena, &spec, 64 * KIB, &result, &err), &err);
    return result.end.signaled ? -1 : result.end.status;
}

static bool has_bwrap(void)
{
    return shell("bwrap --bind / / --unshare-pid --unshare-ipc --proc /proc --cap-drop ALL true") ==
           0;
}

TEST(a_command_runs_and_everything_is_told)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "echo out; echo err >&2");
    run(&f);
    check_end(&f, "exit", 0);
    CHECK_STR("preparing inputs starting started ended finished ", buf_str(&f.server.events));
    CHECK_STR("out\nerr\n", buf_str(&f.server.log));
    CHECK_STR("out\nerr\n", read_text(&f, "user_logs/std_log.txt"));
    CHECK(str_find(read_text(&f, "system_logs/lifecycle.log"), STR("isolation: ")) > 0);
    CHECK(json_int_at(read_json(&f, "runner.json"), "pid", 0) > 1);
}

TEST(notes_and_isolation_come_first_in_the_lifecycle)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "true");
    set(&f, "notes", "[\"The image is not used.\"]");
    set(&f, "isolation.sandbox", "false");
    run(&f);
    struct str log = read_text(&f, "system_logs/lifecycle.log"), line;
    CHECK(str_split(&log, '\n', &line) && str_find(line, STR("isolation: none")) > 0);
    CHECK(str_split(&log, '\n', &line) && str_find(line, STR("The image is not used.")) > 0);
    check_end(&f, "exit", 0);
}

TEST(inputs_outputs_and_artifacts_make_the_round)
{
    CLEANUP(fixture_free) struct fixture f;
    struct str text;

    fixture_make(&f,
                 "cat main.txt ${{inputs.file}} ${{inputs.folder}}/sub/b.txt; echo ${{inputs.lit}};"
                 "test \"$AZURE_ML_INPUT_lit\" = 0.5 && test -f \"$REQUESTS_CA_BUNDLE\" && python "
                 "-c 'print(6*7)';"
                 "mkdir ${{outputs.parts}}/d; echo p > ${{outputs.parts}}/d/p.txt; ln -s "
                 "/etc/passwd ${{outputs.parts}}/link;"
                 "mkfifo ${{outputs.parts}}/pipe; echo one > ${{outputs.single}}; echo m > "
                 "outputs/model.txt;"
                 "echo l > logs/l.txt; ln -s /etc outputs/etc");
    set(&f, "code", "{\"container\":\"c\",\"prefix\":\"code/1\"}");
    set(&f, "inputs",
        "{\"file\":{\"type\":\"uri_file\",\"container\":\"c\",\"prefix\":\"in/"
        "100%.csv\",\"single\":true},"
        "\"folder\":{\"type\":\"uri_folder\",\"container\":\"c\",\"prefix\":\"dir/\"},"
        "\"lit\":{\"type\":\"literal\",\"value\":\"0.5\"}}");
    set(&f, "outputs",
        "{\"parts\":{\"type\":\"uri_folder\",\"container\":\"o\",\"prefix\":\"az/owl/parts\"},"
        "\"single\":{\"type\":\"uri_file\",\"container\":\"o\",\"prefix\":\"az/owl/"
        "one.txt\",\"single\":true}}");
    fake_server_put(&f.server, "c/code/1/main.txt", "code\n");
    fake_server_put(&f.server, "c/code/12/other.txt", "not mine\n");
    fake_server_put(&f.server, "c/in/100%.csv", "csv\n");
    fake_server_put(&f.server, "c/dir/a.txt", "a\n");
    fake_server_put(&f.server, "c/dir/sub/b.txt", "b\n");
    run(&f);
    check_end(&f, "exit", 0);
    CHECK_STR("code\ncsv\nb\n0.5\n42\n", buf_str(&f.server.log));
    CHECK(!file_exists(f.dir, "work/other.txt"));
    CHECK(fake_server_find(&f.server, "o/az/owl/parts/d/p.txt", &text));
    CHECK_STR("p\n", text);
    CHECK(fake_server_find(&f.server, "o/az/owl/one.txt", &text));
    CHECK_STR("one\n", text);
    CHECK(fake_server_find(&f.server, "art/Run/owl/outputs/model.txt", &text));
    CHECK(fake_server_find(&f.server, "art/Run/owl/logs/l.txt", &text));
    CHECK(!fake_server_find(&f.server, "o/az/owl/parts/link", &text));
    CHECK(!fake_server_find(&f.server, "art/Run/owl/outputs/etc/passwd", &text));
    struct str details = buf_str(&f.server.details);
    CHECK(str_find(details, STR("\"link (a link)\"")) > 0);
    CHECK(str_find(details, STR("\"pipe (no regular file)\"")) > 0);
    CHECK(str_find(details, STR("\"etc (a link)\"")) > 0);
    CHECK_STR("The command ended with exit code 0. Skipped in outputs: link (a link), "
              "pipe (no regular file), etc (a link).",
              json_str_at(read_json(&f, "exit.json"), "reason"));
}

TEST(ends_are_named)
{
    static const struct {
        const char *command, *kind;
        int code;
        const char *word;
    } CASES[] = {
        {"exit 3", "exit", 3, "exit code 3"},
        {"kill -9 $$", "signal", 137, "KILL"},
        {"frobnicate --now", "notFound", 127, "frobnicate"},
        {"python -c 'import os; os.abort()'", "signal", 134, "ABRT"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        CLEANUP(fixture_free) struct fixture f;
        fixture_make(&f, CASES[i].command);
        run(&f);
        check_end(&f, CASES[i].kind, CASES[i].code);
        CHECK(str_find(json_str_at(read_json(&f, "exit.json"), "reason"), str_from(CASES[i].word)) >
              0);
    }
}

TEST(without_a_sandbox_ends_are_named_alike)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "kill -SEGV $$");
    set(&f, "isolation.sandbox", "false");
    run(&f);
    check_end(&f, "signal", 139);
    CHECK_INT(11, json_int_at(read_json(&f, "exit.json"), "signal", 0));
}

TEST(a_time_limit_ends_the_command_and_its_children)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "setsid sleep 61.125 & sleep 60; echo never");
    set(&f, "limits.timeoutSeconds", "1");
    run(&f);
    CHECK_STR("timeout", json_str_at(read_json(&f, "exit.json"), "kind"));
    CHECK(str_find(buf_str(&f.server.log), STR("never")) < 0);
    CHECK(shell("grep -lzs '61[.]125' /proc/[0-9]*/cmdline > /dev/null") != 0);
}

TEST(the_server_can_cancel)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    atomic_store(&f.server.cancel, true);
    process_signal(&f.runner, 0, NULL);
    wait_runner(&f);
    check_end(&f, "canceled", 0);
    CHECK(str_find(buf_str(&f.server.log), STR("bye")) > 0); /* it was asked, not killed */
}

TEST(sigterm_to_the_runner_cancels)
{
    CLEANUP(fixture_free) struct fixture f;
    struct error err = {0};

    fixture_make(&f, "echo ready; sleep 60");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    CHECK_OK(process_signal(&f.runner, SIGTERM, &err), &err);
    wait_runner(&f);
    CHECK_STR("canceled", json_str_at(read_json(&f, "exit.json"), "kind"));
}

TEST(a_cancel_at_any_moment_of_the_start_ends_it_soon)
{
    for (int i = 0; i < 6; i++) {
        CLEANUP(fixture_free) struct fixture f;
        fixture_make(&f, "sleep 60");
        int64_t begun = clock_mono_us();
        f.runner = start_runner(&f);
        for (int j = 0; j < 4000 && !file_exists(f.dir, "events.jsonl"); j++)
            clock_sleep_us(500);
        clock_sleep_us(i * 10000);
        process_signal(&f.runner, SIGTERM, NULL);
        wait_runner(&f);
        CHECK_STR("canceled", json_str_at(read_json(&f, "exit.json"), "kind"));
        CHECK(clock_mono_us() - begun < 8 * US_PER_S); /* nobody waited for the kill */
    }
}

TEST(want_of_memory_is_named)
{
    CLEANUP(fixture_free) struct fixture f;
    struct cgroup_limits limits = {.memory_bytes = MIB};
    struct cgroup group;

    fixture_make(&f, "tail /dev/zero");
    cgroup_make(f.arena, "probe", &limits, &group);
    cgroup_remove(&group);
    set(&f, "limits.memoryBytes", "67108864");
    if (group.notes.len) { /* no memory control here: nothing would stop it */
        fixture_free(&f);
        skip();
    }
    run(&f);
    CHECK_STR("memory", json_str_at(read_json(&f, "exit.json"), "kind"));
    CHECK(json_int_at(read_json(&f, "exit.json"), "peakMemoryBytes", 0) > 16 * (int64_t)MIB);
}

TEST(inputs_that_are_not_there_are_a_reason)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "echo never");
    set(&f, "inputs",
        "{\"iris\":{\"type\":\"uri_file\",\"container\":\"c\",\"prefix\":\"gone.csv\",\"single\":"
        "true}}");
    run(&f);
    check_end(&f, "prepare", 0);
    CHECK(str_find(json_str_at(read_json(&f, "exit.json"), "reason"), STR("'iris'")) > 0);
    CHECK(!file_exists(f.dir, "user_logs/std_log.txt"));
}

TEST(an_environment_that_cannot_be_is_a_reason)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "echo never");
    set(&f, "environment", "{\"kind\":\"python\",\"python\":\"2.6\",\"packages\":[\"x\"]}");
    run(&f);
    check_end(&f, "prepare", 0);
    struct str reason = json_str_at(read_json(&f, "exit.json"), "reason");
    CHECK(str_find(reason, STR("2.6")) > 0 || str_find(reason, STR("uv")) > 0);
}

TEST(what_happens_while_the_server_is_away_is_told_later)
{
    CLEANUP(fixture_free) struct fixture f;
    struct error err = {0};

    fixture_make(
        &f, "echo one; test -e go || touch \"$AZUREML_CR_EXECUTION_WORKING_DIR_PATH/waiting\"; "
            "while ! test -e go; do sleep 0.02; done; echo two");
    f.runner = start_runner(&f);
    wait_log(&f, "one");
    fake_server_stop(&f.server);
    CHECK_OK(file_write_atomic(f.dir, "work/go", STR(""), 0644, &err), &err);
    for (int i = 0; i < 2000 && !file_exists(f.dir, "exit.json"); i++)
        clock_sleep_us(STEP_US);
    CHECK(file_exists(f.dir, "exit.json"));
    CHECK(process_alive(&f.runner.id)); /* it waits with the news */
    fake_server_start(&f.server, arena_printf(f.arena, "%s/s", f.data.ptr).ptr);
    wait_runner(&f);
    check_end(&f, "exit", 0);
    CHECK_STR("one\ntwo\n", buf_str(&f.server.log));
}

TEST(a_second_runner_leaves_at_once)
{
    CLEANUP(fixture_free) struct fixture f;
    struct process_end end;
    struct error err = {0};

    fixture_make(&f, "echo ready; sleep 60");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    struct process second = start_runner(&f);
    CHECK_INT(1, process_wait(&second, PATIENCE_MS, &end, &err));
    CHECK(!end.signaled && end.status == 0);
    process_close(&second);
    CHECK(process_alive(&f.runner.id));
    CHECK_INT(f.runner.id.pid, json_int_at(read_json(&f, "runner.json"), "pid", 0));
    process_signal(&f.runner, SIGTERM, NULL);
    wait_runner(&f);
}

TEST(a_new_runner_takes_over_from_a_killed_one)
{
    CLEANUP(fixture_free) struct fixture f;
    struct process_end end;
    struct error err = {0};

    fixture_make(&f, "echo ready; while ! test -e go; do sleep 0.02; done; echo done; exit 5");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    wait_event(&f, "started");
    CHECK_OK(process_signal(&f.runner, SIGKILL, &err), &err);
    CHECK_INT(1, process_wait(&f.runner, PATIENCE_MS, &end, &err));
    process_close(&f.runner);
    f.runner = start_runner(&f);
    clock_sleep_us(100000);
    CHECK_OK(file_write_atomic(f.dir, "work/go", STR(""), 0644, &err), &err);
    wait_runner(&f);
    CHECK_STR("ready\ndone\n", buf_str(&f.server.log)); /* it ran once, and its log is whole */
    if (has_bwrap())
        check_end(&f, "exit", 5);
    else
        check_end(&f, "lost", 0);
    CHECK_STR("preparing inputs starting started ended finished ", buf_str(&f.server.events));
}

TEST(what_ended_while_nobody_watched_is_found)
{
    CLEANUP(fixture_free) struct fixture f;
    struct process_end end;
    struct error err = {0};

    fixture_make(&f, "echo ready; while ! test -e go; do sleep 0.02; done; exit 6");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    wait_event(&f, "started");
    process_signal(&f.runner, SIGKILL, NULL);
    CHECK_INT(1, process_wait(&f.runner, PATIENCE_MS, &end, &err));
    process_close(&f.runner);
    CHECK_OK(file_write_atomic(f.dir, "work/go", STR(""), 0644, &err), &err);
    clock_sleep_us(500000);
    run(&f);
    check_end(&f, has_bwrap() ? "exit" : "lost", has_bwrap() ? 6 : 0);
}

TEST(a_command_that_may_have_begun_is_not_begun_again)
{
    CLEANUP(fixture_free) struct fixture f;
    struct error err = {0};

    fixture_make(&f, "echo never");
    CHECK_OK(file_write_atomic(
                 f.dir, "events.jsonl",
                 STR("{\"seq\":1,\"event\":\"preparing\"}\n{\"seq\":2,\"event\":\"starting\"}\n"),
                 0600, &err),
             &err);
    run(&f);
    check_end(&f, "lost", 0);
    CHECK(!file_exists(f.dir, "user_logs/std_log.txt"));
}

TEST(a_command_sees_its_own_folder_only)
{
    CLEANUP(fixture_free) struct fixture f;

    if (!has_bwrap())
        skip();
    fixture_make(
        &f, "ls \"$D\"; ls \"$D/runs\"; cat \"$D/keys/secret\" 2>/dev/null || echo hidden; grep "
            "CapEff /proc/self/status;"
            "touch ../spec.json ../x 2>/dev/null || echo sealed; touch ../results/r && echo open");
    CHECK_OK(json_put(f.arena, f.spec, "variables.D", json_text(f.arena, f.data), NULL),
             &(struct error){0});
    CHECK_INT(0, shell(arena_printf(f.arena, "mkdir %s/runs/2-1", f.data.ptr).ptr));
    run(&f);
    CHECK_STR("runs\n1-1\nhidden\nCapEff:\t0000000000000000\nsealed\nopen\n",
              buf_str(&f.server.log));
}

TEST(what_a_command_installs_is_found_by_it_and_lies_in_its_folder)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "echo 'x = 7' > \"$PIP_TARGET/lzmine.py\"; mkdir \"$PIP_TARGET/bin\";"
                     "printf '#!/bin/sh\\necho tool\\n' > \"$PIP_TARGET/bin/lztool\";"
                     "chmod +x \"$PIP_TARGET/bin/lztool\";"
                     "python -c 'import lzmine; print(lzmine.x)'; lztool");
    run(&f);
    CHECK_STR("7\ntool\n", buf_str(&f.server.log));
    CHECK(file_exists(f.dir, "packages/lzmine.py"));
    check_end(&f, "exit", 0);
}

TEST(a_user_of_its_own_can_reach_its_own_folder_only)
{
    CLEANUP(fixture_free) struct fixture f;
    struct stat status;

    if (getuid() != 0 || !has_bwrap())
        skip(); /* only root can give files and processes to another user */
    fixture_make(
        &f,
        "id -u; touch a ~/b ../results/c \"$PIP_TARGET/d\" && echo wrote; python -c 'print(7)'; "
        "cat ../events.jsonl 2>/dev/null || echo closed; touch ../x 2>/dev/null || echo sealed");
    set(&f, "isolation.mode", "\"separate\"");
    set(&f, "isolation.uid", "70001");
    CHECK_INT(0, shell(arena_printf(f.arena, "chmod 755 %s", test_folder()).ptr));
    run(&f);
    CHECK_STR("70001\nwrote\n7\nclosed\nsealed\n", buf_str(&f.server.log));
    CHECK_INT(0, fstatat(f.dir, "work/a", &status, 0));
    CHECK_INT(70001, status.st_uid);
    check_end(&f, "exit", 0);
}

TEST(large_files_go_in_blocks)
{
    CLEANUP(fixture_free) struct fixture f;
    struct str text;

    fixture_make(
        &f, "head -c 41943040 /dev/zero | tr '\\0' x > outputs/big; printf end >> outputs/big");
    run(&f);
    check_end(&f, "exit", 0);
    CHECK(fake_server_find(&f.server, "art/Run/owl/outputs/big", &text));
    CHECK_INT(41943043, text.len);
    CHECK(str_ends(text, STR("xend")));
    CHECK_INT(6, f.server.blocks);
}

TEST(an_upload_that_is_refused_is_named_and_the_job_still_ends)
{
    CLEANUP(fixture_free) struct fixture f;

    fixture_make(&f, "echo m > outputs/m; echo ready; while ! test -e go; do sleep 0.02; done");
    f.runner = start_runner(&f);
    wait_log(&f, "ready");
    wait_event(&f, "started");
    atomic_store(&f.server.refuse, 403);
    CHECK_INT(0, shell(arena_printf(f.arena, "touch %s/work/go", f.folder.ptr).ptr));
    for (int i = 0; i < 2000 && !file_exists(f.dir, "exit.json"); i++)
        clock_sleep_us(STEP_US);
    atomic_store(&f.server.refuse, 0);
    f.runner.pidfd > 0 ? wait_runner(&f) : (void)0;
    CHECK(str_find(read_text(&f, "events.jsonl"), STR("403")) > 0);
}

TEST(a_replica_runs_its_words_and_passes_the_signal_on)
{
    CLEANUP(fixture_free) struct fixture f;
    struct error err = {0};

    fixture_make(&f, "");
    set(&f, "kind", "\"replica\"");
    set(&f, "argv",
        "[\"bash\", \"-c\", \"trap 'echo ended; exit 0' TERM; echo {folder} > {folder}/seen; "
        "while :; do sleep 0.02; done\"]");
    json_remove(f.spec, STR("token"));
    f.runner = start_runner(&f);
    for (int i = 0; i < 2000 && !file_exists(f.dir, "seen"); i++)
        clock_sleep_us(STEP_US);
    CHECK_STR(arena_printf(f.arena, "%s\n", f.folder.ptr).ptr, read_text(&f, "seen"));
    CHECK_OK(process_signal(&f.runner, SIGTERM, &err), &err);
    wait_runner(&f);
    CHECK_STR("canceled", json_str_at(read_json(&f, "exit.json"), "kind"));
    CHECK(str_find(read_text(&f, "user_logs/std_log.txt"), STR("ended")) >= 0);
    CHECK_INT(0, f.server.log_posts); /* its log stays here */
    CHECK_OK(dir_remove_tree(f.dir, "seen", &err), &err);
    f.runner = start_runner(&f); /* and again, from the start */
    for (int i = 0; i < 2000 && !file_exists(f.dir, "seen"); i++)
        clock_sleep_us(STEP_US);
    CHECK(!file_exists(f.dir, "exit.json"));
    process_signal(&f.runner, SIGTERM, NULL);
    wait_runner(&f);
}

TEST(a_folder_without_a_spec_is_an_error)
{
    CLEANUP(fixture_free) struct fixture f;
    struct process_end end;
    struct error err = {0};

    fixture_make(&f, "true");
    set(&f, "version", "7");
    f.runner = start_runner(&f);
    CHECK_INT(1, process_wait(&f.runner, PATIENCE_MS, &end, &err));
    CHECK_INT(1, end.status);
    process_close(&f.runner);
}
