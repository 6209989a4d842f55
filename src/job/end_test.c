/* How jobs end: every kind of end, its sentence and what to do next; ends under failing stores. */
#include "job/world_test.h"

#include "os/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* {"name", "reason", "next", …} of a job, in the world's arena. */
static struct json *why_of(struct world *w, const char *name)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct json *why = json_object(w->arena);
    struct run run;

    CHECK_OK(run_get(txn, w->scope.number, str_from(name), &run, &err), &err);
    CHECK_OK(job_why(w->jobs, txn, &run, why, &err), &err);
    return json_parse(w->arena, json_write(w->arena, why), &err);
}

static int64_t started(struct world *w, const char *name, const char *properties)
{
    struct error err = {0};

    CHECK_OK(world_submit(w, name, properties, &err), &err);
    world_turn(w);
    int64_t run = world_run(w, name).run;
    world_report(w, run, "[{\"seq\":1,\"event\":\"started\",\"reason\":\"It runs.\"}]");
    CHECK_INT(RUN_RUNNING, world_run(w, name).status);
    return run;
}

TEST(every_end_has_its_state_and_says_what_to_do_next)
{
    static const struct {
        const char *finished, *next;
        enum run_status status;
        enum run_status when_asked; /* somebody had asked it to stop */
    } ENDS[] = {
        {"\"kind\":\"exit\",\"code\":0", "", RUN_COMPLETED, RUN_COMPLETED},
        {"\"kind\":\"exit\",\"code\":1", "end of its log", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"exit\",\"code\":255", "end of its log", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"signal\",\"signal\":9", "sent it a signal", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"memory\",\"signal\":9", "less data", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"timeout\"", "limits.timeout", RUN_CANCELED, RUN_CANCELED},
        {"\"kind\":\"notFound\",\"code\":127", "spelling", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"prepare\"", "--logs system", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"canceled\"", "", RUN_CANCELED, RUN_CANCELED},
        {"\"kind\":\"lost\"", "again", RUN_FAILED, RUN_CANCELED},
        {"\"kind\":\"of another time\"", "", RUN_FAILED, RUN_CANCELED},
        {"\"code\":0", "again", RUN_FAILED, RUN_CANCELED}, /* no kind at all: nothing is known */
    };
    struct world w;
    char name[16], event[200];

    world_open(&w);
    for (size_t i = 0; i < 2 * COUNT(ENDS); i++) {
        bool asked = i % 2;
        struct error err = {0};
        snprintf(name, sizeof(name), "job%zu", i);
        int64_t run = started(&w, name, HELLO);
        if (asked)
            CHECK_OK(job_cancel(w.jobs, w.scope.number, str_from(name), STR("ann"), &err), &err);
        snprintf(event, sizeof(event),
                 "[{\"seq\":2,\"event\":\"finished\",%s,\"reason\":\"So it is.\"}]",
                 ENDS[i / 2].finished);
        struct watch_answer answer = world_report(&w, run, event);
        CHECK_INT(INT64_MAX, answer.next); /* no more is wanted of this attempt */
        struct run ended = world_run(&w, name);
        CHECK_INT(asked ? ENDS[i / 2].when_asked : ENDS[i / 2].status, ended.status);
        CHECK(ended.end_us > 0);
        CHECK_STR("So it is.", ended.reason);
        struct json *why = why_of(&w, name);
        CHECK_STR("So it is.", json_str_at(why, "reason"));
        if (!asked)
            CHECK(str_find(json_str_at(why, "next"), str_from(ENDS[i / 2].next)) >= 0);
        CHECK_INT(asked ? 4 : 3, (int)json_count(json_at(why, "timeline")) - 1);
        CHECK_INT(0, job_attempt_alive(w.scope.number, str_from(name), 1, w.jobs));
    }
    world_close(&w);
}

/* The invariant of every failing store: a job is finished once, nothing that runs is forgotten, and
 * nothing is started twice. */
static void carry_through(struct world *w, const char *name, enum fault_point point, unsigned nth,
                          bool *out_met)
{
    struct error err = {0};
    struct watch_answer answer;
    struct run run;
    int before = w->starts;

    CHECK_OK(world_submit(w, name, HELLO, &err), &err);
    fault_plan(point, nth, EIO, false);
    for (int i = 0; i < 4; i++) { /* what the engine's thread does, errors and all */
        watch_runners(w->jobs, &err);
        queue_run(w->jobs, &err);
    }
    const char *const TOLD[] = {
        "[{\"seq\":1,\"event\":\"started\",\"reason\":\"It runs.\"}]",
        "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]"};
    int64_t row = 0;
    for (int i = 0; i < 8; i++) { /* a runner sends again what was not taken */
        if (row == 0) {
            CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
            if (txn && run_get(txn, w->scope.number, str_from(name), &run, &err) == 0)
                row = run.run;
            continue;
        }
        struct watch_report report = {row, 1, json_parse(w->arena, str_from(TOLD[i % 2]), &err)};
        struct watch_log log = {row, 1, JOB_LOGS[0], 0, STR("hello\n")};
        watch_log(w->jobs, &log, &answer, &err);
        watch_events(w->jobs, &report, &answer, &err);
    }
    *out_met = fault_count(point) >= nth;
    fault_plan(point, 0, 0, false);
    world_turn(w);
    run = world_run(w, name);
    CHECK(run_status_final(run.status));
    CHECK_INT(run.status == RUN_COMPLETED, w->starts - before); /* never both failed and started */
    CHECK_INT(0, job_attempt_alive(w->scope.number, str_from(name), 1, w->jobs));
}

static void check_every(enum fault_point point, unsigned limit)
{
    struct world w;
    char name[16];
    bool met = true;
    unsigned nth = 1;

    world_open(&w);
    for (; met && nth < limit; nth++) {
        snprintf(name, sizeof(name), "job%u", nth);
        carry_through(&w, name, point, nth, &met);
    }
    CHECK(nth > 3 && nth < limit); /* it was met some times, and in the end no more */
    world_close(&w);
}

TEST(whichever_statement_fails_a_job_ends_once_and_no_runner_is_forgotten)
{
    check_every(FAULT_STEP, 1000);
}

TEST(whichever_commit_fails_a_job_ends_once_and_no_runner_is_forgotten)
{
    check_every(FAULT_COMMIT, 100);
}

TEST(whichever_sync_fails_a_job_ends_once_and_no_runner_is_forgotten)
{
    check_every(FAULT_FSYNC, 100);
}

TEST(whichever_rename_fails_a_job_ends_once_and_no_runner_is_forgotten)
{
    check_every(FAULT_RENAME, 100);
}

/* What of a job's log the store keeps; "" when there is none. */
static struct str kept_log(struct world *w, const char *name)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct str path = arena_printf(w->arena, "ExperimentRun/dcid.%s/user_logs/std_log.txt", name);
    struct blob blob;
    char text[200] = "";

    if (blob_get(txn, asset_artifact_container(w->arena, &w->scope), path, &blob, &err) < 0)
        return (struct str){0};
    CLEANUP(fd_close) int fd = content_open_object(w->content, txn, blob.object, &err);
    CHECK(fd >= 0);
    ssize_t got = pread(fd, text, sizeof(text), 0);
    CHECK(got >= 0);
    return arena_str(w->arena, (struct str){text, (size_t)got});
}

/* Plays the job: makes what stands under the name of its log. */
static void make_log(struct world *w, int64_t run, int how)
{
    struct error err = {0};
    char folder[80], path[120];

    snprintf(folder, sizeof(folder), "runs/%lld-1/user_logs", (long long)run);
    snprintf(path, sizeof(path), "%s/std_log.txt", folder);
    CHECK_OK(dir_make(w->dir, folder, 0700, &err), &err);
    if (how == 0)
        CHECK_OK(file_write_atomic(w->dir, path, STR("all is said\n"), 0600, &err), &err);
    else if (how == 3)
        CHECK_OK(file_write_atomic(w->dir, path, STR(""), 0600, &err), &err);
    else if (how == 1)
        CHECK_INT(0, symlinkat("../../../secret", w->dir, path));
    else
        CHECK_INT(0, mkfifoat(w->dir, path, 0600));
}

TEST(a_log_that_is_no_plain_file_is_neither_followed_nor_waited_for)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(file_write_atomic(w.dir, "secret", STR("the server's key"), 0600, &err), &err);
    for (int how = 0; how < 4; how++) {
        char name[16];
        snprintf(name, sizeof(name), "log%d", how);
        int64_t run = started(&w, name, HELLO);
        make_log(&w, run, how);
        world_report(&w, run, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
        CHECK_INT(RUN_COMPLETED, world_run(&w, name).status);
        CHECK_STR(how == 0 ? "all is said\n" : "", kept_log(&w, name));
        /* An empty one is kept as it is. */
        CHECK_INT(how == 0 || how == 3, kept_log(&w, name).ptr != NULL);
    }
    world_close(&w);
}

#define NAMED_OUTPUT                                                                          \
    "{\"jobType\":\"Command\",\"command\":\"x\",\"outputs\":{\"o\":{\"jobOutputType\":\"uri_" \
    "folder\","                                                                               \
    "\"assetName\":\"rows\",\"assetVersion\":\"1\"}}}"

TEST(a_named_output_becomes_an_asset_and_a_name_that_is_taken_fails_the_job)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    int64_t first = started(&w, "first", NAMED_OUTPUT);
    int64_t second = started(&w, "second", NAMED_OUTPUT);
    world_report(&w, first, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    CHECK_INT(RUN_COMPLETED, world_run(&w, "first").status);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct asset_query query = {
        .scope = &w.scope, .type = STR("data"), .text = STR("azureml:rows:1")};
    struct asset asset;
    CHECK_OK(asset_resolve(txn, &query, &asset, &err), &err);
    CHECK(str_find(asset.version.body, STR("\"jobName\":\"first\"")) > 0);
    CHECK(str_find(asset.version.system, STR("\"createdBy\":\"its-client-id\"")) > 0);
    CHECK(str_find(asset.version.system, STR("\"createdByType\":\"Application\"")) > 0);
    store_read_end(&txn);
    struct watch_log log = {second, 1, JOB_LOGS[0], 0, STR("it worked\n")};
    struct watch_answer answer;
    CHECK_OK(watch_log(w.jobs, &log, &answer, &err), &err);
    world_report(&w, second, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    struct run run = world_run(&w, "second");
    CHECK_INT(RUN_FAILED, run.status);
    CHECK(str_find(run.reason, STR("could not be registered")) >= 0);
    CHECK_STR("it worked\n", kept_log(&w, "second")); /* what it said is not lost with it */
    world_close(&w);
}

TEST(a_job_that_is_asked_to_stop_while_it_waits_never_starts)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("j"), STR("ann"), &err), &err);
    world_turn(&w);
    CHECK_INT(0, w.starts);
    struct run run = world_run(&w, "j");
    CHECK_INT(RUN_CANCELED, run.status);
    CHECK_STR("Canceled by ann.", run.reason);
    CHECK(run.start_us == 0 && run.end_us > 0);
    CHECK(json_at(why_of(&w, "j"), "attempt") == NULL);
    world_close(&w);
}
