/* compute_commands.c - compute: where jobs run. Five types share one file form; compute_shape.c
 * says how each looks on the wire. */
#include "cli/compute_shape.h"
#include "cli/confirm.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "yaml/schema.h"

#include <assert.h>

static const char *const COLUMNS[] = {"name",
                                      "Name",
                                      "type",
                                      "Type",
                                      "size",
                                      "Size",
                                      "state",
                                      "State",
                                      "nodes",
                                      "Nodes",
                                      "idle_time_before_scale_down",
                                      "Idle timeout",
                                      NULL};
static const char *const NODE_COLUMNS[] = {
    "nodeId", "Node",  "nodeState", "State", "privateIpAddress", "Address", "port",
    "Port",   "runId", "Job",       NULL};
static const char *const SIZE_COLUMNS[] = {"name", "Name",     "vCPUs", "CPU", "gpus",
                                           "GPU",  "memoryGB", "GB",    NULL};
static const char *const USAGE_COLUMNS[] = {
    "name.localizedValue", "Name", "currentValue", "Used", "limit", "Limit", "unit", "Unit", NULL};

/* Clusters show how many nodes do what; what has no state of its own shows that of its making. */
static void add_table_columns(struct cli *cli, const struct json *rest, struct json *row)
{
    const struct json *inner = json_at(rest, "properties.properties");

    assert(row);
    if (!json_str_at(row, "state").len)
        json_set_str(cli->arena, row, "state", json_str_at(row, "provisioning_state"));
    if (!json_get(row, STR("max_instances")))
        return;
    long long now = json_int_at(inner, "currentNodeCount", 0);
    long long busy = json_int_at(inner, "nodeStateCounts.runningNodeCount", 0);
    json_set_str(cli->arena, row, "nodes",
                 arena_printf(cli->arena, "%lld/%lld/%lld", busy, now - busy,
                              (long long)json_int_at(row, "max_instances", 0)));
}

/* The wire has no filter by type; lists of computes are short. */
static struct json *of_wanted_type(struct cli *cli, const struct json *rest)
{
    struct str type = cli_text(cli, "type");
    struct json *shown = resource_shape(cli, rest);

    if (type.len && !yaml_word_eq(type, json_str_at(shown, "type")))
        return NULL;
    if (cli->format == CLI_TABLE)
        add_table_columns(cli, rest, shown);
    return shown;
}

/* The type is filtered here: the wire lists all, and a workspace has few. */
static int run_list(struct cli *cli, struct error *err)
{
    if (session_open(cli, err) < 0)
        return -1;
    struct listing listing = {resource_collection(cli, &compute_resource), listing_most(cli),
                              of_wanted_type, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* As the server says it: there is no file of a node, a size or a quota. */
static struct json *as_it_is(struct cli *cli, const struct json *rest)
{
    return json_copy(cli->arena, rest);
}

/* The wire names types as in bodies, the flag as in files: words are compared loosely. */
static struct json *of_wanted_size(struct cli *cli, const struct json *rest)
{
    struct str type = cli_text(cli, "type");
    struct json_iter it = json_iter(json_get(rest, STR("supportedComputeTypes")));
    bool fits = !type.len;

    while (json_next(&it))
        fits |= yaml_word_eq(type, json_as_str(it.value));
    return fits ? json_copy(cli->arena, rest) : NULL;
}

/* {provider}/locations/{region}/vmSizes and usages: of the host, whatever the region. */
static int list_of_region(struct cli *cli, struct listing *listing, const char *what,
                          struct error *err)
{
    struct str region = cli_text(cli, "location");

    if (session_open(cli, err) < 0)
        return -1;
    listing->path =
        arena_printf(cli->arena, "%.*s/locations/%.*s/%s", STR_ARG(session_provider(cli)),
                     STR_ARG(region.len ? region : STR("local")), what);
    return listing_print(cli, listing, err);
}

/* Any region answers the same: there is one host. */
static int run_sizes(struct cli *cli, struct error *err)
{
    struct listing listing = {.shape = of_wanted_size, .columns = SIZE_COLUMNS};

    return list_of_region(cli, &listing, "vmSizes", err);
}

/* Quotas are of the host as well, not of a region. */
static int run_usage(struct cli *cli, struct error *err)
{
    struct listing listing = {.shape = as_it_is, .columns = USAGE_COLUMNS};

    return list_of_region(cli, &listing, "usages", err);
}

/* The wire asks by POST, and answers all nodes at once. */
static int run_nodes(struct cli *cli, struct error *err)
{
    struct json *reply;

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s/listNodes", STR_ARG(resource_named(cli)));
    if (session_post(cli, path, NULL, &reply, err) < 0)
        return -1;
    struct json *nodes = json_get(reply, STR("nodes"));
    cli->columns = NODE_COLUMNS;
    return cli_result(cli, nodes ? nodes : json_array(cli->arena), err);
}

/* One property of the instance; the rest of the body goes back as it came. */
static int run_sso(struct cli *cli, struct error *err)
{
    struct json *body, *reply = NULL;

    if (session_open(cli, err) < 0 || session_get(cli, resource_named(cli), &body, err) < 0)
        return -1;
    struct json *on = json_bool(cli->arena, !cli_has(cli, "disable"));
    if (json_put(cli->arena, body, "properties.properties.enableSSO", on, err) < 0)
        return -1;
    struct session_write write = {"PUT", resource_named(cli), body, "Updating compute"};
    if (session_change(cli, &write, &reply, err) < 0)
        return -1;
    return reply ? cli_result(cli, resource_shape(cli, reply), err) : 0;
}

/* Attached ones are created by the same PUT: their file names what is there already. */
static int run_attach(struct cli *cli, struct error *err)
{
    return resource_create(cli, err);
}

#define LIMIT_FLAGS                                                   \
    {"min-instances", 0, CLI_NUMBER, .help = "nodes kept when idle"}, \
        {"max-instances", 0, CLI_NUMBER, .help = "nodes at most"},    \
        {"idle-time-before-scale-down", 'd', CLI_NUMBER, .help = "seconds without work"}
#define IDENTITY_FLAGS                                                               \
    {"identity-type", 0, CLI_VALUE, .choices = "system_assigned|user_assigned|none", \
     .help = "identity of the nodes"},                                               \
        {"user-assigned-identities", 'i', CLI_LIST, .help = "ids of identities"}
#define ADMIN_FLAGS                                           \
    RESOURCE_TEXT("admin-username", 0, "login name for SSH"), \
        RESOURCE_TEXT("admin-password", 0, "its password")

static const struct cli_flag CREATE[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("compute"),
    {"type", 't', CLI_VALUE, .choices = "amlcompute|computeinstance",
     .help = "cluster or instance"},
    RESOURCE_TEXT("size", 0, "machine size; any name is a pool on this host"),
    {"tier", 0, CLI_VALUE, .choices = "dedicated|low_priority", .help = "kind of nodes"},
    RESOURCE_TEXT("location", 'l', "region"),
    RESOURCE_TEXT("description", 0, "what it is for"),
    RESOURCE_TAGS,
    LIMIT_FLAGS,
    IDENTITY_FLAGS,
    ADMIN_FLAGS,
    RESOURCE_TEXT("ssh-key-value", 0, "public SSH key"),
    {"ssh-public-access-enabled", 'p', CLI_VALUE, .choices = "true|false",
     .help = "allow SSH from outside"},
    {"enable-node-public-ip", 0, CLI_VALUE, .choices = "true|false",
     .help = "give nodes a public address"},
    RESOURCE_TEXT("vnet-name", 0, "virtual network"),
    RESOURCE_TEXT("subnet", 0, "its subnet"),
    RESOURCE_TEXT("user-object-id", 0, "user for whom an instance is made"),
    RESOURCE_TEXT("user-tenant-id", 0, "the user's tenant"),
};
static const struct cli_flag ATTACH[] = {
    RESOURCE_FILE,
    RESOURCE_ANY_NAME("compute"),
    {"type", 't', CLI_VALUE, .choices = "virtualmachine|kubernetes|synapsespark",
     .help = "what is there"},
    RESOURCE_TEXT("resource-id", 0, "id of what is there"),
    RESOURCE_TEXT("namespace", 0, "namespace of Kubernetes"),
    ADMIN_FLAGS,
    {"ssh-port", 0, CLI_NUMBER, .help = "port of SSH"},
    RESOURCE_TEXT("ssh-private-key-file", 0, "private key for SSH"),
    IDENTITY_FLAGS,
};
static const struct cli_flag UPDATE[] = {RESOURCE_NAME("compute"), LIMIT_FLAGS, IDENTITY_FLAGS,
                                         RESOURCE_TAGS};
static const struct cli_flag NAME[] = {RESOURCE_NAME("compute")};
static const struct cli_flag LIST[] = {RESOURCE_MOST,
                                       {"type", 0, CLI_VALUE, .help = "only this type"}};
static const struct cli_flag SIZES[] = {
    RESOURCE_TEXT("location", 'l', "region"),
    {"type", 't', CLI_VALUE, .help = "only sizes for this type of compute"}};
static const struct cli_flag USAGE[] = {RESOURCE_TEXT("location", 'l', "region")};
static const struct cli_flag SSO[] = {RESOURCE_NAME("compute"),
                                      {"disable", 0, CLI_SWITCH, .help = "off, not on"}};
static const struct cli_flag SSH[] = {
    RESOURCE_NAME("compute"), RESOURCE_TEXT("private-key-file-path", 'f', "private key for SSH")};

#define ACTION(verb, words)                            \
    {verb,                                             \
     words,                                            \
     NAME,                                             \
     COUNT(NAME),                                      \
     CLI_SCOPE | CLI_WAIT,                             \
     resource_action,                                  \
     .kind = &compute_resource,                        \
     .action = verb,                                   \
     .text = true,                                     \
     .examples = {"lazurite compute " verb " -n desk", \
                  "lazurite compute " verb " -n desk --no-wait"}}
static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("attach", "bring a machine or cluster that is there", ATTACH,
                 CLI_SCOPE | CLI_WAIT | CLI_SET, run_attach, compute_resource, "compute",
                 " -f kubernetes.yml"),
    RESOURCE_ROW("connect-ssh", "a shell on an instance", SSH, CLI_SCOPE, resource_not_built,
                 compute_resource, "compute", " -n desk"),
    RESOURCE_ROW("create", "a cluster or an instance", CREATE, CLI_SCOPE | CLI_SET | CLI_WAIT,
                 resource_create, compute_resource, "compute",
                 " -n cpu -t amlcompute --max-instances 4"),
    {"delete", "remove", NAME, COUNT(NAME), CLI_SCOPE | CLI_WAIT | CLI_YES, resource_delete,
     .kind = &compute_resource, .action = "underlyingResourceAction=Delete", .text = true,
     .examples = {"lazurite compute delete -n cpu", "lazurite compute delete -n cpu -y --no-wait"}},
    {"detach", "forget an attached target", NAME, COUNT(NAME), CLI_SCOPE | CLI_WAIT | CLI_YES,
     resource_delete, .kind = &compute_resource, .action = "underlyingResourceAction=Detach",
     .text = true,
     .examples = {"lazurite compute detach -n k8s", "lazurite compute detach -n k8s -y"}},
    RESOURCE_ROW("enable-sso", "single sign-on of an instance, on or off", SSO, CLI_SCOPE, run_sso,
                 compute_resource, "compute", " -n desk --disable"),
    RESOURCE_ROW("list", "all targets", LIST, CLI_SCOPE, run_list, compute_resource, "compute",
                 " --type amlcompute --query [].name"),
    RESOURCE_ROW("list-nodes", "nodes with state, address, job", NAME, CLI_SCOPE, run_nodes,
                 compute_resource, "compute", " -n cpu -o table"),
    RESOURCE_ROW("list-sizes", "node sizes that can be asked for", SIZES, CLI_SCOPE, run_sizes,
                 compute_resource, "compute", " -o table"),
    RESOURCE_ROW("list-usage", "used and limit of each quota", USAGE, CLI_SCOPE, run_usage,
                 compute_resource, "compute", " -o table"),
    ACTION("restart", "restart an instance"),
    RESOURCE_ROW("show", "one target", NAME, CLI_SCOPE, resource_show, compute_resource, "compute",
                 " -n cpu --query max_instances"),
    ACTION("start", "start an instance"),
    ACTION("stop", "stop an instance"),
    RESOURCE_ROW("update", "scale limits, idle time, identity, tags", UPDATE,
                 CLI_SCOPE | CLI_UPDATE | CLI_WAIT, resource_update, compute_resource, "compute",
                 " -n cpu --max-instances 8"),
};

const struct cli_group compute_group = {"compute", "where jobs run", COMMANDS, COUNT(COMMANDS)};
