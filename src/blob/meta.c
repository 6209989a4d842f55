#include "blob/internal.h"

#include <assert.h>
#include <ctype.h>

/* What a blob is described by, kept as JSON beside it: content headers, its type when it is not a
 * block blob, and the metadata of clients. */

#define META_BYTES (8 * KIB)
#define VALUE_BYTES (2 * KIB)

const struct blob_property BLOB_PROPERTIES[] = {
    {"contentType", "x-ms-blob-content-type", "Content-Type", "rsct"},
    {"contentEncoding", "x-ms-blob-content-encoding", "Content-Encoding", "rsce"},
    {"contentLanguage", "x-ms-blob-content-language", "Content-Language", "rscl"},
    {"contentMd5", "x-ms-blob-content-md5", "Content-MD5", NULL},
    {"cacheControl", "x-ms-blob-cache-control", "Cache-Control", "rscc"},
    {"contentDisposition", "x-ms-blob-content-disposition", "Content-Disposition", "rscd"},
};
const size_t BLOB_PROPERTY_COUNT = COUNT(BLOB_PROPERTIES);

/* Names of metadata are identifiers, by the service's rule; so they can be elements of XML too. */
static bool is_identifier(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (!isalpha(c) && c != '_' && (i == 0 || !isdigit(c)))
            return false;
    }
    return name.len > 0;
}

/* The metadata of the request, in the spelling of its headers. */
static int take_metadata(struct call *call, struct json *to, struct error *err)
{
    static const struct str PREFIX = STR_INIT("x-ms-meta-");
    size_t count, bytes = 0;
    const struct http_header *headers = http_headers(call->ex, &count);

    assert(json_kind(to) == JSON_OBJECT);
    for (size_t i = 0; i < count; i++) {
        if (!str_starts_fold(headers[i].name, PREFIX))
            continue;
        struct str name = str_slice(headers[i].name, PREFIX.len, headers[i].name.len);
        if (name.len == 0)
            return error_set(err, ERROR_INVALID, "EmptyMetadataKey", "Metadata has a name.");
        if (!is_identifier(name))
            return error_set(err, ERROR_INVALID, "InvalidMetadata",
                             "'%.*s' is no name for metadata: letters, digits and '_', no digit "
                             "first.",
                             STR_ARG(str_slice(name, 0, 100)));
        if (json_get_fold(to, name))
            return error_set(err, ERROR_INVALID, "InvalidMetadata",
                             "The metadata '%.*s' is there twice.",
                             STR_ARG(str_slice(name, 0, 100)));
        bytes += name.len + headers[i].value.len;
        json_set(call->arena, to, name, json_text(call->arena, headers[i].value));
    }
    if (bytes > META_BYTES)
        return error_set(err, ERROR_INVALID, "MetadataTooLarge", "Metadata has at most %zu bytes.",
                         META_BYTES);
    return 0;
}

/* Content headers: those of the blob, and, for a body that is the blob, those of the body. */
static void take_properties(struct call *call, struct json *to, bool of_body)
{
    for (size_t i = 0; i < BLOB_PROPERTY_COUNT; i++) {
        const struct blob_property *one = &BLOB_PROPERTIES[i];
        struct str value = http_header(call->ex, one->request);
        if (value.len == 0 && of_body)
            value = http_header(call->ex, one->header);
        if (value.len > 0)
            json_set_str(call->arena, to, one->key, str_slice(value, 0, VALUE_BYTES));
    }
}

/* Tiers that are read like any other: what they cost elsewhere is nothing here. Archived blobs
 * would have to refuse to be read, which is not built. */
static int take_tier(struct call *call, struct json *to, struct error *err)
{
    static const char *const TIERS[] = {"Hot", "Cool", "Cold"};
    struct str tier = http_header(call->ex, "x-ms-access-tier");

    assert(json_kind(to) == JSON_OBJECT);
    if (tier.len == 0)
        return 0;
    if (str_eq_fold(tier, STR("Archive")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FeatureNotYetSupported",
                         "The tier Archive is not built: Hot, Cool or Cold.");
    for (size_t i = 0; i < COUNT(TIERS); i++)
        if (str_eq_fold(tier, str_from(TIERS[i]))) {
            json_set_str(call->arena, to, "tier", str_from(TIERS[i]));
            return 0;
        }
    return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                     "x-ms-access-tier is Hot, Cool or Cold, not '%.*s'.",
                     STR_ARG(str_slice(tier, 0, 64)));
}

/* Kept as one text beside the blob: a copy takes it along whole, and nothing in it is searched
 * for. */
int blob_meta_read(struct call *call, struct str *out, struct error *err)
{
    struct json *meta = json_object(call->arena), *own = json_object(call->arena);
    struct str type = http_header(call->ex, "x-ms-blob-type");

    assert(call->ex);
    if (str_eq_fold(type, STR("AppendBlob")))
        json_set_str(call->arena, meta, "type", STR("AppendBlob"));
    else if (take_tier(call, meta, err) < 0)
        return -1;
    take_properties(call, meta, call_query(call, "comp").len == 0);
    if (take_metadata(call, own, err) < 0)
        return -1;
    json_set(call->arena, meta, STR("meta"), own);
    *out = json_write(call->arena, meta);
    return 0;
}

/* An object, whatever is stored. */
static struct json *parse(struct arena *arena, struct str text)
{
    struct json *meta = text.len ? json_parse(arena, text, NULL) : NULL;

    return json_kind(meta) == JSON_OBJECT ? meta : json_object(arena);
}

/* What else is said of the blob stays. */
int blob_meta_retier(struct call *call, struct str before, struct str *out, struct error *err)
{
    struct json *meta = parse(call->arena, before);

    if (http_header(call->ex, "x-ms-access-tier").len == 0)
        return error_set(err, ERROR_INVALID, "MissingRequiredHeader",
                         "A tier is set with the header x-ms-access-tier.");
    if (take_tier(call, meta, err) < 0)
        return -1;
    *out = json_write(call->arena, meta);
    return 0;
}

/* Metadata is replaced as a whole, as Azure does; all else stays. */
int blob_meta_replace(struct call *call, struct str before, struct str *out, struct error *err)
{
    struct json *meta = parse(call->arena, before), *own = json_object(call->arena);

    if (take_metadata(call, own, err) < 0)
        return -1;
    json_set(call->arena, meta, STR("meta"), own);
    *out = json_write(call->arena, meta);
    return 0;
}

/* All of them or none: one that the request does not name is gone. */
struct str blob_meta_properties(struct call *call, struct str before)
{
    struct json *meta = parse(call->arena, before);
    bool any = false;

    for (size_t i = 0; i < BLOB_PROPERTY_COUNT; i++)
        any |= http_has_header(call->ex, BLOB_PROPERTIES[i].request);
    for (size_t i = 0; any && i < BLOB_PROPERTY_COUNT; i++)
        json_remove(meta, str_from(BLOB_PROPERTIES[i].key));
    take_properties(call, meta, false);
    return json_write(call->arena, meta);
}

/* A container has no content, so only what the client named is kept. */
int blob_meta_container(struct call *call, struct str *out, struct error *err)
{
    return blob_meta_replace(call, STR(""), out, err);
}

/* Names go out as they came in: clients compare them in any case. */
void blob_meta_show(struct call *call, const struct json *meta)
{
    struct json_iter it = json_iter(json_get(meta, STR("meta")));

    while (json_next(&it))
        http_add_header(call->ex, arena_printf(call->arena, "x-ms-meta-%.*s", STR_ARG(it.key)).ptr,
                        json_as_str(it.value));
}
