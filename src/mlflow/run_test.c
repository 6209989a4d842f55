/* Runs through the face: made, logged into, read, searched, ended, deleted; by whom and where. */
#include "mlflow/face_test.h"

#include "base/buf.h"

TEST(a_run_is_made_and_read)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "first");
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));

    CHECK_STR("first", json_str_at(run, "run.info.run_name"));
    CHECK_STR("RUNNING", json_str_at(run, "run.info.status"));
    CHECK_STR("active", json_str_at(run, "run.info.lifecycle_stage"));
    CHECK_STR(face_fill(f, "mlflow-artifacts:/0/$/artifacts", id),
              json_str_at(run, "run.info.artifact_uri"));
    run = face_get(f, face_fill(f, "/ajax-api/2.0/mlflow/runs/get?run_uuid=$", id));
    CHECK_STR("first", json_str_at(run, "run.info.run_name"));
}

TEST(a_body_that_is_no_json_says_so)
{
    CLEANUP(face_close) struct face *f = face_open();

    face_refuses(f, API "/runs/create", "{", "INVALID_PARAMETER_VALUE", "not a JSON object");
    face_refuses(f, API "/runs/create", "[]", "INVALID_PARAMETER_VALUE", "not a JSON object");
    face_refuses(f, API "/runs/log-metric", "nonsense", "INVALID_PARAMETER_VALUE",
                 "not a JSON object");
    face_refuses(f, API "/runs/log-metric", "", "INVALID_PARAMETER_VALUE", "Missing value");
    face_refuses(f, API "/runs/log-metric", "{}", "INVALID_PARAMETER_VALUE", "Missing value");
    CHECK_INT(400, fake_send(f->fake, "POST", API "/runs/create", STR("{}")).status); /* no type */
    face_refuses(f, API "/experiments/create", "\"{}\"", "INVALID_PARAMETER_VALUE",
                 "Missing value"); /* JSON in JSON, as old clients send it */
}

TEST(points_params_and_tags_are_logged)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    face_ask(f, 200, "POST", API "/runs/log-metric",
             face_fill(f, "{\"run_id\":\"$\",\"key\":\"m\",\"value\":0.5,\"timestamp\":1}", id));
    face_ask(f, 200, "POST", API "/runs/log-parameter",
             face_fill(f, "{\"run_id\":\"$\",\"key\":\"p\",\"value\":\"1\"}", id));
    face_ask(f, 200, "POST", API "/runs/set-tag",
             face_fill(f, "{\"run_id\":\"$\",\"key\":\"t\",\"value\":\"x\"}", id));
    face_ask(
        f, 200, "POST", API "/runs/log-batch",
        face_fill(f,
                  "{\"run_id\":\"$\",\"metrics\":[{\"key\":\"m\",\"value\":\"NaN\",\"timestamp\":"
                  "2,\"step\":1},{\"key\":\"i\",\"value\":\"-Infinity\",\"timestamp\":2}],"
                  "\"params\":[{\"key\":\"gr\\u00f6\\u00dfe\",\"value\":\"\"}],"
                  "\"tags\":[{\"key\":\"t\",\"value\":\"y\"}]}",
                  id));
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_INT(2, json_count(json_at(run, "run.data.metrics")));
    CHECK_INT(2, json_count(json_at(run, "run.data.params")));
    struct json *history =
        face_get(f, face_fill(f, API "/metrics/get-history?run_id=$&metric_key=m", id));
    CHECK_INT(2, json_count(json_get(history, STR("metrics"))));
    CHECK_STR("NaN", json_str_at(history, "metrics[1].value"));
    history = face_get(f, face_fill(f, API "/metrics/get-history?run_id=$&metric_key=i", id));
    CHECK(json_double_at(history, "metrics[0].value", 0) < -1e308);
}

TEST(a_param_is_written_once)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *one = face_fill(f, "{\"run_id\":\"$\",\"key\":\"p\",\"value\":\"1\"}", id);

    face_ask(f, 200, "POST", API "/runs/log-parameter", one);
    face_ask(f, 200, "POST", API "/runs/log-parameter", one);
    face_refuses(f, API "/runs/log-parameter",
                 face_fill(f, "{\"run_id\":\"$\",\"key\":\"p\",\"value\":\"2\"}", id),
                 "INVALID_PARAMETER_VALUE", "Changing param values is not allowed");
    face_refuses(f, API "/runs/log-batch",
                 face_fill(f,
                           "{\"run_id\":\"$\",\"params\":[{\"key\":\"q\",\"value\":\"1\"},{\"key\":"
                           "\"q\",\"value\":\"2\"}]}",
                           id),
                 "INVALID_PARAMETER_VALUE", "");
}

/* "{…[item, item, …]}" with `count` items of the given field. */
static const char *batch_of(struct face *f, struct str id, const char *field, int count)
{
    CLEANUP(buf_free) struct buf buf = buf_make(MIB);
    const char *value = field[0] == 'm' ? "\"value\":1,\"timestamp\":1" : "\"value\":\"v\"";

    buf_printf(&buf, "{\"run_id\":\"%.*s\",\"%s\":[", STR_ARG(id), field);
    for (int i = 0; i < count; i++)
        buf_printf(&buf, "%s{\"key\":\"k%d\",%s}", i ? "," : "", i, value);
    buf_add(&buf, STR("]}"));
    return arena_cstr(f->arena, buf_str(&buf));
}

TEST(a_batch_has_limits)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    face_ask(f, 200, "POST", API "/runs/log-batch", batch_of(f, id, "metrics", 1000));
    face_ask(f, 200, "POST", API "/runs/log-batch", batch_of(f, id, "params", 100));
    face_ask(f, 200, "POST", API "/runs/log-batch", batch_of(f, id, "tags", 100));
    face_refuses(f, API "/runs/log-batch", batch_of(f, id, "metrics", 1001),
                 "INVALID_PARAMETER_VALUE", "at most 1000");
    face_refuses(f, API "/runs/log-batch", batch_of(f, id, "params", 101),
                 "INVALID_PARAMETER_VALUE", "at most 100");
    face_refuses(f, API "/runs/log-batch", batch_of(f, id, "tags", 101), "INVALID_PARAMETER_VALUE",
                 "at most 100");
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_INT(1000, json_count(json_at(run, "run.data.metrics")));
}

TEST(wrong_values_are_named)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const bad[] = {
        "{\"run_id\":\"$\",\"key\":\"m\",\"value\":\"much\",\"timestamp\":1}",
        "{\"run_id\":\"$\",\"key\":\"m\",\"value\":1,\"timestamp\":\"now\"}",
        "{\"run_id\":\"$\",\"key\":\"m\",\"value\":1,\"timestamp\":1,\"step\":1.5}",
        "{\"run_id\":\"$\",\"key\":\"../m\",\"value\":1,\"timestamp\":1}",
        "{\"run_id\":\"$\",\"key\":7,\"value\":1,\"timestamp\":1}",
        "{\"run_id\":\"$\",\"value\":1,\"timestamp\":1}",
        "{\"run_id\":7,\"key\":\"m\",\"value\":1,\"timestamp\":1}",
        "{\"run_id\":\"../$\",\"key\":\"m\",\"value\":1,\"timestamp\":1}"};

    for (size_t i = 0; i < COUNT(bad); i++)
        face_refuses(f, API "/runs/log-metric", face_fill(f, bad[i], id), "INVALID_PARAMETER_VALUE",
                     "");
    face_refuses(f, API "/runs/log-metric",
                 "{\"run_id\":\"none\",\"key\":\"m\",\"value\":1,\"timestamp\":1}",
                 "RESOURCE_DOES_NOT_EXIST", "none");
}

TEST(long_values_are_cut_and_long_keys_refused)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    struct str text = arena_printf(f->arena, "%07000d", 0);
    const char *body = face_fill(
        f,
        arena_printf(f->arena, "{\"run_id\":\"$\",\"key\":\"p\",\"value\":\"%.*s\"}", STR_ARG(text))
            .ptr,
        id);

    struct fake_reply reply = fake_json(f->fake, "POST", API "/runs/log-parameter", body);
    CHECK(reply.status == 200 || reply.status == 400);
    struct str key = str_slice(text, 0, 251);
    face_refuses(
        f, API "/runs/log-parameter",
        face_fill(f,
                  arena_printf(f->arena, "{\"run_id\":\"$\",\"key\":\"%.*s\",\"value\":\"1\"}",
                               STR_ARG(key))
                      .ptr,
                  id),
        "INVALID_PARAMETER_VALUE", "250");
}

TEST(the_end_is_told_and_taken_back)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    static const char *const STATES[] = {"FINISHED", "FAILED", "KILLED", "SCHEDULED", "RUNNING"};

    for (size_t i = 0; i < COUNT(STATES); i++) {
        struct json *run = face_ask(
            f, 200, "POST", API "/runs/update",
            face_fill(f,
                      arena_printf(f->arena, "{\"run_id\":\"$\",\"status\":\"%s\"}", STATES[i]).ptr,
                      id));
        CHECK_STR(STATES[i], json_str_at(run, "run_info.status"));
    }
    face_refuses(f, API "/runs/update", face_fill(f, "{\"run_id\":\"$\",\"status\":\"DONE\"}", id),
                 "INVALID_PARAMETER_VALUE", "status");
}

TEST(a_deleted_run_is_read_only_until_it_comes_back)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *body = face_fill(f, "{\"run_id\":\"$\"}", id);
    const char *tag = face_fill(f, "{\"run_id\":\"$\",\"key\":\"t\",\"value\":\"1\"}", id);

    face_ask(f, 200, "POST", API "/runs/delete", body);
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_STR("deleted", json_str_at(run, "run.info.lifecycle_stage"));
    face_refuses(f, API "/runs/set-tag", tag, "INVALID_PARAMETER_VALUE", "'active' state");
    face_ask(f, 200, "POST", API "/runs/restore", body);
    face_ask(f, 200, "POST", API "/runs/set-tag", tag);
    face_ask(f, 200, "POST", API "/runs/delete-tag",
             face_fill(f, "{\"run_id\":\"$\",\"key\":\"t\"}", id));
    face_refuses(f, API "/runs/delete-tag", face_fill(f, "{\"run_id\":\"$\",\"key\":\"t\"}", id),
                 "RESOURCE_DOES_NOT_EXIST", "No tag with name: t");
}

TEST(deleting_and_restoring_twice_is_once)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *body = face_fill(f, "{\"run_id\":\"$\"}", id);
    const char *get = face_fill(f, API "/runs/get?run_id=$", id);

    face_ask(f, 200, "POST", API "/runs/restore", body);
    CHECK_STR("active", json_str_at(face_get(f, get), "run.info.lifecycle_stage"));
    face_ask(f, 200, "POST", API "/runs/delete", body);
    face_ask(f, 200, "POST", API "/runs/delete", body);
    CHECK_STR("deleted", json_str_at(face_get(f, get), "run.info.lifecycle_stage"));
    face_ask(f, 404, "POST", API "/runs/delete", "{\"run_id\":\"none\"}");
}

TEST(what_a_batch_lacks_is_named_by_its_place)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const bad[][2] = {
        {"\"metrics\":[{\"key\":\"a\",\"value\":1,\"timestamp\":1},{\"key\":\"m\",\"value\":2}]",
         "Missing value for required parameter 'metrics[1].timestamp'"},
        {"\"metrics\":[{\"value\":1,\"timestamp\":1}]", "'metrics[0].key'"},
        {"\"metrics\":[{\"key\":\"\",\"value\":1,\"timestamp\":1}]", "'metrics[0].key'"},
        {"\"metrics\":[{\"key\":\"m\",\"timestamp\":1}]", "'metrics[0].value'"},
        {"\"params\":[{\"value\":\"1\"}]", "'params[0].key'"},
        {"\"tags\":[{\"key\":\"a\"},{\"value\":\"1\"}]", "'tags[1].key'"},
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        face_refuses(f, API "/runs/log-batch",
                     arena_printf(f->arena, "{\"run_id\":\"%.*s\",%s}", STR_ARG(id), bad[i][0]).ptr,
                     "INVALID_PARAMETER_VALUE", bad[i][1]);
    face_refuses(f, API "/runs/set-tag",
                 face_fill(f, "{\"run_id\":\"$\",\"key\":\"\",\"value\":\"x\"}", id),
                 "INVALID_PARAMETER_VALUE", "Missing value for required parameter 'key'");
    face_ask(f, 200, "POST", API "/runs/set-tag",
             face_fill(f, "{\"run_id\":\"$\",\"key\":\"t\"}", id));
}

TEST(a_deleted_experiment_takes_no_runs)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *made = face_ask(f, 200, "POST", API "/experiments/create", "{\"name\":\"e\"}");
    const char *body =
        face_fill(f, "{\"experiment_id\":\"$\"}", json_str_at(made, "experiment_id"));
    struct str id = face_run(f, json_str_at(made, "experiment_id").ptr, "inside");

    face_ask(f, 200, "POST", API "/experiments/delete", body);
    face_refuses(f, API "/runs/create", body, "INVALID_PARAMETER_VALUE", "'active' state");
    face_refuses(f, API "/experiments/delete", body, "RESOURCE_DOES_NOT_EXIST", "");
    face_refuses(f, API "/experiments/create", "{\"name\":\"e\"}", "RESOURCE_ALREADY_EXISTS",
                 "deleted state");
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_STR("deleted", json_str_at(run, "run.info.lifecycle_stage"));
    face_ask(f, 200, "POST", API "/experiments/restore", body);
    run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_STR("active", json_str_at(run, "run.info.lifecycle_stage"));
}

TEST(searches_have_filters_orders_and_pages)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *page;

    for (int i = 0; i < 5; i++) {
        struct str id = face_run(f, "0", arena_printf(f->arena, "r%d", i).ptr);
        face_ask(
            f, 200, "POST", API "/runs/log-batch",
            face_fill(f,
                      arena_printf(f->arena,
                                   "{\"run_id\":\"$\",\"metrics\":[{\"key\":\"m\",\"value\":%d,"
                                   "\"timestamp\":1}],\"params\":[{\"key\":\"odd\",\"value\":"
                                   "\"%d\"}]}",
                                   i, i % 2)
                          .ptr,
                      id));
    }
    page = face_ask(f, 200, "POST", API "/runs/search",
                    "{\"experiment_ids\":[\"0\"],\"filter\":\"metrics.m > 1 and params.odd = "
                    "'0'\",\"order_by\":[\"metrics.m DESC\"]}");
    CHECK_INT(2, json_count(json_get(page, STR("runs"))));
    CHECK_STR("r4", json_str_at(page, "runs[0].info.run_name"));
    page = face_ask(f, 200, "POST", API "/runs/search",
                    "{\"experiment_ids\":[\"0\"],\"max_results\":2,\"order_by\":[\"metrics.m\"]}");
    CHECK_STR("r1", json_str_at(page, "runs[1].info.run_name"));
    struct str token = json_str_at(page, "next_page_token");
    CHECK(token.len > 0);
    page = face_ask(f, 200, "POST", API "/runs/search",
                    face_fill(f,
                              "{\"experiment_ids\":[\"0\"],\"max_results\":9,\"order_by\":"
                              "[\"metrics.m\"],\"page_token\":\"$\"}",
                              token));
    CHECK_INT(3, json_count(json_get(page, STR("runs"))));
}

TEST(searches_that_make_no_sense_are_told)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const bad[] = {
        "{\"experiment_ids\":[\"0\"],\"filter\":\"colour = 'x'\"}",
        "{\"experiment_ids\":[\"0\"],\"filter\":\"metrics.m = 'x'\"}",
        "{\"experiment_ids\":[\"0\"],\"filter\":\"metrics.m >\"}",
        "{\"experiment_ids\":[\"0\"],\"filter\":\"params.p = 1 or params.q = 2\"}",
        "{\"experiment_ids\":[\"0\"],\"order_by\":[\"nothing\"]}",
        "{\"experiment_ids\":[\"0\"],\"order_by\":[\"metrics.m\",\"metrics.m\"]}",
        "{\"experiment_ids\":[\"0\"],\"max_results\":0}",
        "{\"experiment_ids\":[\"0\"],\"max_results\":50001}",
        "{\"experiment_ids\":[\"0\"],\"page_token\":\"zz\"}",
        "{\"experiment_ids\":[\"x\"]}",
        "{\"experiment_ids\":\"0\"}"};

    for (size_t i = 0; i < COUNT(bad); i++)
        face_refuses(f, API "/runs/search", bad[i], "INVALID_PARAMETER_VALUE", "");
}

TEST(both_roots_of_another_workspace_are_its_own)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "here");
    struct json *there =
        face_ask(f, 200, "POST", SECOND API "/runs/create", "{\"experiment_id\":\"0\"}");
    struct str other = json_str_at(there, "run.info.run_id");

    face_ask(f, 404, "GET", face_fill(f, SECOND API "/runs/get?run_id=$", id), "");
    face_ask(f, 404, "GET", face_fill(f, API "/runs/get?run_id=$", other), "");
    face_ask(f, 404, "GET", face_fill(f, FIRST API "/runs/get?run_id=$", other), "");
    face_get(f, face_fill(f, FIRST API "/runs/get?run_id=$", id));
    face_get(f, face_fill(f, SECOND API "/runs/get?run_id=$", other));
    fake_listener(f->fake, LISTEN_PLAIN);
    face_get(f, face_fill(f, SECOND API "/runs/get?run_id=$", other));
    face_ask(f, 404, "GET", face_fill(f, SECOND API "/runs/get?run_id=$", id), "");
    struct json *found =
        face_ask(f, 200, "POST", SECOND API "/runs/search", "{\"experiment_ids\":[\"0\"]}");
    CHECK_INT(1, json_count(json_get(found, STR("runs"))));
    face_ask(f, 404, "GET",
             "/mlflow/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft."
             "MachineLearningServices/workspaces/none" API "/experiments/get?experiment_id=0",
             "");
}

TEST(a_job_writes_its_run_and_what_is_below)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str own = face_run(f, "0", "own"), other = face_run(f, "0", "other");
    const char *metric = "{\"run_id\":\"$\",\"key\":\"m\",\"value\":1,\"timestamp\":1}";

    face_be_job(f, own);
    face_ask(f, 200, "POST", API "/runs/log-metric", face_fill(f, metric, own));
    face_refuses(f, API "/runs/log-metric", face_fill(f, metric, other), "PERMISSION_DENIED",
                 "its own run");
    struct str below = face_run(f, "0", "below");
    face_ask(f, 200, "POST", API "/runs/log-metric", face_fill(f, metric, below));
    face_refuses(f, API "/runs/update",
                 face_fill(f, "{\"run_id\":\"$\",\"status\":\"FAILED\"}", other),
                 "PERMISSION_DENIED", "");
    face_get(f, face_fill(f, API "/runs/get?run_id=$", other)); /* reading it may */
}

TEST(a_long_history_is_whole_in_order_and_paged)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    for (int from = 0; from < 3000; from += 1000) {
        CLEANUP(buf_free) struct buf buf = buf_make(MIB);
        buf_printf(&buf, "{\"run_id\":\"%.*s\",\"metrics\":[", STR_ARG(id));
        for (int i = from; i < from + 1000; i++)
            buf_printf(&buf, "%s{\"key\":\"m\",\"value\":%d,\"timestamp\":%d,\"step\":%d}",
                       i > from ? "," : "", i, 5000 + i, i);
        buf_add(&buf, STR("]}"));
        face_ask(f, 200, "POST", API "/runs/log-batch", arena_cstr(f->arena, buf_str(&buf)));
    }
    struct json *all =
        face_get(f, face_fill(f, API "/metrics/get-history?run_id=$&metric_key=m", id));
    CHECK_INT(3000, json_count(json_get(all, STR("metrics"))));
    CHECK_INT(2999, json_int_at(all, "metrics[2999].step", 0));
    struct json *page = face_get(
        f, face_fill(f, API "/metrics/get-history?run_id=$&metric_key=m&max_results=2000", id));
    CHECK_INT(2000, json_count(json_get(page, STR("metrics"))));
    struct str next = json_str_at(page, "next_page_token");
    page = face_get(f, face_fill(f,
                                 face_fill(f,
                                           arena_printf(f->arena,
                                                        API "/metrics/get-history?run_id=%.*s&"
                                                            "metric_key=m&max_results=2000&"
                                                            "page_token=$",
                                                        STR_ARG(id))
                                               .ptr,
                                           next),
                                 STR("")));
    CHECK_INT(1000, json_count(json_get(page, STR("metrics"))));
    CHECK_INT(2000, json_int_at(page, "metrics[0].step", 0));
}
