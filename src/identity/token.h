/* token.h - RS256 JWTs: what we sign and what we take (security.md 4.1) */
#pragma once

#include "identity/keys.h"
#include "store/maker.h"

enum token_kind { TOKEN_ADMIN, TOKEN_ATTEMPT, TOKEN_PRINCIPAL };

/* What a token of ours says. */
struct token {
    enum token_kind kind;
    struct str audience, issuer, tenant;
    struct str subject, object_id, name;
    int64_t issued_us, expires_us;
    int64_t scope; /* TOKEN_ATTEMPT: workspace, job and attempt */
    struct str run;
    int attempt;
    struct maker maker; /* TOKEN_ATTEMPT: who sent the job; name "" in older tokens */
    struct str client_id; /* `appid` and `azp`; "": the SDK's own */
    struct str display;   /* TOKEN_PRINCIPAL: `name`, for people; the claims' */
    bool program;         /* TOKEN_PRINCIPAL: of a service principal, so without `upn` */
    bool cae;             /* the client asked for claims challenges */
};

/* Signs any claims under the active key. Errors: ERROR_UNAVAILABLE while there is no key. */
int token_sign_claims(struct keys *keys, struct arena *arena, const struct json *claims,
                      struct str *out, struct error *err);

/* Signs. Errors: ERROR_UNAVAILABLE while there is no key. */
int token_sign(struct keys *keys, struct arena *arena, const struct token *token, struct str *out,
               struct error *err);

/* Reads and checks form, algorithm, key, signature, times and tenant; the audience is the caller's
 * to compare. Errors: ERROR_UNAUTHENTICATED with a sentence that says which check failed. */
struct token_check {
    struct keys *keys;
    struct str tenant;
    int64_t now_us;
};
int token_read(const struct token_check *check, struct arena *arena, struct str text,
               struct token *out, struct error *err);

/* A NumericDate of a token's claims, which may hold a fraction; -1 when it is missing or no
 * date. Units: microseconds. */
int64_t token_date_us(const struct json *claims, const char *name);
