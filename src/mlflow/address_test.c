/* How files are addressed, and what azureml addresses mean when they come back. */
#include "mlflow/face_test.h"

#include <stdio.h>

#define PLUGIN "mlflow-python-client/3.15.0 azureml-mlflow/1.62.0.post6"

static struct str uri_of(struct face *f, const char *root, struct str id)
{
    struct json *run = face_get(
        f, face_fill(f, arena_printf(f->arena, "%s" API "/runs/get?run_id=$", root).ptr, id));

    return json_str_at(run, "run.info.artifact_uri");
}

TEST(the_plugin_is_told_addresses_of_its_scheme)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");

    fake_header(f->fake, "User-Agent", PLUGIN);
    CHECK_STR(face_fill(f, "azureml://localhost:10443" FIRST "/experiments/0/runs/$/artifacts", id),
              uri_of(f, FIRST, id));
    struct json *e = face_get(f, FIRST API "/experiments/get?experiment_id=0");
    CHECK_STR("azureml://localhost:10443" FIRST "/experiments/0",
              json_str_at(e, "experiment.artifact_location"));
}

TEST(everybody_else_is_told_mlflows_own)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *plain = face_fill(f, "mlflow-artifacts:/0/$/artifacts", id);

    CHECK_STR(plain, uri_of(f, FIRST, id)); /* no plugin */
    fake_header(f->fake, "User-Agent", PLUGIN);
    CHECK_STR(plain, uri_of(f, "", id)); /* the bare root is no azureml address */
    CHECK_STR(plain, uri_of(f,
                            "/mlflow/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft."
                            "MachineLearningServices/workspaces/w",
                            id));
    fake_listener(f->fake, LISTEN_PLAIN);
    CHECK_STR(plain, uri_of(f, FIRST, id)); /* the plugin would come by https */
}

static struct str upload(struct face *f, const char *path)
{
    CHECK_INT(200, fake_send(f->fake, "PUT", path, STR("bytes")).status);
    return str_from(path);
}

TEST(an_address_comes_back_as_the_source_of_a_version)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *address =
        face_fill(f, "azureml://localhost:10443" FIRST "/experiments/0/runs/$/artifacts/net", id);

    upload(f, face_fill(f, "/api/2.0/mlflow-artifacts/artifacts/0/$/artifacts/net/MLmodel", id));
    face_ask(f, 200, "POST", API "/registered-models/create", "{\"name\":\"m\"}");
    struct json *made =
        face_ask(f, 200, "POST", API "/model-versions/create",
                 face_fill(f, "{\"name\":\"m\",\"source\":\"$\"}", str_from(address)));
    CHECK_STR(id.ptr, json_str_at(made, "model_version.run_id"));
    fake_header(f->fake, "User-Agent", PLUGIN);
    struct json *uri = face_get(f, FIRST API "/model-versions/get-download-uri?name=m&version=1");
    struct str text = json_str_at(uri, "artifact_uri");
    CHECK(str_starts(text, STR("azureml://artifacts/ModelVersion/")));
    CHECK(str_ends(text, STR("/net")));
    made = face_ask(f, 200, "POST", FIRST API "/model-versions/create",
                    face_fill(f, "{\"name\":\"m\",\"source\":\"$\"}", text));
    CHECK_STR("2", json_str_at(made, "model_version.version"));
}

TEST(addresses_of_others_lead_nowhere)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str id = face_run(f, "0", "r");
    const char *const bad[] = {
        "azureml://localhost:10443" SECOND "/experiments/0/runs/$/artifacts/net",
        "azureml://localhost:10443" FIRST "/experiments/0/runs/none/artifacts/net",
        "azureml://localhost:10443" FIRST "/experiments/0/runs/$/artifacts/../x",
        "azureml://localhost:10443" FIRST "/experiments/0/runs/$/artifacts/%2e%2e/x",
        "azureml://localhost:10443" FIRST "/experiments/0/runs/$/files/x",
        "azureml://localhost:10443" FIRST "/runs/$/artifacts/x",
        "azureml://artifacts/LocalUpload/none/model",
        "azureml://artifacts/LocalUpload/..",
        "azureml://artifacts/LocalUpload/../../azureml",
        "azureml://artifacts/ModelVersion/999/x",
        "azureml://artifacts/ExperimentRun/dcid.none/x",
        "azureml://artifacts/LoggedModels/m-none/x",
        "azureml://artifacts",
        "azureml://"};

    face_ask(f, 200, "POST", API "/registered-models/create", "{\"name\":\"m\"}");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fake_reply reply = fake_json(
            f->fake, "POST", API "/model-versions/create",
            face_fill(f, "{\"name\":\"m\",\"source\":\"$\"}", str_from(face_fill(f, bad[i], id))));
        if (reply.status != 400 && reply.status != 404)
            printf("%s\n", bad[i]);
        CHECK(reply.status == 400 || reply.status == 404);
    }
}

TEST(a_job_registers_what_its_run_has_and_nothing_else)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str own = face_run(f, "0", "own"), other = face_run(f, "0", "other");
    const char *address =
        "{\"name\":\"m\",\"source\":\"azureml://h" FIRST "/experiments/0/runs/$/artifacts/net\"}";

    upload(f, face_fill(f, "/api/2.0/mlflow-artifacts/artifacts/0/$/artifacts/net/MLmodel", own));
    upload(f, face_fill(f, "/api/2.0/mlflow-artifacts/artifacts/0/$/artifacts/net/MLmodel", other));
    face_ask(f, 200, "POST", API "/registered-models/create", "{\"name\":\"m\"}");
    face_be_job(f, own);
    face_ask(f, 200, "POST", API "/model-versions/create", face_fill(f, address, own));
    face_refuses(f, API "/model-versions/create", face_fill(f, address, other), "PERMISSION_DENIED",
                 "");
    face_refuses(f, API "/model-versions/create",
                 "{\"name\":\"m\",\"source\":\"azureml://artifacts/LocalUpload/u/model\"}",
                 "PERMISSION_DENIED", "its own runs");
}
