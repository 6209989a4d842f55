/* registry_search.c - finding registered models and versions; a registry is small enough to walk */
#include "mlflow/registry.h"
#include "tracking/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One search: entries that passed, to be sorted. */
struct hunt {
    struct store_txn *txn;
    struct filter filter;
    struct work_orders orders;
    bool versions;
    struct hit {
        struct registry_entry model;
        struct registry_entry version; /* when versions are searched */
    } *hits;
    size_t count, size;
    size_t offset, limit; /* the page, counted in hits */
};

/* Always there. */
static struct filter_value text_value(struct str text)
{
    return (struct filter_value){.present = true, .text = text};
}

/* The same for numbers. */
static struct filter_value number_value(double number)
{
    return (struct filter_value){.present = true, .number = number};
}

/* Fields of a version; those of its model are asked before. */
static struct filter_value version_value(const struct registry_entry *version,
                                         enum filter_field field)
{
    int64_t number = 0;

    switch (field) {
    case FIELD_VERSION:
        return (struct filter_value){.present = str_to_int64(version->document.name, &number),
                                     .number = (double)number};
    case FIELD_RUN_ID:
        return text_value(json_str_at(version->properties, "jobName"));
    default:
        assert(field == FIELD_SOURCE);
        return text_value(registry_extra(version, "mlflow.source"));
    }
}

/* Of a tag, or of a field of model or version. */
static struct filter_value hit_value(const struct hunt *hunt, const struct hit *hit,
                                     enum filter_entity entity, int field, struct str key)
{
    const struct registry_entry *entry = hunt->versions ? &hit->version : &hit->model;

    if (entity == FILTER_TAG) {
        bool found;
        struct str text = registry_tag(entry, key, &found);
        /* Searches for models ask for «is_prompt != 'true'», which those without the tag are too.
         */
        if (!found && str_eq(key, REGISTRY_PROMPT_TAG))
            return text_value(hit->model.prompt ? STR("true") : STR("false"));
        return (struct filter_value){.present = found, .text = text};
    }
    assert(entity == FILTER_ATTRIBUTE);
    switch ((enum filter_field)field) {
    case FIELD_NAME:
        return text_value(hit->model.document.name);
    case FIELD_CREATED:
        return number_value((double)(entry->document.created_us / US_PER_MS));
    case FIELD_UPDATED:
        return number_value((double)(entry->document.updated_us / US_PER_MS));
    default:
        return version_value(entry, (enum filter_field)field);
    }
}

/* Prompts are found only by who asks for them, so that older clients do not see them. */
static bool asks_for_prompts(const struct filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        if (filter->clauses[i].entity == FILTER_TAG &&
            str_starts(filter->clauses[i].key, STR("mlflow.prompt.")))
            return true;
    return false;
}

/* All clauses, as AND alone joins them. */
static bool hit_fits(const struct hunt *hunt, const struct hit *hit)
{
    /* Prompts are only found by who asks for them. */
    if (hit->model.prompt && !asks_for_prompts(&hunt->filter))
        return false;
    for (size_t i = 0; i < hunt->filter.count; i++) {
        const struct filter_clause *clause = &hunt->filter.clauses[i];
        struct filter_value value =
            hit_value(hunt, hit, clause->entity, clause->field, clause->key);
        if (!filter_match(clause, &value))
            return false;
    }
    return true;
}

/* Doubled when it is full; entries are the transaction's. */
static void hunt_take(struct hunt *hunt, const struct hit *hit)
{
    if (!hit_fits(hunt, hit))
        return;
    if (hunt->count == hunt->size) {
        size_t size = hunt->size * 2 + 64;
        struct hit *grown = arena_new_array(store_arena(hunt->txn), struct hit, size);
        if (hunt->count)
            memcpy(grown, hunt->hits, hunt->count * sizeof *grown);
        hunt->hits = grown;
        hunt->size = size;
    }
    hunt->hits[hunt->count++] = *hit;
}

/* The name a filter pins down, so that one model's versions are read and not everybody's. */
static bool pinned_name(const struct filter *filter, struct str *out)
{
    for (size_t i = 0; i < filter->count; i++)
        if (filter->clauses[i].entity == FILTER_ATTRIBUTE &&
            filter->clauses[i].field == FIELD_NAME && filter->clauses[i].op == FILTER_EQ) {
            *out = filter->clauses[i].text;
            return true;
        }
    return false;
}

/* The model is read once for all of its versions. */
static int hunt_versions(struct hunt *hunt, const struct registry_entry *model, struct error *err)
{
    struct registry_list versions;

    if (registry_versions(hunt->txn, model, &versions, err) < 0)
        return -1;
    for (size_t i = 0; i < versions.count; i++)
        hunt_take(hunt, &(struct hit){*model, versions.at[i]});
    return 0;
}

/* One model alone where the filter names it, which is what clients do most. */
static int hunt_all(struct hunt *hunt, int64_t scope, struct error *err)
{
    struct registry_list models;
    struct registry_entry one;
    struct error none = {0};
    struct str name;

    if (pinned_name(&hunt->filter, &name)) {
        if (registry_model(hunt->txn, scope, name, &one, &none) < 0)
            return none.code == ERROR_NOT_FOUND
                       ? 0
                       : error_set(err, none.code, none.target, "%s", none.message);
        models = (struct registry_list){&one, 1};
    } else if (registry_models(hunt->txn, scope, &models, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < models.count; i++) {
        if (!hunt->versions)
            hunt_take(hunt, &(struct hit){.model = models.at[i]});
        else if (hunt_versions(hunt, &models.at[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Models: by name. Versions: last changed first, then name, then newest number. */
static int compare_default(const struct hunt *hunt, const struct hit *a, const struct hit *b)
{
    int64_t left = 0, right = 0;

    if (hunt->versions && !hunt->orders.count &&
        a->version.document.updated_us != b->version.document.updated_us)
        return a->version.document.updated_us > b->version.document.updated_us ? -1 : 1;
    int names = str_cmp(a->model.document.name, b->model.document.name);
    if (names || !hunt->versions)
        return names;
    str_to_int64(a->version.document.name, &left);
    str_to_int64(b->version.document.name, &right);
    return (left < right) - (left > right);
}

/* By the clauses of the order, then by what no two hits share. */
static int compare(const void *a, const void *b, void *context)
{
    const struct hunt *hunt = context;

    for (size_t i = 0; i < hunt->orders.count; i++) {
        const struct order_clause *order = &hunt->orders.at[i];
        struct filter_value x = hit_value(hunt, a, order->entity, order->field, order->key);
        struct filter_value y = hit_value(hunt, b, order->entity, order->field, order->key);
        int way = order_compare(order, &x, &y);
        if (way)
            return way;
    }
    return compare_default(hunt, a, b);
}

/* Versions have no nested form of their own, models have. */
static int show_hit(const struct hunt *hunt, const struct hit *hit, struct out *out,
                    struct error *err)
{
    if (!hunt->versions)
        return registry_show(hunt->txn, &hit->model, NULL, out, err);
    out_begin(out, NULL, '{');
    if (registry_show_version(hunt->txn, &hit->model, &hit->version, out, err) < 0)
        return -1;
    out_end(out, '}');
    return 0;
}

/* An empty list is left out, as protobuf does. */
static int show_hits(struct ask *ask, const struct hunt *hunt, struct out *out, struct error *err)
{
    size_t offset = hunt->offset < hunt->count ? hunt->offset : hunt->count;
    size_t end = hunt->count - offset > hunt->limit ? offset + hunt->limit : hunt->count;

    out_begin(out, NULL, '{');
    if (offset < end) {
        out_begin(out, hunt->versions ? "model_versions" : "registered_models", '[');
        for (size_t i = offset; i < end; i++)
            if (show_hit(hunt, &hunt->hits[i], out, err) < 0)
                return -1;
        out_end(out, ']');
    }
    if (end < hunt->count)
        out_text(out, "next_page_token", work_token(ask->arena, end, 0));
    out_end(out, '}');
    return 0;
}

/* A workspace has hundreds of models, not millions: all are read, sifted and sorted for a page. */
static int hunt_run(struct ask *ask, struct hunt *hunt, const struct filter_grammar *grammar,
                    struct out *out, struct error *err)
{
    struct str filter;
    int64_t scope;

    if (work_offset(ask, 0, &hunt->offset, err) < 0 ||
        ask_text(ask, "filter", ASK_OPTIONAL, &filter, err) < 0 ||
        filter_parse(ask->arena, grammar, filter, &hunt->filter, err) < 0 ||
        work_orders(ask, grammar, &hunt->orders, err) < 0)
        return -1;
    CLEANUP(store_read_end) struct store_txn *txn = work_read(ask, err);
    hunt->txn = txn;
    if (!txn || ask_scope_number(ask, txn, &scope, err) < 0 || hunt_all(hunt, scope, err) < 0)
        return -1;
    if (hunt->count > 1)
        qsort_r(hunt->hits, hunt->count, sizeof *hunt->hits, compare, hunt);
    return show_hits(ask, hunt, out, err);
}

/* A hundred unless it is said otherwise. */
int mlflow_registered_search(struct ask *ask, struct out *out, struct error *err)
{
    struct hunt hunt = {0};

    if (work_limit(ask, 100, 1000, &hunt.limit, err) < 0)
        return -1;
    return hunt_run(ask, &hunt, &filter_registered_models, out, err);
}

/* MLflow's default is its maximum here. */
int mlflow_version_search(struct ask *ask, struct out *out, struct error *err)
{
    struct hunt hunt = {.versions = true};

    if (work_limit(ask, 200000, 200000, &hunt.limit, err) < 0)
        return -1;
    return hunt_run(ask, &hunt, &filter_model_versions, out, err);
}
