/* hosted.c - what Azure would host: serverless endpoints, marketplace subscriptions, capability
 * hosts
 *
 * They are kept as resources for programs that list and make them. Nothing answers behind them on
 * this machine, and their states say so.
 */
#include "kinds/hosted.h"

#include "kinds/plain.h"

#include <assert.h>

/* --- Serverless endpoints -------------------------------------------------------------------- */

/* States and addresses come back from clients that send what they were shown. */
static int serverless_prepare(struct arm_request *req, struct error *err)
{
    static const char *const OURS[] = {"inferenceEndpoint", "endpointState",
                                       "marketplaceSubscriptionId"};

    fields_default(req->arena, req->body, "properties.authMode", "Key");
    if (plain_prepare(req, &fields_serverless_endpoint, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(OURS); i++)
        json_remove(json_at(req->body, "properties"), str_from(OURS[i]));
    fields_default(req->arena, req->body, "location", "local");
    return 0;
}

/* In the write that stores the document, so no endpoint is ever without keys. */
static int serverless_change(struct arm_request *req, struct store_txn *txn,
                             const struct document *after, struct error *err)
{
    return plain_keys_make(req, txn, after, err);
}

/* Suspended: the resource is there, and no model answers. */
static int serverless_show(struct arm_request *req, struct store_txn *txn,
                           const struct document *document, struct json *wire, struct error *err)
{
    struct json *properties = json_at(wire, "properties");

    assert(properties);
    json_set_str(req->arena, properties, "endpointState", STR("Suspended"));
    json_set_null(req->arena, properties, "inferenceEndpoint");
    return plain_show(req, txn, document, wire, err);
}

/* What has keys has these two. */
static const struct arm_action SERVERLESS_ACTIONS[] = {
    {.name = "listKeys", .run = plain_keys_list},
    {.name = "regenerateKeys", .run = plain_keys_renew},
};

const struct arm_kind serverless_endpoint_kind = {
    .type = "serverlessEndpoints",
    .has_identity = true,
    .wire = "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints",
    .names = NAME_ENDPOINT,
    .prepare = serverless_prepare,
    .change = serverless_change,
    .remove = plain_keys_forget,
    .show = serverless_show,
    .progress = plain_progress,
    .actions = SERVERLESS_ACTIONS,
    .action_count = COUNT(SERVERLESS_ACTIONS),
};

/* --- Marketplace subscriptions --------------------------------------------------------------- */

/* What the marketplace would say is not the client's to say. */
static int marketplace_prepare(struct arm_request *req, struct error *err)
{
    if (plain_prepare(req, &fields_marketplace_subscription, err) < 0)
        return -1;
    json_remove(json_at(req->body, "properties"), STR("marketplacePlan"));
    json_remove(json_at(req->body, "properties"), STR("marketplaceSubscriptionStatus"));
    return 0;
}

/* There is no marketplace here, so nobody is subscribed; clients read the plan's members without
 * asking whether there is a plan. */
static int marketplace_show(struct arm_request *req, struct store_txn *txn,
                            const struct document *document, struct json *wire, struct error *err)
{
    static const char *const PLAN[] = {"publisherId", "offerId", "planId"};
    struct json *plan = json_object(req->arena), *properties = json_at(wire, "properties");

    assert(properties);
    for (size_t i = 0; i < COUNT(PLAN); i++)
        json_set_null(req->arena, plan, PLAN[i]);
    json_set(req->arena, properties, STR("marketplacePlan"), plan);
    json_set_str(req->arena, properties, "marketplaceSubscriptionStatus", STR("Unsubscribed"));
    return plain_show(req, txn, document, wire, err);
}

const struct arm_kind marketplace_subscription_kind = {
    .type = "marketplaceSubscriptions",
    .wire = "Microsoft.MachineLearningServices/workspaces/marketplaceSubscriptions",
    .prepare = marketplace_prepare,
    .show = marketplace_show,
    .progress = plain_progress,
};

/* --- Capability hosts ------------------------------------------------------------------------ */

/* Connections are named, not resolved: they may be made later. */
static int capability_prepare(struct arm_request *req, struct error *err)
{
    static const char *const LISTS[] = {"aiServicesConnections", "storageConnections",
                                        "threadStorageConnections", "vectorStoreConnections",
                                        "acaEnvironmentConnections"};
    struct json *properties = json_at(req->body, "properties");

    fields_default(req->arena, req->body, "properties.capabilityHostKind", "Agents");
    if (fields_check(req->arena, req->body, &fields_capability_host, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(LISTS); i++) {
        struct json_iter it = json_iter(json_at(properties, LISTS[i]));
        while (json_next(&it))
            if (json_kind(it.value) != JSON_STRING)
                return error_set(err, ERROR_INVALID,
                                 arena_printf(req->arena, "properties.%s", LISTS[i]).ptr,
                                 "Every member of this list is the name of a connection.");
    }
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* A workspace has one host at most, as the service has it. */
static int capability_check(struct arm_request *req, struct store_txn *txn,
                            const struct document *before, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT name FROM document WHERE scope = ? AND type = 'capabilityHosts' "
                        "AND parent = 0 LIMIT 1",
                        err);

    assert(req->scope.number > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, req->scope.number);
    bool taken = !before && sql_step(q) > 0;
    struct str name = taken ? sql_text(q, 0) : (struct str){0};
    if (sql_end(q, err) < 0)
        return -1;
    return taken ? error_set(err, ERROR_CONFLICT, "capabilityHosts",
                             "The workspace has the capability host '%.*s' already; there can be "
                             "one.",
                             STR_ARG(name))
                 : 0;
}

const struct arm_kind capability_host_kind = {
    .type = "capabilityHosts",
    .wire = "Microsoft.MachineLearningServices/workspaces/capabilityHosts",
    .prepare = capability_prepare,
    .check = capability_check,
    .show = plain_show,
    .progress = plain_progress,
};
