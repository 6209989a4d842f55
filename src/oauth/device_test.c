/* Signing in a device: its request, the person's page, and how it learns of the answer. */
#include "oauth/world_test.h"

#include "os/clock.h"

#define DEVICE "/adfs/oauth2/v2.0/devicecode"
#define PAGE "/adfs/oauth2/deviceauth"
#define TOKEN "/adfs/oauth2/v2.0/token"
#define CLIENT "client_id=" OAUTH_CLIENT_SDK

/* What a device holds. */
struct device {
    struct str code, user_code;
};

static struct device start(struct world *w)
{
    struct reply reply = world_post(w, DEVICE, CLIENT "&scope=" WORLD_SCOPE "+openid+profile");

    CHECK_INT(200, reply.status);
    CHECK_STR(WORLD_AUDIENCE PAGE, json_str_at(reply.body, "verification_uri"));
    CHECK_INT(900, json_int_at(reply.body, "expires_in", 0));
    CHECK_INT(5, json_int_at(reply.body, "interval", 0));
    struct device device = {json_str_at(reply.body, "device_code"),
                            json_str_at(reply.body, "user_code")};
    CHECK(str_find(json_str_at(reply.body, "message"), device.user_code) > 0);
    return device;
}

/* As msal does it: no scope, and the code twice under two names. */
static struct reply poll(struct world *w, const struct device *device)
{
    return world_post(
        w, TOKEN,
        "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Adevice_code&" CLIENT
        "&device_code=%.*s&code=%.*s&client_info=1",
        STR_ARG(device->code), STR_ARG(device->code));
}

static struct reply answer(struct world *w, struct str user_code, const char *password,
                           const char *what)
{
    return world_post(w, PAGE, "user_code=%.*s&username=ana%%40example.org&password=%s&answer=%s",
                      STR_ARG(user_code), password, what);
}

TEST(a_device_gets_its_tokens_when_a_person_has_signed_in)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    CHECK_INT(200, world_get(w, PAGE).status);
    world_check_error(poll(w, &device), 400, "authorization_pending");
    CHECK_INT(200, answer(w, device.user_code, WORLD_PASSWORD, "signin").status);
    clock_test_advance(5 * US_PER_S);
    struct reply reply = poll(w, &device);
    CHECK_INT(200, reply.status);
    struct json *claims = world_claims(w, json_str_at(reply.body, "access_token"));
    CHECK_STR(WORLD_AUDIENCE, json_str_at(claims, "aud"));
    CHECK(str_eq(w->ana.object_id, json_str_at(claims, "oid")));
    CHECK_STR(WORLD_SCOPE " openid profile", json_str_at(reply.body, "scope"));
    CHECK(json_str_at(reply.body, "refresh_token").len > 0);
    clock_test_advance(5 * US_PER_S);
    world_check_error(poll(w, &device), 400, "invalid_grant");
}

TEST(a_device_that_asks_too_often_is_told)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    world_check_error(poll(w, &device), 400, "authorization_pending");
    world_check_error(poll(w, &device), 400, "slow_down");
}

/* As msal for Go does: fast at first, then every five seconds, however often it is told to wait. */
TEST(a_device_that_does_not_slow_down_is_signed_in_all_the_same)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    world_check_error(poll(w, &device), 400, "authorization_pending");
    for (int i = 0; i < 4; i++) {
        world_check_error(poll(w, &device), 400, "slow_down");
        clock_test_advance(US_PER_S);
    }
    CHECK_INT(200, answer(w, device.user_code, WORLD_PASSWORD, "signin").status);
    CHECK_INT(200, poll(w, &device).status);
}

TEST(waiting_is_no_failure)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    for (int i = 0; i < 30; i++) {
        world_check_error(poll(w, &device), 400, "authorization_pending");
        clock_test_advance(5 * US_PER_S);
    }
}

TEST(time_ends_it)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    clock_test_advance(900 * US_PER_S);
    world_check_error(poll(w, &device), 400, "expired_token");
    CHECK_INT(400, answer(w, device.user_code, WORLD_PASSWORD, "signin").status);
}

TEST(a_person_refuses_without_a_password)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    CHECK_INT(200, answer(w, device.user_code, "", "refuse").status);
    world_check_error(poll(w, &device), 400, "access_denied");
}

TEST(a_wrong_password_or_code_signs_nothing_in)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);
    struct reply reply = answer(w, device.user_code, "wrong", "signin");

    CHECK_INT(401, reply.status);
    CHECK(str_eq(device.user_code, world_field(w, reply.text, "user_code")));
    CHECK_INT(400, answer(w, STR("AAAA-AAAA"), WORLD_PASSWORD, "signin").status);
    world_check_error(poll(w, &device), 400, "authorization_pending");
}

TEST(codes_cannot_be_tried_out)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    for (int i = 0; i < 10; i++)
        CHECK_INT(400, answer(w, STR("BBBB-BBBB"), WORLD_PASSWORD, "signin").status);
    CHECK_INT(429, answer(w, device.user_code, WORLD_PASSWORD, "signin").status);
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(200, answer(w, device.user_code, WORLD_PASSWORD, "signin").status);
}

TEST(a_page_of_another_site_cannot_answer)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);
    struct str body = arena_printf(
        w->arena, "user_code=%.*s&username=ana%%40example.org&password=" WORLD_PASSWORD,
        STR_ARG(device.user_code));
    const struct question question = {"POST", PAGE, body.ptr, WORLD_FORM, "https://evil.test"};

    CHECK_INT(403, world_send(w, &question).status);
    world_check_error(poll(w, &device), 400, "authorization_pending");
}

TEST(only_clients_for_people_and_audiences_of_ours)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct device device = start(w);

    world_check_error(world_post(w, DEVICE, "client_id=x&scope=" WORLD_SCOPE), 400,
                      "unauthorized_client");
    world_check_error(world_post(w, DEVICE, CLIENT "&scope=https://graph.microsoft.com/.default"),
                      400, "invalid_scope");
    world_check_error(world_post(w, DEVICE, CLIENT), 400, "invalid_scope");
    world_check_error(world_post(w, TOKEN, "grant_type=device_code&client_id=%.*s&device_code=%.*s",
                                 STR_ARG(w->ci.client_id), STR_ARG(device.code)),
                      400, "unauthorized_client");
}
