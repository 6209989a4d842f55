/* The table of MLflow's routes. Clients of several ages ask under several roots, so each row stands
 * there once for every spelling. */
#include "mlflow/mlflow.h"

#include "mlflow/handler.h"
#include "mlflow/reply.h"

#include <assert.h>
#include <stdlib.h>

#define PROVIDER "Microsoft.MachineLearningServices/workspaces/"
#define WORKSPACE_PATH                                                \
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{workspace}"
#define JSON_BYTES (4 * MIB)
#define ARTIFACT_BYTES ((size_t)1 << 44)

/* Where a row's path hangs. */
enum base { BASE_2, BASE_PREVIEW, BASE_3, BASE_ARTIFACTS, BASE_ROOT, BASE_COUNT_ };

static const char *const BASES[BASE_COUNT_][2] = {
    [BASE_2] = {"/api/2.0/mlflow", "/ajax-api/2.0/mlflow"},
    [BASE_PREVIEW] = {"/api/2.0/preview/mlflow", "/ajax-api/2.0/preview/mlflow"},
    [BASE_3] = {"/api/3.0/mlflow", "/ajax-api/3.0/mlflow"},
    [BASE_ARTIFACTS] = {"/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"},
    [BASE_ROOT] = {"", NULL},
};

static const char *const ROOTS[] = {"", "/mlflow/v1.0" WORKSPACE_PATH,
                                    "/mlflow/v2.0" WORKSPACE_PATH};

/* One call. Exactly one of the last three says who answers. */
struct mlflow_row {
    const char *method;
    enum base base;
    const char *path;
    const char *action; /* NULL: public */
    mlflow_handler *answer;
    mlflow_hot *hot;
    void (*run)(struct call *call);
};

#define EXPERIMENTS_READ PROVIDER "experiments/read"
#define EXPERIMENTS_WRITE PROVIDER "experiments/write"
#define EXPERIMENTS_DELETE PROVIDER "experiments/delete"
#define RUNS_READ PROVIDER "jobs/read"
#define RUNS_WRITE PROVIDER "jobs/write"
#define RUNS_DELETE PROVIDER "jobs/delete"
#define MODELS_READ PROVIDER "models/read"
#define MODELS_WRITE PROVIDER "models/write"
#define MODELS_DELETE PROVIDER "models/delete"
#define ARTIFACTS_READ PROVIDER "metadata/artifacts/read"
#define ARTIFACTS_WRITE PROVIDER "metadata/artifacts/write"
#define ARTIFACTS_DELETE PROVIDER "metadata/artifacts/delete"

#define ANSWER(method, path, action, handler) {method, BASE_2, path, action, handler, NULL, NULL}
#define HOT(path, handler) {"POST", BASE_2, path, RUNS_WRITE, NULL, handler, NULL}

static const struct mlflow_row ROWS[] = {
    HOT("/runs/log-metric", mlflow_log_metric),
    HOT("/runs/log-batch", mlflow_log_batch),
    /* The plugin's way of not waiting. What was answered is stored, so there is nothing to ask for
     * later and no tracking id. */
    {"POST", BASE_PREVIEW, "/runs/log-batch-async", RUNS_WRITE, NULL, mlflow_log_batch, NULL},
    HOT("/runs/log-parameter", mlflow_log_parameter),
    HOT("/runs/set-tag", mlflow_set_tag),
    HOT("/runs/create", mlflow_create_run),
    ANSWER("GET", "/runs/get", RUNS_READ, mlflow_run_get),
    ANSWER("POST", "/runs/update", RUNS_WRITE, mlflow_run_update),
    ANSWER("POST", "/runs/delete", RUNS_DELETE, mlflow_run_delete),
    ANSWER("POST", "/runs/restore", RUNS_WRITE, mlflow_run_restore),
    ANSWER("POST", "/runs/delete-tag", RUNS_WRITE, mlflow_run_delete_tag),
    ANSWER("POST", "/runs/search", RUNS_READ, mlflow_search_runs),
    ANSWER("POST", "/runs/log-inputs", RUNS_WRITE, mlflow_run_inputs),
    ANSWER("POST", "/runs/outputs", RUNS_WRITE, mlflow_run_outputs),
    ANSWER("POST", "/runs/log-model", RUNS_WRITE, mlflow_run_log_model),
    {"GET", BASE_2, "/metrics/get-history", RUNS_READ, NULL, NULL, mlflow_history},
    ANSWER("GET", "/metrics/get-history-bulk", RUNS_READ, mlflow_history_bulk),
    ANSWER("GET", "/metrics/get-history-bulk-interval", RUNS_READ, mlflow_history_interval),

    ANSWER("GET", "/experiments/get", EXPERIMENTS_READ, mlflow_experiment_get),
    ANSWER("GET", "/experiments/get-by-name", EXPERIMENTS_READ, mlflow_experiment_by_name),
    ANSWER("GET", "/experiments/list", EXPERIMENTS_READ, mlflow_experiment_list),
    ANSWER("GET", "/experiments/search", EXPERIMENTS_READ, mlflow_experiment_search),
    ANSWER("POST", "/experiments/search", EXPERIMENTS_READ, mlflow_experiment_search),
    ANSWER("POST", "/experiments/create", EXPERIMENTS_WRITE, mlflow_experiment_create),
    ANSWER("POST", "/experiments/update", EXPERIMENTS_WRITE, mlflow_experiment_update),
    ANSWER("POST", "/experiments/delete", EXPERIMENTS_DELETE, mlflow_experiment_delete),
    ANSWER("POST", "/experiments/restore", EXPERIMENTS_WRITE, mlflow_experiment_restore),
    ANSWER("POST", "/experiments/set-experiment-tag", EXPERIMENTS_WRITE, mlflow_experiment_set_tag),
    ANSWER("POST", "/experiments/delete-experiment-tag", EXPERIMENTS_WRITE,
           mlflow_experiment_delete_tag),
    ANSWER("POST", "/experiments/search-datasets", EXPERIMENTS_READ, mlflow_search_datasets),

    ANSWER("POST", "/logged-models", MODELS_WRITE, mlflow_model_create),
    ANSWER("POST", "/logged-models/search", MODELS_READ, mlflow_model_search),
    ANSWER("GET", "/logged-models/{model_id}", MODELS_READ, mlflow_model_get),
    ANSWER("PATCH", "/logged-models/{model_id}", MODELS_WRITE, mlflow_model_finalize),
    ANSWER("DELETE", "/logged-models/{model_id}", MODELS_DELETE, mlflow_model_delete),
    ANSWER("PATCH", "/logged-models/{model_id}/tags", MODELS_WRITE, mlflow_model_set_tags),
    ANSWER("DELETE", "/logged-models/{model_id}/tags/{tag_key}", MODELS_WRITE,
           mlflow_model_delete_tag),
    ANSWER("POST", "/logged-models/{model_id}/params", MODELS_WRITE, mlflow_model_log_params),
    ANSWER("GET", "/logged-models/{model_id}/artifacts/directories", ARTIFACTS_READ,
           mlflow_artifact_list_model),

    ANSWER("POST", "/registered-models/create", MODELS_WRITE, mlflow_registered_create),
    ANSWER("GET", "/registered-models/get", MODELS_READ, mlflow_registered_get),
    ANSWER("GET", "/registered-models/list", MODELS_READ, mlflow_registered_search),
    ANSWER("GET", "/registered-models/search", MODELS_READ, mlflow_registered_search),
    ANSWER("POST", "/registered-models/search", MODELS_READ, mlflow_registered_search),
    ANSWER("PATCH", "/registered-models/update", MODELS_WRITE, mlflow_registered_update),
    ANSWER("POST", "/registered-models/rename", MODELS_WRITE, mlflow_registered_rename),
    ANSWER("DELETE", "/registered-models/delete", MODELS_DELETE, mlflow_registered_delete),
    ANSWER("POST", "/registered-models/set-tag", MODELS_WRITE, mlflow_registered_set_tag),
    ANSWER("DELETE", "/registered-models/delete-tag", MODELS_WRITE, mlflow_registered_delete_tag),
    ANSWER("GET", "/registered-models/get-latest-versions", MODELS_READ, mlflow_registered_latest),
    ANSWER("POST", "/registered-models/get-latest-versions", MODELS_READ, mlflow_registered_latest),
    ANSWER("POST", "/registered-models/alias", MODELS_WRITE, mlflow_alias_set),
    ANSWER("DELETE", "/registered-models/alias", MODELS_WRITE, mlflow_alias_delete),
    ANSWER("GET", "/registered-models/alias", MODELS_READ, mlflow_alias_get),
    ANSWER("POST", "/model-versions/create", MODELS_WRITE, mlflow_version_create),
    ANSWER("GET", "/model-versions/get", MODELS_READ, mlflow_version_get),
    ANSWER("GET", "/model-versions/search", MODELS_READ, mlflow_version_search),
    ANSWER("POST", "/model-versions/search", MODELS_READ, mlflow_version_search),
    ANSWER("PATCH", "/model-versions/update", MODELS_WRITE, mlflow_version_update),
    ANSWER("DELETE", "/model-versions/delete", MODELS_DELETE, mlflow_version_delete),
    ANSWER("POST", "/model-versions/transition-stage", MODELS_WRITE, mlflow_version_stage),
    ANSWER("POST", "/model-versions/set-tag", MODELS_WRITE, mlflow_version_set_tag),
    ANSWER("DELETE", "/model-versions/delete-tag", MODELS_WRITE, mlflow_version_delete_tag),
    ANSWER("GET", "/model-versions/get-download-uri", MODELS_READ, mlflow_version_uri),

    {"GET", BASE_2, "/logged-models/{model_id}/artifacts/files", ARTIFACTS_READ, NULL, NULL,
     mlflow_artifact_get_model},
    ANSWER("GET", "/artifacts/list", ARTIFACTS_READ, mlflow_artifact_list_run),
    {"GET", BASE_ARTIFACTS, "/artifacts", ARTIFACTS_READ, mlflow_artifact_list, NULL, NULL},
    {"GET", BASE_ARTIFACTS, "/artifacts/{path*}", ARTIFACTS_READ, NULL, NULL, mlflow_artifact_get},
    {"PUT", BASE_ARTIFACTS, "/artifacts/{path*}", ARTIFACTS_WRITE, NULL, NULL, mlflow_artifact_put},
    {"DELETE", BASE_ARTIFACTS, "/artifacts/{path*}", ARTIFACTS_DELETE, mlflow_artifact_delete, NULL,
     NULL},
    {"POST", BASE_ARTIFACTS, "/mpu/create/{path*}", ARTIFACTS_WRITE, mlflow_artifact_no_parts, NULL,
     NULL},
    {"POST", BASE_ARTIFACTS, "/mpu/complete/{path*}", ARTIFACTS_WRITE, mlflow_artifact_no_parts,
     NULL, NULL},
    {"POST", BASE_ARTIFACTS, "/mpu/abort/{path*}", ARTIFACTS_WRITE, mlflow_artifact_no_parts, NULL,
     NULL},
    {"GET", BASE_ARTIFACTS, "/presigned/{path*}", ARTIFACTS_READ, mlflow_artifact_no_parts, NULL,
     NULL},

    {"GET", BASE_3, "/server-info", EXPERIMENTS_READ, mlflow_server_info, NULL, NULL},
    {"GET", BASE_ROOT, "/get-artifact", ARTIFACTS_READ, NULL, NULL, mlflow_artifact_get_run},
    {"GET", BASE_ROOT, "/model-versions/get-artifact", ARTIFACTS_READ, NULL, NULL,
     mlflow_artifact_get_version},
    {"GET", BASE_ROOT, "/health", NULL, NULL, NULL, mlflow_health},
    {"GET", BASE_ROOT, "/version", NULL, NULL, NULL, mlflow_version},
};

/* Routes stand in the order of rows, with at most as many spellings each. */
#define SPELLINGS (COUNT(ROOTS) * 4)

/* Routes are an array of ours, so the place in it is the row's. */
static const struct mlflow_row *row_of(const struct call *call)
{
    const struct mlflow *mlflow = call->face;
    size_t at = (size_t)(call->route - mlflow->routes);

    assert(at < mlflow->count);
    return mlflow->rows[at];
}

/* On a worker: reads, answers, replies. */
static void run_answer(struct call *call)
{
    CLEANUP(out_free) struct out out = out_make();
    struct error err = {0};
    struct ask ask;

    if (ask_read(call, &ask, &err) < 0 || row_of(call)->answer(&ask, &out, &err) < 0)
        reply_error(call, &err);
    else
        reply_json(call, &out);
}

/* On the IO thread. */
static void run_hot(struct call *call)
{
    struct error err = {0};
    struct ask ask;

    if (ask_read(call, &ask, &err) < 0)
        reply_error(call, &err);
    else
        row_of(call)->hot(&ask);
}

/* Artifact uploads stream and have a limit of their own; all else is JSON. */
static struct route route_for(const struct mlflow_row *row, const char *path)
{
    bool streams = row->run == mlflow_artifact_put;

    return (struct route){.method = row->method,
                          .path = path,
                          .permit = row->action ? PERMIT_ACTION : PERMIT_PUBLIC,
                          .action = row->action,
                          .body_limit = streams ? ARTIFACT_BYTES : JSON_BYTES,
                          .flags = ROUTE_LOCAL_USER | (row->hot ? ROUTE_ON_LOOP : 0) |
                                   (streams ? ROUTE_STREAM_IN : 0),
                          .listeners = LISTEN_ALL,
                          .run = row->run      ? row->run
                                 : row->answer ? run_answer
                                               : run_hot,
                          .open = streams ? mlflow_artifact_open : NULL,
                          .refuse = reply_refuse};
}

/* Clients of 1.x know the registry by its first address alone. */
static bool was_preview(const struct mlflow_row *row)
{
    struct str path = str_from(row->path);

    return row->base == BASE_2 && (str_starts(path, STR("/registered-models/")) ||
                                   str_starts(path, STR("/model-versions/")));
}

/* One row below one base, under every root. */
static void add_routes(struct mlflow *mlflow, const struct mlflow_row *row, enum base base)
{
    for (size_t root = 0; root < COUNT(ROOTS); root++)
        for (size_t twin = 0; twin < 2 && BASES[base][twin]; twin++) {
            struct str path =
                arena_printf(mlflow->arena, "%s%s%s", ROOTS[root], BASES[base][twin], row->path);
            mlflow->rows[mlflow->count] = row;
            mlflow->routes[mlflow->count++] = route_for(row, path.ptr);
        }
}

/* Every row under every spelling of its root, so that the router needs no rules for them. */
struct mlflow *mlflow_new(const struct mlflow_options *options)
{
    struct mlflow *mlflow = calloc(1, sizeof *mlflow);

    if (!mlflow)
        abort();
    assert(options->engines && options->default_scope > 0);
    mlflow->engines = options->engines;
    mlflow->default_scope = options->default_scope;
    mlflow->arena = arena_new(4 * MIB);
    mlflow->routes = arena_new_array(mlflow->arena, struct route, COUNT(ROWS) * SPELLINGS);
    mlflow->rows =
        arena_new_array(mlflow->arena, const struct mlflow_row *, COUNT(ROWS) * SPELLINGS);
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        add_routes(mlflow, &ROWS[i], ROWS[i].base);
        if (was_preview(&ROWS[i]))
            add_routes(mlflow, &ROWS[i], BASE_PREVIEW);
    }
    return mlflow;
}

/* For CLEANUP. */
void mlflow_free(struct mlflow **mlflow)
{
    if (!*mlflow)
        return;
    arena_free(&(*mlflow)->arena);
    free(*mlflow);
    *mlflow = NULL;
}

/* They point into the face: it outlives the server. */
struct route_table mlflow_routes(struct mlflow *mlflow)
{
    return (struct route_table){mlflow->routes, mlflow->count, mlflow};
}
