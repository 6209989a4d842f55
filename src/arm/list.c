#include "arm/internal.h"

#include <assert.h>

/* Rows are gathered first and shown afterwards: a statement may not run inside its own walk. */
struct gather {
    struct arena *arena;
    struct document *documents;
    size_t count, size;
};

/* Copies, since the walk's own rows end with it. */
static int gather_one(const struct document *document, void *context, struct error *)
{
    struct gather *gather = context;

    assert(gather->count <= gather->size);
    if (gather->count == gather->size)
        return 0;
    gather->documents[gather->count++] = arm_keep(gather->arena, document);
    return 0;
}

/* A page and one more, which tells whether there is another. */
static int gather_page(struct arm_request *req, struct store_txn *txn, struct document_query *query,
                       struct gather *out, struct error *err)
{
    const struct arm_kind *kind = req->kind;

    assert(query->limit > 0);
    *out = (struct gather){.arena = req->arena, .size = query->limit + 1};
    if (arm_find_parent(req, txn, err) < 0) {
        if (err->code != ERROR_NOT_FOUND)
            return -1;
        /* Clients of a registry take an unknown name for one without versions. */
        if (!kind->list)
            return req->scope.kind == SCOPE_REGISTRY ? 0 : -1;
    }
    query->scope = req->scope.number;
    query->type = str_from(kind->type);
    query->parent = req->parent.doc;
    out->documents = arena_new_array(req->arena, struct document, out->size);
    query->limit++; /* one more tells whether there is another page */
    const struct document_sink to = {gather_one, out};
    int result = kind->list ? kind->list(req, txn, query, &to, err)
                            : document_list(txn, query, gather_one, out, err);
    query->limit--;
    return result;
}

/* The link repeats the query that was asked, by the host that was asked. */
void arm_link_next(struct arm_request *req, struct json *page, const struct document *last)
{
    const struct http_exchange *ex = req->call->ex;
    enum document_order order = ORDER_NEWEST;

    arm_page_order(req->call, &order, NULL); /* was read before */
    struct str query =
        arm_page_query(req->arena, http_query(ex), arm_page_token(req->arena, last, order));
    json_set_str(req->arena, page, "nextLink",
                 arena_printf(req->arena, "%.*s%.*s?%.*s", STR_ARG(arm_base_url(req->call)),
                              STR_ARG(http_path(ex)), STR_ARG(query)));
}

/* The rows are shown in the transaction that listed them, so a page is of one moment. */
int arm_list(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct store_txn *txn = req->read;
    struct document_query query = {0};
    struct gather gather;
    struct json *page = json_object(req->arena), *value = json_array(req->arena);

    assert(req->kind);
    if (arm_page_read(req->call, &query, err) < 0 ||
        (req->kind->newest_only && arm_page_newest(query.order, err) < 0))
        return -1;
    assert(txn);
    if (gather_page(req, txn, &query, &gather, err) < 0)
        return -1;
    size_t shown = gather.count > query.limit ? query.limit : gather.count;
    for (size_t i = 0; i < shown; i++) {
        struct json *wire = arm_wire(req, txn, &gather.documents[i], err);
        if (!wire)
            return -1;
        json_append(req->arena, value, wire);
    }
    json_set(req->arena, page, STR("value"), value);
    if (gather.count > shown)
        arm_link_next(req, page, &gather.documents[shown - 1]);
    *out = (struct arm_reply){.status = 200, .body = page};
    return 0;
}
