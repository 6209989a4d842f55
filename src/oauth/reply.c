/* What all rows say alike: errors, addresses, who is asking. */
#include "oauth/oauth_private.h"

#include "http/text.h"
#include "identity/identity.h"
#include "os/clock.h"
#include "os/random.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define UUID_LEN 36

struct wire_row {
    enum error_code code;
    int status;
    const char *name; /* RFC 6749, 5.2 and 4.1.2.1 */
};

static const struct wire_row WIRE[] = {
    {ERROR_INVALID, 400, "invalid_request"},
    {ERROR_UNAUTHENTICATED, 401, "invalid_client"},
    {ERROR_FORBIDDEN, 403, "access_denied"},
    {ERROR_NOT_FOUND, 404, "invalid_request"},
    {ERROR_METHOD, 405, "invalid_request"},
    {ERROR_TOO_LARGE, 413, "invalid_request"},
    {ERROR_MISDIRECTED, 421, "invalid_request"},
    {ERROR_TOO_MANY, 429, "temporarily_unavailable"},
    {ERROR_NOT_IMPLEMENTED, 501, "unsupported_grant_type"},
    {ERROR_UNAVAILABLE, 503, "temporarily_unavailable"},
};

/* Numbers by which Azure's libraries print and group errors, as its token service gives them. */
static const struct {
    const char *name;
    int number;
} NUMBERS[] = {
    {"invalid_client", 7000215},
    {"invalid_grant", 70000},
    {"unauthorized_client", 700016},
    {"unsupported_grant_type", 70003},
    {"unsupported_response_type", 70005},
    {"invalid_scope", 70011},
    {"authorization_pending", 70016},
    {"expired_token", 70020},
    {"access_denied", 65004},
    {"invalid_resource", 500011},
    {"invalid_instance", 50049},
    {"login_required", 50058},
    {"server_error", 50000},
    {"temporarily_unavailable", 90033},
    {"invalid_request", 900144},
};

/* Names that an error's target may bring: RFC 6749, RFC 8628, OpenID, and `invalid_resource` of
 * version 1. Any other target is about something else. */
static const char *const NAMES[] = {
    "invalid_request",        "invalid_client", "invalid_grant",  "unauthorized_client",
    "unsupported_grant_type", "invalid_scope",  "access_denied",  "unsupported_response_type",
    "authorization_pending",  "slow_down",      "expired_token",  "invalid_resource",
    "invalid_instance",       "server_error",   "login_required",
};

/* Whether a target is one of the words that OAuth knows. */
static bool is_name(struct str target)
{
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (str_eq(target, str_from(NAMES[i])))
            return true;
    return false;
}

/* What Azure's libraries print beside the sentence: without it they write "Not Available". */
static void set_names(struct call *call, struct json *body, const char *name)
{
    struct str related = http_header(call->ex, "client-request-id");
    struct json *numbers = json_array(call->arena);
    char now[CLOCK_ISO_BYTES];

    assert(name[0]);
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        if (strcmp(NUMBERS[i].name, name) == 0)
            json_append(call->arena, numbers, json_int(call->arena, NUMBERS[i].number));
    json_set(call->arena, body, STR("error_codes"), numbers);
    struct str time = arena_str(call->arena, clock_iso(clock_now_us(), now));
    json_set_str(call->arena, body, "timestamp",
                 arena_printf(call->arena, "%.*s %.*sZ", 10, time.ptr, 8, time.ptr + 11));
    json_set_str(call->arena, body, "trace_id", random_uuid(call->arena));
    json_set_str(call->arena, body, "correlation_id",
                 related.len == UUID_LEN ? related : random_uuid(call->arena));
}

/* Clients decide by the word, people read the sentence. */
void oauth_refuse(struct call *call, const struct error *err)
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
    if (is_name(str_from(err->target)))
        name = err->target;
    json_set_str(call->arena, body, "error", str_from(name));
    /* What broke inside is nobody's business outside. */
    json_set_str(call->arena, body, "error_description",
                 status == 500 ? STR("The server failed to answer; its log says why.")
                               : str_from(err->message));
    set_names(call, body, name);
    if (err->code == ERROR_TOO_MANY)
        http_add_header(call->ex, "Retry-After", STR("60"));
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    http_reply(call->ex, status, "application/json", json_write(call->arena, body));
}

/* Tokens are kept by no cache on the way. */
void oauth_reply(struct call *call, const struct json *body)
{
    assert(json_kind(body) == JSON_OBJECT);
    http_add_header(call->ex, "Cache-Control", STR("no-store"));
    http_add_header(call->ex, "Pragma", STR("no-cache"));
    http_reply(call->ex, 200, "application/json", json_write(call->arena, body));
}

/* Whether a name is our one tenant's. "organizations" and "common" are whatever tenant a caller is
 * of: the command line of Azure asks so when it signs out, and libraries that were told no tenant
 * take it for granted. */
static bool our_tenant(const struct oauth *oauth, struct str tenant)
{
    return str_eq_fold(tenant, STR("adfs")) || str_eq_fold(tenant, STR("organizations")) ||
           str_eq_fold(tenant, STR("common")) ||
           str_eq_fold(tenant, identity_tenant(oauth->engines->identity));
}

/* Another tenant's name and one that never was look alike. */
bool oauth_tenant(struct call *call, struct str *out)
{
    const struct oauth *oauth = call->face;
    struct str tenant = call_param(call, "tenant");
    struct error err = {0};

    assert(out);
    if (tenant.len == 0)
        tenant = STR("adfs");
    if (our_tenant(oauth, tenant)) {
        *out = tenant;
        return true;
    }
    error_set(&err, ERROR_NOT_FOUND, "", "There is no tenant of this name.");
    oauth_refuse(call, &err);
    return false;
}

/* The guard has compared the Host with our own names; on the other listeners it is none by which
 * the token service could be reached over TLS. */
struct str oauth_url(const struct call *call, struct str tenant, const char *rest)
{
    const struct oauth *oauth = call->face;
    struct str host = http_header(call->ex, "Host");
    struct str base = oauth->engines->arm_endpoint;

    assert(base.len > 0 && tenant.len > 0);
    if (http_peer(call->ex)->tls && host.len > 0)
        base = arena_printf(call->arena, "https://%.*s", STR_ARG(host));
    return arena_printf(call->arena, "%.*s/%.*s/%s", STR_ARG(base), STR_ARG(tenant), rest);
}

/* For counting failures: whoever has no address is counted by user. */
struct str oauth_address(const struct call *call)
{
    const struct http_peer *peer = http_peer(call->ex);
    char text[INET6_ADDRSTRLEN] = "";

    if (peer->unix_socket)
        return arena_printf(call->arena, "user %lld", (long long)peer->uid);
    if (peer->remote.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&peer->remote)->sin_addr, text,
                  sizeof(text));
    else if (peer->remote.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&peer->remote)->sin6_addr, text,
                  sizeof(text));
    assert(text[sizeof(text) - 1] == '\0');
    return arena_str(call->arena, str_from(text));
}

/* Clients without a secret, by which people may sign in; all others prove themselves. */
struct str oauth_public_client(struct str client)
{
    if (str_eq_fold(client, STR(OAUTH_CLIENT_SDK)))
        return STR("the Azure SDK or command line");
    if (str_eq_fold(client, STR(OAUTH_CLIENT_OWN)))
        return STR("the lazurite command line");
    return STR("");
}

/* What stands in an address ends up in logs and histories. */
static int refuse_secrets(const struct call *call, struct error *err)
{
    static const char *const SECRETS[] = {
        "client_secret", "client_assertion", "password",    "refresh_token",
        "code",          "code_verifier",    "device_code", "assertion"};
    struct str value;

    for (size_t i = 0; i < COUNT(SECRETS); i++)
        if (http_query_get(call->arena, http_query(call->ex), SECRETS[i], 0, &value))
            return error_set(err, ERROR_INVALID, "invalid_request",
                             "'%s' belongs in the form, not in the address; change it, since it "
                             "may have been logged.",
                             SECRETS[i]);
    return 0;
}

/* Secrets count only in the body. */
int oauth_form(struct call *call, struct form *out, struct error *err)
{
    assert(out);
    if (refuse_secrets(call, err) < 0)
        return -1;
    if (!form_is_type(http_header(call->ex, "Content-Type")))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The body must be a form: application/x-www-form-urlencoded.");
    return form_read(call->arena, http_body(call->ex), out, err);
}

/* What is asked for must be something that tokens are given for, told before anybody types a
 * password. */
int oauth_wish(struct oauth *oauth, struct str scope, struct wish *out, struct error *err)
{
    struct wish wish;

    assert(out);
    if (wish_read(scope, &wish, err) < 0)
        return -1;
    if (wish.audience.len == 0)
        return error_set(err, ERROR_INVALID, "invalid_scope",
                         "The scope names no audience; ask for '%.*s/.default'.",
                         STR_ARG(oauth->engines->arm_endpoint));
    if (!identity_audience_accepted(oauth->engines->identity, wish.audience))
        return error_set(err, ERROR_INVALID, "invalid_scope",
                         "No tokens are given for '%.*s'; ask for '%.*s/.default'.",
                         STR_ARG(str_slice(wish.audience, 0, 128)),
                         STR_ARG(oauth->engines->arm_endpoint));
    *out = wish;
    return 0;
}
