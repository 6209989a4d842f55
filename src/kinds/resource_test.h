/* resource_test.h - a workspace with all that is stored in it alone, for unit tests of kinds that
 * have no engine: connections, datastores, computes, schedules, rules and what a location lists */
#pragma once

#include "arm/fake_exchange.h"
#include "arm/kind.h"

#define RG                                                                                  \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces"
#define WS RG "/default"
#define LOCATION                                                     \
    "/subscriptions/00000000-0000-0000-0000-000000000001/providers/" \
    "Microsoft.MachineLearningServices/locations/local"

struct world {
    struct arena *arena;
    struct engines engines;
    struct scope scope;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

/* Owns: the caller; for CLEANUP. */
struct world *world_open(void);
void world_close(struct world **world);

/* Requests with an empty body. */
struct fake_reply world_get(struct world *world, const char *target);
struct fake_reply world_delete(struct world *world, const char *target);
struct fake_reply world_put(struct world *world, const char *target, const char *body);
struct fake_reply world_post(struct world *world, const char *target, const char *body);
/* The `target` of a refusal, "" when it has none. */
struct str world_target(struct fake_reply reply);
/* Whether a text stands anywhere in the store's documents: nothing that is a secret may. */
bool world_stored(struct world *world, const char *text);
