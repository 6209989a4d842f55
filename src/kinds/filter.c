/* Lists with a question: tags, properties, names. What an index answers is left to the store; the
 * rest is sifted in batches, until a page is full or nothing is left. */
#include "kinds/filter.h"

#include <assert.h>

/* Large enough that a filter which leaves little costs few queries. */
#define BATCH 200

/* The first of several spellings that the query has. */
static struct str query_any(const struct call *call, const char *const *names)
{
    struct str found = {0};

    assert(call);
    for (size_t i = 0; names[i] && found.len == 0; i++)
        found = call_query(call, names[i]);
    return found;
}

/* Lists of different types spell the same wish differently. */
struct filter filter_read(const struct call *call)
{
    static const char *const TAGS[] = {"tags", "$tags", "tag", NULL};
    static const char *const VERSIONS[] = {"version", "versionName", NULL};

    return (struct filter){
        .tags = query_any(call, TAGS),
        .properties = call_query(call, "properties"),
        .name = call_query(call, "name"),
        .version = query_any(call, VERSIONS),
        .description = call_query(call, "description"),
        .stage = call_query(call, "stage"),
        .created_by = call_query(call, "createdBy"),
        .job_type = call_query(call, "jobType"),
    };
}

/* Then the store's own pages will do, which cost nothing to leave out. */
bool filter_empty(const struct filter *f)
{
    return f->tags.len + f->properties.len + f->name.len + f->version.len + f->description.len +
               f->stage.len + f->created_by.len + f->job_type.len + f->hidden.len ==
           0;
}

/* "a,b=1" against an object: each key there, and the value where one is asked for. */
static bool pairs_match(struct str wanted, const struct json *object)
{
    struct str rest = wanted, pair, key, value;

    while (rest.len) {
        if (!str_cut(rest, ',', &pair, &rest)) {
            pair = rest;
            rest = (struct str){0};
        }
        bool valued = str_cut(pair, '=', &key, &value);
        if (!valued)
            key = pair;
        key = str_trim(key);
        const struct json *found = key.len ? json_get(object, key) : NULL;
        if (key.len && (!found || (valued && !str_eq(json_as_str(found), str_trim(value)))))
            return false;
    }
    return true;
}

/* What was not asked for fits. */
static bool same(struct str wanted, struct str have)
{
    return wanted.len == 0 || str_eq(wanted, have);
}

/* By the name that is shown, or the one that never changes. */
static bool made_by(struct str wanted, const struct document *document)
{
    if (same(wanted, document->created_by))
        return true;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    return str_eq(wanted, maker_of(arena, document->system).name);
}

/* The cheap conditions come first; tags and properties are walked last. */
bool filter_fits(const struct filter *f, const struct document *document,
                 const struct json *properties, const struct json *tags)
{
    assert(f && document);
    if (f->hidden.len && str_eq_fold(f->hidden, document->name))
        return false;
    if ((f->name.len && !str_eq_fold(f->name, document->name)) ||
        (f->version.len && !str_eq_fold(f->version, document->name)) ||
        (f->job_type.len && !str_eq_fold(f->job_type, json_str_at(properties, "jobType"))))
        return false;
    return made_by(f->created_by, document) &&
           same(f->description, json_str_at(properties, "description")) &&
           same(f->stage, json_str_at(properties, "stage")) &&
           pairs_match(f->tags, tags ? tags : json_at(properties, "tags")) &&
           pairs_match(f->properties, json_at(properties, "properties"));
}

/* One page in the making: who takes it, and where the next batch begins. */
struct sieve {
    struct arm_request *req;
    const struct filter *filter;
    const struct document_sink *to;
    size_t left, seen;
    enum document_order order;
    int64_t before_us, before_doc;
};

/* What stays goes on; where the walk stands is kept for the next batch. */
static int sift(const struct document *document, void *context, struct error *err)
{
    struct sieve *sieve = context;
    struct json *body = json_parse(sieve->req->arena, document->body, err);

    if (!body)
        return -1;
    sieve->seen++;
    sieve->before_us = document_position(document, sieve->order);
    sieve->before_doc = document->doc;
    if (sieve->left == 0 ||
        !filter_fits(sieve->filter, document, json_at(body, "properties"), json_at(body, "tags")))
        return 0;
    sieve->left--;
    return sieve->to->each(document, sieve->to->context, err);
}

/* Batches until the page is full or nothing is left. */
static int sift_all(struct store_txn *txn, const struct document_query *page, struct sieve *sieve,
                    struct error *err)
{
    struct document_query part = *page;

    assert(sieve->left > 0);
    part.limit = BATCH;
    do {
        sieve->seen = 0;
        if (document_list(txn, &part, sift, sieve, err) < 0)
            return -1;
        part.before_us = sieve->before_us;
        part.before_doc = sieve->before_doc;
    } while (sieve->left > 0 && sieve->seen == BATCH);
    return 0;
}

/* Clients of a registry take an unknown name for one without versions; those of a workspace rely on
 * the 404 to begin with version 1. */
static int no_container(struct arm_request *req, struct error *err)
{
    struct str word = str_from(req->kind->parent->type);

    assert(word.len > 0);
    if (req->scope.kind == SCOPE_REGISTRY)
        return 0;
    if (str_ends(word, STR("s")))
        word.len--;
    return error_set(err, ERROR_NOT_FOUND, req->kind->parent->type,
                     "There is no %.*s '%.*s' in workspace '%.*s'.", STR_ARG(word),
                     STR_ARG(req->parent_name), STR_ARG(req->scope.name));
}

/* Steps of pipelines are components without a name of their own; nobody looks for them in a
 * list. */
int filter_list(struct arm_request *req, struct store_txn *txn, const struct document_query *page,
                const struct document_sink *to, struct error *err)
{
    struct filter filter = filter_read(req->call);
    struct sieve sieve = {
        .req = req, .filter = &filter, .to = to, .left = page->limit, .order = page->order};

    assert(page->limit > 0);
    if (req->kind->parent && req->parent.doc == 0)
        return no_container(req, err);
    if (!req->kind->parent && str_eq(str_from(req->kind->type), STR("components")))
        filter.hidden = STR("azureml_anonymous");
    if (filter_empty(&filter))
        return document_list(txn, page, to->each, to->context, err);
    return sift_all(txn, page, &sieve, err);
}
