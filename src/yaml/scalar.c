/* scalar.c - What a plain scalar means, by the rules that az's reader follows. */
#include "yaml/yaml.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct truth_row {
    struct str text;
    bool value;
};

static const struct truth_row TRUTHS[] = {
    {STR_INIT("true"), true}, {STR_INIT("false"), false}, {STR_INIT("yes"), true},
    {STR_INIT("no"), false},  {STR_INIT("on"), true},     {STR_INIT("off"), false},
};

/* lower, Capital and UPPER are the three spellings of YAML 1.1; tRue is text. */
static bool three_spellings(struct str text, struct str lower)
{
    if (!str_eq_fold(text, lower))
        return false;
    bool first_upper = isupper((unsigned char)text.ptr[0]);
    bool all_upper = true, rest_lower = true;
    for (size_t i = 1; i < text.len; i++) {
        bool upper = isupper((unsigned char)text.ptr[i]);
        all_upper &= upper;
        rest_lower &= !upper;
    }
    return rest_lower || (first_upper && all_upper);
}

/* The four spellings of the core schema, and nothing at all. */
static bool is_null(struct str text)
{
    return text.len == 0 || str_eq(text, STR("~")) || three_spellings(text, STR("null"));
}

/* Of any base up to sixteen; what is no digit is larger than every base. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Cuts a sign off; whether it was a minus. */
static bool cut_sign(struct str *text)
{
    char first = text->len ? text->ptr[0] : '\0';

    if (first == '-' || first == '+')
        *text = str_slice(*text, 1, text->len);
    return first == '-';
}

/* Cuts 0x, 0b or the 0 of octal numbers off; the base they mean. */
static int cut_base(struct str *digits)
{
    if (str_starts(*digits, STR("0x")) || str_starts(*digits, STR("0b"))) {
        int base = digits->ptr[1] == 'x' ? 16 : 2;
        *digits = str_slice(*digits, 2, digits->len);
        return base;
    }
    return digits->len > 1 && digits->ptr[0] == '0' ? 8 : 10;
}

/* 0b101, 0x1F, 017 and 1_000 are numbers in YAML 1.1. What does not fit 64 bits stays text. */
static bool read_integer(struct str text, int64_t *out)
{
    struct str digits = text;
    bool negative = cut_sign(&digits);
    int base = cut_base(&digits);
    int64_t sum = 0;

    assert(base >= 2 && base <= 16);
    if (!digits.len || digits.ptr[0] == '_')
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == '_')
            continue;
        int digit = digit_value(digits.ptr[i]);
        if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *out = negative ? -sum : sum;
    return true;
}

/* Cuts digits off, and underscores among them where `grouped`; how many digits there were. */
static size_t cut_digits(struct str *text, bool grouped)
{
    size_t length = 0, digits = 0;

    while (length < text->len &&
           (isdigit((unsigned char)text->ptr[length]) || (grouped && text->ptr[length] == '_')))
        digits += text->ptr[length++] != '_';
    *text = str_slice(*text, length, text->len);
    assert(digits <= length);
    return digits;
}

/* A float has a point; an exponent has a sign: 1e3 and 1.5e3 are text, as with az. */
static bool looks_like_float(struct str text)
{
    struct str rest = text;

    cut_sign(&rest);
    size_t digits = cut_digits(&rest, true);
    if (!str_starts(rest, STR(".")))
        return false;
    rest = str_slice(rest, 1, rest.len);
    digits += cut_digits(&rest, true);
    if (!digits || !rest.len)
        return digits > 0;
    if (rest.len < 3 || (rest.ptr[0] != 'e' && rest.ptr[0] != 'E') ||
        (rest.ptr[1] != '-' && rest.ptr[1] != '+'))
        return false;
    rest = str_slice(rest, 2, rest.len);
    return cut_digits(&rest, false) > 0 && !rest.len;
}

/* Underscores between digits are YAML 1.1's; what overflows is text, not infinity. */
static bool read_float(struct str text, double *out)
{
    char plain[64];
    size_t len = 0;

    assert(out);
    if (!looks_like_float(text) || text.len >= sizeof plain)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '_')
            plain[len++] = text.ptr[i];
    plain[len] = '\0';
    *out = strtod(plain, NULL);
    return isfinite(*out);
}

/* The rules of YAML 1.1 as az's reader has them, not those of 1.2. */
struct json *yaml_scalar(struct arena *arena, struct str text)
{
    int64_t whole;
    double real;

    assert(arena);
    if (is_null(text))
        return json_null(arena);
    for (size_t i = 0; i < COUNT(TRUTHS); i++)
        if (three_spellings(text, TRUTHS[i].text))
            return json_bool(arena, TRUTHS[i].value);
    if (read_integer(text, &whole))
        return json_int(arena, whole);
    if (read_float(text, &real))
        return json_double(arena, real);
    return json_text(arena, text);
}

/* The shortest digits that read back as the same double, in Python's layout. */
static struct str double_text(struct arena *arena, double value)
{
    char digits[40];
    int precision = 0;

    do {
        snprintf(digits, sizeof digits, "%.*e", precision, value);
    } while (strtod(digits, NULL) != value && ++precision < 17);
    const char *mark = strchr(digits, 'e');
    assert(mark);
    int exponent = (int)strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16)
        return arena_printf(arena, "%s", digits);
    int places = precision > exponent ? precision - exponent : 1;
    return arena_printf(arena, "%.*f", places, value);
}

/* As Python prints them: the wire has texts that the SDK made. */
struct str yaml_literal_text(struct arena *arena, const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        return STR("");
    case JSON_BOOL:
        return json_as_bool(value, false) ? STR("True") : STR("False");
    case JSON_NUMBER:
        if (json_is_integer(value))
            return arena_printf(arena, "%lld", (long long)json_as_int(value, 0));
        return double_text(arena, json_as_double(value, 0));
    case JSON_STRING:
        return json_as_str(value);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_write(arena, value);
    }
    return STR("");
}
