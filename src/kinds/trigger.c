#include "kinds/trigger.h"

#include "os/clock.h"

#include <assert.h>

/* What can be wrong with a time table is said when it is written: one that fires at the wrong hour
 * is found out too late. */

/* "trigger.expression" below a path. */
static const char *below(struct arena *arena, const char *path, const char *member)
{
    return arena_printf(arena, "%s.%s", path, member).ptr;
}

/* --- Cron ------------------------------------------------------------------------------------ */

/* One of the five fields of an expression. */
struct cron_field {
    const char *what;
    int low, high;
    const char *const *names; /* NULL, or words for low, low + 1 … */
    bool question;            /* "?" says that the other kind of day decides */
};

/* From 1, as numbers of months are. */
static const char *const MONTHS[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                     "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
/* From 0: Sunday, which 7 means as well. */
static const char *const DAYS[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

static const struct cron_field FIELDS[] = {
    {"minute", 0, 59, NULL, false},          {"hour", 0, 23, NULL, false},
    {"day of the month", 1, 31, NULL, true}, {"month", 1, 12, MONTHS, false},
    {"day of the week", 0, 7, DAYS, true},
};

enum { MINUTE, HOUR, MONTH_DAY, MONTH, WEEK_DAY };

/* A number or a name; -1 for anything else. */
static int cron_value(const struct cron_field *field, struct str text)
{
    int64_t value;

    assert(field->low <= field->high);
    for (int i = 0; field->names && field->names[i]; i++)
        if (str_eq_fold(text, str_from(field->names[i])))
            return field->low + i;
    if (text.len > 2 || !str_to_int64(text, &value) || value < field->low || value > field->high)
        return -1;
    return (int)value;
}

/* "*", "5", "1-5", each with "/2" behind it or not, as a set of bits. False when it is none. */
static bool cron_piece(const struct cron_field *field, struct str piece, uint64_t *set)
{
    struct str range = piece, step_text, first, last;
    int from = field->low, to = field->high;
    int64_t step = 1;
    bool stepped = str_cut(piece, '/', &range, &step_text);

    if (stepped && (!str_to_int64(step_text, &step) || step < 1 || step > field->high))
        return false;
    if (str_eq(range, STR("?"))) {
        if (!field->question || stepped)
            return false;
    } else if (str_cut(range, '-', &first, &last)) {
        from = cron_value(field, first);
        to = cron_value(field, last);
    } else if (!str_eq(range, STR("*"))) {
        from = cron_value(field, range);
        to = stepped ? field->high : from; /* "5/15" goes on from five */
    }
    if (from < 0 || to < from)
        return false;
    for (int64_t at = from; at <= to; at += step)
        *set |= UINT64_C(1) << at;
    return true;
}

/* A list of pieces. */
static int cron_set(const struct cron_field *field, struct str text, uint64_t *out,
                    const char *target, struct error *err)
{
    struct str rest = text, piece;
    uint64_t set = 0;

    assert(out);
    while (str_split(&rest, ',', &piece))
        if (!cron_piece(field, piece, &set))
            return error_set(err, ERROR_INVALID, target,
                             "'%.*s' is no %s: a cron expression has numbers from %d to %d here, "
                             "ranges, lists and steps of them, or '*'.",
                             STR_ARG(piece), field->what, field->low, field->high);
    *out = set;
    return 0;
}

/* Whether one of the months has one of the days. */
static bool days_exist(uint64_t days, uint64_t months)
{
    static const int LENGTH[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    for (int month = 1; month <= 12; month++)
        if (months & (UINT64_C(1) << month))
            for (int day = 1; day <= LENGTH[month - 1]; day++)
                if (days & (UINT64_C(1) << day))
                    return true;
    return false;
}

/* Blanks between the fields may be several; tabs are none of ours to guess at. */
int trigger_expression(struct str expression, const char *target, struct error *err)
{
    struct str rest = str_trim(expression), field;
    uint64_t sets[COUNT(FIELDS)] = {0};
    size_t count = 0;
    bool any_week_day = true;

    assert(target);
    while (rest.len > 0 && str_split(&rest, ' ', &field)) {
        if (field.len == 0)
            continue;
        if (count < COUNT(FIELDS) && cron_set(&FIELDS[count], field, &sets[count], target, err) < 0)
            return -1;
        if (count == WEEK_DAY)
            any_week_day = str_eq(field, STR("*")) || str_eq(field, STR("?"));
        count++;
    }
    if (count != COUNT(FIELDS))
        return error_set(err, ERROR_INVALID, target,
                         "A cron expression has five fields (minute, hour, day of the month, "
                         "month, day of the week), not %zu: '%.*s'.",
                         count, STR_ARG(expression));
    if (any_week_day && !days_exist(sets[MONTH_DAY], sets[MONTH]))
        return error_set(err, ERROR_INVALID, target,
                         "'%.*s' never comes: no month that it names has that day.",
                         STR_ARG(expression));
    return 0;
}

/* --- Start, end and time zone ---------------------------------------------------------------- */

/* With an offset or without: what has none is a time of the time zone beside it. */
static bool read_time(struct arena *arena, struct str text, int64_t *out_us)
{
    assert(out_us);
    return clock_parse_iso(text, out_us) ||
           clock_parse_iso(arena_printf(arena, "%.*sZ", STR_ARG(text)), out_us);
}

/* Absent and null count as not said. */
static int check_time(struct arena *arena, const struct json *trigger, const char *path,
                      int64_t *out_us, struct error *err)
{
    const char *member = str_from(path).ptr + str_find_last(str_from(path), '.') + 1;
    const struct json *value = json_get(trigger, str_from(member));
    struct str text = json_as_str(value);

    *out_us = -1;
    if (json_is_null(value))
        return 0;
    if (read_time(arena, text, out_us))
        return 0;
    return error_set(err, ERROR_INVALID, path,
                     "'%.*s' is no time; write it like "
                     "2027-01-31T12:00:00.",
                     STR_ARG(text));
}

/* Both ends are in one time zone, so they compare as they are written. */
static int check_times(struct arena *arena, struct json *trigger, const char *path,
                       struct error *err)
{
    const struct json *zone = json_get(trigger, STR("timeZone"));
    int64_t start, end;

    assert(json_kind(trigger) == JSON_OBJECT);
    if (check_time(arena, trigger, below(arena, path, "startTime"), &start, err) < 0 ||
        check_time(arena, trigger, below(arena, path, "endTime"), &end, err) < 0)
        return -1;
    if (start >= 0 && end >= 0 && end <= start)
        return error_set(err, ERROR_INVALID, below(arena, path, "endTime"),
                         "It ends before it starts.");
    if (json_is_null(zone)) {
        json_set_str(arena, trigger, "timeZone", STR("UTC"));
        return 0;
    }
    if (!trigger_time_zone(json_as_str(zone)))
        return error_set(err, ERROR_INVALID, below(arena, path, "timeZone"),
                         "There is no time zone '%.*s'; names are like 'UTC' or "
                         "'W. Europe Standard Time'.",
                         STR_ARG(json_as_str(zone)));
    return 0;
}

/* The expression is kept as it was written; only what is wrong is said. */
int trigger_cron(struct arena *arena, struct json *cron, const char *path, struct error *err)
{
    const struct json *expression = json_get(cron, STR("expression"));

    if (json_kind(cron) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, path, "Expected an object here.");
    if (json_kind(expression) != JSON_STRING)
        return error_set(err, ERROR_INVALID, below(arena, path, "expression"),
                         "This field is required and a text.");
    if (trigger_expression(json_as_str(expression), below(arena, path, "expression"), err) < 0)
        return -1;
    return check_times(arena, cron, path, err);
}

/* --- Recurrence ------------------------------------------------------------------------------ */

/* Puts a word into Azure's spelling; false when it is none of them. */
static bool take_word(const char *const *words, struct str word, struct str *out)
{
    for (size_t i = 0; words[i]; i++)
        if (str_eq_fold(word, str_from(words[i]))) {
            *out = str_from(words[i]);
            return true;
        }
    return false;
}

/* The bounds of a recurrence's lists. */
struct numbers {
    const char *member;
    int low, high;
};

/* A list of whole numbers within bounds. */
static int check_numbers(struct arena *arena, const struct json *pattern, const char *path,
                         const struct numbers *numbers, struct error *err)
{
    const struct json *list = json_get(pattern, str_from(numbers->member));
    struct json_iter it = json_iter(list);
    bool good = json_is_null(list) || json_kind(list) == JSON_ARRAY;

    assert(numbers->low <= numbers->high);
    while (good && json_next(&it)) {
        int64_t value = json_as_int(it.value, INT64_MIN);
        good = json_is_integer(it.value) && value >= numbers->low && value <= numbers->high;
    }
    if (good)
        return 0;
    return error_set(err, ERROR_INVALID, below(arena, path, numbers->member),
                     "Expected a list of whole numbers from %d to %d.", numbers->low,
                     numbers->high);
}

/* Days are put into Azure's spelling, since the SDK sends them in lower case. */
static int check_week_days(struct arena *arena, struct json *pattern, const char *path,
                           struct error *err)
{
    static const char *const WORDS[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday",    NULL};
    const struct json *list = json_get(pattern, STR("weekDays"));
    struct json *spelled = json_array(arena);
    struct json_iter it = json_iter(list);
    struct str word;

    if (json_is_null(list))
        return 0;
    if (json_kind(list) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, below(arena, path, "weekDays"),
                         "Expected a list of days, like [\"Monday\"].");
    while (json_next(&it)) {
        if (!take_word(WORDS, json_as_str(it.value), &word))
            return error_set(err, ERROR_INVALID, below(arena, path, "weekDays"),
                             "'%.*s' is no day of the week.", STR_ARG(json_as_str(it.value)));
        json_append(arena, spelled, json_text(arena, word));
    }
    json_set(arena, pattern, STR("weekDays"), spelled);
    return 0;
}

/* When within each day, week or month. */
static int check_pattern(struct arena *arena, struct json *pattern, const char *path,
                         struct error *err)
{
    static const struct numbers HOURS = {"hours", 0, 23}, MINUTES = {"minutes", 0, 59},
                                MONTH_DAYS = {"monthDays", -1, 31};
    struct json_iter it = json_iter(json_get(pattern, STR("monthDays")));

    if (json_is_null(pattern))
        return 0;
    if (json_kind(pattern) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, path, "Expected an object here.");
    if (check_numbers(arena, pattern, path, &HOURS, err) < 0 ||
        check_numbers(arena, pattern, path, &MINUTES, err) < 0 ||
        check_numbers(arena, pattern, path, &MONTH_DAYS, err) < 0)
        return -1;
    while (json_next(&it))
        if (json_as_int(it.value, 0) == 0)
            return error_set(err, ERROR_INVALID, below(arena, path, "monthDays"),
                             "Months begin with day 1; -1 is their last.");
    return check_week_days(arena, pattern, path, err);
}

/* Every so many minutes, hours, days, weeks or months, at times that the pattern names. */
int trigger_recurrence(struct arena *arena, struct json *recurrence, const char *path,
                       struct error *err)
{
    static const char *const WORDS[] = {"Minute", "Hour", "Day", "Week", "Month", NULL};
    const struct json *interval = json_get(recurrence, STR("interval"));
    struct str frequency = json_str_at(recurrence, "frequency");

    if (json_kind(recurrence) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, path, "Expected an object here.");
    if (!take_word(WORDS, frequency, &frequency))
        return error_set(err, ERROR_INVALID, below(arena, path, "frequency"),
                         "The frequency is Minute, Hour, Day, Week or Month, not '%.*s'.",
                         STR_ARG(frequency));
    json_set_str(arena, recurrence, "frequency", frequency);
    if (!json_is_integer(interval) || json_as_int(interval, 0) < 1 ||
        json_as_int(interval, 0) > 1000000)
        return error_set(err, ERROR_INVALID, below(arena, path, "interval"),
                         "The interval is a whole number from 1 on.");
    if (check_pattern(arena, json_get(recurrence, STR("schedule")), below(arena, path, "schedule"),
                      err) < 0)
        return -1;
    return check_times(arena, recurrence, path, err);
}

/* The word decides which members count; others are kept and ignored. */
int trigger_check(struct arena *arena, struct json *trigger, const char *path, struct error *err)
{
    static const char *const WORDS[] = {"Cron", "Recurrence", NULL};
    struct str type = json_str_at(trigger, "triggerType");

    assert(path);
    if (json_kind(trigger) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, path, "Expected an object here.");
    if (!take_word(WORDS, type, &type))
        return error_set(err, ERROR_INVALID, below(arena, path, "triggerType"),
                         "A trigger is of type Cron or Recurrence, not '%.*s'.", STR_ARG(type));
    json_set_str(arena, trigger, "triggerType", type);
    return str_eq(type, STR("Cron")) ? trigger_cron(arena, trigger, path, err)
                                     : trigger_recurrence(arena, trigger, path, err);
}
