#include "blob/internal.h"

#include "base/buf.h"

#include <assert.h>

/* PUT: a blob, a block of one, a list of blocks, or metadata. The body goes through a sink into the
 * content store (or, for a list, into memory); names change only at the end, in one write, so that
 * a torn upload leaves what was there. */

enum put_kind { PUT_BLOB, PUT_BLOCK, PUT_LIST, PUT_METADATA };

struct put {
    struct http_sink sink;
    struct call *call;
    enum put_kind kind;
    struct blob_target target;
    struct content_writer *writer; /* PUT_BLOB, PUT_BLOCK */
    struct buf xml;                /* PUT_LIST */
    bool wants_crc;
    uint64_t crc;
    struct content_object object;
    struct str block_id;
    struct str *block_ids;
    size_t block_count;
    bool only_new;
    struct blob blob;
};

static void put_release(struct put *put)
{
    content_writer_free(&put->writer);
    buf_free(&put->xml);
}

/* A piece of the body, on a worker, in order. */
static int put_write(struct http_sink *sink, struct str bytes, struct error *err)
{
    struct put *put = CONTAINER_OF(sink, struct put, sink);

    assert(put->call);
    if (put->kind == PUT_METADATA)
        return error_set(err, ERROR_INVALID, "InvalidInput",
                         "Metadata comes in headers, without a body.");
    if (put->wants_crc)
        put->crc = blob_crc64(put->crc, bytes);
    if (put->kind == PUT_LIST) {
        buf_add(&put->xml, bytes);
        return buf_ok(&put->xml, err);
    }
    return content_write(put->writer, bytes, err);
}

static void put_abandon(struct http_sink *sink)
{
    put_release(CONTAINER_OF(sink, struct put, sink));
}

/* What the query and the headers ask for. */
static int read_kind(struct call *call, struct put *put, struct error *err)
{
    struct str comp = call_query(call, "comp");
    struct str type = http_header(call->ex, "x-ms-blob-type");

    assert(call->ex);
    put->block_id = call_query(call, "blockid");
    if (comp.len == 0) {
        put->kind = PUT_BLOB;
        if (http_header(call->ex, "x-ms-copy-source").len > 0)
            return error_set(err, ERROR_NOT_IMPLEMENTED, "", "Copying a blob is not built yet.");
        if (type.len == 0)
            return error_set(err, ERROR_INVALID, "MissingRequiredHeader",
                             "A blob is put with the header x-ms-blob-type: BlockBlob.");
        if (!str_eq_fold(type, STR("BlockBlob")))
            return error_set(err, ERROR_NOT_IMPLEMENTED, "", "Blobs of type '%.*s' are not built.",
                             STR_ARG(type));
        return 0;
    }
    if (str_eq_fold(comp, STR("block"))) {
        put->kind = PUT_BLOCK;
        if (put->block_id.len == 0)
            return error_set(err, ERROR_INVALID, "MissingRequiredQueryParameter",
                             "A block has a blockid.");
        if (!blob_xml_is_id(put->block_id)) /* no list could name it */
            return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                             "A blockid is base64.");
    } else if (str_eq_fold(comp, STR("blocklist")))
        put->kind = PUT_LIST;
    else if (str_eq_fold(comp, STR("metadata")))
        put->kind = PUT_METADATA;
    else
        return error_set(err, ERROR_NOT_IMPLEMENTED, "", "'comp=%.*s' is not built yet.",
                         STR_ARG(comp));
    return 0;
}

/* With the right to create and not to write, only new names may be made. */
static bool may_overwrite(const struct put *put)
{
    return put->call->caller.kind != CALLER_SAS ||
           blob_sas_allows(&put->call->caller, &put->target, 'w');
}

/* Before the body: everything that can be refused without it is refused. */
struct http_sink *blob_put_open(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    struct put *put = arena_make(call->arena, struct put);

    assert(call->face);
    put->call = call;
    put->sink = (struct http_sink){put_write, put_abandon};
    put->xml = buf_make(BLOB_XML_BYTES);
    if (call_param(call, "blob").len == 0) {
        error_set(err, ERROR_NOT_IMPLEMENTED, "", "Containers are made by the server.");
        return NULL;
    }
    if (read_kind(call, put, err) < 0 || blob_open_target(call, 'w', &put->target, err) < 0)
        return NULL;
    put->only_new = str_eq(http_header(call->ex, "If-None-Match"), STR("*")) || !may_overwrite(put);
    put->wants_crc = http_header(call->ex, "x-ms-content-crc64").len > 0;
    put->blob = (struct blob){.container = put->target.container, .name = put->target.blob};
    if (put->kind == PUT_BLOB || put->kind == PUT_BLOCK) {
        put->writer = content_writer_new(engines->content, err);
        if (!put->writer)
            return NULL;
    }
    return &put->sink;
}

/* What the client said about its bytes must be what arrived. */
static int check_digests(struct put *put, struct error *err)
{
    struct call *call = put->call;
    struct str md5 = http_header(call->ex, "Content-MD5");
    struct str crc = http_header(call->ex, "x-ms-content-crc64");
    struct str came = blob_md5_text(call->arena, str_from(put->object.md5));

    assert(put->call);
    if (put->writer && md5.len > 0 && !str_eq(md5, came))
        return error_set(err, ERROR_INVALID, "Md5Mismatch",
                         "The body's MD5 is %.*s, not %.*s as said.", STR_ARG(came), STR_ARG(md5));
    if (put->wants_crc && !str_eq(crc, blob_crc64_text(call->arena, put->crc)))
        return error_set(err, ERROR_INVALID, "Crc64Mismatch",
                         "The body's CRC64 is not %.*s as said.", STR_ARG(crc));
    return 0;
}

/* If-Match on a write, and the present blob for those who build on it. */
static int check_match(struct put *put, struct store_txn *txn, struct blob *before, bool *out_found,
                       struct error *err)
{
    struct str match = http_header(put->call->ex, "If-Match");

    assert(store_is_writer(txn));
    *out_found = blob_get(txn, put->blob.container, put->blob.name, before, err) == 0;
    if (!*out_found && err->code != ERROR_NOT_FOUND)
        return -1;
    if (match.len == 0)
        return 0;
    if (*out_found && (str_eq(match, STR("*")) || str_find(match, before->etag) >= 0))
        return 0;
    return error_set(err, ERROR_PRECONDITION, "ConditionNotMet", "The blob is another one by now.");
}

/* The name points to the new object from this commit on, or still to the old one. */
static int apply_blob(struct put *put, struct store_txn *txn, struct error *err)
{
    struct blob blob = put->blob, before;
    bool found;

    assert(put->kind == PUT_BLOB || put->kind == PUT_LIST);
    if (check_match(put, txn, &before, &found, err) < 0)
        return -1;
    if (found && put->only_new)
        return error_set(err, ERROR_EXISTS, "BlobAlreadyExists",
                         "The specified blob already exists.");
    if (put->kind == PUT_LIST) {
        struct content_block_list list = {blob.container, blob.name, put->block_ids,
                                          put->block_count};
        if (content_commit_blocks(txn, &list, &put->object, err) < 0)
            return err->code != ERROR_INVALID
                       ? -1
                       : error_set(err, ERROR_INVALID, "InvalidBlockList", "%s", err->message);
    } else if (content_keep(txn, &put->object, err) < 0) {
        return -1;
    }
    blob.object = put->object.object;
    if (blob_put(txn, &blob, put->only_new, err) < 0)
        return -1;
    put->blob.etag = arena_str(put->call->arena, blob.etag);
    put->blob.created_us = blob.created_us;
    put->blob.updated_us = blob.updated_us;
    return 0;
}

/* Metadata changes the etag, the bytes stay. */
static int apply_metadata(struct put *put, struct store_txn *txn, struct error *err)
{
    struct blob before;
    bool found;

    assert(put->kind == PUT_METADATA);
    if (check_match(put, txn, &before, &found, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                         "The specified blob does not exist.");
    before.meta = blob_meta_replace(put->call, before.meta);
    if (blob_set_meta(txn, &before, err) < 0)
        return -1;
    put->blob.etag = arena_str(put->call->arena, before.etag);
    put->blob.created_us = before.created_us;
    put->blob.updated_us = before.updated_us;
    return 0;
}

static int put_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct put *put = context;
    struct content_block block = {put->target.container, put->target.blob, put->block_id};

    switch (put->kind) {
    case PUT_BLOB:
    case PUT_LIST:
        return apply_blob(put, txn, err);
    case PUT_BLOCK:
        return content_stage(txn, &block, &put->object, err);
    case PUT_METADATA:
        return apply_metadata(put, txn, err);
    }
    return -1;
}

/* The body is whole: bytes to disk, digests, then one write. */
static int finish(struct put *put, struct error *err)
{
    struct engines *engines = put->call->face;

    assert(put->call->face);
    if (put->writer && content_finish(put->writer, &put->object, err) < 0)
        return -1;
    if (check_digests(put, err) < 0)
        return -1;
    if (put->kind == PUT_LIST && blob_xml_blocks(put->call->arena, buf_str(&put->xml),
                                                 &put->block_ids, &put->block_count, err) < 0)
        return -1;
    put->blob.meta = blob_meta_read(put->call);
    return store_write(engines->store, put_apply, put, err);
}

/* What clients check: etag, digests, 201 or 200. */
static void put_reply(struct put *put)
{
    struct call *call = put->call;
    struct str md5 = blob_md5_text(call->arena, str_from(put->object.md5));

    assert(put->kind <= PUT_METADATA);
    if (put->writer && md5.len > 0)
        http_add_header(call->ex, "Content-MD5", md5);
    if (put->wants_crc)
        http_add_header(call->ex, "x-ms-content-crc64", blob_crc64_text(call->arena, put->crc));
    http_add_header(call->ex, "x-ms-request-server-encrypted", STR("false"));
    put->blob.meta = (struct str){0};
    if (put->kind != PUT_BLOCK)
        blob_describe(call, &put->blob);
    blob_reply(call, put->kind == PUT_METADATA ? 200 : 201);
}

void blob_put_run(struct call *call)
{
    struct put *put = CONTAINER_OF(call->sink, struct put, sink);
    struct error err = {0};

    assert(put->call == call);
    if (finish(put, &err) < 0)
        blob_refuse(call, &err);
    else
        put_reply(put);
    put_release(put);
}
