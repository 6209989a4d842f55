/* show.h - runs, experiments and logged models as MLflow writes them */
#pragma once

#include "mlflow/ask.h"
#include "tracking/experiment.h"
#include "tracking/logged_model.h"
#include "tracking/metric.h"
#include "tracking/run.h"

/* The members of RunInfo under `key`. */
void show_run_info(struct out *out, const char *key, const struct ask *ask, const struct run *run,
                   struct str location);

/* A whole run: info, data, inputs, outputs. */
struct shown_run {
    const struct run *run;
    struct str location; /* its experiment's, "" unless a client chose one */
};
int show_run(struct ask *ask, struct store_txn *txn, const struct shown_run *shown, struct out *out,
             struct error *err);

/* A list "key": [{key, value}, …], left out when empty. */
void show_pairs(struct out *out, const char *key, const struct pairs *pairs);

/* The members of Experiment. */
int show_experiment(const struct ask *ask, struct store_txn *txn,
                    const struct experiment *experiment, struct out *out, struct error *err);

/* The members info and data of a logged model. */
int show_logged_model(struct ask *ask, struct store_txn *txn, const struct logged_model *model,
                      struct out *out, struct error *err);
