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

static int bad_path(struct str path, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "", "The path '%.*s' %s.",
                     STR_ARG(str_slice(path, 0, 100)), why);
}

/* Cuts the next step off; 1, 0 at the end, -1. */
static int next_step(struct str path, struct str *rest, struct step *out, struct error *err)
{
    if (!rest->len)
        return 0;
    *out = (struct step){.kind = STEP_KEY};
    if (rest->ptr[0] == '[') {
        ssize_t close = str_find_char(*rest, ']');
        if (close < 0)
            return bad_path(path, "has a [ without ]", err);
        struct str inside = str_slice(*rest, 1, (size_t)close);
        out->kind = str_cut(inside, '=', &out->key, &out->match) ? STEP_MATCH : STEP_INDEX;
        if (out->kind == STEP_INDEX && !str_to_int64(inside, &out->index))
            return bad_path(path, "has no number and no key=value between [ and ]", err);
        *rest = str_slice(*rest, (size_t)close + 1, rest->len);
    } else {
        size_t end = 0;
        while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
            end++;
        if (!end)
            return bad_path(path, "has an empty step", err);
        out->key = str_slice(*rest, 0, end);
        *rest = str_slice(*rest, end, rest->len);
    }
    if (rest->len && rest->ptr[0] == '.') {
        *rest = str_slice(*rest, 1, rest->len);
        if (!rest->len)
            return bad_path(path, "ends in a dot", err);
    }
    return 1;
}

static struct json *find_element(struct arena *arena, const struct json *list,
                                 const struct step *step, size_t *out_index)
{
    int64_t wanted = step->index < 0 ? step->index + (int64_t)json_count(list) : step->index;
    struct json_iter it = json_iter(list);

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
static int store(struct arena *arena, struct json *at, const struct step *step, struct str path,
                 struct json *value, struct error *err)
{
    size_t index;

    if (step->kind == STEP_KEY) {
        if (json_kind(at) != JSON_OBJECT)
            return bad_path(path, "leads through something that is no mapping", err);
        json_set(arena, at, step->key, value);
        return 0;
    }
    if (json_kind(at) != JSON_ARRAY || !find_element(arena, at, step, &index))
        return bad_path(path, "names an element that is not there", err);
    char position[32];
    struct str written = arena_printf(arena, "[%zu]", index);
    assert(written.len < sizeof position);
    return json_put(arena, at, written.ptr, value, err);
}

/* The container that the path's last step stands in. With `make`, missing mappings are made. */
static int walk(struct arena *arena, struct json *root, struct str path, bool make,
                struct json **out_at, struct step *out_last, struct error *err)
{
    struct str rest = path;
    struct json *at = root;
    struct step step;
    size_t index;
    int more = next_step(path, &rest, out_last, err);

    if (more == 0)
        return bad_path(path, "is empty", err);
    while (more > 0 && (more = next_step(path, &rest, &step, err)) > 0) {
        struct json *below = out_last->kind == STEP_KEY ? json_get(at, out_last->key)
                                                        : find_element(arena, at, out_last, &index);
        if (json_is_null(below) && make && out_last->kind == STEP_KEY &&
            json_kind(at) == JSON_OBJECT) {
            below = json_object(arena);
            json_set(arena, at, out_last->key, below);
        }
        if (json_kind(below) != JSON_OBJECT && json_kind(below) != JSON_ARRAY)
            return bad_path(path, "leads through something that is no mapping or list", err);
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

int edit_set(struct arena *arena, struct json *root, struct str assignment, bool force_text,
             struct error *err)
{
    struct str path, text;
    struct json *at;
    struct step last;
    size_t equals = 0;
    bool inside = false;

    /* The = of [name=x] does not end the path. */
    for (; equals < assignment.len && (inside || assignment.ptr[equals] != '='); equals++)
        inside = assignment.ptr[equals] == '[' || (inside && assignment.ptr[equals] != ']');
    if (equals == assignment.len)
        return bad_path(assignment, "has no =VALUE", err);
    path = str_slice(assignment, 0, equals);
    text = str_slice(assignment, equals + 1, assignment.len);
    if (walk(arena, root, path, true, &at, &last, err) < 0)
        return -1;
    return store(arena, at, &last, path, read_value(arena, text, force_text), err);
}

int edit_add(struct arena *arena, struct json *root, const struct str *words, size_t count,
             struct error *err)
{
    struct json *at, *list, *pairs = NULL;
    struct step last;
    size_t index;
    struct str key, text;

    assert(count > 0);
    if (count < 2)
        return bad_path(words[0], "needs KEY=VALUE or a value after it", err);
    if (walk(arena, root, words[0], true, &at, &last, err) < 0)
        return -1;
    list = last.kind == STEP_KEY ? json_get(at, last.key) : find_element(arena, at, &last, &index);
    if (json_is_null(list)) {
        list = json_array(arena);
        if (store(arena, at, &last, words[0], list, err) < 0)
            return -1;
    }
    if (json_kind(list) != JSON_ARRAY)
        return bad_path(words[0], "is no list", err);
    for (size_t i = 1; i < count; i++) {
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
    return 0;
}

/* Lists have no removal of their own: what stays is copied. */
static struct json *without(struct arena *arena, const struct json *list, size_t index)
{
    struct json *kept = json_array(arena);
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        if (it.index != index)
            json_append(arena, kept, json_copy(arena, it.value));
    return kept;
}

int edit_remove(struct arena *arena, struct json *root, const struct str *words, size_t count,
                struct error *err)
{
    struct str path = words[0];
    struct json *at, *list;
    struct step last, above;
    size_t index;

    assert(count > 0);
    if (count > 1)
        path = arena_printf(arena, "%.*s[%.*s]", STR_ARG(words[0]), STR_ARG(words[1]));
    if (walk(arena, root, path, false, &at, &last, err) < 0)
        return -1;
    if (last.kind == STEP_KEY)
        return json_remove(at, last.key) ? 0 : bad_path(path, "names a key that is not there", err);
    if (json_kind(at) != JSON_ARRAY || !find_element(arena, at, &last, &index))
        return bad_path(path, "names an element that is not there", err);
    ssize_t bracket = str_find_last(path, '[');
    struct str parent = str_slice(path, 0, (size_t)bracket);
    if (walk(arena, root, parent, false, &list, &above, err) < 0)
        return -1;
    return store(arena, list, &above, parent, without(arena, at, index), err);
}
