/* workspace_dependent.h - resources that workspaces name, by their own ids; joining a hub */
#pragma once

#include "arm/kind.h"

struct route_table workspace_dependent_routes(struct arm *arm);
