/* Verifying what others signed. OpenSSL does the arithmetic; here is what it does not know: which
 * algorithm is allowed, where a key comes from, and what a token must say. */
#include "identity/assertion.h"

#include "identity/base64url.h"
#include "identity/token.h"

#include <assert.h>
#include <math.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#define ASSERTION_BYTES (16 * KIB)
#define KEY_BITS_MIN 2048
#define KEYS_MAX 16
#define SKEW_US (300 * US_PER_S)
#define LIFE_MAX_US (24 * 3600 * US_PER_S)

/* --- For CLEANUP ---------------------------------------------------------------------------------
 */

/* OpenSSL takes NULL in all of these. */
static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}

/* For CLEANUP, as the six below: OpenSSL has a function for each, but none that takes the place of
 * the pointer. */
static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void digest_free(EVP_MD_CTX **digest)
{
    EVP_MD_CTX_free(*digest);
}

static void certificate_free(X509 **certificate)
{
    X509_free(*certificate);
}

static void number_free(BIGNUM **number)
{
    BN_free(*number);
}

static void build_free(OSSL_PARAM_BLD **build)
{
    OSSL_PARAM_BLD_free(*build);
}

static void params_free(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

static void maker_free(EVP_PKEY_CTX **maker)
{
    EVP_PKEY_CTX_free(*maker);
}

/* --- Parsing -------------------------------------------------------------------------------------
 */

/* What is wrong with a token is no secret to whoever wrote it. */
static int refused(struct error *err, const char *why)
{
    assert(why);
    return error_set(err, ERROR_UNAUTHENTICATED, "", "The assertion is not valid: %s.", why);
}

/* Some clients leave the padding that tokens are written without; only what fills a whole group. */
static struct str unpadded(struct str part)
{
    struct str bare = part;

    while (bare.len > 0 && part.len - bare.len < 2 && bare.ptr[bare.len - 1] == '=')
        bare.len--;
    return part.len % 4 == 0 ? bare : part;
}

/* A part of the token as bytes; false when its letters are wrong. */
static bool part_bytes(struct arena *arena, struct str part, struct str *out)
{
    unsigned char *bytes = arena_alloc(arena, part.len + 3);
    size_t len;

    part = unpadded(part);
    if (part.len == 0 || !base64url_decode(part, bytes, &len))
        return false;
    *out = (struct str){(const char *)bytes, len};
    return true;
}

/* A part of the token as a JSON object, NULL when it is none. */
static struct json *part_json(struct arena *arena, struct str part)
{
    struct str bytes;

    if (!part_bytes(arena, part, &bytes))
        return NULL;
    struct json *value = json_parse(arena, bytes, NULL);
    return json_kind(value) == JSON_OBJECT ? value : NULL;
}

/* `x5c` may stand there (some clients send their chain), but is never looked at. */
static int read_header(const struct json *header, struct assertion *out, struct error *err)
{
    if (!header)
        return refused(err, "its header cannot be read");
    out->algorithm = json_str_at(header, "alg");
    out->key_id = json_str_at(header, "kid");
    if (!str_eq(out->algorithm, STR("RS256")) && !str_eq(out->algorithm, STR("PS256")))
        return refused(err, "its algorithm is neither RS256 nor PS256");
    if (json_get(header, STR("crit")))
        return refused(err, "its header asks for an extension");
    out->thumbprint = json_as_str(json_get(header, STR("x5t")));
    if (out->thumbprint.len == 0)
        out->thumbprint = json_as_str(json_get(header, STR("x5t#S256")));
    return 0;
}

/* Three parts, each in base64url, none longer than it has to be. */
int assertion_parse(struct arena *arena, struct str text, struct assertion *out, struct error *err)
{
    struct str head, rest, body, signature;
    struct assertion read = {0};

    assert(out);
    if (text.len > ASSERTION_BYTES)
        return refused(err, "it is too long");
    if (!str_cut(text, '.', &head, &rest) || !str_cut(rest, '.', &body, &signature) ||
        str_find_char(signature, '.') >= 0)
        return refused(err, "it has not three parts");
    if (read_header(part_json(arena, head), &read, err) < 0)
        return -1;
    read.claims = part_json(arena, body);
    if (!read.claims || !part_bytes(arena, signature, &read.signature))
        return refused(err, "its claims or its signature cannot be read");
    read.signed_text = (struct str){text.ptr, head.len + 1 + body.len};
    *out = read;
    return 0;
}

/* --- Signatures ----------------------------------------------------------------------------------
 */

/* Shorter keys are broken, other kinds are of algorithms that are not taken. */
static bool key_fits(const EVP_PKEY *key)
{
    return key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= KEY_BITS_MIN;
}

/* PS256: MGF1 with SHA-256 and a salt as long as the digest (RFC 7518, 3.5). */
static bool set_padding(EVP_PKEY_CTX *context, struct str algorithm)
{
    if (str_eq(algorithm, STR("RS256")))
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* The padding comes from the header, which the signature covers. */
static bool verifies(const struct assertion *assertion, EVP_PKEY *key)
{
    CLEANUP(digest_free) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *context = NULL; /* the digest's */

    if (!digest || !key_fits(key) ||
        EVP_DigestVerifyInit(digest, &context, EVP_sha256(), NULL, key) != 1 ||
        !set_padding(context, assertion->algorithm))
        return false;
    return EVP_DigestVerify(
               digest, (const unsigned char *)assertion->signature.ptr, assertion->signature.len,
               (const unsigned char *)assertion->signed_text.ptr, assertion->signed_text.len) == 1;
}

/* A key that cannot be read made nothing. */
bool assertion_by_key(const struct assertion *assertion, struct str pem)
{
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    CLEANUP(key_free) EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, "") : NULL;

    assert(assertion);
    return verifies(assertion, key);
}

/* A number of a JWK, big-endian in base64url. */
static BIGNUM *jwk_number(struct arena *arena, const struct json *jwk, const char *name)
{
    struct str bytes;

    if (!part_bytes(arena, json_as_str(json_get(jwk, str_from(name))), &bytes) || bytes.len > KIB)
        return NULL;
    return BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
}

/* An RSA key of a JWKS; NULL for keys of other kinds and for those that cannot be read. */
static EVP_PKEY *jwk_key(const struct json *jwk)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * KIB);
    CLEANUP(number_free) BIGNUM *n = jwk_number(arena, jwk, "n");
    CLEANUP(number_free) BIGNUM *e = jwk_number(arena, jwk, "e");
    CLEANUP(build_free) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    CLEANUP(maker_free) EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    if (!str_eq(json_str_at(jwk, "kty"), STR("RSA")) || !n || !e || !build || !maker ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return NULL;
    CLEANUP(params_free) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

/* Tried are few keys, so that a large set costs no more than a small one. */
bool assertion_by_jwks(const struct assertion *assertion, const struct json *jwks)
{
    struct json_iter it = json_iter(json_get(jwks, STR("keys")));
    size_t tried = 0;

    assert(assertion);
    while (json_next(&it) && tried < KEYS_MAX) {
        struct str id = json_str_at(it.value, "kid");
        if (assertion->key_id.len > 0 && id.len > 0 && !str_eq(id, assertion->key_id))
            continue;
        CLEANUP(key_free) EVP_PKEY *key = jwk_key(it.value);
        tried++;
        if (verifies(assertion, key))
            return true;
    }
    return false;
}

/* Asked when a set is stored: one that proves nothing is a mistake to be told at once. */
int assertion_check_jwks(const struct json *jwks, struct error *err)
{
    struct json_iter it = json_iter(json_get(jwks, STR("keys")));
    bool found = false;

    if (json_count(json_get(jwks, STR("keys"))) > KEYS_MAX)
        return error_set(err, ERROR_INVALID, "jwks", "A key set has at most %d keys.", KEYS_MAX);
    while (json_next(&it)) {
        CLEANUP(key_free) EVP_PKEY *key = jwk_key(it.value);
        found |= key_fits(key);
    }
    if (found)
        return 0;
    return error_set(
        err, ERROR_INVALID, "jwks",
        "The key set holds no RSA key of %d bits or more: expected {\"keys\": [{\"kty\":"
        " \"RSA\", \"n\", \"e\"}]}.",
        KEY_BITS_MIN);
}

/* --- Claims --------------------------------------------------------------------------------------
 */

/* `aud` may be a text or a list of texts. */
static bool audience_is(const struct json *claims, struct str wanted)
{
    const struct json *audience = json_get(claims, STR("aud"));
    struct json_iter it = json_iter(audience);

    if (json_kind(audience) == JSON_STRING)
        return str_eq(json_as_str(audience), wanted);
    if (json_kind(audience) != JSON_ARRAY)
        return false;
    while (json_next(&it))
        if (str_eq(json_as_str(it.value), wanted))
            return true;
    return false;
}

/* Clocks of others go wrong by minutes; a token that would be good for years is refused, for it
 * could never be taken back. */
static int check_dates(const struct json *claims, int64_t now_us, struct error *err)
{
    int64_t expires_us = token_date_us(claims, "exp"), begins_us = token_date_us(claims, "nbf");

    if (expires_us < 0)
        return refused(err, "it has no exp");
    if (now_us >= expires_us + SKEW_US)
        return refused(err, "it has expired");
    if (expires_us > now_us + LIFE_MAX_US + SKEW_US)
        return refused(err, "it lives longer than a day");
    if (begins_us > now_us + SKEW_US)
        return refused(err, "it begins in the future");
    return 0;
}

/* In the order in which a person would look for the mistake. */
int assertion_check(const struct assertion *assertion, const struct assertion_claims *want,
                    struct error *err)
{
    const struct json *claims = assertion->claims;

    assert(want->issuer.len > 0 && want->subject.len > 0 && want->audience.len > 0);
    if (!str_eq(json_as_str(json_get(claims, STR("iss"))), want->issuer))
        return refused(err, "its issuer is another");
    if (!str_eq(json_as_str(json_get(claims, STR("sub"))), want->subject))
        return refused(err, "its subject is another");
    if (!audience_is(claims, want->audience))
        return refused(err, "it is for another audience");
    return check_dates(claims, want->now_us, err);
}

/* --- Certificates --------------------------------------------------------------------------------
 */

/* The digest of the certificate as it is sent, in base64url; "" when it cannot be made. */
static struct str thumbprint(struct arena *arena, const X509 *certificate, const EVP_MD *digest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(certificate, digest, hash, &len) != 1)
        return STR("");
    return base64url_encode(arena, (struct str){(const char *)hash, len});
}

/* The public half alone, as text. */
static struct str key_text(struct arena *arena, EVP_PKEY *key)
{
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;

    if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
        return STR("");
    long len = BIO_get_mem_data(bio, &bytes);
    return arena_str(arena, (struct str){bytes, (size_t)len});
}

/* When the certificate ends; -1 when it does not say. */
static int64_t ends_us(const X509 *certificate)
{
    struct tm ends;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &ends) != 1)
        return -1;
    return (int64_t)timegm(&ends) * US_PER_S;
}

/* The private half is looked for first: whoever sent it must learn that it is burnt. */
int certificate_read(struct arena *arena, struct str pem, struct certificate *out,
                     struct error *err)
{
    assert(out);
    if (str_find(pem, STR("PRIVATE KEY")) >= 0)
        return error_set(err, ERROR_INVALID, "pem",
                         "The text holds a private key, which nobody else may have: send the"
                         " certificate alone, and make a new key if this one left its machine.");
    if (pem.len > ASSERTION_BYTES)
        return error_set(err, ERROR_INVALID, "pem", "A certificate has at most 16 KiB.");
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    CLEANUP(certificate_free)
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, "") : NULL;
    CLEANUP(certificate_free)
    X509 *second = certificate ? PEM_read_bio_X509(bio, NULL, NULL, "") : NULL;
    if (!certificate || second)
        return error_set(err, ERROR_INVALID, "pem",
                         "Expected PEM text with exactly one certificate.");
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (!key_fits(key))
        return error_set(err, ERROR_INVALID, "pem",
                         "The certificate's key is no RSA key of %d bits or more.", KEY_BITS_MIN);
    struct certificate read = {.key = key_text(arena, key),
                               .thumbprint = thumbprint(arena, certificate, EVP_sha1()),
                               .thumbprint_256 = thumbprint(arena, certificate, EVP_sha256()),
                               .expires_us = ends_us(certificate)};
    if (read.key.len == 0 || read.thumbprint_256.len == 0 || read.expires_us < 0)
        return error_set(err, ERROR_INVALID, "pem", "The certificate cannot be read whole.");
    *out = read;
    return 0;
}
