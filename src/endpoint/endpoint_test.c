#include "endpoint/internal.h"

#include "base/test.h"
#include "identity/identity.h"
#include "os/file.h"
#include "vault/vault.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A roll-out without processes: this backend writes what a runner and a replica would. */

static struct {
    int dir;
    unsigned starts, stops;
    bool alive;
} backend;

static void write_record(struct str replica, const char *file, const char *text)
{
    char path[100];
    struct error err = {0};

    snprintf(path, sizeof(path), "runs/%.*s/%s", STR_ARG(replica), file);
    CHECK_OK(file_write_atomic(backend.dir, path, str_from(text), 0600, &err), &err);
}

static int fake_start(const struct compute_start *start, struct process_id *out, struct error *)
{
    backend.starts++;
    *out = (struct process_id){.pid = 1};
    write_record(start->attempt, "runner.json", "{\"pid\":1,\"startTime\":1,\"bootId\":\"b\"}");
    return 0;
}

static bool fake_alive(const struct process_id *)
{
    return backend.alive;
}

static int fake_stop(const struct compute_start *, const struct process_id *, bool, struct error *)
{
    backend.stops++;
    backend.alive = false;
    return 0;
}

static const struct compute_backend FAKE = {"fake", fake_start, fake_alive, fake_stop};

struct world {
    struct arena *arena;
    struct store *store;
    struct vault *vault;
    struct identity *identity;
    struct endpoints *endpoints;
    struct scope scope;
    struct document endpoint, deployment;
    struct json *plan;
};

static int make_documents(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    w->scope.subscription = STR("s");
    w->scope.group = STR("g");
    w->scope.name = STR("w");
    w->scope.guid = STR("0123abcd-0000-4000-8000-000000000001");
    w->scope.kind = SCOPE_WORKSPACE;
    if (scope_insert(txn, &w->scope, err) < 0)
        return -1;
    w->endpoint = (struct document){.scope = w->scope.number,
                                    .type = ENDPOINT_TYPE,
                                    .name = STR("ep"),
                                    .body = STR("{\"properties\":{\"traffic\":{\"BLUE\":100}}}")};
    if (document_insert(txn, &w->endpoint, err) < 0 ||
        endpoint_make_keys(w->endpoints, txn, &w->scope, &w->endpoint, err) < 0)
        return -1;
    w->deployment = (struct document){.scope = w->scope.number,
                                      .type = DEPLOYMENT_TYPE,
                                      .parent = w->endpoint.doc,
                                      .name = STR("blue"),
                                      .body = STR("{}")};
    return document_insert(txn, &w->deployment, err);
}

static int insert_plan(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return deployment_insert(txn, &w->deployment, w->plan, err);
}

static void roll(struct world *w, const char *plan)
{
    struct error err = {0};

    w->plan = json_parse(w->arena, str_from(plan), &err);
    CHECK(w->plan);
    CHECK_OK(store_write(w->store, insert_plan, w, &err), &err);
}

static struct world *world_open(void)
{
    struct arena *arena = arena_new(16 * MIB);
    struct world *w = arena_make(arena, struct world);
    struct error err = {0};

    w->arena = arena;
    backend.dir = dir_open(test_folder(), &err);
    backend.starts = backend.stops = 0;
    backend.alive = true;
    CHECK_OK(dir_remove_tree(backend.dir, "runs", &err), &err);
    CHECK_OK(store_open("memory:", NULL, &w->store, &err), &err);
    w->vault = vault_open(backend.dir, &err);
    const struct identity_options identity = {
        .dir = backend.dir, .store = w->store, .domain = STR("lazurite.test")};
    w->identity = identity_open(&identity, NULL, &err);
    CHECK(w->vault && w->identity);
    w->endpoints = endpoints_new(&(struct endpoints_options){.store = w->store,
                                                             .vault = w->vault,
                                                             .identity = w->identity,
                                                             .dir = backend.dir,
                                                             .dir_path = test_folder(),
                                                             .sandbox = true});
    w->endpoints->backend = &FAKE;
    endpoints_set_server(w->endpoints, STR("/s/run/lazurite.sock"), STR("localhost:10443"));
    CHECK_OK(vault_new_data_key(w->vault, w->arena, &w->scope.data_key, &err), &err);
    CHECK_OK(store_write(w->store, make_documents, w, &err), &err);
    return w;
}

static void world_close(struct world **w)
{
    struct arena *arena = (*w)->arena;

    endpoints_free(&(*w)->endpoints);
    identity_close(&(*w)->identity);
    store_close(&(*w)->store);
    vault_close(&(*w)->vault);
    fd_close(&backend.dir);
    arena_free(&arena);
}

#define PLAN(more)                                                                                \
    "{\"engine\":\"python\",\"script\":\"score.py\",\"instances\":2,\"limits\":{\"concurrency\":" \
    "3},"                                                                                         \
    "\"warnings\":[],\"variables\":{\"SCALE\":\"10\"},\"environment\":{\"kind\":\"host\"},"       \
    "\"model\":{\"container\":\"c\",\"prefix\":\"a/m\",\"into\":\"m\"}" more "}"

/* What the documents say now. */
static struct endpoint_view *look(struct world *w)
{
    struct endpoint_view *all = NULL;
    struct error err = {0};

    CHECK_OK(rollout_read_all(w->endpoints, w->arena, &all, &err), &err);
    CHECK(all && !all->sibling);
    return all;
}

/* One turn's step of the only roll-out; then its document as stored. */
static struct rollout *step(struct world *w, bool *out_more)
{
    struct endpoint_view *all = look(w);
    bool more = rollout_step(w->endpoints, w->arena, all, all->rollouts);

    if (out_more)
        *out_more = more;
    return look(w)->rollouts;
}

static struct str name_at(const struct rollout *rollout, const char *path)
{
    struct str name = json_str_at(rollout->body, path);

    CHECK_INT(9, name.len);
    return name;
}

static struct json *read_spec(struct world *w, struct str replica)
{
    char path[100];
    struct str text;
    struct error err = {0};

    snprintf(path, sizeof(path), "runs/%.*s/spec.json", STR_ARG(replica));
    CHECK_OK(file_read(w->arena, backend.dir, path, MIB, &text, &err), &err);
    return json_parse(w->arena, text, &err);
}

TEST(a_roll_out_starts_its_replicas_and_switches_when_all_answer)
{
    CLEANUP(world_close) struct world *w = world_open();
    bool more;

    roll(w, PLAN(""));
    struct rollout *rollout = step(w, &more);
    CHECK(more && rollout->state == ROLLOUT_CREATING);
    CHECK_INT(2, backend.starts);
    struct str first = name_at(rollout, "next[0]"), second = name_at(rollout, "next[1]");
    CHECK(!str_eq(first, second));
    CHECK(endpoints_attempt_alive(1, arena_printf(w->arena, "endpoint:%.*s", STR_ARG(first)), 1,
                                  w->endpoints));
    CHECK(!endpoints_attempt_alive(1, STR("endpoint:d00000000"), 1, w->endpoints));
    CHECK(!endpoints_attempt_alive(1, STR("calm_owl"), 1, w->endpoints));
    write_record(first, "score.json", "{\"state\":\"ready\",\"reason\":\"\"}");
    write_record(second, "score.json", "{\"state\":\"starting\",\"reason\":\"\"}");
    rollout = step(w, &more);
    CHECK(more && json_count(json_at(rollout->body, "serving")) == 0);
    write_record(second, "score.json", "{\"state\":\"ready\",\"reason\":\"\"}");
    rollout = step(w, &more);
    /* The gateway has not seen them: there is none. */
    CHECK(more && rollout->state == ROLLOUT_CREATING);
    CHECK_INT(2, json_count(json_at(rollout->body, "serving")));
    CHECK_INT(0, json_count(json_at(rollout->body, "next")));
    CHECK_INT(2, backend.starts);
}

TEST(the_spec_says_all_a_replica_needs)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(",\"code\":{\"container\":\"k\",\"prefix\":\"src\"}"));
    struct json *spec = read_spec(w, name_at(step(w, NULL), "next[0]"));
    CHECK_STR("replica", json_str_at(spec, "kind"));
    CHECK_STR("ep/blue", json_str_at(spec, "name"));
    CHECK_STR("m", json_str_at(spec, "inputs.model.into"));
    CHECK_STR("10", json_str_at(spec, "variables.SCALE"));
    CHECK_STR("k", json_str_at(spec, "code.container"));
    CHECK_STR("score", json_str_at(spec, "argv[1]"));
    CHECK_STR("{folder}", json_str_at(spec, "argv[2]"));
    CHECK_STR("--script", json_str_at(spec, "argv[7]"));
    CHECK_STR("/s/run/lazurite.sock", json_str_at(spec, "server.socket"));
    CHECK(json_bool_at(spec, "isolation.sandbox", false));
    CHECK(str_find_char(json_str_at(spec, "token"), '.') > 0);
}

TEST(a_replica_that_fails_fails_the_roll_out_with_its_reason)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    bool more;

    roll(w, PLAN(""));
    struct str first = name_at(step(w, NULL), "next[0]");
    write_record(first, "score.json",
                 "{\"state\":\"failed\",\"reason\":\"The model cannot be loaded.\"}");
    write_record(first, "exit.json",
                 "{\"kind\":\"exit\",\"code\":1,\"reason\":\"It exited with 1.\"}");
    struct rollout *rollout = step(w, &more);
    CHECK(!more && rollout->state == ROLLOUT_FAILED);
    CHECK_STR("The model cannot be loaded.", json_str_at(rollout->body, "reason"));
    CHECK_INT(2, json_count(json_at(rollout->body, "failed")));
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    CHECK_ERROR(ERROR_USER, deployment_progress(txn, &w->deployment, &err), &err);
    CHECK_STR("The model cannot be loaded.", str_from(err.message));
}

TEST(what_cannot_be_prepared_tells_the_runners_reason)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    struct str first = name_at(step(w, NULL), "next[0]");
    write_record(first, "exit.json", "{\"kind\":\"prepare\",\"reason\":\"No package 'nothing'.\"}");
    CHECK_STR("No package 'nothing'.", json_str_at(step(w, NULL)->body, "reason"));
}

TEST(a_runner_that_dies_without_a_word_fails_the_roll_out)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    step(w, NULL);
    backend.alive = false;
    struct rollout *rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_FAILED, rollout->state);
    CHECK_STR("The replica's runner ended without a word.", json_str_at(rollout->body, "reason"));
}

/* Brings the plan to where both replicas serve. */
static struct rollout *bring_up(struct world *w)
{
    struct rollout *rollout = step(w, NULL);

    write_record(name_at(rollout, "next[0]"), "score.json", "{\"state\":\"ready\"}");
    write_record(name_at(rollout, "next[1]"), "score.json", "{\"state\":\"ready\"}");
    return step(w, NULL);
}

TEST(a_new_plan_replaces_replicas_only_when_they_differ)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    struct rollout *rollout = bring_up(w);
    rollout_set_state(w->arena, rollout, ROLLOUT_SUCCEEDED, "");
    json_set_bool(w->arena, rollout->body, "switched", false);
    CHECK_OK(rollout_save(w->endpoints, rollout, &(struct error){0}), &(struct error){0});
    /* Limits are live. */
    roll(
        w,
        "{\"engine\":\"python\",\"script\":\"score.py\",\"instances\":2,\"limits\":{"
        "\"concurrency\":9},"
        "\"warnings\":[\"x\"],\"variables\":{\"SCALE\":\"10\"},\"environment\":{\"kind\":\"host\"},"
        "\"model\":{\"container\":\"c\",\"prefix\":\"a/m\",\"into\":\"m\"}}");
    rollout = look(w)->rollouts;
    CHECK_INT(ROLLOUT_SUCCEEDED, rollout->state);
    CHECK_INT(9, json_int_at(rollout->body, "plan.limits.concurrency", 0));
    struct str serving = name_at(rollout, "serving[0]");
    roll(w, PLAN(",\"code\":{\"container\":\"k\",\"prefix\":\"src\"}"));
    rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_UPDATING, rollout->state);
    CHECK(str_eq(serving, json_str_at(rollout->body, "serving[0]")));
    CHECK_INT(4, backend.starts);
}

TEST(replicas_nobody_wants_are_ended_and_removed)
{
    CLEANUP(world_close) struct world *w = world_open();
    char path[300];

    roll(w, PLAN(""));
    struct rollout *rollout = bring_up(w);
    struct str kept = name_at(rollout, "serving[0]");
    CHECK(!replica_reap(w->endpoints, w->arena, look(w)));
    CHECK_INT(0, backend.stops);
    /* Another process left one behind. */
    struct error err = {0};
    CHECK_OK(dir_make(backend.dir, "runs/d0badcafe", 0700, &err), &err);
    CHECK_OK(dir_make(backend.dir, "runs/12-1", 0700, &err), &err);
    write_record(STR("d0badcafe"), "runner.json", "{\"pid\":1,\"startTime\":1,\"bootId\":\"b\"}");
    replica_find_all(w->endpoints);
    CHECK(replica_reap(w->endpoints, w->arena, look(w)));
    CHECK_INT(1, backend.stops);
    CHECK(!replica_reap(w->endpoints, w->arena, look(w)));
    CHECK(!file_exists(backend.dir, "runs/d0badcafe") && file_exists(backend.dir, "runs/12-1"));
    snprintf(path, sizeof(path), "runs/%.*s", STR_ARG(kept));
    CHECK(file_exists(backend.dir, path));
    /* Without documents nothing is wanted. */
    CHECK(!replica_reap(w->endpoints, w->arena, NULL));
    CHECK(!file_exists(backend.dir, path));
    CHECK(!endpoints_attempt_alive(1, arena_printf(w->arena, "endpoint:%.*s", STR_ARG(kept)), 1,
                                   w->endpoints));
}

TEST(failed_replicas_keep_their_folder_for_the_logs)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};
    struct str log;

    roll(w, PLAN(""));
    struct str first = name_at(step(w, NULL), "next[0]");
    write_record(first, "exit.json", "{\"kind\":\"exit\",\"reason\":\"It exited with 3.\"}");
    CHECK_OK(dir_make(backend.dir,
                      arena_printf(w->arena, "runs/%.*s/user_logs", STR_ARG(first)).ptr, 0700,
                      &err),
             &err);
    write_record(first, "user_logs/std_log.txt", "one\ntwo\nthree\n");
    CHECK_INT(ROLLOUT_FAILED, step(w, NULL)->state);
    while (replica_reap(w->endpoints, w->arena, look(w)))
        continue;
    CHECK_OK(deployment_logs(w->endpoints, w->arena, &w->deployment, 2, &log, &err), &err);
    CHECK(str_find(log, STR("Reason: It exited with 3.")) > 0);
    CHECK(str_find(log, STR("std_log.txt\ntwo\nthree\n")) > 0);
    CHECK(str_find(log, STR("one")) < 0);
    /* A link in the replica's own folder leads nowhere. */
    struct str link =
        arena_printf(w->arena, "%s/runs/%.*s/user_logs/std_log.txt", test_folder(), STR_ARG(first));
    CHECK(unlink(link.ptr) == 0 && symlink("../../../keys/master.key", link.ptr) == 0);
    CHECK_OK(deployment_logs(w->endpoints, w->arena, &w->deployment, 2, &log, &err), &err);
    CHECK(str_find(log, STR("std_log.txt")) < 0);
}

TEST(routes_carry_hashes_weights_and_who_serves)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    roll(w, PLAN(""));
    bring_up(w);
    struct json *routes = link_routes(w->endpoints, w->arena, look(w), &err);
    CHECK(routes);
    CHECK_STR("ep", json_str_at(routes, "endpoints[0].name"));
    CHECK_INT(2, json_count(json_at(routes, "endpoints[0].keys")));
    CHECK_INT(64, json_str_at(routes, "endpoints[0].keys[0]").len);
    CHECK_INT(100, json_int_at(routes, "endpoints[0].deployments[0].weight", 0));
    CHECK_INT(3, json_int_at(routes, "endpoints[0].deployments[0].concurrency", 0));
    CHECK_INT(2, json_count(json_at(routes, "endpoints[0].deployments[0].replicas")));
    struct str keys[ENDPOINT_KEY_COUNT_];
    CHECK_OK(endpoint_keys(w->endpoints, w->arena, &w->endpoint, keys, &err), &err);
    CHECK(str_find(json_write(w->arena, routes), keys[0]) < 0);
}

static int check_name(struct store_txn *txn, void *context, struct error *err)
{
    return endpoint_name_free(txn, *(int64_t *)context, STR("EP"), err);
}

TEST(an_endpoint_name_is_taken_once_for_all_workspaces)
{
    CLEANUP(world_close) struct world *w = world_open();
    int64_t mine = w->scope.number, other = mine + 1;
    struct error err = {0};

    CHECK_OK(store_write(w->store, check_name, &mine, &err), &err);
    CHECK_ERROR(ERROR_EXISTS, store_write(w->store, check_name, &other, &err), &err);
}
