/* Bodies that stream: sinks with back-pressure, sources that wait, files, tunnels. */
#include "http/harness_test.h"

#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A sink that counts, and can be slow, or refuse. */
struct counting_sink {
    struct http_sink sink;
    size_t bytes, fail_at;
    unsigned pause_us;
    uint64_t sum;
    atomic_size_t got;
    atomic_int abandoned, inside;
};

static int count_write(struct http_sink *sink, struct str bytes, struct error *err)
{
    struct counting_sink *counting = CONTAINER_OF(sink, struct counting_sink, sink);

    CHECK_INT(0, atomic_fetch_add(&counting->inside, 1)); /* never two at once */
    if (counting->pause_us)
        usleep(counting->pause_us);
    for (size_t i = 0; i < bytes.len; i++)
        counting->sum = counting->sum * 31 + (unsigned char)bytes.ptr[i];
    counting->bytes += bytes.len;
    atomic_store(&counting->got, counting->bytes);
    atomic_fetch_sub(&counting->inside, 1);
    if (counting->fail_at && counting->bytes >= counting->fail_at)
        return error_set(err, ERROR_STORAGE_FULL, "", "The disk is full.");
    return 0;
}

static void count_abandon(struct http_sink *sink)
{
    atomic_fetch_add(&CONTAINER_OF(sink, struct counting_sink, sink)->abandoned, 1);
}

static void counted(struct http_exchange *ex, void *context)
{
    struct counting_sink *counting = context;

    CHECK_INT(0, http_body(ex).len);
    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "%zu %llx", counting->bytes,
                            (unsigned long long)counting->sum));
}

struct stream_case {
    struct counting_sink *sink;
    enum http_where where;
    struct http_source *source;
    int64_t length;
    int fd;
    _Atomic(struct http_exchange *) ex;
};

static void give_source(struct http_exchange *ex, void *context)
{
    struct stream_case *stream = context;

    atomic_store(&stream->ex, ex);
    http_reply_source(ex, 200, "text/event-stream", stream->length, stream->source);
}

static void give_file(struct http_exchange *ex, void *context)
{
    struct stream_case *stream = context;
    struct error err = {0};
    int64_t offset = 0, length = lseek(stream->fd, 0, SEEK_END);
    int fd = fcntl(stream->fd, F_DUPFD_CLOEXEC, 0);

    CHECK_OK(fd < 0 ? error_errno(&err, errno, "dup") : 0, &err);
    struct str ask = http_query(ex);
    if (ask.len) {
        struct str from, count;
        CHECK(str_cut(ask, '-', &from, &count));
        CHECK(str_to_int64(from, &offset) && str_to_int64(count, &length));
    }
    http_reply_file(ex, 206, "application/octet-stream", &(struct http_part){fd, offset, length});
}

static void give_tunnel(struct http_exchange *ex, void *context)
{
    struct stream_case *stream = context;

    http_tunnel(
        ex, fcntl(stream->fd, F_DUPFD_CLOEXEC, 0),
        STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"));
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    struct stream_case *stream = context;
    struct str path = http_path(ex);

    if (str_eq(path, STR("/sink"))) {
        *plan = (struct http_plan){.body_limit = GIB,
                                   .where = stream->where,
                                   .run = counted,
                                   .context = stream->sink,
                                   .sink = &stream->sink->sink};
        return HTTP_GO;
    }
    if (str_eq(path, STR("/source")))
        return harness_go(plan, stream->where, give_source, stream);
    if (str_eq(path, STR("/file")))
        return harness_go(plan, stream->where, give_file, stream);
    if (str_eq(path, STR("/tunnel")))
        return harness_go(plan, stream->where, give_tunnel, stream);
    http_reply(ex, 404, "text/plain", STR("nothing"));
    return HTTP_REPLIED;
}

static struct counting_sink counting_sink(void)
{
    return (struct counting_sink){.sink = {count_write, count_abandon}};
}

/* Bytes that tell when a piece is missing or twice there. */
static struct str pattern(struct arena *arena, size_t len)
{
    char *bytes = arena_alloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 2654435761u >> 24);
    return (struct str){bytes, len};
}

static uint64_t sum_of(struct str bytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < bytes.len; i++)
        sum = sum * 31 + (unsigned char)bytes.ptr[i];
    return sum;
}

static void upload(enum http_where where, bool tls)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct counting_sink sink = counting_sink();
    struct stream_case stream = {.sink = &sink, .where = where};
    struct str body = pattern(arena, 5 * MIB + 77);
    struct http_call call = {.method = "PUT", .target = STR("/sink"), .body = body};
    struct http_response response;
    struct error err = {0};

    harness_start(&harness, routes, &stream);
    if (tls)
        harness_add_tls(&harness);
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, tls);
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR(arena_printf(arena, "%zu %llx", body.len, (unsigned long long)sum_of(body)).ptr,
              response.body);
    CHECK_INT(0, atomic_load(&sink.abandoned));
    /* Nothing at all is a body, too. */
    call.body = (struct str){"", 0};
    sink.bytes = sink.sum = 0;
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR("0 0", response.body);
}

TEST(sink_takes_a_body_and_run_follows_on_a_worker)
{
    upload(HTTP_ON_WORKER, false);
    upload(HTTP_ON_WORKER, true);
}

TEST(sink_takes_a_body_and_run_follows_on_the_loop)
{
    upload(HTTP_ON_LOOP, false);
}

TEST(sink_takes_chunks)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    CLEANUP(buf_free) struct buf request = buf_make(16 * MIB);
    struct counting_sink sink = counting_sink();
    struct stream_case stream = {.sink = &sink};
    struct str body = pattern(arena, 2 * MIB), rest = body;

    harness_start(&harness, routes, &stream);
    buf_add(&request, STR("PUT /sink HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n"));
    for (size_t size = 1; rest.len; size = size * 3 % 70001) {
        struct str chunk = str_slice(rest, 0, size);
        buf_printf(&request, "%zx\r\n", chunk.len);
        buf_add(&request, chunk);
        buf_add(&request, STR("\r\n"));
        rest = str_slice(rest, chunk.len, rest.len);
    }
    buf_add(&request, STR("0\r\n\r\n"));
    struct str reply = raw_ask(arena, harness.port, buf_str(&request));
    CHECK(str_ends(reply,
                   arena_printf(arena, "%zu %llx", body.len, (unsigned long long)sum_of(body))));
}

struct sender {
    int fd;
    atomic_size_t sent;
};

static void *send_all(void *context)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct sender *sender = context;

    raw_send(sender->fd, STR("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n"));
    struct str piece = pattern(arena, 64 * KIB);
    for (int i = 0; i < 1024; i++) {
        raw_send(sender->fd, piece);
        atomic_fetch_add(&sender->sent, piece.len);
    }
    return NULL;
}

TEST(sink_that_is_slow_slows_the_sender_down)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct counting_sink sink = counting_sink();
    struct stream_case stream = {.sink = &sink};
    struct sender sender = {0};
    size_t most = 0;
    pthread_t thread;

    sink.pause_us = 2000;
    harness_start(&harness, routes, &stream);
    sender.fd = raw_connect(harness.port);
    CHECK_INT(0, pthread_create(&thread, NULL, send_all, &sender));
    while (atomic_load(&sink.got) < 60 * MIB) {
        size_t got = atomic_load(&sink.got), sent = atomic_load(&sender.sent);
        most = sent > got && sent - got > most ? sent - got : most;
        usleep(1000);
    }
    CHECK_INT(200, raw_status(raw_read(arena, sender.fd, "\r\n\r\n")));
    pthread_join(thread, NULL);
    close(sender.fd);
    /* 64 MiB went through; what waits is our high mark and what the kernel's sockets hold. */
    CHECK(most > HTTP_QUEUE_LOW_BYTES);
    CHECK(most < 16 * MIB);
    CHECK_INT(64 * MIB, sink.bytes);
}

TEST(sink_that_fails_ends_the_upload_with_its_reason)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct counting_sink sink = counting_sink();
    struct stream_case stream = {.sink = &sink};
    struct http_response response;
    struct error err = {0};

    sink.fail_at = MIB;
    harness_start(&harness, routes, &stream);
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, false);
    struct http_call call = {
        .method = "PUT", .target = STR("/sink"), .body = pattern(arena, 9 * MIB)};
    int result = http_client_send(client, arena, &call, &response, &err);
    /* The body may be longer than what lingers: then the peer sees a closed connection. */
    if (result == 0) {
        CHECK_INT(507, response.status);
        CHECK_STR("The disk is full.\n", response.body);
    }
    CHECK_INT(1, atomic_load(&sink.abandoned));
    sink.bytes = 0;
    call.body = pattern(arena, MIB);
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_INT(507, response.status);
    CHECK_STR("The disk is full.\n", response.body);
    CHECK_INT(2, atomic_load(&sink.abandoned));
}

TEST(sink_hears_when_the_peer_goes_away)
{
    CLEANUP(harness_stop) struct harness harness;
    struct counting_sink sink = counting_sink();
    struct stream_case stream = {.sink = &sink};

    harness_start(&harness, routes, &stream);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"));
    while (atomic_load(&sink.got) < 3)
        usleep(1000);
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&sink.abandoned) == 0; i++)
        usleep(1000);
    CHECK_INT(1, atomic_load(&sink.abandoned));
    /* A body that is refused at its head was abandoned, too. */
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str reply =
        raw_ask(arena, harness.port,
                STR("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"));
    CHECK_INT(413, raw_status(reply));
    for (int i = 0; i < 5000 && atomic_load(&sink.abandoned) == 1; i++)
        usleep(1000);
    CHECK_INT(2, atomic_load(&sink.abandoned));
}

/* --- Sources --------------------------------------------------------------------------------- */

/* Gives numbered lines; waits when told to. */
struct line_source {
    struct http_source source;
    pthread_mutex_t lock;
    int next, available, end;
    atomic_int waits, closed;
};

static ssize_t put_line(void *out, size_t size, int number)
{
    char line[16];
    int len = snprintf(line, sizeof(line), "line %06d\n", number);

    CHECK((size_t)len <= size);
    memcpy(out, line, (size_t)len);
    return len;
}

static ssize_t lines_read(struct http_source *source, void *out, size_t size)
{
    struct line_source *lines = CONTAINER_OF(source, struct line_source, source);
    ssize_t len = HTTP_SOURCE_WAIT;

    pthread_mutex_lock(&lines->lock);
    if (lines->next == lines->end)
        len = 0;
    else if (lines->next == lines->available)
        atomic_fetch_add(&lines->waits, 1);
    else
        len = put_line(out, size, lines->next++);
    pthread_mutex_unlock(&lines->lock);
    return len;
}

static void lines_close(struct http_source *source)
{
    atomic_fetch_add(&CONTAINER_OF(source, struct line_source, source)->closed, 1);
}

static struct line_source line_source(int available, int end)
{
    struct line_source lines = {
        .source = {lines_read, lines_close}, .available = available, .end = end};

    pthread_mutex_init(&lines.lock, NULL);
    return lines;
}

static void wait_closed(struct line_source *lines)
{
    for (int i = 0; i < 5000 && atomic_load(&lines->closed) == 0; i++)
        usleep(1000);
    CHECK_INT(1, atomic_load(&lines->closed));
}

TEST(source_is_pulled_to_its_end)
{
    for (int known = 0; known <= 1; known++) {
        CLEANUP(harness_stop) struct harness harness;
        CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
        struct line_source lines = line_source(20000, 20000);
        struct stream_case stream = {.source = &lines.source, .length = known ? 20000 * 12 : -1};
        struct http_response response;
        struct error err = {0};

        harness_start(&harness, routes, &stream);
        harness_add_tls(&harness);
        CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, known);
        struct http_call call = {.method = "GET", .target = STR("/source")};
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        CHECK_INT(20000 * 12, response.body.len);
        CHECK(str_ends(response.body, STR("line 019998\nline 019999\n")));
        CHECK_STR(known ? "240000" : "", http_response_header(&response, "content-length"));
        wait_closed(&lines);
        /* HEAD has no body: the source is closed without being asked. */
        atomic_store(&lines.closed, 0);
        call.method = "HEAD";
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        wait_closed(&lines);
        /* The connection is still good. */
        call.target = STR("/nothing");
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        CHECK_INT(404, response.status);
    }
}

TEST(source_that_waits_goes_on_when_woken)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct line_source lines = line_source(0, 5);
    struct stream_case stream = {.source = &lines.source, .length = -1};

    harness_start(&harness, routes, &stream);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /source HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_INT(200, raw_status(raw_read(arena, fd, "\r\n\r\n"))); /* the head does not wait */
    for (int i = 1; i <= 5; i++) {
        pthread_mutex_lock(&lines.lock);
        lines.available = i;
        pthread_mutex_unlock(&lines.lock);
        http_wake(atomic_load(&stream.ex));
        if (i < 5)
            raw_read(arena, fd, arena_printf(arena, "line %06d\n", i - 1).ptr);
    }
    CHECK(str_ends(raw_read(arena, fd, NULL), STR("line 000004\n\r\n0\r\n\r\n")));
    wait_closed(&lines);
    close(fd);
}

TEST(source_is_closed_when_the_reader_hangs_up)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct line_source lines = line_source(1, 5);
    struct stream_case stream = {.source = &lines.source, .length = -1};

    harness_start(&harness, routes, &stream);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /source HTTP/1.1\r\nHost: x\r\n\r\n"));
    raw_read(arena, fd, "line 000000");
    close(fd);
    wait_closed(&lines);
}

TEST(source_that_ends_early_cuts_the_connection)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct line_source lines = line_source(2, 2);
    struct stream_case stream = {.source = &lines.source, .length = 100};

    harness_start(&harness, routes, &stream);
    struct str reply = raw_ask(arena, harness.port, STR("GET /source HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(str_ends(reply, STR("line 000001\n")));
    wait_closed(&lines);
}

TEST(source_waiting_does_not_hold_up_a_stop)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct line_source lines = line_source(1, 5);
    struct stream_case stream = {.source = &lines.source, .length = -1};
    struct harness harness;

    harness_start(&harness, routes, &stream);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /source HTTP/1.1\r\nHost: x\r\n\r\n"));
    raw_read(arena, fd, "line 000000");
    int64_t begun_us = clock_mono_us();
    http_server_stop(harness.server, 20000);
    CHECK(clock_mono_us() - begun_us < 5 * US_PER_S);
    CHECK_INT(1, atomic_load(&lines.closed));
    harness_stop(&harness);
    close(fd);
}

/* --- Files ----------------------------------------------------------------------------------- */

static int temporary_file(struct str content)
{
    int fd = open(test_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    struct error err = {0};

    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, content, &err), &err);
    return fd;
}

TEST(file_is_sent_whole_and_in_ranges)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct str content = pattern(arena, 3 * MIB + 5);
    CLEANUP(fd_close) int fd = temporary_file(content);
    struct stream_case stream = {.fd = fd};
    struct http_response response;
    struct error err = {0};
    static const struct {
        const char *target;
        size_t from, len;
    } RANGES[] = {{"/file", 0, 3 * MIB + 5},
                  {"/file?0-0", 0, 0},
                  {"/file?0-1", 0, 1},
                  {"/file?65535-65537", 65535, 65537},
                  {"/file?3145728-5", 3 * MIB, 5}};

    harness_start(&harness, routes, &stream);
    harness_add_tls(&harness);
    for (int tls = 0; tls <= 1; tls++) {
        CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, tls);
        for (size_t i = 0; i < COUNT(RANGES); i++) {
            struct http_call call = {.method = "GET", .target = str_from(RANGES[i].target)};
            CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
            CHECK_INT(206, response.status);
            CHECK(str_eq(response.body,
                         str_slice(content, RANGES[i].from, RANGES[i].from + RANGES[i].len)));
        }
    }
}

TEST(file_that_became_shorter_cuts_the_connection)
{
    /* Closed after the server has stopped: its handlers take copies of it. */
    CLEANUP(fd_close) int fd = temporary_file(STR("0123456789"));
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct stream_case stream = {.fd = fd};
    struct http_call call = {.method = "GET", .target = STR("/file?5-10")};
    struct http_response response;
    struct error err = {0};

    harness_start(&harness, routes, &stream);
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, false);
    CHECK_ERROR(ERROR_UNAVAILABLE, http_client_send(client, arena, &call, &response, &err), &err);
}

/* A pipe cannot be read at an offset, so the worker's read fails after the loop's did. */
TEST(file_that_cannot_be_read_cuts_the_connection)
{
    CLEANUP(fd_close) int from = -1;
    CLEANUP(fd_close) int to = -1;
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct http_call call = {.method = "GET", .target = STR("/file?0-10")};
    struct http_response response;
    struct error err = {0};
    int ends[2];

    CHECK_INT(0, pipe2(ends, O_CLOEXEC));
    from = ends[0];
    to = ends[1];
    struct stream_case stream = {.fd = from};
    harness_start(&harness, routes, &stream);
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, false);
    CHECK_ERROR(ERROR_UNAVAILABLE, http_client_send(client, arena, &call, &response, &err), &err);
}

/* --- Tunnels --------------------------------------------------------------------------------- */

static void *echo_back(void *context)
{
    int fd = *(int *)context;
    char bytes[8192];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        raw_send(fd, (struct str){bytes, (size_t)n});
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void *send_pattern(void *context)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    int fd = *(int *)context;

    raw_send(fd, pattern(arena, 8 * MIB));
    shutdown(fd, SHUT_WR);
    return NULL;
}

TEST(tunnel_pumps_bytes_both_ways_until_both_ends)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    struct stream_case stream = {0};
    pthread_t echoing, sending;
    int pair[2];

    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    stream.fd = pair[0];
    harness_start(&harness, routes, &stream);
    CHECK_INT(0, pthread_create(&echoing, NULL, echo_back, &pair[1]));
    int fd = raw_connect(harness.port);
    /* The first bytes come together with the head. */
    raw_send(
        fd,
        STR("GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nearly"));
    struct str head = raw_read(arena, fd, "early");
    CHECK_INT(101, raw_status(head));
    CHECK(str_ends(head, STR("Connection: Upgrade\r\n\r\nearly")));
    close(pair[0]);
    CHECK_INT(0, pthread_create(&sending, NULL, send_pattern, &fd));
    struct str back = raw_read(arena, fd, NULL);
    CHECK(str_eq(back, pattern(arena, 8 * MIB)));
    pthread_join(sending, NULL);
    pthread_join(echoing, NULL);
    close(pair[1]);
    close(fd);
}

TEST(tunnel_ends_when_the_other_side_breaks)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct stream_case stream = {0};
    int pair[2];

    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    stream.fd = pair[0];
    harness_start(&harness, routes, &stream);
    int fd = raw_connect(harness.port);
    raw_send(fd,
             STR("GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"));
    raw_read(arena, fd, "\r\n\r\n");
    close(pair[0]);
    close(pair[1]);
    raw_send(fd, STR("into the void"));
    CHECK_STR("", raw_read(arena, fd, NULL));
    close(fd);
}
