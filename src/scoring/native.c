/* native.c - the engine that scores in this process: ONNX Runtime, no Python
 *
 * Everything of one request lives in its arena, and the runtime takes any number of runs at once,
 * so workers share one model without a lock.
 */
#include "os/file.h"
#include "scoring/engine.h"
#include "scoring/onnx.h"

#include <assert.h>
#include <stdlib.h>

#define REPLY_BYTES (64 * MIB) /* a reply is kept whole, as a request is */

/* The model in this process: no Python takes part in an answer. */
struct scoring {
    struct onnx *model;
};

/* The file is found before the runtime is loaded: a model without one needs no runtime to be
 * refused. */
static int native_open(const struct scoring_options *options, struct scoring **out,
                       struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close)
    int dir = dir_open_at(options->folder, arena_cstr(arena, options->model), 0, err);
    struct onnx *model = NULL;
    struct str file;

    assert(options->folder >= 0);
    if (dir < 0 || onnx_find(arena, dir, &file, err) < 0 ||
        onnx_runtime_open(options->environment, err) < 0)
        return -1;
    struct str path = arena_printf(arena, "%.*s/%.*s", STR_ARG(options->model), STR_ARG(file));
    if (onnx_load(path.ptr, &model, err) < 0)
        return -1;
    *out = malloc(sizeof(**out));
    if (!*out)
        abort();
    (*out)->model = model;
    return 0;
}

/* Loading is all done in open. */
static int native_ready(struct scoring *scoring, struct error *)
{
    assert(scoring->model);
    return 1;
}

/* -1 in the shape: the request chooses. */
static struct json *native_port(struct arena *arena, const struct tensor_port *port)
{
    struct json *value = json_object(arena), *shape = json_array(arena);

    assert(port->rank <= TENSOR_RANK_MAX);
    json_set_str(arena, value, "name", port->name);
    json_set_str(arena, value, "type", str_from(tensor_type_name(port->type)));
    for (size_t i = 0; i < port->rank; i++)
        json_append(arena, shape, json_int(arena, port->dims[i]));
    json_set(arena, value, STR("shape"), shape);
    return value;
}

/* From the model itself, so it is never out of date. */
static struct json *native_describe(struct scoring *scoring, struct arena *arena)
{
    struct json *value = json_object(arena), *inputs = json_array(arena),
                *outputs = json_array(arena);
    size_t count;
    const struct tensor_port *ports = onnx_inputs(scoring->model, &count);

    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        json_append(arena, inputs, native_port(arena, &ports[i]));
    json_append(arena, outputs, native_port(arena, onnx_answer(scoring->model)));
    json_set(arena, value, STR("inputs"), inputs);
    json_set(arena, value, STR("outputs"), outputs);
    return value;
}

/* From body to reply text; everything lives in the exchange's arena. */
static int native_answer(struct scoring *scoring, struct http_exchange *ex, struct str *out,
                         struct error *err)
{
    struct arena *arena = http_arena(ex);
    CLEANUP(buf_free) struct buf reply = buf_make(REPLY_BYTES);
    struct tensor answer = {0};
    size_t count;

    assert(out);
    const struct tensor_port *ports = onnx_inputs(scoring->model, &count);
    const struct tensor_ports wanted = {ports, count};
    struct json *body = json_parse(arena, http_body(ex), err);
    if (!body)
        return -1;
    struct tensor *inputs = arena_new_array(arena, struct tensor, count);
    if (tensor_read_inputs(arena, json_get(body, STR("input_data")), &wanted, inputs, err) < 0 ||
        onnx_run(scoring->model, arena, inputs, &answer, err) < 0)
        return -1;
    tensor_write(&reply, &answer);
    if (buf_ok(&reply, err) < 0)
        return -1;
    *out = arena_str(arena, buf_str(&reply));
    return 0;
}

/* Never half an answer: the text is whole before the reply begins. */
static void native_score(struct scoring *scoring, struct http_exchange *ex)
{
    struct error err = {0};
    struct str reply;

    assert(scoring->model);
    if (native_answer(scoring, ex, &reply, &err) < 0)
        scoring_refuse(ex, &err);
    else
        http_reply(ex, 200, "application/json", reply);
}

/* Nobody computes any more: the server was stopped before. */
static void native_close(struct scoring *scoring)
{
    assert(scoring);
    onnx_free(&scoring->model);
    free(scoring);
}

const struct scoring_engine scoring_onnx = {
    .name = "onnx",
    .where = HTTP_ON_WORKER,
    .open = native_open,
    .ready = native_ready,
    .describe = native_describe,
    .score = native_score,
    .close = native_close,
};
