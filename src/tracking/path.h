/* path.h - which relative paths name an artifact
 *
 * One rule for every face that takes artifact paths, since the same bytes are reached through
 * MLflow, run history and the artifact service.
 */
#pragma once

#include "base/arena.h"

/* Relative, without empty, '.' or '..' pieces, '\', drives, control characters, nor escapes that
 * whoever decodes once more would take for one of these ("%2e"). "" is the root and fine.
 * Errors: ERROR_INVALID «Invalid path». */
int path_check(struct str path, struct error *err);
