/* face_test.h - for unit tests: the whole face over a store in memory, two workspaces */
#pragma once

#include "mlflow/mlflow.h"

#include "arm/fake_exchange.h"
#include "base/test.h"
#include "tracking/experiment.h"
#include "tracking/run.h"

#define API "/api/2.0/mlflow"
#define SECOND                                                 \
    "/mlflow/v2.0/subscriptions/s/resourceGroups/g/providers/" \
    "Microsoft.MachineLearningServices/workspaces/w2"
#define FIRST                                                  \
    "/mlflow/v2.0/subscriptions/s/resourceGroups/g/providers/" \
    "Microsoft.MachineLearningServices/workspaces/w"

struct face {
    struct arena *arena;
    struct engines engines;
    struct mlflow *mlflow;
    struct fake *fake;
    struct scope scope, second; /* the bare root's workspace, and another */
    int dir;
};

struct face *face_open(void);
/* For CLEANUP. */
void face_close(struct face **face);

/* A request with a JSON body whose status must be as given; the reply in the face's arena. */
struct json *face_ask(struct face *face, int status, const char *method, const char *path,
                      const char *body);
struct json *face_get(struct face *face, const char *path);
/* A refusal: its status, code, and a piece of its sentence. */
void face_refuses(struct face *face, const char *path, const char *body, const char *code,
                  const char *sentence);

/* A run in an experiment; its id lives in the face's arena. */
struct str face_run(struct face *face, const char *experiment, const char *name);
/* The same text with every '$' replaced by `value`. */
const char *face_fill(struct face *face, const char *text, struct str value);
/* From now on the caller is the attempt of that run; "" an admin again. */
void face_be_job(struct face *face, struct str run);
