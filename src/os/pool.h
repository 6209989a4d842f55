/* pool.h - the worker threads: handlers, readers and hashing share them
 *
 * Threads are cheap because they sleep; work that waits for a peer must not run here.
 */
#pragma once

#include "base/error.h"

struct pool;

struct pool_task {
    void (*run)(struct pool_task *task);
    struct pool_task *next_; /* the pool's */
};

/* Starts `threads` workers. Owns: the caller. */
struct pool *pool_new(unsigned threads);

/* Runs what is queued, then ends the threads. For CLEANUP. */
void pool_free(struct pool **pool);

/* Queues a task; the struct lives until run() has been entered. Threads: any. */
void pool_run(struct pool *pool, struct pool_task *task);

/* Tasks waiting. */
unsigned pool_waiting(struct pool *pool);
