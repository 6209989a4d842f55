/* Following a job over connections that break. */
#include "cli/fake_test.h"

#define FAKE                                                        \
    CLEANUP(arena_free) struct arena *arena = arena_new(256 * MIB); \
    CLEANUP(fake_stop) struct fake *fake = fake_start(arena)
#define HAS(part, text) CHECK(str_find(text, STR(part)) >= 0)
#define LOG(id, text) \
    "id: " id "\nevent: log\ndata: {\"file\":\"user_logs/std_log.txt\",\"text\":\"" text "\"}\n\n"
#define END(status) "id: 9\nevent: end\ndata: {\"status\":\"" status "\",\"reason\":\"why\"}\n\n"

TEST(a_stream_prints_the_log_and_ends_with_the_job)
{
    FAKE;
    fake_reply(fake, "GET", "/stream?cursor=", 200,
               "event: state\ndata: {\"status\":\"Running\"}\n\n" LOG("1", "one\\n") LOG("2", "two")
                   END("Completed"));
    struct fake_run run = fake_run(fake, "job stream -n j");

    CHECK_INT(0, run.code);
    CHECK_STR("one\ntwo\n", run.out);
    HAS("Running", run.err);
    HAS("Completed", run.err);
}

TEST(a_job_that_fails_is_code_1_with_what_to_do)
{
    FAKE;
    fake_reply(fake, "GET", "/stream", 200, END("Failed"));
    struct fake_run run = fake_run(fake, "job stream j");

    CHECK_INT(1, run.code);
    HAS("Reason   why", run.err);
    HAS("lazurite job why -n j", run.err);
}

TEST(a_broken_stream_goes_on_where_it_was)
{
    FAKE;
    static const char BEGIN[] = LOG("1", "one\\n") LOG("2", "two\\n");
    fake_break(fake, "GET", "/stream?cursor=", BEGIN, sizeof BEGIN - 20);
    fake_reply(fake, "GET", "/stream?cursor=1", 200, LOG("2", "two\\n") END("Completed"));
    struct fake_run run = fake_run(fake, "job stream j");

    CHECK_INT(0, run.code);
    CHECK_STR("one\ntwo\n", run.out);
    HAS("/stream?cursor=1", fake_asked(fake));
}

TEST(a_server_that_starts_again_is_waited_for)
{
    FAKE;
    fake_reply(fake, "GET", "/stream", 503, "{}");
    fake_reply(fake, "GET", "/stream", 200, END("Completed"));
    CHECK_INT(0, fake_run(fake, "job stream j").code);
}

TEST(a_stream_of_no_job_ends_at_once)
{
    FAKE;
    CHECK_INT(3, fake_run(fake, "job stream nope").code);
}

TEST(the_log_of_the_system_is_for_those_who_ask)
{
    FAKE;
    static const char SYSTEM[] =
        "event: log\ndata: {\"file\":\"system_logs/x\",\"text\":\"inner\\n\"}\n\n" END("Completed");
    fake_reply(fake, "GET", "/stream", 200, SYSTEM);
    fake_reply(fake, "GET", "/stream", 200, SYSTEM);
    CHECK(str_find(fake_run(fake, "job stream j").err, STR("inner")) < 0);
    HAS("inner", fake_run(fake, "job stream j --verbose").err);
}
