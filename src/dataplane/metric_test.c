/* The metric service over the series that MLflow logs. */
#include "dataplane/world_test.h"

#include "tracking/metric.h"

#define METRIC "/metric/v2.0" WS "/runs/calm_owl"
#define FULL METRIC "/full"

static const char VALUES[] =
    "{\"values\":[{\"name\":\"loss\",\"value\":["
    "{\"createdUtc\":\"2026-01-01T00:00:01Z\",\"step\":1,\"data\":{\"loss\":0.5}},"
    "{\"createdUtc\":\"2026-01-01T00:00:02Z\",\"step\":2,\"data\":{\"loss\":\"NaN\"}},"
    "{\"createdUtc\":\"2026-01-01T00:00:03Z\",\"step\":3,\"data\":{\"loss\":\"-Infinity\"}}]},"
    "{\"name\":\"box\",\"value\":[{\"data\":{\"x\":1,\"y\":2}}]}]}";

TEST(what_is_logged_is_listed_and_given_back)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body = world_ask(w, 200, "POST", METRIC "/batch", VALUES);

    CHECK_INT(0, json_count(json_get(body, STR("errors"))));
    body = world_ask(w, 200, "POST", METRIC "/list", "{}");
    CHECK_INT(3, json_count(json_get(body, STR("value"))));
    CHECK_STR("azureml.v1.scalar", json_str_at(body, "value[0].properties.uxMetricType"));
    body = world_ask(w, 200, "POST", FULL, "{\"metricName\":\"loss\"}");
    CHECK_STR("dcid.calm_owl", json_str_at(body, "dataContainerId"));
    CHECK_STR("Double", json_str_at(body, "columns.loss"));
    CHECK_STR("azureml.v1.scalar", json_str_at(body, "properties.uxMetricType"));
    CHECK_INT(3, json_count(json_get(body, STR("value"))));
    CHECK(json_double_at(body, "value[0].data.loss", 0) == 0.5);
    CHECK_INT(1, json_int_at(body, "value[0].step", 0));
    CHECK(str_starts(json_str_at(body, "value[0].createdUtc"), STR("2026-01-01T00:00:01")));
    CHECK_STR("NaN", json_str_at(body, "value[1].data.loss"));
    body = world_ask(w, 200, "POST", FULL, "{\"metricName\":\"box/y\"}");
    CHECK(json_double_at(body, "value[0].data.box/y", 0) == 2);
}

TEST(what_was_logged_is_there_without_waiting)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "GET", HISTORY "/experiments/Default/runs/calm_owl/metricsingest/wait", "");
    world_ask(w, 404, "GET", HISTORY "/experiments/Default/runs/nobody/metricsingest/wait", "");
}

TEST(a_window_of_time_is_cut_out)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "POST", METRIC "/batch", VALUES);
    struct json *body = world_ask(w, 200, "POST", FULL,
                                  "{\"metricName\":\"loss\",\"startTime\":\"2026-01-01T00:00:02Z\","
                                  "\"endTime\":\"2026-01-01T00:00:02Z\"}");
    CHECK_INT(1, json_count(json_get(body, STR("value"))));
    world_ask(w, 400, "POST", FULL, "{\"metricName\":\"loss\",\"startTime\":\"soon\"}");
}

struct many {
    struct world *w;
    int count;
};

static int log_many(struct store_txn *txn, void *context, struct error *err)
{
    struct many *many = context;
    struct run *run = &many->w->job;
    struct metric_point *points =
        arena_new_array(store_arena(txn), struct metric_point, (size_t)many->count);
    const struct metric_owner owner = {run->scope, run->run, run->run_id};

    for (int i = 0; i < many->count; i++)
        points[i] =
            (struct metric_point){.key = STR("m"), .at_ms = 1000 + i, .step = i, .value = i};
    return metric_add(many->w->engines.tracking, txn, &owner,
                      &(struct metric_points){points, (size_t)many->count}, err);
}

TEST(long_series_come_in_pages_and_as_samples)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct many many = {w, 12000};
    struct error err = {0};
    struct str token = STR("");
    size_t seen = 0, pages = 0;

    CHECK_OK(store_write(w->engines.store, log_many, &many, &err), &err);
    do {
        struct json *body = world_ask(
            w, 200, "POST", FULL,
            arena_printf(w->arena, "{\"metricName\":\"m\",\"continuationToken\":\"%.*s\"}",
                         STR_ARG(token))
                .ptr);
        CHECK(json_int_at(body, "value[0].step", -1) == (int64_t)seen);
        seen += json_count(json_get(body, STR("value")));
        token = json_str_at(body, "continuationToken");
        pages++;
    } while (token.len > 0 && pages < 10);
    CHECK_INT(12000, seen);
    CHECK_INT(3, pages);
    struct json *body = world_ask(w, 200, "POST", METRIC "/sample", "{\"metricName\":\"m\"}");
    CHECK(json_count(json_get(body, STR("value"))) <= 5000);
    CHECK_INT(12000, json_int_at(body, "numValuesLogged", 0));
    CHECK(json_bool_at(body, "isPartialResult", false));
}

TEST(what_cannot_be_logged_is_told)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *const bodies[] = {
        "{}",
        "{\"values\":{}}",
        "[]",
        "{\"values\":[{\"value\":[]}]}",
        "{\"values\":[{\"name\":\"m\",\"value\":[{\"data\":{\"m\":\"text\"}}]}]}",
        "{\"values\":[{\"name\":\"m\",\"value\":[{\"createdUtc\":\"x\",\"data\":{\"m\":1}}]}]}"};

    for (size_t i = 0; i < COUNT(bodies); i++)
        world_ask(w, 400, "POST", METRIC "/batch", bodies[i]);
    CHECK_INT(0,
              json_count(json_get(world_ask(w, 200, "POST", METRIC "/list", "{}"), STR("value"))));
    world_ask(w, 400, "POST", FULL, "{}");
    world_ask(w, 400, "POST", FULL, "{\"metricName\":\"m\",\"continuationToken\":\"x\"}");
    world_ask(w, 404, "POST", FULL, "{\"metricName\":\"none\"}");
    world_ask(w, 404, "POST", "/metric/v2.0" WS2 "/runs/calm_owl/list", "{}");
    world_ask(w, 501, "DELETE", METRIC "/deleteMetrics", "");
}

TEST(a_job_logs_into_its_own_run)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "stranger", 0);
    world_be_job(w);
    world_ask(w, 200, "POST", METRIC "/batch", VALUES);
    world_ask(w, 403, "POST", "/metric/v2.0" WS "/runs/stranger/batch", VALUES);
}
