/* harness_test.h - a server with a handful of routes, and raw sockets to talk to it */
#pragma once

#include "base/buf.h"
#include "base/test.h"
#include "http/client.h"
#include "http/limits.h"
#include "http/server.h"
#include "http/tls.h"

struct harness {
    struct pool *pool;
    struct http_server *server;
    struct http_app app;
    uint16_t port;
    int tls_dir;
    struct http_tls *tls;
    uint16_t tls_port;
    char unix_path[280];
};

/* Starts a server on a loopback port whose requests `head` decides. */
void harness_start(struct harness *harness,
                   enum http_verdict (*head)(struct http_exchange *, struct http_plan *, void *),
                   void *context);
/* Adds a TLS listener with a certificate of our authority, and a Unix socket. */
void harness_add_tls(struct harness *harness);
void harness_add_unix(struct harness *harness);
/* Stops; for CLEANUP. */
void harness_stop(struct harness *harness);

/* A client of the plain listener, or the TLS one. */
struct http_client *harness_client(const struct harness *harness, bool tls);

/* A plan that calls `run` with the whole body. */
enum http_verdict harness_go(struct http_plan *plan, enum http_where where,
                             void (*run)(struct http_exchange *ex, void *context), void *context);

/* Raw sockets: connected to the plain port, with a time-out on reads. */
int raw_connect(uint16_t port);
void raw_send(int fd, struct str bytes);
/* Reads until the peer closes, or `enough` is in the bytes (NULL: until closed); CHECKs that it
 * comes within 10 s. */
struct str raw_read(struct arena *arena, int fd, const char *enough);
/* Sends one text on a new connection and returns everything that comes back until the close. */
struct str raw_ask(struct arena *arena, uint16_t port, struct str bytes);
/* The status of the first reply in the bytes, 0 when there is none. */
int raw_status(struct str reply);
/* How often a text occurs. */
size_t raw_count(struct str bytes, const char *what);
