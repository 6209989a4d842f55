/* hosted_commands.c - serverless-endpoint, marketplace-subscription and capability-host: records of
 * models that somebody else runs. A row each, and nothing more. */
#include "cli/confirm.h"
#include "cli/resource.h"
#include "cli/session.h"

#include <assert.h>

static const char *const KEYS[] = {"name", NULL};
static const char *const COLUMNS[] = {"name",  "Name", "model_id", "Model", "provisioning_state",
                                      "State", NULL};

static const char *const SERVERLESS_WORDS[] = {"", "serverlessEndpoint", NULL};
static const struct field_row SERVERLESS_ROWS[] = {
    {"auth_mode", "properties.authMode", FIELD_WORD},
    {"model_id", "properties.modelSettings.modelId", FIELD_SAME},
    {"location", "location", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
};
static const struct field_row SERVERLESS_SHOWN[] = {
    {"scoring_uri", "properties.inferenceEndpoint.uri", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};
static const struct resource_kind SERVERLESS = {
    .word = "serverless endpoint",
    .type = "serverlessEndpoints",
    .family = {"serverless endpoint", NULL, SERVERLESS_WORDS, NULL},
    .keys = KEYS,
    .rows = SERVERLESS_ROWS,
    .row_count = COUNT(SERVERLESS_ROWS),
    .shown = SERVERLESS_SHOWN,
    .shown_count = COUNT(SERVERLESS_SHOWN),
    .defaults = "{\"location\":\"local\",\"sku\":{\"name\":\"Consumption\"},\"properties\":{"
                "\"authMode\":\"Key\"}}",
    .columns = COLUMNS,
};

static const char *const MARKET_WORDS[] = {"", "marketplaceSubscription", NULL};
static const struct field_row MARKET_ROWS[] = {
    {"model_id", "properties.modelId", FIELD_SAME},
};
static const struct field_row MARKET_SHOWN[] = {
    {"marketplace_plan", "properties.marketplacePlan", FIELD_TREE},
    {"status", "properties.marketplaceSubscriptionStatus", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};
static const struct resource_kind MARKET = {
    .word = "marketplace subscription",
    .type = "marketplaceSubscriptions",
    .family = {"marketplace subscription", NULL, MARKET_WORDS, NULL},
    .keys = KEYS,
    .rows = MARKET_ROWS,
    .row_count = COUNT(MARKET_ROWS),
    .shown = MARKET_SHOWN,
    .shown_count = COUNT(MARKET_SHOWN),
    .columns = COLUMNS,
};

static const char *const HOST_WORDS[] = {"", "capabilityHost", NULL};
static const char *const HOST_KEYS[] = {"name",
                                        "description",
                                        "capability-host-kind",
                                        "ai-services-connections",
                                        "storage-connections",
                                        "vector-store-connections",
                                        NULL};
static const struct field_row HOST_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"capability_host_kind", "properties.capabilityHostKind", FIELD_WORD},
    {"ai_services_connections", "properties.aiServicesConnections", FIELD_SAME},
    {"storage_connections", "properties.storageConnections", FIELD_SAME},
    {"vector_store_connections", "properties.vectorStoreConnections", FIELD_SAME},
};
static const struct field_row HOST_SHOWN[] = {
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};
static const struct resource_kind HOST = {
    .word = "capability host",
    .type = "capabilityHosts",
    .family = {"capability host", NULL, HOST_WORDS, NULL},
    .keys = HOST_KEYS,
    .rows = HOST_ROWS,
    .row_count = COUNT(HOST_ROWS),
    .shown = HOST_SHOWN,
    .shown_count = COUNT(HOST_SHOWN),
    .defaults = "{\"properties\":{\"capabilityHostKind\":\"Agents\"}}",
    .columns = COLUMNS,
};

/* The key type goes along by its name on the wire. */
static int run_regenerate(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);

    json_set_str(cli->arena, body, "keyType", fields_pascal(cli->arena, cli_text(cli, "key-type")));
    return resource_post(cli, body, err);
}

static const struct cli_flag CREATE[] = {RESOURCE_FILE, RESOURCE_ANY_NAME("resource")};
static const struct cli_flag NAME[] = {RESOURCE_NAME("resource")};
static const struct cli_flag LIST[] = {RESOURCE_MOST};
static const struct cli_flag REGENERATE[] = {RESOURCE_NAME("endpoint"),
                                             {"key-type", 0, CLI_VALUE, .fallback = "primary",
                                              .choices = "primary|secondary", .help = "which"}};
static const struct cli_flag HOST_CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("capability host"),
    RESOURCE_TEXT("description", 0, "what it is for"),
    {"capability-host-kind", 0, CLI_VALUE, .choices = "agents", .help = "what it serves"},
    {"ai-services-connections", 'a', CLI_LIST, .help = "connections to model services"},
    {"storage-connections", 's', CLI_LIST, .help = "connections to storage"},
    {"vector-store-connections", 'v', CLI_LIST, .help = "connections to vector stores"},
};

#define LASTS (CLI_SCOPE | CLI_WAIT)
static const struct cli_command SERVERLESS_COMMANDS[] = {
    RESOURCE_ROW("create", "a model as a service", CREATE, LASTS | CLI_SET, resource_create,
                 SERVERLESS, "serverless-endpoint", " -f endpoint.yml"),
    RESOURCE_ROW("delete", "remove", NAME, LASTS, resource_delete, SERVERLESS,
                 "serverless-endpoint", " -n phi"),
    {"get-credentials", "its keys", NAME, COUNT(NAME), CLI_SCOPE, resource_action,
     .kind = &SERVERLESS, .action = "listKeys",
     .examples = {"lazurite serverless-endpoint get-credentials -n phi",
                  "lazurite serverless-endpoint get-credentials -n phi --query primaryKey"}},
    RESOURCE_ROW("list", "all of them", LIST, CLI_SCOPE, resource_list, SERVERLESS,
                 "serverless-endpoint", " -o table"),
    {"regenerate-keys", "replace a key", REGENERATE, COUNT(REGENERATE), LASTS, run_regenerate,
     .kind = &SERVERLESS, .action = "regenerateKeys",
     .examples = {"lazurite serverless-endpoint regenerate-keys -n phi",
                  "lazurite serverless-endpoint regenerate-keys -n phi --key-type secondary"}},
    RESOURCE_ROW("show", "one", NAME, CLI_SCOPE, resource_show, SERVERLESS, "serverless-endpoint",
                 " -n phi"),
    RESOURCE_ROW("update", "fields", NAME, LASTS | CLI_UPDATE, resource_update, SERVERLESS,
                 "serverless-endpoint", " -n phi --set tags.team=vision"),
};
const struct cli_group serverless_endpoint_group = {
    "serverless-endpoint", "models as a service", SERVERLESS_COMMANDS, COUNT(SERVERLESS_COMMANDS)};

static const struct cli_command MARKET_COMMANDS[] = {
    RESOURCE_ROW("create", "record the offer of a model", CREATE, LASTS | CLI_SET, resource_create,
                 MARKET, "marketplace-subscription", " -f offer.yml"),
    RESOURCE_ROW("delete", "remove", NAME, LASTS, resource_delete, MARKET,
                 "marketplace-subscription", " -n phi"),
    RESOURCE_ROW("list", "all of them", LIST, CLI_SCOPE, resource_list, MARKET,
                 "marketplace-subscription", " -o table"),
    RESOURCE_ROW("show", "one", NAME, CLI_SCOPE, resource_show, MARKET, "marketplace-subscription",
                 " -n phi"),
};
const struct cli_group marketplace_subscription_group = {
    "marketplace-subscription", "offers of models", MARKET_COMMANDS, COUNT(MARKET_COMMANDS)};

static const struct cli_command HOST_COMMANDS[] = {
    RESOURCE_ROW("create", "record the host of agents", HOST_CREATE, LASTS | CLI_SET,
                 resource_create, HOST, "capability-host", " -n agents"),
    RESOURCE_ROW("delete", "remove", NAME, LASTS, resource_delete, HOST, "capability-host",
                 " -n agents"),
    RESOURCE_ROW("show", "one", NAME, CLI_SCOPE, resource_show, HOST, "capability-host",
                 " -n agents"),
};
const struct cli_group capability_host_group = {"capability-host", "hosts of agents", HOST_COMMANDS,
                                                COUNT(HOST_COMMANDS)};
