#include "job/world_test.h"

#include "os/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(engine_carries_a_job_from_submit_to_completed)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "calm_owl", HELLO, &err), &err);
    CHECK_INT(RUN_QUEUED, world_run(&w, "calm_owl").status);
    world_turn(&w);
    CHECK_INT(1, w.starts);
    struct run run = world_run(&w, "calm_owl");
    CHECK_INT(RUN_PROVISIONING, run.status);
    struct watch_answer a =
        world_report(&w, run.run,
                     "[{\"seq\":1,\"event\":\"preparing\",\"reason\":\"inputs\"},"
                     "{\"seq\":2,\"event\":\"started\",\"reason\":\"runs\"}]");
    CHECK_INT(3, a.next);
    CHECK(!a.cancel);
    CHECK_INT(RUN_RUNNING, world_run(&w, "calm_owl").status);
    world_report(
        &w, run.run,
        "[{\"seq\":3,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0,\"reason\":\"ok\"}]");
    run = world_run(&w, "calm_owl");
    CHECK_INT(RUN_COMPLETED, run.status);
    CHECK(run.start_us > 0 && run.end_us >= run.start_us);
    world_turn(&w);
    CHECK_INT(1, w.starts);
    world_close(&w);
}

TEST(engine_takes_each_event_once_and_in_order)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    int64_t run = world_run(&w, "j").run;
    CHECK_INT(1, world_report(&w, run, "[{\"seq\":2,\"event\":\"started\"}]").next);
    CHECK_INT(RUN_PROVISIONING, world_run(&w, "j").status);
    CHECK_INT(2, world_report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]").next);
    CHECK_INT(2, world_report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]").next);
    world_report(
        &w, run,
        "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":3,\"reason\":\"exit 3\"}]");
    CHECK_INT(RUN_FAILED, world_run(&w, "j").status);
    world_report(&w, run, "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    CHECK_INT(RUN_FAILED, world_run(&w, "j").status);
    world_close(&w);
}

TEST(engine_ends_a_job_whose_runner_is_gone)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    world_report(&w, world_run(&w, "j").run, "[{\"seq\":1,\"event\":\"started\"}]");
    w.runner_alive = false;
    world_turn(&w);
    struct run run = world_run(&w, "j");
    CHECK_INT(RUN_FAILED, run.status);
    CHECK(str_find(run.reason, STR("killed")) >= 0);
    CHECK_INT(0, job_attempt_alive(w.scope.number, STR("j"), 1, w.jobs));
    world_close(&w);
}

TEST(engine_believes_an_exit_file_when_the_runner_is_gone)
{
    struct error err = {0};
    struct world w;
    char folder[340];

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    snprintf(folder, sizeof(folder), "runs/%lld-1/exit.json", (long long)world_run(&w, "j").run);
    CHECK_OK(file_write_atomic(w.dir, folder,
                               STR("{\"kind\":\"exit\",\"code\":0,\"reason\":\"done\"}"), 0600,
                               &err),
             &err);
    w.runner_alive = false;
    /* A host short of descriptors says nothing about the file. */
    fault_plan(FAULT_OPEN, 1, EMFILE, true);
    watch_runners(w.jobs, &err);
    fault_plan(FAULT_OPEN, 0, 0, false);
    CHECK(!run_status_final(world_run(&w, "j").status));
    world_turn(&w);
    CHECK_INT(RUN_COMPLETED, world_run(&w, "j").status);
    world_close(&w);
}

TEST(engine_cancels_what_waits_at_once_and_asks_what_runs)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "waits", HELLO, &err), &err);
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("waits"), STR("ann"), &err), &err);
    CHECK_INT(RUN_CANCELED, world_run(&w, "waits").status);
    CHECK_OK(world_submit(&w, "runs", HELLO, &err), &err);
    world_turn(&w);
    CHECK_INT(1, w.starts);
    int64_t run = world_run(&w, "runs").run;
    world_report(&w, run, "[{\"seq\":1,\"event\":\"started\"}]");
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("RUNS"), STR("ann"), &err), &err);
    CHECK(world_report(&w, run, "[]").cancel);
    world_report(&w, run,
                 "[{\"seq\":2,\"event\":\"finished\",\"kind\":\"signal\",\"signal\":15,\"reason\":"
                 "\"asked\"}]");
    CHECK_INT(RUN_CANCELED, world_run(&w, "runs").status);
    CHECK_OK(job_cancel(w.jobs, w.scope.number, STR("runs"), STR("ann"), &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, job_cancel(w.jobs, w.scope.number, STR("no"), STR("ann"), &err),
                &err);
    world_close(&w);
}

TEST(engine_keeps_the_log_and_a_resend_is_harmless)
{
    struct error err = {0};
    struct watch_answer a;
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    int64_t run = world_run(&w, "j").run;
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
    world_report(&w, run, "[{\"seq\":1,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct blob blob;
    CHECK_OK(blob_get(txn, asset_artifact_container(w.arena, &w.scope),
                      STR("ExperimentRun/dcid.j/user_logs/std_log.txt"), &blob, &err),
             &err);
    CHECK_INT(6, blob.size);
    store_read_end(&txn);
    world_close(&w);
}

TEST(engine_starts_again_what_was_recorded_and_never_seen)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    /* As after a crash between the record and the start: no runner is known. */
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct attempt attempt;
    CHECK_OK(attempt_get(txn, world_run(&w, "j").run, 1, &attempt, &err), &err);
    store_read_end(&txn);
    attempt.state = ATTEMPT_RECORDED;
    CHECK_OK(start_again(w.jobs, &attempt, &err), &err);
    CHECK_INT(1, w.starts); /* it left its runner.json: it is there and only has to be noted */
    char path[64];
    snprintf(path, sizeof(path), "runs/%lld-1/runner.json", (long long)attempt.run);
    CHECK_OK(dir_remove_tree(w.dir, path, &err), &err);
    CHECK_OK(start_again(w.jobs, &attempt, &err), &err);
    CHECK_INT(2, w.starts);
    world_close(&w);
}

TEST(engine_says_why_a_job_waits)
{
    struct error err = {0};
    struct json *why;
    struct world w;

    world_open(&w);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    char name[32];
    for (long i = 0; i <= cores + 1; i++) {
        snprintf(name, sizeof(name), "job%ld", i);
        CHECK_OK(world_submit(&w, name, HELLO, &err), &err);
    }
    world_turn(&w);
    CHECK_INT(cores, w.starts);
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
        {"{\"jobType\":\"Command\",\"command\":\"${{inputs.a}}\"}", "properties.command",
         ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"${{inputs.a\"}", "properties.command",
         ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"${{search_space.a}}\"}", "properties.command",
         ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"distribution\":{\"a\":1}}",
         "properties.distribution", ERROR_NOT_IMPLEMENTED},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"resources\":{\"instanceCount\":2}}",
         "properties.resources.instanceCount", ERROR_NOT_IMPLEMENTED},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"computeId\":\"azureml:none\"}",
         "properties.computeId", ERROR_NOT_FOUND},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"limits\":{\"timeout\":\"soon\"}}",
         "properties.limits.timeout", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a/"
         "b\":{\"jobInputType\":\"literal\",\"value\":\"1\"}}}",
         "properties.inputs.a/b", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a\":{\"jobInputType\":"
         "\"literal\"}}}",
         "properties.inputs.a.value", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"inputs\":{\"a\":{\"jobInputType\":\"uri_"
         "file\"}}}",
         "properties.inputs.a.uri", ERROR_INVALID},
        {"{\"jobType\":\"Command\",\"command\":\"x\",\"environmentVariables\":{\"A=B\":\"1\"}}",
         "properties.environmentVariables.A=B", ERROR_INVALID},
    };
    struct error err = {0};
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        CHECK_ERROR(CASES[i].code, world_submit(&w, "bad", CASES[i].body, &err), &err);
        CHECK_STR(CASES[i].target, str_from(err.target));
    }
    world_close(&w);
}

TEST(spec_takes_what_every_job_has_and_is_shown_with)
{
    static const struct {
        const char *name, *extra;
        enum error_code code;
    } CASES[] = {
        {"a", "\"identity\":{\"identityType\":\"AMLToken\"}", 0},
        {"b", "\"identity\":{\"identityType\":\"amlToken\"}", 0},
        {"c", "\"identity\":null", 0},
        {"d", "\"identity\":{\"identityType\":\"UserIdentity\"}", ERROR_NOT_IMPLEMENTED},
        {"e", "\"identity\":{\"identityType\":\"Managed\"}", ERROR_NOT_IMPLEMENTED},
        {"f", "\"services\":{\"identityType\":\"AMLToken\"}", ERROR_NOT_IMPLEMENTED},
        {"g",
         "\"services\":{\"Tracking\":{\"jobServiceType\":\"Tracking\",\"endpoint\":\"e\"},"
         "\"Studio\":{\"jobServiceType\":\"Studio\"}}",
         0},
        {"h",
         "\"services\":{\"Studio\":{\"jobServiceType\":\"Studio\"},\"j\":{"
         "\"jobServiceType\":\"JupyterLab\"}}",
         ERROR_NOT_IMPLEMENTED},
    };
    struct error err = {0};
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str body =
            arena_printf(w.arena, "{\"jobType\":\"Command\",\"command\":\"x\",%s}", CASES[i].extra);
        int done = world_submit(&w, CASES[i].name, body.ptr, &err);
        if (CASES[i].code)
            CHECK_ERROR(CASES[i].code, done, &err);
        else
            CHECK_OK(done, &err);
    }
    world_close(&w);
}

/* The job as it is shown: its document with what job_show adds. */
static struct json *shown(struct world *w, const char *name)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct job_stored stored;
    struct run run;

    CHECK_OK(run_get(txn, w->scope.number, str_from(name), &run, &err), &err);
    CHECK_OK(step_read(txn, &run, &stored, &err), &err);
    CHECK_OK(job_show(w->jobs, txn, &run, stored.properties, &err), &err);
    return json_copy(w->arena, stored.properties);
}

#define WITH_OUTPUT(uri)                                                                      \
    "{\"jobType\":\"Command\",\"command\":\"x\",\"outputs\":{\"o\":{\"jobOutputType\":\"uri_" \
    "folder\"" uri "}}}"

TEST(a_shown_job_is_submitted_again_and_leaves_the_first_alone)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "first", WITH_OUTPUT(""), &err), &err);
    struct json *again = shown(&w, "first");
    json_set_str(w.arena, json_at(again, "properties"), "StartTimeUtc", STR("2020-01-01"));
    CHECK_OK(world_submit(&w, "second", json_write(w.arena, again).ptr, &err), &err);
    struct json *second = shown(&w, "second");
    CHECK_STR("azureml://datastores/workspaceblobstore/paths/azureml/second/o",
              json_str_at(second, "outputs.o.uri"));
    CHECK(str_ends(json_str_at(second, "outputs.default.uri"), STR("dcid.second")));
    CHECK(!json_at(second, "properties.StartTimeUtc"));
    /* A place that is no other job's is the user's choice; this world has no datastore for it. */
    CHECK_ERROR(ERROR_NOT_FOUND,
                world_submit(&w, "third",
                             WITH_OUTPUT(",\"uri\":\"azureml://datastores/workspaceblobstore/"
                                         "paths/azureml/nobody/o\""),
                             &err),
                &err);
    world_close(&w);
}

TEST(spec_gives_the_runner_everything_it_needs)
{
    struct error err = {0};
    struct world w;
    char path[340];

    world_open(&w);
    CHECK_OK(world_submit(
                 &w, "calm_owl",
                 "{\"jobType\":\"Command\",\"command\":\"echo ${{inputs.c}} > ${{outputs.o}}/x\","
                 "\"inputs\":{\"c\":{\"jobInputType\":\"literal\",\"value\":\"0.5\"}},"
                 "\"outputs\":{\"o\":{\"jobOutputType\":\"uri_folder\"}},"
                 "\"environmentVariables\":{\"A\":\"1\",\"MLFLOW_RUN_ID\":\"mine\"},"
                 "\"limits\":{\"timeout\":\"PT20S\"},\"experimentName\":\"exp\"}",
                 &err),
             &err);
    world_turn(&w);
    struct str text;
    snprintf(path, sizeof(path), "runs/%lld-1/spec.json", (long long)world_run(&w, "calm_owl").run);
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
    CHECK_STR(
        "https://localhost:10443/mlflow/v2.0/subscriptions/sub/resourceGroups/default/providers/"
        "Microsoft.MachineLearningServices/workspaces/default",
        json_str_at(spec, "variables.MLFLOW_TRACKING_URI"));
    CHECK(json_str_at(spec, "token").len > 100);
    CHECK_STR("ExperimentRun/dcid.calm_owl", json_str_at(spec, "artifacts.prefix"));
    world_close(&w);
}
