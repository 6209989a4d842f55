/* main() of every unit test program, and what the CHECK macros call. Tests register themselves, so
 * a file that is linked is a file that runs; each gets a folder of its own that goes with it. */
#include "base/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_case *first;
static char folder[256];

/* Runs before main, once for each TEST. */
void test_register(struct test_case *test)
{
    test->next = first;
    first = test;
}

/* Lengths count too: a text with a NUL inside is not its beginning. */
void test_check_str(const char *expected, struct str actual, const char *file, int line)
{
    if (str_eq(str_from(expected), actual))
        return;
    print_error("expected \"%s\"\n but was \"%.*s\"\n", expected, STR_ARG(actual));
    _fail(file, line);
}

/* Shows the sentence, since a bare -1 of a call deep below says nothing. */
void test_check_ok(int result, const struct error *err, const char *file, int line)
{
    if (result == 0)
        return;
    print_error("%s: %s [%s]\n", error_name(err->code), err->message, err->target);
    _fail(file, line);
}

/* The code is what callers decide by, so a call that fails for another reason fails the test. */
void test_check_error(enum error_code expected, int result, const struct error *err,
                      const char *file, int line)
{
    if (result != 0 && err->code == expected)
        return;
    print_error("expected \"%s\", got %d \"%s\" (%s)\n", error_name(expected), result,
                error_name(err->code), err->message);
    _fail(file, line);
}

/* What cannot be removed is left: a test folder that stays is no failure of the test. */
static int remove_one(const char *path, const struct stat *, int, struct FTW *)
{
    return remove(path);
}

/* Whatever a test left there goes, also after a failed one. */
static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Made at the first call: most programs need none. */
const char *test_folder(void)
{
    if (!folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof(folder), "%s/lazurite-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(folder))
            abort();
        atexit(remove_folder);
    }
    return folder;
}

/* Runs every registered test whose name holds the first argument (all without one). */
int main(int argc, char **argv)
{
    size_t count = 0;
    int failed;

    for (struct test_case *t = first; t; t = t->next)
        count++;
    struct CMUnitTest *tests = calloc(count + 1, sizeof(*tests));
    size_t used = 0;
    for (struct test_case *t = first; t; t = t->next)
        if (argc < 2 || strstr(t->name, argv[1]))
            tests[used++] = (struct CMUnitTest){.name = t->name, .test_func = t->run};
    failed = used ? _cmocka_run_group_tests("unit", tests, used, NULL, NULL) : 0;
    free(tests);
    return failed ? 1 : 0;
}
