/* store_engine.h - what an SQL engine must do; only src/store includes this
 *
 * SQL-shaped on purpose (decisions 2): all statements are written once, in a dialect that every
 * engine takes. An engine knows connections and statements, never documents or kinds. One
 * conformance suite (tests/store) runs on every engine. Threads: a connection belongs to one thread
 * at a time.
 */
#pragma once

#include "base/arena.h"

#include <stdatomic.h>

struct store_connection; /* an engine's own struct starts with one of these */
struct store_statement;

/* How a COMMIT ended; UNKNOWN: the engine cannot say whether it is durable. */
enum store_end { STORE_DONE, STORE_FAILED, STORE_UNKNOWN };

struct store_engine {
    const char *scheme; /* of the URL: "sqlite", "memory", "postgresql" */
    int (*open)(const char *url, bool writer, struct store_connection **out, struct error *err);
    void (*close)(struct store_connection *connection);
    /* Runs statements without results, for migrations. */
    int (*script)(struct store_connection *connection, const char *sql, struct error *err);
    int (*prepare)(struct store_connection *connection, const char *sql,
                   struct store_statement **out, struct error *err);
    void (*finalize)(struct store_statement *statement);
    /* Binding is by position from 1; bytes are not copied and must live until reset. */
    void (*bind_int)(struct store_statement *statement, int at, int64_t value);
    void (*bind_double)(struct store_statement *statement, int at, double value);
    void (*bind_text)(struct store_statement *statement, int at, struct str value);
    void (*bind_blob)(struct store_statement *statement, int at, struct str value);
    void (*bind_null)(struct store_statement *statement, int at);
    /* 1 a row, 0 done, -1 error. Errors: ERROR_EXISTS for a unique key, ERROR_STORAGE_FULL, … */
    int (*step)(struct store_statement *statement, struct error *err);
    void (*reset)(struct store_statement *statement); /* and forgets its bindings */
    /* Columns of the current row, from 0; texts and blobs live until the next step or reset. */
    bool (*is_null)(struct store_statement *statement, int column);
    int64_t (*get_int)(struct store_statement *statement, int column);
    double (*get_double)(struct store_statement *statement, int column);
    struct str (*get_bytes)(struct store_statement *statement, int column);
    int (*begin)(struct store_connection *connection, bool write, struct error *err);
    /* Whatever the end, the transaction is over afterwards. */
    enum store_end (*commit)(struct store_connection *connection, struct error *err);
    void (*rollback)(struct store_connection *connection);
    int (*savepoint)(struct store_connection *connection, struct error *err);
    int (*savepoint_end)(struct store_connection *connection, bool keep, struct error *err);
    /* Whether the engine left the transaction by itself (disk full, I/O, memory). */
    bool (*in_transaction)(struct store_connection *connection);
    int64_t (*changes)(struct store_connection *connection);
    /* Called when idle: checkpoint and truncate the log. */
    void (*idle)(struct store_connection *connection);
    /* The number of the schema, 0 in a new database; set inside the transaction of a migration. */
    int (*schema)(struct store_connection *connection, int64_t *out, struct error *err);
    int (*set_schema)(struct store_connection *connection, int64_t number, struct error *err);
    /* Whether the database had not been closed when this (writer) connection opened it. */
    bool (*was_unclean)(struct store_connection *connection);
    /* Reads everything and looks for damage, until *stop. Errors: ERROR_CORRUPT saying where. */
    int (*check)(struct store_connection *connection, const atomic_bool *stop, struct error *err);
};

struct store_connection {
    const struct store_engine *engine;
};

/* SQLite files and `memory:` (its memdb); "fault:URL" wraps another engine, see store_fault.h. */
extern const struct store_engine store_sqlite;
extern const struct store_engine store_memory;
extern const struct store_engine store_fault;
