/* Any text is JSON or is refused with its place; what was read and written reads the same again. */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Visits everything once, so that a wrong pointer is found. */
static size_t count(const struct json *value, int depth)
{
    struct json_iter it = json_iter(value);
    size_t total = 1;

    must(depth <= JSON_DEPTH_MAX);
    while (json_next(&it))
        total += count(it.value, depth + 1) + it.key.len;
    return total + json_as_str(value).len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct str text = {size ? (const char *)bytes : "", size};
    struct error err = {0};
    struct json *value = json_parse(arena, text, &err);

    if (!value) {
        must(err.code != ERROR_NONE && err.message[0]);
        return 0;
    }
    struct str written = json_write(arena, value);
    struct json *again = json_parse(arena, written, &err);
    must(again && count(again, 0) == count(value, 0));
    must(str_eq(written, json_write(arena, again)));
    struct json *pretty = json_parse(arena, json_write_pretty(arena, value), &err);
    must(pretty && str_eq(written, json_write(arena, pretty)));
    must(count(json_sorted(arena, value), 0) == count(value, 0));
    return 0;
}
