/* principal_private.h - rows of principals within a transaction; only src/identity includes this */
#pragma once

#include "identity/principal.h"
#include "store/store.h"

/* By name, object id or client id, in any case. Errors: ERROR_NOT_FOUND. Texts: the
 * transaction's. */
int principal_by_key(struct store_txn *txn, struct str key, struct principal *out,
                     struct error *err);
int principal_by_number(struct store_txn *txn, int64_t number, struct principal *out,
                        struct error *err);
/* A copy whose texts live in `arena`. */
struct principal principal_keep(struct arena *arena, const struct principal *principal);

/* As systemData names it. Owns: `arena`. */
struct maker principal_maker(struct arena *arena, const struct principal *principal);

/* Writes a row that was thought out before; its number is filled in. Errors: ERROR_CONFLICT when
 * the name is taken. */
int principal_insert(struct store_txn *txn, struct principal *made, struct str actor,
                     struct error *err);
/* Removes a row with its credentials, memberships and role assignments. */
int principal_remove(struct store_txn *txn, const struct principal *who, struct str actor,
                     struct error *err);

/* store_write, after which nothing that was remembered of anybody counts any more. */
int principal_write(struct identity *identity, store_apply *apply, void *context,
                    struct error *err);
/* Says in the same transaction what happened to whom, and who did it. */
int principal_event(struct store_txn *txn, const char *type, const struct principal *who,
                    struct str actor, struct error *err);
/* 8-4-4-4-12 hexadecimal digits, in any case. */
bool principal_is_guid(struct str text);
/* credential.c: under what a random secret is kept. */
struct str credential_hash(struct arena *arena, struct str secret);
/* grant.c: whether it is Owner of the root and no other user is. */
int grant_is_last_owner(struct store_txn *txn, int64_t principal, bool *out, struct error *err);
