/* Arenas, buffers, maps, lists and errors at their edges. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A repeatable stream of numbers (the constants of Knuth's MMIX generator). */
static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

TEST(arena_memory_is_zeroed_and_aligned_for_anything)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 200; size++) {
            unsigned char *bytes = arena_alloc(arena, size);
            CHECK_INT(0, (uintptr_t)bytes % _Alignof(max_align_t));
            for (size_t i = 0; i < size; i++)
                CHECK_INT(0, bytes[i]);
            memset(bytes, 0xff, size);
        }
        arena_reset(arena); /* what it keeps must come out zeroed again */
    }
}

TEST(arena_pieces_do_not_touch_each_other)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(SIZE_MAX);
    unsigned char *pieces[500];
    size_t sizes[500];
    uint64_t chance = 1;

    for (size_t i = 0; i < COUNT(pieces); i++) {
        /* Mostly small, at times larger than the largest chunk. */
        sizes[i] = i % 50 == 49 ? 300 * KIB + next(&chance) % KIB : next(&chance) % 3000;
        pieces[i] = arena_alloc(arena, sizes[i]);
        memset(pieces[i], (int)(i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t at = 0; at < sizes[i]; at += 97)
            CHECK_INT(i & 0xff, pieces[i][at]);
}

TEST(arena_budget_counts_to_the_byte)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64);
    struct error err = {0};

    CHECK_OK(arena_fits(arena, 64, &err), &err);
    CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, 65, &err), &err);
    CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, SIZE_MAX, &err), &err);
    arena_alloc(arena, 64);
    CHECK_OK(arena_fits(arena, 0, &err), &err);
    CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, 1, &err), &err);
    /* A fixed-size piece is given all the same; what a client chose then no longer fits. */
    arena_alloc(arena, 16);
    CHECK_ERROR(ERROR_TOO_LARGE, arena_fits(arena, 0, &err), &err);
    CHECK_INT(80, arena_used(arena));
}

TEST(arena_texts_end_in_a_nul_that_does_not_count)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str copy = arena_str(arena, STR("a\0b"));

    CHECK_INT(3, copy.len);
    CHECK_INT(0, memcmp("a\0b", copy.ptr, 4));
    CHECK_STR("", arena_str(arena, (struct str){NULL, 0}));
    CHECK_INT('\0', *arena_cstr(arena, (struct str){NULL, 0}));
    CHECK_STR("\xc3\x84 az[", arena_lower(arena, STR("\xc3\x84 AZ["))); /* only ASCII is lowered */
    CHECK_INT(5000, arena_printf(arena, "%5000d", 1).len);
}

TEST(freeing_nothing_is_fine)
{
    struct arena *arena = NULL;
    struct map *map = NULL;
    struct buf buf = buf_make(10);

    arena_free(&arena);
    map_free(&map);
    buf_free(&buf);
    buf_clear(&buf);
    buf_consume(&buf, 0);
    CHECK_STR("", buf_str(&buf));
    CHECK(!arena && !map);
}

TEST(a_buffer_takes_what_its_cap_allows_and_no_byte_more)
{
    struct error err = {0};

    for (size_t cap = 0; cap < 300; cap++) {
        CLEANUP(buf_free) struct buf buf = buf_make(cap);
        for (size_t i = 0; i < cap; i++)
            buf_add_char(&buf, 'x');
        CHECK_OK(buf_ok(&buf, &err), &err);
        CHECK_INT(cap, buf_str(&buf).len);
        CHECK_INT('\0', buf_str(&buf).ptr[cap]);
        buf_add(&buf, STR(""));
        CHECK_OK(buf_ok(&buf, &err), &err);
        buf_add_char(&buf, 'y');
        CHECK_ERROR(ERROR_TOO_LARGE, buf_ok(&buf, &err), &err);
        CHECK_INT(cap, buf.len);
    }
}

TEST(a_buffer_that_failed_takes_nothing_until_it_is_cleared)
{
    CLEANUP(buf_free) struct buf buf = buf_make(4);
    struct error err = {0};

    buf_add(&buf, STR("ab"));
    buf_printf(&buf, "%s", "cde");
    buf_add_char(&buf, 'f'); /* would fit, but the text would have a hole */
    buf_printf(&buf, "g");
    CHECK_STR("ab", buf_str(&buf));
    CHECK_ERROR(ERROR_TOO_LARGE, buf_ok(&buf, &err), &err);
    buf_clear(&buf);
    CHECK_OK(buf_ok(&buf, &err), &err);
    CHECK_STR("", buf_str(&buf));
}

TEST(a_buffer_is_a_queue_of_bytes)
{
    CLEANUP(buf_free) struct buf buf = buf_make(KIB);
    uint64_t chance = 3;
    unsigned char in = 0, out = 0;

    for (int round = 0; round < 5000; round++) {
        size_t more = next(&chance) % 50, less = next(&chance) % 50;
        char *to = buf_reserve(&buf, more);
        if (to) {
            for (size_t i = 0; i < more; i++)
                to[i] = (char)in++;
            buf_grew(&buf, more);
        }
        less = less < buf.len ? less : buf.len;
        for (size_t i = 0; i < less; i++)
            CHECK_INT(out++, (unsigned char)buf.ptr[i]);
        buf_consume(&buf, less);
    }
}

/* The map against a plain array of the same 64 keys. */
TEST(a_map_agrees_with_a_plain_table)
{
    CLEANUP(map_free) struct map *map = map_new();
    void *table[64] = {0};
    uint64_t chance = 11;
    char key[8];

    for (intptr_t step = 1; step <= 20000; step++) {
        size_t at = next(&chance) % COUNT(table), count = 0;
        struct str name = {key, (size_t)snprintf(key, sizeof(key), "k%zu", at)};
        switch (next(&chance) % 3) {
        case 0:
            CHECK(map_set(map, name, (void *)step) == table[at]);
            table[at] = (void *)step;
            break;
        case 1:
            CHECK(map_remove(map, name) == table[at]);
            table[at] = NULL;
            break;
        default:
            CHECK(map_get(map, name) == table[at]);
        }
        for (size_t i = 0; i < COUNT(table); i++)
            count += table[i] != NULL;
        CHECK_INT(count, map_count(map));
    }
}

TEST(a_map_key_may_be_empty_or_hold_a_nul)
{
    CLEANUP(map_free) struct map *map = map_new();
    int one, two, three;

    map_set(map, STR(""), &one);
    map_set(map, STR("a\0b"), &two);
    map_set(map, STR("a"), &three);
    CHECK(map_get(map, (struct str){NULL, 0}) == &one);
    CHECK(map_get(map, STR("a\0b")) == &two);
    CHECK(map_get(map, STR("a")) == &three);
    CHECK(map_get(map, STR("a\0c")) == NULL);
    CHECK(map_hash(STR("a")) == map_hash(STR("a")) && map_hash(STR("a")) != map_hash(STR("b")));
}

TEST(a_map_walks_each_entry_once)
{
    CLEANUP(map_free) struct map *map = map_new();
    unsigned seen[1000] = {0};
    char key[16];
    size_t cursor = 0;
    struct str name;
    void *value;

    for (intptr_t i = 0; i < 1000; i++)
        map_set(map, (struct str){key, (size_t)snprintf(key, sizeof(key), "%ld", (long)i)},
                &seen[i]);
    for (intptr_t i = 0; i < 1000; i += 2)
        map_remove(map, (struct str){key, (size_t)snprintf(key, sizeof(key), "%ld", (long)i)});
    while (map_next(map, &cursor, &name, &value))
        ++*(unsigned *)value;
    for (size_t i = 0; i < COUNT(seen); i++)
        CHECK_INT(i % 2, seen[i]);
}

TEST(a_list_node_may_be_taken_out_twice)
{
    struct list list, node;

    list_init(&list);
    list_init(&node);
    CHECK(list_empty(&list) && !list_pop(&list));
    list_push(&list, &node);
    CHECK(!list_empty(&list));
    list_remove(&node);
    list_remove(&node);
    CHECK(list_empty(&list));
}

TEST(every_errno_has_a_code_and_every_code_a_name)
{
    const struct {
        int number;
        enum error_code code;
    } cases[] = {{ENOSPC, ERROR_STORAGE_FULL},
                 {EDQUOT, ERROR_STORAGE_FULL},
                 {ENOENT, ERROR_NOT_FOUND},
                 {EEXIST, ERROR_EXISTS},
                 {EACCES, ERROR_FORBIDDEN},
                 {EPERM, ERROR_FORBIDDEN},
                 {EMFILE, ERROR_UNAVAILABLE},
                 {ENFILE, ERROR_UNAVAILABLE},
                 {ENOMEM, ERROR_UNAVAILABLE},
                 {EAGAIN, ERROR_UNAVAILABLE},
                 {EIO, ERROR_IO},
                 {EINTR, ERROR_IO}};
    struct error err = {0};

    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_ERROR(cases[i].code, error_errno(&err, cases[i].number, "Reading %d", 7), &err);
        CHECK(strstr(err.message, "Reading 7: ") == err.message);
        CHECK(strstr(err.message, strerror(cases[i].number)) != NULL);
    }
    for (int code = ERROR_NONE; code < ERROR_COUNT_; code++)
        CHECK(error_name(code) && *error_name(code));
}

TEST(a_new_error_forgets_the_hint_of_the_last_one)
{
    struct error err = {0};

    error_set(&err, ERROR_INVALID, "a", "first");
    error_hint(&err, "do this");
    error_set(&err, ERROR_INVALID, NULL, "second");
    CHECK_STR("", str_from(err.hint));
    CHECK_STR("", str_from(err.target));
    CHECK_INT(-1, error_errno(NULL, EIO, "x"));
    CHECK_INT(-1, error_hint(NULL, "x"));
}

/* Whether a text is whole UTF-8, by counting only. */
static bool whole_utf8(const char *text)
{
    size_t want = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c & 0xc0) == 0x80) {
            if (!want--)
                return false;
        } else if (want) {
            return false;
        } else {
            want = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        }
    }
    return !want;
}

TEST(a_sentence_that_is_too_long_ends_with_a_whole_character)
{
    const char *const letters[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x91"};

    for (size_t letter = 0; letter < COUNT(letters); letter++)
        for (int ahead = 0; ahead < 5; ahead++) {
            CLEANUP(buf_free) struct buf name = buf_make(4 * KIB);
            struct error err = {0};
            buf_printf(&name, "%.*s", ahead, "aaaaa");
            while (name.len < 1000)
                buf_add(&name, str_from(letters[letter]));
            error_set(&err, ERROR_INVALID, name.ptr, "%s", name.ptr);
            error_hint(&err, "%s", name.ptr);
            CHECK(whole_utf8(err.message) && whole_utf8(err.target) && whole_utf8(err.hint));
            CHECK(strlen(err.message) > sizeof(err.message) - 5);
            CHECK(strlen(err.target) > sizeof(err.target) - 5);
            error_errno(&err, EIO, "%s", name.ptr);
            CHECK(whole_utf8(err.message));
        }
}

TEST(an_error_may_be_told_again_with_its_own_target)
{
    struct error err = {0};

    error_set(&err, ERROR_NOT_FOUND, "properties.code", "It is gone.");
    error_set(&err, ERROR_INVALID, err.target, "In a job: %s", err.message);
    CHECK_STR("properties.code", str_from(err.target));
    CHECK_STR("In a job: It is gone.", str_from(err.message));
}
