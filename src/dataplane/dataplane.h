/* dataplane.h - what the SDK asks beside ARM: cloud metadata, discovery, run history, resolved URIs
 */
#pragma once

#include "arm/kind.h"

/* Rows: /metadata/endpoints, /discovery, /history, /data, /modelregistry. */
struct route_table dataplane_routes(struct engines *engines);
