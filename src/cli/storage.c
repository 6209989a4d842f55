/* storage.c - addresses of blobs and the signatures that open them */
#include "cli/storage.h"
#include "cli/scope.h"
#include "cli/session.h"
#include "http/text.h"

#include <assert.h>

/* The signature last: logs that cut addresses cut it. */
struct str storage_url(struct arena *arena, const struct storage *storage, struct str path,
                       const char *more)
{
    assert(storage->base.len > 0 && more);
    return arena_printf(arena, "%.*s/%.*s?%s%.*s", STR_ARG(storage->base),
                        STR_ARG(http_encode(arena, path, true)), more, STR_ARG(storage->sas));
}

/* A signature of an hour: longer than any one upload needs to begin. */
int storage_open(struct cli *cli, struct str datastore, struct storage *out, struct error *err)
{
    struct str id = session_id(cli, "datastores", datastore);
    struct json *shown, *secrets, *ask = json_object(cli->arena);
    struct str ask_path = arena_printf(cli->arena, "%.*s/listSecrets", STR_ARG(id));

    assert(datastore.len > 0);
    json_set_bool(cli->arena, ask, "expirableSecret", true);
    json_set_int(cli->arena, ask, "expireAfterHours", 1);
    if (session_get(cli, id, &shown, err) < 0 ||
        session_post(cli, ask_path, ask, &secrets, err) < 0)
        return -1;
    struct str type = json_str_at(shown, "properties.datastoreType");
    struct str sas = json_str_at(secrets, "sasToken");
    struct str protocol = json_str_at(shown, "properties.protocol");
    out->base = arena_printf(cli->arena, "%.*s://%.*s.blob.%.*s/%.*s",
                             STR_ARG(protocol.len ? protocol : STR("https")),
                             STR_ARG(json_str_at(shown, "properties.accountName")),
                             STR_ARG(json_str_at(shown, "properties.endpoint")),
                             STR_ARG(json_str_at(shown, "properties.containerName")));
    /* With an account key there is no need to sign: on our server we are known anyway. */
    if (!str_eq(type, STR("AzureBlob")) || (!sas.len && !session_owns(cli, out->base)))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "",
                         "Datastore '%.*s' is of type %.*s; only blob stores with a "
                         "signature can be read and written.",
                         STR_ARG(datastore), STR_ARG(type));
    if (str_starts(sas, STR("?")))
        sas = str_slice(sas, 1, sas.len);
    out->sas = sas;
    return 0;
}

/* The registry signs for one container at a time: an asset's content is nobody else's. */
int storage_open_registry(struct cli *cli, const struct storage_asset *asset, struct storage *out,
                          struct str *out_prefix, struct error *err)
{
    bool reads = asset->uri.len > 0;
    struct str base = session_scope(cli)->registry;
    struct json *ask = json_object(cli->arena), *reply;
    ssize_t slash = str_find_last(base, '/');
    struct str id = arena_printf(cli->arena, "azureml://registries/%.*s/%s/%.*s/versions/%.*s",
                                 STR_ARG(str_slice(base, (size_t)slash + 1, base.len)), asset->type,
                                 STR_ARG(asset->name), STR_ARG(asset->version));

    assert(base.len > 0 && asset->name.len > 0);
    json_set_str(cli->arena, ask, "assetId", id);
    if (reads)
        json_set_str(cli->arena, ask, "blobUri", asset->uri);
    else
        json_set_str(cli->arena, ask, "temporaryDataReferenceType", STR("TemporaryBlobReference"));
    struct str path = arena_printf(cli->arena, "%.*s/%s/%.*s/versions/%.*s", STR_ARG(base),
                                   reads ? "datarefs" : "tempdatarefs",
                                   STR_ARG(http_encode(cli->arena, asset->name, false)),
                                   STR_ARG(http_encode(cli->arena, asset->version, false)));
    if ((reads ? session_post(cli, path, ask, &reply, err)
               : session_put(cli, path, ask, &reply, err)) < 0)
        return -1;
    /* What is signed is the container; the address beside it may be of what lies in it. */
    struct str sas = json_str_at(reply, "blobReferenceForConsumption.credential.sasUri");
    if (!str_cut(sas, '?', &out->base, &out->sas) || !out->base.len)
        return error_set(err, ERROR_INTERNAL, "", "The registry gave no signed address.");
    if (!reads || !out_prefix)
        return 0;
    /* The content's address begins with the container's, unless it is the container. */
    *out_prefix = str_starts(asset->uri, out->base)
                      ? str_slice(asset->uri, out->base.len + 1, asset->uri.len)
                      : STR("");
    return 0;
}
