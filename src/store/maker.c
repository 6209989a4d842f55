/* systemData in one place, so that what clients make and what the server makes look alike. */
#include "store/maker.h"

#include "base/json.h"
#include "os/clock.h"

#include <assert.h>

static const char *const WORDS[] = {[MAKER_USER] = "User",
                                    [MAKER_APPLICATION] = "Application",
                                    [MAKER_IDENTITY] = "ManagedIdentity"};

struct str maker_word(enum maker_kind kind)
{
    assert(kind <= MAKER_IDENTITY);
    return str_from(WORDS[kind]);
}

/* What an older version wrote was always "User". */
enum maker_kind maker_kind_of(struct str word)
{
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (str_eq_fold(word, str_from(WORDS[i])))
            return (enum maker_kind)i;
    return MAKER_USER;
}

/* NULL when the row says nothing that one could keep. */
static struct json *read_system(struct arena *arena, struct str system)
{
    struct json *read = system.len > 0 ? json_parse(arena, system, NULL) : NULL;

    return json_kind(read) == JSON_OBJECT && json_count(read) > 0 ? read : NULL;
}

/* The maker stays for good, whoever changes it afterwards. */
struct str maker_stamp(struct arena *arena, const struct maker *maker, struct str before,
                       int64_t now_us)
{
    struct json *system = read_system(arena, before);
    struct str kind = maker_word(maker->kind);
    char text[CLOCK_ISO_BYTES];
    struct str now = arena_str(arena, clock_iso(now_us, text));

    assert(maker->name.ptr || maker->name.len == 0);
    if (!system) {
        system = json_object(arena);
        json_set_str(arena, system, "createdBy", maker->name);
        json_set_str(arena, system, "createdByType", kind);
        json_set_str(arena, system, "createdAt", now);
    }
    json_set_str(arena, system, "lastModifiedBy", maker->name);
    json_set_str(arena, system, "lastModifiedByType", kind);
    json_set_str(arena, system, "lastModifiedAt", now);
    return json_write(arena, system);
}

/* For what a job does afterwards in the name of who sent it. */
struct maker maker_of(struct arena *arena, struct str system)
{
    struct json *read = read_system(arena, system);

    assert(arena);
    return (struct maker){.kind = maker_kind_of(json_str_at(read, "createdByType")),
                          .name = json_str_at(read, "createdBy")};
}
