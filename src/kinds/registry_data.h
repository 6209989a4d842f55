/* registry_data.h - where clients of a registry put bytes and fetch them */
#pragma once

#include "arm/kind.h"

struct route_table registry_data_routes(struct arm *arm);
