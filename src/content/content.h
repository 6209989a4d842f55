/* content.h - bytes by hash: chunks, objects, blobs in containers, growing logs
 *
 * A chunk is a read-only file of at most 64 MiB named by its SHA-256. An object is a list of
 * chunks. A blob is a name in a container that points to an object. decisions 19-21. Order of
 * writing: file, sync, rename, sync of the folder, then the row.
 */
#pragma once

#include "store/store.h"

#define CONTENT_CHUNK_BYTES (64 * MIB)

struct content;
struct content_writer;

/* `dir`: the open data folder; uses content/ and cache/ in it. Owns: the caller; the store outlives
 * it. */
struct content *content_open(int dir, struct store *store, struct error *err);
void content_close(struct content **content);
/* Where its rows are. */
struct store *content_store(const struct content *content);

/* Bytes on their way in. Errors on write: ERROR_STORAGE_FULL, ERROR_IO. */
struct content_writer *content_writer_new(struct content *content, struct error *err);
int content_write(struct content_writer *writer, struct str bytes, struct error *err);
/* Before the first byte: nobody asks for the MD5, which costs more than the hash; out->md5 is "".
 */
void content_writer_skip_md5(struct content_writer *writer);
/* Drops what was not finished. For CLEANUP; also frees after finish, with the memory of
 * `chunks`. */
void content_writer_free(struct content_writer **writer);

struct content_object {
    int64_t object; /* row; 0 until stored */
    char hash[65];  /* hex SHA-256 of the content (one chunk) or of its chunk hashes */
    char md5[33];   /* hex, of the whole */
    int64_t size;
    struct str chunks; /* hex hashes joined by blanks, in the writer's or transaction's memory;
                          empty: one chunk, whose hash is `hash` */
};
/* All chunks are on disk and synced; nothing points to them yet. */
int content_finish(struct content_writer *writer, struct content_object *out, struct error *err);

/* Inside a write: makes the object's row (or finds it), touching its chunks. Sets out->object. */
int content_keep(struct store_txn *txn, struct content_object *object, struct error *err);

struct blob {
    struct str container, name;
    int64_t object;
    int64_t size;
    struct str md5; /* hex */
    struct str etag;
    struct str meta; /* JSON object: {"contentType":…, "meta":{…}} */
    int64_t created_us, updated_us;
    bool of_blocks; /* blob_put: its object was just made by content_commit_blocks */
};

/* Inside a write. `blob->object` and meta are set by the caller; etag and times are given. With
 * `only_new` an existing name is ERROR_EXISTS. */
int blob_put(struct store_txn *txn, struct blob *blob, bool only_new, struct error *err);
int blob_set_meta(struct store_txn *txn, struct blob *blob, struct error *err);
/* Errors: ERROR_NOT_FOUND. */
int blob_get(struct store_txn *txn, struct str container, struct str name, struct blob *out,
             struct error *err);
int blob_delete(struct store_txn *txn, struct str container, struct str name, struct error *err);
/* Blobs whose name begins with prefix, by name, after `after`; -1 from each ends. */
struct blob_query {
    struct str container, prefix, after;
    size_t limit;
};
typedef int blob_each(const struct blob *blob, void *context, struct error *err);
int blob_list(struct store_txn *txn, const struct blob_query *query, blob_each *each, void *context,
              struct error *err);

/* Reads objects of several chunks that nobody has read whole yet, for the SHA-256 of their bytes:
 * the same bytes may lie in other chunks, and what compares contents compares this. Takes as long
 * as reading takes; ends early when the store winds down. *out: how many it did. */
int content_complete(struct content *content, size_t *out, struct error *err);

/* Reading an object: one chunk is opened as it is, several are put together once in cache/. */
int content_open_object(struct content *content, struct store_txn *txn, int64_t object,
                        struct error *err); /* a descriptor for reading, or -1 */
/* The same in two steps, so that no snapshot is held while many chunks are put together: look up
 * inside the transaction, copy what must outlive it, open outside. */
int content_object_get(struct store_txn *txn, int64_t object, struct content_object *out,
                       struct error *err);
int content_open_chunks(struct content *content, const struct content_object *object,
                        struct error *err);

/* The files that hold an object from `offset` on, in order: a part of a large object is read
 * without putting it together. `next` gives a descriptor of the caller's and where in it the bytes
 * lie, -1 with ERROR_CORRUPT, or ERROR_NOT_FOUND behind the last. Of objects that are put together
 * already, or of very many chunks, there is one. */
struct content_parts;
struct content_parts *content_parts_open(struct content *content,
                                         const struct content_object *object, int64_t offset,
                                         struct error *err);
int content_parts_next(struct content_parts *parts, int64_t *out_offset, int64_t *out_length,
                       struct error *err);
void content_parts_free(struct content_parts **parts);

/* Staged blocks of an upload (put block); commit makes an object out of them in the given order. */
struct content_block {
    struct str container, name, block_id;
};
int content_stage(struct store_txn *txn, const struct content_block *block,
                  const struct content_object *bytes, struct error *err);
/* Which of the blocks of that id: one that waits, one the blob has, or whichever is newer. */
enum content_from { CONTENT_LATEST, CONTENT_STAGED, CONTENT_COMMITTED };
struct content_pick {
    struct str block_id;
    enum content_from from;
};
struct content_block_list {
    struct str container, name;
    const struct content_pick *picks;
    size_t count;
};
/* Errors: ERROR_INVALID naming a block that is not there. The staged rows are removed, and those of
 * the blob replaced: blob_put with `of_blocks` must follow. The row of the object is made
 * (out->object); its md5 is empty unless the same bytes were there before. */
int content_commit_blocks(struct store_txn *txn, const struct content_block_list *list,
                          struct content_object *out, struct error *err);
/* The blocks of a blob in order, or those that wait for a list by their ids. */
struct content_block_query {
    struct str container, name;
    bool staged; /* those that wait */
};
typedef int content_block_each(struct str block_id, int64_t size, void *context, struct error *err);
int content_blocks_each(struct store_txn *txn, const struct content_block_query *of,
                        content_block_each *each, void *context, struct error *err);

/* Inside a write: an object of the bytes of two, the second just finished by a writer. Sets
 * out->object. */
int content_join(struct store_txn *txn, int64_t first, const struct content_object *second,
                 struct content_object *out, struct error *err);

/* A log that grows while its attempt runs: a plain file in content/open/. Bytes are taken only at
 * the next offset, so a resend is harmless. Returns 1 taken, 0 seen before, -1 (ERROR_RANGE for a
 * gap, its message naming the wanted offset). */
int content_log_append(struct content *content, struct str key, int64_t offset, struct str bytes,
                       struct error *err);
/* Size so far, -1 when there is none; a descriptor for reading; turning it into an object, whose
 * `chunks` live until the log is dropped or the content closed. */
int64_t content_log_size(struct content *content, struct str key);
int content_log_open(struct content *content, struct str key, struct error *err);
int content_log_seal(struct content *content, struct str key, struct content_object *out,
                     struct error *err);
void content_log_drop(struct content *content, struct str key);

/* Removes what nothing names: blocks staged over a week ago, objects without a blob, chunks without
 * a reference, files without a row; each only when untouched for 24 h. Threads: any, one at a time;
 * it writes and reads in small steps, and ends early when the store winds down. */
struct content_collected {
    size_t blocks, objects, chunks, files;
    int64_t bytes; /* given back to the disk */
};
int content_collect(struct content *content, struct content_collected *out, struct error *err);
