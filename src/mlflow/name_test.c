#include "base/test.h"
#include "mlflow/name.h"
#include "mlflow/out.h"

#include <math.h>

static void key(const char *text, const char *complaint)
{
    struct error err = {0};

    if (!complaint) {
        CHECK_OK(name_check_key("key", "Param key", str_from(text), &err), &err);
        return;
    }
    CHECK_ERROR(ERROR_INVALID,
                name_check_key("metrics[0].name", "Metric name", str_from(text), &err), &err);
    CHECK(str_find(str_from(err.message), str_from(complaint)) >= 0);
}

TEST(keys_are_plain_relative_paths)
{
    key("loss", NULL);
    key("val/loss:0.5 - x_y", NULL);
    key("gr\xc3\xb6\xc3\x9f"
        "e",
        NULL);
    key("..hidden/x", "must not resolve");
    key("a*b", "Names may only contain");
    key("a\tb", "Names may only contain");
    key("", "would resolve to '.'");
    key("/abs", "would resolve to '/abs'");
    key("a/../b", "would resolve to 'b'");
    key("a//b", "would resolve to 'a/b'");
    key("a/", "would resolve to 'a'");
    key("../a", "would resolve to '../a'");
    key("./a", "supplied: Names may be treated as files");
    key("a*b", "Invalid value 'a*b' for parameter 'metrics[0].name' supplied");
}

TEST(lengths_count_characters)
{
    struct error err = {0};

    CHECK_OK(name_check_length("value", STR("\xc3\xa9\xc3\xa9"), 2, &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_length("value", STR("abc"), 2, &err), &err);
    CHECK_STR("'value' exceeds the maximum length of 2 characters", str_from(err.message));
}

TEST(model_names_refuse_what_addresses_need)
{
    struct error err = {0};

    CHECK_OK(name_check_logged_model(STR("my model-1"), &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_logged_model(STR("a.b"), &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_logged_model(STR(""), &err), &err);
    CHECK_OK(name_check_registered_model(STR("a.b \xc3\xa9"), &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_registered_model(STR("a/b"), &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_registered_model(STR("a:b"), &err), &err);
    CHECK_ERROR(ERROR_INVALID, name_check_experiment(STR(""), &err), &err);
}

TEST(names_for_runs_have_three_parts)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str name = name_for_run(arena), how = {0}, rest = {0}, who = {0}, number = {0};
    int64_t value;

    CHECK(str_cut(name, '-', &how, &rest) && str_cut(rest, '-', &who, &number));
    CHECK(str_to_int64(number, &value) && value < 1000);
}

TEST(replies_are_written_as_mlflow_writes_them)
{
    CLEANUP(out_free) struct out out = out_make();

    out_begin(&out, NULL, '{');
    out_text(&out, "a", STR("x\"\\\n\x01\xc3\xa9\xff"));
    out_int(&out, "b", INT64_MIN);
    out_begin(&out, "c", '[');
    out_double(&out, NULL, 1);
    out_double(&out, NULL, 0.1);
    out_double(&out, NULL, NAN);
    out_double(&out, NULL, -INFINITY);
    out_double(&out, NULL, 1.7976931348623157e308);
    out_end(&out, ']');
    out_begin(&out, "d", '{');
    out_end(&out, '}');
    out_bool(&out, "e", false);
    out_end(&out, '}');
    CHECK_STR("{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\",\"b\":-9223372036854775808,"
              "\"c\":[1.0,0.1,\"NaN\",\"-Infinity\",1.7976931348623157e308],\"d\":{},\"e\":false}",
              out_str(&out));
}
