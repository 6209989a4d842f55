#include "base/test.h"
#include "identity/base64url.h"
#include "identity/token.h"
#include "os/clock.h"
#include "os/file.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define NOW_US (1790000000LL * US_PER_S)

/* Keys made once for the whole program, since an RSA key takes a while. */
static struct keys *our_keys(void)
{
    static struct keys *keys;
    bool complete;
    struct error err = {0};

    if (keys)
        return keys;
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    keys = keys_load(dir, &complete, &err);
    CHECK_OK(keys_make(keys, dir, &err), &err);
    return keys;
}

static struct token admin(void)
{
    return (struct token){.kind = TOKEN_ADMIN,
                          .audience = STR_INIT("https://ml.azure.test"),
                          .issuer = STR_INIT("https://localhost/t"),
                          .tenant = STR_INIT("tenant-1"),
                          .subject = STR_INIT("s"),
                          .object_id = STR_INIT("o"),
                          .name = STR_INIT("admin"),
                          .issued_us = NOW_US,
                          .expires_us = NOW_US + 3600 * US_PER_S};
}

static struct str signed_token(struct arena *arena, const struct token *token)
{
    struct str text;
    struct error err = {0};

    CHECK_OK(token_sign(our_keys(), arena, token, &text, &err), &err);
    return text;
}

/* Reads at a time; the error's sentence, or "" when the token was taken. */
static struct str outcome(struct arena *arena, struct str text, int64_t now_us)
{
    struct token_check check = {our_keys(), STR_INIT("tenant-1"), now_us};
    struct token out = {.name = STR_INIT("untouched")};
    struct error err = {0};

    if (token_read(&check, arena, text, &out, &err) == 0)
        return STR("");
    CHECK_INT(ERROR_UNAUTHENTICATED, err.code);
    CHECK_STR("untouched", out.name);
    return arena_str(arena, str_from(err.message));
}

/* A token with a header and claims of the test's own, signed by our key when `sign`. */
static struct str forged(struct arena *arena, struct str header, struct str claims, bool sign)
{
    struct str signature = STR("AAAA");
    struct error err = {0};
    struct str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(base64url_encode(arena, header)),
                                   STR_ARG(base64url_encode(arena, claims)));

    if (sign)
        CHECK_OK(keys_sign(our_keys(), arena, text, &signature, &err), &err);
    return arena_printf(arena, "%.*s.%.*s", STR_ARG(text), STR_ARG(signature));
}

static struct str header_with(struct arena *arena, const char *more)
{
    return arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%.*s\"%s}",
                        STR_ARG(keys_active_id(our_keys())), more);
}

#define CLAIMS(exp)                                                                           \
    "{\"aud\":\"https://ml.azure.test\",\"tid\":\"tenant-1\",\"iat\":1790000000,\"exp\":" exp \
    ",\"lazurite\":{\"kind\":\"admin\"}}"

TEST(what_was_signed_is_read_back)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct token token = admin(), out;
    struct token_check check = {our_keys(), STR_INIT("tenant-1"), NOW_US};
    struct error err = {0};

    CHECK_OK(token_read(&check, arena, signed_token(arena, &token), &out, &err), &err);
    CHECK_INT(TOKEN_ADMIN, out.kind);
    CHECK_STR("https://ml.azure.test", out.audience);
    CHECK_STR("o", out.object_id);
    CHECK_STR("admin", out.name);
    CHECK_INT(NOW_US, out.issued_us);
    CHECK_INT(NOW_US + 3600 * US_PER_S, out.expires_us);
}

TEST(an_attempts_token_says_which_attempt)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct token token = admin(), out;
    struct token_check check = {our_keys(), STR_INIT("tenant-1"), NOW_US};
    struct error err = {0};

    token.kind = TOKEN_ATTEMPT;
    token.scope = 3;
    token.run = STR("calm_owl");
    token.attempt = 2;
    CHECK_OK(token_read(&check, arena, signed_token(arena, &token), &out, &err), &err);
    CHECK_INT(TOKEN_ATTEMPT, out.kind);
    CHECK_INT(3, out.scope);
    CHECK_STR("calm_owl", out.run);
    CHECK_INT(2, out.attempt);
}

TEST(a_token_ends_at_its_second)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct token token = admin();
    struct str text = signed_token(arena, &token);

    CHECK_STR("", outcome(arena, text, token.expires_us - 1));
    CHECK_STR("The token is not valid: it has expired.", outcome(arena, text, token.expires_us));
    CHECK_STR("The token is not valid: it begins in the future.",
              outcome(arena, text, NOW_US - 61 * US_PER_S));
}

TEST(algorithm_none_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    static const char *const HEADERS[] = {"{\"alg\":\"none\"}", "{\"alg\":\"None\"}",
                                          "{\"alg\":\"\"}", "{}", "{\"alg\":\"rs256\"}"};

    for (size_t i = 0; i < COUNT(HEADERS); i++) {
        struct str text = forged(arena, str_from(HEADERS[i]), STR(CLAIMS("1790003600")), false);
        CHECK_STR("The token is not valid: its algorithm is not RS256.",
                  outcome(arena, text, NOW_US));
        struct str bare = str_slice(text, 0, text.len - 4); /* an empty signature */
        CHECK(outcome(arena, bare, NOW_US).len > 0);
    }
}

/* The old trick: our public key, which everybody has, as the secret of an HMAC. */
TEST(an_hmac_with_the_public_key_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *jwks = keys_jwks(our_keys(), arena);
    struct str n = json_str_at(jwks, "keys[0].n");
    struct str header = arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%.*s\"}",
                                     STR_ARG(keys_active_id(our_keys())));
    struct str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(base64url_encode(arena, header)),
                                   STR_ARG(base64url_encode(arena, STR(CLAIMS("1790003600")))));
    unsigned char mac[32];
    unsigned int len = sizeof(mac);

    HMAC(EVP_sha256(), n.ptr, (int)n.len, (const unsigned char *)text.ptr, text.len, mac, &len);
    struct str signature = base64url_encode(arena, (struct str){(const char *)mac, len});
    text = arena_printf(arena, "%.*s.%.*s", STR_ARG(text), STR_ARG(signature));
    CHECK_STR("The token is not valid: its algorithm is not RS256.", outcome(arena, text, NOW_US));
}

TEST(a_key_that_is_not_in_our_set_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str header = STR("{\"alg\":\"RS256\",\"kid\":\"00112233445566778899aabbccddeeff\"}");

    CHECK_STR("The token is not valid: its signature is not ours.",
              outcome(arena, forged(arena, header, STR(CLAIMS("1790003600")), true), NOW_US));
    CHECK_STR("The token is not valid: it names no key.",
              outcome(arena,
                      forged(arena, STR("{\"alg\":\"RS256\"}"), STR(CLAIMS("1790003600")), true),
                      NOW_US));
}

TEST(a_header_that_brings_a_key_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    static const char *const MORE[] = {",\"jku\":\"https://x\"", ",\"jwk\":{}",
                                       ",\"x5u\":\"https://x\"", ",\"x5c\":[]",
                                       ",\"crit\":[\"b64\"]"};

    for (size_t i = 0; i < COUNT(MORE); i++)
        CHECK_STR(
            "The token is not valid: its header brings a key of its own.",
            outcome(arena,
                    forged(arena, header_with(arena, MORE[i]), STR(CLAIMS("1790003600")), true),
                    NOW_US));
}

TEST(changed_claims_or_signature_are_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct token token = admin();
    struct str text = signed_token(arena, &token);

    for (size_t i = 0; i < text.len; i += 7) {
        char *copy = arena_cstr(arena, text);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        CHECK(outcome(arena, (struct str){copy, text.len}, NOW_US).len > 0);
    }
    CHECK_STR("", outcome(arena, text, NOW_US));
}

TEST(times_may_be_fractions_and_must_be_numbers)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str header = header_with(arena, "");

    CHECK_STR("",
              outcome(arena, forged(arena, header, STR(CLAIMS("1790003600.75")), true), NOW_US));
    CHECK_STR("The token is not valid: it has no exp or no iat.",
              outcome(arena, forged(arena, header, STR(CLAIMS("\"1790003600\"")), true), NOW_US));
    CHECK_STR("The token is not valid: it has no exp or no iat.",
              outcome(arena, forged(arena, header, STR(CLAIMS("-1")), true), NOW_US));
    CHECK_STR("The token is not valid: it has no exp or no iat.",
              outcome(arena, forged(arena, header, STR(CLAIMS("1e300")), true), NOW_US));
}

TEST(another_tenant_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct token token = admin();

    token.tenant = STR("tenant-2");
    CHECK_STR("The token is not valid: it is of another tenant.",
              outcome(arena, signed_token(arena, &token), NOW_US));
}

TEST(a_token_without_an_owner_or_attempt_is_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str header = header_with(arena, "");
    static const char *const CASES[][2] = {
        {"{\"kind\":\"root\"}", "it does not say whose it is"},
        {"{}", "it does not say whose it is"},
        {"{\"kind\":\"attempt\",\"scope\":1,\"attempt\":1}", "it names no attempt"},
        {"{\"kind\":\"attempt\",\"run\":\"r\",\"attempt\":1}", "it names no attempt"},
        {"{\"kind\":\"attempt\",\"run\":\"r\",\"scope\":1}", "it names no attempt"},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str claims = arena_printf(
            arena, "{\"tid\":\"tenant-1\",\"iat\":1790000000,\"exp\":1790003600,\"lazurite\":%s}",
            CASES[i][0]);
        struct str expected = arena_printf(arena, "The token is not valid: %s.", CASES[i][1]);
        CHECK_STR(arena_cstr(arena, expected),
                  outcome(arena, forged(arena, header, claims, true), NOW_US));
    }
}

TEST(texts_that_are_no_tokens_are_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    static char room[9000];
    static const char *const TEXTS[] = {"",        ".",           "..",          "a.b",  "a.b.c",
                                        "a.b.c.d", "e30.e30.e30", "W10.W10.W10", "=.=.="};

    for (size_t i = 0; i < COUNT(TEXTS); i++)
        CHECK(outcome(arena, str_from(TEXTS[i]), NOW_US).len > 0);
    memset(room, 'a', sizeof(room) - 1);
    CHECK_STR("The token is not valid: it is too long.", outcome(arena, str_from(room), NOW_US));
}
