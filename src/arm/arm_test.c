#include "arm/internal.h"

#include "base/buf.h"
#include "base/test.h"

/* --- Page tokens and links ------------------------------------------------------------------- */

TEST(a_page_token_gives_back_its_position)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct document last = {.created_us = 1763726400000001, .doc = 42};
    int64_t us = 0, doc = 0;

    struct str token = arm_page_token(arena, &last, ORDER_NEWEST);
    CHECK(arm_page_token_read(token, &us, &doc));
    CHECK_INT(last.created_us, us);
    CHECK_INT(last.doc, doc);
}

TEST(a_page_token_of_another_make_is_refused)
{
    static const char *const BAD[] = {"",    ".",     "1",    "1.",   ".1",
                                      "a.b", "1.2.3", "-1.2", "1.-2", "1 .2"};
    int64_t us = 7, doc = 7;

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK(!arm_page_token_read(str_from(BAD[i]), &us, &doc));
    CHECK_INT(7, us);
    CHECK_INT(7, doc);
}

TEST(a_next_link_keeps_the_query_and_replaces_the_token)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_STR("api-version=1&$top=3&$skip=9.8",
              arm_page_query(arena, STR("api-version=1&$skip=5.4&$top=3"), STR("9.8")));
    CHECK_STR("a=b&$skip=9.8", arm_page_query(arena, STR("a=b&%24skip=5.4"), STR("9.8")));
    CHECK_STR("$skip=9.8", arm_page_query(arena, STR(""), STR("9.8")));
}

/* A client chooses how many pieces there are: their number may not count twice. */
TEST(a_query_of_very_many_pieces_costs_its_length)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    CLEANUP(buf_free) struct buf query = buf_make(MIB);

    for (int i = 0; i < 20000; i++)
        buf_add(&query, STR("a=1&$skip=2&&"));
    struct str link = arm_page_query(arena, buf_str(&query), STR("9.8"));
    CHECK_INT(20000 * 4 + 9, link.len);
    CHECK(str_ends(link, STR("a=1&$skip=9.8")));
    CHECK(arena_used(arena) < 4 * MIB);
}

/* --- Etags ----------------------------------------------------------------------------------- */

TEST(an_etag_changes_with_the_revision)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct document document = {.doc = 42, .rev = 7};

    CHECK_STR("\"2a-7\"", arm_etag(arena, &document));
    document.rev++;
    CHECK_STR("\"2a-8\"", arm_etag(arena, &document));
}

TEST(a_list_of_etags_is_searched_whole)
{
    CHECK(arm_etag_among(STR("\"a\", \"b\""), STR("\"b\"")));
    CHECK(arm_etag_among(STR("W/\"b\""), STR("\"b\"")));
    CHECK(arm_etag_among(STR("*"), STR("\"b\"")));
    CHECK(!arm_etag_among(STR("\"bb\""), STR("\"b\"")));
    CHECK(!arm_etag_among(STR(""), STR("\"b\"")));
}

/* --- Versions -------------------------------------------------------------------------------- */

static enum arm_change compare(struct arena *arena, const char *before, const char *after,
                               struct str *out_diff)
{
    struct error err = {0};
    struct json *old = json_parse(arena, str_from(before), &err);
    struct json *new = json_parse(arena, str_from(after), &err);

    const struct scope home = {.subscription = STR("s"), .group = STR("g"), .name = STR("w")};
    CHECK(old && new);
    return arm_version_compare(arena, &home, old, new, out_diff);
}

TEST(a_version_said_again_is_no_change)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str diff;

    CHECK_INT(ARM_CHANGE_NONE,
              compare(arena,
                      "{\"properties\":{\"dataUri\":\"a\",\"tags\":{},\"description\":null}}",
                      "{\"properties\":{\"dataUri\":\"a\",\"isArchived\":false}}", &diff));
    CHECK_INT(0, diff.len);
}

/* The same bytes under another of the server's names and ports, as other clients spell them. */
TEST(one_place_has_several_addresses)
{
    static const char *const SAME[][2] = {
        {"{\"properties\":{\"dataUri\":\"azureml://datastores/d/paths/a/\"}}",
         "{\"properties\":{\"dataUri\":\"azureml://datastores/d/paths/a\"}}"},
        {"{\"properties\":{\"modelUri\":\"azureml://datastores/d/paths/a b\"}}",
         "{\"properties\":{\"modelUri\":\"azureml://subscriptions/s/resourcegroups/G/workspaces/w/"
         "datastores/d/paths/a b/\"}}"},
        {"{\"properties\":{\"condaFile\":\"# mine\\ndependencies: [python, pip]\\nname: e\"}}",
         "{\"properties\":{\"condaFile\":\"name: e\\ndependencies:\\n- python\\n- pip\\n\"}}"},
        {"{\"properties\":{\"codeUri\":\"https://localhost:1/lz1.blob.core.x/azureml-1/a\"}}",
         "{\"properties\":{\"codeUri\":\"https://h:2/azureml-1/a/\"}}"},
        {"{\"properties\":{\"build\":{\"contextUri\":\"https://h:1/azureml-1/a/\","
         "\"dockerfilePath\":\"D\"}}}",
         "{\"properties\":{\"build\":{\"contextUri\":\"https://lz1.blob.core.x:2/azureml-1/a\","
         "\"dockerfilePath\":\"D\"}}}"},
    };
    static const char *const OTHER[][2] = {
        {"{\"properties\":{\"dataUri\":\"azureml://datastores/d/paths/a\"}}",
         "{\"properties\":{\"dataUri\":\"azureml://subscriptions/s/resourcegroups/g/workspaces/"
         "other/"
         "datastores/d/paths/a\"}}"},
        {"{\"properties\":{\"dataUri\":\"azureml:a:1\"}}",
         "{\"properties\":{\"dataUri\":\"azureml:a:2\"}}"},
        {"{\"properties\":{\"condaFile\":\"dependencies: [pip, python]\"}}",
         "{\"properties\":{\"condaFile\":\"dependencies: [python, pip]\"}}"},
        {"{\"properties\":{\"condaFile\":\"a: [\"}}", "{\"properties\":{\"condaFile\":\"b: [\"}}"},
        {"{\"properties\":{\"dataUri\":\"https://a/x/f\"}}",
         "{\"properties\":{\"dataUri\":\"https://b/x/f\"}}"},
        {"{\"properties\":{\"dataUri\":\"https://a/azureml-1/f\"}}",
         "{\"properties\":{\"dataUri\":\"https://a/azureml-2/f\"}}"},
        {"{\"properties\":{\"build\":{\"contextUri\":\"https://h/azureml-1/a\"}}}",
         "{\"properties\":{\"build\":{\"contextUri\":\"https://h/azureml-1/b\"}}}"},
        {"{\"properties\":{\"build\":{\"contextUri\":\"https://h/azureml-1/a\"}}}",
         "{\"properties\":{\"build\":{\"contextUri\":\"https://h/azureml-1/a\","
         "\"dockerfilePath\":\"E\"}}}"},
        {"{\"properties\":{\"build\":{\"contextUri\":\"https://h/azureml-1/a\"}}}",
         "{\"properties\":{\"build\":7}}"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str diff;

    for (size_t i = 0; i < COUNT(SAME); i++)
        CHECK_INT(ARM_CHANGE_NONE, compare(arena, SAME[i][0], SAME[i][1], &diff));
    for (size_t i = 0; i < COUNT(OTHER); i++)
        CHECK(compare(arena, OTHER[i][0], OTHER[i][1], &diff) >= ARM_CHANGE_PATH);
}

TEST(tags_and_archive_of_a_version_may_change)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str diff;

    CHECK_INT(ARM_CHANGE_SOFT,
              compare(arena, "{\"properties\":{\"dataUri\":\"a\",\"tags\":{\"x\":\"1\"}}}",
                      "{\"properties\":{\"dataUri\":\"a\",\"isArchived\":true}}", &diff));
}

TEST(another_path_is_told_from_another_field)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str diff;

    CHECK_INT(ARM_CHANGE_PATH,
              compare(arena, "{\"properties\":{\"dataUri\":\"a\"}}",
                      "{\"properties\":{\"dataUri\":\"b\",\"tags\":{\"x\":\"1\"}}}", &diff));
    CHECK_INT(ARM_CHANGE_HARD,
              compare(arena, "{\"properties\":{\"image\":\"a\",\"osType\":\"Linux\"}}",
                      "{\"properties\":{\"image\":\"b\",\"osType\":\"Linux\"}}", &diff));
    CHECK_STR("image is \"a\", not \"b\"", diff);
    CHECK_INT(ARM_CHANGE_HARD, compare(arena, "{\"properties\":{}}",
                                       "{\"properties\":{\"condaFile\":\"x\"}}", &diff));
    CHECK_STR("condaFile is null, not \"x\"", diff);
}

TEST(a_difference_is_told_in_whole_characters)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (int ahead = 0; ahead < 3; ahead++) {
        struct buf text = buf_make(KIB);
        struct str diff;
        buf_printf(&text, "{\"properties\":{\"image\":\"%.*s", ahead, "aaa");
        for (int i = 0; i < 60; i++)
            buf_add(&text, STR("\xc3\xa4"));
        buf_add(&text, STR("\"}}"));
        CHECK_INT(ARM_CHANGE_HARD,
                  compare(arena, buf_str(&text).ptr, "{\"properties\":{\"image\":\"b\"}}", &diff));
        /* A reader that takes UTF-8 only takes it. */
        struct error err = {0};
        struct str quoted = json_write(arena, json_text(arena, diff));
        CHECK(json_parse(arena, quoted, &err) != NULL);
        buf_free(&text);
    }
}

TEST(of_very_many_differences_only_the_first_are_told)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    CLEANUP(buf_free) struct buf text = buf_make(4 * MIB);
    struct str diff;

    buf_add(&text, STR("{\"properties\":{\"first\":1"));
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, ",\"field%d\":1", i);
    buf_add(&text, STR("}}"));
    CHECK_INT(ARM_CHANGE_HARD, compare(arena, buf_str(&text).ptr, "{\"properties\":{}}", &diff));
    CHECK(str_starts(diff, STR("first is 1, not null; field0 is 1")));
    CHECK(diff.len < 600 && arena_used(arena) < 16 * MIB);
}

TEST(what_is_as_good_as_absent_is_no_change)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    static const char *const NOTHINGS[] = {"null", "false", "\"\"", "[]", "{}"};
    static const char *const SOMETHINGS[] = {"0", "true", "\"x\"", "[0]", "{\"a\":null}"};
    struct str diff;

    for (size_t i = 0; i < COUNT(NOTHINGS); i++) {
        struct str one = arena_printf(arena, "{\"properties\":{\"image\":%s}}", NOTHINGS[i]);
        struct str other = arena_printf(arena, "{\"properties\":{\"image\":%s}}", SOMETHINGS[i]);
        CHECK_INT(ARM_CHANGE_NONE, compare(arena, one.ptr, "{\"properties\":{}}", &diff));
        CHECK_INT(ARM_CHANGE_NONE, compare(arena, "{\"properties\":{}}", one.ptr, &diff));
        CHECK_INT(ARM_CHANGE_HARD, compare(arena, other.ptr, "{\"properties\":{}}", &diff));
        CHECK_INT(ARM_CHANGE_HARD, compare(arena, one.ptr, other.ptr, &diff));
    }
}

/* --- Errors ---------------------------------------------------------------------------------- */

TEST(an_error_becomes_the_envelope_with_its_hint)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};

    error_set(&err, ERROR_CONFLICT, "properties", "It is so.");
    CHECK_INT(409, arm_status(err.code));
    CHECK_STR(
        "{\"error\":{\"code\":\"Conflict\",\"message\":\"It is so.\",\"target\":\"properties\","
        "\"details\":[],\"additionalInfo\":[]}}",
        json_write(arena, arm_error_body(arena, &err)));
    error_hint(&err, "Do that.");
    CHECK_STR("Do that.",
              json_str_at(arm_error_body(arena, &err), "error.additionalInfo[0].info.text"));
}

TEST(every_error_code_has_a_status)
{
    for (int code = ERROR_INVALID; code < ERROR_COUNT_; code++) {
        int status = arm_status((enum error_code)code);
        CHECK(status >= 400 && status < 600);
    }
    CHECK_INT(400, arm_status(ERROR_USER));
    CHECK_INT(412, arm_status(ERROR_PRECONDITION));
    CHECK_INT(501, arm_status(ERROR_NOT_IMPLEMENTED));
}

/* --- Types ----------------------------------------------------------------------------------- */

TEST(types_of_azure_that_wait_are_told_from_mistakes)
{
    CHECK(arm_type_unbuilt(STR("schedules")));
    CHECK(arm_type_unbuilt(STR("BatchEndpoints")));
    CHECK(arm_type_unbuilt(STR("components/versions")));
    CHECK(!arm_type_unbuilt(STR("shcedules")));
    CHECK(!arm_type_unbuilt(STR("data")));
}
