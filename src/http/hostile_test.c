/* Peers that mean no good, or whose network does not: every byte may come alone, late or never.
 * What is drawn by chance is drawn from a seed that a failing check names. */
#include "http/harness_test.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Chance ---------------------------------------------------------------------------------- */

/* A linear congruential step: the same cuts on every machine. */
static size_t chance(uint64_t *seed, size_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return below ? (size_t)(*seed >> 33) % below : 0;
}

/* Sends in one to four pieces of any length; some arrive alone, some together. */
static void send_cut(int fd, struct str bytes, uint64_t seed)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    for (int piece = 0; piece < 3 && bytes.len > 1; piece++) {
        size_t len = 1 + chance(&seed, bytes.len - 1);
        raw_send(fd, str_slice(bytes, 0, len));
        bytes = str_slice(bytes, len, bytes.len);
        if (chance(&seed, 2))
            usleep(1000);
    }
    raw_send(fd, bytes);
}

/* Ends a connection with a reset, as a killed peer or a firewall does. */
static void cut(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

/* --- A server of ours, asked badly ----------------------------------------------------------- */

/* How often run was called: what is refused must not get so far. */
static atomic_uint calls;

static void echo(struct http_exchange *ex, void *)
{
    atomic_fetch_add(&calls, 1);
    http_reply(ex, 200, "text/plain", http_body(ex));
}

static enum http_verdict routes(struct http_exchange *ex, struct http_plan *plan, void *)
{
    bool worker = str_eq(http_path(ex), STR("/worker"));
    return harness_go(plan, worker ? HTTP_ON_WORKER : HTTP_ON_LOOP, echo, NULL);
}

#define HEAD "POST /loop HTTP/1.1\r\nHost: x\r\n"

/* security.md 3.1, row by row: what one reader could take otherwise than another. */
static const struct {
    int status;
    struct str bytes;
} REFUSED[] = {
    {400, STR_INIT(HEAD "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n0\r\n\r\n")},
    {400, STR_INIT(HEAD "Content-Length: +3\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Content-Length: 3,3\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Content-Length: 0x3\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Content-Length: 99999999999999999999\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Content-Length:\r\n\r\nabc")},
    {400, STR_INIT(HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {400, STR_INIT(HEAD "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n")},
    {400, STR_INIT(HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "0\r\n\r\n")},
    {400, STR_INIT(HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")},
    {400, STR_INIT(HEAD " folded: x\r\n\r\n")},
    {400, STR_INIT(HEAD "A\tb: x\r\n\r\n")},
    {400, STR_INIT(HEAD "A: \x01\r\n\r\n")},
    {400, STR_INIT(HEAD "Host: y\r\n\r\n")},
    {400, STR_INIT("GET / HTTP/1.1\r\n\r\n")},
    {400, STR_INIT("GET / HTTP/1.1\r\nHost: x y\r\n\r\n")},
    {400, STR_INIT("GET / HTTP/1.1\r\nHost: x@y\r\n\r\n")},
    {400, STR_INIT("GET  / HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n")},
    {505, STR_INIT("GET / HTTP/1.0\r\nHost: x\r\n\r\n")},
    {505, STR_INIT("GET / HTTP/2.0\r\nHost: x\r\n\r\n")},
    {400, STR_INIT("GET / ICE/1.0\r\nHost: x\r\n\r\n")},
    {417, STR_INIT(HEAD "Expect: tea\r\n\r\n")},
    {413, STR_INIT(HEAD "Content-Length: 1048577\r\n\r\n")},
};

/* A refusal may not depend on how the bytes were cut, and closes: what follows is not a request. */
TEST(hostile_bytes_are_refused_however_they_are_cut)
{
    CLEANUP(harness_stop) struct harness harness;

    harness_start(&harness, routes, NULL);
    atomic_store(&calls, 0);
    for (size_t row = 0; row < COUNT(REFUSED); row++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
            struct buf bytes = buf_make(MIB);
            buf_add(&bytes, REFUSED[row].bytes);
            buf_add(&bytes, STR("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
            int fd = raw_connect(harness.port);
            send_cut(fd, buf_str(&bytes), seed * 1000 + row);
            struct str reply = raw_read(arena, fd, NULL);
            if (raw_status(reply) != REFUSED[row].status || raw_count(reply, "Date: ") != 1)
                fail_msg("row %zu, seed %llu: %.*s", row, (unsigned long long)seed, STR_ARG(reply));
            close(fd);
            buf_free(&bytes);
        }
    CHECK_INT(0, atomic_load(&calls));
}

/* Broken chunks are told only when they come; run must not have been called with half a body. */
TEST(hostile_chunks_are_refused_however_they_are_cut)
{
    static const char *const CHUNKS[] = {
        "3\nabc\r\n0\r\n\r\n",     "3\r\nabcd\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n", "g\r\nabc\r\n0\r\n\r\n",  "FFFFFFFFFFFFFFFFF\r\nabc\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",  "3\r\nabc0\r\n\r\n",
    };
    CLEANUP(harness_stop) struct harness harness;

    harness_start(&harness, routes, NULL);
    atomic_store(&calls, 0);
    for (size_t row = 0; row < COUNT(CHUNKS); row++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
            struct str bytes =
                arena_printf(arena, HEAD "Transfer-Encoding: chunked\r\n\r\n%s", CHUNKS[row]);
            int fd = raw_connect(harness.port);
            send_cut(fd, bytes, seed * 100 + row);
            struct str reply = raw_read(arena, fd, NULL);
            if (raw_status(reply) != 400)
                fail_msg("row %zu, seed %llu: %.*s", row, (unsigned long long)seed, STR_ARG(reply));
            close(fd);
        }
    CHECK_INT(0, atomic_load(&calls));
}

/* Good, good, bad, good: two answers in order, one refusal, and nothing of the rest. */
TEST(hostile_request_amid_a_pipeline_ends_it_in_order)
{
    static const char *const MIDDLE[] = {"nonsense\r\n\r\n", "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
                                         HEAD "Content-Length: 9999999\r\n\r\n"};
    CLEANUP(harness_stop) struct harness harness;

    harness_start(&harness, routes, NULL);
    for (size_t row = 0; row < COUNT(MIDDLE); row++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
            atomic_store(&calls, 0);
            struct str bytes = arena_printf(
                arena,
                "POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst" HEAD
                "Transfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n%s" HEAD
                "Content-Length: 5\r\n\r\nthird",
                MIDDLE[row]);
            int fd = raw_connect(harness.port);
            send_cut(fd, bytes, seed);
            struct str reply = raw_read(arena, fd, NULL);
            ssize_t first = str_find(reply, STR("\r\n\r\nfirst")),
                    second = str_find(reply, STR("\r\n\r\nsecond"));
            CHECK(first > 0 && second > first);
            CHECK_INT(3, raw_count(reply, "Date: "));
            CHECK_INT(1, raw_count(reply, "Connection: close"));
            CHECK_INT(0, raw_count(reply, "third"));
            CHECK_INT(2, atomic_load(&calls));
            close(fd);
        }
}

/* --- TLS ------------------------------------------------------------------------------------- */

/* What a client says first. */
static struct str client_hello(struct arena *arena)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char *bytes;

    SSL_set_bio(ssl, in, out);
    CHECK_INT(-1, SSL_connect(ssl));
    long len = BIO_get_mem_data(out, &bytes);
    CHECK(len > 100);
    struct str hello = arena_str(arena, (struct str){bytes, (size_t)len});
    SSL_free(ssl);
    SSL_CTX_free(context);
    return hello;
}

static void check_answers(struct harness *harness, bool tls)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    CLEANUP(http_client_free) struct http_client *client = harness_client(harness, tls);
    struct http_call call = {.method = "POST", .target = STR("/worker"), .body = STR("well")};
    struct http_response reply = {0};
    struct error err = {0};

    CHECK_OK(http_client_send(client, arena, &call, &reply, &err), &err);
    CHECK_INT(200, reply.status);
    CHECK_STR("well", reply.body);
}

/* Cut anywhere by an end or a reset, or one bit wrong: the others do not notice. */
TEST(hostile_handshakes_that_break_off_harm_nobody)
{
    CLEANUP(harness_stop) struct harness harness;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);

    harness_start(&harness, routes, NULL);
    harness_add_tls(&harness);
    struct str hello = client_hello(arena);
    for (size_t len = 0; len < hello.len; len += 7) {
        int fd = raw_connect(harness.tls_port);
        raw_send(fd, str_slice(hello, 0, len));
        if (len % 2)
            cut(fd);
        else
            close(fd);
    }
    for (size_t at = 0; at < hello.len; at += 5) {
        struct str wrong = arena_str(arena, hello);
        ((char *)wrong.ptr)[at] ^= (char)(1 << at % 8);
        int fd = raw_connect(harness.tls_port);
        send_cut(fd, wrong, at);
        cut(fd);
    }
    /* Plain HTTP where TLS is spoken: an alert or a close, and never a reply. */
    struct str reply = raw_ask(arena, harness.tls_port, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_INT(0, raw_status(reply));
    check_answers(&harness, true);
    check_answers(&harness, false);
}

/* --- Bodies and connections that end --------------------------------------------------------- */

/* At every place of a request with a body; run is called for none of them. */
TEST(hostile_peers_that_leave_anywhere_call_nothing)
{
    CLEANUP(harness_stop) struct harness harness;
    struct str whole = STR("POST /worker HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "5\r\nhello\r\n0\r\n\r\n");

    harness_start(&harness, routes, NULL);
    atomic_store(&calls, 0);
    for (size_t len = 0; len < whole.len; len++) {
        int fd = raw_connect(harness.port);
        raw_send(fd, str_slice(whole, 0, len));
        if (len % 2)
            cut(fd);
        else
            close(fd);
    }
    check_answers(&harness, false);
    CHECK_INT(1, atomic_load(&calls));
}

/* Many that say nothing leave room for one that does, and go with the server. */
TEST(hostile_crowd_of_idle_peers_is_served_around)
{
    CLEANUP(harness_stop) struct harness harness;
    int fds[600];

    harness_start(&harness, routes, NULL);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = raw_connect(harness.port);
        if (i % 3 == 0)
            raw_send(fds[i], STR("GET /loop HT"));
    }
    check_answers(&harness, false);
    for (size_t i = 0; i < COUNT(fds); i += 3) {
        CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
        raw_send(fds[i], STR("TP/1.1\r\nHost: x\r\n\r\n"));
        CHECK_INT(200, raw_status(raw_read(arena, fds[i], "\r\n\r\n")));
    }
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

/* --- A client of ours, answered badly -------------------------------------------------------- */

/* Answers one connection after the other, each with its bytes, cut by chance, and closes. */
struct liar {
    int listener;
    uint16_t port;
    struct str bytes;
    uint64_t seed;
    bool reset;
    pthread_t thread;
};

static void *liar_run(void *context)
{
    struct liar *liar = context;
    char request[4096];
    int fd = accept4(liar->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (recv(fd, request, sizeof(request), 0) > 0)
        send_cut(fd, liar->bytes, liar->seed);
    if (liar->reset)
        cut(fd);
    else
        close(fd);
    return NULL;
}

static void liar_start(struct liar *liar)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    liar->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(0, bind(liar->listener, (struct sockaddr *)&address, size));
    CHECK_INT(0, listen(liar->listener, 4));
    getsockname(liar->listener, (struct sockaddr *)&address, &size);
    liar->port = ntohs(address.sin_port);
    CHECK_INT(0, pthread_create(&liar->thread, NULL, liar_run, liar));
}

/* One call to a server that says `bytes`; the error, or ERROR_NONE with *out_reply. */
static enum error_code ask_liar(struct arena *arena, struct str bytes, uint64_t seed,
                                struct http_response *out_reply)
{
    struct liar liar = {.bytes = bytes, .seed = seed};
    struct error err = {0};

    liar_start(&liar);
    struct http_address address = {.host = STR("127.0.0.1"), .port = liar.port};
    CLEANUP(http_client_free) struct http_client *client = http_client_new(&address);
    struct http_call call = {
        .method = "GET", .target = STR("/"), .timeout_ms = 5000, .reply_limit = 64 * KIB};
    int result = http_client_send(client, arena, &call, out_reply, &err);
    pthread_join(liar.thread, NULL);
    close(liar.listener);
    return result < 0 ? err.code : ERROR_NONE;
}

/* What is no HTTP, breaks off or has no end is an error of its kind and leaves no half reply. */
TEST(hostile_servers_do_not_fool_the_client)
{
    static const struct {
        enum error_code code;
        const char *bytes;
    } SAID[] = {
        {ERROR_INVALID, "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
        {ERROR_INVALID, "HTTP/1.1 2000 OK\r\n\r\n"},
        {ERROR_INVALID, "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"},
        {ERROR_INVALID, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
        {ERROR_INVALID, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
        {ERROR_INVALID, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
        {ERROR_UNAVAILABLE, "HTTP/1.1 200 OK\r\nContent-Le"},
        {ERROR_UNAVAILABLE, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"},
        {ERROR_UNAVAILABLE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
        {ERROR_UNAVAILABLE, "HTTP/1.1 100 Continue\r\n\r\n"},
    };

    for (size_t row = 0; row < COUNT(SAID); row++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
            struct http_response reply = {.status = 77};
            enum error_code code = ask_liar(arena, str_from(SAID[row].bytes), seed, &reply);
            if (code != SAID[row].code || reply.status != 77)
                fail_msg("row %zu, seed %llu: code %d, status %d", row, (unsigned long long)seed,
                         (int)code, reply.status);
        }
}

/* The same reply, cut at every byte by the end of the connection: whole, or an error. */
TEST(hostile_ends_of_replies_are_never_taken_for_whole_ones)
{
    struct str whole = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "4\r\nhalf\r\n4\r\nover\r\n0\r\n\r\n");

    for (size_t len = 1; len <= whole.len; len++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
        struct http_response reply = {0};
        enum error_code code = ask_liar(arena, str_slice(whole, 0, len), len, &reply);
        if (len < whole.len) {
            CHECK_INT(ERROR_UNAVAILABLE, code);
            CHECK_INT(0, reply.status);
        } else {
            CHECK_INT(ERROR_NONE, code);
            CHECK_STR("halfover", reply.body);
        }
    }
}

/* A body without end is cut at the caller's limit, however it is announced. */
TEST(hostile_bodies_stop_at_the_limit_of_the_call)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
    struct buf bytes = buf_make(MIB);
    struct http_response reply = {0};

    buf_add(&bytes, STR("HTTP/1.1 200 OK\r\n\r\n"));
    while (bytes.len < 100 * KIB)
        buf_add(&bytes, STR("all work and no play "));
    CHECK_INT(ERROR_TOO_LARGE, ask_liar(arena, buf_str(&bytes), 1, &reply));
    buf_clear(&bytes);
    buf_add(&bytes, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    while (bytes.len < 100 * KIB)
        buf_add(&bytes, STR("10\r\n0123456789abcdef\r\n"));
    CHECK_INT(ERROR_TOO_LARGE, ask_liar(arena, buf_str(&bytes), 2, &reply));
    CHECK_INT(0, reply.status);
    buf_free(&bytes);
}
