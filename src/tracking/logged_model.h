/* logged_model.h - models that MLflow 3 logs beside runs
 *
 * Their params, tags and metrics are kept like a run's, under the negative of their row.
 */
#pragma once

#include "tracking/pair.h"

enum logged_model_status { LOGGED_MODEL_PENDING = 1, LOGGED_MODEL_READY, LOGGED_MODEL_FAILED };

struct logged_model {
    int64_t model; /* row */
    int64_t scope;
    struct str model_id;
    int64_t experiment;
    int64_t run;       /* row of the run that made it, 0 when none */
    struct str run_id; /* its name, read along */
    struct str name;
    struct str kind; /* model_type, free text */
    enum logged_model_status status;
    int64_t created_us, updated_us;
};

/* Errors: ERROR_NOT_FOUND. */
int logged_model_get(struct store_txn *txn, int64_t scope, struct str model_id,
                     struct logged_model *out, struct error *err);
/* The newest of a run by name; for paths `runs:/{run}/{name}` (decisions 11). */
int logged_model_of_run(struct store_txn *txn, const struct run *run, struct str name,
                        struct logged_model *out, struct error *err);
/* Gives model and times; model_id and name are the caller's. */
int logged_model_insert(struct store_txn *txn, struct logged_model *model, struct error *err);
int logged_model_set_status(struct store_txn *txn, struct logged_model *model, struct error *err);

/* Params, tags: params_* and tags_* with this owner. */
struct pair_owner logged_model_owner(const struct logged_model *model);

/* All of an experiment, newest first; -1 from `each` ends the walk. */
typedef int logged_model_visit(const struct logged_model *model, void *context, struct error *err);
int logged_model_each(struct store_txn *txn, const struct experiment_key *experiment,
                      logged_model_visit *visit, void *context, struct error *err);

/* Where a model's bytes lie in the workspace's artifact container: "LoggedModels/{id}". */
struct str logged_model_prefix(struct arena *arena, struct str model_id);
