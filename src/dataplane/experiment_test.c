/* Experiments as run history shows, lists, changes and deletes them. */
#include "dataplane/world_test.h"

#define ALL HISTORY "/experiments:query"

static struct json *values(const struct json *page)
{
    return json_get(page, STR("value"));
}

TEST(an_experiment_is_found_by_name_and_id)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("0", json_str_at(world_get(w, HISTORY "/experiments/Default"), "experimentId"));
    CHECK_STR("Default", json_str_at(world_get(w, HISTORY "/experimentids/0"), "name"));
    world_ask(w, 404, "GET", HISTORY "/experiments/default", ""); /* names are exact */
    world_ask(w, 404, "GET", HISTORY "/experimentids/1", "");
    world_ask(w, 404, "GET", HISTORY "/experimentids/x", "");
}

TEST(one_is_made_and_made_again)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *made = world_ask(w, 200, "POST", HISTORY "/experiments/gr%C3%B6%C3%9Fe", "");

    CHECK_STR("1", json_str_at(made, "experimentId"));
    CHECK_STR("gr\xc3\xb6\xc3\x9f"
              "e",
              json_str_at(made, "name"));
    made = world_ask(w, 200, "POST", HISTORY "/experiments/gr%C3%B6%C3%9Fe", "{}");
    CHECK_STR("1", json_str_at(made, "experimentId"));
    world_ask(w, 404, "GET", "/history/v1.0" WS2 "/experimentids/1", "");
}

TEST(it_is_described_tagged_and_renamed)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "POST", HISTORY "/experiments/a", "");
    struct json *shown = world_ask(w, 200, "PATCH", HISTORY "/experimentids/1",
                                   "{\"name\":\"b\",\"description\":\"why\",\"tags\":{\"x\":\"1\","
                                   "\"y\":\"2\"}}");
    CHECK_STR("b", json_str_at(shown, "name"));
    CHECK_STR("why", json_str_at(shown, "description"));
    CHECK_INT(2, json_count(json_get(shown, STR("tags"))));
    shown = world_ask(w, 200, "PATCH", HISTORY "/experiments/b", "{\"tags\":{\"x\":null}}");
    CHECK_INT(1, json_count(json_get(shown, STR("tags"))));
    world_ask(w, 200, "POST", HISTORY "/experimentids/1/tags:delete", "{\"tags\":[\"y\",\"z\"]}");
    CHECK_INT(0, json_count(json_get(world_get(w, HISTORY "/experimentids/1"), STR("tags"))));
    CHECK_STR("why", json_str_at(world_get(w, HISTORY "/experimentids/1"), "description"));
    world_ask(w, 409, "PATCH", HISTORY "/experimentids/1", "{\"name\":\"Default\"}");
}

TEST(wrong_kinds_are_named)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *const bodies[] = {"{\"name\":1}",
                                  "{\"description\":[]}",
                                  "{\"archive\":1}",
                                  "{\"tags\":\"x\"}",
                                  "{\"tags\":{\"a\":1}}",
                                  "[]",
                                  "{",
                                  "\"x\""};

    for (size_t i = 0; i < COUNT(bodies); i++)
        world_ask(w, 400, "PATCH", HISTORY "/experimentids/0", bodies[i]);
    world_ask(w, 400, "POST", HISTORY "/experimentids/0/tags:delete", "{}");
    world_ask(w, 400, "POST", ALL, "{\"viewType\":\"Some\"}");
    world_ask(w, 400, "POST", ALL, "{\"filter\":\"colour eq 'x'\"}");
    world_ask(w, 400, "POST", ALL, "{\"top\":0}");
    world_ask(w, 400, "POST", ALL, "{\"continuationToken\":\"x\"}");
}

TEST(archiving_is_the_deleted_stage_of_mlflow)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "POST", HISTORY "/experiments/a", "");
    struct json *shown =
        world_ask(w, 200, "PATCH", HISTORY "/experimentids/1", "{\"archive\":true}");
    CHECK(json_str_at(shown, "archivedTime").len > 0);
    world_ask(w, 200, "PATCH", HISTORY "/experimentids/1", "{\"archive\":true}");
    CHECK_INT(1, json_count(values(world_ask(w, 200, "POST", ALL, "{}"))));
    CHECK_INT(2, json_count(values(world_ask(w, 200, "POST", ALL, "{\"viewType\":\"All\"}"))));
    CHECK_INT(
        1, json_count(values(world_ask(w, 200, "POST", ALL, "{\"viewType\":\"archivedOnly\"}"))));
    world_ask(w, 400, "PATCH", HISTORY "/experimentids/1", "{\"name\":\"c\"}");
    world_ask(w, 409, "POST", HISTORY "/experiments/a", "");
    shown = world_ask(w, 200, "PATCH", HISTORY "/experimentids/1",
                      "{\"archive\":false,\"name\":\"c\"}");
    CHECK_STR("c", json_str_at(shown, "name"));
    CHECK(json_is_null(json_get(shown, STR("archivedTime"))));
}

TEST(lists_have_filters_and_pages)
{
    CLEANUP(world_close) struct world *w = world_open();

    for (int i = 0; i < 5; i++)
        world_ask(w, 200, "POST", arena_printf(w->arena, HISTORY "/experiments/e%d", i).ptr, "");
    CHECK_INT(6, json_count(values(world_ask(w, 200, "POST", ALL, ""))));
    CHECK_INT(1,
              json_count(values(world_ask(w, 200, "POST", ALL, "{\"filter\":\"name eq 'e3'\"}"))));
    struct json *page = world_ask(w, 200, "POST", ALL, "{\"top\":4}");
    CHECK_INT(4, json_count(values(page)));
    page = world_ask(w, 200, "POST", ALL,
                     arena_printf(w->arena, "{\"top\":4,\"continuationToken\":\"%.*s\"}",
                                  STR_ARG(json_str_at(page, "continuationToken")))
                         .ptr);
    CHECK_INT(2, json_count(values(page)));
    CHECK(json_is_null(json_get(page, STR("continuationToken"))));
}

TEST(delete_takes_the_runs_along)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 200, "POST", HISTORY "/experiments/a", "");
    world_add_run(w, "inside", 1);
    world_put_file(w, "azureml-" GUID, "ExperimentRun/dcid.inside/a.txt");
    world_ask(w, 200, "DELETE", HISTORY "/experimentids/1", "");
    world_ask(w, 404, "GET", HISTORY "/experimentids/1", "");
    world_ask(w, 404, "GET", HISTORY "/runs/inside", "");
    world_ask(w, 404, "DELETE", HISTORY "/experimentids/1", "");
    struct json *again = world_ask(w, 200, "POST", HISTORY "/experiments/a", "");
    CHECK_STR("2", json_str_at(again, "experimentId")); /* ids are given once */
    world_ask(w, 409, "DELETE", HISTORY "/experimentids/0", "");
    CHECK_STR("Running", json_str_at(world_get(w, JOB), "status"));
}
