/* Who asks and on which conditions stands in a request's head; a batch holds many such heads. */
#include "blob/internal.h"

#include <assert.h>

struct blob_ask blob_ask_of(const struct call *call)
{
    struct blob_ask ask = {.arena = call->arena,
                           .method = http_method(call->ex),
                           .path = http_path(call->ex),
                           .query = http_query(call->ex),
                           .host = http_header(call->ex, "host"),
                           .first = blob_first_piece(http_path(call->ex))};

    assert(call->arena);
    ask.headers = http_headers(call->ex, &ask.header_count);
    return ask;
}

struct str blob_container_in_prefix(const struct call *call)
{
    struct str prefix = call_query(call, "prefix"), container, rest;

    if (call_param(call, "container").len > 0 || blob_first_piece(http_path(call->ex)).len == 0 ||
        !str_eq_fold(call_query(call, "restype"), STR("container")) ||
        !str_eq_fold(call_query(call, "comp"), STR("list")) ||
        !str_cut(prefix, '/', &container, &rest))
        return (struct str){0};
    return container;
}

struct str blob_ask_header(const struct blob_ask *ask, const char *name)
{
    for (size_t i = 0; i < ask->header_count; i++)
        if (str_eq_fold(ask->headers[i].name, str_from(name)))
            return ask->headers[i].value;
    return (struct str){0};
}
