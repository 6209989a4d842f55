/* wire.h - the parts of a running server, opened in order and closed in the opposite one */
#pragma once

#include "server/state.h"

/* Opens store, vault, content, tracking and identity, makes the default workspace, joins the tables
 * of all faces. */
int wire_open(struct server *server, struct error *err);

/* Opens the listeners, tells everybody the addresses, and answers. */
int wire_listen(struct server *server, struct error *err);

/* Finds what an earlier server left running and goes on with it. */
int wire_start(struct server *server, struct error *err);

/* Ends requests under way and everything else. For CLEANUP. */
void wire_close(struct server *server);
