/* Any text is an expression or an error with a column; evaluating it gives a value or an error. */
#include "cli/jmespath.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char DATA[] =
    "{\"a\":{\"b\":[0,1,2,{\"c\":\"x\"}],\"n\":null},\"s\":\"h\xC3\xA9\",\"t\":true,\"f\":1.5,"
    "\"jobs\":[{\"name\":\"x\",\"n\":3},{\"name\":\"y\",\"n\":1}],\"e\":[],\"m\":{\"x\":{\"v\":1},"
    "\"y\":2}}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB);
    struct error err = {0};
    struct jmespath *expression;
    struct json *data = json_parse(arena, str_from(DATA), &err), *result = NULL;
    int64_t column;

    /* Nested projections multiply what they copy; long texts only slow that down. */
    if (!data || size > 300)
        return 0;
    if (jmespath_parse(arena, (struct str){(const char *)bytes, size}, &expression, &err) < 0) {
        if (!str_to_int64(str_from(err.target), &column) || column < 1 || (size_t)column > size + 1)
            abort();
        return 0;
    }
    if (jmespath_search(arena, expression, data, &result, &err) < 0) {
        if (err.message[0] == '\0')
            abort();
    } else if (!result || json_write(arena, result).len == 0) {
        abort();
    }
    return 0;
}
