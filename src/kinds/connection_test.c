#include "kinds/connection.h"

#include "base/test.h"
#include "kinds/resource_test.h"

#define GIT                                                                                       \
    "{\"properties\":{\"authType\":\"PAT\",\"category\":\"git\",\"target\":\"https://g.test/t\"," \
    "\"credentials\":{\"pat\":\"hush-hush\"},\"metadata\":{\"a\":\"b\"}}}"

/* A body of one way to log in. */
static const char *body_of(struct world *w, const char *auth, const char *credentials)
{
    return arena_printf(w->arena,
                        "{\"properties\":{\"authType\":\"%s\",\"category\":\"CustomKeys\","
                        "\"target\":\"t\",\"credentials\":%s}}",
                        auth, credentials)
        .ptr;
}

TEST(a_connection_is_made_with_200_and_its_secret_is_nowhere_to_be_read)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = world_put(w, WS "/connections/team_git", GIT);

    CHECK_INT(200, reply.status);
    CHECK_STR("Git", json_str_at(reply.json, "properties.category"));
    CHECK_STR("ServicesAndApps", json_str_at(reply.json, "properties.group"));
    CHECK_STR("b", json_str_at(reply.json, "properties.metadata.a"));
    CHECK(!json_at(reply.json, "properties.credentials"));
    CHECK(str_find(reply.body, STR("hush")) < 0);
    CHECK(str_find(world_get(w, WS "/connections/team_git").body, STR("hush")) < 0);
    CHECK(str_find(world_get(w, WS "/connections").body, STR("hush")) < 0);
    CHECK(!world_stored(w, "hush-hush"));
    reply = world_post(w, WS "/connections/TEAM_GIT/listSecrets", "");
    CHECK_INT(200, reply.status);
    CHECK_STR("hush-hush", json_str_at(reply.json, "properties.credentials.pat"));
    CHECK_STR("team_git", json_str_at(reply.json, "name"));
}

TEST(what_says_who_stays_readable_and_what_lets_in_does_not)
{
    static const struct {
        const char *auth, *credentials, *shown, *hidden;
    } CASES[] = {
        {"UsernamePassword", "{\"username\":\"u-1\",\"password\":\"s-1\"}", "u-1", "s-1"},
        {"SAS", "{\"sas\":\"s-2\"}", "", "s-2"},
        {"AccountKey", "{\"sas\":\"s-3\"}", "", "s-3"},
        {"AccountKey", "{\"key\":\"s-4\"}", "", "s-4"},
        {"ServicePrincipal", "{\"clientId\":\"u-5\",\"tenantId\":\"x\",\"clientSecret\":\"s-5\"}",
         "u-5", "s-5"},
        {"AccessKey", "{\"accessKeyId\":\"u-6\",\"secretAccessKey\":\"s-6\"}", "u-6", "s-6"},
        {"ApiKey", "{\"key\":\"s-7\"}", "", "s-7"},
        {"CustomKeys", "{\"keys\":{\"one\":\"s-8\"}}", "", "s-8"},
        {"OAuth2", "{\"clientId\":\"u-9\",\"refreshToken\":\"s-9\"}", "u-9", "s-9"},
        {"ManagedIdentity", "{\"clientId\":\"u-10\",\"resourceId\":\"r\"}", "u-10", "s-10"},
        {"AAD", "{}", "", "s-11"},
        {"None", "null", "", "s-12"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply =
            world_put(w, WS "/connections/one", body_of(w, CASES[i].auth, CASES[i].credentials));
        CHECK_INT(200, reply.status);
        CHECK(str_find(reply.body, str_from(CASES[i].shown)) >= 0);
        CHECK(str_find(reply.body, str_from(CASES[i].hidden)) < 0);
        CHECK(!world_stored(w, CASES[i].hidden));
        reply = world_post(w, WS "/connections/one/listsecrets", "");
        CHECK_INT(200, reply.status);
        if (str_find(str_from(CASES[i].credentials), str_from(CASES[i].hidden)) >= 0)
            CHECK(str_find(reply.body, str_from(CASES[i].hidden)) >= 0);
        CHECK_INT(200, world_delete(w, WS "/connections/one").status);
    }
}

TEST(a_put_without_the_secret_keeps_it_and_another_way_to_log_in_drops_it)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(200, world_put(w, WS "/connections/c", GIT).status);
    CHECK_INT(200, world_put(w, WS "/connections/c",
                             "{\"properties\":{\"authType\":\"PAT\",\"category\":\"Git\","
                             "\"target\":\"https://else.test\"}}")
                       .status);
    struct fake_reply reply = world_post(w, WS "/connections/c/listsecrets", "");
    CHECK_STR("hush-hush", json_str_at(reply.json, "properties.credentials.pat"));
    CHECK_STR("https://else.test", json_str_at(reply.json, "properties.target"));
    reply = world_put(w, WS "/connections/c", body_of(w, "ApiKey", "{}"));
    CHECK_INT(400, reply.status);
    CHECK_STR("properties.credentials", world_target(reply));
    CHECK_INT(200, world_put(w, WS "/connections/c", body_of(w, "None", "{}")).status);
    reply = world_post(w, WS "/connections/c/listsecrets", "");
    CHECK(str_find(reply.body, STR("hush")) < 0);
}

TEST(a_patch_changes_one_of_two_secrets)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *two = body_of(w, "UsernamePassword",
                              "{\"username\":\"u\",\"password\":\"old\",\"securityToken\":\"t1\"}");

    CHECK_INT(200, world_put(w, WS "/connections/c", two).status);
    CHECK_INT(200, fake_json(w->fake, "PATCH", WS "/connections/c",
                             "{\"properties\":{\"credentials\":{\"password\":\"new\"}}}")
                       .status);
    struct fake_reply reply = world_post(w, WS "/connections/c/listsecrets", "");
    CHECK_STR("new", json_str_at(reply.json, "properties.credentials.password"));
    CHECK_STR("t1", json_str_at(reply.json, "properties.credentials.securityToken"));
    CHECK_STR("u", json_str_at(reply.json, "properties.credentials.username"));
}

TEST(a_list_is_of_one_category_or_target_and_leaves_data_out)
{
    CLEANUP(world_close) struct world *w = world_open();
    static const char *const BODIES[] = {
        "{\"properties\":{\"authType\":\"None\",\"category\":\"Git\",\"target\":\"a\"}}",
        "{\"properties\":{\"authType\":\"None\",\"category\":\"AzureBlob\",\"target\":\"b\"}}",
        "{\"properties\":{\"authType\":\"None\",\"category\":\"OwnKind\",\"target\":\"a\"}}",
    };

    for (int i = 0; i < 9; i++) {
        struct str target = arena_printf(w->arena, WS "/connections/c%d", i);
        CHECK_INT(200, world_put(w, target.ptr, BODIES[i % 3]).status);
    }
    CHECK_INT(6, json_count(json_at(world_get(w, WS "/connections").json, "value")));
    CHECK_INT(9,
              json_count(json_at(world_get(w, WS "/connections?includeAll=true").json, "value")));
    CHECK_INT(3, json_count(json_at(world_get(w, WS "/connections?category=git").json, "value")));
    CHECK_INT(
        3, json_count(json_at(world_get(w, WS "/connections?category=AzureBlob").json, "value")));
    CHECK_INT(6, json_count(json_at(world_get(w, WS "/connections?target=a").json, "value")));
    CHECK_INT(0, json_count(json_at(world_get(w, WS "/connections?target=z").json, "value")));
    /* A page of two, of which the rows that do not fit are in between. */
    struct fake_reply reply = world_get(w, WS "/connections?category=OwnKind&$top=2");
    CHECK_INT(2, json_count(json_at(reply.json, "value")));
    struct str next = json_str_at(reply.json, "nextLink");
    CHECK(next.len > 0);
    reply = world_get(
        w, arena_cstr(w->arena, str_slice(next, STR("https://localhost:10443").len, next.len)));
    CHECK_INT(1, json_count(json_at(reply.json, "value")));
    CHECK(!json_at(reply.json, "nextLink"));
}

TEST(what_is_wrong_with_a_connection_is_said_by_its_field)
{
    static const struct {
        const char *body, *target;
    } CASES[] = {
        {"{\"properties\":{\"category\":\"Git\"}}", "properties.authType"},
        {"{\"properties\":{\"authType\":\"Magic\",\"category\":\"Git\"}}", "properties.authType"},
        {"{\"properties\":{\"authType\":\"None\"}}", "properties.category"},
        {"{\"properties\":{\"authType\":\"PAT\",\"category\":\"Git\"}}", "properties.credentials"},
        {"{\"properties\":{\"authType\":\"PAT\",\"category\":\"Git\",\"credentials\":{\"pat\":1}}}",
         "properties.credentials"},
        {"{\"properties\":{\"authType\":\"PAT\",\"category\":\"Git\",\"credentials\":[]}}",
         "properties.credentials"},
        {"{\"properties\":{\"authType\":\"CustomKeys\",\"category\":\"x\",\"credentials\":"
         "{\"keys\":{\"a\":1}}}}",
         "properties.credentials.keys"},
        {"{\"properties\":{\"authType\":\"None\",\"category\":\"x\",\"expiryTime\":\"soon\"}}",
         "properties.expiryTime"},
        {"{\"properties\":{\"authType\":\"None\",\"category\":\"x\",\"isSharedToAll\":\"yes\"}}",
         "properties.isSharedToAll"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply = world_put(w, WS "/connections/bad", CASES[i].body);
        CHECK_INT(400, reply.status);
        CHECK_STR(CASES[i].target, world_target(reply));
    }
    CHECK_INT(404, world_get(w, WS "/connections/bad").status);
    CHECK_INT(404, world_post(w, WS "/connections/bad/listsecrets", "").status);
    CHECK_INT(501, world_post(w, WS "/connections/bad/testconnection", "").status);
    CHECK_INT(204, world_delete(w, WS "/connections/bad").status);
    CHECK_INT(404, world_get(w, RG "/other/connections/bad").status);
}

TEST(categories_are_found_in_any_case)
{
    CHECK_STR("AzureSqlDb", str_from(connection_category_find(STR("azuresqldb"))->name));
    CHECK_STR("Database", str_from(connection_category_find(STR("MySql"))->group));
    CHECK(connection_category_find(STR("AzureOneLake"))->data);
    CHECK(!connection_category_find(STR("nothing")));
    CHECK(!connection_category_find(STR("")));
}
