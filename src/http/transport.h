/* transport.h - a connected socket, plain or TLS, that never blocks
 *
 * Shared by the server's connections, the client and the pump of a tunnel. TLS reads and writes the
 * socket by a BIO of ours, so that a peer that went away is an error and no signal.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <openssl/ssl.h>
#include <sys/uio.h>

/* Besides a count (0 from a read is the end). */
#define TRANSPORT_AGAIN (-2)
#define TRANSPORT_BROKEN (-1)

struct transport {
    int fd;
    SSL *ssl; /* NULL: plain */
};

/* Puts TLS on the socket. Owns: transport_close frees the SSL. */
int transport_start_tls(struct transport *transport, SSL_CTX *context, struct error *err);

/* One step of the handshake: 1 done, TRANSPORT_AGAIN (*out_write: it waits to write), or
 * TRANSPORT_BROKEN. */
int transport_handshake(struct transport *transport, bool *out_write);

/* Read and write what goes without waiting. */
ssize_t transport_read(struct transport *transport, void *out, size_t size);
ssize_t transport_write(struct transport *transport, const struct iovec *parts, int count);

/* Bytes that were read from the socket already, so that polling it would not tell of them. */
bool transport_has_more(const struct transport *transport);

/* Says that we write no more. */
void transport_shutdown(struct transport *transport);

/* Closes everything; fine when it is closed. */
void transport_close(struct transport *transport);

/* A socket set so that it never blocks, sends at once and dies with an exec. */
void transport_prepare(int fd, bool tcp);
