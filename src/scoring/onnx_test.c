#include "base/test.h"
#include "os/file.h"
#include "scoring/onnx.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Models of a few nodes, as the onnx package writes them: y = x.w + b; sums of two columns beside a
 * text column; a sequence before a tensor; a sequence alone. */
/* clang-format off */
static const unsigned char LINE[] = {
    8, 8, 18, 0, 58, 103, 10, 18, 10, 1, 120, 10, 1, 119, 10, 1, 98, 18, 1, 121, 34, 4, 71, 101,
    109, 109, 18, 1, 103, 42, 19, 8, 2, 8, 1, 16, 1, 66, 1, 119, 74, 8, 0, 0, 0, 64, 0, 0, 128,
    191, 42, 13, 8, 1, 16, 1, 66, 1, 98, 74, 4, 0, 0, 0, 63, 90, 20, 10, 1, 120, 18, 15, 10, 13,
    8, 1, 18, 9, 10, 3, 18, 1, 110, 10, 2, 8, 2, 98, 20, 10, 1, 121, 18, 15, 10, 13, 8, 1, 18,
    9, 10, 3, 18, 1, 110, 10, 2, 8, 1, 66, 4, 10, 0, 16, 13,
};
static const unsigned char PAIR[] = {
    8, 8, 18, 0, 58, 147, 1, 10, 14, 10, 1, 97, 10, 1, 98, 18, 1, 115, 34, 3, 65, 100, 100, 10,
    16, 10, 1, 116, 18, 1, 117, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1, 103, 90,
    20, 10, 1, 97, 18, 15, 10, 13, 8, 7, 18, 9, 10, 3, 18, 1, 110, 10, 2, 8, 1, 90, 20, 10, 1,
    98, 18, 15, 10, 13, 8, 7, 18, 9, 10, 3, 18, 1, 110, 10, 2, 8, 1, 90, 20, 10, 1, 116, 18, 15,
    10, 13, 8, 8, 18, 9, 10, 3, 18, 1, 110, 10, 2, 8, 1, 98, 20, 10, 1, 117, 18, 15, 10, 13, 8,
    8, 18, 9, 10, 3, 18, 1, 110, 10, 2, 8, 1, 98, 20, 10, 1, 115, 18, 15, 10, 13, 8, 7, 18, 9,
    10, 3, 18, 1, 110, 10, 2, 8, 1, 66, 4, 10, 0, 16, 13,
};
static const unsigned char SEQUENCE[] = {
    8, 8, 18, 0, 58, 103, 10, 25, 10, 1, 120, 18, 1, 113, 34, 17, 83, 101, 113, 117, 101, 110,
    99, 101, 67, 111, 110, 115, 116, 114, 117, 99, 116, 10, 16, 10, 1, 120, 18, 1, 121, 34, 8,
    73, 100, 101, 110, 116, 105, 116, 121, 18, 1, 103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1,
    18, 4, 10, 2, 8, 2, 98, 19, 10, 1, 113, 18, 14, 34, 12, 10, 10, 10, 8, 8, 1, 18, 4, 10, 2,
    8, 2, 98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 2, 66, 4, 10, 0, 16, 13,
};
static const unsigned char ONLY_SEQUENCE[] = {
    8, 8, 18, 0, 58, 68, 10, 25, 10, 1, 120, 18, 1, 113, 34, 17, 83, 101, 113, 117, 101, 110,
    99, 101, 67, 111, 110, 115, 116, 114, 117, 99, 116, 18, 1, 103, 90, 15, 10, 1, 120, 18, 10,
    10, 8, 8, 1, 18, 4, 10, 2, 8, 2, 98, 19, 10, 1, 113, 18, 14, 34, 12, 10, 10, 10, 8, 8, 1,
    18, 4, 10, 2, 8, 2, 66, 4, 10, 0, 16, 13,
};
/* clang-format on */

/* The environment to take the runtime from; without one these tests cannot say anything. */
static void need_runtime(void)
{
    const char *environment = getenv("LAZURITE_TEST_ENVIRONMENT");
    struct error err = {0};

    if (onnx_runtime_open(str_from(environment), &err) < 0) {
        if (environment)
            fail_msg("%s", err.message);
        skip();
    }
}

static struct onnx *load(const unsigned char *bytes, size_t size, struct error *err)
{
    struct onnx *model = NULL;
    char path[300];

    snprintf(path, sizeof(path), "%s/model.onnx", test_folder());
    CLEANUP(fd_close) int dir = dir_open(test_folder(), err);
    CHECK_OK(
        file_write_atomic(dir, "model.onnx", (struct str){(const char *)bytes, size}, 0600, err),
        err);
    return onnx_load(path, &model, err) < 0 ? NULL : model;
}
#define LOAD(bytes, err) load(bytes, sizeof(bytes), err)

/* Scores `text` and gives the reply. */
static void check_scores(const struct onnx *model, const char *text, const char *expected)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(buf_free) struct buf reply = buf_make(KIB);
    struct tensor inputs[4] = {0}, out = {0};
    struct error err = {0};
    size_t count;

    const struct tensor_port *ports = onnx_inputs(model, &count);
    struct json *data = json_parse(arena, str_from(text), &err);
    CHECK(data && count <= COUNT(inputs));
    const struct tensor_ports wanted = {ports, count};
    CHECK_OK(tensor_read_inputs(arena, data, &wanted, inputs, &err), &err);
    CHECK_OK(onnx_run(model, arena, inputs, &out, &err), &err);
    tensor_write(&reply, &out);
    CHECK_STR(expected, buf_str(&reply));
}

TEST(a_model_says_what_it_takes_and_scores_rows)
{
    struct error err = {0};
    size_t count;

    need_runtime();
    CLEANUP(onnx_free) struct onnx *model = LOAD(LINE, &err);
    CHECK(model != NULL);
    const struct tensor_port *ports = onnx_inputs(model, &count);
    CHECK_INT(1, count);
    CHECK_STR("x", ports[0].name);
    CHECK_INT(TENSOR_FLOAT, ports[0].type);
    CHECK_INT(TENSOR_FREE, ports[0].dims[0]);
    CHECK_INT(2, ports[0].dims[1]);
    CHECK_STR("y", onnx_answer(model)->name);
    check_scores(model, "[[1,1],[0,2]]", "[1.5,-1.5]");
    check_scores(model, "[[0.25,0]]", "[1.0]");
}

TEST(a_model_of_columns_answers_with_its_first_output)
{
    struct error err = {0};

    need_runtime();
    CLEANUP(onnx_free) struct onnx *model = LOAD(PAIR, &err);
    CHECK(model != NULL);
    check_scores(model, "{\"columns\":[\"t\",\"b\",\"a\"],\"data\":[[\"x\",1,2],[\"y y\",3,4]]}",
                 "[\"x\",\"y y\"]");
}

TEST(outputs_that_are_no_tensors_are_passed_over)
{
    struct error err = {0};

    need_runtime();
    CLEANUP(onnx_free) struct onnx *model = LOAD(SEQUENCE, &err);
    CHECK(model != NULL);
    CHECK_STR("y", onnx_answer(model)->name);
    check_scores(model, "[1,2.5]", "[1.0,2.5]");
}

TEST(a_model_without_a_tensor_to_answer_with_is_refused)
{
    struct error err = {0};

    need_runtime();
    CHECK(LOAD(ONLY_SEQUENCE, &err) == NULL);
    CHECK_INT(ERROR_NOT_IMPLEMENTED, err.code);
    CHECK_STR("None of the model's 1 outputs is a tensor; convert it without ZipMap.",
              str_from(err.message));
}

TEST(a_file_that_is_no_model_is_refused_with_the_reason)
{
    static const unsigned char NONSENSE[] = "this is not a model";
    struct error err = {0};

    need_runtime();
    CHECK(LOAD(NONSENSE, &err) == NULL);
    CHECK_INT(ERROR_INVALID, err.code);
    CHECK(str_starts(str_from(err.message), STR("The model cannot be loaded: ")));
    /* A model cut in half is none either. */
    CHECK(load(LINE, sizeof(LINE) / 2, &err) == NULL);
    CHECK_INT(ERROR_INVALID, err.code);
}

TEST(the_one_onnx_file_is_found_at_any_depth)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str path = {0};

    CLEANUP(fd_close) int parent = dir_open(test_folder(), &err);
    CLEANUP(fd_close) int dir = dir_open_at(parent, "find", 0700, &err);
    CHECK_ERROR(ERROR_INVALID, onnx_find(arena, dir, &path, &err), &err);
    CHECK_OK(dir_make(dir, "a/b", 0700, &err), &err);
    CHECK_OK(file_write_atomic(dir, "a/b/m.onnx", STR("x"), 0600, &err), &err);
    CHECK_OK(file_write_atomic(dir, "a/README.md", STR("x"), 0600, &err), &err);
    CHECK_OK(onnx_find(arena, dir, &path, &err), &err);
    CHECK_STR("a/b/m.onnx", path);
    CHECK_OK(file_write_atomic(dir, "z.onnx", STR("x"), 0600, &err), &err);
    CHECK_ERROR(ERROR_INVALID, onnx_find(arena, dir, &path, &err), &err);
    CHECK(str_find(str_from(err.message), STR("a/b/m.onnx and z.onnx")) > 0);
}

TEST(without_a_runtime_the_package_to_add_is_named)
{
    struct error err = {0};

    if (getenv("LAZURITE_TEST_ENVIRONMENT"))
        skip();
    if (onnx_runtime_open(STR("/nonexistent"), &err) == 0)
        skip();
    CHECK_INT(ERROR_NOT_FOUND, err.code);
    CHECK(str_find(str_from(err.hint), STR("onnxruntime")) > 0);
}
