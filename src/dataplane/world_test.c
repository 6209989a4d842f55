#include "dataplane/world_test.h"

#include "content/content.h"
#include "job/finish.h"
#include "os/file.h"
#include "vault/vault.h"

#include <stdio.h>

#define JOB_BODY                                                                              \
    "{\"properties\":{\"jobType\":\"Command\",\"description\":\"old\",\"properties\":{\"a\":" \
    "\"1\"},\"outputs\":{\"parts\":{\"jobOutputType\":\"uri_folder\",\"uri\":"                \
    "\"azureml://datastores/workspaceblobstore/paths/azureml/calm_owl/parts\"},\"net\":{"     \
    "\"jobOutputType\":\"mlflow_model\"}}},\"resolved\":{\"outputs\":{\"parts\":{\"type\":"   \
    "\"uri_folder\"},\"net\":{\"type\":\"mlflow_model\"}}}}"

/* Both datastores that every workspace has. */
static int insert_store(struct store_txn *txn, struct world *w, struct error *err)
{
    struct document store = {.scope = w->scope.number,
                             .type = STR("datastores"),
                             .name = STR("workspaceblobstore"),
                             .created_by = STR("t"),
                             .system = STR("{}"),
                             .body = STR("{\"properties\":{\"datastoreType\":\"AzureBlob\","
                                         "\"containerName\":\"azureml-blobstore-" GUID "\"}}")};

    if (document_insert(txn, &store, err) < 0)
        return -1;
    store.doc = 0;
    store.name = STR("workspaceartifactstore");
    store.body = STR("{\"properties\":{\"datastoreType\":\"AzureBlob\",\"containerName\":"
                     "\"azureml-" GUID "\"}}");
    return document_insert(txn, &store, err);
}

/* A job that runs, and a run that MLflow made below it. */
static int insert_runs(struct store_txn *txn, struct world *w, struct error *err)
{
    struct document job = {.scope = w->scope.number,
                           .type = STR("jobs"),
                           .name = STR("calm_owl"),
                           .created_by = STR("t"),
                           .system = STR("{}"),
                           .body = STR(JOB_BODY)};

    if (document_insert(txn, &job, err) < 0)
        return -1;
    w->job = (struct run){.scope = w->scope.number,
                          .run_id = STR("calm_owl"),
                          .kind = RUN_COMMAND,
                          .status = RUN_RUNNING,
                          .name = STR("first"),
                          .user = STR("ann"),
                          .doc = job.doc};
    if (run_insert(txn, &w->job, err) < 0)
        return -1;
    w->child = (struct run){.scope = w->scope.number,
                            .run_id = STR("kid"),
                            .kind = RUN_MLFLOW,
                            .status = RUN_COMPLETED,
                            .parent = w->job.run,
                            .root = w->job.run};
    w->attempt = (struct attempt){.run = w->job.run, .state = ATTEMPT_RUNNING};
    return run_insert(txn, &w->child, err) < 0 || attempt_insert(txn, &w->attempt, err) < 0 ? -1
                                                                                            : 0;
}

static int insert_all(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->scope = (struct scope){.kind = SCOPE_WORKSPACE,
                              .subscription = STR("s"),
                              .group = STR("g"),
                              .name = STR("w"),
                              .guid = STR(GUID)};
    if (scope_insert(txn, &w->scope, err) < 0 ||
        experiment_make_default(txn, w->scope.number, err) < 0 || insert_store(txn, w, err) < 0)
        return -1;
    w->second = (struct scope){.kind = SCOPE_WORKSPACE,
                               .subscription = STR("s"),
                               .group = STR("g"),
                               .name = STR("w2"),
                               .guid = STR("0123abcd-0000-4000-8000-000000000002")};
    if (scope_insert(txn, &w->second, err) < 0)
        return -1;
    return insert_runs(txn, w, err);
}

struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    w->arena = arena;
    w->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &w->engines.store, &err), &err);
    w->engines.vault = vault_open(w->dir, &err);
    w->engines.content = content_open(w->dir, w->engines.store, &err);
    w->engines.domain = STR("lazurite.test");
    w->engines.tracking = tracking_open(w->engines.store, &err);
    CHECK(w->engines.vault && w->engines.content && w->engines.tracking);
    CHECK_OK(store_write(w->engines.store, insert_all, w, &err), &err);
    struct route_table table = dataplane_routes(&w->engines);
    w->fake = fake_new(&table, 1);
    fake_header(w->fake, "Host", "localhost:10443");
    return w;
}

void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    fake_free(&(*w)->fake);
    content_log_drop((*w)->engines.content,
                     finish_log_key(arena, (*w)->attempt.run, (*w)->attempt.number, JOB_LOGS[0]));
    tracking_close(&(*w)->engines.tracking);
    content_close(&(*w)->engines.content);
    vault_close(&(*w)->engines.vault);
    store_close(&(*w)->engines.store);
    fd_close(&(*w)->dir);
    arena_free(&arena);
}

struct json *world_get(struct world *w, const char *path)
{
    struct fake_reply reply = fake_send(w->fake, "GET", path, STR(""));

    if (reply.status != 200)
        printf("%s: %.*s\n", path, STR_ARG(reply.body));
    CHECK_INT(200, reply.status);
    return json_copy(w->arena, reply.json);
}

struct json *world_ask(struct world *w, int status, const char *method, const char *path,
                       const char *body)
{
    struct fake_reply reply = fake_json(w->fake, method, path, body);

    if (reply.status != status)
        printf("%s %s: %.*s\n", method, path, STR_ARG(reply.body));
    CHECK_INT(status, reply.status);
    return reply.json ? json_copy(w->arena, reply.json) : NULL;
}

void world_be_job(struct world *w)
{
    struct caller caller = {.kind = CALLER_ATTEMPT,
                            .name = STR("calm_owl"),
                            .scope = w->scope.number,
                            .run = STR("calm_owl"),
                            .attempt = 1};

    fake_caller(w->fake, &caller);
}

void world_be_admin(struct world *w)
{
    struct caller caller = {.kind = CALLER_ADMIN, .name = STR("admin")};

    fake_caller(w->fake, &caller);
}

static int add_run(struct store_txn *txn, void *context, struct error *err)
{
    return run_insert(txn, context, err);
}

struct run world_add_run(struct world *w, const char *name, int64_t experiment)
{
    struct run run = {.scope = w->scope.number,
                      .run_id = str_from(name),
                      .name = str_from(name),
                      .experiment = experiment,
                      .kind = RUN_MLFLOW,
                      .status = RUN_RUNNING};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, add_run, &run, &err), &err);
    return run;
}

struct putting {
    struct content_object object;
    struct blob blob;
};

static int put_file(struct store_txn *txn, void *context, struct error *err)
{
    struct putting *putting = context;

    if (content_keep(txn, &putting->object, err) < 0)
        return -1;
    putting->blob.object = putting->object.object;
    return blob_put(txn, &putting->blob, false, err);
}

void world_put_file(struct world *w, const char *container, const char *name)
{
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(w->engines.content, &err);
    struct putting putting = {
        .blob = {.container = str_from(container), .name = str_from(name), .meta = STR("{}")}};

    CHECK_OK(content_write(writer, str_from(name), &err), &err);
    CHECK_OK(content_finish(writer, &putting.object, &err), &err);
    CHECK_OK(store_write(w->engines.store, put_file, &putting, &err), &err);
}
