#include "job/world_test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world *current;

/* Sends all jobs of the tests. */
static const struct maker WORLD_SENDER = {MAKER_APPLICATION, STR_INIT("its-client-id")};

/* Leaves runner.json as a real runner does at once: by it an engine finds what it forgot. */
static int fake_start(const struct compute_start *start, struct process_id *out, struct error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "runs/%.*s/runner.json", STR_ARG(start->attempt));
    if (file_write_atomic(start->dir, path,
                          STR("{\"pid\":4242,\"startTime\":1,\"bootId\":\"boot\"}"), 0600, err) < 0)
        return -1;
    *out = (struct process_id){.pid = 4242, .start_time = 1, .boot_id = "boot"};
    current->starts++;
    return 0;
}

static bool fake_is_alive(const struct process_id *)
{
    return current->runner_alive;
}

static int fake_stop(const struct compute_start *, const struct process_id *, bool, struct error *)
{
    return 0;
}

static const struct compute_backend FAKE = {"fake", fake_start, fake_is_alive, fake_stop};

static int make_scope(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->scope = (struct scope){.kind = SCOPE_WORKSPACE,
                              .subscription = STR("sub"),
                              .group = STR("default"),
                              .name = STR("default"),
                              .guid = STR("11111111-2222-3333-4444-555555555555"),
                              .data_key = STR("key")};
    return scope_insert(txn, &w->scope, err) < 0 ||
                   experiment_make_default(txn, w->scope.number, err) < 0
               ? -1
               : 0;
}

void world_open(struct world *w)
{
    static int count;
    struct error err = {0};

    *w = (struct world){.arena = arena_new(64 * MIB), .pool = pool_new(2)};
    current = w;
    w->runner_alive = true;
    snprintf(w->path, sizeof(w->path), "%s/%d", test_folder(), count++);
    CHECK_INT(0, mkdir(w->path, 0700));
    w->dir = dir_open(w->path, &err);
    CHECK(w->dir >= 0);
    CHECK_OK(store_open("memory:", NULL, &w->store, &err), &err);
    CHECK_OK(store_write(w->store, make_scope, w, &err), &err);
    w->content = content_open(w->dir, w->store, &err);
    CHECK_OK(w->content ? 0 : -1, &err);
    struct identity_options options = {.dir = w->dir,
                                       .store = w->store,
                                       .domain = STR("lazurite.test"),
                                       .default_scope = w->scope.number};
    w->identity = identity_open(&options, w->pool, &err);
    CHECK_OK(w->identity ? 0 : -1, &err);
    for (int i = 0; i < 1000 && !identity_ready(w->identity); i++)
        usleep(10000);
    struct jobs_options job_options = {.store = w->store,
                                       .content = w->content,
                                       .identity = w->identity,
                                       .dir = w->dir,
                                       .dir_path = w->path};
    w->jobs = jobs_new(&job_options);
    w->jobs->backend = &FAKE;
    jobs_set_endpoints(w->jobs, STR("https://localhost:10443"), STR("localhost:10443"));
}

void world_close(struct world *w)
{
    jobs_free(&w->jobs);
    identity_close(&w->identity);
    content_close(&w->content);
    store_close(&w->store);
    pool_free(&w->pool);
    fd_close(&w->dir);
    arena_free(&w->arena);
}

struct submitting {
    struct job_submit submit;
    struct job_spec *spec;
    struct str body;
};

static int insert_job(struct store_txn *txn, void *context, struct error *err)
{
    struct submitting *s = context;
    struct document document = {
        .scope = s->submit.scope->number,
        .type = STR("jobs"),
        .name = s->submit.name,
        .created_by = STR("test"),
        .body = s->body,
        .system = maker_stamp(store_arena(txn), &WORLD_SENDER, STR(""), clock_now_us())};
    return document_insert(txn, &document, err) < 0
               ? -1
               : job_insert(txn, &s->submit, s->spec, &document, err);
}

int world_submit(struct world *w, const char *name, const char *properties, struct error *err)
{
    struct json *body = json_object(w->arena);
    struct submitting s = {
        .submit = {.scope = &w->scope, .name = str_from(name), .actor = STR("test")}};

    s.submit.properties = json_parse(w->arena, str_from(properties), err);
    CHECK(s.submit.properties != NULL);
    if (job_prepare(w->jobs, w->arena, &s.submit, &s.spec, err) < 0)
        return -1;
    json_set(w->arena, body, STR("properties"), s.submit.properties);
    json_set(w->arena, body, STR("resolved"), job_spec_resolved(s.spec));
    s.body = json_write(w->arena, body);
    return store_write(w->store, insert_job, &s, err);
}

struct run world_run(struct world *w, const char *name)
{
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, NULL);
    struct error err = {0};
    struct run run;

    CHECK_OK(run_get(txn, w->scope.number, str_from(name), &run, &err), &err);
    run.reason = arena_str(w->arena, run.reason);
    return run;
}

struct watch_answer world_report(struct world *w, int64_t run, const char *events)
{
    struct error err = {0};
    struct watch_answer answer = {0};
    struct watch_report r = {run, 1, json_parse(w->arena, str_from(events), &err)};

    CHECK_OK(watch_events(w->jobs, &r, &answer, &err), &err);
    return answer;
}

void world_turn(struct world *w)
{
    struct error err = {0};

    CHECK_OK(watch_runners(w->jobs, &err) < 0 ? -1 : 0, &err);
    CHECK_OK(queue_run(w->jobs, &err), &err);
}
