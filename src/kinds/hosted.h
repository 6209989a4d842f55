/* hosted.h - what Azure would host, kept as resources whose states say that nothing runs here */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind serverless_endpoint_kind, marketplace_subscription_kind,
    capability_host_kind;
