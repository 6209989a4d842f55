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
