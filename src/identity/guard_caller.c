/* Who asks: one credential in the request always counts, also when it is wrong; the socket's owner
 * and the local user are looked for only without one. */
#include "identity/guard_private.h"

#include "identity/access.h"
#include "identity/base64url.h"
#include "identity/identity.h"
#include "identity/password.h"
#include "identity/principal_private.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <sodium.h>
#include <string.h>

#define EXPORT_LINE "export MLFLOW_TRACKING_TOKEN=$(lazurite connect --token)"
#define BASIC_MAX_BYTES (4 * KIB)

/* The hint goes out with the error; the challenge is guard_decide's. */
int guard_unauthenticated(struct error *err, const char *why)
{
    assert(why);
    error_set(err, ERROR_UNAUTHENTICATED, "", "%s", why);
    return error_hint(err, "%s", EXPORT_LINE);
}

/* The object id is what a token and the caches have in common. */
struct access_who guard_who(const struct caller *caller)
{
    assert(caller->kind == CALLER_USER);
    return (struct access_who){.object_id = caller->object_id};
}

/* --- Tokens --------------------------------------------------------------------------------------
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
static int refuse_revoked(struct arena *arena, int64_t epoch_us, struct str *out_challenge,
                          struct error *err)
{
    struct str claims =
        arena_printf(arena, "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"%lld\"}}}",
                     (long long)(epoch_us / US_PER_S));

    assert(out_challenge);
    *out_challenge = arena_printf(arena, "Bearer error=\"insufficient_claims\", claims=\"%.*s\"",
                                  STR_ARG(base64url_encode(arena, claims)));
    return guard_unauthenticated(err, "The token was revoked.");
}

/* The folder's owner by the token of `connect`. */
static int admin_caller(struct identity *identity, const struct token *token, struct call *call,
                        struct str *out_challenge, struct error *err)
{
    int64_t epoch_us = atomic_load(&identity->admin_epoch_us);

    if (!str_eq(token->object_id, identity->admin_id))
        return guard_unauthenticated(err, "The token is of somebody we do not know.");
    if (token->issued_us < epoch_us)
        return refuse_revoked(call->arena, epoch_us, out_challenge, err);
    call->caller =
        (struct caller){.kind = CALLER_ADMIN, .name = token->name, .object_id = token->object_id};
    return 0;
}

/* A token whose attempt ended is worth nothing, whatever its date says. */
static int attempt_caller(struct identity *identity, const struct token *token, struct call *call,
                          struct error *err)
{
    int alive = guard_attempt_alive(identity, token, false);

    /* Clients try again after a 503, and give up a job after a 401. */
    if (alive < 0)
        return error_set(err, ERROR_UNAVAILABLE, "",
                         "The state of the job cannot be read; try again.");
    if (!alive)
        return guard_unauthenticated(err, "The attempt this token was made for has ended.");
    call->caller = (struct caller){.kind = CALLER_ATTEMPT,
                                   .name = token->name,
                                   .object_id = token->object_id,
                                   .scope = token->scope,
                                   .run = token->run,
                                   .attempt = token->attempt,
                                   .maker = token->maker};
    return 0;
}

/* Who somebody has proven to be; `issued_us` 0: by no token. */
struct user_claim {
    struct access_who who;
    int64_t issued_us;
};

/* A user or a service principal as it is now, not as its token says. */
static int user_caller(struct identity *identity, const struct user_claim *claim, struct call *call,
                       struct str *out_challenge, struct error *err)
{
    CLEANUP(access_release) struct access *access = NULL;
    struct error why = {0};

    if (access_get(identity, &claim->who, false, &access, &why) < 0) {
        if (why.code == ERROR_NOT_FOUND)
            return guard_unauthenticated(err, "The token is of somebody we do not know.");
        return error_pass(err, &why);
    }
    const struct principal *principal = access_principal(access);
    if (principal->disabled)
        return guard_unauthenticated(err, "The principal is disabled.");
    if (claim->issued_us > 0 && claim->issued_us < principal->epoch_us)
        return refuse_revoked(call->arena, principal->epoch_us, out_challenge, err);
    call->caller = (struct caller){.kind = CALLER_USER,
                                   .name = arena_str(call->arena, principal->name),
                                   .object_id = arena_str(call->arena, principal->object_id),
                                   .maker = principal_maker(call->arena, principal)};
    return 0;
}

/* A token of ours is the admin's, a principal's or an attempt's. Whose it is comes from the token;
 * whether it still counts does not: the epoch and the attempt are asked. */
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
        return guard_unauthenticated(err, "The token is for another audience.");
    struct user_claim claim = {.who.object_id = token.object_id, .issued_us = token.issued_us};
    switch (token.kind) {
    case TOKEN_ADMIN:
        return admin_caller(identity, &token, call, out_challenge, err);
    case TOKEN_ATTEMPT:
        return attempt_caller(identity, &token, call, err);
    case TOKEN_PRINCIPAL:
        return user_caller(identity, &claim, call, out_challenge, err);
    }
    return guard_unauthenticated(err, "The token is of a kind that is not accepted here.");
}

/* --- Basic credentials ---------------------------------------------------------------------------
 */

struct basic {
    struct str name, secret;
    int64_t number; /* of whoever it proves; prove_basic's */
};

/* "Basic " and base64 of name, colon, secret (RFC 7617). */
static bool read_basic(struct arena *arena, struct str header, struct basic *out)
{
    struct str text = str_trim(str_slice(header, 6, header.len));
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (text.len > BASIC_MAX_BYTES ||
        sodium_base642bin((unsigned char *)bytes, text.len, text.ptr, text.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    return str_cut((struct str){bytes, len}, ':', &out->name, &out->secret) && out->secret.len > 0;
}

/* Clients that know only passwords put a token in its place; the name then says nothing. */
static bool is_token(struct str secret)
{
    ssize_t dot = str_find_char(secret, '.');

    return str_starts(secret, STR("eyJ")) && dot > 0 &&
           str_find_char(str_slice(secret, (size_t)dot + 1, secret.len), '.') > 0;
}

/* As text; "" when it is none of an internet. */
static struct str address_of(struct arena *arena, const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof(text));
    if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof(text));
    return arena_str(arena, str_from(text));
}

/* The generation is read first: a credential that is changed meanwhile is not remembered. */
static int prove_basic(struct identity *identity, const struct guard_ask *ask, struct arena *arena,
                       struct basic *basic, struct error *err)
{
    uint64_t generation = atomic_load(&identity->generation);
    struct principal who;
    struct proof proof = {.kind = PROOF_BASIC,
                          .who = basic->name,
                          .text = basic->secret,
                          .address = address_of(arena, &ask->peer.remote)};

    basic->number =
        password_remembered(identity->passwords, basic->name, basic->secret, generation);
    if (basic->number > 0)
        return 0;
    if (principal_prove(identity, arena, &proof, &who, err) < 0)
        return -1;
    password_remember(identity->passwords, basic->name, basic->secret, who.number, generation);
    basic->number = who.number;
    return 0;
}

/* Only MLflow's clients have nothing better. */
static int read_password(struct identity *identity, const struct guard_ask *ask, struct call *call,
                         struct str *out_challenge, struct error *err)
{
    struct basic basic;

    if (!(call->route->flags & ROUTE_LOCAL_USER))
        return guard_unauthenticated(err, "Passwords are accepted for MLflow only; use a token.");
    if (!read_basic(call->arena, ask->authorization, &basic))
        return guard_unauthenticated(err, "The basic credentials cannot be read.");
    if (is_token(basic.secret))
        return read_bearer(identity, basic.secret, call, out_challenge, err);
    if (prove_basic(identity, ask, call->arena, &basic, err) < 0)
        return -1;
    struct user_claim claim = {.who.number = basic.number};
    return user_caller(identity, &claim, call, out_challenge, err);
}

/* --- All of it -----------------------------------------------------------------------------------
 */

/* A signature, in the query or by shared key, is checked by the surface that it opens. */
static int read_signature(struct identity *identity, struct call *call, struct error *err)
{
    assert(call->route->flags & ROUTE_SAS);
    if (!identity->check_sas)
        return guard_unauthenticated(err, "Signatures are not accepted here.");
    if (identity->check_sas(call, &call->caller, identity->check_sas_context, err) < 0)
        return -1;
    assert(call->caller.kind == CALLER_SAS);
    return 0;
}

/* Storage clients sign their requests with the account's key of the day. */
static bool is_shared_key(const struct call *call, struct str authorization)
{
    return (call->route->flags & ROUTE_SAS) && str_starts_fold(authorization, STR("SharedKey"));
}

/* Behind the scheme. */
static struct str bearer_of(struct str authorization)
{
    return str_trim(str_slice(authorization, 7, authorization.len));
}

/* What stands in the header decides, also when it is wrong: nothing falls back to the socket's
 * owner or the local user. */
static int read_authorization(struct identity *identity, const struct guard_ask *ask,
                              struct call *call, struct str *out_challenge, struct error *err)
{
    assert(ask->authorization_count > 0);
    if (ask->authorization_count > 1)
        return guard_unauthenticated(err, "There is more than one Authorization header.");
    if (str_starts_fold(ask->authorization, STR("Bearer ")))
        return read_bearer(identity, bearer_of(ask->authorization), call, out_challenge, err);
    if (is_shared_key(call, ask->authorization))
        return read_signature(identity, call, err);
    if (str_starts_fold(ask->authorization, STR("Basic ")))
        return read_password(identity, ask, call, out_challenge, err);
    return guard_unauthenticated(
        err, "The Authorization header is of a kind that is not accepted here.");
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

/* In the order of rule 22: header, signature, socket, local user. */
int guard_find_caller(struct identity *identity, const struct guard_ask *ask, struct call *call,
                      struct str *out_challenge, struct error *err)
{
    assert(ask && call->route);
    if (ask->authorization_count > 0)
        return read_authorization(identity, ask, call, out_challenge, err);
    if (ask->signed_query && (call->route->flags & ROUTE_SAS))
        return read_signature(identity, call, err);
    if (ask->peer.unix_socket) {
        if (ask->peer.uid != identity->owner)
            return guard_unauthenticated(
                err, "Only the owner of the data folder may ask without a token.");
        call->caller = (struct caller){
            .kind = CALLER_ADMIN, .name = STR("admin"), .object_id = identity->admin_id};
        return 0;
    }
    struct error unknown = {0};
    if (is_local_user(identity, ask, call->route, &unknown)) {
        call->caller = (struct caller){.kind = CALLER_LOCAL,
                                       .name = STR("local"),
                                       .object_id = STR("00000000-0000-0000-0000-00000000000c"),
                                       .scope = identity->default_scope};
        return 0;
    }
    /* A host that is short of descriptors is no reason to send somebody to sign in. */
    if (unknown.code == ERROR_UNAVAILABLE)
        return error_set(err, ERROR_UNAVAILABLE, "", "%s", unknown.message);
    return guard_unauthenticated(err, "This address asks for a token.");
}

/* --- Whether memory is enough --------------------------------------------------------------------
 */

/* Whether the rights of this principal would have to be read. */
static bool access_needs_worker(struct identity *identity, const struct access_who *who)
{
    CLEANUP(access_release) struct access *access = NULL;

    return access_get(identity, who, true, &access, NULL) < 1;
}

/* A token whose signature is bad is refused on the spot. */
static bool bearer_needs_worker(struct identity *identity, const struct call *call, struct str text)
{
    struct scope_words words;
    struct token token;
    struct token_check check = {
        .keys = identity->keys, .tenant = identity->tenant, .now_us = clock_now_us()};

    if (!keys_ready(identity->keys) || token_read(&check, call->arena, text, &token, NULL) < 0)
        return false;
    struct access_who who = {.object_id = token.object_id};
    if (token.kind == TOKEN_PRINCIPAL)
        return access_needs_worker(identity, &who);
    return token.kind == TOKEN_ATTEMPT &&
           (guard_attempt_alive(identity, &token, true) < 0 ||
            !guard_scope_cached(identity, call->arena, token.scope, &words));
}

/* A password that is not remembered is hashed for a tenth of a second. */
static bool password_needs_worker(struct identity *identity, const struct guard_ask *ask,
                                  const struct call *call)
{
    struct basic basic;
    struct access_who who = {0};

    if (!(call->route->flags & ROUTE_LOCAL_USER) ||
        !read_basic(call->arena, ask->authorization, &basic))
        return false;
    if (is_token(basic.secret))
        return bearer_needs_worker(identity, call, basic.secret);
    who.number = password_remembered(identity->passwords, basic.name, basic.secret,
                                     atomic_load(&identity->generation));
    return who.number == 0 || access_needs_worker(identity, &who);
}

/* Must not change anything: the guard itself runs later, maybe elsewhere. */
bool guard_caller_needs_worker(struct identity *identity, const struct guard_ask *ask,
                               const struct call *call)
{
    assert(call->route);
    if (ask->authorization_count == 0)
        return ask->signed_query;
    if (is_shared_key(call, ask->authorization))
        return true;
    if (str_starts_fold(ask->authorization, STR("Bearer ")))
        return bearer_needs_worker(identity, call, bearer_of(ask->authorization));
    return str_starts_fold(ask->authorization, STR("Basic ")) &&
           password_needs_worker(identity, ask, call);
}
