/* event.h - what happened, in order; appended in the transaction of the change
 *
 * Everything that waits or follows reads this: the scheduler, streams, webhooks, lineage. A
 * follower's position moves in the transaction of its effect.
 */
#pragma once

#include "store/store.h"

struct event {
    int64_t seq; /* given by the store */
    int64_t at_us;
    int64_t scope;
    struct str type;         /* "job.submitted", "data.created", … */
    struct str subject_kind; /* "job", "data/versions", … */
    struct str subject;      /* its id within the scope */
    struct str actor;
    struct str correlation;
    struct str body; /* JSON object */
};

/* Appends; at_us 0 is now. Wakes store_on_event after the commit. */
int event_append(struct store_txn *txn, struct event *event, struct error *err);

/* Visits events with seq > after, in order, at most `limit`. -1 from each ends the walk. */
typedef int event_each(const struct event *event, void *context, struct error *err);
struct event_range {
    int64_t scope; /* 0: all */
    int64_t after;
    size_t limit;
};
int event_read(struct store_txn *txn, const struct event_range *range, event_each *each,
               void *context, struct error *err);

/* The newest number, 0 when there is none. */
int64_t event_last(struct store_txn *txn);

/* A follower's position; 0 when it never moved. */
int event_cursor(struct store_txn *txn, struct str follower, int64_t *out, struct error *err);
int event_cursor_set(struct store_txn *txn, struct str follower, int64_t seq, struct error *err);
