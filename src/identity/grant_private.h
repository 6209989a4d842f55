/* grant_private.h - assignments and custom roles within a transaction */
#pragma once

#include "identity/grant.h"
#include "store/store.h"

/* grant_role.c: built-in or custom, by GUID. Errors: ERROR_NOT_FOUND. */
int grant_role_in(struct store_txn *txn, struct arena *arena, struct str id, struct role *out,
                  struct error *err);
