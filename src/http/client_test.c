/* The client against our server, plain and TLS, and against servers that misbehave. */
#include "http/harness_test.h"

#include "os/clock.h"
#include "os/file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(struct http_exchange *ex, void *)
{
    struct str body = http_body(ex), length = http_header(ex, "content-length");

    http_add_header(ex, "X-Host", http_header(ex, "host"));
    http_add_header(ex, "X-Tls", http_peer(ex)->tls ? STR("yes") : STR("no"));
    http_reply(ex, 200, "text/plain",
               arena_printf(http_arena(ex), "%.*s|%.*s", STR_ARG(length), STR_ARG(body)));
}

static void big(struct http_exchange *ex, void *)
{
    char *bytes = arena_alloc(http_arena(ex), 3 * MIB);

    memset(bytes, 'b', 3 * MIB);
    http_reply(ex, 200, "text/plain", (struct str){bytes, 3 * MIB});
}

static void never(struct http_exchange *ex, void *)
{
    usleep(600 * 1000);
    http_reply(ex, 200, "text/plain", STR("too late"));
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *)
{
    struct str path = http_path(ex);

    if (str_eq(path, STR("/echo")))
        return harness_go(plan, HTTP_ON_WORKER, echo, NULL);
    if (str_eq(path, STR("/big")))
        return harness_go(plan, HTTP_ON_WORKER, big, NULL);
    if (str_eq(path, STR("/never")))
        return harness_go(plan, HTTP_ON_WORKER, never, NULL);
    http_reply(ex, 404, "application/json", STR("{}"));
    return HTTP_REPLIED;
}

TEST(client_reads_addresses)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_address address;
    struct error err = {0};

    CHECK_OK(http_address_parse(arena, STR("https://localhost:10443/x"), &address, &err), &err);
    CHECK(address.tls);
    CHECK_STR("localhost", address.host);
    CHECK_INT(10443, address.port);
    CHECK_OK(http_address_parse(arena, STR("http://[::1]:5000"), &address, &err), &err);
    CHECK(!address.tls);
    CHECK_STR("::1", address.host);
    CHECK_INT(5000, address.port);
    CHECK_OK(http_address_parse(arena, STR("HTTP://a.b"), &address, &err), &err);
    CHECK_INT(80, address.port);
    CHECK_OK(http_address_parse(arena, STR("unix:/run/x.sock"), &address, &err), &err);
    CHECK_STR("/run/x.sock", address.unix_path);
    static const char *const BAD[] = {"",
                                      "ftp://x",
                                      "http://",
                                      "http://x:0",
                                      "http://x:99999",
                                      "http://x:1a",
                                      "http://[::1",
                                      "unix:",
                                      "x:80",
                                      "http://[::1]x"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_ERROR(ERROR_INVALID, http_address_parse(arena, str_from(BAD[i]), &address, &err),
                    &err);
}

static void ask_both(struct http_client *client, const char *tls)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct http_header headers[] = {{STR("X-One"), STR("1")}};
    struct http_response response;
    struct error err = {0};

    for (int i = 0; i < 50; i++) {
        struct str body = arena_printf(arena, "body %d", i);
        struct http_call call = {.method = "POST",
                                 .target = STR("/echo"),
                                 .body = body,
                                 .headers = headers,
                                 .header_count = 1};
        CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
        CHECK_INT(200, response.status);
        CHECK_STR(arena_printf(arena, "%zu|body %d", body.len, i).ptr, response.body);
        CHECK_STR(tls, http_response_header(&response, "x-tls"));
    }
    struct http_call missing = {.method = "GET", .target = STR("/nowhere")};
    CHECK_OK(http_client_send(client, arena, &missing, &response, &err), &err);
    CHECK_INT(404, response.status);
    struct http_call head = {.method = "HEAD", .target = STR("/big")};
    CHECK_OK(http_client_send(client, arena, &head, &response, &err), &err);
    CHECK_INT(0, response.body.len);
    CHECK_STR("3145728", http_response_header(&response, "Content-Length"));
    struct http_call whole = {.method = "GET", .target = STR("/big")};
    CHECK_OK(http_client_send(client, arena, &whole, &response, &err), &err);
    CHECK_INT(3 * MIB, response.body.len);
    CHECK_INT('b', response.body.ptr[3 * MIB - 1]);
}

TEST(client_talks_plain_tls_and_by_socket)
{
    CLEANUP(harness_stop) struct harness harness;

    harness_start(&harness, routes, NULL);
    harness_add_tls(&harness);
    harness_add_unix(&harness);
    CLEANUP(http_client_free) struct http_client *plain = harness_client(&harness, false);
    CLEANUP(http_client_free) struct http_client *tls = harness_client(&harness, true);
    struct http_address address = {.unix_path = str_from(harness.unix_path)};
    CLEANUP(http_client_free) struct http_client *by_socket = http_client_new(&address);
    ask_both(plain, "no");
    ask_both(tls, "yes");
    ask_both(by_socket, "no");
}

TEST(client_trusts_nobody_but_the_authority)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct http_call call = {.method = "GET", .target = STR("/echo")};
    struct http_response response;
    struct error err = {0};

    harness_start(&harness, routes, NULL);
    harness_add_tls(&harness);
    struct http_address address = {.host = STR("127.0.0.1"), .port = harness.tls_port, .tls = true};
    CLEANUP(http_client_free) struct http_client *system = http_client_new(&address);
    CHECK_ERROR(ERROR_FORBIDDEN, http_client_send(system, arena, &call, &response, &err), &err);
    /* The right authority, the wrong name. */
    address.ca_file = arena_printf(arena, "%s/tls/bundle.pem", test_folder());
    address.host = STR("127.0.0.2");
    CLEANUP(http_client_free) struct http_client *other = http_client_new(&address);
    CHECK(http_client_send(other, arena, &call, &response, &err) < 0);
    address.host = STR("localhost");
    CLEANUP(http_client_free) struct http_client *named = http_client_new(&address);
    CHECK_OK(http_client_send(named, arena, &call, &response, &err), &err);
    CHECK_INT(200, response.status);
}

TEST(client_sends_a_file_and_a_range_of_it)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(fd_close) int fd = -1;
    struct http_response response;
    struct error err = {0};

    harness_start(&harness, routes, NULL);
    fd = open(test_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK_INT(11, write(fd, "0123456789\n", 11));
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, false);
    struct http_call call = {.method = "PUT",
                             .target = STR("/echo"),
                             .has_body_fd = true,
                             .body_fd = fd,
                             .body_offset = 2,
                             .body_length = 5};
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR("5|23456", response.body);
    /* A file that is shorter than was said cannot be sent whole. */
    call.body_length = 100;
    CHECK_ERROR(ERROR_IO, http_client_send(client, arena, &call, &response, &err), &err);
}

static int count_bytes(struct str bytes, void *context)
{
    size_t *count = context;
    *count += bytes.len;
    return *count > MIB ? -1 : 0;
}

static bool always(void *)
{
    return true;
}

TEST(client_gives_up_when_it_should)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct http_response response;
    struct error err = {0};
    size_t count = 0;

    harness_start(&harness, routes, NULL);
    CLEANUP(http_client_free) struct http_client *client = harness_client(&harness, false);
    struct http_call big_call = {.method = "GET", .target = STR("/big"), .reply_limit = MIB};
    CHECK_ERROR(ERROR_TOO_LARGE, http_client_send(client, arena, &big_call, &response, &err), &err);
    big_call.on_body = count_bytes;
    big_call.context = &count;
    CHECK_ERROR(ERROR_CANCELED, http_client_send(client, arena, &big_call, &response, &err), &err);
    CHECK(count > MIB && count < 3 * MIB);
    struct http_call late = {.method = "GET", .target = STR("/never"), .timeout_ms = 100};
    CHECK_ERROR(ERROR_TIMEOUT, http_client_send(client, arena, &late, &response, &err), &err);
    late.timeout_ms = 0;
    late.cancel = always;
    CHECK_ERROR(ERROR_CANCELED, http_client_send(client, arena, &late, &response, &err), &err);
    struct http_call evil = {.method = "GET", .target = STR("/a\r\nX: y")};
    CHECK_ERROR(ERROR_INVALID, http_client_send(client, arena, &evil, &response, &err), &err);
    struct http_header split = {STR("X-A"), STR("b\r\nX-B: c")};
    evil = (struct http_call){
        .method = "GET", .target = STR("/"), .headers = &split, .header_count = 1};
    CHECK_ERROR(ERROR_INVALID, http_client_send(client, arena, &evil, &response, &err), &err);
}

/* A server that gives one canned text to each connection, as many times as there are texts. */
struct canned {
    int fd;
    uint16_t port;
    const char *const *texts;
    pthread_t thread;
};

static void *canned_serve(void *context)
{
    struct canned *canned = context;
    char request[4096];

    for (const char *const *text = canned->texts; *text; text++) {
        int fd = accept4(canned->fd, NULL, NULL, SOCK_CLOEXEC);
        if (recv(fd, request, sizeof(request), 0) > 0)
            send(fd, *text, strlen(*text), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void canned_start(struct canned *canned, const char *const *texts)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    canned->texts = texts;
    canned->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, bind(canned->fd, (struct sockaddr *)&address, size));
    CHECK_INT(0, listen(canned->fd, 8));
    CHECK_INT(0, getsockname(canned->fd, (struct sockaddr *)&address, &size));
    canned->port = ntohs(address.sin_port);
    CHECK_INT(0, pthread_create(&canned->thread, NULL, canned_serve, canned));
}

static void canned_stop(struct canned *canned)
{
    pthread_join(canned->thread, NULL);
    close(canned->fd);
}

/* One call to a server that says `text`; the error's code, or ERROR_NONE. */
static enum error_code ask_canned(struct arena *arena, const char *text, struct http_response *out)
{
    const char *const texts[] = {text, NULL};
    struct http_call call = {.method = "GET", .target = STR("/"), .timeout_ms = 5000};
    struct canned canned;
    struct error err = {0};

    canned_start(&canned, texts);
    struct http_address address = {.host = STR("127.0.0.1"), .port = canned.port};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    int result = http_client_send(client, arena, &call, out, &err);
    canned_stop(&canned);
    return result < 0 ? err.code : ERROR_NONE;
}

TEST(client_reads_replies_of_every_length)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct http_response response;

    CHECK_INT(ERROR_NONE, ask_canned(arena, "HTTP/1.1 200 OK\r\n\r\nuntil the end", &response));
    CHECK_STR("until the end", response.body);
    CHECK_INT(ERROR_NONE, ask_canned(arena, "HTTP/1.0 200 OK\r\nA: b\r\n\r\nold", &response));
    CHECK_STR("old", response.body);
    CHECK_INT(
        ERROR_NONE,
        ask_canned(
            arena,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
            &response));
    CHECK_INT(201, response.status);
    CHECK_STR("ok", response.body);
    CHECK_INT(ERROR_NONE, ask_canned(arena,
                                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                                     &response));
    CHECK_STR("abcde", response.body);
    CHECK_INT(ERROR_NONE, ask_canned(arena, "HTTP/1.1 204 No Content\r\n\r\n", &response));
    CHECK_STR("", response.body);
}

TEST(client_refuses_replies_that_are_no_http)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct http_response response = {.status = -1};
    static const char *const BAD[] = {
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
    };

    for (size_t i = 0; i < COUNT(BAD); i++)
        CHECK_INT(ERROR_INVALID, ask_canned(arena, BAD[i], &response));
    CHECK_INT(ERROR_UNAVAILABLE, ask_canned(arena, "", &response));
    CHECK_INT(ERROR_UNAVAILABLE, ask_canned(arena, "HTTP/1.1 200", &response));
    CHECK_INT(ERROR_UNAVAILABLE,
              ask_canned(arena, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", &response));
    CHECK_INT(-1, response.status); /* untouched on failure */
}

TEST(client_tries_a_kept_connection_that_was_closed_once_more)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    const char *const texts[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", NULL};
    struct http_call call = {.method = "POST", .target = STR("/"), .body = STR("x")};
    struct http_response response;
    struct canned canned;
    struct error err = {0};

    canned_start(&canned, texts);
    struct http_address address = {.host = STR("127.0.0.1"), .port = canned.port};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR("a", response.body);
    usleep(20 * 1000);
    CHECK_OK(http_client_send(client, arena, &call, &response, &err), &err);
    CHECK_STR("b", response.body);
    canned_stop(&canned);
    /* Now nobody listens. */
    CHECK_ERROR(ERROR_UNAVAILABLE, http_client_send(client, arena, &call, &response, &err), &err);
}
