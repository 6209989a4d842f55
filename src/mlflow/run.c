/* Single runs: read, renamed, ended, deleted. A run behind which a job stands is moved by the job;
 * its code may only describe it. */
#include "mlflow/work.h"
#include "os/clock.h"

/* The caller's reading of one run with everything it has. */
int mlflow_run_get(struct ask *ask, struct out *out, struct error *err)
{
    struct str run_id, location;
    struct run run;
    int64_t scope;

    if (ask_run_id(ask, &run_id, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
        run_get(txn, scope, run_id, &run, err) < 0 || work_location(txn, &run, &location, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    buf_add(&out->buf, STR("\"run\":"));
    if (show_run(ask, txn, &(struct shown_run){&run, location}, out, err) < 0)
        return -1;
    out_end(out, '}');
    return 0;
}

/* What runs/update may change. */
struct run_change {
    enum run_status status; /* 0: not sent */
    int64_t end_ms;         /* -1: not sent */
    struct str name;        /* "": not sent */
    bool ended;             /* result: it came to its end now */
    int64_t row;
};

struct status_row {
    const char *name;
    int number;
    enum run_status status;
};

static const struct status_row STATUSES[] = {{"RUNNING", 1, RUN_RUNNING},
                                             {"SCHEDULED", 2, RUN_QUEUED},
                                             {"FINISHED", 3, RUN_COMPLETED},
                                             {"FAILED", 4, RUN_FAILED},
                                             {"KILLED", 5, RUN_CANCELED}};

/* Enums are names, and numbers are taken in as well. */
static int read_status(struct ask *ask, enum run_status *out, struct error *err)
{
    yyjson_val *value = ask->body ? yyjson_obj_get(ask->body, "status") : NULL;
    struct str text = STR("");
    int64_t number = -1;

    *out = 0;
    if (!value || yyjson_is_null(value))
        return 0;
    if (yyjson_is_int(value))
        number = yyjson_get_sint(value);
    else if (ask_text(ask, "status", ASK_OPTIONAL, &text, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(STATUSES); i++)
        if (str_eq(text, str_from(STATUSES[i].name)) || number == STATUSES[i].number)
            *out = STATUSES[i].status;
    if (*out)
        return 0;
    return error_set(err, ERROR_INVALID, "status",
                     "Invalid value %.*s for parameter 'status' supplied:  Hint: Value was of type "
                     "'str'. See the API docs for more information about request parameters.",
                     STR_ARG(str_slice(text, 0, 100)));
}

/* A run that a document stands behind is moved by its job, not by its client (decisions 8): its
 * code says FINISHED at the end, which is not for it to say. */
static void change_state(struct run *run, struct run_change *change)
{
    if (run->doc)
        return;
    if (change->status) {
        change->ended = run_status_final(change->status) && !run_status_final(run->status);
        run->status = change->status;
        if (!run_status_final(run->status))
            run->end_us = 0;
    }
    if (change->end_ms >= 0)
        run->end_us = change->end_ms * US_PER_MS;
}

/* Name and its tag are changed together, for clients read either. */
static int update_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct run_change *change = work->detail;
    struct tracking *tracking = work->ask->mlflow->engines->tracking;
    struct run run;
    struct str location;

    if (work_find_run(work, txn, &run, err) < 0 || work_location(txn, &run, &location, err) < 0)
        return -1;
    change_state(&run, change);
    change->row = run.run;
    if (change->name.len) {
        struct pair tag = {STR("mlflow.runName"), change->name};
        const struct pair_owner owner = {run.scope, run.run, run.run_id};
        run.name = change->name;
        if (tags_set(tracking, txn, &owner, &(struct pairs){&tag, 1}, err) < 0)
            return -1;
    }
    if (run_update(txn, &run, err) < 0)
        return -1;
    buf_clear(&work->out->buf);
    out_begin(work->out, NULL, '{');
    show_run_info(work->out, "run_info", work->ask, &run, location);
    out_end(work->out, '}');
    return 0;
}

/* Whatever is sent; the reply is the run's new info. */
int mlflow_run_update(struct ask *ask, struct out *out, struct error *err)
{
    struct run_change change = {.end_ms = -1};
    struct work work = {.ask = ask, .out = out, .detail = &change};

    if (ask_run_id(ask, &work.run_id, err) < 0 || read_status(ask, &change.status, err) < 0 ||
        ask_int(ask, "end_time", ASK_OPTIONAL, &change.end_ms, err) < 0 ||
        ask_text(ask, "run_name", ASK_OPTIONAL, &change.name, err) < 0)
        return -1;
    if (change.end_ms > 9000000000000000LL)
        return error_set(err, ERROR_INVALID, "end_time",
                         "Invalid value %lld for parameter 'end_time' supplied.",
                         (long long)change.end_ms);
    if (work_write(&work, update_apply, err) < 0)
        return -1;
    if (change.ended)
        run_ended(ask->mlflow->engines->tracking, change.row);
    return 0;
}

/* Deleting and restoring: number a time and 0. Twice is once, as in MLflow: clients repeat what
 * they lost the answer of. */
static int stage_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    int64_t scope;
    struct run run;

    if (ask_scope_number(work->ask, txn, &scope, err) < 0 ||
        run_get(txn, scope, work->run_id, &run, err) < 0 ||
        ask_may_write(work->ask, txn, &run, err) < 0)
        return -1;
    bool deletes = work->number != 0;
    if ((run.deleted_us != 0) == deletes)
        return 0;
    run.deleted_us = work->number;
    if (!deletes)
        run.archived = false;
    return run_update(txn, &run, err);
}

/* Deleting and restoring are one change of a date. */
static int set_stage(struct ask *ask, int64_t deleted_us, struct error *err)
{
    struct work work = {.ask = ask, .number = deleted_us};

    if (ask_run_id(ask, &work.run_id, err) < 0)
        return -1;
    return work_write(&work, stage_apply, err);
}

/* A stage: files and points stay. */
int mlflow_run_delete(struct ask *ask, struct out *, struct error *err)
{
    return set_stage(ask, clock_now_us(), err);
}

/* What went with its experiment comes back with that. */
int mlflow_run_restore(struct ask *ask, struct out *, struct error *err)
{
    return set_stage(ask, 0, err);
}

/* A missing one is told, as MLflow does. */
static int delete_tag_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct run run;

    if (work_find_run(work, txn, &run, err) < 0)
        return -1;
    const struct pair_owner owner = {run.scope, run.run, run.run_id};
    if (tag_delete(work->ask->mlflow->engines->tracking, txn, &owner, work->name, err) < 0)
        return -1;
    return run_touch(txn, run.run, err);
}

/* Of an active run only. */
int mlflow_run_delete_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_run_id(ask, &work.run_id, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &work.name, err) < 0)
        return -1;
    return work_write(&work, delete_tag_apply, err);
}
