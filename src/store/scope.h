/* scope.h - workspaces and registries: the first argument of every look-up
 *
 * A scope is a row with a number and a GUID. Whatever a client sent is searched within one.
 */
#pragma once

#include "store/store.h"

/* A retired scope is one whose rows are being removed: nothing a client says finds it. */
enum scope_kind { SCOPE_WORKSPACE = 1, SCOPE_REGISTRY = 2, SCOPE_RETIRED = 3 };

struct scope {
    int64_t number;
    enum scope_kind kind;
    struct str subscription;
    struct str group; /* as first spelled */
    struct str name;  /* as first spelled */
    struct str guid;
    struct str data_key; /* wrapped; the vault's */
    int64_t created_us;
};

/* What clients call a workspace by. Without subscription and group it is a registry, whose name
 * stands alone. */
struct scope_name {
    struct str subscription, group, name;
};
/* Finds a scope by its name, in any case. Errors: ERROR_NOT_FOUND. */
int scope_find(struct store_txn *txn, const struct scope_name *name, struct scope *out,
               struct error *err);
int scope_by_number(struct store_txn *txn, int64_t number, struct scope *out, struct error *err);
int scope_by_guid(struct store_txn *txn, struct str guid, struct scope *out, struct error *err);
/* The workspace whose GUID begins with `head`, up to a hyphen ("0123abcd-0000"), in lower case:
 * what is left of it in the name of an account. Errors: ERROR_NOT_FOUND. */
int scope_by_guid_head(struct store_txn *txn, struct str head, struct scope *out,
                       struct error *err);

/* Takes the name away from a scope, so that a new one may bear it; the rows that hang on its number
 * are removed by whoever knows them, and scope_remove ends it. */
int scope_retire(struct store_txn *txn, int64_t number, struct error *err);
int scope_remove(struct store_txn *txn, int64_t number, struct error *err);

/* Inserts; number is given. Errors: ERROR_EXISTS. */
int scope_insert(struct store_txn *txn, struct scope *scope, struct error *err);

/* Walks all in order of their numbers; -1 from `each` ends the walk. */
int scope_each(struct store_txn *txn, int (*each)(const struct scope *, void *), void *context,
               struct error *err);

/* "/subscriptions/…/workspaces/{name}" in the spelling of first creation. */
struct str scope_arm_id(struct arena *arena, const struct scope *scope);
