/* content_private.h - what the files of src/content share
 *
 * Beneath the data folder: content/ab/{hash} chunks, content/tmp/ bytes on their way in,
 * content/open/ growing logs, cache/objects/{hash} chunks put together.
 */
#pragma once

#include "base/map.h"
#include "content/content.h"

#include <openssl/evp.h>
#include <pthread.h>

/* SHA-256 in hex. */
#define HASH_CHARS 64
#define CONTENT_LOG_LOCKS 16
#define CONTENT_KEEP_US (24 * 3600 * US_PER_S) /* untouched this long before it may go */

/* The folders of one data folder, and the locks between those who write to them. */
struct content {
    struct store *store;
    int chunks; /* folder content/ */
    int open;   /* folder content/open/ */
    int tmp;    /* folder content/tmp/ */
    int cache;  /* folder cache/objects/ */

    /* A chunk found present is touched under this lock, and one to be removed is looked at and
     * removed under it: none goes that somebody has just counted on. */
    pthread_mutex_t touch;

    pthread_mutex_t logs[CONTENT_LOG_LOCKS]; /* by the key's hash */
    pthread_mutex_t sealed_lock;
    struct map *sealed; /* log key → text of its chunks */
};

/* --- chunk.c: files by hash ------------------------------------------------------------------ */

/* A temporary file, renamed to a chunk (or a cached object) or removed. */
struct content_temporary {
    int fd; /* -1 when there is none */
    char name[40];
};
int chunk_temporary(struct content *content, struct content_temporary *out, struct error *err);
void chunk_temporary_drop(struct content *content, struct content_temporary *temporary);

/* Whether this chunk is on disk, whole and under a durable name; it is then safe from collection
 * for CONTENT_KEEP_US. */
bool chunk_present(struct content *content, const char *hash, int64_t size);
/* Syncs the temporary file and makes it the chunk of this hash. */
int chunk_place(struct content *content, struct content_temporary *temporary, const char *hash,
                struct error *err);
/* A descriptor for reading, or -1. Errors: ERROR_CORRUPT when it is not there. */
int chunk_open(struct content *content, struct str hash, struct error *err);
/* Bytes of a chunk, -1 when it is not there. */
int64_t chunk_size(struct content *content, struct str hash);
/* Removes the file unless it was touched since `before_us`; the bytes given back. */
int64_t chunk_remove(struct content *content, const char *hash, int64_t before_us);

/* --- lane.c: a digest on a thread of its own ---------------------------------------------------
 */

struct lane;
/* Goes on with `digest`, which stays the caller's and must not be used until lane_end; NULL when
 * there is no thread to be had. */
struct lane *lane_new(EVP_MD_CTX *digest);
/* Copies the bytes; waits when the thread is behind by two buffers. */
void lane_add(struct lane *lane, struct str bytes);
/* Waits for the rest, ends the thread and frees; false when OpenSSL failed. NULL is fine. */
bool lane_end(struct lane **lane);

/* --- object.c: rows -------------------------------------------------------------------------- */

/* Adds `change` to the references of every chunk in a list; with `touch_us` not 0 they count as
 * touched then. Errors: ERROR_CORRUPT when a row is missing. */
int object_count(struct store_txn *txn, struct str chunks, int change, int64_t touch_us,
                 struct error *err);
/* Gives the chunks of an object that a writer finished their rows, and touches them. */
int object_touch(struct store_txn *txn, const struct content_object *object, struct error *err);
/* Finds or makes the row of an object all of whose chunks have rows; sets its number. */
int object_insert(struct store_txn *txn, struct content_object *object, struct error *err);
/* The hash of an object with these chunks. */
void object_hash(struct str chunks, char out[HASH_CHARS + 1]);

/* --- block.c --------------------------------------------------------------------------------- */

/* Removes at most `limit` blocks staged before then; *out_count says how many. */
int block_expire(struct store_txn *txn, int64_t before_us, size_t limit, size_t *out_count,
                 struct error *err);

/* Forgets what blocks a blob was made of. */
int block_forget(struct store_txn *txn, struct str container, struct str name, struct error *err);

/* Digests as lower-case hex. */
void content_hex(const unsigned char *bytes, size_t size, char *out);
