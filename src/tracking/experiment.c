#include "tracking/experiment.h"

#include "os/clock.h"
#include "tracking/pair.h"

#include <assert.h>

#define EXPERIMENT_COLUMNS "id, name, location, created_us, updated_us, deleted_us"

/* The scope is not among the columns: the caller asked by it. */
static struct experiment experiment_row(struct sql *q, int64_t scope)
{
    return (struct experiment){.scope = scope,
                               .id = sql_int(q, 0),
                               .name = sql_text(q, 1),
                               .location = sql_text(q, 2),
                               .created_us = sql_int(q, 3),
                               .updated_us = sql_int(q, 4),
                               .deleted_us = sql_is_null(q, 5) ? 0 : sql_int(q, 5)};
}

/* Deleted ones too: MLflow shows them with their stage. */
int experiment_get(struct store_txn *txn, int64_t scope, int64_t id, struct experiment *out,
                   struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT " EXPERIMENT_COLUMNS " FROM experiment WHERE scope = ? AND id = ?", err);
    struct experiment read = {0};

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_int(q, 2, id);
    bool found = sql_step(q) > 0;
    if (found)
        read = experiment_row(q, scope);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "experiment_id", "No Experiment with id=%lld exists",
                         (long long)id);
    *out = read;
    return 0;
}

/* Byte for byte, as MLflow compares names. */
int experiment_by_name(struct store_txn *txn, int64_t scope, struct str name,
                       struct experiment *out, struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT " EXPERIMENT_COLUMNS " FROM experiment WHERE scope = ? AND name = ?", err);
    struct experiment read = {0};

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_text(q, 2, name);
    bool found = sql_step(q) > 0;
    if (found)
        read = experiment_row(q, scope);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "experiment_name",
                         "Could not find experiment with name '%.*s'", STR_ARG(name));
    *out = read;
    return 0;
}

/* Whether a name is free. Errors: ERROR_EXISTS. */
static int name_free(struct store_txn *txn, int64_t scope, struct str name, struct error *err)
{
    struct experiment there;
    struct error missing = {0};

    if (experiment_by_name(txn, scope, name, &there, &missing) == 0) {
        if (there.deleted_us)
            return error_set(err, ERROR_EXISTS, "name",
                             "Experiment '%.*s' already exists in deleted state. You can restore "
                             "the experiment, or choose another name.",
                             STR_ARG(name));
        return error_set(err, ERROR_EXISTS, "name", "Experiment(name=%.*s) already exists.",
                         STR_ARG(name));
    }
    if (missing.code == ERROR_NOT_FOUND)
        return 0;
    if (err)
        *err = missing;
    return -1;
}

/* Never that of a deleted one: old artifact addresses hold it. */
static int next_id(struct store_txn *txn, int64_t scope, int64_t *out, struct error *err)
{
    /* Deleted ones stand under the negative scope: an id is given once. */
    struct sql *q = sql(txn, "SELECT MAX(id) FROM experiment WHERE scope IN (?, ?)", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_int(q, 2, -scope);
    *out = sql_step(q) > 0 && !sql_is_null(q, 0) ? sql_int(q, 0) + 1 : 0;
    return sql_end(q, err);
}

/* Without the check of the name, which the caller made. */
static int insert_row(struct store_txn *txn, const struct experiment *experiment, struct error *err)
{
    struct sql *q = sql(txn,
                        "INSERT INTO experiment (scope, id, name, location, created_us, updated_us)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    sql_bind_text(q, 3, experiment->name);
    sql_bind_text(q, 4, experiment->location);
    sql_bind_int(q, 5, experiment->created_us);
    sql_bind_int(q, 6, experiment->updated_us);
    return sql_run(q, err);
}

/* A deleted experiment keeps its name, since it may be restored. */
int experiment_insert(struct store_txn *txn, struct experiment *experiment, struct error *err)
{
    struct experiment added = *experiment;

    assert(store_is_writer(txn));
    if (name_free(txn, added.scope, added.name, err) < 0 ||
        next_id(txn, added.scope, &added.id, err) < 0)
        return -1;
    added.created_us = added.updated_us = clock_now_us();
    if (insert_row(txn, &added, err) < 0)
        return -1;
    *experiment = added;
    return 0;
}

/* When a workspace is made, and by whoever asks first: id 0 must be there whatever is asked. */
int experiment_make_default(struct store_txn *txn, int64_t scope, struct error *err)
{
    struct experiment made = {.scope = scope, .name = STR("Default"), .location = STR("")};
    int64_t next;

    if (next_id(txn, scope, &next, err) < 0)
        return -1;
    return next > 0 ? 0 : experiment_insert(txn, &made, err);
}

/* Submitting a job names its experiment; that it is new is no reason to refuse. */
int experiment_ensure(struct store_txn *txn, int64_t scope, struct str name, int64_t *out_id,
                      struct error *err)
{
    struct experiment found = {.scope = scope, .name = name, .location = STR("")};
    struct error missing = {0};

    if (name.len == 0) {
        *out_id = 0;
        return experiment_make_default(txn, scope, err);
    }
    if (experiment_by_name(txn, scope, name, &found, &missing) < 0) {
        if (missing.code != ERROR_NOT_FOUND)
            return error_set(err, missing.code, missing.target, "%s", missing.message);
        if (experiment_make_default(txn, scope, err) < 0 || experiment_insert(txn, &found, err) < 0)
            return -1;
    }
    *out_id = found.id;
    return 0;
}

/* For those who hold the number from a run's row. */
int experiment_name(struct store_txn *txn, int64_t scope, int64_t id, struct str *out,
                    struct error *err)
{
    struct experiment found;

    if (experiment_get(txn, scope, id, &found, err) < 0)
        return -1;
    *out = found.name;
    return 0;
}

/* Every change moves the time that clients sort by. */
static int experiment_write(struct store_txn *txn, struct experiment *experiment, struct error *err)
{
    struct sql *q = sql(txn,
                        "UPDATE experiment SET name = ?, updated_us = ?, deleted_us = ?"
                        " WHERE scope = ? AND id = ?",
                        err);
    if (!q)
        return -1;
    experiment->updated_us = clock_now_us();
    sql_bind_text(q, 1, experiment->name);
    sql_bind_int(q, 2, experiment->updated_us);
    if (experiment->deleted_us)
        sql_bind_int(q, 3, experiment->deleted_us);
    else
        sql_bind_null(q, 3);
    sql_bind_int(q, 4, experiment->scope);
    sql_bind_int(q, 5, experiment->id);
    return sql_run(q, err);
}

/* A deleted one is refused in MLflow's words; its own name again is no change. */
int experiment_rename(struct store_txn *txn, struct experiment *experiment, struct str name,
                      struct error *err)
{
    if (experiment->deleted_us)
        return error_set(err, ERROR_INVALID, "experiment_id",
                         "The experiment %lld must be in the 'active' state. Current state is "
                         "deleted.",
                         (long long)experiment->id);
    if (str_eq(name, experiment->name))
        return 0;
    if (name_free(txn, experiment->scope, name, err) < 0)
        return -1;
    experiment->name = name;
    return experiment_write(txn, experiment, err);
}

/* Runs share the experiment's instant of deletion, which tells them from those deleted one by one.
 */
static int runs_follow(struct store_txn *txn, const struct experiment *experiment,
                       int64_t deleted_us, struct error *err)
{
    struct sql *q = deleted_us ? sql(txn,
                                     "UPDATE run SET deleted_us = ?, rev = rev + 1"
                                     " WHERE scope = ? AND experiment = ? AND deleted_us IS NULL",
                                     err)
                               : sql(txn,
                                     "UPDATE run SET deleted_us = NULL, rev = rev + 1"
                                     " WHERE deleted_us = ? AND scope = ? AND experiment = ?",
                                     err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, deleted_us ? deleted_us : experiment->deleted_us);
    sql_bind_int(q, 2, experiment->scope);
    sql_bind_int(q, 3, experiment->id);
    return sql_run(q, err);
}

/* A second time changes nothing, and keeps the instant that tells which runs went along. */
int experiment_delete(struct store_txn *txn, struct experiment *experiment, struct error *err)
{
    if (experiment->deleted_us)
        return error_set(err, ERROR_NOT_FOUND, "experiment_id", "No Experiment with id=%lld exists",
                         (long long)experiment->id);
    int64_t now_us = clock_now_us();
    if (runs_follow(txn, experiment, now_us, err) < 0)
        return -1;
    experiment->deleted_us = now_us;
    return experiment_write(txn, experiment, err);
}

/* The name was kept free meanwhile. */
int experiment_restore(struct store_txn *txn, struct experiment *experiment, struct error *err)
{
    if (!experiment->deleted_us)
        return error_set(err, ERROR_NOT_FOUND, "experiment_id",
                         "Experiment with id=%lld must be in the deleted state.",
                         (long long)experiment->id);
    if (runs_follow(txn, experiment, 0, err) < 0)
        return -1;
    experiment->deleted_us = 0;
    return experiment_write(txn, experiment, err);
}

/* Keys are texts here: there are few experiments, and no search by their tags. */
int experiment_tags(struct store_txn *txn, int64_t scope, int64_t id, struct pairs *out,
                    struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT key, value FROM experiment_tag WHERE scope = ? AND experiment = ?"
                        " ORDER BY key",
                        err);
    struct pairs pairs = {0};
    size_t size = 0;

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_int(q, 2, id);
    while (sql_step(q) > 0) {
        if (pairs.count == size) {
            size = size * 2 + 8;
            struct pair *grown = arena_new_array(store_arena(txn), struct pair, size);
            for (size_t i = 0; i < pairs.count; i++)
                grown[i] = pairs.at[i];
            pairs.at = grown;
        }
        pairs.at[pairs.count++] = (struct pair){sql_text(q, 0), sql_text(q, 1)};
    }
    if (sql_end(q, err) < 0)
        return -1;
    *out = pairs;
    return 0;
}

/* The newest value wins, as with tags of runs. */
int experiment_set_tag(struct store_txn *txn, const struct experiment *experiment, struct str key,
                       struct str value, struct error *err)
{
    if (experiment->deleted_us)
        return error_set(err, ERROR_INVALID, "experiment_id",
                         "The experiment %lld must be in the 'active' state. Current state is "
                         "deleted.",
                         (long long)experiment->id);
    struct sql *q =
        sql(txn,
            "INSERT INTO experiment_tag (scope, experiment, key, value)"
            " VALUES (?, ?, ?, ?)"
            " ON CONFLICT (scope, experiment, key) DO UPDATE SET value = excluded.value",
            err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    sql_bind_text(q, 3, key);
    sql_bind_text(q, 4, value);
    return sql_run(q, err);
}

/* MLflow tells when there was none. */
int experiment_delete_tag(struct store_txn *txn, const struct experiment *experiment,
                          struct str key, struct error *err)
{
    struct sql *q =
        sql(txn, "DELETE FROM experiment_tag WHERE scope = ? AND experiment = ? AND key = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    sql_bind_text(q, 3, key);
    if (sql_run(q, err) < 0)
        return -1;
    if (sql_changes(txn) == 0)
        return error_set(err, ERROR_NOT_FOUND, "key",
                         "No tag with name: %.*s in experiment with id %lld", STR_ARG(key),
                         (long long)experiment->id);
    return 0;
}

/* For listings, which filter by what the table does not know. */
int experiment_each(struct store_txn *txn, int64_t scope, experiment_visit *visit, void *context,
                    struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " EXPERIMENT_COLUMNS " FROM experiment WHERE scope = ?"
                        " ORDER BY created_us DESC, id",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    while (sql_step(q) > 0) {
        struct experiment experiment = experiment_row(q, scope);
        if (visit(&experiment, context, err) < 0)
            return -1;
    }
    return sql_end(q, err);
}
