/* dataplane.h - what the SDK asks beside ARM: cloud metadata and discovery */
#pragma once

#include "arm/kind.h"

/* Rows: /metadata/endpoints, /discovery. */
struct route_table dataplane_routes(struct engines *engines);
