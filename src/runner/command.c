/* What the command is told: its text with the values put in, and its variables. */
#include "runner/command.h"

#include "base/buf.h"
#include "runner/bring.h"
#include "runner/collect.h"
#include "runner/managed.h"

#include <assert.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_BYTES_MAX (4 * MIB)
#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The value behind "inputs.x" or "outputs.y"; false when there is none. */
static bool find_value(const struct attempt *attempt, struct str binding, struct str *out)
{
    struct str group, name;

    assert(out);
    if (!str_cut(str_trim(binding), '.', &group, &name))
        return false;
    if (str_eq(group, STR("inputs")) && json_get(json_at(attempt->spec, "inputs"), name)) {
        *out = bring_value(attempt, name);
        return true;
    }
    if (str_eq(group, STR("outputs")) && json_get(json_at(attempt->spec, "outputs"), name)) {
        *out = collect_path(attempt, name);
        return true;
    }
    return false;
}

/* What is no binding of ours stays as it is: the shell has ${…} of its own. */
struct str command_text(const struct attempt *attempt)
{
    struct str rest = json_str_at(attempt->spec, "command");
    CLEANUP(buf_free) struct buf text = buf_make(COMMAND_BYTES_MAX);
    struct str value;

    assert(attempt->folder_path.len);
    for (;;) {
        ssize_t from = str_find(rest, STR("${{"));
        struct str tail = from < 0 ? (struct str){0} : str_slice(rest, (size_t)from + 3, rest.len);
        ssize_t to = from < 0 ? -1 : str_find(tail, STR("}}"));
        if (to < 0)
            break;
        buf_add(&text, str_slice(rest, 0, (size_t)from));
        if (find_value(attempt, str_slice(tail, 0, (size_t)to), &value))
            buf_add(&text, value);
        else
            buf_add(&text, str_slice(rest, (size_t)from, (size_t)from + 3 + (size_t)to + 2));
        rest = str_slice(tail, (size_t)to + 2, tail.len);
    }
    buf_add(&text, rest);
    return arena_str(attempt->arena, buf_str(&text));
}

/* For the words of replicas, which are ours and name folders that only the runner knows. */
struct str command_replace(const struct attempt *attempt, struct str text)
{
    const struct {
        struct str name, value;
    } PLACES[] = {{STR("{folder}"), attempt->folder_path},
                  {STR("{environment}"), attempt->environment_path}};

    assert(attempt->arena);
    for (size_t i = 0; i < COUNT(PLACES); i++)
        for (ssize_t at; (at = str_find(text, PLACES[i].name)) >= 0;) {
            struct str after = str_slice(text, (size_t)at + PLACES[i].name.len, text.len);
            text = arena_printf(attempt->arena, "%.*s%.*s%.*s", (int)at, text.ptr,
                                STR_ARG(PLACES[i].value), STR_ARG(after));
            assert(str_find(PLACES[i].value, PLACES[i].name) < 0);
        }
    return text;
}

/* One variable; a name that is there already gets the new value. */
static void set(const struct attempt *attempt, struct json *variables, const char *name,
                struct str value)
{
    assert(*name);
    json_set_str(attempt->arena, variables, name, value);
}

/* What a program expects of any host; never LAZURITE_*, never a token of ours. */
static void add_own(const struct attempt *attempt, struct json *variables)
{
    static const char *const NAMES[] = {
        "HOME",        "USER",     "LOGNAME",    "LANG",        "LANGUAGE",
        "LC_ALL",      "LC_CTYPE", "TZ",         "TMPDIR",      "http_proxy",
        "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    };

    for (size_t i = 0; i < COUNT(NAMES); i++) {
        const char *value = getenv(NAMES[i]);
        if (value)
            set(attempt, variables, NAMES[i], str_from(value));
    }
    if (!getenv("LANG") && !getenv("LC_ALL"))
        set(attempt, variables, "LANG", STR("C.UTF-8"));
    if (json_int_at(attempt->spec, "isolation.uid", 0) > 0)
        set(attempt, variables, "HOME", command_replace(attempt, STR("{folder}/home")));
    assert(!json_get(variables, STR("LAZURITE_HOME")));
}

/* Where Python is: the environment's, or a folder in which `python` is the host's python3. */
static void add_path(const struct attempt *attempt, struct json *variables)
{
    struct str first = attempt->environment_path;

    assert(variables);
    if (first.len)
        set(attempt, variables, "VIRTUAL_ENV", first);
    else
        first = attempt->folder_path;
    set(attempt, variables, "PATH",
        attempt->replica
            ? arena_printf(attempt->arena, "%.*s/bin:%s", STR_ARG(first), SYSTEM_PATH)
            : arena_printf(attempt->arena, "%.*s/bin:%.*s/packages/bin:%s", STR_ARG(first),
                           STR_ARG(attempt->folder_path), SYSTEM_PATH));
    set(attempt, variables, "PYTHONUNBUFFERED", STR("1"));
}

/* What a job's command installs is the job's alone: the host's Python is the host's, and an
 * environment is shared by all jobs that ask for it. */
static void add_packages(const struct attempt *attempt, struct json *variables)
{
    struct str folder = command_replace(attempt, STR("{folder}/packages"));

    if (attempt->replica)
        return;
    set(attempt, variables, "PIP_TARGET", folder);
    set(attempt, variables, "PYTHONPATH", folder);
}

/* A search path of the job's own goes first, and takes nothing away. */
static void keep_packages(const struct attempt *attempt, struct json *variables)
{
    struct str own = json_as_str(json_get(variables, STR("PYTHONPATH")));
    struct str folder = command_replace(attempt, STR("{folder}/packages"));

    assert(attempt);
    if (!attempt->replica && own.len && !str_eq(own, folder))
        set(attempt, variables, "PYTHONPATH",
            arena_printf(attempt->arena, "%.*s:%.*s", STR_ARG(own), STR_ARG(folder)));
}

/* Trust in our own authority as well as the system's. */
static void add_authorities(const struct attempt *attempt, struct json *variables)
{
    struct str bundle = command_replace(attempt, STR("{folder}/bundle.pem"));

    assert(bundle.len);
    if (access(bundle.ptr, R_OK) < 0)
        return;
    set(attempt, variables, "REQUESTS_CA_BUNDLE", bundle);
    set(attempt, variables, "SSL_CERT_FILE", bundle);
    set(attempt, variables, "CURL_CA_BUNDLE", bundle);
}

/* By name as well as in the command, for programs that read the environment. */
static void add_bindings(const struct attempt *attempt, struct json *variables)
{
    struct json_iter inputs = json_iter(json_at(attempt->spec, "inputs"));
    struct json_iter outputs = json_iter(json_at(attempt->spec, "outputs"));

    assert(variables);
    while (json_next(&inputs))
        set(attempt, variables,
            arena_printf(attempt->arena, "AZURE_ML_INPUT_%.*s", STR_ARG(inputs.key)).ptr,
            bring_value(attempt, inputs.key));
    while (json_next(&outputs))
        set(attempt, variables,
            arena_printf(attempt->arena, "AZURE_ML_OUTPUT_%.*s", STR_ARG(outputs.key)).ptr,
            collect_path(attempt, outputs.key));
    set(attempt, variables, "AZUREML_CR_EXECUTION_WORKING_DIR_PATH",
        command_replace(attempt, STR("{folder}/work")));
    set(attempt, variables, "AZUREML_CR_DATA_CAPABILITY_PATH",
        command_replace(attempt, STR("{folder}/inputs")));
}

/* Whether the azureml-mlflow plugin is installed where the command's Python looks. */
static bool has_plugin(const struct attempt *attempt)
{
    static const char *const HOST[] = {"/usr/lib/python3/dist-packages/azureml/mlflow",
                                       "/usr/local/lib/python3*/dist-packages/azureml/mlflow"};
    glob_t found = {0};
    bool any = false;

    if (attempt->environment_path.len) {
        struct str pattern =
            arena_printf(attempt->arena, "%.*s/lib/python3*/site-packages/azureml/mlflow",
                         STR_ARG(attempt->environment_path));
        any = glob(pattern.ptr, GLOB_NOSORT, NULL, &found) == 0;
        globfree(&found);
        return any;
    }
    for (size_t i = 0; i < COUNT(HOST) && !any; i++) {
        any = glob(HOST[i], GLOB_NOSORT, NULL, &found) == 0;
        globfree(&found);
    }
    return any;
}

/* Stock MLflow knows no azureml scheme, and the plugin, where it is installed, finds artifacts only
 * under it: so the environment decides how the same address is written. It would also ask public
 * addresses for its cloud if that had no name. Another address than ours is the user's. */
static void choose_scheme(const struct attempt *attempt, struct json *variables)
{
    struct str uri = json_as_str(json_get(variables, STR("MLFLOW_TRACKING_URI")));

    assert(attempt->arena);
    if (!str_starts(uri, STR("https://")) ||
        str_find(uri, STR("/mlflow/v2.0/subscriptions/")) < 0 || !has_plugin(attempt))
        return;
    set(attempt, variables, "MLFLOW_TRACKING_URI",
        arena_printf(attempt->arena, "azureml://%.*s", STR_ARG(str_slice(uri, 8, uri.len))));
    if (!json_get(variables, STR("AZUREML_CURRENT_CLOUD")))
        set(attempt, variables, "AZUREML_CURRENT_CLOUD", STR("Lazurite"));
}

/* Ours first, then the job's own, which win; nothing that begins with LAZURITE_. */
const char *const *command_environment(const struct attempt *attempt)
{
    struct arena *arena = attempt->arena;
    struct json *variables = json_object(arena);
    struct json_iter said = json_iter(json_at(attempt->spec, "variables"));
    size_t count = 0;

    add_own(attempt, variables);
    add_path(attempt, variables);
    add_packages(attempt, variables);
    add_authorities(attempt, variables);
    add_bindings(attempt, variables);
    managed_variables(attempt, variables);
    while (json_next(&said)) {
        struct str value = json_as_str(said.value);
        if (str_starts(said.key, STR("LAZURITE_")))
            continue;
        json_set(arena, variables, said.key,
                 json_text(arena, attempt->replica ? command_replace(attempt, value) : value));
    }
    keep_packages(attempt, variables);
    choose_scheme(attempt, variables);
    const char **list = arena_new_array(arena, const char *, json_count(variables) + 1);
    struct json_iter it = json_iter(variables);
    while (json_next(&it))
        list[count++] =
            arena_printf(arena, "%.*s=%.*s", STR_ARG(it.key), STR_ARG(json_as_str(it.value))).ptr;
    assert(count == json_count(variables));
    return list;
}
