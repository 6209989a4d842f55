/* component.h - reusable steps: what a pipeline's node runs, under a name and a version */
#pragma once

#include "kinds/lineage.h"

extern const struct arm_kind component_kind, component_version_kind;

/* Checks a component's specification (YAML as JSON, snake_case) and notes what it refers to. `path`
 * is where it stands in the body, for errors. `spec` is read only. */
int component_check(struct arm_request *req, const char *path, const struct json *spec,
                    struct lineage *lineage, struct error *err);

/* Says in a specification what it leaves out and clients read: `optional` of each input,
 * `is_deterministic`, and for a command how many machines it takes. */
void component_complete(struct arena *arena, struct json *spec);
/* The member in which two specifications are not the same component; empty: they are. */
struct str component_differs(struct arm_request *req, struct store_txn *txn,
                             const struct json *stored, const struct json *wanted);
/* A stored specification under the words (display name, description, tags) of another. */
struct json *component_describe(struct arena *arena, const struct json *stored,
                                const struct json *wanted);
