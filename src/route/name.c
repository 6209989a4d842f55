/* Which names may be made. Names are database keys, never paths, so the rules are there for people
 * and clients: what a URL, a host name or a run id can hold. */
#include "route/name.h"

#include <assert.h>

/* MLflow's own limit. */
#define EXPERIMENT_CHARACTERS 500
#define MLFLOW_MODEL_BYTES 256

/* ASCII alone, whatever the locale. */
static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The same, for digits too. */
static bool is_alnum(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

/* A letter or digit, then up to 254 more, among which `extra` is allowed too. */
static bool is_word(struct str name, const char *extra)
{
    assert(extra);
    if (name.len < 1 || name.len > 255 || !is_alnum(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_alnum(name.ptr[i]) && str_find_char(str_from(extra), name.ptr[i]) < 0)
            return false;
    return true;
}

/* A name that is also part of a host name one day: no underscore, no dash at its end. */
static bool is_endpoint(struct str name)
{
    assert(name.len == 0 || name.ptr);
    if (name.len < 3 || name.len > 32 || !is_alpha(name.ptr[0]) ||
        !is_alnum(name.ptr[name.len - 1]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_alnum(name.ptr[i]) && name.ptr[i] != '-')
            return false;
    return true;
}

/* UTF-8 without control characters and without the characters in `banned`; -1, or how many there
 * are. */
static ssize_t count_characters(struct str name, const char *banned)
{
    ssize_t count = 0;

    assert(banned);
    for (uint32_t point = 0; name.len > 0; count++) {
        size_t bytes = str_utf8(name, &point);
        if (bytes == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return -1;
        if (bytes == 1 && str_find_char(str_from(banned), name.ptr[0]) >= 0)
            return -1;
        name = str_slice(name, bytes, name.len);
    }
    return count;
}

/* The rules of decisions 2, one case each. */
static bool name_fits(enum name_rule rule, struct str name)
{
    ssize_t characters;

    assert(rule <= NAME_EXPERIMENT);
    switch (rule) {
    case NAME_ASSET:
        return is_word(name, "_.-");
    case NAME_JOB:
        return is_word(name, "_-");
    case NAME_ENDPOINT:
        return is_endpoint(name);
    case NAME_MLFLOW_MODEL:
        return name.len > 0 && name.len <= MLFLOW_MODEL_BYTES && count_characters(name, "/:") > 0;
    case NAME_EXPERIMENT:
        characters = count_characters(name, "");
        return characters > 0 && characters <= EXPERIMENT_CHARACTERS;
    }
    return false;
}

/* The sentence says the rule, not only that it was broken. */
int name_check(enum name_rule rule, struct str name, const char *target, struct error *err)
{
    static const char *const RULES[] = {
        [NAME_ASSET] =
            "1 to 255 letters, digits, '_', '.' and '-', beginning with a letter or digit",
        [NAME_JOB] = "1 to 255 letters, digits, '_' and '-', beginning with a letter or digit",
        [NAME_ENDPOINT] =
            "3 to 32 letters, digits and '-', beginning with a letter, not ending in '-'",
        [NAME_MLFLOW_MODEL] = "up to 256 bytes of text without '/', ':' and control characters",
        [NAME_EXPERIMENT] = "1 to 500 characters without control characters",
    };

    assert((size_t)rule < COUNT(RULES));
    if (name_fits(rule, name))
        return 0;
    /* A name that is no text would spoil the sentence; a long one would push the rule out of it. */
    if (count_characters(name, "") < 0)
        name = STR("");
    struct str shown = str_slice(name, 0, 64);
    while (shown.len > 0 && count_characters(shown, "") < 0)
        shown.len--;
    return error_set(err, ERROR_INVALID, target, "The name '%.*s' is not valid: it must be %s.",
                     STR_ARG(shown), RULES[rule]);
}
