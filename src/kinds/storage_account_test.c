#include "kinds/storage_account.h"

#include "asset/asset.h"
#include "base/test.h"
#include "kinds/space_test.h"

#define SUB "/subscriptions/00000000-0000-0000-0000-000000000001"
#define ACCOUNTS "/providers/Microsoft.Storage/storageAccounts"
#define OTHER_GROUP                                                                     \
    SUB "/resourceGroups/other/providers/Microsoft.MachineLearningServices/workspaces/" \
        "second"

static struct str path_of(struct fixture *f, const char *rest)
{
    return arena_printf(f->arena, "%s" ACCOUNTS "/%.*s%s", SUB "/resourceGroups/default",
                        STR_ARG(asset_account(f->arena, &f->scope)), rest);
}

TEST(the_account_of_a_workspace_says_where_its_blobs_are)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct str account = asset_account(f->arena, &f->scope);
    struct fake_reply reply = fixture_get(f, path_of(f, "").ptr);

    CHECK_INT(200, reply.status);
    CHECK(str_eq(account, json_str_at(reply.json, "name")));
    CHECK_STR("StorageV2", json_str_at(reply.json, "kind"));
    CHECK_STR("Standard_LRS", json_str_at(reply.json, "sku.name"));
    CHECK(str_eq(arena_printf(f->arena, "https://localhost:10443/%.*s.blob.core.lazurite.test/",
                              STR_ARG(account)),
                 json_str_at(reply.json, "properties.primaryEndpoints.blob")));
    CHECK_INT(204, fake_send(f->fake, "HEAD", path_of(f, "").ptr, STR("")).status);
    CHECK_INT(404, fake_send(f->fake, "HEAD", path_of(f, "x").ptr, STR("")).status);
    /* It goes with its workspace and not before. */
    CHECK_INT(204, fake_send(f->fake, "DELETE", path_of(f, "").ptr, STR("")).status);
    CHECK_INT(200, fixture_get(f, path_of(f, "").ptr).status);
}

TEST(accounts_are_listed_by_subscription_and_by_group)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();

    CHECK(fixture_put(f, OTHER_GROUP, "{\"location\":\"local\",\"properties\":{}}").status < 300);
    CHECK_INT(2, json_count(json_at(fixture_get(f, SUB ACCOUNTS).json, "value")));
    struct fake_reply one = fixture_get(f, SUB "/resourceGroups/Default" ACCOUNTS);
    CHECK_INT(1, json_count(json_at(one.json, "value")));
    CHECK(str_eq(asset_account(f->arena, &f->scope), json_str_at(one.json, "value[0].name")));
    CHECK_INT(
        0, json_count(json_at(fixture_get(f, SUB "/resourceGroups/none" ACCOUNTS).json, "value")));
}

TEST(an_account_gives_its_key_by_list_keys)
{
    CLEANUP(fixture_close) struct fixture *f = fixture_open();
    struct fake_reply reply = fake_json(f->fake, "POST", path_of(f, "/listKeys").ptr, "");

    CHECK_INT(200, reply.status);
    CHECK_STR("key1", json_str_at(reply.json, "keys[0].keyName"));
    CHECK_STR("FULL", json_str_at(reply.json, "keys[0].permissions"));
    CHECK_INT(44, json_str_at(reply.json, "keys[0].value").len);
    CHECK_INT(404, fake_json(f->fake, "POST", path_of(f, "x/listKeys").ptr, "").status);
    CHECK_INT(
        404,
        fake_json(f->fake, "POST", SUB "/resourceGroups/none" ACCOUNTS "/lz/listKeys", "").status);
    CHECK_INT(405, fixture_get(f, path_of(f, "/listKeys").ptr).status);
}
