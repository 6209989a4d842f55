/* job_shape.c - A job between the keys of its file and the body of the wire; its inputs are sent
 * on the way. */
#include "cli/assets.h"
#include "cli/fields.h"
#include "cli/session.h"
#include "cli/shape.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct field_row BODY_ROWS[] = {
    {"display_name", "properties.displayName", FIELD_SAME},
    {"experiment_name", "properties.experimentName", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"command", "properties.command", FIELD_SAME},
    {"environment_variables", "properties.environmentVariables", FIELD_TEXTS},
    {"parent_job_name", "properties.parentJobName", FIELD_SAME},
    {"limits.timeout", "properties.limits.timeout", FIELD_SECONDS},
    {"identity.type", "properties.identity.identityType", FIELD_WORD},
    {"queue_settings", "properties.queueSettings", FIELD_TREE},
    {"services", "properties.services", FIELD_TREE},
};

static const struct field_row SHOW_ROWS[] = {
    {"type", "properties.jobType", FIELD_LOWER},
    {"status", "properties.status", FIELD_SAME},
    {"display_name", "properties.displayName", FIELD_SAME},
    {"experiment_name", "properties.experimentName", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_SAME},
    {"properties", "properties.properties", FIELD_SAME},
    {"command", "properties.command", FIELD_SAME},
    {"code", "properties.codeId", FIELD_SAME},
    {"environment", "properties.environmentId", FIELD_ASSET},
    {"compute", "properties.computeId", FIELD_COMPUTE},
    {"environment_variables", "properties.environmentVariables", FIELD_SAME},
    {"resources", "properties.resources", FIELD_TREE},
    {"limits.timeout", "properties.limits.timeout", FIELD_SECONDS},
    {"services", "properties.services", FIELD_SAME},
    {"parent_job_name", "properties.parentJobName", FIELD_SAME},
};

/* Literals are shown as values, data as mappings: as they were written. */
static struct json *shape_ends(struct cli *cli, const struct json *ends, const char *type_key)
{
    struct json *out = json_object(cli->arena);
    struct json_iter it = json_iter(ends);

    while (json_next(&it)) {
        struct json *one = json_object(cli->arena);
        struct str type = json_str_at(it.value, type_key);
        if (str_eq(type, STR("literal"))) {
            json_set(cli->arena, out, it.key,
                     json_copy(cli->arena, json_get(it.value, STR("value"))));
            continue;
        }
        const struct field_row rows[] = {{"type", type_key, FIELD_LOWER},
                                         {"mode", "mode", FIELD_WORD},
                                         {"path", "uri", FIELD_SAME},
                                         {"name", "assetName", FIELD_SAME},
                                         {"version", "assetVersion", FIELD_SAME}};
        fields_to_yaml(cli->arena, rows, COUNT(rows), it.value, one);
        json_set(cli->arena, out, it.key, one);
    }
    return out;
}

/* The ends come last: they are the longest. */
struct json *shape_job(struct cli *cli, const struct json *rest)
{
    struct json *out = shape_common(cli, rest, SHOW_ROWS, COUNT(SHOW_ROWS));

    json_set(cli->arena, out, STR("inputs"),
             shape_ends(cli, json_at(rest, "properties.inputs"), "jobInputType"));
    json_set(cli->arena, out, STR("outputs"),
             shape_ends(cli, json_at(rest, "properties.outputs"), "jobOutputType"));
    return out;
}

/* Members of a mapping whose names a path cannot spell are reached here one by one. */
static const char *input_path(struct cli *cli, struct str name, const char *key)
{
    return arena_printf(cli->arena, "inputs.{%.*s}%s", STR_ARG(name), key).ptr;
}

/* Where the content is: a registered asset, an address, or what is sent now. */
static int input_uri(struct document *document, struct assets_content *content,
                     const struct json *value, struct error *err)
{
    struct str path = json_str_at(value, "path");
    bool model = str_find(json_str_at(value, "type"), STR("model")) >= 0;

    assert(path.len > 0);
    if (str_starts(path, STR("azureml:")) && !str_starts(path, STR("azureml://")))
        return assets_reference(document, model ? "models" : "data", content->path, &content->uri,
                                err);
    return assets_content(document->cli, document, content, err);
}

/* Local content must be what the type says; models may be either. */
static void check_input_type(struct document *document, const struct assets_content *content,
                             struct str name, struct str type)
{
    assert(name.len > 0 && type.len > 0);
    if (!content->local || !content->uri.len || content->is_file == str_eq(type, STR("uri_file")) ||
        str_find(type, STR("model")) >= 0)
        return;
    struct str path = json_as_str(document_at(document, content->path));
    yaml_problem_add(&document->problems, document_place(document, content->path), "E1207",
                     "input '%.*s' is of type %.*s, but '%.*s' is a %s", STR_ARG(name),
                     STR_ARG(type), STR_ARG(path), content->is_file ? "file" : "folder");
}

/* Types and modes that the file leaves out are filled in as the SDK does it. */
static int data_input(struct document *document, struct str name, const struct json *value,
                      struct json **out, struct error *err)
{
    struct cli *cli = document->cli;
    struct assets_content content = {.path = input_path(cli, name, ".path"),
                                     .datastore = json_str_at(value, "datastore")};
    struct str type = json_str_at(value, "type"), mode = json_str_at(value, "mode");
    struct json *made = json_object(cli->arena);

    assert(name.len > 0);
    *out = made;
    if (!json_str_at(value, "path").len) {
        yaml_problem_add(&document->problems, document_place(document, input_path(cli, name, "")),
                         "E1102", "input '%.*s' has no path", STR_ARG(name));
        return 0;
    }
    if (input_uri(document, &content, value, err) < 0)
        return -1;
    if (!type.len)
        type = content.local && content.is_file ? STR("uri_file") : STR("uri_folder");
    check_input_type(document, &content, name, type);
    json_set_str(cli->arena, made, "jobInputType", arena_lower(cli->arena, type));
    json_set_str(cli->arena, made, "uri", content.uri);
    if (mode.len)
        json_set_str(cli->arena, made, "mode", fields_pascal(cli->arena, mode));
    return 0;
}

/* Either a value or a mapping; `{value: 3}` is the long form of the first. */
static int add_inputs(struct cli *cli, struct document *document, struct json *body,
                      struct error *err)
{
    struct json *out = json_object(cli->arena);
    struct json_iter it = json_iter(json_get(document->yaml.root, STR("inputs")));

    while (json_next(&it)) {
        const struct json *value = it.value;
        struct json *made;
        if (json_kind(value) == JSON_OBJECT && json_get(value, STR("value")))
            value = json_get(value, STR("value"));
        if (json_kind(value) == JSON_OBJECT) {
            if (data_input(document, it.key, value, &made, err) < 0)
                return -1;
        } else {
            made = json_object(cli->arena);
            json_set_str(cli->arena, made, "jobInputType", STR("literal"));
            json_set_str(cli->arena, made, "value", yaml_literal_text(cli->arena, value));
        }
        json_set(cli->arena, out, it.key, made);
    }
    return json_put(cli->arena, body, "properties.inputs", out, err);
}

/* An output without a type is a folder. */
static int add_outputs(struct cli *cli, struct document *document, struct json *body,
                       struct error *err)
{
    static const struct field_row ROWS[] = {{"type", "jobOutputType", FIELD_LOWER},
                                            {"mode", "mode", FIELD_WORD},
                                            {"path", "uri", FIELD_SAME},
                                            {"name", "assetName", FIELD_SAME}};
    struct json *out = json_object(cli->arena);
    struct json_iter it = json_iter(json_get(document->yaml.root, STR("outputs")));

    while (json_next(&it)) {
        struct json *made = json_object(cli->arena), *version = json_get(it.value, STR("version"));
        json_set_str(cli->arena, made, "jobOutputType", STR("uri_folder"));
        fields_to_rest(cli->arena, ROWS, COUNT(ROWS), it.value, made);
        if (!json_is_null(version))
            json_set_str(cli->arena, made, "assetVersion", yaml_literal_text(cli->arena, version));
        json_set(cli->arena, out, it.key, made);
    }
    return json_put(cli->arena, body, "properties.outputs", out, err);
}

/* docker_args may be a text or a list; the wire has a member for each. */
static int add_resources(struct cli *cli, const struct document *document, struct json *body,
                         struct error *err)
{
    static const struct field_row ROWS[] = {
        {"instance_count", "instanceCount", FIELD_INTEGER},
        {"instance_type", "instanceType", FIELD_SAME},
        {"shm_size", "shmSize", FIELD_SAME},
        {"locations", "locations", FIELD_SAME},
        {"properties", "properties", FIELD_SAME},
        {"max_instance_count", "maxInstanceCount", FIELD_INTEGER},
    };
    const struct json *resources = json_get(document->yaml.root, STR("resources"));
    const struct json *docker = json_get(resources, STR("docker_args"));
    struct json *out = json_object(cli->arena);

    if (json_kind(resources) != JSON_OBJECT)
        return 0;
    fields_to_rest(cli->arena, ROWS, COUNT(ROWS), resources, out);
    if (json_kind(docker) == JSON_STRING)
        json_set_str(cli->arena, out, "dockerArgs", json_as_str(docker));
    else if (json_kind(docker) == JSON_ARRAY)
        json_set(cli->arena, out, STR("dockerArgsList"), json_copy(cli->arena, docker));
    return json_put(cli->arena, body, "properties.resources", out, err);
}

/* Keys of each kind of distribution differ: all go along, renamed. */
static int add_distribution(struct cli *cli, const struct document *document, struct json *body,
                            struct error *err)
{
    struct json *value = json_get(document->yaml.root, STR("distribution")),
                *out = json_object(cli->arena);
    struct json_iter it = json_iter(value);

    if (json_kind(value) != JSON_OBJECT)
        return 0;
    while (json_next(&it))
        if (!str_eq(it.key, STR("type")))
            json_set(cli->arena, out, fields_camel(cli->arena, it.key),
                     json_copy(cli->arena, it.value));
    json_set_str(cli->arena, out, "distributionType",
                 fields_pascal(cli->arena, json_str_at(value, "type")));
    return json_put(cli->arena, body, "properties.distribution", out, err);
}

/* The SDK's default: the folder that the person stands in. */
static struct str folder_name(struct cli *cli)
{
    char here[4096];

    if (!getcwd(here, sizeof here))
        return STR("Default");
    struct str path = arena_str(cli->arena, str_from(here));
    ssize_t slash = str_find_last(path, '/');
    struct str name = str_slice(path, (size_t)(slash + 1), path.len);
    return name.len ? name : STR("Default");
}

static int set_text(struct cli *cli, struct json *body, const char *path, struct str text,
                    struct error *err)
{
    return text.len ? json_put(cli->arena, body, path, json_text(cli->arena, text), err) : 0;
}

int shape_job_ends(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    assert(body);
    return add_inputs(cli, document, body, err) < 0 ? -1 : add_outputs(cli, document, body, err);
}

/* Names that are missing are made up as the SDK does: the same job has the same body from both. */
int shape_job_body(struct cli *cli, struct document *document, struct str name, struct json **out,
                   struct error *err)
{
    const struct json *root = document->yaml.root;
    struct json *body =
        json_parse(cli->arena,
                   STR("{\"properties\":{\"jobType\":\"Command\",\"isArchived\":false,"
                       "\"properties\":{},\"tags\":{},\"environmentVariables\":{}}}"),
                   err);
    struct str code, environment;

    assert(body);
    fields_to_rest(cli->arena, BODY_ROWS, COUNT(BODY_ROWS), root, body);
    if (set_text(cli, body, "properties.computeId",
                 assets_compute(cli, json_str_at(root, "compute")), err) < 0 ||
        assets_environment(cli, document, "environment", &environment, err) < 0 ||
        add_inputs(cli, document, body, err) < 0 ||
        assets_code(cli, document, "code", &code, err) < 0)
        return -1;
    if (set_text(cli, body, "properties.codeId", code, err) < 0 ||
        set_text(cli, body, "properties.environmentId", environment, err) < 0 ||
        add_outputs(cli, document, body, err) < 0 || add_resources(cli, document, body, err) < 0 ||
        add_distribution(cli, document, body, err) < 0)
        return -1;
    if (!json_at(body, "properties.displayName"))
        set_text(cli, body, "properties.displayName", name, err);
    if (!json_at(body, "properties.experimentName"))
        set_text(cli, body, "properties.experimentName", folder_name(cli), err);
    if (json_at(body, "properties.limits"))
        set_text(cli, body, "properties.limits.jobLimitsType", STR("Command"), err);
    *out = body;
    return 0;
}
