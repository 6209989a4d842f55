/* name.h - which names and sizes MLflow takes, in its own words; and names for nameless runs */
#pragma once

#include "base/arena.h"

/* Keys of metrics, params and tags. `path` is how messages call the field: "metrics[3].name".
 * Errors: ERROR_INVALID. */
int name_check_key(const char *path, const char *what, struct str key, struct error *err);

/* At most `limit` characters. Errors: ERROR_INVALID naming `what`. */
int name_check_length(const char *what, struct str text, size_t limit, struct error *err);

/* Names of experiments, logged models and registered models. */
int name_check_experiment(struct str name, struct error *err);
int name_check_logged_model(struct str name, struct error *err);
int name_check_registered_model(struct str name, struct error *err);

/* "bold-heron-417". */
struct str name_for_run(struct arena *arena);
