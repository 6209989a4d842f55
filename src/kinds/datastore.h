/* datastore.h - between the files about datastores; nobody else includes it */
#pragma once

#include "arm/kind.h"

/* --- datastore_default.c: exactly one of a workspace's datastores is its default ----------------
 */

/* The built-in one, which is the default as long as nobody says otherwise. */
#define DATASTORE_BUILT_IN STR("workspaceblobstore")

/* The default one of a workspace. */
int datastore_default(struct store_txn *txn, int64_t scope, struct document *out,
                      struct error *err);
/* In a write: makes it the default, or gives that back to the built-in one when it was it. */
int datastore_set_default(struct store_txn *txn, const struct document *document, bool is_default,
                          struct error *err);

/* --- datastore.c -------------------------------------------------------------------------------
 */

/* The action listSecrets: the one way by which credentials leave the server. */
int datastore_list_secrets(struct arm_request *req, const struct document *document,
                           struct arm_reply *out, struct error *err);

/* --- datastore_list.c --------------------------------------------------------------------------
 */

/* The kind's `list`: names, searchText, isDefault, orderBy and orderByAsc of the query. */
int datastore_list(struct arm_request *req, struct store_txn *txn,
                   const struct document_query *page, const struct document_sink *to,
                   struct error *err);

/* --- datastore_credentials.c -------------------------------------------------------------------
 */

/* Checks properties.credentials, takes the secrets out of it and drops what is no part of the type.
 * *out_secrets is NULL when none came. */
int datastore_credentials(struct arm_request *req, struct json **out_secrets, struct error *err);
/* The member of `secrets` that a type of credentials needs; NULL: it needs none. */
const char *datastore_secret_name(struct str credentials_type);
