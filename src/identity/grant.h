/* grant.h - role assignments: who has which role at which scope, and below it
 *
 * A scope is an ARM id, "" the root above all subscriptions. What is compared is its path: lower
 * case, no final slash, by whole segments. Threads: any, not the IO thread.
 */
#pragma once

#include "identity/principal.h"
#include "identity/role.h"

struct grant {
    struct str id;         /* GUID, lower case: its name by ARM */
    struct str scope_path; /* lower case */
    struct str scope;      /* as it was spelled; "/" for the root */
    struct str role;       /* GUID, lower case */
    struct principal who;
    int64_t created_us;
    struct str created_by;
    bool fresh; /* after grant_put: it was not there before */
};

/* "/Subscriptions/S/" as "/subscriptions/s"; "/" and "" as "". */
struct str grant_path(struct arena *arena, struct str scope);
/* Whether `scope_path` stands above `path` or is the same, by whole segments. */
bool grant_above(struct str scope_path, struct str path);

/* Makes one; *out holds what stands there now. Errors: ERROR_EXISTS, its target
 * "RoleAssignmentExists" when the same right was given under another id or
 * "RoleAssignmentUpdateNotPermitted" when the id stands for another; ERROR_NOT_FOUND with target
 * "PrincipalNotFound" or "RoleDefinitionDoesNotExist"; ERROR_INVALID for a custom role that is not
 * assignable there. */
struct grant_wish {
    struct str id, scope, role, principal; /* role: a GUID; principal: an object id */
    struct str actor;
};
int grant_put(struct identity *identity, struct arena *arena, const struct grant_wish *wish,
              struct grant *out, struct error *err);
/* By id at exactly this scope. Errors: ERROR_NOT_FOUND. */
struct grant_key {
    struct str scope, id;
};
int grant_get(struct identity *identity, struct arena *arena, const struct grant_key *key,
              struct grant *out, struct error *err);
/* Removes one that grant_get gave. Without `force` the last Owner of the root stays:
 * ERROR_CONFLICT. */
int grant_delete(struct identity *identity, const struct grant *grant, struct str actor, bool force,
                 struct error *err);

/* Which ones a list shows; they are visited in order of scope and id. */
struct grant_query {
    struct str scope;  /* at and above it … */
    bool below;        /* … and beneath it */
    int64_t principal; /* 0: anybody's */
    bool with_groups;  /* those of its groups too */
};
typedef int grant_each(const struct grant *grant, void *context, struct error *err);
int grant_list(struct identity *identity, const struct grant_query *query, grant_each *each,
               void *context, struct error *err);

/* Inside a write that removes a scope: its assignments and those beneath it go too. */
struct store_txn;
int grant_forget_scope(struct store_txn *txn, struct str scope, struct error *err);
/* Whether there is an Owner of the root besides the folder's: what a listener that leaves this
 * machine needs. */
int grant_has_owner(struct identity *identity, bool *out, struct error *err);

/* --- Custom roles ------------------------------------------------------------------------------
 */

/* Built-in or custom, by GUID. Errors: ERROR_NOT_FOUND. */
int grant_role(struct identity *identity, struct arena *arena, struct str id, struct role *out,
               struct error *err);
/* Stores a custom role under a GUID, replacing the one there. Errors: ERROR_EXISTS when another has
 * its name, ERROR_INVALID for a built-in id. */
int grant_role_put(struct identity *identity, const struct role *role, struct str actor,
                   bool *out_created, struct error *err);
/* Errors: ERROR_NOT_FOUND, ERROR_CONFLICT while somebody has it, ERROR_INVALID for a built-in. */
int grant_role_delete(struct identity *identity, struct str id, struct error *err);
/* All custom roles by their GUID. */
typedef int grant_each_role(const struct role *role, void *context, struct error *err);
int grant_roles(struct identity *identity, grant_each_role *each, void *context, struct error *err);
