/* Many threads at one store: counters that lose nothing, versions that are given once, readers that
 * see whole groups, leases that one holds. */
#include "base/test.h"
#include "os/clock.h"
#include "store/document.h"
#include "store/lease.h"
#include "store/scope.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS 6
#define ROUNDS 60

/* What the threads of a test share. */
static struct {
    struct store *store;
    struct scope scope;
    struct document parent;
    atomic_uint refused, torn, through; /* writers that are through */
} shared;

static int insert_world(struct store_txn *txn, void *, struct error *err)
{
    shared.scope = (struct scope){.kind = SCOPE_WORKSPACE,
                                  .subscription = STR("s"),
                                  .group = STR("g"),
                                  .name = STR("w"),
                                  .guid = STR("g-1")};
    if (scope_insert(txn, &shared.scope, err) < 0)
        return -1;
    shared.parent = (struct document){.scope = shared.scope.number,
                                      .type = STR("data"),
                                      .name = STR("d"),
                                      .created_by = STR("t"),
                                      .body = STR("{}"),
                                      .system = STR("{}")};
    return document_insert(txn, &shared.parent, err);
}

static void world_open(const char *url)
{
    struct error err = {0};

    CHECK_OK(store_open(url, NULL, &shared.store, &err), &err);
    CHECK_OK(store_write(shared.store, insert_world, NULL, &err), &err);
    atomic_store(&shared.refused, 0);
    atomic_store(&shared.torn, 0);
    atomic_store(&shared.through, 0);
}

static void run_threads(void *(*work)(void *))
{
    pthread_t threads[THREADS];

    for (intptr_t i = 0; i < THREADS; i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, work, (void *)i));
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static int64_t ask(const char *text)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(shared.store, &err);
    struct sql *q = txn ? sql(txn, text, &err) : NULL;
    int64_t number = q && sql_step(q) > 0 ? sql_int(q, 0) : -1;

    return q && sql_end(q, &err) == 0 ? number : -1;
}

/* --- Writers --------------------------------------------------------------------------------- */

static int begin_count(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn, "INSERT INTO meta (key, value) VALUES ('count', '0')", err);

    return q ? sql_run(q, err) : -1;
}

/* Reads, then writes one more: without one writer at a time, counts would be lost. */
static int count_up(struct store_txn *txn, void *, struct error *err)
{
    struct sql *q = sql(txn, "SELECT value FROM meta WHERE key = 'count'", err);
    int64_t number = 0;
    char text[24];

    if (!q)
        return -1;
    if (sql_step(q) > 0)
        str_to_int64(sql_text(q, 0), &number);
    if (sql_end(q, err) < 0)
        return -1;
    snprintf(text, sizeof(text), "%lld", (long long)number + 1);
    q = sql(txn, "UPDATE meta SET value = ? WHERE key = 'count'", err);
    if (!q)
        return -1;
    sql_bind_text(q, 1, str_from(text));
    return sql_run(q, err);
}

/* Every third write refuses after it has changed something, so that groups are replayed. */
static int count_and_refuse(struct store_txn *txn, void *, struct error *err)
{
    return count_up(txn, NULL, err) < 0 ? -1 : error_set(err, ERROR_INVALID, "", "No.");
}

static void *count_many(void *)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct error err = {0};
        int result = store_write(shared.store, i % 3 ? count_up : count_and_refuse, NULL, &err);
        if (result < 0)
            atomic_fetch_add(&shared.refused, err.code == ERROR_INVALID ? 1 : 1000000);
    }
    return NULL;
}

TEST(no_count_is_lost_between_writers_and_refusals)
{
    struct error err = {0};

    world_open("memory:");
    CHECK_OK(store_write(shared.store, begin_count, NULL, &err), &err);
    run_threads(count_many);
    CHECK_INT(THREADS * ROUNDS / 3, atomic_load(&shared.refused));
    CHECK_INT(THREADS * ROUNDS * 2 / 3,
              ask("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'count'"));
    store_close(&shared.store);
}

/* A version by the number that the container gives next, as two clients would ask at once. */
static int add_version(struct store_txn *txn, void *, struct error *err)
{
    struct document parent;
    char name[24];

    if (document_by_id(txn, shared.parent.doc, &parent, err) < 0)
        return -1;
    int64_t next = parent.next_version > 0 ? parent.next_version : 1;
    snprintf(name, sizeof(name), "%lld", (long long)next);
    struct document version = {.scope = shared.scope.number,
                               .type = STR("data/versions"),
                               .parent = parent.doc,
                               .name = str_from(name),
                               .created_by = STR("t"),
                               .body = STR("{}"),
                               .system = STR("{}")};
    return document_insert(txn, &version, err) < 0
               ? -1
               : document_saw_version(txn, parent.doc, version.name, err);
}

static void *add_versions(void *)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct error err = {0};
        if (store_write(shared.store, add_version, NULL, &err) < 0)
            atomic_fetch_add(&shared.refused, 1);
    }
    return NULL;
}

TEST(a_version_number_is_given_once_whoever_asks)
{
    world_open("memory:");
    run_threads(add_versions);
    CHECK_INT(0, atomic_load(&shared.refused));
    CHECK_INT(THREADS * ROUNDS, ask("SELECT count(*) FROM document WHERE type = 'data/versions'"));
    CHECK_INT(THREADS * ROUNDS,
              ask("SELECT max(CAST(name AS INTEGER)) FROM document WHERE type = 'data/versions'"));
    store_close(&shared.store);
}

/* --- Readers --------------------------------------------------------------------------------- */

/* Two rows at a time: a reader that sees an odd number has seen half a write. */
static int add_pair(struct store_txn *txn, void *context, struct error *err)
{
    for (int half = 0; half < 2; half++) {
        struct sql *q = sql(txn, "INSERT INTO meta (key, value) VALUES (?, 'v')", err);
        char key[48];
        if (!q)
            return -1;
        snprintf(key, sizeof(key), "pair-%s-%d", (const char *)context, half);
        sql_bind_text(q, 1, str_from(key));
        if (sql_run(q, err) < 0)
            return -1;
    }
    return 0;
}

#define PAIRS "SELECT count(*) FROM meta WHERE key LIKE 'pair-%'"

/* Half of the threads write, half read until the writers are through. */
static void *write_or_read(void *context)
{
    intptr_t number = (intptr_t)context;
    char name[32];

    if (number % 2) {
        int64_t last = 0;
        while (atomic_load(&shared.through) < THREADS / 2) {
            int64_t count = ask(PAIRS);
            if (count < last || count % 2)
                atomic_fetch_add(&shared.torn, 1);
            last = count;
        }
        return NULL;
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct error err = {0};
        snprintf(name, sizeof(name), "%ld-%d", (long)number, i);
        if (store_write(shared.store, add_pair, name, &err) < 0)
            atomic_fetch_add(&shared.refused, 1);
    }
    atomic_fetch_add(&shared.through, 1);
    return NULL;
}

static void check_readers(const char *url)
{
    world_open(url);
    run_threads(write_or_read);
    CHECK_INT(0, atomic_load(&shared.torn));
    CHECK_INT(0, atomic_load(&shared.refused));
    CHECK_INT(2 * ROUNDS * THREADS / 2, ask(PAIRS));
    store_close(&shared.store);
}

TEST(readers_see_whole_writes_that_only_grow)
{
    char url[300];

    check_readers("memory:");
    snprintf(url, sizeof(url), "sqlite:%s/threads.db", test_folder());
    check_readers(url);
}

/* --- Leases ---------------------------------------------------------------------------------- */

struct taking {
    const char *holder;
    int64_t token;
};

static int take_lease(struct store_txn *txn, void *context, struct error *err)
{
    struct taking *taking = context;
    return lease_take(txn, STR("scheduler"), str_from(taking->holder), &taking->token, err);
}

static int drop_lease(struct store_txn *txn, void *context, struct error *err)
{
    return lease_release(txn, STR("scheduler"), ((struct taking *)context)->token, err);
}

static atomic_int holders;
static _Atomic int64_t newest;

static void *hold_and_drop(void *context)
{
    static const char *const NAMES[THREADS] = {"a", "b", "c", "d", "e", "f"};
    struct taking taking = {.holder = NAMES[(intptr_t)context]};

    for (int i = 0; i < ROUNDS; i++) {
        struct error err = {0};
        if (store_write(shared.store, take_lease, &taking, &err) < 0) {
            atomic_fetch_add(&shared.refused, err.code == ERROR_CONFLICT ? 0 : 1);
            continue;
        }
        if (atomic_fetch_add(&holders, 1) != 0)
            atomic_fetch_add(&shared.torn, 1);
        if (taking.token <= atomic_exchange(&newest, taking.token)) /* tokens only rise */
            atomic_fetch_add(&shared.torn, 1);
        atomic_fetch_sub(&holders, 1);
        if (store_write(shared.store, drop_lease, &taking, &err) < 0)
            atomic_fetch_add(&shared.refused, 1);
    }
    return NULL;
}

TEST(one_at_a_time_holds_a_lease_and_its_token_only_rises)
{
    world_open("memory:");
    atomic_store(&newest, 0);
    run_threads(hold_and_drop);
    CHECK_INT(0, atomic_load(&shared.torn));
    CHECK_INT(0, atomic_load(&shared.refused));
    CHECK(atomic_load(&newest) > 0);
    store_close(&shared.store);
}
