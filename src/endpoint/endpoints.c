/* The thread that brings what is into line with what the documents ask for. A turn reads all in one
 * snapshot and takes one step with each deployment; whatever fails is tried again by the next turn,
 * so a restart needs no special care. */
#include "endpoint/internal.h"

#include "base/log.h"
#include "base/map.h"
#include "os/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_US (100 * US_PER_MS) /* between turns while something rolls out or ends */
#define IDLE_US (5 * US_PER_S)    /* else: is the gateway still there */
#define SYNC_US (2 * US_PER_S)
#define TURN_BYTES (256 * MIB)

/* Makes no process and no thread: a start that fails later leaves nothing behind. */
struct endpoints *endpoints_new(const struct endpoints_options *options)
{
    struct endpoints *endpoints = calloc(1, sizeof(*endpoints));
    pthread_condattr_t monotonic;

    if (!endpoints)
        abort();
    assert(options->store && options->dir >= 0);
    endpoints->options = *options;
    endpoints->backend = &compute_local;
    endpoints->gateway.pidfd = -1;
    endpoints->alive = map_new();
    pthread_mutex_init(&endpoints->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&endpoints->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return endpoints;
}

/* Before the start, since replicas are told where to report. */
void endpoints_set_server(struct endpoints *endpoints, struct str socket, struct str host)
{
    assert(!endpoints->started);
    endpoints->server_socket = socket;
    endpoints->server_host = host;
}

/* 0 until the gateway has told where it listens. The thread asks the gateway anew at every turn. */
uint16_t endpoints_port(const struct endpoints *endpoints)
{
    return atomic_load(&endpoints->port);
}

/* --- Turns ---------------------------------------------------------------------------------------
 */

/* Compares wanted and running once. True while there is more to wait for. Order matters: replicas
 * are ended only after the gateway was told to use others. */
static bool endpoints_turn(struct endpoints *endpoints, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(TURN_BYTES);
    struct endpoint_view *all = NULL;
    bool more = false;

    assert(endpoints->backend);
    if (link_ensure(endpoints, err) < 0 || rollout_read_all(endpoints, arena, &all, err) < 0)
        return true;
    for (struct endpoint_view *endpoint = all; endpoint; endpoint = endpoint->sibling)
        for (struct rollout *rollout = endpoint->rollouts; rollout; rollout = rollout->sibling)
            more |= rollout_step(endpoints, arena, endpoint, rollout);
    if (link_push(endpoints, arena, all, err) < 0)
        return true;
    return replica_reap(endpoints, arena, all) || more;
}

/* An error that stays is logged once, not ten times a second. */
static void endpoints_complain(struct endpoints *endpoints, const struct error *err)
{
    struct str before = str_from(endpoints->complaint), now = str_from(err->message);

    assert(sizeof(endpoints->complaint) == sizeof(err->message));
    if (err->code != ERROR_NONE && !str_eq(before, now))
        log_error("endpoints.turn", err);
    memcpy(endpoints->complaint, err->message, sizeof(err->message));
}

/* Waits until woken or `us` are over. The lock is held. */
static void endpoints_wait(struct endpoints *endpoints, int64_t us)
{
    struct timespec until;

    assert(us > 0);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += us / US_PER_S;
    until.tv_nsec += us % US_PER_S * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    uint64_t seen = endpoints->wanted_turn;
    while (!endpoints->stopping && endpoints->wanted_turn == seen && seen == endpoints->done_turn)
        if (pthread_cond_timedwait(&endpoints->changed, &endpoints->lock, &until) == ETIMEDOUT)
            return;
}

/* The thread. What was asked for while a turn ran is done by the next one, at once. */
static void *endpoints_run(void *context)
{
    struct endpoints *endpoints = context;

    replica_find_all(endpoints);
    pthread_mutex_lock(&endpoints->lock);
    while (!endpoints->stopping) {
        uint64_t turn = endpoints->wanted_turn;
        struct error err = {0};
        pthread_mutex_unlock(&endpoints->lock);
        bool more = endpoints_turn(endpoints, &err);
        endpoints_complain(endpoints, &err);
        pthread_mutex_lock(&endpoints->lock);
        endpoints->done_turn = turn;
        pthread_cond_broadcast(&endpoints->changed);
        /* A failing turn must not spin: it waits like a busy one, woken or not. */
        if (err.code != ERROR_NONE)
            endpoints->done_turn = endpoints->wanted_turn;
        endpoints_wait(endpoints, more ? BUSY_US : IDLE_US);
    }
    pthread_mutex_unlock(&endpoints->lock);
    return NULL;
}

/* The gateway first, and here rather than on the thread: a port that is taken is told by the start
 * itself. */
int endpoints_start(struct endpoints *endpoints, struct error *err)
{
    assert(!endpoints->started && endpoints->server_socket.len);
    if (link_ensure(endpoints, err) < 0)
        return -1;
    if (pthread_create(&endpoints->thread, NULL, endpoints_run, endpoints) != 0)
        abort();
    endpoints->started = true;
    return 0;
}

/* Never waits: it is called on the writer thread. */
void endpoints_wake(struct endpoints *endpoints)
{
    assert(endpoints);
    pthread_mutex_lock(&endpoints->lock);
    endpoints->wanted_turn++;
    pthread_cond_broadcast(&endpoints->changed);
    pthread_mutex_unlock(&endpoints->lock);
}

/* Gives up after SYNC_US: a gateway that hangs must not hang the client too; the turn comes all the
 * same. */
void endpoints_sync(struct endpoints *endpoints)
{
    int64_t until_us = clock_mono_us() + SYNC_US;

    pthread_mutex_lock(&endpoints->lock);
    uint64_t mine = ++endpoints->wanted_turn;
    pthread_cond_broadcast(&endpoints->changed);
    while (endpoints->started && !endpoints->stopping && endpoints->done_turn < mine) {
        struct timespec until;
        int64_t left_us = until_us - clock_mono_us();
        if (left_us <= 0)
            break;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 50 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&endpoints->changed, &endpoints->lock, &until);
    }
    pthread_mutex_unlock(&endpoints->lock);
}

/* Ends the thread, if it runs. */
static void endpoints_end_thread(struct endpoints *endpoints)
{
    if (!endpoints->started)
        return;
    pthread_mutex_lock(&endpoints->lock);
    endpoints->stopping = true;
    pthread_cond_broadcast(&endpoints->changed);
    pthread_mutex_unlock(&endpoints->lock);
    pthread_join(endpoints->thread, NULL);
    endpoints->started = false;
}

/* The thread ends first, since it would start the gateway again. */
int endpoints_stop(struct endpoints *endpoints, struct error *err)
{
    endpoints_end_thread(endpoints);
    return link_stop(endpoints, true, err);
}

/* Our end is not theirs: gateway and replicas go on and are found again. */
void endpoints_free(struct endpoints **endpoints)
{
    if (!*endpoints)
        return;
    endpoints_end_thread(*endpoints);
    replica_free_all(*endpoints);
    if ((*endpoints)->gateway.pidfd >= 0)
        process_close(&(*endpoints)->gateway);
    map_free(&(*endpoints)->alive);
    pthread_cond_destroy(&(*endpoints)->changed);
    pthread_mutex_destroy(&(*endpoints)->lock);
    free((char *)(*endpoints)->pushed.ptr);
    free(*endpoints);
    *endpoints = NULL;
}
