/* From an artifact address to a blob's name. Whatever the address, the container is that of the
 * request's own workspace, so no path can lead into another. */
#include "mlflow/place.h"

#include "asset/asset.h"
#include "tracking/logged_model.h"
#include "tracking/path.h"

#include <assert.h>

/* What the blob is called in its container. */
struct str place_name(struct arena *arena, const struct place *place)
{
    if (place->path.len == 0)
        return place->prefix;
    if (place->prefix.len == 0)
        return place->path;
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(place->prefix), STR_ARG(place->path));
}

/* The container of the request's workspace, whatever stands in it. */
static int place_base(struct ask *ask, struct store_txn *txn, struct str path, struct place *out,
                      struct error *err)
{
    struct scope scope;

    if (path_check(path, err) < 0 || ask_scope(ask, txn, &scope, err) < 0)
        return -1;
    *out = (struct place){.container = asset_artifact_container(ask->arena, &scope),
                          .prefix = STR(""),
                          .path = path,
                          .scope = scope.number};
    return 0;
}

/* The run's texts are copied: a place outlives its transaction. */
static void place_take_run(struct ask *ask, const struct run *run, struct place *out)
{
    out->run = *run;
    out->run.run_id = arena_str(ask->arena, run->run_id);
    out->run.name = out->run.user = out->run.reason = STR("");
}

/* Deleted runs keep their bytes, since they may be restored. */
int place_of_run(struct ask *ask, struct store_txn *txn, const struct place_at *at,
                 struct place *out, struct error *err)
{
    struct place place;
    struct run run;

    if (place_base(ask, txn, at->path, &place, err) < 0 ||
        run_get(txn, place.scope, at->root, &run, err) < 0)
        return -1;
    place_take_run(ask, &run, &place);
    place.prefix = asset_run_prefix(ask->arena, run.run_id);
    *out = place;
    return 0;
}

/* With the run that logged it: who may write there is asked of the run. */
int place_of_model(struct ask *ask, struct store_txn *txn, const struct place_at *at,
                   struct place *out, struct error *err)
{
    struct logged_model model;
    struct place place;
    struct run run;

    if (place_base(ask, txn, at->path, &place, err) < 0 ||
        logged_model_get(txn, place.scope, at->root, &model, err) < 0)
        return -1;
    if (model.run) {
        if (run_by_row(txn, model.run, &run, err) < 0)
            return -1;
        place_take_run(ask, &run, &place);
    }
    place.prefix = logged_model_prefix(ask->arena, model.model_id);
    *out = place;
    return 0;
}

/* Cuts the next piece off; "" at the end. */
static struct str next_piece(struct str *rest)
{
    struct str piece = STR("");

    if (rest->len > 0)
        str_split(rest, '/', &piece);
    return piece;
}

/* "versions/{row}/path": the bytes of a registered model version, wherever ARM put them. */
static int place_of_version(struct ask *ask, struct store_txn *txn, const struct place_at *at,
                            struct place *out, struct error *err)
{
    struct document version;
    struct asset_place asset;
    struct scope scope;
    struct error none = {0};
    int64_t number = 0;

    if (ask_scope(ask, txn, &scope, err) < 0)
        return -1;
    if (!str_to_int64(at->root, &number) || document_by_id(txn, number, &version, &none) < 0 ||
        version.scope != scope.number || !str_eq(version.type, STR("models/versions")))
        return error_set(err, ERROR_NOT_FOUND, "path", "No such model version: '%.*s'",
                         STR_ARG(at->root));
    struct json *body = json_parse(ask->arena, version.body, err);
    if (!body ||
        asset_place(txn, &scope, json_str_at(body, "properties.modelUri"), &asset, err) < 0)
        return -1;
    *out = (struct place){.container = arena_str(ask->arena, asset.container),
                          .prefix = arena_str(ask->arena, asset.prefix),
                          .path = at->path,
                          .scope = scope.number,
                          .fixed = true};
    return 0;
}

/* The bytes of a version are asked for by row, since their place is ARM's to choose; the others are
 * told apart by what stands between the experiment and the path. */
int place_of(struct ask *ask, struct store_txn *txn, struct str address, struct place *out,
             struct error *err)
{
    struct str rest = address;
    struct str experiment = next_piece(&rest), second = next_piece(&rest);
    int64_t number;

    if (path_check(address, err) < 0)
        return -1;
    if (str_eq(experiment, STR("versions")))
        return place_of_version(ask, txn, &(struct place_at){second, rest}, out, err);
    bool numbered = str_to_int64(experiment, &number);
    struct str third = next_piece(&rest);
    if (numbered && str_eq(third, STR("artifacts")))
        return place_of_run(ask, txn, &(struct place_at){second, rest}, out, err);
    if (numbered && str_eq(second, STR("models")) && str_eq(next_piece(&rest), STR("artifacts")))
        return place_of_model(ask, txn, &(struct place_at){third, rest}, out, err);
    return error_set(err, ERROR_NOT_FOUND, "path",
                     "There is no artifact root at '%.*s'; runs and logged models have one.",
                     STR_ARG(str_slice(address, 0, 200)));
}

/* Only below runs: within a model's own root nothing else can be meant. */
bool place_fall_through(struct ask *ask, struct store_txn *txn, struct place *io)
{
    struct str rest = io->path;
    struct str name = next_piece(&rest);
    struct logged_model model;

    if (io->run.run == 0 || name.len == 0 || str_starts(io->prefix, STR("LoggedModels/")))
        return false;
    /* A store that fails here fails the caller's next statement, too, or his store_txn_check. */
    if (logged_model_of_run(txn, &io->run, name, &model, NULL) < 0)
        return false;
    io->prefix = logged_model_prefix(ask->arena, model.model_id);
    io->path = rest;
    return true;
}
