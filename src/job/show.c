/* What a GET of a job adds to the body that was submitted: its state, its times, where it can be
 * followed and what it gave. Nothing of this is stored in the document. */
#include "job/step.h"

#include "os/clock.h"

#include <assert.h>

/* Both are addresses; clients print the one called Studio. */
static void add_service(struct arena *arena, struct json *services, const char *name,
                        struct str endpoint)
{
    struct json *service = json_object(arena);

    json_set_str(arena, service, "jobServiceType", str_from(name));
    json_set_str(arena, service, "endpoint", endpoint);
    json_set(arena, services, str_from(name), service);
}

/* Made for each GET, as the host by which the server is reached may change. */
static void show_services(struct jobs *jobs, struct store_txn *txn, const struct run *run,
                          const struct scope *scope, struct json *properties)
{
    struct arena *arena = store_arena(txn);
    struct json *services = json_object(arena);
    struct str id = scope_arm_id(arena, scope);

    add_service(
        arena, services, "Tracking",
        arena_printf(arena, "%.*s/mlflow/v2.0%.*s", STR_ARG(jobs->arm_endpoint), STR_ARG(id)));
    add_service(arena, services, "Studio",
                arena_printf(arena, "%.*s/runs/%.*s?wsid=%.*s", STR_ARG(jobs->arm_endpoint),
                             STR_ARG(run->run_id), STR_ARG(id)));
    json_set(arena, properties, STR("services"), services);
}

/* Named outputs get the uri they have; `default` is the run's own folder. */
static int show_outputs(struct store_txn *txn, const struct run *run, struct json *properties,
                        struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *outputs = json_at(properties, "outputs");
    struct json *own = json_object(arena);
    struct job_stored stored;

    if (json_kind(outputs) != JSON_OBJECT) {
        outputs = json_object(arena);
        json_set(arena, properties, STR("outputs"), outputs);
    }
    if (run->doc != 0) {
        if (step_read(txn, run, &stored, err) < 0)
            return -1;
        struct json_iter it = json_iter(json_at(stored.resolved, "outputs"));
        while (json_next(&it)) {
            struct json *output = json_get(outputs, it.key);
            if (json_kind(output) == JSON_OBJECT)
                json_set_str(arena, output, "uri", json_str_at(it.value, "uri"));
        }
    }
    json_set_str(arena, own, "jobOutputType", STR("uri_folder"));
    json_set_str(arena, own, "mode", STR("ReadWriteMount"));
    json_set_str(arena, own, "uri",
                 arena_printf(arena,
                              "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.%.*s",
                              STR_ARG(run->run_id)));
    json_set(arena, outputs, STR("default"), own);
    return 0;
}

/* When it ran stands among the job's own properties, as clients look for it there. What a client
 * brought along from another job is no time of this one. */
static void show_times(struct arena *arena, const struct run *run, struct json *properties)
{
    struct json *own = json_at(properties, "properties");
    char text[CLOCK_ISO_BYTES];

    json_remove(own, STR("StartTimeUtc"));
    json_remove(own, STR("EndTimeUtc"));
    if (run->start_us)
        json_set_str(arena, own, "StartTimeUtc", clock_iso(run->start_us, text));
    if (run->end_us)
        json_set_str(arena, own, "EndTimeUtc", clock_iso(run->end_us, text));
}

/* Clients walk over these maps without asking whether they are there. */
static void ensure_object(struct arena *arena, struct json *properties, const char *key)
{
    if (json_kind(json_at(properties, key)) != JSON_OBJECT)
        json_set(arena, properties, str_from(key), json_object(arena));
}

/* Clients read how many nodes a job has without asking whether it said so. */
static void show_resources(struct arena *arena, struct json *properties)
{
    ensure_object(arena, properties, "resources");
    if (json_is_null(json_at(properties, "resources.instanceCount")))
        json_set_int(arena, json_at(properties, "resources"), "instanceCount", 1);
}

/* The run is the truth about a job's state; the document keeps what was asked for. */
int job_show(struct jobs *jobs, struct store_txn *txn, const struct run *run,
             struct json *properties, struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct str experiment;
    struct scope scope;

    assert(json_kind(properties) == JSON_OBJECT);
    if (scope_by_number(txn, run->scope, &scope, err) < 0 ||
        experiment_name(txn, run->scope, run->experiment, &experiment, err) < 0)
        return -1;
    json_set_str(arena, properties, "jobType", STR("Command"));
    json_set_str(arena, properties, "status", str_from(run_status_name(run->status)));
    json_set_str(arena, properties, "statusReason", run->reason);
    json_set_str(arena, properties, "experimentName", experiment);
    json_set_str(arena, properties, "displayName", run->name);
    json_set_bool(arena, properties, "isArchived", run->archived || run->deleted_us != 0);
    ensure_object(arena, properties, "tags");
    ensure_object(arena, properties, "properties");
    ensure_object(arena, properties, "inputs");
    ensure_object(arena, properties, "environmentVariables");
    show_resources(arena, properties);
    show_times(arena, run, properties);
    show_services(jobs, txn, run, &scope, properties);
    return show_outputs(txn, run, properties, err);
}

/* For tokens of attempts: one of an attempt that ended opens nothing any more. */
int job_attempt_alive(int64_t scope, struct str name, int number, void *context)
{
    struct jobs *jobs = context;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, NULL);
    struct attempt attempt;
    struct run run;

    bool alive = txn && run_get(txn, scope, name, &run, NULL) == 0 &&
                 attempt_get(txn, run.run, number, &attempt, NULL) == 0 &&
                 attempt.state != ATTEMPT_ENDED;
    return !txn || store_txn_check(txn, NULL) < 0 ? -1 : alive;
}
