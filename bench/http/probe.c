/* probe.c - the yardstick: the least that libuv and llhttp can do to answer hello-JSON
 *
 * No headers are kept, nothing is checked, nothing is routed, no memory is asked for after a
 * connection was made. Prints its port and serves until it is killed.
 */
#include <llhttp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct client {
    uv_tcp_t tcp;
    llhttp_t parser;
    unsigned whole; /* requests that wait for their answer */
};

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 17\r\n\r\n{\"hello\":\"world\"}";
static llhttp_settings_t settings;
static char scratch[64 * 1024];

static int on_message(llhttp_t *parser)
{
    ((struct client *)parser->data)->whole++;
    return 0;
}

static void on_alloc(uv_handle_t *, size_t, uv_buf_t *out)
{
    *out = uv_buf_init(scratch, sizeof(scratch));
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
    struct client *client = stream->data;
    bool good = count >= 0 && llhttp_execute(&client->parser, bytes->base, (size_t)count) == HPE_OK;

    for (; good && client->whole; client->whole--) {
        uv_buf_t answer = uv_buf_init((char *)ANSWER, sizeof(ANSWER) - 1);
        good = uv_try_write(stream, &answer, 1) == (int)sizeof(ANSWER) - 1;
    }
    if (!good)
        uv_close((uv_handle_t *)stream, on_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct client *client = calloc(1, sizeof(*client));

    if (status < 0 || !client)
        abort();
    uv_tcp_init(listener->loop, &client->tcp);
    client->tcp.data = client;
    llhttp_init(&client->parser, HTTP_REQUEST, &settings);
    client->parser.data = client;
    uv_accept(listener, (uv_stream_t *)&client->tcp);
    uv_tcp_nodelay(&client->tcp, 1);
    uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof(address);

    llhttp_settings_init(&settings);
    settings.on_message_complete = on_message;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) < 0)
        return 1;
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
