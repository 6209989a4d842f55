/* Signing in with a browser, from the question to the tokens and what follows. */
#include "oauth/world_test.h"

#include "identity/base64url.h"
#include "os/clock.h"

#define AUTHORIZE "/adfs/oauth2/v2.0/authorize"
#define SIGNIN "/adfs/oauth2/v2.0/signin"
#define TOKEN "/adfs/oauth2/v2.0/token"
#define BACK "http://localhost:8400"

/* What msal asks, in pieces that tests can change. */
#define CLIENT "client_id=" OAUTH_CLIENT_SDK
#define REST                                                                          \
    "&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A8400&state=s%22%3C1"   \
    "&scope=https%3A%2F%2Flocalhost%3A10443%2F.default+offline_access+openid+profile" \
    "&nonce=n0&code_challenge=" WORLD_CHALLENGE "&code_challenge_method=S256"         \
    "&prompt=select_account&client_info=1"
#define QUESTION AUTHORIZE "?" CLIENT REST

/* The page's transaction. */
static struct str open_page(struct world *w, const char *question)
{
    struct reply page = world_get(w, question);

    CHECK_INT(200, page.status);
    struct str transaction = world_field(w, page.text, "transaction");
    CHECK_INT(64, transaction.len);
    return transaction;
}

/* Ana answers. */
static struct reply sign_in(struct world *w, struct str transaction, const char *password)
{
    return world_post(w, SIGNIN,
                      "transaction=%.*s&username=ana%%40example.org&password=%s&answer=signin",
                      STR_ARG(transaction), password);
}

/* The code that the browser carries away. */
static struct str get_code(struct world *w)
{
    struct reply reply =
        sign_in(w, open_page(w, QUESTION "&response_mode=form_post"), WORLD_PASSWORD);

    CHECK_INT(200, reply.status);
    struct str code = world_field(w, reply.text, "code");
    CHECK_INT(64, code.len);
    return code;
}

static struct reply redeem(struct world *w, struct str code, const char *verifier)
{
    return world_post(w, TOKEN,
                      "grant_type=authorization_code&" CLIENT "&code=%.*s&code_verifier=%s"
                      "&redirect_uri=http%%3A%%2F%%2Flocalhost%%3A8400&scope=" WORLD_SCOPE
                      "+openid+profile+offline_access",
                      STR_ARG(code), verifier);
}

static struct reply refresh(struct world *w, struct str token, const char *scope)
{
    return world_post(w, TOKEN, "grant_type=refresh_token&" CLIENT "&refresh_token=%.*s&scope=%s",
                      STR_ARG(token), scope);
}

TEST(the_page_can_do_nothing_but_ask)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply page = world_get(w, QUESTION "&login_hint=%3Cscript%3Eana");
    struct str policy = http_response_header(&page.response, "Content-Security-Policy");

    CHECK_INT(200, page.status);
    CHECK(str_find(policy, STR("default-src 'none'")) >= 0);
    CHECK(str_find(policy, STR("frame-ancestors 'none'")) >= 0);
    CHECK(str_find(policy, STR("form-action 'self' http://localhost:8400;")) >= 0);
    CHECK(str_find(policy, STR("unsafe")) < 0);
    CHECK_STR("DENY", http_response_header(&page.response, "X-Frame-Options"));
    CHECK_STR("no-store", http_response_header(&page.response, "Cache-Control"));
    CHECK(str_find(page.text, STR("<script")) < 0);
    CHECK_STR("&lt;script&gt;ana", world_field(w, page.text, "username"));
}

TEST(the_answer_goes_back_as_a_form_with_the_state_untouched)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply =
        sign_in(w, open_page(w, QUESTION "&response_mode=form_post"), WORLD_PASSWORD);

    CHECK_INT(200, reply.status);
    CHECK(str_find(reply.text, STR("action=\"" BACK "\"")) > 0);
    CHECK_STR("s&quot;&lt;1", world_field(w, reply.text, "state"));
    CHECK(str_find(reply.text, STR("<script src=\"/oauth2/signin.js\"")) > 0);
    CHECK_STR("", world_field(w, reply.text, "error"));
}

TEST(the_answer_goes_back_in_the_query_when_nothing_else_is_asked)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = sign_in(w, open_page(w, QUESTION), WORLD_PASSWORD);
    struct str to = http_response_header(&reply.response, "Location");

    CHECK_INT(302, reply.status);
    CHECK(str_starts(to, STR(BACK "?code=")));
    CHECK(str_ends(to, STR("&state=s%22%3C1")));
}

TEST(tokens_for_a_code)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = redeem(w, get_code(w), WORLD_VERIFIER);
    struct str info = json_str_at(reply.body, "client_info");
    unsigned char bytes[256];
    size_t len = 0;

    CHECK_INT(200, reply.status);
    struct json *claims = world_claims(w, json_str_at(reply.body, "access_token"));
    CHECK_STR(WORLD_AUDIENCE, json_str_at(claims, "aud"));
    CHECK(str_eq(w->ana.object_id, json_str_at(claims, "oid")));
    struct json *id = world_claims(w, json_str_at(reply.body, "id_token"));
    CHECK_STR("n0", json_str_at(id, "nonce"));
    CHECK_STR(OAUTH_CLIENT_SDK, json_str_at(id, "aud"));
    CHECK_STR("ana@example.org", json_str_at(id, "preferred_username"));
    CHECK_STR(WORLD_SCOPE " openid profile offline_access", json_str_at(reply.body, "scope"));
    CHECK(json_str_at(reply.body, "refresh_token").len > 0);
    CHECK(info.len < sizeof(bytes) && base64url_decode(info, bytes, &len));
    struct json *parsed = json_parse(w->arena, (struct str){(const char *)bytes, len}, NULL);
    CHECK(str_eq(w->ana.object_id, json_str_at(parsed, "uid")));
    CHECK(str_eq(identity_tenant(w->engines.identity), json_str_at(parsed, "utid")));
}

TEST(a_code_is_good_once_and_its_replay_ends_what_came_of_it)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str code = get_code(w);
    struct reply first = redeem(w, code, WORLD_VERIFIER);

    CHECK_INT(200, first.status);
    world_check_error(redeem(w, code, WORLD_VERIFIER), 400, "invalid_grant");
    world_check_error(refresh(w, json_str_at(first.body, "refresh_token"), WORLD_SCOPE), 400,
                      "invalid_grant");
}

TEST(a_code_without_its_verifier_is_spent_for_nothing)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str code = get_code(w);

    world_check_error(redeem(w, code, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"), 400,
                      "invalid_grant");
    world_check_error(redeem(w, code, WORLD_VERIFIER), 400, "invalid_grant");
    world_check_error(redeem(w, get_code(w), ""), 400, "invalid_grant");
}

TEST(a_code_is_for_its_client_and_its_address)
{
    CLEANUP(world_close) struct world *w = world_open();
    static const char *const OTHERS[] = {
        "client_id=" OAUTH_CLIENT_OWN "&redirect_uri=http%3A%2F%2Flocalhost%3A8400",
        CLIENT "&redirect_uri=http%3A%2F%2Flocalhost%3A8401", CLIENT};

    for (size_t i = 0; i < COUNT(OTHERS); i++)
        world_check_error(
            world_post(w, TOKEN,
                       "grant_type=authorization_code&code=%.*s&code_verifier=" WORLD_VERIFIER
                       "&scope=" WORLD_SCOPE "&%s",
                       STR_ARG(get_code(w)), OTHERS[i]),
            400, "invalid_grant");
}

TEST(a_code_waits_five_minutes)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str code = get_code(w);

    clock_test_advance(300 * US_PER_S);
    world_check_error(redeem(w, code, WORLD_VERIFIER), 400, "invalid_grant");
}

TEST(a_wrong_password_shows_the_page_again_and_ten_close_it)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str transaction = open_page(w, QUESTION);

    for (int i = 0; i < 10; i++) {
        struct reply reply = sign_in(w, transaction, "wrong");
        CHECK_INT(401, reply.status);
        CHECK(str_eq(transaction, world_field(w, reply.text, "transaction")));
        CHECK(str_find(reply.text, STR("Name or password is wrong.")) > 0);
    }
    CHECK_INT(429, sign_in(w, transaction, WORLD_PASSWORD).status);
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(302, sign_in(w, transaction, WORLD_PASSWORD).status);
}

TEST(a_page_is_answered_once)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str transaction = open_page(w, QUESTION);

    CHECK_INT(302, sign_in(w, transaction, WORLD_PASSWORD).status);
    CHECK_INT(400, sign_in(w, transaction, WORLD_PASSWORD).status);
    CHECK_INT(400, sign_in(w, STR("made-up"), WORLD_PASSWORD).status);
}

TEST(a_form_of_another_site_is_not_taken)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str transaction = open_page(w, QUESTION);
    struct str body = arena_printf(
        w->arena,
        "transaction=%.*s&username=ana%%40example.org&password=" WORLD_PASSWORD "&answer=signin",
        STR_ARG(transaction));
    struct question question = {"POST", SIGNIN, body.ptr, WORLD_FORM, "https://evil.test"};

    CHECK_INT(403, world_send(w, &question).status);
    question.origin = "null";
    CHECK_INT(403, world_send(w, &question).status);
    question.origin = "http://localhost";
    CHECK_INT(302, world_send(w, &question).status);
}

TEST(a_person_who_cancels_is_told_to_the_client)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply =
        world_post(w, SIGNIN, "transaction=%.*s&answer=cancel", STR_ARG(open_page(w, QUESTION)));

    CHECK_INT(302, reply.status);
    CHECK(str_starts(http_response_header(&reply.response, "Location"),
                     STR(BACK "?error=access_denied&")));
}

TEST(an_answer_is_never_sent_to_an_address_in_doubt)
{
    static const char *const QUESTIONS[] = {
        AUTHORIZE,
        AUTHORIZE "?client_id=x" REST,
        AUTHORIZE "?" CLIENT "&redirect_uri=https%3A%2F%2Fevil.test&response_type=code",
        AUTHORIZE "?" CLIENT "&redirect_uri=http%3A%2F%2Flocalhost.evil.test%3A8400",
        AUTHORIZE "?" CLIENT "&" CLIENT REST,
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(QUESTIONS); i++) {
        struct reply reply = world_get(w, QUESTIONS[i]);
        CHECK_INT(400, reply.status);
        CHECK_STR("", http_response_header(&reply.response, "Location"));
        CHECK(str_find(reply.text, STR("<form")) < 0);
    }
}

TEST(other_mistakes_are_told_to_the_client)
{
#define TO "&redirect_uri=http%3A%2F%2Flocalhost%3A8400"
#define CODE "&response_type=code"
#define PKCE "&code_challenge=" WORLD_CHALLENGE "&code_challenge_method=S256"
    static const struct {
        const char *question, *error;
    } CASES[] = {
        {TO PKCE "&scope=" WORLD_SCOPE, "unsupported_response_type"},
        {TO PKCE "&response_type=token&scope=" WORLD_SCOPE, "unsupported_response_type"},
        {TO CODE "&scope=" WORLD_SCOPE, "invalid_request"},
        {TO CODE "&code_challenge=" WORLD_CHALLENGE "&scope=" WORLD_SCOPE, "invalid_request"},
        {TO CODE "&code_challenge=short&code_challenge_method=plain", "invalid_request"},
        {TO CODE PKCE "&response_mode=fragment&scope=" WORLD_SCOPE, "invalid_request"},
        {TO CODE PKCE "&scope=openid", "invalid_scope"},
        {TO CODE PKCE "&scope=https://graph.microsoft.com/.default", "invalid_scope"},
        {TO CODE PKCE "&prompt=none&scope=" WORLD_SCOPE, "login_required"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str target = arena_printf(w->arena, AUTHORIZE "?" CLIENT "%s", CASES[i].question);
        struct reply reply = world_get(w, target.ptr);
        struct str start = arena_printf(w->arena, BACK "?error=%s&", CASES[i].error);
        CHECK_INT(302, reply.status);
        CHECK(str_starts(http_response_header(&reply.response, "Location"), start));
    }
}

TEST(one_refresh_token_serves_every_audience_and_is_good_once)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply first = redeem(w, get_code(w), WORLD_VERIFIER);
    struct str old = json_str_at(first.body, "refresh_token");
    struct reply second = refresh(w, old, "https://ml.azure.com//.default");

    CHECK_INT(200, second.status);
    struct json *claims = world_claims(w, json_str_at(second.body, "access_token"));
    CHECK_STR("https://ml.azure.com/", json_str_at(claims, "aud"));
    struct str next = json_str_at(second.body, "refresh_token");
    CHECK(!str_eq(old, next));
    struct reply third = refresh(w, next, "");
    CHECK_INT(200, third.status);
    /* Whoever kept the old one ends it for both. */
    world_check_error(refresh(w, old, WORLD_SCOPE), 400, "invalid_grant");
    world_check_error(refresh(w, json_str_at(third.body, "refresh_token"), WORLD_SCOPE), 400,
                      "invalid_grant");
}

TEST(a_revoked_or_disabled_person_cannot_refresh)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct identity *identity = w->engines.identity;
    struct reply first = redeem(w, get_code(w), WORLD_VERIFIER);
    struct reply other = redeem(w, get_code(w), WORLD_VERIFIER);
    struct error err = {0};

    CHECK_OK(principal_disable(identity, STR("admin"), w->ana.number, true, &err), &err);
    world_check_error(refresh(w, json_str_at(first.body, "refresh_token"), WORLD_SCOPE), 400,
                      "invalid_grant");
    CHECK_OK(principal_disable(identity, STR("admin"), w->ana.number, false, &err), &err);
    CHECK_OK(principal_revoke(identity, STR("admin"), w->ana.number, &err), &err);
    world_check_error(refresh(w, json_str_at(other.body, "refresh_token"), WORLD_SCOPE), 400,
                      "invalid_grant");
    clock_test_advance(2 * US_PER_S);
    CHECK_INT(200, redeem(w, get_code(w), WORLD_VERIFIER).status);
}

TEST(a_mistaken_scope_does_not_spend_the_refresh_token)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str token = json_str_at(redeem(w, get_code(w), WORLD_VERIFIER).body, "refresh_token");

    world_check_error(refresh(w, token, "https://graph.microsoft.com/.default"), 400,
                      "invalid_scope");
    CHECK_INT(200, refresh(w, token, WORLD_SCOPE).status);
}
