#include "blob/internal.h"

#include "arm/fake_exchange.h"
#include "asset/asset.h"
#include "base/test.h"
#include "os/clock.h"
#include "os/file.h"
#include "vault/account_key.h"
#include "vault/vault.h"

#include <sodium.h>

#define GUID "0123abcd-0000-4000-8000-000000000001"
#define ACCOUNT "lz0123abcd000040008000"
#define LONG "/" ACCOUNT ".blob.core.lazurite.test/azureml-" GUID
#define NOON 1795262400000000LL /* 2026-11-21T12:00:00Z */
#define DATE "Sat, 21 Nov 2026 12:00:00 GMT"

/* A route without a guard: the handler is the check itself, and says what it decided. */
static void check_and_tell(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    const struct blob_ask ask = blob_ask_of(call);
    int result = blob_shared_key_check(&ask, engines->vault, STR(ACCOUNT), &err);

    http_reply(call->ex, result == 0 ? 200 : 403, "text/plain",
               arena_str(call->arena, str_from(err.message)));
}

static void refuse(struct call *call, const struct error *err)
{
    http_reply(call->ex, 500, "text/plain", arena_str(call->arena, str_from(err->message)));
}

static const struct route ROWS[] = {
    {"GET", "/{account}.blob.{suffix}/{container}", PERMIT_PUBLIC, NULL, 0, 0, LISTEN_ALL,
     check_and_tell, NULL, refuse},
    {"PUT", "/{account}.blob.{suffix}/{container}/{blob*}", PERMIT_PUBLIC, NULL, MIB, 0, LISTEN_ALL,
     check_and_tell, NULL, refuse},
};

struct world {
    struct arena *arena;
    struct engines engines;
    struct fake *fake;
    int dir;
};

static struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    clock_test_set(NOON);
    w->arena = arena;
    w->dir = dir_open(test_folder(), &err);
    w->engines.vault = vault_open(w->dir, &err);
    CHECK(w->engines.vault);
    struct route_table table = {ROWS, COUNT(ROWS), &w->engines};
    w->fake = fake_new(&table, 1);
    fake_header(w->fake, "x-ms-date", DATE);
    fake_header(w->fake, "x-ms-version", "2025-11-05");
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    fake_free(&(*w)->fake);
    vault_close(&(*w)->engines.vault);
    fd_close(&(*w)->dir);
    clock_test_end();
    arena_free(&arena);
}

/* "SharedKey name:signature" of a text, with the key that listSecrets would give now. */
static void sign(struct world *w, const char *name, const char *text)
{
    struct str key = account_key(w->engines.vault, w->arena, STR(ACCOUNT), NOON);
    unsigned char raw[64], mac[crypto_auth_hmacsha256_BYTES];
    char out[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    crypto_auth_hmacsha256_state state;
    size_t len = 0;

    CHECK_INT(0, sodium_base642bin(raw, sizeof(raw), key.ptr, key.len, NULL, &len, NULL,
                                   sodium_base64_VARIANT_ORIGINAL));
    crypto_auth_hmacsha256_init(&state, raw, len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, str_from(text).len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(out, sizeof(out), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    fake_header(w->fake, "Authorization", arena_printf(w->arena, "SharedKey %s:%s", name, out).ptr);
}

#define LIST_TEXT(name)                             \
    "GET\n\n\n\n\n\n\n\n\n\n\n\n"                   \
    "x-ms-date:" DATE "\nx-ms-version:2025-11-05\n" \
    "/" name LONG "\ncomp:list\nprefix:a b/\nrestype:container"
#define LIST LONG "?restype=container&comp=list&prefix=a%20b%2F"

TEST(a_list_signed_as_the_storage_library_does_it_is_taken)
{
    CLEANUP(world_close) struct world *w = world_open();

    sign(w, ACCOUNT, LIST_TEXT(ACCOUNT));
    CHECK_INT(200, fake_send(w->fake, "GET", LIST, STR("")).status);
    /* On localhost the library takes the first piece of the path for the account. */
    sign(w, ACCOUNT ".blob.core.lazurite.test", LIST_TEXT(ACCOUNT ".blob.core.lazurite.test"));
    CHECK_INT(200, fake_send(w->fake, "GET", LIST, STR("")).status);
    sign(w, "another", LIST_TEXT("another"));
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
}

TEST(what_was_changed_after_signing_is_refused)
{
    CLEANUP(world_close) struct world *w = world_open();

    sign(w, ACCOUNT, LIST_TEXT(ACCOUNT));
    CHECK_INT(403, fake_send(w->fake, "GET", LONG "?restype=container&comp=list", STR("")).status);
    fake_header(w->fake, "x-ms-version", "2021-08-06");
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
    fake_header(w->fake, "x-ms-version", "2025-11-05");
    CHECK_INT(200, fake_send(w->fake, "GET", LIST, STR("")).status);
    fake_header(w->fake, "If-Match", "x");
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
}

TEST(headers_of_a_put_are_signed_in_the_order_of_a_dictionary)
{
    CLEANUP(world_close) struct world *w = world_open();

    fake_header(w->fake, "x-ms-blob-type", "BlockBlob");
    fake_header(w->fake, "x-ms-meta-a-b", "1");
    fake_header(w->fake, "x-ms-meta-ab", "2");
    fake_header(w->fake, "x-ms-meta-aa", "3");
    fake_header(w->fake, "Content-Type", "text/plain");
    fake_header(w->fake, "Content-Length", "0");
    sign(
        w, ACCOUNT,
        "PUT\n\n\n\n\ntext/plain\n\n\n\n\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:" DATE
        "\nx-ms-meta-aa:3\nx-ms-meta-ab:2\nx-ms-meta-a-b:1\nx-ms-version:2025-11-05\n/" ACCOUNT LONG
        "/a%20b");
    CHECK_INT(200, fake_send(w->fake, "PUT", LONG "/a%20b", STR("")).status);
}

TEST(a_request_signed_over_a_quarter_of_an_hour_ago_is_refused)
{
    CLEANUP(world_close) struct world *w = world_open();

    sign(w, ACCOUNT, LIST_TEXT(ACCOUNT));
    clock_test_advance(14 * 60 * US_PER_S);
    CHECK_INT(200, fake_send(w->fake, "GET", LIST, STR("")).status);
    clock_test_advance(2 * 60 * US_PER_S);
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
    fake_header(w->fake, "x-ms-date", "yesterday");
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
}

TEST(other_words_in_authorization_open_nothing)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
    fake_header(w->fake, "Authorization", "SharedKey " ACCOUNT);
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
    fake_header(w->fake, "Authorization", "SharedKeyLite " ACCOUNT ":c2ln");
    CHECK_INT(403, fake_send(w->fake, "GET", LIST, STR("")).status);
}
