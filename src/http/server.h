/* server.h - HTTP/1.1 on libuv, llhttp and OpenSSL; knows no Azure
 *
 * Life of a request: bytes are parsed on an IO thread; when the head is whole `app.head` is asked,
 * on that thread, what to do (struct http_plan); the body is then kept whole or sent into a sink;
 * `plan.run` is called, on a worker or on the IO thread, and replies exactly once. The exchange and
 * its arena live until the reply is sent and run has returned.
 *
 * Rules of the parser are security.md 3.1: anything odd is 400 and close, nothing is repaired but
 * what app.odd_path allows.
 */
#pragma once

#include "base/arena.h"
#include "os/pool.h"

#include <netinet/in.h>
#include <sys/types.h>

struct http_server;
struct http_exchange;
struct http_tls; /* tls.h */

struct http_header {
    struct str name;
    struct str value;
};

/* Takes a body as it comes. All calls come in order from worker threads, never two at once, and
 * reading from the peer stops while they lag HTTP_QUEUE_HIGH_BYTES behind. */
struct http_sink {
    int (*write)(struct http_sink *sink, struct str bytes, struct error *err);
    /* The peer went away or a limit was passed; the exchange's run is not called. */
    void (*abandon)(struct http_sink *sink);
};

enum http_where { HTTP_ON_WORKER, HTTP_ON_LOOP };

struct http_plan {
    size_t body_limit;      /* bytes; a longer body is 413 */
    enum http_where where;  /* where run is called */
    struct http_sink *sink; /* NULL: the body is kept, up to HTTP_BODY_WHOLE_BYTES */
    void (*run)(struct http_exchange *ex, void *context);
    void *context;
};

/* What app.head answers. */
enum http_verdict {
    HTTP_GO,       /* the plan is filled */
    HTTP_REPLIED,  /* http_reply was called; the body is discarded, the connection lingers */
    HTTP_DEFERRED, /* http_proceed or a reply will be called later, from any thread */
};

struct http_app {
    enum http_verdict (*head)(struct http_exchange *ex, struct http_plan *plan, void *context);
    void *context;
    /* Makes the body of a reply the parser or a limit gives by itself (400, 413, 408, 431, 503 …);
     * NULL: plain text. Runs on the IO thread. */
    struct str (*refusal)(struct arena *arena, int status, const char *sentence, void *context);
    /* Asked for a path that holds doubled or encoded slashes, before `head`: the path to go on with
     * (in the exchange's arena or as it came), or {0} for 400 and close. NULL: always refused. */
    struct str (*odd_path)(struct http_exchange *ex, void *context);
};

struct http_listener {
    int tag;               /* the caller's name for it, see http_listener_tag */
    const char *unix_path; /* either this, bound relative to unix_dir … */
    int unix_dir;
    const char *host; /* … or an address and port; port 0 picks one */
    uint16_t port;
    struct http_tls *tls; /* NULL: plain */
};

/* Starts `io_threads` loops (0: half the cores, at least one). Owns: the caller; pool and app
 * outlive it. */
struct http_server *http_server_new(struct pool *pool, const struct http_app *app,
                                    unsigned io_threads, struct error *err);

/* Opens a listener; *out_port is the port it got (0 for Unix sockets). Errors: ERROR_CONFLICT
 * naming the address when it is taken. */
int http_server_listen(struct http_server *server, const struct http_listener *listener,
                       uint16_t *out_port, struct error *err);

/* Stops accepting, lets requests under way finish for at most grace_ms, closes everything. A source
 * of unknown length that waits is cut at once. */
void http_server_stop(struct http_server *server, int grace_ms);

/* Stops at once if need be, and frees. For CLEANUP. */
void http_server_free(struct http_server **server);

/* --- The request. The strs live as long as the exchange. ------------------------------------- */

/* Method, the target as received, its path and query still encoded. */
struct str http_method(const struct http_exchange *ex);
struct str http_target(const struct http_exchange *ex);
struct str http_path(const struct http_exchange *ex);
struct str http_query(const struct http_exchange *ex);
/* A header by name in any case; "" when absent. */
struct str http_header(const struct http_exchange *ex, const char *name);
bool http_has_header(const struct http_exchange *ex, const char *name);
const struct http_header *http_headers(const struct http_exchange *ex, size_t *out_count);
/* The whole body; "" with a sink. */
struct str http_body(const struct http_exchange *ex);
/* Declared length of the body, -1 when chunked, 0 when none. */
int64_t http_content_length(const struct http_exchange *ex);
struct arena *http_arena(struct http_exchange *ex);

/* Who is at the other end: the listener's tag; for Unix sockets the peer's user id and pid, else
 * -1; for TCP both ends of the connection. */
struct http_peer {
    int tag;
    bool tls;
    uid_t uid;
    pid_t pid;
    bool unix_socket;
    uint64_t number; /* of the connection: no other of this server has or had it; from 1 */
    struct sockaddr_storage local, remote;
};
const struct http_peer *http_peer(const struct http_exchange *ex);

/* One pointer of the caller's, kept with the exchange between head and run. */
void http_set_context(struct http_exchange *ex, void *context);
void *http_get_context(const struct http_exchange *ex);

/* Ends a HTTP_DEFERRED head with a plan. Threads: any, once. */
void http_proceed(struct http_exchange *ex, const struct http_plan *plan);

/* --- The reply: headers first, then exactly one of the four. Threads: any. ------------------- */

/* Adds a header; the texts are copied. Content-Length, Connection, Date are ours. */
void http_add_header(struct http_exchange *ex, const char *name, struct str value);

/* Status and body. The body must live as long as the exchange (its arena, or static). HEAD requests
 * get the head only, with the length. */
void http_reply(struct http_exchange *ex, int status, const char *content_type, struct str body);

/* `length` bytes of a file from `offset`. */
struct http_part {
    int fd;
    int64_t offset, length;
};
/* One piece of a file; its descriptor is closed afterwards, whatever happens. */
void http_reply_file(struct http_exchange *ex, int status, const char *content_type,
                     const struct http_part *part);

/* `length` bytes that lie in several files, one after the other. `next` gives the next descriptor
 * and where its bytes lie; the descriptor is closed when they are sent. It is called on the IO
 * thread (an open, no reading), and gives -1 when it cannot: the connection is cut. */
struct http_parts {
    int (*next)(struct http_parts *parts, struct http_part *out);
    void (*close)(struct http_parts *parts); /* always called, once, last */
};
void http_reply_parts(struct http_exchange *ex, int status, const char *content_type,
                      int64_t length, struct http_parts *parts);

/* A body that is pulled: `read` is called on the IO thread when the peer can take more and must not
 * block. It gives a count, 0 at the end, HTTP_SOURCE_WAIT when nothing is there yet (call
 * http_wake when there is), or -1 to cut the connection. */
#define HTTP_SOURCE_WAIT (-2)
struct http_source {
    ssize_t (*read)(struct http_source *source, void *out, size_t size);
    void (*close)(struct http_source *source); /* always called, once, last */
};
/* Units: length in bytes, -1 for chunked. With idle_ms > 0 `: \n\n`-like keep-alives are up to the
 * source. */
void http_reply_source(struct http_exchange *ex, int status, const char *content_type,
                       int64_t length, struct http_source *source);

/* Asks a waiting source again. Threads: any, until the source's close was entered. */
void http_wake(struct http_exchange *ex);

/* Upgrade (101) or CONNECT-like: the connection becomes a byte pump to `fd`, a connected stream
 * socket whose ownership passes; nothing more is parsed. `head` is sent to the client first. */
void http_tunnel(struct http_exchange *ex, int fd, struct str head);
