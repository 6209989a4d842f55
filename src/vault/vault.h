/* vault.h - secrets, sealed at rest (security.md 6)
 *
 * The master key is a 0400 file in keys/; each scope has a data key wrapped by it; each secret is
 * sealed with XChaCha20-Poly1305 bound to (table, owner, slot, scope, key version).
 */
#pragma once

#include "store/scope.h"

struct vault;

/* Reads or makes keys/master.key beneath the data folder. Owns: the caller. */
struct vault *vault_open(int dir, struct error *err);
void vault_close(struct vault **vault);

/* A fresh wrapped data key, for scope_insert. */
int vault_new_data_key(struct vault *vault, struct arena *arena, struct str *out,
                       struct error *err);

struct vault_slot {
    const struct scope *scope;
    struct str owner_kind; /* "datastores", "onlineEndpoints", … */
    int64_t owner;         /* doc */
    struct str slot;       /* "primary", "credentials" … */
};
/* In a write: seals a secret and keeps it, in place of what the slot held. Sealing needs the
 * owner's doc, so for a new document it is done in `change`. Errors: ERROR_TOO_LARGE; ERROR_CORRUPT
 * when the scope's data key does not open. */
int vault_put(struct vault *vault, struct store_txn *txn, const struct vault_slot *slot,
              struct str secret, struct error *err);
/* In the transaction's arena. Errors: ERROR_NOT_FOUND; ERROR_CORRUPT when it does not open. */
int vault_open_secret(struct vault *vault, struct store_txn *txn, const struct vault_slot *slot,
                      struct str *out, struct error *err);
/* An empty slot means all of the owner's. */
int vault_forget(struct store_txn *txn, const struct vault_slot *slot, struct error *err);

/* HMAC-SHA256 under a key derived from the master key for a purpose: for signatures (SAS) and daily
 * account keys. `out` gets 32 bytes. */
void vault_derive(struct vault *vault, struct str purpose, struct str text, unsigned char out[32]);
