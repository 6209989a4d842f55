/* principal.h - who there is besides the folder's owner, and how each proves it
 *
 * People, service principals (CI, daemons) and groups are rows of `principal`; what proves them are
 * rows of `credential`; what they may are rows of `grant` (grant.h). The admin of the folder is no
 * row: the kernel says who owns the folder. Random secrets are kept as SHA-256, passwords that
 * people choose as Argon2id (decisions 26), certificates as their public key.
 *
 * Threads: any; the functions that take a store open their own transactions, not for the IO thread.
 */
#pragma once

#include "store/maker.h"

struct identity;

enum principal_kind {
    PRINCIPAL_USER = 1,
    PRINCIPAL_SERVICE,
    PRINCIPAL_GROUP,
    PRINCIPAL_MANAGED /* of a resource: comes and goes with it, is nobody's to make */
};

/* Strs live in the arena of the call that gave them. */
struct principal {
    int64_t number; /* the row */
    enum principal_kind kind;
    struct str name;      /* unique: "ana@lazurite.test", or the name of a service principal */
    struct str display;   /* for people; the name when nothing else was said */
    struct str object_id; /* GUID: `oid` of tokens, principalId of role assignments */
    struct str client_id; /* GUID; service principals only: `appid` of tokens */
    int64_t epoch_us;     /* tokens issued before it are refused */
    int64_t created_us;
    bool disabled;
};

/* `actor` is in all that follows who does it, as events will say: the name of the caller. */
struct principal_wish {
    enum principal_kind kind;
    struct str name, actor;
};
/* Makes one, with new GUIDs. Errors: ERROR_CONFLICT when the name is taken, ERROR_INVALID. */
int principal_create(struct identity *identity, struct arena *arena,
                     const struct principal_wish *wish, struct principal *out, struct error *err);
/* By name, object id or client id, in any case. Errors: ERROR_NOT_FOUND. */
int principal_find(struct identity *identity, struct arena *arena, struct str key,
                   struct principal *out, struct error *err);
/* All of a kind by name, service principals that were made for a purpose too; -1 from `each` ends
 * the walk. */
typedef int principal_each(const struct principal *principal, void *context, struct error *err);
int principal_list(struct identity *identity, enum principal_kind kind, principal_each *each,
                   void *context, struct error *err);
/* Removes it with its credentials, memberships and role assignments. Errors: ERROR_CONFLICT for the
 * last Owner of the root. */
int principal_delete(struct identity *identity, struct str actor, int64_t number,
                     struct error *err);
/* "" is the name again. */
int principal_set_display(struct identity *identity, struct str actor, int64_t number,
                          struct str display, struct error *err);
/* A disabled one proves nothing and its tokens are refused, until it is enabled again. */
int principal_disable(struct identity *identity, struct str actor, int64_t number, bool disabled,
                      struct error *err);
/* Every token it has so far is refused, every refresh token is gone: whoever keeps those compares
 * when they were made with `epoch_us`. */
int principal_revoke(struct identity *identity, struct str actor, int64_t number,
                     struct error *err);

/* Members of a group count as having its assignments; a group has no groups.
 * Errors: ERROR_INVALID when `team` is no group or `member` is one. */
int principal_join(struct identity *identity, struct str actor, int64_t team, int64_t member,
                   struct error *err);
int principal_leave(struct identity *identity, struct str actor, int64_t team, int64_t member,
                    struct error *err);
int principal_members(struct identity *identity, int64_t team, principal_each *each, void *context,
                      struct error *err);

/* Sets the password of a user: at least 12 characters. */
int principal_set_password(struct identity *identity, struct str actor, int64_t number,
                           struct str password, struct error *err);
/* Lets a certificate prove a service principal: PEM with one certificate. */
int principal_add_certificate(struct identity *identity, struct str actor, int64_t number,
                              struct str pem, struct error *err);
/* Lets tokens of another issuer prove it: issuer, subject, audience and the issuer's public keys as
 * a JWKS document, since we fetch nothing that a client names. */
struct principal_federation {
    struct str issuer, subject, audience, jwks;
};
int principal_add_federation(struct identity *identity, struct str actor, int64_t number,
                             const struct principal_federation *federation, struct error *err);

/* --- What was given out ------------------------------------------------------------------------
 */

enum credential_kind {
    CREDENTIAL_SECRET = 1,
    CREDENTIAL_PASSWORD,
    CREDENTIAL_CERTIFICATE,
    CREDENTIAL_FEDERATION
};
/* What may be shown of it: never the secret. */
struct credential {
    struct str id; /* GUID */
    enum credential_kind kind;
    struct str label;
    int64_t created_us, expires_us; /* expires_us 0: never */
    struct str thumbprint;          /* certificates: SHA-256 in base64url */
    struct principal_federation federation;
};
/* A new client secret or personal token: 256 random bits in base64url. Owns: `arena` the texts; the
 * secret is shown once. */
struct secret_wish {
    int64_t number;     /* of the principal */
    int64_t expires_us; /* 0: never */
    struct str label, actor;
};
struct secret_made {
    struct credential shown;
    struct str secret;
};
int principal_add_secret(struct identity *identity, struct arena *arena,
                         const struct secret_wish *wish, struct secret_made *out,
                         struct error *err);
typedef int credential_each(const struct credential *credential, void *context, struct error *err);
int principal_credentials(struct identity *identity, int64_t number, credential_each *each,
                          void *context, struct error *err);
/* By its id. Errors: ERROR_NOT_FOUND, also when it is another's. */
int principal_drop_credential(struct identity *identity, struct str actor, int64_t number,
                              struct str id, struct error *err);

/* --- Proof -------------------------------------------------------------------------------------
 */

/* What somebody offers as proof, as the token service reads it from a form. */
enum proof_kind {
    PROOF_SECRET,
    PROOF_PASSWORD,
    PROOF_ASSERTION,
    PROOF_BASIC /* a secret or a password, as basic credentials bring either */
};
struct proof {
    enum proof_kind kind;
    struct str who;      /* client id, or a user's name */
    struct str text;     /* the secret, the password or the JWT */
    struct str audience; /* PROOF_ASSERTION: the token endpoint, which `aud` must be */
    struct str address;  /* of the peer; failures are counted per name and address; "": none */
};
/* Errors: ERROR_UNAUTHENTICATED with one sentence for all that can be wrong (an unknown name costs
 * as much time as a wrong password), ERROR_TOO_MANY after ten failures a minute of one name. */
int principal_prove(struct identity *identity, struct arena *arena, const struct proof *proof,
                    struct principal *out, struct error *err);

/* --- Tokens ------------------------------------------------------------------------------------
 */

/* What a client may ask for: `audience` goes into `aud` byte for byte. */
struct access_ask {
    const struct principal *principal;
    struct str audience;
    struct str client_id; /* the program a user signed in with; "": the SDK's */
    bool cae;             /* the client can answer a claims challenge: xms_cc */
};
struct access_token {
    struct str text;
    int64_t expires_us; /* in whole seconds, as the token says it */
};
/* An access token for a principal, good for 3600 s. Errors: ERROR_INVALID for groups, for the
 * disabled, and for an audience that is none. */
int principal_access_token(struct identity *identity, struct arena *arena,
                           const struct access_ask *ask, struct access_token *out,
                           struct error *err);
/* The id token of a sign-in: aud = the client's id, nonce as it came. */
struct id_claims {
    const struct principal *principal;
    struct str client_id, nonce;
};
int principal_id_token(struct identity *identity, struct arena *arena,
                       const struct id_claims *claims, struct str *out, struct error *err);
