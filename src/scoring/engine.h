/* engine.h - what serves one replica: a runtime in this process, or a Python server beside it
 *
 * A scoring engine is a row of functions. `open` may take long or return early: until `ready` says
 * 1 the replica answers 503 and the gateway sends it nothing.
 */
#pragma once

#include "base/json.h"
#include "http/server.h"

/* What a replica serves, as its spec.json says. */
struct scoring_options {
    int folder;             /* the open run folder, which is also the working directory */
    struct str environment; /* the ready environment's folder; "" = the host's */
    struct str model;       /* folder of the model's files, relative to the run folder */
    struct str code;        /* folder of the code, relative; "work" */
    struct str script;      /* scoring script within the code; "" without one */
    int workers;            /* requests computed at once */
};

struct scoring; /* an engine's own struct */

/* A way to compute answers. Which one is taken follows from the model and the script alone. */
struct scoring_engine {
    const char *name;      /* "onnx", "python", "mlflow" */
    enum http_where where; /* where `score` is called */
    /* Owns: the caller. Errors: one sentence that becomes the deployment's reason. */
    int (*open)(const struct scoring_options *options, struct scoring **out, struct error *err);
    /* 1 answers, 0 not yet, -1 never again, with the reason. Threads: one. */
    int (*ready)(struct scoring *scoring, struct error *err);
    /* Inputs and outputs, for swagger.json: {"inputs": […], "outputs": […]}; NULL: unknown. */
    struct json *(*describe)(struct scoring *scoring, struct arena *arena);
    /* Answers POST /score, its body whole; replies exactly once. Threads: many. */
    void (*score)(struct scoring *scoring, struct http_exchange *ex);
    void (*close)(struct scoring *scoring);
};

extern const struct scoring_engine scoring_onnx;
extern const struct scoring_engine scoring_python;
extern const struct scoring_engine scoring_mlflow;

/* Replies {"error": {"code", "message", "target"}} with the status of the code. */
void scoring_refuse(struct http_exchange *ex, const struct error *err);
