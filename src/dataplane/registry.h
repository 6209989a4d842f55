/* registry.h - discovery of registries by name */
#pragma once

#include "arm/kind.h"

struct route_table registry_discovery_routes(struct engines *engines);
