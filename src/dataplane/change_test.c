/* Runs changed, made, tagged, told about, canceled and deleted. */
#include "dataplane/world_test.h"

#include "asset/doom.h"
#include "store/event.h"

static int64_t count(struct world *w, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->engines.store, &err);
    struct sql *q = sql(txn, text, &err);

    CHECK(q && sql_step(q) > 0);
    int64_t number = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return number;
}

TEST(null_takes_a_tag_away)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "PATCH", JOB, "{\"tags\":{\"a\":\"1\",\"b\":\"2\"}}");
    struct json *run = world_ask(w, 200, "PATCH", JOB, "{\"tags\":{\"a\":null,\"none\":null}}");
    CHECK_INT(1, json_count(json_get(run, STR("tags"))));
    CHECK_STR("2", json_str_at(run, "tags.b"));
}

TEST(a_list_of_tags_is_deleted)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "PATCH", JOB, "{\"tags\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}}");
    struct json *run = world_ask(w, 200, "DELETE", JOB "/tags", "{\"tags\":[\"a\"]}");
    CHECK_INT(2, json_count(json_get(run, STR("tags"))));
    run = world_ask(w, 200, "DELETE", HISTORY "/experimentids/0/runs/calm_owl/tags", "[\"b\"]");
    CHECK_INT(1, json_count(json_get(run, STR("tags"))));
    run = world_ask(w, 200, "PATCH", PATCHED "calm_owl/tags",
                    "{\"tagsToModify\":{\"c\":\"4\",\"d\":\"5\"},\"tagsToDelete\":[\"x\"]}");
    CHECK_STR("4", json_str_at(run, "tags.c"));
    CHECK_STR("5", json_str_at(run, "tags.d"));
    world_ask(w, 400, "DELETE", JOB "/tags", "{\"tags\":\"a\"}");
    world_ask(w, 400, "DELETE", JOB "/tags", "{\"tags\":[1]}");
    world_ask(w, 400, "PATCH", JOB "/tags", "{\"tagsToModify\":{\"c\":4}}");
    world_ask(w, 400, "PATCH", JOB "/tags", "{\"tagsToModify\":[]}");
    world_ask(w, 400, "DELETE", JOB "/tags", "");
    world_ask(w, 404, "DELETE", HISTORY "/runs/none/tags", "[\"b\"]");
}

TEST(a_job_keeps_its_state_and_a_run_of_mlflow_takes_it)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("Running",
              json_str_at(world_ask(w, 200, "PATCH", JOB, "{\"status\":\"Failed\"}"), "status"));
    world_add_run(w, "free", 0);
    struct json *run = world_ask(w, 200, "PATCH", HISTORY "/runs/free", "{\"status\":\"failed\"}");
    CHECK_STR("Failed", json_str_at(run, "status"));
    CHECK(json_str_at(run, "endTimeUtc").len > 0);
    CHECK(json_str_at(run, "error.error.message").len > 0);
    run = world_ask(w, 200, "PATCH", HISTORY "/runs/free", "{\"status\":\"Running\"}");
    CHECK(json_is_null(json_get(run, STR("endTimeUtc"))));
    world_ask(w, 400, "PATCH", HISTORY "/runs/free", "{\"status\":\"Dancing\"}");
    world_ask(w, 400, "PATCH", HISTORY "/runs/free", "{\"status\":3}");
}

TEST(every_state_has_its_name)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "free", 0);
    for (int status = 1; status < RUN_STATUS_COUNT_; status++) {
        const char *name = run_status_name((enum run_status)status);
        struct json *run = world_ask(w, 200, "PATCH", HISTORY "/runs/free",
                                     arena_printf(w->arena, "{\"status\":\"%s\"}", name).ptr);
        CHECK_STR(name, json_str_at(run, "status"));
        CHECK_INT(run_status_final((enum run_status)status),
                  !json_is_null(json_get(run, STR("endTimeUtc"))));
    }
}

TEST(a_batch_tells_the_good_from_the_bad)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body =
        world_ask(w, 200, "PATCH", HISTORY "/experimentids/0/batch/runs",
                  "{\"runs\":[{\"runId\":\"calm_owl\",\"displayName\":\"x\"},{\"runId\":\"none\"},"
                  "{\"runId\":\"kid\",\"tags\":1}]}");

    CHECK_STR("x", json_str_at(body, "runs.calm_owl.displayName"));
    CHECK_STR("NotFound", json_str_at(body, "errors.none.error.code"));
    CHECK_STR("UserError", json_str_at(body, "errors.kid.error.code"));
    world_ask(w, 400, "PATCH", HISTORY "/batch/runs", "{\"runs\":{}}");
    world_ask(w, 404, "PATCH", HISTORY "/experimentids/77/batch/runs", "{\"runs\":[]}");
    world_ask(w, 404, "PATCH", "/history/v1.0" WS "0/batch/runs", "{\"runs\":[]}");
    world_ask(w, 400, "PATCH", HISTORY "/batch/runs", "");
}

TEST(a_run_is_made_where_the_path_says)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *run = world_ask(w, 200, "POST", HISTORY "/experiments/Default/runs/made",
                                 "{\"displayName\":\"Made\",\"status\":\"Running\",\"tags\":{\"a\":"
                                 "\"1\"}}");

    CHECK_STR("made", json_str_at(run, "runId"));
    CHECK_STR("Made", json_str_at(run, "displayName"));
    CHECK_STR("Running", json_str_at(run, "status"));
    CHECK_STR("1", json_str_at(run, "tags.a"));
    CHECK_STR("admin", json_str_at(run, "createdBy.userName"));
    run = world_ask(w, 200, "POST", HISTORY "/runs/below", "{\"parentRunId\":\"made\"}");
    CHECK_STR("made", json_str_at(run, "rootRunId"));
    CHECK_STR("NotStarted", json_str_at(run, "status"));
    world_ask(w, 409, "POST", HISTORY "/runs/MADE", "{}");
    world_ask(w, 404, "POST", HISTORY "/runs/x1", "{\"parentRunId\":\"none\"}");
    /* The first SDK makes runs by a PATCH, where others have a wrong name. */
    run = world_ask(w, 200, "PATCH", HISTORY "/experiments/Default/runs/fresh1",
                    "{\"runId\":\"fresh1\",\"runTypeV2\":{\"orchestrator\":\"External\"}}");
    CHECK_STR("NotStarted", json_str_at(run, "status"));
    run = world_ask(w, 200, "PATCH", HISTORY "/runs/child1",
                    "{\"parentRunId\":\"made\",\"status\":\"NotStarted\"}");
    CHECK_STR("made", json_str_at(run, "parentRunId"));
    run = world_ask(w, 200, "PATCH", HISTORY "/runs/child1",
                    "{\"parentRunId\":\"made\",\"status\":\"Running\"}");
    CHECK_STR("Running", json_str_at(run, "status"));
    world_ask(w, 404, "PATCH", HISTORY "/runs/child2", "{\"status\":\"Running\"}");
    world_ask(w, 404, "PATCH", HISTORY "/runs/child2", "{\"parentRunId\":\"none\"}");
    world_ask(w, 400, "PATCH", HISTORY "/runs/child2",
              "{\"parentRunId\":\"made\",\"status\":\"Flying\"}");
    world_ask(w, 404, "GET", HISTORY "/runs/child2", "");
    world_ask(w, 404, "POST", HISTORY "/runs/x1", "{\"experimentId\":\"77\"}");
    world_ask(w, 400, "POST", HISTORY "/runs/a.b", "{}");
    world_ask(w, 400, "POST", HISTORY "/runs/x1", "{\"tags\":[]}");
    world_ask(w, 404, "GET", HISTORY "/runs/x1", "");
}

TEST(a_job_writes_its_own_and_what_is_below)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "stranger", 0);
    world_be_job(w);
    world_ask(w, 200, "PATCH", JOB, "{\"tags\":{\"a\":\"1\"}}");
    world_ask(w, 200, "PATCH", HISTORY "/runs/kid", "{\"tags\":{\"a\":\"1\"}}");
    world_ask(w, 403, "PATCH", HISTORY "/runs/stranger", "{\"tags\":{\"a\":\"1\"}}");
    world_ask(w, 403, "DELETE", HISTORY "/runs/stranger/tags", "[\"a\"]");
    world_ask(w, 403, "POST", HISTORY "/runs/stranger/events", "{\"name\":\"x.Start\"}");
    world_ask(w, 403, "POST", HISTORY "/runs/mine", "{\"parentRunId\":\"stranger\"}");
    world_ask(w, 403, "PATCH", HISTORY "/runs/mine", "{\"parentRunId\":\"stranger\"}");
    struct json *made = world_ask(w, 200, "POST", HISTORY "/runs/mine", "{}");
    CHECK_STR("calm_owl", json_str_at(made, "parentRunId"));
    world_be_admin(w);
    CHECK_INT(0, json_count(json_get(world_get(w, HISTORY "/runs/stranger"), STR("tags"))));
}

TEST(events_move_what_no_job_moves)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *path = HISTORY "/runs/free/events";

    world_add_run(w, "free", 0);
    CHECK_INT(204, fake_json(w->fake, "POST", path,
                             "{\"name\":\"Microsoft.MachineLearning.Run.Completed\",\"data\":{}}")
                       .status);
    CHECK_STR("Completed", json_str_at(world_get(w, HISTORY "/runs/free"), "status"));
    CHECK_INT(204, fake_json(w->fake, "POST", JOB "/events", "{\"name\":\"x.Failed\"}").status);
    fake_header(w->fake, "User-Agent", "azureml._restclient/1.5.0 azureml-sdk-core/1.61.0");
    CHECK_INT(200, fake_json(w->fake, "POST", JOB "/events", "{\"name\":\"x.Failed\"}").status);
    fake_header(w->fake, "User-Agent", NULL);
    CHECK_STR("Running", json_str_at(world_get(w, JOB), "status"));
    CHECK_INT(3, count(w, "SELECT COUNT(*) FROM event WHERE type = 'jobs.told'"));
    world_ask(w, 400, "POST", path, "{}");
    world_ask(w, 400, "POST", path, "[]");
    world_ask(w, 404, "POST", HISTORY "/runs/none/events", "{\"name\":\"x.Failed\"}");
}

TEST(events_in_a_batch_name_their_runs)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body =
        world_ask(w, 200, "POST", HISTORY "/experimentids/0/batch/events",
                  "{\"events\":[{\"name\":\"a.Warning\",\"data\":{\"RunId\":\"kid\"}},{\"name\":"
                  "\"b.Start\",\"data\":{\"runId\":\"none\"}},{}]}");

    CHECK_INT(1, json_count(json_get(body, STR("successes"))));
    CHECK_INT(2, json_count(json_get(body, STR("errors"))));
    CHECK_STR("b.Start", json_str_at(body, "errors[0].key.name"));
    CHECK(json_str_at(body, "errors[0].value.error.message").len > 0);
    world_ask(w, 400, "POST", HISTORY "/batch/events", "{\"events\":1}");
    world_ask(w, 404, "POST", HISTORY "/experiments/none/batch/events", "{\"events\":[]}");
    world_ask(w, 404, "POST", "/history/v1.0" WS "0/batch/events", "{\"events\":[]}");
}

TEST(cancel_ends_a_run_that_only_a_client_drives)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "free", 0);
    struct json *run = world_ask(w, 200, "POST", HISTORY "/runs/free/cancel", "");
    CHECK_STR("Canceled", json_str_at(run, "status"));
    run = world_ask(w, 200, "POST", HISTORY "/experimentids/0/runs/kid/cancel", "");
    CHECK_STR("Completed", json_str_at(run, "status")); /* it had ended */
    world_ask(w, 404, "POST", HISTORY "/runs/none/cancel", "");
}

TEST(delete_is_for_good_and_leaves_an_event)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "gone", 0);
    world_add_run(w, "stays", 0);
    world_put_file(w, "azureml-" GUID, "ExperimentRun/dcid.gone/a.txt");
    world_put_file(w, "azureml-" GUID, "ExperimentRun/dcid.stays/a.txt");
    world_ask(w, 200, "DELETE", HISTORY "/runs/gone", "");
    world_ask(w, 404, "GET", HISTORY "/runs/gone", "");
    world_ask(w, 404, "DELETE", HISTORY "/runs/gone", "");
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM run WHERE run_id = 'gone'"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM event WHERE type = 'jobs.deleted'"
                          " AND subject = 'gone'"));
    world_ask(w, 409, "DELETE", JOB, "");                  /* a job is deleted as a job */
    world_ask(w, 200, "POST", HISTORY "/runs/gone", "{}"); /* the name is free */
}
