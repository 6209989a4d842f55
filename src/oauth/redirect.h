/* redirect.h - where the answer of a sign-in may go: a program on the person's own machine
 *
 * http://localhost:{port}, 127.0.0.1 or [::1], with or without a path; no user, query or fragment.
 */
#pragma once

#include "base/arena.h"

/* Whether a redirect_uri is one of those; *out_origin is its "http://host:port". */
bool redirect_is_loopback(struct str uri, struct str *out_origin);
