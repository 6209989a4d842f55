/* jmespath_functions.c - The functions of the language, a row each: how many arguments, of which
 * types. */
#include "base/buf.h"
#include "cli/jmespath_private.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define LIST_TEXT_CAP (64 * MIB)

static const struct json *value_at(const struct jmespath_call *call, size_t position)
{
    assert(position < call->count);
    return call->arguments[position].value;
}

static int wrong_element(const struct jmespath_call *call, struct error *err)
{
    return error_set(err, ERROR_INVALID, "--query",
                     "%s() met an element of a type it does not take.", call->function->name);
}

/* Whether all elements are of one kind, number or text. */
static bool all_of(const struct json *list, enum json_kind kind)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        if (json_kind(it.value) != kind)
            return false;
    return true;
}

/* Whole results of whole numbers stay whole. */
static struct json *number(struct arena *arena, double value, bool whole)
{
    if (whole && fabs(value) < 9007199254740992.0)
        return json_int(arena, (int64_t)value);
    return json_double(arena, value);
}

/* A whole number stays one: -3 gives 3, not 3.0. */
static int run_abs(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);

    *out = number(call->arena, fabs(json_as_double(value, 0)), json_is_integer(value));
    return 0;
}

static int run_ceil(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = number(call->arena, ceil(json_as_double(value_at(call, 0), 0)), true);
    return 0;
}

static int run_floor(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = number(call->arena, floor(json_as_double(value_at(call, 0), 0)), true);
    return 0;
}

/* Whole as long as every element is: the sum of counts is a count. */
static int add_up(const struct jmespath_call *call, double *out_sum, bool *out_whole,
                  struct error *err)
{
    struct json_iter it = json_iter(value_at(call, 0));

    if (!all_of(value_at(call, 0), JSON_NUMBER))
        return wrong_element(call, err);
    *out_sum = 0;
    *out_whole = true;
    while (json_next(&it)) {
        *out_sum += json_as_double(it.value, 0);
        *out_whole &= json_is_integer(it.value);
    }
    return 0;
}

/* Of an empty list it is 0. */
static int run_sum(const struct jmespath_call *call, struct json **out, struct error *err)
{
    double sum;
    bool whole;

    if (add_up(call, &sum, &whole, err) < 0)
        return -1;
    *out = number(call->arena, sum, whole);
    return 0;
}

/* Of an empty list there is none: null. */
static int run_avg(const struct jmespath_call *call, struct json **out, struct error *err)
{
    double sum;
    bool whole;
    size_t count = json_count(value_at(call, 0));

    if (add_up(call, &sum, &whole, err) < 0)
        return -1;
    *out = count ? json_double(call->arena, sum / (double)count) : json_null(call->arena);
    return 0;
}

/* A part of a text, or an element of a list. */
static int run_contains(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *where = value_at(call, 0), *what = value_at(call, 1);
    struct json_iter it = json_iter(where);
    bool found = false;

    if (json_kind(where) == JSON_STRING)
        found =
            json_kind(what) == JSON_STRING && str_find(json_as_str(where), json_as_str(what)) >= 0;
    else
        while (json_next(&it))
            found |= json_equal(it.value, what);
    *out = json_bool(call->arena, found);
    return 0;
}

/* Bytes are compared: both are UTF-8. */
static int run_starts_with(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = json_bool(call->arena,
                     str_starts(json_as_str(value_at(call, 0)), json_as_str(value_at(call, 1))));
    return 0;
}

/* The same from the other end. */
static int run_ends_with(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = json_bool(call->arena,
                     str_ends(json_as_str(value_at(call, 0)), json_as_str(value_at(call, 1))));
    return 0;
}

/* The separator comes first, as the standard has it. */
static int run_join(const struct jmespath_call *call, struct json **out, struct error *err)
{
    CLEANUP(buf_free) struct buf text = buf_make(LIST_TEXT_CAP);
    struct json_iter it = json_iter(value_at(call, 1));

    if (!all_of(value_at(call, 1), JSON_STRING))
        return wrong_element(call, err);
    while (json_next(&it)) {
        if (it.index)
            buf_add(&text, json_as_str(value_at(call, 0)));
        buf_add(&text, json_as_str(it.value));
    }
    if (buf_ok(&text, err) < 0)
        return -1;
    *out = json_text(call->arena, buf_str(&text));
    return 0;
}

/* In the order of the object: it has one here. */
static int run_keys(const struct jmespath_call *call, struct json **out, struct error *err)
{
    struct json_iter it = json_iter(value_at(call, 0));

    *out = json_array(call->arena);
    while (json_next(&it))
        json_append(call->arena, *out, json_text(call->arena, it.key));
    return 0;
}

/* In the same order as its keys. */
static int run_values(const struct jmespath_call *call, struct json **out, struct error *err)
{
    struct json_iter it = json_iter(value_at(call, 0));

    *out = json_array(call->arena);
    while (json_next(&it))
        json_append(call->arena, *out, json_copy(call->arena, it.value));
    return 0;
}

/* Texts are counted and turned by characters, not by bytes. */
static size_t character_length(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.ptr[at];
    size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;

    return at + length <= text.len ? length : text.len - at;
}

/* Characters of a text, not bytes; elements or members of the others. */
static int run_length(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);
    struct str text = json_as_str(value);
    size_t count = json_count(value);

    if (json_kind(value) == JSON_STRING)
        for (size_t at = 0; at < text.len; at += character_length(text, at))
            count++;
    *out = json_int(call->arena, (int64_t)count);
    return 0;
}

/* A text by characters: bytes would tear them apart. */
static int run_reverse(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);
    struct str text = json_as_str(value);

    if (json_kind(value) == JSON_STRING) {
        char *turned = arena_alloc(call->arena, text.len + 1);
        for (size_t at = 0, n; at < text.len; at += n) {
            n = character_length(text, at);
            for (size_t i = 0; i < n; i++)
                turned[text.len - at - n + i] = text.ptr[at + i];
        }
        *out = json_text(call->arena, (struct str){turned, text.len});
        return 0;
    }
    size_t count = json_count(value);
    const struct json **all = arena_new_array(call->arena, const struct json *, count + 1);
    struct json_iter it = json_iter(value);
    while (json_next(&it))
        all[it.index] = it.value;
    *out = json_array(call->arena);
    while (count-- > 0)
        json_append(call->arena, *out, json_copy(call->arena, all[count]));
    return 0;
}

/* Unlike a projection it keeps nulls: the list stays as long as it was. */
static int run_map(const struct jmespath_call *call, struct json **out, struct error *err)
{
    struct json_iter it = json_iter(value_at(call, 1));
    struct json *result = json_array(call->arena), *value;

    while (json_next(&it)) {
        if (jmespath_eval(call->arena, call->arguments[0].expression, it.value, &value, err) < 0)
            return -1;
        json_append(call->arena, result,
                    value ? json_copy(call->arena, value) : json_null(call->arena));
    }
    *out = result;
    return 0;
}

/* A later object wins. */
static int run_merge(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = json_object(call->arena);
    for (size_t i = 0; i < call->count; i++) {
        struct json_iter it = json_iter(value_at(call, i));
        while (json_next(&it))
            json_set(call->arena, *out, it.key, json_copy(call->arena, it.value));
    }
    return 0;
}

/* The first that is something; all were evaluated already. */
static int run_not_null(const struct jmespath_call *call, struct json **out, struct error *err)
{
    *out = json_null(call->arena);
    for (size_t i = 0; i < call->count; i++)
        if (!json_is_null(value_at(call, i))) {
            *out = (struct json *)value_at(call, i);
            break;
        }
    return 0;
}

/* An element with the value it is ordered by. */
struct keyed {
    const struct json *element, *key;
    size_t position;
};

/* Numbers by value, texts by byte: callers have checked that both are of one kind. */
static int compare_values(const struct json *a, const struct json *b)
{
    if (json_kind(a) == JSON_STRING)
        return str_cmp(json_as_str(a), json_as_str(b));
    double left = json_as_double(a, 0), right = json_as_double(b, 0);
    return (left > right) - (left < right);
}

/* Equal keys stay in the order of the list, which qsort alone would not promise. */
static int compare_keyed(const void *a, const void *b)
{
    const struct keyed *left = a, *right = b;
    int order = compare_values(left->key, right->key);

    if (order)
        return order;
    return (left->position > right->position) - (left->position < right->position);
}

/* Elements with their keys; all numbers or all texts. */
static int read_keyed(const struct jmespath_call *call, struct keyed **out, struct error *err)
{
    const struct json *list = value_at(call, 0);
    const struct jmespath *by = call->count > 1 ? call->arguments[1].expression : NULL;
    struct keyed *all = arena_new_array(call->arena, struct keyed, json_count(list) + 1);
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        struct json *key = it.value;
        if (by && jmespath_eval(call->arena, by, it.value, &key, err) < 0)
            return -1;
        all[it.index] = (struct keyed){it.value, key, it.index};
        if ((json_kind(key) != JSON_NUMBER && json_kind(key) != JSON_STRING) ||
            json_kind(key) != json_kind(all[0].key))
            return wrong_element(call, err);
    }
    *out = all;
    return 0;
}

/* Texts or numbers; a mixture has no order and is refused before. */
static int run_sort(const struct jmespath_call *call, struct json **out, struct error *err)
{
    size_t count = json_count(value_at(call, 0));
    struct keyed *all;

    if (read_keyed(call, &all, err) < 0)
        return -1;
    qsort(all, count, sizeof *all, compare_keyed);
    *out = json_array(call->arena);
    for (size_t i = 0; i < count; i++)
        json_append(call->arena, *out, json_copy(call->arena, all[i].element));
    return 0;
}

/* min and max are one search with a sign. */
static int extreme(const struct jmespath_call *call, int sign, struct json **out, struct error *err)
{
    size_t count = json_count(value_at(call, 0)), best = 0;
    struct keyed *all;

    if (read_keyed(call, &all, err) < 0)
        return -1;
    for (size_t i = 1; i < count; i++)
        if (sign * compare_values(all[i].key, all[best].key) > 0)
            best = i;
    *out = count ? (struct json *)all[best].element : json_null(call->arena);
    return 0;
}

static int run_max(const struct jmespath_call *call, struct json **out, struct error *err)
{
    return extreme(call, 1, out, err);
}

static int run_min(const struct jmespath_call *call, struct json **out, struct error *err)
{
    return extreme(call, -1, out, err);
}

/* A list stays what it is. */
static int run_to_array(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);

    *out = (struct json *)value;
    if (json_kind(value) != JSON_ARRAY) {
        *out = json_array(call->arena);
        json_append(call->arena, *out,
                    value ? json_copy(call->arena, value) : json_null(call->arena));
    }
    return 0;
}

/* A text stays; all else is its JSON. */
static int run_to_string(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);

    *out = (struct json *)value;
    if (json_kind(value) != JSON_STRING)
        *out = json_text(call->arena, value ? json_write(call->arena, value) : STR("null"));
    return 0;
}

/* A text that is no number is null, not an error. */
static int run_to_number(const struct jmespath_call *call, struct json **out, struct error *err)
{
    const struct json *value = value_at(call, 0);
    int64_t whole;
    double real;

    *out = json_null(call->arena);
    if (json_kind(value) == JSON_NUMBER)
        *out = (struct json *)value;
    else if (str_to_int64(json_as_str(value), &whole))
        *out = json_int(call->arena, whole);
    else if (str_to_double(json_as_str(value), &real))
        *out = json_double(call->arena, real);
    return 0;
}

/* The words of JSON. */
static int run_type(const struct jmespath_call *call, struct json **out, struct error *err)
{
    static const char *const NAMES[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };

    *out = json_text(call->arena, str_from(NAMES[json_kind(value_at(call, 0))]));
    return 0;
}

#define LISTABLE (TAKES_STRING | TAKES_ARRAY)

static const struct jmespath_function FUNCTIONS[] = {
    {"abs", 1, 1, {TAKES_NUMBER}, run_abs},
    {"avg", 1, 1, {TAKES_ARRAY}, run_avg},
    {"ceil", 1, 1, {TAKES_NUMBER}, run_ceil},
    {"contains", 2, 2, {LISTABLE, TAKES_ANY}, run_contains},
    {"ends_with", 2, 2, {TAKES_STRING, TAKES_STRING}, run_ends_with},
    {"floor", 1, 1, {TAKES_NUMBER}, run_floor},
    {"join", 2, 2, {TAKES_STRING, TAKES_ARRAY}, run_join},
    {"keys", 1, 1, {TAKES_OBJECT}, run_keys},
    {"length", 1, 1, {LISTABLE | TAKES_OBJECT}, run_length},
    {"map", 2, 2, {TAKES_EXPRESSION, TAKES_ARRAY}, run_map},
    {"max", 1, 1, {TAKES_ARRAY}, run_max},
    {"max_by", 2, 2, {TAKES_ARRAY, TAKES_EXPRESSION}, run_max},
    {"merge", 1, SIZE_MAX, {TAKES_OBJECT, TAKES_OBJECT}, run_merge},
    {"min", 1, 1, {TAKES_ARRAY}, run_min},
    {"min_by", 2, 2, {TAKES_ARRAY, TAKES_EXPRESSION}, run_min},
    {"not_null", 1, SIZE_MAX, {TAKES_ANY, TAKES_ANY}, run_not_null},
    {"reverse", 1, 1, {LISTABLE}, run_reverse},
    {"sort", 1, 1, {TAKES_ARRAY}, run_sort},
    {"sort_by", 2, 2, {TAKES_ARRAY, TAKES_EXPRESSION}, run_sort},
    {"starts_with", 2, 2, {TAKES_STRING, TAKES_STRING}, run_starts_with},
    {"sum", 1, 1, {TAKES_ARRAY}, run_sum},
    {"to_array", 1, 1, {TAKES_ANY}, run_to_array},
    {"to_number", 1, 1, {TAKES_ANY}, run_to_number},
    {"to_string", 1, 1, {TAKES_ANY}, run_to_string},
    {"type", 1, 1, {TAKES_ANY}, run_type},
    {"values", 1, 1, {TAKES_OBJECT}, run_values},
};

/* By exact name; the parser asks, so that an unknown one is told before any request. */
const struct jmespath_function *jmespath_function_find(struct str name)
{
    for (size_t i = 0; i < COUNT(FUNCTIONS); i++)
        if (str_eq(name, str_from(FUNCTIONS[i].name)))
            return &FUNCTIONS[i];
    return NULL;
}

/* For the nearest name in an error. */
size_t jmespath_function_names(struct arena *arena, const struct str **out)
{
    struct str *names = arena_new_array(arena, struct str, COUNT(FUNCTIONS));

    for (size_t i = 0; i < COUNT(FUNCTIONS); i++)
        names[i] = str_from(FUNCTIONS[i].name);
    *out = names;
    return COUNT(FUNCTIONS);
}
