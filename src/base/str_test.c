/* Texts at their edges: empty, without an address, one byte, all that a number may not be. */
#include "base/str.h"
#include "base/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOTHING ((struct str){NULL, 0})

TEST(the_empty_text_is_the_same_with_and_without_an_address)
{
    CHECK(str_eq(NOTHING, STR("")));
    CHECK(str_eq_fold(STR(""), NOTHING));
    CHECK_INT(0, str_cmp(NOTHING, STR("")));
    CHECK_INT(0, str_from(NULL).len);
    CHECK_INT(0, str_slice(NOTHING, 0, 9).len);
    CHECK_INT(0, str_trim(NOTHING).len);
    CHECK(str_starts(STR("a"), NOTHING) && str_ends(STR("a"), NOTHING));
    CHECK_INT(0, str_find(NOTHING, NOTHING));
    CHECK_INT(-1, str_find(NOTHING, STR("a")));
    CHECK_INT(-1, str_find_char(NOTHING, 'a'));
    CHECK_INT(-1, str_find_last(NOTHING, 'a'));
    CHECK(str_eq_secret(NOTHING, STR("")));
}

TEST(a_slice_stays_inside_its_text)
{
    struct str text = STR("abc");

    CHECK_STR("abc", str_slice(text, 0, SIZE_MAX));
    CHECK_STR("bc", str_slice(text, 1, 3));
    CHECK_STR("", str_slice(text, 3, 3));
    CHECK_STR("", str_slice(text, 9, 12));
    CHECK_STR("", str_slice(text, 2, 1));
}

TEST(order_is_by_bytes_then_by_length)
{
    const struct str ordered[] = {STR_INIT(""),  STR_INIT("A"),       STR_INIT("AB"),
                                  STR_INIT("a"), STR_INIT("a\0"),     STR_INIT("aa"),
                                  STR_INIT("b"), STR_INIT("\xc3\xa4")};

    for (size_t i = 0; i < COUNT(ordered); i++)
        for (size_t j = 0; j < COUNT(ordered); j++) {
            int order = str_cmp(ordered[i], ordered[j]);
            CHECK_INT(i < j ? -1 : i > j, order < 0 ? -1 : order > 0);
            CHECK_INT(i == j, str_eq(ordered[i], ordered[j]));
        }
}

TEST(folding_knows_ascii_letters_only)
{
    CHECK(str_eq_fold(STR("AZaz09-_"), STR("azAZ09-_")));
    CHECK(!str_eq_fold(STR("@"), STR("`"))); /* beside A and a, 32 apart like them */
    CHECK(!str_eq_fold(STR("["), STR("{")));
    CHECK(!str_eq_fold(STR("\xc3\x84"), STR("\xc3\xa4")));
    CHECK(str_starts_fold(STR("AzureML:x"), STR("azureml:")));
    CHECK(!str_starts_fold(STR("azure"), STR("azureml")));
}

TEST(only_what_is_at_the_ends_is_trimmed)
{
    CHECK_STR("a b", str_trim(STR(" \ta b\r\n ")));
    CHECK_STR("", str_trim(STR(" \t\r\n")));
    CHECK_STR("\va", str_trim(STR("\va"))); /* a vertical tab is no blank of ours */
}

TEST(splitting_ends_after_the_last_piece)
{
    struct str rest = STR(""), piece = STR("untouched");

    CHECK(str_split(&rest, ',', &piece));
    CHECK_STR("", piece);
    CHECK(!str_split(&rest, ',', &piece));
    rest = NOTHING;
    CHECK(!str_split(&rest, ',', &piece));
    rest = STR(",");
    CHECK(str_split(&rest, ',', &piece) && piece.len == 0);
    CHECK(str_split(&rest, ',', &piece) && piece.len == 0);
    CHECK(!str_split(&rest, ',', &piece));
}

TEST(a_cut_without_its_separator_touches_nothing)
{
    struct str head = STR("h"), tail = STR("t");

    CHECK(!str_cut(STR("key"), '=', &head, &tail));
    CHECK_STR("h", head);
    CHECK_STR("t", tail);
    CHECK(str_cut(STR("key=a=b"), '=', &head, &tail));
    CHECK_STR("key", head);
    CHECK_STR("a=b", tail);
    CHECK(str_cut(STR("="), '=', &head, &tail));
    CHECK(head.len == 0 && tail.len == 0);
}

TEST(whole_numbers_read_back_around_every_power_of_two)
{
    char text[32];

    for (int bit = 0; bit < 63; bit++)
        for (int64_t delta = -1; delta <= 1; delta++)
            for (int sign = -1; sign <= 1; sign += 2) {
                int64_t number = sign * (((int64_t)1 << bit) + delta);
                int64_t back = ~number;
                int len = snprintf(text, sizeof(text), "%lld", (long long)number);
                CHECK(str_to_int64((struct str){text, (size_t)len}, &back));
                CHECK_INT(number, back);
            }
}

TEST(what_is_no_whole_number_leaves_the_result_alone)
{
    const struct str refused[] = {STR_INIT("-9223372036854775809"),
                                  STR_INIT("18446744073709551616"),
                                  STR_INIT("+1"),
                                  STR_INIT(" 1"),
                                  STR_INIT("1 "),
                                  STR_INIT("0x10"),
                                  STR_INIT("1.0"),
                                  STR_INIT("1e3"),
                                  STR_INIT("--1"),
                                  STR_INIT("1\0"),
                                  STR_INIT("\xd9\xa1")};
    int64_t number = 42;

    for (size_t i = 0; i < COUNT(refused); i++)
        CHECK(!str_to_int64(refused[i], &number));
    CHECK_INT(42, number);
}

TEST(decimal_numbers_are_read_and_words_are_not)
{
    const struct str refused[] = {STR_INIT("nan"),   STR_INIT("inf"), STR_INIT("-Infinity"),
                                  STR_INIT("0x1p3"), STR_INIT("1\0"), STR_INIT("1,5"),
                                  STR_INIT("e"),     STR_INIT("."),   STR_INIT("1e"),
                                  STR_INIT("\t1")};
    double number = 42;

    for (size_t i = 0; i < COUNT(refused); i++)
        CHECK(!str_to_double(refused[i], &number));
    CHECK(number == 42);
    CHECK(str_to_double(STR("-0.5e+3"), &number) && number == -500);
    CHECK(str_to_double(STR(".5"), &number) && number == 0.5);
    CHECK(str_to_double(STR("1e999"), &number) && isinf(number));
    CHECK(str_to_double(STR("1e-999"), &number) && number == 0);
}

TEST(a_decimal_number_has_at_most_63_characters)
{
    char text[80];
    double number = 0;

    memset(text, '1', sizeof(text));
    CHECK(str_to_double((struct str){text, 63}, &number));
    CHECK(!str_to_double((struct str){text, 64}, &number));
}

TEST(secrets_differ_in_any_byte_and_in_length)
{
    char left[33], right[33];

    memset(left, 'k', sizeof(left));
    for (size_t at = 0; at < sizeof(left); at++) {
        memcpy(right, left, sizeof(left));
        CHECK(str_eq_secret((struct str){left, 33}, (struct str){right, 33}));
        right[at] ^= 1;
        CHECK(!str_eq_secret((struct str){left, 33}, (struct str){right, 33}));
    }
    CHECK(!str_eq_secret((struct str){left, 33}, (struct str){left, 32}));
}

/* Pieces of any text, put together again with the separator between them, are the text. */
TEST(splitting_and_joining_gives_the_text_back)
{
    uint64_t chance = 7;
    char text[40], joined[41];

    for (int round = 0; round < 2000; round++) {
        size_t len = 0, used = 0, pieces = 0;
        struct str rest, piece;
        for (; len < (size_t)round % sizeof(text); len++) {
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            text[len] = chance >> 62 ? 'x' : ',';
        }
        rest = (struct str){text, len};
        while (str_split(&rest, ',', &piece)) {
            if (pieces++)
                joined[used++] = ',';
            memcpy(joined + used, piece.ptr, piece.len);
            used += piece.len;
        }
        CHECK(str_eq((struct str){text, len}, (struct str){joined, used}));
    }
}

TEST(characters_have_one_spelling)
{
    static const struct {
        struct str text;
        size_t bytes;
        uint32_t point;
    } CASES[] = {
        {STR_INIT("a"), 1, 'a'},
        {STR_INIT("\xc3\xbcx"), 2, 0xfc},
        {STR_INIT("\xe2\x82\xac"), 3, 0x20ac},
        {STR_INIT("\xf0\x9f\x98\x80"), 4, 0x1f600},
        {STR_INIT("\xff"), 0, 7},
        {STR_INIT("\x80"), 0, 7},
        {STR_INIT("\xc3"), 0, 7},
        {STR_INIT("\xc3x"), 0, 7},
        {STR_INIT("\xc0\xaf"), 0, 7},
        {STR_INIT("\xed\xa0\x80"), 0, 7},
        {STR_INIT("\xf4\x90\x80\x80"), 0, 7},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        uint32_t point = 7;
        CHECK_INT(CASES[i].bytes, str_utf8(CASES[i].text, &point));
        CHECK_INT(CASES[i].point, point);
    }
}
