/* component.c - The spec of a component is its file with code and environment replaced by ids. A
 * pipeline's steps name components; those that stand inline or in files are registered first, each
 * under the hash of its spec, so that the same step twice is one component. */
#include "cli/component.h"
#include "cli/assets.h"
#include "cli/fields.h"
#include "cli/includes.h"
#include "cli/session.h"
#include "cli/transfer.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ANONYMOUS STR("azureml_anonymous")
#define INCLUDES "additional_includes"

/* What a type's file is checked by, and where in it the code and the environment stand. */
struct component_type {
    struct str type;
    const char *kind;
    const char *code, *environment; /* NULL: it has none */
};

static const struct component_type TYPES[] = {
    {STR_INIT("command"), "commandComponent", "code", "environment"},
    {STR_INIT("pipeline"), "pipelineComponent", NULL, NULL},
    {STR_INIT("parallel"), "parallelComponent", "task.code", "task.environment"},
    {STR_INIT("spark"), "sparkComponent", "code", "environment"},
    {STR_INIT("import"), "importComponent", NULL, NULL},
    {STR_INIT("data_transfer"), "dataTransferCopyComponent", NULL, NULL},
};

/* A step whose type is not said runs a command. */
static const struct component_type *find_type(struct str type)
{
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (yaml_word_eq(type, TYPES[i].type))
            return &TYPES[i];
    return type.len ? NULL : &TYPES[0];
}

/* A type that is not known yet has no table; the file is then refused, not passed through. */
const char *component_kind_named(struct str type)
{
    const struct component_type *found = find_type(type);

    return found ? found->kind : NULL;
}

/* "a.b" below a path that may be the whole document. */
static const char *below(struct cli *cli, const char *path, const char *key)
{
    assert(key[0]);
    return path[0] ? arena_printf(cli->arena, "%s.%s", path, key).ptr : key;
}

/* In a spec an id is a reference; addresses of registries stay as they are. */
static int put_id(struct cli *cli, struct json *spec, const char *key, struct str id,
                  struct error *err)
{
    struct str text = str_starts(id, STR("/subscriptions/"))
                          ? arena_printf(cli->arena, "azureml:%.*s", STR_ARG(id))
                          : id;

    assert(spec);
    return id.len ? json_put(cli->arena, spec, key, json_text(cli->arena, text), err) : 0;
}

/* A number is sent as the SDK prints it after it has read one, so that both clients make the same
 * component of a file: "1.0" for 1, and "0.001" for 1e-3, which is a text in YAML. */
static struct str input_text(struct cli *cli, const struct json *input, const struct json *value)
{
    struct str text = yaml_literal_text(cli->arena, value);
    double number;

    assert(!json_is_null(value));
    if (!str_eq(json_str_at(input, "type"), STR("number")) || !str_to_double(text, &number))
        return text;
    return yaml_literal_text(cli->arena, json_double(cli->arena, number));
}

/* Defaults of inputs are texts on the wire, whatever their type. */
static void texts_of_inputs(struct cli *cli, struct json *spec)
{
    struct json_iter it = json_iter(json_get(spec, STR("inputs")));

    while (json_next(&it)) {
        static const char *const VALUES[] = {"default", "min", "max"};
        for (size_t i = 0; i < COUNT(VALUES); i++) {
            struct json *value = json_get(it.value, str_from(VALUES[i]));
            if (!json_is_null(value))
                json_set(cli->arena, it.value, str_from(VALUES[i]),
                         json_text(cli->arena, input_text(cli, it.value, value)));
        }
    }
}

/* One path of the list, from the file; "" after a problem. */
static struct str included(struct document *document, const char *path, size_t at,
                           const struct json *value)
{
    struct cli *cli = document->cli;
    struct str text = json_as_str(value);
    const char *place = arena_printf(cli->arena, "%s[%zu]", below(cli, path, INCLUDES), at).ptr;

    if (!text.len) {
        yaml_problem_add(&document->problems, document_place(document, place), "E1002",
                         "artifacts of Azure DevOps cannot be included; only files and folders of "
                         "this machine can");
        return STR("");
    }
    struct str local = document_path(cli, document, text);
    if (includes_there(cli, local))
        return local;
    yaml_problem_add(&document->problems, document_place(document, place), "E1204",
                     "there is no file or folder '%.*s'", STR_ARG(local));
    return STR("");
}

/* The folder of the code, "" for none; false after a problem. */
static bool local_code(struct document *document, const char *path, struct str *out)
{
    struct cli *cli = document->cli;
    struct str text = json_as_str(document_at(document, path));

    assert(out);
    *out = STR("");
    if (!text.len)
        return true;
    *out = document_path(cli, document, text);
    if (str_starts(text, STR("azureml:")) || str_find(text, STR("://")) >= 0 ||
        !includes_there(cli, *out)) {
        yaml_problem_add(&document->problems, document_place(document, path), "E1204",
                         "additional_includes needs code from a folder of this machine, which "
                         "'%.*s' is not",
                         STR_ARG(text));
        return false;
    }
    return true;
}

/* Code alone, or a folder made of it and of what is included. */
static int take_code(struct document *document, const char *path, const struct component_type *type,
                     struct str *out, struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *list = document_at(document, below(cli, path, INCLUDES));
    const char *code = below(cli, path, type->code);
    struct str *paths = arena_new_array(cli->arena, struct str, json_count(list) + 1), folder;
    struct includes includes = {.paths = paths};

    assert(type && out);
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return assets_code(cli, document, code, out, err);
    if (!local_code(document, code, &includes.code))
        return 0;
    struct json_iter it = json_iter(list);
    while (json_next(&it)) {
        paths[includes.count] = included(document, path, includes.count, it.value);
        includes.count++;
    }
    if (document->problems.errors)
        return 0;
    if (includes_merge(cli, &includes, &folder, err) < 0)
        return -1;
    int sent = transfer_code(cli, folder, out, err);
    includes_remove(cli, folder);
    return sent;
}

/* What the file names on this machine or in the workspace, as ids. */
static int put_references(struct document *document, const char *path,
                          const struct component_type *type, struct json *spec, struct error *err)
{
    struct cli *cli = document->cli;
    struct str code = STR(""), environment = STR("");
    struct json *nodes;

    if (type->environment && assets_environment(cli, document, below(cli, path, type->environment),
                                                &environment, err) < 0)
        return -1;
    if (type->code && take_code(document, path, type, &code, err) < 0)
        return -1;
    json_remove(spec, STR(INCLUDES)); /* they are in the code now */
    if ((type->code && put_id(cli, spec, type->code, code, err) < 0) ||
        (type->environment && put_id(cli, spec, type->environment, environment, err) < 0))
        return -1;
    if (!str_eq(type->type, STR("pipeline")))
        return 0;
    if (component_nodes(document, below(cli, path, "jobs"), &nodes, err) < 0)
        return -1;
    json_set(cli->arena, spec, STR("jobs"), nodes);
    return 0;
}

/* Keys of the resource that are not part of the step. */
static void put_about(struct cli *cli, struct json *spec, struct json *body)
{
    static const struct field_row ROWS[] = {
        {"description", "properties.description", FIELD_SAME},
        {"tags", "properties.tags", FIELD_TEXTS},
    };

    fields_to_rest(cli->arena, ROWS, COUNT(ROWS), spec, body);
}

/* Keys that only this program knows never reach the wire; all others do, also those to come. */
int component_body(struct document *document, const char *path, bool anonymous, struct json **out,
                   struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *value = document_at(document, path);
    const struct component_type *type = find_type(json_str_at(value, "type"));
    struct json *spec = json_copy(cli->arena, value), *body = json_object(cli->arena);

    assert(json_kind(value) == JSON_OBJECT);
    if (!type) {
        yaml_problem_add(&document->problems, document_place(document, below(cli, path, "type")),
                         "E1002", "there is no component type '%.*s'",
                         STR_ARG(json_str_at(value, "type")));
        return 0;
    }
    if (put_references(document, path, type, spec, err) < 0)
        return -1;
    texts_of_inputs(cli, spec);
    json_set_str(cli->arena, spec, "type", type->type);
    if (anonymous)
        json_set_str(cli->arena, spec, "name", ANONYMOUS);
    struct json *version = json_get(spec, STR("version"));
    json_set_str(cli->arena, spec, "version",
                 json_is_null(version) ? STR("1") : yaml_literal_text(cli->arena, version));
    json_set_str(cli->arena, spec, "_source", anonymous ? STR("YAML.JOB") : STR("YAML.COMPONENT"));
    put_about(cli, spec, body);
    json_put(cli->arena, body, "properties.componentSpec", spec, err);
    json_put(cli->arena, body, "properties.isAnonymous", json_bool(cli->arena, anonymous), err);
    json_put(cli->arena, body, "properties.isArchived", json_bool(cli->arena, false), err);
    *out = body;
    return 0;
}

/* A spec without a name is known by what it says: the hash in the form of a GUID, as the SDK's. */
static int register_anonymous(struct document *document, const char *path, struct str *out,
                              struct error *err)
{
    struct cli *cli = document->cli;
    struct json *body = NULL;

    *out = STR("");
    if (component_body(document, path, true, &body, err) < 0)
        return -1;
    if (document->problems.errors || !body)
        return 0;
    struct str hash = assets_hash(cli, body);
    struct str guid =
        arena_printf(cli->arena, "%.*s-%.*s-%.*s-%.*s-%.*s", STR_ARG(str_slice(hash, 0, 8)),
                     STR_ARG(str_slice(hash, 8, 12)), STR_ARG(str_slice(hash, 12, 16)),
                     STR_ARG(str_slice(hash, 16, 20)), STR_ARG(str_slice(hash, 20, 32)));
    *out = session_version_id(cli, "components", ANONYMOUS, guid);
    struct session_write write = {"PUT", *out, body, "Registering step"};
    return session_change(cli, &write, NULL, err);
}

/* A component's own file: its problems are told under its name. */
static int register_file(struct document *document, struct str file, struct str *out,
                         struct error *err)
{
    struct document own;

    assert(file.len > 0);
    if (document_open(document, file, "commandComponent", &own, err) < 0)
        return -1;
    const char *kind = component_kind_named(json_str_at(own.yaml.root, "type"));
    if (kind)
        own.kind = yaml_kind_find(str_from(kind));
    document_check(document->cli, &own);
    if (register_anonymous(&own, "", out, err) < 0)
        return -1;
    return document_report(document->cli, &own, err);
}

/* Three ways to name a component, told apart by what stands there. */
int component_reference(struct document *document, const char *path, struct str *out,
                        struct error *err)
{
    const struct json *value = document_at(document, path);
    struct str text = json_as_str(value);

    assert(path);
    *out = STR("");
    if (json_kind(value) == JSON_OBJECT)
        return register_anonymous(document, path, out, err);
    if (str_starts(text, STR("azureml:")) || str_starts_fold(text, STR("/subscriptions/")))
        return assets_reference(document, "components", path, out, err);
    return text.len ? register_file(document, text, out, err) : 0;
}

/* --- steps of a pipeline ------------------------------------------------------------------------
 */

/* A step that holds its command itself has inputs by value; a component has them by type. What is
 * bound to an input of the pipeline has that one's type. */
static struct str type_of_value(const struct document *document, const struct json *value)
{
    struct str text = json_as_str(value), target, name, member;
    size_t at = 0;

    switch (json_kind(value)) {
    case JSON_BOOL:
        return STR("boolean");
    case JSON_NUMBER:
        return json_is_integer(value) ? STR("integer") : STR("number");
    case JSON_OBJECT:
        name = json_str_at(value, "type");
        return name.len ? name : STR("uri_folder");
    default:
        break;
    }
    if (!yaml_expression_next(text, &at, &target))
        return STR("string");
    if (!str_starts(target, STR("parent.inputs.")))
        return str_find(target, STR(".outputs.")) > 0 ? STR("uri_folder") : STR("string");
    name = str_slice(target, 14, target.len);
    if (str_cut(name, '.', &name, &member))
        return STR("string");
    const struct json *input = json_get(json_get(document->yaml.root, STR("inputs")), name);
    return type_of_value(document, input);
}

/* Outputs say their type; inputs are known by their value. */
static struct json *ports_of_values(const struct document *document, const struct json *values,
                                    bool outputs)
{
    struct arena *arena = document->cli->arena;
    struct json *out = json_object(arena);
    struct json_iter it = json_iter(values);

    while (json_next(&it)) {
        struct json *port = json_object(arena);
        struct str type =
            outputs ? json_str_at(it.value, "type") : type_of_value(document, it.value);
        json_set_str(arena, port, "type", type.len ? type : STR("uri_folder"));
        json_set(arena, out, it.key, port);
    }
    return out;
}

/* Keys that describe the step itself go into its component, the rest stays with the step. */
static int component_of_inline(struct document *document, const char *path, struct str *out,
                               struct error *err)
{
    static const char *const OF_COMPONENT[] = {"command",  "code",  "environment", "distribution",
                                               "task",     "entry", "conf",        "args",
                                               "py_files", "jars",  "resources"};
    struct cli *cli = document->cli;
    struct json *node = document_at(document, path), *made = json_object(cli->arena);
    struct str type = json_str_at(node, "type");

    assert(json_kind(node) == JSON_OBJECT);
    for (size_t i = 0; i < COUNT(OF_COMPONENT); i++) {
        struct json *value = json_get(node, str_from(OF_COMPONENT[i]));
        if (!json_is_null(value))
            json_set(cli->arena, made, str_from(OF_COMPONENT[i]), json_copy(cli->arena, value));
    }
    json_set_str(cli->arena, made, "type", type.len ? type : STR("command"));
    json_set(cli->arena, made, STR("inputs"),
             ports_of_values(document, json_get(node, STR("inputs")), false));
    json_set(cli->arena, made, STR("outputs"),
             ports_of_values(document, json_get(node, STR("outputs")), true));
    /* Seen as a component of its own, with the places and the folder of the file it stands in. */
    struct document own = *document;
    own.yaml.root = made;
    own.problems = (struct yaml_problems){.arena = cli->arena};
    if (register_anonymous(&own, "", out, err) < 0)
        return -1;
    return document_report(cli, &own, err);
}

/* ${{parent.…}} and plain values are literals; data is an address. */
static int node_input(struct document *document, const char *path, struct json **out,
                      struct error *err)
{
    struct cli *cli = document->cli;
    const struct json *value = document_at(document, path);
    struct json *made = json_object(cli->arena);

    *out = made;
    if (json_kind(value) != JSON_OBJECT) {
        json_set_str(cli->arena, made, "job_input_type", STR("literal"));
        json_set_str(cli->arena, made, "value", yaml_literal_text(cli->arena, value));
        return 0;
    }
    struct str bound = json_str_at(value, "path"), type = json_str_at(value, "type");
    const char *at = arena_printf(cli->arena, "%s.path", path).ptr;
    if (str_starts(bound, STR("${{"))) {
        json_set_str(cli->arena, made, "job_input_type", STR("literal"));
        json_set_str(cli->arena, made, "value", bound);
    } else {
        struct assets_content content = {.path = at};
        bool asset = str_starts(bound, STR("azureml:")) && !str_starts(bound, STR("azureml://"));
        if ((asset ? assets_reference(document, "data", at, &content.uri, err)
                   : assets_content(cli, document, &content, err)) < 0)
            return -1;
        json_set_str(cli->arena, made, "job_input_type", type.len ? type : STR("uri_folder"));
        json_set_str(cli->arena, made, "uri", content.uri);
    }
    struct str mode = json_str_at(value, "mode");
    if (mode.len)
        json_set_str(cli->arena, made, "mode", fields_pascal(cli->arena, mode));
    return 0;
}

/* Bound to an output of the pipeline, or a place of its own. */
static struct json *node_output(struct cli *cli, const struct json *value)
{
    static const struct field_row ROWS[] = {
        {"type", "job_output_type", FIELD_LOWER},
        {"mode", "mode", FIELD_WORD},
        {"path", "uri", FIELD_SAME},
        {"name", "asset_name", FIELD_SAME},
        {"version", "asset_version", FIELD_SAME},
    };
    struct json *made = json_object(cli->arena);
    struct str text = json_as_str(value);

    if (!text.len)
        text = json_str_at(value, "path");
    if (str_starts(text, STR("${{"))) {
        json_set_str(cli->arena, made, "value", text);
        json_set_str(cli->arena, made, "type", STR("literal"));
        return made;
    }
    json_set_str(cli->arena, made, "job_output_type", STR("uri_folder"));
    fields_to_rest(cli->arena, ROWS, COUNT(ROWS), value, made);
    return made;
}

/* Names of ends may have dots: each is reached by a path of its own. */
static int node_ends(struct document *document, const char *path, struct json *node,
                     struct error *err)
{
    struct cli *cli = document->cli;
    struct json *inputs = json_object(cli->arena), *outputs = json_object(cli->arena), *made;
    const struct json *from = document_at(document, path);
    struct json_iter it = json_iter(json_get(from, STR("inputs")));

    assert(node);
    while (json_next(&it)) {
        const char *at = arena_printf(cli->arena, "%s.inputs.{%.*s}", path, STR_ARG(it.key)).ptr;
        if (node_input(document, at, &made, err) < 0)
            return -1;
        json_set(cli->arena, inputs, it.key, made);
    }
    it = json_iter(json_get(from, STR("outputs")));
    while (json_next(&it))
        json_set(cli->arena, outputs, it.key, node_output(cli, it.value));
    json_set(cli->arena, node, STR("inputs"), inputs);
    json_set(cli->arena, node, STR("outputs"), outputs);
    return 0;
}

/* One step: its component by id, its ends, and its own keys as the file has them. */
static int make_node(struct document *document, const char *path, struct str name,
                     struct json **out, struct error *err)
{
    static const char *const KEPT[] = {"display_name",          "description", "tags",
                                       "environment_variables", "limits",      "identity",
                                       "queue_settings"};
    struct cli *cli = document->cli;
    const struct json *from = document_at(document, path);
    struct json *node = json_object(cli->arena);
    struct str type = json_str_at(from, "type"), id;
    const char *component = arena_printf(cli->arena, "%s.component", path).ptr;
    bool named = document_at(document, component) != NULL;

    if (!find_type(type)) {
        yaml_problem_add(&document->problems, document_place(document, path), "E1002",
                         "steps of type '%.*s' are not built yet; nothing of it runs",
                         STR_ARG(type));
        return 0;
    }
    if ((named ? component_reference(document, component, &id, err)
               : component_of_inline(document, path, &id, err)) < 0)
        return -1;
    json_set_str(cli->arena, node, "name", name);
    json_set_str(cli->arena, node, "type", type.len ? type : STR("command"));
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(from, str_from(KEPT[i]));
        if (!json_is_null(value))
            json_set(cli->arena, node, str_from(KEPT[i]), json_copy(cli->arena, value));
    }
    struct str compute = assets_compute(cli, json_str_at(from, "compute"));
    if (compute.len)
        json_set_str(cli->arena, node, "computeId", compute);
    json_set_str(cli->arena, node, "componentId", id);
    json_set_str(cli->arena, node, "_source",
                 named ? STR("REMOTE.WORKSPACE.COMPONENT") : STR("YAML.JOB"));
    *out = node;
    return node_ends(document, path, node, err);
}

/* In the order of the file: people read a pipeline from top to bottom. */
int component_nodes(struct document *document, const char *path, struct json **out,
                    struct error *err)
{
    struct cli *cli = document->cli;
    struct json *nodes = json_object(cli->arena);
    struct json_iter it = json_iter(document_at(document, path));

    *out = nodes;
    while (json_next(&it)) {
        struct json *node = NULL;
        const char *at = arena_printf(cli->arena, "%s.{%.*s}", path, STR_ARG(it.key)).ptr;
        if (json_kind(it.value) != JSON_OBJECT)
            continue;
        if (make_node(document, at, it.key, &node, err) < 0)
            return -1;
        if (node)
            json_set(cli->arena, nodes, it.key, node);
    }
    return 0;
}
