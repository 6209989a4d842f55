/* compute_shape.h - the kind `compute` as a row: five types between the keys of a file and the wire
 */
#pragma once

#include "cli/resource.h"

extern const struct resource_kind compute_resource;
