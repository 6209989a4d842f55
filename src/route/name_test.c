#include "base/test.h"
#include "route/name.h"

#include <string.h>

static bool fits(enum name_rule rule, const char *name)
{
    struct error err = {0};
    return name_check(rule, str_from(name), "name", &err) == 0;
}

static struct str repeated(char *room, char c, size_t count)
{
    memset(room, c, count);
    return (struct str){room, count};
}

TEST(asset_names_take_dots_and_dashes_but_do_not_begin_with_them)
{
    CHECK(fits(NAME_ASSET, "iris.v1_2-x"));
    CHECK(fits(NAME_ASSET, "7"));
    CHECK(!fits(NAME_ASSET, ""));
    CHECK(!fits(NAME_ASSET, "."));
    CHECK(!fits(NAME_ASSET, ".."));
    CHECK(!fits(NAME_ASSET, "-a"));
    CHECK(!fits(NAME_ASSET, "a/b"));
    CHECK(!fits(NAME_ASSET, "a b"));
    CHECK(!fits(NAME_ASSET, "caf\xc3\xa9"));
}

TEST(asset_names_end_at_255_bytes)
{
    char room[256];
    struct error err = {0};

    CHECK_OK(name_check(NAME_ASSET, repeated(room, 'a', 255), "name", &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check(NAME_ASSET, repeated(room, 'a', 256), "name", &err),
                &err);
    CHECK_STR("name", str_from(err.target));
}

TEST(job_names_have_no_dot)
{
    CHECK(fits(NAME_JOB, "calm_owl-7"));
    CHECK(!fits(NAME_JOB, "calm.owl"));
}

TEST(endpoint_names_begin_with_a_letter_and_do_not_end_in_a_dash)
{
    CHECK(fits(NAME_ENDPOINT, "ab1"));
    CHECK(!fits(NAME_ENDPOINT, "ab"));
    CHECK(!fits(NAME_ENDPOINT, "1ab"));
    CHECK(!fits(NAME_ENDPOINT, "ab-"));
    CHECK(!fits(NAME_ENDPOINT, "a_b"));
    CHECK(fits(NAME_ENDPOINT, "abcdefghijklmnopqrstuvwxyz012345"));
    CHECK(!fits(NAME_ENDPOINT, "abcdefghijklmnopqrstuvwxyz0123456"));
}

TEST(mlflow_model_names_are_any_text_without_slash_and_colon)
{
    char room[300];
    struct error err = {0};

    CHECK(fits(NAME_MLFLOW_MODEL, "mod\xc3\xa8le de base"));
    CHECK(!fits(NAME_MLFLOW_MODEL, "a/b"));
    CHECK(!fits(NAME_MLFLOW_MODEL, "a:b"));
    CHECK(!fits(NAME_MLFLOW_MODEL, "a\nb"));
    CHECK(!fits(NAME_MLFLOW_MODEL, ""));
    CHECK_OK(name_check(NAME_MLFLOW_MODEL, repeated(room, 'm', 256), "name", &err), &err);
    CHECK_ERROR(ERROR_INVALID,
                name_check(NAME_MLFLOW_MODEL, repeated(room, 'm', 257), "name", &err), &err);
}

TEST(bytes_that_are_not_utf8_are_refused)
{
    CHECK(!fits(NAME_EXPERIMENT, "\xff"));
    CHECK(!fits(NAME_EXPERIMENT, "\xc3"));             /* cut off */
    CHECK(!fits(NAME_EXPERIMENT, "\xc0\xaf"));         /* '/' in two bytes */
    CHECK(!fits(NAME_EXPERIMENT, "\xed\xa0\x80"));     /* a surrogate */
    CHECK(!fits(NAME_EXPERIMENT, "\xf4\x90\x80\x80")); /* above U+10FFFF */
    CHECK(!fits(NAME_EXPERIMENT, "\xc2\x85"));         /* a control of the second block */
    CHECK(fits(NAME_EXPERIMENT, "\xf0\x9f\xa6\x89 owls / all: of them"));
}

TEST(experiment_names_count_characters_not_bytes)
{
    char room[1100];
    struct error err = {0};

    for (size_t i = 0; i < 501; i++)
        memcpy(room + 2 * i, "\xc3\xa9", 2);
    CHECK_OK(name_check(NAME_EXPERIMENT, (struct str){room, 1000}, "name", &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check(NAME_EXPERIMENT, (struct str){room, 1002}, "name", &err),
                &err);
}

TEST(the_sentence_names_the_rule_and_keeps_long_names_short)
{
    char room[300];
    struct error err = {0};

    CHECK_ERROR(ERROR_INVALID, name_check(NAME_JOB, repeated(room, '.', 300), "name", &err), &err);
    CHECK(strstr(err.message, "letters, digits, '_' and '-'") != NULL);
}
