/* table.c - Columns for people: as wide as the widest cell, the head underlined, nothing cut off.
 */
#include "base/buf.h"
#include "cli/output.h"
#include "yaml/yaml.h"

#include <assert.h>
#include <ctype.h>

#define COLUMNS_MAX 64
#define TABLE_CAP (64 * MIB)

/* A table being made: rows are objects of texts, so that a missing cell is an absent key. */
struct table {
    struct arena *arena;
    struct str heads[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count;
    struct json *rows;
};

/* Columns appear in the order in which rows first have them. */
static size_t column_of(struct table *table, struct str head)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_eq(table->heads[i], head))
            return i;
    if (table->count == COLUMNS_MAX)
        return COLUMNS_MAX;
    table->heads[table->count] = head;
    table->widths[table->count] = output_width(head);
    return table->count++;
}

/* One line of a text that has several: a table has rows, not paragraphs. */
static void put(struct table *table, struct json *row, struct str head, const struct json *value)
{
    struct str text = yaml_literal_text(table->arena, value);
    size_t column = column_of(table, head);
    size_t line_end = text.len;

    if (column == COLUMNS_MAX)
        return;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n' && line_end == text.len)
            line_end = i;
    text = str_slice(text, 0, line_end);
    if (output_width(text) > table->widths[column])
        table->widths[column] = output_width(text);
    json_set(table->arena, row, head, json_text(table->arena, text));
}

/* What is nested has no place in a cell. */
static bool is_simple(const struct json *value)
{
    return !json_is_null(value) && json_kind(value) != JSON_ARRAY &&
           json_kind(value) != JSON_OBJECT;
}

/* The head of a column is its key with a capital. */
static struct str capital(struct arena *arena, struct str key)
{
    assert(arena);
    return arena_printf(arena, "%c%.*s", key.len ? toupper((unsigned char)key.ptr[0]) : ' ',
                        STR_ARG(str_slice(key, 1, key.len)));
}

/* Left out of tables that no query asked for, as az does. */
static bool is_noise(struct str key)
{
    assert(key.ptr || !key.len);
    return str_eq(key, STR("id")) || str_eq(key, STR("type")) || str_eq(key, STR("etag"));
}

/* Sorted unless a query set the order. */
static void add_object(struct table *table, struct json *row, const struct json *value,
                       bool queried)
{
    struct json_iter it = json_iter(queried ? value : json_sorted(table->arena, value));

    assert(row);
    while (json_next(&it))
        if (is_simple(it.value) && (queried || !is_noise(it.key)))
            put(table, row, queried ? it.key : capital(table->arena, it.key), it.value);
}

/* By the default columns, by the keys, by position, or as one value: whichever the row is. */
static void add_row(struct table *table, const struct json *value,
                    const struct output_options *options)
{
    struct json *row = json_object(table->arena);
    const char *const *columns = options->columns;

    assert(options);
    if (json_kind(value) == JSON_OBJECT && columns && !options->queried) {
        for (; columns[0]; columns += 2) {
            const struct json *cell = json_at(value, columns[0]);
            put(table, row, str_from(columns[1]), is_simple(cell) ? cell : NULL);
        }
    } else if (json_kind(value) == JSON_OBJECT) {
        add_object(table, row, value, options->queried);
    } else if (json_kind(value) == JSON_ARRAY) {
        struct json_iter it = json_iter(value);
        while (json_next(&it))
            put(table, row, arena_printf(table->arena, "Column%zu", it.index + 1),
                is_simple(it.value) ? it.value : NULL);
    } else if (!json_is_null(value)) {
        put(table, row, STR("Result"), value);
    }
    json_append(table->arena, table->rows, row);
}

/* Characters decide the width, so that names in any script stay in their columns. */
static void add_cells(struct buf *out, const struct table *table, const struct json *row)
{
    size_t pending = 0;

    for (size_t i = 0; i < table->count; i++) {
        struct str text = row ? json_as_str(json_get(row, table->heads[i])) : table->heads[i];
        for (size_t k = 0; text.len && k < pending; k++)
            buf_add_char(out, ' ');
        pending = text.len ? 0 : pending;
        buf_add(out, text);
        /* Blanks are owed and paid only when something follows: no line ends in blanks. */
        pending += table->widths[i] - output_width(text) + 2;
    }
    buf_add_char(out, '\n');
}

/* Two passes: widths are known when every row is. */
int table_write(struct arena *arena, const struct json *value, const struct output_options *options,
                struct str *out, struct error *err)
{
    CLEANUP(buf_free) struct buf text = buf_make(TABLE_CAP);
    struct table *table = arena_make(arena, struct table);

    assert(options->format == CLI_TABLE);
    table->arena = arena;
    table->rows = json_array(arena);
    if (json_kind(value) == JSON_ARRAY) {
        struct json_iter it = json_iter(value);
        while (json_next(&it))
            add_row(table, it.value, options);
    } else {
        add_row(table, value, options);
    }
    *out = STR("");
    if (!json_count(table->rows) || json_is_null(value))
        return 0;
    if (!table->count)
        return error_set(err, ERROR_INVALID, "",
                         "Table output is unavailable for this; use --query.");
    add_cells(&text, table, NULL);
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < table->widths[i]; k++)
            buf_add_char(&text, '-');
        buf_add(&text, i + 1 < table->count ? STR("  ") : STR("\n"));
    }
    struct json_iter rows = json_iter(table->rows);
    while (json_next(&rows))
        add_cells(&text, table, rows.value);
    if (buf_ok(&text, err) < 0)
        return -1;
    *out = arena_str(arena, buf_str(&text));
    return 0;
}
