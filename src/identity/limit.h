/* limit.h - how often a name may fail to prove itself
 *
 * So many failures a minute per name and address (security.md 4.1); then even the right secret is
 * refused until the minute is over. Names that do not exist count like those that do, so that the
 * answer tells nothing. Threads: any.
 */
#pragma once

#include "base/arena.h"

struct limit;

/* `failures` of one name at one address in a minute are the last that are heard. Owns: the caller.
 */
struct limit *limit_new(unsigned failures);
/* For CLEANUP. */
void limit_free(struct limit **limit);

/* Whether this name, asked from this address ("" when unknown), must wait. Any case. */
bool limit_reached(struct limit *limit, struct str name, struct str address);
/* Counts one failure. */
void limit_failed(struct limit *limit, struct str name, struct str address);
