#include "vault/sas.h"

#include "base/test.h"
#include "os/file.h"
#include "vault/vault.h"

#define NOON 1795262400000000LL /* 2026-11-21T12:00:00Z */

static struct vault *vault_for_test(void)
{
    struct error err = {0};
    CLEANUP(fd_close) int dir = dir_open(test_folder(), &err);
    struct vault *vault = vault_open(dir, &err);

    CHECK(vault);
    return vault;
}

static struct sas whole_container(void)
{
    return (struct sas){.account = STR("lz0123"),
                        .container = STR("azureml-x"),
                        .permissions = STR("rl"),
                        .start_us = NOON,
                        .end_us = NOON + 3600 * US_PER_S};
}

static int ask(struct vault *vault, struct arena *arena, struct sas_ask ask, struct sas *out,
               struct error *err)
{
    if (ask.account.len == 0)
        ask.account = STR("lz0123");
    if (ask.container.len == 0)
        ask.container = STR("azureml-x");
    if (ask.now_us == 0)
        ask.now_us = NOON + US_PER_S;
    return sas_check(vault, arena, &ask, out, err);
}

TEST(a_signature_opens_what_it_was_made_for)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};
    struct str query = sas_make(vault, arena, &sas);

    CHECK(sas_present(query));
    CHECK_OK(ask(vault, arena, (struct sas_ask){.query = query, .blob = STR("a/b")}, &out, &err),
             &err);
    CHECK_STR("rl", out.permissions);
    CHECK_INT(0, out.blob.len);
    query = arena_printf(arena, "restype=container&comp=list&%.*s", STR_ARG(query));
    CHECK_OK(ask(vault, arena, (struct sas_ask){.query = query}, &out, &err), &err);
}

TEST(a_signature_opens_nothing_else)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};
    struct str query = sas_make(vault, arena, &sas);

    CHECK_ERROR(ERROR_FORBIDDEN,
                ask(vault, arena, (struct sas_ask){.query = query, .container = STR("azureml-y")},
                    &out, &err),
                &err);
    CHECK_ERROR(
        ERROR_FORBIDDEN,
        ask(vault, arena, (struct sas_ask){.query = query, .account = STR("lz9")}, &out, &err),
        &err);
}

TEST(a_signature_of_one_blob_is_bound_to_its_name)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};

    sas.blob = STR("a/b");
    struct str query = sas_make(vault, arena, &sas);
    CHECK_OK(ask(vault, arena, (struct sas_ask){.query = query, .blob = STR("a/b")}, &out, &err),
             &err);
    CHECK_STR("a/b", out.blob);
    CHECK_ERROR(ERROR_FORBIDDEN,
                ask(vault, arena, (struct sas_ask){.query = query, .blob = STR("a/c")}, &out, &err),
                &err);
    CHECK_ERROR(ERROR_FORBIDDEN, ask(vault, arena, (struct sas_ask){.query = query}, &out, &err),
                &err);
}

TEST(a_signature_ends_and_does_not_begin_early)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};
    struct str query = sas_make(vault, arena, &sas);

    CHECK_ERROR(
        ERROR_FORBIDDEN,
        ask(vault, arena, (struct sas_ask){.query = query, .now_us = sas.end_us}, &out, &err),
        &err);
    CHECK_ERROR(ERROR_FORBIDDEN,
                ask(vault, arena,
                    (struct sas_ask){.query = query, .now_us = NOON - 16 * 60 * US_PER_S}, &out,
                    &err),
                &err);
    CHECK_OK(ask(vault, arena,
                 (struct sas_ask){.query = query, .now_us = NOON - 14 * 60 * US_PER_S}, &out, &err),
             &err);
}

TEST(more_rights_than_were_signed_are_refused)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};
    struct str query = sas_make(vault, arena, &sas);
    ssize_t at = str_find(query, STR("sp=rl"));

    CHECK(at > 0);
    struct str more = arena_printf(arena, "%.*ssp=rwl%.*s", (int)at, query.ptr,
                                   STR_ARG(str_slice(query, (size_t)at + 5, query.len)));
    CHECK_ERROR(ERROR_FORBIDDEN, ask(vault, arena, (struct sas_ask){.query = more}, &out, &err),
                &err);
}

TEST(a_parameter_said_twice_is_invalid)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(vault_close) struct vault *vault = vault_for_test();
    struct sas sas = whole_container(), out = {0};
    struct error err = {0};
    struct str query = sas_make(vault, arena, &sas);

    struct str twice = arena_printf(arena, "%.*s&sp=rwdl", STR_ARG(query));
    CHECK_ERROR(ERROR_INVALID, ask(vault, arena, (struct sas_ask){.query = twice}, &out, &err),
                &err);
    CHECK(!sas_present(STR("comp=list&signature=1")));
    CHECK_ERROR(ERROR_INVALID,
                ask(vault, arena, (struct sas_ask){.query = STR("sig=x")}, &out, &err), &err);
}
