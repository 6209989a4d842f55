/* The end of an attempt, whoever noticed it: logs become objects, outputs become assets, the run
 * gets its final state, all by one commit. */
#include "job/finish.h"

#include "base/log.h"
#include "content/content.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const struct str JOB_LOGS[JOB_LOG_COUNT] = {
    STR_INIT("user_logs/std_log.txt"),
    STR_INIT("system_logs/lifecycle.log"),
    STR_INIT("system_logs/environment.log"),
};

/* Run and attempt, by numbers: a name that is given to a later job has another log. */
struct str finish_log_key(struct arena *arena, int64_t run, int number, struct str file)
{
    assert(run > 0 && number > 0 && file.len);
    return arena_printf(arena, "%lld-%d/%.*s", (long long)run, number, STR_ARG(file));
}

/* What a runner of another version left, or a half-written record, counts as an unknown end. */
struct job_exit finish_read(const struct json *exit)
{
    struct str kind = json_str_at(exit, "kind");
    bool signaled = str_eq(kind, STR("signal"));

    return (struct job_exit){.kind = kind.len ? kind : STR("lost"),
                             .code = json_int_at(exit, signaled ? "signal" : "code", 0),
                             .reason = json_str_at(exit, "reason")};
}

/* The end of an attempt, from its logs' bytes to the run's last state, in one write. */
struct finishing {
    struct jobs *jobs;
    const struct job_exit *end;
    struct content_object logs[JOB_LOG_COUNT]; /* size -1: there is none */
};

/* Brings over what the runner could not send any more: it lies in the folder, if that is here. */
static void catch_up(struct jobs *jobs, struct arena *arena, struct str key, const char *path)
{
    /* Without a sandbox the job could have put a link or a pipe there: the one would let it read
     * what is the server's, the other would hold the engine up for ever. */
    CLEANUP(fd_close)
    int fd = file_open_nolinks(jobs->options.dir, path, O_RDONLY | O_NONBLOCK, 0, NULL);
    int64_t offset = content_log_size(jobs->options.content, key);
    struct stat status;
    ssize_t count;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    char *bytes = arena_alloc(arena, 256 * KIB);
    if (offset < 0)
        offset = 0;
    while ((count = pread(fd, bytes, 256 * KIB, offset)) > 0) {
        if (content_log_append(jobs->options.content, key, offset,
                               (struct str){bytes, (size_t)count}, NULL) < 0)
            return;
        offset += count;
    }
    /* A command that prints nothing has a log all the same: people look for it. */
    if (offset == 0 && str_ends(key, JOB_LOGS[0]))
        content_log_append(jobs->options.content, key, 0, STR(""), NULL);
}

/* Files become objects outside of the transaction; rows follow inside. */
static int seal_logs(struct finishing *f, struct arena *arena, int64_t run, int number,
                     struct error *err)
{
    assert(number > 0);
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        struct str key = finish_log_key(arena, run, number, JOB_LOGS[i]);
        struct str path = arena_printf(arena, "runs/%.*s", STR_ARG(key));
        f->logs[i].size = -1;
        catch_up(f->jobs, arena, key, path.ptr);
        if (content_log_size(f->jobs->options.content, key) < 0)
            continue;
        if (content_log_seal(f->jobs->options.content, key, &f->logs[i], err) < 0)
            return -1;
    }
    return 0;
}

/* The files became objects before; here they get their names in the run's artifacts. */
static int keep_logs(struct store_txn *txn, struct finishing *f, const struct run *run,
                     const struct scope *scope, struct error *err)
{
    struct arena *arena = store_arena(txn);

    assert(scope->number == run->scope);
    for (size_t i = 0; i < JOB_LOG_COUNT; i++) {
        struct content_object object = f->logs[i];
        if (object.size < 0)
            continue;
        struct blob blob = {.container = asset_artifact_container(arena, scope),
                            .meta =
                                STR("{\"contentType\":\"text/plain; charset=utf-8\",\"meta\":{}}")};
        blob.name = arena_printf(arena, "%.*s/%.*s", STR_ARG(asset_run_prefix(arena, run->run_id)),
                                 STR_ARG(JOB_LOGS[i]));
        if (content_keep(txn, &object, err) < 0)
            return -1;
        blob.object = object.object;
        if (blob_put(txn, &blob, false, err) < 0)
            return -1;
    }
    return 0;
}

/* A job that is about to have ended. */
struct ended {
    const struct run *run;
    const struct scope *scope;
    struct maker maker; /* who sent it: its outputs are his */
};

/* Only the reference is registered: the bytes are where the job has written them. */
static int register_output(struct store_txn *txn, const struct ended *ended,
                           const struct json *output, struct error *err)
{
    struct arena *arena = store_arena(txn);
    const struct run *run = ended->run;
    struct str type = json_str_at(output, "type");
    bool model = str_ends(type, STR("_model"));
    struct json *properties = json_object(arena);
    struct asset_new fresh = {.scope = ended->scope,
                              .type = model ? STR("models") : STR("data"),
                              .name = json_str_at(output, "assetName"),
                              .version = json_str_at(output, "assetVersion"),
                              .properties = properties,
                              .actor = run->user,
                              .maker = ended->maker};
    struct asset made;

    assert(json_str_at(output, "assetName").len);
    json_set_str(arena, properties, model ? "modelUri" : "dataUri", json_str_at(output, "uri"));
    json_set_str(arena, properties, model ? "modelType" : "dataType", type);
    if (model)
        json_set(arena, properties, STR("flavors"), json_object(arena));
    json_set_str(arena, properties, "jobName", run->run_id);
    if (asset_register(txn, &fresh, &made, err) < 0)
        return -1;
    struct asset_edge edge = {.scope = run->scope,
                              .from_kind = STR("job"),
                              .from_id = run->run_id,
                              .role = STR("output"),
                              .to_kind = model ? STR("models/versions") : STR("data/versions"),
                              .to_id = made.id};
    return asset_link(txn, &edge, err);
}

/* In the transaction of the end: a job that is shown as completed has its outputs registered. */
static int register_outputs(struct store_txn *txn, const struct run *run, const struct scope *scope,
                            struct error *err)
{
    struct job_stored stored;

    assert(scope->number == run->scope);
    if (step_read(txn, run, &stored, err) < 0)
        return -1;
    const struct ended ended = {run, scope, stored.maker};
    struct json_iter it = json_iter(json_at(stored.resolved, "outputs"));
    while (json_next(&it)) {
        if (json_str_at(it.value, "assetName").len &&
            register_output(txn, &ended, it.value, err) < 0)
            return -1;
    }
    return 0;
}

/* The final state and the sentence that people read. */
static struct job_move outcome(const struct run *run, const struct attempt *attempt,
                               const struct job_exit *end)
{
    struct job_move move = {.event = JOB_FAILED, .reason = end->reason, .actor = STR("runner")};

    assert(end->kind.len);
    move.attempt = attempt->number;
    if (str_eq(end->kind, STR("exit")) && end->code == 0) {
        move.event = JOB_COMPLETED;
    } else if (str_eq(end->kind, STR("timeout")) || str_eq(end->kind, STR("canceled"))) {
        move.event = JOB_CANCELED;
    } else if (run->status == RUN_CANCEL_REQUESTED) {
        move.event = JOB_CANCELED; /* it died of being asked to stop, in whatever way */
    }
    return move;
}

/* Whether trying again would give the same answer; trouble of the store is another matter, and the
 * job is finished once that has passed. */
static bool is_refusal(enum error_code code)
{
    static const enum error_code FINAL[] = {ERROR_INVALID,   ERROR_USER,        ERROR_FORBIDDEN,
                                            ERROR_NOT_FOUND, ERROR_EXISTS,      ERROR_CONFLICT,
                                            ERROR_TOO_LARGE, ERROR_PRECONDITION};

    for (size_t i = 0; i < COUNT(FINAL); i++)
        if (code == FINAL[i])
            return true;
    return false;
}

/* Once for each attempt: a second end, from the runner or from watching it, changes nothing. */
static int finish_apply(struct store_txn *txn, struct run *run, struct attempt *attempt,
                        void *context, struct error *err)
{
    struct finishing *f = context;
    struct scope scope;

    assert(f->end);
    if (attempt->state == ATTEMPT_ENDED)
        return 0;
    struct job_move move = outcome(run, attempt, f->end);
    if (scope_by_number(txn, run->scope, &scope, err) < 0 ||
        keep_logs(txn, f, run, &scope, err) < 0)
        return -1;
    if (move.event == JOB_COMPLETED && register_outputs(txn, run, &scope, err) < 0) {
        /* What it computed stays; only the asset could not be made. */
        if (!is_refusal(err->code))
            return -1;
        move.event = JOB_FAILED;
        move.reason =
            arena_printf(store_arena(txn), "Its output could not be registered: %s", err->message);
    }
    attempt->state = ATTEMPT_ENDED;
    attempt->ended_us = clock_now_us();
    attempt->exit_kind = f->end->kind;
    attempt->exit_code = f->end->code;
    attempt->reason = move.reason;
    if (attempt_update(txn, attempt, err) < 0)
        return -1;
    return job_state_move(txn, run, &move, err) < 0 ? -1 : 0;
}

/* The logs are dropped from the open ones only after the commit that names their objects. */
int finish_attempt(struct jobs *jobs, int64_t run, int number, const struct job_exit *end,
                   struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    struct finishing finishing = {.jobs = jobs, .end = end};
    struct job_step step = {jobs, run, number, finish_apply, &finishing};

    assert(number > 0);
    if (seal_logs(&finishing, arena, run, number, err) < 0)
        return -1;
    failpoint("job.finish");
    if (step_write(&step, err) < 0)
        return -1;
    for (size_t i = 0; i < JOB_LOG_COUNT; i++)
        if (finishing.logs[i].size >= 0)
            content_log_drop(jobs->options.content,
                             finish_log_key(arena, run, number, JOB_LOGS[i]));
    LOG(LOG_INFO, "job.ended", LOG_INT("run", run), LOG_STR("kind", end->kind),
        LOG_INT("code", end->code));
    jobs_wake(jobs);
    return 0;
}
