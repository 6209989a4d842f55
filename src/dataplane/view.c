/* A run in run history's words: the same record that ARM shows as a job and MLflow as a run. */
#include "dataplane/internal.h"

#include "os/clock.h"

#include <assert.h>

void dataplane_set_time(struct arena *arena, struct json *object, const char *key, int64_t us)
{
    char text[CLOCK_ISO_BYTES];

    if (us)
        json_set_str(arena, object, key, clock_iso(us, text));
    else
        json_set_null(arena, object, key);
}

/* "00:01:05", from its start to its end, or to now. */
static struct str duration(struct arena *arena, const struct run *run)
{
    int64_t end = run->end_us ? run->end_us : clock_now_us();
    int64_t seconds = run->start_us && end > run->start_us ? (end - run->start_us) / US_PER_S : 0;

    return arena_printf(arena, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
                        (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

/* How run history spells a type. Azure's own spelling of data is that of the old types; releases of
 * azure-ai-ml from 1.35 on look for the new one only. Those fail, too, before they ask where a
 * model lies: a model is a folder to them, which they ask for among the data. */
static struct str shown_type(const struct call *call, struct str type)
{
    static const struct {
        const char *type, *shown;
        bool data;
    } TYPES[] = {{"custom_model", "CustomModel", false}, {"mlflow_model", "MLFlowModel", false},
                 {"triton_model", "TritonModel", false}, {"uri_file", "UriFile", true},
                 {"uri_folder", "UriFolder", true},      {"mltable", "MLTable", true}};
    int minor = arm_sdk_minor(call);
    bool recent = minor >= 35, mute = recent && minor < ARM_SDK_NONE;

    for (size_t i = 0; i < COUNT(TYPES); i++) {
        if (!str_eq(type, str_from(TYPES[i].type)))
            continue;
        if (TYPES[i].data)
            return recent ? type : str_from(TYPES[i].shown);
        return mute ? STR("uri_folder") : str_from(TYPES[i].shown);
    }
    return type;
}

/* What a job read and wrote under a name; the id is what batchGetResolvedUris is asked with. */
static struct json *bound(struct dataplane_run *at, const char *what)
{
    struct arena *arena = at->call->arena;
    struct json *outputs = json_object(arena);
    struct json_iter it = json_iter(json_get(at->resolved, str_from(what)));

    while (json_next(&it)) {
        struct json *output = json_object(arena);
        json_set_str(arena, output, "assetId",
                     arena_printf(arena, "azureml://jobs/%.*s/%s/%.*s", STR_ARG(at->run.run_id),
                                  what, STR_ARG(it.key)));
        json_set_str(arena, output, "type", shown_type(at->call, json_str_at(it.value, "type")));
        json_set(arena, outputs, it.key, output);
    }
    return outputs;
}

/* Who it belongs to and what it hangs on. */
static int set_relations(struct dataplane_run *at, struct json *view, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *user = json_object(arena);
    struct run parent = at->run, root = at->run;

    assert(at->run.run > 0);
    if ((at->run.parent && run_by_row(at->txn, at->run.parent, &parent, err) < 0) ||
        (at->run.root && run_by_row(at->txn, at->run.root, &root, err) < 0))
        return -1;
    json_set_str(arena, view, "runId", at->run.run_id);
    json_set_str(arena, view, "rootRunId", root.run_id);
    if (at->run.parent)
        json_set_str(arena, view, "parentRunId", parent.run_id);
    else
        json_set_null(arena, view, "parentRunId");
    json_set_str(arena, view, "experimentId",
                 arena_printf(arena, "%lld", (long long)at->run.experiment));
    json_set_str(arena, user, "userName", at->run.user);
    json_set(arena, view, STR("createdBy"), user);
    return 0;
}

static void set_times(struct dataplane_run *at, struct json *view)
{
    struct arena *arena = at->call->arena;

    dataplane_set_time(arena, view, "createdUtc", at->run.created_us);
    dataplane_set_time(arena, view, "startTimeUtc", at->run.start_us);
    dataplane_set_time(arena, view, "endTimeUtc", at->run.end_us);
    json_set_str(arena, view, "duration", duration(arena, &at->run));
}

/* The kinds of job as run history calls them. */
static struct str run_type(const struct dataplane_run *at)
{
    static const struct {
        const char *job, *run;
    } TYPES[] = {{"Command", "azureml.commandjob"}, {"Pipeline", "azureml.PipelineRun"},
                 {"Sweep", "azureml.sweep"},        {"AutoML", "automl"},
                 {"Spark", "azureml.sparkjob"},     {"Labeling", "azureml.labelingjob"}};
    struct str job = json_str_at(at->properties, "jobType");

    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (str_eq_fold(job, str_from(TYPES[i].job)))
            return str_from(TYPES[i].run);
    return at->run.doc ? STR("azureml.commandjob") : STR("azureml.mlflowrun");
}

/* Codes are those of the SDK's exceptions: only what the user's code did is the user's. */
struct json *dataplane_run_error(struct dataplane_run *at)
{
    struct arena *arena = at->call->arena;
    struct json *outer = json_object(arena), *inner = json_object(arena);

    if (at->run.status != RUN_FAILED)
        return json_null(arena);
    json_set_str(arena, inner, "code", STR("UserError"));
    json_set_str(arena, inner, "message",
                 at->run.reason.len ? at->run.reason : STR("The run was ended as failed."));
    json_set(arena, outer, STR("error"), inner);
    return outer;
}

/* What people wrote about it; the description of a run without a document is MLflow's note. */
static void set_words(struct dataplane_run *at, struct json *view, const struct json *tags)
{
    struct arena *arena = at->call->arena;
    struct json *properties = json_get(at->properties, STR("properties"));
    struct str description = at->run.doc ? json_str_at(at->properties, "description")
                                         : json_as_str(json_get(tags, STR("mlflow.note.content")));

    json_set_str(arena, view, "displayName", at->run.name);
    json_set_str(arena, view, "description", description);
    json_set_bool(arena, view, "hidden", at->run.archived || at->run.deleted_us != 0);
    json_set(arena, view, STR("properties"),
             json_kind(properties) == JSON_OBJECT ? json_copy(arena, properties)
                                                  : json_object(arena));
}

struct json *dataplane_run_view(struct dataplane_run *at, struct error *err)
{
    struct arena *arena = at->call->arena;
    struct json *view = json_object(arena), *tags = json_object(arena);

    if (set_relations(at, view, err) < 0 || run_tags(at->txn, &at->run, tags, err) < 0)
        return NULL;
    json_set_int(arena, view, "runNumber", at->run.run);
    json_set_str(arena, view, "status", str_from(run_status_name(at->run.status)));
    set_times(at, view);
    set_words(at, view, tags);
    json_set_str(arena, view, "dataContainerId",
                 arena_printf(arena, "dcid.%.*s", STR_ARG(at->run.run_id)));
    json_set_str(arena, view, "runType", run_type(at));
    json_set_str(arena, view, "target", json_str_at(at->properties, "computeId"));
    json_set_int(arena, view, "revision", at->run.rev);
    json_set(arena, view, STR("tags"), tags);
    json_set(arena, view, STR("error"), dataplane_run_error(at));
    json_set(arena, view, STR("warnings"), json_array(arena));
    json_set(arena, view, STR("inputs"), bound(at, "inputs"));
    json_set(arena, view, STR("outputs"), bound(at, "outputs"));
    /* Copied, since the view outlives the transaction that it was read in. */
    return json_copy(arena, view);
}
