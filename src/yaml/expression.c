/* expression.c - ${{…}} in a command: what it reads must be there, and what is there should be
 * read. */
#include "yaml/schema.h"

#include <assert.h>

/* No blanks inside, as the SDK matches them: others are text. */
bool yaml_expression_next(struct str text, size_t *position, struct str *out_target)
{
    assert(*position <= text.len);
    struct str rest = str_slice(text, *position, text.len);
    ssize_t start = str_find(rest, STR("${{"));

    if (start < 0)
        return false;
    struct str inside = str_slice(rest, (size_t)start + 3, rest.len);
    ssize_t end = str_find(inside, STR("}}"));
    if (end < 0)
        return false;
    *out_target = str_trim(str_slice(inside, 0, (size_t)end));
    *position += (size_t)start + 3 + (size_t)end + 2;
    return true;
}

/* The keys of a mapping, as words to be near to. */
static struct str nearest_key(struct arena *arena, const struct json *map, struct str name)
{
    struct str *words = arena_new_array(arena, struct str, json_count(map) + 1);
    size_t count = 0;
    struct json_iter it = json_iter(map);

    assert(arena);
    while (json_next(&it))
        words[count++] = it.key;
    return yaml_nearest(name, words, count);
}

/* ${{inputs.x}} and ${{outputs.x}} must be there; the rest is the server's to know. */
static void check_target(const struct yaml *yaml, struct yaml_place place, struct str target,
                         struct yaml_problems *problems)
{
    struct str group, name;

    assert(problems);
    if (!str_cut(target, '.', &group, &name) ||
        !(str_eq(group, STR("inputs")) || str_eq(group, STR("outputs")))) {
        yaml_problem_add(
            problems, place, "E1302",
            "'${{%.*s}}' names nothing a command job has; expected inputs.NAME or outputs.NAME",
            STR_ARG(target));
        return;
    }
    struct json *map = json_get(yaml->root, group);
    if (json_get(map, name))
        return;
    struct yaml_problem *problem = yaml_problem_add(
        problems, place, "E1301", "the command reads '${{%.*s}}', but %.*s has no '%.*s'",
        STR_ARG(target), STR_ARG(group), STR_ARG(name));
    struct str near = nearest_key(problems->arena, map, name);
    if (near.len)
        problem->fix =
            arena_printf(problems->arena, "${{%.*s.%.*s}}", STR_ARG(group), STR_ARG(near));
}

/* Whole names: ${{inputs.a}} does not read ab. */
static bool reads_input(struct str command, struct str name)
{
    size_t position = 0;
    struct str target;

    assert(name.ptr || !name.len);
    while (yaml_expression_next(command, &position, &target))
        if (str_starts(target, STR("inputs.")) && str_eq(str_slice(target, 7, target.len), name))
            return true;
    return false;
}

/* Both ways: what the command reads must exist, and what exists should be read. */
void yaml_check_command(const struct yaml *yaml, struct yaml_problems *problems)
{
    struct json *value = json_get(yaml->root, STR("command"));
    struct str command = json_as_str(value), target;
    struct yaml_place place = {yaml_mark(yaml, value), STR("command")};
    struct json_iter inputs = json_iter(json_get(yaml->root, STR("inputs")));
    size_t position = 0;

    assert(yaml && problems);
    if (json_kind(value) != JSON_STRING)
        return;
    while (yaml_expression_next(command, &position, &target))
        check_target(yaml, place, target, problems);
    while (json_next(&inputs)) {
        /* Scripts may also find an input in its AZURE_ML_INPUT_ variable, so this only warns. */
        if (!reads_input(command, inputs.key))
            yaml_problem_add(problems,
                             (struct yaml_place){yaml_key_mark(yaml, inputs.value), inputs.key},
                             "W2101", "input '%.*s' is never used in command", STR_ARG(inputs.key));
    }
}
