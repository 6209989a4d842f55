#include "suite.h"

#include "os/fault.h"
#include "store/store_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int test_main(int argc, char **argv); /* of base/test.c */

static const char *engine_url;
static unsigned databases;

static bool suite_has(const char *part)
{
    return strstr(engine_url, part) != NULL;
}

bool suite_persistent(void)
{
    return !suite_has("memory:");
}

bool suite_snapshots(void)
{
    return !suite_has("memory:");
}

bool suite_plans(void)
{
    return suite_has("fault:");
}

const struct store_engine *suite_engine(void)
{
    if (suite_plans())
        return &store_fault;
    return suite_has("memory:") ? &store_memory : &store_sqlite;
}

/* Texts live to the end of the program, as test_folder does. */
static const char *suite_text(const char *text)
{
    static char texts[4096][256];
    static unsigned count;
    char *slot = texts[count++ % COUNT(texts)];

    snprintf(slot, sizeof(texts[0]), "%s", text);
    return slot;
}

const char *suite_url(void)
{
    char url[256];

    if (suite_persistent())
        snprintf(url, sizeof(url), "%s%s/%u.db", engine_url, test_folder(), databases++);
    else
        snprintf(url, sizeof(url), "%ssuite-%u", engine_url, databases++);
    return suite_text(url);
}

const char *suite_path(const char *url)
{
    return strchr(url, '/');
}

static void suite_copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    char bytes[65536];
    size_t got;

    if (!in)
        return; /* no log */
    FILE *out = fopen(to, "wb");
    assert_non_null(out);
    while ((got = fread(bytes, 1, sizeof(bytes), in)))
        assert_int_equal(got, fwrite(bytes, 1, got, out));
    fclose(in);
    assert_int_equal(0, fclose(out));
}

const char *suite_copy(const char *url)
{
    const char *copy = suite_url();
    char from[300], to[300];

    suite_copy_file(suite_path(url), suite_path(copy));
    snprintf(from, sizeof(from), "%s-wal", suite_path(url));
    snprintf(to, sizeof(to), "%s-wal", suite_path(copy));
    suite_copy_file(from, to);
    return copy;
}

void suite_close(struct store_connection **connection)
{
    if (*connection)
        (*connection)->engine->close(*connection);
    *connection = NULL;
}

struct store_connection *suite_open(const char *url, bool writer)
{
    struct store_connection *connection = NULL;
    struct error err = {0};

    CHECK_OK(suite_engine()->open(url, writer, &connection, &err), &err);
    return connection;
}

/* store_conformance URL… [name]: an argument without ':' picks tests by a part of their name. */
int main(int argc, char **argv)
{
    int failed = 0;
    char *name = argc > 2 && !strchr(argv[argc - 1], ':') ? argv[argc - 1] : NULL;

    if (argc < 2) {
        fprintf(stderr, "usage: store_conformance sqlite: memory: fault:sqlite: … [NAME]\n");
        return 2;
    }
    fault_from_environment();
    for (int i = 1; i < argc && argv[i] != name; i++) {
        char *args[] = {argv[0], name, NULL};
        engine_url = argv[i];
        printf("engine %s\n", engine_url);
        fflush(stdout);
        failed |= test_main(name ? 2 : 1, args);
    }
    return failed;
}
