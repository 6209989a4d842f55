/* Whose files: run history names a run, the artifact service an origin and a container. Both lead
 * to a prefix in the workspace's artifact container, the same that MLflow, jobs and the blob
 * surface know. */
#include "dataplane/internal.h"

#include "asset/asset.h"
#include "http/text.h"
#include "os/clock.h"
#include "store/document.h"
#include "tracking/logged_model.h"
#include "tracking/path.h"
#include "vault/sas.h"

#include <assert.h>

#define SIGNATURE_LIFE_US (3600 * US_PER_S)

static int missing(const char *what, struct str name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, what, "There is no %s '%.*s'.", what,
                     STR_ARG(str_slice(name, 0, 200)));
}

/* MLflow 3 logs models beside runs; clients of the azureml scheme reach them as if they were runs,
 * because the scheme knows no other address. */
static int root_of_model(struct dataplane_run *at, struct str name, struct dataplane_root *out,
                         struct error *err)
{
    struct arena *arena = at->call->arena;
    struct logged_model model;

    if (logged_model_get(at->txn, at->scope.number, name, &model, NULL) < 0)
        return missing("run", name, err);
    if (model.run && run_by_row(at->txn, model.run, &out->run, err) < 0)
        return -1;
    out->prefix = logged_model_prefix(arena, model.model_id);
    out->origin = STR("LoggedModels");
    out->folder = arena_str(arena, model.model_id);
    return 0;
}

static int root_of_run(struct dataplane_run *at, struct str name, struct dataplane_root *out,
                       struct error *err)
{
    struct arena *arena = at->call->arena;
    const struct run_key key = {at->scope.number, name};

    if (dataplane_row(at->call, at->txn, &key, &out->run, NULL) < 0)
        return root_of_model(at, name, out, err);
    out->prefix = asset_run_prefix(arena, out->run.run_id);
    out->origin = STR("ExperimentRun");
    out->folder = arena_printf(arena, "dcid.%.*s", STR_ARG(out->run.run_id));
    return 0;
}

/* A registered version's files, wherever ARM, MLflow or an upload put them: for reading, below the
 * name of their top folder, which the address of a version ends with. */
static int root_of_version(struct dataplane_run *at, struct str row, struct dataplane_root *out,
                           struct error *err)
{
    struct arena *arena = at->call->arena;
    struct document version;
    struct asset_place place;
    int64_t number;

    if (!str_to_int64(row, &number) || document_by_id(at->txn, number, &version, NULL) < 0 ||
        version.scope != at->scope.number || !str_eq(version.type, STR("models/versions")))
        return missing("model version", row, err);
    struct json *body = json_parse(arena, version.body, err);
    if (!body ||
        asset_place(at->txn, &at->scope, json_str_at(body, "properties.modelUri"), &place, err) < 0)
        return -1;
    out->container = arena_str(arena, place.container);
    out->prefix = arena_str(arena, place.prefix);
    out->origin = STR("ModelVersion");
    out->folder = arena_str(arena, row);
    out->inner =
        str_slice(out->prefix, (size_t)(str_find_last(out->prefix, '/') + 1), out->prefix.len);
    out->fixed = true;
    return 0;
}

/* "LocalUpload/{container}" and other origins that clients make up. */
static int root_of_upload(struct dataplane_run *at, struct dataplane_root *out, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct str origin = call_param(at->call, "origin"), folder = call_param(at->call, "container");

    if (path_check(origin, err) < 0 || path_check(folder, err) < 0)
        return -1;
    out->origin = arena_str(arena, origin);
    out->folder = arena_str(arena, folder);
    out->prefix = arena_printf(arena, "%.*s/%.*s", STR_ARG(origin), STR_ARG(folder));
    return 0;
}

int dataplane_root(struct dataplane_run *at, struct dataplane_root *out, struct error *err)
{
    struct str origin = call_param(at->call, "origin"), folder = call_param(at->call, "container");
    struct dataplane_root root = {0};
    int result;

    if (dataplane_scope(at->call, at->txn, &at->scope, err) < 0)
        return -1;
    root.scope = at->scope;
    root.container = asset_artifact_container(at->call->arena, &at->scope);
    if (origin.len == 0)
        result = root_of_run(at, call_param(at->call, "run"), &root, err);
    else if (str_eq(origin, STR("ExperimentRun")) && str_starts(folder, STR("dcid.")))
        result = root_of_run(at, str_slice(folder, 5, folder.len), &root, err);
    else if (str_eq(origin, STR("LoggedModels")))
        result = root_of_model(at, folder, &root, err);
    else if (str_eq(origin, STR("ModelVersion")))
        result = root_of_version(at, folder, &root, err);
    else
        result = root_of_upload(at, &root, err);
    if (result == 0)
        *out = root;
    return result;
}

int dataplane_root_writable(const struct dataplane_run *at, const struct dataplane_root *root,
                            struct error *err)
{
    if (root->fixed)
        return error_set(err, ERROR_INVALID, "path",
                         "Files of a registered version cannot be changed.");
    if (root->run.run)
        return dataplane_may_write(at->call, at->txn, &root->run, err);
    if (at->call->caller.kind != CALLER_ATTEMPT)
        return 0;
    error_set(err, ERROR_FORBIDDEN, "path",
              "A job writes artifacts of its own run and of models of that run.");
    return error_hint(err, "Log the files in the run and register them as runs:/RUN/PATH.");
}

int dataplane_root_name(struct arena *arena, const struct dataplane_root *root, struct str path,
                        struct str *out, struct error *err)
{
    struct str rest = path, inner = root->inner;

    assert(root->prefix.len > 0);
    if (path_check(path, err) < 0)
        return -1;
    if (inner.len > 0) {
        if (!str_starts(path, inner) || (path.len > inner.len && path.ptr[inner.len] != '/'))
            return missing("artifact", path, err);
        rest = str_slice(path, path.len > inner.len ? inner.len + 1 : inner.len, path.len);
    }
    *out = rest.len == 0 ? root->prefix
                         : arena_printf(arena, "%.*s/%.*s", STR_ARG(root->prefix), STR_ARG(rest));
    return 0;
}

struct str dataplane_sign(const struct dataplane_run *at, struct str container, struct str blob,
                          const char *permissions)
{
    struct arena *arena = at->call->arena;
    int64_t now = clock_now_us();
    struct sas sas = {.account = asset_account(arena, &at->scope),
                      .container = container,
                      .blob = blob,
                      .permissions = str_from(permissions),
                      .start_us = now,
                      .end_us = now + SIGNATURE_LIFE_US};
    struct str base = arm_container_url(at->call, at->engines, &at->scope, container);

    assert(blob.len > 0);
    return arena_printf(arena, "%.*s/%.*s?%.*s", STR_ARG(base),
                        STR_ARG(http_encode(arena, blob, true)),
                        STR_ARG(sas_make(at->engines->vault, arena, &sas)));
}
