/* connection_private.h - what the files of the server share: loops, connections, exchanges
 *
 * Everything here belongs to one IO thread but what is marked otherwise. An exchange outlives its
 * connection when a handler still works on it; `ex->connection` is then NULL.
 */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "http/limits.h"
#include "http/parser.h"
#include "http/server.h"
#include "http/tls_private.h"
#include "http/transport.h"

#include <stdatomic.h>
#include <uv.h>

#define READ_BYTES (64 * KIB)   /* one read */
#define WINDOW_BYTES (64 * KIB) /* one pull of a source or a file */
#define EARLY_BYTES (64 * KIB)  /* kept of requests that come before their turn */
#define TURN_BYTES MIB          /* written to one peer before others have their turn */

/* --- Loops: loop.c --------------------------------------------------------------------------- */

/* What other threads tell a loop about an exchange; they gather in exchange.events. */
enum loop_event {
    EVENT_REPLY = 1,    /* http_reply and its kin were called */
    EVENT_PROCEED = 2,  /* http_proceed was called */
    EVENT_WAKE = 4,     /* a source may have something */
    EVENT_SINK = 8,     /* a sink took its bytes, or failed */
    EVENT_FILE = 16,    /* a piece of a file was read */
    EVENT_RELEASE = 32, /* the last hold outside of the loop is gone */
    EVENT_FORWARD = 64, /* http_forward_start was called */
};

/* One IO thread with all its connections. Nothing in it is touched by another thread but the
 * mail. */
struct loop {
    struct http_server *server;
    uv_loop_t uv;
    uv_async_t async;
    uv_timer_t sweep;
    pthread_t thread; /* to join */
    pthread_t self;   /* the same, set by the thread itself */
    int64_t now_us;   /* clock_mono_us of the event being handled */
    struct list connections;
    struct list listeners;       /* struct acceptor, of server_listen.c */
    struct list upstreams;       /* struct upstream, kept for reuse by upstream.c */
    struct list forwards;        /* struct forward under way, for their deadlines */
    struct http_exchange *spare; /* exchanges to use again */
    unsigned spare_count;
    unsigned exchange_count;              /* not spare */
    _Atomic(struct http_exchange *) mail; /* exchanges with events, newest first. Threads: any */
    atomic_uint senders;                  /* inside loop_post just now. Threads: any */
    struct buf head;                      /* the reply head being written */
    int64_t date_until_us;
    char date[32];
    bool stopping;
    int64_t stop_at_us; /* when connections are cut */
    char scratch[READ_BYTES];
};

/* Makes a loop; runs it on the calling thread until the server stops and nothing is left. */
int loop_init(struct loop *loop, struct http_server *server, struct error *err);
void loop_run(struct loop *loop);
/* Ends a loop that was made but never ran. */
void loop_discard(struct loop *loop);

/* No new connections; those without a request close, the others after their reply or the grace. */
void loop_stop(struct loop *loop, int grace_ms);

/* The sweep runs while there is something with a deadline, so that an idle server sleeps. */
void loop_busy(struct loop *loop);
void loop_quiet(struct loop *loop);

/* Tells the loop. Threads: any, while the exchange is held. */
void loop_post(struct http_exchange *ex, enum loop_event event);

/* Whether the caller is the loop's thread. Threads: any. */
bool loop_is_current(const struct loop *loop);

/* The Date header's value, made once a second. */
struct str loop_date(struct loop *loop);

/* --- Exchanges: exchange.c ------------------------------------------------------------------- */

/* How the bytes of a reply come to be. */
enum reply_kind { REPLY_NONE, REPLY_WHOLE, REPLY_FILE, REPLY_SOURCE, REPLY_TUNNEL };

struct reply_header; /* reply.c: one that a handler added */

/* What a handler gave; the loop's once it is given. */
struct reply {
    enum reply_kind kind;
    int status;
    const char *content_type; /* NULL: none */
    struct str body;          /* whole; or the head of a tunnel */
    int fd;                   /* file, tunnel; -1 */
    int64_t offset, length;   /* file: what is left; source: total, -1 chunked */
    struct http_source *source;
    struct http_parts *parts; /* file: those that follow; NULL: there is one */
    int64_t part_length;      /* of `length`, what lies in fd */
    struct reply_header *headers, **last_header;
};

/* A request and its reply. It outlives its connection while a handler still works on it. */
struct http_exchange {
    struct loop *loop;
    struct connection *connection; /* NULL once the peer is gone */
    struct arena *arena;
    struct http_peer peer;
    struct http_head head;
    struct str body;
    struct buf body_bytes; /* a body that came in pieces */
    struct http_plan plan;
    void *user;
    struct reply reply;
    struct sink_queue *sink;        /* sink.c */
    struct forward *forward;        /* forward_run.c, once the loop knows of it */
    struct forward *forward_wanted; /* until then */
    char *window;                   /* WINDOW_BYTES, for sources and files; NULL until needed */
    ssize_t window_len;             /* what a read of a file gave */
    bool window_busy;               /* a part of the output lies in it */
    bool file_reading;              /* a pool task has the window */
    bool calling;                   /* head or run is on the stack of the loop */
    bool replied;                   /* the loop knows of the reply */
    bool finished;                  /* nothing more will be written for it */
    bool awaits;                    /* a reply or proceed must still come from outside */
    struct pool_task run_task, file_task;
    struct http_exchange *next; /* mail or spare */
    atomic_uint events;         /* enum loop_event. Threads: any */
    atomic_uint holds;          /* Threads: any */
    atomic_bool reply_called;   /* Threads: any */
};

/* A new exchange of a connection, held once for the layer itself. */
struct http_exchange *exchange_new(struct loop *loop, struct connection *connection);

/* Holds keep it alive; the last release frees it on the loop. Threads: any. */
void exchange_hold(struct http_exchange *ex);
void exchange_release(struct http_exchange *ex);

/* Takes it off its connection: closes its source, gives up its sink, drops the layer's hold once no
 * reply can come any more. */
void exchange_finish(struct http_exchange *ex);

/* Nobody holds it and its events were read: kept for reuse, or freed. */
void exchange_free(struct http_exchange *ex);

/* Frees what loops keep for reuse. */
void exchange_free_spares(struct loop *loop);

/* --- Connections: connection.c, body.c, output.c --------------------------------------------- */

/* Where a connection is in its request; every event is judged by it. */
enum connection_state {
    CONNECTION_HEAD,     /* waits for a head: handshake, idle, or a part is there */
    CONNECTION_DECIDING, /* app.head deferred */
    CONNECTION_BODY,     /* a body comes */
    CONNECTION_RUNNING,  /* the body is whole; the reply is awaited or sent */
    CONNECTION_LINGER,   /* our side is closed; what still comes is thrown away */
    CONNECTION_TUNNEL,   /* a byte pump, tunnel.c */
    CONNECTION_CLOSED,
};

/* What is on its way to the peer: a head and a piece of the body in one call. */
struct output {
    struct iovec parts[4];
    int count;
    const char *lent; /* a part lies in the loop's head buffer */
    char *owned;      /* the rest of a head that did not go at once */
};

/* A peer. One request at a time: what comes behind it waits in the socket. */
struct connection {
    struct list link;
    struct loop *loop;
    uv_poll_t poll;
    int polled; /* the events asked for */
    struct transport transport;
    struct http_peer peer;
    enum connection_state state;
    bool handshaking;
    bool paused;      /* a sink is behind: nothing is read */
    bool eof;         /* the peer sends no more */
    bool close_after; /* no further request after this reply */
    bool unread;      /* some of the request's body was not read */
    bool idle;        /* no byte of a next request yet */
    bool write_blocked;
    struct buf in;       /* bytes whose turn has not come */
    size_t scanned;      /* of a head that is not whole */
    int64_t deadline_us; /* of the state; 0: none */
    int64_t stall_us;    /* when a peer that takes nothing is cut; 0: nothing waits */
    struct http_exchange *ex;
    struct http_parser parser;
    int64_t body_left; /* of a body with a length */
    int64_t body_got;
    int64_t body_since_us; /* moved on by the time we did not read */
    int64_t paused_at_us;
    size_t linger_left;
    struct output out;
    struct tunnel *tunnel;
};

/* A connection for an accepted socket; takes the descriptor. */
void connection_open(struct loop *loop, int fd, const struct http_peer *peer, struct http_tls *tls);

/* Cuts it at once. */
void connection_close(struct connection *connection);

/* Goes on after something outside happened: bytes that wait, a reply that was given. */
void connection_advance(struct connection *connection);

/* Reads again after it was paused. */
void connection_resume(struct connection *connection);

/* Asks the kernel for what the state waits for. Last call of each event handler. */
void connection_watch(struct connection *connection);

/* Refuses by ourselves: replies with app.refusal's body and closes. */
void connection_refuse(struct connection *connection, int status, const char *sentence);

/* Deadlines; called by the sweep. May close the connection. */
void connection_sweep(struct connection *connection);

/* After an exchange's reply was sent whole: to the next request, or to the end. */
void connection_reply_sent(struct connection *connection);

/* The exchange's events, on the loop. */
void connection_event(struct http_exchange *ex, unsigned events);

/* Body: starts by the plan, takes bytes (returns how many), ends. */
void body_start(struct connection *connection);
size_t body_take(struct connection *connection, struct str bytes);
void body_sink_event(struct connection *connection);
bool body_is_slow(const struct connection *connection);
/* Calls run where the plan says. */
void body_run(struct http_exchange *ex);

/* Sinks: sink.c. */
void sink_start(struct http_exchange *ex);
/* Copies bytes into the queue. */
void sink_push(struct http_exchange *ex, struct str bytes);
/* The body is whole: run follows the last write. */
void sink_end(struct http_exchange *ex);
/* The body will never be whole. */
void sink_abandon(struct http_exchange *ex);
/* How many bytes wait; whether a write failed, with the error it gave. */
size_t sink_waiting(struct http_exchange *ex);
bool sink_failed(struct http_exchange *ex, struct error *out);
/* All was written, and run is to be called on the loop. */
bool sink_done(struct http_exchange *ex);
void sink_free(struct http_exchange *ex);

/* Output: reply.c makes heads, output.c writes. */
enum flush { FLUSH_DONE, FLUSH_BLOCKED, FLUSH_WAITING, FLUSH_BROKEN };
/* Writes what can be written of the current reply. */
enum flush output_flush(struct connection *connection);
/* Queues bytes that live as long as the reply; a head may lie in the loop's own buffer. */
void output_add(struct connection *connection, struct str text);
void output_add_head(struct connection *connection, struct str head);
void output_free(struct output *out);
/* Starts the reply of connection->ex: its head and first body part are queued. */
void reply_start(struct connection *connection);

/* Tunnels: tunnel.c. */
void tunnel_start(struct connection *connection, int fd);
/* What the client sent behind its head belongs to the other side already. */
void tunnel_take(struct connection *connection, struct str bytes);
/* The client's socket can be used, or is broken when status is negative. */
void tunnel_event(struct connection *connection, int status);
int tunnel_wanted(const struct connection *connection);
void tunnel_free(struct connection *connection);

/* Forwarding: forward_run.c and upstream.c. */
void forward_begin(struct http_exchange *ex);
/* The exchange's connection is gone or its reply was sent. */
void forward_end(struct http_exchange *ex);
void forward_sweep(struct loop *loop);
void upstream_close_all(struct loop *loop);

/* --- The server: server_listen.c -------------------------------------------------------------- */

/* What all loops share. */
struct http_server {
    struct pool *pool;
    struct http_app app;
    atomic_uint connection_count;       /* Threads: any */
    _Atomic uint64_t connection_number; /* given out last */
    pthread_mutex_t lock;               /* guards the rest */
    struct list listeners;              /* struct listener */
    int stop_grace_ms;                  /* -1: not stopping */
    bool joined;
    unsigned loop_count;
    struct loop *loops;
};

/* A loop asks, after a wake: for listeners it does not know yet and whether to stop. */
void server_sync(struct loop *loop);
/* Ends all accepting of a loop. */
void server_close_acceptors(struct loop *loop);
