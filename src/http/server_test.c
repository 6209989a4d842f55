/* The server over raw sockets: framing, refusals, keep-alive, pipelining, stopping. */
#include "http/harness_test.h"

#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say_hello(struct http_exchange *ex, void *)
{
    http_reply(ex, 200, "application/json", STR("{\"hello\":\"world\"}"));
}

/* Method, target, body and a header, so that a test sees what arrived. */
static void echo(struct http_exchange *ex, void *)
{
    struct str method = http_method(ex), target = http_target(ex), body = http_body(ex);

    http_add_header(ex, "X-Length",
                    arena_printf(http_arena(ex), "%lld", (long long)http_content_length(ex)));
    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "%.*s %.*s %.*s", STR_ARG(method), STR_ARG(target),
                            STR_ARG(body)));
}

static void sleep_then_hello(struct http_exchange *ex, void *)
{
    usleep(200 * 1000);
    http_reply(ex, 200, "text/plain", STR("late"));
}

static void inject(struct http_exchange *ex, void *)
{
    http_add_header(ex, "X-Name", STR("a\r\nX-Evil: 1"));
    http_reply(ex, 200, "text/plain", STR("x"));
}

static void who(struct http_exchange *ex, void *)
{
    const struct http_peer *peer = http_peer(ex);
    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "tag %d tls %d unix %d uid %d pid %d", peer->tag,
                            peer->tls, peer->unix_socket, (int)peer->uid, (int)peer->pid));
}

/* Which of the headers that only a proxy may set have come through; and one that must. */
static void vouched(struct http_exchange *ex, void *)
{
    size_t count;
    const struct http_header *headers = http_headers(ex, &count);
    bool plain = str_eq(http_header(ex, "x-plain"), STR("yes"));

    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "%zu headers, first %.*s, plain %d, vouched %d", count,
                            STR_ARG(headers[0].name), plain,
                            http_has_header(ex, "X-Forwarded-For") ||
                                http_has_header(ex, "Forwarded") ||
                                http_has_header(ex, "X-Remote-User")));
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *)
{
    struct str path = http_path(ex);

    if (str_eq(path, STR("/hello")))
        return harness_go(plan, HTTP_ON_LOOP, say_hello, NULL);
    if (str_eq(path, STR("/worker")))
        return harness_go(plan, HTTP_ON_WORKER, say_hello, NULL);
    if (str_starts(path, STR("/echo")))
        return harness_go(plan, str_ends(path, STR("loop")) ? HTTP_ON_LOOP : HTTP_ON_WORKER, echo,
                          NULL);
    if (str_eq(path, STR("/late")))
        return harness_go(plan, HTTP_ON_WORKER, sleep_then_hello, NULL);
    if (str_eq(path, STR("/who")))
        return harness_go(plan, HTTP_ON_LOOP, who, NULL);
    if (str_eq(path, STR("/vouched")))
        return harness_go(plan, HTTP_ON_LOOP, vouched, NULL);
    if (str_eq(path, STR("/inject")))
        return harness_go(plan, HTTP_ON_LOOP, inject, NULL);
    http_reply(ex, 404, "text/plain", STR("nothing here"));
    return HTTP_REPLIED;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

TEST(server_answers_on_the_loop_and_on_a_worker)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    struct str loop = raw_ask(arena, harness.port, STR(GET_CLOSE("/hello")));
    CHECK_INT(200, raw_status(loop));
    CHECK(str_ends(loop, STR("\r\n\r\n{\"hello\":\"world\"}")));
    CHECK_INT(1, raw_count(loop, "Content-Length: 17\r\n"));
    CHECK_INT(1, raw_count(loop, "Date: "));
    CHECK_INT(1, raw_count(loop, "Connection: close\r\n"));
    struct str worker = raw_ask(arena, harness.port, STR(GET_CLOSE("/worker")));
    CHECK(str_ends(worker, STR("\r\n\r\n{\"hello\":\"world\"}")));
}

TEST(server_head_has_the_length_and_no_body)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    struct str reply = raw_ask(arena, harness.port,
                               STR("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_INT(200, raw_status(reply));
    CHECK(str_ends(reply, STR("\r\n\r\n")));
    CHECK_INT(1, raw_count(reply, "Content-Length: 17\r\n"));
}

/* What must be refused, each alone on a connection that is then closed. */
static const struct {
    int status;
    struct str request;
} REFUSED[] = {
    {400, STR_INIT("GET /hello HTTP/1.1\nHost: x\n\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost : x\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nA\xc3\xa9: c\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost:\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x y\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: x/y\r\n\r\n")},
    {400, STR_INIT("GET /hello HTTP/1.1\r\nHost: u@x\r\n\r\n")},
    {400,
     STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\na")},
    {400,
     STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\na")},
    {413,
     STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\na")},
    {413, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\na")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 "
                   "\r\na\r\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n")},
    {400,
     STR_INIT(
         "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n")},
    {400,
     STR_INIT(
         "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "1\r\na\r\n0\r\nA: b\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "8000000000000000\r\na\r\n0\r\n\r\n")},
    {400, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "10000000000000001\r\na\r\n0\r\n\r\n")},
    {400, STR_INIT("GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a%5cb HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a% HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a/./b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /.. HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a/%2e%2E/b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a/%2e. HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET //hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a//b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a?b=%zz HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a?b=%00 HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a?b=<c> HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /hello\r\n\r\n")},
    {400, STR_INIT("GET\t/hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("SILLY /hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("\x16\x03\x01\x02")},
    {505, STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {505, STR_INIT("GET /hello HTTP/1.0\r\nHost: x\r\n\r\n")},
    {505, STR_INIT("GET /hello HTTP/2.0\r\nHost: x\r\n\r\n")},
    {417, STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n")},
};

TEST(server_refuses_what_is_odd_and_closes)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        struct str reply = raw_ask(arena, harness.port, REFUSED[i].request);
        if (raw_status(reply) != REFUSED[i].status)
            fail_msg("row %zu: %.*s\ngot %.*s", i, STR_ARG(REFUSED[i].request), STR_ARG(reply));
        CHECK_INT(1, raw_count(reply, "\r\nDate: "));
        CHECK_INT(1, raw_count(reply, "Connection: close\r\n"));
    }
}

TEST(server_limits_a_body_of_unknown_length)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(buf_free) struct buf request = buf_make(4 * MIB);

    harness_start(&harness, routes, NULL);
    for (int extra = 0; extra <= 1; extra++) {
        buf_clear(&request);
        buf_add(&request, STR("POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n"));
        for (int i = 0; i < 16; i++) {
            buf_printf(&request, "%lx\r\n%*s", 64 * KIB, (int)(64 * KIB), "");
            buf_add(&request, STR("\r\n"));
        }
        buf_add(&request, extra ? STR("1\r\na\r\n0\r\n\r\n") : STR("0\r\n\r\n"));
        struct str reply = raw_ask(arena, harness.port, buf_str(&request));
        CHECK_INT(extra ? 413 : 200, raw_status(reply));
        CHECK(extra || reply.len > MIB);
    }
}

/* What looks odd and is fine. */
static const struct str TAKEN[] = {
    STR_INIT("GET /echo/100%25.csv HTTP/1.1\r\nHost: x\r\n\r\n"),
    STR_INIT("GET /echo/a;b HTTP/1.1\r\nHost: x\r\n\r\n"),
    STR_INIT("GET /echo/...?a=b&c HTTP/1.1\r\nHost: x\r\n\r\n"),
    STR_INIT("GET /echo/.a/b./ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    STR_INIT("GET /echo?a=%2F..%2f//b HTTP/1.1\r\nHost: localhost:10443\r\n\r\n"),
    STR_INIT("GET /echo HTTP/1.1\r\nhOsT: x\r\nEmpty:\r\nLatin: \xe9\xff\r\nTab: a\tb\r\n\r\n"),
    STR_INIT("DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
    STR_INIT("PATCH /echo-loop HTTP/1.1\r\nHost: x\r\nContent-Length: 000003\r\n\r\nabc"),
    STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    STR_INIT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
};

TEST(server_takes_what_only_looks_odd)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    for (size_t i = 0; i < COUNT(TAKEN); i++) {
        /* A second request behind it shows that the first ended where it should. */
        struct str both = arena_printf(arena, "%.*s%s", STR_ARG(TAKEN[i]), GET_CLOSE("/hello"));
        struct str reply = raw_ask(arena, harness.port, both);
        if (raw_status(reply) != 200 || raw_count(reply, "HTTP/1.1 200 OK") != 2)
            fail_msg("row %zu: %.*s\ngot %.*s", i, STR_ARG(TAKEN[i]), STR_ARG(reply));
        CHECK(str_ends(reply, STR("{\"hello\":\"world\"}")));
    }
}

TEST(server_limits_heads)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(buf_free) struct buf request = buf_make(MIB);

    harness_start(&harness, routes, NULL);
    for (int count = 98; count <= 100; count++) {
        buf_clear(&request);
        buf_add(&request, STR("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"));
        for (int i = 0; i < count; i++)
            buf_printf(&request, "X-%d: a\r\n", i);
        buf_add(&request, STR("\r\n"));
        struct str reply = raw_ask(arena, harness.port, buf_str(&request));
        CHECK_INT(count == 98 ? 200 : 431, raw_status(reply));
    }
    for (int extra = 0; extra <= 1; extra++) {
        buf_clear(&request);
        buf_add(&request, STR("GET /"));
        for (size_t i = 0; i < HTTP_TARGET_BYTES - 1 + (size_t)extra; i++)
            buf_add_char(&request, 'a');
        buf_add(&request, STR(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        CHECK_INT(extra ? 414 : 404, raw_status(raw_ask(arena, harness.port, buf_str(&request))));
    }
    for (int extra = 0; extra <= 1; extra++) {
        buf_clear(&request);
        buf_add(&request, STR("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: "));
        while (request.len < HTTP_HEAD_BYTES - 4 + (size_t)extra)
            buf_add_char(&request, 'a');
        buf_add(&request, STR("\r\n\r\n"));
        CHECK_INT(extra ? 431 : 200, raw_status(raw_ask(arena, harness.port, buf_str(&request))));
    }
    /* An endless head is refused before it ends. */
    buf_clear(&request);
    buf_add(&request, STR("GET /hello HTTP/1.1\r\nX: "));
    while (request.len < HTTP_HEAD_BYTES + 10)
        buf_add_char(&request, 'a');
    CHECK_INT(431, raw_status(raw_ask(arena, harness.port, buf_str(&request))));
}

TEST(server_reads_heads_that_dribble)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct str request = STR("POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");

    harness_start(&harness, routes, NULL);
    int fd = raw_connect(harness.port);
    for (size_t i = 0; i < request.len; i++) {
        raw_send(fd, str_slice(request, i, i + 1));
        usleep(300);
    }
    CHECK(str_ends(raw_read(arena, fd, NULL), STR("POST /echo hello")));
    close(fd);
}

TEST(server_keeps_a_connection_for_1000_requests)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    int fd = raw_connect(harness.port);
    for (int i = 0; i < 1000; i++) {
        struct str body = arena_printf(arena, "body %d.", i);
        raw_send(fd, arena_printf(
                         arena, "POST /echo%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                         i % 2 ? "-loop" : "", body.len, body.ptr));
        struct str reply = raw_read(arena, fd, body.ptr);
        CHECK_INT(200, raw_status(reply));
    }
    close(fd);
}

TEST(server_answers_pipelined_requests_in_order)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(buf_free) struct buf request = buf_make(MIB);

    harness_start(&harness, routes, NULL);
    for (int i = 0; i < 2000; i++)
        buf_printf(&request, "POST /echo%s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n%05d",
                   i % 3 ? "-loop" : "", i);
    buf_add(&request, STR(GET_CLOSE("/late")));
    struct str reply = raw_ask(arena, harness.port, buf_str(&request));
    CHECK_INT(2001, raw_count(reply, "HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 2000; i++) {
        struct str wanted = arena_printf(arena, " %05dHTTP/1.1", i);
        ssize_t at = str_find(reply, wanted);
        CHECK(at >= 0);
        reply = str_slice(reply, (size_t)at, reply.len);
    }
    CHECK(str_ends(reply, STR("late")));
}

TEST(server_answers_a_peer_that_has_closed_its_side)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR(GET("/late") GET("/hello")));
    shutdown(fd, SHUT_WR);
    struct str reply = raw_read(arena, fd, NULL);
    CHECK_INT(2, raw_count(reply, "HTTP/1.1 200 OK"));
    close(fd);
}

TEST(server_asks_for_a_body_that_is_expected)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\nConnection: close\r\n\r\n"));
    CHECK_STR("HTTP/1.1 100 Continue\r\n\r\n", raw_read(arena, fd, "\r\n\r\n"));
    raw_send(fd, STR("abc"));
    CHECK(str_ends(raw_read(arena, fd, NULL), STR("POST /echo abc")));
    close(fd);
    /* A refusal takes the place of the invitation. */
    struct str reply = raw_ask(arena, harness.port,
                               STR("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                   "Expect: 100-continue\r\n\r\n"));
    CHECK_INT(404, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "Connection: close\r\n"));
}

TEST(server_lets_a_sender_read_its_early_refusal)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    char *bytes = arena_alloc(arena, 512 * KIB);

    harness_start(&harness, routes, NULL);
    memset(bytes, 'x', 512 * KIB);
    int fd = raw_connect(harness.port);
    raw_send(fd, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n"));
    usleep(50 * 1000);
    raw_send(fd, (struct str){bytes, 512 * KIB});
    struct str reply = raw_read(arena, fd, NULL);
    CHECK_INT(413, raw_status(reply));
    CHECK(str_ends(reply, STR("too long.\n")));
    close(fd);
}

TEST(server_goes_on_after_a_refusal_whose_body_is_at_hand)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    struct str reply =
        raw_ask(arena, harness.port,
                STR("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET_CLOSE(
                    "/hello")));
    CHECK_INT(404, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "HTTP/1.1 200 OK"));
}

TEST(server_headers_cannot_be_split)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    struct str reply = raw_ask(arena, harness.port, STR(GET_CLOSE("/inject")));
    CHECK_INT(1, raw_count(reply, "X-Name: a  X-Evil: 1\r\n"));
}

TEST(server_knows_who_is_at_the_other_end)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(http_client_free) struct http_client *client = NULL;
    struct http_response response;
    struct error err = {0};

    harness_start(&harness, routes, NULL);
    harness_add_unix(&harness);
    CHECK(str_ends(raw_ask(arena, harness.port, STR(GET_CLOSE("/who"))),
                   STR("tag 7 tls 0 unix 0 uid -1 pid -1")));
    struct http_address address = {.unix_path = str_from(harness.unix_path)};
    client = http_client_new(&address);
    struct http_call call = {.method = "GET", .target = STR("/who")};
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR(
        arena_printf(arena, "tag 9 tls 0 unix 1 uid %d pid %d", (int)getuid(), (int)getpid()).ptr,
        response.body);
}

TEST(server_drops_headers_that_only_a_proxy_may_set)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    struct str reply =
        raw_ask(arena, harness.port,
                STR("GET /vouched HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\n"
                    "X-Remote-User: root\r\nforwarded: for=1.2.3.4\r\n"
                    "X-Plain:  yes \t\r\nConnection: close\r\n\r\n"));
    CHECK_INT(200, raw_status(reply));
    CHECK(str_ends(reply, STR("3 headers, first Host, plain 1, vouched 0")));
}

TEST(server_says_when_an_address_is_taken)
{
    CLEANUP(harness_stop) struct harness harness;
    struct error err = {0};

    harness_start(&harness, routes, NULL);
    struct http_listener again = {.host = "127.0.0.1", .port = harness.port};
    CHECK_ERROR(ERROR_CONFLICT, http_server_listen(harness.server, &again, NULL, &err), &err);
    CHECK(strstr(err.message, "127.0.0.1"));
}

TEST(server_stop_lets_requests_under_way_finish)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    int idle = raw_connect(harness.port), busy = raw_connect(harness.port);
    raw_send(idle, STR(GET("/hello")));
    raw_read(arena, idle, "world");
    raw_send(busy, STR(GET("/late")));
    usleep(50 * 1000);
    http_server_stop(harness.server, 5000);
    struct str reply = raw_read(arena, busy, NULL);
    CHECK_INT(200, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "Connection: close\r\n"));
    CHECK_STR("", raw_read(arena, idle, NULL));
    close(idle);
    close(busy);
}

/* Before the listener itself is closed: a client in its backlog would send, wait, and not know
 * whether its request was taken. */
TEST(server_that_stops_refuses_who_comes)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    harness_start(&harness, routes, NULL);
    address.sin_port = htons(harness.port);
    int busy = raw_connect(harness.port);
    raw_send(busy, STR(GET("/late")));
    usleep(50 * 1000);
    http_server_stop(harness.server, 5000);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(-1, connect(late, (struct sockaddr *)&address, sizeof(address)));
    CHECK_INT(ECONNREFUSED, errno);
    CHECK_INT(200, raw_status(raw_read(arena, busy, NULL)));
    close(late);
    close(busy);
}

/* A worker that gives back the last exchange wakes a loop that may just have ended: the wake must
 * not reach a descriptor that is closed, or by then another's. */
TEST(server_stops_while_workers_let_go)
{
    for (int round = 0; round < 200; round++) {
        CLEANUP(harness_stop) struct harness harness;
        int peers[8];

        harness_start(&harness, routes, NULL);
        for (size_t i = 0; i < COUNT(peers); i++)
            raw_send(peers[i] = raw_connect(harness.port), STR(GET("/worker")));
        for (size_t i = 0; i < COUNT(peers); i++)
            close(peers[i]);
        http_server_stop(harness.server, 0);
    }
}
