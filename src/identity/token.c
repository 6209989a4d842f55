/* The order of the checks is the point: the algorithm and the key before the signature, the
 * signature before any claim. A header may not bring a key, an address of a key, or another
 * algorithm; there is exactly one way for a token to be good. */
#include "identity/token.h"

#include "identity/base64url.h"

#include "os/random.h"

#include <assert.h>
#include <math.h>

#define TOKEN_BYTES (8 * KIB)
#define SKEW_US (60 * US_PER_S)
#define CLIENT_ID "04b07795-8ddb-461a-bbee-02f9e1bf7b46"

/* Whose it is, under one name of ours: nothing else of a token is taken for that. */
static struct json *own_claims(struct arena *arena, const struct token *token)
{
    static const char *const KINDS[] = {
        [TOKEN_ADMIN] = "admin", [TOKEN_ATTEMPT] = "attempt", [TOKEN_PRINCIPAL] = "principal"};
    struct json *ours = json_object(arena);

    assert(token->kind <= TOKEN_PRINCIPAL);
    json_set_str(arena, ours, "kind", str_from(KINDS[token->kind]));
    if (token->kind == TOKEN_ATTEMPT) {
        json_set_int(arena, ours, "scope", token->scope);
        json_set_str(arena, ours, "run", token->run);
        json_set_int(arena, ours, "attempt", token->attempt);
        json_set_str(arena, ours, "maker", token->maker.name);
        json_set_str(arena, ours, "makerType", maker_word(token->maker.kind));
    }
    return ours;
}

/* People have a name to sign in with; programs only their client id. */
static void set_names(struct arena *arena, const struct token *token, struct json *claims)
{
    struct str client = token->client_id.len > 0 ? token->client_id : STR(CLIENT_ID);
    bool principal = token->kind == TOKEN_PRINCIPAL;

    assert(client.len > 0);
    json_set_str(arena, claims, "appid", client);
    if (principal)
        json_set_str(arena, claims, "azp", client);
    json_set_str(arena, claims, "name", token->display.len > 0 ? token->display : token->name);
    if (principal)
        json_set_str(arena, claims, "idtyp", token->program ? STR("app") : STR("user"));
    if (token->program)
        return;
    json_set_str(arena, claims, "preferred_username", token->name);
    if (principal) {
        json_set_str(arena, claims, "upn", token->name);
        json_set_str(arena, claims, "unique_name", token->name);
    }
}

/* The claims that azure-ai-ml, azure-identity and msal look at, and our own under one name. */
static struct json *claims_of(struct arena *arena, const struct token *token)
{
    struct json *claims = json_object(arena);
    int64_t issued_s = token->issued_us / US_PER_S;

    assert(token->tenant.len > 0);
    json_set_str(arena, claims, "aud", token->audience);
    json_set_str(arena, claims, "iss", token->issuer);
    json_set_str(arena, claims, "tid", token->tenant);
    json_set_str(arena, claims, "oid", token->object_id);
    json_set_str(arena, claims, "sub", token->subject);
    set_names(arena, token, claims);
    json_set_int(arena, claims, "iat", issued_s);
    json_set_int(arena, claims, "nbf", issued_s);
    json_set_int(arena, claims, "exp", token->expires_us / US_PER_S);
    json_set_str(arena, claims, "jti", random_uuid(arena));
    json_set_str(arena, claims, "ver", STR("1.0"));
    if (token->cae) {
        struct json *capabilities = json_array(arena);
        json_append(arena, capabilities, json_text(arena, STR("cp1")));
        json_set(arena, claims, STR("xms_cc"), capabilities);
    }
    json_set(arena, claims, STR("lazurite"), own_claims(arena, token));
    return claims;
}

/* Compact serialization, RFC 7515: head, claims, signature. */
int token_sign_claims(struct keys *keys, struct arena *arena, const struct json *claims,
                      struct str *out, struct error *err)
{
    struct json *header = json_object(arena);
    struct str signature;

    assert(out);
    json_set_str(arena, header, "typ", STR("JWT"));
    json_set_str(arena, header, "alg", STR("RS256"));
    json_set_str(arena, header, "kid", keys_active_id(keys));
    struct str head = base64url_encode(arena, json_write(arena, header));
    struct str body = base64url_encode(arena, json_write(arena, claims));
    struct str text = arena_printf(arena, "%.*s.%.*s", STR_ARG(head), STR_ARG(body));
    if (keys_sign(keys, arena, text, &signature, err) < 0)
        return -1;
    *out = arena_printf(arena, "%.*s.%.*s", STR_ARG(text), STR_ARG(signature));
    return 0;
}

/* The claims are the token's; the key is the newest. */
int token_sign(struct keys *keys, struct arena *arena, const struct token *token, struct str *out,
               struct error *err)
{
    assert(token->audience.len > 0 && token->expires_us > token->issued_us);
    return token_sign_claims(keys, arena, claims_of(arena, token), out, err);
}

/* Says which check failed: that helps its owner and tells a forger nothing new. */
static int refused(struct error *err, const char *why)
{
    assert(why);
    return error_set(err, ERROR_UNAUTHENTICATED, "", "The token is not valid: %s.", why);
}

/* One part of the token as a JSON object, NULL when it is none. */
static struct json *part_read(struct arena *arena, struct str part)
{
    unsigned char *bytes = arena_alloc(arena, part.len + 3);
    size_t len;

    if (part.len == 0 || !base64url_decode(part, bytes, &len))
        return NULL;
    struct json *value = json_parse(arena, (struct str){(const char *)bytes, len}, NULL);
    return json_kind(value) == JSON_OBJECT ? value : NULL;
}

/* Only RS256, only a key of our set: whatever else a header offers is not looked at but refused. */
static int check_header(const struct json *header, struct error *err)
{
    static const char *const FOREIGN[] = {"jku", "jwk", "x5u", "x5c", "crit"};

    if (!header)
        return refused(err, "its header cannot be read");
    if (!str_eq(json_str_at(header, "alg"), STR("RS256")))
        return refused(err, "its algorithm is not RS256");
    for (size_t i = 0; i < COUNT(FOREIGN); i++)
        if (json_get(header, str_from(FOREIGN[i])))
            return refused(err, "its header brings a key of its own");
    if (json_str_at(header, "kid").len == 0)
        return refused(err, "it names no key");
    return 0;
}

/* A NumericDate may hold a fraction. -1 when it is missing or no date. */
int64_t token_date_us(const struct json *claims, const char *name)
{
    double seconds = json_double_at(claims, name, -1);

    assert(name);
    if (!isfinite(seconds) || seconds < 0 || seconds > 9e12)
        return -1;
    return (int64_t)(seconds * (double)US_PER_S);
}

/* A minute of skew is allowed at the beginning of a token's life, none at its end. */
static int check_times(const struct json *claims, int64_t now_us, struct token *out,
                       struct error *err)
{
    int64_t begins_us = token_date_us(claims, "nbf");

    assert(out);
    out->issued_us = token_date_us(claims, "iat");
    out->expires_us = token_date_us(claims, "exp");
    if (out->expires_us < 0 || out->issued_us < 0)
        return refused(err, "it has no exp or no iat");
    if (now_us >= out->expires_us)
        return refused(err, "it has expired");
    if (out->issued_us > now_us + SKEW_US || begins_us > now_us + SKEW_US)
        return refused(err, "it begins in the future");
    return 0;
}

/* Whose it says it is; false for a word we do not know, which is never taken for the admin's. */
static bool read_kind(struct str word, enum token_kind *out)
{
    assert(out);
    if (str_eq(word, STR("admin")))
        *out = TOKEN_ADMIN;
    else if (str_eq(word, STR("attempt")))
        *out = TOKEN_ATTEMPT;
    else if (str_eq(word, STR("principal")))
        *out = TOKEN_PRINCIPAL;
    else
        return false;
    return true;
}

/* What a token says about its owner. One that says too little is refused. */
static int read_claims(const struct json *claims, struct token *out, struct error *err)
{
    assert(claims);
    out->audience = json_str_at(claims, "aud");
    out->issuer = json_str_at(claims, "iss");
    out->tenant = json_str_at(claims, "tid");
    out->subject = json_str_at(claims, "sub");
    out->object_id = json_str_at(claims, "oid");
    out->name = json_str_at(claims, "name");
    out->client_id = json_str_at(claims, "appid");
    out->scope = json_int_at(claims, "lazurite.scope", 0);
    out->run = json_str_at(claims, "lazurite.run");
    out->attempt = (int)json_int_at(claims, "lazurite.attempt", 0);
    out->maker = (struct maker){maker_kind_of(json_str_at(claims, "lazurite.makerType")),
                                json_str_at(claims, "lazurite.maker")};
    if (!read_kind(json_str_at(claims, "lazurite.kind"), &out->kind))
        return refused(err, "it does not say whose it is");
    if (out->kind == TOKEN_ATTEMPT && (out->scope <= 0 || out->run.len == 0 || out->attempt <= 0))
        return refused(err, "it names no attempt");
    if (out->kind == TOKEN_PRINCIPAL && out->object_id.len == 0)
        return refused(err, "it names nobody");
    return 0;
}

/* Three parts, the header, the signature, the claims: each is looked at only when those before
 * it were right. */
int token_read(const struct token_check *check, struct arena *arena, struct str text,
               struct token *out, struct error *err)
{
    struct str head, rest, body, signature;
    struct token read = {0};

    assert(check && out);
    if (text.len > TOKEN_BYTES)
        return refused(err, "it is too long");
    if (!str_cut(text, '.', &head, &rest) || !str_cut(rest, '.', &body, &signature) ||
        str_find_char(signature, '.') >= 0)
        return refused(err, "it has not three parts");
    struct json *header = part_read(arena, head);
    if (check_header(header, err) < 0)
        return -1;
    /* The signature before the claims: nothing of a forged token is read. */
    struct str signed_text = {text.ptr, head.len + 1 + body.len};
    if (!keys_verify(check->keys, json_str_at(header, "kid"), signed_text, signature))
        return refused(err, "its signature is not ours");
    struct json *claims = part_read(arena, body);
    if (!claims)
        return refused(err, "its claims cannot be read");
    if (read_claims(claims, &read, err) < 0 || check_times(claims, check->now_us, &read, err) < 0)
        return -1;
    if (!str_eq(read.tenant, check->tenant))
        return refused(err, "it is of another tenant");
    *out = read;
    return 0;
}
