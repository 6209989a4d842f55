/* What is kept between two runs, and what a command is about when no flag says it. */
#include "base/json.h"
#include "cli/fake_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define HAS_NOT(part, text) CHECK(str_find(text, STR(part)) < 0)

/* Which workspace a list of datastores was asked of. */
static bool asked_of(struct fake *fake, const char *part)
{
    return str_find(fake_asked(fake), str_from(part)) >= 0;
}

TEST(defaults_are_used_until_a_flag_says_otherwise)
{
    FAKE;
    for (int i = 0; i < 3; i++)
        fake_reply(fake, "GET", "/datastores", 200, "{\"value\":[]}");
    CHECK_INT(0, fake_run(fake, "configure --defaults group=team workspace=lab").code);
    CHECK_INT(0, fake_run(fake, "datastore list").code);
    CHECK(asked_of(fake, "/resourceGroups/team/"));
    CHECK(asked_of(fake, "/workspaces/lab/datastores"));
    CHECK_INT(0, fake_run(fake, "datastore list -w other").code);
    CHECK(asked_of(fake, "/workspaces/other/datastores"));
    CHECK_INT(0, fake_run(fake, "configure --defaults workspace=").code);
    CHECK_INT(0, fake_run(fake, "datastore list").code);
    CHECK(asked_of(fake, "/workspaces/default/datastores"));
}

TEST(a_profile_has_defaults_of_its_own_over_those_of_all)
{
    FAKE;
    CHECK_INT(0, fake_run(fake, "config set defaults.group=all defaults.workspace=all").code);
    CHECK_INT(0, fake_run(fake, "config set defaults.workspace=own --profile ci").code);
    fake_reply(fake, "GET", "/datastores", 200, "{\"value\":[]}");
    CHECK_INT(0, fake_run(fake, "datastore list --profile ci").code);
    CHECK(asked_of(fake, "/resourceGroups/all/"));
    CHECK(asked_of(fake, "/workspaces/own/"));
}

TEST(values_are_read_back_and_taken_away)
{
    FAKE;
    CHECK_INT(0, fake_run(fake, "config set a.b=c=d x.y=1").code);
    CHECK_STR("c=d\n", fake_run(fake, "config get a.b --query value -o tsv").out);
    CHECK_STR("c=d\n", fake_run(fake, "config get --query a.b -o tsv").out);
    CHECK_INT(0, fake_run(fake, "config unset a.b").code);
    CHECK_INT(3, fake_run(fake, "config get a.b").code);
    CHECK_STR("1\n", fake_run(fake, "config get x.y --query value -o tsv").out);
    CHECK_STR("", fake_asked(fake));
}

TEST(a_wrong_key_is_a_wrong_line_and_writes_nothing)
{
    FAKE;
    static const char *const LINES[] = {"config set a.b",          "config set .b=1",
                                        "config set a.=1",         "config set profiles.x=1",
                                        "config unset profiles.x", "account set"};
    for (size_t i = 0; i < COUNT(LINES); i++)
        CHECK_INT(2, fake_run(fake, LINES[i]).code);
    CHECK(!fake_read(fake, "config.json").len);
}

TEST(a_broken_file_is_overlooked_where_it_is_read)
{
    FAKE;
    fake_file(fake, "config.json", "{\"defaults\": ");
    fake_reply(fake, "GET", "/datastores", 200, "{\"value\":[]}");
    CHECK_INT(0, fake_run(fake, "datastore list").code);
    CHECK(asked_of(fake, "/workspaces/default/"));
}

/* The project file of the Azure tools in this folder or above. */
TEST(a_project_file_names_the_workspace_where_no_default_does)
{
    FAKE;
    char before[4096];
    struct str below = arena_printf(arena, "%s/p/q", fake_folder(fake));

    CHECK(getcwd(before, sizeof before));
    fake_file(fake, "p/config.json",
              "{\"subscription_id\":\"s1\",\"resource_group\":\"g1\",\"workspace_name\":\"w1\"}");
    CHECK_INT(0, mkdir(below.ptr, 0700));
    CHECK_INT(0, chdir(below.ptr));
    for (int i = 0; i < 2; i++)
        fake_reply(fake, "GET", "/datastores", 200, "{\"value\":[]}");
    CHECK_INT(0, fake_run(fake, "datastore list").code);
    CHECK(asked_of(fake, "/subscriptions/s1/resourceGroups/g1/"));
    CHECK(asked_of(fake, "/workspaces/w1/"));
    fake_run(fake, "configure --defaults workspace=mine");
    CHECK_INT(0, fake_run(fake, "datastore list").code);
    CHECK(asked_of(fake, "/workspaces/mine/"));
    CHECK_INT(0, chdir(before));
}

TEST(a_registry_takes_the_place_of_the_workspace)
{
    FAKE;
    fake_reply(fake, "GET", "/registrymanagement/v1.0/registries/r/discovery", 200,
               "{\"resourceGroup\":\"rg\",\"subscriptionId\":\"s\"}");
    fake_reply(fake, "GET", "/registries/r/models?", 200, "{\"value\":[]}");
    CHECK_INT(0, fake_run(fake, "model list --registry-name r").code);
    CHECK(asked_of(fake,
                   "GET /mferp/managementfrontend/subscriptions/s/resourceGroups/rg/providers/"
                   "Microsoft.MachineLearningServices/registries/r/models?listViewType="
                   "ActiveOnly&api-version=2021-10-01-dataplanepreview"));
    CHECK_INT(2, fake_run(fake, "model list --registry-name r -w w").code);
    CHECK_INT(3, fake_run(fake, "model list --registry-name nope").code);
}

/* --- signing in ---------------------------------------------------------------------------------
 */

#define ME "{\"name\":\"ci\",\"kind\":\"ServicePrincipal\"}"

TEST(the_owner_of_the_folder_needs_no_sign_in)
{
    FAKE;
    fake_reply(fake, "GET", "/lazurite/v1/me", 200, "{\"name\":\"admin\",\"kind\":\"User\"}");
    fake_reply(fake, "GET", "/lazurite/v1/connect", 200,
               "{\"tenant\":\"t\",\"endpoint\":\"https://localhost:1\"}");
    struct fake_run run = fake_run(fake, "login --query [0].[user.name,user.type,tenantId] -o tsv");

    CHECK_INT(0, run.code);
    CHECK_STR("admin\nuser\nt\n", run.out);
    CHECK(!fake_read(fake, "tokens.json").len);
}

TEST(a_service_principal_gets_a_token_that_is_kept_for_its_owner_alone)
{
    FAKE;
    struct stat status;
    fake_reply(fake, "POST", "/adfs/oauth2/v2.0/token", 200,
               "{\"access_token\":\"TTT\",\"expires_in\":3600}");
    fake_reply(fake, "GET", "/lazurite/v1/me", 200, ME);
    struct fake_run run =
        fake_run(fake, "login --service-principal -u ci -p s&cret --query [0].user.type -o tsv");

    CHECK_INT(0, run.code);
    CHECK_STR("servicePrincipal\n", run.out);
    HAS("grant_type=client_credentials&client_id=ci&client_secret=s%26cret&scope=https%3A%2F%2F"
        "localhost%3A10443%2F.default",
        fake_asked(fake));
    struct str tokens = fake_read(fake, "tokens.json");
    HAS("TTT", tokens);
    HAS_NOT("cret", tokens);
    CHECK_INT(0, stat(arena_printf(arena, "%s/tokens.json", fake_folder(fake)).ptr, &status));
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_INT(0, fake_run(fake, "logout").code);
    HAS_NOT("TTT", fake_read(fake, "tokens.json"));
}

TEST(a_secret_may_stand_in_a_file)
{
    FAKE;
    const char *file = fake_file(fake, "secret", "hidden\n");
    fake_reply(fake, "POST", "/t1/oauth2/v2.0/token", 200, "{\"access_token\":\"T\"}");
    fake_reply(fake, "GET", "/lazurite/v1/me", 200, ME);
    CHECK_INT(
        0, fake_run(
               fake,
               arena_printf(arena, "login --service-principal -u ci -p @%s --tenant t1", file).ptr)
               .code);
    HAS("client_secret=hidden&", fake_asked(fake));
    CHECK_INT(1, fake_run(fake, "login --service-principal -u ci -p @/nonexistent").code);
}

TEST(a_refused_sign_in_says_why_and_keeps_nothing)
{
    FAKE;
    fake_reply(fake, "POST", "/oauth2/v2.0/token", 401,
               "{\"error\":\"invalid_client\",\"error_description\":\"Wrong.\"}");
    struct fake_run run = fake_run(fake, "login --service-principal -u ci -p x");

    CHECK_INT(1, run.code);
    HAS("error  invalid_client  Wrong.", run.err);
    CHECK(!fake_read(fake, "tokens.json").len);
    CHECK_INT(2, fake_run(fake, "login --service-principal -u ci").code);
}

TEST(a_device_code_is_told_and_waited_for)
{
    FAKE;
    fake_reply(
        fake, "POST", "/devicecode", 200,
        "{\"device_code\":\"D\",\"message\":\"Enter CODE.\",\"interval\":1,\"expires_in\":60}");
    fake_reply(fake, "POST", "/token", 400, "{\"error\":\"authorization_pending\"}");
    fake_reply(fake, "POST", "/token", 200,
               "{\"access_token\":\"A\",\"refresh_token\":\"R\",\"expires_in\":1}");
    fake_reply(fake, "GET", "/lazurite/v1/me", 200, "{\"name\":\"ana\",\"kind\":\"User\"}");
    struct fake_run run = fake_run(fake, "login --use-device-code");

    CHECK_INT(0, run.code);
    HAS("Enter CODE.", run.err);
    HAS("device_code=D", fake_asked(fake));
    HAS("\"refresh_token\": \"R\"", fake_read(fake, "tokens.json"));
}

TEST(an_identity_is_asked_for_where_the_environment_says)
{
    FAKE;
    CHECK_INT(1, fake_run(fake, "login --identity").code);
    setenv("IDENTITY_ENDPOINT", "https://localhost:10443/identity", 1);
    setenv("IDENTITY_HEADER", "h", 1);
    fake_reply(fake, "GET", "/identity?api-version=2019-08-01&resource=", 200,
               "{\"access_token\":\"A\",\"expires_on\":\"4102444800\"}");
    fake_reply(fake, "GET", "/lazurite/v1/me", 200, ME);
    CHECK_INT(0, fake_run(fake, "login --identity -o none").code);
    HAS("4102444800", fake_read(fake, "tokens.json"));
    unsetenv("IDENTITY_ENDPOINT");
    unsetenv("IDENTITY_HEADER");
}

/* --- rest ---------------------------------------------------------------------------------------
 */

TEST(any_request_can_be_made)
{
    FAKE;
    fake_reply(fake, "PUT", "/a?x=b%26c", 200, "{\"b\":1}");
    CHECK_STR("1\n", fake_run(fake, "rest -m put --url /a --uri-parameters x=b&c --body {\"c\":2} "
                                    "--query b -o tsv")
                         .out);
    HAS("PUT /a?x=b%26c {\"c\":2}\n", fake_asked(fake));
    fake_reply(fake, "POST", "/s/00000000-0000-0000-0000-000000000001/x", 200, "plain");
    CHECK_STR("plain", fake_run(fake, "rest -m POST -u /s/{subscriptionId}/x --headers a=b").out);
    CHECK_INT(3, fake_run(fake, "rest --url /nope").code);
    CHECK_INT(2, fake_run(fake, "rest").code);
    CHECK_INT(2, fake_run(fake, "rest --url /x --headers nothing").code);
    CHECK_INT(2, fake_run(fake, "rest --url /x -m fetch").code);
}

TEST(a_body_may_come_from_a_file_and_a_reply_go_to_one)
{
    FAKE;
    const char *body = fake_file(fake, "body.json", "{\"from\":\"file\"}");
    fake_reply(fake, "PATCH", "/a", 200, "{\"r\":1}");
    CHECK_INT(0, fake_run(fake, arena_printf(arena,
                                             "rest -m patch --url /a --body @%s --output-file "
                                             "%s/out.json",
                                             body, fake_folder(fake))
                                    .ptr)
                     .code);
    HAS("PATCH /a {\"from\":\"file\"}", fake_asked(fake));
    CHECK_STR("{\"r\":1}", fake_read(fake, "out.json"));
    CHECK_INT(1, fake_run(fake, "rest -m put --url /a --body @/nonexistent").code);
}

/* --- people -------------------------------------------------------------------------------------
 */

TEST(people_and_programs_are_rows_below_our_own_address)
{
    FAKE;
    fake_reply(fake, "POST", "/lazurite/v1/users", 201, "{\"name\":\"a@b\",\"password\":\"p\"}");
    CHECK_STR("p\n", fake_run(fake, "user create -n a@b --role Reader --scope / --query password "
                                    "-o tsv")
                         .out);
    HAS("{\"name\":\"a@b\",\"role\":\"Reader\",\"scope\":\"/\"}", fake_asked(fake));
    fake_reply(fake, "POST", "/servicePrincipals/ci/secrets", 201, "{\"secret\":\"s\"}");
    CHECK_INT(0, fake_run(fake, "service-principal add-secret -n ci --expires-in-days 9").code);
    HAS("{\"expiresInDays\":9}", fake_asked(fake));
    fake_reply(fake, "POST", "/users/a%40b/disable", 200, "{\"disabled\":true}");
    CHECK_INT(0, fake_run(fake, "user disable -n a@b").code);
    fake_reply(fake, "DELETE", "/users/a%40b/credentials/c1", 200, "");
    CHECK_INT(0, fake_run(fake, "user credential-delete -n a@b --id c1 -y").code);
}

TEST(a_role_is_given_by_names)
{
    FAKE;
    fake_reply(fake, "GET", "/roleDefinitions?$filter=roleName%20eq%20%27Reader%27", 200,
               "{\"value\":[{\"id\":\"/rd/1\"}]}");
    fake_reply(fake, "GET", "/servicePrincipals/ci", 200, "{\"objectId\":\"o1\"}");
    fake_reply(fake, "PUT", "/roleAssignments/", 201,
               "{\"properties\":{\"principalId\":\"o1\",\"scope\":\"/\"}}");
    struct fake_run run = fake_run(
        fake, "role assign --assignee ci --role Reader --scope / --query principalId -o tsv");

    CHECK_INT(0, run.code);
    CHECK_STR("o1\n", run.out);
    HAS("PUT /providers/Microsoft.Authorization/roleAssignments/", fake_asked(fake));
    HAS("{\"properties\":{\"roleDefinitionId\":\"/rd/1\",\"principalId\":\"o1\"}}",
        fake_asked(fake));
}

TEST(a_role_or_a_person_that_is_not_there_is_code_3)
{
    FAKE;
    fake_reply(fake, "GET", "/roleDefinitions?", 200, "{\"value\":[]}");
    struct fake_run run = fake_run(fake, "role assign --assignee x --role Nope");
    CHECK_INT(3, run.code);
    HAS("There is no role 'Nope'.", run.err);
    fake_reply(fake, "GET", "/roleDefinitions?", 200, "{\"value\":[{\"id\":\"/rd/1\"}]}");
    run = fake_run(fake, "role assign --assignee x --role Reader");
    CHECK_INT(3, run.code);
    HAS("There is no user, service principal or group 'x'.", run.err);
}
