/* The resource of a job: its document is what was asked for, the run is what happened. A PUT is one
 * submission; afterwards only what people write on a job may change. */
#include "kinds/job.h"

#include "asset/doom.h"
#include "job/folders.h"
#include "job/attempt.h"
#include "job/job.h"
#include "job/watch.h"
#include "kinds/fields.h"
#include "kinds/filter.h"
#include "kinds/job_stream.h"
#include "kinds/job_types.h"
#include "kinds/lineage.h"
#include "route/name.h"

#include <assert.h>
#include <string.h>

/* What prepare found out: a new job is checked and resolved, an old one keeps what runs. */
struct job_prepared {
    bool exists;
    struct job_spec *spec;
    struct job_submit submit;
    struct lineage lineage;
    struct json *tags_before; /* as stored; NULL none. The run may have others, set elsewhere. */
    bool tags_said;           /* the body had some of its own */
};

/* Of the body as it came; "" when it is not a text. */
static struct str property(const struct json *body, const char *path)
{
    assert(body && path);
    return json_str_at(json_get(body, STR("properties")), path);
}

/* What people write about a job, and may change as long as it is kept. */
static const struct field MAY_CHANGE[] = {
    {"properties.displayName", FIELD_TEXT, false, NULL},
    {"properties.description", FIELD_TEXT, false, NULL},
    {"properties.tags", FIELD_TEXTS, false, NULL},
    {"properties.properties", FIELD_OBJECT, false, NULL},
    {"properties.isArchived", FIELD_BOOL, false, NULL},
};

/* Texts that say what a job is; clients that send back what they read repeat them. */
static int check_same(struct arm_request *req, const struct json *stored, struct error *err)
{
    static const char *const SAME[] = {"properties.jobType", "properties.command",
                                       "properties.codeId"};

    for (size_t i = 0; i < COUNT(SAME); i++) {
        struct str wanted = json_str_at(req->body, SAME[i]), have = json_str_at(stored, SAME[i]);
        bool same = wanted.len == 0 || str_eq(wanted, have) ||
                    (i != 1 && str_eq_fold(wanted, have)); /* all but the command are ids */
        if (same)
            continue;
        error_set(err, ERROR_CONFLICT, SAME[i], "The job '%.*s' exists already with another %s.",
                  STR_ARG(req->name), SAME[i] + strlen("properties."));
        return error_hint(err, "Submit it under another name.");
    }
    return 0;
}

/* A job is never started again by a PUT: only what people write about it may change. */
static int prepare_update(struct arm_request *req, const struct document *before, struct error *err)
{
    const struct fields_table table = {MAY_CHANGE, COUNT(MAY_CHANGE)};
    struct json *stored = json_parse(req->arena, before->body, err);
    struct job_prepared *prepared = req->prepared;

    assert(json_kind(req->body) == JSON_OBJECT);
    if (!stored || fields_check(req->arena, req->body, &table, err) < 0 ||
        check_same(req, stored, err) < 0)
        return -1;
    prepared->tags_before = json_copy(req->arena, json_at(stored, "properties.tags"));
    prepared->tags_said = json_kind(json_at(req->body, "properties.tags")) == JSON_OBJECT;
    for (size_t i = 0; i < COUNT(MAY_CHANGE); i++) {
        struct json *value = json_at(req->body, MAY_CHANGE[i].path);
        if (value && json_put(req->arena, stored, MAY_CHANGE[i].path, value, err) < 0)
            return -1;
    }
    req->body = stored;
    return 0;
}

/* Which versions the names meant at submission: code, and the assets among the inputs. */
static int note_lineage(struct arm_request *req, struct lineage *lineage, struct error *err)
{
    const struct lineage_query code = {"properties.codeId", "code", "codes",
                                       property(req->body, "codeId")};
    struct json_iter it = json_iter(json_at(req->body, "properties.inputs"));

    if (lineage_add(req, lineage, &code, err) < 0)
        return -1;
    while (json_next(&it)) {
        bool model = str_ends(json_str_at(it.value, "jobInputType"), STR("_model"));
        const struct lineage_query input = {
            arena_printf(req->arena, "properties.inputs.%.*s.uri", STR_ARG(it.key)).ptr,
            arena_cstr(req->arena, it.key), model ? "models" : "data",
            json_str_at(it.value, "uri")};
        struct error ignored;
        /* The engine has resolved it already, by its own rules: what is not found here is no asset
         * of a type that lineage knows. */
        lineage_add(req, lineage, &input, &ignored);
    }
    return 0;
}

/* The parent that a job names is one of this workspace. */
static int check_parent(struct arm_request *req, struct error *err)
{
    struct str parent = property(req->body, "parentJobName");
    struct run run;

    if (parent.len == 0)
        return 0;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    if (!txn)
        return -1;
    if (run_get(txn, req->scope.number, parent, &run, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "properties.parentJobName",
                               "There is no job '%.*s'.", STR_ARG(parent));
    return error_set(err, ERROR_NOT_IMPLEMENTED, "properties.parentJobName",
                     "Submitting a job as the child of another is not built yet.");
}

/* What is there already is looked at first: a PUT of it never reaches the engine. */
static int job_kind_prepare(struct arm_request *req, struct error *err)
{
    struct job_prepared *prepared = arena_make(req->arena, struct job_prepared);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(req->engines->store, err);
    struct document_key key = {req->scope.number, STR("jobs"), 0, req->name};
    struct error missing = {0};
    struct document before;

    assert(req->name.len > 0);
    req->prepared = prepared;
    if (!txn)
        return -1;
    prepared->exists = document_get(txn, &key, &before, &missing) == 0;
    if (!prepared->exists && missing.code != ERROR_NOT_FOUND) {
        *err = missing;
        return -1;
    }
    if (prepared->exists)
        return prepare_update(req, &before, err);
    store_read_end(&txn);
    if (name_check(NAME_JOB, req->name, "name", err) < 0)
        return -1;
    if (job_types_check(req, err) < 0 || check_parent(req, err) < 0)
        return -1;
    prepared->submit = (struct job_submit){.scope = &req->scope,
                                           .name = req->name,
                                           .properties = json_get(req->body, STR("properties")),
                                           .actor = req->actor};
    if (job_prepare(req->engines->jobs, req->arena, &prepared->submit, &prepared->spec, err) < 0)
        return -1;
    json_set(req->arena, req->body, STR("resolved"), job_spec_resolved(prepared->spec));
    return note_lineage(req, &prepared->lineage, err);
}

/* A second PUT of a new name won the race: the client may simply try again. */
static int job_kind_check(struct arm_request *req, struct store_txn *txn,
                          const struct document *before, struct error *err)
{
    const struct job_prepared *prepared = req->prepared;
    struct run run;

    assert(prepared);
    if (prepared->exists != (before != NULL))
        return error_set(err, ERROR_CONFLICT, "", "The job '%.*s' was changed at the same time.",
                         STR_ARG(req->name));
    if (!before && run_get(txn, req->scope.number, req->name, &run, NULL) == 0)
        return error_set(err, ERROR_CONFLICT, "", "A run named '%.*s' exists already.",
                         STR_ARG(req->name));
    return 0;
}

/* The run bears the name and the archive flag that every face shows. */
static int update_run(struct arm_request *req, struct store_txn *txn, const struct document *after,
                      struct error *err)
{
    struct str name = property(req->body, "displayName");
    struct run run;

    assert(after->scope == req->scope.number);
    if (run_get(txn, req->scope.number, req->name, &run, err) < 0)
        return -1;
    if (name.len)
        run.name = name;
    run.archived = json_bool_at(req->body, "properties.isArchived", after->archived);
    return run_update(txn, &run, err);
}

/* What a PATCH changed in the stored tags, done to the run, which may have tags of MLflow's that
 * the document never saw. */
static int patch_tags(struct store_txn *txn, const struct run *run, const struct json *before,
                      const struct json *after, struct error *err)
{
    struct json_iter it = json_iter(before);

    while (json_next(&it))
        if (!json_get(after, it.key) && run_delete_tag(txn, run, it.key, err) < 0)
            return -1;
    it = json_iter(after);
    while (json_next(&it))
        if (!json_equal(it.value, json_get(before, it.key)) &&
            run_set_tag(txn, run, it.key, json_as_str(it.value), err) < 0)
            return -1;
    return 0;
}

/* The job's tags are the run's tags: one record, every face. A PUT that has tags has all of them;
 * one without says nothing about them. */
static int store_tags(struct arm_request *req, struct store_txn *txn, struct error *err)
{
    const struct job_prepared *prepared = req->prepared;
    struct json *tags = json_at(req->body, "properties.tags");
    struct run run;

    assert(store_is_writer(txn));
    if (run_get(txn, req->scope.number, req->name, &run, err) < 0)
        return -1;
    if (prepared->exists && req->patch)
        return patch_tags(txn, &run, prepared->tags_before, tags, err);
    return prepared->exists && !prepared->tags_said ? 0 : run_replace_tags(txn, &run, tags, err);
}

/* A PUT of a job that is there never reaches the engine: only its row of people's words changes.
 */
static int job_kind_change(struct arm_request *req, struct store_txn *txn,
                           const struct document *after, struct error *err)
{
    const struct job_prepared *prepared = req->prepared;

    assert(prepared);
    const struct lineage_link made = {.kind = STR("job"), .id = req->name};
    if (prepared->exists ? update_run(req, txn, after, err) < 0
                         : job_insert(txn, &prepared->submit, prepared->spec, after, err) < 0)
        return -1;
    if (lineage_store(req, txn, &prepared->lineage, &made, err) < 0)
        return -1;
    return store_tags(req, txn, err);
}

/* For good: the run goes with all that is below it (decisions 7). */
static int job_kind_remove(struct arm_request *req, struct store_txn *txn,
                           const struct document *document, struct error *err)
{
    struct run run;

    assert(document->name.len > 0);
    if (run_get(txn, req->scope.number, document->name, &run, err) < 0)
        return -1;
    if (!run_status_final(run.status)) {
        error_set(err, ERROR_CONFLICT, "",
                  "The job '%.*s' is %s; only a finished job can be deleted.",
                  STR_ARG(document->name), run_status_name(run.status));
        return error_hint(err, "Cancel it first.");
    }
    return doom_run(txn, &req->scope, &run, err);
}

/* A new job should not wait until the scheduler looks by itself. What a deleted one leaves is
 * swept; what fails is done by the hourly round. */
static void job_kind_after(struct arm_request *req, const struct document *, bool removed)
{
    assert(req->engines->jobs);
    if (removed) {
        doom_sweep(req->engines->store, NULL);
        job_folders_sweep(req->engines->store, req->engines->dir, NULL);
    }
    jobs_wake(req->engines->jobs);
}

/* ARM shows the run's tags, wherever they were set. */
static int job_kind_show(struct arm_request *req, struct store_txn *txn,
                         const struct document *document, struct json *wire, struct error *err)
{
    struct json *properties = json_get(wire, STR("properties"));
    struct json *tags = json_object(req->arena);
    struct run run;

    assert(wire);
    json_remove(wire, STR("resolved"));
    if (run_get(txn, req->scope.number, document->name, &run, err) < 0 ||
        run_tags(txn, &run, tags, err) < 0)
        return -1;
    if (json_count(tags) > 0)
        json_set(req->arena, properties, STR("tags"), tags);
    if (job_show(req->engines->jobs, txn, &run, properties, err) < 0)
        return -1;
    /* What engines put in lives as long as the transaction; the reply lives longer. */
    json_set(req->arena, wire, STR("properties"), json_copy(req->arena, properties));
    return 0;
}

/* A run that MLflow made has no document: it is a Command job without a command (decisions 8). */
static struct document document_of_run(struct arena *arena, const struct run *run)
{
    assert(run->run > 0);
    return (struct document){
        .scope = run->scope,
        .type = STR("jobs"),
        .name = arena_str(arena, run->run_id),
        .rev = run->rev,
        .archived = run->archived || run->deleted_us != 0,
        .created_us = run->created_us,
        .updated_us = run->end_us ? run->end_us : run->created_us,
        .created_by = arena_str(arena, run->user),
        .body = STR("{\"properties\":{\"jobType\":\"Command\",\"command\":\"\",\"properties\":"
                    "{\"lazurite.origin\":\"mlflow\"}}}"),
        .system = STR("{}"),
    };
}

/* Only runs that MLflow made come here: all others have a document. */
static int job_kind_find(struct arm_request *req, struct store_txn *txn, struct document *out,
                         struct error *err)
{
    struct run run;

    assert(out);
    if (run_get(txn, req->scope.number, req->name, &run, err) < 0)
        return -1;
    *out = document_of_run(req->arena, &run);
    return 0;
}

/* Runs looked at in one go: most lists leave most of them in. */
#define BATCH 200

/* One page in the making; its position is a run's. */
struct listing {
    struct arm_request *req;
    struct store_txn *txn;
    struct filter filter;
    bool scheduled; /* only what a schedule made */
    const struct document_sink *to;
    size_t left, seen;
    int64_t before_us, before_run;
};

/* Whether the list's query leaves this job in it; its tags are those of the run. */
static int wanted(struct listing *listing, const struct document *document, const struct run *run,
                  bool *out, struct error *err)
{
    struct arena *arena = listing->req->arena;
    struct json *body, *tags;

    *out = !listing->scheduled;
    if (filter_empty(&listing->filter) && !listing->scheduled)
        return 0;
    body = json_parse(arena, document->body, err);
    tags = json_object(arena);
    if (!body || run_tags(listing->txn, run, tags, err) < 0)
        return -1;
    const struct json *properties = json_at(body, "properties");
    *out = (!listing->scheduled || json_str_at(properties, "properties.ScheduleId").len) &&
           filter_fits(&listing->filter, document, properties, tags);
    return 0;
}

/* The position of a page is the run's, whether it has a document or not. */
static int list_run(const struct run *run, void *context, struct error *err)
{
    struct listing *listing = context;
    struct document document;
    bool stays;

    assert(listing->txn);
    listing->seen++;
    listing->before_us = run->created_us;
    listing->before_run = run->run;
    if (run->kind == RUN_BUILD || listing->left == 0)
        return 0;
    if (run->doc == 0)
        document = document_of_run(listing->req->arena, run);
    else if (document_by_id(listing->txn, run->doc, &document, err) < 0)
        return -1;
    if (wanted(listing, &document, run, &stays, err) < 0)
        return -1;
    if (!stays)
        return 0;
    document.created_us = run->created_us;
    document.doc = run->run;
    listing->left--;
    return listing->to->each(&document, listing->to->context, err);
}

/* By runs, not by documents: those of MLflow are jobs as well. In batches until the page is full,
 * since a query may leave few of them. */
static int job_kind_list(struct arm_request *req, struct store_txn *txn,
                         const struct document_query *page, const struct document_sink *to,
                         struct error *err)
{
    struct listing listing = {.req = req,
                              .txn = txn,
                              .filter = filter_read(req->call),
                              .scheduled =
                                  str_eq_fold(call_query(req->call, "scheduled"), STR("true")),
                              .to = to,
                              .left = page->limit,
                              .before_us = page->before_us,
                              .before_run = page->before_doc};

    assert(page->limit > 0);
    do {
        const struct run_query query = {.scope = req->scope.number,
                                        .archived_only = page->view == VIEW_ARCHIVED,
                                        .all = page->view == VIEW_ALL,
                                        .before_us = listing.before_us,
                                        .before_run = listing.before_run,
                                        .limit = BATCH};
        listing.seen = 0;
        if (run_list(txn, &query, list_run, &listing, err) < 0)
            return -1;
    } while (listing.left > 0 && listing.seen == BATCH);
    return 0;
}

/* 202, and an operation to follow, also when nothing is left to stop: clients poll either way. */
static int cancel_action(struct arm_request *req, const struct document *document,
                         struct arm_reply *out, struct error *err)
{
    assert(document);
    if (job_cancel(req->engines->jobs, req->scope.number, document->name, req->actor, err) < 0)
        return -1;
    *out = (struct arm_reply){.status = 202};
    return document->doc ? arm_operation_start(req, document, &out->operation, err) : 0;
}

/* Everything else that is done to a job is done by its runner's reports. */
static const struct arm_action ACTIONS[] = {{"cancel", cancel_action}};

const struct arm_kind job_kind = {
    .type = "jobs",
    .wire = "Microsoft.MachineLearningServices/workspaces/jobs",
    .names = NAME_JOB,
    .prepare = job_kind_prepare,
    .check = job_kind_check,
    .change = job_kind_change,
    .remove = job_kind_remove,
    .after = job_kind_after,
    .show = job_kind_show,
    .find = job_kind_find,
    .list = job_kind_list,
    .newest_only = true,
    .actions = ACTIONS,
    .action_count = COUNT(ACTIONS),
};

/* --- Runners --------------------------------------------------------------------------------- */

/* The attempt in the path must be the one whose token this is. */
static int own_attempt(struct call *call, int64_t *out_run, int *out_number, struct error *err)
{
    struct engines *engines = call->face;
    CLEANUP(store_read_end) struct store_txn *txn = NULL;
    struct run run;

    assert(out_run && out_number);
    if (!attempt_parse(call_param(call, "attempt"), out_run, out_number))
        return error_set(err, ERROR_NOT_FOUND, "", "There is no such attempt.");
    txn = store_read_begin(engines->store, err);
    if (!txn)
        return -1;
    if (run_by_row(txn, *out_run, &run, err) < 0)
        return -1;
    bool own = call->caller.kind == CALLER_ADMIN ||
               (run.scope == call->caller.scope && str_eq_fold(run.run_id, call->caller.run) &&
                *out_number == call->caller.attempt);
    return own ? 0 : error_set(err, ERROR_NOT_FOUND, "", "There is no such attempt.");
}

/* How far the server is with the file, and whether the runner should stop. */
static void answer(struct call *call, const struct watch_answer *answer)
{
    struct json *body = json_object(call->arena);

    assert(answer->next >= 0);
    json_set_int(call->arena, body, "next", answer->next);
    json_set_bool(call->arena, body, "cancel", answer->cancel);
    arm_reply(call, 200, body);
}

/* A runner reports what happened; the same report twice does no harm. */
static void run_events(struct call *call)
{
    struct engines *engines = call->face;
    struct watch_report report = {0};
    struct watch_answer got;
    struct error err = {0};
    struct json *body = json_parse(call->arena, http_body(call->ex), &err);

    assert(call->face);
    if (!body || own_attempt(call, &report.run, &report.number, &err) < 0) {
        arm_refuse(call, &err);
        return;
    }
    report.events = json_get(body, STR("events"));
    if (watch_events(engines->jobs, &report, &got, &err) < 0)
        arm_refuse(call, &err);
    else
        answer(call, &got);
}

/* Raw bytes in the body, place and name in the query: a log needs no escaping on its way. */
static void run_logs(struct call *call)
{
    struct engines *engines = call->face;
    struct watch_log log = {.file = call_query(call, "file"), .bytes = http_body(call->ex)};
    struct watch_answer got;
    struct error err = {0};

    assert(call->face);
    if (!str_to_int64(call_query(call, "offset"), &log.offset) || log.offset < 0)
        error_set(&err, ERROR_INVALID, "offset", "A byte offset is required.");
    else if (own_attempt(call, &log.run, &log.number, &err) == 0 &&
             watch_log(engines->jobs, &log, &got, &err) == 0) {
        answer(call, &got);
        return;
    }
    arm_refuse(call, &err);
}

#define JOB_PATH                                                                  \
    "/lazurite/v1/subscriptions/{subscription}/resourceGroups/{group}/providers/" \
    "Microsoft.MachineLearningServices/workspaces/{workspace}/jobs/{name}"
/* Who may see a job may follow it. */
#define JOB_READ "Microsoft.MachineLearningServices/workspaces/jobs/read"

/* The runner's two calls, and what people watch a job by. */
static const struct route ROUTES[] = {
    {"POST", "/lazurite/v1/attempts/{attempt}/events", PERMIT_ATTEMPT, NULL, 4 * MIB, 0,
     LISTEN_SOCKET | LISTEN_TLS, run_events, NULL, arm_refuse},
    {"POST", "/lazurite/v1/attempts/{attempt}/logs", PERMIT_ATTEMPT, NULL, 4 * MIB, 0,
     LISTEN_SOCKET | LISTEN_TLS, run_logs, NULL, arm_refuse},
    {"GET", JOB_PATH "/stream", PERMIT_ACTION, JOB_READ, 0, ROUTE_FOLD, LISTEN_ALL, job_stream_run,
     NULL, arm_refuse},
    {"GET", JOB_PATH "/why", PERMIT_ACTION, JOB_READ, 0, ROUTE_FOLD, LISTEN_ALL, job_why_run, NULL,
     arm_refuse},
};

/* What is done to jobs by others than clients of ARM: runners, and those who watch. */
struct route_table job_routes(struct engines *engines)
{
    assert(engines);
    return (struct route_table){ROUTES, COUNT(ROUTES), engines};
}
