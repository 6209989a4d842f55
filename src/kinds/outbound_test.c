#include "base/test.h"
#include "kinds/resource_test.h"

#define RULE WS "/outboundRules/r"

TEST(a_rule_is_kept_with_200_and_says_that_it_is_inactive)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply =
        world_put(w, RULE,
                  "{\"properties\":{\"type\":\"fqdn\",\"destination\":\"pypi.test\","
                  "\"status\":\"Active\"}}");

    CHECK_INT(200, reply.status);
    CHECK(fake_reply_header(w->fake, "Azure-AsyncOperation").len > 0);
    CHECK_STR("FQDN", json_str_at(reply.json, "properties.type"));
    CHECK_STR("Inactive", json_str_at(reply.json, "properties.status"));
    CHECK_STR("UserDefined", json_str_at(reply.json, "properties.category"));
    CHECK_INT(200, world_put(w, WS "/outboundRules/t",
                             "{\"properties\":{\"type\":\"ServiceTag\",\"destination\":{"
                             "\"serviceTag\":\"DataFactory\",\"protocol\":\"TCP\","
                             "\"portRanges\":\"80, 8080\"}}}")
                       .status);
    CHECK_INT(200, world_put(w, WS "/outboundRules/p",
                             "{\"properties\":{\"type\":\"PrivateEndpoint\",\"destination\":{"
                             "\"serviceResourceId\":\"/subscriptions/s\","
                             "\"subresourceTarget\":\"blob\",\"sparkEnabled\":true}}}")
                       .status);
    CHECK_INT(3, json_count(json_at(world_get(w, WS "/outboundRules").json, "value")));
    CHECK_INT(202, world_delete(w, RULE).status);
    CHECK_INT(204, world_delete(w, RULE).status);
    CHECK_INT(404, world_get(w, RULE).status);
    CHECK_INT(404, world_get(w, RG "/other/outboundRules/t").status);
}

TEST(what_is_wrong_with_a_rule_is_said_by_its_field)
{
    static const struct {
        const char *body, *target;
    } CASES[] = {
        {"{\"properties\":{}}", "properties.type"},
        {"{\"properties\":{\"type\":\"Wish\"}}", "properties.type"},
        {"{\"properties\":{\"type\":\"FQDN\"}}", "properties.destination"},
        {"{\"properties\":{\"type\":\"FQDN\",\"destination\":{}}}", "properties.destination"},
        {"{\"properties\":{\"type\":\"PrivateEndpoint\",\"destination\":{}}}",
         "properties.destination.serviceResourceId"},
        {"{\"properties\":{\"type\":\"ServiceTag\",\"destination\":{}}}",
         "properties.destination.serviceTag"},
        {"{\"properties\":{\"type\":\"ServiceTag\",\"destination\":{\"addressPrefixes\":[1]}}}",
         "properties.destination.addressPrefixes"},
        {"{\"properties\":{\"type\":\"ServiceTag\",\"destination\":{\"addressPrefixes\":\"1\"}}}",
         "properties.destination.addressPrefixes"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply = world_put(w, RULE, CASES[i].body);
        CHECK_INT(400, reply.status);
        CHECK_STR(CASES[i].target, world_target(reply));
    }
}

TEST(of_private_endpoints_links_and_dependencies_there_are_none)
{
    static const char *const TYPES[] = {"privateEndpointConnections", "privateLinkResources",
                                        "outboundNetworkDependenciesEndpoints"};
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(TYPES); i++) {
        struct str list = arena_printf(w->arena, WS "/%s", TYPES[i]);
        struct str one = arena_printf(w->arena, WS "/%s/x", TYPES[i]);
        struct fake_reply reply = world_get(w, list.ptr);
        CHECK_INT(200, reply.status);
        CHECK_INT(JSON_ARRAY, json_kind(json_at(reply.json, "value")));
        CHECK_INT(0, json_count(json_at(reply.json, "value")));
        CHECK_INT(404, world_get(w, one.ptr).status);
        CHECK_INT(501, world_put(w, one.ptr, "{\"properties\":{}}").status);
    }
}
