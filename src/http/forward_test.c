/* Forwarding to a server of ours, and to servers that refuse, hang or break. */
#include "http/harness_test.h"

#include "http/forward.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- The server behind ----------------------------------------------------------------------- */

static void behind_echo(struct http_exchange *ex, void *)
{
    struct str body = http_body(ex), method = http_method(ex), target = http_target(ex);
    struct str secret = http_header(ex, "authorization"), added = http_header(ex, "x-added");
    struct str kept = http_header(ex, "x-kept"), hop = http_header(ex, "x-hop");

    http_add_header(ex, "X-Behind", STR("yes"));
    http_add_header(ex, "Server", STR("secret/1.0"));
    http_reply(ex, 201, "text/x-echo",
               arena_printf(http_arena(ex), "%.*s %.*s %.*s [%.*s|%.*s|%.*s|%.*s]", STR_ARG(method),
                            STR_ARG(target), STR_ARG(body), STR_ARG(secret), STR_ARG(added),
                            STR_ARG(kept), STR_ARG(hop)));
}

static void behind_big(struct http_exchange *ex, void *)
{
    char *bytes = arena_alloc(http_arena(ex), 5 * MIB);

    for (size_t i = 0; i < 5 * MIB; i++)
        bytes[i] = (char)(i * 2654435761u >> 24);
    http_reply(ex, 200, "text/plain", (struct str){bytes, 5 * MIB});
}

struct ticker {
    struct http_source source;
    int next;
};

static ssize_t tick_read(struct http_source *source, void *out, size_t size)
{
    struct ticker *ticker = CONTAINER_OF(source, struct ticker, source);

    if (ticker->next == 1000)
        return 0;
    return snprintf(out, size, "tick %d\n", ticker->next++);
}

static void tick_close(struct http_source *)
{
}

static void behind_chunks(struct http_exchange *ex, void *)
{
    struct ticker *ticker = arena_make(http_arena(ex), struct ticker);

    ticker->source = (struct http_source){tick_read, tick_close};
    http_reply_source(ex, 200, "text/event-stream", -1, &ticker->source);
}

static void behind_empty(struct http_exchange *ex, void *)
{
    http_reply(ex, 204, NULL, STR(""));
}

static enum http_verdict behind(struct http_exchange *ex, struct http_plan *plan, void *)
{
    struct str path = http_path(ex);

    if (str_eq(path, STR("/big")))
        return harness_go(plan, HTTP_ON_WORKER, behind_big, NULL);
    if (str_eq(path, STR("/chunks")))
        return harness_go(plan, HTTP_ON_WORKER, behind_chunks, NULL);
    if (str_eq(path, STR("/empty")))
        return harness_go(plan, HTTP_ON_LOOP, behind_empty, NULL);
    return harness_go(plan, HTTP_ON_WORKER, behind_echo, NULL);
}

/* --- The server in front --------------------------------------------------------------------- */

struct front {
    struct http_upstream upstream;
    const char *target;
    int timeout_ms;
    atomic_int ends[4], status, retries;
    int retry; /* how often a refusal is forwarded again */
};

static void front_forward(struct http_exchange *ex, void *context);

static void front_done(struct http_exchange *ex, enum http_forward_end end, int status,
                       void *context)
{
    struct front *front = context;

    atomic_store(&front->status, status);
    if (end == HTTP_FORWARD_REFUSED && atomic_load(&front->retries) < front->retry) {
        atomic_fetch_add(&front->retries, 1);
        front_forward(ex, front);
        return;
    }
    if (end == HTTP_FORWARD_REFUSED)
        http_reply(ex, 503, "text/plain", STR("refused"));
    else if (end == HTTP_FORWARD_TIMEOUT)
        http_reply(ex, 504, "text/plain", STR("too late"));
    atomic_fetch_add(&front->ends[end], 1);
}

static void front_forward(struct http_exchange *ex, void *context)
{
    static const char *const DROP[] = {"authorization", NULL};
    static const struct http_header ADD[] = {{STR_INIT("X-Added"), STR_INIT("by us")}};
    static const struct http_header REPLY[] = {{STR_INIT("X-Front"), STR_INIT("front")}};
    struct front *front = context;
    struct http_forward forward = {
        .upstream = front->upstream,
        .target = str_from(front->target),
        .headers = ADD,
        .header_count = 1,
        .drop = DROP,
        .reply_headers = REPLY,
        .reply_header_count = 1,
        .timeout_ms = front->timeout_ms,
        .done = front_done,
        .context = front,
    };
    http_forward_start(ex, &forward);
}

static enum http_verdict front_head(struct http_exchange *ex, struct http_plan *plan, void *context)
{
    bool loop = str_starts(http_query(ex), STR("loop"));
    return harness_go(plan, loop ? HTTP_ON_LOOP : HTTP_ON_WORKER, front_forward, context);
}

static void wait_end(struct front *front, enum http_forward_end end, int count)
{
    for (int i = 0; i < 5000 && atomic_load(&front->ends[end]) < count; i++)
        usleep(1000);
    CHECK_INT(count, atomic_load(&front->ends[end]));
}

/* --- Good servers ---------------------------------------------------------------------------- */

static void pass_all(struct front *front, struct harness *harness)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(GIB);
    CLEANUP(http_client_free) struct http_client *client = harness_client(harness, false);
    struct http_header headers[] = {{STR("Authorization"), STR("Bearer x")},
                                    {STR("X-Kept"), STR("kept")},
                                    {STR("X-Hop"), STR("hop")},
                                    {STR("Connection"), STR("X-Hop")}};
    struct http_call call = {.method = "POST",
                             .target = STR("/a/b?c=d"),
                             .body = STR("hello"),
                             .headers = headers,
                             .header_count = COUNT(headers)};
    struct http_response response;
    struct error err = {0};

    for (int i = 0; i < 20; i++) {
        call.target = i % 2 ? STR("/a/b?loop") : STR("/a/b?c=d");
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        CHECK_INT(201, response.status);
        CHECK_STR(i % 2 ? "POST /a/b?loop hello [|by us|kept|]"
                        : "POST /a/b?c=d hello [|by us|kept|]",
                  response.body);
        CHECK_STR("text/x-echo", http_response_header(&response, "content-type"));
        CHECK_STR("yes", http_response_header(&response, "x-behind"));
        CHECK_STR("front", http_response_header(&response, "x-front"));
        CHECK_STR("", http_response_header(&response, "server"));
    }
    struct http_call get = {.method = "GET", .target = STR("/big")};
    CHECK_OK(http_client_send(client, arena, &get, &response, &err), &err);
    CHECK_INT(5 * MIB, response.body.len);
    for (size_t i = 0; i < response.body.len; i++)
        if (response.body.ptr[i] != (char)(i * 2654435761u >> 24))
            fail_msg("byte %zu is wrong", i);
    get.target = STR("/chunks");
    CHECK_OK(http_client_send(client, arena, &get, &response, &err), &err);
    CHECK(str_starts(response.body, STR("tick 0\ntick 1\n")));
    CHECK(str_ends(response.body, STR("tick 999\n")));
    get.target = STR("/empty");
    CHECK_OK(http_client_send(client, arena, &get, &response, &err), &err);
    CHECK_INT(204, response.status);
    CHECK_STR("", http_response_header(&response, "transfer-encoding"));
    get = (struct http_call){.method = "HEAD", .target = STR("/big")};
    CHECK_OK(http_client_send(client, arena, &get, &response, &err), &err);
    CHECK_INT(0, response.body.len);
    CHECK_STR("5242880", http_response_header(&response, "content-length"));
    wait_end(front, HTTP_FORWARD_DONE, 24);
    CHECK_INT(200, atomic_load(&front->status));
}

TEST(forward_passes_requests_and_replies_on)
{
    for (int by_socket = 0; by_socket <= 1; by_socket++) {
        CLEANUP(harness_stop) struct harness back;
        CLEANUP(harness_stop) struct harness harness;
        struct front front = {.target = "", .timeout_ms = 5000};

        harness_start(&back, behind, NULL);
        harness_add_unix(&back);
        if (by_socket)
            front.upstream.unix_path = back.unix_path;
        else
            front.upstream = (struct http_upstream){.host = "localhost", .port = back.port};
        harness_start(&harness, front_head, &front);
        pass_all(&front, &harness);
    }
}

TEST(forward_asks_for_the_target_it_was_given)
{
    CLEANUP(harness_stop) struct harness back;
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct front front = {.target = "/score", .timeout_ms = 5000};

    harness_start(&back, behind, NULL);
    front.upstream = (struct http_upstream){.host = "127.0.0.1", .port = back.port};
    harness_start(&harness, front_head, &front);
    struct str reply =
        raw_ask(arena, harness.port,
                STR("GET /endpoints/x/score HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK(str_ends(reply, STR("GET /score  [|by us||]")));
}

/* --- Bad servers ----------------------------------------------------------------------------- */

/* Gives each connection one text, after it has read something, and closes it; "-" says nothing and
 * holds the connection for long. */
struct bad {
    int fd;
    uint16_t port;
    const char *const *texts;
    pthread_t thread;
};

static void *bad_serve(void *context)
{
    struct bad *bad = context;
    char request[4096];

    for (const char *const *text = bad->texts; *text; text++) {
        int fd = accept4(bad->fd, NULL, NULL, SOCK_CLOEXEC);
        if (recv(fd, request, sizeof(request), 0) > 0 && strcmp(*text, "-") == 0)
            while (recv(fd, request, sizeof(request), 0) > 0)
                ;
        else
            send(fd, *text, strlen(*text), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void bad_start(struct bad *bad, const char *const *texts)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bad->texts = texts;
    bad->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, bind(bad->fd, (struct sockaddr *)&address, size));
    CHECK_INT(0, listen(bad->fd, 8));
    CHECK_INT(0, getsockname(bad->fd, (struct sockaddr *)&address, &size));
    bad->port = ntohs(address.sin_port);
    CHECK_INT(0, pthread_create(&bad->thread, NULL, bad_serve, bad));
}

static void bad_stop(struct bad *bad)
{
    pthread_join(bad->thread, NULL);
    close(bad->fd);
}

/* One request by a front to a server that says these things; what the client saw. */
static struct str ask_bad(struct arena *arena, struct front *front, const char *const *texts)
{
    CLEANUP(harness_stop) struct harness harness;
    struct bad bad;

    bad_start(&bad, texts);
    front->upstream = (struct http_upstream){.host = "127.0.0.1", .port = bad.port};
    front->target = "";
    harness_start(&harness, front_head, front);
    struct str reply = raw_ask(arena, harness.port,
                               STR("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    bad_stop(&bad);
    return reply;
}

TEST(forward_says_when_nobody_listens)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct front front = {
        .target = "", .timeout_ms = 5000, .upstream = {.unix_path = "/nowhere/x"}};

    harness_start(&harness, front_head, &front);
    struct str reply = raw_ask(arena, harness.port,
                               STR("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_INT(503, raw_status(reply));
    front.upstream = (struct http_upstream){.host = "127.0.0.1", .port = 1};
    reply = raw_ask(arena, harness.port,
                    STR("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_INT(503, raw_status(reply));
    front.upstream = (struct http_upstream){.host = "a name", .port = 1};
    reply = raw_ask(arena, harness.port,
                    STR("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_INT(503, raw_status(reply));
    wait_end(&front, HTTP_FORWARD_REFUSED, 3);
}

TEST(forward_may_be_tried_again_after_a_refusal)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct front front = {.timeout_ms = 5000, .retry = 2};
    const char *const texts[] = {"", "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL};

    struct str reply = ask_bad(arena, &front, texts);
    CHECK_INT(200, raw_status(reply));
    CHECK(str_ends(reply, STR("\r\n\r\nok")));
    CHECK_INT(2, atomic_load(&front.retries));
}

TEST(forward_refuses_replies_that_are_no_http)
{
    static const char *const BAD[] = {
        "garbage\r\n\r\n", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nA: b\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"};

    for (size_t i = 0; i < COUNT(BAD); i++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
        struct front front = {.timeout_ms = 5000};
        const char *const texts[] = {BAD[i], NULL};
        struct str reply = ask_bad(arena, &front, texts);
        CHECK_INT(502, raw_status(reply));
        wait_end(&front, HTTP_FORWARD_BROKEN, 1);
    }
}

TEST(forward_cuts_the_client_when_the_reply_breaks)
{
    static const char *const BAD[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    };

    for (size_t i = 0; i < COUNT(BAD); i++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
        struct front front = {.timeout_ms = 5000};
        const char *const texts[] = {BAD[i], NULL};
        struct str reply = ask_bad(arena, &front, texts);
        CHECK_INT(200, raw_status(reply));
        CHECK_INT(1, raw_count(reply, "abc"));
        CHECK_INT(0, raw_count(reply, "\r\n0\r\n\r\n"));
        wait_end(&front, HTTP_FORWARD_BROKEN, 1);
    }
}

TEST(forward_reads_a_reply_that_ends_with_its_connection)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct front front = {.timeout_ms = 5000};
    const char *const texts[] = {"HTTP/1.0 200 OK\r\n\r\nuntil the end", NULL};

    struct str reply = ask_bad(arena, &front, texts);
    CHECK_INT(200, raw_status(reply));
    CHECK_INT(1, raw_count(reply, "until the end"));
    CHECK(str_ends(reply, STR("\r\n0\r\n\r\n")));
    wait_end(&front, HTTP_FORWARD_DONE, 1);
}

TEST(forward_gives_up_in_time)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct front front = {.timeout_ms = 200};
    const char *const texts[] = {"-", NULL};

    struct str reply = ask_bad(arena, &front, texts);
    CHECK_INT(504, raw_status(reply));
    CHECK(str_ends(reply, STR("too late")));
    wait_end(&front, HTTP_FORWARD_TIMEOUT, 1);
}

TEST(forward_stops_when_the_client_goes_away)
{
    CLEANUP(harness_stop) struct harness harness;
    struct front front = {.target = "", .timeout_ms = 60000};
    const char *const texts[] = {"-", NULL};
    struct bad bad;

    bad_start(&bad, texts);
    front.upstream = (struct http_upstream){.host = "127.0.0.1", .port = bad.port};
    harness_start(&harness, front_head, &front);
    int fd = raw_connect(harness.port);
    struct linger cut = {.l_onoff = 1};
    raw_send(fd, STR("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    usleep(50 * 1000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
    close(fd);
    wait_end(&front, HTTP_FORWARD_BROKEN, 1);
    bad_stop(&bad); /* its connection was closed, too */
}
