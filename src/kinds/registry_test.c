#include "kinds/workspace.h"

#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "kinds/registry_data.h"
#include "kinds/space_test.h"
#include "kinds/workspace_dependent.h"
#include "kinds/workspace_group.h"
#include "os/file.h"
#include "vault/vault.h"

#include <string.h>

/* Registries and the bytes in them, groups, and resources that workspaces name. */

#define SUB "/subscriptions/00000000-0000-0000-0000-000000000001"
#define PROVIDER "/providers/Microsoft.MachineLearningServices"
#define GROUP SUB "/resourceGroups/default"
#define RG GROUP PROVIDER
#define REG RG "/registries/shared"
#define FRONT "/mferp/managementfrontend"
#define PLAIN "{\"location\":\"local\",\"properties\":{}}"
#define IMAGE "{\"properties\":{\"image\":\"python:3.11\"}}"

TEST(a_registry_is_made_shown_and_deleted)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fixture_put(
        f, REG,
        "{\"location\":\"local\",\"identity\":{\"type\":\"SystemAssigned\"},\"tags\":{\"a\":"
        "\"b\"},\"properties\":{\"regionDetails\":[{\"location\":\"local\",\"acrDetails\":[]}],"
        "\"managedResourceGroupTags\":{}}}");

    CHECK_INT(201, reply.status);
    CHECK_STR("local", json_str_at(reply.json, "properties.regionDetails[0].location"));
    CHECK(str_find(json_str_at(reply.json, "properties.discoveryUrl"), STR("/registries/shared")) >
          0);
    CHECK(fake_reply_header(f->fake, "Azure-AsyncOperation").len > 0);
    reply = fake_json(f->fake, "PATCH", REG, "{\"tags\":{\"c\":\"d\"}}");
    CHECK_INT(200, reply.status);
    CHECK(!json_at(reply.json, "tags.a")); /* a PATCH says all tags */
    CHECK_STR("d", json_str_at(reply.json, "tags.c"));
    CHECK_INT(501, fake_json(f->fake, "POST", REG "/removeRegions", "{}").status);
    CHECK_INT(
        400, fixture_put(f, RG "/registries/bad", "{\"properties\":{\"regionDetails\":7}}").status);
    CHECK_INT(202, fake_send(f->fake, "DELETE", REG, STR("")).status);
    CHECK_INT(404, fixture_get(f, REG).status);
    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
}

TEST(bytes_are_put_before_the_asset_and_read_by_it)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    const char *ask = "{\"assetId\":\"azureml://registries/shared/data/d/versions/1\","
                      "\"temporaryDataReferenceType\":\"TemporaryBlobReference\"}";

    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
    struct fake_reply reply = fixture_put(f, FRONT REG "/tempdatarefs/d/versions/1", ask);
    CHECK_INT(200, reply.status);
    CHECK_STR("SAS",
              json_str_at(reply.json, "blobReferenceForConsumption.credential.credentialType"));
    struct str write = arena_str(
        f->arena, json_str_at(reply.json, "blobReferenceForConsumption.credential.sasUri"));
    struct str uri =
        arena_str(f->arena, json_str_at(reply.json, "blobReferenceForConsumption.blobUri"));
    CHECK(str_find(write, STR("sp=")) > 0 && str_starts(write, uri));
    struct str body = arena_printf(
        f->arena, "{\"properties\":{\"dataUri\":\"%.*s/data\",\"dataType\":\"uri_folder\"}}",
        STR_ARG(uri));
    CHECK_INT(201, fixture_put(f, FRONT REG "/data/d/versions/1", body.ptr).status);
    /* Once it is there nobody writes into it any more. */
    CHECK_INT(409, fixture_put(f, FRONT REG "/tempdatarefs/d/versions/1", ask).status);
    reply = fake_json(f->fake, "POST", FRONT REG "/datarefs/d/versions/1", ask);
    CHECK_INT(200, reply.status);
    struct str read = json_str_at(reply.json, "blobReferenceForConsumption.credential.sasUri");
    CHECK(str_starts(read, uri));
    CHECK(str_find(read, STR("sp=rl")) > 0);
    CHECK_INT(404, fake_json(f->fake, "POST", FRONT REG "/datarefs/d/versions/2",
                             "{\"assetId\":\"azureml://registries/shared/data/d/versions/2\"}")
                       .status);
}

/* A blob of the default workspace's artifact store, of no bytes. */
static int keep_blob(struct store_txn *txn, void *context, struct error *err)
{
    struct content_object *object = context;
    struct scope scope;
    struct scope_name name = {STR("00000000-0000-0000-0000-000000000001"), STR("default"),
                              STR("default")};
    if (content_keep(txn, object, err) < 0 || scope_find(txn, &name, &scope, err) < 0)
        return -1;
    struct blob blob = {.container = asset_artifact_container(store_arena(txn), &scope),
                        .name = STR("LocalUpload/ab/m/w.bin"),
                        .object = object->object,
                        .meta = STR("{}")};
    return blob_put(txn, &blob, false, err);
}

static void keep_model(struct fixture *f)
{
    CLEANUP(content_writer_free) struct content_writer *writer = NULL;
    struct content_object object;
    struct error err = {0};

    writer = content_writer_new(f->engines.content, &err);
    CHECK_OK(content_write(writer, STR("weights"), &err), &err);
    CHECK_OK(content_finish(writer, &object, &err), &err);
    CHECK_OK(store_write(f->engines.store, keep_blob, &object, &err), &err);
    CHECK_INT(
        201,
        fixture_put(f, RG "/workspaces/default/models/m/versions/1",
                    "{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceartifactstore/"
                    "paths/LocalUpload/ab/m\",\"description\":\"d\"}}")
            .status);
}

/* The answer to one request to share, by the workspace's id. */
static struct fake_reply share(struct fixture *f, const char *asset, const char *as)
{
    struct str guid = arena_str(f->arena, json_str_at(fixture_get(f, RG "/workspaces/default").json,
                                                      "properties.workspaceId"));
    struct str body =
        arena_printf(f->arena,
                     "{\"properties\":{\"referenceType\":\"Id\",\"destinationName\":\"%s\","
                     "\"destinationVersion\":\"7\",\"sourceAssetId\":\"azureml://locations/local/"
                     "workspaces/%.*s/%s\"}}",
                     as, STR_ARG(guid), asset);
    return fake_json(f->fake, "POST", FRONT REG "/import", body.ptr);
}

TEST(a_registry_takes_a_copy_of_what_a_workspace_has)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
    keep_model(f);
    CHECK_INT(202, share(f, "models/m/versions/1", "shared-m").status);
    struct str poll = arena_str(f->arena, fake_reply_header(f->fake, "Location"));
    poll = str_slice(poll, (size_t)str_find(poll, STR("/subscriptions")), poll.len);
    CHECK_INT(204,
              fake_send(f->fake, "GET", arena_printf(f->arena, "%.*s", STR_ARG(poll)).ptr, STR(""))
                  .status);
    struct fake_reply reply = fixture_get(f, REG "/models/shared-m/versions/7");
    CHECK_INT(200, reply.status);
    CHECK_STR("d", json_str_at(reply.json, "properties.description"));
    struct str uri = json_str_at(reply.json, "properties.modelUri");
    CHECK(str_find(uri, STR("/azureml-")) > 0 && str_ends(uri, STR("/m")));
    /* The copy has bytes of its own that a client may fetch. */
    reply = fake_json(f->fake, "POST", FRONT REG "/datarefs/shared-m/versions/7",
                      "{\"assetId\":\"azureml://registries/shared/models/shared-m/versions/7\"}");
    CHECK_INT(200, reply.status);
    CHECK_INT(409, share(f, "models/m/versions/1", "shared-m").status);
    CHECK_INT(201,
              fixture_put(f, RG "/workspaces/default/environments/e/versions/1", IMAGE).status);
    CHECK_INT(202, share(f, "environments/e/versions/1", "shared-e").status);
    CHECK_STR("python:3.11",
              json_str_at(fixture_get(f, REG "/environments/shared-e/versions/7").json,
                          "properties.image"));
}

TEST(what_cannot_be_shared_is_refused_and_leaves_nothing)
{
    static const char *const BAD[] = {
        "{}",
        "[",
        "{\"properties\":7}",
        "{\"properties\":{\"sourceAssetId\":\"azureml:m:1\"}}",
        "{\"properties\":{\"sourceAssetId\":\"azureml://registries/shared/models/m/versions/1\"}}",
        "{\"properties\":{\"sourceAssetId\":\"https://e.example/\"}}",
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(400, fake_json(f->fake, "POST", REG "/import", BAD[i]).status);
    CHECK_INT(404, share(f, "models/none/versions/1", "n").status);
    CHECK_INT(501, share(f, "components/c/versions/1", "n").status);
    CHECK_INT(404,
              fake_json(f->fake, "POST", REG "/import",
                        "{\"properties\":{\"sourceAssetId\":\"azureml://locations/l/workspaces/"
                        "none/models/m/versions/1\"}}")
                  .status);
    CHECK_INT(404, fixture_get(f, REG "/models/n").status);
    CHECK_INT(409,
              fake_json(f->fake, "POST", RG "/registries/azureml/import",
                        "{\"properties\":{\"sourceAssetId\":\"azureml://locations/l/workspaces/"
                        "none/models/m/versions/1\"}}")
                  .status);
}

static int64_t count_rows(struct fixture *f, const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(f->engines.store, &err);
    struct sql *q = sql(txn, text, &err);

    CHECK(q && sql_step(q) > 0);
    int64_t count = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return count;
}

TEST(a_copy_that_fails_leaves_no_bytes_that_nothing_names)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
    keep_model(f);
    int64_t before = count_rows(f, "SELECT COUNT(*) FROM blob");
    CHECK_INT(400, share(f, "models/m/versions/1", "no name").status);
    CHECK_INT(before, count_rows(f, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(0, count_rows(f, "SELECT COUNT(*) FROM doomed"));
    CHECK_INT(202, share(f, "models/m/versions/1", "a-name").status);
    CHECK_INT(before + 1, count_rows(f, "SELECT COUNT(*) FROM blob"));
    CHECK_INT(0, count_rows(f, "SELECT COUNT(*) FROM doomed"));
}

TEST(ids_that_do_not_fit_their_path_are_refused)
{
    static const char *const BAD[] = {
        "{}",
        "{\"assetId\":\"\"}",
        "{\"assetId\":\"azureml://registries/other/data/d/versions/1\"}",
        "{\"assetId\":\"azureml://registries/shared/data/e/versions/1\"}",
        "{\"assetId\":\"azureml://registries/shared/data/d/versions/2\"}",
        "{\"assetId\":\"https://e.example/\"}",
        "{\"assetId\":7}",
        "[",
    };
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(201, fixture_put(f, REG, PLAIN).status);
    for (size_t i = 0; i < COUNT(BAD); i++) {
        CHECK_INT(400, fixture_put(f, FRONT REG "/tempdatarefs/d/versions/1", BAD[i]).status);
        CHECK_INT(400,
                  fake_json(f->fake, "POST", FRONT REG "/datarefs/d/versions/1", BAD[i]).status);
    }
    CHECK_INT(404, fixture_put(f, FRONT RG "/registries/none/tempdatarefs/d/versions/1",
                               "{\"assetId\":\"azureml://registries/none/data/d/versions/1\"}")
                       .status);
}

TEST(the_built_in_registry_is_read_only)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(409,
              fixture_put(f, RG "/registries/azureml/environments/e/versions/1", IMAGE).status);
    CHECK_INT(409,
              fixture_put(f, FRONT RG "/registries/azureml/environments/e", "{\"properties\":{}}")
                  .status);
    CHECK_INT(409, fixture_put(f, FRONT RG "/registries/azureml/tempdatarefs/e/versions/1",
                               "{\"assetId\":\"azureml://registries/azureml/models/e/versions/1\"}")
                       .status);
    struct fake_reply reply = fixture_get(f, RG "/registries/azureml/environments");
    CHECK_INT(200, reply.status);
    CHECK(json_count(json_at(reply.json, "value")) > 0);
    struct str name = arena_str(f->arena, json_str_at(reply.json, "value[0].name"));
    struct str path =
        arena_printf(f->arena, RG "/registries/azureml/environments/%.*s/versions", STR_ARG(name));
    reply = fixture_get(f, path.ptr);
    CHECK(str_starts(json_str_at(reply.json, "value[0].id"),
                     STR("azureml://registries/azureml/environments/")));
    path = arena_printf(f->arena, RG "/registries/azureml/environments/%.*s/versions/%.*s",
                        STR_ARG(name), STR_ARG(json_str_at(reply.json, "value[0].name")));
    CHECK_INT(409, fake_send(f->fake, "DELETE", path.ptr, STR("")).status);
    CHECK_INT(200, fixture_get(f, path.ptr).status);
}

TEST(groups_are_there_when_made_or_used)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(200, fixture_get(f, GROUP).status);
    CHECK_INT(204, fake_send(f->fake, "HEAD", SUB "/resourcegroups/DEFAULT", STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "HEAD", SUB "/resourceGroups/none", STR("")).status);
    CHECK_INT(404, fixture_get(f, "/subscriptions/s2/resourceGroups").status);
    CHECK_INT(201, fixture_put(f, SUB "/resourceGroups/Mine",
                               "{\"location\":\"here\",\"tags\":{\"a\":\"b\"}}")
                       .status);
    struct fake_reply reply =
        fixture_put(f, SUB "/resourceGroups/mine", "{\"location\":\"there\"}");
    CHECK_INT(200, reply.status);
    CHECK_STR("Mine", json_str_at(reply.json, "name"));
    CHECK_STR("there", json_str_at(reply.json, "location"));
    CHECK_INT(2, json_count(json_at(fixture_get(f, SUB "/resourceGroups").json, "value")));
    CHECK_INT(404, fake_json(f->fake, "PATCH", SUB "/resourceGroups/none", "{}").status);
    CHECK_INT(400, fixture_put(f, SUB "/resourceGroups/x", "{\"tags\":7}").status);
    CHECK_INT(400, fixture_put(f, SUB "/resourceGroups/x", "[").status);
    CHECK_INT(409, fake_send(f->fake, "DELETE", GROUP, STR("")).status);
    CHECK_INT(200, fake_send(f->fake, "DELETE", SUB "/resourceGroups/mine", STR("")).status);
    reply = fixture_get(f, SUB "/resourceGroups/mine");
    CHECK_INT(404, reply.status);
    CHECK_STR("ResourceGroupNotFound", json_str_at(reply.json, "error.code"));
    reply = fixture_get(f, "/subscriptions/s2/locations");
    CHECK_STR("SubscriptionNotFound", json_str_at(reply.json, "error.code"));
}

/* `az resource` and its kin ask by the first version that stands there. */
TEST(a_provider_tells_its_types_and_how_to_ask_for_them)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fixture_get(f, SUB "/providers/microsoft.machinelearningServices");

    CHECK_STR("workspaces", json_str_at(reply.json, "resourceTypes[0].resourceType"));
    struct str version = json_str_at(reply.json, "resourceTypes[0].apiVersions[0]");
    CHECK_INT(10, version.len);
    CHECK_INT(
        200, fixture_get(
                 f, arena_printf(f->arena, RG "/workspaces?api-version=%.*s", STR_ARG(version)).ptr)
                 .status);
    reply = fixture_get(f, SUB "/providers/Microsoft.Resources");
    CHECK_INT(3, json_count(json_at(reply.json, "resourceTypes")));
}

TEST(the_subscription_its_tenant_and_its_providers_are_told)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_STR(SUB, json_str_at(fixture_get(f, "/subscriptions").json, "value[0].id"));
    CHECK_INT(200, fixture_get(f, SUB).status);
    CHECK_INT(404, fixture_get(f, "/subscriptions/other").status);
    CHECK_INT(1, json_count(json_at(fixture_get(f, "/tenants").json, "value")));
    CHECK_INT(200, fixture_get(f, SUB "/locations").status);
    CHECK(json_count(json_at(fixture_get(f, SUB "/providers").json, "value")) > 2);
    struct fake_reply reply = fake_send(
        f->fake, "POST", SUB "/providers/microsoft.machinelearningservices/register", STR(""));
    CHECK_STR("Registered", json_str_at(reply.json, "registrationState"));
    CHECK_INT(404, fixture_get(f, SUB "/providers/Microsoft.Nothing").status);
}

#define VAULT GROUP "/providers/Microsoft.KeyVault/vaults/kv1"

TEST(what_a_workspace_names_is_shown_until_its_name_is_taken_out)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK_INT(404, fixture_get(f, VAULT).status);
    CHECK_INT(204, fake_send(f->fake, "DELETE", VAULT, STR("")).status);
    CHECK_INT(200,
              fixture_put(f, RG "/workspaces/two", "{\"properties\":{\"keyVault\":\"" VAULT "\"}}")
                  .status);
    struct fake_reply reply = fixture_get(f, VAULT "?api-version=2019-09-01");
    CHECK_INT(200, reply.status);
    CHECK_STR("Microsoft.KeyVault/vaults", json_str_at(reply.json, "type"));
    CHECK_STR("reference",
              json_as_str(json_get(json_at(reply.json, "properties"), STR("lazurite.origin"))));
    CHECK_INT(200, fake_send(f->fake, "DELETE", VAULT, STR("")).status);
    CHECK_INT(404, fixture_get(f, VAULT).status);
    CHECK(json_is_null(json_at(fixture_get(f, RG "/workspaces/two").json, "properties.keyVault")));
    /* The account of the workspace itself cannot be taken away from it. */
    struct str account = arena_str(f->arena, json_str_at(fixture_get(f, RG "/workspaces/two").json,
                                                         "properties.storageAccount"));
    CHECK_INT(200, fixture_get(f, account.ptr).status);
    CHECK_INT(204, fake_send(f->fake, "DELETE", account.ptr, STR("")).status);
    CHECK_INT(200, fixture_get(f, account.ptr).status);
}
