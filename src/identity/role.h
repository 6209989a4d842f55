/* role.h - actions and who may do them: Azure's strings, compared without case (security.md 5) */
#pragma once

#include "base/arena.h"

/* Whether a role's pattern covers an action. A star is any run of characters, slashes included; a
 * star between two slashes may also be nothing, both slashes then being one, so that the pattern
 * with a star for the kinds below a workspace covers the workspace itself. */
bool role_matches(struct str pattern, struct str action);

/* The built-in role AzureML Data Scientist. */
bool role_data_scientist_may(struct str action);

/* The action of an ARM request: the type path after /providers/ and the verb, as
 * "Microsoft.MachineLearningServices/workspaces/jobs/write"; for POST the last piece names the
 * action. Empty when the path is no ARM path. */
struct str role_action_of(struct arena *arena, struct str method, struct str path);
