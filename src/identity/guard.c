/* Order of the questions: is the Host ours (421) · is the row public · which credential is there:
 * one in the request always counts, the socket's owner and the local user only without one · may
 * that caller do this here. decisions 22-27, 46, 48, 50. */
#include "identity/guard.h"

#include "http/text.h"
#include "identity/base64url.h"
#include "identity/identity.h"
#include "identity/identity_private.h"
#include "identity/role.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define EXPORT_LINE "export MLFLOW_TRACKING_TOKEN=$(lazurite connect --token)"

/* Every 401 says how to get a token, in a line that can be pasted. */
static int unauthenticated(struct error *err, const char *why)
{
    assert(why);
    error_set(err, ERROR_UNAUTHENTICATED, "", "%s", why);
    return error_hint(err, "%s", EXPORT_LINE);
}

/* --- Host ----------------------------------------------------------------------------------------
 */

/* 0 for what is no internet address. */
static uint16_t port_of(const struct sockaddr_storage *address)
{
    assert(address);
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    return 0;
}

/* The plain listener takes loopback names with its own port and nothing else (rule 23): a page of
 * another site that resolves to us then has a Host that is not ours. */
static bool host_is_loopback(const struct guard_ask *ask)
{
    static const char *const NAMES[] = {"localhost:", "127.0.0.1:", "[::1]:"};
    int64_t port;

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        struct str name = str_from(NAMES[i]);
        if (str_starts_fold(ask->host, name))
            return str_to_int64(str_slice(ask->host, name.len, ask->host.len), &port) &&
                   port == port_of(&ask->peer.local);
    }
    return false;
}

/* Names are compared whole, with the port as the client sent it: a Host that only begins like
 * ours is foreign. */
static bool host_is_ours(struct identity *identity, const struct guard_ask *ask)
{
    const struct host_list *list = atomic_load(&identity->hosts);

    assert(ask->listener);
    if (ask->listener == LISTEN_PLAIN)
        return host_is_loopback(ask);
    for (size_t i = 0; list && i < list->count; i++)
        if (str_eq_fold(list->hosts[i], ask->host))
            return true;
    return ask->listener == LISTEN_SOCKET && str_eq_fold(ask->host, STR("localhost"));
}

/* --- Who asks ------------------------------------------------------------------------------------
 */

/* One final slash more or less does not matter. */
static struct str without_slash(struct str text)
{
    return str_ends(text, STR("/")) ? str_slice(text, 0, text.len - 1) : text;
}

/* The list of security.md 4.1: well-known audiences, the one our metadata leads to, and our own
 * addresses. */
bool identity_audience_accepted(struct identity *identity, struct str audience)
{
    static const char *const KNOWN[] = {"https://management.azure.com", "https://ml.azure.com",
                                        "https://storage.azure.com", "https://vault.azure.net"};
    const struct host_list *list = atomic_load(&identity->hosts);
    struct str bare = without_slash(audience);

    assert(identity->audience.len > 0);
    if (str_eq(bare, identity->audience))
        return true;
    for (size_t i = 0; i < COUNT(KNOWN); i++)
        if (str_eq(bare, str_from(KNOWN[i])))
            return true;
    for (size_t i = 0; list && i < list->count; i++)
        if (str_starts(bare, STR("https://")) &&
            str_eq_fold(str_slice(bare, 8, bare.len), list->hosts[i]))
            return true;
    return false;
}

/* A token older than its owner's epoch was revoked: the challenge makes azure-core fetch a new one.
 */
static int refuse_revoked(struct identity *identity, struct arena *arena, struct str *out_challenge,
                          struct error *err)
{
    struct str claims =
        arena_printf(arena, "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"%lld\"}}}",
                     (long long)(atomic_load(&identity->admin_epoch_us) / US_PER_S));

    assert(out_challenge);
    *out_challenge = arena_printf(arena, "Bearer error=\"insufficient_claims\", claims=\"%.*s\"",
                                  STR_ARG(base64url_encode(arena, claims)));
    return unauthenticated(err, "The token was revoked.");
}

/* A token of ours is the admin's or an attempt's. Whose it is comes from the token; whether it
 * still counts does not: the epoch and the attempt are asked. */
static int read_bearer(struct identity *identity, struct str text, struct call *call,
                       struct str *out_challenge, struct error *err)
{
    struct token token;
    struct token_check check = {
        .keys = identity->keys, .tenant = identity->tenant, .now_us = clock_now_us()};

    assert(call->arena);
    if (!keys_ready(identity->keys))
        return error_set(err, ERROR_UNAVAILABLE, "", "The signing keys are being made; try again.");
    if (token_read(&check, call->arena, text, &token, err) < 0)
        return error_hint(err, "%s", EXPORT_LINE);
    if (!identity_audience_accepted(identity, token.audience))
        return unauthenticated(err, "The token is for another audience.");
    if (token.kind == TOKEN_ADMIN) {
        if (!str_eq(token.object_id, identity->admin_id))
            return unauthenticated(err, "The token is of somebody we do not know.");
        if (token.issued_us < atomic_load(&identity->admin_epoch_us))
            return refuse_revoked(identity, call->arena, out_challenge, err);
        call->caller =
            (struct caller){.kind = CALLER_ADMIN, .name = token.name, .object_id = token.object_id};
        return 0;
    }
    if (guard_attempt_alive(identity, &token, false) != 1)
        return unauthenticated(err, "The attempt this token was made for has ended.");
    call->caller = (struct caller){.kind = CALLER_ATTEMPT,
                                   .name = token.name,
                                   .object_id = token.object_id,
                                   .scope = token.scope,
                                   .run = token.run,
                                   .attempt = token.attempt};
    return 0;
}

/* A signature, in the query or by shared key, is checked by the surface that it opens. */
static int read_signature(struct identity *identity, struct call *call, struct error *err)
{
    assert(call->route->flags & ROUTE_SAS);
    if (!identity->check_sas)
        return unauthenticated(err, "Signatures are not accepted here.");
    if (identity->check_sas(call, &call->caller, identity->check_sas_context, err) < 0)
        return -1;
    assert(call->caller.kind == CALLER_SAS);
    return 0;
}

static bool is_shared_key(const struct call *call, struct str authorization)
{
    return (call->route->flags & ROUTE_SAS) && str_starts_fold(authorization, STR("SharedKey "));
}

/* What stands in the header decides, also when it is wrong: nothing falls back to the socket's
 * owner or the local user. */
static int read_authorization(struct identity *identity, const struct guard_ask *ask,
                              struct call *call, struct str *out_challenge, struct error *err)
{
    assert(ask->authorization_count > 0);
    if (ask->authorization_count > 1)
        return unauthenticated(err, "There is more than one Authorization header.");
    if (str_starts_fold(ask->authorization, STR("Bearer ")))
        return read_bearer(identity,
                           str_trim(str_slice(ask->authorization, 7, ask->authorization.len)), call,
                           out_challenge, err);
    if (is_shared_key(call, ask->authorization))
        return read_signature(identity, call, err);
    if (str_starts_fold(ask->authorization, STR("Basic ")))
        return unauthenticated(err, "Passwords are not accepted yet; use a token.");
    return unauthenticated(err, "The Authorization header is of a kind that is not accepted here.");
}

/* Rule 23, all of it but the Host, which was asked before. */
static bool is_local_user(struct identity *identity, const struct guard_ask *ask,
                          const struct route *route, struct error *err)
{
    uid_t user;

    if (!identity->anonymous || !(route->flags & ROUTE_LOCAL_USER) ||
        ask->listener != LISTEN_PLAIN || ask->peer.tls)
        return false;
    if (ask->origin.len > 0 &&
        !(str_starts_fold(ask->origin, STR("http://")) &&
          str_eq_fold(str_slice(ask->origin, 7, ask->origin.len), ask->host)))
        return false;
    if (ask->fetch_site.len > 0 && !str_eq(ask->fetch_site, STR("same-origin")) &&
        !str_eq(ask->fetch_site, STR("none")))
        return false;
    if (guard_peer_user(identity, &ask->peer, &user, err) < 0)
        return false;
    return user == identity->owner;
}

/* Fills call->caller or says why nobody is there. */
static int find_caller(struct identity *identity, const struct guard_ask *ask, struct call *call,
                       struct str *out_challenge, struct error *err)
{
    assert(ask && call->route);
    if (ask->authorization_count > 0)
        return read_authorization(identity, ask, call, out_challenge, err);
    if (ask->signed_query && (call->route->flags & ROUTE_SAS))
        return read_signature(identity, call, err);
    if (ask->peer.unix_socket) {
        if (ask->peer.uid != identity->owner)
            return unauthenticated(err,
                                   "Only the owner of the data folder may ask without a token.");
        call->caller = (struct caller){
            .kind = CALLER_ADMIN, .name = STR("admin"), .object_id = identity->admin_id};
        return 0;
    }
    if (is_local_user(identity, ask, call->route, NULL)) {
        call->caller = (struct caller){.kind = CALLER_LOCAL,
                                       .name = STR("local"),
                                       .object_id = STR("00000000-0000-0000-0000-00000000000c"),
                                       .scope = identity->default_scope};
        return 0;
    }
    return unauthenticated(err, "This address asks for a token.");
}

/* --- May they ------------------------------------------------------------------------------------
 */

/* The workspace a path names: {subscriptions, resourceGroups, workspaces} and what follows each.
 * False when it names none; such a path belongs to the default workspace (decisions 5). */
static bool path_scope(struct arena *arena, struct str path, struct scope_words *out)
{
    struct str rest = path, piece, before = STR("");

    assert(out);
    *out = (struct scope_words){0};
    while (str_split(&rest, '/', &piece)) {
        if (http_decode(arena, piece, &piece, NULL) < 0)
            return false;
        if (str_eq_fold(before, STR("subscriptions")))
            out->subscription = piece;
        else if (str_eq_fold(before, STR("resourceGroups")))
            out->group = piece;
        else if (str_eq_fold(before, STR("workspaces")) && out->group.len > 0) {
            out->name = piece;
            return true;
        } else {
            before = piece;
            continue;
        }
        before = STR(""); /* a name is never taken for a word */
    }
    return false;
}

/* A caller of one workspace sees no other: that one looks as if it were not there. */
static int check_scope(struct identity *identity, const struct guard_ask *ask, struct call *call,
                       struct error *err)
{
    struct scope_words asked, own;

    assert(call->route);
    if (call->caller.scope == 0)
        return 0;
    if (!path_scope(call->arena, ask->path, &asked)) {
        bool bare_mlflow = call->route->flags & ROUTE_LOCAL_USER;
        bool above_workspaces = call->route->flags & ROUTE_FOLD;
        if (!above_workspaces && (!bare_mlflow || call->caller.scope == identity->default_scope))
            return 0;
        return error_set(err, ERROR_NOT_FOUND, "", "There is nothing at this address.");
    }
    if (guard_scope_words(identity, call->arena, call->caller.scope, false, &own) &&
        str_eq_fold(own.subscription, asked.subscription) && str_eq_fold(own.group, asked.group) &&
        str_eq_fold(own.name, asked.name))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "", "There is nothing at this address.");
}

/* What the caller's role covers. ARM rows are read-only for attempts, and show them no secret. */
static int check_action(const struct call *call, struct error *err)
{
    bool allowed = false;

    assert(call->route);
    switch (call->caller.kind) {
    case CALLER_ADMIN:
    case CALLER_SAS: /* what it opens was checked by its signature; blob/ compares sp */
        allowed = true;
        break;
    case CALLER_LOCAL:
        allowed = role_data_scientist_may(call->action);
        break;
    case CALLER_ATTEMPT:
        allowed = role_data_scientist_may(call->action) &&
                  (!(call->route->flags & ROUTE_FOLD) || role_matches(STR("*/read"), call->action));
        break;
    case CALLER_NOBODY:
    case CALLER_USER: /* roles are not built yet, so they are closed */
        break;
    }
    if (allowed)
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "", "'%.*s' may not do '%.*s' here.",
                     STR_ARG(call->caller.name), STR_ARG(call->action));
}

/* The row's own words, decisions 46: public, the admin alone, the runner of an attempt, or an
 * action. */
static int check_permit(struct identity *identity, const struct guard_ask *ask, struct call *call,
                        struct error *err)
{
    const struct route *route = call->route;

    assert(route);
    switch (route->permit) {
    case PERMIT_PUBLIC:
        return 0;
    case PERMIT_LOCAL:
        if (call->caller.kind == CALLER_ADMIN)
            return 0;
        return error_set(err, ERROR_FORBIDDEN, "", "Only the admin may do this.");
    case PERMIT_ATTEMPT:
        if (call->caller.kind == CALLER_ADMIN || call->caller.kind == CALLER_ATTEMPT)
            return 0;
        return error_set(err, ERROR_FORBIDDEN, "", "Only the runner of an attempt may do this.");
    case PERMIT_ACTION:
        call->action = route->action ? str_from(route->action)
                                     : role_action_of(call->arena, ask->method, ask->path);
        if (check_scope(identity, ask, call, err) < 0)
            return -1;
        return check_action(call, err);
    }
    return error_set(err, ERROR_FORBIDDEN, "", "The row has no permission.");
}

/* The guard. Until its last line the caller is nobody, so a refusal leaves nothing behind that a
 * handler could mistake for a caller. */
int guard_decide(struct identity *identity, const struct guard_ask *ask, struct call *call,
                 struct str *out_challenge, struct error *err)
{
    assert(identity && call->route && out_challenge);
    *out_challenge = STR("");
    call->caller = (struct caller){0};
    call->action = STR("");
    if (!host_is_ours(identity, ask))
        return error_set(err, ERROR_MISDIRECTED, "",
                         "This server does not answer for the host '%.*s'.",
                         STR_ARG(str_slice(ask->host, 0, 128)));
    if (call->route->permit == PERMIT_PUBLIC)
        return 0;
    struct error why = {0};
    if (find_caller(identity, ask, call, out_challenge, &why) < 0) {
        call->caller = (struct caller){0};
        const struct host_list *hosts = atomic_load(&identity->hosts);
        if (why.code == ERROR_UNAUTHENTICATED && out_challenge->len == 0)
            *out_challenge = arena_printf(
                call->arena, "Bearer authorization_uri=\"https://%.*s/adfs\"",
                STR_ARG(hosts && hosts->count > 0 ? hosts->hosts[0] : STR("localhost")));
        if (err)
            *err = why;
        return -1;
    }
    return check_permit(identity, ask, call, err);
}

/* --- The exchange --------------------------------------------------------------------------------
 */

/* All that deciding needs of a request, so that tests can ask without one. */
static void ask_exchange(const struct call *call, struct guard_ask *out)
{
    struct http_exchange *ex = call->ex;
    size_t count;
    const struct http_header *headers = http_headers(ex, &count);
    struct str signature;

    assert(out);
    *out = (struct guard_ask){.peer = *http_peer(ex),
                              .method = http_method(ex),
                              .path = http_path(ex),
                              .host = http_header(ex, "host"),
                              .origin = http_header(ex, "origin"),
                              .fetch_site = http_header(ex, "sec-fetch-site"),
                              .authorization = http_header(ex, "authorization")};
    out->listener = (unsigned)out->peer.tag;
    for (size_t i = 0; i < count; i++)
        out->authorization_count += str_eq_fold(headers[i].name, STR("authorization"));
    if (call->route && (call->route->flags & ROUTE_SAS))
        out->signed_query = http_query_get(call->arena, http_query(ex), "sig", 0, &signature);
}

/* Host, then who, then where, then what: a stranger learns nothing of the later ones. */
int identity_guard(struct identity *identity, struct call *call, struct error *err)
{
    struct guard_ask ask;
    struct str challenge;

    assert(call->ex);
    ask_exchange(call, &ask);
    int result = guard_decide(identity, &ask, call, &challenge, err);
    if (result < 0 && challenge.len > 0)
        http_add_header(call->ex, "WWW-Authenticate", challenge);
    return result;
}

/* Only an attempt's token can need more than memory: whether the attempt lives, and the words of
 * its workspace. A token whose signature is bad is refused on the spot. */
bool identity_needs_worker(struct identity *identity, const struct call *call)
{
    struct guard_ask ask;
    struct scope_words words;
    struct token token;
    struct token_check check = {
        .keys = identity->keys, .tenant = identity->tenant, .now_us = clock_now_us()};

    assert(call->route);
    if (call->route->permit == PERMIT_PUBLIC)
        return false;
    ask_exchange(call, &ask);
    if ((ask.signed_query && ask.authorization_count == 0) ||
        is_shared_key(call, ask.authorization))
        return true;
    if (ask.authorization_count == 0)
        return !guard_scope_words(identity, call->arena, identity->default_scope, true, &words);
    if (!str_starts_fold(ask.authorization, STR("Bearer ")) || !keys_ready(identity->keys))
        return false;
    struct str text = str_trim(str_slice(ask.authorization, 7, ask.authorization.len));
    if (token_read(&check, call->arena, text, &token, NULL) < 0 || token.kind != TOKEN_ATTEMPT)
        return false;
    return guard_attempt_alive(identity, &token, true) < 0 ||
           !guard_scope_words(identity, call->arena, token.scope, true, &words);
}
