/* trigger.h - when something is due: cron and recurrence, as schedules and compute instances say it
 *
 * Only checked here. Times without an offset are those of the time zone named beside them.
 */
#pragma once

#include "base/json.h"

/* {"triggerType":"Cron","expression":…} or {"triggerType":"Recurrence","frequency":…}, with
 * startTime, endTime and timeZone. `path` is where it stands in its body, for errors. Words are put
 * into Azure's spelling, a missing timeZone becomes UTC.
 * Errors: ERROR_INVALID with the path of the member at fault. */
int trigger_check(struct arena *arena, struct json *trigger, const char *path, struct error *err);

/* The parts, for those who keep them elsewhere: one object each. */
int trigger_cron(struct arena *arena, struct json *cron, const char *path, struct error *err);
int trigger_recurrence(struct arena *arena, struct json *recurrence, const char *path,
                       struct error *err);

/* Five fields: minute, hour, day of the month, month, day of the week. Stars, lists, ranges, steps
 * and the names of months and days. Errors: ERROR_INVALID with `target`, also for what never comes
 * (the 31st of February). */
int trigger_expression(struct str expression, const char *target, struct error *err);

/* Whether schedules know this name of a time zone, in any case. */
bool trigger_time_zone(struct str name);
