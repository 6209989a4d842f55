/* kinds.h - the resource kinds of this folder that have no header of their own */
#pragma once

#include "arm/kind.h"

#include <stdatomic.h>

extern const struct arm_kind workspace_kind, registry_kind;
extern const struct arm_kind datastore_kind;
extern const struct arm_kind code_kind, code_version_kind;
extern const struct arm_kind data_kind, data_version_kind;
extern const struct arm_kind environment_kind, environment_version_kind;
extern const struct arm_kind model_kind, model_version_kind;
extern const struct arm_kind compute_kind;
extern const struct arm_kind connection_kind;
extern const struct arm_kind schedule_kind;
extern const struct arm_kind outbound_rule_kind, outbound_dependency_kind;
extern const struct arm_kind private_endpoint_kind, private_link_kind, workspace_feature_kind;

/* The workspace every folder has: subscription …0001, group `default`, name `default`, with its two
 * datastores and the experiment Default. Made when missing; *out lives in `arena`. */
int workspace_make_default(struct engines *engines, struct arena *arena, struct scope *out,
                           struct error *err);

/* The registry `azureml`, from birth as well. */
int registry_make_builtin(struct engines *engines, struct arena *arena, struct scope *out,
                          struct error *err);
/* Removes what deleted workspaces and registries left behind when a server died. Long: for a thread
 * that may take its time; *stop ends it after a step. */
int workspace_purge_retired(struct engines *engines, atomic_bool *stop, struct error *err);

/* GET /datastore/v1.0{WS}/datastores/{name}: a datastore with its credentials in one answer. */
struct route_table datastore_routes(struct arm *arm);

/* Cores that one node of an AmlCompute size has, cut to those of this host. */
int compute_size_cores(struct str vm_size);

/* POST …/versions/{v}/startPendingUpload of every versioned kind: a fresh container and a signature
 * that opens it for a day. upload.c */
int upload_start(struct arm_request *req, const struct document *document, struct arm_reply *out,
                 struct error *err);
/* Inside the write that removes a version: the bytes behind `field` go too when they came by an
 * upload and no other version names them. Then, as the kind's `after`: does it. */
int upload_forget(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  const char *field, struct error *err);
void upload_sweep(struct arm_request *req, const struct document *document, bool removed);
/* A signature for one container of the request's workspace. Units: hours, at most 24. */
struct str upload_sign(struct arm_request *req, struct str container, const char *permissions,
                       int64_t hours);
/* The key of the workspace's storage account, of today; it counts until the end of tomorrow. */
struct str upload_account_key(struct arm_request *req);
/* A signature for one container that also does for a key, a day at most (vault/sas_token.h). */
struct str upload_token(struct arm_request *req, struct str container);
