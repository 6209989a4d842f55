/* input.c - reading `input_data` into the tensors a model wants
 *
 * Every refusal names the input at fault: people send one row too wide far more often than they
 * send nonsense, and the name is what they need.
 */
#include "scoring/tensor.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Where elements go while one port is filled. */
struct fill {
    struct arena *arena;
    const struct tensor_port *port;
    struct tensor *tensor;
    size_t next; /* element to write */
};

struct range {
    int64_t low, high;
};

/* What an integer type can hold. */
static const struct range RANGES[TENSOR_TYPE_COUNT_] = {
    [TENSOR_INT8] = {INT8_MIN, INT8_MAX},    [TENSOR_INT16] = {INT16_MIN, INT16_MAX},
    [TENSOR_INT32] = {INT32_MIN, INT32_MAX}, [TENSOR_INT64] = {INT64_MIN, INT64_MAX},
    [TENSOR_UINT8] = {0, UINT8_MAX},         [TENSOR_UINT16] = {0, UINT16_MAX},
    [TENSOR_UINT32] = {0, UINT32_MAX},       [TENSOR_UINT64] = {0, INT64_MAX},
};

/* For sentences: "… is a text, and a number is wanted". */
static const char *const KIND_NAMES[] = {
    [JSON_NULL] = "null",     [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
    [JSON_STRING] = "a text", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object",
};

/* The target of every error about a port. */
static const char *fill_target(const struct fill *fill)
{
    assert(fill->port);
    return arena_cstr(fill->arena, fill->port->name);
}

/* The refusal that people see most. */
static int fill_wrong_type(const struct fill *fill, const struct json *value, struct error *err)
{
    return error_set(err, ERROR_INVALID, fill_target(fill),
                     "Input '%.*s' takes %s values, but element %zu is %s.",
                     STR_ARG(fill->port->name), tensor_type_name(fill->port->type), fill->next,
                     KIND_NAMES[json_kind(value)]);
}

/* Doubles are cut to floats only within a float's range: an infinity nobody sent would be worse
 * than a refusal. */
static int fill_real(struct fill *fill, const struct json *value, struct error *err)
{
    double number = NAN; /* null is a missing value, as data frames write it */

    assert(fill->port->type == TENSOR_FLOAT || fill->port->type == TENSOR_DOUBLE);
    if (json_kind(value) == JSON_NUMBER)
        number = json_as_double(value, NAN);
    else if (json_kind(value) != JSON_NULL)
        return fill_wrong_type(fill, value, err);
    if (fill->port->type == TENSOR_DOUBLE) {
        ((double *)fill->tensor->data)[fill->next++] = number;
        return 0;
    }
    if (isfinite(number) && fabs(number) > 3.4028234663852886e38)
        return error_set(err, ERROR_INVALID, fill_target(fill),
                         "Input '%.*s' takes float values; element %zu is too large for one.",
                         STR_ARG(fill->port->name), fill->next);
    ((float *)fill->tensor->data)[fill->next++] = (float)number;
    return 0;
}

/* By width alone: the range was checked, and two's complement does the rest. */
static void fill_store_integer(struct fill *fill, int64_t number)
{
    void *data = fill->tensor->data;
    size_t at = fill->next++;

    assert(at < fill->tensor->count);
    switch (tensor_type_size(fill->port->type)) {
    case 1:
        ((int8_t *)data)[at] = (int8_t)number;
        break;
    case 2:
        ((int16_t *)data)[at] = (int16_t)number;
        break;
    case 4:
        ((int32_t *)data)[at] = (int32_t)number;
        break;
    default:
        ((int64_t *)data)[at] = number;
    }
}

/* Named by place, not by value: the value may be as long as a request. */
static int fill_out_of_range(const struct fill *fill, struct error *err)
{
    assert(fill->next < fill->tensor->count);
    return error_set(err, ERROR_INVALID, fill_target(fill),
                     "Input '%.*s' takes %s values; element %zu is out of its range.",
                     STR_ARG(fill->port->name), tensor_type_name(fill->port->type), fill->next);
}

/* Whole numbers within the type's range, however JSON spells them. */
static int fill_integer(struct fill *fill, const struct json *value, struct error *err)
{
    enum tensor_type type = fill->port->type;
    int64_t number;

    assert(fill->port->type < TENSOR_TYPE_COUNT_);
    if (json_kind(value) != JSON_NUMBER)
        return fill_wrong_type(fill, value, err);
    if (json_is_integer(value)) {
        /* What exceeds 64 bits gives the fallback, which must not pass for a value. */
        number = json_as_int(value, INT64_MIN);
        if (number == INT64_MIN && json_as_double(value, 0) > 0)
            return fill_out_of_range(fill, err);
    } else {
        /* Clients whose only number is a double write 3.0; 3.5 would be cut silently. */
        double real = json_as_double(value, NAN);
        if (real != trunc(real) || fabs(real) > 9007199254740992.0)
            return error_set(err, ERROR_INVALID, fill_target(fill),
                             "Input '%.*s' takes %s values; element %zu is no whole number.",
                             STR_ARG(fill->port->name), tensor_type_name(type), fill->next);
        number = (int64_t)real;
    }
    if (number < RANGES[type].low || number > RANGES[type].high)
        return fill_out_of_range(fill, err);
    fill_store_integer(fill, number);
    return 0;
}

/* One value into the next place. Strict: true is no 1, "3" is no 3. */
static int fill_element(struct fill *fill, const struct json *value, struct error *err)
{
    assert(fill->next < fill->tensor->count);
    switch (fill->port->type) {
    case TENSOR_FLOAT:
    case TENSOR_DOUBLE:
        return fill_real(fill, value, err);
    case TENSOR_BOOL:
        if (json_kind(value) != JSON_BOOL)
            return fill_wrong_type(fill, value, err);
        ((bool *)fill->tensor->data)[fill->next++] = json_as_bool(value, false);
        return 0;
    case TENSOR_STRING:
        if (json_kind(value) != JSON_STRING)
            return fill_wrong_type(fill, value, err);
        ((struct str *)fill->tensor->data)[fill->next++] =
            arena_str(fill->arena, json_as_str(value));
        return 0;
    default:
        return fill_integer(fill, value, err);
    }
}

/* Sets the tensor's shape and gets its memory; the client chose the size, so the arena is asked. */
static int fill_begin(struct fill *fill, const int64_t *dims, size_t rank, struct error *err)
{
    struct tensor *t = fill->tensor;
    size_t size = tensor_type_size(fill->port->type);

    assert(rank <= TENSOR_RANK_MAX);
    t->type = fill->port->type;
    t->rank = rank;
    t->count = 1;
    for (size_t i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        if (__builtin_mul_overflow(t->count, (size_t)dims[i], &t->count))
            return error_set(err, ERROR_TOO_LARGE, fill_target(fill), "The input is too large.");
    }
    if (t->count > SIZE_MAX / 2 / size || arena_fits(fill->arena, t->count * size, err) < 0)
        return error_set(err, ERROR_TOO_LARGE, fill_target(fill), "The input is too large.");
    t->data = arena_alloc(fill->arena, t->count * size + 1);
    fill->next = 0;
    return 0;
}

/* Whether a dimension has the size that the model declares, in words of rows and values. */
static int fill_check_dim(const struct fill *fill, size_t level, int64_t size, struct error *err)
{
    int64_t wanted = fill->port->dims[level];

    assert(level < TENSOR_RANK_MAX && size >= 0);
    if (wanted == TENSOR_FREE || wanted == size)
        return 0;
    if (level == 0)
        return error_set(err, ERROR_INVALID, fill_target(fill),
                         "Input '%.*s' takes exactly %lld rows, got %lld.",
                         STR_ARG(fill->port->name), (long long)wanted, (long long)size);
    return error_set(err, ERROR_INVALID, fill_target(fill),
                     "Input '%.*s' takes rows of %lld values, got %lld.", STR_ARG(fill->port->name),
                     (long long)wanted, (long long)size);
}

/* Reads the shape off the first element of each level; fill_nested refuses what does not follow it.
 */
static int fill_shape(const struct fill *fill, const struct json *value, int64_t *dims,
                      struct error *err)
{
    size_t rank = fill->port->rank;

    assert(rank <= TENSOR_RANK_MAX);
    for (size_t level = 0; level < rank; level++) {
        if (json_kind(value) != JSON_ARRAY)
            return error_set(err, ERROR_INVALID, fill_target(fill),
                             "Input '%.*s' takes lists nested %zu deep, got %zu.",
                             STR_ARG(fill->port->name), rank, level);
        dims[level] = (int64_t)json_count(value);
        struct json_iter it = json_iter(value);
        value = json_next(&it) ? it.value : NULL;
        /* Without rows nothing deeper can be asked; declared sizes stand in, free ones are 0. */
        if (!value) {
            for (size_t rest = level + 1; rest < rank; rest++)
                dims[rest] = fill->port->dims[rest] == TENSOR_FREE ? 0 : fill->port->dims[rest];
            return fill_check_dim(fill, level, dims[level], err);
        }
        if (fill_check_dim(fill, level, dims[level], err) < 0)
            return -1;
    }
    return 0;
}

/* Depth first, in the order in which a row-major array lies. */
static int fill_nested(struct fill *fill, const struct json *value, size_t level, struct error *err)
{
    const struct tensor *t = fill->tensor;

    assert(level <= t->rank);
    if (level == t->rank)
        return fill_element(fill, value, err);
    if (json_kind(value) != JSON_ARRAY)
        return fill_wrong_type(fill, value, err);
    if ((int64_t)json_count(value) != t->dims[level]) {
        if (fill->port->dims[level] != TENSOR_FREE)
            return fill_check_dim(fill, level, (int64_t)json_count(value), err);
        return error_set(err, ERROR_INVALID, fill_target(fill),
                         "The rows of input '%.*s' differ in length: %lld and %zu values.",
                         STR_ARG(fill->port->name), (long long)t->dims[level], json_count(value));
    }
    struct json_iter it = json_iter(value);
    while (json_next(&it))
        if (fill_nested(fill, it.value, level + 1, err) < 0)
            return -1;
    return 0;
}

/* A port that gets the value as it is, every level of it. */
static int fill_whole(struct fill *fill, const struct json *value, struct error *err)
{
    int64_t dims[TENSOR_RANK_MAX];

    assert(fill->tensor);
    if (fill_shape(fill, value, dims, err) < 0 || fill_begin(fill, dims, fill->port->rank, err) < 0)
        return -1;
    return fill_nested(fill, value, 0, err);
}

/* A request as a table: rows of `width` cells, or records; names[i] says which port a cell feeds.
 */
struct table {
    const struct json *rows;
    struct str *names; /* NULL: cells are the ports in order */
    size_t width;
};

/* The position of a port's cell in each row, or -1 when the table has no such column. */
static ssize_t table_column(const struct table *table, struct str port, size_t port_index)
{
    assert(table->names || port_index < table->width);
    if (!table->names)
        return (ssize_t)port_index;
    for (size_t i = 0; i < table->width; i++)
        if (str_eq(table->names[i], port))
            return (ssize_t)i;
    return -1;
}

/* By name in a record, by place in a row; NULL when there is none. */
static const struct json *table_cell(const struct json *row, struct str name, size_t column)
{
    assert(row);
    if (json_kind(row) == JSON_OBJECT)
        return json_get(row, name);
    struct json_iter it = json_iter(row);
    while (json_next(&it))
        if (it.index == column)
            return it.value;
    return NULL;
}

/* A port that takes one value a row, alone or in a list of its own. */
static int fill_column(struct fill *fill, const struct table *table, size_t column,
                       struct error *err)
{
    const struct tensor_port *port = fill->port;
    int64_t dims[2] = {(int64_t)json_count(table->rows), 1};

    assert(table->rows);
    if (port->rank > 2 || (port->rank == 2 && port->dims[1] != 1 && port->dims[1] != TENSOR_FREE))
        return error_set(err, ERROR_INVALID, fill_target(fill),
                         "Input '%.*s' takes more than one value a row; send "
                         "{\"%.*s\": [[…]], …} instead of columns.",
                         STR_ARG(port->name), STR_ARG(port->name));
    if (port->rank == 0 && dims[0] != 1)
        return error_set(err, ERROR_INVALID, fill_target(fill),
                         "Input '%.*s' takes a single value, got %lld rows.", STR_ARG(port->name),
                         (long long)dims[0]);
    if (port->rank > 0 && fill_check_dim(fill, 0, dims[0], err) < 0)
        return -1;
    if (fill_begin(fill, dims, port->rank, err) < 0)
        return -1;
    struct json_iter it = json_iter(table->rows);
    while (json_next(&it)) {
        const struct json *cell = table_cell(it.value, port->name, column);
        if (!cell)
            return error_set(err, ERROR_INVALID, fill_target(fill),
                             "Row %zu has no value for input '%.*s'.", it.index,
                             STR_ARG(port->name));
        if (fill_element(fill, cell, err) < 0)
            return -1;
    }
    return 0;
}

/* Every row is as wide as the table says. */
static int table_check_rows(const struct table *table, struct error *err)
{
    struct json_iter it = json_iter(table->rows);

    assert(table->rows);
    while (json_next(&it)) {
        enum json_kind kind = json_kind(it.value);
        if (kind == JSON_OBJECT && !table->names)
            return error_set(err, ERROR_INVALID, "input_data",
                             "Row %zu is an object, the first one is not.", it.index);
        if (kind != JSON_ARRAY && kind != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, "input_data", "Row %zu is %s instead of a list.",
                             it.index, KIND_NAMES[kind]);
        if (json_count(it.value) != table->width)
            return error_set(err, ERROR_INVALID, "input_data",
                             "Row %zu of input_data has %zu values, expected %zu.", it.index,
                             json_count(it.value), table->width);
    }
    return 0;
}

/* A name that no port has: a typing error would otherwise show as another column that is missing.
 */
static int ports_check_name(struct arena *arena, const struct tensor_ports *ports, struct str name,
                            struct error *err)
{
    for (size_t p = 0; p < ports->count; p++)
        if (str_eq(ports->at[p].name, name))
            return 0;
    return error_set(err, ERROR_INVALID, arena_cstr(arena, name), "The model has no input '%.*s'.",
                     STR_ARG(name));
}

/* Told for the first port that lacks one; the order is the model's. */
static int fill_missing(const struct fill *fill, struct error *err)
{
    assert(fill->port->name.len > 0);
    return error_set(err, ERROR_INVALID, fill_target(fill), "Input '%.*s' is missing.",
                     STR_ARG(fill->port->name));
}

/* Every port from its column. */
static int table_fill(struct arena *arena, const struct table *table,
                      const struct tensor_ports *ports, struct tensor *out, struct error *err)
{
    assert(table->names || table->width == ports->count);
    if (table_check_rows(table, err) < 0)
        return -1;
    for (size_t i = 0; table->names && i < table->width; i++)
        if (ports_check_name(arena, ports, table->names[i], err) < 0)
            return -1;
    for (size_t p = 0; p < ports->count; p++) {
        struct fill fill = {.arena = arena, .port = &ports->at[p], .tensor = &out[p]};
        ssize_t column = table_column(table, ports->at[p].name, p);
        if (column < 0)
            return fill_missing(&fill, err);
        if (fill_column(&fill, table, (size_t)column, err) < 0)
            return -1;
    }
    return 0;
}

/* The keys of an object, or the texts of a list. */
static struct str *json_names(struct arena *arena, const struct json *value, size_t *out_count)
{
    size_t count = json_count(value);
    struct str *names = arena_new_array(arena, struct str, count + 1);
    struct json_iter it = json_iter(value);

    assert(out_count);
    while (json_next(&it))
        names[it.index] = it.key.len ? it.key : json_as_str(it.value);
    *out_count = count;
    return names;
}

/* {"columns": […], "data": […]}: for a single matrix the names only have to be as many as it is
 * wide; its columns carry none. */
static int read_split(struct arena *arena, const struct json *split,
                      const struct tensor_ports *ports, struct tensor *out, struct error *err)
{
    const struct json *data = json_get(split, STR("data"));
    const struct tensor_port *first = ports->at;
    struct table table = {.rows = data};

    assert(data && ports->count > 0);
    if (json_kind(data) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "input_data.data", "This field must be a list.");
    if (json_kind(json_get(split, STR("columns"))) == JSON_ARRAY)
        table.names = json_names(arena, json_get(split, STR("columns")), &table.width);
    bool by_name = table.names && table.width == 1 && str_eq(table.names[0], first->name);
    if (ports->count == 1 && !by_name) {
        struct fill fill = {.arena = arena, .port = first, .tensor = out};
        if (table.names && first->rank == 2 &&
            fill_check_dim(&fill, 1, (int64_t)table.width, err) < 0)
            return -1;
        return fill_whole(&fill, data, err);
    }
    if (!table.names)
        table.width = ports->count;
    return table_fill(arena, &table, ports, out, err);
}

/* A list of plain values feeds a port of one value a row, as a column would. */
static int fill_named(struct fill *fill, const struct json *value, struct error *err)
{
    const struct tensor_port *port = fill->port;
    struct json_iter it = json_iter(value);
    bool flat =
        json_kind(value) == JSON_ARRAY && (!json_next(&it) || json_kind(it.value) != JSON_ARRAY);

    assert(value);
    if (!flat || port->rank != 2 || port->dims[1] != 1)
        return fill_whole(fill, value, err);
    struct tensor_port column = *port;
    column.rank = 1;
    fill->port = &column;
    int result = fill_whole(fill, value, err);
    fill->port = port;
    fill->tensor->rank = 2;
    fill->tensor->dims[1] = 1;
    return result;
}

/* Each port by its own name; what names no port is refused, since it was meant for one. */
static int read_named(struct arena *arena, const struct json *named,
                      const struct tensor_ports *ports, struct tensor *out, struct error *err)
{
    struct json_iter it = json_iter(named);

    assert(ports->count > 0);
    for (size_t p = 0; p < ports->count; p++) {
        struct fill fill = {.arena = arena, .port = &ports->at[p], .tensor = &out[p]};
        const struct json *value = json_get(named, ports->at[p].name);
        if (!value)
            return fill_missing(&fill, err);
        if (fill_named(&fill, value, err) < 0)
            return -1;
    }
    while (json_next(&it))
        if (ports_check_name(arena, ports, it.key, err) < 0)
            return -1;
    return 0;
}

/* Rows, or records when the first row is an object. */
static int read_rows(struct arena *arena, const struct json *rows, const struct tensor_ports *ports,
                     struct tensor *out, struct error *err)
{
    struct json_iter it = json_iter(rows);
    const struct json *first = json_next(&it) ? it.value : NULL;
    struct table table = {.rows = rows, .width = ports->count};

    assert(json_kind(rows) == JSON_ARRAY);
    if (json_kind(first) == JSON_OBJECT)
        table.names = json_names(arena, first, &table.width);
    else if (ports->count == 1)
        return fill_whole(&(struct fill){.arena = arena, .port = ports->at, .tensor = out}, rows,
                          err);
    return table_fill(arena, &table, ports, out, err);
}

/* The kind of JSON decides the form; `data` with a header beside it is the split form, not a port.
 * */
int tensor_read_inputs(struct arena *arena, const struct json *input_data,
                       const struct tensor_ports *ports, struct tensor *out, struct error *err)
{
    assert(ports->at && ports->count > 0 && out);
    switch (json_kind(input_data)) {
    case JSON_ARRAY:
        return read_rows(arena, input_data, ports, out, err);
    case JSON_OBJECT:
        if (json_get(input_data, STR("data")) &&
            (json_get(input_data, STR("columns")) || json_get(input_data, STR("index"))))
            return read_split(arena, input_data, ports, out, err);
        return read_named(arena, input_data, ports, out, err);
    default:
        return error_set(err, ERROR_INVALID, "input_data",
                         "The body needs \"input_data\": a list of rows, or an object with "
                         "\"columns\" and \"data\".");
    }
}
