/* The source of a version is text that a client chose. Where it leads into this workspace it is
 * resolved, to bytes that the caller might have written. A store elsewhere is only remembered: the
 * client that reads the version goes there itself. Paths of this machine, and whatever could climb,
 * are refused in MLflow's words. */
#include "mlflow/registry_source.h"

#include "content/content.h"
#include "http/text.h"
#include "mlflow/address.h"
#include "tracking/path.h"

#include <assert.h>

/* MLflow's sentence for what it cannot read. */
static int invalid_source(const struct registry_source *source, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "source", "Invalid model version source: '%.*s'. %s",
                     STR_ARG(str_slice(source->text, 0, 200)), why);
}

/* The same sentence for what is missing and for what is another's. */
static int not_of(const struct registry_source *source, const char *field, struct error *err)
{
    return invalid_source(source,
                          field[0] == 'r'
                              ? "The run_id request parameter must identify the resource "
                                "that contains the source."
                              : "The model_id request parameter must identify the resource "
                                "that contains the source.",
                          err);
}

/* A path with '%' or dots that would mean something else to whoever decodes it again. */
static bool hides_dots(struct str path)
{
    return str_find(path, STR("..")) >= 0 || str_find(path, STR("%2e")) >= 0 ||
           str_find(path, STR("%2E")) >= 0 || str_find(path, STR("%25")) >= 0;
}

/* "scheme:rest", with a scheme of at least two letters: "C:/x" is a path. */
static bool cut_scheme(struct str text, struct str *out_scheme, struct str *out_rest)
{
    assert(out_scheme && out_rest);
    if (!str_cut(text, ':', out_scheme, out_rest) || out_scheme->len < 2)
        return false;
    for (size_t i = 0; i < out_scheme->len; i++) {
        char c = out_scheme->ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other))
            return false;
    }
    return true;
}

/* Decoded until nothing changes: who decodes it once more must find nothing new. What is no escape
 * stays, and so does that of a NUL, which is looked for by its name. */
static struct str decoded(struct arena *arena, struct str text)
{
    struct error none = {0};
    struct str plain;

    while (http_decode(arena, text, &plain, &none) == 0 && !str_eq(plain, text))
        text = plain;
    return text;
}

/* A rooted path without "." and "..", and without what ends a text. */
static bool path_is_plain(struct str path)
{
    struct str piece;

    if (path.len == 0 || path.ptr[0] != '/' || str_find(path, STR("%00")) >= 0)
        return false;
    while (path.len > 0 && str_split(&path, '/', &piece))
        if (str_eq(piece, STR("..")) || str_eq(piece, STR(".")))
            return false;
    return true;
}

/* MLflow's check of everything that has a scheme. */
static int check_relative(struct ask *ask, const struct registry_source *source, struct error *err)
{
    struct str scheme, rest;

    assert(source);
    if (!cut_scheme(decoded(ask->arena, source->text), &scheme, &rest))
        rest = STR("");
    if (str_starts(rest, STR("//"))) {
        struct str from_host = str_slice(rest, 2, rest.len);
        ssize_t slash = str_find_char(from_host, '/');
        rest = slash < 0 || str_starts(from_host, STR("../"))
                   ? STR("")
                   : str_slice(from_host, (size_t)slash, from_host.len);
    }
    if (path_is_plain(rest))
        return 0;
    return invalid_source(source,
                          "If supplying a source as an http, https, local file path, ftp, "
                          "objectstore, or mlflow-artifacts uri, an absolute path must be provided "
                          "without relative path references present. Please provide an absolute "
                          "path.",
                          err);
}

/* The server reads none of its own folders for a client. */
static int refuse_local(const struct registry_source *source, struct error *err)
{
    if (source->model_id.len)
        return invalid_source(
            source,
            "To use a local path as a model version source, the model_id request parameter has to "
            "be specified and the local path has to be contained within the artifact directory of "
            "the run specified by the model_id.",
            err);
    return invalid_source(
        source,
        "To use a local path as a model version source, the run_id request parameter has to be "
        "specified and the local path has to be contained within the artifact directory of the run "
        "specified by the run_id.",
        err);
}

/* "s3://bucket/x" and the like: remembered as it is. An address of an artifact proxy is none of
 * these, as it would go past the checks of the proxy's own scheme. */
static int from_elsewhere(const struct ask *ask, struct registry_source *io, struct error *err)
{
    if (ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(err, ERROR_FORBIDDEN, "source",
                         "A job may register models of its own runs.");
    if (str_find(io->text, STR("/mlflow-artifacts/artifacts")) >= 0)
        return not_of(io, io->model_id.len ? "model_id" : "run_id", err);
    io->uri = io->text;
    return 0;
}

bool registry_source_elsewhere(struct str uri)
{
    static const char *const OURS[] = {"runs", "models", "mlflow-artifacts", "azureml", "file"};
    struct str scheme, rest;

    if (!cut_scheme(uri, &scheme, &rest))
        return false;
    for (size_t i = 0; i < COUNT(OURS); i++)
        if (str_eq_fold(scheme, str_from(OURS[i])))
            return false;
    return true;
}

/* Whether it can be served without code of its own. */
static bool has_mlmodel(struct ask *ask, struct store_txn *txn, const struct place *place)
{
    struct str name = place_name(ask->arena, place);
    struct blob blob;

    return blob_get(txn, place->container, arena_printf(ask->arena, "%.*s/MLmodel", STR_ARG(name)),
                    &blob, NULL) == 0;
}

/* A place below a run or a logged model, which has to be the one that the request names. */
static int take_place(struct ask *ask, struct store_txn *txn, const struct place *found,
                      struct registry_source *io, struct error *err)
{
    struct place place = *found, through = *found;
    struct scope scope;

    io->mlflow = has_mlmodel(ask, txn, &place);
    if (!io->mlflow && place_fall_through(ask, txn, &through) && has_mlmodel(ask, txn, &through)) {
        place = through;
        io->mlflow = true;
    }
    if (place.run.run && ask_may_write(ask, txn, &place.run, err) < 0)
        return -1;
    if (ask_scope(ask, txn, &scope, err) < 0)
        return -1;
    const struct asset_place asset = {.container = place.container,
                                      .prefix = place_name(ask->arena, &place)};
    io->uri = arena_str(ask->arena, asset_uri(ask->arena, &scope, &asset));
    if (io->run_id.len == 0 && place.run.run)
        io->run_id = place.run.run_id;
    return 0;
}

/* "runs:/{run}/{path}" */
static int from_run(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                    struct error *err)
{
    struct str rest = str_slice(io->text, 6, io->text.len);
    struct place_at at = {.path = STR("")};
    struct place place;
    struct error none = {0};

    if (!str_cut(rest, '/', &at.root, &at.path))
        at.root = rest;
    if ((io->run_id.len && !str_eq(at.root, io->run_id)) || hides_dots(at.path) ||
        place_of_run(ask, txn, &at, &place, &none) < 0)
        return not_of(io, "run_id", err);
    return take_place(ask, txn, &place, io, err);
}

/* "models:/{id}" of a logged model, "models:/{name}/{version}" of another registered one. */
static int from_model(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                      struct error *err)
{
    struct str rest = str_slice(io->text, 8, io->text.len), name, version;
    struct registry_entry model, other;
    struct place place;
    int64_t scope;

    if (!str_cut(rest, '/', &name, &version)) {
        struct error none = {0};
        if ((io->model_id.len && !str_eq(rest, io->model_id)) ||
            place_of_model(ask, txn, &(struct place_at){rest, STR("")}, &place, &none) < 0)
            return not_of(io, "model_id", err);
        io->model_id = rest;
        return take_place(ask, txn, &place, io, err);
    }
    if (ask_scope_number(ask, txn, &scope, err) < 0 ||
        registry_model(txn, scope, name, &model, err) < 0 ||
        registry_version(txn, &model, version, &other, err) < 0)
        return -1;
    if (ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(err, ERROR_FORBIDDEN, "source",
                         "A job may register models of its own runs.");
    io->uri = arena_str(ask->arena, json_str_at(other.properties, "modelUri"));
    io->mlflow = str_eq(json_str_at(other.properties, "modelType"), STR("mlflow_model"));
    if (io->run_id.len == 0)
        io->run_id = arena_str(ask->arena, json_str_at(other.properties, "jobName"));
    if (io->model_id.len == 0)
        io->model_id = arena_str(ask->arena, registry_extra(&other, "mlflow.modelId"));
    return 0;
}

/* "mlflow-artifacts:/…" */
static int from_artifacts(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                          struct error *err)
{
    struct str address = str_slice(io->text, 18, io->text.len);
    struct error none = {0};
    struct place place;

    if (hides_dots(address) || place_of(ask, txn, address, &place, &none) < 0)
        return not_of(io, "run_id", err);
    bool model = str_starts(place.prefix, STR("LoggedModels/"));
    if (!model && io->run_id.len && !str_eq(place.run.run_id, io->run_id))
        return not_of(io, "run_id", err);
    if (model && io->model_id.len &&
        !str_eq(str_slice(place.prefix, 13, place.prefix.len), io->model_id))
        return not_of(io, "model_id", err);
    return take_place(ask, txn, &place, io, err);
}

/* "azureml://HOST/…/runs/{run}/artifacts/{path}", as artifact_uri is told to the plugin; the run
 * may be a logged model. */
static int from_plugin_run(struct ask *ask, struct store_txn *txn, const struct address *address,
                           struct registry_source *io, struct error *err)
{
    struct error none = {0};
    struct place place;

    if (hides_dots(address->path))
        return not_of(io, "run_id", err);
    const struct place_at at = {address->run, address->path};
    if (place_of_run(ask, txn, &at, &place, &none) < 0 &&
        place_of_model(ask, txn, &at, &place, &none) < 0)
        return not_of(io, "run_id", err);
    bool model = str_starts(place.prefix, STR("LoggedModels/"));
    if (io->run_id.len && !str_eq_fold(place.run.run_id, io->run_id))
        return not_of(io, "run_id", err);
    if (model && io->model_id.len && !str_eq(address->run, io->model_id))
        return not_of(io, "model_id", err);
    if (model)
        io->model_id = address->run;
    return take_place(ask, txn, &place, io, err);
}

/* "azureml://artifacts/LocalUpload/{container}/{path}": what the plugin uploaded from a folder of
 * its machine. */
static int from_upload(struct ask *ask, struct store_txn *txn, const struct address *address,
                       struct registry_source *io, struct error *err)
{
    struct arena *arena = ask->arena;
    struct scope scope;
    struct str name = arena_printf(arena, "%.*s/%.*s/%.*s", STR_ARG(address->origin),
                                   STR_ARG(address->container), STR_ARG(address->path));
    struct blob blob;

    if (ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(err, ERROR_FORBIDDEN, "source",
                         "A job may register models of its own runs.");
    if (hides_dots(name) || path_check(name, err) < 0 || ask_scope(ask, txn, &scope, err) < 0)
        return invalid_source(io, "The path is not understood.", err);
    const struct asset_place place = {.container = asset_artifact_container(arena, &scope),
                                      .prefix = name};
    io->uri = arena_str(arena, asset_uri(arena, &scope, &place));
    io->mlflow = blob_get(txn, place.container, arena_printf(arena, "%.*s/MLmodel", STR_ARG(name)),
                          &blob, NULL) == 0;
    struct asset_place there;
    if (asset_place(txn, &scope, io->uri, &there, err) < 0)
        return invalid_source(io, "Nothing was uploaded there.", err);
    return 0;
}

/* A version by its row: registered again under another name. */
static int from_version(struct ask *ask, struct store_txn *txn, const struct address *address,
                        struct registry_source *io, struct error *err)
{
    struct error none = {0};
    struct place place;

    if (place_of(ask, txn, arena_printf(ask->arena, "versions/%.*s", STR_ARG(address->container)),
                 &place, &none) < 0)
        return invalid_source(io, "There is no such version.", err);
    return take_place(ask, txn, &place, io, err);
}

/* Addresses that azureml-mlflow was told as artifact_uri come back as sources. */
static int from_plugin(struct ask *ask, struct store_txn *txn, const struct address *address,
                       struct registry_source *io, struct error *err)
{
    struct address run = {.path = address->path};

    if (address->run.len > 0)
        return from_plugin_run(ask, txn, address, io, err);
    if (str_eq(address->origin, STR("ModelVersion")))
        return from_version(ask, txn, address, io, err);
    if (str_eq(address->origin, STR("LoggedModels")))
        run.run = address->container;
    else if (str_eq(address->origin, STR("ExperimentRun")) &&
             str_starts(address->container, STR("dcid.")))
        run.run = str_slice(address->container, 5, address->container.len);
    return run.run.len > 0 ? from_plugin_run(ask, txn, &run, io, err)
                           : from_upload(ask, txn, address, io, err);
}

/* Addresses of the workspace's own stores. */
static int from_store(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                      struct error *err)
{
    struct asset_place place;
    struct scope scope;
    struct blob blob;

    if (ask->call->caller.kind == CALLER_ATTEMPT)
        return error_set(err, ERROR_FORBIDDEN, "source",
                         "A job may register models of its own runs.");
    if (ask_scope(ask, txn, &scope, err) < 0 || asset_place(txn, &scope, io->text, &place, err) < 0)
        return -1;
    io->uri = arena_str(ask->arena, asset_uri(ask->arena, &scope, &place));
    struct str name = arena_printf(ask->arena, "%.*s/MLmodel", STR_ARG(place.prefix));
    io->mlflow = !place.single && blob_get(txn, place.container, name, &blob, NULL) == 0;
    return 0;
}

/* Told apart by scheme; a path of this machine, or a place elsewhere, is none of ours. */
int registry_source(struct ask *ask, struct store_txn *txn, struct registry_source *io,
                    struct error *err)
{
    struct address address;
    struct scope scope;

    assert(!store_is_writer(txn));
    if (io->prompt) {
        io->uri = io->text;
        return 0;
    }
    if (ask_scope(ask, txn, &scope, err) < 0)
        return -1;
    if (address_read(ask, &scope, io->text, &address))
        return from_plugin(ask, txn, &address, io, err);
    if (str_starts(io->text, STR("azureml:")))
        return from_store(ask, txn, io, err);
    struct str file, rest;
    if (!cut_scheme(io->text, &file, &rest) || str_eq_fold(file, STR("file")))
        return refuse_local(io, err);
    if (check_relative(ask, io, err) < 0)
        return -1;
    if (str_starts(io->text, STR("runs:/")))
        return from_run(ask, txn, io, err);
    if (str_starts(io->text, STR("models:/")))
        return from_model(ask, txn, io, err);
    if (str_starts(io->text, STR("mlflow-artifacts:/")))
        return from_artifacts(ask, txn, io, err);
    return from_elsewhere(ask, io, err);
}
