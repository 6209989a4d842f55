/* experiment.h - experiments, the folders that runs lie in; for mlflow/ (others: tracking.h)
 *
 * Ids are whole numbers per workspace, 0 is Default. Deleting is a stage, not an end.
 */
#pragma once

#include "tracking/tracking.h"

#define EXPERIMENT_NAME_MAX 500

struct experiment {
    int64_t scope;
    int64_t id;
    struct str name;
    struct str location; /* "" unless a client chose one */
    int64_t created_us, updated_us;
    int64_t deleted_us; /* 0: active */
};

/* Errors: ERROR_NOT_FOUND with MLflow's sentences. */
int experiment_get(struct store_txn *txn, int64_t scope, int64_t id, struct experiment *out,
                   struct error *err);
int experiment_by_name(struct store_txn *txn, int64_t scope, struct str name,
                       struct experiment *out, struct error *err);

/* Gives id and times. Errors: ERROR_EXISTS, also against a deleted one. */
int experiment_insert(struct store_txn *txn, struct experiment *experiment, struct error *err);

/* Errors: ERROR_EXISTS when the name is taken. */
int experiment_rename(struct store_txn *txn, struct experiment *experiment, struct str name,
                      struct error *err);

/* With their runs: restoring brings back those that went with the experiment. */
int experiment_delete(struct store_txn *txn, struct experiment *experiment, struct error *err);
int experiment_restore(struct store_txn *txn, struct experiment *experiment, struct error *err);

/* Tags; deleting a missing one is ERROR_NOT_FOUND. */
struct pairs;
int experiment_tags(struct store_txn *txn, int64_t scope, int64_t id, struct pairs *out,
                    struct error *err);
int experiment_set_tag(struct store_txn *txn, const struct experiment *experiment, struct str key,
                       struct str value, struct error *err);
int experiment_delete_tag(struct store_txn *txn, const struct experiment *experiment,
                          struct str key, struct error *err);

/* All of a workspace by creation, newest first; -1 from `each` ends the walk. */
typedef int experiment_visit(const struct experiment *experiment, void *context, struct error *err);
int experiment_each(struct store_txn *txn, int64_t scope, experiment_visit *visit, void *context,
                    struct error *err);
