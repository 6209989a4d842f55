/* The guard and those who are neither the folder's owner nor an attempt. */
#include "base/test.h"
#include "identity/grant.h"
#include "identity/guard.h"
#include "identity/identity_private.h"
#include "identity/password.h"
#include "identity/world_test.h"
#include "os/clock.h"
#include "os/fault.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define GROUP "/subscriptions/s/resourceGroups/g"
#define SPACES GROUP "/providers/Microsoft.MachineLearningServices/workspaces"
#define WS1 SPACES "/one"
#define WS2 SPACES "/two"
#define ARM_WS                                         \
    "/subscriptions/{s}/resourceGroups/{g}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{w}"
#define ML "Microsoft.MachineLearningServices/workspaces/"

static void run(struct call *call)
{
    assert_non_null(call);
}

static void refuse(struct call *call, const struct error *err)
{
    assert_true(call && err);
}

#define ROW(name, template, permission, what, bits)            \
    static const struct route name = {.method = "GET",         \
                                      .path = template,        \
                                      .permit = permission,    \
                                      .action = what,          \
                                      .flags = bits,           \
                                      .listeners = LISTEN_ALL, \
                                      .run = run,              \
                                      .refuse = refuse}
ROW(ARM, ARM_WS "/{rest*}", PERMIT_ACTION, NULL, ROUTE_FOLD);
ROW(SPACE, ARM_WS, PERMIT_ACTION, NULL, ROUTE_FOLD);
ROW(RESOURCES, "/subscriptions/{s}/resourceGroups/{g}", PERMIT_ACTION, "Microsoft.Resources/x/read",
    ROUTE_FOLD);
ROW(ALL_OF, "/subscriptions/{s}/resources", PERMIT_ACTION,
    "Microsoft.Resources/subscriptions/resources/read", ROUTE_FOLD | ROUTE_FILTERED);
ROW(SPACES_OF, "/subscriptions/{s}/providers/Microsoft.MachineLearningServices/workspaces",
    PERMIT_ACTION, NULL, ROUTE_FOLD | ROUTE_FILTERED);
ROW(FRONT, "/mferp/managementfrontend" ARM_WS "/{rest*}", PERMIT_ACTION, NULL, ROUTE_FOLD);
ROW(HISTORY, "/history/v1.0" ARM_WS "/runs/{run}", PERMIT_ACTION, ML "experiments/runs/read",
    ROUTE_FOLD);
ROW(OF_JOBS, "/history/v1.0" ARM_WS "/runs/{run}/x", PERMIT_ACTION, ML "experiments/runs/write",
    ROUTE_FOLD | ROUTE_ATTEMPT);
ROW(RUNS, "/api/2.0/mlflow/runs/get", PERMIT_ACTION, ML "jobs/read", ROUTE_LOCAL_USER);
ROW(RUNS_WRITE, "/api/2.0/mlflow/runs/create", PERMIT_ACTION, ML "jobs/write", ROUTE_LOCAL_USER);
ROW(ARTIFACT, "/api/2.0/mlflow-artifacts/artifacts/{path*}", PERMIT_ACTION,
    ML "metadata/artifacts/read", ROUTE_LOCAL_USER);
ROW(BLOB, "/azureml-{container}/{blob*}", PERMIT_ACTION, ML "metadata/artifacts/read", ROUTE_SAS);
ROW(CONNECT, "/lazurite/v1/connect", PERMIT_LOCAL, NULL, 0);
ROW(EVENTS, "/lazurite/v1/attempts/{a}/events", PERMIT_ATTEMPT, NULL, 0);
ROW(PEOPLE, "/lazurite/v1/users", PERMIT_ACTION, "Microsoft.Authorization/principals/read", 0);
ROW(ME, "/lazurite/v1/me", PERMIT_ACTION, "Microsoft.Authorization/me/read", 0);

struct guest {
    struct people_world world;
    struct principal who;
    struct str token;
    struct call call;
    struct str challenge;
};

static void guest_end(struct guest *guest)
{
    people_world_end(&guest->world);
}

static void guest_token(struct guest *guest)
{
    struct access_token token;

    CHECK_OK(principal_access_token(
                 guest->world.identity, guest->world.arena,
                 &(struct access_ask){.principal = &guest->who,
                                      .audience = STR("https://management.azure.com")},
                 &token, &guest->world.err),
             &guest->world.err);
    guest->token = token.text;
}

static struct guest *guest_new(struct guest *guest, enum principal_kind kind)
{
    memset(guest, 0, sizeof(*guest));
    people_world_new(&guest->world);
    guest->who = people_add(&guest->world, kind, "ana@lazurite.test");
    guest_token(guest);
    return guest;
}

#define GUEST(name, kind)                    \
    CLEANUP(guest_end) struct guest name##_; \
    struct guest *name = guest_new(&name##_, kind)

static void give(struct guest *guest, const char *role, const char *scope)
{
    struct grant_wish wish = {.id =
                                  arena_printf(guest->world.arena, "00000000-0000-0000-0000-%012d",
                                               (int)arena_used(guest->world.arena)),
                              .scope = str_from(scope),
                              .role = role_find(str_from(role))->id,
                              .principal = guest->who.object_id,
                              .actor = STR("test")};
    struct grant out;

    CHECK_OK(grant_put(guest->world.identity, guest->world.arena, &wish, &out, &guest->world.err),
             &guest->world.err);
}

static enum error_code decide(struct guest *guest, const struct route *route, struct guard_ask ask)
{
    guest->call = (struct call){.arena = guest->world.arena, .route = route};
    guest->world.err = (struct error){0};
    if (guard_decide(guest->world.identity, &ask, &guest->call, &guest->challenge,
                     &guest->world.err) == 0)
        return ERROR_NONE;
    CHECK(guest->world.err.message[0]);
    return guest->world.err.code;
}

static enum error_code ask(struct guest *guest, const struct route *route, const char *method,
                           const char *path)
{
    struct guard_ask asked = {
        .listener = LISTEN_TLS,
        .peer = {.tls = true, .uid = (uid_t)-1},
        .method = str_from(method),
        .path = str_from(path),
        .host = STR("localhost:10443"),
        .authorization = arena_printf(guest->world.arena, "Bearer %.*s", STR_ARG(guest->token)),
        .authorization_count = 1};

    return decide(guest, route, asked);
}

TEST(somebody_without_a_role_sees_nothing_but_himself)
{
    GUEST(g, PRINCIPAL_USER);

    CHECK_INT(ERROR_NOT_FOUND, ask(g, &SPACE, "GET", WS1));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &SPACE, "GET", SPACES "/none"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &ARM, "PUT", WS1 "/jobs/x"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &HISTORY, "GET", "/history/v1.0" WS1 "/runs/x"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &RUNS, "GET", "/api/2.0/mlflow/runs/get"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &RESOURCES, "GET", GROUP));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &PEOPLE, "GET", "/lazurite/v1/users"));
    CHECK_INT(ERROR_NONE, ask(g, &ME, "GET", "/lazurite/v1/me"));
    CHECK_INT(CALLER_USER, g->call.caller.kind);
    CHECK_STR("ana@lazurite.test", g->call.caller.name);
    CHECK(str_eq(g->who.object_id, g->call.caller.object_id));
    CHECK_INT(0, g->call.caller.scope);
}

TEST(what_somebody_makes_says_which_kind_of_principal_he_is)
{
    GUEST(person, PRINCIPAL_USER);
    GUEST(program, PRINCIPAL_SERVICE);

    CHECK_OK(principal_set_display(person->world.identity, STR("test"), person->who.number,
                                   STR("Ana Ivanova"), &person->world.err),
             &person->world.err);
    CHECK_INT(ERROR_NONE, ask(person, &ME, "GET", "/lazurite/v1/me"));
    CHECK_INT(MAKER_USER, person->call.caller.maker.kind);
    CHECK_STR("Ana Ivanova", person->call.caller.maker.name);
    CHECK_INT(ERROR_NONE, ask(program, &ME, "GET", "/lazurite/v1/me"));
    CHECK_INT(MAKER_APPLICATION, program->call.caller.maker.kind);
    CHECK(str_eq(program->who.client_id, program->call.caller.maker.name));
    CHECK_STR("ana@lazurite.test", program->call.caller.name); /* events keep the name */
}

TEST(a_reader_of_one_workspace_reads_there_and_only_there)
{
    GUEST(g, PRINCIPAL_SERVICE);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "GET", WS1));
    CHECK_INT(ERROR_NONE, ask(g, &ARM, "GET", WS1 "/jobs/x"));
    CHECK_INT(ERROR_NONE, ask(g, &HISTORY, "GET", "/history/v1.0" WS1 "/runs/x"));
    CHECK_INT(ERROR_NONE, ask(g, &RUNS, "GET", "/api/2.0/mlflow/runs/get"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &RUNS_WRITE, "POST", "/api/2.0/mlflow/runs/create"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &ARM, "PUT", WS1 "/jobs/x"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &ARM, "POST", WS1 "/datastores/d/listSecrets"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACE, "DELETE", WS1));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &OF_JOBS, "POST", "/history/v1.0" WS1 "/runs/x/x"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &SPACE, "GET", WS2));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &ARM, "GET", WS2 "/jobs/x"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &SPACE, "GET", WS1 "x"));
    CHECK_INT(ERROR_NONE, ask(g, &ARM, "GET",
                              "/Subscriptions/S/resourcegroups/%67/providers/"
                              "microsoft.machinelearningservices/Workspaces/ONE/data/x"));
}

TEST(a_refusal_names_the_action_and_the_scope)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_FORBIDDEN, ask(g, &ARM, "PUT", WS1 "/computes/c"));
    CHECK(strstr(g->world.err.message, ML "computes/write"));
    CHECK(strstr(g->world.err.message, WS1 "/computes/c"));
    CHECK(strstr(g->world.err.message, "ana@lazurite.test"));
}

TEST(the_management_front_end_is_the_same_place)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_NONE, ask(g, &FRONT, "GET", "/mferp/managementfrontend" WS1 "/jobs/x"));
    CHECK_STR(ML "jobs/read", g->call.action);
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &FRONT, "PUT", "/mferp/managementfrontend" WS1 "/jobs/x"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &FRONT, "GET", "/mferp/managementfrontend" WS2 "/jobs/x"));
}

TEST(names_that_look_like_another_place_are_names)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS2);

    /* An artifact of the default workspace, one, whatever it is called. */
    CHECK_INT(ERROR_NOT_FOUND,
              ask(g, &ARTIFACT, "GET", "/api/2.0/mlflow-artifacts/artifacts" WS2 "/x"));
    CHECK_INT(ERROR_NONE, ask(g, &ARM, "GET", WS2 "/models/workspaces/versions/1"));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &ARM, "GET", SPACES "/subscriptions/data/x" WS2));
}

TEST(a_role_on_one_resource_opens_that_resource)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Contributor", WS1 "/onlineEndpoints/e");

    CHECK_INT(ERROR_NONE, ask(g, &ARM, "GET", WS1 "/onlineEndpoints/e"));
    CHECK_INT(ERROR_NONE, ask(g, &ARM, "PUT", WS1 "/onlineEndpoints/e/deployments/d"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &ARM, "GET", WS1 "/onlineEndpoints/e2"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACE, "GET", WS1));
    CHECK_INT(ERROR_NOT_FOUND, ask(g, &SPACE, "GET", WS2));
}

TEST(making_a_workspace_is_refused_by_its_group)
{
    GUEST(g, PRINCIPAL_USER);

    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACE, "PUT", WS1));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACE, "PUT", SPACES "/new"));
    give(g, "Contributor", GROUP);
    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "PUT", SPACES "/new"));
}

TEST(a_list_that_filters_is_open_to_whoever_has_something_beneath_it)
{
    static const char *const PATH =
        "/subscriptions/s/providers/Microsoft.MachineLearningServices/workspaces";
    GUEST(g, PRINCIPAL_USER);

    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACES_OF, "GET", PATH));
    give(g, "Reader", "/subscriptions/s2/resourceGroups/g");
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &SPACES_OF, "GET", PATH));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &ALL_OF, "GET", "/subscriptions/s/resources"));
    give(g, "AzureML Compute Operator", WS1);
    CHECK_INT(ERROR_NONE, ask(g, &SPACES_OF, "GET", PATH));
    CHECK_INT(ERROR_NONE, ask(g, &ALL_OF, "GET", "/subscriptions/s/resources"));
}

TEST(an_owner_of_the_root_manages_people_but_is_not_the_folders_owner)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Owner", "/");

    CHECK_INT(ERROR_NONE, ask(g, &PEOPLE, "GET", "/lazurite/v1/users"));
    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "DELETE", WS2));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &CONNECT, "GET", "/lazurite/v1/connect"));
    CHECK_INT(ERROR_FORBIDDEN, ask(g, &EVENTS, "POST", "/lazurite/v1/attempts/1/events"));
}

TEST(blobs_are_left_to_whoever_knows_their_workspace)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_NONE, ask(g, &BLOB, "GET", "/azureml-0/x"));
    CHECK_INT(CALLER_USER, g->call.caller.kind);
    struct identity *identity = g->world.identity;
    struct caller *caller = &g->call.caller, local = {.kind = CALLER_LOCAL};
    struct str reads = STR(ML "metadata/artifacts/read"),
               writes = STR(ML "metadata/artifacts/write");
    struct error err = {0};
    CHECK_INT(1, identity_may(identity, caller, reads, STR(WS1), &err));
    CHECK_INT(0, identity_may(identity, caller, writes, STR(WS1), &err));
    CHECK_INT(0, identity_may(identity, caller, reads, STR(WS2), &err));
    CHECK_INT(0, identity_may(identity, &local, STR(ML "read"), STR(WS1), &err));
    CHECK_INT(1, identity_sees(identity, caller, STR(WS1), &err));
    CHECK_INT(0, identity_sees(identity, caller, STR(WS2), &err));
}

TEST(rights_that_cannot_be_read_are_not_taken_for_none)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);
    struct caller caller = {.kind = CALLER_USER, .object_id = g->who.object_id};
    struct error err = {0};

    fault_plan(FAULT_STEP, 1, EIO, false);
    CHECK_ERROR(ERROR_IO, identity_may(g->world.identity, &caller, STR(ML "read"), STR(WS1), &err),
                &err);
    fault_plan(FAULT_STEP, 1, EIO, false);
    CHECK_ERROR(ERROR_IO, identity_sees(g->world.identity, &caller, STR(WS1), &err), &err);
    fault_plan(FAULT_STEP, 0, 0, false);
    CHECK_INT(1, identity_sees(g->world.identity, &caller, STR(WS1), &err));
}

TEST(a_revoked_principal_is_challenged_and_its_next_token_is_taken)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "GET", WS1));
    CHECK_OK(principal_revoke(g->world.identity, STR("admin"), g->who.number, &g->world.err),
             &g->world.err);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask(g, &SPACE, "GET", WS1));
    CHECK(str_starts(g->challenge, STR("Bearer error=\"insufficient_claims\", claims=\"")));
    CHECK_OK(principal_find(g->world.identity, g->world.arena, g->who.name, &g->who, &g->world.err),
             &g->world.err);
    guest_token(g); /* in the very second of the revocation */
    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "GET", WS1));
}

TEST(a_disabled_or_deleted_principal_is_nobody_at_once)
{
    GUEST(g, PRINCIPAL_USER);
    give(g, "Reader", WS1);

    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "GET", WS1));
    CHECK_OK(principal_disable(g->world.identity, STR("admin"), g->who.number, true, &g->world.err),
             &g->world.err);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask(g, &SPACE, "GET", WS1));
    CHECK(str_starts(g->challenge, STR("Bearer authorization_uri=\"")));
    CHECK_OK(
        principal_disable(g->world.identity, STR("admin"), g->who.number, false, &g->world.err),
        &g->world.err);
    CHECK_INT(ERROR_NONE, ask(g, &SPACE, "GET", WS1));
    CHECK_OK(principal_delete(g->world.identity, STR("admin"), g->who.number, &g->world.err),
             &g->world.err);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask(g, &SPACE, "GET", WS1));
    CHECK_INT(CALLER_NOBODY, g->call.caller.kind);
}

TEST(a_token_dies_after_an_hour)
{
    GUEST(g, PRINCIPAL_USER);

    clock_test_advance(3600 * US_PER_S - 1);
    CHECK_INT(ERROR_NONE, ask(g, &ME, "GET", "/lazurite/v1/me"));
    clock_test_advance(1);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask(g, &ME, "GET", "/lazurite/v1/me"));
}

/* --- Basic credentials ---------------------------------------------------------------------------
 */

static enum error_code ask_basic(struct guest *guest, const struct route *route, const char *name,
                                 struct str secret)
{
    struct arena *arena = guest->world.arena;
    struct str text = arena_printf(arena, "%s:%.*s", name, STR_ARG(secret));
    size_t size = sodium_base64_encoded_len(text.len, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = arena_alloc(arena, size);
    struct guard_ask asked = {.listener = LISTEN_TLS,
                              .peer = {.tls = true, .uid = (uid_t)-1},
                              .method = STR("GET"),
                              .path = STR("/api/2.0/mlflow/runs/get"),
                              .host = STR("localhost:10443"),
                              .authorization_count = 1};

    sodium_bin2base64(encoded, size, (const unsigned char *)text.ptr, text.len,
                      sodium_base64_VARIANT_ORIGINAL);
    asked.authorization = arena_printf(arena, "Basic %s", encoded);
    return decide(guest, route, asked);
}

TEST(mlflow_takes_a_password_a_personal_token_or_a_token_in_its_place)
{
    GUEST(g, PRINCIPAL_USER);
    struct identity *identity = g->world.identity;
    struct str secret;
    give(g, "Reader", WS1);

    CHECK_OK(principal_set_password(identity, STR("admin"), g->who.number, STR("correct horse"),
                                    &g->world.err),
             &g->world.err);
    secret = people_secret(&g->world, g->who.number, 0);
    CHECK_INT(ERROR_NONE, ask_basic(g, &RUNS, "ana@lazurite.test", STR("correct horse")));
    CHECK_INT(CALLER_USER, g->call.caller.kind);
    CHECK_INT(ERROR_NONE, ask_basic(g, &RUNS, "ANA@lazurite.test", secret));
    CHECK_INT(ERROR_NONE, ask_basic(g, &RUNS, "token", g->token));
    CHECK_INT(ERROR_FORBIDDEN, ask_basic(g, &RUNS_WRITE, "ana@lazurite.test", secret));
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "ana@lazurite.test", STR("wrong")));
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "bea", STR("correct horse")));
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "ana@lazurite.test", STR("")));
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &ARM, "ana@lazurite.test", secret));
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &CONNECT, "ana@lazurite.test", secret));
}

TEST(a_password_is_remembered_for_five_minutes_or_until_it_is_changed)
{
    GUEST(g, PRINCIPAL_USER);
    struct identity *identity = g->world.identity;
    struct str name = g->who.name, password = STR("correct horse");
    give(g, "Reader", WS1);

    CHECK_OK(principal_set_password(identity, STR("admin"), g->who.number, password, &g->world.err),
             &g->world.err);
    CHECK_INT(0, password_remembered(identity->passwords, name, password, identity->generation));
    CHECK_INT(ERROR_NONE, ask_basic(g, &RUNS, "ana@lazurite.test", password));
    CHECK_INT(g->who.number,
              password_remembered(identity->passwords, name, password, identity->generation));
    CHECK_INT(0, password_remembered(identity->passwords, name, STR("correct horsf"),
                                     identity->generation));
    clock_test_advance(300 * US_PER_S);
    CHECK_INT(0, password_remembered(identity->passwords, name, password, identity->generation));
    CHECK_INT(ERROR_NONE, ask_basic(g, &RUNS, "ana@lazurite.test", password));
    CHECK_OK(principal_set_password(identity, STR("admin"), g->who.number, STR("battery staple"),
                                    &g->world.err),
             &g->world.err);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "ana@lazurite.test", password));
}

TEST(ten_wrong_passwords_are_answered_with_too_many)
{
    GUEST(g, PRINCIPAL_USER);

    for (int i = 0; i < 10; i++)
        CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "bea", STR("wrong")));
    CHECK_INT(ERROR_TOO_MANY, ask_basic(g, &RUNS, "bea", STR("wrong")));
    clock_test_advance(60 * US_PER_S);
    CHECK_INT(ERROR_UNAUTHENTICATED, ask_basic(g, &RUNS, "bea", STR("wrong")));
}
