/* onnx.c - ONNX Runtime's C API behind three functions
 *
 * What the runtime allocates is released on every path; what it reports becomes our error with its
 * own sentence, since it names the node and the type at fault.
 */
#include "scoring/onnx.h"

#include "os/file.h"

#include <assert.h>
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <onnxruntime_c_api.h>

#define PORTS_MAX 512 /* inputs of a table model, one per column */

/* The runtime is process-wide by its nature: one library, one environment. */
static struct {
    const OrtApi *api;
    OrtEnv *env;
} ort;

/* A session and what it wants and gives; nothing in it changes after the opening, so requests need
 * no lock. */
struct onnx {
    OrtSession *session;
    struct arena *arena;
    struct tensor_port *inputs;
    const char **input_names;
    size_t input_count;
    struct tensor_port answer;
    const char *answer_name;
};

struct type_pair {
    ONNXTensorElementDataType theirs;
    enum tensor_type ours;
};

/* The types that JSON can carry; half floats and complex numbers are refused at the opening. */
static const struct type_pair TYPES[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, TENSOR_FLOAT},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, TENSOR_DOUBLE},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, TENSOR_INT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, TENSOR_INT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, TENSOR_INT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, TENSOR_INT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, TENSOR_UINT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, TENSOR_UINT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, TENSOR_UINT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, TENSOR_UINT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, TENSOR_BOOL},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, TENSOR_STRING},
};

/* False for what JSON cannot carry: half floats, complex numbers. */
static bool onnx_type_ours(ONNXTensorElementDataType theirs, enum tensor_type *out)
{
    assert(out);
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (TYPES[i].theirs == theirs) {
            *out = TYPES[i].ours;
            return true;
        }
    return false;
}

/* All of our types are in the table, so one is found. */
static ONNXTensorElementDataType onnx_type_theirs(enum tensor_type ours)
{
    assert(ours < TENSOR_TYPE_COUNT_);
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (TYPES[i].ours == ours)
            return TYPES[i].theirs;
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

/* Turns a status into 0 or -1 with the runtime's words behind ours, and frees it. */
static int onnx_check(OrtStatus *status, const char *what, struct error *err)
{
    assert(what);
    if (!status)
        return 0;
    OrtErrorCode code = ort.api->GetErrorCode(status);
    enum error_code ours = code == ORT_FAIL || code == ORT_RUNTIME_EXCEPTION || code == ORT_EP_FAIL
                               ? ERROR_INTERNAL
                               : ERROR_INVALID;
    error_set(err, ours, "", "%s: %.300s", what, ort.api->GetErrorMessage(status));
    ort.api->ReleaseStatus(status);
    return -1;
}

/* --- The library ---------------------------------------------------------------------------------
 */

/* The library within a virtual environment, whatever its Python's minor version. */
static void *onnx_open_within(struct str environment)
{
    char pattern[4096];
    glob_t found;
    void *library = NULL;

    snprintf(pattern, sizeof(pattern),
             "%.*s/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*",
             STR_ARG(environment));
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && !library; i++)
            library = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
        globfree(&found);
    }
    return library;
}

/* The environment's runtime first: it is the version that the deployment was tested with. */
int onnx_runtime_open(struct str environment, struct error *err)
{
    void *library = environment.len ? onnx_open_within(environment) : NULL;
    const OrtApiBase *(*get_base)(void);

    assert(!ort.api == !ort.env);
    if (ort.api)
        return 0;
    if (!library)
        library = dlopen("libonnxruntime.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        library = dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        error_set(err, ERROR_NOT_FOUND, "environment",
                  "ONNX Runtime is in neither the environment nor the system's libraries.");
        return error_hint(err, "Add the package onnxruntime to the deployment's environment.");
    }
    /* POSIX allows what ISO C does not: a data pointer from dlsym that is a function. */
    *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    const OrtApi *api = get_base ? get_base()->GetApi(ORT_API_VERSION) : NULL;
    if (!api)
        return error_set(err, ERROR_INVALID, "environment",
                         "ONNX Runtime %s is too old; its C API %d is needed.",
                         get_base ? get_base()->GetVersionString() : "found", ORT_API_VERSION);
    ort.api = api;
    if (onnx_check(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "lazurite", &ort.env),
                   "ONNX Runtime does not start", err) < 0) {
        ort.api = NULL; /* else the next call would take it for opened */
        return -1;
    }
    return 0;
}

/* --- The model -----------------------------------------------------------------------------------
 */

/* Fills a port from a type; 1 a tensor, 0 something else (a map, a sequence, an exotic element). */
static int onnx_read_port(const OrtTypeInfo *info, struct tensor_port *out, struct error *err)
{
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    enum ONNXType type;

    assert(info && out);
    if (onnx_check(ort.api->GetOnnxTypeFromTypeInfo(info, &type), "Model type", err) < 0)
        return -1;
    if (type != ONNX_TYPE_TENSOR)
        return 0;
    if (onnx_check(ort.api->CastTypeInfoToTensorInfo(info, &shape), "Model type", err) < 0 ||
        onnx_check(ort.api->GetTensorElementType(shape, &element), "Model type", err) < 0 ||
        onnx_check(ort.api->GetDimensionsCount(shape, &out->rank), "Model shape", err) < 0)
        return -1;
    if (out->rank > TENSOR_RANK_MAX || !onnx_type_ours(element, &out->type))
        return 0;
    if (onnx_check(ort.api->GetDimensions(shape, out->dims, out->rank), "Model shape", err) < 0)
        return -1;
    for (size_t i = 0; i < out->rank; i++)
        if (out->dims[i] < 0)
            out->dims[i] = TENSOR_FREE;
    return 1;
}

/* The name of input or output `index`, in the model's arena. */
static int onnx_port_name(struct onnx *model, bool input, size_t index, const char **out,
                          struct error *err)
{
    assert(ort.api && model->session);
    OrtAllocator *allocator = NULL;
    char *name = NULL;

    if (onnx_check(ort.api->GetAllocatorWithDefaultOptions(&allocator), "ONNX Runtime", err) < 0)
        return -1;
    OrtStatus *status =
        input ? ort.api->SessionGetInputName(model->session, index, allocator, &name)
              : ort.api->SessionGetOutputName(model->session, index, allocator, &name);
    if (onnx_check(status, "Model name", err) < 0)
        return -1;
    *out = arena_cstr(model->arena, str_from(name));
    allocator->Free(allocator, name);
    return 0;
}

/* Every input must be a tensor: there is no JSON for maps and sequences. */
static int onnx_read_inputs(struct onnx *model, struct error *err)
{
    size_t count = 0;

    assert(model->session);
    if (onnx_check(ort.api->SessionGetInputCount(model->session, &count), "Model inputs", err) < 0)
        return -1;
    if (count == 0 || count > PORTS_MAX)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "model",
                         "The model has %zu inputs; 1 to %d can be served.", count, PORTS_MAX);
    model->inputs = arena_new_array(model->arena, struct tensor_port, count);
    model->input_names = arena_new_array(model->arena, const char *, count);
    model->input_count = count;
    for (size_t i = 0; i < count; i++) {
        OrtTypeInfo *info = NULL;
        if (onnx_port_name(model, true, i, &model->input_names[i], err) < 0 ||
            onnx_check(ort.api->SessionGetInputTypeInfo(model->session, i, &info), "Model inputs",
                       err) < 0)
            return -1;
        int is_tensor = onnx_read_port(info, &model->inputs[i], err);
        ort.api->ReleaseTypeInfo(info);
        if (is_tensor == 0)
            return error_set(err, ERROR_NOT_IMPLEMENTED, "model",
                             "Input '%s' of the model is no tensor that can be sent as JSON.",
                             model->input_names[i]);
        if (is_tensor < 0)
            return -1;
        model->inputs[i].name = str_from(model->input_names[i]);
    }
    return 0;
}

/* The first output that can be written as JSON. */
static int onnx_read_answer(struct onnx *model, struct error *err)
{
    size_t count = 0;

    assert(model->session);
    if (onnx_check(ort.api->SessionGetOutputCount(model->session, &count), "Model outputs", err) <
        0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        OrtTypeInfo *info = NULL;
        if (onnx_check(ort.api->SessionGetOutputTypeInfo(model->session, i, &info), "Model outputs",
                       err) < 0)
            return -1;
        int is_tensor = onnx_read_port(info, &model->answer, err);
        ort.api->ReleaseTypeInfo(info);
        if (is_tensor < 0 ||
            (is_tensor && onnx_port_name(model, false, i, &model->answer_name, err) < 0))
            return -1;
        if (is_tensor) {
            model->answer.name = str_from(model->answer_name);
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_IMPLEMENTED, "model",
                     "None of the model's %zu outputs is a tensor; convert it without ZipMap.",
                     count);
}

/* One thread per run: requests are what we compute at once, and they would fight over the cores. */
static int onnx_open_session(struct onnx *model, const char *path, struct error *err)
{
    assert(model->arena);
    OrtSessionOptions *options = NULL;

    if (onnx_check(ort.api->CreateSessionOptions(&options), "ONNX Runtime", err) < 0)
        return -1;
    /* Requests run beside each other on our own workers: one thread each is the most rows a second.
     */
    int result = onnx_check(ort.api->SetIntraOpNumThreads(options, 1), "ONNX Runtime", err);
    if (result == 0)
        result = onnx_check(ort.api->CreateSession(ort.env, path, options, &model->session),
                            "The model cannot be loaded", err);
    ort.api->ReleaseSessionOptions(options);
    if (result < 0 && err)
        err->code = ERROR_INVALID;
    return result;
}

/* What fails half-way frees what it has. */
int onnx_load(const char *path, struct onnx **out, struct error *err)
{
    CLEANUP(onnx_free) struct onnx *model = calloc(1, sizeof(*model));

    assert(ort.api && path);
    if (!model)
        abort();
    model->arena = arena_new(MIB);
    if (onnx_open_session(model, path, err) < 0 || onnx_read_inputs(model, err) < 0 ||
        onnx_read_answer(model, err) < 0)
        return -1;
    *out = model;
    model = NULL;
    return 0;
}

/* The runtime itself stays loaded: it cannot be taken out again safely. */
void onnx_free(struct onnx **model)
{
    assert(model);
    if (!*model)
        return;
    if ((*model)->session)
        ort.api->ReleaseSession((*model)->session);
    arena_free(&(*model)->arena);
    free(*model);
    *model = NULL;
}

/* As the model declares them. */
const struct tensor_port *onnx_inputs(const struct onnx *model, size_t *out_count)
{
    assert(model->input_count > 0);
    *out_count = model->input_count;
    return model->inputs;
}

/* As the model declares it; a run may give other sizes where it says -1. */
const struct tensor_port *onnx_answer(const struct onnx *model)
{
    assert(model->answer_name);
    return &model->answer;
}

/* --- One run -------------------------------------------------------------------------------------
 */

/* Texts are copied by the runtime, one by one. */
static int onnx_make_text(struct arena *arena, const struct tensor *t, OrtValue **out,
                          struct error *err)
{
    assert(t->type == TENSOR_STRING);
    OrtAllocator *allocator = NULL;
    const char **texts = arena_new_array(arena, const char *, t->count + 1);

    for (size_t i = 0; i < t->count; i++)
        texts[i] = ((const struct str *)t->data)[i].ptr;
    if (onnx_check(ort.api->GetAllocatorWithDefaultOptions(&allocator), "ONNX Runtime", err) < 0 ||
        onnx_check(ort.api->CreateTensorAsOrtValue(allocator, t->dims, t->rank,
                                                   ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, out),
                   "Input", err) < 0)
        return -1;
    return onnx_check(ort.api->FillStringTensor(*out, texts, t->count), "Input", err);
}

/* Numbers are used where they lie; only texts are copied. */
static int onnx_make_value(struct arena *arena, const struct tensor *t, OrtValue **out,
                           struct error *err)
{
    assert(t->count == 0 || t->data);
    OrtMemoryInfo *memory = NULL;

    if (t->type == TENSOR_STRING)
        return onnx_make_text(arena, t, out, err);
    if (onnx_check(ort.api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory),
                   "ONNX Runtime", err) < 0)
        return -1;
    int result = onnx_check(ort.api->CreateTensorWithDataAsOrtValue(
                                memory, t->data, t->count * tensor_type_size(t->type), t->dims,
                                t->rank, onnx_type_theirs(t->type), out),
                            "Input", err);
    ort.api->ReleaseMemoryInfo(memory);
    return result;
}

/* The texts lie one after another, their offsets beside; each gets the NUL that a tensor promises.
 * */
static int onnx_read_texts(struct arena *arena, OrtValue *value, struct tensor *out,
                           struct error *err)
{
    struct str *texts = arena_new_array(arena, struct str, out->count + 1);

    assert(value);
    for (size_t i = 0; i < out->count; i++) {
        size_t length = 0;
        if (onnx_check(ort.api->GetStringTensorElementLength(value, i, &length), "Output", err) < 0)
            return -1;
        char *text = arena_alloc(arena, length + 1);
        if (onnx_check(ort.api->GetStringTensorElement(value, length, i, text), "Output", err) < 0)
            return -1;
        texts[i] = (struct str){text, length};
    }
    out->data = texts;
    return 0;
}

/* Copies the output before the runtime frees it. */
static int onnx_read_value(struct arena *arena, OrtValue *value, struct tensor *out,
                           struct error *err)
{
    assert(value);
    OrtTensorTypeAndShapeInfo *shape = NULL;
    ONNXTensorElementDataType element;
    void *data = NULL;

    if (onnx_check(ort.api->GetTensorTypeAndShape(value, &shape), "Output", err) < 0)
        return -1;
    int result = onnx_check(ort.api->GetTensorElementType(shape, &element), "Output", err);
    if (result == 0)
        result = onnx_check(ort.api->GetDimensionsCount(shape, &out->rank), "Output", err);
    if (result == 0 && (out->rank > TENSOR_RANK_MAX || !onnx_type_ours(element, &out->type)))
        result = error_set(err, ERROR_NOT_IMPLEMENTED, "", "The output cannot be written as JSON.");
    if (result == 0)
        result = onnx_check(ort.api->GetDimensions(shape, out->dims, out->rank), "Output", err);
    if (result == 0)
        result = onnx_check(ort.api->GetTensorShapeElementCount(shape, &out->count), "Output", err);
    ort.api->ReleaseTensorTypeAndShapeInfo(shape);
    if (result < 0)
        return -1;
    if (out->type == TENSOR_STRING)
        return onnx_read_texts(arena, value, out, err);
    size_t bytes = out->count * tensor_type_size(out->type);
    if (arena_fits(arena, bytes, err) < 0 ||
        onnx_check(ort.api->GetTensorMutableData(value, &data), "Output", err) < 0)
        return -1;
    out->data = arena_alloc(arena, bytes + 1);
    if (bytes)
        memcpy(out->data, data, bytes);
    return 0;
}

/* The session is shared by all workers; what a run makes is its own. */
int onnx_run(const struct onnx *model, struct arena *arena, const struct tensor *inputs,
             struct tensor *out, struct error *err)
{
    size_t count = model->input_count, made = 0;
    OrtValue **values = arena_new_array(arena, OrtValue *, count);
    OrtValue *answer = NULL;
    int result = 0;

    assert(ort.api && count > 0);
    for (; made < count && result == 0; made++)
        result = onnx_make_value(arena, &inputs[made], &values[made], err);
    if (result == 0)
        result = onnx_check(ort.api->Run(model->session, NULL, model->input_names,
                                         (const OrtValue *const *)values, count,
                                         &model->answer_name, 1, &answer),
                            "The model refused the input", err);
    if (result == 0)
        result = onnx_read_value(arena, answer, out, err);
    for (size_t i = 0; i < made; i++)
        if (values[i])
            ort.api->ReleaseValue(values[i]);
    if (answer)
        ort.api->ReleaseValue(answer);
    return result;
}

/* --- The file ------------------------------------------------------------------------------------
 */

/* The one file of that kind in the model's folder. */
struct onnx_search {
    struct arena *arena;
    struct str found;
};

/* Notes the first model and refuses a second: which one is meant is not ours to guess. */
static int onnx_visit(const struct dir_entry *entry, void *context, struct error *err)
{
    struct onnx_search *search = context;

    assert(context);
    if (!S_ISREG(entry->status.st_mode) || !str_ends(entry->path, STR(".onnx")))
        return 0;
    if (search->found.len)
        return error_set(err, ERROR_INVALID, "model",
                         "The model holds more than one .onnx file (%.*s and %.*s); say which by a "
                         "scoring script.",
                         STR_ARG(search->found), STR_ARG(entry->path));
    search->found = arena_str(search->arena, entry->path);
    return 0;
}

/* Deeper than one folder too: uploads keep the folder's name. */
int onnx_find(struct arena *arena, int dir, struct str *out_path, struct error *err)
{
    struct onnx_search search = {.arena = arena};

    assert(out_path);
    if (dir_walk(dir, onnx_visit, &search, err) < 0)
        return -1;
    if (!search.found.len)
        return error_set(err, ERROR_INVALID, "model",
                         "The model holds no .onnx file, and there is no scoring script.");
    *out_path = search.found;
    return 0;
}
