#include "base/test.h"
#include "kinds/resource_test.h"

#define CRON "\"trigger\":{\"triggerType\":\"Cron\",\"expression\":\"0 1 * * *\"}"
#define JOB                                                                    \
    "\"action\":{\"actionType\":\"CreateJob\",\"jobDefinition\":{\"jobType\":" \
    "\"Pipeline\",\"jobs\":{\"a\":{\"inputs\":{\"x\":{\"job_input_type\":\"literal\"}}}}}}"

static struct fake_reply put(struct world *w, const char *name, const char *members)
{
    struct str target = arena_printf(w->arena, WS "/schedules/%s", name);
    struct str body = arena_printf(w->arena, "{\"properties\":{%s}}", members);

    return world_put(w, target.ptr, body.ptr);
}

static size_t listed(struct world *w, const char *view)
{
    struct str target = arena_printf(w->arena, WS "/schedules%s", view);
    struct fake_reply reply = world_get(w, target.ptr);

    CHECK_INT(200, reply.status);
    return json_count(json_at(reply.json, "value"));
}

TEST(a_schedule_is_made_by_an_operation_and_says_that_it_will_not_fire)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct fake_reply reply = put(w, "s1", CRON "," JOB);

    CHECK_INT(201, reply.status);
    CHECK(fake_reply_header(w->fake, "Azure-AsyncOperation").len > 0);
    CHECK(str_find(fake_reply_header(w->fake, "Warning"), STR("nothing is started")) > 0);
    CHECK(json_bool_at(reply.json, "properties.isEnabled", false));
    CHECK_STR("Succeeded", json_str_at(reply.json, "properties.provisioningState"));
    CHECK_STR("UTC", json_str_at(reply.json, "properties.trigger.timeZone"));
    CHECK_STR(
        "literal",
        json_str_at(reply.json, "properties.action.jobDefinition.jobs.a.inputs.x.job_input_type"));
    CHECK(!json_at(reply.json, "properties.isArchived"));
    CHECK(json_at(reply.json, "properties.tags"));
    CHECK_INT(202, world_delete(w, WS "/schedules/s1").status);
    CHECK_STR("", fake_reply_header(w->fake, "Warning"));
    CHECK_INT(404, world_get(w, WS "/schedules/s1").status);
}

TEST(lists_show_the_enabled_ones_unless_asked_for_others)
{
    CLEANUP(world_close) struct world *w = world_open();

    CHECK_INT(201, put(w, "on", CRON "," JOB).status);
    struct fake_reply reply = put(w, "off", CRON "," JOB ",\"isEnabled\":false");
    CHECK_INT(201, reply.status);
    CHECK(!json_bool_at(reply.json, "properties.isEnabled", true));
    CHECK_INT(1, listed(w, ""));
    CHECK_INT(1, listed(w, "?listViewType=EnabledOnly"));
    CHECK_INT(1, listed(w, "?listViewType=DisabledOnly"));
    CHECK_INT(2, listed(w, "?listViewType=ALL"));
    CHECK_INT(200, put(w, "off", CRON "," JOB ",\"isEnabled\":true").status);
    CHECK_INT(2, listed(w, ""));
    CHECK_INT(0, listed(w, "?listViewType=DisabledOnly"));
    CHECK_INT(400, world_get(w, WS "/schedules?listViewType=Some").status);
}

TEST(every_action_is_kept_as_it_came)
{
    static const char *const ACTIONS[] = {
        "{\"actionType\":\"CreateMonitor\",\"monitorDefinition\":{\"computeConfiguration\":{"
        "\"computeType\":\"ServerlessSpark\"},\"signals\":{\"d\":{\"signalType\":\"DataDrift\"}},"
        "\"own\":[1,2.5]}}",
        "{\"actionType\":\"ImportData\",\"dataImportDefinition\":{\"source\":{\"query\":\"q\"}}}",
        "{\"actionType\":\"InvokeBatchEndpoint\",\"endpointInvocationDefinition\":{\"a\":null}}",
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(ACTIONS); i++) {
        struct str members = arena_printf(w->arena, CRON ",\"action\":%s", ACTIONS[i]);
        CHECK(put(w, "s", members.ptr).status < 300);
        struct json *kept = json_at(world_get(w, WS "/schedules/s").json, "properties.action");
        CHECK(json_equal(json_parse(w->arena, str_from(ACTIONS[i]), NULL), kept));
        CHECK_INT(501, world_post(w, WS "/schedules/s/trigger", "{}").status);
    }
}

TEST(what_is_wrong_with_a_schedule_is_said_by_its_field)
{
    static const struct {
        const char *members, *target;
    } CASES[] = {
        {JOB, "properties.trigger"},
        {CRON, "properties.action"},
        {CRON ",\"action\":{}", "properties.action.actionType"},
        {CRON ",\"action\":{\"actionType\":\"Sleep\"}", "properties.action.actionType"},
        {CRON ",\"action\":{\"actionType\":\"CreateJob\"}", "properties.action.jobDefinition"},
        {CRON ",\"action\":{\"actionType\":\"CreateJob\",\"jobDefinition\":{}}",
         "properties.action.jobDefinition.jobType"},
        {CRON ",\"action\":{\"actionType\":\"CreateMonitor\",\"monitorDefinition\":{}}",
         "properties.action.monitorDefinition.computeConfiguration"},
        {CRON ",\"action\":{\"actionType\":\"CreateMonitor\",\"monitorDefinition\":{"
              "\"computeConfiguration\":{},\"signals\":{\"x\":{}}}}",
         "properties.action.monitorDefinition.signals"},
        {CRON ",\"action\":{\"actionType\":\"ImportData\"}",
         "properties.action.dataImportDefinition"},
        {CRON ",\"action\":{\"actionType\":\"InvokeBatchEndpoint\"}",
         "properties.action.endpointInvocationDefinition"},
        {CRON "," JOB ",\"isEnabled\":\"no\"", "properties.isEnabled"},
        {JOB ",\"trigger\":{\"triggerType\":\"Cron\",\"expression\":\"99 * * * *\"}",
         "properties.trigger.expression"},
        {JOB ",\"trigger\":[]", "properties.trigger"},
    };
    CLEANUP(world_close) struct world *w = world_open();

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct fake_reply reply = put(w, "bad", CASES[i].members);
        CHECK_INT(400, reply.status);
        CHECK_STR(CASES[i].target, world_target(reply));
    }
    CHECK_INT(0, listed(w, "?listViewType=All"));
    CHECK_INT(404, world_post(w, WS "/schedules/bad/trigger", "{}").status);
    CHECK_INT(404, world_get(w, RG "/other/schedules/bad").status);
}
