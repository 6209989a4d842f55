#include "runner/fake_server.h"

#include "http/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (64 * MIB)

struct request {
    struct arena *arena;
    struct str method, path, query, body;
};

static void reply(int fd, int status, struct str body)
{
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Type: text/plain\r\n\r\n",
                       status, body.len);

    if (send(fd, head, (size_t)len, MSG_NOSIGNAL) < 0)
        return;
    for (size_t done = 0; done < body.len;) {
        ssize_t put = send(fd, body.ptr + done, body.len - done, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        done += (size_t)put;
    }
}

static struct fake_blob *find_blob(struct fake_server *server, struct str name)
{
    for (size_t i = 0; i < server->blob_count; i++)
        if (str_eq(name, str_from(server->blobs[i].name)))
            return &server->blobs[i];
    return NULL;
}

static void put_blob(struct fake_server *server, struct str name, struct str bytes)
{
    struct fake_blob *blob = find_blob(server, name);

    if (!blob) {
        if (server->blob_count == COUNT(server->blobs))
            abort();
        blob = &server->blobs[server->blob_count++];
        *blob = (struct fake_blob){.name = strndup(name.ptr, name.len)};
    }
    free(blob->bytes);
    blob->bytes = malloc(bytes.len + 1);
    if (bytes.len)
        memcpy(blob->bytes, bytes.ptr, bytes.len);
    blob->size = bytes.len;
}

static void take_events(struct fake_server *server, const struct request *r, int fd)
{
    struct json *body = json_parse(r->arena, r->body, NULL);
    struct json_iter it = json_iter(json_at(body, "events"));

    while (json_next(&it)) {
        if (json_int_at(it.value, "seq", 0) != server->next_event)
            continue;
        struct str line = json_write(r->arena, it.value);
        buf_printf(&server->events, "%.*s ", STR_ARG(json_str_at(it.value, "event")));
        buf_printf(&server->details, "%.*s\n", STR_ARG(line));
        server->next_event++;
    }
    reply(fd, 200,
          arena_printf(r->arena, "{\"next\":%lld,\"cancel\":%s}", (long long)server->next_event,
                       atomic_load(&server->cancel) ? "true" : "false"));
}

static void take_log(struct fake_server *server, const struct request *r, int fd)
{
    struct str file, offset;
    int64_t at = -1, next;

    http_query_get(r->arena, r->query, "file", 0, &file);
    http_query_get(r->arena, r->query, "offset", 0, &offset);
    if (!str_to_int64(offset, &at)) {
        reply(fd, 400, STR("bad offset"));
        return;
    }
    next = at + (int64_t)r->body.len;
    if (str_eq(file, STR("user_logs/std_log.txt"))) {
        server->log_posts++;
        if (at == (int64_t)server->log.len)
            buf_add(&server->log, r->body);
        if (r->body.len &&
            strstr(buf_str(&server->events).ptr ? buf_str(&server->events).ptr : "", "finished"))
            server->sealed_early = true;
        next = (int64_t)server->log.len;
    }
    reply(fd, 200,
          arena_printf(r->arena, "{\"next\":%lld,\"cancel\":%s}", (long long)next,
                       atomic_load(&server->cancel) ? "true" : "false"));
}

static void list_blobs(struct fake_server *server, const struct request *r, struct str container,
                       int fd)
{
    CLEANUP(buf_free) struct buf xml = buf_make(MIB);
    struct str prefix = {0};

    http_query_get(r->arena, r->query, "prefix", 0, &prefix);
    prefix = arena_printf(r->arena, "%.*s/%.*s", STR_ARG(container), STR_ARG(prefix));
    buf_add(&xml, STR("<?xml version=\"1.0\"?><EnumerationResults><Blobs>"));
    for (size_t i = 0; i < server->blob_count; i++)
        if (str_starts(str_from(server->blobs[i].name), prefix))
            buf_printf(&xml,
                       "<Blob><Name>%s</Name><Properties><Content-Length>%zu</Content-Length></"
                       "Properties></Blob>",
                       server->blobs[i].name + container.len + 1, server->blobs[i].size);
    buf_add(&xml, STR("</Blobs><NextMarker/></EnumerationResults>"));
    reply(fd, 200, buf_str(&xml));
}

static void serve_blob(struct fake_server *server, const struct request *r, int fd)
{
    struct str name, comp = {0};

    http_decode(r->arena, str_slice(r->path, 1, r->path.len), &name, NULL);
    http_query_get(r->arena, r->query, "comp", 0, &comp);
    if (str_eq(comp, STR("list"))) {
        list_blobs(server, r, name, fd);
    } else if (str_eq(r->method, STR("GET"))) {
        struct fake_blob *blob = find_blob(server, name);
        reply(fd, blob ? 200 : 404,
              blob ? (struct str){blob->bytes, blob->size} : STR("BlobNotFound"));
    } else if (str_eq(comp, STR("block"))) {
        buf_add(&server->staged, r->body);
        server->blocks++;
        reply(fd, 201, STR(""));
    } else {
        bool list = str_eq(comp, STR("blocklist"));
        put_blob(server, name, list ? buf_str(&server->staged) : r->body);
        buf_clear(&server->staged);
        reply(fd, 201, STR(""));
    }
}

/* A token that names what was asked for; the audience "refused" is none. */
static void give_token(struct fake_server *server, const struct request *r, int fd)
{
    struct json *body = json_parse(r->arena, r->body, NULL);
    struct str resource = json_str_at(body, "resource");

    server->tokens++;
    if (str_eq(resource, STR("refused"))) {
        reply(fd, 400, STR("{}"));
        return;
    }
    reply(fd, 200,
          arena_printf(r->arena, "{\"access_token\":\"%.*s|%.*s|%.*s\",\"expires_on\":4000000000}",
                       STR_ARG(r->path), STR_ARG(resource),
                       STR_ARG(json_str_at(body, "identity"))));
}

static void serve(struct fake_server *server, const struct request *r, int fd)
{
    int refuse = atomic_load(&server->refuse);

    pthread_mutex_lock(&server->lock);
    if (refuse)
        reply(fd, refuse, STR("no"));
    else if (str_ends(r->path, STR("/events")))
        take_events(server, r, fd);
    else if (str_ends(r->path, STR("/logs")))
        take_log(server, r, fd);
    else if (str_ends(r->path, STR("/token")))
        give_token(server, r, fd);
    else
        serve_blob(server, r, fd);
    pthread_mutex_unlock(&server->lock);
}

/* Reads requests off one connection until it closes. */
static void talk(struct fake_server *server, int fd)
{
    CLEANUP(buf_free) struct buf in = buf_make(REQUEST_BYTES_MAX);
    char piece[64 * 1024];

    for (;;) {
        struct str bytes = buf_str(&in);
        ssize_t head = str_find(bytes, STR("\r\n\r\n"));
        ssize_t length_at = head < 0 ? -1 : str_find(bytes, STR("Content-Length: "));
        int64_t length = 0;
        if (length_at >= 0 && length_at < head)
            length = atoll(bytes.ptr + length_at + 16);
        if (head >= 0 && bytes.len >= (size_t)head + 4 + (size_t)length) {
            CLEANUP(arena_free) struct arena *arena = arena_new(REQUEST_BYTES_MAX);
            struct request r = {
                .arena = arena,
                .body = str_slice(bytes, (size_t)head + 4, (size_t)head + 4 + (size_t)length)};
            struct str line = str_slice(bytes, 0, (size_t)str_find(bytes, STR("\r\n"))), target,
                       version;
            str_cut(line, ' ', &r.method, &target);
            str_cut(target, ' ', &target, &version);
            r.path = target;
            str_cut(target, '?', &r.path, &r.query);
            serve(server, &r, fd);
            buf_consume(&in, (size_t)head + 4 + (size_t)length);
            continue;
        }
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (atomic_load(&server->ending))
            return;
        if (poll(&ready, 1, 50) == 0)
            continue;
        ssize_t got = recv(fd, piece, sizeof(piece), 0);
        if (got <= 0)
            return;
        buf_add_bytes(&in, piece, (size_t)got);
    }
}

struct connection {
    struct fake_server *server;
    int fd;
};

static void *talk_thread(void *context)
{
    struct connection *connection = context;

    talk(connection->server, connection->fd);
    close(connection->fd);
    free(connection);
    return NULL;
}

static void *accept_all(void *context)
{
    struct fake_server *server = context;
    pthread_t threads[64];
    size_t count = 0;

    while (!atomic_load(&server->ending)) {
        struct pollfd ready = {.fd = server->listen_fd, .events = POLLIN};
        if (poll(&ready, 1, 50) <= 0)
            continue;
        struct connection *connection = malloc(sizeof(*connection));
        *connection = (struct connection){server, accept(server->listen_fd, NULL, NULL)};
        if (count == COUNT(threads) ||
            pthread_create(&threads[count++], NULL, talk_thread, connection) != 0)
            abort();
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

void fake_server_start(struct fake_server *server, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!server->next_event) {
        pthread_mutex_init(&server->lock, NULL);
        server->next_event = 1;
        server->events = server->details = buf_make(MIB);
        server->log = server->staged = buf_make(REQUEST_BYTES_MAX);
    }
    snprintf(server->path, sizeof(server->path), "%s", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(server->listen_fd, 16) < 0)
        abort();
    atomic_store(&server->ending, false);
    if (pthread_create(&server->thread, NULL, accept_all, server) != 0)
        abort();
}

void fake_server_stop(struct fake_server *server)
{
    if (server->listen_fd <= 0)
        return;
    atomic_store(&server->ending, true);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
    server->listen_fd = -1;
    unlink(server->path);
}

void fake_server_free(struct fake_server *server)
{
    fake_server_stop(server);
    buf_free(&server->events);
    buf_free(&server->details);
    buf_free(&server->log);
    buf_free(&server->staged);
    for (size_t i = 0; i < server->blob_count; i++) {
        free(server->blobs[i].name);
        free(server->blobs[i].bytes);
    }
    server->blob_count = 0;
}

void fake_server_put(struct fake_server *server, const char *name, const char *text)
{
    pthread_mutex_lock(&server->lock);
    put_blob(server, str_from(name), str_from(text));
    pthread_mutex_unlock(&server->lock);
}

bool fake_server_find(struct fake_server *server, const char *name, struct str *out)
{
    pthread_mutex_lock(&server->lock);
    struct fake_blob *blob = find_blob(server, str_from(name));
    if (blob)
        *out = (struct str){blob->bytes, blob->size};
    pthread_mutex_unlock(&server->lock);
    return blob != NULL;
}
