/* model.c - what a model that MLflow saved says it needs */
#include "environment/environment.h"

#include "environment/conda.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

#define TEXT_BYTES_MAX (1 * MIB)

/* Adds each requirement of a requirements.txt; options could reach files that are not ours. */
static int add_requirements(struct arena *arena, struct str text, struct json *packages, struct error *err)
{
    struct str line;

    assert(packages);
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        ssize_t comment = str_find(line, STR(" #"));
        if (comment >= 0)
            line = str_trim(str_slice(line, 0, (size_t)comment));
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '-' || line.ptr[0] == '.' || line.ptr[0] == '/')
            return error_set(err, ERROR_INVALID, "requirements.txt",
                             "The model's requirements.txt says '%.*s', and only packages may stand there.",
                             STR_ARG(line));
        json_append(arena, packages, json_text(arena, line));
    }
    return 0;
}

/* "3.11" out of python_env.yaml's "python: 3.11.2"; "" when there is none. */
static struct str read_python(struct arena *arena, int folder)
{
    struct str text;
    struct yaml yaml;

    assert(folder >= 0);
    if (file_read(arena, folder, "python_env.yaml", TEXT_BYTES_MAX, &text, NULL) < 0 ||
        yaml_parse(arena, text, &yaml, NULL) < 0)
        return (struct str){0};
    struct json *python = json_at(yaml.root, "python");
    struct str version = json_kind(python) == JSON_NUMBER ? json_write(arena, python) : json_as_str(python);
    struct str major, rest, minor, patch;
    if (!str_cut(version, '.', &major, &rest))
        return (struct str){0};
    minor = str_cut(rest, '.', &minor, &patch) ? minor : rest;
    return arena_printf(arena, "%.*s.%.*s", STR_ARG(major), STR_ARG(minor));
}

int environment_from_model(struct arena *arena, int folder, struct json **out, struct error *err)
{
    struct json *environment = json_object(arena);
    struct conda conda = {.python = STR("3.11"), .packages = json_array(arena)};
    struct str python = read_python(arena, folder);
    struct str text;

    if (!file_exists(folder, "MLmodel"))
        return error_set(err, ERROR_INVALID, "MLmodel", "The model folder holds no file MLmodel.");
    if (file_read(arena, folder, "requirements.txt", TEXT_BYTES_MAX, &text, NULL) == 0) {
        if (add_requirements(arena, text, conda.packages, err) < 0)
            return -1;
    } else if (file_read(arena, folder, "conda.yaml", TEXT_BYTES_MAX, &text, NULL) == 0) {
        if (conda_read(arena, text, &conda, err) < 0)
            return -1;
    } else {
        return error_set(err, ERROR_INVALID, "requirements.txt",
                         "The model folder holds neither requirements.txt nor conda.yaml.");
    }
    assert(conda.python.len);
    json_set_str(arena, environment, "kind", STR("python"));
    json_set_str(arena, environment, "python", python.len ? python : conda.python);
    json_set(arena, environment, STR("packages"), conda.packages);
    *out = environment;
    return 0;
}
