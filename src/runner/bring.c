/* Inputs and code on their way in. Names of blobs are whatever a client once chose, so no path is
 * made of them by hand: each file is opened beneath the run folder by openat2, which follows no
 * link and leaves no folder. */
#include "runner/bring.h"

#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>

/* Blobs below a prefix on their way into a folder. */
struct bringing {
    struct remote *remote;
    struct arena *arena;
    struct str container, prefix;
    int folder;
    struct bring_count *count;
};

/* The part of a name behind its last slash. */
static struct str base_name(struct str name)
{
    ssize_t slash = str_find_last(name, '/');

    assert(slash < (ssize_t)name.len);
    return str_slice(name, (size_t)(slash + 1), name.len);
}

/* Brings one blob to a path beneath the folder; openat2 keeps odd names from leaving it. */
static int bring_blob(struct bringing *b, struct str blob, struct str path, struct error *err)
{
    char *to = arena_cstr(b->arena, path);
    ssize_t slash = str_find_last(path, '/');
    struct remote_place place = {b->container, blob};
    struct stat status;

    assert(path.len);
    if (slash > 0 &&
        dir_make(b->folder, arena_cstr(b->arena, str_slice(path, 0, (size_t)slash)), 0755, err) < 0)
        return -1;
    CLEANUP(fd_close)
    int fd = file_open_nolinks(b->folder, to, O_RDWR | O_CREAT | O_TRUNC, 0644, err);
    if (fd < 0 || remote_get(b->remote, &place, fd, err) < 0)
        return -1;
    if (fstat(fd, &status) == 0)
        b->count->bytes += status.st_size;
    b->count->files++;
    return 0;
}

/* Called for each blob of a listing; names may lead anywhere, openat2 decides. */
static int bring_listed(struct str name, int64_t size, void *context, struct error *err)
{
    struct bringing *b = context;
    struct str path = str_slice(name, b->prefix.len, name.len);

    assert(size >= -1);
    if (!str_starts(name, b->prefix) || !path.len || str_ends(path, STR("/")))
        return 0; /* markers of empty folders hold nothing */
    return bring_blob(b, name, path, err);
}

/* Everything below `prefix`, or exactly that blob. */
static int bring_place(struct bringing *b, struct str prefix, bool single, struct error *err)
{
    int64_t before = b->count->files;

    assert(b->folder >= 0);
    if (single)
        return bring_blob(b, prefix, base_name(prefix), err);
    b->prefix = prefix.len && !str_ends(prefix, STR("/"))
                    ? arena_printf(b->arena, "%.*s/", STR_ARG(prefix))
                    : prefix;
    struct remote_place place = {b->container, b->prefix};
    if (remote_list(b->remote, &place, bring_listed, b, err) < 0)
        return -1;
    /* A folder of one file may have been named by that file. */
    if (b->count->files == before && prefix.len && !str_ends(prefix, STR("/"))) {
        struct error missing = {0};
        if (bring_blob(b, prefix, base_name(prefix), &missing) < 0) {
            dir_remove_tree(b->folder, arena_cstr(b->arena, base_name(prefix)), NULL);
            if (missing.code != ERROR_NOT_FOUND) {
                *err = missing;
                return -1;
            }
        }
    }
    return 0;
}

/* inputs/{name}, or inputs/{name}/{into}, beneath the run folder. */
static struct str input_path(const struct attempt *attempt, struct str name,
                             const struct json *input)
{
    struct str into = json_str_at(input, "into");

    assert(name.len);
    return into.len ? arena_printf(attempt->arena, "inputs/%.*s/%.*s", STR_ARG(name), STR_ARG(into))
                    : arena_printf(attempt->arena, "inputs/%.*s", STR_ARG(name));
}

/* Literals are text and `direct` ones are read by the command itself. */
static bool is_brought(const struct json *input)
{
    assert(input);
    return !str_eq(json_str_at(input, "type"), STR("literal")) &&
           !str_eq_fold(json_str_at(input, "mode"), STR("direct"));
}

/* An empty input is a mistake more often than meant, and is told before the command starts. */
static int bring_input(struct attempt *attempt, struct remote *remote, const struct json_iter *at,
                       struct bring_count *count, struct error *err)
{
    const struct json *input = at->value;
    struct str name = at->key;
    struct str path = input_path(attempt, name, input);
    struct error cause = {0};
    struct bringing b = {.remote = remote,
                         .arena = attempt->arena,
                         .count = count,
                         .container = json_str_at(input, "container")};
    int64_t before = count->files;

    assert(b.arena);
    CLEANUP(fd_close) int folder = dir_open_at(attempt->folder, path.ptr, 0755, err);
    b.folder = folder;
    if (folder < 0)
        return -1;
    int result =
        bring_place(&b, json_str_at(input, "prefix"), json_bool_at(input, "single", false), &cause);
    if (result < 0)
        return error_set(err, cause.code, "", "Input '%.*s' cannot be brought: %.400s",
                         STR_ARG(name), cause.message);
    if (count->files == before)
        return error_set(err, ERROR_NOT_FOUND, "",
                         "Input '%.*s' is empty: there is nothing below '%.*s'.", STR_ARG(name),
                         STR_ARG(json_str_at(input, "prefix")));
    return 0;
}

/* Without code there is still the folder, in which the command starts. */
static int bring_code(struct attempt *attempt, struct remote *remote, struct bring_count *count,
                      struct error *err)
{
    const struct json *code = json_at(attempt->spec, "code");
    struct error cause = {0};
    struct bringing b = {.remote = remote,
                         .arena = attempt->arena,
                         .count = count,
                         .container = json_str_at(code, "container")};

    assert(attempt->folder >= 0);
    CLEANUP(fd_close) int folder = dir_open_at(attempt->folder, "work", 0755, err);
    if (folder < 0)
        return -1;
    if (!b.container.len)
        return 0;
    b.folder = folder;
    if (bring_place(&b, json_str_at(code, "prefix"), json_bool_at(code, "single", false), &cause) <
        0)
        return error_set(err, cause.code, "", "The code cannot be brought: %.400s", cause.message);
    return 0;
}

/* One after the other: the server is on this host, and its disk is the limit. */
int bring_all(struct attempt *attempt, struct remote *remote, struct bring_count *out,
              struct error *err)
{
    struct json_iter it = json_iter(json_at(attempt->spec, "inputs"));

    *out = (struct bring_count){0};
    if (bring_code(attempt, remote, out, err) < 0)
        return -1;
    while (json_next(&it)) {
        assert(it.key.len);
        if (is_brought(it.value) && bring_input(attempt, remote, &it, out, err) < 0)
            return -1;
    }
    return 0;
}

/* What the command sees in place of ${{inputs.x}}: text, address or path. */
struct str bring_value(const struct attempt *attempt, struct str name)
{
    const struct json *input = json_get(json_at(attempt->spec, "inputs"), name);

    if (!input)
        return (struct str){0};
    if (str_eq(json_str_at(input, "type"), STR("literal")))
        return json_str_at(input, "value");
    if (!is_brought(input))
        return json_str_at(input, "uri");
    struct str folder = arena_printf(attempt->arena, "%.*s/%.*s", STR_ARG(attempt->folder_path),
                                     STR_ARG(input_path(attempt, name, input)));
    assert(folder.ptr[0] == '/');
    if (!json_bool_at(input, "single", false))
        return folder;
    return arena_printf(attempt->arena, "%.*s/%.*s", STR_ARG(folder),
                        STR_ARG(base_name(json_str_at(input, "prefix"))));
}

/* For who reads an input before the command does. */
int bring_open(const struct attempt *attempt, struct str name, struct error *err)
{
    assert(name.len);
    return dir_open_at(attempt->folder,
                       arena_printf(attempt->arena, "inputs/%.*s", STR_ARG(name)).ptr, 0, err);
}
