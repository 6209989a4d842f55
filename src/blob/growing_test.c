#include "blob/internal.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/test.h"
#include "job/attempt.h"
#include "job/finish.h"
#include "os/file.h"
#include "vault/vault.h"

#define GUID "0123abcd-0000-4000-8000-000000000001"
#define CONTAINER "/lz0123abcd000040008000.blob.core.lazurite.test/azureml-" GUID
#define FOLDER "ExperimentRun/dcid.calm_owl"
#define LOG CONTAINER "/" FOLDER "/user_logs/std_log.txt"
#define LIST CONTAINER "?restype=container&comp=list&prefix=" FOLDER "/user_logs/"

struct world {
    struct arena *arena;
    struct engines engines;
    struct fake *fake;
    struct attempt attempt;
    int dir;
};

/* A job that runs, its first attempt under way. */
static int insert_job(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;
    struct scope scope = {.kind = SCOPE_WORKSPACE,
                          .subscription = STR("s"),
                          .group = STR("g"),
                          .name = STR("w"),
                          .guid = STR(GUID)};
    struct run run = {.run_id = STR("calm_owl"), .kind = RUN_COMMAND, .status = RUN_RUNNING};

    if (scope_insert(txn, &scope, err) < 0)
        return -1;
    run.scope = scope.number;
    if (experiment_make_default(txn, scope.number, err) < 0 || run_insert(txn, &run, err) < 0)
        return -1;
    w->attempt = (struct attempt){.run = run.run, .state = ATTEMPT_RUNNING};
    return attempt_insert(txn, &w->attempt, err);
}

static int end_attempt(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->attempt.state = ATTEMPT_ENDED;
    return attempt_update(txn, &w->attempt, err);
}

static struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    w->arena = arena;
    w->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &w->engines.store, &err), &err);
    w->engines.vault = vault_open(w->dir, &err);
    w->engines.content = content_open(w->dir, w->engines.store, &err);
    CHECK(w->engines.vault && w->engines.content);
    CHECK_OK(store_write(w->engines.store, insert_job, w, &err), &err);
    struct route_table table = blob_routes(&w->engines);
    w->fake = fake_new(&table, 1);
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    fake_free(&(*w)->fake);
    /* All tests share a folder, and each calls its attempt the same. */
    content_log_drop((*w)->engines.content,
                     finish_log_key(arena, (*w)->attempt.run, (*w)->attempt.number, JOB_LOGS[0]));
    content_close(&(*w)->engines.content);
    vault_close(&(*w)->engines.vault);
    store_close(&(*w)->engines.store);
    fd_close(&(*w)->dir);
    arena_free(&arena);
}

static struct str key_of(struct world *w)
{
    return finish_log_key(w->arena, w->attempt.run, w->attempt.number, JOB_LOGS[0]);
}

static void log_more(struct world *w, int64_t offset, const char *text)
{
    struct error err = {0};

    CHECK_INT(1, content_log_append(w->engines.content, key_of(w), offset, str_from(text), &err));
}

TEST(the_log_of_a_running_job_is_listed_and_read)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(404, fake_send(w->fake, "GET", LOG, STR("")).status);
    CHECK_INT(-1, str_find(fake_send(w->fake, "GET", LIST, STR("")).body, STR("std_log")));
    log_more(w, 0, "epoch 1\n");
    struct fake_reply reply = fake_send(w->fake, "GET", LIST, STR(""));
    CHECK_INT(200, reply.status);
    CHECK(str_find(reply.body, STR("<Name>" FOLDER "/user_logs/std_log.txt</Name>")) > 0);
    CHECK(str_find(reply.body, STR("<Content-Length>8</Content-Length>")) > 0);
    CHECK_STR("epoch 1\n", fake_send(w->fake, "GET", LOG, STR("")).body);
    log_more(w, 8, "epoch 2\n");
    CHECK_STR("epoch 1\nepoch 2\n", fake_send(w->fake, "GET", LOG, STR("")).body);
    CHECK_INT(16, fake_send(w->fake, "HEAD", LOG, STR("")).length);
}

TEST(the_etag_of_a_growing_log_changes_with_it)
{
    CLEANUP(world_close) struct world *w = world_open();

    log_more(w, 0, "a");
    fake_send(w->fake, "HEAD", LOG, STR(""));
    struct str before = arena_str(w->arena, fake_reply_header(w->fake, "ETag"));
    log_more(w, 1, "b");
    fake_send(w->fake, "HEAD", LOG, STR(""));
    CHECK(!str_eq(before, fake_reply_header(w->fake, "ETag")));
    fake_header(w->fake, "If-Match", before.ptr);
    CHECK_INT(412, fake_send(w->fake, "GET", LOG, STR("")).status);
}

TEST(only_logs_of_an_attempt_under_way_are_there)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    log_more(w, 0, "a");
    CHECK_INT(
        404,
        fake_send(w->fake, "GET", CONTAINER "/" FOLDER "/user_logs/other.txt", STR("")).status);
    CHECK_INT(404, fake_send(w->fake, "GET",
                             CONTAINER "/ExperimentRun/dcid.x/user_logs/std_log.txt", STR(""))
                       .status);
    CHECK_OK(store_write(w->engines.store, end_attempt, w, &err), &err);
    CHECK_INT(404, fake_send(w->fake, "GET", LOG, STR("")).status);
    CHECK_INT(-1, str_find(fake_send(w->fake, "GET", LIST, STR("")).body, STR("std_log")));
}
