/* assigned.h - managed identities that Azure calls system-assigned
 *
 * A principal that a resource has by itself: named by the resource's id, made in the write that
 * makes the resource, gone with its roles in the write that removes it. Nobody signs in as one.
 * All but the last run within a transaction, those that change on the writer thread.
 */
#pragma once

#include "identity/principal.h"
#include "store/store.h"

/* GUIDs are drawn before the write, which may run twice; they count when there is none yet. */
struct assigned_wish {
    struct str id;      /* of the resource, in any case */
    struct str display; /* as Azure shows it: "ws", "ws/onlineEndpoints/ep" */
    struct str object_id, client_id;
    struct str actor;
};
/* Made, or found as it is. */
int assigned_ensure(struct store_txn *txn, const struct assigned_wish *wish, struct error *err);
/* Texts: the transaction's. Errors: ERROR_NOT_FOUND. */
int assigned_find(struct store_txn *txn, struct str id, struct principal *out, struct error *err);
/* Removes that of the resource with its roles, and with `below` those of all that lies below its
 * id; none is fine. */
int assigned_drop(struct store_txn *txn, struct str id, bool below, struct str actor,
                  struct error *err);
/* After the commit: nothing that was remembered of anybody counts any more. */
void assigned_changed(struct identity *identity);
