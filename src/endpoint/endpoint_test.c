#include "endpoint/fixture_test.h"

#include "identity/base64url.h"
#include "os/file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(what_a_replica_makes_is_made_by_its_endpoints_identity)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct str head, rest, body, signature;
    struct error err = {0};
    size_t len;

    roll(w, PLAN(""));
    struct json *spec = read_spec(w, name_at(step(w, NULL), "next[0]"));
    CHECK(str_cut(json_str_at(spec, "token"), '.', &head, &rest));
    CHECK(str_cut(rest, '.', &body, &signature));
    unsigned char *text = arena_alloc(w->arena, body.len + 3);
    CHECK(base64url_decode(body, text, &len));
    struct json *claims = json_parse(w->arena, (struct str){(const char *)text, len}, &err);
    CHECK_STR("ManagedIdentity", json_str_at(claims, "lazurite.makerType"));
    CHECK_STR("aaaaaaaa-0000-4000-8000-000000000002", json_str_at(claims, "lazurite.maker"));
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

TEST(a_new_plan_replaces_replicas_only_when_they_differ)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    struct rollout *rollout = bring_up(w);
    rollout_set_state(w->arena, rollout, ROLLOUT_SUCCEEDED, "");
    json_set_bool(w->arena, rollout->body, "switched", false);
    CHECK_OK(rollout_save(w->endpoints, w->arena, rollout, &(struct error){0}), &(struct error){0});
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
    const struct logs_query query = {&w->deployment, 2};
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
    CHECK_OK(deployment_logs(w->endpoints, w->arena, &query, &log, &err), &err);
    CHECK(str_find(log, STR("Reason: It exited with 3.")) > 0);
    CHECK(str_find(log, STR("std_log.txt\ntwo\nthree\n")) > 0);
    CHECK(str_find(log, STR("one")) < 0);
    /* A link in the replica's own folder leads nowhere. */
    struct str link =
        arena_printf(w->arena, "%s/runs/%.*s/user_logs/std_log.txt", test_folder(), STR_ARG(first));
    CHECK(unlink(link.ptr) == 0 && symlink("../../../keys/master.key", link.ptr) == 0);
    CHECK_OK(deployment_logs(w->endpoints, w->arena, &query, &log, &err), &err);
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
