/* registry_commands.c - registry: assets shared between workspaces. */
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"

#include <assert.h>

static const char *const WORDS[] = {"", "registry", NULL};
static const char *const KEYS[] = {"name", "location", "public-network-access", "description",
                                   NULL};
static const char *const COLUMNS[] = {"name",     "Name",     "resourceGroup",      "Group",
                                      "location", "Location", "provisioning_state", "State",
                                      NULL};
static const struct field_row ROWS[] = {
    {"location", "location", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"description", "properties.description", FIELD_SAME},
    {"public_network_access", "properties.publicNetworkAccess", FIELD_WORD},
    {"intellectual_property.publisher", "properties.intellectualPropertyPublisher", FIELD_SAME},
};
static const struct field_row SHOWN[] = {
    {"mlflow_registry_uri", "properties.mlFlowRegistryUri", FIELD_SAME},
    {"discovery_url", "properties.discoveryUrl", FIELD_SAME},
    {"managed_resource_group", "properties.managedResourceGroup.resourceId", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
    {"identity.type", "identity.type", FIELD_WORD},
};

/* One entry for each region; the registry's own is always among them. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    const struct json *places = json_get(document->yaml.root, STR("replication_locations"));
    struct json *regions = json_array(cli->arena);
    struct json_iter it = json_iter(places);
    struct str own = json_str_at(body, "location");

    assert(own.len > 0);
    for (bool first = true; first || json_next(&it); first = false) {
        struct json *region = json_object(cli->arena);
        struct str location = first ? own : json_str_at(it.value, "location");
        if (!location.len || (!first && str_eq_fold(location, own)))
            continue;
        json_set_str(cli->arena, region, "location", location);
        json_set(cli->arena, region, STR("acrDetails"), json_array(cli->arena));
        json_set(cli->arena, region, STR("storageAccountDetails"), json_array(cli->arena));
        json_append(cli->arena, regions, region);
    }
    return json_put(cli->arena, body, "properties.regionDetails", regions, err);
}

/* Regions as the file lists them. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct json *places = json_array(cli->arena);
    struct json_iter it = json_iter(json_at(rest, "properties.regionDetails"));

    while (json_next(&it)) {
        struct json *place = json_object(cli->arena);
        json_set_str(cli->arena, place, "location", json_str_at(it.value, "location"));
        json_append(cli->arena, places, place);
    }
    json_set(cli->arena, out, STR("replication_locations"), places);
}

static const char *const READ_BY_FINISH[] = {"replication_locations", NULL};
static const struct resource_kind REGISTRY = {
    .word = "registry",
    .type = "registries",
    .place = RESOURCE_IN_GROUP,
    .family = {"registry", NULL, WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .defaults = "{\"location\":\"local\",\"identity\":{\"type\":\"SystemAssigned\"},\"tags\":{},"
                "\"properties\":{\"managedResourceGroupTags\":{}}}",
    .finish = finish,
    .finish_keys = READ_BY_FINISH,
    .show = show,
    .columns = COLUMNS,
};

/* All of the subscription: registries are shared across groups. */
static int run_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct str base = cli_has(cli, "resource-group") ? session_group(cli) : session_provider(cli);
    struct listing listing = {arena_printf(cli->arena, "%.*s/registries", STR_ARG(base)),
                              listing_most(cli), resource_shape, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

#define SETTINGS                                                                     \
    RESOURCE_FILE, RESOURCE_TAGS,                                                    \
        {"public-network-access", 0, CLI_VALUE, .choices = "enabled|disabled",       \
         .help = "whether it can be reached from public networks"},                  \
        {"display-name", 0, CLI_VALUE, .help = "for scripts of az; changes nothing", \
         .idle = "registries are shown by their names"}
static const struct cli_flag CREATE[] = {SETTINGS, RESOURCE_ANY_NAME("registry"),
                                         RESOURCE_TEXT("location", 'l', "region"),
                                         RESOURCE_TEXT("description", 0, "what it is for")};
static const struct cli_flag UPDATE[] = {SETTINGS, RESOURCE_ANY_NAME("registry")};
static const struct cli_flag NAME[] = {RESOURCE_NAME("registry")};
static const struct cli_flag LIST[] = {RESOURCE_MOST};

static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("create", "a shared registry", CREATE, CLI_GROUP | CLI_WAIT | CLI_SET,
                 resource_create, REGISTRY, "registry", " -n shared -l local"),
    RESOURCE_ROW("delete", "remove it and all in it", NAME, CLI_GROUP | CLI_WAIT | CLI_YES,
                 resource_delete, REGISTRY, "registry", " -n shared -y"),
    RESOURCE_ROW("list", "all visible", LIST, CLI_GROUP, run_list, REGISTRY, "registry",
                 " -o table"),
    RESOURCE_ROW("show", "one registry", NAME, CLI_GROUP, resource_show, REGISTRY, "registry",
                 " -n shared"),
    RESOURCE_ROW("update", "settings", UPDATE, CLI_GROUP | CLI_WAIT | CLI_UPDATE, resource_update,
                 REGISTRY, "registry", " -n shared --set tags.team=vision"),
};
const struct cli_group registry_group = {"registry", "assets shared between workspaces", COMMANDS,
                                         COUNT(COMMANDS)};
