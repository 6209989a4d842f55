/* Worker threads under load: from several threads, from within tasks, with tasks that free
 * themselves. */
#include "os/pool.h"

#include "base/test.h"
#include "os/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint done;

/* A task that owns itself, and queues `more` others like it. */
struct self_task {
    struct pool_task task;
    struct pool *pool;
    unsigned more;
};

static void run_self(struct pool_task *task);

static void queue_self(struct pool *pool, unsigned more)
{
    struct self_task *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    *self = (struct self_task){.task.run = run_self, .pool = pool, .more = more};
    pool_run(pool, &self->task);
}

static void run_self(struct pool_task *task)
{
    struct self_task *self = CONTAINER_OF(task, struct self_task, task);

    if (self->more)
        queue_self(self->pool, self->more - 1);
    free(self);
    atomic_fetch_add(&done, 1);
}

static void *queue_many(void *pool)
{
    for (int i = 0; i < 500; i++)
        queue_self(pool, 3);
    return NULL;
}

TEST(tasks_of_many_threads_all_run_once)
{
    struct pool *pool = pool_new(3);
    pthread_t threads[4];

    atomic_store(&done, 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, queue_many, pool));
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    while (atomic_load(&done) < 4 * 500 * 4) /* tasks queue further ones until the last */
        clock_sleep_us(1000);
    pool_free(&pool);
    CHECK_INT(4 * 500 * 4, atomic_load(&done));
}

struct order_task {
    struct pool_task task;
    unsigned number;
};

static unsigned expected;
static bool in_order = true;

static void note_order(struct pool_task *task)
{
    in_order = in_order && CONTAINER_OF(task, struct order_task, task)->number == expected;
    expected++;
}

TEST(one_thread_runs_tasks_in_the_order_they_came)
{
    static struct order_task tasks[200];
    struct pool *pool = pool_new(1);

    expected = 0;
    for (unsigned i = 0; i < COUNT(tasks); i++) {
        tasks[i] = (struct order_task){.task.run = note_order, .number = i};
        pool_run(pool, &tasks[i].task);
    }
    pool_free(&pool);
    CHECK(in_order);
    CHECK_INT(COUNT(tasks), expected);
}

static atomic_bool gate;
static atomic_uint arrived;

static void wait_at_gate(struct pool_task *)
{
    atomic_fetch_add(&arrived, 1);
    while (!atomic_load(&gate))
        clock_sleep_us(1000);
}

TEST(as_many_tasks_run_at_once_as_there_are_threads)
{
    static struct pool_task tasks[5];
    struct pool *pool = pool_new(3);

    atomic_store(&gate, false);
    atomic_store(&arrived, 0);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        tasks[i] = (struct pool_task){.run = wait_at_gate};
        pool_run(pool, &tasks[i]);
    }
    while (atomic_load(&arrived) < 3)
        clock_sleep_us(1000);
    clock_sleep_us(20000);
    CHECK_INT(3, atomic_load(&arrived));
    CHECK_INT(2, pool_waiting(pool));
    atomic_store(&gate, true);
    pool_free(&pool);
    CHECK_INT(5, atomic_load(&arrived));
}

TEST(a_pool_without_work_ends_at_once)
{
    struct pool *none = NULL;

    for (int i = 0; i < 50; i++) {
        struct pool *pool = pool_new(4);
        pool_free(&pool);
    }
    pool_free(&none);
}
