/* What the SDK asks beside ARM. Cloud metadata and discovery are public: they hold addresses,
 * nothing else. The rest is about runs and is guarded as ARM is. */
#include "dataplane/internal.h"

#include <assert.h>

#define PROVIDER "Microsoft.MachineLearningServices/workspaces/"
#define RUNS_READ PROVIDER "experiments/runs/read"
#define RUNS_WRITE PROVIDER "experiments/runs/write"
#define WS                                                            \
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{workspace}"
#define HISTORY "/history/v1.0" WS
#define RUN HISTORY "/runs/{run}"
#define EXPERIMENT_RUN HISTORY "/experiments/{experiment}/runs/{run}"

#define ASK_BYTES (4 * MIB)

#define OPEN(template, handler) \
    {.method = "GET",           \
     .path = template,          \
     .permit = PERMIT_PUBLIC,   \
     .flags = ROUTE_ON_LOOP,    \
     .listeners = LISTEN_ALL,   \
     .run = handler,            \
     .refuse = arm_refuse}
#define ROW(verb, template, what, handler) \
    {.method = verb,                       \
     .path = template,                     \
     .permit = PERMIT_ACTION,              \
     .action = what,                       \
     .body_limit = ASK_BYTES,              \
     .flags = ROUTE_FOLD,                  \
     .listeners = LISTEN_ALL,              \
     .run = handler,                       \
     .refuse = arm_refuse}

static const struct route ROUTES[] = {
    OPEN("/metadata/endpoints", plane_metadata),
    OPEN("/discovery", plane_discovery),
    ROW("GET", RUN, RUNS_READ, plane_get_run),
    ROW("GET", RUN "/details", RUNS_READ, plane_get_details),
    ROW("GET", RUN "/children", RUNS_READ, plane_list_children),
    ROW("GET", RUN "/serviceinstances/{node}", RUNS_READ, plane_list_services),
    ROW("GET", EXPERIMENT_RUN, RUNS_READ, plane_get_run),
    ROW("GET", EXPERIMENT_RUN "/details", RUNS_READ, plane_get_details),
    ROW("PATCH", EXPERIMENT_RUN, RUNS_WRITE, plane_patch_run),
    ROW("POST", HISTORY "/rundata", RUNS_READ, plane_run_data),
    ROW("POST", "/data/v1.0" WS "/dataversion/batchGetResolvedUris", PROVIDER "data/versions/read",
        plane_resolve_data),
    ROW("POST", "/modelregistry/v1.0" WS "/models/batchGetResolvedUris",
        PROVIDER "models/versions/read", plane_resolve_models),
};

struct route_table dataplane_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
