#include "base/test.h"
#include "yaml/yaml.h"

#include <stdio.h>
#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

static struct str as_json(struct arena *arena, const char *text)
{
    struct yaml yaml = {0};
    struct error err = {0};

    CHECK_OK(yaml_parse(arena, str_from(text), &yaml, &err), &err);
    return json_write(arena, yaml.root);
}

static void refused(const char *text, const char *where, const char *words)
{
    ARENA;
    struct yaml yaml = {0};
    struct error err = {0};

    CHECK(yaml_parse(arena, str_from(text), &yaml, &err) == -1);
    CHECK_STR(where, str_from(err.target));
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
    CHECK(yaml.root == NULL);
}

TEST(scalars_mean_what_az_takes_them_for)
{
    static const struct {
        const char *text, *json;
    } CASES[] = {
        {"true", "true"},
        {"Yes", "true"},
        {"OFF", "false"},
        {"tRue", "\"tRue\""},
        {"~", "null"},
        {"Null", "null"},
        {"0", "0"},
        {"-12", "-12"},
        {"1_000", "1000"},
        {"0x1F", "31"},
        {"017", "15"},
        {"018", "\"018\""},
        {"0b101", "5"},
        {"0.25", "0.25"},
        {"1e3", "\"1e3\""},
        {"1.5e+3", "1500.0"},
        {"1.5e3", "\"1.5e3\""},
        {".5", "0.5"},
        {".", "\".\""},
        {"_1", "\"_1\""},
        {"2026-11-21", "\"2026-11-21\""},
        {"12:30", "\"12:30\""},
        {"'12'", "\"12\""},
        {"99999999999999999999", "\"99999999999999999999\""},
        {"!!str 12", "\"12\""},
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA;
        CHECK_STR(CASES[i].json, as_json(arena, CASES[i].text));
    }
}

TEST(an_empty_text_is_null_and_a_byte_order_mark_is_skipped)
{
    ARENA;
    CHECK_STR("null", as_json(arena, ""));
    CHECK_STR("null", as_json(arena, "# only a comment\n"));
    CHECK_STR("{\"a\":1}", as_json(arena, "\xEF\xBB\xBF"
                                          "a: 1\n"));
}

TEST(blocks_folds_and_flow_come_out_as_written)
{
    ARENA;
    CHECK_STR(
        "{\"c\":\"python train.py --c 1\",\"d\":\"x\\ny\\n\",\"l\":[1,{\"a\":\"b\"}]}",
        as_json(arena, "c: >-\n  python train.py\n  --c 1\nd: |\n  x\n  y\nl: [1, {a: b}]\n"));
}

TEST(aliases_are_copies_and_merges_keep_nearer_keys)
{
    ARENA;
    CHECK_STR("{\"base\":{\"a\":1,\"b\":2},\"x\":{\"b\":3,\"a\":1},\"y\":{\"a\":1,\"b\":2}}",
              as_json(arena, "base: &b {a: 1, b: 2}\nx:\n  <<: *b\n  b: 3\ny: *b\n"));
    CHECK_STR("{\"x\":{\"c\":5,\"a\":1,\"b\":4}}",
              as_json(arena, "x:\n  <<: [{a: 1}, {a: 2, b: 4}]\n  c: 5\n"));
    CHECK_STR("{\"x\":{\"a\":{\"q\":1}}}", as_json(arena, "x:\n  <<:\n    a:\n      q: 1\n"));
}

TEST(values_and_keys_remember_their_places)
{
    ARENA;
    struct yaml yaml;
    struct error err = {0};

    CHECK_OK(yaml_parse(arena, STR("a: 1\nb:\n  - x\n  - {k: v}\n"), &yaml, &err), &err);
    struct json *v = json_at(yaml.root, "b[1].k");
    CHECK_INT(4, yaml_mark(&yaml, v).line);
    CHECK_INT(9, yaml_mark(&yaml, v).column);
    CHECK_INT(6, yaml_key_mark(&yaml, v).column);
    CHECK_INT(2, yaml_key_mark(&yaml, json_at(yaml.root, "b")).line);
    CHECK_INT(0, yaml_mark(&yaml, json_int(arena, 1)).line);
}

TEST(what_is_no_yaml_is_refused_with_its_place)
{
    refused("a: 1\na: 2\n", "2:1", "twice; first in line 1");
    refused("a: *nope\n", "1:5", "No anchor");
    refused("a: &x\n  b: *x\n", "2:7", "inside its own anchor");
    refused("a: 1\n---\nb: 2\n", "2:1", "more than one document");
    refused("? [a]\n: 1\n", "1:3", "key must be text");
    refused("<<: 3\n", "1:5", "merge key");
    refused("a:\n\tb: 1\n", "2:1", "not YAML");
    refused("a: [1, 2\n", "2:1", "not YAML");
    refused("a: 1\nb: \x01\n", "2:4", "UTF-8");
    refused("a: \xC3\x28\n", "1:4", "UTF-8");
    refused("a: \xED\xA0\x80\n", "1:4", "UTF-8");
}

TEST(bounds_hold_for_depth_nodes_and_size)
{
    ARENA;
    struct yaml yaml;
    struct error err = {0};
    static char text[2 * MIB];

    memset(text, '[', 1000);
    CHECK_ERROR(ERROR_TOO_LARGE, yaml_parse(arena, (struct str){text, 1000}, &yaml, &err), &err);
    memset(text, '[', MIB);
    CHECK(yaml_parse(arena, (struct str){text, MIB}, &yaml, &err) == -1);
    memset(text, 'x', sizeof text);
    CHECK_ERROR(ERROR_TOO_LARGE, yaml_parse(arena, (struct str){text, sizeof text}, &yaml, &err),
                &err);
    size_t len = 0;
    for (int i = 0; i < 110000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "- 1\n");
    CHECK_ERROR(ERROR_TOO_LARGE, yaml_parse(arena, (struct str){text, len}, &yaml, &err), &err);
}

TEST(a_billion_laughs_stays_small)
{
    ARENA;
    struct yaml yaml;
    struct error err = {0};
    char text[2000];
    size_t len = (size_t)snprintf(text, sizeof text, "a0: &a0 [lol, lol]\n");

    for (int i = 1; i < 30; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "a%d: &a%d [*a%d, *a%d]\n", i, i,
                                i - 1, i - 1);
    CHECK_ERROR(ERROR_TOO_LARGE, yaml_parse(arena, (struct str){text, len}, &yaml, &err), &err);
    CHECK(arena_used(arena) < 60 * MIB);
}

TEST(written_yaml_reads_back_as_the_same_value)
{
    static const char *const CASES[] = {
        "{\"a\":1,\"b\":[1,2,{\"c\":\"x\"}],\"d\":{},\"e\":[]}",
        "{\"s\":[\"\",\"true\",\"12\",\"a: b\",\"a #b\",\"- "
        "x\",\"it's\",\"tab\\there\",\"1e3\",\"x:\"]}",
        "{\"t\":\"two\\nlines\\n\",\"u\":\"no end\\nhere\",\"v\":\"two ends\\n\\n\",\"w\":\" "
        "blank\\nfirst\"}",
        "[[1,[2,3]],[{\"a\":[{}]}],null,true,0.5,\"2026-11-21\",\"12:30\",\"~\",\"=\"]",
        "\"text\"",
        "{\"k: y\":\"v\",\"on\":\"off\"}",
        "\"two\\nlines\"",
        "{\"two\\nlines\":{\"a\":1}}",
        "[5e29,1e-7]",
        "{\"a-long-key-a-long-key-a-long-key-a-long-key-a-long-key-a-long-key-a-long-key-a-long-"
        "key-a-long-key-a-long-key-"
        "a-long-key-a-long-key\":[1],\"\xEF\xBB\xBF\":\"\xE2\x80\xA8\"}",
    };

    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA;
        struct error err = {0};
        struct yaml back = {0};
        struct json *value = json_parse(arena, str_from(CASES[i]), &err);
        struct str text = yaml_write(arena, value, false);
        CHECK_OK(yaml_parse(arena, text, &back, &err), &err);
        CHECK_STR(CASES[i], json_write(arena, back.root));
    }
}

TEST(written_yaml_looks_like_pyyaml)
{
    ARENA;
    struct error err = {0};
    struct json *value = json_parse(
        arena, STR("{\"name\":\"x\",\"dependencies\":[\"python=3.10\",{\"pip\":[\"mlflow\"]}]}"),
        &err);
    CHECK_STR("dependencies:\n- python=3.10\n- pip:\n  - mlflow\nname: x\n",
              yaml_write(arena, value, true));
}

TEST(literals_print_as_python_prints_them)
{
    static const struct {
        double value;
        const char *text;
    } CASES[] = {{0.25, "0.25"},
                 {0.1, "0.1"},
                 {1, "1.0"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {1e-4, "0.0001"},
                 {1.5e-5, "1.5e-05"},
                 {1.0 / 3, "0.3333333333333333"},
                 {123456.789, "123456.789"},
                 {-2.5, "-2.5"}};
    ARENA;

    for (size_t i = 0; i < COUNT(CASES); i++)
        CHECK_STR(CASES[i].text, yaml_literal_text(arena, json_double(arena, CASES[i].value)));
    CHECK_STR("True", yaml_literal_text(arena, json_bool(arena, true)));
    CHECK_STR("42", yaml_literal_text(arena, json_int(arena, 42)));
    CHECK_STR("two words", yaml_literal_text(arena, json_text(arena, STR("two words"))));
}
