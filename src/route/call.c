/* What a handler asks of its call. Parameters are found by name: there are ten at most, and a table
 * would cost more than looking. */
#include "route/route.h"

#include "http/text.h"

#include <assert.h>

/* A handler asks by the template's own name; what is not there is a mistake in one of the two,
 * found by the first test. */
struct str call_param(const struct call *call, const char *name)
{
    assert(call && name);
    for (size_t i = 0; i < call->param_count; i++)
        if (str_eq(call->params[i].name, str_from(name)))
            return call->params[i].value;
    return STR("");
}

/* The first of that name: faces that must refuse a repeated one ask http/text.h themselves. */
struct str call_query(const struct call *call, const char *name)
{
    struct str value;

    assert(call && name);
    if (!http_query_get(call->arena, http_query(call->ex), name, 0, &value))
        return STR("");
    return value;
}

/* Nobody else needs to know that a name is enough where no display name was found. */
struct maker caller_maker(const struct caller *caller)
{
    struct maker maker = caller->maker;

    assert(caller->name.ptr || caller->name.len == 0);
    if (maker.name.len == 0)
        maker.name = caller->name;
    return maker;
}
