/* Searches and histories at their edges: numbers that are none, ties, what is missing, pages. */
#include "mlflow/face_test.h"

#include <stdio.h>

#define SEARCH API "/runs/search"

/* A run with one metric, whose value is JSON. */
static struct str measured(struct face *f, const char *name, const char *value)
{
    struct str id = face_run(f, "0", name);

    face_ask(f, 200, "POST", API "/runs/log-metric",
             face_fill(f,
                       arena_printf(f->arena,
                                    "{\"run_id\":\"$\",\"key\":\"m\",\"value\":%s,"
                                    "\"timestamp\":7,\"step\":1}",
                                    value)
                           .ptr,
                       id));
    return id;
}

/* The names of the runs that a search finds, one after the other. */
static struct str names(struct face *f, const char *members)
{
    struct json *found =
        face_ask(f, 200, "POST", SEARCH,
                 arena_printf(f->arena, "{\"experiment_ids\":[\"0\"]%s}", members).ptr);
    struct str all = STR("");

    for (size_t i = 0; i < json_count(json_get(found, STR("runs"))); i++) {
        const char *path = arena_printf(f->arena, "runs[%zu].info.run_name", i).ptr;
        all = arena_printf(f->arena, "%.*s%.*s ", STR_ARG(all), STR_ARG(json_str_at(found, path)));
    }
    return all;
}

static void measure_all(struct face *f)
{
    measured(f, "two", "2");
    measured(f, "nan", "\"NaN\"");
    measured(f, "huge", "\"Infinity\"");
    measured(f, "low", "\"-Infinity\"");
    measured(f, "zero", "-0.0");
    face_run(f, "0", "none");
}

TEST(numbers_that_are_none_come_last_both_ways)
{
    CLEANUP(face_close) struct face *f = face_open();

    measure_all(f);
    CHECK_STR("low zero two huge nan none ", names(f, ",\"order_by\":[\"metrics.m ASC\"]"));
    CHECK_STR("huge two zero low nan none ", names(f, ",\"order_by\":[\"metrics.m DESC\"]"));
}

TEST(infinities_are_the_greatest_numbers_and_nan_is_itself)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = measured(f, "r", "\"Infinity\"");
    struct json *run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));

    CHECK(json_as_double(json_at(run, "run.data.metrics[0].value"), 0) == 1.7976931348623157e308);
    id = measured(f, "n", "\"NaN\"");
    run = face_get(f, face_fill(f, API "/runs/get?run_id=$", id));
    CHECK_STR("NaN", json_str_at(run, "run.data.metrics[0].value"));
    face_refuses(f, API "/runs/log-metric",
                 face_fill(f,
                           "{\"run_id\":\"$\",\"key\":\"m\",\"value\":\"nope\","
                           "\"timestamp\":1}",
                           id),
                 "INVALID_PARAMETER_VALUE", "value");
}

TEST(what_a_run_lacks_fits_no_comparison)
{
    CLEANUP(face_close) struct face *f = face_open();

    measure_all(f);
    CHECK_STR("two ", names(f, ",\"filter\":\"metrics.m > 1 and metrics.m < 1e300\""));
    CHECK_STR("zero ", names(f, ",\"filter\":\"metrics.m = 0\""));
    CHECK_STR("low zero huge nan ",
              names(f, ",\"filter\":\"metrics.m != 2\",\"order_by\":[\"metrics.m\"]"));
    CHECK_STR("", names(f, ",\"filter\":\"params.none != 'x'\""));
    CHECK_STR("", names(f, ",\"filter\":\"metrics.other < 1\""));
}

TEST(keys_with_odd_letters_are_quoted)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    face_ask(f, 200, "POST", API "/runs/log-batch",
             face_fill(f,
                       "{\"run_id\":\"$\",\"metrics\":[{\"key\":\"val loss/x-1\","
                       "\"value\":1,\"timestamp\":1}],\"tags\":[{\"key\":\"a.b\","
                       "\"value\":\"100% sure\"}]}",
                       id));
    CHECK_STR("r ", names(f, ",\"filter\":\"metrics.`val loss/x-1` >= 1\""));
    CHECK_STR("r ", names(f, ",\"filter\":\"metrics.\\\"val loss/x-1\\\" <= 1.0e0\""));
    CHECK_STR("r ", names(f, ",\"filter\":\"tags.`a.b` LIKE '100% s_re'\""));
    CHECK_STR("", names(f, ",\"filter\":\"tags.`a.b` LIKE '100% S_RE'\""));
    CHECK_STR("r ", names(f, ",\"filter\":\"tags.`a.b` ILIKE '100% S_RE'\""));
    CHECK_STR("r ", names(f, ",\"filter\":\"tags.a.b = '100% sure'\""));
}

TEST(what_is_deleted_is_found_where_it_is_asked_for)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str gone = face_run(f, "0", "gone");

    face_run(f, "0", "here");
    face_ask(f, 200, "POST", API "/runs/delete", face_fill(f, "{\"run_id\":\"$\"}", gone));
    CHECK_STR("here ", names(f, ""));
    CHECK_STR("here ", names(f, ",\"run_view_type\":\"ACTIVE_ONLY\""));
    CHECK_STR("gone ", names(f, ",\"run_view_type\":\"DELETED_ONLY\""));
    CHECK_INT(10, names(f, ",\"run_view_type\":\"ALL\"").len);
    face_refuses(f, SEARCH, "{\"experiment_ids\":[\"0\"],\"run_view_type\":\"SOME\"}",
                 "INVALID_PARAMETER_VALUE", "");
}

TEST(pages_neither_repeat_nor_skip_what_is_equal)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str token = STR(""), seen = STR("");

    for (int i = 0; i < 7; i++)
        face_run(f, "0", arena_printf(f->arena, "r%d", i).ptr); /* all begin at the same time */
    for (int pages = 0; pages < 4; pages++) {
        struct json *page = face_ask(f, 200, "POST", SEARCH,
                                     face_fill(f,
                                               "{\"experiment_ids\":[\"0\",\"0\"],"
                                               "\"max_results\":2,\"page_token\":\"$\"}",
                                               token));
        for (int i = 0; i < 2; i++) {
            const char *path = arena_printf(f->arena, "runs[%d].info.run_name", i).ptr;
            struct str name = json_str_at(page, path);
            CHECK(name.len == 0 || str_find(seen, name) < 0);
            seen = arena_printf(f->arena, "%.*s%.*s", STR_ARG(seen), STR_ARG(name));
        }
        token = json_str_at(page, "next_page_token");
        CHECK(pages == 3 || token.len > 0);
    }
    CHECK_INT(0, token.len);
    CHECK_INT(14, seen.len);
}

TEST(a_history_of_numbers_that_are_none_has_pages)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = measured(f, "r", "\"NaN\""), token = STR("");
    const char *path = face_fill(f, API "/metrics/get-history?run_id=$&metric_key=m", id);
    struct json *page;

    face_ask(f, 200, "POST", API "/runs/log-batch",
             face_fill(f,
                       "{\"run_id\":\"$\",\"metrics\":["
                       "{\"key\":\"m\",\"value\":0,\"timestamp\":7,\"step\":1},"
                       "{\"key\":\"m\",\"value\":\"NaN\",\"timestamp\":7,\"step\":1},"
                       "{\"key\":\"m\",\"value\":-1,\"timestamp\":7,\"step\":-3}]}",
                       id));
    page = face_get(f, path);
    CHECK_INT(3, json_count(json_get(page, STR("metrics")))); /* the same point is there once */
    CHECK_INT(-3, json_int_at(page, "metrics[0].step", 0));
    CHECK_STR("NaN", json_str_at(page, "metrics[2].value"));
    path = arena_printf(f->arena, "%s&max_results=1&page_token=", path).ptr;
    for (int i = 0; i < 3; i++) {
        page = face_get(f, arena_printf(f->arena, "%s%.*s", path, STR_ARG(token)).ptr);
        CHECK_INT(1, json_count(json_get(page, STR("metrics"))));
        token = json_str_at(page, "next_page_token");
    }
    CHECK_STR("NaN", json_str_at(page, "metrics[0].value"));
    CHECK_INT(0, token.len);
    face_ask(f, 400, "GET", arena_printf(f->arena, "%s7.1.99x", path).ptr, "");
}

#define MODELS_SEARCH API "/logged-models/search"

/* A logged model of that name; its id. */
static struct str logged(struct face *f, const char *name)
{
    const char *body = face_fill(f, "{\"experiment_id\":\"0\",\"name\":\"$\"}", str_from(name));

    return json_str_at(face_ask(f, 200, "POST", API "/logged-models", body), "model.info.model_id");
}

/* A value of the metric m, measured on a dataset at a time. */
struct measurement {
    const char *dataset, *digest;
    double value;
    int at;
};

static void model_measured(struct face *f, struct str run, struct str model,
                           const struct measurement *what)
{
    struct str body = arena_printf(
        f->arena,
        "{\"run_id\":\"%.*s\",\"model_id\":\"%.*s\",\"key\":\"m\",\"value\":%g,"
        "\"timestamp\":%d,\"step\":1,\"dataset_name\":\"%s\",\"dataset_digest\":\"%s\"}",
        STR_ARG(run), STR_ARG(model), what->value, what->at, what->dataset, what->digest);

    face_ask(f, 200, "POST", API "/runs/log-metric", body.ptr);
}

/* The names of the models that a search finds, one after the other. */
static struct str models(struct face *f, const char *members)
{
    struct json *found =
        face_ask(f, 200, "POST", MODELS_SEARCH,
                 arena_printf(f->arena, "{\"experiment_ids\":[\"0\"]%s}", members).ptr);
    struct str all = STR("");

    for (size_t i = 0; i < json_count(json_get(found, STR("models"))); i++) {
        const char *path = arena_printf(f->arena, "models[%zu].info.name", i).ptr;
        all = arena_printf(f->arena, "%.*s%.*s ", STR_ARG(all), STR_ARG(json_str_at(found, path)));
    }
    return all;
}

/* a: 0.1 and 0.9 on one/x, b: 0.5 on one/y, c: 0.7 on nothing, d: nothing at all. */
static void measure_models(struct face *f)
{
    struct str run = face_run(f, "0", "r");
    struct str a = logged(f, "a"), b = logged(f, "b"), c = logged(f, "c");

    logged(f, "d");
    model_measured(f, run, a, &(struct measurement){"one", "x", 0.1, 5});
    model_measured(f, run, a, &(struct measurement){"one", "x", 0.9, 4});
    model_measured(f, run, a, &(struct measurement){"two", "z", 0.3, 9});
    model_measured(f, run, b, &(struct measurement){"one", "y", 0.5, 5});
    model_measured(f, run, c, &(struct measurement){"", "", 0.7, 5});
}

#define ON(text) ",\"datasets\":[" text "]"
#define BY(text) ",\"order_by\":[" text "]"
#define NAME_ORDER "{\"field_name\":\"name\"}"

TEST(models_are_found_by_what_they_were_measured_on)
{
    CLEANUP(face_close) struct face *f = face_open();

    measure_models(f);
    CHECK_STR("a b ", models(f, ON("{\"dataset_name\":\"one\"}") BY(NAME_ORDER)));
    CHECK_STR("a ", models(f, ON("{\"dataset_name\":\"one\",\"dataset_digest\":\"x\"}")));
    CHECK_STR("a b ", models(f, ON("{\"dataset_name\":\"one\",\"dataset_digest\":\"y\"},"
                                   "{\"dataset_name\":\"two\"}") BY(NAME_ORDER)));
    CHECK_STR("", models(f, ON("{\"dataset_name\":\"none\"}")));
    CHECK_STR("b ", models(f, ON("{\"dataset_name\":\"one\"}") ",\"filter\":\"metrics.m = 0.5\""));
    CHECK_STR("", models(f, ON("{\"dataset_name\":\"two\"}") ",\"filter\":\"metrics.m > 0.5\""));
    /* Any value that was ever measured counts, in between the ends too. */
    CHECK_STR("a c ", models(f, BY(NAME_ORDER) ",\"filter\":\"metrics.m > 0.6\""));
    CHECK_STR("a ", models(f, ",\"filter\":\"metrics.m = 0.1\""));
    CHECK_STR("a ", models(f, ",\"filter\":\"metrics.m < 0.2 AND metrics.m > 0.8\""));
}

TEST(models_are_sorted_by_the_newest_measure_on_one_dataset)
{
    CLEANUP(face_close) struct face *f = face_open();

    measure_models(f);
    CHECK_STR("a b c d ", models(f, BY("{\"field_name\":\"metrics.m\"}")));
    CHECK_STR("b a d c ", models(f, BY("{\"field_name\":\"metrics.m\",\"ascending\":false,"
                                       "\"dataset_name\":\"one\"}")));
}

TEST(orders_and_datasets_of_models_are_told_what_they_lack)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const bad[][2] = {
        {ON("{}"), "`dataset_name` in the `datasets` clause must be specified"},
        {BY("{}"), "`field_name` in the `order_by` clause must be specified"},
        {BY("{\"field_name\":\"params.x\"}"), "Invalid order by field name: params.x"},
        {BY("{\"field_name\":\"uri\"}"), "Invalid order by field name: uri"},
        {BY("\"name\""), "order_by"},
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        face_refuses(f, MODELS_SEARCH,
                     arena_printf(f->arena, "{\"experiment_ids\":[\"0\"]%s}", bad[i][0]).ptr,
                     "INVALID_PARAMETER_VALUE", bad[i][1]);
}

TEST(lists_of_one_may_end_in_a_comma)
{
    CLEANUP(face_close) struct face *f = face_open();

    measure_models(f);
    CHECK_STR("b ", models(f, ",\"filter\":\"name IN ('b',)\""));
    CHECK_STR("a b ", models(f, BY(NAME_ORDER) ",\"filter\":\"name NOT IN ('c', 'd')\""));
    face_refuses(f, MODELS_SEARCH, "{\"experiment_ids\":[\"0\"],\"filter\":\"name IN ()\"}",
                 "INVALID_PARAMETER_VALUE", "While parsing a list");
    face_refuses(f, SEARCH, "{\"experiment_ids\":[\"0\"],\"filter\":\"params.a = b\"}",
                 "INVALID_PARAMETER_VALUE", "Parameter value is either not quoted");
}

TEST(models_need_an_experiment_that_lives_and_tags_that_are_there)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *made = face_ask(f, 200, "POST", API "/experiments/create", "{\"name\":\"gone\"}");
    const char *experiment =
        face_fill(f, "{\"experiment_id\":\"$\"}", json_str_at(made, "experiment_id"));
    const char *tag = face_fill(f, API "/logged-models/$/tags/t", logged(f, "a"));

    face_ask(f, 200, "POST", API "/logged-models", experiment);
    face_ask(f, 200, "POST", API "/experiments/delete", experiment);
    face_refuses(f, API "/logged-models", experiment, "INVALID_PARAMETER_VALUE",
                 "must be in the 'active' state");
    struct json *lost = face_ask(f, 404, "DELETE", tag, "");
    CHECK(str_starts(json_str_at(lost, "message"), STR("No tag with key 't' found for model")));
}

#define DATASETS_SEARCH API "/experiments/search-datasets"

/* A run that read data of digest d for what `tags` say. */
static void reads(struct face *f, const char *name, const char *tags)
{
    struct str run = face_run(f, "0", "r");

    face_ask(f, 200, "POST", API "/runs/log-inputs",
             arena_printf(f->arena,
                          "{\"run_id\":\"%.*s\",\"datasets\":[{\"tags\":[%s],\"dataset\":{"
                          "\"name\":\"%s\",\"digest\":\"d\",\"source_type\":\"s\","
                          "\"source\":\"s\"}}]}",
                          STR_ARG(run), tags, name)
                 .ptr);
}

#define CONTEXT(text) "{\"key\":\"mlflow.data.context\",\"value\":\"" text "\"}"

TEST(datasets_are_listed_once_for_each_use)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *found;

    reads(f, "b", CONTEXT("training"));
    reads(f, "b", CONTEXT("training") ",{\"key\":\"other\",\"value\":\"1\"}");
    reads(f, "b", CONTEXT("validation"));
    reads(f, "a", "");
    found = face_ask(f, 200, "POST", DATASETS_SEARCH, "{\"experiment_ids\":[\"0\"]}");
    CHECK_INT(3, json_count(json_get(found, STR("dataset_summaries"))));
    CHECK_STR("a", json_str_at(found, "dataset_summaries[0].name"));
    CHECK(json_at(found, "dataset_summaries[0].context") == NULL);
    CHECK_STR("training", json_str_at(found, "dataset_summaries[1].context"));
    CHECK_STR("validation", json_str_at(found, "dataset_summaries[2].context"));
    CHECK_STR("0", json_str_at(found, "dataset_summaries[2].experiment_id"));
    face_refuses(f, DATASETS_SEARCH, "{}", "INVALID_PARAMETER_VALUE", "at least one experiment_id");
    struct str many = STR("\"0\"");
    for (int i = 0; i < 20; i++)
        many = arena_printf(f->arena, "%.*s,\"0\"", STR_ARG(many));
    face_refuses(f, DATASETS_SEARCH, face_fill(f, "{\"experiment_ids\":[$]}", many),
                 "INVALID_PARAMETER_VALUE", "cannot specify more than 20 experiment_ids");
}

TEST(what_a_run_read_is_not_rewritten)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");
    const char *const again[] = {CONTEXT("training"), CONTEXT("other")};

    for (size_t i = 0; i < COUNT(again); i++)
        face_ask(f, 200, "POST", API "/runs/log-inputs",
                 face_fill(f,
                           arena_printf(f->arena,
                                        "{\"run_id\":\"$\",\"datasets\":[{\"tags\":[%s],"
                                        "\"dataset\":{\"name\":\"n\",\"digest\":\"d\","
                                        "\"source_type\":\"s\",\"source\":\"s%zu\"}}]}",
                                        again[i], i)
                               .ptr,
                           run));
    struct json *got = face_get(f, face_fill(f, API "/runs/get?run_id=$", run));
    CHECK_STR("training", json_str_at(got, "run.inputs.dataset_inputs[0].tags[0].value"));
    CHECK_STR("s0", json_str_at(got, "run.inputs.dataset_inputs[0].dataset.source"));
    CHECK_INT(1, json_count(json_at(got, "run.inputs.dataset_inputs")));
}

/* The steps of a chart, one after the other. */
static struct str chart(struct face *f, struct str run, const char *query)
{
    struct json *got = face_get(
        f,
        arena_printf(f->arena, API "/metrics/get-history-bulk-interval?run_ids=%.*s&metric_key=m%s",
                     STR_ARG(run), query)
            .ptr);
    struct str all = STR("");

    for (size_t i = 0; i < json_count(json_get(got, STR("metrics"))); i++) {
        const char *path = arena_printf(f->arena, "metrics[%zu].step", i).ptr;
        all = arena_printf(f->arena, "%.*s%d ", STR_ARG(all), (int)json_int_at(got, path, -1));
    }
    return all;
}

TEST(charts_are_thinned_out_evenly_and_keep_both_ends)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r"), points = STR("");

    for (int i = 9; i >= 0; i--)
        points = arena_printf(f->arena,
                              "%.*s%s{\"key\":\"m\",\"value\":%d,\"timestamp\":%d,\"step\":%d}",
                              STR_ARG(points), points.len ? "," : "", i, 100 - i, i);
    face_ask(f, 200, "POST", API "/runs/log-batch",
             arena_printf(f->arena, "{\"run_id\":\"%.*s\",\"metrics\":[%.*s]}", STR_ARG(run),
                          STR_ARG(points))
                 .ptr);
    CHECK_STR("0 1 2 3 4 5 6 7 8 9 ", chart(f, run, ""));
    CHECK_STR("0 3 6 9 ", chart(f, run, "&max_results=4"));
    CHECK_STR("9 ", chart(f, run, "&max_results=1"));
    CHECK_STR("2 3 4 ", chart(f, run, "&start_step=2&end_step=4"));
    CHECK_STR("2 5 ", chart(f, run, "&start_step=2&end_step=5&max_results=2"));
    face_ask(f, 400, "GET",
             API "/metrics/get-history-bulk-interval?run_ids=a&metric_key=m&start_step=1", "");
}

/* All at one step: a chart of steps alone would be all of them. */
TEST(charts_of_one_step_are_bounded_too)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");

    for (int i = 0; i < 20; i++)
        face_ask(f, 200, "POST", API "/runs/log-metric",
                 arena_printf(f->arena,
                              "{\"run_id\":\"%.*s\",\"key\":\"m\",\"value\":%d,\"timestamp\":%d}",
                              STR_ARG(run), i, i)
                     .ptr);
    CHECK_INT(6, chart(f, run, "&max_results=3").len); /* "0 0 0 " */
}
