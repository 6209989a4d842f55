/* A conda file is mostly a list of packages that pip has as well, some under another name. What pip
 * cannot bring is named in one error with its line, instead of failing an hour later in the middle
 * of an installation. */
#include "environment/conda.h"

#include "yaml/yaml.h"

#include <assert.h>
#include <string.h>

/* What a file gets that names none. */
#define PYTHON_USUAL "3.11"

/* Conda packages that pip has under the same name, or the one behind the bar. Anything else could
 * be another program of that name, so it is refused. */
static const char *const SAME[] = {
    "aiohttp",
    "altair",
    "azure-identity",
    "azure-storage-blob",
    "beautifulsoup4",
    "bokeh",
    "boto3",
    "catboost",
    "click",
    "cloudpickle",
    "cryptography",
    "cython",
    "dask",
    "datasets",
    "distributed",
    "fastapi",
    "fastparquet",
    "filelock",
    "flask",
    "fsspec",
    "gensim",
    "h5py",
    "httpx",
    "imbalanced-learn",
    "ipykernel",
    "ipython",
    "jinja2",
    "joblib",
    "jsonschema",
    "jupyter",
    "keras",
    "lightgbm",
    "lxml",
    "matplotlib",
    "mlflow",
    "mpi4py",
    "networkx",
    "nltk",
    "notebook",
    "numba",
    "numpy",
    "onnx",
    "onnxruntime",
    "openpyxl",
    "optuna",
    "packaging",
    "pandas",
    "pillow",
    "plotly",
    "polars",
    "prophet",
    "protobuf",
    "psutil",
    "psycopg2-binary",
    "pyarrow",
    "pydantic",
    "pytest",
    "python-dateutil",
    "python-dotenv",
    "pytz",
    "pyyaml",
    "regex",
    "requests",
    "rich",
    "s3fs",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "seaborn",
    "sentencepiece",
    "setuptools",
    "shap",
    "six",
    "skl2onnx",
    "spacy",
    "sqlalchemy",
    "statsmodels",
    "sympy",
    "tabulate",
    "tensorboard",
    "tensorflow",
    "tokenizers",
    "torchvision",
    "tqdm",
    "transformers",
    "typing-extensions",
    "urllib3",
    "wheel",
    "xarray",
    "xgboost",
    "xlrd",
    "zstandard",
};
/* Packages that the two worlds call differently. */
struct conda_rename {
    const char *conda, *pip;
};

static const struct conda_rename RENAMED[] = {
    {"pytorch", "torch"},          {"matplotlib-base", "matplotlib"},
    {"py-xgboost", "xgboost"},     {"opencv", "opencv-python-headless"},
    {"msgpack-python", "msgpack"}, {"python-graphviz", "graphviz"},
};

/* With the positions of the file's lines, for errors. */
struct reading {
    struct arena *arena;
    struct yaml yaml;
    struct conda *out;
};

/* The pip name of a conda package, or "" when there is none we are sure of. */
static struct str pip_name(struct str conda)
{
    assert(conda.len);
    for (size_t i = 0; i < COUNT(SAME); i++)
        if (str_eq_fold(conda, str_from(SAME[i])))
            return str_from(SAME[i]);
    for (size_t i = 0; i < COUNT(RENAMED); i++)
        if (str_eq_fold(conda, str_from(RENAMED[i].conda)))
            return str_from(RENAMED[i].pip);
    return (struct str){0};
}

/* Splits "channel::name=1.2=build" into the name and what follows it. */
static void split_spec(struct str spec, struct str *out_name, struct str *out_rest)
{
    ssize_t channel = str_find(spec, STR("::"));
    size_t end = 0;

    if (channel >= 0)
        spec = str_slice(spec, (size_t)channel + 2, spec.len);
    while (end < spec.len && !strchr("=<>!~ [", spec.ptr[end]))
        end++;
    *out_name = str_slice(spec, 0, end);
    *out_rest = str_trim(str_slice(spec, end, spec.len));
    assert(out_name->len <= spec.len);
}

/* A conda version as pip says it: "=1.2" means any 1.2, a build string has no meaning to pip. */
static struct str pip_version(struct arena *arena, struct str rest)
{
    struct str version, build;

    if (!rest.len)
        return rest;
    if (!strchr("=<>!~", rest.ptr[0])) { /* "numpy 1.26 py311_0" */
        if (!str_cut(rest, ' ', &version, &build))
            version = rest;
        return arena_printf(arena, "==%.*s", STR_ARG(version));
    }
    if (str_starts(rest, STR("=="))) {
        bool built = str_cut(str_slice(rest, 2, rest.len), '=', &version, &build);
        return built ? arena_printf(arena, "==%.*s", STR_ARG(version)) : rest;
    }
    if (rest.ptr[0] != '=')
        return rest;
    version = str_slice(rest, 1, rest.len);
    if (str_cut(version, '=', &version, &build))
        return arena_printf(arena, "==%.*s", STR_ARG(version));
    assert(version.len < rest.len);
    return str_ends(version, STR("*")) ? arena_printf(arena, "==%.*s", STR_ARG(version))
                                       : arena_printf(arena, "==%.*s.*", STR_ARG(version));
}

/* "3.11" out of "=3.11", "==3.11.4", "3.11.*"; a range is left to us. */
static struct str python_version(struct str rest)
{
    size_t from = 0, end, dots = 0;

    if (!rest.len || strchr("<>!~", rest.ptr[0]))
        return STR(PYTHON_USUAL);
    while (from < rest.len && (rest.ptr[from] == '=' || rest.ptr[from] == ' '))
        from++;
    for (end = from; end < rest.len; end++) {
        char c = rest.ptr[end];
        if (c == '.' && ++dots == 2)
            break;
        if (c != '.' && (c < '0' || c > '9'))
            break;
    }
    struct str version = str_slice(rest, from, end);
    assert(end >= from);
    /* "python=3" leaves the rest to us as well. */
    return str_find_char(version, '.') > 0 && !str_ends(version, STR(".")) ? version
                                                                           : STR(PYTHON_USUAL);
}

/* Conda's names differ from PyPI's for a few packages; most are the same. */
static int add_conda(struct reading *r, const struct json *value, struct error *err)
{
    unsigned line = yaml_mark(&r->yaml, value).line;
    struct str spec = str_trim(json_as_str(value));
    struct str name, rest;

    split_spec(spec, &name, &rest);
    if (!name.len)
        return error_set(err, ERROR_INVALID, "condaFile",
                         "Line %u of the conda file: '%.*s' is no package.", line, STR_ARG(spec));
    if (str_eq_fold(name, STR("python"))) {
        r->out->python = arena_str(r->arena, python_version(rest));
        return 0;
    }
    if (str_eq_fold(name, STR("pip")))
        return 0;
    struct str pip = pip_name(name);
    if (!pip.len) {
        error_set(err, ERROR_INVALID, "condaFile",
                  "Line %u of the conda file: '%.*s' is a conda package that pip is not known to "
                  "have, and "
                  "conda environments need a conda client, which is not used yet.",
                  line, STR_ARG(name));
        return error_hint(err, "Name it under 'pip:' if PyPI has it, or leave it out.");
    }
    struct str package =
        arena_printf(r->arena, "%.*s%.*s", STR_ARG(pip), STR_ARG(pip_version(r->arena, rest)));
    json_append(r->arena, r->out->packages, json_text(r->arena, package));
    json_append(
        r->arena, r->out->notes,
        json_text(r->arena,
                  arena_printf(r->arena, "The conda package '%.*s' comes from PyPI as '%.*s'.",
                               STR_ARG(spec), STR_ARG(package))));
    assert(json_count(r->out->packages) > 0);
    return 0;
}

/* A requirement line. What reads files that are not sent with the environment is refused here,
 * where the line can be named. */
static int add_pip(struct reading *r, const struct json *value, struct error *err)
{
    unsigned line = yaml_mark(&r->yaml, value).line;
    struct str text = str_trim(json_as_str(value));

    if (!text.len)
        return error_set(err, ERROR_INVALID, "condaFile",
                         "Line %u of the conda file: a pip requirement must be text.", line);
    if (str_starts(text, STR("-r")) || str_starts(text, STR("--requirement")) ||
        str_starts(text, STR("-c")) || str_starts(text, STR("-e")) ||
        str_starts(text, STR("--editable")) || text.ptr[0] == '.' || text.ptr[0] == '/')
        return error_set(
            err, ERROR_INVALID, "condaFile",
            "Line %u of the conda file: '%.*s' names a file, and only the conda file itself "
            "is part of an environment.",
            line, STR_ARG(text));
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ')
            return error_set(err, ERROR_INVALID, "condaFile",
                             "Line %u of the conda file: a requirement must be one line.", line);
    assert(text.len > 0);
    json_append(r->arena, r->out->packages, json_text(r->arena, text));
    return 0;
}

/* The two shapes that conda files have. The line is named, since the file came as one text within
 * JSON. */
static int add_dependency(struct reading *r, const struct json *value, struct error *err)
{
    struct json_iter it = json_iter(value);

    if (json_kind(value) == JSON_STRING)
        return add_conda(r, value, err);
    if (json_kind(value) != JSON_OBJECT)
        return error_set(
            err, ERROR_INVALID, "condaFile",
            "Line %u of the conda file: a dependency is a package or 'pip:' with a list.",
            yaml_mark(&r->yaml, value).line);
    while (json_next(&it)) {
        assert(it.value);
        if (!str_eq(it.key, STR("pip")) || json_kind(it.value) != JSON_ARRAY)
            return error_set(err, ERROR_INVALID, "condaFile",
                             "Line %u of the conda file: only 'pip:' with a list may stand here.",
                             yaml_mark(&r->yaml, it.value).line);
        struct json_iter pip = json_iter(it.value);
        while (json_next(&pip))
            if (add_pip(r, pip.value, err) < 0)
                return -1;
    }
    return 0;
}

/* Only the parts that can be done with wheels; the rest is an error with its line. */
int conda_read(struct arena *arena, struct str text, struct conda *out, struct error *err)
{
    struct conda conda = {
        .python = STR(PYTHON_USUAL), .packages = json_array(arena), .notes = json_array(arena)};
    struct reading reading = {.arena = arena, .out = &conda};
    struct error cause = {0};

    if (yaml_parse(arena, text, &reading.yaml, &cause) < 0)
        return error_set(err, ERROR_INVALID, "condaFile",
                         "The conda file cannot be read at %s: %.300s", cause.target,
                         cause.message);
    struct json *dependencies = json_at(reading.yaml.root, "dependencies");
    if (json_kind(reading.yaml.root) != JSON_OBJECT || json_kind(dependencies) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "condaFile",
                         "The conda file has no list 'dependencies'.");
    struct json_iter it = json_iter(dependencies);
    while (json_next(&it))
        if (add_dependency(&reading, it.value, err) < 0)
            return -1;
    assert(conda.python.len);
    *out = conda;
    return 0;
}
