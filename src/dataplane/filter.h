/* filter.h - the filters of run history: `Status eq 'Running' and tags/team ne 'x'`
 *
 * Comparisons of a field with a literal, joined by and, or, not and parentheses. A filter is
 * checked as a whole when it is read and then asked about one run's view at a time.
 */
#pragma once

#include "base/json.h"

struct dataplane_filter;

/* Reads a filter; empty text gives NULL in *out, which matches everything. Errors: ERROR_INVALID
 * saying what was not understood and where. */
int dataplane_filter_parse(struct arena *arena, struct str text,
                           const struct dataplane_filter **out, struct error *err);

/* Whether a run's view (dataplane_run_view) is what the filter asks for. */
bool dataplane_filter_match(const struct dataplane_filter *filter, const struct json *view);
