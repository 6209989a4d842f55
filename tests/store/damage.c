/* After an unclean stop the store answers at once and looks for damage behind; found, it takes no
 * more writes and says why. */
#include "suite.h"

#include "store/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "a body that fills a page of the database"

static int fill(struct store_txn *txn, void *context, struct error *err)
{
    char body[2000];

    memset(body, 'x', sizeof(body));
    memcpy(body, MARK, strlen(MARK));
    for (int i = 0; i < *(int *)context; i++) {
        struct document document = {.scope = 1,
                                    .type = STR("data"),
                                    .name =
                                        arena_printf(store_arena(txn), "%d-%d", *(int *)context, i),
                                    .body = {body, sizeof(body)},
                                    .system = STR("{}")};
        if (document_insert(txn, &document, err) < 0)
            return -1;
    }
    return 0;
}

/* Overwrites the heads of some pages that hold documents; how many. */
static int damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    char page[4096];
    int damaged = 0;

    assert_non_null(file);
    for (long at = 0; damaged < 5 && fread(page, sizeof(page), 1, file) == 1; at += 4096) {
        if (!memmem(page, sizeof(page), MARK, strlen(MARK)))
            continue;
        memset(page, 0xee, 64);
        fseek(file, at, SEEK_SET);
        fwrite(page, sizeof(page), 1, file);
        fseek(file, at + 4096, SEEK_SET);
        damaged++;
    }
    fclose(file);
    return damaged;
}

/* A database with pages in the file and more in the log, as a killed process leaves it. */
static const char *killed_database(void)
{
    const char *url = suite_url();
    struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    CHECK_OK(store_write(store, fill, &(int){200}, &err), &err);
    store_close(&store);
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    CHECK_OK(store_write(store, fill, &(int){1}, &err), &err);
    const char *copy = suite_copy(url);
    store_close(&store);
    return copy;
}

static bool wait_for_trouble(struct store *store)
{
    for (int i = 0; i < 500 && !store_read_only(store); i++)
        usleep(10000);
    return store_read_only(store);
}

TEST(store_damage_found_after_an_unclean_stop_stops_writing)
{
    struct store *store = NULL;
    struct error err = {0}, trouble = {0};

    if (!suite_persistent())
        return;
    const char *url = killed_database();
    CHECK(damage(suite_path(url)) > 0);
    CHECK_OK(store_open(url, NULL, &store, &err), &err); /* it answers first */
    CHECK(wait_for_trouble(store));
    store_trouble(store, &trouble);
    CHECK_INT(ERROR_CORRUPT, trouble.code);
    CHECK(strstr(trouble.message, "document"));
    CHECK_ERROR(ERROR_UNAVAILABLE, store_write(store, fill, &(int){3}, &err), &err);
    CHECK(strstr(err.message, "damaged"));
    struct store_txn *txn = store_read_begin(store, &err);
    CHECK(txn); /* reading goes on */
    store_read_end(&txn);
    store_close(&store);
}

TEST(store_a_sound_database_is_checked_and_stays_open)
{
    struct store *store = NULL;
    struct error err = {0};

    if (!suite_persistent())
        return;
    CHECK_OK(store_open(killed_database(), NULL, &store, &err), &err);
    CHECK_OK(store_write(store, fill, &(int){3}, &err), &err);
    store_close(&store); /* waits for the check, or stops it */
    CHECK(!store);
}

static int fill_attr(struct store_txn *txn, void *context, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO attr (doc, field, scope, text, num) VALUES"
                        " (1, 'codeHash', 1, 'x', NULL), (1, 'size', 1, NULL, 2.5)",
                        err);
    return q ? sql_run(q, err) : -1;
}

/* The engine's check must believe every table of ours that is sound, with rows in it. */
TEST(store_rows_of_declared_fields_are_no_damage)
{
    const char *url = suite_url();
    struct store *store = NULL;
    struct error err = {0};
    atomic_bool stop = false;

    if (!suite_persistent())
        return;
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    CHECK_OK(store_write(store, fill_attr, NULL, &err), &err);
    store_close(&store);
    CLEANUP(suite_close) struct store_connection *c = suite_open(url, true);
    CHECK_OK(c->engine->check(c, &stop, &err), &err);
}
