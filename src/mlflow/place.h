/* place.h - where the bytes behind an artifact address lie
 *
 * Addresses are what clients make of artifact URIs: "{experiment}/{run}/artifacts/path",
 * "{experiment}/models/{model}/artifacts/path" and, for registered versions, "versions/{row}/path".
 * Bytes are blobs of the workspace's artifact container, the same that jobs and the blob surface
 * know.
 */
#pragma once

#include "mlflow/ask.h"
#include "tracking/run.h"

struct place {
    struct str container;
    struct str prefix; /* of the run's or model's root; "" when the address is above all roots */
    struct str path;   /* below it; "" is the root itself */
    int64_t scope;
    struct run run; /* row 0 for roots that no run owns */
    bool fixed;     /* of a registered version: for reading only */
};

/* Resolves an address. Errors: ERROR_INVALID «Invalid path»; ERROR_NOT_FOUND. */
int place_of(struct ask *ask, struct store_txn *txn, struct str address, struct place *out,
             struct error *err);
/* A path of a run (or of a logged model). */
struct place_at {
    struct str root; /* the id of the run or model */
    struct str path;
};
int place_of_run(struct ask *ask, struct store_txn *txn, const struct place_at *at,
                 struct place *out, struct error *err);
int place_of_model(struct ask *ask, struct store_txn *txn, const struct place_at *at,
                   struct place *out, struct error *err);

/* The blob's name: prefix and path. */
struct str place_name(struct arena *arena, const struct place *place);

/* Models logged by 3.x keep their bytes under a root of their own, but people look below the run
 * (decisions 11): turns "model/MLmodel" of a run into that of its logged model of the same name.
 * False when there is none. */
bool place_fall_through(struct ask *ask, struct store_txn *txn, struct place *io);
