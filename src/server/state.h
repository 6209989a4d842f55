/* state.h - what a running server holds: every file of this folder works on one of these */
#pragma once

#include "arm/kind.h"
#include "http/server.h"
#include "http/tls.h"
#include "os/pool.h"
#include "server/config.h"
#include "server/dispatch.h"
#include "server/folder.h"

#include <pthread.h>
#include <stdatomic.h>

struct mlflow;
struct oauth;
struct housekeeping;

/* What the rows of this folder know. */
struct server {
    struct arena *arena;
    struct config config;
    struct folder folder;
    struct folder_ports ports;
    struct engines engines;
    struct scope workspace; /* the default one */
    struct pool *pool;
    pthread_t purge; /* removes what deleted workspaces left; `purging` while it must be joined */
    bool purging;
    atomic_bool purge_stop;
    struct http_app app;
    struct dispatch *dispatch;
    struct router *router;
    struct arm *arm;
    const struct arm_kind *const *kinds; /* all that it serves */
    size_t kind_count;
    struct mlflow *mlflow;
    struct oauth *oauth;
    struct http_tls *tls;
    struct http_server *http;
    struct housekeeping *housekeeping;
    bool sandbox;       /* bubblewrap works */
    bool stop_replicas; /* a stop was asked for that ends the gateway too */
    int64_t started_us;
    int stop_fd; /* an eventfd: somebody asked to stop */
};
