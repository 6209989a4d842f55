#include "tracking/filter.h"

#include "tracking/like.h"

#include <assert.h>
#include <math.h>

/* The comparisons that an order of two values decides. */
static bool match_order(enum filter_op op, int order)
{
    switch (op) {
    case FILTER_EQ:
        return order == 0;
    case FILTER_NE:
        return order != 0;
    case FILTER_LT:
        return order < 0;
    case FILTER_LE:
        return order <= 0;
    case FILTER_GT:
        return order > 0;
    default:
        assert(op == FILTER_GE);
        return order >= 0;
    }
}

/* IN and NOT IN compare whole texts. */
static bool match_list(const struct filter_clause *clause, struct str text)
{
    for (size_t i = 0; i < clause->list_count; i++)
        if (str_eq(clause->list[i], text))
            return true;
    return false;
}

/* What is missing fits nothing but IS NULL, not even !=, as in MLflow's SQL. */
bool filter_match(const struct filter_clause *clause, const struct filter_value *value)
{
    if (clause->op == FILTER_IS_NULL || clause->op == FILTER_IS_NOT_NULL)
        return value->present == (clause->op == FILTER_IS_NOT_NULL);
    if (!value->present)
        return false; /* what a thing lacks never matches, != included */
    if (clause->numeric) {
        if (isnan(value->number))
            return clause->op == FILTER_NE;
        return match_order(clause->op, value->number < clause->number   ? -1
                                       : value->number > clause->number ? 1
                                                                        : 0);
    }
    switch (clause->op) {
    case FILTER_LIKE:
    case FILTER_ILIKE:
        return like_match(clause->text, value->text, clause->op == FILTER_ILIKE);
    case FILTER_IN:
    case FILTER_NOT_IN:
        return match_list(clause, value->text) == (clause->op == FILTER_IN);
    default:
        return match_order(clause->op, str_cmp(value->text, clause->text));
    }
}
