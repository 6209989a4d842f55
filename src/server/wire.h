/* wire.h - the parts of a running server, opened in order and closed in the opposite one */
#pragma once

#include "arm/kind.h"
#include "http/server.h"
#include "http/tls.h"
#include "os/pool.h"
#include "server/config.h"
#include "server/dispatch.h"
#include "server/folder.h"

/* What the rows of this folder know. */
struct server {
    struct arena *arena;
    struct config config;
    struct folder folder;
    struct folder_ports ports;
    struct engines engines;
    struct scope workspace;      /* the default one */
    struct pool *pool;
    struct http_app app;
    struct dispatch *dispatch;
    struct router *router;
    struct arm *arm;
    struct http_tls *tls;
    struct http_server *http;
    bool sandbox;                /* bubblewrap works */
    bool stop_replicas;          /* a stop was asked for that ends the gateway too */
    int64_t started_us;
    int stop_fd;                 /* an eventfd: somebody asked to stop */
};

/* Opens store, vault, content, tracking and identity, makes the default workspace, joins the tables of
 * all faces. */
int wire_open(struct server *server, struct error *err);

/* Opens the listeners, tells everybody the addresses, and answers. */
int wire_listen(struct server *server, struct error *err);

/* Finds what an earlier server left running and goes on with it. */
int wire_start(struct server *server, struct error *err);

/* Ends requests under way and everything else. For CLEANUP. */
void wire_close(struct server *server);

/* admin.c: the server's own rows: /healthz, connect, status, stop. */
struct route_table admin_routes(struct server *server);
