/* feature_commands.c - feature-set, feature-store-entity and index: versioned records of features
 * and vectors. They stand in a workspace of kind feature store, which --feature-store-name names.
 */
#include "cli/assets.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "yaml/yaml.h"

#include <assert.h>

static const char *const COLUMNS[] = {"name",  "Name",          "version",  "Version", "stage",
                                      "Stage", "entities_text", "Entities", NULL};

static const char *const ENTITY_WORDS[] = {"", "featureStoreEntity", NULL};
static const char *const ENTITY_KEYS[] = {"name", "version", "description", NULL};
static const struct field_row ENTITY_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"stage", "properties.stage", FIELD_SAME},
};

/* Columns have a type by its word; the wire says DataType and Name. */
static int finish_entity(struct cli *cli, struct document *document, struct json *body,
                         struct error *err)
{
    struct json_iter it = json_iter(json_get(document->yaml.root, STR("index_columns")));
    struct json *out = json_array(cli->arena);

    while (json_next(&it)) {
        static const struct field_row ROWS[] = {{"name", "columnName", FIELD_SAME},
                                                {"type", "dataType", FIELD_WORD}};
        struct json *column = json_object(cli->arena);
        fields_to_rest(cli->arena, ROWS, COUNT(ROWS), it.value, column);
        json_append(cli->arena, out, column);
    }
    return json_put(cli->arena, body, "properties.indexColumns", out, err);
}

/* Back into the words of a file. */
static void show_entity(struct cli *cli, const struct json *rest, struct json *out)
{
    struct json_iter it = json_iter(json_at(rest, "properties.indexColumns"));
    struct json *columns = json_array(cli->arena);

    while (json_next(&it)) {
        static const struct field_row ROWS[] = {{"name", "columnName", FIELD_SAME},
                                                {"type", "dataType", FIELD_WORD}};
        struct json *column = json_object(cli->arena);
        fields_to_yaml(cli->arena, ROWS, COUNT(ROWS), it.value, column);
        json_append(cli->arena, columns, column);
    }
    json_set(cli->arena, out, STR("index_columns"), columns);
}

static const char *const ENTITY_FINISH[] = {"index_columns", NULL};
static const struct resource_kind ENTITY = {
    .word = "feature store entity",
    .type = "featurestoreEntities",
    .versioned = true,
    .family = {"feature store entity", NULL, ENTITY_WORDS, NULL},
    .keys = ENTITY_KEYS,
    .rows = ENTITY_ROWS,
    .row_count = COUNT(ENTITY_ROWS),
    .defaults = "{\"properties\":{\"isAnonymous\":false,\"isArchived\":false}}",
    .finish = finish_entity,
    .finish_keys = ENTITY_FINISH,
    .show = show_entity,
    .columns = COLUMNS,
};

static const char *const SET_WORDS[] = {"", "featureSet", NULL};
static const char *const SET_KEYS[] = {"name", "version", "description",
                                       "specification=specification.path", NULL};
static const struct field_row SET_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"stage", "properties.stage", FIELD_SAME},
    {"materialization_settings.resource.instance_type",
     "properties.materializationSettings.resource.instanceType", FIELD_SAME},
    {"materialization_settings.spark_configuration",
     "properties.materializationSettings.sparkConfiguration", FIELD_TEXTS},
    {"materialization_settings.schedule", "properties.materializationSettings.schedule",
     FIELD_TREE},
    {"materialization_settings.notification", "properties.materializationSettings.notification",
     FIELD_TREE},
};
static const struct field_row SET_SHOWN[] = {
    {"specification.path", "properties.specification.path", FIELD_SAME},
    {"materialization_settings.store_type", "properties.materializationSettings.storeType",
     FIELD_WORD},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};

/* Offline, online, both or none is one word on the wire. */
static int put_store_type(struct cli *cli, const struct json *settings, struct json *body,
                          struct error *err)
{
    bool offline = fields_truth(json_get(settings, STR("offline_enabled")));
    bool online = fields_truth(json_get(settings, STR("online_enabled")));
    const char *word = offline && online ? "OnlineAndOffline"
                       : offline         ? "Offline"
                       : online          ? "Online"
                                         : "None";

    if (json_kind(settings) != JSON_OBJECT)
        return 0;
    return json_put(cli->arena, body, "properties.materializationSettings.storeType",
                    json_text(cli->arena, str_from(word)), err);
}

/* The folder of the specification is sent; entities are named by id. */
static int finish_set(struct cli *cli, struct document *document, struct json *body,
                      struct error *err)
{
    const struct json *root = document->yaml.root;
    struct assets_content content = {.path = "specification.path", .full = true};
    struct json *entities = json_array(cli->arena);
    struct json_iter it = json_iter(json_get(root, STR("entities")));

    while (json_next(&it)) {
        struct str id;
        if (assets_id(cli, ENTITY.type, json_as_str(it.value), &id, err) < 0)
            return -1;
        json_append(cli->arena, entities, json_text(cli->arena, id));
    }
    if (assets_content(cli, document, &content, err) < 0 ||
        json_put(cli->arena, body, "properties.specification.path",
                 json_text(cli->arena, content.uri), err) < 0 ||
        put_store_type(cli, json_get(root, STR("materialization_settings")), body, err) < 0)
        return -1;
    return json_put(cli->arena, body, "properties.entities", entities, err);
}

/* Entities are ids on the wire and names with versions in a file. */
static void show_set(struct cli *cli, const struct json *rest, struct json *out)
{
    struct json_iter it = json_iter(json_at(rest, "properties.entities"));
    struct json *entities = json_array(cli->arena);
    struct str text = STR("");

    while (json_next(&it)) {
        const struct field_row row = {"e", "e", FIELD_ASSET};
        struct json *from = json_object(cli->arena), *to = json_object(cli->arena);
        json_set(cli->arena, from, STR("e"), json_copy(cli->arena, it.value));
        fields_to_yaml(cli->arena, &row, 1, from, to);
        struct json *entity = json_get(to, STR("e"));
        text = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(text), text.len ? " " : "",
                            STR_ARG(json_as_str(entity)));
        json_append(cli->arena, entities, json_copy(cli->arena, entity));
    }
    json_set(cli->arena, out, STR("entities"), entities);
    if (cli->format == CLI_TABLE)
        json_set_str(cli->arena, out, "entities_text", text);
}

static const char *const SET_FINISH[] = {"specification", "entities", NULL};
static const struct resource_kind SET = {
    .word = "feature set",
    .type = "featuresets",
    .versioned = true,
    .family = {"feature set", NULL, SET_WORDS, NULL},
    .keys = SET_KEYS,
    .rows = SET_ROWS,
    .row_count = COUNT(SET_ROWS),
    .shown = SET_SHOWN,
    .shown_count = COUNT(SET_SHOWN),
    .defaults = "{\"properties\":{\"isAnonymous\":false,\"isArchived\":false}}",
    .finish = finish_set,
    .finish_keys = SET_FINISH,
    .show = show_set,
    .columns = COLUMNS,
};

/* As the server says it: features have no file of their own. */
static struct json *shape_feature(struct cli *cli, const struct json *rest)
{
    static const struct field_row ROWS[] = {
        {"name", "properties.featureName", FIELD_SAME},
        {"data_type", "properties.dataType", FIELD_WORD},
        {"description", "properties.description", FIELD_SAME},
        {"tags", "properties.tags", FIELD_SAME},
    };
    struct json *out = json_object(cli->arena);

    fields_to_yaml(cli->arena, ROWS, COUNT(ROWS), rest, out);
    return out;
}

/* Features stand beneath a version: which they are follows from its specification. */
static int run_list_features(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/features", STR_ARG(resource_named(cli)));
    struct listing listing = {path, 0, shape_feature, NULL, NULL};
    return listing_print(cli, &listing, err);
}

/* One of them by its name. */
static int run_show_feature(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/features/%.*s", STR_ARG(resource_named(cli)),
                                   STR_ARG(cli_text(cli, "feature-name")));
    if (session_get(cli, path, &reply, err) < 0)
        return -1;
    return cli_result(cli, shape_feature(cli, reply), err);
}

static int run_get_feature(struct cli *cli, struct error *err)
{
    cli_warn(cli, "get-feature is the old name of show-feature.");
    return run_show_feature(cli, err);
}

static const char *const INDEX_WORDS[] = {"", "index", NULL};
static const char *const INDEX_KEYS[] = {"name",  "version",   "description", "path",
                                         "stage", "datastore", NULL};
static const struct field_row INDEX_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"stage", "properties.stage", FIELD_SAME},
};
static const struct field_row INDEX_SHOWN[] = {
    {"path", "properties.storageUri", FIELD_SAME},
};

/* An index is content like a model: sent, and named by its address. */
static int finish_index(struct cli *cli, struct document *document, struct json *body,
                        struct error *err)
{
    struct assets_content content = {
        .path = "path", .full = true, .datastore = json_str_at(document->yaml.root, "datastore")};

    if (assets_content(cli, document, &content, err) < 0)
        return -1;
    return json_put(cli->arena, body, "properties.storageUri", json_text(cli->arena, content.uri),
                    err);
}

static const struct resource_kind INDEX = {
    .word = "index",
    .type = "indexes",
    .versioned = true,
    .family = {"index", NULL, INDEX_WORDS, NULL},
    .keys = INDEX_KEYS,
    .rows = INDEX_ROWS,
    .row_count = COUNT(INDEX_ROWS),
    .shown = INDEX_SHOWN,
    .shown_count = COUNT(INDEX_SHOWN),
    .defaults = "{\"properties\":{\"isArchived\":false}}",
    .finish = finish_index,
    .columns = COLUMNS,
};

#define STORE {"feature-store-name", 0, CLI_VALUE, .help = "feature store (or --workspace-name)"}
#define FEATURE {"feature-name", 0, CLI_VALUE, true, .help = "name of the feature"}
#define DESCRIPTION RESOURCE_TEXT("description", 'd', "what it is")
static const struct cli_flag VERSION[] = {RESOURCE_NAME("asset"), RESOURCE_VERSION, STORE};
static const struct cli_flag LIST[] = {RESOURCE_ANY_NAME("asset"), RESOURCE_MOST, STORE};
static const struct cli_flag SET_CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("feature set"),
    RESOURCE_TEXT("version", 'v', "version"),
    DESCRIPTION,
    RESOURCE_TEXT("specification", 's', "folder of the specification"),
    STORE};
static const struct cli_flag ENTITY_CREATE[] = {RESOURCE_FILE, RESOURCE_ANY_NAME("entity"),
                                                RESOURCE_TEXT("version", 'v', "version"),
                                                DESCRIPTION, STORE};
static const struct cli_flag FEATURE_FLAGS[] = {RESOURCE_NAME("feature set"), RESOURCE_VERSION,
                                                FEATURE, STORE};
static const struct cli_flag INDEX_CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("index"),
    RESOURCE_TEXT("version", 'v', "version"),
    RESOURCE_TEXT("description", 0, "what it is"),
    RESOURCE_TEXT("path", 'p', "its files"),
    RESOURCE_TEXT("stage", 's', "such as Development"),
    RESOURCE_TAGS,
    RESOURCE_TEXT("datastore", 0, "where local content goes")};
static const struct cli_flag INDEX_SHOW[] = {
    RESOURCE_NAME("index"),
    RESOURCE_TEXT("version", 'v', "its version"),
    {"label", 'l', CLI_VALUE, .choices = "latest", .help = "in place of a version"}};

#define COMMON(group, subject)                                                                 \
    RESOURCE_ROW("archive", "hide from lists", VERSION, CLI_SCOPE | CLI_YES, resource_archive, \
                 subject, group, " -n NAME -v 1"),                                             \
        RESOURCE_ROW("list", "names, or versions with -n", LIST, CLI_SCOPE | CLI_ARCHIVE,      \
                     resource_list, subject, group, " -o table"),                              \
        RESOURCE_ROW("restore", "show again", VERSION, CLI_SCOPE | CLI_YES, resource_restore,  \
                     subject, group, " -n NAME -v 1"),                                         \
        RESOURCE_ROW("show", "one version", VERSION, CLI_SCOPE, resource_show, subject, group, \
                     " -n NAME -v 1"),                                                         \
        RESOURCE_ROW("update", "tags, description, stage", VERSION,                            \
                     CLI_SCOPE | CLI_UPDATE | CLI_WAIT, resource_update, subject, group,       \
                     " -n NAME -v 1 --set tags.kept=yes")

static const struct cli_command SET_COMMANDS[] = {
    RESOURCE_ROW("backfill", "materialize a window of time", VERSION, CLI_SCOPE, resource_not_built,
                 SET, "feature-set", " -n NAME -v 1"),
    RESOURCE_ROW("create", "from the folder of a specification", SET_CREATE,
                 CLI_SCOPE | CLI_WAIT | CLI_SET, resource_create, SET, "feature-set",
                 " -f set.yml"),
    COMMON("feature-set", SET),
    RESOURCE_ROW("get-feature", "the old name of show-feature", FEATURE_FLAGS, CLI_SCOPE,
                 run_get_feature, SET, "feature-set", " -n NAME -v 1 --feature-name f"),
    RESOURCE_ROW("list-features", "its features", VERSION, CLI_SCOPE, run_list_features, SET,
                 "feature-set", " -n NAME -v 1"),
    RESOURCE_ROW("list-materialization-operation", "its materialization jobs", VERSION, CLI_SCOPE,
                 resource_not_built, SET, "feature-set", " -n NAME -v 1"),
    RESOURCE_ROW("show-feature", "one feature", FEATURE_FLAGS, CLI_SCOPE, run_show_feature, SET,
                 "feature-set", " -n NAME -v 1 --feature-name f"),
};
const struct cli_group feature_set_group = {"feature-set", "features with versions", SET_COMMANDS,
                                            COUNT(SET_COMMANDS)};

static const struct cli_command ENTITY_COMMANDS[] = {
    RESOURCE_ROW("create", "an entity with its join keys", ENTITY_CREATE,
                 CLI_SCOPE | CLI_WAIT | CLI_SET, resource_create, ENTITY, "feature-store-entity",
                 " -f entity.yml"),
    COMMON("feature-store-entity", ENTITY),
};
const struct cli_group feature_store_entity_group = {
    "feature-store-entity", "what features are joined by", ENTITY_COMMANDS, COUNT(ENTITY_COMMANDS)};

#define ANYWHERE (CLI_SCOPE | CLI_REGISTRY)
static const struct cli_command INDEX_COMMANDS[] = {
    RESOURCE_ROW("create", "register a vector index", INDEX_CREATE, ANYWHERE | CLI_SET,
                 resource_create, INDEX, "index", " -f index.yml"),
    RESOURCE_ROW("list", "names, or versions with -n", LIST, ANYWHERE, resource_list, INDEX,
                 "index", " -o table"),
    RESOURCE_ROW("show", "one version", INDEX_SHOW, ANYWHERE, resource_show, INDEX, "index",
                 " -n NAME -l latest"),
};
const struct cli_group index_group = {"index", "vector indexes with versions", INDEX_COMMANDS,
                                      COUNT(INDEX_COMMANDS)};
