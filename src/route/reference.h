/* reference.h - the one parser of every spelling that names an asset, a datastore path or a run
 *
 * decisions 3: ARM id · azureml:n:v · azureml:n@label · azureml:/subscriptions/… ·
 * azureml://{subscriptions,locations,registries,feeds,datastores,jobs}/… · runs:/ · models:/ ·
 * plain https and file paths are told apart.
 */
#pragma once

#include "base/arena.h"

/* What a text can mean, before anything is looked up. */
enum reference_kind {
    REFERENCE_ASSET,     /* type may be empty: azureml:n:v says no type */
    REFERENCE_DATASTORE, /* name = datastore, path */
    REFERENCE_JOB,       /* name = job, output, path */
    REFERENCE_RUN,       /* runs:/name/path */
    REFERENCE_MODEL_ID,  /* models:/m-…  */
    REFERENCE_URL,       /* http, https, wasbs, abfss …: path holds all of it */
    REFERENCE_LOCAL,     /* file:… or a bare path */
};

/* The parts of a text, pointing into it or into the arena; what it does not say is empty. */
struct reference {
    enum reference_kind kind;
    struct str subscription, group, workspace; /* empty: the workspace at hand */
    struct str registry;                       /* empty: none */
    struct str type; /* "environments", "data", "models", "codes", "computes", … */
    struct str name, version, label;
    struct str output; /* REFERENCE_JOB */
    struct str path;
};

/* Strs point into `text` or the arena. Errors: ERROR_INVALID saying which form was expected. */
int reference_parse(struct arena *arena, struct str text, struct reference *out, struct error *err);

/* "azureml://datastores/{name}/paths/{path}". */
struct str reference_datastore(struct arena *arena, struct str datastore, struct str path);
