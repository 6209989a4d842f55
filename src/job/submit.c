/* What a submission adds to the transaction that stores its document: the run, its lineage and its
 * first event. So there is no job without a run, and no run without its job. */
#include "job/spec.h"

#include "job/step.h"
#include "os/clock.h"
#include "store/event.h"

#include <assert.h>

/* All that can be wrong with a body is found here, while nothing is open: the write that follows
 * only fails when the world has changed. */
int job_prepare(struct jobs *jobs, struct arena *arena, const struct job_submit *submit,
                struct job_spec **out, struct error *err)
{
    struct job_spec *spec = arena_make(arena, struct job_spec);

    assert(jobs && submit);
    if (spec_read(jobs, arena, submit, spec, err) < 0)
        return -1;
    *out = spec;
    return 0;
}

/* Lineage: what went in. */
static int link_inputs(struct store_txn *txn, const struct job_submit *submit,
                       const struct job_spec *spec, struct error *err)
{
    struct asset_edge edge = {.scope = submit->scope->number,
                              .to_kind = STR("job"),
                              .to_id = submit->name,
                              .from_kind = STR("environments/versions"),
                              .from_id = json_str_at(spec->resolved, "environmentId"),
                              .role = STR("environment")};
    struct json_iter it = json_iter(json_at(spec->resolved, "inputs"));

    if (edge.from_id.len && asset_link(txn, &edge, err) < 0)
        return -1;
    edge.from_kind = STR("uri");
    while (json_next(&it)) {
        edge.from_id = json_str_at(it.value, "uri");
        edge.role = it.key;
        if (edge.from_id.len && asset_link(txn, &edge, err) < 0)
            return -1;
    }
    return 0;
}

/* In the transaction of its document: a job is either there with its run and event, or not at
 * all. */
int job_insert(struct store_txn *txn, const struct job_submit *submit, const struct job_spec *spec,
               const struct document *document, struct error *err)
{
    struct run run = {.scope = submit->scope->number,
                      .run_id = submit->name,
                      .kind = RUN_COMMAND,
                      .status = RUN_QUEUED,
                      .reason = STR("Submitted; waiting for the scheduler."),
                      .name = spec->display_name,
                      .user = submit->actor,
                      .doc = document->doc};
    struct event event = {.scope = run.scope,
                          .type = STR("job.submitted"),
                          .subject_kind = STR("job"),
                          .subject = submit->name,
                          .actor = submit->actor,
                          .body = STR("{\"status\":\"Queued\"}")};

    assert(document->doc > 0);
    if (experiment_ensure(txn, run.scope, spec->experiment, &run.experiment, err) < 0 ||
        run_insert(txn, &run, err) < 0)
        return -1;
    return link_inputs(txn, submit, spec, err) < 0 ? -1 : event_append(txn, &event, err);
}

/* Stored with the document, in the same transaction. */
struct json *job_spec_resolved(const struct job_spec *spec)
{
    assert(spec->resolved);
    return spec->resolved;
}
