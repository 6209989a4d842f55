/* Any text is a reference or is refused with a sentence; what was read lies within the text. */
#include "route/reference.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A result is a piece of the text, a literal type word, or empty. */
static void inside(struct str text, struct str piece)
{
    bool within = piece.ptr >= text.ptr && piece.ptr + piece.len <= text.ptr + text.len;

    if (piece.len > 0 && !within)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str text = {(const char *)bytes, size};
    struct reference read;
    struct error err = {0};

    if (reference_parse(arena, text, &read, &err) < 0) {
        if (err.code != ERROR_INVALID || err.message[0] == '\0')
            abort();
        return 0;
    }
    const struct str pieces[] = {read.subscription, read.group,  read.workspace,
                                 read.registry,     read.name,   read.version,
                                 read.label,        read.output, read.path};
    for (size_t i = 0; i < COUNT(pieces); i++)
        inside(text, pieces[i]);
    if (str_find(read.path, STR("/../")) >= 0 && read.kind != REFERENCE_URL &&
        read.kind != REFERENCE_LOCAL)
        abort();
    return 0;
}
