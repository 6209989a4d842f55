/* role.h - actions and who may do them: Azure's strings, compared without case (security.md 5)
 *
 * A role is a list of permissions; each has patterns that allow and patterns that take away again,
 * within that permission only. Data actions are kept and shown; every row of this server is guarded
 * by an action, so they open nothing here.
 */
#pragma once

#include "base/json.h"

/* Whether a role's pattern covers an action. A star is any run of characters, slashes included; a
 * star between two slashes may also be nothing, both slashes then being one, so that the pattern
 * with a star for the kinds below a workspace covers the workspace itself. */
bool role_matches(struct str pattern, struct str action);

struct role_patterns {
    const struct str *list;
    size_t count;
};
struct role_permission {
    struct role_patterns actions, not_actions, data_actions, not_data_actions;
};
struct role {
    struct str id; /* GUID, lower case */
    struct str name, description;
    bool built_in;
    const struct role_permission *permissions;
    size_t permission_count;
    struct role_patterns assignable; /* scopes as they were spelled; "/" for built-in ones */
};

/* Whether one of its permissions allows the action. */
bool role_allows(const struct role *role, struct str action);
/* Whether everything that `given` allows is allowed by one of these roles too. False in doubt. */
bool role_covers(const struct role *const *held, size_t count, const struct role *given);

/* The built-in roles with Azure's ids, in no order. */
const struct role *role_built_in(size_t *out_count);
/* By GUID or by name, in any case; NULL when it is none of them. */
const struct role *role_find(struct str id_or_name);
#define ROLE_OWNER "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

/* Reads a custom role's `properties`: roleName, description, permissions, assignableScopes. Texts
 * stay those of the JSON, lists live in the arena. Errors: ERROR_INVALID naming the field. */
int role_read(struct arena *arena, const struct json *properties, struct role *out,
              struct error *err);
/* `properties` as the wire has them. */
struct json *role_show(struct arena *arena, const struct role *role);

/* The built-in role AzureML Data Scientist. */
bool role_data_scientist_may(struct str action);

/* The action of an ARM request: the type path after the last /providers/ and the verb, as
 * "Microsoft.MachineLearningServices/workspaces/jobs/write"; for POST the last piece names the
 * action. Empty when the path is no ARM path. */
struct str role_action_of(struct arena *arena, struct str method, struct str path);
