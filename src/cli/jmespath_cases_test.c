/* JMESPath by cases: the corners of the grammar, of projections and of every function. */
#include "base/test.h"
#include "cli/jmespath.h"

#include <stdio.h>
#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

struct query_case {
    const char *expression, *expected;
};

/* Each case on one document; what differs is told with its expression. */
static void all_give(const char *document, const struct query_case *cases, size_t count)
{
    ARENA;
    struct error err = {0};
    struct json *data = json_parse(arena, str_from(document), &err), *found;

    CHECK(data != NULL);
    for (size_t i = 0; i < count; i++) {
        struct jmespath *query;
        if (jmespath_parse(arena, str_from(cases[i].expression), &query, &err) < 0)
            fprintf(stderr, "%s: %s\n", cases[i].expression, err.message);
        CHECK_OK(jmespath_parse(arena, str_from(cases[i].expression), &query, &err), &err);
        CHECK_OK(jmespath_search(arena, query, data, &found, &err), &err);
        struct str text = json_write(arena, found);
        if (!str_eq(text, str_from(cases[i].expected)))
            fprintf(stderr, "%s gives %.*s\n", cases[i].expression, STR_ARG(text));
        CHECK_STR(cases[i].expected, text);
    }
}

#define GIVE(document, ...)                                     \
    do {                                                        \
        static const struct query_case CASES[] = {__VA_ARGS__}; \
        all_give(document, CASES, COUNT(CASES));                \
    } while (0)

static const char JOBS[] =
    "{\"jobs\":[{\"name\":\"a\",\"state\":\"Completed\",\"tags\":{\"k\":\"v\"},\"n\":3,\"steps\":"
    "[{\"t\":1},{\"t\":2}]},{\"name\":\"b\",\"state\":\"Failed\",\"tags\":{},\"n\":1,\"steps\":[]},"
    "{\"name\":\"c\",\"state\":\"Completed\",\"n\":2,\"steps\":[{\"t\":3}]}],"
    "\"odd key\":{\"x-y\":1},\"empty\":[],\"nothing\":null,\"text\":\"h\xC3\xA9llo\"}";

TEST(fields_lead_through_objects_and_give_null_elsewhere)
{
    GIVE(JOBS, {"jobs[0].name", "\"a\""}, {"jobs[0].tags.k", "\"v\""}, {"nope", "null"},
         {"nope.more.still", "null"}, {"jobs.name", "null"}, {"jobs[0].name.x", "null"},
         {"\"odd key\".\"x-y\"", "1"}, {"jobs[3]", "null"}, {"jobs[-1].name", "\"c\""},
         {"jobs[-4]", "null"}, {"text[0]", "null"}, {"@.text", "\"h\xC3\xA9llo\""},
         {"nothing.x", "null"}, {"jobs[0].\"name\"", "\"a\""});
}

TEST(slices_take_any_bounds_and_steps)
{
    GIVE("[0,1,2,3,4]", {"[:2]", "[0,1]"}, {"[2:]", "[2,3,4]"}, {"[-2:]", "[3,4]"},
         {"[::2]", "[0,2,4]"}, {"[::-1]", "[4,3,2,1,0]"}, {"[3:1:-1]", "[3,2]"}, {"[10:]", "[]"},
         {"[:-10]", "[]"}, {"[-10:2]", "[0,1]"}, {"[1:3][0]", "[]"}, {"[1:3] | [0]", "1"},
         {"[:]", "[0,1,2,3,4]"}, {"[4:0:-2]", "[4,2]"});
}

TEST(projections_drop_nulls_and_stop_at_pipes)
{
    GIVE(JOBS, {"jobs[].name", "[\"a\",\"b\",\"c\"]"}, {"jobs[*].tags.k", "[\"v\"]"},
         {"jobs[].steps[].t", "[1,2,3]"}, {"jobs[*].steps[*].t", "[[1,2],[],[3]]"},
         {"jobs[*].steps[]", "[{\"t\":1},{\"t\":2},{\"t\":3}]"},
         {"jobs[*].steps | [0]", "[{\"t\":1},{\"t\":2}]"}, {"jobs[].name | [0]", "\"a\""},
         {"jobs[].name[0]", "[]"}, {"empty[].x", "[]"}, {"nothing[]", "null"},
         {"jobs[0].tags.*", "[\"v\"]"}, {"\"odd key\".*", "[1]"}, {"jobs[*].nope", "[]"},
         {"text.*", "null"}, {"jobs[].steps[-1].t", "[2,3]"}, {"[jobs[0].n, jobs[1].n]", "[3,1]"});
}

TEST(filters_compare_as_the_standard_does)
{
    GIVE(JOBS, {"jobs[?state=='Completed'].name", "[\"a\",\"c\"]"},
         {"jobs[?n>`1`].name", "[\"a\",\"c\"]"}, {"jobs[?n>=`1` && n<`3`].name", "[\"b\",\"c\"]"},
         {"jobs[?n==`1` || n==`2`].name", "[\"b\",\"c\"]"}, {"jobs[?!steps].name", "[\"b\"]"},
         {"jobs[?tags].name", "[\"a\"]"}, {"jobs[?tags.k=='v'] | [0].name", "\"a\""},
         {"jobs[?nope].name", "[]"}, {"jobs[?n==null].name", "[]"},
         {"jobs[?nope==`null`].name", "[\"a\",\"b\",\"c\"]"}, {"jobs[?name>'a'].name", "[]"},
         {"jobs[?(n==`3` || n==`1`) && state=='Failed'].name", "[\"b\"]"},
         {"jobs[?n!=`3`].n", "[1,2]"}, {"jobs[?contains(name, 'a')].n", "[3]"},
         {"text[?x]", "null"});
}

TEST(selections_keep_the_order_they_were_typed_in)
{
    GIVE(JOBS, {"jobs[0].{State:state,Name:name}", "{\"State\":\"Completed\",\"Name\":\"a\"}"},
         {"jobs[].[name,n]", "[[\"a\",3],[\"b\",1],[\"c\",2]]"},
         {"jobs[1].{x:nope}", "{\"x\":null}"}, {"nothing.{a:b}", "null"},
         {"jobs[].{n:name,first:steps[0].t}",
          "[{\"n\":\"a\",\"first\":1},{\"n\":\"b\",\"first\":null},{\"n\":\"c\",\"first\":3}]"},
         {"{\"a b\":text}", "{\"a b\":\"h\xC3\xA9llo\"}"});
}

TEST(literals_and_raw_texts)
{
    GIVE("{}", {"`1`", "1"}, {"`\"x\"`", "\"x\""}, {"`[1, 2]`", "[1,2]"},
         {"`{\"a\": null}`", "{\"a\":null}"}, {"'it\\'s'", "\"it's\""}, {"'a\\nb'", "\"a\\\\nb\""},
         {"''", "\"\""}, {"`true`", "true"}, {"`\"\\u00e9\"`", "\"\xC3\xA9\""},
         {"'b' == `\"b\"`", "true"}, {"`1` == `1.0`", "true"}, {"!`0`", "false"}, {"!''", "true"},
         {"!`[]`", "true"}, {"!`false`", "true"}, {"`1` && 'x'", "\"x\""},
         {"`null` || 'x'", "\"x\""});
}

TEST(functions_of_numbers_texts_and_lists)
{
    GIVE("{\"l\":[3,1,2],\"t\":[\"b\",\"a\"],\"o\":{\"x\":1,\"y\":null},\"s\":\"abc\",\"e\":[]}",
         {"abs(`-3`)", "3"}, {"ceil(`1.2`)", "2"}, {"floor(`-1.2`)", "-2"}, {"sum(l)", "6"},
         {"sum(e)", "0"}, {"avg(l)", "2.0"}, {"avg(e)", "null"}, {"max(l)", "3"},
         {"min(t)", "\"a\""}, {"max(e)", "null"}, {"sort(l)", "[1,2,3]"},
         {"sort(t)", "[\"a\",\"b\"]"}, {"sort(e)", "[]"}, {"reverse(l)", "[2,1,3]"},
         {"reverse(s)", "\"cba\""}, {"length(s)", "3"}, {"length(l)", "3"}, {"length(o)", "2"},
         {"contains(l, `2`)", "true"}, {"contains(s, 'bc')", "true"}, {"contains(s, `1`)", "false"},
         {"starts_with(s, 'ab')", "true"}, {"ends_with(s, 'ab')", "false"},
         {"join('-', t)", "\"b-a\""}, {"join('-', e)", "\"\""}, {"keys(o)", "[\"x\",\"y\"]"},
         {"values(o)", "[1,null]"}, {"type(o)", "\"object\""}, {"type(l)", "\"array\""},
         {"type(s)", "\"string\""}, {"type(`1`)", "\"number\""}, {"type(`true`)", "\"boolean\""},
         {"type(nope)", "\"null\""}, {"to_string(l)", "\"[3,1,2]\""}, {"to_string(s)", "\"abc\""},
         {"to_number('12')", "12"}, {"to_number('1.5')", "1.5"}, {"to_number('x')", "null"},
         {"to_number(l)", "null"}, {"to_array(s)", "[\"abc\"]"}, {"to_array(l)", "[3,1,2]"},
         {"not_null(nope, o.y, s)", "\"abc\""}, {"not_null(nope)", "null"},
         {"merge(o, `{\"x\": 2}`)", "{\"x\":2,\"y\":null}"}, {"length(`\"h\\u00e9\"`)", "2"});
}

TEST(functions_take_expressions)
{
    GIVE(JOBS, {"sort_by(jobs, &n)[].name", "[\"b\",\"c\",\"a\"]"},
         {"sort_by(jobs, &name)[-1].n", "2"}, {"max_by(jobs, &n).name", "\"a\""},
         {"min_by(jobs, &n).name", "\"b\""}, {"max_by(empty, &n)", "null"},
         {"map(&tags.k, jobs)", "[\"v\",null,null]"}, {"map(&@, `[1]`)", "[1]"},
         {"sort_by(jobs, &length(steps))[].name", "[\"b\",\"c\",\"a\"]"},
         {"reverse(sort_by(jobs, &n))[0].name", "\"a\""});
}

/* A usage error has its column; what only the data shows to be wrong is found later. */
TEST(what_does_not_parse_says_where)
{
    ARENA;
    static const struct {
        const char *expression, *column;
    } CASES[] = {{"", "1"},        {"a..b", "3"},     {"a[", "3"},           {"a[?b", "5"},
                 {"a.{b}", "5"},   {"a b", "3"},      {"[1:2:3:4]", "7"},    {"'open", "1"},
                 {"`{`", "1"},     {"\"open", "1"},   {"a ||", "5"},         {"(a", "3"},
                 {"nope(a)", "1"}, {"length()", "8"}, {"length(a, b)", "1"}, {"a = b", "3"},
                 {"#", "1"},       {"a[*", "4"},      {"{a: b", "6"},        {"a[::0]", "3"},
                 {"a.", "3"},      {"foo[bar]", "5"}};

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct error err = {0};
        struct jmespath *query;
        int result = jmespath_parse(arena, str_from(CASES[i].expression), &query, &err);
        if (result == 0)
            fprintf(stderr, "'%s' parses\n", CASES[i].expression);
        CHECK_INT(-1, result);
        CHECK_INT(ERROR_INVALID, err.code);
        CHECK(err.target[0] >= '1' && err.target[0] <= '9');
    }
}

TEST(what_the_data_cannot_give_is_an_error_of_its_own)
{
    ARENA;
    static const char *const CASES[] = {"sum(jobs[].name)",
                                        "abs('x')",
                                        "join(',', jobs[].n)",
                                        "keys(text)",
                                        "sort(jobs)",
                                        "max(jobs[].tags)",
                                        "length(nothing)",
                                        "sort_by(jobs, &tags)",
                                        "starts_with(jobs, 'a')",
                                        "avg(text)"};
    struct error err = {0};
    struct json *data = json_parse(arena, str_from(JOBS), &err), *found;

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct jmespath *query;
        CHECK_OK(jmespath_parse(arena, str_from(CASES[i]), &query, &err), &err);
        CHECK_ERROR(ERROR_INVALID, jmespath_search(arena, query, data, &found, &err), &err);
        CHECK(err.message[0]);
    }
}
