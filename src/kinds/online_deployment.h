/* online_deployment.h - the kind onlineEndpoints/deployments: JSON of the wire ↔ endpoint/ */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind online_deployment_kind;
extern const struct arm_kind online_sku_kind; /* GET …/deployments/{name}/skus */
