#include "os/random.h"

#include "base/test.h"
#include "os/fault.h"
#include "os/pool.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

TEST(a_uuid_has_its_form)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str a = random_uuid(arena), b = random_uuid(arena);

    CHECK_INT(36, a.len);
    CHECK(a.ptr[8] == '-' && a.ptr[13] == '-' && a.ptr[18] == '-' && a.ptr[23] == '-');
    CHECK(a.ptr[14] == '4');
    CHECK(strchr("89ab", a.ptr[19]) != NULL);
    CHECK(!str_eq(a, b));
}

TEST(hex_has_two_digits_a_byte)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str hex = random_hex(arena, 32);

    CHECK_INT(64, hex.len);
    CHECK_INT(64, strspn(hex.ptr, "0123456789abcdef"));
}

TEST(numbers_stay_below_their_limit)
{
    bool seen[5] = {false};

    for (int i = 0; i < 500; i++) {
        uint64_t value = random_below(5);
        CHECK(value < 5);
        seen[value] = true;
    }
    CHECK(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
    CHECK_INT(0, random_below(1));
}

TEST(a_seed_repeats_its_stream)
{
    unsigned char a[32], b[32], c[32];

    random_test_seed(42);
    random_bytes(a, sizeof(a));
    random_test_seed(42);
    random_bytes(b, sizeof(b));
    random_test_seed(43);
    random_bytes(c, sizeof(c));
    random_test_seed(0);
    CHECK(!memcmp(a, b, sizeof(a)));
    CHECK(memcmp(a, c, sizeof(a)) != 0);
    random_bytes(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

TEST(a_fault_comes_at_its_call_only)
{
    CHECK_INT(0, fault_hit(FAULT_COMMIT));
    fault_plan(FAULT_COMMIT, 2, EIO, false);
    CHECK_INT(0, fault_hit(FAULT_COMMIT));
    CHECK_INT(0, fault_hit(FAULT_STEP));
    CHECK_INT(EIO, fault_hit(FAULT_COMMIT));
    CHECK_INT(0, fault_hit(FAULT_COMMIT));
    CHECK_INT(3, fault_count(FAULT_COMMIT));
    fault_plan(FAULT_COMMIT, 1, ENOSPC, true);
    CHECK_INT(0, fault_count(FAULT_COMMIT));
    CHECK_INT(ENOSPC, fault_hit(FAULT_COMMIT));
    CHECK_INT(ENOSPC, fault_hit(FAULT_COMMIT));
    fault_plan(FAULT_COMMIT, 0, 0, false);
    CHECK_INT(0, fault_hit(FAULT_COMMIT));
}

TEST(faults_are_read_from_the_environment)
{
    setenv("LAZURITE_FAULT", "step:1:ENOSPC,commit:2+:EIO", 1);
    fault_from_environment();
    unsetenv("LAZURITE_FAULT");
    CHECK_INT(ENOSPC, fault_hit(FAULT_STEP));
    CHECK_INT(0, fault_hit(FAULT_STEP));
    CHECK_INT(0, fault_hit(FAULT_COMMIT));
    CHECK_INT(EIO, fault_hit(FAULT_COMMIT));
    CHECK_INT(EIO, fault_hit(FAULT_COMMIT));
    fault_plan(FAULT_STEP, 0, 0, false);
    fault_plan(FAULT_COMMIT, 0, 0, false);
}

TEST(faults_come_each_so_many_calls)
{
    setenv("LAZURITE_FAULT", "step:2+3:EIO", 1);
    fault_from_environment();
    unsetenv("LAZURITE_FAULT");
    for (unsigned call = 1; call < 20; call++)
        CHECK_INT(call % 3 == 2 ? EIO : 0, fault_hit(FAULT_STEP));
    fault_plan(FAULT_STEP, 0, 0, false);
}

struct add_task {
    struct pool_task task;
    atomic_int *sum;
    int value;
};

static void add(struct pool_task *task)
{
    struct add_task *self = CONTAINER_OF(task, struct add_task, task);

    atomic_fetch_add(self->sum, self->value);
}

TEST(a_pool_runs_all_that_is_queued_before_it_ends)
{
    static struct add_task tasks[1000];
    atomic_int sum = 0;
    struct pool *pool = pool_new(4);

    for (int i = 0; i < 1000; i++) {
        tasks[i] = (struct add_task){.task.run = add, .sum = &sum, .value = i};
        pool_run(pool, &tasks[i].task);
    }
    pool_free(&pool);
    CHECK(pool == NULL);
    CHECK_INT(999 * 1000 / 2, atomic_load(&sum));
}

TEST(an_idle_pool_has_nothing_waiting)
{
    CLEANUP(pool_free) struct pool *pool = pool_new(1);

    CHECK_INT(0, pool_waiting(pool));
}
