/* index.h - indexes: versioned pointers to stores of vectors, by the data plane's generic assets */
#pragma once

#include "arm/kind.h"

/* As documents they are like all other assets. */
extern const struct arm_kind index_kind, index_version_kind;

/* /genericasset{WS}/indexes[/{name}[/versions[/{version}]]] and POST
 * …/indexes/{name}:getNextVersion; bodies there are flat:
 * {"id","storageUri","description","tags","properties","stage"}. */
struct route_table index_routes(struct arm *arm);
