/* The tables, as numbered migrations that only go forward. Each runs in one transaction together
 * with the schema's number. A migration that has been released is never edited; a new one follows.
 *
 * The dialect is what every engine takes; WITHOUT ROWID is a hint that others strip. */
#include "store/store_private.h"

#include <assert.h>

/* Scopes, what stands in them, what happened, who may. */
static const char RESOURCES[] =
    /* what the store knows of itself: the last batch, the newest version that migrated */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('batch', '0');"
    "INSERT INTO meta VALUES ('version', '');"
    /* workspaces and registries; the keys are lower case */
    "CREATE TABLE scope (scope INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " subscription TEXT NOT NULL, rgroup TEXT NOT NULL, rgroup_key TEXT NOT NULL,"
    " name TEXT NOT NULL, name_key TEXT NOT NULL, guid TEXT NOT NULL UNIQUE, data_key BLOB,"
    " created_us BIGINT NOT NULL, UNIQUE (kind, subscription, rgroup_key, name_key));"
    /* one row per resource; parent 0 stands at the top */
    "CREATE TABLE document (doc INTEGER PRIMARY KEY, scope BIGINT NOT NULL, type TEXT NOT NULL,"
    " parent BIGINT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL, rev BIGINT NOT NULL,"
    " archived INTEGER NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
    " created_by TEXT NOT NULL, next_version BIGINT NOT NULL, body TEXT NOT NULL,"
    " system TEXT NOT NULL, UNIQUE (scope, type, parent, name_key));"
    "CREATE INDEX document_list ON document"
    " (scope, type, parent, archived, created_us DESC, doc DESC);"
    /* children of a container, whatever their type */
    "CREATE INDEX document_child ON document (parent, archived, created_us DESC, doc DESC)"
    " WHERE parent > 0;"
    /* at most eight declared fields of a kind, for look-up; the key comes first, here as in every
     * table without rowid: else the check of SQLite 3.40 sees damage where there is none */
    "CREATE TABLE attr (doc BIGINT NOT NULL, field TEXT NOT NULL, scope BIGINT NOT NULL,"
    " text TEXT, num DOUBLE PRECISION, PRIMARY KEY (doc, field)) WITHOUT ROWID;"
    "CREATE INDEX attr_text ON attr (scope, field, text, doc);"
    "CREATE INDEX attr_num ON attr (scope, field, num, doc);"
    /* labels of containers, also the aliases of MLflow */
    "CREATE TABLE label (parent BIGINT NOT NULL, label_key TEXT NOT NULL, label TEXT NOT NULL,"
    " version_doc BIGINT NOT NULL, PRIMARY KEY (parent, label_key)) WITHOUT ROWID;"
    "CREATE INDEX label_version ON label (version_doc);"
    /* lineage: who used or made what */
    "CREATE TABLE edge (scope BIGINT NOT NULL, from_kind TEXT NOT NULL, from_id TEXT NOT NULL,"
    " role TEXT NOT NULL, to_kind TEXT NOT NULL, to_id TEXT NOT NULL,"
    " PRIMARY KEY (scope, from_kind, from_id, role, to_kind, to_id)) WITHOUT ROWID;"
    "CREATE INDEX edge_to ON edge (scope, to_kind, to_id);"
    /* what happened, in order */
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, at_us BIGINT NOT NULL, scope BIGINT NOT NULL,"
    " type TEXT NOT NULL, subject_kind TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL,"
    " correlation TEXT NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX event_scope ON event (scope, seq);"
    "CREATE INDEX event_subject ON event (subject_kind, subject, seq);"
    /* how far each follower of events has come */
    "CREATE TABLE cursor (follower TEXT PRIMARY KEY, position BIGINT NOT NULL) WITHOUT ROWID;"
    /* who may act; the token never falls, `body` is the boot its time belongs to */
    "CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token BIGINT NOT NULL,"
    " until_us BIGINT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;"
    /* sealed by the data key of their scope */
    "CREATE TABLE secret (scope BIGINT NOT NULL, owner_kind TEXT NOT NULL, owner BIGINT NOT NULL,"
    " slot TEXT NOT NULL, key_version BIGINT NOT NULL, sealed BLOB NOT NULL,"
    " PRIMARY KEY (scope, owner_kind, owner, slot)) WITHOUT ROWID;"
    /* who there is, how they prove it, what they may */
    "CREATE TABLE principal (principal INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " name TEXT NOT NULL UNIQUE, epoch BIGINT NOT NULL, state INTEGER NOT NULL);"
    "CREATE TABLE credential (principal BIGINT NOT NULL, kind INTEGER NOT NULL,"
    " hash BLOB NOT NULL, expires_us BIGINT NOT NULL,"
    " PRIMARY KEY (principal, kind, hash)) WITHOUT ROWID;"
    "CREATE INDEX credential_hash ON credential (kind, hash);"
    "CREATE TABLE \"grant\" (scope_path TEXT NOT NULL, principal BIGINT NOT NULL,"
    " role TEXT NOT NULL, PRIMARY KEY (scope_path, principal, role)) WITHOUT ROWID;"
    "CREATE INDEX grant_principal ON \"grant\" (principal);";

/* A logged model has a number of its own (`model`); its params and tags are rows of param and tag
 * under run = -model, so that both are searched alike. */
static const char TRACKING[] =
    /* id 0 is Default; names are byte-exact */
    "CREATE TABLE experiment (scope BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"
    " location TEXT NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
    " deleted_us BIGINT, PRIMARY KEY (scope, id), UNIQUE (scope, name)) WITHOUT ROWID;"
    "CREATE TABLE experiment_tag (scope BIGINT NOT NULL, experiment BIGINT NOT NULL,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, experiment, key)) WITHOUT ROWID;"
    /* one run is one job; `doc` is NULL for runs that MLflow made */
    "CREATE TABLE run (run INTEGER PRIMARY KEY, scope BIGINT NOT NULL, run_id TEXT NOT NULL,"
    " run_key TEXT NOT NULL, experiment BIGINT NOT NULL, parent BIGINT, root BIGINT,"
    " kind INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT, name TEXT, \"user\" TEXT,"
    " start_us BIGINT, end_us BIGINT, created_us BIGINT NOT NULL, archived INTEGER NOT NULL,"
    " deleted_us BIGINT, rev BIGINT NOT NULL, doc BIGINT, UNIQUE (scope, run_key));"
    "CREATE INDEX run_experiment ON run (scope, experiment, start_us DESC, run_key);"
    "CREATE INDEX run_parent ON run (scope, parent);"
    "CREATE INDEX run_status ON run (scope, status, run);"
    "CREATE INDEX run_created ON run (scope, archived, created_us DESC);"
    /* each try at running a job */
    "CREATE TABLE attempt (run BIGINT NOT NULL, attempt INTEGER NOT NULL, token BIGINT NOT NULL,"
    " state INTEGER NOT NULL, compute TEXT, node TEXT, runner TEXT, cgroup TEXT,"
    " started_us BIGINT, ended_us BIGINT, exit_kind TEXT, exit_code INTEGER, reason TEXT,"
    " PRIMARY KEY (run, attempt)) WITHOUT ROWID;"
    /* keys of metrics, params and tags, by number everywhere else */
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    /* found by key and the head of their value */
    "CREATE TABLE param (run BIGINT NOT NULL, key BIGINT NOT NULL, scope BIGINT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY (run, key)) WITHOUT ROWID;"
    "CREATE INDEX param_value ON param (scope, key, substr(value, 1, 64), run);"
    "CREATE TABLE tag (run BIGINT NOT NULL, key BIGINT NOT NULL, scope BIGINT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY (run, key)) WITHOUT ROWID;"
    "CREATE INDEX tag_value ON tag (scope, key, substr(value, 1, 64), run);"
    /* models of MLflow 3 */
    "CREATE TABLE logged_model (model INTEGER PRIMARY KEY, scope BIGINT NOT NULL,"
    " model_id TEXT NOT NULL, experiment BIGINT NOT NULL, run BIGINT, name TEXT NOT NULL,"
    " kind TEXT, status INTEGER NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
    " UNIQUE (scope, model_id));"
    "CREATE INDEX logged_model_run ON logged_model (scope, run, name);"
    /* metric points in order of arrival: all of one run in one commit are a row */
    "CREATE TABLE tail (seq INTEGER PRIMARY KEY, run BIGINT NOT NULL, n INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX tail_run ON tail (run);"
    /* last, minimum and maximum of every key of a run, packed */
    "CREATE TABLE summary (run INTEGER PRIMARY KEY, seq BIGINT NOT NULL, rev BIGINT NOT NULL,"
    " data BLOB NOT NULL);"
    /* compacted points of one series, sorted */
    "CREATE TABLE block (id INTEGER PRIMARY KEY, run BIGINT NOT NULL, key BIGINT NOT NULL,"
    " at_min BIGINT NOT NULL, at_max BIGINT NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE INDEX block_series ON block (run, key, at_min);"
    /* last values of 1024 runs by their ordinal: derived, may be rebuilt */
    "CREATE TABLE metric_column (scope BIGINT NOT NULL, experiment BIGINT NOT NULL,"
    " key BIGINT NOT NULL, part INTEGER NOT NULL, seq BIGINT NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (scope, experiment, key, part)) WITHOUT ROWID;"
    /* what a point was measured on, when it says so */
    "CREATE TABLE source (id INTEGER PRIMARY KEY, model_id TEXT NOT NULL, dataset TEXT NOT NULL,"
    " UNIQUE (model_id, dataset));"
    /* data sets that runs name, and what runs read and made */
    "CREATE TABLE dataset (dataset INTEGER PRIMARY KEY, scope BIGINT NOT NULL,"
    " experiment BIGINT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, source_type TEXT,"
    " source TEXT, schema TEXT, profile TEXT, UNIQUE (scope, experiment, name, digest));"
    "CREATE TABLE run_input (run BIGINT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,"
    " tags TEXT, PRIMARY KEY (run, kind, ref)) WITHOUT ROWID;"
    "CREATE TABLE run_output (run BIGINT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,"
    " step BIGINT, PRIMARY KEY (run, kind, ref)) WITHOUT ROWID;";

/* Hashes are hexadecimal; lists of chunks are hashes joined by blanks. */
static const char CONTENT[] =
    /* files by hash; a chunk without references goes after a day */
    "CREATE TABLE chunk (hash TEXT PRIMARY KEY, size BIGINT NOT NULL, refs BIGINT NOT NULL,"
    " touched_us BIGINT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX chunk_unused ON chunk (touched_us) WHERE refs = 0;"
    /* lists of chunks; sha256 is that of the whole, NULL until somebody read it */
    "CREATE TABLE object (object INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
    " size BIGINT NOT NULL, md5 TEXT, sha256 TEXT, chunks TEXT NOT NULL,"
    " touched_us BIGINT NOT NULL);"
    /* blocks on their way to a blob */
    "CREATE TABLE staged (container TEXT NOT NULL, name TEXT NOT NULL, block_id TEXT NOT NULL,"
    " chunk TEXT NOT NULL, size BIGINT NOT NULL, at_us BIGINT NOT NULL,"
    " PRIMARY KEY (container, name, block_id)) WITHOUT ROWID;"
    "CREATE INDEX staged_age ON staged (at_us);"
    /* names of objects; a container carries its scope in its name */
    "CREATE TABLE blob (container TEXT NOT NULL, name TEXT NOT NULL, object BIGINT NOT NULL,"
    " etag TEXT NOT NULL, meta TEXT NOT NULL, created_us BIGINT NOT NULL,"
    " updated_us BIGINT NOT NULL, PRIMARY KEY (container, name)) WITHOUT ROWID;"
    "CREATE INDEX blob_object ON blob (object);";

/* Who there is: the three tables of schema 1 were never written to, so they are made anew. `kind`
 * is enum principal_kind and enum credential_kind of identity/; a grant is a role assignment, its
 * path in lower case and "" for the root, its role a GUID. */
static const char PEOPLE[] =
    "DROP TABLE principal; DROP TABLE credential; DROP TABLE \"grant\";"
    "CREATE TABLE principal (principal INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, display TEXT NOT NULL,"
    " object_id TEXT NOT NULL UNIQUE, client_id TEXT UNIQUE, epoch_us BIGINT NOT NULL,"
    " disabled INTEGER NOT NULL, created_us BIGINT NOT NULL);"
    /* `hash` finds a random secret; `data` is a password's hash, a public key or a JWKS */
    "CREATE TABLE credential (credential INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE,"
    " principal BIGINT NOT NULL, kind INTEGER NOT NULL, hash BLOB NOT NULL, data TEXT NOT NULL,"
    " label TEXT NOT NULL, created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL);"
    "CREATE INDEX credential_hash ON credential (principal, kind, hash);"
    "CREATE TABLE member (team BIGINT NOT NULL, member BIGINT NOT NULL,"
    " PRIMARY KEY (team, member)) WITHOUT ROWID;"
    "CREATE INDEX member_of ON member (member);"
    "CREATE TABLE \"grant\" (guid TEXT PRIMARY KEY, scope_path TEXT NOT NULL, shown TEXT NOT NULL,"
    " principal BIGINT NOT NULL, role TEXT NOT NULL, created_us BIGINT NOT NULL,"
    " created_by TEXT NOT NULL, UNIQUE (scope_path, principal, role)) WITHOUT ROWID;"
    "CREATE INDEX grant_principal ON \"grant\" (principal);";

/* Refresh tokens of the token service, by their SHA-256. One that was used stays until it expires,
 * so that its second use is seen. */
static const char SIGN_INS[] =
    "CREATE TABLE refresh_token (hash BLOB PRIMARY KEY, family TEXT NOT NULL,"
    " principal TEXT NOT NULL, client TEXT NOT NULL, wanted TEXT NOT NULL,"
    " issued_us BIGINT NOT NULL, expires_us BIGINT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX refresh_family ON refresh_token (family);"
    "CREATE INDEX refresh_expiry ON refresh_token (expires_us);";

/* The blocks that blobs were made of, in order: clients ask for them, and build on them. They hold
 * no reference of their own, since the blob's object has one to each chunk. */
static const char BLOCKS[] =
    "CREATE TABLE committed (container TEXT NOT NULL, name TEXT NOT NULL,"
    " position BIGINT NOT NULL, block_id TEXT NOT NULL, chunk TEXT NOT NULL, size BIGINT NOT NULL,"
    " PRIMARY KEY (container, name, position)) WITHOUT ROWID;"
    "CREATE INDEX committed_block ON committed (container, name, block_id);"
    /* those that were made of several blocks and were not read whole yet */
    "CREATE INDEX object_unread ON object (object) WHERE sha256 IS NULL;";

/* What was deleted and whose rows and bytes still have to go (asset/doom.h); and runs of an
 * experiment by their creation, for pages of run history. */
static const char DELETIONS[] =
    "CREATE TABLE doomed (doomed INTEGER PRIMARY KEY, scope BIGINT NOT NULL,"
    " kind INTEGER NOT NULL, owner BIGINT NOT NULL, container TEXT NOT NULL, prefix TEXT NOT NULL,"
    " at_us BIGINT NOT NULL);"
    "CREATE INDEX run_experiment_created ON run (scope, experiment, created_us DESC, run DESC);";

/* One migration: the scripts that lead from its number - 1 to its number. */
struct migration {
    const char *scripts[4];
};

static const struct migration MIGRATIONS[STORE_SCHEMA] = {
    {{RESOURCES, TRACKING, CONTENT}},
    {{PEOPLE, SIGN_INS, BLOCKS, DELETIONS}},
};

/* Names both numbers, since the cure is another program, not another database. */
static int schema_refuse_newer(struct store_txn *txn, int64_t found, struct error *err)
{
    struct sql *q = sql(txn, "SELECT value FROM meta WHERE key = 'version'", NULL);
    assert(found > STORE_SCHEMA);
    struct str needs = q && sql_step(q) > 0 ? sql_peek(q, 0) : STR("newer");

    return error_set(err, ERROR_CONFLICT, "",
                     "The database has schema %lld and needs lazurite %.*s or later; this is %s,"
                     " which knows schema %d.",
                     (long long)found, STR_ARG(needs), LAZURITE_VERSION, STORE_SCHEMA);
}

/* Who needs a newer version should learn which: the one that migrated last. */
static int schema_sign(struct store_txn *txn, struct error *err)
{
    struct sql *q = sql(txn, "UPDATE meta SET value = ? WHERE key = 'version'", err);

    if (!q)
        return -1;
    sql_bind_text(q, 1, STR(LAZURITE_VERSION));
    return sql_run(q, err);
}

/* Inside its transaction. */
static int schema_apply(struct store_txn *txn, int64_t number, struct error *err)
{
    assert(number >= 1 && number <= STORE_SCHEMA);
    for (size_t i = 0; i < COUNT(MIGRATIONS[0].scripts); i++) {
        const char *script = MIGRATIONS[number - 1].scripts[i];
        if (script && txn->engine->script(txn->connection, script, err) < 0)
            return -1;
    }
    if (schema_sign(txn, err) < 0)
        return -1;
    return txn->engine->set_schema(txn->connection, number, err);
}

/* 1 when one step was made, 0 when the schema is ours. */
static int schema_step(struct store_txn *txn, struct error *err)
{
    int64_t found = 0;

    if (store_txn_begin(txn, err) < 0)
        return -1;
    int result = txn->engine->schema(txn->connection, &found, err);
    if (result == 0 && found > STORE_SCHEMA)
        result = schema_refuse_newer(txn, found, err);
    if (result == 0 && found < STORE_SCHEMA)
        result = schema_apply(txn, found + 1, err) < 0 ? -1 : 1;
    assert(found >= 0 || result < 0);
    if (result <= 0) {
        store_txn_rollback(txn);
        return result;
    }
    store_txn_reset(txn);
    return txn->engine->commit(txn->connection, err) == STORE_DONE ? 1 : -1;
}

/* Each step in a transaction of its own: a crash leaves a schema that has a number. */
int schema_migrate(struct store_txn *txn, struct error *err)
{
    int step;

    do {
        step = schema_step(txn, err);
    } while (step > 0);
    return step;
}
