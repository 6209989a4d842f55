/* Indexes by the data plane's generic assets: flat bodies, versions, pages. */
#include "kinds/shelf_test.h"

#include "base/test.h"

#include <string.h>

#define INDEXES "@/genericasset" SHELF_SCOPE "/indexes"
#define BODY                                                                                     \
    "{\"storageUri\":\"azureml://datastores/workspaceblobstore/paths/i\",\"description\":\"d\"," \
    "\"tags\":{\"a\":\"b\"},\"stage\":\"dev\"}"

static int64_t next_version(struct shelf *s, const char *name)
{
    struct fake_reply reply =
        shelf_post(s, arena_printf(s->arena, INDEXES "/%s:getNextVersion", name).ptr, "");

    CHECK_INT(200, reply.status);
    return json_int_at(reply.json, "nextVersion", 0);
}

TEST(an_index_is_put_and_read_flat)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply made = shelf_put(s, INDEXES "/near/versions/1", BODY);

    CHECK_INT(201, made.status);
    CHECK_STR("azureml://datastores/workspaceblobstore/paths/i",
              json_str_at(made.json, "storageUri"));
    CHECK_STR("dev", json_str_at(made.json, "stage"));
    CHECK_STR("b", json_str_at(made.json, "tags.a"));
    struct str id = json_str_at(made.json, "id");
    CHECK(str_starts(id, STR("azureml://locations/")));
    CHECK(str_ends(id, STR("/indexes/near/versions/1")));
    CHECK_INT(200, shelf_get(s, INDEXES "/near/versions/1").status);
    CHECK_STR("1", json_str_at(shelf_get(s, INDEXES "/NEAR").json, "version"));
}

TEST(versions_of_an_index_count_on)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(1, next_version(s, "near"));
    CHECK_INT(201, shelf_put(s, INDEXES "/near/versions/4", BODY).status);
    CHECK_INT(5, next_version(s, "near"));
    CHECK_INT(201, shelf_put(s, INDEXES "/near/versions/text", BODY).status);
    CHECK_INT(5, next_version(s, "near"));
    CHECK_STR("text", json_str_at(shelf_get(s, INDEXES "/near").json, "version"));
}

TEST(an_index_that_is_there_changes_only_its_words)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();

    CHECK_INT(201, shelf_put(s, INDEXES "/near/versions/1", BODY).status);
    CHECK_INT(200, shelf_put(s, INDEXES "/near/versions/1", BODY).status);
    CHECK_INT(409, shelf_put(s, INDEXES "/near/versions/1",
                             "{\"storageUri\":\"azureml://datastores/workspaceblobstore/paths/o\"}")
                       .status);
}

TEST(an_index_at_fault_is_refused)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    static const char *const BAD[] = {"{}",
                                      "[]",
                                      "7",
                                      "{\"storageUri\":7}",
                                      "{\"storageUri\":\"./x\"}",
                                      "{\"storageUri\":\"https://x/y\",\"tags\":[]}",
                                      "{"};

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(400, shelf_put(s, INDEXES "/near/versions/1", BAD[i]).status);
    CHECK_INT(404, shelf_get(s, INDEXES "/near").status);
    CHECK_INT(404, shelf_get(s, INDEXES "/near/versions").status);
    CHECK_INT(404, shelf_get(s, "@/genericasset" SHELF_OTHER "/indexes").status);
    CHECK_INT(400, shelf_get(s, INDEXES "?top=x").status);
    CHECK_INT(400, shelf_get(s, INDEXES "?$skip=x").status);
}

TEST(lists_of_indexes_come_in_pages)
{
    CLEANUP(shelf_close) struct shelf *s = shelf_open();
    struct fake_reply page = shelf_get(s, INDEXES "?api-version=2024-04-01-preview");

    CHECK_INT(0, json_count(json_at(page.json, "value")));
    CHECK(json_is_null(json_at(page.json, "nextLink")));
    for (int i = 1; i <= 5; i++)
        CHECK_INT(
            201,
            shelf_put(s, arena_printf(s->arena, INDEXES "/near/versions/%d", i).ptr, BODY).status);
    CHECK_INT(201, shelf_put(s, INDEXES "/far/versions/1", BODY).status);
    CHECK_INT(2, json_count(json_at(shelf_get(s, INDEXES).json, "value")));
    page = shelf_get(s, INDEXES "/near/versions?maxpagesize=3&listViewType=ActiveOnly");
    CHECK_INT(3, json_count(json_at(page.json, "value")));
    CHECK_STR("5", json_str_at(page.json, "value[0].version"));
    struct str link = json_str_at(page.json, "nextLink");
    CHECK(link.len > 0);
    page = shelf_get(
        s, arena_printf(s->arena, "@%s", link.ptr + strlen("https://localhost:10443")).ptr);
    CHECK_INT(2, json_count(json_at(page.json, "value")));
    CHECK_STR("1", json_str_at(page.json, "value[1].version"));
    CHECK(json_is_null(json_at(page.json, "nextLink")));
}
