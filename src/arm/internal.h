/* internal.h - between the files of arm/; nobody else includes it */
#pragma once

#include "arm/kind.h"

struct arm {
    struct arena *arena;
    const struct arm_kind **kinds;
    size_t kind_count;
    struct engines *engines;
};

#define ARM_PROVIDER "Microsoft.MachineLearningServices"
#define ARM_BODY_BYTES (4 * MIB)

/* --- request.c ------------------------------------------------------------------------------- */

/* Fills kind, names and id of a request whose scope is known. Errors: ERROR_NOT_FOUND,
 * ERROR_NOT_IMPLEMENTED for types that are not built yet. */
struct arm_words {
    struct str type, name, child, version, grandchild, item;
};
int arm_open_kind(struct arm_request *req, const struct arm_words *words, struct error *err);

/* --- id.c ------------------------------------------------------------------------------------ */

/* The kind of a type path in any case, or NULL. */
const struct arm_kind *arm_kind_of(const struct arm *arm, struct str type);
/* Whether another kind has its versions or members in this one. */
const struct arm_kind *arm_kind_child(const struct arm *arm, const struct arm_kind *kind);
/* "/subscriptions/…/data/iris/versions/1", or "azureml://registries/…" for a registry's version.
 * The names are those of the request. */
struct str arm_id(const struct arm_request *req, struct str parent_name, struct str name);
/* --- scope.c --------------------------------------------------------------------------------- */

/* The scope's words in a path of the route table. */
struct arm_target arm_target_of(const struct call *call);
/* Errors: ERROR_NOT_FOUND. The texts live in `arena`. */
int arm_scope_find(struct arena *arena, struct store_txn *txn, const struct arm_target *target,
                   struct scope *out, struct error *err);
/* Refuses writes into the registry `azureml`. Errors: ERROR_CONFLICT. */
int arm_scope_writable(const struct arm_request *req, struct error *err);
/* Whether a scope may be called so. Errors: ERROR_INVALID. */
int arm_scope_name_check(struct str name, struct error *err);
/* GET …/workspaces and …/registries of a subscription or a group. */
int arm_list_scopes(struct arm_request *req, struct arm_reply *out, struct error *err);

/* A type that Azure has and we do not yet. */
bool arm_type_unbuilt(struct str type);
/* A copy whose texts live in `arena`. */
struct scope arm_keep_scope(struct arena *arena, const struct scope *scope);

/* --- etag.c ---------------------------------------------------------------------------------- */

/* "\\"2a-7\\"": document and revision. */
struct str arm_etag(struct arena *arena, const struct document *document);
/* If-Match and If-None-Match against what is there; NULL: nothing. Errors: ERROR_PRECONDITION. */
int arm_etag_check(struct arm_request *req, const struct document *present, struct error *err);
/* Whether a list of etags ("a, W/\\"b\\", *") holds this one. */
bool arm_etag_among(struct str list, struct str etag);

/* --- page.c ---------------------------------------------------------------------------------- */

#define ARM_PAGE_DEFAULT 100
#define ARM_PAGE_MAX 1000

/* What $skip, $top (or count), $orderBy and listViewType ask for. Errors: ERROR_INVALID. */
int arm_page_read(const struct call *call, struct document_query *query, struct error *err);
/* $orderBy alone. Errors: ERROR_NOT_IMPLEMENTED for an order by something else. */
int arm_page_order(const struct call *call, enum document_order *out, struct error *err);
/* For lists that have one order. Errors: ERROR_NOT_IMPLEMENTED. */
int arm_page_newest(enum document_order order, struct error *err);
/* The token after which the next page goes on. */
struct str arm_page_token(struct arena *arena, const struct document *last,
                          enum document_order order);
bool arm_page_token_read(struct str token, int64_t *out_us, int64_t *out_doc);
/* The query with its $skip replaced, ready to be put behind "?". */
struct str arm_page_query(struct arena *arena, struct str query, struct str token);

/* --- version.c ------------------------------------------------------------------------------- */

enum arm_change {
    ARM_CHANGE_NONE, /* the same again */
    ARM_CHANGE_SOFT, /* only description, tags, properties, isArchived, stage, flavors */
    ARM_CHANGE_PATH, /* another dataUri, modelUri or codeUri */
    ARM_CHANGE_HARD, /* anything else */
};
/* How a version's body differs (decisions 6); for HARD *out_diff names the fields and both values.
 * `home` is the scope of both, in which short addresses are meant; NULL: only equal ones are. */
enum arm_change arm_version_compare(struct arena *arena, const struct scope *home,
                                    const struct json *before, const struct json *after,
                                    struct str *out_diff);
/* Refuses PATH and HARD in the words the clients know. */
int arm_version_check(struct arm_request *req, const struct document *before, enum arm_change *out,
                      struct error *err);

/* --- identity.c: resources that have an identity; nothing for all others ---------------------- */

/* GUIDs of a principal that the write may have to make. */
struct arm_identity {
    struct str object_id, client_id;
};
/* Checks the body's `identity` and drops what the server says. Errors: ERROR_INVALID. */
int arm_identity_prepare(struct arm_request *req, struct arm_identity *out, struct error *err);
/* In the write: what the body leaves out, from the document so far (NULL: it is new). */
void arm_identity_merge(struct arm_request *req, const struct document *before);
/* In the write: the principal is there when the type says so, else it is gone. */
int arm_identity_change(struct arm_request *req, struct store_txn *txn,
                        const struct arm_identity *fresh, struct error *err);
/* In the write that removes a document. */
int arm_identity_remove(struct arm_request *req, struct store_txn *txn, struct str name,
                        struct error *err);
/* After the commit. */
void arm_identity_changed(const struct arm_request *req);
/* principalId and tenantId into what clients read. */
int arm_identity_show(struct arm_request *req, struct store_txn *txn, struct json *wire,
                      struct error *err);

/* --- operation.c ----------------------------------------------------------------------------- */

/* Inside a write; document NULL: finished already. */
int arm_operation_insert(struct store_txn *txn, struct arm_request *req,
                         const struct document *document, struct str *out_id, struct error *err);
/* GET …/operations/{id} and …/operationResults/{id}. */
int arm_operation_get(struct arm_request *req, struct arm_reply *out, struct error *err);
/* The headers by which a client follows an operation. */
void arm_operation_headers(struct arm_request *req, int status, struct str id);

/* --- wire.c ---------------------------------------------------------------------------------- */

/* Finds req->parent for kinds that have one. Errors: ERROR_NOT_FOUND. */
int arm_find_parent(struct arm_request *req, struct store_txn *txn, struct error *err);
/* Finds the document that the path names. Errors: ERROR_NOT_FOUND. */
int arm_find(struct arm_request *req, struct store_txn *txn, struct document *out,
             struct error *err);
/* The wire body of a document; NULL with *err set. */
struct json *arm_wire(struct arm_request *req, struct store_txn *txn,
                      const struct document *document, struct error *err);

/* --- crud.c, delete.c, list.c, action.c: one request each
 * ---------------------------------------------- */

int arm_get(struct arm_request *req, struct arm_reply *out, struct error *err);
int arm_put(struct arm_request *req, struct arm_reply *out, struct error *err);
/* The same with a body that was read already; patch: it is merged into what is stored. */
int arm_put_body(struct arm_request *req, const struct json *body, bool patch,
                 struct arm_reply *out, struct error *err);
/* Appends "{type}.{what}" for the event stream. */
int arm_append_event(struct arm_request *req, struct store_txn *txn, const char *what,
                     struct str name, struct error *err);
/* Whether PUT and DELETE answer as long-running operations. */
bool arm_takes_time(const struct arm_request *req);
int arm_delete(struct arm_request *req, struct arm_reply *out, struct error *err);
int arm_list(struct arm_request *req, struct arm_reply *out, struct error *err);
/* nextLink, with the position after `last`. */
void arm_link_next(struct arm_request *req, struct json *page, const struct document *last);
int arm_act(struct arm_request *req, struct arm_reply *out, struct error *err);
/* The systemData of a document that is about to be stored; before NULL: it is new. */
struct str arm_system_data(struct arm_request *req, const struct document *before);
/* systemData as shown, made up from the row when no request wrote it. */
struct json *arm_system_of(struct arena *arena, const struct document *document);

/* --- reply.c --------------------------------------------------------------------------------- */

/* The status of an error code. */
int arm_status(enum error_code code);
/* {"error":{…}}, or its inner object. */
struct json *arm_error_body(struct arena *arena, const struct error *err);
struct json *arm_error_object(struct arena *arena, const struct error *err);
