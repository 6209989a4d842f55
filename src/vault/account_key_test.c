#include "vault/account_key.h"

#include "base/test.h"
#include "http/text.h"
#include "os/file.h"
#include "vault/sas.h"
#include "vault/vault.h"

#include <sodium.h>

#define NOON 1795262400000000LL /* 2026-11-21T12:00:00Z */
#define HOUR (3600 * US_PER_S)

static struct vault *vault_for_test(void)
{
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct vault *vault = vault_open(dir, &err);

    CHECK(vault);
    return vault;
}

/* As a client does it: the key out of its base64, then HMAC-SHA256, then base64. */
static struct str sign_as_client(struct arena *arena, struct str key, struct str text)
{
    unsigned char raw[64], mac[crypto_auth_hmacsha256_BYTES];
    char out[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    crypto_auth_hmacsha256_state state;
    size_t len = 0;

    CHECK_INT(0, sodium_base642bin(raw, sizeof(raw), key.ptr, key.len, NULL, &len, NULL,
                                   sodium_base64_VARIANT_ORIGINAL));
    CHECK_INT(32, len);
    crypto_auth_hmacsha256_init(&state, raw, len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.ptr, text.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(out, sizeof(out), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return arena_str(arena, str_from(out));
}

TEST(a_key_counts_today_and_tomorrow_and_no_longer)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct str key = account_key(vault, arena, STR("lz0123"), NOON);
    struct account_signature ask = {.account = STR("lz0123"),
                                    .text = STR("GET\nx"),
                                    .signature = sign_as_client(arena, key, STR("GET\nx")),
                                    .now_us = NOON};

    CHECK(account_key_signed(vault, arena, &ask));
    ask.now_us = NOON + 35 * HOUR;
    CHECK(account_key_signed(vault, arena, &ask));
    ask.now_us = NOON + 37 * HOUR;
    CHECK(!account_key_signed(vault, arena, &ask));
    ask.now_us = NOON - 13 * HOUR; /* a key of tomorrow */
    CHECK(!account_key_signed(vault, arena, &ask));
}

TEST(a_key_opens_one_account_and_signs_one_text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct str key = account_key(vault, arena, STR("lz0123"), NOON);
    struct account_signature ask = {.account = STR("lz9999"),
                                    .text = STR("GET\nx"),
                                    .signature = sign_as_client(arena, key, STR("GET\nx")),
                                    .now_us = NOON};

    CHECK(!account_key_signed(vault, arena, &ask));
    ask.account = STR("lz0123");
    ask.text = STR("PUT\nx");
    CHECK(!account_key_signed(vault, arena, &ask));
    ask.text = STR("GET\nx");
    ask.signature = STR("");
    CHECK(!account_key_signed(vault, arena, &ask));
}

/* The text of version 2025-11-05 for one blob, written out; `account` as the client names it. */
static struct str client_query(struct arena *arena, struct vault *vault, const char *account,
                               const char *more)
{
    struct str key = account_key(vault, arena, STR("lz0123"), NOON);
    struct str text = arena_printf(arena,
                                   "r\n\n2026-11-21T12:30:00Z\n/blob/%s/azureml-x/a b/c.txt\n\n\n"
                                   "\n2025-11-05\nb\n\n\n\n\n\n\n",
                                   account);
    struct str sig = http_encode(arena, sign_as_client(arena, key, text), false);

    return arena_printf(arena, "se=2026-11-21T12%%3A30%%3A00Z&sp=r&sv=2025-11-05&sr=b&sig=%.*s%s",
                        STR_ARG(sig), more);
}

static struct sas_ask ask_for(struct str query)
{
    return (struct sas_ask){.query = query,
                            .now_us = NOON,
                            .account = STR("lz0123"),
                            .container = STR("azureml-x"),
                            .blob = STR("a b/c.txt"),
                            .host = STR("localhost:10443")};
}

TEST(a_client_signs_for_itself_under_either_name_of_the_account)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct error err = {0};
    struct sas out = {0};
    struct sas_ask ask = ask_for(client_query(arena, vault, "lz0123", ""));

    CHECK_OK(sas_check(vault, arena, &ask, &out, &err), &err);
    CHECK_STR("r", out.permissions);
    CHECK_STR("a b/c.txt", out.blob);
    ask.query = client_query(arena, vault, "localhost:10443/lz0123", "");
    CHECK_OK(sas_check(vault, arena, &ask, &out, &err), &err);
    ask.query = client_query(arena, vault, "elsewhere:10443/lz0123", "");
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(vault, arena, &ask, &out, &err), &err);
}

TEST(what_a_client_signed_is_bound_to_blob_time_and_rights)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct error err = {0};
    struct sas out = {0};
    struct str query = client_query(arena, vault, "lz0123", "");
    struct sas_ask ask = ask_for(query);

    ask.blob = STR("a b/d.txt");
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(vault, arena, &ask, &out, &err), &err);
    ask = ask_for(query);
    ask.now_us = NOON + HOUR;
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(vault, arena, &ask, &out, &err), &err);
    ssize_t at = str_find(query, STR("sp=r"));
    ask = ask_for(arena_printf(arena, "%.*ssp=rw%.*s", (int)at, query.ptr,
                               STR_ARG(str_slice(query, (size_t)at + 4, query.len))));
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(vault, arena, &ask, &out, &err), &err);
}

TEST(parameters_that_would_narrow_a_signature_are_not_passed_over)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct error err = {0};
    struct sas out = {0};
    struct sas_ask ask = ask_for(client_query(arena, vault, "lz0123", "&si=policy"));

    CHECK_ERROR(ERROR_NOT_IMPLEMENTED, sas_check(vault, arena, &ask, &out, &err), &err);
    ask.query = client_query(arena, vault, "lz0123", "&ses=scope");
    CHECK_ERROR(ERROR_NOT_IMPLEMENTED, sas_check(vault, arena, &ask, &out, &err), &err);
    ask.query = client_query(arena, vault, "lz0123", "&sip=10.0.0.1"); /* was not signed */
    CHECK_ERROR(ERROR_FORBIDDEN, sas_check(vault, arena, &ask, &out, &err), &err);
    ask.query = client_query(arena, vault, "lz0123", "&sp=rwdl");
    CHECK_ERROR(ERROR_INVALID, sas_check(vault, arena, &ask, &out, &err), &err);
}
