/* asset_commands.c - data, environment and model: what jobs read, run in and leave, registered
 * under a name and a version. What differs are rows, the way their content is sent, and a few
 * flags. */
#include "cli/assets.h"
#include "cli/command.h"
#include "cli/download.h"
#include "cli/listing.h"
#include "cli/progress.h"
#include "cli/resource.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "cli/storage.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

static const char *const COLUMNS[] = {"name",
                                      "Name",
                                      "version",
                                      "Version",
                                      "type",
                                      "Type",
                                      "stage",
                                      "Stage",
                                      "creation_context.created_at",
                                      "Created",
                                      "creation_context.created_by",
                                      "By",
                                      NULL};

/* Everything but this of a version is what others rely on. */
#define ABOUT                                              \
    {"description", "properties.description", FIELD_SAME}, \
        {"tags", "properties.tags", FIELD_TEXTS},          \
    {                                                      \
        "properties", "properties.properties", FIELD_TEXTS \
    }

/* A list of names shows the latest version of each. */
static void show_latest(struct cli *cli, struct json *out)
{
    assert(out);
    if (cli->format == CLI_TABLE && !json_str_at(out, "version").len)
        json_set_str(cli->arena, out, "version", json_str_at(out, "latest version"));
}

/* What a body function made, into the body that the rows began. */
static void take_over(struct cli *cli, const struct json *made, struct json *body)
{
    if (made)
        json_merge(cli->arena, body, made);
}

static const char *const DATA_WORDS[] = {"uri_folder", "data", "uri_file", "data",
                                         "mltable",    "data", NULL};
static const char *const DATA_KEYS[] = {"name", "version",   "description", "path",
                                        "type", "datastore", NULL};
static const struct field_row DATA_ROWS[] = {ABOUT};
static const struct field_row DATA_SHOWN[] = {
    {"type", "properties.dataType", FIELD_LOWER},
    {"path", "properties.dataUri", FIELD_SAME},
};

/* Local content is sent on the way: the address in the body is the server's. */
static int finish_data(struct cli *cli, struct document *document, struct json *body,
                       struct error *err)
{
    struct json *made = NULL;

    if (shape_data_body(cli, document, &made, err) < 0)
        return -1;
    take_over(cli, made, body);
    return 0;
}

static void show_data(struct cli *cli, const struct json *rest, struct json *out)
{
    assert(rest);
    show_latest(cli, out);
}

static const struct resource_kind DATA = {
    .word = "data asset",
    .type = "data",
    .versioned = true,
    .family = {"data asset", "type", DATA_WORDS, NULL},
    .keys = DATA_KEYS,
    .rows = DATA_ROWS,
    .row_count = COUNT(DATA_ROWS),
    .shown = DATA_SHOWN,
    .shown_count = COUNT(DATA_SHOWN),
    .finish = finish_data,
    .show = show_data,
    .columns = COLUMNS,
};

static const char *const ENVIRONMENT_WORDS[] = {"", "environment", NULL};
static const char *const ENVIRONMENT_KEYS[] = {"name",
                                               "version",
                                               "description",
                                               "image",
                                               "conda-file",
                                               "os-type",
                                               "build-context=build.path",
                                               "dockerfile-path=build.dockerfile_path",
                                               NULL};
static const struct field_row ENVIRONMENT_ROWS[] = {ABOUT};
static const struct field_row ENVIRONMENT_SHOWN[] = {
    {"image", "properties.image", FIELD_SAME},
    {"os_type", "properties.osType", FIELD_WORD},
    {"build", "properties.build", FIELD_TREE},
    {"build_state", "properties.buildState", FIELD_SAME},
    {"inference_config", "properties.inferenceConfig", FIELD_TREE},
};

/* What registers an asset under its own name is not anonymous. */
static int finish_environment(struct cli *cli, struct document *document, struct json *body,
                              struct error *err)
{
    struct json *made = NULL;

    if (assets_environment_body(document, "", false, &made, err) < 0)
        return -1;
    take_over(cli, made, body);
    return 0;
}

/* The conda file is text on the wire and a mapping in a file. */
static void show_environment(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str conda = json_str_at(rest, "properties.condaFile");
    struct yaml parsed;
    struct error ignored;

    assert(out);
    if (conda.len && yaml_parse(cli->arena, conda, &parsed, &ignored) == 0)
        json_set(cli->arena, out, STR("conda_file"), parsed.root);
    show_latest(cli, out);
}

static const struct resource_kind ENVIRONMENT = {
    .word = "environment",
    .type = "environments",
    .versioned = true,
    .family = {"environment", NULL, ENVIRONMENT_WORDS, NULL},
    .keys = ENVIRONMENT_KEYS,
    .rows = ENVIRONMENT_ROWS,
    .row_count = COUNT(ENVIRONMENT_ROWS),
    .shown = ENVIRONMENT_SHOWN,
    .shown_count = COUNT(ENVIRONMENT_SHOWN),
    .finish = finish_environment,
    .show = show_environment,
    .columns = COLUMNS,
};

static const char *const MODEL_WORDS[] = {
    "custom_model", "model", "mlflow_model", "model", "triton_model", "model", NULL};
static const char *const MODEL_KEYS[] = {"name", "version", "description", "path",
                                         "type", "stage",   "datastore",   NULL};
static const struct field_row MODEL_ROWS[] = {
    ABOUT,
    {"stage", "properties.stage", FIELD_SAME},
    {"flavors", "properties.flavors", FIELD_SAME},
};
static const struct field_row MODEL_SHOWN[] = {
    {"type", "properties.modelType", FIELD_LOWER},
    {"path", "properties.modelUri", FIELD_SAME},
    {"job_name", "properties.jobName", FIELD_SAME},
};

/* As for data, but a model may also be named by a job or run, which the server resolves. */
static int finish_model(struct cli *cli, struct document *document, struct json *body,
                        struct error *err)
{
    struct json *made = NULL;

    if (assets_model_body(document, "", false, &made, err) < 0)
        return -1;
    take_over(cli, made, body);
    return 0;
}

static const struct resource_kind MODEL = {
    .word = "model",
    .type = "models",
    .versioned = true,
    .family = {"model", "type", MODEL_WORDS, NULL},
    .keys = MODEL_KEYS,
    .rows = MODEL_ROWS,
    .row_count = COUNT(MODEL_ROWS),
    .shown = MODEL_SHOWN,
    .shown_count = COUNT(MODEL_SHOWN),
    .finish = finish_model,
    .show = show_data,
    .columns = COLUMNS,
};

/* Without a request for it: a stage is asked for by the server's filter of versions. */
static struct json *of_wanted_stage(struct cli *cli, const struct json *rest)
{
    struct str stage = cli_text(cli, "stage");

    if (stage.len && !str_eq_fold(stage, json_str_at(rest, "properties.stage")))
        return NULL;
    return resource_shape(cli, rest);
}

/* Stages are of versions: for a name as a whole there is no stage to ask for. */
static int run_model_list(struct cli *cli, struct error *err)
{
    if (!cli_has(cli, "stage"))
        return resource_list(cli, err);
    if (!cli_text(cli, "name").len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "",
                         "--stage is of versions; it wants --name beside it.");
    }
    if (session_open(cli, err) < 0)
        return -1;
    struct str id = resource_id(cli, &MODEL, cli_text(cli, "name"));
    struct str path = listing_view(cli, arena_printf(cli->arena, "%.*s/versions", STR_ARG(id)));
    struct listing listing = {path, listing_most(cli), of_wanted_stage, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* The registry makes its own copy of what the workspace has: the same request as the SDK's. */
static int run_share(struct cli *cli, struct error *err)
{
    const struct resource_kind *kind = cli->arguments.command->kind;
    struct str name = cli_text(cli, "name"), version = cli_text(cli, "version"), registry;
    struct json *workspace, *body = json_object(cli->arena), *reply;

    if (session_open(cli, err) < 0 ||
        session_get(cli, session_version_id(cli, kind->type, name, version), NULL, err) < 0 ||
        session_get(cli, session_workspace(cli), &workspace, err) < 0 ||
        session_registry(cli, cli_text(cli, "registry-name"), &registry, err) < 0)
        return -1;
    struct str source =
        arena_printf(cli->arena, "azureml://locations/%.*s/workspaces/%.*s/%s/%.*s/versions/%.*s",
                     STR_ARG(json_str_at(workspace, "location")),
                     STR_ARG(json_str_at(workspace, "properties.workspaceId")), kind->type,
                     STR_ARG(name), STR_ARG(version));
    struct json *about = json_object(cli->arena);
    json_set_str(cli->arena, about, "referenceType", STR("Id"));
    json_set_str(cli->arena, about, "destinationName", cli_text(cli, "share-with-name"));
    json_set_str(cli->arena, about, "destinationVersion", cli_text(cli, "share-with-version"));
    json_set_str(cli->arena, about, "sourceAssetId", source);
    json_set(cli->arena, body, STR("properties"), about);
    struct str import = arena_printf(cli->arena, "%.*s/import", STR_ARG(registry));
    if (session_change(cli, &(struct session_write){"POST", import, body, "Sharing"}, NULL, err) <
        0)
        return -1;
    struct str id = arena_printf(cli->arena, "%.*s/%s/%.*s/versions/%.*s", STR_ARG(registry),
                                 kind->type, STR_ARG(cli_text(cli, "share-with-name")),
                                 STR_ARG(cli_text(cli, "share-with-version")));
    if (session_get(cli, id, &reply, err) < 0)
        return -1;
    return cli_result(cli, resource_shape(cli, reply), err);
}

/* --- model download -----------------------------------------------------------------------------
 */

/* A workspace's models lie in its datastores, a registry's in containers that it signs for. */
static int find_content(struct cli *cli, struct str uri, struct download *fetch,
                        struct storage *storage, struct error *err)
{
    struct str name = cli_text(cli, "name"), version = cli_text(cli, "version");

    if (session_scope(cli)->registry.len)
        return storage_open_registry(cli, &(struct storage_asset){MODEL.type, name, version, uri},
                                     storage, &fetch->prefix, err);
    if (download_place(uri, &fetch->datastore, &fetch->prefix))
        return storage_open(cli, fetch->datastore, storage, err);
    return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                     "The model lies at '%.*s', which cannot be downloaded.", STR_ARG(uri));
}

/* Into a folder named after the model, so that two models never mix. */
static int run_model_download(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name"), base = cli_text(cli, "download-path");
    struct download fetch = {0};
    struct storage storage;
    struct json *model;

    if (session_open(cli, err) < 0 || session_get(cli, resource_named(cli), &model, err) < 0)
        return -1;
    struct str uri = json_str_at(model, "properties.modelUri");
    if (find_content(cli, uri, &fetch, &storage, err) < 0)
        return -1;
    fetch.storage = &storage;
    /* The model's own folder or file keeps its name below one named after the model. */
    while (str_ends(fetch.prefix, STR("/")))
        fetch.prefix.len--;
    struct str whole = fetch.prefix;
    ssize_t slash = str_find_last(whole, '/');
    struct str last = str_slice(whole, (size_t)(slash + 1), whole.len);
    fetch.folder = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(name));
    if (str_find_char(last, '.') < 0)
        fetch.folder = arena_printf(cli->arena, "%.*s/%.*s", STR_ARG(fetch.folder), STR_ARG(last));
    if (download_prefix(cli, &fetch, err) < 0)
        return -1;
    if (!fetch.files)
        return error_set(err, ERROR_NOT_FOUND, "", "Model '%.*s' has no files at %.*s.",
                         STR_ARG(name), STR_ARG(uri));
    cli_note(cli, "Downloaded %zu file%s, %.*s, to %.*s", fetch.files, fetch.files == 1 ? "" : "s",
             STR_ARG(progress_bytes(cli->arena, fetch.bytes)), STR_ARG(fetch.folder));
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

#define CREATE_COMMON                                                              \
    RESOURCE_FILE, RESOURCE_ANY_NAME("asset"), RESOURCE_TAGS,                      \
        {"version", 'v', CLI_VALUE, .help = "version (default: the next number)"}, \
        {"datastore", 0, CLI_VALUE, .help = "where local content goes"}
#define SKIP                                                                         \
    {"skip-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing", \
     .idle = "the checks are quick and stay"}

static const struct cli_flag DATA_CREATE[] = {
    CREATE_COMMON,
    SKIP,
    RESOURCE_TEXT("description", 'd', "what it is"),
    RESOURCE_TEXT("path", 'p', "local path, datastore path or web address"),
    {"type", 't', CLI_VALUE, .choices = "uri_file|uri_folder|mltable", .help = "what it is"},
};
static const struct cli_flag ENVIRONMENT_CREATE[] = {
    CREATE_COMMON,
    RESOURCE_TEXT("description", 0, "what it is"),
    RESOURCE_TEXT("image", 'i', "container image"),
    RESOURCE_TEXT("conda-file", 'c', "conda file over the image"),
    RESOURCE_TEXT("build-context", 'b', "folder with a Dockerfile"),
    {"dockerfile-path", 'd', CLI_VALUE, .help = "in the build context (default Dockerfile)"},
    {"os-type", 0, CLI_VALUE, .choices = "linux|windows", .help = "operating system of the image"},
};
static const struct cli_flag MODEL_CREATE[] = {
    CREATE_COMMON,
    RESOURCE_TEXT("description", 0, "what it is"),
    RESOURCE_TEXT("path", 'p', "local path, datastore path, job output or run address"),
    {"type", 't', CLI_VALUE, .choices = "custom_model|mlflow_model|triton_model",
     .help = "form of the model"},
    RESOURCE_TEXT("stage", 's', "such as Development or Production"),
};
static const struct cli_flag NAMED[] = {
    RESOURCE_NAME("asset"),
    {"version", 'v', CLI_VALUE, .help = "its version"},
    {"label", 'l', CLI_VALUE, .choices = "latest", .help = "in place of a version"},
};
static const struct cli_flag MODEL_UPDATE[] = {
    RESOURCE_NAME("model"),
    {"version", 'v', CLI_VALUE, .help = "its version"},
    {"label", 'l', CLI_VALUE, .choices = "latest", .help = "in place of a version"},
    RESOURCE_TEXT("stage", 's', "such as Development or Production"),
};
static const struct cli_flag LIST[] = {{"name", 'n', CLI_VALUE, .help = "versions of this one"},
                                       RESOURCE_MOST};
static const struct cli_flag MODEL_LIST[] = {
    {"name", 'n', CLI_VALUE, .help = "versions of this one"},
    RESOURCE_MOST,
    RESOURCE_TEXT("stage", 's', "only versions of this stage")};
static const struct cli_flag SHARE[] = {
    RESOURCE_NAME("asset"),
    RESOURCE_VERSION,
    {"registry-name", 0, CLI_VALUE, true, .help = "the registry that gets a copy"},
    {"share-with-name", 0, CLI_VALUE, true, .help = "name of the copy"},
    {"share-with-version", 0, CLI_VALUE, true, .help = "version of the copy"},
};
static const struct cli_flag DOWNLOAD[] = {
    RESOURCE_NAME("model"),
    RESOURCE_VERSION,
    {"download-path", 'p', CLI_VALUE, .fallback = ".",
     .help = "folder; one named after the model is made in it"},
};
static const struct cli_flag PACKAGE[] = {RESOURCE_NAME("model"), RESOURCE_VERSION,
                                          RESOURCE_NEEDS_FILE};
static const struct cli_flag MATERIALIZATION[] = {
    {"name", 'p', CLI_VALUE, .help = "name of the data asset"},
    {"max-results", 'r', CLI_NUMBER, .fallback = "50", .help = "at most so many"},
    {"all-results", 0, CLI_SWITCH, .help = "all of them"},
};
static const struct cli_flag MOUNT[] = {
    {"path", 0, CLI_VALUE, true, .help = "azureml:NAME:VERSION or an azureml:// address"},
    {"mode", 0, CLI_VALUE, .fallback = "ro_mount", .help = "ro_mount or rw_mount"},
    {"mount-point", 0, CLI_VALUE, .help = "folder to mount on"},
    {"persistent", 0, CLI_SWITCH, .help = "mount again after a restart"},
};

#define ANYWHERE (CLI_SCOPE | CLI_REGISTRY)
#define CREATES (ANYWHERE | CLI_SET | CLI_WAIT)
#define COMMON(group, subject, update_flags)                                                       \
    RESOURCE_ROW("archive", "hide from lists: one version, or all", NAMED, ANYWHERE,               \
                 resource_archive, subject, group, " -n NAME -v 1"),                               \
        RESOURCE_ROW("restore", "show again: one version, or all without -v", NAMED, ANYWHERE,     \
                     resource_restore, subject, group, " -n NAME -v 1"),                           \
        RESOURCE_ROW("share", "copy into a registry", SHARE, CLI_SCOPE, run_share, subject, group, \
                     " -n NAME -v 1 --registry-name shared --share-with-name NAME"                 \
                     " --share-with-version 1"),                                                   \
        RESOURCE_ROW("show", "one version", NAMED, ANYWHERE, resource_show, subject, group,        \
                     " -n NAME -l latest -o yaml"),                                                \
        RESOURCE_ROW("update", "description, tags and properties of a version", update_flags,      \
                     ANYWHERE | CLI_UPDATE, resource_update, subject, group,                       \
                     " -n NAME -v 1 --set tags.kept=yes")

static const struct cli_command DATA_COMMANDS[] = {
    RESOURCE_ROW("create", "register a file, folder or table", DATA_CREATE, CREATES,
                 resource_create, DATA, "data", " -n iris -t uri_file -p iris.csv"),
    RESOURCE_ROW("import", "data from a database or S3 by a connection", DATA_CREATE, CREATES,
                 resource_not_built, DATA, "data", " -f import.yml"),
    RESOURCE_ROW("list", "names, or versions with -n", LIST, ANYWHERE | CLI_ARCHIVE, resource_list,
                 DATA, "data", " -o table"),
    RESOURCE_ROW("list-materialization-status", "state of runs that import data", MATERIALIZATION,
                 CLI_SCOPE | CLI_ARCHIVE, resource_not_built, DATA, "data", " -p NAME"),
    RESOURCE_ROW("mount", "a data asset as a folder of this machine", MOUNT, CLI_SCOPE,
                 resource_not_built, DATA, "data", " --path azureml:iris:1"),
    COMMON("data", DATA, NAMED),
};
static const struct cli_command ENVIRONMENT_COMMANDS[] = {
    RESOURCE_ROW("create", "from image, image and conda, or build context", ENVIRONMENT_CREATE,
                 CREATES, resource_create, ENVIRONMENT, "environment",
                 " -n e -i ubuntu:22.04 -c conda.yml"),
    RESOURCE_ROW("list", "names, or versions with -n", LIST, ANYWHERE | CLI_ARCHIVE, resource_list,
                 ENVIRONMENT, "environment", " -o table"),
    COMMON("environment", ENVIRONMENT, NAMED),
};
static const struct cli_command MODEL_COMMANDS[] = {
    RESOURCE_ROW("create", "register from a path, a job output or a run", MODEL_CREATE, CREATES,
                 resource_create, MODEL, "model",
                 " -n m -t mlflow_model -p azureml://jobs/JOB/outputs/model/paths/"),
    {"download", "fetch the files", DOWNLOAD, COUNT(DOWNLOAD), ANYWHERE, run_model_download,
     .text = true, .kind = &MODEL,
     .examples = {"lazurite model download -n m -v 1",
                  "lazurite model download -n m -v 1 -p /tmp"}},
    RESOURCE_ROW("list", "names, or versions with -n", MODEL_LIST, ANYWHERE | CLI_ARCHIVE,
                 run_model_list, MODEL, "model", " -o table"),
    RESOURCE_ROW("package", "model and environment as one image", PACKAGE, ANYWHERE,
                 resource_not_built, MODEL, "model", " -n m -v 1 -f package.yml"),
    COMMON("model", MODEL, MODEL_UPDATE),
};

const struct cli_group data_group = {"data", "files, folders and tables with versions",
                                     DATA_COMMANDS, COUNT(DATA_COMMANDS)};
const struct cli_group environment_group = {"environment", "what jobs and deployments run in",
                                            ENVIRONMENT_COMMANDS, COUNT(ENVIRONMENT_COMMANDS)};
const struct cli_group model_group = {"model", "trained models with versions", MODEL_COMMANDS,
                                      COUNT(MODEL_COMMANDS)};
