#include "kinds/compute.h"

#include "base/test.h"
#include "kinds/resource_test.h"

#define INSTANCE                                                                               \
    "{\"location\":\"local\",\"properties\":{\"computeType\":\"ComputeInstance\","             \
    "\"properties\":{\"vmSize\":\"STANDARD_DS3_v2\",\"enableSSO\":true,\"state\":\"Stopped\"," \
    "\"lastOperation\":{\"operationName\":\"Stop\"}}}}"
#define CLUSTER "{\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{%s}}}"

static struct fake_reply put(struct world *w, const char *name, const char *body)
{
    return world_put(w, arena_printf(w->arena, WS "/computes/%s", name).ptr, body);
}

/* An instance called ci whose inner properties are these. */
static struct fake_reply put_instance(struct world *w, const char *inner)
{
    return put(w, "ci",
               arena_printf(w->arena,
                            "{\"properties\":{\"computeType\":\"ComputeInstance\","
                            "\"properties\":{%s}}}",
                            inner)
                   .ptr);
}

static struct str power_of(struct world *w, const char *member)
{
    struct json *inner = json_at(world_get(w, WS "/computes/ci").json, "properties.properties");

    return json_str_at(inner, member);
}

TEST(an_instance_runs_when_made_whatever_its_maker_says_of_its_state)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = put(w, "ci", INSTANCE);

    CHECK_INT(201, reply.status);
    CHECK(fake_reply_header(w->fake, "Azure-AsyncOperation").len > 0);
    CHECK_STR("Running", json_str_at(reply.json, "properties.properties.state"));
    CHECK_STR("Create",
              json_str_at(reply.json, "properties.properties.lastOperation.operationName"));
    CHECK_STR("Shared", json_str_at(reply.json, "properties.properties.applicationSharingPolicy"));
    CHECK_INT(0, json_count(json_at(reply.json, "properties.properties.applications")));
    CHECK(json_is_null(
        json_at(reply.json, "properties.properties.connectivityEndpoints.publicIpAddress")));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK(!json_bool_at(reply.json, "properties.isAttachedCompute", true));
    CHECK(!json_at(reply.json, "power"));
}

TEST(an_instance_is_switched_and_a_put_leaves_the_switch_alone)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(201, put(w, "ci", INSTANCE).status);
    CHECK_INT(202, world_post(w, WS "/computes/ci/stop", "").status);
    struct str location = fake_reply_header(w->fake, "Location");
    CHECK(location.len > 0);
    location = str_slice(location, STR("https://localhost:10443").len, location.len);
    /* A result has no body, which Terraform's library cannot read: it follows the status. */
    struct str status = fake_reply_header(w->fake, "Azure-AsyncOperation");
    CHECK(status.len > 0);
    status = arena_str(w->arena, str_slice(status, STR("https://localhost:10443").len, status.len));
    CHECK_INT(204, world_get(w, arena_cstr(w->arena, location)).status);
    CHECK_STR("Succeeded", json_str_at(world_get(w, arena_cstr(w->arena, status)).json, "status"));
    CHECK_STR("Stopped", power_of(w, "state"));
    CHECK_STR("Stop", power_of(w, "lastOperation.operationName"));
    CHECK_INT(200, put_instance(w, "\"state\":\"Running\"").status);
    CHECK_STR("Stopped", power_of(w, "state"));
    CHECK_INT(200, fake_json(w->fake, "PATCH", WS "/computes/ci",
                             "{\"power\":{\"state\":\"Running\"},\"tags\":{\"a\":\"b\"},"
                             "\"properties\":{\"description\":\"d\"}}")
                       .status);
    CHECK_STR("Stopped", power_of(w, "state"));
    CHECK_INT(202, world_post(w, WS "/computes/ci/start", "{}").status);
    CHECK_STR("Running", power_of(w, "state"));
    CHECK_INT(202, world_post(w, WS "/computes/ci/restart", "").status);
    CHECK_STR("Restart", power_of(w, "lastOperation.operationName"));
    CHECK_STR("Running", power_of(w, "state"));
}

TEST(an_instance_is_set_up_by_its_actions)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(201, put(w, "ci", INSTANCE).status);
    CHECK_INT(
        202,
        world_post(w, WS "/computes/ci/resize", "{\"targetVMSize\":\"STANDARD_DS1_V2\"}").status);
    CHECK_STR("STANDARD_DS1_V2", power_of(w, "vmSize"));
    CHECK_INT(200, world_post(w, WS "/computes/ci/updateIdleShutdownSetting",
                              "{\"idleTimeBeforeShutdown\":\"PT30M\"}")
                       .status);
    CHECK_STR("PT30M", power_of(w, "idleTimeBeforeShutdown"));
    CHECK_INT(400, world_post(w, WS "/computes/ci/updateIdleShutdownSetting",
                              "{\"idleTimeBeforeShutdown\":\"PT1M\"}")
                       .status);
    CHECK_INT(200, world_post(w, WS "/computes/ci/enableSso", "{\"enableSSO\":false}").status);
    struct json *inner = json_at(world_get(w, WS "/computes/ci").json, "properties.properties");
    CHECK(!json_bool_at(inner, "enableSSO", true));
    CHECK_INT(200, world_post(w, WS "/computes/ci/customServices", "[{\"name\":\"one\"}]").status);
    CHECK_STR("one", power_of(w, "customServices[0].name"));
    CHECK_INT(400, world_post(w, WS "/computes/ci/customServices", "[1]").status);
    CHECK_INT(400, world_post(w, WS "/computes/ci/customServices", "{}").status);
    CHECK_INT(400, world_post(w, WS "/computes/ci/enableSso", "{\"enableSSO\":\"no\"}").status);
    CHECK_INT(400, world_post(w, WS "/computes/ci/resize", "{}").status);
    struct fake_reply reply = world_post(w, WS "/computes/ci/getAllowedResizeSizes", "");
    CHECK(json_count(json_at(reply.json, "value")) > 50);
    CHECK_INT(404, world_post(w, WS "/computes/none/stop", "").status);
    CHECK_INT(404, world_post(w, RG "/other/computes/ci/stop", "").status);
}

TEST(plans_of_an_instance_are_checked_and_filled_in)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = put_instance(
        w, "\"schedules\":{\"computeStartStop\":[{\"action\":\"stop\",\"triggerType\":\"Cron\","
           "\"cron\":{\"expression\":\"0 18 * * *\",\"timeZone\":\"UTC\"}},"
           "{\"action\":\"Start\",\"triggerType\":\"Recurrence\",\"recurrence\":{\"frequency\":"
           "\"week\",\"interval\":1,\"schedule\":{\"hours\":[8],\"minutes\":[0],"
           "\"weekDays\":[\"monday\"]}}}]}");
    struct json *plans = json_at(reply.json, "properties.properties.schedules.computeStartStop");

    CHECK_INT(201, reply.status);
    CHECK_STR("Stop", json_str_at(plans, "[0].action"));
    CHECK_STR("Enabled", json_str_at(plans, "[0].status"));
    CHECK_STR("Week", json_str_at(plans, "[1].recurrence.frequency"));
    CHECK_STR("UTC", json_str_at(plans, "[1].recurrence.timeZone"));
    reply = put_instance(w, "\"schedules\":{\"computeStartStop\":[{\"action\":\"Stop\","
                            "\"triggerType\":\"Cron\",\"cron\":{\"expression\":\"x\"}}]}");
    CHECK_STR("properties.properties.schedules.computeStartStop[0].cron.expression",
              world_target(reply));
    reply = put_instance(w, "\"schedules\":{\"computeStartStop\":[{\"action\":\"Sleep\"}]}");
    CHECK_INT(400, reply.status);
    CHECK_INT(400, put_instance(w, "\"schedules\":{\"computeStartStop\":[7]}").status);
    CHECK_INT(400, put_instance(w, "\"schedules\":{\"computeStartStop\":{}}").status);
    CHECK_INT(400, put_instance(w, "\"schedules\":[]").status);
    CHECK_INT(400, put_instance(w, "\"idleTimeBeforeShutdown\":\"soon\"").status);
}

TEST(what_lies_elsewhere_is_kept_and_says_that_it_is_out_of_reach)
{
    static const struct {
        const char *type, *inner, *secret;
    } CASES[] = {
        {"Kubernetes", "\"namespace\":\"n\",\"relayConnectionString\":\"s-1\"", "s-1"},
        {"VirtualMachine",
         "\"sshPort\":22,\"administratorAccount\":{\"username\":\"u\",\"password\":\"s-2\"}",
         "s-2"},
        {"HDInsight", "\"administratorAccount\":{\"username\":\"u\",\"privateKeyData\":\"s-3\"}",
         "s-3"},
        {"Databricks", "\"databricksAccessToken\":\"s-4\"", "s-4"},
        {"AKS", "\"agentCount\":3,\"sslConfiguration\":{\"key\":\"s-5\",\"cname\":\"c\"}", "s-5"},
        {"SynapseSpark", "", ""},
        {"DataFactory", "", ""},
        {"DataLakeAnalytics", "\"dataLakeStoreAccountName\":\"l\"", ""},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct str body = arena_printf(
            w->arena,
            "{\"properties\":{\"computeType\":\"%s\",\"resourceId\":\"/subscriptions/s/x\","
            "\"properties\":{%s}}}",
            CASES[i].type, CASES[i].inner);
        struct fake_reply reply = put(w, "far", body.ptr);
        CHECK_INT(201, reply.status);
        CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
        CHECK(json_bool_at(reply.json, "properties.isAttachedCompute", false));
        CHECK_STR("ComputeNotReachable",
                  json_str_at(reply.json, "properties.provisioningErrors[0].error.code"));
        CHECK(!CASES[i].secret[0] || str_find(reply.body, str_from(CASES[i].secret)) < 0);
        CHECK(!CASES[i].secret[0] || !world_stored(w, CASES[i].secret));
        CHECK_INT(202, world_delete(w, WS "/computes/far?underlyingResourceAction=Detach").status);
    }
}

TEST(this_host_came_with_its_workspace_in_lists_too)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *host = json_at(world_get(w, WS "/computes").json, "value[0]");
    struct str made = arena_str(w->arena, json_str_at(host, "systemData.createdAt"));

    CHECK_STR("serverless", json_str_at(host, "name"));
    CHECK_STR("lazurite", json_str_at(host, "systemData.createdBy"));
    CHECK_STR("Application", json_str_at(host, "systemData.createdByType"));
    /* A date that no client can read would cost it the whole list. */
    CHECK_INT(27, made.len);
    CHECK_INT(27, json_str_at(host, "properties.properties.allocationStateTransitionTime").len);
    host = world_get(w, WS "/computes/serverless").json;
    CHECK(str_eq(made, json_str_at(host, "systemData.createdAt")));
}

TEST(keys_are_given_by_list_keys_alone)
{
    CLEANUP(world_close) struct world *w = world_open();
    const char *vm = "{\"properties\":{\"computeType\":\"VirtualMachine\",\"resourceId\":"
                     "\"/subscriptions/s/vm\",\"properties\":{\"administratorAccount\":{"
                     "\"username\":\"u\",\"password\":\"hidden\"}}}}";

    CHECK_INT(201, put(w, "vm", vm).status);
    struct fake_reply reply = world_post(w, WS "/computes/vm/listKeys", "");
    CHECK_INT(200, reply.status);
    CHECK_STR("VirtualMachine", json_str_at(reply.json, "computeType"));
    CHECK_STR("u", json_str_at(reply.json, "administratorAccount.username"));
    CHECK_STR("hidden", json_str_at(reply.json, "administratorAccount.password"));
    CHECK(str_find(world_get(w, WS "/computes").body, STR("hidden")) < 0);
    CHECK_INT(201, put(w, "aks", "{\"properties\":{\"computeType\":\"AKS\"}}").status);
    reply = world_post(w, WS "/computes/aks/listKeys", "");
    CHECK_STR("AKS", json_str_at(reply.json, "computeType"));
    CHECK_INT(400, world_post(w, WS "/computes/serverless/listKeys", "").status);
    CHECK_INT(202, world_delete(w, WS "/computes/vm").status);
    CHECK_INT(404, world_post(w, WS "/computes/vm/listKeys", "").status);
}

TEST(a_cluster_has_the_nodes_that_it_keeps_at_least)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str body = arena_printf(
        w->arena, CLUSTER,
        "\"scaleSettings\":{\"minNodeCount\":2,\"maxNodeCount\":3},"
        "\"userAccountCredentials\":{\"adminUserName\":\"a\",\"adminUserPassword\":\"hidden\"}");
    struct fake_reply reply = put(w, "cpu", body.ptr);

    CHECK_INT(201, reply.status);
    CHECK(!world_stored(w, "hidden"));
    CHECK_INT(2, json_int_at(reply.json, "properties.properties.currentNodeCount", -1));
    CHECK(str_ends(json_str_at(reply.json, "properties.properties.allocationStateTransitionTime"),
                   STR("Z")));
    CHECK_INT(
        0, json_int_at(reply.json, "properties.properties.nodeStateCounts.runningNodeCount", -1));
    reply = world_post(w, WS "/computes/CPU/listNodes", "");
    CHECK_INT(200, reply.status);
    CHECK_INT(2, json_count(json_at(reply.json, "nodes")));
    CHECK_STR("idle", json_str_at(reply.json, "nodes[0].nodeState"));
    CHECK(json_is_null(json_at(reply.json, "nodes[0].runId")));
    CHECK_INT(409, world_post(w, WS "/computes/cpu/stop", "").status);
    CHECK_INT(400, world_post(w, WS "/computes/cpu/listKeys", "").status);
    CHECK_INT(201, put(w, "ci", INSTANCE).status);
    CHECK_INT(400, world_post(w, WS "/computes/ci/listNodes", "").status);
    CHECK_INT(200, world_post(w, WS "/computes/serverless/listNodes", "").status);
    CHECK_INT(409, world_post(w, WS "/computes/serverless/stop", "").status);
}

TEST(what_is_wrong_with_a_compute_is_said_by_its_field)
{
    static const struct {
        const char *body, *target;
    } CASES[] = {
        {"{\"properties\":{}}", "properties.computeType"},
        {"{\"properties\":{\"computeType\":\"Toaster\"}}", "properties.computeType"},
        {"{\"properties\":{\"computeType\":\"Kubernetes\"}}", "properties.resourceId"},
        {"{\"properties\":{\"computeType\":\"SynapseSpark\",\"resourceId\":\"x\"}}",
         "properties.resourceId"},
        {"{\"properties\":{\"computeType\":\"VirtualMachine\",\"resourceId\":\"/subscriptions/s\","
         "\"properties\":{\"sshPort\":70000}}}",
         "properties.properties.sshPort"},
        {"{\"properties\":{\"computeType\":\"VirtualMachine\",\"resourceId\":\"/subscriptions/s\","
         "\"properties\":{\"administratorAccount\":{\"password\":5}}}}",
         "properties.properties.administratorAccount.password"},
        {"{\"properties\":{\"computeType\":\"ComputeInstance\",\"properties\":[]}}",
         "properties.properties"},
        {"{\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{\"scaleSettings\":{"
         "\"maxNodeCount\":0}}}}",
         "properties.properties.scaleSettings"},
        {"{\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{\"scaleSettings\":{"
         "\"maxNodeCount\":1.5}}}}",
         "properties.properties.scaleSettings.maxNodeCount"},
        {"{\"properties\":{\"computeType\":\"AmlCompute\",\"properties\":{\"scaleSettings\":{"
         "\"nodeIdleTimeBeforeScaleDown\":\"soon\"}}}}",
         "properties.properties.scaleSettings.nodeIdleTimeBeforeScaleDown"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply = put(w, "bad", CASES[i].body);
        CHECK_INT(400, reply.status);
        CHECK_STR(CASES[i].target, world_target(reply));
    }
    CHECK_INT(404, world_get(w, WS "/computes/bad").status);
}

TEST(a_name_keeps_its_type_and_delete_knows_two_words)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(201, put(w, "ci", INSTANCE).status);
    struct fake_reply reply = put(w, "ci", "{\"properties\":{\"computeType\":\"AKS\"}}");
    CHECK_INT(409, reply.status);
    CHECK_STR("properties.computeType", world_target(reply));
    CHECK_INT(400, world_delete(w, WS "/computes/ci?underlyingResourceAction=Burn").status);
    CHECK_INT(202, world_delete(w, WS "/computes/ci").status);
    CHECK_INT(204, world_delete(w, WS "/computes/ci").status);
}

TEST(sizes_have_names_of_their_own_and_a_host_behind_them)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    size_t count;
    const struct compute_size *sizes = compute_sizes(&count);
    struct compute_size host = compute_host();

    for (size_t i = 0; i < count; i++) {
        CHECK(sizes[i].cores > 0 && sizes[i].memory_gb > 0 && sizes[i].gpus >= 0);
        for (size_t k = 0; k < i; k++)
            CHECK(!str_eq_fold(str_from(sizes[i].name), str_from(sizes[k].name)));
    }
    CHECK(host.cores > 0 && host.memory_gb > 0);
    CHECK_STR("HOST", json_str_at(compute_size_wire(arena, &host), "name"));
    CHECK_INT(2, json_count(json_at(compute_size_wire(arena, &host), "supportedComputeTypes")));
}
