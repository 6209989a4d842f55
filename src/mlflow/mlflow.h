/* mlflow.h - the face that unmodified MLflow clients talk to (2.x and 3.x)
 *
 * Classic calls under /api/2.0/mlflow, newer ones under /api/3.0/mlflow, artifacts under
 * /api/2.0/mlflow-artifacts, each also under /ajax-api, and all of it again under
 * /mlflow/v1.0|v2.0{ARM id of a workspace}. The bare root is the default workspace (decisions 5).
 */
#pragma once

#include "arm/kind.h"

struct mlflow;

struct mlflow_options {
    struct engines *engines; /* outlives the face */
    int64_t default_scope;   /* the workspace of the bare root */
};

/* Owns: the caller; outlives all requests. */
struct mlflow *mlflow_new(const struct mlflow_options *options);
/* For CLEANUP. */
void mlflow_free(struct mlflow **mlflow);

/* The rows; they live as long as the face. */
struct route_table mlflow_routes(struct mlflow *mlflow);
