/* test.h - thin macros over cmocka; a TEST registers itself
 *
 *     TEST(a_name_that_says_what_is_true) { CHECK_INT(2, 1 + 1); }
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Needs those above. */
#include <cmocka.h>

#include "base/arena.h"

struct test_case {
    const char *name;
    const char *file;
    void (*run)(void **state);
    struct test_case *next;
};

/* Adds a case to the program's list; called by TEST before main. */
void test_register(struct test_case *test);

#define TEST(name)                                                           \
    static void test_##name(void **state);                                   \
    __attribute__((constructor)) static void register_##name(void)           \
    {                                                                        \
        static struct test_case test = {#name, __FILE__, test_##name, NULL}; \
        test_register(&test);                                                \
    }                                                                        \
    static void test_##name([[maybe_unused]] void **state)

#define CHECK(condition) assert_true(condition)
#define CHECK_INT(expected, actual) assert_int_equal((intmax_t)(expected), (intmax_t)(actual))

/* Compares a C string with a str and prints both when they differ. */
#define CHECK_STR(expected, actual) test_check_str(expected, actual, __FILE__, __LINE__)
void test_check_str(const char *expected, struct str actual, const char *file, int line);

/* Fails unless the call returned 0; prints the error's sentence otherwise. */
#define CHECK_OK(call, err) test_check_ok((call), (err), __FILE__, __LINE__)
void test_check_ok(int result, const struct error *err, const char *file, int line);

/* Fails unless the call returned -1 with this code. */
#define CHECK_ERROR(expected, call, err) \
    test_check_error(expected, (call), (err), __FILE__, __LINE__)
void test_check_error(enum error_code expected, int result, const struct error *err,
                      const char *file, int line);

/* A fresh folder under TMPDIR for this test program, removed at its end. Lives as long as the
 * program. */
const char *test_folder(void);
