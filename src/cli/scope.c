/* scope.c - Names from flags, configuration and project file, and the paths made of them. */
#include "cli/scope.h"
#include "cli/settings.h"
#include "http/text.h"
#include "os/file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SUBSCRIPTION "00000000-0000-0000-0000-000000000001"

/* A file as JSON; NULL when it is not there or is none. */
static struct json *read_json(struct cli *cli, struct str folder, const char *name)
{
    struct error ignored;
    struct str text;
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, folder), &ignored);

    assert(name[0] != '/');
    if (dir < 0 || file_read(cli->arena, dir, name, MIB, &text, &ignored) < 0)
        return NULL;
    return json_parse(cli->arena, text, &ignored);
}

/* The project file of the Azure tools, in this folder or one above it. */
static struct json *project_file(struct cli *cli)
{
    static const char *const NAMES[] = {".azureml/config.json", "config.json"};
    char here[4096];

    if (!getcwd(here, sizeof here))
        return NULL;
    struct str folder = arena_str(cli->arena, str_from(here));
    while (folder.len > 1) {
        for (size_t i = 0; i < COUNT(NAMES); i++) {
            struct json *found = read_json(cli, folder, NAMES[i]);
            if (json_str_at(found, "workspace_name").len)
                return found;
        }
        ssize_t slash = str_find_last(folder, '/');
        folder = str_slice(folder, 0, slash > 0 ? (size_t)slash : 0);
    }
    return NULL;
}

/* One name: flag, then the words of the person and of the project, then the first start's. */
static struct str choose(struct cli *cli, const char *flag, const char *key, struct str project,
                         const char *first)
{
    struct str given = cli_text(cli, flag);

    assert(first);
    if (!given.len)
        given = settings_value(cli, "defaults", key);
    if (!given.len)
        given = project;
    return given.len ? given : str_from(first);
}

bool scope_is_registry(const struct cli *cli)
{
    const struct cli_command *command = cli->arguments.command;

    return command && (command->shares & CLI_REGISTRY) && cli_text(cli, "registry-name").len > 0;
}

/* Once a run, when the session opens: every path of the run agrees. */
int scope_read(struct cli *cli, struct scope *out, struct error *err)
{
    const struct json *project = project_file(cli);

    assert(cli->arena);
    if (scope_is_registry(cli) && cli_has(cli, "workspace-name")) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "--registry-name and --workspace-name exclude each other.");
    }
    *out = (struct scope){
        .subscription = choose(cli, "subscription", "subscription",
                               json_str_at(project, "subscription_id"), FIRST_SUBSCRIPTION),
        .group = choose(cli, "resource-group", "group", json_str_at(project, "resource_group"),
                        "default"),
        .workspace = choose(cli, "workspace-name", "workspace",
                            json_str_at(project, "workspace_name"), "default"),
    };
    /* A feature store is a workspace by another flag. */
    if (cli_text(cli, "feature-store-name").len)
        out->workspace = cli_text(cli, "feature-store-name");
    return 0;
}

struct str scope_path(struct arena *arena, const struct scope *scope)
{
    return arena_printf(arena, "/subscriptions/%.*s/resourceGroups/%.*s/" SCOPE_PROVIDER,
                        STR_ARG(scope->subscription),
                        STR_ARG(http_encode(arena, scope->group, false)));
}
