/* tls_private.h - the part of TLS contexts that only this folder sees */
#pragma once

#include "http/tls.h"

#include <openssl/ssl.h>

/* The context in use for new connections. Threads: any. Owns: the caller, one reference. */
SSL_CTX *tls_context(struct http_tls *tls);

/* A client's context that trusts a PEM bundle, or the system's roots when the path is empty. */
SSL_CTX *tls_client_context(struct str ca_file, struct error *err);

/* OpenSSL's last complaint, as one short text; "" when there is none. Owns: static per call. */
void tls_reason(char *out, size_t size);
