/* lineage.h - what a run read and what it made: datasets, models in, models out */
#pragma once

#include "tracking/pair.h"

struct dataset {
    int64_t dataset; /* row */
    struct str name, digest, source_type, source, schema, profile;
};

struct dataset_input {
    struct dataset dataset;
    struct pairs tags;
};

struct lineage {
    struct dataset_input *datasets;
    size_t dataset_count;
    struct str *models_in;
    size_t model_in_count;
    struct lineage_output {
        struct str model_id;
        int64_t step;
    } *models_out;
    size_t model_out_count;
};

/* Inside a write; the same dataset of the same experiment is kept once. */
int lineage_add_dataset(struct store_txn *txn, const struct run *run,
                        const struct dataset_input *input, struct error *err);
int lineage_add_model_in(struct store_txn *txn, int64_t run, struct str model_id,
                         struct error *err);
int lineage_add_model_out(struct store_txn *txn, int64_t run, struct str model_id, int64_t step,
                          struct error *err);

/* Which datasets the runs of an experiment used, and for what ("" when they did not say): each
 * once, by name and digest, a thousand at most. */
struct dataset_use {
    struct str name, digest, context;
};
struct dataset_uses {
    struct dataset_use *at;
    size_t count;
};
int lineage_uses(struct store_txn *txn, const struct experiment_key *experiment,
                 struct dataset_uses *out, struct error *err);

/* What an input was for: its tag mlflow.data.context, or "". */
struct str lineage_context(const struct pairs *tags);

/* All of a run. */
int lineage_read(struct store_txn *txn, int64_t run, struct lineage *out, struct error *err);
