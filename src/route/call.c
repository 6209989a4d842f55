/* call.c - what a handler asks of its call */
#include "route/route.h"

#include "http/text.h"

#include <assert.h>

struct str call_param(const struct call *call, const char *name)
{
    assert(call && name);
    for (size_t i = 0; i < call->param_count; i++)
        if (str_eq(call->params[i].name, str_from(name)))
            return call->params[i].value;
    return STR("");
}

struct str call_query(const struct call *call, const char *name)
{
    struct str value;

    assert(call && name);
    if (!http_query_get(call->arena, http_query(call->ex), name, 0, &value))
        return STR("");
    return value;
}
