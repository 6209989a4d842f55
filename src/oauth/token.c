/* POST …/token: the form is checked, the grant decides, the tokens are put together. */
#include "oauth/oauth_private.h"

#include "identity/base64url.h"
#include "identity/identity.h"
#include "os/clock.h"

#include <assert.h>

struct grant_row {
    const char *type;
    grant *run;
};

static const struct grant_row GRANTS[] = {
    {"client_credentials", grant_client},
    {"authorization_code", grant_code},
    {"urn:ietf:params:oauth:grant-type:device_code", grant_device},
    {"device_code", grant_device}, /* version 1 */
    {"refresh_token", grant_refresh},
};

/* Passwords are typed on our own page and nowhere else. */
static int refuse_grant(struct str type, struct error *err)
{
    if (type.len == 0)
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The field 'grant_type' is required.");
    if (str_eq(type, STR("password")))
        return error_set(err, ERROR_INVALID, "unsupported_grant_type",
                         "No program takes a person's password here: sign in by browser or device "
                         "code, or use a service principal.");
    return error_set(err, ERROR_INVALID, "unsupported_grant_type",
                     "The grant '%.*s' is not offered; client_credentials, authorization_code, "
                     "device_code and refresh_token are.",
                     STR_ARG(str_slice(type, 0, 64)));
}

/* Version 1 names the audience in `resource`. */
int ask_wish(struct ask *ask, struct str before, struct wish *out, struct error *err)
{
    struct str scope = form_get(&ask->form, "scope");

    assert(out);
    if (ask->resource.len == 0)
        return oauth_wish(ask->oauth, scope.len > 0 ? scope : before, out, err);
    if (!identity_audience_accepted(ask->oauth->engines->identity, ask->resource))
        return error_set(err, ERROR_INVALID, "invalid_resource",
                         "No tokens are given for the resource '%.*s'.",
                         STR_ARG(str_slice(ask->resource, 0, 128)));
    *out = (struct wish){
        .scope = arena_printf(ask->call->arena, "%.*s/.default", STR_ARG(ask->resource)),
        .audience = ask->resource,
    };
    return 0;
}

/* The fields that all grants have. */
static int read_ask(struct call *call, struct str tenant, struct ask *out, struct error *err)
{
    *out = (struct ask){.call = call, .oauth = call->face};
    if (oauth_form(call, &out->form, err) < 0)
        return -1;
    out->client = form_get(&out->form, "client_id");
    out->resource = form_get(&out->form, "resource");
    bool second = str_ends(http_path(call->ex), STR("/oauth2/v2.0/token"));
    out->endpoint = oauth_url(call, tenant, second ? "oauth2/v2.0/token" : "oauth2/token");
    assert(out->endpoint.len > 0);
    if (http_has_header(call->ex, "Authorization"))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "Send client_id and client_secret as fields of the form, without an "
                         "Authorization header.");
    if (out->client.len == 0)
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The field 'client_id' is required.");
    return 0;
}

/* Whether the client says that it can answer a claims challenge: {"access_token":
 * {"xms_cc":{"values":["CP1"]}}}. What else stands there asks for nothing that we have. */
static bool asks_for_cae(struct ask *ask)
{
    struct str claims = form_get(&ask->form, "claims");
    struct json *parsed = claims.len > 0 ? json_parse(ask->call->arena, claims, NULL) : NULL;
    struct json_iter it = json_iter(json_at(parsed, "access_token.xms_cc.values"));

    assert(ask->call->arena);
    while (json_next(&it))
        if (str_eq_fold(json_as_str(it.value), STR("CP1")))
            return true;
    return false;
}

/* {"uid","utid"}: msal makes the account's key of it. */
static struct str client_info(struct arena *arena, struct oauth *oauth, const struct principal *who)
{
    struct json *info = json_object(arena);

    assert(who->object_id.len > 0);
    json_set_str(arena, info, "uid", who->object_id);
    json_set_str(arena, info, "utid", identity_tenant(oauth->engines->identity));
    return base64url_encode(arena, json_write(arena, info));
}

/* Version 1 says its numbers as text, and until when. */
static void add_times(struct ask *ask, int64_t expires_us, struct json *body)
{
    struct arena *arena = ask->call->arena;
    int64_t now_us = clock_now_us(), left_s = (expires_us - now_us) / US_PER_S;

    assert(left_s > 0);
    if (ask->resource.len == 0) {
        json_set_int(arena, body, "expires_in", left_s);
        json_set_int(arena, body, "ext_expires_in", left_s);
        return;
    }
    json_set_str(arena, body, "expires_in", arena_printf(arena, "%lld", (long long)left_s));
    json_set_str(arena, body, "ext_expires_in", arena_printf(arena, "%lld", (long long)left_s));
    json_set_str(arena, body, "expires_on",
                 arena_printf(arena, "%lld", (long long)(expires_us / US_PER_S)));
    json_set_str(arena, body, "not_before",
                 arena_printf(arena, "%lld", (long long)(now_us / US_PER_S)));
    json_set_str(arena, body, "resource", ask->resource);
}

/* What only people get. */
static int add_person(struct ask *ask, const struct gift *gift, struct json *body,
                      struct error *err)
{
    struct arena *arena = ask->call->arena;
    const struct id_claims claims = {
        .principal = &gift->who, .client_id = ask->client, .nonce = gift->nonce};
    struct str id_token;

    assert(gift->person);
    if (principal_id_token(ask->oauth->engines->identity, arena, &claims, &id_token, err) < 0)
        return -1;
    json_set_str(arena, body, "scope", gift->wish.scope);
    json_set_str(arena, body, "id_token", id_token);
    json_set_str(arena, body, "refresh_token", gift->refresh);
    json_set_str(arena, body, "client_info", client_info(arena, ask->oauth, &gift->who));
    return 0;
}

/* The reply holds no more than the grant gives: programs get neither id nor refresh token. */
static int give(struct ask *ask, const struct gift *gift, struct error *err)
{
    struct arena *arena = ask->call->arena;
    struct json *body = json_object(arena);
    const struct access_ask access = {.principal = &gift->who,
                                      .audience = gift->wish.audience,
                                      .client_id = gift->person ? ask->client : STR(""),
                                      .cae = asks_for_cae(ask)};
    struct access_token token;

    assert(gift->wish.audience.len > 0);
    if (principal_access_token(ask->oauth->engines->identity, arena, &access, &token, err) < 0)
        return -1;
    json_set_str(arena, body, "token_type", STR("Bearer"));
    add_times(ask, token.expires_us, body);
    json_set_str(arena, body, "access_token", token.text);
    if (gift->person && add_person(ask, gift, body, err) < 0)
        return -1;
    oauth_reply(ask->call, body);
    return 0;
}

/* A wrong guess; that a person has not answered yet is none. */
static bool is_failure(const struct error *err)
{
    return err->code == ERROR_UNAUTHENTICATED ||
           str_eq(str_from(err->target), STR("invalid_grant"));
}

/* The throttle is asked first and told of failures last; a person who has not answered yet is
 * none. */
static int answer(struct ask *ask, struct error *err)
{
    struct str type = form_get(&ask->form, "grant_type"), address = oauth_address(ask->call);
    struct gift gift = {.nonce = STR("")};

    assert(ask->client.len > 0);
    for (size_t i = 0; i < COUNT(GRANTS); i++) {
        if (!str_eq(type, str_from(GRANTS[i].type)))
            continue;
        if (throttle_ask(ask->oauth->throttle, ask->client, address, err) < 0)
            return -1;
        if (GRANTS[i].run(ask, &gift, err) == 0)
            return give(ask, &gift, err);
        if (is_failure(err))
            throttle_fail(ask->oauth->throttle, ask->client, address);
        return -1;
    }
    return refuse_grant(type, err);
}

/* The one route that all grants share. */
void oauth_token(struct call *call)
{
    struct str tenant;
    struct ask ask;
    struct error err = {0};

    assert(call->face);
    if (!oauth_tenant(call, &tenant))
        return;
    if (read_ask(call, tenant, &ask, &err) < 0 || answer(&ask, &err) < 0)
        oauth_refuse(call, &err);
}
