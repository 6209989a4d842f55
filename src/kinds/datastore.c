#include "kinds/kinds.h"

#include "asset/asset.h"
#include "kinds/fields.h"
#include "vault/vault.h"

#include <assert.h>

/* Named places where a workspace keeps its data. The two that every workspace is born with lie in
 * our own blob surface; others are addresses whose credentials are kept in the vault and leave the
 * server only by listSecrets. */

#define DEFAULT_NAME STR("workspaceblobstore")
#define ARTIFACT_NAME STR("workspaceartifactstore")
#define OWNER_KIND STR("datastores")
#define SLOT STR("credentials")

/* What each type cannot do without. */
struct datastore_need {
    const char *type;
    const struct fields_table *table;
};

static const struct datastore_need NEEDS[] = {
    {"AzureBlob", &fields_datastore_blob},
    {"AzureFile", &fields_datastore_file},
    {"AzureDataLakeGen1", &fields_datastore_lake1},
    {"AzureDataLakeGen2", &fields_datastore_lake2},
};

struct prepared {
    struct str secrets; /* JSON; empty: none came */
};

/* Whether this body's container is one of ours, in this workspace. */
static bool ours(const struct arm_request *req, const struct json *body)
{
    struct str guid;

    assert(req->scope.guid.len > 0);
    return asset_container_guid(json_str_at(body, "properties.containerName"), &guid) &&
           str_eq(guid, req->scope.guid);
}

static bool built_in(struct str name)
{
    assert(name.ptr || !name.len);
    return str_eq_fold(name, DEFAULT_NAME) || str_eq_fold(name, ARTIFACT_NAME);
}

/* Secrets are taken out of the body before anything is stored. */
static int datastore_prepare(struct arm_request *req, struct error *err)
{
    struct prepared *prepared = arena_make(req->arena, struct prepared);

    assert(req->name.len > 0);
    req->prepared = prepared;
    if (built_in(req->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "Datastore '%.*s' belongs to the workspace and cannot be changed.",
                         STR_ARG(req->name));
    if (fields_check(req->arena, req->body, &fields_datastore, err) < 0)
        return -1;
    struct str type = json_str_at(req->body, "properties.datastoreType");
    for (size_t i = 0; i < COUNT(NEEDS); i++)
        if (str_eq(type, str_from(NEEDS[i].type)) &&
            fields_check(req->arena, req->body, NEEDS[i].table, err) < 0)
            return -1;
    struct json *secrets = json_take(req->body, "properties.credentials.secrets");
    struct str kind = json_str_at(req->body, "properties.credentials.credentialsType");
    if (!json_is_null(secrets)) {
        if (kind.len && json_str_at(secrets, "secretsType").len == 0)
            json_set_str(req->arena, secrets, "secretsType", kind);
        prepared->secrets = json_write(req->arena, secrets);
    }
    if (kind.len == 0)
        json_put(req->arena, req->body, "properties.credentials.credentialsType",
                 json_text(req->arena, STR("None")), NULL);
    json_take(req->body, "properties.isDefault");
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Where a datastore's credentials are in the vault. */
static struct vault_slot slot_of(const struct arm_request *req, const struct document *document)
{
    assert(document->doc > 0);
    return (struct vault_slot){
        .scope = &req->scope, .owner_kind = OWNER_KIND, .owner = document->doc, .slot = SLOT};
}

/* Address and credentials are stored together or not at all. */
static int datastore_change(struct arm_request *req, struct store_txn *txn,
                            const struct document *after, struct error *err)
{
    const struct prepared *prepared = req->prepared;
    struct vault_slot slot = slot_of(req, after);
    struct str sealed;

    assert(prepared);
    if (prepared->secrets.len == 0)
        return 0;
    if (vault_seal(req->engines->vault, req->arena, &slot, prepared->secrets, &sealed, err) < 0)
        return -1;
    return vault_store(txn, &slot, sealed, err);
}

/* The credentials go with the datastore. */
static int datastore_remove(struct arm_request *req, struct store_txn *txn,
                            const struct document *document, struct error *err)
{
    struct vault_slot slot = slot_of(req, document);

    assert(document->name.len > 0);
    if (built_in(document->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "Datastore '%.*s' belongs to the workspace and cannot be deleted.",
                         STR_ARG(document->name));
    return vault_forget(txn, &slot, err);
}

/* The SDK signs what it streams from the artifact store with whatever listSecrets gave it, so this
 * store gives the account's key of the day; the other a signature for its container alone. */
static bool by_key(const struct document *document)
{
    return str_eq_fold(document->name, ARTIFACT_NAME);
}

/* Ours is shown under the address by which this client reached us. */
static int datastore_show(struct arm_request *req, struct store_txn *,
                          const struct document *document, struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");

    assert(wire);
    if (ours(req, wire)) {
        json_set_str(req->arena, properties, "accountName",
                     arm_account_name(req->call, &req->scope));
        json_set_str(req->arena, properties, "endpoint",
                     arena_printf(req->arena, "core.%.*s", STR_ARG(req->engines->domain)));
        json_set_str(req->arena, properties, "protocol", STR("https"));
        json_set_str(req->arena, properties, "serviceDataAccessAuthIdentity", STR("None"));
        json_put(req->arena, properties, "credentials.credentialsType",
                 json_text(req->arena, by_key(document) ? STR("AccountKey") : STR("Sas")), NULL);
    }
    json_set_bool(req->arena, properties, "isDefault", str_eq_fold(document->name, DEFAULT_NAME));
    return 0;
}

/* ?isDefault=true gives exactly the default one. */
static int datastore_list(struct arm_request *req, struct store_txn *txn,
                          const struct document_query *page, document_each *each, void *context,
                          struct error *err)
{
    struct document_key key = {req->scope.number, STR("datastores"), 0, DEFAULT_NAME};
    struct document document;

    if (!str_eq_fold(call_query(req->call, "isDefault"), STR("true")))
        return document_list(txn, page, each, context, err);
    return document_get(txn, &key, &document, err) < 0 ? -1 : each(&document, context, err);
}

/* The account's key, or a signature for the whole container, as long as asked, a day at most. */
static int own_secrets(struct arm_request *req, const struct document *document,
                       struct str container, struct arm_reply *out)
{
    struct json *body = json_object(req->arena);
    int64_t hours = json_int_at(req->body, "expireAfterHours", 24);

    assert(container.len > 0);
    if (by_key(document)) {
        json_set_str(req->arena, body, "secretsType", STR("AccountKey"));
        json_set_str(req->arena, body, "key", upload_account_key(req));
    } else {
        json_set_str(req->arena, body, "secretsType", STR("Sas"));
        json_set_str(req->arena, body, "sasToken", upload_sign(req, container, "racwdl", hours));
    }
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* The one way by which credentials leave the server. */
static int list_secrets(struct arm_request *req, const struct document *document,
                        struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *stored = json_parse(req->arena, document->body, err);
    struct vault_slot slot = slot_of(req, document);
    struct str secrets;

    assert(document);
    if (!txn || !stored)
        return -1;
    if (ours(req, stored))
        return own_secrets(req, document, json_str_at(stored, "properties.containerName"), out);
    if (vault_open_secret(req->engines->vault, txn, &slot, &secrets, err) < 0) {
        if (err->code == ERROR_NOT_FOUND)
            error_set(err, ERROR_INVALID, "properties.credentials",
                      "Datastore '%.*s' is kept without credentials.", STR_ARG(document->name));
        return -1;
    }
    struct json *body = json_parse(req->arena, secrets, err);
    *out = (struct arm_reply){.status = 200, .body = body};
    return body ? 0 : -1;
}

static const struct arm_action ACTIONS[] = {{.name = "listSecrets", .run = list_secrets}};

const struct arm_kind datastore_kind = {
    .type = "datastores",
    .wire = "Microsoft.MachineLearningServices/workspaces/datastores",
    .prepare = datastore_prepare,
    .change = datastore_change,
    .remove = datastore_remove,
    .show = datastore_show,
    .list = datastore_list,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
