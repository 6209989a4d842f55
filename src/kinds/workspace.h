/* workspace.h - between the files workspace*.c, registry*.c and template*.c */
#pragma once

#include "kinds/kinds.h"

/* Texts of every workspace's own fields. */
#define WORKSPACE_LOCATION "local"
#define WORKSPACE_SUBSCRIPTION "00000000-0000-0000-0000-000000000001"

/* --- workspace_make.c ------------------------------------------------------------------------ */

/* What a new scope needs and a write may not draw by itself, for it may run twice. */
struct scope_seed {
    struct str guid;
    struct str data_key;
};
/* Owns: strs live in `arena`. */
int workspace_seed(struct engines *engines, struct arena *arena, struct scope_seed *out,
                   struct error *err);
/* A scope that every folder has: found by its name, or made. */
struct scope_making {
    struct arena *arena;
    struct str type, body;           /* of its document */
    struct scope fresh;              /* its kind and name; the rest is filled in */
    struct str object_id, client_id; /* of its identity */
    struct scope made;               /* what is there now; lives in `arena` */
};
int workspace_make_builtin(struct engines *engines, struct scope_making *making, struct error *err);
/* make_scope of the two kinds: the row, and for a workspace its datastores and its experiment. */
int workspace_make_scope(struct arm_request *req, struct store_txn *txn, struct error *err);

/* --- workspace_delete.c ---------------------------------------------------------------------- */

/* unmake_scope of the two kinds: 202 with a Location that answers 204 once nothing is left. */
int workspace_unmake(struct arm_request *req, struct arm_reply *out, struct error *err);

/* Goes on with what a DELETE left, for a few seconds; *out_left: some is left still. Of an unknown
 * GUID there is nothing left. */
int workspace_purge_on(struct engines *engines, struct arena *arena, struct str guid,
                       bool *out_left, struct error *err);

/* --- workspace_hub.c ------------------------------------------------------------------------- */

/* Checks properties.hubResourceId of a project. Errors: ERROR_INVALID. */
int workspace_hub_check(struct arm_request *req, struct error *err);
/* Into a hub's wire: which projects it has. */
int workspace_hub_show(struct arm_request *req, struct store_txn *txn, struct json *properties,
                       struct error *err);
/* Errors: ERROR_CONFLICT while a hub has projects. */
int workspace_hub_free(struct arm_request *req, struct store_txn *txn, struct error *err);

/* --- workspace_diagnose.c -------------------------------------------------------------------- */

/* POST …/diagnose: looks at what jobs and uploads need. */
int workspace_diagnose(struct arm_request *req, const struct document *document,
                       struct arm_reply *out, struct error *err);
