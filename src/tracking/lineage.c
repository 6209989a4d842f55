/* What a run read and made: datasets by name and digest, which many runs share, and logged models
 * with the step at which they were made. */
#include "tracking/lineage.h"

#include <assert.h>
#include <string.h>

#define USES_MAX 1000

/* Shared by all runs of an experiment that name the same digest. */
static int dataset_ensure(struct store_txn *txn, const struct run *run,
                          const struct dataset *dataset, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO dataset (scope, experiment, name, digest, source_type, source,"
                        " schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT (scope, experiment, name, digest)"
                        " DO UPDATE SET name = excluded.name RETURNING dataset",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run->scope);
    sql_bind_int(q, 2, run->experiment);
    sql_bind_text(q, 3, dataset->name);
    sql_bind_text(q, 4, dataset->digest);
    sql_bind_text(q, 5, dataset->source_type);
    sql_bind_text(q, 6, dataset->source);
    sql_bind_text_or_null(q, 7, dataset->schema);
    sql_bind_text_or_null(q, 8, dataset->profile);
    if (sql_step(q) > 0)
        *out = sql_int(q, 0);
    return sql_end(q, err);
}

/* The same dataset again changes nothing, its tags included: what a run read is evidence. */
int lineage_add_dataset(struct store_txn *txn, const struct run *run,
                        const struct dataset_input *input, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *tags = json_array(arena);
    int64_t dataset = 0;

    if (dataset_ensure(txn, run, &input->dataset, &dataset, err) < 0)
        return -1;
    for (size_t i = 0; i < input->tags.count; i++) {
        struct json *tag = json_object(arena);
        json_set_str(arena, tag, "key", input->tags.at[i].key);
        json_set_str(arena, tag, "value", input->tags.at[i].value);
        json_append(arena, tags, tag);
    }
    struct sql *q = sql(txn,
                        "INSERT INTO run_input (run, kind, ref, tags) VALUES (?, 'dataset', ?, ?)"
                        " ON CONFLICT (run, kind, ref) DO NOTHING",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run->run);
    sql_bind_text(q, 2, arena_printf(arena, "%lld", (long long)dataset));
    sql_bind_text(q, 3, json_write(arena, tags));
    return sql_run(q, err);
}

/* Twice is once. */
int lineage_add_model_in(struct store_txn *txn, int64_t run, struct str model_id, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO run_input (run, kind, ref) VALUES (?, 'model', ?)"
                        " ON CONFLICT (run, kind, ref) DO NOTHING",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    sql_bind_text(q, 2, model_id);
    return sql_run(q, err);
}

/* With the step at which it was logged. */
int lineage_add_model_out(struct store_txn *txn, int64_t run, struct str model_id, int64_t step,
                          struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO run_output (run, kind, ref, step) VALUES (?, 'model', ?, ?)"
                        " ON CONFLICT (run, kind, ref) DO UPDATE SET step = excluded.step",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    sql_bind_text(q, 2, model_id);
    sql_bind_int(q, 3, step);
    return sql_run(q, err);
}

/* Written by us; a text that cannot be read is as good as no tags. */
static struct pairs input_tags(struct arena *arena, struct str text)
{
    struct json *list = json_parse(arena, text, NULL);
    struct pairs pairs = {arena_new_array(arena, struct pair, json_count(list)), 0};
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        pairs.at[pairs.count++] =
            (struct pair){json_str_at(it.value, "key"), json_str_at(it.value, "value")};
    return pairs;
}

/* Rows of one statement in an array that doubles. */
static void *grown(struct arena *arena, void *old, size_t count, size_t item)
{
    assert(item > 0);
    if (count > 0 && (count & (count - 1)) != 0)
        return old; /* sizes are powers of two; there is room */
    void *array = arena_alloc_array(arena, count ? count * 2 : 1, item);
    if (count)
        memcpy(array, old, count * item);
    return array;
}

/* "training", "validation", or what else a client calls it. */
struct str lineage_context(const struct pairs *tags)
{
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->at[i].key, STR("mlflow.data.context")))
            return tags->at[i].value;
    return STR("");
}

/* Whether it is among those with the same name and digest, which are the last ones. */
static bool used(const struct dataset_uses *uses, const struct dataset_use *use)
{
    assert(uses && use);
    for (size_t i = uses->count; i > 0; i--) {
        const struct dataset_use *other = &uses->at[i - 1];
        if (!str_eq(other->name, use->name) || !str_eq(other->digest, use->digest))
            return false;
        if (str_eq(other->context, use->context))
            return true;
    }
    return false;
}

/* Tags tell more than the context, so one use may come in several rows. */
int lineage_uses(struct store_txn *txn, const struct experiment_key *experiment,
                 struct dataset_uses *out, struct error *err)
{
    assert(experiment && out);
    struct arena *arena = store_arena(txn);
    struct dataset_uses uses = {arena_new_array(arena, struct dataset_use, USES_MAX), 0};
    struct sql *q = sql(txn,
                        "SELECT DISTINCT d.name, d.digest, i.tags FROM run r"
                        " JOIN run_input i ON i.run = r.run AND i.kind = 'dataset'"
                        " JOIN dataset d ON d.dataset = CAST(i.ref AS BIGINT)"
                        " WHERE r.scope = ? AND r.experiment = ?"
                        " ORDER BY d.name, d.digest, i.tags",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    while (uses.count < USES_MAX && sql_step(q) > 0) {
        struct pairs tags = input_tags(arena, sql_is_null(q, 2) ? STR("[]") : sql_peek(q, 2));
        struct dataset_use use = {sql_text(q, 0), sql_text(q, 1), lineage_context(&tags)};
        if (!used(&uses, &use))
            uses.at[uses.count++] = use;
    }
    if (sql_end(q, err) < 0)
        return -1;
    *out = uses;
    return 0;
}

/* In the order in which the experiment first met them. */
static int read_datasets(struct store_txn *txn, int64_t run, struct lineage *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn,
                        "SELECT d.dataset, d.name, d.digest, d.source_type, d.source, d.schema,"
                        " d.profile, i.tags FROM run_input i"
                        " JOIN dataset d ON d.dataset = CAST(i.ref AS BIGINT)"
                        " WHERE i.run = ? AND i.kind = 'dataset' ORDER BY d.dataset",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    while (sql_step(q) > 0) {
        out->datasets = grown(arena, out->datasets, out->dataset_count, sizeof *out->datasets);
        out->datasets[out->dataset_count++] = (struct dataset_input){
            .dataset = {.dataset = sql_int(q, 0),
                        .name = sql_text(q, 1),
                        .digest = sql_text(q, 2),
                        .source_type = sql_text(q, 3),
                        .source = sql_text(q, 4),
                        .schema = sql_is_null(q, 5) ? STR("") : sql_text(q, 5),
                        .profile = sql_is_null(q, 6) ? STR("") : sql_text(q, 6)},
            .tags = input_tags(arena, sql_is_null(q, 7) ? STR("[]") : sql_peek(q, 7))};
    }
    return sql_end(q, err);
}

/* Ids alone: what the models are is asked of their own rows by whoever shows them. */
static int read_models(struct store_txn *txn, int64_t run, struct lineage *out, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn, "SELECT ref FROM run_input WHERE run = ? AND kind = 'model'", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    while (sql_step(q) > 0) {
        out->models_in = grown(arena, out->models_in, out->model_in_count, sizeof *out->models_in);
        out->models_in[out->model_in_count++] = sql_text(q, 0);
    }
    if (sql_end(q, err) < 0)
        return -1;
    q = sql(txn, "SELECT ref, step FROM run_output WHERE run = ? AND kind = 'model'", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    while (sql_step(q) > 0) {
        out->models_out =
            grown(arena, out->models_out, out->model_out_count, sizeof *out->models_out);
        out->models_out[out->model_out_count++] =
            (struct lineage_output){sql_text(q, 0), sql_is_null(q, 1) ? 0 : sql_int(q, 1)};
    }
    return sql_end(q, err);
}

/* Empty lists for a run without any. */
int lineage_read(struct store_txn *txn, int64_t run, struct lineage *out, struct error *err)
{
    struct lineage read = {0};

    if (read_datasets(txn, run, &read, err) < 0 || read_models(txn, run, &read, err) < 0)
        return -1;
    *out = read;
    return 0;
}
