/* lease.h - who may act, for how long; a fencing token for every effect
 *
 * A lease lasts 15 s and is renewed every 5. Taking one adds 1 to its token in the same statement;
 * every effect of the holder names the token and fails with ERROR_FENCED when it is no longer his.
 */
#pragma once

#include "store/store.h"

#define LEASE_US (15 * US_PER_S)
#define LEASE_RENEW_US (5 * US_PER_S)

/* Takes a free or expired lease. Errors: ERROR_CONFLICT while another holds it. */
int lease_take(struct store_txn *txn, struct str name, struct str holder, int64_t *out_token,
               struct error *err);
/* Errors: ERROR_FENCED. */
int lease_renew(struct store_txn *txn, struct str name, int64_t token, struct error *err);
int lease_check(struct store_txn *txn, struct str name, int64_t token, struct error *err);
int lease_release(struct store_txn *txn, struct str name, int64_t token, struct error *err);
