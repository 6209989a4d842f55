/* Proof: a secret, a password or a signed assertion against the rows of one principal. All that can
 * be wrong has one sentence, and a name that does not exist takes the way of one that does. */
#include "identity/identity_private.h"
#include "identity/principal_private.h"

#include "identity/assertion.h"
#include "identity/limit.h"
#include "identity/password.h"
#include "os/clock.h"

#include <assert.h>

/* One sentence for all of it. */
static int refused(struct error *err)
{
    return error_set(err, ERROR_UNAUTHENTICATED, "",
                     "The name or the credential is wrong, or the credential has expired.");
}

/* What the rows say, read in one transaction that is closed before anything costly begins. */
struct candidate {
    enum credential_kind kind; /* which rows are read */
    struct principal who;
    bool known;
    bool secret_right;
    struct str password; /* its hash, "" when there is none */
    struct str data[16]; /* of certificates or federations */
    size_t data_count;
};

/* Whether a secret of the principal has this hash and still counts. */
static int find_secret(struct store_txn *txn, struct candidate *out, struct str secret,
                       struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT expires_us FROM credential"
                        " WHERE principal = ? AND kind = ? AND hash = ?",
                        err);
    int64_t now_us = clock_now_us();

    if (!q)
        return -1;
    sql_bind_int(q, 1, out->who.number);
    sql_bind_int(q, 2, CREDENTIAL_SECRET);
    sql_bind_blob(q, 3, credential_hash(store_arena(txn), secret));
    while (sql_step(q) > 0)
        out->secret_right |= sql_int(q, 0) == 0 || sql_int(q, 0) > now_us;
    return sql_end(q, err);
}

/* The data of its credentials of one kind, without those that have expired. */
static int find_data(struct store_txn *txn, struct arena *arena, struct candidate *out,
                     struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT data FROM credential WHERE principal = ? AND kind = ?"
                        " AND (expires_us = 0 OR expires_us > ?) ORDER BY credential DESC",
                        err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, out->who.number);
    sql_bind_int(q, 2, out->kind);
    sql_bind_int(q, 3, clock_now_us());
    while (out->data_count < COUNT(out->data) && sql_step(q) > 0)
        out->data[out->data_count++] = arena_str(arena, sql_peek(q, 0));
    return sql_end(q, err);
}

/* Fills *out; an unknown name leaves known false and is no error. */
static int read_candidate(struct identity *identity, struct arena *arena, const struct proof *proof,
                          struct candidate *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct principal who;
    struct error none = {0};

    *out = (struct candidate){.kind = out->kind};
    if (!txn)
        return -1;
    if (principal_by_key(txn, proof->who, &who, &none) < 0)
        return none.code == ERROR_NOT_FOUND ? 0 : error_pass(err, &none);
    out->known = !who.disabled;
    out->who = principal_keep(arena, &who);
    if (out->kind == CREDENTIAL_SECRET)
        return find_secret(txn, out, proof->text, err);
    return find_data(txn, arena, out, err);
}

/* By its hash in the index: the time says nothing about how much of it was right. */
static int prove_secret(struct identity *identity, struct arena *arena, const struct proof *proof,
                        struct principal *out, struct error *err)
{
    struct candidate candidate = {.kind = CREDENTIAL_SECRET};

    if (read_candidate(identity, arena, proof, &candidate, err) < 0)
        return -1;
    if (!candidate.known || !candidate.secret_right)
        return refused(err);
    *out = candidate.who;
    return 0;
}

/* The hash is computed also for nobody. */
static int prove_password(struct identity *identity, struct arena *arena, const struct proof *proof,
                          struct principal *out, struct error *err)
{
    struct candidate candidate = {.kind = CREDENTIAL_PASSWORD};
    bool right = false;

    if (read_candidate(identity, arena, proof, &candidate, err) < 0)
        return -1;
    struct str hash = candidate.data_count > 0 ? candidate.data[0] : STR("");
    if (password_check(identity->passwords, hash, proof->text, &right, err) < 0)
        return -1;
    if (!candidate.known || !right)
        return refused(err);
    *out = candidate.who;
    return 0;
}

/* By one of the principal's certificates: it wrote the assertion itself, so it is issuer and
 * subject. The thumbprint is a hint: what counts is whose key signed. */
static bool by_certificate(struct arena *arena, const struct candidate *candidate,
                           const struct assertion *assertion)
{
    for (size_t i = 0; i < candidate->data_count; i++) {
        struct json *data = json_parse(arena, candidate->data[i], NULL);
        if (assertion_by_key(assertion, json_str_at(data, "key")))
            return true;
    }
    return false;
}

/* By an issuer it was told to trust, in the words it was told. */
static bool by_federation(struct arena *arena, const struct candidate *candidate,
                          const struct assertion *assertion)
{
    for (size_t i = 0; i < candidate->data_count; i++) {
        struct json *data = json_parse(arena, candidate->data[i], NULL);
        struct assertion_claims want = {.issuer = json_str_at(data, "issuer"),
                                        .subject = json_str_at(data, "subject"),
                                        .audience = json_str_at(data, "audience"),
                                        .now_us = clock_now_us()};
        if (want.issuer.len > 0 && want.subject.len > 0 && want.audience.len > 0 &&
            assertion_check(assertion, &want, NULL) == 0 &&
            assertion_by_jwks(assertion, json_get(data, STR("jwks"))))
            return true;
    }
    return false;
}

/* Whoever names himself as issuer shows a certificate, everybody else another issuer's word. The
 * client id is compared in any case, as everywhere; the claims then as the client spelled it. */
static int prove_assertion(struct identity *identity, struct arena *arena,
                           const struct proof *proof, struct principal *out, struct error *err)
{
    struct assertion assertion;
    struct str issuer;

    if (assertion_parse(arena, proof->text, &assertion, err) < 0)
        return -1;
    issuer = json_as_str(json_get(assertion.claims, STR("iss")));
    bool own = str_eq_fold(issuer, proof->who);
    struct candidate candidate = {.kind = own ? CREDENTIAL_CERTIFICATE : CREDENTIAL_FEDERATION};
    if (read_candidate(identity, arena, proof, &candidate, err) < 0)
        return -1;
    struct assertion_claims want = {
        .issuer = issuer, .subject = issuer, .audience = proof->audience, .now_us = clock_now_us()};
    bool right = candidate.known && (own ? by_certificate(arena, &candidate, &assertion)
                                         : by_federation(arena, &candidate, &assertion));
    if (!right)
        return refused(err);
    /* Only whoever holds the key learns what else is wrong. */
    if (own && assertion_check(&assertion, &want, err) < 0)
        return -1;
    *out = candidate.who;
    return 0;
}

/* Failures count, whatever they are; what the server could not decide does not. */
int principal_prove(struct identity *identity, struct arena *arena, const struct proof *proof,
                    struct principal *out, struct error *err)
{
    struct error why = {0};
    int result = -1;

    assert(identity && out);
    if (limit_reached(identity->limit, proof->who, proof->address)) {
        error_set(err, ERROR_TOO_MANY, "", "Too many failures for this name.");
        return error_hint(err, "Wait a minute, then try again.");
    }
    if (proof->who.len == 0 || proof->text.len == 0)
        return refused(err);
    switch (proof->kind) {
    case PROOF_SECRET:
        result = prove_secret(identity, arena, proof, out, &why);
        break;
    case PROOF_PASSWORD:
        result = prove_password(identity, arena, proof, out, &why);
        break;
    case PROOF_BASIC:
        /* The quick one first; a password is hashed only when it was no secret. */
        result = prove_secret(identity, arena, proof, out, &why);
        if (result == 0 || why.code != ERROR_UNAUTHENTICATED)
            break;
        result = prove_password(identity, arena, proof, out, &why);
        break;
    case PROOF_ASSERTION:
        assert(proof->audience.len > 0);
        result = prove_assertion(identity, arena, proof, out, &why);
        break;
    }
    if (result < 0 && why.code == ERROR_UNAUTHENTICATED)
        limit_failed(identity->limit, proof->who, proof->address);
    return result < 0 ? error_pass(err, &why) : result;
}
