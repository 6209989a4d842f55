/* From ids of outputs and assets to where their bytes lie, many at once: how the SDK finds what it
 * downloads. Ids that lead nowhere are left out of the answer, which the SDK takes as «not there».
 */
#include "dataplane/internal.h"

#include "asset/asset.h"

#include <assert.h>

#define IDS_MAX 1000

struct resolving {
    struct call *call;
    struct store_txn *txn;
    struct scope scope;
    bool model;
};

/* One id's entry; NULL with ERROR_NOT_FOUND, or a worse error. */
static struct json *resolve_one(struct resolving *r, struct str id, struct error *err)
{
    struct arena *arena = r->call->arena;
    struct json *entry = json_object(arena);
    struct asset_place place;

    if (id.len == 0) {
        error_set(err, ERROR_INVALID, "values", "An id is a text.");
        return NULL;
    }
    if (asset_place(r->txn, &r->scope, id, &place, err) < 0)
        return NULL;
    struct str uri = asset_uri(arena, &r->scope, &place);
    json_set_str(arena, entry, r->model ? "path" : "uri", uri);
    if (!r->model)
        json_set_str(arena, entry, "type", place.single ? STR("uri_file") : STR("uri_folder"));
    return entry;
}

static struct json *resolve_all(struct resolving *r, const struct json *ids, struct error *err)
{
    struct arena *arena = r->call->arena;
    struct json *body = json_object(arena), *values = json_object(arena);
    struct json_iter it = json_iter(ids);

    if (json_kind(ids) != JSON_ARRAY || json_count(ids) > IDS_MAX) {
        error_set(err, ERROR_INVALID, "values", "'values' is a list of at most %d ids.", IDS_MAX);
        return NULL;
    }
    while (json_next(&it)) {
        struct str id = json_as_str(it.value);
        struct json *entry = resolve_one(r, id, err);
        if (!entry && err->code != ERROR_NOT_FOUND)
            return NULL;
        if (entry)
            json_set(arena, values, id, entry);
    }
    json_set(arena, body, STR("values"), values);
    return json_copy(arena, body);
}

static void resolve(struct call *call, bool model)
{
    struct engines *engines = call->face;
    struct error err = {0};
    struct json *ask = json_parse(call->arena, http_body(call->ex), &err), *body = NULL;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct resolving r = {.call = call, .model = model};

    assert(engines->store);
    if (ask)
        txn = store_read_begin(engines->store, &err);
    r.txn = txn;
    if (txn && dataplane_scope(call, txn, &r.scope, &err) == 0)
        body = resolve_all(&r, json_get(ask, STR("values")), &err);
    if (body)
        arm_reply(call, 200, body);
    else
        arm_refuse(call, &err);
}

void dataplane_resolve_data(struct call *call)
{
    resolve(call, false);
}

void dataplane_resolve_models(struct call *call)
{
    resolve(call, true);
}
