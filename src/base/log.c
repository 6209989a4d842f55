/* Lines are put together on the heap and written in one call, so that those of several threads and
 * processes on one descriptor never mix. Fields are escaped: a value of a client's cannot begin a
 * line of its own. */
#include "base/log.h"

#include "base/buf.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A write of that size is not torn by another on the same descriptor in practice. */
#define LINE_BYTES (8 * KIB)

static _Atomic enum log_level lowest = LOG_INFO;
/* In the order of enum log_level. */
static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

/* A relaxed store will do: a line more or less around the change harms nobody. */
void log_set_level(enum log_level level)
{
    assert(level >= LOG_DEBUG && level <= LOG_ERROR);
    lowest = level;
}

/* Values with blanks, quotes or controls are quoted; controls become \xNN, so that a line stays
 * one line. */
static void add_value(struct buf *line, struct str value)
{
    bool plain = value.len > 0;

    for (size_t i = 0; i < value.len && plain; i++)
        plain = value.ptr[i] > ' ' && value.ptr[i] != '"' && value.ptr[i] != 0x7f;
    if (plain) {
        buf_add(line, value);
        return;
    }
    buf_add_char(line, '"');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            buf_printf(line, "\\x%02x", c);
        else
            buf_add_char(line, (char)c);
    }
    buf_add_char(line, '"');
}

/* A secret is named, so that one sees it was given, and never shown. */
static void add_field(struct buf *line, const struct log_field *field)
{
    assert(field->name && field->type <= LOG_TYPE_SECRET);
    buf_printf(line, " %s=", field->name);
    switch (field->type) {
    case LOG_TYPE_STR:
        add_value(line, str_slice(field->text, 0, 1024));
        break;
    case LOG_TYPE_INT:
        buf_printf(line, "%lld", (long long)field->number);
        break;
    case LOG_TYPE_DOUBLE:
        buf_printf(line, "%g", field->real);
        break;
    case LOG_TYPE_SECRET:
        buf_add(line, STR("***"));
        break;
    }
}

/* One write for each line: lines of several threads and processes do not mix. */
void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];
    CLEANUP(buf_free) struct buf line = buf_make(LINE_BYTES);

    assert(level >= LOG_DEBUG && level <= LOG_ERROR);
    assert(event);
    if (level < lowest)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(&line, "%s.%03ldZ %s %s", stamp, now.tv_nsec / 1000000, LEVELS[level], event);
    for (; fields->name; fields++)
        add_field(&line, fields);
    if (line.len >= line.cap_bytes)
        line.len = line.cap_bytes - 1;
    line.failed = false;
    buf_add_char(&line, '\n');
    if (write(STDERR_FILENO, line.ptr, line.len) < 0)
        return; /* nowhere left to say so */
}

/* For programs, which are the only ones that log: code, target and sentence as fields, so that they
 * can be searched for. */
void log_error(const char *event, const struct error *err)
{
    LOG(LOG_ERROR, event, LOG_TEXT("code", error_name(err->code)), LOG_TEXT("target", err->target),
        LOG_TEXT("message", err->message));
}
