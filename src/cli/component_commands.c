/* component_commands.c - component: steps that pipelines are made of. */
#include "cli/assets.h"
#include "cli/change.h"
#include "cli/component.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/session.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <fcntl.h>

static const char *const WORDS[] = {
    "command",  "commandComponent",  "pipeline",      "pipelineComponent",
    "parallel", "parallelComponent", "spark",         "sparkComponent",
    "import",   "importComponent",   "data_transfer", "dataTransferCopyComponent",
    NULL};
static const char *const KEYS[] = {"name", "version", NULL};
static const char *const COLUMNS[] = {"name",
                                      "Name",
                                      "version",
                                      "Version",
                                      "type",
                                      "Type",
                                      "creation_context.created_at",
                                      "Created",
                                      "creation_context.created_by",
                                      "By",
                                      NULL};
static const struct field_row ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"display_name", "properties.componentSpec.display_name", FIELD_SAME},
};

/* The spec is the file: it is shown as it is, under what the resource says of itself. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct json_iter it = json_iter(json_at(rest, "properties.componentSpec"));

    assert(out);
    while (json_next(&it)) {
        bool ours =
            str_eq(it.key, STR("$schema")) || str_starts(it.key, STR("_")) || json_get(out, it.key);
        if (!ours)
            json_set(cli->arena, out, it.key, json_copy(cli->arena, it.value));
    }
    if (cli->format == CLI_TABLE && !json_str_at(out, "version").len)
        json_set_str(cli->arena, out, "version", json_str_at(out, "latest version"));
}

/* The whole file is the spec: rows cover only what the resource says beside it. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    struct json *made = NULL;

    if (component_body(document, "", false, &made, err) < 0)
        return -1;
    struct json_iter it = json_iter(made);
    while (json_next(&it))
        json_set(cli->arena, body, it.key, it.value);
    return 0;
}

static const struct resource_kind COMPONENT = {
    .word = "component",
    .type = "components",
    .versioned = true,
    .family = {"component", "type", WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .finish = finish,
    .show = show,
    .columns = COLUMNS,
};

/* The same checks as create, and not one request. */
static int run_validate(struct cli *cli, struct error *err)
{
    struct document document;
    struct json *out = json_object(cli->arena);

    if (document_read(cli, &COMPONENT.family, KEYS, &document, err) < 0)
        return -1;
    document_check(cli, &document);
    if (document_report(cli, &document, err) < 0)
        return -1;
    json_set_str(cli->arena, out, "result", STR("Succeeded"));
    json_set_str(cli->arena, out, "file", document.file);
    return cli_result(cli, out, err);
}

/* The spec as a YAML file; code stays where it is and is named by its id. */
static int run_download(struct cli *cli, struct error *err)
{
    struct str folder = cli_text(cli, "download-path"), name = cli_text(cli, "name");
    struct json *reply;

    if (session_open(cli, err) < 0 || session_get(cli, resource_named(cli), &reply, err) < 0)
        return -1;
    const struct json *spec = json_at(reply, "properties.componentSpec");
    CLEANUP(fd_close) int dir = dir_open(arena_cstr(cli->arena, folder), err);
    if (dir < 0)
        return -1;
    const char *file = arena_printf(cli->arena, "%.*s.yml", STR_ARG(name)).ptr;
    if (str_find_char(name, '/') >= 0 ||
        file_write_atomic(dir, file, yaml_write(cli->arena, spec, false), 0644, err) < 0)
        return -1;
    cli_note(cli, "Wrote %.*s/%s", STR_ARG(folder), file);
    return 0;
}

#define LABEL {"label", 'l', CLI_VALUE, .choices = "latest", .help = "in place of a version"}
#define ANY_VERSION {"version", 'v', CLI_VALUE, .help = "its version"}
static const struct cli_flag CREATE[] = {
    RESOURCE_NEEDS_FILE,
    RESOURCE_ANY_NAME("component"),
    {"version", 'v', CLI_VALUE, .help = "version (default: the next number)"},
    {"skip-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "the checks are quick and stay"}};
static const struct cli_flag NAME[] = {RESOURCE_NAME("component"), ANY_VERSION, LABEL};
static const struct cli_flag LIST[] = {RESOURCE_ANY_NAME("component"), RESOURCE_MOST};
static const struct cli_flag FILE_FLAGS[] = {RESOURCE_NEEDS_FILE};
static const struct cli_flag DOWNLOAD[] = {
    RESOURCE_NAME("component"),
    RESOURCE_VERSION,
    {"download-path", 'p', CLI_VALUE, .fallback = ".", .help = "folder for the file"}};

#define ANYWHERE (CLI_SCOPE | CLI_REGISTRY)
static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("archive", "hide from lists: one version, or all", NAME, ANYWHERE,
                 resource_archive, COMPONENT, "component", " -n train -v 1"),
    RESOURCE_ROW("create", "register a step", CREATE, ANYWHERE | CLI_SET, resource_create,
                 COMPONENT, "component", " -f train.yml"),
    RESOURCE_ROW("download", "fetch the file of a step", DOWNLOAD, ANYWHERE, run_download,
                 COMPONENT, "component", " -n train -v 1 -p steps"),
    RESOURCE_ROW("list", "names, or versions with -n", LIST, ANYWHERE | CLI_ARCHIVE, resource_list,
                 COMPONENT, "component", " -o table"),
    RESOURCE_ROW("prepare-for-sign", "the catalogue that a signer signs", FILE_FLAGS, ANYWHERE,
                 resource_not_built, COMPONENT, "component", " -f train.yml"),
    RESOURCE_ROW("restore", "show again", NAME, ANYWHERE, resource_restore, COMPONENT, "component",
                 " -n train -v 1"),
    RESOURCE_ROW("show", "one version", NAME, ANYWHERE, resource_show, COMPONENT, "component",
                 " -n train -l latest"),
    RESOURCE_ROW("update", "description, display name, tags", NAME, ANYWHERE | CLI_UPDATE,
                 resource_update, COMPONENT, "component",
                 " -n train -v 1 --set display_name=\"Train\""),
    RESOURCE_ROW("validate", "check the YAML without sending it", FILE_FLAGS, ANYWHERE | CLI_SET,
                 run_validate, COMPONENT, "component", " -f train.yml"),
};
const struct cli_group component_group = {"component", "steps of pipelines", COMMANDS,
                                          COUNT(COMMANDS)};
