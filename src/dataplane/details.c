/* How a run stands, and where its logs are: what the SDK polls while it streams a job. */
#include "dataplane/internal.h"

#include "asset/asset.h"
#include "content/content.h"
#include "job/attempt.h"
#include "job/finish.h"

#include <assert.h>

#define LOGS_MAX 200

struct log_files {
    struct dataplane_run *at;
    struct json *files;
    struct str container, folder; /* "ExperimentRun/dcid.{run}/" */
};

/* Logs are told by their names below the run, which is how a stream knows them again. */
static int add_log(const struct blob *blob, void *context, struct error *)
{
    struct log_files *logs = context;
    struct arena *arena = logs->at->call->arena;
    struct str name = arena_str(arena, blob->name);

    json_set(arena, logs->files, str_slice(name, logs->folder.len, name.len),
             json_text(arena, dataplane_sign(logs->at, logs->container, name, "r")));
    return 0;
}

/* Those of an attempt under way are no blobs yet, but are read under the same names. */
static void add_growing(struct log_files *logs)
{
    struct dataplane_run *at = logs->at;
    struct arena *arena = at->call->arena;
    struct attempt attempt;

    if (attempt_last(at->txn, at->run.run, &attempt, NULL) < 0 || attempt.state == ATTEMPT_ENDED)
        return;
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        struct str key = finish_log_key(arena, attempt.run, attempt.number, JOB_LOGS[i]);
        struct str name =
            arena_printf(arena, "%.*s%.*s", STR_ARG(logs->folder), STR_ARG(JOB_LOGS[i]));
        if (content_log_size(at->engines->content, key) >= 0)
            json_set(arena, logs->files, JOB_LOGS[i],
                     json_text(arena, dataplane_sign(logs->at, logs->container, name, "r")));
    }
}

/* Kept ones and the one that grows: a stream must see the same name before and after. */
static struct json *log_files(struct dataplane_run *at, struct error *err)
{
    static const char *const FOLDERS[] = {"user_logs/", "system_logs/"};
    struct arena *arena = at->call->arena;
    struct log_files logs = {
        .at = at,
        .files = json_object(arena),
        .container = asset_artifact_container(arena, &at->scope),
        .folder = arena_printf(arena, "%.*s/", STR_ARG(asset_run_prefix(arena, at->run.run_id))),
    };

    for (size_t i = 0; i < COUNT(FOLDERS); i++) {
        struct blob_query query = {
            .container = logs.container,
            .prefix = arena_printf(arena, "%.*s%s", STR_ARG(logs.folder), FOLDERS[i]),
            .limit = LOGS_MAX};
        if (blob_list(at->txn, &query, add_log, &logs, err) < 0)
            return NULL;
    }
    add_growing(&logs);
    return logs.files;
}

/* What a stream polls: state, why it failed, and where the logs are, in one question. */
static struct json *details_view(struct dataplane_run *at, struct error *err)
{
    static const char *const KEPT[] = {
        "runId",    "status",   "parentRunId", "rootRunId", "startTimeUtc", "endTimeUtc",
        "duration", "revision", "properties",  "tags",      "target",       "createdBy",
        "inputs",   "outputs",  "error",       "warnings",  "runNumber"};
    struct arena *arena = at->call->arena;
    struct json *view = dataplane_run_view(at, err), *body = json_object(arena);
    struct json *logs = view ? log_files(at, err) : NULL;

    if (!logs)
        return NULL;
    for (size_t i = 0; i < COUNT(KEPT); i++) {
        struct json *value = json_get(view, str_from(KEPT[i]));
        json_set(arena, body, str_from(KEPT[i]),
                 value ? json_copy(arena, value) : json_null(arena));
    }
    json_set_str(arena, body, "submittedBy", json_str_at(view, "createdBy.userName"));
    json_set(arena, body, STR("services"), json_object(arena));
    json_set(arena, body, STR("createdTimeUtc"),
             json_copy(arena, json_get(view, STR("createdUtc"))));
    json_set(arena, body, STR("logFiles"), logs);
    return body;
}

void dataplane_get_details(struct call *call)
{
    dataplane_answer_run(call, call_param(call, "run"), details_view);
}
