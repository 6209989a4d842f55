/* fixture_test.h - endpoints on a store in memory and a backend without processes
 *
 * The tests play the runner and the replica: they write the records that those would.
 */
#pragma once

#include "endpoint/internal.h"

#include "base/test.h"

struct fixture_backend {
    int dir; /* the data folder */
    unsigned starts, stops;
    bool alive;  /* the runners, all at once */
    bool refuse; /* to start another */
};
extern struct fixture_backend backend;

struct world {
    struct arena *arena;
    struct store *store;
    struct vault *vault;
    struct identity *identity;
    struct endpoints *endpoints;
    struct scope scope;
    struct document endpoint, deployment;
    struct json *plan;
};

/* A workspace with the endpoint "ep" (all traffic to blue) and its deployment "blue" without a
 * plan, on a fresh data folder. For CLEANUP(world_close). */
struct world *world_open(void);
struct world *world_open_on(const char *url);
void world_close(struct world **w);

#define PLAN(more)                                                                                \
    "{\"engine\":\"python\",\"script\":\"score.py\",\"instances\":2,\"limits\":{\"concurrency\":" \
    "3},"                                                                                         \
    "\"warnings\":[],\"variables\":{\"SCALE\":\"10\"},\"environment\":{\"kind\":\"host\"},"       \
    "\"model\":{\"container\":\"c\",\"prefix\":\"a/m\",\"into\":\"m\"}" more "}"

/* Stores a plan for blue, as a client's PUT does. */
void roll(struct world *w, const char *plan);
/* What the documents say now. */
struct endpoint_view *look(struct world *w);
/* One turn's step of the only roll-out; then its document as stored. */
struct rollout *step(struct world *w, bool *out_more);
/* Brings a plan of two instances to where both replicas serve. */
struct rollout *bring_up(struct world *w);
/* A replica's name in the document. */
struct str name_at(const struct rollout *rollout, const char *path);
/* Writes one of the replica's small files. */
void write_record(struct str replica, const char *file, const char *text);
