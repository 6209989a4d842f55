/* tls.h - our own certificate authority and the TLS side of listeners */
#pragma once

#include "base/arena.h"

struct http_tls;

/* Makes in folder `dir` what is missing: ca.key, ca.pem (P-256, 10 years, name constraints to
 * loopback and `names`), server.key, server.pem (397 days, renewed when fewer than 30 are left or a
 * name is missing), bundle.pem (the system's roots and ours). Keys have mode 0600.
 * `names`: DNS names and addresses the certificate is to cover. */
int http_tls_prepare(int dir, const struct str *names, size_t count, struct error *err);

/* Loads server.pem and server.key: TLS 1.2 or later, ALPN http/1.1. Files that are replaced are
 * loaded for connections from then on, within seconds; a pair that does not fit is passed over
 * until it does. Owns: the caller. */
struct http_tls *http_tls_open(int dir, struct error *err);
void http_tls_free(struct http_tls **tls);
