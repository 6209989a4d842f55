/* "Why does my job wait, or why did it fail": the timeline from the events, what it waits for as
 * the scheduler itself sees it, and what a person can do next. */
#include "job/queue.h"
#include "job/step.h"

#include <assert.h>
#include <stdio.h>

/* One phase of the timeline: a state from its event to the next. */
static void add_phase(struct arena *arena, struct json *timeline, int64_t at_us,
                      const struct json *body)
{
    struct json *phase = json_object(arena);
    size_t count = json_count(timeline);
    char last[32];

    if (count > 0) {
        snprintf(last, sizeof(last), "[%zu]", count - 1);
        json_set_int(arena, json_at(timeline, last), "endedUs", at_us);
    }
    json_set_str(arena, phase, "phase", json_str_at(body, "status"));
    json_set_int(arena, phase, "startedUs", at_us);
    json_set_str(arena, phase, "cause", json_str_at(body, "reason"));
    json_append(arena, timeline, phase);
}

/* What the store remembers of it; the limit is far above what one job makes. */
static int read_timeline(struct store_txn *txn, const struct run *run, struct json *timeline,
                         struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct sql *q = sql(txn,
                        "SELECT at_us, body FROM event WHERE subject_kind = 'job' AND subject = ?"
                        " AND scope = ? ORDER BY seq LIMIT 1000",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, run->run_id);
    sql_bind_int(q, 2, run->scope);
    while (sql_step(q) > 0) {
        struct json *body = json_parse(arena, sql_text(q, 1), NULL);
        if (body)
            add_phase(arena, timeline, sql_int(q, 0), body);
    }
    return sql_end(q, err);
}

/* What the scheduler would say now of a job that waits. */
static struct str waiting_for(struct jobs *jobs, struct store_txn *txn, const struct run *run)
{
    struct queue queue;

    if (queue_read(jobs, txn, run->scope, &queue, NULL) < 0)
        return run->reason;
    struct place_decision *decisions = place_decide(store_arena(txn), &queue.input);
    for (size_t i = 0; i < queue.input.job_count; i++)
        if (queue.runs[i] == run->run)
            return decisions[i].reason;
    return run->reason;
}

/* The likely fix, by how it ended. */
static struct str next_step(struct store_txn *txn, const struct run *run)
{
    static const struct {
        struct str kind, next;
    } STEPS[] = {
        {STR_INIT("memory"),
         STR_INIT("Give it less data at a time, or a machine with more memory.")},
        {STR_INIT("timeout"), STR_INIT("Raise limits.timeout, or make the job shorter.")},
        {STR_INIT("notFound"),
         STR_INIT("Check the command's spelling and that the environment has it.")},
        {STR_INIT("prepare"),
         STR_INIT("Read the system logs: lazurite job stream --logs system -n ")},
        {STR_INIT("signal"), STR_INIT("Something sent it a signal; read the end of its log.")},
        {STR_INIT("exit"), STR_INIT("Read the end of its log: lazurite job stream -n ")},
        {STR_INIT("lost"), STR_INIT("Submit it again.")},
    };
    struct attempt attempt;

    if (run->status == RUN_QUEUED)
        return STR("Wait, cancel a job before it, or choose a compute with more nodes.");
    if (run->status != RUN_FAILED && run->status != RUN_CANCELED)
        return (struct str){0};
    if (attempt_last(txn, run->run, &attempt, NULL) < 0)
        return (struct str){0};
    for (size_t i = 0; i < COUNT(STEPS); i++) {
        if (!str_eq(attempt.exit_kind, STEPS[i].kind))
            continue;
        if (!str_ends(STEPS[i].next, STR(" ")))
            return STEPS[i].next;
        /* The command ends with the job it is about. */
        return arena_printf(store_arena(txn), "%.*s%.*s", STR_ARG(STEPS[i].next),
                            STR_ARG(run->run_id));
    }
    return (struct str){0};
}

int job_why(struct jobs *jobs, struct store_txn *txn, const struct run *run, struct json *out,
            struct error *err)
{
    struct arena *arena = store_arena(txn);
    struct json *timeline = json_array(arena);
    struct attempt attempt;

    assert(json_kind(out) == JSON_OBJECT);
    if (read_timeline(txn, run, timeline, err) < 0)
        return -1;
    json_set_str(arena, out, "name", run->run_id);
    json_set_str(arena, out, "status", str_from(run_status_name(run->status)));
    json_set_str(arena, out, "reason",
                 run->status == RUN_QUEUED ? waiting_for(jobs, txn, run) : run->reason);
    json_set_str(arena, out, "next", next_step(txn, run));
    json_set(arena, out, STR("timeline"), timeline);
    if (attempt_last(txn, run->run, &attempt, NULL) == 0) {
        struct json *last = json_object(arena);
        json_set_int(arena, last, "number", attempt.number);
        json_set_str(arena, last, "compute", attempt.compute);
        if (attempt.state == ATTEMPT_ENDED) {
            json_set_str(arena, last, "exitKind", attempt.exit_kind);
            json_set_int(arena, last, "exitCode", attempt.exit_code);
        }
        json_set(arena, out, STR("attempt"), last);
    }
    return 0;
}
