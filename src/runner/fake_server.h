/* fake_server.h - the runner's peer in its tests: takes events, logs and blobs, and remembers them
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

#include <pthread.h>
#include <stdatomic.h>

struct fake_blob {
    char *name; /* "container/name" */
    char *bytes;
    size_t size;
};

struct fake_server {
    char path[108];
    int listen_fd;
    pthread_t thread;
    atomic_bool ending;
    atomic_bool cancel;   /* what each answer says */
    atomic_int refuse;    /* status for every call, 0: work */
    pthread_mutex_t lock; /* over what follows */
    struct buf events;    /* names in the order taken, "preparing started …" */
    struct buf details;   /* the events themselves, a line each */
    int64_t next_event;
    struct buf log; /* std_log.txt as received */
    int64_t log_posts;
    bool sealed_early; /* log bytes came after `finished` */
    struct fake_blob blobs[64];
    size_t blob_count;
    int64_t tokens;    /* how many were asked for */
    struct buf staged; /* blocks in the order they came */
    int64_t blocks;
};

/* Listens on a Unix socket. `start` may be called again after `stop`: what was taken stays. */
void fake_server_start(struct fake_server *server, const char *path);
void fake_server_stop(struct fake_server *server);
void fake_server_free(struct fake_server *server);

/* Puts a blob; finds one: "" with found false. */
void fake_server_put(struct fake_server *server, const char *name, const char *text);
bool fake_server_find(struct fake_server *server, const char *name, struct str *out);
