/* datastore_commands.c - datastore: named places of content. */
#include "cli/credentials.h"
#include "cli/resource.h"
#include "cli/session.h"

#include <assert.h>

static const char *const WORDS[] = {"azure_blob",
                                    "azureBlob",
                                    "azure_file",
                                    "azureFile",
                                    "azure_data_lake_gen1",
                                    "azureDataLakeGen1",
                                    "azure_data_lake_gen2",
                                    "azureDataLakeGen2",
                                    "one_lake",
                                    "oneLake",
                                    "hdfs",
                                    "hdfs",
                                    NULL};
static const char *const KEYS[] = {"name", NULL};
static const char *const COLUMNS[] = {
    "name", "Name", "type", "Kind", "target", "Target", "is_default", "Default", "credentials.type",
    "Auth", NULL};
static const struct field_row ROWS[] = {
    {"type", "properties.datastoreType", FIELD_WORD},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"account_name", "properties.accountName", FIELD_SAME},
    {"container_name", "properties.containerName", FIELD_SAME},
    {"file_share_name", "properties.fileShareName", FIELD_SAME},
    {"filesystem", "properties.filesystem", FIELD_SAME},
    {"store_name", "properties.storeName", FIELD_SAME},
    {"one_lake_workspace_name", "properties.oneLakeWorkspaceName", FIELD_SAME},
    {"artifact.name", "properties.artifact.artifactName", FIELD_SAME},
    {"artifact.type", "properties.artifact.artifactType", FIELD_WORD},
    {"name_node_address", "properties.nameNodeAddress", FIELD_SAME},
    {"hdfs_server_certificate", "properties.hdfsServerCertificate", FIELD_SAME},
    {"endpoint", "properties.endpoint", FIELD_SAME},
    {"protocol", "properties.protocol", FIELD_SAME},
};
static const struct field_row SHOWN[] = {
    {"is_default", "properties.isDefault", FIELD_SAME},
};

/* One column for what each type calls otherwise. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    static const char *const TARGETS[] = {"container_name", "file_share_name", "filesystem",
                                          "store_name",     "artifact.name",   "name_node_address"};

    credentials_show_datastore(cli, rest, out);
    for (size_t i = 0; cli->format == CLI_TABLE && i < COUNT(TARGETS); i++)
        if (json_str_at(out, TARGETS[i]).len)
            json_set_str(cli->arena, out, "target", json_str_at(out, TARGETS[i]));
}

/* A GET has no secrets: without them a PUT would say that there are none. */
static int complete(struct cli *cli, struct str id, struct json *body, struct error *err)
{
    struct json *secrets, *credentials = json_at(body, "properties.credentials");
    struct str type = json_str_at(credentials, "credentialsType");

    assert(id.len > 0);
    if (!type.len || str_eq_fold(type, STR("None")))
        return 0;
    struct str path = arena_printf(cli->arena, "%.*s/listSecrets", STR_ARG(id));
    if (session_post(cli, path, json_object(cli->arena), &secrets, err) < 0)
        return -1;
    json_set(cli->arena, credentials, STR("secrets"), secrets);
    return 0;
}

static const char *const READ_BY_FINISH[] = {"credentials", NULL};
static const struct resource_kind DATASTORE = {
    .word = "datastore",
    .type = "datastores",
    .family = {"datastore", "type", WORDS, NULL},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .finish = credentials_of_datastore,
    .finish_keys = READ_BY_FINISH,
    .show = show,
    .complete = complete,
    .columns = COLUMNS,
};

static const struct cli_flag CREATE[] = {RESOURCE_NEEDS_FILE, RESOURCE_ANY_NAME("datastore")};
static const struct cli_flag UPDATE[] = {RESOURCE_FILE, RESOURCE_ANY_NAME("datastore")};
static const struct cli_flag NAME[] = {RESOURCE_NAME("datastore")};
static const struct cli_flag LIST[] = {RESOURCE_MOST};
static const struct cli_flag MOUNT[] = {
    {"path", 0, CLI_VALUE, true, .help = "azureml:NAME or an azureml:// address"},
    {"mode", 0, CLI_VALUE, .fallback = "ro_mount", .help = "ro_mount or rw_mount"},
    {"mount-point", 0, CLI_VALUE, .help = "folder to mount on"},
    {"persistent", 0, CLI_SWITCH, .help = "mount again after a restart"},
};

static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("create", "from YAML: blob, file share, lake", CREATE, CLI_SCOPE | CLI_SET,
                 resource_create, DATASTORE, "datastore", " -f blob.yml"),
    RESOURCE_ROW("delete", "forget it; its data stays", NAME, CLI_SCOPE, resource_delete, DATASTORE,
                 "datastore", " -n blobs"),
    RESOURCE_ROW("list", "all of them", LIST, CLI_SCOPE, resource_list, DATASTORE, "datastore",
                 " --query \"[?is_default].name\" -o tsv"),
    RESOURCE_ROW("mount", "files of a datastore as a folder of this machine", MOUNT, CLI_SCOPE,
                 resource_not_built, DATASTORE, "datastore", " --path azureml:blobs"),
    RESOURCE_ROW("show", "one; secrets are never shown", NAME, CLI_SCOPE, resource_show, DATASTORE,
                 "datastore", " -n workspaceblobstore"),
    RESOURCE_ROW("update", "description and credentials", UPDATE, CLI_SCOPE | CLI_UPDATE,
                 resource_update, DATASTORE, "datastore",
                 " -n blobs --set description=\"raw pictures\""),
};

const struct cli_group datastore_group = {"datastore", "named places of content", COMMANDS,
                                          COUNT(COMMANDS)};
