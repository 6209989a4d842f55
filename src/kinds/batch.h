/* batch.h - batch endpoints and their deployments, as resources
 *
 * They are stored and checked; running one waits for the engine of batch inference.
 */
#pragma once

#include "arm/kind.h"

extern const struct arm_kind batch_endpoint_kind, batch_deployment_kind;

/* GET DP/mferp/managementfrontend{WS}/batchEndpoints/{name}[/deployments/{deployment}]/jobs */
struct route_table batch_routes(struct engines *engines);
