/* internal.h - between the files of dataplane/ */
#pragma once

#include "content/content.h"
#include "dataplane/dataplane.h"
#include "tracking/experiment.h"
#include "tracking/run.h"

/* A request about a run of the workspace in the path. Texts live as long as `txn`. */
struct dataplane_run {
    struct call *call;
    struct engines *engines;
    struct store_txn *txn;
    struct scope scope;
    struct run run;
    struct json *properties; /* of the job's document; NULL for runs that MLflow made */
    struct json *resolved;   /* what its references became; NULL without a document */
};

/* The workspace of the path. Errors: ERROR_NOT_FOUND. */
int dataplane_scope(const struct call *call, struct store_txn *txn, struct scope *out,
                    struct error *err);

/* --- find.c: whom a path names ---------------------------------------------------------------- */

/* The experiment of the path, by its id under `experimentids`, else by name or id. 1 found, 0 when
 * the path has none, -1 with *err. Errors: ERROR_NOT_FOUND. */
int dataplane_find_experiment(const struct call *call, struct store_txn *txn, int64_t scope,
                              struct experiment *out, struct error *err);
/* Whether workspace and experiment of the path are there, for what asks for each of its members in
 * a write of its own: an empty list would be taken anywhere. Errors: ERROR_NOT_FOUND. */
int dataplane_check_path(const struct call *call, struct error *err);
/* A run by its name, which must lie in the experiment of the path when that names one.
 * Errors: ERROR_NOT_FOUND. */
int dataplane_row(const struct call *call, struct store_txn *txn, const struct run_key *key,
                  struct run *out, struct error *err);
/* Whether this caller may write this run: attempts only their own and what is below it
 * (decisions 25). Errors: ERROR_FORBIDDEN. */
int dataplane_may_write(const struct call *call, struct store_txn *txn, const struct run *run,
                        struct error *err);
/* Fills everything of *at but call, engines and txn. Errors: ERROR_NOT_FOUND. */
int dataplane_find_run(struct dataplane_run *at, struct str name, struct error *err);
/* The same for a run that is read already; scope must be set. */
int dataplane_take_run(struct dataplane_run *at, const struct run *run, struct error *err);

/* --- view.c ------------------------------------------------------------------------------------
 */

/* The run as run history tells it; NULL with *err set. In the call's arena. */
struct json *dataplane_run_view(struct dataplane_run *at, struct error *err);
/* "2026-11-21T05:35:11.000000Z", or null for 0. */
void dataplane_set_time(struct arena *arena, struct json *object, const char *key, int64_t us);
/* Why a run failed, in the shape of run history's errors; null while nothing is wrong. */
struct json *dataplane_run_error(struct dataplane_run *at);

/* --- read.c: the frame of reading handlers ------------------------------------------------------
 */

typedef struct json *dataplane_view(struct dataplane_run *at, struct error *err);
/* Opens a read, finds the run of that name and replies with what `make` says of it. */
void dataplane_answer_run(struct call *call, struct str name, dataplane_view *make);
/* The same for what belongs to the workspace: no run is looked for. */
void dataplane_answer(struct call *call, dataplane_view *make);
/* Gives the snapshot back and takes a fresh one: between slices of a long answer. Texts that were
 * read before are gone, but for those of the scope. */
int dataplane_breathe(struct dataplane_run *at, struct error *err);
/* The JSON object a request carries; {} for an empty body. NULL with *err set. */
struct json *dataplane_body(const struct call *call, struct error *err);

/* --- root.c: whose files ------------------------------------------------------------------------
 */

/* The root that artifact paths hang below: of a run, of a logged model, or of an upload. */
struct dataplane_root {
    struct scope scope;
    struct run run;               /* row 0: no run owns it */
    struct str container, prefix; /* of the content store; the prefix has no final slash */
    struct str origin, folder;    /* as clients call it: "ExperimentRun", "dcid.{run}" */
    struct str inner;             /* what paths below it begin with, although the prefix has it */
    bool fixed;                   /* for reading only */
};
/* From the path's run (history) or its origin and container (artifact service). Errors:
 * ERROR_NOT_FOUND, ERROR_INVALID. */
int dataplane_root(struct dataplane_run *at, struct dataplane_root *out, struct error *err);
/* Whether the caller may write below it. Errors: ERROR_FORBIDDEN, ERROR_INVALID. */
int dataplane_root_writable(const struct dataplane_run *at, const struct dataplane_root *root,
                            struct error *err);
/* The blob behind a path. Errors: ERROR_INVALID for paths that leave the root. */
int dataplane_root_name(struct arena *arena, const struct dataplane_root *root, struct str path,
                        struct str *out, struct error *err);
/* An address that opens one blob for an hour; `permissions` are letters of "racwdl". */
struct str dataplane_sign(const struct dataplane_run *at, struct str container, struct str blob,
                          const char *permissions);

/* A file in an answer. */
struct dataplane_file {
    struct str path, name;   /* as clients say it; the blob */
    const char *permissions; /* what its address opens it for */
};
/* artifact.c: one file's address, and what is known of it (`blob` NULL: not written yet). */
struct json *dataplane_address_view(const struct dataplane_run *at,
                                    const struct dataplane_root *root,
                                    const struct dataplane_file *file);
struct json *dataplane_artifact_view(const struct dataplane_run *at,
                                     const struct dataplane_root *root, struct str path,
                                     const struct blob *blob);

/* --- Handlers, by file -------------------------------------------------------------------------
 */

/* artifact.c: which file of a run is asked for, "" when none is named. */
struct str dataplane_path(const struct call *call);

/* history.c */
void dataplane_get_run(struct call *call);
void dataplane_wait_metrics(struct call *call);
void dataplane_list_services(struct call *call);
void dataplane_run_data(struct call *call);
void dataplane_batch_run_data(struct call *call);
/* query.c */
void dataplane_list_children(struct call *call);
void dataplane_list_runs(struct call *call);
void dataplane_query_runs(struct call *call);
void dataplane_runs_by_ids(struct call *call);
void dataplane_compute_runs(struct call *call);
/* details.c */
void dataplane_get_details(struct call *call);
/* change.c, modify.c */
void dataplane_patch_run(struct call *call);
void dataplane_batch_patch_runs(struct call *call);
void dataplane_add_run(struct call *call);
void dataplane_delete_tags(struct call *call);
void dataplane_modify_tags(struct call *call);
void dataplane_delete_run(struct call *call);
void dataplane_cancel_run(struct call *call);
void dataplane_post_events(struct call *call);
void dataplane_batch_events(struct call *call);
/* experiment.c */
void dataplane_get_experiment(struct call *call);
void dataplane_create_experiment(struct call *call);
void dataplane_patch_experiment(struct call *call);
void dataplane_delete_experiment(struct call *call);
void dataplane_query_experiments(struct call *call);
void dataplane_delete_experiment_tags(struct call *call);
/* metric.c */
void dataplane_list_metrics(struct call *call);
void dataplane_full_metric(struct call *call);
void dataplane_sample_metric(struct call *call);
void dataplane_post_metrics(struct call *call);
/* artifact.c, artifact_batch.c */
void dataplane_list_artifacts(struct call *call);
void dataplane_list_artifact_addresses(struct call *call);
void dataplane_artifact(struct call *call);
void dataplane_artifact_address(struct call *call);
void dataplane_artifact_location(struct call *call);
void dataplane_artifact_content(struct call *call);
void dataplane_create_artifacts(struct call *call);
void dataplane_register_artifact(struct call *call);
void dataplane_delete_artifact(struct call *call);
/* resolve.c */
void dataplane_resolve_data(struct call *call);
void dataplane_resolve_models(struct call *call);
/* assets.c */
void dataplane_list_data(struct call *call);
void dataplane_get_data(struct call *call);
void dataplane_list_data_versions(struct call *call);
void dataplane_get_data_version(struct call *call);
void dataplane_data_version_exists(struct call *call);
void dataplane_data_by_id(struct call *call);
void dataplane_get_model(struct call *call);
void dataplane_list_models(struct call *call);
void dataplane_query_models(struct call *call);
void dataplane_batch_models(struct call *call);
/* metadata.c */
void dataplane_metadata(struct call *call);
void dataplane_discovery(struct call *call);
/* route.c: what is known and not built; names itself by the row's action. */
void dataplane_not_built(struct call *call);
