/* handler.h - the handlers that the table in routes.c names
 *
 * Straight-line ones run on a worker: they read the request, write the reply into `out`, and fail
 * with an error. The hot ones run on the IO thread, queue a write and answer from its completion.
 */
#pragma once

#include "mlflow/ask.h"

typedef int mlflow_handler(struct ask *ask, struct out *out, struct error *err);
typedef void mlflow_hot(struct ask *ask);

/* log.c: the hot calls. */
mlflow_hot mlflow_log_metric, mlflow_log_batch, mlflow_log_parameter, mlflow_set_tag,
    mlflow_create_run;

/* run.c */
mlflow_handler mlflow_run_get, mlflow_run_update, mlflow_run_delete, mlflow_run_restore,
    mlflow_run_delete_tag;
/* input.c: what a run read and made. */
mlflow_handler mlflow_run_inputs, mlflow_run_outputs, mlflow_run_log_model;

/* experiment.c */
mlflow_handler mlflow_experiment_create, mlflow_experiment_get, mlflow_experiment_by_name,
    mlflow_experiment_search, mlflow_experiment_list, mlflow_experiment_update,
    mlflow_experiment_delete, mlflow_experiment_restore, mlflow_experiment_set_tag,
    mlflow_experiment_delete_tag;

/* search.c */
mlflow_handler mlflow_search_runs, mlflow_search_datasets;

/* metric.c; the whole history streams, so it replies itself. */
void mlflow_history(struct call *call);
mlflow_handler mlflow_history_bulk, mlflow_history_interval;

/* logged_model.c */
mlflow_handler mlflow_model_create, mlflow_model_get, mlflow_model_finalize, mlflow_model_delete,
    mlflow_model_search, mlflow_model_set_tags, mlflow_model_delete_tag, mlflow_model_log_params;

/* probe.c */
void mlflow_health(struct call *call);
void mlflow_version(struct call *call);
mlflow_handler mlflow_server_info;

/* artifact.c: reading and writing reply themselves. */
mlflow_handler mlflow_artifact_list, mlflow_artifact_list_run, mlflow_artifact_list_model,
    mlflow_artifact_delete, mlflow_artifact_no_parts;
void mlflow_artifact_get(struct call *call);
void mlflow_artifact_get_run(struct call *call);
void mlflow_artifact_get_model(struct call *call);
void mlflow_artifact_get_version(struct call *call);
void mlflow_artifact_put(struct call *call);
struct http_sink *mlflow_artifact_open(struct call *call, struct error *err);

/* registry.c, registry_version.c, registry_search.c: registered models are the ARM documents
 * `models` (decisions 12). */
mlflow_handler mlflow_registered_create, mlflow_registered_get, mlflow_registered_search,
    mlflow_registered_update, mlflow_registered_rename, mlflow_registered_delete,
    mlflow_registered_set_tag, mlflow_registered_delete_tag, mlflow_registered_latest,
    mlflow_alias_set, mlflow_alias_delete, mlflow_alias_get;
mlflow_handler mlflow_version_create, mlflow_version_get, mlflow_version_search,
    mlflow_version_update, mlflow_version_delete, mlflow_version_set_tag, mlflow_version_delete_tag,
    mlflow_version_stage, mlflow_version_uri;
