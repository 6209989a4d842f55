/* delivery.h - events and log bytes on their way to the server, on a thread of its own
 *
 * The files of the run folder are the truth; this only follows them. The first bytes go at once,
 * more within 100 ms. While the server is away it keeps trying. Log bytes are all there before the
 * event `finished` is sent, since the server seals the logs then.
 */
#pragma once

#include "runner/attempt.h"

/* Starts the thread. NULL when the spec names no server or token. Owns: the caller. */
struct delivery *delivery_start(struct attempt *attempt);

/* Waits until `finished` was taken, or nobody will ever take it; frees. */
void delivery_finish(struct delivery **delivery);
