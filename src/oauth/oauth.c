/* oauth.c - the token service as far as it is open: where it is and which keys it signs with. Every
 * way to get a token answers 501 in OAuth's form, so that a client shows a sentence instead of a
 * stack. */
#include "oauth/oauth.h"

#include "identity/identity.h"

#include <assert.h>

/* A form with a certificate in it is the largest there will be. */
#define FORM_BYTES (64 * KIB)

struct wire_row {
    enum error_code code;
    int status;
    const char *name; /* RFC 6749, 5.2 and 4.1.2.1 */
};

static const struct wire_row WIRE[] = {
    {ERROR_INVALID, 400, "invalid_request"},
    {ERROR_UNAUTHENTICATED, 401, "invalid_client"},
    {ERROR_NOT_FOUND, 404, "invalid_request"},
    {ERROR_METHOD, 405, "invalid_request"},
    {ERROR_TOO_LARGE, 413, "invalid_request"},
    {ERROR_MISDIRECTED, 421, "invalid_request"},
    {ERROR_NOT_IMPLEMENTED, 501, "unsupported_grant_type"},
    {ERROR_UNAVAILABLE, 503, "temporarily_unavailable"},
};

/* RFC 6749, 5.2: {"error", "error_description"}. */
static void oauth_refuse(struct call *call, const struct error *err)
{
    struct json *body = json_object(call->arena);
    int status = 500;
    const char *name = "server_error";

    assert(err->code != ERROR_NONE);
    for (size_t i = 0; i < COUNT(WIRE); i++)
        if (WIRE[i].code == err->code) {
            status = WIRE[i].status;
            name = WIRE[i].name;
        }
    json_set_str(call->arena, body, "error", str_from(name));
    json_set_str(call->arena, body, "error_description", str_from(err->message));
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    http_reply(call->ex, status, "application/json", json_write(call->arena, body));
}

/* Our own GUID or `adfs`, the name msal asks without instance discovery. */
static bool tenant_known(const struct call *call, struct str *out)
{
    const struct engines *engines = call->face;

    assert(out);
    *out = call_param(call, "tenant");
    if (out->len == 0)
        *out = STR("adfs");
    return str_eq_fold(*out, STR("adfs")) || str_eq_fold(*out, identity_tenant(engines->identity));
}

/* Another tenant's name and one that never was look alike. */
static void unknown_tenant(struct call *call)
{
    struct error err = {0};

    assert(call->route);
    error_set(&err, ERROR_NOT_FOUND, "", "There is no tenant of this name.");
    oauth_refuse(call, &err);
}

/* Addresses are ours as clients are told them, never taken from the request's Host. */
static void set_address(struct call *call, struct json *object, const char *key, struct str tenant,
                        const char *rest)
{
    const struct engines *engines = call->face;

    assert(engines->arm_endpoint.len > 0);
    json_set_str(call->arena, object, key,
                 arena_printf(call->arena, "%.*s/%.*s/%s", STR_ARG(engines->arm_endpoint),
                              STR_ARG(tenant), rest));
}

/* A list of texts. */
static struct json *words(struct arena *arena, const char *const *list, size_t count)
{
    struct json *array = json_array(arena);

    assert(list);
    for (size_t i = 0; i < count; i++)
        json_append(arena, array, json_text(arena, str_from(list[i])));
    return array;
}

/* RFC 8414, as msal reads it: authorization, token and device endpoints must be there even while
 * they are closed. */
static void configuration_run(struct call *call)
{
    static const char *const RESPONSES[] = {"code"}, *const ALGORITHMS[] = {"RS256"},
                             *const SUBJECTS[] = {"public"}, *const SCOPES[] = {"openid"};
    const struct engines *engines = call->face;
    struct arena *arena = call->arena;
    struct json *body = json_object(arena);
    struct str tenant;

    assert(engines->identity);
    if (!tenant_known(call, &tenant)) {
        unknown_tenant(call);
        return;
    }
    set_address(call, body, "issuer", identity_tenant(engines->identity), "v2.0");
    set_address(call, body, "authorization_endpoint", tenant, "oauth2/v2.0/authorize");
    set_address(call, body, "token_endpoint", tenant, "oauth2/v2.0/token");
    set_address(call, body, "device_authorization_endpoint", tenant, "oauth2/v2.0/devicecode");
    set_address(call, body, "jwks_uri", tenant, "discovery/v2.0/keys");
    json_set(arena, body, STR("response_types_supported"), words(arena, RESPONSES, 1));
    json_set(arena, body, STR("subject_types_supported"), words(arena, SUBJECTS, 1));
    json_set(arena, body, STR("id_token_signing_alg_values_supported"),
             words(arena, ALGORITHMS, 1));
    json_set(arena, body, STR("scopes_supported"), words(arena, SCOPES, 1));
    http_reply(call->ex, 200, "application/json", json_write(arena, body));
}

/* Verifiers fetch this before any token of theirs was checked, so it is public and holds public
 * halves only. */
static void keys_run(struct call *call)
{
    const struct engines *engines = call->face;
    struct str tenant;
    struct error err = {0};

    assert(call->face);
    if (!tenant_known(call, &tenant)) {
        unknown_tenant(call);
        return;
    }
    if (!identity_ready(engines->identity)) {
        error_set(&err, ERROR_UNAVAILABLE, "", "The signing keys are being made; try again.");
        oauth_refuse(call, &err);
        return;
    }
    http_reply(call->ex, 200, "application/json",
               json_write(call->arena, identity_jwks(engines->identity, call->arena)));
}

/* Closed, not open: no grant is answered before all of the token service is built. */
static void token_run(struct call *call)
{
    struct error err = {0};

    assert(call->route);
    error_set(&err, ERROR_NOT_IMPLEMENTED, "",
              "Tokens are not issued here yet; use the one that `lazurite connect` prints.");
    oauth_refuse(call, &err);
}

#define OPEN(method, path, run) \
    {method, path, PERMIT_PUBLIC, NULL, FORM_BYTES, 0, LISTEN_ALL, run, NULL, oauth_refuse}

static const struct route ROUTES[] = {
    OPEN("GET", "/{tenant}/v2.0/.well-known/openid-configuration", configuration_run),
    OPEN("GET", "/{tenant}/.well-known/openid-configuration", configuration_run),
    OPEN("GET", "/{tenant}/discovery/v2.0/keys", keys_run),
    OPEN("POST", "/{tenant}/oauth2/v2.0/token", token_run),
    OPEN("POST", "/{tenant}/oauth2/token", token_run),
    OPEN("POST", "/{tenant}/oauth2/v2.0/devicecode", token_run),
    OPEN("GET", "/{tenant}/oauth2/v2.0/authorize", token_run),
};

/* For server/faces.c. */
struct route_table oauth_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
