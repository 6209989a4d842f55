/* clock.h - the one place that asks for the time; tests swap in a clock that obeys */
#pragma once

#include "base/str.h"

/* Microseconds since 1970 UTC, for what people see and for expiry. */
int64_t clock_now_us(void);

/* Microseconds since boot, never going back: for time-outs and leases. */
int64_t clock_mono_us(void);

/* Sleeps at least `us`; on a test clock it moves that clock instead. */
void clock_sleep_us(int64_t us);

/* From now on both clocks stand still and move only by clock_test_advance. Tests only. */
void clock_test_set(int64_t now_us);
void clock_test_advance(int64_t us);
void clock_test_end(void);

/* "2026-11-21T12:00:00.123456Z" into `out`, which holds at least CLOCK_ISO_BYTES. */
#define CLOCK_ISO_BYTES 32
struct str clock_iso(int64_t us, char *out);

/* "Sat, 21 Nov 2026 12:00:00 GMT", the form of HTTP dates. Same size. */
struct str clock_http_date(int64_t us, char *out);

/* Reads an ISO 8601 time in UTC or with an offset, a fraction allowed; false for anything else. */
bool clock_parse_iso(struct str text, int64_t *out_us);

/* Reads an ISO 8601 duration of days, hours, minutes and seconds ("PT1H30M"). */
bool clock_parse_duration(struct str text, int64_t *out_us);
