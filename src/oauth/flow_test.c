/* Sign-ins under way: taken once, forgotten in time, bounded in number. */
#include "oauth/flow.h"

#include "base/test.h"
#include "os/clock.h"

struct world {
    struct arena *arena;
    struct flows *flows;
};

static struct world open_world(void)
{
    clock_test_set(1700000000LL * US_PER_S);
    return (struct world){arena_new(16 * MIB), flows_new()};
}

static void close_world(struct world *w)
{
    clock_test_end();
    flows_free(&w->flows);
    arena_free(&w->arena);
}

/* Adds a flow and gives its key. */
static struct str add(struct world *w, enum flow_kind kind)
{
    const struct flow flow = {.kind = kind,
                              .client = STR("client"),
                              .scope = STR("https://a.test/.default"),
                              .state = STR("state"),
                              .family = STR("family")};
    struct str key;

    flows_add(w->flows, w->arena, &flow, &key);
    CHECK_INT(64, key.len);
    return key;
}

TEST(a_page_is_taken_once)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str key = add(&w, FLOW_PAGE);
    struct flow got;

    CHECK(flows_page(w.flows, w.arena, key, &got));
    CHECK(flows_page(w.flows, w.arena, key, &got));
    CHECK(flows_take_page(w.flows, w.arena, key, &got));
    CHECK_STR("state", got.state);
    CHECK(!flows_take_page(w.flows, w.arena, key, &got));
    CHECK(!flows_page(w.flows, w.arena, key, &got));
}

TEST(a_page_waits_ten_minutes)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str key = add(&w, FLOW_PAGE);
    struct flow got;

    clock_test_advance((FLOW_PAGE_S - 1) * US_PER_S);
    CHECK(flows_page(w.flows, w.arena, key, &got));
    clock_test_advance(US_PER_S);
    CHECK(!flows_take_page(w.flows, w.arena, key, &got));
}

TEST(a_key_opens_its_own_kind_only)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str page = add(&w, FLOW_PAGE), code = add(&w, FLOW_CODE);
    struct flow got;

    CHECK_INT(CODE_UNKNOWN, flows_take_code(w.flows, w.arena, page, &got));
    CHECK(!flows_page(w.flows, w.arena, code, &got));
    CHECK_INT(POLL_UNKNOWN, flows_poll(w.flows, w.arena, code, &got));
    CHECK_INT(CODE_UNKNOWN, flows_take_code(w.flows, w.arena, STR(""), &got));
}

TEST(a_code_that_comes_again_is_seen_with_its_family)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str key = add(&w, FLOW_CODE), late = add(&w, FLOW_CODE);
    struct flow got = {0};

    CHECK_INT(CODE_TAKEN_NOW, flows_take_code(w.flows, w.arena, key, &got));
    got = (struct flow){0};
    clock_test_advance((FLOW_CODE_S + 1) * US_PER_S);
    CHECK_INT(CODE_TAKEN_BEFORE, flows_take_code(w.flows, w.arena, key, &got));
    CHECK_STR("family", got.family);
    CHECK_INT(CODE_UNKNOWN, flows_take_code(w.flows, w.arena, late, &got));
}

TEST(a_device_waits_until_a_person_types_its_code)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str key = add(&w, FLOW_DEVICE);
    struct str code = flows_user_code(w.flows, w.arena, key);
    struct flow got;

    CHECK_INT(9, code.len);
    CHECK(code.ptr[4] == '-');
    CHECK_INT(POLL_PENDING, flows_poll(w.flows, w.arena, key, &got));
    CHECK(flows_device(w.flows, w.arena, arena_lower(w.arena, code), &got));
    CHECK_STR("client", got.client);
    CHECK(flows_decide(w.flows, code, STR("ana")));
    CHECK(!flows_decide(w.flows, code, STR("eve")));
    clock_test_advance(FLOW_DEVICE_INTERVAL_S * US_PER_S);
    CHECK_INT(POLL_GRANTED, flows_poll(w.flows, w.arena, key, &got));
    CHECK_STR("ana", got.person);
    clock_test_advance(FLOW_DEVICE_INTERVAL_S * US_PER_S);
    CHECK_INT(POLL_UNKNOWN, flows_poll(w.flows, w.arena, key, &got));
}

TEST(a_device_that_asks_too_often_must_wait_longer)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str key = add(&w, FLOW_DEVICE);
    struct flow got;

    CHECK_INT(POLL_PENDING, flows_poll(w.flows, w.arena, key, &got));
    clock_test_advance(US_PER_S);
    CHECK_INT(POLL_TOO_FAST, flows_poll(w.flows, w.arena, key, &got));
    clock_test_advance(6 * US_PER_S);
    CHECK_INT(POLL_TOO_FAST, flows_poll(w.flows, w.arena, key, &got));
    clock_test_advance(15 * US_PER_S);
    CHECK_INT(POLL_PENDING, flows_poll(w.flows, w.arena, key, &got));
}

TEST(a_device_is_refused_by_the_person_or_by_time)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str refused = add(&w, FLOW_DEVICE), late = add(&w, FLOW_DEVICE);
    struct str code = flows_user_code(w.flows, w.arena, late);
    struct flow got;

    CHECK(flows_decide(w.flows, flows_user_code(w.flows, w.arena, refused), STR("")));
    CHECK_INT(POLL_REFUSED, flows_poll(w.flows, w.arena, refused, &got));
    clock_test_advance(FLOW_DEVICE_S * US_PER_S);
    CHECK(!flows_decide(w.flows, code, STR("ana")));
    CHECK_INT(POLL_EXPIRED, flows_poll(w.flows, w.arena, late, &got));
    clock_test_advance(FLOW_DEVICE_S * US_PER_S);
    add(&w, FLOW_DEVICE);
    CHECK_INT(POLL_UNKNOWN, flows_poll(w.flows, w.arena, late, &got));
}

TEST(user_codes_that_are_no_codes_find_nobody)
{
    static const char *const TYPED[] = {"",           "-", "AAAA-AAAA",
                                        "BCDF-GHJKL", "B", "\xff\xff\xff\xff\xff\xff\xff\xff"};
    CLEANUP(close_world) struct world w = open_world();
    struct flow got;

    add(&w, FLOW_DEVICE);
    add(&w, FLOW_PAGE);
    for (size_t i = 0; i < COUNT(TYPED); i++)
        CHECK(!flows_device(w.flows, w.arena, str_from(TYPED[i]), &got));
}

/* A page of an address. */
static struct str add_from(struct world *w, struct str address)
{
    const struct flow flow = {.kind = FLOW_PAGE, .address = address};
    struct str key;

    flows_add(w->flows, w->arena, &flow, &key);
    return key;
}

TEST(whoever_begins_many_ends_his_own)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str other = add_from(&w, STR("10.0.0.1"));
    struct str first = add_from(&w, STR("10.0.0.2")), second = add_from(&w, STR("10.0.0.2"));
    struct flow got;

    for (int i = 0; i < 127; i++)
        add_from(&w, STR("10.0.0.2"));
    CHECK(!flows_page(w.flows, w.arena, first, &got));
    CHECK(flows_page(w.flows, w.arena, second, &got));
    for (int i = 0; i < 2000; i++)
        add_from(&w, STR("10.0.0.2"));
    CHECK(flows_page(w.flows, w.arena, other, &got));
}

TEST(of_all_the_oldest_makes_room)
{
    CLEANUP(close_world) struct world w = open_world();
    struct str first = add_from(&w, STR("a")), second = add_from(&w, STR("b"));
    struct flow got;

    for (int i = 0; i < 1023; i++)
        add_from(&w, arena_printf(w.arena, "10.0.0.%d", i % 200));
    CHECK(!flows_page(w.flows, w.arena, first, &got));
    CHECK(flows_page(w.flows, w.arena, second, &got));
}
