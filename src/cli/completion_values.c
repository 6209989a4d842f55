/* completion_values.c - Names, versions and sizes for a shell. The line typed so far is parsed as
 * any line is, so that -w and -e before the word count; what is wrong in it is overlooked. */
#include "cli/completion_values.h"
#include "base/buf.h"
#include "cli/arguments.h"
#include "cli/login.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define HURRY_MS 80
#define FRESH_S 10
#define MOST 200

/* Where the collection of a flag's values stands. */
enum place { IN_WORKSPACE, IN_PROVIDER, IN_REGION };

struct value_row {
    const char *flag, *type; /* "compute", "computes" */
    enum place place;
    const char *member; /* of an element; NULL: its name */
};

static const struct value_row VALUES[] = {
    {"compute", "computes", IN_WORKSPACE, NULL},
    {"datastore", "datastores", IN_WORKSPACE, NULL},
    {"workspace-name", "workspaces", IN_PROVIDER, NULL},
    {"feature-store-name", "workspaces", IN_PROVIDER, NULL},
    {"resource-group", "workspaces", IN_PROVIDER, "id"},
    {"registry-name", "registries", IN_PROVIDER, NULL},
    {"size", "vmSizes", IN_REGION, NULL},
    {"parent-job-name", "jobs", IN_WORKSPACE, NULL},
};

/* Groups whose commands have no kind of their own. */
struct group_row {
    const char *group, *type;
};

static const struct group_row GROUPS[] = {
    {"job", "jobs"},
    {"online-endpoint", "onlineEndpoints"},
};

/* The path of a collection in the session's scope. */
static struct str path_of(struct cli *cli, const char *type, enum place place)
{
    assert(type);
    if (place == IN_PROVIDER)
        return arena_printf(cli->arena, "%.*s/%s", STR_ARG(session_provider(cli)), type);
    if (place == IN_REGION)
        return arena_printf(cli->arena, "%.*s/locations/local/%s", STR_ARG(session_provider(cli)),
                            type);
    return arena_printf(cli->arena, "%.*s/%s", STR_ARG(session_workspace(cli)), type);
}

/* Deployments stand in an endpoint, which is another flag or, for invoke, the name. */
static struct str deployments(struct cli *cli, bool batch, const char *of)
{
    struct str endpoint = cli_text(cli, of);

    if (!endpoint.len)
        return STR("");
    return arena_printf(cli->arena, "%.*s/%s/%.*s/deployments", STR_ARG(session_workspace(cli)),
                        batch ? "batchEndpoints" : "onlineEndpoints",
                        STR_ARG(http_encode(cli->arena, endpoint, false)));
}

/* What -n names in this group; "" where nothing is known. */
static struct str names_path(struct cli *cli)
{
    const char *group = cli->arguments.group->name;
    const struct resource_kind *kind = cli->arguments.command->kind;

    if (!strcmp(group, "online-deployment"))
        return deployments(cli, false, "endpoint-name");
    for (size_t i = 0; i < COUNT(GROUPS); i++)
        if (!strcmp(group, GROUPS[i].group))
            return path_of(cli, GROUPS[i].type, IN_WORKSPACE);
    if (cli->arguments.group == &user_group)
        return STR("/lazurite/v1/users");
    if (cli->arguments.group == &service_principal_group)
        return STR("/lazurite/v1/servicePrincipals");
    if (!kind)
        return STR("");
    return kind->parent && !cli_text(cli, "endpoint-name").len ? STR("")
                                                               : resource_collection(cli, kind);
}

/* The collection that the flag's values are in, and which member of an element is the value. */
static struct str values_path(struct cli *cli, const struct cli_flag *flag, const char **member)
{
    const struct resource_kind *kind = cli->arguments.command->kind;
    bool batch = !strncmp(cli->arguments.group->name, "batch-", 6);

    *member = "name";
    if (!strcmp(flag->name, "name") || !strcmp(flag->name, "rule"))
        return names_path(cli);
    if (!strcmp(flag->name, "version") && kind && kind->versioned && cli_text(cli, "name").len)
        return arena_printf(cli->arena, "%.*s/versions",
                            STR_ARG(resource_id(cli, kind, cli_text(cli, "name"))));
    if (!strcmp(flag->name, "endpoint-name"))
        return path_of(cli, batch ? "batchEndpoints" : "onlineEndpoints", IN_WORKSPACE);
    if (!strcmp(flag->name, "deployment-name"))
        return deployments(cli, batch, "name");
    for (size_t i = 0; i < COUNT(VALUES); i++)
        if (!strcmp(flag->name, VALUES[i].flag)) {
            if (VALUES[i].member)
                *member = VALUES[i].member;
            return path_of(cli, VALUES[i].type, VALUES[i].place);
        }
    return STR("");
}

/* --- the cache ----------------------------------------------------------------------------------
 */

#define CACHE_FILE "completion.json"

/* A cache that cannot be read is an empty one: it only saves time. */
static struct json *read_cache(struct cli *cli)
{
    struct error ignored;
    struct str text;
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, settings_folder(cli)), &ignored);

    if (dir < 0 || file_read(cli->arena, dir, CACHE_FILE, 4 * MIB, &text, &ignored) < 0)
        return json_object(cli->arena);
    struct json *cache = json_parse(cli->arena, text, &ignored);
    return json_kind(cache) == JSON_OBJECT ? cache : json_object(cli->arena);
}

/* One list is kept: a person types one word at a time. A folder that is not there is not made. */
static void write_cache(struct cli *cli, struct str path, struct json *names)
{
    struct error ignored;
    struct json *cache = json_object(cli->arena);
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, settings_folder(cli)), &ignored);

    json_set_str(cli->arena, cache, "path", path);
    json_set_int(cli->arena, cache, "at", clock_now_us() / US_PER_S);
    json_set(cli->arena, cache, STR("names"), names);
    if (dir >= 0)
        file_write_atomic(dir, CACHE_FILE, json_write(cli->arena, cache), 0600, &ignored);
}

/* The last piece but of an id: what -g asks for is the group in the workspace's id. */
static struct str value_of(const struct json *element, const char *member)
{
    struct str text = json_str_at(element, member), rest = text, piece;

    if (strcmp(member, "id"))
        return text;
    while (str_split(&rest, '/', &piece))
        if (str_eq_fold(piece, STR("resourceGroups")) && str_split(&rest, '/', &piece))
            return piece;
    return STR("");
}

/* The first page only: nobody reads through two hundred names in a shell. */
static struct json *ask(struct cli *cli, struct str path, const char *member)
{
    struct json *names = json_array(cli->arena), *page;
    struct error ignored;

    if (session_get(cli, path, &page, &ignored) < 0)
        return NULL;
    struct json_iter it = json_iter(json_get(page, STR("value")));
    while (json_next(&it) && json_count(names) < MOST)
        json_append(cli->arena, names, json_text(cli->arena, value_of(it.value, member)));
    return names;
}

/* --- --set --------------------------------------------------------------------------------------
 */

/* Every path to a scalar of the file that -f names, with the sign that a value follows. */
static void add_paths(struct arena *arena, const struct json *value, struct str path,
                      struct buf *out)
{
    struct json_iter it = json_iter(value);

    if (json_kind(value) != JSON_OBJECT) {
        buf_printf(out, "%.*s=\n", STR_ARG(path));
        return;
    }
    while (json_next(&it))
        add_paths(
            arena, it.value,
            arena_printf(arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "", STR_ARG(it.key)),
            out);
}

/* The file that the same line names with -f; without one there is nothing to complete. */
static void paths_of_file(struct cli *cli, struct buf *out)
{
    struct str file = cli_text(cli, "file");
    struct error ignored;
    struct yaml yaml;
    CLEANUP(fd_close)
    int fd = file.len ? open(arena_cstr(cli->arena, file), O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (fd < 0)
        return;
    char *text = arena_alloc(cli->arena, YAML_TEXT_MAX);
    ssize_t got = fd_read_all(fd, text, YAML_TEXT_MAX, &ignored);
    if (got > 0 && yaml_parse(cli->arena, (struct str){text, (size_t)got}, &yaml, &ignored) == 0)
        add_paths(cli->arena, yaml.root, STR(""), out);
}

/* Every way out but the last is silence: an error text would end up in the line being typed. */
void completion_values(struct arena *arena, const struct cli_flag *flag, char *const *words,
                       size_t count, struct buf *out)
{
    struct cli *cli = arena_make(arena, struct cli);
    char **argv = arena_new_array(arena, char *, count + 2);
    struct error ignored = {0};
    const char *member;

    assert(flag && out);
    cli->arena = arena;
    cli->quiet = true;
    cli->hurry_ms = HURRY_MS;
    cli->renew = login_bearer;
    argv[0] = arena_cstr(arena, STR("lazurite"));
    memcpy(argv + 1, words, count * sizeof *argv);
    /* What is missing in an unfinished line is no error here. */
    arguments_parse(arena, (int)count + 1, argv, &cli->arguments, &ignored);
    if (!cli->arguments.command)
        return;
    if (!strcmp(flag->name, "set")) {
        paths_of_file(cli, out);
        return;
    }
    if (session_open(cli, &ignored) < 0)
        return;
    struct str path = values_path(cli, flag, &member);
    struct json *cache = read_cache(cli), *names = NULL;
    int64_t age_s = clock_now_us() / US_PER_S - json_int_at(cache, "at", 0);
    struct str key = arena_printf(arena, "%.*s%.*s", STR_ARG(session_host(cli)), STR_ARG(path));
    if (path.len && age_s >= 0 && age_s < FRESH_S && str_eq(key, json_str_at(cache, "path")))
        names = json_get(cache, STR("names"));
    if (path.len && !names && (names = ask(cli, path, member)))
        write_cache(cli, key, names);
    struct json_iter it = json_iter(names);
    while (json_next(&it))
        if (json_as_str(it.value).len && str_find_char(json_as_str(it.value), '\n') < 0)
            buf_printf(out, "%.*s\n", STR_ARG(json_as_str(it.value)));
    session_close(&cli->session);
}
