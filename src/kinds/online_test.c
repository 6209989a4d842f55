#include "kinds/online_deployment.h"
#include "kinds/online_endpoint.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/test.h"
#include "content/content.h"
#include "endpoint/endpoint.h"
#include "kinds/kinds.h"
#include "os/file.h"
#include "vault/vault.h"

static const struct arm_kind *const KINDS[] = {
    &workspace_kind,       &datastore_kind,           &code_kind,       &code_version_kind,
    &environment_kind,     &environment_version_kind, &model_kind,      &model_version_kind,
    &online_endpoint_kind, &online_deployment_kind,   &online_sku_kind,
};

#define WS                                                                                  \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces/default"
#define EP WS "/onlineEndpoints/ep1"
#define BLUE EP "/deployments/blue"
#define KEY_BODY(traffic)                                                               \
    "{\"location\":\"local\",\"identity\":{\"type\":\"SystemAssigned\"},\"tags\":{},"   \
    "\"properties\":{\"authMode\":\"Key\",\"properties\":{},\"traffic\":{" traffic "}," \
    "\"mirrorTraffic\":{}}}"
#define DEPLOYMENT(more)                                                                     \
    "{\"location\":\"local\",\"sku\":{\"name\":\"Default\",\"capacity\":1},\"properties\":{" \
    "\"endpointComputeType\":\"Managed\",\"instanceType\":\"Standard_DS3_v2\"," more "}}"
#define MODEL(name) "\"model\":\"azureml:" name ":1\""

/* A server's worth of engines; the endpoints' thread is not started, so nothing rolls out. */
struct online {
    struct arena *arena;
    struct engines engines;
    struct scope scope;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

static struct online *online_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct online *o = arena_make(arena, struct online);
    struct error err = {0};

    o->arena = arena;
    o->dir = dir_open(test_folder(), &err);
    CHECK_OK(store_open("memory:", NULL, &o->engines.store, &err), &err);
    o->engines.vault = vault_open(o->dir, &err);
    o->engines.content = content_open(o->dir, o->engines.store, &err);
    o->engines.domain = STR("lazurite.test");
    o->engines.scoring_endpoint = STR("https://localhost:10444");
    const struct endpoints_options options = {.store = o->engines.store,
                                              .vault = o->engines.vault,
                                              .dir = o->dir,
                                              .dir_path = test_folder()};
    o->engines.endpoints = endpoints_new(&options);
    CHECK_OK(workspace_make_default(&o->engines, arena, &o->scope, &err), &err);
    o->arm = arm_new(KINDS, COUNT(KINDS), &o->engines);
    struct route_table table = arm_routes(o->arm);
    o->fake = fake_new(&table, 1);
    return o;
}

static void online_close(struct online **o)
{
    struct arena *arena = (*o)->arena;

    fake_free(&(*o)->fake);
    arm_free(&(*o)->arm);
    endpoints_free(&(*o)->engines.endpoints);
    content_close(&(*o)->engines.content);
    store_close(&(*o)->engines.store);
    vault_close(&(*o)->engines.vault);
    fd_close(&(*o)->dir);
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

static void put_blob_in(struct online *o, struct str container, const char *name)
{
    struct error err = {0};
    CLEANUP(content_writer_free)
    struct content_writer *writer = content_writer_new(o->engines.content, &err);
    struct upload upload = {
        .blob = {.container = container, .name = str_from(name), .meta = STR("{}")}};

    CHECK_OK(content_write(writer, str_from(name), &err), &err);
    CHECK_OK(content_finish(writer, &upload.object, &err), &err);
    CHECK_OK(store_write(o->engines.store, upload_apply, &upload, &err), &err);
}

static void put_blob(struct online *o, const char *name)
{
    put_blob_in(o, asset_blob_container(o->arena, &o->scope), name);
}

static struct fake_reply put(struct online *o, const char *target, const char *body)
{
    return fake_json(o->fake, "PUT", target, body);
}

static struct fake_reply get(struct online *o, const char *target)
{
    return fake_send(o->fake, "GET", target, STR(""));
}

/* Registers the folder `LocalUpload/x/{name}` as custom model `name`, version 1. */
static void put_model(struct online *o, const char *name)
{
    struct str target = arena_printf(o->arena, WS "/models/%s/versions/1", name);
    struct str body = arena_printf(
        o->arena,
        "{\"properties\":{\"modelUri\":\"azureml://datastores/workspaceblobstore/paths/"
        "LocalUpload/x/%s\",\"modelType\":\"custom_model\"}}",
        name);

    CHECK_INT(201, put(o, target.ptr, body.ptr).status);
}

static void check_refused(struct online *o, int status, const char *target, const char *body,
                          const char *field)
{
    struct fake_reply reply = put(o, target, body);

    CHECK_INT(status, reply.status);
    CHECK_STR(field, json_str_at(reply.json, "error.target"));
}

/* --- Endpoints -----------------------------------------------------------------------------------
 */

TEST(an_endpoint_says_where_it_scores)
{
    CLEANUP(online_close) struct online *o = online_open();
    struct fake_reply reply = put(o, EP, KEY_BODY(""));

    CHECK_INT(201, reply.status);
    CHECK(fake_reply_header(o->fake, "Azure-AsyncOperation").len > 0);
    CHECK_STR("https://localhost:10444/endpoints/ep1/score",
              json_str_at(reply.json, "properties.scoringUri"));
    CHECK_STR("https://localhost:10444/endpoints/ep1/swagger.json",
              json_str_at(reply.json, "properties.swaggerUri"));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_STR("SystemAssigned", json_str_at(reply.json, "identity.type"));
    CHECK_STR("Key", json_str_at(get(o, EP).json, "properties.authMode"));
    CHECK_STR("ep1", json_str_at(get(o, WS "/onlineEndpoints").json, "value[0].name"));
    static const char *const FIT[] = {"?name=ep1", "?tags=team=a", "?computeType=Managed",
                                      "?count=5"};
    static const char *const NOT[] = {"?name=ep2", "?tags=other", "?tags=team=b",
                                      "?computeType=Kubernetes", "?properties=none"};
    CHECK_INT(200, fake_json(o->fake, "PATCH", EP, "{\"tags\":{\"team\":\"a\"}}").status);
    for (size_t i = 0; i < COUNT(FIT); i++) {
        struct str target = arena_printf(o->arena, WS "/onlineEndpoints%s", FIT[i]);
        CHECK_INT(1, json_count(json_at(get(o, target.ptr).json, "value")));
    }
    for (size_t i = 0; i < COUNT(NOT); i++) {
        struct str target = arena_printf(o->arena, WS "/onlineEndpoints%s", NOT[i]);
        CHECK_INT(0, json_count(json_at(get(o, target.ptr).json, "value")));
    }
}

TEST(an_endpoint_has_two_keys_and_either_can_be_new)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    struct fake_reply reply = fake_json(o->fake, "POST", EP "/listKeys", "");
    CHECK_INT(200, reply.status);
    struct str first = arena_str(o->arena, json_str_at(reply.json, "primaryKey"));
    struct str second = arena_str(o->arena, json_str_at(reply.json, "secondaryKey"));
    CHECK_INT(64, first.len);
    CHECK(!str_eq(first, second));
    /* Another PUT keeps them. */
    CHECK_INT(200, put(o, EP, KEY_BODY("")).status);
    reply = fake_json(o->fake, "POST", EP "/listKeys", "");
    CHECK(str_eq(first, json_str_at(reply.json, "primaryKey")));
    reply = fake_json(o->fake, "POST", EP "/regenerateKeys",
                      "{\"keyType\":\"Primary\",\"keyValue\":\"x\"}");
    CHECK_INT(202, reply.status);
    CHECK(fake_reply_header(o->fake, "Location").len > 0);
    reply = fake_json(o->fake, "POST", EP "/listKeys", "");
    CHECK(!str_eq(first, json_str_at(reply.json, "primaryKey")));
    CHECK(!str_eq(STR("x"), json_str_at(reply.json, "primaryKey")));
    CHECK(str_eq(second, json_str_at(reply.json, "secondaryKey")));
    CHECK_INT(400,
              fake_json(o->fake, "POST", EP "/regenerateKeys", "{\"keyType\":\"Third\"}").status);
    CHECK_INT(501, fake_json(o->fake, "POST", EP "/token", "").status);
}

TEST(shares_of_traffic_make_0_or_100_and_name_deployments_that_are_there)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    check_refused(o, 400, EP, KEY_BODY("\"blue\":90,\"green\":20"), "properties.traffic");
    check_refused(o, 400, EP, KEY_BODY("\"blue\":-100"), "properties.traffic");
    check_refused(o, 400, EP, KEY_BODY("\"blue\":50.5,\"green\":49.5"), "properties.traffic");
    check_refused(o, 400, EP, KEY_BODY("\"blue\":\"100\""), "properties.traffic");
    check_refused(o, 400, EP, KEY_BODY("\"blue\":100"), "properties.traffic");
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_model(o, "line");
    CHECK_INT(201, put(o, BLUE, DEPLOYMENT(MODEL("line"))).status);
    struct fake_reply reply = put(o, EP, KEY_BODY("\"blue\":100,\"green\":0"));
    CHECK_INT(200, reply.status);
    CHECK_INT(100, json_int_at(reply.json, "properties.traffic.blue", 0));
    CHECK_INT(1, json_count(json_at(reply.json, "properties.traffic")));
    /* A deployment that goes takes its share along. */
    CHECK_INT(202, fake_send(o->fake, "DELETE", BLUE, STR("")).status);
    CHECK_INT(0, json_count(json_at(get(o, EP).json, "properties.traffic")));
}

TEST(what_an_endpoint_cannot_do_yet_is_said)
{
    CLEANUP(online_close) struct online *o = online_open();

    check_refused(o, 501, EP, "{\"properties\":{\"authMode\":\"AMLToken\"}}",
                  "properties.authMode");
    check_refused(o, 501, EP,
                  "{\"properties\":{\"authMode\":\"Key\",\"mirrorTraffic\":{\"a\":10}}}",
                  "properties.mirrorTraffic");
    check_refused(o, 400, EP, "{\"properties\":{\"authMode\":\"None\"}}", "properties.authMode");
    check_refused(o, 400, EP, "{\"properties\":{}}", "properties.authMode");
    CHECK_INT(400, put(o, WS "/onlineEndpoints/1-bad-", KEY_BODY("")).status);
    CHECK_INT(404, get(o, EP).status);
}

TEST(an_endpoint_takes_its_deployments_and_keys_along)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_model(o, "line");
    CHECK_INT(201, put(o, BLUE, DEPLOYMENT(MODEL("line"))).status);
    CHECK_INT(202, fake_send(o->fake, "DELETE", EP, STR("")).status);
    CHECK_INT(404, get(o, EP).status);
    CHECK_INT(404, get(o, BLUE).status);
    CHECK_INT(204, fake_send(o->fake, "DELETE", EP, STR("")).status);
    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    CHECK_INT(404, get(o, BLUE).status);
}

/* --- Deployments ---------------------------------------------------------------------------------
 */

TEST(a_deployment_rolls_out_behind_an_operation)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(404, put(o, BLUE, DEPLOYMENT(MODEL("line"))).status);
    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_blob(o, "LocalUpload/x/line/README.md");
    put_model(o, "line");
    struct fake_reply reply = put(o, BLUE, DEPLOYMENT(MODEL("line")));
    CHECK_INT(201, reply.status);
    CHECK_STR("Creating", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_STR("Default", json_str_at(reply.json, "properties.scaleSettings.scaleType"));
    CHECK_STR("Default", json_str_at(reply.json, "sku.name"));
    CHECK_INT(1, json_int_at(reply.json, "sku.capacity", 0));
    struct str operation = arena_str(o->arena, fake_reply_header(o->fake, "Azure-AsyncOperation"));
    CHECK(operation.len > 0);
    struct str path =
        str_slice(operation, (size_t)str_find(operation, STR("/subscriptions")), operation.len);
    CHECK_STR("InProgress", json_str_at(get(o, arena_cstr(o->arena, path)).json, "status"));
    reply = fake_json(o->fake, "POST", BLUE "/getLogs", "{\"tail\":50}");
    CHECK_INT(200, reply.status);
    CHECK(str_starts(json_str_at(reply.json, "content"),
                     STR("Instance status:\nDeployment: Creating\n")));
    CHECK_STR("blue", json_str_at(get(o, EP "/deployments").json, "value[0].name"));
}

/* How many edges lead into a resource. */
static int64_t edges_into(struct online *o, const char *id)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(o->engines.store, &err);
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM edge WHERE to_id = ?", &err);

    CHECK(q);
    sql_bind_text(q, 1, str_from(id));
    CHECK_INT(1, sql_step(q));
    int64_t count = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return count;
}

TEST(a_deployment_has_one_size_and_is_linked_to_its_model)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    CHECK_INT(404, get(o, BLUE "/skus").status);
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_model(o, "line");
    CHECK_INT(201, put(o, BLUE, DEPLOYMENT(MODEL("line"))).status);
    struct fake_reply skus = get(o, BLUE "/skus");
    CHECK_INT(200, skus.status);
    CHECK_INT(1, json_count(json_at(skus.json, "value")));
    CHECK_STR("Default", json_str_at(skus.json, "value[0].sku.name"));
    CHECK_INT(1, json_int_at(skus.json, "value[0].capacity.minimum", 0));
    CHECK(!json_at(skus.json, "value[0].id"));
    CHECK_INT(405, put(o, BLUE "/skus/Default", "{\"properties\":{}}").status);
    CHECK_INT(1, edges_into(o, BLUE));
}

TEST(what_serves_is_chosen_by_the_models_files)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob(o, "LocalUpload/x/two/a.onnx");
    put_blob(o, "LocalUpload/x/two/b.onnx");
    put_blob(o, "LocalUpload/x/plain/weights.bin");
    put_blob(o, "LocalUpload/x/flow/MLmodel");
    put_model(o, "two");
    put_model(o, "plain");
    put_model(o, "flow");
    check_refused(o, 400, BLUE, DEPLOYMENT(MODEL("two")), "properties.model");
    check_refused(o, 400, BLUE, DEPLOYMENT(MODEL("plain")), "properties.codeConfiguration");
    check_refused(o, 400, BLUE, DEPLOYMENT("\"tags\":null"), "properties.model");
    check_refused(o, 404, BLUE, DEPLOYMENT(MODEL("missing")), "properties.model");
    CHECK_INT(404, get(o, BLUE).status);
    CHECK_INT(201, put(o, BLUE, DEPLOYMENT(MODEL("flow"))).status);
}

TEST(a_model_is_found_in_the_container_it_was_uploaded_to)
{
    CLEANUP(online_close) struct online *o = online_open();
    struct fake_reply reply =
        fake_json(o->fake, "POST", WS "/models/up/versions/1/startPendingUpload",
                  "{\"pendingUploadType\":\"TemporaryBlobReference\"}");
    struct str uri =
        arena_str(o->arena, json_str_at(reply.json, "blobReferenceForConsumption.blobUri"));

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob_in(o, str_slice(uri, (size_t)str_find_last(uri, '/') + 1, uri.len), "up/line.onnx");
    struct str body =
        arena_printf(o->arena, "{\"properties\":{\"modelUri\":\"%.*s/up\"}}", STR_ARG(uri));
    CHECK_INT(201, put(o, WS "/models/up/versions/1", body.ptr).status);
    CHECK_INT(201, put(o, BLUE, DEPLOYMENT(MODEL("up"))).status);
}

TEST(a_script_needs_its_name_and_its_code)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    check_refused(o, 400, BLUE, DEPLOYMENT("\"codeConfiguration\":{\"codeId\":\"azureml:c:1\"}"),
                  "properties.codeConfiguration.scoringScript");
    check_refused(o, 400, BLUE,
                  DEPLOYMENT("\"codeConfiguration\":{\"scoringScript\":\"score.py\"}"),
                  "properties.codeConfiguration.codeId");
    check_refused(
        o, 400, BLUE,
        DEPLOYMENT(
            "\"codeConfiguration\":{\"codeId\":\"azureml:c:1\",\"scoringScript\":\"../x.py\"}"),
        "properties.codeConfiguration.scoringScript");
    check_refused(o, 404, BLUE,
                  DEPLOYMENT("\"codeConfiguration\":{\"codeId\":\"" WS "/codes/c/versions/1\","
                             "\"scoringScript\":\"score.py\"}"),
                  "properties.codeConfiguration.codeId");
}

TEST(settings_that_cannot_be_right_name_their_field)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_model(o, "line");
    check_refused(
        o, 501, BLUE,
        DEPLOYMENT(MODEL("line") ",\"scaleSettings\":{\"scaleType\":\"TargetUtilization\"}"),
        "properties.scaleSettings.scaleType");
    check_refused(o, 501, BLUE, DEPLOYMENT(MODEL("line") ",\"modelMountPath\":\"/m\""),
                  "properties.modelMountPath");
    check_refused(o, 400, BLUE,
                  DEPLOYMENT(MODEL("line") ",\"requestSettings\":{\"requestTimeout\":\"5s\"}"),
                  "properties.requestSettings");
    check_refused(
        o, 400, BLUE,
        DEPLOYMENT(MODEL("line") ",\"requestSettings\":{\"maxConcurrentRequestsPerInstance\":-1}"),
        "properties.requestSettings.maxConcurrentRequestsPerInstance");
    check_refused(o, 404, BLUE, DEPLOYMENT(MODEL("line") ",\"environmentId\":\"azureml:none:1\""),
                  "properties.environmentId");
    check_refused(o, 400, BLUE,
                  "{\"sku\":{\"capacity\":0},\"properties\":{\"model\":\"azureml:line:1\"}}",
                  "sku.capacity");
    /* Cut to 32 bits this would be 1, and a half instance none. */
    check_refused(
        o, 400, BLUE,
        "{\"sku\":{\"capacity\":4294967297},\"properties\":{\"model\":\"azureml:line:1\"}}",
        "sku.capacity");
    check_refused(o, 400, BLUE,
                  "{\"sku\":{\"capacity\":1.5},\"properties\":{\"model\":\"azureml:line:1\"}}",
                  "sku.capacity");
}

TEST(harmless_settings_are_kept_and_warned_of_in_the_log)
{
    CLEANUP(online_close) struct online *o = online_open();

    CHECK_INT(201, put(o, EP, KEY_BODY("")).status);
    put_blob(o, "LocalUpload/x/line/line.onnx");
    put_model(o, "line");
    CHECK_INT(201, put(o, BLUE,
                       DEPLOYMENT(MODEL("line") ",\"appInsightsEnabled\":true,"
                                                "\"livenessProbe\":{\"period\":\"PT5S\"},"
                                                "\"dataCollector\":{\"collections\":{}}"))
                       .status);
    struct fake_reply reply = get(o, BLUE);
    CHECK_STR("PT5S", json_str_at(reply.json, "properties.livenessProbe.period"));
    struct str log = json_str_at(fake_json(o->fake, "POST", BLUE "/getLogs", "{}").json, "content");
    CHECK(str_find(log, STR("Warning: W2201 dataCollector")) > 0);
    CHECK(str_find(log, STR("W2201 appInsightsEnabled")) > 0);
    CHECK(str_find(log, STR("livenessProbe")) > 0);
}
