/* jmespath_eval.c - An expression applied to JSON, by the rules of the public description: what
 * is not there is null, and only functions have errors. */
#include "cli/jmespath_private.h"

#include <assert.h>

/* JSON values live in one container at a time, so what goes into a new list is copied. */

/* False, null, and whatever is empty are false; 0 is true. */
static bool is_true(const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return json_as_bool(value, false);
    case JSON_NUMBER:
        return true;
    case JSON_STRING:
        return json_as_str(value).len > 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_count(value) > 0;
    }
    return false;
}

/* Negative positions count from the end. */
static struct json *element(const struct json *list, int64_t index)
{
    int64_t count = (int64_t)json_count(list);
    struct json_iter it = json_iter(list);

    if (index < 0)
        index += count;
    if (index < 0 || index >= count)
        return NULL;
    while (json_next(&it))
        if ((int64_t)it.index == index)
            return it.value;
    return NULL;
}

/* Bounds of a slice may lie outside of the list on either side; that is no error. */
static int64_t clamp(int64_t value, int64_t count, int64_t low, int64_t high)
{
    assert(count >= 0 && low <= high);
    if (value < 0)
        value += count;
    return value < low ? low : value > high ? high : value;
}

/* Counts from the end when negative, and backwards when the step is. */
static void slice(struct arena *arena, const struct jmespath *node, const struct json *list,
                  struct json **out)
{
    int64_t count = (int64_t)json_count(list), step = node->has_slice[2] ? node->slice[2] : 1;
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
    int64_t from = node->has_slice[0] ? clamp(node->slice[0], count, low, high)
                   : step > 0         ? 0
                                      : count - 1;
    int64_t to = node->has_slice[1] ? clamp(node->slice[1], count, low, high)
                 : step > 0         ? count
                                    : -1;
    const struct json **all = arena_new_array(arena, const struct json *, (size_t)count + 1);
    struct json_iter it = json_iter(list);

    assert(step != 0);
    while (json_next(&it))
        all[it.index] = it.value;
    *out = json_array(arena);
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step)
        json_append(arena, *out, json_copy(arena, all[i]));
}

/* Order is for numbers only: of anything else it is null, not false. */
static int compare(struct arena *arena, const struct jmespath *node, const struct json *data,
                   struct json **out, struct error *err)
{
    struct json *left, *right;
    bool holds;

    if (jmespath_eval(arena, node->left, data, &left, err) < 0 ||
        jmespath_eval(arena, node->right, data, &right, err) < 0)
        return -1;
    if (node->compare == TOKEN_EQ || node->compare == TOKEN_NE) {
        bool both_null = json_is_null(left) && json_is_null(right);
        holds = (both_null || json_equal(left, right)) == (node->compare == TOKEN_EQ);
        *out = json_bool(arena, holds);
        return 0;
    }
    if (json_kind(left) != JSON_NUMBER || json_kind(right) != JSON_NUMBER) {
        *out = json_null(arena);
        return 0;
    }
    double a = json_as_double(left, 0), b = json_as_double(right, 0);
    holds = node->compare == TOKEN_LT   ? a < b
            : node->compare == TOKEN_LE ? a <= b
            : node->compare == TOKEN_GT ? a > b
                                        : a >= b;
    *out = json_bool(arena, holds);
    return 0;
}

/* Runs node->right over the elements that the condition lets through; nulls fall out. */
static int project(struct arena *arena, const struct jmespath *node, const struct json *list,
                   struct json **out, struct error *err)
{
    struct json *result = json_array(arena), *value;
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        if (node->condition) {
            if (jmespath_eval(arena, node->condition, it.value, &value, err) < 0)
                return -1;
            if (!is_true(value))
                continue;
        }
        if (jmespath_eval(arena, node->right, it.value, &value, err) < 0)
            return -1;
        if (!json_is_null(value))
            json_append(arena, result, json_copy(arena, value));
    }
    *out = result;
    return 0;
}

/* Elements that give null are left out: that is what makes a filter of a projection. */
static int projection(struct arena *arena, const struct jmespath *node, const struct json *data,
                      struct json **out, struct error *err)
{
    enum json_kind wanted = node->type == NODE_VALUES ? JSON_OBJECT : JSON_ARRAY;
    struct json *base;

    if (jmespath_eval(arena, node->left, data, &base, err) < 0)
        return -1;
    if (json_kind(base) != wanted) {
        *out = json_null(arena);
        return 0;
    }
    return project(arena, node, base, out, err);
}

/* One level, and what is no list stays. */
static int flatten(struct arena *arena, const struct jmespath *node, const struct json *data,
                   struct json **out, struct error *err)
{
    struct json *base;

    if (jmespath_eval(arena, node->left, data, &base, err) < 0)
        return -1;
    *out = json_null(arena);
    if (json_kind(base) != JSON_ARRAY)
        return 0;
    struct json *result = json_array(arena);
    struct json_iter it = json_iter(base);
    while (json_next(&it)) {
        if (json_kind(it.value) != JSON_ARRAY) {
            json_append(arena, result, json_copy(arena, it.value));
            continue;
        }
        struct json_iter inner = json_iter(it.value);
        while (json_next(&inner))
            json_append(arena, result, json_copy(arena, inner.value));
    }
    *out = result;
    return 0;
}

/* An object of the keys that were asked for, in that order: tables rely on it. */
static int build(struct arena *arena, const struct jmespath *node, const struct json *data,
                 struct json **out, struct error *err)
{
    struct json *result = node->type == NODE_LIST ? json_array(arena) : json_object(arena), *value;

    /* Nothing can be selected from null. */
    if (json_is_null(data)) {
        *out = json_null(arena);
        return 0;
    }
    for (const struct jmespath *one = node->items; one; one = one->next) {
        const struct jmespath *inner = node->type == NODE_HASH ? one->left : one;
        if (jmespath_eval(arena, inner, data, &value, err) < 0)
            return -1;
        value = value ? json_copy(arena, value) : json_null(arena);
        if (node->type == NODE_HASH)
            json_set(arena, result, one->name, value);
        else
            json_append(arena, result, value);
    }
    *out = result;
    return 0;
}

/* Each argument has one bit, so that a function can take several types. */
static unsigned type_bit(const struct jmespath_argument *argument)
{
    static const unsigned BITS[] = {
        [JSON_NULL] = TAKES_NULL,     [JSON_BOOL] = TAKES_BOOL,   [JSON_NUMBER] = TAKES_NUMBER,
        [JSON_STRING] = TAKES_STRING, [JSON_ARRAY] = TAKES_ARRAY, [JSON_OBJECT] = TAKES_OBJECT};

    return argument->expression ? (unsigned)TAKES_EXPRESSION : BITS[json_kind(argument->value)];
}

/* Types are checked before the function sees them: it need not ask again. */
static int call(struct arena *arena, const struct jmespath *node, const struct json *data,
                struct json **out, struct error *err)
{
    struct jmespath_argument *arguments;
    size_t count = 0;

    for (const struct jmespath *one = node->items; one; one = one->next)
        count++;
    arguments = arena_new_array(arena, struct jmespath_argument, count + 1);
    count = 0;
    for (const struct jmespath *one = node->items; one; one = one->next, count++) {
        struct json *value = NULL;
        if (one->type == NODE_EXPREF)
            arguments[count].expression = one->left;
        else if (jmespath_eval(arena, one, data, &value, err) < 0)
            return -1;
        arguments[count].value = value;
        unsigned takes = node->function->takes[count < 2 ? count : 1];
        if (!(takes & type_bit(&arguments[count])))
            return error_set(err, ERROR_INVALID, "--query",
                             "%s() does not take what its argument %zu is.", node->function->name,
                             count + 1);
    }
    struct jmespath_call run = {arena, node->function, arguments, count};
    return node->function->run(&run, out, err);
}

/* Both sides only where needed: the right one may fail on what the left one rules out. */
static int logic(struct arena *arena, const struct jmespath *node, const struct json *data,
                 struct json **out, struct error *err)
{
    struct json *left;

    if (jmespath_eval(arena, node->left, data, &left, err) < 0)
        return -1;
    if (node->type == NODE_NOT) {
        *out = json_bool(arena, !is_true(left));
        return 0;
    }
    if (is_true(left) == (node->type == NODE_OR)) {
        *out = left;
        return 0;
    }
    return jmespath_eval(arena, node->right, data, out, err);
}

/* The right side sees what the left one gave; null ends it. */
static int chain(struct arena *arena, const struct jmespath *node, const struct json *data,
                 struct json **out, struct error *err)
{
    struct json *left;

    if (jmespath_eval(arena, node->left, data, &left, err) < 0)
        return -1;
    return jmespath_eval(arena, node->right, left, out, err);
}

/* From the end when negative; beyond the list there is null. */
static int positions(struct arena *arena, const struct jmespath *node, const struct json *data,
                     struct json **out, struct error *err)
{
    struct json *left;

    if (jmespath_eval(arena, node->left, data, &left, err) < 0)
        return -1;
    *out = json_null(arena);
    if (json_kind(left) != JSON_ARRAY)
        return 0;
    if (node->type == NODE_SLICE)
        slice(arena, node, left, out);
    else
        *out = element(left, node->index);
    return 0;
}

/* What stands for itself: names, texts and the whole. */
static int leaf(struct arena *arena, const struct jmespath *node, const struct json *data,
                struct json **out, struct error *err)
{
    assert(node->type == NODE_EXPREF || node->type == NODE_LITERAL || node->type == NODE_FIELD ||
           node->type == NODE_IDENTITY);
    if (node->type == NODE_EXPREF)
        return error_set(err, ERROR_INVALID, "--query",
                         "An &expression only goes into a function.");
    if (node->type == NODE_FIELD)
        *out = json_kind(data) == JSON_OBJECT ? json_get(data, node->name) : NULL;
    else
        *out = node->type == NODE_LITERAL ? node->literal : (struct json *)data;
    return 0;
}

/* A row a node: only functions fail, everything else that does not fit gives null. */
int jmespath_eval(struct arena *arena, const struct jmespath *node, const struct json *data,
                  struct json **out, struct error *err)
{
    static int (*const RULES[])(struct arena *arena, const struct jmespath *node,
                                const struct json *data, struct json **out,
                                struct error *err) = {[NODE_IDENTITY] = leaf,
                                                      [NODE_FIELD] = leaf,
                                                      [NODE_LITERAL] = leaf,
                                                      [NODE_EXPREF] = leaf,
                                                      [NODE_INDEX] = positions,
                                                      [NODE_SLICE] = positions,
                                                      [NODE_SUB] = chain,
                                                      [NODE_PIPE] = chain,
                                                      [NODE_OR] = logic,
                                                      [NODE_AND] = logic,
                                                      [NODE_NOT] = logic,
                                                      [NODE_COMPARE] = compare,
                                                      [NODE_PROJECTION] = projection,
                                                      [NODE_VALUES] = projection,
                                                      [NODE_FILTER] = projection,
                                                      [NODE_FLATTEN] = flatten,
                                                      [NODE_LIST] = build,
                                                      [NODE_HASH] = build,
                                                      [NODE_FUNCTION] = call};

    assert(node->type < COUNT(RULES) && RULES[node->type]);
    return RULES[node->type](arena, node, data, out, err);
}

/* A path that leads nowhere gives null, never no value at all: there is always one to print. */
int jmespath_search(struct arena *arena, const struct jmespath *expression, const struct json *data,
                    struct json **out, struct error *err)
{
    struct json *result = NULL;

    assert(expression);
    if (jmespath_eval(arena, expression, data, &result, err) < 0)
        return -1;
    *out = result ? result : json_null(arena);
    return 0;
}
