/* workspace_group.h - what stands above workspaces: tenants, subscriptions, resource groups,
 * providers, and the resources that a workspace names without our having them */
#pragma once

#include "arm/kind.h"

struct route_table workspace_group_routes(struct arm *arm);
