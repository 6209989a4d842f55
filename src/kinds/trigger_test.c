#include "kinds/trigger.h"

#include "base/test.h"

static void check_expression(const char *text, bool good)
{
    struct error err = {0};
    int result = trigger_expression(str_from(text), "at", &err);

    if ((result == 0) != good)
        fail_msg("'%s' is %s: %s", text, good ? "refused" : "taken", err.message);
    CHECK(good || err.code == ERROR_INVALID);
    CHECK_STR(good ? "" : "at", str_from(err.target));
}

TEST(cron_expressions_that_mean_something_are_taken)
{
    static const char *const GOOD[] = {
        "* * * * *",        "0 1 * * *",     "*/15 0-6 1,15 * 1-5", "5/10 * * * *",
        "0 0 31 JAN-MAR *", "0 0 ? * MON",   "0 0 1 * ?",           "0  18 * * fri",
        " 30 4 29 2 * ",    "0 0 * * 0,6,7", "59 23 31 12 7",       "0-59/7 * * * SUN-SAT",
        "0 0 30 2 MON",
    };

    for (size_t i = 0; i < COUNT(GOOD); i++)
        check_expression(GOOD[i], true);
}

TEST(cron_expressions_that_never_come_or_say_nothing_are_refused)
{
    static const char *const BAD[] = {
        "",
        "*",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "-1 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "* * * * MOO",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        "1- * * * *",
        "? * * * *",
        "0 0 31 2 *",
        "0 0 31 4,6,9,11 ?",
        "*/99 * * * *",
        "1//2 * * * *",
        "100000000000000000000 * * * *",
        "* * * FOO *",
        "1-2-3 * * * *",
        "* * ?/2 * *",
        "٣ * * * *",
    };

    for (size_t i = 0; i < COUNT(BAD); i++)
        check_expression(BAD[i], false);
}

TEST(time_zones_are_known_by_their_windows_names_in_any_case)
{
    CHECK(trigger_time_zone(STR("UTC")));
    CHECK(trigger_time_zone(STR("w. europe standard time")));
    CHECK(trigger_time_zone(STR("UTC-11")));
    CHECK(!trigger_time_zone(STR("")));
    CHECK(!trigger_time_zone(STR("Middle Earth Standard Time")));
    CHECK(!trigger_time_zone(STR("UTC ")));
}

/* What a trigger becomes, or the path that its refusal names. */
static const char *check(struct arena *arena, const char *text)
{
    struct error err = {0};
    struct json *trigger = json_parse(arena, str_from(text), &err);

    CHECK(trigger);
    if (trigger_check(arena, trigger, "t", &err) < 0) {
        CHECK_INT(ERROR_INVALID, err.code);
        CHECK(err.message[0]);
        return arena_printf(arena, "%s", err.target).ptr;
    }
    return arena_cstr(arena, json_write(arena, trigger));
}

TEST(words_of_triggers_get_azures_spelling_and_a_time_zone)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK_STR("{\"triggerType\":\"Cron\",\"expression\":\"0 1 * * *\",\"timeZone\":\"UTC\"}",
              str_from(check(arena, "{\"triggerType\":\"cron\",\"expression\":\"0 1 * * *\"}")));
    CHECK_STR("{\"frequency\":\"Week\",\"interval\":2,\"schedule\":{\"hours\":[1],\"minutes\":[0],"
              "\"weekDays\":[\"Monday\"],\"monthDays\":[1,-1]},\"triggerType\":\"Recurrence\","
              "\"startTime\":\"2024-01-01T00:00:00\",\"endTime\":\"2034-01-01T00:00:00Z\","
              "\"timeZone\":\"Tokyo Standard Time\"}",
              str_from(check(arena,
                             "{\"frequency\":\"week\",\"interval\":2,\"schedule\":{\"hours\":[1],"
                             "\"minutes\":[0],\"weekDays\":[\"monday\"],\"monthDays\":[1,-1]},"
                             "\"triggerType\":\"recurrence\",\"startTime\":\"2024-01-01T00:00:00\","
                             "\"endTime\":\"2034-01-01T00:00:00Z\","
                             "\"timeZone\":\"Tokyo Standard Time\"}")));
    CHECK_STR("{\"triggerType\":\"Recurrence\",\"frequency\":\"Minute\",\"interval\":1,"
              "\"schedule\":null,\"timeZone\":\"UTC\"}",
              str_from(check(arena, "{\"triggerType\":\"Recurrence\",\"frequency\":\"Minute\","
                                    "\"interval\":1,\"schedule\":null}")));
}

TEST(what_is_wrong_with_a_trigger_is_said_by_its_path)
{
#define EVERY "{\"triggerType\":\"Recurrence\",\"frequency\":\"Day\",\"interval\":1,"
    static const struct {
        const char *text, *target;
    } CASES[] = {
        {"[]", "t"},
        {"{}", "t.triggerType"},
        {"{\"triggerType\":\"Event\"}", "t.triggerType"},
        {"{\"triggerType\":7}", "t.triggerType"},
        {"{\"triggerType\":\"Cron\"}", "t.expression"},
        {"{\"triggerType\":\"Cron\",\"expression\":5}", "t.expression"},
        {"{\"triggerType\":\"Cron\",\"expression\":\"61 * * * *\"}", "t.expression"},
        {"{\"triggerType\":\"Recurrence\"}", "t.frequency"},
        {"{\"triggerType\":\"Recurrence\",\"frequency\":\"Year\",\"interval\":1}", "t.frequency"},
        {"{\"triggerType\":\"Recurrence\",\"frequency\":\"Day\"}", "t.interval"},
        {"{\"triggerType\":\"Recurrence\",\"frequency\":\"Day\",\"interval\":0}", "t.interval"},
        {"{\"triggerType\":\"Recurrence\",\"frequency\":\"Day\",\"interval\":1.5}", "t.interval"},
        {EVERY "\"schedule\":[]}", "t.schedule"},
        {EVERY "\"schedule\":{\"hours\":[24]}}", "t.schedule.hours"},
        {EVERY "\"schedule\":{\"hours\":3}}", "t.schedule.hours"},
        {EVERY "\"schedule\":{\"minutes\":[\"0\"]}}", "t.schedule.minutes"},
        {EVERY "\"schedule\":{\"monthDays\":[0]}}", "t.schedule.monthDays"},
        {EVERY "\"schedule\":{\"monthDays\":[32]}}", "t.schedule.monthDays"},
        {EVERY "\"schedule\":{\"weekDays\":[\"Someday\"]}}", "t.schedule.weekDays"},
        {EVERY "\"schedule\":{\"weekDays\":\"Monday\"}}", "t.schedule.weekDays"},
        {EVERY "\"startTime\":\"now\"}", "t.startTime"},
        {EVERY "\"startTime\":5}", "t.startTime"},
        {EVERY "\"startTime\":\"2024-01-02T00:00:00\",\"endTime\":\"2024-01-01T00:00:00\"}",
         "t.endTime"},
        {EVERY "\"timeZone\":\"Nowhere\"}", "t.timeZone"},
        {EVERY "\"timeZone\":5}", "t.timeZone"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK_STR(CASES[i].target, str_from(check(arena, CASES[i].text)));
}
