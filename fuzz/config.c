/* Any text is a configuration, or is refused with its line and nothing of it is taken. */
#include "server/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct config config = config_default();
    struct error err = {0};

    if (config_read(arena, (struct str){(const char *)bytes, size}, &config, &err) < 0) {
        if (err.code != ERROR_INVALID || !strstr(err.message, " line ") || config.name_count != 0)
            abort();
        return 0;
    }
    if (config.name_count > CONFIG_NAMES_MAX || config.workers < 2 || config.workers > 256)
        abort();
    if (str_find_char(config.domain, '.') <= 0)
        abort();
    return 0;
}
