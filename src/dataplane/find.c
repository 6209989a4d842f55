/* Whom a path names: the workspace, an experiment by name or id, a run, a job's document. */
#include "dataplane/internal.h"

#include "store/document.h"

#include <assert.h>

int dataplane_scope(const struct call *call, struct store_txn *txn, struct scope *out,
                    struct error *err)
{
    const struct scope_name name = {call_param(call, "subscription"), call_param(call, "group"),
                                    call_param(call, "workspace")};

    return scope_find(txn, &name, out, err);
}

/* Clients write the id where the name belongs, since they copy it from an artifact URI; a name that
 * is a number loses to the experiment with that id. */
static int find_by_either(struct store_txn *txn, int64_t scope, struct str text,
                          struct experiment *out, struct error *err)
{
    int64_t id;

    assert(text.len > 0);
    if (str_to_int64(text, &id) && experiment_get(txn, scope, id, out, NULL) == 0)
        return 0;
    return experiment_by_name(txn, scope, text, out, err);
}

/* Paths under `experimentids` hold an id alone, so a name that is a number is not meant there. */
int dataplane_find_experiment(const struct call *call, struct store_txn *txn, int64_t scope,
                              struct experiment *out, struct error *err)
{
    struct str by_id = call_param(call, "experiment_id"), either = call_param(call, "experiment");
    int64_t id;

    assert(scope > 0);
    if (by_id.len == 0 && either.len == 0)
        return 0;
    if (by_id.len == 0)
        return find_by_either(txn, scope, either, out, err) < 0 ? -1 : 1;
    if (!str_to_int64(by_id, &id))
        return error_set(err, ERROR_NOT_FOUND, "experimentId", "There is no experiment '%.*s'.",
                         STR_ARG(str_slice(by_id, 0, 100)));
    return experiment_get(txn, scope, id, out, err) < 0 ? -1 : 1;
}

int dataplane_check_path(const struct call *call, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct experiment experiment;
    struct scope scope;

    return !txn || dataplane_scope(call, txn, &scope, err) < 0 ||
                   dataplane_find_experiment(call, txn, scope.number, &experiment, err) < 0
               ? -1
               : 0;
}

/* A run of another experiment is not there: the path says where it is looked for. */
int dataplane_row(const struct call *call, struct store_txn *txn, const struct run_key *key,
                  struct run *out, struct error *err)
{
    struct experiment experiment;
    struct run run;
    int given = dataplane_find_experiment(call, txn, key->scope, &experiment, err);

    if (given < 0)
        return -1;
    if (key->run_id.len == 0 || run_get(txn, key->scope, key->run_id, &run, NULL) < 0 ||
        (given && run.experiment != experiment.id))
        return error_set(err, ERROR_NOT_FOUND, "run", "There is no run '%.*s'.",
                         STR_ARG(str_slice(key->run_id, 0, 200)));
    *out = run;
    return 0;
}

int dataplane_may_write(const struct call *call, struct store_txn *txn, const struct run *run,
                        struct error *err)
{
    const struct caller *caller = &call->caller;
    const struct run_key own = {caller->scope, caller->run};
    bool within = true;

    if (caller->kind == CALLER_ATTEMPT && run_within(txn, run, &own, &within, err) < 0)
        return -1;
    if (within)
        return 0;
    return error_set(err, ERROR_FORBIDDEN, "run",
                     "The job '%.*s' may write its own run and what is below it, not '%.*s'.",
                     STR_ARG(caller->run), STR_ARG(run->run_id));
}

/* The document of a job beside its run. */
static int read_document(struct dataplane_run *at, struct error *err)
{
    struct document document;

    at->properties = at->resolved = NULL;
    if (at->run.doc == 0)
        return 0;
    if (document_by_id(at->txn, at->run.doc, &document, err) < 0)
        return -1;
    struct json *body = json_parse(store_arena(at->txn), document.body, err);
    if (!body)
        return -1;
    at->properties = json_get(body, STR("properties"));
    at->resolved = json_get(body, STR("resolved"));
    return 0;
}

int dataplane_take_run(struct dataplane_run *at, const struct run *run, struct error *err)
{
    assert(at->txn && run->run > 0);
    at->run = *run;
    return read_document(at, err);
}

int dataplane_find_run(struct dataplane_run *at, struct str name, struct error *err)
{
    assert(at->txn);
    if (dataplane_scope(at->call, at->txn, &at->scope, err) < 0)
        return -1;
    const struct run_key key = {at->scope.number, name};
    if (dataplane_row(at->call, at->txn, &key, &at->run, err) < 0)
        return -1;
    return read_document(at, err);
}
