#include "kinds/kinds.h"

#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/plain.h"
#include "route/reference.h"

#include <assert.h>

/* Snapshots of source code. Clients give each a random name and ask first whether the same content
 * is there already, under any name: the hash is an attribute that the whole workspace is searched
 * by. */

/* The attribute by which equal snapshots are found; its index is what makes the look-up cheap. */
#define HASH_FIELD "codeHash"

/* The container has nothing of its own but what people write about it. */
static int code_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_code, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* The address is kept as the client wrote it: clients compare it with what they sent. */
static int code_version_prepare(struct arm_request *req, struct error *err)
{
    struct reference reference;

    assert(req->name.len > 0);
    if (fields_check(req->arena, req->body, &fields_code_version, err) < 0)
        return -1;
    struct str uri = json_str_at(req->body, "properties.codeUri");
    if (reference_parse(req->arena, uri, &reference, err) < 0 || reference.kind == REFERENCE_LOCAL)
        return error_set(err, ERROR_INVALID, "properties.codeUri",
                         "'%.*s' is no address of code: https or azureml://datastores/….",
                         STR_ARG(uri));
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* The hash becomes searchable in the transaction that stores the version. */
static int code_version_change(struct arm_request *req, struct store_txn *txn,
                               const struct document *after, struct error *err)
{
    struct str hash = json_str_at(req->body, "properties.properties.hash_sha256");

    assert(after->doc > 0);
    return hash.len ? document_set_text(txn, after, HASH_FIELD, hash, err) : 0;
}

/* A client takes the first that suits it; equal snapshots are few. */
#define HITS_MAX 16

/* Any snapshot of the same content will do: the oldest comes first. */
static int list_by_hash(struct arm_request *req, struct store_txn *txn, struct str hash,
                        const struct document_sink *to, struct error *err)
{
    int64_t hits[HITS_MAX];
    size_t count = 0;
    struct sql *q =
        sql(txn,
            "SELECT document.doc FROM attr JOIN document ON document.doc = attr.doc "
            "WHERE attr.scope = ? AND attr.field = '" HASH_FIELD "' AND attr.text = ? AND "
            "document.type = 'codes/versions' AND document.archived = 0 "
            "ORDER BY document.doc LIMIT 16",
            err);

    assert(hash.len > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, req->scope.number);
    sql_bind_text(q, 2, hash);
    while (count < HITS_MAX && sql_step(q) > 0)
        hits[count++] = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct document document;
        if (document_by_id(txn, hits[i], &document, err) < 0 ||
            to->each(&document, to->context, err) < 0)
            return -1;
    }
    return 0;
}

/* With ?hash= over the workspace, else the versions of one code. */
static int code_version_list(struct arm_request *req, struct store_txn *txn,
                             const struct document_query *page, const struct document_sink *to,
                             struct error *err)
{
    struct str hash = call_query(req->call, "hash");

    assert(page);
    if (hash.len > 0)
        return list_by_hash(req, txn, hash, to, err);
    return filter_list(req, txn, page, to, err);
}

/* With its bytes, when they lie where an upload put them. */
static int code_version_remove(struct arm_request *req, struct store_txn *txn,
                               const struct document *document, struct error *err)
{
    return upload_forget(req, txn, document, "properties.codeUri", err);
}

/* The upload begins before the version exists. */
static const struct arm_action ACTIONS[] = {
    {.name = "startPendingUpload", .run = upload_start, .without_document = true},
    {.name = "publish", .run = plain_publish},
};

const struct arm_kind code_kind = {
    .type = "codes",
    .wire = "Microsoft.MachineLearningServices/workspaces/codes",
    .prepare = code_prepare,
    .after = upload_sweep,
};

const struct arm_kind code_version_kind = {
    .type = "codes/versions",
    .wire = "Microsoft.MachineLearningServices/workspaces/codes/versions",
    .parent = &code_kind,
    .makes_parent = true,
    .immutable = true,
    .prepare = code_version_prepare,
    .change = code_version_change,
    .show = plain_show,
    .list = code_version_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
    .remove = code_version_remove,
    .after = upload_sweep,
};
