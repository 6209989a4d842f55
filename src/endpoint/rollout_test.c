/* A roll-out whose store, backend or disk fails at any one place: it goes on from what is stored.
 */
#include "endpoint/fixture_test.h"

#include "base/buf.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "store/store_fault.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TURNS_MAX 12

/* Whether the replica's folder is there. */
static bool has_folder(struct str replica)
{
    char path[100];

    snprintf(path, sizeof(path), "runs/%.*s/spec.json", STR_ARG(replica));
    return file_exists(backend.dir, path);
}

/* Every replica that the document wants next, and whose folder is there, says it is ready. */
static void answer_all(const struct rollout *rollout)
{
    struct json_iter it = json_iter(json_at(rollout->body, "next"));

    while (json_next(&it))
        if (has_folder(json_as_str(it.value)))
            write_record(json_as_str(it.value), "score.json", "{\"state\":\"ready\"}");
}

/* Steps until the roll-out has switched or failed; the number of turns it took. */
static int run_until_switched(struct world *w)
{
    for (int turn = 1; turn <= TURNS_MAX; turn++) {
        struct rollout *rollout = step(w, NULL);
        size_t serving = json_count(json_at(rollout->body, "serving"));
        /* Whatever fails, nobody ever serves with half of the instances. */
        CHECK(serving == 0 || serving == 2);
        if (rollout->state == ROLLOUT_FAILED || json_bool_at(rollout->body, "switched", false))
            return turn;
        answer_all(rollout);
    }
    fail_msg("The roll-out did not end in %d turns.", TURNS_MAX);
    return 0;
}

TEST(a_store_that_fails_once_delays_the_roll_out_and_changes_nothing_else)
{
    static const enum store_fault KINDS[] = {STORE_FAULT_STEP, STORE_FAULT_LEFT, STORE_FAULT_COMMIT,
                                             STORE_FAULT_UNKNOWN_KEPT, STORE_FAULT_UNKNOWN_LOST};

    for (size_t kind = 0; kind < COUNT(KINDS); kind++)
        for (unsigned nth = 1; nth < 40; nth++) {
            CLEANUP(world_close) struct world *w = world_open_on("fault:memory:");
            roll(w, PLAN(""));
            store_fault_plan(KINDS[kind], nth, false);
            run_until_switched(w);
            bool met = store_fault_met();
            store_fault_plan(STORE_FAULT_NONE, 0, false);
            struct rollout *rollout = look(w)->rollouts;
            CHECK_INT(ROLLOUT_CREATING, rollout->state);
            CHECK_INT(2, json_count(json_at(rollout->body, "serving")));
            CHECK_INT(2, backend.starts);
            CHECK(has_folder(name_at(rollout, "serving[0]")));
            if (!met)
                break;
            CHECK(nth < 39); /* else the loop does not cover all of it */
        }
}

TEST(names_that_cannot_be_stored_start_nothing_and_serve_nobody)
{
    CLEANUP(world_close) struct world *w = world_open_on("fault:memory:");
    bool more;

    roll(w, PLAN(""));
    store_fault_plan(STORE_FAULT_COMMIT, 1, true);
    for (int turn = 0; turn < 3; turn++) {
        struct rollout *rollout = step(w, &more);
        CHECK(more);
        CHECK_INT(0, backend.starts);
        CHECK_INT(0, json_count(json_at(rollout->body, "serving")));
        CHECK_INT(0, json_count(json_at(rollout->body, "next")));
    }
    store_fault_plan(STORE_FAULT_NONE, 0, false);
    CHECK_INT(2, json_count(json_at(step(w, &more)->body, "next")));
    CHECK_INT(2, backend.starts);
}

TEST(a_switch_that_cannot_be_stored_leaves_the_old_replicas_serving)
{
    CLEANUP(world_close) struct world *w = world_open_on("fault:memory:");
    struct error err = {0};

    roll(w, PLAN(""));
    struct str old = name_at(bring_up(w), "serving[0]");
    roll(w, PLAN(",\"code\":{\"container\":\"k\",\"prefix\":\"src\"}"));
    answer_all(step(w, NULL));
    /* The turn as the thread takes it: one view for the step, the routes and the reaping. */
    struct endpoint_view *view = look(w);
    store_fault_plan(STORE_FAULT_COMMIT, 1, false);
    CHECK(rollout_step(w->endpoints, w->arena, view, view->rollouts));
    CHECK(store_fault_met());
    struct json *routes = link_routes(w->endpoints, w->arena, view, &err);
    CHECK(str_eq(old, json_str_at(routes, "endpoints[0].deployments[0].replicas[0]")));
    CHECK(!replica_reap(w->endpoints, w->arena, view));
    CHECK_INT(0, backend.stops);
    CHECK(has_folder(old));
    store_fault_plan(STORE_FAULT_NONE, 0, false);
    CHECK(!str_eq(old, name_at(step(w, NULL), "serving[0]")));
}

TEST(a_failure_that_cannot_be_stored_is_told_again_with_its_reason)
{
    CLEANUP(world_close) struct world *w = world_open_on("fault:memory:");

    roll(w, PLAN(""));
    struct str first = name_at(step(w, NULL), "next[0]");
    write_record(first, "exit.json", "{\"kind\":\"exit\",\"reason\":\"It exited with 3.\"}");
    store_fault_plan(STORE_FAULT_COMMIT, 1, false);
    CHECK_INT(ROLLOUT_CREATING, step(w, NULL)->state);
    store_fault_plan(STORE_FAULT_NONE, 0, false);
    struct rollout *rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_FAILED, rollout->state);
    CHECK_STR("It exited with 3.", json_str_at(rollout->body, "reason"));
}

TEST(a_client_that_changes_the_plan_meanwhile_wins)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    struct endpoint_view *stale = look(w);
    roll(w, PLAN(",\"code\":{\"container\":\"k\",\"prefix\":\"new\"}"));
    /* This view's revision is gone: its names must not be stored over the client's plan. */
    CHECK(rollout_step(w->endpoints, w->arena, stale, stale->rollouts));
    CHECK_INT(0, backend.starts);
    CHECK_INT(0, json_count(json_at(look(w)->rollouts->body, "next")));
    CHECK_STR("new", json_str_at(step(w, NULL)->body, "plan.code.prefix"));
}

TEST(a_disk_that_fails_once_fails_the_roll_out_with_a_reason_or_not_at_all)
{
    static const enum fault_point POINTS[] = {FAULT_OPEN, FAULT_WRITE, FAULT_FSYNC, FAULT_RENAME};

    for (size_t point = 0; point < COUNT(POINTS); point++)
        for (unsigned nth = 1; nth < 60; nth++) {
            CLEANUP(world_close) struct world *w = world_open();
            roll(w, PLAN(""));
            fault_plan(POINTS[point], nth, EIO, false);
            struct endpoint_view *view = look(w);
            rollout_step(w->endpoints, w->arena, view, view->rollouts);
            bool met = fault_count(POINTS[point]) >= nth;
            fault_plan(POINTS[point], 0, 0, false);
            struct rollout *rollout = look(w)->rollouts;
            if (rollout->state == ROLLOUT_FAILED)
                CHECK(json_str_at(rollout->body, "reason").len > 0);
            else
                CHECK_INT(2, json_count(json_at(rollout->body, "next")));
            if (!met)
                break;
        }
}

TEST(a_backend_that_starts_nothing_fails_the_roll_out_and_a_new_put_tries_again)
{
    CLEANUP(world_close) struct world *w = world_open();

    roll(w, PLAN(""));
    backend.refuse = true;
    struct rollout *rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_FAILED, rollout->state);
    CHECK_STR("No process can be started.", json_str_at(rollout->body, "reason"));
    CHECK_INT(2, json_count(json_at(rollout->body, "failed")));
    backend.refuse = false;
    roll(w, PLAN(""));
    rollout = look(w)->rollouts;
    CHECK_INT(ROLLOUT_CREATING, rollout->state);
    CHECK_INT(0, json_count(json_at(rollout->body, "failed")));
    CHECK_INT(2, json_count(json_at(bring_up(w)->body, "serving")));
}

TEST(replicas_that_do_not_become_ready_within_the_hour_fail)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    roll(w, PLAN(""));
    struct rollout *rollout = step(w, NULL);
    write_record(name_at(rollout, "next[0]"), "score.json", "{\"state\":\"ready\"}");
    write_record(name_at(rollout, "next[1]"), "score.json", "{\"state\":\"starting\"}");
    json_set_int(w->arena, rollout->body, "startedUs", clock_now_us() - 3599LL * US_PER_S);
    CHECK_OK(rollout_save(w->endpoints, w->arena, rollout, &err), &err);
    rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_CREATING, rollout->state);
    json_set_int(w->arena, rollout->body, "startedUs", clock_now_us() - 3601LL * US_PER_S);
    CHECK_OK(rollout_save(w->endpoints, w->arena, rollout, &err), &err);
    rollout = step(w, NULL);
    CHECK_INT(ROLLOUT_FAILED, rollout->state);
    CHECK_STR("The replicas were not ready within an hour; last: The model is being loaded.",
              json_str_at(rollout->body, "reason"));
}

static int forget(struct store_txn *txn, void *context, struct error *err)
{
    struct world *w = context;

    return deployment_forget(txn, &w->deployment, err) < 0
               ? -1
               : document_delete(txn, w->deployment.doc, err);
}

TEST(a_deployment_that_is_deleted_ends_its_replicas)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct error err = {0};

    roll(w, PLAN(""));
    struct str first = name_at(bring_up(w), "serving[0]");
    CHECK_OK(store_write(w->store, forget, w, &err), &err);
    struct endpoint_view *view = look(w);
    CHECK(!view->rollouts);
    while (replica_reap(w->endpoints, w->arena, view))
        continue;
    CHECK(!has_folder(first));
    CHECK_INT(2, backend.stops);
}

TEST(progress_is_told_in_the_words_of_the_wire)
{
    CLEANUP(world_close) struct world *w = world_open();
    struct json *properties = json_object(w->arena);
    struct error err = {0};

    roll(w, PLAN(""));
    struct rollout *rollout = bring_up(w);
    {
        CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
        CHECK_INT(0, deployment_progress(txn, &w->deployment, &err));
        CHECK_OK(deployment_show(txn, w->arena, &w->deployment, properties, &err), &err);
        CHECK_STR("Creating", json_str_at(properties, "provisioningState"));
    }
    rollout_set_state(w->arena, rollout, ROLLOUT_SUCCEEDED, "");
    CHECK_OK(rollout_save(w->endpoints, w->arena, rollout, &err), &err);
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(w->store, &err);
    CHECK_INT(1, deployment_progress(txn, &w->deployment, &err));
    const struct document other = {.scope = w->scope.number, .doc = w->deployment.doc + 100};
    CHECK_ERROR(ERROR_NOT_FOUND, deployment_progress(txn, &other, &err), &err);
}
