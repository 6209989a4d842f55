/* prepare.h - all that must be there before the command starts */
#pragma once

#include "runner/remote.h"

/* Makes folders, walls, environment, code and inputs ready, with an event each. Errors are reasons
 * for people; ERROR_CANCELED when the attempt was asked to stop meanwhile. */
int prepare(struct attempt *attempt, struct remote *remote, struct error *err);

/* The walls alone, for a runner that finds the command running. */
void prepare_walls(struct attempt *attempt);
