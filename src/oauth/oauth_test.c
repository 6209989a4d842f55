/* The token service over a real listener: its metadata, and that all its rows are what they say. */
#include "oauth/world_test.h"

#include <stdio.h>
#include <string.h>

TEST(the_configuration_names_our_addresses_for_our_tenant)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str tenant = identity_tenant(w->engines.identity);
    struct str target =
        arena_printf(w->arena, "/%.*s/v2.0/.well-known/openid-configuration", STR_ARG(tenant));
    struct reply reply = world_get(w, target.ptr);
    struct str base = arena_printf(w->arena, WORLD_AUDIENCE "/%.*s", STR_ARG(tenant));

    CHECK_INT(200, reply.status);
    CHECK(str_eq(arena_printf(w->arena, "%.*s/v2.0", STR_ARG(base)),
                 json_str_at(reply.body, "issuer")));
    CHECK(str_eq(arena_printf(w->arena, "%.*s/oauth2/v2.0/token", STR_ARG(base)),
                 json_str_at(reply.body, "token_endpoint")));
    CHECK(json_str_at(reply.body, "authorization_endpoint").len > 0);
    CHECK(json_str_at(reply.body, "device_authorization_endpoint").len > 0);
    CHECK_STR("RS256", json_str_at(reply.body, "id_token_signing_alg_values_supported[0]"));
    CHECK_STR("S256", json_str_at(reply.body, "code_challenge_methods_supported[0]"));
}

TEST(adfs_is_another_name_of_the_tenant_whose_issuer_stays_one)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_get(w, "/adfs/.well-known/openid-configuration");
    struct reply other = world_get(w, "/ADFS/v2.0/.well-known/openid-configuration");

    CHECK_INT(200, reply.status);
    CHECK_INT(200, other.status);
    CHECK_STR(WORLD_AUDIENCE "/adfs/discovery/v2.0/keys", json_str_at(reply.body, "jwks_uri"));
    CHECK(str_eq(json_str_at(reply.body, "issuer"), json_str_at(other.body, "issuer")));
    static const char *const ANY[] = {"organizations", "common"};
    for (size_t i = 0; i < COUNT(ANY); i++) {
        char target[80];
        snprintf(target, sizeof(target), "/%s/v2.0/.well-known/openid-configuration", ANY[i]);
        struct reply any = world_get(w, target);
        CHECK_INT(200, any.status);
        CHECK(str_eq(json_str_at(reply.body, "issuer"), json_str_at(any.body, "issuer")));
    }
}

TEST(who_signs_out_is_sent_back_to_his_own_machine_only)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_get(w, "/adfs/v2.0/.well-known/openid-configuration");

    CHECK_STR(WORLD_AUDIENCE "/adfs/oauth2/v2.0/logout",
              json_str_at(reply.body, "end_session_endpoint"));
    reply = world_get(w, "/adfs/oauth2/v2.0/logout?post_logout_redirect_uri="
                         "http%3A%2F%2Flocalhost%3A8400%2Fout&state=a%22b&client-request-id=x");
    CHECK_INT(302, reply.status);
    CHECK_STR("http://localhost:8400/out?state=a%22b",
              http_response_header(&reply.response, "Location"));
    static const char *const ELSEWHERE[] = {
        "/adfs/oauth2/v2.0/logout", "/adfs/oauth2/logout?post_logout_redirect_uri=",
        "/adfs/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.test%2F",
        "/adfs/oauth2/v2.0/logout?post_logout_redirect_uri=http%3A%2F%2Flocalhost.evil.test"};
    for (size_t i = 0; i < COUNT(ELSEWHERE); i++) {
        reply = world_get(w, ELSEWHERE[i]);
        CHECK_INT(200, reply.status);
        CHECK(str_find(reply.text, STR("You are signed out")) > 0);
        CHECK_STR("", http_response_header(&reply.response, "Location"));
    }
    world_check_error(world_get(w, "/contoso/oauth2/v2.0/logout"), 404, "invalid_request");
}

TEST(an_error_has_the_names_that_libraries_print)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_post(w, "/adfs/oauth2/v2.0/token", "grant_type=x&client_id=y");

    world_check_error(reply, 400, "unsupported_grant_type");
    CHECK_INT(70003, json_int_at(reply.body, "error_codes[0]", 0));
    CHECK_INT(20, json_str_at(reply.body, "timestamp").len);
    CHECK(str_ends(json_str_at(reply.body, "timestamp"), STR("Z")));
    CHECK_INT(36, json_str_at(reply.body, "trace_id").len);
    CHECK_INT(36, json_str_at(reply.body, "correlation_id").len);
}

TEST(another_tenant_is_not_there_and_no_hint_of_ours_is_given)
{
    static const char *const TARGETS[] = {
        "/commons/v2.0/.well-known/openid-configuration",
        "/consumers/.well-known/openid-configuration", "/%20/discovery/v2.0/keys",
        "/contoso/oauth2/v2.0/authorize?client_id=x", "/contoso/oauth2/deviceauth"};
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(TARGETS); i++) {
        struct reply reply = world_get(w, TARGETS[i]);
        world_check_error(reply, 404, "invalid_request");
        CHECK_STR("There is no tenant of this name.", json_str_at(reply.body, "error_description"));
    }
    world_check_error(world_post(w, "/contoso/oauth2/v2.0/token", "grant_type=x"), 404,
                      "invalid_request");
    world_check_error(world_post(w, "/contoso/oauth2/v2.0/devicecode", "client_id=x"), 404,
                      "invalid_request");
}

TEST(the_keys_are_public_halves_that_verify)
{
    static const char *const PRIVATE[] = {"d", "p", "q", "dp", "dq", "qi"};
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_get(w, "/adfs/discovery/v2.0/keys");

    CHECK_INT(200, reply.status);
    struct json_iter it = json_iter(json_at(reply.body, "keys"));
    CHECK(json_count(json_at(reply.body, "keys")) > 0);
    while (json_next(&it)) {
        CHECK_STR("RSA", json_str_at(it.value, "kty"));
        CHECK(json_str_at(it.value, "kid").len > 0);
        CHECK(json_str_at(it.value, "n").len >= 342); /* 2048 bits in base64url */
        for (size_t i = 0; i < COUNT(PRIVATE); i++)
            CHECK(!json_at(it.value, PRIVATE[i]));
    }
}

TEST(an_authority_of_ours_is_known_and_no_other)
{
    static const char *const FOREIGN[] = {
        "",
        "?authorization_endpoint=https%3A%2F%2Flogin.test%2Fadfs%2Foauth2%2Fv2.0%2Fauthorize",
        "?authorization_endpoint=https%3A%2F%2Flocalhost%3A10443%2Fcontoso%2Foauth2",
        "?authorization_endpoint=https%3A%2F%2Flocalhost%3A10443%2F",
        "?authorization_endpoint=https%3A%2F%2Flocalhost%3A104430%2Fadfs%2Foauth2",
        "?authorization_endpoint=https%3A%2F%2Flocalhost%3A10443.test%2Fadfs%2Foauth2"};
    CLEANUP(world_close) struct world *w = world_open();
    struct reply reply = world_get(w, "/common/discovery/instance?api-version=1.1&"
                                      "authorization_endpoint=https%3A%2F%2Flocalhost%3A10443%2F"
                                      "adfs%2Foauth2%2Fv2.0%2Fauthorize");

    CHECK_INT(200, reply.status);
    CHECK_STR(WORLD_AUDIENCE "/adfs/v2.0/.well-known/openid-configuration",
              json_str_at(reply.body, "tenant_discovery_endpoint"));
    CHECK(json_count(json_at(reply.body, "metadata")) == 1);
    CHECK_STR("localhost", json_str_at(reply.body, "metadata[0].aliases[0]"));
    for (size_t i = 0; i < COUNT(FOREIGN); i++) {
        struct str target = arena_printf(w->arena, "/common/discovery/instance%s", FOREIGN[i]);
        world_check_error(world_get(w, target.ptr), 400, "invalid_instance");
    }
}

TEST(a_wrong_method_is_refused_in_oauths_form)
{
    CLEANUP(world_close) struct world *w = world_open();

    world_check_error(world_get(w, "/adfs/oauth2/v2.0/token"), 405, "invalid_request");
    world_check_error(world_get(w, "/adfs/oauth2/v2.0/devicecode"), 405, "invalid_request");
}

TEST(all_rows_but_that_of_attempts_are_public_and_take_no_more_than_a_form)
{
    CLEANUP(world_close) struct world *w = world_open();
    const struct route_table table = oauth_routes(w->oauth);

    CHECK(table.count > 0);
    for (size_t i = 0; i < table.count; i++) {
        bool attempts = strstr(table.rows[i].path, "/attempts/") != NULL;
        CHECK_INT(attempts ? PERMIT_ATTEMPT : PERMIT_PUBLIC, table.rows[i].permit);
        CHECK(table.rows[i].body_limit <= 64 * KIB);
        CHECK(table.rows[i].refuse);
    }
}

TEST(script_and_style_are_files_of_ours)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct reply script = world_get(w, "/oauth2/signin.js");
    struct reply style = world_get(w, "/oauth2/signin.css");

    CHECK_INT(200, script.status);
    CHECK(
        str_starts(http_response_header(&script.response, "Content-Type"), STR("text/javascript")));
    CHECK_STR("nosniff", http_response_header(&script.response, "X-Content-Type-Options"));
    CHECK_INT(200, style.status);
    CHECK(str_starts(http_response_header(&style.response, "Content-Type"), STR("text/css")));
}
