#include "os/clock.h"

#include "base/test.h"

TEST(iso_time_has_microseconds_and_a_z)
{
    char text[CLOCK_ISO_BYTES];

    CHECK_STR("1970-01-01T00:00:00.000000Z", clock_iso(0, text));
    CHECK_STR("2026-11-21T12:00:00.123456Z", clock_iso(1795262400123456, text));
    CHECK_STR("1969-12-31T23:59:59.999999Z", clock_iso(-1, text));
}

TEST(http_date_is_english)
{
    char text[CLOCK_ISO_BYTES];

    CHECK_STR("Sat, 21 Nov 2026 12:00:00 GMT", clock_http_date(1795262400123456, text));
    CHECK_STR("Thu, 01 Jan 1970 00:00:00 GMT", clock_http_date(0, text));
}

TEST(iso_times_are_read_with_fraction_and_offset)
{
    static const struct {
        const char *text;
        int64_t us;
    } CASES[] = {
        {"2026-11-21T12:00:00Z", 1795262400000000},
        {"2026-11-21T12:00:00.5Z", 1795262400500000},
        {"2026-11-21T12:00:00.1234567Z", 1795262400123456},
        {"2026-11-21T14:30:00+02:30", 1795262400000000},
        {"2026-11-21T09:00:00-0300", 1795262400000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
    };
    int64_t us;

    for (size_t i = 0; i < COUNT(CASES); i++) {
        CHECK(clock_parse_iso(str_from(CASES[i].text), &us));
        CHECK_INT(CASES[i].us, us);
    }
}

TEST(what_is_no_time_is_refused)
{
    static const char *const CASES[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:00",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00Zx",
        "2026-11-21T12:00:00+25:00",
        "x026-11-21T12:00:00Z",
    };
    int64_t us = 7;

    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK(!clock_parse_iso(str_from(CASES[i]), &us));
    CHECK_INT(7, us);
}

TEST(what_was_written_is_read_back)
{
    char text[CLOCK_ISO_BYTES];
    int64_t us;

    for (int64_t at = 1; at < 4000000000000000; at = at * 3 + 1) {
        CHECK(clock_parse_iso(clock_iso(at, text), &us));
        CHECK_INT(at, us);
    }
}

TEST(durations_are_read)
{
    int64_t us;

    CHECK(clock_parse_duration(STR("PT1H30M"), &us));
    CHECK_INT(5400 * US_PER_S, us);
    CHECK(clock_parse_duration(STR("P1DT2.5S"), &us));
    CHECK_INT(86402500000, us);
    CHECK(clock_parse_duration(STR("PT20S"), &us));
    CHECK_INT(20 * US_PER_S, us);
    CHECK(clock_parse_duration(STR("PT0S"), &us));
    CHECK_INT(0, us);
}

TEST(what_is_no_duration_is_refused)
{
    static const char *const CASES[] = {
        "",       "P",   "PT",     "1H",    "PT1",   "P1H",   "PT1D",
        "PT1S1H", "P1M", "PT1.5H", "PT-1S", "PT1S ", "PTT1S", "PT99999999999S"};
    int64_t us;

    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK(!clock_parse_duration(str_from(CASES[i]), &us));
}

TEST(a_duration_that_no_clock_reaches_is_refused)
{
    static const char *const CASES[] = {"P2147483647W", "P2147483647D", "P3000000WT2147483647H",
                                        "P3812572W", "P2147483647WT1S"};
    int64_t us = -7;

    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK(!clock_parse_duration(str_from(CASES[i]), &us));
    CHECK_INT(-7, us);
    CHECK(clock_parse_duration(STR("P3812571W"), &us)); /* the last week that fits */
    CHECK(us <= INT64_MAX / 4);
    CHECK(clock_parse_duration(STR("PT2147483647H"), &us) == false);
    CHECK(clock_parse_duration(STR("PT2147483647S"), &us));
    CHECK_INT(2147483647 * US_PER_S, us);
}

TEST(a_test_clock_moves_only_when_told)
{
    clock_test_set(1000);
    int64_t mono = clock_mono_us();
    CHECK_INT(1000, clock_now_us());
    clock_sleep_us(3600 * US_PER_S); /* does not sleep */
    CHECK_INT(1000 + 3600 * US_PER_S, clock_now_us());
    clock_test_advance(5);
    CHECK_INT(mono + 3600 * US_PER_S + 5, clock_mono_us());
    clock_test_end();
    CHECK(clock_now_us() > 1700000000 * US_PER_S);
}

TEST(real_sleep_takes_its_time)
{
    int64_t before = clock_mono_us();

    clock_sleep_us(2000);
    CHECK(clock_mono_us() - before >= 2000);
}
