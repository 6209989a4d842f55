/* A job's log is read while it is written: clients that follow a job by its blobs see the log at
 * the name that it will have, from the first line on. Its bytes lie in the content store's open
 * files until the attempt ends; then rows take over, in one transaction. */
#include "blob/internal.h"

#include "asset/asset.h"
#include "job/attempt.h"
#include "job/finish.h"
#include "os/clock.h"
#include "tracking/tracking.h"

#include <assert.h>

/* The attempt under way of the run whose folder a name lies in. */
struct source {
    struct str folder; /* "ExperimentRun/dcid.{run}/" */
    struct attempt attempt;
    struct run run;
};

/* "ExperimentRun/dcid.{run}/…" of the artifact container. False for all other names. */
static bool run_of(struct arena *arena, const struct blob_target *target, struct str name,
                   struct str *out)
{
    struct str before = asset_run_prefix(arena, STR("x")), rest;

    before = str_slice(before, 0, before.len - 1);
    return str_eq(target->container, asset_artifact_container(arena, &target->scope)) &&
           str_starts(name, before) &&
           str_cut(str_slice(name, before.len, name.len), '/', out, &rest);
}

/* A run whose attempt has ended has rows for its logs: they answer then, and this says no. Names
 * of runs are compared exactly, since blobs know no other case. */
static bool find_source(struct store_txn *txn, const struct blob_target *target, struct str name,
                        struct source *out)
{
    struct arena *arena = store_arena(txn);
    struct str run_id;

    assert(target->scope.number > 0);
    if (!run_of(arena, target, name, &run_id) ||
        run_get(txn, target->scope.number, run_id, &out->run, NULL) < 0 ||
        !str_eq(out->run.run_id, run_id) ||
        attempt_last(txn, out->run.run, &out->attempt, NULL) < 0)
        return false;
    out->folder = arena_printf(arena, "%.*s/", STR_ARG(asset_run_prefix(arena, run_id)));
    return out->attempt.state != ATTEMPT_ENDED;
}

/* The log as the blob that it is at this moment: it changes when it grows. */
static bool describe(struct engines *engines, struct arena *arena, const struct source *source,
                     struct str file, struct blob_growing *out)
{
    struct str key = finish_log_key(arena, source->attempt.run, source->attempt.number, file);
    int64_t size = content_log_size(engines->content, key);

    if (size < 0)
        return false;
    *out = (struct blob_growing){
        .key = key,
        .blob = {.name = arena_printf(arena, "%.*s%.*s", STR_ARG(source->folder), STR_ARG(file)),
                 .size = size,
                 .etag = arena_printf(arena, "0xG%lld-%lld", (long long)source->attempt.run,
                                      (long long)size),
                 .meta = STR("{\"contentType\":\"text/plain; charset=utf-8\",\"meta\":{}}"),
                 .created_us = source->attempt.started_us ? source->attempt.started_us
                                                          : source->run.created_us,
                 .updated_us = clock_now_us()}};
    return true;
}

/* Asked after the rows, so a log that was just kept is found there. */
int blob_growing_get(struct engines *engines, struct store_txn *txn,
                     const struct blob_target *target, struct blob_growing *out, struct error *err)
{
    struct source source;

    assert(engines->content);
    if (find_source(txn, target, target->blob, &source))
        for (size_t i = 0; i < JOB_LOG_COUNT; i++)
            if (str_eq(str_slice(target->blob, source.folder.len, target->blob.len), JOB_LOGS[i]) &&
                describe(engines, store_arena(txn), &source, JOB_LOGS[i], out))
                return 0;
    return error_set(err, ERROR_NOT_FOUND, "BlobNotFound",
                     "The specified blob does not exist: '%.*s'.", STR_ARG(target->blob));
}

/* A log that nothing was written to yet is no blob, so there may be fewer than names. */
size_t blob_growing_list(struct engines *engines, struct store_txn *txn,
                         const struct blob_target *target, struct str prefix,
                         struct blob_growing *out)
{
    struct source source;
    size_t count = 0;

    assert(out);
    if (!find_source(txn, target, prefix, &source))
        return 0;
    for (size_t i = 0; i < JOB_LOG_COUNT; i++)
        if (describe(engines, store_arena(txn), &source, JOB_LOGS[i], &out[count]) &&
            str_starts(out[count].blob.name, prefix))
            count++;
    return count;
}
