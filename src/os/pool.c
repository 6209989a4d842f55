/* A queue and threads; nothing is stolen, tasks run in the order they came. The queue has no limit
 * of its own: who fills it (the HTTP server) limits requests. */
#include "os/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* The queue, under one lock: a task is a request, far longer than the lock is held. */
struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct pool_task *first, **last;
    unsigned waiting;
    bool ending;
    unsigned thread_count;
    pthread_t threads[];
};

/* The next task, or NULL when the pool ends and nothing is queued. */
static struct pool_task *take(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending)
        pthread_cond_wait(&pool->work, &pool->lock);
    struct pool_task *task = pool->first;
    if (task) {
        pool->first = task->next_;
        if (!pool->first)
            pool->last = &pool->first;
        assert(pool->waiting > 0);
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return task;
}

/* A thread's whole life. */
static void *work(void *context)
{
    struct pool *pool = context;
    struct pool_task *task;

    assert(pool);
    while ((task = take(pool)))
        task->run(task); /* which may free the task */
    return NULL;
}

/* Fewer threads than asked for are no error. */
struct pool *pool_new(unsigned threads)
{
    assert(threads > 0);
    struct pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pthread_t));

    if (!pool)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->last = &pool->first;
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&pool->threads[i], NULL, work, pool) != 0) {
            /* With one thread all works, only slower; with none nothing does. */
            if (i == 0) {
                fputs("The system gives no thread.\n", stderr);
                abort();
            }
            break;
        }
        pool->thread_count++;
    }
    return pool;
}

/* Queued tasks still run: whoever waits for one gets its answer. */
void pool_free(struct pool **pool)
{
    struct pool *ending = *pool;

    if (!ending)
        return;
    *pool = NULL;
    pthread_mutex_lock(&ending->lock);
    ending->ending = true;
    pthread_cond_broadcast(&ending->work);
    pthread_mutex_unlock(&ending->lock);
    for (unsigned i = 0; i < ending->thread_count; i++)
        pthread_join(ending->threads[i], NULL);
    assert(!ending->first);
    pthread_cond_destroy(&ending->work);
    pthread_mutex_destroy(&ending->lock);
    free(ending);
}

/* In the order of arrival, whoever is free first. */
void pool_run(struct pool *pool, struct pool_task *task)
{
    assert(task->run);
    task->next_ = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->last = task;
    pool->last = &task->next_;
    pool->waiting++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* For `status`, and for refusing before the queue is long. */
unsigned pool_waiting(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    unsigned waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    assert(waiting < 1u << 30);
    return waiting;
}
