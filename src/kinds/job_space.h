/* job_space.h - the search space of a sweep: which values a trial's parameters may take */
#pragma once

#include "arm/kind.h"

/* `properties.searchSpace` and the command that uses it. Errors: ERROR_INVALID with the field. */
int job_space_check(struct arm_request *req, struct error *err);
