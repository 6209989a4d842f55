/* Lists of runs, by themselves and in batches. */
#include "dataplane/world_test.h"

#include <stdio.h>

static struct json *values(const struct json *page)
{
    return json_get(page, STR("value"));
}

/* "a b c": the names of a page in order. */
static struct str names(struct world *w, const struct json *page)
{
    struct json_iter it = json_iter(values(page));
    struct str all = STR("");

    while (json_next(&it))
        all = arena_printf(w->arena, "%.*s%s%.*s", STR_ARG(all), all.len ? " " : "",
                           STR_ARG(json_str_at(it.value, "runId")));
    return all;
}

struct making {
    struct world *w;
    int64_t experiment;
};

static int make_experiment(struct store_txn *txn, void *context, struct error *err)
{
    struct making *m = context;

    return experiment_ensure(txn, m->w->scope.number, STR("other one"), &m->experiment, err);
}

static int64_t second_experiment(struct world *w)
{
    struct making m = {.w = w};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, make_experiment, &m, &err), &err);
    return m.experiment;
}

TEST(runs_are_listed_newest_first)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "late", 0);
    CHECK_STR("late kid calm_owl", names(w, world_get(w, HISTORY "/runs")));
    CHECK_STR("late kid calm_owl",
              names(w, world_ask(w, 200, "POST", HISTORY "/runs:query", "{}")));
    CHECK_STR("late kid calm_owl", names(w, world_ask(w, 200, "POST", HISTORY "/runs/query",
                                                      "{\"orderBy\":"
                                                      "\"createdUtc desc\"}")));
}

TEST(runs_are_listed_oldest_first_when_asked)
{
    static const char *const UP[] = {"createdUtc", "createdUtc asc", "startTimeUtc ASC",
                                     " created_utc  asc "};
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "late", 0);
    for (size_t i = 0; i < COUNT(UP); i++) {
        const char *ask = arena_printf(w->arena, "{\"top\":2,\"orderBy\":\"%s\"}", UP[i]).ptr;
        struct json *page = world_ask(w, 200, "POST", HISTORY "/runs:query", ask);
        CHECK_STR("calm_owl kid", names(w, page));
        struct str token = json_str_at(page, "continuationToken");
        ask = arena_printf(w->arena, "{\"orderBy\":\"%s\",\"continuationToken\":\"%.*s\"}", UP[i],
                           STR_ARG(token))
                  .ptr;
        CHECK_STR("late", names(w, world_ask(w, 200, "POST", HISTORY "/runs:query", ask)));
    }
    struct json *page = world_get(w, HISTORY "/runs?$orderby=createdUtc%20asc&$top=2");
    CHECK_STR("calm_owl kid", names(w, page));
    struct str link = json_str_at(page, "nextLink");
    CHECK_STR("late", names(w, world_get(w, str_slice(link, 23, link.len).ptr)));
    world_ask(w, 501, "POST", HISTORY "/runs:query", "{\"orderBy\":\"createdUtc up\"}");
}

TEST(an_experiment_has_its_own_list_by_name_and_by_id)
{
    CLEANUP(world_close) struct world *w = world_open();
    int64_t id = second_experiment(w);

    CHECK_INT(1, id);
    world_add_run(w, "inside", id);
    CHECK_STR("inside", names(w, world_get(w, HISTORY "/experiments/other%20one/runs")));
    CHECK_STR("inside", names(w, world_get(w, HISTORY "/experiments/1/runs")));
    CHECK_STR("inside", names(w, world_get(w, HISTORY "/experimentids/1/runs")));
    CHECK_STR("inside", names(w, world_ask(w, 200, "POST", HISTORY "/experimentids/1/runs:query",
                                           "{\"top\":5}")));
    CHECK_STR("kid calm_owl", names(w, world_get(w, HISTORY "/experiments/Default/runs")));
    world_ask(w, 404, "GET", HISTORY "/experimentids/9/runs", "");
    world_ask(w, 404, "GET", HISTORY "/experimentids/Default/runs", "");
    world_ask(w, 404, "GET", HISTORY "/experiments/none/runs", "");
}

TEST(a_run_is_found_below_its_own_experiment_only)
{
    CLEANUP(world_close) struct world *w = world_open();

    second_experiment(w);
    CHECK_STR("kid", json_str_at(world_get(w, HISTORY "/experiments/Default/runs/kid"), "runId"));
    CHECK_STR("kid", json_str_at(world_get(w, HISTORY "/experiments/0/runs/KID"), "runId"));
    CHECK_STR("kid", json_str_at(world_get(w, HISTORY "/experimentids/0/runs/kid"), "runId"));
    world_ask(w, 404, "GET", HISTORY "/experimentids/1/runs/kid", "");
    world_ask(w, 404, "GET", HISTORY "/experiments/other%20one/runs/kid", "");
    world_ask(w, 404, "GET", HISTORY "/experiments/other%20one/runs/kid/details", "");
}

TEST(pages_follow_each_other_and_end)
{
    CLEANUP(world_close) struct world *w = world_open();
    char name[16];

    for (int i = 0; i < 70; i++) { /* more than two snapshots' worth */
        snprintf(name, sizeof name, "r%02d", i);
        world_add_run(w, arena_printf(w->arena, "%s", name).ptr, 0);
    }
    struct json *page = world_get(w, HISTORY "/runs?$top=50");
    CHECK_INT(50, json_count(values(page)));
    struct str link = json_str_at(page, "nextLink");
    CHECK(str_starts(link, STR("https://localhost:10443" HISTORY "/runs?continuationToken=")));
    CHECK(str_find(link, STR("&$top=50")) > 0);
    page = world_get(w, str_slice(link, 23, link.len).ptr);
    CHECK_INT(22, json_count(values(page)));
    CHECK(json_is_null(json_get(page, STR("nextLink"))));
    CHECK_INT(72, json_count(values(world_get(w, HISTORY "/runs"))));
}

TEST(a_query_goes_on_where_its_token_says)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_add_run(w, "late", 0);
    struct json *page = world_ask(w, 200, "POST", HISTORY "/runs:query", "{\"top\":2}");
    CHECK_STR("late kid", names(w, page));
    struct str token = json_str_at(page, "continuationToken");
    CHECK(token.len > 0);
    page = world_ask(
        w, 200, "POST", HISTORY "/runs:query",
        arena_printf(w->arena, "{\"top\":2,\"continuationToken\":\"%.*s\"}", STR_ARG(token)).ptr);
    CHECK_STR("calm_owl", names(w, page));
    CHECK(json_is_null(json_get(page, STR("continuationToken"))));
}

TEST(filters_choose)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("kid", names(w, world_get(w, HISTORY "/runs?$filter=status%20eq%20'Completed'")));
    CHECK_STR("calm_owl", names(w, world_ask(w, 200, "POST", HISTORY "/runs:query",
                                             "{\"filter\":\"properties/a eq '1'\"}")));
    CHECK_STR("calm_owl", names(w, world_ask(w, 200, "POST", HISTORY "/runs:query",
                                             "{\"filter\":\"runType eq 'azureml.commandjob'\"}")));
    CHECK_STR("kid", names(w, world_ask(w, 200, "POST", HISTORY "/runs:query",
                                        "{\"filter\":\"parentRunId eq 'calm_owl'\"}")));
    CHECK_INT(0, json_count(values(world_get(w, HISTORY "/runs?$filter=runId%20eq%20'none'"))));
}

TEST(questions_that_make_no_sense_are_told)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 400, "POST", HISTORY "/runs:query", "{\"filter\":\"colour eq 'x'\"}");
    world_ask(w, 400, "POST", HISTORY "/runs:query", "{\"top\":0}");
    world_ask(w, 400, "POST", HISTORY "/runs:query", "{\"top\":\"many\"}");
    world_ask(w, 400, "POST", HISTORY "/runs:query", "{\"continuationToken\":\"x\"}");
    world_ask(w, 400, "POST", HISTORY "/runs:query", "[]");
    world_ask(w, 400, "POST", HISTORY "/runs:query", "{");
    world_ask(w, 501, "POST", HISTORY "/runs:query", "{\"orderBy\":\"displayName asc\"}");
    world_ask(w, 400, "GET", HISTORY "/runs?$top=-1", "");
}

TEST(children_take_the_same_questions)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_STR("kid", names(w, world_get(w, JOB "/children")));
    CHECK_STR("kid", names(w, world_get(w, HISTORY "/experimentids/0/runs/calm_owl/children")));
    CHECK_INT(0, json_count(values(world_get(w, JOB "/children?$filter=status%20eq%20'Failed'"))));
    world_ask(w, 400, "GET", JOB "/children?$continuationtoken=x", "");
    world_ask(w, 404, "GET", HISTORY "/runs/none/children", "");
}

TEST(runs_by_their_names)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body = world_ask(w, 200, "POST", HISTORY "/experimentids/0/runs/runIds",
                                  "{\"runIds\":[\"kid\",\"none\",\"calm_owl\"]}");

    CHECK_INT(2, json_count(json_get(body, STR("runs"))));
    CHECK_STR("Running", json_str_at(body, "runs.calm_owl.status"));
    CHECK_STR("NotFound", json_str_at(body, "errors.none.error.code"));
    world_ask(w, 400, "POST", HISTORY "/experimentids/0/runs/runIds", "{\"runIds\":{}}");
    world_ask(w, 400, "POST", HISTORY "/experiments/Default/runs/runIds", "{}");
}

TEST(run_data_of_many_with_what_was_submitted)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body =
        world_ask(w, 200, "POST", HISTORY "/batchrundata",
                  "{\"requests\":{\"1\":{\"runId\":\"calm_owl\",\"selectJobSpecification\":true},"
                  "\"2\":{\"runId\":\"none\"},\"3\":{\"runId\":\"kid\"}}}");

    CHECK_STR("Command", json_str_at(body, "successfulResults.1.jobSpecification.jobType"));
    CHECK_STR("kid", json_str_at(body, "successfulResults.3.runMetadata.runId"));
    CHECK(json_is_null(json_at(body, "successfulResults.3.jobSpecification")));
    CHECK_STR("NotFound", json_str_at(body, "failedResults.2.error.code"));
    world_ask(w, 400, "POST", HISTORY "/batchrundata", "{\"requests\":[]}");
}

TEST(a_long_batch_outlives_its_snapshots)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str list = STR("");

    for (int i = 0; i < 80; i++) {
        struct str name = arena_printf(w->arena, "b%d", i);
        world_add_run(w, name.ptr, 0);
        list = arena_printf(w->arena, "%.*s%s\"%.*s\"", STR_ARG(list), i ? "," : "", STR_ARG(name));
    }
    struct json *body = world_ask(w, 200, "POST", HISTORY "/experimentids/0/runs/runIds",
                                  arena_printf(w->arena, "{\"runIds\":[%.*s]}", STR_ARG(list)).ptr);
    CHECK_INT(80, json_count(json_get(body, STR("runs"))));
    CHECK_STR("b79", json_str_at(body, "runs.b79.displayName"));
}

TEST(runs_of_a_compute)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(0, json_count(values(world_get(w, HISTORY "/computes/cpu/runs"))));
    world_ask(w, 400, "GET", HISTORY "/computes/cpu/runs?$filter=status%20eq%20'x'", "");
}

TEST(another_workspace_has_none_of_them)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *const paths[] = {"/runs/calm_owl",
                                 "/runs/calm_owl/details",
                                 "/runs/calm_owl/children",
                                 "/runs/calm_owl/artifacts",
                                 "/runs/calm_owl/serviceinstances/0",
                                 "/experimentids/0/runs"};

    for (size_t i = 0; i < COUNT(paths); i++) {
        world_ask(w, 404, "GET", arena_printf(w->arena, "/history/v1.0" WS2 "%s", paths[i]).ptr,
                  "");
        world_ask(w, 404, "GET", arena_printf(w->arena, "/history/v1.0" WS "none%s", paths[i]).ptr,
                  "");
    }
    CHECK_INT(0, json_count(values(world_get(w, "/history/v1.0" WS2 "/runs"))));
}

TEST(what_is_known_and_not_built_says_so)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body = world_ask(w, 501, "PATCH", JOB "/serviceinstances/0", "{}");

    CHECK(str_find(json_str_at(body, "error.message"), STR("serviceinstances")) > 0);
    world_ask(w, 501, "GET", "/history/v1.0/private" WS "/runs/calm_owl/spans", "");
    world_ask(w, 501, "DELETE", JOB "/services", "{}");
}
