/* connection_commands.c - connection: how jobs reach git, feeds, databases and services. */
#include "cli/credentials.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/session.h"
#include "yaml/schema.h"

#include <assert.h>

static const char *const WORDS[] = {"", "connection", NULL};
static const char *const KEYS[] = {"name", NULL};
static const char *const COLUMNS[] = {
    "name", "Name", "type", "Kind", "target", "Target", "credentials.type", "Auth", NULL};
static const struct field_row ROWS[] = {
    {"target", "properties.target", FIELD_SAME},
    {"is_shared", "properties.isSharedToAll", FIELD_TRUTH},
    {"metadata", "properties.metadata", FIELD_TEXTS},
    {"tags", "properties.metadata", FIELD_TEXTS},
};

/* Types whose name on the wire is not the word with capitals. */
struct category_row {
    struct str yaml, rest;
};
static const struct category_row CATEGORIES[] = {
    {STR_INIT("custom"), STR_INIT("CustomKeys")},
    {STR_INIT("azure_data_lake_gen2"), STR_INIT("ADLSGen2")},
    {STR_INIT("s3"), STR_INIT("S3")},
};

/* Category and credentials follow from words of the file by tables, not by rows. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    struct str type = json_str_at(document->yaml.root, "type");
    struct str category = fields_pascal(cli->arena, type);

    assert(body);
    for (size_t i = 0; i < COUNT(CATEGORIES); i++)
        if (yaml_word_eq(type, CATEGORIES[i].yaml))
            category = CATEGORIES[i].rest;
    if (category.len &&
        json_put(cli->arena, body, "properties.category", json_text(cli->arena, category), err) < 0)
        return -1;
    return credentials_of_connection(cli, document, body, err);
}

/* Tags of a file are kept among the metadata: they are shown there, once. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str category = json_str_at(rest, "properties.category");
    struct str type = fields_snake(cli->arena, category);

    assert(out);
    for (size_t i = 0; i < COUNT(CATEGORIES); i++)
        if (str_eq_fold(category, CATEGORIES[i].rest))
            type = CATEGORIES[i].yaml;
    json_set_str(cli->arena, out, "type", type);
    json_remove(out, STR("tags"));
    credentials_show_connection(cli, rest, out);
}

/* The secret form of what a GET answers without secrets. */
static int with_secrets(struct cli *cli, struct str id, struct json **out, struct error *err)
{
    struct str path = arena_printf(cli->arena, "%.*s/listsecrets", STR_ARG(id));

    assert(id.len > 0);
    return session_post(cli, path, NULL, out, err);
}

/* An update without secrets would write a connection that opens nothing. */
static int complete(struct cli *cli, struct str id, struct json *body, struct error *err)
{
    struct json *whole;

    if (with_secrets(cli, id, &whole, err) < 0)
        return -1;
    const struct json *credentials = json_at(whole, "properties.credentials");
    if (json_is_null(credentials))
        return 0;
    return json_put(cli->arena, body, "properties.credentials", json_copy(cli->arena, credentials),
                    err);
}

/* -p asks by POST: nobody sees a secret who only looked. */
static int run_show(struct cli *cli, struct error *err)
{
    struct json *whole;

    if (!cli_has(cli, "populate-secrets"))
        return resource_show(cli, err);
    if (session_open(cli, err) < 0 || with_secrets(cli, resource_named(cli), &whole, err) < 0)
        return -1;
    return cli_result(cli, resource_shape(cli, whole), err);
}

/* One of a list; with -p its secrets are asked for, each. Those of another type are left out. */
static struct json *shape_one(struct cli *cli, const struct json *rest)
{
    struct json *shown = resource_shape(cli, rest), *whole;
    struct str type = cli_text(cli, "type");
    struct error ignored;

    if (type.len && !yaml_word_eq(type, json_str_at(shown, "type")))
        return NULL;
    if (cli_has(cli, "populate-secrets") &&
        with_secrets(cli, json_str_at(rest, "id"), &whole, &ignored) == 0)
        return resource_shape(cli, whole);
    return shown;
}

/* The wire can filter by category only in its own spelling; ours is compared here. */
static int run_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    const struct resource_kind *kind = cli->arguments.command->kind;
    struct listing listing = {resource_collection(cli, kind), listing_most(cli), shape_one, COLUMNS,
                              NULL};
    return listing_print(cli, &listing, err);
}

static const char *const READ_BY_FINISH[] = {"type", "credentials", NULL};
static const struct resource_kind CONNECTION = {
    .word = "connection",
    .type = "connections",
    .family = {"connection", NULL, WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .defaults = "{\"properties\":{\"isSharedToAll\":true,\"metadata\":{}}}",
    .finish = finish,
    .finish_keys = READ_BY_FINISH,
    .show = show,
    .complete = complete,
    .columns = COLUMNS,
};

#define SECRETS {"populate-secrets", 'p', CLI_SWITCH, .help = "with its secrets"}
static const struct cli_flag CREATE[] = {RESOURCE_NEEDS_FILE, RESOURCE_ANY_NAME("connection"),
                                         SECRETS};
static const struct cli_flag UPDATE[] = {RESOURCE_NAME("connection"), SECRETS};
static const struct cli_flag NAME[] = {RESOURCE_NAME("connection")};
static const struct cli_flag SHOW[] = {RESOURCE_NAME("connection"), SECRETS};
static const struct cli_flag LIST[] = {
    RESOURCE_MOST, SECRETS, {"type", 't', CLI_VALUE, .help = "only this type"}};

static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("create", "to git, a feed, a database, a service", CREATE, CLI_SCOPE | CLI_SET,
                 resource_create, CONNECTION, "connection", " -f git.yml"),
    RESOURCE_ROW("delete", "remove", NAME, CLI_SCOPE | CLI_YES, resource_delete, CONNECTION,
                 "connection", " -n team-git -y"),
    RESOURCE_ROW("list", "all of them", LIST, CLI_SCOPE, run_list, CONNECTION, "connection",
                 " --type git -o table"),
    RESOURCE_ROW("show", "one", SHOW, CLI_SCOPE, run_show, CONNECTION, "connection",
                 " -n team-git"),
    RESOURCE_ROW("update", "fields or secret", UPDATE, CLI_SCOPE | CLI_UPDATE, resource_update,
                 CONNECTION, "connection", " -n team-git --set target=https://git.example.org"),
};

const struct cli_group connection_group = {"connection", "how jobs reach what lies outside",
                                           COMMANDS, COUNT(COMMANDS)};
