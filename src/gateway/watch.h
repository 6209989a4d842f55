/* watch.h - which replicas answer; the dead ones are started again
 *
 * A replica is asked GET /health over its socket. One whose runner is gone is started from the spec
 * in its run folder, which needs nothing from `serve`. Only replicas that serve has seen ready get
 * here.
 */
#pragma once

#include "gateway/proxy.h"

/* Looks after queue and replicas until stop_fd is set. Runs on a thread of its own. */
void watch_run(struct gateway *gateway);

/* One look at the replicas that are due. */
void watch_once(struct gateway *gateway, int64_t now_us);

/* Asks the runners of all replicas to end. */
void watch_stop_replicas(struct gateway *gateway);
