#include "http/harness_test.h"

#include "os/file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void harness_start(struct harness *harness,
                   enum http_verdict (*head)(struct http_exchange *, struct http_plan *, void *),
                   void *context)
{
    struct error err = {0};
    struct http_listener listener = {.tag = 7, .host = "127.0.0.1"};

    *harness = (struct harness){.tls_dir = -1};
    harness->app = (struct http_app){.head = head, .context = context};
    harness->pool = pool_new(4);
    harness->server = http_server_new(harness->pool, &harness->app, 2, &err);
    CHECK_OK(harness->server ? 0 : -1, &err);
    CHECK_OK(http_server_listen(harness->server, &listener, &harness->port, &err), &err);
}

void harness_add_tls(struct harness *harness)
{
    struct error err = {0};
    struct str names[] = {STR("localhost"), STR("127.0.0.1"), STR("*.blob.core.lazurite.test")};
    int root = dir_open(test_folder(), &err);

    harness->tls_dir = dir_open_at(root, "tls", 0700, &err);
    close(root);
    CHECK_OK(harness->tls_dir >= 0 ? 0 : -1, &err);
    CHECK_OK(http_tls_prepare(harness->tls_dir, names, COUNT(names), &err), &err);
    harness->tls = http_tls_open(harness->tls_dir, &err);
    CHECK_OK(harness->tls ? 0 : -1, &err);
    struct http_listener listener = {.tag = 8, .host = "127.0.0.1", .tls = harness->tls};
    CHECK_OK(http_server_listen(harness->server, &listener, &harness->tls_port, &err), &err);
}

void harness_add_unix(struct harness *harness)
{
    struct error err = {0};
    int dir = dir_open(test_folder(), &err);
    struct http_listener listener = {.tag = 9, .unix_path = "test.sock", .unix_dir = dir};

    snprintf(harness->unix_path, sizeof(harness->unix_path), "%s/test.sock", test_folder());
    CHECK_OK(http_server_listen(harness->server, &listener, NULL, &err), &err);
    close(dir);
}

void harness_stop(struct harness *harness)
{
    http_server_free(&harness->server);
    http_tls_free(&harness->tls);
    pool_free(&harness->pool);
    fd_close(&harness->tls_dir);
}

struct http_client *harness_client(const struct harness *harness, bool tls)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct http_address address = {.host = STR("127.0.0.1"), .port = harness->port};

    if (tls) {
        address.port = harness->tls_port;
        address.tls = true;
        address.ca_file = arena_printf(arena, "%s/tls/ca.pem", test_folder());
    }
    return http_client_new(&address);
}

enum http_verdict harness_go(struct http_plan *plan, enum http_where where,
                             void (*run)(struct http_exchange *ex, void *context), void *context)
{
    *plan = (struct http_plan){.body_limit = MIB, .where = where, .run = run, .context = context};
    return HTTP_GO;
}

int raw_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    CHECK_INT(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
    return fd;
}

void raw_send(int fd, struct str bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server closed: the test sees it when it reads */
        bytes = str_slice(bytes, (size_t)n, bytes.len);
    }
}

struct str raw_read(struct arena *arena, int fd, const char *enough)
{
    CLEANUP(buf_free) struct buf got = buf_make(64 * MIB);

    for (;;) {
        if (enough && str_find(buf_str(&got), str_from(enough)) >= 0)
            break;
        ssize_t n = recv(fd, buf_reserve(&got, 64 * KIB), 64 * KIB, 0);
        if (n == 0 || (n < 0 && !enough))
            break;
        if (n < 0)
            fail_msg("waited in vain for %s, got %.*s", enough, STR_ARG(buf_str(&got)));
        buf_grew(&got, (size_t)n);
    }
    return arena_str(arena, buf_str(&got));
}

struct str raw_ask(struct arena *arena, uint16_t port, struct str bytes)
{
    int fd = raw_connect(port);

    raw_send(fd, bytes);
    struct str reply = raw_read(arena, fd, NULL);
    close(fd);
    return reply;
}

int raw_status(struct str reply)
{
    int64_t status;

    if (!str_starts(reply, STR("HTTP/1.1 ")) || !str_to_int64(str_slice(reply, 9, 12), &status))
        return 0;
    return (int)status;
}

size_t raw_count(struct str bytes, const char *what)
{
    size_t count = 0, len = strlen(what);
    ssize_t at;

    while ((at = str_find(bytes, str_from(what))) >= 0) {
        count++;
        bytes = str_slice(bytes, (size_t)at + len, bytes.len);
    }
    return count;
}
