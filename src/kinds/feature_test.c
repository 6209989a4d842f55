/* Feature sets and entities, and what Azure would host: kept, checked, and honest about states. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#include <string.h>

#define ENTITY "/featurestoreEntities/account/versions/1"
#define SET "/featuresets/sums/versions/1"
#define STORE "azureml://datastores/workspaceblobstore/paths/"
#define ENTITY_BODY \
    "{\"properties\":{\"indexColumns\":[{\"columnName\":\"id\",\"dataType\":\"string\"}]}}"
#define SET_BODY                                                                                 \
    "{\"properties\":{\"entities\":[\"azureml:account:1\"],\"specification\":{\"path\":\"" STORE \
    "spec\"}}}"

TEST(an_entity_has_columns_with_types)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply made = shelf_put(s, ENTITY, ENTITY_BODY);

    CHECK_INT(201, made.status);
    CHECK_STR("String", json_str_at(made.json, "properties.indexColumns[0].dataType"));
    CHECK_STR("Succeeded", json_str_at(made.json, "properties.provisioningState"));
    CHECK_STR("1", json_str_at(shelf_get(s, "/featurestoreEntities/account").json,
                               "properties.latestVersion"));
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/featurestoreEntities").json, "value")));
    CHECK_INT(202, shelf_delete(s, ENTITY).status);
    CHECK_INT(204, shelf_delete(s, ENTITY).status);
}

TEST(an_entity_tells_the_column_at_fault)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const struct {
        const char *columns, *target;
    } CASES[] = {
        {"{}", "properties.indexColumns"},
        {"[]", "properties.indexColumns"},
        {"[1]", "properties.indexColumns"},
        {"[{\"columnName\":\"a\",\"dataType\":\"Long\"},{\"dataType\":\"Long\"}]",
         "properties.indexColumns.1.columnName"},
        {"[{\"columnName\":\"a\",\"dataType\":\"Huge\"}]", "properties.indexColumns.0.dataType"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        shelf_refused(
            s, ENTITY,
            arena_printf(s->arena, "{\"properties\":{\"indexColumns\":%s}}", CASES[i].columns).ptr,
            (struct shelf_refusal){400, CASES[i].target, NULL});
    CHECK_INT(201, shelf_put(s, ENTITY, ENTITY_BODY).status);
    CHECK_INT(409, shelf_put(s, ENTITY,
                             "{\"properties\":{\"indexColumns\":[{\"columnName\":\"other\","
                             "\"dataType\":\"Long\"}]}}")
                       .status);
}

TEST(a_feature_set_belongs_to_entities_that_are_there)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    shelf_refused(s, SET, SET_BODY, (struct shelf_refusal){404, "properties.entities", "account"});
    CHECK_INT(201, shelf_put(s, ENTITY, ENTITY_BODY).status);
    CHECK_INT(201, shelf_put(s, SET, SET_BODY).status);
    shelf_refused(s, SET, "{\"properties\":{}}",
                  (struct shelf_refusal){400, "properties.specification.path", NULL});
    shelf_refused(s, SET, "{\"properties\":{\"specification\":{\"path\":\"./here\"}}}",
                  (struct shelf_refusal){400, "properties.specification.path", "'./here'"});
    shelf_refused(s, SET,
                  "{\"properties\":{\"entities\":[7],\"specification\":{\"path\":\"" STORE
                  "spec\"}}}",
                  (struct shelf_refusal){400, "properties.entities", NULL});
}

TEST(a_feature_set_may_change_its_settings_and_not_what_it_is)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char WITH[] =
        "{\"properties\":{\"entities\":[\"azureml:account:1\"],\"specification\":{\"path\":\"" STORE
        "%s\"},\"materializationSettings\":{\"storeType\":\"Offline\"%s}}}";

    CHECK_INT(201, shelf_put(s, ENTITY, ENTITY_BODY).status);
    CHECK_INT(201, shelf_put(s, SET, SET_BODY).status);
    CHECK_INT(200, shelf_put(s, SET, arena_printf(s->arena, WITH, "spec", "").ptr).status);
    shelf_refused(s, SET, arena_printf(s->arena, WITH, "other", "").ptr,
                  (struct shelf_refusal){409, "properties.specification.path", NULL});
    shelf_refused(s, SET, arena_printf(s->arena, WITH, "spec", ",\"schedule\":{}").ptr,
                  (struct shelf_refusal){501, "properties.materializationSettings.schedule",
                                         "Materialization"});
    shelf_refused(s, SET,
                  arena_printf(s->arena, WITH, "spec", ",\"notification\":{\"emails\":{}}").ptr,
                  (struct shelf_refusal){
                      400, "properties.materializationSettings.notification.emails", "list"});
    shelf_refused(s, SET,
                  arena_printf(s->arena, WITH, "spec", ",\"notification\":{\"emailOn\":1}").ptr,
                  (struct shelf_refusal){
                      400, "properties.materializationSettings.notification.emailOn", "list"});
    CHECK_INT(501, shelf_post(s, SET "/backfill", "{}").status);
    CHECK_INT(404, shelf_post(s, "/featuresets/sums/versions/2/backfill", "{}").status);
}

TEST(the_features_are_those_of_the_specification)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, ENTITY, ENTITY_BODY).status);
    CHECK_INT(404, shelf_get(s, SET "/features").status);
    CHECK_INT(201, shelf_put(s, SET, SET_BODY).status);
    CHECK_INT(404, shelf_get(s, SET "/features").status);
    shelf_blob(s, "spec/FeatureSetSpec.yaml",
               "features:\n  - name: count_7d\n    type: long\n    description: a week\n"
               "  - name: sum_7d\n    type: double\n");
    struct fake_reply list = shelf_get(s, SET "/features");
    CHECK_INT(200, list.status);
    CHECK_INT(2, json_count(json_at(list.json, "value")));
    CHECK_STR("Long", json_str_at(list.json, "value[0].properties.dataType"));
    CHECK_STR("sum_7d",
              json_str_at(shelf_get(s, SET "/features/SUM_7D").json, "properties.featureName"));
    CHECK_INT(1,
              json_count(json_at(shelf_get(s, SET "/features?featureName=sum_7d").json, "value")));
    CHECK_INT(404, shelf_get(s, SET "/features/no").status);
    CHECK_INT(405, shelf_put(s, SET "/features/no", "{\"properties\":{}}").status);
}

TEST(a_broken_specification_is_told_and_not_an_end)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, ENTITY, ENTITY_BODY).status);
    CHECK_INT(201, shelf_put(s, SET, SET_BODY).status);
    shelf_blob(s, "spec/FeatureSetSpec.yaml", "features: [\n");
    CHECK_INT(400, shelf_get(s, SET "/features").status);
    shelf_blob(s, "spec/FeatureSetSpec.yaml", "features: 7\n");
    CHECK_INT(0, json_count(json_at(shelf_get(s, SET "/features").json, "value")));
}

TEST(lists_of_feature_sets_are_narrowed_by_what_is_asked)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char BODY[] = "{\"properties\":{\"stage\":\"%s\",\"tags\":{\"team\":\"%s\"},"
                               "\"indexColumns\":[{\"columnName\":\"id\",\"dataType\":\"Long\"}]}}";

    for (int i = 0; i < 6; i++)
        CHECK_INT(
            201,
            shelf_put(
                s, arena_printf(s->arena, "/featurestoreEntities/a/versions/%d", i).ptr,
                arena_printf(s->arena, BODY, i < 3 ? "dev" : "prod", i % 2 ? "odd" : "even").ptr)
                .status);
#define LIST "/featurestoreEntities/a/versions"
    CHECK_INT(3, json_count(json_at(shelf_get(s, LIST "?stage=prod").json, "value")));
    CHECK_INT(3, json_count(json_at(shelf_get(s, LIST "?tags=team=odd").json, "value")));
    CHECK_INT(6, json_count(json_at(shelf_get(s, LIST "?tags=team").json, "value")));
    CHECK_INT(0, json_count(json_at(shelf_get(s, LIST "?tags=team,size").json, "value")));
    CHECK_INT(1, json_count(json_at(shelf_get(s, LIST "?version=4").json, "value")));
    struct fake_reply page = shelf_get(s, LIST "?tags=team=odd&$top=2");
    CHECK_INT(2, json_count(json_at(page.json, "value")));
    struct str link = json_str_at(page.json, "nextLink");
    CHECK(str_starts(link, STR("https://localhost:10443")));
    struct str rest = str_slice(link, strlen("https://localhost:10443"), link.len);
    page = shelf_get(s, arena_printf(s->arena, "@%.*s", STR_ARG(rest)).ptr);
    CHECK_INT(1, json_count(json_at(page.json, "value")));
    CHECK_STR("1", json_str_at(page.json, "value[0].name"));
}

/* --- Hosted ---------------------------------------------------------------------------------- */

TEST(a_serverless_endpoint_is_kept_and_says_that_nothing_answers)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply made =
        shelf_put(s, "/serverlessEndpoints/talk",
                  "{\"location\":\"local\",\"properties\":{\"authMode\":\"key\",\"modelSettings\":"
                  "{\"modelId\":\"azureml://registries/azureml/models/x\"},\"endpointState\":"
                  "\"Online\"}}");

    CHECK_INT(201, made.status);
    CHECK_STR("Suspended", json_str_at(made.json, "properties.endpointState"));
    CHECK(json_is_null(json_at(made.json, "properties.inferenceEndpoint")));
    struct fake_reply keys = shelf_post(s, "/serverlessEndpoints/talk/listKeys", "");
    struct str primary = arena_str(s->arena, json_str_at(keys.json, "primaryKey"));
    struct str second = arena_str(s->arena, json_str_at(keys.json, "secondaryKey"));
    CHECK_INT(64, primary.len);
    CHECK(!str_eq(primary, second));
    CHECK(str_find(shelf_get(s, "/serverlessEndpoints/talk").body, primary) < 0);
    CHECK_INT(202,
              shelf_post(s, "/serverlessEndpoints/talk/regenerateKeys", "{\"keyType\":\"Primary\"}")
                  .status);
    keys = shelf_post(s, "/serverlessEndpoints/talk/listKeys", "");
    CHECK(!str_eq(primary, json_str_at(keys.json, "primaryKey")));
    CHECK(str_eq(second, json_str_at(keys.json, "secondaryKey")));
    CHECK_INT(400, shelf_post(s, "/serverlessEndpoints/talk/regenerateKeys", "{}").status);
    CHECK_INT(202, shelf_delete(s, "/serverlessEndpoints/talk").status);
    CHECK_INT(204, shelf_delete(s, "/serverlessEndpoints/talk").status);
    CHECK_INT(404, shelf_post(s, "/serverlessEndpoints/talk/listKeys", "").status);
}

TEST(nobody_is_subscribed_to_a_marketplace_that_is_not_there)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    shelf_refused(s, "/marketplaceSubscriptions/a", "{\"properties\":{}}",
                  (struct shelf_refusal){400, "properties.modelId", NULL});
    struct fake_reply made =
        shelf_put(s, "/marketplaceSubscriptions/a", "{\"properties\":{\"modelId\":\"m\"}}");
    CHECK_INT(201, made.status);
    CHECK_STR("Unsubscribed", json_str_at(made.json, "properties.marketplaceSubscriptionStatus"));
    CHECK(json_kind(json_at(made.json, "properties.marketplacePlan")) == JSON_OBJECT);
    CHECK_INT(1, json_count(json_at(shelf_get(s, "/marketplaceSubscriptions").json, "value")));
    CHECK_INT(202, shelf_delete(s, "/marketplaceSubscriptions/a").status);
}

TEST(a_workspace_has_one_capability_host)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, "/capabilityHosts/a", "{\"properties\":{}}").status);
    CHECK_STR("Agents", json_str_at(shelf_get(s, "/capabilityHosts/a").json,
                                    "properties.capabilityHostKind"));
    CHECK_INT(200, shelf_put(s, "/capabilityHosts/a", "{\"properties\":{}}").status);
    shelf_refused(s, "/capabilityHosts/b", "{\"properties\":{}}",
                  (struct shelf_refusal){409, "capabilityHosts", "'a'"});
    shelf_refused(s, "/capabilityHosts/a", "{\"properties\":{\"storageConnections\":[1]}}",
                  (struct shelf_refusal){400, "properties.storageConnections", NULL});
    CHECK_INT(202, shelf_delete(s, "/capabilityHosts/a").status);
    CHECK_INT(204, shelf_delete(s, "/capabilityHosts/a").status);
}
