/* template.h - Microsoft.Resources/deployments: ARM templates, as the SDK makes workspaces
 *
 * What a template says of Microsoft.MachineLearningServices is done, workspaces first, then what
 * lies in them. Other resources (storage, key vault, insights) have no life here: they are noted in
 * the deployment's operations as what they are, references.
 */
#pragma once

#include "arm/kind.h"

struct route_table template_routes(struct arm *arm);
