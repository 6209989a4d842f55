/* routes.h - who may call whom: endpoints, their deployments, and the replicas that answer
 *
 * One tree under one lock. Requests under way point into it, so what is taken out of the tree while
 * they run waits on a list until they are done. Nothing here blocks.
 */
#pragma once

#include "base/json.h"
#include "base/list.h"
#include "os/process.h"

#include <pthread.h>

/* Walks a list of structs whose link is `node`; the one at hand may be taken out. */
#define ROUTES_EACH(type, it, head)                                          \
    for (struct list *at_##it = (head)->next, *after_##it = at_##it->next;   \
         at_##it != (head) && ((it) = CONTAINER_OF(at_##it, type, node), 1); \
         at_##it = after_##it, after_##it = at_##it->next)

/* Two at rest; more while they are changed. */
#define ROUTES_KEYS_MAX 4
#define ROUTES_HASH_BYTES 32
#define ROUTES_SOCKET_BYTES 32

/* One process that answers. It is taken out of the list at once and freed when nobody points to
 * it. */
struct gateway_replica {
    struct list node;
    char name[16];    /* d{8 hex}: its run folder */
    unsigned running; /* requests it has */
    unsigned pins;    /* the watcher looks at it */
    bool wanted, ready;
    char socket[ROUTES_SOCKET_BYTES]; /* "runs/{name}/r.sock"; the data folder is where we stand */
    int64_t next_probe_us, next_start_us, ready_since_us;
    unsigned restarts;    /* in a row */
    struct process child; /* a runner that we started; pidfd -1: none */
};

/* Replicas that answer alike, and the queue before them. */
struct gateway_deployment {
    struct list node;
    struct list replicas;
    struct list waiting; /* requests, see proxy.c */
    unsigned waiting_count, waiting_max;
    unsigned users; /* requests that point here, waiting or under way */
    char name[64];
    int weight;           /* share of the traffic, 0 to 100 */
    unsigned concurrency; /* requests a replica has at once */
    int64_t wait_us;      /* in the queue at most */
    int timeout_ms;
    bool wanted;
    uint64_t answered, failed, refused; /* since the gateway started */
};

/* A name that clients call, with the keys that open it. */
struct gateway_endpoint {
    struct list node;
    struct list deployments;
    char name[64];
    unsigned char keys[ROUTES_KEYS_MAX][ROUTES_HASH_BYTES]; /* SHA-256 */
    size_t key_count;
    bool wanted;
    uint64_t fallbacks; /* requests that named a deployment that is not there */
};

/* The table that the server tells, with what is under way on it. */
struct gateway_routes {
    pthread_mutex_t lock; /* guards all below and everything in the tree */
    bool closing;         /* no request may wait any more: nobody would end its waiting */
    struct list endpoints;
    struct list leaving;          /* deployments, and … */
    struct list leaving_replicas; /* … replicas taken out while in use */
};

void routes_init(struct gateway_routes *routes);
/* Frees everything; no request may be under way. */
void routes_free(struct gateway_routes *routes);

/* Checks and takes over {"endpoints": [{"name", "keys": [hex SHA-256], "deployments": [{"name",
 * "weight", "concurrency", "queue", "queueWaitMs", "timeoutMs", "replicas": ["d…"]}]}]} whole: what
 * is not in it goes. Errors: ERROR_INVALID naming the path; nothing was changed then. Takes the
 * lock. */
int routes_apply(struct gateway_routes *routes, const struct json *wanted, struct error *err);

/* Whether routes_apply would take it; changes nothing and takes no lock. */
int routes_check(const struct json *wanted, struct error *err);

/* What there is and how it does, for GET /status. Takes the lock. */
struct json *routes_status(struct gateway_routes *routes, struct arena *arena);

/* --- The lock is held: ---------------------------------------------------------------------------
 */

/* By name in any case; NULL when there is none. */
struct gateway_endpoint *routes_endpoint(const struct gateway_routes *routes, struct str name);

/* Whether a key opens this endpoint; constant time. */
bool routes_key_fits(const struct gateway_endpoint *endpoint, struct str key);

/* The deployment a client named; NULL when there is none. */
struct gateway_deployment *routes_named(const struct gateway_endpoint *endpoint, struct str name);

/* One by the weights and `chance`, any number; NULL when no traffic goes anywhere. */
struct gateway_deployment *routes_by_weight(const struct gateway_endpoint *endpoint,
                                            uint64_t chance);

/* The ready replica with the fewest requests that can take one more, but not `except`. NULL when
 * all are busy or away; *out_any then says whether any is ready. */
struct gateway_replica *routes_pick(const struct gateway_deployment *deployment,
                                    const struct gateway_replica *except, bool *out_any);

/* Frees what left the tree and is no longer in use. */
void routes_sweep(struct gateway_routes *routes);
