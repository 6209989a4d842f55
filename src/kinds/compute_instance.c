/* A compute instance: a place for one job at a time on this host, which its owner switches on and
 * off. There is no machine behind it, hence no address, no application and no login. */
#include "kinds/compute.h"

#include "job/job.h"
#include "kinds/fields.h"
#include "kinds/trigger.h"
#include "os/clock.h"
#include "store/event.h"

#include <assert.h>

/* ARM nests the properties of a compute twice. */
#define INNER "properties.properties"

/* What the server says; a client that sends back what it read decides nothing by it. */
static void drop_read_only(struct json *inner)
{
    static const char *const READ_ONLY[] = {
        "state",      "lastOperation", "connectivityEndpoints", "applications", "createdBy",
        "errors",     "containers",    "osImageMetadata",       "versions",     "dataDisks",
        "dataMounts",
    };

    for (size_t i = 0; i < COUNT(READ_ONLY); i++)
        json_remove(inner, str_from(READ_ONLY[i]));
}

/* One planned start or stop; what Azure fills in is filled in. */
static int check_planned(struct arena *arena, struct json *planned, const char *path,
                         struct error *err)
{
    static const char *const ACTIONS[] = {"Start", "Stop"};
    struct str action = json_str_at(planned, "action");
    struct str type = json_str_at(planned, "triggerType");
    const char *spelled = NULL;

    for (size_t i = 0; i < COUNT(ACTIONS); i++)
        if (str_eq_fold(action, str_from(ACTIONS[i])))
            spelled = ACTIONS[i];
    if (!spelled)
        return error_set(err, ERROR_INVALID, path,
                         "The action of a schedule is Start or Stop, not '%.*s'.", STR_ARG(action));
    json_set_str(arena, planned, "action", str_from(spelled));
    fields_default(arena, planned, "status", "Enabled");
    json_set_str(arena, planned, "provisioningStatus", STR("Completed"));
    if (str_eq_fold(type, STR("Cron")))
        return trigger_cron(arena, json_get(planned, STR("cron")),
                            arena_printf(arena, "%s.cron", path).ptr, err);
    if (str_eq_fold(type, STR("Recurrence")))
        return trigger_recurrence(arena, json_get(planned, STR("recurrence")),
                                  arena_printf(arena, "%s.recurrence", path).ptr, err);
    return error_set(err, ERROR_INVALID, path, "A trigger is Cron or Recurrence, not '%.*s'.",
                     STR_ARG(type));
}

/* Starts and stops by the clock are kept in the form that clients read back. */
static int check_plans(struct arena *arena, struct json *body, struct error *err)
{
    struct json *plans = json_at(body, INNER ".schedules.computeStartStop");
    struct json_iter it = json_iter(plans);

    if (!json_is_null(plans) && json_kind(plans) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, INNER ".schedules.computeStartStop",
                         "Expected a list here.");
    while (json_next(&it)) {
        const char *path =
            arena_printf(arena, INNER ".schedules.computeStartStop[%zu]", it.index).ptr;
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, path, "Expected an object here.");
        if (check_planned(arena, it.value, path, err) < 0)
            return -1;
    }
    return 0;
}

/* Minutes to days, as Azure bounds it; empty and null mean never. */
static int check_idle(struct str text, struct error *err)
{
    int64_t us;

    if (text.len == 0 || (clock_parse_duration(text, &us) && us >= 15 * 60 * US_PER_S &&
                          us <= 3 * 24 * 3600 * US_PER_S))
        return 0;
    return error_set(err, ERROR_INVALID, INNER ".idleTimeBeforeShutdown",
                     "'%.*s' is not between PT15M and P3D.", STR_ARG(text));
}

/* --- Power ----------------------------------------------------------------------------------- */

/* What a switch leaves in the stored body. Times are the server's. */
static struct json *power_of(struct arena *arena, const char *state, const char *operation)
{
    struct json *power = json_object(arena);
    char text[CLOCK_ISO_BYTES];

    json_set_str(arena, power, "state", str_from(state));
    json_set_str(arena, power, "operation", str_from(operation));
    json_set_str(arena, power, "at", clock_iso(clock_now_us(), text));
    return power;
}

/* The power state of the one that is there, or that of a new one, which runs. */
static int carry_power(struct arm_request *req, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document_key key = {req->scope.number, STR("computes"), 0, req->name};
    struct error missing = {0};
    struct document document;
    struct json *before = NULL;

    if (!txn)
        return -1;
    if (document_get(txn, &key, &document, &missing) == 0)
        before = json_parse(req->arena, document.body, err);
    else if (missing.code != ERROR_NOT_FOUND)
        *err = missing;
    if (!before && missing.code != ERROR_NOT_FOUND)
        return -1;
    struct json *power = json_get(before, STR("power"));
    json_set(req->arena, req->body, STR("power"),
             power ? json_copy(req->arena, power) : power_of(req->arena, "Running", "Create"));
    return 0;
}

/* Read-only members are dropped first, so that nothing below looks at what a client made up. */
int compute_instance_prepare(struct arm_request *req, struct error *err)
{
    assert(req->body);
    if (fields_check(req->arena, req->body, &fields_compute_instance, err) < 0)
        return -1;
    if (json_kind(json_at(req->body, INNER)) != JSON_OBJECT &&
        json_put(req->arena, req->body, INNER, json_object(req->arena), err) < 0)
        return -1;
    drop_read_only(json_at(req->body, INNER));
    if (check_plans(req->arena, req->body, err) < 0 ||
        check_idle(json_str_at(req->body, INNER ".idleTimeBeforeShutdown"), err) < 0)
        return -1;
    fields_default(req->arena, req->body, INNER ".applicationSharingPolicy", "Shared");
    fields_default(req->arena, req->body, INNER ".computeInstanceAuthorizationType", "personal");
    return carry_power(req, err);
}

/* A switch that was thrown between `prepare` and now is not thrown back. */
int compute_instance_check(struct arm_request *req, const struct document *before,
                           struct error *err)
{
    struct json *stored = before ? json_parse(req->arena, before->body, err) : NULL;

    if (!before)
        return 0;
    if (!stored)
        return -1;
    if (json_equal(json_get(stored, STR("power")), json_get(req->body, STR("power"))))
        return 0;
    return error_set(err, ERROR_CONFLICT, "",
                     "'%.*s' was started or stopped at the same time; try again.",
                     STR_ARG(req->name));
}

/* Says truly what there is: a state, and no machine with addresses or applications. */
void compute_instance_show(struct arm_request *req, const struct document *document,
                           const struct json *power, struct json *inner)
{
    struct arena *arena = req->arena;
    struct json *last = json_object(arena), *owner = json_object(arena);
    struct json *addresses = json_object(arena);

    assert(inner);
    json_set_str(arena, inner, "state", json_str_at(power, "state"));
    json_set_str(arena, last, "operationName", json_str_at(power, "operation"));
    json_set_str(arena, last, "operationTime", json_str_at(power, "at"));
    json_set_str(arena, last, "operationStatus", STR("Succeeded"));
    json_set_str(arena, last, "operationTrigger", STR("User"));
    json_set(arena, inner, STR("lastOperation"), last);
    json_set_str(arena, owner, "userName", document->created_by);
    json_set(arena, inner, STR("createdBy"), owner);
    json_set_null(arena, addresses, "publicIpAddress");
    json_set_null(arena, addresses, "privateIpAddress");
    json_set(arena, inner, STR("connectivityEndpoints"), addresses);
    json_set(arena, inner, STR("applications"), json_array(arena));
    json_set(arena, inner, STR("errors"), json_array(arena));
}

/* --- Actions --------------------------------------------------------------------------------- */

/* A member of the stored body that an action sets. */
struct edit {
    struct arm_request *req;
    int64_t doc;
    const char *path;
    struct json *value;
    struct document after;
};

/* What changed is told to followers as after a PUT. */
static int tell(struct edit *edit, struct store_txn *txn, struct error *err)
{
    struct event event = {.scope = edit->req->scope.number,
                          .type = STR("computes.updated"),
                          .subject_kind = STR("computes"),
                          .subject = edit->req->name,
                          .actor = edit->req->actor,
                          .body = STR("{}")};

    return event_append(txn, &event, err);
}

/* On the writer thread, perhaps twice: it reads the row anew each time. */
static int edit_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct edit *edit = context;
    struct arena *arena = edit->req->arena;
    struct document document;

    assert(store_is_writer(txn));
    if (document_by_id(txn, edit->doc, &document, err) < 0)
        return -1;
    struct json *body = json_parse(arena, document.body, err);
    if (!body || json_put(arena, body, edit->path, json_copy(arena, edit->value), err) < 0)
        return -1;
    document.body = json_write(arena, body);
    if (document_update(txn, &document, err) < 0)
        return -1;
    edit->after = arm_keep(arena, &document);
    return tell(edit, txn, err);
}

/* Sets one member of a compute instance; other computes are refused. */
static int edit_instance(struct arm_request *req, const struct document *document, const char *path,
                         struct json *value, struct error *err)
{
    struct json *body = json_parse(req->arena, document->body, err);
    struct edit edit = {.req = req, .doc = document->doc, .path = path, .value = value};

    if (!body)
        return -1;
    if (!str_eq(json_str_at(body, "properties.computeType"), STR("ComputeInstance")))
        return error_set(err, ERROR_CONFLICT, "",
                         "'%.*s' is no compute instance: only those start, stop and are set up.",
                         STR_ARG(document->name));
    if (store_write(req->engines->store, edit_apply, &edit, err) < 0)
        return -1;
    if (req->engines->jobs)
        jobs_wake(req->engines->jobs); /* jobs may wait for it */
    return 0;
}

/* Clients wait for the operation behind a 202. */
static int power(struct arm_request *req, const struct document *document, struct json *state,
                 struct arm_reply *out, struct error *err)
{
    if (edit_instance(req, document, "power", state, err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 202};
    return 0;
}

/* One that runs already starts again without harm: clients repeat what timed out. */
int compute_start(struct arm_request *req, const struct document *document, struct arm_reply *out,
                  struct error *err)
{
    return power(req, document, power_of(req->arena, "Running", "Start"), out, err);
}

/* A job that runs on it goes on to its end; none begins. */
int compute_stop(struct arm_request *req, const struct document *document, struct arm_reply *out,
                 struct error *err)
{
    return power(req, document, power_of(req->arena, "Stopped", "Stop"), out, err);
}

/* There is no machine to restart; a stopped instance takes jobs again, which is what people want of
 * it. */
int compute_restart(struct arm_request *req, const struct document *document, struct arm_reply *out,
                    struct error *err)
{
    return power(req, document, power_of(req->arena, "Running", "Restart"), out, err);
}

/* {"targetVMSize":"STANDARD_DS3_V2"} */
int compute_resize(struct arm_request *req, const struct document *document, struct arm_reply *out,
                   struct error *err)
{
    struct str size = json_str_at(req->body, "targetVMSize");

    if (size.len == 0)
        return error_set(err, ERROR_INVALID, "targetVMSize", "This field is required.");
    if (edit_instance(req, document, INNER ".vmSize", json_text(req->arena, size), err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 202};
    return 0;
}

/* Any size of the table: none is more than a promise. */
int compute_resize_sizes(struct arm_request *req, const struct document *, struct arm_reply *out,
                         struct error *)
{
    struct json *body = json_object(req->arena), *value = json_array(req->arena);
    size_t count;
    const struct compute_size *sizes = compute_sizes(&count);

    for (size_t i = 0; i < count; i++)
        json_append(req->arena, value, compute_size_wire(req->arena, &sizes[i]));
    json_set(req->arena, body, STR("value"), value);
    *out = (struct arm_reply){.status = 200, .body = body};
    return 0;
}

/* {"idleTimeBeforeShutdown":"PT120M"}; kept, nothing idles here that costs. */
int compute_idle_shutdown(struct arm_request *req, const struct document *document,
                          struct arm_reply *out, struct error *err)
{
    struct str text = json_str_at(req->body, "idleTimeBeforeShutdown");

    if (check_idle(text, err) < 0 ||
        edit_instance(req, document, INNER ".idleTimeBeforeShutdown",
                      text.len ? json_text(req->arena, text) : json_null(req->arena), err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 200};
    return 0;
}

/* A list of services, kept as they came. */
int compute_custom_services(struct arm_request *req, const struct document *document,
                            struct arm_reply *out, struct error *err)
{
    struct json_iter it = json_iter(req->body);

    if (json_kind(req->body) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "", "Expected a list of services.");
    while (json_next(&it))
        if (json_kind(it.value) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, "", "Service %zu is no object.", it.index);
    if (edit_instance(req, document, INNER ".customServices", req->body, err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 200};
    return 0;
}

/* {"enableSSO":true} */
int compute_sso(struct arm_request *req, const struct document *document, struct arm_reply *out,
                struct error *err)
{
    const struct json *value = json_get(req->body, STR("enableSSO"));

    if (json_kind(value) != JSON_BOOL)
        return error_set(err, ERROR_INVALID, "enableSSO", "Expected true or false here.");
    if (edit_instance(req, document, INNER ".enableSSO",
                      json_bool(req->arena, json_as_bool(value, true)), err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 200};
    return 0;
}
