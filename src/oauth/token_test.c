/* The token endpoint: programs with their secrets, forms that are none, refresh tokens. */
#include "oauth/world_test.h"

#include "os/clock.h"

#include <string.h>

#define TOKEN "/adfs/oauth2/v2.0/token"

/* A program's request with its secret, for a scope. */
static struct reply ask(struct world *w, const char *secret, const char *scope)
{
    return world_post(w, TOKEN,
                      "client_id=%.*s&grant_type=client_credentials&client_info=1"
                      "&client_secret=%s&scope=%s",
                      STR_ARG(w->ci.client_id), secret, scope);
}

TEST(a_program_gets_a_token_for_the_audience_it_names)
{
    static const struct {
        const char *scope, *audience;
    } CASES[] = {
        {"https%3A%2F%2Flocalhost%3A10443%2F.default", "https://localhost:10443"},
        {"https%3A%2F%2Fml.azure.com%2F%2F.default", "https://ml.azure.com/"},
        {"https%3A%2F%2Fml.azure.com%2F.default", "https://ml.azure.com"},
        {"https%3A%2F%2Fml.azure.test%2F.default", "https://ml.azure.test"},
        {"https://management.azure.com//.default", "https://management.azure.com/"},
        {"https://storage.azure.com/.default", "https://storage.azure.com"},
        {"https://vault.azure.net/.default", "https://vault.azure.net"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct reply reply = ask(w, w->secret.ptr, CASES[i].scope);
        CHECK_INT(200, reply.status);
        CHECK_STR("Bearer", json_str_at(reply.body, "token_type"));
        CHECK_INT(3600, json_int_at(reply.body, "expires_in", 0));
        CHECK_INT(3600, json_int_at(reply.body, "ext_expires_in", 0));
        CHECK_STR("no-store", http_response_header(&reply.response, "Cache-Control"));
        struct json *claims = world_claims(w, json_str_at(reply.body, "access_token"));
        CHECK_STR(CASES[i].audience, json_str_at(claims, "aud"));
        CHECK(str_eq(w->ci.object_id, json_str_at(claims, "oid")));
        CHECK(str_eq(w->ci.client_id, json_str_at(claims, "appid")));
        CHECK(str_eq(identity_tenant(w->engines.identity), json_str_at(claims, "tid")));
        /* It can always ask again. */
        CHECK(!json_at(reply.body, "refresh_token") && !json_at(reply.body, "id_token"));
    }
}

TEST(an_audience_that_is_not_ours_is_refused)
{
    static const char *const SCOPES[] = {"https://graph.microsoft.com/.default",
                                         "https://ml.azure.com.evil.test/.default",
                                         "https://localhost:10444/.default",
                                         "http://localhost:10443/.default",
                                         "https://ml.azure.com///.default",
                                         "openid",
                                         ""};
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(SCOPES); i++)
        world_check_error(ask(w, w->secret.ptr, SCOPES[i]), 400, "invalid_scope");
}

TEST(version_1_names_a_resource_and_gets_text_for_numbers)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_post(w, "/adfs/oauth2/token",
                                    "client_id=%.*s&grant_type=client_credentials&client_secret="
                                    "%.*s&resource=https%%3A%%2F%%2Fmanagement.azure.com%%2F",
                                    STR_ARG(w->ci.client_id), STR_ARG(w->secret));

    CHECK_INT(200, reply.status);
    CHECK_STR("3600", json_str_at(reply.body, "expires_in"));
    CHECK_STR("1790003600", json_str_at(reply.body, "expires_on"));
    CHECK_STR("1790000000", json_str_at(reply.body, "not_before"));
    CHECK_STR("https://management.azure.com/", json_str_at(reply.body, "resource"));
    struct json *claims = world_claims(w, json_str_at(reply.body, "access_token"));
    CHECK_STR("https://management.azure.com/", json_str_at(claims, "aud"));
    reply = world_post(w, "/adfs/oauth2/token",
                       "client_id=%.*s&grant_type=client_credentials&client_secret=%.*s"
                       "&resource=https://graph.windows.net",
                       STR_ARG(w->ci.client_id), STR_ARG(w->secret));
    world_check_error(reply, 400, "invalid_resource");
}

/* An error without the names and the time of its own request. */
static struct str anonymous(struct world *w, struct reply reply)
{
    static const char *const OWN[] = {"timestamp", "trace_id", "correlation_id"};

    for (size_t i = 0; i < COUNT(OWN); i++)
        json_remove(reply.body, str_from(OWN[i]));
    return json_write(w->arena, reply.body);
}

TEST(a_wrong_secret_and_an_unknown_client_look_alike)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply wrong = ask(w, "wrong", WORLD_SCOPE);
    struct reply unknown =
        world_post(w, TOKEN,
                   "client_id=00000000-0000-0000-0000-00000000dead&grant_type=client_credentials"
                   "&client_secret=%.*s&scope=" WORLD_SCOPE,
                   STR_ARG(w->secret));

    world_check_error(wrong, 401, "invalid_client");
    world_check_error(unknown, 401, "invalid_client");
    CHECK(str_eq(anonymous(w, wrong), anonymous(w, unknown)));
}

TEST(a_person_is_no_program)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str token = world_secret(w, w->ana.number);

    world_check_error(world_post(w, TOKEN,
                                 "client_id=ana@example.org&grant_type=client_credentials"
                                 "&client_secret=%.*s&scope=" WORLD_SCOPE,
                                 STR_ARG(token)),
                      401, "invalid_client");
    world_check_error(world_post(w, TOKEN,
                                 "client_id=" OAUTH_CLIENT_SDK "&grant_type=client_credentials"
                                 "&client_secret=%.*s&scope=" WORLD_SCOPE,
                                 STR_ARG(token)),
                      400, "unauthorized_client");
}

TEST(ten_wrong_secrets_a_minute_and_then_not_even_the_right_one)
{
    CLEANUP(world_close) struct world *w = world_open();

    for (int i = 0; i < 10; i++)
        world_check_error(ask(w, "wrong", WORLD_SCOPE), 401, "invalid_client");
    struct reply reply = ask(w, w->secret.ptr, WORLD_SCOPE);
    world_check_error(reply, 429, "temporarily_unavailable");
    CHECK_STR("60", http_response_header(&reply.response, "Retry-After"));
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(200, ask(w, w->secret.ptr, WORLD_SCOPE).status);
}

TEST(a_mistake_that_is_no_guess_costs_no_try)
{
    CLEANUP(world_close) struct world *w = world_open();

    for (int i = 0; i < 12; i++)
        world_check_error(ask(w, w->secret.ptr, "https://graph.microsoft.com/.default"), 400,
                          "invalid_scope");
    CHECK_INT(200, ask(w, w->secret.ptr, WORLD_SCOPE).status);
}

TEST(what_is_no_form_is_refused)
{
    static const struct question BAD[] = {
        {"POST", TOKEN, "{\"grant_type\":\"client_credentials\"}", "application/json", NULL},
        {"POST", TOKEN, "grant_type=client_credentials&client_id=x", NULL, NULL},
        {"POST", TOKEN, "grant_type=client_credentials&client_id=x", "text/plain", NULL},
        {"POST", TOKEN, "grant_type=client_credentials&grant_type=x&client_id=x", WORLD_FORM, NULL},
        {"POST", TOKEN, "grant_type=client_credentials", WORLD_FORM, NULL},
        {"POST", TOKEN, "client_id=x", WORLD_FORM, NULL},
        {"POST", TOKEN, "", WORLD_FORM, NULL},
        {"POST", TOKEN, "%zz=1", WORLD_FORM, NULL},
        {"POST", TOKEN "?client_secret=x", "grant_type=client_credentials&client_id=x", WORLD_FORM,
         NULL},
        {"POST", TOKEN "?CODE=x", "grant_type=client_credentials&client_id=x", WORLD_FORM, NULL},
        {"POST", TOKEN,
         "grant_type=client_credentials&client_id=x&client_secret=y&client_assertion=z&scope=q",
         WORLD_FORM, NULL},
        {"POST", TOKEN, "grant_type=client_credentials&client_id=x&client_assertion=z&scope=q",
         WORLD_FORM, NULL},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(BAD); i++)
        world_check_error(world_send(w, &BAD[i]), 400, "invalid_request");
}

TEST(no_program_takes_a_password_and_unknown_grants_are_named)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_check_error(world_post(w, TOKEN,
                                 "grant_type=password&client_id=" OAUTH_CLIENT_SDK
                                 "&username=ana@example.org&password=" WORLD_PASSWORD
                                 "&scope=" WORLD_SCOPE),
                      400, "unsupported_grant_type");
    world_check_error(world_post(w, TOKEN, "grant_type=implicit&client_id=x"), 400,
                      "unsupported_grant_type");
}

TEST(a_body_beyond_the_limit_is_cut_off)
{
    CLEANUP(world_close) struct world *w = world_open();
    char *big = arena_alloc(w->arena, 70000);

    memset(big, 'a', 69999);
    CHECK_INT(413, world_post(w, TOKEN, "grant_type=%s", big).status);
}

TEST(an_assertion_that_is_no_token_is_a_wrong_proof)
{
    static const char *const ASSERTIONS[] = {"x", "a.b.c", "e30.e30.", "..", "%00"};
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(ASSERTIONS); i++) {
        struct reply reply =
            world_post(w, TOKEN,
                       "grant_type=client_credentials&client_id=%.*s&client_assertion=%s"
                       "&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-"
                       "type%%3Ajwt-bearer&scope=" WORLD_SCOPE,
                       STR_ARG(w->ci.client_id), ASSERTIONS[i]);
        CHECK(reply.status == 400 || reply.status == 401);
        CHECK(!json_at(reply.body, "access_token"));
    }
}
