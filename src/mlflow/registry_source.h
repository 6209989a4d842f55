/* registry_source.h - what the source of a model version means: where its bytes lie, and whose they
 * are */
#pragma once

#include "asset/asset.h"
#include "mlflow/place.h"
#include "mlflow/registry.h"

struct registry_source {
    struct str text;   /* as the client wrote it */
    struct str run_id; /* as asked for; filled in when the source says it */
    struct str model_id;
    bool prompt;    /* prompts have no bytes */
    struct str uri; /* result: modelUri */
    bool mlflow;    /* result: there is an MLmodel */
};

/* Whether an address leads to a store that is not this server's: whoever reads the version then
 * goes there himself. */
bool registry_source_elsewhere(struct str uri);

/* Resolves. Errors: ERROR_INVALID «Invalid model version source: …»; ERROR_FORBIDDEN for a job that
 * names another run. */
int registry_source(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                    struct error *err);
