/* Any bytes are a document or an error with a place; what was read can be checked, written and read
 * again as the same value. */
#include "yaml/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses half a kilobyte of its own with some quoted texts; ours are looked at. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

/* The value comes back from its own text, or that text is over a bound. */
static void round_trip(struct arena *arena, const struct json *root)
{
    struct yaml again;
    struct error err = {0};
    struct str text = yaml_write(arena, root, false);

    if (yaml_parse(arena, text, &again, &err) < 0) {
        if (err.code != ERROR_TOO_LARGE)
            abort();
    } else if (!json_equal(root, again.root)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB);
    struct yaml yaml;
    struct error err = {0};

    if (yaml_parse(arena, (struct str){(const char *)bytes, size}, &yaml, &err) < 0) {
        if (err.message[0] == '\0' || err.target[0] == '\0')
            abort();
        return 0;
    }
    if (json_is_null(yaml.root))
        return 0;
    round_trip(arena, yaml.root);
    for (size_t i = 0; i < yaml_kind_count; i++) {
        struct yaml_problems problems = {.arena = arena};
        yaml_check(&yaml, &yaml_kinds[i], &problems);
        yaml_check_command(&yaml, &problems);
        yaml_problems_sort(&problems);
        (void)yaml_problems_text(&problems, STR("x.yml"));
    }
    return 0;
}
