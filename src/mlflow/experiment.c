/* Experiments on MLflow's routes. There are few of them in a workspace, so searches read all. */
#include "mlflow/name.h"
#include "mlflow/work.h"
#include "tracking/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TAG_TEXT_MAX 20000
#define LOCATION_MAX 2048

/* Whatever was found, deleted or not. */
static int show_one(struct ask *ask, struct store_txn *txn, const struct experiment *experiment,
                    struct out *out, struct error *err)
{
    out_begin(out, NULL, '{');
    out_begin(out, "experiment", '{');
    if (show_experiment(ask, txn, experiment, out, err) < 0)
        return -1;
    out_end(out, '}');
    out_end(out, '}');
    return 0;
}

/* By id; a deleted one is shown with its stage. */
int mlflow_experiment_get(struct ask *ask, struct out *out, struct error *err)
{
    struct experiment experiment;
    int64_t id = 0, scope;

    if (ask_experiment_id(ask, ASK_REQUIRED, &id, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
        experiment_get(txn, scope, id, &experiment, err) < 0)
        return -1;
    return show_one(ask, txn, &experiment, out, err);
}

/* MLflow's client asks by name before it creates. */
int mlflow_experiment_by_name(struct ask *ask, struct out *out, struct error *err)
{
    struct experiment experiment;
    struct str name;
    int64_t scope;

    if (ask_text(ask, "experiment_name", ASK_REQUIRED, &name, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
        experiment_by_name(txn, scope, name, &experiment, err) < 0)
        return -1;
    return show_one(ask, txn, &experiment, out, err);
}

/* Tags of the body, checked. */
static int read_tags(struct ask *ask, struct pairs *out, struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, "tags", &list, err) < 0)
        return -1;
    *out = (struct pairs){arena_new_array(ask->arena, struct pair, yyjson_arr_size(list) + 1), 0};
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        struct pair *tag = &out->at[out->count++];
        if (ask_value_need_text(ask, item, "key", &tag->key, err) < 0 ||
            ask_value_text(ask, item, "value", &tag->value, err) < 0 ||
            name_check_key("key", "key", tag->key, err) < 0 ||
            name_check_length("value", tag->value, TAG_TEXT_MAX, err) < 0)
            return -1;
    }
    return 0;
}

/* Checked in form only: it is a prefix that clients put before paths. */
static int check_location(struct str location, struct error *err)
{
    if (location.len > LOCATION_MAX)
        return error_set(err, ERROR_INVALID, "artifact_location",
                         "Invalid artifact path length. The length of the artifact path cannot be "
                         "greater than %d characters.",
                         LOCATION_MAX);
    if (str_find_char(location, '#') >= 0 || str_find_char(location, '?') >= 0)
        return error_set(err, ERROR_INVALID, "artifact_location",
                         "Artifact location cannot contain fragments or queries.");
    return 0;
}

/* With its tags or not at all. */
static int create_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct work *work = context;
    struct experiment made = {.name = work->name, .location = work->value};

    if (ask_scope_number(work->ask, txn, &made.scope, err) < 0 ||
        experiment_insert(txn, &made, err) < 0)
        return -1;
    for (size_t i = 0; i < work->pairs.count; i++)
        if (experiment_set_tag(txn, &made, work->pairs.at[i].key, work->pairs.at[i].value, err) < 0)
            return -1;
    work->number = made.id;
    return 0;
}

/* The id is text on the wire, though a number here. */
int mlflow_experiment_create(struct ask *ask, struct out *out, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_text(ask, "name", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "artifact_location", ASK_OPTIONAL, &work.value, err) < 0 ||
        read_tags(ask, &work.pairs, err) < 0 || name_check_experiment(work.name, err) < 0 ||
        check_location(work.value, err) < 0 || work_write(&work, create_apply, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_text(out, "experiment_id", arena_printf(ask->arena, "%lld", (long long)work.number));
    out_end(out, '}');
    return 0;
}

/* Writes on one experiment: found by work->number, then changed. */
static int find(struct work *work, struct store_txn *txn, struct experiment *out, struct error *err)
{
    int64_t scope;

    if (ask_scope_number(work->ask, txn, &scope, err) < 0)
        return -1;
    return experiment_get(txn, scope, work->number, out, err);
}

/* The engine refuses deleted ones and taken names. */
static int rename_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment found;
    struct work *work = context;

    return find(work, txn, &found, err) < 0 ? -1 : experiment_rename(txn, &found, work->name, err);
}

/* Runs go along, marked by the same instant. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment found;

    return find(context, txn, &found, err) < 0 ? -1 : experiment_delete(txn, &found, err);
}

/* And come back with it. */
static int restore_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment found;

    return find(context, txn, &found, err) < 0 ? -1 : experiment_restore(txn, &found, err);
}

/* Of an active experiment only. */
static int set_tag_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment found;
    struct work *work = context;

    return find(work, txn, &found, err) < 0
               ? -1
               : experiment_set_tag(txn, &found, work->name, work->value, err);
}

/* A missing one is told, as MLflow does. */
static int delete_tag_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct experiment found;
    struct work *work = context;

    return find(work, txn, &found, err) < 0 ? -1
                                            : experiment_delete_tag(txn, &found, work->name, err);
}

/* Without a new name there is nothing to do, which is no error. */
int mlflow_experiment_update(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_experiment_id(ask, ASK_REQUIRED, &work.number, err) < 0 ||
        ask_text(ask, "new_name", ASK_OPTIONAL, &work.name, err) < 0)
        return -1;
    if (work.name.len == 0)
        return 0;
    if (name_check_experiment(work.name, err) < 0)
        return -1;
    return work_write(&work, rename_apply, err);
}

/* Deleting and restoring differ in what is applied. */
static int change_stage(struct ask *ask, store_apply *apply, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_experiment_id(ask, ASK_REQUIRED, &work.number, err) < 0)
        return -1;
    return work_write(&work, apply, err);
}

/* A stage, not an end. */
int mlflow_experiment_delete(struct ask *ask, struct out *, struct error *err)
{
    return change_stage(ask, delete_apply, err);
}

/* The opposite. */
int mlflow_experiment_restore(struct ask *ask, struct out *, struct error *err)
{
    return change_stage(ask, restore_apply, err);
}

/* Limits are those of run tags. */
int mlflow_experiment_set_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_experiment_id(ask, ASK_REQUIRED, &work.number, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &work.name, err) < 0 ||
        ask_text(ask, "value", ASK_OPTIONAL, &work.value, err) < 0 ||
        name_check_key("key", "key", work.name, err) < 0 ||
        name_check_length("value", work.value, TAG_TEXT_MAX, err) < 0)
        return -1;
    return work_write(&work, set_tag_apply, err);
}

/* Any key may be asked for, also one that could not be set today. */
int mlflow_experiment_delete_tag(struct ask *ask, struct out *, struct error *err)
{
    struct work work = {.ask = ask};

    if (ask_experiment_id(ask, ASK_REQUIRED, &work.number, err) < 0 ||
        ask_text(ask, "key", ASK_REQUIRED, &work.name, err) < 0)
        return -1;
    return work_write(&work, delete_tag_apply, err);
}

/* --- Search: all experiments of a workspace are few enough to be looked at one by one. ----------
 */

struct found {
    struct store_txn *txn;
    struct filter filter;
    struct work_orders orders;
    int64_t view;
    struct experiment *at;
    size_t count, size;
};

/* What a clause compares, of the attribute or the tag it names. */
static struct filter_value value_of(struct store_txn *txn, const struct experiment *experiment,
                                    enum filter_entity entity, int field, struct str key)
{
    struct filter_value value = {.present = true};
    struct pairs tags;

    if (entity == FILTER_TAG) {
        value.present = false;
        if (experiment_tags(txn, experiment->scope, experiment->id, &tags, NULL) < 0)
            return value;
        for (size_t i = 0; i < tags.count; i++)
            if (str_eq(tags.at[i].key, key))
                value = (struct filter_value){.present = true, .text = tags.at[i].value};
        return value;
    }
    assert(entity == FILTER_ATTRIBUTE);
    switch ((enum filter_field)field) {
    case FIELD_NAME:
        value.text = experiment->name;
        break;
    case FIELD_EXPERIMENT_ID:
        value.text = arena_printf(store_arena(txn), "%lld", (long long)experiment->id);
        break;
    case FIELD_CREATED:
        value.number = (double)(experiment->created_us / US_PER_MS);
        break;
    default:
        value.number = (double)(experiment->updated_us / US_PER_MS);
    }
    return value;
}

/* Sifted while they are walked, so that only those that fit are kept. */
static int visit(const struct experiment *experiment, void *context, struct error *)
{
    struct found *found = context;
    bool deleted = experiment->deleted_us != 0;

    if ((found->view == 1 && deleted) || (found->view == 2 && !deleted))
        return 0;
    for (size_t i = 0; i < found->filter.count; i++) {
        const struct filter_clause *clause = &found->filter.clauses[i];
        struct filter_value value =
            value_of(found->txn, experiment, clause->entity, clause->field, clause->key);
        if (!filter_match(clause, &value))
            return 0;
    }
    if (found->count == found->size) {
        size_t size = found->size * 2 + 64;
        struct experiment *grown =
            arena_new_array(store_arena(found->txn), struct experiment, size);
        if (found->count)
            memcpy(grown, found->at, found->count * sizeof *grown);
        found->at = grown;
        found->size = size;
    }
    found->at[found->count++] = *experiment;
    return 0;
}

/* By the clauses, then newest first, as MLflow's default has it. */
static int compare(const void *a, const void *b, void *context)
{
    const struct experiment *left = a, *right = b;
    const struct found *found = context;

    for (size_t i = 0; i < found->orders.count; i++) {
        const struct order_clause *order = &found->orders.at[i];
        struct filter_value x = value_of(found->txn, left, order->entity, order->field, order->key);
        struct filter_value y =
            value_of(found->txn, right, order->entity, order->field, order->key);
        int way = order_compare(order, &x, &y);
        if (way)
            return way;
    }
    if (left->created_us != right->created_us)
        return left->created_us > right->created_us ? -1 : 1;
    return left->id < right->id ? -1 : 1;
}

/* ACTIVE_ONLY, DELETED_ONLY, ALL as name or number; 1 when absent. */
static int read_view(struct ask *ask, int64_t *out, struct error *err)
{
    static const char *const VIEWS[] = {"", "ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
    yyjson_val *value = ask->body ? yyjson_obj_get(ask->body, "view_type") : NULL;
    struct str text;

    *out = 1;
    if (yyjson_is_int(value))
        *out = yyjson_get_sint(value);
    else if (ask_text(ask, "view_type", ASK_OPTIONAL, &text, err) < 0)
        return -1;
    else if (text.len > 0 && !str_to_int64(text, out))
        for (*out = 3; *out > 0 && !str_eq(text, str_from(VIEWS[*out]));)
            --*out;
    if (*out < 1 || *out > 3)
        return error_set(err, ERROR_INVALID, "view_type",
                         "Invalid value for parameter 'view_type' supplied. See the API docs for "
                         "more information about request parameters.");
    return 0;
}

/* One page of what was sorted. */
static int show_found(struct ask *ask, const struct found *found, size_t offset, size_t limit,
                      struct out *out)
{
    struct error err = {0};
    size_t end = offset + limit < found->count ? offset + limit : found->count;

    out_begin(out, NULL, '{');
    if (offset < end) {
        out_begin(out, "experiments", '[');
        for (size_t i = offset; i < end; i++) {
            out_begin(out, NULL, '{');
            if (show_experiment(ask, found->txn, &found->at[i], out, &err) < 0)
                return -1;
            out_end(out, '}');
        }
        out_end(out, ']');
    }
    if (end < found->count)
        out_text(out, "next_page_token", work_token(ask->arena, end, 0));
    out_end(out, '}');
    return 0;
}

/* Active ones unless it is said otherwise. */
static int search(struct ask *ask, int64_t fallback, struct out *out, struct error *err)
{
    struct found found = {0};
    struct str filter;
    size_t limit, offset;
    int64_t scope;

    if (work_limit(ask, fallback, 50000, &limit, err) < 0 ||
        work_offset(ask, 0, &offset, err) < 0 || read_view(ask, &found.view, err) < 0 ||
        ask_text(ask, "filter", ASK_OPTIONAL, &filter, err) < 0 ||
        filter_parse(ask->arena, &filter_experiments, filter, &found.filter, err) < 0 ||
        work_orders(ask, &filter_experiments, &found.orders, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    found.txn = txn;
    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 ||
        experiment_each(txn, scope, visit, &found, err) < 0)
        return -1;
    if (found.count > 1)
        qsort_r(found.at, found.count, sizeof *found.at, compare, &found);
    if (show_found(ask, &found, offset, limit, out) < 0)
        return error_set(err, ERROR_IO, "", "The experiments' tags could not be read.");
    return 0;
}

/* How many is for the client to say. */
int mlflow_experiment_search(struct ask *ask, struct out *out, struct error *err)
{
    return search(ask, 0, out, err);
}

/* As clients of 1.x ask, which knew no filters and need not say how many. */
int mlflow_experiment_list(struct ask *ask, struct out *out, struct error *err)
{
    return search(ask, 1000, out, err);
}
