/* What store_engine.h asks of an engine, asked of the engine itself. */
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define TABLE "CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT, b BLOB, d DOUBLE PRECISION)"

/* A writer with the table t in it. */
static struct store_connection *writer_with_table(const char *url)
{
    struct store_connection *c = suite_open(url, true);
    struct error err = {0};

    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_OK(c->engine->script(c, TABLE "; CREATE INDEX t_v ON t (v) WHERE v > 0", &err), &err);
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    return c;
}

/* One statement with a text and a number; the result of its only step. */
static int put(struct store_connection *c, const char *key, int64_t value, struct error *err)
{
    struct store_statement *s;

    CHECK_OK(c->engine->prepare(c, "INSERT INTO t (k, v) VALUES (?, ?)", &s, err), err);
    c->engine->bind_text(s, 1, str_from(key));
    c->engine->bind_int(s, 2, value);
    int result = c->engine->step(s, err);
    c->engine->finalize(s);
    return result;
}

/* The first column of the first row; -1 when there is none. */
static int64_t get(struct store_connection *c, const char *sql)
{
    struct store_statement *s;
    struct error err = {0};

    CHECK_OK(c->engine->prepare(c, sql, &s, &err), &err);
    int row = c->engine->step(s, &err);
    CHECK(row >= 0);
    int64_t value = row ? c->engine->get_int(s, 0) : -1;
    c->engine->finalize(s);
    return value;
}

static int64_t count(struct store_connection *c)
{
    return get(c, "SELECT count(*) FROM t");
}

TEST(engine_values_come_back_as_they_went)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};
    struct store_statement *s;
    const int64_t numbers[] = {0, -1, INT64_MIN, INT64_MAX};

    CHECK_OK(c->engine->prepare(c, "SELECT ?, ?, ?, ?, ?", &s, &err), &err);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        c->engine->bind_int(s, 1, numbers[i]);
        c->engine->bind_double(s, 2, 1e-300 * (double)i);
        c->engine->bind_text(s, 3, STR("\xc3\xa4 '"));
        c->engine->bind_blob(s, 4, STR("a\0\xff"));
        c->engine->bind_null(s, 5);
        CHECK_INT(1, c->engine->step(s, &err));
        CHECK(c->engine->get_int(s, 0) == numbers[i]);
        CHECK(c->engine->get_double(s, 1) == 1e-300 * (double)i);
        CHECK_STR("\xc3\xa4 '", c->engine->get_bytes(s, 2));
        CHECK(str_eq(STR("a\0\xff"), c->engine->get_bytes(s, 3)));
        CHECK(c->engine->is_null(s, 4) && !c->engine->is_null(s, 3));
        CHECK_INT(0, c->engine->get_bytes(s, 4).len);
        CHECK_INT(0, c->engine->step(s, &err));
        c->engine->reset(s);
    }
    /* reset forgot the bindings */
    CHECK_INT(1, c->engine->step(s, &err));
    CHECK(c->engine->is_null(s, 0) && c->engine->is_null(s, 2));
    c->engine->reset(s);
    c->engine->bind_text(s, 3, (struct str){0});
    CHECK_INT(1, c->engine->step(s, &err));
    CHECK(!c->engine->is_null(s, 2));
    c->engine->finalize(s);
}

TEST(engine_wrong_sql_is_an_error_of_ours)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};
    struct store_statement *s = NULL;

    CHECK_ERROR(ERROR_INTERNAL, c->engine->prepare(c, "SELEC 1", &s, &err), &err);
    CHECK_ERROR(ERROR_INTERNAL, c->engine->prepare(c, "SELECT x FROM t", &s, &err), &err);
    CHECK(!s);
    CHECK_ERROR(ERROR_INTERNAL, c->engine->script(c, "CREATE TABLE t (x)", &err), &err);
    CHECK_INT(0, count(c));
}

TEST(engine_a_second_row_with_a_key_exists)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};

    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_INT(0, put(c, "a", 1, &err));
    CHECK_INT(1, c->engine->changes(c));
    CHECK_ERROR(ERROR_EXISTS, put(c, "a", 2, &err), &err);
    CHECK(c->engine->in_transaction(c)); /* only the statement failed */
    CHECK_INT(0, put(c, "b", 3, &err));
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    CHECK(!c->engine->in_transaction(c));
    CHECK_INT(2, count(c));
    CHECK_INT(1, get(c, "SELECT v FROM t WHERE k = 'a'"));
}

TEST(engine_rollback_leaves_nothing)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};

    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_INT(0, put(c, "a", 1, &err));
    CHECK_OK(c->engine->script(c, "CREATE TABLE u (x BIGINT)", &err), &err);
    c->engine->rollback(c);
    CHECK(!c->engine->in_transaction(c));
    CHECK_INT(0, count(c));
    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_OK(c->engine->script(c, "CREATE TABLE u (x BIGINT)", &err), &err);
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    c->engine->rollback(c); /* without a transaction it does nothing */
}

TEST(engine_savepoints_keep_or_undo_their_part)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};

    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_INT(0, put(c, "before", 1, &err));
    CHECK_OK(c->engine->savepoint(c, &err), &err);
    CHECK_INT(0, put(c, "kept", 2, &err));
    CHECK_OK(c->engine->savepoint_end(c, true, &err), &err);
    CHECK_OK(c->engine->savepoint(c, &err), &err);
    CHECK_INT(0, put(c, "undone", 3, &err));
    CHECK_ERROR(ERROR_EXISTS, put(c, "kept", 4, &err), &err);
    CHECK_OK(c->engine->savepoint_end(c, false, &err), &err);
    CHECK_OK(c->engine->savepoint(c, &err), &err);
    CHECK_INT(0, put(c, "undone", 5, &err));
    CHECK_OK(c->engine->savepoint_end(c, true, &err), &err);
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    CHECK_INT(3, count(c));
    CHECK_INT(5, get(c, "SELECT v FROM t WHERE k = 'undone'"));
}

TEST(engine_readers_see_commits_only)
{
    const char *url = suite_url();
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(url);
    CLEANUP(suite_close) struct store_connection *reader = suite_open(url, false);
    struct error err = {0};

    CHECK_INT(0, count(reader));
    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_INT(0, put(c, "a", 1, &err));
    if (suite_snapshots())
        CHECK_INT(0, count(reader));
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    CHECK_INT(1, count(reader));
    CHECK_ERROR(ERROR_IO, put(reader, "b", 1, &err), &err); /* a reader cannot write */
}

TEST(engine_a_snapshot_stands_still)
{
    const char *url = suite_url();
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(url);
    CLEANUP(suite_close) struct store_connection *reader = suite_open(url, false);
    struct error err = {0};

    if (!suite_snapshots())
        return;
    CHECK_OK(reader->engine->begin(reader, false, &err), &err);
    CHECK_INT(0, count(reader));
    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_INT(0, put(c, "a", 1, &err));
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    c->engine->idle(c); /* does not wait for the reader */
    CHECK_INT(0, count(reader));
    reader->engine->rollback(reader);
    CHECK_INT(1, count(reader));
    c->engine->idle(c);
    CHECK_INT(1, count(reader));
}

TEST(engine_speaks_the_dialect)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};

    for (int i = 0; i < 5; i++)
        CHECK_INT(0, put(c, (const char *[]){"a", "B", "b", "\xc3\xa4", "Z"}[i], i, &err));
    /* upsert, and what it returns */
    CHECK_INT(11, get(c, "INSERT INTO t (k, v) VALUES ('b', 9) ON CONFLICT (k) DO UPDATE SET"
                         " v = t.v + excluded.v RETURNING v"));
    CHECK_INT(-1, get(c, "INSERT INTO t (k, v) VALUES ('b', 9) ON CONFLICT (k) DO UPDATE SET"
                         " v = 0 WHERE t.v < 0 RETURNING v"));
    CHECK_INT(7, get(c, "INSERT INTO t (k, v) VALUES ('n', 7) RETURNING v"));
    /* order by bytes */
    CHECK_INT(1, get(c, "SELECT v FROM t ORDER BY k LIMIT 1"));
    CHECK_INT(3, get(c, "SELECT v FROM t ORDER BY k DESC LIMIT 1"));
    /* rows compare as wholes */
    CHECK_INT(2, get(c, "SELECT count(*) FROM t WHERE (k, v) < ('a', 0)"));
    CHECK_INT(1, get(c, "DELETE FROM t WHERE k = 'B' AND v = 1 RETURNING v"));
    CHECK_INT(1, c->engine->changes(c));
    CHECK_INT(-1, get(c, "UPDATE t SET v = 1 WHERE k = 'none' RETURNING v"));
    CHECK_INT(0, c->engine->changes(c));
    CHECK_INT(3, get(c, "SELECT v FROM t WHERE v > 0 AND v = 3"));
}

TEST(engine_the_schema_number_belongs_to_the_transaction)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};
    int64_t number = 9;

    CHECK_OK(c->engine->schema(c, &number, &err), &err);
    CHECK_INT(0, number);
    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_OK(c->engine->set_schema(c, 5, &err), &err);
    c->engine->rollback(c);
    CHECK_OK(c->engine->schema(c, &number, &err), &err);
    CHECK_INT(0, number);
    CHECK_OK(c->engine->begin(c, true, &err), &err);
    CHECK_OK(c->engine->set_schema(c, 5, &err), &err);
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    CHECK_OK(c->engine->schema(c, &number, &err), &err);
    CHECK_INT(5, number);
}

TEST(engine_what_was_committed_is_there_after_reopening)
{
    const char *url = suite_url();
    struct store_connection *c = writer_with_table(url);
    struct error err = {0};
    atomic_bool stop = false;

    CHECK_INT(0, put(c, "a", 1, &err));
    CHECK(!c->engine->was_unclean(c));
    CHECK_OK(c->engine->check(c, &stop, &err), &err);
    if (suite_persistent()) {
        const char *copy = suite_copy(url);
        CLEANUP(suite_close) struct store_connection *killed = suite_open(copy, true);
        CHECK(killed->engine->was_unclean(killed));
        CHECK_INT(1, count(killed));
        suite_close(&c);
        c = suite_open(url, true);
        CHECK(!c->engine->was_unclean(c));
        CHECK_INT(1, count(c));
    }
    suite_close(&c);
}

TEST(engine_a_check_can_be_stopped)
{
    CLEANUP(suite_close) struct store_connection *c = writer_with_table(suite_url());
    struct error err = {0};
    atomic_bool stop = true;

    CHECK_OK(c->engine->begin(c, true, &err), &err);
    for (int i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        CHECK_INT(0, put(c, key, i, &err));
    }
    CHECK_INT(STORE_DONE, c->engine->commit(c, &err));
    CHECK_ERROR(ERROR_CANCELED, c->engine->check(c, &stop, &err), &err);
    atomic_store(&stop, false);
    CHECK_OK(c->engine->check(c, &stop, &err), &err);
}
