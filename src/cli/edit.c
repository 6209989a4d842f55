/* edit.c - Paths into a document, as --set, --add and --remove write them: a.b, list[0],
 * list[name=x]. */
#include "cli/edit.h"
#include "yaml/yaml.h"

#include <assert.h>

/* One step of a path: a key, [3], or [key=value]. */
struct step {
    struct str key;
    struct str match; /* of [key=value] */
    int64_t index;
    enum { STEP_KEY, STEP_INDEX, STEP_MATCH } kind;
};

/* One change of one document. */
struct edit {
    struct arena *arena;
    struct json *root;
    struct str path; /* as it was given */
    struct error *err;
};

/* The path as it was typed, cut: an error must fit a line. */
static int bad_path(const struct edit *edit, const char *why)
{
    assert(why);
    return error_set(edit->err, ERROR_INVALID, "", "The path '%.*s' %s.",
                     STR_ARG(str_slice(edit->path, 0, 100)), why);
}

/* A number counts from either end; anything with a = is a search. */
static int read_bracket(const struct edit *edit, struct str *rest, struct step *out)
{
    ssize_t close = str_find_char(*rest, ']');

    assert(rest->ptr[0] == '[');
    if (close < 0)
        return bad_path(edit, "has a [ without ]");
    struct str inside = str_slice(*rest, 1, (size_t)close);
    out->kind = str_cut(inside, '=', &out->key, &out->match) ? STEP_MATCH : STEP_INDEX;
    if (out->kind == STEP_INDEX && !str_to_int64(inside, &out->index))
        return bad_path(edit, "has no number and no key=value between [ and ]");
    *rest = str_slice(*rest, (size_t)close + 1, rest->len);
    return 0;
}

/* Cuts the next step off; 1, 0 at the end, -1. */
static int next_step(const struct edit *edit, struct str *rest, struct step *out)
{
    size_t end = 0;

    assert(rest && out);
    if (!rest->len)
        return 0;
    *out = (struct step){.kind = STEP_KEY};
    if (rest->ptr[0] == '[') {
        if (read_bracket(edit, rest, out) < 0)
            return -1;
    } else {
        while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
            end++;
        if (!end)
            return bad_path(edit, "has an empty step");
        out->key = str_slice(*rest, 0, end);
        *rest = str_slice(*rest, end, rest->len);
    }
    if (!rest->len || rest->ptr[0] != '.')
        return 1;
    *rest = str_slice(*rest, 1, rest->len);
    return rest->len ? 1 : bad_path(edit, "ends in a dot");
}

/* By position, from the end when negative, or the first whose key has the value. */
static struct json *find_element(struct arena *arena, const struct json *list,
                                 const struct step *step, size_t *out_index)
{
    int64_t wanted = step->index < 0 ? step->index + (int64_t)json_count(list) : step->index;
    struct json_iter it = json_iter(list);

    assert(list && step->kind != STEP_KEY);
    while (json_next(&it)) {
        bool hit =
            step->kind == STEP_INDEX
                ? (int64_t)it.index == wanted
                : str_eq(yaml_literal_text(arena, json_get(it.value, step->key)), step->match);
        *out_index = it.index;
        if (hit)
            return it.value;
    }
    return NULL;
}

/* Puts a value into an object or over an element of a list. */
static int store(const struct edit *edit, struct json *at, const struct step *step,
                 struct json *value)
{
    size_t index;

    assert(value);
    if (step->kind == STEP_KEY) {
        if (json_kind(at) != JSON_OBJECT)
            return bad_path(edit, "leads through something that is no mapping");
        json_set(edit->arena, at, step->key, value);
        return 0;
    }
    if (json_kind(at) != JSON_ARRAY || !find_element(edit->arena, at, step, &index))
        return bad_path(edit, "names an element that is not there");
    struct str position = arena_printf(edit->arena, "[%zu]", index);
    return json_put(edit->arena, at, position.ptr, value, edit->err);
}

/* What one step leads to. With `make`, a mapping that is missing is made. */
static struct json *descend(const struct edit *edit, struct json *at, const struct step *step,
                            bool make)
{
    size_t index;
    struct json *below = step->kind == STEP_KEY ? json_get(at, step->key)
                                                : find_element(edit->arena, at, step, &index);

    assert(at);
    if (json_is_null(below) && make && step->kind == STEP_KEY && json_kind(at) == JSON_OBJECT) {
        below = json_object(edit->arena);
        json_set(edit->arena, at, step->key, below);
    }
    return below;
}

/* The container that the path's last step stands in. */
static int walk(const struct edit *edit, bool make, struct json **out_at, struct step *out_last)
{
    struct str rest = edit->path;
    struct json *at = edit->root;
    struct step step;
    int more = next_step(edit, &rest, out_last);

    assert(at);
    if (more == 0)
        return bad_path(edit, "is empty");
    while (more > 0 && (more = next_step(edit, &rest, &step)) > 0) {
        struct json *below = descend(edit, at, out_last, make);
        if (json_kind(below) != JSON_OBJECT && json_kind(below) != JSON_ARRAY)
            return bad_path(edit, "leads through something that is no mapping or list");
        at = below;
        *out_last = step;
    }
    *out_at = at;
    return more < 0 ? -1 : 0;
}

/* JSON when it parses, else text. */
static struct json *read_value(struct arena *arena, struct str text, bool force_text)
{
    struct error ignored;
    struct json *value = force_text ? NULL : json_parse(arena, text, &ignored);

    if (value)
        return value;
    if (!force_text && (str_eq(text, STR("True")) || str_eq(text, STR("False"))))
        return json_bool(arena, text.ptr[0] == 'T');
    return json_text(arena, text);
}

/* The first = outside of brackets ends the path: values may have as many as they like. */
int edit_set(struct arena *arena, struct json *root, struct str assignment, bool force_text,
             struct error *err)
{
    struct edit edit = {arena, root, assignment, err};
    struct json *at;
    struct step last;
    size_t equals = 0;
    bool inside = false;

    assert(root);
    /* The = of [name=x] does not end the path. */
    for (; equals < assignment.len && (inside || assignment.ptr[equals] != '='); equals++)
        inside = assignment.ptr[equals] == '[' || (inside && assignment.ptr[equals] != ']');
    if (equals == assignment.len)
        return bad_path(&edit, "has no =VALUE");
    edit.path = str_slice(assignment, 0, equals);
    struct str text = str_slice(assignment, equals + 1, assignment.len);
    if (walk(&edit, true, &at, &last) < 0)
        return -1;
    return store(&edit, at, &last, read_value(arena, text, force_text));
}

/* Words of the form KEY=VALUE become one object at the end of the list, others elements. */
static void append_words(struct arena *arena, struct json *list, const struct str *words,
                         size_t count)
{
    struct json *pairs = NULL;
    struct str key, text;

    assert(json_kind(list) == JSON_ARRAY);
    for (size_t i = 0; i < count; i++) {
        if (!str_cut(words[i], '=', &key, &text)) {
            json_append(arena, list, read_value(arena, words[i], false));
            continue;
        }
        if (!pairs) {
            pairs = json_object(arena);
            json_append(arena, list, pairs);
        }
        json_set(arena, pairs, key, read_value(arena, text, false));
    }
}

/* A list that is not there begins with the first element. */
int edit_add(struct arena *arena, struct json *root, const struct str *words, size_t count,
             struct error *err)
{
    struct edit edit = {arena, root, words[0], err};
    struct json *at;
    struct step last;
    size_t index;

    assert(count > 0 && root);
    if (count < 2)
        return bad_path(&edit, "needs KEY=VALUE or a value after it");
    if (walk(&edit, true, &at, &last) < 0)
        return -1;
    struct json *list =
        last.kind == STEP_KEY ? json_get(at, last.key) : find_element(arena, at, &last, &index);
    if (json_is_null(list)) {
        list = json_array(arena);
        if (store(&edit, at, &last, list) < 0)
            return -1;
    }
    if (json_kind(list) != JSON_ARRAY)
        return bad_path(&edit, "is no list");
    append_words(arena, list, words + 1, count - 1);
    return 0;
}

/* Lists have no removal of their own: what stays is copied. */
static struct json *without(struct arena *arena, const struct json *list, size_t index)
{
    struct json *kept = json_array(arena);
    struct json_iter it = json_iter(list);

    assert(list);
    while (json_next(&it))
        if (it.index != index)
            json_append(arena, kept, json_copy(arena, it.value));
    return kept;
}

/* What is not there cannot be removed: a typing error must not pass as done. */
int edit_remove(struct arena *arena, struct json *root, const struct str *words, size_t count,
                struct error *err)
{
    struct edit edit = {arena, root, words[0], err};
    struct json *at, *list;
    struct step last, above;
    size_t index;

    assert(count > 0 && root);
    if (count > 1)
        edit.path = arena_printf(arena, "%.*s[%.*s]", STR_ARG(words[0]), STR_ARG(words[1]));
    if (walk(&edit, false, &at, &last) < 0)
        return -1;
    if (last.kind == STEP_KEY)
        return json_remove(at, last.key) ? 0 : bad_path(&edit, "names a key that is not there");
    if (json_kind(at) != JSON_ARRAY || !find_element(arena, at, &last, &index))
        return bad_path(&edit, "names an element that is not there");
    struct json *kept = without(arena, at, index);
    edit.path = str_slice(edit.path, 0, (size_t)str_find_last(edit.path, '['));
    if (walk(&edit, false, &list, &above) < 0)
        return -1;
    return store(&edit, list, &above, kept);
}
