/* compute_shape.c - Computes of all types. Keys that the types share are rows; what one type alone
 * has, or writes elsewhere, is done by that type's function. */
#include "cli/compute_shape.h"
#include "cli/document.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#define SCRIPT_MAX (256 * KIB)

static const char *const WORDS[] = {"amlcompute",
                                    "amlCompute",
                                    "computeinstance",
                                    "computeInstance",
                                    "virtualmachine",
                                    "virtualMachineCompute",
                                    "kubernetes",
                                    "kubernetesCompute",
                                    "synapsespark",
                                    "synapseSparkCompute",
                                    NULL};
static const char *const KEYS[] = {"name",
                                   "type",
                                   "size",
                                   "min-instances",
                                   "max-instances",
                                   "tier",
                                   "location",
                                   "description",
                                   "idle-time-before-scale-down",
                                   "enable-node-public-ip",
                                   "ssh-public-access-enabled",
                                   "resource-id",
                                   "namespace",
                                   "identity-type=identity.type",
                                   "user-assigned-identities=identity.user_assigned_identities",
                                   "admin-username=ssh_settings.admin_username",
                                   "admin-password=ssh_settings.admin_password",
                                   "ssh-key-value=ssh_settings.ssh_key_value",
                                   "ssh-port=ssh_settings.ssh_port",
                                   "ssh-private-key-file=ssh_settings.ssh_private_key_file",
                                   "vnet-name=network_settings.vnet_name",
                                   "subnet=network_settings.subnet",
                                   "user-object-id=create_on_behalf_of.user_object_id",
                                   "user-tenant-id=create_on_behalf_of.user_tenant_id",
                                   NULL};

#define INNER "properties.properties."
static const struct field_row ROWS[] = {
    {"location", "location", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "tags", FIELD_TEXTS},
    {"size", INNER "vmSize", FIELD_SAME},
    {"tier", INNER "vmPriority", FIELD_WORD},
    {"min_instances", INNER "scaleSettings.minNodeCount", FIELD_INTEGER},
    {"max_instances", INNER "scaleSettings.maxNodeCount", FIELD_INTEGER},
    {"idle_time_before_scale_down", INNER "scaleSettings.nodeIdleTimeBeforeScaleDown",
     FIELD_SECONDS},
    {"idle_time_before_shutdown", INNER "idleTimeBeforeShutdown", FIELD_SAME},
    {"idle_time_before_shutdown_minutes", INNER "idleTimeBeforeShutdown", FIELD_MINUTES},
    {"enable_node_public_ip", INNER "enableNodePublicIp", FIELD_TRUTH},
    {"enable_sso", INNER "enableSSO", FIELD_TRUTH},
    {"enable_root_access", INNER "enableRootAccess", FIELD_TRUTH},
    {"release_quota_on_stop", INNER "releaseQuotaOnStop", FIELD_TRUTH},
    {"enable_os_patching", INNER "enableOSPatching", FIELD_TRUTH},
    {"create_on_behalf_of.user_object_id",
     INNER "personalComputeInstanceSettings.assignedUser.objectId", FIELD_SAME},
    {"create_on_behalf_of.user_tenant_id",
     INNER "personalComputeInstanceSettings.assignedUser.tenantId", FIELD_SAME},
    {"network_settings.subnet", INNER "subnet.id", FIELD_SAME},
    {"identity.type", "identity.type", FIELD_WORD},
    {"resource_id", "properties.resourceId", FIELD_SAME},
    {"namespace", INNER "namespace", FIELD_SAME},
    {"custom_applications", INNER "customServices", FIELD_TREE},
};
static const struct field_row SHOWN[] = {
    {"type", "properties.computeType", FIELD_LOWER},
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
    {"provisioning_errors", "properties.provisioningErrors", FIELD_SAME},
    {"created_on", "properties.createdOn", FIELD_SAME},
    {"state", INNER "state", FIELD_SAME},
    {"ssh_settings.admin_username", INNER "userAccountCredentials.adminUserName", FIELD_SAME},
};

/* What the server wants to have said though the file need not. */
static const char CLUSTER[] =
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"AmlCompute\",\"disableLocalAuth\":"
    "true,\"properties\":{\"vmSize\":\"STANDARD_DS3_V2\",\"osType\":\"Linux\","
    "\"enableNodePublicIp\":true,\"remoteLoginPortPublicAccess\":\"NotSpecified\","
    "\"scaleSettings\":{\"minNodeCount\":0,\"maxNodeCount\":4,\"nodeIdleTimeBeforeScaleDown\":"
    "\"PT2M\"}}}}";
static const char INSTANCE[] =
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"ComputeInstance\","
    "\"disableLocalAuth\":true,\"properties\":{\"vmSize\":\"STANDARD_DS3_V2\","
    "\"enableNodePublicIp\":true,\"enableSSO\":true,\"enableRootAccess\":true,"
    "\"releaseQuotaOnStop\":false,\"enableOSPatching\":false,\"applicationSharingPolicy\":"
    "\"Shared\",\"computeInstanceAuthorizationType\":\"personal\"}}}";
static const char MACHINE[] = "{\"location\":\"local\",\"properties\":{\"computeType\":"
                              "\"VirtualMachine\",\"properties\":{\"sshPort\":22}}}";
static const char KUBERNETES[] = "{\"location\":\"local\",\"properties\":{\"computeType\":"
                                 "\"Kubernetes\",\"properties\":{\"namespace\":\"default\"}}}";
static const char SPARK[] =
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"SynapseSpark\",\"properties\":{}}}";

/* A small file beside the YAML, as base64 where `encoded`. A file that is not there is a problem.
 */
static int file_text(struct document *document, const char *path, bool encoded, struct str *out,
                     struct error *err)
{
    struct cli *cli = document->cli;
    struct str given = json_str_at(document->yaml.root, path);
    struct str local = document_path(cli, document, given);
    CLEANUP(fd_close) int fd = open(local.ptr, O_RDONLY | O_CLOEXEC);
    char *bytes = arena_alloc(cli->arena, SCRIPT_MAX);
    ssize_t got = fd < 0 ? 0 : fd_read_all(fd, bytes, SCRIPT_MAX, err);

    assert(given.len > 0);
    *out = (struct str){bytes, got < 0 ? 0 : (size_t)got};
    if (fd < 0)
        yaml_problem_add(&document->problems, document_place(document, path), "E1204",
                         "there is no file '%.*s'", STR_ARG(local));
    if (got < 0 || !encoded)
        return got < 0 ? -1 : 0;
    char *text = arena_alloc(cli->arena, (size_t)got / 3 * 4 + 8);
    int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)got);
    *out = (struct str){text, (size_t)len};
    return 0;
}

/* SSH of nodes, of an instance and of a machine stand in three places. */
static int finish_cluster(struct cli *cli, struct document *document, struct json *body,
                          struct error *err)
{
    static const struct field_row SSH[] = {
        {"ssh_settings.admin_username", INNER "userAccountCredentials.adminUserName", FIELD_SAME},
        {"ssh_settings.admin_password", INNER "userAccountCredentials.adminUserPassword",
         FIELD_SAME},
        {"ssh_settings.ssh_key_value", INNER "userAccountCredentials.adminUserSshPublicKey",
         FIELD_SAME},
    };
    const struct json *open = json_get(document->yaml.root, STR("ssh_public_access_enabled"));

    assert(body);
    fields_to_rest(cli->arena, SSH, COUNT(SSH), document->yaml.root, body);
    if (json_is_null(open))
        return 0;
    struct str word = fields_truth(open) ? STR("Enabled") : STR("Disabled");
    return json_put(cli->arena, body, INNER "remoteLoginPortPublicAccess",
                    json_text(cli->arena, word), err);
}

/* When an instance starts and stops by itself. */
static int put_start_stop(struct cli *cli, const struct json *root, struct json *body,
                          struct error *err)
{
    struct json *out = json_array(cli->arena);
    struct json_iter it = json_iter(json_at(root, "schedules.compute_start_stop"));

    assert(body);
    if (!json_at(root, "schedules.compute_start_stop"))
        return 0;
    while (json_next(&it)) {
        const struct json *trigger = json_get(it.value, STR("trigger"));
        bool cron = str_eq_fold(json_str_at(trigger, "type"), STR("cron"));
        struct json *one = json_object(cli->arena), *when = json_copy(cli->arena, trigger);
        json_remove(when, STR("type"));
        const struct field_row rows[] = {{"action", "action", FIELD_WORD},
                                         {"state", "status", FIELD_WORD}};
        fields_to_rest(cli->arena, rows, COUNT(rows), it.value, one);
        const struct field_row all = {"all", cron ? "cron" : "recurrence", FIELD_TREE};
        struct json *holder = json_object(cli->arena);
        json_set(cli->arena, holder, STR("all"), when);
        fields_to_rest(cli->arena, &all, 1, holder, one);
        struct json *frequency = json_at(one, "recurrence.frequency");
        if (frequency)
            json_put(cli->arena, one, "recurrence.frequency",
                     json_text(cli->arena, fields_pascal(cli->arena, json_as_str(frequency))), err);
        json_set_str(cli->arena, one, "triggerType", cron ? STR("Cron") : STR("Recurrence"));
        json_append(cli->arena, out, one);
    }
    return json_put(cli->arena, body, INNER "schedules.computeStartStop", out, err);
}

/* Scripts go along as they are: the server has no look at this machine. */
static int put_script(struct document *document, const char *yaml, const char *rest,
                      struct json *body, struct error *err)
{
    struct cli *cli = document->cli;
    struct json *from = json_at(document->yaml.root, yaml), *script = json_object(cli->arena);
    const char *path = arena_printf(cli->arena, "%s.path", yaml).ptr;
    struct str data;

    if (!from || !json_str_at(from, "path").len)
        return 0;
    if (file_text(document, path, true, &data, err) < 0)
        return -1;
    json_set_str(cli->arena, script, "scriptSource", STR("inline"));
    json_set_str(cli->arena, script, "scriptData", data);
    if (json_str_at(from, "command").len)
        json_set_str(cli->arena, script, "scriptArguments", json_str_at(from, "command"));
    int64_t minutes = fields_integer(json_get(from, STR("timeout_minutes")), 0);
    if (minutes > 0)
        json_set_str(cli->arena, script, "timeout",
                     arena_printf(cli->arena, "%lldm", (long long)minutes));
    return json_put(cli->arena, body, rest, script, err);
}

/* An instance is a desk: keys, scripts and hours of one person. */
static int finish_instance(struct cli *cli, struct document *document, struct json *body,
                           struct error *err)
{
    const struct json *root = document->yaml.root;
    struct str key = json_str_at(root, "ssh_settings.ssh_key_value");
    const struct json *open = json_get(root, STR("ssh_public_access_enabled"));

    assert(body);
    if (key.len && json_put(cli->arena, body, INNER "sshSettings.adminPublicKey",
                            json_text(cli->arena, key), err) < 0)
        return -1;
    if (!json_is_null(open) &&
        json_put(cli->arena, body, INNER "sshSettings.sshPublicAccess",
                 json_text(cli->arena, fields_truth(open) ? STR("Enabled") : STR("Disabled")),
                 err) < 0)
        return -1;
    if (put_start_stop(cli, root, body, err) < 0 ||
        put_script(document, "setup_scripts.creation_script",
                   INNER "setupScripts.scripts.creationScript", body, err) < 0)
        return -1;
    return put_script(document, "setup_scripts.startup_script",
                      INNER "setupScripts.scripts.startupScript", body, err);
}

/* A machine that is there already is reached by SSH; its key is read here, for the server has no
 * look at this disk. */
static int finish_machine(struct cli *cli, struct document *document, struct json *body,
                          struct error *err)
{
    static const struct field_row SSH[] = {
        {"ssh_settings.admin_username", INNER "administratorAccount.username", FIELD_SAME},
        {"ssh_settings.admin_password", INNER "administratorAccount.password", FIELD_SAME},
        {"ssh_settings.ssh_port", INNER "sshPort", FIELD_INTEGER},
    };
    struct str key;

    assert(body);
    fields_to_rest(cli->arena, SSH, COUNT(SSH), document->yaml.root, body);
    if (!json_str_at(document->yaml.root, "ssh_settings.ssh_private_key_file").len)
        return 0;
    if (file_text(document, "ssh_settings.ssh_private_key_file", false, &key, err) < 0)
        return -1;
    return json_put(cli->arena, body, INNER "administratorAccount.privateKeyData",
                    json_text(cli->arena, key), err);
}

/* One row a type. */
struct compute_type {
    const char *kind; /* of the file */
    const char *defaults;
    int (*finish)(struct cli *cli, struct document *document, struct json *body, struct error *err);
};
static const struct compute_type TYPES[] = {
    {"amlCompute", CLUSTER, finish_cluster},
    {"computeInstance", INSTANCE, finish_instance},
    {"virtualMachineCompute", MACHINE, finish_machine},
    {"kubernetesCompute", KUBERNETES, NULL},
    {"synapseSparkCompute", SPARK, NULL},
};

/* Several identities are a mapping by id on the wire. */
static int put_identities(struct cli *cli, const struct json *root, struct json *body,
                          struct error *err)
{
    struct json_iter it = json_iter(json_at(root, "identity.user_assigned_identities"));
    struct json *out = json_object(cli->arena);

    assert(body);
    while (json_next(&it)) {
        struct str id = json_as_str(it.value);
        json_set(cli->arena, out, id.len ? id : json_str_at(it.value, "resource_id"),
                 json_object(cli->arena));
    }
    return json_count(out) ? json_put(cli->arena, body, "identity.userAssignedIdentities", out, err)
                           : 0;
}

/* The defaults of the type come under what the rows have written already. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    const struct compute_type *type = &TYPES[0];

    for (size_t i = 0; document->kind && i < COUNT(TYPES); i++)
        if (str_eq(str_from(document->kind->name), str_from(TYPES[i].kind)))
            type = &TYPES[i];
    struct json *whole = json_parse(cli->arena, str_from(type->defaults), err);
    assert(whole);
    json_merge(cli->arena, whole, body);
    struct json_iter it = json_iter(whole);
    while (json_next(&it))
        json_set(cli->arena, body, it.key, json_copy(cli->arena, it.value));
    if (put_identities(cli, document->yaml.root, body, err) < 0)
        return -1;
    return type->finish ? type->finish(cli, document, body, err) : 0;
}

/* One duration has two keys; it is shown under the one that takes minutes where it is whole ones.
 */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str idle = json_str_at(rest, INNER "idleTimeBeforeShutdown");
    int64_t ms = fields_duration_ms(idle);

    assert(cli->arena && out);
    if (ms > 0 && ms % 60000 == 0)
        json_remove(out, STR("idle_time_before_shutdown"));
    else
        json_remove(out, STR("idle_time_before_shutdown_minutes"));
}

const struct resource_kind compute_resource = {
    .word = "compute",
    .type = "computes",
    .family = {"compute", "type", WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .finish = finish,
    .show = show,
};
