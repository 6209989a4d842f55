/* Searches of runs and logged models: the request is read here, the work is tracking's. */
#include "tracking/search.h"

#include "base/map.h"
#include "mlflow/work.h"
#include "tracking/lineage.h"

#include <assert.h>
#include <stdlib.h>

#define EXPERIMENTS_MAX 10000
#define RUNS_DEFAULT 1000
#define RUNS_MAX 50000

/* ACTIVE_ONLY, DELETED_ONLY, ALL as name or number. */
static int read_view(struct ask *ask, enum search_view *out, struct error *err)
{
    static const char *const VIEWS[] = {"", "ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
    yyjson_val *value = ask->body ? yyjson_obj_get(ask->body, "run_view_type") : NULL;
    struct str text = STR("");
    int64_t number = SEARCH_ACTIVE;

    if (yyjson_is_int(value))
        number = yyjson_get_sint(value);
    else if (ask_text(ask, "run_view_type", ASK_OPTIONAL, &text, err) < 0)
        return -1;
    if (text.len > 0)
        for (number = 3; number > 0 && !str_eq(text, str_from(VIEWS[number]));)
            number--;
    if (number < 1 || number > 3)
        return error_set(err, ERROR_INVALID, "run_view_type",
                         "Invalid value %.*s for parameter 'run_view_type' supplied:  Hint: Value "
                         "was of type 'str'. See the API docs for more information about request "
                         "parameters.",
                         STR_ARG(str_slice(text, 0, 100)));
    *out = (enum search_view)number;
    return 0;
}

/* Without any nothing is found: MLflow searches no whole workspace. */
static int read_experiments(struct ask *ask, struct search *search, struct error *err)
{
    struct ask_texts ids;

    if (ask_texts(ask, "experiment_ids", &ids, err) < 0)
        return -1;
    if (ids.count > EXPERIMENTS_MAX)
        return error_set(err, ERROR_INVALID, "experiment_ids",
                         "At most %d experiments can be searched.", EXPERIMENTS_MAX);
    int64_t *numbers = arena_new_array(ask->arena, int64_t, ids.count + 1);
    for (size_t i = 0; i < ids.count; i++)
        if (ask_parse_experiment_id(ids.at[i], &numbers[i], err) < 0)
            return -1;
    search->experiments = numbers;
    search->experiment_count = ids.count;
    return 0;
}

/* What runs and models have in common. */
static int read_search(struct ask *ask, const struct filter_grammar *grammar, struct search *search,
                       struct error *err)
{
    struct work_orders orders;
    struct str filter;

    if (read_experiments(ask, search, err) < 0 ||
        ask_text(ask, "filter", ASK_OPTIONAL, &filter, err) < 0 ||
        filter_parse(ask->arena, grammar, filter, &search->filter, err) < 0 ||
        work_orders(ask, grammar, &orders, err) < 0 ||
        work_offset(ask, 0, &search->offset, err) < 0)
        return -1;
    search->orders = orders.at;
    search->order_count = orders.count;
    return 0;
}

/* Runs of one experiment stand together, so its location is asked once for each stretch. */
static int show_runs(struct ask *ask, struct store_txn *txn, const struct run_page *page,
                     struct out *out, struct error *err)
{
    struct shown_run shown = {.location = STR("")};

    if (page->count == 0)
        return 0;
    out_begin(out, "runs", '[');
    for (size_t i = 0; i < page->count; i++) {
        shown.run = &page->runs[i];
        if ((i == 0 || shown.run->experiment != page->runs[i - 1].experiment) &&
            work_location(txn, shown.run, &shown.location, err) < 0)
            return -1;
        if (show_run(ask, txn, &shown, out, err) < 0)
            return -1;
    }
    out_end(out, ']');
    return 0;
}

/* The page is shown from the same snapshot it was searched in. */
int mlflow_search_runs(struct ask *ask, struct out *out, struct error *err)
{
    struct search search = {.view = SEARCH_ACTIVE};
    struct run_page page;

    if (work_limit(ask, RUNS_DEFAULT, RUNS_MAX, &search.limit, err) < 0 ||
        read_view(ask, &search.view, err) < 0 || read_search(ask, &filter_runs, &search, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &search.scope, err) < 0 ||
        search_runs(ask->mlflow->engines->tracking, txn, &search, &page, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    if (show_runs(ask, txn, &page, out, err) < 0)
        return -1;
    if (page.more)
        out_text(out, "next_page_token", work_token(ask->arena, search.offset + page.count, 0));
    out_end(out, '}');
    return 0;
}

/* --- Logged models ------------------------------------------------------------------------------
 */

/* The dataset that an object names. */
static int read_measured_on(struct ask *ask, yyjson_val *item, struct measured_on *out,
                            struct error *err)
{
    if (ask_value_text(ask, item, "dataset_name", &out->name, err) < 0)
        return -1;
    return ask_value_text(ask, item, "dataset_digest", &out->digest, err);
}

/* "metrics.loss", or an attribute's bare name: nothing else sorts models. The name is a field of
 * its own, so no direction may follow it. */
static int read_object_order(struct ask *ask, yyjson_val *item, struct order_clause *out,
                             struct error *err)
{
    struct str name;
    struct error none = {0};

    assert(out);
    if (ask_value_text(ask, item, "field_name", &name, err) < 0)
        return -1;
    if (name.len == 0)
        return error_set(err, ERROR_INVALID, "order_by",
                         "`field_name` in the `order_by` clause must be specified.");
    if (order_parse(ask->arena, &filter_logged_models, name, out, &none) < 0)
        return error_set(err, ERROR_INVALID, "order_by", "Invalid order by field name: %.*s",
                         STR_ARG(str_slice(name, 0, 200)));
    if (out->entity != FILTER_ATTRIBUTE && out->entity != FILTER_METRIC)
        return error_set(err, ERROR_INVALID, "order_by",
                         "Invalid order by field name: %.*s. Only metrics are supported.",
                         STR_ARG(str_slice(name, 0, 200)));
    yyjson_val *ascending = yyjson_obj_get(item, "ascending");
    out->descending = ascending && yyjson_is_false(ascending);
    return 0;
}

/* Their order is a list of objects {field_name, ascending, dataset_name, dataset_digest}. */
static int read_object_orders(struct ask *ask, struct search *search, struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    if (ask_objects(ask, "order_by", &list, err) < 0)
        return -1;
    size_t count = yyjson_arr_size(list);
    struct order_clause *orders = arena_new_array(ask->arena, struct order_clause, count + 1);
    struct measured_on *on = arena_new_array(ask->arena, struct measured_on, count + 1);
    search->orders = orders;
    search->order_datasets = on;
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        size_t at = search->order_count++;
        if (read_object_order(ask, item, &orders[at], err) < 0 ||
            read_measured_on(ask, item, &on[at], err) < 0)
            return -1;
    }
    return 0;
}

/* On which datasets metrics have to be measured to count. */
static int read_measured(struct ask *ask, struct search *search, struct error *err)
{
    yyjson_val *list, *item;
    yyjson_arr_iter it;

    assert(search);
    if (ask_objects(ask, "datasets", &list, err) < 0)
        return -1;
    struct measured_on *on =
        arena_new_array(ask->arena, struct measured_on, yyjson_arr_size(list) + 1);
    search->datasets = on;
    if (!list)
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it))) {
        if (read_measured_on(ask, item, &on[search->dataset_count], err) < 0)
            return -1;
        if (on[search->dataset_count++].name.len == 0)
            return error_set(err, ERROR_INVALID, "datasets",
                             "`dataset_name` in the `datasets` clause must be specified.");
    }
    return 0;
}

/* A token is bound to what was searched. */
static uint64_t mark_of(struct ask *ask, struct str filter)
{
    const char *const fields[] = {"experiment_ids", "order_by", "datasets"};
    uint64_t mark = map_hash(filter);

    assert(!ask->query);
    for (size_t i = 0; i < COUNT(fields); i++) {
        size_t length = 0;
        yyjson_val *value = ask->body ? yyjson_obj_get(ask->body, fields[i]) : NULL;
        char *text = value ? yyjson_val_write(value, 0, &length) : NULL;
        mark = mark * 31 + map_hash((struct str){text, length});
        free(text);
    }
    return mark;
}

/* The page token holds a mark of filter and order: another search must not go on from it. */
int mlflow_model_search(struct ask *ask, struct out *out, struct error *err)
{
    struct search search = {0};
    struct logged_model_page page;
    struct str filter;

    if (work_limit(ask, 50, 1000, &search.limit, err) < 0 ||
        read_experiments(ask, &search, err) < 0 ||
        ask_text(ask, "filter", ASK_OPTIONAL, &filter, err) < 0 ||
        filter_parse(ask->arena, &filter_logged_models, filter, &search.filter, err) < 0 ||
        read_measured(ask, &search, err) < 0 || read_object_orders(ask, &search, err) < 0)
        return -1;
    uint64_t mark = mark_of(ask, filter);
    if (work_offset(ask, mark, &search.offset, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &search.scope, err) < 0 ||
        search_logged_models(ask->mlflow->engines->tracking, txn, &search, &page, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    if (page.count > 0) {
        out_begin(out, "models", '[');
        for (size_t i = 0; i < page.count; i++) {
            out_begin(out, NULL, '{');
            if (show_logged_model(ask, txn, &page.models[i], out, err) < 0)
                return -1;
            out_end(out, '}');
        }
        out_end(out, ']');
    }
    if (page.more)
        out_text(out, "next_page_token", work_token(ask->arena, search.offset + page.count, mark));
    out_end(out, '}');
    return 0;
}

/* --- Datasets of experiments ------------------------------------------------------------------ */

#define DATASET_EXPERIMENTS_MAX 20

/* What the user interface offers as filters; one dataset for each thing it was used for. */
static void show_use(struct out *out, struct str experiment, const struct dataset_use *use)
{
    assert(use);
    out_begin(out, NULL, '{');
    out_text(out, "experiment_id", experiment);
    out_text(out, "name", use->name);
    out_text(out, "digest", use->digest);
    if (use->context.len)
        out_text(out, "context", use->context);
    out_end(out, '}');
}

/* As few experiments at once as MLflow's own server takes. */
static int read_dataset_experiments(struct ask *ask, struct search *out, struct error *err)
{
    struct ask_texts ids;

    if (ask_texts(ask, "experiment_ids", &ids, err) < 0)
        return -1;
    if (ids.count == 0)
        return error_set(err, ERROR_INVALID, "experiment_ids",
                         "SearchDatasets request must specify at least one experiment_id.");
    if (ids.count > DATASET_EXPERIMENTS_MAX)
        return error_set(err, ERROR_INVALID, "experiment_ids",
                         "SearchDatasets request cannot specify more than %d experiment_ids. "
                         "Received %zu experiment_ids.",
                         DATASET_EXPERIMENTS_MAX, ids.count);
    return read_experiments(ask, out, err);
}

/* For the boxes of the user interface. */
int mlflow_search_datasets(struct ask *ask, struct out *out, struct error *err)
{
    struct search search = {0};

    if (read_dataset_experiments(ask, &search, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    if (!txn || ask_scope_number(ask, txn, &search.scope, err) < 0)
        return -1;
    out_begin(out, NULL, '{');
    out_begin(out, "dataset_summaries", '[');
    for (size_t i = 0; i < search.experiment_count; i++) {
        const struct experiment_key key = {search.scope, search.experiments[i]};
        struct str experiment = arena_printf(ask->arena, "%lld", (long long)key.id);
        struct dataset_uses uses;
        if (lineage_uses(txn, &key, &uses, err) < 0)
            return -1;
        for (size_t use = 0; use < uses.count; use++)
            show_use(out, experiment, &uses.at[use]);
    }
    out_end(out, ']');
    out_end(out, '}');
    return 0;
}
