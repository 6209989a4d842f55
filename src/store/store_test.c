#include "base/test.h"
#include "os/clock.h"
#include "store/event.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int put(struct store_txn *txn, const char *key, const char *value, struct error *err)
{
    struct sql *q = sql(txn, "INSERT INTO meta (key, value) VALUES (?, ?)", err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, str_from(key));
    sql_bind_text(q, 2, str_from(value));
    return sql_run(q, err);
}

static int64_t count(struct store *store, const char *prefix)
{
    struct error err;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    struct sql *q = sql(txn, "SELECT count(*) FROM meta WHERE substr(key, 1, length(?)) = ?", &err);

    sql_bind_text(q, 1, str_from(prefix));
    sql_bind_text(q, 2, str_from(prefix));
    CHECK_INT(1, sql_step(q));
    int64_t number = sql_int(q, 0);
    CHECK_OK(sql_end(q, &err), &err);
    return number;
}

static int put_one(struct store_txn *txn, void *context, struct error *err)
{
    return put(txn, context, "v", err);
}

/* Two rows, then a refusal or a broken statement: nothing of it may stay. */
static int put_and_fail(struct store_txn *txn, void *context, struct error *err)
{
    if (put(txn, "half-1", "v", err) < 0 || put(txn, "half-2", "v", err) < 0)
        return -1;
    if (context)
        return put(txn, context, "v", err);
    return error_set(err, ERROR_INVALID, "", "No.");
}

TEST(a_write_that_fails_after_a_change_leaves_nothing)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(store_write(store, put_one, "a", &err), &err);
    CHECK_ERROR(ERROR_INVALID, store_write(store, put_and_fail, NULL, &err), &err);
    CHECK_ERROR(ERROR_EXISTS, store_write(store, put_and_fail, "a", &err), &err);
    CHECK_INT(0, count(store, "half"));
    CHECK_OK(store_write(store, put_and_fail, "b", &err), &err);
    CHECK_INT(2, count(store, "half"));
}

struct later {
    struct store_job job;
    char key[24];
    atomic_int *left;
    int result;
    enum error_code code;
};

static void later_done(struct store_job *job, int result, const struct error *err)
{
    struct later *later = CONTAINER_OF(job, struct later, job);

    later->result = result;
    later->code = result < 0 ? err->code : ERROR_NONE;
    atomic_fetch_sub(later->left, 1);
}

static int fail_some(struct store_txn *txn, void *context, struct error *err)
{
    struct later *later = context;

    if (put(txn, later->key, "v", err) < 0)
        return -1;
    return later->key[1] == '7' ? error_set(err, ERROR_PRECONDITION, "", "Not 7.") : 0;
}

TEST(in_a_group_only_the_failing_ones_fail)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};
    static struct later later[100];
    atomic_int left = COUNT(later);

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    for (size_t i = 0; i < COUNT(later); i++) {
        later[i] = (struct later){.left = &left};
        later[i].job = (struct store_job){fail_some, &later[i], later_done};
        snprintf(later[i].key, sizeof(later[i].key), "k%zu", i);
    }
    for (size_t i = 0; i < COUNT(later); i++)
        store_write_later(store, &later[i].job);
    while (atomic_load(&left))
        usleep(1000);
    for (size_t i = 0; i < COUNT(later); i++)
        CHECK_INT(later[i].key[1] == '7' ? ERROR_PRECONDITION : ERROR_NONE, later[i].code);
    CHECK_INT(89, count(store, "k"));
}

TEST(closing_waits_for_what_is_queued)
{
    struct store *store = NULL;
    struct error err = {0};
    static struct later later[50];
    atomic_int left = COUNT(later);

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    for (size_t i = 0; i < COUNT(later); i++) {
        later[i] = (struct later){.left = &left};
        later[i].job = (struct store_job){put_one, later[i].key, later_done};
        snprintf(later[i].key, sizeof(later[i].key), "k%zu", i);
        store_write_later(store, &later[i].job);
    }
    store_close(&store);
    CHECK_INT(0, left);
}

/* --- Flush ---------------------------------------------------------------------------------- */

struct gathered {
    int count;
};

static int flush_gathered(struct store_txn *txn, void *state, struct error *err)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", ((struct gathered *)state)->count);
    struct sql *q = sql(txn,
                        "INSERT INTO meta VALUES ('sum', ?) ON CONFLICT (key) DO UPDATE SET"
                        " value = value + excluded.value",
                        err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, str_from(text));
    return sql_run(q, err);
}

static int gather(struct store_txn *txn, void *context, struct error *err)
{
    struct later *later = context;
    const void *before = store_flush_peek(txn, flush_gathered);
    struct gathered *state = store_flush_state(txn, flush_gathered, sizeof(*state));

    CHECK(!before || before == state);
    CHECK(state == store_flush_state(txn, flush_gathered, sizeof(*state)));
    state->count++;
    return later->key[1] == '7' ? error_set(err, ERROR_PRECONDITION, "", "Not 7.") : 0;
}

static int64_t sum(struct store *store)
{
    struct error err;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    struct sql *q = sql(txn, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sum'", &err);

    return sql_step(q) > 0 ? sql_int(q, 0) : -1;
}

TEST(what_a_refused_write_gathered_is_not_flushed)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};
    static struct later later[100];
    atomic_int left = COUNT(later);

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    for (size_t i = 0; i < COUNT(later); i++) {
        later[i] = (struct later){.left = &left};
        later[i].job = (struct store_job){gather, &later[i], later_done};
        snprintf(later[i].key, sizeof(later[i].key), "k%zu", i);
        store_write_later(store, &later[i].job);
    }
    while (atomic_load(&left))
        usleep(1000);
    CHECK_INT(89, sum(store));
}

/* --- Readers and listeners ------------------------------------------------------------------ */

TEST(a_reader_without_a_descriptor_is_asked_to_come_again)
{
    char url[300];
    struct store *store;
    struct error err = {0};
    struct rlimit before;

    snprintf(url, sizeof(url), "sqlite:%s/descriptors.db", test_folder());
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    int next = dup(0); /* the lowest number that is free */
    CHECK(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    struct store_txn *refused = store_read_begin(store, &err);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(!refused && err.code == ERROR_UNAVAILABLE);
    struct store_txn *txn = store_read_begin(store, &err);
    CHECK(txn);
    store_read_end(&txn);
    store_close(&store);
}

TEST(a_reader_keeps_its_snapshot)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct error err = {0};
    char url[300];

    snprintf(url, sizeof(url), "sqlite:%s/snapshot.db", test_folder());
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    CHECK_OK(store_write(store, put_one, "a1", &err), &err);
    txn = store_read_begin(store, &err);
    CHECK(txn && !store_is_writer(txn) && store_of(txn) == store);
    CHECK_INT(0, event_last(txn));
    CHECK_OK(store_write(store, put_one, "a2", &err), &err);
    struct sql *q = sql(txn, "SELECT count(*) FROM meta WHERE key LIKE 'a_'", &err);
    CHECK_INT(1, sql_step(q));
    CHECK_INT(1, sql_int(q, 0));
    CHECK_OK(sql_end(q, &err), &err);
    CHECK_INT(2, count(store, "a"));
    q = sql(txn, "DELETE FROM meta", &err); /* a reader cannot write */
    CHECK_ERROR(ERROR_IO, sql_run(q, &err), &err);
}

static void woken(int64_t seq, void *context)
{
    atomic_store((_Atomic int64_t *)context, seq);
}

static int append(struct store_txn *txn, void *context, struct error *err)
{
    struct event event = {.type = STR("t"), .subject = str_from(context)};

    if (event_append(txn, &event, err) < 0)
        return -1;
    return *(char *)context == 'x' ? error_set(err, ERROR_INVALID, "", "x") : 0;
}

TEST(listeners_are_told_of_committed_events_only)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};
    _Atomic int64_t seen = 0, also = 0;

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    store_on_event(store, woken, &seen);
    store_on_event(store, woken, &also);
    CHECK_ERROR(ERROR_INVALID, store_write(store, append, "x", &err), &err);
    CHECK_INT(0, seen);
    CHECK_OK(store_write(store, append, "a", &err), &err);
    CHECK_INT(1, seen);
    CHECK_INT(1, also);
    store_on_event(store, NULL, &seen);
    CHECK_OK(store_write(store, append, "b", &err), &err);
    CHECK_INT(1, seen);
    CHECK_INT(2, also);
}

/* --- Statements ----------------------------------------------------------------------------- */

static int statements(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn, "SELECT ?, ?, ?, ?, ?, ?", err);

    sql_bind_int(q, 1, INT64_MIN);
    sql_bind_double(q, 2, 0.1);
    sql_bind_text(q, 3, (struct str){0});
    sql_bind_blob(q, 4, STR("a\0b"));
    sql_bind_null(q, 5);
    sql_bind_text_or_null(q, 6, STR(""));
    CHECK_INT(1, sql_step(q));
    CHECK(sql_int(q, 0) == INT64_MIN && sql_double(q, 1) == 0.1);
    CHECK(!sql_is_null(q, 2) && sql_text(q, 2).len == 0);
    CHECK_INT(3, sql_text(q, 3).len);
    CHECK(sql_is_null(q, 4) && sql_is_null(q, 5));
    CHECK_INT(0, sql_step(q));
    CHECK_OK(sql_end(q, err), err);
    CHECK(!sql(txn, "SELECT nothing FROM nowhere", err));
    CHECK_INT(ERROR_INTERNAL, err->code);

    /* The same address with another text is another statement. */
    char text[] = "SELECT 1";
    q = sql(txn, text, err);
    CHECK_INT(1, sql_step(q));
    CHECK_INT(1, sql_int(q, 0));
    text[7] = '2';
    q = sql(txn, text, err);
    CHECK_INT(1, sql_step(q));
    CHECK_INT(2, sql_int(q, 0));
    return 0;
}

TEST(statements_bind_and_read_every_type)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    CHECK_OK(store_write(store, statements, NULL, &err), &err);
}

static int many_texts(struct store_txn *txn, void *context, struct error *err)
{
    for (int i = 0; i < 400; i++) {
        struct str text = arena_printf(store_arena(txn), "SELECT %d", i + *(int *)context);
        struct sql *q = sql(txn, text.ptr, err);
        CHECK(q && sql_step(q) == 1 && sql_int(q, 0) == i + *(int *)context);
    }
    return 0;
}

TEST(texts_made_at_run_time_do_not_pile_up)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    for (int i = 0; i < 3; i++)
        CHECK_OK(store_write(store, many_texts, &(int){i * 1000}, &err), &err);
}

/* --- Opening -------------------------------------------------------------------------------- */

static int age(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE meta SET value = '9.1.0' WHERE key = 'version'", err);
    return sql_run(q, err);
}

TEST(a_newer_schema_is_refused_by_name)
{
    struct store *store = NULL;
    struct error err = {0};
    char url[300], command[400];

    snprintf(url, sizeof(url), "sqlite:%s/newer.db", test_folder());
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    CHECK_OK(store_write(store, age, NULL, &err), &err);
    store_close(&store);
    snprintf(command, sizeof(command), "%s/newer.db-wal", test_folder());
    CHECK(access(command, F_OK) != 0); /* closed whole: no log is left */
    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    store_close(&store);
    FILE *file = fopen(url + 7, "r+");
    CHECK(file && fseek(file, 63, SEEK_SET) == 0 && fputc(77, file) == 77 && fclose(file) == 0);
    CHECK_ERROR(ERROR_CONFLICT, store_open(url, NULL, &store, &err), &err);
    CHECK(strstr(err.message, "schema 77 and needs lazurite 9.1.0"));
    CHECK(!store);
}

TEST(what_is_no_database_is_refused)
{
    struct store *store = NULL;
    struct error err = {0};
    char url[300];

    CHECK_ERROR(ERROR_INVALID, store_open("mysql://x", NULL, &store, &err), &err);
    CHECK_ERROR(ERROR_INVALID, store_open("sqlite:", NULL, &store, &err), &err);
    snprintf(url, sizeof(url), "sqlite:%s/none/x.db", test_folder());
    CHECK_ERROR(ERROR_NOT_FOUND, store_open(url, NULL, &store, &err), &err);
    snprintf(url, sizeof(url), "sqlite:%s/text.db", test_folder());
    FILE *file = fopen(url + 7, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", file);
    fclose(file);
    CHECK_ERROR(ERROR_CORRUPT, store_open(url, NULL, &store, &err), &err);
    CHECK(!store);
}

/* What was told of slow writes. */
static char slow_what[32];
static int64_t slow_us;

static void told(const char *what, int64_t us)
{
    snprintf(slow_what, sizeof(slow_what), "%s", what);
    slow_us = us;
}

static int dawdle(struct store_txn *, void *context, struct error *)
{
    clock_sleep_us(*(int64_t *)context);
    return 0;
}

TEST(an_apply_that_everybody_waits_for_is_told_with_its_label)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct error err = {0};
    int64_t quick_us = 0, long_us = STORE_SLOW_US + 5000;

    CHECK_OK(store_open("memory:", NULL, &store, &err), &err);
    store_on_slow(store, told);
    store_label("/a/{row}");
    CHECK_OK(store_write(store, dawdle, &quick_us, &err), &err);
    CHECK_OK(store_write(store, dawdle, &long_us, &err), &err);
    store_label("/b");
    CHECK_OK(store_write(store, dawdle, &quick_us, &err), &err);
    store_label(NULL);
    store_close(&store); /* it is told behind the answer */
    CHECK_STR("/a/{row}", str_from(slow_what));
    CHECK(slow_us >= STORE_SLOW_US);
}
