/* Bytes on their way in: hashed as they come, kept in memory while they are few, so that content
 * which is there already costs no file at all. */
#include "content/content_private.h"

#include "base/buf.h"
#include "os/file.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Smaller content that is there already costs no file. */
#define MEMORY_BYTES (256 * KIB)
#define FLUSH_BYTES (4 * MIB)       /* written by the kernel while more comes */
#define LANE_FROM_BYTES (16 * MIB)  /* from here on MD5 has a thread of its own */
#define WAITING_MAX 8               /* full chunks whose sync is put off */
#define CHUNKS_CAP_BYTES (64 * MIB) /* of the list: a million chunks */

struct content_writer {
    struct content *content;
    EVP_MD_CTX *chunk_hash;
    EVP_MD_CTX *md5;
    struct lane *lane;                  /* of a large one: works on `md5` beside us */
    struct content_temporary temporary; /* of the chunk being filled, once it outgrew `memory` */
    struct buf memory;
    int64_t chunk_size; /* so far */
    int64_t size;       /* of the whole */
    struct buf chunks;  /* hashes of the full ones */
    /* Full ones that are being written to the disk: synced and named together at the end, so that
     * what follows need not wait for them. */
    struct waiting {
        struct content_temporary temporary;
        char hash[HASH_CHARS + 1];
    } waiting[WAITING_MAX];
    size_t waiting_count;
    bool finished;
};

/* Nothing is opened yet: a small body may never need a file. */
struct content_writer *content_writer_new(struct content *content, struct error *err)
{
    struct content_writer *writer = calloc(1, sizeof(*writer));

    if (!writer)
        abort();
    assert(content);
    writer->content = content;
    writer->temporary.fd = -1;
    writer->memory = buf_make(MEMORY_BYTES);
    writer->chunks = buf_make(CHUNKS_CAP_BYTES);
    writer->chunk_hash = EVP_MD_CTX_new();
    writer->md5 = EVP_MD_CTX_new();
    if (!writer->chunk_hash || !writer->md5 ||
        !EVP_DigestInit_ex(writer->chunk_hash, EVP_sha256(), NULL) ||
        !EVP_DigestInit_ex(writer->md5, EVP_md5(), NULL)) {
        content_writer_free(&writer);
        error_set(err, ERROR_INTERNAL, "", "OpenSSL gives no digests.");
    }
    return writer;
}

/* An upload that broke off leaves nothing: its chunks had no row. */
void content_writer_free(struct content_writer **out)
{
    struct content_writer *writer = *out;

    if (!writer)
        return;
    chunk_temporary_drop(writer->content, &writer->temporary);
    for (size_t i = 0; i < writer->waiting_count; i++)
        chunk_temporary_drop(writer->content, &writer->waiting[i].temporary);
    lane_end(&writer->lane);
    EVP_MD_CTX_free(writer->chunk_hash);
    EVP_MD_CTX_free(writer->md5);
    buf_free(&writer->memory);
    buf_free(&writer->chunks);
    free(writer);
    *out = NULL; /* after a finish there is nothing on the disk to drop */
}

/* Opens the file and gives it what was kept in memory. */
static int writer_spill(struct content_writer *writer, struct error *err)
{
    assert(writer->temporary.fd < 0);
    if (chunk_temporary(writer->content, &writer->temporary, err) < 0 ||
        fd_write_all(writer->temporary.fd, buf_str(&writer->memory), err) < 0)
        return -1;
    buf_clear(&writer->memory);
    return 0;
}

/* For content of ours (logs, environments): it is half of the cost of taking bytes in. */
void content_writer_skip_md5(struct content_writer *writer)
{
    assert(writer->size == 0);
    EVP_MD_CTX_free(writer->md5);
    writer->md5 = NULL;
}

/* Those that wait are on disk, under their names, afterwards. */
static int writer_place(struct content_writer *writer, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < writer->waiting_count; i++) {
        struct waiting *one = &writer->waiting[i];
        if (result == 0)
            result = chunk_place(writer->content, &one->temporary, one->hash, err);
        chunk_temporary_drop(writer->content, &one->temporary);
    }
    writer->waiting_count = 0;
    return result;
}

/* The file of the chunk being filled waits for its sync. */
static int writer_defer(struct content_writer *writer, const char *hash, struct error *err)
{
    if (writer->waiting_count == WAITING_MAX && writer_place(writer, err) < 0)
        return -1;
    struct waiting *one = &writer->waiting[writer->waiting_count++];
    fd_flush_begin(writer->temporary.fd, 0, writer->chunk_size);
    one->temporary = writer->temporary;
    memcpy(one->hash, hash, sizeof(one->hash));
    writer->temporary.fd = -1;
    return 0;
}

/* Ends the chunk being filled: it is there, or waits to be. */
static int writer_seal(struct content_writer *writer, struct error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hash[HASH_CHARS + 1];
    unsigned size = 0;

    if (!EVP_DigestFinal_ex(writer->chunk_hash, digest, &size) ||
        !EVP_DigestInit_ex(writer->chunk_hash, EVP_sha256(), NULL))
        return error_set(err, ERROR_INTERNAL, "", "OpenSSL failed to hash.");
    assert(size * 2 == HASH_CHARS);
    content_hex(digest, size, hash);
    if (chunk_present(writer->content, hash, writer->chunk_size))
        chunk_temporary_drop(writer->content, &writer->temporary);
    else if ((writer->temporary.fd < 0 && writer_spill(writer, err) < 0) ||
             writer_defer(writer, hash, err) < 0)
        return -1;
    assert(writer->temporary.fd < 0); /* put off or dropped */
    if (writer->chunks.len)
        buf_add_char(&writer->chunks, ' ');
    buf_add(&writer->chunks, str_from(hash));
    buf_clear(&writer->memory);
    writer->chunk_size = 0;
    return buf_ok(&writer->chunks, err);
}

/* MD5 of the whole, when somebody wants it: here while it is small, beside us from then on. */
static bool writer_md5(struct content_writer *writer, struct str bytes)
{
    if (!writer->md5)
        return true;
    if (!writer->lane && writer->size >= (int64_t)LANE_FROM_BYTES)
        writer->lane = lane_new(writer->md5);
    if (!writer->lane)
        return EVP_DigestUpdate(writer->md5, bytes.ptr, bytes.len) > 0;
    lane_add(writer->lane, bytes);
    return true;
}

/* Bytes that all belong to the chunk being filled. */
static int writer_fill(struct content_writer *writer, struct str bytes, struct error *err)
{
    assert(writer->chunk_size + (int64_t)bytes.len <= (int64_t)CONTENT_CHUNK_BYTES);
    if (!EVP_DigestUpdate(writer->chunk_hash, bytes.ptr, bytes.len) || !writer_md5(writer, bytes))
        return error_set(err, ERROR_INTERNAL, "", "OpenSSL failed to hash.");
    bool few = writer->temporary.fd < 0 && writer->memory.len + bytes.len <= MEMORY_BYTES;
    if (few)
        buf_add(&writer->memory, bytes);
    else if ((writer->temporary.fd < 0 && writer_spill(writer, err) < 0) ||
             fd_write_all(writer->temporary.fd, bytes, err) < 0)
        return -1;
    if (!few && writer->chunk_size / (int64_t)FLUSH_BYTES <
                    (writer->chunk_size + (int64_t)bytes.len) / (int64_t)FLUSH_BYTES)
        fd_flush_begin(writer->temporary.fd, 0, writer->chunk_size + (int64_t)bytes.len);
    writer->chunk_size += (int64_t)bytes.len;
    writer->size += (int64_t)bytes.len;
    return 0;
}

/* In any pieces. The cut into chunks depends on the bytes alone, never on how they arrived, so
 * equal content gives equal chunks. */
int content_write(struct content_writer *writer, struct str bytes, struct error *err)
{
    assert(!writer->finished);
    while (bytes.len) {
        size_t room = CONTENT_CHUNK_BYTES - (size_t)writer->chunk_size;
        struct str piece = str_slice(bytes, 0, room);
        /* A full chunk is sealed when more follows: the last one may be full, never empty. */
        if (!room) {
            if (writer_seal(writer, err) < 0)
                return -1;
            continue;
        }
        if (writer_fill(writer, piece, err) < 0)
            return -1;
        bytes = str_slice(bytes, piece.len, bytes.len);
    }
    return 0;
}

/* The last chunk is sealed, empty or not: an object of no bytes has one empty chunk. */
int content_finish(struct content_writer *writer, struct content_object *out, struct error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    assert(!writer->finished);
    if (writer_seal(writer, err) < 0 || writer_place(writer, err) < 0)
        return -1;
    if (!lane_end(&writer->lane))
        return error_set(err, ERROR_INTERNAL, "", "OpenSSL failed to hash.");
    if (writer->md5 && !EVP_DigestFinal_ex(writer->md5, digest, &size))
        return error_set(err, ERROR_INTERNAL, "", "OpenSSL failed to hash.");
    writer->finished = true;
    struct content_object object = {.size = writer->size, .chunks = buf_str(&writer->chunks)};
    if (writer->md5)
        content_hex(digest, size, object.md5);
    object_hash(object.chunks, object.hash);
    *out = object;
    return 0;
}
