#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

TEST(str_splits_keeps_empty_pieces)
{
    struct str rest = STR("a,,b,"), piece;
    const char *expected[] = {"a", "", "b", ""};
    size_t count = 0;

    while (str_split(&rest, ',', &piece)) {
        CHECK(count < COUNT(expected));
        CHECK_STR(expected[count], piece);
        count++;
    }
    CHECK_INT(4, count);
}

TEST(str_numbers_take_the_whole_text_or_nothing)
{
    int64_t number = 7;
    double real = 0;

    CHECK(str_to_int64(STR("-9223372036854775808"), &number));
    CHECK_INT(INT64_MIN, number);
    CHECK(str_to_int64(STR("9223372036854775807"), &number));
    CHECK_INT(INT64_MAX, number);
    CHECK(!str_to_int64(STR("9223372036854775808"), &number));
    CHECK(!str_to_int64(STR("12x"), &number));
    CHECK(!str_to_int64(STR(""), &number));
    CHECK(!str_to_int64(STR("-"), &number));
    CHECK(str_to_double(STR("1e-3"), &real));
    CHECK(real == 1e-3);
    CHECK(!str_to_double(STR("1e-3 "), &real));
    CHECK(!str_to_double(STR(" 1"), &real));
}

TEST(str_compares_and_finds)
{
    CHECK(str_eq_fold(STR("ResourceGroups"), STR("resourcegroups")));
    CHECK(str_starts(STR("models:/m"), STR("models:/")));
    CHECK(str_ends(STR("a.onnx"), STR(".onnx")));
    CHECK(!str_ends(STR("x"), STR(".onnx")));
    CHECK_INT(2, str_find(STR("abcabc"), STR("cab")));
    CHECK_INT(-1, str_find(STR("ab"), STR("abc")));
    CHECK_INT(3, str_find_last(STR("a/b/c"), '/'));
    CHECK(str_cmp(STR("a"), STR("ab")) < 0);
    CHECK(str_eq_secret(STR("key"), STR("key")) && !str_eq_secret(STR("key"), STR("kez")));
    CHECK_STR("x y", str_trim(STR("\t x y\r\n")));
}

TEST(arena_grants_only_its_budget)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(1000);
    struct error err = {0};

    CHECK_OK(arena_fits(arena, 1000, &err), &err);
    arena_alloc(arena, 600);
    CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, 600, &err), &err);
}

TEST(arena_survives_many_sizes)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    char *seen[200];

    for (size_t i = 0; i < COUNT(seen); i++) {
        seen[i] = arena_alloc(arena, i * 97 + 1);
        memset(seen[i], (int)i, i * 97 + 1);
    }
    for (size_t i = 0; i < COUNT(seen); i++)
        CHECK_INT((char)i, seen[i][i * 97]);
    CHECK_STR("7 sheep", arena_printf(arena, "%d %s", 7, "sheep"));
    CHECK_STR("abc", arena_lower(arena, STR("AbC")));
}

TEST(arena_reset_forgets_and_can_be_filled_again)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(1 * MIB);
    struct error err = {0};

    for (int round = 0; round < 3; round++) {
        CHECK_INT(0, arena_used(arena));
        CHECK_OK(arena_fits(arena, 1 * MIB, &err), &err);
        CHECK(!*arena_json_slot(arena));
        struct json *object = json_object(arena);
        json_set_int(arena, object, "round", round);
        for (size_t i = 1; i < 100; i++) {
            char *bytes = arena_alloc(arena, i * 50);
            CHECK_INT(0, bytes[i * 50 - 1]);
            memset(bytes, 0xee, i * 50);
        }
        CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, 1 * MIB, &err), &err);
        CHECK_INT(round, json_int_at(object, "round", -1));
        arena_reset(arena);
    }
    /* An arena that never held anything may be reset, too. */
    CLEANUP(arena_free) struct arena *empty = arena_new(10);
    arena_reset(empty);
    CHECK_INT(0, arena_used(empty));
}

TEST(buf_stops_at_its_cap_and_says_so)
{
    CLEANUP(buf_free) struct buf buf = buf_make(8);
    struct error err = {0};

    buf_add(&buf, STR("12345"));
    buf_printf(&buf, "%d", 678);
    CHECK_OK(buf_ok(&buf, &err), &err);
    buf_add_char(&buf, '9');
    CHECK_ERROR(ERROR_TOO_LARGE, buf_ok(&buf, &err), &err);
    CHECK_STR("12345678", buf_str(&buf));
    buf_clear(&buf);
    buf_add(&buf, STR("abc"));
    buf_consume(&buf, 2);
    CHECK_STR("c", buf_str(&buf));
}

TEST(buf_takes_nothing_from_nowhere)
{
    CLEANUP(buf_free) struct buf buf = buf_make(KIB);

    buf_add_bytes(&buf, NULL, 0);
    CHECK_STR("", buf_str(&buf));
    buf_add_bytes(&buf, "x", 1);
    buf_add_bytes(&buf, NULL, 0); /* which the compiler may not be told to add to */
    CHECK_STR("x", buf_str(&buf));
}

TEST(error_keeps_code_target_sentence_and_hint)
{
    struct error err = {0};

    CHECK_INT(-1, error_set(&err, ERROR_INVALID, "a.b", "No %s.", "luck"));
    CHECK_INT(-1, error_hint(&err, "Try %d.", 2));
    CHECK_STR("a.b", str_from(err.target));
    CHECK_STR("No luck.", str_from(err.message));
    CHECK_STR("Try 2.", str_from(err.hint));
    CHECK_INT(-1, error_errno(&err, ENOSPC, "Writing"));
    CHECK_INT(ERROR_STORAGE_FULL, err.code);
    CHECK_INT(-1, error_set(NULL, ERROR_INVALID, "", "nobody listens"));
    error_set(&err, ERROR_IO, "", "first");
    error_set(&err, ERROR_IO, "", "then %s", err.message);
    CHECK_STR("then first", str_from(err.message));
}

TEST(list_is_a_queue)
{
    struct list list, nodes[3];

    list_init(&list);
    for (int i = 0; i < 3; i++)
        list_push(&list, &nodes[i]);
    list_remove(&nodes[1]);
    CHECK(list_pop(&list) == &nodes[0]);
    CHECK(list_pop(&list) == &nodes[2]);
    CHECK(list_pop(&list) == NULL);
}

TEST(map_holds_thousands_through_removals)
{
    CLEANUP(map_free) struct map *map = map_new();
    char key[32];
    size_t cursor = 0, walked = 0;
    struct str name;
    void *value;

    for (intptr_t i = 1; i <= 5000; i++) {
        int len = snprintf(key, sizeof(key), "key-%ld", (long)i);
        CHECK(map_set(map, (struct str){key, (size_t)len}, (void *)i) == NULL);
        if (i % 3 == 0)
            CHECK(map_remove(map, (struct str){key, (size_t)len}) == (void *)i);
    }
    CHECK_INT(5000 - 1666, map_count(map));
    CHECK(map_get(map, STR("key-3")) == NULL);
    CHECK(map_get(map, STR("key-4")) == (void *)4);
    CHECK(map_set(map, STR("key-4"), (void *)9) == (void *)4);
    while (map_next(map, &cursor, &name, &value))
        walked++;
    CHECK_INT(map_count(map), walked);
}

static struct json *parsed(struct arena *arena, const char *text)
{
    struct error err = {0};
    struct json *value = json_parse(arena, str_from(text), &err);
    CHECK_OK(value ? 0 : -1, &err);
    return value;
}

TEST(json_reads_by_path)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *body =
        parsed(arena, "{\"a\":{\"b\":[1,{\"c\":\"x\"}],\"t\":true},\"n\":-2,\"d\":0.5}");

    CHECK_STR("x", json_str_at(body, "a.b[1].c"));
    CHECK_INT(1, json_int_at(body, "a.b[0]", 9));
    CHECK_INT(-2, json_int_at(body, "n", 9));
    CHECK_INT(9, json_int_at(body, "missing.n", 9));
    CHECK(json_bool_at(body, "a.t", false));
    CHECK(json_double_at(body, "d", 0) == 0.5);
    CHECK(json_at(body, "a.b[7]") == NULL);
    CHECK_INT(JSON_OBJECT, json_kind(body));
    CHECK_INT(3, json_count(body));
    CHECK(json_get_fold(body, STR("A")) != NULL);
}

TEST(json_walks_in_order)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json_iter it = json_iter(parsed(arena, "{\"z\":1,\"a\":2,\"m\":3}"));
    const char *keys[] = {"z", "a", "m"};

    while (json_next(&it)) {
        CHECK_STR(keys[it.index], it.key);
        CHECK_INT((int64_t)it.index + 1, json_as_int(it.value, 0));
    }
    CHECK_INT(2, it.index);
    it = json_iter(parsed(arena, "[]"));
    CHECK(!json_next(&it));
    it = json_iter(parsed(arena, "\"text\""));
    CHECK(!json_next(&it));
}

TEST(json_builds_changes_and_writes)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *object = json_object(arena);
    struct error err = {0};

    json_set_str(arena, object, "b", STR("x"));
    json_set_int(arena, object, "a", -1);
    json_set_int(arena, object, "b", 2);
    CHECK_OK(json_put(arena, object, "p.q.r", json_bool(arena, true), &err), &err);
    CHECK_ERROR(ERROR_INVALID, json_put(arena, object, "a.x", json_null(arena), &err), &err);
    CHECK_STR("{\"b\":2,\"a\":-1,\"p\":{\"q\":{\"r\":true}}}", json_write(arena, object));
    CHECK_STR("{\"a\":-1,\"b\":2,\"p\":{\"q\":{\"r\":true}}}",
              json_write(arena, json_sorted(arena, object)));
    CHECK(json_take(object, "p.q.r") != NULL);
    CHECK(json_take(object, "p.q.r") == NULL);
    CHECK(json_remove(object, STR("p")));
    CHECK_STR("{\"b\":2,\"a\":-1}", json_write(arena, object));
}

TEST(json_merges_by_rfc_7396)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct json *target = parsed(arena, "{\"a\":{\"x\":1,\"y\":2},\"b\":[1]}");

    json_merge(arena, target,
               parsed(arena, "{\"a\":{\"x\":null,\"z\":{\"n\":null,\"k\":1}},\"b\":2}"));
    CHECK_STR("{\"a\":{\"y\":2,\"z\":{\"k\":1}},\"b\":2}", json_write(arena, target));
}

TEST(json_equality_ignores_order_and_number_form)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    CHECK(json_equal(parsed(arena, "{\"a\":1,\"b\":[1.0]}"), parsed(arena, "{\"b\":[1],\"a\":1}")));
    CHECK(!json_equal(parsed(arena, "{\"a\":1}"), parsed(arena, "{\"a\":1,\"b\":null}")));
    CHECK(!json_equal(parsed(arena, "[1,2]"), parsed(arena, "[2,1]")));
}

TEST(json_refuses_what_is_not_json)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct error err = {0};
    char deep[200];

    CHECK(json_parse(arena, STR("{\"a\":\n 1,}"), &err) == NULL);
    CHECK(strstr(err.message, "line 2") != NULL);
    CHECK(json_parse(arena, STR(""), &err) == NULL);
    CHECK(json_parse(arena, STR("[-Infinity]"), &err) == NULL);
    CHECK(json_parse(arena, STR("{} x"), &err) == NULL);
    memset(deep, '[', sizeof(deep));
    CHECK(json_parse(arena, (struct str){deep, sizeof(deep)}, &err) == NULL);
    CHECK_INT(ERROR_INVALID, err.code);
}
