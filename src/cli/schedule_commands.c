/* schedule_commands.c - schedule: jobs that start by the clock. */
#include "cli/assets.h"
#include "cli/job_definition.h"
#include "cli/listing.h"
#include "cli/resource.h"
#include "cli/session.h"
#include "os/clock.h"
#include "yaml/yaml.h"

#include <assert.h>

static const char *const WORDS[] = {
    "create_job",     "jobSchedule", "create_monitor", "monitorSchedule", "import_data",
    "importSchedule", NULL};
static const char *const KEYS[] = {"name", NULL};
static const char *const COLUMNS[] = {"name",    "Name", "trigger_text", "Trigger", "is_enabled",
                                      "Enabled", "last", "Last",         "next",    "Next",
                                      NULL};
static const struct field_row ROWS[] = {
    {"display_name", "properties.displayName", FIELD_SAME},
    {"description", "properties.description", FIELD_SAME},
    {"tags", "properties.tags", FIELD_TEXTS},
    {"properties", "properties.properties", FIELD_TEXTS},
    {"is_enabled", "properties.isEnabled", FIELD_TRUTH},
};
static const struct field_row SHOWN[] = {
    {"provisioning_state", "properties.provisioningState", FIELD_SAME},
};
static const struct field_row TRIGGER_ROWS[] = {
    {"trigger.expression", "properties.trigger.expression", FIELD_SAME},
    {"trigger.frequency", "properties.trigger.frequency", FIELD_LOWER},
    {"trigger.interval", "properties.trigger.interval", FIELD_INTEGER},
    {"trigger.start_time", "properties.trigger.startTime", FIELD_SAME},
    {"trigger.end_time", "properties.trigger.endTime", FIELD_SAME},
    {"trigger.time_zone", "properties.trigger.timeZone", FIELD_SAME},
};

/* The wire's pattern has lists only; a file may hold a single hour, minute or day. */
static int put_pattern(struct cli *cli, const struct json *root, struct json *body,
                       struct error *err)
{
    static const struct {
        const char *yaml, *rest;
    } PARTS[] = {{"hours", "hours"},
                 {"minutes", "minutes"},
                 {"week_days", "weekDays"},
                 {"month_days", "monthDays"}};
    const struct json *given = json_at(root, "trigger.schedule");
    struct json *out = json_object(cli->arena);

    assert(body);
    for (size_t i = 0; i < COUNT(PARTS); i++) {
        const struct json *value = json_get(given, str_from(PARTS[i].yaml));
        struct json *list = json_array(cli->arena);
        if (json_kind(value) == JSON_ARRAY)
            list = json_copy(cli->arena, value);
        else if (!json_is_null(value))
            json_append(cli->arena, list, json_copy(cli->arena, value));
        /* The SDK sends hours and minutes even where there are none. */
        if (i < 2 || json_count(list))
            json_set(cli->arena, out, str_from(PARTS[i].rest), list);
    }
    return json_put(cli->arena, body, "properties.trigger.schedule", out, err);
}

/* UTC where no zone is named: the wire wants one. */
static int put_trigger(struct cli *cli, struct document *document, struct json *body,
                       struct error *err)
{
    const struct json *root = document->yaml.root;
    bool recurs = str_eq_fold(json_str_at(root, "trigger.type"), STR("recurrence"));

    if (json_kind(json_get(root, STR("trigger"))) != JSON_OBJECT) {
        yaml_problem_add(&document->problems, document_place(document, ""), "E1102",
                         "'trigger' is missing in a schedule: when it fires");
        return 0;
    }
    fields_to_rest(cli->arena, TRIGGER_ROWS, COUNT(TRIGGER_ROWS), root, body);
    if (json_put(cli->arena, body, "properties.trigger.triggerType",
                 json_text(cli->arena, recurs ? STR("Recurrence") : STR("Cron")), err) < 0)
        return -1;
    if (!json_at(body, "properties.trigger.timeZone") &&
        json_put(cli->arena, body, "properties.trigger.timeZone", json_text(cli->arena, STR("UTC")),
                 err) < 0)
        return -1;
    return recurs ? put_pattern(cli, root, body, err) : 0;
}

/* A job is made as `job create` makes it; monitors and imports keep their form in wire spelling. */
static int put_action(struct cli *cli, struct document *document, struct json *body,
                      struct error *err)
{
    static const struct field_row MONITOR = {"create_monitor",
                                             "properties.action.monitorDefinition", FIELD_TREE};
    static const struct field_row IMPORT = {"import_data", "properties.action.dataImportDefinition",
                                            FIELD_TREE};
    const struct json *root = document->yaml.root;
    struct str type = STR("CreateJob");
    struct json *job;

    if (json_get(root, STR("create_job"))) {
        if (job_definition(document, "create_job", &job, err) < 0)
            return -1;
        if (job && json_put(cli->arena, body, "properties.action.jobDefinition", job, err) < 0)
            return -1;
    } else if (json_get(root, STR("create_monitor"))) {
        type = STR("CreateMonitor");
        fields_to_rest(cli->arena, &MONITOR, 1, root, body);
    } else if (json_get(root, STR("import_data"))) {
        type = STR("ImportData");
        fields_to_rest(cli->arena, &IMPORT, 1, root, body);
    } else {
        yaml_problem_add(&document->problems, document_place(document, ""), "E1102",
                         "a schedule needs create_job, create_monitor or import_data");
    }
    return json_put(cli->arena, body, "properties.action.actionType", json_text(cli->arena, type),
                    err);
}

/* The trigger is made again from its keys on every change; the action only when there is none. */
static int finish(struct cli *cli, struct document *document, struct json *body, struct error *err)
{
    /* What is shown of a trigger has the form of a file: an edit of it alone leaves the action. */
    if (put_trigger(cli, document, body, err) < 0)
        return -1;
    return json_at(body, "properties.action") ? 0 : put_action(cli, document, body, err);
}

/* "cron 0 1 * * *" and "every 2 days". */
static struct str trigger_text(struct cli *cli, const struct json *shown)
{
    struct str unit = json_str_at(shown, "trigger.frequency");
    long long interval = json_int_at(shown, "trigger.interval", 1);

    assert(shown);
    if (!unit.len)
        return arena_printf(cli->arena, "cron %.*s",
                            STR_ARG(json_str_at(shown, "trigger.expression")));
    if (interval == 1)
        return arena_printf(cli->arena, "every %.*s", STR_ARG(unit));
    return arena_printf(cli->arena, "every %lld %.*ss", interval, STR_ARG(unit));
}

/* The trigger as in a file; the job as the wire has it, since files of jobs are many. */
static void show(struct cli *cli, const struct json *rest, struct json *out)
{
    struct str type = json_str_at(rest, "properties.trigger.triggerType");
    static const struct field_row MORE[] = {
        {"trigger.schedule", "properties.trigger.schedule", FIELD_TREE},
        {"create_job", "properties.action.jobDefinition", FIELD_SAME},
        {"create_monitor", "properties.action.monitorDefinition", FIELD_TREE},
        {"import_data", "properties.action.dataImportDefinition", FIELD_TREE},
        {"next", "properties.nextFireTimes[0]", FIELD_SAME},
        {"last", "properties.lastFireTime", FIELD_SAME},
    };
    struct json *trigger = json_object(cli->arena);

    json_set_str(cli->arena, trigger, "type", arena_lower(cli->arena, type));
    json_set(cli->arena, out, STR("trigger"), trigger);
    fields_to_yaml(cli->arena, TRIGGER_ROWS, COUNT(TRIGGER_ROWS), rest, out);
    fields_to_yaml(cli->arena, MORE, COUNT(MORE), rest, out);
    if (cli->format == CLI_TABLE)
        json_set_str(cli->arena, out, "trigger_text", trigger_text(cli, out));
}

static const char *const READ_BY_FINISH[] = {"trigger", NULL};
static const struct resource_kind SCHEDULE = {
    .word = "schedule",
    .type = "schedules",
    .family = {"schedule", NULL, WORDS, NULL, true},
    .keys = KEYS,
    .rows = ROWS,
    .row_count = COUNT(ROWS),
    .shown = SHOWN,
    .shown_count = COUNT(SHOWN),
    .defaults = "{\"properties\":{\"properties\":{},\"tags\":{}}}",
    .finish = finish,
    .finish_keys = READ_BY_FINISH,
    .show = show,
    .columns = COLUMNS,
};

/* Pausing ones are hidden, as az hides them. */
static int run_list(struct cli *cli, struct error *err)
{
    const char *view = cli_has(cli, "disabled-only")      ? "DisabledOnly"
                       : cli_has(cli, "include-disabled") ? "All"
                                                          : "EnabledOnly";

    if (session_open(cli, err) < 0)
        return -1;
    struct str path = arena_printf(cli->arena, "%.*s?listViewType=%s",
                                   STR_ARG(resource_collection(cli, &SCHEDULE)), view);
    struct listing listing = {path, listing_most(cli), resource_shape, COLUMNS, NULL};
    return listing_print(cli, &listing, err);
}

/* On and off is a PUT of the whole with one truth changed, as the SDK does it. */
static int set_enabled(struct cli *cli, bool enabled, struct error *err)
{
    struct json *body;

    if (session_open(cli, err) < 0 || session_get(cli, resource_named(cli), &body, err) < 0 ||
        json_put(cli->arena, body, "properties.isEnabled", json_bool(cli->arena, enabled), err) < 0)
        return -1;
    struct session_write write = {"PUT", resource_named(cli), body,
                                  enabled ? "Enabling schedule" : "Disabling schedule"};
    return session_change(cli, &write, NULL, err);
}

static int run_enable(struct cli *cli, struct error *err)
{
    return set_enabled(cli, true, err);
}

static int run_disable(struct cli *cli, struct error *err)
{
    return set_enabled(cli, false, err);
}

/* Once now, as if its time had come. */
static int run_trigger(struct cli *cli, struct error *err)
{
    char now[CLOCK_ISO_BYTES];
    struct json *body = json_object(cli->arena);

    json_set_str(cli->arena, body, "scheduleTime", clock_iso(clock_now_us(), now));
    return resource_post(cli, body, err);
}

static const struct cli_flag CREATE[] = {RESOURCE_NEEDS_FILE, RESOURCE_ANY_NAME("schedule")};
static const struct cli_flag NAME[] = {RESOURCE_NAME("schedule")};
static const struct cli_flag LIST[] = {
    RESOURCE_MOST,
    {"disabled-only", 0, CLI_SWITCH, .help = "only those that pause"},
    {"include-disabled", 0, CLI_SWITCH, .help = "also those that pause"}};

#define LASTS (CLI_SCOPE | CLI_WAIT)
static const struct cli_command COMMANDS[] = {
    RESOURCE_ROW("create", "cron or recurrence of a job", CREATE, LASTS | CLI_SET, resource_create,
                 SCHEDULE, "schedule", " -f nightly.yml"),
    RESOURCE_ROW("delete", "remove; past jobs stay", NAME, LASTS, resource_delete, SCHEDULE,
                 "schedule", " -n nightly"),
    RESOURCE_ROW("disable", "pause", NAME, LASTS, run_disable, SCHEDULE, "schedule", " -n nightly"),
    RESOURCE_ROW("enable", "go on", NAME, LASTS, run_enable, SCHEDULE, "schedule", " -n nightly"),
    RESOURCE_ROW("list", "those that are enabled, or all", LIST, CLI_SCOPE, run_list, SCHEDULE,
                 "schedule", " --include-disabled -o table"),
    RESOURCE_ROW("show", "one", NAME, CLI_SCOPE, resource_show, SCHEDULE, "schedule",
                 " -n nightly"),
    {"trigger", "fire once now", NAME, COUNT(NAME), CLI_SCOPE, run_trigger, .kind = &SCHEDULE,
     .action = "trigger",
     .examples = {"lazurite schedule trigger -n nightly",
                  "lazurite schedule trigger -n nightly --query jobName -o tsv"}},
    RESOURCE_ROW("update", "trigger, tags, description", NAME, LASTS | CLI_UPDATE, resource_update,
                 SCHEDULE, "schedule", " -n nightly --set trigger.expression=\"0 2 * * *\""),
};
const struct cli_group schedule_group = {"schedule", "jobs that start by the clock", COMMANDS,
                                         COUNT(COMMANDS)};
