/* registry_data.h - where clients of a registry put bytes and fetch them */
#pragma once

#include "arm/kind.h"

/* POST …/registries/{r}/import: a workspace's asset becomes one of the registry. registry_import.c
 */
void registry_import(struct call *call);

struct route_table registry_data_routes(struct arm *arm);
