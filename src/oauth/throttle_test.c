/* Failures are counted per client and address, and forgotten after a minute. */
#include "oauth/throttle.h"

#include "base/test.h"
#include "os/clock.h"

/* The clock stands still until a test moves it. */
static struct throttle *at_rest(void)
{
    clock_test_set(1700000000LL * US_PER_S);
    return throttle_new();
}

static void done(struct throttle **throttle)
{
    clock_test_end();
    throttle_free(throttle);
}

TEST(the_eleventh_try_of_a_minute_is_refused)
{
    CLEANUP(done) struct throttle *throttle = at_rest();
    struct error err = {0};

    for (int i = 0; i < 10; i++) {
        CHECK_OK(throttle_ask(throttle, STR("ci"), STR("10.0.0.1"), &err), &err);
        throttle_fail(throttle, STR("ci"), STR("10.0.0.1"));
    }
    CHECK_ERROR(ERROR_TOO_MANY, throttle_ask(throttle, STR("ci"), STR("10.0.0.1"), &err), &err);
    /* Another client, and the same one elsewhere, go on. */
    CHECK_INT(0, throttle_ask(throttle, STR("cd"), STR("10.0.0.1"), NULL));
    CHECK_INT(0, throttle_ask(throttle, STR("ci"), STR("10.0.0.2"), NULL));
    clock_test_advance(61 * US_PER_S);
    CHECK_INT(0, throttle_ask(throttle, STR("ci"), STR("10.0.0.1"), NULL));
}

TEST(an_address_with_a_new_client_each_time_is_held_back_too)
{
    CLEANUP(done) struct throttle *throttle = at_rest();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);

    for (int i = 0; i < 100; i++) {
        CHECK_INT(0, throttle_ask(throttle, STR("fresh"), STR("10.0.0.1"), NULL));
        throttle_fail(throttle, arena_printf(arena, "client-%d", i), STR("10.0.0.1"));
    }
    CHECK_INT(-1, throttle_ask(throttle, STR("fresh"), STR("10.0.0.1"), NULL));
    CHECK_INT(0, throttle_ask(throttle, STR("fresh"), STR("10.0.0.2"), NULL));
}

TEST(names_of_any_length_are_taken)
{
    CLEANUP(done) struct throttle *throttle = at_rest();
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    char *bytes = arena_alloc(arena, 60000);

    for (size_t i = 0; i < 60000; i++)
        bytes[i] = 'x';
    for (int i = 0; i < 10; i++)
        throttle_fail(throttle, (struct str){bytes, 60000}, STR("10.0.0.1"));
    CHECK_INT(-1, throttle_ask(throttle, (struct str){bytes, 60000}, STR("10.0.0.1"), NULL));
    CHECK_INT(0, throttle_ask(throttle, STR(""), STR("10.0.0.1"), NULL));
}
