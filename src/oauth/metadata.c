/* Where the token service is, and by which keys its tokens are verified. */
#include "oauth/oauth_private.h"

#include "identity/identity.h"

#include <assert.h>

/* A member that is a list of words. */
static void set_words(struct arena *arena, struct json *object, const char *key,
                      const char *const *words)
{
    struct json *array = json_array(arena);

    assert(words && words[0]);
    for (; *words; words++)
        json_append(arena, array, json_text(arena, str_from(*words)));
    json_set(arena, object, str_from(key), array);
}

/* The issuer is a name, not an address: the same by whatever name we are reached, as in tokens. */
static struct str issuer(const struct call *call)
{
    const struct oauth *oauth = call->face;

    assert(oauth->engines->arm_endpoint.len > 0);
    return arena_printf(call->arena, "%.*s/%.*s/v2.0", STR_ARG(oauth->engines->arm_endpoint),
                        STR_ARG(identity_tenant(oauth->engines->identity)));
}

/* RFC 8414 and OpenID Connect Discovery, as msal reads it. */
void oauth_configuration(struct call *call)
{
    static const char *const GRANTS[] = {"client_credentials", "authorization_code",
                                         "refresh_token",
                                         "urn:ietf:params:oauth:grant-type:device_code", NULL};
    static const char *const CLIENTS[] = {"client_secret_post", "private_key_jwt", NULL};
    static const char *const RESPONSES[] = {"code", NULL};
    static const char *const MODES[] = {"query", "form_post", NULL};
    static const char *const METHODS[] = {"S256", NULL};
    static const char *const ALGORITHMS[] = {"RS256", NULL};
    static const char *const SUBJECTS[] = {"public", NULL};
    static const char *const SCOPES[] = {"openid", "profile", "offline_access", NULL};
    struct arena *arena = call->arena;
    struct json *body = json_object(arena);
    struct str tenant;

    if (!oauth_tenant(call, &tenant))
        return;
    json_set_str(arena, body, "issuer", issuer(call));
    json_set_str(arena, body, "authorization_endpoint",
                 oauth_url(call, tenant, "oauth2/v2.0/authorize"));
    json_set_str(arena, body, "token_endpoint", oauth_url(call, tenant, "oauth2/v2.0/token"));
    json_set_str(arena, body, "device_authorization_endpoint",
                 oauth_url(call, tenant, "oauth2/v2.0/devicecode"));
    json_set_str(arena, body, "end_session_endpoint",
                 oauth_url(call, tenant, "oauth2/v2.0/logout"));
    json_set_str(arena, body, "jwks_uri", oauth_url(call, tenant, "discovery/v2.0/keys"));
    set_words(arena, body, "response_types_supported", RESPONSES);
    set_words(arena, body, "response_modes_supported", MODES);
    set_words(arena, body, "grant_types_supported", GRANTS);
    set_words(arena, body, "code_challenge_methods_supported", METHODS);
    set_words(arena, body, "token_endpoint_auth_methods_supported", CLIENTS);
    set_words(arena, body, "subject_types_supported", SUBJECTS);
    set_words(arena, body, "id_token_signing_alg_values_supported", ALGORITHMS);
    set_words(arena, body, "scopes_supported", SCOPES);
    assert(json_count(body) > 0);
    http_reply(call->ex, 200, "application/json", json_write(arena, body));
}

/* Verifiers fetch this before any token of theirs was checked, so it is public and holds public
 * halves only. */
void oauth_keys(struct call *call)
{
    const struct oauth *oauth = call->face;
    struct str tenant;
    struct error err = {0};

    assert(oauth);
    if (!oauth_tenant(call, &tenant))
        return;
    if (!identity_ready(oauth->engines->identity)) {
        error_set(&err, ERROR_UNAVAILABLE, "", "The signing keys are being made; try again.");
        oauth_refuse(call, &err);
        return;
    }
    http_reply(call->ex, 200, "application/json",
               json_write(call->arena, identity_jwks(oauth->engines->identity, call->arena)));
}

/* The tenant of "https://us/{tenant}/…"; false when the address is not ours. */
static bool endpoint_tenant(const struct call *call, struct str endpoint, struct str *out)
{
    const struct oauth *oauth = call->face;
    struct str root = oauth_url(call, STR("x"), ""), rest, after;

    assert(out);
    root = str_slice(root, 0, root.len - 2); /* up to and with the slash before the tenant */
    if (!str_starts_fold(endpoint, root))
        return false;
    rest = str_slice(endpoint, root.len, endpoint.len);
    if (str_cut(rest, '/', &rest, &after) && after.len == 0)
        return false;
    *out = rest;
    return str_eq_fold(rest, STR("adfs")) ||
           str_eq_fold(rest, identity_tenant(oauth->engines->identity));
}

/* Whether an authority is one that a client may trust with secrets; other SDKs than Python's ask
 * here. The only one we speak for is ourselves. */
void oauth_instance(struct call *call)
{
    struct arena *arena = call->arena;
    struct json *body = json_object(arena), *list = json_array(arena), *entry = json_object(arena);
    struct str host = http_header(call->ex, "Host"), tenant;
    struct json *aliases = json_array(arena);
    struct error err = {0};

    if (!endpoint_tenant(call, call_query(call, "authorization_endpoint"), &tenant)) {
        error_set(&err, ERROR_INVALID, "invalid_instance",
                  "The authorization_endpoint is none of this server.");
        oauth_refuse(call, &err);
        return;
    }
    assert(tenant.len > 0);
    json_append(arena, aliases, json_text(arena, host));
    json_set_str(arena, entry, "preferred_network", host);
    json_set_str(arena, entry, "preferred_cache", host);
    json_set(arena, entry, STR("aliases"), aliases);
    json_append(arena, list, entry);
    json_set_str(arena, body, "tenant_discovery_endpoint",
                 oauth_url(call, tenant, "v2.0/.well-known/openid-configuration"));
    json_set_str(arena, body, "api-version", STR("1.1"));
    json_set(arena, body, STR("metadata"), list);
    http_reply(call->ex, 200, "application/json", json_write(arena, body));
}
