/* The queue between a loop that receives a body and the worker that writes it away.
 *
 * The loop copies bytes into blocks; a task of the pool writes them, never two at once and never
 * waiting for more: when the queue is empty the task ends, and the next bytes start it again. So a
 * slow peer costs no thread, and a slow disk stops the reading of the peer.
 */
#include "http/connection_private.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One allocation a read: as large as a read may be. */
struct block {
    struct block *next;
    size_t len;
    char bytes[64 * KIB];
};

/* Between the loop, which fills it, and one worker at a time, which empties it. */
struct sink_queue {
    pthread_mutex_t lock; /* guards all but ex and sink */
    struct http_exchange *ex;
    struct http_sink *sink;
    struct block *first, *last;
    struct block *spare;
    size_t waiting;
    bool running; /* the task is queued or runs */
    bool ended;   /* no more bytes will come; run is to follow */
    bool done;    /* all was written */
    bool failed;  /* a write failed, for the reason in err */
    bool abandoned;
    bool behind; /* the loop was told to wait */
    struct error err;
    struct pool_task task;
};

/* With the lock held, or alone: after the last hold of the exchange is gone. */
static void free_blocks(struct sink_queue *queue)
{
    while (queue->first) {
        struct block *block = queue->first;
        queue->first = block->next;
        free(block);
    }
    queue->last = NULL;
    queue->waiting = 0;
}

/* Writes what waits, with the lock given up meanwhile. False when a write failed. */
static bool write_blocks(struct sink_queue *queue)
{
    struct http_sink *sink = queue->sink;

    while (queue->first && !queue->abandoned) {
        struct block *block = queue->first;
        queue->first = block->next;
        if (!queue->first)
            queue->last = NULL;
        pthread_mutex_unlock(&queue->lock);
        struct error err = {0};
        int result = sink->write(sink, (struct str){block->bytes, block->len}, &err);
        pthread_mutex_lock(&queue->lock);
        assert(queue->waiting >= block->len);
        queue->waiting -= block->len;
        if (queue->spare)
            free(block);
        else
            queue->spare = block;
        if (result < 0) {
            queue->err = err;
            return false;
        }
        if (queue->behind && queue->waiting < HTTP_QUEUE_LOW_BYTES) {
            queue->behind = false;
            loop_post(queue->ex, EVENT_SINK);
        }
    }
    return true;
}

/* The owner hears of it before the loop does, so that who reads the refusal finds everything put
 * away. With the lock held, but not meanwhile; no second task begins as long as this one runs. */
static void give_up(struct sink_queue *queue, bool failed)
{
    assert(queue->running);
    pthread_mutex_unlock(&queue->lock);
    queue->sink->abandon(queue->sink);
    pthread_mutex_lock(&queue->lock);
    free_blocks(queue);
    queue->failed = failed;
}

/* On a worker. A body that was taken whole is run right here, without another turn of the pool. */
static void sink_task(struct pool_task *task)
{
    struct sink_queue *queue = CONTAINER_OF(task, struct sink_queue, task);
    struct http_exchange *ex = queue->ex;
    bool run = false, wrote;

    assert(queue->sink);
    pthread_mutex_lock(&queue->lock);
    wrote = write_blocks(queue);
    if (queue->abandoned || !wrote) {
        give_up(queue, !wrote);
    } else if (queue->ended) {
        queue->done = true;
        run = ex->plan.where == HTTP_ON_WORKER;
    }
    queue->running = false;
    bool tell = queue->failed || (queue->done && !run);
    pthread_mutex_unlock(&queue->lock);
    if (run)
        ex->plan.run(ex, ex->plan.context);
    if (tell)
        loop_post(ex, EVENT_SINK);
    exchange_release(ex);
}

/* Starts the task unless it is under way. With the lock held. */
static void start_task(struct sink_queue *queue)
{
    assert(queue->ex);
    if (queue->running)
        return;
    queue->running = true;
    exchange_hold(queue->ex);
    pool_run(queue->ex->loop->server->pool, &queue->task);
}

/* Only bodies that stream have a queue. */
void sink_start(struct http_exchange *ex)
{
    struct sink_queue *queue = calloc(1, sizeof(*queue));

    if (!queue)
        abort();
    assert(ex->plan.sink && !ex->sink);
    pthread_mutex_init(&queue->lock, NULL);
    queue->ex = ex;
    queue->sink = ex->plan.sink;
    queue->task.run = sink_task;
    ex->sink = queue;
}

/* Room at the end of the queue. With the lock held. */
static struct block *last_block(struct sink_queue *queue)
{
    struct block *block = queue->last;

    if (block && block->len < sizeof(block->bytes))
        return block;
    block = queue->spare;
    queue->spare = NULL;
    if (!block && !(block = malloc(sizeof(*block))))
        abort();
    block->next = NULL;
    block->len = 0;
    if (queue->last)
        queue->last->next = block;
    else
        queue->first = block;
    queue->last = block;
    return block;
}

/* On the loop. Small pieces share a block, so that a body in tiny chunks costs no allocation each.
 */
void sink_push(struct http_exchange *ex, struct str bytes)
{
    struct sink_queue *queue = ex->sink;

    pthread_mutex_lock(&queue->lock);
    assert(!queue->ended);
    while (bytes.len && !queue->failed && !queue->abandoned) {
        struct block *block = last_block(queue);
        size_t room = sizeof(block->bytes) - block->len;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(block->bytes + block->len, bytes.ptr, part);
        block->len += part;
        queue->waiting += part;
        bytes = str_slice(bytes, part, bytes.len);
    }
    if (queue->waiting > HTTP_QUEUE_HIGH_BYTES)
        queue->behind = true;
    if (queue->first)
        start_task(queue);
    pthread_mutex_unlock(&queue->lock);
}

/* The task finds the mark behind the last block. */
void sink_end(struct http_exchange *ex)
{
    struct sink_queue *queue = ex->sink;

    assert(queue && !queue->abandoned);
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    if (!queue->failed)
        start_task(queue);
    pthread_mutex_unlock(&queue->lock);
}

/* The owner hears of it on a worker, after the write that is under way. */
void sink_abandon(struct http_exchange *ex)
{
    struct sink_queue *queue = ex->sink;

    assert(queue);
    pthread_mutex_lock(&queue->lock);
    /* Once the body was whole its owner hears of it by run, whether or not the peer stays. */
    if (!queue->ended && !queue->failed && !queue->abandoned) {
        queue->abandoned = true;
        start_task(queue);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* How far the taker is behind; reading goes on when it is little. */
size_t sink_waiting(struct http_exchange *ex)
{
    struct sink_queue *queue = ex->sink;

    pthread_mutex_lock(&queue->lock);
    size_t waiting = queue->waiting;
    pthread_mutex_unlock(&queue->lock);
    return waiting;
}

/* For the refusal that tells the client. */
bool sink_failed(struct http_exchange *ex, struct error *out)
{
    struct sink_queue *queue = ex->sink;

    assert(queue && out);
    pthread_mutex_lock(&queue->lock);
    bool failed = queue->failed;
    if (failed)
        *out = queue->err;
    pthread_mutex_unlock(&queue->lock);
    return failed;
}

/* The last write is over, and run is to be called by the loop. */
bool sink_done(struct http_exchange *ex)
{
    struct sink_queue *queue = ex->sink;

    assert(queue);
    pthread_mutex_lock(&queue->lock);
    bool done = queue->done && ex->plan.where == HTTP_ON_LOOP;
    pthread_mutex_unlock(&queue->lock);
    return done;
}

/* Not while a worker runs in it: the exchange lives until that has ended. */
void sink_free(struct http_exchange *ex)
{
    struct sink_queue *queue = ex->sink;

    if (!queue)
        return;
    assert(!queue->running);
    free_blocks(queue);
    free(queue->spare);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    ex->sink = NULL;
}
