/* Schedules as resources: when something is to be started, and what. Both are checked in full and
 * kept as they came. No engine watches the clock yet, which every PUT says in a Warning header;
 * what a schedule starts can be started by hand with `trigger` as far as its job type is built. */
#include "kinds/fields.h"
#include "kinds/job.h"
#include "kinds/kinds.h"
#include "kinds/trigger.h"
#include "os/clock.h"
#include "os/random.h"

#include <assert.h>

/* What a schedule does when its time comes, with what that needs to say. */
struct schedule_action {
    const char *type;
    const struct fields_table *table;
};

/* All are kept; CreateJob is what can be started. */
static const struct schedule_action SCHEDULE_ACTIONS[] = {
    {"CreateJob", &fields_schedule_job},
    {"CreateMonitor", &fields_schedule_monitor},
    {"ImportData", &fields_schedule_import},
    {"InvokeBatchEndpoint", &fields_schedule_batch},
};

/* A monitor's signals are told apart by signalType; without it no client can read them back. */
static int check_signals(struct arm_request *req, struct error *err)
{
    static const char *const PATH = "properties.action.monitorDefinition.signals";
    struct json_iter it = json_iter(json_at(req->body, PATH));

    assert(req->body);
    while (json_next(&it))
        if (json_str_at(it.value, "signalType").len == 0)
            return error_set(err, ERROR_INVALID, PATH, "Signal '%.*s' has no signalType.",
                             STR_ARG(it.key));
    return 0;
}

/* Switched off is stored as archived: lists then leave it out as clients expect. */
static int schedule_prepare(struct arm_request *req, struct error *err)
{
    struct json *properties = json_at(req->body, "properties");

    assert(properties);
    if (fields_check(req->arena, req->body, &fields_schedule, err) < 0 ||
        trigger_check(req->arena, json_get(properties, STR("trigger")), "properties.trigger", err) <
            0)
        return -1;
    struct str type = json_str_at(properties, "action.actionType");
    for (size_t i = 0; i < COUNT(SCHEDULE_ACTIONS); i++)
        if (str_eq(type, str_from(SCHEDULE_ACTIONS[i].type)) &&
            fields_check(req->arena, req->body, SCHEDULE_ACTIONS[i].table, err) < 0)
            return -1;
    if (check_signals(req, err) < 0)
        return -1;
    bool enabled = json_bool_at(properties, "isEnabled", true);
    json_remove(properties, STR("isEnabled"));
    json_set_bool(req->arena, properties, "isArchived", !enabled);
    fields_asset_defaults(req->arena, req->body);
    return 0;
}

/* An action is kept to the last null: clients send jobs whose inputs have no value. */
static int show_action(struct arm_request *req, const struct document *document,
                       struct json *properties, struct error *err)
{
    struct json *stored = json_parse(req->arena, document->body, err);

    if (!stored)
        return -1;
    json_set(req->arena, properties, STR("action"), json_take(stored, "properties.action"));
    return 0;
}

/* isEnabled is always there: the SDK reads it without asking. */
static int schedule_show(struct arm_request *req, struct store_txn *,
                         const struct document *document, struct json *wire, struct error *err)
{
    struct json *properties = json_at(wire, "properties");

    assert(properties);
    if (show_action(req, document, properties, err) < 0)
        return -1;
    json_remove(properties, STR("isArchived"));
    json_set_bool(req->arena, properties, "isEnabled", !document->archived);
    json_set_str(req->arena, properties, "provisioningState", STR("Succeeded"));
    return 0;
}

/* The SDK polls an operation after every PUT and DELETE. */
static int schedule_progress(struct arm_request *, struct store_txn *, const struct document *,
                             struct error *)
{
    return 1; /* it is there when its row is */
}

/* Nobody shall believe that the clock is watched. */
static void schedule_after(struct arm_request *req, const struct document *, bool removed)
{
    if (!removed)
        http_add_header(req->call->ex, "Warning",
                        STR("299 - \"The schedule is kept, but nothing is started by the clock "
                            "yet: schedules have no engine in this version.\""));
}

/* --- trigger --------------------------------------------------------------------------------- */

/* From the request to the write: a job made by a schedule is one like any other. */
struct start {
    struct arm_request *job; /* a request as if a client had PUT the job */
    struct document document;
};

/* On the writer thread: the row of the job and its run, as a PUT of the job makes them. */
static int start_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct start *start = context;
    struct arm_request *job = start->job;
    struct maker maker = caller_maker(&job->call->caller);
    struct document document = {
        .scope = job->scope.number,
        .type = STR("jobs"),
        .name = job->name,
        .created_by = job->actor,
        .body = json_write(job->arena, job->body),
        .system = maker_stamp(job->arena, &maker, STR(""), clock_now_us()),
    };

    assert(store_is_writer(txn));
    if (job_kind.check(job, txn, NULL, err) < 0 || document_insert(txn, &document, err) < 0 ||
        job_kind.change(job, txn, &document, err) < 0)
        return -1;
    start->document = arm_keep(job->arena, &document);
    return 0;
}

/* The job goes the way of one that a client submits: the same checks, the same refusals. */
static int start_job(struct arm_request *req, struct json *definition, struct str *out_name,
                     struct error *err)
{
    struct arm_request job = *req;
    struct start start = {.job = &job};

    assert(definition);
    job.kind = &job_kind;
    job.name = arena_printf(req->arena, "%.*s-%.*s", STR_ARG(str_slice(req->name, 0, 200)), 8,
                            random_uuid(req->arena).ptr);
    job.body = json_object(req->arena);
    json_set(req->arena, job.body, STR("properties"), json_copy(req->arena, definition));
    if (job_kind.prepare(&job, err) < 0 ||
        store_write(req->engines->store, start_apply, &start, err) < 0)
        return -1;
    if (job_kind.after)
        job_kind.after(&job, &start.document, false);
    *out_name = job.name;
    return 0;
}

/* Starts once, now, what the clock would start. */
static int trigger(struct arm_request *req, const struct document *document, struct arm_reply *out,
                   struct error *err)
{
    struct json *stored = json_parse(req->arena, document->body, err);
    struct json *body = json_object(req->arena);
    struct str name;

    assert(document->doc > 0);
    if (!stored)
        return -1;
    struct str type = json_str_at(stored, "properties.action.actionType");
    if (!str_eq(type, STR("CreateJob")) || !req->engines->jobs)
        return error_set(err, ERROR_NOT_IMPLEMENTED, "trigger",
                         "Schedules that do %.*s cannot be triggered yet; those that create a "
                         "job can.",
                         STR_ARG(type));
    if (start_job(req, json_at(stored, "properties.action.jobDefinition"), &name, err) < 0)
        return -1;
    json_set_str(req->arena, body, "jobName", name);
    json_set_str(req->arena, body, "submissionId", name); /* what the Python client reads */
    json_set_str(req->arena, body, "scheduleActionType", type);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

static const struct arm_action ACTIONS[] = {{.name = "trigger", .run = trigger}};

const struct arm_kind schedule_kind = {
    .type = "schedules",
    .wire = "Microsoft.MachineLearningServices/workspaces/schedules",
    .prepare = schedule_prepare,
    .show = schedule_show,
    .progress = schedule_progress,
    .after = schedule_after,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};
