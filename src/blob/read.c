#include "blob/internal.h"

#include "http/text.h"
#include "os/file.h"

#include <assert.h>
#include <stdlib.h>

/* GET, HEAD and DELETE of one blob. */

/* The conditions a client may set; a download in pieces holds each to the first one's etag. */
static int check_conditions(struct call *call, const struct blob *blob, bool *out_unchanged,
                            struct error *err)
{
    struct str etag = arena_printf(call->arena, "\"%.*s\"", STR_ARG(blob->etag));
    struct str match = http_header(call->ex, "If-Match");
    struct str none = http_header(call->ex, "If-None-Match");

    assert(blob->etag.len > 0);
    *out_unchanged = none.len > 0 && (str_eq(none, STR("*")) || str_find(none, etag) >= 0);
    if (match.len > 0 && !str_eq(match, STR("*")) && str_find(match, etag) < 0)
        return error_set(err, ERROR_PRECONDITION, "ConditionNotMet",
                         "The blob has changed: its etag is %.*s.", STR_ARG(etag));
    return 0;
}

/* Types that a browser shows without running anything; all else goes as octets. */
static const char *passive_type(struct arena *arena, struct str type)
{
    static const char *const PASSIVE[] = {"text/plain",     "text/csv",   "application/json",
                                          "image/png",      "image/jpeg", "image/gif",
                                          "application/xml"};
    struct str head = type, tail;

    str_cut(type, ';', &head, &tail);
    for (size_t i = 0; i < COUNT(PASSIVE); i++)
        if (str_eq_fold(str_trim(head), str_from(PASSIVE[i])))
            return arena_cstr(arena, type);
    return "application/octet-stream";
}

struct found {
    struct blob blob;
    struct str log; /* the content store's key of a log that still grows; "": a blob at rest */
    struct content_object object;
    struct json *meta;
};

/* What a transaction's arena holds is gone with it. */
static void keep(struct arena *arena, struct found *found)
{
    found->object.chunks = arena_str(arena, found->object.chunks);
    found->log = arena_str(arena, found->log);
    found->blob.md5 = arena_str(arena, found->blob.md5);
    found->blob.etag = arena_str(arena, found->blob.etag);
    found->blob.meta = arena_str(arena, found->blob.meta);
    found->meta = json_parse(arena, found->blob.meta.len ? found->blob.meta : STR("{}"), NULL);
}

/* Looked up in a short read and copied: putting chunks together takes longer than a read may. */
static int find(struct call *call, const struct blob_target *target, struct found *out,
                struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct blob_growing growing;

    assert(target->container.len > 0);
    *out = (struct found){0};
    if (!txn)
        return -1;
    if (blob_get(txn, target->container, target->blob, &out->blob, err) == 0) {
        if (content_object_get(txn, out->blob.object, &out->object, err) < 0)
            return -1;
    } else {
        if (err->code != ERROR_NOT_FOUND ||
            blob_growing_get(engines, txn, target, &growing, err) < 0)
            return -1;
        out->blob = growing.blob;
        out->log = growing.key;
    }
    keep(call->arena, out);
    return 0;
}

/* A log that was sealed since it was found is a blob by now. */
static int open_bytes(struct call *call, const struct blob_target *target, struct found *found,
                      struct error *err)
{
    struct engines *engines = call->face;

    if (found->log.len > 0) {
        int fd = content_log_open(engines->content, found->log, err);
        if (fd >= 0 || err->code != ERROR_NOT_FOUND)
            return fd;
        int64_t size = found->blob.size;
        if (find(call, target, found, err) < 0)
            return -1;
        found->blob.size = size; /* a log only grows: the range that was promised still holds */
    }
    return content_open_chunks(engines->content, &found->object, err);
}

/* A source for HEAD: its length is told and nothing of it is read. */
static ssize_t nothing_read(struct http_source *, void *, size_t)
{
    return 0;
}

static void nothing_close(struct http_source *source)
{
    free(source);
}

/* A length without its bytes. */
static void reply_head(struct call *call, const char *type, int64_t size)
{
    struct http_source *source = malloc(sizeof(*source));

    assert(size >= 0);
    if (!source)
        abort();
    *source = (struct http_source){nothing_read, nothing_close};
    http_reply_source(call->ex, 200, type, size, source);
}

struct range {
    int64_t offset, length;
    bool partial;
};

/* x-ms-range counts before Range. An empty blob has no range at all: 416. */
static int read_range(struct call *call, int64_t size, struct range *out, struct error *err)
{
    struct str header = http_header(call->ex, "x-ms-range");

    assert(size >= 0);
    *out = (struct range){.length = size};
    if (header.len == 0)
        header = http_header(call->ex, "Range");
    if (header.len == 0 || str_eq(http_method(call->ex), STR("HEAD")))
        return 0;
    int result = http_range(header, size, &out->offset, &out->length);
    out->partial = result > 0;
    if (result == 0)
        *out = (struct range){.length = size};
    if (result >= 0)
        return 0;
    http_add_header(call->ex, "Content-Range",
                    arena_printf(call->arena, "bytes */%lld", (long long)size));
    return error_set(err, ERROR_RANGE, "InvalidRange",
                     "The range '%.*s' is not within the %lld bytes of the blob.", STR_ARG(header),
                     (long long)size);
}

/* Headers of a whole or a part. Content of users is never shown as a page (security 3.6). */
static void describe(struct call *call, const struct found *found, const struct range *range)
{
    struct str md5 = json_str_at(found->meta, "contentMd5");

    assert(range->length >= 0);
    blob_headers(call);
    blob_describe(call, &found->blob);
    http_add_header(call->ex, "Accept-Ranges", STR("bytes"));
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(call->ex, "Content-Disposition", STR("attachment"));
    if (md5.len == 0)
        md5 = blob_md5_text(call->arena, found->blob.md5);
    if (md5.len > 0)
        http_add_header(call->ex, range->partial ? "x-ms-blob-content-md5" : "Content-MD5", md5);
    if (range->partial)
        http_add_header(call->ex, "Content-Range",
                        arena_printf(call->arena, "bytes %lld-%lld/%lld", (long long)range->offset,
                                     (long long)(range->offset + range->length - 1),
                                     (long long)found->blob.size));
}

/* GET and HEAD. */
static int get(struct call *call, struct error *err)
{
    struct blob_target target;
    struct found found;
    struct range range;
    bool unchanged;

    assert(call->face);
    if (blob_open_target(call, 'r', &target, err) < 0 || find(call, &target, &found, err) < 0 ||
        check_conditions(call, &found.blob, &unchanged, err) < 0)
        return -1;
    if (unchanged) {
        blob_describe(call, &found.blob);
        blob_reply(call, 304);
        return 0;
    }
    if (read_range(call, found.blob.size, &range, err) < 0)
        return -1;
    const char *type = passive_type(call->arena, json_str_at(found.meta, "contentType"));
    if (str_eq(http_method(call->ex), STR("HEAD"))) {
        describe(call, &found, &range);
        reply_head(call, type, found.blob.size);
        return 0;
    }
    int fd = open_bytes(call, &target, &found, err);
    if (fd < 0)
        return -1;
    describe(call, &found, &range);
    http_reply_file(call->ex, range.partial ? 206 : 200, type, fd, range.offset, range.length);
    return 0;
}

void blob_get_item(struct call *call)
{
    struct error err = {0};

    assert(call->face);
    if (call_param(call, "blob").len == 0)
        blob_get_container(call);
    else if (call_query(call, "comp").len > 0 &&
             !str_eq(call_query(call, "comp"), STR("metadata"))) {
        error_set(&err, ERROR_NOT_IMPLEMENTED, "", "'comp=%.*s' of a blob is not built yet.",
                  STR_ARG(call_query(call, "comp")));
        blob_refuse(call, &err);
    } else if (get(call, &err) < 0)
        blob_refuse(call, &err);
}

struct removal {
    struct call *call;
    const struct blob_target *target;
};

/* On the writer thread. */
static int remove_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct removal *removal = context;
    struct blob blob;
    bool unchanged;

    assert(store_is_writer(txn));
    if (blob_get(txn, removal->target->container, removal->target->blob, &blob, err) < 0)
        return err->code != ERROR_NOT_FOUND ? -1
                                            : error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                                                        "The specified blob does not exist.");
    if (check_conditions(removal->call, &blob, &unchanged, err) < 0)
        return -1;
    return blob_delete(txn, removal->target->container, removal->target->blob, err);
}

void blob_delete_item(struct call *call)
{
    struct engines *engines = call->face;
    struct blob_target target;
    struct removal removal = {call, &target};
    struct error err = {0};

    if (blob_open_target(call, 'd', &target, &err) < 0 ||
        store_write(engines->store, remove_apply, &removal, &err) < 0)
        blob_refuse(call, &err);
    else
        blob_reply(call, 202);
}
