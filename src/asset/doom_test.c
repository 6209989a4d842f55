#include "asset/asset.h"
#include "asset/doom.h"
#include "base/test.h"
#include "content/content.h"
#include "os/clock.h"
#include "os/file.h"
#include "store/document.h"
#include "tracking/experiment.h"
#include "tracking/logged_model.h"
#include "tracking/metric.h"

#define GUID "0123abcd-0000-4000-8000-000000000001"

/* A workspace with two runs in an experiment, each with everything a run can have. */
struct world {
    struct arena *arena;
    struct store *store;
    struct content *content;
    struct tracking *tracking;
    struct scope scope;
    int64_t experiment;
    struct run parent, child, other;
    struct content_object object;
    int dir;
};

static int put_blob(struct store_txn *txn, struct world *w, const char *name, struct error *err)
{
    struct blob blob = {.container = asset_artifact_container(w->arena, &w->scope),
                        .name = str_from(name),
                        .object = w->object.object,
                        .meta = STR("{}")};

    return blob_put(txn, &blob, false, err);
}

/* Rows in every table that knows runs. */
static int fill_run(struct store_txn *txn, struct world *w, struct run *run, struct error *err)
{
    static const char *const TEXTS[] = {
        "INSERT INTO attempt (run, attempt, token, state) VALUES (?, 1, 0, 3)",
        "INSERT INTO run_input (run, kind, ref) VALUES (?, 'model', 'm')",
        "INSERT INTO run_output (run, kind, ref) VALUES (?, 'model', 'm')",
        "INSERT INTO block (run, key, at_min, at_max, n, data) VALUES (?, 1, 0, 0, 1, 'x')",
        "INSERT INTO param (run, key, scope, value) VALUES (?, 1, 1, 'v')"};
    const struct metric_owner owner = {run->scope, run->run, run->run_id};
    struct metric_point point = {.key = STR("loss"), .value = 1};

    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct sql *q = sql(txn, TEXTS[i], err);
        sql_bind_int(q, 1, run->run);
        if (sql_run(q, err) < 0)
            return -1;
    }
    if (run_set_tag(txn, run, STR("team"), STR("x"), err) < 0)
        return -1;
    return metric_add(w->tracking, txn, &owner, &(struct metric_points){&point, 1}, err);
}

static int insert_run(struct store_txn *txn, struct world *w, struct run *run, struct error *err)
{
    run->scope = w->scope.number;
    run->experiment = w->experiment;
    run->kind = RUN_MLFLOW;
    run->status = RUN_COMPLETED;
    return run_insert(txn, run, err) < 0 ? -1 : fill_run(txn, w, run, err);
}

static int insert_model(struct store_txn *txn, struct world *w, struct error *err)
{
    struct logged_model model = {.scope = w->scope.number,
                                 .model_id = STR("m-1"),
                                 .experiment = w->experiment,
                                 .run = w->parent.run,
                                 .name = STR("net"),
                                 .status = LOGGED_MODEL_READY};

    return logged_model_insert(txn, &model, err) < 0
               ? -1
               : put_blob(txn, w, "LoggedModels/m-1/MLmodel", err);
}

static int insert_all(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct document store = {.type = STR("datastores"),
                             .name = STR("workspaceartifactstore"),
                             .created_by = STR("t"),
                             .system = STR("{}"),
                             .body =
                                 STR("{\"properties\":{\"containerName\":\"azureml-" GUID "\"}}")};

    w->scope = (struct scope){.kind = SCOPE_WORKSPACE,
                              .subscription = STR("s"),
                              .group = STR("g"),
                              .name = STR("w"),
                              .guid = STR(GUID)};
    if (content_keep(txn, &w->object, err) < 0 || scope_insert(txn, &w->scope, err) < 0)
        return -1;
    store.scope = w->scope.number;
    w->parent = (struct run){.run_id = STR("old")};
    w->child = (struct run){.run_id = STR("old_child")};
    w->other = (struct run){.run_id = STR("other")};
    if (document_insert(txn, &store, err) < 0 ||
        experiment_ensure(txn, w->scope.number, STR("e"), &w->experiment, err) < 0 ||
        insert_run(txn, w, &w->parent, err) < 0)
        return -1;
    w->child.parent = w->child.root = w->parent.run;
    if (insert_run(txn, w, &w->child, err) < 0 || insert_run(txn, w, &w->other, err) < 0 ||
        insert_model(txn, w, err) < 0 ||
        put_blob(txn, w, "ExperimentRun/dcid.old/a.txt", err) < 0 ||
        put_blob(txn, w, "ExperimentRun/dcid.old/net/MLmodel", err) < 0 ||
        put_blob(txn, w, "ExperimentRun/dcid.old_child/b.txt", err) < 0)
        return -1;
    return put_blob(txn, w, "ExperimentRun/dcid.other/c.txt", err);
}

static struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    w->arena = arena;
    w->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &w->store, &err), &err);
    w->content = content_open(w->dir, w->store, &err);
    w->tracking = tracking_open(w->store, &err);
    CHECK(w->content && w->tracking);
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(w->content, &err);
    CHECK_OK(content_write(writer, STR("bytes"), &err), &err);
    CHECK_OK(content_finish(writer, &w->object, &err), &err);
    CHECK_OK(store_write(w->store, insert_all, w, &err), &err);
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    tracking_close(&(*w)->tracking);
    content_close(&(*w)->content);
    store_close(&(*w)->store);
    fd_close(&(*w)->dir);
    arena_free(&arena);
}

static int64_t count(struct world *w, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct sql *q = sql(txn, text, &err);

    CHECK(q && sql_step(q) > 0);
    int64_t number = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return number;
}

/* Rows of a run in all tables that have some for it. */
static int64_t rows_of(struct world *w, int64_t run)
{
    static const char *const TABLES[] = {"attempt", "param", "tag",       "tail",
                                         "summary", "block", "run_input", "run_output"};
    int64_t rows = 0;
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);

    for (size_t i = 0; i < COUNT(TABLES); i++) {
        struct sql *q =
            sql(txn, arena_printf(w->arena, "SELECT COUNT(*) FROM %s WHERE run = ?", TABLES[i]).ptr,
                &err);
        CHECK(q != NULL);
        sql_bind_int(q, 1, run);
        CHECK(sql_step(q) > 0);
        rows += sql_int(q, 0);
        CHECK_OK(sql_end(q, &err), &err);
    }
    return rows;
}

static int doom_parent(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return doom_run(txn, &w->scope, &w->parent, err);
}

static bool run_exists(struct world *w, const char *name)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    struct run run;

    return run_get(txn, w->scope.number, str_from(name), &run, NULL) == 0;
}

TEST(a_doomed_run_is_gone_at_once_and_its_rows_after_the_sweep)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_INT(8, rows_of(w, w->parent.run));
    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    CHECK(!run_exists(w, "old"));
    CHECK(run_exists(w, "old_child")); /* until the sweep comes to it */
    CHECK_INT(8, rows_of(w, w->parent.run));
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, rows_of(w, w->parent.run));
    CHECK_INT(0, rows_of(w, w->child.run));
    CHECK(!run_exists(w, "old_child"));
    CHECK_INT(8, rows_of(w, w->other.run));
    CHECK(run_exists(w, "other"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM run"));
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM tag WHERE run < 0"));
}

/* What is left stays written down, and the next server finds it. */
TEST(a_sweep_ends_early_when_the_server_ends)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    int64_t left = count(w, "SELECT COUNT(*) FROM doomed");
    CHECK(left > 1);
    store_wind_down(w->store);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK(count(w, "SELECT COUNT(*) FROM doomed") >= left - 1);
    CHECK(rows_of(w, w->parent.run) + rows_of(w, w->child.run) > 0);
}

TEST(its_files_go_and_no_others)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_INT(5, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(1,
              count(w, "SELECT COUNT(*) FROM blob WHERE name = 'ExperimentRun/dcid.other/c.txt'"));
}

static int register_net(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct document model = {.scope = w->scope.number,
                             .type = STR("models"),
                             .name = STR("net"),
                             .created_by = STR("t"),
                             .system = STR("{}"),
                             .body = STR("{}")};

    if (document_insert(txn, &model, err) < 0)
        return -1;
    struct document version = {
        .scope = w->scope.number,
        .type = STR("models/versions"),
        .parent = model.doc,
        .name = STR("1"),
        .created_by = STR("t"),
        .system = STR("{}"),
        .body = STR("{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceartifactstore/"
                    "paths/ExperimentRun/dcid.old/net\"}}")};
    return document_insert(txn, &version, err);
}

TEST(what_a_registered_version_names_stays)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, register_net, w, &err), &err);
    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(2, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM blob WHERE name ="
                          " 'ExperimentRun/dcid.old/net/MLmodel'"));
}

static int take_name(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct run run = {.run_id = STR("OLD")};

    return insert_run(txn, w, &run, err) < 0
               ? -1
               : put_blob(txn, w, "ExperimentRun/dcid.old/new.txt", err);
}

static int run_again(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct run run = {.run_id = STR("next")};

    return insert_run(txn, w, &run, err);
}

TEST(the_name_is_free_again_and_its_new_files_are_left_alone)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    CHECK_OK(store_write(w->store, take_name, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK(run_exists(w, "old"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM blob WHERE name ="
                          " 'ExperimentRun/dcid.old/new.txt'"));
    CHECK_INT(2, count(w, "SELECT COUNT(*) FROM blob"));
}

static int doom_other(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return doom_run(txn, &w->scope, &w->other, err);
}

/* Row numbers are given again when the greatest goes; a late point would then be another run's. */
TEST(the_greatest_row_waits_for_its_successor)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, doom_other, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, rows_of(w, w->other.run));
    CHECK_INT(3, count(w, "SELECT COUNT(*) FROM run"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM doomed"));
    CHECK_OK(store_write(w->store, run_again, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM doomed"));
    CHECK_INT(3, count(w, "SELECT COUNT(*) FROM run"));
}

static int doom_all(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return doom_experiment(txn, &w->scope, w->experiment, err);
}

static int make_experiment(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return experiment_ensure(txn, w->scope.number, STR("e"), &w->experiment, err);
}

TEST(an_experiment_takes_its_runs_along_and_its_id_is_not_given_again)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    int64_t before = w->experiment;

    CHECK_OK(store_write(w->store, doom_all, w, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, store_write(w->store, doom_all, w, &err), &err);
    CHECK_OK(store_write(w->store, make_experiment, w, &err), &err);
    CHECK(w->experiment > before);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK(!run_exists(w, "old") && !run_exists(w, "other"));
    CHECK_INT(0, rows_of(w, w->parent.run) + rows_of(w, w->child.run) + rows_of(w, w->other.run));
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(2, count(w, "SELECT COUNT(*) FROM experiment"));
    w->experiment = 0;
    CHECK_ERROR(ERROR_CONFLICT, store_write(w->store, doom_all, w, &err), &err);
}

static int open_job(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct run run = {.run_id = STR("busy"),
                      .scope = w->scope.number,
                      .experiment = w->experiment,
                      .kind = RUN_COMMAND,
                      .status = RUN_RUNNING,
                      .doc = 1};

    return run_insert(txn, &run, err);
}

TEST(an_experiment_with_a_job_that_runs_stays)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, open_job, w, &err), &err);
    CHECK_ERROR(ERROR_CONFLICT, store_write(w->store, doom_all, w, &err), &err);
    CHECK(str_find(str_from(err.message), STR("'busy'")) > 0);
    CHECK(run_exists(w, "old"));
}

struct bytes {
    struct world *w;
    const char *uri;
};

static int doom_uri(struct store_txn *txn, void *context, struct error *err)
{
    struct bytes *bytes = context;

    return doom_bytes(txn, &bytes->w->scope, str_from(bytes->uri), err);
}

static int put_upload(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return put_blob(txn, w, "LocalUpload/abc/data.csv", err) < 0
               ? -1
               : put_blob(txn, w, "LocalUpload/abcd/data.csv", err);
}

TEST(bytes_go_only_when_an_upload_brought_them)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    struct bytes upload = {w, "azureml://datastores/workspaceartifactstore/paths/LocalUpload/abc"};
    struct bytes run = {
        w, "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.old/a.txt"};
    struct bytes nowhere = {w, "azureml://datastores/none/paths/x"};

    CHECK_OK(store_write(w->store, put_upload, w, &err), &err);
    CHECK_OK(store_write(w->store, doom_uri, &run, &err), &err);
    CHECK_OK(store_write(w->store, doom_uri, &nowhere, &err), &err);
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM doomed"));
    CHECK_OK(store_write(w->store, doom_uri, &upload, &err), &err);
    CHECK_INT(7, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(6, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(1, count(w, "SELECT COUNT(*) FROM blob WHERE name = 'LocalUpload/abcd/data.csv'"));
}

static int many_points(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    for (int i = 0; i < 1000; i++) {
        struct sql *q = sql(txn, "INSERT INTO tail (run, n, data) VALUES (?, 1, 'x')", err);
        sql_bind_int(q, 1, w->parent.run);
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

TEST(long_tables_go_in_slices)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->store, many_points, w, &err), &err);
    CHECK_OK(store_write(w->store, doom_parent, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, rows_of(w, w->parent.run));
    CHECK_OK(doom_sweep(w->store, &err), &err); /* nothing left is no error */
}

static int doom_the_model(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct logged_model model;

    if (logged_model_get(txn, w->scope.number, STR("m-1"), &model, err) < 0)
        return -1;
    return doom_model(txn, &w->scope, &model, err);
}

TEST(a_logged_model_goes_with_its_files_and_its_run_stays)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    const char *files = "SELECT COUNT(*) FROM blob WHERE name LIKE 'LoggedModels/%'";

    CHECK_INT(1, count(w, files));
    CHECK_OK(store_write(w->store, doom_the_model, w, &err), &err);
    CHECK_ERROR(ERROR_NOT_FOUND, store_write(w->store, doom_the_model, w, &err), &err);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, count(w, files));
    CHECK_INT(4, count(w, "SELECT COUNT(*) FROM blob"));
    CHECK(run_exists(w, "old"));
}

/* Bytes on their way to a version. */
struct later {
    struct world *w;
    int64_t doomed;
    enum { BEGIN, PUT_OFF, NAMED, FAILED } step;
};

#define UPLOAD_BLOBS "SELECT COUNT(*) FROM blob WHERE container = 'azureml-copy'"

static int later_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct later *later = context;
    struct blob blob = {.container = STR("azureml-copy"),
                        .name = STR("m/MLmodel"),
                        .object = later->w->object.object,
                        .meta = STR("{}")};

    switch (later->step) {
    case BEGIN:
        return doom_later(txn, &later->w->scope, blob.container, &later->doomed, err) < 0
                   ? -1
                   : blob_put(txn, &blob, false, err);
    case PUT_OFF:
        return doom_put_off(txn, later->doomed, err);
    default:
        return doom_settle(txn, later->doomed, later->step == NAMED, err);
    }
}

static void step(struct later *later, int step)
{
    struct error err = {0};

    later->step = step;
    CHECK_OK(store_write(later->w->store, later_apply, later, &err), &err);
    CHECK_OK(doom_sweep(later->w->store, &err), &err);
}

TEST(bytes_that_nothing_names_go_after_an_hour_without_their_writer)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct later later = {.w = w};
    struct error err = {0};
    int64_t begun_us = clock_now_us();

    clock_test_set(begun_us);
    step(&later, BEGIN);
    CHECK_INT(1, count(w, UPLOAD_BLOBS));
    clock_test_set(begun_us + 3000 * US_PER_S);
    step(&later, PUT_OFF); /* it is alive */
    clock_test_set(begun_us + 5000 * US_PER_S);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(1, count(w, UPLOAD_BLOBS));
    clock_test_set(begun_us + 7000 * US_PER_S);
    CHECK_OK(doom_sweep(w->store, &err), &err);
    CHECK_INT(0, count(w, UPLOAD_BLOBS));
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM doomed"));
    clock_test_end();
}

TEST(bytes_that_were_named_stay_and_those_of_a_failure_go_at_once)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct later later = {.w = w};

    step(&later, BEGIN);
    step(&later, NAMED);
    CHECK_INT(1, count(w, UPLOAD_BLOBS));
    CHECK_INT(0, count(w, "SELECT COUNT(*) FROM doomed"));
    step(&later, BEGIN);
    step(&later, FAILED);
    CHECK_INT(0, count(w, UPLOAD_BLOBS));
}
