/* Registered models: names, versions, aliases, searches. */
#include "mlflow/face_test.h"

#include "store/document.h"

#include <stdio.h>

static void make(struct face *f, const char *name)
{
    face_ask(f, 200, "POST", API "/registered-models/create",
             face_fill(f, "{\"name\":\"$\"}", str_from(name)));
}

/* A version out of files of a run. */
static struct json *make_version(struct face *f, const char *name, struct str run)
{
    CHECK_INT(
        200,
        fake_send(f->fake, "PUT",
                  face_fill(f, "/api/2.0/mlflow-artifacts/artifacts/0/$/artifacts/m/MLmodel", run),
                  STR("x"))
            .status);
    const char *body = arena_printf(f->arena,
                                    "{\"name\":\"%s\",\"source\":\"runs:/%.*s/m\",\"run_id\":"
                                    "\"%.*s\",\"tags\":[{\"key\":\"k\",\"value\":\"v\"}]}",
                                    name, STR_ARG(run), STR_ARG(run))
                           .ptr;
    return json_get(face_ask(f, 200, "POST", API "/model-versions/create", body),
                    STR("model_version"));
}

TEST(names_are_taken_once_in_any_case)
{
    CLEANUP(face_close) struct face *f = face_open();

    make(f, "Net caf\xc3\xa9");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"net CAF\xc3\xa9\"}",
                 "RESOURCE_ALREADY_EXISTS", "");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"\"}", "INVALID_PARAMETER_VALUE",
                 "Missing value for required parameter 'name'");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"a/b\"}",
                 "INVALID_PARAMETER_VALUE", "");
    face_refuses(f, API "/registered-models/create", "{}", "INVALID_PARAMETER_VALUE",
                 "Missing value");
    face_ask(f, 404, "GET", API "/registered-models/get?name=none", "");
}

/* The system data of a document, as ARM shows it. */
static struct json *system_of(struct face *f, const char *type, int64_t parent, const char *name,
                              int64_t *out_doc)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);
    struct document_key key = {f->scope.number, str_from(type), parent, str_from(name)};
    struct document found;

    CHECK_OK(document_get(txn, &key, &found, &err), &err);
    *out_doc = found.doc;
    return json_copy(f->arena, json_parse(f->arena, arena_str(f->arena, found.system), &err));
}

TEST(what_is_made_and_changed_here_says_by_whom)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");
    struct caller program = {.kind = CALLER_ADMIN,
                             .name = STR("ci"),
                             .maker = {MAKER_APPLICATION, STR("its-client-id")}};
    int64_t model, version;

    make(f, "m");
    fake_caller(f->fake, &program);
    make_version(f, "m", run);
    struct json *system = system_of(f, "models", 0, "m", &model);
    CHECK_STR("admin", json_str_at(system, "createdBy"));
    CHECK_STR("User", json_str_at(system, "createdByType"));
    CHECK_STR("its-client-id", json_str_at(system, "lastModifiedBy"));
    CHECK_STR("Application", json_str_at(system, "lastModifiedByType"));
    system = system_of(f, "models/versions", model, "1", &version);
    CHECK_STR("its-client-id", json_str_at(system, "createdBy"));
    CHECK_STR("Application", json_str_at(system, "createdByType"));
}

TEST(versions_count_up_and_know_their_run)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");

    make(f, "m");
    struct json *version = make_version(f, "m", run);
    CHECK_STR("1", json_str_at(version, "version"));
    CHECK_STR("READY", json_str_at(version, "status"));
    CHECK_STR(run.ptr, json_str_at(version, "run_id"));
    CHECK_STR("2", json_str_at(make_version(f, "m", run), "version"));
    face_ask(f, 200, "DELETE", API "/model-versions/delete", "{\"name\":\"m\",\"version\":\"2\"}");
    CHECK_STR("3", json_str_at(make_version(f, "m", run), "version")); /* given once */
    face_ask(f, 404, "GET", API "/model-versions/get?name=m&version=2", "");
    face_refuses(f, API "/model-versions/set-tag",
                 "{\"name\":\"m\",\"version\":\"no version\",\"key\":\"k\",\"value\":\"v\"}",
                 "INVALID_PARAMETER_VALUE",
                 "Parameter 'version' must be an integer, got 'no version'.");
}

TEST(sources_that_are_not_ours_are_refused)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");
    const char *const bad[] = {"/etc/passwd",
                               "file:///etc",
                               "C:/models",
                               "http://x/api/2.0/mlflow-artifacts/artifacts/y",
                               "runs:/none/m",
                               "runs:/$/../x",
                               "mlflow-artifacts:/0/$/x",
                               "models:/none/1",
                               "models:/m-none"};

    make(f, "m");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fake_reply reply = fake_json(
            f->fake, "POST", API "/model-versions/create",
            face_fill(f, "{\"name\":\"m\",\"source\":\"$\"}", str_from(face_fill(f, bad[i], run))));
        if (reply.status / 100 != 4)
            printf("%s\n", bad[i]);
        CHECK_INT(4, reply.status / 100);
    }
    face_refuses(f, API "/model-versions/create", "{\"name\":\"none\",\"source\":\"runs:/x/m\"}",
                 "RESOURCE_DOES_NOT_EXIST", "");
}

TEST(stores_elsewhere_are_remembered_as_they_are)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const stores[] = {"s3://bucket/a/model", "dbfs:/databricks/m", "gs://b/50%/m",
                                  "https://host/models/..../m/", "abfss://c@a.host/m"};
    const char *const create = "{\"name\":\"m\",\"source\":\"$\"}";

    make(f, "m");
    for (size_t i = 0; i < COUNT(stores); i++) {
        struct json *made = face_ask(f, 200, "POST", API "/model-versions/create",
                                     face_fill(f, create, str_from(stores[i])));
        CHECK_STR(stores[i], json_str_at(made, "model_version.source"));
        const char *path = face_fill(f, API "/model-versions/get-download-uri?name=m&version=$",
                                     json_str_at(made, "model_version.version"));
        CHECK_STR(stores[i], json_str_at(face_get(f, path), "artifact_uri"));
    }
    face_ask(f, 200, "POST", API "/model-versions/create",
             face_fill(f, create, STR("models:/m/1")));
    struct json *copied = face_get(f, API "/model-versions/get-download-uri?name=m&version=6");
    CHECK_STR(stores[0], json_str_at(copied, "artifact_uri"));
    face_be_job(f, face_run(f, "0", "r"));
    face_refuses(f, API "/model-versions/create", face_fill(f, create, STR("s3://bucket/m")),
                 "PERMISSION_DENIED", "its own runs");
}

TEST(sources_that_climb_or_are_of_this_machine_say_so)
{
    CLEANUP(face_close) struct face *f = face_open();
    const char *const climbing[] = {"s3a://b/x/../../y",
                                    "http://h/m/../..",
                                    "dbfs:/a/%2e%2e/b",
                                    "s3://b/a/%252e%252e/b",
                                    "mlflow-artifacts://h/..%2f..%2fx",
                                    "s3://b/a%00",
                                    "s3:b/relative",
                                    "s3://bucket",
                                    "gs://b/./x",
                                    "ftp://../x"};
    const char *const create = "{\"name\":\"m\",\"source\":\"$\"}";

    make(f, "m");
    for (size_t i = 0; i < COUNT(climbing); i++)
        face_refuses(f, API "/model-versions/create", face_fill(f, create, str_from(climbing[i])),
                     "INVALID_PARAMETER_VALUE", "If supplying a source as an http, https,");
    face_refuses(f, API "/model-versions/create", face_fill(f, create, STR("/tmp")),
                 "INVALID_PARAMETER_VALUE",
                 "To use a local path as a model version source, the run_id");
    face_refuses(f, API "/model-versions/create",
                 "{\"name\":\"m\",\"source\":\"file:///x\",\"model_id\":\"m-1\"}",
                 "INVALID_PARAMETER_VALUE",
                 "To use a local path as a model version source, the model_id");
}

TEST(logged_models_say_as_what_they_were_registered)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *made = face_ask(f, 200, "POST", API "/logged-models", "{\"experiment_id\":\"0\"}");
    struct str id = json_str_at(made, "model.info.model_id");
    const char *register_it =
        face_fill(f, "{\"name\":\"m \\\"q\\\"\",\"source\":\"models:/$\",\"model_id\":\"$\"}", id);

    face_ask(f, 200, "POST", API "/registered-models/create", "{\"name\":\"m \\\"q\\\"\"}");
    face_ask(f, 200, "POST", API "/model-versions/create", register_it);
    face_ask(f, 200, "POST", API "/model-versions/create", register_it);
    struct json *model = face_get(f, face_fill(f, API "/logged-models/$", id));
    CHECK_STR("mlflow.modelVersions", json_str_at(model, "model.info.tags[0].key"));
    CHECK_STR("[{\"name\": \"m \\\"q\\\"\", \"version\": 1}, {\"name\": \"m \\\"q\\\"\", "
              "\"version\": 2}]",
              json_str_at(model, "model.info.tags[0].value"));
}

#define PROMPT_TAGS "\"tags\":[{\"key\":\"mlflow.prompt.is_prompt\",\"value\":\"true\"}]"

TEST(models_and_prompts_share_names_and_say_which_is_there)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct json *found;

    make(f, "model");
    face_ask(f, 200, "POST", API "/registered-models/create",
             "{\"name\":\"prompt\"," PROMPT_TAGS "}");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"model\"}",
                 "RESOURCE_ALREADY_EXISTS", "Registered Model (name=model) already exists");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"prompt\"," PROMPT_TAGS "}",
                 "RESOURCE_ALREADY_EXISTS", "Prompt (name=prompt) already exists");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"model\"," PROMPT_TAGS "}",
                 "RESOURCE_ALREADY_EXISTS",
                 "Tried to create a prompt with name 'model', but the name is already taken by a "
                 "registered model.");
    face_refuses(f, API "/registered-models/create", "{\"name\":\"prompt\"}",
                 "RESOURCE_ALREADY_EXISTS",
                 "Tried to create a registered model with name 'prompt', but the name is already "
                 "taken by a prompt.");
    face_ask(f, 200, "POST", API "/model-versions/create",
             "{\"name\":\"prompt\",\"source\":\"dummy\"," PROMPT_TAGS "}");
    found = face_get(f, API "/model-versions/search?filter=name%3D%27prompt%27");
    CHECK_INT(0, json_count(json_get(found, STR("model_versions"))));
    found = face_get(
        f, API "/model-versions/search?filter=tags.%60mlflow.prompt.is_prompt%60%3D%27true%27");
    CHECK_INT(1, json_count(json_get(found, STR("model_versions"))));
}

TEST(aliases_move_and_go)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");

    make(f, "m");
    make_version(f, "m", run);
    make_version(f, "m", run);
    face_ask(f, 200, "POST", API "/registered-models/alias",
             "{\"name\":\"m\",\"alias\":\"best\",\"version\":\"1\"}");
    face_ask(f, 200, "POST", API "/registered-models/alias",
             "{\"name\":\"m\",\"alias\":\"best\",\"version\":\"2\"}");
    struct json *found = face_get(f, API "/registered-models/alias?name=m&alias=best");
    CHECK_STR("2", json_str_at(found, "model_version.version"));
    CHECK_STR("best", json_str_at(found, "model_version.aliases[0]"));
    face_ask(f, 200, "DELETE", API "/registered-models/alias",
             "{\"name\":\"m\",\"alias\":\"best\"}");
    CHECK_INT(4,
              fake_send(f->fake, "GET", API "/registered-models/alias?name=m&alias=best", STR(""))
                      .status /
                  100);
}

TEST(searches_find_models_and_versions)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");

    for (int i = 0; i < 5; i++)
        make(f, arena_printf(f->arena, "model-%d", i).ptr);
    make_version(f, "model-1", run);
    struct json *found =
        face_get(f, API "/registered-models/search?filter=name%20LIKE%20'model-%25'&max_results=3");
    CHECK_INT(3, json_count(json_get(found, STR("registered_models"))));
    struct str token = json_str_at(found, "next_page_token");
    found = face_get(
        f,
        face_fill(f, API "/registered-models/search?filter=name%20LIKE%20'model-%25'&page_token=$",
                  token));
    CHECK_INT(2, json_count(json_get(found, STR("registered_models"))));
    found = face_get(f, face_fill(f, API "/model-versions/search?filter=run_id%20%3D%20'$'", run));
    CHECK_INT(1, json_count(json_get(found, STR("model_versions"))));
    found = face_get(f, API "/model-versions/search?filter=tags.k%20%3D%20'v'");
    CHECK_INT(1, json_count(json_get(found, STR("model_versions"))));
    face_ask(f, 400, "GET", API "/registered-models/search?filter=colour%20%3D%20'x'", "");
    face_ask(f, 400, "GET", API "/registered-models/search?max_results=0", "");
    face_ask(f, 400, "GET", API "/model-versions/search?page_token=zz", "");
}

TEST(another_workspace_has_its_own_models)
{
    CLEANUP(face_close) struct face *f = face_open();

    make(f, "m");
    face_ask(f, 404, "GET", SECOND API "/registered-models/get?name=m", "");
    face_ask(f, 200, "POST", SECOND API "/registered-models/create", "{\"name\":\"m\"}");
    face_ask(f, 200, "DELETE", SECOND API "/registered-models/delete", "{\"name\":\"m\"}");
    face_get(f, API "/registered-models/get?name=m");
}

TEST(a_job_changes_no_registered_model)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");

    make(f, "m");
    make_version(f, "m", run);
    face_be_job(f, run);
    face_ask(f, 403, "PATCH", API "/model-versions/update",
             "{\"name\":\"m\",\"version\":\"1\",\"description\":\"x\"}");
    face_ask(f, 403, "DELETE", API "/model-versions/delete", "{\"name\":\"m\",\"version\":\"1\"}");
    make_version(f, "m", run); /* of its own run it may */
}

/* The address that clients of 1.x know, and what they call a search without a filter. */
TEST(clients_of_1_x_find_registry_and_experiments)
{
    CLEANUP(face_close) struct face *f = face_open();
    struct str run = face_run(f, "0", "r");
    const char *const old = "/api/2.0/preview/mlflow/";

    face_ask(f, 200, "POST", arena_printf(f->arena, "%sregistered-models/create", old).ptr,
             "{\"name\":\"m\"}");
    make_version(f, "m", run);
    struct json *found =
        face_get(f, arena_printf(f->arena, "%smodel-versions/get?name=m&version=1", old).ptr);
    CHECK_STR("1", json_str_at(found, "model_version.version"));
    found = face_get(f, arena_printf(f->arena, "%sregistered-models/list?max_results=5", old).ptr);
    CHECK_STR("m", json_str_at(found, "registered_models[0].name"));
    found = face_get(f, API "/experiments/list");
    CHECK_STR("Default", json_str_at(found, "experiments[0].name"));
    CHECK_INT(0, json_count(json_get(face_get(f, API "/experiments/list?view_type=DELETED_ONLY"),
                                     STR("experiments"))));
    face_ask(f, 404, "GET", "/api/2.0/preview/mlflow/runs/get?run_id=x", "");
}
