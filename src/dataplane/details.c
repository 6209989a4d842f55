/* How a run stands, and where its logs are: what the SDK polls while it streams a job. */
#include "dataplane/internal.h"

#include "asset/asset.h"
#include "content/content.h"
#include "http/text.h"
#include "job/attempt.h"
#include "job/finish.h"
#include "os/clock.h"
#include "vault/sas.h"

#include <assert.h>

#define LOG_LIFE_US (3600 * US_PER_S)
#define LOGS_MAX 200

struct log_files {
    struct plane_run *at;
    struct json *files;
    struct str container, folder; /* "ExperimentRun/dcid.{run}/" */
};

/* An address that opens this one file, for an hour. */
static struct str signed_url(const struct log_files *logs, struct str name)
{
    struct arena *arena = logs->at->call->arena;
    int64_t now = clock_now_us();
    struct sas sas = {.account = asset_account(arena, &logs->at->scope),
                      .container = logs->container,
                      .blob = name,
                      .permissions = STR("r"),
                      .start_us = now,
                      .end_us = now + LOG_LIFE_US};
    struct str base =
        arm_container_url(logs->at->call, logs->at->engines, &logs->at->scope, logs->container);

    assert(name.len > 0);
    return arena_printf(arena, "%.*s/%.*s?%.*s", STR_ARG(base),
                        STR_ARG(http_encode(arena, name, true)),
                        STR_ARG(sas_make(logs->at->engines->vault, arena, &sas)));
}

static int add_log(const struct blob *blob, void *context, struct error *)
{
    struct log_files *logs = context;
    struct arena *arena = logs->at->call->arena;
    struct str name = arena_str(arena, blob->name);

    json_set(arena, logs->files, str_slice(name, logs->folder.len, name.len),
             json_text(arena, signed_url(logs, name)));
    return 0;
}

/* Those of an attempt under way are no blobs yet, but are read under the same names. */
static void add_growing(struct log_files *logs)
{
    struct plane_run *at = logs->at;
    struct arena *arena = at->call->arena;
    struct attempt attempt;

    if (attempt_last(at->txn, at->run.run, &attempt, NULL) < 0 || attempt.state == ATTEMPT_ENDED)
        return;
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        struct str key = finish_log_key(arena, attempt.run, attempt.number, JOB_LOGS[i]);
        struct str name =
            arena_printf(arena, "%.*s%.*s", STR_ARG(logs->folder), STR_ARG(JOB_LOGS[i]));
        if (content_log_size(at->engines->content, key) >= 0)
            json_set(arena, logs->files, JOB_LOGS[i], json_text(arena, signed_url(logs, name)));
    }
}

static struct json *log_files(struct plane_run *at, struct error *err)
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

/* Why it failed, where the SDK looks for it; null while nothing is wrong. */
static struct json *error_of(struct plane_run *at)
{
    struct arena *arena = at->call->arena;
    struct json *outer = json_object(arena), *inner = json_object(arena);

    if (at->run.status != RUN_FAILED)
        return json_null(arena);
    json_set_str(arena, inner, "code", STR("UserError"));
    json_set_str(arena, inner, "message", at->run.reason);
    json_set(arena, outer, STR("error"), inner);
    return outer;
}

static struct json *details_view(struct plane_run *at, struct error *err)
{
    static const char *const KEPT[] = {"runId",      "status",     "startTimeUtc",
                                       "endTimeUtc", "properties", "revision"};
    struct arena *arena = at->call->arena;
    struct json *view = plane_run_view(at, err), *body = json_object(arena);
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
    json_set(arena, body, STR("warnings"), json_array(arena));
    json_set(arena, body, STR("error"), error_of(at));
    json_set(arena, body, STR("logFiles"), logs);
    return body;
}

void plane_get_details(struct call *call)
{
    struct engines *engines = call->face;
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, &err);
    struct plane_run at = {.call = call, .engines = engines, .txn = txn};
    struct json *body = NULL;

    if (txn && plane_find_run(&at, call_param(call, "run"), &err) == 0)
        body = details_view(&at, &err);
    if (body)
        arm_reply(call, 200, body);
    else
        arm_refuse(call, &err);
}
