/* proxy.h - one scoring request: who asks, which deployment, which replica, and the way back
 *
 *     POST /endpoints/{name}/score          GET /endpoints/{name}/swagger.json
 *     GET  /endpoints/{name}/               health of the endpoint
 *
 * Every path wants one of the endpoint's keys. `azureml-model-deployment` names a deployment; a
 * name that is not there falls back to the traffic split, since the SDK leaks that header between
 * calls, and the reply's `x-lazurite-fallback` says so.
 */
#pragma once

#include "gateway/routes.h"
#include "http/server.h"

#include <stdatomic.h>

/* The whole process. */
struct gateway {
    struct gateway_routes routes;
    int dir; /* the data folder */
    const char *dir_path;
    struct str listen;         /* as asked for, "127.0.0.1:10444" */
    uint16_t port;             /* as got */
    int stop_fd;               /* an eventfd: somebody asked to stop */
    atomic_bool stop_replicas; /* and the replicas too. Threads: any */
    struct http_server *server;
};

/* Answers a request of the scoring listener; an http_app's head. */
enum http_verdict proxy_head(struct http_exchange *ex, struct http_plan *plan,
                             struct gateway *gateway);

/* Replies {"error": {"code", "message"}} with the status of the code. */
void proxy_refuse(struct http_exchange *ex, int status, const char *code, const char *message);

/* Answers what waited too long, and what waits for a deployment that is gone. Called often. */
void proxy_expire(struct gateway *gateway, int64_t now_us);

/* Refuses all that wait, and from here on whoever would have to: before the watcher ends, which is
 * the only one to end their waiting. */
void proxy_close(struct gateway *gateway);

/* Hands waiting requests to replicas with room; after one became ready. */
void proxy_serve_waiting(struct gateway *gateway);
