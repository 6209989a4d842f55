/* world_test.h - for unit tests: a data folder with keys, a store with two workspaces, an identity
 */
#pragma once

#include "base/test.h"
#include "identity/identity.h"
#include "identity/principal.h"
#include "store/store.h"

#define WORLD_NOW_US (1790000000LL * US_PER_S)
#define WORLD_ENDPOINT "https://localhost:10443/adfs/oauth2/v2.0/token"

struct people_world {
    struct arena *arena;
    int dir;
    struct store *store;
    struct identity *identity;
    struct error err;
};

/* Workspaces 1 and 2 are /subscriptions/s/resourceGroups/g/…/workspaces/one and two; the clock
 * stands still. */
struct people_world *people_world_new(struct people_world *world);
/* For CLEANUP. */
void people_world_end(struct people_world *world);

/* A user or a service principal that must be new. */
struct principal people_add(struct people_world *world, enum principal_kind kind, const char *name);
/* A secret of it; 0 never expires. */
struct str people_secret(struct people_world *world, int64_t number, int64_t expires_us);
