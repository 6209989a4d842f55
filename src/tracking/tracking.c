#include "tracking/tracking_private.h"

#include <assert.h>
#include <stdlib.h>

/* Words are read once here; the compactor's thread begins with nothing to do. */
struct tracking *tracking_open(struct store *store, struct error *err)
{
    CLEANUP(tracking_close) struct tracking *tracking = calloc(1, sizeof *tracking);

    if (!tracking)
        abort();
    tracking->store = store;
    tracking->words = words_open(store, err);
    if (!tracking->words)
        return NULL;
    tracking->compactor = compactor_new(tracking);
    struct tracking *result = tracking;
    tracking = NULL;
    return result;
}

/* The thread ends before what it works on. */
void tracking_close(struct tracking **tracking)
{
    if (!*tracking)
        return;
    compactor_free(&(*tracking)->compactor);
    words_close(&(*tracking)->words);
    free(*tracking);
    *tracking = NULL;
}

struct status_row {
    const char *name;
    const char *mlflow;
    bool final;
};

static const struct status_row STATUSES[RUN_STATUS_COUNT_] = {
    [RUN_NOT_STARTED] = {"NotStarted", "SCHEDULED", false},
    [RUN_QUEUED] = {"Queued", "SCHEDULED", false},
    [RUN_PROVISIONING] = {"Provisioning", "SCHEDULED", false},
    [RUN_PREPARING] = {"Preparing", "SCHEDULED", false},
    [RUN_STARTING] = {"Starting", "SCHEDULED", false},
    [RUN_RUNNING] = {"Running", "RUNNING", false},
    [RUN_FINALIZING] = {"Finalizing", "RUNNING", false},
    [RUN_CANCEL_REQUESTED] = {"CancelRequested", "RUNNING", false},
    [RUN_COMPLETED] = {"Completed", "FINISHED", true},
    [RUN_FAILED] = {"Failed", "FAILED", true},
    [RUN_CANCELED] = {"Canceled", "KILLED", true},
    [RUN_PAUSED] = {"Paused", "RUNNING", false},
    [RUN_NOT_RESPONDING] = {"NotResponding", "RUNNING", false},
};

/* As the SDK spells it. */
const char *run_status_name(enum run_status status)
{
    assert(status > 0 && status < RUN_STATUS_COUNT_);
    return STATUSES[status].name;
}

/* MLflow has fewer states, so several of ours are one there. */
const char *run_status_mlflow(enum run_status status)
{
    assert(status > 0 && status < RUN_STATUS_COUNT_);
    return STATUSES[status].mlflow;
}

/* Of these no run comes back. */
bool run_status_final(enum run_status status)
{
    assert(status > 0 && status < RUN_STATUS_COUNT_);
    return STATUSES[status].final;
}
