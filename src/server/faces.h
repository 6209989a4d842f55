/* faces.h - which tables and kinds this server has: the one list to extend for a face or a kind */
#pragma once

#include "server/state.h"

/* Makes the ARM face over all kinds and joins the tables of every face into server->router. */
int faces_join(struct server *server, struct error *err);
