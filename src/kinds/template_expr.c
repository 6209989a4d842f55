/* Reading expressions: a call or a literal, then properties and positions behind it. `if`, `and`
 * and `or` look at an argument only when they need it, since the other one often names what is not
 * there; so arguments are skipped by the same reader that evaluates them. */
#include "kinds/template_expr.h"

#include <assert.h>

struct reader {
    struct template *t;
    struct str whole; /* for errors */
    struct str rest;
    bool skip; /* read, but do not evaluate */
};

static struct json *read_value(struct reader *r, struct error *err);

static int bad(const struct reader *r, struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "template", "The expression '%.*s' %s.",
                     STR_ARG(str_slice(r->whole, 0, 200)), what);
}

static void skip_blanks(struct reader *r)
{
    while (r->rest.len > 0 && (r->rest.ptr[0] == ' ' || r->rest.ptr[0] == '\t' ||
                               r->rest.ptr[0] == '\n' || r->rest.ptr[0] == '\r'))
        r->rest = str_slice(r->rest, 1, r->rest.len);
}

/* Takes one character when it comes next. */
static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->rest.len == 0 || r->rest.ptr[0] != c)
        return false;
    r->rest = str_slice(r->rest, 1, r->rest.len);
    return true;
}

/* 'text', in which '' is one quote. */
static struct json *read_literal(struct reader *r, struct error *err)
{
    struct str text = STR("");

    assert(r->rest.ptr[0] == '\'');
    r->rest = str_slice(r->rest, 1, r->rest.len);
    for (;;) {
        ssize_t end = str_find_char(r->rest, '\'');
        if (end < 0) {
            bad(r, err, "lacks a closing quote");
            return NULL;
        }
        text = arena_printf(r->t->arena, "%.*s%.*s", STR_ARG(text), (int)end, r->rest.ptr);
        r->rest = str_slice(r->rest, (size_t)end + 1, r->rest.len);
        if (r->rest.len == 0 || r->rest.ptr[0] != '\'')
            return json_text(r->t->arena, text);
        text = arena_printf(r->t->arena, "%.*s'", STR_ARG(text));
        r->rest = str_slice(r->rest, 1, r->rest.len);
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str read_word(struct reader *r)
{
    size_t len = 0;

    skip_blanks(r);
    while (len < r->rest.len && is_word(r->rest.ptr[len]))
        len++;
    struct str word = str_slice(r->rest, 0, len);
    r->rest = str_slice(r->rest, len, r->rest.len);
    return word;
}

static struct json *read_number(struct reader *r, struct error *err)
{
    bool negative = take(r, '-');
    struct str word = read_word(r);
    int64_t number;

    if (!str_to_int64(word, &number)) {
        bad(r, err, "holds something that is neither a text, a number nor a call");
        return NULL;
    }
    return json_int(r->t->arena, negative ? -number : number);
}

/* Reads an argument; with `skip` its value does not count. */
static struct json *read_argument(struct reader *r, bool skip, struct error *err)
{
    bool before = r->skip;

    r->skip = before || skip;
    struct json *value = read_value(r, err);
    r->skip = before;
    return value;
}

/* Whether argument `at` of a lazy function is needed, from what the ones before gave. */
static bool needed(struct str name, const struct template_call *call)
{
    bool first = call->count > 0 && json_as_bool(call->arguments[0], false);
    size_t at = call->count;

    assert(at < TEMPLATE_ARGUMENTS_MAX);
    if (str_eq_fold(name, STR("if")))
        return at == 0 || (at == 1 ? first : !first);
    if (str_eq_fold(name, STR("and")))
        return at == 0 || json_as_bool(call->arguments[at - 1], false);
    if (str_eq_fold(name, STR("or")))
        return at == 0 || !json_as_bool(call->arguments[at - 1], false);
    return true;
}

/* What stands between the parentheses of a call. */
static int read_arguments(struct reader *r, struct template_call *call, struct error *err)
{
    if (take(r, ')'))
        return 0;
    do {
        if (call->count + 1 >= TEMPLATE_ARGUMENTS_MAX)
            return bad(r, err, "has a call with too many arguments");
        bool skip = !r->skip && !needed(call->name, call);
        struct json *value = read_argument(r, skip, err);
        if (!value)
            return -1;
        /* A decided `and` or `or` hands its last value on. */
        bool lazy = str_eq_fold(call->name, STR("and")) || str_eq_fold(call->name, STR("or"));
        if (skip && lazy)
            value = call->arguments[call->count - 1];
        call->arguments[call->count++] = value;
    } while (take(r, ','));
    assert(call->count > 0);
    return take(r, ')') ? 0 : bad(r, err, "lacks a closing parenthesis");
}

static struct json *read_call(struct reader *r, struct error *err)
{
    struct template_call *call = arena_make(r->t->arena, struct template_call);

    call->name = read_word(r);
    while (take(r, '.')) { /* az.resourceId(…), sys.concat(…) */
        call->name = read_word(r);
    }
    if (call->name.len == 0 || !take(r, '(')) {
        bad(r, err, "holds a word that is no call");
        return NULL;
    }
    if (read_arguments(r, call, err) < 0)
        return NULL;
    if (r->skip)
        return json_null(r->t->arena);
    return template_call(r->t, call, err);
}

/* One step behind a value: .name or [position or 'name']. */
static struct json *step_into(struct reader *r, struct json *value, struct str name,
                              const struct json *position, struct error *err)
{
    struct json *found = NULL;
    struct json_iter it = json_iter(value);
    int64_t at = json_as_int(position, -1);

    if (r->skip)
        return value;
    if (json_kind(value) == JSON_OBJECT)
        found = json_get_fold(value, position ? json_as_str(position) : name);
    else
        while (json_kind(value) == JSON_ARRAY && json_next(&it))
            if ((int64_t)it.index == at)
                found = it.value;
    if (!found)
        bad(r, err, "asks for a property or a position that is not there");
    return found;
}

static struct json *read_steps(struct reader *r, struct json *value, struct error *err)
{
    while (value) {
        if (take(r, '.')) {
            struct str name = read_word(r);
            value = step_into(r, value, name, NULL, err);
        } else if (take(r, '[')) {
            struct json *position = read_value(r, err);
            if (position && !take(r, ']')) {
                bad(r, err, "lacks a closing bracket");
                return NULL;
            }
            value = position ? step_into(r, value, (struct str){0}, position, err) : NULL;
        } else {
            return value;
        }
    }
    return NULL;
}

static struct json *read_value(struct reader *r, struct error *err)
{
    struct json *value;

    skip_blanks(r);
    if (++r->t->steps > TEMPLATE_STEPS_MAX || r->t->depth >= TEMPLATE_DEPTH_MAX ||
        arena_used(r->t->arena) > TEMPLATE_BYTES_MAX) {
        bad(r, err, "is too deep or its template too long");
        return NULL;
    }
    char c = r->rest.len > 0 ? r->rest.ptr[0] : 0;
    r->t->depth++;
    if (c == '\'')
        value = read_literal(r, err);
    else if (c == '-' || (c >= '0' && c <= '9'))
        value = read_number(r, err);
    else
        value = read_call(r, err);
    value = read_steps(r, value, err);
    r->t->depth--;
    return value;
}

struct json *template_text(struct template *t, struct str text, struct error *err)
{
    struct reader reader = {.t = t, .whole = text};

    assert(t->arena);
    if (!str_starts(text, STR("[")) || !str_ends(text, STR("]")))
        return json_text(t->arena, text);
    if (str_starts(text, STR("[[")))
        return json_text(t->arena, str_slice(text, 1, text.len));
    reader.rest = str_slice(text, 1, text.len - 1);
    struct json *value = read_value(&reader, err);
    skip_blanks(&reader);
    if (value && reader.rest.len > 0) {
        bad(&reader, err, "goes on behind its end");
        return NULL;
    }
    return value;
}

/* Members whose expression gives null are left out, as if they had not been written. */
static struct json *members(struct template *t, const struct json *value, struct error *err)
{
    bool object = json_kind(value) == JSON_OBJECT;
    struct json *out = object ? json_object(t->arena) : json_array(t->arena);
    struct json_iter it = json_iter(value);

    while (json_next(&it)) {
        struct json *one = template_value(t, it.value, err);
        if (!one)
            return NULL;
        if (!object)
            json_append(t->arena, out, one);
        else if (!json_is_null(one))
            json_set(t->arena, out, it.key, one);
    }
    return out;
}

struct json *template_value(struct template *t, const struct json *value, struct error *err)
{
    switch (json_kind(value)) {
    case JSON_STRING:
        return template_text(t, json_as_str(value), err);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return members(t, value, err);
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER:
        break;
    }
    return json_copy(t->arena, value);
}
