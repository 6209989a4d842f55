/* shelf_test.h - for unit tests: a workspace with all kinds of assets, and requests to it */
#pragma once

#include "arm/fake_exchange.h"
#include "arm/kind.h"
#include "base/base.h"

#define SHELF_SCOPE                                                                         \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces/default"
#define SHELF_OTHER                                                                         \
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/default/providers/" \
    "Microsoft.MachineLearningServices/workspaces/elsewhere"

struct shelf {
    struct arena *arena;
    struct engines engines;
    struct scope scope;
    struct arm *arm;
    struct fake *fake;
    int dir;
};

/* Owns: the caller. The jobs engine is there, its thread does not run. */
struct shelf *shelf_open(void);
void shelf_close(struct shelf **shelf);

/* Requests; paths are below the workspace unless they begin with '@', which stands for nothing. */
struct fake_reply shelf_get(struct shelf *shelf, const char *path);
struct fake_reply shelf_put(struct shelf *shelf, const char *path, const char *body);
struct fake_reply shelf_post(struct shelf *shelf, const char *path, const char *body);
struct fake_reply shelf_delete(struct shelf *shelf, const char *path);

/* What a refusal says. */
struct shelf_refusal {
    int status;
    const char *target;
    const char *words; /* in the message; NULL: any */
};
/* Checks that a PUT is refused so. */
void shelf_refused(struct shelf *shelf, const char *path, const char *body,
                   struct shelf_refusal wanted);

/* An environment e:1, code c:1, a model m:1, a compute `cluster`: what others refer to. */
void shelf_stock(struct shelf *shelf);
/* Bytes under a name of the workspace's blob store. */
void shelf_blob(struct shelf *shelf, const char *name, const char *text);
/* How many rows of `edge` go from one id to another. */
int64_t shelf_edges(struct shelf *shelf, const char *from_id, const char *to_id);
