#include "dataplane/dataplane.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "job/attempt.h"
#include "job/finish.h"
#include "os/file.h"
#include "store/document.h"
#include "tracking/tracking.h"
#include "vault/vault.h"

#define GUID "0123abcd-0000-4000-8000-000000000001"
#define WS \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
#define HISTORY "/history/v1.0" WS
#define JOB HISTORY "/runs/calm_owl"
#define PATCHED HISTORY "/experiments/Default/runs/"
#define RESOLVE "/data/v1.0" WS "/dataversion/batchGetResolvedUris"

#define JOB_BODY                                                                              \
    "{\"properties\":{\"jobType\":\"Command\",\"description\":\"old\",\"properties\":{\"a\":" \
    "\"1\"},\"outputs\":{\"parts\":{\"jobOutputType\":\"uri_folder\",\"uri\":"                \
    "\"azureml://datastores/workspaceblobstore/paths/azureml/calm_owl/parts\"},\"net\":{"     \
    "\"jobOutputType\":\"mlflow_model\"}}},\"resolved\":{\"outputs\":{\"parts\":{\"type\":"   \
    "\"uri_folder\"},\"net\":{\"type\":\"mlflow_model\"}}}}"

struct world {
    struct arena *arena;
    struct engines engines;
    struct fake *fake;
    struct scope scope;
    struct run job, child;
    struct attempt attempt;
    int dir;
};

static int insert_store(struct store_txn *txn, struct world *w, struct error *err)
{
    struct document store = {.scope = w->scope.number,
                             .type = STR("datastores"),
                             .name = STR("workspaceblobstore"),
                             .created_by = STR("t"),
                             .system = STR("{}"),
                             .body = STR("{\"properties\":{\"datastoreType\":\"AzureBlob\","
                                         "\"containerName\":\"azureml-blobstore-" GUID "\"}}")};

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
    return insert_runs(txn, w, err);
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
    w->engines.domain = STR("lazurite.test");
    CHECK(w->engines.vault && w->engines.content);
    CHECK_OK(store_write(w->engines.store, insert_all, w, &err), &err);
    struct route_table table = dataplane_routes(&w->engines);
    w->fake = fake_new(&table, 1);
    fake_header(w->fake, "Host", "localhost:10443");
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    fake_free(&(*w)->fake);
    content_log_drop((*w)->engines.content,
                     finish_log_key(arena, (*w)->attempt.run, (*w)->attempt.number, JOB_LOGS[0]));
    content_close(&(*w)->engines.content);
    vault_close(&(*w)->engines.vault);
    store_close(&(*w)->engines.store);
    fd_close(&(*w)->dir);
    arena_free(&arena);
}

static struct json *get(struct world *w, const char *path)
{
    struct fake_reply reply = fake_send(w->fake, "GET", path, STR(""));

    CHECK_INT(200, reply.status);
    return json_copy(w->arena, reply.json);
}

struct finishing {
    struct world *w;
    enum run_status status;
    const char *reason;
};

static int finish(struct store_txn *txn, void *context, struct error *err)
{
    struct finishing *f = context;

    f->w->job.status = f->status;
    f->w->job.reason = str_from(f->reason);
    f->w->attempt.state = ATTEMPT_ENDED;
    return attempt_update(txn, &f->w->attempt, err) < 0 ? -1 : run_update(txn, &f->w->job, err);
}

TEST(a_run_is_what_tracking_and_the_jobs_document_say)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *run = get(w, JOB);

    CHECK_STR("calm_owl", json_str_at(run, "runId"));
    CHECK_STR("calm_owl", json_str_at(run, "rootRunId"));
    CHECK_STR("Running", json_str_at(run, "status"));
    CHECK_STR("first", json_str_at(run, "displayName"));
    CHECK_STR("ann", json_str_at(run, "createdBy.userName"));
    CHECK_STR("1", json_str_at(run, "properties.a"));
    CHECK_STR("dcid.calm_owl", json_str_at(run, "dataContainerId"));
    CHECK_STR("uri_folder", json_str_at(run, "outputs.parts.type"));
    CHECK_STR("MLFlowModel", json_str_at(run, "outputs.net.type"));
    CHECK_STR("azureml://jobs/calm_owl/outputs/parts", json_str_at(run, "outputs.parts.assetId"));
    CHECK_INT(404, fake_send(w->fake, "GET", HISTORY "/runs/nobody", STR("")).status);
}

TEST(run_data_names_the_run_in_its_body)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply =
        fake_json(w->fake, "POST", HISTORY "/rundata", "{\"runId\":\"calm_owl\"}");

    CHECK_INT(200, reply.status);
    CHECK_STR("calm_owl", json_str_at(reply.json, "runMetadata.runId"));
    CHECK_INT(404, fake_json(w->fake, "POST", HISTORY "/rundata", "{}").status);
    CHECK_INT(400, fake_json(w->fake, "POST", HISTORY "/rundata", "{").status);
}

TEST(children_are_listed_and_no_others)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *list = json_get(get(w, JOB "/children"), STR("value"));
    struct json_iter it = json_iter(list);

    CHECK_INT(1, json_count(list));
    CHECK(json_next(&it));
    CHECK_STR("kid", json_str_at(it.value, "runId"));
    CHECK_STR("calm_owl", json_str_at(it.value, "parentRunId"));
    CHECK_STR("calm_owl", json_str_at(it.value, "rootRunId"));
    CHECK_STR("azureml.mlflowrun", json_str_at(it.value, "runType"));
    CHECK_INT(0, json_count(json_get(get(w, HISTORY "/runs/kid/children"), STR("value"))));
    CHECK_INT(400, fake_send(w->fake, "GET", JOB "/children?continuationToken=x", STR("")).status);
}

TEST(details_lead_to_the_growing_log)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    struct str key = finish_log_key(w->arena, w->attempt.run, w->attempt.number, JOB_LOGS[0]);
    struct json *details = get(w, JOB "/details");

    CHECK_INT(0, json_count(json_get(details, STR("logFiles"))));
    CHECK(json_is_null(json_get(details, STR("error"))));
    CHECK_INT(1, content_log_append(w->engines.content, key, 0, STR("epoch 1\n"), &err));
    details = get(w, JOB "/details");
    struct str url = json_as_str(json_get(json_get(details, STR("logFiles")), JOB_LOGS[0]));
    CHECK(str_starts(url, STR("https://localhost:10443/lz0123abcd000040008000.blob.core."
                              "lazurite.test/azureml-" GUID
                              "/ExperimentRun/dcid.calm_owl/user_logs/std_log.txt?sv=")));
    CHECK(str_find(url, STR("&sr=b&sp=r&")) > 0);
}

TEST(a_failed_run_says_why)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct finishing f = {w, RUN_FAILED, "The command ended with exit code 3."};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, finish, &f, &err), &err);
    struct json *details = get(w, JOB "/details");
    CHECK_STR("Failed", json_str_at(details, "status"));
    CHECK_STR("The command ended with exit code 3.", json_str_at(details, "error.error.message"));
}

TEST(a_patch_merges_and_leaves_the_rest)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(200,
              fake_json(w->fake, "PATCH", PATCHED "calm_owl", "{\"tags\":{\"t\":\"1\"}}").status);
    struct fake_reply reply =
        fake_json(w->fake, "PATCH", PATCHED "calm_owl",
                  "{\"displayName\":\"second\",\"description\":\"new\",\"tags\":{\"u\":\"2\"},"
                  "\"properties\":{\"b\":\"2\"}}");
    CHECK_INT(200, reply.status);
    CHECK_STR("second", json_str_at(reply.json, "displayName"));
    CHECK_STR("new", json_str_at(reply.json, "description"));
    CHECK_STR("1", json_str_at(reply.json, "tags.t"));
    CHECK_STR("2", json_str_at(reply.json, "tags.u"));
    CHECK_STR("1", json_str_at(reply.json, "properties.a"));
    CHECK_STR("2", json_str_at(reply.json, "properties.b"));
}

TEST(hidden_is_the_archive_of_run_and_document)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    struct document document;

    CHECK_INT(200, fake_json(w->fake, "PATCH", PATCHED "calm_owl", "{\"hidden\":true}").status);
    CHECK(json_bool_at(get(w, JOB), "hidden", false));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->engines.store, &err);
    CHECK_OK(document_by_id(txn, w->job.doc, &document, &err), &err);
    CHECK(document.archived);
    store_read_end(&txn);
    CHECK_INT(200, fake_json(w->fake, "PATCH", PATCHED "calm_owl", "{\"hidden\":false}").status);
    CHECK(!json_bool_at(get(w, JOB), "hidden", true));
}

TEST(a_patch_that_cannot_be_kept_changes_nothing)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(400, fake_json(w->fake, "PATCH", PATCHED "calm_owl",
                             "{\"displayName\":\"x\",\"tags\":{\"t\":1}}")
                       .status);
    CHECK_STR("first", json_str_at(get(w, JOB), "displayName"));
    CHECK_INT(501,
              fake_json(w->fake, "PATCH", PATCHED "kid", "{\"properties\":{\"a\":\"b\"}}").status);
    CHECK_INT(200,
              fake_json(w->fake, "PATCH", PATCHED "kid",
                        "{\"description\":\"d\",\"properties\":{\"lazurite.origin\":\"mlflow\"}}")
                  .status);
    struct json *tags = json_get(get(w, HISTORY "/runs/kid"), STR("tags"));
    CHECK_STR("d", json_as_str(json_get(tags, STR("mlflow.note.content"))));
    CHECK_INT(404, fake_json(w->fake, "PATCH", PATCHED "nobody", "{}").status);
}

static int put_blob(struct store_txn *txn, void *context, struct error *err)
{
    struct content_object *object = context;
    struct blob blob = {.container = STR("azureml-blobstore-" GUID),
                        .name = STR("azureml/calm_owl/parts/a.txt"),
                        .meta = STR("{}")};

    if (content_keep(txn, object, err) < 0)
        return -1;
    blob.object = object->object;
    return blob_put(txn, &blob, false, err);
}

TEST(ids_become_addresses_and_what_is_not_there_is_left_out)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(w->engines.content, &err);
    struct content_object object = {0};
    const char *ask = "{\"values\":[\"azureml://jobs/calm_owl/outputs/parts\","
                      "\"azureml://jobs/nobody/outputs/parts\"]}";
    struct str id = STR("azureml://jobs/calm_owl/outputs/parts");

    struct fake_reply reply = fake_json(w->fake, "POST", RESOLVE, ask);
    CHECK_INT(200, reply.status);
    CHECK_INT(0, json_count(json_get(reply.json, STR("values")))); /* nothing written yet */
    CHECK_OK(content_write(writer, STR("1"), &err), &err);
    CHECK_OK(content_finish(writer, &object, &err), &err);
    CHECK_OK(store_write(w->engines.store, put_blob, &object, &err), &err);
    reply = fake_json(w->fake, "POST", RESOLVE, ask);
    struct json *values = json_get(reply.json, STR("values"));
    CHECK_INT(1, json_count(values));
    CHECK_STR(
        "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/"
        "paths/azureml/calm_owl/parts",
        json_str_at(json_get(values, id), "uri"));
    CHECK_STR("uri_folder", json_str_at(json_get(values, id), "type"));
    reply =
        fake_json(w->fake, "POST", "/modelregistry/v1.0" WS "/models/batchGetResolvedUris", ask);
    CHECK(str_ends(json_str_at(json_get(json_get(reply.json, STR("values")), id), "path"),
                   STR("/azureml/calm_owl/parts")));
    CHECK_INT(400, fake_json(w->fake, "POST", RESOLVE, "{\"values\":\"x\"}").status);
}
