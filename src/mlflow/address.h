/* address.h - how files are addressed to the client that asks
 *
 * Stock MLflow knows `mlflow-artifacts:/…` and fetches through the address it was told. The
 * azureml-mlflow plugin, under a tracking URI of the azureml scheme, takes only
 * `azureml://HOST/mlflow/v2.0{WS}/experiments/{e}/runs/{r}/artifacts` and goes to run history with
 * it. Both lead to the same bytes. The plugin is known by its User-Agent together with the v2.0
 * path, which it always asks; who has it installed and yet gives an https address (v1.0, or the
 * bare root) is answered as stock MLflow is.
 */
#pragma once

#include "mlflow/ask.h"
#include "tracking/experiment.h"
#include "tracking/logged_model.h"
#include "tracking/run.h"

/* Whether to speak azureml. */
bool address_is_azureml(const struct ask *ask);

/* Where the files of a run, a logged model, an experiment lie. In the ask's arena. `location` is
 * that of the run's experiment, "" unless a client chose one. */
struct str address_run(const struct ask *ask, const struct run *run, struct str location);
struct str address_model(const struct ask *ask, const struct logged_model *model);
struct str address_experiment(const struct ask *ask, const struct experiment *experiment);
/* A registered version, by its row; `folder` is the last piece of where its bytes lie. */
struct str address_version(const struct ask *ask, int64_t row, struct str folder);

/* What an azureml address says. */
struct address {
    struct str run;                     /* run or logged model; "" for the other form */
    struct str origin, container, path; /* azureml://artifacts/{origin}/{container}/{path} */
};
/* Reads one of the two azureml forms; false for any other text, also for one of another workspace.
 * Strs point into `text`. */
bool address_read(const struct ask *ask, const struct scope *scope, struct str text,
                  struct address *out);
