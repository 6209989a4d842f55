/* assertion.h - JWTs that others signed: by a certificate of a service principal, or by an issuer
 * whose keys were stored (security.md 4.1)
 *
 * Nothing in the token says which key is right: the keys are those that the principal was given.
 * RS256 and PS256 only.
 */
#pragma once

#include "base/json.h"

/* A token taken apart; nothing of it is proven. Strs live in the arena of the parse. */
struct assertion {
    struct str algorithm, key_id;
    struct str thumbprint; /* x5t or x5t#S256, as sent; "" when absent */
    struct str signed_text;
    struct str signature; /* bytes */
    const struct json *claims;
};

/* Errors: ERROR_UNAUTHENTICATED for what is no such token, or says more than it may. */
int assertion_parse(struct arena *arena, struct str text, struct assertion *out, struct error *err);

/* Whether a public key (PEM, SubjectPublicKeyInfo) made the signature. */
bool assertion_by_key(const struct assertion *assertion, struct str pem);
/* The same for the key of a JWKS that the token's `kid` names; one without `kid` is tried with
 * each. */
bool assertion_by_jwks(const struct assertion *assertion, const struct json *jwks);

/* Who must have written it for whom. */
struct assertion_claims {
    struct str issuer, subject, audience;
    int64_t now_us;
};
/* Issuer, subject and audience are compared byte for byte; times may be fractions.
 * Errors: ERROR_UNAUTHENTICATED saying which claim is wrong. */
int assertion_check(const struct assertion *assertion, const struct assertion_claims *want,
                    struct error *err);

/* What is kept of a certificate. */
struct certificate {
    struct str key;            /* PEM, SubjectPublicKeyInfo */
    struct str thumbprint;     /* SHA-1 of the certificate in base64url: x5t */
    struct str thumbprint_256; /* SHA-256 likewise */
    int64_t expires_us;
};
/* Reads PEM with exactly one certificate. Errors: ERROR_INVALID, also for a key that is no RSA key
 * of 2048 bits or more and for text that brings a private key along. */
int certificate_read(struct arena *arena, struct str pem, struct certificate *out,
                     struct error *err);
/* Whether a JWKS holds at least one key that could sign. Errors: ERROR_INVALID. */
int assertion_check_jwks(const struct json *jwks, struct error *err);
