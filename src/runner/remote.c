/* The server as a runner sees it: HTTP on its Unix socket, with patience. A server that restarts
 * must cost a running job nothing but time, so silence and "later" are waited out; what it plainly
 * refuses is told at once, since a second try would be refused as well. */
#include "runner/remote.h"

#include "http/text.h"
#include "os/clock.h"
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WHOLE_BYTES_MAX (32 * MIB) /* larger files go as blocks */
#define BLOCK_BYTES (8 * MIB)
#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS 2000
#define BUSY_TRIES 60 /* answers that say "later" */

struct remote {
    const struct attempt *attempt;
    struct http_client *client;
    struct str authorization;
};

/* One connection for all requests of a thread; it is opened again when it breaks. */
struct remote *remote_new(const struct attempt *attempt)
{
    struct remote *remote = calloc(1, sizeof(*remote));
    struct http_address address = {
        .unix_path = json_str_at(attempt->spec, "server.socket"),
        .host_header = json_str_at(attempt->spec, "server.host"),
    };

    if (!remote)
        abort();
    assert(address.unix_path.len);
    remote->attempt = attempt;
    remote->client = http_client_new(&address);
    remote->authorization =
        arena_printf(attempt->arena, "Bearer %.*s", STR_ARG(json_str_at(attempt->spec, "token")));
    return remote;
}

/* For CLEANUP. */
void remote_free(struct remote **remote)
{
    if (!*remote)
        return;
    assert((*remote)->client);
    http_client_free(&(*remote)->client);
    free(*remote);
    *remote = NULL;
}

/* Every call proves itself anew, so a connection can break at any time. */
int remote_send(struct remote *remote, struct arena *arena, struct http_call *call,
                struct http_response *out, struct error *err)
{
    struct http_header *headers =
        arena_new_array(arena, struct http_header, call->header_count + 2);
    struct http_call sent = *call;

    assert(call->method);
    for (size_t i = 0; i < call->header_count; i++)
        headers[i] = call->headers[i];
    headers[call->header_count] = (struct http_header){STR("Authorization"), remote->authorization};
    headers[call->header_count + 1] = (struct http_header){STR("x-ms-version"), STR("2021-12-02")};
    sent.headers = headers;
    sent.header_count = call->header_count + 2;
    return http_client_send(remote->client, arena, &sent, out, err);
}

/* A call that shall succeed. */
struct errand {
    struct http_call *call;
    bool determined; /* goes on although the attempt was asked to stop */
};

/* Sleeps, but wakes when the attempt is to stop. False when there is no sense in going on. */
static bool pause_between(struct remote *remote, bool determined, int pause_ms)
{
    const struct attempt *attempt = remote->attempt;
    struct pollfd stop = {.fd = determined ? -1 : attempt->stop->fd, .events = POLLIN};

    assert(pause_ms > 0);
    poll(&stop, 1, pause_ms);
    if (!determined && atomic_load(&attempt->stop->asked))
        return false;
    return file_exists(attempt->folder,
                       "spec.json"); /* whoever removed the folder waits for nobody */
}

/* The server's own words, cut to a sentence. */
static int refuse(const struct http_call *call, const struct http_response *reply,
                  struct error *err)
{
    assert(reply->status >= 300);
    return error_set(err, reply->status == 404 ? ERROR_NOT_FOUND : ERROR_IO, "",
                     "The server answered %d to %s %.*s: %.*s", reply->status, call->method,
                     (int)(call->target.len < 120 ? call->target.len : 120), call->target.ptr,
                     (int)(reply->body.len < 200 ? reply->body.len : 200),
                     reply->body.ptr ? reply->body.ptr : "");
}

/* "Later" and silence are waited out, longer each time; a plain no is final. */
static int insist(struct remote *remote, struct arena *arena, const struct errand *errand,
                  struct http_response *out, struct error *err)
{
    struct http_call *call = errand->call;
    int pause_ms = PAUSE_FIRST_MS, busy = 0;

    for (;;) {
        struct error cause = {0};
        int sent = remote_send(remote, arena, call, out, &cause);
        if (sent == 0 && out->status < 300)
            return 0;
        if (sent == 0 && out->status != 429 && out->status < 500)
            return refuse(call, out, err);
        if (sent == 0 && ++busy >= BUSY_TRIES)
            return refuse(call, out, err);
        if (sent < 0 && cause.code != ERROR_UNAVAILABLE && cause.code != ERROR_TIMEOUT) {
            *err = cause;
            return -1;
        }
        assert(pause_ms <= PAUSE_LAST_MS);
        if (!pause_between(remote, errand->determined, pause_ms))
            return error_set(err, ERROR_CANCELED, "",
                             "The server was away when the attempt was asked to stop.");
        pause_ms = pause_ms * 2 < PAUSE_LAST_MS ? pause_ms * 2 : PAUSE_LAST_MS;
    }
}

/* A container that clients made is named "{account}/{name}"; its address says that the first piece
 * is an account. The domain behind it is the server's own, whatever it is called here. */
static struct str container_path(struct arena *arena, struct str container)
{
    struct str account, name;

    assert(container.len > 0);
    if (!str_cut(container, '/', &account, &name))
        return arena_printf(arena, "/%.*s", STR_ARG(container));
    return arena_printf(arena, "/%.*s.blob.core.local/%.*s", STR_ARG(account), STR_ARG(name));
}

/* Slashes of the name stay: they are part of the path. */
static struct str blob_target(struct arena *arena, const struct remote_place *place)
{
    assert(place->container.len);
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(container_path(arena, place->container)),
                        STR_ARG(http_encode(arena, place->name, true)));
}

/* Page by page; only the marker is kept from one to the next. */
int remote_list(struct remote *remote, const struct remote_place *place, remote_blob *each,
                void *context, struct error *err)
{
    const struct remote_visit visit = {each, context};
    struct str marker = {0};
    CLEANUP(arena_free) struct arena *kept = arena_new(4 * MIB);

    assert(place->container.len);
    do {
        CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB);
        struct http_response reply;
        struct http_call call = {
            .method = "GET",
            .target =
                arena_printf(arena, "%.*s?restype=container&comp=list&prefix=%.*s&marker=%.*s",
                             STR_ARG(container_path(arena, place->container)),
                             STR_ARG(http_encode(arena, place->name, false)),
                             STR_ARG(http_encode(arena, marker, false))),
        };
        if (insist(remote, arena, &(struct errand){.call = &call}, &reply, err) < 0)
            return -1;
        struct str next = {0};
        if (remote_read_listing(arena, reply.body, &visit, &next, err) < 0)
            return -1;
        marker = arena_str(kept, next);
    } while (marker.len);
    return 0;
}

struct sink {
    int fd;
    struct error *err;
};

/* Straight to disk, whatever the size. */
static int write_body(struct str bytes, void *context)
{
    struct sink *sink = context;

    assert(sink->fd >= 0);
    return fd_write_all(sink->fd, bytes, sink->err);
}

/* One download from the beginning. *out_again: the connection broke on the way. */
static int get_once(struct remote *remote, const struct remote_place *place, int fd,
                    bool *out_again, struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct error disk = {0}, cause = {0};
    struct sink sink = {.fd = fd, .err = &disk};
    struct http_response reply;
    struct http_call call = {.method = "GET",
                             .target = blob_target(arena, place),
                             .on_body = write_body,
                             .context = &sink};

    assert(fd >= 0);
    *out_again = false;
    if (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0)
        return error_errno(err, errno, "An input cannot be written");
    int sent = remote_send(remote, arena, &call, &reply, &cause);
    if (disk.code != ERROR_NONE) {
        *err = disk;
        return -1;
    }
    if (sent == 0 && reply.status < 300)
        return 0;
    *out_again = sent < 0 ? cause.code == ERROR_UNAVAILABLE || cause.code == ERROR_TIMEOUT
                          : reply.status == 429 || reply.status >= 500;
    if (sent < 0) {
        *err = cause;
        return -1;
    }
    return refuse(&call, &reply, err);
}

/* From the beginning each time: a part that came is no use without knowing that the blob is still
 * the same. */
int remote_get(struct remote *remote, const struct remote_place *place, int fd, struct error *err)
{
    bool again;

    assert(place->name.len);
    for (int pause_ms = PAUSE_FIRST_MS;;
         pause_ms = pause_ms < PAUSE_LAST_MS ? pause_ms * 2 : pause_ms) {
        if (get_once(remote, place, fd, &again, err) == 0)
            return 0;
        if (!again)
            return -1;
        if (!pause_between(remote, false, pause_ms))
            return error_set(err, ERROR_CANCELED, "", "The attempt was asked to stop.");
    }
}

/* Bytes of a file. */
struct part {
    int fd;
    int64_t offset, size;
};

/* One PUT with them. */
static int put_part(struct remote *remote, struct str target, const struct part *part,
                    struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * MIB);
    struct http_header headers[] = {
        {STR_INIT("x-ms-blob-type"), STR_INIT("BlockBlob")},
        {STR_INIT("Content-Type"), STR_INIT("application/octet-stream")},
        {STR_INIT("x-ms-blob-content-type"), str_from(http_media_type(target))},
    };
    struct http_response reply;
    struct http_call call = {
        .method = "PUT",
        .target = target,
        .headers = headers,
        .header_count = COUNT(headers),
        .body_fd = part->fd,
        .has_body_fd = true,
        .body_offset = part->offset,
        .body_length = part->size,
    };

    assert(part->size >= 0);
    return insist(remote, arena, &(struct errand){&call, .determined = true}, &reply, err);
}

/* Several requests instead of one that would have to begin anew when it breaks. */
static int put_blocks(struct remote *remote, struct str target, int fd, int64_t size,
                      struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16 * MIB);
    CLEANUP(buf_free) struct buf list = buf_make(8 * MIB);
    struct http_response reply;

    buf_add(&list, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    for (int64_t offset = 0; offset < size; offset += (int64_t)BLOCK_BYTES) {
        struct part part = {fd, offset, size - offset};
        if (part.size > (int64_t)BLOCK_BYTES)
            part.size = (int64_t)BLOCK_BYTES;
        /* Digits only, in a multiple of four: valid base64 of equal length without encoding. */
        struct str id = arena_printf(arena, "%012lld", (long long)(offset / (int64_t)BLOCK_BYTES));
        struct str to =
            arena_printf(arena, "%.*s?comp=block&blockid=%.*s", STR_ARG(target), STR_ARG(id));
        if (put_part(remote, to, &part, err) < 0)
            return -1;
        buf_printf(&list, "<Latest>%.*s</Latest>", STR_ARG(id));
    }
    buf_add(&list, STR("</BlockList>"));
    assert(!list.failed);
    struct http_header headers[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/xml")},
        {STR_INIT("x-ms-blob-content-type"), str_from(http_media_type(target))},
    };
    struct http_call call = {
        .method = "PUT",
        .target = arena_printf(arena, "%.*s?comp=blocklist", STR_ARG(target)),
        .headers = headers,
        .header_count = COUNT(headers),
        .body = buf_str(&list),
    };
    return insist(remote, arena, &(struct errand){&call, .determined = true}, &reply, err);
}

/* Large ones in blocks, whose bytes are not sent again when a later one breaks. */
int remote_put(struct remote *remote, const struct remote_place *place, int fd, int64_t size,
               struct error *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(MIB);
    struct str target = blob_target(arena, place);

    assert(fd >= 0);
    return size > (int64_t)WHOLE_BYTES_MAX
               ? put_blocks(remote, target, fd, size, err)
               : put_part(remote, target, &(struct part){fd, 0, size}, err);
}
