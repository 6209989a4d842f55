#include "kinds/datastore.h"

#include "asset/asset.h"
#include "kinds/fields.h"
#include "kinds/kinds.h"
#include "kinds/secret.h"

#include <assert.h>

/* Named places where a workspace keeps its data. The two that every workspace is born with lie in
 * our own blob surface; others are addresses whose credentials are kept in the vault and leave the
 * server only by listSecrets. */

/* The one that jobs write to: it cannot be changed nor removed. */
#define ARTIFACT_NAME STR("workspaceartifactstore")

/* What each type cannot do without. */
struct datastore_need {
    const char *type;
    const struct fields_table *table;
};

/* Each type with the fields by which it is found. */
static const struct datastore_need NEEDS[] = {
    {"AzureBlob", &fields_datastore_blob},          {"AzureFile", &fields_datastore_file},
    {"AzureDataLakeGen1", &fields_datastore_lake1}, {"AzureDataLakeGen2", &fields_datastore_lake2},
    {"OneLake", &fields_datastore_onelake},         {"Hdfs", &fields_datastore_hdfs},
};

/* From prepare to change: what was taken out of the body is sealed in the write. */
struct prepared {
    struct json *secrets;          /* NULL: none came */
    bool says_default, is_default; /* isDefault of the body, when it has one */
    bool retyped; /* set by check: credentials of another type than what is sealed */
};

/* Whether this body's container is one of ours, in this workspace. */
static bool ours(const struct arm_request *req, const struct json *body)
{
    struct str guid;

    assert(req->scope.guid.len > 0);
    return asset_container_guid(json_str_at(body, "properties.containerName"), &guid) &&
           str_eq(guid, req->scope.guid);
}

/* The two that a workspace is born with, in any case. */
static bool built_in(struct str name)
{
    assert(name.ptr || !name.len);
    return str_eq_fold(name, DATASTORE_BUILT_IN) || str_eq_fold(name, ARTIFACT_NAME);
}

/* Of a built-in one only what people say about it may change, and whether it is the default. */
static int prepare_built_in(struct arm_request *req, struct error *err)
{
    static const char *const KEPT[] = {"description", "tags", "properties"};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document_key key = {req->scope.number, STR("datastores"), 0, req->name};
    struct json *wanted = json_at(req->body, "properties");
    struct document document;

    assert(wanted);
    if (!txn || document_get(txn, &key, &document, err) < 0)
        return -1;
    struct json *body = json_parse(req->arena, document.body, err);
    if (!body)
        return -1;
    if (!str_eq(json_str_at(wanted, "containerName"),
                json_str_at(body, "properties.containerName")))
        return error_set(err, ERROR_CONFLICT, "name",
                         "Datastore '%.*s' belongs to the workspace: only its description, tags "
                         "and properties may change.",
                         STR_ARG(req->name));
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(wanted, str_from(KEPT[i]));
        if (value)
            json_set(req->arena, json_at(body, "properties"), str_from(KEPT[i]), value);
    }
    req->body = body;
    return 0;
}

/* Whether the client says something about the default; it is no part of what is stored. */
static void take_default(struct arm_request *req, struct prepared *prepared)
{
    struct json *value = json_take(req->body, "properties.isDefault");

    assert(prepared);
    prepared->says_default = json_kind(value) == JSON_BOOL;
    prepared->is_default = json_as_bool(value, false);
}

/* Secrets are taken out of the body before anything is stored. */
static int datastore_prepare(struct arm_request *req, struct error *err)
{
    struct prepared *prepared = arena_make(req->arena, struct prepared);

    assert(req->name.len > 0);
    req->prepared = prepared;
    if (fields_check(req->arena, req->body, &fields_datastore, err) < 0)
        return -1;
    take_default(req, prepared);
    if (built_in(req->name))
        return prepare_built_in(req, err);
    struct str type = json_str_at(req->body, "properties.datastoreType");
    for (size_t i = 0; i < COUNT(NEEDS); i++)
        if (str_eq(type, str_from(NEEDS[i].type)) &&
            fields_check(req->arena, req->body, NEEDS[i].table, err) < 0)
            return -1;
    if (datastore_credentials(req, &prepared->secrets, err) < 0)
        return -1;
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* Clients send back what a GET gave them, without the secret: one that is sealed already counts, as
 * long as the type of credentials is the same. */
static int datastore_check(struct arm_request *req, struct store_txn *,
                           const struct document *before, struct error *err)
{
    static const char *const PATH = "properties.credentials.credentialsType";
    struct prepared *prepared = req->prepared;
    struct str type = json_str_at(req->body, PATH);
    const char *secret = datastore_secret_name(type);
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    assert(prepared);
    if (before && !stored)
        return -1;
    prepared->retyped = stored && !str_eq(type, json_str_at(stored, PATH));
    if (!secret || prepared->secrets || built_in(req->name) || (stored && !prepared->retyped) ||
        ours(req, req->body))
        return 0;
    return error_set(err, ERROR_INVALID, "properties.credentials.secrets",
                     "Credentials of type %.*s need '%s' here.", STR_ARG(type), secret);
}

/* Address and credentials are stored together or not at all. */
static int datastore_change(struct arm_request *req, struct store_txn *txn,
                            const struct document *after, struct error *err)
{
    const struct prepared *prepared = req->prepared;

    assert(prepared);
    if (prepared->says_default && datastore_set_default(txn, after, prepared->is_default, err) < 0)
        return -1;
    if (prepared->retyped && secret_forget(req, txn, after, err) < 0)
        return -1;
    return prepared->secrets ? secret_store(req, txn, after, prepared->secrets, err) : 0;
}

/* The credentials go with the datastore. A workspace is never without a default. */
static int datastore_remove(struct arm_request *req, struct store_txn *txn,
                            const struct document *document, struct error *err)
{
    struct document is_default;

    assert(document->name.len > 0);
    if (built_in(document->name))
        return error_set(err, ERROR_CONFLICT, "name",
                         "Datastore '%.*s' belongs to the workspace and cannot be deleted.",
                         STR_ARG(document->name));
    if (datastore_default(txn, document->scope, &is_default, err) < 0)
        return -1;
    if (is_default.doc == document->doc) {
        error_set(err, ERROR_CONFLICT, "name",
                  "Datastore '%.*s' is the workspace's default and cannot be deleted.",
                  STR_ARG(document->name));
        return error_hint(err, "Make another one the default first.");
    }
    return secret_forget(req, txn, document, err);
}

/* The SDK signs what it streams from the artifact store with whatever listSecrets gave it, so this
 * store gives the account's key of the day; the other a signature for its container alone. */
static bool by_key(const struct document *document)
{
    return str_eq_fold(document->name, ARTIFACT_NAME);
}

/* Ours is shown under the address by which this client reached us. */
static int datastore_show(struct arm_request *req, struct store_txn *txn,
                          const struct document *document, struct json *wire, struct error *err)
{
    struct json *properties = json_at(wire, "properties");
    struct document is_default;

    assert(wire);
    if (datastore_default(txn, document->scope, &is_default, err) < 0)
        return -1;
    if (ours(req, wire)) {
        json_set_str(req->arena, properties, "accountName",
                     arm_account_name(req->call, req->engines, &req->scope));
        json_set_str(req->arena, properties, "endpoint",
                     arm_storage_suffix(req->call, req->engines));
        json_set_str(req->arena, properties, "protocol", STR("https"));
        json_set_str(req->arena, properties, "serviceDataAccessAuthIdentity", STR("None"));
        json_set_str(req->arena, properties, "subscriptionId", req->scope.subscription);
        json_set_str(req->arena, properties, "resourceGroup", req->scope.group);
        json_put(req->arena, properties, "credentials.credentialsType",
                 json_text(req->arena, by_key(document) ? STR("AccountKey") : STR("Sas")), NULL);
    }
    json_set_bool(req->arena, properties, "isDefault", document->doc == is_default.doc);
    return 0;
}

/* Releases of azure-ai-ml before 1.33 know no answer but a signature; then it must also do for the
 * key that they take it for (ADR 4). */
static bool knows_no_key(const struct arm_request *req)
{
    return arm_sdk_minor(req->call) < 33;
}

/* The account's key, or a signature for the whole container, as long as asked, a day at most. */
static int own_secrets(struct arm_request *req, const struct document *document,
                       struct str container, struct arm_reply *out)
{
    struct json *body = json_object(req->arena);
    int64_t hours = json_int_at(req->body, "expireAfterHours", 24);

    assert(container.len > 0);
    if (by_key(document) && knows_no_key(req)) {
        json_set_str(req->arena, body, "secretsType", STR("Sas"));
        json_set_str(req->arena, body, "sasToken", upload_token(req, container));
    } else if (by_key(document)) {
        json_set_str(req->arena, body, "secretsType", STR("AccountKey"));
        json_set_str(req->arena, body, "key", upload_account_key(req));
    } else {
        json_set_str(req->arena, body, "secretsType", STR("Sas"));
        json_set_str(req->arena, body, "sasToken", upload_sign(req, container, "racwdl", hours));
    }
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

int datastore_list_secrets(struct arm_request *req, const struct document *document,
                           struct arm_reply *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct json *stored = json_parse(req->arena, document->body, err), *secrets = NULL;

    assert(document);
    if (!txn || !stored)
        return -1;
    if (ours(req, stored))
        return own_secrets(req, document, json_str_at(stored, "properties.containerName"), out);
    if (secret_open(req, txn, document, &secrets, err) < 0) {
        if (err->code == ERROR_NOT_FOUND)
            error_set(err, ERROR_INVALID, "properties.credentials",
                      "Datastore '%.*s' is kept without credentials.", STR_ARG(document->name));
        return -1;
    }
    *out = (struct arm_reply){.status = 200, .body = secrets};
    return 0;
}

/* A permission of its own: who may read a datastore may not read its key. */
static const struct arm_action ACTIONS[] = {{.name = "listSecrets", .run = datastore_list_secrets}};

const struct arm_kind datastore_kind = {
    .type = "datastores",
    .wire = "Microsoft.MachineLearningServices/workspaces/datastores",
    .prepare = datastore_prepare,
    .check = datastore_check,
    .change = datastore_change,
    .remove = datastore_remove,
    .show = datastore_show,
    .list = datastore_list,
    .newest_only = true,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
