/* curated.h - the environments we ship (python/environments/), by the names Azure users know */
#pragma once

#include "base/json.h"

/* {"name", "version", "properties"} as an environment version shows them; NULL when there is none
 * of that name. Names are compared without case; "AzureML-sklearn-1.5" is "sklearn-1.5". */
struct json *environment_curated(struct arena *arena, struct str name);

/* Names of what we ship, as an array of texts: the folders of python/environments/. */
struct json *environment_curated_names(struct arena *arena);

/* The lock text that belongs to one; its Python version. Errors: ERROR_NOT_FOUND. */
int environment_curated_lock(struct arena *arena, struct str name, struct str *out_lock,
                             struct str *out_python, struct error *err);
