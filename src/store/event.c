/* The stream of what happened. Appending is part of the change it tells of; whoever follows reads
 * from a position of its own, which it moves in the transaction of its effect. */
#include "store/event.h"

#include "os/clock.h"
#include "store/store_private.h"

#include <assert.h>

/* The number is given by the insert; listeners hear of it after the commit. */
int event_append(struct store_txn *txn, struct event *event, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO event (at_us, scope, type, subject_kind, subject, actor,"
                        " correlation, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
                        err);

    if (!q)
        return -1;
    assert(event->type.len);
    if (!event->at_us)
        event->at_us = clock_now_us();
    sql_bind_int(q, 1, event->at_us);
    sql_bind_int(q, 2, event->scope);
    sql_bind_text(q, 3, event->type);
    sql_bind_text(q, 4, event->subject_kind);
    sql_bind_text(q, 5, event->subject);
    sql_bind_text(q, 6, event->actor);
    sql_bind_text(q, 7, event->correlation);
    sql_bind_text(q, 8, event->body);
    if (sql_step(q) > 0)
        event->seq = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    store_txn_appended(txn, event->seq);
    return 0;
}

#define COLUMNS "seq, at_us, scope, type, subject_kind, subject, actor, correlation, body"

/* All columns in the order of the one list of them: every query of events reads its rows by
 * this. */
static void event_read_row(struct sql *q, struct event *out)
{
    assert(sql_int(q, 0) > 0);
    *out = (struct event){
        .seq = sql_int(q, 0),
        .at_us = sql_int(q, 1),
        .scope = sql_int(q, 2),
        .type = sql_text(q, 3),
        .subject_kind = sql_text(q, 4),
        .subject = sql_text(q, 5),
        .actor = sql_text(q, 6),
        .correlation = sql_text(q, 7),
        .body = sql_text(q, 8),
    };
}

/* Rows are read before any is shown: a visitor may read events itself. */
#define PAGE 64

/* At most PAGE events after a number. */
static int event_page(struct store_txn *txn, const struct event_range *range, struct event *out,
                      size_t *out_count, struct error *err)
{
    struct sql *q =
        range->scope
            ? sql(txn,
                  "SELECT " COLUMNS " FROM event WHERE seq > ? AND scope = ? ORDER BY seq LIMIT ?",
                  err)
            : sql(txn, "SELECT " COLUMNS " FROM event WHERE seq > ? ORDER BY seq LIMIT ?", err);
    int at = 1;
    size_t count = 0;

    if (!q)
        return -1;
    sql_bind_int(q, at++, range->after);
    if (range->scope)
        sql_bind_int(q, at++, range->scope);
    sql_bind_int(q, at, (int64_t)range->limit);
    assert(range->limit <= PAGE);
    while (sql_step(q) > 0)
        event_read_row(q, &out[count++]);
    *out_count = count;
    return sql_end(q, err);
}

/* By position, a page at a time; the events of other scopes are passed over by the caller. */
int event_read(struct store_txn *txn, const struct event_range *range, event_each *each,
               void *context, struct error *err)
{
    struct event *page = arena_new_array(store_arena(txn), struct event, PAGE);
    struct event_range part = *range;
    size_t left = range->limit, count;

    assert(each && range->after >= 0);
    do {
        part.limit = left < PAGE ? left : PAGE;
        if (event_page(txn, &part, page, &count, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (each(&page[i], context, err) < 0)
                return -1;
        if (count)
            part.after = page[count - 1].seq;
        left -= count;
    } while (left && count == part.limit);
    return 0;
}

/* One number, or 0 when there is no row. */
static int event_number(struct sql *q, int64_t *out, struct error *err)
{
    int64_t number = sql_step(q) > 0 ? sql_int(q, 0) : 0;

    if (sql_end(q, err) < 0)
        return -1;
    *out = number;
    return 0;
}

/* 0 also when the database cannot be asked: nobody is misled into skipping something. */
int64_t event_last(struct store_txn *txn)
{
    struct sql *q = sql(txn, "SELECT seq FROM event ORDER BY seq DESC LIMIT 1", NULL);
    int64_t seq = 0;

    return q && event_number(q, &seq, NULL) == 0 ? seq : 0;
}

/* 0 for a follower that has never been here. */
int event_cursor(struct store_txn *txn, struct str follower, int64_t *out, struct error *err)
{
    struct sql *q = sql(txn, "SELECT position FROM cursor WHERE follower = ?", err);

    if (!q)
        return -1;
    assert(follower.len);
    sql_bind_text(q, 1, follower);
    return event_number(q, out, err);
}

/* In the transaction of the follower's effect: both happen or neither. */
int event_cursor_set(struct store_txn *txn, struct str follower, int64_t seq, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO cursor (follower, position) VALUES (?, ?)"
                        " ON CONFLICT (follower) DO UPDATE SET position = excluded.position",
                        err);

    if (!q)
        return -1;
    assert(follower.len && seq >= 0);
    sql_bind_text(q, 1, follower);
    sql_bind_int(q, 2, seq);
    return sql_run(q, err);
}
