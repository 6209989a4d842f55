/* surface.h - what this server answers to, as JSON: every row of the joined table and every kind
 *
 * api/openapi.json is made of it, and a test holds the two together.
 */
#pragma once

#include "server/state.h"

/* {"rows": [{method, path, permit, action, listeners, bodyLimit}], "kinds": [{type, wire, parent,
 * actions}]}, in the arena. The row GET /lazurite/v1/routes answers it. */
struct json *surface_json(struct arena *arena, const struct server *server);
