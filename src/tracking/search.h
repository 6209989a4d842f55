/* search.h - finding runs and logged models by filters, in an order, page by page
 *
 * First light asks the tables run by run: rows, then params, tags and the packed summary of those
 * runs that the cheaper clauses let through. The columns in memory of tracking-store.md take the
 * place of search_value; nothing above it changes.
 */
#pragma once

#include "tracking/filter.h"
#include "tracking/logged_model.h"
#include "tracking/measured.h"
#include "tracking/run.h"

enum search_view { SEARCH_ACTIVE = 1, SEARCH_DELETED, SEARCH_ALL };

struct search {
    int64_t scope;
    const int64_t *experiments;
    size_t experiment_count;
    struct filter filter;
    const struct order_clause *orders;
    size_t order_count;
    enum search_view view; /* runs only */
    /* Logged models only: metrics count where they were measured on one of these … */
    const struct measured_on *datasets;
    size_t dataset_count;
    /* … and for sorting on this one, for each of the orders; a name of "" is any. NULL: any. */
    const struct measured_on *order_datasets;
    size_t offset;
    size_t limit;
};

/* The page; *out_more tells whether anything follows. Ties go by start, newest first, then by id.
 */
struct run_page {
    struct run *runs;
    size_t count;
    bool more;
};
int search_runs(struct tracking *tracking, struct store_txn *txn, const struct search *search,
                struct run_page *out, struct error *err);

/* The same for logged models; ties go by creation, newest first. */
struct logged_model_page {
    struct logged_model *models;
    size_t count;
    bool more;
};
int search_logged_models(struct tracking *tracking, struct store_txn *txn,
                         const struct search *search, struct logged_model_page *out,
                         struct error *err);
