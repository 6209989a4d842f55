/* DELETE of one resource, with what hangs on it. What refuses is asked before anything changes. */
#include "arm/internal.h"

#include <assert.h>

struct delete
{
    struct arm_request *req;
    bool missing;
    struct document document;
    struct str operation;
};

#define DELETE_CHILDREN_MAX 1000

struct children {
    struct arena *arena;
    struct document *documents;
    size_t count;
};

static int note_child(const struct document *document, void *context, struct error *)
{
    struct children *children = context;

    if (children->count < DELETE_CHILDREN_MAX)
        children->documents[children->count++] = arm_keep(children->arena, document);
    return 0;
}

static int delete_children(struct arm_request *req, struct store_txn *txn,
                           const struct document *container, struct error *err);

/* One member, after what hangs on it. */
static int delete_child(struct arm_request *member, struct store_txn *txn,
                        const struct document *document, struct error *err)
{
    const struct arm_kind *kind = member->kind;

    assert(document->doc > 0);
    member->name = document->name;
    if (kind->remove && kind->remove(member, txn, document, err) < 0)
        return -1;
    if (delete_children(member, txn, document, err) < 0)
        return -1;
    return document_delete(txn, document->doc, err);
}

/* All members of one kind, a thousand at a time. */
static int delete_kind(struct arm_request *req, struct store_txn *txn, const struct arm_kind *kind,
                       const struct document *container, struct error *err)
{
    struct children children = {.arena = req->arena};
    struct arm_request member = *req;
    struct document_query query = {.scope = req->scope.number,
                                   .type = str_from(kind->type),
                                   .parent = container->doc,
                                   .view = VIEW_ALL,
                                   .limit = DELETE_CHILDREN_MAX};

    assert(kind->parent);
    member.kind = kind;
    member.parent = *container;
    member.grand_name = req->parent_name;
    member.parent_name = container->name;
    children.documents = arena_new_array(req->arena, struct document, DELETE_CHILDREN_MAX);
    do {
        children.count = 0;
        if (document_list(txn, &query, note_child, &children, err) < 0)
            return -1;
        for (size_t i = 0; i < children.count; i++)
            if (delete_child(&member, txn, &children.documents[i], err) < 0)
                return -1;
    } while (children.count == DELETE_CHILDREN_MAX);
    return 0;
}

/* Versions and members go with their container. */
static int delete_children(struct arm_request *req, struct store_txn *txn,
                           const struct document *container, struct error *err)
{
    assert(container->doc > 0);
    for (size_t i = 0; i < req->arm->kind_count; i++)
        if (req->arm->kinds[i]->parent == req->kind &&
            delete_kind(req, txn, req->arm->kinds[i], container, err) < 0)
            return -1;
    return 0;
}

/* On the writer thread: what refuses is asked first. */
static int delete_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct delete *delete = context;
    struct arm_request *req = delete->req;
    struct document document;

    assert(store_is_writer(txn));
    delete->missing = false;
    if (arm_find(req, txn, &document, err) < 0) {
        delete->missing = err->code == ERROR_NOT_FOUND;
        return delete->missing ? 0 : -1;
    }
    if (arm_etag_check(req, &document, err) < 0)
        return -1;
    delete->document = arm_keep(req->arena, &document);
    /* A made-up document has only its kind to say what removing it means. */
    if (document.doc == 0 && !req->kind->remove)
        return error_set(err, ERROR_CONFLICT, "", "'%.*s' is always there and cannot be deleted.",
                         STR_ARG(document.name));
    if (req->kind->remove && req->kind->remove(req, txn, &document, err) < 0)
        return -1;
    if (arm_identity_remove(req, txn, delete->document.name, err) < 0)
        return -1;
    if (document.doc && (delete_children(req, txn, &delete->document, err) < 0 ||
                         document_delete(txn, document.doc, err) < 0))
        return -1;
    if (arm_takes_time(req) && arm_operation_insert(txn, req, NULL, &delete->operation, err) < 0)
        return -1;
    return arm_append_event(req, txn, "deleted", delete->document.name, err);
}

/* DELETE: 200 when it was there, 204 when not, 202 for kinds that take time. */
int arm_delete(struct arm_request *req, struct arm_reply *out, struct error *err)
{
    struct delete delete = {.req = req};

    assert(req->name.len > 0);
    if (arm_scope_writable(req, err) < 0)
        return -1;
    if (store_write(req->engines->store, delete_apply, &delete, err) < 0)
        return -1;
    arm_identity_changed(req);
    if (delete.missing) {
        *out = (struct arm_reply){.status = 204};
        return 0;
    }
    if (req->kind->after)
        req->kind->after(req, &delete.document, true);
    *out = (struct arm_reply){.status = delete.operation.len ? 202 : 200,
                              .operation = delete.operation};
    return 0;
}
