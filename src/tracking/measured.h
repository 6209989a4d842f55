/* measured.h - what logged models were measured at, told apart by the data they were measured on
 *
 * A model's summary has an entry for each metric and source. Searches may ask for some datasets
 * alone; a metric then counts only where it was measured on one of them.
 */
#pragma once

#include "tracking/filter.h"
#include "tracking/metric.h"

/* A dataset by name; a digest of "" stands for all of that name. */
struct measured_on {
    struct str name, digest;
};

/* Which entries of a summary are meant. */
struct measured {
    struct store_txn *txn;
    const struct summary *summary;
    int64_t owner;                /* negative row of the model */
    const struct measured_on *on; /* any of these, or anything when there are none */
    size_t on_count;
};

/* Whether any value that was ever logged of a key fits the clause. */
int measured_match(const struct measured *measured, int64_t key, const struct filter_clause *clause,
                   bool *out, struct error *err);

/* The newest value of a key, by time and step, for sorting. */
int measured_latest(const struct measured *measured, int64_t key, struct filter_value *out,
                    struct error *err);

/* Whether there is any metric at all. */
int measured_any(const struct measured *measured, bool *out, struct error *err);
