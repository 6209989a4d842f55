/* peer.h - which user owns the other end of a loopback connection, asked of the kernel */
#pragma once

#include "base/error.h"

#include <sys/socket.h>
#include <sys/types.h>

/* Finds the user that holds the socket at `remote`, connected to our `local`, by sock_diag.
 * Errors: ERROR_NOT_FOUND when no process of this host holds it (any more); ERROR_UNAVAILABLE when
 * the kernel cannot be asked; ERROR_INVALID for addresses that are no loopback TCP. */
int peer_user(const struct sockaddr_storage *local, const struct sockaddr_storage *remote,
              uid_t *out, struct error *err);

/* Who listens on a TCP port of this host: the socket's inode, 0 when nobody does. For messages. */
uint32_t peer_listener_inode(uint16_t port);
