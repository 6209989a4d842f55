/* An IO thread: its mail from other threads, its deadlines, its end.
 *
 * Whatever another thread wants of an exchange is a bit in its `events` and the exchange in the
 * loop's mail. There is no lock between workers and loops, and a batch of replies costs one wake.
 */
#include "http/connection_private.h"

#include "os/clock.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

/* How late a deadline may be seen. One timer for all connections: a timer each would have to be
 * moved with every request. */
#define SWEEP_MS 100

/* Handlers ask this of any thread; the answer for the loop's own never changes. */
bool loop_is_current(const struct loop *loop)
{
    assert(loop->server);
    return pthread_equal(pthread_self(), loop->self);
}

/* A stack of exchanges: the first event of one pushes it. True when the stack was empty. */
static bool loop_push_mail(struct loop *loop, struct http_exchange *ex)
{
    struct http_exchange *first = atomic_load(&loop->mail);

    do
        ex->next = first;
    while (!atomic_compare_exchange_weak(&loop->mail, &first, ex));
    return !first;
}

/* Later events of one exchange are only noted. The thread that finds the stack empty wakes the
 * loop, so that a batch costs one wake. It is counted meanwhile: as soon as the exchange lies in
 * the stack the loop may take it for another reason, be empty and end before it is woken. */
void loop_post(struct http_exchange *ex, enum loop_event event)
{
    struct loop *loop = ex->loop;

    assert(event);
    atomic_fetch_add(&loop->senders, 1);
    if (atomic_fetch_or(&ex->events, event) == 0 && loop_push_mail(loop, ex))
        uv_async_send(&loop->async);
    atomic_fetch_sub(&loop->senders, 1);
}

/* Newest first is how they lie; oldest first is fair. */
static void loop_read_mail(struct loop *loop)
{
    struct http_exchange *mail = atomic_exchange(&loop->mail, NULL), *oldest = NULL;

    while (mail) {
        struct http_exchange *next = mail->next;
        mail->next = oldest;
        oldest = mail;
        mail = next;
    }
    while (oldest) {
        struct http_exchange *ex = oldest;
        oldest = ex->next;
        unsigned events = atomic_exchange(&ex->events, 0);
        assert(events);
        connection_event(ex, events & ~(unsigned)EVENT_RELEASE);
        if (events & EVENT_RELEASE)
            exchange_free(ex);
    }
}

/* Exchanges count beyond their connections: a handler may still hold one. */
static bool loop_is_empty(struct loop *loop)
{
    assert(loop->server);
    return list_empty(&loop->connections) && loop->exchange_count == 0;
}

/* With its last handle closed, uv_run returns. No exchange is left, so no new sender comes; one
 * that is just about to wake us is waited for: it would write to a closed descriptor. */
static void loop_end_when_empty(struct loop *loop)
{
    assert(loop_is_current(loop));
    if (!loop->stopping || !loop_is_empty(loop) || uv_is_closing((uv_handle_t *)&loop->async))
        return;
    while (atomic_load(&loop->senders))
        sched_yield();
    upstream_close_all(loop);
    uv_timer_stop(&loop->sweep);
    uv_close((uv_handle_t *)&loop->sweep, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
}

/* Deadlines are compared here and nowhere else, with the clock that tests can move. */
static void on_sweep(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    bool cut;

    loop->now_us = clock_mono_us();
    cut = loop->stopping && loop->now_us >= loop->stop_at_us;
    for (struct list *at = loop->connections.next, *next; at != &loop->connections; at = next) {
        struct connection *connection = CONTAINER_OF(at, struct connection, link);
        next = at->next;
        if (cut)
            connection_close(connection);
        else
            connection_sweep(connection);
    }
    forward_sweep(loop);
    loop_end_when_empty(loop);
}

/* The sweep runs only while there are connections: a server that nobody talks to sleeps. */
void loop_busy(struct loop *loop)
{
    if (!uv_is_active((uv_handle_t *)&loop->sweep))
        uv_timer_start(&loop->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

/* The other half of loop_busy. */
void loop_quiet(struct loop *loop)
{
    if (!loop->stopping && list_empty(&loop->upstreams) && loop_is_empty(loop))
        uv_timer_stop(&loop->sweep);
}

/* Who has asked gets an answer; who has not is told good-bye by a closed connection. */
static void loop_begin_stop(struct loop *loop, int grace_ms)
{
    assert(loop_is_current(loop));
    loop->stopping = true;
    loop->stop_at_us = clock_mono_us() + grace_ms * US_PER_MS;
    server_close_acceptors(loop);
    loop_busy(loop);
    for (struct list *at = loop->connections.next, *next; at != &loop->connections; at = next) {
        struct connection *connection = CONTAINER_OF(at, struct connection, link);
        next = at->next;
        connection->close_after = true;
        if (connection->state == CONNECTION_HEAD && connection->idle)
            connection_close(connection);
        else if (connection->ex && connection->ex->replied)
            http_wake(connection->ex);
    }
}

/* What other threads asked for since: all of it in one go, as wakes of one loop fold into one. */
static void on_async(uv_async_t *async)
{
    struct loop *loop = async->data;

    loop->now_us = clock_mono_us();
    server_sync(loop);
    loop_read_mail(loop);
    loop_end_when_empty(loop);
}

/* New requests are refused, those that run may end; after the grace all is cut. */
void loop_stop(struct loop *loop, int grace_ms)
{
    assert(grace_ms >= 0);
    if (!loop->stopping)
        loop_begin_stop(loop, grace_ms);
}

/* Made on the server's thread; from loop_run on it is its own thread's. */
int loop_init(struct loop *loop, struct http_server *server, struct error *err)
{
    assert(server && loop->mail == NULL);
    loop->server = server;
    loop->head = buf_make(MIB);
    list_init(&loop->connections);
    list_init(&loop->listeners);
    list_init(&loop->upstreams);
    list_init(&loop->forwards);
    atomic_init(&loop->mail, NULL);
    if (uv_loop_init(&loop->uv) < 0)
        return error_set(err, ERROR_IO, "", "An event loop could not be made.");
    if (uv_async_init(&loop->uv, &loop->async, on_async) < 0 ||
        uv_timer_init(&loop->uv, &loop->sweep) < 0) {
        uv_loop_close(&loop->uv);
        return error_set(err, ERROR_IO, "", "An event loop could not be made.");
    }
    loop->async.data = loop->sweep.data = loop;
    return 0;
}

/* Returns after the server was stopped and the last exchange ended. */
void loop_run(struct loop *loop)
{
    loop->self = pthread_self();
    int left = uv_run(&loop->uv, UV_RUN_DEFAULT);

    assert(left == 0);
    (void)left;
    uv_loop_close(&loop->uv);
    exchange_free_spares(loop);
    buf_free(&loop->head);
}

/* For a loop that was made and never run: handles must be closed by a turn of it. */
void loop_discard(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->sweep, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
    loop_run(loop);
}

/* The text is made again when its second is over. */
struct str loop_date(struct loop *loop)
{
    assert(loop->now_us > 0);
    if (loop->now_us >= loop->date_until_us) {
        int64_t now_us = clock_now_us();
        clock_http_date(now_us, loop->date);
        loop->date_until_us = loop->now_us + US_PER_S - now_us % US_PER_S;
    }
    return str_from(loop->date);
}
