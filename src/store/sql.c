/* Statements. The text of a query stands where it is used, and each is compiled once for a
 * connection. Errors are kept until the end of a statement, so that code which binds and steps
 * reads straight through and asks once. */
#include "store/store_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATEMENTS_MAX 512 /* on one connection; texts made at run time must not pile up */
#define ARENA_BYTES (256 * MIB)

struct sql {
    struct store_txn *txn;
    struct store_statement *statement;
    char *text;  /* a copy: its key in the seat's map */
    bool reads;  /* a SELECT: cannot change anything */
    bool used;   /* on the seat's list of statements to reset */
    bool failed; /* its last step did; the seat's err says how */
    struct sql *next_used;
};

/* The statements of one connection, and the transaction that uses them.
 *
 * Preparing costs more than running, so every text is prepared once per connection and found again
 * by the address of its literal. The list `used` is what a transaction has touched: it is reset
 * before COMMIT, which an open statement would hold up, and before the memory bound to it goes. */
static void sql_free(struct sql *q)
{
    assert(!q->used);
    q->txn->engine->finalize(q->statement);
    free(q->text);
    free(q);
}

/* Only between transactions: nothing is in use then. */
static void store_txn_forget_statements(struct store_txn *txn)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    assert(!txn->used);
    while (map_next(txn->statements, &cursor, &key, &value))
        sql_free(value);
    map_free(&txn->statements);
    memset(txn->recent, 0, sizeof(txn->recent));
}

/* One connection with the statements that were prepared on it; it serves one transaction after
 * another, so a statement is compiled once in its life. */
int store_txn_open(struct store *store, const char *url, bool writer, struct store_txn **out,
                   struct error *err)
{
    struct store_connection *connection;

    if (store->engine->open(url, writer, &connection, err) < 0)
        return -1;
    assert(connection->engine == store->engine);
    struct store_txn *txn = calloc(1, sizeof(*txn));
    if (!txn)
        abort();
    txn->store = store;
    txn->engine = store->engine;
    txn->connection = connection;
    txn->writer = writer;
    txn->statements = map_new();
    *out = txn;
    return 0;
}

/* Statements before their connection: engines refuse the other order. */
void store_txn_close(struct store_txn **txn)
{
    if (!*txn)
        return;
    store_txn_reset(*txn);
    store_txn_forget_statements(*txn);
    (*txn)->engine->close((*txn)->connection);
    free(*txn);
    *txn = NULL;
}

/* A fresh arena per transaction: what was read dies with it. */
int store_txn_begin(struct store_txn *txn, struct error *err)
{
    assert(!txn->arena);
    if (map_count(txn->statements) > STATEMENTS_MAX) {
        store_txn_forget_statements(txn);
        txn->statements = map_new();
    }
    if (txn->engine->begin(txn->connection, txn->writer, err) < 0)
        return -1;
    txn->arena = arena_new(ARENA_BYTES);
    txn->lost = txn->failed = txn->changed = txn->gathered = false;
    txn->event_seq = 0;
    txn->flushes = NULL;
    return 0;
}

/* Every statement that was begun and not ended, as an error on the way leaves some: SQLite would
 * keep the snapshot open for them. */
void store_txn_reset(struct store_txn *txn)
{
    while (txn->used) {
        struct sql *q = txn->used;
        assert(q->txn == txn && q->used);
        txn->used = q->next_used;
        txn->engine->reset(q->statement);
        q->used = q->failed = false;
    }
    arena_free(&txn->arena);
    txn->flushes = NULL;
}

/* After a failed commit the engine may have rolled back already; then this only puts the struct in
 * order. */
void store_txn_rollback(struct store_txn *txn)
{
    store_txn_reset(txn);
    txn->engine->rollback(txn->connection);
    assert(!txn->engine->in_transaction(txn->connection));
}

/* Remembered until the commit: listeners are woken when the events can be read, not before. */
void store_txn_appended(struct store_txn *txn, int64_t seq)
{
    assert(txn->writer && seq > 0);
    if (seq > txn->event_seq)
        txn->event_seq = seq;
}

/* Owns a copy of the text: the caller's may be gone when the statement is looked for again. */
static struct sql *sql_prepare(struct store_txn *txn, const char *text, struct error *err)
{
    struct store_statement *statement;

    if (txn->engine->prepare(txn->connection, text, &statement, err) < 0)
        return NULL;
    struct sql *q = calloc(1, sizeof(*q));
    char *copy = strdup(text);
    if (!q || !copy)
        abort();
    q->txn = txn;
    q->statement = statement;
    q->text = copy;
    /* Only a SELECT is sure to change nothing; a WITH may lead to anything. */
    q->reads = strncasecmp(text, "SELECT", 6) == 0;
    void *before = map_set(txn->statements, str_from(copy), q);
    assert(!before);
    return q;
}

/* A literal keeps its address, so that the usual way is one look and one comparison. The text is
 * compared all the same: one made at run time may come to lie where another was. */
static struct sql *sql_find(struct store_txn *txn, const char *text, struct error *err)
{
    size_t slot = ((uintptr_t)text >> 3) % STORE_RECENT;

    if (txn->recent[slot].address == text && strcmp(txn->recent[slot].sql->text, text) == 0)
        return txn->recent[slot].sql;
    struct sql *q = map_get(txn->statements, str_from(text));
    if (!q)
        q = sql_prepare(txn, text, err);
    if (!q)
        return NULL;
    txn->recent[slot].address = text;
    txn->recent[slot].sql = q;
    return q;
}

/* The text's address is looked up first: statements are literals, so a repeat costs no
 * comparison. */
struct sql *sql(struct store_txn *txn, const char *text, struct error *err)
{
    assert(txn->arena); /* a transaction is open */
    if (store_txn_check(txn, err) < 0)
        return NULL;
    struct sql *q = sql_find(txn, text, err);
    if (!q)
        return NULL;
    if (q->used) {
        txn->engine->reset(q->statement);
    } else {
        q->used = true;
        q->next_used = txn->used;
        txn->used = q;
    }
    q->failed = false;
    return q;
}

/* Positions count from 1, as in SQL. An engine does not see a wrong number before the step, so
 * tests of each query do. */
void sql_bind_int(struct sql *q, int at, int64_t value)
{
    assert(q->used && at > 0);
    q->txn->engine->bind_int(q->statement, at, value);
}

/* As sql_bind_int. */
void sql_bind_double(struct sql *q, int at, double value)
{
    q->txn->engine->bind_double(q->statement, at, value);
}

/* The bytes are not copied: they must live until the step. Texts of an arena do. */
void sql_bind_text(struct sql *q, int at, struct str value)
{
    assert(q->used && at > 0);
    q->txn->engine->bind_text(q->statement, at, value);
}

/* As sql_bind_text, for bytes that are no text. */
void sql_bind_blob(struct sql *q, int at, struct str value)
{
    assert(q->used && at > 0);
    q->txn->engine->bind_blob(q->statement, at, value);
}

/* For columns where "not given" differs from every value. */
void sql_bind_null(struct sql *q, int at)
{
    q->txn->engine->bind_null(q->statement, at);
}

/* An empty text is stored as NULL: for columns that are unique or indexed only where something is
 * given. */
void sql_bind_text_or_null(struct sql *q, int at, struct str value)
{
    if (value.len)
        sql_bind_text(q, at, value);
    else
        sql_bind_null(q, at);
}

/* What the engine has left, nothing may be added to: it would be committed on its own. And where a
 * row could not be read, what follows would be decided as if it were not there. */
int store_txn_check(const struct store_txn *txn, struct error *err)
{
    if (!txn->lost && !txn->failed)
        return 0;
    assert(txn->err.code != ERROR_NONE);
    if (err)
        *err = txn->err;
    return -1;
}

/* Rows that the schema refuses are answers; the rest is the engine's own failure. */
static bool is_failure(enum error_code code)
{
    return code == ERROR_IO || code == ERROR_CORRUPT || code == ERROR_STORAGE_FULL ||
           code == ERROR_UNAVAILABLE || code == ERROR_CANCELED;
}

/* A failed statement may have ended the whole transaction. What follows would then be committed
 * piece by piece, so nothing may follow. */
static int sql_step_failed(struct sql *q)
{
    struct store_txn *txn = q->txn;

    assert(txn->err.code != ERROR_NONE);
    q->failed = true;
    txn->failed = is_failure(txn->err.code);
    if (!txn->engine->in_transaction(txn->connection))
        txn->lost = true;
    if (txn->err.code == ERROR_CORRUPT)
        store_set_trouble(txn->store, &txn->err);
    return -1;
}

/* An error is kept until sql_end, so that loops need only look for rows. */
int sql_step(struct sql *q)
{
    struct store_txn *txn = q->txn;

    assert(q->used);
    if (store_txn_check(txn, NULL) < 0) {
        q->failed = true;
        return -1;
    }
    int row = txn->engine->step(q->statement, &txn->err);
    if (row < 0)
        return sql_step_failed(q);
    /* A row from a statement that is no SELECT is one of its RETURNING: something changed. */
    if (!q->reads && !txn->changed)
        txn->changed = row > 0 || txn->engine->changes(txn->connection) > 0;
    return row;
}

/* Asked before reading where 0 and "" are values. */
bool sql_is_null(struct sql *q, int column)
{
    return q->txn->engine->is_null(q->statement, column);
}

/* 0 for NULL. */
int64_t sql_int(struct sql *q, int column)
{
    return q->txn->engine->get_int(q->statement, column);
}

/* 0 for NULL. */
double sql_double(struct sql *q, int column)
{
    return q->txn->engine->get_double(q->statement, column);
}

/* A copy in the transaction's arena: it lives as long as the transaction. */
struct str sql_text(struct sql *q, int column)
{
    return arena_str(q->txn->arena, sql_peek(q, column));
}

/* Without a copy: gone with the next step. For what is looked at once, row by row. */
struct str sql_peek(struct sql *q, int column)
{
    return q->txn->engine->get_bytes(q->statement, column);
}

/* The statement stays on the list of used ones: resetting twice costs little, finding it there
 * would cost more. */
int sql_end(struct sql *q, struct error *err)
{
    bool failed = q->failed;

    assert(q->used);
    q->txn->engine->reset(q->statement);
    q->failed = false;
    if (failed && err)
        *err = q->txn->err;
    return failed ? -1 : 0;
}

/* Rows are stepped over: an INSERT may return what nobody asked for. */
int sql_run(struct sql *q, struct error *err)
{
    while (sql_step(q) > 0)
        ;
    return sql_end(q, err);
}

/* Rows that the last statement touched: how an UPDATE with a condition tells whether it met one. */
int64_t sql_changes(struct store_txn *txn)
{
    return txn->engine->changes(txn->connection);
}
