/* account_key.h - the key of a storage account, for clients that sign for themselves
 *
 * Derived for each account and day and honoured until the end of the next day (decisions 21): a key
 * that was handed out opens one workspace's account, and dies by itself.
 */
#pragma once

#include "base/arena.h"

struct vault;

/* The key of the day of `now_us`, in base64. */
struct str account_key(struct vault *vault, struct arena *arena, struct str account,
                       int64_t now_us);

/* A text that was signed with an account's key. */
struct account_signature {
    struct str account;
    struct str text;
    struct str signature; /* base64 of its HMAC-SHA256 */
    int64_t now_us;
};
/* Whether a key that still counts, today's or yesterday's, made the signature. */
bool account_key_signed(struct vault *vault, struct arena *arena,
                        const struct account_signature *ask);

/* A key that somebody who may do something here lends to others: derived from what it says, so
 * nothing is stored for it. Texts as the request for it and the signatures spell them. */
struct account_delegation {
    struct str object_id, tenant, start, end, service, version;
};
struct str account_delegation_text(struct arena *arena, const struct account_delegation *about);
/* The key in base64; `text` is that of account_delegation_text. */
struct str account_delegation_key(struct vault *vault, struct arena *arena, struct str account,
                                  struct str text);
/* Whether it made the signature; ask->now_us is not looked at. */
bool account_delegation_signed(struct vault *vault, struct arena *arena,
                               const struct account_signature *ask, struct str text);
