/* ask.h - one MLflow request: whom it concerns, and its fields
 *
 * GET takes its fields from the query, everything else from a JSON body, with the leniency of the
 * real server: numbers may come as strings, unknown fields are ignored, no body is an empty one.
 * Never 500 for a bad request: a wrong type is ERROR_INVALID with the real sentence.
 */
#pragma once

#include "mlflow/mlflow.h"
#include "mlflow/out.h"
#include "tracking/tracking.h"

#include <yyjson.h>

struct mlflow_row;

struct mlflow {
    struct engines *engines;
    int64_t default_scope;
    struct arena *arena;
    struct route *routes;
    const struct mlflow_row **rows; /* of each route */
    size_t count;
};

struct ask {
    struct mlflow *mlflow;
    struct call *call;
    struct arena *arena;
    yyjson_val *body; /* an object, NULL for GET */
    bool query;
};

/* Reads the request. Errors: ERROR_INVALID for another Content-Type than JSON. */
int ask_read(struct call *call, struct ask *out, struct error *err);

enum ask_need { ASK_OPTIONAL, ASK_REQUIRED };

/* One field; absent ones give "" or the fallback. A required text that is "" counts as missing, as
 * in MLflow. Errors: ERROR_INVALID for a missing required field or a wrong type. */
int ask_text(struct ask *ask, const char *name, enum ask_need need, struct str *out,
             struct error *err);
int ask_int(struct ask *ask, const char *name, enum ask_need need, int64_t *io, struct error *err);
int ask_bool(struct ask *ask, const char *name, bool *io, struct error *err);
/* Whether the field was sent. */
bool ask_has(struct ask *ask, const char *name);

/* A repeated field of texts. */
struct ask_texts {
    struct str *at;
    size_t count;
};
int ask_texts(struct ask *ask, const char *name, struct ask_texts *out, struct error *err);
/* A repeated field of objects: the JSON array, NULL when absent. */
int ask_objects(struct ask *ask, const char *name, yyjson_val **out, struct error *err);

/* Fields of one object in the body; `name` is also what messages call it. An absent one is "", or
 * leaves the number as it is; where it is needed, that is ERROR_INVALID. */
int ask_value_text(struct ask *ask, yyjson_val *object, const char *name, struct str *out,
                   struct error *err);
int ask_value_need_text(struct ask *ask, yyjson_val *object, const char *name, struct str *out,
                        struct error *err);
int ask_value_int(struct ask *ask, yyjson_val *object, const char *name, int64_t *io,
                  struct error *err);
int ask_value_need_int(struct ask *ask, yyjson_val *object, const char *name, int64_t *io,
                       struct error *err);
int ask_value_double(struct ask *ask, yyjson_val *object, const char *name, double *out,
                     struct error *err);
/* Whether an object has the field, and not as "". */
bool ask_value_given(yyjson_val *object, const char *name);
/* ERROR_INVALID «Missing value for required parameter 'path'», for what has a longer path. */
int ask_missing(const char *path, struct error *err);

/* `run_id`, or the older `run_uuid`. Errors: ERROR_INVALID when it is none. */
int ask_run_id(struct ask *ask, struct str *out, struct error *err);
/* An experiment id as a number. */
int ask_experiment_id(struct ask *ask, enum ask_need need, int64_t *io, struct error *err);
int ask_parse_experiment_id(struct str text, int64_t *out, struct error *err);

/* The workspace this request is for. */
int ask_scope(struct ask *ask, struct store_txn *txn, struct scope *out, struct error *err);
/* Its number alone; asks the table only for workspaces in the path. */
int ask_scope_number(struct ask *ask, struct store_txn *txn, int64_t *out, struct error *err);

/* Whether this caller may write this run: attempts only their own and what is below (decisions 25).
 * Errors: ERROR_FORBIDDEN. */
int ask_may_write(struct ask *ask, struct store_txn *txn, const struct run *run, struct error *err);
