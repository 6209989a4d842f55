/* online_endpoint.h - the kind onlineEndpoints: JSON of the wire ↔ endpoint/ */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind online_endpoint_kind;
