#include "base/test.h"
#include "os/clock.h"
#include "tracking/experiment.h"
#include "tracking/lineage.h"
#include "tracking/metric.h"
#include "tracking/search.h"
#include "tracking/tracking_private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* A store in memory with one workspace, number 1, and its Default experiment. */
struct bench {
    struct store *store;
    struct tracking *tracking;
};

static int make_default(struct store_txn *txn, void *, struct error *err)
{
    return experiment_make_default(txn, 1, err);
}

static struct bench bench_open(void)
{
    struct bench bench = {0};
    struct error err = {0};

    CHECK_OK(store_open("memory:", &(struct store_options){0}, &bench.store, &err), &err);
    bench.tracking = tracking_open(bench.store, &err);
    CHECK(bench.tracking != NULL);
    CHECK_OK(store_write(bench.store, make_default, NULL, &err), &err);
    return bench;
}

static void bench_close(struct bench *bench)
{
    tracking_close(&bench->tracking);
    store_close(&bench->store);
}

#define BENCH(name) CLEANUP(bench_close) struct bench name = bench_open()

struct new_run {
    struct run run;
    char id[64];
};

static int insert_run(struct store_txn *txn, void *context, struct error *err)
{
    struct new_run *made = context;

    if (run_insert(txn, &made->run, err) < 0)
        return -1;
    snprintf(made->id, sizeof made->id, "%.*s", STR_ARG(made->run.run_id));
    return 0;
}

static struct new_run new_run(struct bench *bench, const char *id, int64_t start_ms)
{
    struct new_run made = {.run = {.scope = 1,
                                   .run_id = str_from(id),
                                   .kind = RUN_MLFLOW,
                                   .status = RUN_RUNNING,
                                   .name = STR("n"),
                                   .start_us = start_ms * 1000}};
    struct error err = {0};

    CHECK_OK(store_write(bench->store, insert_run, &made, &err), &err);
    made.run.run_id = str_from(made.id);
    return made;
}

struct log {
    struct bench *bench;
    const struct run *run;
    const struct metric_point *points;
    size_t count;
    struct pairs params, tags;
};

static int log_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct log *log = context;
    struct pair_owner owner = {1, log->run->run, log->run->run_id};
    struct metric_owner metrics = {1, log->run->run, log->run->run_id};

    if (params_check(log->bench->tracking, txn, &owner, &log->params, err) < 0 ||
        params_set(log->bench->tracking, txn, &owner, &log->params, err) < 0 ||
        tags_set(log->bench->tracking, txn, &owner, &log->tags, err) < 0)
        return -1;
    return metric_add(log->bench->tracking, txn, &metrics,
                      &(struct metric_points){log->points, log->count}, err);
}

static int log_points(struct bench *bench, const struct run *run, const struct metric_point *points,
                      size_t count)
{
    struct log log = {bench, run, points, count, {0}, {0}};
    struct error err = {0};
    int result = store_write(bench->store, log_apply, &log, &err);

    CHECK_OK(result, &err);
    return result;
}

static int64_t count_rows(struct store_txn *txn, const char *text)
{
    struct sql *q = sql(txn, text, NULL);
    int64_t count = q && sql_step(q) > 0 ? sql_int(q, 0) : -1;

    sql_end(q, NULL);
    return count;
}

static int64_t count_now(struct bench *bench, const char *text)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, NULL);

    return count_rows(txn, text);
}

static struct points history(struct bench *bench, const struct run *run, const char *key,
                             const struct point *after, size_t limit)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, NULL);
    struct points points = {0};
    struct error err = {0};
    int64_t word;

    CHECK_OK(word_find(bench->tracking->words, txn, str_from(key), &word, &err), &err);
    struct metric_range range = {run->run, word, after, limit};
    CHECK_OK(metric_history(txn, &range, &points, &err), &err);
    return points;
}

TEST(an_experiment_is_found_by_id_and_exact_name)
{
    BENCH(bench);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    struct experiment found;
    struct error err = {0};

    CHECK_OK(experiment_get(txn, 1, 0, &found, &err), &err);
    CHECK_STR("Default", found.name);
    CHECK_ERROR(ERROR_NOT_FOUND, experiment_by_name(txn, 1, STR("default"), &found, &err), &err);
    CHECK_STR("Could not find experiment with name 'default'", str_from(err.message));
    CHECK_ERROR(ERROR_NOT_FOUND, experiment_get(txn, 2, 0, &found, &err), &err);
    CHECK_STR("No Experiment with id=0 exists", str_from(err.message));
}

static int experiment_life(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment made = {.scope = 1, .name = STR("a"), .location = STR("")};
    struct error refused = {0};
    struct run *run = context;
    int64_t id;

    CHECK_OK(experiment_insert(txn, &made, err), err);
    CHECK_INT(1, made.id);
    CHECK_ERROR(ERROR_EXISTS, experiment_insert(txn, &made, &refused), &refused);
    run->experiment = made.id;
    CHECK_OK(run_insert(txn, run, err), err);
    CHECK_OK(experiment_delete(txn, &made, err), err);
    CHECK_ERROR(
        ERROR_EXISTS,
        experiment_insert(txn, &(struct experiment){.scope = 1, .name = STR("a")}, &refused),
        &refused);
    CHECK(str_find(str_from(refused.message), STR("deleted state")) > 0);
    CHECK_ERROR(ERROR_NOT_FOUND, experiment_delete(txn, &made, &refused), &refused);
    CHECK_OK(run_get(txn, 1, STR("R1"), run, err), err);
    CHECK(run->deleted_us != 0);
    CHECK_OK(experiment_restore(txn, &made, err), err);
    CHECK_OK(run_get(txn, 1, STR("R1"), run, err), err);
    CHECK(run->deleted_us == 0);
    CHECK_OK(experiment_rename(txn, &made, STR("b"), err), err);
    CHECK_OK(experiment_ensure(txn, 1, STR("b"), &id, err), err);
    CHECK_INT(made.id, id);
    CHECK_OK(experiment_ensure(txn, 1, STR("c"), &id, err), err);
    CHECK_INT(2, id);
    return 0;
}

TEST(experiments_are_deleted_with_their_runs_and_come_back)
{
    BENCH(bench);
    struct run run = {.scope = 1, .run_id = STR("r1"), .kind = RUN_MLFLOW, .status = RUN_RUNNING};
    struct error err = {0};

    CHECK_OK(store_write(bench.store, experiment_life, &run, &err), &err);
}

TEST(a_new_run_id_starts_with_its_time)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str id = run_new_id(arena, 0x0102030405060708);

    CHECK_INT(32, id.len);
    CHECK_STR("0102030405060708", str_slice(id, 0, 16));
    CHECK(!str_eq(id, run_new_id(arena, 0x0102030405060708)));
}

TEST(points_of_one_commit_are_one_row_and_the_summary_follows)
{
    BENCH(bench);
    struct new_run run = new_run(&bench, "r", 5);
    const struct metric_point points[] = {
        {.key = STR("loss"), .at_ms = 10, .step = 1, .value = 0.5},
        {.key = STR("acc"), .at_ms = 10, .step = 1, .value = INFINITY},
        {.key = STR("loss"), .at_ms = 11, .step = 0, .value = 9},
        {.key = STR("loss"), .at_ms = 10, .step = 1, .value = 0.5},
    };

    log_points(&bench, &run.run, points, COUNT(points));
    CHECK_INT(1, count_now(&bench, "SELECT COUNT(*) FROM tail"));
    CHECK_INT(1, count_now(&bench, "SELECT rev FROM summary"));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    struct metric_list list;
    struct error err = {0};
    CHECK_OK(metric_latest(bench.tracking, txn, run.run.run, &list, &err), &err);
    CHECK_INT(2, list.count);
    CHECK_STR("loss", list.at[0].key);
    CHECK(list.at[0].entry->last == 0.5 && list.at[0].entry->max == 9);
    CHECK(list.at[1].entry->last == DBL_MAX);
    CLEANUP(points_free) struct points loss = history(&bench, &run.run, "loss", NULL, 0);
    CHECK_INT(2, loss.count);
    CHECK(loss.at[0].at_ms == 10 && loss.at[1].at_ms == 11);
    CLEANUP(points_free) struct points none = history(&bench, &run.run, "unknown", NULL, 0);
    CHECK_INT(0, none.count);
}

/* Waits for the compactor, at most some seconds of real time. */
static void wait_for_short_tail(struct bench *bench)
{
    for (int i = 0; i < 500 && count_now(bench, "SELECT COUNT(*) FROM tail") >= TAIL_ROWS_MAX; i++)
        clock_sleep_us(10000);
    CHECK(count_now(bench, "SELECT COUNT(*) FROM tail") < TAIL_ROWS_MAX);
}

TEST(a_long_tail_becomes_blocks_and_history_stays_the_same)
{
    BENCH(bench);
    struct new_run run = new_run(&bench, "r", 5);

    for (int i = 0; i < 600; i++) {
        const struct metric_point points[] = {
            {.key = STR("a"), .at_ms = 1000 - i, .step = i, .value = i},
            {.key = STR("b"), .at_ms = 1000 + i / 2, .step = i / 2, .value = 1},
        };
        log_points(&bench, &run.run, points, 2);
    }
    wait_for_short_tail(&bench);
    CHECK(count_now(&bench, "SELECT COUNT(*) FROM block") >= 2);
    CLEANUP(points_free) struct points a = history(&bench, &run.run, "a", NULL, 0);
    CLEANUP(points_free) struct points b = history(&bench, &run.run, "b", NULL, 0);
    CHECK_INT(600, a.count);
    CHECK(a.at[0].step == 599 && a.at[599].step == 0);
    CHECK_INT(300, b.count);
    CLEANUP(points_free) struct points rest = history(&bench, &run.run, "a", &a.at[9], 5);
    CHECK(rest.count >= 5 && rest.at[0].step == a.at[10].step);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    struct summary summary;
    struct error err = {0};
    CHECK_OK(metric_summary(txn, run.run.run, &summary, &err), &err);
    CHECK_INT(count_rows(txn, "SELECT COUNT(*) FROM tail"), summary.tail_rows);
    CHECK_INT(600, summary.entries[0].n);
}

TEST(params_are_written_once)
{
    BENCH(bench);
    struct new_run run = new_run(&bench, "r", 5);
    struct pair one[] = {{STR("p"), STR("1")}},
                two[] = {{STR("q"), STR("x")}, {STR("p"), STR("2")}};
    struct log log = {&bench, &run.run, NULL, 0, {one, 1}, {0}};
    struct error err = {0};

    CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err);
    CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err);
    log.params = (struct pairs){two, 2};
    CHECK_ERROR(ERROR_INVALID, store_write(bench.store, log_apply, &log, &err), &err);
    CHECK_STR("Changing param values is not allowed. Param with key='p' was already logged with "
              "value='1' for run ID='r'. Attempted logging new value '2'.",
              str_from(err.message));
    CHECK_INT(1, count_now(&bench, "SELECT COUNT(*) FROM param"));
}

TEST(long_values_are_cut_at_characters)
{
    CHECK_STR("ab", pair_cut(STR("abc"), 2));
    CHECK_STR("\xc3\xa9", pair_cut(STR("\xc3\xa9\xc3\xa9"), 1));
    CHECK_STR("abc", pair_cut(STR("abc"), 3));
}

/* Three runs with metric m = 3, 1, NaN and a fourth without; tag t on the first two. */
static void seed(struct bench *bench, struct new_run runs[4])
{
    const double values[] = {3, 1, NAN};
    struct pair tag[] = {{STR("t"), STR("Yes")}};
    const char *const ids[] = {"r0", "r1", "r2", "r3"};

    for (int i = 0; i < 4; i++) {
        runs[i] = new_run(bench, ids[i], 100 + i);
        struct metric_point point = {
            .key = STR("m"), .at_ms = 1, .step = 1, .value = values[i % 3]};
        struct log log = {bench, &runs[i].run, &point, i < 3 ? 1 : 0, {0}, {tag, i < 2 ? 1 : 0}};
        struct error err = {0};
        CHECK_OK(store_write(bench->store, log_apply, &log, &err), &err);
    }
}

/* Runs a search and writes the ids found, joined by blanks. */
static void found(struct bench *bench, const char *filter, const char *order, const char *expected)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, NULL);
    struct arena *arena = store_arena(txn);
    const int64_t experiments[] = {0, 0};
    struct order_clause clause;
    struct error err = {0};
    struct search search = {.scope = 1,
                            .experiments = experiments,
                            .experiment_count = 2,
                            .orders = &clause,
                            .order_count = order ? 1 : 0,
                            .view = SEARCH_ACTIVE,
                            .limit = 10};
    struct run_page page;
    struct buf ids = buf_make(1000);

    CHECK_OK(filter_parse(arena, &filter_runs, str_from(filter), &search.filter, &err), &err);
    if (order)
        CHECK_OK(order_parse(arena, &filter_runs, str_from(order), &clause, &err), &err);
    CHECK_OK(search_runs(bench->tracking, txn, &search, &page, &err), &err);
    for (size_t i = 0; i < page.count; i++)
        buf_printf(&ids, "%s%.*s", i ? " " : "", STR_ARG(page.runs[i].run_id));
    CHECK_STR(expected, buf_str(&ids));
    buf_free(&ids);
}

TEST(runs_are_found_and_ordered)
{
    BENCH(bench);
    struct new_run runs[4];

    seed(&bench, runs);
    found(&bench, "", NULL, "r3 r2 r1 r0");
    found(&bench, "metrics.m > 0", NULL, "r1 r0");
    found(&bench, "metrics.m != 3", NULL, "r2 r1");
    found(&bench, "", "metrics.m ASC", "r1 r0 r2 r3");
    found(&bench, "", "metrics.m DESC", "r0 r1 r2 r3");
    found(&bench, "tags.t ILIKE 'y%'", "run_id ASC", "r0 r1");
    found(&bench, "tags.t LIKE 'y%'", NULL, "");
    found(&bench, "tags.t IS NULL", NULL, "r3 r2");
    found(&bench, "start_time >= 102 and run_id IN ('r2','r9')", NULL, "r2");
    found(&bench, "params.nobody = 'x'", NULL, "");
    found(&bench, "status = 'RUNNING' and artifact_uri LIKE '%/r1/%'", NULL, "r1");
}

TEST(pages_follow_one_another)
{
    BENCH(bench);
    struct new_run runs[4];
    const int64_t experiments[] = {0};
    struct error err = {0};
    size_t seen = 0;

    seed(&bench, runs);
    for (size_t offset = 0; offset < 4; offset++) {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
        struct search search = {.scope = 1,
                                .experiments = experiments,
                                .experiment_count = 1,
                                .view = SEARCH_ALL,
                                .offset = offset,
                                .limit = 1};
        struct run_page page;
        CHECK_OK(search_runs(bench.tracking, txn, &search, &page, &err), &err);
        CHECK_INT(1, page.count);
        CHECK_STR(runs[3 - offset].id, page.runs[0].run_id);
        CHECK_INT(offset < 3, page.more);
        seen++;
    }
    CHECK_INT(4, seen);
}

static int model_life(struct store_txn *txn, void *context, struct error *err)
{
    struct bench *bench = context;
    struct run run = {.scope = 1, .run_id = STR("r"), .kind = RUN_MLFLOW, .status = RUN_RUNNING};
    struct logged_model model = {
        .scope = 1, .model_id = STR("m-1"), .name = STR("clf"), .status = LOGGED_MODEL_PENDING};
    const struct metric_point points[] = {
        {.key = STR("auc"),
         .at_ms = 1,
         .step = 1,
         .value = 0.7,
         .model_id = STR("m-1"),
         .dataset_name = STR("d"),
         .dataset_digest = STR("1")},
        {.key = STR("auc"), .at_ms = 2, .step = 2, .value = 0.8, .model_id = STR("gone")},
    };

    CHECK_OK(run_insert(txn, &run, err), err);
    model.run = run.run;
    CHECK_OK(logged_model_insert(txn, &model, err), err);
    struct metric_owner owner = {1, run.run, run.run_id};
    return metric_add(bench->tracking, txn, &owner, &(struct metric_points){points, 2}, err);
}

TEST(metrics_of_a_model_are_filed_under_both)
{
    BENCH(bench);
    struct error err = {0};
    struct logged_model model;
    struct metric_list list;
    struct metric_source source;

    CHECK_OK(store_write(bench.store, model_life, &bench, &err), &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    CHECK_OK(logged_model_get(txn, 1, STR("m-1"), &model, &err), &err);
    CHECK_STR("r", model.run_id);
    CHECK_OK(metric_latest(bench.tracking, txn, -model.model, &list, &err), &err);
    CHECK_INT(1, list.count);
    CHECK(list.at[0].entry->last == 0.7);
    CHECK_OK(metric_source(txn, list.at[0].entry->source, &source, &err), &err);
    CHECK_STR("r", source.run_id);
    CHECK_STR("d", source.dataset_name);
    CHECK_OK(logged_model_of_run(txn, &(struct run){.scope = 1, .run = model.run}, STR("clf"),
                                 &model, &err),
             &err);
    CHECK_ERROR(ERROR_NOT_FOUND, logged_model_get(txn, 1, STR("m-2"), &model, &err), &err);
}

static int lineage_life(struct store_txn *txn, void *, struct error *err)
{
    struct run run = {.scope = 1, .run_id = STR("r"), .kind = RUN_MLFLOW, .status = RUN_RUNNING};
    struct pair context[] = {{STR("mlflow.data.context"), STR("train")}};
    struct dataset_input input = {{.name = STR("iris"),
                                   .digest = STR("ab"),
                                   .source_type = STR("local"),
                                   .source = STR("{}")},
                                  {context, 1}};
    struct lineage lineage;

    CHECK_OK(run_insert(txn, &run, err), err);
    for (int twice = 0; twice < 2; twice++) {
        CHECK_OK(lineage_add_dataset(txn, &run, &input, err), err);
        CHECK_OK(lineage_add_model_in(txn, run.run, STR("m-1"), err), err);
        CHECK_OK(lineage_add_model_out(txn, run.run, STR("m-2"), 4 + twice, err), err);
    }
    CHECK_OK(lineage_read(txn, run.run, &lineage, err), err);
    CHECK_INT(1, lineage.dataset_count);
    CHECK_STR("iris", lineage.datasets[0].dataset.name);
    CHECK_STR("train", lineage.datasets[0].tags.at[0].value);
    CHECK_INT(1, lineage.model_in_count);
    CHECK_INT(1, lineage.model_out_count);
    CHECK_INT(5, lineage.models_out[0].step);
    return 0;
}

TEST(lineage_is_kept_once)
{
    BENCH(bench);
    struct error err = {0};

    CHECK_OK(store_write(bench.store, lineage_life, NULL, &err), &err);
}

TEST(words_survive_a_restart_and_a_refusal)
{
    BENCH(bench);
    struct new_run run = new_run(&bench, "r", 5);
    struct pair pairs[] = {{STR("k"), STR("1")}};
    struct log log = {&bench, &run.run, NULL, 0, {pairs, 1}, {0}};
    struct error err = {0};
    int64_t word = 0;

    for (int i = 0; i < 3; i++)
        CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err);
    tracking_close(&bench.tracking);
    bench.tracking = tracking_open(bench.store, &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    CHECK_OK(word_find(bench.tracking->words, txn, STR("k"), &word, &err), &err);
    CHECK(word > 0);
    struct str text;
    CHECK_OK(word_text(bench.tracking->words, txn, word, &text, &err), &err);
    CHECK_STR("k", text);
    CHECK_ERROR(ERROR_CORRUPT, word_text(bench.tracking->words, txn, 4711, &text, &err), &err);
}

static int count_run(const struct run *, void *context, struct error *)
{
    ++*(size_t *)context;
    return 0;
}

TEST(runs_are_listed_newest_first_and_below_a_parent)
{
    BENCH(bench);
    struct new_run runs[4];
    struct error err = {0};
    size_t count = 0;
    bool within;

    seed(&bench, runs);
    struct new_run child = {.run = {.scope = 1,
                                    .run_id = STR("kid"),
                                    .kind = RUN_MLFLOW,
                                    .status = RUN_RUNNING,
                                    .parent = runs[1].run.run}};
    CHECK_OK(store_write(bench.store, insert_run, &child, &err), &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    struct run_query query = {.scope = 1, .limit = 3};
    CHECK_OK(run_list(txn, &query, count_run, &count, &err), &err);
    CHECK_INT(3, count);
    count = 0;
    query.parent = runs[1].run.run;
    CHECK_OK(run_list(txn, &query, count_run, &count, &err), &err);
    CHECK_INT(1, count);
    child.run.run_id = STR("kid");
    CHECK_OK(run_within(txn, &child.run, &(struct run_key){1, STR("R1")}, &within, &err), &err);
    CHECK(within);
    CHECK_OK(run_within(txn, &child.run, &(struct run_key){1, STR("r2")}, &within, &err), &err);
    CHECK(!within);
}

/* The value of a tag, "" when there is none; *out_found tells the two apart. */
static struct str tag_now(struct bench *bench, const struct run *run, const char *key,
                          bool *out_found)
{
    static char kept[64];
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench->store, NULL);
    const struct tag_key tag = {run->run, str_from(key)};
    struct pair_value value = {.found = true};
    struct error err = {0};

    CHECK_OK(tag_get(bench->tracking, txn, &tag, &value, &err), &err);
    *out_found = value.found;
    snprintf(kept, sizeof kept, "%.*s", STR_ARG(value.text));
    return str_from(kept);
}

TEST(a_tag_changes_and_is_its_runs_alone)
{
    BENCH(bench);
    struct new_run runs[] = {new_run(&bench, "a", 1), new_run(&bench, "b", 2)};
    struct pair tags[] = {{STR("k"), STR("one")}, {STR("k"), STR("two")}, {STR("empty"), STR("")}};
    struct log log = {&bench, &runs[0].run, NULL, 0, {0}, {tags, COUNT(tags)}};
    struct error err = {0};
    bool found;

    tag_now(&bench, &runs[0].run, "k", &found);
    CHECK(!found); /* a key that nobody ever used */
    CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err);
    CHECK_STR("two", tag_now(&bench, &runs[0].run, "k", &found));
    CHECK_STR("", tag_now(&bench, &runs[0].run, "empty", &found));
    CHECK(found);
    tag_now(&bench, &runs[1].run, "k", &found);
    CHECK(!found);
}

TEST(a_batch_with_one_param_that_conflicts_sets_none)
{
    BENCH(bench);
    struct new_run made = new_run(&bench, "a", 1);
    struct pair first = {STR("lr"), STR("1")};
    struct pair batch[] = {{STR("new"), STR("x")}, {STR("lr"), STR("2")}};
    struct log log = {&bench, &made.run, NULL, 0, {&first, 1}, {0}};
    struct error err = {0};

    CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err);
    CHECK_OK(store_write(bench.store, log_apply, &log, &err), &err); /* a repeated request */
    log.params = (struct pairs){batch, COUNT(batch)};
    CHECK_ERROR(ERROR_INVALID, store_write(bench.store, log_apply, &log, &err), &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(bench.store, NULL);
    struct pairs kept;
    CHECK_OK(params_read(bench.tracking, txn, made.run.run, &kept, &err), &err);
    CHECK_INT(1, kept.count);
    CHECK_STR("1", kept.at[0].value);
}
