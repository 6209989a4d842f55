/* Where clients may put bytes, and the signatures that let them. Each upload has a folder that
 * nobody else was given; it goes with the version it was made for. */
#include "kinds/kinds.h"

#include "asset/asset.h"
#include "asset/doom.h"
#include "os/clock.h"
#include "os/random.h"
#include "vault/account_key.h"
#include "vault/sas.h"
#include "vault/sas_token.h"

#include <assert.h>

/* An hour at least, a day at most: a signature cannot be taken back. */
struct str upload_sign(struct arm_request *req, struct str container, const char *permissions,
                       int64_t hours)
{
    int64_t now = clock_now_us();
    struct sas sas = {
        .account = asset_account(req->arena, &req->scope),
        .container = container,
        .permissions = str_from(permissions),
        .start_us = now,
        .end_us = now + (hours < 1    ? 1
                         : hours > 24 ? 24
                                      : hours) *
                            3600 * US_PER_S,
    };

    assert(req->engines->vault);
    return sas_make(req->engines->vault, req->arena, &sas);
}

/* Of today; it counts tomorrow as well. */
struct str upload_account_key(struct arm_request *req)
{
    assert(req->engines->vault);
    return account_key(req->engines->vault, req->arena, asset_account(req->arena, &req->scope),
                       clock_now_us());
}

/* Of this hour, the same for whoever asks within it. */
struct str upload_token(struct arm_request *req, struct str container)
{
    assert(req->engines->vault && container.len > 0);
    return sas_token(req->engines->vault, req->arena, asset_account(req->arena, &req->scope),
                     container, clock_now_us());
}

/* Each upload has a container of its own: its signature opens nothing else. */
int upload_start(struct arm_request *req, const struct document *, struct arm_reply *out,
                 struct error *err)
{
    struct arena *arena = req->arena;
    struct json *body = json_object(arena), *reference = json_object(arena);
    struct json *credential = json_object(arena);
    struct str wanted = json_str_at(req->body, "pendingUploadType");
    struct str container = asset_upload_container(arena, &req->scope);
    struct str url = arm_container_url(req->call, req->engines, &req->scope, container);

    assert(req->scope.number > 0);
    if (wanted.len && !str_eq_fold(wanted, STR("TemporaryBlobReference")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "pendingUploadType",
                         "Uploads of type '%.*s' are not built yet; TemporaryBlobReference is.",
                         STR_ARG(wanted));
    json_set_str(arena, credential, "credentialType", STR("SAS"));
    json_set_str(arena, credential, "sasUri",
                 arena_printf(arena, "%.*s?%.*s", STR_ARG(url),
                              STR_ARG(upload_sign(req, container, "rcwl", 24))));
    json_set_str(arena, reference, "blobUri", url);
    json_set_str(arena, reference, "storageAccountArmId",
                 arena_printf(arena,
                              "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                              "Microsoft.Storage/storageAccounts/%.*s",
                              STR_ARG(req->scope.subscription), STR_ARG(req->scope.group),
                              STR_ARG(asset_account(arena, &req->scope))));
    json_set(arena, reference, STR("credential"), credential);
    json_set_str(arena, body, "pendingUploadId", random_uuid(arena));
    json_set_str(arena, body, "pendingUploadType", STR("TemporaryBlobReference"));
    json_set(arena, body, STR("blobReferenceForConsumption"), reference);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* The version's row goes in this very write; its bytes follow in slices, unless another version
 * names them too. */
int upload_forget(struct arm_request *req, struct store_txn *txn, const struct document *document,
                  const char *field, struct error *err)
{
    struct json *body = json_parse(req->arena, document->body, err);

    assert(store_is_writer(txn) && field);
    return body ? doom_bytes(txn, &req->scope, json_str_at(body, field), err) : -1;
}

/* At once, so that who deletes to make room has it; without waiting for the hourly round. */
void upload_sweep(struct arm_request *req, const struct document *, bool removed)
{
    /* What fails here is done by the hourly round. */
    if (removed)
        doom_sweep(req->engines->store, NULL);
}
