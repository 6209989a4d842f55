/* online_endpoint.c - an address that scores: keys, and which share of the requests each deployment
 * gets
 *
 * Addresses carry no workspace, so names are taken once a server; keys live in the vault and leave
 * it by listKeys alone.
 */
#include "kinds/online_endpoint.h"

#include "endpoint/endpoint.h"
#include "kinds/fields.h"
#include "kinds/filter.h"

#include <assert.h>

/* In any case, as clients spell them differently. */
static const char *const AUTH_MODES[] = {"Key", "AMLToken", "AADToken", NULL};
/* Kept as asked for: the listener's address decides who can reach it. */
static const char *const ACCESS[] = {"Enabled", "Disabled", NULL};

static const struct field FIELDS[] = {
    {"location", FIELD_TEXT, false, NULL},
    {"tags", FIELD_TEXTS, false, NULL},
    {"kind", FIELD_TEXT, false, NULL},
    {"identity", FIELD_OBJECT, false, NULL},
    {"sku", FIELD_OBJECT, false, NULL},
    {"properties.authMode", FIELD_WORD, true, AUTH_MODES},
    {"properties.description", FIELD_TEXT, false, NULL},
    {"properties.compute", FIELD_TEXT, false, NULL},
    {"properties.properties", FIELD_OBJECT, false, NULL},
    {"properties.traffic", FIELD_OBJECT, false, NULL},
    {"properties.mirrorTraffic", FIELD_OBJECT, false, NULL},
    {"properties.publicNetworkAccess", FIELD_WORD, false, ACCESS},
};

/* By name: an endpoint without the door its owner asked for would be open, or closed, unnoticed. */
static int refuse_unbuilt(const struct json *body, struct error *err)
{
    struct str mode = json_str_at(body, "properties.authMode");

    if (!str_eq(mode, STR("Key")))
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.authMode",
                         "Endpoints with %.*s are not built yet; Key is.", STR_ARG(mode));
    if (json_count(json_at(body, "properties.mirrorTraffic")) > 0)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.mirrorTraffic",
                         "Mirrored traffic is not built yet.");
    if (json_str_at(body, "properties.compute").len)
        return error_set(
            err, ERROR_NOT_IMPLEMENTED, "properties.compute",
            "Endpoints on an attached cluster are not built yet; leave compute out to use "
            "this host.");
    return 0;
}

/* Shares are whole percents that make 0 or 100; what gets nothing is left out, as the service does.
 */
static int check_shares(struct arm_request *req, struct error *err)
{
    struct json *traffic = json_at(req->body, "properties.traffic");
    struct json *kept = json_object(req->arena);
    struct json_iter it = json_iter(traffic);
    int64_t sum = 0;

    assert(req->body);
    while (json_next(&it)) {
        int64_t share = json_as_int(it.value, -1);
        if (!json_is_integer(it.value) || share < 0 || share > 100)
            return error_set(err, ERROR_INVALID, "properties.traffic",
                             "The share of deployment '%.*s' must be a whole number from 0 to 100.",
                             STR_ARG(it.key));
        sum += share;
        if (share > 0)
            json_set_int(req->arena, kept, arena_cstr(req->arena, it.key), share);
    }
    if (sum != 0 && sum != 100)
        return error_set(err, ERROR_INVALID, "properties.traffic",
                         "The shares of traffic must make 0 or 100 together, not %lld.",
                         (long long)sum);
    return json_put(req->arena, req->body, "properties.traffic", kept, err);
}

/* What clients send back from a GET (addresses, keys) is taken out again: it is ours to say. */
static int endpoint_prepare(struct arm_request *req, struct error *err)
{
    if (fields_check(req->arena, req->body, &(struct fields_table){FIELDS, COUNT(FIELDS)}, err) <
            0 ||
        refuse_unbuilt(req->body, err) < 0 || check_shares(req, err) < 0)
        return -1;
    struct json *properties = json_at(req->body, "properties");
    static const char *const OBJECTS[] = {"properties", "mirrorTraffic"};
    for (size_t i = 0; i < COUNT(OBJECTS); i++)
        if (json_kind(json_at(properties, OBJECTS[i])) != JSON_OBJECT)
            json_set(req->arena, properties, str_from(OBJECTS[i]), json_object(req->arena));
    if (json_kind(json_at(req->body, "tags")) != JSON_OBJECT)
        json_set(req->arena, req->body, STR("tags"), json_object(req->arena));
    json_remove(properties, STR("scoringUri"));
    json_remove(properties, STR("swaggerUri"));
    /* Keys are ours to make; a client's would be a chosen secret. */
    json_remove(properties, STR("keys"));
    fields_default(req->arena, req->body, "location", "local");
    return 0;
}

/* Traffic goes only to deployments that are there. */
static int endpoint_check(struct arm_request *req, struct store_txn *txn,
                          const struct document *before, struct error *err)
{
    struct json_iter it = json_iter(json_at(req->body, "properties.traffic"));

    assert(store_is_writer(txn));
    if (!before && endpoint_name_free(txn, req->scope.number, req->name, err) < 0)
        return -1;
    while (json_next(&it)) {
        struct document_key key = {req->scope.number, STR("onlineEndpoints/deployments"),
                                   before ? before->doc : 0, it.key};
        struct document deployment;
        struct error cause = {0};
        if (before && document_get(txn, &key, &deployment, &cause) == 0)
            continue;
        if (before && cause.code != ERROR_NOT_FOUND) {
            *err = cause;
            return -1;
        }
        return error_set(err, ERROR_INVALID, "properties.traffic",
                         "The endpoint has no deployment '%.*s'.", STR_ARG(it.key));
    }
    return 0;
}

/* In the write that stores the document, so no endpoint is ever without keys. */
static int endpoint_change(struct arm_request *req, struct store_txn *txn,
                           const struct document *after, struct error *err)
{
    return endpoint_make_keys(req->engines->endpoints, txn, &req->scope, after, err);
}

/* Its deployments went before, in the same write. */
static int endpoint_remove(struct arm_request *, struct store_txn *txn,
                           const struct document *document, struct error *err)
{
    return endpoint_forget(txn, document, err);
}

/* Whoever set the traffic may call at once. */
static void endpoint_after(struct arm_request *req, const struct document *, bool)
{
    endpoints_sync(req->engines->endpoints);
}

/* Addresses are made when shown: the scoring port may be another after a restart. */
static int endpoint_show(struct arm_request *req, struct store_txn *,
                         const struct document *document, struct json *wire, struct error *)
{
    struct json *properties = json_at(wire, "properties");
    struct str base =
        arena_printf(req->arena, "%.*s/endpoints/%.*s", STR_ARG(req->engines->scoring_endpoint),
                     STR_ARG(document->name));

    assert(properties);
    json_set_str(req->arena, properties, "scoringUri",
                 arena_printf(req->arena, "%.*s/score", STR_ARG(base)));
    json_set_str(req->arena, properties, "swaggerUri",
                 arena_printf(req->arena, "%.*s/swagger.json", STR_ARG(base)));
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    return 0;
}

/* All stand on this host, so who asks for those of clusters or container groups gets none. */
static int endpoint_list(struct arm_request *req, struct store_txn *txn,
                         const struct document_query *page, const struct document_sink *to,
                         struct error *err)
{
    struct str where = call_query(req->call, "computeType");

    assert(page->limit > 0);
    if (where.len > 0 && !str_eq_fold(where, STR("Managed")))
        return 0;
    return filter_list(req, txn, page, to, err);
}

/* An endpoint without deployments needs nothing but its document. */
static int endpoint_progress(struct arm_request *, struct store_txn *, const struct document *,
                             struct error *)
{
    return 1;
}

/* --- Actions
 * -------------------------------------------------------------------------------------- */

/* The only place where keys leave the server. */
static int list_keys(struct arm_request *req, const struct document *document,
                     struct arm_reply *out, struct error *err)
{
    struct json *body = json_object(req->arena);
    struct str keys[ENDPOINT_KEY_COUNT_];

    assert(document->doc > 0);
    if (endpoint_keys(req->engines->endpoints, req->arena, document, keys, err) < 0)
        return -1;
    json_set_str(req->arena, body, "primaryKey", keys[ENDPOINT_KEY_PRIMARY]);
    json_set_str(req->arena, body, "secondaryKey", keys[ENDPOINT_KEY_SECONDARY]);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* keyValue is the current key, as the SDK sends it: a new random one is made all the same. */
static int regenerate_keys(struct arm_request *req, const struct document *document,
                           struct arm_reply *out, struct error *err)
{
    struct str type = json_str_at(req->body, "keyType");
    enum endpoint_key which;

    if (str_eq_fold(type, STR("Primary")))
        which = ENDPOINT_KEY_PRIMARY;
    else if (str_eq_fold(type, STR("Secondary")))
        which = ENDPOINT_KEY_SECONDARY;
    else
        return error_set(err, ERROR_INVALID, "keyType", "This field must be Primary or Secondary.");
    if (endpoint_new_key(req->engines->endpoints, document, which, err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 202};
    return 0;
}

/* The service gives one for endpoints of other modes; those are refused above. */
static int get_token(struct arm_request *, const struct document *, struct arm_reply *,
                     struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "token",
                     "Endpoint tokens are not built yet; use listKeys.");
}

/* Keys are asked for by POST, so that no log of addresses holds one. */
static const struct arm_action ACTIONS[] = {
    {.name = "listKeys", .run = list_keys},
    {.name = "regenerateKeys", .run = regenerate_keys},
    {.name = "token", .run = get_token},
};

const struct arm_kind online_endpoint_kind = {
    .type = "onlineEndpoints",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    .names = NAME_ENDPOINT,
    .prepare = endpoint_prepare,
    .check = endpoint_check,
    .change = endpoint_change,
    .remove = endpoint_remove,
    .after = endpoint_after,
    .show = endpoint_show,
    .list = endpoint_list,
    .progress = endpoint_progress,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
