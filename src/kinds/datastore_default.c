/* Which datastore is the default is an attribute of that one document, so that there is no second
 * truth to keep in step; where none has it, it is the built-in one. */
#include "kinds/datastore.h"

#include <assert.h>

/* An attribute and not a member of the body: there is one default, so setting one takes it from the
 * other. */
#define FIELD "isDefault"
#define YES STR("true")

/* The limit is one row; a second would be a bug that this makes harmless. */
static int first(const struct document *document, void *context, struct error *)
{
    struct document *out = context;

    if (out->doc == 0)
        *out = *document;
    return 0;
}

/* doc 0 when nobody was made the default. */
static int chosen(struct store_txn *txn, int64_t scope, struct document *out, struct error *err)
{
    struct document_query query = {.scope = scope,
                                   .type = STR("datastores"),
                                   .view = VIEW_ALL,
                                   .field = FIELD,
                                   .text = YES,
                                   .limit = 1};
    struct document found = {0};

    assert(scope > 0);
    if (document_list(txn, &query, first, &found, err) < 0)
        return -1;
    *out = found.doc ? arm_keep(store_arena(txn), &found) : found;
    return 0;
}

/* Every list and every GET asks this, so it is one look-up by index and at most one by name. */
int datastore_default(struct store_txn *txn, int64_t scope, struct document *out, struct error *err)
{
    struct document_key key = {scope, STR("datastores"), 0, DATASTORE_BUILT_IN};
    struct document found;

    assert(out);
    if (chosen(txn, scope, &found, err) < 0)
        return -1;
    if (found.doc == 0)
        return document_get(txn, &key, out, err);
    *out = found;
    return 0;
}

/* The one before loses it in the same write: no reader ever sees two or none. */
int datastore_set_default(struct store_txn *txn, const struct document *document, bool is_default,
                          struct error *err)
{
    struct document before;

    assert(store_is_writer(txn) && document->doc > 0);
    if (chosen(txn, document->scope, &before, err) < 0)
        return -1;
    if (before.doc && (is_default || before.doc == document->doc) &&
        document_set_text(txn, &before, FIELD, (struct str){0}, err) < 0)
        return -1;
    /* The built-in one is it by the absence of any other. */
    if (!is_default || str_eq_fold(document->name, DATASTORE_BUILT_IN))
        return 0;
    return document_set_text(txn, document, FIELD, YES, err);
}
