/* SQLite as two engines: files, and `memory:` by its memdb.
 *
 * Files use the write-ahead log with synchronous=FULL: a commit is durable when it returns, readers
 * keep snapshots while the writer goes on, and the log is checkpointed by the writer itself, since
 * a thread for it keeps the log from ever starting over. memdb has neither log nor snapshots; there
 * a reader and the writer take turns. Threads: SQLite's own locks are off (NOMUTEX); a connection
 * is used by one thread at a time. */
#include "os/fault.h"
#include "os/file.h"
#include "store/sqlite_vfs.h"
#include "store/store_engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_MS 5000
#define LENGTH_MAX_BYTES (256 * 1024 * 1024)
#define CHECK_STEPS 10000 /* virtual machine steps between two looks at `stop` */

/* Statements of the engine's own, prepared when first used. */
enum own {
    OWN_BEGIN_READ,
    OWN_BEGIN_WRITE,
    OWN_COMMIT,
    OWN_ROLLBACK,
    OWN_SAVE,
    OWN_KEEP,
    OWN_UNDO,
    OWN_COUNT_
};
static const char *const OWN[OWN_COUNT_] = {
    "BEGIN",         "BEGIN IMMEDIATE", "COMMIT",          "ROLLBACK",
    "SAVEPOINT job", "RELEASE job",     "ROLLBACK TO job",
};

struct sqlite {
    struct store_connection base;
    sqlite3 *db;
    sqlite3_stmt *own[OWN_COUNT_];
    bool unclean;
    bool file; /* not memory */
};

/* decisions 16; what only a writer does is apart. */
static const char PRAGMAS[] =
    "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;";
static const char WRITER_PRAGMAS[] = "PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=2048;";
static const char READER_PRAGMAS[] =
    "PRAGMA cache_size=-2048; PRAGMA wal_autocheckpoint=0; PRAGMA query_only=ON;";

/* An engine is handed only its own connections. */
static struct sqlite *sqlite_of(struct store_connection *connection)
{
    assert(connection->engine == &store_sqlite || connection->engine == &store_memory);
    return (struct sqlite *)connection;
}

/* A statement is SQLite's own; it knows its connection. */
static sqlite3_stmt *stmt_of(struct store_statement *statement)
{
    assert(statement);
    return (sqlite3_stmt *)statement;
}

/* SQLite's results as ours. Extended ones are looked up before their plain ones, which are in the
 * lower eight bits. */
struct sqlite_meaning {
    int result;
    enum error_code code;
    const char *sentence;
};

static const struct sqlite_meaning ERRORS[] = {
    {SQLITE_CONSTRAINT_UNIQUE, ERROR_EXISTS, "A row with this key exists already"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ERROR_EXISTS, "A row with this key exists already"},
    {SQLITE_CONSTRAINT_ROWID, ERROR_EXISTS, "A row with this key exists already"},
    {SQLITE_CONSTRAINT, ERROR_INTERNAL, "The database refused a row"},
    {SQLITE_FULL, ERROR_STORAGE_FULL, "The disk of the database is full"},
    {SQLITE_IOERR, ERROR_IO, "The disk failed the database"},
    {SQLITE_CORRUPT, ERROR_CORRUPT, "The database is damaged"},
    {SQLITE_NOTADB, ERROR_CORRUPT, "The database is damaged"},
    {SQLITE_BUSY, ERROR_UNAVAILABLE, "The database is busy; try again"},
    {SQLITE_LOCKED, ERROR_UNAVAILABLE, "The database is busy; try again"},
    {SQLITE_NOMEM, ERROR_UNAVAILABLE, "The database has no memory left"},
    {SQLITE_TOOBIG, ERROR_TOO_LARGE, "A value is too large for the database"},
    {SQLITE_INTERRUPT, ERROR_CANCELED, "The statement was interrupted"},
    {SQLITE_CANTOPEN, ERROR_IO, "The database cannot be opened"},
    {SQLITE_READONLY, ERROR_IO, "The database cannot be written"},
    {SQLITE_PERM, ERROR_IO, "The database cannot be opened"},
};

/* Always -1. */
static int sqlite_error(sqlite3 *db, int rc, struct error *err)
{
    const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    int number = db ? sqlite3_system_errno(db) : 0;

    assert(rc != SQLITE_OK && rc != SQLITE_ROW);
    if ((rc & 0xff) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT))
        rc = SQLITE_FULL;
    if ((rc & 0xff) == SQLITE_CANTOPEN && (number == EMFILE || number == ENFILE))
        return error_set(err, ERROR_UNAVAILABLE, "", "The host has no descriptor left (%s).", said);
    for (size_t i = 0; i < COUNT(ERRORS); i++)
        if (ERRORS[i].result == rc || ERRORS[i].result == (rc & 0xff))
            return error_set(err, ERRORS[i].code, "", "%s (%s).", ERRORS[i].sentence, said);
    return error_set(err, ERROR_INTERNAL, "", "The database refused a statement (%s).", said);
}

/* Runs one of the engine's own statements; SQLite's result. */
static int sqlite_own(struct sqlite *c, enum own which)
{
    assert(which < OWN_COUNT_);
    if (!c->own[which]) {
        int rc = sqlite3_prepare_v3(c->db, OWN[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &c->own[which], NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    sqlite3_step(c->own[which]); /* reset gives the same result, and ends the statement */
    return sqlite3_reset(c->own[which]);
}

/* All statements are finalized by now; otherwise the library keeps the connection as a zombie with
 * its locks. */
static void sqlite_close(struct store_connection *connection)
{
    struct sqlite *c = sqlite_of(connection);

    for (size_t i = 0; i < OWN_COUNT_; i++)
        sqlite3_finalize(c->own[i]);
    sqlite3_close_v2(c->db);
    free(c);
}

/* Several statements in one text: the schema. Nothing of a client's ever comes here. */
static int sqlite_script(struct store_connection *connection, const char *sql, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : sqlite_error(c->db, sqlite3_extended_errcode(c->db), err);
}

/* The first column of the first row of a PRAGMA. */
static int sqlite_pragma(sqlite3 *db, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    assert(size > 0);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        snprintf(out, size, "%.*s", sqlite3_column_bytes(stmt, 0),
                 (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

/* memdb has no snapshots: a reader meets a writer more often than on disk, for a short while. The
 * usual handler sleeps whole milliseconds. */
static int sqlite_busy_memory(void *, int tries)
{
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000}, NULL);
    return tries < BUSY_MS * 1000 / 100;
}

/* Everything of decisions 16 that is set per connection. */
static int sqlite_configure(struct sqlite *c, bool writer, struct error *err)
{
    char mode[16] = "";

    /* Statements can neither write SQLite's own tables nor take "x" for a text by mistake. */
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX_BYTES);
    if (c->file)
        sqlite3_busy_timeout(c->db, BUSY_MS);
    else
        sqlite3_busy_handler(c->db, sqlite_busy_memory, NULL);
    if (writer) {
        const char *journal = c->file ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=MEMORY";
        if (sqlite_script(&c->base, "PRAGMA page_size=4096", err) < 0)
            return -1;
        if (sqlite_pragma(c->db, journal, mode, sizeof(mode)) != SQLITE_OK)
            return sqlite_error(c->db, sqlite3_extended_errcode(c->db), err);
        if (c->file && strcmp(mode, "wal") != 0)
            return error_set(err, ERROR_IO, "",
                             "The database needs a file system with shared memory maps.");
    }
    if (sqlite_script(&c->base, PRAGMAS, err) < 0)
        return -1;
    return sqlite_script(&c->base, writer ? WRITER_PRAGMAS : READER_PRAGMAS, err);
}

/* Makes a new database file by our own hand: nobody else may read it, and its name is durable. An
 * existing one is not opened, for closing it would drop SQLite's locks. */
static int sqlite_make_file(const char *path, struct error *err)
{
    CLEANUP(fd_close) int dir = -1;
    CLEANUP(fd_close) int fd = -1;
    const char *slash = strrchr(path, '/');
    char parent[4096];

    snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    dir = dir_open(parent, err);
    if (dir < 0)
        return -1;
    const char *name = slash ? slash + 1 : path;
    if (file_exists(dir, name))
        return 0;
    fd = file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
    return fd < 0 ? -1 : dir_sync(dir, err);
}

/* The last connection to close removes the log; one that was killed leaves it. */
static bool sqlite_log_left(const char *path)
{
    char name[4096];
    struct stat status;

    snprintf(name, sizeof(name), "%s-wal", path);
    return stat(name, &status) == 0 && status.st_size > 0;
}

/* Opens and configures; what fails half-way is closed again. */
static int sqlite_open_with(const struct store_engine *engine, const char *name, bool writer,
                            struct store_connection **out, struct error *err)
{
    bool file = engine == &store_sqlite;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    struct sqlite *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    *c = (struct sqlite){.base = {engine}, .file = file};
    c->unclean = file && writer && sqlite_log_left(name);
    const char *vfs = sqlite_vfs_name();
    if (!file)
        flags |= SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    int rc = sqlite3_open_v2(name, &c->db, flags, file ? vfs : NULL);
    if (rc != SQLITE_OK)
        sqlite_error(c->db, rc, err);
    if (rc != SQLITE_OK || sqlite_configure(c, writer, err) < 0) {
        sqlite_close(&c->base);
        return -1;
    }
    *out = &c->base;
    return 0;
}

/* "sqlite:/path" */
static int sqlite_open(const char *url, bool writer, struct store_connection **out,
                       struct error *err)
{
    const char *path = url + strlen("sqlite:");

    if (!*path || strlen(path) > 4000)
        return error_set(err, ERROR_INVALID, "",
                         "A database needs a path, as in sqlite:/path/file.");
    if (writer && sqlite_make_file(path, err) < 0)
        return -1;
    return sqlite_open_with(&store_sqlite, path, writer, out, err);
}

/* "memory:NAME": connections of one process that give the same name share one database. */
static int sqlite_open_memory(const char *url, bool writer, struct store_connection **out,
                              struct error *err)
{
    char name[256];

    snprintf(name, sizeof(name), "file:/lazurite-%s?vfs=memdb", url + strlen("memory:"));
    return sqlite_open_with(&store_memory, name, writer, out, err);
}

/* Persistent: the library then keeps it out of its scratch memory, as it lives as long as the
 * connection. */
static int sqlite_prepare(struct store_connection *connection, const char *sql,
                          struct store_statement **out, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);

    if (rc != SQLITE_OK)
        return sqlite_error(c->db, rc, err);
    assert(stmt);
    *out = (struct store_statement *)stmt;
    return 0;
}

/* The result repeats the last step's error, which was told then. */
static void sqlite_finalize(struct store_statement *statement)
{
    sqlite3_finalize(stmt_of(statement));
}

/* A position that does not exist is a bug of the query: asserted, not reported. */
static void sqlite_bind_int(struct store_statement *statement, int at, int64_t value)
{
    int rc = sqlite3_bind_int64(stmt_of(statement), at, value);
    assert(rc == SQLITE_OK);
}

/* As sqlite_bind_int. The library turns NaN into NULL; callers have none. */
static void sqlite_bind_double(struct store_statement *statement, int at, double value)
{
    int rc = sqlite3_bind_double(stmt_of(statement), at, value);
    assert(rc == SQLITE_OK);
}

/* An empty text may come without an address, which SQLite would take for NULL. A value over the
 * limit binds NULL instead; its statement then fails or the caller's limits were wrong. */
static void sqlite_bind_text(struct store_statement *statement, int at, struct str value)
{
    int rc = sqlite3_bind_text64(stmt_of(statement), at, value.len ? value.ptr : "", value.len,
                                 SQLITE_STATIC, SQLITE_UTF8);
    assert(rc == SQLITE_OK || rc == SQLITE_TOOBIG);
}

/* Not copied: see sql_bind_text. */
static void sqlite_bind_blob(struct store_statement *statement, int at, struct str value)
{
    int rc = sqlite3_bind_blob64(stmt_of(statement), at, value.len ? value.ptr : "", value.len,
                                 SQLITE_STATIC);
    assert(rc == SQLITE_OK || rc == SQLITE_TOOBIG);
}

/* A statement keeps what was bound before, so "nothing" must be said. */
static void sqlite_bind_null(struct store_statement *statement, int at)
{
    int rc = sqlite3_bind_null(stmt_of(statement), at);
    assert(rc == SQLITE_OK);
}

/* 1 a row, 0 the end, -1 an error. */
static int sqlite_step(struct store_statement *statement, struct error *err)
{
    sqlite3_stmt *stmt = stmt_of(statement);
    int number = fault_hit(FAULT_STEP);

    if (number)
        return error_errno(err, number, "A statement failed");
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : sqlite_error(sqlite3_db_handle(stmt), rc, err);
}

/* Also drops the bindings, whose memory may go now. */
static void sqlite_reset(struct store_statement *statement)
{
    sqlite3_reset(stmt_of(statement));
    sqlite3_clear_bindings(stmt_of(statement));
}

/* By type of the value, not of the column: SQLite has none that binds. */
static bool sqlite_is_null(struct store_statement *statement, int column)
{
    return sqlite3_column_type(stmt_of(statement), column) == SQLITE_NULL;
}

/* 0 for NULL, by the library. */
static int64_t sqlite_get_int(struct store_statement *statement, int column)
{
    return sqlite3_column_int64(stmt_of(statement), column);
}

/* 0 for NULL, by the library. */
static double sqlite_get_double(struct store_statement *statement, int column)
{
    return sqlite3_column_double(stmt_of(statement), column);
}

/* The address first and the length after: the other order may convert the value in between and give
 * a stale address. */
static struct str sqlite_get_bytes(struct store_statement *statement, int column)
{
    /* The order of the two calls is SQLite's rule: the pointer first. */
    const char *ptr = sqlite3_column_blob(stmt_of(statement), column);
    return (struct str){ptr, (size_t)sqlite3_column_bytes(stmt_of(statement), column)};
}

/* IMMEDIATE takes the write lock at once, so that no later statement can find it taken. */
static int sqlite_begin(struct store_connection *connection, bool write, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    int rc = sqlite_own(c, write ? OWN_BEGIN_WRITE : OWN_BEGIN_READ);

    return rc == SQLITE_OK ? 0 : sqlite_error(c->db, rc, err);
}

/* Fine when no transaction is open: the library rolls back by itself on a full disk. */
static void sqlite_rollback(struct store_connection *connection)
{
    struct sqlite *c = sqlite_of(connection);

    /* A full disk or an I/O error may have ended it already; there is nothing more to undo then. */
    if (!sqlite3_get_autocommit(c->db))
        sqlite_own(c, OWN_ROLLBACK);
    assert(sqlite3_get_autocommit(c->db));
}

/* A sync that failed leaves a whole commit in the log, which recovery may find after a crash: its
 * end is unknown. A full disk stops before the commit's last frame: failed. */
static enum store_end sqlite_commit(struct store_connection *connection, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    /* Only a commit that writes has an end that can fail. */
    int number = sqlite3_txn_state(c->db, NULL) == SQLITE_TXN_WRITE ? fault_hit(FAULT_COMMIT) : 0;
    int rc = SQLITE_OK;

    if (number)
        error_errno(err, number, "The commit failed");
    else if ((rc = sqlite_own(c, OWN_COMMIT)) == SQLITE_OK)
        return STORE_DONE;
    else
        sqlite_error(c->db, rc, err);
    sqlite_rollback(connection);
    return (rc & 0xff) == SQLITE_IOERR ? STORE_UNKNOWN : STORE_FAILED;
}

/* Savepoints are not nested, so one name is enough. */
static int sqlite_savepoint(struct store_connection *connection, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    int rc = sqlite_own(c, OWN_SAVE);

    return rc == SQLITE_OK ? 0 : sqlite_error(c->db, rc, err);
}

/* Rolling back to a savepoint leaves it open, so both ways end with a release. */
static int sqlite_savepoint_end(struct store_connection *connection, bool keep, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    int rc = keep ? SQLITE_OK : sqlite_own(c, OWN_UNDO);

    assert(!sqlite3_get_autocommit(c->db));
    if (rc == SQLITE_OK)
        rc = sqlite_own(c, OWN_KEEP);
    return rc == SQLITE_OK ? 0 : sqlite_error(c->db, rc, err);
}

/* The library's own word, since it may have left a transaction without being asked. */
static bool sqlite_in_transaction(struct store_connection *connection)
{
    return !sqlite3_get_autocommit(sqlite_of(connection)->db);
}

/* Of the last statement alone, without what triggers and foreign keys did. */
static int64_t sqlite_changes(struct store_connection *connection)
{
    return sqlite3_changes64(sqlite_of(connection)->db);
}

/* Readers that are in the way are not waited for: the next idle moment comes. */
static void sqlite_idle(struct store_connection *connection)
{
    struct sqlite *c = sqlite_of(connection);

    if (!c->file)
        return;
    sqlite3_busy_timeout(c->db, 0);
    sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(c->db, BUSY_MS);
}

/* The schema's number lies in the head of the file, where it changes with the transaction. */
static int sqlite_schema(struct store_connection *connection, int64_t *out, struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    char text[32] = "";
    int rc = sqlite_pragma(c->db, "PRAGMA user_version", text, sizeof(text));

    if (rc != SQLITE_OK)
        return sqlite_error(c->db, rc, err);
    if (!str_to_int64(str_from(text), out))
        return error_set(err, ERROR_CORRUPT, "", "The database's schema number cannot be read.");
    return 0;
}

/* In the file's head, and so in the transaction of the migration that made it true. */
static int sqlite_set_schema(struct store_connection *connection, int64_t number, struct error *err)
{
    char text[64];

    assert(number > 0 && sqlite_in_transaction(connection));
    snprintf(text, sizeof(text), "PRAGMA user_version=%lld", (long long)number);
    return sqlite_script(connection, text, err);
}

/* A write-ahead log that was there at the opening: the server before us did not close. */
static bool sqlite_was_unclean(struct store_connection *connection)
{
    return sqlite_of(connection)->unclean;
}

/* Called by the library every some thousand steps; anything but 0 interrupts. */
static int sqlite_stop_asked(void *stop)
{
    return atomic_load_explicit((const atomic_bool *)stop, memory_order_relaxed);
}

/* 0 when the table's pages and their order are sound. */
static int sqlite_check_table(sqlite3 *db, const char *table, struct error *err)
{
    char said[256] = "";
    char *sql = sqlite3_mprintf("PRAGMA quick_check(%Q)", table);
    int rc = sql ? sqlite_pragma(db, sql, said, sizeof(said)) : SQLITE_NOMEM;

    sqlite3_free(sql);
    if (rc != SQLITE_OK)
        return sqlite_error(db, rc, err);
    if (strcmp(said, "ok") != 0)
        return error_set(err, ERROR_CORRUPT, "", "The database is damaged in table %s: %s.", table,
                         said);
    return 0;
}

/* Table by table, so that no snapshot is held for the whole check. */
static int sqlite_check(struct store_connection *connection, const atomic_bool *stop,
                        struct error *err)
{
    struct sqlite *c = sqlite_of(connection);
    char name[128] = "";
    int rc = SQLITE_OK, result = 0;

    sqlite3_progress_handler(c->db, CHECK_STEPS, sqlite_stop_asked, (void *)(uintptr_t)stop);
    while (result == 0 && rc == SQLITE_OK) {
        char *next = sqlite3_mprintf("SELECT name FROM sqlite_master WHERE type='table' AND"
                                     " name > %Q ORDER BY name LIMIT 1",
                                     name);
        rc = next ? sqlite_pragma(c->db, next, name, sizeof(name)) : SQLITE_NOMEM;
        sqlite3_free(next);
        if (rc == SQLITE_OK)
            result = sqlite_check_table(c->db, name, err);
    }
    sqlite3_progress_handler(c->db, 0, NULL, NULL);
    if (result == 0 && rc != SQLITE_ERROR) /* not merely the end of the list */
        result = sqlite_error(c->db, rc, err);
    return result;
}

/* What both schemes share: all but how a database is named. */
#define SQLITE_METHODS                                                                           \
    .close = sqlite_close, .script = sqlite_script, .prepare = sqlite_prepare,                   \
    .finalize = sqlite_finalize, .bind_int = sqlite_bind_int, .bind_double = sqlite_bind_double, \
    .bind_text = sqlite_bind_text, .bind_blob = sqlite_bind_blob, .bind_null = sqlite_bind_null, \
    .step = sqlite_step, .reset = sqlite_reset, .is_null = sqlite_is_null,                       \
    .get_int = sqlite_get_int, .get_double = sqlite_get_double, .get_bytes = sqlite_get_bytes,   \
    .begin = sqlite_begin, .commit = sqlite_commit, .rollback = sqlite_rollback,                 \
    .savepoint = sqlite_savepoint, .savepoint_end = sqlite_savepoint_end,                        \
    .in_transaction = sqlite_in_transaction, .changes = sqlite_changes, .idle = sqlite_idle,     \
    .schema = sqlite_schema, .set_schema = sqlite_set_schema, .was_unclean = sqlite_was_unclean, \
    .check = sqlite_check

const struct store_engine store_sqlite = {.scheme = "sqlite", .open = sqlite_open, SQLITE_METHODS};
const struct store_engine store_memory = {
    .scheme = "memory", .open = sqlite_open_memory, SQLITE_METHODS};
