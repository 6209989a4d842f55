/* workspace_commands.c - workspace, its outbound rules, feature-store and registry: what stands in
 * a resource group. Hubs, projects and feature stores are workspaces of another kind. */
#include "cli/confirm.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "yaml/schema.h"

#include <assert.h>

#define FEATURE_STORE "FeatureStore"

static const char *const WORDS[] = {"default", "workspace", "hub", "hub",
                                    "project", "project",   NULL};
static const char *const KEYS[] = {"name",
                                   "kind",
                                   "location",
                                   "display-name",
                                   "description",
                                   "storage-account",
                                   "key-vault",
                                   "container-registry",
                                   "application-insights",
                                   "image-build-compute",
                                   "public-network-access",
                                   "primary-user-assigned-identity",
                                   "system-datastores-auth-mode",
                                   "managed-network=managed_network.isolation_mode",
                                   "enable-data-isolation",
                                   "allow-roleassignment-on-rg",
                                   "provision-network-now",
                                   "hub-id",
                                   "default-resource-group",
                                   NULL};
static const char *const COLUMNS[] = {"name",     "Name",     "resourceGroup",      "Group",
                                      "location", "Location", "provisioning_state", "State",
                                      NULL};
static const struct field_row ROWS[] = {
    {"location", "location", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"display_name", "properties.friendlyName", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"hbi_workspace", "properties.hbiWorkspace", FIELD_TRUTH},
    {"storage_account", "properties.storageAccount", FIELD_SAME},
    {"key_vault", "properties.keyVault", FIELD_SAME},
    {"container_registry", "properties.containerRegistry", FIELD_SAME},
    {"application_insights", "properties.applicationInsights", FIELD_SAME},
    {"image_build_compute", "properties.imageBuildCompute", FIELD_SAME},
    {"public_network_access", "properties.publicNetworkAccess", FIELD_WORD},
    {"primary_user_assigned_identity", "properties.primaryUserAssignedIdentity", FIELD_SAME},
    {"system_datastores_auth_mode", "properties.systemDatastoresAuthMode", FIELD_SAME},
    {"managed_network.isolation_mode", "properties.managedNetwork.isolationMode", FIELD_WORD},
    {"managed_network.firewall_sku", "properties.managedNetwork.firewallSku", FIELD_WORD},
    {"enable_data_isolation", "properties.enableDataIsolation", FIELD_TRUTH},
    {"allow_roleassignment_on_rg", "properties.allowRoleAssignmentOnRG", FIELD_TRUTH},
    {"provision_network_now", "properties.provisionNetworkNow", FIELD_TRUTH},
    {"hub_id", "properties.hubResourceId", FIELD_SAME},
    {"default_resource_group", "properties.workspaceHubConfig.defaultWorkspaceResourceGroup",
     FIELD_SAME},
    {"identity.type", "identity.type", FIELD_WORD},
    {"customer_managed_key.key_vault", "properties.encryption.keyVaultProperties.keyVaultArmId",
     FIELD_SAME},
    {"customer_managed_key.key_uri", "properties.encryption.keyVaultProperties.keyIdentifier",
     FIELD_SAME},
    {"serverless_compute.custom_subnet",
     "properties.serverlessComputeSettings."
     "serverlessComputeCustomSubnet",
     FIELD_SAME},
    {"serverless_compute.no_public_ip",
     "properties.serverlessComputeSettings."
     "serverlessComputeNoPublicIP",
     FIELD_TRUTH},
    {"network_acls.default_action", "properties.networkAcls.defaultAction", FIELD_SAME},
    {"network_acls.ip_rules", "properties.networkAcls.ipRules", FIELD_SAME},
    {"compute_runtime.spark_runtime_version",
     "properties.featureStoreSettings.computeRuntime.sparkRuntimeVersion", FIELD_SAME},
};
static const struct field_row SHOWN[] = {
    {"discovery_url", "properties.discoveryUrl", FIELD_SAME},
    {"mlflow_tracking_uri", "properties.mlFlowTrackingUri", FIELD_SAME},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
    {"workspace_id", "properties.workspaceId", FIELD_SAME},
};

/* The rules that a file holds as a list of names are a mapping on the wire. */
static int put_rules(struct cli *cli, const struct json *root, struct json *body, struct error *err)
{
    static const char PATH[] = "properties.managedNetwork.outboundRules";
    struct json *out = json_object(cli->arena);
    struct json_iter it = json_iter(json_at(root, "managed_network.outbound_rules"));

    if (!json_at(root, "managed_network.outbound_rules"))
        return 0;
    while (json_next(&it)) {
        struct json *rule = json_object(cli->arena);
        const struct json *to = json_get(it.value, STR("destination"));
        struct str type = fields_pascal(cli->arena, json_str_at(it.value, "type"));
        json_set_str(cli->arena, rule, "type", str_eq_fold(type, STR("Fqdn")) ? STR("FQDN") : type);
        const struct field_row ALL = {"destination", "destination",
                                      json_kind(to) == JSON_OBJECT ? FIELD_TREE : FIELD_SAME};
        fields_to_rest(cli->arena, &ALL, 1, it.value, rule);
        json_set_str(cli->arena, rule, "category", STR("UserDefined"));
        json_set(cli->arena, out, json_str_at(it.value, "name"), rule);
    }
    return json_put(cli->arena, body, PATH, out, err);
}

/* The group of the command makes a feature store of a workspace. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    const struct json *root = document->yaml.root;
    struct str kind = json_str_at(root, "kind");

    assert(body);
    if (str_starts(str_from(cli->arguments.group->name), STR("feature-store")))
        json_set_str(cli->arena, body, "kind", STR(FEATURE_STORE));
    else if (kind.len)
        json_set_str(cli->arena, body, "kind", fields_pascal(cli->arena, kind));
    return put_rules(cli, root, body, err);
}

/* An ordinary workspace says nothing of its kind. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str kind = json_str_at(rest, "kind");

    assert(out);
    if (kind.len && !str_eq_fold(kind, STR("Default")))
        json_set_str(cli->arena, out, "kind", arena_lower(cli->arena, kind));
}

static const char *const READ_BY_FINISH[] = {"kind", NULL};
static const struct resource_kind WORKSPACE = {
    .word = "workspace",
    .type = "workspaces",
    .place = RESOURCE_IN_GROUP,
    .patches = true,
    .family = {"workspace", "kind", WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .defaults = "{\"location\":\"local\",\"identity\":{\"type\":\"SystemAssigned\"},\"tags\":{},"
                "\"properties\":{}}",
    .finish = finish,
    .finish_keys = READ_BY_FINISH,
    .show = show,
    .columns = COLUMNS,
};

static const char *const STORE_WORDS[] = {"", "featureStore", NULL};
static const struct resource_kind STORE = {
    .word = "feature store",
    .type = "workspaces",
    .place = RESOURCE_IN_GROUP,
    .patches = true,
    .family = {"feature store", NULL, STORE_WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .defaults = "{\"kind\":\"FeatureStore\",\"location\":\"local\",\"identity\":{\"type\":"
                "\"SystemAssigned\"},\"tags\":{},\"properties\":{\"featureStoreSettings\":{"
                "\"computeRuntime\":{\"sparkRuntimeVersion\":\"3.4\"}}}}",
    .finish = finish,
    .show = show,
    .columns = COLUMNS,
};

/* Without a name the session's own workspace is meant. */
static int run_show(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0)
        return -1;
    struct str name = cli_text(cli, "name");
    struct str id =
        name.len ? resource_id(cli, cli->arguments.command->kind, name) : session_workspace(cli);
    if (session_get(cli, id, &reply, err) < 0)
        return -1;
    return cli_result(cli, resource_shape(cli, reply), err);
}

/* One of a list, unless its kind was not asked for. */
static struct json *of_wanted_kind(struct cli *cli, const struct json *rest)
{
    const struct cli_given *wanted = cli_words(cli, "filtered-kinds");
    struct str kind = json_str_at(rest, "kind");
    bool fits = wanted->count == 0;

    if (cli->arguments.command->kind == &STORE)
        fits = str_eq_fold(kind, STR(FEATURE_STORE));
    for (size_t i = 0; i < wanted->count; i++)
        fits |= str_eq_fold(wanted->values[i], kind.len ? kind : STR("default"));
    return fits ? resource_shape(cli, rest) : NULL;
}

/* All of the subscription; with -g those of the group. */
static int run_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct str base = cli_has(cli, "resource-group") ? session_group(cli) : session_provider(cli);
    struct listing listing = {
        arena_printf(cli->arena, "%.*s/%s", STR_ARG(base), cli->arguments.command->kind->type),
        listing_most(cli), of_wanted_kind, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* Everything in it goes: the question is asked even where -y is the habit. */
static int run_delete(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name");

    if (confirm_delete(cli, cli->arguments.command->kind->word, name, err) < 0 ||
        session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s?forceToPurge=%s",
                                   STR_ARG(resource_id(cli, &WORKSPACE, name)),
                                   cli_has(cli, "permanently-delete") ? "true" : "false");
    return session_change(cli, &(struct session_write){"DELETE", path, NULL, "Deleting workspace"},
                          NULL, err);
}

/* The wire wants a body, though it holds nothing. */
static int run_diagnose(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);

    json_set(cli->arena, body, STR("value"), json_object(cli->arena));
    return resource_post(cli, body, err);
}

/* There is no network to make; the server answers with its state. */
static int run_provision(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena);

    json_set_bool(cli->arena, body, "includeSpark", cli_has(cli, "include-spark"));
    return resource_post(cli, body, err);
}

#define ACCOUNT_FLAGS                                                                       \
    RESOURCE_TEXT("display-name", 0, "name shown to people"),                               \
        RESOURCE_TEXT("description", 0, "what it is for"), RESOURCE_TAGS,                   \
        RESOURCE_TEXT("application-insights", 'a', "id of the telemetry resource"),         \
        RESOURCE_TEXT("container-registry", 'c', "id of the image registry"),               \
        RESOURCE_TEXT("image-build-compute", 'i', "cluster on which images are built"),     \
        RESOURCE_TEXT("managed-network", 'm',                                               \
                      "disabled, allow_internet_outbound or allow_only_approved_outbound"), \
        RESOURCE_TEXT("primary-user-assigned-identity", 'p', "identity used of several"),   \
        {"public-network-access", 0, CLI_VALUE, .choices = "enabled|disabled",              \
         .help = "whether it can be reached from public networks"},                         \
        {"update-dependent-resources", 'u', CLI_SWITCH,                                     \
         .help = "for scripts of az; changes nothing",                                      \
         .idle = "names of other resources are kept as they are given"}
#define WORKSPACE_FLAGS                                                     \
    {"allow-roleassignment-on-rg", 'r', CLI_VALUE, .choices = "true|false", \
     .help = "roles may be given on the whole group"},                      \
        RESOURCE_TEXT("system-datastores-auth-mode", 'd', "accessKey or identity"), ACCOUNT_FLAGS

static const struct cli_flag CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("workspace"),
    WORKSPACE_FLAGS,
    RESOURCE_TEXT("location", 'l', "region"),
    {"kind", 0, CLI_VALUE, .choices = "default|hub|project", .help = "which kind of workspace"},
    RESOURCE_TEXT("hub-id", 0, "hub that a project belongs to"),
    RESOURCE_TEXT("key-vault", 'k', "id of the secret store"),
    RESOURCE_TEXT("storage-account", 's', "id of the storage account"),
    RESOURCE_TEXT("default-resource-group", 0, "where projects of a hub go"),
    {"enable-data-isolation", 'e', CLI_SWITCH, .help = "projects of a hub do not see each other"},
    {"provision-network-now", 0, CLI_SWITCH, .help = "make the managed network at once"},
};
static const struct cli_flag UPDATE[] = {
    RESOURCE_FILE,
    RESOURCE_NAME("workspace"),
    WORKSPACE_FLAGS,
    RESOURCE_TEXT("network-acls", 0, "addresses that may reach it"),
};
static const struct cli_flag NAME[] = {RESOURCE_NAME("workspace")};
static const struct cli_flag SHOW[] = {RESOURCE_ANY_NAME("workspace")};
static const struct cli_flag LIST[] = {
    RESOURCE_MOST,
    {"filtered-kinds", 0, CLI_LIST, .help = "default, hub, project or featurestore"}};
static const struct cli_flag DELETE[] = {
    RESOURCE_NAME("workspace"),
    {"all-resources", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "everything of a workspace goes with it here"},
    {"permanently-delete", 'p', CLI_SWITCH, .help = "not to be brought back"},
};
static const struct cli_flag PROVISION[] = {
    RESOURCE_NAME("workspace"),
    {"include-spark", 0, CLI_SWITCH, .help = "also for Spark"},
};

#define IN_GROUP (CLI_GROUP | CLI_WAIT)
static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("create", "a workspace, hub or project", CREATE, IN_GROUP | CLI_SET,
                 resource_create, WORKSPACE, "workspace", " -n lab"),
    RESOURCE_ROW("delete", "remove it and all in it", DELETE, IN_GROUP | CLI_YES, run_delete,
                 WORKSPACE, "workspace", " -n lab -y"),
    {"diagnose", "run health checks", NAME, COUNT(NAME), IN_GROUP, run_diagnose, .kind = &WORKSPACE,
     .action = "diagnose",
     .examples = {"lazurite workspace diagnose -n lab",
                  "lazurite workspace diagnose -n lab -o yaml"}},
    RESOURCE_ROW("list", "all visible", LIST, CLI_GROUP, run_list, WORKSPACE, "workspace",
                 " -o table"),
    {"list-keys", "keys of the attached stores", NAME, COUNT(NAME), CLI_GROUP, resource_action,
     .kind = &WORKSPACE, .action = "listKeys",
     .examples = {"lazurite workspace list-keys -n lab",
                  "lazurite workspace list-keys -n lab --query userStorageKey -o tsv"}},
    {"provision-network", "set up the managed network", PROVISION, COUNT(PROVISION), IN_GROUP,
     run_provision, .kind = &WORKSPACE, .action = "provisionManagedNetwork",
     .examples = {"lazurite workspace provision-network -n lab",
                  "lazurite workspace provision-network -n lab --include-spark"}},
    RESOURCE_ROW("show", "one workspace", SHOW, CLI_GROUP, run_show, WORKSPACE, "workspace",
                 " -n lab"),
    {"sync-keys", "read rotated keys again", NAME, COUNT(NAME), IN_GROUP, resource_action,
     .kind = &WORKSPACE, .action = "resyncKeys",
     .examples = {"lazurite workspace sync-keys -n lab",
                  "lazurite workspace sync-keys -n lab --no-wait"}},
    RESOURCE_ROW("update", "settings", UPDATE, IN_GROUP | CLI_UPDATE, resource_update, WORKSPACE,
                 "workspace", " -n lab --set tags.team=vision"),
};
const struct cli_group workspace_group = {"workspace", "what holds everything else", COMMANDS,
                                          COUNT(COMMANDS)};

static const struct cli_flag STORE_CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("feature store"),
    ACCOUNT_FLAGS,
    RESOURCE_TEXT("location", 'l', "region"),
    RESOURCE_TEXT("materialization-identity", 't', "identity of materialization jobs"),
    RESOURCE_TEXT("offline-store", 0, "id of the offline store"),
    {"not-grant-permissions", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "no roles are given on other resources here"},
};
static const struct cli_flag STORE_UPDATE[] = {
    RESOURCE_FILE,
    RESOURCE_NAME("feature store"),
    ACCOUNT_FLAGS,
    RESOURCE_TEXT("materialization-identity", 't', "identity of materialization jobs"),
    {"not-grant-permissions", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "no roles are given on other resources here"},
};
static const struct cli_command STORE_COMMANDS[] = {
    RESOURCE_ROW("create", "a store of features", STORE_CREATE, IN_GROUP | CLI_SET, resource_create,
                 STORE, "feature-store", " -n features"),
    RESOURCE_ROW("delete", "remove", DELETE, IN_GROUP | CLI_YES, run_delete, STORE, "feature-store",
                 " -n features -y"),
    RESOURCE_ROW("list", "all of them", LIST, CLI_GROUP, run_list, STORE, "feature-store",
                 " -o table"),
    {"provision-network", "set up the managed network", PROVISION, COUNT(PROVISION), IN_GROUP,
     run_provision, .kind = &STORE, .action = "provisionManagedNetwork",
     .examples = {"lazurite feature-store provision-network -n features",
                  "lazurite feature-store provision-network -n features --include-spark"}},
    RESOURCE_ROW("show", "one", NAME, CLI_GROUP, resource_show, STORE, "feature-store",
                 " -n features"),
    RESOURCE_ROW("update", "settings", STORE_UPDATE, IN_GROUP | CLI_UPDATE, resource_update, STORE,
                 "feature-store", " -n features --description shared"),
};
const struct cli_group feature_store_group = {"feature-store", "stores of features", STORE_COMMANDS,
                                              COUNT(STORE_COMMANDS)};

/* --- outbound rules -----------------------------------------------------------------------------
 */

static const char *const RULE_COLUMNS[] = {"name",     "Name",   "type",   "Type", "category",
                                           "Category", "status", "Status", NULL};
static const struct field_row RULE_ROWS[] = {
    {"type", "properties.type", FIELD_WORD},
};
static const struct field_row RULE_SHOWN[] = {
    {"category", "properties.category", FIELD_SAME},
    {"status", "properties.status", FIELD_SAME},
};

/* A name for an FQDN, a mapping for the others. */
static void show_rule(struct cli *cli, const struct json *rest, struct json *out)
{
    const struct json *to = json_at(rest, "properties.destination");
    const struct field_row row = {"destination", "properties.destination",
                                  json_kind(to) == JSON_OBJECT ? FIELD_TREE : FIELD_SAME};

    fields_to_yaml(cli->arena, &row, 1, rest, out);
}

static const struct resource_kind RULE = {
    .word = "outbound rule",
    .type = "outboundRules",
    .name_flag = "rule",
    .rows = RULE_ROWS,
    .row_count = COUNT(RULE_ROWS),
    .shown = RULE_SHOWN,
    .shown_count = COUNT(RULE_SHOWN),
    .show = show_rule,
    .columns = RULE_COLUMNS,
};

/* Which flags make the destination of which type. */
struct destination_flag {
    const char *type, *flag, *rest;
};
static const struct destination_flag DESTINATIONS[] = {
    {"fqdn", "destination", "properties.destination"},
    {"private_endpoint", "service-resource-id", "properties.destination.serviceResourceId"},
    {"private_endpoint", "subresource-target", "properties.destination.subresourceTarget"},
    {"service_tag", "service-tag", "properties.destination.serviceTag"},
    {"service_tag", "protocol", "properties.destination.protocol"},
    {"service_tag", "port-ranges", "properties.destination.portRanges"},
};

/* Words of the line joined as the wire has lists of them. */
static int put_words(struct cli *cli, const char *flag, const char *path, struct json *body,
                     struct error *err)
{
    const struct cli_given *given = cli_words(cli, flag);
    struct json *list = json_array(cli->arena);
    struct str rest, one;

    assert(path[0]);
    for (size_t i = 0; i < given->count; i++) {
        rest = given->values[i];
        while (str_split(&rest, ',', &one))
            json_append(cli->arena, list, json_text(cli->arena, str_trim(one)));
    }
    return given->count ? json_put(cli->arena, body, path, list, err) : 0;
}

/* Which flags are needed follows from the type: the error names the first that is missing. */
static int rule_body(struct cli *cli, struct json *body, struct error *err)
{
    struct str type = cli_text(cli, "type");
    struct str word =
        str_eq_fold(type, STR("fqdn")) ? STR("FQDN") : fields_pascal(cli->arena, type);

    assert(type.len > 0);
    if (json_put(cli->arena, body, "properties.type", json_text(cli->arena, word), err) < 0 ||
        json_put(cli->arena, body, "properties.category", json_text(cli->arena, STR("UserDefined")),
                 err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(DESTINATIONS); i++) {
        const struct destination_flag *row = &DESTINATIONS[i];
        struct str value = cli_text(cli, row->flag);
        if (!yaml_word_eq(type, str_from(row->type)))
            continue;
        if (!value.len) {
            cli->usage = true;
            return error_set(err, ERROR_INVALID, "", "A rule of type %s needs --%s.", row->type,
                             row->flag);
        }
        if (json_put(cli->arena, body, row->rest, json_text(cli->arena, value), err) < 0)
            return -1;
    }
    if (yaml_word_eq(type, STR("private_endpoint")) &&
        json_put(cli->arena, body, "properties.destination.sparkEnabled",
                 json_bool(cli->arena, str_eq_fold(cli_text(cli, "spark-enabled"), STR("true"))),
                 err) < 0)
        return -1;
    if (put_words(cli, "fqdns", "properties.fqdns", body, err) < 0)
        return -1;
    return put_words(cli, "address-prefixes", "properties.destination.addressPrefixes", body, err);
}

/* Adds or changes: a rule is known by its name. */
static int run_rule_set(struct cli *cli, struct error *err)
{
    struct json *body = json_object(cli->arena), *reply = NULL;

    if (rule_body(cli, body, err) < 0 || session_open(cli, err) < 0)
        return -1;
    struct session_write write = {"PUT", resource_named(cli), body, "Setting outbound rule"};
    if (session_change(cli, &write, &reply, err) < 0)
        return -1;
    return reply ? cli_result(cli, resource_shape(cli, reply), err) : 0;
}

#define RULE_NAME {"rule", 0, CLI_VALUE, true, .help = "name of the rule"}
static const struct cli_flag RULE_FLAGS[] = {RULE_NAME};
static const struct cli_flag RULE_LIST[] = {RESOURCE_MOST};
static const struct cli_flag RULE_SET[] = {
    RULE_NAME,
    {"type", 0, CLI_VALUE, true, .choices = "fqdn|private_endpoint|service_tag", .help = "of what"},
    {"address-prefixes", 0, CLI_LIST, .help = "addresses in place of the tag's own"},
    RESOURCE_TEXT("destination", 0, "name of the host, for fqdn"),
    {"fqdns", 0, CLI_LIST, .help = "names of the private endpoint"},
    RESOURCE_TEXT("port-ranges", 0, "such as 80,443"),
    RESOURCE_TEXT("protocol", 0, "TCP, UDP, ICMP or *"),
    RESOURCE_TEXT("service-resource-id", 0, "id of what the endpoint reaches"),
    RESOURCE_TEXT("service-tag", 0, "group of addresses, by its name"),
    {"spark-enabled", 0, CLI_VALUE, .choices = "true|false", .help = "also for Spark"},
    RESOURCE_TEXT("subresource-target", 0, "such as blob"),
};
static const struct cli_command RULE_COMMANDS[] = {
    RESOURCE_ROW("list", "all rules", RULE_LIST, CLI_SCOPE, resource_list, RULE,
                 "workspace outbound-rule", " -o table"),
    RESOURCE_ROW("remove", "drop a rule", RULE_FLAGS, CLI_SCOPE | CLI_WAIT | CLI_YES,
                 resource_delete, RULE, "workspace outbound-rule", " --rule pypi -y"),
    RESOURCE_ROW("set", "add or change a rule", RULE_SET, CLI_SCOPE | CLI_WAIT, run_rule_set, RULE,
                 "workspace outbound-rule",
                 " --rule feed --type fqdn --destination feed.example.org"),
    RESOURCE_ROW("show", "one rule", RULE_FLAGS, CLI_SCOPE, resource_show, RULE,
                 "workspace outbound-rule", " --rule pypi"),
};
const struct cli_group outbound_rule_group = {"workspace outbound-rule",
                                              "what a managed network lets out", RULE_COMMANDS,
                                              COUNT(RULE_COMMANDS)};
