#include "tracking/filter_token.h"

#include <assert.h>
#include <math.h>

/* MLflow's sentence. */
static int order_refuse(struct str text, struct error *err)
{
    return error_set(err, ERROR_INVALID, "order_by",
                     "Invalid order_by clause '%.*s'. Could not be parsed.", STR_ARG(text));
}

/* One name and perhaps a direction: "metrics.`val loss` DESC". */
int order_parse(struct arena *arena, const struct filter_grammar *grammar, struct str text,
                struct order_clause *out, struct error *err)
{
    struct str rest = text;
    struct filter_token first = filter_token(&rest);
    struct filter_token second = filter_token(&rest);
    struct filter_token end = filter_token(&rest);
    struct filter_name name;
    bool descending = false;

    if (first.kind != TOKEN_IDENTIFIER && first.kind != TOKEN_STRING)
        return order_refuse(text, err);
    if (second.kind != TOKEN_END) {
        descending = str_eq_fold(second.text, STR("DESC"));
        if ((!descending && !str_eq_fold(second.text, STR("ASC"))) || end.kind != TOKEN_END)
            return order_refuse(text, err);
    }
    if (filter_name(grammar, first.text, &name, err) < 0)
        return -1;
    if (name.entity == FILTER_DATASET || (name.attribute && name.attribute->no_order))
        return error_set(err, ERROR_INVALID, "order_by", "Invalid order_by entity: %.*s",
                         STR_ARG(first.text));
    *out = (struct order_clause){.entity = name.entity,
                                 .field = name.attribute ? name.attribute->id : 0,
                                 .key = arena_str(arena, name.key),
                                 .numeric = name.attribute ? name.attribute->number
                                                           : name.entity == FILTER_METRIC,
                                 .descending = descending};
    return 0;
}

/* 0 a value, 1 NaN, 2 missing. */
static int order_rank(const struct order_clause *clause, const struct filter_value *value)
{
    if (!value->present)
        return 2;
    return clause->numeric && isnan(value->number) ? 1 : 0;
}

/* Missing ones come last whatever the direction, and before them those that are NaN. */
int order_compare(const struct order_clause *clause, const struct filter_value *a,
                  const struct filter_value *b)
{
    int rank = order_rank(clause, a);
    int other = order_rank(clause, b);
    int order;

    assert(clause && a && b);
    if (rank != other || rank > 0)
        return rank - other;
    if (clause->numeric)
        order = (a->number > b->number) - (a->number < b->number);
    else
        order = str_cmp(a->text, b->text);
    return clause->descending ? -order : order;
}
