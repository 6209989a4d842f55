/* Forms of output and of fields by cases: what scripts and files rely on, byte by byte. */
#include "base/test.h"
#include "cli/edit.h"
#include "cli/fields.h"
#include "cli/output.h"
#include "yaml/yaml.h"

#include <stdio.h>
#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

/* One value in one format; NULL where the format refuses it. */
static void gives(const char *json, struct output_options options, const char *expected)
{
    ARENA;
    struct error err = {0};
    struct json *value = json_parse(arena, str_from(json), &err);
    struct str text;

    CHECK(value != NULL);
    int result = output_write(arena, value, &options, &text, &err);
    if (!expected) {
        CHECK_ERROR(ERROR_INVALID, result, &err);
        return;
    }
    CHECK_OK(result, &err);
    if (!str_eq(text, str_from(expected)))
        fprintf(stderr, "%s gives\n%.*s", json, STR_ARG(text));
    CHECK_STR(expected, text);
}

#define TABLE(json, expected) gives(json, (struct output_options){.format = CLI_TABLE}, expected)
#define QUERIED(json, expected) \
    gives(json, (struct output_options){.format = CLI_TABLE, .queried = true}, expected)
#define TSV(json, expected) gives(json, (struct output_options){.format = CLI_TSV}, expected)
#define YAML(json, expected) gives(json, (struct output_options){.format = CLI_YAML}, expected)

TEST(a_table_of_objects_has_their_keys_sorted_and_headed)
{
    TABLE("[{\"b\":1,\"a\":\"x\"},{\"a\":\"longer\",\"b\":22}]", "A       B\n"
                                                                 "------  --\n"
                                                                 "x       1\n"
                                                                 "longer  22\n");
    TABLE("[{\"a\":\"x\"},{\"b\":1}]", "A  B\n"
                                       "-  -\n"
                                       "x\n"
                                       "   1\n");
}

TEST(what_az_leaves_out_of_tables_is_left_out)
{
    TABLE("{\"name\":\"n\",\"id\":\"/x\",\"type\":\"t\",\"etag\":\"e\",\"list\":[1],\"map\":{},"
          "\"none\":null,\"flag\":true}",
          "Flag  Name\n"
          "----  ----\n"
          "True  n\n");
    TABLE("{\"id\":\"/x\",\"map\":{}}", NULL);
    TABLE("[]", "");
    TABLE("null", "");
}

TEST(a_query_sets_columns_and_their_order)
{
    QUERIED("[{\"Z\":1,\"A\":\"x\",\"id\":\"i\"}]", "Z  A  id\n"
                                                    "-  -  --\n"
                                                    "1  x  i\n");
    QUERIED("[[1,\"x\"],[2,\"y\"]]", "Column1  Column2\n"
                                     "-------  -------\n"
                                     "1        x\n"
                                     "2        y\n");
    QUERIED("\"text\"", "Result\n"
                        "------\n"
                        "text\n");
    QUERIED("[1,true,\"x\"]", "Result\n"
                              "------\n"
                              "1\n"
                              "True\n"
                              "x\n");
}

/* Widths are of characters: a name in any script stands in its column. */
TEST(columns_count_characters_and_cells_have_one_line)
{
    TABLE("[{\"a\":\"h\xC3\xA9\",\"b\":\"x\"},{\"a\":\"abc\",\"b\":\"one\\ntwo\"}]",
          "A    B\n"
          "---  ---\n"
          "h\xC3\xA9   x\n"
          "abc  one\n");
}

TEST(default_columns_reach_into_objects)
{
    static const char *const COLUMNS[] = {"name", "Name", "a.b", "Deep", "list", "List", NULL};
    gives("[{\"name\":\"n\",\"a\":{\"b\":1},\"list\":[1]},{\"name\":\"m\"}]",
          (struct output_options){.format = CLI_TABLE, .columns = COLUMNS},
          "Name  Deep  List\n"
          "----  ----  ----\n"
          "n     1\n"
          "m\n");
    gives("[{\"x\":1}]",
          (struct output_options){.format = CLI_TABLE, .columns = COLUMNS, .queried = true},
          "x\n"
          "-\n"
          "1\n");
}

TEST(tsv_of_every_kind_of_value)
{
    TSV("[{\"b\":true,\"a\":null,\"c\":[1,2,3],\"d\":{\"x\":1}}]", "None\tTrue\t3\t\n");
    TSV("[1,\"x\",false,null]", "1\nx\nfalse\nNone\n");
    TSV("null", "");
    TSV("\"a\\tb\"", "a\tb\n");
    TSV("{\"b\":2,\"a\":1.5}", "1.5\t2\n");
    TSV("[[1,[2]],[]]", "1\t1\n\n");
    TSV("[]", "");
}

TEST(yaml_of_every_kind_of_value)
{
    YAML("{\"b\":[],\"a\":{},\"c\":null,\"d\":[[1,2],{\"x\":\"y\"}]}",
         "a: {}\nb: []\nc: null\nd:\n- - 1\n  - 2\n- x: y\n");
    YAML("[\"yes\",\"1\",\"1.5\",\"null\",\"\",\" x\",\"a: b\",\"#\",\"-\"]",
         "- 'yes'\n- '1'\n- '1.5'\n- 'null'\n- ''\n- ' x'\n- 'a: b'\n- '#'\n- '-'\n");
}

/* Whatever is written as YAML is the same value when it is read. */
TEST(yaml_comes_back_as_it_went)
{
    ARENA;
    static const char *const VALUES[] = {
        "{\"a\":\"two\\nlines\\n\",\"b\":\"trailing \",\"c\":\"\\t\",\"d\":\"~\"}",
        "[\"0x10\",\"1_000\",\"2026-01-02\",\"on\",\"=\",\"<<\",\"*a\",\"&a\",\"!t\",\"%x\",\"@\"]",
        "[\"`\"]",
        "{\"\":1,\"a b\":2,\"true\":3,\"1\":4,\"-\":5,\"?\":6,\": \":7}",
        "[1.0,1e300,-0.5,123456789012345,0.1,-1]",
        "[\"\xF0\x9F\x98\x80\",\"\xE2\x80\xA8\",\"\\u0007\",\"quote\\\"s and 'singles'\"]",
        "{\"deep\":{\"er\":[{\"x\":[{\"y\":{}}]},[]]}}"};

    for (size_t i = 0; i < COUNT(VALUES); i++) {
        struct error err = {0};
        struct json *value = json_parse(arena, str_from(VALUES[i]), &err);
        struct yaml back;
        CHECK(value != NULL);
        struct str text = yaml_write(arena, value, true);
        if (yaml_parse(arena, text, &back, &err) < 0 || !json_equal(value, back.root))
            fprintf(stderr, "%s\n%.*s%s\n", VALUES[i], STR_ARG(text), err.message);
        CHECK_OK(yaml_parse(arena, text, &back, &err), &err);
        CHECK(json_equal(value, back.root));
    }
}

/* --- fields -------------------------------------------------------------------------------------
 */

/* A value in one form there and back. */
static void form(enum field_form how, const char *yaml, const char *rest, bool back)
{
    ARENA;
    struct error err = {0};
    const struct field_row row = {"a", "b.c", how};
    struct json *file = json_object(arena), *wire = json_object(arena), *again = json_object(arena);

    json_set(arena, file, STR("a"), json_parse(arena, str_from(yaml), &err));
    fields_to_rest(arena, &row, 1, file, wire);
    struct json *made = json_at(wire, "b.c");
    CHECK(made != NULL);
    if (!str_eq(json_write(arena, made), str_from(rest)))
        fprintf(stderr, "%s gives %.*s\n", yaml, STR_ARG(json_write(arena, made)));
    CHECK_STR(rest, json_write(arena, made));
    fields_to_yaml(arena, &row, 1, wire, again);
    if (back)
        CHECK_STR(yaml, json_write(arena, json_get(again, STR("a"))));
}

TEST(each_form_of_a_field_there_and_back)
{
    form(FIELD_SAME, "{\"x\":[1]}", "{\"x\":[1]}", true);
    form(FIELD_TEXTS, "{\"a\":1,\"b\":true,\"c\":0.5}",
         "{\"a\":\"1\",\"b\":\"True\",\"c\":\"0.5\"}", false);
    form(FIELD_INTEGER, "\"12\"", "12", false);
    form(FIELD_INTEGER, "12", "12", true);
    form(FIELD_TRUTH, "\"yes\"", "true", false);
    form(FIELD_TRUTH, "\"off\"", "false", false);
    form(FIELD_WORD, "\"low_priority\"", "\"LowPriority\"", true);
    form(FIELD_WORD, "\"ro_mount\"", "\"ReadOnlyMount\"", true);
    form(FIELD_WORD, "\"azure_data_lake_gen2\"", "\"AzureDataLakeGen2\"", true);
    form(FIELD_WORD, "\"aml_token\"", "\"AMLToken\"", true);
    form(FIELD_LOWER, "\"URI_File\"", "\"uri_file\"", false);
    form(FIELD_SECONDS, "90", "\"PT1M30S\"", true);
    form(FIELD_MINUTES, "90", "\"PT1H30M\"", true);
    form(FIELD_MILLIS, "1500", "\"PT1.500S\"", true);
    form(FIELD_SECONDS, "0", "\"PT0S\"", true);
    form(FIELD_TREE, "{\"min_nodes\":{\"a_b\":1},\"tags\":{\"k_v\":2}}",
         "{\"minNodes\":{\"aB\":1},\"tags\":{\"k_v\":2}}", true);
}

TEST(what_a_file_does_not_say_is_not_sent)
{
    ARENA;
    static const struct field_row ROWS[] = {{"a", "x.a", FIELD_SAME},
                                            {"b.c", "x.b", FIELD_INTEGER}};
    struct error err = {0};
    struct json *file = json_parse(arena, STR("{\"a\":null,\"b\":{}}"), &err);
    struct json *wire = json_object(arena);

    fields_to_rest(arena, ROWS, COUNT(ROWS), file, wire);
    CHECK_INT(0, (int)json_count(wire));
}

/* --- edit paths ---------------------------------------------------------------------------------
 */

static const char DOCUMENT[] = "{\"a\":{\"b\":1},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}";

TEST(paths_of_edits_reach_everything)
{
    static const struct {
        const char *set, *expected;
    } CASES[] = {
        {"l[n=y].v[0]=9", "{\"a\":{\"b\":1},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[9,2]}]}"},
        {"l[-2].n=z", "{\"a\":{\"b\":1},\"l\":[{\"n\":\"z\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=a=b=c", "{\"a\":{\"b\":\"a=b=c\"},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=", "{\"a\":{\"b\":\"\"},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=null", "{\"a\":{\"b\":null},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=[1,", "{\"a\":{\"b\":\"[1,\"},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=True", "{\"a\":{\"b\":true},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
        {"a.b=007", "{\"a\":{\"b\":\"007\"},\"l\":[{\"n\":\"x\"},{\"n\":\"y\",\"v\":[1,2]}]}"},
    };
    ARENA;

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct error err = {0};
        struct json *root = json_parse(arena, str_from(DOCUMENT), &err);
        CHECK_OK(edit_set(arena, root, str_from(CASES[i].set), false, &err), &err);
        CHECK_STR(CASES[i].expected, json_write(arena, root));
    }
}

TEST(paths_that_lead_nowhere_change_nothing)
{
    static const char *const CASES[] = {"",        "=1",         ".a=1",   "a..b=1", "a.=1",
                                        "l[5]=1",  "l[n=z].v=1", "l[=1",   "l[]=1",  "l[x]=1",
                                        "a.b.c=1", "l.x=1",      "a[0]=1", "a.b"};
    ARENA;

    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct error err = {0};
        struct json *root = json_parse(arena, str_from(DOCUMENT), &err);
        int result = edit_set(arena, root, str_from(CASES[i]), false, &err);
        if (result == 0)
            fprintf(stderr, "'%s' is taken\n", CASES[i]);
        CHECK_ERROR(ERROR_INVALID, result, &err);
        CHECK_STR(DOCUMENT, json_write(arena, root));
    }
}
