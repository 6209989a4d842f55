#include "kinds/kinds.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "os/clock.h"
#include "os/file.h"
#include "tracking/tracking.h"
#include "vault/account_key.h"
#include "vault/sas.h"
#include "vault/vault.h"

#include <string.h>

static const struct arm_kind *const KINDS[] = {
    &workspace_kind, &datastore_kind,     &code_kind,        &code_version_kind,
    &data_kind,      &data_version_kind,  &environment_kind, &environment_version_kind,
    &model_kind,     &model_version_kind, &compute_kind,
};

#define RG                                                                                  \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces"
#define WS RG "/default"
#define LONG                                                                               \
    "azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/default/" \
    "workspaces/default/datastores/"

struct fixture {
    struct arena *arena;
    struct engines engines;
    struct scope scope;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

static struct fixture *fixture_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct fixture *f = arena_make(arena, struct fixture);
    struct error err = {0};

    f->arena = arena;
    f->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &f->engines.store, &err), &err);
    f->engines.vault = vault_open(f->dir, &err);
    f->engines.content = content_open(f->dir, f->engines.store, &err);
    f->engines.domain = STR("lazurite.test");
    CHECK(f->engines.vault && f->engines.content);
    CHECK_OK(workspace_make_default(&f->engines, arena, &f->scope, &err), &err);
    f->arm = arm_new(KINDS, COUNT(KINDS), &f->engines);
    struct route_table table = arm_routes(f->arm);
    f->fake = fake_new(&table, 1);
    return f;
}

static void fixture_close(struct fixture **f)
{
    struct arena *arena = (*f)->arena;

    fake_free(&(*f)->fake);
    arm_free(&(*f)->arm);
    content_close(&(*f)->engines.content);
    store_close(&(*f)->engines.store);
    vault_close(&(*f)->engines.vault);
    fd_close(&(*f)->dir);
    arena_free(&arena);
}

struct upload {
    struct content_object object;
    struct blob blob;
};

static int upload_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct upload *upload = context;

    if (content_keep(txn, &upload->object, err) < 0)
        return -1;
    upload->blob.object = upload->object.object;
    return blob_put(txn, &upload->blob, false, err);
}

static void put_blob(struct fixture *f, struct str container, const char *name, const char *text)
{
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(f->engines.content, &err);
    struct upload upload = {
        .blob = {.container = container, .name = str_from(name), .meta = STR("{}")}};

    CHECK(writer);
    CHECK_OK(content_write(writer, str_from(text), &err), &err);
    CHECK_OK(content_finish(writer, &upload.object, &err), &err);
    CHECK_OK(store_write(f->engines.store, upload_apply, &upload, &err), &err);
}

static struct fake_reply get(struct fixture *f, const char *target)
{
    return fake_send(f->fake, "GET", target, STR(""));
}

/* --- Workspace ------------------------------------------------------------------------------- */

TEST(the_first_workspace_is_made_once)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct scope again;
    struct error err = {0};

    CHECK_OK(workspace_make_default(&f->engines, f->arena, &again, &err), &err);
    CHECK_INT(f->scope.number, again.number);
    CHECK_STR(arena_cstr(f->arena, f->scope.guid), again.guid);
    CHECK_STR("default", again.name);
    CHECK_INT(1, json_count(json_at(get(f, RG).json, "value")));
}

TEST(a_workspace_says_what_clients_need_under_the_name_they_used)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = get(f, WS);

    CHECK_INT(200, reply.status);
    CHECK_STR("https://localhost:10443/discovery",
              json_str_at(reply.json, "properties.discoveryUrl"));
    CHECK_STR("azureml://localhost:10443/mlflow/v1.0" WS,
              json_str_at(reply.json, "properties.mlFlowTrackingUri"));
    CHECK_STR(arena_cstr(f->arena, f->scope.guid),
              json_str_at(reply.json, "properties.workspaceId"));
    CHECK(str_find(json_str_at(reply.json, "properties.storageAccount"),
                   STR("/storageAccounts/lz")) > 0);
    CHECK_STR("local", json_str_at(reply.json, "location"));
    fake_header(f->fake, "Host", "127.0.0.1:999");
    CHECK_STR("https://127.0.0.1:999/discovery",
              json_str_at(get(f, WS).json, "properties.discoveryUrl"));
}

TEST(a_workspace_is_patched_and_keeps_only_what_is_the_clients)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PATCH", WS,
                                        "{\"tags\":{\"team\":\"a\"},\"properties\":{"
                                        "\"description\":\"mine\",\"workspaceId\":\"x\"}}");

    CHECK_INT(200, reply.status);
    CHECK_STR("a", json_str_at(reply.json, "tags.team"));
    CHECK_STR("mine", json_str_at(reply.json, "properties.description"));
    CHECK_STR(arena_cstr(f->arena, f->scope.guid),
              json_str_at(reply.json, "properties.workspaceId"));
    CHECK_INT(400, fake_json(f->fake, "PATCH", WS, "{\"tags\":{\"a\":[5]}}").status);
    CHECK_INT(200, fake_send(f->fake, "POST", WS "/listkeys", STR("")).status);
}

/* --- Datastores ------------------------------------------------------------------------------ */

TEST(two_datastores_are_there_from_birth)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = get(f, WS "/datastores?isDefault=true&count=30");
    struct str account = asset_account(f->arena, &f->scope);

    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK_STR("workspaceblobstore", json_str_at(reply.json, "value[0].name"));
    CHECK_STR("AzureBlob", json_str_at(reply.json, "value[0].properties.datastoreType"));
    CHECK_STR(arena_printf(f->arena, "localhost:10443/%.*s", STR_ARG(account)).ptr,
              json_str_at(reply.json, "value[0].properties.accountName"));
    CHECK_STR("core.lazurite.test", json_str_at(reply.json, "value[0].properties.endpoint"));
    CHECK(json_bool_at(reply.json, "value[0].properties.isDefault", false));
    CHECK_INT(2, json_count(json_at(get(f, WS "/datastores").json, "value")));
    CHECK_INT(409,
              fake_send(f->fake, "DELETE", WS "/datastores/workspaceblobstore", STR("")).status);
    CHECK_INT(409, fake_json(f->fake, "PUT", WS "/datastores/workspaceartifactstore",
                             "{\"properties\":{\"datastoreType\":\"AzureBlob\"}}")
                       .status);
}

TEST(list_secrets_of_our_own_store_signs_its_container)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        fake_json(f->fake, "POST", WS "/datastores/workspaceblobstore/listSecrets",
                  "{\"expirableSecret\":true,\"expireAfterHours\":1}");
    struct str token = json_str_at(reply.json, "sasToken");
    struct sas_ask ask = {.query = token,
                          .now_us = clock_now_us(),
                          .account = asset_account(f->arena, &f->scope),
                          .container = asset_blob_container(f->arena, &f->scope)};
    struct sas sas;
    struct error err = {0};

    CHECK_STR("Sas", json_str_at(reply.json, "secretsType"));
    CHECK_OK(sas_check(f->engines.vault, f->arena, &ask, &sas, &err), &err);
    CHECK_STR("racwdl", sas.permissions);
    ask.now_us += 3601 * US_PER_S;
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(f->engines.vault, f->arena, &ask, &sas, &err), &err);
}

TEST(the_artifact_store_gives_the_accounts_key_of_the_day)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply =
        fake_send(f->fake, "GET", WS "/datastores/workspaceartifactstore", STR(""));

    CHECK_STR("AccountKey", json_str_at(reply.json, "properties.credentials.credentialsType"));
    reply = fake_send(f->fake, "GET", WS "/datastores/workspaceblobstore", STR(""));
    CHECK_STR("Sas", json_str_at(reply.json, "properties.credentials.credentialsType"));
    reply = fake_json(f->fake, "POST", WS "/datastores/workspaceartifactstore/listSecrets",
                      "{\"expirableSecret\":true,\"expireAfterHours\":1}");
    CHECK_STR("AccountKey", json_str_at(reply.json, "secretsType"));
    struct str key = arena_str(f->arena, json_str_at(reply.json, "key"));
    CHECK(str_eq(key, account_key(f->engines.vault, f->arena, asset_account(f->arena, &f->scope),
                                  clock_now_us())));
    reply = fake_send(f->fake, "POST", WS "/listKeys", STR(""));
    CHECK(str_eq(key, json_str_at(reply.json, "userStorageKey")));
}

TEST(credentials_leave_only_by_list_secrets)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/datastores/mine?skipValidation=true",
                                        "{\"properties\":{\"datastoreType\":\"azureblob\","
                                        "\"accountName\":\"a\",\"containerName\":\"c\","
                                        "\"credentials\":{\"credentialsType\":\"AccountKey\","
                                        "\"secrets\":{\"secretsType\":\"AccountKey\","
                                        "\"key\":\"a2V5LXRvLWhpZGU=\"}}}}");

    CHECK_INT(201, reply.status);
    CHECK(str_find(reply.body, STR("a2V5")) < 0);
    CHECK_STR("AzureBlob", json_str_at(reply.json, "properties.datastoreType"));
    CHECK_STR("AccountKey", json_str_at(reply.json, "properties.credentials.credentialsType"));
    CHECK(str_find(get(f, WS "/datastores/mine").body, STR("a2V5")) < 0);
    reply = fake_send(f->fake, "POST", WS "/datastores/mine/listSecrets", STR(""));
    CHECK_INT(200, reply.status);
    CHECK_STR("a2V5LXRvLWhpZGU=", json_str_at(reply.json, "key"));
    CHECK_INT(200, fake_send(f->fake, "DELETE", WS "/datastores/mine", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "POST", WS "/datastores/mine/listSecrets", STR("")).status);
}

TEST(a_datastore_without_what_its_type_needs_names_the_field)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "PUT", WS "/datastores/x",
                                        "{\"properties\":{\"datastoreType\":\"AzureFile\","
                                        "\"accountName\":\"a\"}}");

    CHECK_INT(400, reply.status);
    CHECK_STR("properties.fileShareName", json_str_at(reply.json, "error.target"));
    reply = fake_json(f->fake, "PUT", WS "/datastores/x",
                      "{\"properties\":{\"datastoreType\":\"Ftp\"}}");
    CHECK_STR("properties.datastoreType", json_str_at(reply.json, "error.target"));
    reply = fake_json(f->fake, "PUT", WS "/datastores/x",
                      "{\"properties\":{\"datastoreType\":\"AzureBlob\",\"accountName\":\"a\","
                      "\"containerName\":\"c\",\"credentials\":{\"credentialsType\":\"AccountKey\","
                      "\"secrets\":{\"secretsType\":[],\"key\":\"azE=\"}}}}");
    CHECK_INT(400, reply.status);
    CHECK_STR("properties.credentials.secrets.secretsType",
              json_str_at(reply.json, "error.target"));
    CHECK_INT(404, get(f, WS "/datastores/x").status);
}

/* --- Data and code --------------------------------------------------------------------------- */

TEST(data_is_versioned_as_clients_expect)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;

    CHECK_INT(404, get(f, WS "/data/iris").status);
    reply = fake_json(
        f->fake, "PUT", WS "/data/iris/versions/1",
        "{\"properties\":{\"description\":\"x\",\"isAnonymous\":false,\"tags\":{\"a\":\"b\"},"
        "\"isArchived\":false,\"properties\":{},\"dataType\":\"uri_file\",\"dataUri\":"
        "\"azureml://datastores/workspaceblobstore/paths/LocalUpload/ad/f1.csv\"}}");
    CHECK_INT(201, reply.status);
    CHECK_STR(WS "/data/iris/versions/1", json_str_at(reply.json, "id"));
    reply = get(f, WS "/data/iris");
    CHECK_STR("uri_file", json_str_at(reply.json, "properties.dataType"));
    CHECK_STR("2", json_str_at(reply.json, "properties.nextVersion"));
    reply = fake_json(f->fake, "PUT", WS "/data/iris/versions/2",
                      "{\"properties\":{\"dataUri\":\"./local/file\"}}");
    CHECK_INT(400, reply.status);
    CHECK_STR("properties.dataUri", json_str_at(reply.json, "error.target"));
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/data/iris/versions/2",
                             "{\"properties\":{\"dataUri\":\"https://x/y\",\"dataType\":\"zip\"}}")
                       .status);
    CHECK_INT(400,
              fake_json(f->fake, "PUT", WS "/data/iris/versions/2", "{\"properties\":{}}").status);
}

TEST(code_is_found_by_its_hash_under_any_name)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = get(f, WS "/codes/11111111/versions?hash=89c5&hashVersion=202208");

    CHECK_INT(200, reply.status);
    CHECK_INT(0, json_count(json_at(reply.json, "value")));
    reply = fake_json(f->fake, "POST", WS "/codes/11111111/versions/1/startPendingUpload",
                      "{\"pendingUploadType\":\"TemporaryBlobReference\"}");
    CHECK_INT(200, reply.status);
    struct str uri = json_str_at(reply.json, "blobReferenceForConsumption.blobUri");
    struct str sas = json_str_at(reply.json, "blobReferenceForConsumption.credential.sasUri");
    CHECK(str_starts(uri, STR("https://localhost:10443/lz")));
    CHECK(str_find(uri, STR(".blob.core.lazurite.test/azureml-")) > 0);
    CHECK(str_starts(sas, uri) && str_find(sas, STR("sp=rcwl")) > 0);
    struct str body =
        arena_printf(f->arena,
                     "{\"properties\":{\"codeUri\":\"%.*s/src\",\"isAnonymous\":true,"
                     "\"properties\":{\"hash_sha256\":\"89c5\",\"hash_version\":202208}}}",
                     STR_ARG(uri));
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/codes/11111111/versions/1", body.ptr).status);
    reply = get(f, WS "/codes/22222222/versions?hash=89c5&hashVersion=202208");
    CHECK_STR(WS "/codes/11111111/versions/1", json_str_at(reply.json, "value[0].id"));
    CHECK_INT(0, json_count(json_at(get(f, WS "/codes/2/versions?hash=0000").json, "value")));
    CHECK_INT(404, get(f, WS "/codes/22222222/versions").status);
}

/* --- Environments and models ----------------------------------------------------------------- */

TEST(an_environment_is_made_from_something)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(
        f->fake, "PUT", WS "/environments/e/versions/1",
        "{\"properties\":{\"condaFile\":\"dependencies:\\n- python=3.11\\n\",\"image\":\"img\"}}");

    CHECK_INT(201, reply.status);
    CHECK_STR("UserCreated", json_str_at(reply.json, "properties.environmentType"));
    CHECK_STR("Linux", json_str_at(reply.json, "properties.osType"));
    CHECK_INT(
        400,
        fake_json(f->fake, "PUT", WS "/environments/e/versions/2", "{\"properties\":{}}").status);
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/environments/e/versions/2",
                             "{\"properties\":{\"build\":{\"dockerfilePath\":\"D\"}}}")
                       .status);
    reply = fake_json(f->fake, "PUT", WS "/environments/e/versions/1",
                      "{\"properties\":{\"image\":\"other\"}}");
    CHECK_INT(409, reply.status);
    /* A client that sends back what it read, changed in its tags only. */
    reply = get(f, WS "/environments/e/versions/1");
    struct json *body = json_copy(f->arena, reply.json);
    json_set_bool(f->arena, json_at(body, "properties"), "isArchived", true);
    reply =
        fake_json(f->fake, "PUT", WS "/environments/e/versions/1", json_write(f->arena, body).ptr);
    CHECK_INT(200, reply.status);
    CHECK(json_bool_at(reply.json, "properties.isArchived", false));
}

TEST(a_model_by_run_is_stored_where_its_files_lie)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str container = asset_artifact_container(f->arena, &f->scope);
    struct fake_reply reply;

    put_blob(f, container, "ExperimentRun/dcid.calm_owl/model/MLmodel", "flavors: {}\n");
    reply = fake_json(f->fake, "PUT", WS "/models/m/versions/1",
                      "{\"properties\":{\"modelUri\":\"runs:/calm_owl/model\",\"modelType\":"
                      "\"mlflow_model\"}}");
    CHECK_INT(201, reply.status);
    CHECK_STR(LONG "workspaceartifactstore/paths/ExperimentRun/dcid.calm_owl/model",
              json_str_at(reply.json, "properties.modelUri"));
    CHECK_STR("calm_owl", json_str_at(reply.json, "properties.jobName"));
    CHECK_INT(JSON_OBJECT, json_kind(json_at(reply.json, "properties.flavors")));
    CHECK_INT(200, fake_json(f->fake, "PUT", WS "/models/m/versions/1",
                             "{\"properties\":{\"modelUri\":\"runs:/calm_owl/model\",\"modelType\":"
                             "\"mlflow_model\"}}")
                       .status);
    reply =
        fake_json(f->fake, "PUT", WS "/models/m/versions/2",
                  "{\"properties\":{\"modelUri\":\"azureml://jobs/calm_owl/outputs/artifacts/paths/"
                  "model/\",\"modelType\":\"mlflow_model\"}}");
    CHECK_INT(201, reply.status);
    CHECK_STR(LONG "workspaceartifactstore/paths/ExperimentRun/dcid.calm_owl/model",
              json_str_at(reply.json, "properties.modelUri"));
}

TEST(a_model_that_is_not_there_or_is_none_is_refused)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str container = asset_blob_container(f->arena, &f->scope);
    struct fake_reply reply;

    CHECK_INT(404, fake_json(f->fake, "PUT", WS "/models/m/versions/1",
                             "{\"properties\":{\"modelUri\":\"runs:/calm_owl/model\"}}")
                       .status);
    put_blob(f, container, "up/plain.txt", "x");
    reply = fake_json(f->fake, "PUT", WS "/models/m/versions/1",
                      "{\"properties\":{\"modelType\":\"mlflow_model\",\"modelUri\":"
                      "\"azureml://datastores/workspaceblobstore/paths/up\"}}");
    CHECK_INT(400, reply.status);
    CHECK(str_find(json_str_at(reply.json, "error.message"), STR("MLmodel")) > 0);
    CHECK_INT(404, get(f, WS "/models/m").status);
    CHECK_INT(201, fake_json(f->fake, "PUT", WS "/models/m/versions/1",
                             "{\"properties\":{\"modelUri\":"
                             "\"azureml://datastores/workspaceblobstore/paths/up/plain.txt\"}}")
                       .status);
}

/* --- Computes -------------------------------------------------------------------------------- */

TEST(this_host_is_a_compute_that_cannot_go)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = get(f, WS "/computes/local");

    CHECK_INT(200, reply.status);
    CHECK_STR("local", json_str_at(reply.json, "name"));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_INT(200, get(f, WS "/computes/Serverless").status);
    CHECK_STR("serverless", json_str_at(get(f, WS "/computes").json, "value[0].name"));
    CHECK_INT(409, fake_send(f->fake, "DELETE", WS "/computes/local", STR("")).status);
    CHECK_INT(409, fake_json(f->fake, "PUT", WS "/computes/serverless",
                             "{\"properties\":{\"computeType\":\"AmlCompute\"}}")
                       .status);
    CHECK_INT(404, get(f, WS "/computes/other").status);
}

TEST(pages_of_computes_go_from_this_host_to_every_cluster)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply;
    struct str link;
    char target[] = WS "/computes/pool-0";
    const char *const wanted[] = {"serverless", "pool-2", "pool-1", "pool-0"};
    size_t seen = 0;

    for (char c = '0'; c < '3'; c++) {
        target[sizeof(target) - 2] = c;
        CHECK_INT(201, fake_json(f->fake, "PUT", target,
                                 "{\"location\":\"local\",\"properties\":{\"computeType\":"
                                 "\"AmlCompute\",\"properties\":{}}}")
                           .status);
    }
    const char *next = WS "/computes?$top=1";
    for (; next && seen < COUNT(wanted) + 1; seen++) {
        reply = get(f, next);
        CHECK_INT(1, json_count(json_at(reply.json, "value")));
        CHECK(seen < COUNT(wanted));
        CHECK_STR(wanted[seen], json_str_at(reply.json, "value[0].name"));
        CHECK(str_starts(json_str_at(reply.json, "value[0].properties.createdOn"), STR("20")));
        link = json_str_at(reply.json, "nextLink");
        next = link.len ? arena_cstr(f->arena, str_slice(link, 23, link.len)) : NULL;
    }
    CHECK_INT(COUNT(wanted), seen);
}

TEST(a_cluster_is_a_pool_of_this_host)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(
        f->fake, "PUT", WS "/computes/cpu-cluster?api-version=2023-08-01-preview",
        "{\"location\":\"local\",\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{"
        "\"vmSize\":\"STANDARD_DS3_v2\",\"scaleSettings\":{\"minNodeCount\":0,\"maxNodeCount\":2},"
        "\"userAccountCredentials\":{\"adminUserName\":\"u\",\"adminUserPassword\":\"secret-1\"}}}"
        "}");

    CHECK_INT(201, reply.status);
    CHECK(str_find(reply.body, STR("secret-1")) < 0);
    CHECK(fake_reply_header(f->fake, "Azure-AsyncOperation").len > 0);
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_INT(2, json_int_at(reply.json, "properties.properties.scaleSettings.maxNodeCount", 0));
    CHECK_INT(2, json_count(json_at(get(f, WS "/computes").json, "value")));
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/computes/c2",
                             "{\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{"
                             "\"scaleSettings\":{\"minNodeCount\":3,\"maxNodeCount\":2}}}}")
                       .status);
    CHECK_INT(400, fake_json(f->fake, "PUT", WS "/computes/c2",
                             "{\"properties\":{\"computeType\":\"Toaster\"}}")
                       .status);
    CHECK_INT(200,
              fake_send(f->fake, "POST", WS "/computes/cpu-cluster/listNodes", STR("")).status);
    CHECK_INT(202, fake_send(f->fake, "DELETE", WS "/computes/cpu-cluster", STR("")).status);
    CHECK_INT(404, get(f, WS "/computes/cpu-cluster").status);
}

TEST(sizes_map_to_cores_cut_to_this_host)
{
    CHECK_INT(1, compute_size_cores(STR("STANDARD_DS1_V2")));
    CHECK_INT(compute_size_cores(STR("Standard_E9999s_v3")),
              compute_size_cores(STR("STANDARD_D96_v5")));
    CHECK(compute_size_cores(STR("STANDARD_DS3_v2")) <= 4);
    CHECK_INT(1, compute_size_cores(STR("odd")));
}
