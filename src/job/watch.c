/* Reports of runners, and looking after runners that report no more. Events carry numbers and are
 * taken once and in order, so that either side may be killed and repeat itself. */
#include "job/watch.h"

#include "base/log.h"
#include "content/content.h"
#include "job/finish.h"
#include "job/start.h"
#include "job/watcher.h"

#include <assert.h>
#include <stdio.h>

/* A runner's word and what it means to the state. */
struct watch_move {
    struct str name; /* as runners write it */
    enum job_event event;
};

/* "finished" is none: it ends the attempt and is taken last. */
static const struct watch_move MOVES[] = {
    {STR_INIT("preparing"), JOB_PREPARING},
    {STR_INIT("starting"), JOB_STARTING},
    {STR_INIT("started"), JOB_STARTED},
    {STR_INIT("ended"), JOB_ENDED},
};

/* A report in one write: what was new in it, and what the runner is answered. */
struct taking {
    const struct json *events;
    int64_t next;
    bool cancel;
    struct json *finished; /* the event that ends it, applied after the log is sealed */
};

/* A step inside a state: only the sentence changes («environment: building»). */
static int take_reason(struct store_txn *txn, struct run *run, struct str reason, struct error *err)
{
    assert(run->run > 0);
    if (reason.len == 0 || str_eq(reason, run->reason) || run_status_final(run->status))
        return 0;
    run->reason = reason;
    return run_update(txn, run, err);
}

/* A name that we do not know is a step inside a state: only its sentence is taken. */
static int take_event(struct store_txn *txn, struct run *run, const struct attempt *attempt,
                      const struct json *event, struct error *err)
{
    struct str name = json_str_at(event, "event");
    struct job_move move = {
        .reason = json_str_at(event, "reason"), .actor = STR("runner"), .attempt = attempt->number};

    assert(attempt->number > 0);
    for (size_t i = 0; i < COUNT(MOVES); i++) {
        if (!str_eq(name, MOVES[i].name))
            continue;
        move.event = MOVES[i].event;
        return job_state_move(txn, run, &move, err) < 0 ? -1 : 0;
    }
    return take_reason(txn, run, move.reason, err);
}

/* A report may be sent again, whole or in part, when its answer was lost: the number of each
 * event decides. A gap is answered with the number that is wanted. */
static int take_events(struct store_txn *txn, struct run *run, struct attempt *attempt,
                       void *context, struct error *err)
{
    struct taking *t = context;
    struct json_iter it = json_iter(t->events);

    assert(attempt->number > 0);
    t->finished = NULL;
    while (attempt->state != ATTEMPT_ENDED && json_next(&it)) {
        if (json_int_at(it.value, "seq", 0) != attempt->next_event)
            continue;
        if (str_eq(json_str_at(it.value, "event"), STR("finished"))) {
            t->finished = it.value; /* its number is taken by finish_attempt's commit */
            break;
        }
        if (take_event(txn, run, attempt, it.value, err) < 0)
            return -1;
        attempt->next_event++;
    }
    /* A repeat of what already ended the attempt is taken as seen. */
    t->next = attempt->state == ATTEMPT_ENDED ? INT64_MAX : attempt->next_event;
    t->cancel = run->status == RUN_CANCEL_REQUESTED;
    return attempt_update(txn, attempt, err);
}

/* What was seen before is passed over, and a gap is asked for again by `next`: so a runner may
 * repeat itself after a restart of either side. The end is taken last, since it closes the
 * attempt. */
int watch_events(struct jobs *jobs, const struct watch_report *report, struct watch_answer *out,
                 struct error *err)
{
    struct taking taking = {.events = report->events};
    struct job_step step = {jobs, report->run, report->number, take_events, &taking};

    assert(report->run > 0 && report->number > 0);
    if (json_kind(report->events) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "events", "An array of events is required.");
    if (step_write(&step, err) < 0)
        return -1;
    if (taking.finished) {
        struct job_exit end = finish_read(taking.finished);
        if (finish_attempt(jobs, report->run, report->number, &end, err) < 0)
            return -1;
        taking.next = INT64_MAX;
    }
    *out = (struct watch_answer){.next = taking.next, .cancel = taking.cancel};
    return 0;
}

/* "user_logs/…" and "system_logs/…" with plain names only. */
static bool is_log_name(struct str file)
{
    struct str folder, name;

    assert(file.ptr || !file.len);
    if (!str_cut(file, '/', &folder, &name) || name.len == 0 || name.len > 100 ||
        !(str_eq(folder, STR("user_logs")) || str_eq(folder, STR("system_logs"))))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '.' && i > 0);
        if (!plain)
            return false;
    }
    return true;
}

/* Asked with each report, so that a runner learns of it without being called. */
static int read_cancel(struct jobs *jobs, int64_t row, bool *out, struct error *err)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    struct run run;

    assert(out);
    if (!txn || run_by_row(txn, row, &run, err) < 0)
        return -1;
    *out = run.status == RUN_CANCEL_REQUESTED;
    return 0;
}

/* Not in a write: bytes go to a file, and a resend is cut at the offset. A gap is no error, the
 * answer says what is wanted. */
int watch_log(struct jobs *jobs, const struct watch_log *log, struct watch_answer *out,
              struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct watch_answer answer = {0};
    struct error gap = {0};

    assert(log->run > 0 && log->offset >= 0);
    if (!is_log_name(log->file))
        return error_set(err, ERROR_INVALID, "file", "This is not the name of a log.");
    struct str key = finish_log_key(arena, log->run, log->number, log->file);
    int taken = content_log_append(jobs->options.content, key, log->offset, log->bytes, &gap);
    if (taken < 0 && gap.code != ERROR_RANGE) {
        *err = gap;
        return -1;
    }
    if (taken > 0)
        watchers_tell_log(jobs->watchers, log->run);
    if (read_cancel(jobs, log->run, &answer.cancel, err) < 0)
        return -1;
    int64_t size = content_log_size(jobs->options.content, key);
    answer.next = size < 0 ? 0 : size;
    *out = answer;
    return 0;
}

/* Copied, so that the reader is given back before any of them is looked at. */
struct open_attempts {
    struct arena *arena;
    struct attempt *list;
    size_t count, room;
};

/* Copied, for the snapshot ends before the attempts are looked at: that may take a while. */
static int note_attempt(const struct attempt *attempt, void *context, struct error *)
{
    struct open_attempts *open = context;

    assert(open->count <= open->room);
    if (open->count == open->room) {
        size_t room = open->room ? open->room * 2 : 64;
        struct attempt *grown = arena_new_array(open->arena, struct attempt, room);
        for (size_t i = 0; i < open->count; i++)
            grown[i] = open->list[i];
        open->list = grown;
        open->room = room;
    }
    open->list[open->count] = *attempt;
    open->list[open->count++].compute = arena_str(open->arena, attempt->compute);
    return 0;
}

/* Its runner is gone: either it left how it ended, or nothing is known. */
static int close_attempt(struct jobs *jobs, struct arena *arena, const struct attempt *attempt,
                         struct error *err)
{
    struct compute_start folder = step_folder(jobs, arena, attempt->run, attempt->number);
    struct job_exit end = {.kind = STR("lost")};
    struct json *exit = NULL;
    struct error unread = {0};

    assert(attempt->number > 0);
    if (compute_read_exit(arena, &folder, &exit, &unread) > 0) {
        end = finish_read(exit);
    } else if (unread.code == ERROR_UNAVAILABLE) { /* of the host; the file may well be there */
        *err = unread;
        return -1;
    } else {
        jobs->backend->stop(&folder, &attempt->runner, true, NULL);
        end.reason = STR("The process that supervises the job was killed or the machine restarted; "
                         "what it had started was ended with it. Submit the job again.");
    }
    LOG(LOG_WARN, "job.runner_gone", LOG_STR("attempt", folder.attempt), LOG_STR("kind", end.kind));
    return finish_attempt(jobs, attempt->run, attempt->number, &end, err);
}

/* Recorded and never seen to start: it is started again on the same folder, and what runs there
 * already is found. Gone without a word: its exit file decides, or that there is none. */
static int look_at(struct jobs *jobs, const struct attempt *attempt, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    assert(attempt->state != ATTEMPT_ENDED);
    if (attempt->state == ATTEMPT_RECORDED)
        return start_again(jobs, attempt, err);
    if (jobs->backend->alive(&attempt->runner))
        return 0;
    return close_attempt(jobs, arena, attempt, err);
}

/* How many are open, by which the thread chooses how soon to look again. */
int watch_runners(struct jobs *jobs, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(jobs->options.store, err);
    struct open_attempts open = {.arena = arena};

    assert(jobs->backend);
    if (!txn || attempt_open_each(txn, note_attempt, &open, err) < 0)
        return -1;
    store_read_end(&txn);
    for (size_t i = 0; i < open.count; i++) {
        struct error why = {0};
        if (look_at(jobs, &open.list[i], &why) < 0)
            log_error("job.watch", &why); /* the others are looked at all the same */
    }
    return (int)open.count;
}
