#include "kinds/location.h"

#include "base/test.h"
#include "kinds/resource_test.h"

/* The current value of one usage. */
static int64_t usage(struct world *w, const char *target, const char *name)
{
    struct fake_reply reply = world_get(w, target);
    struct json_iter it = json_iter(json_at(reply.json, "value"));

    CHECK_INT(200, reply.status);
    while (json_next(&it))
        if (str_eq(json_str_at(it.value, "name.value"), str_from(name)))
            return json_int_at(it.value, "currentValue", -1);
    return -2;
}

TEST(sizes_are_listed_with_this_host_ahead)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = world_get(w, LOCATION "/vmSizes");

    CHECK_INT(200, reply.status);
    CHECK(json_count(json_at(reply.json, "value")) > 50);
    CHECK_STR("HOST", json_str_at(reply.json, "value[0].name"));
    CHECK(json_int_at(reply.json, "value[0].vCPUs", 0) > 0);
    CHECK_INT(2, json_count(json_at(reply.json, "value[0].supportedComputeTypes")));
    CHECK(str_find(reply.body, STR("Standard_DS3_v2")) > 0);
    CHECK_INT(200, world_get(w, LOCATION "/VMSIZES").status);
}

TEST(usages_count_what_is_there)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(0, usage(w, LOCATION "/usages", "clusters"));
    CHECK_INT(
        201,
        world_put(w, WS "/computes/c", "{\"properties\":{\"computeType\":\"AmlCompute\"}}").status);
    CHECK_INT(201, world_put(w, WS "/computes/i",
                             "{\"properties\":{\"computeType\":\"ComputeInstance\"}}")
                       .status);
    CHECK_INT(1, usage(w, LOCATION "/usages", "clusters"));
    CHECK_INT(1, usage(w, WS "/usages", "computeInstances"));
    CHECK_INT(0, usage(w, WS "/usages", "runningJobs"));
    CHECK_INT(0, usage(w,
                       "/subscriptions/00000000-0000-0000-0000-00000000000f/providers/"
                       "Microsoft.MachineLearningServices/locations/local/usages",
                       "clusters"));
    CHECK_INT(404, world_get(w, RG "/other/usages").status);
}

#define MANY 300

/* More workspaces than one that the world begins with, and a cluster in the last of them. */
static int insert_many(struct store_txn *txn, void *context, struct error *err)
{
    struct arena *arena = context;
    struct scope scope = {0};

    for (int i = 0; i < MANY; i++) {
        scope = (struct scope){.kind = SCOPE_WORKSPACE,
                               .subscription = STR("00000000-0000-0000-0000-000000000001"),
                               .group = STR("default"),
                               .name = arena_printf(arena, "w%d", i),
                               .guid = arena_printf(arena, "%08d-0000-4000-8000-000000000000", i),
                               .data_key = STR("key")};
        if (scope_insert(txn, &scope, err) < 0)
            return -1;
    }
    struct document cluster = {.scope = scope.number,
                               .type = STR("computes"),
                               .name = STR("c"),
                               .created_by = STR("test"),
                               .body = STR("{\"properties\":{\"computeType\":\"AmlCompute\"}}"),
                               .system = STR("{}")};
    return document_insert(txn, &cluster, err);
}

TEST(usages_count_over_every_workspace)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    CHECK_OK(store_write(w->engines.store, insert_many, w->arena, &err), &err);
    CHECK_INT(1, usage(w, LOCATION "/usages", "clusters"));
    CHECK_INT(1, usage(w, RG "/w299/usages", "clusters"));
    CHECK_INT(0, usage(w, RG "/w298/usages", "clusters"));
}

TEST(quotas_are_the_hosts_and_no_wish_changes_them)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = world_get(w, LOCATION "/quotas");

    CHECK(json_int_at(reply.json, "value[0].limit", 0) > 0);
    reply = world_post(w, LOCATION "/updateQuotas", "{\"value\":[{\"id\":\"x\",\"limit\":5}]}");
    CHECK_INT(200, reply.status);
    CHECK_STR("OperationNotEnabledForRegion", json_str_at(reply.json, "value[0].status"));
    CHECK_INT(400, world_post(w, LOCATION "/updateQuotas", "{}").status);
    CHECK_INT(400, world_post(w, LOCATION "/updateQuotas", "[").status);
    CHECK_INT(400, world_post(w, LOCATION "/updateQuotas", "{\"value\":[7]}").status);
    CHECK_INT(400,
              world_post(w, LOCATION "/updateQuotas", "{\"value\":[{\"id\":\"x\",\"limit\":-7}]}")
                  .status);
}

TEST(operations_name_every_resource_with_its_verbs)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply =
        world_get(w, "/providers/Microsoft.MachineLearningServices/operations");

    CHECK_INT(200, reply.status);
    CHECK(str_find(reply.body,
                   STR("\"Microsoft.MachineLearningServices/workspaces/computes/start/action\"")) >
          0);
    CHECK(json_count(json_at(reply.json, "value")) > 50);
}
