/* Every deadline and limit of limits.h that needs time or many descriptors; the clock obeys. */
#include "http/harness_test.h"

#include "http/text.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define START_US 1800000000000000LL

static void hello(struct http_exchange *ex, void *)
{
    http_reply(ex, 200, "text/plain", STR("hello"));
}

/* A reply that no socket takes at once. */
static void huge(struct http_exchange *ex, void *)
{
    char *bytes = arena_alloc(http_arena(ex), 32 * MIB);
    http_reply(ex, 200, "text/plain", (struct str){bytes, 32 * MIB});
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *)
{
    bool big = str_eq(http_path(ex), STR("/huge"));
    return harness_go(plan, big ? HTTP_ON_WORKER : HTTP_ON_LOOP, big ? huge : hello, NULL);
}

static struct str refusal(struct arena *arena, int status, const char *sentence, void *)
{
    return arena_printf(arena, "{\"status\":%d,\"sentence\":\"%s\"}", status, sentence);
}

/* A server on a clock that stands still. */
static void start(struct harness *harness)
{
    clock_test_set(START_US);
    harness_start(harness, routes, NULL);
}

static void stop(struct harness *harness)
{
    harness_stop(harness);
    clock_test_end();
}

/* Real time for the server to notice what the clock says. */
static void settle(void)
{
    usleep(300 * 1000);
}

static void pass_ms(int64_t ms)
{
    clock_test_advance(ms * US_PER_MS);
    settle();
}

/* Whether the peer has closed, with nothing to read before. */
static bool closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

TEST(limit_of_a_head_that_does_not_come)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    harness_add_tls(&harness);
    int silent = raw_connect(harness.port), slow = raw_connect(harness.port);
    int shy = raw_connect(harness.tls_port);
    raw_send(slow, STR("GET /hello HTTP/1.1\r\nHo"));
    settle();
    pass_ms(HTTP_HEAD_TIMEOUT_MS - 100);
    CHECK(!closed(silent) && !closed(slow) && !closed(shy));
    /* Bytes on the way do not buy more time. */
    raw_send(slow, STR("st: x\r\n"));
    settle();
    pass_ms(200);
    CHECK(closed(silent));
    CHECK(closed(shy));
    struct str reply = raw_read(arena, slow, NULL);
    CHECK_INT(408, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "Connection: close"));
    close(silent);
    close(slow);
    close(shy);
}

TEST(limit_of_idling_between_requests)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    raw_read(arena, fd, "hello");
    pass_ms(HTTP_IDLE_TIMEOUT_MS - 100);
    CHECK(!closed(fd));
    raw_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    raw_read(arena, fd, "hello");
    pass_ms(HTTP_IDLE_TIMEOUT_MS - 100);
    CHECK(!closed(fd));
    pass_ms(200);
    CHECK(closed(fd));
    close(fd);
}

TEST(limit_of_a_next_head_that_does_not_come)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET"));
    raw_read(arena, fd, "hello");
    settle();
    pass_ms(HTTP_HEAD_TIMEOUT_MS + 100);
    CHECK_INT(408, raw_status(raw_read(arena, fd, NULL)));
    close(fd);
}

TEST(limit_of_a_body_that_dribbles)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    char kib[KIB];

    start(&harness);
    memset(kib, 'x', sizeof(kib));
    int slow = raw_connect(harness.port), steady = raw_connect(harness.port);
    raw_send(slow, STR("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"));
    raw_send(steady, STR("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 18432\r\n\r\n"));
    settle();
    for (int second = 0; second < 18; second++) {
        raw_send(steady, (struct str){kib, sizeof(kib)});
        if (second < 9)
            raw_send(slow, str_slice((struct str){kib, sizeof(kib)}, 0, 900));
        if (second == 17)
            break;
        usleep(20 * 1000);
        pass_ms(1000);
    }
    CHECK_INT(200, raw_status(raw_read(arena, steady, "hello")));
    CHECK_INT(408, raw_status(raw_read(arena, slow, NULL)));
    close(slow);
    close(steady);
}

TEST(limit_of_a_peer_that_reads_nothing)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"));
    raw_read(arena, fd, "\r\n\r\n");
    settle();
    pass_ms(HTTP_WRITE_STALL_MS - 100);
    pass_ms(200);
    struct str rest = raw_read(arena, fd, NULL);
    CHECK(rest.len < 32 * MIB);
    close(fd);
}

TEST(limit_of_what_lingers)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    int fd = raw_connect(harness.port), flood = raw_connect(harness.port);
    raw_send(fd, STR("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"));
    raw_send(flood, STR("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"));
    CHECK_INT(413, raw_status(raw_read(arena, fd, "too long.\n")));
    CHECK_INT(413, raw_status(raw_read(arena, flood, "too long.\n")));
    /* The server's side is closed, but it still takes what is sent … */
    CHECK(closed(fd));
    raw_send(fd, STR("more"));
    settle();
    CHECK_INT(4, send(fd, "more", 4, MSG_NOSIGNAL));
    /* … for some time, … */
    pass_ms(HTTP_LINGER_MS + 100);
    send(fd, "more", 4, MSG_NOSIGNAL);
    settle();
    CHECK(send(fd, "more", 4, MSG_NOSIGNAL) < 0);
    /* … and up to some bytes. */
    static char bytes[64 * KIB];
    ssize_t sent = 0;
    for (int i = 0; i < 256 && sent >= 0; i++)
        sent = send(flood, bytes, sizeof(bytes), MSG_NOSIGNAL);
    CHECK(sent < 0);
    close(fd);
    close(flood);
}

TEST(limit_refusals_have_the_body_the_program_wants)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(pool_free) struct pool *pool = pool_new(1);
    CLEANUP(http_server_free) struct http_server *server = NULL;
    struct http_app app = {.head = routes, .refusal = refusal};
    struct http_listener listener = {.host = "localhost"};
    struct error err = {0};
    uint16_t port;

    server = http_server_new(pool, &app, 1, &err);
    CHECK_OK(http_server_listen(server, &listener, &port, &err), &err);
    int fd = raw_connect(port);
    raw_send(fd, STR("nonsense\r\n\r\n"));
    struct str reply = raw_read(arena, fd, NULL);
    CHECK_INT(400, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "Content-Type: application/json\r\n"));
    CHECK_INT(
        1, raw_count(reply,
                     "\r\n\r\n{\"status\":400,\"sentence\":\"The request line is not whole.\"}"));
    close(fd);
}

TEST(limit_dates_follow_the_clock)
{
    CLEANUP(stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    start(&harness);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_INT(1,
              raw_count(raw_read(arena, fd, "hello"), "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"));
    clock_test_advance(1500 * US_PER_MS);
    raw_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_INT(1,
              raw_count(raw_read(arena, fd, "hello"), "Date: Fri, 15 Jan 2027 08:00:01 GMT\r\n"));
    close(fd);
}

static double cpu_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

TEST(limit_of_descriptors_does_not_make_it_spin)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct rlimit before, few;
    int fds[8];

    harness_start(&harness, routes, NULL);
    getrlimit(RLIMIT_NOFILE, &before);
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    few = before;
    few.rlim_cur = (rlim_t)fds[COUNT(fds) - 1] + 1;
    setrlimit(RLIMIT_NOFILE, &few);
    /* The kernel takes the connection, the server cannot. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(harness.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(0, connect(fds[0], (struct sockaddr *)&address, sizeof(address)));
    raw_send(fds[0], STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    double start_s = cpu_s();
    usleep(500 * 1000);
    double used_s = cpu_s() - start_s;
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(used_s < 0.2);
    CHECK_INT(200, raw_status(raw_read(arena, fds[0], "hello")));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}
