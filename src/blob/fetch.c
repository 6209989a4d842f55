/* A block from an address: its bytes are a part of another blob of the account, read here and now.
 * Nothing is ever fetched from elsewhere (security.md 3.5). */
#include "blob/put.h"

#include "os/file.h"

#include <assert.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)(256 * KIB))

/* The source of a block, found. */
struct fetch {
    struct put *put;
    struct content_object object;
    int64_t size, first, length;
};

/* "bytes=FIRST-" or "bytes=FIRST-LAST", both counted in; without one, the whole. */
static int read_source_range(struct fetch *fetch, struct error *err)
{
    struct str text = http_header(fetch->put->call->ex, "x-ms-source-range"), first, last;
    int64_t end = INT64_MAX - 1;

    fetch->first = 0;
    if (text.len > 0 &&
        (!str_starts_fold(text, STR("bytes=")) ||
         !str_cut(str_slice(text, 6, text.len), '-', &first, &last) ||
         !str_to_int64(first, &fetch->first) || (last.len > 0 && !str_to_int64(last, &end)) ||
         fetch->first < 0 || end < fetch->first))
        return error_set(err, ERROR_INVALID, "InvalidHeaderValue",
                         "x-ms-source-range is bytes=FIRST-LAST, not '%.*s'.",
                         STR_ARG(str_slice(text, 0, 64)));
    if (text.len > 0 && fetch->first >= fetch->size)
        return error_set(err, ERROR_RANGE, "InvalidRange",
                         "The source has %lld bytes; the range begins behind them.",
                         (long long)fetch->size);
    fetch->length = (end < fetch->size ? end + 1 : fetch->size) - fetch->first;
    return 0;
}

/* The snapshot ends before the bytes are read: that may take long. */
static int find_source(struct fetch *fetch, struct error *err)
{
    struct call *call = fetch->put->call;
    struct engines *engines = call->face;
    const struct blob_target *source = &fetch->put->source;
    CLEANUP(store_read_end) struct store_txn *txn = store_read_begin(engines->store, err);
    struct blob blob;

    if (!txn)
        return -1;
    if (blob_get(txn, source->key, source->blob, &blob, err) < 0)
        return err->code != ERROR_NOT_FOUND
                   ? -1
                   : error_set(err, ERROR_NOT_FOUND, "CannotVerifyCopySource",
                               "The specified blob does not exist.");
    if (blob_check_source(call, &blob, err) < 0 ||
        content_object_get(txn, blob.object, &fetch->object, err) < 0)
        return -1;
    fetch->object.chunks = arena_str(call->arena, fetch->object.chunks);
    fetch->size = blob.size;
    return 0;
}

/* One file of the source, from where the part begins in it. */
static int take_file(struct put *put, int fd, int64_t offset, int64_t length, struct error *err)
{
    char *piece = arena_alloc(put->call->arena, PIECE_BYTES);

    assert(fd >= 0 && offset >= 0);
    while (length > 0) {
        size_t want = length < (int64_t)PIECE_BYTES ? (size_t)length : PIECE_BYTES;
        ssize_t got = pread(fd, piece, want, offset);
        if (got <= 0)
            return error_set(err, ERROR_IO, "", "The source of the block could not be read.");
        if (put->crc_tables)
            put->crc = blob_crc64(put->crc_tables, put->crc, (struct str){piece, (size_t)got});
        if (content_write(put->writer, (struct str){piece, (size_t)got}, err) < 0)
            return -1;
        offset += got;
        length -= got;
    }
    return 0;
}

int blob_fetch(struct put *put, struct error *err)
{
    struct engines *engines = put->call->face;
    struct fetch fetch = {.put = put};
    int64_t offset, size;

    assert(put->fetches && put->writer);
    if (find_source(&fetch, err) < 0 || read_source_range(&fetch, err) < 0)
        return -1;
    CLEANUP(content_parts_free)
    struct content_parts *parts =
        content_parts_open(engines->content, &fetch.object, fetch.first, err);
    if (!parts)
        return -1;
    for (int64_t left = fetch.length; left > 0; left -= size) {
        CLEANUP(fd_close) int fd = content_parts_next(parts, &offset, &size, err);
        if (fd < 0)
            return -1;
        size = size < left ? size : left;
        if (take_file(put, fd, offset, size, err) < 0)
            return -1;
    }
    return 0;
}
