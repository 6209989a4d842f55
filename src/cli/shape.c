/* shape.c - What the server says of a resource, in the keys of its file: what is shown can be
 * written back. */
#include "cli/shape.h"
#include "cli/fields.h"
#include "yaml/yaml.h"

#include <assert.h>

static const struct field_row SYSTEM_ROWS[] = {
    {"created_at", "createdAt", FIELD_SAME},
    {"created_by", "createdBy", FIELD_SAME},
    {"created_by_type", "createdByType", FIELD_SAME},
    {"last_modified_at", "lastModifiedAt", FIELD_SAME},
    {"last_modified_by", "lastModifiedBy", FIELD_SAME},
    {"last_modified_by_type", "lastModifiedByType", FIELD_SAME},
};

/* The word behind "/name/" in an id. */
static struct str id_piece(struct str id, const char *name)
{
    struct str rest = id, piece;

    assert(name[0]);
    while (str_split(&rest, '/', &piece))
        if (str_eq_fold(piece, str_from(name)) && str_split(&rest, '/', &piece))
            return piece;
    return STR("");
}

/* Name, id and who made it: alike for every kind. */
struct json *shape_common(struct cli *cli, const struct json *rest, const struct field_row *rows,
                          size_t count)
{
    struct json *out = json_object(cli->arena), *context = json_object(cli->arena);
    struct str id = json_str_at(rest, "id");

    assert(rows || !count);
    json_set_str(cli->arena, out, "id", id);
    json_set_str(cli->arena, out, "name", json_str_at(rest, "name"));
    struct str group = id_piece(id, "resourceGroups");
    if (group.len)
        json_set_str(cli->arena, out, "resourceGroup", group);
    fields_to_yaml(cli->arena, SYSTEM_ROWS, COUNT(SYSTEM_ROWS), json_get(rest, STR("systemData")),
                   context);
    if (json_count(context))
        json_set(cli->arena, out, STR("creation_context"), context);
    fields_to_yaml(cli->arena, rows, count, rest, out);
    return out;
}

struct json *shape_all(struct cli *cli, const struct json *list,
                       struct json *(*one)(struct cli *cli, const struct json *rest))
{
    struct json *out = json_array(cli->arena);
    struct json_iter it = json_iter(list);

    assert(one);
    while (json_next(&it))
        json_append(cli->arena, out, one(cli, it.value));
    return out;
}

/* An asset is a version, whose name stands before it in its id, or a container of versions. */
static struct json *shape_asset(struct cli *cli, const struct json *rest, const char *type,
                                const struct field_row *rows, size_t count)
{
    struct json *out = shape_common(cli, rest, rows, count);
    struct str id = json_str_at(rest, "id"), version = id_piece(id, "versions");
    struct str name = id_piece(id, type);

    assert(type);
    if (name.len)
        json_set_str(cli->arena, out, "name", name);
    if (version.len) {
        json_set_str(cli->arena, out, "version", version);
        return out;
    }
    json_set_str(cli->arena, out, "latest version", json_str_at(rest, "properties.latestVersion"));
    json_set_str(cli->arena, out, "next version", json_str_at(rest, "properties.nextVersion"));
    return out;
}

static const struct field_row DATA_ROWS[] = {
    {"type", "properties.dataType", FIELD_LOWER},
    {"path", "properties.dataUri", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_SAME},
    {"properties", "properties.properties", FIELD_SAME},
};

struct json *shape_data(struct cli *cli, const struct json *rest)
{
    return shape_asset(cli, rest, "data", DATA_ROWS, COUNT(DATA_ROWS));
}

static const struct field_row ENVIRONMENT_ROWS[] = {
    {"image", "properties.image", FIELD_SAME},
    {"os_type", "properties.osType", FIELD_WORD},
    {"build", "properties.build", FIELD_TREE},
    {"build_state", "properties.buildState", FIELD_SAME},
    {"inference_config", "properties.inferenceConfig", FIELD_TREE},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_SAME},
    {"properties", "properties.properties", FIELD_SAME},
};

struct json *shape_environment(struct cli *cli, const struct json *rest)
{
    struct json *out =
        shape_asset(cli, rest, "environments", ENVIRONMENT_ROWS, COUNT(ENVIRONMENT_ROWS));
    struct str conda = json_str_at(rest, "properties.condaFile");
    struct yaml parsed;
    struct error ignored;

    if (conda.len && yaml_parse(cli->arena, conda, &parsed, &ignored) == 0)
        json_set(cli->arena, out, STR("conda_file"), parsed.root);
    return out;
}

static const struct field_row MODEL_ROWS[] = {
    {"type", "properties.modelType", FIELD_LOWER},
    {"path", "properties.modelUri", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_SAME},
    {"properties", "properties.properties", FIELD_SAME},
    {"stage", "properties.stage", FIELD_SAME},
    {"flavors", "properties.flavors", FIELD_SAME},
    {"job_name", "properties.jobName", FIELD_SAME},
};

struct json *shape_model(struct cli *cli, const struct json *rest)
{
    return shape_asset(cli, rest, "models", MODEL_ROWS, COUNT(MODEL_ROWS));
}
