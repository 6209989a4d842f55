/* Errors and descriptions as Azure's storage clients read them: a code in a header, XML in the
 * body. */
#include "blob/internal.h"

#include "base/buf.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>

/* What each error is called when nothing more particular is known. */
struct wire_row {
    int status;
    const char *code;
};

static const struct wire_row WIRE[ERROR_COUNT_] = {
    [ERROR_INVALID] = {400, "InvalidInput"},
    [ERROR_USER] = {400, "InvalidInput"},
    [ERROR_UNAUTHENTICATED] = {401, "NoAuthenticationInformation"},
    [ERROR_FORBIDDEN] = {403, "AuthorizationFailure"},
    [ERROR_NOT_FOUND] = {404, "ResourceNotFound"},
    [ERROR_METHOD] = {405, "UnsupportedHttpVerb"},
    [ERROR_EXISTS] = {409, "BlobAlreadyExists"},
    [ERROR_CONFLICT] = {409, "ResourceTypeMismatch"},
    [ERROR_PRECONDITION] = {412, "ConditionNotMet"},
    [ERROR_TOO_LARGE] = {413, "RequestBodyTooLarge"},
    [ERROR_RANGE] = {416, "InvalidRange"},
    [ERROR_MISDIRECTED] = {421, "InvalidUri"},
    [ERROR_TOO_MANY] = {503, "ServerBusy"},
    [ERROR_NOT_IMPLEMENTED] = {501, "FeatureNotYetSupported"},
    [ERROR_UNAVAILABLE] = {503, "ServerBusy"},
    [ERROR_TIMEOUT] = {500, "OperationTimedOut"},
    [ERROR_STORAGE_FULL] = {507, "InsufficientStorage"},
};

/* Clients write the number into their logs; the version is what we speak, whatever they asked
 * for. */
void blob_headers(struct call *call)
{
    http_add_header(call->ex, "x-ms-version", STR(BLOB_VERSION));
    http_add_header(call->ex, "x-ms-request-id", random_uuid(call->arena));
}

/* Codes are words that begin with a capital; paths and fields are not. */
static bool is_word(const char *text)
{
    size_t len = 0;

    assert(text);
    for (; text[len]; len++)
        if (!((text[len] >= 'a' && text[len] <= 'z') || (text[len] >= 'A' && text[len] <= 'Z') ||
              (text[len] >= '0' && text[len] <= '9')))
            return false;
    return len > 2 && text[0] >= 'A' && text[0] <= 'Z';
}

/* Azure's clients read the code from the header, people from the XML. */
struct blob_refusal blob_refusal_of(struct arena *arena, const struct error *err)
{
    CLEANUP(buf_free) struct buf xml = buf_make(64 * KIB);
    int status = WIRE[err->code].status;
    const char *code = WIRE[err->code].code;

    assert(err->code > ERROR_NONE && err->code < ERROR_COUNT_);
    if (!code) {
        status = 500;
        code = "InternalError";
    }
    if (is_word(err->target))
        code = err->target;
    buf_add(&xml, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>"));
    blob_xml_element(&xml, "Code", str_from(code));
    blob_xml_element(&xml, "Message", str_from(err->message));
    if (err->hint[0])
        blob_xml_element(&xml, "Hint", str_from(err->hint));
    buf_add(&xml, STR("</Error>"));
    return (struct blob_refusal){status, arena_str(arena, str_from(code)),
                                 arena_str(arena, buf_str(&xml))};
}

void blob_refuse(struct call *call, const struct error *err)
{
    struct blob_refusal refusal = blob_refusal_of(call->arena, err);

    blob_headers(call);
    http_add_header(call->ex, "x-ms-error-code", refusal.code);
    if (refusal.status == 503)
        http_add_header(call->ex, "Retry-After", STR("1"));
    http_reply(call->ex, refusal.status, "application/xml", refusal.xml);
}

/* A list that outgrew its buffer is an error and never half a document. */
void blob_reply_xml(struct call *call, struct buf *xml)
{
    struct error err = {0};

    assert(xml);
    if (buf_ok(xml, &err) < 0) {
        blob_refuse(call, &err);
    } else {
        blob_headers(call);
        http_reply(call->ex, 200, "application/xml", arena_str(call->arena, buf_str(xml)));
    }
    buf_free(xml);
}

/* What there is to say stands in the headers. */
void blob_reply(struct call *call, int status)
{
    assert(status >= 200 && status < 400);
    blob_headers(call);
    http_reply(call->ex, status, NULL, (struct str){0});
}

/* Block blobs have a tier: their own, else that of the account. */
static void show_tier(struct call *call, const struct json *meta)
{
    struct str tier = json_str_at(meta, "tier");

    http_add_header(call->ex, "x-ms-access-tier", tier.len ? tier : STR("Hot"));
    if (tier.len == 0)
        http_add_header(call->ex, "x-ms-access-tier-inferred", STR("true"));
}

/* What clients keep to compare with at the next request; the same for reads and writes. */
void blob_describe(struct call *call, const struct blob *blob)
{
    struct json *meta = blob->meta.len ? json_parse(call->arena, blob->meta, NULL) : NULL;
    struct str type = json_str_at(meta, "type");
    char text[CLOCK_ISO_BYTES];

    assert(blob->etag.len > 0);
    http_add_header(call->ex, "ETag", arena_printf(call->arena, "\"%.*s\"", STR_ARG(blob->etag)));
    http_add_header(call->ex, "Last-Modified", clock_http_date(blob->updated_us, text));
    http_add_header(call->ex, "x-ms-creation-time", clock_http_date(blob->created_us, text));
    http_add_header(call->ex, "x-ms-blob-type", type.len ? type : STR("BlockBlob"));
    if (type.len)
        http_add_header(
            call->ex, "x-ms-blob-committed-block-count",
            arena_printf(call->arena, "%lld", (long long)json_int_at(meta, "appended", 0)));
    if (json_str_at(meta, "copyId").len) {
        http_add_header(call->ex, "x-ms-copy-id", json_str_at(meta, "copyId"));
        http_add_header(call->ex, "x-ms-copy-status", STR("success"));
        if (json_str_at(meta, "copySource").len) /* blobs of older servers do not know it */
            http_add_header(call->ex, "x-ms-copy-source", json_str_at(meta, "copySource"));
        http_add_header(call->ex, "x-ms-copy-completion-time", json_str_at(meta, "copyTime"));
        http_add_header(
            call->ex, "x-ms-copy-progress",
            arena_printf(call->arena, "%lld/%lld", (long long)blob->size, (long long)blob->size));
    }
    if (type.len == 0)
        show_tier(call, meta);
    http_add_header(call->ex, "x-ms-server-encrypted", STR("false"));
    http_add_header(call->ex, "x-ms-lease-status", STR("unlocked"));
    http_add_header(call->ex, "x-ms-lease-state", STR("available"));
    blob_meta_show(call, meta);
}
