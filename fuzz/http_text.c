/* Any text can be encoded and comes back; ranges lie within; events stay events. */
#include "http/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_codes(struct arena *arena, struct str text)
{
    struct str plain, again;

    if (http_decode(arena, text, &plain, NULL) == 0) {
        must(plain.len <= text.len && !memchr(plain.ptr, '\0', plain.len));
        must(http_decode(arena, http_encode(arena, plain, false), &again, NULL) == 0);
        must(str_eq(plain, again));
    }
    if (text.len && !memchr(text.ptr, '\0', text.len)) {
        must(http_decode(arena, http_encode(arena, text, true), &again, NULL) == 0);
        must(str_eq(text, again));
    }
    for (size_t nth = 0; nth < 3; nth++)
        if (http_query_get(arena, text, "sv", nth, &plain))
            must(plain.len <= text.len);
}

static void check_range(struct str text)
{
    for (int64_t size = 0; size < 3; size++) {
        int64_t offset = -1, length = -1;
        int result = http_range(text, size, &offset, &length);
        if (result == 1)
            must(offset >= 0 && length > 0 && offset + length <= size);
        else
            must(offset == -1 && length == -1);
    }
}

/* Each line of an event is one of ours, and an empty line ends it, only there. */
static void check_event(struct str text)
{
    CLEANUP(buf_free) struct buf out = buf_make(64 * MIB);
    struct str rest, line;

    http_event(&out, STR("1"), STR("e"), text);
    rest = buf_str(&out);
    must(str_ends(rest, STR("\n\n")) && str_find_char(rest, '\r') < 0);
    rest.len -= 2;
    while (str_split(&rest, '\n', &line))
        must(str_starts(line, STR("id: 1")) || str_starts(line, STR("event: e")) ||
             str_starts(line, STR("data: ")));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct str text = {size ? (const char *)bytes : "", size};

    check_codes(arena, text);
    check_range(text);
    check_event(text);
    must(http_media_type(text) != NULL);
    return 0;
}
