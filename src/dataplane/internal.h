/* internal.h - between the files of dataplane/ */
#pragma once

#include "dataplane/dataplane.h"
#include "tracking/tracking.h"

/* A request about a run of the workspace in the path. Texts live as long as `txn`. */
struct plane_run {
    struct call *call;
    struct engines *engines;
    struct store_txn *txn;
    struct scope scope;
    struct run run;
    struct json *properties; /* of the job's document; NULL for runs that MLflow made */
    struct json *resolved;   /* what its references became; NULL without a document */
};

/* The workspace of the path. Errors: ERROR_NOT_FOUND. */
int plane_scope(const struct call *call, struct store_txn *txn, struct scope *out,
                struct error *err);
/* Fills everything but call, engines and txn. Errors: ERROR_NOT_FOUND. */
int plane_find_run(struct plane_run *at, struct str name, struct error *err);
/* The run as run history tells it; NULL with *err set. In the call's arena. */
struct json *plane_run_view(struct plane_run *at, struct error *err);

/* history.c, details.c, change.c, resolve.c: handlers */
void plane_get_run(struct call *call);
void plane_list_children(struct call *call);
void plane_list_services(struct call *call);
void plane_run_data(struct call *call);
void plane_get_details(struct call *call);
void plane_patch_run(struct call *call);
void plane_resolve_data(struct call *call);
void plane_resolve_models(struct call *call);
void plane_metadata(struct call *call);
void plane_discovery(struct call *call);
