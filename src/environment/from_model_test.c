#include "base/test.h"
#include "environment/from_model.h"
#include "os/file.h"

static int fresh_folder(const char *name)
{
    struct error err = {0};
    CLEANUP(fd_close) int parent = dir_open(test_folder(), &err);

    CHECK_OK(dir_remove_tree(parent, name, &err), &err);
    int dir = dir_open_at(parent, name, 0700, &err);
    CHECK(dir >= 0);
    return dir;
}

static void put(int dir, const char *path, const char *text)
{
    struct error err = {0};

    CHECK_OK(file_write_atomic(dir, path, str_from(text), 0600, &err), &err);
}

static int from_model(struct arena *arena, int dir, struct json **out, struct error *err)
{
    struct json *asked = json_parse(
        arena, STR("{\"kind\":\"python\",\"fromModel\":\"model\",\"overlay\":[\"gunicorn\"]}"),
        err);

    CHECK(asked != NULL);
    return environment_from_model(arena, dir, asked, out, err);
}

TEST(requirements_beside_the_mlmodel_are_the_packages)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = fresh_folder("requirements");
    struct error err = {0};
    struct json *out;

    CHECK_OK(dir_make(dir, "iris/deeper", 0700, &err), &err);
    put(dir, "iris/MLmodel", "flavors: {}\n");
    put(dir, "iris/deeper/MLmodel", "flavors: {}\n");
    put(dir, "iris/requirements.txt",
        "# made by a test\nmlflow==3.1  # the tracker\n\nscikit-learn>=1.5; python_version > "
        "'3.8'\n"
        "pandas[parquet]==2.2");
    put(dir, "iris/deeper/requirements.txt", "wrong\n");
    put(dir, "iris/python_env.yaml", "python: 3.11.7\nbuild_dependencies:\n- pip\n");
    CHECK_OK(from_model(arena, dir, &out, &err), &err);
    CHECK_STR("{\"kind\":\"python\",\"overlay\":[\"gunicorn\"],\"packages\":[\"mlflow==3.1\","
              "\"scikit-learn>=1.5; python_version > "
              "'3.8'\",\"pandas[parquet]==2.2\"],\"python\":\"3.11\"}",
              json_write(arena, json_sorted(arena, out)));
}

TEST(a_conda_file_is_read_when_there_are_no_requirements)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = fresh_folder("conda");
    struct error err = {0};
    struct json *out;

    put(dir, "MLmodel", "flavors: {}\n");
    put(dir, "conda.yaml", "dependencies:\n- python=3.10.2\n- pip\n- pip:\n  - mlflow==2.9\n");
    CHECK_OK(from_model(arena, dir, &out, &err), &err);
    CHECK_STR("3.10", json_str_at(out, "python"));
    CHECK_STR("mlflow==2.9", json_str_at(out, "packages[0]"));
}

TEST(lines_that_reach_elsewhere_are_refused)
{
    static const char *const BAD[] = {"-r other.txt\n",
                                      "--index-url https://example.test\n",
                                      "./local\n",
                                      "x @ https://example.test/x.whl\n",
                                      "https://e.test/x.whl\n",
                                      "dir/x.whl\n"};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = fresh_folder("bad");
    struct json *out = NULL;

    put(dir, "MLmodel", "flavors: {}\n");
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct error err = {0};
        put(dir, "requirements.txt", BAD[i]);
        CHECK_ERROR(ERROR_INVALID, from_model(arena, dir, &out, &err), &err);
        CHECK(out == NULL);
    }
}

TEST(a_folder_without_mlmodel_or_list_says_which_is_missing)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int dir = fresh_folder("none");
    struct error err = {0};
    struct json *out;

    CHECK_ERROR(ERROR_INVALID, from_model(arena, dir, &out, &err), &err);
    CHECK_STR("The model folder holds no file named MLmodel.", str_from(err.message));
    put(dir, "MLmodel", "flavors: {}\n");
    CHECK_ERROR(ERROR_INVALID, from_model(arena, dir, &out, &err), &err);
    CHECK_STR("The MLflow model has neither requirements.txt nor conda.yaml.",
              str_from(err.message));
}
