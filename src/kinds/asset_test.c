/* What data, models, environments and code share, and what each insists on. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#include <string.h>

#define STORE "azureml://datastores/workspaceblobstore/paths/"

static const char *data(struct shelf *s, const char *type, const char *path)
{
    return arena_printf(s->arena,
                        "{\"properties\":{\"dataType\":\"%s\",\"dataUri\":\"" STORE "%s\"}}", type,
                        path)
        .ptr;
}

static struct str container(struct shelf *s, const char *path, const char *field)
{
    return json_str_at(shelf_get(s, path).json, arena_printf(s->arena, "properties.%s", field).ptr);
}

/* --- Versions -------------------------------------------------------------------------------- */

TEST(numbers_of_versions_never_come_back)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, "/data/d/versions/1", data(s, "uri_folder", "a")).status);
    CHECK_INT(201, shelf_put(s, "/data/d/versions/7", data(s, "uri_folder", "b")).status);
    CHECK_STR("8", container(s, "/data/d", "nextVersion"));
    CHECK_INT(200, shelf_delete(s, "/data/d/versions/7").status);
    CHECK_STR("8", container(s, "/data/d", "nextVersion"));
    CHECK_STR("1", container(s, "/data/d", "latestVersion"));
    CHECK_INT(201, shelf_put(s, "/data/d/versions/final", data(s, "uri_folder", "c")).status);
    CHECK_STR("8", container(s, "/data/d", "nextVersion"));
    CHECK_STR("final", container(s, "/data/d", "latestVersion"));
}

TEST(the_latest_version_is_the_newest_that_is_not_archived)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char GONE[] = "{\"properties\":{\"isArchived\":true,\"dataType\":\"uri_folder\","
                               "\"dataUri\":\"" STORE "b\"}}";

    CHECK_INT(201, shelf_put(s, "/data/d/versions/1", data(s, "uri_folder", "a")).status);
    CHECK_INT(201, shelf_put(s, "/data/d/versions/2", data(s, "uri_folder", "b")).status);
    CHECK_INT(200, shelf_put(s, "/data/d/versions/2", GONE).status);
    CHECK_STR("1", container(s, "/data/d", "latestVersion"));
    CHECK_STR("3", container(s, "/data/d", "nextVersion"));
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/data/d/versions").json, "value")));
    CHECK_INT(2,
              json_count(json_at(shelf_get(s, "/data/d/versions?listViewType=All").json, "value")));
    CHECK_INT(200, shelf_put(s, "/data/d/versions/2", data(s, "uri_folder", "b")).status);
    CHECK_STR("2", container(s, "/data/d", "latestVersion"));
}

TEST(an_archived_container_keeps_its_versions)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, "/data/d/versions/1", data(s, "uri_folder", "a")).status);
    CHECK_INT(200, shelf_put(s, "/data/d", "{\"properties\":{\"isArchived\":true}}").status);
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/data").json, "value")));
    CHECK_INT(1,
              json_count(json_at(shelf_get(s, "/data?listViewType=ArchivedOnly").json, "value")));
    CHECK(!json_bool_at(shelf_get(s, "/data/d/versions/1").json, "properties.isArchived", true));
    CHECK_INT(200, shelf_put(s, "/data/d", "{\"properties\":{\"isArchived\":false}}").status);
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/data").json, "value")));
}

TEST(what_does_not_exist_is_not_found_nor_deleted)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char *const TYPES[] = {"data", "models", "environments", "codes", "components"};

    for (size_t i = 0; i < COUNT(TYPES); i++) {
        const char *one = arena_printf(s->arena, "/%s/no", TYPES[i]).ptr;
        const char *version = arena_printf(s->arena, "%s/versions/1", one).ptr;
        CHECK_INT(404, shelf_get(s, one).status);
        CHECK_INT(404, shelf_get(s, version).status);
        CHECK_INT(404, shelf_get(s, arena_printf(s->arena, "%s/versions", one).ptr).status);
        CHECK_INT(204, shelf_delete(s, version).status);
        CHECK_INT(204, shelf_delete(s, one).status);
        CHECK_INT(404,
                  shelf_post(s, arena_printf(s->arena, "%s/publish", version).ptr, "{}").status);
        CHECK_INT(0, json_count(json_at(
                         shelf_get(s, arena_printf(s->arena, "/%s", TYPES[i]).ptr).json, "value")));
    }
}

TEST(lists_of_versions_are_narrowed_by_tags)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] =
        "{\"properties\":{\"dataUri\":\"" STORE "a\",\"tags\":{\"n\":\"%d\"},"
        "\"properties\":{\"p\":\"x\"}}}";

    for (int i = 1; i <= 3; i++)
        CHECK_INT(201, shelf_put(s, arena_printf(s->arena, "/data/d/versions/%d", i).ptr,
                                 arena_printf(s->arena, BODY, i).ptr)
                           .status);
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/data/d/versions?$tags=n%3D2").json, "value")));
    CHECK_INT(3, json_count(json_at(shelf_get(s, "/data/d/versions?$tags=n").json, "value")));
    CHECK_INT(3,
              json_count(json_at(shelf_get(s, "/data/d/versions?properties=p=x").json, "value")));
    CHECK_INT(0,
              json_count(json_at(shelf_get(s, "/data/d/versions?properties=p=y").json, "value")));
}

/* --- Data ------------------------------------------------------------------------------------ */

TEST(a_data_asset_stays_of_one_type)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, "/data/d/versions/1", data(s, "uri_file", "a.csv")).status);
    shelf_refused(s, "/data/d/versions/2", data(s, "mltable", "t"),
                  (struct shelf_refusal){400, "properties.dataType", "uri_file"});
    CHECK_INT(201, shelf_put(s, "/data/d/versions/2", data(s, "uri_file", "b.csv")).status);
    CHECK_STR("uri_file", container(s, "/data/d", "dataType"));
}

/* YAML makes a number of `cuda: 11.7`, and clients send it so. */
TEST(tags_that_come_as_numbers_are_texts)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] =
        "{\"properties\":{\"image\":\"x\",\"tags\":{\"cuda\":11.7,\"gpus\":8,\"fast\":true,"
        "\"torch\":\"1.13.0a0\"}}}";

    CHECK_INT(201, shelf_put(s, "/environments/e/versions/1", BODY).status);
    CHECK_INT(200, shelf_put(s, "/environments/e/versions/1", BODY).status);
    struct json *tags = json_at(shelf_get(s, "/environments/e/versions/1").json, "properties.tags");
    CHECK_STR("{\"cuda\":\"11.7\",\"gpus\":\"8\",\"fast\":\"true\",\"torch\":\"1.13.0a0\"}",
              json_write(s->arena, tags));
    shelf_refused(s, "/environments/e/versions/2",
                  "{\"properties\":{\"image\":\"x\",\"tags\":{\"a\":[1]}}}",
                  (struct shelf_refusal){400, "properties.tags", "texts"});
}

TEST(data_at_fault_is_refused)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    shelf_refused(s, "/data/d/versions/1", data(s, "uri_file", "folder/"),
                  (struct shelf_refusal){400, "properties.dataUri", "folder"});
    shelf_refused(s, "/data/d/versions/1", data(s, "table", "t"),
                  (struct shelf_refusal){400, "properties.dataType", "none of"});
    shelf_refused(s, "/data/d/versions/1",
                  "{\"properties\":{\"dataUri\":\"" STORE
                  "a\",\"autoDeleteSetting\":{\"condition\":"
                  "\"Sometimes\"}}}",
                  (struct shelf_refusal){400, "properties.autoDeleteSetting.condition", NULL});
    CHECK_INT(201, shelf_put(s, "/data/d/versions/1",
                             "{\"properties\":{\"dataUri\":\"" STORE
                             "a\",\"autoDeleteSetting\":{\"condition\":\"createdGreaterThan\","
                             "\"value\":\"30d\"}}}")
                       .status);
    CHECK_STR("createdGreaterThan", json_str_at(shelf_get(s, "/data/d/versions/1").json,
                                                "properties.autoDeleteSetting.condition"));
    CHECK_INT(200, shelf_put(s, "/data/d/versions/1",
                             "{\"properties\":{\"dataUri\":\"" STORE
                             "a\",\"autoDeleteSetting\":{\"condition\":\"CreatedGreaterThan\","
                             "\"value\":\"60d\"}}}")
                       .status);
}

/* --- Models ---------------------------------------------------------------------------------- */

TEST(a_flavor_of_a_model_is_an_object_of_texts)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] =
        "{\"properties\":{\"modelUri\":\"https://elsewhere/m\",\"flavors\":{\"f\":%s}}}";
    static const char *const BAD[][2] = {{"5", "properties.flavors.f"},
                                         {"[]", "properties.flavors.f"},
                                         {"{\"data\":7}", "properties.flavors.f.data"},
                                         {"{\"data\":{\"a\":[]}}", "properties.flavors.f.data"}};

    for (size_t i = 0; i < COUNT(BAD); i++)
        shelf_refused(s, "/models/n/versions/1", arena_printf(s->arena, BODY, BAD[i][0]).ptr,
                      (struct shelf_refusal){400, BAD[i][1], "Expected"});
    const char *good = arena_printf(s->arena, BODY, "{\"data\":{\"wait\":100,\"a\":null}}").ptr;
    CHECK_INT(201, shelf_put(s, "/models/n/versions/1", good).status);
    CHECK_INT(200, shelf_put(s, "/models/n/versions/1", good).status);
    CHECK_STR("100", json_str_at(shelf_get(s, "/models/n/versions/1").json,
                                 "properties.flavors.f.data.wait"));
}

TEST(a_model_is_packaged_by_nobody_yet)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);

    CHECK_INT(501, shelf_post(s, "/models/m/versions/1/package", "{}").status);
    CHECK_INT(404, shelf_post(s, "/models/m/versions/2/package", "{}").status);
    CHECK(json_kind(json_at(shelf_get(s, "/models/m/versions/1").json, "properties.flavors")) ==
          JSON_OBJECT);
}

TEST(stage_and_flavors_of_a_model_may_change)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    shelf_stock(s);

    CHECK_INT(200,
              shelf_put(s, "/models/m/versions/1",
                        "{\"properties\":{\"modelUri\":\"" STORE "m\",\"stage\":\"Production\","
                        "\"flavors\":{\"python_function\":{\"data\":{\"env\":\"e\"}}}}}")
                  .status);
    CHECK_STR("Production",
              json_str_at(shelf_get(s, "/models/m/versions/1").json, "properties.stage"));
    shelf_blob(s, "m/other/model.bin", "bytes");
    CHECK_INT(400, shelf_put(s, "/models/m/versions/1",
                             "{\"properties\":{\"modelUri\":\"" STORE "m/other\"}}")
                       .status);
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/models/m/versions?version=1").json, "value")));
}

/* --- Environments ---------------------------------------------------------------------------- */

TEST(an_environment_tells_the_field_at_fault)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct {
        const char *members, *target;
    } CASES[] = {
        {"", "properties.image"},
        {"\"image\":\"a\",\"build\":{\"contextUri\":\"https://a/b/\"}", "properties.build"},
        {"\"build\":{}", "properties.build.contextUri"},
        {"\"build\":{\"contextUri\":\"./here\"}", "properties.build.contextUri"},
        {"\"condaFile\":\"a: [\"", "properties.condaFile"},
        {"\"condaFile\":\"just words\"", "properties.condaFile"},
        {"\"condaFile\":\"dependencies: 7\"", "properties.condaFile"},
        {"\"image\":\"a\",\"osType\":\"Plan9\"", "properties.osType"},
        {"\"image\":\"a\",\"autoRebuild\":\"Daily\"", "properties.autoRebuild"},
        {"\"image\":\"a\",\"inferenceConfig\":{\"scoringRoute\":{\"path\":\"score\",\"port\":1}}",
         "properties.inferenceConfig.scoringRoute.path"},
        {"\"image\":\"a\",\"inferenceConfig\":{\"livenessRoute\":{\"path\":\"/\",\"port\":0}}",
         "properties.inferenceConfig.livenessRoute.port"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        shelf_refused(s, "/environments/e/versions/1",
                      arena_printf(s->arena, "{\"properties\":{%s}}", CASES[i].members).ptr,
                      (struct shelf_refusal){400, CASES[i].target, NULL});
}

TEST(a_whole_environment_comes_back)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply made = shelf_put(
        s, "/environments/e/versions/1",
        "{\"properties\":{\"image\":\"python:3.11\",\"condaFile\":\"dependencies:\\n- python\\n\","
        "\"osType\":\"linux\",\"inferenceConfig\":{\"livenessRoute\":{\"path\":\"/live\",\"port\":"
        "80},\"readinessRoute\":{\"path\":\"/ready\",\"port\":80},\"scoringRoute\":{\"path\":"
        "\"/score\",\"port\":80}}}}");

    CHECK_INT(201, made.status);
    CHECK_STR("Linux", json_str_at(made.json, "properties.osType"));
    CHECK_STR("UserCreated", json_str_at(made.json, "properties.environmentType"));
    CHECK_INT(80, json_int_at(made.json, "properties.inferenceConfig.scoringRoute.port", 0));
}

/* --- Code ------------------------------------------------------------------------------------ */

TEST(code_is_found_by_its_content_under_any_name)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, "/codes/one/versions/1",
                             "{\"properties\":{\"codeUri\":\"" STORE "c\",\"isAnonymous\":true,"
                             "\"properties\":{\"hash_sha256\":\"beef\",\"hash_version\":202208}}}")
                       .status);
    struct fake_reply hit = shelf_get(s, "/codes/never-seen/versions?hash=beef&hashVersion=202208");
    CHECK_STR(SHELF_SCOPE "/codes/one/versions/1", json_str_at(hit.json, "value[0].id"));
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/codes/x/versions?hash=dead").json, "value")));
    CHECK_INT(200, shelf_delete(s, "/codes/one/versions/1").status);
    CHECK_INT(0, json_count(json_at(shelf_get(s, "/codes/x/versions?hash=beef").json, "value")));
}
