#include "base/test.h"
#include "dataplane/filter.h"

#include <stdio.h>

#define RUN                                                                                   \
    "{\"runId\":\"owl\",\"status\":\"Completed\",\"displayName\":\"it's\",\"runNumber\":7,"   \
    "\"hidden\":false,\"parentRunId\":null,\"startTimeUtc\":\"2026-11-21T05:35:11.500000Z\"," \
    "\"tags\":{\"team\":\"a\",\"x-y.z\":\"1\"},\"properties\":{\"p\":\"2\"}}"

static bool matches(const char *text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    const struct dataplane_filter *filter = NULL;

    CHECK_OK(dataplane_filter_parse(arena, str_from(text), &filter, &err), &err);
    return dataplane_filter_match(filter, json_parse(arena, STR(RUN), &err));
}

static void refused(const char *text, const char *complaint)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    const struct dataplane_filter *filter = NULL;

    CHECK_ERROR(ERROR_INVALID, dataplane_filter_parse(arena, str_from(text), &filter, &err), &err);
    CHECK(filter == NULL);
    if (str_find(str_from(err.message), str_from(complaint)) < 0)
        printf("%s: %s\n", text, err.message);
    CHECK(str_find(str_from(err.message), str_from(complaint)) >= 0);
    CHECK_STR("filter", str_from(err.target));
}

TEST(no_filter_matches_everything)
{
    CHECK(matches(""));
    CHECK(matches("   "));
}

TEST(texts_are_compared_as_they_are)
{
    CHECK(matches("status eq 'Completed'"));
    CHECK(matches("STATUS eq 'Completed'"));
    CHECK(!matches("status eq 'completed'"));
    CHECK(matches("status ne 'Failed'"));
    CHECK(matches("runId gt 'oak'") && !matches("runId lt 'oak'"));
    CHECK(matches("runId ge 'owl'") && matches("runId le 'owl'"));
    CHECK(matches("name eq 'it''s'"));
    CHECK(matches("displayName eq 'it''s'"));
}

TEST(tags_and_properties_have_keys)
{
    CHECK(matches("tags/team eq 'a'"));
    CHECK(matches("Tags/x-y.z eq '1'"));
    CHECK(!matches("tags/none eq 'a'"));
    CHECK(matches("tags/none ne 'a'"));
    CHECK(matches("tags/none eq null"));
    CHECK(matches("properties/p eq '2'"));
}

TEST(numbers_flags_and_nothing)
{
    CHECK(matches("runNumber eq 7") && matches("runNumber ge 7.0") && matches("runNumber lt 8"));
    CHECK(!matches("runNumber gt 7") && !matches("runNumber eq 'seven'"));
    CHECK(matches("hidden eq false") && !matches("hidden eq true"));
    CHECK(matches("parentRunId eq null") && !matches("parentRunId ne null"));
    CHECK(!matches("parentRunId gt 'a'") && !matches("parentRunId lt 'a'"));
}

TEST(times_are_ordered_with_and_without_fractions)
{
    CHECK(matches("startTimeUtc ge 2026-11-21T05:35:11Z"));
    CHECK(matches("startTimeUtc gt '2026-11-21T05:35:11Z'"));
    CHECK(!matches("startTimeUtc gt 2026-11-21T05:35:12Z"));
    CHECK(matches("startTimeUtc eq 2026-11-21T05:35:11.500000Z"));
    CHECK(matches("startTimeUtc lt 2027-01-01"));
}

TEST(and_binds_more_tightly_than_or)
{
    CHECK(matches("status eq 'x' and runId eq 'y' or runNumber eq 7"));
    CHECK(!matches("status eq 'x' and (runId eq 'y' or runNumber eq 7)"));
    CHECK(matches("(status eq 'Completed' or status eq 'Failed') and tags/team eq 'a'"));
    CHECK(matches("not status eq 'Failed'") && !matches("not (status eq 'Completed')"));
    CHECK(matches("not not status eq 'Completed'"));
}

TEST(what_is_not_understood_is_said)
{
    refused("status", "eq, ne, gt, ge, lt or le");
    refused("status = 'x'", "eq, ne, gt, ge, lt or le");
    refused("status eq", "a value");
    refused("status eq 'x", "a closing quote");
    refused("status eq 'x' and", "The filter names");
    refused("status eq 'x' status", "and, or or the end");
    refused("(status eq 'x'", "')'");
    refused("colour eq 'x'", "'colour'");
    refused("tags eq 'x'", "'tags'");
    refused("status/x eq 'x'", "'status'");
    refused("; drop table run", "The filter names");
    refused("((((((((((((((((((((status eq 'x'))))))))))))))))))))", "less depth");
}

TEST(a_filter_has_a_length)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str text = arena_printf(arena, "status eq '%0*d'", 2000, 0);

    refused(text.ptr, "2000 bytes");
}
