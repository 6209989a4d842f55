/* Hands every call on to the engine inside, but for the one that the plan names. The suite of the
 * engines runs over it as well, and the store's recovery is tested with each kind of failed commit
 * in turn. */
#include "store/store_fault.h"

#include "store/store_engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct fault_connection {
    struct store_connection base;
    struct store_connection *inner;
    bool writer;
};

struct fault_statement {
    struct fault_connection *connection;
    struct store_statement *inner;
};

/* Every writer of the process shares the plan: a test has one. */
static struct {
    atomic_int what;
    atomic_uint nth;
    atomic_bool onwards;
    atomic_uint count;
} plan;

/* The kind goes first: with a number of an earlier plan still there, at worst a fault comes early
 * in a test that has just begun. */
void store_fault_plan(enum store_fault what, unsigned nth, bool onwards)
{
    atomic_store(&plan.what, nth ? (int)what : STORE_FAULT_NONE);
    atomic_store(&plan.nth, nth);
    atomic_store(&plan.onwards, onwards);
    atomic_store(&plan.count, 0);
}

/* For loops that fail each step in turn: they end when the planned one is no longer reached. */
bool store_fault_met(void)
{
    return atomic_load(&plan.nth) && atomic_load(&plan.count) >= atomic_load(&plan.nth);
}

/* Counts each passage, also those behind the planned one, since `onwards` fails all of those. */
static bool fault_meets(enum store_fault what)
{
    if (atomic_load(&plan.what) != (int)what)
        return false;
    unsigned count = atomic_fetch_add(&plan.count, 1) + 1;
    unsigned nth = atomic_load(&plan.nth);
    assert(nth > 0);
    return count == nth || (count > nth && atomic_load(&plan.onwards));
}

/* The sentence is looked for by tests: a real error of the engine must not pass for a planned
 * one. */
static int fault_set(struct error *err)
{
    return error_set(err, ERROR_IO, "", "A fault was asked for.");
}

/* The engine's mark is looked at, as a connection of another one would be read as this struct. */
static struct fault_connection *fault_of(struct store_connection *connection)
{
    assert(connection->engine == &store_fault);
    return (struct fault_connection *)connection;
}

/* A statement carries no mark; it comes from fault_prepare or it is a bug. */
static struct fault_statement *fault_statement_of(struct store_statement *statement)
{
    assert(statement);
    return (struct fault_statement *)statement;
}

/* The inner engine is named by the rest of the URL, so the same suite runs over both. */
static int fault_open(const char *url, bool writer, struct store_connection **out,
                      struct error *err)
{
    const char *inner_url = url + strlen("fault:");
    const struct store_engine *inner =
        strncmp(inner_url, "memory:", 7) == 0 ? &store_memory : &store_sqlite;
    struct store_connection *connection;

    assert(strncmp(url, "fault:", 6) == 0);
    if (writer && fault_meets(STORE_FAULT_REOPEN))
        return fault_set(err);
    if (inner->open(inner_url, writer, &connection, err) < 0)
        return -1;
    struct fault_connection *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    *c = (struct fault_connection){.base = {&store_fault}, .inner = connection, .writer = writer};
    *out = &c->base;
    return 0;
}

/* The inner connection first: ours is only its wrapping. */
static void fault_close(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);

    c->inner->engine->close(c->inner);
    free(c);
}

/* Scripts are migrations; what fails in them is tested by failing their commit. */
static int fault_script(struct store_connection *connection, const char *sql, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->script(c->inner, sql, err);
}

/* The wrapping of a statement knows its connection, since faults are planned for the writer's
 * alone. */
static int fault_prepare(struct store_connection *connection, const char *sql,
                         struct store_statement **out, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    struct store_statement *inner;

    if (c->inner->engine->prepare(c->inner, sql, &inner, err) < 0)
        return -1;
    struct fault_statement *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    *s = (struct fault_statement){.connection = c, .inner = inner};
    *out = (struct store_statement *)s;
    return 0;
}

/* The engine inside, for what is handed on as it is. */
#define INNER(s) ((s)->connection->inner->engine)

/* As fault_close, for a statement. */
static void fault_finalize(struct store_statement *statement)
{
    struct fault_statement *s = fault_statement_of(statement);

    INNER(s)->finalize(s->inner);
    free(s);
}

/* Binding and reading pass through from here on: they cannot fail, so nothing is planned for
 * them. */
static void fault_bind_int(struct store_statement *statement, int at, int64_t value)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->bind_int(s->inner, at, value);
}

/* Passes through. */
static void fault_bind_double(struct store_statement *statement, int at, double value)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->bind_double(s->inner, at, value);
}

/* Passes through; the bytes are the caller's until the step, as with the inner engine. */
static void fault_bind_text(struct store_statement *statement, int at, struct str value)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->bind_text(s->inner, at, value);
}

/* Passes through, as fault_bind_text. */
static void fault_bind_blob(struct store_statement *statement, int at, struct str value)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->bind_blob(s->inner, at, value);
}

/* Passes through. */
static void fault_bind_null(struct store_statement *statement, int at)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->bind_null(s->inner, at);
}

/* A step that fails, or one before which the engine has left the transaction by itself, as a full
 * disk makes SQLite do. */
static int fault_step(struct store_statement *statement, struct error *err)
{
    struct fault_statement *s = fault_statement_of(statement);
    struct fault_connection *c = s->connection;

    if (c->writer && fault_meets(STORE_FAULT_STEP))
        return fault_set(err);
    if (c->writer && fault_meets(STORE_FAULT_LEFT)) {
        c->inner->engine->rollback(c->inner);
        return fault_set(err);
    }
    return INNER(s)->step(s->inner, err);
}

/* Passes through: a reset never fails, whatever the step did. */
static void fault_reset(struct store_statement *statement)
{
    struct fault_statement *s = fault_statement_of(statement);
    INNER(s)->reset(s->inner);
}

/* Passes through. */
static bool fault_is_null(struct store_statement *statement, int column)
{
    struct fault_statement *s = fault_statement_of(statement);
    return INNER(s)->is_null(s->inner, column);
}

/* Passes through. */
static int64_t fault_get_int(struct store_statement *statement, int column)
{
    struct fault_statement *s = fault_statement_of(statement);
    return INNER(s)->get_int(s->inner, column);
}

/* Passes through. */
static double fault_get_double(struct store_statement *statement, int column)
{
    struct fault_statement *s = fault_statement_of(statement);
    return INNER(s)->get_double(s->inner, column);
}

/* Passes through; the bytes are the inner engine's until the next step. */
static struct str fault_get_bytes(struct store_statement *statement, int column)
{
    struct fault_statement *s = fault_statement_of(statement);
    return INNER(s)->get_bytes(s->inner, column);
}

/* Passes through: a transaction that does not begin has nothing to be torn. */
static int fault_begin(struct store_connection *connection, bool write, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->begin(c->inner, write, err);
}

/* Passes through: rolling back must work when all else failed. */
static void fault_rollback(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);
    c->inner->engine->rollback(c->inner);
}

/* The three ends a commit can have over a network: not stored, stored without our knowing, and not
 * stored without our knowing. The writer must find out which by itself. */
static enum store_end fault_commit(struct store_connection *connection, struct error *err)
{
    struct fault_connection *c = fault_of(connection);

    /* Stored all right, but the answer is lost on its way. */
    if (c->writer && fault_meets(STORE_FAULT_UNKNOWN_KEPT)) {
        enum store_end end = c->inner->engine->commit(c->inner, err);
        fault_set(err);
        return end == STORE_DONE ? STORE_UNKNOWN : end;
    }
    bool lost = c->writer && fault_meets(STORE_FAULT_UNKNOWN_LOST);
    if (lost || (c->writer && fault_meets(STORE_FAULT_COMMIT))) {
        c->inner->engine->rollback(c->inner);
        fault_set(err);
        return lost ? STORE_UNKNOWN : STORE_FAILED;
    }
    return c->inner->engine->commit(c->inner, err);
}

/* Passes through; a job of the group that fails is rolled back to it. */
static int fault_savepoint(struct store_connection *connection, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->savepoint(c->inner, err);
}

/* Passes through. */
static int fault_savepoint_end(struct store_connection *connection, bool keep, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->savepoint_end(c->inner, keep, err);
}

/* Passes through, as what STORE_FAULT_LEFT did must be seen. */
static bool fault_in_transaction(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->in_transaction(c->inner);
}

/* Passes through. */
static int64_t fault_changes(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->changes(c->inner);
}

/* Passes through. */
static void fault_idle(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);
    c->inner->engine->idle(c->inner);
}

/* Passes through. */
static int fault_schema(struct store_connection *connection, int64_t *out, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->schema(c->inner, out, err);
}

/* Passes through. */
static int fault_set_schema(struct store_connection *connection, int64_t number, struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->set_schema(c->inner, number, err);
}

/* Passes through: a crash is simulated by ending the process, not here. */
static bool fault_was_unclean(struct store_connection *connection)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->was_unclean(c->inner);
}

/* Passes through. */
static int fault_check(struct store_connection *connection, const atomic_bool *stop,
                       struct error *err)
{
    struct fault_connection *c = fault_of(connection);
    return c->inner->engine->check(c->inner, stop, err);
}

const struct store_engine store_fault = {
    .scheme = "fault",
    .open = fault_open,
    .close = fault_close,
    .script = fault_script,
    .prepare = fault_prepare,
    .finalize = fault_finalize,
    .bind_int = fault_bind_int,
    .bind_double = fault_bind_double,
    .bind_text = fault_bind_text,
    .bind_blob = fault_bind_blob,
    .bind_null = fault_bind_null,
    .step = fault_step,
    .reset = fault_reset,
    .is_null = fault_is_null,
    .get_int = fault_get_int,
    .get_double = fault_get_double,
    .get_bytes = fault_get_bytes,
    .begin = fault_begin,
    .commit = fault_commit,
    .rollback = fault_rollback,
    .savepoint = fault_savepoint,
    .savepoint_end = fault_savepoint_end,
    .in_transaction = fault_in_transaction,
    .changes = fault_changes,
    .idle = fault_idle,
    .schema = fault_schema,
    .set_schema = fault_set_schema,
    .was_unclean = fault_was_unclean,
    .check = fault_check,
};
