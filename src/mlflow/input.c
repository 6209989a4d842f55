/* Datasets and models that a run read or made. */
#include "mlflow/name.h"
#include "mlflow/work.h"
#include "tracking/lineage.h"

#include <assert.h>

#define DATASETS_MAX 1000

/* What a request says about a run's data and models. */
struct inputs {
    struct dataset_input *datasets;
    size_t dataset_count;
    struct lineage_output *models;
    size_t model_count;
    bool made; /* models that came out, not in */
};

/* Of one dataset; MLflow allows none without a value here. */
static int read_tags(struct ask *ask, yyjson_val *object, struct pairs *out, struct error *err)
{
    yyjson_val *list = yyjson_obj_get(object, "tags"), *item;
    yyjson_arr_iter it;

    *out = (struct pairs){arena_new_array(ask->arena, struct pair, yyjson_arr_size(list) + 1), 0};
    if (!yyjson_is_arr(list))
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        struct pair *tag = &out->at[out->count++];
        if (ask_value_need_text(ask, item, "key", &tag->key, err) < 0 ||
            ask_value_need_text(ask, item, "value", &tag->value, err) < 0 ||
            name_check_length("key", tag->key, 255, err) < 0 ||
            name_check_length("value", tag->value, 500, err) < 0)
            return -1;
    }
    return 0;
}

/* Lengths of MLflow's columns, which its clients count on. */
static int check_dataset(const struct dataset *dataset, struct error *err)
{
    if (name_check_length("name", dataset->name, 500, err) < 0 ||
        name_check_length("digest", dataset->digest, 36, err) < 0 ||
        name_check_length("source", dataset->source, 65535, err) < 0 ||
        name_check_length("schema", dataset->schema, 1048575, err) < 0)
        return -1;
    return name_check_length("profile", dataset->profile, 16777215, err);
}

/* The source may be long: it is the description of a query or a file. */
static int read_dataset(struct ask *ask, yyjson_val *item, struct dataset_input *out,
                        struct error *err)
{
    yyjson_val *object = yyjson_obj_get(item, "dataset");
    struct dataset *dataset = &out->dataset;

    if (!yyjson_is_obj(object))
        return error_set(
            err, ERROR_INVALID, "dataset",
            "Missing value for required parameter 'dataset'. See the API docs for more "
            "information about request parameters.");
    if (ask_value_need_text(ask, object, "name", &dataset->name, err) < 0 ||
        ask_value_need_text(ask, object, "digest", &dataset->digest, err) < 0 ||
        ask_value_need_text(ask, object, "source_type", &dataset->source_type, err) < 0 ||
        ask_value_need_text(ask, object, "source", &dataset->source, err) < 0 ||
        ask_value_text(ask, object, "schema", &dataset->schema, err) < 0 ||
        ask_value_text(ask, object, "profile", &dataset->profile, err) < 0 ||
        check_dataset(dataset, err) < 0)
        return -1;
    return read_tags(ask, item, &out->tags, err);
}

/* Each with tags that say in which context it was read. */
static int read_datasets(struct ask *ask, struct inputs *inputs, struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, "datasets", &list, err) < 0)
        return -1;
    if (yyjson_arr_size(list) > DATASETS_MAX)
        return error_set(err, ERROR_INVALID, "datasets",
                         "A request may name at most %d datasets, got %zu.", DATASETS_MAX,
                         yyjson_arr_size(list));
    inputs->datasets = arena_new_array(ask->arena, struct dataset_input, yyjson_arr_size(list) + 1);
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it)))
        if (read_dataset(ask, item, &inputs->datasets[inputs->dataset_count++], err) < 0)
            return -1;
    return 0;
}

/* Ids alone, or with the step at which the model came out. */
static int read_models(struct ask *ask, struct inputs *inputs, struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, "models", &list, err) < 0)
        return -1;
    inputs->models = arena_new_array(ask->arena, struct lineage_output, yyjson_arr_size(list) + 1);
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        struct lineage_output *model = &inputs->models[inputs->model_count++];
        if (ask_value_need_text(ask, item, "model_id", &model->model_id, err) < 0 ||
            ask_value_int(ask, item, "step", &model->step, err) < 0)
            return -1;
    }
    return 0;
}

/* All of the request in one write, after the run was found to be active. */
static int inputs_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    const struct inputs *inputs = work->detail;
    struct run run;

    if (work_find_run(work, txn, &run, err) < 0)
        return -1;
    for (size_t i = 0; i < inputs->dataset_count; i++)
        if (lineage_add_dataset(txn, &run, &inputs->datasets[i], err) < 0)
            return -1;
    for (size_t i = 0; i < inputs->model_count; i++) {
        const struct lineage_output *model = &inputs->models[i];
        int added = inputs->made
                        ? lineage_add_model_out(txn, run.run, model->model_id, model->step, err)
                        : lineage_add_model_in(txn, run.run, model->model_id, err);
        if (added < 0)
            return -1;
    }
    return run_touch(txn, run.run, err);
}

/* Datasets, and since 3.x models too. */
int mlflow_run_inputs(struct ask *ask, struct out *, struct error *err)
{
    struct inputs inputs = {0};
    struct work work = {.ask = ask, .detail = &inputs};

    if (ask_run_id(ask, &work.run_id, err) < 0 || read_datasets(ask, &inputs, err) < 0 ||
        read_models(ask, &inputs, err) < 0)
        return -1;
    return work_write(&work, inputs_apply, err);
}

/* Models that the run made. */
int mlflow_run_outputs(struct ask *ask, struct out *, struct error *err)
{
    struct inputs inputs = {.made = true};
    struct work work = {.ask = ask, .detail = &inputs};

    if (ask_run_id(ask, &work.run_id, err) < 0 || read_models(ask, &inputs, err) < 0)
        return -1;
    return work_write(&work, inputs_apply, err);
}

/* --- runs/log-model: what clients of 2.x say about a model in the run's artifacts ----------------
 */

#define HISTORY_TAG STR("mlflow.log-model.history")

/* The tag holds a JSON list of all models logged so far, in full (clients read it back). */
static int log_model_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct tracking *tracking = work->ask->mlflow->engines->tracking;
    struct arena *arena = store_arena(txn);
    struct run run;
    struct pair_value history;

    if (work_find_run(work, txn, &run, err) < 0)
        return -1;
    const struct pair_owner owner = {run.scope, run.run, run.run_id};
    if (tag_get(tracking, txn, &(struct tag_key){run.run, HISTORY_TAG}, &history, err) < 0)
        return -1;
    struct json *list = history.found ? json_parse(arena, history.text, NULL) : NULL;
    if (json_kind(list) != JSON_ARRAY)
        list = json_array(arena);
    json_append(arena, list, json_parse(arena, work->value, NULL));
    struct pair tag = {HISTORY_TAG, json_write(arena, list)};
    if (name_check_length("mlflow.log-model.history", tag.value, TAG_VALUE_MAX, NULL) < 0) {
        /* A cut list would be no list any more: the newest entry alone says the most. */
        list = json_array(arena);
        json_append(arena, list, json_parse(arena, work->value, NULL));
        tag.value = json_write(arena, list);
    }
    if (tags_set(tracking, txn, &owner, &(struct pairs){&tag, 1}, err) < 0)
        return -1;
    return run_touch(txn, run.run, err);
}

/* The older way to say it, by a JSON text of the model. */
int mlflow_run_log_model(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_run_id(ask, &work.run_id, err) < 0 ||
        ask_text(ask, "model_json", ASK_REQUIRED, &work.value, err) < 0)
        return -1;
    struct json *model = json_parse(ask->arena, work.value, NULL);
    if (json_kind(model) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "model_json",
                         "Malformed model info. \n %.*s \n is not valid JSON.",
                         STR_ARG(str_slice(work.value, 0, 200)));
    if (!json_at(model, "artifact_path") || !json_at(model, "flavors"))
        return error_set(err, ERROR_INVALID, "model_json",
                         "Model json is missing mandatory fields: artifact_path, flavors");
    return work_write(&work, log_model_apply, err);
}
