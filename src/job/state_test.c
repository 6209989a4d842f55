#include "job/attempt.h"
#include "job/state.h"

#include "base/test.h"

TEST(state_a_job_goes_from_queued_to_completed)
{
    static const struct {
        enum job_event event;
        enum run_status after;
    } WAY[] = {
        {JOB_PLACED, RUN_PROVISIONING}, {JOB_PREPARING, RUN_PREPARING},
        {JOB_STARTING, RUN_STARTING},   {JOB_STARTED, RUN_RUNNING},
        {JOB_ENDED, RUN_FINALIZING},    {JOB_COMPLETED, RUN_COMPLETED},
    };
    enum run_status status = RUN_QUEUED;

    for (size_t i = 0; i < COUNT(WAY); i++) {
        CHECK(job_state_next(status, WAY[i].event, &status));
        CHECK_INT(WAY[i].after, status);
    }
}

TEST(state_nothing_moves_a_finished_job)
{
    static const enum run_status FINAL[] = {RUN_COMPLETED, RUN_FAILED, RUN_CANCELED};
    enum run_status after = RUN_RUNNING;

    for (size_t i = 0; i < COUNT(FINAL); i++)
        for (int event = 0; event < JOB_EVENT_COUNT_; event++)
            CHECK(!job_state_next(FINAL[i], (enum job_event)event, &after));
    CHECK_INT(RUN_RUNNING, after);
}

TEST(state_a_waiting_job_is_canceled_at_once_a_running_one_is_asked)
{
    enum run_status after;

    CHECK(job_state_next(RUN_QUEUED, JOB_CANCEL, &after));
    CHECK_INT(RUN_CANCELED, after);
    CHECK(job_state_next(RUN_RUNNING, JOB_CANCEL, &after));
    CHECK_INT(RUN_CANCEL_REQUESTED, after);
    CHECK(!job_state_next(RUN_CANCEL_REQUESTED, JOB_CANCEL, &after));
    CHECK(job_state_next(RUN_CANCEL_REQUESTED, JOB_CANCELED, &after));
    CHECK_INT(RUN_CANCELED, after);
}

TEST(state_reports_that_come_late_or_twice_do_nothing)
{
    enum run_status after;

    CHECK(!job_state_next(RUN_RUNNING, JOB_PREPARING, &after));
    CHECK(!job_state_next(RUN_RUNNING, JOB_STARTED, &after));
    CHECK(!job_state_next(RUN_CANCEL_REQUESTED, JOB_STARTED, &after));
    CHECK(!job_state_next(RUN_QUEUED, JOB_STARTED, &after));
    CHECK(!job_state_next(RUN_FINALIZING, JOB_PLACED, &after));
}

TEST(state_every_open_state_can_fail)
{
    enum run_status after;

    for (int status = RUN_NOT_STARTED; status < RUN_STATUS_COUNT_; status++) {
        if (run_status_final((enum run_status)status) || status == RUN_PAUSED)
            continue;
        CHECK(job_state_next((enum run_status)status, JOB_FAILED, &after));
        CHECK_INT(RUN_FAILED, after);
    }
}

TEST(attempt_names_go_both_ways_and_nothing_else_passes)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    static const char *const BAD[] = {"",    "1",   "1-",   "-1",   "1-0",
                                      "0-1", "a-1", "1-1x", "1--1", "1-9999999"};
    int64_t run = 0;
    int number = 0;

    CHECK_STR("12-3", attempt_name(arena, 12, 3));
    CHECK(attempt_parse(STR("12-3"), &run, &number));
    CHECK_INT(12, run);
    CHECK_INT(3, number);
    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK(!attempt_parse(str_from(BAD[i]), &run, &number));
}
