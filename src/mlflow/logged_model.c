/* Logged models of MLflow 3, from the first row to the end of their upload. */
#include "tracking/logged_model.h"

#include "asset/doom.h"
#include "mlflow/name.h"
#include "mlflow/work.h"
#include "os/random.h"

#include <assert.h>

/* Keys and values of a list in the body, checked. */
static int read_list(struct ask *ask, const char *name, const char *what, struct pairs *out,
                     struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, name, &list, err) < 0)
        return -1;
    *out = (struct pairs){arena_new_array(ask->arena, struct pair, yyjson_arr_size(list) + 1), 0};
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        struct pair *pair = &out->at[out->count++];
        if (ask_value_need_text(ask, item, "key", &pair->key, err) < 0 ||
            ask_value_text(ask, item, "value", &pair->value, err) < 0 ||
            name_check_key("key", what, pair->key, err) < 0)
            return -1;
    }
    return 0;
}

/* What creating takes besides name and pairs. */
struct made {
    struct logged_model model;
    struct str run_id;
    struct pairs params, tags;
};

/* A model that no run made is somebody's who is no job. */
static int model_writable(struct work *work, struct store_txn *txn,
                          const struct logged_model *model, struct error *err)
{
    struct run run;

    if (work->ask->call->caller.kind != CALLER_ATTEMPT)
        return 0;
    if (model->run == 0)
        return error_set(err, ERROR_FORBIDDEN, "model_id",
                         "A job changes models of its own run and of those below it.");
    if (run_by_row(txn, model->run, &run, err) < 0)
        return -1;
    return ask_may_write(work->ask, txn, &run, err);
}

/* What the reply shows is read back, so that it is what was stored. */
static int model_result(struct work *work, struct store_txn *txn, const struct logged_model *model,
                        struct error *err)
{
    buf_clear(&work->out->buf);
    out_begin(work->out, NULL, '{');
    out_begin(work->out, "model", '{');
    if (show_logged_model(work->ask, txn, model, work->out, err) < 0)
        return -1;
    out_end(work->out, '}');
    out_end(work->out, '}');
    return 0;
}

/* The run it names must be there and the caller's to write. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    const struct made *made = work->detail;
    struct tracking *tracking = work->ask->mlflow->engines->tracking;
    struct logged_model model = made->model;
    struct experiment experiment;
    struct run run = {0};

    if (ask_scope_number(work->ask, txn, &model.scope, err) < 0 ||
        experiment_get(txn, model.scope, model.experiment, &experiment, err) < 0)
        return -1;
    if (experiment.deleted_us)
        return error_set(err, ERROR_INVALID, "experiment_id",
                         "The experiment %lld must be in the 'active' state. Current state is "
                         "deleted.",
                         (long long)experiment.id);
    if (made->run_id.len) {
        if (run_get(txn, model.scope, made->run_id, &run, err) < 0 ||
            ask_may_write(work->ask, txn, &run, err) < 0)
            return -1;
        model.run = run.run;
        model.run_id = run.run_id;
    }
    if (logged_model_insert(txn, &model, err) < 0)
        return -1;
    const struct pair_owner owner = logged_model_owner(&model);
    if (params_set(tracking, txn, &owner, &made->params, err) < 0 ||
        tags_set(tracking, txn, &owner, &made->tags, err) < 0)
        return -1;
    return model_result(work, txn, &model, err);
}

/* A model without a name gets one, as a run does. */
int mlflow_model_create(struct ask *ask, struct out *out, struct error *err)
{
    struct made made = {.model = {.status = LOGGED_MODEL_PENDING}};
    struct work work = {.ask = ask, .out = out, .detail = &made};

    if (ask_experiment_id(ask, ASK_REQUIRED, &made.model.experiment, err) < 0 ||
        ask_text(ask, "name", ASK_OPTIONAL, &made.model.name, err) < 0 ||
        ask_text(ask, "model_type", ASK_OPTIONAL, &made.model.kind, err) < 0 ||
        ask_text(ask, "source_run_id", ASK_OPTIONAL, &made.run_id, err) < 0 ||
        read_list(ask, "params", "Param key", &made.params, err) < 0 ||
        read_list(ask, "tags", "key", &made.tags, err) < 0)
        return -1;
    /* Without an active run clients name none. What a job logs comes from its run all the same:
     * there it is found again, and there the job may write. */
    if (made.run_id.len == 0 && ask->call->caller.kind == CALLER_ATTEMPT)
        made.run_id = ask->call->caller.run;
    if (made.model.name.len == 0)
        made.model.name = name_for_run(ask->arena);
    else if (name_check_logged_model(made.model.name, err) < 0)
        return -1;
    made.model.model_id = arena_printf(ask->arena, "m-%.*s", STR_ARG(random_hex(ask->arena, 16)));
    return work_write(&work, create_apply, err);
}

/* By id, within the workspace of the request. */
static int find(struct work *work, struct store_txn *txn, struct logged_model *out,
                struct error *err)
{
    int64_t scope;

    if (ask_scope_number(work->ask, txn, &scope, err) < 0 ||
        logged_model_get(txn, scope, call_param(work->ask->call, "model_id"), out, err) < 0)
        return -1;
    return store_is_writer(txn) ? model_writable(work, txn, out, err) : 0;
}

/* Ids are never guessed from names. */
int mlflow_model_get(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};
    struct logged_model model;

    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || find(&work, txn, &model, err) < 0)
        return -1;
    return model_result(&work, txn, &model, err);
}

/* Ready or failed; back to pending is refused by the reader of the request. */
static int finalize_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct logged_model model;

    if (find(work, txn, &model, err) < 0)
        return -1;
    model.status = (enum logged_model_status)work->number;
    if (logged_model_set_status(txn, &model, err) < 0)
        return -1;
    return model_result(work, txn, &model, err);
}

/* The client says how its upload ended. */
int mlflow_model_finalize(struct ask *ask, struct out *out, struct error *err)
{
    static const char *const STATUSES[] = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                           "LOGGED_MODEL_UPLOAD_FAILED"};
    struct work work = {.ask = ask, .out = out};
    yyjson_val *value = ask->body ? yyjson_obj_get(ask->body, "status") : NULL;
    struct str status = STR("");

    if (yyjson_is_int(value))
        work.number = yyjson_get_sint(value);
    else if (ask_text(ask, "status", ASK_REQUIRED, &status, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(STATUSES); i++)
        if (str_eq(status, str_from(STATUSES[i])))
            work.number = (int64_t)i + 1;
    if (work.number < LOGGED_MODEL_READY || work.number > LOGGED_MODEL_FAILED)
        return error_set(err, ERROR_INVALID, "status",
                         "Invalid model status: %.*s. Expected statuses are LOGGED_MODEL_READY, "
                         "LOGGED_MODEL_UPLOAD_FAILED.",
                         STR_ARG(str_slice(status, 0, 100)));
    return work_write(&work, finalize_apply, err);
}

/* What a registered version names stays for it. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct work *work = context;
    struct logged_model model;
    struct scope scope;

    if (find(context, txn, &model, err) < 0 || ask_scope(work->ask, txn, &scope, err) < 0)
        return -1;
    return doom_model(txn, &scope, &model, err);
}

/* At once and for good: there is no trash for models. What fails behind the reply is done by the
 * hourly round. */
int mlflow_model_delete(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (work_write(&work, delete_apply, err) < 0)
        return -1;
    doom_sweep(ask->mlflow->engines->store, NULL);
    return 0;
}

/* Tags, or params when number is 1. */
static int pairs_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct tracking *tracking = work->ask->mlflow->engines->tracking;
    bool params = work->number == 1;
    struct logged_model model;

    if (find(work, txn, &model, err) < 0)
        return -1;
    const struct pair_owner owner = logged_model_owner(&model);
    if (params && params_check(tracking, txn, &owner, &work->pairs, err) < 0)
        return -1;
    if ((params ? params_set : tags_set)(tracking, txn, &owner, &work->pairs, err) < 0 ||
        logged_model_set_status(txn, &model, err) < 0)
        return -1;
    return params ? 0 : model_result(work, txn, &model, err);
}

/* The reply shows the model with them. */
int mlflow_model_set_tags(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask, .out = out};

    if (read_list(ask, "tags", "key", &work.pairs, err) < 0)
        return -1;
    return work_write(&work, pairs_apply, err);
}

/* Written once, as those of runs. */
int mlflow_model_log_params(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask, .number = 1};

    if (read_list(ask, "params", "Param key", &work.pairs, err) < 0)
        return -1;
    return work_write(&work, pairs_apply, err);
}

/* A missing one is told. */
static int delete_tag_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct logged_model model;

    if (find(work, txn, &model, err) < 0)
        return -1;
    const struct pair_owner owner = logged_model_owner(&model);
    struct str key = call_param(work->ask->call, "tag_key");
    struct error lost = {0};
    if (tag_delete(work->ask->mlflow->engines->tracking, txn, &owner, key, &lost) == 0)
        return 0;
    if (lost.code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND, "tag_key",
                         "No tag with key '%.*s' found for model with ID '%.*s'.", STR_ARG(key),
                         STR_ARG(model.model_id));
    return error_set(err, lost.code, lost.target, "%s", lost.message);
}

/* The key is part of the path. */
int mlflow_model_delete_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    return work_write(&work, delete_tag_apply, err);
}
