/* Tokens for principals: what a client reads of them is Azure's, what we read of them is the object
 * id and when they were made; rights are never in a token, for they may change meanwhile. */
#include "identity/identity_private.h"
#include "identity/principal_private.h"

#include "identity/identity.h"
#include "os/clock.h"

#include <assert.h>

#define ACCESS_US (3600 * US_PER_S)
#define AUDIENCE_MAX_BYTES 512

/* One that was made in the second of a revocation begins with the next: else the new token that a
 * client fetches at once would be refused like the old one. */
static int64_t begin_us(const struct principal *principal)
{
    int64_t now_us = clock_now_us();

    return now_us < principal->epoch_us ? principal->epoch_us : now_us;
}

/* One hour: what a right that was taken away costs at most where nobody asks us. */
int principal_access_token(struct identity *identity, struct arena *arena,
                           const struct access_ask *ask, struct access_token *out,
                           struct error *err)
{
    const struct principal *who = ask->principal;
    bool program = who->kind == PRINCIPAL_SERVICE || who->kind == PRINCIPAL_MANAGED;
    int64_t issued_us = begin_us(who);
    struct token token = {
        .kind = TOKEN_PRINCIPAL,
        .audience = ask->audience,
        .issuer = identity_issuer(identity, arena),
        .tenant = identity->tenant,
        .subject = who->object_id,
        .object_id = who->object_id,
        .name = who->name,
        .display = who->display,
        .client_id = program ? who->client_id : ask->client_id,
        .program = program,
        .cae = ask->cae,
        .issued_us = issued_us,
        .expires_us = issued_us + ACCESS_US,
    };

    assert(who->object_id.len > 0 && out);
    if (who->kind == PRINCIPAL_GROUP || who->disabled)
        return error_set(err, ERROR_INVALID, "", "'%.*s' cannot have a token.", STR_ARG(who->name));
    if (ask->audience.len == 0 || ask->audience.len > AUDIENCE_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "scope", "A token needs an audience of 1 to %d bytes.",
                         AUDIENCE_MAX_BYTES);
    identity_wait_keys(identity);
    if (token_sign(identity->keys, arena, &token, &out->text, err) < 0)
        return -1;
    out->expires_us = token.expires_us / US_PER_S * US_PER_S;
    return 0;
}

/* It proves a sign-in to the program that asked and opens nothing here: it has no claim of ours. */
int principal_id_token(struct identity *identity, struct arena *arena,
                       const struct id_claims *claims, struct str *out, struct error *err)
{
    const struct principal *principal = claims->principal;
    struct json *body = json_object(arena);
    int64_t now_s = begin_us(principal) / US_PER_S;

    assert(out);
    if (claims->client_id.len == 0)
        return error_set(err, ERROR_INVALID, "client_id", "An id token needs the client's id.");
    json_set_str(arena, body, "aud", claims->client_id);
    json_set_str(arena, body, "iss", identity_issuer(identity, arena));
    json_set_str(arena, body, "tid", identity->tenant);
    json_set_str(arena, body, "oid", principal->object_id);
    json_set_str(arena, body, "sub", principal->object_id);
    json_set_str(arena, body, "name", principal->display);
    json_set_str(arena, body, "preferred_username", principal->name);
    json_set_str(arena, body, "upn", principal->name);
    if (claims->nonce.len > 0)
        json_set_str(arena, body, "nonce", claims->nonce);
    json_set_int(arena, body, "iat", now_s);
    json_set_int(arena, body, "nbf", now_s);
    json_set_int(arena, body, "exp", now_s + ACCESS_US / US_PER_S);
    json_set_str(arena, body, "ver", STR("2.0"));
    identity_wait_keys(identity);
    return token_sign_claims(identity->keys, arena, body, out, err);
}
