/* What the command line asks of a server, and what it makes of the answers. */
#include "base/json.h"
#include "cli/fake_test.h"

#include <string.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define HAS_NOT(part, text) CHECK(str_find(text, STR(part)) < 0)
#define WORKSPACE                                                                 \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/" \
    "providers/Microsoft.MachineLearningServices/workspaces/default"

TEST(names_are_encoded_and_versions_added)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/", 200,
               "{\"name\":\"a b\",\"properties\":{\"jobType\":\"Command\"}}");
    struct fake_run run = fake_run(fake, "job show -n a%b/c -o tsv --query name");

    CHECK_INT(0, run.code);
    CHECK_STR("a b\n", run.out);
    CHECK_STR("", run.err);
    CHECK_STR("GET " WORKSPACE "/jobs/a%25b%2Fc?api-version=2024-10-01\n", fake_asked(fake));
}

TEST(flags_choose_the_workspace)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/", 200, "{\"name\":\"x\"}");
    CHECK_INT(0, fake_run(fake, "job show x -g team -w lab --subscription s -o none").code);
    HAS("/subscriptions/s/resourceGroups/team/", fake_asked(fake));
    HAS("/workspaces/lab/jobs/x", fake_asked(fake));
}

TEST(an_error_of_the_server_has_its_code_target_and_hint)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/x", 400,
               "{\"error\":{\"code\":\"ValidationError\",\"message\":\"No such thing.\","
               "\"target\":\"properties.x\",\"hint\":\"Try y.\"}}");
    struct fake_run run = fake_run(fake, "job show -n x");

    CHECK_INT(1, run.code);
    CHECK_STR("", run.out);
    HAS("error  ValidationError  No such thing.", run.err);
    HAS("where: properties.x", run.err);
    HAS("next:  Try y.", run.err);
}

TEST(an_error_can_be_json)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/x", 409,
               "{\"error\":{\"code\":\"Conflict\",\"message\":\"Taken.\"}}");
    struct fake_run run = fake_run(fake, "job show -n x --error-format json");
    struct error err = {0};
    struct json *shown = json_parse(arena, str_trim(run.err), &err);

    CHECK_INT(1, run.code);
    CHECK_STR("Conflict", json_str_at(shown, "error.code"));
    CHECK_STR("Taken.", json_str_at(shown, "error.message"));
}

TEST(what_is_not_there_is_code_3_and_forbidden_is_not)
{
    FAKE;
    CHECK_INT(3, fake_run(fake, "model show -n x -v 1").code);
    fake_reply(fake, "GET", "/models/", 403,
               "{\"error\":{\"code\":\"Denied\",\"message\":\"No.\"}}");
    CHECK_INT(1, fake_run(fake, "model show -n x -v 1").code);
}

TEST(a_reply_that_is_no_json_is_an_error)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/x", 200, "<html>");
    struct fake_run run = fake_run(fake, "job show -n x");
    CHECK_INT(1, run.code);
    CHECK_STR("", run.out);
    fake_reply(fake, "GET", "/jobs/x", 502, "<html>bad</html>");
    HAS("Bad Gateway", fake_run(fake, "job show -n x").err);
}

TEST(lists_go_on_to_the_last_page_or_the_most)
{
    FAKE;
    static const char FIRST[] = "{\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}],"
                                "\"nextLink\":\"" WORKSPACE "/jobs?page=2\"}";
    fake_reply(fake, "GET", "/jobs?list", 200, FIRST);
    fake_reply(fake, "GET", "page=2", 200, "{\"value\":[{\"name\":\"c\"}]}");
    CHECK_STR("a\nb\nc\n", fake_run(fake, "job list --query [].name -o tsv").out);
    fake_reply(fake, "GET", "/jobs?list", 200, FIRST);
    CHECK_STR("a\n", fake_run(fake, "job list -r 1 --query [].name -o tsv").out);
    fake_reply(fake, "GET", "/jobs?list", 200, FIRST);
    CHECK_STR("a\nb\n", fake_run(fake, "job list -r 2 --query [].name -o tsv").out);
}

TEST(views_of_lists_are_asked_for)
{
    FAKE;
    for (int i = 0; i < 3; i++)
        fake_reply(fake, "GET", "/models?", 200, "{\"value\":[]}");
    fake_run(fake, "model list");
    fake_run(fake, "model list --include-archived");
    fake_run(fake, "model list --archived-only");
    HAS("listViewType=ActiveOnly", fake_asked(fake));
    HAS("listViewType=All&", fake_asked(fake));
    HAS("listViewType=ArchivedOnly", fake_asked(fake));
}

TEST(a_long_operation_is_waited_for)
{
    FAKE;
    fake_reply_with(fake, "PUT", "/computes/c",
                    "Azure-AsyncOperation: https://localhost:10443/operations/1\r\n", "{}");
    fake_reply(fake, "GET", "/operations/1", 200, "{\"status\":\"InProgress\"}");
    fake_reply(fake, "GET", "/operations/1", 200, "{\"status\":\"Succeeded\"}");
    fake_reply(fake, "GET", "/computes/c", 200,
               "{\"name\":\"c\",\"properties\":{\"provisioningState\":\"Succeeded\"}}");
    struct fake_run run =
        fake_run(fake, "compute create -n c -t amlcompute --query provisioning_state -o tsv");

    CHECK_INT(0, run.code);
    CHECK_STR("Succeeded\n", run.out);
}

TEST(an_operation_that_fails_says_why)
{
    FAKE;
    fake_reply_with(fake, "PUT", "/computes/c",
                    "Azure-AsyncOperation: https://localhost:10443/operations/1\r\n", "{}");
    fake_reply(
        fake, "GET", "/operations/1", 200,
        "{\"status\":\"Failed\",\"error\":{\"code\":\"QuotaExceeded\",\"message\":\"Full.\"}}");
    struct fake_run run = fake_run(fake, "compute create -n c -t amlcompute");

    CHECK_INT(1, run.code);
    HAS("error  QuotaExceeded  Full.", run.err);
}

TEST(no_wait_asks_nothing_more)
{
    FAKE;
    fake_reply_with(fake, "DELETE", "/computes/c",
                    "Location: https://localhost:10443/operations/1\r\n", "");
    CHECK_INT(0, fake_run(fake, "compute delete -n c -y --no-wait").code);
    HAS_NOT("operations", fake_asked(fake));
}

TEST(deleting_without_a_yes_asks_nothing)
{
    FAKE;
    struct fake_run run = fake_run(fake, "compute delete -n c");
    CHECK_INT(1, run.code);
    HAS("Add -y.", run.err);
    CHECK_STR("", fake_asked(fake));
}

TEST(an_edit_of_what_may_not_change_writes_nothing)
{
    FAKE;
    static const char MODEL[] = "{\"id\":\"/x/models/m/versions/1\",\"name\":\"1\",\"properties\":"
                                "{\"modelUri\":\"u\",\"tags\":{\"a\":\"1\"}}}";
    fake_reply(fake, "GET", "/models/m", 200, MODEL);
    CHECK_INT(2, fake_run(fake, "model update -n m -v 1 --set path=other").code);
    HAS_NOT("PUT", fake_asked(fake));
    fake_reply(fake, "GET", "/models/m", 200, MODEL);
    fake_reply(fake, "PUT", "/models/m", 200, MODEL);
    CHECK_INT(0, fake_run(fake, "model update -n m -v 1 --set tags.b=2 description=d").code);
    HAS("\"tags\":{\"a\":\"1\",\"b\":\"2\"}", fake_asked(fake));
    HAS("\"description\":\"d\"", fake_asked(fake));
}

TEST(archive_writes_the_whole_back)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/j", 200, "{\"properties\":{\"command\":\"c\"}}");
    fake_reply(fake, "PUT", "/jobs/j", 200, "{}");
    CHECK_INT(0, fake_run(fake, "job archive j").code);
    HAS("PUT " WORKSPACE "/jobs/j?api-version=2024-10-01 "
        "{\"properties\":{\"command\":\"c\",\"isArchived\":true}}",
        fake_asked(fake));
}

TEST(why_prints_a_line_a_phase)
{
    FAKE;
    fake_reply(
        fake, "GET", "/why", 200,
        "{\"name\":\"j\",\"status\":\"Failed\",\"reason\":\"It broke.\",\"next\":\"Mend it.\","
        "\"timeline\":[{\"phase\":\"Queued\",\"startedUs\":1000000,\"endedUs\":3500000},"
        "{\"phase\":\"Failed\",\"startedUs\":3500000,\"cause\":\"exit 1\"}]}");
    struct fake_run run = fake_run(fake, "job why j");

    CHECK_INT(0, run.code);
    CHECK_STR("j is Failed: It broke.\n"
              "  00:00:01  Queued             2.5 s  \n"
              "  00:00:03  Failed                    exit 1\n"
              "next: Mend it.\n",
              run.out);
}

TEST(the_table_of_jobs_has_times)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs?", 200,
               "{\"value\":[{\"name\":\"j\",\"properties\":{\"jobType\":\"Command\",\"status\":"
               "\"Completed\",\"displayName\":\"d\",\"experimentName\":\"e\",\"properties\":{"
               "\"StartTimeUtc\":\"2026-01-02T03:04:05.000000Z\","
               "\"EndTimeUtc\":\"2026-01-02T03:05:15.000000Z\"}}}]}");
    struct fake_run run = fake_run(fake, "job list -o table");

    HAS("j     d             command  e           Completed", run.out);
    HAS("01-02 03:04", run.out);
    HAS("1 m 10 s", run.out);
}

TEST(debug_says_each_request_but_no_signature)
{
    FAKE;
    fake_reply(fake, "GET", "/jobs/x", 200, "{\"name\":\"x\"}");
    struct fake_run run = fake_run(fake, "job show x --debug -o none");
    HAS("GET " WORKSPACE "/jobs/x?api-version=2024-10-01 200 ", run.err);
}
