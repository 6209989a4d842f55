/* throttle.h - ten failures a minute of one client at one address, then 429 (security.md 4.1)
 *
 * In memory and of a fixed size. An address that tries many clients is held back as well, so that
 * pushing out the count of one costs more tries than it gives.
 */
#pragma once

#include "base/arena.h"

struct throttle;

/* Owns: the caller. */
struct throttle *throttle_new(void);
/* For CLEANUP. */
void throttle_free(struct throttle **throttle);

/* Whether this client, or this address, has failed too often. Errors: ERROR_TOO_MANY. Threads: any.
 */
int throttle_ask(struct throttle *throttle, struct str client, struct str address,
                 struct error *err);
/* Counts a failure. */
void throttle_fail(struct throttle *throttle, struct str client, struct str address);
