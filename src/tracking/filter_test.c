#include "base/test.h"
#include "tracking/filter.h"

#include <math.h>

static struct arena *fresh(void)
{
    return arena_new(MIB);
}

static struct filter parse(struct arena *arena, const char *text)
{
    struct filter filter = {0};
    struct error err = {0};

    CHECK_OK(filter_parse(arena, &filter_runs, str_from(text), &filter, &err), &err);
    return filter;
}

static void refused(const struct filter_grammar *grammar, const char *text, const char *sentence)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct filter filter;
    struct error err = {0};

    CHECK_ERROR(ERROR_INVALID, filter_parse(arena, grammar, str_from(text), &filter, &err), &err);
    if (!str_starts(str_from(err.message), str_from(sentence)))
        CHECK_STR(sentence, str_from(err.message));
}

TEST(nothing_filters_nothing)
{
    CLEANUP(arena_free) struct arena *arena = fresh();

    CHECK_INT(0, parse(arena, "").count);
    CHECK_INT(0, parse(arena, "  \n").count);
}

TEST(clauses_are_joined_by_and)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct filter filter =
        parse(arena, "metrics.m3 > 0.5 and params.lr = '0.1' AND tags.`a b` LIKE \"x%\"");

    CHECK_INT(3, filter.count);
    CHECK_INT(FILTER_METRIC, filter.clauses[0].entity);
    CHECK_STR("m3", filter.clauses[0].key);
    CHECK_INT(FILTER_GT, filter.clauses[0].op);
    CHECK(filter.clauses[0].number == 0.5);
    CHECK_INT(FILTER_PARAM, filter.clauses[1].entity);
    CHECK_STR("0.1", filter.clauses[1].text);
    CHECK_STR("a b", filter.clauses[2].key);
    CHECK_INT(FILTER_LIKE, filter.clauses[2].op);
}

TEST(spellings_of_entities_and_attributes_meet)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    const char *const texts[] = {"run_id = 'x'", "attribute.run_id = 'x'", "attr.run_id='x'",
                                 "run.run_id = 'x'", "attributes.`run_id` = \"x\""};

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct filter filter = parse(arena, texts[i]);
        CHECK_INT(1, filter.count);
        CHECK_INT(FIELD_RUN_ID, filter.clauses[0].field);
        CHECK_STR("x", filter.clauses[0].text);
    }
    CHECK_INT(FIELD_NAME, parse(arena, "attributes.`Run name` = 'x'").clauses[0].field);
    CHECK_INT(FIELD_START, parse(arena, "created > 5").clauses[0].field);
}

TEST(keys_may_hold_dots_slashes_and_dashes)
{
    CLEANUP(arena_free) struct arena *arena = fresh();

    CHECK_STR("mlflow.source.git-commit/x",
              parse(arena, "tags.mlflow.source.git-commit/x = 'a'").clauses[0].key);
    CHECK_STR("a=b and c", parse(arena, "params.\"a=b and c\" = 'a'").clauses[0].key);
}

TEST(numbers_have_signs_fractions_and_exponents)
{
    CLEANUP(arena_free) struct arena *arena = fresh();

    CHECK(parse(arena, "metrics.a>=-1.5e-3").clauses[0].number == -1.5e-3);
    CHECK(parse(arena, "metrics.a != 7").clauses[0].number == 7);
}

TEST(lists_and_null_are_read)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct filter filter =
        parse(arena, "run_id NOT IN ('a','b' , 'c') and tags.x IS NOT NULL and params.y is null");

    CHECK_INT(FILTER_NOT_IN, filter.clauses[0].op);
    CHECK_INT(3, filter.clauses[0].list_count);
    CHECK_STR("b", filter.clauses[0].list[1]);
    CHECK_INT(FILTER_IS_NOT_NULL, filter.clauses[1].op);
    CHECK_INT(FILTER_IS_NULL, filter.clauses[2].op);
}

TEST(what_is_not_understood_is_said)
{
    refused(&filter_runs, "metrics.a > 1 or metrics.b > 1",
            "Invalid clause(s) in filter string: 'or'");
    refused(&filter_runs, "metrics.a >", "Invalid comparison clause. Expected 3 tokens found 2");
    refused(&filter_runs, "metrics.a", "Invalid comparison clause. Expected 3 tokens found 1");
    refused(&filter_runs, "metrics.a > '1'", "Expected numeric value type for metric. Found '1'");
    refused(&filter_runs, "params.a = 1",
            "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1");
    refused(&filter_runs, "tags.a = 1",
            "Expected a quoted string value for tag (e.g. 'my-value'). Got value 1");
    refused(&filter_runs, "attribute.x = '1'",
            "Invalid attribute key 'x' specified. Valid keys are '{'run_id', 'run_name'");
    refused(&filter_runs, "foo.x = '1'",
            "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', "
            "'attribute', 'dataset']");
    refused(&filter_runs, "metrics.a LIKE 'x'", "Invalid comparator 'LIKE' not one of ");
    refused(&filter_runs, "params.a < 'x'", "Invalid comparator '<' not one of ");
    refused(&filter_runs, "status IN ('x')",
            "Only ['run_id'] attributes support comparison with a list of quoted string values.");
    refused(&filter_runs, "metrics.a IS NULL", "IS NULL / IS NOT NULL is only supported for tags");
    refused(&filter_runs, "(metrics.a > 1)", "Invalid clause(s) in filter string: '('");
    refused(&filter_runs, "params.a = 'x", "Expected a quoted string value for parameter");
    refused(&filter_runs, "params.a = '", "Expected a quoted string value for parameter");
    refused(&filter_experiments, "metrics.a > 1", "Invalid entity type 'metrics'.");
    refused(&filter_logged_models, "metric.a > 1", "Invalid entity type 'metric'.");
    refused(&filter_runs, "dataset.kind = 'x'", "Invalid dataset key 'kind' specified.");
}

TEST(values_match_as_the_operators_say)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct filter f =
        parse(arena, "metrics.a > 1 and metrics.a != 1 and params.p != 'x' and tags.t ILIKE 'AB%'"
                     " and tags.t is null and run_id in ('r1','r2')");
    struct filter_value two = {true, 2, {0}}, nan = {true, NAN, {0}}, none = {0};

    CHECK(filter_match(&f.clauses[0], &two) && !filter_match(&f.clauses[0], &nan));
    CHECK(filter_match(&f.clauses[1], &two) && filter_match(&f.clauses[1], &nan));
    CHECK(!filter_match(&f.clauses[1], &none));
    CHECK(filter_match(&f.clauses[2], &(struct filter_value){true, 0, STR("y")}));
    CHECK(!filter_match(&f.clauses[2], &none));
    CHECK(filter_match(&f.clauses[3], &(struct filter_value){true, 0, STR("abc")}));
    CHECK(filter_match(&f.clauses[4], &none));
    CHECK(!filter_match(&f.clauses[4], &two));
    CHECK(filter_match(&f.clauses[5], &(struct filter_value){true, 0, STR("r2")}));
    CHECK(!filter_match(&f.clauses[5], &(struct filter_value){true, 0, STR("r3")}));
}

TEST(orders_put_nan_and_missing_last_both_ways)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct filter_value one = {true, 1, {0}}, two = {true, 2, {0}}, nan = {true, NAN, {0}},
                        none = {0};
    struct order_clause up, down;
    struct error err = {0};

    CHECK_OK(order_parse(arena, &filter_runs, STR("metrics.`a b`"), &up, &err), &err);
    CHECK_OK(order_parse(arena, &filter_runs, STR("metric.a desc"), &down, &err), &err);
    CHECK_STR("a b", up.key);
    CHECK(!up.descending && down.descending);
    CHECK(order_compare(&up, &one, &two) < 0 && order_compare(&down, &one, &two) > 0);
    CHECK(order_compare(&up, &two, &nan) < 0 && order_compare(&down, &two, &nan) < 0);
    CHECK(order_compare(&up, &nan, &none) < 0 && order_compare(&down, &nan, &none) < 0);
    CHECK(order_compare(&up, &none, &none) == 0 && order_compare(&down, &one, &one) == 0);
}

TEST(orders_that_are_none_are_refused)
{
    CLEANUP(arena_free) struct arena *arena = fresh();
    struct order_clause order;
    struct error err = {0};
    const char *const texts[] = {"", "metrics.a DOWN", "metrics.a ASC x", "5",
                                 "metrics.a, metrics.b"};

    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK_ERROR(ERROR_INVALID,
                    order_parse(arena, &filter_runs, str_from(texts[i]), &order, &err), &err);
}
