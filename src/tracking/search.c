/* Searches of runs and logged models. Every thing of the experiments is looked at, cheap clauses
 * first, and a heap keeps those that the page can hold: memory goes with the page, not with the
 * number of runs. */
#include "tracking/search.h"

#include "tracking/lineage.h"
#include "tracking/metric.h"
#include "tracking/tracking_private.h"

#include <assert.h>
#include <string.h>

/* A thing that passed the filter, with what it is sorted by. */
struct candidate {
    struct run run;
    struct logged_model model;
    struct filter_value *orders;
};

/* One search under way. */
struct finder {
    struct tracking *tracking;
    struct store_txn *txn;
    const struct search *search;
    bool models;            /* logged models, not runs */
    int64_t *clause_words;  /* numbers of the keys in filter … */
    int64_t *order_words;   /* … and order */
    struct str location;    /* of the experiment walked now */
    struct candidate *kept; /* the best so far, a heap with the worst at the top */
    size_t count, size;
    struct summary summary; /* of the thing at hand, once read */
    bool summarized;
};

/* A text is always there, if only "". */
static struct filter_value value_text(struct str text)
{
    return (struct filter_value){.present = true, .text = text};
}

/* Whether it is there is asked apart, for 0 is a value. */
static struct filter_value value_number(double number, bool present)
{
    return (struct filter_value){.present = present, .number = number};
}

/* Times are compared in milliseconds, as clients see them. */
static struct filter_value run_field(struct finder *finder, const struct run *run, int field)
{
    switch ((enum filter_field)field) {
    case FIELD_RUN_ID:
        return value_text(run->run_id);
    case FIELD_NAME:
        return value_text(run->name);
    case FIELD_USER:
        return value_text(run->user);
    case FIELD_STATUS:
        return value_text(str_from(run_status_mlflow(run->status)));
    case FIELD_ARTIFACT_URI:
        return value_text(run_artifact_uri(store_arena(finder->txn), run, finder->location));
    case FIELD_START:
        return value_number((double)(run->start_us / US_PER_MS), run->start_us != 0);
    default:
        assert(field == FIELD_END);
        return value_number((double)(run->end_us / US_PER_MS), run->end_us != 0);
    }
}

static const char *const MODEL_STATUSES[] = {"", "PENDING", "READY", "FAILED"};

/* As run_field; the status is compared by MLflow's short word. */
static struct filter_value model_field(struct finder *finder, const struct logged_model *model,
                                       int field)
{
    switch ((enum filter_field)field) {
    case FIELD_NAME:
        return value_text(model->name);
    case FIELD_MODEL_ID:
        return value_text(model->model_id);
    case FIELD_MODEL_TYPE:
        return value_text(model->kind);
    case FIELD_STATUS:
        return value_text(str_from(MODEL_STATUSES[model->status]));
    case FIELD_RUN_ID:
        return value_text(model->run_id);
    case FIELD_EXPERIMENT_ID:
        return value_text(
            arena_printf(store_arena(finder->txn), "%lld", (long long)model->experiment));
    case FIELD_CREATED:
        return value_number((double)(model->created_us / US_PER_MS), true);
    default:
        assert(field == FIELD_UPDATED);
        return value_number((double)(model->updated_us / US_PER_MS), true);
    }
}

/* The summary is read once for all clauses of a thing. */
static int finder_summary(struct finder *finder, int64_t owner, struct error *err)
{
    if (!finder->summarized && metric_summary(finder->txn, owner, &finder->summary, err) < 0)
        return -1;
    finder->summarized = true;
    return 0;
}

/* A run has one last value of each metric. */
static int finder_metric(struct finder *finder, int64_t owner, int64_t word,
                         struct filter_value *out, struct error *err)
{
    if (finder_summary(finder, owner, err) < 0)
        return -1;
    const struct summary_entry *entry = summary_find(&finder->summary, word);
    *out = value_number(entry ? entry->last : 0, entry != NULL);
    return 0;
}

/* What is asked of a thing: by a clause of the filter or of the order. */
struct question {
    enum filter_entity entity;
    int field;
    int64_t word;
};

/* A key that nobody ever used has no number, so nothing has a value for it. */
static int finder_value(struct finder *finder, const struct candidate *candidate,
                        const struct question *question, struct filter_value *out,
                        struct error *err)
{
    int64_t owner = finder->models ? -candidate->model.model : candidate->run.run;
    struct pair_key key = {question->entity == FILTER_PARAM ? PAIR_PARAM : PAIR_TAG, owner,
                           question->word};
    struct pair_value held;

    *out = (struct filter_value){0};
    switch (question->entity) {
    case FILTER_ATTRIBUTE:
        *out = finder->models ? model_field(finder, &candidate->model, question->field)
                              : run_field(finder, &candidate->run, question->field);
        return 0;
    case FILTER_METRIC:
        return question->word ? finder_metric(finder, owner, question->word, out, err) : 0;
    default:
        assert(question->entity == FILTER_PARAM || question->entity == FILTER_TAG);
        if (question->word == 0)
            return 0;
        if (pair_get(finder->txn, &key, &held, err) < 0)
            return -1;
        out->present = held.found;
        out->text = held.text;
        return 0;
    }
}

/* A run may have several datasets; one that fits is enough. */
static int dataset_match(struct finder *finder, const struct run *run,
                         const struct filter_clause *clause, bool *out, struct error *err)
{
    struct lineage lineage;

    if (lineage_read(finder->txn, run->run, &lineage, err) < 0)
        return -1;
    *out = false;
    for (size_t i = 0; i < lineage.dataset_count && !*out; i++) {
        const struct dataset_input *input = &lineage.datasets[i];
        struct filter_value value =
            value_text(clause->field == FIELD_NAME     ? input->dataset.name
                       : clause->field == FIELD_DIGEST ? input->dataset.digest
                                                       : lineage_context(&input->tags));
        *out = filter_match(clause, &value);
    }
    return 0;
}

/* A logged model's metrics, as far as the search looks at them. */
static int finder_measured(struct finder *finder, const struct candidate *candidate,
                           struct measured *out, struct error *err)
{
    int64_t owner = -candidate->model.model;

    assert(candidate && out);
    if (finder_summary(finder, owner, err) < 0)
        return -1;
    *out = (struct measured){finder->txn, &finder->summary, owner, finder->search->datasets,
                             finder->search->dataset_count};
    return 0;
}

/* Whether any of a model's values fits a clause. */
static int model_metric_match(struct finder *finder, const struct candidate *candidate,
                              size_t clause, bool *out, struct error *err)
{
    struct measured measured;

    assert(out);
    if (finder_measured(finder, candidate, &measured, err) < 0)
        return -1;
    return measured_match(&measured, finder->clause_words[clause],
                          &finder->search->filter.clauses[clause], out, err);
}

/* A model that was measured on none of the datasets is not asked for, even when no clause names a
 * metric. */
static int model_meant(struct finder *finder, const struct candidate *candidate, bool *out,
                       struct error *err)
{
    struct measured measured;

    assert(out);
    if (finder->search->dataset_count == 0)
        return 0;
    for (size_t i = 0; i < finder->search->filter.count; i++)
        if (finder->search->filter.clauses[i].entity == FILTER_METRIC)
            return 0;
    if (finder_measured(finder, candidate, &measured, err) < 0)
        return -1;
    return measured_any(&measured, out, err);
}

/* What a model is sorted by, measured on the dataset that this order names. */
static int model_metric_order(struct finder *finder, const struct candidate *candidate,
                              size_t order, struct filter_value *out, struct error *err)
{
    const struct measured_on *on =
        finder->search->order_datasets ? &finder->search->order_datasets[order] : NULL;
    struct measured measured;

    assert(out);
    if (finder_measured(finder, candidate, &measured, err) < 0)
        return -1;
    measured.on = on;
    measured.on_count = on && on->name.len ? 1 : 0;
    return measured_latest(&measured, finder->order_words[order], out, err);
}

/* Rows first, then keyed look-ups, then metrics: the dear clauses see few things. */
static int clause_cost(const struct filter_clause *clause)
{
    return clause->entity == FILTER_ATTRIBUTE ? 0 : clause->entity == FILTER_METRIC ? 2 : 1;
}

/* A thing is dropped at the first clause that does not fit. */
static int finder_match(struct finder *finder, const struct candidate *candidate, bool *out,
                        struct error *err)
{
    const struct filter *filter = &finder->search->filter;

    *out = true;
    for (int cost = 0; cost <= 2 && *out; cost++)
        for (size_t i = 0; i < filter->count && *out; i++) {
            const struct filter_clause *clause = &filter->clauses[i];
            struct question question = {clause->entity, clause->field, finder->clause_words[i]};
            struct filter_value value;
            if (clause_cost(clause) != cost)
                continue;
            if (clause->entity == FILTER_DATASET) {
                if (dataset_match(finder, &candidate->run, clause, out, err) < 0)
                    return -1;
                continue;
            }
            if (finder->models && clause->entity == FILTER_METRIC) {
                if (model_metric_match(finder, candidate, i, out, err) < 0)
                    return -1;
                continue;
            }
            if (finder_value(finder, candidate, &question, &value, err) < 0)
                return -1;
            *out = filter_match(clause, &value);
        }
    return 0;
}

/* The last word has what no two things share, so that pages neither repeat nor skip. */
static int finder_compare(const struct finder *finder, const struct candidate *a,
                          const struct candidate *b)
{
    for (size_t i = 0; i < finder->search->order_count; i++) {
        int order = order_compare(&finder->search->orders[i], &a->orders[i], &b->orders[i]);
        if (order)
            return order;
    }
    int64_t at = finder->models ? a->model.created_us : a->run.start_us;
    int64_t other = finder->models ? b->model.created_us : b->run.start_us;
    if (at != other)
        return at > other ? -1 : 1;
    return finder->models ? str_cmp(a->model.model_id, b->model.model_id)
                          : str_cmp(a->run.run_id, b->run.run_id);
}

/* From the top, or for sorting at the end. */
static void heap_down(struct finder *finder, size_t at, size_t count)
{
    struct candidate *heap = finder->kept;

    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= count)
            return;
        if (child + 1 < count && finder_compare(finder, &heap[child + 1], &heap[child]) > 0)
            child++;
        if (finder_compare(finder, &heap[child], &heap[at]) <= 0)
            return;
        struct candidate swap = heap[child];
        heap[child] = heap[at];
        heap[at] = swap;
        at = child;
    }
}

/* After one was added at the end. */
static void heap_up(struct finder *finder, size_t at)
{
    struct candidate *heap = finder->kept;

    while (at > 0 && finder_compare(finder, &heap[at], &heap[(at - 1) / 2]) > 0) {
        struct candidate swap = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

/* Keeps the best offset + limit + 1. */
static void finder_keep(struct finder *finder, const struct candidate *candidate)
{
    size_t wanted = finder->search->offset + finder->search->limit + 1;

    if (finder->count == wanted) {
        if (finder_compare(finder, candidate, &finder->kept[0]) < 0) {
            finder->kept[0] = *candidate;
            heap_down(finder, 0, finder->count);
        }
        return;
    }
    if (finder->count == finder->size) {
        size_t size = finder->size * 2 + 64;
        struct candidate *grown = arena_new_array(store_arena(finder->txn), struct candidate, size);
        if (finder->count)
            memcpy(grown, finder->kept, finder->count * sizeof *grown);
        finder->kept = grown;
        finder->size = size;
    }
    finder->kept[finder->count++] = *candidate;
    heap_up(finder, finder->count - 1);
}

/* What it is sorted by is only read of things that fit. */
static int finder_consider(struct finder *finder, struct candidate *candidate, struct error *err)
{
    const struct search *search = finder->search;
    bool fits;

    finder->summarized = false;
    if (finder_match(finder, candidate, &fits, err) < 0 ||
        (fits && finder->models && model_meant(finder, candidate, &fits, err) < 0))
        return -1;
    if (!fits)
        return 0;
    if (search->order_count)
        candidate->orders =
            arena_new_array(store_arena(finder->txn), struct filter_value, search->order_count);
    for (size_t i = 0; i < search->order_count; i++) {
        const struct order_clause *order = &search->orders[i];
        struct question question = {order->entity, order->field, finder->order_words[i]};
        int read = finder->models && order->entity == FILTER_METRIC
                       ? model_metric_order(finder, candidate, i, &candidate->orders[i], err)
                       : finder_value(finder, candidate, &question, &candidate->orders[i], err);
        if (read < 0)
            return -1;
    }
    finder_keep(finder, candidate);
    return 0;
}

/* Runs of deleted experiments are deleted themselves, so their stage is enough. */
static int consider_run(const struct run *run, void *context, struct error *err)
{
    struct finder *finder = context;
    struct candidate candidate = {.run = *run};
    enum search_view view = finder->search->view;

    if (view != SEARCH_ALL && (run->deleted_us != 0) != (view == SEARCH_DELETED))
        return 0;
    return finder_consider(finder, &candidate, err);
}

/* Deleted models have no row. */
static int consider_model(const struct logged_model *model, void *context, struct error *err)
{
    struct candidate candidate = {.model = *model};

    return finder_consider(context, &candidate, err);
}

/* Attributes and datasets have no numbered keys. */
static int word_of(struct finder *finder, enum filter_entity entity, struct str key, int64_t *out,
                   struct error *err)
{
    if (entity == FILTER_ATTRIBUTE || entity == FILTER_DATASET)
        return 0;
    return word_find(finder->tracking->words, finder->txn, key, out, err);
}

/* Keys become numbers once, not for each run. */
static int finder_prepare(struct finder *finder, struct error *err)
{
    const struct search *search = finder->search;
    struct arena *arena = store_arena(finder->txn);

    finder->clause_words = arena_new_array(arena, int64_t, search->filter.count + 1);
    finder->order_words = arena_new_array(arena, int64_t, search->order_count + 1);
    for (size_t i = 0; i < search->filter.count; i++) {
        const struct filter_clause *clause = &search->filter.clauses[i];
        if (word_of(finder, clause->entity, clause->key, &finder->clause_words[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < search->order_count; i++) {
        const struct order_clause *order = &search->orders[i];
        if (word_of(finder, order->entity, order->key, &finder->order_words[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Once for an experiment: artifact URIs of all its runs begin with it. */
static int location_of(struct finder *finder, int64_t experiment, struct error *err)
{
    struct sql *q =
        sql(finder->txn, "SELECT location FROM experiment WHERE scope = ? AND id = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, finder->search->scope);
    sql_bind_int(q, 2, experiment);
    finder->location = sql_step(q) > 0 ? sql_text(q, 0) : STR("");
    return sql_end(q, err);
}

/* An experiment named twice is searched once; at the end the heap is sorted where it stands. */
static int finder_walk(struct finder *finder, struct error *err)
{
    const struct search *search = finder->search;

    for (size_t i = 0; i < search->experiment_count; i++) {
        int64_t experiment = search->experiments[i];
        bool again = false;
        for (size_t other = 0; other < i; other++)
            again = again || search->experiments[other] == experiment;
        if (again)
            continue;
        if (location_of(finder, experiment, err) < 0)
            return -1;
        struct experiment_key key = {search->scope, experiment};
        int walked = finder->models
                         ? logged_model_each(finder->txn, &key, consider_model, finder, err)
                         : run_each_of(finder->txn, &key, consider_run, finder, err);
        if (walked < 0)
            return -1;
    }
    for (size_t left = finder->count; left > 1; left--) {
        struct candidate swap = finder->kept[0];
        finder->kept[0] = finder->kept[left - 1];
        finder->kept[left - 1] = swap;
        heap_down(finder, 0, left - 1);
    }
    return 0;
}

/* How many of the kept are the page. */
static size_t finder_page(const struct finder *finder, bool *out_more)
{
    const struct search *search = finder->search;
    size_t rest = finder->count > search->offset ? finder->count - search->offset : 0;

    *out_more = rest > search->limit;
    return rest > search->limit ? search->limit : rest;
}

/* The snapshot is the caller's, so that what he shows of a run is what was searched. */
int search_runs(struct tracking *tracking, struct store_txn *txn, const struct search *search,
                struct run_page *out, struct error *err)
{
    struct finder finder = {.tracking = tracking, .txn = txn, .search = search};
    struct run_page page = {0};

    if (finder_prepare(&finder, err) < 0 || finder_walk(&finder, err) < 0)
        return -1;
    page.count = finder_page(&finder, &page.more);
    page.runs = arena_new_array(store_arena(txn), struct run, page.count + 1);
    for (size_t i = 0; i < page.count; i++)
        page.runs[i] = finder.kept[search->offset + i].run;
    *out = page;
    return 0;
}

/* As search_runs. */
int search_logged_models(struct tracking *tracking, struct store_txn *txn,
                         const struct search *search, struct logged_model_page *out,
                         struct error *err)
{
    struct finder finder = {.tracking = tracking, .txn = txn, .search = search, .models = true};
    struct logged_model_page page = {0};

    if (finder_prepare(&finder, err) < 0 || finder_walk(&finder, err) < 0)
        return -1;
    page.count = finder_page(&finder, &page.more);
    page.models = arena_new_array(store_arena(txn), struct logged_model, page.count + 1);
    for (size_t i = 0; i < page.count; i++)
        page.models[i] = finder.kept[search->offset + i].model;
    *out = page;
    return 0;
}
