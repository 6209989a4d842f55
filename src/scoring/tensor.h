/* tensor.h - between the JSON of a scoring request and the arrays a model computes with
 *
 * Knows no runtime. A port is an input or output as the model declares it; a tensor is its filled
 * array. Arrays are row-major and live in the request's arena.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* More than any model for tables or pictures has. */
#define TENSOR_RANK_MAX 8
#define TENSOR_FREE (-1) /* a dimension that the request chooses */

enum tensor_type {
    TENSOR_FLOAT,
    TENSOR_DOUBLE,
    TENSOR_INT8,
    TENSOR_INT16,
    TENSOR_INT32,
    TENSOR_INT64,
    TENSOR_UINT8,
    TENSOR_UINT16,
    TENSOR_UINT32,
    TENSOR_UINT64,
    TENSOR_BOOL,
    TENSOR_STRING,
    TENSOR_TYPE_COUNT_
};

/* An input or output as the model declares it. A dimension of TENSOR_FREE is as the client sends
 * it. */
struct tensor_port {
    struct str name;
    enum tensor_type type;
    size_t rank;
    int64_t dims[TENSOR_RANK_MAX];
};

/* All inputs of a model. */
struct tensor_ports {
    const struct tensor_port *at;
    size_t count;
};

/* Values in rows, in the arena of the request. */
struct tensor {
    enum tensor_type type;
    size_t rank;
    int64_t dims[TENSOR_RANK_MAX];
    size_t count; /* elements */
    void *data;   /* TENSOR_STRING: struct str *, each followed by a NUL */
};

/* "float", "int64", … and the bytes of one element. */
const char *tensor_type_name(enum tensor_type type);
size_t tensor_type_size(enum tensor_type type);

/* Fills one tensor of `out` per port from the value of `input_data`. Several forms are taken:
 *     [[…], …]                                   rows: one port whole, or one column per port
 *     {"columns": […], "index": […], "data": […]}  the same with names
 *     [{"a": 1, …}, …]                           records
 *     {"port": […], …}                           one array per port
 * Errors: ERROR_INVALID, its target the port or column at fault, for a missing or unknown input, a
 * wrong width, type or range; ERROR_TOO_LARGE past the arena's budget. */
int tensor_read_inputs(struct arena *arena, const struct json *input_data,
                       const struct tensor_ports *ports, struct tensor *out, struct error *err);

/* Appends the tensor as nested JSON lists. A last dimension of 1 beside the rows is left out, so
 * that n predictions are a plain list; numbers that JSON has not (NaN, infinities) become null. */
void tensor_write(struct buf *out, const struct tensor *tensor);
