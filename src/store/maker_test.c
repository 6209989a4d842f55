#include "base/json.h"
#include "base/test.h"
#include "store/maker.h"

#define NOON 1700000000000000LL
#define LATER (NOON + 60000000LL)

static const struct maker ANA = {MAKER_USER, STR_INIT("Ana Ivanova")};
static const struct maker CI = {MAKER_APPLICATION,
                                STR_INIT("11111111-2222-3333-4444-555555555555")};

TEST(what_is_new_says_who_made_it)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *system = json_parse(arena, maker_stamp(arena, &CI, STR(""), NOON), NULL);

    CHECK_STR("11111111-2222-3333-4444-555555555555", json_str_at(system, "createdBy"));
    CHECK_STR("Application", json_str_at(system, "createdByType"));
    CHECK_STR("Application", json_str_at(system, "lastModifiedByType"));
    CHECK_STR("2023-11-14T22:13:20.000000Z", json_str_at(system, "createdAt"));
    CHECK_STR("2023-11-14T22:13:20.000000Z", json_str_at(system, "lastModifiedAt"));
}

TEST(who_made_it_stays_when_another_changes_it)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct maker machine = {MAKER_IDENTITY, STR("machine")};
    struct str made = maker_stamp(arena, &ANA, STR("{}"), NOON);
    struct json *system = json_parse(arena, maker_stamp(arena, &machine, made, LATER), NULL);

    CHECK_STR("Ana Ivanova", json_str_at(system, "createdBy"));
    CHECK_STR("User", json_str_at(system, "createdByType"));
    CHECK_STR("2023-11-14T22:13:20.000000Z", json_str_at(system, "createdAt"));
    CHECK_STR("machine", json_str_at(system, "lastModifiedBy"));
    CHECK_STR("ManagedIdentity", json_str_at(system, "lastModifiedByType"));
    CHECK_STR("2023-11-14T22:14:20.000000Z", json_str_at(system, "lastModifiedAt"));
}

TEST(who_made_it_is_read_back)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct maker read = maker_of(arena, maker_stamp(arena, &CI, STR(""), NOON));

    CHECK_INT(MAKER_APPLICATION, read.kind);
    CHECK_STR("11111111-2222-3333-4444-555555555555", read.name);
    CHECK_INT(0, maker_of(arena, STR("")).name.len);
    CHECK_INT(0, maker_of(arena, STR("[1]")).name.len);
    CHECK_INT(MAKER_USER, maker_of(arena, STR("{\"createdByType\":\"Robot\"}")).kind);
}
