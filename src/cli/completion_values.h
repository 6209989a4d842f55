/* completion_values.h - what the server knows that may stand where a shell asks for completion
 *
 * One request, of at most a tenth of a second, and a cache of some seconds; on any failure nothing.
 */
#pragma once

#include "base/buf.h"
#include "cli/command.h"

/* Adds a line for each value that the flag may have, given the words typed before it. */
void completion_values(struct arena *arena, const struct cli_flag *flag, char *const *words,
                       size_t count, struct buf *out);
