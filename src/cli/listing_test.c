/* Lists of any length: what is printed is the same whether rows flow or are gathered first. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/fake_test.h"

#include <stdio.h>
#include <string.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(512 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)

/* A page of `count` datastores from `first` on, with a link when there is more. */
static const char *page(struct arena *arena, int first, int count, const char *next)
{
    CLEANUP(buf_free) struct buf out = buf_make(8 * MIB);

    buf_add(&out, STR("{\"value\":["));
    for (int i = 0; i < count; i++)
        buf_printf(&out, "%s{\"name\":\"n%05d\",\"properties\":{\"datastoreType\":\"AzureBlob\"}}",
                   i ? "," : "", first + i);
    buf_printf(&out, "]%s%s%s}", next ? ",\"nextLink\":\"" : "", next ? next : "",
               next ? "\"" : "");
    return arena_str(arena, buf_str(&out)).ptr;
}

static void two_pages(struct fake *fake, struct arena *arena)
{
    fake_reply(fake, "GET", "/datastores?api", 200, page(arena, 0, 2, "/next?page=2"));
    fake_reply(fake, "GET", "/next?page=2", 200, page(arena, 2, 1, NULL));
}

TEST(rows_that_flow_are_the_list_that_is_gathered)
{
    FAKE;
    static const char *const FORMATS[] = {"json", "jsonc", "yaml", "yamlc", "tsv"};

    for (size_t i = 0; i < COUNT(FORMATS); i++) {
        two_pages(fake, arena);
        struct str flowing =
            fake_run(fake, arena_printf(arena, "datastore list -o %s", FORMATS[i]).ptr).out;
        two_pages(fake, arena);
        struct str gathered =
            fake_run(fake, arena_printf(arena, "datastore list --query @ -o %s", FORMATS[i]).ptr)
                .out;
        CHECK(flowing.len > 20);
        /* A query keeps the order of columns that it sets; without one they are sorted. */
        if (strcmp(FORMATS[i], "tsv"))
            CHECK_STR(gathered.ptr, flowing);
    }
}

TEST(a_list_of_nothing_has_its_form_in_every_format)
{
    FAKE;
    static const struct {
        const char *format, *text;
    } CASES[] = {{"json", "[]\n"}, {"jsonc", "[]\n"}, {"yaml", "[]\n"},
                 {"tsv", ""},      {"table", ""},     {"none", ""}};

    for (size_t i = 0; i < COUNT(CASES); i++) {
        fake_reply(fake, "GET", "/datastores", 200, "{\"value\":[]}");
        struct fake_run run =
            fake_run(fake, arena_printf(arena, "datastore list -o %s", CASES[i].format).ptr);
        CHECK_INT(0, run.code);
        CHECK_STR(CASES[i].text, run.out);
    }
}

TEST(no_page_is_asked_for_beyond_the_most)
{
    FAKE;
    fake_reply(fake, "GET", "/datastores?api", 200, page(arena, 0, 3, "/next?page=2"));
    struct fake_run run = fake_run(fake, "datastore list -r 3 -o tsv --query [].name");

    CHECK_INT(0, run.code);
    CHECK_STR("n00000\nn00001\nn00002\n", run.out);
    CHECK(str_find(fake_asked(fake), STR("page=2")) < 0);
}

TEST(ten_thousand_rows_are_all_there_and_valid)
{
    FAKE;
    struct error err = {0};
    for (int i = 0; i < 20; i++) {
        const char *next = i == 19 ? NULL : arena_printf(arena, "/next?page=%02d", i + 1).ptr;
        const char *part = i ? arena_printf(arena, "page=%02d", i).ptr : "/datastores?api";
        fake_reply(fake, "GET", part, 200, page(arena, i * 500, 500, next));
    }
    struct fake_run run = fake_run(fake, "datastore list");
    struct json *all = json_parse(arena, run.out, &err);

    CHECK_INT(0, run.code);
    CHECK_INT(10000, (int)json_count(all));
    CHECK_STR("n09999", json_str_at(all, "[9999].name"));
}

TEST(a_page_that_fails_ends_the_list_with_its_error)
{
    FAKE;
    fake_reply(fake, "GET", "/datastores?api", 200, page(arena, 0, 2, "/next?page=2"));
    fake_reply(fake, "GET", "page=2", 500,
               "{\"error\":{\"code\":\"InternalError\",\"message\":\"Broken.\"}}");
    struct fake_run run = fake_run(fake, "datastore list");

    CHECK_INT(1, run.code);
    HAS("error  InternalError  Broken.", run.err);
}

TEST(steps_of_a_job_have_columns_of_their_own)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/p?", 200, "{}");
    fake_reply(fake, "GET", "/history/v1.0/subscriptions/", 200,
               "{\"value\":[{\"runId\":\"c1\",\"displayName\":\"prep\",\"status\":\"Completed\","
               "\"startTimeUtc\":\"2026-01-02T03:04:05Z\",\"endTimeUtc\":\"2026-01-02T03:04:07Z\","
               "\"properties\":{\"azureml.isreused\":\"true\"}}]}");
    CHECK_STR("Step  Status     Reused  Duration  Job\n"
              "----  ---------  ------  --------  ---\n"
              "prep  Completed  True    2.0 s     c1\n",
              fake_run(fake, "job list -p p -o table").out);
    HAS("/runs/p/children", fake_asked(fake));
}
