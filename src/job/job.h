/* job.h - a job's life; a file per verb, state.c is the table
 *
 * submit (in the client's transaction) → queue → place → start → watch → finish; cancel from
 * anywhere. Everything between is driven by events and repeated after a crash.
 */
#pragma once

#include "asset/asset.h"
#include "base/json.h"
#include "compute/compute.h"
#include "environment/environment.h"
#include "store/document.h"
#include "tracking/tracking.h"

struct jobs;
struct content;
struct identity;
struct vault;

/* What the engine works with; nothing in it is the engine's to free. */
struct jobs_options {
    struct store *store;
    struct content *content;
    struct identity *identity;
    int dir;              /* the data folder … */
    const char *dir_path; /* … and its absolute path */
    enum images_missing images_missing;
    bool separate_users; /* decisions 29 */
    unsigned uid_first;
    bool sandbox;         /* bubblewrap works */
    int64_t memory_bytes; /* what one job may use; 0: no limit */
};

/* Does not start anything yet. Owns: the caller. */
struct jobs *jobs_new(const struct jobs_options *options);

/* Addresses that jobs are told, once ports are known: "https://localhost:10443", host:port. */
void jobs_set_endpoints(struct jobs *jobs, struct str arm_endpoint, struct str host);

/* Finds what an earlier server left running, then schedules on a thread of its own. */
int jobs_start(struct jobs *jobs, struct error *err);

/* Stops scheduling; runners go on. */
void jobs_free(struct jobs **jobs);

/* The registry of those that look at jobs (watcher.h). */
struct job_watchers;
struct job_watchers *jobs_watchers(struct jobs *jobs);

/* Wakes the scheduler; from store_on_event. Threads: any. */
void jobs_wake(struct jobs *jobs);

/* A checked command job, ready to be stored. */
struct job_spec;
/* One wish to run something, its body checked for types but not for sense. */
struct job_submit {
    const struct scope *scope;
    struct str name;
    struct json *properties; /* of the wire; defaults are filled in */
    struct str actor;
};
/* On a worker, nothing open: checks the body and resolves every asset. Errors name the JSON path.
 */
int job_prepare(struct jobs *jobs, struct arena *arena, const struct job_submit *submit,
                struct job_spec **out, struct error *err);
/* What the references became; kept beside the wire body, never shown. */
struct json *job_spec_resolved(const struct job_spec *spec);
/* In the write, after the document was stored: the run and the event `job.submitted`. */
int job_insert(struct store_txn *txn, const struct job_submit *submit, const struct job_spec *spec,
               const struct document *document, struct error *err);

/* Puts the live fields of a job (status, services, outputs.default, …) into its wire properties;
 * they live as long as the transaction. */
int job_show(struct jobs *jobs, struct store_txn *txn, const struct run *run,
             struct json *properties, struct error *err);

/* Asks a job to stop; finished ones are left as they are. Errors: ERROR_NOT_FOUND. */
int job_cancel(struct jobs *jobs, int64_t scope, struct str name, struct str actor,
               struct error *err);

/* Why it waits, was slow or failed: {"name","status","reason","next","timeline":[…]}. */
int job_why(struct jobs *jobs, struct store_txn *txn, const struct run *run, struct json *out,
            struct error *err);

/* Whether an attempt still runs, -1 when the store cannot say; for identity_on_attempt. */
int job_attempt_alive(int64_t scope, struct str run, int attempt, void *jobs);

/* Rows for runners (events, logs) and for the streams of CLI and studio; routes.c. */
struct route_table;
