/* component.h - reusable steps: what a pipeline's node runs, under a name and a version */
#pragma once

#include "kinds/lineage.h"

extern const struct arm_kind component_kind, component_version_kind;

/* Checks a component's specification (YAML as JSON, snake_case) and notes what it refers to. `path`
 * is where it stands in the body, for errors. `spec` is read only. */
int component_check(struct arm_request *req, const char *path, const struct json *spec,
                    struct lineage *lineage, struct error *err);
