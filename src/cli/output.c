/* output.c - One value in the form that was asked for. Scripts rely on every byte: see the
 * goldens. */
#include "cli/output.h"
#include "base/buf.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

#define OUTPUT_CAP (512 * MIB)

/* Characters, not bytes: columns are for eyes. */
size_t output_width(struct str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return width;
}

/* Keys blue, texts green, the rest yellow: the text is JSON already, so quotes decide. */
static struct str color_json(struct arena *arena, struct str json)
{
    CLEANUP(buf_free) struct buf out = buf_make(OUTPUT_CAP);

    for (size_t i = 0; i < json.len;) {
        size_t end = i + 1;
        if (json.ptr[i] == '"') {
            while (end < json.len && json.ptr[end] != '"')
                end += json.ptr[end] == '\\' ? 2 : 1;
            end = end < json.len ? end + 1 : json.len;
            bool key = end < json.len && json.ptr[end] == ':';
            buf_printf(&out, "%s%.*s\033[0m", key ? "\033[34m" : "\033[32m",
                       STR_ARG(str_slice(json, i, end)));
        } else if (strchr("{}[]:, \n", json.ptr[i])) {
            buf_add_char(&out, json.ptr[i]);
        } else {
            while (end < json.len && !strchr(",\n}] ", json.ptr[end]))
                end++;
            buf_printf(&out, "\033[33m%.*s\033[0m", STR_ARG(str_slice(json, i, end)));
        }
        i = end;
    }
    return arena_str(arena, buf_str(&out));
}

/* One key per line is enough for YAML's colours. */
static struct str color_yaml(struct arena *arena, struct str yaml)
{
    CLEANUP(buf_free) struct buf out = buf_make(OUTPUT_CAP);
    struct str rest = yaml, line;

    while (str_split(&rest, '\n', &line)) {
        ssize_t colon = str_find(line, STR(":"));
        if (!line.len && !rest.len)
            break;
        if (colon > 0 && ((size_t)colon + 1 == line.len || line.ptr[colon + 1] == ' '))
            buf_printf(&out, "\033[34m%.*s\033[0m%.*s\n", (int)colon, line.ptr,
                       STR_ARG(str_slice(line, (size_t)colon, line.len)));
        else
            buf_printf(&out, "%.*s\n", STR_ARG(line));
    }
    return arena_str(arena, buf_str(&out));
}

/* A value inside a row: booleans and null as Python prints them. */
static void tsv_cell(struct arena *arena, struct buf *out, const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        buf_add(out, STR("None"));
        break;
    case JSON_ARRAY:
        buf_printf(out, "%zu", json_count(value));
        break;
    case JSON_OBJECT:
        break;
    default:
        buf_add(out, yaml_literal_text(arena, value));
    }
}

/* A bare truth prints otherwise than one in a row: Python's two ways, which scripts know. */
static void tsv_row(struct arena *arena, struct buf *out, const struct json *row)
{
    enum json_kind kind = json_kind(row);

    if (kind == JSON_BOOL) {
        buf_add(out, json_as_bool(row, false) ? STR("true") : STR("false"));
    } else if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
        tsv_cell(arena, out, row);
    } else {
        struct json_iter it = json_iter(row);
        while (json_next(&it)) {
            if (it.index)
                buf_add_char(out, '\t');
            tsv_cell(arena, out, it.value);
        }
    }
    buf_add_char(out, '\n');
}

/* Sorted unless a query set the order: then the order is what was asked for. */
static struct str tsv(struct arena *arena, const struct json *value, bool queried)
{
    CLEANUP(buf_free) struct buf out = buf_make(OUTPUT_CAP);
    const struct json *shown = queried ? value : json_sorted(arena, value);

    if (json_is_null(shown))
        return STR("");
    if (json_kind(shown) == JSON_ARRAY) {
        struct json_iter it = json_iter(shown);
        while (json_next(&it))
            tsv_row(arena, &out, it.value);
    } else {
        tsv_row(arena, &out, shown);
    }
    return arena_str(arena, buf_str(&out));
}

/* Every format from the same value: what differs is the form alone. */
int output_write(struct arena *arena, const struct json *value,
                 const struct output_options *options, struct str *out, struct error *err)
{
    struct str text = STR("");

    assert(out);
    switch (options->format) {
    case CLI_JSON:
    case CLI_JSONC:
        text = json_write_pretty(arena, json_sorted(arena, value));
        if (options->format == CLI_JSONC && options->color)
            text = color_json(arena, text);
        text = arena_printf(arena, "%.*s\n", STR_ARG(text));
        break;
    case CLI_YAML:
    case CLI_YAMLC:
        text = yaml_write(arena, value, true);
        if (options->format == CLI_YAMLC && options->color)
            text = color_yaml(arena, text);
        break;
    case CLI_TSV:
        text = tsv(arena, value, options->queried);
        break;
    case CLI_TABLE:
        return table_write(arena, value, options, out, err);
    case CLI_NONE:
        break;
    }
    *out = text;
    return 0;
}
