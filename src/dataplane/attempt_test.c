/* Rows that a job's own token may write: each of them asks whose run it is (decisions 25). */
#include "dataplane/world_test.h"

#include <stdio.h>
#include <string.h>

/* What is asked for in place of each parameter; `run` names both a run and its container. */
static struct str value_of(struct world *w, struct str name, const char *run)
{
    static const char *const VALUES[][2] = {{"subscription", "s"},  {"group", "g"},
                                            {"workspace", "w"},     {"experiment", "Default"},
                                            {"experiment_id", "0"}, {"origin", "ExperimentRun"}};

    for (size_t i = 0; i < COUNT(VALUES); i++)
        if (str_eq(name, str_from(VALUES[i][0])))
            return str_from(VALUES[i][1]);
    if (str_eq(name, STR("container")))
        return arena_printf(w->arena, "dcid.%s", run);
    CHECK_STR("run", name); /* a parameter that this test must learn */
    return str_from(run);
}

/* The address of a row, for a run. */
static const char *path_of(struct world *w, const struct route *row, const char *run)
{
    struct str rest = str_from(row->path), text, name, path = STR("");

    while (str_cut(rest, '{', &text, &rest)) {
        CHECK(str_cut(rest, '}', &name, &rest));
        struct str value = value_of(w, name, run);
        path = arena_printf(w->arena, "%.*s%.*s%.*s", STR_ARG(path), STR_ARG(text), STR_ARG(value));
    }
    return arena_printf(w->arena, "%.*s%.*s", STR_ARG(path), STR_ARG(rest)).ptr;
}

/* A body that says something to the row: each reads its own members. */
static const char *body_of(struct world *w, const struct route *row, const char *run)
{
    if (strcmp(row->method, "DELETE") == 0)
        return "[\"t\"]";
    if (str_ends(str_from(row->path), STR("/tags")))
        return "{\"tagsToModify\":{\"t\":\"1\"}}";
    return arena_printf(w->arena,
                        "{\"tags\":{\"t\":\"1\"},\"tagsToModify\":{\"t\":\"1\"},"
                        "\"name\":\"x.Completed\",\"artifacts\":[\"a.txt\"],"
                        "\"paths\":[{\"path\":\"a.txt\"}],"
                        "\"events\":[{\"name\":\"x.Completed\",\"data\":{\"RunId\":\"%s\"}}],"
                        "\"values\":[{\"name\":\"m\",\"columns\":{\"m\":\"Double\"},"
                        "\"value\":[{\"step\":1,\"data\":{\"m\":1.0}}]}]}",
                        run)
        .ptr;
}

/* Everything that the tables hold of a run, as one number; and how many events there are. */
static int64_t weight(struct world *w)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->engines.store, &err);
    struct sql *q = sql(txn,
                        "SELECT (SELECT SUM(rev) + COUNT(*) + SUM(status) FROM run)"
                        " + (SELECT COUNT(*) FROM tag) + (SELECT COUNT(*) FROM event)"
                        " + (SELECT COUNT(*) FROM tail) + (SELECT COUNT(*) FROM blob)",
                        &err);

    CHECK(q && sql_step(q) > 0);
    int64_t sum = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return sum;
}

static bool is_of_jobs(const struct route *row)
{
    return (row->flags & ROUTE_ATTEMPT) != 0;
}

/* A batch says of each of its members what became of it. */
static bool is_batch(const struct route *row)
{
    return strstr(row->path, "/batch/events") != NULL;
}

TEST(what_a_job_may_write_is_its_own_on_every_row)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct route_table table = dataplane_routes(&w->engines);
    int rows = 0;

    world_add_run(w, "stranger", 0);
    world_be_job(w);
    for (size_t i = 0; i < table.count; i++) {
        const struct route *row = &table.rows[i];
        if (!is_of_jobs(row))
            continue;
        int64_t before = weight(w);
        struct fake_reply reply = fake_json(w->fake, row->method, path_of(w, row, "stranger"),
                                            body_of(w, row, "stranger"));
        bool refused = reply.status == 403 || reply.status == 409;
        if (is_batch(row))
            refused = reply.status == 200 && json_count(json_get(reply.json, STR("errors"))) == 1;
        if (!refused)
            printf("%s %s: %d\n", row->method, row->path, reply.status);
        CHECK(refused);
        CHECK_INT(before, weight(w));
        rows++;
    }
    CHECK(rows >= 18);
}

/* The sweep above would pass if those rows refused everybody. */
TEST(the_same_rows_take_what_a_job_says_of_itself)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct route_table table = dataplane_routes(&w->engines);

    world_be_job(w);
    for (size_t i = 0; i < table.count; i++) {
        const struct route *row = &table.rows[i];
        if (!is_of_jobs(row))
            continue;
        bool makes =
            strcmp(row->method, "POST") == 0 && str_ends(str_from(row->path), STR("/runs/{run}"));
        const char *run = makes ? arena_printf(w->arena, "made%zu", i).ptr : "calm_owl";
        struct fake_reply reply =
            fake_json(w->fake, row->method, path_of(w, row, run), body_of(w, row, run));
        if (reply.status >= 300)
            printf("%s %s: %d %.*s\n", row->method, row->path, reply.status, STR_ARG(reply.body));
        CHECK(reply.status < 300);
        if (is_batch(row))
            CHECK_INT(1, json_count(json_get(reply.json, STR("successes"))));
    }
}
