/* asset.h - how a job or endpoint finds its code, data, models and environments
 *
 * A reference (route/reference.h) is resolved within a workspace to a document, and a URI to the
 * place where its bytes lie: container and prefix of the content store.
 */
#pragma once

#include "base/json.h"
#include "route/reference.h"
#include "store/document.h"
#include "store/maker.h"
#include "store/scope.h"

struct asset {
    struct document version; /* the version's row */
    struct str type;         /* "data", "models", "environments", "codes" */
    struct str name, version_name;
    struct str id; /* full ARM id, or azureml://registries/… */
    bool curated;  /* of the built-in registry: version.body is made up from what we ship */
};

/* What is looked for. */
struct asset_query {
    const struct scope *scope;
    struct str type; /* used when the reference has none */
    struct str text; /* as the client wrote it */
};

/* Finds the version that a reference names; labels are frozen to a version. Errors: ERROR_NOT_FOUND
 * saying what there is instead ("environment 'e' has no version 4 (latest is 3)"). */
int asset_resolve(struct store_txn *txn, const struct asset_query *query, struct asset *out,
                  struct error *err);

/* Where bytes lie. */
struct asset_place {
    struct str container;
    struct str prefix; /* blob name of a file, or prefix of a folder without final slash */
    bool single;       /* exactly this blob */
    struct str root;   /* what stands before the prefix in its URI; "" in the workspace's own two */
};

/* Turns a URI (azureml://datastores/…, azureml://jobs/…, runs:/…, models:/…, an https URL of our
 * own blob surface, or an asset id) into a place. Errors: ERROR_NOT_FOUND for what does not exist,
 * ERROR_NOT_IMPLEMENTED for stores that we cannot read yet, naming them. */
int asset_place(struct store_txn *txn, const struct scope *scope, struct str uri,
                struct asset_place *out, struct error *err);

/* The URI of a place by its datastore, in the long form that the SDK can download:
 * "azureml://subscriptions/…/workspaces/…/datastores/…/paths/…". */
struct str asset_uri(struct arena *arena, const struct scope *scope,
                     const struct asset_place *place);

/* As asset_place for what is going to be written: nothing needs to be there yet. Only datastore
 * URIs and our own https URLs can be targets. */
int asset_target(struct store_txn *txn, const struct scope *scope, struct str uri,
                 struct asset_place *out, struct error *err);

/* The containers made for every workspace: artifacts "azureml-{guid}" and data
 * "azureml-blobstore-{guid}"; and the prefix of a run's own files, "ExperimentRun/dcid.{run}". */
struct str asset_artifact_container(struct arena *arena, const struct scope *scope);
struct str asset_blob_container(struct arena *arena, const struct scope *scope);
struct str asset_run_prefix(struct arena *arena, struct str run);

/* The storage account of a workspace, "lz" and 20 characters of its GUID (decisions 21), and a
 * fresh container for an upload: "azureml-{guid}-{16 hex}". Every container of ours tells its
 * workspace. */
struct str asset_account(struct arena *arena, const struct scope *scope);
struct str asset_upload_container(struct arena *arena, const struct scope *scope);
/* The GUID in the name of a container of ours; false for other names. */
bool asset_container_guid(struct str container, struct str *out_guid);

/* Whether a name can be an account's, and the workspace of an account. Errors: ERROR_NOT_FOUND. */
bool asset_is_account(struct str account);
int asset_account_scope(struct store_txn *txn, struct str account, struct scope *out,
                        struct error *err);
/* The documents of containers that clients made: type of the row, its name is the container's. */
#define ASSET_CONTAINERS "storage/containers"
/* Under what name the content store keeps a container of an account: ours as they are, those that
 * clients made as "{account}/{container}", since their names repeat. */
struct str asset_container_key(struct arena *arena, const struct scope *scope,
                               struct str container);

/* "azureml://subscriptions/…/datastores/{name}/paths/". */
struct str asset_datastore_root(struct arena *arena, const struct scope *scope, struct str name);

/* One lineage edge; doing it again does nothing. */
struct asset_edge {
    int64_t scope;
    struct str from_kind, from_id, role, to_kind, to_id;
};
int asset_link(struct store_txn *txn, const struct asset_edge *edge, struct error *err);

/* Makes a new version of an asset on behalf of a job (a named output, a registration): container
 * and document as a client's PUT would. version "" takes the next number. */
struct asset_new {
    const struct scope *scope;
    struct str type, name, version;
    struct json *properties;
    struct str actor;
    struct maker maker; /* for systemData; without a name: a person called `actor` */
};
int asset_register(struct store_txn *txn, const struct asset_new *new_version, struct asset *out,
                   struct error *err);

/* Specifications of the built-in registry `azureml` (python/environments/): {"name", "version",
 * "properties"}, NULL when unknown. */
struct json *asset_curated_environment(struct arena *arena, struct str name);
/* The names of all of them, an array of texts. */
struct json *asset_curated_names(struct arena *arena);
