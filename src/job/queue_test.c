/* Turns of the scheduler with odd neighbours, and what a job shows of itself. */
#include "job/world_test.h"

#include <stdio.h>
#include <string.h>

static int insert_orphan(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct run run = {.scope = w->scope.number,
                      .run_id = STR("orphan"),
                      .kind = RUN_COMMAND,
                      .status = RUN_QUEUED,
                      .name = STR("orphan"),
                      .user = STR("test")};

    return experiment_ensure(txn, run.scope, STR("Default"), &run.experiment, err) < 0
               ? -1
               : run_insert(txn, &run, err);
}

TEST(a_waiting_run_without_a_document_stands_in_nobodys_way)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(store_write(w.store, insert_orphan, &w, &err), &err);
    CHECK_OK(world_submit(&w, "behind", HELLO, &err), &err);
    world_turn(&w);
    CHECK_INT(1, w.starts);
    CHECK_INT(RUN_PROVISIONING, world_run(&w, "behind").status);
    CHECK_INT(RUN_QUEUED, world_run(&w, "orphan").status);
    world_close(&w);
}

#define MANY 300

/* Workspaces in front of the one that is left in the world. */
static int insert_many(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    for (int i = 0; i < MANY; i++) {
        w->scope =
            (struct scope){.kind = i % 100 == 50 ? SCOPE_REGISTRY : SCOPE_WORKSPACE,
                           .subscription = STR("sub"),
                           .group = STR("default"),
                           .name = arena_printf(w->arena, "w%d", i),
                           .guid = arena_printf(w->arena, "%08d-0000-4000-8000-000000000000", i),
                           .data_key = STR("key")};
        if (scope_insert(txn, &w->scope, err) < 0)
            return -1;
    }
    return experiment_make_default(txn, w->scope.number, err);
}

TEST(the_last_of_many_workspaces_has_its_turn)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(store_write(w.store, insert_many, &w, &err), &err);
    CHECK(w.scope.number > MANY);
    CHECK_OK(world_submit(&w, "last", HELLO, &err), &err);
    world_turn(&w);
    CHECK_INT(1, w.starts);
    CHECK_INT(RUN_PROVISIONING, world_run(&w, "last").status);
    world_close(&w);
}

TEST(a_turn_over_nothing_does_nothing)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_INT(0, watch_runners(w.jobs, &err));
    world_turn(&w);
    CHECK_INT(0, w.starts);
    world_close(&w);
}

TEST(other_names_of_this_host_are_the_same_pool)
{
    static const char *const NAMES[] = {"local", "Local", "serverless", "azureml:local",
                                        "/subscriptions/s/computes/serverless"};
    struct error err = {0};
    struct world w;
    char name[16], body[200];

    world_open(&w);
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        snprintf(name, sizeof(name), "job%zu", i);
        snprintf(body, sizeof(body),
                 "{\"jobType\":\"command\",\"command\":\"x\",\"computeId\":\"%s\"}", NAMES[i]);
        CHECK_OK(world_submit(&w, name, body, &err), &err);
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
        struct job_stored stored;
        struct run run;
        CHECK_OK(run_get(txn, w.scope.number, str_from(name), &run, &err), &err);
        CHECK_OK(step_read(txn, &run, &stored, &err), &err);
        CHECK_STR("serverless", json_str_at(stored.resolved, "compute"));
    }
    world_close(&w);
}

TEST(a_job_shows_its_state_services_and_outputs)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "calm_owl",
                          "{\"jobType\":\"Command\",\"command\":\"x\",\"displayName\":\"Owl\","
                          "\"outputs\":{\"o\":{\"jobOutputType\":\"uri_folder\"}}}",
                          &err),
             &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w.store, &err);
    struct job_stored stored;
    struct run run;
    CHECK_OK(run_get(txn, w.scope.number, STR("CALM_OWL"), &run, &err), &err);
    CHECK_OK(step_read(txn, &run, &stored, &err), &err);
    CHECK_OK(job_show(w.jobs, txn, &run, stored.properties, &err), &err);
    CHECK_INT(1, json_int_at(stored.properties, "resources.instanceCount", 0));
    struct json *p = stored.properties;
    CHECK_STR("Queued", json_str_at(p, "status"));
    CHECK_STR("Owl", json_str_at(p, "displayName"));
    CHECK_STR("Default", json_str_at(p, "experimentName"));
    CHECK(str_starts(json_str_at(p, "services.Tracking.endpoint"),
                     STR("https://localhost:10443/mlflow/v2.0/subscriptions/")));
    CHECK_STR("azureml://datastores/workspaceblobstore/paths/azureml/calm_owl/o",
              json_str_at(p, "outputs.o.uri"));
    CHECK(str_ends(json_str_at(p, "outputs.default.uri"), STR("ExperimentRun/dcid.calm_owl")));
    CHECK_INT(JSON_OBJECT, json_kind(json_at(p, "tags")));
    CHECK(!json_bool_at(p, "isArchived", true));
    store_read_end(&txn);
    world_close(&w);
}

TEST(reports_of_unknown_attempts_and_odd_bodies_are_refused)
{
    struct error err = {0};
    struct watch_answer answer = {.next = 7};
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    int64_t run = world_run(&w, "j").run;
    struct watch_report report = {run, 2, json_array(w.arena)};
    CHECK_ERROR(ERROR_NOT_FOUND, watch_events(w.jobs, &report, &answer, &err), &err);
    report = (struct watch_report){run + 100, 1, json_array(w.arena)};
    CHECK_ERROR(ERROR_NOT_FOUND, watch_events(w.jobs, &report, &answer, &err), &err);
    report = (struct watch_report){run, 1, json_object(w.arena)};
    CHECK_ERROR(ERROR_INVALID, watch_events(w.jobs, &report, &answer, &err), &err);
    report.events = NULL;
    CHECK_ERROR(ERROR_INVALID, watch_events(w.jobs, &report, &answer, &err), &err);
    CHECK_INT(7, answer.next); /* untouched by failures */
    CHECK_INT(
        1, world_report(&w, run, "[1,\"x\",null,{},{\"seq\":\"1\",\"event\":\"started\"}]").next);
    CHECK_INT(2, world_report(&w, run, "[{\"seq\":1,\"event\":\"of another time\"}]").next);
    CHECK_INT(RUN_PROVISIONING, world_run(&w, "j").status);
    world_close(&w);
}

TEST(log_names_are_plain_or_refused)
{
    static const char *const BAD[] = {
        "std_log.txt",  "user_logs/", "user_logs/../x", "user_logs/.hidden", "user_logs/a/b",
        "/user_logs/a", "other/a",    "user_logs/A",    "user_logs/a b",     "",
        "user_logs/a\n"};
    struct error err = {0};
    struct watch_answer answer;
    struct world w;

    world_open(&w);
    CHECK_OK(world_submit(&w, "j", HELLO, &err), &err);
    world_turn(&w);
    struct watch_log log = {world_run(&w, "j").run, 1, STR("user_logs/std_log_1.txt"), 0, STR("x")};
    CHECK_OK(watch_log(w.jobs, &log, &answer, &err), &err);
    for (size_t i = 0; i < COUNT(BAD); i++) {
        log.file = str_from(BAD[i]);
        CHECK_ERROR(ERROR_INVALID, watch_log(w.jobs, &log, &answer, &err), &err);
    }
    world_close(&w);
}
