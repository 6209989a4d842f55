/* Runs, experiments and logged models as MLflow writes them: what is empty is left out, as
 * protobuf's JSON does, except for the objects that its clients open without looking. */
#include "mlflow/show.h"

#include "mlflow/address.h"
#include "tracking/lineage.h"

#include <assert.h>

/* A run that has not begun shows when it was made, since clients sort by the start. */
void show_run_info(struct out *out, const char *key, const struct ask *ask, const struct run *run,
                   struct str location)
{
    struct arena *arena = ask->arena;

    out_begin(out, key, '{');
    out_text(out, "run_uuid", run->run_id);
    out_text(out, "run_id", run->run_id);
    out_text(out, "run_name", run->name);
    out_text(out, "experiment_id", arena_printf(arena, "%lld", (long long)run->experiment));
    out_text(out, "user_id", run->user);
    out_text(out, "status", str_from(run_status_mlflow(run->status)));
    out_int(out, "start_time", (run->start_us ? run->start_us : run->created_us) / US_PER_MS);
    if (run->end_us)
        out_int(out, "end_time", run->end_us / US_PER_MS);
    out_text(out, "artifact_uri", address_run(ask, run, location));
    out_text(out, "lifecycle_stage", run->deleted_us ? STR("deleted") : STR("active"));
    out_end(out, '}');
}

/* Left out when there are none, as protobuf does. */
void show_pairs(struct out *out, const char *key, const struct pairs *pairs)
{
    if (pairs->count == 0)
        return;
    out_begin(out, key, '[');
    for (size_t i = 0; i < pairs->count; i++)
        out_pair(out, pairs->at[i].key, pairs->at[i].value);
    out_end(out, ']');
}

/* The latest of each key, with its step and time. */
static void show_metrics(struct out *out, const struct metric_list *metrics)
{
    if (metrics->count == 0)
        return;
    out_begin(out, "metrics", '[');
    for (size_t i = 0; i < metrics->count; i++) {
        const struct metric_latest *metric = &metrics->at[i];
        out_begin(out, NULL, '{');
        out_text(out, "key", metric->key);
        out_double(out, "value", metric->entry->last);
        out_int(out, "timestamp", metric->entry->at_ms);
        out_int(out, "step", metric->entry->step);
        out_end(out, '}');
    }
    out_end(out, ']');
}

/* Schema and profile only where they were logged. */
static void show_dataset(struct out *out, const struct dataset_input *input)
{
    const struct dataset *dataset = &input->dataset;

    out_begin(out, NULL, '{');
    show_pairs(out, "tags", &input->tags);
    out_begin(out, "dataset", '{');
    out_text(out, "name", dataset->name);
    out_text(out, "digest", dataset->digest);
    out_text(out, "source_type", dataset->source_type);
    out_text(out, "source", dataset->source);
    if (dataset->schema.len)
        out_text(out, "schema", dataset->schema);
    if (dataset->profile.len)
        out_text(out, "profile", dataset->profile);
    out_end(out, '}');
    out_end(out, '}');
}

/* The object is there even when it is empty. */
static void show_inputs(struct out *out, const struct lineage *lineage)
{
    out_begin(out, "inputs", '{');
    if (lineage->dataset_count) {
        out_begin(out, "dataset_inputs", '[');
        for (size_t i = 0; i < lineage->dataset_count; i++)
            show_dataset(out, &lineage->datasets[i]);
        out_end(out, ']');
    }
    if (lineage->model_in_count) {
        out_begin(out, "model_inputs", '[');
        for (size_t i = 0; i < lineage->model_in_count; i++) {
            out_begin(out, NULL, '{');
            out_text(out, "model_id", lineage->models_in[i]);
            out_end(out, '}');
        }
        out_end(out, ']');
    }
    out_end(out, '}');
}

/* As the inputs. */
static void show_outputs(struct out *out, const struct lineage *lineage)
{
    out_begin(out, "outputs", '{');
    if (lineage->model_out_count) {
        out_begin(out, "model_outputs", '[');
        for (size_t i = 0; i < lineage->model_out_count; i++) {
            out_begin(out, NULL, '{');
            out_text(out, "model_id", lineage->models_out[i].model_id);
            out_int(out, "step", lineage->models_out[i].step);
            out_end(out, '}');
        }
        out_end(out, ']');
    }
    out_end(out, '}');
}

/* All is read before anything is written, so that a failure leaves no half of a run. */
int show_run(struct ask *ask, struct store_txn *txn, const struct shown_run *shown, struct out *out,
             struct error *err)
{
    const struct run *run = shown->run;
    struct tracking *tracking = ask->mlflow->engines->tracking;
    struct metric_list metrics;
    struct pairs params, tags;
    struct lineage lineage;

    if (metric_latest(tracking, txn, run->run, &metrics, err) < 0 ||
        params_read(tracking, txn, run->run, &params, err) < 0 ||
        tags_read(tracking, txn, run->run, &tags, err) < 0 ||
        lineage_read(txn, run->run, &lineage, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    show_run_info(out, "info", ask, run, shown->location);
    out_begin(out, "data", '{');
    show_metrics(out, &metrics);
    show_pairs(out, "params", &params);
    show_pairs(out, "tags", &tags);
    out_end(out, '}');
    show_inputs(out, &lineage);
    show_outputs(out, &lineage);
    out_end(out, '}');
    return 0;
}

/* Its members alone, since clients get them in objects of other names. */
int show_experiment(const struct ask *ask, struct store_txn *txn,
                    const struct experiment *experiment, struct out *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct str id = arena_printf(arena, "%lld", (long long)experiment->id);
    struct pairs tags;

    if (experiment_tags(txn, experiment->scope, experiment->id, &tags, err) < 0)
        return -1;
    out_text(out, "experiment_id", id);
    out_text(out, "name", experiment->name);
    out_text(out, "artifact_location", address_experiment(ask, experiment));
    out_text(out, "lifecycle_stage", experiment->deleted_us ? STR("deleted") : STR("active"));
    out_int(out, "last_update_time", experiment->updated_us / US_PER_MS);
    out_int(out, "creation_time", experiment->created_us / US_PER_MS);
    show_pairs(out, "tags", &tags);
    return 0;
}

/* One for each dataset, with the run that measured it. */
static int show_model_metrics(struct ask *ask, struct store_txn *txn,
                              const struct logged_model *model, struct out *out, struct error *err)
{
    struct metric_list metrics;

    if (metric_latest(ask->mlflow->engines->tracking, txn, -model->model, &metrics, err) < 0)
        return -1;
    if (metrics.count == 0)
        return 0;
    out_begin(out, "metrics", '[');
    for (size_t i = 0; i < metrics.count; i++) {
        const struct metric_latest *metric = &metrics.at[i];
        struct metric_source source = {0};
        if (metric->entry->source && metric_source(txn, metric->entry->source, &source, err) < 0)
            return -1;
        out_begin(out, NULL, '{');
        out_text(out, "key", metric->key);
        out_double(out, "value", metric->entry->last);
        out_int(out, "timestamp", metric->entry->at_ms);
        out_int(out, "step", metric->entry->step);
        if (source.dataset_name.len) {
            out_text(out, "dataset_name", source.dataset_name);
            out_text(out, "dataset_digest", source.dataset_digest);
        }
        out_text(out, "model_id", model->model_id);
        out_text(out, "run_id", source.run_id.len ? source.run_id : model->run_id);
        out_end(out, '}');
    }
    out_end(out, ']');
    return 0;
}

static const char *const MODEL_STATUSES[] = {"LOGGED_MODEL_STATUS_UNSPECIFIED",
                                             "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                             "LOGGED_MODEL_UPLOAD_FAILED"};

/* Times end in _ms here, unlike those of runs: these messages are younger. */
int show_logged_model(struct ask *ask, struct store_txn *txn, const struct logged_model *model,
                      struct out *out, struct error *err)
{
    struct tracking *tracking = ask->mlflow->engines->tracking;
    struct pairs params, tags;

    assert(model->status <= LOGGED_MODEL_FAILED);
    if (params_read(tracking, txn, -model->model, &params, err) < 0 ||
        tags_read(tracking, txn, -model->model, &tags, err) < 0)
        return -1;
    out_begin(out, "info", '{');
    out_text(out, "model_id", model->model_id);
    out_text(out, "experiment_id", arena_printf(ask->arena, "%lld", (long long)model->experiment));
    out_text(out, "name", model->name);
    out_int(out, "creation_timestamp_ms", model->created_us / US_PER_MS);
    out_int(out, "last_updated_timestamp_ms", model->updated_us / US_PER_MS);
    out_text(out, "artifact_uri", address_model(ask, model));
    out_text(out, "status", str_from(MODEL_STATUSES[model->status]));
    if (model->kind.len)
        out_text(out, "model_type", model->kind);
    if (model->run_id.len)
        out_text(out, "source_run_id", model->run_id);
    show_pairs(out, "tags", &tags);
    out_end(out, '}');
    out_begin(out, "data", '{');
    show_pairs(out, "params", &params);
    if (show_model_metrics(ask, txn, model, out, err) < 0)
        return -1;
    out_end(out, '}');
    return 0;
}
