/* location.h - what a location offers: machine sizes, usages, quotas; and what there is to do */
#pragma once

#include "arm/kind.h"

/* Rows beneath /subscriptions/{s}/providers/Microsoft.MachineLearningServices/locations/{l}, the
 * same for a workspace, and the provider's list of operations. `engines` outlives them. */
struct route_table location_routes(struct engines *engines);
