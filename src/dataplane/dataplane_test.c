#include "dataplane/world_test.h"

#include "content/content.h"
#include "job/finish.h"

#define RESOLVE "/data/v1.0" WS "/dataversion/batchGetResolvedUris"

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
    struct json *run = world_get(w, JOB);

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

TEST(a_release_that_cannot_ask_for_models_is_told_of_a_folder)
{
    static const struct {
        const char *agent, *parts, *net;
    } CASES[] = {
        {"azure-ai-ml/1.26.5 azsdk-python", "UriFolder", "MLFlowModel"},
        {"azure-ai-ml/1.35.2 azsdk-python", "uri_folder", "uri_folder"},
        {"curl/8", "uri_folder", "MLFlowModel"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        fake_header(w->fake, "User-Agent", CASES[i].agent);
        struct json *run = world_get(w, JOB);
        CHECK_STR(CASES[i].parts, json_str_at(run, "outputs.parts.type"));
        CHECK_STR(CASES[i].net, json_str_at(run, "outputs.net.type"));
    }
    world_put_file(w, "azureml-blobstore-" GUID, "azureml/calm_owl/net/MLmodel");
    struct fake_reply reply = fake_json(w->fake, "POST", RESOLVE,
                                        "{\"values\":[\"azureml://jobs/calm_owl/outputs/net\"]}");
    struct json *found =
        json_get(json_get(reply.json, STR("values")), STR("azureml://jobs/calm_owl/outputs/net"));
    CHECK(str_find(json_str_at(found, "uri"), STR("/paths/")) > 0);
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
    struct json *list = json_get(world_get(w, JOB "/children"), STR("value"));
    struct json_iter it = json_iter(list);

    CHECK_INT(1, json_count(list));
    CHECK(json_next(&it));
    CHECK_STR("kid", json_str_at(it.value, "runId"));
    CHECK_STR("calm_owl", json_str_at(it.value, "parentRunId"));
    CHECK_STR("calm_owl", json_str_at(it.value, "rootRunId"));
    CHECK_STR("azureml.mlflowrun", json_str_at(it.value, "runType"));
    CHECK_INT(0, json_count(json_get(world_get(w, HISTORY "/runs/kid/children"), STR("value"))));
    CHECK_INT(400, fake_send(w->fake, "GET", JOB "/children?continuationToken=x", STR("")).status);
}

TEST(details_lead_to_the_growing_log)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    struct str key = finish_log_key(w->arena, w->attempt.run, w->attempt.number, JOB_LOGS[0]);
    struct json *details = world_get(w, JOB "/details");

    CHECK_INT(0, json_count(json_get(details, STR("logFiles"))));
    CHECK(json_is_null(json_get(details, STR("error"))));
    CHECK_INT(1, content_log_append(w->engines.content, key, 0, STR("epoch 1\n"), &err));
    details = world_get(w, JOB "/details");
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
    struct json *details = world_get(w, JOB "/details");
    CHECK_STR("Failed", json_str_at(details, "status"));
    CHECK_STR("The command ended with exit code 3.", json_str_at(details, "error.error.message"));
}

TEST(every_service_that_clients_look_for_has_an_address)
{
    static const char *const NAMES[] = {"api",        "experimentation", "history",
                                        "hyperdrive", "modelmanagement", "pipelines",
                                        "studio"};
    CLEANUP(world_close) struct world *w = world_open();
    struct json *body = world_get(w, "/discovery");

    for (size_t i = 0; i < COUNT(NAMES); i++)
        CHECK_STR("https://localhost:10443", json_str_at(body, NAMES[i]));
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
    CHECK(json_bool_at(world_get(w, JOB), "hidden", false));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->engines.store, &err);
    CHECK_OK(document_by_id(txn, w->job.doc, &document, &err), &err);
    CHECK(document.archived);
    store_read_end(&txn);
    CHECK_INT(200, fake_json(w->fake, "PATCH", PATCHED "calm_owl", "{\"hidden\":false}").status);
    CHECK(!json_bool_at(world_get(w, JOB), "hidden", true));
}

TEST(a_patch_that_cannot_be_kept_changes_nothing)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(400, fake_json(w->fake, "PATCH", PATCHED "calm_owl",
                             "{\"displayName\":\"x\",\"tags\":{\"t\":1}}")
                       .status);
    CHECK_STR("first", json_str_at(world_get(w, JOB), "displayName"));
    CHECK_INT(501,
              fake_json(w->fake, "PATCH", PATCHED "kid", "{\"properties\":{\"a\":\"b\"}}").status);
    CHECK_INT(200,
              fake_json(w->fake, "PATCH", PATCHED "kid",
                        "{\"description\":\"d\",\"properties\":{\"lazurite.origin\":\"mlflow\"}}")
                  .status);
    struct json *tags = json_get(world_get(w, HISTORY "/runs/kid"), STR("tags"));
    CHECK_STR("d", json_as_str(json_get(tags, STR("mlflow.note.content"))));
    CHECK_INT(404, fake_json(w->fake, "PATCH", PATCHED "nobody", "{}").status);
}

TEST(ids_become_addresses_and_what_is_not_there_is_left_out)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *ask = "{\"values\":[\"azureml://jobs/calm_owl/outputs/parts\","
                      "\"azureml://jobs/nobody/outputs/parts\"]}";
    struct str id = STR("azureml://jobs/calm_owl/outputs/parts");

    struct fake_reply reply = fake_json(w->fake, "POST", RESOLVE, ask);
    CHECK_INT(200, reply.status);
    CHECK_INT(0, json_count(json_get(reply.json, STR("values")))); /* nothing written yet */
    world_put_file(w, "azureml-blobstore-" GUID, "azureml/calm_owl/parts/a.txt");
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
