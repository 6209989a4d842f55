/* Data and models as their own services tell them. */
#include "dataplane/world_test.h"

#define DATA "/data/v1.0" WS
#define MODELS "/modelregistry/v1.0" WS

struct adding {
    struct world *w;
    const char *type, *versions, *name;
    int count;
    const char *body;
};

static int add_asset(struct store_txn *txn, void *context, struct error *err)
{
    const struct adding *a = context;
    struct document container = {.scope = a->w->scope.number,
                                 .type = str_from(a->type),
                                 .name = str_from(a->name),
                                 .created_by = STR("ann"),
                                 .system = STR("{}"),
                                 .next_version = a->count + 1,
                                 .body = STR("{\"properties\":{\"dataType\":\"mltable\"}}")};

    if (document_insert(txn, &container, err) < 0)
        return -1;
    for (int i = 1; i <= a->count; i++) {
        struct document version = {.scope = a->w->scope.number,
                                   .type = str_from(a->versions),
                                   .parent = container.doc,
                                   .name = arena_printf(store_arena(txn), "%d", i),
                                   .created_by = STR("ann"),
                                   .system = STR("{}"),
                                   .body = str_from(a->body)};
        if (document_insert(txn, &version, err) < 0)
            return -1;
    }
    return 0;
}

static void add_data(struct world *w, const char *name, int count)
{
    struct adding adding = {
        w,
        "data",
        "data/versions",
        name,
        count,
        "{\"properties\":{\"dataType\":\"uri_file\",\"dataUri\":\"azureml://datastores/d/paths/x\","
        "\"description\":\"why\",\"tags\":{\"a\":\"1\"},\"properties\":{\"p\":\"2\"}}}"};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, add_asset, &adding, &err), &err);
}

static void add_model(struct world *w, const char *name, int count)
{
    struct adding adding = {
        w,
        "models",
        "models/versions",
        name,
        count,
        "{\"properties\":{\"modelUri\":\"azureml://datastores/d/paths/m\",\"modelType\":"
        "\"mlflow_model\",\"jobName\":\"calm_owl\",\"tags\":{\"k\":\"v\"}}}"};
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, add_asset, &adding, &err), &err);
}

static size_t count_of(const struct json *page)
{
    return json_count(json_get(page, STR("value")));
}

TEST(a_data_version_is_what_arm_stores)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_data(w, "iris", 2);
    struct json *v = world_get(w, DATA "/dataversion/IRIS/versions/2");
    CHECK_STR("iris", json_str_at(v, "dataVersion.dataContainerName"));
    CHECK_STR("2", json_str_at(v, "dataVersion.versionId"));
    CHECK_STR("UriFile", json_str_at(v, "dataVersion.dataType"));
    CHECK_STR("azureml://datastores/d/paths/x", json_str_at(v, "dataVersion.dataUri"));
    CHECK(json_bool_at(v, "isV2", false));
    CHECK_STR("why", json_str_at(v, "dataVersion.mutableProps.description"));
    CHECK_STR("1", json_str_at(v, "dataVersion.mutableProps.tags.a"));
    CHECK_STR("2", json_str_at(v, "dataVersion.properties.p"));
    CHECK_STR("ann", json_str_at(v, "entityMetadata.createdBy.userName"));
    CHECK_STR("azureml://locations/local/workspaces/" GUID "/data/iris/versions/2",
              json_str_at(v, "dataVersion.assetId"));
    world_ask(w, 404, "GET", DATA "/dataversion/iris/versions/3", "");
    world_ask(w, 404, "GET", DATA "/dataversion/none/versions/1", "");
    world_ask(w, 404, "GET", "/data/v1.0" WS2 "/dataversion/iris/versions/2", "");
}

TEST(whether_a_version_is_there)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_data(w, "iris", 1);
    CHECK_STR("true",
              fake_send(w->fake, "GET", DATA "/dataversion/iris/versions/1/exists", STR("")).body);
    CHECK_STR("false",
              fake_send(w->fake, "GET", DATA "/dataversion/iris/versions/2/exists", STR("")).body);
    CHECK_STR("false", fake_send(w->fake, "GET",
                                 "/data/v1.0" WS2 "/dataversion/iris/versions/1/exists", STR(""))
                           .body);
}

TEST(containers_know_their_newest_version)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_data(w, "iris", 3);
    add_data(w, "empty", 0);
    struct json *c = world_get(w, DATA "/datacontainer/iris");
    CHECK_STR("iris", json_str_at(c, "dataContainer.name"));
    CHECK_STR("MLTable", json_str_at(c, "dataContainer.dataType"));
    CHECK_STR("3", json_str_at(c, "latestVersion.dataVersion.versionId"));
    CHECK_STR("4", json_str_at(c, "nextVersionId"));
    CHECK(json_is_null(json_get(world_get(w, DATA "/datacontainer/empty"), STR("latestVersion"))));
    CHECK_INT(2, count_of(world_get(w, DATA "/datacontainer")));
    CHECK_INT(3, count_of(world_get(w, DATA "/dataversion/iris/versions")));
    world_ask(w, 404, "GET", DATA "/datacontainer/none", "");
    CHECK_INT(0, count_of(world_get(w, "/data/v1.0" WS2 "/datacontainer")));
}

TEST(long_lists_of_versions_come_in_pages)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_data(w, "many", 130);
    struct json *page = world_get(w, DATA "/dataversion/many/versions");
    CHECK_INT(100, count_of(page));
    CHECK_STR("130", json_str_at(page, "value[0].dataVersion.versionId"));
    struct str link = json_str_at(page, "nextLink");
    page = world_get(w, str_slice(link, 23, link.len).ptr);
    CHECK_INT(30, count_of(page));
    CHECK(json_is_null(json_get(page, STR("nextLink"))));
    world_ask(w, 400, "GET", DATA "/dataversion/many/versions?continuationToken=x", "");
}

TEST(an_asset_id_in_any_spelling_finds_its_version)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *const ids[] = {"azureml:iris:1", "azureml:iris@latest", WS "/data/iris/versions/1",
                               "azureml://locations/local/workspaces/" GUID
                               "/data/iris/versions/1"};

    add_data(w, "iris", 1);
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct json *v = world_ask(w, 200, "POST", DATA "/dataversion/getByAssetId",
                                   arena_printf(w->arena, "{\"value\":\"%s\"}", ids[i]).ptr);
        CHECK_STR("1", json_str_at(v, "dataVersion.versionId"));
    }
    world_ask(w, 404, "POST", DATA "/dataversion/getByAssetId", "{\"value\":\"azureml:none:1\"}");
    world_ask(w, 400, "POST", DATA "/dataversion/getByAssetId", "{}");
    world_ask(w, 400, "POST", DATA "/dataversion/getByAssetId", "[]");
}

TEST(a_model_is_named_with_its_version)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_model(w, "net", 2);
    struct json *m = world_get(w, MODELS "/models/net:1");
    CHECK_STR("net:1", json_str_at(m, "id"));
    CHECK_INT(1, json_int_at(m, "version", 0));
    CHECK_STR("mlflow_model", json_str_at(m, "modelType"));
    CHECK_STR("calm_owl", json_str_at(m, "runId"));
    CHECK_STR("v", json_str_at(m, "kvTags.k"));
    CHECK_STR("net:2", json_str_at(world_get(w, MODELS "/models/net"), "id"));
    world_ask(w, 404, "GET", MODELS "/models/net:9", "");
    world_ask(w, 404, "GET", MODELS "/models/none:1", "");
    world_ask(w, 404, "GET", "/modelregistry/v1.0" WS2 "/models/net:1", "");
}

TEST(models_are_listed_by_name_and_by_their_newest)
{
    CLEANUP(world_close) struct world *w = world_open();

    add_model(w, "net", 3);
    add_model(w, "tree", 1);
    CHECK_INT(2, count_of(world_get(w, MODELS "/models")));
    CHECK_INT(3, count_of(world_get(w, MODELS "/models?name=net")));
    CHECK_INT(1, count_of(world_get(w, MODELS "/models?name=net&latestVersionOnly=true")));
    CHECK_INT(0, count_of(world_get(w, MODELS "/models?name=none")));
    struct json *page = world_ask(w, 200, "POST", MODELS "/models/list", "{\"name\":\"net\"}");
    CHECK_STR("net:3", json_str_at(page, "value[0].id"));
    page = world_ask(w, 200, "POST", MODELS "/models/querybatch",
                     "{\"modelIds\":[\"net:1\",\"none:1\",\"tree:1\"]}");
    CHECK_INT(2, json_count(json_get(page, STR("models"))));
    world_ask(w, 400, "POST", MODELS "/models/querybatch", "{\"modelIds\":1}");
    world_ask(w, 400, "GET", MODELS "/models?continuationToken=x", "");
}

TEST(many_models_come_in_pages)
{
    CLEANUP(world_close) struct world *w = world_open();

    for (int i = 0; i < 105; i++)
        add_model(w, arena_printf(w->arena, "m%03d", i).ptr, 1);
    struct json *page = world_get(w, MODELS "/models");
    CHECK_INT(100, count_of(page));
    struct str link = json_str_at(page, "nextLink");
    page = world_get(w, str_slice(link, 23, link.len).ptr);
    CHECK_INT(5, count_of(page));
}

TEST(what_changes_assets_is_left_to_arm)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_ask(w, 501, "POST", DATA "/dataversion/iris/versions", "{}");
    world_ask(w, 501, "DELETE", DATA "/dataversion/iris/versions/1", "");
    world_ask(w, 501, "POST", MODELS "/models", "{}");
    world_ask(w, 501, "PATCH", MODELS "/models/net:1", "[]");
    world_ask(w, 501, "POST", "/data/v2.0" WS "/datacall/preview", "{}");
}
