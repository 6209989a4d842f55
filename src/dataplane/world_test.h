/* world_test.h - for unit tests: a workspace with a job that runs and a run that MLflow made
 *
 * Handlers are driven through a real router on a store in memory; the caller is an admin unless a
 * test says otherwise (world_be).
 */
#pragma once

#include "dataplane/dataplane.h"

#include "arm/fake_exchange.h"
#include "base/test.h"
#include "job/attempt.h"
#include "store/document.h"
#include "tracking/experiment.h"
#include "tracking/run.h"

#define GUID "0123abcd-0000-4000-8000-000000000001"
#define WS \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
#define WS2 \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w2"
#define HISTORY "/history/v1.0" WS
#define JOB HISTORY "/runs/calm_owl"
#define PATCHED HISTORY "/experiments/Default/runs/"

struct world {
    struct arena *arena;
    struct engines engines;
    struct fake *fake;
    struct scope scope, second; /* a second workspace, empty */
    struct run job, child;      /* "calm_owl" runs; "kid" below it has ended */
    struct attempt attempt;     /* of the job */
    int dir;
};

struct world *world_open(void);
/* For CLEANUP. */
void world_close(struct world **w);

/* The body of a GET that gives 200, in the world's arena. */
struct json *world_get(struct world *w, const char *path);
/* A request with a JSON body; its status must be as given. The reply in the world's arena. */
struct json *world_ask(struct world *w, int status, const char *method, const char *path,
                       const char *body);
/* From now on the caller is the job's own attempt, or an admin again. */
void world_be_job(struct world *w);
void world_be_admin(struct world *w);

/* One more run of MLflow's. */
struct run world_add_run(struct world *w, const char *name, int64_t experiment);
/* A file with the bytes of its name, in a container of the workspace. */
void world_put_file(struct world *w, const char *container, const char *name);
