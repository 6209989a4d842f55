/* asset_commands.c - data, environment and model: three rows of one thing, registered under a
 * name and a version. What differs is the body on the wire and a few flags. */
#include "cli/assets.h"
#include "cli/change.h"
#include "cli/command.h"
#include "cli/download.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

/* Data, environments and models differ in their bodies and in a few flags. */
struct asset_kind {
    const char *type; /* of the wire */
    const char *word; /* for sentences */
    struct document_family family;
    const char *const *flags;
    struct json *(*shape)(struct cli *cli, const struct json *rest);
    int (*body)(struct cli *cli, struct document *document, struct json **out, struct error *err);
    const struct change_rules *rules;
};

/* All else of a version is what others rely on. */
static const struct change_key ASSET_CHANGES[] = {{"description", "properties.description"},
                                                  {"tags", "properties.tags", true},
                                                  {"properties", "properties.properties", true},
                                                  {"stage", "properties.stage"}};
static const struct change_rules DATA_RULES = {"data asset", shape_data, ASSET_CHANGES, 3};
static const struct change_rules ENVIRONMENT_RULES = {"environment", shape_environment,
                                                      ASSET_CHANGES, 3};
static const struct change_rules MODEL_RULES = {"model", shape_model, ASSET_CHANGES, 4};

/* What registers an asset under its own name is not anonymous. */
static int environment_body(struct cli *cli, struct document *document, struct json **out,
                            struct error *err)
{
    assert(document);
    return assets_environment_body(document, "", false, out, err);
}

static int model_body(struct cli *cli, struct document *document, struct json **out,
                      struct error *err)
{
    assert(document);
    return assets_model_body(document, "", false, out, err);
}

static const char *const DATA_WORDS[] = {"uri_folder", "data", "uri_file", "data",
                                         "mltable",    "data", NULL};
static const char *const ENVIRONMENT_WORDS[] = {"", "environment", NULL};
static const char *const MODEL_WORDS[] = {
    "custom_model", "model", "mlflow_model", "model", "triton_model", "model", NULL};
static const char *const DATA_KEYS[] = {"name", "version",   "description", "path",
                                        "type", "datastore", NULL};
static const char *const ENVIRONMENT_KEYS[] = {"name",       "version", "description", "image",
                                               "conda-file", "os-type", NULL};
static const char *const MODEL_KEYS[] = {"name", "version", "description", "path",
                                         "type", "stage",   "datastore",   NULL};

static const struct asset_kind DATA = {
    "data",          "data asset", {"data asset", "type", DATA_WORDS, NULL}, DATA_KEYS, shape_data,
    shape_data_body, &DATA_RULES};
static const struct asset_kind ENVIRONMENT = {
    "environments",    "environment",     {"environment", NULL, ENVIRONMENT_WORDS, NULL},
    ENVIRONMENT_KEYS,  shape_environment, environment_body,
    &ENVIRONMENT_RULES};
static const struct asset_kind MODEL = {
    "models",   "model",     {"model", "type", MODEL_WORDS, NULL}, MODEL_KEYS, shape_model,
    model_body, &MODEL_RULES};

/* --build-context and --dockerfile-path stand for the keys of `build`. */
static void take_build(struct cli *cli, struct document *document)
{
    struct json *build = json_object(cli->arena);

    assert(document->yaml.root);
    if (!cli_has(cli, "build-context"))
        return;
    json_set_str(cli->arena, build, "path", cli_text(cli, "build-context"));
    json_set_str(cli->arena, build, "dockerfile_path", cli_text(cli, "dockerfile-path"));
    json_set(cli->arena, document->yaml.root, STR("build"), build);
}

/* Every problem of the file is known before the first byte is sent. */
static int create(struct cli *cli, const struct asset_kind *kind, struct error *err)
{
    struct document document;
    struct json *body = NULL, *reply;

    assert(kind->body && kind->shape);
    if (document_read(cli, &kind->family, kind->flags, &document, err) < 0)
        return -1;
    take_build(cli, &document);
    document_check(cli, &document);
    if (document.problems.errors)
        return document_report(cli, &document, err);
    struct str name = json_str_at(document.yaml.root, "name");
    struct str version =
        yaml_literal_text(cli->arena, json_get(document.yaml.root, STR("version")));
    if (!name.len)
        yaml_problem_add(&document.problems, document_place(&document, ""), "E1102",
                         "'name' is missing in a %s", kind->word);
    if (session_open(cli, err) < 0 || kind->body(cli, &document, &body, err) < 0 ||
        document_report(cli, &document, err) < 0)
        return -1;
    if (!version.len && assets_next_version(cli, kind->type, name, &version, err) < 0)
        return -1;
    if (session_put(cli, session_version_id(cli, kind->type, name, version), body, &reply, err) < 0)
        return document_blame(cli, &document, err);
    return cli_result(cli, kind->shape(cli, reply), err);
}

/* --version, --label latest, or nothing: then *out is "". */
static int version_asked(struct cli *cli, const struct asset_kind *kind, struct str *out,
                         struct error *err)
{
    struct str label = cli_text(cli, "label");

    assert(kind->type);
    *out = cli_text(cli, "version");
    if (out->len && label.len) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "--version and --label exclude each other.");
    }
    if (label.len && !str_eq_fold(label, STR("latest"))) {
        cli->usage = true;
        return error_set(err, ERROR_INVALID, "", "The only label is latest.");
    }
    if (out->len || !label.len)
        return 0;
    return assets_latest(cli, kind->type, cli_text(cli, "name"), out, err);
}

static int show(struct cli *cli, const struct asset_kind *kind, struct error *err)
{
    struct str name = cli_text(cli, "name"), version;
    struct json *reply;

    assert(kind->shape);
    if (session_open(cli, err) < 0 || version_asked(cli, kind, &version, err) < 0)
        return -1;
    struct str id = version.len ? session_version_id(cli, kind->type, name, version)
                                : session_id(cli, kind->type, name);
    if (session_get(cli, id, &reply, err) < 0)
        return -1;
    return cli_result(cli, kind->shape(cli, reply), err);
}

static const char *const CONTAINER_COLUMNS[] = {"name",
                                                "Name",
                                                "latest version",
                                                "Version (latest)",
                                                "creation_context.created_at",
                                                "Created",
                                                "creation_context.created_by",
                                                "By",
                                                NULL};
static const char *const VERSION_COLUMNS[] = {"version",
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

/* Names with their latest version, or with -n the versions of one. */
static int list(struct cli *cli, const struct asset_kind *kind, struct error *err)
{
    const char *view = cli_has(cli, "archived-only")      ? "ArchivedOnly"
                       : cli_has(cli, "include-archived") ? "All"
                                                          : "ActiveOnly";
    struct str name = cli_text(cli, "name");
    struct json *all;

    assert(kind->shape);
    if (session_open(cli, err) < 0)
        return -1;
    struct str path =
        name.len
            ? arena_printf(cli->arena, "%.*s/versions", STR_ARG(session_id(cli, kind->type, name)))
            : arena_printf(cli->arena, "%.*s/%s", STR_ARG(session_workspace(cli)), kind->type);
    path = arena_printf(cli->arena, "%.*s?listViewType=%s", STR_ARG(path), view);
    if (session_list(cli, path, (size_t)cli_number(cli, "max-results", 0), &all, err) < 0)
        return -1;
    cli->columns = name.len ? VERSION_COLUMNS : CONTAINER_COLUMNS;
    return cli_result(cli, shape_all(cli, all, kind->shape), err);
}

/* The one version that was named, or the name as a whole. */
static int named_id(struct cli *cli, const struct asset_kind *kind, struct str *out,
                    struct error *err)
{
    struct str name = cli_text(cli, "name"), version;

    if (session_open(cli, err) < 0 || version_asked(cli, kind, &version, err) < 0)
        return -1;
    *out = version.len ? session_version_id(cli, kind->type, name, version)
                       : session_id(cli, kind->type, name);
    return 0;
}

static int update(struct cli *cli, const struct asset_kind *kind, struct error *err)
{
    struct str id;

    assert(kind->rules);
    return named_id(cli, kind, &id, err) < 0 ? -1 : change_resource(cli, kind->rules, id, err);
}

static int set_archived(struct cli *cli, const struct asset_kind *kind, bool archived,
                        struct error *err)
{
    struct str id;

    assert(kind->type);
    return named_id(cli, kind, &id, err) < 0 ? -1 : change_archived(cli, id, archived, err);
}

#define KIND_COMMANDS(word, kind)                                       \
    static int run_##word##_create(struct cli *cli, struct error *err)  \
    {                                                                   \
        return create(cli, &kind, err);                                 \
    }                                                                   \
    static int run_##word##_show(struct cli *cli, struct error *err)    \
    {                                                                   \
        return show(cli, &kind, err);                                   \
    }                                                                   \
    static int run_##word##_list(struct cli *cli, struct error *err)    \
    {                                                                   \
        return list(cli, &kind, err);                                   \
    }                                                                   \
    static int run_##word##_update(struct cli *cli, struct error *err)  \
    {                                                                   \
        return update(cli, &kind, err);                                 \
    }                                                                   \
    static int run_##word##_archive(struct cli *cli, struct error *err) \
    {                                                                   \
        return set_archived(cli, &kind, true, err);                     \
    }                                                                   \
    static int run_##word##_restore(struct cli *cli, struct error *err) \
    {                                                                   \
        return set_archived(cli, &kind, false, err);                    \
    }

KIND_COMMANDS(data, DATA)
KIND_COMMANDS(environment, ENVIRONMENT)
KIND_COMMANDS(model, MODEL)

static int run_model_download(struct cli *cli, struct error *err)
{
    struct str name = cli_text(cli, "name"), base = cli_text(cli, "download-path");
    struct download fetch = {0};
    struct json *model;

    if (session_open(cli, err) < 0 ||
        session_get(cli, session_version_id(cli, "models", name, cli_text(cli, "version")), &model,
                    err) < 0)
        return -1;
    struct str uri = json_str_at(model, "properties.modelUri");
    if (!download_place(uri, &fetch.datastore, &fetch.prefix))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "The model lies at '%.*s', which cannot be downloaded.", STR_ARG(uri));
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

#define CREATE_COMMON                                                              \
    {"file", 'f', CLI_VALUE, .help = "the YAML file; - reads standard input"},     \
        {"name", 'n', CLI_VALUE, .help = "name of the asset"},                     \
        {"version", 'v', CLI_VALUE, .help = "version (default: the next number)"}, \
        {"tags", 0, CLI_LIST, .help = "KEY=VALUE…"}

static const struct cli_flag DATA_CREATE[] = {
    CREATE_COMMON,
    {"description", 'd', CLI_VALUE, .help = "what it is"},
    {"path", 'p', CLI_VALUE, .help = "local path, datastore path or web address"},
    {"type", 't', CLI_VALUE, .choices = "uri_file|uri_folder|mltable", .help = "what it is"},
    {"datastore", 0, CLI_VALUE, .help = "where local content goes"},
    {"skip-validation", 0, CLI_SWITCH, .help = "for scripts of az; changes nothing",
     .idle = "the checks are quick and stay"},
};
static const struct cli_flag ENVIRONMENT_CREATE[] = {
    CREATE_COMMON,
    {"description", 0, CLI_VALUE, .help = "what it is"},
    {"image", 'i', CLI_VALUE, .help = "container image"},
    {"conda-file", 'c', CLI_VALUE, .help = "conda file over the image"},
    {"build-context", 'b', CLI_VALUE, .help = "folder with a Dockerfile"},
    {"dockerfile-path", 'd', CLI_VALUE, .fallback = "Dockerfile", .help = "in the build context"},
    {"os-type", 0, CLI_VALUE, .choices = "linux|windows", .help = "operating system of the image"},
    {"datastore", 0, CLI_VALUE, .help = "where local content goes"},
};
static const struct cli_flag MODEL_CREATE[] = {
    CREATE_COMMON,
    {"description", 0, CLI_VALUE, .help = "what it is"},
    {"path", 'p', CLI_VALUE, .help = "local path, datastore path, job output or run address"},
    {"type", 't', CLI_VALUE, .choices = "custom_model|mlflow_model|triton_model",
     .help = "form of the model"},
    {"stage", 's', CLI_VALUE, .help = "such as Development or Production"},
    {"datastore", 0, CLI_VALUE, .help = "where local content goes"},
};
static const struct cli_flag SHOW_FLAGS[] = {
    {"name", 'n', CLI_VALUE, true, .help = "name of the asset"},
    {"version", 'v', CLI_VALUE, .help = "its version"},
    {"label", 'l', CLI_VALUE, .help = "latest, in place of a version"},
};
static const struct cli_flag LIST_FLAGS[] = {
    {"name", 'n', CLI_VALUE, .help = "versions of this one"},
    {"max-results", 'r', CLI_NUMBER, .help = "at most so many"},
};
static const struct cli_flag DOWNLOAD_FLAGS[] = {
    {"name", 'n', CLI_VALUE, true, .help = "name of the model"},
    {"version", 'v', CLI_VALUE, true, .help = "its version"},
    {"download-path", 'p', CLI_VALUE, .fallback = ".",
     .help = "folder; one named after the model is made in it"},
};

#define SHOW_AND_LIST(group, word)                                                              \
    {"show",                                                                                    \
     "one version",                                                                             \
     SHOW_FLAGS,                                                                                \
     COUNT(SHOW_FLAGS),                                                                         \
     CLI_SCOPE,                                                                                 \
     run_##word##_show,                                                                         \
     .examples = {"lazurite " group " show -n NAME -v 1",                                       \
                  "lazurite " group " show -n NAME -l latest -o yaml"}},                        \
        {"list",                                                                                \
         "names, or versions with -n",                                                          \
         LIST_FLAGS,                                                                            \
         COUNT(LIST_FLAGS),                                                                     \
         CLI_SCOPE | CLI_ARCHIVE,                                                               \
         run_##word##_list,                                                                     \
         .examples = {"lazurite " group " list -o table", "lazurite " group " list -n NAME"}},  \
        {"update",                                                                              \
         "description, tags and properties of a version",                                       \
         SHOW_FLAGS,                                                                            \
         COUNT(SHOW_FLAGS),                                                                     \
         CLI_SCOPE | CLI_UPDATE,                                                                \
         run_##word##_update,                                                                   \
         .examples = {"lazurite " group " update -n NAME -v 1 --set tags.kept=yes",             \
                      "lazurite " group                                                         \
                      " update -n NAME -v 1 --set description=\"the good one\""}},              \
        {"archive",                                                                             \
         "hide from lists: one version, or all",                                                \
         SHOW_FLAGS,                                                                            \
         COUNT(SHOW_FLAGS),                                                                     \
         CLI_SCOPE,                                                                             \
         run_##word##_archive,                                                                  \
         .text = true,                                                                          \
         .examples = {"lazurite " group " archive -n NAME -v 1",                                \
                      "lazurite " group " archive -n NAME"}},                                   \
    {                                                                                           \
        "restore", "show again: one version, or all without -v", SHOW_FLAGS, COUNT(SHOW_FLAGS), \
            CLI_SCOPE, run_##word##_restore, .text = true,                                      \
            .examples = {"lazurite " group " restore -n NAME -v 1",                             \
                         "lazurite " group " restore -n NAME"}                                  \
    }

static const struct cli_command DATA_COMMANDS[] = {
    {"create", "register a file, folder or table", DATA_CREATE, COUNT(DATA_CREATE),
     CLI_SCOPE | CLI_SET, run_data_create,
     .examples = {"lazurite data create -f data.yml",
                  "lazurite data create -n iris -t uri_file -p iris.csv"}},
    SHOW_AND_LIST("data", data),
};
static const struct cli_command ENVIRONMENT_COMMANDS[] = {
    {"create", "from image, image and conda, or build context", ENVIRONMENT_CREATE,
     COUNT(ENVIRONMENT_CREATE), CLI_SCOPE | CLI_SET, run_environment_create,
     .examples = {"lazurite environment create -f env.yml",
                  "lazurite environment create -n e -i ubuntu:22.04 -c conda.yml"}},
    SHOW_AND_LIST("environment", environment),
};
static const struct cli_command MODEL_COMMANDS[] = {
    {"create", "register from a path, a job output or a run", MODEL_CREATE, COUNT(MODEL_CREATE),
     CLI_SCOPE | CLI_SET, run_model_create,
     .examples =
         {"lazurite model create -f model.yml",
          "lazurite model create -n m -t mlflow_model -p azureml://jobs/JOB/outputs/model/paths/"}},
    SHOW_AND_LIST("model", model),
    {"download", "fetch the files", DOWNLOAD_FLAGS, COUNT(DOWNLOAD_FLAGS), CLI_SCOPE,
     run_model_download, .text = true,
     .examples = {"lazurite model download -n m -v 1",
                  "lazurite model download -n m -v 1 -p /tmp"}},
};

const struct cli_group data_group = {"data", "files, folders and tables with versions",
                                     DATA_COMMANDS, COUNT(DATA_COMMANDS)};
const struct cli_group environment_group = {"environment", "what jobs and deployments run in",
                                            ENVIRONMENT_COMMANDS, COUNT(ENVIRONMENT_COMMANDS)};
const struct cli_group model_group = {"model", "trained models with versions", MODEL_COMMANDS,
                                      COUNT(MODEL_COMMANDS)};
