#include "blob/internal.h"

#include "http/text.h"
#include "os/file.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* GET, HEAD and DELETE of one blob. */

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
    struct blob_target target;
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
    if (blob_get(txn, target->key, target->blob, &out->blob, err) == 0) {
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

/* A log that was sealed since it was found is a blob by now: -1 without an error, and it is found
 * anew. */
static int open_log(struct call *call, struct found *found, struct error *err)
{
    struct engines *engines = call->face;
    struct error why = {0};
    int64_t size = found->blob.size;
    int fd = content_log_open(engines->content, found->log, &why);

    if (fd >= 0)
        return fd;
    if (why.code != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    const struct blob_target target = found->target;
    if (find(call, &target, found, err) < 0)
        return -1;
    found->target = target;
    found->blob.size = size; /* a log only grows: the range that was promised still holds */
    return -1;
}

/* A source for HEAD: its length is told and nothing of it is read. */
static ssize_t nothing_read(struct http_source *, void *, size_t)
{
    return 0;
}

/* A HEAD has a length and no bytes behind it. */
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

/* --- What is said of it ---------------------------------------------------------------------- */

/* Whether the reply may end up in a browser that followed a link: only those need no header of ours
 * to be made. */
static bool by_link(struct call *call)
{
    return http_header(call->ex, "authorization").len == 0 && call->caller.kind == CALLER_SAS;
}

/* What a query says becomes a header only without what could end one. */
static struct str clean(struct arena *arena, struct str text)
{
    struct str copy = arena_str(arena, str_slice(text, 0, 512));
    char *at = (char *)copy.ptr;

    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
            at[i] = ' ';
    return str_trim(copy);
}

/* A property of the blob, or what the signature puts in its place for this reply. */
static struct str property(struct call *call, const struct json *meta, const char *key)
{
    for (size_t i = 0; i < BLOB_PROPERTY_COUNT; i++) {
        const struct blob_property *one = &BLOB_PROPERTIES[i];
        if (!str_eq(str_from(one->key), str_from(key)))
            continue;
        struct str override = one->override && by_link(call)
                                  ? clean(call->arena, call_query(call, one->override))
                                  : STR("");
        return override.len ? override : json_str_at(meta, key);
    }
    return STR("");
}

/* Content of users is never shown as a page (security 3.6): whoever follows a link gets it as a
 * file, of a type that runs nothing; a client that signs its requests is told the truth. */
static void describe_content(struct call *call, const struct found *found)
{
    static const char *const SHOWN[][2] = {{"contentEncoding", "Content-Encoding"},
                                           {"contentLanguage", "Content-Language"},
                                           {"cacheControl", "Cache-Control"}};
    struct str disposition = property(call, found->meta, "contentDisposition");

    for (size_t i = 0; i < COUNT(SHOWN); i++) {
        struct str value = property(call, found->meta, SHOWN[i][0]);
        if (value.len > 0)
            http_add_header(call->ex, SHOWN[i][1], value);
    }
    if (by_link(call) && !str_starts_fold(disposition, STR("attachment")))
        disposition = STR("attachment");
    if (disposition.len > 0)
        http_add_header(call->ex, "Content-Disposition", disposition);
    http_add_header(call->ex, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(call->ex, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
}

static const char *type_of(struct call *call, const struct found *found)
{
    struct str type = property(call, found->meta, "contentType");

    if (by_link(call))
        return passive_type(call->arena, type);
    return type.len ? arena_cstr(call->arena, type) : "application/octet-stream";
}

/* Headers of a whole or a part. */
static void describe(struct call *call, const struct found *found, const struct range *range)
{
    struct str md5 = json_str_at(found->meta, "contentMd5");

    assert(range->length >= 0);
    blob_headers(call);
    blob_describe(call, &found->blob);
    describe_content(call, found);
    http_add_header(call->ex, "Accept-Ranges", STR("bytes"));
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

/* --- Digests of a range ---------------------------------------------------------------------- */

/* Whether the client wants one, which is made of at most 4 MiB. */
static int wants_digest(struct call *call, const char *header, const struct range *range, bool *out,
                        struct error *err)
{
    *out = str_eq_fold(http_header(call->ex, header), STR("true"));
    if (*out && (!range->partial || range->length > (int64_t)BLOB_DIGEST_BYTES))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "%s needs a range of at most 4 MiB.", header);
    return 0;
}

/* A small range that may lie in several chunks. */
static int read_whole(struct content_parts *parts, char *out, int64_t length, struct error *err)
{
    int64_t offset, size;

    for (int64_t done = 0; done < length; done += size) {
        CLEANUP(fd_close) int fd = content_parts_next(parts, &offset, &size, err);
        if (fd < 0)
            return -1;
        if (size > length - done)
            size = length - done;
        if (pread(fd, out + done, (size_t)size, offset) != size)
            return error_set(err, ERROR_IO, "", "The range could not be read.");
    }
    return 0;
}

/* Read once for the digest and once for the reply: it is small, and in memory by then. */
static int add_digests(struct call *call, const struct found *found, const struct range *range,
                       struct error *err)
{
    bool md5, crc;

    if (wants_digest(call, "x-ms-range-get-content-md5", range, &md5, err) < 0 ||
        wants_digest(call, "x-ms-range-get-content-crc64", range, &crc, err) < 0)
        return -1;
    if (!md5 && !crc)
        return 0;
    if (found->log.len > 0)
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "There is no digest of a log that still grows.");
    struct engines *engines = call->face;
    char *bytes = arena_alloc(call->arena, (size_t)range->length + 1);
    CLEANUP(content_parts_free)
    struct content_parts *parts =
        content_parts_open(engines->content, &found->object, range->offset, err);
    if (!parts || read_whole(parts, bytes, range->length, err) < 0)
        return -1;
    struct str text = {bytes, (size_t)range->length};
    if (md5)
        http_add_header(call->ex, "Content-MD5", blob_md5_of(call->arena, text));
    if (crc)
        http_add_header(
            call->ex, "x-ms-content-crc64",
            blob_crc64_text(call->arena, blob_crc64(blob_crc_new(call->arena), 0, text)));
    return 0;
}

/* --- Handlers -------------------------------------------------------------------------------- */

/* What a condition lets through, and of which part. */
static int look(struct call *call, struct found *out, struct range *range, bool *out_done,
                struct error *err)
{
    const struct blob_ask ask = blob_ask_of(call);
    struct blob_target target;
    bool unchanged;

    *out_done = false;
    if (blob_open_target(call, "r", &target, err) < 0 || blob_check_headers(&ask, err) < 0 ||
        find(call, &target, out, err) < 0 || blob_check_read(call, &out->blob, &unchanged, err) < 0)
        return -1;
    out->target = target;
    if (unchanged) {
        blob_describe(call, &out->blob);
        http_add_header(call->ex, "x-ms-error-code", STR("ConditionNotMet"));
        blob_reply(call, 304);
        *out_done = true;
        return 0;
    }
    return read_range(call, out->blob.size, range, err);
}

/* The chunks of an object as parts of a reply. */
struct reading {
    struct http_parts parts;
    struct content_parts *of;
};

static int reading_next(struct http_parts *parts, struct http_part *out)
{
    struct reading *reading = CONTAINER_OF(parts, struct reading, parts);

    out->fd = content_parts_next(reading->of, &out->offset, &out->length, NULL);
    return out->fd < 0 ? -1 : 0;
}

static void reading_close(struct http_parts *parts)
{
    struct reading *reading = CONTAINER_OF(parts, struct reading, parts);

    content_parts_free(&reading->of);
    free(reading);
}

/* From where the bytes lie: a log's own file, or the chunks of an object. */
static int reply_bytes(struct call *call, struct found *found, const struct range *range,
                       struct error *err)
{
    struct engines *engines = call->face;
    const char *type = type_of(call, found);
    int status = range->partial ? 206 : 200;

    if (found->log.len > 0) {
        int fd = open_log(call, found, err);
        if (fd >= 0) {
            describe(call, found, range);
            http_reply_file(call->ex, status, type,
                            &(struct http_part){fd, range->offset, range->length});
            return 0;
        }
        if (err->code != ERROR_NONE)
            return -1;
    }
    struct content_parts *of =
        content_parts_open(engines->content, &found->object, range->offset, err);
    if (!of)
        return -1;
    struct reading *reading = malloc(sizeof(*reading));
    if (!reading)
        abort();
    *reading = (struct reading){{reading_next, reading_close}, of};
    describe(call, found, range);
    http_reply_parts(call->ex, status, type, range->length, &reading->parts);
    return 0;
}

/* GET and HEAD. */
static int get(struct call *call, struct error *err)
{
    struct found found;
    struct range range;
    bool done;

    assert(call->face);
    if (look(call, &found, &range, &done, err) < 0)
        return -1;
    if (done)
        return 0;
    const char *type = type_of(call, &found);
    if (str_eq(http_method(call->ex), STR("HEAD"))) {
        describe(call, &found, &range);
        reply_head(call, type, found.blob.size);
        return 0;
    }
    if (add_digests(call, &found, &range, err) < 0)
        return -1;
    return reply_bytes(call, &found, &range, err);
}

/* What describes the blob, without the blob. */
static int get_metadata(struct call *call, struct error *err)
{
    struct found found;
    struct range range;
    bool done;

    if (look(call, &found, &range, &done, err) < 0)
        return -1;
    if (done)
        return 0;
    blob_describe(call, &found.blob);
    blob_reply(call, 200);
    return 0;
}

/* A path that ends with the container's slash means the container: libraries write both. */
void blob_get_item(struct call *call)
{
    struct error err = {0};
    struct str comp = call_query(call, "comp");
    int result;

    assert(call->face);
    if (call_param(call, "blob").len == 0) {
        blob_get_container(call);
        return;
    }
    if (str_eq_fold(call_query(call, "restype"), STR("account")))
        result = blob_account_info(call, &err);
    else if (comp.len == 0)
        result = get(call, &err);
    else if (str_eq_fold(comp, STR("metadata")))
        result = get_metadata(call, &err);
    else if (str_eq_fold(comp, STR("blocklist")))
        result = blob_get_blocks(call, &err);
    else
        result = error_set(&err, ERROR_NOT_IMPLEMENTED, "",
                           "'comp=%.*s' of a blob is not built yet.", STR_ARG(comp));
    if (result < 0)
        blob_refuse(call, &err);
}

/* "only" asks for the snapshots of a blob without the blob: there are none, and it stays. */
static int read_scope(const struct blob_ask *ask, bool *out_only, struct error *err)
{
    struct str wish = blob_ask_header(ask, "x-ms-delete-snapshots");

    assert(out_only);
    *out_only = str_eq_fold(wish, STR("only"));
    if (wish.len == 0 || *out_only || str_eq_fold(wish, STR("include")))
        return 0;
    return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                     "x-ms-delete-snapshots is 'include' or 'only', not '%.*s'.",
                     STR_ARG(str_slice(wish, 0, 64)));
}

int blob_remove(struct store_txn *txn, const struct blob_ask *ask, const struct blob_target *target,
                struct error *err)
{
    struct blob blob;
    bool only;

    assert(store_is_writer(txn));
    if (read_scope(ask, &only, err) < 0)
        return -1;
    if (blob_get(txn, target->key, target->blob, &blob, err) < 0)
        return err->code != ERROR_NOT_FOUND ? -1
                                            : error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                                                        "The specified blob does not exist.");
    if (blob_check_write(ask, &blob, err) < 0)
        return -1;
    return only ? 0 : blob_delete(txn, target->key, target->blob, err);
}

struct removal {
    const struct blob_ask *ask;
    const struct blob_target *target;
};

/* On the writer thread. */
static int remove_apply(struct store_txn *txn, void *context, struct error *err)
{
    const struct removal *removal = context;

    return blob_remove(txn, removal->ask, removal->target, err);
}

/* The name is gone at once; its bytes go when nothing else has them (content_collect). */
void blob_delete_item(struct call *call)
{
    const struct blob_ask ask = blob_ask_of(call);
    struct engines *engines = call->face;
    struct blob_target target;
    struct removal removal = {&ask, &target};
    struct error err = {0};

    if (call_param(call, "blob").len == 0) {
        blob_delete_container(call);
        return;
    }
    if (blob_open_target(call, "d", &target, &err) < 0 || blob_check_headers(&ask, &err) < 0 ||
        store_write(engines->store, remove_apply, &removal, &err) < 0) {
        blob_refuse(call, &err);
        return;
    }
    http_add_header(call->ex, "x-ms-delete-type-permanent", STR("true"));
    blob_reply(call, 202);
}
