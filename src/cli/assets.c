/* assets.c - From what a file names to what the wire wants. Everything wrong becomes a problem
 * with its place in the file, so that all of them are told at once. */
#include "cli/assets.h"
#include "cli/fields.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "cli/storage.h"
#include "cli/transfer.h"
#include "http/text.h"
#include "os/file.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STORE STR("workspaceblobstore")

/* A problem at a path of the document. */
static int problem(struct document *document, const char *path, const char *code,
                   struct str message, struct str fix)
{
    assert(document && code);

    struct yaml_problem *made = yaml_problem_add(
        &document->problems, document_place(document, path), code, "%.*s", STR_ARG(message));
    made->fix = fix;
    return 0;
}

/* The container keeps the number: one question, however many versions there are. */
int assets_latest(struct cli *cli, const char *type, struct str name, struct str *out,
                  struct error *err)
{
    struct json *container;

    if (session_open(cli, err) < 0 ||
        session_get(cli, session_id(cli, type, name), &container, err) < 0)
        return -1;
    *out = json_str_at(container, "properties.latestVersion");
    if (out->len)
        return 0;
    cli->missing = true;
    return error_set(err, ERROR_NOT_FOUND, "", "'%.*s' in %s has no version.", STR_ARG(name), type);
}

/* The container knows; one that is not there yet begins with 1. */
int assets_next_version(struct cli *cli, const char *type, struct str name, struct str *out,
                        struct error *err)
{
    struct json *container;

    if (session_open(cli, err) < 0)
        return -1;
    if (session_get(cli, session_id(cli, type, name), &container, err) < 0) {
        if (!cli->missing)
            return -1;
        cli->missing = false;
        cli->wire_code = STR("");
        *out = STR("1");
        return 0;
    }
    struct str next = json_str_at(container, "properties.nextVersion");
    *out = next.len ? next : STR("1");
    return 0;
}

/* Name and version (or "" for the newest) of a short reference. */
static void cut_reference(struct str text, struct str *out_name, struct str *out_version)
{
    struct str rest = str_starts(text, STR("azureml:")) ? str_slice(text, 8, text.len) : text,
               label;

    assert(out_name && out_version);
    *out_name = rest;
    *out_version = STR("");
    if (str_cut(rest, ':', out_name, out_version))
        return;
    /* latest is the only label there is. */
    if (str_cut(rest, '@', out_name, &label))
        *out_version = STR("");
}

/* An id, or an address of a registry, goes as it is. */
static bool is_full(struct str text, struct str *out)
{
    assert(out);
    *out = str_starts(text, STR("azureml:/subscriptions")) ? str_slice(text, 8, text.len) : text;
    return str_starts_fold(*out, STR("/subscriptions/")) || str_starts(text, STR("azureml://"));
}

/* A label is looked up; a version that is not named is the latest. */
int assets_id(struct cli *cli, const char *type, struct str reference, struct str *out,
              struct error *err)
{
    struct str name, version;

    assert(type);
    if (is_full(reference, out))
        return 0;
    cut_reference(reference, &name, &version);
    if (session_open(cli, err) < 0 ||
        (!version.len && assets_latest(cli, type, name, &version, err) < 0))
        return -1;
    *out = session_version_id(cli, type, name, version);
    return 0;
}

/* "environment 'e' has no version 4 (latest is 3)". */
static int missing_version(struct cli *cli, struct document *document, const char *type,
                           const char *path, struct error *err)
{
    struct str text = json_as_str(document_at(document, path)), name, version, latest, message;
    struct str word = str_slice(str_from(type), 0, strlen(type) - 1);

    assert(type);
    if (str_eq(str_from(type), STR("data")))
        word = STR("data asset");
    cut_reference(text, &name, &version);
    cli->missing = false;
    cli->wire_code = STR("");
    if (assets_latest(cli, type, name, &latest, err) < 0) {
        if (!cli->missing)
            return -1;
        cli->missing = false;
        cli->wire_code = STR("");
        message = arena_printf(cli->arena, "there is no %.*s '%.*s' in this workspace",
                               STR_ARG(word), STR_ARG(name));
        return problem(document, path, "E1203", message, STR(""));
    }
    message = arena_printf(cli->arena, "%.*s '%.*s' has no version %.*s (latest is %.*s)",
                           STR_ARG(word), STR_ARG(name), STR_ARG(version), STR_ARG(latest));
    return problem(document, path, "E1203", message,
                   arena_printf(cli->arena, "azureml:%.*s@latest", STR_ARG(name)));
}

/* One question to the server here saves a job that would fail there. */
int assets_reference(struct document *document, const char *type, const char *path, struct str *out,
                     struct error *err)
{
    struct cli *cli = document->cli;
    struct str text = json_as_str(document_at(document, path)), id;

    assert(type && path);
    *out = STR("");
    if (is_full(text, out))
        return 0;
    if (assets_id(cli, type, text, &id, err) < 0)
        return cli->missing ? missing_version(cli, document, type, path, err) : -1;
    if (session_get(cli, id, NULL, err) < 0)
        return cli->missing ? missing_version(cli, document, type, path, err) : -1;
    *out = id;
    return 0;
}

/* A name becomes an id here, and nowhere else: what the pool of this host is called is one rule. */
struct str assets_compute(struct cli *cli, struct str text)
{
    struct str name;

    if (is_full(text, &name))
        return name;
    name = str_starts(text, STR("azureml:")) ? str_slice(text, 8, text.len) : text;
    if (!name.len || str_eq(name, STR("serverless")) || str_eq(name, STR("local")))
        return STR("");
    return session_id(cli, "computes", name);
}

/* Anything without a scheme is a path of this machine. */
static bool is_local(struct str text)
{
    assert(text.ptr || !text.len);
    return !str_starts(text, STR("azureml:")) && str_find(text, STR("://")) < 0 &&
           !str_starts(text, STR("git+")) && !str_starts(text, STR("runs:/"));
}

/* Whether local content is there; if not, a problem. */
static bool is_there(struct cli *cli, struct document *document, const char *path, struct str local)
{
    if (access(local.ptr, R_OK) == 0)
        return true;
    problem(document, path, "E1204",
            arena_printf(cli->arena, "there is no file or folder '%.*s'", STR_ARG(local)), STR(""));
    return false;
}

/* Code is known by the hash of its files: the same folder is sent once, whatever it is named. */
int assets_code(struct cli *cli, struct document *document, const char *path, struct str *out,
                struct error *err)
{
    struct str text = json_as_str(document_at(document, path));

    assert(document && path);
    *out = STR("");
    if (!text.len)
        return 0;
    if (str_starts(text, STR("git+")) || str_find(text, STR("http")) == 0)
        return problem(document, path, "E1205",
                       STR("code from a web address is not built yet; use a local folder"),
                       STR(""));
    if (!is_local(text) || str_starts(text, STR("/subscriptions/")))
        return assets_reference(document, "codes", path, out, err);
    struct str local = document_path(cli, document, text);
    if (!is_there(cli, document, path, local) || document->problems.errors)
        return 0;
    return transfer_code(cli, local, out, err);
}

/* The long form of addresses spells its words in lower case and leaves the provider out. */
static struct str long_prefix(struct cli *cli)
{
    struct str id = session_workspace(cli), piece, words[9] = {0};

    for (size_t i = 0; i < COUNT(words) && str_split(&id, '/', &piece); i++)
        words[i] = piece;
    return arena_printf(cli->arena, "subscriptions/%.*s/resourcegroups/%.*s/workspaces/%.*s/",
                        STR_ARG(words[2]), STR_ARG(words[4]), STR_ARG(words[8]));
}

/* Into a container of the registry; the address is that of the content in it. */
static int registry_content(struct document *document, struct assets_content *content,
                            struct str local, struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *root = document->yaml.root;
    struct str name = json_str_at(root, "name");
    struct str version = yaml_literal_text(cli->arena, json_get(root, STR("version")));
    bool model = strstr(document->kind->name, "model") != NULL;
    struct storage_asset asset = {model ? "models" : "data", name, version, STR("")};
    struct transfer_place place;

    assert(local.len > 0);
    if (!asset.version.len &&
        assets_next_version(cli, asset.type, asset.name, &asset.version, err) < 0)
        return -1;
    if (transfer_registry(cli, local, &asset, &place, err) < 0)
        return -1;
    content->is_file = place.is_file;
    content->uri = place.url;
    return 0;
}

/* A path is uploaded once: the same bytes are found again by their hash. */
int assets_content(struct cli *cli, struct document *document, struct assets_content *content,
                   struct error *err)
{
    struct str text = json_as_str(document_at(document, content->path)), rest = text;
    struct str store = content->datastore.len ? content->datastore : DEFAULT_STORE, full = STR("");
    struct transfer_place place;

    assert(document && content->path);
    if (session_open(cli, err) < 0)
        return -1;
    if (content->full)
        full = long_prefix(cli);
    if (str_starts(store, STR("azureml:")))
        store = str_slice(store, 8, store.len);
    if (!is_local(text)) {
        content->uri = text;
        if (content->full && str_starts(rest, STR("azureml://datastores/")))
            content->uri = arena_printf(cli->arena, "azureml://%.*s%.*s", STR_ARG(full),
                                        STR_ARG(str_slice(rest, 10, rest.len)));
        return 0;
    }
    struct str local = document_path(cli, document, text);
    content->local = true;
    if (!is_there(cli, document, content->path, local) || document->problems.errors)
        return 0;
    if (session_scope(cli)->registry.len)
        return registry_content(document, content, local, err);
    if (transfer_upload(cli, local, store, &place, err) < 0)
        return -1;
    content->is_file = place.is_file;
    content->uri = arena_printf(cli->arena, "azureml://%.*sdatastores/%.*s/paths/%.*s",
                                STR_ARG(full), STR_ARG(store), STR_ARG(place.path));
    return 0;
}

/* conda_file: a mapping, or the path of a file that holds one. */
static int conda_text(struct document *document, const char *path, const struct json *value,
                      struct str *out, struct error *err)
{
    struct cli *cli = document->cli;
    struct yaml conda;
    struct str text;

    assert(path);
    *out = STR("");
    if (json_kind(value) == JSON_OBJECT) {
        *out = yaml_write(cli->arena, value, true);
        return 0;
    }
    if (json_kind(value) != JSON_STRING)
        return 0;
    struct str local = document_path(cli, document, json_as_str(value));
    if (!is_there(cli, document, path, local))
        return 0;
    CLEANUP(fd_close) int fd = open(local.ptr, O_RDONLY | O_CLOEXEC);
    char *bytes = arena_alloc(cli->arena, YAML_TEXT_MAX + 1);
    ssize_t got = fd < 0 ? 0 : fd_read_all(fd, bytes, YAML_TEXT_MAX + 1, err);
    if (got < 0)
        return -1;
    text = (struct str){bytes, (size_t)got};
    if (yaml_parse(cli->arena, text, &conda, err) < 0 || json_kind(conda.root) != JSON_OBJECT)
        return problem(document, path, "E1206",
                       arena_printf(cli->arena, "%.*s:%s is no conda file: %s", STR_ARG(local),
                                    err->target,
                                    err->message[0] ? err->message : "it holds no mapping"),
                       STR(""));
    *out = yaml_write(cli->arena, conda.root, true);
    return 0;
}

/* "environment" and "image" are "environment.image"; at the root the key alone. */
static const char *below(struct cli *cli, const char *path, const char *key)
{
    return path[0] ? arena_printf(cli->arena, "%s.%s", path, key).ptr : key;
}

/* A build context is code: it goes up as such and is named by its id. */
static int environment_build(struct cli *cli, struct document *document, const char *path,
                             struct json *body, struct error *err)
{
    const char *context = below(cli, path, "build.path");
    struct str text = json_as_str(document_at(document, context));
    struct str dockerfile =
        json_as_str(document_at(document, below(cli, path, "build.dockerfile_path")));
    struct transfer_place place;

    assert(body);
    if (!text.len)
        return 0;
    struct str uri = text;
    if (is_local(text)) {
        struct str local = document_path(cli, document, text);
        if (!is_there(cli, document, context, local) || document->problems.errors)
            return 0;
        if (transfer_upload(cli, local, DEFAULT_STORE, &place, err) < 0)
            return -1;
        uri = place.url;
    }
    if (json_put(cli->arena, body, "properties.build.contextUri", json_text(cli->arena, uri), err) <
        0)
        return -1;
    if (!dockerfile.len)
        return 0;
    return json_put(cli->arena, body, "properties.build.dockerfilePath",
                    json_text(cli->arena, dockerfile), err);
}

static const struct field_row ENVIRONMENT_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"image", "properties.image", FIELD_SAME},
    {"os_type", "properties.osType", FIELD_WORD},
    {"inference_config", "properties.inferenceConfig", FIELD_TREE},
};

/* For the file of an environment and for one that stands inline in a job or deployment. */
int assets_environment_body(struct document *document, const char *path, bool anonymous,
                            struct json **out, struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *value = document_at(document, path);
    const char *conda_path = below(cli, path, "conda_file");
    struct json *body = json_object(cli->arena);
    struct str conda;

    assert(json_kind(value) == JSON_OBJECT);
    fields_to_rest(cli->arena, ENVIRONMENT_ROWS, COUNT(ENVIRONMENT_ROWS), value, body);
    if (conda_text(document, conda_path, json_get(value, STR("conda_file")), &conda, err) < 0 ||
        environment_build(cli, document, path, body, err) < 0)
        return -1;
    if (conda.len &&
        json_put(cli->arena, body, "properties.condaFile", json_text(cli->arena, conda), err) < 0)
        return -1;
    if (!json_at(body, "properties.image") && !json_at(value, "build") && !conda.len)
        problem(document, path, "E1102",
                STR("an environment needs an image, a conda_file or a build"), STR(""));
    *out = body;
    return json_put(cli->arena, body, "properties.isAnonymous", json_bool(cli->arena, anonymous),
                    err);
}

/* Thirty-two hex digits of what a body says: equal environments share a version. */
struct str assets_hash(struct cli *cli, const struct json *body)
{
    struct str text = json_write(cli->arena, json_sorted(cli->arena, body));
    unsigned char sum[32];
    char hex[33];
    unsigned size;

    assert(body);
    EVP_Digest(text.ptr, text.len, sum, &size, EVP_sha256(), NULL);
    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return arena_str(cli->arena, str_from(hex));
}

/* The same words make the same name, so that a second job finds the first one's environment. */
int assets_environment(struct cli *cli, struct document *document, const char *path,
                       struct str *out, struct error *err)
{
    const struct json *value = document_at(document, path);
    struct json *body;

    assert(document);
    *out = STR("");
    if (json_kind(value) == JSON_STRING)
        return assets_reference(document, "environments", path, out, err);
    if (json_kind(value) != JSON_OBJECT)
        return 0;
    if (assets_environment_body(document, path, true, &body, err) < 0)
        return -1;
    if (document->problems.errors)
        return 0;
    struct str id = session_version_id(cli, "environments", STR("CliV2AnonymousEnvironment"),
                                       assets_hash(cli, body));
    if (session_put(cli, id, body, NULL, err) < 0)
        return -1;
    *out = id;
    return 0;
}

static const struct field_row MODEL_ROWS[] = {
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"stage", "properties.stage", FIELD_SAME},
    {"flavors", "properties.flavors", FIELD_SAME},
    {"type", "properties.modelType", FIELD_LOWER},
};

/* The address names the whole workspace, as the SDK writes it: other tools cut it apart. */
int assets_model_body(struct document *document, const char *path, bool anonymous,
                      struct json **out, struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *value = document_at(document, path);
    struct assets_content content = {.path = below(cli, path, "path"), .full = true};
    struct json *body = json_object(cli->arena);
    struct str folder;

    assert(json_kind(value) == JSON_OBJECT);
    json_put(cli->arena, body, "properties.modelType", json_text(cli->arena, STR("custom_model")),
             err);
    fields_to_rest(cli->arena, MODEL_ROWS, COUNT(MODEL_ROWS), value, body);
    content.datastore = json_str_at(value, "datastore");
    if (!json_str_at(value, "path").len)
        return problem(document, path, "E1102",
                       STR("'path' is missing: where the model's files are"), STR(""));
    if (assets_content(cli, document, &content, err) < 0)
        return -1;
    folder = content.uri;
    /* A folder is named without its last slash, as the SDK does. */
    if (content.local && str_ends(folder, STR("/")))
        folder.len--;
    *out = body;
    json_put(cli->arena, body, "properties.modelUri", json_text(cli->arena, folder), err);
    return json_put(cli->arena, body, "properties.isAnonymous", json_bool(cli->arena, anonymous),
                    err);
}

/* Like an environment, but a model that has a name is registered under it. */
int assets_model(struct cli *cli, struct document *document, const char *path, struct str *out,
                 struct error *err)
{
    const struct json *value = document_at(document, path);
    struct json *body = NULL;
    struct str version = json_str_at(value, "version");

    assert(document);
    *out = STR("");
    if (json_kind(value) == JSON_STRING)
        return assets_reference(document, "models", path, out, err);
    if (json_kind(value) != JSON_OBJECT)
        return 0;
    struct str name = json_str_at(value, "name");
    if (assets_model_body(document, path, !name.len, &body, err) < 0)
        return -1;
    if (document->problems.errors || !body)
        return 0;
    /* A model without a name is known by what it holds. */
    if (!name.len)
        name = assets_hash(cli, body);
    struct str id = session_version_id(cli, "models", name, version.len ? version : STR("1"));
    if (session_put(cli, id, body, NULL, err) < 0)
        return -1;
    *out = id;
    return 0;
}
