/* admin.h - the server's own rows: /healthz, connect, status, stop */
#pragma once

#include "server/state.h"

/* The rows; the server outlives their last request. */
struct route_table admin_routes(struct server *server);
