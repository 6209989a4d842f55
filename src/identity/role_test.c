#include "base/test.h"
#include "identity/role.h"

#include <string.h>

#define ML "Microsoft.MachineLearningServices/workspaces/"

static bool matches(const char *pattern, const char *action)
{
    return role_matches(str_from(pattern), str_from(action));
}

static bool may(const char *action)
{
    return role_data_scientist_may(str_from(action));
}

static void check_action(const char *expected, const char *method, const char *path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CHECK_STR(expected, role_action_of(arena, str_from(method), str_from(path)));
}

TEST(a_pattern_without_a_star_is_the_action_in_any_case)
{
    CHECK(matches("A/b/Read", "a/B/read"));
    CHECK(!matches("a/b/read", "a/b/reads"));
    CHECK(!matches("a/b/reads", "a/b/read"));
    CHECK(!matches("", "a"));
}

TEST(a_star_takes_any_run_slashes_included)
{
    CHECK(matches("*", "a/b/c"));
    CHECK(matches("*/read", "a/b/read"));
    CHECK(matches("a/*/read", "a/b/c/read"));
    CHECK(!matches("a/*/read", "a/b/write"));
    CHECK(!matches("*/read", "read"));
}

TEST(a_star_between_slashes_may_be_nothing)
{
    CHECK(matches("a/*/read", "a/read"));
    CHECK(!matches("a/*/read", "aread"));
    CHECK(!matches("a*/read", "a"));
}

TEST(a_data_scientist_works_in_a_workspace_but_does_not_make_computes)
{
    CHECK(may(ML "jobs/write"));
    CHECK(may(ML "read"));
    CHECK(may(ML "experiments/runs/write"));
    CHECK(may(ML "datastores/listSecrets/action"));
    CHECK(!may(ML "computes/write"));
    CHECK(!may(ML "computes/nodes/write"));
    CHECK(!may(ML "computes/delete"));
    CHECK(!may(ML "computes/listKeys/action"));
    CHECK(!may(ML "listKeys/action"));
    CHECK(!may(ML "write"));
    CHECK(!may(ML "delete"));
}

TEST(a_data_scientist_has_nothing_outside_of_workspaces)
{
    CHECK(!may("Microsoft.Authorization/roleAssignments/write"));
    CHECK(!may("Microsoft.MachineLearningServices/registries/write"));
    CHECK(!may(""));
}

#define WS \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

TEST(the_action_of_a_request_is_its_type_path_and_verb)
{
    check_action(ML "jobs/read", "GET", WS "/jobs");
    check_action(ML "jobs/read", "HEAD", WS "/jobs/x");
    check_action(ML "jobs/write", "PUT", WS "/jobs/x");
    check_action(ML "data/versions/write", "PATCH", WS "/data/iris/versions/1");
    check_action(ML "jobs/delete", "DELETE", WS "/jobs/x");
    check_action("Microsoft.MachineLearningServices/workspaces/read", "GET", WS);
}

TEST(the_action_of_a_post_is_its_last_word)
{
    check_action(ML "jobs/cancel/action", "POST", WS "/jobs/x/cancel");
    check_action(ML "listKeys/action", "POST", WS "/listKeys");
    check_action(ML "datastores/listSecrets/action", "POST", WS "/datastores/d/listSecrets");
}

TEST(a_path_without_a_provider_has_no_action)
{
    check_action("", "GET", "/subscriptions/s/resourceGroups/g");
    check_action("", "GET", "/api/2.0/mlflow/runs/get");
    check_action("", "GET", "/subscriptions/s/resourceGroups/g/providers/Microsoft.X");
}

TEST(a_group_called_providers_is_no_provider)
{
    check_action("Microsoft.X/things/read", "GET",
                 "/subscriptions/s/resourceGroups/providers/providers/Microsoft.X/things/t");
}

TEST(what_is_asked_of_an_extension_is_its_own_action)
{
    check_action("Microsoft.Authorization/roleAssignments/write", "PUT",
                 WS "/providers/Microsoft.Authorization/roleAssignments/1");
    check_action("Microsoft.Authorization/roleAssignments/read", "GET",
                 WS "/jobs/providers/providers/Microsoft.Authorization/roleAssignments");
    /* A job of that name is no extension. */
    check_action(ML "jobs/read", "GET", WS "/jobs/providers");
}

/* --- The built-in roles --------------------------------------------------------------------------
 */

static bool allows(const char *role, const char *action)
{
    const struct role *found = role_find(str_from(role));

    CHECK(found);
    return role_allows(found, str_from(action));
}

TEST(the_built_in_roles_allow_what_azures_do)
{
    enum { R = 1, S = 2, C = 4, O = 8, P = 16, U = 32 };
    static const struct {
        int bit;
        const char *name;
    } ROLES[] = {{R, "Reader"}, {S, "AzureML Data Scientist"},   {C, "Contributor"},
                 {O, "Owner"},  {P, "AzureML Compute Operator"}, {U, "AzureML Registry User"}};
    static const struct {
        const char *action;
        int who;
    } CASES[] = {
        {ML "read", R | S | C | O},
        {ML "write", C | O},
        {ML "delete", C | O},
        {ML "jobs/read", R | S | C | O},
        {ML "jobs/write", S | C | O},
        {ML "jobs/delete", S | C | O},
        {ML "jobs/cancel/action", S | C | O},
        {ML "datastores/read", R | S | C | O},
        {ML "datastores/listSecrets/action", S | C | O},
        {ML "connections/listsecrets/action", S | C | O},
        {ML "listKeys/action", C | O},
        {ML "computes/read", R | S | C | O | P},
        {ML "computes/write", C | O | P},
        {ML "computes/delete", C | O | P},
        {ML "computes/start/action", S | C | O | P},
        {ML "computes/listKeys/action", C | O | P},
        {ML "notebooks/vm/read", R | S | C | O | P},
        {ML "hubs/write", C | O},
        {ML "featurestores/delete", C | O},
        {ML "onlineEndpoints/score/action", S | C | O},
        {ML "experiments/runs/read", R | S | C | O},
        {ML "metadata/artifacts/write", S | C | O},
        {"Microsoft.MachineLearningServices/registries/read", R | C | O | U},
        {"Microsoft.MachineLearningServices/registries/assets/write", C | O | U},
        {"Microsoft.MachineLearningServices/registries/delete", C | O},
        {"Microsoft.Authorization/roleAssignments/read", R | C | O},
        {"Microsoft.Authorization/roleAssignments/write", O},
        {"Microsoft.Authorization/roleAssignments/delete", O},
        {"Microsoft.Authorization/roleDefinitions/write", O},
        {"Microsoft.Authorization/elevateAccess/Action", O},
        {"Microsoft.Authorization/principals/write", O},
        {"Microsoft.Resources/subscriptions/resourceGroups/read", R | C | O},
        {"Microsoft.Resources/deployments/write", C | O},
    };

    for (size_t i = 0; i < COUNT(CASES); i++)
        for (size_t j = 0; j < COUNT(ROLES); j++) {
            bool expected = CASES[i].who & ROLES[j].bit;
            if (allows(ROLES[j].name, CASES[i].action) != expected)
                fail_msg("%s: %s should %sbe allowed", ROLES[j].name, CASES[i].action,
                         expected ? "" : "not ");
        }
}

TEST(a_built_in_role_is_found_by_azures_id_and_by_name)
{
    CHECK_STR("Owner", role_find(STR("8E3AF657-a8ff-443c-a75c-2fe8c4bcb635"))->name);
    CHECK_STR("b24988ac-6180-42a0-ab88-20f7382dd24c", role_find(STR("contributor"))->id);
    CHECK(!role_find(STR("Own")));
    CHECK(!role_find(STR("")));
}

/* --- Custom roles --------------------------------------------------------------------------------
 */

static int parse(struct arena *arena, const char *text, struct role *out)
{
    struct error err = {0};
    struct json *json = json_parse(arena, str_from(text), &err);

    CHECK(json);
    *out = (struct role){0};
    if (role_read(arena, json, out, &err) == 0)
        return 0;
    CHECK(err.target[0] && err.message[0]);
    return (int)err.code;
}

#define CUSTOM(actions, not)                                                                  \
    "{\"roleName\":\"r\",\"assignableScopes\":[\"/\"],\"permissions\":[{\"actions\":" actions \
    ",\"notActions\":" not "}]}"

TEST(not_actions_subtract_in_their_own_permission_only)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct role role;

    CHECK_INT(0, parse(arena, CUSTOM("[\"a/*\"]", "[\"a/*/delete\"]"), &role));
    CHECK(role_allows(&role, STR("a/b/write")));
    CHECK(!role_allows(&role, STR("a/b/delete")));
    CHECK(!role_allows(&role, STR("a/delete")));
    CHECK_INT(0, parse(arena,
                       "{\"roleName\":\"r\",\"assignableScopes\":[\"/\"],\"permissions\":["
                       "{\"actions\":[\"a/*\"],\"notActions\":[\"a/*/delete\"]},"
                       "{\"actions\":[\"a/b/delete\"]}]}",
                       &role));
    CHECK(role_allows(&role, STR("a/b/delete")));
    CHECK(!role_allows(&role, STR("a/c/delete")));
}

TEST(a_custom_role_that_cannot_be_read_names_its_field)
{
    static const char *const BODIES[] = {
        "{}",
        "{\"roleName\":\"Owner\"}",
        "{\"roleName\":7}",
        "{\"roleName\":\"r\",\"permissions\":[],\"assignableScopes\":[\"/\"]}",
        "{\"roleName\":\"r\",\"permissions\":[7],\"assignableScopes\":[\"/\"]}",
        "{\"roleName\":\"r\",\"permissions\":[{}]}",
        "{\"roleName\":\"r\",\"permissions\":[{}],\"assignableScopes\":[7]}",
        CUSTOM("\"*\"", "[]"),
        CUSTOM("[7]", "[]"),
        CUSTOM("[\"\"]", "[]"),
        CUSTOM("[\"a b\"]", "[]"),
        CUSTOM("[\"a\"]", "{}"),
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct role role;

    for (size_t i = 0; i < COUNT(BODIES); i++)
        if (parse(arena, BODIES[i], &role) != ERROR_INVALID)
            fail_msg("taken: %s", BODIES[i]);
    CHECK_INT(0, parse(arena, CUSTOM("[]", "null"), &role));
}

TEST(many_stars_take_no_more_than_their_length)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    char pattern[160], action[512];

    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    memset(action, 'a', sizeof(action));
    action[sizeof(action) - 1] = 'b';
    /* By trying every length this would not end before the machine does. */
    CHECK(!role_matches((struct str){pattern, sizeof(pattern)},
                        (struct str){action, sizeof(action)}));
    CHECK(role_matches((struct str){pattern, sizeof(pattern)},
                       (struct str){action, sizeof(action) - 1}));
}

static bool covers(const char *held, const char *given)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct role have, give;

    CHECK_INT(0, parse(arena, held, &have));
    CHECK_INT(0, parse(arena, given, &give));
    const struct role *list[] = {&have};
    return role_covers(list, 1, &give);
}

TEST(a_role_is_held_when_each_of_its_patterns_is)
{
    CHECK(covers(CUSTOM("[\"*\"]", "[]"), CUSTOM("[\"a/b/*\",\"*/read\"]", "[]")));
    CHECK(covers(CUSTOM("[\"a/*\"]", "[]"), CUSTOM("[\"a/b/*\",\"a/*/read\"]", "[]")));
    CHECK(!covers(CUSTOM("[\"a/*\"]", "[]"), CUSTOM("[\"a/b\",\"b/c\"]", "[]")));
    CHECK(!covers(CUSTOM("[\"a/b\"]", "[]"), CUSTOM("[\"a/*\"]", "[]")));
    CHECK(!covers(CUSTOM("[\"*/read\"]", "[]"), CUSTOM("[\"*\"]", "[]")));
    CHECK(covers(CUSTOM("[]", "[]"), CUSTOM("[]", "[]")));
}

TEST(what_is_taken_away_from_the_giver_is_not_given)
{
    /* The giver lacks a delete that the pattern holds. */
    CHECK(!covers(CUSTOM("[\"*\"]", "[\"a/*/delete\"]"), CUSTOM("[\"a/*\"]", "[]")));
    CHECK(!covers(CUSTOM("[\"*\"]", "[\"*/delete\"]"), CUSTOM("[\"a/b*\"]", "[]")));
    CHECK(!covers(CUSTOM("[\"*\"]", "[\"*/write\"]"), CUSTOM("[\"Microsoft.*\"]", "[]")));
    /* Taken away here as well, or never in it. */
    CHECK(covers(CUSTOM("[\"*\"]", "[\"a/*/delete\"]"), CUSTOM("[\"a/*\"]", "[\"*/delete\"]")));
    CHECK(covers(CUSTOM("[\"*\"]", "[\"*/delete\"]"), CUSTOM("[\"*/read\"]", "[]")));
    /* "a/" star "/delete" is "a/delete" too. */
    CHECK(!covers(CUSTOM("[\"*\"]", "[\"a/*/delete\"]"), CUSTOM("[\"a/delete\"]", "[]")));
}

TEST(a_contributor_holds_the_reader_but_not_the_owner)
{
    const struct role *contributor = role_find(STR("Contributor"));
    const struct role *scientist = role_find(STR("AzureML Data Scientist"));
    const struct role *reader = role_find(STR("Reader")), *owner = role_find(STR("Owner"));

    CHECK(role_covers(&contributor, 1, reader));
    CHECK(role_covers(&contributor, 1, scientist));
    CHECK(role_covers(&contributor, 1, contributor));
    CHECK(!role_covers(&contributor, 1, owner));
    CHECK(!role_covers(&scientist, 1, reader));
    CHECK(role_covers(&owner, 1, owner));
    CHECK(!role_covers(NULL, 0, reader));
}
