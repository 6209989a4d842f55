/* Jobs by the wire: submitted, read, changed, canceled, deleted, streamed; and the runner's rows.
 * The engine's thread does not run: tests record attempts and report as a runner would. */
#include "kinds/job.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/buf.h"
#include "base/test.h"
#include "content/content.h"
#include "job/attempt.h"
#include "job/job.h"
#include "job/state.h"
#include "kinds/kinds.h"
#include "os/file.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#include <string.h>

static const struct arm_kind *const KINDS[] = {&workspace_kind, &job_kind};

#define SCOPE                                                                               \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces/default"
#define JOBS SCOPE "/jobs"
#define OWN "/lazurite/v1" JOBS
#define HELLO "{\"properties\":{\"jobType\":\"Command\",\"command\":\"echo hello\"}}"

struct fixture {
    struct arena *arena;
    struct engines engines;
    struct scope scope;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

static struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};

    f->arena = arena;
    static int count; /* rows count from 1 in each store, so its folder is its own, too */
    char *path = arena_cstr(arena, arena_printf(arena, "%s/jobs-%d", test_folder(), count++));
    CHECK_INT(0, mkdir(path, 0700));
    f->dir = dir_open(path, &err);
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.vault = vault_open(f->dir, &err);
    f->engines.content = content_open(f->dir, f->engines.store, &err);
    CHECK(f->engines.vault && f->engines.content);
    CHECK_OK(workspace_make_default(&f->engines, arena, &f->scope, &err), &err);
    struct jobs_options options = {
        .store = f->engines.store, .content = f->engines.content, .dir = f->dir, .dir_path = path};
    f->engines.jobs = jobs_new(&options);
    jobs_set_endpoints(f->engines.jobs, STR("https://localhost:10443"), STR("localhost:10443"));
    f->arm = arm_new(KINDS, COUNT(KINDS), &f->engines);
    const struct route_table tables[] = {arm_routes(f->arm), job_routes(&f->engines)};
    f->fake = fake_new(tables, COUNT(tables));
    return f;
}

static void fixture_close(struct fixture **f)
{
    struct arena *arena = (*f)->arena;

    fake_free(&(*f)->fake);
    arm_free(&(*f)->arm);
    jobs_free(&(*f)->engines.jobs);
    content_close(&(*f)->engines.content);
    store_close(&(*f)->engines.store);
    vault_close(&(*f)->engines.vault);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

static struct fake_reply get(struct fixture *f, const char *target)
{
    return fake_send(f->fake, "GET", target, STR(""));
}

struct placing {
    int64_t scope;
    const char *name;
    int64_t run;
};

/* What the scheduler does before a runner is started. */
static int place(struct store_txn *txn, void *context, struct error *err)
{
    struct placing *placing = context;
    struct job_move move = {.event = JOB_PLACED, .reason = STR("Placed."), .actor = STR("test")};
    struct attempt attempt = {.compute = STR("serverless")};
    struct run run;

    if (run_get(txn, placing->scope, str_from(placing->name), &run, err) < 0)
        return -1;
    attempt.run = placing->run = run.run;
    move.attempt = 1;
    return attempt_insert(txn, &attempt, err) < 0 || job_state_move(txn, &run, &move, err) < 0 ? -1
                                                                                               : 0;
}

/* The runner's address of one of its two rows. */
static char *attempt_path(struct fixture *f, const char *name, const char *row)
{
    struct placing placing = {f->scope.number, name, 0};
    struct error err = {0};

    CHECK_OK(store_write(f->engines.store, place, &placing, &err), &err);
    return arena_cstr(f->arena, arena_printf(f->arena, "/lazurite/v1/attempts/%lld-1/%s",
                                             (long long)placing.run, row));
}

static char *other_row(struct fixture *f, const char *path, const char *row)
{
    struct str whole = str_from(path);
    struct str base = str_slice(whole, 0, (size_t)str_find(whole, STR("-1/")) + 2);

    return arena_cstr(f->arena, arena_printf(f->arena, "%.*s/%s", STR_ARG(base), row));
}

TEST(a_job_is_submitted_shown_and_never_started_again_by_a_put)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", JOBS "/calm_owl", HELLO);

    CHECK_INT(201, reply.status);
    CHECK_STR("Queued", json_str_at(reply.json, "properties.status"));
    CHECK(json_at(reply.json, "resolved") == NULL); /* the engine's own, never shown */
    reply = fake_json(f->fake, "PUT", JOBS "/Calm_Owl", HELLO);
    CHECK_INT(200, reply.status);
    CHECK_STR("calm_owl", json_str_at(reply.json, "name"));
    reply = fake_json(f->fake, "PUT", JOBS "/calm_owl",
                      "{\"properties\":{\"jobType\":\"Command\",\"command\":\"rm -rf x\"}}");
    CHECK_INT(409, reply.status);
    CHECK_STR("properties.command", json_str_at(reply.json, "error.target"));
    reply = get(f, JOBS "/calm_owl");
    CHECK_STR("echo hello", json_str_at(reply.json, "properties.command"));
    CHECK(str_find(reply.body, STR("resolved")) < 0);
}

TEST(what_people_write_about_a_job_may_change)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", JOBS "/j", HELLO);
    struct fake_reply reply =
        fake_json(f->fake, "PATCH", JOBS "/j",
                  "{\"properties\":{\"displayName\":\"Owl\",\"tags\":{\"a\":\"1\"}}}");
    CHECK_INT(200, reply.status);
    CHECK_STR("Owl", json_str_at(reply.json, "properties.displayName"));
    CHECK_STR("1", json_str_at(reply.json, "properties.tags.a"));
    CHECK_STR("echo hello", json_str_at(reply.json, "properties.command"));
    reply = fake_json(f->fake, "PATCH", JOBS "/j", "{\"properties\":{\"isArchived\":true}}");
    CHECK(json_bool_at(reply.json, "properties.isArchived", false));
    CHECK_INT(0, json_count(json_at(get(f, JOBS).json, "value")));
    CHECK_INT(1, json_count(json_at(get(f, JOBS "?listViewType=All").json, "value")));
    reply = fake_json(f->fake, "PATCH", JOBS "/j", "{\"properties\":{\"isArchived\":false}}");
    CHECK_INT(1, json_count(json_at(get(f, JOBS).json, "value")));
}

static int tag_run(struct store_txn *txn, void *context, struct error *err)
{
    struct fixture *f = context;
    struct run run;

    return run_get(txn, f->scope.number, STR("j"), &run, err) < 0
               ? -1
               : run_set_tag(txn, &run, STR("by_mlflow"), STR("1"), err);
}

static struct json *tags_of(struct fixture *f)
{
    return json_at(get(f, JOBS "/j").json, "properties.tags");
}

TEST(a_tag_that_a_client_takes_away_leaves_the_run)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct error err = {0};

    CHECK_INT(201, fake_json(f->fake, "PUT", JOBS "/j", HELLO).status);
    CHECK_INT(200, fake_json(f->fake, "PATCH", JOBS "/j",
                             "{\"properties\":{\"tags\":{\"a\":\"1\",\"b\":\"2\"}}}")
                       .status);
    CHECK_OK(store_write(f->engines.store, tag_run, f, &err), &err);
    CHECK_INT(200, fake_json(f->fake, "PATCH", JOBS "/j",
                             "{\"properties\":{\"tags\":{\"a\":null},\"displayName\":\"x\"}}")
                       .status);
    CHECK_STR("2", json_str_at(tags_of(f), "b"));
    CHECK_STR("1", json_str_at(tags_of(f), "by_mlflow")); /* which the PATCH did not name */
    CHECK_INT(2, json_count(tags_of(f)));
    CHECK_INT(200, fake_json(f->fake, "PUT", JOBS "/j",
                             "{\"properties\":{\"jobType\":\"Command\",\"tags\":{\"c\":\"3\"}}}")
                       .status);
    CHECK_INT(1, json_count(tags_of(f))); /* a PUT says all there is */
    CHECK_STR("3", json_str_at(tags_of(f), "c"));
}

TEST(a_job_is_deleted_only_when_it_has_ended)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", JOBS "/j", HELLO);
    CHECK_INT(409, fake_send(f->fake, "DELETE", JOBS "/j", STR("")).status);
    CHECK_INT(202, fake_send(f->fake, "POST", JOBS "/j/cancel", STR("")).status);
    CHECK(fake_reply_header(f->fake, "Location").len > 0);
    CHECK_STR("Canceled", json_str_at(get(f, JOBS "/j").json, "properties.status"));
    CHECK_INT(202, fake_send(f->fake, "POST", JOBS "/j/cancel", STR("")).status); /* again: fine */
    CHECK_INT(200, fake_send(f->fake, "DELETE", JOBS "/j", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "POST", JOBS "/none/cancel", STR("")).status);
    /* Its records went with it, so its name is free. */
    CHECK_INT(404, fake_send(f->fake, "GET", JOBS "/j", STR("")).status);
    CHECK_INT(201, fake_json(f->fake, "PUT", JOBS "/j", HELLO).status);
}

static int insert_run(struct store_txn *txn, void *context, struct error *err)
{
    struct run run = {.scope = ((struct fixture *)context)->scope.number,
                      .run_id = STR("0123456789abcdef0123456789abcdef"),
                      .kind = RUN_MLFLOW,
                      .status = RUN_RUNNING,
                      .name = STR("by hand"),
                      .user = STR("ann")};

    return experiment_ensure(txn, run.scope, STR("Default"), &run.experiment, err) < 0
               ? -1
               : run_insert(txn, &run, err);
}

TEST(a_run_of_mlflow_is_a_job_without_a_command)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct error err = {0};
    const char *path = JOBS "/0123456789abcdef0123456789abcdef";

    CHECK_OK(store_write(f->engines.store, insert_run, f, &err), &err);
    struct fake_reply reply = get(f, path);
    CHECK_INT(200, reply.status);
    CHECK_STR("mlflow", json_str_at(json_get(json_at(reply.json, "properties.properties"),
                                             STR("lazurite.origin")),
                                    ""));
    CHECK_STR("Running", json_str_at(reply.json, "properties.status"));
    CHECK_INT(1, json_count(json_at(get(f, JOBS).json, "value")));
    CHECK_INT(409, fake_json(f->fake, "PUT", path, HELLO).status);
}

TEST(pages_of_jobs_hold_each_once)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct error err = {0};
    char target[] = JOBS "/job0";

    for (char c = '0'; c < '5'; c++) {
        target[sizeof(target) - 2] = c;
        CHECK_INT(201, fake_json(f->fake, "PUT", target, HELLO).status);
    }
    CHECK_OK(store_write(f->engines.store, insert_run, f, &err), &err);
    for (int top = 1; top <= 7; top++) {
        char *next = arena_cstr(f->arena, arena_printf(f->arena, JOBS "?$top=%d", top));
        size_t count = 0;
        for (int page = 0; next && page < 8; page++) {
            struct fake_reply reply = get(f, next);
            CHECK_INT(200, reply.status);
            count += json_count(json_at(reply.json, "value"));
            struct str link = json_str_at(reply.json, "nextLink");
            next = link.len ? arena_cstr(f->arena, str_slice(link, 23, link.len)) : NULL;
        }
        CHECK_INT(6, count);
    }
}

/* --- Runners --------------------------------------------------------------------------------- */

TEST(a_runner_tells_events_and_hears_of_a_cancel)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", JOBS "/j", HELLO);
    const char *events = attempt_path(f, "j", "events");
    struct fake_reply reply =
        fake_json(f->fake, "POST", events,
                  "{\"events\":[{\"seq\":1,\"event\":\"started\",\"reason\":\"r\"}]}");
    CHECK_INT(200, reply.status);
    CHECK_INT(2, json_int_at(reply.json, "next", 0));
    CHECK(!json_bool_at(reply.json, "cancel", true));
    CHECK_STR("Running", json_str_at(get(f, JOBS "/j").json, "properties.status"));
    CHECK_INT(202, fake_send(f->fake, "POST", JOBS "/j/cancel", STR("")).status);
    CHECK_STR("CancelRequested", json_str_at(get(f, JOBS "/j").json, "properties.status"));
    reply = fake_json(f->fake, "POST", events, "{\"events\":[]}");
    CHECK(json_bool_at(reply.json, "cancel", false));
    CHECK_INT(400, fake_json(f->fake, "POST", events, "{}").status);
    CHECK_INT(400, fake_json(f->fake, "POST", events, "{").status);
    CHECK_INT(400, fake_json(f->fake, "POST", events, "[]").status);
}

TEST(a_runner_writes_its_own_attempt_only)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", JOBS "/mine", HELLO);
    fake_json(f->fake, "PUT", JOBS "/yours", HELLO);
    const char *mine = attempt_path(f, "mine", "events");
    const char *yours = attempt_path(f, "yours", "events");
    struct caller runner = {.kind = CALLER_ATTEMPT,
                            .name = STR("mine"),
                            .scope = f->scope.number,
                            .run = STR("mine"),
                            .attempt = 1};
    fake_caller(f->fake, &runner);
    CHECK_INT(200, fake_json(f->fake, "POST", mine, "{\"events\":[]}").status);
    CHECK_INT(404, fake_json(f->fake, "POST", yours, "{\"events\":[]}").status);
    runner.attempt = 2;
    fake_caller(f->fake, &runner);
    CHECK_INT(404, fake_json(f->fake, "POST", mine, "{\"events\":[]}").status);
    runner.attempt = 1;
    runner.scope++;
    fake_caller(f->fake, &runner);
    CHECK_INT(404, fake_json(f->fake, "POST", mine, "{\"events\":[]}").status);
    static const char *const ODD[] = {"1", "x-1", "0-1", "1-0", "99999-1"};
    for (size_t i = 0; i < COUNT(ODD); i++) {
        struct str path = arena_printf(f->arena, "/lazurite/v1/attempts/%s/events", ODD[i]);
        CHECK_INT(404, fake_json(f->fake, "POST", path.ptr, "{\"events\":[]}").status);
    }
}

TEST(a_log_is_taken_at_its_offset)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    fake_json(f->fake, "PUT", JOBS "/j", HELLO);
    char *logs = attempt_path(f, "j", "logs?file=user_logs/std_log.txt&offset=0");
    struct fake_reply reply = fake_send(f->fake, "POST", logs, STR("hello\n"));
    CHECK_INT(200, reply.status);
    CHECK_INT(6, json_int_at(reply.json, "next", 0));
    reply = fake_send(f->fake, "POST", logs, STR("hello\nworld\n")); /* a resend with more behind */
    CHECK_INT(12, json_int_at(reply.json, "next", 0));
    static const char *const BAD[] = {
        "logs?file=user_logs/std_log.txt", "logs?file=user_logs/std_log.txt&offset=-1",
        "logs?file=user_logs/std_log.txt&offset=x", "logs?offset=0", "logs?file=../x&offset=0"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(400, fake_send(f->fake, "POST", other_row(f, logs, BAD[i]), STR("x")).status);
}

/* --- Streams --------------------------------------------------------------------------------- */

/* A job that has said `text` and has ended. */
static void make_ended(struct fixture *f, const char *name, struct str text)
{
    struct str target = arena_printf(f->arena, JOBS "/%s", name);

    CHECK_INT(201, fake_json(f->fake, "PUT", target.ptr, HELLO).status);
    char *logs = attempt_path(f, name, "logs?file=user_logs/std_log.txt&offset=0");
    CHECK_INT(200, fake_send(f->fake, "POST", logs, text).status);
    CHECK_INT(200, fake_json(f->fake, "POST", other_row(f, logs, "events"),
                             "{\"events\":[{\"seq\":1,\"event\":\"finished\",\"kind\":\"exit\","
                             "\"code\":3,\"reason\":\"It ended with 3.\"}]}")
                       .status);
}

TEST(the_stream_of_an_ended_job_has_its_log_and_its_end)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    make_ended(f, "j", STR("one\ntwo\n"));
    struct fake_reply reply = get(f, OWN "/j/stream");
    CHECK_INT(200, reply.status);
    CHECK(str_find(reply.body, STR("event: state")) >= 0);
    CHECK(str_find(reply.body, STR("\"text\":\"one\\ntwo\\n\"")) > 0);
    ssize_t end = str_find(reply.body, STR("event: end"));
    CHECK(end > str_find(reply.body, STR("event: log")));
    CHECK(str_find(reply.body, STR("It ended with 3.")) > 0);
    /* From where a client had read to. */
    reply = get(f, OWN "/j/stream?cursor=4,0,0");
    CHECK(str_find(reply.body, STR("\"text\":\"two\\n\"")) > 0);
    reply = get(f, OWN "/j/stream?cursor=8");
    CHECK(str_find(reply.body, STR("event: log")) < 0);
    CHECK(str_find(reply.body, STR("event: end")) > 0);
    reply = get(f, OWN "/j/stream?logs=system");
    CHECK(str_find(reply.body, STR("one")) < 0);
}

TEST(a_stream_refuses_odd_cursors_and_unknown_jobs)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    static const char *const BAD[] = {"x", "1,x", "-1", "1,2,3,4", ",", "1.5"};

    make_ended(f, "j", STR("x"));
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct str target = arena_printf(f->arena, OWN "/j/stream?cursor=%s", BAD[i]);
        CHECK_INT(400, get(f, target.ptr).status);
    }
    CHECK_INT(404, get(f, OWN "/none/stream").status);
    CHECK_INT(404, get(f, OWN "/none/why").status);
}

/* There is no attempt whose log could be opened. */
TEST(the_stream_of_a_job_that_was_never_placed_has_its_end)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, fake_json(f->fake, "PUT", JOBS "/j", HELLO).status);
    CHECK_INT(202, fake_send(f->fake, "POST", JOBS "/j/cancel", STR("")).status);
    struct fake_reply reply = get(f, OWN "/j/stream?logs=all");
    CHECK_INT(200, reply.status);
    CHECK(str_find(reply.body, STR("event: log")) < 0);
    CHECK(str_find(reply.body, STR("event: end")) > 0);
}

/* Bytes of any kind come out as text of the same length in characters, and all of them. */
TEST(a_stream_of_nothing_but_controls_loses_none)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    size_t size = 400 * KIB, found = 0;
    char *bytes = arena_alloc(f->arena, size);
    struct str rest, line;

    memset(bytes, 0x1b, size);
    make_ended(f, "j", (struct str){bytes, size});
    struct fake_reply reply = get(f, OWN "/j/stream?logs=all&cursor=262144,0,0");
    rest = reply.body;
    while (str_split(&rest, '\n', &line))
        for (ssize_t at; (at = str_find(line, STR("\\u001B"))) >= 0; found++)
            line = str_slice(line, (size_t)at + 6, line.len);
    CHECK_INT(size - 262144, found);
    CHECK(str_find(reply.body, STR("event: end")) > 0);
}

TEST(what_is_no_utf8_is_replaced_and_a_cut_character_waits)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    make_ended(f, "j", STR("a\xff\xc3\xa4\xed\xa0\x80\xe2\x82"));
    struct fake_reply reply = get(f, OWN "/j/stream");
    CHECK(str_find(reply.body, STR("\"text\":\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd"
                                   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")) > 0);
}

TEST(why_tells_the_phases_of_a_job)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    make_ended(f, "j", STR("x"));
    struct fake_reply reply = get(f, OWN "/J/why");
    CHECK_INT(200, reply.status);
    CHECK_STR("Failed", json_str_at(reply.json, "status"));
    CHECK_STR("It ended with 3.", json_str_at(reply.json, "reason"));
    CHECK_STR("Queued", json_str_at(reply.json, "timeline[0].phase"));
    CHECK_STR("Failed", json_str_at(reply.json, "timeline[2].phase"));
    CHECK_INT(3, json_int_at(reply.json, "attempt.exitCode", 0));
}
