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

/* In the order of the list. */
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
