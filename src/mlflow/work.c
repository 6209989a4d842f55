/* What most handlers share: the write on the writer's thread, the run it concerns, pages and
 * orders. */
#include "mlflow/work.h"

#include "tracking/filter.h"

#include <assert.h>

#define WORK_ORDERS_MAX 20

/* Waits for the commit. */
int work_write(struct work *work, store_apply *change, struct error *err)
{
    assert(work->ask);
    return store_write(work->ask->mlflow->engines->store, change, work, err);
}

/* A snapshot; the caller ends it. */
struct store_txn *work_read(struct ask *ask, struct error *err)
{
    return store_read_begin(ask->mlflow->engines->store, err);
}

/* Active and the caller's to write; checked inside the write. */
int work_find_run(struct work *work, struct store_txn *txn, struct run *out, struct error *err)
{
    int64_t scope;
    struct run run;

    if (ask_scope_number(work->ask, txn, &scope, err) < 0 ||
        run_get(txn, scope, work->run_id, &run, err) < 0 ||
        ask_may_write(work->ask, txn, &run, err) < 0)
        return -1;
    if (run.deleted_us)
        return error_set(err, ERROR_INVALID, "run_id",
                         "The run %.*s must be in the 'active' state. Current state is deleted.",
                         STR_ARG(run.run_id));
    *out = run;
    return 0;
}

/* For the artifact addresses of its runs. */
int work_location(struct store_txn *txn, const struct run *run, struct str *out, struct error *err)
{
    struct experiment experiment;

    if (experiment_get(txn, run->scope, run->experiment, &experiment, err) < 0)
        return -1;
    *out = experiment.location;
    return 0;
}

/* The offset, and what the search was, so that it is not used for another. */
struct str work_token(struct arena *arena, size_t offset, uint64_t mark)
{
    return arena_printf(arena, "%zx.%llx", offset, (unsigned long long)mark);
}

/* One sentence for all that can be wrong with it. */
static int bad_token(struct error *err)
{
    return error_set(err, ERROR_INVALID, "page_token",
                     "Invalid page token, it was not given by this search.");
}

/* Small letters alone, as we write them. */
static bool hex_number(struct str text, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    *out = number;
    return text.len > 0 && text.len <= 16;
}

/* A billion is more than any search can hold. */
int work_offset(struct ask *ask, uint64_t mark, size_t *out, struct error *err)
{
    struct str token, head, tail;
    uint64_t offset, given;

    *out = 0;
    if (ask_text(ask, "page_token", ASK_OPTIONAL, &token, err) < 0)
        return -1;
    if (token.len == 0)
        return 0;
    if (!str_cut(token, '.', &head, &tail) || !hex_number(head, &offset) ||
        !hex_number(tail, &given) || given != mark || offset > 1000000000)
        return bad_token(err);
    *out = (size_t)offset;
    return 0;
}

/* 0 as the fallback: the field must be sent. */
int work_limit(struct ask *ask, int64_t fallback, int64_t max, size_t *out, struct error *err)
{
    int64_t limit = fallback;

    assert(max > 0 && fallback <= max);
    if (ask_int(ask, "max_results", fallback ? ASK_OPTIONAL : ASK_REQUIRED, &limit, err) < 0)
        return -1;
    if (limit < 1 || limit > max)
        return error_set(
            err, ERROR_INVALID, "max_results",
            "Invalid value %lld for parameter 'max_results' supplied:  Hint: Value was "
            "of type 'int'. It must be at least 1 and at most %lld. See the API docs "
            "for more information about request parameters.",
            (long long)limit, (long long)max);
    *out = (size_t)limit;
    return 0;
}

/* Whether two clauses order by the same thing. */
static bool same_field(const struct order_clause *a, const struct order_clause *b)
{
    return a->entity == b->entity && a->field == b->field && (a->field || str_eq(a->key, b->key));
}

/* A field twice is refused: MLflow does, and the second could not matter. */
int work_orders(struct ask *ask, const struct filter_grammar *grammar, struct work_orders *out,
                struct error *err)
{
    struct ask_texts texts;

    if (ask_texts(ask, "order_by", &texts, err) < 0)
        return -1;
    if (texts.count > WORK_ORDERS_MAX)
        return error_set(err, ERROR_INVALID, "order_by", "`order_by` has more than %d clauses.",
                         WORK_ORDERS_MAX);
    struct work_orders orders = {arena_new_array(ask->arena, struct order_clause, texts.count + 1),
                                 0};
    for (; orders.count < texts.count; orders.count++) {
        struct order_clause *clause = &orders.at[orders.count];
        if (order_parse(ask->arena, grammar, texts.at[orders.count], clause, err) < 0)
            return -1;
        for (size_t i = 0; i < orders.count; i++)
            if (same_field(clause, &orders.at[i]))
                return error_set(err, ERROR_INVALID, "order_by",
                                 "`order_by` contains duplicate fields: ['%.*s']",
                                 STR_ARG(clause->key));
    }
    *out = orders;
    return 0;
}
