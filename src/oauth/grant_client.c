/* client_credentials: a program proves itself by a secret, by its certificate's key, or by a token
 * of an issuer that somebody has entered for it. It gets no refresh token: it can always ask again.
 */
#include "oauth/oauth_private.h"

#include <assert.h>

#define JWT_BEARER "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* Exactly one of the two. */
static int read_proof(struct ask *ask, struct proof *out, struct error *err)
{
    struct str secret = form_get(&ask->form, "client_secret");
    struct str assertion = form_get(&ask->form, "client_assertion");
    struct str type = form_get(&ask->form, "client_assertion_type");

    assert(out);
    if ((secret.len > 0) == (assertion.len > 0))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "Send either client_secret or client_assertion.");
    if (assertion.len > 0 && !str_eq(type, STR(JWT_BEARER)))
        return error_set(err, ERROR_INVALID, "invalid_request",
                         "The client_assertion_type must be '" JWT_BEARER "'.");
    *out = (struct proof){.kind = secret.len > 0 ? PROOF_SECRET : PROOF_ASSERTION,
                          .who = ask->client,
                          .text = secret.len > 0 ? secret : assertion,
                          .audience = ask->endpoint,
                          .address = oauth_address(ask->call)};
    return 0;
}

/* A program for itself: no refresh token, since it can ask again at any time. */
int grant_client(struct ask *ask, struct gift *out, struct error *err)
{
    struct principal who;
    struct proof proof;
    struct wish wish;

    assert(ask->oauth->engines->identity);
    if (oauth_public_client(ask->client).len > 0)
        return error_set(err, ERROR_INVALID, "unauthorized_client",
                         "This client is for people; a program needs a service principal of its "
                         "own.");
    /* The scope first: it tells a stranger nothing, and a mistake in it should not cost a try. */
    if (read_proof(ask, &proof, err) < 0 || ask_wish(ask, STR(""), &wish, err) < 0 ||
        principal_prove(ask->oauth->engines->identity, ask->call->arena, &proof, &who, err) < 0)
        return -1;
    if (who.kind != PRINCIPAL_SERVICE)
        return error_set(err, ERROR_UNAUTHENTICATED, "invalid_client",
                         "The client is unknown or its proof is wrong.");
    *out = (struct gift){.who = who, .wish = wish};
    return 0;
}
