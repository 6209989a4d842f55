/* JSON at its edges: numbers, names, depth, odd paths, and properties of random values. */
#include "base/buf.h"
#include "base/json.h"
#include "base/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct json *parsed(struct arena *arena, const char *text)
{
    struct error err = {0};
    struct json *value = json_parse(arena, str_from(text), &err);
    CHECK_OK(value ? 0 : -1, &err);
    return value;
}

TEST(json_numbers_keep_their_edges)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "[-9223372036854775808,9223372036854775807,"
                                      "9223372036854775808,18446744073709551615,1.5,0]");

    CHECK_INT(INT64_MIN, json_int_at(body, "[0]", 1));
    CHECK_INT(INT64_MAX, json_int_at(body, "[1]", 1));
    CHECK_INT(1,
              json_int_at(body, "[2]", 1)); /* does not fit: the fallback, never another number */
    CHECK_INT(1, json_int_at(body, "[3]", 1));
    CHECK_INT(1, json_int_at(body, "[4]", 1));
    CHECK(!json_is_integer(json_at(body, "[4]")) && json_is_integer(json_at(body, "[5]")));
    CHECK(json_double_at(body, "[1]", 0) == 9223372036854775807.0);
}

TEST(json_has_no_word_for_nan_and_keeps_the_rest)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *object = json_object(arena);

    json_set_double(arena, object, "loss", NAN);
    json_set_double(arena, object, "top", INFINITY);
    json_set_double(arena, object, "half", 0.5);
    CHECK_STR("{\"loss\":null,\"top\":null,\"half\":0.5}", json_write(arena, object));
}

TEST(json_readers_give_the_fallback_for_another_type)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "{\"s\":\"1\",\"n\":1,\"b\":true,\"z\":null,\"o\":{}}");
    const char *const keys[] = {"s", "n", "b", "z", "o", "absent"};

    for (size_t i = 0; i < COUNT(keys); i++) {
        bool number = *keys[i] == 'n', flag = *keys[i] == 'b', text = *keys[i] == 's';
        CHECK_INT(number ? 1 : 77, json_int_at(body, keys[i], 77));
        CHECK(json_double_at(body, keys[i], 7.5) == (number ? 1 : 7.5));
        CHECK_INT(flag, json_bool_at(body, keys[i], false));
        CHECK_STR(text ? "1" : "", json_str_at(body, keys[i]));
        CHECK_INT(0, json_count(json_at(body, keys[i])));
    }
    CHECK(json_is_null(json_at(body, "z")) && json_is_null(NULL));
    CHECK(json_at(body, "z") != NULL && json_at(body, "absent") == NULL);
    CHECK_STR("null", json_write(arena, NULL));
}

TEST(json_paths_that_lead_nowhere_are_null)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "{\"a\":[{\"b\":1}],\"\":2,\"c.d\":3}");
    const char *const nowhere[] = {
        "a.b",      "a[1]", "a[-1]", "a[x]", "a[", "a[]", "a[99999999999999999999]",
        "a[0].b.c", "c.d",  "[0]"};

    for (size_t i = 0; i < COUNT(nowhere); i++)
        CHECK(json_at(body, nowhere[i]) == NULL);
    CHECK_INT(1, json_int_at(body, "a[0].b", 0));
    CHECK(json_at(body, "") == body);
    CHECK_INT(2, json_as_int(json_get(body, STR("")), 0));
    CHECK_INT(3, json_as_int(json_get(body, STR("c.d")), 0));
}

TEST(json_names_are_found_without_case_the_exact_one_first)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "{\"Name\":1,\"name\":2,\"OTHER\":3}");

    CHECK_INT(2, json_as_int(json_get_fold(body, STR("name")), 0));
    CHECK_INT(1, json_as_int(json_get_fold(body, STR("NAME")), 0));
    CHECK_INT(3, json_as_int(json_get_fold(body, STR("other")), 0));
    CHECK(json_get_fold(body, STR("none")) == NULL);
    CHECK(json_get_fold(parsed(arena, "[1]"), STR("0")) == NULL);
    CHECK(json_get_fold(NULL, STR("a")) == NULL);
}

TEST(json_is_put_into_elements_and_new_objects)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "{\"a\":[1,{\"b\":2}]}");
    struct error err = {0};

    CHECK_OK(json_put(arena, body, "a[0]", json_int(arena, 9), &err), &err);
    CHECK_OK(json_put(arena, body, "a[1].c.d", json_bool(arena, true), &err), &err);
    CHECK_STR("{\"a\":[9,{\"b\":2,\"c\":{\"d\":true}}]}", json_write(arena, body));
    CHECK_ERROR(ERROR_INVALID, json_put(arena, body, "a[2]", json_null(arena), &err), &err);
    CHECK_ERROR(ERROR_INVALID, json_put(arena, body, "a.b", json_null(arena), &err), &err);
    CHECK_ERROR(ERROR_INVALID, json_put(arena, body, "a[0", json_null(arena), &err), &err);
    CHECK_STR("a[0", str_from(err.target));
}

TEST(json_is_taken_out_by_path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body = parsed(arena, "{\"a\":[{\"b\":1,\"c\":2}],\"d\":3}");
    char deep[400];

    CHECK_INT(1, json_as_int(json_take(body, "a[0].b"), 0));
    CHECK_INT(3, json_as_int(json_take(body, "d"), 0));
    CHECK(!json_take(body, "d") && !json_take(body, "d.e") && !json_take(body, "a[0]"));
    CHECK_STR("{\"a\":[{\"c\":2}]}", json_write(arena, body));
    memset(deep, 'x', sizeof(deep));
    deep[300] = '.';
    deep[sizeof(deep) - 1] = '\0';
    CHECK(json_take(body, deep) == NULL); /* longer than any path of ours */
}

/* A value lives in one place: put into a second, it must tear neither apart. */
TEST(json_that_stands_somewhere_may_be_put_elsewhere)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *from = parsed(arena, "{\"a\":{\"x\":1},\"b\":[2],\"c\":3,\"d\":4}");
    struct json *to = parsed(arena, "{\"z\":0,\"b\":9}");
    struct json *list = parsed(arena, "[7]");
    const char *const keys[] = {"a", "b", "d"};
    struct error err = {0};

    for (size_t i = 0; i < COUNT(keys); i++) {
        json_set(arena, to, str_from(keys[i]), json_at(from, keys[i]));
        json_append(arena, list, json_at(from, keys[i]));
    }
    CHECK_OK(json_put(arena, list, "[0]", json_at(from, "c"), &err), &err);
    CHECK_STR("{\"a\":{\"x\":1},\"b\":[2],\"c\":3,\"d\":4}", json_write(arena, from));
    CHECK_STR("{\"z\":0,\"b\":[2],\"a\":{\"x\":1},\"d\":4}", json_write(arena, to));
    CHECK_STR("[3,{\"x\":1},[2],4]", json_write(arena, list));
    /* What was taken out is free to go in whole: changing it there is seen. */
    struct json *taken = json_take(from, "a");
    json_set(arena, to, STR("t"), taken);
    json_set_int(arena, taken, "y", 2);
    CHECK_STR("{\"x\":1,\"y\":2}", json_write(arena, json_at(to, "t")));
}

TEST(json_depth_is_counted_outside_of_strings)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    char text[3 * JSON_DEPTH_MAX];

    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct str whole = {text, 2 * (size_t)depth};
        CHECK_INT(depth <= JSON_DEPTH_MAX, json_parse(arena, whole, &err) != NULL);
    }
    CHECK(strstr(err.message, "64") != NULL);
    memset(text, '[', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    CHECK(json_parse(arena, (struct str){text, sizeof(text)}, &err) != NULL);
    memcpy(text + 1, "\\\"[", 3); /* an escaped quote does not end the string */
    CHECK(json_parse(arena, (struct str){text, sizeof(text)}, &err) != NULL);
}

TEST(json_that_is_not_strict_is_refused_with_its_place)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    const struct str refused[] = {STR_INIT("{'a':1}"),     STR_INIT("[1,]"),
                                  STR_INIT("// c\n1"),     STR_INIT("NaN"),
                                  STR_INIT("01"),          STR_INIT("+1"),
                                  STR_INIT("\"\x01\""),    STR_INIT("\"\xff\""),
                                  STR_INIT("\"\\ud800\""), STR_INIT("{\"a\"}"),
                                  STR_INIT("[1}"),         STR_INIT("1e400"),
                                  STR_INIT("tru"),         STR_INIT("\xef\xbb\xbf{}"),
                                  STR_INIT("1\0"),         {NULL, 0}};

    for (size_t i = 0; i < COUNT(refused); i++) {
        struct error err = {0};
        CHECK(json_parse(arena, refused[i], &err) == NULL);
        CHECK_INT(ERROR_INVALID, err.code);
        CHECK(strstr(err.message, "line ") != NULL);
    }
}

TEST(json_with_a_name_twice_equals_only_itself)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *twice = parsed(arena, "{\"a\":1,\"a\":1}");
    struct json *other = parsed(arena, "{\"a\":1,\"b\":2}");

    CHECK(json_equal(twice, json_copy(arena, twice)));
    CHECK(!json_equal(twice, other) && !json_equal(other, twice));
}

/* A client chooses how many members there are: comparing them may not cost their square. */
TEST(json_of_very_many_members_is_compared_quickly)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    CLEANUP(buf_free) struct buf text = buf_make(16 * MIB);

    buf_add_char(&text, '{');
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
    buf_add_char(&text, '}');
    struct error err = {0};
    struct json *left = json_parse(arena, buf_str(&text), &err);
    struct json *right = json_sorted(arena, left);
    CHECK(json_equal(left, right));
    json_set_int(arena, right, "k77", 0);
    CHECK(!json_equal(left, right));
}

struct source {
    struct arena *arena;
    uint64_t state;
};

static uint64_t draw(struct source *source, uint64_t limit)
{
    source->state = source->state * 6364136223846793005u + 1442695040888963407u;
    return (source->state >> 33) % limit;
}

static struct json *any_value(struct source *source, int depth)
{
    struct arena *arena = source->arena;
    uint64_t kind = draw(source, depth > 0 ? 7 : 5), count = draw(source, 5);
    struct json *value;
    char key[16];

    switch (kind) {
    case 0:
        return json_null(arena);
    case 1:
        return json_bool(arena, draw(source, 2));
    case 2:
        return json_int(arena, (int64_t)draw(source, 2000) - 1000);
    case 3:
        return json_double(arena, (double)draw(source, 1000) / 8 + 0.0625);
    case 4:
        return json_text(arena, arena_printf(arena, "t\"\\\n%d\xc3\xa4", (int)count));
    case 5:
        value = json_array(arena);
        while (count--)
            json_append(arena, value, any_value(source, depth - 1));
        return value;
    default:
        value = json_object(arena);
        while (count--) {
            snprintf(key, sizeof(key), "k%d", (int)draw(source, 6));
            json_set(arena, value, str_from(key), any_value(source, depth - 1));
        }
        return value;
    }
}

TEST(json_written_and_read_again_is_equal)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    struct source source = {arena, 5};

    for (int round = 0; round < 500; round++) {
        struct json *value = any_value(&source, 5);
        struct error err = {0};
        struct json *compact = json_parse(arena, json_write(arena, value), &err);
        CHECK_OK(compact ? 0 : -1, &err);
        CHECK(json_equal(value, compact));
        CHECK(json_equal(value, json_parse(arena, json_write_pretty(arena, value), &err)));
        CHECK(json_equal(value, json_sorted(arena, value)));
        CHECK(json_equal(value, json_copy(arena, value)));
        arena_reset(arena);
    }
}

/* RFC 7396: what a patch names has the patch's value, what it does not name stays, and the same
 * patch again changes nothing. */
TEST(json_merge_is_what_the_rfc_says_for_any_values)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    struct source source = {arena, 9};

    for (int round = 0; round < 500; round++) {
        struct json *before = any_value(&source, 3), *patch = any_value(&source, 3);
        if (json_kind(before) != JSON_OBJECT || json_kind(patch) != JSON_OBJECT)
            continue;
        struct json *after = json_copy(arena, before);
        json_merge(arena, after, patch);
        struct json_iter it = json_iter(patch);
        while (json_next(&it)) {
            struct json *now = json_get(after, it.key);
            if (json_is_null(it.value))
                CHECK(now == NULL);
            else if (json_kind(it.value) != JSON_OBJECT)
                CHECK(json_equal(it.value, now));
            else
                CHECK_INT(JSON_OBJECT, json_kind(now));
        }
        it = json_iter(before);
        while (json_next(&it))
            if (!json_get(patch, it.key))
                CHECK(json_equal(it.value, json_get(after, it.key)));
        struct json *again = json_copy(arena, after);
        json_merge(arena, again, patch);
        CHECK(json_equal(after, again));
        arena_reset(arena);
    }
}

TEST(bytes_that_are_no_utf8_are_written_as_replacements)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *object = json_object(arena);

    json_set_str(arena, object, "a", STR("x\xff\xc3y"));
    json_set_str(arena, object, "b", STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xed\xa0\x80"));
    struct str text = json_write(arena, object);
    CHECK_STR("{\"a\":\"x\xef\xbf\xbd\xef\xbf\xbdy\",\"b\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 "
              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}",
              text);
    CHECK(json_parse(arena, text, NULL));
}
