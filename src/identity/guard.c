/* Order of the questions: is the Host ours (421) · is the row public · which credential is there
 * (guard_caller.c) · where does the request belong (guard_place.c) · may that caller do this there.
 * decisions 22-27, 46, 48, 50; security.md 5. */
#include "identity/guard.h"

#include "http/text.h"
#include "identity/access.h"
#include "identity/grant.h"
#include "identity/guard_private.h"
#include "identity/identity.h"
#include "identity/role.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

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

/* "*.blob.core.lazurite.test:10443" stands for any one label in place of the star: an account. */
static bool host_matches(struct str ours, struct str host)
{
    ssize_t dot = str_find_char(host, '.');

    if (!str_starts(ours, STR("*.")))
        return str_eq_fold(ours, host);
    return dot > 0 &&
           str_eq_fold(str_slice(ours, 1, ours.len), str_slice(host, (size_t)dot, host.len));
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
        if (host_matches(list->hosts[i], ask->host))
            return true;
    return ask->listener == LISTEN_SOCKET && str_eq_fold(ask->host, STR("localhost"));
}

/* --- May they ------------------------------------------------------------------------------------
 */

/* Across workspaces, what is not allowed looks like what is not there. */
int guard_nothing_here(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "", "There is nothing at this address.");
}

/* A caller of one workspace sees no other: that one looks as if it were not there. */
static int check_scope(struct identity *identity, const struct guard_place *place,
                       const struct call *call, struct error *err)
{
    struct scope_words own;

    assert(call->caller.scope > 0);
    if (place->bare_mlflow)
        return call->caller.scope == identity->default_scope ? 0 : guard_nothing_here(err);
    if (place->kind != PLACE_SCOPE)
        return call->route->flags & ROUTE_FOLD ? guard_nothing_here(err) : 0;
    if (guard_scope_words(identity, call->arena, call->caller.scope, &own, err) < 0)
        return -1;
    struct scope scope = {.number = own.scope,
                          .kind = SCOPE_WORKSPACE,
                          .subscription = own.subscription,
                          .group = own.group,
                          .name = own.name};
    if (str_eq(grant_path(call->arena, scope_arm_id(call->arena, &scope)), place->base))
        return 0;
    return guard_nothing_here(err);
}

/* What everybody may who has proven who he is: to ask about himself. */
static bool is_own_affair(const struct call *call)
{
    return call->route->action &&
           str_starts(str_from(call->route->action), STR("Microsoft.Authorization/me/"));
}

/* By role assignments. Where the caller has nothing at all, nothing is there; making a workspace is
 * refused by its group, whether one of the name exists or not. Blobs are asked about again by
 * whoever finds out whose they are (identity_may). */
static int check_user(struct identity *identity, const struct guard_ask *ask,
                      const struct guard_place *place, const struct call *call, struct error *err)
{
    CLEANUP(access_release) struct access *access = NULL;
    struct access_who who = guard_who(&call->caller);

    if (access_get(identity, &who, false, &access, err) < 0)
        return -1;
    if (is_own_affair(call) || place->kind == PLACE_BLOB ||
        access_allows(access, call->action, place->path) ||
        ((call->route->flags & ROUTE_FILTERED) && access_touches(access, place->base)))
        return 0;
    bool making = str_eq(place->path, place->base) && str_eq(ask->method, STR("PUT"));
    if (place->kind == PLACE_SCOPE && !making && !access_touches(access, place->base))
        return guard_nothing_here(err);
    return error_set(err, ERROR_FORBIDDEN, "",
                     "'%.*s' with the object id %.*s may not do '%.*s' over the scope '%.*s'.",
                     STR_ARG(call->caller.name), STR_ARG(call->caller.object_id),
                     STR_ARG(str_slice(call->action, 0, 128)),
                     STR_ARG(str_slice(place->shown, 0, 200)));
}

/* What a caller's fixed rights cover. ARM rows are read-only for attempts, and show them no
 * secret; those about runs and their files ask themselves whose they are. */
static int check_fixed(const struct call *call, struct error *err)
{
    bool allowed = role_data_scientist_may(call->action);

    assert(call->caller.kind == CALLER_LOCAL || call->caller.kind == CALLER_ATTEMPT);
    if (call->caller.kind == CALLER_ATTEMPT && (call->route->flags & ROUTE_FOLD) &&
        !(call->route->flags & ROUTE_ATTEMPT))
        allowed = allowed && role_matches(STR("*/read"), call->action);
    if (allowed)
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "", "'%.*s' may not do '%.*s' here.",
                     STR_ARG(call->caller.name), STR_ARG(call->action));
}

/* The row says what is asked for; where is said by the path. */
static int check_action(struct identity *identity, const struct guard_ask *ask, struct call *call,
                        struct error *err)
{
    struct place_ask where = {.call = call, .path = ask->path};
    struct guard_place place;

    assert(call->route);
    call->action = call->route->action ? str_from(call->route->action)
                                       : role_action_of(call->arena, ask->method, ask->path);
    switch (call->caller.kind) {
    case CALLER_ADMIN:
    case CALLER_SAS: /* what it opens was checked by its signature; blob/ compares sp */
        return 0;
    case CALLER_LOCAL:
    case CALLER_ATTEMPT:
        if (guard_place(identity, &where, &place, err) < 0 ||
            check_scope(identity, &place, call, err) < 0)
            return -1;
        return check_fixed(call, err);
    case CALLER_USER:
        if (guard_place(identity, &where, &place, err) < 0)
            return -1;
        return check_user(identity, ask, &place, call, err);
    case CALLER_NOBODY:
        break;
    }
    return error_set(err, ERROR_FORBIDDEN, "", "Nobody may do this.");
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
        return check_action(identity, ask, call, err);
    }
    return error_set(err, ERROR_FORBIDDEN, "", "The row has no permission.");
}

/* Where a token is to be had. Storage's clients cut their challenge at blanks and take the address
 * as it stands, quotes included. */
static struct str make_challenge(const struct identity *identity, const struct call *call)
{
    const struct host_list *hosts = atomic_load(&identity->hosts);
    struct str host = hosts && hosts->count > 0 ? hosts->hosts[0] : STR("localhost");

    if (call->route->flags & ROUTE_SAS)
        return arena_printf(call->arena,
                            "Bearer authorization_uri=https://%.*s/adfs "
                            "resource_id=https://storage.azure.com",
                            STR_ARG(host));
    return arena_printf(call->arena, "Bearer authorization_uri=\"https://%.*s/adfs\"",
                        STR_ARG(host));
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
    if (guard_find_caller(identity, ask, call, out_challenge, &why) < 0) {
        call->caller = (struct caller){0};
        if (why.code == ERROR_UNAUTHENTICATED && out_challenge->len == 0)
            *out_challenge = make_challenge(identity, call);
        return error_pass(err, &why);
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

/* What is decided from memory stays on the IO thread; everything that asks the database, hashes a
 * password or checks a signature of blob/ leaves it. */
bool identity_needs_worker(struct identity *identity, const struct call *call)
{
    struct guard_ask ask;
    struct guard_place place;

    assert(call->route);
    if (call->route->permit == PERMIT_PUBLIC)
        return false;
    ask_exchange(call, &ask);
    struct place_ask where = {.call = call, .path = ask.path, .cached_only = true};
    return guard_caller_needs_worker(identity, &ask, call) ||
           (call->route->permit == PERMIT_ACTION &&
            guard_place(identity, &where, &place, NULL) == 0);
}

/* The folder's owner, also as the lender of a key whose signature somebody else shows. */
static bool is_admin(const struct identity *identity, const struct caller *caller)
{
    return caller->kind == CALLER_ADMIN ||
           (caller->kind == CALLER_USER && str_eq(caller->object_id, identity->admin_id));
}

/* What the caller's roles say: 1 with the rights of a principal that counts, 0 for all that have
 * none, -1 when they cannot be read, which is no answer about them. */
static int rights_of(struct identity *identity, const struct caller *caller, struct access **out,
                     struct error *err)
{
    struct error why = {0};

    assert(out);
    if (caller->kind != CALLER_USER)
        return 0;
    struct access_who who = guard_who(caller);
    if (access_get(identity, &who, false, out, &why) < 0)
        return why.code == ERROR_NOT_FOUND ? 0 : error_pass(err, &why);
    return !access_principal(*out)->disabled;
}

/* Any right at or beneath it: whoever may see a part knows that the whole is there. */
int identity_sees(struct identity *identity, const struct caller *caller, struct str scope,
                  struct error *err)
{
    CLEANUP(access_release) struct access *access = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);

    if (is_admin(identity, caller))
        return 1;
    int rights = rights_of(identity, caller, &access, err);
    return rights > 0 ? access_touches(access, grant_path(arena, scope)) : rights;
}

/* For faces that learn only while they answer where a request belongs. */
int identity_may(struct identity *identity, const struct caller *caller, struct str action,
                 struct str scope, struct error *err)
{
    CLEANUP(access_release) struct access *access = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);

    if (is_admin(identity, caller))
        return 1;
    int rights = rights_of(identity, caller, &access, err);
    return rights > 0 ? access_allows(access, action, grant_path(arena, scope)) : rights;
}
