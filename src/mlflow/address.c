/* Addresses of artifacts as clients are told them. MLflow's own clients go through the proxy's
 * scheme; the plugin of Azure ML knows only its own, and takes no other. */
#include "mlflow/address.h"

#include <assert.h>

#define PLUGIN STR("azureml-mlflow/")
#define PLUGIN_PATH STR("/mlflow/v2.0/")
#define BEFORE_SUBSCRIPTION STR("/subscriptions/")
#define BEFORE_GROUP STR("/resourceGroups/")
#define BEFORE_WORKSPACE STR("/providers/Microsoft.MachineLearningServices/workspaces/")

/* The plugin of Azure ML asks under its own paths, and understands its own scheme alone. */
bool address_is_azureml(const struct ask *ask)
{
    const struct call *call = ask->call;

    /* It asks by https whatever it was told. */
    return http_peer(call->ex)->tls && str_starts(http_path(call->ex), PLUGIN_PATH) &&
           str_find(http_header(call->ex, "user-agent"), PLUGIN) >= 0;
}

/* "azureml://HOST/mlflow/v2.0{WS}" in the words of the request. */
static struct str azureml_base(const struct ask *ask)
{
    const struct call *call = ask->call;

    return arena_printf(ask->arena,
                        "azureml://%.*s/mlflow/v2.0/subscriptions/%.*s/resourceGroups/%.*s"
                        "/providers/Microsoft.MachineLearningServices/workspaces/%.*s",
                        STR_ARG(http_header(call->ex, "host")),
                        STR_ARG(call_param(call, "subscription")),
                        STR_ARG(call_param(call, "group")), STR_ARG(call_param(call, "workspace")));
}

/* Logged models stand where a run would: the plugin knows no other address, and run history finds
 * both. */
static struct str azureml_files(const struct ask *ask, int64_t experiment, struct str name)
{
    return arena_printf(ask->arena, "%.*s/experiments/%lld/runs/%.*s/artifacts",
                        STR_ARG(azureml_base(ask)), (long long)experiment, STR_ARG(name));
}

/* Below the experiment's own place when it has one, else in the workspace's. */
struct str address_run(const struct ask *ask, const struct run *run, struct str location)
{
    if (address_is_azureml(ask))
        return azureml_files(ask, run->experiment, run->run_id);
    return run_artifact_uri(ask->arena, run, location);
}

/* Logged models have a root beside the runs. */
struct str address_model(const struct ask *ask, const struct logged_model *model)
{
    if (address_is_azureml(ask))
        return azureml_files(ask, model->experiment, model->model_id);
    return arena_printf(ask->arena, "mlflow-artifacts:/%lld/models/%.*s/artifacts",
                        (long long)model->experiment, STR_ARG(model->model_id));
}

/* What clients put before the paths of new runs. */
struct str address_experiment(const struct ask *ask, const struct experiment *experiment)
{
    if (address_is_azureml(ask))
        return arena_printf(ask->arena, "%.*s/experiments/%lld", STR_ARG(azureml_base(ask)),
                            (long long)experiment->id);
    return experiment->location.len
               ? experiment->location
               : arena_printf(ask->arena, "mlflow-artifacts:/%lld", (long long)experiment->id);
}

/* By row: where the bytes are is for ARM to say. */
struct str address_version(const struct ask *ask, int64_t row, struct str folder)
{
    assert(row > 0);
    if (address_is_azureml(ask))
        return arena_printf(ask->arena, "azureml://artifacts/ModelVersion/%lld/%.*s",
                            (long long)row, STR_ARG(folder));
    return arena_printf(ask->arena, "mlflow-artifacts:/versions/%lld", (long long)row);
}

/* --- Reading
 * -------------------------------------------------------------------------------------- */

/* Cuts `before` and the piece behind it off *rest, which must be `expected` in any case. */
static bool take_piece(struct str *rest, struct str before, struct str expected)
{
    struct str piece, tail;

    if (!str_starts_fold(*rest, before))
        return false;
    *rest = str_slice(*rest, before.len, rest->len);
    if (!str_cut(*rest, '/', &piece, &tail))
        return false;
    /* The slash begins what follows. */
    *rest = (struct str){tail.ptr - 1, tail.len + 1};
    return expected.len == 0 || str_eq_fold(piece, expected);
}

/* "HOST/mlflow/v2.0{WS}/experiments/{e}/runs/{r}/artifacts/{path}" */
static bool read_run(const struct scope *scope, struct str rest, struct address *out)
{
    struct str host, name, tail;

    if (!str_cut(rest, '/', &host, &tail) || host.len == 0)
        return false;
    if (str_starts(tail, STR("mlflow/v1.0/")) || str_starts(tail, STR("mlflow/v2.0/")))
        tail = str_slice(tail, 11, tail.len);
    if (!take_piece(&tail, BEFORE_SUBSCRIPTION, scope->subscription) ||
        !take_piece(&tail, BEFORE_GROUP, scope->group) ||
        !take_piece(&tail, BEFORE_WORKSPACE, scope->name) ||
        !take_piece(&tail, STR("/experiments/"), STR("")) || !str_starts(tail, STR("/runs/")))
        return false;
    tail = str_slice(tail, 6, tail.len);
    if (!str_cut(tail, '/', &name, &rest))
        return false;
    if (!str_eq(rest, STR("artifacts")) && !str_starts(rest, STR("artifacts/")))
        return false;
    *out = (struct address){.run = name, .path = str_slice(rest, 10, rest.len)};
    return name.len > 0;
}

/* The way back, for sources of versions: what we told is understood again. */
bool address_read(const struct ask *ask, const struct scope *scope, struct str text,
                  struct address *out)
{
    struct str rest = str_slice(text, 10, text.len), tail;
    struct address read = {0};

    assert(ask->call);
    if (!str_starts(text, STR("azureml://")))
        return false;
    if (!str_starts(rest, STR("artifacts/")))
        return read_run(scope, rest, out);
    if (!str_cut(str_slice(rest, 10, rest.len), '/', &read.origin, &tail) ||
        !str_cut(tail, '/', &read.container, &read.path))
        return false;
    if (read.origin.len == 0 || read.container.len == 0 || read.path.len == 0)
        return false;
    *out = read;
    return true;
}
