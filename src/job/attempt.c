/* Rows of table `attempt`: one for each time a job was put on a node. The row is written before its
 * runner is started, so that a crash between the two is seen: recorded, and never heard of. */
#include "job/attempt.h"

#include "base/json.h"
#include "os/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                 \
    "run, attempt, token, state, compute, runner, started_us, ended_us, exit_kind, exit_code, " \
    "reason"

/* The folder's name beneath runs/, and what a runner calls itself by. */
struct str attempt_name(struct arena *arena, int64_t run, int number)
{
    assert(run > 0 && number > 0);
    return arena_printf(arena, "%lld-%d", (long long)run, number);
}

/* The name comes back from runners by the wire, so that nothing but our own form may pass. */
bool attempt_parse(struct str name, int64_t *out_run, int *out_number)
{
    struct str run, number;
    int64_t row, count;

    assert(out_run && out_number);
    if (!str_cut(name, '-', &run, &number) || !str_to_int64(run, &row) ||
        !str_to_int64(number, &count) || row < 1 || count < 1 || count > 1000000)
        return false;
    *out_run = row;
    *out_number = (int)count;
    return true;
}

/* The runner's identity as text, "" while there is none. */
static struct str runner_text(struct arena *arena, const struct process_id *runner)
{
    struct json *object = json_object(arena);

    assert(runner->pid >= 0);
    if (runner->pid == 0)
        return (struct str){0};
    json_set_int(arena, object, "pid", runner->pid);
    json_set_int(arena, object, "startTime", (int64_t)runner->start_time);
    json_set_str(arena, object, "bootId", str_from(runner->boot_id));
    return json_write(arena, object);
}

/* What cannot be read is a runner that is not there: the attempt is then looked at by its
 * folder. */
static void runner_read(struct arena *arena, struct str text, struct process_id *out)
{
    struct json *object = text.len ? json_parse(arena, text, NULL) : NULL;

    assert(out);
    *out = (struct process_id){.pid = (pid_t)json_int_at(object, "pid", 0),
                               .start_time = (uint64_t)json_int_at(object, "startTime", 0)};
    snprintf(out->boot_id, sizeof(out->boot_id), "%.*s", STR_ARG(json_str_at(object, "bootId")));
}

/* Column `token` holds the number of the next event wanted; see take_events. */
static void attempt_fill(struct store_txn *txn, struct sql *q, struct attempt *out)
{
    assert(sql_int(q, 1) > 0);
    *out = (struct attempt){.run = sql_int(q, 0),
                            .number = (int)sql_int(q, 1),
                            .next_event = sql_int(q, 2),
                            .state = (enum attempt_state)sql_int(q, 3),
                            .compute = sql_text(q, 4),
                            .started_us = sql_int(q, 6),
                            .ended_us = sql_int(q, 7),
                            .exit_kind = sql_text(q, 8),
                            .exit_code = sql_int(q, 9),
                            .reason = sql_text(q, 10)};
    runner_read(store_arena(txn), sql_text(q, 5), &out->runner);
}

/* A number names one attempt of a run for ever: a retry gets the next. */
int attempt_get(struct store_txn *txn, int64_t run, int number, struct attempt *out,
                struct error *err)
{
    struct sql *q = sql(txn, "SELECT " COLUMNS " FROM attempt WHERE run = ? AND attempt = ?", err);

    assert(run > 0 && number > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    sql_bind_int(q, 2, number);
    int found = sql_step(q);
    if (found > 0)
        attempt_fill(txn, q, out);
    if (sql_end(q, err) < 0)
        return -1;
    return found > 0 ? 0 : error_set(err, ERROR_NOT_FOUND, "", "There is no such attempt.");
}

/* The only one that can still be open: a run has one at a time. */
int attempt_last(struct store_txn *txn, int64_t run, struct attempt *out, struct error *err)
{
    struct sql *q = sql(
        txn, "SELECT " COLUMNS " FROM attempt WHERE run = ? ORDER BY attempt DESC LIMIT 1", err);

    assert(run > 0);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run);
    int found = sql_step(q);
    if (found > 0)
        attempt_fill(txn, q, out);
    if (sql_end(q, err) < 0)
        return -1;
    return found > 0 ? 0 : error_set(err, ERROR_NOT_FOUND, "", "It was never started.");
}

/* Numbers of a run's attempts count from 1 without a hole; *attempt is filled in. */
int attempt_insert(struct store_txn *txn, struct attempt *attempt, struct error *err)
{
    struct attempt last = {0};
    struct error absent = {0};
    struct sql *q;

    assert(attempt->run > 0);
    if (attempt_last(txn, attempt->run, &last, &absent) < 0 && absent.code != ERROR_NOT_FOUND) {
        if (err)
            *err = absent;
        return -1;
    }
    attempt->number = last.number + 1;
    attempt->state = ATTEMPT_RECORDED;
    attempt->next_event = 1;
    attempt->started_us = clock_now_us();
    q = sql(txn,
            "INSERT INTO attempt (run, attempt, token, state, compute, started_us)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, attempt->run);
    sql_bind_int(q, 2, attempt->number);
    sql_bind_int(q, 3, attempt->next_event);
    sql_bind_int(q, 4, attempt->state);
    sql_bind_text(q, 5, attempt->compute);
    sql_bind_int(q, 6, attempt->started_us);
    return sql_run(q, err);
}

/* Everything but run and number may have changed, so all of it is written. */
int attempt_update(struct store_txn *txn, const struct attempt *attempt, struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE attempt SET token = ?, state = ?, compute = ?, runner = ?,"
                        " ended_us = ?, exit_kind = ?, exit_code = ?, reason = ?"
                        " WHERE run = ? AND attempt = ?",
                        err);
    if (!q)
        return -1;
    assert(attempt->number > 0);
    sql_bind_int(q, 1, attempt->next_event);
    sql_bind_int(q, 2, attempt->state);
    sql_bind_text(q, 3, attempt->compute);
    sql_bind_text_or_null(q, 4, runner_text(store_arena(txn), &attempt->runner));
    if (attempt->ended_us)
        sql_bind_int(q, 5, attempt->ended_us);
    else
        sql_bind_null(q, 5);
    sql_bind_text_or_null(q, 6, attempt->exit_kind);
    sql_bind_int(q, 7, attempt->exit_code);
    sql_bind_text_or_null(q, 8, attempt->reason);
    sql_bind_int(q, 9, attempt->run);
    sql_bind_int(q, 10, attempt->number);
    return sql_run(q, err);
}

/* States below 3 are the open ones (attempt.h). `each` may not look at the same statement again.
 */
int attempt_open_each(struct store_txn *txn, attempt_each *each, void *context, struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT " COLUMNS " FROM attempt WHERE state < 3 ORDER BY run, attempt", err);
    struct attempt attempt;
    int result = 0;

    assert(each);
    if (!q)
        return -1;
    while (result == 0 && sql_step(q) > 0) {
        attempt_fill(txn, q, &attempt);
        result = each(&attempt, context, err);
    }
    return sql_end(q, result < 0 ? NULL : err) < 0 || result < 0 ? -1 : 0;
}
