/* The thread that tells the server: events in order, logs by offset, again until they are taken. A
 * server that is away holds up neither the command nor its end. */
#include "runner/delivery.h"

#include "os/clock.h"
#include "os/file.h"
#include "runner/remote.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PIECE_BYTES (256 * KIB)
#define EVENTS_AT_ONCE 200
#define GATHER_MS 20 /* between two pieces of a log that grows all the time */
#define ASK_MS 5000  /* how often a quiet job asks whether it is canceled */
#define PAUSE_FIRST_MS 50
#define PAUSE_LAST_MS 2000
#define REFUSED_US (30 * US_PER_S) /* after this long the server means its 401 */

static const char *const LOGS[] = {"user_logs/std_log.txt", "system_logs/lifecycle.log",
                                   "system_logs/environment.log"};

struct delivery {
    struct attempt *attempt;
    struct remote *remote;
    pthread_t thread;
    int wake_fd, watch_fd;
    int64_t next_event;
    int64_t offset[COUNT(LOGS)];
    int64_t refused_since_us; /* 0: the server takes what we send */
    bool done;
};

enum outcome { SENT, NOTHING, FAILED };

/* What every answer tells: how far the server is, and whether somebody wants the attempt to end. */
static enum outcome call(struct delivery *d, struct http_call *request, int64_t *out_next)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct http_response reply;

    assert(out_next);
    if (remote_send(d->remote, arena, request, &reply, NULL) < 0)
        return FAILED;
    if (reply.status >= 400 && reply.status < 500 && reply.status != 429) {
        if (!d->refused_since_us)
            d->refused_since_us = clock_mono_us();
        return FAILED;
    }
    struct json *answer = reply.status < 300 ? json_parse(arena, reply.body, NULL) : NULL;
    if (!answer)
        return FAILED;
    d->refused_since_us = 0;
    *out_next = json_int_at(answer, "next", 0);
    if (json_bool_at(answer, "cancel", false) && !atomic_load(&d->attempt->stop->asked))
        stop_ask(d->attempt->stop);
    return SENT;
}

/* One piece of one log; an empty one only asks. */
static enum outcome send_log(struct delivery *d, size_t log, bool ask)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    CLEANUP(fd_close) int fd = file_open(d->attempt->folder, LOGS[log], O_RDONLY, 0, NULL);
    char *bytes = arena_alloc(arena, PIECE_BYTES);
    ssize_t got = fd < 0 ? 0 : pread(fd, bytes, PIECE_BYTES, d->offset[log]);
    int64_t next;

    assert(log < COUNT(LOGS));
    if (got <= 0 && !ask)
        return NOTHING;
    static const struct http_header HEADERS[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/octet-stream")}};
    struct http_call request = {
        .method = "POST",
        .target = arena_printf(arena, "/lazurite/v1/attempts/%.*s/logs?file=%s&offset=%lld",
                               STR_ARG(d->attempt->name), LOGS[log], (long long)d->offset[log]),
        .headers = HEADERS,
        .header_count = COUNT(HEADERS),
        .body = {bytes, got > 0 ? (size_t)got : 0},
    };
    enum outcome outcome = call(d, &request, &next);
    if (outcome != SENT)
        return outcome;
    bool moved = next != d->offset[log];
    d->offset[log] = next;
    return got <= 0 || moved ? SENT : FAILED;
}

/* Everything that is in the logs now. FAILED leaves the rest for later. */
static enum outcome send_logs(struct delivery *d)
{
    enum outcome outcome = NOTHING;

    for (size_t i = 0; i < COUNT(LOGS); i++) {
        enum outcome one;
        while ((one = send_log(d, i, false)) == SENT)
            outcome = SENT;
        if (one == FAILED)
            return FAILED;
    }
    assert(outcome != FAILED);
    return outcome;
}

/* Events up to a number. */
static enum outcome send_events(struct delivery *d, int64_t upto)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    int64_t next, limit = upto - d->next_event + 1;
    struct str body;

    if (limit <= 0)
        return NOTHING;
    int64_t last = journal_read(d->attempt->journal, arena, d->next_event,
                                limit < EVENTS_AT_ONCE ? limit : EVENTS_AT_ONCE, &body);
    if (!last)
        return NOTHING;
    static const struct http_header HEADERS[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/json")}};
    struct http_call request = {
        .method = "POST",
        .target =
            arena_printf(arena, "/lazurite/v1/attempts/%.*s/events", STR_ARG(d->attempt->name)),
        .headers = HEADERS,
        .header_count = COUNT(HEADERS),
        .body = body,
    };
    if (call(d, &request, &next) != SENT)
        return FAILED;
    assert(next >= 0);
    bool moved = next != d->next_event;
    d->next_event = next;
    return moved ? SENT : FAILED;
}

/* One round: logs, then the events that were there before them. */
static enum outcome deliver(struct delivery *d)
{
    int64_t last = journal_last(d->attempt->journal);
    bool closing = journal_has(d->attempt->journal, "finished");
    enum outcome logs, events;

    assert(d->next_event >= 1);
    /* Events first while it runs: a state is small and somebody waits for it. */
    if (!closing && send_events(d, last) == FAILED)
        return FAILED;
    logs = send_logs(d);
    if (logs == FAILED)
        return FAILED;
    events = closing ? send_events(d, last) : NOTHING;
    if (closing && d->next_event > last)
        d->done = true;
    return events == FAILED ? FAILED : logs;
}

/* News are counted by looking, not by bytes. */
static void drain(int fd)
{
    char bytes[4096];

    assert(fd >= 0);
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

/* Sleeps until something happens. True when only time passed. */
static bool rest(struct delivery *d, int timeout_ms, bool watch)
{
    struct pollfd fds[] = {{.fd = d->wake_fd, .events = POLLIN},
                           {.fd = watch ? d->watch_fd : -1, .events = POLLIN}};
    int ready = poll(fds, COUNT(fds), timeout_ms);

    assert(timeout_ms > 0);
    drain(d->wake_fd);
    if (watch && d->watch_fd >= 0)
        drain(d->watch_fd);
    return ready == 0;
}

/* Whether going on makes no sense: the token is no longer taken, or the folder was removed. */
static bool is_hopeless(struct delivery *d)
{
    bool refused = d->refused_since_us && clock_mono_us() - d->refused_since_us > REFUSED_US;
    bool closing = journal_has(d->attempt->journal, "finished");

    assert(d->attempt);
    /* After the end a refusal means that `finished` was taken and its answer lost. */
    if (refused || (d->refused_since_us && closing) ||
        !file_exists(d->attempt->folder, "spec.json")) {
        if (!closing)
            stop_ask(d->attempt->stop);
        return true;
    }
    return false;
}

/* Events and logs go out together and often enough to be watched; failures wait longer each time,
 * until it is hopeless. */
static void *deliver_all(void *context)
{
    struct delivery *d = context;
    int pause_ms = PAUSE_FIRST_MS;

    while (!d->done) {
        enum outcome outcome = deliver(d);
        if (d->done)
            break;
        assert(pause_ms <= PAUSE_LAST_MS);
        if (outcome == FAILED) {
            if (is_hopeless(d))
                break;
            rest(d, pause_ms, false);
            pause_ms = 2 * pause_ms < PAUSE_LAST_MS ? 2 * pause_ms : PAUSE_LAST_MS;
            continue;
        }
        pause_ms = PAUSE_FIRST_MS;
        if (outcome == SENT)
            rest(d, GATHER_MS, false);
        else if (rest(d, ASK_MS, true))
            send_log(d, 0, true);
    }
    return NULL;
}

/* The thread sleeps in poll: a byte in the pipe is news. */
static void wake(void *context)
{
    struct delivery *d = context;
    uint64_t one = 1;
    ssize_t put = write(d->wake_fd, &one, sizeof(one));

    assert(put == sizeof(one) || errno == EAGAIN);
}

/* On a thread of its own, so that a server that is away never holds up the command. */
struct delivery *delivery_start(struct attempt *attempt)
{
    struct str logs = arena_printf(attempt->arena, "%.*s/user_logs", STR_ARG(attempt->folder_path));

    assert(attempt->journal);
    if (!json_str_at(attempt->spec, "token").len ||
        !json_str_at(attempt->spec, "server.socket").len)
        return NULL;
    struct delivery *d = calloc(1, sizeof(*d));
    if (!d)
        abort();
    d->attempt = attempt;
    d->remote = remote_new(attempt);
    d->next_event = 1;
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (d->watch_fd >= 0)
        inotify_add_watch(d->watch_fd, logs.ptr, IN_MODIFY | IN_CREATE);
    if (d->wake_fd < 0 || pthread_create(&d->thread, NULL, deliver_all, d) != 0)
        abort();
    journal_on_event(attempt->journal, wake, d);
    return d;
}

/* Waits until all is told or nobody is there any more to be told. */
void delivery_finish(struct delivery **delivery)
{
    struct delivery *ending = *delivery;

    if (!ending)
        return;
    *delivery = NULL;
    wake(ending);
    pthread_join(ending->thread, NULL);
    journal_on_event(ending->attempt->journal, NULL, NULL);
    assert(!ending->thread || ending->remote);
    remote_free(&ending->remote);
    fd_close(&ending->wake_fd);
    fd_close(&ending->watch_fd);
    free(ending);
}
