#include "base/test.h"
#include "cli/fields.h"

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB)

TEST(words_change_their_spelling_both_ways)
{
    ARENA;
    CHECK_STR("processCountPerInstance", fields_camel(arena, STR("process_count_per_instance")));
    CHECK_STR("process_count_per_instance", fields_snake(arena, STR("processCountPerInstance")));
    CHECK_STR("enable_sso", fields_snake(arena, STR("enableSSO")));
    CHECK_STR("aml_token", fields_snake(arena, STR("AMLToken")));
    CHECK_STR("ReadOnlyMount", fields_pascal(arena, STR("ro_mount")));
    CHECK_STR("ReadOnlyMount", fields_pascal(arena, STR("RO_Mount")));
    CHECK_STR("Download", fields_pascal(arena, STR("download")));
    CHECK_STR("LowPriority", fields_pascal(arena, STR("low_priority")));
    CHECK_STR("AMLToken", fields_pascal(arena, STR("aml_token")));
    CHECK_STR("PyTorch", fields_pascal(arena, STR("pytorch")));
}

TEST(durations_are_iso_8601)
{
    ARENA;
    CHECK_STR("PT1M40S", fields_duration(arena, 100000));
    CHECK_STR("PT5M", fields_duration(arena, 300000));
    CHECK_STR("PT0S", fields_duration(arena, 0));
    CHECK_STR("PT1.500S", fields_duration(arena, 1500));
    CHECK_STR("PT2H", fields_duration(arena, 7200000));
    CHECK_INT(100000, fields_duration_ms(STR("PT1M40S")));
    CHECK_INT(-1, fields_duration_ms(STR("soon")));
}

static const struct field_row ROWS[] = {
    {"display_name", "properties.displayName", FIELD_SAME},
    {"variables", "properties.variables", FIELD_TEXTS},
    {"limits.timeout", "properties.limits.timeout", FIELD_SECONDS},
    {"mode", "properties.mode", FIELD_WORD},
    {"count", "sku.capacity", FIELD_INTEGER},
    {"on", "properties.on", FIELD_TRUTH},
    {"tree", "properties.tree", FIELD_TREE},
    {"compute", "properties.computeId", FIELD_COMPUTE},
};

TEST(a_file_becomes_the_wire)
{
    ARENA;
    struct error err = {0};
    struct json *rest = json_object(arena);
    struct json *yaml =
        json_parse(arena,
                   STR("{\"display_name\":\"d\",\"variables\":{\"A\":true,\"B\":0.5},\"limits\":{"
                       "\"timeout\":\"20\"},\"mode\":\"ro_mount\","
                       "\"count\":\"2\",\"on\":\"yes\",\"tree\":{\"one_key\":{\"two_keys\":[{\"a_"
                       "b\":1}]},\"tags\":{\"k_v\":1}},\"compute\":\"azureml:c\"}"),
                   &err);

    fields_to_rest(arena, ROWS, COUNT(ROWS), yaml, rest);
    CHECK_STR("{\"properties\":{\"displayName\":\"d\",\"variables\":{\"A\":\"True\",\"B\":\"0.5\"},"
              "\"limits\":{\"timeout\":\"PT20S\"},"
              "\"mode\":\"ReadOnlyMount\",\"on\":true,\"tree\":{\"oneKey\":{\"twoKeys\":[{\"aB\":1}"
              "]},\"tags\":{\"k_v\":1}}},"
              "\"sku\":{\"capacity\":2}}",
              json_write(arena, rest));
}

TEST(the_wire_becomes_what_people_see)
{
    ARENA;
    struct error err = {0};
    struct json *yaml = json_object(arena);
    struct json *rest =
        json_parse(arena,
                   STR("{\"properties\":{\"displayName\":\"d\",\"limits\":{\"timeout\":\"PT1M\"},"
                       "\"mode\":\"ReadWriteMount\",\"description\":null,"
                       "\"tree\":{\"oneKey\":1},\"computeId\":\"/subscriptions/s/resourceGroups/g/"
                       "providers/p/workspaces/w/computes/cpu\"}}"),
                   &err);

    fields_to_yaml(arena, ROWS, COUNT(ROWS), rest, yaml);
    CHECK_STR("{\"display_name\":\"d\",\"limits\":{\"timeout\":60},\"mode\":\"rw_mount\",\"tree\":{"
              "\"one_key\":1},"
              "\"compute\":\"azureml:cpu\"}",
              json_write(arena, yaml));
}

TEST(numbers_and_truths_may_be_text)
{
    ARENA;
    CHECK_INT(12, fields_integer(json_text(arena, STR("12")), 0));
    CHECK_INT(7, fields_integer(json_text(arena, STR("x")), 7));
    CHECK(fields_truth(json_text(arena, STR("True"))));
    CHECK(!fields_truth(json_text(arena, STR("no"))));
    CHECK(fields_truth(json_bool(arena, true)));
}
