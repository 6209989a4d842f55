/* What a PUT changes, on the writer thread: rows only, the bytes are on the disk. A name points to
 * the new object from the commit on, or still to the old one. */
#include "blob/put.h"

#include "os/clock.h"

#include <assert.h>

#define APPENDS_MAX 50000

/* A container of a client can have gone while the body came. */
static int check_container(struct put *put, struct store_txn *txn, struct error *err)
{
    struct document document;

    return put->target.ours ? 0 : blob_container_find(txn, &put->target, &document, err);
}

/* The blob of this name at present, and whether the request lets it be changed. */
static int look(struct put *put, struct store_txn *txn, struct blob *out, bool *out_found,
                struct error *err)
{
    assert(store_is_writer(txn));
    *out_found = blob_get(txn, put->target.key, put->target.blob, out, err) == 0;
    if (!*out_found && err->code != ERROR_NOT_FOUND)
        return -1;
    const struct blob_ask ask = blob_ask_of(put->call);
    return blob_check_write(&ask, *out_found ? out : NULL, err);
}

static bool is_append(struct store_txn *txn, const struct blob *blob)
{
    struct json *meta = blob->meta.len ? json_parse(store_arena(txn), blob->meta, NULL) : NULL;

    return json_str_at(meta, "type").len > 0;
}

static int wrong_type(struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "InvalidBlobType",
                     "The blob type is invalid for this operation.");
}

/* What the reply tells. */
static void keep(struct put *put, const struct blob *blob)
{
    put->blob = (struct blob){.etag = arena_str(put->call->arena, blob->etag),
                              .created_us = blob->created_us,
                              .updated_us = blob->updated_us};
}

/* The address without its query, where a signature may stand. */
static struct str copy_source(const struct put *put)
{
    struct str url = http_header(put->call->ex, "x-ms-copy-source"), bare = url, query;

    str_cut(url, '?', &bare, &query);
    return str_slice(bare, 0, 4 * KIB);
}

/* The bytes of a copy are those of the source: one more name for them. */
static int copy_object(struct put *put, struct store_txn *txn, struct blob *blob, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct blob source;
    char text[CLOCK_ISO_BYTES];

    if (blob_get(txn, put->source.key, put->source.blob, &source, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "CannotVerifyCopySource",
                               "The specified blob does not exist.");
    if (blob_check_source(put->call, &source, err) < 0)
        return -1;
    struct json *own = json_parse(arena, put->meta, NULL);
    struct json *meta = json_parse(arena, source.meta.len ? source.meta : STR("{}"), NULL);
    struct json_iter it = json_iter(own);
    while (json_next(&it))
        if (!str_eq(it.key, STR("meta")) || json_count(it.value) > 0)
            json_set(arena, meta, it.key, it.value);
    json_remove(meta, STR("type"));
    if (!json_get(own, STR("tier")))
        json_remove(meta, STR("tier")); /* not a thing of the bytes, but of where they go */
    json_set_str(arena, meta, "copyId", put->copy_id);
    json_set_str(arena, meta, "copySource", copy_source(put));
    json_set_str(arena, meta, "copyTime", clock_http_date(clock_now_us(), text));
    blob->object = source.object;
    blob->meta = json_write(arena, meta);
    return 0;
}

/* The object of a whole blob: just written, made of blocks, or another's. */
static int find_object(struct put *put, struct store_txn *txn, struct blob *blob, struct error *err)
{
    const struct content_block_list list = {put->target.key, put->target.blob, put->picks,
                                            put->pick_count};
    struct content_object object = put->object;

    if (put->kind == PUT_COPY)
        return copy_object(put, txn, blob, err);
    if (put->kind == PUT_LIST) {
        if (content_commit_blocks(txn, &list, &object, err) < 0)
            return err->code != ERROR_INVALID
                       ? -1
                       : error_set(err, ERROR_INVALID, "InvalidBlockList", "%s", err->message);
        blob->of_blocks = true;
    } else if (content_keep(txn, &object, err) < 0) {
        return -1;
    }
    blob->object = object.object;
    return 0;
}

static int apply_blob(struct put *put, struct store_txn *txn, struct error *err)
{
    struct blob blob = {.container = put->target.key, .name = put->target.blob, .meta = put->meta};
    struct blob before;
    bool found;

    if (look(put, txn, &before, &found, err) < 0)
        return -1;
    if (found && put->only_new)
        return error_set(err, ERROR_EXISTS, "BlobAlreadyExists",
                         "The specified blob already exists.");
    if (found && put->kind == PUT_LIST && is_append(txn, &before))
        return wrong_type(err);
    if (find_object(put, txn, &blob, err) < 0 || blob_put(txn, &blob, put->only_new, err) < 0)
        return -1;
    keep(put, &blob);
    return 0;
}

/* What PUT says of a blob, laid over what was said before. */
static int redescribe(struct put *put, struct store_txn *txn, struct blob *blob, struct error *err)
{
    struct call *call = put->call;

    assert(store_is_writer(txn));
    if (put->kind == PUT_TIER && is_append(txn, blob))
        return wrong_type(err);
    if (put->kind == PUT_TIER)
        return blob_meta_retier(call, blob->meta, &blob->meta, err);
    if (put->kind == PUT_METADATA)
        return blob_meta_replace(call, blob->meta, &blob->meta, err);
    blob->meta = blob_meta_properties(call, blob->meta);
    return 0;
}

/* Metadata and content headers change the etag, the bytes stay. */
static int apply_description(struct put *put, struct store_txn *txn, struct error *err)
{
    struct blob before;
    bool found;

    if (look(put, txn, &before, &found, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                         "The specified blob does not exist.");
    if (redescribe(put, txn, &before, err) < 0 || blob_set_meta(txn, &before, err) < 0)
        return -1;
    keep(put, &before);
    return 0;
}

/* Whether the block would lie where the client wants it, in a blob not larger than it wants. */
static int check_append(struct put *put, const struct blob *before, struct error *err)
{
    struct str at = http_header(put->call->ex, "x-ms-blob-condition-appendpos");
    struct str most = http_header(put->call->ex, "x-ms-blob-condition-maxsize");
    int64_t position = before->size, size = INT64_MAX;

    if ((at.len > 0 && !str_to_int64(at, &position)) ||
        (most.len > 0 && !str_to_int64(most, &size)))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "A condition of an append is a number of bytes.");
    if (position != before->size)
        return error_set(err, ERROR_PRECONDITION, "AppendPositionConditionNotMet",
                         "The blob has %lld bytes.", (long long)before->size);
    if (before->size + put->object.size > size)
        return error_set(err, ERROR_PRECONDITION, "MaxBlobSizeConditionNotMet",
                         "The blob would have %lld bytes.",
                         (long long)(before->size + put->object.size));
    return 0;
}

static int apply_append(struct put *put, struct store_txn *txn, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct content_object object;
    struct blob before;
    bool found;

    if (look(put, txn, &before, &found, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                         "The specified blob does not exist.");
    if (!is_append(txn, &before))
        return wrong_type(err);
    if (check_append(put, &before, err) < 0)
        return -1;
    struct json *meta = json_parse(arena, before.meta, NULL);
    int64_t count = json_int_at(meta, "appended", 0) + 1;
    if (count > APPENDS_MAX)
        return error_set(err, ERROR_CONFLICT, "BlockCountExceedsLimit",
                         "An append blob has at most %d blocks.", APPENDS_MAX);
    if (content_join(txn, before.object, &put->object, &object, err) < 0)
        return -1;
    json_set_int(arena, meta, "appended", count);
    json_remove(meta, STR("contentMd5")); /* it was of what was there before */
    struct blob blob = {.container = before.container,
                        .name = before.name,
                        .object = object.object,
                        .meta = json_write(arena, meta)};
    if (blob_put(txn, &blob, false, err) < 0)
        return -1;
    keep(put, &blob);
    put->append_from = before.size;
    put->appended = count;
    return 0;
}

int blob_put_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct put *put = context;
    const struct content_block block = {put->target.key, put->target.blob, put->block_id};

    if (check_container(put, txn, err) < 0)
        return -1;
    switch (put->kind) {
    case PUT_BLOB:
    case PUT_LIST:
    case PUT_COPY:
        return apply_blob(put, txn, err);
    case PUT_BLOCK:
        return content_stage(txn, &block, &put->object, err);
    case PUT_METADATA:
    case PUT_PROPERTIES:
    case PUT_TIER:
        return apply_description(put, txn, err);
    case PUT_APPEND:
        return apply_append(put, txn, err);
    }
    return -1;
}
