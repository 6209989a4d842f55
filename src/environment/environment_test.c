#include "environment/environment.h"

#include "base/test.h"
#include "environment/conda.h"
#include "environment/curated.h"
#include "environment/uv.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An environment version's properties with a conda file. */
static struct json *with_conda(struct arena *arena, const char *text)
{
    struct json *properties = json_object(arena);

    json_set_str(arena, properties, "condaFile", str_from(text));
    return properties;
}

static struct json *describe(struct arena *arena, const struct json *properties, struct json *notes)
{
    struct environment_describe what = {.properties = properties};
    struct json *environment = NULL;
    struct error err = {0};

    CHECK_OK(environment_describe(arena, &what, &environment, notes, &err), &err);
    return environment;
}

TEST(no_properties_are_the_host)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *notes = json_array(arena);

    CHECK_STR("{\"kind\":\"host\"}", json_write(arena, describe(arena, NULL, notes)));
    CHECK_INT(0, json_count(notes));
}

TEST(an_image_alone_is_the_host_and_says_so)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *notes = json_array(arena), *properties = json_object(arena), *environment;
    struct environment_describe what = {.properties = properties, .images_missing = IMAGES_FAIL};
    struct error err = {0};

    json_set_str(arena, properties, "image", STR("ubuntu:22.04"));
    CHECK_STR("host", json_str_at(describe(arena, properties, notes), "kind"));
    CHECK_INT(1, json_count(notes));
    CHECK(str_find(json_str_at(notes, "[0]"), STR("ubuntu:22.04")) > 0);
    CHECK_ERROR(ERROR_INVALID, environment_describe(arena, &what, &environment, notes, &err), &err);
    CHECK(strstr(err.message, "ubuntu:22.04") && err.hint[0]);
}

TEST(a_conda_file_gives_python_and_packages)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *notes = json_array(arena);
    struct json *environment = describe(
        arena,
        with_conda(arena, "name: x\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n"
                          "  - pip\n  - conda-forge::numpy=1.26\n  - pytorch==2.1.0\n"
                          "  - pip:\n      - mlflow\n      - scikit-learn>=1.3,<2\n"),
        notes);

    CHECK_STR(
        "{\"kind\":\"python\",\"python\":\"3.11\",\"packages\":[\"numpy==1.26.*\",\"torch==2.1.0\","
        "\"mlflow\",\"scikit-learn>=1.3,<2\"]}",
        json_write(arena, environment));
    CHECK_INT(2, json_count(notes));
}

TEST(a_build_of_conda_means_nothing_to_pip)
{
    static const char *const PAIRS[][2] = {
        {"numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"},
        {"numpy==1.26.4=py311h64a7726_0", "numpy==1.26.4"},
        {"numpy 1.26.4 py311h64a7726_0", "numpy==1.26.4"},
        {"numpy 1.26.4", "numpy==1.26.4"},
        {"numpy==1.26.4", "numpy==1.26.4"},
        {"numpy=1.26", "numpy==1.26.*"},
        {"numpy>=1.26,<2", "numpy>=1.26,<2"},
        {"conda-forge::numpy!=1.25", "numpy!=1.25"},
        {"numpy", "numpy"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(PAIRS); i++) {
        struct str text = arena_printf(arena, "dependencies:\n  - %s\n", PAIRS[i][0]);
        struct error err = {0};
        struct conda conda;
        CHECK_OK(conda_read(arena, text, &conda, &err), &err);
        CHECK_INT(1, json_count(conda.packages));
        CHECK_STR(PAIRS[i][1], json_str_at(conda.packages, "[0]"));
    }
}

TEST(python_versions_are_read_as_conda_means_them)
{
    static const struct {
        const char *spec, *version;
    } CASES[] = {{"python=3.9", "3.9"},   {"python=3.10.4", "3.10"}, {"python==3.12.*", "3.12"},
                 {"python>=3.8", "3.11"}, {"python", "3.11"},        {"python=3", "3.11"},
                 {"python 3.10", "3.10"}};
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str text = arena_printf(arena, "dependencies: ['%s']", CASES[i].spec);
        struct conda conda;
        struct error err = {0};
        CHECK_OK(conda_read(arena, text, &conda, &err), &err);
        CHECK_STR(CASES[i].version, conda.python);
    }
}

TEST(what_a_conda_file_cannot_ask_for_is_named_with_its_line)
{
    static const struct {
        const char *text, *line, *word;
    } CASES[] = {
        {"dependencies:\n  - python=3.11\n  - cudatoolkit=11\n", "Line 3", "cudatoolkit"},
        {"dependencies:\n  - pip:\n    - -r other.txt\n", "Line 3", "other.txt"},
        {"dependencies:\n  - pip:\n    - ./wheel.whl\n", "Line 3", "wheel.whl"},
        {"dependencies:\n  - pip:\n    - 7\n", "Line 3", "text"},
        {"dependencies:\n  - npm: [x]\n", "Line 2", "pip:"},
        {"dependencies:\n  - =3\n", "Line 2", "=3"},
        {"dependencies: [\n", "", "read at"},
        {"name: x\n", "", "dependencies"},
        {"- x\n", "", "dependencies"},
        {"dependencies: numpy\n", "", "dependencies"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct environment_describe what = {.properties = with_conda(arena, CASES[i].text)};
        struct json *environment = NULL;
        struct error err = {0};
        CHECK_ERROR(ERROR_INVALID, environment_describe(arena, &what, &environment, NULL, &err),
                    &err);
        CHECK(strstr(err.message, CASES[i].line) && strstr(err.message, CASES[i].word));
        CHECK(environment == NULL);
    }
}

TEST(a_build_context_is_not_there_yet)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *properties = json_object(arena), *environment;
    struct environment_describe what = {.properties = properties};
    struct error err = {0};

    CHECK_OK(
        json_put(arena, properties, "build.contextUri", json_text(arena, STR("azureml://x")), &err),
        &err);
    CHECK_ERROR(ERROR_NOT_IMPLEMENTED, environment_describe(arena, &what, &environment, NULL, &err),
                &err);
}

TEST(an_overlay_is_passed_on)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str overlay[] = {STR_INIT("azureml-inference-server-http>=1.5")};
    struct environment_describe what = {.overlay = overlay, .overlay_count = 1};
    struct json *environment;
    struct error err = {0};

    CHECK_OK(environment_describe(arena, &what, &environment, NULL, &err), &err);
    CHECK_STR("{\"kind\":\"host\",\"overlay\":[\"azureml-inference-server-http>=1.5\"]}",
              json_write(arena, environment));
}

TEST(curated_environments_are_found_by_every_name)
{
    static const char *const NAMES[] = {"sklearn-1.5", "AzureML-sklearn-1.5", "SKLEARN-1.5"};
    static const char *const WRONG[] = {"",  "sklearn-9", "../environments/sklearn-1.5",
                                        ".", "azureml-",  "AzureML-azureml-sklearn-1.5"};
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        struct json *found = environment_curated(arena, str_from(NAMES[i]));
        CHECK(found != NULL);
        CHECK_STR("sklearn-1.5", json_str_at(found, "name"));
        CHECK(json_str_at(found, "version").len > 0);
        CHECK(str_find(json_str_at(found, "properties.condaFile"), STR("- mlflow")) > 0);
    }
    for (size_t i = 0; i < COUNT(WRONG); i++)
        CHECK(environment_curated(arena, str_from(WRONG[i])) == NULL);
}

TEST(a_curated_environment_brings_its_lock)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct json *found = environment_curated(arena, STR("sklearn-1.5"));
    struct json *environment = describe(arena, json_at(found, "properties"), NULL);

    CHECK_STR("python", json_str_at(environment, "kind"));
    CHECK(str_find(json_str_at(environment, "lock"), STR("scikit-learn==1.5.")) >= 0);
    CHECK(str_find(json_str_at(environment, "lock"), STR("--hash=sha256:")) > 0);
}

TEST(the_conda_file_shown_for_a_curated_environment_can_be_read)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct json *found = environment_curated(arena, STR("sklearn-1.5"));
    struct conda conda;
    struct error err = {0};

    CHECK_OK(conda_read(arena, json_str_at(found, "properties.condaFile"), &conda, &err), &err);
    CHECK_STR("3.11", conda.python);
    CHECK(json_count(conda.packages) > 6);
}

TEST(a_key_depends_on_content_not_on_order)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *a = json_parse(arena, STR("{\"kind\":\"python\",\"packages\":[\"x\"]}"), NULL);
    struct json *b = json_parse(arena, STR("{\"packages\":[\"x\"],\"kind\":\"python\"}"), NULL);
    struct json *c = json_parse(arena, STR("{\"packages\":[\"y\"],\"kind\":\"python\"}"), NULL);

    CHECK_INT(64, environment_key(arena, a).len);
    CHECK(str_eq(environment_key(arena, a), environment_key(arena, b)));
    CHECK(!str_eq(environment_key(arena, a), environment_key(arena, c)));
}

TEST(what_uv_says_becomes_one_sentence)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};

    CHECK_ERROR(
        ERROR_INVALID,
        uv_explain(arena,
                   STR("  \xc3\x97 No solution found when resolving dependencies:\n"
                       "  \xe2\x95\xb0\xe2\x94\x80\xe2\x96\xb6 Because there is no version of "
                       "foo==99 and you require foo==99, we can conclude that\n      your "
                       "requirements are unsatisfiable.\n"),
                   &err),
        &err);
    CHECK(strstr(err.message,
                 "Because there is no version of foo==99 and you require foo==99, we can conclude "
                 "that your requirements"));
    CHECK_ERROR(
        ERROR_UNAVAILABLE,
        uv_explain(arena,
                   STR("error: Request failed after 3 retries\n  Caused by: Failed to fetch: "
                       "`http://127.0.0.1:9/simple/foo/`\n"),
                   &err),
        &err);
    CHECK(strstr(err.message, "/simple/foo/"));
    CHECK_ERROR(ERROR_INVALID, uv_explain(arena, STR("error: odd\n"), &err), &err);
    CHECK(strstr(err.message, "odd"));
}

TEST(a_python_that_is_not_there_is_named)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    struct str path;

    CHECK_ERROR(ERROR_NOT_FOUND, uv_find_python(arena, STR("2.6"), &path, &err), &err);
    CHECK(strstr(err.message, "2.6"));
    CHECK_ERROR(ERROR_INVALID, uv_find_python(arena, STR("/../sh"), &path, &err), &err);
}

TEST(a_program_that_only_looks_for_a_python_is_none)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str before = arena_str(arena, str_from(getenv("PATH")));
    struct error err = {0};
    struct str path;
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);

    CHECK_OK(dir_make(base, "shims", 0700, &err), &err);
    CHECK_OK(dir_make(base, "real", 0700, &err), &err);
    CHECK_OK(file_write_atomic(base, "shims/python2.6", STR("#!/bin/sh\nexit 127\n"), 0700, &err),
             &err);
    setenv("PATH", arena_printf(arena, "%s/shims:%s/real", test_folder(), test_folder()).ptr, 1);
    CHECK_ERROR(ERROR_NOT_FOUND, uv_find_python(arena, STR("2.6"), &path, &err), &err);
    CHECK_OK(file_write_atomic(base, "real/python2.6", STR("#!/bin/sh\nexit 0\n"), 0700, &err),
             &err);
    CHECK_OK(uv_find_python(arena, STR("2.6"), &path, &err), &err);
    CHECK(str_ends(path, STR("/real/python2.6")));
    setenv("PATH", before.ptr, 1);
}

/* --- Builds. The index is a folder of this test with two wheels that hold nothing. -------------
 */

/* A wheel is a zip file; Python makes it, as uv would not take one that we only pretend. */
static const char MAKE_WHEELS[] =
    "import sys, zipfile, hashlib, base64\n"
    "def wheel(name, version, requires=()):\n"
    "    info = f'{name}-{version}.dist-info/'\n"
    "    meta = f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n'\n"
    "    meta += ''.join(f'Requires-Dist: {r}\\n' for r in requires)\n"
    "    files = {name + '.py': f'VERSION = \"{version}\"\\ndef main(): pass\\n', info + "
    "'METADATA': meta,\n"
    "             info + 'WHEEL': 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: "
    "true\\nTag: py3-none-any\\n',\n"
    "             info + 'entry_points.txt': f'[console_scripts]\\n{name}-tool = {name}:main\\n'}\n"
    "    record = ''\n"
    "    for path, text in files.items():\n"
    "        h = "
    "base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')\n"
    "        record += f'{path},sha256={h},{len(text)}\\n'\n"
    "    files[info + 'RECORD'] = record + info + 'RECORD,,\\n'\n"
    "    with zipfile.ZipFile(f'{sys.argv[1]}/{name}-{version}-py3-none-any.whl', 'w') as z:\n"
    "        for path, text in files.items(): z.writestr(path, text)\n"
    "wheel('lzone', '1.0'); wheel('lzone', '2.0'); wheel('lztwo', '1.0', ['lzone<2']); "
    "wheel('lzthree', '1.0', ['lzone>=2'])\n";

struct fixture {
    struct arena *arena;
    struct environment_folder data;
    struct buf states;
    struct environment_watch watch;
};

static void note_state(const char *state, const char *reason, void *context)
{
    struct fixture *f = context;

    CHECK(strlen(reason) > 0);
    buf_printf(&f->states, "%s ", state);
}

static void fixture_free(struct fixture *f)
{
    fd_close(&f->data.dir);
    buf_free(&f->states);
    arena_free(&f->arena);
}

/* Puts the tools of this checkout into PATH, wherever the build folder is. */
static void add_tools(struct arena *arena)
{
    struct str self = process_self(arena);
    struct str folder = str_slice(self, 0, (size_t)str_find_last(self, '/'));
    struct str source = str_slice(STR(__FILE__), 0, (size_t)str_find_last(STR(__FILE__), '/'));
    struct str tools = arena_printf(arena, "%.*s/../../build/tools/bin", STR_ARG(source));
    const char *path = getenv("PATH");

    if (source.ptr[0] != '/')
        tools = arena_printf(arena, "%.*s/%s", STR_ARG(folder), tools.ptr);
    if (path && !strstr(path, tools.ptr))
        setenv("PATH", arena_printf(arena, "%s:%s", tools.ptr, path).ptr, 1);
}

/* False when this host has no uv; then there is nothing to build with. */
static bool fixture_make(struct fixture *f)
{
    static int number;
    struct uv *uv;
    struct error err = {0};

    *f = (struct fixture){.arena = arena_new(64 * MIB), .states = buf_make(KIB)};
    struct str path = arena_printf(f->arena, "%s/data-%d", test_folder(), ++number);
    CLEANUP(fd_close) int base = dir_open(test_folder(), &err);
    f->data.path = path.ptr;
    f->data.dir = dir_open_at(base, strrchr(path.ptr, '/') + 1, 0700, &err);
    CHECK(f->data.dir >= 0);
    f->watch = (struct environment_watch){.state = note_state, .log_fd = -1, .context = f};
    add_tools(f->arena);
    if (uv_find(f->arena, &f->data, &f->watch, &uv, &err) < 0) {
        fixture_free(f); /* a skip jumps over the caller's clean-up */
        return false;
    }
    struct str wheels = arena_printf(f->arena, "%s/wheels", test_folder());
    CHECK_OK(dir_make(base, "wheels", 0700, &err), &err);
    const char *argv[] = {"/usr/bin/python3", "-c", MAKE_WHEELS, wheels.ptr, NULL};
    struct process_spec spec = {.argv = argv, .input = -1};
    struct process_result said;
    CHECK_OK(process_run(f->arena, &spec, 64 * KIB, &said, &err), &err);
    CHECK_INT(0, said.end.status);
    setenv("UV_FIND_LINKS", wheels.ptr, 1);
    setenv("UV_NO_INDEX", "1", 1);
    return true;
}

static struct json *python_with(struct fixture *f, const char *packages)
{
    struct str text = arena_printf(
        f->arena, "{\"kind\":\"python\",\"python\":\"3.11\",\"packages\":%s}", packages);
    struct json *environment = json_parse(f->arena, text, NULL);

    CHECK(environment != NULL);
    return environment;
}

/* What a program of the environment prints. */
static struct str ask(struct fixture *f, struct str path, const char *code)
{
    const char *argv[] = {arena_printf(f->arena, "%.*s/bin/python", STR_ARG(path)).ptr, "-c", code,
                          NULL};
    struct process_spec spec = {.argv = argv, .input = -1};
    struct process_result said;
    struct error err = {0};

    CHECK_OK(process_run(f->arena, &spec, 64 * KIB, &said, &err), &err);
    return str_trim(said.text);
}

TEST(an_environment_is_built_once_and_then_cached)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out, again;

    if (!fixture_make(&f))
        skip();
    CHECK_OK(environment_make(f.arena, &f.data, python_with(&f, "[\"lztwo\"]"), &f.watch, &out),
             &out.err);
    CHECK_STR("locking building ready ", buf_str(&f.states));
    CHECK_STR("1.0", ask(&f, out.path, "import lztwo, lzone; print(lzone.VERSION)"));
    struct str tool = arena_printf(f.arena, "%.*s/bin/lzone-tool", STR_ARG(out.path));
    const char *words[] = {tool.ptr, NULL}; /* scripts work although the folder was renamed */
    struct process_spec spec = {.argv = words, .input = -1};
    struct process_result said;
    CHECK_OK(process_run(f.arena, &spec, KIB, &said, &out.err), &out.err);
    CHECK(!said.end.signaled && said.end.status == 0);
    buf_clear(&f.states);
    CHECK_OK(environment_make(f.arena, &f.data, python_with(&f, "[\"lztwo\"]"), &f.watch, &again),
             &again.err);
    CHECK_STR("cached ", buf_str(&f.states));
    CHECK(str_eq(out.path, again.path));
    CHECK_OK(environment_make(f.arena, &f.data, python_with(&f, "[\"lzone==1.0\", \"lztwo\"]"),
                              &f.watch, &again),
             &again.err);
    CHECK(str_eq(out.path, again.path)); /* another list, the same lock */
}

/* The folder of the uv in PATH, through a link in the test's own folder. */
static void link_tools(struct arena *arena)
{
    struct str rest = str_from(getenv("PATH")), folder;
    struct str link = arena_printf(arena, "%s/tools", test_folder());

    while (str_split(&rest, ':', &folder)) {
        struct str program = arena_printf(arena, "%.*s/uv", STR_ARG(folder));
        if (access(program.ptr, X_OK) < 0)
            continue;
        struct str real = arena_printf(arena, "%.*s/", STR_ARG(folder));
        CHECK_INT(0, symlink(real.ptr, link.ptr));
        setenv("PATH", arena_printf(arena, "%.*s:/usr/bin:/bin", STR_ARG(link)).ptr, 1);
        return;
    }
}

static bool has_bwrap(void)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const char *argv[] = {"bwrap", "--ro-bind", "/", "/", "true", NULL};
    struct process_spec spec = {.argv = argv, .input = -1};
    struct process_result said;
    struct error err = {0};

    return process_run(arena, &spec, 64 * KIB, &said, &err) == 0 && !said.end.signaled &&
           said.end.status == 0;
}

TEST(tools_behind_a_link_work_in_a_sandbox)
{
    static const char *const PREFIX[] = {"bwrap", "--ro-bind", "/",       "/",    "--dev-bind",
                                         "/dev",  "/dev",      "--tmpfs", "/mnt", "--bind",
                                         "/tmp",  "/tmp",      NULL};
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out;

    if (!has_bwrap() || !fixture_make(&f))
        skip();
    struct str before = arena_str(f.arena, str_from(getenv("PATH")));
    link_tools(f.arena);
    f.watch.sandbox_prefix = PREFIX;
    CHECK_OK(environment_make(f.arena, &f.data, python_with(&f, "[\"lztwo\"]"), &f.watch, &out),
             &out.err);
    setenv("PATH", before.ptr, 1);
}

TEST(a_lock_that_is_shipped_is_installed_as_it_is_and_compiled)
{
    CLEANUP(fixture_free) struct fixture first;
    CLEANUP(fixture_free) struct fixture second;
    struct environment_result out;
    struct str lock;
    struct error err = {0};

    if (!fixture_make(&first))
        skip();
    CHECK(fixture_make(&second));
    CHECK_OK(environment_make(first.arena, &first.data, python_with(&first, "[\"lztwo\"]"),
                              &first.watch, &out),
             &out.err);
    CLEANUP(fd_close) int made = dir_open(out.path.ptr, &err);
    CHECK(!file_exists(made, "lib/python3.11/site-packages/__pycache__/lzone.cpython-311.pyc"));
    CHECK_OK(file_read(first.arena, made, "requirements.lock", MIB, &lock, &err), &err);
    struct json *environment = python_with(&second, "[]");
    json_set_str(second.arena, environment, "lock", lock);
    CHECK_OK(environment_make(second.arena, &second.data, environment, &second.watch, &out),
             &out.err);
    CHECK_STR("building ready ", buf_str(&second.states)); /* nothing to resolve */
    CLEANUP(fd_close) int again = dir_open(out.path.ptr, &err);
    CHECK(file_exists(again, "lib/python3.11/site-packages/__pycache__/lzone.cpython-311.pyc"));
}

TEST(packages_that_contradict_are_both_named)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out;

    if (!fixture_make(&f))
        skip();
    CHECK_ERROR(ERROR_INVALID,
                environment_make(f.arena, &f.data, python_with(&f, "[\"lztwo\", \"lzthree\"]"),
                                 &f.watch, &out),
                &out.err);
    CHECK(strstr(out.err.message, "lztwo") && strstr(out.err.message, "lzthree"));
    CHECK_ERROR(ERROR_INVALID,
                environment_make(f.arena, &f.data, python_with(&f, "[\"no-such-package\"]"),
                                 &f.watch, &out),
                &out.err);
    CHECK(strstr(out.err.message, "no-such-package"));
}

TEST(an_index_that_does_not_answer_is_unavailable)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out;

    if (!fixture_make(&f))
        skip();
    unsetenv("UV_NO_INDEX");
    setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple", 1);
    setenv("UV_HTTP_RETRIES", "0", 1);
    int result =
        environment_make(f.arena, &f.data, python_with(&f, "[\"elsewhere\"]"), &f.watch, &out);
    unsetenv("UV_INDEX_URL");
    unsetenv("UV_HTTP_RETRIES");
    CHECK_ERROR(ERROR_UNAVAILABLE, result, &out.err);
    CHECK(strstr(out.err.message, "elsewhere"));
}

TEST(an_overlay_keeps_what_the_user_locked)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result base, over;

    if (!fixture_make(&f))
        skip();
    struct json *environment = python_with(&f, "[\"lzone==1.0\"]");
    CHECK_OK(environment_make(f.arena, &f.data, environment, &f.watch, &base), &base.err);
    json_set(f.arena, environment, STR("overlay"), json_parse(f.arena, STR("[\"lztwo\"]"), NULL));
    CHECK_OK(environment_make(f.arena, &f.data, environment, &f.watch, &over), &over.err);
    CHECK(!str_eq(base.path, over.path));
    CHECK_STR("1.0", ask(&f, over.path, "import lztwo, lzone; print(lzone.VERSION)"));
    json_set(f.arena, environment, STR("overlay"), json_parse(f.arena, STR("[\"lzthree\"]"), NULL));
    CHECK_ERROR(ERROR_INVALID, environment_make(f.arena, &f.data, environment, &f.watch, &over),
                &over.err);
    CHECK(strstr(over.err.message, "lzthree") && strstr(over.err.message, "lzone"));
}

TEST(an_overlay_on_the_host_sees_the_hosts_packages)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out;

    if (!fixture_make(&f))
        skip();
    struct json *environment =
        json_parse(f.arena, STR("{\"kind\":\"host\",\"overlay\":[\"lzone\"]}"), NULL);
    CHECK_OK(environment_make(f.arena, &f.data, environment, &f.watch, &out), &out.err);
    CHECK_STR("2.0 True",
              ask(&f, out.path,
                  "import lzone, sys, os; print(lzone.VERSION, any('/usr/lib/python3' in "
                  "p and 'dist-packages' in p for p in sys.path))"));
}

TEST(the_host_needs_no_folder)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct environment_folder data = {.dir = -1, .path = "/nowhere"};
    struct environment_watch watch = {.log_fd = -1};
    struct environment_result out;
    struct json *host = json_parse(arena, STR("{\"kind\":\"host\"}"), NULL);

    CHECK_OK(environment_make(arena, &data, host, &watch, &out), &out.err);
    CHECK_INT(0, out.path.len);
}

TEST(a_missing_python_is_an_error_that_names_it)
{
    CLEANUP(fixture_free) struct fixture f;
    struct environment_result out;

    if (!fixture_make(&f))
        skip();
    struct json *environment = python_with(&f, "[\"lzone\"]");
    json_set_str(f.arena, environment, "python", STR("2.6"));
    CHECK_ERROR(ERROR_NOT_FOUND, environment_make(f.arena, &f.data, environment, &f.watch, &out),
                &out.err);
    CHECK(strstr(out.err.message, "2.6"));
}

static atomic_bool canceled;

static bool is_canceled(void *context)
{
    return atomic_load(&canceled);
}

static void *cancel_soon(void *context)
{
    clock_sleep_us(100000);
    atomic_store(&canceled, true);
    return context;
}

TEST(waiting_for_another_build_is_told_and_can_be_canceled)
{
    CLEANUP(fixture_free) struct fixture f;
    CLEANUP(fd_close) int lock = -1;
    struct environment_result out;
    struct error err = {0};
    pthread_t thread;
    int owner;

    if (!fixture_make(&f))
        skip();
    struct json *environment = python_with(&f, "[\"lzone\"]");
    struct str path =
        arena_printf(f.arena, "envs/%.*s.lock", STR_ARG(environment_key(f.arena, environment)));
    CHECK_OK(dir_make(f.data.dir, "envs", 0700, &err), &err);
    CHECK_OK(file_lock(f.data.dir, path.ptr, &lock, &owner, &err), &err);
    f.watch.cancel = is_canceled;
    CHECK_INT(0, pthread_create(&thread, NULL, cancel_soon, NULL));
    CHECK_ERROR(ERROR_CANCELED, environment_make(f.arena, &f.data, environment, &f.watch, &out),
                &out.err);
    pthread_join(thread, NULL);
    CHECK_STR("waiting ", buf_str(&f.states));
}
