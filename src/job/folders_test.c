#include "job/folders.h"
#include "job/world_test.h"

#include <stdio.h>

#define HELLO "{\"jobType\":\"Command\",\"command\":\"echo hello\"}"

/* A finished job with a folder of a few files; its row. */
static int64_t finished(struct world *w, const char *name)
{
    struct error err = {0};
    char path[80];

    CHECK_OK(world_submit(w, name, HELLO, &err), &err);
    world_turn(w);
    int64_t run = world_run(w, name).run;
    snprintf(path, sizeof(path), "runs/%lld-1/work/out.txt", (long long)run);
    char folder[80];
    snprintf(folder, sizeof(folder), "runs/%lld-1/work", (long long)run);
    CHECK_OK(dir_make(w->dir, folder, 0700, &err), &err);
    CHECK_OK(file_write_atomic(w->dir, path, STR("x"), 0600, &err), &err);
    world_report(w, run,
                 "[{\"seq\":1,\"event\":\"started\"},"
                 "{\"seq\":2,\"event\":\"finished\",\"kind\":\"exit\",\"code\":0}]");
    return run;
}

static bool has_folder(struct world *w, int64_t run)
{
    char path[80];

    snprintf(path, sizeof(path), "runs/%lld-1", (long long)run);
    return file_exists(w->dir, path);
}

TEST(the_folders_of_a_workspace_go_before_its_rows)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    int64_t first = finished(&w, "a"), second = finished(&w, "b");
    CHECK(has_folder(&w, first) && has_folder(&w, second));
    struct job_folders foreign = {.scope = w.scope.number + 1};
    CHECK_OK(job_folders_drop(w.store, w.dir, &foreign, &err), &err);
    CHECK(foreign.done && has_folder(&w, first));
    struct job_folders own = {.scope = w.scope.number};
    CHECK_OK(job_folders_drop(w.store, w.dir, &own, &err), &err);
    CHECK(own.done && !has_folder(&w, first) && !has_folder(&w, second));
    CHECK_OK(job_folders_drop(w.store, w.dir, &own, &err), &err); /* twice is once */
    world_close(&w);
}

static int forget(struct store_txn *txn, void *context, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM attempt WHERE run = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, *(int64_t *)context);
    return sql_run(q, err);
}

TEST(a_folder_that_no_row_tells_of_is_swept_and_nothing_else)
{
    struct error err = {0};
    struct world w;

    world_open(&w);
    int64_t gone = finished(&w, "gone"), kept = finished(&w, "kept");
    CHECK_OK(store_write(w.store, forget, &gone, &err), &err);
    CHECK_OK(dir_make(w.dir, "runs/dbadc0de1", 0700, &err), &err);
    CHECK_OK(dir_make(w.dir, "runs/7-x", 0700, &err), &err);
    CHECK_OK(job_folders_sweep(w.store, w.dir, &err), &err);
    CHECK(!has_folder(&w, gone) && has_folder(&w, kept));
    CHECK(file_exists(w.dir, "runs/dbadc0de1") && file_exists(w.dir, "runs/7-x"));
    dir_remove_tree(w.dir, "runs/dbadc0de1", NULL);
    dir_remove_tree(w.dir, "runs/7-x", NULL);
    world_close(&w);
}
