/* What a workspace may reach from a managed network, and by which private addresses it is reached.
 * There is no managed network here: rules are kept for the clients that manage them and say that
 * they are inactive; of private endpoints and links there are none. */
#include "kinds/fields.h"
#include "kinds/kinds.h"

#include <assert.h>

/* Rules are kept and shown; nothing here stands between a job and the network. */
struct rule_type {
    const char *type;
    const struct fields_table *table;
};

/* With what each one's destination must say. */
static const struct rule_type TYPES[] = {
    {"FQDN", &fields_outbound_fqdn},
    {"PrivateEndpoint", &fields_outbound_endpoint},
    {"ServiceTag", &fields_outbound_tag},
};

/* A tag of a service, or addresses of one's own. */
static int check_tag(const struct json *body, struct error *err)
{
    const struct json *prefixes = json_at(body, "properties.destination.addressPrefixes");
    struct json_iter it = json_iter(prefixes);

    if (!json_is_null(prefixes) && json_kind(prefixes) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "properties.destination.addressPrefixes",
                         "Expected a list of address ranges.");
    while (json_next(&it))
        if (json_kind(it.value) != JSON_STRING)
            return error_set(err, ERROR_INVALID, "properties.destination.addressPrefixes",
                             "Entry %zu is no text.", it.index);
    if (json_str_at(body, "properties.destination.serviceTag").len || json_count(prefixes))
        return 0;
    return error_set(err, ERROR_INVALID, "properties.destination.serviceTag",
                     "A rule of type ServiceTag names a serviceTag or addressPrefixes.");
}

/* The status is ours to say, whatever a client sends back. */
static int outbound_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_outbound_rule, err) < 0)
        return -1;
    struct str type = json_str_at(req->body, "properties.type");
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq(type, str_from(TYPES[i].type)) &&
            fields_check(req->arena, req->body, TYPES[i].table, err) < 0)
            return -1;
    if (str_eq(type, STR("ServiceTag")) && check_tag(req->body, err) < 0)
        return -1;
    fields_default(req->arena, req->body, "properties.category", "UserDefined");
    json_take(req->body, "properties.status");
    return 0;
}

/* A rule that nothing enforces is inactive in Azure's words. */
static int outbound_show(struct arm_request *req, struct store_txn *, const struct document *,
                         struct json *wire, struct error *)
{
    json_put(req->arena, wire, "properties.status", json_text(req->arena, STR("Inactive")), NULL);
    return 0;
}

/* The SDK polls an operation after every PUT. */
static int outbound_progress(struct arm_request *, struct store_txn *, const struct document *,
                             struct error *)
{
    return 1; /* kept is all that there is to be done */
}

const struct arm_kind outbound_rule_kind = {
    .type = "outboundRules",
    .wire = "Microsoft.MachineLearningServices/workspaces/outboundRules",
    .prepare = outbound_prepare,
    .show = outbound_show,
    .progress = outbound_progress,
    .made_status = 200, /* the clients know 200 and 202 */
};

/* --- What there is none of -------------------------------------------------------------------- */

/* Azure makes these from the other side; a client that tries is told why it cannot. */
static int refuse_put(struct arm_request *req, struct error *err)
{
    return error_set(err, ERROR_NOT_IMPLEMENTED, "type",
                     "This server is reached by its own addresses: %s cannot be made.",
                     req->kind->type);
}

const struct arm_kind private_endpoint_kind = {
    .type = "privateEndpointConnections",
    .wire = "Microsoft.MachineLearningServices/workspaces/privateEndpointConnections",
    .prepare = refuse_put,
    .made_status = 200,
};

const struct arm_kind private_link_kind = {
    .type = "privateLinkResources",
    .wire = "Microsoft.MachineLearningServices/workspaces/privateLinkResources",
    .prepare = refuse_put,
};

/* Hosts that a workspace must reach to work: none, it works without a network. */
const struct arm_kind outbound_dependency_kind = {
    .type = "outboundNetworkDependenciesEndpoints",
    .wire = "Microsoft.MachineLearningServices/workspaces/outboundNetworkDependenciesEndpoints",
    .prepare = refuse_put,
};

/* What a subscription switched on for its users beyond the common set: nothing can be. */
const struct arm_kind workspace_feature_kind = {
    .type = "features",
    .wire = "Microsoft.MachineLearningServices/workspaces/features",
    .prepare = refuse_put,
};
