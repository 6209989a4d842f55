/* log.h - one line per event, typed fields
 *
 * Only programs log; libraries explain by struct error. Lines go to standard error as
 * `2026-11-21T12:00:00.123Z info job.started job=calm_owl pid=12`. Secrets print as ***.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_type { LOG_TYPE_STR, LOG_TYPE_INT, LOG_TYPE_DOUBLE, LOG_TYPE_SECRET };

struct log_field {
    const char *name;
    enum log_type type;
    struct str text;
    int64_t number;
    double real;
};

#define LOG_STR(n, s) ((struct log_field){.name = (n), .type = LOG_TYPE_STR, .text = (s)})
#define LOG_TEXT(n, s) ((struct log_field){.name = (n), .type = LOG_TYPE_STR, .text = str_from(s)})
#define LOG_INT(n, i) ((struct log_field){.name = (n), .type = LOG_TYPE_INT, .number = (i)})
#define LOG_DOUBLE(n, d) ((struct log_field){.name = (n), .type = LOG_TYPE_DOUBLE, .real = (d)})
#define LOG_HIDDEN(n) ((struct log_field){.name = (n), .type = LOG_TYPE_SECRET})

/* LOG(LOG_INFO, "job.started", LOG_STR("job", name), LOG_INT("pid", pid)); */
#define LOG(level, event, ...) \
    log_event(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})

/* Writes one line; the fields end at one without a name. Threads: any. */
void log_event(enum log_level level, const char *event, const struct log_field *fields);

/* Writes an error with its code, target and message. */
void log_error(const char *event, const struct error *err);

/* Events below `level` are dropped; the default is LOG_INFO. */
void log_set_level(enum log_level level);
