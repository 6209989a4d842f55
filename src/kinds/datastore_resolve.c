/* A datastore as the data-preparation library asks for it (azureml-fsspec, mltable): its address
 * and what opens it in one flat answer, under the path of the service's first version. */
#include "kinds/datastore.h"

#include "asset/asset.h"
#include "kinds/kinds.h"

#include <assert.h>

/* Which of our members says the container, by type; others cannot be told in this form. */
static const struct {
    const char *type, *container;
} TYPES[] = {{"AzureBlob", "containerName"},
             {"AzureFile", "fileShareName"},
             {"AzureDataLakeGen2", "filesystem"}};

/* The datastore of the path as ARM shows it, and its row. */
static int open_store(struct call *call, struct arm_request *req, struct json **out_wire,
                      struct document *out, struct error *err)
{
    const struct arm_target target = {.scope_kind = SCOPE_WORKSPACE,
                                      .subscription = call_param(call, "subscription"),
                                      .group = call_param(call, "group"),
                                      .scope = call_param(call, "workspace"),
                                      .type = STR("datastores"),
                                      .name = call_param(call, "name")};
    struct arm_reply reply = {0};
    struct document document;

    assert(out && out_wire);
    if (arm_request_open(call->face, call, &target, req, err) < 0 ||
        arm_request_get(req, &reply, err) < 0)
        return -1;
    const struct document_key key = {req->scope.number, target.type, 0, target.name};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    if (!txn || document_get(txn, &key, &document, err) < 0)
        return -1;
    *out_wire = reply.body;
    *out = document;
    out->name = arena_str(req->arena, document.name);
    out->body = arena_str(req->arena, document.body);
    return 0;
}

/* What a service principal signs in with; the secret is the caller's to add. */
static void add_principal(struct arm_request *req, const struct json *properties,
                          const struct json *secrets, struct json *section)
{
    static const char *const KEPT[] = {"clientId", "tenantId", "authorityUrl", "resourceUrl"};
    const struct json *credentials = json_get(properties, STR("credentials"));
    struct json *client = json_object(req->arena);

    for (size_t i = 0; i < COUNT(KEPT); i++)
        if (json_str_at(credentials, KEPT[i]).len > 0)
            json_set_str(req->arena, client, KEPT[i], json_str_at(credentials, KEPT[i]));
    json_set_str(req->arena, client, "clientSecret", json_str_at(secrets, "clientSecret"));
    json_set(req->arena, section, STR("clientCredentials"), client);
}

/* Key and signature stand twice: older readers take `credential`, whatever it is. */
static void add_secret(struct arm_request *req, struct json *section, const char *name,
                       struct str secret)
{
    if (secret.len == 0)
        return;
    json_set_str(req->arena, section, name, secret);
    json_set_str(req->arena, section, "credential", secret);
}

/* Ours are opened by a signature, whatever ARM says of them: this library signs with the account's
 * key only where accounts are host names. */
static bool add_own(struct arm_request *req, const struct json *properties, struct json *section)
{
    struct str container = json_str_at(properties, "containerName"), guid;

    if (!asset_container_guid(container, &guid) || !str_eq(guid, req->scope.guid))
        return false;
    json_set_str(req->arena, section, "credentialType", STR("Sas"));
    json_set_bool(req->arena, section, "isSas", true);
    add_secret(req, section, "sasToken", upload_sign(req, container, "racwdl", 24));
    return true;
}

static int add_credentials(struct arm_request *req, const struct document *document,
                           const struct json *properties, struct json *section, struct error *err)
{
    struct str type = json_str_at(properties, "credentials.credentialsType");
    struct arm_reply reply = {0};

    assert(document && section);
    if (add_own(req, properties, section))
        return 0;
    json_set_str(req->arena, section, "credentialType", type.len ? type : STR("None"));
    json_set_bool(req->arena, section, "isSas", str_eq(type, STR("Sas")));
    if (type.len == 0 || str_eq(type, STR("None")))
        return 0;
    if (datastore_list_secrets(req, document, &reply, err) < 0)
        return -1;
    struct str key = json_str_at(reply.body, "key"), token = json_str_at(reply.body, "sasToken");
    add_secret(req, section, "accountKey", key);
    add_secret(req, section, "sasToken", token);
    if (key.len == 0 && token.len == 0)
        add_principal(req, properties, reply.body, section);
    return 0;
}

static int resolve(struct call *call, struct json **out, struct error *err)
{
    static const char *const SAME[] = {"accountName",   "endpoint",
                                       "protocol",      "subscriptionId",
                                       "resourceGroup", "serviceDataAccessAuthIdentity"};
    struct arm_request req;
    struct document document;
    struct json *wire, *body, *section, *properties;
    size_t at = 0;

    assert(out);
    if (open_store(call, &req, &wire, &document, err) < 0)
        return -1;
    properties = json_get(wire, STR("properties"));
    struct str type = json_str_at(properties, "datastoreType");
    while (at < COUNT(TYPES) && !str_eq(type, str_from(TYPES[at].type)))
        at++;
    if (at == COUNT(TYPES))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "datastoreType",
                         "A datastore of type %.*s cannot be read in this form; ask ARM for it.",
                         STR_ARG(type));
    section = json_object(req.arena);
    for (size_t i = 0; i < COUNT(SAME); i++)
        if (json_str_at(properties, SAME[i]).len > 0)
            json_set_str(req.arena, section, SAME[i], json_str_at(properties, SAME[i]));
    json_set_str(req.arena, section, "containerName", json_str_at(properties, TYPES[at].container));
    if (add_credentials(&req, &document, properties, section, err) < 0)
        return -1;
    body = json_object(req.arena);
    json_set_str(req.arena, body, "name", document.name);
    json_set_str(req.arena, body, "dataStoreType", type);
    json_set_bool(req.arena, body, "hasBeenValidated", true);
    json_set(req.arena, body, STR("azureStorageSection"), section);
    *out = body;
    return 0;
}

static void resolve_run(struct call *call)
{
    struct json *body = NULL;
    struct error err = {0};

    assert(call->face);
    if (resolve(call, &body, &err) < 0)
        arm_refuse(call, &err);
    else
        arm_reply(call, 200, body);
}

/* The answer opens the datastore, so it is for those who may ask for its secrets. */
static const struct route ROWS[] = {
    {.method = "GET",
     .path = "/datastore/v1.0/subscriptions/{subscription}/resourceGroups/{group}/providers/"
             "Microsoft.MachineLearningServices/workspaces/{workspace}/datastores/{name}",
     .permit = PERMIT_ACTION,
     .action = "Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action",
     .flags = ROUTE_FOLD,
     .listeners = LISTEN_ALL,
     .run = resolve_run,
     .refuse = arm_refuse},
};

struct route_table datastore_routes(struct arm *arm)
{
    assert(arm);
    return (struct route_table){ROWS, COUNT(ROWS), arm};
}
