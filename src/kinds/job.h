/* job.h - jobs on the wire: ARM's resource, the runner's reports, the streams people follow */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind job_kind;

/* Rows for runners (events, logs) and for those who look at a job (stream, why). */
struct route_table job_routes(struct engines *engines);
