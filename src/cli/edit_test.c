#include "base/test.h"
#include "cli/edit.h"

#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB)

static const char DOCUMENT[] =
    "{\"a\":{\"b\":1},\"list\":[{\"name\":\"x\",\"v\":1},{\"name\":\"y\"}],\"text\":\"t\"}";

static void sets(const char *assignment, bool force, const char *path, const char *expected)
{
    ARENA;
    struct error err = {0};
    struct json *root = json_parse(arena, str_from(DOCUMENT), &err);

    CHECK_OK(edit_set(arena, root, str_from(assignment), force, &err), &err);
    struct json *value = json_at(root, path);
    CHECK(value != NULL);
    CHECK_STR(expected, json_write(arena, value));
}

static void refuses(const char *assignment)
{
    ARENA;
    struct error err = {0};
    struct json *root = json_parse(arena, str_from(DOCUMENT), &err);

    CHECK_ERROR(ERROR_INVALID, edit_set(arena, root, str_from(assignment), false, &err), &err);
    CHECK_STR(DOCUMENT, json_write(arena, root));
}

TEST(set_walks_makes_and_replaces)
{
    sets("a.b=2", false, "a.b", "2");
    sets("a.c.d=x", false, "a.c.d", "\"x\"");
    sets("list[1].v=[1,2]", false, "list[1].v", "[1,2]");
    sets("list[-1].v=true", false, "list[1].v", "true");
    sets("list[name=x].v={\"k\":1}", false, "list[0].v", "{\"k\":1}");
    sets("list[0]=z", false, "list[0]", "\"z\"");
    sets("new=a=b", false, "new", "\"a=b\"");
    sets("new=", false, "new", "\"\"");
}

TEST(values_are_json_when_they_parse)
{
    sets("v=0.5", false, "v", "0.5");
    sets("v=0.5", true, "v", "\"0.5\"");
    sets("v=null", false, "v", "null");
    sets("v=True", false, "v", "true");
    sets("v={broken", false, "v", "\"{broken\"");
}

TEST(paths_that_lead_nowhere_are_refused)
{
    refuses("a.b");
    refuses("=x");
    refuses("a..b=1");
    refuses("a.=1");
    refuses("text.x=1");
    refuses("list[5].v=1");
    refuses("list[name=q].v=1");
    refuses("list[x].v=1");
    refuses("list[0.v=1");
    refuses("list.x=1");
}

TEST(add_appends_values_and_objects)
{
    ARENA;
    struct error err = {0};
    struct json *root = json_parse(arena, str_from(DOCUMENT), &err);
    const struct str object[] = {STR("list"), STR("name=z"), STR("v=3")},
                     plain[] = {STR("n.m"), STR("1"), STR("x")};
    const struct str onto_text[] = {STR("text"), STR("1")};

    CHECK_OK(edit_add(arena, root, object, 3, &err), &err);
    CHECK_STR("{\"name\":\"z\",\"v\":3}", json_write(arena, json_at(root, "list[2]")));
    CHECK_OK(edit_add(arena, root, plain, 3, &err), &err);
    CHECK_STR("[1,\"x\"]", json_write(arena, json_at(root, "n.m")));
    CHECK_ERROR(ERROR_INVALID, edit_add(arena, root, onto_text, 2, &err), &err);
    CHECK_ERROR(ERROR_INVALID, edit_add(arena, root, onto_text, 1, &err), &err);
}

TEST(remove_takes_keys_and_elements)
{
    ARENA;
    struct error err = {0};
    struct json *root = json_parse(arena, str_from(DOCUMENT), &err);
    const struct str key[] = {STR("a.b")}, element[] = {STR("list"), STR("0")},
                     gone[] = {STR("a.b")};
    const struct str beyond[] = {STR("list"), STR("7")};

    CHECK_OK(edit_remove(arena, root, key, 1, &err), &err);
    CHECK_OK(edit_remove(arena, root, element, 2, &err), &err);
    CHECK_STR("{\"a\":{},\"list\":[{\"name\":\"y\"}],\"text\":\"t\"}", json_write(arena, root));
    CHECK_ERROR(ERROR_INVALID, edit_remove(arena, root, gone, 1, &err), &err);
    CHECK_ERROR(ERROR_INVALID, edit_remove(arena, root, beyond, 2, &err), &err);
}
