/* What store.h promises of a write, on every engine, and whatever fails: it is there whole or not
 * at all, an acknowledged one stays, a refused one never comes back. */
#include "suite.h"

#include "os/fault.h"
#include "store/document.h"
#include "store/event.h"
#include "store/store_fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WRITES 12
#define SCOPE 3

/* One write: a document, its attribute and an event; refused or broken halfway on request. */
struct write {
    struct store_job job;
    int number;
    bool refuses; /* after it changed something */
    atomic_int *left;
    int result;
    enum error_code code;
};

static int write_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct write *write = context;
    struct str name = arena_printf(store_arena(txn), "w%d", write->number);
    struct document document = {
        .scope = SCOPE, .type = STR("data"), .name = name, .body = STR("{}"), .system = STR("{}")};
    struct event event = {.scope = SCOPE, .type = STR("data.created"), .subject = name};

    if (document_insert(txn, &document, err) < 0 ||
        document_set_text(txn, &document, "name", name, err) < 0)
        return -1;
    if (write->refuses)
        return error_set(err, ERROR_PRECONDITION, "", "Not this one.");
    return event_append(txn, &event, err);
}

static void write_done(struct store_job *job, int result, const struct error *err)
{
    struct write *write = CONTAINER_OF(job, struct write, job);

    write->result = result;
    write->code = result < 0 ? err->code : ERROR_NONE;
    atomic_fetch_sub(write->left, 1);
}

/* All at once, so that they form groups; waits for every answer. */
static void write_all(struct store *store, struct write *writes, int first, int count)
{
    atomic_int left = count;

    for (int i = first; i < first + count; i++) {
        writes[i].number = i;
        writes[i].left = &left;
        writes[i].job = (struct store_job){write_apply, &writes[i], write_done};
        store_write_later(store, &writes[i].job);
    }
    while (atomic_load(&left))
        usleep(100);
}

static int64_t ask(struct store *store, const char *text, int number)
{
    struct error err = {0};
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
    char name[16];

    snprintf(name, sizeof(name), "w%d", number);
    struct sql *q = txn ? sql(txn, text, &err) : NULL;
    CHECK(q);
    sql_bind_text(q, 1, str_from(name));
    CHECK_INT(1, sql_step(q));
    return sql_int(q, 0);
}

/* Whole or not at all; there when acknowledged; gone when refused, unless nobody could know. */
static void check_writes(struct store *store, const struct write *writes)
{
    for (int i = 0; i < WRITES; i++) {
        int64_t there = ask(store, "SELECT count(*) FROM document WHERE name = ?", i);
        CHECK_INT(there, ask(store, "SELECT count(*) FROM attr WHERE text = ?", i));
        CHECK_INT(there, ask(store, "SELECT count(*) FROM event WHERE subject = ?", i));
        if (writes[i].result == 0)
            CHECK_INT(1, there);
        else if (writes[i].code != ERROR_UNAVAILABLE)
            CHECK_INT(0, there);
    }
}

static struct store *open_store(const char *url)
{
    struct store *store = NULL;
    struct error err = {0};

    CHECK_OK(store_open(url, NULL, &store, &err), &err);
    return store;
}

/* Looks at the open store, at what a killed process would have left, and at the store reopened. */
static void check_everywhere(struct store *store, const char *url, const struct write *writes)
{
    struct store *copy = NULL, *again = store;

    check_writes(store, writes);
    if (suite_persistent()) {
        copy = open_store(suite_copy(url));
        check_writes(copy, writes);
        store_close(&copy);
        store_close(&again);
        again = open_store(url);
        check_writes(again, writes);
    }
    store_close(&again);
}

TEST(store_groups_keep_the_good_and_drop_the_refused)
{
    const char *url = suite_url();
    struct store *store = open_store(url);
    struct write writes[WRITES] = {0};

    for (int i = 0; i < WRITES; i += 3)
        writes[i].refuses = true;
    write_all(store, writes, 0, WRITES);
    for (int i = 0; i < WRITES; i++)
        CHECK_INT(i % 3 ? ERROR_NONE : ERROR_PRECONDITION, writes[i].code);
    check_everywhere(store, url, writes);
}

/* The same story with the call number `nth` failing; whether it was reached. */
struct plan {
    enum fault_point point;
    int number;
    bool onwards;
};

static bool story(const struct plan *plan, unsigned nth)
{
    const char *url = suite_url();
    struct store *store = open_store(url);
    struct write writes[WRITES] = {[2] = {.refuses = true}, [7] = {.refuses = true}};

    write_all(store, writes, 0, 4);
    fault_plan(plan->point, nth, plan->number, plan->onwards);
    write_all(store, writes, 4, 4);
    bool met = fault_count(plan->point) >= nth;
    fault_plan(plan->point, 0, 0, false);
    for (int i = 0; i < 4; i++)
        CHECK_INT(i == 2 ? ERROR_PRECONDITION : ERROR_NONE, writes[i].code);
    if (suite_persistent()) { /* what a crash right here would leave */
        struct store *copy = NULL;
        for (int i = 8; i < WRITES; i++)
            writes[i] = (struct write){.result = -1, .code = ERROR_INVALID};
        copy = open_store(suite_copy(url));
        check_writes(copy, writes);
        store_close(&copy);
    }
    write_all(store, writes, 8, 4); /* the fault is over: all is well again */
    for (int i = 8; i < WRITES; i++)
        CHECK_INT(ERROR_NONE, writes[i].code);
    CHECK(!store_read_only(store));
    check_everywhere(store, url, writes);
    return met;
}

static void fail_each(const struct plan *plan)
{
    unsigned nth = 1;

    while (story(plan, nth))
        nth++;
    CHECK(nth > 1); /* or no call was ever reached */
}

TEST(store_whichever_statement_fails_nothing_is_half)
{
    fail_each(&(struct plan){FAULT_STEP, EIO, false});
    story(&(struct plan){FAULT_STEP, EIO, true}, 3);
}

TEST(store_whichever_commit_fails_nothing_is_half)
{
    fail_each(&(struct plan){FAULT_COMMIT, EIO, false});
    fail_each(&(struct plan){FAULT_COMMIT, ENOSPC, false});
}

TEST(store_whichever_write_to_the_disk_fails_nothing_is_half)
{
    if (!suite_persistent())
        return;
    fail_each(&(struct plan){FAULT_WRITE, ENOSPC, false});
    fail_each(&(struct plan){FAULT_WRITE, EIO, false});
    story(&(struct plan){FAULT_WRITE, ENOSPC, true}, 1);
    story(&(struct plan){FAULT_WRITE, EIO, true}, 2);
}

TEST(store_whichever_sync_fails_nothing_is_half)
{
    if (!suite_persistent())
        return;
    fail_each(&(struct plan){FAULT_FSYNC, EIO, false});
    story(&(struct plan){FAULT_FSYNC, EIO, true}, 1);
}

TEST(store_a_full_disk_is_called_that)
{
    CLEANUP(store_close) struct store *store = open_store(suite_url());
    struct write writes[WRITES] = {0};

    if (suite_persistent()) {
        fault_plan(FAULT_WRITE, 1, ENOSPC, true);
        write_all(store, writes, 0, 1);
        fault_plan(FAULT_WRITE, 0, 0, false);
        CHECK_INT(ERROR_STORAGE_FULL, writes[0].code);
    }
    write_all(store, writes, 1, 1);
    CHECK_INT(ERROR_NONE, writes[1].code);
}

/* --- The wrapper's plans: ends of a commit that a real disk gives only by chance -----------------
 */

static bool plan_story(enum store_fault what, unsigned nth, bool onwards, struct write *writes)
{
    const char *url = suite_url();
    struct store *store = open_store(url);

    memset(writes, 0, WRITES * sizeof(*writes));
    writes[6].refuses = true;
    write_all(store, writes, 0, 4);
    store_fault_plan(what, nth, onwards);
    write_all(store, writes, 4, 4);
    bool met = store_fault_met();
    store_fault_plan(STORE_FAULT_NONE, 0, false);
    write_all(store, writes, 8, 4);
    for (int i = 8; i < WRITES; i++)
        CHECK_INT(ERROR_NONE, writes[i].code);
    CHECK(!store_read_only(store));
    check_everywhere(store, url, writes);
    return met;
}

TEST(store_every_planned_fault_leaves_whole_writes)
{
    const enum store_fault faults[] = {STORE_FAULT_STEP, STORE_FAULT_LEFT, STORE_FAULT_COMMIT,
                                       STORE_FAULT_UNKNOWN_KEPT, STORE_FAULT_UNKNOWN_LOST};
    struct write writes[WRITES];

    for (size_t i = 0; suite_plans() && i < COUNT(faults); i++) {
        unsigned nth = 1;
        while (plan_story(faults[i], nth, false, writes))
            nth++;
        CHECK(nth > 1 && nth < 200);
        plan_story(faults[i], 1, true, writes);
    }
}

TEST(store_an_unknown_commit_that_is_found_is_acknowledged)
{
    struct write writes[WRITES];

    if (!suite_plans())
        return;
    CHECK(plan_story(STORE_FAULT_UNKNOWN_KEPT, 1, false, writes));
    for (int i = 4; i < 8; i++)
        CHECK_INT(i == 6 ? ERROR_PRECONDITION : ERROR_NONE, writes[i].code);
}

TEST(store_an_unknown_commit_that_is_lost_is_refused_for_certain)
{
    struct write writes[WRITES];
    int failed = 0;

    if (!suite_plans())
        return;
    CHECK(plan_story(STORE_FAULT_UNKNOWN_LOST, 1, false, writes));
    for (int i = 4; i < 8; i++)
        failed += writes[i].code == ERROR_IO;
    CHECK(failed > 0); /* and check_everywhere has shown that they are not there */
}

TEST(store_when_nobody_can_tell_it_says_so_and_refuses_until_somebody_can)
{
    const char *url = suite_url();
    struct store *store = open_store(url);
    struct write writes[WRITES] = {[0 ... 3] = {.result = -1, .code = ERROR_UNAVAILABLE}};
    struct error trouble = {0};

    if (suite_plans()) {
        store_fault_plan(STORE_FAULT_UNKNOWN_LOST, 1, true); /* the batch that settles it too */
        write_all(store, writes, 0, 2);
        CHECK_INT(ERROR_UNAVAILABLE, writes[0].code);
        CHECK(store_read_only(store));
        store_trouble(store, &trouble);
        CHECK_INT(ERROR_UNAVAILABLE, trouble.code);
        store_fault_plan(STORE_FAULT_REOPEN, 1, true);
        write_all(store, writes, 2, 2);
        CHECK_INT(ERROR_UNAVAILABLE, writes[2].code);
        store_fault_plan(STORE_FAULT_NONE, 0, false);
    }
    write_all(store, writes, 4, WRITES - 4);
    for (int i = 4; i < WRITES; i++)
        CHECK_INT(ERROR_NONE, writes[i].code);
    CHECK(!store_read_only(store));
    check_everywhere(store, url, writes);
}

/* --- A look-up that fails is no look-up that finds nothing ---------------------------------------
 */

static int find_first(struct store_txn *txn, struct error *err)
{
    struct document_key key = {.scope = SCOPE, .type = STR("data"), .name = STR("w0")};
    struct document document;

    return document_get(txn, &key, &document, err);
}

TEST(store_a_read_that_failed_spoils_its_transaction_and_no_other)
{
    CLEANUP(store_close) struct store *store = open_store(suite_url());
    struct write writes[WRITES] = {0};
    struct error err = {0};

    write_all(store, writes, 0, 1);
    {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(store, &err);
        CHECK_OK(find_first(txn, &err), &err);
        CHECK_OK(store_txn_check(txn, &err), &err);
        fault_plan(FAULT_STEP, 1, EIO, false);
        CHECK_INT(-1, find_first(txn, NULL));
        fault_plan(FAULT_STEP, 0, 0, false);
        CHECK_ERROR(ERROR_IO, store_txn_check(txn, &err), &err);
        /* Also when the disk is well again: what was decided meanwhile was decided wrongly. */
        CHECK_ERROR(ERROR_IO, find_first(txn, &err), &err);
    }
    CLEANUP(store_read_end) struct store_txn *next = store_read_begin(store, &err);
    CHECK_OK(find_first(next, &err), &err);
}

/* Makes the second because it cannot see the first. */
static int make_unless_found(struct store_txn *txn, void *context, struct error *err)
{
    struct write *write = context;

    fault_plan(FAULT_STEP, write->refuses ? 1 : 0, EIO, false);
    int found = find_first(txn, NULL);
    fault_plan(FAULT_STEP, 0, 0, false);
    return found == 0 ? error_set(err, ERROR_EXISTS, "", "It is there.")
                      : write_apply(txn, &(struct write){.number = 1}, err);
}

TEST(store_a_write_that_could_not_read_changes_nothing)
{
    CLEANUP(store_close) struct store *store = open_store(suite_url());
    struct write writes[WRITES] = {0}, blind = {.refuses = true};
    struct error err = {0};

    write_all(store, writes, 0, 1);
    CHECK_ERROR(ERROR_IO, store_write(store, make_unless_found, &blind, &err), &err);
    blind.refuses = false;
    CHECK_ERROR(ERROR_EXISTS, store_write(store, make_unless_found, &blind, &err), &err);
    write_all(store, writes, 1, 1); /* its name is free */
    CHECK_INT(ERROR_NONE, writes[1].code);
}

/* --- Opening ------------------------------------------------------------------------------------
 */

TEST(store_a_migration_that_fails_is_made_whole_later)
{
    const struct plan plans[] = {
        {FAULT_STEP, EIO}, {FAULT_COMMIT, EIO}, {FAULT_WRITE, ENOSPC}, {FAULT_FSYNC, EIO}};
    struct error err = {0};

    for (size_t i = 0; suite_persistent() && i < COUNT(plans); i++) {
        bool met = true;
        for (unsigned nth = 1; met && nth < 400; nth++) {
            const char *url = suite_url();
            struct store *store = NULL;
            struct write writes[WRITES] = {0};
            fault_plan(plans[i].point, nth, plans[i].number, false);
            int opened = store_open(url, NULL, &store, &err);
            met = fault_count(plans[i].point) >= nth;
            fault_plan(plans[i].point, 0, 0, false);
            CHECK(opened == 0 || met);
            store_close(&store);
            store = open_store(url);
            write_all(store, writes, 0, 1);
            CHECK_INT(ERROR_NONE, writes[0].code);
            store_close(&store);
            CHECK(met || nth > 1);
        }
        CHECK(!met);
    }
}
