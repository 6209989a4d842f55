/* Any text is a block list or is refused; the ids lie in it, in their order, and are never empty of
 * memory. */
#include "blob/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct str xml = {(const char *)bytes, size};
    struct content_pick *picks = NULL;
    struct error err = {0};
    size_t count = 0;
    const char *at = xml.ptr;

    if (blob_xml_blocks(arena, xml, &picks, &count, &err) < 0) {
        if ((err.code != ERROR_INVALID && err.code != ERROR_NOT_IMPLEMENTED) || !err.message[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct str id = picks[i].block_id;
        if (!id.ptr || id.ptr < at || id.ptr + id.len > xml.ptr + xml.len)
            abort();
        at = id.ptr + id.len;
    }
    return 0;
}
