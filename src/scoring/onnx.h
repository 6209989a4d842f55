/* onnx.h - a loaded ONNX model: what it takes and gives, and one run of it
 *
 * ONNX Runtime is opened with dlopen from the environment that the deployment names, so that one
 * executable serves any version that still offers our API level.
 */
#pragma once

#include "scoring/tensor.h"

struct onnx;

/* Finds and opens the runtime: in `environment`'s site-packages/onnxruntime/capi, else as the
 * loader finds libonnxruntime.so. Opening it again is free. Errors: ERROR_NOT_FOUND naming the
 * package to add, ERROR_INVALID for one that is too old. */
int onnx_runtime_open(struct str environment, struct error *err);

/* Loads the model file (relative to the working directory). Errors: ERROR_INVALID with the
 * runtime's own reason for a file that is no model; ERROR_NOT_IMPLEMENTED for inputs, or only
 * outputs, that are no tensors. Owns: the caller. */
int onnx_load(const char *path, struct onnx **out, struct error *err);
void onnx_free(struct onnx **model);

/* Its inputs; and the output that answers: the first that is a tensor (classifiers converted from
 * scikit-learn give the label first; the maps of ZipMap are passed over). */
const struct tensor_port *onnx_inputs(const struct onnx *model, size_t *out_count);
const struct tensor_port *onnx_answer(const struct onnx *model);

/* Runs the model; out's data live in the arena. Threads: any number at once. */
int onnx_run(const struct onnx *model, struct arena *arena, const struct tensor *inputs,
             struct tensor *out, struct error *err);

/* The one .onnx file beneath a folder, relative to it. Errors: ERROR_INVALID when there is none or
 * more than one, naming two. */
int onnx_find(struct arena *arena, int dir, struct str *out_path, struct error *err);
