/* hello.c - our server with two routes: /hello answers on the loop, /worker on a worker
 *
 * Prints its plain and its TLS port and serves until it is killed. The argument is a folder for
 * the certificate.
 */
#include "http/server.h"
#include "http/tls.h"
#include "os/file.h"

#include <stdio.h>
#include <unistd.h>

static void hello(struct http_exchange *ex, void *)
{
    http_reply(ex, 200, "application/json", STR("{\"hello\":\"world\"}"));
}

static enum http_verdict head(struct http_exchange *ex, struct http_plan *plan, void *)
{
    bool worker = str_eq(http_path(ex), STR("/worker"));

    *plan = (struct http_plan){
        .body_limit = MIB, .where = worker ? HTTP_ON_WORKER : HTTP_ON_LOOP, .run = hello};
    return HTTP_GO;
}

int main(int argc, char **argv)
{
    struct http_app app = {.head = head};
    struct error err = {0};
    struct pool *pool = pool_new(4);
    struct http_server *server = http_server_new(pool, &app, 1, &err);
    struct http_listener plain = {.host = "127.0.0.1"}, secure = {.host = "127.0.0.1"};
    struct str names[] = {STR("localhost"), STR("127.0.0.1")};
    uint16_t port, tls_port;
    int dir = argc == 2 ? dir_open(argv[1], &err) : -1;

    if (!server || dir < 0 || http_tls_prepare(dir, names, COUNT(names), &err) < 0 ||
        !(secure.tls = http_tls_open(dir, &err)) ||
        http_server_listen(server, &plain, &port, &err) < 0 ||
        http_server_listen(server, &secure, &tls_port, &err) < 0) {
        fprintf(stderr, "hello: %s\n", err.message);
        return 1;
    }
    printf("%u %u\n", port, tls_port);
    fflush(stdout);
    for (;;)
        pause();
}
