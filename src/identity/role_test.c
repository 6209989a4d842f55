#include "base/test.h"
#include "identity/role.h"

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
