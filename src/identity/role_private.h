/* role_private.h - between the files of roles */
#pragma once

#include "identity/role.h"

#define ROLE_PATTERN_MAX 160 /* bytes */
#define ROLE_ACTION_MAX 512  /* bytes */

/* Whether some action is covered by both patterns. True in doubt. */
bool role_patterns_meet(struct str a, struct str b);
