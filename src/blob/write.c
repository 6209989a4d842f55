/* PUT: a blob, a block of one, a list of blocks, a copy, or what is said of a blob. The body goes
 * through a sink into the content store (or, for a list, into memory); names change only at the
 * end, in one write, so that a torn upload leaves what was there. */
#include "blob/put.h"

#include "os/random.h"

#include <assert.h>

/* Twice is no harm: the end and an abandoned upload both come here. */
static void put_release(struct put *put)
{
    content_writer_free(&put->writer);
    buf_free(&put->xml);
}

static int no_body_wanted(struct error *err)
{
    return error_set(err, ERROR_INVALID, "InvalidInput",
                     "What this request says comes in headers, without a body.");
}

/* A piece of the body, on a worker, in order. */
static int put_write(struct http_sink *sink, struct str bytes, struct error *err)
{
    struct put *put = CONTAINER_OF(sink, struct put, sink);

    assert(put->call);
    if (!put->writer && put->kind != PUT_LIST)
        return no_body_wanted(err);
    if (put->crc_tables)
        put->crc = blob_crc64(put->crc_tables, put->crc, bytes);
    if (put->kind == PUT_LIST) {
        buf_add(&put->xml, bytes);
        return buf_ok(&put->xml, err);
    }
    return content_write(put->writer, bytes, err);
}

/* The client went away: what was written so far is dropped, and the old blob was never touched. */
static void put_abandon(struct http_sink *sink)
{
    put_release(CONTAINER_OF(sink, struct put, sink));
}

/* --- What is asked for ----------------------------------------------------------------------- */

/* A whole blob, or a copy of one. */
static int read_blob(struct call *call, struct put *put, struct error *err)
{
    struct str type = http_header(call->ex, "x-ms-blob-type");

    put->kind = PUT_BLOB;
    if (http_header(call->ex, "x-ms-copy-source").len > 0) {
        put->kind = PUT_COPY;
        return 0;
    }
    if (type.len == 0)
        return error_set(err, ERROR_INVALID, "MissingRequiredHeader",
                         "A blob is put with the header x-ms-blob-type: BlockBlob.");
    if (str_eq_fold(type, STR("PageBlob")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "", "Page blobs are not built.");
    if (!str_eq_fold(type, STR("BlockBlob")) && !str_eq_fold(type, STR("AppendBlob")))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "'%.*s' is no type of blobs: BlockBlob or AppendBlob.",
                         STR_ARG(str_slice(type, 0, 64)));
    if (str_eq_fold(type, STR("AppendBlob")) && http_content_length(call->ex) != 0)
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "An append blob is made without a body.");
    return 0;
}

/* Checked before the body: a block that no list can name would only take room. */
static int read_block_id(struct call *call, struct put *put, struct error *err)
{
    put->block_id = call_query(call, "blockid");
    if (put->block_id.len == 0)
        return error_set(err, ERROR_INVALID, "MissingRequiredQueryParameter",
                         "A block has a blockid.");
    if (!blob_xml_is_id(put->block_id)) /* no list could name it */
        return error_set(err, ERROR_INVALID, "InvalidQueryParameterValue",
                         "A blockid is base64 of at most 64 bytes.");
    return 0;
}

/* Bytes may be another blob's: then the request brings none. */
static int read_fetch(struct call *call, struct put *put, struct error *err)
{
    assert(put);
    put->fetches = http_header(call->ex, "x-ms-copy-source").len > 0;
    if (!put->fetches)
        return 0;
    if (put->kind != PUT_BLOCK && put->kind != PUT_APPEND)
        return error_set(err, ERROR_INVALID, "UnsupportedHeader",
                         "x-ms-copy-source goes with blobs and blocks.");
    if (http_content_length(call->ex) > 0)
        return error_set(err, ERROR_INVALID, "InvalidInput",
                         "What is put from another address comes without a body.");
    return 0;
}

/* What the query and the headers ask for. */
static int read_kind(struct call *call, struct put *put, struct error *err)
{
    static const struct {
        const char *comp;
        enum put_kind kind;
    } KINDS[] = {{"block", PUT_BLOCK},       {"blocklist", PUT_LIST},
                 {"metadata", PUT_METADATA}, {"properties", PUT_PROPERTIES},
                 {"tier", PUT_TIER},         {"appendblock", PUT_APPEND}};
    struct str comp = call_query(call, "comp");

    if (comp.len == 0)
        return read_blob(call, put, err);
    for (size_t i = 0; i < COUNT(KINDS); i++) {
        if (!str_eq_fold(comp, str_from(KINDS[i].comp)))
            continue;
        put->kind = KINDS[i].kind;
        if (read_fetch(call, put, err) < 0)
            return -1;
        return put->kind == PUT_BLOCK ? read_block_id(call, put, err) : 0;
    }
    if (str_eq_fold(comp, STR("copy")))
        return error_set(err, ERROR_CONFLICT, "NoPendingCopyOperation",
                         "There is currently no pending copy operation: copies are done at once.");
    return error_set(err, ERROR_NOT_IMPLEMENTED, "", "'comp=%.*s' of a blob is not built yet.",
                     STR_ARG(str_slice(comp, 0, 100)));
}

/* The letters of sp that each kind asks for, one of them. */
static const char *rights_of(const struct put *put)
{
    switch (put->kind) {
    case PUT_METADATA:
    case PUT_PROPERTIES:
    case PUT_TIER:
        return "w";
    case PUT_APPEND:
        return "aw";
    default:
        return "wc";
    }
}

/* With the right to create and not to write, only new names may be made. */
static bool may_overwrite(const struct put *put)
{
    return put->call->caller.kind != CALLER_SAS ||
           blob_sas_allows(&put->call->caller, &put->target, "w");
}

/* The source is looked up when it is read; whether the caller may read it, before. */
static int open_copy(struct put *put, struct error *err)
{
    struct call *call = put->call;

    put->copy_id = random_uuid(call->arena);
    return blob_open_source(call, &put->target, http_header(call->ex, "x-ms-copy-source"),
                            &put->source, err);
}

/* The digests that the client says its bytes have; "" for none. */
static struct str said_md5(const struct put *put)
{
    return http_header(put->call->ex, put->fetches ? "x-ms-source-content-md5" : "Content-MD5");
}

static struct str said_crc(const struct put *put)
{
    return http_header(put->call->ex,
                       put->fetches ? "x-ms-source-content-crc64" : "x-ms-content-crc64");
}

/* Before the body: everything that can be refused without it is refused. */
struct http_sink *blob_put_open(struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    const struct blob_ask ask = blob_ask_of(call);
    struct put *put = arena_make(call->arena, struct put);

    assert(call->face);
    put->call = call;
    put->sink = (struct http_sink){put_write, put_abandon};
    put->xml = buf_make(BLOB_XML_BYTES);
    if (call_param(call, "blob").len == 0) {
        error_set(err, ERROR_INVALID, "InvalidUri", "The address names no blob.");
        return NULL;
    }
    if (read_kind(call, put, err) < 0 ||
        blob_open_target(call, rights_of(put), &put->target, err) < 0 ||
        blob_check_headers(&ask, err) < 0 || blob_meta_read(call, &put->meta, err) < 0 ||
        ((put->kind == PUT_COPY || put->fetches) && open_copy(put, err) < 0))
        return NULL;
    put->only_new = !may_overwrite(put);
    if (said_crc(put).len > 0)
        put->crc_tables = blob_crc_new(call->arena);
    if (put->kind == PUT_BLOB || put->kind == PUT_BLOCK || put->kind == PUT_APPEND) {
        put->writer = content_writer_new(engines->content, err);
        if (!put->writer)
            return NULL;
        /* Of a whole blob clients may ask for it later, of a block only at once. */
        if (put->kind != PUT_BLOB && said_md5(put).len == 0)
            content_writer_skip_md5(put->writer);
    } else if (put->kind != PUT_LIST && http_content_length(call->ex) > 0) {
        no_body_wanted(err); /* in the words of this face, which a sink does not have */
        return NULL;
    }
    return &put->sink;
}

/* --- The end --------------------------------------------------------------------------------- */

/* What the client said about its bytes must be what arrived. */
static int check_digests(struct put *put, struct error *err)
{
    struct call *call = put->call;
    struct str md5 = said_md5(put), crc = said_crc(put);
    struct str came = put->kind == PUT_LIST ? blob_md5_of(call->arena, buf_str(&put->xml))
                                            : blob_md5_text(call->arena, str_from(put->object.md5));

    if ((put->writer || put->kind == PUT_LIST) && md5.len > 0 && !str_eq(md5, came))
        return error_set(err, ERROR_INVALID, "Md5Mismatch",
                         "The body's MD5 is %.*s, not %.*s as said.", STR_ARG(came), STR_ARG(md5));
    if (put->crc_tables && !str_eq(crc, blob_crc64_text(call->arena, put->crc)))
        return error_set(err, ERROR_INVALID, "Crc64Mismatch",
                         "The body's CRC64 is not %.*s as said.", STR_ARG(crc));
    return 0;
}

/* The body is whole: bytes to disk, digests, then one write. */
static int finish(struct put *put, struct error *err)
{
    struct engines *engines = put->call->face;

    assert(put->call->face);
    if (put->fetches && blob_fetch(put, err) < 0)
        return -1;
    if (put->writer && content_finish(put->writer, &put->object, err) < 0)
        return -1;
    if (check_digests(put, err) < 0)
        return -1;
    if (put->kind == PUT_LIST && blob_xml_blocks(put->call->arena, buf_str(&put->xml), &put->picks,
                                                 &put->pick_count, err) < 0)
        return -1;
    return store_write(engines->store, blob_put_apply, put, err);
}

/* A copy is done at once; it has a number all the same. */
static int reply_copy(struct put *put)
{
    struct call *call = put->call;

    http_add_header(call->ex, "x-ms-copy-id", put->copy_id);
    http_add_header(call->ex, "x-ms-copy-status", STR("success"));
    return http_header(call->ex, "x-ms-blob-type").len > 0 ? 201 : 202;
}

/* What clients check: etag, digests, the status of its kind. */
static void put_reply(struct put *put)
{
    struct call *call = put->call;
    struct str md5 = blob_md5_text(call->arena, str_from(put->object.md5));
    bool described =
        put->kind == PUT_METADATA || put->kind == PUT_PROPERTIES || put->kind == PUT_TIER;
    int status = described ? 200 : 201;

    if (put->writer && md5.len > 0)
        http_add_header(call->ex, "Content-MD5", md5);
    if (put->crc_tables)
        http_add_header(call->ex, "x-ms-content-crc64", blob_crc64_text(call->arena, put->crc));
    http_add_header(call->ex, "x-ms-request-server-encrypted", STR("false"));
    if (put->kind == PUT_COPY)
        status = reply_copy(put);
    if (put->kind == PUT_APPEND) {
        http_add_header(call->ex, "x-ms-blob-append-offset",
                        arena_printf(call->arena, "%lld", (long long)put->append_from));
        http_add_header(call->ex, "x-ms-blob-committed-block-count",
                        arena_printf(call->arena, "%lld", (long long)put->appended));
    }
    if (put->kind != PUT_BLOCK)
        blob_describe(call, &put->blob);
    blob_reply(call, status);
}

/* All of the body is here; until now nothing could be seen of it. */
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
