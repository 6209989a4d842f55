/* What the SDK asks beside ARM. Cloud metadata and discovery are public: they hold addresses,
 * nothing else. The rest is about runs and is guarded as ARM is.
 *
 * Run history has three spellings of one run: by its name alone, below its experiment's name, and
 * below its experiment's id. They are one handler; find.c reads the difference. Rows that a job's
 * own token may write say so; their handlers ask whose run it is (decisions 25). */
#include "dataplane/internal.h"

#include <assert.h>

#define PROVIDER "Microsoft.MachineLearningServices/workspaces/"
#define RUNS_READ PROVIDER "experiments/runs/read"
#define RUNS_WRITE PROVIDER "experiments/runs/write"
#define RUNS_DELETE PROVIDER "experiments/runs/delete"
#define EXPERIMENTS_READ PROVIDER "experiments/read"
#define EXPERIMENTS_WRITE PROVIDER "experiments/write"
#define EXPERIMENTS_DELETE PROVIDER "experiments/delete"
#define FILES_READ PROVIDER "metadata/artifacts/read"
#define FILES_WRITE PROVIDER "metadata/artifacts/write"
#define FILES_DELETE PROVIDER "metadata/artifacts/delete"
#define DATA_READ PROVIDER "data/versions/read"
#define DATA_WRITE PROVIDER "data/versions/write"
#define DATA_DELETE PROVIDER "data/versions/delete"
#define MODELS_READ PROVIDER "models/versions/read"
#define MODELS_WRITE PROVIDER "models/versions/write"
#define MODELS_DELETE PROVIDER "models/versions/delete"
#define WS                                                            \
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{workspace}"
#define HISTORY "/history/v1.0" WS
#define BY_NAME HISTORY "/experiments/{experiment}"
#define BY_ID HISTORY "/experimentids/{experiment_id}"
#define RUN "/runs/{run}"
#define METRIC "/metric/v2.0" WS RUN
#define ARTIFACT "/artifact/v2.0" WS "/artifacts"
#define DATA "/data/v1.0" WS
#define MODELS "/modelregistry/v1.0" WS
#define STORED ARTIFACT "/{origin}/{container}"
#define AT_END "/{origin}/{container}/{path*}"

#define ASK_BYTES (4 * MIB)

#define OPEN(template, handler) \
    {.method = "GET",           \
     .path = template,          \
     .permit = PERMIT_PUBLIC,   \
     .flags = ROUTE_ON_LOOP,    \
     .listeners = LISTEN_ALL,   \
     .run = handler,            \
     .refuse = arm_refuse}
#define ANY_ROW(verb, template, what, handler, bits) \
    {.method = verb,                                 \
     .path = template,                               \
     .permit = PERMIT_ACTION,                        \
     .action = what,                                 \
     .body_limit = ASK_BYTES,                        \
     .flags = bits,                                  \
     .listeners = LISTEN_ALL,                        \
     .run = handler,                                 \
     .refuse = arm_refuse}
#define ROW(verb, template, what, handler) ANY_ROW(verb, template, what, handler, ROUTE_FOLD)
#define JOB_ROW(verb, template, what, handler) \
    ANY_ROW(verb, template, what, handler, ROUTE_FOLD | ROUTE_ATTEMPT)

/* One row for each spelling of a run, or of an experiment's runs. */
#define RUN_ROWS(verb, rest, what, handler)                                                 \
    ROW(verb, HISTORY RUN rest, what, handler), ROW(verb, BY_NAME RUN rest, what, handler), \
        ROW(verb, BY_ID RUN rest, what, handler)
#define JOB_RUN_ROWS(verb, rest, what, handler)         \
    JOB_ROW(verb, HISTORY RUN rest, what, handler),     \
        JOB_ROW(verb, BY_NAME RUN rest, what, handler), \
        JOB_ROW(verb, BY_ID RUN rest, what, handler)
#define EACH_ROWS(verb, rest, what, handler)                                        \
    ROW(verb, HISTORY rest, what, handler), ROW(verb, BY_NAME rest, what, handler), \
        ROW(verb, BY_ID rest, what, handler)

static const struct route ROUTES[] = {
    OPEN("/metadata/endpoints", dataplane_metadata),
    OPEN("/discovery", dataplane_discovery),

    /* one run */
    RUN_ROWS("GET", "", RUNS_READ, dataplane_get_run),
    JOB_RUN_ROWS("PATCH", "", RUNS_WRITE, dataplane_patch_run),
    JOB_RUN_ROWS("POST", "", RUNS_WRITE, dataplane_add_run),
    RUN_ROWS("DELETE", "", RUNS_DELETE, dataplane_delete_run),
    RUN_ROWS("GET", "/details", RUNS_READ, dataplane_get_details),
    RUN_ROWS("GET", "/children", RUNS_READ, dataplane_list_children),
    RUN_ROWS("POST", "/cancel", RUNS_WRITE, dataplane_cancel_run),
    JOB_RUN_ROWS("DELETE", "/tags", RUNS_WRITE, dataplane_delete_tags),
    JOB_RUN_ROWS("PATCH", "/tags", RUNS_WRITE, dataplane_modify_tags),
    RUN_ROWS("DELETE", "/services", RUNS_WRITE, dataplane_not_built),
    RUN_ROWS("GET", "/serviceinstances/{node}", RUNS_READ, dataplane_list_services),
    RUN_ROWS("GET", "/metricsingest/wait", RUNS_READ, dataplane_wait_metrics),
    RUN_ROWS("PATCH", "/serviceinstances/{node}", RUNS_WRITE, dataplane_not_built),
    JOB_RUN_ROWS("POST", "/events", RUNS_WRITE, dataplane_post_events),

    /* several runs */
    EACH_ROWS("GET", "/runs", RUNS_READ, dataplane_list_runs),
    EACH_ROWS("POST", "/runs:query", RUNS_READ, dataplane_query_runs),
    EACH_ROWS("POST", "/runs/query", RUNS_READ, dataplane_query_runs),
    EACH_ROWS("POST", "/runs/runIds", RUNS_READ, dataplane_runs_by_ids),
    EACH_ROWS("PATCH", "/batch/runs", RUNS_WRITE, dataplane_batch_patch_runs),
    JOB_ROW("POST", HISTORY "/batch/events", RUNS_WRITE, dataplane_batch_events),
    JOB_ROW("POST", BY_NAME "/batch/events", RUNS_WRITE, dataplane_batch_events),
    JOB_ROW("POST", BY_ID "/batch/events", RUNS_WRITE, dataplane_batch_events),
    ROW("POST", HISTORY "/rundata", RUNS_READ, dataplane_run_data),
    ROW("POST", HISTORY "/batchrundata", RUNS_READ, dataplane_batch_run_data),
    ROW("GET", HISTORY "/computes/{compute}/runs", RUNS_READ, dataplane_compute_runs),

    /* experiments */
    ROW("GET", BY_NAME, EXPERIMENTS_READ, dataplane_get_experiment),
    ROW("GET", BY_ID, EXPERIMENTS_READ, dataplane_get_experiment),
    ROW("POST", BY_NAME, EXPERIMENTS_WRITE, dataplane_create_experiment),
    ROW("PATCH", BY_ID, EXPERIMENTS_WRITE, dataplane_patch_experiment),
    ROW("PATCH", BY_NAME, EXPERIMENTS_WRITE, dataplane_patch_experiment),
    ROW("DELETE", BY_ID, EXPERIMENTS_DELETE, dataplane_delete_experiment),
    ROW("POST", HISTORY "/experiments:query", EXPERIMENTS_READ, dataplane_query_experiments),
    ROW("POST", BY_ID "/tags:delete", EXPERIMENTS_WRITE, dataplane_delete_experiment_tags),
    ROW("GET", BY_ID "/metrics/{metric}", RUNS_READ, dataplane_not_built),
    ROW("GET", BY_NAME "/metrics/{metric}", RUNS_READ, dataplane_not_built),

    /* metrics */
    ROW("POST", METRIC "/list", RUNS_READ, dataplane_list_metrics),
    ROW("POST", METRIC "/full", RUNS_READ, dataplane_full_metric),
    ROW("POST", METRIC "/sample", RUNS_READ, dataplane_sample_metric),
    JOB_ROW("POST", METRIC "/batch", RUNS_WRITE, dataplane_post_metrics),
    ROW("DELETE", METRIC "/deleteMetrics", RUNS_WRITE, dataplane_not_built),
    ROW("DELETE",
        "/metric/v2.0" WS "/experiments/{experiment}/containers/{container}/deleteMetrics",
        RUNS_WRITE, dataplane_not_built),
    ROW("POST", "/metric/v2.0" WS "/azuremonitor/list", RUNS_READ, dataplane_not_built),

    /* files of runs */
    RUN_ROWS("GET", "/artifacts", FILES_READ, dataplane_list_artifacts),
    RUN_ROWS("GET", "/artifacts/path", FILES_READ, dataplane_list_artifacts),
    RUN_ROWS("GET", "/artifacts/prefix/contentinfo", FILES_READ, dataplane_list_artifact_addresses),
    RUN_ROWS("GET", "/artifacts/metadata", FILES_READ, dataplane_artifact),
    RUN_ROWS("GET", "/artifacts/contentinfo", FILES_READ, dataplane_artifact_address),
    RUN_ROWS("GET", "/artifacts/artifacturi", FILES_READ, dataplane_artifact_location),
    JOB_RUN_ROWS("POST", "/artifacts/batch/metadata", FILES_WRITE, dataplane_create_artifacts),

    /* files by origin and container */
    ROW("GET", STORED, FILES_READ, dataplane_list_artifacts),
    ROW("GET", STORED "/prefix/contentinfo", FILES_READ, dataplane_list_artifact_addresses),
    ROW("GET", STORED "/metadata", FILES_READ, dataplane_artifact),
    ROW("GET", STORED "/contentinfo", FILES_READ, dataplane_artifact_address),
    ROW("GET", STORED "/content", FILES_READ, dataplane_artifact_content),
    JOB_ROW("POST", STORED "/batch/metadata", FILES_WRITE, dataplane_create_artifacts),
    ROW("DELETE", STORED "/metadata", FILES_DELETE, dataplane_delete_artifact),
    /* the same as the first SDK spells it */
    ROW("GET", ARTIFACT "/prefix/contentinfo" AT_END, FILES_READ,
        dataplane_list_artifact_addresses),
    ROW("GET", ARTIFACT "/metadata" AT_END, FILES_READ, dataplane_artifact),
    ROW("GET", ARTIFACT "/contentinfo" AT_END, FILES_READ, dataplane_artifact_address),
    ROW("GET", ARTIFACT "/content" AT_END, FILES_READ, dataplane_artifact_content),
    JOB_ROW("POST", ARTIFACT "/batch/metadata/{origin}/{container}", FILES_WRITE,
            dataplane_create_artifacts),
    ROW("DELETE", ARTIFACT "/metadata" AT_END, FILES_DELETE, dataplane_delete_artifact),
    ROW("POST", ARTIFACT "/register", FILES_WRITE, dataplane_register_artifact),
    ROW("POST", ARTIFACT "/metadata", FILES_WRITE, dataplane_register_artifact),

    /* ids to addresses */
    ROW("POST", DATA "/dataversion/batchGetResolvedUris", DATA_READ, dataplane_resolve_data),
    ROW("POST", MODELS "/models/batchGetResolvedUris", MODELS_READ, dataplane_resolve_models),

    /* data and models in their services' words */
    ROW("GET", DATA "/datacontainer", DATA_READ, dataplane_list_data),
    ROW("GET", DATA "/datacontainer/{name}", DATA_READ, dataplane_get_data),
    ROW("GET", DATA "/dataversion/{name}/versions", DATA_READ, dataplane_list_data_versions),
    ROW("GET", DATA "/dataversion/{name}/versions/{version}", DATA_READ,
        dataplane_get_data_version),
    ROW("GET", DATA "/dataversion/{name}/versions/{version}/exists", DATA_READ,
        dataplane_data_version_exists),
    ROW("POST", DATA "/dataversion/getByAssetId", DATA_READ, dataplane_data_by_id),
    ROW("GET", MODELS "/models", MODELS_READ, dataplane_list_models),
    ROW("POST", MODELS "/models/list", MODELS_READ, dataplane_query_models),
    ROW("GET", MODELS "/models/{id}", MODELS_READ, dataplane_get_model),
    ROW("POST", MODELS "/models/querybatch", MODELS_READ, dataplane_batch_models),

    /* known and not built; what changes assets goes to ARM */
    ROW("POST", DATA "/datacontainer", DATA_WRITE, dataplane_not_built),
    ROW("PATCH", DATA "/datacontainer/{name}", DATA_WRITE, dataplane_not_built),
    ROW("DELETE", DATA "/datacontainer/{name}", DATA_DELETE, dataplane_not_built),
    ROW("POST", DATA "/dataversion/{name}/versions", DATA_WRITE, dataplane_not_built),
    ROW("PATCH", DATA "/dataversion/{name}/versions/{version}", DATA_WRITE, dataplane_not_built),
    ROW("DELETE", DATA "/dataversion/{name}/versions/{version}", DATA_DELETE, dataplane_not_built),
    ROW("POST", DATA "/dataversion/createUnregisteredInput", DATA_WRITE, dataplane_not_built),
    ROW("POST", DATA "/dataversion/createUnregisteredOutput", DATA_WRITE, dataplane_not_built),
    ROW("POST", DATA "/dataversion/registerExisting", DATA_WRITE, dataplane_not_built),
    ROW("POST", "/data/v2.0" WS "/datacall/preview", DATA_READ, dataplane_not_built),
    ROW("POST", "/data/v2.0" WS "/datacall/quickprofile", DATA_READ, dataplane_not_built),
    ROW("POST", "/data/v2.0" WS "/datacall/schema", DATA_READ, dataplane_not_built),
    ROW("POST", MODELS "/models", MODELS_WRITE, dataplane_not_built),
    ROW("PATCH", MODELS "/models/{id}", MODELS_WRITE, dataplane_not_built),
    ROW("DELETE", MODELS "/models/{id}", MODELS_DELETE, dataplane_not_built),
    ROW("POST", MODELS "/models/createUnregisteredInput", MODELS_WRITE, dataplane_not_built),
    ROW("POST", MODELS "/models/createUnregisteredOutput", MODELS_WRITE, dataplane_not_built),
    ROW("POST", MODELS "/models/deploymentSettings", MODELS_WRITE, dataplane_not_built),
    ROW("GET", MODELS "/assets", MODELS_READ, dataplane_not_built),
    ROW("POST", MODELS "/assets", MODELS_WRITE, dataplane_not_built),
    ROW("GET", MODELS "/assets/{id}", MODELS_READ, dataplane_not_built),
    ROW("PATCH", MODELS "/assets/{id}", MODELS_WRITE, dataplane_not_built),
    ROW("DELETE", MODELS "/assets/{id}", MODELS_DELETE, dataplane_not_built),
    ROW("GET", MODELS "/extensiveModels/{id}", MODELS_READ, dataplane_not_built),
    ROW("GET", "/history/v1.0/private" WS "/deleteConfiguration", RUNS_READ, dataplane_not_built),
    ROW("PATCH", "/history/v1.0/private" WS "/deleteConfiguration", RUNS_WRITE,
        dataplane_not_built),
    ROW("POST", "/history/v1.0/private" WS RUN "/spans", RUNS_WRITE, dataplane_not_built),
    ROW("GET", "/history/v1.0/private" WS RUN "/spans", RUNS_READ, dataplane_not_built),
    ROW("GET", "/history/v1.0/private" WS RUN "/spans/active", RUNS_READ, dataplane_not_built),
};

/* The end of the template says what was asked for. */
void dataplane_not_built(struct call *call)
{
    struct str path = str_from(call->route->path), workspace = STR("{workspace}");
    struct error err = {0};
    ssize_t at = str_find(path, workspace);

    assert(at > 0);
    error_set(&err, ERROR_NOT_IMPLEMENTED, "", "%s %.*s is not built yet.", call->route->method,
              STR_ARG(str_slice(path, (size_t)at + workspace.len, path.len)));
    arm_refuse(call, &err);
}

struct route_table dataplane_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
