/* tensor.c - the element types, and tensors as JSON text
 *
 * Written straight into the reply: a tree of JSON values for a matrix of a million numbers would be
 * many times the size of its text.
 */
#include "scoring/tensor.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Indexed by enum tensor_type. */
struct type_row {
    const char *name; /* as ONNX Runtime calls it, shown in errors and swagger.json */
    size_t size;
};

static const struct type_row TYPES[TENSOR_TYPE_COUNT_] = {
    [TENSOR_FLOAT] = {"float", sizeof(float)},
    [TENSOR_DOUBLE] = {"double", sizeof(double)},
    [TENSOR_INT8] = {"int8", 1},
    [TENSOR_INT16] = {"int16", 2},
    [TENSOR_INT32] = {"int32", 4},
    [TENSOR_INT64] = {"int64", 8},
    [TENSOR_UINT8] = {"uint8", 1},
    [TENSOR_UINT16] = {"uint16", 2},
    [TENSOR_UINT32] = {"uint32", 4},
    [TENSOR_UINT64] = {"uint64", 8},
    [TENSOR_BOOL] = {"bool", 1},
    [TENSOR_STRING] = {"string", sizeof(struct str)},
};

/* In the words of ONNX Runtime. */
const char *tensor_type_name(enum tensor_type type)
{
    assert(type < TENSOR_TYPE_COUNT_);
    return TYPES[type].name;
}

/* Of one element as it lies in memory. */
size_t tensor_type_size(enum tensor_type type)
{
    assert(type < TENSOR_TYPE_COUNT_);
    return TYPES[type].size;
}

/* The number at `at` of an integer tensor; unsigned 64-bit values past INT64_MAX are told apart by
 * the caller, which prints those itself. */
static int64_t tensor_integer(const struct tensor *t, size_t at)
{
    switch (t->type) {
    case TENSOR_INT8:
        return ((const int8_t *)t->data)[at];
    case TENSOR_INT16:
        return ((const int16_t *)t->data)[at];
    case TENSOR_INT32:
        return ((const int32_t *)t->data)[at];
    case TENSOR_UINT8:
        return ((const uint8_t *)t->data)[at];
    case TENSOR_UINT16:
        return ((const uint16_t *)t->data)[at];
    case TENSOR_UINT32:
        return ((const uint32_t *)t->data)[at];
    default:
        assert(t->type == TENSOR_INT64);
        return ((const int64_t *)t->data)[at];
    }
}

/* The shortest text that reads back as the same number: 0.1f is 0.1, not 0.10000000149. */
static void write_real(struct buf *out, double value, int digits_min, int digits_max, bool single)
{
    char text[40];

    assert(digits_min <= digits_max);
    if (!isfinite(value)) {
        buf_add(out, STR("null"));
        return;
    }
    for (int digits = digits_min; digits <= digits_max; digits++) {
        double back;
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (!str_to_double(str_from(text), &back))
            continue;
        if (single ? (float)back == (float)value : back == value)
            break;
    }
    buf_add(out, str_from(text));
    /* 2 is a float that happens to be whole: clients keep their type by the point. */
    if (!strpbrk(text, ".e"))
        buf_add(out, STR(".0"));
}

/* A JSON string; what is above ASCII is taken to be UTF-8, as the model made it. */
static void write_text(struct buf *out, struct str text)
{
    assert(text.ptr || !text.len);
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

/* One value; its type was decided for the whole tensor. */
static void write_element(struct buf *out, const struct tensor *t, size_t at)
{
    assert(at < t->count);
    switch (t->type) {
    case TENSOR_FLOAT:
        write_real(out, ((const float *)t->data)[at], 6, 9, true);
        break;
    case TENSOR_DOUBLE:
        write_real(out, ((const double *)t->data)[at], 15, 17, false);
        break;
    case TENSOR_BOOL:
        buf_add(out, ((const bool *)t->data)[at] ? STR("true") : STR("false"));
        break;
    case TENSOR_STRING:
        write_text(out, ((const struct str *)t->data)[at]);
        break;
    case TENSOR_UINT64:
        buf_printf(out, "%llu", (unsigned long long)((const uint64_t *)t->data)[at]);
        break;
    default:
        buf_printf(out, "%lld", (long long)tensor_integer(t, at));
    }
}

/* Writes dimension `level` onwards; *at counts the elements already written. */
static void write_level(struct buf *out, const struct tensor *t, size_t level, size_t *at)
{
    assert(level <= t->rank);
    if (level == t->rank) {
        write_element(out, t, (*at)++);
        return;
    }
    buf_add_char(out, '[');
    for (int64_t i = 0; i < t->dims[level]; i++) {
        if (i)
            buf_add_char(out, ',');
        write_level(out, t, level + 1, at);
    }
    buf_add_char(out, ']');
}

/* The shape is kept save for the column of one, see tensor.h. */
void tensor_write(struct buf *out, const struct tensor *tensor)
{
    struct tensor shown = *tensor;
    size_t at = 0;

    assert(tensor->rank <= TENSOR_RANK_MAX && tensor->type < TENSOR_TYPE_COUNT_);
    if (shown.rank == 2 && shown.dims[1] == 1)
        shown.rank = 1;
    write_level(out, &shown, 0, &at);
    assert(at == tensor->count || shown.count == 0);
}
