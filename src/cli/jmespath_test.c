#include "base/test.h"
#include "cli/jmespath.h"

#include <stdlib.h>
#include <string.h>

static const char DATA[] =
    "{\"a\":{\"b\":{\"c\":[0,1,2,3,4]},\"d e\":\"blank\"},"
    "\"jobs\":[{\"name\":\"x\",\"state\":\"Running\",\"n\":3,\"tags\":{\"k\":\"v\"}},"
    "{\"name\":\"y\",\"state\":\"Failed\",\"n\":1,\"tags\":{}},"
    "{\"name\":\"z\",\"state\":\"Running\",\"n\":2,\"tags\":{\"k\":\"w\"}}],"
    "\"nested\":[[1,2],[3,[4]],5],\"empty\":[],\"none\":null,\"t\":true,\"f\":false,\"s\":"
    "\"h\xC3\xA9llo\","
    "\"mixed\":[1,\"a\"],\"m\":{\"x\":{\"v\":1},\"y\":{\"v\":2},\"z\":3},\"half\":1.5}";

static void gives(const char *expression, const char *expected)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct error err = {0};
    struct jmespath *parsed = NULL;
    struct json *data = json_parse(arena, str_from(DATA), &err), *result = NULL;

    if (jmespath_parse(arena, str_from(expression), &parsed, &err) < 0)
        fail_msg("%s: column %s: %s", expression, err.target, err.message);
    if (jmespath_search(arena, parsed, data, &result, &err) < 0)
        fail_msg("%s: %s", expression, err.message);
    struct str text = json_write(arena, result);
    if (!str_eq(text, str_from(expected)))
        fail_msg("%s gives %.*s, not %s", expression, STR_ARG(text), expected);
}

static void no_parse(const char *expression, int column)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct error err = {0};
    struct jmespath *parsed = NULL;

    if (jmespath_parse(arena, str_from(expression), &parsed, &err) == 0)
        fail_msg("%s was parsed", expression);
    int64_t found = 0;
    if (!str_to_int64(str_from(err.target), &found) || found != column)
        fail_msg("%s: column %s, not %d: %s", expression, err.target, column, err.message);
    CHECK(parsed == NULL);
}

static void no_result(const char *expression)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct error err = {0};
    struct jmespath *parsed = NULL;
    struct json *data = json_parse(arena, str_from(DATA), &err), *result = NULL;

    CHECK_OK(jmespath_parse(arena, str_from(expression), &parsed, &err), &err);
    CHECK_ERROR(ERROR_INVALID, jmespath_search(arena, parsed, data, &result, &err), &err);
    CHECK(result == NULL);
}

TEST(fields_and_positions)
{
    gives("a.b.c", "[0,1,2,3,4]");
    gives("a.\"d e\"", "\"blank\"");
    gives("a.b.c[0]", "0");
    gives("a.b.c[-1]", "4");
    gives("a.b.c[9]", "null");
    gives("a.nope.c", "null");
    gives("s.x", "null");
    gives("@.t", "true");
    gives("jobs[0].tags.k", "\"v\"");
}

TEST(slices)
{
    gives("a.b.c[1:3]", "[1,2]");
    gives("a.b.c[:2]", "[0,1]");
    gives("a.b.c[3:]", "[3,4]");
    gives("a.b.c[::2]", "[0,2,4]");
    gives("a.b.c[::-1]", "[4,3,2,1,0]");
    gives("a.b.c[-2:]", "[3,4]");
    gives("a.b.c[3:0:-2]", "[3,1]");
    gives("a.b.c[10:20]", "[]");
    gives("jobs[:2].name", "[\"x\",\"y\"]");
    gives("s[0:1]", "null");
}

TEST(projections)
{
    gives("jobs[*].name", "[\"x\",\"y\",\"z\"]");
    gives("jobs[*].tags.k", "[\"v\",\"w\"]");
    gives("m.*.v", "[1,2]");
    gives("*.b.c[0]", "[0]");
    gives("nested[]", "[1,2,3,[4],5]");
    gives("nested[][]", "[1,2,3,4,5]");
    gives("nested[*][0]", "[1,3]");
    gives("jobs[].name | [0]", "\"x\"");
    gives("jobs[*].name | length(@)", "3");
    gives("a[*]", "null");
    gives("empty[*].x", "[]");
    gives("none[*]", "null");
}

TEST(filters_and_comparisons)
{
    gives("jobs[?state=='Running'].name", "[\"x\",\"z\"]");
    gives("jobs[?n>`1`].name", "[\"x\",\"z\"]");
    gives("jobs[?n>=`2` && state=='Running'].n", "[3,2]");
    gives("jobs[?n<`2` || name=='z'].name", "[\"y\",\"z\"]");
    gives("jobs[?!(state=='Running')].name", "[\"y\"]");
    gives("jobs[?tags.k].name", "[\"x\",\"z\"]");
    gives("jobs[?state!=`Running`].name", "[\"y\"]");
    gives("jobs[?name<'b']", "[]");
    gives("jobs[?contains(['x','y'], name)].n", "[3,1]");
    gives("none == nope", "true");
    gives("`1` == `1.0`", "true");
    gives("half > `1`", "true");
    gives("s > `1`", "null");
    gives("jobs[?n==`3`][].tags", "[{\"k\":\"v\"}]");
}

TEST(selections)
{
    gives("jobs[*].{N:name,S:state}[0:1]", "[{\"N\":\"x\",\"S\":\"Running\"}]");
    gives("jobs[0].{\"the name\":name,n:n}", "{\"the name\":\"x\",\"n\":3}");
    gives("jobs[*].[name,n]", "[[\"x\",3],[\"y\",1],[\"z\",2]]");
    gives("jobs[*].[name,nope][]", "[\"x\",\"y\",\"z\"]");
    gives("none.{a:b}", "null");
    gives("[t,f]", "[true,false]");
    gives("{a:t}.a", "true");
}

TEST(literals_and_logic)
{
    gives("'raw \\' quote'", "\"raw ' quote\"");
    gives("`{\"a\":[1]}`.a[0]", "1");
    gives("`plain`", "\"plain\"");
    gives("nope || 'x'", "\"x\"");
    gives("empty || s && t", "true");
    gives("!empty", "true");
    gives("t && f", "false");
    gives("(nope || jobs)[0].n", "3");
}

TEST(functions_of_numbers)
{
    gives("abs(`-3`)", "3");
    gives("abs(`-1.5`)", "1.5");
    gives("ceil(half)", "2");
    gives("floor(half)", "1");
    gives("sum(jobs[*].n)", "6");
    gives("sum(empty)", "0");
    gives("avg(jobs[*].n)", "2.0");
    gives("avg(empty)", "null");
    gives("max(jobs[*].n)", "3");
    gives("min(jobs[*].name)", "\"x\"");
    gives("max(empty)", "null");
    gives("to_number('12')", "12");
    gives("to_number('1.5')", "1.5");
    gives("to_number(t)", "null");
}

TEST(functions_of_texts_and_lists)
{
    gives("length(s)", "5");
    gives("length(jobs)", "3");
    gives("reverse(s)", "\"oll\xC3\xA9h\"");
    gives("reverse(a.b.c)[0]", "4");
    gives("join(', ', jobs[*].name)", "\"x, y, z\"");
    gives("starts_with(s, 'h')", "true");
    gives("ends_with(s, 'h')", "false");
    gives("contains(s, 'll')", "true");
    gives("contains(a.b.c, `3`)", "true");
    gives("to_string(jobs[1])",
          "\"{\\\"name\\\":\\\"y\\\",\\\"state\\\":\\\"Failed\\\",\\\"n\\\":1,\\\"tags\\\":{}}\"");
    gives("to_array(t)", "[true]");
    gives("type(none)", "\"null\"");
    gives("type(half)", "\"number\"");
    gives("not_null(none, nope, s)", "\"h\xC3\xA9llo\"");
}

TEST(functions_with_expressions)
{
    gives("sort(jobs[*].n)", "[1,2,3]");
    gives("sort_by(jobs, &n)[*].name", "[\"y\",\"z\",\"x\"]");
    gives("sort_by(jobs, &state)[*].name", "[\"y\",\"x\",\"z\"]");
    gives("max_by(jobs, &n).name", "\"x\"");
    gives("min_by(jobs, &n).name", "\"y\"");
    gives("map(&n, jobs)", "[3,1,2]");
    gives("map(&tags.k, jobs)", "[\"v\",null,\"w\"]");
    gives("merge(m.x, `{\"w\":9}`)", "{\"v\":1,\"w\":9}");
    gives("sort(keys(m))", "[\"x\",\"y\",\"z\"]");
    gives("values(m)[-1]", "3");
}

TEST(what_does_not_parse_names_its_column)
{
    no_parse("", 1);
    no_parse("jobs[", 6);
    no_parse("jobs[?x", 8);
    no_parse("a..b", 3);
    no_parse("a.b]", 4);
    no_parse("'open", 1);
    no_parse("a = b", 3);
    no_parse("foo(a)", 1);
    no_parse("length()", 1);
    no_parse("length(a, b)", 1);
    no_parse("{a}", 3);
    no_parse("{a:b,}", 6);
    no_parse("[1:2:0]", 7);
    no_parse("[1:2:3:4]", 7);
    no_parse("a #", 3);
    no_parse("`{bad`", 1);
    no_parse("\"\\x\"", 1);
    no_parse("[99999999999]", 2);
    no_parse("\"f\"(a)", 4);
    no_parse("a b", 3);
}

TEST(deep_expressions_are_refused_not_followed)
{
    char text[2000];

    memset(text, '(', 500);
    text[500] = '\0';
    no_parse(text, 101);
    memset(text, '!', 500);
    no_parse(text, 101);
    for (int i = 0; i < 300; i++)
        memcpy(text + 2 * i, "a.", 2);
    text[599] = '\0';
    no_parse(text, 202);
}

TEST(what_fails_on_the_data_fails)
{
    no_result("abs(s)");
    no_result("length(t)");
    no_result("sort(mixed)");
    no_result("sum(mixed)");
    no_result("join(',', a.b.c)");
    no_result("sort_by(jobs, &tags)");
    no_result("map(n, jobs)");
    no_result("keys(jobs)");
    no_result("&a");
}
