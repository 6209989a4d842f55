/* tracking.h - runs, metrics, params and tags (tracking-store.md, decisions 8-11)
 *
 * One run is one job: `run_id` is the job's name. What is declared here is what others need; the
 * rest of the module (metric tails, summaries, search) is between mlflow/ and tracking/.
 */
#pragma once

#include "base/json.h"
#include "store/scope.h"

struct tracking;

/* Owns: the caller; the store outlives it. */
struct tracking *tracking_open(struct store *store, struct error *err);
void tracking_close(struct tracking **tracking);

/* Values of run.status: the job states as the SDK spells them, numbered for the database. */
enum run_status {
    RUN_NOT_STARTED = 1,
    RUN_QUEUED,
    RUN_PROVISIONING,
    RUN_PREPARING,
    RUN_STARTING,
    RUN_RUNNING,
    RUN_FINALIZING,
    RUN_CANCEL_REQUESTED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_CANCELED,
    RUN_PAUSED,
    RUN_NOT_RESPONDING,
    RUN_STATUS_COUNT_
};
const char *run_status_name(enum run_status status);   /* "Completed" */
const char *run_status_mlflow(enum run_status status); /* "FINISHED" */
bool run_status_final(enum run_status status);

/* run.kind */
enum run_kind { RUN_MLFLOW = 1, RUN_COMMAND, RUN_BUILD };

struct run {
    int64_t run; /* row */
    int64_t scope;
    struct str run_id; /* as first spelled */
    int64_t experiment;
    int64_t parent, root; /* rows, 0 when none */
    enum run_kind kind;
    enum run_status status;
    struct str reason;
    struct str name; /* display name */
    struct str user;
    int64_t start_us, end_us, created_us; /* 0: not yet */
    bool archived;
    int64_t deleted_us;
    int64_t rev;
    int64_t doc; /* jobs document, 0 for runs made by MLflow */
};

/* A run by its name, which is unique within a workspace. */
struct run_key {
    int64_t scope;
    struct str run_id; /* in any case */
};
/* An experiment by its number. */
struct experiment_key {
    int64_t scope, id;
};

/* Experiments by name; made when missing. Names are byte-exact, "" is Default. */
int experiment_ensure(struct store_txn *txn, int64_t scope, struct str name, int64_t *out_id,
                      struct error *err);
int experiment_name(struct store_txn *txn, int64_t scope, int64_t id, struct str *out,
                    struct error *err);
/* Made with the workspace: experiment 0, Default. */
int experiment_make_default(struct store_txn *txn, int64_t scope, struct error *err);

/* Runs by name in any case. Errors: ERROR_NOT_FOUND. */
int run_get(struct store_txn *txn, int64_t scope, struct str run_id, struct run *out,
            struct error *err);
int run_by_row(struct store_txn *txn, int64_t run, struct run *out, struct error *err);
/* Gives run, rev, created_us, and run_id when empty. Errors: ERROR_EXISTS. */
int run_insert(struct store_txn *txn, struct run *run, struct error *err);
/* Writes status, reason, name, start, end, archived, deleted of a run read before; rev rises. */
int run_update(struct store_txn *txn, struct run *run, struct error *err);

/* Tags and params of a run (or, by a logged model's row, of that). A param's other value is
 * ERROR_INVALID with MLflow's sentence. */
int run_set_tag(struct store_txn *txn, const struct run *run, struct str key, struct str value,
                struct error *err);
int run_tags(struct store_txn *txn, const struct run *run, struct json *out_object,
             struct error *err);
/* Takes a tag away; one that is not there is no error. */
int run_delete_tag(struct store_txn *txn, const struct run *run, struct str key, struct error *err);
/* For a PUT, which says all there is: tags that `tags` lacks go, but for those that MLflow keeps
 * for itself ("mlflow.…"), which ARM's clients do not send back; the others are set. */
int run_replace_tags(struct store_txn *txn, const struct run *run, const struct json *tags,
                     struct error *err);

/* Runs newest first unless `oldest` says otherwise, for lists of jobs. */
struct run_query {
    int64_t scope;
    int64_t parent; /* 0: any */
    bool archived_only, all;
    bool by_experiment; /* only of `experiment`; not together with a parent */
    int64_t experiment;
    bool oldest;                   /* the oldest first */
    int64_t before_us, before_run; /* where to go on */
    size_t limit;
};
typedef int run_each(const struct run *run, void *context, struct error *err);
int run_list(struct store_txn *txn, const struct run_query *query, run_each *each, void *context,
             struct error *err);
