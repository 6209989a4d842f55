/* Logged models of MLflow 3. Their params, tags and metrics lie in the tables of runs, under the
 * negative of their row, so that one search and one history serve both. */
#include "tracking/logged_model.h"

#include "os/clock.h"

#include <assert.h>

#define MODEL_COLUMNS                                                                        \
    "m.model, m.scope, m.model_id, m.experiment, m.run, r.run_id, m.name, m.kind, m.status," \
    " m.created_us, m.updated_us"
#define MODEL_FROM " FROM logged_model m LEFT JOIN run r ON r.run = m.run "

/* The run's name is read along, since clients want it and not the row. */
static struct logged_model model_row(struct sql *q)
{
    return (struct logged_model){.model = sql_int(q, 0),
                                 .scope = sql_int(q, 1),
                                 .model_id = sql_text(q, 2),
                                 .experiment = sql_int(q, 3),
                                 .run = sql_is_null(q, 4) ? 0 : sql_int(q, 4),
                                 .run_id = sql_is_null(q, 5) ? STR("") : sql_text(q, 5),
                                 .name = sql_text(q, 6),
                                 .kind = sql_is_null(q, 7) ? STR("") : sql_text(q, 7),
                                 .status = (enum logged_model_status)sql_int(q, 8),
                                 .created_us = sql_int(q, 9),
                                 .updated_us = sql_int(q, 10)};
}

/* With MLflow's sentence when there is none. */
static int model_one(struct sql *q, struct str name, struct logged_model *out, struct error *err)
{
    struct logged_model read = {0};
    bool found = sql_step(q) > 0;

    if (found)
        read = model_row(q);
    if (sql_end(q, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "model_id", "Logged model with ID '%.*s' not found.",
                         STR_ARG(name));
    *out = read;
    return 0;
}

/* Byte for byte: the id was made by a client or by us, never typed by hand. */
int logged_model_get(struct store_txn *txn, int64_t scope, struct str model_id,
                     struct logged_model *out, struct error *err)
{
    struct sql *q =
        sql(txn, "SELECT " MODEL_COLUMNS MODEL_FROM "WHERE m.scope = ? AND m.model_id = ?", err);

    if (!q)
        return -1;
    sql_bind_int(q, 1, scope);
    sql_bind_text(q, 2, model_id);
    return model_one(q, model_id, out, err);
}

/* A run that logs the same name again means the newest from then on. */
int logged_model_of_run(struct store_txn *txn, const struct run *run, struct str name,
                        struct logged_model *out, struct error *err)
{
    struct sql *q =
        sql(txn,
            "SELECT " MODEL_COLUMNS MODEL_FROM "WHERE m.scope = ? AND m.run = ? AND m.name = ?"
            " ORDER BY m.created_us DESC, m.model DESC LIMIT 1",
            err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, run->scope);
    sql_bind_int(q, 2, run->run);
    sql_bind_text(q, 3, name);
    return model_one(q, name, out, err);
}

/* The name may be one that another model has: the id tells them apart. */
int logged_model_insert(struct store_txn *txn, struct logged_model *model, struct error *err)
{
    struct logged_model added = *model;

    assert(added.scope > 0 && added.model_id.len > 0 && added.status);
    added.created_us = added.updated_us = clock_now_us();
    struct sql *q = sql(txn,
                        "INSERT INTO logged_model (scope, model_id, experiment, run, name, kind,"
                        " status, created_us, updated_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        " RETURNING model",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, added.scope);
    sql_bind_text(q, 2, added.model_id);
    sql_bind_int(q, 3, added.experiment);
    if (added.run)
        sql_bind_int(q, 4, added.run);
    else
        sql_bind_null(q, 4);
    sql_bind_text(q, 5, added.name);
    sql_bind_text_or_null(q, 6, added.kind);
    sql_bind_int(q, 7, added.status);
    sql_bind_int(q, 8, added.created_us);
    sql_bind_int(q, 9, added.updated_us);
    if (sql_step(q) > 0)
        added.model = sql_int(q, 0);
    if (sql_end(q, err) < 0)
        return -1;
    *model = added;
    return 0;
}

/* The time moves too, also for changes of tags alone. */
int logged_model_set_status(struct store_txn *txn, struct logged_model *model, struct error *err)
{
    struct sql *q =
        sql(txn, "UPDATE logged_model SET status = ?, updated_us = ? WHERE model = ?", err);

    if (!q)
        return -1;
    model->updated_us = clock_now_us();
    sql_bind_int(q, 1, model->status);
    sql_bind_int(q, 2, model->updated_us);
    sql_bind_int(q, 3, model->model);
    return sql_run(q, err);
}

/* The minus is here and nowhere else. */
struct pair_owner logged_model_owner(const struct logged_model *model)
{
    return (struct pair_owner){model->scope, -model->model, model->model_id};
}

/* For searches, as run_each_of. */
int logged_model_each(struct store_txn *txn, const struct experiment_key *experiment,
                      logged_model_visit *visit, void *context, struct error *err)
{
    struct sql *q = sql(txn,
                        "SELECT " MODEL_COLUMNS MODEL_FROM "WHERE m.scope = ? AND m.experiment = ?"
                        " ORDER BY m.created_us DESC, m.model DESC",
                        err);
    if (!q)
        return -1;
    sql_bind_int(q, 1, experiment->scope);
    sql_bind_int(q, 2, experiment->id);
    while (sql_step(q) > 0) {
        struct logged_model model = model_row(q);
        if (visit(&model, context, err) < 0)
            return -1;
    }
    return sql_end(q, err);
}

/* The same for the proxy, for jobs and for the storage surface. */
struct str logged_model_prefix(struct arena *arena, struct str model_id)
{
    assert(model_id.len > 0);
    return arena_printf(arena, "LoggedModels/%.*s", STR_ARG(model_id));
}
