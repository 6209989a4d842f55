/* The engine on a store in memory, with a backend that starts nothing: the tests play the runner. */
#include "job/step.h"

#include "base/test.h"
#include "content/content.h"
#include "identity/identity.h"
#include "job/finish.h"
#include "job/queue.h"
#include "job/spec.h"
#include "job/start.h"
#include "job/watch.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int starts;
static bool runner_alive;

static int fake_start(const struct compute_start *, struct process_id *out, struct error *)
{
    *out = (struct process_id){.pid = 4242, .start_time = 1, .boot_id = "boot"};
    starts++;
    return 0;
}

static bool fake_is_alive(const struct process_id *)
{
    return runner_alive;
}

static int fake_stop(const struct compute_start *, const struct process_id *, bool, struct error *)
{
    return 0;
}

static const struct compute_backend FAKE = {"fake", fake_start, fake_is_alive, fake_stop};

struct world {
    struct arena *arena;
    struct pool *pool;
    struct store *store;
    struct content *content;
    struct identity *identity;
    struct jobs *jobs;
    struct scope scope;
    int dir;
    char path[300];
};

static int make_scope(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->scope = (struct scope){.kind = SCOPE_WORKSPACE,
                              .subscription = STR("sub"),
                              .group = STR("default"),
                              .name = STR("default"),
                              .guid = STR("11111111-2222-3333-4444-555555555555"),
                              .data_key = STR("key")};
    return scope_insert(txn, &w->scope, err) < 0 ||
                   experiment_make_default(txn, w->scope.number, err) < 0
               ? -1
               : 0;
}

static void world_open(struct world *w)
{
    static int count;
    struct error err = {0};

    *w = (struct world){.arena = arena_new(64 * MIB), .pool = pool_new(2)};
    starts = 0;
    runner_alive = true;
    snprintf(w->path, sizeof(w->path), "%s/%d", test_folder(), count++);
    CHECK_INT(0, mkdir(w->path, 0700));
    w->dir = dir_open(w->path, &err);
    CHECK(w->dir >= 0);
    CHECK_OK(store_open("memory:", NULL, &w->store, &err), &err);
    CHECK_OK(store_write(w->store, make_scope, w, &err), &err);
    w->content = content_open(w->dir, w->store, &err);
    CHECK_OK(w->content ? 0 : -1, &err);
    struct identity_options options = {.dir = w->dir,
                                       .store = w->store,
                                       .domain = STR("lazurite.test"),
                                       .default_scope = w->scope.number};
    w->identity = identity_open(&options, w->pool, &err);
    CHECK_OK(w->identity ? 0 : -1, &err);
    for (int i = 0; i < 1000 && !identity_ready(w->identity); i++)
        usleep(10000);
    struct jobs_options job_options = {.store = w->store,
                                       .content = w->content,
                                       .identity = w->identity,
                                       .dir = w->dir,
                                       .dir_path = w->path};
    w->jobs = jobs_new(&job_options);
    w->jobs->backend = &FAKE;
    jobs_set_endpoints(w->jobs, STR("https://localhost:10443"), STR("localhost:10443"));
}

static void world_close(struct world *w)
{
    jobs_free(&w->jobs);
    identity_close(&w->identity);
    content_close(&w->content);
    store_close(&w->store);
    pool_free(&w->pool);
    fd_close(&w->dir);
    arena_free(&w->arena);
}

struct submitting {
    struct job_submit submit;
    struct job_spec *spec;
    struct str body;
};

static int insert_job(struct store_txn *txn, void *context, struct error *err)
{
    struct submitting *s = context;
    struct document document = {.scope = s->submit.scope->number,
                                .type = STR("jobs"),
                                .name = s->submit.name,
                                .created_by = STR("test"),
                                .body = s->body,
                                .system = STR("{}")};
    return document_insert(txn, &document, err) < 0
               ? -1
               : job_insert(txn, &s->submit, s->spec, &document, err);
}

/* Submits as kinds/job.c does; -1 with the error of prepare. */
static int submit(struct world *w, const char *name, const char *properties, struct error *err)
{
    struct json *body = json_object(w->arena);
    struct submitting s = {.submit = {.scope = &w->scope, .name = str_from(name), .actor = STR("test")}};

    s.submit.properties = json_parse(w->arena, str_from(properties), err);
    CHECK(s.submit.properties != NULL);
    if (job_prepare(w->jobs, w->arena, &s.submit, &s.spec, err) < 0)
        return -1;
    json_set(w->arena, body, STR("properties"), s.submit.properties);
    json_set(w->arena, body, STR("resolved"), job_spec_resolved(s.spec));
    s.body = json_write(w->arena, body);
    return store_write(w->store, insert_job, &s, err);
}

static struct run run_of(struct world *w, const char *name)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, NULL);
    struct error err = {0};
    struct run run;

    CHECK_OK(run_get(txn, w->scope.number, str_from(name), &run, &err), &err);
    run.reason = arena_str(w->arena, run.reason);
    return run;
}

static struct watch_answer report(struct world *w, int64_t run, const char *events)
{
    struct error err = {0};
    struct watch_answer answer = {0};
    struct watch_report r = {run, 1, json_parse(w->arena, str_from(events), &err)};

    CHECK_OK(watch_events(w->jobs, &r, &answer, &err), &err);
    return answer;
}

static void turn(struct world *w)
{
    struct error err = {0};

    CHECK_OK(watch_runners(w->jobs, &err) < 0 ? -1 : 0, &err);
    CHECK_OK(queue_run(w->jobs, &err), &err);
}

#define HELLO "{\"jobType\":\"Command\",\"command\":\"echo hello\"}"

TEST(engine_carries_a_job_from_submit_to_completed)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "calm_owl", HELLO, &err), &err);
    CHECK_INT(RUN_QUEUED, run_of(&w, "calm_owl").status);
    turn(&w);
    CHECK_INT(1, starts);
    struct run run = run_of(&w, "calm_owl");
    CHECK_INT(RUN_PROVISIONING, run.status);
    struct watch_answer a = report(&w, run.run,
                                   "[{\"seq\":1,\"event\":\"preparing\",\"reason\":\"inputs\"},"
                                   "{\"seq\":2,\"event\":\"started\",\"reason\":\"runs\"}]");
    CHECK_INT(3, a.next);
    CHECK(!a.cancel);
    CHECK_INT(RUN_RUNNING, run_of(&w, "calm_owl").status);
    report(&w, run.run, "[{\"seq\":3,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0,\"reason\":\"ok\"}]");
    run = run_of(&w, "calm_owl");
    CHECK_INT(RUN_COMPLETED, run.status);
    CHECK(run.start_us > 0 && run.end_us >= run.start_us);
    turn(&w);
    CHECK_INT(1, starts);
    world_close(&w);
}

TEST(engine_takes_each_event_once_and_in_order)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "j", HELLO, &err), &err);
    turn(&w);
    int64_t run = run_of(&w, "j").run;
    CHECK_INT(1, report(&w, run, "[{\"seq\":2,\"event\":\"started\"}]").next);
    CHECK_INT(RUN_PROVISIONING, run_of(&w, "j").status);
    CHECK_INT(2, report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]").next);
    CHECK_INT(2, report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]").next);
    report(&w, run, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":3,\"reason\":\"exit 3\"}]");
    CHECK_INT(RUN_FAILED, run_of(&w, "j").status);
    report(&w, run, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    CHECK_INT(RUN_FAILED, run_of(&w, "j").status);
    world_close(&w);
}

TEST(engine_ends_a_job_whose_runner_is_gone)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "j", HELLO, &err), &err);
    turn(&w);
    report(&w, run_of(&w, "j").run, "[{\"seq\":1,\"event\":\"started\"}]");
    runner_alive = false;
    turn(&w);
    struct run run = run_of(&w, "j");
    CHECK_INT(RUN_FAILED, run.status);
    CHECK(str_find(run.reason, STR("killed")) >= 0);
    CHECK(!job_attempt_alive(w.scope.number, STR("j"), 1, w.jobs));
    world_close(&w);
}

TEST(engine_believes_an_exit_file_when_the_runner_is_gone)
{
    struct error err = {0};
    struct world w;
    char folder[340];

    world_open(&w);
    CHECK_OK(submit(&w, "j", HELLO, &err), &err);
    turn(&w);
    snprintf(folder, sizeof(folder), "runs/%lld-1/exit.json", (long long)run_of(&w, "j").run);
    CHECK_OK(file_write_atomic(w.dir, folder, STR("{\"kind\":\"exit\",\"code\":0,\"reason\":\"done\"}"), 0600, &err), &err);
    runner_alive = false;
    turn(&w);
    CHECK_INT(RUN_COMPLETED, run_of(&w, "j").status);
    world_close(&w);
}

TEST(engine_cancels_what_waits_at_once_and_asks_what_runs)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "waits", HELLO, &err), &err);
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("waits"), STR("ann"), &err), &err);
    CHECK_INT(RUN_CANCELED, run_of(&w, "waits").status);
    CHECK_OK(submit(&w, "runs", HELLO, &err), &err);
    turn(&w);
    CHECK_INT(1, starts);
    int64_t run = run_of(&w, "runs").run;
    report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]");
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("RUNS"), STR("ann"), &err), &err);
    CHECK(report(&w, run, "[]").cancel);
    report(&w, run, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"signal\",\"signal\":15,\"reason\":\"asked\"}]");
    CHECK_INT(RUN_CANCELED, run_of(&w, "runs").status);
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("runs"), STR("ann"), &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, job_cancel(w.jobs, w.scope.number, STR("no"), STR("ann"), &err), &err);
    world_close(&w);
}

TEST(engine_keeps_the_log_and_a_resend_is_harmless)
{
    struct error err = {0};
    struct watch_answer a;
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "j", HELLO, &err), &err);
    turn(&w);
    int64_t run = run_of(&w, "j").run;
    struct watch_log log = {run, 1, STR("user_logs/std_log.txt"), 0, STR("hello\n")};
    CHECK_OK(watch_log(w.jobs, &log, &a, &err), &err);
    CHECK_INT(6, a.next);
    CHECK_OK(watch_log(w.jobs, &log, &a, &err), &err);
    CHECK_INT(6, a.next);
    log.offset = 100;
    CHECK_OK(watch_log(w.jobs, &log, &a, &err), &err);
    CHECK_INT(6, a.next);
    log.file = STR("../../etc/passwd");
    CHECK_ERROR(ERROR_INVALID, watch_log(w.jobs, &log, &a, &err), &err);
    report(&w, run, "[{\"seq\":1,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct blob blob;
    CHECK_OK(blob_get(txn, asset_artifact_container(w.arena, &w.scope),
                      STR("ExperimentRun/dcid.j/user_logs/std_log.txt"), &blob, &err), &err);
    CHECK_INT(6, blob.size);
    store_read_end(&txn);
    world_close(&w);
}

TEST(engine_starts_again_what_was_recorded_and_never_seen)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(submit(&w, "j", HELLO, &err), &err);
    turn(&w);
    /* As after a crash between the record and the start: no runner is known. */
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct attempt attempt;
    CHECK_OK(attempt_get(txn, run_of(&w, "j").run, 1, &attempt, &err), &err);
    store_read_end(&txn);
    attempt.state = ATTEMPT_RECORDED;
    CHECK_OK(start_again(w.jobs, &attempt, &err), &err);
    CHECK_INT(2, starts);
    world_close(&w);
}

TEST(engine_says_why_a_job_waits)
{
    struct error err = {0};
    struct json *why;
    struct world w;

    world_open(&w);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    char name[16];
    for (long i = 0; i <= cores + 1; i++) {
        snprintf(name, sizeof(name), "job%ld", i);
        CHECK_OK(submit(&w, name, HELLO, &err), &err);
    }
    turn(&w);
    CHECK_INT(cores, starts);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct run run;
    CHECK_OK(run_get(txn, w.scope.number, str_from(name), &run, &err), &err);
    why = json_object(w.arena);
    CHECK_OK(job_why(w.jobs, txn, &run, why, &err), &err);
    CHECK(str_starts(json_str_at(why, "reason"), STR("1 job before it on serverless (")));
    CHECK_STR("Queued", json_str_at(why, "timeline[0].phase"));
    store_read_end(&txn);
    world_close(&w);
}

TEST(spec_refuses_what_cannot_run_and_names_the_field)
{
    static const struct {
        const char *body, *target;
        enum error_code code;
    } CASES[] = {
        {"{\"command\":\"x\"}", "properties.jobType", ERROR_INVALID},
        {"{\"jobType\":\"Dance\",\"command\":\"x\"}", "properties.jobType", ERROR_INVALID},
        {"{\"jobType\":\"Sweep\"}", "properties.jobType", ERROR_NOT_IMPLEMENTED},
        {"{\"jobType\":\"Command\"}", "properties.command", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"  \"}", "properties.command", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"${{inputs.a}}\"}", "properties.command", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"${{inputs.a\"}", "properties.command", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"${{search_space.a}}\"}", "properties.command", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"distribution\":{\"a\":1}}", "properties.distribution", ERROR_NOT_IMPLEMENTED},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"resources\":{\"instanceCount\":2}}", "properties.resources.instanceCount", ERROR_NOT_IMPLEMENTED},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"computeId\":\"azureml:none\"}", "properties.computeId", ERROR_NOT_FOUND},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"limits\":{\"timeout\":\"soon\"}}", "properties.limits.timeout", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a/b\":{\"jobInputType\":\"literal\",\"value\":\"1\"}}}", "properties.inputs.a/b", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a\":{\"jobInputType\":\"literal\"}}}", "properties.inputs.a.value", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a\":{\"jobInputType\":\"uri_file\"}}}", "properties.inputs.a.uri", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"environmentVariables\":{\"A=B\":\"1\"}}", "properties.environmentVariables.A=B", ERROR_INVALID},
    };
    struct error err = {0};
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        CHECK_ERROR(CASES[i].code, submit(&w, "bad", CASES[i].body, &err), &err);
        CHECK_STR(CASES[i].target, str_from(err.target));
    }
    world_close(&w);
}

TEST(spec_gives_the_runner_everything_it_needs)
{
    struct error err = {0};
    struct world w;
    char path[340];

    world_open(&w);
    CHECK_OK(submit(&w, "calm_owl",
                    "{\"jobType\":\"Command\",\"command\":\"echo ${{inputs.c}} > ${{outputs.o}}/x\","
                    "\"inputs\":{\"c\":{\"jobInputType\":\"literal\",\"value\":\"0.5\"}},"
                    "\"outputs\":{\"o\":{\"jobOutputType\":\"uri_folder\"}},"
                    "\"environmentVariables\":{\"A\":\"1\",\"MLFLOW_RUN_ID\":\"mine\"},"
                    "\"limits\":{\"timeout\":\"PT20S\"},\"experimentName\":\"exp\"}", &err), &err);
    turn(&w);
    struct str text;
    snprintf(path, sizeof(path), "runs/%lld-1/spec.json", (long long)run_of(&w, "calm_owl").run);
    CHECK_OK(file_read(w.arena, w.dir, path, MIB, &text, &err), &err);
    struct json *spec = json_parse(w.arena, text, &err);
    CHECK_INT(20, json_int_at(spec, "limits.timeoutSeconds", 0));
    CHECK_STR("host", json_str_at(spec, "environment.kind"));
    CHECK_STR("literal", json_str_at(spec, "inputs.c.type"));
    CHECK_STR("azureml/calm_owl/o", json_str_at(spec, "outputs.o.prefix"));
    CHECK_STR("1", json_str_at(spec, "variables.A"));
    CHECK_STR("mine", json_str_at(spec, "variables.MLFLOW_RUN_ID"));
    CHECK_STR("calm_owl", json_str_at(spec, "variables.AZUREML_RUN_ID"));
    CHECK_STR("exp", json_str_at(spec, "variables.MLFLOW_EXPERIMENT_NAME"));
    CHECK_STR("https://localhost:10443/mlflow/v2.0/subscriptions/sub/resourceGroups/default/providers/"
              "Microsoft.MachineLearningServices/workspaces/default",
              json_str_at(spec, "variables.MLFLOW_TRACKING_URI"));
    CHECK(json_str_at(spec, "token").len > 100);
    CHECK_STR("ExperimentRun/dcid.calm_owl", json_str_at(spec, "artifacts.prefix"));
    world_close(&w);
}
