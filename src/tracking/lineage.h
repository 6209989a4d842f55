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

/* All of a run. */
int lineage_read(struct store_txn *txn, int64_t run, struct lineage *out, struct error *err);
