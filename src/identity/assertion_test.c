/* What others sign, checked with keys made here. */
#include "identity/assertion.h"

#include "base/test.h"
#include "identity/base64url.h"
#include "identity/world_test.h"
#include "os/clock.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define NOW_S (WORLD_NOW_US / US_PER_S)

/* Made once for the whole program: looking for primes takes its time. */
static EVP_PKEY *key_number(size_t at)
{
    static EVP_PKEY *keys[2];

    CHECK(at < COUNT(keys));
    if (!keys[at])
        keys[at] = EVP_RSA_gen(2048);
    CHECK(keys[at]);
    return keys[at];
}

static struct str bio_text(struct arena *arena, BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    struct str text = arena_str(arena, (struct str){bytes, (size_t)len});

    BIO_free(bio);
    return text;
}

/* A self-signed certificate over a key, good for an hour. */
static struct str certificate_of(struct arena *arena, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    ASN1_TIME_set(X509_getm_notBefore(certificate), NOW_S - 60);
    ASN1_TIME_set(X509_getm_notAfter(certificate), NOW_S + 3600);
    X509_set_pubkey(certificate, key);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    CHECK_INT(1, PEM_write_bio_X509(bio, certificate));
    X509_free(certificate);
    return bio_text(arena, bio);
}

static struct str number_of(struct arena *arena, EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    unsigned char bytes[512];

    CHECK_INT(1, EVP_PKEY_get_bn_param(key, name, &number));
    int len = BN_bn2bin(number, bytes);
    BN_free(number);
    return base64url_encode(arena, (struct str){(const char *)bytes, (size_t)len});
}

static struct str jwks_of(struct arena *arena, EVP_PKEY *key, const char *id)
{
    return arena_printf(arena,
                        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\"},"
                        "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%.*s\",\"e\":\"%.*s\"}]}",
                        id, id, STR_ARG(number_of(arena, key, OSSL_PKEY_PARAM_RSA_N)),
                        STR_ARG(number_of(arena, key, OSSL_PKEY_PARAM_RSA_E)));
}

/* A token over two parts as they stand, whose algorithm is that of `header`. */
static struct str sign_text(struct arena *arena, EVP_PKEY *key, const char *header, struct str text)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *context = NULL;
    unsigned char signature[512];
    size_t len = sizeof(signature);

    CHECK_INT(1, EVP_DigestSignInit(digest, &context, EVP_sha256(), NULL, key));
    if (strstr(header, "PS256")) {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST);
    }
    CHECK_INT(1,
              EVP_DigestSign(digest, signature, &len, (const unsigned char *)text.ptr, text.len));
    EVP_MD_CTX_free(digest);
    return arena_printf(
        arena, "%.*s.%.*s", STR_ARG(text),
        STR_ARG(base64url_encode(arena, (struct str){(const char *)signature, len})));
}

/* A token over a header and claims as they stand. */
static struct str sign(struct arena *arena, EVP_PKEY *key, const char *header, struct str claims)
{
    return sign_text(arena, key, header,
                     arena_printf(arena, "%.*s.%.*s",
                                  STR_ARG(base64url_encode(arena, str_from(header))),
                                  STR_ARG(base64url_encode(arena, claims))));
}

/* base64url with the padding that fills its last group. */
static struct str padded(struct arena *arena, struct str text)
{
    return arena_printf(arena, "%.*s%.*s", STR_ARG(text), (int)((4 - text.len % 4) % 4), "==");
}

static struct str claims_for(struct arena *arena, struct str who, const char *audience,
                             const char *expires)
{
    return arena_printf(arena,
                        "{\"iss\":\"%.*s\",\"sub\":\"%.*s\",\"aud\":\"%s\",\"exp\":%s,"
                        "\"iat\":%lld.25,\"jti\":\"1\"}",
                        STR_ARG(who), STR_ARG(who), audience, expires, (long long)NOW_S);
}

static const char SOON[] = "1790000600.123";
_Static_assert(NOW_S == 1790000000, "SOON is ten minutes later");

#define RS256 "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5t\":\"whatever\"}"
#define PS256 "{\"typ\":\"JWT\",\"alg\":\"PS256\",\"x5t#S256\":\"whatever\"}"

/* --- Through principal_prove ---------------------------------------------------------------------
 */

static int prove(struct people_world *world, struct str who, struct str text)
{
    struct proof proof = {
        .kind = PROOF_ASSERTION, .who = who, .text = text, .audience = STR(WORLD_ENDPOINT)};
    struct principal out = {0};

    clock_test_advance(61 * US_PER_S); /* past the limit of failures */
    clock_test_set(WORLD_NOW_US);
    world->err = (struct error){0};
    if (principal_prove(world->identity, world->arena, &proof, &out, &world->err) == 0)
        return 0;
    return (int)world->err.code;
}

static struct principal with_certificate(struct people_world *world, EVP_PKEY *key)
{
    struct principal ci = people_add(world, PRINCIPAL_SERVICE, "ci");

    CHECK_OK(principal_add_certificate(world->identity, STR("admin"), ci.number,
                                       certificate_of(world->arena, key), &world->err),
             &world->err);
    return ci;
}

TEST(a_certificate_proves_by_both_algorithms_with_fractions_of_seconds)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    struct str claims = claims_for(world.arena, ci.client_id, WORLD_ENDPOINT, SOON);

    CHECK_INT(0, prove(&world, ci.client_id, sign(world.arena, key_number(0), RS256, claims)));
    CHECK_INT(0, prove(&world, ci.client_id, sign(world.arena, key_number(0), PS256, claims)));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, sign(world.arena, key_number(1), RS256, claims)));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, sign(world.arena, key_number(1), PS256, claims)));
}

TEST(an_assertion_with_padding_proves_what_it_says)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    struct str claims = claims_for(world.arena, ci.client_id, WORLD_ENDPOINT, SOON);
    struct str head = base64url_encode(world.arena, str_from(PS256));
    struct str text, bare = base64url_encode(world.arena, claims);

    if (bare.len % 4 == 0) { /* whatever the length of the id: there is something to fill */
        claims = arena_printf(world.arena, "%.*s ", STR_ARG(claims));
        bare = base64url_encode(world.arena, claims);
    }
    text = arena_printf(world.arena, "%.*s.%.*s", STR_ARG(padded(world.arena, head)),
                        STR_ARG(padded(world.arena, bare)));
    struct str token = sign_text(world.arena, key_number(0), PS256, text);
    CHECK(str_find_char(token, '=') > 0);
    CHECK_INT(0, prove(&world, ci.client_id, token));
    /* 256 bytes are 342 letters: two of them are missing in the last group. */
    CHECK_INT(0, prove(&world, ci.client_id, arena_printf(world.arena, "%.*s==", STR_ARG(token))));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, arena_printf(world.arena, "%.*s=", STR_ARG(token))));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, arena_printf(world.arena, "%.*s===", STR_ARG(token))));
}

TEST(an_assertion_of_somebody_else_or_for_somewhere_else_proves_nothing)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = with_certificate(&world, key_number(0));
    struct principal cd = people_add(&world, PRINCIPAL_SERVICE, "cd");
    struct arena *arena = world.arena;
    struct str good = claims_for(arena, ci.client_id, WORLD_ENDPOINT, SOON);
    struct str cases[] = {
        claims_for(arena, ci.client_id, "https://localhost:10443/other/token", SOON),
        claims_for(arena, ci.client_id, WORLD_ENDPOINT, "1789999000"),
        claims_for(arena, ci.client_id, WORLD_ENDPOINT, "1890000000"),
        claims_for(arena, ci.client_id, WORLD_ENDPOINT, "\"soon\""),
        claims_for(arena, cd.client_id, WORLD_ENDPOINT, SOON),
        arena_printf(arena, "{\"iss\":\"%.*s\",\"sub\":\"x\",\"aud\":\"%s\",\"exp\":%s}",
                     STR_ARG(ci.client_id), WORLD_ENDPOINT, SOON),
        arena_printf(arena, "{\"iss\":\"%.*s\",\"sub\":\"%.*s\",\"exp\":%s}", STR_ARG(ci.client_id),
                     STR_ARG(ci.client_id), SOON),
        STR("{}"),
        STR("[]"),
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(ERROR_UNAUTHENTICATED,
                  prove(&world, ci.client_id, sign(arena, key_number(0), RS256, cases[i])));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, cd.client_id, sign(arena, key_number(0), RS256, good)));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, STR("nobody"), sign(arena, key_number(0), RS256, good)));
    CHECK_INT(0, prove(&world, ci.client_id, sign(arena, key_number(0), RS256, good)));
    CHECK_OK(principal_disable(identity, STR("admin"), ci.number, true, &world.err), &world.err);
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, sign(arena, key_number(0), RS256, good)));
}

TEST(a_certificate_that_ended_proves_nothing)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    struct proof proof = {
        .kind = PROOF_ASSERTION, .who = ci.client_id, .audience = STR(WORLD_ENDPOINT)};
    struct principal out;

    proof.text = sign(world.arena, key_number(0), RS256,
                      claims_for(world.arena, ci.client_id, WORLD_ENDPOINT, "1790007200"));
    CHECK_OK(principal_prove(world.identity, world.arena, &proof, &out, &world.err), &world.err);
    clock_test_advance(3601 * US_PER_S);
    CHECK_ERROR(ERROR_UNAUTHENTICATED,
                principal_prove(world.identity, world.arena, &proof, &out, &world.err), &world.err);
}

TEST(algorithms_that_prove_nothing_are_refused)
{
    static const char *const HEADERS[] = {"{\"alg\":\"none\"}",
                                          "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"RS512\"}",
                                          "{}",
                                          "{\"alg\":256}",
                                          "{\"alg\":\"rs256\"}",
                                          "{\"alg\":\"RS256\",\"crit\":[\"b64\"]}",
                                          "[]",
                                          "x"};
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    struct str claims = claims_for(world.arena, ci.client_id, WORLD_ENDPOINT, SOON);

    for (size_t i = 0; i < COUNT(HEADERS); i++)
        CHECK_INT(
            ERROR_UNAUTHENTICATED,
            prove(&world, ci.client_id, sign(world.arena, key_number(0), HEADERS[i], claims)));
    /* PS256's signature under RS256's name, and the other way round. */
    struct str text = sign(world.arena, key_number(0), PS256, claims), head, tail;
    CHECK(str_cut(text, '.', &head, &tail));
    text = arena_printf(world.arena, "%.*s.%.*s",
                        STR_ARG(base64url_encode(world.arena, STR(RS256))), STR_ARG(tail));
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, ci.client_id, text));
}

TEST(texts_that_are_no_tokens_are_refused)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    static const char *const TEXTS[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a.b.c",
                                        "e30.e30.",
                                        "e30.e30.e30.e30",
                                        "=.=.=",
                                        "eyJhbGciOiJSUzI1NiJ9.e30.AA"};
    char *longest = arena_alloc(world.arena, 20000);

    for (size_t i = 0; i < COUNT(TEXTS); i++)
        CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, ci.client_id, str_from(TEXTS[i])));
    memset(longest, 'e', 20000);
    CHECK_INT(ERROR_UNAUTHENTICATED, prove(&world, ci.client_id, (struct str){longest, 20000}));
}

/* --- Other issuers -------------------------------------------------------------------------------
 */

TEST(another_issuers_token_proves_by_the_stored_keys)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct arena *arena = world.arena;
    struct principal_federation trust = {.issuer = STR("https://issuer.test"),
                                         .subject = STR("repo:a/b:ref:main"),
                                         .audience = STR("api://AzureADTokenExchange"),
                                         .jwks = jwks_of(arena, key_number(0), "k1")};
    static const char HEADER[] = "{\"alg\":\"RS256\",\"kid\":\"k1\"}";
    const char *form = "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":%s,\"exp\":1790000600}";
    struct str good = arena_printf(arena, form, "https://issuer.test", "repo:a/b:ref:main",
                                   "[\"x\",\"api://AzureADTokenExchange\"]");

    CHECK_OK(principal_add_federation(identity, STR("admin"), ci.number, &trust, &world.err),
             &world.err);
    CHECK_INT(0, prove(&world, ci.client_id, sign(arena, key_number(0), HEADER, good)));
    CHECK_INT(0,
              prove(&world, ci.client_id, sign(arena, key_number(0), "{\"alg\":\"RS256\"}", good)));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id,
                    sign(arena, key_number(0), "{\"alg\":\"RS256\",\"kid\":\"k2\"}", good)));
    CHECK_INT(ERROR_UNAUTHENTICATED,
              prove(&world, ci.client_id, sign(arena, key_number(1), HEADER, good)));
    struct str cases[] = {
        arena_printf(arena, form, "https://issuer.test/", "repo:a/b:ref:main",
                     "\"api://AzureADTokenExchange\""),
        arena_printf(arena, form, "https://issuer.test", "repo:a/b:ref:other",
                     "\"api://AzureADTokenExchange\""),
        arena_printf(arena, form, "https://issuer.test", "repo:a/b:ref:main", "\"other\""),
        arena_printf(arena, form, "https://issuer.test", "repo:a/b:ref:main", "7")};
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(ERROR_UNAUTHENTICATED,
                  prove(&world, ci.client_id, sign(arena, key_number(0), HEADER, cases[i])));
}

TEST(a_federation_that_could_prove_nothing_is_not_kept)
{
    CLEANUP(people_world_end) struct people_world world;
    struct identity *identity = people_world_new(&world)->identity;
    struct principal ci = people_add(&world, PRINCIPAL_SERVICE, "ci");
    struct principal ana = people_add(&world, PRINCIPAL_USER, "ana");
    struct principal_federation trust = {
        .issuer = STR("i"), .subject = STR("s"), .audience = STR("a")};
    static const char *const SETS[] = {
        "",
        "{}",
        "[]",
        "{\"keys\":[]}",
        "{\"keys\":{}}",
        "{\"keys\":[{\"kty\":\"EC\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":7,\"e\":\"=\"}]}"};

    for (size_t i = 0; i < COUNT(SETS); i++) {
        trust.jwks = str_from(SETS[i]);
        CHECK_ERROR(ERROR_INVALID,
                    principal_add_federation(identity, STR("admin"), ci.number, &trust, &world.err),
                    &world.err);
    }
    trust.jwks = jwks_of(world.arena, key_number(0), "k");
    CHECK_ERROR(ERROR_INVALID,
                principal_add_federation(identity, STR("admin"), ana.number, &trust, &world.err),
                &world.err);
    trust.subject = STR("");
    CHECK_ERROR(ERROR_INVALID,
                principal_add_federation(identity, STR("admin"), ci.number, &trust, &world.err),
                &world.err);
}

/* --- Certificates --------------------------------------------------------------------------------
 */

TEST(only_one_certificate_with_a_fit_key_and_no_private_half_is_taken)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct str good = certificate_of(arena, key_number(0));
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    struct certificate read = {0};
    struct error err = {0};

    PEM_write_bio_PrivateKey(bio, key_number(0), NULL, NULL, 0, NULL, NULL);
    struct str secret = bio_text(arena, bio);
    struct str cases[] = {
        STR(""),
        STR("hello"),
        str_slice(good, 0, good.len / 2),
        arena_printf(arena, "%.*s%.*s", STR_ARG(good), STR_ARG(good)),
        arena_printf(arena, "%.*s%.*s", STR_ARG(good), STR_ARG(secret)),
        certificate_of(arena, small),
        certificate_of(arena, curve),
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_ERROR(ERROR_INVALID, certificate_read(arena, cases[i], &read, &err), &err);
    CHECK_INT(0, read.key.len);
    CHECK_OK(certificate_read(arena, good, &read, &err), &err);
    CHECK(str_starts(read.key, STR("-----BEGIN PUBLIC KEY-----")));
    CHECK_INT(27, read.thumbprint.len);
    CHECK_INT(43, read.thumbprint_256.len);
    CHECK_INT((NOW_S + 3600) * US_PER_S, read.expires_us);
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
}

static int look(const struct credential *credential, void *context, struct error *err)
{
    struct credential *out = context;

    CHECK(err && credential->id.len == 36);
    *out = *credential;
    CHECK_INT(CREDENTIAL_CERTIFICATE, credential->kind);
    CHECK_INT(43, credential->thumbprint.len);
    return 0;
}

TEST(a_certificate_is_shown_by_its_thumbprint)
{
    CLEANUP(people_world_end) struct people_world world;
    people_world_new(&world);
    struct principal ci = with_certificate(&world, key_number(0));
    struct credential shown = {0};

    CHECK_OK(principal_credentials(world.identity, ci.number, look, &shown, &world.err),
             &world.err);
    CHECK_INT((NOW_S + 3600) * US_PER_S, shown.expires_us);
}
