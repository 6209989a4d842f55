/* internal.h - what the files of endpoint/ share; nobody else includes this */
#pragma once

#include "compute/compute.h"
#include "endpoint/endpoint.h"
#include "os/process.h"

#include <pthread.h>
#include <stdatomic.h>

#define ENDPOINT_TYPE STR("onlineEndpoints")
#define DEPLOYMENT_TYPE STR("onlineEndpoints/deployments")
#define ROLLOUT_TYPE STR("rollouts")
#define ROLLOUT_NAME STR("current")

struct replica; /* replica.c: a run folder that this process knows */

/* One thread brings what is into line with what is wanted, turn after turn; calls only write
 * documents and wake it. */
struct endpoints {
    struct endpoints_options options;
    const struct compute_backend *backend;
    struct str server_socket, server_host;
    pthread_t thread;
    pthread_mutex_t lock; /* over the rest of this group */
    pthread_cond_t changed;
    bool started, stopping;
    uint64_t wanted_turn,
        done_turn;     /* endpoints_sync waits until one has caught up with the other */
    struct map *alive; /* replicas whose token is good */

    _Atomic uint16_t port; /* where the gateway listens. Threads: any */

    /* Only the thread's own: */
    struct replica *replicas;
    struct process gateway; /* pidfd -1: not our child */
    struct str pushed;      /* routes as the gateway has them; malloc'd */
    char complaint[512];    /* the last turn's error */
};

/* --- rollout.c: the document that says how far a deployment is -----------------------------------
 */

/* How far a deployment is, in words of the wire. */
enum rollout_state { ROLLOUT_CREATING, ROLLOUT_UPDATING, ROLLOUT_SUCCEEDED, ROLLOUT_FAILED };

/* A deployment as a turn of the thread sees it. */
struct rollout {
    struct rollout *sibling;  /* of the same endpoint */
    struct document document; /* of type rollouts */
    struct str endpoint, name;
    struct json *body; /* {"state", "reason", "plan", "serving": […], "next": […], "failed": […]} */
    enum rollout_state state;
};

/* An endpoint with all below it, as one turn sees it. */
struct endpoint_view {
    struct endpoint_view *sibling;
    struct document document;
    struct json *body; /* the wire's */
    struct scope scope;
    struct rollout *rollouts;
};

/* Everything there is, read in one snapshot into the arena. */
int rollout_read_all(struct endpoints *endpoints, struct arena *arena, struct endpoint_view **out,
                     struct error *err);
/* Writes the body back; ERROR_CONFLICT when somebody changed it meanwhile: the next turn sees that.
 * When it fails, body and state are again what is stored. */
int rollout_save(struct endpoints *endpoints, struct arena *arena, struct rollout *rollout,
                 struct error *err);
/* The document of a deployment. Errors: ERROR_NOT_FOUND before its first PUT. Owns: the snapshot.
 */
int rollout_get(struct store_txn *txn, const struct document *deployment, struct document *out,
                struct error *err);
/* Its member "state"; what cannot be read begins anew. */
enum rollout_state rollout_state_of(const struct json *body);
void rollout_set_state(struct arena *arena, struct rollout *rollout, enum rollout_state state,
                       const char *reason);
/* One step forward. True while there is more to wait for. */
bool rollout_step(struct endpoints *endpoints, struct arena *arena, struct endpoint_view *endpoint,
                  struct rollout *rollout);

/* --- replica.c -----------------------------------------------------------------------------------
 */

/* What a look at a replica found. */
enum replica_state { REPLICA_PENDING, REPLICA_READY, REPLICA_FAILED };

/* Which replica of which roll-out; its spec.json is made of these. */
struct replica_order {
    const struct endpoint_view *endpoint;
    const struct rollout *rollout;
    struct str name;
};

/* A fresh name, d{8 hex}. */
struct str replica_name(struct arena *arena);
/* Makes the run folder and starts the runner unless both were done. */
int replica_ensure(struct endpoints *endpoints, struct arena *arena,
                   const struct replica_order *order, struct error *err);
/* How it is; *out_reason when failed, or what it is doing. */
enum replica_state replica_look(struct endpoints *endpoints, struct arena *arena, struct str name,
                                struct str *out_reason);
/* Every folder runs/d{8 hex} that an earlier process left. */
void replica_find_all(struct endpoints *endpoints);
/* Ends replicas that nobody wants and removes their folders; true while some are still ending. */
bool replica_reap(struct endpoints *endpoints, struct arena *arena,
                  const struct endpoint_view *all);
void replica_free_all(struct endpoints *endpoints);

/* --- link.c: the gateway -------------------------------------------------------------------------
 */

/* Finds it alive or starts it. */
int link_ensure(struct endpoints *endpoints, struct error *err);
/* Tells it the routes unless it has them. */
int link_push(struct endpoints *endpoints, struct arena *arena, const struct endpoint_view *all,
              struct error *err);
/* Whether the gateway has seen all these replicas answer. */
bool link_ready(struct endpoints *endpoints, struct arena *arena, const struct json *names);
/* Ends it; with `replicas` those too. */
int link_stop(struct endpoints *endpoints, bool replicas, struct error *err);
/* The routes the documents ask for: {"endpoints": […]}. */
struct json *link_routes(struct endpoints *endpoints, struct arena *arena,
                         const struct endpoint_view *all, struct error *err);

/* --- keys.c --------------------------------------------------------------------------------------
 */

/* SHA-256 of an endpoint's keys in hex, as a list. */
struct json *keys_hashes(struct endpoints *endpoints, struct arena *arena, struct store_txn *txn,
                         const struct endpoint_view *endpoint, struct error *err);
