#include "base/test.h"
#include "cli/output.h"

#include <string.h>

static struct str written(struct arena *arena, const char *json, struct output_options options)
{
    struct error err = {0};
    struct json *value = json_parse(arena, str_from(json), &err);
    struct str text = {0};

    CHECK(value != NULL);
    CHECK_OK(output_write(arena, value, &options, &text, &err), &err);
    return text;
}

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

static void gives(enum cli_format format, bool queried, const char *json, const char *expected)
{
    ARENA;
    CHECK_STR(expected,
              written(arena, json, (struct output_options){format, false, queried, NULL}));
}

TEST(json_is_sorted_with_two_spaces_and_its_characters_as_they_are)
{
    gives(CLI_JSON, false, "{\"b\":[1,{\"d\":true,\"c\":null}],\"a\":\"h\xC3\xA9\"}",
          "{\n  \"a\": \"h\xC3\xA9\",\n  \"b\": [\n    1,\n    {\n      \"c\": null,\n      \"d\": "
          "true\n    }\n  ]\n}\n");
    gives(CLI_JSONC, false, "[]", "[]\n");
    gives(CLI_JSON, true, "\"x\"", "\"x\"\n");
    gives(CLI_NONE, false, "{\"a\":1}", "");
}

TEST(colors_stand_only_where_they_are_asked_for)
{
    ARENA;
    struct output_options options = {CLI_JSONC, true, false, NULL};

    CHECK_STR("{\n  \033[34m\"a\"\033[0m: \033[32m\"x\"\033[0m,\n  \033[34m\"b\"\033[0m: "
              "\033[33m12\033[0m\n}\n",
              written(arena, "{\"a\":\"x\",\"b\":12}", options));
    options.format = CLI_JSON;
    CHECK(str_find_char(written(arena, "{\"a\":\"x\"}", options), '\033') < 0);
    options.format = CLI_YAMLC;
    CHECK_STR("\033[34ma\033[0m: x\n", written(arena, "{\"a\":\"x\"}", options));
}

TEST(yaml_is_block_style_in_key_order)
{
    gives(CLI_YAML, false, "{\"b\":[{\"x\":1}],\"a\":\"two words\"}", "a: two words\nb:\n- x: 1\n");
}

TEST(tsv_prints_what_az_prints)
{
    gives(CLI_TSV, false, "[{\"b\":1,\"a\":\"x\"},{\"b\":2,\"a\":\"y\"}]", "x\t1\ny\t2\n");
    gives(CLI_TSV, true, "[{\"b\":1,\"a\":\"x\"}]", "1\tx\n");
    gives(CLI_TSV, true, "[[true,null,[1,2],{\"a\":1},0.5]]", "True\tNone\t2\t\t0.5\n");
    gives(CLI_TSV, true, "true", "true\n");
    gives(CLI_TSV, true, "\"x y\"", "x y\n");
    gives(CLI_TSV, true, "null", "");
    gives(CLI_TSV, true, "[\"a\",\"b\"]", "a\nb\n");
}

TEST(a_table_leaves_out_noise_and_what_is_nested)
{
    gives(CLI_TABLE, false,
          "[{\"name\":\"x\",\"id\":\"1\",\"type\":\"t\",\"tags\":{},\"none\":null,\"count\":3}]",
          "Count  Name\n-----  ----\n3      x\n");
    gives(CLI_TABLE, false, "{\"name\":\"x\"}", "Name\n----\nx\n");
    gives(CLI_TABLE, false, "[]", "");
}

TEST(a_queried_table_keeps_the_order_and_the_heads_of_the_query)
{
    gives(CLI_TABLE, true, "[{\"S\":\"on\",\"a\":true},{\"S\":\"off\",\"b\":2}]",
          "S    a     b\n---  ----  -\non   True\noff        2\n");
    gives(CLI_TABLE, true, "[\"x\",\"y\"]", "Result\n------\nx\ny\n");
    gives(CLI_TABLE, true, "[[1,\"a\"],[2,\"b\"]]",
          "Column1  Column2\n-------  -------\n1        a\n2        b\n");
}

TEST(default_columns_pick_paths_and_heads)
{
    static const char *const COLUMNS[] = {"name", "Name", "ctx.at", "Created", NULL};
    ARENA;
    struct output_options options = {CLI_TABLE, false, false, COLUMNS};

    CHECK_STR(
        "Name  Created\n----  -------\nx     now\ny\n",
        written(arena, "[{\"name\":\"x\",\"ctx\":{\"at\":\"now\"}},{\"name\":\"y\"}]", options));
}

TEST(a_table_without_columns_says_so)
{
    ARENA;
    struct error err = {0};
    struct str text = STR("untouched");
    struct output_options options = {CLI_TABLE, false, false, NULL};
    struct json *value = json_parse(arena, STR("[{\"tags\":{}}]"), &err);

    CHECK_ERROR(ERROR_INVALID, output_write(arena, value, &options, &text, &err), &err);
}

TEST(width_counts_characters)
{
    CHECK_INT(5, output_width(STR("h\xC3\xA9llo")));
    gives(CLI_TABLE, true, "[{\"a\":\"h\xC3\xA9\",\"b\":1},{\"a\":\"abc\",\"b\":2}]",
          "a    b\n---  -\nh\xC3\xA9   1\nabc  2\n");
}
