/* An MLflow model says itself what it needs, in files beside it. They are read by the runner that
 * has the model on its disk, as the server that plans a deployment has only its address. */
#include "environment/from_model.h"

#include "environment/conda.h"
#include "os/file.h"

#include <assert.h>
#include <string.h>

/* More than any list of packages that a person or MLflow writes. */
#define LIST_BYTES_MAX (256 * KIB)
#define PYTHON_DEFAULT STR("3.11")

/* The MLmodel file that is nearest to the top. */
struct search {
    struct arena *arena;
    struct str folder; /* of the nearest MLmodel; "." for the root */
    size_t depth;
    bool found;
};

/* Of two MLmodel files the one nearer to the top is the model's: deeper ones belong to parts of
 * it. */
static size_t depth_of(struct str path)
{
    size_t depth = 0;

    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '/';
    return depth;
}

/* What is a link or no file is passed over: the folder came from a client. */
static int visit(const struct dir_entry *entry, void *context, struct error *)
{
    struct search *search = context;
    ssize_t slash = str_find_last(entry->path, '/');
    struct str name = str_slice(entry->path, (size_t)(slash + 1), entry->path.len);

    assert(slash >= -1);
    if (!S_ISREG(entry->status.st_mode) || !str_eq(name, STR("MLmodel")) ||
        (search->found && search->depth <= depth_of(entry->path)))
        return 0;
    search->found = true;
    search->depth = depth_of(entry->path);
    search->folder =
        slash < 0 ? STR(".") : arena_str(search->arena, str_slice(entry->path, 0, (size_t)slash));
    return 0;
}

/* A file beside MLmodel; false when it is not there. */
static bool read_beside(const struct search *search, int dir, const char *name, struct str *out)
{
    struct str path = arena_printf(search->arena, "%.*s/%s", STR_ARG(search->folder), name);

    assert(search->found);
    return file_read(search->arena, dir, path.ptr, LIST_BYTES_MAX, out, NULL) == 0;
}

/* Without its comment: '#' begins one at the line's start or after a blank. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] == '#' && (i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t'))
            return str_trim(str_slice(line, 0, i));
    return str_trim(line);
}

/* A name, perhaps with extras, versions and markers: nothing that reads files or other indexes. */
static bool plain_requirement(struct str line)
{
    char first = line.ptr[0];
    bool named = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                 (first >= '0' && first <= '9');

    assert(line.len > 0);
    return named && str_find(line, STR("://")) < 0 && str_find(line, STR(" @ ")) < 0 &&
           str_find_char(str_slice(line, 0, strcspn(line.ptr, "<>=!~;[ ")), '/') < 0;
}

/* Read as data: a line that reaches for a file or an address is refused, never followed. */
static int read_requirements(struct arena *arena, struct str text, struct json *packages,
                             struct error *err)
{
    struct str line;

    while (str_split(&text, '\n', &line)) {
        line = without_comment(line);
        if (!line.len)
            continue;
        line = arena_str(arena, line);
        if (!plain_requirement(line))
            return error_set(
                err, ERROR_INVALID, "requirements.txt",
                "The model's requirements.txt has a line that is no plain requirement: '%.*s'.",
                STR_ARG(line));
        json_append(arena, packages, json_text(arena, line));
    }
    return 0;
}

/* "python: 3.11.7" of python_env.yaml as "3.11"; "" when it says none. */
static struct str read_python(struct str text)
{
    struct str line, version;

    while (str_split(&text, '\n', &line)) {
        if (!str_starts(line, STR("python:")))
            continue;
        version = str_trim(str_slice(line, 7, line.len));
        while (version.len && (version.ptr[0] == '"' || version.ptr[0] == '\''))
            version = str_slice(version, 1, version.len - 1);
        ssize_t dot = str_find_char(version, '.');
        if (dot < 0)
            return version;
        ssize_t patch = str_find_char(str_slice(version, (size_t)dot + 1, version.len), '.');
        return patch < 0 ? version : str_slice(version, 0, (size_t)(dot + 1 + patch));
    }
    return (struct str){0};
}

/* Newer models say it in python_env.yaml and requirements.txt, older ones in conda.yaml; where both
 * are, the first is what MLflow itself would follow. */
int environment_from_model(struct arena *arena, int dir, const struct json *environment,
                           struct json **out, struct error *err)
{
    struct json *result = json_copy(arena, environment), *packages = json_array(arena);
    struct search search = {.arena = arena};
    struct str text, python = {0};
    struct conda conda = {0};

    assert(json_str_at(environment, "fromModel").len && out);
    if (dir_walk(dir, visit, &search, err) < 0)
        return -1;
    if (!search.found)
        return error_set(err, ERROR_INVALID, "model",
                         "The model folder holds no file named MLmodel.");
    if (read_beside(&search, dir, "python_env.yaml", &text))
        python = read_python(text);
    if (read_beside(&search, dir, "requirements.txt", &text)) {
        if (read_requirements(arena, text, packages, err) < 0)
            return -1;
    } else if (read_beside(&search, dir, "conda.yaml", &text)) {
        if (conda_read(arena, text, &conda, err) < 0)
            return -1;
        packages = conda.packages;
        python = python.len ? python : conda.python;
    } else {
        return error_set(err, ERROR_INVALID, "model",
                         "The MLflow model has neither requirements.txt nor conda.yaml.");
    }
    json_remove(result, STR("fromModel"));
    json_set_str(arena, result, "kind", STR("python"));
    json_set_str(arena, result, "python", python.len ? python : PYTHON_DEFAULT);
    json_set(arena, result, STR("packages"), packages);
    *out = result;
    return 0;
}
