/* What clients sign, version by version. Each text is written out here as the documentation of its
 * version has it, so that a slip in the table of layouts does not sign and check alike. */
#include "base/test.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "vault/account_key.h"
#include "vault/sas.h"
#include "vault/vault.h"

#include <sodium.h>

#define NOON 1795262400000000LL /* 2026-11-21T12:00:00Z */
#define END "2026-11-21T12:30:00Z"
#define HOUR (3600 * US_PER_S)
#define RESOURCE "/blob/lz0123/box/a b/c.txt"

struct world {
    struct arena *arena;
    struct vault *vault;
    struct sas_ask ask;
    struct sas out;
    struct error err;
};

static struct world *world_open(void)
{
    struct arena *arena = arena_new(MIB);
    struct world *w = arena_make(arena, struct world);
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &w->err);

    w->arena = arena;
    w->vault = vault_open(dir, &w->err);
    CHECK(w->vault);
    w->ask = (struct sas_ask){.now_us = NOON,
                              .account = STR("lz0123"),
                              .container = STR("box"),
                              .blob = STR("a b/c.txt"),
                              .host = STR("localhost:10443"),
                              .first = STR("lz0123.blob.core.test"),
                              .remote = STR("10.1.2.3")};
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    vault_close(&(*w)->vault);
    arena_free(&arena);
}

static struct str hmac(struct world *w, struct str key, const char *text)
{
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
    return http_encode(w->arena, str_from(out), false);
}

/* Checks a query signed with the account's key over this text. */
static int check(struct world *w, const char *query, const char *text)
{
    struct str key = account_key(w->vault, w->arena, STR("lz0123"), NOON);

    w->ask.query = arena_printf(w->arena, "%s&sig=%.*s", query, STR_ARG(hmac(w, key, text)));
    return sas_check(w->vault, w->arena, &w->ask, &w->out, &w->err);
}

static bool coded(struct world *w, const char *code)
{
    return str_eq(str_from(w->err.target), str_from(code));
}

TEST(every_version_has_its_own_list_of_fields)
{
    static const struct {
        const char *query, *text;
    } VERSIONS[] = {
        {"sv=2015-04-05&sr=b&sp=r&se=" END,
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2015-04-05\n\n\n\n\n"},
        {"sv=2017-11-09&sr=b&sp=r&se=" END "&rsct=a",
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2017-11-09\n\n\n\n\na"},
        {"sv=2018-11-09&sr=b&sp=r&se=" END,
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2018-11-09\nb\n\n\n\n\n\n"},
        {"sv=2020-10-02&sr=b&sp=r&se=" END "&rscc=no",
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2020-10-02\nb\n\nno\n\n\n\n"},
        {"sv=2020-12-06&sr=b&sp=r&se=" END,
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2020-12-06\nb\n\n\n\n\n\n\n"},
        {"sv=2025-11-05&sr=b&sp=rw&st=2026-11-21&spr=https&sip=10.0.0.0-10.255.255.255&se=" END
         "&rscc=1&rscd=2&rsce=3&rscl=4&rsct=5",
         "rw\n2026-11-21\n" END "\n" RESOURCE
         "\n\n10.0.0.0-10.255.255.255\nhttps\n2025-11-05\nb\n\n\n1\n2\n3\n4\n5"},
        {"sv=2026-10-06&sr=b&sp=r&se=" END,
         "r\n\n" END "\n" RESOURCE "\n\n\n\n2026-10-06\nb\n\n\n\n\n\n\n"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(VERSIONS); i++) {
        CHECK_OK(check(w, VERSIONS[i].query, VERSIONS[i].text), &w->err);
        /* The same under another version's list does not fit. */
        const char *other = VERSIONS[i < 2 ? 4 : 0].text;
        CHECK_ERROR(ERROR_FORBIDDEN, check(w, VERSIONS[i].query, other), &w->err);
    }
    CHECK_ERROR(ERROR_FORBIDDEN,
                check(w, "sv=2012-02-12&sr=b&sp=r&se=" END,
                      "r\n\n" END "\n/lz0123/box/a b/c.txt\n\n2012-02-12\n\n\n\n\n"),
                &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, "sr=b&sp=r&se=" END, "x"), &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, "sv=9&sr=b&sp=r&se=" END, "x"), &w->err);
}

TEST(a_container_and_a_folder_open_what_is_in_them)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_OK(check(w, "sv=2025-11-05&sr=c&sp=rl&se=" END,
                   "rl\n\n" END "\n/blob/lz0123/box\n\n\n\n2025-11-05\nc\n\n\n\n\n\n\n"),
             &w->err);
    CHECK_STR("box", w->out.container);
    CHECK_INT(0, w->out.blob.len);
    const char *folder = "sv=2025-11-05&sr=d&sdd=1&sp=r&se=" END;
    CHECK_OK(
        check(w, folder, "r\n\n" END "\n/blob/lz0123/box/a b\n\n\n\n2025-11-05\nd\n\n\n\n\n\n\n"),
        &w->err);
    CHECK_STR("a b", w->out.folder);
    w->ask.blob = STR("a bc/c.txt");
    CHECK_ERROR(
        ERROR_FORBIDDEN,
        check(w, folder, "r\n\n" END "\n/blob/lz0123/box/a b\n\n\n\n2025-11-05\nd\n\n\n\n\n\n\n"),
        &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, "sv=2025-11-05&sr=d&sp=r&se=" END, "x"), &w->err);
    CHECK_ERROR(ERROR_NOT_IMPLEMENTED, check(w, "sv=2025-11-05&sr=bs&sp=r&se=" END, "x"), &w->err);
}

TEST(a_signature_for_a_blob_needs_one)
{
    CLEANUP(world_close) struct world *w = world_open();

    /* "" would be signed as the container: a blob's signature may not open that. */
    w->ask.blob = STR("");
    CHECK_ERROR(ERROR_FORBIDDEN,
                check(w, "sv=2025-11-05&sr=b&sp=rl&se=" END,
                      "rl\n\n" END "\n/blob/lz0123/box\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n"),
                &w->err);
    w->ask.container = STR("");
    CHECK_ERROR(ERROR_FORBIDDEN,
                check(w, "sv=2025-11-05&sr=c&sp=rl&se=" END,
                      "rl\n\n" END "\n/blob/lz0123/\n\n\n\n2025-11-05\nc\n\n\n\n\n\n\n"),
                &w->err);
}

/* What the library for Go makes of an address that names the account by path: with the account's
 * key, that piece is the container; with a delegation key, the host is the account. */
TEST(the_library_for_go_names_the_account_by_its_own_parts)
{
    static const char WITH_KEY[] = "r\n\n" END "\n/blob/lz0123/lz0123.blob.core.test/box/a b/c.txt"
                                   "\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n";
    static const char OTHER[] = "r\n\n" END "\n/blob/lz0123/lz0123.blob.core.test/bin/a b/c.txt"
                                "\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n";
    static const char *const QUERY = "sv=2025-11-05&sr=b&sp=r&se=" END;
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_OK(check(w, QUERY, WITH_KEY), &w->err);
    CHECK_STR("box", w->out.container);
    CHECK_STR("a b/c.txt", w->out.blob);
    CHECK_ERROR(ERROR_FORBIDDEN, check(w, QUERY, OTHER), &w->err);
}

#define ACCOUNT(ss, srt) "sv=2025-11-05&sp=rl&ss=" ss "&srt=" srt "&se=" END
#define ACCOUNT_TEXT(ss, srt) "lz0123\nrl\n" ss "\n" srt "\n\n" END "\n\n\n2025-11-05\n\n"

TEST(an_accounts_signature_says_services_and_levels)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_OK(check(w, ACCOUNT("b", "sco"), ACCOUNT_TEXT("b", "sco")), &w->err);
    CHECK_INT(0, w->out.container.len);
    CHECK_STR("rl", w->out.permissions);
    CHECK_OK(check(w, "sv=2019-12-12&sp=r&ss=bqtf&srt=o&se=" END,
                   "lz0123\nr\nbqtf\no\n\n" END "\n\n\n2019-12-12\n"),
             &w->err);
    CHECK_ERROR(ERROR_FORBIDDEN, check(w, ACCOUNT("qf", "sco"), ACCOUNT_TEXT("qf", "sco")),
                &w->err);
    CHECK(coded(w, "AuthorizationServiceMismatch"));
    CHECK_ERROR(ERROR_FORBIDDEN, check(w, ACCOUNT("b", "sc"), ACCOUNT_TEXT("b", "sc")), &w->err);
    CHECK(coded(w, "AuthorizationResourceTypeMismatch"));
    w->ask.blob = STR("");
    CHECK_OK(check(w, ACCOUNT("b", "c"), ACCOUNT_TEXT("b", "c")), &w->err);
    w->ask.container = STR("");
    CHECK_ERROR(ERROR_FORBIDDEN, check(w, ACCOUNT("b", "c"), ACCOUNT_TEXT("b", "c")), &w->err);
    CHECK_OK(check(w, ACCOUNT("b", "s"), ACCOUNT_TEXT("b", "s")), &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, ACCOUNT("x", "s"), ACCOUNT_TEXT("x", "s")), &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, ACCOUNT("b", "z"), ACCOUNT_TEXT("b", "z")), &w->err);
    CHECK_ERROR(ERROR_INVALID, check(w, ACCOUNT("b", "s") "&sr=c", "x"), &w->err);
}

TEST(the_address_of_the_client_is_within_the_range)
{
    static const struct {
        const char *range, *remote;
        bool open;
    } CASES[] = {
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.0-10.1.3.0", "10.1.2.9", true},
        {"10.1.2.0-10.1.3.0", "10.1.3.1", false},
        {"127.0.0.1", "", true},
        {"::1-::2", "::1", true},
        {"10.0.0.1", "::1", false},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        w->ask.remote = str_from(CASES[i].remote);
        const char *query =
            arena_printf(w->arena, "sv=2025-11-05&sr=b&sp=r&sip=%s&se=" END, CASES[i].range).ptr;
        const char *text =
            arena_printf(w->arena,
                         "r\n\n" END "\n" RESOURCE "\n\n%s\n\n2025-11-05\nb\n\n\n\n\n\n\n",
                         CASES[i].range)
                .ptr;
        CHECK_INT(CASES[i].open ? 0 : -1, check(w, query, text));
        CHECK(CASES[i].open || coded(w, "AuthorizationSourceIPMismatch"));
    }
    CHECK_ERROR(ERROR_INVALID,
                check(w, "sv=2025-11-05&sr=b&sp=r&sip=here&se=" END,
                      "r\n\n" END "\n" RESOURCE "\n\nhere\n\n2025-11-05\nb\n\n\n\n\n\n\n"),
                &w->err);
}

TEST(times_come_in_three_forms)
{
    static const struct {
        const char *start, *end;
        bool open;
    } CASES[] = {
        {"2026-11-21", "2026-11-22", true},
        {"2026-11-21T11:00Z", "2026-11-21T13:00Z", true},
        {"2026-11-21T11:00:00Z", "2026-11-21T13:00:00.0000000Z", true},
        {"2026-11-21T12:14:00Z", "2026-11-21T13:00Z", true}, /* within the skew of clocks */
        {"2026-11-21T12:16:00Z", "2026-11-21T13:00Z", false},
        {"2026-11-20", "2026-11-21", false},
        {"2026-11-20", "2026-11-21T12:00:00Z", false},
        {"soon", "2026-11-22", false},
        {"2026-11-20", "never", false},
        {"2026-11-20", "", false},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *query = arena_printf(w->arena, "sv=2025-11-05&sr=b&sp=r&st=%s&se=%s",
                                         CASES[i].start, CASES[i].end)
                                .ptr;
        const char *text =
            arena_printf(w->arena, "r\n%s\n%s\n" RESOURCE "\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n",
                         CASES[i].start, CASES[i].end)
                .ptr;
        CHECK_INT(CASES[i].open ? 0 : -1, check(w, query, text));
        CHECK(CASES[i].open || coded(w, "AuthenticationFailed"));
    }
}

/* --- Delegation ------------------------------------------------------------------------------ */

#define KEY \
    "&skoid=oid&sktid=tid&skt=2026-11-21T00:00:00Z&ske=2026-11-22T00:00:00Z&sks=b&skv=2021-08-06"
#define KEY_TEXT "oid\ntid\n2026-11-21T00:00:00Z\n2026-11-22T00:00:00Z\nb\n2021-08-06\n"

static int check_lent(struct world *w, const char *query, const char *text)
{
    const struct account_delegation about = {
        STR("oid"), STR("tid"),       STR("2026-11-21T00:00:00Z"), STR("2026-11-22T00:00:00Z"),
        STR("b"),   STR("2021-08-06")};
    struct str key = account_delegation_key(w->vault, w->arena, STR("lz0123"),
                                            account_delegation_text(w->arena, &about));

    w->ask.query = arena_printf(w->arena, "%s&sig=%.*s", query, STR_ARG(hmac(w, key, text)));
    return sas_check(w->vault, w->arena, &w->ask, &w->out, &w->err);
}

TEST(a_delegation_key_signs_by_version_too)
{
    static const struct {
        const char *version, *behind_key, *behind_sr;
    } VERSIONS[] = {
        {"2018-11-09", "", "\n"},
        {"2020-02-10", "\n\n\n", "\n"},
        {"2020-12-06", "\n\n\n", "\n\n"},
        {"2025-11-05", "\n\n\n\n\n", "\n\n"},
        {"2026-10-06", "\n\n\n\n\n", "\n\n\n\n"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(VERSIONS); i++) {
        const char *query =
            arena_printf(w->arena, "sv=%s&sr=b&sp=r&se=" END KEY, VERSIONS[i].version).ptr;
        const char *text =
            arena_printf(w->arena,
                         "r\n\n" END "\n" RESOURCE "\n" KEY_TEXT "%s\n\n%s\nb%s\n\n\n\n\n",
                         VERSIONS[i].behind_key, VERSIONS[i].version, VERSIONS[i].behind_sr)
                .ptr;
        CHECK_OK(check_lent(w, query, text), &w->err);
        CHECK_STR("oid", w->out.delegator);
        CHECK_ERROR(ERROR_FORBIDDEN, check(w, query, text), &w->err); /* by another key */
    }
}

TEST(a_delegation_key_may_take_the_host_for_the_account)
{
    static const struct {
        const char *host, *label;
    } HOSTS[] = {{"localhost:10443", "localhost:10443"}, {"127.0.0.1:10443", "127"}};
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(HOSTS); i++) {
        w->ask.host = str_from(HOSTS[i].host);
        const char *text = arena_printf(w->arena,
                                        "rl\n\n" END "\n/blob/%s/box\n" KEY_TEXT
                                        "\n\n\n\n\n\n\n2025-11-05\nc\n\n\n\n\n\n\n",
                                        HOSTS[i].label)
                               .ptr;
        CHECK_OK(check_lent(w, "sv=2025-11-05&sr=c&sp=rl&se=" END KEY, text), &w->err);
        CHECK_STR("box", w->out.container);
    }
}

TEST(a_delegation_key_has_a_life_and_one_owner)
{
    static const char TEXT[] =
        "r\n\n2026-11-30\n" RESOURCE "\n" KEY_TEXT "\n\n\n\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n";
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_OK(check_lent(w, "sv=2025-11-05&sr=b&sp=r&se=2026-11-30" KEY, TEXT), &w->err);
    w->ask.now_us = NOON + 13 * HOUR;
    CHECK_ERROR(ERROR_FORBIDDEN, check_lent(w, "sv=2025-11-05&sr=b&sp=r&se=2026-11-30" KEY, TEXT),
                &w->err);
    w->ask.now_us = NOON;
    CHECK_ERROR(ERROR_FORBIDDEN,
                check_lent(w,
                           "sv=2025-11-05&sr=b&sp=r&se=2026-11-30&skoid=me&sktid=tid&skt=2026-11-"
                           "21T00:00:00Z&ske=2026-11-22T00:00:00Z&sks=b&skv=2021-08-06",
                           TEXT),
                &w->err);
}
