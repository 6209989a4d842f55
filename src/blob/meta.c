#include "blob/internal.h"

#include <assert.h>

/* What a blob is described by, kept as JSON beside it. */

static void take_metadata(struct call *call, struct json *to)
{
    static const struct str PREFIX = STR_INIT("x-ms-meta-");
    size_t count;
    const struct http_header *headers = http_headers(call->ex, &count);

    assert(json_kind(to) == JSON_OBJECT);
    for (size_t i = 0; i < count; i++)
        if (str_starts_fold(headers[i].name, PREFIX) && headers[i].name.len > PREFIX.len)
            json_set(call->arena, to,
                     arena_lower(call->arena,
                                 str_slice(headers[i].name, PREFIX.len, headers[i].name.len)),
                     json_text(call->arena, headers[i].value));
}

struct str blob_meta_read(struct call *call)
{
    struct json *meta = json_object(call->arena), *own = json_object(call->arena);
    struct str type = http_header(call->ex, "x-ms-blob-content-type");
    bool list = str_eq_fold(call_query(call, "comp"), STR("blocklist"));

    assert(call->ex);
    if (type.len == 0 && !list)
        type = http_header(call->ex, "Content-Type");
    if (type.len > 0)
        json_set_str(call->arena, meta, "contentType", str_slice(type, 0, 200));
    struct str md5 = http_header(call->ex, "x-ms-blob-content-md5");
    if (md5.len == 24)
        json_set_str(call->arena, meta, "contentMd5", md5);
    take_metadata(call, own);
    json_set(call->arena, meta, STR("meta"), own);
    return json_write(call->arena, meta);
}

/* Metadata is replaced as a whole, as Azure does; the type stays. */
struct str blob_meta_replace(struct call *call, struct str before)
{
    struct json *meta = before.len ? json_parse(call->arena, before, NULL) : NULL;
    struct json *own = json_object(call->arena);

    assert(call->ex);
    if (json_kind(meta) != JSON_OBJECT)
        meta = json_object(call->arena);
    take_metadata(call, own);
    json_set(call->arena, meta, STR("meta"), own);
    return json_write(call->arena, meta);
}
