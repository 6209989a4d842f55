/* Time, and its texts on the wire. The reading of dates is by hand: the library's follows the
 * locale and takes more forms than ISO 8601 has. Tests can stand both clocks still. */
#include "os/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The clock of tests: while `on` both clocks read from here. One struct, so that it is one global.
 */
static struct {
    atomic_bool on;
    _Atomic int64_t now_us;
    _Atomic int64_t mono_us;
} test_clock;

/* Both clocks used here are always there; a failure would be a bug. */
static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    int result = clock_gettime(id, &now);

    assert(result == 0);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

/* Wall time, which may jump: for what people and tokens are told, never for waiting. */
int64_t clock_now_us(void)
{
    return atomic_load_explicit(&test_clock.on, memory_order_relaxed)
               ? atomic_load(&test_clock.now_us)
               : read_clock(CLOCK_REALTIME);
}

/* Never jumps and says nothing about the date: for time-outs and intervals. */
int64_t clock_mono_us(void)
{
    /* BOOTTIME goes on while a laptop sleeps, so that leases end as they should. */
    return atomic_load_explicit(&test_clock.on, memory_order_relaxed)
               ? atomic_load(&test_clock.mono_us)
               : read_clock(CLOCK_BOOTTIME);
}

/* A signal's handler ends the sleep early, so the rest is slept, too. */
void clock_sleep_us(int64_t us)
{
    assert(us >= 0);
    if (atomic_load(&test_clock.on)) {
        clock_test_advance(us);
        return;
    }
    struct timespec left = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};
    while (nanosleep(&left, &left) < 0)
        ;
}

/* The flag last: whoever sees it finds both times set. */
void clock_test_set(int64_t now_us)
{
    atomic_store(&test_clock.mono_us, read_clock(CLOCK_BOOTTIME));
    atomic_store(&test_clock.now_us, now_us);
    atomic_store(&test_clock.on, true);
}

/* Both clocks go together, as they do in the world. */
void clock_test_advance(int64_t us)
{
    assert(atomic_load(&test_clock.on));
    atomic_fetch_add(&test_clock.now_us, us);
    atomic_fetch_add(&test_clock.mono_us, us);
}

/* From here the real clocks again, for the tests after this one. */
void clock_test_end(void)
{
    atomic_store(&test_clock.on, false);
}

/* Splits into whole seconds and the microseconds after them, also before 1970. */
static struct tm broken_down(int64_t us, int *out_fraction_us)
{
    int64_t fraction = us % US_PER_S;
    time_t seconds = (time_t)(us / US_PER_S);
    struct tm tm;

    if (fraction < 0) {
        fraction += US_PER_S;
        seconds--;
    }
    struct tm *filled = gmtime_r(&seconds, &tm);
    assert(filled != NULL);
    *out_fraction_us = (int)fraction;
    return tm;
}

/* Always six digits of fraction, so that texts sort as times do. */
struct str clock_iso(int64_t us, char *out)
{
    int fraction;
    struct tm tm = broken_down(us, &fraction);
    int len =
        snprintf(out, CLOCK_ISO_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);

    assert(len > 0);
    return (struct str){out, len < CLOCK_ISO_BYTES ? (size_t)len : CLOCK_ISO_BYTES - 1};
}

/* By hand: strftime would write the day's name in the locale's language. */
struct str clock_http_date(int64_t us, char *out)
{
    /* Not strftime: HTTP dates are English whatever the locale. */
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int fraction;
    struct tm tm = broken_down(us, &fraction);
    int len = snprintf(out, CLOCK_ISO_BYTES, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                       DAYS[tm.tm_wday], tm.tm_mday, MONTHS[tm.tm_mon], tm.tm_year + 1900,
                       tm.tm_hour, tm.tm_min, tm.tm_sec);

    assert(len > 0);
    return (struct str){out, len < CLOCK_ISO_BYTES ? (size_t)len : CLOCK_ISO_BYTES - 1};
}

/* Takes exactly `digits` digits off *rest. */
static bool take_digits(struct str *rest, size_t digits, int *out)
{
    int value = 0;

    assert(digits < 10);
    if (rest->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char c = rest->ptr[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *rest = str_slice(*rest, digits, rest->len);
    *out = value;
    return true;
}

/* Takes one character out of `any` off *rest. */
static bool take_char(struct str *rest, const char *any)
{
    assert(*any);
    if (!rest->len || !strchr(any, rest->ptr[0]) || !rest->ptr[0])
        return false;
    *rest = str_slice(*rest, 1, rest->len);
    return true;
}

/* The digits of a fraction as microseconds; further ones are cut off. */
static bool take_fraction(struct str *rest, int *out_us)
{
    int value = 0, scale = 100000;
    size_t digits = 0;

    while (digits < rest->len && rest->ptr[digits] >= '0' && rest->ptr[digits] <= '9') {
        value += (rest->ptr[digits] - '0') * scale;
        scale /= 10;
        digits++;
    }
    *rest = str_slice(*rest, digits, rest->len);
    *out_us = value;
    assert(value < US_PER_S);
    return digits > 0;
}

/* Days are checked against the month: 30 February is a mistake, not 2 March. */
static bool take_date(struct str *rest, struct tm *out)
{
    static const int MONTH_DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (!take_digits(rest, 4, &year) || !take_char(rest, "-") || !take_digits(rest, 2, &month) ||
        !take_char(rest, "-") || !take_digits(rest, 2, &day))
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 || day > MONTH_DAYS[month - 1] + (month == 2 && leap))
        return false;
    out->tm_year = year - 1900;
    out->tm_mon = month - 1;
    out->tm_mday = day;
    return true;
}

/* Seconds go to 60 for a leap second. */
static bool take_time(struct str *rest, struct tm *out, int *out_fraction_us)
{
    *out_fraction_us = 0;
    if (!take_digits(rest, 2, &out->tm_hour) || !take_char(rest, ":") ||
        !take_digits(rest, 2, &out->tm_min) || !take_char(rest, ":") ||
        !take_digits(rest, 2, &out->tm_sec))
        return false;
    if (take_char(rest, ".,") && !take_fraction(rest, out_fraction_us))
        return false;
    return out->tm_hour < 24 && out->tm_min < 60 && out->tm_sec < 61;
}

/* "Z", "+02:00" or "-0230", as seconds east of UTC. */
static bool take_offset(struct str *rest, int *out_s)
{
    int hours, minutes;

    *out_s = 0;
    if (take_char(rest, "Zz"))
        return true;
    bool west = rest->len && rest->ptr[0] == '-';
    if (!take_char(rest, "+-") || !take_digits(rest, 2, &hours))
        return false;
    take_char(rest, ":");
    if (!take_digits(rest, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_s = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

/* Without an offset a time is none: local time of whom? */
bool clock_parse_iso(struct str text, int64_t *out_us)
{
    struct tm tm = {0};
    int fraction_us, offset_s;

    if (!take_date(&text, &tm) || !take_char(&text, "Tt ") ||
        !take_time(&text, &tm, &fraction_us) || !take_offset(&text, &offset_s) || text.len)
        return false;
    *out_us = ((int64_t)timegm(&tm) - offset_s) * US_PER_S + fraction_us;
    return true;
}

/* One "12H" of a duration; *out_unit is its letter. False at anything else. */
static bool take_part(struct str *rest, char *out_unit, int64_t *out_us, int *out_fraction_us)
{
    size_t digits = 0;

    while (digits < rest->len && rest->ptr[digits] >= '0' && rest->ptr[digits] <= '9')
        digits++;
    if (!digits || !str_to_int64(str_slice(*rest, 0, digits), out_us) || *out_us > INT32_MAX)
        return false;
    *rest = str_slice(*rest, digits, rest->len);
    *out_fraction_us = 0;
    if (take_char(rest, ".,") &&
        (!take_fraction(rest, out_fraction_us) || !rest->len || rest->ptr[0] != 'S'))
        return false;
    if (!rest->len)
        return false;
    *out_unit = rest->ptr[0];
    *rest = str_slice(*rest, 1, rest->len);
    return true;
}

/* Seventy thousand years: what is added to the time of today then still is a time. */
#define DURATION_US_MAX (INT64_MAX / 4)

/* Years and months have no fixed length, so they are not taken. */
bool clock_parse_duration(struct str text, int64_t *out_us)
{
    /* The units in the only order they may come in; M before T would be months, which have no
     * length. */
    static const struct {
        char letter;
        bool timed;
        int64_t seconds;
    } UNITS[] = {{'W', false, 604800},
                 {'D', false, 86400},
                 {'H', true, 3600},
                 {'M', true, 60},
                 {'S', true, 1}};
    int64_t total = 0, value;
    size_t unit = 0, parts = 0;
    bool timed = false;
    char letter;
    int fraction_us;

    if (!take_char(&text, "P"))
        return false;
    while (text.len) {
        if (!timed && take_char(&text, "T"))
            timed = true;
        if (!take_part(&text, &letter, &value, &fraction_us))
            return false;
        while (unit < COUNT(UNITS) && (UNITS[unit].letter != letter || UNITS[unit].timed != timed))
            unit++;
        if (unit == COUNT(UNITS))
            return false;
        int64_t unit_us = UNITS[unit++].seconds * US_PER_S;
        if (value > (DURATION_US_MAX - total) / unit_us)
            return false;
        total += value * unit_us + fraction_us;
        parts++;
    }
    assert(total >= 0);
    if (!parts)
        return false;
    *out_us = total;
    return true;
}
