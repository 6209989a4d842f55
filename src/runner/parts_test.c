/* The parts of a runner that need neither process nor server. */
#include "base/buf.h"
#include "base/test.h"
#include "os/fault.h"
#include "os/file.h"
#include "runner/command.h"
#include "runner/remote.h"
#include "runner/sandbox.h"
#include "runner/work.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

TEST(ends_are_told_apart)
{
    static const struct {
        struct work_facts facts;
        const char *kind;
        int code, signal;
        const char *word;
    } CASES[] = {
        {{.status = 0}, "exit", 0, 0, "exit code 0"},
        {{.status = 3}, "exit", 3, 0, "exit code 3"},
        {{.status = 255}, "exit", 255, 0, "255"},
        {{.signaled = true, .status = 9}, "signal", 137, 9, "KILL"},
        {{.status = 139}, "signal", 139, 11, "SEGV"},
        {{.status = 137, .oom_kills = 1}, "memory", 137, 9, "memory"},
        {{.status = 1, .oom_kills = 2}, "memory", 1, 0, "memory"},
        {{.status = 0, .oom_kills = 2}, "exit", 0, 0, "exit code 0"},
        {{.status = 1, .oom_kills = -1}, "exit", 1, 0, "exit code 1"},
        {{.status = 143, .asked = true}, "canceled", 143, 15, "asked"},
        {{.status = 143, .timed_out = true, .timeout_s = 20}, "timeout", 143, 15, "20 s"},
        {{.status = 127, .log_tail = STR_INIT("x\nbash: line 1: frobnicate: command not found\n")},
         "notFound",
         127,
         0,
         "frobnicate: command not found"},
        {{.status = 127, .log_tail = STR_INIT("bash: ./run.sh: No such file or directory\n")},
         "notFound",
         127,
         0,
         "./run.sh"},
        {{.status = 127}, "notFound", 127, 0, "127"},
        {{.status = 126, .log_tail = STR_INIT("bash: line 1: /data: Is a directory\n")},
         "exit",
         126,
         0,
         "/data: Is a directory"},
        {{.status = 126}, "exit", 126, 0, "exit code 126"},
        {{.status = 1,
          .log_tail =
              STR_INIT("KeyError: old\nTraceback (most recent call last):\n  File \"t.py\"\n"
                       "    raise ValueError(1)\njson.decoder.JSONDecodeError: no rows.\n"
                       "View run at: somewhere\n")},
         "exit",
         1,
         0,
         "exit code 1: json.decoder.JSONDecodeError: no rows."},
        {{.status = 1,
          .log_tail = STR_INIT("Traceback (most recent call last):\nKeyboardInterrupt")},
         "exit",
         1,
         0,
         "exit code 1: KeyboardInterrupt."},
        {{.status = 1, .log_tail = STR_INIT("SomeError: without a trace\n")},
         "exit",
         1,
         0,
         "exit code 1."},
        {{.status = 1,
          .log_tail = STR_INIT("Traceback (most recent call last):\nan Error: of words\n"
                               "ValueError: \xff\n")},
         "exit",
         1,
         0,
         "exit code 1."},
        {{.status = 0,
          .log_tail = STR_INIT("Traceback (most recent call last):\nValueError: caught\n")},
         "exit",
         0,
         0,
         "exit code 0."},
        {{.status = 137, .oom_kills = 1, .memory_bytes = 64 * MIB}, "memory", 137, 9, "64 MiB"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct work_end end = {0};
        work_judge(arena, &CASES[i].facts, &end);
        CHECK_STR(CASES[i].kind, str_from(end.kind));
        CHECK_INT(CASES[i].code, end.code);
        CHECK_INT(CASES[i].signal, end.signal);
        CHECK(str_find(end.reason, str_from(CASES[i].word)) >= 0);
    }
}

static int note_blob(struct str name, int64_t size, void *context, struct error *err)
{
    buf_printf(context, "%.*s=%lld ", STR_ARG(name), (long long)size);
    return str_eq(name, STR("stop")) ? error_set(err, ERROR_CANCELED, "", "Stopped.") : 0;
}

TEST(a_listing_is_read_with_its_entities)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf seen = buf_make(KIB);
    struct error err = {0};
    struct str marker;

    CHECK_OK(remote_read_listing(
                 arena,
                 STR("<?xml version=\"1.0\"?><EnumerationResults ContainerName=\"c\"><Blobs>"
                     "<Blob><Name>a/b &amp; &lt;&#233;&#x4e2d;.txt</Name><Properties>"
                     "<Content-Length>12</Content-Length></Properties></Blob>"
                     "<Blob><Name>100%.csv</Name></Blob></Blobs>"
                     "<NextMarker>m&amp;n</NextMarker></EnumerationResults>"),
                 &(struct remote_visit){note_blob, &seen}, &marker, &err),
             &err);
    CHECK_STR("a/b & <\xc3\xa9\xe4\xb8\xad.txt=12 100%.csv=-1 ", buf_str(&seen));
    CHECK_STR("m&n", marker);
}

TEST(what_is_no_listing_is_refused)
{
    static const char *const CASES[] = {
        "",
        "{}",
        "<html/>",
        "<EnumerationResults><Blob></Blob>",
        "<EnumerationResults><Blob><Name>&x;</Name></Blob>",
        "<EnumerationResults><Blob><Name>a&amp</Name></Blob>",
        "<EnumerationResults><Blob><Name>stop</Name></Blob>",
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        CLEANUP(buf_free) struct buf seen = buf_make(KIB);
        struct error err = {0};
        struct str marker = STR("before");
        CHECK(remote_read_listing(arena, str_from(CASES[i]),
                                  &(struct remote_visit){note_blob, &seen}, &marker, &err) < 0);
        CHECK(err.code != ERROR_NONE);
        CHECK_STR("before", marker);
    }
}

/* An attempt with a spec and nothing else. */
static struct attempt with_spec(struct arena *arena, const char *text)
{
    struct error err = {0};
    struct json *spec = json_parse(arena, str_from(text), &err);

    CHECK(spec != NULL);
    return (struct attempt){
        .arena = arena, .spec = spec, .folder_path = STR("/r/1-1"), .folder = -1};
}

TEST(values_are_put_into_the_command)
{
    static const struct {
        const char *command, *text;
    } CASES[] = {
        {"a ${{inputs.c}} b", "a 0.5 b"},
        {"${{ inputs.flag }}", "True"},
        {"${{inputs.file}} ${{inputs.dir}} ${{inputs.far}}",
         "/r/1-1/inputs/file/iris.csv /r/1-1/inputs/dir azureml://x"},
        {"${{inputs.model}}", "/r/1-1/inputs/model/m"},
        {"cp x ${{outputs.parts}}", "cp x /r/1-1/results/parts"},
        {"${{inputs.none}} ${{other}} ${{", "${{inputs.none}} ${{other}} ${{"},
        {"${{inputs.self}}", "${{inputs.c}}"}, /* a value is not looked at again */
        {"$HOME ${x} }} {{", "$HOME ${x} }} {{"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct attempt attempt = with_spec(
            arena,
            "{\"inputs\":{\"c\":{\"type\":\"literal\",\"value\":\"0.5\"},\"flag\":{\"type\":"
            "\"literal\","
            "\"value\":\"True\"},\"self\":{\"type\":\"literal\",\"value\":\"${{inputs.c}}\"},"
            "\"file\":{\"type\":\"uri_file\",\"prefix\":\"a/iris.csv\",\"single\":true},"
            "\"model\":{\"type\":\"custom_model\",\"prefix\":\"x\",\"into\":\"m\"},"
            "\"dir\":{\"type\":\"uri_folder\",\"prefix\":\"a\"},\"far\":{\"type\":\"uri_folder\","
            "\"mode\":\"direct\",\"uri\":\"azureml://"
            "x\"}},\"outputs\":{\"parts\":{\"type\":\"uri_folder\"}}}");
        json_set_str(arena, attempt.spec, "command", str_from(CASES[i].command));
        CHECK_STR(CASES[i].text, command_text(&attempt));
    }
}

/* The value of a variable in a vector. */
static struct str variable(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (!strncmp(*list, name, strlen(name)) && (*list)[strlen(name)] == '=')
            return str_from(*list + strlen(name) + 1);
    return STR("(none)");
}

TEST(the_environment_says_where_things_are)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct attempt attempt = with_spec(
        arena,
        "{\"inputs\":{\"c\":{\"type\":\"literal\",\"value\":\"1\"}},\"outputs\":{\"o\":{\"type\":"
        "\"uri_file\"}},"
        "\"variables\":{\"MLFLOW_RUN_ID\":\"owl\",\"LAZURITE_HOME\":\"/x\",\"LANG\":\"xx\"}}");
    const char *const *list = command_environment(&attempt);

    CHECK_STR("1", variable(list, "AZURE_ML_INPUT_c"));
    CHECK_STR("/r/1-1/results/o", variable(list, "AZURE_ML_OUTPUT_o"));
    CHECK_STR("/r/1-1/work", variable(list, "AZUREML_CR_EXECUTION_WORKING_DIR_PATH"));
    CHECK_STR("owl", variable(list, "MLFLOW_RUN_ID"));
    CHECK_STR("xx", variable(list, "LANG"));
    CHECK_STR("1", variable(list, "PYTHONUNBUFFERED"));
    CHECK_STR("(none)", variable(list, "LAZURITE_HOME"));
    CHECK_STR("(none)", variable(list, "REQUESTS_CA_BUNDLE"));
    CHECK(str_starts(variable(list, "PATH"), STR("/r/1-1/bin:")));
    attempt.environment_path = STR("/data/envs/ab");
    list = command_environment(&attempt);
    CHECK(str_starts(variable(list, "PATH"), STR("/data/envs/ab/bin:/r/1-1/packages/bin:")));
    CHECK_STR("/data/envs/ab", variable(list, "VIRTUAL_ENV"));
}

TEST(what_a_job_installs_is_its_own)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct attempt job = with_spec(arena, "{}");
    struct attempt own = with_spec(arena, "{\"variables\":{\"PYTHONPATH\":\"src:lib\"}}");
    const char *const *list = command_environment(&job);

    CHECK_STR("/r/1-1/packages", variable(list, "PIP_TARGET"));
    CHECK_STR("/r/1-1/packages", variable(list, "PYTHONPATH"));
    CHECK_STR("src:lib:/r/1-1/packages", variable(command_environment(&own), "PYTHONPATH"));
    job.replica = true;
    list = command_environment(&job);
    CHECK_STR("(none)", variable(list, "PIP_TARGET"));
    CHECK_STR("(none)", variable(list, "PYTHONPATH"));
    CHECK(str_find(variable(list, "PATH"), STR("packages")) < 0);
}

/* Makes `{test folder}/{name}/lib/python3.11/site-packages/azureml/mlflow` for a plugin. */
static struct str environment_with(struct arena *arena, const char *name, bool plugin)
{
    struct str path = arena_printf(arena, "%s/%s", test_folder(), name);
    const char *const parts[] = {"",
                                 "/lib",
                                 "/lib/python3.11",
                                 "/lib/python3.11/site-packages",
                                 "/lib/python3.11/site-packages/azureml",
                                 "/lib/python3.11/site-packages/azureml/mlflow"};

    for (size_t i = 0; i < COUNT(parts) - (plugin ? 0 : 1); i++)
        mkdir(arena_printf(arena, "%.*s%s", STR_ARG(path), parts[i]).ptr, 0700);
    return path;
}

TEST(the_plugin_decides_how_the_tracking_address_is_written)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const char *spec = "{\"variables\":{\"MLFLOW_TRACKING_URI\":\"https://localhost:1/mlflow/v2.0"
                       "/subscriptions/s/x\"}}";
    struct attempt attempt = with_spec(arena, spec);

    attempt.environment_path = environment_with(arena, "plain", false);
    const char *const *list = command_environment(&attempt);
    CHECK_STR("https://localhost:1/mlflow/v2.0/subscriptions/s/x",
              variable(list, "MLFLOW_TRACKING_URI"));
    CHECK_STR("(none)", variable(list, "AZUREML_CURRENT_CLOUD"));
    attempt.environment_path = environment_with(arena, "plugged", true);
    list = command_environment(&attempt);
    CHECK_STR("azureml://localhost:1/mlflow/v2.0/subscriptions/s/x",
              variable(list, "MLFLOW_TRACKING_URI"));
    CHECK_STR("Lazurite", variable(list, "AZUREML_CURRENT_CLOUD"));
}

TEST(a_users_own_tracking_address_is_left_alone)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct attempt attempt =
        with_spec(arena, "{\"variables\":{\"MLFLOW_TRACKING_URI\":\"https://elsewhere/\"}}");

    attempt.environment_path = environment_with(arena, "plugged2", true);
    CHECK_STR("https://elsewhere/", variable(command_environment(&attempt), "MLFLOW_TRACKING_URI"));
}

TEST(places_are_put_into_a_replicas_words)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct attempt attempt = with_spec(arena, "{}");

    attempt.environment_path = STR("/e");
    CHECK_STR("--x=/r/1-1/model", command_replace(&attempt, STR("--x={folder}/model")));
    CHECK_STR("/e/bin /r/1-1 /r/1-1",
              command_replace(&attempt, STR("{environment}/bin {folder} {folder}")));
    CHECK_STR("{other}", command_replace(&attempt, STR("{other}")));
}

/* A run folder of its own. */
static int fresh_folder(const char *name)
{
    struct error err = {0};
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);
    int dir = dir_open_at(base, name, 0700, &err);

    CHECK(dir >= 0);
    return dir;
}

TEST(a_journal_goes_on_where_another_ended)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int folder = fresh_folder("journal");
    struct error err = {0};
    struct journal *journal = journal_open(folder, &err);
    struct json *more = json_object(arena);
    struct str text;

    CHECK(journal != NULL);
    CHECK_INT(0, journal_last(journal));
    json_set_int(arena, more, "pid", 7);
    json_set_int(arena, more, "seq", 99); /* cannot take our member's place */
    journal_event(journal, "preparing", NULL, "First.");
    journal_event(journal, "started", more, "Second.");
    journal_free(&journal);
    CHECK_OK(file_read(arena, folder, "events.jsonl", KIB, &text, &err), &err);
    struct str cut =
        arena_printf(arena, "%.*s{\"seq\":3,\"eve", STR_ARG(text)); /* died while writing */
    CHECK_OK(file_write_atomic(folder, "events.jsonl", cut, 0600, &err), &err);

    journal = journal_open(folder, &err);
    CHECK_INT(2, journal_last(journal));
    CHECK(journal_has(journal, "started") && !journal_has(journal, "ended"));
    CHECK_INT(7, json_int_at(journal_find(journal, arena, "started"), "pid", 0));
    CHECK_INT(2, json_int_at(journal_find(journal, arena, "started"), "seq", 0));
    journal_event(journal, "ended", NULL, "Third.");
    CHECK_INT(3, journal_read(journal, arena, 2, 10, &text));
    struct json *body = json_parse(arena, text, &err);
    CHECK_INT(2, json_count(json_at(body, "events")));
    CHECK_INT(2, json_int_at(body, "events[0].seq", 0));
    CHECK_STR("Third.", json_str_at(body, "events[1].reason"));
    CHECK_INT(0, journal_read(journal, arena, 4, 10, &text));
    journal_free(&journal);
}

TEST(a_full_disk_costs_the_file_not_the_event)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int folder = fresh_folder("full");
    struct error err = {0};
    struct journal *journal = journal_open(folder, &err);
    struct str text;

    CHECK(journal != NULL);
    fault_plan(FAULT_WRITE, 1, ENOSPC, true);
    journal_event(journal, "preparing", NULL, "Said.");
    fault_plan(FAULT_WRITE, 0, 0, false);
    CHECK_INT(1, journal_read(journal, arena, 1, 10, &text));
    CHECK(str_find(text, STR("Said.")) > 0);
    journal_free(&journal);
}

/* --- Properties ------------------------------------------------------------------------------ */

static uint64_t draw(uint64_t *chance, uint64_t limit)
{
    *chance = *chance * 6364136223846793005u + 1442695040888963407u;
    return (*chance >> 33) % limit;
}

static int count_blob(struct str name, int64_t size, void *context, struct error *)
{
    CHECK(name.len == 0 || name.ptr);
    CHECK(size >= -1);
    ++*(unsigned *)context;
    return 0;
}

/* A server of another time, or bytes cut off on their way: an answer or an error, nothing else. */
TEST(a_listing_with_any_byte_changed_is_read_or_refused)
{
    static const char TEXT[] = "<EnumerationResults><Blobs><Blob><Name>a&amp;b</Name><Properties>"
                               "<Content-Length>12</Content-Length></Properties></Blob></Blobs>"
                               "<NextMarker>m&#65;</NextMarker></EnumerationResults>";
    uint64_t chance = 17;

    for (int round = 0; round < 3000; round++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
        char text[sizeof(TEXT)];
        size_t len = sizeof(TEXT) - 1 - draw(&chance, 20);
        struct error err = {0};
        struct str marker;
        unsigned count = 0;
        memcpy(text, TEXT, sizeof(TEXT));
        for (uint64_t changes = draw(&chance, 4); changes > 0; changes--)
            text[draw(&chance, len)] = "<>&;#x/-\0\xff"[draw(&chance, 10)];
        int result = remote_read_listing(arena, (struct str){text, len},
                                         &(struct remote_visit){count_blob, &count}, &marker, &err);
        CHECK_INT(result < 0, err.code != ERROR_NONE);
        CHECK(count <= 2);
    }
}

TEST(a_command_without_bindings_of_ours_stays_as_it_is)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct attempt attempt = with_spec(arena, "{}");
    static const char *const PIECES[] = {"$",  "{",       "}", "${", "${{",
                                         "}}", "inputs.", "x", " ",  "\n"};
    uint64_t chance = 23;

    for (int round = 0; round < 2000; round++) {
        CLEANUP(buf_free) struct buf text = buf_make(KIB);
        for (uint64_t count = draw(&chance, 15); count > 0; count--)
            buf_add(&text, str_from(PIECES[draw(&chance, COUNT(PIECES))]));
        json_set_str(arena, attempt.spec, "command", buf_str(&text));
        CHECK(str_eq(buf_str(&text), command_text(&attempt)));
    }
}

TEST(values_are_not_looked_through_for_bindings_again)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct attempt attempt =
        with_spec(arena, "{\"inputs\":{\"a\":{\"type\":\"literal\",\"value\":\"${{inputs.b}}\"},"
                         "\"b\":{\"type\":\"literal\",\"value\":\"secret\"}},"
                         "\"command\":\"echo ${{inputs.a}} ${{inputs.a}}\"}");

    CHECK_STR("echo ${{inputs.b}} ${{inputs.b}}", command_text(&attempt));
}

TEST(words_grow_and_end_in_null)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct words words = words_make(arena);

    for (size_t i = 0; i < 1000; i++) {
        words_add(&words, arena_printf(arena, "%zu", i).ptr);
        CHECK_INT(i + 1, words.count);
        CHECK(words.list[words.count] == NULL);
    }
    for (size_t i = 0; i < 1000; i += 37)
        CHECK_STR(arena_printf(arena, "%zu", i).ptr, str_from(words.list[i]));
}

/* Every status a process can end with has a kind, a number and a sentence. */
TEST(every_status_has_its_kind_and_sentence)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    for (int signaled = 0; signaled < 2; signaled++)
        for (int status = signaled; status < (signaled ? 65 : 256); status++) {
            struct work_facts facts = {.signaled = signaled, .status = status};
            struct work_end end = {0};
            work_judge(arena, &facts, &end);
            CHECK(end.kind && *end.kind && end.reason.len > 10);
            CHECK_INT('.', end.reason.ptr[end.reason.len - 1]);
            bool good = !signaled && status == 0;
            CHECK_INT(good, !strcmp(end.kind, "exit") && end.code == 0);
            if (signaled)
                CHECK_STR("signal", str_from(end.kind));
        }
}
