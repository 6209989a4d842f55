/* Every write of the engine goes through step_write: it reads the rows again, changes them, and
 * tells the watchers once the commit is there and not before. */
#include "job/step.h"

#include "job/watcher.h"

#include <assert.h>
#include <string.h>

/* What the watchers are told after the commit, copied out of the transaction. */
struct step_run {
    const struct job_step *step;
    int64_t run;
    enum run_status status;
    char reason[512];
};

/* Rows are read again within the write, so that what a step decides by cannot be old. What the
 * watchers are told is copied out, as the arena ends with the transaction. */
static int step_apply(struct store_txn *txn, void *context, struct error *err)
{
    struct step_run *s = context;
    struct attempt attempt = {0};
    struct run run;

    assert(s->step->run > 0);
    if (run_by_row(txn, s->step->run, &run, err) < 0)
        return -1;
    if (s->step->number > 0 && attempt_get(txn, run.run, s->step->number, &attempt, err) < 0)
        return -1;
    if (s->step->work(txn, &run, &attempt, s->step->context, err) < 0)
        return -1;
    s->status = run.status;
    size_t len = run.reason.len < sizeof(s->reason) ? run.reason.len : sizeof(s->reason) - 1;
    if (len)
        memcpy(s->reason, run.reason.ptr, len);
    s->reason[len] = '\0';
    return 0;
}

/* The streams are told after the commit, so that nobody sees a state that was never stored. */
int step_write(const struct job_step *step, struct error *err)
{
    struct step_run run = {.step = step};

    assert(step->jobs && step->run > 0 && step->work);
    if (store_write(step->jobs->options.store, step_apply, &run, err) < 0)
        return -1;
    watchers_tell_state(step->jobs->watchers, step->run, run.status, str_from(run.reason));
    return 0;
}

/* Both halves of the document: what the client asked for, and what it was resolved to when it was
 * submitted. */
int step_read(struct store_txn *txn, const struct run *run, struct job_stored *out,
              struct error *err)
{
    struct document document;

    assert(out);
    if (run->doc == 0)
        return error_set(err, ERROR_NOT_FOUND, "", "This run was not submitted as a job.");
    if (document_by_id(txn, run->doc, &document, err) < 0)
        return -1;
    struct json *body = json_parse(store_arena(txn), document.body, err);
    if (!body)
        return -1;
    *out = (struct job_stored){.properties = json_get(body, STR("properties")),
                               .resolved = json_get(body, STR("resolved")),
                               .maker = maker_of(store_arena(txn), document.system)};
    return 0;
}

/* By numbers, so a folder of a run cannot be led elsewhere by a name. */
struct compute_start step_folder(struct jobs *jobs, struct arena *arena, int64_t run, int number)
{
    assert(run > 0 && number > 0);
    return (struct compute_start){.dir = jobs->options.dir,
                                  .dir_path = jobs->options.dir_path,
                                  .attempt = attempt_name(arena, run, number)};
}
