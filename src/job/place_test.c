#include "job/place.h"

#include "base/test.h"

#include <string.h>

static struct str HOLDERS[] = {STR_INIT("calm_owl"), STR_INIT("red_fox"), STR_INIT("tall_oak")};

TEST(place_fills_free_nodes_in_order_and_says_who_waits_for_whom)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct place_pool pools[] = {{STR("cpu"), 2, HOLDERS, 1}};
    struct place_job jobs[] = {
        {STR("a"), STR("cpu"), 1}, {STR("b"), STR("cpu"), 2}, {STR("c"), STR("cpu"), 3}};
    struct place_input input = {jobs, COUNT(jobs), pools, COUNT(pools)};
    struct place_decision *d = place_decide(arena, &input);

    CHECK(d[0].start);
    CHECK(!d[1].start && !d[2].start);
    CHECK_STR("Next in line on cpu (2 nodes, busy with calm_owl).", d[1].reason);
    CHECK_STR("1 job before it on cpu (2 nodes, busy with calm_owl).", d[2].reason);
}

TEST(place_pools_do_not_hold_each_other_up)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct place_pool pools[] = {{STR("full"), 1, HOLDERS, 3}, {STR("free"), 1, NULL, 0}};
    struct place_job jobs[] = {{STR("a"), STR("full"), 1}, {STR("b"), STR("FREE"), 2}};
    struct place_input input = {jobs, COUNT(jobs), pools, COUNT(pools)};
    struct place_decision *d = place_decide(arena, &input);

    CHECK(!d[0].start);
    CHECK_STR("Next in line on full (1 node, busy with calm_owl and 2 more).", d[0].reason);
    CHECK(d[1].start);
}

TEST(place_a_compute_that_is_gone_is_named)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct place_pool pools[] = {{STR("gone"), 0, NULL, 0}};
    struct place_job jobs[] = {{STR("a"), STR("gone"), 1}, {STR("b"), STR("never"), 2}};
    struct place_input input = {jobs, COUNT(jobs), pools, COUNT(pools)};
    struct place_decision *d = place_decide(arena, &input);

    CHECK(!d[0].start && !d[1].start);
    CHECK(strstr(d[0].reason.ptr, "'gone' does not exist") != NULL);
    CHECK(strstr(d[1].reason.ptr, "'never' does not exist") != NULL);
}

TEST(place_a_compute_that_is_switched_off_starts_nothing)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct place_pool pools[] = {{.name = STR("desk"), .slots = 1, .stopped = true}};
    struct place_job jobs[] = {{STR("a"), STR("desk"), 1}};
    struct place_input input = {jobs, COUNT(jobs), pools, COUNT(pools)};
    struct place_decision *d = place_decide(arena, &input);

    CHECK(!d[0].start);
    CHECK(strstr(d[0].reason.ptr, "'desk' is stopped") != NULL);
}

/* Whatever comes, a pool never gets more than its nodes and nobody overtakes on it. */
TEST(place_never_overfills_and_never_overtakes)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    unsigned chance = 12345;

    for (int round = 0; round < 200; round++) {
        struct place_pool pools[3] = {{STR("a")}, {STR("b")}, {STR("c")}};
        struct place_job jobs[40];
        int started[3] = {0};
        bool waits[3] = {false};
        for (int p = 0; p < 3; p++) {
            chance = chance * 1103515245u + 12345u;
            pools[p].slots = (int)(chance >> 16) % 5;
            pools[p].busy = pools[p].slots ? (int)(chance >> 20) % (pools[p].slots + 1) : 0;
            pools[p].busy_with = HOLDERS;
        }
        for (size_t j = 0; j < COUNT(jobs); j++) {
            chance = chance * 1103515245u + 12345u;
            jobs[j] = (struct place_job){STR("j"), pools[(chance >> 16) % 3].name, (int64_t)j};
        }
        struct place_input input = {jobs, COUNT(jobs), pools, COUNT(pools)};
        struct place_decision *d = place_decide(arena, &input);
        for (size_t j = 0; j < COUNT(jobs); j++) {
            int p = jobs[j].pool.ptr[0] - 'a';
            CHECK(!(d[j].start && waits[p]));
            CHECK(d[j].reason.len > 0);
            waits[p] |= !d[j].start;
            started[p] += d[j].start;
        }
        for (int p = 0; p < 3; p++)
            CHECK(started[p] + pools[p].busy <= pools[p].slots || started[p] == 0);
    }
}
