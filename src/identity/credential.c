/* Rows of credentials: what was given to a principal, or what it brought. A random secret is kept
 * as its SHA-256 and found by it; a password as Argon2id; a certificate as its public key; another
 * issuer as its key set. */
#include "identity/identity_private.h"
#include "identity/principal_private.h"

#include "identity/assertion.h"
#include "identity/base64url.h"
#include "identity/password.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#define SECRET_BYTES 32
#define LABEL_MAX_BYTES 256
#define CREDENTIALS_MAX 64
#define JWKS_MAX_BYTES (64 * KIB)

/* A row about to be written. */
struct credential_row {
    int64_t number;   /* of the principal */
    struct str actor; /* who gives it */
    struct credential shown;
    struct str hash;
    struct str data;
    bool replaces; /* a principal has one password */
    bool users_only, services_only;
};

/* 256 random bits need no salt and no slow hash (decisions 26). */
struct str credential_hash(struct arena *arena, struct str secret)
{
    unsigned char *hash = arena_alloc(arena, SHA256_DIGEST_LENGTH);

    SHA256((const unsigned char *)secret.ptr, secret.len, hash);
    return (struct str){(const char *)hash, SHA256_DIGEST_LENGTH};
}

/* --- Writing -------------------------------------------------------------------------------------
 */

/* Each proof reads them, so there may not be thousands. */
static int count_rows(struct store_txn *txn, int64_t number, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT COUNT(*) FROM credential WHERE principal = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    *out = sql_step(q) > 0 ? sql_int(q, 0) : 0;
    return sql_end(q, err);
}

/* People have no certificates, programs no passwords, and groups prove nothing. */
static int check_owner(struct store_txn *txn, const struct credential_row *row,
                       const struct principal *who, struct error *err)
{
    int64_t count = 0;

    if (who->kind == PRINCIPAL_GROUP)
        return error_set(err, ERROR_INVALID, "", "A group has no credentials; its members do.");
    if (who->kind == PRINCIPAL_MANAGED)
        return error_set(err, ERROR_INVALID, "",
                         "A managed identity has no credentials; its resource has it by itself.");
    if (row->users_only && who->kind != PRINCIPAL_USER)
        return error_set(err, ERROR_INVALID, "",
                         "Only users have passwords; a service principal has secrets.");
    if (row->services_only && who->kind != PRINCIPAL_SERVICE)
        return error_set(err, ERROR_INVALID, "",
                         "Certificates and federations are for service principals.");
    if (count_rows(txn, row->number, &count, err) < 0)
        return -1;
    if (count >= CREDENTIALS_MAX)
        return error_set(err, ERROR_CONFLICT, "",
                         "'%.*s' has %d credentials already; delete one that is not used.",
                         STR_ARG(who->name), CREDENTIALS_MAX);
    return 0;
}

/* A new password ends the old one. */
static int drop_passwords(struct store_txn *txn, int64_t number, struct error *err)
{
    struct sql *q = sql(txn, "DELETE FROM credential WHERE principal = ? AND kind = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    sql_bind_int(q, 2, CREDENTIAL_PASSWORD);
    return sql_run(q, err);
}

/* On the writer thread. */
static int insert_row(struct store_txn *txn, void *context, struct error *err)
{
    const struct credential_row *row = context;
    struct principal who;

    if (principal_by_number(txn, row->number, &who, err) < 0 ||
        check_owner(txn, row, &who, err) < 0 ||
        (row->replaces && drop_passwords(txn, row->number, err) < 0))
        return -1;
    struct sql *q = sql(txn,
                        "INSERT INTO credential (guid, principal, kind, hash, data, label,"
                        " created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, row->shown.id);
    sql_bind_int(q, 2, row->number);
    sql_bind_int(q, 3, row->shown.kind);
    sql_bind_blob(q, 4, row->hash);
    sql_bind_text(q, 5, row->data);
    sql_bind_text(q, 6, row->shown.label);
    sql_bind_int(q, 7, row->shown.created_us);
    sql_bind_int(q, 8, row->shown.expires_us);
    if (sql_run(q, err) < 0)
        return -1;
    return principal_event(txn, "credential.created", &who, row->actor, err);
}

/* Chance and time are drawn here, since the write may run twice. */
static struct credential_row new_row(struct arena *arena, int64_t number, enum credential_kind kind)
{
    assert(number > 0);
    return (struct credential_row){.number = number,
                                   .shown = {.id = random_uuid(arena),
                                             .kind = kind,
                                             .label = STR(""),
                                             .created_us = clock_now_us()},
                                   .hash = STR(""),
                                   .data = STR("")};
}

/* What had expired before it was made would only puzzle its owner. */
static int check_life(int64_t expires_us, struct str label, struct error *err)
{
    if (expires_us != 0 && expires_us <= clock_now_us())
        return error_set(err, ERROR_INVALID, "", "A credential must expire in the future.");
    if (label.len > LABEL_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "label", "A label has at most %d bytes.",
                         LABEL_MAX_BYTES);
    return 0;
}

/* The secret leaves by *out alone; what stays is its hash. */
int principal_add_secret(struct identity *identity, struct arena *arena,
                         const struct secret_wish *wish, struct secret_made *out, struct error *err)
{
    unsigned char bytes[SECRET_BYTES];
    struct credential_row row = new_row(arena, wish->number, CREDENTIAL_SECRET);

    assert(out);
    if (check_life(wish->expires_us, wish->label, err) < 0)
        return -1;
    /* A word that begins with a hyphen is taken for a flag by every command line. */
    struct str secret;
    do {
        random_bytes(bytes, sizeof(bytes));
        secret = base64url_encode(arena, (struct str){(const char *)bytes, sizeof(bytes)});
    } while (secret.ptr[0] == '-');
    sodium_memzero(bytes, sizeof(bytes));
    row.actor = wish->actor;
    row.hash = credential_hash(arena, secret);
    row.shown.expires_us = wish->expires_us;
    row.shown.label = wish->label.ptr ? wish->label : STR("");
    if (principal_write(identity, insert_row, &row, err) < 0)
        return -1;
    *out = (struct secret_made){row.shown, secret};
    return 0;
}

/* Hashed before the write begins: that takes a tenth of a second. */
int principal_set_password(struct identity *identity, struct str actor, int64_t number,
                           struct str password, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    struct credential_row row = new_row(arena, number, CREDENTIAL_PASSWORD);

    row.actor = actor;
    row.replaces = true;
    row.users_only = true;
    if (password_hash(identity->passwords, arena, password, &row.data, err) < 0)
        return -1;
    return principal_write(identity, insert_row, &row, err);
}

/* The public key is what proves; the thumbprints are for people to compare. */
int principal_add_certificate(struct identity *identity, struct str actor, int64_t number,
                              struct str pem, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * KIB);
    struct credential_row row = new_row(arena, number, CREDENTIAL_CERTIFICATE);
    struct json *data = json_object(arena);
    struct certificate certificate;

    row.actor = actor;
    row.services_only = true;
    if (certificate_read(arena, pem, &certificate, err) < 0 ||
        check_life(certificate.expires_us, STR(""), err) < 0)
        return -1;
    json_set_str(arena, data, "key", certificate.key);
    json_set_str(arena, data, "x5t", certificate.thumbprint);
    json_set_str(arena, data, "x5t#S256", certificate.thumbprint_256);
    row.data = json_write(arena, data);
    row.hash = credential_hash(arena, certificate.key);
    row.shown.expires_us = certificate.expires_us;
    return principal_write(identity, insert_row, &row, err);
}

/* The keys are stored, for the server fetches nothing that a client names. */
int principal_add_federation(struct identity *identity, struct str actor, int64_t number,
                             const struct principal_federation *federation, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct credential_row row = new_row(arena, number, CREDENTIAL_FEDERATION);
    struct json *data = json_object(arena);

    row.actor = actor;
    row.services_only = true;
    if (federation->issuer.len == 0 || federation->subject.len == 0 ||
        federation->audience.len == 0)
        return error_set(err, ERROR_INVALID, "",
                         "A federation needs an issuer, a subject and an audience.");
    if (federation->issuer.len > KIB || federation->subject.len > KIB ||
        federation->audience.len > KIB || federation->jwks.len > JWKS_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "", "A federation's text is too long.");
    struct json *jwks = json_parse(arena, federation->jwks, err);
    if (!jwks || assertion_check_jwks(jwks, err) < 0)
        return -1;
    json_set_str(arena, data, "issuer", federation->issuer);
    json_set_str(arena, data, "subject", federation->subject);
    json_set_str(arena, data, "audience", federation->audience);
    json_set(arena, data, STR("jwks"), jwks);
    row.data = json_write(arena, data);
    return principal_write(identity, insert_row, &row, err);
}

/* --- Reading -------------------------------------------------------------------------------------
 */

/* The public half of what a row holds. */
static void show_data(struct arena *arena, struct str text, struct credential *out)
{
    struct json *data = text.len > 0 ? json_parse(arena, text, NULL) : NULL;

    if (out->kind == CREDENTIAL_CERTIFICATE)
        out->thumbprint = json_as_str(json_get(data, STR("x5t#S256")));
    if (out->kind == CREDENTIAL_FEDERATION)
        out->federation = (struct principal_federation){.issuer = json_str_at(data, "issuer"),
                                                        .subject = json_str_at(data, "subject"),
                                                        .audience = json_str_at(data, "audience")};
}

/* Rows in the order of their making; hashes stay where they are. */
int principal_credentials(struct identity *identity, int64_t number, credential_each *each,
                          void *context, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(identity->store, err);
    struct sql *q = txn ? sql(txn,
                              "SELECT guid, kind, label, created_us, expires_us, data"
                              " FROM credential WHERE principal = ? ORDER BY credential",
                              err)
                        : NULL;
    int result = 0;

    assert(each);
    if (!q)
        return -1;
    sql_bind_int(q, 1, number);
    while (result == 0 && sql_step(q) > 0) {
        struct credential shown = {.id = sql_text(q, 0),
                                   .kind = (enum credential_kind)sql_int(q, 1),
                                   .label = sql_text(q, 2),
                                   .created_us = sql_int(q, 3),
                                   .expires_us = sql_int(q, 4)};
        if (shown.kind != CREDENTIAL_PASSWORD)
            show_data(store_arena(txn), sql_text(q, 5), &shown);
        result = each(&shown, context, err);
    }
    if (result < 0) {
        sql_end(q, NULL);
        return -1;
    }
    return sql_end(q, err);
}

/* Which row goes. */
struct dropping {
    int64_t number;
    struct str id, actor;
};

/* The owner is part of the question: an id of another is not there. */
static int drop_row(struct store_txn *txn, void *context, struct error *err)
{
    const struct dropping *drop = context;
    struct principal who;

    if (principal_by_number(txn, drop->number, &who, err) < 0)
        return -1;
    struct sql *q = sql(txn, "DELETE FROM credential WHERE principal = ? AND guid = ?", err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, drop->number);
    sql_bind_text(q, 2, arena_lower(store_arena(txn), drop->id));
    if (sql_run(q, err) < 0)
        return -1;
    if (sql_changes(txn) == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' has no credential '%.*s'.",
                         STR_ARG(who.name), STR_ARG(str_slice(drop->id, 0, 64)));
    return principal_event(txn, "credential.deleted", &who, drop->actor, err);
}

/* From now on it proves nothing; a remembered password is forgotten too. */
int principal_drop_credential(struct identity *identity, struct str actor, int64_t number,
                              struct str id, struct error *err)
{
    struct dropping drop = {number, id, actor};

    assert(number > 0);
    return principal_write(identity, drop_row, &drop, err);
}
