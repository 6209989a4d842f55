/* kind.h - a resource kind is a row of hooks on generic CRUD
 *
 * arm/crud.c does all that is alike: ids, paging, etags, systemData, versions, archive, envelopes,
 * long-running operations. A kind fills in a struct arm_kind; NULL hooks are skipped. A new kind
 * costs one file pair in kinds/.
 */
#pragma once

#include "base/json.h"
#include "route/name.h"
#include "route/route.h"
#include "store/document.h"
#include "store/scope.h"

struct content;
struct vault;
struct identity;
struct tracking;
struct environments;
struct jobs;
struct endpoints;

/* What kinds may use. Filled by server/, outlives all requests. */
struct engines {
    struct store *store;
    struct content *content;
    struct vault *vault;
    struct identity *identity;
    struct tracking *tracking;
    struct environments *environments;
    struct jobs *jobs;
    struct endpoints *endpoints;
    struct str
        arm_endpoint; /* "https://localhost:10443", no final slash; set once ports are known */
    struct str scoring_endpoint; /* "https://localhost:10444" */
    struct str plain_endpoint;   /* "http://127.0.0.1:5000" */
    struct str domain;           /* "lazurite.test" */
    struct str storage_suffix;   /* "core.lazurite.test:10443"; set once ports are known */
    bool storage_by_host;        /* storage accounts are host names, not pieces of the path */
    int dir;                     /* the data folder */
    bool sandbox;                /* bubblewrap works: what diagnose says */
};

struct arm;
struct arm_kind;

/* One request. Everything allocated dies with `arena`. */
struct arm_request {
    struct arena *arena;
    struct engines *engines;
    const struct call *call;
    const struct arm_kind *kind;
    struct scope scope;     /* number 0 for kinds above a workspace */
    struct str id;          /* full ARM id, names as the client spelled them */
    struct str name;        /* last name; empty for lists */
    struct document parent; /* the container; doc 0 when the kind has none */
    struct json *body;      /* NULL when the request has none; prepare may change it */
    struct str actor;
    bool patch;             /* body came by PATCH and is merged already */
    void *prepared;         /* prepare's own result, for check and change */
    struct str parent_name; /* the container as the path spells it; empty: none */
    struct arm *arm;        /* for arm/ itself */
    struct store_txn *read; /* arm/'s own: the snapshot that found the scope, for handlers that only
                               read; NULL otherwise */
    struct str grand_name;  /* kinds two levels deep ("featuresets/versions/features"): the name of
                               the container's container */
};

/* An operation that takes time: the reply carries Azure-AsyncOperation or Location, and the kind
 * says when it is done. arm/operation.c keeps it as a document. */
struct arm_reply {
    int status;
    struct json *body;    /* NULL: none */
    struct str operation; /* id of an operation; empty: none */
    struct str etag;      /* empty: none */
};

struct arm_action {
    const char *name; /* last path segment of a POST, any case */
    int (*run)(struct arm_request *req, const struct document *document, struct arm_reply *out,
               struct error *err); /* on a worker; opens transactions itself */
    bool without_document; /* runs although the resource is not there yet; document is then NULL */
};

struct arm_kind {
    const char *type; /* "data", "data/versions", "featuresets/versions/features" */
    const char *wire; /* "Microsoft.MachineLearningServices/workspaces/data/versions" */
    const struct arm_kind *parent; /* container kind, or NULL */
    bool makes_parent;             /* PUT of a version makes its container */
    bool immutable;                /* versions: arm/version.c compares by decisions 6 */

    /* On a worker, nothing open: read and check the body, resolve references with a reader of its
     * own, seal secrets. Fills req->prepared and puts defaults into req->body. */
    int (*prepare)(struct arm_request *req, struct error *err);
    /* In the write, reads only: may refuse (404, 409, 412). `before` is NULL when it is new. */
    int (*check)(struct arm_request *req, struct store_txn *txn, const struct document *before,
                 struct error *err);
    /* In the write, after the document was stored: only engine errors. */
    int (*change)(struct arm_request *req, struct store_txn *txn, const struct document *after,
                  struct error *err);
    /* In the write, before the row goes: may refuse, before it changes anything; removes what hangs
     * on it. Members of a container that is deleted are asked after it and must not refuse. */
    int (*remove)(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  struct error *err);
    /* After the commit of a PUT or DELETE, on the worker: wake engines. */
    void (*after)(struct arm_request *req, const struct document *document, bool removed);
    /* In a read: puts live fields (status, provisioningState, latestVersion …) into the wire body.
     */
    int (*show)(struct arm_request *req, struct store_txn *txn, const struct document *document,
                struct json *wire, struct error *err);
    /* PUT and DELETE answer as long-running operations; NULL: they are done at once. `progress`
     * gives 0 in progress, 1 succeeded, -1 failed with *err. */
    int (*progress)(struct arm_request *req, struct store_txn *txn, const struct document *document,
                    struct error *err);

    const struct arm_action *actions;
    size_t action_count;
    int made_status; /* what a PUT that makes one answers, where clients take no 201; 0: 201 */

    enum name_rule names; /* which names may be made; the default is NAME_ASSET */
    /* In a read: a resource without a document of its own (a run that MLflow made, a pool that is
     * always there). Makes one up with doc 0. Asked when no document has the name.
     * Errors: ERROR_NOT_FOUND. */
    int (*find)(struct arm_request *req, struct store_txn *txn, struct document *out,
                struct error *err);
    /* In a read: replaces document_list. The documents it gives are shown in that order; their
     * (created_us, doc) is the position where the next page goes on. req->parent.doc is 0 when the
     * container is not there. */
    int (*list)(struct arm_request *req, struct store_txn *txn, const struct document_query *page,
                const struct document_sink *to, struct error *err);

    bool newest_only; /* `list` knows no other order */

    /* Kinds that are scopes themselves; 0: none. Their one document lies in the scope it names. */
    enum scope_kind is_scope;
    /* In the write, before the document of a new scope is stored: makes the scope's row and what it
     * is born with, and fills req->scope. */
    int (*make_scope)(struct arm_request *req, struct store_txn *txn, struct error *err);
    /* DELETE of a scope, on a worker; it is there. */
    int (*unmake_scope)(struct arm_request *req, struct arm_reply *out, struct error *err);

    bool has_identity; /* a member `identity`, beside `properties`; for kinds without a container */
};

/* What lies in registries as well as in workspaces: models, data, environments, components, code.
 * arm/ serves these kinds in either scope; hooks that differ look at req->scope.kind. In a registry
 * a version's id is "azureml://registries/{r}/{type}/{name}/versions/{v}", PUT and DELETE are
 * long-running operations, and the list of an unknown container is empty. */
bool arm_type_in_registry(struct str type);

/* The rows of all ARM routes over the kinds given (server passes the joined list). */
struct arm *arm_new(const struct arm_kind *const *kinds, size_t count, struct engines *engines);
void arm_free(struct arm **arm);
struct route_table arm_routes(struct arm *arm);
struct engines *arm_engines(struct arm *arm);

/* The ARM error envelope, for every row that speaks it. */
void arm_refuse(struct call *call, const struct error *err);
/* Replies JSON in ARM's manner. */
void arm_reply(struct call *call, int status, const struct json *body);

/* For kinds: copies what a transaction's arena holds, so that it outlives the transaction. */
struct document arm_keep(struct arena *arena, const struct document *document);

/* An operation over a document, for an action that ends later: its id goes into
 * arm_reply.operation. It is done when the kind's `progress` says so, at once without one. Opens a
 * write of its own. */
int arm_operation_start(struct arm_request *req, const struct document *document,
                        struct str *out_id, struct error *err);

/* --- Requests that the server makes on behalf of a call, request.c -------------------------------
 */

/* What is asked for. Names of nested types follow their types: type "datastores", name "d". */
struct arm_target {
    enum scope_kind scope_kind;
    struct str subscription, group, scope; /* names */
    struct str type;                       /* empty: the scope itself */
    struct str name, child, version;       /* as in {type}/{name}/{child}/{version} */
};

/* Opens it as a path would. Errors: as for a path. */
int arm_request_open(struct arm *arm, struct call *call, const struct arm_target *target,
                     struct arm_request *out, struct error *err);
/* PUT of a body, with all the checks of one that came by the wire. */
int arm_request_put(struct arm_request *req, const struct json *body, struct arm_reply *out,
                    struct error *err);
/* PATCH of what is there. */
int arm_request_patch(struct arm_request *req, const struct json *patch, struct arm_reply *out,
                      struct error *err);
/* What a GET would show. */
int arm_request_get(struct arm_request *req, struct arm_reply *out, struct error *err);
/* DELETE. */
int arm_request_delete(struct arm_request *req, struct arm_reply *out, struct error *err);

/* The registry `azureml`, which comes with the server: clients read it and do not write. */
bool arm_scope_is_builtin(const struct scope *scope);
/* The scope that a path names by {subscription}, {group} and {workspace} or {registry}, in memory
 * of the call's arena. Errors: ERROR_NOT_FOUND in the words that clients know. */
int arm_scope(struct call *call, struct store *store, struct scope *out, struct error *err);

/* --- Addresses in replies, address.c: built from the request's Host, since clients reach one
 * server under several names. */

/* "https://host:port" by which this client reaches us. */
struct str arm_base_url(const struct call *call);
/* "localhost:10443": the host of this request. */
struct str arm_host(const struct call *call);
/* What clients put before ".blob.{suffix}": "localhost:10443/lz…" by path (decisions 21), or "lz…"
 * where accounts are host names (storage.addresses). */
struct str arm_account_name(const struct call *call, const struct engines *engines,
                            const struct scope *scope);
/* What they put behind it: "core.{domain}", with the port where accounts are host names. */
struct str arm_storage_suffix(const struct call *call, const struct engines *engines);
/* "https://localhost:10443/lz….blob.core.{domain}/{container}". */
struct str arm_container_url(const struct call *call, const struct engines *engines,
                             const struct scope *scope, struct str container);

/* The minor release of an azure-ai-ml 1.x that asks, from its User-Agent; ARM_SDK_NONE, more than
 * any, for other clients: `< 33` reads "an SDK older than 1.33". Only for what releases contradict
 * each other in. */
#define ARM_SDK_NONE 1000000
int arm_sdk_minor(const struct call *call);
