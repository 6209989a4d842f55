/* Lists of datastores. Newest first is the table's own order and pages like every list; any other
 * order is made here of all rows, for a workspace has few. */
#include "kinds/datastore.h"

#include <assert.h>
#include <stdlib.h>

/* An order of its own needs all rows in memory. */
#define GATHER_MAX 10000

/* What a client may ask for; created, newest first, needs no sorting. */
enum order { ORDER_CREATED, ORDER_MODIFIED, ORDER_NAME };

/* All rows that the query leaves, to be sorted as a whole. */
struct gather {
    struct arena *arena;
    struct str names, search; /* empty: any */
    bool ascending;
    struct document *rows;
    size_t count;
};

/* Whether one of "a,b" is this name. */
static bool among(struct str list, struct str name)
{
    struct str piece;

    while (str_split(&list, ',', &piece))
        if (str_eq_fold(str_trim(piece), name))
            return true;
    return false;
}

/* Without ASCII case, anywhere in the name. */
static bool holds(struct arena *arena, struct str name, struct str search)
{
    return str_find(arena_lower(arena, name), arena_lower(arena, search)) >= 0;
}

/* What a list leaves out is left out before it is kept. */
static int gather_one(const struct document *document, void *context, struct error *err)
{
    struct gather *gather = context;

    assert(document->doc > 0);
    if ((gather->names.len && !among(gather->names, document->name)) ||
        (gather->search.len && !holds(gather->arena, document->name, gather->search)))
        return 0;
    if (gather->count == GATHER_MAX)
        return error_set(err, ERROR_TOO_LARGE, "orderBy",
                         "More than %d datastores are listed newest first only.", GATHER_MAX);
    gather->rows[gather->count++] = arm_keep(gather->arena, document);
    return 0;
}

/* Every datastore that is asked for. */
static int gather_all(struct arm_request *req, struct store_txn *txn, struct gather *out,
                      struct error *err)
{
    struct document_query query = {.scope = req->scope.number,
                                   .type = str_from(req->kind->type),
                                   .view = VIEW_ALL,
                                   .limit = GATHER_MAX + 1};

    out->arena = req->arena;
    out->names = call_query(req->call, "names");
    out->search = call_query(req->call, "searchText");
    out->rows = arena_new_array(req->arena, struct document, GATHER_MAX);
    return document_list(txn, &query, gather_one, out, err);
}

/* Documents are numbered as they come. */
static int by_created(const void *a, const void *b)
{
    const struct document *x = a, *y = b;

    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

/* Two of the same microsecond stay in a fixed order, or pages would overlap. */
static int by_modified(const void *a, const void *b)
{
    const struct document *x = a, *y = b;

    if (x->updated_us != y->updated_us)
        return x->updated_us < y->updated_us ? -1 : 1;
    return by_created(a, b);
}

/* Names differ, so this order needs no second key. */
static int by_name(const void *a, const void *b)
{
    const struct document *x = a, *y = b;

    return str_cmp(x->name, y->name);
}

/* Both spellings of Azure's descriptions are taken. */
static int read_order(struct str text, enum order *out, struct error *err)
{
    assert(out);
    if (text.len == 0 || str_eq_fold(text, STR("createdTime")) ||
        str_eq_fold(text, STR("createdAt")))
        *out = ORDER_CREATED;
    else if (str_eq_fold(text, STR("modifiedTime")) || str_eq_fold(text, STR("lastModifiedAt")))
        *out = ORDER_MODIFIED;
    else if (str_eq_fold(text, STR("name")))
        *out = ORDER_NAME;
    else
        return error_set(err, ERROR_INVALID, "orderBy",
                         "Datastores are ordered by createdTime, modifiedTime or name, not by "
                         "'%.*s'.",
                         STR_ARG(text));
    return 0;
}

/* A row's position on its page is its rank: the page after goes on with a greater one. */
static int give(const struct gather *gather, const struct document_query *page,
                const struct document_sink *to, struct error *err)
{
    size_t skip = page->before_us > 0 ? (size_t)page->before_us : 0;

    assert(page->limit > 0);
    for (size_t i = skip; i < gather->count && i - skip < page->limit; i++) {
        struct document row = gather->rows[gather->ascending ? i : gather->count - 1 - i];
        row.created_us = (int64_t)i + 1;
        if (to->each(&row, to->context, err) < 0)
            return -1;
    }
    return 0;
}

/* The default alone, the plain order by pages of the table, or all rows in an order of their own.
 */
int datastore_list(struct arm_request *req, struct store_txn *txn,
                   const struct document_query *page, const struct document_sink *to,
                   struct error *err)
{
    static int (*const COMPARE[])(const void *, const void *) = {by_created, by_modified, by_name};
    struct gather gather = {.ascending =
                                str_eq_fold(call_query(req->call, "orderByAsc"), STR("true"))};
    struct document document;
    enum order order = ORDER_CREATED;

    assert(page && to->each);
    if (str_eq_fold(call_query(req->call, "isDefault"), STR("true")))
        return datastore_default(txn, req->scope.number, &document, err) < 0
                   ? -1
                   : to->each(&document, to->context, err);
    if (read_order(call_query(req->call, "orderBy"), &order, err) < 0)
        return -1;
    if (order == ORDER_CREATED && !gather.ascending && call_query(req->call, "names").len == 0 &&
        call_query(req->call, "searchText").len == 0)
        return document_list(txn, page, to->each, to->context, err);
    if (gather_all(req, txn, &gather, err) < 0)
        return -1;
    qsort(gather.rows, gather.count, sizeof(*gather.rows), COMPARE[order]);
    return give(&gather, page, to, err);
}
