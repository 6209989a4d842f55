/* Any JSON is an input of a model or is refused with a sentence; what was read is whole: as many
 * elements as its shape says, texts with their NUL, and it can be written and read again. */
#include "scoring/tensor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define PORT(n, t, r, ...)                                                 \
    {                                                                      \
        .name = STR_INIT(n), .type = t, .rank = r, .dims = { __VA_ARGS__ } \
    }

static const struct tensor_port MATRIX[] = {PORT("x", TENSOR_FLOAT, 2, TENSOR_FREE, 3)};
static const struct tensor_port CUBE[] = {
    PORT("x", TENSOR_UINT8, 4, TENSOR_FREE, 2, TENSOR_FREE, 1)};
static const struct tensor_port SINGLE[] = {PORT("x", TENSOR_DOUBLE, 0, 0)};
static const struct tensor_port COLUMNS[] = {
    PORT("a", TENSOR_INT64, 2, TENSOR_FREE, 1), PORT("b", TENSOR_STRING, 2, TENSOR_FREE, 1),
    PORT("c", TENSOR_BOOL, 1, TENSOR_FREE), PORT("d", TENSOR_INT16, 1, 2)};
static const struct tensor_ports MODELS[] = {{MATRIX, COUNT(MATRIX)},
                                             {CUBE, COUNT(CUBE)},
                                             {SINGLE, COUNT(SINGLE)},
                                             {COLUMNS, COUNT(COLUMNS)}};

/* Aborts unless the tensor is what its port declares, to its last byte. */
static void check_tensor(const struct tensor_port *port, const struct tensor *tensor)
{
    CLEANUP(buf_free) struct buf text = buf_make(4 * MIB);
    size_t count = 1;

    if (tensor->type != port->type || tensor->rank != port->rank)
        abort();
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 0 ||
            (port->dims[i] != TENSOR_FREE && port->dims[i] != tensor->dims[i]))
            abort();
        count *= (size_t)tensor->dims[i];
    }
    if (count != tensor->count)
        abort();
    if (tensor->type == TENSOR_STRING)
        for (size_t i = 0; i < count; i++) {
            struct str one = ((const struct str *)tensor->data)[i];
            if (one.ptr[one.len] != '\0')
                abort();
        }
    tensor_write(&text, tensor);
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct error err = {0};
    if (buf_ok(&text, &err) == 0 && !json_parse(arena, buf_str(&text), &err))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    for (size_t m = 0; m < COUNT(MODELS); m++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(8 * MIB);
        struct tensor out[COUNT(COLUMNS)] = {0};
        struct error err = {0};
        struct json *value = json_parse(arena, (struct str){(const char *)bytes, size}, &err);
        if (!value)
            return 0;
        if (tensor_read_inputs(arena, value, &MODELS[m], out, &err) < 0) {
            if ((err.code != ERROR_INVALID && err.code != ERROR_TOO_LARGE) || !err.message[0])
                abort();
            continue;
        }
        for (size_t p = 0; p < MODELS[m].count; p++)
            check_tensor(&MODELS[m].at[p], &out[p]);
    }
    return 0;
}
