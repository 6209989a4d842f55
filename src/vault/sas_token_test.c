/* A token opens its container like any signature; taken for a key by a client, it opens the same
 * and not longer. */
#include "vault/sas_token.h"

#include "base/buf.h"
#include "base/test.h"
#include "os/file.h"
#include "vault/vault.h"

#include <sodium.h>

#define NOON 1795262400000000LL /* 2026-11-21T12:00:00Z */
#define HOUR (3600 * US_PER_S)
#define ACCOUNT "lz0123"
#define CONTAINER "azureml-x"

struct world {
    struct arena *arena;
    struct vault *vault;
    struct error err;
};

static void world_start(struct world *world)
{
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &world->err);

    world->arena = arena_new(MIB);
    world->vault = vault_open(dir, &world->err);
    CHECK(world->vault);
}

static void world_end(struct world *world)
{
    vault_close(&world->vault);
    arena_free(&world->arena);
}

/* The address of one blob as azure-ai-ml signs it with `token` for a key: the text of version
 * 2025-11-05, read only. */
static struct str signed_with(struct world *world, struct str token, const char *blob,
                              const char *end)
{
    unsigned char key[SAS_TOKEN_KEY_BYTES], mac[crypto_auth_hmacsha256_BYTES];
    char sig[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    crypto_auth_hmacsha256_state state;
    struct str text =
        arena_printf(world->arena, "r\n\n%s\n/blob/%s/%s/%s\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n",
                     end, ACCOUNT, CONTAINER, blob);

    sas_token_key(token, key);
    crypto_auth_hmacsha256_init(&state, key, sizeof(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.ptr, text.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(sig, sizeof(sig), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    CLEANUP(buf_free) struct buf escaped = buf_make(4096);
    for (const char *c = sig; *c; c++)
        if (*c == '+' || *c == '/' || *c == '=')
            buf_printf(&escaped, "%%%02X", *c);
        else
            buf_add_char(&escaped, *c);
    return arena_printf(world->arena, "se=%s&sp=r&sv=2025-11-05&sr=b&sig=%.*s", end,
                        STR_ARG(buf_str(&escaped)));
}

static int check(struct world *world, struct str query, const char *blob, int64_t now_us)
{
    struct sas out;
    const struct sas_ask ask = {.query = query,
                                .now_us = now_us,
                                .account = STR(ACCOUNT),
                                .container = STR(CONTAINER),
                                .blob = str_from(blob)};

    world->err = (struct error){0};
    return sas_check(world->vault, world->arena, &ask, &out, &world->err);
}

TEST(a_token_is_a_signature_like_any_other)
{
    struct world world = {0};

    world_start(&world);
    struct str token = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON);
    CHECK_OK(check(&world, token, "a/b", NOON + US_PER_S), &world.err);
    CHECK_OK(check(&world, token, "a/b", NOON + 23 * HOUR), &world.err);
    CHECK_ERROR(ERROR_FORBIDDEN, check(&world, token, "a/b", NOON + 25 * HOUR), &world.err);
    world_end(&world);
}

TEST(the_hour_has_one_token)
{
    struct world world = {0};
    struct str first, second, third;

    world_start(&world);
    first = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON);
    second = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON + HOUR - 1);
    third = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON + HOUR);
    CHECK(str_eq(first, second));
    CHECK(!str_eq(first, third));
    world_end(&world);
}

/* The bytes were made by Python 3.11: base64.b64decode of this very text. */
TEST(the_key_is_what_python_reads)
{
    static const char TOKEN[] =
        "sv=2021-08-06&sig=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f&sr=c"
        "&sp=racwdl&st=2026-11-21T12%3A00%3A00Z&se=2026-11-22T12%3A00%3A00Z&spr=https";
    static const char PYTHON[] = "b2fdb4db5d3cd3ab22834d34d74db4df4e34e74eb4ef4f34f746b46f47347747b"
                                 "47f5d35d75db5df5e35e75eb5ef5f35f756b56f57357757b57eca";
    unsigned char key[SAS_TOKEN_KEY_BYTES];
    char hex[2 * SAS_TOKEN_KEY_BYTES + 1];

    sas_token_key(str_from(TOKEN), key);
    sodium_bin2hex(hex, sizeof(hex), key, sizeof(key));
    CHECK_STR(PYTHON, str_from(hex));
}

TEST(an_address_signed_with_a_token_opens_that_blob)
{
    struct world world = {0};

    world_start(&world);
    struct str token = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON);
    struct str query = signed_with(&world, token, "logs/std_log.txt", "2026-11-23T12:00:00Z");
    CHECK_OK(check(&world, query, "logs/std_log.txt", NOON + US_PER_S), &world.err);
    CHECK_OK(check(&world, query, "logs/std_log.txt", NOON + 23 * HOUR), &world.err);
    CHECK_ERROR(ERROR_FORBIDDEN, check(&world, query, "logs/other.txt", NOON + US_PER_S),
                &world.err);
    world_end(&world);
}

TEST(a_token_is_no_longer_a_key_than_a_signature)
{
    struct world world = {0};

    world_start(&world);
    struct str token = sas_token(world.vault, world.arena, STR(ACCOUNT), STR(CONTAINER), NOON);
    struct str query = signed_with(&world, token, "a", "2026-12-31T12:00:00Z");
    CHECK_ERROR(ERROR_FORBIDDEN, check(&world, query, "a", NOON + 24 * HOUR), &world.err);
    world_end(&world);
}

TEST(the_token_of_another_container_signs_nothing_here)
{
    struct world world = {0};

    world_start(&world);
    struct str token = sas_token(world.vault, world.arena, STR(ACCOUNT), STR("azureml-y"), NOON);
    struct str query = signed_with(&world, token, "a", "2026-11-22T12:00:00Z");
    CHECK_ERROR(ERROR_FORBIDDEN, check(&world, query, "a", NOON + US_PER_S), &world.err);
    token = sas_token(world.vault, world.arena, STR("lz9"), STR(CONTAINER), NOON);
    query = signed_with(&world, token, "a", "2026-11-22T12:00:00Z");
    CHECK_ERROR(ERROR_FORBIDDEN, check(&world, query, "a", NOON + US_PER_S), &world.err);
    world_end(&world);
}
